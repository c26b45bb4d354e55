//! QR factors of matrices, with NumPy's shapes, dtypes and refusals.
//!
//! What is large and has many more rows than columns is factored in tiles of rows: the triangles of all tiles, one
//! above the other, are a smaller matrix that is factored in turn, and the tiles' orthonormal columns times pieces of
//! its are those of the whole (TSQR). Shapes and dtypes alone decide where rows are cut.

use super::factor::{adjoint, working};
use super::matmul::matmul;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::compose::range;
use crate::expr::{build, matrices};
use crate::op::regional::decompose::Place;
use crate::op::regional::{Columns, Factors};
use crate::shape::slice::Item;

/// Bytes of a tile of rows, unless it is a square or two of them that have more.
const TILE: usize = 1 << 20;

/// The factors `q` with orthonormal columns and `r`, an upper triangle, with `q r = a` for the matrices of the last two
/// axes. `q` has as many columns as `a` has rows or columns, whichever are fewer, or a square of them.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices, [`DType`](crate::ErrorKind::DType) for floats
/// of 16 bits.
#[track_caller]
pub fn qr(a: &Expr, complete: bool) -> Result<[Expr; 2]> {
    let a = build::cast(a, working("qr", a.dtype)?)?;
    if let (false, Some(rows)) = (complete, tile_of(&a)) {
        return of_tiles(&a, rows);
    }
    if let Some([square, rest]) = square_and_rest(&a)? {
        let [q, r] = qr(&square, false)?;
        let behind = matmul(&adjoint(&q)?, &rest)?;
        let last = r.shape.rank() - 1;
        return Ok([q, build::concatenate(&[r, behind], last)?]);
    }
    let (packed, op) = matrices::decompose(&a, Factors::Qr(if complete { Columns::All } else { Columns::Few }))?;
    let places = op.places();
    Ok([part(&packed, places[0])?, part(&packed, places[1])?])
}

/// The triangle of [`qr`] alone.
///
/// # Errors
/// As [`qr`].
#[track_caller]
pub fn triangle(a: &Expr) -> Result<Expr> {
    let a = build::cast(a, working("qr", a.dtype)?)?;
    if let Some(rows) = tile_of(&a) {
        let tiles = tiles(&a, rows)?;
        return triangle(&above_each_other(&triangle(&tiles)?)?);
    }
    if square_and_rest(&a)?.is_some() {
        let [_, r] = qr(&a, false)?;
        return Ok(r);
    }
    Ok(matrices::decompose(&a, Factors::Qr(Columns::None))?.0)
}

/// A matrix that has the singular values of `a`, and orthonormal columns by which it is multiplied to give `a`, where
/// it is the smaller one. It has no more rows than columns then.
#[track_caller]
pub(super) fn orthogonal(a: &Expr) -> Result<(Option<Expr>, Expr)> {
    if tile_of(a).is_none() {
        return Ok((None, a.clone()));
    }
    let [q, r] = qr(a, false)?;
    Ok((Some(q), r))
}

/// The rows of a tile, where a matrix is cut into tiles.
pub(super) fn tile_of(a: &Expr) -> Option<usize> {
    let lengths = a.shape.known().ok()?;
    let &[.., m, n] = lengths.as_slice() else { return None };
    let rows = (TILE / (n.max(1) * a.dtype.size())).max(n.saturating_mul(2)).max(1);
    (n > 0 && m / 2 >= rows).then_some(rows)
}

/// The square on the left and the rest of a matrix that is large and has many more columns than rows.
#[track_caller]
fn square_and_rest(a: &Expr) -> Result<Option<[Expr; 2]>> {
    let lengths = a.shape.known()?;
    let &[.., m, n] = lengths.as_slice() else { return Ok(None) };
    if n / 4 < m || m * n * a.dtype.size() < 2 * TILE {
        return Ok(None);
    }
    let last = lengths.len() - 1;
    Ok(Some([range(a, last, 0, m)?, range(a, last, m, n)?]))
}

/// Tiles of so many rows as a stack, the last one with zeros below it.
#[track_caller]
fn tiles(a: &Expr, rows: usize) -> Result<Expr> {
    let mut shape = a.shape.known()?;
    let (last, m, n) = (shape.len() - 1, shape[shape.len() - 2], shape[shape.len() - 1]);
    let count = m.div_ceil(rows);
    let mut whole = a.clone();
    if count * rows > m {
        shape[last - 1] = count * rows - m;
        let zeros = build::full(&shape, Scalar::Int(0), a.dtype, None)?;
        whole = build::concatenate(&[whole, zeros], last - 1)?;
    }
    build::reshape(&whole, &[&shape[..last - 1], &[count, rows, n]].concat())
}

/// A stack of matrices as one.
#[track_caller]
fn above_each_other(stack: &Expr) -> Result<Expr> {
    let shape = stack.shape.known()?;
    let [outer @ .., count, m, n] = shape.as_slice() else { return Ok(stack.clone()) };
    build::reshape(stack, &[outer, &[count * m, *n]].concat())
}

/// The factors of a matrix that is cut into tiles of so many rows.
#[track_caller]
fn of_tiles(a: &Expr, rows: usize) -> Result<[Expr; 2]> {
    let shape = a.shape.known()?;
    let (last, m, n) = (shape.len() - 1, shape[shape.len() - 2], shape[shape.len() - 1]);
    let [each, triangles] = qr(&tiles(a, rows)?, false)?;
    let [joint, r] = qr(&above_each_other(&triangles)?, false)?;
    let pieces = build::reshape(&joint, &[&shape[..last - 1], &[m.div_ceil(rows), n, n]].concat())?;
    let q = above_each_other(&matmul(&each, &pieces)?)?;
    Ok([range(&q, last - 1, 0, m)?, r])
}

/// A factor in an array of all of them.
#[track_caller]
pub(super) fn part(packed: &Expr, place: Place) -> Result<Expr> {
    let range = |(start, count): (usize, usize)| Item::from(start.cast_signed()..(start + count).cast_signed());
    build::index(packed, &[vec![Item::Ellipsis], place.map(range).to_vec()].concat())
}
