//! Diagonals of matrices, matrices made of diagonals, and triangles, with NumPy's shapes, dtypes and refusals.

use crate::chunk::{Chunks, auto};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::matrices;
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params};
use crate::op::scan;
use crate::shape::Shape;
use crate::shape::axes::position;
use crate::shape::slice::Item;

/// The elements at `(i, i + offset)` of axes `axis1` and `axis2`, over `i` on a new last axis. It is a view: computing
/// it reads the chunks that it goes through.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for less than two axes, [`Axis`](crate::ErrorKind::Axis) for one that is not
/// there or given twice.
#[track_caller]
pub fn diagonal(a: &Expr, offset: isize, axis1: isize, axis2: isize) -> Result<Expr> {
    diagonal_for("diagonal", a, offset, axis1, axis2)
}

#[track_caller]
fn diagonal_for(op: &str, a: &Expr, offset: isize, axis1: isize, axis2: isize) -> Result<Expr> {
    let rank = a.shape.rank();
    if rank < 2 {
        return Err(Error::shape(op, format!("shape {} has no two axes to take a diagonal of", a.shape)));
    }
    let (first, second) = (position(op, axis1, rank)?, position(op, axis2, rank)?);
    if first == second {
        return Err(Error::axis(op, format!("axes {axis1} and {axis2} are the same")));
    }
    matrices::diagonal(a, offset, first, second)
}

/// The sum of a [`diagonal`], in `dtype` or in NumPy's dtype for sums.
///
/// # Errors
/// As [`diagonal`].
#[track_caller]
pub fn trace(a: &Expr, offset: isize, axis1: isize, axis2: isize, dtype: Option<DType>) -> Result<Expr> {
    let elements = diagonal_for("trace", a, offset, axis1, axis2)?;
    let last = elements.shape.rank() - 1;
    let sum = reduction::find("sum").ok_or_else(|| Error::bug("there is the reduction sum"))?;
    let total = build::reduce(&elements, sum, &[last], Params { dtype, ..Params::default() })?;
    let items = [vec![Item::from(..); last], vec![Item::from(0)]].concat();
    build::index(&total, &items)
}

/// NumPy's `diag`: the diagonal of a matrix, or the matrix that has a vector as its diagonal and zeros elsewhere.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless there are one or two axes.
#[track_caller]
pub fn diag(v: &Expr, k: isize) -> Result<Expr> {
    match v.lengths().as_slice() {
        [n] => matrix(v, *n, k),
        [_, _] => matrices::diagonal(v, k, 0, 1),
        _ => Err(Error::shape("diag", format!("takes one or two axes, and the array has shape {}", v.shape))),
    }
}

/// The matrix whose diagonal `k` holds all elements of `v`, in C order.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the matrix is too large.
#[track_caller]
pub fn diagflat(v: &Expr, k: isize) -> Result<Expr> {
    let n = crate::shape::size(&v.shape.known()?);
    matrix(&build::reshape(v, &[n])?, n, k)
}

/// The square matrix with the `n` elements of `v` on diagonal `k`.
#[track_caller]
fn matrix(v: &Expr, n: usize, k: isize) -> Result<Expr> {
    let more = k.unsigned_abs();
    let side = n.checked_add(more).ok_or_else(|| Error::shape("diag", format!("diagonal {k} is too far away")))?;
    crate::shape::fits_memory("diag", &[side, side])?;
    let zeros = build::full(&[more], Scalar::Bool(false), v.dtype, None)?;
    let padded = if more == 0 { v.clone() } else { build::concatenate(&[v.clone(), zeros], 0)? };
    // Element i is at (i, i + k), or at (i - k, i): where it is depends on the row or on the column alone.
    let items = if k < 0 { [Item::NewAxis, Item::from(..)] } else { [Item::from(..), Item::NewAxis] };
    let spread = build::index(&padded, &items)?;
    where_else_zero(&band([side, side], &auto::auto(&[side, side], v.dtype.size()), k, ElementOp::Equal)?, &spread)
}

/// `x` where `inside` is true, zero of its dtype elsewhere.
#[track_caller]
fn where_else_zero(inside: &Expr, x: &Expr) -> Result<Expr> {
    build::select(&Arg::Array(inside.clone()), &Arg::Array(x.clone()), &Arg::Scalar(Scalar::Bool(false)))
}

/// Where `row + k op column` holds, in a matrix cut like `chunks`.
#[track_caller]
fn band([rows, columns]: [usize; 2], chunks: &Chunks, k: isize, op: ElementOp) -> Result<Expr> {
    let along = |n: usize, axis: usize| build::iota(n, Some(chunks.axes()[axis].longest().max(1)));
    let down = build::index(&along(rows, 0), &[Item::from(..), Item::NewAxis])?;
    // Beyond this every diagonal is outside, and adding to it does not overflow.
    let k = (k as i128).clamp(-(1 << 62), 1 << 62);
    let shifted = build::element(ElementOp::Add, &[Arg::Array(down), Arg::Scalar(Scalar::Int(k))])?;
    build::element(op, &[Arg::Array(shifted), Arg::Array(along(columns, 1))])
}

/// NumPy's `eye`: ones on diagonal `k` of a matrix of zeros.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the matrix is too large.
#[track_caller]
pub fn eye(rows: usize, columns: usize, k: isize, dtype: DType) -> Result<Expr> {
    pattern("eye", [rows, columns], k, ElementOp::Equal, dtype)
}

/// NumPy's `tri`: ones on and below diagonal `k` of a matrix of zeros.
///
/// # Errors
/// As [`eye`].
#[track_caller]
pub fn tri(rows: usize, columns: usize, k: isize, dtype: DType) -> Result<Expr> {
    pattern("tri", [rows, columns], k, ElementOp::GreaterEqual, dtype)
}

#[track_caller]
fn pattern(name: &str, sides: [usize; 2], k: isize, op: ElementOp, dtype: DType) -> Result<Expr> {
    crate::shape::fits_memory(name, &sides)?;
    build::cast(&band(sides, &auto::auto(&sides, dtype.size()), k, op)?, dtype)
}

/// Matrices over the last two axes with zeros above diagonal `k`, or below it if `upper`; a vector is every row of a
/// square.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for a number.
#[track_caller]
pub fn triangle(m: &Expr, k: isize, upper: bool) -> Result<Expr> {
    let whole = |rows: usize, columns: usize| ([rows, columns], Chunks::whole(&[rows, columns]));
    let (sides, chunks) = match m.shape.known()?.as_slice() {
        [n] => whole(*n, *n),
        [.., rows, columns] => whole(*rows, *columns),
        [] => return Err(Error::shape(if upper { "triu" } else { "tril" }, "needs at least one axis")),
    };
    let op = if upper { ElementOp::LessEqual } else { ElementOp::GreaterEqual };
    where_else_zero(&band(sides, &chunks, k, op)?, m)
}

/// NumPy's `vander`: the powers `0..n` of the elements of a vector, the highest first unless `increasing`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector, or for a matrix that is too large.
#[track_caller]
pub fn vander(x: &Expr, n: usize, increasing: bool) -> Result<Expr> {
    let [rows] = x.lengths()[..] else {
        return Err(Error::shape("vander", format!("takes one axis, and the array has shape {}", x.shape)));
    };
    crate::shape::fits_memory("vander", &[rows, n])?;
    let dtype = promote(x.dtype, DType::I64);
    let ones = build::full(&[rows, n.min(1)], Scalar::Int(1), dtype, None)?;
    let column = build::index(&build::cast(x, dtype)?, &[Item::from(..), Item::NewAxis])?;
    let wide = build::broadcast_to(&column, &Shape::new(&[rows, n.saturating_sub(1)]))?;
    let product = scan::find("cumprod").ok_or_else(|| Error::bug("there is the scan cumprod"))?;
    let powers = build::concatenate(&[ones, build::scan(&wide, product, 1, Some(dtype))?], 1)?;
    if increasing { Ok(powers) } else { build::index(&powers, &[Item::from(..), Item::from((.., -1))]) }
}
