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
    stage 1 is computed once and kept (3.1 MiB): right-hand sides are solved for whole
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

#[test]
fn a_system_is_solved_by_whole_columns() {
    let files = Files::new();
    let (a, b) = (files.array("a.zarr", &[1000, 1000], &[100, 500]), files.array("b.zarr", &[1000, 800], &[100, 800]));
    assert_snapshot!(files.plan((&a + 1.0).solve(&b)), @r"
    0: blockwise (a + 1)  over (1000, 1000) in (100, 500) (on demand)
       a <- a.zarr  float32
    1: lu in 8 tiles of 125 columns, 36 steps  over (1000, 1000) in (100, 500) -> kept
       a <- stage 0  float32
    2: system b x = a of factors b, 115 columns of a by 125 of b  over (1000, 800) in (100, 800) -> answer
       a <- b.zarr [i0, i1] of rank 3  float32
       b <- stage 1 [i2, i0] of rank 3  float32
    sweep of stage 1 over (1000, 1000): 1 task of blocks (1000, 1000), 1.8 MiB a task, 7.8 MiB held
    sweep of stage 2 over (1000, 800): 2 tasks of blocks (1000, 460), 5 MiB a task, 6.9 MiB held
    3 tasks, 6.9 MiB to read, 20.4 MiB of memory projected, budget 1 GiB
    stage 1 is computed once and kept (3.8 MiB): its tiles are made of each other
    stage 2 is computed once and kept (3.1 MiB): right-hand sides are solved for whole
    ");
}

#[test]
fn factors_follow_each_other_on_disk() {
    let files = Files::new();
    let (a, b) = (files.array("a.zarr", &[1000, 1000], &[100, 500]), files.array("b.zarr", &[1000], &[100]));
    let cx = machine("6MiB");
    let show = |stage| files.show_on(&cx, a.solve(&b), stage);
    assert_snapshot!(format!("{}{}", show(Stage::Fused), show(Stage::Tasks)), @r"
    0: copy  over (1000, 1000) in (100, 500) -> spilled
       a <- a.zarr  float32
    1: lu in 8 tiles of 125 columns, 36 steps  over (1000, 1000) in (100, 500) -> spilled
       a <- stage 0  float32
    2: system b x = a of factors b, 1 columns of a by 125 of b  over (1000, 1) in (100, 1) -> kept
       a <- b.zarr [i0] of rank 3  float32
       b <- stage 1 [i2, i0] of rank 3  float32
    3: copy  over (1000,) in (100,) -> answer
       a <- stage 2 [i0, 0] of rank 1  float32
    sweep of stage 0 over (1000, 1000): 10 tasks of blocks (100, 1000), 1.6 MiB a task, 0 B held
    sweep of stage 1 over (1000, 1000): 8 tasks of blocks (1000, 125), 4.1 MiB a task, 1 MiB held
    sweep of stage 2 over (1000, 1): 1 task of blocks (1000, 1), 2 MiB a task, 3.9 KiB held
    sweep of stage 3 over (1000,): 1 task of blocks (1000,), 3.9 KiB a task, 7.8 KiB held
    20 tasks, 3.8 MiB to read, 5.1 MiB of memory projected, budget 6 MiB
    stage 0 is computed once and spilled (3.8 MiB), to be read in (1000, 125): it would be needed 4.4 times
    stage 1 is computed once and spilled (3.8 MiB), to be read in (125, 125): memory has no room for it
    stage 2 is computed once and kept (3.9 KiB): right-hand sides are solved for whole
    ");
}

#[test]
fn small_systems_come_many_at_a_time() {
    let files = Files::new();
    let (a, b) =
        (files.array("a.zarr", &[5000, 8, 8], &[100, 8, 8]), files.array("b.zarr", &[5000, 8, 1], &[5000, 8, 1]));
    assert_snapshot!(files.plan(a.solve(&b)), @r"
    0: lu of tiles (8, 8)  over (5000, 8, 8) in (100, 8, 8) -> kept
       a <- a.zarr  float32
    1: system b x = a of factors b, 1 columns of a by 8 of b  over (5000, 8, 1) in (100, 8, 1) -> answer
       a <- b.zarr [i0, i1, i2] of rank 4  float32
       b <- stage 0 [i0, i3, i1] of rank 4  float32
    sweep of stage 0 over (5000, 8, 8): 7 tasks of blocks (833, 8, 8), 490 KiB a task, 1.4 MiB held
    sweep of stage 1 over (5000, 8, 1): 7 tasks of blocks (833, 8, 1), 456 KiB a task, 1.5 MiB held
    14 tasks, 1.4 MiB to read, 4.2 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (1.4 MiB): its tiles are made of each other
    stage 1 is computed once and kept (156 KiB): right-hand sides are solved for whole
    ");
}

#[test]
fn the_logarithm_and_the_sign_of_a_determinant_come_together() {
    let files = Files::new();
    let a = files.array("a.zarr", &[300, 300], &[100, 300]);
    assert_snapshot!(files.plan(a.slogdet()), @r"
    0: lu in 3 tiles of 100 columns, 6 steps  over (300, 300) in (100, 300) -> kept
       a <- a.zarr  float32
    1: reduce any((a == 0)) over axes (0,) in tiles (300,); prod(where((b != float32(c)), negative(sign(a)), sign(a))) over axes (0,) in tiles (300,); sum(log(absolute(a))) over axes (0,) in tiles (300,)  over (300,) in (300,)
       a <- stage 0 [i0, i0] of rank 1  float32
       b <- stage 0 [300, i0] of rank 1  float32
       c <- index below 300  int64
    2: blockwise where(a, 0, b)  over () in () -> answer
       a <- stage 1 [0] of rank 0  bool
       b <- stage 1.1 [0] of rank 0  float32
    3: blockwise where(a, -inf, b)  over () in () -> answer
       a <- stage 1 [0] of rank 0  bool
       b <- stage 1.2 [0] of rank 0  float32
    sweep of stage 0 over (300, 300): 1 task of blocks (300, 300), 380 KiB a task, 713 KiB held
    sweep of stage 1 over (300,): 1 task of blocks (300,), 3.6 KiB a task, 353 KiB held
    sweep of stages 2, 3 over (): 1 task of blocks (), 8 B a task, 34 B held
    3 tasks, 352 KiB to read, 1.8 MiB of memory projected, budget 1 GiB
    stage 0 is computed once and kept (353 KiB): its tiles are made of each other
    ");
}
