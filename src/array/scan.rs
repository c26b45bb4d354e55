//! Running results along an axis: a position, `-1`, `Axis(0)`, a dimension name, or `..` for the only one.

use super::manipulation::flip;
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{as_axis, binary, choice, constant_along, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::op::scan;
use crate::shape::axes::Axes;

/// The scan called `name` of `x`, in `dtype` where that is given.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis, [`DType`](crate::ErrorKind::DType) where the scan is
/// not defined.
#[track_caller]
pub fn scan(x: &Expr, name: &str, axis: &Axes, dtype: Option<DType>) -> Result<Expr> {
    let scan = scan::find(name).ok_or_else(|| Error::unsupported(format!("there is no scan `{name}`")))?;
    let axes = axis.resolve(name, x.shape.rank(), &x.names)?;
    let [axis] = axes.as_slice() else {
        return Err(Error::axis(name, format!("goes along one axis, not {} of {}", axes.len(), x.shape)));
    };
    build::scan(x, scan, *axis, dtype)
}

/// As [`scan()`], with `start` before the results: the axis is longer by 1.
///
/// # Errors
/// As [`scan()`].
#[track_caller]
pub fn scan_from(x: &Expr, name: &str, axis: &Axes, dtype: Option<DType>, start: i64) -> Result<Expr> {
    let results = scan(x, name, axis, dtype)?;
    let axes = axis.resolve(name, x.shape.rank(), &x.names)?;
    let axis = axes.first().copied().unwrap_or(0);
    build::concatenate(&[constant_along(&results, axis, 1, start, results.dtype)?, results], axis)
}

/// `x` with the last element before it that is not NaN in place of each NaN, along an axis, as bottleneck has it; no
/// further than `limit` elements, where that is given.
///
/// # Errors
/// As [`scan()`].
#[track_caller]
pub fn push(x: &Expr, limit: Option<usize>, axis: &Axes) -> Result<Expr> {
    let filled = scan(x, "push", axis, None)?;
    let Some(limit) = limit.filter(|_| x.dtype.is_inexact()) else { return Ok(filled) };
    let (rank, lengths) = (x.shape.rank(), x.shape.known()?);
    let axes = axis.resolve("push", rank, &x.names)?;
    let along = axes.first().copied().unwrap_or(0);
    let here = as_axis(&build::iota(lengths[along], None), along, rank)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = scan(&choice(&unary(Op::Isnan, x)?, i64::MIN >> 1, &here)?, "maximum.accumulate", axis, None)?;
    choice(&binary(Op::LessEqual, &binary(Op::Subtract, &here, &found)?, limit)?, &filled, x)
}

macro_rules! scans {
    ($($doc:literal $method:ident $name:literal -> $kind:ty;)*) => {
        /// Scans. Each panics on an axis that is not there; [`Array::try_scan`] does not.
        impl<T: Kind> Array<T> {
            $(#[doc = $doc]
            #[track_caller]
            #[must_use]
            pub fn $method(&self, axis: impl Into<Axes>) -> Array<$kind> {
                Array::of(done(scan(self.expr(), $name, &axis.into(), None)))
            })*
        }
    };
}
scans! {
    "The running sum; integers add up in 64 bits and wrap, `f32` in `f64`." cumsum "cumsum" -> T::Sum;
    "The running product." cumprod "cumprod" -> T::Sum;
    "The running sum, NaN counting as 0." nancumsum "nancumsum" -> T::Sum;
    "The running product, NaN counting as 1." nancumprod "nancumprod" -> T::Sum;
    "The largest element so far; NaN from the first on." cummax "maximum.accumulate" -> T;
    "The smallest element so far; NaN from the first on." cummin "minimum.accumulate" -> T;
}

impl<T: Kind> Array<T> {
    /// With the last element before it that is not NaN in place of each NaN, no further than `limit` elements where
    /// that is given: xarray's `ffill`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[1.0, f64::NAN, f64::NAN, 4.0]).into_dyn())?;
    /// let (all, one) = cx.compute((x.ffill(0, None)?, x.bfill(0, Some(1))?))?;
    /// assert_eq!(all.as_slice().unwrap(), &[1.0, 1.0, 1.0, 4.0]);
    /// assert!(one[[1]].is_nan() && one[[2]] == 4.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`scan()`].
    #[track_caller]
    pub fn ffill(&self, axis: impl Into<Axes>, limit: Option<usize>) -> Result<Self> {
        Ok(Self::of(push(self.expr(), limit, &axis.into())?))
    }

    /// As [`ffill`](Self::ffill), with the next element after each NaN.
    ///
    /// # Errors
    /// As [`scan()`].
    #[track_caller]
    pub fn bfill(&self, axis: impl Into<Axes>, limit: Option<usize>) -> Result<Self> {
        let axis = axis.into();
        Ok(Self::of(flip(&push(&flip(self.expr(), &axis)?, limit, &axis)?, &axis)?))
    }

    /// Any scan of the [list](crate::op::scan::SCANS) by name, in `dtype` where that is given.
    ///
    /// ```
    /// use hyperslab::{Context, dtype::DType};
    /// let cx = Context::default();
    /// let x = cx.arange(4)?;
    /// let sums = x.try_scan("cumsum", 0, Some(DType::F32))?;
    /// assert_eq!(cx.compute(sums)?.to_ndarray::<f32>()?.as_slice().unwrap(), &[0.0, 1.0, 3.0, 6.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`scan()`].
    #[track_caller]
    pub fn try_scan(&self, name: &str, axis: impl Into<Axes>, dtype: Option<DType>) -> Result<Array> {
        Ok(Array::of(scan(self.expr(), name, &axis.into(), dtype)?))
    }
}
