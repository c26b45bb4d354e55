//! `pad`: widths and what belongs to them, as NumPy takes them.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::array::padding::{Border, Statistic, pad as padded};
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::shape::axes::position;

pub(super) static TABLE: &[Function] = &[row(
    "pad",
    "array, pad_width, mode='constant', *, constant_values=0, end_values=0, stat_length=None, reflect_type='even'",
    pad,
)];

fn pad(call: &Call) -> Result<Value> {
    let array = call.array("array")?;
    let rank = array.ndim();
    let mode = call.text("mode", "constant")?;
    let (keyword, border) = match mode {
        "constant" => ("constant_values", Border::Constant(pairs(call, "constant_values", rank)?)),
        // What is not defined is 0 here.
        "empty" => ("", Border::Constant(vec![(Scalar::Int(0), Scalar::Int(0)); rank])),
        "edge" => ("", Border::Edge),
        "linear_ramp" => ("end_values", Border::LinearRamp(pairs(call, "end_values", rank)?)),
        "maximum" => ("stat_length", Border::Statistic(Statistic::Maximum, lengths(call, rank)?)),
        "mean" => ("stat_length", Border::Statistic(Statistic::Mean, lengths(call, rank)?)),
        "median" => ("stat_length", Border::Statistic(Statistic::Median, lengths(call, rank)?)),
        "minimum" => ("stat_length", Border::Statistic(Statistic::Minimum, lengths(call, rank)?)),
        "reflect" | "symmetric" => {
            let odd = match call.text("reflect_type", "even")? {
                "odd" => true,
                "even" => false,
                other => return call.refuse(format!("`reflect_type` must be even or odd, not {other}")),
            };
            ("reflect_type", Border::Reflect { symmetric: mode == "symmetric", odd })
        }
        "wrap" => ("", Border::Wrap),
        other => return call.refuse(format!("`{other}` is no mode")),
    };
    for other in ["constant_values", "end_values", "stat_length", "reflect_type"] {
        if other != keyword && call.value(other).is_some() {
            return call.refuse(format!("the mode {mode} has no argument `{other}`"));
        }
    }
    let widths = pairs(call, "pad_width", rank)?;
    let widths = widths.into_iter().map(|(a, b)| Ok((width(call, a)?, width(call, b)?))).collect::<Result<Vec<_>>>()?;
    Ok(padded(array.expr(), &widths, &border)?.into())
}

fn width(call: &Call, scalar: Scalar) -> Result<usize> {
    match scalar {
        Scalar::Int(n) if n >= 1 << 48 => call.refuse("`pad_width` is too large"),
        Scalar::Int(n) => usize::try_from(n).or_else(|_| call.refuse("`pad_width` cannot be negative")),
        _ => call.refuse("`pad_width` must be integers"),
    }
}

/// How many elements next to each edge a statistic is of.
fn lengths(call: &Call, rank: usize) -> Result<Vec<(Option<usize>, Option<usize>)>> {
    if call.given("stat_length").is_none() {
        return Ok(vec![(None, None); rank]);
    }
    let extremes = matches!(call.text("mode", "")?, "maximum" | "minimum");
    let one = |s: Scalar| match usize::try_from(s.to_i128()) {
        Ok(0) if extremes => call.refuse("a `stat_length` of 0 has no extremes"),
        Ok(n) => Ok(Some(n)),
        Err(_) => call.refuse("`stat_length` cannot be negative"),
    };
    pairs(call, "stat_length", rank)?.into_iter().map(|(a, b)| Ok((one(a)?, one(b)?))).collect()
}

/// An argument as one pair per axis: a number, a pair for all axes, a sequence of pairs, or a dictionary of those by
/// axis; 0 where it is absent.
fn pairs(call: &Call, param: &str, rank: usize) -> Result<Vec<(Scalar, Scalar)>> {
    let Some(value) = call.given(param) else { return Ok(vec![(Scalar::Int(0), Scalar::Int(0)); rank]) };
    let pair = |v: &Value| -> Option<(Scalar, Scalar)> {
        let scalar = |v: &Value| if let Value::Scalar(s) = v { Some(*s) } else { None };
        match v.items() {
            None => scalar(v).map(|s| (s, s)),
            Some([one]) => scalar(one).map(|s| (s, s)),
            Some([a, b]) => scalar(a).zip(scalar(b)),
            Some(_) => None,
        }
    };
    if let Value::Dict(entries) = value {
        let mut pairs = vec![(Scalar::Int(0), Scalar::Int(0)); rank];
        for (axis, widths) in entries {
            let place = axis.as_integer().and_then(|a| isize::try_from(a).ok());
            let (Some(place), Some(widths)) = (place, pair(widths)) else {
                return call.refuse(format!("`{param}` must have a number or a pair for each axis that it names"));
            };
            pairs[position(call.name(), place, rank)?] = widths;
        }
        return Ok(pairs);
    }
    let nested = value.items().filter(|items| items.iter().any(|i| i.items().is_some()));
    let pairs = match nested {
        None => pair(value).map(|p| vec![p; rank]),
        Some([one]) => pair(one).map(|p| vec![p; rank]),
        Some(items) if items.len() == rank => items.iter().map(pair).collect(),
        Some(_) => None,
    };
    match pairs {
        Some(pairs) => Ok(pairs),
        None => call.refuse(format!("`{param}` must be a number, a pair, or a pair for each of {rank} axes")),
    }
}
