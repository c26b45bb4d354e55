//! Reductions over any axes: `..`, `0`, `-1`, `[0, 2]`, `Axis(0)`, dimension names. [`keep`] keeps the reduced axes.

use super::{Array, Kind, done};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::compose::{self, binary, choice, unary};
use crate::expr::windows;
use crate::op::elementwise::ElementOp as Op;
use crate::op::reduction::{self, Params};
use crate::shape::axes::Axes;

/// Axes of a reduction, and whether they stay with length 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    pub(super) axes: Axes,
    pub(super) keep: bool,
}

/// The axes of a reduction that stay, with length 1.
///
/// ```
/// use hyperslab::{Context, array::reduction::keep};
/// let cx = Context::default();
/// let x = cx.zeros::<f64>(&[3, 4])?;
/// assert_eq!(x.sum(keep(0)).shape().to_string(), "(1, 4)");
/// # Ok::<(), hyperslab::Error>(())
/// ```
pub fn keep(axes: impl Into<Axes>) -> Over {
    Over { axes: axes.into(), keep: true }
}

impl<A: Into<Axes>> From<A> for Over {
    fn from(axes: A) -> Self {
        Self { axes: axes.into(), keep: false }
    }
}

/// The reduction called `name` of `x`.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis), [`DType`](crate::ErrorKind::DType) or [`Argument`](crate::ErrorKind::Argument), as
/// NumPy refuses.
#[track_caller]
pub fn reduce(x: &Expr, name: &str, over: &Over, params: Params) -> Result<Expr> {
    let reduction =
        reduction::find(name).ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))?;
    let axes = over.axes.resolve(name, x.shape.rank(), &x.names)?;
    let kept = match name {
        "argmax" if x.dtype.is_complex() => complex_position(x, "max", &axes)?,
        "argmin" if x.dtype.is_complex() => complex_position(x, "min", &axes)?,
        _ => windows::reduce(x, reduction, &axes, params)?,
    };
    if over.keep {
        return Ok(kept);
    }
    let positions: Vec<isize> = axes.iter().map(|a| a.cast_signed()).collect();
    super::manipulation::squeeze(&kept, Some(&Axes::Positions(positions)))
}

/// Where the extreme of complex numbers is first, by real part and then by imaginary part; the first with NaN in
/// either, where there is one. In two passes: what it is, and where. The reduced axes stay with length 1.
fn complex_position(x: &Expr, extreme: &str, axes: &[usize]) -> Result<Expr> {
    let found = compose::reduce(x, extreme, axes, None)?;
    let (nan, equal) = (unary(Op::Isnan, x)?, binary(Op::Equal, x, &found)?);
    compose::reduce(&choice(&unary(Op::Isnan, &found)?, &nan, &equal)?, "argmax", axes, None)
}

macro_rules! reductions {
    ($($doc:literal $name:ident -> $kind:ty;)*) => {
        /// Reductions. Each panics on an axis that is not there and where NumPy raises; [`Array::try_reduce`] does not.
        impl<T: Kind> Array<T> {
            $(#[doc = $doc]
            #[track_caller]
            #[must_use]
            pub fn $name(&self, over: impl Into<Over>) -> Array<$kind> {
                Array::of(done(reduce(self.expr(), stringify!($name), &over.into(), Params::default())))
            })*
        }
    };
}
reductions! {
    "The sum; integers add up in 64 bits and wrap, `f32` in `f64`." sum -> T::Sum;
    "The product." prod -> T::Sum;
    "The mean." mean -> T::Mean;
    "The variance, `ddof` 0." var -> T::Spread;
    "The standard deviation, `ddof` 0." std -> T::Spread;
    "The smallest element; NaN if there is one." min -> T;
    "The largest element; NaN if there is one." max -> T;
    "The largest element less the smallest." ptp -> T;
    "Whether any element is true." any -> T::Truth;
    "Whether all elements are true." all -> T::Truth;
    "The number of elements that are not zero." count_nonzero -> T::Position;
    "The position of the smallest element." argmin -> T::Position;
    "The position of the largest element." argmax -> T::Position;
    "The sum of what is not NaN." nansum -> T::Sum;
    "The product of what is not NaN." nanprod -> T::Sum;
    "The mean of what is not NaN." nanmean -> T::Mean;
    "The variance of what is not NaN." nanvar -> T::Spread;
    "The standard deviation of what is not NaN." nanstd -> T::Spread;
    "The smallest element that is not NaN." nanmin -> T;
    "The largest element that is not NaN." nanmax -> T;
    "The position of the smallest element that is not NaN." nanargmin -> T::Position;
    "The position of the largest element that is not NaN." nanargmax -> T::Position;
}

impl<T: Kind> Array<T> {
    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name, with its parameters.
    ///
    /// ```
    /// use hyperslab::{Context, op::reduction::Params};
    /// let cx = Context::default();
    /// let x = cx.arange(5)?;
    /// let sample = x.try_reduce("var", .., Params { ddof: 1.0, ..Params::default() })?;
    /// assert_eq!(cx.compute(sample)?.to_ndarray::<f64>()?[[]], 2.5);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`reduce`].
    #[track_caller]
    pub fn try_reduce(&self, name: &str, over: impl Into<Over>, params: Params) -> Result<Array> {
        Ok(Array::of(reduce(self.expr(), name, &over.into(), params)?))
    }
}
