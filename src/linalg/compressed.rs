//! The first singular values and vectors of a large matrix, by random products (Halko, Martinsson and Tropp, 2011).

use super::factor::{adjoint, working};
use super::matmul::matmul;
use super::qr::qr;
use super::spectra::svd;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::range;
use crate::expr::random;

/// The first `k` singular values of a matrix, nearly, and their vectors, as [`svd`] gives them.
///
/// The matrix is multiplied by `k + oversamples` random columns, whose draw is `key`, and then `iterations` times by
/// its adjoint and itself, orthonormal columns being found each time; what is left of it in the space of these is
/// small. It is read twice, and twice more for each iteration. With `s` singular values beyond the first ones, errors
/// are some multiple of the first of these, which each iteration brings nearer to 1.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no matrix, [`Argument`](crate::ErrorKind::Argument) for no values,
/// [`DType`](crate::ErrorKind::DType) for floats of 16 bits.
#[track_caller]
pub fn svd_compressed(a: &Expr, k: usize, iterations: usize, oversamples: usize, key: u64) -> Result<[Expr; 3]> {
    let op = "svd_compressed";
    let a = build::cast(a, working(op, a.dtype)?)?;
    let lengths = a.shape.known()?;
    let &[m, n] = lengths.as_slice() else {
        return Err(Error::shape(op, format!("an array of shape {} is no matrix", a.shape)));
    };
    if k == 0 {
        return Err(Error::argument(op, "no singular values are asked for"));
    }
    let level = k.saturating_add(oversamples).min(m).min(n);
    let normal = random::find("normal").ok_or_else(|| Error::bug("there is the normal distribution"))?;
    let draw = normal.draw(key, &[Arg::from(0.0), Arg::from(1.0)], Some(&[n, level]))?;
    let [mut q, _] = qr(&matmul(&a, &build::cast(&draw, a.dtype)?)?, false)?;
    for _ in 0..iterations {
        let [back, _] = qr(&matmul(&adjoint(&a)?, &q)?, false)?;
        [q, _] = qr(&matmul(&a, &back)?, false)?;
    }
    let [u, s, vh] = svd(&matmul(&adjoint(&q)?, &a)?, false)?;
    let k = k.min(level);
    Ok([range(&matmul(&q, &u)?, 1, 0, k)?, range(&s, 0, 0, k)?, range(&vh, 0, 0, k)?])
}
