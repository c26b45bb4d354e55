//! Running results: cumulative sums and their like.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use super::shape::{reshape, thick};
use crate::array::Array;
use crate::array::scan::{push, scan, scan_from};
use crate::error::Result;
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row("cumsum", "a, axis=None, dtype=None, !out", |call| run(call, "cumsum")),
    row("cumprod", "a, axis=None, dtype=None, !out", |call| run(call, "cumprod")),
    row("nancumsum", "a, axis=None, dtype=None, !out", |call| run(call, "nancumsum")),
    row("nancumprod", "a, axis=None, dtype=None, !out", |call| run(call, "nancumprod")),
    row("cumulative_sum", STANDARD, |call| standard(call, "cumsum")),
    row("cumulative_prod", STANDARD, |call| standard(call, "cumprod")),
    row("add.accumulate", ACCUMULATE, |call| accumulate(call, "cumsum")),
    row("multiply.accumulate", ACCUMULATE, |call| accumulate(call, "cumprod")),
    row("maximum.accumulate", ACCUMULATE, |call| accumulate(call, "maximum.accumulate")),
    row("minimum.accumulate", ACCUMULATE, |call| accumulate(call, "minimum.accumulate")),
    row("fmax.accumulate", ACCUMULATE, |call| accumulate(call, "fmax.accumulate")),
    row("fmin.accumulate", ACCUMULATE, |call| accumulate(call, "fmin.accumulate")),
    row("bitwise_and.accumulate", ACCUMULATE, |call| accumulate(call, "bitwise_and.accumulate")),
    row("bitwise_or.accumulate", ACCUMULATE, |call| accumulate(call, "bitwise_or.accumulate")),
    row("bitwise_xor.accumulate", ACCUMULATE, |call| accumulate(call, "bitwise_xor.accumulate")),
    row("logical_and.accumulate", ACCUMULATE, |call| accumulate(call, "logical_and.accumulate")),
    row("logical_or.accumulate", ACCUMULATE, |call| accumulate(call, "logical_or.accumulate")),
    row("logical_xor.accumulate", ACCUMULATE, |call| accumulate(call, "logical_xor.accumulate")),
    row("push", "array, n=None, axis=-1", |call| {
        let array = call.array("array")?;
        let axis = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::from(-1) };
        Ok(push(array.expr(), call.count("n")?, &axis)?.into())
    }),
    row("ffill", FILL, |call| Ok(call.array("a")?.ffill(call.axes("axis")?, call.count("limit")?)?.into())),
    row("bfill", FILL, |call| Ok(call.array("a")?.bfill(call.axes("axis")?, call.count("limit")?)?.into())),
];

const FILL: &str = "a, axis, limit=None";
const STANDARD: &str = "x, /, *, axis=None, dtype=None, !out, include_initial=False";
const ACCUMULATE: &str = "array, axis=0, dtype=None, !out";

/// NumPy's: without an axis, of all elements in C order.
fn run(call: &Call, name: &str) -> Result<Value> {
    let array = call.array("a")?;
    match call.given("axis") {
        Some(_) => along(call, &array, name, call.axes("axis")?),
        None => {
            let flat = if array.ndim() == 1 { array } else { reshape(&array, &[-1])?.to_array()? };
            along(call, &flat, name, Axes::from(0))
        }
    }
}

/// The array API's: the axis may be left out where there is but one.
fn standard(call: &Call, name: &str) -> Result<Value> {
    let array = call.array("x")?;
    let array = thick(&array, 1)?;
    if call.given("axis").is_none() && array.ndim() != 1 {
        return call.refuse(format!("needs `axis` for an array of rank {}", array.ndim()));
    }
    if !call.flag("include_initial", false)? {
        return along(call, &array, name, call.axes("axis")?);
    }
    let start = i64::from(name == "cumprod");
    Ok(scan_from(array.expr(), name, &call.axes("axis")?, call.dtype("dtype")?, start)?.into())
}

/// The method of a universal function: along the first axis.
fn accumulate(call: &Call, name: &str) -> Result<Value> {
    let array = call.array("array")?;
    if array.ndim() == 0 {
        return call.refuse("cannot accumulate on a scalar");
    }
    let axis = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::from(0) };
    along(call, &array, name, axis)
}

fn along(call: &Call, array: &Array, name: &str, axis: Axes) -> Result<Value> {
    Ok(scan(array.expr(), name, &axis, call.dtype("dtype")?)?.into())
}
