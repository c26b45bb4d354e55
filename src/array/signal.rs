//! Sums of shifted products: convolutions and correlations.

use super::manipulation::flip;
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{along, as_axis, binary, choice, constant_along, joined, range, reduce_away, thick, unary};
use crate::linalg::matmul::matmul;
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::Axes;

/// Up to how many elements of the shorter vector its products are added up in one pass over the longer one.
const SHORT: usize = 16;

/// Which shifts are in a convolution of lengths `n` and, not longer, `m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those at which one lies within the other: `n - m + 1`.
    Valid,
    /// `n`, centred.
    Same,
    /// All at which they overlap: `n + m - 1`.
    Full,
}

impl<T: Kind> Array<T> {
    /// The convolution of vectors, `out[i] = Σ a[i - k] v[k]`, at one multiplication for each pair of elements.
    ///
    /// ```
    /// # use hyperslab::{Context, array::signal::Mode};
    /// # let cx = Context::default();
    /// let (a, v) = (cx.linspace(1.0, 3.0, 3)?, cx.linspace(0.0, 1.0, 2)?);
    /// assert_eq!(cx.compute(a.convolve(&v, Mode::Full))?.as_slice().unwrap(), &[0.0, 1.0, 2.0, 3.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn convolve(&self, v: &Self, mode: Mode) -> Self {
        Self::of(done(convolve(self.expr(), v.expr(), mode)))
    }

    /// The correlation of vectors, `out[i] = Σ a[i + k] conj(v[k])`.
    ///
    /// ```
    /// # use hyperslab::{Context, array::signal::Mode};
    /// # let cx = Context::default();
    /// let (a, v) = (cx.linspace(1.0, 3.0, 3)?, cx.linspace(0.0, 1.0, 2)?);
    /// assert_eq!(cx.compute(a.correlate(&v, Mode::Valid))?.as_slice().unwrap(), &[2.0, 3.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn correlate(&self, v: &Self, mode: Mode) -> Self {
        Self::of(done(correlate(self.expr(), v.expr(), mode)))
    }
}

/// The convolution of two vectors; a number is a vector of one element.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for matrices and vectors without elements.
#[track_caller]
pub fn convolve(a: &Expr, v: &Expr, mode: Mode) -> Result<Expr> {
    let (a, v) = (thick(a, 1)?, thick(v, 1)?);
    let (n, m) = (length("convolve", &a)?, length("convolve", &v)?);
    let (long, short) = if n < m { (v, a) } else { (a, v) };
    sliding(&long, &flip(&short, &Axes::All)?, mode)
}

/// The correlation of two vectors, the second conjugated.
///
/// # Errors
/// As [`convolve`].
#[track_caller]
pub fn correlate(a: &Expr, v: &Expr, mode: Mode) -> Result<Expr> {
    let (n, m) = (length("correlate", a)?, length("correlate", v)?);
    let v = if v.dtype.is_complex() { unary(Op::Conjugate, v)? } else { v.clone() };
    if n >= m {
        return sliding(a, &v, mode);
    }
    flip(&sliding(&v, a, mode)?, &Axes::All)
}

fn length(op: &str, x: &Expr) -> Result<usize> {
    match x.shape.known()?.as_slice() {
        [0] => Err(Error::shape(op, "a vector has no elements")),
        [n] => Ok(*n),
        _ => Err(Error::shape(op, format!("takes vectors, not an array of shape {}", x.shape))),
    }
}

/// `Σ a[i + k] v[k]` for a `v` that is not longer than `a`, over what there is of `a` at both ends.
fn sliding(a: &Expr, v: &Expr, mode: Mode) -> Result<Expr> {
    let (n, m) = (a.lengths()[0], v.lengths()[0]);
    let (before, after) = match mode {
        Mode::Valid => (0, 0),
        Mode::Same => (m / 2, m - m / 2 - 1),
        Mode::Full => (m - 1, m - 1),
    };
    let inside = if m <= SHORT { shifted(a, v, n + 1 - m)? } else { matmul(v, &windows(a, m, n + 1 - m)?)? };
    let mut parts = vec![inside];
    if before > 0 {
        parts.insert(0, cut_off(&range(a, 0, 0, m - 1)?, v, (before, 0))?);
    }
    if after > 0 {
        parts.push(cut_off(&range(a, 0, n + 1 - m, n)?, v, (0, after))?);
    }
    joined(&parts, 0)
}

/// `Σ a[i + k] v[k]` for `count` results, product after product in one pass over `a`.
fn shifted(a: &Expr, v: &Expr, count: usize) -> Result<Expr> {
    let dtype = promote(a.dtype, v.dtype);
    let wide = wider(dtype);
    let (a, v) = (build::cast(a, wide)?, build::cast(v, wide)?);
    let term = |k: usize| binary(Op::Multiply, range(&a, 0, k, k + count)?, along(&v, 0, k.cast_signed())?);
    let mut sum = term(0)?;
    for k in 1..v.lengths()[0] {
        sum = binary(Op::Add, &sum, term(k)?)?;
    }
    build::cast(&sum, dtype)
}

/// The dtype in which products of `dtype` are added up.
fn wider(dtype: DType) -> DType {
    if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}

/// The sums of products for windows that stick out of `x`, which is shorter than `v` by 1, in front or behind. What is
/// not there does not count, even where `v` is infinite.
fn cut_off(x: &Expr, v: &Expr, (before, after): (usize, usize)) -> Result<Expr> {
    let (n, m) = (x.lengths()[0], v.lengths()[0]);
    let zeros = |count: usize| constant_along(x, 0, count, 0, x.dtype);
    let padded = if before > 0 { [zeros(before)?, x.clone()] } else { [x.clone(), zeros(after)?] };
    let count = before + after;
    let windows = windows(&joined(&padded, 0)?, m, count)?;
    let at = binary(Op::Add, as_axis(&build::iota(m, None), 0, 2)?, build::iota(count, None))?;
    let (first, end) = (i64::try_from(before).unwrap_or(i64::MAX), i64::try_from(before + n).unwrap_or(i64::MAX));
    let there = binary(Op::LogicalAnd, binary(Op::GreaterEqual, &at, first)?, binary(Op::Less, &at, end)?)?;
    let dtype = promote(x.dtype, v.dtype);
    let wide = wider(dtype);
    let v = as_axis(&build::cast(v, wide)?, 0, 2)?;
    let products = choice(&there, binary(Op::Multiply, build::cast(&windows, wide)?, v)?, 0)?;
    let (products, sum) =
        if dtype == DType::Bool { (build::cast(&products, dtype)?, "any") } else { (products, "sum") };
    build::cast(&reduce_away(&products, sum, &[0], None)?, dtype)
}

/// A matrix of which row `k` is `a` from `k` on, `m` rows of `count` elements: copies of `a` one after another, cut
/// into rows that are longer than `a` by 1.
fn windows(a: &Expr, m: usize, count: usize) -> Result<Expr> {
    let n = a.lengths()[0];
    let too_long = || Error::shape("convolve", format!("{m} times {n} elements are too many"));
    let (copies, wanted) = (m.checked_add(1), m.checked_mul(n + 1));
    let (copies, wanted) = copies.zip(wanted).ok_or_else(too_long)?;
    let total = copies.checked_mul(n).ok_or_else(too_long)?;
    let repeated = build::reshape(&build::broadcast_to(a, &[copies, n].into())?, &[total])?;
    range(&build::reshape(&range(&repeated, 0, 0, wanted)?, &[m, n + 1])?, 1, 0, count)
}
