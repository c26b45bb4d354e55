//! Reductions of groups of positions along an axis, and back: a monthly climatology and the anomalies from it.

use super::{Array, Kind, done};
use crate::chunk::groups::Groups;
use crate::chunk::{AxisChunks, Chunks};
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::build;
use crate::op::reduction::{self, Params};
use crate::shape::axes::Axes;
use crate::store::memory::MemoryStore;
use std::sync::Arc;

/// An array whose positions along an axis are in groups. Made by [`Array::group_by`].
#[derive(Debug, Clone)]
pub struct GroupBy<T: Kind> {
    array: Array<T>,
    groups: Groups,
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
        let labels = labels.iter().enumerate().map(label).collect::<Result<Vec<u32>>>()?;
        let count = labels.iter().max().map_or(0, |&most| most as usize + 1);
        if count > labels.len().saturating_mul(64).max(1 << 16) {
            return Err(Error::argument(name, format!("{count} groups of {length} positions; number them from 0")));
        }
        Ok(GroupBy { array: self.clone(), groups: Groups::new(*axis, &labels, count) })
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

    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name, except those that give positions.
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
        let reduction =
            reduction::find(name).ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))?;
        Ok(Array::of(build::reduce_groups(self.array.expr(), reduction, &self.groups, params)?))
    }

    /// The number of positions in each group.
    #[track_caller]
    #[must_use]
    pub fn count(&self) -> Array<i64> {
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let sizes: Vec<i64> = self.groups.sizes().into_iter().map(|n| n as i64).collect();
        let shape = [sizes.len()];
        let block = done(Block::from_vec(sizes, &shape));
        Array::of(build::source(Arc::new(MemoryStore::new(Data::shared(block), Chunks::whole(&shape)))))
    }

    /// The inverse of a reduction's broadcasting: at each position along the axis what `values`, which has a position for
    /// each group there, has for the position's group. `values` is computed once and held.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when `values` has another rank or another number of groups.
    #[track_caller]
    pub fn expand<U: Kind>(&self, values: &Array<U>) -> Result<Array<U>> {
        let axis = self.groups.axis;
        let lengths = values.shape().known()?;
        if lengths.len() != self.array.ndim() || lengths[axis] != self.groups.count {
            let (have, n) = (values.shape(), self.groups.count);
            return Err(Error::shape("expand", format!("shape {have} does not have {n} groups along axis {axis}")));
        }
        let cuts: AxisChunks = self.array.chunks().axes()[axis].clone();
        Ok(Array::of(build::take(values.expr(), axis, Arc::clone(&self.groups.labels), cuts)?))
    }
}

impl Array {
    /// The same array with an element type that follows from how it was built.
    fn retyped<U: Kind>(self) -> Array<U> {
        debug_assert!(U::KNOWN.is_none_or(|d: DType| d == self.dtype()));
        Array::of(self.expr)
    }
}
