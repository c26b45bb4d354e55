//! Chains, views and joins become one stage over what is stored.

use super::Files;
use hyperslab::Array;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::shape::slice::Item;
use insta::assert_snapshot;

#[test]
fn every_stage_of_a_chain() {
    let files = Files::new();
    let y = (files.t() * 2.0 + 1.0).sqrt() - files.array("u.npy", &[1000, 600], &[1000, 600]);
    assert_snapshot!(files.show(y.clone(), Stage::Expr), @r"
    #0 (a - b)  float32 (1000, 600) chunks (100, 300)
      #1 sqrt(a)  float32 (1000, 600) chunks (100, 300)
        #2 (a + 1)  float32 (1000, 600) chunks (100, 300)
          #3 (a * 2)  float32 (1000, 600) chunks (100, 300)
            #4 read t.zarr  float32 (1000, 600) chunks (100, 300)
      #5 read u.npy  float32 (1000, 600) chunks (1000, 600)
    ");
    assert_snapshot!(files.show(y.clone(), Stage::Plan), @r"
    0: blockwise (a * 2)  over (1000, 600) in (100, 300) (on demand)
       a <- t.zarr  float32
    1: blockwise (a + 1)  over (1000, 600) in (100, 300) (on demand)
       a <- stage 0  float32
    2: blockwise sqrt(a)  over (1000, 600) in (100, 300) (on demand)
       a <- stage 1  float32
    3: blockwise (a - b)  over (1000, 600) in (100, 300) -> answer
       a <- stage 2  float32
       b <- u.npy  float32
    ");
    assert_snapshot!(files.show(y.clone(), Stage::Fused), @r"
    0: blockwise (sqrt(((a * 2) + 1)) - b)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
       b <- u.npy  float32
    ");
    assert_snapshot!(files.show(y, Stage::Tasks), @r"
    sweep of stage 0 over (1000, 600): 20 tasks of blocks (100, 300), 360 KiB a task, 2.3 MiB held
    20 tasks, 4.6 MiB to read, 3.3 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn equal_expressions_are_computed_once() {
    let files = Files::new();
    let t = files.t();
    let y = (&t + 1.0).exp() * (&t + 1.0).exp();
    assert_snapshot!(files.show(y.clone(), Stage::Simplified), @r"
    #0 (a * b)  float32 (1000, 600) chunks (100, 300)
      #1 exp(a)  float32 (1000, 600) chunks (100, 300)
        #2 (a + 1)  float32 (1000, 600) chunks (100, 300)
          #3 read t.zarr  float32 (1000, 600) chunks (100, 300)
      #1 again
    ");
    assert_snapshot!(files.plan(y), @r"
    0: blockwise (exp((a + 1)) * exp((a + 1)))  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
    sweep of stage 0 over (1000, 600): 10 tasks of blocks (100, 600), 480 KiB a task, 2.3 MiB held
    10 tasks, 2.3 MiB to read, 3.7 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn slices_reach_the_source_through_arithmetic() {
    let files = Files::new();
    let part = (files.t() * 2.0).slice(vec![Item::from(3..5), Item::from((.., -2))]);
    assert_snapshot!(files.plan(part), @r"
    0: blockwise (a * 2)  over (2, 300) in (2, 150) -> answer
       a <- t.zarr [i0+3, -2*i1+599] of rank 2  float32
    sweep of stage 0 over (2, 300): 1 task of blocks (2, 300), 125 KiB a task, 2.3 KiB held
    1 task, 234 KiB to read, 127 KiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn slices_reach_the_parts_of_a_concatenation() {
    let files = Files::new();
    let t = files.t();
    let both = Array::concatenate(&[t.clone(), t * 2.0], 0).unwrap();
    let seam = both.slice(vec![Item::from(990..1010), Item::from(..)]);
    assert_snapshot!(files.plan(seam), @r"
    0: blockwise (a * 2)  over (1000, 600) in (100, 300) (on demand)
       a <- t.zarr  float32
    1: copy  over (20, 600) in (10, 300) -> answer
       a <- t.zarr [i0+990, i1] of rank 2 at [0:10, 0:600] + stage 0 [i0-10, i1] of rank 2 at [10:20, 0:600]  float32
    sweep of stage 1 over (20, 600): 1 task of blocks (20, 600), 264 KiB a task, 46.9 KiB held
    1 task, 469 KiB to read, 2.9 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(both.slice(10..20)), @r"
    0: copy  over (10, 600) in (10, 300) -> answer
       a <- t.zarr [i0+10, i1] of rank 2  float32
    sweep of stage 0 over (10, 600): 1 task of blocks (10, 600), 168 KiB a task, 23.4 KiB held
    1 task, 234 KiB to read, 191 KiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn views_cost_no_stage() {
    let files = Files::new();
    let t = files.t();
    assert_snapshot!(files.plan(t.t().flip(0) + 1.0), @r"
    0: blockwise (a + 1)  over (600, 1000) in (300, 100) -> answer
       a <- t.zarr [i1, -1*i0+599] of rank 2  float32
    sweep of stage 0 over (600, 1000): 10 tasks of blocks (300, 200), 480 KiB a task, 2.3 MiB held
    10 tasks, 2.3 MiB to read, 3.7 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(files.plan(&t - t.slice(0)), @r"
    0: blockwise (a - b)  over (1000, 600) in (100, 300) -> answer
       a <- t.zarr  float32
       b <- t.zarr [0, i1] of rank 2  float32
    sweep of stage 0 over (1000, 600): 4 tasks of blocks (300, 600), 1.5 MiB a task, 2.3 MiB held
    4 tasks, 2.3 MiB to read, 7 MiB of memory projected, budget 1 GiB
    ");
}
