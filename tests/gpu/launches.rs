//! How many kernels a program takes, and how many bytes it moves.

use super::counters::Simulator;
use super::{assert_near, cpu, gpu, numbers, turn};
use hyperslab::Array;
use hyperslab::blockwise::plan::StageKind;

/// Elements of the arrays.
const N: usize = 3 << 20;

/// A program that fuses.
fn fused(x: &Array<f32>) -> Array<f32> {
    ((x * 2.0f32 + 1.0f32).abs().sqrt() - x).maximum(0.25f32)
}

#[test]
fn one_launch_per_fused_program_and_block() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.block_bytes(1 << 20).build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let x = cx.persist(&cx.from_ndarray(numbers(N)).unwrap().rechunk(&[1 << 18])).unwrap();
    let (answer, did) = sim.during(|| cx.compute(fused(&x)).unwrap());
    let tasks = cx.report().tasks;
    assert!(tasks >= 12, "{tasks} blocks");
    assert_eq!(did.launches, tasks);
    let wanted = cpu().compute(fused(&cpu().from_ndarray(numbers(N)).unwrap())).unwrap();
    assert_near(answer.as_slice().unwrap(), wanted.as_slice().unwrap(), 4.0);
}

#[test]
fn data_that_is_there_does_not_move() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let uploaded = cx.from_ndarray(numbers(N)).unwrap();
    let (_, did) = sim.during(|| cx.compute(uploaded.sum(..)).unwrap());
    assert_eq!(did.h2d_bytes, 4 * N as u64, "an array in memory goes up once");
    let persisted = cx.persist(&fused(&uploaded)).unwrap();
    for x in [uploaded, persisted] {
        let (_, did) = sim.during(|| cx.compute(x.sum(..)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 4), "a sum: {did:?}");
        let (_, did) = sim.during(|| cx.compute(x.reshape(&[-1, 1 << 10]).mean(0)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 4 << 10), "means of columns: {did:?}");
        let (_, did) = sim.during(|| cx.compute(fused(&x)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 4 * N as u64), "an elementwise program: {did:?}");
        let (_, did) = sim.during(|| cx.persist(&fused(&x)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 0), "what stays: {did:?}");
        let (_, did) = sim.during(|| cx.compute((&x - x.mean(..)).abs().max(..)).unwrap());
        assert_eq!(did.h2d_bytes, 0, "an anomaly: {did:?}");
    }
}

#[test]
fn reductions_launch_tiles_together() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let x = cx.persist(&cx.from_ndarray(numbers(N)).unwrap()).unwrap();
    for answer in [x.sum(..), x.var(..), (&x * 2.0f32).abs().max(..)] {
        let plan = cx.plan(&answer).unwrap();
        let tilings = plan.stages.iter().filter_map(|stage| match &stage.kind {
            StageKind::Reduce { parts, .. } => Some(parts[0].tiling.count()),
            _ => None,
        });
        let tiles: usize = tilings.sum();
        let (_, did) = sim.during(|| cx.compute(answer).unwrap());
        eprintln!("{tiles} tiles, {} tasks, {} launches", cx.report().tasks, did.launches);
    }
}
