//! NVRTC compiles the corpus.
//!
//! Skipped, saying so, where NVRTC is missing; with `HYPERSLAB_REQUIRE_NVRTC` set that is a failure. `scripts/nvrtc-check`
//! fetches NVRTC and runs this.

use super::corpus::{Entry, entries, preludes};
use hyperslab::cuda::compile::{self, Target};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Hopper, for which every kernel is compiled.
const MAIN: i32 = 90;

/// Turing, Ampere and Blackwell, for which kernels are compiled that differ by more than conversions around them.
const OTHERS: [i32; 3] = [75, 80, 100];

/// Kernels of one NVRTC program.
const BATCH: usize = 48;

/// The kernels of a batch whose registers do not fit, with what the assembler said.
fn spills(batch: &[Entry], log: &str) -> Vec<String> {
    let mut function = "";
    let mut found = Vec::new();
    for line in log.lines() {
        if let Some((_, name)) = line.split_once("Function properties for ") {
            function = name.trim();
        }
        if line.contains("bytes spill") && !line.contains(", 0 bytes spill stores, 0 bytes spill loads") {
            let entry = batch.iter().find(|e| function.starts_with(&e.name));
            let label = entry.map_or(function, |e| e.label.as_str());
            found.push(format!("{label}: {}", line.trim()));
        }
    }
    found
}

/// Compiles one batch; a failure names the kernels and the message.
fn check(batch: &[Entry], architecture: i32) -> Result<usize, String> {
    let text: String = batch.iter().map(|e| e.text.as_str()).collect();
    let source = preludes() + &text;
    let labels = || batch.iter().map(|e| e.label.as_str()).collect::<Vec<_>>().join("; ");
    let done = compile::compile(&source, Target::Sm(architecture), &["--ptxas-options=-v"])
        .map_err(|e| format!("sm_{architecture}: {e}\nin a batch of {}", labels()))?;
    let spills = spills(batch, &done.log);
    if !spills.is_empty() {
        return Err(format!("sm_{architecture}: registers spill: {}", spills.join("; ")));
    }
    if !done.image.starts_with(b"\x7fELF") {
        return Err(format!("sm_{architecture}: no cubin for {}", labels()));
    }
    Ok(batch.iter().map(|e| e.kernels).sum())
}

#[test]
fn every_kernel_compiles_for_every_architecture_without_spills() {
    if !compile::is_available() {
        let required = std::env::var_os("HYPERSLAB_REQUIRE_NVRTC").is_some();
        assert!(!required, "NVRTC is required and not on the library path");
        eprintln!("skipped: no NVRTC on the library path; scripts/nvrtc-check fetches it");
        return;
    }
    let begin = Instant::now();
    let entries = entries();
    let known = compile::architectures().unwrap();
    let (core, rest): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|e| e.core);
    let everywhere = core.chunks(BATCH).flat_map(|b| OTHERS.iter().map(move |&a| (b, a)));
    let main = core.chunks(BATCH).chain(rest.chunks(BATCH)).map(|b| (b, MAIN));
    let work: Vec<(&[Entry], i32)> = main.chain(everywhere).collect();
    assert!(OTHERS.iter().chain([&MAIN]).all(|a| known.contains(a)), "this NVRTC compiles for {known:?}");
    let (next, compiled, failures) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(batch, architecture)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match check(batch, architecture) {
                        Ok(n) => drop(compiled.fetch_add(n, Ordering::Relaxed)),
                        Err(why) => failures.lock().unwrap().push(why),
                    }
                }
            });
        }
    });
    let kernels: usize = core.iter().chain(&rest).map(|e| e.kernels).sum();
    let version = compile::version().unwrap();
    eprintln!(
        "NVRTC {}.{}: {kernels} kernels, {} compilations for sm_{MAIN} and {OTHERS:?} in {:.1} s",
        version.0,
        version.1,
        compiled.load(Ordering::Relaxed),
        begin.elapsed().as_secs_f64()
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} batches failed:\n{}", failures.len(), failures.join("\n\n"));
}
