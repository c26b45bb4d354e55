//! Elements by position and by mask.

use super::super::value::{Call, Function, Value};
use super::row;
use super::shape::reshape;
use crate::array::Array;
use crate::dtype::DType;
use crate::error::Result;
use crate::expr::build;

pub(super) static TABLE: &[Function] = &[
    row("compress", "condition, a, axis=None, !out", compress),
    row("extract", "condition, arr", |call| {
        let (mask, array) = (flat(&call.array("condition")?)?, flat(&call.array("arr")?)?);
        kept(&array, &mask, 0)
    }),
];

/// NumPy's: of all elements in C order, where there is no axis.
fn compress(call: &Call) -> Result<Value> {
    let (mask, array) = (call.array("condition")?, call.array("a")?);
    match call.axis("axis", array.ndim())? {
        Some(axis) => kept(&array, &mask, axis),
        None => kept(&flat(&array)?, &mask, 0),
    }
}

fn flat(array: &Array) -> Result<Array> {
    if array.ndim() == 1 { Ok(array.clone()) } else { reshape(array, &[-1])?.to_array() }
}

fn kept(array: &Array, mask: &Array, axis: usize) -> Result<Value> {
    let mask = build::cast(mask.expr(), DType::Bool)?;
    Ok(build::compress(array.expr(), &mask, axis)?.into())
}
