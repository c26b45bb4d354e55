//! The random programs of the property tests, on the GPU and on the CPU.

#[path = "../properties/programs.rs"]
mod programs;

use super::child::{is_child, run};
use super::{cpu, gpu, is_there, turn};
use hyperslab::Context;
use programs::{Program, Rng, assert_close};
use std::ops::Range;

fn agree(gpu: &Context, seeds: Range<u64>) {
    let cpu = cpu();
    for seed in seeds {
        let mut rng = Rng::new(seed);
        let program = Program::random(&mut rng);
        let array = program.build(&mut rng).unwrap();
        let given = gpu.compute(array.clone()).unwrap_or_else(|e| panic!("seed {seed}: {program}: {e}"));
        let wanted = cpu.compute(array).unwrap();
        assert_close(given.block(), wanted.block(), &format!("seed {seed}: {program}"));
    }
}

fn seeds() -> Range<u64> {
    let count = std::env::var("HYPERSLAB_GPU_SEEDS").ok().and_then(|n| n.parse().ok());
    5000..5000 + count.unwrap_or(40)
}

#[test]
fn programs_agree_with_the_cpu() {
    let Some(_turn) = turn() else { return };
    agree(&gpu().build().unwrap(), seeds());
}

/// The child: small blocks, several threads, every GPU there is.
#[test]
fn one_schedule() {
    if is_child() {
        agree(&gpu().device("cuda:all").threads(4).block_bytes(512).build().unwrap(), seeds());
        println!("agreed");
    }
}

#[test]
fn programs_agree_under_every_schedule() {
    if is_child() || !is_there() {
        return;
    }
    for (schedule, devices) in [("eager", "2"), ("lazy", "1"), ("random:1", "2")] {
        let said = run("random::one_schedule", &[("SIMGPU_SCHED", schedule), ("SIMGPU_DEVICES", devices)]);
        assert!(said.passed && said.text.contains("agreed"), "{schedule}, {devices} GPUs: {}", said.text);
    }
}
