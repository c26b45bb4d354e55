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
