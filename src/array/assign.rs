//! Arrays with other elements at some places: `x[index] = value`, as a new array.

use super::indexing::{Selection, arrays, basic, checked, checked_mask, spelled_out, with_arrays};
use super::reduction::reduce;
use super::scan::scan;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::known::known_integers;
use crate::expr::pending::{pending, when_known};
use crate::expr::{Expr, Resume, regions, times};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;
use crate::shape::slice::{Item, Resolved, resolve};
use crate::shape::{Dim, Shape, size};

/// As `x`, with `values`, which broadcast and take its dtype, where the index selects. Where it selects an element more
/// than once, the last of its values stays.
///
/// Slices cost what a copy does. Masks take a scan of the mask for values that are no scalar. For places, each element
/// along the axes that they lie on is compared with all of them.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`, [`Shape`](crate::ErrorKind::Shape) for values
/// that do not broadcast.
#[track_caller]
pub fn set(x: &Expr, parts: &[Selection], values: &Expr) -> Result<Expr> {
    if let Some(time) = x.time {
        let values = times::ticks(&times::astype(values, time)?);
        return Ok(set(&times::ticks(x), parts, &values)?.with_time(Some(time)));
    }
    let values = build::cast(values, x.dtype)?;
    let parts = checked(parts)?;
    let all: Vec<Expr> = [x.clone(), values].into_iter().chain(arrays(&parts)).collect();
    when_known("setitem", &all, move |e| {
        let parts = with_arrays(&parts, &e[2..])?;
        match basic(&parts) {
            Some(items) => set_box(&e[0], &items, &e[1]),
            None => set_places(&e[0], &spelled_out(e[0].shape.rank(), parts)?, &e[1]),
        }
    })
}

/// `values` in `shape`; axes of length 1 in front of those of the shape are left out.
pub(super) fn stretched(values: &Expr, shape: &Shape) -> Result<Expr> {
    let lengths = values.shape.known()?;
    let extra = lengths.len().saturating_sub(shape.rank());
    let thin = lengths[..extra].iter().take_while(|&&n| n == 1).count();
    build::broadcast_to(&build::index(values, &vec![Item::Index(0); thin])?, shape)
}

fn array(e: &Expr) -> Arg {
    Arg::Array(e.clone())
}

pub(super) fn integer(value: usize) -> Result<Arg> {
    let value = i64::try_from(value).map_err(|_| Error::shape("setitem", "a length does not fit a place"))?;
    Ok(Arg::Scalar(value.into()))
}

/// Basic indices: the box that they select, one axis after another.
fn set_box(x: &Expr, items: &[Item], values: &Expr) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let mut values = stretched(values, &build::index(x, items)?.shape)?;
    // The values with the axes of the array: fixed ones have length 1, new ones are gone.
    let mut seen = Vec::new();
    let mut ranges = Vec::new();
    for item in resolve(items, &lengths)? {
        match item {
            Resolved::New => seen.push(Item::Index(0)),
            Resolved::Fixed { axis: _, at } => {
                seen.push(Item::NewAxis);
                ranges.push((at, 1, 1));
            }
            Resolved::Range { start, step, len, .. } if step < 0 && len > 0 => {
                seen.push(Item::Slice { start: None, stop: None, step: -1 });
                ranges.push((start.wrapping_add_signed(step * (len - 1).cast_signed()), step.unsigned_abs(), len));
            }
            Resolved::Range { start, step, len, .. } => {
                seen.push(Item::from(..));
                ranges.push((start, step.unsigned_abs(), len));
            }
        }
    }
    if ranges.iter().any(|&(_, _, len)| len == 0) {
        return Ok(x.clone());
    }
    values = build::index(&values, &seen)?;
    for (axis, &(start, step, len)) in ranges.iter().enumerate().rev() {
        // The lines along this axis that have any of the values.
        let outer = ranges[..axis].iter().map(|&(start, step, len)| Item::Slice {
            start: Some(start.cast_signed()),
            stop: Some((start + step * (len - 1) + 1).cast_signed()),
            step: step.cast_signed(),
        });
        let lines = build::index(x, &outer.collect::<Vec<_>>())?;
        values = set_range(&lines, axis, (start, step, len), &values)?;
    }
    Ok(values)
}

/// `values` at `len` positions of an axis from `start` on, `step` apart.
fn set_range(x: &Expr, axis: usize, (start, step, len): (usize, usize, usize), values: &Expr) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    if len == n && step == 1 {
        return Ok(values.clone());
    }
    if step == 1 || len == 1 {
        let piece = |from: usize, to: usize| {
            let mut items = vec![Item::from(..); axis];
            items.push(Item::from(from.cast_signed()..to.cast_signed()));
            build::index(x, &items)
        };
        return build::concatenate(&[piece(0, start)?, values.clone(), piece(start + len, n)?], axis);
    }
    // Each position, as a number of steps from the first; those between steps keep what they have.
    let at = build::element(ElementOp::Subtract, &[Arg::Array(build::iota(n, None)), integer(start)?])?;
    let number = build::element(ElementOp::FloorDivide, &[array(&at), integer(step)?])?;
    let on = build::element(ElementOp::Remainder, &[array(&at), integer(step)?])?;
    let on = build::element(ElementOp::Equal, &[Arg::Array(on), integer(0)?])?;
    let before = build::element(ElementOp::GreaterEqual, &[array(&number), integer(0)?])?;
    let after = build::element(ElementOp::Less, &[array(&number), integer(len)?])?;
    let inside = build::element(ElementOp::LogicalAnd, &[Arg::Array(before), Arg::Array(after)])?;
    let inside = build::element(ElementOp::LogicalAnd, &[Arg::Array(inside), Arg::Array(on)])?;
    let beside = vec![Item::NewAxis; x.shape.rank() - 1 - axis];
    let inside = build::index(&inside, &[vec![Item::from(..)], beside].concat())?;
    let spread = picked(values, axis, &bounded(&number, len)?)?;
    build::select(&Arg::Array(inside), &Arg::Array(spread), &array(x))
}

/// Places brought into `0..len`.
pub(super) fn bounded(places: &Expr, len: usize) -> Result<Expr> {
    let low = build::element(ElementOp::Maximum, &[array(places), integer(0)?])?;
    build::element(ElementOp::Minimum, &[Arg::Array(low), integer(len.saturating_sub(1))?])
}

/// What `x` has at `places` along an axis, whose axes stand there.
fn picked(x: &Expr, axis: usize, places: &Expr) -> Result<Expr> {
    let mut parts = vec![Selection::Basic(Item::from(..)); axis];
    parts.push(Selection::Places(places.clone()));
    super::indexing::select(x, &parts)
}

/// Places and masks. What slices leave of the array is set first, and put where it was.
fn set_places(x: &Expr, parts: &[Selection], values: &Expr) -> Result<Expr> {
    let whole = |p: &Selection| *p == Item::from(..);
    let mut outer: Vec<Item> = Vec::new();
    for part in parts {
        match part {
            Selection::Basic(item @ Item::Slice { .. }) => outer.push(item.clone()),
            Selection::Basic(Item::NewAxis) => {}
            other => outer.extend(vec![Item::from(..); other.axes()]),
        }
    }
    if !outer.iter().all(|item| *item == Item::from(..)) {
        let inner: Vec<Selection> = parts
            .iter()
            .map(|p| if matches!(p, Selection::Basic(Item::Slice { .. })) { Item::from(..).into() } else { p.clone() })
            .collect();
        let changed = set_places(&build::index(x, &outer)?, &inner, values)?;
        return set_box(x, &outer, &changed);
    }
    let arrays = parts.iter().filter(|p| !matches!(p, Selection::Basic(_) if whole(p))).count();
    match parts.iter().position(|p| matches!(p, Selection::Mask(_))) {
        Some(at) if arrays == 1 => set_masked(x, parts, at, values),
        _ => set_listed(x, parts, values),
    }
}

/// The only mask of an index, which lies on the axes from `at` on.
fn set_masked(x: &Expr, parts: &[Selection], at: usize, values: &Expr) -> Result<Expr> {
    let Selection::Mask(mask) = &parts[at] else { return Err(Error::bug("a mask")) };
    let (rank, lengths) = (mask.shape.rank(), x.shape.known()?);
    checked_mask(mask, &lengths, at)?;
    let after = lengths.len() - at - rank;
    let seen = build::index(mask, &[vec![Item::Ellipsis], vec![Item::NewAxis; after]].concat())?;
    // The values as they stand beside the array, one axis in the place of the mask's.
    let have = values.shape.known()?;
    let along = have.len().checked_sub(after + 1).map_or(1, |a| have[a]);
    let count = size(&mask.shape.known()?);
    let set = if along == 1 && count > 0 {
        let mut items = vec![Item::Ellipsis];
        let axes = have.len().min(after);
        if have.len() > after {
            items.push(Item::Index(0));
            items.extend(vec![Item::NewAxis; rank]);
        }
        items.extend(vec![Item::from(..); axes]);
        stretched(&build::index(values, &items)?, &x.shape)?
    } else {
        let mut one: Vec<usize> = lengths[..at].to_vec();
        one.push(count);
        one.extend(&lengths[at + rank..]);
        let flat = build::reshape(mask, &[count])?;
        // What the mask keeps says whether the values are as many.
        let kept = regions::compress(&build::reshape(x, &one)?, &flat, at)?;
        let body = move |e: &[Expr]| {
            let stretched = stretched(&e[0], &e[1].shape)?;
            let mut more = e[1].shape.known()?;
            more[at] = 1;
            let none = build::full(&more, Scalar::Int(0), e[0].dtype, None)?;
            build::concatenate(&[stretched, none], at)
        };
        // One more than is kept, so that there is always one to take.
        let mut dims = kept.shape.dims().to_vec();
        dims[at] = Dim::Unknown { id: kept.id() as u64, max: count + 1 };
        let resume = Resume::new("setitem", move |_, e| body(e));
        let values = pending(&[values.clone(), kept], &[], (x.dtype, dims.into()), resume);
        let numbers = scan(&build::cast(&flat, DType::I64)?, "cumsum", &Axes::from(0), None)?;
        let numbers = build::element(ElementOp::Subtract, &[Arg::Array(numbers), integer(1)?])?;
        let numbers = build::element(ElementOp::Maximum, &[Arg::Array(numbers), integer(0)?])?;
        let spread = when_known("setitem", &[values, numbers], move |e| picked(&e[0], at, &e[1]))?;
        build::reshape(&spread, &lengths)?
    };
    build::select(&Arg::Array(seen), &Arg::Array(set), &array(x))
}

/// Lists of places, on axes that are whole otherwise.
fn set_listed(x: &Expr, parts: &[Selection], values: &Expr) -> Result<Expr> {
    let (plain, places) = super::indexing::places(x, parts.to_vec())?;
    let lists: Vec<Expr> = places.lists.clone();
    let all: Vec<Expr> = [x.clone(), plain, values.clone()].into_iter().chain(lists).collect();
    when_known("setitem", &all, move |e| {
        let places = places.with(&e[3..]);
        let selected = places.gathered(&e[1])?;
        // The values with the axes of the places in front, those as one.
        let values = places.in_front(&stretched(&e[2], &selected.shape)?)?;
        let on = places.on.len();
        let order = places.order(e[1].shape.rank());
        let turned = build::transpose(&e[1], &order)?;
        let lengths = turned.shape.known()?;
        let rank = values.shape.rank() - (lengths.len() - on);
        let (n, m) = (size(&lengths[..on]), size(&values.shape.known()?[..rank]));
        if m == 0 || n == 0 {
            return Ok(e[0].clone());
        }
        let rest = &lengths[on..];
        let values = build::reshape(&values, &[&[m], rest].concat())?;
        let winner = last_at(&places.numbers(&lengths[..on], m)?, n)?;
        let spread = picked(&values, 0, &bounded(&winner, m)?)?;
        let hit = build::element(ElementOp::GreaterEqual, &[Arg::Array(winner), integer(0)?])?;
        let hit = build::index(&hit, &[vec![Item::from(..)], vec![Item::NewAxis; rest.len()]].concat())?;
        let flat = build::reshape(&turned, &[&[n], rest].concat())?;
        let set = build::reshape(&build::select(&Arg::Array(hit), &Arg::Array(spread), &Arg::Array(flat))?, &lengths)?;
        let mut back = vec![0; order.len()];
        for (at, &axis) in order.iter().enumerate() {
            back[axis] = at;
        }
        build::reshape(&build::transpose(&set, &back)?, &e[0].shape.known()?)
    })
}

/// For each of `0..n`, the position of the last of `places`, a vector, that it is, and -1 where there is none.
fn last_at(places: &Expr, n: usize) -> Result<Expr> {
    let m = places.shape.known()?[0];
    if let Some(known) = known_integers(places) {
        let mut last = vec![-1i64; n];
        for (number, at) in (0i64..).zip(known) {
            if let Some(slot) = usize::try_from(at).ok().and_then(|at| last.get_mut(at)) {
                *slot = number;
            }
        }
        return super::creation::list(last);
    }
    let all = build::index(&build::iota(n, None), &[Item::from(..), Item::NewAxis])?;
    let same = build::element(ElementOp::Equal, &[Arg::Array(all), array(places)])?;
    let number = build::select(&Arg::Array(same), &Arg::Array(build::iota(m, None)), &Arg::Scalar(Scalar::Int(-1)))?;
    reduce(&number, "max", &Axes::from(1).into(), Params::default())
}
