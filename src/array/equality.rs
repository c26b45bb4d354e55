//! Which numbers are close, and which arrays are equal.

use super::{Array, Kind, Operand, done};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{binary, reduce_away, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::broadcast::broadcast;

impl<T: Kind> Array<T> {
    /// Whether `|x - y| <= atol + rtol |y|`, or both are the same infinity; with `equal_nan`, or both are NaN.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(1.0, 2.0, 2)?;
    /// let close = x.isclose(&x + 1e-9, 1e-5, 1e-8, false);
    /// assert!(cx.compute(close.all(..))?[[]]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn isclose(&self, y: impl Into<Operand<T>>, rtol: f64, atol: f64, equal_nan: bool) -> Array<T::Truth> {
        let tolerance = Tolerance { rtol: Arg::from(rtol), atol: Arg::from(atol), equal_nan };
        Array::of(done(isclose(&Arg::from(self.expr()), y.into().arg(), &tolerance)))
    }

    /// [`Array::isclose`] everywhere.
    #[track_caller]
    #[must_use]
    pub fn allclose(&self, y: impl Into<Operand<T>>, rtol: f64, atol: f64, equal_nan: bool) -> Array<T::Truth> {
        self.isclose(y, rtol, atol, equal_nan).all_true()
    }

    fn all_true(&self) -> Self {
        Self::of(done(everywhere(self.expr())))
    }

    /// Whether both arrays have the same shape and equal elements; with `equal_nan`, NaN equals NaN.
    #[track_caller]
    #[must_use]
    pub fn array_equal(&self, other: &Self, equal_nan: bool) -> Array<T::Truth> {
        Array::of(done(array_equal(self.expr(), other.expr(), equal_nan)))
    }

    /// Whether both arrays broadcast together and have equal elements then.
    #[track_caller]
    #[must_use]
    pub fn array_equiv(&self, other: &Self) -> Array<T::Truth> {
        Array::of(done(array_equiv(self.expr(), other.expr())))
    }
}

/// How close is close.
#[derive(Debug, Clone)]
pub struct Tolerance {
    /// In parts of the second number.
    pub rtol: Arg,
    /// In addition.
    pub atol: Arg,
    /// Whether NaN is close to NaN.
    pub equal_nan: bool,
}

/// `|x - y| <= atol + rtol |y|` where `y` is finite, equality elsewhere.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for arrays that do not broadcast.
#[track_caller]
pub fn isclose(x: &Arg, y: &Arg, tolerance: &Tolerance) -> Result<Expr> {
    // Subtraction is in floats, so that integers do not wrap.
    let inexact = |v: &Arg| match v {
        Arg::Array(e) if e.dtype.is_inexact() => Ok(e.clone()),
        Arg::Array(e) => build::cast(e, DType::F64),
        Arg::Scalar(s) => {
            build::full(&[], *s, if s.kind() == Family::Complex { DType::C128 } else { DType::F64 }, None)
        }
    };
    let (x, y) = (inexact(x)?, inexact(y)?);
    let distance = unary(Op::Absolute, &binary(Op::Subtract, &x, &y)?)?;
    let relative = binary(Op::Multiply, &tolerance.rtol, &unary(Op::Absolute, &y)?)?;
    let near = binary(Op::LessEqual, &distance, &binary(Op::Add, &tolerance.atol, &relative)?)?;
    let near = binary(Op::LogicalAnd, &near, &unary(Op::Isfinite, &y)?)?;
    let near = binary(Op::LogicalOr, &near, &binary(Op::Equal, &x, &y)?)?;
    if !tolerance.equal_nan {
        return Ok(near);
    }
    let both = binary(Op::LogicalAnd, &unary(Op::Isnan, &x)?, &unary(Op::Isnan, &y)?)?;
    binary(Op::LogicalOr, &near, &both)
}

/// Whether all of it is true.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn everywhere(condition: &Expr) -> Result<Expr> {
    reduce_away(condition, "all", &(0..condition.shape.rank()).collect::<Vec<_>>(), None)
}

fn truth(value: bool) -> Result<Expr> {
    build::full(&[], Scalar::Bool(value), DType::Bool, None)
}

/// As [`Array::array_equal`], for any dtypes.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn array_equal(x: &Expr, y: &Expr, equal_nan: bool) -> Result<Expr> {
    if x.shape != y.shape {
        return truth(false);
    }
    let equal = binary(Op::Equal, x, y)?;
    if !equal_nan {
        return everywhere(&equal);
    }
    let both = binary(Op::LogicalAnd, &unary(Op::Isnan, x)?, &unary(Op::Isnan, y)?)?;
    everywhere(&binary(Op::LogicalOr, &equal, &both)?)
}

/// As [`Array::array_equiv`], for any dtypes.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn array_equiv(x: &Expr, y: &Expr) -> Result<Expr> {
    match broadcast("array_equiv", &[&x.shape, &y.shape]) {
        Ok(_) => everywhere(&binary(Op::Equal, x, y)?),
        Err(_) => truth(false),
    }
}
