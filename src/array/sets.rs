//! Sets: distinct elements, and what two arrays have in common.

use super::{Array, Kind, done};
use crate::expr::sets::{Distinct, intersect1d, setdiff1d, setxor1d, union1d, unique};
use crate::expr::trim::trim_zeros;

/// Each is in order, and as long as the data say, which is computed first.
impl<T: Kind> Array<T> {
    /// The distinct elements; NaN is one of them, if there is any.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3i64, 1, 3]).into_dyn())?;
    /// let (values, counts) = cx.compute((x.unique(), x.unique_counts()))?;
    /// assert_eq!((values.as_slice().unwrap(), counts.as_slice().unwrap()), (&[1, 3][..], &[1, 2][..]));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn unique(&self) -> Self {
        Self::of(done(unique(self.expr(), Distinct::Values, true)))
    }

    /// How often each of the distinct elements is there.
    #[track_caller]
    #[must_use]
    pub fn unique_counts(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Counts, true)))
    }

    /// The position, in C order, of the first of each of the distinct elements.
    #[track_caller]
    #[must_use]
    pub fn unique_indices(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Indices, true)))
    }

    /// Which of the distinct elements each element is.
    #[track_caller]
    #[must_use]
    pub fn unique_inverse(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Inverse, true)))
    }

    /// The box of elements that holds all that are not zero.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[0i64, 0, 3, 0, 1, 0]).into_dyn())?;
    /// assert_eq!(cx.compute(x.trim_zeros())?.as_slice().unwrap(), &[3, 0, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn trim_zeros(&self) -> Self {
        let axes: Vec<usize> = (0..self.ndim()).collect();
        Self::of(done(trim_zeros(self.expr(), true, true, &axes)))
    }

    /// The elements of both arrays.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let array = |list: &[i64]| cx.from_ndarray(ndarray::arr1(list).into_dyn());
    /// let (a, b) = (array(&[5, 1, 1])?, array(&[2, 5])?);
    /// let (union, common) = cx.compute((a.union1d(&b), a.intersect1d(&b)))?;
    /// assert_eq!((union.as_slice().unwrap(), common.as_slice().unwrap()), (&[1, 2, 5][..], &[5][..]));
    /// let (less, either) = cx.compute((a.setdiff1d(&b), a.setxor1d(&b)))?;
    /// assert_eq!((less.as_slice().unwrap(), either.as_slice().unwrap()), (&[1][..], &[1, 2][..]));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn union1d(&self, other: &Self) -> Self {
        Self::of(done(union1d(self.expr(), other.expr())))
    }

    /// The elements that are in both arrays.
    #[track_caller]
    #[must_use]
    pub fn intersect1d(&self, other: &Self) -> Self {
        let [values, ..] = done(intersect1d(self.expr(), other.expr(), false));
        Self::of(values)
    }

    /// The elements that are in this array and not in the other.
    #[track_caller]
    #[must_use]
    pub fn setdiff1d(&self, other: &Self) -> Self {
        Self::of(done(setdiff1d(self.expr(), other.expr(), false)))
    }

    /// The elements that are in one of both arrays alone.
    #[track_caller]
    #[must_use]
    pub fn setxor1d(&self, other: &Self) -> Self {
        Self::of(done(setxor1d(self.expr(), other.expr(), false)))
    }
}
