//! Differences, derivatives and integrals.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::array::calculus::{Steps, diff, ediff1d, gradient, trapezoid, unwrap};
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::Arg;
use crate::shape::axes::position;

pub(super) static TABLE: &[Function] = &[
    row("diff", "a, n=1, axis=-1, prepend=None, append=None", |call| {
        let (before, after) = (optional(call, "prepend")?, optional(call, "append")?);
        differences(call, call.count("n")?.unwrap_or(1), before.as_ref(), after.as_ref())
    }),
    row("ediff1d", "ary, to_end=None, to_begin=None", |call| {
        let (begin, end) = (optional(call, "to_begin")?, optional(call, "to_end")?);
        Ok(ediff1d(call.array("ary")?.expr(), begin.as_ref(), end.as_ref())?.into())
    }),
    row("gradient", "f, *varargs, axis=None, edge_order=1", gradients),
    row("trapezoid", "y, x=None, dx=1.0, axis=-1", |call| {
        let steps = match optional(call, "x")? {
            Some(x) => Steps::At(x),
            None => Steps::Even(call.given("dx").map_or(Ok(Arg::from(1.0)), Value::to_arg)?),
        };
        Ok(trapezoid(call.array("y")?.expr(), &steps, call.integer("axis")?.unwrap_or(-1))?.into())
    }),
    row("unwrap", "p, discont=None, axis=-1, *, period=6.283185307179586", |call| {
        let period = call.scalar("period")?.unwrap_or(Scalar::Float(std::f64::consts::TAU));
        let (discont, axis) = (call.scalar("discont")?, call.integer("axis")?.unwrap_or(-1));
        Ok(unwrap(call.array("p")?.expr(), discont, axis, period)?.into())
    }),
];

/// An argument as an array, where it was given.
pub(super) fn optional(call: &Call, param: &str) -> Result<Option<Expr>> {
    call.given(param).map(|v| Ok(v.to_array()?.expr().clone())).transpose()
}

fn differences(call: &Call, n: usize, before: Option<&Expr>, after: Option<&Expr>) -> Result<Value> {
    let array = call.array("a")?;
    if n > 0 && array.ndim() == 0 {
        return call.refuse("needs at least one axis");
    }
    Ok(diff(array.expr(), n, call.integer("axis")?.unwrap_or(-1), before, after)?.into())
}

/// One derivative for each axis asked for; alone where there is one.
fn gradients(call: &Call) -> Result<Value> {
    let array = call.array("f")?;
    let rank = array.ndim();
    let axes: Vec<isize> = match call.integers("axis")? {
        None => (0..rank.cast_signed()).collect(),
        Some(list) => list,
    };
    let mut places = axes.iter().map(|&a| position("gradient", a, rank)).collect::<Result<Vec<_>>>()?;
    places.sort_unstable();
    if places.windows(2).any(|w| w[0] == w[1]) {
        return Err(Error::axis("gradient", "an axis is named twice"));
    }
    let edge_order = call.count("edge_order")?.unwrap_or(1);
    let args = call.rest().iter().map(Value::to_arg).collect::<Result<Vec<_>>>()?;
    let number = |a: &Arg| matches!(a, Arg::Scalar(_)) || matches!(a, Arg::Array(e) if e.shape.rank() == 0);
    let spacings = match args.as_slice() {
        [] => vec![Arg::from(1.0); axes.len()],
        [one] if number(one) => vec![one.clone(); axes.len()],
        many if many.len() == axes.len() => many.to_vec(),
        many => return call.refuse(format!("{} distances for {} axes", many.len(), axes.len())),
    };
    let derivatives = axes.iter().zip(&spacings).map(|(&a, s)| Ok(gradient(array.expr(), a, s, edge_order)?.into()));
    let mut derivatives = derivatives.collect::<Result<Vec<Value>>>()?;
    match derivatives.len() {
        1 => Ok(derivatives.remove(0)),
        _ => Ok(Value::Tuple(derivatives)),
    }
}
