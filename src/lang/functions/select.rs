//! Elements by position and by mask, and positions themselves.

use super::super::value::{Call, Callable, Function, Value};
use super::row;
use crate::array::edits::{self, Ends, Positions};
use crate::array::indexing::nonzero;
use crate::array::places::{self, Beyond, flat};
use crate::array::positions;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::regions;
use crate::shape::axes::{Axes, position};

pub(super) static TABLE: &[Function] = &[
    row("compress", "condition, a, axis=None, !out", compress),
    row("extract", "condition, arr", |call| {
        let (mask, array) = (flat(call.array("condition")?.expr())?, flat(call.array("arr")?.expr())?);
        kept(&array, &mask, 0)
    }),
    row("nonzero", "a", |call| Ok(tuple(nonzero(call.array("a")?.expr())?))),
    row("flatnonzero", "a", |call| Ok(nonzero(&flat(call.array("a")?.expr())?)?.swap_remove(0).into())),
    row("argwhere", "a", |call| Ok(places::argwhere(call.array("a")?.expr())?.into())),
    row("take", "a, indices, axis=None, !out, mode='raise'", |call| {
        let (array, indices) = (call.array("a")?, integers(call.required("indices")?)?);
        let mode = beyond(call, call.text("mode", "raise")?)?;
        let axis = call.axis("axis", array.ndim().max(1))?;
        Ok(places::take(array.expr(), &indices, axis, mode)?.into())
    }),
    row("take_along_axis", "arr, indices, axis=-1", |call| {
        let array = call.array("arr")?;
        let axis = match call.value("axis") {
            None => Some(position(call.name(), -1, array.ndim())?),
            Some(_) => call.axis("axis", array.ndim())?,
        };
        Ok(places::take_along_axis(array.expr(), &integers(call.required("indices")?)?, axis)?.into())
    }),
    row("repeat", "a, repeats, axis=None", repeat),
    row("insert", "arr, obj, values, axis=None", |call| {
        let array = call.array("arr")?;
        let (axis, values) = (call.axis("axis", array.ndim())?, call.required("values")?);
        let values = match values {
            Value::Scalar(s) => super::super::value::constant(*s, array.dtype())?,
            other => other.to_array()?,
        };
        Ok(edits::insert(array.expr(), &along(call, true)?, values.expr(), axis)?.into())
    }),
    row("delete", "arr, obj, axis=None", |call| {
        let array = call.array("arr")?;
        let axis = call.axis("axis", array.ndim())?;
        Ok(edits::delete(array.expr(), &along(call, false)?, axis)?.into())
    }),
    row("resize", "a, new_shape", |call| Ok(edits::resize(call.array("a")?.expr(), &call.shape("new_shape")?)?.into())),
    row("trim_zeros", "filt, trim='fb', axis=None", trim_zeros),
    row("unravel_index", "indices, shape, order='C'", |call| {
        let shape = call.shape("shape")?;
        Ok(tuple(positions::unravel_index(&integers(call.required("indices")?)?, &shape, fortran(call)?)?))
    }),
    row("ravel_multi_index", "multi_index, dims, mode='raise', order='C'", ravel_multi_index),
    row("ix_", "*args", |call| {
        let vectors = call.rest().iter().map(integers).collect::<Result<Vec<_>>>()?;
        Ok(tuple(positions::open_grid(&vectors)?))
    }),
    row("diag_indices", "n, ndim=2", |call| {
        let (n, rank) = (call.count("n")?.unwrap_or(0), call.count("ndim")?.unwrap_or(2));
        Ok(tuple(vec![build::iota(n, None); rank]))
    }),
    row("diag_indices_from", "arr", |call| {
        let lengths = call.array("arr")?.shape().known()?;
        match lengths.as_slice() {
            [n, rest @ ..] if !rest.is_empty() && rest.iter().all(|m| m == n) => {
                Ok(tuple(vec![build::iota(*n, None); lengths.len()]))
            }
            _ => Err(Error::shape(call.name(), "needs two axes or more, all of one length")),
        }
    }),
    row("tril_indices", "n, k=0, m=None", |call| triangle(call, false)),
    row("triu_indices", "n, k=0, m=None", |call| triangle(call, true)),
    row("tril_indices_from", "arr, k=0", |call| triangle_from(call, false)),
    row("triu_indices_from", "arr, k=0", |call| triangle_from(call, true)),
    row("slice", "start, stop=None, step=None, /", slice),
    row("mask_indices", "n, mask_func, k=0", |call| {
        let upper = match call.required("mask_func")? {
            Value::Callable(Callable::Function(f)) if f.name == "triu" => true,
            Value::Callable(Callable::Function(f)) if f.name == "tril" => false,
            other => return call.refuse(format!("`mask_func` is tril or triu here, not {}", other.describe())),
        };
        triangle(call, upper)
    }),
];

pub(super) const METHODS: &[Function] = &[row("compress", "a, condition, axis=None, !out", compress)];

/// A slice: of positions where its ends are integers, of the values of a coordinate otherwise.
fn slice(call: &Call) -> Result<Value> {
    let given = |name: &str| call.given(name).cloned().unwrap_or(Value::None);
    let (first, second, step) = (given("start"), given("stop"), given("step"));
    let ends = if call.value("stop").is_none() { [Value::None, first, Value::None] } else { [first, second, step] };
    let whole = |v: &Value| matches!(v, Value::None) || v.as_integer().is_some();
    if ends.iter().all(whole) {
        return Ok(Value::Slice(ends.map(|v| v.as_integer())));
    }
    let single = |v: &Value| match v {
        Value::Array(x) => x.ndim() == 0,
        other => matches!(other, Value::Str(_) | Value::Scalar(_)),
    };
    match ends.iter().find(|v| !whole(v) && !single(v)) {
        Some(other) => call.refuse(format!("takes numbers, times and None, not {}", other.describe())),
        None => Ok(Value::Span(Box::new(ends))),
    }
}

fn tuple(arrays: Vec<Expr>) -> Value {
    Value::Tuple(arrays.into_iter().map(Value::from).collect())
}

/// A value as an array of places; a list without items holds integers too.
fn integers(value: &Value) -> Result<Expr> {
    fn bare(value: &Value) -> bool {
        value.items().is_some_and(|items| items.iter().all(bare))
    }
    let array = value.to_array()?;
    let array = if bare(value) { array.astype(DType::I64) } else { array };
    Ok(array.expr().clone())
}

fn beyond(call: &Call, mode: &str) -> Result<Beyond> {
    match mode {
        "raise" => Ok(Beyond::Raise),
        "wrap" => Ok(Beyond::Wrap),
        "clip" => Ok(Beyond::Clip),
        other => call.refuse(format!("`mode` must be raise, wrap or clip, not {other}")),
    }
}

fn fortran(call: &Call) -> Result<bool> {
    match call.text("order", "C")? {
        "C" => Ok(false),
        "F" => Ok(true),
        other => call.refuse(format!("`order` must be C or F, not {other}")),
    }
}

/// NumPy's: of all elements in C order, where there is no axis.
fn compress(call: &Call) -> Result<Value> {
    let (mask, array) = (call.array("condition")?, call.array("a")?);
    match call.axis("axis", array.ndim())? {
        Some(axis) => kept(array.expr(), mask.expr(), axis),
        None => kept(&flat(array.expr())?, mask.expr(), 0),
    }
}

fn kept(array: &Expr, mask: &Expr, axis: usize) -> Result<Value> {
    Ok(regions::compress(array, &build::cast(mask, DType::Bool)?, axis)?.into())
}

fn repeat(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let axis = call.axis("axis", array.ndim().max(1))?;
    match call.required("repeats")? {
        Value::Scalar(Scalar::Int(_) | Scalar::Bool(_)) => {
            Ok(places::repeat(array.expr(), call.count("repeats")?.unwrap_or(0), axis)?.into())
        }
        other => Ok(places::repeat_each(array.expr(), &integers(other)?, axis)?.into()),
    }
}

/// Where to insert, or what to delete.
fn along(call: &Call, inserted: bool) -> Result<Positions> {
    let fits = |v: i128| isize::try_from(v).unwrap_or(if v < 0 { isize::MIN } else { isize::MAX });
    Ok(match call.required("obj")? {
        Value::Scalar(Scalar::Int(at)) => Positions::One(fits(*at)),
        Value::Slice([start, stop, step]) => {
            Positions::Slice(start.map(fits), stop.map(fits), step.map_or(1, fits).max(-isize::MAX))
        }
        Value::List(items) if inserted && items.iter().any(|v| matches!(v, Value::Scalar(Scalar::Bool(_)))) => {
            return call.refuse("a mask must be an array");
        }
        Value::Scalar(_) => return call.refuse("`obj` must be an integer, a slice, or an array of integers or bool"),
        other => Positions::Many(integers(other)?),
    })
}

fn trim_zeros(call: &Call) -> Result<Value> {
    let trim = call.text("trim", "fb")?.to_lowercase();
    if trim.is_empty() || trim.chars().any(|c| c != 'f' && c != 'b') {
        return call.refuse(format!("`trim` must be f, b or fb, not {trim}"));
    }
    let axes = if call.given("axis").is_some() { call.axes("axis")? } else { Axes::All };
    let ends = Ends { front: trim.contains('f'), back: trim.contains('b') };
    Ok(edits::trim_zeros(call.array("filt")?.expr(), &axes, ends)?.into())
}

fn ravel_multi_index(call: &Call) -> Result<Value> {
    let dims = call.shape("dims")?;
    let mode = |v: &Value| match v {
        Value::Str(text) => beyond(call, text),
        other => call.refuse(format!("`mode` must be a string, not {}", other.describe())),
    };
    let modes = match call.given("mode") {
        None => vec![Beyond::Raise; dims.len()],
        Some(Value::Tuple(items)) => items.iter().map(mode).collect::<Result<_>>()?,
        Some(one) => vec![mode(one)?; dims.len()],
    };
    let lists = call.required("multi_index")?.to_sequence()?;
    let lists = lists.iter().map(integers).collect::<Result<Vec<_>>>()?;
    Ok(positions::ravel_multi_index(&lists, &dims, &modes, fortran(call)?)?.into())
}

fn triangle(call: &Call, upper: bool) -> Result<Value> {
    let n = call.count("n")?.unwrap_or(0);
    let (columns, k) = (call.count("m")?.unwrap_or(n), call.integer("k")?.unwrap_or(0));
    Ok(tuple(positions::triangle(n, columns, k, upper)?.into()))
}

fn triangle_from(call: &Call, upper: bool) -> Result<Value> {
    match call.array("arr")?.shape().known()?.as_slice() {
        [rows, columns] => {
            Ok(tuple(positions::triangle(*rows, *columns, call.integer("k")?.unwrap_or(0), upper)?.into()))
        }
        other => Err(Error::shape(call.name(), format!("needs a matrix, not an array of rank {}", other.len()))),
    }
}
