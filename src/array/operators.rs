//! `+ - * / % & | ^ << >> !` and unary minus, on arrays, references and constants.
//!
//! Operators panic on what the `try_` forms ([`Array::try_binary`], [`Array::try_unary`]) return as an error.

use super::kinds::Constant;
use super::{Array, Kind, Operand, done};
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::aligned;
use crate::op::elementwise::ElementOp;
use std::ops;

impl<T: Kind> Array<T> {
    /// A unary operation of the table.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) where it is not defined.
    #[track_caller]
    pub fn try_unary(&self, op: ElementOp) -> Result<Array> {
        Ok(Array::of(build::element(op, &[Arg::Array(self.expr().clone())])?))
    }

    /// A binary operation of the table.
    ///
    /// ```
    /// # use hyperslab::{Context, op::elementwise::ElementOp};
    /// # let cx = Context::default();
    /// let (x, y) = (cx.zeros::<f32>(&[4, 3])?, cx.zeros::<f32>(&[4])?);
    /// let err = x.try_binary(ElementOp::Subtract, &y).unwrap_err();
    /// assert_eq!(err.to_string(), "subtract: shapes (4, 3) and (4,) do not broadcast");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), [`DType`](crate::ErrorKind::DType) or
    /// [`Argument`](crate::ErrorKind::Argument), as NumPy refuses.
    #[track_caller]
    pub fn try_binary(&self, op: ElementOp, other: impl Into<Operand<T>>) -> Result<Array> {
        element(op, &[Arg::Array(self.expr().clone()), other.into().arg().clone()]).map(Array::of)
    }
}

#[track_caller]
fn binary<T: Kind, R: Kind>(op: ElementOp, a: Operand<T>, b: Operand<T>) -> Array<R> {
    Array::of(done(element(op, &[a.arg().clone(), b.arg().clone()])))
}

/// An operation of arrays whose axes meet, and do not contradict each other by their names.
#[track_caller]
fn element(op: ElementOp, args: &[Arg]) -> Result<Expr> {
    build::element(op, &aligned(op, args)?)
}

macro_rules! operators {
    ($($Trait:ident, $method:ident, $Op:ident, $Out:ty;)*) => { $(
        impl<T: Kind, R: Into<Operand<T>>> ops::$Trait<R> for &Array<T> {
            type Output = Array<$Out>;
            #[track_caller]
            fn $method(self, other: R) -> Self::Output {
                binary(ElementOp::$Op, self.into(), other.into())
            }
        }
        impl<T: Kind, R: Into<Operand<T>>> ops::$Trait<R> for Array<T> {
            type Output = Array<$Out>;
            #[track_caller]
            fn $method(self, other: R) -> Self::Output {
                binary(ElementOp::$Op, self.into(), other.into())
            }
        }
        reversed!($Trait, $method, $Op, $Out; bool, i32, f64);
    )* };
}

/// Constants on the left: one type per kind of literal, so that `2 * &x` needs no suffix.
macro_rules! reversed {
    ($Trait:ident, $method:ident, $Op:ident, $Out:ty; $($S:ty),*) => { $(
        impl<T: Kind> ops::$Trait<&Array<T>> for $S {
            type Output = Array<$Out>;
            #[track_caller]
            fn $method(self, other: &Array<T>) -> Self::Output {
                binary(ElementOp::$Op, constant(self), other.into())
            }
        }
        impl<T: Kind> ops::$Trait<Array<T>> for $S {
            type Output = Array<$Out>;
            #[track_caller]
            fn $method(self, other: Array<T>) -> Self::Output {
                binary(ElementOp::$Op, constant(self), other.into())
            }
        }
    )* };
}

fn constant<T: Kind, S: Constant + Into<Scalar> + Copy>(value: S) -> Operand<T> {
    Operand::of(Arg::Scalar(value.into()))
}

operators! {
    Add, add, Add, T;
    Sub, sub, Subtract, T;
    Mul, mul, Multiply, T;
    Div, div, Divide, T::Quotient;
    Rem, rem, Remainder, T;
    BitAnd, bitand, BitwiseAnd, T;
    BitOr, bitor, BitwiseOr, T;
    BitXor, bitxor, BitwiseXor, T;
    Shl, shl, LeftShift, T;
    Shr, shr, RightShift, T;
}

macro_rules! unary_operators {
    ($($Trait:ident, $method:ident, $Op:ident;)*) => { $(
        impl<T: Kind> ops::$Trait for &Array<T> {
            type Output = Array<T>;
            #[track_caller]
            fn $method(self) -> Array<T> {
                Array::of(done(build::element(ElementOp::$Op, &[Arg::Array(self.expr().clone())])))
            }
        }
        impl<T: Kind> ops::$Trait for Array<T> {
            type Output = Array<T>;
            #[track_caller]
            fn $method(self) -> Array<T> {
                ops::$Trait::$method(&self)
            }
        }
    )* };
}
unary_operators! {
    Neg, neg, Negative;
    Not, not, Invert;
}
