//! Arrays joined and cut: concatenation in all its names, splits, rolls and tiles.

use super::super::operators::cast;
use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use super::shape::{reshape, thick, three};
use crate::array::Array;
use crate::array::places::{part, repeat_whole};
use crate::error::{Error, Result};
use crate::expr::build;
use crate::expr::compose::rolled;
use crate::shape::axes::position;
use crate::shape::slice::Item;

pub(super) static TABLE: &[Function] = &[
    row("concatenate", "arrays, /, axis=0, !out, *, dtype=None, !casting", concatenate),
    row("stack", "arrays, axis=0, !out, *, dtype=None, !casting", stack),
    row("vstack", "tup, *, dtype=None, !casting", |call| {
        let rows = each(&call.arrays("tup")?, |a| thick(a, 2))?;
        typed(call, join(&rows, 0)?)
    }),
    row("hstack", "tup, *, dtype=None, !casting", |call| {
        let parts = each(&call.arrays("tup")?, |a| thick(a, 1))?;
        let axis = usize::from(parts.first().is_some_and(|a| a.ndim() > 1));
        typed(call, join(&parts, axis)?)
    }),
    row("dstack", "tup", |call| Ok(join(&each(&call.arrays("tup")?, three)?, 2)?.into())),
    row("column_stack", "tup", |call| {
        let column = |a: &Array| match a.ndim() {
            0 | 1 => Ok(Array::from_expr(build::transpose(thick(a, 2)?.expr(), &[1, 0])?)),
            _ => Ok(a.clone()),
        };
        Ok(join(&each(&call.arrays("tup")?, column)?, 1)?.into())
    }),
    row("block", "arrays", block),
    row("append", "arr, values, axis=None", append),
    row("split", "ary, indices_or_sections, axis=0", |call| split(call, None, true)),
    row("array_split", "ary, indices_or_sections, axis=0", |call| split(call, None, false)),
    row("vsplit", "ary, indices_or_sections", |call| split(call, Some(0), true)),
    row("hsplit", "ary, indices_or_sections", |call| {
        let flat = call.array("ary")?.ndim() == 1;
        split(call, Some(usize::from(!flat)), true)
    }),
    row("dsplit", "ary, indices_or_sections", |call| split(call, Some(2), true)),
    row("unstack", "x, /, *, axis=0", |call| {
        let array = call.array("x")?;
        let axis = position(call.name(), call.integer("axis")?.unwrap_or(0), array.ndim())?;
        let n = array.shape().known()?[axis].cast_signed();
        let one = |i: isize| {
            let mut items = vec![Item::from(..); axis];
            items.push(Item::Index(i));
            Ok(build::index(array.expr(), &items)?.into())
        };
        Ok(Value::Tuple((0..n).map(one).collect::<Result<_>>()?))
    }),
    row("roll", "a, shift, axis=None", roll),
    row("tile", "A, reps", tile),
];

fn each(arrays: &[Array], change: impl Fn(&Array) -> Result<Array>) -> Result<Vec<Array>> {
    arrays.iter().map(change).collect()
}

fn join(arrays: &[Array], axis: usize) -> Result<Array> {
    Array::concatenate(arrays, axis.cast_signed())
}

fn typed(call: &Call, array: Array) -> Result<Value> {
    match call.dtype("dtype")? {
        None => Ok(array.into()),
        Some(dtype) => Ok(cast(&array.into(), dtype)?.into()),
    }
}

fn flat(array: &Array) -> Result<Array> {
    reshape(array, &[-1])?.to_array()
}

fn concatenate(call: &Call) -> Result<Value> {
    let arrays = call.arrays("arrays")?;
    let joined = match (call.value("axis"), call.integer("axis")?) {
        (Some(Value::None), _) => join(&each(&arrays, flat)?, 0)?,
        (_, axis) => Array::concatenate(&arrays, axis.unwrap_or(0))?,
    };
    typed(call, joined)
}

fn stack(call: &Call) -> Result<Value> {
    typed(call, Array::stack(&call.arrays("arrays")?, call.integer("axis")?.unwrap_or(0))?)
}

fn append(call: &Call) -> Result<Value> {
    let (a, b) = (call.array("arr")?, call.array("values")?);
    match call.integer("axis")? {
        None => Ok(join(&[flat(&a)?, flat(&b)?], 0)?.into()),
        Some(axis) => Ok(Array::concatenate(&[a, b], axis)?.into()),
    }
}

/// Nested lists: the innermost ones join along the last axis, each level above along the one before.
fn block(call: &Call) -> Result<Value> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    fn rank(value: &Value) -> Result<usize> {
        match value {
            Value::List(items) => items.iter().try_fold(0, |most, item| Ok(most.max(rank(item)?))),
            other => Ok(other.to_array()?.ndim()),
        }
    }
    fn build(value: &Value, levels: usize, rank: usize) -> Result<Array> {
        match value {
            Value::List(items) if levels > 0 && !items.is_empty() => {
                let parts = items.iter().map(|v| build(v, levels - 1, rank)).collect::<Result<Vec<_>>>()?;
                join(&parts, rank - levels)
            }
            Value::List(_) => Err(Error::shape("block", "a list is empty")),
            leaf if levels == 0 => thick(&leaf.to_array()?, rank),
            _ => Err(Error::shape("block", "lists of unequal depth")),
        }
    }
    let nested = call.required("arrays")?;
    let levels = depth(nested);
    Ok(build(nested, levels, rank(nested)?.max(levels))?.into())
}

fn split(call: &Call, axis: Option<usize>, equal: bool) -> Result<Value> {
    let array = call.array("ary")?;
    if matches!(call.name(), "vsplit" | "dsplit") && array.ndim() < axis.map_or(0, |a| a.max(1) + 1) {
        return Err(Error::shape(call.name(), format!("an array of rank {} has too few axes", array.ndim())));
    }
    let axis = match axis {
        Some(axis) => position(call.name(), axis.cast_signed(), array.ndim())?,
        None => position(call.name(), call.integer("axis")?.unwrap_or(0), array.ndim())?,
    };
    let length = array.shape().known()?[axis];
    let cuts = match call.required("indices_or_sections")? {
        Value::Scalar(_) => sections(call, length, equal)?,
        _ => {
            let clamp = |at: isize| match usize::try_from(at) {
                Ok(at) => at.min(length),
                Err(_) => length.saturating_sub(at.unsigned_abs()),
            };
            let cuts = call.integers("indices_or_sections")?.unwrap_or_default();
            std::iter::once(0).chain(cuts.into_iter().map(clamp)).chain([length]).collect()
        }
    };
    let pieces = cuts.windows(2).map(|w| part(array.expr(), axis, w[0], w[1].max(w[0])).map(Value::from));
    Ok(Value::List(pieces.collect::<Result<_>>()?))
}

/// The boundaries of `n` sections, the first ones longer by 1 where the length does not divide.
fn sections(call: &Call, length: usize, equal: bool) -> Result<Vec<usize>> {
    let n = match call.count("indices_or_sections")? {
        Some(n) if n > 0 => n,
        _ => return call.refuse("the number of sections must be larger than 0"),
    };
    if equal && !length.is_multiple_of(n) {
        return Err(Error::shape(call.name(), format!("length {length} does not divide into {n} equal sections")));
    }
    Ok((0..=n).map(|i| i * (length / n) + i.min(length % n)).collect())
}

fn roll(call: &Call) -> Result<Value> {
    let array = call.array("a")?;
    let shifts = call.integers("shift")?.unwrap_or_default();
    let Some(axes) = call.integers("axis")? else {
        let shape = array.shape().known()?.into_iter().map(usize::cast_signed).collect::<Vec<_>>();
        let Some(shift) = shifts.iter().try_fold(0isize, |n, &s| n.checked_add(s)) else {
            return call.refuse("`shift` is too large");
        };
        let rolled = rolled(flat(&array)?.expr(), 0, shift)?;
        return reshape(&Array::from_expr(rolled), &shape);
    };
    let count = shifts.len().max(axes.len());
    let fits = |n: usize| n == count || n == 1;
    if !fits(shifts.len()) || !fits(axes.len()) {
        return Err(Error::shape(call.name(), "`shift` and `axis` must be as long as each other"));
    }
    let pick = |list: &[isize], i: usize| list[if list.len() == 1 { 0 } else { i }];
    let mut out = array.expr().clone();
    for i in 0..count {
        let axis = position(call.name(), pick(&axes, i), array.ndim())?;
        out = rolled(&out, axis, pick(&shifts, i))?;
    }
    Ok(out.into())
}

fn tile(call: &Call) -> Result<Value> {
    let array = call.array("A")?;
    let mut reps = call.shape("reps")?;
    let rank = reps.len().max(array.ndim());
    reps.splice(0..0, std::iter::repeat_n(1, rank - reps.len()));
    let mut out = thick(&array, rank)?.expr().clone();
    for (axis, &n) in reps.iter().enumerate() {
        out = repeat_whole(&out, n, axis)?;
    }
    Ok(out.into())
}
