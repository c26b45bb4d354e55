//! Reductions of groups of positions along an axis, and back: a monthly climatology and the anomalies from it.

use super::quantile::{Asked, median, quantile};
use super::reduction::{Over, keep};
use super::{Array, Kind, done};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::compose::{binary, joined};
use crate::expr::groups::{Grouped, Keys, in_memory};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params};
use crate::op::regional::Method;
use crate::runtime::context::Context;
use crate::shape::axes::Axes;

/// An array whose positions along an axis, or several, are in groups. Made by [`Array::group_by`] and
/// [`Array::group_by_values`].
#[derive(Debug, Clone)]
pub struct GroupBy<T: Kind> {
    /// What is grouped, as it was given.
    array: Array<T>,
    grouped: Grouped,
    keys: Block,
}

impl<T: Kind> Array<T> {
    /// The array with its positions along `axis` in groups: position `i` is in group `labels[i]`, of as many groups as the
    /// largest label says. What the result of a reduction has along the axis is one position for each group.
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
    /// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis, [`Argument`](crate::ErrorKind::Argument) for labels
    /// that are negative, or not one for each position.
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
        Ok(GroupBy { array: self.clone(), grouped: Grouped::new(self.expr(), &[*axis], &codes, count)?, keys })
    }

    /// The array with the elements along `axes` in groups: those with equal labels, in ascending order of these. `labels` has
    /// the lengths of the axes. It may hold anything that has an order; NaN, and -1 among signed integers, is in no group. It
    /// decides how much there is, and is computed here.
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
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Argument`](crate::ErrorKind::Argument) unless there is
    /// a label for each position, [`DType`](crate::ErrorKind::DType) for complex labels; what computing the labels ends in.
    pub fn group_by_values<L: Kind>(&self, axes: impl Into<Axes>, labels: &Array<L>) -> Result<GroupBy<T>> {
        self.group_by_keys(axes, labels, None)
    }

    /// As [`group_by_values`](Self::group_by_values), in groups of the labels `keys` in their order, where those are given:
    /// groups may be empty, and other labels are in none.
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
        Ok(GroupBy { array: self.clone(), grouped, keys: keys.values })
    }
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

    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name, except those that give positions; `median`,
    /// `nanmedian`, and `first` and `last`, the element at the first or last position of a group.
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
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for positions.
    #[track_caller]
    pub fn reduce(&self, name: &str, params: Params) -> Result<Array> {
        Ok(Array::of(match name {
            "median" | "nanmedian" => {
                let skips = name == "nanmedian";
                self.each(|rows, over| median(rows, over, skips))?
            }
            "first" => self.picked(<[usize]>::first)?,
            "last" => self.picked(<[usize]>::last)?,
            _ => {
                let reduction = reduction::find(name)
                    .ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))?;
                self.grouped.reduce(reduction, params)?
            }
        }))
    }

    /// The quantiles of each group at a level between 0 and 1; with `skips_nan`, of what is not NaN.
    ///
    /// # Errors
    /// As [`quantile`].
    #[track_caller]
    pub fn quantile(&self, level: f64, method: Method, skips_nan: bool) -> Result<Array> {
        Ok(Array::of(self.each(|rows, over| quantile(rows, &Asked::from(level), over, method, skips_nan))?))
    }

    /// What `of` makes of each group over the axis of the groups; NaN of an empty one.
    #[track_caller]
    fn each(&self, of: impl Fn(&Expr, &Over) -> Result<Expr>) -> Result<Expr> {
        let (axis, over) = (self.grouped.groups.axis, keep(self.grouped.groups.axis.cast_signed()));
        let positions = self.grouped.positions();
        let made =
            positions.iter().map(|p| if p.is_empty() { Ok(None) } else { of(&self.grouped.rows(p)?, &over).map(Some) });
        let made = made.collect::<Result<Vec<_>>>()?;
        let dtype = made.iter().flatten().next().map_or(DType::F64, |part| part.dtype);
        let part = |part: Option<Expr>| part.map_or_else(|| self.grouped.filled(1, dtype), Ok);
        let parts = made.into_iter().map(part).collect::<Result<Vec<_>>>()?;
        if parts.is_empty() { self.grouped.filled(0, DType::F64) } else { joined(&parts, axis) }
    }

    /// One element of each group; NaN of an empty one.
    #[track_caller]
    fn picked(&self, pick: impl Fn(&[usize]) -> Option<&usize>) -> Result<Expr> {
        let (axis, dtype) = (self.grouped.groups.axis, self.grouped.input.dtype);
        let picked: Vec<Option<usize>> = self.grouped.positions().iter().map(|p| pick(p).copied()).collect();
        if let Some(places) = picked.iter().copied().collect::<Option<Vec<usize>>>() {
            return self.grouped.rows(&places);
        }
        let part = |p: &Option<usize>| match p {
            Some(at) => self.grouped.rows(&[*at]),
            None => self.grouped.filled(1, dtype),
        };
        joined(&picked.iter().map(part).collect::<Result<Vec<_>>>()?, axis)
    }

    /// The keys of the groups, in their order: labels, or for groups that were numbered their numbers.
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
        Ok(Array::of(there.reduce(count, Params::default())?))
    }

    /// The number of positions in each group.
    #[track_caller]
    #[must_use]
    pub fn count(&self) -> Array<i64> {
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let sizes: Vec<i64> = self.grouped.sizes().into_iter().map(|n| n as i64).collect();
        let shape = [sizes.len()];
        Array::of(in_memory(done(Block::from_vec(sizes, &shape))))
    }

    /// The inverse of a reduction's broadcasting: at each position along the axis what `values`, which has a position for
    /// each group there, has for the position's group. `values` is computed once and held.
    ///
    /// Where labels put an element in no group, the result is NaN.
    ///
    /// # Errors
    /// As [`Grouped::expand`].
    #[track_caller]
    pub fn expand<U: Kind>(&self, values: &Array<U>) -> Result<Array<U>> {
        Ok(Array::of(self.grouped.expand(values.expr())?))
    }
}

impl Array {
    /// The same array with an element type that follows from how it was built.
    fn retyped<U: Kind>(self) -> Array<U> {
        debug_assert!(U::KNOWN.is_none_or(|d: DType| d == self.dtype()));
        Array::of(self.expr)
    }
}
