//! A method per operation of the table, and the elementwise functions made of several.

use super::{Array, Kind, Operand, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::{ElementOp, elementwise_table};

/// The kind of a method's result, from the row's typing and the last of its results.
macro_rules! result_kind {
    ($typing:ident, $first:ident $($rest:ident)+) => { result_kind!($typing, $($rest)+) };
    ($typing:ident, bool) => { T::Truth };
    ($typing:ident, uint8) => { u8 };
    ($typing:ident, int32) => { i32 };
    (Logical, same) => { T::Truth };
    (Inexact, same) => { T::Float };
    (Inexact, real) => { <T::Float as Kind>::Real };
    (Division, same) => { T::Quotient };
    ($typing:ident, same) => { T };
    ($typing:ident, real) => { T::Real };
}

macro_rules! method {
    ($doc:expr, $Op:ident, $name:ident, $kind:ty, ($x:ident)) => {
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self) -> Array<$kind> {
            Array::of(done(build::element(ElementOp::$Op, &[Arg::Array(self.expr().clone())])))
        }
    };
    ($doc:expr, $Op:ident, $name:ident, $kind:ty, ($x:ident, $y:ident)) => {
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self, y: impl Into<Operand<T>>) -> Array<$kind> {
            let args = [Arg::Array(self.expr().clone()), y.into().arg().clone()];
            Array::of(done(build::element(ElementOp::$Op, &args)))
        }
    };
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $typing:ident, $args:tt, $domain:expr, $agree:ident $(($ulp:literal))? {
        $($class:ident => $out:ident: $e:expr, $cuda:literal;)*
    })*) => {
        /// One method per row of the [table](crate::op::elementwise): `x` is the array itself. Each panics where
        /// [`Array::try_unary`] or [`Array::try_binary`] returns an error.
        impl<T: Kind> Array<T> {
            $(method!(concat!($($doc),+), $Op, $name, result_kind!($typing, $($out)*), $args);)*
        }
    };
}
elementwise_table!(methods);

impl<T: Kind> Array<T> {
    /// The absolute value.
    #[track_caller]
    #[must_use]
    pub fn abs(&self) -> Array<T::Real> {
        self.absolute()
    }

    /// Every element brought into `[low, high]`.
    #[track_caller]
    #[must_use]
    pub fn clip(&self, low: impl Into<Operand<T>>, high: impl Into<Operand<T>>) -> Self {
        let (low, high) = (low.into(), high.into());
        Self::of(done(clip(self.expr(), Some(low.arg()), Some(high.arg()))))
    }

    /// Rounded to this many decimals, halves to even.
    #[track_caller]
    #[must_use]
    pub fn round(&self, decimals: i32) -> Self {
        Self::of(done(round(self.expr(), decimals)))
    }
}

impl<T: Kind<Truth = T>> Array<T> {
    /// `then` where this array is true, `otherwise` elsewhere.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(-1.0, 1.0, 5)?;
    /// let y = x.greater(0.0).where_(&x, 0.0);
    /// assert_eq!(cx.compute(y)?.as_slice().unwrap(), &[0.0, 0.0, 0.0, 0.5, 1.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn where_<U: Kind>(&self, then: impl Into<Operand<U>>, otherwise: impl Into<Operand<U>>) -> Array<U> {
        let condition = Arg::Array(self.expr().clone());
        Array::of(done(build::select(&condition, then.into().arg(), otherwise.into().arg())))
    }
}

/// `minimum(maximum(x, low), high)`, either end left out.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn clip(x: &Expr, low: Option<&Arg>, high: Option<&Arg>) -> Result<Expr> {
    let mut out = x.clone();
    if let Some(low) = low {
        out = build::element(ElementOp::Maximum, &[Arg::Array(out), low.clone()])?;
    }
    if let Some(high) = high {
        out = build::element(ElementOp::Minimum, &[Arg::Array(out), high.clone()])?;
    }
    Ok(out)
}

/// NumPy's `round`: scaled by a power of ten, rounded half to even, scaled back. Integers stay as they are for
/// non-negative `decimals`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for booleans, [`Unsupported`](crate::ErrorKind::Unsupported) for integers and
/// negative decimals beyond the dtype.
#[track_caller]
pub fn round(x: &Expr, decimals: i32) -> Result<Expr> {
    let dtype = x.dtype;
    if dtype == DType::Bool {
        return Err(Error::dtype("round", "is not defined for bool"));
    }
    if dtype.is_integer() && decimals >= 0 {
        return Ok(x.clone());
    }
    let arg = [Arg::Array(x.clone())];
    if decimals == 0 {
        return build::element(ElementOp::Rint, &arg);
    }
    let scale = Scalar::Float(10f64.powi(decimals.abs()));
    let (first, second) =
        if decimals > 0 { (ElementOp::Multiply, ElementOp::Divide) } else { (ElementOp::Divide, ElementOp::Multiply) };
    build::compose_typed("round", &arg, &[None], |p, v| {
        let wide = if dtype.is_integer() { DType::F64 } else { dtype };
        let (x, s) = (p.cast(v[0], wide), p.constant(scale, wide));
        let scaled = p.op(first, &[x, s])?;
        let whole = p.op(ElementOp::Rint, &[scaled])?;
        let back = p.op(second, &[whole, s])?;
        Ok(p.cast(back, dtype))
    })
}
