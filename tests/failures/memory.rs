//! A run takes what was projected, and reads what it must: 200 MB through 16 MiB.

use super::synthetic::{Fault, Synthetic, value};
use hyperslab::array::compute::Compute;
use hyperslab::array::histogram::Options;
use hyperslab::array::lookup::Side;
use hyperslab::op::regional::Method;
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use std::path::PathBuf;
use std::sync::Arc;

const ROWS: usize = 6250;
const COLUMNS: usize = 8000;

fn source() -> (Array<f32>, Arc<Synthetic>) {
    Synthetic::new(ROWS, COLUMNS, [250, 500]).into_array()
}

fn small() -> Context {
    Context::builder().threads(2).memory("16MiB").device("cpu").build().unwrap()
}

/// Computes it within 16 MiB.
fn run<C: Compute>(cx: &Context, what: C) -> C::Output {
    let out = cx.compute(what).unwrap();
    let report = cx.report();
    let (peak, projected, budget) = (report.peak_bytes, report.projected_bytes, cx.memory().budget());
    assert!(peak <= projected, "{peak} bytes lived, {projected} were projected");
    assert!(projected <= budget, "{projected} bytes projected, the budget is {budget}");
    out
}

fn scratch(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// Some elements of a stored array.
fn spot_check(path: &std::path::Path, expect: impl Fn(usize, usize) -> f32) {
    let cx = small();
    let y = cx.open(path).unwrap().try_typed::<f32>().unwrap();
    let shape = y.shape().known().unwrap();
    let part = cx.compute(y.slice((.., 997)).slice(vec![(..).into(), (.., 991).into()])).unwrap();
    for ((i, j), got) in part.into_dimensionality::<ndarray::Ix2>().unwrap().indexed_iter() {
        assert_eq!(*got, expect(997 * i, 991 * j), "({}, {}) of {shape:?}", 997 * i, 991 * j);
    }
}

fn column_mean(j: usize) -> f32 {
    ((0..ROWS).map(|i| f64::from(value(i, j))).sum::<f64>() / ROWS as f64) as f32
}

#[test]
fn a_mean_reads_each_chunk_once() {
    let (x, store) = source();
    let mean = run(&small(), x.mean(0));
    assert_eq!(store.reads(), (1, 1));
    assert!((0..COLUMNS).all(|j| (mean[[j]] - column_mean(j)).abs() < 1e-5));
}

#[test]
fn several_summaries_read_each_chunk_once() {
    let (x, store) = source();
    let (mean, std, max) = run(&small(), (x.mean(..), x.std(0), x.max(1)));
    assert_eq!(store.reads(), (1, 1));
    assert!((mean[[]] - 50.0).abs() < 0.01);
    assert!(std.iter().all(|s| (s - 29.15).abs() < 0.2));
    assert!(max.iter().all(|&m| m == 100.0));
}

#[test]
fn an_elementwise_store_reads_each_chunk_once() {
    for name in ["o.npy", "o.zarr"] {
        let (x, store) = source();
        let (_folder, path) = scratch(name);
        run(&small(), (&x * 2.0 + 1.0).store(&path, Create::new().codec("none")));
        assert_eq!(store.reads(), (1, 1), "{name}");
        spot_check(&path, |i, j| value(i, j) * 2.0 + 1.0);
    }
}

#[test]
fn an_anomaly_reads_each_chunk_twice() {
    let (x, store) = source();
    let (_folder, path) = scratch("o.zarr");
    run(&small(), (&x - x.mean(0)).store(&path, Create::new().codec("none")));
    assert_eq!(store.reads(), (2, 2));
    let mean: Vec<f32> = (0..COLUMNS).map(column_mean).collect();
    let cx = small();
    let y = cx.open(&path).unwrap().try_typed::<f32>().unwrap();
    let row = cx.compute(y.slice(77)).unwrap();
    assert!((0..COLUMNS).all(|j| (row[[j]] - (value(77, j) - mean[j])).abs() < 1e-4));
}

#[test]
fn a_transposed_store_reads_each_chunk_once() {
    for name in ["o.npy", "o.zarr"] {
        let (x, store) = source();
        let (_folder, path) = scratch(name);
        run(&small(), x.t().store(&path, Create::new().codec("none")));
        assert_eq!(store.reads(), (1, 1), "{name}");
        spot_check(&path, |i, j| value(j, i));
    }
}

#[test]
fn a_rechunked_store_reads_chunks_a_few_times() {
    let (x, store) = source();
    let (_folder, path) = scratch("o.zarr");
    run(&small(), x.store(&path, Create::new().chunks([ROWS, 50]).codec("none")));
    assert!(store.reads().1 <= 10, "a chunk was read {} times", store.reads().1);
    spot_check(&path, value);
}

#[test]
fn a_slow_first_chunk_does_not_pile_up_states() {
    // Every row of chunks has partial results of 64 KiB; the first comes last.
    let (x, _) = Synthetic::new(2000, 8000, [20, 8000]).with([0, 0], Fault::Slow(99)).into_array();
    let cx = Context::builder().threads(2).memory("16MiB").device("cpu").build().unwrap();
    let std = run(&cx, x.std(0));
    assert!(std.iter().all(|s| (s - 29.15).abs() < 0.5));
}

#[test]
fn medians_across_the_grain_read_each_chunk_once() {
    // Rows of chunks, and blocks of medians that each need part of every row.
    let (x, store) = Synthetic::new(ROWS, COLUMNS, [10, COLUMNS]).into_array();
    let median = run(&small(), x.median(0));
    assert_eq!(store.reads(), (1, 1));
    let of_column = |j: usize| {
        let mut column: Vec<f32> = (0..ROWS).map(|i| value(i, j)).collect();
        column.sort_by(f32::total_cmp);
        (column[(ROWS - 1) / 2] + column[ROWS / 2]) / 2.0
    };
    assert!((0..COLUMNS).step_by(97).all(|j| median[[j]] == of_column(j)));
}

/// The bytes of an answer, computed within 24 MiB and stored, and those of it in memory.
fn both(what: &Array) -> (Vec<u8>, Vec<u8>) {
    let (_folder, path) = scratch("o.zarr");
    let cx = Context::builder().threads(2).memory("24MiB").device("cpu").build().unwrap();
    let chunk: Vec<usize> = what.shape().known().unwrap().iter().map(|&n| n.min(100_000)).collect();
    run(&cx, what.store(&path, Create::new().chunks(chunk).codec("none")));
    let large = Context::builder().threads(2).memory("2GiB").device("cpu").build().unwrap();
    let stored = large.compute(large.open(&path).unwrap()).unwrap();
    (stored.block().bytes().to_vec(), large.compute(what.clone()).unwrap().block().bytes().to_vec())
}

#[test]
fn lines_longer_than_memory_are_sorted_on_disk() {
    // 102 MB through 24 MiB, with many equal elements.
    let (x, _) = Synthetic::new(3200, 8000, [25, 8000]).into_array();
    let line = x.into_dyn().reshape(&[-1]);
    for what in [line.sort(0), line.argsort(0), line.topk(1_000_000, 0), line.argtopk(-2_000_000, 0)] {
        let (disk, memory) = both(&what);
        assert!(disk == memory, "{what:?}");
    }
    let (disk, memory) = both(&line.try_quantiles([0.0, 0.1, 0.5, 1.0], .., Method::Linear, false).unwrap());
    assert_eq!(disk, memory);
    let (disk, memory) = both(&line.median(..));
    assert_eq!(disk, memory);
}

/// The most memory this process ever held, in bytes.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// Runs in a process of its own, see below.
#[test]
fn alone() {
    let Ok(what) = std::env::var("HYPERSLAB_TEST_ALONE") else { return };
    if what == "copy" {
        return copy_alone();
    }
    let (x, _) = source();
    let (_folder, path) = scratch("o.zarr");
    hyperslab::device::block::return_large_blocks();
    let before = high_water();
    let cx = small();
    if what == "sort" {
        cx.compute(x.reshape(&[-1]).sort(0).store(&path, Create::new().chunks([100_000]))).unwrap();
    } else {
        let stored = (&x - x.mean(0)).store(&path, Create::new());
        cx.compute((stored, x.std(1))).unwrap();
    }
    let grown = high_water() - before;
    assert!(grown < 40 << 20, "the process grew by {grown} bytes");
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_stays_small_too() {
    for what in ["anomaly", "sort"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let command = command.args(["--exact", "memory::alone", "--nocapture"]).env("HYPERSLAB_TEST_ALONE", what);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// Copies chunks of 2 MB, of which memory holds a few, on many threads.
fn copy_alone() {
    let [from, to] = ["FROM", "TO"].map(|name| std::env::var(format!("HYPERSLAB_TEST_{name}")).unwrap());
    let before = high_water();
    let cx = Context::builder().threads(16).memory("16MiB").device("cpu").build().unwrap();
    let mut how = Create::new();
    how.encoding = hyperslab::store::open(&from).unwrap().coding();
    cx.compute(cx.open(&from).unwrap().store(&to, how)).unwrap();
    let (report, grown) = (cx.report(), high_water() - before);
    assert!(report.bytes_copied + report.bytes_read > 90 << 20, "nothing was copied as it is stored");
    assert!(report.projected_bytes <= 16 << 20 && grown < 40 << 20, "the process grew by {grown} bytes");
}

#[test]
#[cfg(target_os = "linux")]
fn copying_chunks_keeps_to_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let cx = Context::builder().threads(2).memory("64MiB").device("cpu").build().unwrap();
    let noise: Array<i64> = cx.rng(1).integers(0_i64, i64::MAX, &[48, 250_000]).unwrap();
    // Chunks that are stored as they are, and some that a filter did not make smaller, which are decoded and encoded
    // anew.
    for (from, codec, to) in [("a.zarr/x", "none", "b.zarr/x"), ("a.h5/x", "lzf", "b.h5/x")] {
        let [from, to] = [from, to].map(|name| folder.path().join(name));
        let noise = noise.store(&from, Create::new().chunks([1, 250_000]).codec(codec));
        cx.compute(noise).unwrap();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let command = command.args(["--exact", "memory::alone", "--nocapture"]).env("HYPERSLAB_TEST_ALONE", "copy");
        let done = command.env("HYPERSLAB_TEST_FROM", &from).env("HYPERSLAB_TEST_TO", &to).output().unwrap();
        assert!(done.status.success(), "{codec}: {}", String::from_utf8_lossy(&done.stderr));
        let (there, here) = (cx.open(&from).unwrap(), cx.open(&to).unwrap());
        let same = cx.compute(there.equal(&here).all(..)).unwrap();
        assert!(same.to_ndarray::<bool>().unwrap()[[]], "{codec}");
    }
}

#[test]
fn a_histogram_in_a_range_reads_each_chunk_once() {
    let (x, store) = source();
    let options = Options { range: vec![Some([0.0, 101.0])], ..Options::default() };
    let (counts, edges) = x.histogram(101, &options).unwrap();
    let (counts, _) = run(&small(), (counts, edges));
    assert_eq!(store.reads(), (1, 1));
    let mut expect = vec![0i64; 101];
    (0..ROWS).for_each(|i| (0..COLUMNS).for_each(|j| expect[value(i, j) as usize] += 1));
    assert_eq!(counts.to_ndarray::<i64>().unwrap().as_slice().unwrap(), expect);
    // Its range is found first.
    let (x, store) = source();
    let (counts, edges) = x.histogram(4, &Options::default()).unwrap();
    let (counts, edges) = run(&small(), (counts, edges));
    assert_eq!(store.reads(), (2, 2));
    assert_eq!(edges.to_ndarray::<f32>().unwrap().as_slice().unwrap(), &[0.0, 25.0, 50.0, 75.0, 100.0]);
    assert_eq!(counts.to_ndarray::<i64>().unwrap().sum(), (ROWS * COLUMNS) as i64);
}

#[test]
fn counting_numbers_takes_no_more_memory_than_their_counts() {
    let (x, _) = source();
    let counts = run(&small(), x.cast::<i64>().ravel().bincount(103));
    let mut expect = vec![0i64; 103];
    (0..ROWS).for_each(|i| (0..COLUMNS).for_each(|j| expect[value(i, j) as usize] += 1));
    assert_eq!(counts.as_slice().unwrap(), expect);
}

#[test]
fn elements_are_looked_up_chunk_by_chunk() {
    let (x, store) = source();
    let (_folder, path) = scratch("o.npy");
    let edges = small().from_ndarray(ndarray::Array1::from_iter((0..50).map(|i| 2.0 * i as f32)).into_dyn()).unwrap();
    let places = edges.searchsorted(&x, Side::Right).cast::<f32>();
    run(&small(), places.store(&path, Create::new().codec("none")));
    assert_eq!(store.reads(), (1, 1));
    spot_check(&path, |i, j| ((value(i, j) / 2.0).floor() + 1.0).min(50.0));
}

#[test]
fn rows_of_a_mask_are_read_once_to_count_and_once_to_keep() {
    let (x, store) = source();
    let (_folder, path) = scratch("o.npy");
    let heavy = x.slice(ndarray::s![.., 0]).greater(50.0f32);
    run(&small(), x.compress(&heavy, 0).store(&path, Create::new().codec("none")));
    let kept: Vec<usize> = (0..ROWS).filter(|&i| value(i, 0) > 50.0).collect();
    let rows = Context::default().open(&path).unwrap().try_typed::<f32>().unwrap();
    assert_eq!(rows.shape().known().unwrap(), [kept.len(), COLUMNS]);
    spot_check(&path, |i, j| value(kept[i], j));
    let (_, most) = store.reads();
    assert!(most <= 3, "a chunk was read {most} times");
}

#[test]
fn places_are_read_by_chunk() {
    let (x, store) = source();
    let (_folder, path) = scratch("o.npy");
    // Every fifth row, from the last to the first.
    let places: Vec<i64> = (0..ROWS as i64).rev().step_by(5).collect();
    let places = small().from_ndarray(ndarray::Array1::from(places).into_dyn()).unwrap();
    run(&small(), x.take(&places, 0).store(&path, Create::new().codec("none")));
    spot_check(&path, |i, j| value(ROWS - 1 - 5 * i, j));
    let (_, most) = store.reads();
    assert!(most <= 2, "a chunk was read {most} times");
}
