//! Products of vectors in space and in the plane.

use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{along, binary, moved, stretched, unary};
use crate::op::elementwise::ElementOp;
use crate::shape::axes::position;
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;

/// Where the vectors of a product lie.
#[derive(Debug, Clone, Copy)]
pub struct CrossAxes {
    /// Their components in the first array.
    pub a: isize,
    /// In the second.
    pub b: isize,
    /// In the result.
    pub c: isize,
}

/// The product `a × b` of vectors of 3 components; one of 2 lies in the plane. Two of the plane give the third
/// component alone.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Shape`](crate::ErrorKind::Shape) for vectors of
/// another length and arrays that do not broadcast, [`DType`](crate::ErrorKind::DType) for truth values.
#[track_caller]
pub fn cross(a: &Expr, b: &Expr, axes: CrossAxes) -> Result<Expr> {
    let dtype = promote(a.dtype, b.dtype);
    let ([a0, a1, a2], [b0, b1, b2]) = (components(a, axes.a, dtype)?, components(b, axes.b, dtype)?);
    let third = minor((&a0, &b1), (&a1, &b0))?;
    if a2.is_none() && b2.is_none() {
        return Ok(third);
    }
    let parts = [partial((&a1, &b2), (&a2, &b1))?, partial((&a2, &b0), (&a0, &b2))?, Some(third)];
    let parts: Vec<Expr> = parts.into_iter().flatten().collect();
    let shape = broadcast("cross", &parts.iter().map(|p| &p.shape).collect::<Vec<_>>())?;
    let rank = shape.rank();
    let target = position("cross", axes.c, rank + 1)?;
    let new_axis = [Item::Ellipsis, Item::NewAxis];
    let parts = parts.iter().map(|p| build::index(&stretched(p, &shape)?, &new_axis)).collect::<Result<Vec<_>>>()?;
    moved(&build::concatenate(&parts, rank)?, rank, target)
}

/// The components of vectors along an axis; what lies in the plane has no third.
fn components(x: &Expr, axis: isize, dtype: crate::dtype::DType) -> Result<[Option<Expr>; 3]> {
    let axis = position("cross", axis, x.shape.rank())?;
    let length = x.shape.known()?[axis];
    if !matches!(length, 2 | 3) {
        return Err(Error::shape("cross", format!("vectors have 2 or 3 components, not {length} of {}", x.shape)));
    }
    let x = build::cast(x, dtype)?;
    let at = |i: isize| along(&x, axis, i).map(Some);
    Ok([at(0)?, at(1)?, if length == 3 { at(2)? } else { None }])
}

type Factors<'a> = (&'a Option<Expr>, &'a Option<Expr>);

fn product((x, y): Factors<'_>) -> Result<Option<Expr>> {
    match (x, y) {
        (Some(x), Some(y)) => Ok(Some(binary(ElementOp::Multiply, x, y)?)),
        _ => Ok(None),
    }
}

/// `p0 p1 - q0 q1`; a product without a factor is 0.
fn partial(p: Factors<'_>, q: Factors<'_>) -> Result<Option<Expr>> {
    Ok(match (product(p)?, product(q)?) {
        (Some(p), Some(q)) => Some(binary(ElementOp::Subtract, Arg::from(p), Arg::from(q))?),
        (None, Some(q)) => Some(unary(ElementOp::Negative, &q)?),
        (p, None) => p,
    })
}

fn minor(p: Factors<'_>, q: Factors<'_>) -> Result<Expr> {
    partial(p, q)?.ok_or_else(|| Error::bug("vectors have two components"))
}
