//! `pad`: borders made of constants, or of slices of the array itself, walked forwards and backwards.

use super::super::value::{Call, Function};
use super::super::value::{Value, checked};
use super::join::part;
use super::row;
use crate::array::Array;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::shape::Shape;
use crate::shape::slice::Item;

/// How many slices one border is made of, at most.
const MOST_RUNS: usize = 4096;

pub(super) static TABLE: &[Function] = &[row(
    "pad",
    "array, pad_width, mode='constant', *, constant_values=0, reflect_type='even', !stat_length, !end_values",
    pad,
)];

/// Where a border takes its elements from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Symmetric,
    Wrap,
}

fn pad(call: &Call) -> Result<Value> {
    let array = call.array("array")?;
    let rank = array.ndim();
    let mode = match call.text("mode", "constant")? {
        "constant" | "empty" => Mode::Constant,
        "edge" => Mode::Edge,
        "reflect" => Mode::Reflect,
        "symmetric" => Mode::Symmetric,
        "wrap" => Mode::Wrap,
        other @ ("linear_ramp" | "maximum" | "mean" | "median" | "minimum") => {
            return Err(Error::unsupported(format!("the mode {other} of pad is not offered yet")));
        }
        other => return call.refuse(format!("`{other}` is no mode")),
    };
    if call.text("reflect_type", "even")? != "even" {
        return Err(Error::unsupported("odd reflections of pad are not offered yet"));
    }
    let widths = pairs(call, "pad_width", rank, Scalar::Int(0))?;
    let values = pairs(call, "constant_values", rank, Scalar::Int(0))?;
    let mut out = array.expr().clone();
    for axis in 0..rank {
        let (before, after) = (width(call, widths[axis].0)?, width(call, widths[axis].1)?);
        out = match mode {
            Mode::Constant => constant(&out, axis, (before, after), values[axis])?,
            mode => mirrored(call, &out, axis, (before, after), mode)?,
        };
    }
    Ok(Array::from_expr(out).into())
}

fn width(call: &Call, scalar: Scalar) -> Result<usize> {
    match scalar {
        Scalar::Int(n) if n >= 1 << 48 => call.refuse("`pad_width` is too large"),
        Scalar::Int(n) => usize::try_from(n).or_else(|_| call.refuse("`pad_width` cannot be negative")),
        _ => call.refuse("`pad_width` must be integers"),
    }
}

/// An argument as one pair per axis: a number, a pair for all axes, or a sequence of pairs.
fn pairs(call: &Call, param: &str, rank: usize, default: Scalar) -> Result<Vec<(Scalar, Scalar)>> {
    let Some(value) = call.given(param) else { return Ok(vec![(default, default); rank]) };
    let pair = |v: &Value| -> Option<(Scalar, Scalar)> {
        let scalar = |v: &Value| if let Value::Scalar(s) = v { Some(*s) } else { None };
        match v.items() {
            None => scalar(v).map(|s| (s, s)),
            Some([one]) => scalar(one).map(|s| (s, s)),
            Some([a, b]) => scalar(a).zip(scalar(b)),
            Some(_) => None,
        }
    };
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

fn constant(x: &Expr, axis: usize, (before, after): (usize, usize), values: (Scalar, Scalar)) -> Result<Expr> {
    let mut shape = x.shape.known()?;
    let mut border = |n: usize, value: Scalar| -> Result<Option<Expr>> {
        if n == 0 {
            return Ok(None);
        }
        shape[axis] = n;
        let value = if x.dtype.is_integer() { Scalar::Int(value.to_i128()) } else { value };
        Ok(Some(build::full(&shape, checked(value, x.dtype)?, x.dtype, None)?))
    };
    let parts = [border(before, values.0)?, Some(x.clone()), border(after, values.1)?];
    joined(parts.into_iter().flatten().collect(), axis)
}

fn joined(parts: Vec<Expr>, axis: usize) -> Result<Expr> {
    match parts.as_slice() {
        [one] => Ok(one.clone()),
        many => build::concatenate(many, axis),
    }
}

fn mirrored(call: &Call, x: &Expr, axis: usize, (before, after): (usize, usize), mode: Mode) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let n = lengths[axis];
    if before == 0 && after == 0 {
        return Ok(x.clone());
    }
    if n == 0 {
        return call.refuse(format!("axis {axis} is empty and can only be padded with a constant"));
    }
    let mut parts = Vec::new();
    if mode == Mode::Edge || n == 1 {
        let edge = |at: usize, count: usize| -> Result<Option<Expr>> {
            let mut shape = lengths.clone();
            shape[axis] = count;
            if count == 0 {
                Ok(None)
            } else {
                build::broadcast_to(&part(x, axis, at, at + 1)?, &Shape::new(&shape)).map(Some)
            }
        };
        parts.extend(edge(0, before)?);
        parts.push(x.clone());
        parts.extend(edge(n - 1, after)?);
        return joined(parts, axis);
    }
    let (low, high) = (-before.cast_signed(), (n + after).cast_signed());
    for (first, step, count) in
        runs(low, 0, n, mode).into_iter().chain([(0, 1, n)]).chain(runs(n.cast_signed(), high, n, mode))
    {
        if parts.len() > MOST_RUNS {
            return Err(Error::unsupported(format!("a border of more than {MOST_RUNS} repetitions is not offered")));
        }
        let stop = first.cast_signed() + step * count.cast_signed();
        let mut items = vec![Item::from(..); axis];
        items.push(Item::Slice { start: Some(first.cast_signed()), stop: (stop >= 0).then_some(stop), step });
        parts.push(build::index(x, &items)?);
    }
    joined(parts, axis)
}

/// The positions that `low..high` mean in an axis of length `n`, as runs: first position, direction, length; no more of
/// them than are offered.
fn runs(low: isize, high: isize, n: usize, mode: Mode) -> Vec<(usize, isize, usize)> {
    let n = n.cast_signed();
    let period = match mode {
        Mode::Reflect => 2 * (n - 1),
        Mode::Symmetric => 2 * n,
        _ => n,
    };
    let mut out = Vec::new();
    let mut at = low;
    while at < high && out.len() <= MOST_RUNS {
        let phase = at.rem_euclid(period);
        let (first, step, end) = if phase < n {
            (phase, 1, n)
        } else if mode == Mode::Reflect {
            (period - phase, -1, period)
        } else {
            (period - 1 - phase, -1, period)
        };
        let count = (end - phase).min(high - at);
        out.push((first.unsigned_abs(), step, count.unsigned_abs()));
        at += count;
    }
    out
}
