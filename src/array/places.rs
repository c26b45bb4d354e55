//! Elements by position: taken, repeated and put.

use super::assign::{bounded, integer, set, stretched};
use super::creation::list;
use super::indexing::{Selection, Selections, nonzero, select};
use super::manipulation::expand_dims;
use super::reduction::reduce;
use super::{Array, Kind, Operand, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::known::known_integers;
use crate::expr::pending::{pending, when_known};
use crate::expr::regions;
use crate::expr::{Expr, Resume};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::axes::{Axes, position};
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape, checked_size, size};

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

    pub(super) fn axis(&self, op: &str, axis: Option<isize>) -> Result<Option<usize>> {
        axis.map(|axis| position(op, axis, self.ndim())).transpose()
    }
}

/// An argument as an array: a constant has this dtype.
pub(super) fn strong(arg: &Arg, dtype: DType) -> Result<Expr> {
    match arg {
        Arg::Array(e) => Ok(e.clone()),
        Arg::Scalar(s) if s.fits(dtype) => build::full(&[], *s, dtype, None),
        Arg::Scalar(s) => Err(Error::argument("setitem", format!("the integer {s} is out of bounds for {dtype}"))),
    }
}

pub(super) fn whole(n: usize) -> Result<i64> {
    i64::try_from(n).map_err(|_| Error::shape("index", "a length does not fit a place"))
}

pub(super) fn number(value: i64) -> Arg {
    Arg::Scalar(Scalar::Int(value.into()))
}

pub(super) fn element(op: ElementOp, a: &Expr, b: i64) -> Result<Expr> {
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
pub(super) fn along(x: &Expr, axis: Option<usize>) -> Result<(Expr, usize)> {
    match axis {
        Some(axis) if x.shape.rank() > 0 => Ok((x.clone(), axis)),
        _ => Ok((flat(x)?, 0)),
    }
}

/// Refuses what holds no integers.
pub(super) fn integral(op: &str, places: &Expr) -> Result<()> {
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
pub(super) fn clip(places: &Expr, last: i64) -> Result<Expr> {
    element(ElementOp::Minimum, &element(ElementOp::Maximum, places, 0)?, last)
}

pub(super) fn at(x: &Expr, axis: usize, places: &Expr) -> Result<Expr> {
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
    let places = regions::gather(&build::iota(n, None), &[places])?;
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

/// What `body` makes of the integers in `places` and of `inputs`: at once where the places are in memory, and of this
/// shape and the first input's dtype, when they have been computed.
pub(super) fn with_integers(
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
    Ok(pending(inputs, &[fact], (inputs[0].dtype, shape), resume).with_time(inputs[0].time))
}
