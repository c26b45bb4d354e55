//! Several outputs, rechunks and block functions.

use super::Files;
use hyperslab::array::blocks::BlockFn;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use insta::assert_snapshot;
use ndarray::ArrayViewD;

#[test]
fn an_array_is_stored_and_summarised_in_one_sweep() {
    let files = Files::new();
    let y = files.t() * 2.0;
    let stored = y.store(files.path("o.zarr"), Create::new().chunks([100, 300]));
    assert_snapshot!(files.plan((stored, y.mean(..), y.max(0))), @r"
    0: blockwise (a * 2)  over (1000, 600) in (100, 300) -> stored
       a <- t.zarr  float32
    1: reduce mean(a) over axes (0, 1) in tiles (200, 600); max(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- stage 0  float32
    sweep of stages 0, 1 over (1000, 600): 2 tasks of blocks (600, 600), 4.1 MiB a task, 4.7 KiB held
    2 tasks, 2.3 MiB to read, 8.3 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn rechunks_collapse() {
    let files = Files::new();
    let t = files.t();
    let thrice = t.rechunk(&[10, -1]).rechunk(&[500, 50]).rechunk(&[-1, 7]);
    assert_snapshot!(files.show(thrice.clone(), Stage::Simplified), @r"
    #0 rechunk (1000, 7)  float32 (1000, 600) chunks (1000, 7)
      #1 read t.zarr  float32 (1000, 600) chunks (100, 300)
    ");
    assert_snapshot!(files.plan(thrice.store(files.path("o.zarr"), Create::new())), @r"
    0: exchange (100, 300) -> (1000, 7)  over (1000, 600) in (1000, 7) -> stored
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 8 tasks of blocks (1000, 77), 760 KiB a task, 0 B held
    8 tasks, 2.3 MiB to read, 4.8 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(t.rechunk(&[10, -1]).rechunk(&[100, 300])), @r"
    0: copy  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 2.3 MiB held
    10 tasks, 2.3 MiB to read, 3.7 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(t.rechunk(&[10, -1]) + 1.0), @r"
    0: blockwise (a + 1)  over (1000, 600) in (10, 600) -> answer
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 2.3 MiB held
    10 tasks, 2.3 MiB to read, 3.7 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn block_functions_that_are_read_twice_are_kept() {
    let files = Files::new();
    let f = files.t().map_blocks(&BlockFn::named("gradient", |b: ArrayViewD<'_, f32>| b.to_owned()));
    assert_snapshot!(files.plan((&f + 1.0).sum(0)), @r"
    0: function gradient  over (1000, 600) in (100, 300) (on demand)
       a <- t.zarr  float32
    1: reduce sum((a + 1)) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300) -> answer
       a <- stage 0  float32
    sweep of stage 1 over (1000, 600): 8 tasks of blocks (300, 300), 831 KiB a task, 7 KiB held
    8 tasks, 2.3 MiB to read, 2.5 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(&f - f.mean(0)), @r"
    0: function gradient  over (1000, 600) in (100, 300) -> kept
       a <- t.zarr  float32
    1: reduce mean(a) over axes (0,) in tiles (300, 600)  over (1000, 600) in (100, 300)
       a <- stage 0  float32
    2: blockwise (a - b)  over (1000, 600) in (100, 300) -> answer
       a <- stage 0  float32
       b <- stage 1 [0, i1] of rank 2  float32
    sweep of stage 0 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 2.3 MiB held
    sweep of stage 1 over (1000, 600): 2 tasks of blocks (600, 600), 15 KiB a task, 2.3 MiB held
    sweep of stage 2 over (1000, 600): 2 tasks of blocks (800, 600), 1.9 MiB a task, 4.6 MiB held
    14 tasks, 2.3 MiB to read, 8.3 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (2.3 MiB): 2 others read it
    ");
}
