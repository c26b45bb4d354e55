//! Reductions of the list.

use super::super::value::Call;
use super::super::value::Value;
use crate::array::Array;
use crate::array::reduction::{Over, keep, reduce};
use crate::error::Result;
use crate::op::reduction::{Params, Reduction};
use crate::shape::axes::Axes;

/// The parameters of the reduction called `name`, in NumPy's order.
pub(super) fn parameters(name: &str) -> &'static str {
    match name {
        "var" | "std" => "a, axis=None, dtype=None, !out, ddof=0, keepdims=False, *, !where, !mean, correction=0",
        "nanvar" | "nanstd" => "a, axis=None, dtype=None, !out, ddof=0, keepdims=False, *, !where, !mean, correction=0",
        "mean" | "nanmean" => "a, axis=None, dtype=None, !out, keepdims=False, *, !where",
        "min" | "max" | "nanmin" | "nanmax" => "a, axis=None, !out, keepdims=False, !initial, !where",
        "any" | "all" => "a, axis=None, !out, keepdims=False, *, !where",
        "ptp" => "a, axis=None, !out, keepdims=False",
        "argmin" | "argmax" | "nanargmin" | "nanargmax" => "a, axis=None, !out, *, keepdims=False",
        "count_nonzero" => "a, axis=None, *, keepdims=False",
        _ => "a, axis=None, dtype=None, !out, keepdims=False, !initial, !where",
    }
}

/// Runs a reduction of the list.
pub(super) fn run(reduction: &dyn Reduction, call: &Call) -> Result<Value> {
    fold(reduction.name(), call)
}

fn fold(name: &str, call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let axes = call.axes("axis")?;
    if call.given("axis").is_some_and(|v| v.items().is_some()) && name.contains("arg") {
        return call.refuse("`axis` must be an integer");
    }
    if call.given("ddof").is_some() && call.given("correction").is_some() {
        return call.refuse("`ddof` and `correction` are the same thing; give one of them");
    }
    let ddof = call.real("ddof", call.real("correction", 0.0)?)?;
    let params = Params { ddof, dtype: call.dtype("dtype")?, ..Params::default() };
    // A number takes axis 0 and -1, as in NumPy.
    let axes = match axes {
        Axes::Positions(list) if array.ndim() == 0 && matches!(list.as_slice(), [0 | -1]) => Axes::All,
        other => other,
    };
    let over = if call.flag("keepdims", false)? { keep(axes) } else { Over::from(axes) };
    Ok(Array::from_expr(reduce(array.expr(), name, &over, params)?).into())
}
