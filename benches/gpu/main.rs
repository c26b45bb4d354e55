//! What a GPU reaches: a line of JSON per case, for `scripts/gpu-report`.
//!
//! `kernels.rs` launches kernels on resident data, `arrays.rs` computes arrays through the public interface. Cases are
//! timed from the host over as many calls as take a few milliseconds, and end in a synchronisation. The first argument
//! picks one of them, the second names cases, with commas between. `BENCH_N` sets the number of elements, `BENCH_GEMM`
//! the side of matrices.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "times and sizes of a benchmark"
)]
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod arrays;
mod kernels;

use hyperslab::Result;
use std::time::Instant;

/// Timed repetitions of a case.
const REPETITIONS: usize = 20;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Whether a case is asked for: all are, unless the second argument names some.
fn is_wanted(name: &str) -> bool {
    std::env::args().nth(2).is_none_or(|names| names.split(',').any(|wanted| wanted == name))
}

/// Times `call`, which moves `bytes` and does `flops`; `finish` waits for what it has enqueued.
fn case(name: &str, (bytes, flops): (usize, usize), call: &dyn Fn() -> Result<()>, finish: &dyn Fn() -> Result<()>) {
    if !is_wanted(name) {
        return;
    }
    match times(call, finish) {
        Ok(times) => {
            let at = |part: usize| times[times.len() * part / 10];
            println!(
                "{{\"who\": \"ours\", \"name\": \"{name}\", \"bytes\": {bytes}, \"flops\": {flops}, \
                 \"ms\": {:.5}, \"p10\": {:.5}, \"p90\": {:.5}}}",
                at(5),
                at(1),
                at(9)
            );
        }
        Err(why) => failed(name, &why),
    }
}

fn failed(name: &str, why: &hyperslab::Error) {
    println!("{{\"who\": \"ours\", \"name\": \"{name}\", \"error\": {:?}}}", why.to_string());
}

/// Milliseconds a call takes, sorted.
fn times(call: &dyn Fn() -> Result<()>, finish: &dyn Fn() -> Result<()>) -> Result<Vec<f64>> {
    for _ in 0..3 {
        call()?;
    }
    finish()?;
    let begin = Instant::now();
    call()?;
    finish()?;
    let one = begin.elapsed().as_secs_f64();
    let each = ((5e-3 / one.max(1e-6)) as usize).clamp(1, 50);
    let repetitions = if one > 0.2 { 3 } else { REPETITIONS };
    let mut times = Vec::with_capacity(repetitions);
    for _ in 0..repetitions {
        let begin = Instant::now();
        for _ in 0..each {
            call()?;
        }
        finish()?;
        times.push(1e3 * begin.elapsed().as_secs_f64() / each as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn main() {
    let n = setting("BENCH_N", 1 << 28);
    for (what, run) in [("kernels", kernels::run as fn(usize) -> Result<()>), ("arrays", arrays::run)] {
        if std::env::args().nth(1).is_none_or(|only| only == what)
            && let Err(why) = run(n)
        {
            failed(what, &why);
        }
    }
}
