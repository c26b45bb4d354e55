//! Arrays with more elements or fewer: insertions and deletions along an axis, zeros trimmed, other sizes.

use super::creation::list;
use super::indexing::nonzero;
use super::places::{along, at, element, flat, integral, number, part, strong, whole, with_integers};
use super::reduction::{keep, reduce};
use super::{Array, Kind, Operand, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::pending::{pending, when_known};
use crate::expr::regions;
use crate::expr::{Expr, Resume};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;
use crate::shape::slice::{Item, range};
use crate::shape::{Dim, Shape, checked_size, size};

/// Positions along an axis: where to insert, what to delete.
#[derive(Debug, Clone)]
pub enum Positions {
    /// One position.
    One(isize),
    /// `start:stop:step`.
    Slice(Option<isize>, Option<isize>, isize),
    /// Integers, or a mask over the axis.
    Many(Expr),
}

impl<T: Kind> Array<T> {
    /// Without these positions of an axis, or among all elements in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::array::edits::Positions;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.arange(4)?.delete(&Positions::One(-2), 0))?.as_slice().unwrap(), &[0, 1, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn delete(&self, positions: &Positions, axis: impl Into<Option<isize>>) -> Self {
        let axis = self.axis("delete", axis.into());
        Self::of(done(axis.and_then(|axis| delete(self.expr(), positions, axis))))
    }

    /// With `values` before these positions of an axis, or among all elements in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::array::edits::Positions;
    /// # let cx = Context::default();
    /// let x = cx.arange(3)?.insert(&Positions::Slice(None, None, 2), 9, 0);
    /// assert_eq!(cx.compute(x)?.as_slice().unwrap(), &[9, 0, 1, 9, 2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn insert(&self, positions: &Positions, values: impl Into<Operand<T>>, axis: impl Into<Option<isize>>) -> Self {
        let (axis, values) = (self.axis("insert", axis.into()), values.into());
        Self::of(done(
            axis.and_then(|axis| insert(self.expr(), positions, &strong(values.arg(), self.expr().dtype)?, axis)),
        ))
    }
}

impl Positions {
    /// The position in an axis of length `n`, which may be `n` itself where `end` is.
    fn one(at: i64, n: usize, axis: usize, end: bool) -> Result<usize> {
        let from_end = if at < 0 { at.checked_add(whole(n)?) } else { Some(at) };
        from_end
            .and_then(|p| usize::try_from(p).ok())
            .filter(|&p| p < n + usize::from(end))
            .ok_or_else(|| Error::index(format!("index {at} is out of bounds for axis {axis} with size {n}")))
    }

    /// Those of a slice.
    fn ranged(start: Option<isize>, stop: Option<isize>, step: isize, n: usize) -> Result<Vec<i64>> {
        let (first, count) = range(start, stop, step, n)?;
        (0..count.cast_signed()).map(|k| whole(first.wrapping_add_signed(k * step))).collect()
    }
}

/// Without these positions of an axis.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for positions that are not there.
#[track_caller]
pub fn delete(x: &Expr, positions: &Positions, axis: Option<usize>) -> Result<Expr> {
    let inputs: Vec<Expr> = std::iter::once(x.clone())
        .chain(if let Positions::Many(e) = positions { Some(e.clone()) } else { None })
        .collect();
    let positions = positions.clone();
    when_known("delete", &inputs, move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let n = x.shape.known()?[axis];
        match &positions {
            Positions::One(at) => without(&x, axis, &[*at as i64]),
            Positions::Slice(start, stop, step) => without(&x, axis, &Positions::ranged(*start, *stop, *step, n)?),
            Positions::Many(_) if e[1].dtype == DType::Bool => {
                if e[1].shape != Shape::from([n]) {
                    let why = format!("a mask of shape {} for axis {axis} of length {n}", e[1].shape);
                    return Err(Error::index(format!("delete: {why}")));
                }
                let kept = build::element(ElementOp::LogicalNot, &[Arg::Array(e[1].clone())])?;
                regions::compress(&x, &kept, axis)
            }
            Positions::Many(_) => {
                integral("delete", &e[1])?;
                let places = flat(&e[1])?;
                let mut dims = x.shape.dims().to_vec();
                dims[axis] = Dim::Unknown { id: places.id() as u64, max: n };
                with_integers("delete", &places, &[x], dims.into(), move |at, e| without(&e[0], axis, at))
            }
        }
    })
}

/// Without the positions `gone`, which may come in any order and more than once.
fn without(x: &Expr, axis: usize, gone: &[i64]) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    let mut keep = vec![true; n];
    for &at in gone {
        keep[Positions::one(at, n, axis, false)?] = false;
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..n).filter(|&at| keep[at]) {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => runs.push((at, at + 1)),
        }
    }
    if runs.len() > MOST_RUNS {
        return at(x, axis, &list((0..n).filter(|&at| keep[at]).map(whole).collect::<Result<_>>()?)?);
    }
    let parts = runs.iter().map(|&(start, stop)| part(x, axis, start, stop)).collect::<Result<Vec<_>>>()?;
    match parts.as_slice() {
        [] => part(x, axis, 0, 0),
        [one] => Ok(one.clone()),
        many => build::concatenate(many, axis),
    }
}

/// How many slices are joined, at most, where a list of places would do.
const MOST_RUNS: usize = 64;

/// With `values` before these positions of an axis.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for positions that are not there, [`Shape`](crate::ErrorKind::Shape) for values
/// that do not broadcast.
#[track_caller]
pub fn insert(x: &Expr, positions: &Positions, values: &Expr, axis: Option<usize>) -> Result<Expr> {
    let mut inputs = vec![x.clone(), values.clone()];
    inputs.extend(if let Positions::Many(e) = positions { Some(e.clone()) } else { None });
    let positions = positions.clone();
    when_known("insert", &inputs, move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let values = build::cast(&e[1], x.dtype)?;
        let n = x.shape.known()?[axis];
        let places = match &positions {
            Positions::One(at) => {
                return insert_one(&x, Positions::one(*at as i64, n, axis, true)?, &values, axis, true);
            }
            Positions::Slice(start, stop, step) => list(Positions::ranged(*start, *stop, *step, n)?)?,
            Positions::Many(_) if e[2].dtype == DType::Bool && e[2].shape.rank() == 1 => {
                let [places] = nonzero(&e[2])?.try_into().map_err(|_| Error::bug("a mask has one axis"))?;
                let inputs = [x, values, places];
                return when_known("insert", &inputs, move |e| insert_many(&e[0], &e[2], &e[1], axis));
            }
            Positions::Many(_) => e[2].clone(),
        };
        insert_many(&x, &places, &values, axis)
    })
}

/// With values, which may be several along the axis, before one position.
fn insert_one(x: &Expr, at: usize, values: &Expr, axis: usize, scalar: bool) -> Result<Expr> {
    let mut lengths = x.shape.known()?;
    let lacking = lengths.len().saturating_sub(values.shape.rank());
    let mut values = build::index(values, &[vec![Item::NewAxis; lacking], vec![Item::Ellipsis]].concat())?;
    if scalar && axis > 0 {
        // NumPy takes the first axis of values for the one that is inserted along.
        let mut order: Vec<usize> = (1..values.shape.rank()).collect();
        order.insert(axis, 0);
        values = build::transpose(&values, &order)?;
    }
    let n = lengths[axis];
    lengths[axis] = values.shape.known()?[axis];
    let values = build::broadcast_to(&values, &Shape::new(&lengths))?;
    build::concatenate(&[part(x, axis, 0, at)?, values, part(x, axis, at, n)?], axis)
}

fn insert_many(x: &Expr, places: &Expr, values: &Expr, axis: usize) -> Result<Expr> {
    integral("insert", places)?;
    let count = match places.shape.known()?.as_slice() {
        [] => 1,
        [n] => *n,
        _ => return Err(Error::shape("insert", format!("positions of shape {} along one axis", places.shape))),
    };
    let n = x.shape.known()?[axis];
    let (scalar, values) = (places.shape.rank() == 0, values.clone());
    let mut dims = x.shape.dims().to_vec();
    if count == 1 {
        let inserted = values.shape.known()?;
        let rank = dims.len();
        let along = if scalar {
            inserted.len().checked_sub(rank).map_or(1, |a| inserted[a])
        } else {
            inserted.len().checked_sub(rank - axis).map_or(1, |a| inserted[a])
        };
        dims[axis] = Dim::Known(n + along);
        return with_integers("insert", &flat(places)?, &[x.clone(), values], dims.into(), move |at, e| {
            let at = at.first().copied().ok_or_else(|| Error::bug("one position"))?;
            insert_one(&e[0], Positions::one(at, n, axis, true)?, &e[1], axis, scalar)
        });
    }
    dims[axis] = Dim::Known(n + count);
    let mut lengths = x.shape.known()?;
    lengths[axis] = count;
    let values = build::broadcast_to(&values, &Shape::new(&lengths))?;
    with_integers("insert", places, &[x.clone(), values], dims.into(), move |places, e| {
        let positions = interleaved(places, n, axis)?;
        // Runs of neighbours in the array or the values, where there are few.
        let next = |a: &i64, b: &i64| a + 1 == *b && usize::try_from(*b) != Ok(n);
        if positions.chunk_by(next).count() <= MOST_RUNS {
            let slice = |run: &[i64]| {
                let start = usize::try_from(run[0]).map_err(|_| Error::bug("a position is not negative"))?;
                let (of, start) = if start < n { (&e[0], start) } else { (&e[1], start - n) };
                part(of, axis, start, start + run.len())
            };
            let parts = positions.chunk_by(next).map(slice).collect::<Result<Vec<_>>>()?;
            return if parts.is_empty() { Ok(e[0].clone()) } else { build::concatenate(&parts, axis) };
        }
        at(&build::concatenate(&[e[0].clone(), e[1].clone()], axis)?, axis, &list(positions)?)
    })
}

/// For each position of the result, where it comes from: `0..n` is the array, what follows are the values.
fn interleaved(places: &[i64], n: usize, axis: usize) -> Result<Vec<i64>> {
    let mut order: Vec<(usize, usize)> = places
        .iter()
        .enumerate()
        .map(|(number, &at)| Ok((Positions::one(at, n, axis, true)?, number)))
        .collect::<Result<_>>()?;
    order.sort_unstable();
    let mut out = Vec::with_capacity(n + places.len());
    let mut next = order.into_iter().peekable();
    for at in 0..=n {
        while let Some((_, number)) = next.next_if(|&(place, _)| place == at) {
            out.push(whole(n + number)?);
        }
        if at < n {
            out.push(whole(at)?);
        }
    }
    Ok(out)
}

/// The elements in C order, as often as it takes to fill `shape`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the shape is too large.
#[track_caller]
pub fn resize(x: &Expr, shape: &[usize]) -> Result<Expr> {
    let shape = shape.to_vec();
    when_known("resize", std::slice::from_ref(x), move |e| {
        let Some(wanted) = checked_size(&shape) else {
            return Err(Error::shape("resize", "the shape is too large"));
        };
        let x = flat(&e[0])?;
        let have = x.shape.known()?[0];
        if wanted == 0 || have == 0 {
            return build::full(&shape, Scalar::Int(0), x.dtype, None);
        }
        let times = wanted.div_ceil(have);
        let copies = build::broadcast_to(&x, &Shape::from([times, have]))?;
        build::reshape(&part(&build::reshape(&copies, &[times * have])?, 0, 0, wanted)?, &shape)
    })
}

/// Which ends `trim_zeros` trims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The front.
    pub front: bool,
    /// The back.
    pub back: bool,
}

/// Without the zeros at the ends of these axes.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn trim_zeros(x: &Expr, axes: &Axes, ends: Ends) -> Result<Expr> {
    let axes = axes.clone();
    when_known("trim_zeros", std::slice::from_ref(x), move |e| {
        let x = &e[0];
        let trimmed = axes.resolve("trim_zeros", x.shape.rank(), &x.names)?;
        let lengths = x.shape.known()?;
        let set = build::cast(x, DType::Bool)?;
        let mut facts = Vec::new();
        let mut dims = x.shape.dims().to_vec();
        if size(&lengths) == 0 {
            let none = |a: usize| if trimmed.contains(&a) { Item::from(..0) } else { Item::from(..) };
            return build::index(x, &(0..lengths.len()).map(none).collect::<Vec<_>>());
        }
        for &axis in &trimmed {
            // The first position that has anything but zeros, and the end of the last one.
            let others: Vec<isize> = (0..lengths.len()).filter(|&a| a != axis).map(usize::cast_signed).collect();
            let any = flat(&reduce(&set, "any", &keep(others), Params::default())?)?;
            let at = build::iota(lengths[axis], None);
            let pick = |then: &Expr, otherwise: i64| {
                build::select(&Arg::Array(any.clone()), &Arg::Array(then.clone()), &number(otherwise))
            };
            let first = reduce(&pick(&at, whole(lengths[axis])?)?, "min", &Axes::All.into(), Params::default())?;
            let end = pick(&element(ElementOp::Add, &at, 1)?, 0)?;
            facts.extend([first, reduce(&end, "max", &Axes::All.into(), Params::default())?]);
            dims[axis] = Dim::Unknown { id: facts[facts.len() - 1].id() as u64, max: lengths[axis] };
        }
        let resume = Resume::new("trim_zeros", move |facts, e| {
            let mut items = vec![Item::from(..); e[0].shape.rank()];
            let value = |i: usize| -> Result<isize> {
                let values = facts.get(i).ok_or_else(|| Error::bug("two facts an axis"))?.values::<i64>()?;
                isize::try_from(values[0]).map_err(|_| Error::bug("a place in an axis"))
            };
            for (i, &axis) in trimmed.iter().enumerate() {
                let (first, end) = (value(2 * i)?, value(2 * i + 1)?);
                let length = lengths[axis].cast_signed();
                // Where all is zero, nothing is left.
                let (first, end) = if end == 0 { (0, 0) } else { (first, end) };
                let start = if ends.front || end == 0 { first } else { 0 };
                items[axis] = Item::from(start..if ends.back || end == 0 { end } else { length });
            }
            build::index(&e[0], &items)
        });
        Ok(pending(std::slice::from_ref(x), &facts, (x.dtype, dims.into()), resume).with_time(x.time))
    })
}
