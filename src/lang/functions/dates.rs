//! Dates and lengths of time: `datetime64("2000-01-01")`, `timedelta64(6, "h")`, ranges and arrays of them.

use super::super::operators::element;
use super::super::value::{Call, Function, Value, checked, date, moment};
use super::row;
use crate::array::{creation, time};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};
use crate::expr::known::known_integers;
use crate::expr::times;
use crate::op::dates;
use crate::op::elementwise::ElementOp;

pub(super) static TABLE: &[Function] = &[
    row("datetime64", "value, unit=None, /", |call| scalar(call, true)),
    row("timedelta64", "value, unit=None, /", |call| scalar(call, false)),
    row("isnat", "x, /, !out, *, !where, !casting, !order, !dtype, !subok", |call| {
        let x = call.array("x")?;
        match x.expr().time {
            Some(_) => element(ElementOp::Isnan, &[&x.into()]),
            None => Err(Error::dtype("isnat", format!("takes dates and lengths of time, not {}", x.dtype()))),
        }
    }),
    row("to_datetime", "times, /, unit='ns'", |call| {
        Ok(time::to_datetime(call.array("times")?.expr(), unit(call)?.unwrap_or(Unit::Nano))?.into())
    }),
];

fn unit(call: &Call) -> Result<Option<Unit>> {
    match call.given("unit") {
        None => Ok(None),
        Some(Value::Str(code)) => match Unit::of_code(code) {
            Some(unit) => Ok(Some(unit)),
            None => call.refuse(format!("`{code}` is no unit; Y, M, W, D, h, m, s, ms, us, ns, ps, fs and as are")),
        },
        Some(other) => call.refuse(format!("a unit is a string such as \"s\", not {}", other.describe())),
    }
}

/// One date or length of time, or an array as such.
fn scalar(call: &Call, is_date: bool) -> Result<Value> {
    let value = call.required("value")?;
    match (value, unit(call)?) {
        (Value::Str(text), unit) if is_date => date(text, unit),
        (Value::Str(text), unit) if text.trim().eq_ignore_ascii_case("nat") => {
            moment(NAT, TimeType::delta(unit.unwrap_or(Unit::Week)))
        }
        (Value::Array(x), unit) if unit.is_some() || x.expr().time.is_some_and(|t| t.is_date == is_date) => {
            let unit = unit.or(x.expr().time.map(|t| t.unit)).unwrap_or(Unit::Second);
            Ok(times::astype(x.expr(), TimeType { is_date, unit })?.into())
        }
        (Value::Scalar(number), Some(unit)) if !matches!(number, Scalar::Complex(_) | Scalar::Float(_)) => {
            let ticks = checked(*number, DType::I64)?.to_i128();
            moment(i64::try_from(ticks).unwrap_or(NAT), TimeType { is_date, unit })
        }
        (Value::Scalar(_), None) => call.refuse("needs a unit beside a number, such as \"s\""),
        (other, _) => call.refuse(format!("is not made of {}", other.describe())),
    }
}

/// `array(value, dtype)` of dates or lengths of time: texts, numbers, and those in nested lists.
pub(super) fn array(value: &Value, time: TimeType) -> Result<Value> {
    if value.holds_array() {
        return Ok(times::astype(value.to_array()?.expr(), time)?.into());
    }
    let numbers = numbered(value, time)?.to_array()?;
    Ok(times::astype(numbers.expr(), time)?.into())
}

/// The same with numbers for texts.
fn numbered(value: &Value, time: TimeType) -> Result<Value> {
    let all = |items: &[Value]| items.iter().map(|v| numbered(v, time)).collect::<Result<Vec<_>>>();
    Ok(match value {
        Value::Str(text) if text.trim().eq_ignore_ascii_case("nat") => Value::Scalar(NAT.into()),
        Value::Str(text) if time.is_date => Value::Scalar(dates::parse_in(text, time.unit)?.into()),
        Value::List(items) => Value::List(all(items)?),
        Value::Tuple(items) => Value::Tuple(all(items)?),
        other => other.clone(),
    })
}

/// `arange` of dates or lengths of time; `None` where it is one of numbers.
pub(super) fn arange(call: &Call) -> Result<Option<Value>> {
    let asked = call.given("dtype").and_then(Value::to_time);
    let times = ["start", "stop", "step"].map(|name| call.given(name));
    let timed = |v: &Value| matches!(v, Value::Array(x) if x.expr().time.is_some());
    if asked.is_none() && !times.iter().flatten().any(|v| timed(v)) {
        return Ok(None);
    }
    // Texts are dates.
    let read = |value: Option<&Value>| match (value, asked) {
        (Some(Value::Str(text)), Some(time)) if time.is_date => date(text, Some(time.unit)).map(Some),
        (value, _) => Ok(value.cloned()),
    };
    let [start, stop, step] = times.map(read);
    let (start, stop, step) = (start?, stop?, step?);
    let (start, stop) = match (start, stop) {
        (Some(start), Some(stop)) => (start, stop),
        (Some(stop), None) => (Value::Scalar(Scalar::Int(0)), stop),
        _ => return call.refuse("needs `start` and `stop`"),
    };
    let time_of = |v: &Value| if let Value::Array(x) = v { x.expr().time } else { None };
    let found = asked.or(time_of(&start)).or(time_of(&stop)).or(step.as_ref().and_then(time_of));
    let mut all = vec![start, stop];
    all.extend(step);
    // The shortest unit of all of them.
    let unit = match asked {
        Some(time) => Some(time.unit),
        None => all.iter().filter_map(time_of).map(|t| t.unit).max(),
    };
    let Some(time) = found.zip(unit).map(|(time, unit)| TimeType { unit, ..time }) else { return Ok(None) };
    let ticks = |v: &Value, to: TimeType| match v {
        Value::Array(x) => match (known_integers(&times::ticks(x.expr())).as_deref(), x.expr().time) {
            (Some([one]), Some(own)) => dates::converted(*one, own, TimeType { is_date: own.is_date, ..to }),
            (Some([one]), None) => Ok(*one),
            _ => call.refuse("takes single dates and lengths of time that are known, not arrays"),
        },
        other => match other.as_integer().and_then(|n| i64::try_from(n).ok()) {
            Some(n) => Ok(n),
            None => call.refuse(format!("takes dates, lengths of time and integers, not {}", other.describe())),
        },
    };
    let ends = [ticks(&all[0], time)?, ticks(&all[1], time)?];
    let step = all.get(2).map_or(Ok(1), |v| ticks(v, TimeType::delta(time.unit)))?;
    if ends.contains(&NAT) || step == NAT {
        return call.refuse("cannot begin, end or go on by NaT");
    }
    let made = creation::arange(ends[0].into(), ends[1].into(), step.into(), None, None)?;
    let made = match call.chunk_lengths("chunks")? {
        None => made,
        Some(chunks) => made.try_rechunk(&chunks)?,
    };
    Ok(Some(made.expr().with_time(Some(time)).into()))
}
