//! Factorisations of square matrices, with NumPy's shapes, dtypes and refusals.

use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::ElementOp;
use crate::op::tiles::Factorisation;

/// The lower triangular `l` with `l lᴴ = a`, of which only the lower triangle is read; or, if `upper`, the upper triangular
/// `u` with `uᴴ u = a`, of which only the upper one is.
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
        return build::tiles(&a, Factorisation::Cholesky);
    }
    adjoint(&build::tiles(&adjoint(&a)?, Factorisation::Cholesky)?)
}

/// The dtype in which matrices of `dtype` are factored: that of NumPy.
fn working(op: &str, dtype: DType) -> Result<DType> {
    match dtype {
        DType::F16 | DType::BF16 => Err(Error::dtype(op, format!("array type {dtype} is unsupported in linalg"))),
        _ if matches!(dtype.kind(), Kind::Float | Kind::Complex) => Ok(dtype),
        _ => Ok(DType::F64),
    }
}

/// The conjugate transpose of the last two axes.
#[track_caller]
fn adjoint(a: &Expr) -> Result<Expr> {
    let rank = a.shape.rank();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    let turned = build::transpose(a, &order)?;
    if a.dtype.is_complex() { build::element(ElementOp::Conjugate, &[Arg::Array(turned)]) } else { Ok(turned) }
}
