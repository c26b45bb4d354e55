//! Products of matrices and vectors, and factorisations.

use super::super::operators::matmul;
use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::array::Array;
use crate::error::Result;
use crate::expr::build::{self, Arg};
use crate::linalg::factor;
use crate::linalg::matmul as products;
use crate::op::elementwise::ElementOp;
use crate::shape::axes::position;
use crate::shape::slice::Item;

pub(super) static TABLE: &[Function] = &[
    row("matmul", "x1, x2, /, !out", |call| matmul(call.required("x1")?, call.required("x2")?)),
    row("linalg.matmul", "x1, x2, /", |call| matmul(call.required("x1")?, call.required("x2")?)),
    row("dot", "a, b, !out", |call| Ok(products::dot(call.array("a")?.expr(), call.array("b")?.expr())?.into())),
    row("inner", "a, b, /", inner),
    row("vdot", "a, b, /", vdot),
    row("outer", "a, b, !out", outer),
    row("linalg.outer", "a, b, /", outer),
    row("tensordot", "a, b, axes=2", tensordot),
    row("linalg.tensordot", "a, b, /, *, axes=2", tensordot),
    row("linalg.solve_triangular", "a, b, lower=False", |call| {
        let (a, b) = (call.array("a")?, call.array("b")?);
        Ok(factor::solve_triangular(a.expr(), b.expr(), call.flag("lower", false)?)?.into())
    }),
    row("linalg.cholesky", "a, /, *, upper=False", |call| {
        Ok(factor::cholesky(call.array("a")?.expr(), call.flag("upper", false)?)?.into())
    }),
];

/// Over the last axes of both.
fn inner(call: &Call) -> Result<Value> {
    let (a, b) = (call.array("a")?, call.array("b")?);
    if a.ndim() == 0 || b.ndim() == 0 {
        return Ok(products::dot(a.expr(), b.expr())?.into());
    }
    Ok(products::tensordot(a.expr(), b.expr(), &[a.ndim() - 1], &[b.ndim() - 1])?.into())
}

/// Over all elements of both, the first conjugated.
fn vdot(call: &Call) -> Result<Value> {
    let (a, b) = (call.array("a")?, call.array("b")?);
    if a.shape() != b.shape() {
        return call.refuse(format!("takes arrays of one shape, not {} and {}", a.shape(), b.shape()));
    }
    let all: Vec<usize> = (0..a.ndim()).collect();
    let first = if a.dtype().is_complex() {
        build::element(ElementOp::Conjugate, &[Arg::Array(a.expr().clone())])?
    } else {
        a.expr().clone()
    };
    Ok(products::tensordot(&first, b.expr(), &all, &all)?.into())
}

/// Every element of one times every element of the other.
fn outer(call: &Call) -> Result<Value> {
    let flat = |x: Array| if x.ndim() == 1 { Ok(x) } else { super::shape::reshape(&x, &[-1])?.to_array() };
    let (a, b) = (flat(call.array("a")?)?, flat(call.array("b")?)?);
    let column = build::index(a.expr(), &[Item::from(..), Item::NewAxis])?;
    Ok(build::element(ElementOp::Multiply, &[Arg::Array(column), Arg::Array(b.expr().clone())])?.into())
}

/// Over the last axes of one and the first of the other, or over the axes given.
fn tensordot(call: &Call) -> Result<Value> {
    let (a, b) = (call.array("a")?, call.array("b")?);
    let axes = |value: &Value, rank: usize| -> Result<Vec<usize>> {
        let Some(list) = value.as_integers() else {
            return call.refuse("`axes` must be an integer or two lists of them");
        };
        list.iter().map(|&axis| position(call.name(), isize::try_from(axis).unwrap_or(isize::MAX), rank)).collect()
    };
    let (left, right) = match call.given("axes") {
        Some(Value::Tuple(pair) | Value::List(pair)) => match pair.as_slice() {
            [left, right] => (axes(left, a.ndim())?, axes(right, b.ndim())?),
            _ => return call.refuse("`axes` must be an integer or two lists of them"),
        },
        _ => {
            let n = call.count("axes")?.unwrap_or(2);
            if n > a.ndim() || n > b.ndim() {
                return call.refuse(format!("{n} axes of {} and {} are not there", a.shape(), b.shape()));
            }
            ((a.ndim() - n..a.ndim()).collect(), (0..n).collect())
        }
    };
    Ok(products::tensordot(a.expr(), b.expr(), &left, &right)?.into())
}
