//! Operators on values: Python's between numbers and sequences, NumPy's as soon as an array is there.

use super::ast::{BinaryOp, CompareOp, UnaryOp};
use super::number;
use super::value::{Parts, Value, date, weak};
use crate::array::Array;
use crate::array::masked::Masked;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::compose::aligned;
use crate::expr::times;
use crate::linalg::matmul as products;
use crate::op::elementwise::ElementOp;

/// How many items repeating a list may give.
const LONGEST_LIST: usize = 1 << 16;

/// An elementwise operation of the table.
pub(super) fn element(op: ElementOp, args: &[&Value]) -> Result<Value> {
    if op == ElementOp::Power
        && let [base, exponent] = args
    {
        return power(base, exponent);
    }
    if args.iter().any(|v| masked(v).is_some()) {
        let arg = |v: &&Value| match masked(v) {
            Some(m) => Ok((Arg::Array(m.data().expr().clone()), Some(m.mask().expr().clone()))),
            None => Ok((v.to_arg()?, None)),
        };
        let (given, args) = (args, args.iter().map(arg).collect::<Result<Vec<_>>>()?);
        // The first that has a value to fill in passes it on.
        let fill = given.iter().find_map(|v| masked(v)?.fill());
        return Ok(Value::Parts(Box::new(Parts::Masked(Masked::element(op, &args)?.with_fill(fill)))));
    }
    let dated = args.iter().any(|v| dated(v));
    let arg = |v: &&Value| match v {
        // Beside dates, a text is one.
        Value::Str(text) if dated => date(text, None)?.to_arg(),
        other => other.to_arg(),
    };
    let args = args.iter().map(arg).collect::<Result<Vec<_>>>()?;
    Ok(build::element(op, &aligned(op, &args)?)?.into())
}

/// Whether these are dates.
fn dated(value: &Value) -> bool {
    matches!(value, Value::Array(x) if x.expr().time.is_some_and(|t| t.is_date))
}

/// A masked array, where that is one.
fn masked(value: &Value) -> Option<&Masked> {
    match value {
        Value::Parts(parts) if let Parts::Masked(masked) = &**parts => Some(masked),
        _ => None,
    }
}

/// `op operand`.
pub(super) fn unary(op: UnaryOp, operand: &Value) -> Result<Value> {
    match operand {
        Value::Scalar(scalar) => Ok(Value::Scalar(number::unary(op, *scalar)?)),
        _ if matches!(operand, Value::Array(_)) || masked(operand).is_some() => {
            let op = match op {
                UnaryOp::Negative => ElementOp::Negative,
                UnaryOp::Positive => ElementOp::Positive,
                UnaryOp::Invert => ElementOp::Invert,
            };
            element(op, &[operand])
        }
        other => Err(Error::argument(op.symbol(), format!("is not defined for {}", other.describe()))),
    }
}

/// `left op right`.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value) -> Result<Value> {
    if let (Value::Scalar(a), Value::Scalar(b)) = (left, right)
        && op != BinaryOp::MatMul
    {
        return Ok(Value::Scalar(number::binary(op, *a, *b)?));
    }
    if let (Value::Parts(parts), Some(op)) = (left, element_of(op))
        && let Parts::Groups(groups) = &**parts
    {
        let values = groups.expand(&right.to_array()?)?;
        return element(op, &[&groups.array().clone().into(), &values.into()]);
    }
    if numeric(left, right) {
        return match element_of(op) {
            Some(op) => element(op, &[left, right]),
            None => matmul(left, right),
        };
    }
    sequences(op, left, right).unwrap_or_else(|| refuse(op.symbol(), left, right))
}

/// `left @ right`.
pub(super) fn matmul(left: &Value, right: &Value) -> Result<Value> {
    Ok(products::matmul(left.to_array()?.expr(), right.to_array()?.expr())?.into())
}

/// Whether an array decides what an operator between these means.
fn numeric(left: &Value, right: &Value) -> bool {
    let array = |v: &Value| matches!(v, Value::Array(_)) || masked(v).is_some();
    let dated = dated(left) || dated(right);
    let text = |v: &Value| dated && matches!(v, Value::Str(_));
    let operand = |v: &Value| array(v) || matches!(v, Value::Scalar(_)) || v.items().is_some() || text(v);
    (array(left) || array(right)) && operand(left) && operand(right)
}

fn element_of(op: BinaryOp) -> Option<ElementOp> {
    Some(match op {
        BinaryOp::Add => ElementOp::Add,
        BinaryOp::Subtract => ElementOp::Subtract,
        BinaryOp::Multiply => ElementOp::Multiply,
        BinaryOp::Divide => ElementOp::Divide,
        BinaryOp::FloorDivide => ElementOp::FloorDivide,
        BinaryOp::Remainder => ElementOp::Remainder,
        BinaryOp::Power => ElementOp::Power,
        BinaryOp::ShiftLeft => ElementOp::LeftShift,
        BinaryOp::ShiftRight => ElementOp::RightShift,
        BinaryOp::BitAnd => ElementOp::BitwiseAnd,
        BinaryOp::BitOr => ElementOp::BitwiseOr,
        BinaryOp::BitXor => ElementOp::BitwiseXor,
        BinaryOp::MatMul => return None,
    })
}

/// Python's `+` and `*` on tuples and lists; `None` where it has no such operator.
fn sequences(op: BinaryOp, left: &Value, right: &Value) -> Option<Result<Value>> {
    let joined = |a: &[Value], b: &[Value]| a.iter().chain(b).cloned().collect::<Vec<_>>();
    let repeated = |items: &[Value], n: i128| {
        let n = usize::try_from(n).unwrap_or(0);
        if items.len().saturating_mul(n) > LONGEST_LIST {
            return Err(Error::argument("*", format!("a sequence of more than {LONGEST_LIST} items")));
        }
        Ok(items.iter().cycle().take(items.len() * n).cloned().collect::<Vec<_>>())
    };
    Some(match (op, left, right) {
        (BinaryOp::Add, Value::Tuple(a), Value::Tuple(b)) => Ok(Value::Tuple(joined(a, b))),
        (BinaryOp::Add, Value::List(a), Value::List(b)) => Ok(Value::List(joined(a, b))),
        (BinaryOp::Multiply, Value::Tuple(a), n) | (BinaryOp::Multiply, n, Value::Tuple(a)) => {
            repeated(a, n.as_integer()?).map(Value::Tuple)
        }
        (BinaryOp::Multiply, Value::List(a), n) | (BinaryOp::Multiply, n, Value::List(a)) => {
            repeated(a, n.as_integer()?).map(Value::List)
        }
        _ => return None,
    })
}

fn refuse<T>(symbol: &str, left: &Value, right: &Value) -> Result<T> {
    let why = format!("is not defined for {} and {}", left.describe(), right.describe());
    Err(Error::argument(symbol, why))
}

/// `base ** exponent`, with NumPy's shortcuts for the exponents -1, 0.5, 1 and 2, which round differently.
fn power(base: &Value, exponent: &Value) -> Result<Value> {
    if let (Value::Array(x), Value::Scalar(n)) = (base, exponent)
        && let Some(done) = power_of(x, *n)
    {
        return done;
    }
    let args = [base.to_arg()?, exponent.to_arg()?];
    Ok(build::element(ElementOp::Power, &args)?.into())
}

fn power_of(x: &Array, exponent: Scalar) -> Option<Result<Value>> {
    if x.expr().time.is_some() {
        return None;
    }
    let dtype = match exponent {
        // NumPy squares without widening, and truth values square as the narrowest integers.
        Scalar::Int(2) if x.dtype() == DType::Bool => DType::I8,
        _ => weak(x.dtype(), exponent),
    };
    let n = match exponent {
        Scalar::Int(n) if n < 0 && !dtype.is_inexact() => {
            let why = "integers to negative integer powers are not allowed; make one of them a float";
            return Some(Err(Error::argument("power", why)));
        }
        Scalar::Int(_) | Scalar::Float(_) => exponent.to_f64(),
        _ => return None,
    };
    let op =
        [(2.0, ElementOp::Square), (1.0, ElementOp::Positive), (-1.0, ElementOp::Reciprocal), (0.5, ElementOp::Sqrt)]
            .into_iter()
            .find(|(at, _)| n == *at)?
            .1;
    Some(element(op, &[&Value::Array(x.astype(dtype))]))
}

/// `left op right` for comparisons.
pub(super) fn compare(op: CompareOp, left: &Value, right: &Value) -> Result<Value> {
    let truth = |v: bool| Ok(Value::bool(v));
    match op {
        CompareOp::Is => truth(identical(left, right)),
        CompareOp::IsNot => truth(!identical(left, right)),
        CompareOp::In | CompareOp::NotIn => {
            let Some(items) = right.items() else { return refuse(op.symbol(), left, right) };
            let mut found = false;
            for item in items {
                found = found || compare(CompareOp::Equal, left, item)?.truth()?;
            }
            truth(found == (op == CompareOp::In))
        }
        _ => match (left, right) {
            (Value::Scalar(a), Value::Scalar(b)) => truth(number::compare(op, *a, *b)?),
            _ if numeric(left, right) => element(comparison(op), &[left, right]),
            _ => objects(op, left, right),
        },
    }
}

fn comparison(op: CompareOp) -> ElementOp {
    match op {
        CompareOp::Less => ElementOp::Less,
        CompareOp::LessEqual => ElementOp::LessEqual,
        CompareOp::Greater => ElementOp::Greater,
        CompareOp::GreaterEqual => ElementOp::GreaterEqual,
        CompareOp::NotEqual => ElementOp::NotEqual,
        _ => ElementOp::Equal,
    }
}

/// `==` and `!=` on what is neither number nor array.
fn objects(op: CompareOp, left: &Value, right: &Value) -> Result<Value> {
    let equal = match (left, right) {
        (Value::Type { dtype, time, .. }, other @ (Value::Type { .. } | Value::Str(_)))
        | (other @ Value::Str(_), Value::Type { dtype, time, .. }) => match time {
            Some(time) => other.to_time() == Some(*time),
            None => other.to_dtype().is_ok_and(|d| d == *dtype),
        },
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            let mut equal = a.len() == b.len();
            for (x, y) in a.iter().zip(b) {
                equal = equal && compare(CompareOp::Equal, x, y)?.truth()?;
            }
            equal
        }
        _ if left.holds_array() || right.holds_array() => return refuse(op.symbol(), left, right),
        _ => identical(left, right),
    };
    match op {
        CompareOp::Equal => Ok(Value::bool(equal)),
        CompareOp::NotEqual => Ok(Value::bool(!equal)),
        _ => refuse(op.symbol(), left, right),
    }
}

fn identical(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::None, Value::None) | (Value::Ellipsis, Value::Ellipsis) => true,
        (Value::Scalar(a), Value::Scalar(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => a.expr().id() == b.expr().id(),
        (Value::Type { dtype: a, time: s, .. }, Value::Type { dtype: b, time: t, .. }) => (a, s) == (b, t),
        _ => false,
    }
}

/// Any value as an array of the type that `to` is or names: `x.astype(to)`.
pub(super) fn astype(value: &Value, to: &Value) -> Result<Value> {
    if let Some(time) = to.to_time() {
        return Ok(times::astype(value.to_array()?.expr(), time)?.into());
    }
    let numbers = match value {
        Value::Array(array) => Value::Array(Array::from_expr(times::ticks(array.expr()))),
        other => other.clone(),
    };
    Ok(cast(&numbers, to.to_dtype()?)?.into())
}

/// `cast` of any value to an array of `dtype`; refuses an integer that it does not hold.
pub(super) fn cast(value: &Value, dtype: DType) -> Result<Array> {
    match value {
        Value::Scalar(scalar) => super::value::constant(*scalar, dtype),
        other => Ok(Array::from_expr(build::cast(other.to_array()?.expr(), dtype)?)),
    }
}
