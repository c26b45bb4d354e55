//! Elements by position: taken, repeated, inserted, deleted and put; and the positions themselves.

use super::assign::{bounded, integer, set, stretched};
use super::creation::list;
use super::indexing::{Selection, Selections, nonzero, select, unravelled};
use super::manipulation::expand_dims;
use super::reduction::{keep, reduce};
use super::{Array, Kind, Operand, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::known::known_integers;
use crate::expr::pending::{pending, when_known};
use crate::expr::{Expr, Resume};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::axes::{Axes, position};
use crate::shape::broadcast::broadcast;
use crate::shape::slice::{Item, range};
use crate::shape::{Dim, Shape, checked_size, size, strides};

/// What becomes of a place that an axis has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beyond {
    /// It is an error; negative places count from the end.
    #[default]
    Raise,
    /// It is taken modulo the length of the axis.
    Wrap,
    /// It is the nearest place that is there.
    Clip,
}

impl<T: Kind> Array<T> {
    /// What the array has at `places` along an axis, or among all elements in C order; their axes stand where that was.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// let places = cx.from_ndarray(ndarray::arr1(&[2, -3]).into_dyn())?;
    /// assert_eq!(cx.compute(x.take(&places, 1))?, ndarray::array![[2, 0], [5, 3]].into_dyn());
    /// assert_eq!(cx.compute(x.take(&places, None))?.as_slice().unwrap(), &[2, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn take<I: Kind>(&self, places: &Array<I>, axis: impl Into<Option<isize>>) -> Self {
        let axis = self.axis("take", axis.into());
        Self::of(done(axis.and_then(|axis| take(self.expr(), places.expr(), axis, Beyond::Raise))))
    }

    /// What each line along an axis has at its own places, as [`Array::argsort`] gives them.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[3, 1, 2], [4, 6, 5]].into_dyn())?;
    /// let sorted = x.take_along_axis(&x.argsort(1), 1);
    /// assert_eq!(cx.compute(sorted)?, ndarray::array![[1, 2, 3], [4, 5, 6]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn take_along_axis<I: Kind>(&self, places: &Array<I>, axis: impl Into<Option<isize>>) -> Self {
        let axis = self.axis("take_along_axis", axis.into());
        Self::of(done(axis.and_then(|axis| take_along_axis(self.expr(), places.expr(), axis))))
    }

    /// The same array with `values` in each line along an axis at its own places.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[3, 1, 2], [4, 6, 5]].into_dyn())?;
    /// let places = cx.from_ndarray(ndarray::array![[1], [0]].into_dyn())?;
    /// let changed = x.put_along_axis(&places, 0, 1);
    /// assert_eq!(cx.compute(changed)?, ndarray::array![[3, 0, 2], [0, 6, 5]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn put_along_axis<I: Kind>(
        &self,
        places: &Array<I>,
        values: impl Into<Operand<T>>,
        axis: impl Into<Option<isize>>,
    ) -> Self {
        let (axis, values) = (self.axis("put_along_axis", axis.into()), values.into());
        Self::of(done(axis.and_then(|axis| {
            put_along_axis(self.expr(), places.expr(), &strong(values.arg(), self.expr().dtype)?, axis)
        })))
    }

    /// The same array with `values`, which broadcast, where `index` selects: NumPy's `x[index] = values`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// assert_eq!(cx.compute(x.set((1, ..), 9))?, ndarray::array![[0, 1, 2], [9, 9, 9]].into_dyn());
    /// assert_eq!(cx.compute(x.set(&x.greater(3), 0))?, ndarray::array![[0, 1, 2], [3, 0, 0]].into_dyn());
    /// let corners = x.set(([0, 1], [0, 2]), &cx.arange(2)?);
    /// assert_eq!(cx.compute(corners)?, ndarray::array![[0, 1, 2], [3, 4, 1]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn set(&self, index: impl Into<Selections>, values: impl Into<Operand<T>>) -> Self {
        let values = values.into();
        let values = strong(values.arg(), self.expr().dtype);
        Self::of(done(values.and_then(|v| set(self.expr(), index.into().parts(), &v))))
    }

    /// The places, one row each, at which elements are not zero, in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[0, 5], [7, 0]].into_dyn())?;
    /// assert_eq!(cx.compute(x.argwhere())?, ndarray::array![[0, 1], [1, 0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argwhere(&self) -> Array<i64> {
        Array::of(done(argwhere(self.expr())))
    }

    /// Every element so many times along an axis, or all elements in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.arange(3)?.repeat(2, 0))?.as_slice().unwrap(), &[0, 0, 1, 1, 2, 2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn repeat(&self, times: usize, axis: impl Into<Option<isize>>) -> Self {
        let axis = self.axis("repeat", axis.into());
        Self::of(done(axis.and_then(|axis| repeat(self.expr(), times, axis))))
    }

    /// Without these positions of an axis, or among all elements in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::array::places::Positions;
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
    /// use hyperslab::array::places::Positions;
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

    fn axis(&self, op: &str, axis: Option<isize>) -> Result<Option<usize>> {
        axis.map(|axis| position(op, axis, self.ndim())).transpose()
    }
}

/// An argument as an array: a constant has this dtype.
fn strong(arg: &Arg, dtype: DType) -> Result<Expr> {
    match arg {
        Arg::Array(e) => Ok(e.clone()),
        Arg::Scalar(s) if s.fits(dtype) => build::full(&[], *s, dtype, None),
        Arg::Scalar(s) => Err(Error::argument("setitem", format!("the integer {s} is out of bounds for {dtype}"))),
    }
}

fn whole(n: usize) -> Result<i64> {
    i64::try_from(n).map_err(|_| Error::shape("index", "a length does not fit a place"))
}

fn number(value: i64) -> Arg {
    Arg::Scalar(Scalar::Int(value.into()))
}

fn element(op: ElementOp, a: &Expr, b: i64) -> Result<Expr> {
    build::element(op, &[Arg::Array(a.clone()), number(b)])
}

/// All elements in C order.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when a length depends on data.
#[track_caller]
pub fn flat(x: &Expr) -> Result<Expr> {
    let total = size(&x.shape.known()?);
    build::reshape(x, &[total])
}

/// Positions `start..stop` of one axis.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when a length depends on data.
#[track_caller]
pub fn part(x: &Expr, axis: usize, start: usize, stop: usize) -> Result<Expr> {
    let mut items = vec![Item::from(..); axis];
    items.push(Item::from(start.cast_signed()..stop.cast_signed()));
    build::index(x, &items)
}

/// `x` and the axis that `axis` means; all elements in C order where there is none, and where `x` has no axes.
fn along(x: &Expr, axis: Option<usize>) -> Result<(Expr, usize)> {
    match axis {
        Some(axis) if x.shape.rank() > 0 => Ok((x.clone(), axis)),
        _ => Ok((flat(x)?, 0)),
    }
}

/// Refuses what holds no integers.
fn integral(op: &str, places: &Expr) -> Result<()> {
    if places.dtype.is_integer() {
        return Ok(());
    }
    Err(Error::index(format!("{op}: arrays used as indices hold integers, not {}", places.dtype)))
}

/// What `x` has at `places` along an axis, or among all elements: axes of the places stand where the axis was.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for places that are known and not there, or from an axis without elements.
#[track_caller]
pub fn take(x: &Expr, places: &Expr, axis: Option<usize>, beyond: Beyond) -> Result<Expr> {
    when_known("take", &[x.clone(), places.clone()], move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let places = if e[1].dtype == DType::Bool { build::cast(&e[1], DType::I64)? } else { e[1].clone() };
        integral("take", &places)?;
        let n = x.shape.known()?[axis];
        if n == 0 {
            let mut shape = x.shape.known()?;
            shape.splice(axis..=axis, places.shape.known()?);
            if size(&shape) > 0 {
                return Err(Error::index(format!("take: axis {axis} has no elements to take")));
            }
            return build::full(&shape, Scalar::Int(0), x.dtype, None);
        }
        let last = whole(n)? - 1;
        let places = match beyond {
            Beyond::Raise => places,
            Beyond::Wrap => element(ElementOp::Remainder, &build::cast(&places, DType::I64)?, last + 1)?,
            Beyond::Clip => clip(&build::cast(&places, DType::I64)?, last)?,
        };
        at(&x, axis, &places)
    })
}

/// `places` brought into `0..=last`.
fn clip(places: &Expr, last: i64) -> Result<Expr> {
    element(ElementOp::Minimum, &element(ElementOp::Maximum, places, 0)?, last)
}

fn at(x: &Expr, axis: usize, places: &Expr) -> Result<Expr> {
    let mut parts = vec![Selection::Basic(Item::from(..)); axis];
    parts.push(Selection::Places(places.clone()));
    select(x, &parts)
}

/// What each line along an axis has at the places that `places` holds for it.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for places of another rank, [`Index`](crate::ErrorKind::Index) for what holds no
/// integers.
#[track_caller]
pub fn take_along_axis(x: &Expr, places: &Expr, axis: Option<usize>) -> Result<Expr> {
    when_known("take_along_axis", &[x.clone(), places.clone()], move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let parts = lines(&x, &e[1], axis, "take_along_axis")?;
        select(&x, &parts)
    })
}

/// The index of each line's own places along an axis: positions along all others.
fn lines(x: &Expr, places: &Expr, axis: usize, op: &str) -> Result<Vec<Selection>> {
    let lengths = x.shape.known()?;
    integral(op, places)?;
    if places.shape.rank() != lengths.len() {
        let why = format!("places of shape {} for an array of shape {}", places.shape, x.shape);
        return Err(Error::shape(op, format!("{why}: they need as many axes")));
    }
    let along = |a: usize| {
        if a == axis {
            return Ok(Selection::Places(places.clone()));
        }
        Ok(Selection::Places(spread(&build::iota(lengths[a], None), a, lengths.len())?))
    };
    (0..lengths.len()).map(along).collect()
}

/// A vector as axis `at` of an array of this rank whose other axes have length 1.
///
/// # Errors
/// None for vectors.
#[track_caller]
pub fn spread(vector: &Expr, at: usize, rank: usize) -> Result<Expr> {
    let items: Vec<Item> = (0..rank).map(|a| if a == at { Item::from(..) } else { Item::NewAxis }).collect();
    build::index(vector, &items)
}

/// As `x`, with `values` in each line along an axis at the places that `places` holds for it.
///
/// # Errors
/// As [`take_along_axis`], and where the values do not broadcast to the places.
#[track_caller]
pub fn put_along_axis(x: &Expr, places: &Expr, values: &Expr, axis: Option<usize>) -> Result<Expr> {
    when_known("put_along_axis", &[x.clone(), places.clone(), values.clone()], move |e| {
        let lengths = e[0].shape.known()?;
        let (x, axis) = along(&e[0], axis)?;
        lines(&x, &e[1], axis, "put_along_axis")?;
        build::reshape(&set_along(&x, axis, &e[1], &e[2])?, &lengths)
    })
}

/// As `x`, with `values` in each line along `axis` at the places that `places`, of as many axes, holds for it.
///
/// # Errors
/// Where places and values do not broadcast.
fn set_along(x: &Expr, axis: usize, places: &Expr, values: &Expr) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let mut wanted = lengths.clone();
    wanted[axis] = places.shape.known()?[axis];
    let wanted = Shape::new(&wanted);
    let places = build::broadcast_to(places, &wanted)?;
    let values = stretched(&build::cast(values, x.dtype)?, &wanted)?;
    let (n, m) = (lengths[axis], places.shape.known()?[axis]);
    if m == 0 {
        return Ok(x.clone());
    }
    // Negative places count from the end; none that is not there passes.
    let places = build::gather(&build::iota(n, None), &[places])?;
    // One more axis behind: the places are compared with all positions, which stand there.
    let each = build::index(&places, &[Item::Ellipsis, Item::NewAxis])?;
    let same = build::element(ElementOp::Equal, &[Arg::Array(each), Arg::Array(build::iota(n, None))])?;
    let mut items = vec![Item::from(..)];
    items.extend(vec![Item::NewAxis; lengths.len() - axis]);
    let number = build::index(&build::iota(m, None), &items)?;
    let number = build::select(&Arg::Array(same), &Arg::Array(number), &Arg::Scalar(Scalar::Int(-1)))?;
    let winner = reduce(&number, "max", &Axes::from(axis.cast_signed()).into(), Params::default())?;
    let mut order: Vec<usize> = (0..lengths.len() - 1).collect();
    order.insert(axis, lengths.len() - 1);
    let winner = build::transpose(&winner, &order)?;
    let spread = take_along_axis(&values, &bounded(&winner, m)?, Some(axis))?;
    let hit = build::element(ElementOp::GreaterEqual, &[Arg::Array(winner), integer(0)?])?;
    build::select(&Arg::Array(hit), &Arg::Array(spread), &Arg::Array(x.clone()))
}

/// The places, one row each, at which `x` is not zero, in C order.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn argwhere(x: &Expr) -> Result<Expr> {
    when_known("argwhere", std::slice::from_ref(x), |e| {
        let rank = e[0].shape.rank();
        // A scalar has a row without columns where it is not zero.
        let x = if rank == 0 { flat(&e[0])? } else { e[0].clone() };
        let columns = nonzero(&x)?;
        let rows = when_known("argwhere", &columns, |e| super::manipulation::stack(e, 1))?;
        if rank == 0 { build::index(&rows, &[Item::from(..), Item::from(..0)]) } else { Ok(rows) }
    })
}

/// Every element so many times along an axis.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
#[track_caller]
pub fn repeat(x: &Expr, times: usize, axis: Option<usize>) -> Result<Expr> {
    when_known("repeat", std::slice::from_ref(x), move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let mut lengths = x.shape.known()?;
        let thick = expand_dims(&x, &[axis.cast_signed() + 1])?;
        let mut stretched = lengths.clone();
        stretched.insert(axis + 1, times);
        lengths[axis] = lengths[axis]
            .checked_mul(times)
            .filter(|_| checked_size(&stretched).is_some())
            .ok_or_else(|| Error::shape("repeat", format!("{times} times {} is too large", x.shape)))?;
        build::reshape(&build::broadcast_to(&thick, &Shape::new(&stretched))?, &lengths)
    })
}

/// How many copies are joined; more of them are one array, seen in another shape.
const MOST_COPIES: usize = 64;

/// All of an axis so many times.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
#[track_caller]
pub fn repeat_whole(x: &Expr, times: usize, axis: usize) -> Result<Expr> {
    when_known("tile", std::slice::from_ref(x), move |e| {
        let x = &e[0];
        let mut lengths = x.shape.known()?;
        match times {
            0 => return part(x, axis, 0, 0),
            1 => return Ok(x.clone()),
            n if n <= MOST_COPIES => return build::concatenate(&vec![x.clone(); n], axis),
            _ => {}
        }
        let mut stretched = lengths.clone();
        stretched.insert(axis, times);
        if checked_size(&stretched).is_none() {
            return Err(Error::shape("tile", format!("{times} times {} is too large", x.shape)));
        }
        lengths[axis] *= times;
        let thick = expand_dims(x, &[axis.cast_signed()])?;
        build::reshape(&build::broadcast_to(&thick, &Shape::new(&stretched))?, &lengths)
    })
}

/// Every position of an axis as often as `times`, integers along it, says.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless there is one number for all positions or for each.
#[track_caller]
pub fn repeat_each(x: &Expr, times: &Expr, axis: Option<usize>) -> Result<Expr> {
    when_known("repeat", &[x.clone(), times.clone()], move |e| {
        let (x, axis) = along(&e[0], axis)?;
        let (mut dims, n) = (x.shape.dims().to_vec(), x.shape.known()?[axis]);
        if !(e[1].dtype.is_integer() || e[1].dtype == DType::Bool) {
            return Err(Error::argument("repeat", format!("is told how often by integers, not {}", e[1].dtype)));
        }
        let counts = match e[1].shape.known()?.as_slice() {
            [] | [1] => build::broadcast_to(&flat(&e[1])?, &Shape::from([n]))?,
            [m] if *m == n => e[1].clone(),
            _ => {
                let why = format!("{} numbers of times for axis {axis} of length {n}", e[1].shape);
                return Err(Error::shape("repeat", why));
            }
        };
        dims[axis] = Dim::Unknown { id: counts.id() as u64, max: n.saturating_mul(1 << 16) };
        with_integers("repeat", &counts, &[x], dims.into(), move |counts, e| {
            let mut positions = Vec::new();
            for (at, &n) in counts.iter().enumerate() {
                let n = usize::try_from(n).map_err(|_| Error::argument("repeat", format!("{n} times")))?;
                positions.extend(std::iter::repeat_n(whole(at)?, n));
            }
            at(&e[0], axis, &list(positions)?)
        })
    })
}

/// What `body` makes of the integers in `places` and of `inputs`: at once where the places are in memory, and of this shape
/// and the first input's dtype, when they have been computed.
fn with_integers(
    name: &str,
    places: &Expr,
    inputs: &[Expr],
    shape: Shape,
    body: impl Fn(&[i64], &[Expr]) -> Result<Expr> + Send + Sync + 'static,
) -> Result<Expr> {
    if let Some(known) = known_integers(places) {
        return body(&known, inputs);
    }
    let fact = build::cast(places, DType::I64)?;
    let resume = Resume::new(name, move |facts, inputs| {
        let fact = facts.first().ok_or_else(|| Error::bug("the places are a fact"))?;
        body(fact.values::<i64>()?, inputs)
    });
    Ok(pending(inputs, &[fact], (inputs[0].dtype, shape), resume))
}

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
                build::compress(&x, &kept, axis)
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
/// [`Index`](crate::ErrorKind::Index) for positions that are not there, [`Shape`](crate::ErrorKind::Shape) for values that
/// do not broadcast.
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
            let value = |i: usize| facts.get(i).map_or(Ok(0), |f| Ok::<_, Error>(f.values::<i64>()?[0]));
            for (i, &axis) in trimmed.iter().enumerate() {
                let (first, end) = (value(2 * i)? as isize, value(2 * i + 1)? as isize);
                let length = lengths[axis].cast_signed();
                // Where all is zero, nothing is left.
                let (first, end) = if end == 0 { (0, 0) } else { (first, end) };
                let start = if ends.front || end == 0 { first } else { 0 };
                items[axis] = Item::from(start..if ends.back || end == 0 { end } else { length });
            }
            build::index(&e[0], &items)
        });
        Ok(pending(std::slice::from_ref(x), &facts, (x.dtype, dims.into()), resume))
    })
}

/// Indices along each axis of an array of shape `shape` that lie at places `flat` in memory, in C order or in that of
/// Fortran.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for places that are not there, when they are known, or are computed.
#[track_caller]
pub fn unravel_index(places: &Expr, shape: &[usize], fortran: bool) -> Result<Vec<Expr>> {
    integral("unravel_index", places)?;
    let total = whole(checked_size(shape).ok_or_else(|| Error::shape("unravel_index", "the shape is too large"))?)?;
    let places = within(&build::cast(places, DType::I64)?, total, "unravel_index")?;
    if !fortran {
        return unravelled(&places, shape);
    }
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    Ok(unravelled(&places, &reversed)?.into_iter().rev().collect())
}

/// `places`, of which none lies outside `0..n`: refused at once where they are known, when they are computed otherwise.
fn within(places: &Expr, n: i64, op: &'static str) -> Result<Expr> {
    let refuse = move |at: i64| Error::index(format!("{op}: index {at} is out of bounds for size {n}"));
    if let Some(known) = known_integers(places) {
        return match known.iter().find(|at| !(0..n).contains(*at)) {
            Some(&at) => Err(refuse(at)),
            None => Ok(places.clone()),
        };
    }
    if places.shape.max().contains(&0) {
        return Ok(places.clone());
    }
    let facts = ["min", "max"].map(|name| reduce(places, name, &Axes::All.into(), Params::default()));
    let facts = facts.into_iter().collect::<Result<Vec<_>>>()?;
    let resume = Resume::new(op, move |facts, e| {
        for fact in facts {
            if let Some(&at) = fact.values::<i64>()?.iter().find(|at| !(0..n).contains(*at)) {
                return Err(refuse(at));
            }
        }
        Ok(e[0].clone())
    });
    Ok(pending(std::slice::from_ref(places), &facts, (places.dtype, places.shape.clone()), resume))
}

/// The places in memory, in C order or in that of Fortran, of elements with these indices along the axes of `shape`.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for indices that are not there, [`Shape`](crate::ErrorKind::Shape) unless there is one
/// list for each axis.
#[track_caller]
pub fn ravel_multi_index(indices: &[Expr], shape: &[usize], beyond: &[Beyond], fortran: bool) -> Result<Expr> {
    let op = "ravel_multi_index";
    if indices.len() != shape.len() || indices.is_empty() || beyond.len() != shape.len() {
        let why = format!("{} lists of indices for shape {}", indices.len(), crate::shape::tuple(shape));
        return Err(Error::shape(op, why));
    }
    if checked_size(shape).is_none_or(|n| i64::try_from(n).is_err()) {
        return Err(Error::shape(op, "the shape is too large"));
    }
    let mut steps = strides(shape);
    if fortran {
        steps = strides(&shape.iter().rev().copied().collect::<Vec<_>>()).into_iter().rev().collect();
    }
    broadcast(op, &indices.iter().map(|e| &e.shape).collect::<Vec<_>>())?;
    let mut sum: Option<Expr> = None;
    for (a, places) in indices.iter().enumerate() {
        integral(op, places)?;
        let (places, n) = (build::cast(places, DType::I64)?, whole(shape[a])?);
        let places = match beyond[a] {
            Beyond::Raise => within(&places, n, op)?,
            Beyond::Wrap => element(ElementOp::Remainder, &places, n)?,
            Beyond::Clip => clip(&places, n - 1)?,
        };
        let scaled = element(ElementOp::Multiply, &places, whole(steps[a])?)?;
        sum = Some(match sum {
            None => scaled,
            Some(sum) => build::element(ElementOp::Add, &[Arg::Array(sum), Arg::Array(scaled)])?,
        });
    }
    sum.ok_or_else(|| Error::bug("there is an axis"))
}

/// Rows and columns of the elements on and below diagonal `k` of a matrix; on and above it where `upper`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when there are more than memory holds.
#[track_caller]
pub fn triangle(rows: usize, columns: usize, k: isize, upper: bool) -> Result<[Expr; 2]> {
    let (mut down, mut across) = (Vec::new(), Vec::new());
    for row in 0..rows {
        // Columns up to this one lie on or below the diagonal; of the upper triangle, on or below the one before.
        let k = if upper { k.saturating_sub(1) } else { k };
        let cut = row.cast_signed().saturating_add(k).saturating_add(1);
        let cut = usize::try_from(cut).unwrap_or(0).min(columns);
        let range = if upper { cut..columns } else { 0..cut };
        down.extend(std::iter::repeat_n(whole(row)?, range.len()));
        across.extend(range.map(whole).collect::<Result<Vec<_>>>()?);
    }
    Ok([list(down)?, list(across)?])
}

/// Vectors as axes of an open grid: indices that select the rows, columns, ... they name.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector.
#[track_caller]
pub fn open_grid(vectors: &[Expr]) -> Result<Vec<Expr>> {
    let axis = |(at, v): (usize, &Expr)| {
        if v.shape.rank() != 1 {
            return Err(Error::shape("ix_", format!("takes vectors, not an array of shape {}", v.shape)));
        }
        let vector = if v.dtype == DType::Bool { nonzero(v)?.swap_remove(0) } else { v.clone() };
        spread(&vector, at, vectors.len())
    };
    vectors.iter().enumerate().map(axis).collect()
}
