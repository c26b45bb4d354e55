//! The same elements seen differently: axes moved, added, removed, reversed, stretched.

use super::super::operators::astype;
use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::array::Array;
use crate::array::manipulation::{expand_dims, flip, squeeze};
use crate::error::{Error, Result};
use crate::expr::build;
use crate::shape::Shape;
use crate::shape::axes::{Axes, position};
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;

pub(super) static TABLE: &[Function] = &[
    row("transpose", "a, axes=None", |call| transpose(call, "axes")),
    row("matrix_transpose", "x, /", |call| matrix_transpose(&call.array("x")?)),
    row("linalg.matrix_transpose", "x, /", |call| matrix_transpose(&call.array("x")?)),
    row("swapaxes", "a, axis1, axis2", swapaxes),
    row("moveaxis", "a, source, destination", moveaxis),
    row("rollaxis", "a, axis, start=0", rollaxis),
    row("expand_dims", "a, axis", |call| {
        let axes = call.integers("axis")?.unwrap_or_default();
        Ok(expand_dims(call.array("a")?.expr(), &axes)?.into())
    }),
    row("squeeze", "a, axis=None", |call| {
        let axes = match call.given("axis") {
            Some(_) => Some(call.axes("axis")?),
            None => None,
        };
        Ok(squeeze(call.array("a")?.expr(), axes.as_ref())?.into())
    }),
    row("broadcast_to", "array, shape, !subok", |call| {
        let shape = Shape::from(call.shape("shape")?);
        Ok(build::broadcast_to(call.array("array")?.expr(), &shape)?.into())
    }),
    row("broadcast_arrays", "*args, !subok", broadcast_arrays),
    row("broadcast_shapes", "*args", |call| {
        let one = |v: &Value| match v.as_integers().map(|l| l.into_iter().map(usize::try_from).collect()) {
            Some(Ok(lengths)) => Ok(Shape::new(&Vec::<usize>::clone(&lengths))),
            _ => call.refuse("takes shapes"),
        };
        let shapes = call.rest().iter().map(one).collect::<Result<Vec<_>>>()?;
        Ok(Value::ints(&broadcast(call.name(), &shapes.iter().collect::<Vec<_>>())?.known()?))
    }),
    row("flip", "m, axis=None", |call| Ok(flip(call.array("m")?.expr(), &call.axes("axis")?)?.into())),
    row("fliplr", "m", |call| flip_axis(call, 1)),
    row("flipud", "m", |call| flip_axis(call, 0)),
    row("rot90", "m, k=1, axes=None", rot90),
    row("atleast_1d", "*arys", |call| at_least(call, &|a| thick(a, 1))),
    row("atleast_2d", "*arys", |call| at_least(call, &|a| thick(a, 2))),
    row("atleast_3d", "*arys", |call| at_least(call, &three)),
    row("rechunk", "a, chunks", rechunk),
    row("reshape", "a, shape, order='C', *, copy=None", |call| ordered(call, &wanted(call)?)),
    row("ravel", "a, order='C'", |call| ordered(call, &[-1])),
];

pub(super) const METHODS: &[Function] = &[
    row("transpose", "a, *axes", |call| transpose(call, "")),
    row("astype", "a, dtype, !order, !casting, !subok, copy=True", |call| {
        astype(call.required("a")?, call.required("dtype")?)
    }),
    row("rechunk", "a, chunks", rechunk),
    row("reshape", "a, *shape, order='C', copy=None", |call| ordered(call, &spread(call)?)),
    row("flatten", "a, order='C'", |call| ordered(call, &[-1])),
    row("ravel", "a, order='C'", |call| ordered(call, &[-1])),
];

/// The integers that a method was given, one by one or in a tuple.
fn spread(call: &Call) -> Result<Vec<isize>> {
    let list = match call.rest() {
        [one] => one.as_integers(),
        many => many.iter().map(Value::as_integer).collect(),
    };
    let list = list.map(|l| l.into_iter().map(isize::try_from).collect::<Result<Vec<_>, _>>());
    match list {
        Some(Ok(list)) => Ok(list),
        _ => call.refuse("takes integers, or a tuple of them"),
    }
}

fn transpose(call: &Call, param: &str) -> Result<Value> {
    let array = call.array("a")?;
    let order = match (call.given(param), call.rest()) {
        (Some(_), _) => call.integers(param)?.unwrap_or_default(),
        (None, [] | [Value::None]) => return Ok(array.t().into()),
        (None, _) => spread(call)?,
    };
    Ok(array.try_transpose(&order)?.into())
}

/// The last two axes exchanged.
pub(crate) fn matrix_transpose(array: &Array) -> Result<Value> {
    let rank = array.ndim();
    if rank < 2 {
        return Err(Error::shape("matrix_transpose", format!("needs two axes, and the array has {rank}")));
    }
    Ok(swapped(array, rank - 2, rank - 1)?.into())
}

fn swapped(array: &Array, a: usize, b: usize) -> Result<Array> {
    let mut order: Vec<usize> = (0..array.ndim()).collect();
    order.swap(a, b);
    Ok(Array::from_expr(build::transpose(array.expr(), &order)?))
}

fn axis(call: &Call, param: &str, rank: usize) -> Result<usize> {
    match call.axis(param, rank)? {
        Some(axis) => Ok(axis),
        None => call.refuse(format!("`{param}` must be an integer")),
    }
}

fn swapaxes(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let rank = array.ndim();
    Ok(swapped(&array, axis(call, "axis1", rank)?, axis(call, "axis2", rank)?)?.into())
}

fn moveaxis(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let places = |param: &str| -> Result<Vec<usize>> {
        let list = call.integers(param)?.unwrap_or_default();
        list.iter().map(|&a| position(call.name(), a, array.ndim())).collect()
    };
    let (from, to) = (places("source")?, places("destination")?);
    let repeated = |list: &[usize]| list.iter().enumerate().any(|(i, a)| list[..i].contains(a));
    if from.len() != to.len() || repeated(&from) || repeated(&to) {
        return Err(Error::axis(call.name(), "`source` and `destination` must name as many axes, none twice"));
    }
    let mut order: Vec<usize> = (0..array.ndim()).filter(|a| !from.contains(a)).collect();
    let mut moves: Vec<(usize, usize)> = to.into_iter().zip(from).collect();
    moves.sort_unstable();
    for (at, axis) in moves {
        order.insert(at, axis);
    }
    Ok(Array::from_expr(build::transpose(array.expr(), &order)?).into())
}

fn rollaxis(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let rank = array.ndim();
    let from = axis(call, "axis", rank)?;
    let start = call.integer("start")?.unwrap_or(0);
    let start = position(call.name(), if start < 0 { start + rank.cast_signed() } else { start }, rank + 1)?;
    let mut order: Vec<usize> = (0..rank).filter(|&a| a != from).collect();
    order.insert(if from < start { start - 1 } else { start }, from);
    Ok(build::transpose(array.expr(), &order)?.into())
}

fn broadcast_arrays(call: &Call) -> Result<Value> {
    let arrays = call.rest().iter().map(Value::to_array).collect::<Result<Vec<_>>>()?;
    let shape = broadcast(call.name(), &arrays.iter().map(Array::shape).collect::<Vec<_>>())?;
    let stretched = arrays.iter().map(|a| Ok(build::broadcast_to(a.expr(), &shape)?.into()));
    Ok(Value::Tuple(stretched.collect::<Result<_>>()?))
}

fn flip_axis(call: &Call, axis: usize) -> Result<Value> {
    let array = call.array("m")?;
    if array.ndim() <= axis {
        return Err(Error::shape(call.name(), format!("needs {} axes, and the array has {}", axis + 1, array.ndim())));
    }
    Ok(flip(array.expr(), &Axes::from(axis.cast_signed()))?.into())
}

fn rot90(call: &Call) -> Result<Value> {
    let array = call.array("m")?;
    let axes = match call.given("axes") {
        Some(_) => call.integers("axes")?.unwrap_or_default(),
        None => vec![0, 1],
    };
    let axes = axes.iter().map(|&a| position(call.name(), a, array.ndim())).collect::<Result<Vec<_>>>()?;
    let &[a, b] = axes.as_slice() else { return call.refuse("`axes` must name two axes") };
    if a == b {
        return Err(Error::axis(call.name(), "the two axes must differ"));
    }
    let reversed = |x: &Array, axis: usize| flip(x.expr(), &Axes::from(axis.cast_signed())).map(Array::from_expr);
    Ok(Value::Array(match call.integer("k")?.unwrap_or(1).rem_euclid(4) {
        0 => array,
        1 => swapped(&reversed(&array, b)?, a, b)?,
        2 => reversed(&reversed(&array, a)?, b)?,
        _ => reversed(&swapped(&array, a, b)?, b)?,
    }))
}

fn at_least(call: &Call, thicken: &dyn Fn(&Array) -> Result<Array>) -> Result<Value> {
    let arrays = call.rest().iter().map(|v| Ok(Value::Array(thicken(&v.to_array()?)?))).collect::<Result<Vec<_>>>()?;
    match arrays.as_slice() {
        [one] => Ok(one.clone()),
        _ => Ok(Value::Tuple(arrays)),
    }
}

/// The array with axes of length 1 in front, until it has `rank` axes.
pub(super) fn thick(array: &Array, rank: usize) -> Result<Array> {
    let mut items = vec![Item::NewAxis; rank.saturating_sub(array.ndim())];
    items.push(Item::Ellipsis);
    Ok(Array::from_expr(build::index(array.expr(), &items)?))
}

/// The array with at least three axes: a row becomes `(1, n, 1)`, a matrix `(m, n, 1)`.
pub(super) fn three(array: &Array) -> Result<Array> {
    let all = || Item::from(..);
    let items = match array.ndim() {
        0 => vec![Item::NewAxis, Item::NewAxis, Item::NewAxis],
        1 => vec![Item::NewAxis, all(), Item::NewAxis],
        2 => vec![all(), all(), Item::NewAxis],
        _ => return Ok(array.clone()),
    };
    Ok(Array::from_expr(build::index(array.expr(), &items)?))
}

fn rechunk(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let lengths = match call.chunk_lengths("chunks")? {
        None => vec![-1; array.ndim()],
        Some(list) if call.given("chunks").is_some_and(|v| v.items().is_none()) => vec![list[0]; array.ndim()],
        Some(list) => list,
    };
    Ok(array.try_rechunk(&lengths)?.into())
}

fn wanted(call: &Call) -> Result<Vec<isize>> {
    match call.integers("shape")? {
        Some(list) => Ok(list),
        None => call.refuse("`shape` must be an integer or a tuple of integers"),
    }
}

/// The same elements under another shape, in the order asked for: C, the last axis fastest, or Fortran, the first.
fn ordered(call: &Call, wanted: &[isize]) -> Result<Value> {
    let array = call.array("a")?;
    match call.text("order", "C")? {
        "C" => reshape(&array, wanted),
        "F" => {
            let reversed: Vec<isize> = wanted.iter().rev().copied().collect();
            Ok(array.t().try_reshape(&reversed)?.t().into())
        }
        other => call.refuse(format!("`order` is C or F, not {other}: arrays have no order in memory")),
    }
}

/// The same elements, in C order, under another shape.
pub(super) fn reshape(array: &Array, wanted: &[isize]) -> Result<Value> {
    Ok(array.try_reshape(wanted)?.into())
}
