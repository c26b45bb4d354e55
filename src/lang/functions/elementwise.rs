//! Elementwise functions made of several operations of the table.

use super::super::operators::{cast, element};
use super::super::value::Value;
use super::super::value::{Call, Callable, Function};
use super::row;
use crate::array::choices::{self, Outside};
use crate::array::elementwise;
use crate::array::equality::{self, Tolerance};
use crate::array::floats;
use crate::array::indexing::nonzero;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::checked_size;

pub(super) static TABLE: &[Function] = &[
    row("where", "condition, x=None, y=None, /", branch),
    row("clip", "a, a_min=None, a_max=None, !out, *, min=None, max=None", clip),
    row("round", "a, decimals=0, !out", round),
    row("float_power", BINARY, |call| {
        Ok(floats::float_power(&call.required("x1")?.to_arg()?, &call.required("x2")?.to_arg()?)?.into())
    }),
    row("isclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", |call| Ok(close(call)?.into())),
    row("allclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", |call| {
        Ok(equality::everywhere(&close(call)?)?.into())
    }),
    row("array_equal", "a1, a2, equal_nan=False", |call| {
        let (x, y) = (call.array("a1")?, call.array("a2")?);
        Ok(equality::array_equal(x.expr(), y.expr(), call.flag("equal_nan", false)?)?.into())
    }),
    row("array_equiv", "a1, a2", |call| {
        Ok(equality::array_equiv(call.array("a1")?.expr(), call.array("a2")?.expr())?.into())
    }),
    row("nan_to_num", "x, copy=True, nan=0.0, posinf=None, neginf=None", |call| {
        let given = |name: &str| call.given(name).map(Value::to_arg).transpose();
        let nan = given("nan")?.unwrap_or(Arg::from(0.0));
        let (high, low) = (given("posinf")?, given("neginf")?);
        Ok(floats::nan_to_num(call.array("x")?.expr(), &nan, high.as_ref(), low.as_ref())?.into())
    }),
    row("isnull", "values", |call| element(Op::Isnan, &[call.required("values")?])),
    row("notnull", "values", |call| element(Op::LogicalNot, &[&element(Op::Isnan, &[call.required("values")?])?])),
    row("sinc", "x", |call| Ok(floats::sinc(call.array("x")?.expr())?.into())),
    row("isposinf", "x, !out", |call| Ok(floats::infinite(call.array("x")?.expr(), false)?.into())),
    row("isneginf", "x, !out", |call| Ok(floats::infinite(call.array("x")?.expr(), true)?.into())),
    row("angle", "z, deg=False", angle),
    row("iscomplex", "x", |call| Ok(floats::imaginary(call.array("x")?.expr(), Op::NotEqual)?.into())),
    row("isreal", "x", |call| Ok(floats::imaginary(call.array("x")?.expr(), Op::Equal)?.into())),
    row("fabs", UNARY, |call| Ok(floats::fabs(call.array("x")?.expr())?.into())),
    row("divmod", BINARY, |call| {
        let args = [call.required("x1")?, call.required("x2")?];
        Ok(Value::Tuple(vec![element(Op::FloorDivide, &args)?, element(Op::Remainder, &args)?]))
    }),
    row("modf", UNARY, |call| Ok(pair(floats::modf(call.array("x")?.expr())?))),
    row("frexp", UNARY, |call| Ok(pair(floats::frexp(call.array("x")?.expr())?))),
    row("ldexp", BINARY, |call| Ok(floats::ldexp(call.array("x1")?.expr(), call.array("x2")?.expr())?.into())),
    row("nextafter", BINARY, |call| {
        Ok(floats::nextafter(&call.required("x1")?.to_arg()?, &call.required("x2")?.to_arg()?)?.into())
    }),
    row("spacing", UNARY, |call| Ok(floats::spacing(call.array("x")?.expr())?.into())),
    row("bitround", "x, keepbits", |call| {
        let keepbits = call.integer("keepbits")?.ok_or_else(|| Error::argument("bitround", "needs `keepbits`"))?;
        let keepbits = usize::try_from(keepbits)
            .map_err(|_| Error::argument("bitround", format!("{keepbits} bits cannot be kept")))?;
        Ok(floats::bitround(call.array("x")?.expr(), keepbits)?.into())
    }),
    row("select", "condlist, choicelist, default=0", select),
    row("choose", "a, choices, !out, mode='raise'", choose),
    row("piecewise", "x, condlist, funclist", piecewise),
];

const UNARY: &str = "x, /, !out, *, !where, !casting, !order, !dtype, !subok";
const BINARY: &str = "x1, x2, /, !out, *, !where, !casting, !order, !dtype, !subok";

fn pair((first, second): (Expr, Expr)) -> Value {
    Value::Tuple(vec![first.into(), second.into()])
}

fn number(value: f64) -> Value {
    Value::Scalar(Scalar::Float(value))
}

/// A choice between two arrays, or the places at which a condition is true.
fn branch(call: &Call) -> Result<Value> {
    let condition = call.required("condition")?;
    match (call.value("x"), call.value("y")) {
        (Some(x), Some(y)) => Ok(build::select(&condition.to_arg()?, &x.to_arg()?, &y.to_arg()?)?.into()),
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
    if array.dtype() == DType::Bool && decimals == 0 || array.expr().time.is_some() {
        return element(Op::Rint, &[&array.into()]);
    }
    // Beyond this no double has digits left, on either side.
    let decimals = i32::try_from(decimals.clamp(-400, 400)).unwrap_or(0);
    Ok(elementwise::round(array.expr(), decimals)?.into())
}

/// `|a - b| <= atol + rtol |b|`.
fn close(call: &Call) -> Result<Expr> {
    let tolerance = |name: &str, default: f64| call.value(name).map_or(Ok(Arg::from(default)), Value::to_arg);
    let equal_nan = call.flag("equal_nan", false)?;
    let tolerance = Tolerance { rtol: tolerance("rtol", 1e-5)?, atol: tolerance("atol", 1e-8)?, equal_nan };
    equality::isclose(&call.required("a")?.to_arg()?, &call.required("b")?.to_arg()?, &tolerance)
}

fn angle(call: &Call) -> Result<Value> {
    let z = call.array("z")?;
    // Beside the integer 0, which is their imaginary part, truth values are integers.
    let z = if z.dtype() == DType::Bool { z.astype(DType::I64) } else { z };
    let radians = element(Op::Angle, &[&z.into()])?;
    if call.flag("deg", false)? {
        return element(Op::Multiply, &[&radians, &number(180.0 / std::f64::consts::PI)]);
    }
    Ok(radians)
}

fn select(call: &Call) -> Result<Value> {
    let conditions = call.arrays("condlist")?;
    let conditions: Vec<Expr> = conditions.iter().map(|c| c.expr().clone()).collect();
    let choices = call.required("choicelist")?.to_sequence()?.iter().map(Value::to_arg).collect::<Result<Vec<_>>>()?;
    let default = call.value("default").map_or(Ok(Arg::from(0)), Value::to_arg)?;
    Ok(choices::select(&conditions, &choices, &default)?.into())
}

fn choose(call: &Call) -> Result<Value> {
    let outside = match call.text("mode", "raise")? {
        "raise" => Outside::Raise,
        "wrap" => Outside::Wrap,
        "clip" => Outside::Clip,
        other => return call.refuse(format!("`mode` must be raise, wrap or clip, not {other}")),
    };
    let choices = call.required("choices")?.to_sequence()?.iter().map(Value::to_arg).collect::<Result<Vec<_>>>()?;
    Ok(choices::choose(call.array("a")?.expr(), &choices, outside)?.into())
}

/// Conditions with what is true where they hold: numbers, arrays of one element, or functions of one argument.
fn piecewise(call: &Call) -> Result<Value> {
    let x = call.array("x")?;
    let list = call.required("condlist")?;
    let several = match list {
        Value::Tuple(items) | Value::List(items) => items
            .first()
            .is_some_and(|v| x.ndim() == 0 || matches!(v, Value::Array(_) | Value::List(_) | Value::Tuple(_))),
        Value::Array(a) => a.ndim() > x.ndim(),
        _ => false,
    };
    let conditions = if several { list.to_sequence()? } else { vec![list.clone()] };
    let conditions = conditions.iter().map(|c| Ok(cast(c, DType::Bool)?.expr().clone())).collect::<Result<Vec<_>>>()?;
    let piece = |value: &Value| -> Result<Expr> {
        match value {
            Value::Callable(Callable::Element(op)) if op.arity() == 1 => {
                build::cast(element(*op, &[&Value::Array(x.clone())])?.to_array()?.expr(), x.dtype())
            }
            Value::Callable(_) | Value::Method(..) => call.refuse("takes functions of one argument of the table only"),
            other => {
                let array = cast(other, x.dtype())?;
                if checked_size(&array.shape().known()?) != Some(1) {
                    return call.refuse(format!("a piece is one value, not an array of shape {}", array.shape()));
                }
                Ok(array.expr().clone())
            }
        }
    };
    let pieces = call.required("funclist")?.to_sequence()?.iter().map(piece).collect::<Result<Vec<_>>>()?;
    Ok(choices::piecewise(x.expr(), &conditions, &pieces)?.into())
}
