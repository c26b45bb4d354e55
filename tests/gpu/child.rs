//! Tests of this binary in a process of their own, with settings of the stand-in that are read once a process.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Set for children.
const MARK: &str = "HYPERSLAB_GPU_TEST_CHILD";

/// The longest that a child may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this process is a child; tests that only children run do nothing elsewhere.
pub fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// What a child said, and whether it passed.
pub struct Said {
    pub passed: bool,
    pub text: String,
}

/// Runs the test `name` (`module::function`) with these environment variables. Fails where it does not end.
pub fn run(name: &str, settings: &[(&str, &str)]) -> Said {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(MARK, "1");
    command.env("HYPERSLAB_KERNEL_CACHE", super::kernels()).envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (out, err) = (text_of(child.stdout.take().unwrap()), text_of(child.stderr.take().unwrap()));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{name} with {settings:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = format!("{}{}", out.join().unwrap(), err.join().unwrap());
    assert!(!text.contains("running 0 tests"), "there is a test {name}");
    Said { passed: status.success(), text }
}

/// All that comes out of `from`, read by a thread so that a child is never held up.
fn text_of(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
