//! Elements found in tables: searches, bins, membership, interpolation.

use super::{Array, Kind, done};
use crate::expr::lookup::{digitize, interp, isin, searchsorted};

pub use crate::expr::lookup::Beyond;

/// On which side of equal elements a search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before them.
    Left,
    /// Behind them.
    Right,
}

impl<T: Kind> Array<T> {
    /// Where each of `values` belongs in this array, which is sorted along its one axis: before as many of its
    /// elements. The array is computed once and held whole.
    ///
    /// ```
    /// use hyperslab::{Context, array::lookup::Side};
    /// let cx = Context::default();
    /// let edges = cx.from_ndarray(ndarray::arr1(&[1.0, 2.0, 2.0, 5.0]).into_dyn())?;
    /// let x = cx.from_ndarray(ndarray::arr1(&[2.0, 9.0, f64::NAN]).into_dyn())?;
    /// let places = cx.compute((edges.searchsorted(&x, Side::Left), edges.searchsorted(&x, Side::Right)))?;
    /// assert_eq!(places.0.as_slice().unwrap(), &[1, 4, 4]);
    /// assert_eq!(places.1.as_slice().unwrap(), &[3, 4, 4]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn searchsorted<U: Kind>(&self, values: &Array<U>, side: Side) -> Array<i64> {
        Array::of(done(searchsorted(self.expr(), values.expr(), side == Side::Right, None)))
    }

    /// The bin of each element, for `bins` along one axis that ascend or descend: `i` between the edges `i - 1` and
    /// `i`, of which the left one belongs to it, or the right one where `right`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[0.2, 6.4, 3.0]).into_dyn())?;
    /// let bins = cx.from_ndarray(ndarray::arr1(&[0.0, 1.0, 3.0]).into_dyn())?;
    /// assert_eq!(cx.compute(x.digitize(&bins, false))?.as_slice().unwrap(), &[1, 3, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn digitize<U: Kind>(&self, bins: &Array<U>, right: bool) -> Array<i64> {
        Array::of(done(digitize(self.expr(), bins.expr(), right)))
    }

    /// Whether each element is among those of `values`. NaN is not.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(4)?;
    /// let few = cx.from_ndarray(ndarray::arr1(&[3i64, 1, 9]).into_dyn())?;
    /// assert_eq!(cx.compute(x.isin(&few))?.as_slice().unwrap(), &[false, true, false, true]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn isin<U: Kind>(&self, values: &Array<U>) -> Array<bool> {
        Array::of(done(isin(self.expr(), values.expr(), false)))
    }

    /// Linear interpolation at each element between the points `xp`, which ascend, where the values are `fp`.
    ///
    /// ```
    /// use hyperslab::{Context, array::lookup::Beyond};
    /// let cx = Context::default();
    /// let array = |list: &[f64]| cx.from_ndarray(ndarray::arr1(list).into_dyn());
    /// let (x, xp, fp) = (array(&[-1.0, 1.5, 4.0])?, array(&[0.0, 1.0, 2.0])?, array(&[0.0, 10.0, 30.0])?);
    /// let y = x.interp(&xp, &fp, Beyond { left: Some(0.5.into()), ..Beyond::default() });
    /// assert_eq!(cx.compute(y)?.to_ndarray::<f64>()?.as_slice().unwrap(), &[0.5, 20.0, 30.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn interp<U: Kind, V: Kind>(&self, xp: &Array<U>, fp: &Array<V>, beyond: Beyond) -> Array {
        Array::of(done(interp(self.expr(), xp.expr(), fp.expr(), beyond)))
    }
}
