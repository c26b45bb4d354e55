//! Subscripts of arrays, and of Python's sequences.

use super::value::{Value, constant};
use crate::array::Array;
use crate::array::assign::set;
use crate::array::indexing::{Selection, select};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build;
use crate::shape::slice::{Item, range};

/// `value[items]`; `tuple` where the index is one.
pub(super) fn subscript(value: &Value, items: &[Value], tuple: bool) -> Result<Value> {
    match value {
        Value::Array(array) => Ok(Array::from_expr(select(array.expr(), &parts(items, tuple)?)?).into()),
        Value::Tuple(list) if !tuple => pick(list, items, Value::Tuple),
        Value::List(list) if !tuple => pick(list, items, Value::List),
        Value::Tuple(_) | Value::List(_) => Err(Error::index("a sequence takes one integer or slice")),
        other => Err(Error::index(format!("{} cannot be indexed", other.describe()))),
    }
}

/// `value[items] = new`, as another array.
pub(super) fn assign(value: &Value, new: &Value, items: &[Value], tuple: bool) -> Result<Value> {
    let Value::Array(array) = value else {
        return Err(Error::index(format!("items of {} cannot be assigned to", value.describe())));
    };
    let refuse = |what: Scalar| Err(Error::argument("setitem", format!("{what} does not fit {}", array.dtype())));
    let new = match new {
        Value::Scalar(s @ Scalar::Complex(_)) if !array.dtype().is_complex() => return refuse(*s),
        Value::Scalar(s @ Scalar::Float(v)) if array.dtype().is_integer() && !v.is_finite() => return refuse(*s),
        Value::Scalar(s) => constant(*s, array.dtype())?,
        other => other.to_array()?,
    };
    Ok(set(array.expr(), &parts(items, tuple)?, new.expr())?.into())
}

/// The parts of an array's index. A tuple that is the whole index has the parts in it.
fn parts(items: &[Value], tuple: bool) -> Result<Vec<Selection>> {
    match items {
        [Value::Tuple(items)] if !tuple => items.iter().map(part).collect(),
        items => items.iter().map(part).collect(),
    }
}

/// One part of an array's index.
fn part(value: &Value) -> Result<Selection> {
    Ok(match value {
        Value::Array(a) if a.dtype() == DType::Bool => Selection::Mask(a.expr().clone()),
        Value::Array(a) if a.dtype().is_integer() => Selection::Places(a.expr().clone()),
        Value::List(items) | Value::Tuple(items) if items.is_empty() => {
            Selection::Places(build::full(&[0], Scalar::Int(0), DType::I64, None)?)
        }
        Value::List(_) | Value::Tuple(_) => return part(&value.to_array()?.into()),
        Value::Scalar(Scalar::Bool(v)) => Selection::Mask(build::full(&[], Scalar::Bool(*v), DType::Bool, None)?),
        other => Selection::Basic(item(other)?),
    })
}

/// One part of a basic index.
fn item(value: &Value) -> Result<Item> {
    Ok(match value {
        Value::Scalar(Scalar::Int(at)) => Item::Index(saturate(*at)),
        Value::None => Item::NewAxis,
        Value::Ellipsis => Item::Ellipsis,
        Value::Slice([start, stop, step]) => Item::Slice {
            start: start.map(saturate),
            stop: stop.map(saturate),
            step: match step.map(saturate) {
                // The most negative step has no counterpart; any step beyond the axis does the same.
                Some(step) => step.max(-isize::MAX),
                None => 1,
            },
        },
        other => {
            let why = "only integers, slices, `...`, None and integer or boolean arrays index an array";
            return Err(Error::index(format!("{why}, not {}", other.describe())));
        }
    })
}

/// An index as the machine's integer: whatever does not fit is out of bounds, or beyond any end.
fn saturate(at: i128) -> isize {
    isize::try_from(at).unwrap_or(if at < 0 { isize::MIN } else { isize::MAX })
}

/// One item of a list, or a slice of it.
fn pick(list: &[Value], items: &[Value], rebuild: fn(Vec<Value>) -> Value) -> Result<Value> {
    match items {
        [Value::Slice([start, stop, step])] => {
            let step = step.map_or(1, saturate).max(-isize::MAX);
            let (first, count) = range(start.map(saturate), stop.map(saturate), step, list.len())?;
            let at = |k: usize| first.wrapping_add_signed(step.wrapping_mul(k.cast_signed()));
            Ok(rebuild((0..count).filter_map(|k| list.get(at(k)).cloned()).collect()))
        }
        [one] => match one.as_integer() {
            Some(at) => {
                let from_end = if at < 0 { at + list.len() as i128 } else { at };
                let found = usize::try_from(from_end).ok().and_then(|i| list.get(i));
                found.cloned().ok_or_else(|| {
                    Error::index(format!("{at} is out of bounds for a sequence of {} items", list.len()))
                })
            }
            None => Err(Error::index(format!("a sequence is indexed by integers and slices, not {}", one.describe()))),
        },
        _ => Err(Error::index("a sequence takes one integer or slice")),
    }
}
