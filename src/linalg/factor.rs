//! Factorisations of square matrices, and systems that these solve, with NumPy's shapes, dtypes and refusals.

use crate::dtype::promote::promote;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::matrices;
use crate::op::elementwise::ElementOp;
use crate::op::tiles::Factorisation;
use crate::shape::slice::Item;

/// The lower triangular `l` with `l lᴴ = a`, of which only the lower triangle is read; or, if `upper`, the upper
/// triangular `u` with `uᴴ u = a`, of which only the upper one is.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, [`DType`](crate::ErrorKind::DType) for
/// floats of 16 bits.
#[track_caller]
pub fn cholesky(a: &Expr, upper: bool) -> Result<Expr> {
    let dtype = working("cholesky", a.dtype)?;
    let square = a.shape.rank() >= 2;
    let a = build::cast(a, dtype)?;
    if !(upper && square) {
        return matrices::tiles(&a, Factorisation::Cholesky);
    }
    adjoint(&matrices::tiles(&adjoint(&a)?, Factorisation::Cholesky)?)
}

/// `x` with `a x = b` for triangular `a` over the last two axes, of which only the lower or the upper triangle is read;
/// `b` is a vector, or matrices over the last two axes.
///
/// # Errors
/// As [`cholesky`], and [`Shape`](crate::ErrorKind::Shape) where the two do not fit each other.
#[track_caller]
pub fn solve_triangular(a: &Expr, b: &Expr, lower: bool) -> Result<Expr> {
    let op = "solve_triangular";
    let dtype = working(op, promote(a.dtype, b.dtype))?;
    let (a, b) = (build::cast(a, dtype)?, build::cast(b, dtype)?);
    if a.shape.rank() < 2 || b.shape.rank() == 0 {
        return Err(Error::shape(op, format!("shapes {} and {} are no matrix and right-hand side", a.shape, b.shape)));
    }
    let vector = b.shape.rank() == 1;
    let b = if vector { build::index(&b, &[Item::from(..), Item::NewAxis])? } else { b };
    let (columns, rows) = (a.lengths()[a.shape.rank() - 1], b.lengths()[b.shape.rank() - 2]);
    if columns != rows {
        return Err(Error::shape(op, format!("shapes {} and {} differ in {columns} and {rows}", a.shape, b.shape)));
    }
    // (l x)ᴴ = xᴴ lᴴ; an upper triangle is a lower one from behind.
    let x = if lower {
        adjoint(&matrices::substitute(&adjoint(&b)?, &a)?)?
    } else {
        let turned = matrices::substitute(&adjoint(&flipped(&b, false)?)?, &flipped(&a, true)?)?;
        flipped(&adjoint(&turned)?, false)?
    };
    let rank = x.shape.rank();
    let first = [vec![Item::from(..); rank - 1], vec![Item::from(0)]].concat();
    if vector { build::index(&x, &first) } else { Ok(x) }
}

/// `x` with `a x = b` for Hermitian, positive definite `a`, by its Cholesky factor.
///
/// # Errors
/// As [`solve_triangular`].
#[track_caller]
pub fn solve_positive(a: &Expr, b: &Expr) -> Result<Expr> {
    let l = cholesky(a, false)?;
    solve_triangular(&adjoint(&l)?, &solve_triangular(&l, b, true)?, false)
}

/// The last axis but one from behind, and the last one too where `both` are meant.
#[track_caller]
fn flipped(x: &Expr, both: bool) -> Result<Expr> {
    let mut items = vec![Item::from(..); x.shape.rank()];
    let behind = Item::from((.., -1));
    let rank = items.len();
    items[rank - 2] = behind.clone();
    if both {
        items[rank - 1] = behind;
    }
    build::index(x, &items)
}

/// The dtype in which matrices of `dtype` are factored: that of NumPy.
pub(super) fn working(op: &str, dtype: DType) -> Result<DType> {
    match dtype {
        DType::F16 | DType::BF16 => Err(Error::dtype(op, format!("array type {dtype} is unsupported in linalg"))),
        _ if matches!(dtype.kind(), Kind::Float | Kind::Complex) => Ok(dtype),
        _ => Ok(DType::F64),
    }
}

/// The conjugate transpose of the last two axes.
#[track_caller]
pub(super) fn adjoint(a: &Expr) -> Result<Expr> {
    let rank = a.shape.rank();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    let turned = build::transpose(a, &order)?;
    if a.dtype.is_complex() { build::element(ElementOp::Conjugate, &[Arg::Array(turned)]) } else { Ok(turned) }
}
