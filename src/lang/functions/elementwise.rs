//! Elementwise functions made of several operations of the table.

use super::super::operators::{cast, element};
use super::super::value::{Call, Function};
use super::super::value::{Value, weak};
use super::properties::everywhere;
use super::row;
use crate::array::Array;
use crate::array::elementwise;
use crate::array::indexing::nonzero;
use crate::dtype::promote::{promote, to_inexact};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::expr::build;
use crate::op::elementwise::ElementOp as Op;
use num_complex::Complex64;

pub(super) static TABLE: &[Function] = &[
    row("where", "condition, x=None, y=None, /", choose),
    row("clip", "a, a_min=None, a_max=None, !out, *, min=None, max=None", clip),
    row("round", "a, decimals=0, !out", round),
    row("float_power", "x1, x2, /, !out, *, !where, !dtype", float_power),
    row("isclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", close),
    row("allclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", |call| everywhere(&close(call)?)),
    row("nan_to_num", "x, copy=True, nan=0.0, posinf=None, neginf=None", nan_to_num),
    row("logaddexp2", "x1, x2, /, !out, *, !where, !dtype", logaddexp2),
    row("sinc", "x", sinc),
    row("isposinf", "x, !out", |call| infinite(call, false)),
    row("isneginf", "x, !out", |call| infinite(call, true)),
    row("angle", "z, deg=False", angle),
    row("iscomplex", "x", |call| imaginary(call, Op::NotEqual)),
    row("isreal", "x", |call| imaginary(call, Op::Equal)),
    row("fabs", "x, /, !out, *, !where, !dtype", fabs),
    row("divmod", "x1, x2, /, !out, *, !where, !dtype", |call| {
        let args = [call.required("x1")?, call.required("x2")?];
        Ok(Value::Tuple(vec![element(Op::FloorDivide, &args)?, element(Op::Remainder, &args)?]))
    }),
    row("modf", "x, /, !out, *, !where, !dtype", modf),
];

fn number(value: f64) -> Value {
    Value::Scalar(Scalar::Float(value))
}

fn select(condition: &Value, then: &Value, otherwise: &Value) -> Result<Value> {
    Ok(build::select(&condition.to_arg()?, &then.to_arg()?, &otherwise.to_arg()?)?.into())
}

fn choose(call: &Call) -> Result<Value> {
    let condition = call.required("condition")?;
    match (call.value("x"), call.value("y")) {
        (Some(x), Some(y)) => select(condition, x, y),
        (None, None) => {
            let places = nonzero(condition.to_array()?.expr())?;
            Ok(Value::Tuple(places.into_iter().map(Value::from).collect()))
        }
        _ => call.refuse("takes either both of `x` and `y` or neither"),
    }
}

fn clip(call: &Call) -> Result<Value> {
    let mut value: Value = call.array("a")?.into();
    let bound = |old: &str, new: &str| match (call.given(old), call.given(new)) {
        (Some(_), Some(_)) => call.refuse(format!("`{old}` and `{new}` are the same thing; give one of them")),
        (one, other) => Ok(one.or(other).cloned()),
    };
    for (limit, op) in [(bound("a_min", "min")?, Op::Maximum), (bound("a_max", "max")?, Op::Minimum)] {
        if let Some(limit) = limit.filter(|limit| !vacuous(&value, limit, op)) {
            value = element(op, &[&value, &limit])?;
        }
    }
    Ok(value)
}

/// Whether a bound lies beyond all numbers of an integer dtype.
fn vacuous(value: &Value, limit: &Value, op: Op) -> bool {
    match (value, limit) {
        (Value::Array(a), Value::Scalar(Scalar::Int(n))) if a.dtype().is_integer() => {
            !Scalar::Int(*n).fits(a.dtype()) && (*n < 0) == (op == Op::Maximum)
        }
        _ => false,
    }
}

fn round(call: &Call) -> Result<Value> {
    let decimals = call.integer("decimals")?.unwrap_or(0);
    let array = call.array("a")?;
    if array.dtype() == DType::Bool && decimals == 0 {
        return element(Op::Rint, &[&array.into()]);
    }
    // Beyond this no double has digits left, on either side.
    let decimals = i32::try_from(decimals.clamp(-400, 400)).unwrap_or(0);
    Ok(elementwise::round(array.expr(), decimals)?.into())
}

fn float_power(call: &Call) -> Result<Value> {
    let (x, y) = (call.required("x1")?, call.required("x2")?);
    let complex = [x, y].into_iter().map(dtype_of).collect::<Result<Vec<_>>>()?.into_iter().any(DType::is_complex);
    let dtype = if complex { DType::C128 } else { DType::F64 };
    let wide = |v: &Value| match v {
        Value::Scalar(scalar) => Ok(Value::Scalar(*scalar)),
        other => Ok::<_, crate::error::Error>(cast(other, dtype)?.into()),
    };
    let (x, y) = (Value::Array(cast(x, dtype)?), wide(y)?);
    element(Op::Power, &[&x, &y])
}

fn dtype_of(value: &Value) -> Result<DType> {
    match value {
        Value::Scalar(scalar) => Ok(scalar.dtype()),
        other => Ok(other.to_array()?.dtype()),
    }
}

/// `|a - b| <= atol + rtol |b|` where `b` is finite, equality elsewhere.
fn close(call: &Call) -> Result<Value> {
    let strong = |v: &Value| match v {
        Value::Scalar(_) => Ok(v.clone()),
        other => other.to_array().map(Value::Array),
    };
    let (x, mut y) = (strong(call.required("a")?)?, strong(call.required("b")?)?);
    y = match y {
        Value::Array(a) => Value::Array(a.astype(promote(weak(a.dtype(), Scalar::Float(1.0)), a.dtype()))),
        Value::Scalar(Scalar::Int(_) | Scalar::Bool(_)) => Value::Array(cast(&y, DType::F64)?),
        other => other,
    };
    let tolerance = |name: &str, default: f64| call.value(name).cloned().unwrap_or(number(default));
    let distance = element(Op::Absolute, &[&element(Op::Subtract, &[&x, &y])?])?;
    let relative = element(Op::Multiply, &[&tolerance("rtol", 1e-5), &element(Op::Absolute, &[&y])?])?;
    let allowed = element(Op::Add, &[&tolerance("atol", 1e-8), &relative])?;
    let near = element(Op::LessEqual, &[&distance, &allowed])?;
    let near = element(Op::LogicalAnd, &[&near, &element(Op::Isfinite, &[&y])?])?;
    let near = element(Op::LogicalOr, &[&near, &element(Op::Equal, &[&x, &y])?])?;
    if !call.flag("equal_nan", false)? {
        return Ok(near);
    }
    let both = element(Op::LogicalAnd, &[&element(Op::Isnan, &[&x])?, &element(Op::Isnan, &[&y])?])?;
    element(Op::LogicalOr, &[&near, &both])
}

fn nan_to_num(call: &Call) -> Result<Value> {
    let array = call.array("x")?;
    let replace = |part: &Value, dtype: DType| -> Result<Value> {
        let greatest = largest(dtype);
        let instead = |name: &str, default: f64| call.given(name).cloned().unwrap_or(number(default));
        let infinite = element(Op::Isinf, &[part])?;
        let negative = element(Op::Less, &[part, &number(0.0)])?;
        let low = select(&negative, &instead("neginf", -greatest), &instead("posinf", greatest))?;
        let low = cast(&low, dtype)?.into();
        let finite = select(&infinite, &low, part)?;
        let nan = cast(&instead("nan", 0.0), dtype)?.into();
        select(&element(Op::Isnan, &[part])?, &nan, &finite)
    };
    let dtype = array.dtype();
    let value = Value::Array(array);
    match dtype.kind() {
        Kind::Float => replace(&value, dtype),
        Kind::Complex => {
            let re = replace(&element(Op::Real, &[&value])?, dtype.real())?;
            let im = replace(&element(Op::Imag, &[&value])?, dtype.real())?;
            let unit = Value::Scalar(Scalar::Complex(Complex64::new(0.0, 1.0)));
            element(Op::Add, &[&re, &element(Op::Multiply, &[&im, &unit])?])
        }
        _ => Ok(value),
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

/// `log2(2**x + 2**y)`: the larger, and a correction from the distance.
fn logaddexp2(call: &Call) -> Result<Value> {
    let (x, y) = (call.required("x1")?, call.required("x2")?);
    let dtype = element(Op::Logaddexp, &[x, y])?.to_array()?.dtype();
    let (x, y) = (Value::Array(cast(x, dtype)?), Value::Array(cast(y, dtype)?));
    let distance = element(Op::Absolute, &[&element(Op::Subtract, &[&x, &y])?])?;
    let power = element(Op::Exp2, &[&element(Op::Negative, &[&distance])?])?;
    let correction = element(Op::Multiply, &[&element(Op::Log1p, &[&power])?, &number(std::f64::consts::LOG2_E)])?;
    let sum = element(Op::Add, &[&element(Op::Maximum, &[&x, &y])?, &correction])?;
    // Two equal infinities have no distance.
    select(&element(Op::Equal, &[&x, &y])?, &element(Op::Add, &[&x, &number(1.0)])?, &sum)
}

fn sinc(call: &Call) -> Result<Value> {
    let x: Value = call.array("x")?.into();
    let x = element(Op::Multiply, &[&number(std::f64::consts::PI), &x])?;
    let tiny = match dtype_of(&x)? {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        DType::F32 => f32::EPSILON.into(),
        DType::F64 => f64::EPSILON,
        _ => 1e-20,
    };
    let y = select(&x, &x, &number(tiny))?;
    element(Op::Divide, &[&element(Op::Sin, &[&y])?, &y])
}

fn infinite(call: &Call, negative: bool) -> Result<Value> {
    let x = call.required("x")?;
    let sign = element(Op::Signbit, &[x])?;
    let sign = if negative { sign } else { element(Op::LogicalNot, &[&sign])? };
    element(Op::LogicalAnd, &[&element(Op::Isinf, &[x])?, &sign])
}

fn angle(call: &Call) -> Result<Value> {
    let radians = element(Op::Angle, &[call.required("z")?])?;
    if call.flag("deg", false)? {
        return element(Op::Multiply, &[&radians, &number(180.0 / std::f64::consts::PI)]);
    }
    Ok(radians)
}

fn imaginary(call: &Call, op: Op) -> Result<Value> {
    let imaginary = element(Op::Imag, &[&call.array("x")?.into()])?;
    element(op, &[&imaginary, &Value::Scalar(Scalar::Int(0))])
}

fn fabs(call: &Call) -> Result<Value> {
    let x = call.array("x")?;
    if x.dtype().is_complex() {
        return Err(crate::error::Error::dtype("fabs", format!("is not defined for {}", x.dtype())));
    }
    element(Op::Absolute, &[&x.astype(to_inexact(x.dtype())).into()])
}

fn modf(call: &Call) -> Result<Value> {
    let x = call.array("x")?;
    let x: Value = Array::astype(&x, to_inexact(x.dtype())).into();
    let whole = element(Op::Trunc, &[&x])?;
    let rest = element(Op::Subtract, &[&x, &whole])?;
    let rest = select(&element(Op::Isinf, &[&x])?, &number(0.0), &rest)?;
    Ok(Value::Tuple(vec![element(Op::Copysign, &[&rest, &x])?, whole]))
}
