//! Blocks that do not follow the chunks of what they read.

use super::{Files, machine};
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use insta::assert_snapshot;

#[test]
fn a_rechunk_that_does_not_fit_is_spilled() {
    let files = Files::new();
    let t = files.array("rows.zarr", &[4000, 4000], &[50, 4000]);
    let stored = || t.store(files.path("columns.zarr"), Create::new().chunks([4000, 50]));
    let show = |memory: &str, stage| files.show_on(&machine(memory), stored(), stage);
    assert_snapshot!(show("16MiB", Stage::Fused) + &show("16MiB", Stage::Tasks), @r"
    0: copy  over (4000, 4000) in (50, 4000) -> spilled
       a <- rows.zarr  float32
    1: copy  over (4000, 4000) in (50, 4000) -> stored
       a <- stage 0  float32
    sweep of stage 0 over (4000, 4000): 80 tasks of blocks (50, 4000), 3.3 MiB a task, 0 B held
    sweep of stage 1 over (4000, 4000): 80 tasks of blocks (4000, 50), 3.3 MiB a task, 0 B held
    160 tasks, 61 MiB to read, 9.8 MiB of memory projected, budget 16 MiB
    stage 0 is computed once and spilled (61 MiB), to be read in (4000, 50): it would be needed 89.9 times
    ");
    assert_snapshot!(show("1GiB", Stage::Fused) + &show("1GiB", Stage::Tasks), @r"
    0: copy  over (4000, 4000) in (50, 4000) -> stored
       a <- rows.zarr  float32
    sweep of stage 0 over (4000, 4000): 80 tasks of blocks (4000, 50), 2.4 MiB a task, 0 B held
    80 tasks, 61 MiB to read, 76.0 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn a_reshape_reads_slabs() {
    let files = Files::new();
    let t = files.array("t.zarr", &[120, 300, 200], &[10, 300, 200]);
    assert_snapshot!(files.plan(t.reshape(&[120, -1]).sum(1)), @r"
    0: reshape (120, 300, 200) -> (120, 60000)  over (120, 60000) in (10, 60000) (on demand)
       a <- t.zarr  float32
    1: reduce sum(a) over axes (1,) in tiles (120, 60000)  over (120, 60000) in (10, 60000) -> answer
       a <- stage 0  float32
    sweep of stage 1 over (120, 60000): 12 tasks of blocks (10, 60000), 5 MiB a task, 1.4 KiB held
    12 tasks, 27.5 MiB to read, 45.9 MiB of memory projected, budget 1 GiB
    ");
    let columns = files.array("columns.zarr", &[1200, 300, 20], &[1200, 10, 20]);
    let stored = columns.reshape(&[-1, 20]).store(files.path("out.zarr"), Create::new().chunks([9000, 20]));
    let show = |stage| files.show_on(&machine("8MiB"), stored.clone(), stage);
    assert_snapshot!(show(Stage::Fused) + &show(Stage::Tasks), @r"
    0: copy  over (1200, 300, 20) in (30, 300, 20) -> spilled
       a <- columns.zarr  float32
    1: reshape (1200, 300, 20) -> (360000, 20)  over (360000, 20) in (209715, 20) -> stored
       a <- stage 0  float32
    sweep of stage 0 over (1200, 300, 20): 120 tasks of blocks (300, 10, 20), 1.9 MiB a task, 0 B held
    sweep of stage 1 over (360000, 20): 40 tasks of blocks (9000, 20), 2.8 MiB a task, 0 B held
    160 tasks, 27.5 MiB to read, 8 MiB of memory projected, budget 8 MiB
    stage 0 is computed once and spilled (27.5 MiB), to be read in (30, 300, 20): it would be needed 44.9 times
    ");
}

#[test]
fn results_of_reductions_that_do_not_fit_are_spilled() {
    let files = Files::new();
    let t = files.array("t.zarr", &[20, 1000, 1000], &[2, 200, 1000]);
    let mean = t.mean(0).store(files.path("mean.zarr"), Create::new().chunks([1000, 100]));
    let show = |stage| files.show_on(&machine("12MiB"), mean.clone(), stage);
    assert_snapshot!(show(Stage::Fused) + &show(Stage::Tasks), @r"
    0: copy  over (20, 1000, 1000) in (2, 200, 1000) -> spilled
       a <- t.zarr  float32
    1: reduce mean(a) over axes (0,) in tiles (16, 1000, 1000)  over (20, 1000, 1000) in (2, 200, 1000) -> spilled
       a <- stage 0  float32
    2: copy  over (1000, 1000) in (1000, 100) -> stored
       a <- stage 1 [0, i0, i1] of rank 2  float32
    sweep of stage 0 over (20, 1000, 1000): 50 tasks of blocks (2, 200, 1000), 5.5 MiB a task, 0 B held
    sweep of stage 1 over (20, 1000, 1000): 200 tasks of blocks (16, 10, 1000), 2.6 MiB a task, 80 KiB held
    sweep of stage 2 over (1000, 1000): 5 tasks of blocks (1000, 200), 3.3 MiB a task, 0 B held
    255 tasks, 76.3 MiB to read, 11 MiB of memory projected, budget 12 MiB
    stage 0 is computed once and spilled (76.3 MiB), to be read in (16, 10, 1000): it would be needed 22.4 times
    stage 1 is computed once and spilled (3.8 MiB), to be read in (20, 1000, 100): memory has no room for it
    ");
}
