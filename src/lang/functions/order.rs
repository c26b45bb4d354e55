//! Elements in order, and quantiles.

use super::super::value::{Call, Function, Value};
use super::calculus::optional;
use super::row;
use super::shape::{reshape, thick};
use crate::array::Array;
use crate::array::manipulation::{expand_dims, squeeze};
use crate::array::order::{along, lexsort, partition, sort_complex, topk};
use crate::array::quantile::{Asked, median, quantile, weighted_quantile};
use crate::array::reduction::{Over, keep};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::expr::Expr;
use crate::op::regional::{LineOp, Method};
use crate::runtime::context::Context;
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row("sort", "a, axis=-1, kind=None, !order, *, stable=None", |call| sorted(call, LineOp::Sort)),
    row("argsort", "a, axis=-1, kind=None, !order, *, stable=None", |call| sorted(call, LineOp::Argsort)),
    row("partition", "a, kth, axis=-1, kind='introselect', !order", |call| partitioned(call, LineOp::Sort)),
    row("argpartition", "a, kth, axis=-1, kind='introselect', !order", |call| partitioned(call, LineOp::Argsort)),
    row("sort_complex", "a", |call| Ok(sort_complex(call.array("a")?.expr())?.into())),
    row("lexsort", "keys, axis=-1", by_keys),
    row("topk", "a, k, axis=-1", |call| largest(call, false)),
    row("argtopk", "a, k, axis=-1", |call| largest(call, true)),
    row("median", MEDIAN, |call| middle(call, false)),
    row("nanmedian", MEDIAN, |call| middle(call, true)),
    row("quantile", QUANTILE, |call| levels(call, false, false)),
    row("nanquantile", QUANTILE, |call| levels(call, false, true)),
    row("percentile", QUANTILE, |call| levels(call, true, false)),
    row("nanpercentile", QUANTILE, |call| levels(call, true, true)),
];

const MEDIAN: &str = "a, axis=None, !out, overwrite_input=False, keepdims=False";
const QUANTILE: &str = "a, q, axis=None, !out, overwrite_input=False, method='linear', keepdims=False, *, weights=None";

/// The array and the axis that lines follow: the last, or that of all elements in C order where the axis is None.
/// Positions in a number are those in an array of one.
fn lines(call: &Call, op: &LineOp) -> Result<(Array, Axes)> {
    let array = call.array("a")?;
    if call.value("axis").is_some_and(|v| matches!(v, Value::None)) {
        return Ok((reshape(&array, &[-1])?.to_array()?, Axes::from(0)));
    }
    if let Some(many) = call.value("axis").and_then(Value::items) {
        return call.refuse(format!("goes along one axis, not a sequence of {}", many.len()));
    }
    let axis = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::from(-1) };
    Ok((if op.gives_positions() && array.ndim() == 0 { thick(&array, 1)? } else { array }, axis))
}

/// Every kind is stable here.
fn sorted(call: &Call, op: LineOp) -> Result<Value> {
    let kind = call.text("kind", "stable")?;
    if !["quicksort", "mergesort", "heapsort", "stable"].contains(&kind) {
        return call.refuse(format!("`kind` is quicksort, mergesort, heapsort or stable, not `{kind}`"));
    }
    if call.given("kind").is_some() && call.given("stable").is_some() {
        return call.refuse("`kind` and `stable` say the same thing; give one of them");
    }
    let (array, axis) = lines(call, &op)?;
    Ok(along(array.expr(), op, &axis)?.into())
}

fn partitioned(call: &Call, op: LineOp) -> Result<Value> {
    let kind = call.text("kind", "introselect")?;
    if kind != "introselect" {
        return call.refuse(format!("`kind` is introselect, not `{kind}`"));
    }
    let kth = call.required("kth")?;
    let items = kth.items().unwrap_or(std::slice::from_ref(kth));
    if items.is_empty() || items.iter().any(|k| !matches!(k, Value::Scalar(Scalar::Int(_)))) {
        return call.refuse(format!("`kth` must be an integer or a sequence of some, not {}", kth.describe()));
    }
    let kth = call.integers("kth")?.unwrap_or_default();
    let (array, axis) = lines(call, &op)?;
    Ok(partition(array.expr(), &kth, op, &axis)?.into())
}

fn by_keys(call: &Call) -> Result<Value> {
    let keys: Vec<Expr> = call.arrays("keys")?.iter().map(|a| a.expr().clone()).collect();
    if call.value("axis").is_some_and(|v| v.as_integer().is_none()) {
        return call.refuse("`axis` must be an integer");
    }
    if keys.first().is_some_and(|key| key.shape.rank() == 0) {
        // Keys that are numbers order one thing.
        let keys = keys.iter().map(|key| expand_dims(key, &[0])).collect::<Result<Vec<_>>>()?;
        return Ok(squeeze(&lexsort(&keys, &Axes::from(0))?, None)?.into());
    }
    let axis = call.integer("axis")?.unwrap_or(-1);
    Ok(lexsort(&keys, &Axes::from(axis))?.into())
}

/// Dask's: the largest elements, or the smallest where `k` is negative.
fn largest(call: &Call, positions: bool) -> Result<Value> {
    let Some(k) = call.integer("k")? else { return call.refuse("`k` must be an integer") };
    let axis = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::from(-1) };
    Ok(topk(call.array("a")?.expr(), k, &axis, positions)?.into())
}

fn over(call: &Call) -> Result<Over> {
    let axes = call.axes("axis")?;
    Ok(if call.flag("keepdims", false)? { keep(axes) } else { Over::from(axes) })
}

fn middle(call: &Call, skips_nan: bool) -> Result<Value> {
    Ok(median(call.array("a")?.expr(), &over(call)?, skips_nan)?.into())
}

fn levels(call: &Call, percent: bool, skips_nan: bool) -> Result<Value> {
    let method = method(call)?;
    let asked = asked(call)?;
    let asked = if percent { asked.percent() } else { asked };
    if let Some(weights) = optional(call, "weights")? {
        if method != Method::InvertedCdf {
            return call.refuse("`weights` want the method `inverted_cdf`");
        }
        return Ok(weighted_quantile(call.array("a")?.expr(), &weights, &asked, &over(call)?, skips_nan)?.into());
    }
    Ok(quantile(call.array("a")?.expr(), &asked, &over(call)?, method, skips_nan)?.into())
}

/// The argument `method`.
pub(super) fn method(call: &Call) -> Result<Method> {
    let name = call.text("method", "linear")?;
    match Method::find(name) {
        Some(method) => Ok(method),
        None => {
            let all: Vec<&str> = Method::ALL.iter().map(|m| m.name()).collect();
            call.refuse(format!("there is no method `{name}`; there are {}", all.join(", ")))
        }
    }
}

/// The levels: a number, nested sequences of numbers, or an array, which is computed here.
fn asked(call: &Call) -> Result<Asked> {
    let q = call.required("q")?;
    if q.holds_array() {
        return computed(call, &q.to_array()?);
    }
    let (mut levels, mut shape, mut level) = (Vec::new(), Vec::new(), q);
    while let Some(items) = level.items() {
        shape.push(items.len());
        let Some(first) = items.first() else { break };
        level = first;
    }
    if !flat(q, &shape, &mut levels) {
        return call
            .refuse(format!("`q` must be a number or sequences of numbers of one length, not {}", q.describe()));
    }
    let weak = matches!(q, Value::Scalar(Scalar::Int(_) | Scalar::Float(_)));
    let dtype = levels.iter().map(|q| q.dtype()).reduce(promote).unwrap_or(DType::F64);
    // One real number makes all of them real.
    if dtype.kind() == Kind::Float {
        for q in &mut levels {
            *q = Scalar::Float(q.to_f64());
        }
    }
    Ok(Asked { levels, shape, dtype: (!weak).then_some(dtype) })
}

fn computed(call: &Call, array: &Array) -> Result<Asked> {
    if array.dtype().kind() == Kind::Complex {
        return call.refuse("`q` must be real");
    }
    let cx = Context::builder().threads(1).device("cpu").build()?;
    let computed = cx.compute(array.clone())?;
    let (block, dtype) = (computed.block(), array.dtype());
    let levels = block.bytes().chunks_exact(dtype.size()).map(|bytes| Scalar::from_bytes(dtype, bytes)).collect();
    Ok(Asked { levels, shape: block.shape().to_vec(), dtype: Some(dtype) })
}

fn flat(value: &Value, shape: &[usize], out: &mut Vec<Scalar>) -> bool {
    match (value, value.items(), shape) {
        (Value::Scalar(scalar), _, []) => {
            out.push(*scalar);
            true
        }
        (_, Some(items), [n, inner @ ..]) if items.len() == *n => items.iter().all(|item| flat(item, inner, out)),
        _ => false,
    }
}
