//! Running results along an axis: a position, `-1`, `Axis(0)`, a dimension name, or `..` for the only one.

use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::constant_along;
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
