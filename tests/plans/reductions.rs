//! Maps run inside reductions, reductions share passes, slices go below them.

use super::Files;
use hyperslab::op::reduction::Params;
use hyperslab::runtime::pipeline::Stage;
use insta::assert_snapshot;

#[test]
fn a_map_runs_inside_the_reduction() {
    let files = Files::new();
    let t = files.t();
    let energy = (&t * &t + 1.0).sum(0);
    assert_snapshot!(files.show(energy.clone(), Stage::Plan), @r"
    0: blockwise (a * a)  over (1000, 600) in (100, 300) (on demand)
       a <- t.zarr  float32
    1: blockwise (a + 1)  over (1000, 600) in (100, 300) (on demand)
       a <- stage 0  float32
    2: reduce sum(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- stage 1  float32
    ");
    assert_snapshot!(files.plan(energy), @r"
    0: reduce sum(((a * a) + 1)) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 359 KiB a task, 7 KiB held
    8 tasks, 2.3 MiB to read, 1.1 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn reductions_of_one_array_share_one_read() {
    let files = Files::new();
    let t = files.t();
    let what = (t.mean(..), t.std(..), t.min(0), t.max(1));
    assert_snapshot!(files.show(what.clone(), Stage::Fused), @r"
    0: reduce mean(a) over axes (0, 1) in tiles (200, 600); std(a) over axes (0, 1) in tiles (200, 600); min(a) over axes (0,) in tiles (300, 600); max(a) over axes (1,) in tiles (1000, 600)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
    ");
    assert_snapshot!(files.show(what, Stage::Tasks), @r"
    sweep of stage 0 over (1000, 600): 2 tasks of blocks (600, 600), 1.4 MiB a task, 12.5 KiB held
    2 tasks, 2.3 MiB to read, 2.8 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn an_anomaly_decodes_once_where_that_fits_and_holds_only_the_mean() {
    let files = Files::new();
    let t = files.t();
    let anomaly = (&t - t.mean(0)).store(files.path("o.zarr"), hyperslab::store::Create::new());
    assert_snapshot!(files.plan(anomaly), @r"
    0: reduce mean(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: blockwise (a - b)  over (1000, 600) in (100, 300) -> stored
       a <- t.zarr  float32
       b <- stage 0 [0, i1] of rank 2  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 359 KiB a task, 7 KiB held
    sweep of stage 1 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 7 KiB held
    18 tasks, 2.3 MiB to read, 4.0 MiB of memory projected, budget 1 GiB
    t.zarr is decoded once for 2 sweeps and held (2.6 MiB)
    ");
}

#[test]
fn the_root_mean_square_of_an_anomaly_holds_no_anomaly() {
    let files = Files::new();
    let t = files.t();
    let anomaly = (&t - t.mean(0)).into_dyn();
    assert_snapshot!(files.plan(anomaly.try_reduce("rms", 0, Params::default()).unwrap()), @r"
    0: reduce mean(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: reduce rms((a - b)) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
       b <- stage 0 [0, i1] of rank 2  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 359 KiB a task, 7 KiB held
    sweep of stage 1 over (1000, 600): 8 tasks of blocks (300, 300), 359 KiB a task, 14.1 KiB held
    16 tasks, 2.3 MiB to read, 3.6 MiB of memory projected, budget 1 GiB
    t.zarr is decoded once for 2 sweeps and held (2.6 MiB)
    ");
}

#[test]
fn mean_and_std_of_a_score_share_one_pass() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.plan((&t - t.mean(0)) / t.std(0)), @r"
    0: reduce mean(a) over axes (0,) in tiles (300, 600); std(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: blockwise ((a - b) / c)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
       b <- stage 0 [0, i1] of rank 2  float32
       c <- stage 0.1 [0, i1] of rank 2  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 380 KiB a task, 23.4 KiB held
    sweep of stage 1 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 2.3 MiB held
    18 tasks, 2.3 MiB to read, 6.3 MiB of memory projected, budget 1 GiB
    t.zarr is decoded once for 2 sweeps and held (2.6 MiB)
    ");
}

#[test]
fn slices_go_below_reductions() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.show(t.sum(0).slice(7), Stage::Simplified), @r"
    #0 view [0, 0] of rank 0  float32 () chunks ()
      #1 sum over axes (0,)  float32 (1, 1) chunks (1, 1)
        #2 view [i0, i1+7] of rank 2  float32 (1000, 1) chunks (100, 1)
          #3 read t.zarr  float32 (1000, 600) chunks (100, 300)
    ");
    assert_snapshot!(files.plan(t.mean(1).slice(7..20)), @r"
    0: reduce mean(a) over axes (1,) in tiles (13, 600)  over (13, 600) in (13, 300) -> answer
       a <- t.zarr [i0+7, i1] of rank 2  float32
    sweep of stage 0 over (13, 600): 1 task of blocks (13, 600), 152 KiB a task, 156 B held
    1 task, 234 KiB to read, 153 KiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn a_reduction_that_is_read_twice_stays_whole() {
    let files = Files::new();
    let mean = files.t().mean(0);
    assert_snapshot!(files.plan(mean.slice(1..) - mean.slice(..-1)), @r"
    0: reduce mean(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: blockwise (a - b)  over (599,) in (299+1+299,) -> answer
       a <- stage 0 [0, i0+1] of rank 1  float32
       b <- stage 0 [0, i0] of rank 1  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 359 KiB a task, 7 KiB held
    sweep of stage 1 over (599,): 1 task of blocks (599,), 2.3 KiB a task, 9.4 KiB held
    9 tasks, 2.3 MiB to read, 1.1 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn arrays_in_memory_are_walked_in_blocks() {
    let files = Files::new();
    let x = files.cx.from_ndarray(ndarray::ArrayD::<f64>::zeros(vec![2000, 2000])).unwrap();
    assert_snapshot!(files.plan(x.sum(..)), @r"
    0: reduce sum(a) over axes (0, 1) in tiles (65+66+65+66+..., 1000)  over (2000, 2000) in (262, 2000) -> answer
       a <- memory  float64
    sweep of stage 0 over (2000, 2000): 8 tasks of blocks (262, 2000), 24 B a task, 24 B held
    8 tasks, 0 B to read, 608 B of memory projected, budget 1 GiB
    ");
}

#[test]
fn the_deviation_of_an_anomaly_reads_its_array_once() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.plan((&t - t.mean(0)).std(0)), @r"
    0: reduce std(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 373 KiB a task, 16.4 KiB held
    8 tasks, 2.3 MiB to read, 1.1 MiB of memory projected, budget 1 GiB
    ");
    let months: Vec<usize> = (0..1000).map(|i| i / 30 % 12).collect();
    let by_month = t.group_by(0, &months).unwrap();
    let anomaly = &t - by_month.expand(&by_month.mean()).unwrap();
    assert_snapshot!(files.plan(anomaly.std(0)), @r"
    0: reduce squares(a) over axes (0,) in 12 groups in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: reduce sum(a) over axes (0,) in tiles (12, 600)  over (12, 600) in (12, 300)
       a <- stage 0  float64
    2: blockwise float32(sqrt((a / 1000)))  over (600,) in (300,) -> answer
       a <- stage 1 [0, i0] of rank 1  float64
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 725 KiB a task, 225 KiB held
    sweep of stage 1 over (12, 600): 1 task of blocks (12, 600), 15 KiB a task, 234 KiB held
    sweep of stage 2 over (600,): 1 task of blocks (600,), 2.3 KiB a task, 11.7 KiB held
    10 tasks, 2.3 MiB to read, 2.6 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(anomaly), @r"
    0: reduce mean(a) over axes (0,) in 12 groups in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- t.zarr  float32
    1: take along axis 0  over (1000, 600) in (100, 300) (on demand)
       a <- stage 0 [0, i1] of rank 2  float32
    2: blockwise (a - b)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
       b <- stage 1  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 718 KiB a task, 141 KiB held
    sweep of stage 2 over (1000, 600): 20 tasks of blocks (100, 300), 360 KiB a task, 2.4 MiB held
    28 tasks, 2.3 MiB to read, 6.1 MiB of memory projected, budget 1 GiB
    t.zarr is decoded once for 2 sweeps and held (2.6 MiB)
    ");
}
