//! How many kernels a program takes, and how many bytes it moves.

use super::counters::Simulator;
use super::{assert_near, cpu, gpu, numbers, small_gpu, turn};
use half::f16;
use hyperslab::blockwise::plan::StageKind;
use hyperslab::chunk::tiling::FAN_IN;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::runtime::record::Activity;
use hyperslab::{Array, Context};

/// Elements of the arrays.
const N: usize = 3 << 20;

/// Bytes that come down besides an answer, at most: the states of tiles, where they are few.
const FEW: u64 = 1 << 10;

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
fn a_profile_tells_giving_work_from_waiting_for_it() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.block_bytes(1 << 20).profile(true).build().unwrap();
    cx.compute(fused(&cx.from_ndarray(numbers(N)).unwrap().rechunk(&[1 << 18]))).unwrap();
    let times = cx.report().profile.unwrap().times;
    assert!(times.get(Activity::Launch) > 0 && times.get(Activity::Device) > 0, "{times:?}");
    assert_eq!(times.get(Activity::Compute), 0, "{times:?}");
    let cx = Context::builder().device("cpu").profile(true).build().unwrap();
    cx.compute(fused(&cx.from_ndarray(numbers(N)).unwrap())).unwrap();
    let times = cx.report().profile.unwrap().times;
    assert!(times.get(Activity::Compute) > 0, "{times:?}");
    assert_eq!(times.get(Activity::Launch) + times.get(Activity::Device), 0, "{times:?}");
}

#[test]
fn data_that_is_there_does_not_move() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let uploaded = cx.from_ndarray(numbers(N).into_shape_with_order(vec![N >> 10, 1 << 10]).unwrap()).unwrap();
    let (_, did) = sim.during(|| cx.compute(uploaded.sum(..)).unwrap());
    assert_eq!(did.h2d_bytes, 4 * N as u64, "an array in memory goes up once");
    let persisted = cx.persist(&fused(&uploaded)).unwrap();
    for x in [uploaded, persisted] {
        let (_, did) = sim.during(|| cx.compute(x.sum(..)).unwrap());
        // The host joins the states of few tiles.
        assert!(did.h2d_bytes == 0 && did.d2h_bytes <= FEW, "a sum: {did:?}");
        let (_, did) = sim.during(|| cx.compute(x.mean(0)).unwrap());
        assert!(did.h2d_bytes == 0 && did.d2h_bytes <= FEW + (4 << 10), "means of columns: {did:?}");
        let (_, did) = sim.during(|| cx.compute(fused(&x)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 4 * N as u64), "an elementwise program: {did:?}");
        let (_, did) = sim.during(|| cx.persist(&fused(&x)).unwrap());
        assert_eq!((did.h2d_bytes, did.d2h_bytes), (0, 0), "what stays: {did:?}");
        let (_, did) = sim.during(|| cx.compute((&x - x.mean(..)).abs().max(..)).unwrap());
        assert!(did.h2d_bytes <= 4, "an anomaly sends its mean: {did:?}");
    }
}

#[test]
fn products_of_16_bit_floats_round_once() {
    let (Some(_turn), cx) = (turn(), gpu()) else { return };
    let cx = cx.build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let factor = |cx: &Context, [m, n]: [usize; 2]| {
        cx.from_ndarray(numbers(m * n).into_shape_with_order(vec![m, n]).unwrap()).unwrap().cast::<f16>()
    };
    let there = |shape| cx.persist(&factor(&cx, shape)).unwrap();
    let (a, b) = (there([60, 70]), there([70, 50]));
    let (given, did) = sim.during(|| cx.compute(a.matmul(&b)).unwrap());
    // To leave out the axis of the segments takes no launch; to round would take one.
    assert_eq!((did.gemms, did.launches), (1, 0), "{did:?}");
    let wanted = cpu().compute(factor(&cpu(), [60, 70]).matmul(&factor(&cpu(), [70, 50]))).unwrap();
    for (a, b) in given.iter().zip(&wanted) {
        let (a, b) = (a.to_f32(), b.to_f32());
        assert!((a - b).abs() <= f16::EPSILON.to_f32() * b.abs().max(1.0), "{a} and {b}");
    }
}

#[test]
fn reductions_launch_tiles_together() {
    let Some(_turn) = turn() else { return };
    // As much memory as makes blocks as large as on a GPU.
    let (cx, _) = small_gpu(16 << 30);
    let Some(sim) = Simulator::find() else { return };
    let x = cx.persist(&cx.from_ndarray(numbers(N)).unwrap()).unwrap();
    let y =
        cx.persist(&cx.from_ndarray(numbers(N).into_shape_with_order(vec![N >> 6, 1 << 6]).unwrap()).unwrap()).unwrap();
    let all = |x: &Array<f32>| [x.sum(..), x.var(..), (x * 2.0f32).abs().max(..)];
    for answer in all(&x).into_iter().chain(all(&y)).chain([y.mean(0), y.std(0)]) {
        let plan = cx.plan(&answer).unwrap();
        let tilings = plan.stages.iter().filter_map(|stage| match &stage.kind {
            StageKind::Reduce { parts, .. } => Some(parts[0].tiling.count()),
            _ => None,
        });
        let tiles: usize = tilings.sum();
        let (_, did) = sim.during(|| cx.compute(answer.clone()).unwrap());
        let tasks = cx.report().tasks;
        // The tiles of a block at once, all levels of the tree in it, and the result.
        let at_most = tasks * (1 + u64::from(tiles > 1)) + 1;
        assert!(did.launches <= at_most, "{tiles} tiles in {tasks} blocks: {} launches for {answer}", did.launches);
    }
}

#[test]
fn states_of_many_tiles_come_down_as_one() {
    let Some(_turn) = turn() else { return };
    let (cx, _) = small_gpu(16 << 30);
    let Some(sim) = Simulator::find() else { return };
    // In blocks that are no nodes of the tree: 170 tiles each.
    let ones = ndarray::ArrayD::from_elem(vec![1 << 26], 1u8);
    let x = cx.persist(&cx.from_ndarray(ones).unwrap()).unwrap();
    let plan = cx.plan(&x.sum(..)).unwrap();
    let StageKind::Reduce { parts, .. } = &plan.stages[0].kind else { panic!("a reduction") };
    assert!(parts[0].tiles() > FAN_IN * FAN_IN, "{} tiles", parts[0].tiles());
    let (sum, did) = sim.during(|| cx.compute(x.sum(..)).unwrap());
    assert_eq!(sum[[]], 1 << 26);
    let tasks = cx.report().tasks;
    // The tiles of each, and all of the tree.
    assert!(tasks > 1 && did.launches == tasks + 1, "{tasks} tasks: {did:?}");
    assert_eq!((did.d2h, did.d2h_bytes), (1, 8), "one state: {did:?}");
    let (four, did) = sim.during(|| cx.compute((x.sum(..), x.std(..), x.min(..), x.max(..))).unwrap());
    assert_eq!((four.1[[]], four.2[[]], four.3[[]]), (0.0, 1, 1));
    assert!(did.launches == tasks + 1 && did.d2h == 1 && did.d2h_bytes <= 128, "{tasks} tasks: {did:?}");
}

#[test]
fn transposed_bytes_take_few_instructions() {
    let Some(_turn) = turn() else { return };
    let cx = gpu().build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let side = 1 << 10;
    let bytes = ndarray::ArrayD::from_shape_fn(vec![side, side], |i| (i[0] * 7 + i[1]) as u8);
    let x = cx.persist(&cx.from_ndarray(bytes.clone()).unwrap()).unwrap();
    let (turned, did) = sim.during(|| cx.compute(x.t()).unwrap());
    assert_eq!(turned, bytes.t());
    let each = did.instructions as f64 / (side * side) as f64;
    // A load and a store of each by itself, to shared memory and to the device's, with their addresses, take more.
    assert!(did.launches >= 1 && each < 12.0, "{each} instructions an element");
}

#[test]
fn what_is_there_takes_few_calls_of_the_driver() {
    let Some(_turn) = turn() else { return };
    let cx = gpu().threads(8).block_bytes(1 << 19).build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let square = numbers(1 << 20).into_shape_with_order(vec![1 << 10, 1 << 10]).unwrap();
    let x = cx.persist(&cx.from_ndarray(square).unwrap().rechunk(&[128, 1 << 10])).unwrap();
    // Most of them look whether the thread's context is the right one. Per block, and besides.
    let calls = |name: &str, (each, once): (u64, u64), compute: &dyn Fn()| {
        compute();
        // Small buffers come back. How many are out at once is chance, so that one run may need more than those before
        // it; all runs together do not.
        let runs = (0..8).map(|_| {
            let ((), did) = sim.during(compute);
            let tasks = cx.report().tasks;
            assert!(tasks >= 8 && did.d2h <= tasks && did.synchronizations <= tasks, "{name}: {did:?}");
            (did.calls <= each * tasks + once && did.allocations <= tasks / 4, tasks, did)
        });
        let runs: Vec<_> = runs.collect();
        assert!(runs.iter().any(|(few, ..)| *few), "{name}: {runs:?}");
    };
    calls("a sum", (18, 32), &|| drop(cx.compute(x.sum(..)).unwrap()));
    calls("sums of columns", (20, 48), &|| drop(cx.compute(x.sum(0)).unwrap()));
    calls("deviations of rows", (18, 32), &|| drop(cx.compute(x.std(1)).unwrap()));
    let four = || (x.mean(..), x.std(..), x.min(..), x.max(..));
    calls("four statistics", (18, 32), &|| drop(cx.compute(four()).unwrap()));
    calls("an anomaly", (23, 48), &|| drop(cx.compute((&x - x.mean(0)).abs().mean(1)).unwrap()));
}

#[test]
fn products_are_computed_once_though_blocks_cut_their_cells() {
    let Some(_turn) = turn() else { return };
    let (cx, _) = small_gpu(64 << 20);
    let x = (cx.arange(1 << 22).unwrap() % 1000_i64).cast::<f32>().reshape(&[2048, 2048]);
    let text = cx.explain(x.matmul(&x).mean(..), Stage::Tasks).unwrap();
    let products = text.lines().next().unwrap_or_default();
    assert!(products.contains("blocks (1, 2048, 2048)") && text.contains("is computed once and kept"), "{text}");
}
