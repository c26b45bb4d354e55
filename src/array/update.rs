//! Writing into arrays that exist: a region of one, or behind its end. What is written has to fit, in shape, names,
//! element type and coordinates; along an axis that grows, the coordinate grows first.

use super::Array;
use super::cf::{self, Packing};
use super::coordinates;
use super::time::{clock, clock_of, on_clock, to_datetime};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::canonical::fingerprint;
use crate::expr::check::where_all;
use crate::expr::{Expr, ExprKind, times, walk};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::runtime::context::Context;
use crate::shape;
use crate::shape::slice::Item;
use crate::store::manifest::digest;
use crate::store::{self, Attributes, Change, Info, Node, NodeKind, Store, Update};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A change of a stored array: what is written into it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The array.
    pub(super) path: PathBuf,
    /// What is written.
    pub(super) expr: Expr,
    /// Where.
    pub(super) change: Change,
}

/// Goes on with a change of the array at `path` that was interrupted when nothing was left to do but to put it into its
/// place: by what it is known, and those that were made with it.
pub(super) fn recovered(path: &Path) -> Result<Vec<String>> {
    let tokens = store::recover(path)?.unwrap_or_default();
    Ok(tokens.lines().map(str::to_owned).collect())
}

/// The changes that writing `expr` into the array at `path` consists of: those of coordinates first, that of the array
/// last. None where it is among those that are `over`: [`recovered`].
///
/// # Errors
/// As [`Array::update`] says.
pub(super) fn changes(
    cx: &Context,
    expr: &Expr,
    path: &Path,
    how: &Update,
    over: &BTreeSet<String>,
) -> Result<Vec<Written>> {
    let token = token(expr, how);
    if over.contains(&token) {
        return Ok(Vec::new());
    }
    let array = store::open(path)?;
    let main = written(expr, path, &array, how, token)?;
    store::admits(path, &main.change)?;
    let mut all = Vec::new();
    if how.coordinates {
        for axis in 0..main.change.before.len() {
            all.extend(coordinate(cx, &main, array.info(), axis)?);
        }
    }
    all.push(main);
    Ok(all)
}

/// The change of the array alone, without a look at its coordinates.
pub(super) fn plain(expr: &Expr, path: &Path, how: &Update) -> Result<Written> {
    written(expr, path, &store::open(path)?, how, String::new())
}

/// By what a change is known that was interrupted, whether it is resumed or run again.
fn token(expr: &Expr, how: &Update) -> String {
    let how = how.clone().resume(false);
    digest(format!("{:?}", fingerprint(expr, format!("{how:?}"))).as_bytes())
}

fn written(expr: &Expr, path: &Path, array: &Arc<dyn Store>, how: &Update, token: String) -> Result<Written> {
    let info = array.info();
    let (region, gone) = how.resolve(info, &expr.shape.known()?)?;
    let expr = with_axes(expr, &gone, info.shape.len())?;
    check_names(&expr, info)?;
    let expr = fitting(&expr, info, how.packed)?;
    let change = Change { region, before: info.shape.clone(), resume: how.resume, run: None, token };
    // Nothing of an array that grows is read where it is written to.
    if array.is_remote() && !change.grows() && reads(&expr, info) {
        let why = "a region of it is written from what it holds itself, which behind a network changes while it is read; \
                   write that to another array first";
        return Err(Error::unsupported(format!("{}: {why}", info.path)));
    }
    Ok(Written { path: path.to_path_buf(), expr, change })
}

/// The array with axes of length 1 in those places.
fn with_axes(expr: &Expr, axes: &[usize], rank: usize) -> Result<Expr> {
    if axes.is_empty() {
        return Ok(expr.clone());
    }
    let item = |a| if axes.contains(&a) { Item::NewAxis } else { Item::from(..) };
    build::index(expr, &(0..rank).map(item).collect::<Vec<_>>())
}

/// Refuses an array whose axes have other names: it may be a transposed one.
fn check_names(expr: &Expr, info: &Info) -> Result<()> {
    for (axis, (new, old)) in expr.names.iter().zip(&info.names).enumerate() {
        if let (Some(new), Some(old)) = (new, old)
            && **new != **old
        {
            let why = format!("axis {axis} of what is written is `{new}`, and that of {} `{old}`", info.path);
            return Err(Error::axis("update", why));
        }
    }
    Ok(())
}

/// The numbers that are stored for these elements.
fn fitting(expr: &Expr, info: &Info, packed: bool) -> Result<Expr> {
    let packing = if packed { Packing::of(info)? } else { Packing::default() };
    let named = |e: Error| e.at(format!("for {}", info.path));
    if expr.time.is_some() || info.time.is_some() {
        return like(expr, info).map_err(named);
    }
    if !packing.keeps(info.dtype) || packed && expr.dtype.is_inexact() && packing.fills() {
        return cf::encode(expr, &packing, info.dtype).map_err(named);
    }
    if promote(expr.dtype, info.dtype) == info.dtype {
        return build::cast(expr, info.dtype);
    }
    let (new, old) = (expr.dtype, info.dtype);
    Err(Error::dtype("update", format!("{new} does not fit into {}, which holds {old}; convert it first", info.path)))
}

/// Whether an expression reads a stored array.
fn reads(expr: &Expr, info: &Info) -> bool {
    let mut found = false;
    walk(std::slice::from_ref(expr), &mut |node| {
        found |= matches!(&node.kind, ExprKind::Source(store) if store.info().path == info.path);
    });
    found
}

/// The change of the coordinate of an axis that grows; `None` where none is needed. Where the axis does not, the
/// coordinate has to agree.
fn coordinate(cx: &Context, main: &Written, info: &Info, axis: usize) -> Result<Option<Written>> {
    let Some(name) = info.names.get(axis).and_then(Option::as_ref) else { return Ok(None) };
    let Some(place) = store::beside(&main.path, name)? else { return Ok(None) };
    let (start, len) = (main.change.region.start[axis], main.change.region.shape[axis]);
    let grows = main.change.after()[axis] > main.change.before[axis];
    let nodes = store::tree(&place).unwrap_or_default();
    let [Node { kind: NodeKind::Array(_), .. }] = nodes.as_slice() else { return Ok(None) };
    store::recover(&place)?;
    let there = store::open(&place)?;
    let [have] = there.info().shape[..] else { return Ok(None) };
    let own = coordinates::of_axis(&main.expr, axis)?.filter(|own| own.lengths() == [len]);
    let Some(own) = own else {
        if grows && have < start + len {
            let how = if store::grows_together(&main.path)? {
                "give it one, or leave coordinates alone, and write it here afterwards"
            } else {
                "append that here first"
            };
            let (all, of) = (start + len, &info.path);
            let why =
                format!("has {have} values, and {of} gets {all} along `{name}`; what is appended has none: {how}");
            return Err(Error::store(place, why));
        }
        return Ok(None);
    };
    let own = like(&own, there.info()).map_err(|e| e.at(format!("for the coordinate {}", place.display())))?;
    let known = have.min(start + len).saturating_sub(start);
    let stored = build::source(Arc::clone(&there));
    let span = |a: usize, b: usize| [Item::from(a.cast_signed()..b.cast_signed())];
    let (old, new) = (build::index(&stored, &span(start, start + known))?, build::index(&own, &span(0, known))?);
    if start > have || known > 0 && !agree(cx, &new, &old)? {
        let why =
            format!("holds other values along `{name}` than what is written; a change may leave coordinates alone");
        return Err(Error::store(place, why));
    }
    if !grows || have >= start + len {
        return Ok(None);
    }
    let rest = build::index(&own, &span(known, len))?;
    in_order(cx, &stored, &rest, there.info())?;
    let how = Update::append(0).coordinates(false).resume(main.change.resume);
    let token = token(&rest, &how);
    written(&rest, &place, &there, &how, token).map(Some)
}

/// The numbers that stand for the values of `coordinate` in a coordinate that is stored: in its units, its packing and
/// its element type.
fn like(coordinate: &Expr, there: &Info) -> Result<Expr> {
    let refuse = || Err(Error::dtype("update", format!("{} are no {}", coordinate.type_name(), there.type_name())));
    match (coordinate.time, there.time) {
        (Some(from), Some(to)) if from.is_date == to.is_date => return times::astype(coordinate, to),
        (None, Some(to)) if to.is_date && clock(coordinate)?.is_some() => return to_datetime(coordinate, to.unit),
        (_, Some(_)) => return refuse(),
        // Lengths of time have no clock.
        (Some(_), None) if clock(coordinate)?.is_none() || clock_of(&there.attributes)?.is_none() => return refuse(),
        _ => {}
    }
    let own = cf::attributes(coordinate).unwrap_or_default();
    let units = |of: &Attributes| of.get("units").and_then(Value::as_str).map(str::to_owned);
    let values = match (clock(coordinate)?, clock_of(&there.attributes)?) {
        (Some(from), Some(to)) if from.calendar != to.calendar => {
            let (own, other) = (from.calendar.name(), to.calendar.name());
            let why = format!("times of the calendar `{own}` are none of `{other}`");
            return Err(Error::argument("update", why));
        }
        (Some(from), Some(to)) if (from.unit, from.start) != (to.unit, to.start) => on_clock(coordinate, &from, &to)?,
        _ => match (units(&own), units(&there.attributes)) {
            (Some(new), Some(old)) if new != old && clock(coordinate)?.is_none() => {
                return Err(Error::argument(
                    "update",
                    format!("values in `{new}` are written among values in `{old}`"),
                ));
            }
            _ => times::ticks(coordinate),
        },
    };
    let packing = Packing::of(there)?;
    if !packing.keeps(there.dtype) {
        return cf::encode(&values, &packing, there.dtype);
    }
    exactly(&values, there.dtype)
}

/// The same values in another type; the run ends where that cannot hold one. Floats may lose digits, not more.
fn exactly(values: &Expr, dtype: DType) -> Result<Expr> {
    if values.dtype == dtype {
        return Ok(values.clone());
    }
    let cast = build::cast(values, dtype)?;
    if promote(values.dtype, dtype) == dtype || values.dtype.is_inexact() && dtype.is_inexact() {
        return Ok(cast);
    }
    let back = build::cast(&cast, values.dtype)?;
    let same = build::element(ElementOp::Equal, &[Arg::Array(back), Arg::Array(values.clone())])?;
    where_all(&cast, &same, "update", "a coordinate is none that the stored one has a number for")
}

/// Refuses values that do not go on in the order of the coordinate that they are appended to, where it has one, that
/// is where it rises or falls throughout.
fn in_order(cx: &Context, stored: &Expr, rest: &Expr, there: &Info) -> Result<()> {
    let (have, more) = (stored.shape.known()?[0], rest.shape.known()?[0]);
    if have == 0 || more == 0 || stored.dtype.is_complex() {
        return Ok(());
    }
    let plain = |x: &Expr| build::cast(&times::ticks(x), stored.dtype);
    let (stored, rest) = (plain(stored)?, plain(rest)?);
    let last = build::index(&stored, &[Item::from(-1..)])?;
    let next = build::concatenate(&[last.clone(), rest.clone()], 0)?;
    let steps = |x: &Expr, op: ElementOp| -> Result<Array> {
        let (from, to) = (build::index(x, &[Item::from(..-1)])?, build::index(x, &[Item::from(1..)])?);
        let steps = build::element(op, &[Arg::Array(from), Arg::Array(to)])?;
        Array::from_expr(steps).try_reduce("all", .., Params::default())
    };
    let (up, down) = (ElementOp::Less, ElementOp::Greater);
    let asked = [(&stored, up), (&stored, down), (&next, up), (&next, down)].map(|(x, op)| steps(x, op));
    let answers = cx.compute(asked.into_iter().collect::<Result<Vec<_>>>()?)?;
    let [rises, falls, on_up, on_down] = [0, 1, 2, 3].map(|n| answers[n].block().bytes().first() == Some(&1));
    if !(rises || falls) || rises && on_up || falls && on_down {
        return Ok(());
    }
    let number = |x: &Expr| -> Result<f64> {
        let one = build::cast(&build::index(x, &[Item::from(..1)])?, DType::F64)?;
        Ok(cx.compute(Array::from_expr(one))?.to_ndarray::<f64>()?.iter().copied().sum())
    };
    let units = there.attributes.get("units").and_then(Value::as_str).map_or(String::new(), |u| format!(" {u}"));
    let (end, begin) = (number(&last)?, number(&rest)?);
    let way = if rises { "rises" } else { "falls" };
    let why = format!(
        "{way} to {end}{units}, and what is appended, from {begin} on, does not go on so; write into a region what is \
         there already, or leave coordinates alone"
    );
    Err(Error::store(&there.path, why))
}

/// Whether coordinates are the same; floats up to the rounding of a change of units.
fn agree(cx: &Context, a: &Expr, b: &Expr) -> Result<bool> {
    let digits = match a.dtype {
        DType::F32 => f64::from(f32::EPSILON),
        DType::F64 => f64::EPSILON,
        _ => 0.0,
    };
    let values = |x: &Expr| -> Result<Vec<f64>> {
        let wide = Array::from_expr(build::cast(&times::ticks(x), DType::F64)?);
        Ok(cx.compute(wide)?.to_ndarray::<f64>()?.into_raw_vec_and_offset().0)
    };
    let (a, b) = (values(a)?, values(b)?);
    let near = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 4.0 * digits * a.abs();
    Ok(a.len() == b.len() && a.iter().zip(&b).all(near))
}

/// The shape of a stored array and how it is cut, for whoever plans a change of it.
///
/// # Errors
/// As [`store::open`].
pub(super) fn grid(path: &Path, change: &Change) -> Result<crate::chunk::Chunks> {
    let array = store::open(path)?;
    let info = array.info();
    if info.shape != change.before {
        let (now, then) = (shape::tuple(&info.shape), shape::tuple(&change.before));
        return Err(Error::store(path, format!("has the shape {now} now, and had {then} when it was opened")));
    }
    Ok(change.grid_of(array.as_ref()))
}
