//! Systems of linear equations, inverses and determinants, by LU factorisations, with NumPy's shapes, dtypes and
//! refusals.

use super::diagonal::{diagonal, eye, triangle};
use super::factor::working;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, choice, moved, reduce_away, unary};
use crate::expr::matrices;
use crate::op::elementwise::ElementOp;
use crate::op::tiles::Factorisation;
use crate::shape;
use crate::shape::axes::position;
use crate::shape::slice::Item;

/// `x` with `a x = b` for square matrices over the last two axes; `b` is a vector where it has one axis, and else
/// matrices over its last two. The other axes broadcast.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, or does not fit it;
/// [`DType`](crate::ErrorKind::DType) for floats of 16 bits.
#[track_caller]
pub fn solve(a: &Expr, b: &Expr) -> Result<Expr> {
    let op = "solve";
    let n = side(op, a)?;
    let dtype = promote(working(op, a.dtype)?, working(op, b.dtype)?);
    let vector = b.shape.rank() == 1;
    let column = if vector { build::index(b, &[Item::from(..), Item::NewAxis])? } else { b.clone() };
    match column.shape.known()?.as_slice() {
        [.., rows, _] if *rows == n => {}
        _ => {
            let why = format!("matrices of shape {} do not fit right-hand sides of shape {}", a.shape, b.shape);
            return Err(Error::shape(op, why));
        }
    }
    let x = matrices::solve(&factors(op, a, dtype)?, &build::cast(&column, dtype)?, op)?;
    if vector { build::index(&x, &[Item::Ellipsis, Item::from(0)]) } else { Ok(x) }
}

/// The inverse of square matrices over the last two axes.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn inv(a: &Expr) -> Result<Expr> {
    let op = "inv";
    let (n, dtype) = (side(op, a)?, working(op, a.dtype)?);
    matrices::solve(&factors(op, a, dtype)?, &eye(n, n, 0, dtype)?, op)
}

/// The determinant of square matrices over the last two axes.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn det(a: &Expr) -> Result<Expr> {
    let (sign, logarithm) = signed("det", a)?;
    binary(ElementOp::Multiply, &sign, &unary(ElementOp::Exp, &logarithm)?)
}

/// The sign of the determinant of square matrices over the last two axes, of complex ones a number of modulus 1, and
/// the logarithm of its modulus; of a singular matrix 0 and minus infinity.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn slogdet(a: &Expr) -> Result<(Expr, Expr)> {
    signed("slogdet", a)
}

/// As [`slogdet`].
#[track_caller]
fn signed(op: &'static str, a: &Expr) -> Result<(Expr, Expr)> {
    let (n, dtype) = (side(op, a)?, working(op, a.dtype)?);
    let factors = factors(op, a, dtype)?;
    let pivots = diagonal(&body(&factors, n)?, 0, -2, -1)?;
    let rows = build::index(&factors, &[Item::Ellipsis, Item::from(-1), Item::from(..)])?;
    let own = build::cast(&build::iota(n, None), dtype)?;
    // Each exchange of two rows turns the sign.
    let exchanged = binary(ElementOp::NotEqual, &rows, &own)?;
    let sign = unary(ElementOp::Sign, &pivots)?;
    let turned = choice(&exchanged, &unary(ElementOp::Negative, &sign)?, &sign)?;
    let last = [pivots.shape.rank() - 1];
    let (sign, sum) = (
        reduce_away(&turned, "prod", &last, None)?,
        reduce_away(&unary(ElementOp::Log, &unary(ElementOp::Absolute, &pivots)?)?, "sum", &last, None)?,
    );
    let singular = reduce_away(&binary(ElementOp::Equal, &pivots, 0)?, "any", &last, None)?;
    let zero = |x: &Expr, value: f64| build::cast(&choice(&singular, value, x)?, x.dtype);
    Ok((zero(&sign, 0.0)?, zero(&sum, f64::NEG_INFINITY)?))
}

/// `(p, l, u)` with `p l u = a` for square matrices over the last two axes: `p` exchanges rows, `l` is lower triangular
/// with ones on its diagonal and nothing larger below it, `u` is upper triangular.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn lu(a: &Expr) -> Result<(Expr, Expr, Expr)> {
    let op = "lu";
    let (n, dtype) = (side(op, a)?, working(op, a.dtype)?);
    let factors = factors(op, a, dtype)?;
    let body = body(&factors, n)?;
    let one = eye(n, n, 0, dtype)?;
    let below = triangle(&matrices::exchange(&factors, &body, true)?, -1, false)?;
    let l = binary(ElementOp::Add, &below, &one)?;
    let column = build::index(&build::iota(n, None), &[Item::from(..), Item::NewAxis])?;
    let order = matrices::exchange(&factors, &build::cast(&column, dtype)?, false)?;
    // Row i of l u was row order[i] of a.
    let rank = order.shape.rank();
    let p = binary(ElementOp::Equal, &build::cast(&column, dtype)?, &moved(&order, rank - 2, rank - 1)?)?;
    Ok((build::cast(&p, dtype.real())?, l, triangle(&body, 0, true)?))
}

/// `x` with `tensordot(a, x, x.ndim) = b`; the `axes` of `a` go behind the others before.
///
/// # Errors
/// As [`solve`], and [`Axis`](crate::ErrorKind::Axis) for axes that are not there.
#[track_caller]
pub fn tensorsolve(a: &Expr, b: &Expr, axes: &[isize]) -> Result<Expr> {
    let op = "tensorsolve";
    let rank = a.shape.rank();
    let mut order: Vec<usize> = (0..rank).collect();
    for &axis in axes {
        let axis = position(op, axis, rank)?;
        order.retain(|&a| a != axis);
        order.push(axis);
    }
    let a = build::transpose(a, &order)?;
    let lengths = a.shape.known()?;
    let (first, last) = lengths.split_at(b.shape.rank().min(rank));
    let n = shape::size(last);
    if shape::size(first) != n || shape::size(&b.shape.known()?) != n {
        let why =
            format!("shapes {} and {}: the first axes, and the others, must have as many elements", a.shape, b.shape);
        return Err(Error::shape(op, why));
    }
    build::reshape(&solve(&build::reshape(&a, &[n, n])?, &build::reshape(b, &[n])?)?, last)
}

/// The inverse under `tensordot` over `ind` axes: `a` as a matrix whose rows are its first `ind` axes.
///
/// # Errors
/// As [`inv`], and [`Argument`](crate::ErrorKind::Argument) for an `ind` that is not positive.
#[track_caller]
pub fn tensorinv(a: &Expr, ind: isize) -> Result<Expr> {
    let op = "tensorinv";
    let Some(ind) = usize::try_from(ind).ok().filter(|&ind| ind > 0) else {
        return Err(Error::argument(op, format!("`ind` must be positive, not {ind}")));
    };
    let lengths = a.shape.known()?;
    let (first, last) = lengths.split_at(ind.min(lengths.len()));
    let n = shape::size(last);
    if shape::size(first) != n {
        let why = format!("shape {}: the first {ind} axes, and the others, must have as many elements", a.shape);
        return Err(Error::shape(op, why));
    }
    build::reshape(&inv(&build::reshape(a, &[n, n])?)?, &[last, first].concat())
}

/// The factors of `a` in `dtype`, for what asks for them.
#[track_caller]
fn factors(op: &str, a: &Expr, dtype: DType) -> Result<Expr> {
    let n = side(op, a)?;
    let most = if dtype.real() == DType::F32 { 1 << f32::MANTISSA_DIGITS } else { 1 << f64::MANTISSA_DIGITS };
    if n as u64 > most {
        return Err(Error::unsupported(format!("{op} of a matrix of {n} rows, whose numbers {dtype} does not hold")));
    }
    matrices::tiles(&build::cast(a, dtype)?, Factorisation::Lu)
}

/// The factors without their last row.
#[track_caller]
fn body(factors: &Expr, n: usize) -> Result<Expr> {
    build::index(factors, &[Item::Ellipsis, Item::from(..n.cast_signed()), Item::from(..)])
}

/// The length of a side of the square matrices over the last two axes.
pub(super) fn side(op: &str, a: &Expr) -> Result<usize> {
    match a.shape.known()?[..] {
        [.., m, n] if m == n => Ok(n),
        [.., _, _] => Err(Error::shape(op, format!("the last two axes of shape {} are not a square", a.shape))),
        _ => Err(Error::shape(op, format!("an array of shape {} is no matrix", a.shape))),
    }
}
