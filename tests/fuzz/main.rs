//! Random damage to everything that is parsed: it ends in an answer or an error, soon, and in little memory.
//!
//! Every target takes seeds, real files and texts, and damages them in ways that repeat from run to run. A target runs
//! for `HYPERSLAB_FUZZ_SECONDS` (0.8 where that is not set). What it is given is written to a file before it is tried
//! and named when something goes wrong, with the number by which it comes again.

mod counting;
mod files;
mod hdf5_chunks;
mod mutate;
mod texts;
mod zarr;

use counting::Counted;
use hyperslab::{Context, Error};
use mutate::Random;
use parking_lot::{Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The budget of the context that reads damaged files.
const BUDGET: usize = 64 << 20;

/// What may live beside the budget: metadata, decoders and their tables, the text of errors.
const BESIDE: usize = 64 << 20;

/// No input takes longer, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(20);

fn seconds() -> Duration {
    let wanted = std::env::var("HYPERSLAB_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs_f64(wanted.unwrap_or(0.8))
}

/// One target at a time: memory is counted for the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock()
}

/// The context that every target computes in.
fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(|| Context::builder().threads(1).memory("64MiB").device("cpu").build().unwrap())
}

/// Calls `target` with one damaged input after the other until the time is up. The target gets a random source, does
/// one thing, and says what was in it.
fn fuzz(name: &str, mut target: impl FnMut(&mut Random) -> Result<(), Error>) {
    let _alone = alone();
    let watch = watch(name);
    let begin = Instant::now();
    let (mut tried, mut refused, mut number) = (0u32, 0u32, 0u64);
    // A warm-up, so that what lives from then on is not counted.
    let _ = target(&mut Random::new(u64::MAX));
    while begin.elapsed() < seconds() {
        number += 1;
        watch.send(number).unwrap();
        let counted = Counted::start();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&mut Random::new(number))));
        let most = counted.most();
        match outcome {
            Err(_) => panic!("{name}: input {number} panics"),
            Ok(Err(error)) => {
                let text = error.to_string();
                assert!(!text.is_empty() && !text.contains("a bug in hyperslab"), "{name}: input {number}: {text}");
                assert!(!text.contains("panicked"), "{name}: input {number}: {text}");
                refused += 1;
            }
            Ok(Ok(())) => {}
        }
        assert!(most <= BUDGET + BESIDE, "{name}: input {number} takes {most} bytes");
        tried += 1;
    }
    drop(watch);
    eprintln!("{name}: {tried} inputs, {refused} refused");
    assert!(tried > 10, "{name}: only {tried} inputs were tried");
}

/// Ends the process when one input takes too long; a hang cannot be caught otherwise.
fn watch(name: &str) -> Sender<u64> {
    let (tell, told) = channel();
    let name = name.to_owned();
    std::thread::spawn(move || {
        let mut last = 0;
        loop {
            match told.recv_timeout(LONGEST) {
                Ok(number) => last = number,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("{name}: input {last} takes more than {LONGEST:?}");
                    std::process::abort();
                }
            }
        }
    });
    tell
}
