//! What singular values decide: least squares, pseudo-inverses, ranks and condition numbers, with NumPy's rules for
//! what counts as zero.

use super::factor::{adjoint, working};
use super::matmul::matmul;
use super::norm::{self, Order};
use super::qr::orthogonal;
use super::spectra::{singular_values, svd, svd_of_hermitian, svdvals};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{binary, choice, reduce, reduce_away, unary, without};
use crate::expr::node::Resume;
use crate::expr::pending::pending;
use crate::op::elementwise::ElementOp;
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape};

/// A solution in the sense of least squares.
#[derive(Debug, Clone)]
pub struct LeastSquares {
    /// What minimises the sum of squares, and of all that do, has the smallest of its own.
    pub x: Expr,
    /// The sums of squares of what is left, one for each right-hand side; none unless there are more rows than columns
    /// and these are independent.
    pub residuals: Expr,
    /// How many singular values count, `i32`.
    pub rank: Expr,
    /// The singular values.
    pub s: Expr,
}

/// `x` that minimises the length of `a x - b` for a matrix `a` and a vector, or columns, `b`. Singular values up to
/// `rcond` times the largest count as zero; that is the unit of `f64` times the longer side of `a` by default, and the
/// unit itself where it is negative.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no matrix and right-hand side, [`DType`](crate::ErrorKind::DType) for
/// floats of 16 bits.
#[track_caller]
pub fn lstsq(a: &Expr, b: &Expr, rcond: Option<f64>) -> Result<LeastSquares> {
    let dtype = promote(working("lstsq", a.dtype)?, working("lstsq", b.dtype)?);
    let (sides, right) = (a.shape.known()?, b.shape.known()?);
    let (&[m, n], &[rows, ..]) = (sides.as_slice(), right.as_slice()) else {
        let why = format!("shapes {} and {} are no matrix and right-hand side", a.shape, b.shape);
        return Err(Error::shape("lstsq", why));
    };
    if right.len() > 2 || rows != m {
        return Err(Error::shape("lstsq", format!("shapes {} and {} do not fit each other", a.shape, b.shape)));
    }
    // As in NumPy, numbers of single precision are worked with in double.
    let work = if dtype.is_complex() { DType::C128 } else { DType::F64 };
    let (a, b) = (build::cast(a, work)?, build::cast(b, work)?);
    let columns = if right.len() == 1 { build::index(&b, &[Item::from(..), Item::NewAxis])? } else { b.clone() };
    let longer = f64::from(u32::try_from(m.max(n)).unwrap_or(u32::MAX));
    let cut = match rcond {
        None => f64::EPSILON * longer,
        Some(cut) if cut < 0.0 => f64::EPSILON,
        Some(cut) => cut,
    };
    let (q, core) = orthogonal(&a)?;
    let turned = match &q {
        Some(q) => matmul(&adjoint(q)?, &columns)?,
        None => columns.clone(),
    };
    let [u, s, vh] = svd(&core, false)?;
    let (kept, inverse) = inverse_above(&s, &binary(ElementOp::Multiply, &first(&s)?, cut)?)?;
    let scaled = binary(ElementOp::Multiply, &as_column(&inverse)?, &matmul(&adjoint(&u)?, &turned)?)?;
    let x = matmul(&adjoint(&vh)?, &scaled)?;
    let rank = count(&kept)?;
    let residuals = residuals((&a, &columns, &x), &rank, dtype.real(), n)?;
    Ok(LeastSquares {
        x: build::cast(&if right.len() == 1 { without(&x, &[1])? } else { x }, dtype)?,
        residuals,
        rank: build::cast(&rank, DType::I32)?,
        s: build::cast(&s, dtype.real())?,
    })
}

/// The sums of squares of `a x - b` by columns, where the rank is that of all columns of `a` and there are more rows.
#[track_caller]
fn residuals((a, b, x): (&Expr, &Expr, &Expr), rank: &Expr, dtype: DType, n: usize) -> Result<Expr> {
    let none = || build::full(&[0], Scalar::Int(0), dtype, None);
    if a.lengths()[0] <= n {
        return none();
    }
    let left = binary(ElementOp::Subtract, &matmul(a, x)?, b)?;
    let parts =
        if left.dtype.is_complex() { vec![ElementOp::Real, ElementOp::Imag] } else { vec![ElementOp::Positive] };
    let squares = parts.into_iter().map(|part| unary(ElementOp::Square, &unary(part, &left)?));
    let squares = squares.reduce(|a, b| binary(ElementOp::Add, &a?, &b?)).unwrap_or_else(none)?;
    let sums = build::cast(&reduce_away(&squares, "sum", &[0], None)?, dtype)?;
    let most = sums.lengths()[0];
    let dims: Vec<Dim> = vec![Dim::Unknown { id: rank.id() as u64, max: most }];
    let resume = Resume::new("lstsq", move |facts, inputs| {
        let rank = facts.first().map_or(Ok(&[][..]), |f| f.values::<i64>())?.first().copied();
        let [sums] = inputs else { return Err(Error::bug("sums of squares")) };
        let full = rank.and_then(|r| usize::try_from(r).ok()) == Some(n);
        build::index(sums, &[Item::from(..if full { most.cast_signed() } else { 0 })])
    });
    Ok(pending(std::slice::from_ref(&sums), std::slice::from_ref(rank), (dtype, Shape::from(dims)), resume))
}

/// The pseudo-inverse of matrices over the last two axes. Singular values up to `cut` times the largest count as zero;
/// that is one number for all matrices, or one for each.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices, [`DType`](crate::ErrorKind::DType) for floats
/// of 16 bits.
#[track_caller]
pub fn pinv(a: &Expr, cut: &Arg, hermitian: bool) -> Result<Expr> {
    let lengths = matrices("pinv", a)?;
    let (rank, [m, n]) = (lengths.len(), [lengths[lengths.len() - 2], lengths[lengths.len() - 1]]);
    if m * n == 0 {
        let shape = [&lengths[..rank - 2], &[n, m]].concat();
        return build::full(&shape, Scalar::Int(0), a.dtype, None);
    }
    let [u, s, vh] = if hermitian { svd_of_hermitian(a)? } else { svd(a, false)? };
    let (_, inverse) = inverse_above(&s, &binary(ElementOp::Multiply, first(&s)?, for_each(cut)?)?)?;
    matmul(&adjoint(&vh)?, &binary(ElementOp::Multiply, &as_column(&inverse)?, &adjoint(&u)?)?)
}

/// What counts as zero beside the largest singular value.
#[derive(Debug, Clone)]
pub enum Tolerance {
    /// The unit of the dtype times the longer side of a matrix.
    Rounding,
    /// So many times the largest.
    Relative(Arg),
    /// Whatever the largest is.
    Absolute(Arg),
}

/// How many singular values of matrices over the last two axes are above a tolerance; of fewer axes, whether anything
/// is not 0.
///
/// # Errors
/// As [`pinv`].
#[track_caller]
pub fn matrix_rank(a: &Expr, tolerance: &Tolerance, hermitian: bool) -> Result<Expr> {
    let lengths = a.shape.known()?;
    if lengths.len() < 2 {
        let any = binary(ElementOp::NotEqual, a, 0)?;
        let axes: Vec<usize> = (0..lengths.len()).collect();
        return build::cast(&reduce_away(&any, "any", &axes, None)?, DType::I64);
    }
    let s = singular_values(a, hermitian)?;
    let cut = match tolerance {
        Tolerance::Rounding => Arg::Array(binary(ElementOp::Multiply, &first(&s)?, rounding(&lengths, s.dtype))?),
        Tolerance::Relative(by) => Arg::Array(binary(ElementOp::Multiply, first(&s)?, for_each(by)?)?),
        Tolerance::Absolute(cut) => for_each(cut)?,
    };
    count(&build::element(ElementOp::Greater, &[Arg::from(&s), cut])?)
}

/// The unit of a real dtype times the longer of the last two axes.
#[must_use]
pub fn rounding(lengths: &[usize], dtype: DType) -> f64 {
    let unit = if dtype.real() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let longer = lengths[lengths.len().saturating_sub(2)..].iter().copied().max().unwrap_or(0);
    unit * f64::from(u32::try_from(longer).unwrap_or(u32::MAX))
}

/// The condition number of matrices over the last two axes: by singular values where `order` is the 2-norm or -2, else
/// the norm of a matrix times that of its inverse. Infinite for singular matrices.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices with elements, and for others than squares by
/// other norms; as [`norm::of_matrices`].
#[track_caller]
pub fn cond(x: &Expr, order: Order) -> Result<Expr> {
    let lengths = matrices("cond", x)?;
    if lengths[lengths.len() - 2..].contains(&0) {
        return Err(Error::shape("cond", format!("matrices of shape {} have no elements", x.shape)));
    }
    let ratio = match order {
        Order::Euclid | Order::P(2.0 | -2.0) => {
            let s = svdvals(x)?;
            let (large, small) = (at(&s, 0)?, at(&s, -1)?);
            let (top, bottom) = if order == Order::P(-2.0) { (small, large) } else { (large, small) };
            binary(ElementOp::Divide, &top, &bottom)?
        }
        other => {
            let rank = lengths.len();
            if lengths[rank - 2] != lengths[rank - 1] {
                let why = format!("the last two axes of shape {} are not a square", x.shape);
                return Err(Error::shape("cond", why));
            }
            let x = build::cast(x, working("cond", x.dtype)?)?;
            let axes = (rank - 2, rank - 1);
            let [u, s, vh] = svd(&x, false)?;
            let one = build::full(&[], Scalar::Int(1), s.dtype, None)?;
            let inverse = binary(ElementOp::Divide, &one, &as_column(&s)?)?;
            let inverse = matmul(&adjoint(&vh)?, &binary(ElementOp::Multiply, &inverse, &adjoint(&u)?)?)?;
            let norms = [&x, &inverse].map(|of| without(&norm::of_matrices(of, axes, other)?, &[axes.0, axes.1]));
            let [own, inverse] = norms;
            binary(ElementOp::Multiply, &own?, &inverse?)?
        }
    };
    choice(&unary(ElementOp::Isnan, &ratio)?, f64::INFINITY, &ratio)
}

/// Which values are above `cut`, and one over these; of the others, 0.
#[track_caller]
fn inverse_above(s: &Expr, cut: &Expr) -> Result<(Expr, Expr)> {
    let kept = binary(ElementOp::Greater, s, cut)?;
    let inverse = binary(ElementOp::Divide, 1, &choice(&kept, s, 1)?)?;
    let inverse = choice(&kept, &inverse, 0)?;
    Ok((kept, inverse))
}

/// How many elements of the last axis are true.
#[track_caller]
fn count(kept: &Expr) -> Result<Expr> {
    let last = kept.shape.rank() - 1;
    without(&reduce(&build::cast(kept, DType::I64)?, "sum", &[last], None)?, &[last])
}

/// The largest singular value, along an axis of length 1, or none.
#[track_caller]
fn first(s: &Expr) -> Result<Expr> {
    build::index(s, &[Item::Ellipsis, Item::from(..1)])
}

/// The singular value at a place.
#[track_caller]
fn at(s: &Expr, place: isize) -> Result<Expr> {
    build::index(s, &[Item::Ellipsis, Item::from(place)])
}

/// Values as a column that scales rows.
#[track_caller]
fn as_column(s: &Expr) -> Result<Expr> {
    build::index(s, &[Item::Ellipsis, Item::NewAxis])
}

/// A number for each matrix beside the values of that matrix.
#[track_caller]
fn for_each(cut: &Arg) -> Result<Arg> {
    match cut {
        Arg::Array(cut) => Ok(Arg::Array(as_column(cut)?)),
        Arg::Scalar(_) => Ok(cut.clone()),
    }
}

#[track_caller]
fn matrices(op: &str, a: &Expr) -> Result<Vec<usize>> {
    let lengths = a.shape.known()?;
    if lengths.len() < 2 {
        return Err(Error::shape(op, format!("an array of shape {} is no matrix", a.shape)));
    }
    Ok(lengths)
}
