//! Groups of positions along an axis: `groupby(x, labels).mean()`, and `.expand(values)`, which goes back.

use super::super::value::{Call, Function, Parts, Value};
use super::row;
use crate::array::groups::GroupBy;
use crate::array::{Array, Dyn};
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::op::reduction::Params;
use crate::runtime::context::Context;

pub(super) static TABLE: &[Function] = &[row("groupby", "x, labels, axis=0", group)];

/// Methods of what `groupby` gives.
pub(super) static METHODS: &[Function] = &[
    row("sum", PLAIN, reduce),
    row("prod", PLAIN, reduce),
    row("mean", PLAIN, reduce),
    row("var", SPREAD, reduce),
    row("std", SPREAD, reduce),
    row("min", PLAIN, reduce),
    row("max", PLAIN, reduce),
    row("ptp", PLAIN, reduce),
    row("any", PLAIN, reduce),
    row("all", PLAIN, reduce),
    row("count_nonzero", PLAIN, reduce),
    row("nansum", PLAIN, reduce),
    row("nanprod", PLAIN, reduce),
    row("nanmean", PLAIN, reduce),
    row("nanvar", SPREAD, reduce),
    row("nanstd", SPREAD, reduce),
    row("nanmin", PLAIN, reduce),
    row("nanmax", PLAIN, reduce),
    row("rms", PLAIN, reduce),
    row("count", "groups", |call| Ok(groups(call)?.count().into_dyn().into())),
    row("expand", "groups, values", |call| Ok(groups(call)?.expand(&call.array("values")?)?.into())),
];

const PLAIN: &str = "groups, dtype=None";
const SPREAD: &str = "groups, ddof=0, dtype=None";

fn group(call: &Call) -> Result<Value> {
    let array = call.array("x")?;
    let axis = if call.given("axis").is_some() { call.axes("axis")? } else { 0.into() };
    Ok(Value::Parts(Box::new(Parts::Groups(array.group_by(axis, &labels(call)?)?))))
}

/// The labels: they decide what is computed, so an array of them is computed here.
fn labels(call: &Call) -> Result<Vec<i64>> {
    let array = match call.required("labels")? {
        list if list.items().is_some_and(<[Value]>::is_empty) => return Ok(Vec::new()),
        other => other.to_array()?,
    };
    if array.ndim() != 1 || matches!(array.dtype().kind(), Kind::Float | Kind::Complex) {
        let (dtype, shape) = (array.dtype(), array.shape());
        return call.refuse(format!("`labels` must be integers along one axis, not {dtype} of shape {shape}"));
    }
    let cx = Context::builder().threads(1).device("cpu").build()?;
    let computed = cx.compute(array.astype(DType::I64))?.to_ndarray::<i64>()?;
    Ok(computed.into_raw_vec_and_offset().0)
}

fn groups(call: &Call) -> Result<&GroupBy<Dyn>> {
    match call.required("groups")? {
        Value::Parts(parts) if let Parts::Groups(groups) = &**parts => Ok(groups),
        other => call.refuse(format!("is a method of groups, not of {}", other.describe())),
    }
}

fn reduce(call: &Call) -> Result<Value> {
    let params = Params { ddof: call.real("ddof", 0.0)?, dtype: call.dtype("dtype")?, ..Params::default() };
    let result: Array = groups(call)?.reduce(call.name(), params)?;
    Ok(result.into())
}
