//! Norms, and cross products.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::compose::without;
use crate::linalg::cross::{CrossAxes, cross};
use crate::linalg::norm::{self, Order};
use crate::shape::axes::position;

pub(super) static TABLE: &[Function] = &[
    row("cross", "a, b, axisa=-1, axisb=-1, axisc=-1, axis=None", |call| {
        let axis = |name: &str| Ok::<_, Error>(call.integer(name)?.unwrap_or(-1));
        let axes = match call.integer("axis")? {
            Some(all) => CrossAxes { a: all, b: all, c: all },
            None => CrossAxes { a: axis("axisa")?, b: axis("axisb")?, c: axis("axisc")? },
        };
        Ok(cross(call.array("a")?.expr(), call.array("b")?.expr(), axes)?.into())
    }),
    row("linalg.cross", "x1, x2, /, *, axis=-1", |call| {
        let (a, b) = (call.array("x1")?, call.array("x2")?);
        let axis = call.integer("axis")?.unwrap_or(-1);
        for x in [&a, &b] {
            if x.shape().known()?[position("cross", axis, x.ndim())?] != 3 {
                return Err(Error::shape("cross", format!("vectors have 3 components, not those of {}", x.shape())));
            }
        }
        Ok(cross(a.expr(), b.expr(), CrossAxes { a: axis, b: axis, c: axis })?.into())
    }),
    row("linalg.norm", "x, ord=None, axis=None, keepdims=False", |call| {
        let x = call.array("x")?;
        let order = order(call, "ord", Order::Euclid)?;
        let axes = match call.integers("axis")? {
            None if order == Order::Euclid => None,
            None => Some((0..x.ndim()).collect()),
            Some(list) => Some(list.iter().map(|&a| position("norm", a, x.ndim())).collect::<Result<Vec<_>>>()?),
        };
        match axes.as_deref() {
            None => measured(call, &x, &(0..x.ndim()).collect::<Vec<_>>(), order),
            Some(&[axis]) => measured(call, &x, &[axis], order),
            Some(&[row, column]) if row == column => call.refuse("an axis is named twice"),
            Some(&[row, column]) => sized(call, &x, (row, column), order),
            Some(_) => call.refuse(format!("goes over one axis or two, and {} has {}", x.shape(), x.ndim())),
        }
    }),
    row("linalg.vector_norm", "x, /, *, axis=None, keepdims=False, ord=2", |call| {
        let x = call.array("x")?;
        let axes = call.axes("axis")?.resolve("vector_norm", x.ndim(), x.names())?;
        measured(call, &x, &axes, order(call, "ord", Order::P(2.0))?)
    }),
    row("linalg.matrix_norm", "x, /, *, keepdims=False, ord='fro'", |call| {
        let x = call.array("x")?;
        if x.ndim() < 2 {
            return call.refuse(format!("needs two axes, and the array has {}", x.ndim()));
        }
        sized(call, &x, (x.ndim() - 2, x.ndim() - 1), order(call, "ord", Order::Frobenius)?)
    }),
];

/// The argument that says which norm is meant.
pub(super) fn order(call: &Call, param: &str, default: Order) -> Result<Order> {
    match call.given(param) {
        None => Ok(if call.value(param).is_some() { Order::Euclid } else { default }),
        Some(Value::Str(name)) => match name.as_str() {
            "fro" | "f" => Ok(Order::Frobenius),
            "nuc" => Ok(Order::Nuclear),
            other => call.refuse(format!("there is no norm `{other}`")),
        },
        Some(_) => Ok(Order::P(call.real(param, 2.0)?)),
    }
}

/// The length of vectors over `axes`, which stay where that is asked for.
fn measured(call: &Call, x: &Array, axes: &[usize], order: Order) -> Result<Value> {
    kept(call, norm::of_vectors(x.expr(), axes, order)?, axes)
}

/// The norm of matrices over two axes.
fn sized(call: &Call, x: &Array, axes: (usize, usize), order: Order) -> Result<Value> {
    kept(call, norm::of_matrices(x.expr(), axes, order)?, &[axes.0, axes.1])
}

fn kept(call: &Call, x: Expr, axes: &[usize]) -> Result<Value> {
    if call.flag("keepdims", false)? { Ok(x.into()) } else { Ok(without(&x, axes)?.into()) }
}
