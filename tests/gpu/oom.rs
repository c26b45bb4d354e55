//! Allocations that fail, one after another.

use super::child::{is_child, run};
use super::counters::Simulator;
use super::{assert_near, cpu, gpu, is_there, numbers};
use hyperslab::{Array, Context, Error};

const N: usize = 1 << 18;

/// Something of everything: elementwise programs, reductions, products, data that stays.
fn programs(cx: &Context) -> Result<Vec<Vec<f32>>, Error> {
    let x = cx.from_ndarray(numbers(N))?.rechunk(&[1 << 16]);
    let y = cx.persist(&(&x * 2.0f32 + 1.0f32))?;
    let z: Array<f32> = y.reshape(&[-1, 512]);
    let (all, sum, columns) = cx.compute(((&y - &x).abs(), y.abs().sum(..), z.abs().mean(0)))?;
    let left = z.slice(..64);
    let product = cx.compute(left.abs().matmul(&left.t().abs()))?;
    Ok([all, sum, columns, product].map(|a| a.into_raw_vec_and_offset().0).into())
}

/// The child: the programs end right, or in an error.
#[test]
fn one_try() {
    if !is_child() {
        return;
    }
    let cx = gpu().block_bytes(1 << 18).build().map_err(|error| println!("\nerror: {error}"));
    let Ok(cx) = cx else { return };
    match programs(&cx) {
        Ok(given) => {
            for (given, wanted) in given.iter().zip(programs(&cpu()).unwrap()) {
                assert_near(given, &wanted, 64.0);
            }
            println!("\nright");
        }
        Err(error) => println!("\nerror: {error}"),
    }
    if let Some(sim) = Simulator::find() {
        println!("allocations: {}", sim.counters().allocations);
    }
}

#[test]
fn any_allocation_may_fail() {
    if is_child() || !is_there() || Simulator::find().is_none() {
        return;
    }
    let quiet = run("oom::one_try", &[]);
    assert!(quiet.passed && quiet.text.contains("right"), "{}", quiet.text);
    let (_, count) = quiet.text.split_once("allocations: ").unwrap();
    let count: usize = count.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count > 8, "{count} allocations");
    let mut ends = Vec::new();
    for n in 1..=count {
        let schedule = ["eager", "lazy", "random:2"][n % 3];
        let said = run("oom::one_try", &[("SIMGPU_OOM_AT", &n.to_string()), ("SIMGPU_SCHED", schedule)]);
        assert!(said.passed, "allocation {n} failed: {}", said.text);
        let line = said.text.lines().find(|l| l.starts_with("right") || l.starts_with("error: "));
        ends.push(line.unwrap_or_else(|| panic!("allocation {n} failed: {}", said.text)).to_owned());
    }
    let right = ends.iter().filter(|end| *end == "right").count();
    assert!(right * 10 >= count * 9, "{right} of {count} end well: {ends:?}");
    // Nothing is as large as this: all runs on the CPU.
    for over in ["1", "100000", "300000"] {
        let said = run("oom::one_try", &[("SIMGPU_OOM_OVER", over)]);
        assert!(said.passed && said.text.contains("right"), "no allocation over {over} bytes: {}", said.text);
    }
}
