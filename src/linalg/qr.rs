//! QR factors of matrices, with NumPy's shapes, dtypes and refusals.

use super::factor::working;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::{build, matrices};
use crate::op::regional::decompose::Place;
use crate::op::regional::{Columns, Factors};
use crate::shape::slice::Item;

/// The factors `q` with orthonormal columns and `r`, an upper triangle, with `q r = a` for the matrices of the last two
/// axes. `q` has as many columns as `a` has rows or columns, whichever are fewer, or a square of them.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices, [`DType`](crate::ErrorKind::DType) for floats of
/// 16 bits.
#[track_caller]
pub fn qr(a: &Expr, complete: bool) -> Result<[Expr; 2]> {
    let a = build::cast(a, working("qr", a.dtype)?)?;
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
    Ok(matrices::decompose(&a, Factors::Qr(Columns::None))?.0)
}

/// A factor in an array of all of them.
#[track_caller]
pub(super) fn part(packed: &Expr, place: Place) -> Result<Expr> {
    let range = |(start, count): (usize, usize)| Item::from(start.cast_signed()..(start + count).cast_signed());
    build::index(packed, &[vec![Item::Ellipsis], place.map(range).to_vec()].concat())
}
