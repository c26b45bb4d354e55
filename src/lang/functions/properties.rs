//! What is known of arrays without computing them, and conversions that keep every element.

use super::super::operators::astype;
use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::error::Result;
use crate::shape::broadcast::broadcast;
use crate::shape::{Shape, checked_size};

pub(super) static TABLE: &[Function] = &[
    row("shape", "a", |call| Ok(Value::ints(&call.array("a")?.shape().known()?))),
    row("ndim", "a", |call| Ok(Value::int(call.array("a")?.ndim()))),
    row("size", "a, axis=None", size),
    row("len", "obj, /", length),
    row("iscomplexobj", "x", |call| Ok(Value::bool(call.array("x")?.dtype().is_complex()))),
    row("isrealobj", "x", |call| Ok(Value::bool(!call.array("x")?.dtype().is_complex()))),
    row("isscalar", "element", |call| {
        Ok(Value::bool(matches!(call.required("element")?, Value::Scalar(_) | Value::Str(_))))
    }),
    row("broadcast_shapes", "*args", broadcast_shapes),
    row("copy", "a, !order, !subok", |call| Ok(call.array("a")?.into())),
    row("astype", "x, dtype, /, *, copy=True, !device", |call| astype(call.required("x")?, call.required("dtype")?)),
];

fn size(call: &Call) -> Result<Value> {
    let shape = call.array("a")?.shape().known()?;
    match call.axis("axis", shape.len())? {
        Some(axis) => Ok(Value::int(shape[axis])),
        None => match checked_size(&shape) {
            Some(n) => Ok(Value::int(n)),
            None => call.refuse("the number of elements is too large"),
        },
    }
}

fn length(call: &Call) -> Result<Value> {
    let value = call.required("obj")?;
    let n = match (value, value.items()) {
        (Value::Str(text), _) => text.chars().count(),
        (_, Some(items)) => items.len(),
        (Value::Array(a), _) if a.ndim() > 0 => a.shape().known()?[0],
        (other, _) => return call.refuse(format!("{} has no length", other.describe())),
    };
    Ok(Value::int(n))
}

fn broadcast_shapes(call: &Call) -> Result<Value> {
    let mut shapes = Vec::new();
    for value in call.rest() {
        let lengths = value.as_integers().map(|l| l.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>());
        match lengths {
            Some(Ok(lengths)) => shapes.push(Shape::from(lengths)),
            _ => return call.refuse(format!("a shape is a tuple of lengths, not {}", value.describe())),
        }
    }
    let shape = broadcast(call.name(), &shapes.iter().collect::<Vec<_>>())?;
    Ok(Value::ints(&shape.known()?))
}
