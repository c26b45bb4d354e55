//! Maps run inside scans; what reads a scan finds it kept.

use super::Files;
use hyperslab::store::Create;
use insta::assert_snapshot;

#[test]
fn a_map_runs_inside_the_scan() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.plan((&t - 1.0).cumsum(0).store(files.path("sums.zarr"), Create::new())), @r"
    0: scan cumsum((a - 1)) along axis 0 in tiles (300,)  over (1000, 600) in (100, 300) -> stored
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (300, 300), 1.4 MiB a task, 7 KiB held
    8 tasks, 2.3 MiB to read, 6.9 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn a_scan_that_is_read_is_kept() {
    let files = Files::new();
    let sums = files.t().cumsum(1);
    assert_snapshot!(files.plan(&sums - sums.mean(1).expand_dims(1).unwrap()), @r"
    0: scan cumsum(a) along axis 1 in tiles (600,)  over (1000, 600) in (100, 300) -> kept
       a <- t.zarr  float32
    1: reduce mean(a) over axes (1,) in tiles (1000, 600)  over (1000, 600) in (100, 300)
       a <- stage 0  float32
    2: blockwise (a - b)  over (1000, 600) in (100, 300) -> answer
       a <- stage 0  float32
       b <- stage 1 [i0, 0] of rank 2  float32
    sweep of stage 0 over (1000, 600): 10 tasks of blocks (100, 600), 962 KiB a task, 2.3 MiB held
    sweep of stage 1 over (1000, 600): 2 tasks of blocks (800, 600), 19.5 KiB a task, 2.3 MiB held
    sweep of stage 2 over (1000, 600): 2 tasks of blocks (800, 600), 1.9 MiB a task, 4.6 MiB held
    14 tasks, 2.3 MiB to read, 8.3 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (2.3 MiB): 2 others read it
    ");
}
