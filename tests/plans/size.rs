//! Planning costs by the expression, not by the data: ten million chunks make a few stages and thousands of tasks.

use super::machine;
use hyperslab::Array;
use hyperslab::dtype::{DType, scalar::Scalar};
use hyperslab::runtime::pipeline::Stage;
use insta::assert_snapshot;

fn ones(shape: &[usize], chunk: &[usize]) -> Array<f64> {
    Array::filled(shape, Scalar::Int(1), DType::F64, Some(chunk)).unwrap().try_typed().unwrap()
}

#[test]
fn ten_million_chunks_in_a_row() {
    let cx = machine("1GiB");
    let x = ones(&[100_000_000], &[10]);
    assert_eq!(x.chunks().count(), 10_000_000);
    assert_snapshot!(cx.explain((&x * 2.0).sum(..), Stage::Fused).unwrap(), @"0: reduce sum((1 * 2)) over axes (0,) in tiles (65540,)  over (100000000,) in (10,) -> answer");
    assert_snapshot!(cx.explain((&x * 2.0).sum(..), Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (100000000,): 509 tasks of blocks (196620,), 24 B a task, 32 B held
    509 tasks, 0 B to read, 6.1 KiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(cx.explain((&x - x.mean(..)).slice(5..25), Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (100000000,): 509 tasks of blocks (196620,), 24 B a task, 32 B held
    sweep of stage 1 over (20,): 1 task of blocks (20,), 160 B a task, 192 B held
    510 tasks, 0 B to read, 6.1 KiB of memory projected, budget 1 GiB
    ");
    let stored = (&x + 1.0).store("never.npy", hyperslab::store::Create::new());
    assert_snapshot!(cx.explain(stored, Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (100000000,): 39 tasks of blocks (2621440,), 20 MiB a task, 0 B held
    39 tasks, 0 B to read, 60 MiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn ten_million_chunks_in_a_square() {
    let cx = machine("1GiB");
    let x = ones(&[31_630, 31_630], &[10, 10]);
    assert_eq!(x.chunks().count(), 10_004_569);
    assert_snapshot!(cx.explain(x.std(0), Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (31630, 31630): 5275 tasks of blocks (6560, 30), 2.1 KiB a task, 988 KiB held
    5275 tasks, 0 B to read, 1.1 MiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(cx.explain(x.mean(1), Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (31630, 31630): 6326 tasks of blocks (10, 19680), 240 B a task, 494 KiB held
    6326 tasks, 0 B to read, 554 KiB of memory projected, budget 1 GiB
    ");
    assert_snapshot!(cx.explain((x.t() - x.mean(1)).max(..), Stage::Tasks).unwrap(), @r"
    sweep of stage 0 over (31630, 31630): 6326 tasks of blocks (10, 19680), 240 B a task, 494 KiB held
    sweep of stage 1 over (31630, 31630): 6326 tasks of blocks (10, 19680), 24 B a task, 494 KiB held
    12652 tasks, 0 B to read, 554 KiB of memory projected, budget 1 GiB
    ");
}

#[test]
fn ten_million_chunks_are_rechunked() {
    let cx = machine("1GiB");
    let x = ones(&[31_630, 31_630], &[10, 10]).rechunk(&[1, -1]);
    let stored = x.store("never.npy", hyperslab::store::Create::new());
    assert_snapshot!(cx.explain(stored, Stage::Tasks).unwrap(), @r"
    sweep of stage 1 over (31630, 31630): 7908 tasks of blocks (4, 31630), 2 MiB a task, 0 B held
    7908 tasks, 0 B to read, 6 MiB of memory projected, budget 1 GiB
    ");
}
