//! Groups of positions along an axis: `groupby(x, labels).mean()`, and `.expand(values)`, which goes back.

use super::super::value::{Call, Function, Parts, Value};
use super::order::method;
use super::row;
use crate::array::groups::GroupBy;
use crate::array::{Array, Dyn};
use crate::dtype::DType;
use crate::error::Result;
use crate::expr::build;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[row("groupby", "x, labels, axis=None, groups=None", group)];

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
    row("median", PLAIN, reduce),
    row("nanmedian", PLAIN, reduce),
    row("argmin", PLACE, reduce),
    row("argmax", PLACE, reduce),
    row("nanargmin", PLACE, reduce),
    row("nanargmax", PLACE, reduce),
    row("first", PLAIN, reduce),
    row("last", PLAIN, reduce),
    row("quantile", "groups, q, method='linear', skipna=False", |call| {
        let (method, skips) = (method(call)?, call.flag("skipna", false)?);
        Ok(groups(call)?.quantile(call.real("q", 0.5)?, method, skips)?.into())
    }),
    row("reduce", "groups, func, *, ddof=0, dtype=None, skipna=False", |call| {
        let name = match call.required("func")? {
            Value::Callable(callee) => callee.name(),
            Value::Str(name) => name.as_str(),
            other => return call.refuse(format!("`func` must be a reduction or its name, not {}", other.describe())),
        };
        reduced(call, name)
    }),
    row("keys", "groups", |call| Ok(groups(call)?.keys().into())),
    row("valid", "groups", |call| Ok(groups(call)?.valid()?.into())),
    row("count", "groups", |call| Ok(groups(call)?.count().into_dyn().into())),
    row("expand", "groups, values", |call| Ok(groups(call)?.expand(&call.array("values")?)?.into())),
];

const PLAIN: &str = "groups, dtype=None, *, skipna=False";
const PLACE: &str = "groups, *, skipna=False";
const SPREAD: &str = "groups, ddof=0, dtype=None, *, skipna=False";

fn group(call: &Call) -> Result<Value> {
    let array = call.array("x")?;
    let labels = match call.required("labels")? {
        list if list.items().is_some_and(<[Value]>::is_empty) => list.to_array()?.astype(DType::I64),
        other => other.to_array()?,
    };
    let (rank, of) = (array.ndim(), labels.ndim());
    let axes = match call.given("axis") {
        Some(_) => call.axes("axis")?,
        // Labels along one axis are those of the first, a map of labels lies on the last ones.
        None if of <= 1 => 0.into(),
        None if of <= rank => Axes::Positions((rank - of..rank).map(usize::cast_signed).collect()),
        None => return call.refuse(format!("labels of shape {} for an array of rank {rank}", labels.shape())),
    };
    let keys = match call.given("groups") {
        None => None,
        Some(count) if count.as_integer().is_some() => Some(arange(call.count("groups")?.unwrap_or(0))),
        Some(list) => Some(list.to_array()?),
    };
    let groups = array.group_by_keys(axes, &labels, keys.as_ref())?;
    Ok(Value::Parts(Box::new(Parts::Groups(groups))))
}

/// The numbers of so many groups.
fn arange(count: usize) -> Array {
    Array::from_expr(build::iota(count, None))
}

fn groups(call: &Call) -> Result<&GroupBy<Dyn>> {
    match call.required("groups")? {
        Value::Parts(parts) if let Parts::Groups(groups) = &**parts => Ok(groups),
        other => call.refuse(format!("is a method of groups, not of {}", other.describe())),
    }
}

fn reduce(call: &Call) -> Result<Value> {
    reduced(call, call.name())
}

fn reduced(call: &Call, name: &str) -> Result<Value> {
    let params = Params { ddof: call.real("ddof", 0.0)?, dtype: call.dtype("dtype")?, ..Params::default() };
    let skips = call.flag("skipna", false)? && skips_nan(name);
    let name = if skips { format!("nan{name}") } else { name.to_owned() };
    let result: Array = groups(call)?.reduce(&name, params)?;
    Ok(result.into())
}

/// Whether a reduction has a twin that leaves NaN out.
pub(super) fn skips_nan(name: &str) -> bool {
    matches!(name, "sum" | "prod" | "mean" | "median" | "var" | "std" | "min" | "max" | "argmin" | "argmax")
}
