//! Elements in order.

use super::super::value::{Call, Function, Value};
use super::row;
use super::shape::reshape;
use crate::array::order::along;
use crate::error::Result;
use crate::op::regional::LineOp;
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row("sort", "a, axis=-1, kind=None, !order, *, stable=None", |call| sorted(call, LineOp::Sort)),
    row("argsort", "a, axis=-1, kind=None, !order, *, stable=None", |call| sorted(call, LineOp::Argsort)),
];

/// NumPy's: along the last axis, or of all elements in C order where the axis is None. Every kind is stable here.
fn sorted(call: &Call, op: LineOp) -> Result<Value> {
    let array = call.array("a")?;
    if call.value("axis").is_some_and(|v| matches!(v, Value::None)) {
        let flat = reshape(&array, &[-1])?.to_array()?;
        return Ok(along(flat.expr(), op, &Axes::from(0))?.into());
    }
    let axis = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::from(-1) };
    Ok(along(array.expr(), op, &axis)?.into())
}
