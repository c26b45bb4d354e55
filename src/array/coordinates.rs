//! Coordinates: where the positions of named axes are, and selections by them.
//!
//! The coordinate of an axis is the one-dimensional array of its name that stands beside a stored array, or in a group
//! above it. It is looked for when it is asked for, and goes through slices, reversals, transposes, reductions of other
//! axes, joins along the axis, and arithmetic with arrays that have the same one; what moves positions otherwise drops
//! it. Where one position is taken, it stays as a scalar coordinate.

use super::cf::{self, Packing};
use super::time::{self, clock};
use super::{Array, Kind};
use crate::chunk::{AxisChunks, Chunks};
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::expr::build;
use crate::expr::compose::joined;
use crate::expr::names::{Coordinate, Picks, Values};
use crate::expr::times;
use crate::expr::{Expr, Name};
use crate::op::calendar::{Calendar, Clock, Resolution};
use crate::runtime::context::Context;
use crate::shape::axes::Axes;
use crate::shape::slice::Item;
use crate::store::Attributes;
use crate::store::memory::MemoryStore;
use std::sync::Arc;

/// What is looked for along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// A value of the coordinate.
    At(f64),
    /// A date or time, or a whole day, month or year of them: `2000-03`.
    Time(String),
}

impl From<f64> for Label {
    fn from(value: f64) -> Self {
        Self::At(value)
    }
}

impl From<i32> for Label {
    fn from(value: i32) -> Self {
        Self::At(value.into())
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self::Time(text.to_owned())
    }
}

/// Which positions of an axis are selected by its coordinate.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// One; the axis goes, except for a time that names a span, such as a month.
    One(Label),
    /// Several, in this order.
    Many(Vec<Label>),
    /// From one to another, both included, whichever comes first along the axis; every so manieth of them.
    Range(Option<Label>, Option<Label>, Option<isize>),
}

impl<L: Into<Label>> From<L> for Choice {
    fn from(label: L) -> Self {
        Self::One(label.into())
    }
}

impl<L: Into<Label>> From<std::ops::RangeInclusive<L>> for Choice {
    fn from(range: std::ops::RangeInclusive<L>) -> Self {
        let (start, end) = range.into_inner();
        Self::Range(Some(start.into()), Some(end.into()), None)
    }
}

impl<L: Into<Label>> From<Vec<L>> for Choice {
    fn from(labels: Vec<L>) -> Self {
        Self::Many(labels.into_iter().map(Into::into).collect())
    }
}

/// What stands for a value that the coordinate has not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Method {
    /// Nothing: that is an error.
    #[default]
    Exact,
    /// The nearest, no farther than this where there is a limit.
    Nearest(Option<f64>),
    /// The last one along the axis that is at it or before it.
    Before(Option<f64>),
    /// The first one along the axis that is at it or after it.
    After(Option<f64>),
}

/// The coordinate of an axis; `None` where there is none.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when it cannot be read.
#[track_caller]
pub fn of_axis(x: &Expr, axis: usize) -> Result<Option<Expr>> {
    let Some(name) = x.names.get(axis).and_then(Option::as_ref) else { return Ok(None) };
    of_name(name)
}

/// The scalar coordinate of this name, of an axis of which `x` has one position; `None` where there is none.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when it cannot be read.
#[track_caller]
pub fn scalar(x: &Expr, name: &str) -> Result<Option<Expr>> {
    let Some(name) = x.scalars.iter().find(|n| ***n == *name) else { return Ok(None) };
    let Some(values) = of_name(name)? else { return Ok(None) };
    if values.shape.rank() == 0 { Ok(Some(values)) } else { build::index(&values, &[Item::Index(0)]).map(Some) }
}

/// The values that a name has as its coordinate.
fn of_name(name: &Name) -> Result<Option<Expr>> {
    let Some(coordinate) = name.coordinate() else { return Ok(None) };
    let values = match coordinate.values()? {
        Some(Values::Stored(store)) => {
            let packing = Packing::of(store.info())?;
            let stored = build::source(store);
            // Whatever it is called where it is stored, here it is that of its axis.
            let own = stored.names.first().cloned().flatten().filter(|n| **n == **name).unwrap_or_else(|| name.bare());
            let names = vec![Some(own); stored.shape.rank()];
            cf::decode(&stored.with_names(names), &packing)?
        }
        Some(Values::Joined(parts)) => {
            let parts = parts.iter().map(|part| of_name(&name.with(part.clone())));
            let Some(parts) = parts.collect::<Result<Option<Vec<Expr>>>>()? else { return Ok(None) };
            let Some(parts) = alike(&parts)? else { return Ok(None) };
            joined(&parts, 0)?.with_names(vec![Some(name.bare())])
        }
        None => return Ok(None),
    };
    Ok(Some(match coordinate.picks() {
        _ if values.shape.rank() == 0 => values,
        Picks::Steps { offset, stride, len } if (*offset, *stride) == (0, 1) && values.lengths() == [*len] => values,
        Picks::Steps { offset, stride, len } => {
            let map = crate::chunk::index_map::AxisMap { out: Some(0), offset: *offset, stride: *stride };
            build::view(&values, [*len].into(), crate::chunk::IndexMap { axes: vec![map] })
        }
        Picks::Places(places) => {
            build::take(&values, 0, places.clone(), AxisChunks::regular(places.len(), places.len()))?
        }
    }))
}

/// Parts of one coordinate as vectors in the units of the first; `None` where that is not possible.
fn alike(parts: &[Expr]) -> Result<Option<Vec<Expr>>> {
    let units = |x: &Expr| cf::attributes(x).and_then(|a| Some((a.get("units")?.clone(), a.get("calendar").cloned())));
    let Some(first) = parts.first() else { return Ok(None) };
    let (wanted, to) = (units(first), clock(first)?);
    let mut out = Vec::new();
    for part in parts {
        let part = if part.shape.rank() == 0 { build::reshape(part, &[1])? } else { part.clone() };
        if units(&part) == wanted {
            out.push(part);
            continue;
        }
        match (to, clock(&part)?) {
            (Some(to), Some(from)) if to.calendar == from.calendar => out.push(time::on_clock(&part, &from, &to)?),
            _ => return Ok(None),
        }
    }
    Ok(Some(out))
}

/// The axis of this name.
pub(super) fn axis_of(op: &str, x: &Expr, name: &str) -> Result<usize> {
    let found = Axes::from(name).resolve(op, x.shape.rank(), &x.names)?;
    found.first().copied().ok_or_else(|| Error::bug("a name names an axis"))
}

/// The coordinate of the axis called `name`, or the scalar coordinate of that name.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) where there is no such axis, or it has no coordinate.
#[track_caller]
pub fn named(x: &Expr, name: &str) -> Result<Expr> {
    if let Some(scalar) = scalar(x, name)? {
        return Ok(scalar);
    }
    let axis = axis_of("coordinate", x, name)?;
    of_axis(x, axis)?.ok_or_else(|| Error::axis("coordinate", format!("dimension `{name}` has no coordinate here")))
}

/// The name and the coordinate of an axis, which `op` needs.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) where it has none.
#[track_caller]
pub(super) fn named_axis(op: &'static str, x: &Expr, axis: usize) -> Result<(Name, Expr)> {
    match (x.names.get(axis).cloned().flatten(), of_axis(x, axis)?) {
        (Some(name), Some(coordinate)) => Ok((name, coordinate)),
        (Some(name), None) => Err(Error::axis(op, format!("dimension `{name}` has no coordinate here"))),
        (None, _) => Err(Error::axis(op, format!("axis {axis} has no name, and so no coordinate"))),
    }
}

/// `name` with these values as its coordinate, and their attributes.
pub(super) fn given(name: &Name, values: Block, attributes: Attributes) -> Name {
    with_store(name, values, |store| store.described(attributes))
}

/// `name` with these values as its coordinate, which are of the kind of `coordinate`: dates where they are whole
/// numbers.
pub(super) fn given_like(name: &Name, values: Block, coordinate: &Expr) -> Name {
    let mut attributes = kept(coordinate);
    let time = coordinate.time.filter(|_| values.dtype() == DType::I64);
    if time.is_none() {
        attributes.extend(coordinate.time.map(TimeType::attributes).unwrap_or_default());
    }
    with_store(name, values, |store| store.described(attributes).timed(time))
}

fn with_store(name: &Name, values: Block, described: impl FnOnce(MemoryStore) -> MemoryStore) -> Name {
    let chunks = Chunks::whole(values.shape());
    let store = MemoryStore::new(Data::shared(values), chunks).named(&[Some(name.to_string())]);
    name.with(Coordinate::given(Arc::new(described(store))))
}

/// The attributes of a coordinate that hold for others of its kind: those that name its bounds or are about stored
/// numbers do not.
pub(super) fn kept(coordinate: &Expr) -> Attributes {
    let mut attributes = cf::attributes(coordinate).unwrap_or_default();
    attributes
        .retain(|key, _| !["bounds", "climatology"].contains(&key.as_str()) && !cf::PACKING.contains(&key.as_str()));
    attributes
}

/// The values of a coordinate; NaN for `NaT`, the least `int64`.
///
/// # Errors
/// Those of reading it.
pub fn values(coordinate: &Expr) -> Result<Vec<f64>> {
    let cx = Context::builder().threads(1).device("cpu").build()?;
    let wide = Array::from_expr(build::cast(&times::ticks(coordinate), DType::F64)?);
    let mut values = cx.compute(wide)?.to_ndarray::<f64>()?.into_raw_vec_and_offset().0;
    if coordinate.dtype == DType::I64 {
        // NumPy's NaT.
        values.iter_mut().filter(|v| **v == -(2f64.powi(63))).for_each(|v| *v = f64::NAN);
    }
    Ok(values)
}

/// Positions that a choice means.
enum Found {
    /// One, whose axis goes.
    One(usize),
    /// A run of them.
    Run(usize, usize),
    /// Several.
    Many(Vec<usize>),
}

/// `x` at the positions of the axis `name` that `choice` means.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis without a coordinate, [`Index`](crate::ErrorKind::Index) for a value
/// that it does not have, [`Argument`](crate::ErrorKind::Argument) for a range of a coordinate that neither rises nor
/// falls.
#[track_caller]
pub fn select(x: &Expr, name: &str, choice: &Choice, method: Method) -> Result<Expr> {
    let axis = axis_of("sel", x, name)?;
    let coordinate = of_axis(x, axis)?;
    let coordinate = coordinate.ok_or_else(|| {
        Error::axis("sel", format!("dimension `{name}` has no coordinate here; isel selects by position"))
    })?;
    let clock = clock(&coordinate)?;
    let look = Look { name, values: values(&coordinate)?, clock, method };
    let item = |item: Item| {
        let mut items = vec![Item::from(..); axis];
        items.push(item);
        build::index(x, &items)
    };
    match look.choice(choice)? {
        Found::One(at) => item(Item::Index(at.cast_signed())),
        Found::Run(start, end) => {
            let step = if let Choice::Range(_, _, Some(step)) = choice { *step } else { 1 };
            if step < 1 {
                return Err(Error::argument("sel", "steps go forward; reverse the result instead"));
            }
            item(Item::Slice { start: Some(start.cast_signed()), stop: Some(end.cast_signed()), step })
        }
        Found::Many(places) => taken(x, axis, &places),
    }
}

/// `x` at these positions of an axis; negative ones count from its end.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for one that is not there.
#[track_caller]
pub fn positions(x: &Expr, axis: usize, places: &[isize]) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    let one = |&p: &isize| {
        let at = if p < 0 { n.checked_add_signed(p) } else { usize::try_from(p).ok() };
        at.filter(|&at| at < n)
            .ok_or_else(|| Error::index(format!("position {p} is out of bounds for axis {axis} with size {n}")))
    };
    taken(x, axis, &places.iter().map(one).collect::<Result<Vec<_>>>()?)
}

/// `x` at these positions of an axis.
fn taken(x: &Expr, axis: usize, places: &[usize]) -> Result<Expr> {
    let places: Option<Vec<u32>> = places.iter().map(|&p| u32::try_from(p).ok()).collect();
    let places = places.ok_or_else(|| Error::index("positions beyond 4294967295 are not selected by value"))?;
    let longest = x.chunks.axes()[axis].longest();
    let cuts = AxisChunks::regular(places.len(), longest.max(1));
    build::take(x, axis, places.into(), cuts)
}

/// A coordinate in which something is looked for.
struct Look<'a> {
    name: &'a str,
    values: Vec<f64>,
    clock: Option<Clock>,
    method: Method,
}

impl Look<'_> {
    fn choice(&self, choice: &Choice) -> Result<Found> {
        match choice {
            Choice::One(Label::Time(text)) if self.method == Method::Exact => self.span(text),
            Choice::One(label) => Ok(Found::One(self.one(label)?)),
            Choice::Many(labels) => Ok(Found::Many(labels.iter().map(|l| self.one(l)).collect::<Result<_>>()?)),
            Choice::Range(start, stop, _) => self.range(start.as_ref(), stop.as_ref()),
        }
    }

    fn clock(&self, text: &str) -> Result<&Clock> {
        self.clock.as_ref().ok_or_else(|| {
            let why = format!(
                "`{text}` is looked for in `{}`, which has no units such as `days since 2000-01-01`",
                self.name
            );
            Error::argument("sel", why)
        })
    }

    /// The position of one value.
    fn one(&self, label: &Label) -> Result<usize> {
        let (wanted, shown, distances): (f64, String, Vec<f64>) = match label {
            Label::At(v) => (*v, v.to_string(), self.values.iter().map(|c| c - v).collect()),
            Label::Time(text) => {
                let clock = self.clock(text)?;
                let (start, _, _) = clock.span(text)?;
                // In units of the coordinate, as a tolerance is.
                #[expect(clippy::cast_precision_loss, reason = "a distance")]
                let far = |c: &f64| (clock.instant(*c) - start) as f64 / (clock.unit as f64 / 1000.0);
                (0.0, text.clone(), self.values.iter().map(far).collect())
            }
        };
        let missing = |why: &str| {
            let near = nearest(&distances, |_| true).and_then(|i| self.values.get(i)).map(|v| self.show(*v));
            let near = near.map_or(String::new(), |n| format!("; the nearest is {n}"));
            Err(Error::index(format!("`{}` has no {why}{shown}{near}", self.name)))
        };
        if wanted.is_nan() {
            return missing("");
        }
        let along = if self.values.first() > self.values.last() { -1.0 } else { 1.0 };
        let (found, limit, what) = match self.method {
            Method::Exact => {
                let mut equal = (0..distances.len()).filter(|&i| distances[i] == 0.0);
                let found = equal.next();
                if equal.next().is_some() {
                    let why = format!("`{}` has {shown} more than once; select a range, or positions", self.name);
                    return Err(Error::index(why));
                }
                (found, None, "")
            }
            Method::Nearest(limit) => (self.nearest(&distances), limit, "value near "),
            Method::Before(limit) => (nearest(&distances, |d| along * d <= 0.0), limit, "value before "),
            Method::After(limit) => (nearest(&distances, |d| along * d >= 0.0), limit, "value after "),
        };
        match found.filter(|&i| limit.is_none_or(|limit| distances[i].abs() <= limit)) {
            Some(at) => Ok(at),
            None => missing(what),
        }
    }

    /// The nearest value; of two as near, the greater where values rise, as pandas has it, the earlier one else.
    fn nearest(&self, distances: &[f64]) -> Option<usize> {
        let rises = self.values.windows(2).all(|w| w[0] < w[1]);
        let first = nearest(distances, |_| true)?;
        let tie = (first + 1..distances.len()).find(|&i| distances[i].abs() == distances[first].abs());
        Some(
            tie.filter(|&i| {
                if rises { true } else { distances[i] > distances[first] && self.values[i] > self.values[first] }
            })
            .unwrap_or(first),
        )
    }

    /// The position of a time, or the positions of all times in the span that it names.
    fn span(&self, text: &str) -> Result<Found> {
        let clock = self.clock(text)?;
        let (start, end, resolution) = clock.span(text)?;
        let instants: Vec<i64> = self.values.iter().map(|v| clock.instant(*v)).collect();
        let own = instants.iter().map(|t| Resolution::of(*t)).min().unwrap_or(Resolution::Day);
        // Among dates that only models know, a text always means a span, as for xarray.
        let real = matches!(clock.calendar, Calendar::Standard | Calendar::Proleptic);
        if resolution <= own && real {
            return Ok(Found::One(self.one(&Label::Time(text.to_owned()))?));
        }
        let inside: Vec<usize> = (0..instants.len()).filter(|&i| (start..=end).contains(&instants[i])).collect();
        match inside.as_slice() {
            [] => Err(Error::index(format!("`{}` has no time in {text}", self.name))),
            [first, .., last] if last - first + 1 == inside.len() => Ok(Found::Run(*first, last + 1)),
            [one] => Ok(Found::Run(*one, one + 1)),
            _ => Ok(Found::Many(inside)),
        }
    }

    /// The run of positions between two values.
    fn range(&self, start: Option<&Label>, stop: Option<&Label>) -> Result<Found> {
        if !matches!(self.method, Method::Exact) {
            return Err(Error::argument("sel", "a method is for values, not for a range of them"));
        }
        let n = self.values.len();
        let rising = self.values.windows(2).all(|w| w[0] <= w[1]);
        if !rising && !self.values.windows(2).all(|w| w[0] >= w[1]) || self.values.iter().any(|v| v.is_nan()) {
            let why = format!("`{}` neither rises nor falls throughout, so it has no ranges", self.name);
            return Err(Error::argument("sel", why));
        }
        let times: Option<Vec<i64>> = self.clock.map(|clock| self.values.iter().map(|v| clock.instant(*v)).collect());
        // Whether position i lies before (-1), at (0) or after (1) a label, seen along the axis.
        let side = |label: &Label| -> Result<Vec<i8>> {
            let sides = match label {
                Label::At(v) if v.is_nan() => return Err(Error::argument("sel", "NaN ends no range")),
                Label::At(v) => self.values.iter().map(|c| i8::from(c > v) - i8::from(c < v)).collect::<Vec<i8>>(),
                Label::Time(text) => {
                    let (from, to, _) = self.clock(text)?.span(text)?;
                    times.iter().flatten().map(|t| i8::from(*t > to) - i8::from(*t < from)).collect()
                }
            };
            Ok(if rising { sides } else { sides.into_iter().map(|s| -s).collect() })
        };
        let all = |label: Option<&Label>, end: i8| label.map_or_else(|| Ok(vec![end; n]), side);
        // Whichever end stands first: a coordinate may fall.
        let (mut from, mut to) = (all(start, 1)?, all(stop, -1)?);
        if start.is_some() && stop.is_some() && (0..n).any(|i| from[i] < 0 && to[i] > 0) {
            std::mem::swap(&mut from, &mut to);
        }
        let first = from.iter().take_while(|s| **s < 0).count();
        let end = to.iter().take_while(|s| **s <= 0).count();
        Ok(Found::Run(first, end.max(first)))
    }

    fn show(&self, value: f64) -> String {
        self.clock.as_ref().map_or_else(|| value.to_string(), |clock| time::text(clock, value))
    }
}

/// The first position with the smallest distance that may count.
fn nearest(distances: &[f64], counts: impl Fn(f64) -> bool) -> Option<usize> {
    let candidates = (0..distances.len()).filter(|&i| !distances[i].is_nan() && counts(distances[i]));
    candidates.min_by(|&a, &b| distances[a].abs().total_cmp(&distances[b].abs()))
}

/// `x` with its axes called these names; without coordinates.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for another number of names than axes, or a name that is given twice.
#[track_caller]
pub fn with_names(x: &Expr, names: &[&str]) -> Result<Expr> {
    let twice = (1..names.len()).find(|&i| names[..i].contains(&names[i]));
    if let Some(i) = twice {
        return Err(Error::axis("with_names", format!("two axes cannot both be called `{}`", names[i])));
    }
    if names.len() != x.shape.rank() {
        return Err(Error::axis("with_names", format!("{} names for an array of shape {}", names.len(), x.shape)));
    }
    Ok(x.with_names(names.iter().map(|n| Some(Name::new(n))).collect()))
}

impl<T: Kind> Array<T> {
    /// The coordinate of a dimension, decoded as [`Context::open_decoded`] does: the one-dimensional array of that name
    /// in the group of the stored array, or in one above, cut as this array was. Of a dimension of which one position
    /// was taken, the value there.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let lat = t2m.slice(ndarray::s![0, ..;-60, ..]).coordinate("lat")?;
    /// assert_eq!(cx.compute(lat)?.to_ndarray::<f64>()?.as_slice(), Some(&[-90.0, -30.0, 30.0, 90.0][..]));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`named`].
    #[track_caller]
    pub fn coordinate(&self, name: &str) -> Result<Array> {
        Ok(Array::of(named(self.expr(), name)?))
    }

    /// What lies at these values of a dimension's coordinate: one, whose axis goes, several, or a range with both its
    /// ends. Times are found by text: `2000-03-01T12:00`; a text that names a longer span than the coordinate resolves,
    /// such as a month, means all of it. The coordinate is read for that.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// assert_eq!(t2m.sel("lat", 45.0)?.shape().to_string(), "(24, 360)");
    /// assert_eq!(t2m.sel("lat", 60.0..=30.0)?.shape().to_string(), "(24, 31, 360)");
    /// assert_eq!(t2m.sel("time", "2026-03-26")?.shape().to_string(), "(3, 181, 360)");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`select`].
    #[track_caller]
    pub fn sel(&self, name: &str, choice: impl Into<Choice>) -> Result<Self> {
        self.sel_by(name, choice, Method::Exact)
    }

    /// As [`Array::sel`], where a value that the coordinate has not stands for a neighbour.
    ///
    /// ```
    /// # use hyperslab::{Context, array::coordinates::Method};
    /// # let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let near = t2m.sel_by("lat", 45.3, Method::Nearest(Some(0.5)))?;
    /// assert!(cx.compute(near - t2m.sel("lat", 45.0)?)?.to_ndarray::<f32>()?.iter().all(|&d| d == 0.0));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`select`].
    #[track_caller]
    pub fn sel_by(&self, name: &str, choice: impl Into<Choice>, method: Method) -> Result<Self> {
        Ok(Self::of(select(self.expr(), name, &choice.into(), method)?))
    }

    /// The same elements with these names of the axes, outermost first, and no coordinates.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.zeros::<f32>(&[2, 3])?.with_names(&["lat", "lon"])?;
    /// assert_eq!(x.mean("lon").shape().to_string(), "(2,)");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`with_names`].
    #[track_caller]
    pub fn with_names(&self, names: &[&str]) -> Result<Self> {
        Ok(Self::of(with_names(self.expr(), names)?))
    }

    /// The same elements with these values as the coordinate of a dimension, and their attributes, such as `units`.
    ///
    /// ```
    /// # use hyperslab::{Context, store::Attributes};
    /// # let cx = Context::default();
    /// let x = cx.arange(3)?.with_names(&["depth"])?;
    /// let x = x.with_coordinate("depth", vec![0.0, 10.0, 50.0], Attributes::new())?;
    /// assert_eq!(cx.compute(x.sel("depth", 10.0)?)?[[]], 1);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) where there is no such dimension, or it is not as long.
    #[track_caller]
    pub fn with_coordinate(&self, name: &str, values: Vec<f64>, attributes: Attributes) -> Result<Self> {
        let x = self.expr();
        let axis = axis_of("with_coordinate", x, name)?;
        let (have, length) = (values.len(), x.shape.dims()[axis]);
        if length.known() != Some(have) {
            return Err(Error::axis(
                "with_coordinate",
                format!("{have} values for the {length} positions of `{name}`"),
            ));
        }
        let mut names = x.names.clone();
        if let Some(Some(name)) = names.get_mut(axis) {
            *name = given(name, Block::from_vec(values, &[have])?, attributes);
        }
        Ok(Self::of(x.with_names(names)))
    }
}
