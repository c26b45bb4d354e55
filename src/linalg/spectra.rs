//! Singular values and eigenvalues, and what is made of them, with NumPy's shapes, dtypes and refusals.

use super::diagonal::triangle;
use super::factor::{adjoint, working};
use super::matmul::matmul;
use super::qr::{self, orthogonal, part, tile_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::compose::{along, binary, moved, unary};
use crate::expr::{build, matrices, regions};
use crate::op::elementwise::ElementOp;
use crate::op::regional::decompose::Place;
use crate::op::regional::{Columns, Factors, LineOp};
use crate::shape::slice::Item;

/// Matrices `u` and `vh` and values `s` in descending order with `u diag(s) vh = a`, for the matrices of the last two
/// axes. The columns of `u` and the rows of `vh` are orthonormal; there are as many as `a` has rows or columns,
/// whichever are fewer, or `full` squares of them.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices, [`DType`](crate::ErrorKind::DType) for floats
/// of 16 bits.
#[track_caller]
pub fn svd(a: &Expr, full: bool) -> Result<[Expr; 3]> {
    let a = build::cast(a, working("svd", a.dtype)?)?;
    if !full && let (Some(q), r) = orthogonal(&a)? {
        let [u, s, vh] = svd(&r, false)?;
        return Ok([matmul(&q, &u)?, s, vh]);
    }
    if !full && let Some(turned) = tall_adjoint(&a)? {
        let [u, s, vh] = svd(&turned, false)?;
        return Ok([adjoint(&vh)?, s, adjoint(&u)?]);
    }
    let (packed, op) = matrices::decompose(&a, Factors::Singular(if full { Columns::All } else { Columns::Few }))?;
    let places = op.places();
    let v = part(&packed, places[2])?;
    let rank = v.shape.rank();
    Ok([part(&packed, places[0])?, real(&row(&packed, places[1])?)?, moved(&v, rank - 2, rank - 1)?])
}

/// The singular values of [`svd`] alone.
///
/// # Errors
/// As [`svd`].
#[track_caller]
pub fn svdvals(a: &Expr) -> Result<Expr> {
    let a = build::cast(a, working("svdvals", a.dtype)?)?;
    if tile_of(&a).is_some() {
        return svdvals(&qr::triangle(&a)?);
    }
    if let Some(turned) = tall_adjoint(&a)? {
        return svdvals(&turned);
    }
    let (packed, op) = matrices::decompose(&a, Factors::Singular(Columns::None))?;
    row(&packed, op.places()[0])
}

/// [`svd`] of Hermitian matrices, of which only the lower triangle is read.
///
/// # Errors
/// As [`eigh`].
#[track_caller]
pub fn svd_of_hermitian(a: &Expr) -> Result<[Expr; 3]> {
    let a = build::cast(a, working("svd", a.dtype)?)?;
    square("svd", &a)?;
    let below = adjoint(&triangle(&a, -1, false)?)?;
    svd(&binary(ElementOp::Add, &triangle(&a, 0, false)?, &below)?, false)
}

/// The singular values of [`svd`] alone, or by their eigenvalues those of [`svd_of_hermitian`].
///
/// # Errors
/// As [`svd`] and [`eigh`].
#[track_caller]
pub fn singular_values(a: &Expr, hermitian: bool) -> Result<Expr> {
    if !hermitian {
        return svdvals(a);
    }
    let sizes = unary(ElementOp::Absolute, &eigvalsh(a, false)?)?;
    let axis = sizes.shape.rank() - 1;
    along(&regions::lines(std::slice::from_ref(&sizes), LineOp::Sort, axis, sizes.lengths()[axis])?, axis, (.., -1))
}

/// Eigenvalues in ascending order and orthonormal eigenvectors, as columns, of Hermitian matrices, of which the lower
/// or the upper triangle is read.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, [`DType`](crate::ErrorKind::DType) for
/// floats of 16 bits.
#[track_caller]
pub fn eigh(a: &Expr, upper: bool) -> Result<[Expr; 2]> {
    let a = build::cast(a, working("eigh", a.dtype)?)?;
    let (packed, op) = matrices::decompose(&a, Factors::Hermitian { upper, vectors: true })?;
    let places = op.places();
    Ok([real(&row(&packed, places[0])?)?, part(&packed, places[1])?])
}

/// The eigenvalues of [`eigh`] alone.
///
/// # Errors
/// As [`eigh`].
#[track_caller]
pub fn eigvalsh(a: &Expr, upper: bool) -> Result<Expr> {
    let a = build::cast(a, working("eigvalsh", a.dtype)?)?;
    let (packed, op) = matrices::decompose(&a, Factors::Hermitian { upper, vectors: false })?;
    row(&packed, op.places()[0])
}

/// Eigenvalues in no order and eigenvectors of length 1, as columns, of square matrices; both are complex.
///
/// # Errors
/// As [`eigh`].
#[track_caller]
pub fn eig(a: &Expr) -> Result<[Expr; 2]> {
    let a = build::cast(a, working("eig", a.dtype)?)?;
    let (packed, op) = matrices::decompose(&a, Factors::Eigen { vectors: true })?;
    let places = op.places();
    Ok([row(&packed, places[0])?, part(&packed, places[1])?])
}

/// The eigenvalues of [`eig`] alone.
///
/// # Errors
/// As [`eigh`].
#[track_caller]
pub fn eigvals(a: &Expr) -> Result<Expr> {
    let a = build::cast(a, working("eigvals", a.dtype)?)?;
    let (packed, op) = matrices::decompose(&a, Factors::Eigen { vectors: false })?;
    row(&packed, op.places()[0])
}

/// The singular values of matrices with their rows along one axis and their columns along another, on a last axis.
///
/// # Errors
/// As [`svdvals`].
#[track_caller]
pub(super) fn of_axes(x: &Expr, (row, column): (usize, usize)) -> Result<Expr> {
    let rank = x.shape.rank();
    let turned = moved(x, row, rank - 1)?;
    svdvals(&moved(&turned, if column > row { column - 1 } else { column }, rank - 1)?)
}

/// The adjoint of matrices, where that is factored in tiles of rows.
#[track_caller]
fn tall_adjoint(a: &Expr) -> Result<Option<Expr>> {
    if a.shape.rank() < 2 {
        return Ok(None);
    }
    let turned = adjoint(a)?;
    Ok(tile_of(&turned).map(|_| turned))
}

/// A factor that is a row, as a vector.
#[track_caller]
fn row(packed: &Expr, place: Place) -> Result<Expr> {
    let one = part(packed, place)?;
    let items = [vec![Item::Ellipsis], vec![Item::from(0), Item::from(..)]].concat();
    build::index(&one, &items)
}

/// The real part.
#[track_caller]
fn real(x: &Expr) -> Result<Expr> {
    if x.dtype.is_complex() { unary(ElementOp::Real, x) } else { Ok(x.clone()) }
}

fn square(op: &str, a: &Expr) -> Result<()> {
    match a.lengths()[..] {
        [.., m, n] if m == n => Ok(()),
        _ => Err(Error::shape(op, format!("the last two axes of shape {} are not a square", a.shape))),
    }
}
