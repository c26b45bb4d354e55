//! Masked arrays: `ma.masked_where(x < 0, x).mean(axis=0)`.

use super::super::value::{Call, Function, Parts, Value};
use super::row;
use crate::array::Array;
use crate::array::indexing::nonzero as nonzero_places;
use crate::array::masked::{Masked, between, close, invalid};
use crate::array::reduction::{Over, keep};
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;

pub(super) static TABLE: &[Function] = &[
    row("ma.masked_array", ARRAY, array),
    row("ma.array", ARRAY, array),
    row("ma.masked_where", "condition, a, copy=True", |call| {
        masked(call, "a", |_| Ok(call.array("condition")?.expr().clone()))
    }),
    row("ma.masked_equal", VALUE, |call| filled_with(call, against(call, ElementOp::Equal)?)),
    row("ma.masked_not_equal", VALUE, |call| against(call, ElementOp::NotEqual)),
    row("ma.masked_greater", VALUE, |call| against(call, ElementOp::Greater)),
    row("ma.masked_greater_equal", VALUE, |call| against(call, ElementOp::GreaterEqual)),
    row("ma.masked_less", VALUE, |call| against(call, ElementOp::Less)),
    row("ma.masked_less_equal", VALUE, |call| against(call, ElementOp::LessEqual)),
    row("ma.masked_inside", ENDS, |call| ends(call, true)),
    row("ma.masked_outside", ENDS, |call| ends(call, false)),
    row("ma.masked_invalid", "a, copy=True", |call| masked(call, "a", invalid)),
    row("ma.masked_values", "x, value, rtol=1e-05, atol=1e-08, copy=True, shrink=True", |call| {
        let (relative, absolute) = (call.real("rtol", 1e-5)?, call.real("atol", 1e-8)?);
        let value = call.required("value")?.to_arg()?;
        filled_with(call, masked(call, "x", |x| close(x, &value, relative, absolute))?)
    }),
    row("ma.fix_invalid", "a, fill_value=None", |call| {
        Ok(value(of(call.required("a")?)?.fix_invalid(call.scalar("fill_value")?)?))
    }),
    row("ma.set_fill_value", "a, fill_value", |call| {
        Ok(value(of(call.required("a")?)?.with_fill(call.scalar("fill_value")?)))
    }),
    row("ma.ones_like", LIKE, |call| like(call, 1)),
    row("ma.zeros_like", LIKE, |call| like(call, 0)),
    row("ma.empty_like", LIKE, |call| like(call, 0)),
    row("ma.where", "condition, x=None, y=None", branch),
    row("ma.nonzero", "a", nonzero),
    row("ma.getmask", "a", |call| Ok(of(call.required("a")?)?.mask().into())),
    row("ma.getdata", "a, subok=True", |call| Ok(of(call.required("a")?)?.data().into())),
    row("ma.getmaskarray", "arr", |call| Ok(of(call.required("arr")?)?.mask().into())),
    row("ma.filled", "a, fill_value=None", filled),
    row("ma.count", COUNT, count),
    row("ma.sum", OVER, reduce),
    row("ma.prod", OVER, reduce),
    row("ma.mean", OVER, reduce),
    row("ma.var", SPREAD, reduce),
    row("ma.std", SPREAD, reduce),
    row("ma.min", ENDMOST, reduce),
    row("ma.max", ENDMOST, reduce),
    row("ma.ptp", ENDMOST, reduce),
    row("ma.any", ENDMOST, reduce),
    row("ma.all", ENDMOST, reduce),
    row("ma.average", "a, axis=None, weights=None, returned=False, *, keepdims=False", |call| {
        let weights = call.given("weights").map(Value::to_array).transpose()?;
        let (mean, sums) = of(call.required("a")?)?.average(over(call)?, weights.as_ref())?;
        Ok(if call.flag("returned", false)? { Value::Tuple(vec![value(mean), value(sums)]) } else { value(mean) })
    }),
];

/// Methods of masked arrays.
pub(super) static METHODS: &[Function] = &[
    row("filled", "a, fill_value=None", filled),
    row("nonzero", "a", nonzero),
    row("count", COUNT, count),
    row("sum", OVER, reduce),
    row("prod", OVER, reduce),
    row("mean", OVER, reduce),
    row("var", SPREAD, reduce),
    row("std", SPREAD, reduce),
    row("min", ENDMOST, reduce),
    row("max", ENDMOST, reduce),
    row("ptp", ENDMOST, reduce),
    row("any", ENDMOST, reduce),
    row("all", ENDMOST, reduce),
];

const ARRAY: &str = "data, mask=None, dtype=None, fill_value=None";
const LIKE: &str = "a, dtype=None";
const VALUE: &str = "x, value, copy=True";
const ENDS: &str = "x, v1, v2, copy=True";
const COUNT: &str = "a, axis=None, keepdims=False";
const OVER: &str = "a, axis=None, dtype=None, !out, keepdims=False";
const SPREAD: &str = "a, axis=None, dtype=None, !out, ddof=0, keepdims=False";
const ENDMOST: &str = "a, axis=None, !out, keepdims=False";

fn value(masked: Masked) -> Value {
    Value::Parts(Box::new(Parts::Masked(masked)))
}

/// A masked array, or an array of which nothing is left out.
fn of(value: &Value) -> Result<Masked> {
    match value {
        Value::Parts(parts) if let Parts::Masked(masked) = &**parts => Ok(masked.clone()),
        other => Masked::new(&other.to_array()?, None),
    }
}

fn array(call: &Call) -> Result<Value> {
    let data = call.array("data")?;
    let data = call.dtype("dtype")?.map_or_else(|| data.clone(), |dtype| data.astype(dtype));
    let mask = call.given("mask").map(Value::to_array).transpose()?;
    Ok(value(Masked::new(&data, mask.as_ref())?.with_fill(call.scalar("fill_value")?)))
}

/// The same, with the value that is left out as the one to fill in.
fn filled_with(call: &Call, masked: Value) -> Result<Value> {
    match call.given("value") {
        Some(Value::Scalar(fill)) => Ok(value(of(&masked)?.with_fill(Some(*fill)))),
        _ => Ok(masked),
    }
}

/// A masked array of one value.
fn like(call: &Call, number: i64) -> Result<Value> {
    let given = of(call.required("a")?)?;
    let dtype = call.dtype("dtype")?.unwrap_or(given.data().dtype());
    Ok(value(given.full_like(Scalar::from(number), dtype)?))
}

/// `where`, of masked arrays.
fn branch(call: &Call) -> Result<Value> {
    let condition = of(call.required("condition")?)?;
    let parts = |param: &str| -> Result<Option<(Arg, Option<Expr>)>> {
        let Some(given) = call.given(param) else { return Ok(None) };
        Ok(Some(match given {
            Value::Parts(_) => (Arg::Array(of(given)?.data().expr().clone()), Some(of(given)?.mask().expr().clone())),
            // Numbers are as strong as arrays here.
            other => (Arg::Array(other.to_array()?.expr().clone()), None),
        }))
    };
    match (parts("x")?, parts("y")?) {
        (Some(x), Some(y)) => Ok(value(Masked::choose(&condition, (&x.0, x.1.as_ref()), (&y.0, y.1.as_ref()))?)),
        (None, None) => nonzero_of(&condition),
        _ => call.refuse("takes both `x` and `y`, or none"),
    }
}

fn nonzero(call: &Call) -> Result<Value> {
    nonzero_of(&of(call.required("a")?)?)
}

/// Where elements that count are not zero.
fn nonzero_of(masked: &Masked) -> Result<Value> {
    let zero = Scalar::from(0i64);
    let zero = build::cast(&build::full(&[], zero, zero.dtype(), None)?, masked.data().dtype())?;
    let places = nonzero_places(masked.filled(Some(&zero))?.expr())?;
    Ok(Value::Tuple(places.into_iter().map(Value::from).collect()))
}

/// The argument without the elements that `which` says of it.
fn masked(call: &Call, param: &str, which: impl FnOnce(&Expr) -> Result<Expr>) -> Result<Value> {
    let given = of(call.required(param)?)?;
    let which = which(given.data().expr())?;
    Ok(value(given.without(&which)?))
}

fn against(call: &Call, op: ElementOp) -> Result<Value> {
    let with = call.required("value")?.to_arg()?;
    masked(call, "x", |x| build::element(op, &[Arg::Array(x.clone()), with]))
}

fn ends(call: &Call, inside: bool) -> Result<Value> {
    let (one, other) = (call.required("v1")?.to_arg()?, call.required("v2")?.to_arg()?);
    masked(call, "x", |x| between(x, &one, &other, inside))
}

fn filled(call: &Call) -> Result<Value> {
    let with = call.given("fill_value").map(Value::to_array).transpose()?;
    Ok(of(call.required("a")?)?.filled(with.as_ref().map(Array::expr))?.into())
}

fn over(call: &Call) -> Result<Over> {
    let axes = call.axes("axis")?;
    Ok(if call.flag("keepdims", false)? { keep(axes) } else { Over::from(axes) })
}

fn count(call: &Call) -> Result<Value> {
    Ok(of(call.required("a")?)?.count(over(call)?)?.into())
}

fn reduce(call: &Call) -> Result<Value> {
    let name = call.name().trim_start_matches("ma.");
    let params = Params { ddof: call.real("ddof", 0.0)?, dtype: call.dtype("dtype")?, ..Params::default() };
    Ok(value(of(call.required("a")?)?.reduce(name, over(call)?, params)?))
}
