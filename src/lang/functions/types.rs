//! Element types: what arrays of several meet in, what converts to what, and which numbers they hold.

use super::super::value::Value;
use super::super::value::{Call, Function, weak};
use super::row;
use crate::dtype::promote::{promote, same_kind};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::expr::build;

pub(super) static TABLE: &[Function] = &[
    row("promote_types", "type1, type2", |call| {
        Ok(typed(promote(dtype_of(call.required("type1")?)?, dtype_of(call.required("type2")?)?)))
    }),
    row("result_type", "*arrays_and_dtypes", result_type),
    row("can_cast", "from_, to, casting='safe'", can_cast),
    row("isdtype", "dtype, kind", |call| {
        let (dtype, kind) = (dtype_of(call.required("dtype")?)?, call.required("kind")?);
        let kinds = kind.items().unwrap_or(std::slice::from_ref(kind));
        let fits = kinds.iter().map(|kind| is_of(call, dtype, kind)).collect::<Result<Vec<_>>>()?;
        Ok(Value::bool(fits.contains(&true)))
    }),
    row("finfo", "dtype", |call| {
        let dtype = dtype_of(call.required("dtype")?)?;
        if !dtype.is_inexact() {
            return call.refuse(format!("takes floats, not {dtype}"));
        }
        floats(dtype.real())
    }),
    row("iinfo", "type", |call| {
        let dtype = dtype_of(call.required("type")?)?;
        if !dtype.is_integer() {
            return call.refuse(format!("takes integers, not {dtype}"));
        }
        let bits = dtype.size() * 8;
        let (min, max) = match dtype.kind() {
            Kind::Unsigned => (0, (1_i128 << bits) - 1),
            _ => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        let int = |n| Value::Scalar(Scalar::Int(n));
        Ok(Value::Facts(vec![("bits", Value::int(bits)), ("min", int(min)), ("max", int(max))]))
    }),
];

fn typed(dtype: DType) -> Value {
    Value::Type { dtype, time: None, python: false }
}

/// The element type that a value is, names or has.
fn dtype_of(value: &Value) -> Result<DType> {
    match value {
        Value::Array(array) => Ok(array.dtype()),
        other => other.to_dtype(),
    }
}

/// What arrays and types meet in; numbers give way to them.
fn result_type(call: &Call) -> Result<Value> {
    let (mut strong, mut numbers) = (Vec::new(), Vec::new());
    for value in call.rest() {
        match value {
            Value::Scalar(scalar) => numbers.push(*scalar),
            other => strong.push(dtype_of(other)?),
        }
    }
    let alone = numbers.iter().map(|n| n.dtype()).reduce(promote);
    match strong.into_iter().reduce(promote) {
        Some(dtype) => Ok(typed(numbers.into_iter().fold(dtype, weak))),
        None if let Some(dtype) = alone => Ok(typed(dtype)),
        None => call.refuse("needs an array or a type"),
    }
}

fn can_cast(call: &Call) -> Result<Value> {
    let from = call.required("from_")?;
    if matches!(from, Value::Scalar(_)) {
        return call.refuse("takes types and arrays: a number has the type of what it meets");
    }
    let (from, to) = (dtype_of(from)?, dtype_of(call.required("to")?)?);
    Ok(Value::bool(match call.text("casting", "safe")? {
        "no" | "equiv" => from == to,
        "safe" => promote(from, to) == to,
        "same_kind" => promote(from, to) == to || same_kind(from, to),
        "unsafe" => true,
        other => return call.refuse(format!("there is no rule `{other}`")),
    }))
}

/// Whether a type is of a kind that the array API names, or is another type.
fn is_of(call: &Call, dtype: DType, kind: &Value) -> Result<bool> {
    let Value::Str(name) = kind else { return Ok(dtype_of(kind)? == dtype) };
    Ok(match name.as_str() {
        "bool" => dtype == DType::Bool,
        "signed integer" => dtype.kind() == Kind::Signed,
        "unsigned integer" => dtype.kind() == Kind::Unsigned,
        "integral" => dtype.is_integer(),
        "real floating" => dtype.kind() == Kind::Float,
        "complex floating" => dtype.is_complex(),
        "numeric" => dtype != DType::Bool,
        other => return call.refuse(format!("there is no kind `{other}` of types")),
    })
}

/// What is told of floats of a real type: numbers of that type.
fn floats(dtype: DType) -> Result<Value> {
    let (mantissa, precision, numbers) = match dtype {
        DType::F16 => (10, 3, [f64::from(half::f16::MAX), 2_f64.powi(-14), 2_f64.powi(-24)]),
        DType::F32 => (23, 6, [f32::MAX.into(), f32::MIN_POSITIVE.into(), f32::from_bits(1).into()]),
        _ => (52, 15, [f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1)]),
    };
    let [max, normal, subnormal] = numbers;
    let eps = 2_f64.powi(-mantissa);
    let reals = [
        ("min", -max),
        ("max", max),
        ("eps", eps),
        ("epsneg", eps / 2.0),
        ("resolution", 10_f64.powi(-precision)),
        ("tiny", normal),
        ("smallest_normal", normal),
        ("smallest_subnormal", subnormal),
    ];
    let mut facts = vec![("bits", Value::int(dtype.size() * 8))];
    facts.extend(
        [("nmant", mantissa), ("precision", precision)].map(|(n, v)| (n, Value::Scalar(Scalar::Int(v.into())))),
    );
    for (name, real) in reals {
        facts.push((name, build::full(&[], Scalar::Float(real), dtype, None)?.into()));
    }
    Ok(Value::Facts(facts))
}
