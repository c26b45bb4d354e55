//! Reductions of groups of positions along an axis, and back: a monthly climatology and the anomalies from it.

use super::quantile::{Asked, median, quantile};
use super::reduction::Over;
use super::{Array, Kind, done};
use crate::chunk::AxisChunks;
use crate::device::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::compose::{binary, joined};
use crate::expr::groups::{Grouped, Keys, in_memory};
use crate::expr::windows::apart;
use crate::expr::{Expr, Name, build};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params};
use crate::op::regional::Method;
use crate::runtime::context::Context;
use crate::shape::axes::Axes;
use std::collections::BTreeMap;

/// An array whose positions along an axis, or several, are in groups. Made by [`Array::group_by`] and
/// [`Array::group_by_values`].
#[derive(Debug, Clone)]
pub struct GroupBy<T: Kind> {
    /// What is grouped, as it was given.
    array: Array<T>,
    grouped: Grouped,
    keys: Block,
    /// What the axis of the groups is called in results, where they are periods.
    period: Option<Name>,
}

impl<T: Kind> Array<T> {
    /// The array with its positions along `axis` in groups: position `i` is in group `labels[i]`, of as many groups as
    /// the largest label says. What the result of a reduction has along the axis is one position for each group.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.arange(6)?.cast::<f64>();
    /// let groups = x.group_by(0, &[0, 1, 1, 0, 1, 0])?;
    /// let means = groups.mean();
    /// assert_eq!(cx.compute(means.clone())?.as_slice().unwrap(), &[8.0 / 3.0, 7.0 / 3.0]);
    /// let anomaly = &x - groups.expand(&means)?;
    /// assert!(cx.compute(anomaly.mean(0))?[[]].abs() < 1e-15);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis, [`Argument`](crate::ErrorKind::Argument) for
    /// labels that are negative, or not one for each position.
    pub fn group_by<L>(&self, axis: impl Into<Axes>, labels: &[L]) -> Result<GroupBy<T>>
    where
        L: Copy + TryInto<u32>,
    {
        let name = "group_by";
        let axes = axis.into().resolve(name, self.ndim(), self.names())?;
        let [axis] = axes.as_slice() else {
            let why = format!("groups positions along one axis, not {} of {}", axes.len(), self.shape());
            return Err(Error::axis(name, why));
        };
        let length = self.shape().known()?[*axis];
        if labels.len() != length {
            let why = format!("{} labels for the {length} positions along axis {axis}", labels.len());
            return Err(Error::argument(name, why));
        }
        let label = |(i, l): (usize, &L)| {
            let label: Result<u32, _> = (*l).try_into();
            label.ok().filter(|&l| l < u32::MAX).ok_or_else(|| {
                Error::argument(name, format!("the label of position {i} is no group: groups count from 0"))
            })
        };
        let codes = labels.iter().enumerate().map(|l| label(l).map(Some)).collect::<Result<Vec<_>>>()?;
        let count = codes.iter().flatten().max().map_or(0, |&most| most as usize + 1);
        if count > labels.len().saturating_mul(64).max(1 << 16) {
            return Err(Error::argument(name, format!("{count} groups of {length} positions; number them from 0")));
        }
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let keys = Block::from_vec((0..count).map(|k| k as i64).collect(), &[count])?;
        let grouped = Grouped::new(self.expr(), &[*axis], &codes, count)?;
        Ok(GroupBy { array: self.clone(), grouped, keys, period: None })
    }

    /// The array with the elements along `axes` in groups: those with equal labels, in ascending order of these.
    /// `labels` has the lengths of the axes. It may hold anything that has an order; NaN, and -1 among signed integers,
    /// is in no group. It decides how much there is, and is computed here.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.arange(6)?.cast::<f64>().reshape(&[2, 3]);
    /// let region = cx.from_ndarray(ndarray::arr2(&[[7.5, 2.0, 7.5], [f64::NAN, 2.0, 7.5]]).into_dyn())?;
    /// let groups = x.group_by_values([0, 1], &region)?;
    /// assert_eq!(cx.compute(groups.keys())?.to_ndarray::<f64>()?.as_slice().unwrap(), &[2.0, 7.5]);
    /// assert_eq!(cx.compute(groups.sum())?.as_slice().unwrap(), &[5.0, 7.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Argument`](crate::ErrorKind::Argument) unless
    /// there is a label for each position, [`DType`](crate::ErrorKind::DType) for complex labels; what computing the
    /// labels ends in.
    pub fn group_by_values<L: Kind>(&self, axes: impl Into<Axes>, labels: &Array<L>) -> Result<GroupBy<T>> {
        self.group_by_keys(axes, labels, None)
    }

    /// As [`group_by_values`](Self::group_by_values), in groups of the labels `keys` in their order, where those are
    /// given: groups may be empty, and other labels are in none.
    ///
    /// # Errors
    /// As there; [`Argument`](crate::ErrorKind::Argument) for keys that are there twice.
    pub fn group_by_keys<L: Kind>(
        &self,
        axes: impl Into<Axes>,
        labels: &Array<L>,
        keys: Option<&Array>,
    ) -> Result<GroupBy<T>> {
        let name = "group_by";
        let axes = axes.into().resolve(name, self.ndim(), self.names())?;
        let lengths = self.shape().known()?;
        let along: Vec<usize> = axes.iter().map(|&a| lengths[a]).collect();
        let cx = Context::builder().threads(1).device("cpu").build()?;
        let labels = cx.compute(labels.clone().into_dyn())?;
        let labels = labels.block();
        if labels.shape() != along {
            let (have, want) = (crate::shape::tuple(labels.shape()), crate::shape::tuple(&along));
            let why = match axes.as_slice() {
                [axis] if labels.shape().len() == 1 => {
                    format!("{} labels for the {} positions along axis {axis}", labels.size(), along[0])
                }
                _ => format!("labels of shape {have} for axes {} of lengths {want}", crate::shape::tuple(&axes)),
            };
            return Err(Error::argument(name, why));
        }
        let asked = |k: &Array| -> Result<Block> { Ok(cx.compute(k.astype(labels.dtype()))?.block().clone()) };
        let expected: Option<Block> = keys.map(asked).transpose()?;
        let keys = Keys::of(labels, expected.as_ref())?;
        let grouped = Grouped::new(self.expr(), &axes, &keys.codes, keys.values.size())?;
        Ok(GroupBy { array: self.clone(), grouped, keys: keys.values, period: None })
    }
}

impl<T: Kind> GroupBy<T> {
    /// The positions along an axis in the periods that `codes` says; `labels` are the values of the coordinate
    /// `period`.
    pub(super) fn of_periods(
        array: &Array<T>,
        axis: usize,
        codes: &[Option<usize>],
        (period, labels): (Name, Block),
    ) -> Result<Self> {
        let code = |c: &Option<usize>| c.map(u32::try_from).transpose();
        let codes = codes.iter().map(code).collect::<Result<Vec<_>, _>>();
        let codes = codes.map_err(|_| Error::argument("resample", "there are more periods than 32 bits count"))?;
        let grouped = Grouped::new(array.expr(), &[axis], &codes, labels.size())?;
        Ok(Self { array: array.clone(), grouped, keys: labels, period: Some(period) })
    }
}

/// What lies along an axis in this order of numbers, in ascending order.
fn in_order(x: &Expr, axis: usize, numbers: &[usize]) -> Result<Expr> {
    if numbers.is_sorted() {
        return Ok(x.clone());
    }
    let mut places = vec![0u32; numbers.len()];
    for (place, &number) in numbers.iter().enumerate() {
        places[number] = u32::try_from(place).map_err(|_| Error::bug("groups are counted by 32 bits"))?;
    }
    let cuts = AxisChunks::regular(places.len(), places.len());
    build::take(x, axis, places.into(), cuts)
}

macro_rules! reductions {
    ($($doc:literal $name:ident -> $kind:ty;)*) => {
        /// Reductions of each group. Each panics where [`GroupBy::reduce`] gives an error.
        impl<T: Kind> GroupBy<T> {
            $(#[doc = $doc]
            #[track_caller]
            #[must_use]
            pub fn $name(&self) -> Array<$kind> {
                done(self.reduce(stringify!($name), Params::default())).retyped()
            })*
        }
    };
}
reductions! {
    "The sums; 0 for an empty group." sum -> T::Sum;
    "The products; 1 for an empty group." prod -> T::Sum;
    "The means; NaN for an empty group." mean -> T::Mean;
    "The smallest elements; NaN where there is one. Panics where a group is empty." min -> T;
    "The largest elements; NaN where there is one. Panics where a group is empty." max -> T;
    "The means of what is not NaN." nanmean -> T::Mean;
    "The sums of what is not NaN." nansum -> T::Sum;
}

impl<T: Kind> GroupBy<T> {
    /// The variances, over the number of elements less `ddof`; NaN for an empty group.
    #[track_caller]
    #[must_use]
    pub fn var(&self, ddof: f64) -> Array<T::Spread> {
        done(self.reduce("var", Params { ddof, ..Params::default() })).retyped()
    }

    /// The standard deviations: roots of the variances.
    #[track_caller]
    #[must_use]
    pub fn std(&self, ddof: f64) -> Array<T::Spread> {
        done(self.reduce("std", Params { ddof, ..Params::default() })).retyped()
    }

    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name, `median`, `nanmedian`, and `first` and
    /// `last`, the element at the first or last position of a group. Those that give positions, such as `argmax`, count
    /// them along the axis of the groups, or the axes in C order.
    ///
    /// ```
    /// use hyperslab::{Context, op::reduction::Params};
    /// let cx = Context::default();
    /// let x = cx.arange(4)?;
    /// let widest = x.group_by(0, &[0, 1, 1, 0])?.reduce("ptp", Params::default())?;
    /// assert_eq!(cx.compute(widest)?.to_ndarray::<i64>()?.as_slice().unwrap(), &[3, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) or [`Argument`](crate::ErrorKind::Argument), as NumPy refuses;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for others.
    #[track_caller]
    pub fn reduce(&self, name: &str, params: Params) -> Result<Array> {
        Ok(self.labelled(match name {
            "median" | "nanmedian" => {
                let skips = name == "nanmedian";
                self.each(|rows, over| median(rows, over, skips))?
            }
            "argmin" | "argmax" | "nanargmin" | "nanargmax" => self.places(name)?,
            "first" => self.picked(<[usize]>::first)?,
            "last" => self.picked(<[usize]>::last)?,
            _ => {
                let reduction = reduction::find(name)
                    .ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))?;
                let none = Params { count: 0, uneven: true, ..params };
                let refuses = reduction.reducer(self.grouped.input.dtype, &none).is_err();
                self.for_missing(refuses)?.reduce(reduction, params)?
            }
        }))
    }

    /// The quantiles of each group at a level between 0 and 1; with `skips_nan`, of what is not NaN.
    ///
    /// # Errors
    /// As [`quantile`].
    #[track_caller]
    pub fn quantile(&self, level: f64, method: Method, skips_nan: bool) -> Result<Array> {
        Ok(self.labelled(self.each(|rows, over| quantile(rows, &Asked::from(level), over, method, skips_nan))?))
    }

    /// What `of` makes of each group over the axis of the groups; NaN of an empty one.
    #[track_caller]
    fn each(&self, of: impl Fn(&Expr, &Over) -> Result<Expr>) -> Result<Expr> {
        let grouped = self.for_missing(true)?;
        let axis = grouped.groups.axis;
        let there: Vec<Vec<usize>> = grouped.positions().into_iter().filter(|p| !p.is_empty()).collect();
        // Groups of one size are together an axis of their own.
        let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (group, positions) in there.iter().enumerate() {
            classes.entry(positions.len()).or_default().push(group);
        }
        let mut parts = Vec::new();
        for (size, members) in &classes {
            let places: Vec<usize> = members.iter().flat_map(|&g| there[g].iter().copied()).collect();
            let rows = grouped.rows(&places)?;
            let mut sizes = vec![1; rows.shape.rank()];
            sizes[axis] = *size;
            let (apart, axes) = apart(&rows, &sizes)?;
            parts.push(of(&apart, &Axes::Positions(axes.iter().map(|a| a.cast_signed()).collect()).into())?);
        }
        if parts.is_empty() {
            return grouped.beside_missing(None, DType::F64);
        }
        let found = in_order(&joined(&parts, axis)?, axis, &classes.into_values().flatten().collect::<Vec<_>>())?;
        let dtype = found.dtype;
        grouped.beside_missing(Some(found), dtype)
    }

    /// One element of each group; NaN of an empty one.
    #[track_caller]
    fn picked(&self, pick: impl Fn(&[usize]) -> Option<&usize>) -> Result<Expr> {
        let grouped = self.for_missing(true)?;
        let picked: Vec<usize> = grouped.positions().iter().filter_map(|p| pick(p).copied()).collect();
        let found = if picked.is_empty() { None } else { Some(grouped.rows(&picked)?) };
        grouped.beside_missing(found, grouped.input.dtype)
    }

    /// Positions of extremes, as `name` has them.
    #[track_caller]
    fn places(&self, name: &str) -> Result<Expr> {
        let found = |name: &str| reduction::find(name).ok_or_else(|| Error::bug("extremes have positions"));
        let grouped = self.for_missing(true)?;
        let asked = found(name)?;
        asked.reducer(grouped.input.dtype, &Params { count: 1, ..Params::default() })?;
        grouped.places(asked.name(), found(&name.replace("arg", ""))?, name.starts_with("nan"))
    }

    /// The groups, of floats where an empty period has no value otherwise.
    fn for_missing(&self, needed: bool) -> Result<Grouped> {
        let lacks = T::KNOWN.is_none() && self.period.is_some() && !self.grouped.input.dtype.is_inexact();
        if needed && lacks && self.grouped.sizes().contains(&0) {
            return Ok(self.grouped.of(build::cast(&self.grouped.input, DType::F64)?));
        }
        Ok(self.grouped.clone())
    }

    /// With the periods as the coordinate of their axis, and what else the axes of the array have.
    fn labelled(&self, result: Expr) -> Array {
        let Some(period) = &self.period else { return Array::of(result) };
        let mut names = self.array.expr().names.clone();
        names[self.grouped.groups.axis] = Some(period.clone());
        Array::of(result.with_names(names))
    }

    /// The keys of the groups, in their order: labels, or for groups that were numbered their numbers.
    /// Periods have the values of their coordinate.
    #[must_use]
    pub fn keys(&self) -> Array {
        Array::of(in_memory(self.keys.clone()))
    }

    /// What is grouped.
    #[must_use]
    pub fn array(&self) -> &Array<T> {
        &self.array
    }

    /// The number of elements of each group that are not NaN.
    ///
    /// # Errors
    /// As [`reduce`](Self::reduce).
    #[track_caller]
    pub fn valid(&self) -> Result<Array> {
        let there = binary(ElementOp::Equal, &self.grouped.input, &self.grouped.input)?;
        let there = self.grouped.of(there);
        let count = reduction::find("count_nonzero").ok_or_else(|| Error::bug("elements can be counted"))?;
        Ok(self.labelled(there.reduce(count, Params::default())?))
    }

    /// The number of positions in each group.
    #[track_caller]
    #[must_use]
    pub fn count(&self) -> Array<i64> {
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let sizes: Vec<i64> = self.grouped.sizes().into_iter().map(|n| n as i64).collect();
        let shape = [sizes.len()];
        let sizes = in_memory(done(Block::from_vec(sizes, &shape)));
        Array::of(if self.period.is_some() { sizes.with_names(vec![self.period.clone()]) } else { sizes })
    }

    /// The inverse of a reduction's broadcasting: at each position along the axis what `values`, which has a position
    /// for each group there, has for the position's group. `values` is computed once and held.
    ///
    /// Where labels put an element in no group, the result is NaN.
    ///
    /// # Errors
    /// As [`Grouped::expand`].
    #[track_caller]
    pub fn expand<U: Kind>(&self, values: &Array<U>) -> Result<Array<U>> {
        let expanded = self.grouped.expand(values.expr())?;
        let own = |_: &Name| self.array.expr().names.clone();
        Ok(Array::of(self.period.as_ref().map_or(expanded.clone(), |p| expanded.with_names(own(p)))))
    }
}

impl Array {
    /// The same array with an element type that follows from how it was built.
    fn retyped<U: Kind>(self) -> Array<U> {
        debug_assert!(U::KNOWN.is_none_or(|d: DType| d == self.dtype()));
        Array::of(self.expr)
    }
}
