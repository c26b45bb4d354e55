//! What floating point numbers are made of, and functions of them that are made of several operations of the table.

use super::{Array, Kind, Operand, done};
use crate::dtype::promote::to_inexact;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{binary, choice, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::op::program::{Program, Value};
use num_complex::Complex64;
use std::cmp::Ordering;

impl<T: Kind> Array<T> {
    /// Mantissas in `[0.5, 1)`, with the sign of `x`, and exponents: `x = mantissa * 2^exponent`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let (mantissa, exponent) = cx.linspace(6.0, 6.0, 1)?.frexp();
    /// assert_eq!(cx.compute(mantissa)?[[0]], 0.75);
    /// assert_eq!(cx.compute(exponent)?[[0]], 3);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn frexp(&self) -> (Array<T::Float>, Array<i32>) {
        let (mantissa, exponent) = done(frexp(self.expr()));
        (Array::of(mantissa), Array::of(exponent))
    }

    /// Fractional and whole part, both with the sign of `x`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let (fraction, whole) = cx.linspace(-2.5, -2.5, 1)?.modf();
    /// assert_eq!((cx.compute(fraction)?[[0]], cx.compute(whole)?[[0]]), (-0.5, -2.0));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn modf(&self) -> (Array<T::Float>, Array<T::Float>) {
        let (fraction, whole) = done(modf(self.expr()));
        (Array::of(fraction), Array::of(whole))
    }

    /// Quotient, rounded down, and remainder: `floor_divide` and `remainder`.
    #[track_caller]
    #[must_use]
    pub fn divmod(&self, y: impl Into<Operand<T>>) -> (Self, Self) {
        let y = y.into();
        let of = |op| Self::of(done(binary(op, self.expr(), y.arg())));
        (of(Op::FloorDivide), of(Op::Remainder))
    }

    /// The next number after `x` in the direction of `y`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let next = cx.linspace(1.0, 1.0, 1)?.nextafter(2.0);
    /// assert_eq!(cx.compute(next)?[[0]], 1.0 + f64::EPSILON);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn nextafter(&self, y: impl Into<Operand<T>>) -> Array<T::Float> {
        Array::of(done(nextafter(&Arg::from(self.expr()), y.into().arg())))
    }

    /// The distance to the next number of larger magnitude, with the sign of `x`.
    #[track_caller]
    #[must_use]
    pub fn spacing(&self) -> Array<T::Float> {
        Array::of(done(spacing(self.expr())))
    }

    /// `x` with so many bits of its mantissa, the nearest such number, the even one of two: what is stored of it
    /// compresses better. The same bits as the `bitround` of numcodecs; NaN and the infinities stay.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(3.14159, 3.14159, 1)?;
    /// assert_eq!(cx.compute(x.bitround(3)?)?[[0]], 3.25);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bitround`].
    #[track_caller]
    pub fn bitround(&self, keepbits: usize) -> Result<Self> {
        Ok(Self::of(bitround(self.expr(), keepbits)?))
    }

    /// `sin(pi x) / (pi x)`, 1 at 0.
    #[track_caller]
    #[must_use]
    pub fn sinc(&self) -> Array<T::Quotient> {
        Array::of(done(sinc(self.expr())))
    }

    /// `x` to the power of `y` in `f64`, or `c128` where either is complex.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let inverse = cx.arange(3)?.float_power(-1);
    /// assert_eq!(cx.compute(inverse)?.to_ndarray::<f64>()?.as_slice().unwrap(), &[f64::INFINITY, 1.0, 0.5]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn float_power(&self, y: impl Into<Operand<T>>) -> Array {
        Array::of(done(float_power(&Arg::from(self.expr()), y.into().arg())))
    }

    /// 0 for NaN, and the largest finite numbers for the infinities. [`nan_to_num`] takes other ones.
    #[track_caller]
    #[must_use]
    pub fn nan_to_num(&self) -> Self {
        Self::of(done(nan_to_num(self.expr(), &Arg::from(0.0), None, None)))
    }

    /// Whether `x` is the positive infinity.
    #[track_caller]
    #[must_use]
    pub fn isposinf(&self) -> Array<T::Truth> {
        Array::of(done(infinite(self.expr(), false)))
    }

    /// Whether `x` is the negative infinity.
    #[track_caller]
    #[must_use]
    pub fn isneginf(&self) -> Array<T::Truth> {
        Array::of(done(infinite(self.expr(), true)))
    }

    /// Whether the imaginary part is 0.
    #[track_caller]
    #[must_use]
    pub fn isreal(&self) -> Array<T::Truth> {
        Array::of(done(imaginary(self.expr(), Op::Equal)))
    }

    /// Whether the imaginary part is not 0.
    #[track_caller]
    #[must_use]
    pub fn iscomplex(&self) -> Array<T::Truth> {
        Array::of(done(imaginary(self.expr(), Op::NotEqual)))
    }

    /// The absolute value as a floating point number.
    #[track_caller]
    #[must_use]
    pub fn fabs(&self) -> Array<T::Float> {
        Array::of(done(fabs(self.expr())))
    }
}

/// The array in the dtype of functions of one argument, real.
fn real(op: &str, x: &Expr) -> Result<Expr> {
    if x.dtype.is_complex() {
        return Err(Error::dtype(op, format!("is not defined for {}", x.dtype)));
    }
    build::cast(x, to_inexact(x.dtype))
}

/// Mantissa and exponent, as [`Array::frexp`].
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn frexp(x: &Expr) -> Result<(Expr, Expr)> {
    let x = real("frexp", x)?;
    let exponent = unary(Op::FrexpExponent, &x)?;
    let back = build::cast(&unary(Op::Negative, &exponent)?, x.dtype)?;
    Ok((binary(Op::Ldexp, &x, &back)?, exponent))
}

/// `x * 2^y` for integers `y`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers, and for exponents that are no integers of up to 64 bits.
#[track_caller]
pub fn ldexp(x: &Expr, y: &Expr) -> Result<Expr> {
    let x = real("ldexp", x)?;
    if y.dtype.is_inexact() || y.dtype == DType::U64 {
        return Err(Error::dtype("ldexp", format!("{} is no dtype of exponents", y.dtype)));
    }
    // An exponent that the dtype of `x` does not hold is beyond all its numbers, too.
    binary(Op::Ldexp, &x, &build::cast(y, x.dtype)?)
}

/// Fractional and whole part, as [`Array::modf`].
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn modf(x: &Expr) -> Result<(Expr, Expr)> {
    let x = real("modf", x)?;
    let whole = unary(Op::Trunc, &x)?;
    let rest = binary(Op::Subtract, &x, &whole)?;
    let rest = choice(&unary(Op::Isinf, &x)?, 0.0, &rest)?;
    Ok((binary(Op::Copysign, &rest, &x)?, whole))
}

/// Bits of the mantissa, the leading one among them, and the exponent of the smallest normal number.
fn format(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::F16 => (11, -14),
        DType::BF16 => (8, -126),
        DType::F32 => (24, -126),
        _ => (53, -1022),
    }
}

/// The next number after `x` in the direction of `y`, in the dtype of functions of both.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn nextafter(x: &Arg, y: &Arg) -> Result<Expr> {
    build::compose("nextafter", &[x.clone(), y.clone()], true, |p, v| {
        let dtypes: Vec<DType> = v.iter().map(|&v| p.dtypes[v]).collect();
        let dtype = Op::Copysign.signature(&dtypes).map_err(|_| {
            let list: Vec<&str> = dtypes.iter().map(|d| d.name()).collect();
            Error::dtype("nextafter", format!("is not defined for {}", list.join(", ")))
        })?;
        let (x, y) = (p.cast(v[0], dtype.input), p.cast(v[1], dtype.input));
        let next = next(p, dtype.input, x, y)?;
        Ok(p.cast(next, dtype.input))
    })
}

/// By arithmetic that is exact: `x` and one unit in its last place, which is half as large below a power of two.
fn next(p: &mut Program, dtype: DType, x: Value, y: Value) -> Result<Value> {
    let wide = dtype.compute();
    let (digits, lowest) = format(dtype);
    let (x, y) = (p.cast(x, wide), p.cast(y, wide));
    let (zero, one, half) = (p.constant(0, wide), p.constant(1, wide), p.constant(0.5, wide));
    let size = p.op(Op::Absolute, &[x])?;
    let exponent = p.op(Op::FrexpExponent, &[x])?;
    let exponent = p.cast(exponent, wide);
    // Away from 0 unless `y` is on the other side of `x`.
    let (above, negative) = (p.op(Op::Greater, &[y, x])?, p.op(Op::Less, &[x, zero])?);
    let outwards = p.op(Op::NotEqual, &[above, negative])?;
    let down = p.op(Op::Negative, &[exponent])?;
    let mantissa = p.op(Op::Ldexp, &[size, down])?;
    let edge = p.op(Op::Equal, &[mantissa, half])?;
    let inwards = p.op(Op::LogicalNot, &[outwards])?;
    let edge = p.op(Op::LogicalAnd, &[edge, inwards])?;
    let below = p.op(Op::Subtract, &[exponent, one])?;
    let place = p.select(edge, below, exponent);
    let (least, width) = (p.constant(lowest + 1, wide), p.constant(digits, wide));
    let place = p.op(Op::Maximum, &[place, least])?;
    let place = p.op(Op::Subtract, &[place, width])?;
    let unit = p.op(Op::Ldexp, &[one, place])?;
    let (larger, smaller) = (p.op(Op::Add, &[size, unit])?, p.op(Op::Subtract, &[size, unit])?);
    let moved = p.select(outwards, larger, smaller);
    let moved = p.op(Op::Copysign, &[moved, x])?;
    // From 0 it goes where y is; from an infinity to the largest number.
    let first = p.constant(lowest - digits + 1, wide);
    let first = p.op(Op::Ldexp, &[one, first])?;
    let first = p.op(Op::Copysign, &[first, y])?;
    let is_zero = p.op(Op::Equal, &[x, zero])?;
    let moved = p.select(is_zero, first, moved);
    let infinite = p.op(Op::Isinf, &[x])?;
    let largest = p.constant(largest(dtype), wide);
    let largest = p.op(Op::Copysign, &[largest, x])?;
    let moved = p.select(infinite, largest, moved);
    let same = p.op(Op::Equal, &[x, y])?;
    let moved = p.select(same, y, moved);
    let (x_nan, y_nan) = (p.op(Op::Isnan, &[x])?, p.op(Op::Isnan, &[y])?);
    let nan = p.op(Op::LogicalOr, &[x_nan, y_nan])?;
    let sum = p.op(Op::Add, &[x, y])?;
    Ok(p.select(nan, sum, moved))
}

/// The distance to the next number of larger magnitude, with the sign of `x`; in `f16` that of the next larger number,
/// as NumPy has it.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn spacing(x: &Expr) -> Result<Expr> {
    let x = real("spacing", x)?;
    let up = build::full(&[], Scalar::Float(f64::INFINITY), x.dtype, None)?;
    let target = match x.dtype {
        DType::F16 => up,
        _ => choice(&binary(Op::Less, &x, 0.0)?, f64::NEG_INFINITY, &up)?,
    };
    let step = binary(Op::Subtract, &nextafter(&Arg::from(&x), &Arg::from(target))?, &x)?;
    choice(&unary(Op::Isinf, &x)?, f64::NAN, &step)
}

/// `x` with `keepbits` bits of its mantissa, the leading one not counted; half to even.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for what is no real floating point number,
/// [`Argument`](crate::ErrorKind::Argument) for more bits than its dtype has.
#[track_caller]
pub fn bitround(x: &Expr, keepbits: usize) -> Result<Expr> {
    if x.dtype.kind() != Family::Float {
        return Err(Error::dtype("bitround", format!("{} has no mantissa to round", x.dtype)));
    }
    let (digits, lowest) = format(x.dtype);
    let kept = i64::try_from(keepbits).unwrap_or(i64::MAX);
    match kept.cmp(&(digits - 1)) {
        Ordering::Less => {}
        Ordering::Equal => return Ok(x.clone()),
        Ordering::Greater => {
            let why = format!("{keepbits} bits are to be kept and the mantissa of {} has {}", x.dtype, digits - 1);
            return Err(Error::argument("bitround", why));
        }
    }
    build::compose_typed("bitround", &[Arg::Array(x.clone())], &[None], |p, v| {
        let wide = x.dtype.compute();
        let number = p.cast(v[0], wide);
        let size = p.op(Op::Absolute, &[number])?;
        let (one, kept) = (p.constant(1, wide), p.constant(kept, wide));
        let exponent = p.op(Op::FrexpExponent, &[number])?;
        let exponent = p.cast(exponent, wide);
        let exponent = p.op(Op::Subtract, &[exponent, one])?;
        // Below the normal numbers, the bits are those of the smallest of these.
        let least = p.constant(lowest, wide);
        let exponent = p.op(Op::Maximum, &[exponent, least])?;
        let up = p.op(Op::Subtract, &[kept, exponent])?;
        let whole = p.op(Op::Ldexp, &[size, up])?;
        let rounded = if keepbits == 0 { lone_bit(p, wide, whole, exponent)? } else { p.op(Op::Rint, &[whole])? };
        let down = p.op(Op::Negative, &[up])?;
        let rounded = p.op(Op::Ldexp, &[rounded, down])?;
        let rounded = p.op(Op::Copysign, &[rounded, number])?;
        Ok(p.cast(rounded, x.dtype))
    })
}

/// A number from 0 to 2 rounded to a whole one. What is even where no bit is kept is the exponent as it is stored.
fn lone_bit(p: &mut Program, wide: DType, number: Value, exponent: Value) -> Result<Value> {
    let (half, one, zero) = (p.constant(0.5, wide), p.constant(1, wide), p.constant(0, wide));
    let floor = p.op(Op::Floor, &[number])?;
    let rest = p.op(Op::Subtract, &[number, floor])?;
    let (more, tie) = (p.op(Op::Greater, &[rest, half])?, p.op(Op::Equal, &[rest, half])?);
    let halved = p.op(Op::Multiply, &[exponent, half])?;
    let whole = p.op(Op::Floor, &[halved])?;
    // The bias is odd.
    let odd = p.op(Op::Equal, &[halved, whole])?;
    let normal = p.op(Op::GreaterEqual, &[number, one])?;
    let odd = p.op(Op::LogicalAnd, &[odd, normal])?;
    let tie = p.op(Op::LogicalAnd, &[tie, odd])?;
    let up = p.op(Op::LogicalOr, &[more, tie])?;
    let step = p.select(up, one, zero);
    p.op(Op::Add, &[floor, step])
}

/// `sin(pi x) / (pi x)`, 1 at 0.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn sinc(x: &Expr) -> Result<Expr> {
    let x = binary(Op::Multiply, std::f64::consts::PI, x)?;
    let tiny = match x.dtype {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        DType::F32 => f32::EPSILON.into(),
        DType::F64 => f64::EPSILON,
        _ => 1e-20,
    };
    let y = choice(&x, &x, tiny)?;
    binary(Op::Divide, &unary(Op::Sin, &y)?, &y)
}

/// `x` to the power of `y` in the widest dtype.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for arrays that do not broadcast.
#[track_caller]
pub fn float_power(x: &Arg, y: &Arg) -> Result<Expr> {
    let complex = |v: &Arg| match v {
        Arg::Array(e) => e.dtype.is_complex(),
        Arg::Scalar(s) => s.kind() == Family::Complex,
    };
    let dtype = if complex(x) || complex(y) { DType::C128 } else { DType::F64 };
    let wide = |v: &Arg| match v {
        Arg::Array(e) => build::cast(e, dtype),
        Arg::Scalar(s) => build::full(&[], *s, dtype, None),
    };
    binary(Op::Power, wide(x)?, wide(y)?)
}

/// `x` with `nan` for NaN, `posinf` and `neginf` for the infinities: the largest finite numbers where they are not
/// given. Complex numbers part by part; integers stay as they are.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for replacements that do not broadcast.
#[track_caller]
pub fn nan_to_num(x: &Expr, nan: &Arg, posinf: Option<&Arg>, neginf: Option<&Arg>) -> Result<Expr> {
    let replaced = |part: &Expr| -> Result<Expr> {
        let greatest = largest(part.dtype);
        let instead = |given: Option<&Arg>, default: f64| match given.cloned().unwrap_or(Arg::from(default)) {
            Arg::Scalar(s) => build::full(&[], s, part.dtype, None),
            Arg::Array(e) => build::cast(&e, part.dtype),
        };
        let low = choice(&binary(Op::Less, part, 0.0)?, &instead(neginf, -greatest)?, &instead(posinf, greatest)?)?;
        let finite = choice(&unary(Op::Isinf, part)?, &low, part)?;
        choice(&unary(Op::Isnan, part)?, &instead(Some(nan), 0.0)?, &finite)
    };
    match x.dtype.kind() {
        Family::Float => replaced(x),
        Family::Complex => {
            let unit = Arg::Scalar(Scalar::Complex(Complex64::new(0.0, 1.0)));
            let (re, im) = (replaced(&unary(Op::Real, x)?)?, replaced(&unary(Op::Imag, x)?)?);
            binary(Op::Add, &re, &binary(Op::Multiply, &im, unit)?)
        }
        _ => Ok(x.clone()),
    }
}

/// The largest finite number of a floating dtype.
fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => half::f16::MAX.to_f64(),
        DType::BF16 => half::bf16::MAX.to_f64(),
        DType::F32 => f32::MAX.into(),
        _ => f64::MAX,
    }
}

/// Whether `x` is the infinity of this sign.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn infinite(x: &Expr, negative: bool) -> Result<Expr> {
    let sign = unary(Op::Signbit, x)?;
    let sign = if negative { sign } else { unary(Op::LogicalNot, &sign)? };
    binary(Op::LogicalAnd, &unary(Op::Isinf, x)?, &sign)
}

/// How the imaginary part compares with 0.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn imaginary(x: &Expr, op: Op) -> Result<Expr> {
    binary(op, &unary(Op::Imag, x)?, 0)
}

/// The absolute value as a floating point number.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers.
#[track_caller]
pub fn fabs(x: &Expr) -> Result<Expr> {
    unary(Op::Absolute, &real("fabs", x)?)
}
