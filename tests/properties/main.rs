//! Random programs over random shapes and chunks: the answer never depends on how it is computed.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    clippy::panic,
    clippy::range_plus_one,
    clippy::should_implement_trait,
    unreachable_pub,
    reason = "a test binary: small numbers, failures that say what they were"
)]

mod families;
mod programs;

use hyperslab::cpu::device::CpuDevice;
use hyperslab::device::fake::{FakeDevice, Schedule};
use hyperslab::device::memory::Memory;
use hyperslab::{Array, Context, Error};
use programs::{Program, Rng};
use std::sync::Arc;

/// Contexts that must all give the same bytes.
fn contexts() -> Vec<(&'static str, Context)> {
    let build = |threads: usize, block: Option<u64>, memory: &str| {
        let mut builder = Context::builder().threads(threads).memory(memory).device("cpu");
        if let Some(bytes) = block {
            builder = builder.block_bytes(bytes);
        }
        builder
    };
    vec![
        ("one thread", build(1, None, "1GiB").build().unwrap()),
        ("four threads, tiny blocks", build(4, Some(64), "1GiB").build().unwrap()),
        ("two threads, small budget", build(2, Some(1024), "16MiB").build().unwrap()),
        ("unoptimized", build(2, Some(256), "1GiB").unoptimized().build().unwrap()),
        ("a lazy device", build(4, Some(1024), "1GiB").custom_device(fake(3, Schedule::Lazy)).build().unwrap()),
        ("a random device", build(2, None, "1GiB").custom_device(fake(2, Schedule::Random(7))).build().unwrap()),
    ]
}

/// A device as asynchronous as a GPU, which computes what the CPU computes.
fn fake(streams: usize, schedule: Schedule) -> Arc<FakeDevice> {
    let cpu = CpuDevice::new(Memory::new(1 << 30));
    Arc::new(FakeDevice::new(
        streams,
        schedule,
        Arc::new(move |kernel, region, views| cpu.execute(kernel, region, views)),
    ))
}

fn bytes(cx: &Context, array: &Array) -> Result<Vec<u8>, Error> {
    Ok(cx.compute(array.clone())?.block().bytes().to_vec())
}

#[test]
fn bits_do_not_depend_on_threads_blocks_budget_or_the_optimizer() {
    let contexts = contexts();
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let program = Program::random(&mut rng);
        let array = program.build(&mut rng).unwrap();
        let (_, first) = &contexts[0];
        let want = bytes(first, &array).unwrap_or_else(|e| panic!("seed {seed}: {program}: {e}"));
        for (name, cx) in &contexts[1..] {
            let got = bytes(cx, &array).unwrap_or_else(|e| panic!("seed {seed}, {name}: {program}: {e}"));
            assert_eq!(got, want, "seed {seed}, {name}: {program}\n{array}");
        }
    }
}

#[test]
fn chunks_do_not_matter() {
    let cx = Context::builder().threads(2).device("cpu").build().unwrap();
    for seed in 1000..1200 {
        let program = Program::random(&mut Rng::new(seed));
        let chunked = program.build(&mut Rng::new(seed)).unwrap();
        let whole = program.build_whole().unwrap();
        let (a, b) = (cx.compute(chunked).unwrap(), cx.compute(whole).unwrap());
        programs::assert_close(a.block(), b.block(), &format!("seed {seed}: {program}"));
    }
}

#[test]
fn memory_stays_under_what_was_projected() {
    for seed in 2000..2060 {
        let cx = Context::builder().threads(3).memory("64MiB").block_bytes(4096).device("cpu").build().unwrap();
        let mut rng = Rng::new(seed);
        let program = Program::random(&mut rng);
        let array = program.build(&mut rng).unwrap();
        cx.compute(array).unwrap();
        let report = cx.report();
        assert!(
            report.peak_bytes <= report.projected_bytes,
            "seed {seed}: {program}: {} lived, {} projected",
            report.peak_bytes,
            report.projected_bytes
        );
    }
}
