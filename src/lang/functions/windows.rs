//! Reductions of blocks of neighbours: `coarsen(x, {0: 2}).mean()`, or `coarsen(mean, x, {0: 2})` as Dask has it.

use super::super::value::{Call, Callable, Function, Parts, Value};
use super::groups::skips_nan;
use super::order::method;
use super::row;
use crate::array::Array;
use crate::array::periods::{Origin, Periods, Side};
use crate::array::windows::Coarse;
use crate::error::Result;
use crate::expr::windows::Boundary;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row(
        "coarsen",
        "x, axes, reduction=None, boundary='exact', trim_excess=False, *, ddof=0, dtype=None, skipna=False",
        coarsen,
    ),
    row("resample", "x, n=None, axis=0, *, closed=None, label=None, origin='start_day', offset=None, **dims", resample),
    row("rolling", "x, window, min_periods=None, center=False, axis=0", roll),
    row("sliding_window_view", SLIDING, slide),
    row("lib.stride_tricks.sliding_window_view", SLIDING, slide),
];

const SLIDING: &str = "x, window_shape, axis=None, *, !subok, !writeable";

/// Methods of what `rolling` gives.
pub(super) static ROLLED: &[Function] = &[
    row("sum", "windows", rolled),
    row("prod", "windows", rolled),
    row("mean", "windows", rolled),
    row("median", "windows", rolled),
    row("min", "windows", rolled),
    row("max", "windows", rolled),
    row("var", "windows, ddof=0", rolled),
    row("std", "windows, ddof=0", rolled),
    row("count", "windows", rolled),
];

/// Methods of what `coarsen` gives.
pub(super) static METHODS: &[Function] = &[
    row("sum", PLAIN, reduce),
    row("prod", PLAIN, reduce),
    row("mean", PLAIN, reduce),
    row("median", PLAIN, reduce),
    row("var", SPREAD, reduce),
    row("std", SPREAD, reduce),
    row("min", PLAIN, reduce),
    row("max", PLAIN, reduce),
    row("ptp", PLAIN, reduce),
    row("any", PLAIN, reduce),
    row("all", PLAIN, reduce),
    row("count", "blocks", |call| Ok(blocks(call)?.count()?.into())),
    row("count_nonzero", PLAIN, reduce),
    row("nansum", PLAIN, reduce),
    row("nanprod", PLAIN, reduce),
    row("nanmean", PLAIN, reduce),
    row("nanmedian", PLAIN, reduce),
    row("nanvar", SPREAD, reduce),
    row("nanstd", SPREAD, reduce),
    row("nanmin", PLAIN, reduce),
    row("nanmax", PLAIN, reduce),
    row("rms", PLAIN, reduce),
    row("quantile", "blocks, q, method='linear', skipna=False", |call| {
        Ok(blocks(call)?.quantile(call.real("q", 0.5)?, method(call)?, call.flag("skipna", false)?)?.into())
    }),
    row("reduce", "blocks, func, *, ddof=0, dtype=None, skipna=False", |call| {
        let name = reduction(call, call.required("func")?)?;
        reduce_by(call, name)
    }),
];

const PLAIN: &str = "blocks, *, dtype=None, skipna=False";
const SPREAD: &str = "blocks, ddof=0, *, dtype=None, skipna=False";

fn coarsen(call: &Call) -> Result<Value> {
    // Dask names the reduction first: `coarsen(mean, x, {0: 2})`.
    let swapped = reduction(call, call.required("x")?).ok().filter(|_| call.given("reduction").is_some());
    let (array, axes, name) = match swapped {
        Some(name) => (call.array("axes")?, call.required("reduction")?, Some(name)),
        None => {
            let name = call.given("reduction").map(|v| reduction(call, v)).transpose()?;
            (call.array("x")?, call.required("axes")?, name)
        }
    };
    let boundary = match (call.text("boundary", "exact")?, call.flag("trim_excess", false)?) {
        ("exact", false) => Boundary::Exact,
        ("trim" | "exact", _) => Boundary::Trim,
        ("pad", false) => Boundary::Pad,
        (other, _) => return call.refuse(format!("`boundary` must be exact, trim or pad, not {other}")),
    };
    let blocks = array.coarsen(&sizes(call, &array, axes)?, boundary)?;
    match name {
        None => Ok(Value::Parts(Box::new(Parts::Coarse(blocks)))),
        Some(name) => reduced(call, &blocks, name),
    }
}

/// Blocks of `n` along an axis, `resample(x, 7)`, or periods of time along a named one, `resample(x, time="MS")`.
fn resample(call: &Call) -> Result<Value> {
    let array = call.array("x")?;
    let (axis, by) = match (call.given("n"), call.named()) {
        (Some(by), []) => (along(call)?, by),
        (None, [(name, by)]) => (Axes::from(name.as_str()), by),
        _ => return call.refuse("takes one length, such as time='MS' or n=7"),
    };
    if let Some(n) = by.as_integer() {
        let Ok(n) = usize::try_from(n) else { return call.refuse("blocks have a positive length") };
        return Ok(Value::Parts(Box::new(Parts::Coarse(array.resample(axis, n)?))));
    }
    let Value::Str(text) = by else {
        return call.refuse(format!("takes periods such as 'MS' or a number of positions, not {}", by.describe()));
    };
    let side = |param: &str| match call.text(param, "")? {
        "" => Ok(None),
        "left" => Ok(Some(Side::Left)),
        "right" => Ok(Some(Side::Right)),
        other => call.refuse(format!("`{param}` is left or right, not {other}")),
    };
    let origin = match call.text("origin", "start_day")? {
        "start_day" => Origin::StartDay,
        "start" => Origin::Start,
        "epoch" => Origin::Epoch,
        "end" => Origin::End,
        "end_day" => Origin::EndDay,
        time => Origin::At(time.to_owned()),
    };
    let mut periods = text.parse::<Periods>()?.from_origin(origin);
    periods = side("closed")?.map_or(periods.clone(), |side| periods.closed(side));
    periods = side("label")?.map_or(periods.clone(), |side| periods.label(side));
    if call.given("offset").is_some() {
        periods = periods.later_by(call.text("offset", "")?)?;
    }
    Ok(Value::Parts(Box::new(Parts::Groups(array.resample_by(axis, &periods)?))))
}

/// The sizes of blocks along every axis: `{axis: size}`, one for each axis, or one for all.
fn sizes(call: &Call, array: &Array, given: &Value) -> Result<Vec<usize>> {
    let size = |v: &Value| match v.as_integer().and_then(|n| usize::try_from(n).ok()) {
        Some(n) if n > 0 => Ok(n),
        _ => call.refuse(format!("the size of a block must be a positive integer, not {}", v.describe())),
    };
    match given {
        Value::Dict(entries) => {
            let mut sizes = vec![1; array.ndim()];
            for (key, value) in entries {
                let axes = match key {
                    Value::Str(name) => Axes::Names(vec![name.clone()]),
                    other => match other.as_integer().and_then(|a| isize::try_from(a).ok()) {
                        Some(axis) => Axes::from(axis),
                        None => return call.refuse(format!("an axis is an integer or a name, not {}", key.describe())),
                    },
                };
                for axis in axes.resolve("coarsen", array.ndim(), array.names())? {
                    sizes[axis] = size(value)?;
                }
            }
            Ok(sizes)
        }
        other => match other.items() {
            Some(items) if items.len() == array.ndim() => items.iter().map(size).collect(),
            Some(items) => call.refuse(format!("{} sizes for an array of rank {}", items.len(), array.ndim())),
            None => Ok(vec![size(other)?; array.ndim()]),
        },
    }
}

/// The name of a reduction: a function, or its name.
fn reduction(call: &Call, value: &Value) -> Result<&'static str> {
    let name = match value {
        Value::Callable(callee @ (Callable::Reduction(_) | Callable::Function(_))) => callee.name(),
        Value::Str(text) => text.as_str(),
        other => return call.refuse(format!("the reduction must be a function or its name, not {}", other.describe())),
    };
    match METHODS.iter().find(|f| f.name == name && [PLAIN, SPREAD].contains(&f.params)) {
        Some(known) => Ok(known.name),
        _ => call.refuse(format!("there is no reduction `{name}` of blocks")),
    }
}

/// The argument `axis`; the first where there is none.
fn along(call: &Call) -> Result<Axes> {
    if call.given("axis").is_some() { call.axes("axis") } else { Ok(0.into()) }
}

/// Windows along one axis, or of the sizes that `{axis: size}` or a tuple says.
fn roll(call: &Call) -> Result<Value> {
    let array = call.array("x")?;
    let window = call.required("window")?;
    let sizes = if window.as_integer().is_some() {
        let axes = along(call)?.resolve("rolling", array.ndim(), array.names())?;
        let all = sizes(call, &array, window)?;
        (0..array.ndim()).map(|a| if axes.contains(&a) { all[a] } else { 1 }).collect()
    } else {
        sizes(call, &array, window)?
    };
    let least = call.count("min_periods")?;
    let rolled = array.rolling(&sizes, least, call.flag("center", false)?)?;
    Ok(Value::Parts(Box::new(Parts::Rolled(rolled))))
}

fn rolled(call: &Call) -> Result<Value> {
    let windows = match call.required("windows")? {
        Value::Parts(parts) if let Parts::Rolled(windows) = &**parts => windows,
        other => return call.refuse(format!("is a method of an array in windows, not of {}", other.describe())),
    };
    let params = Params { ddof: call.real("ddof", 0.0)?, ..Params::default() };
    Ok(windows.reduce(call.name(), params)?.into())
}

fn slide(call: &Call) -> Result<Value> {
    let (array, sizes) = (call.array("x")?, call.shape("window_shape")?);
    let axes = match call.given("axis") {
        Some(_) => call.axes("axis")?,
        None if sizes.len() == array.ndim() => Axes::Positions((0..array.ndim()).map(usize::cast_signed).collect()),
        None => return call.refuse(format!("{} windows for an array of rank {}", sizes.len(), array.ndim())),
    };
    Ok(array.sliding_window_view(&sizes, axes)?.into())
}

fn blocks(call: &Call) -> Result<&Coarse<crate::array::Dyn>> {
    match call.required("blocks")? {
        Value::Parts(parts) if let Parts::Coarse(blocks) = &**parts => Ok(blocks),
        other => call.refuse(format!("is a method of an array in blocks, not of {}", other.describe())),
    }
}

fn reduce(call: &Call) -> Result<Value> {
    reduce_by(call, call.name())
}

fn reduce_by(call: &Call, name: &'static str) -> Result<Value> {
    reduced(call, blocks(call)?, name)
}

fn reduced(call: &Call, blocks: &Coarse<crate::array::Dyn>, name: &str) -> Result<Value> {
    let params = Params { ddof: call.real("ddof", 0.0)?, dtype: call.dtype("dtype")?, ..Params::default() };
    let skips = call.flag("skipna", false)? && skips_nan(name);
    let name = if skips { format!("nan{name}") } else { name.to_owned() };
    Ok(blocks.reduce(&name, params)?.into())
}
