//! Factorisations: in one panel where memory holds it, in several where it does not.

use super::{Files, machine};
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use insta::assert_snapshot;

#[test]
fn tiles_follow_each_other_in_memory() {
    let files = Files::new();
    let a = files.array("a.zarr", &[1000, 1000], &[100, 500]);
    assert_snapshot!(files.plan((&a + 1.0).cholesky() * 2.0), @r"
    0: blockwise (a + 1)  over (1000, 1000) in (100, 500) (on demand)
       a <- a.zarr  float32
    1: cholesky in tiles (250, 250), 4 rows of them, 20 steps  over (1000, 1000) in (100, 500) -> kept
       a <- stage 0  float32
    2: blockwise (a * 2)  over (1000, 1000) in (100, 500) -> answer
       a <- stage 1  float32
    sweep of stage 1 over (1000, 1000): 4 tasks of blocks (250, 1000), 976 KiB a task, 6.3 MiB held
    sweep of stage 2 over (1000, 1000): 3 tasks of blocks (400, 1000), 1.6 MiB a task, 7.6 MiB held
    7 tasks, 3.8 MiB to read, 16.8 MiB of memory projected, budget 1 GiB
    stage 1 is computed once and kept (3.8 MiB): its tiles are made of each other
    ");
}

#[test]
fn a_product_is_computed_once_and_factored() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.plan(t.matmul(&t.t()).cholesky()), @r"
    0: matrix product a @ b in cells and panels (500, 500, 300)  over (1, 1000, 1000) in (1, 100, 100) -> kept
       a <- t.zarr [i1, i3] of rank 4  float32
       b <- t.zarr [i2, i3] of rank 4  float32
    1: cholesky in tiles (250, 250), 4 rows of them, 20 steps  over (1000, 1000) in (100, 100) -> answer
       a <- stage 0 [0, i0, i1] of rank 2  float32
    sweep of stage 0 over (1, 1000, 1000): 4 tasks of blocks (1, 500, 500), 3.9 MiB a task, 3.8 MiB held
    sweep of stage 1 over (1000, 1000): 4 tasks of blocks (250, 1000), 256 KiB a task, 10.1 MiB held
    8 tasks, 2.3 MiB to read, 18 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (3.8 MiB): another reads it
    stage 1 is computed once and kept (3.8 MiB): its tiles are made of each other
    ");
}

#[test]
fn panels_follow_each_other_on_disk() {
    let files = Files::new();
    let a = files.array("a.zarr", &[1000, 1000], &[100, 500]);
    let stored = a.cholesky().store(files.path("l.zarr"), Create::new());
    let cx = machine("4MiB");
    let show = |stage| files.show_on(&cx, stored.clone(), stage);
    assert_snapshot!(format!("{}{}", show(Stage::Fused), show(Stage::Tasks)), @r"
    0: cholesky in tiles (250, 250), 4 rows of them, 20 steps  over (1000, 1000) in (100, 500) -> spilled
       a <- a.zarr  float32
    1: copy  over (1000, 1000) in (100, 500) -> stored
       a <- stage 0  float32
    sweep of stage 0 over (1000, 1000): 16 tasks of blocks (250, 250), 1.7 MiB a task, 1.2 MiB held
    sweep of stage 1 over (1000, 1000): 20 tasks of blocks (100, 500), 835 KiB a task, 0 B held
    36 tasks, 3.8 MiB to read, 4 MiB of memory projected, budget 4 MiB
    stage 0 is computed once and spilled (3.8 MiB), to be read in (250, 250): memory has no room for it
    ");
}

#[test]
fn a_triangle_is_read_for_many_rows_at_once() {
    let files = Files::new();
    let (a, b) = (files.array("a.zarr", &[1000, 1000], &[100, 500]), files.array("b.zarr", &[1000, 800], &[100, 800]));
    assert_snapshot!(files.plan(a.cholesky().solve_triangular(&b, true)), @r"
    0: cholesky in tiles (250, 250), 4 rows of them, 20 steps  over (1000, 1000) in (100, 500) -> kept
       a <- a.zarr  float32
    1: triangular system x bᴴ = a by 200 rows in tiles (250, 250)  over (800, 1000) in (800, 100) -> kept
       a <- b.zarr [i1, i0] of rank 3  float32
       b <- stage 0 [i1, i2] of rank 3  float32
    2: copy  over (1000, 800) in (100, 800) -> answer
       a <- stage 1 [i1, i0] of rank 2  float32
    sweep of stage 0 over (1000, 1000): 4 tasks of blocks (250, 1000), 720 KiB a task, 6.3 MiB held
    sweep of stage 1 over (800, 1000): 2 tasks of blocks (400, 1000), 4.2 MiB a task, 6.9 MiB held
    sweep of stage 2 over (1000, 800): 2 tasks of blocks (600, 800), 1.9 MiB a task, 6.1 MiB held
    8 tasks, 6.9 MiB to read, 19.6 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (3.8 MiB): its tiles are made of each other
    stage 1 is computed once and kept (3.1 MiB): it is solved for in whole rows
    ");
}

#[test]
fn small_matrices_come_many_at_a_time() {
    let files = Files::new();
    let a = files.array("a.zarr", &[5000, 8, 8], &[100, 8, 8]);
    assert_snapshot!(files.plan(a.cholesky()), @r"
    0: cholesky of tiles (8, 8)  over (5000, 8, 8) in (100, 8, 8) -> answer
       a <- a.zarr  float32
    sweep of stage 0 over (5000, 8, 8): 7 tasks of blocks (833, 8, 8), 474 KiB a task, 1.2 MiB held
    7 tasks, 1.2 MiB to read, 4.0 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (1.2 MiB): its tiles are made of each other
    ");
}
