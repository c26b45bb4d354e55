//! Reductions of the list, and the method `reduce` of universal functions.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::calculus::optional;
use super::row;
use crate::array::Array;
use crate::array::reduction::{Over, keep};
use crate::array::selected::{Selection, reduce_selected};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::op::reduction::{Params, Reduction};
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row("add.reduce", METHOD, |call| method(call, "sum")),
    row("multiply.reduce", METHOD, |call| method(call, "prod")),
    row("maximum.reduce", METHOD, |call| method(call, "max")),
    row("minimum.reduce", METHOD, |call| method(call, "min")),
    row("fmax.reduce", METHOD, |call| method(call, "nanmax")),
    row("fmin.reduce", METHOD, |call| method(call, "nanmin")),
    row("logical_and.reduce", METHOD, |call| method(call, "all")),
    row("logical_or.reduce", METHOD, |call| method(call, "any")),
];

const METHOD: &str = "array, axis=0, dtype=None, !out, keepdims=False, initial=None, where=True";

/// The parameters of the reduction called `name`, in NumPy's order.
pub(super) fn parameters(name: &str) -> &'static str {
    match name {
        "var" | "std" | "nanvar" | "nanstd" => {
            "a, axis=None, dtype=None, !out, ddof=0, keepdims=False, *, where=True, mean=None, correction=0"
        }
        "mean" | "nanmean" => "a, axis=None, dtype=None, !out, keepdims=False, *, where=True",
        "min" | "max" | "nanmin" | "nanmax" => "a, axis=None, !out, keepdims=False, initial=None, where=True",
        "any" | "all" => "a, axis=None, !out, keepdims=False, *, where=True",
        "ptp" => "a, axis=None, !out, keepdims=False",
        "argmin" | "argmax" | "nanargmin" | "nanargmax" => "a, axis=None, !out, *, keepdims=False",
        "count_nonzero" => "a, axis=None, *, keepdims=False",
        _ if name.ends_with(".reduce") => "array, axis=0, dtype=None, !out, keepdims=False, !initial, !where",
        _ => "a, axis=None, dtype=None, !out, keepdims=False, initial=None, where=True",
    }
}

/// Runs a reduction of the list.
pub(super) fn run(reduction: &dyn Reduction, call: &Call) -> Result<Value> {
    let name = reduction.name();
    if name.ends_with(".reduce") {
        return method(call, name);
    }
    if call.given("axis").is_some_and(|v| v.items().is_some()) && name.contains("arg") {
        return call.refuse("`axis` must be an integer");
    }
    fold(name, call, &call.array("a")?, call.axes("axis")?)
}

/// The method of a universal function: along the first axis where none is given.
fn method(call: &Call, name: &str) -> Result<Value> {
    let mut array = call.array("array")?;
    let axes = if call.value("axis").is_some() { call.axes("axis")? } else { Axes::from(0) };
    if let (Some(dtype), "max" | "min" | "nanmax" | "nanmin") = (call.dtype("dtype")?, name) {
        array = array.astype(dtype);
    }
    fold(name, call, &array, axes)
}

fn fold(name: &str, call: &Call, array: &Array, axes: Axes) -> Result<Value> {
    if call.given("ddof").is_some() && call.given("correction").is_some() {
        return call.refuse("`ddof` and `correction` are the same thing; give one of them");
    }
    let ddof = call.real("ddof", call.real("correction", 0.0)?)?;
    let params = Params { ddof, dtype: call.dtype("dtype")?, ..Params::default() };
    // A number takes axis 0 and -1, as in NumPy, but not where NumPy counts what is along them first.
    let counts = matches!(name, "mean" | "var" | "std");
    let axes = match axes {
        Axes::Positions(list) if array.ndim() == 0 && !counts && matches!(list.as_slice(), [0 | -1]) => Axes::All,
        other => other,
    };
    let over = if call.flag("keepdims", false)? { keep(axes) } else { Over::from(axes) };
    let initial = call.given("initial").map(Value::to_arg).transpose()?;
    let selection = Selection { only: chosen(call)?, initial, mean: optional(call, "mean")? };
    Ok(reduce_selected(array.expr(), name, &over, params, &selection)?.into())
}

/// The argument `where`; `None` for all elements. Numbers that are written down count as truth values, arrays of them
/// do not.
fn chosen(call: &Call) -> Result<Option<Expr>> {
    match call.given("where") {
        None | Some(Value::Scalar(Scalar::Bool(true))) => Ok(None),
        Some(value) if matches!(value, Value::Scalar(_)) || value.items().is_some() && !value.holds_array() => {
            Ok(Some(value.to_array()?.astype(DType::Bool).expr().clone()))
        }
        Some(value) => Ok(Some(value.to_array()?.expr().clone())),
    }
}
