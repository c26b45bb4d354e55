//! Slices.

use super::{Array, Kind, done};
use crate::error::Result;
use crate::expr::build;
use crate::shape::slice::Index;

impl<T: Kind> Array<T> {
    /// Basic indexing: integers, ranges, steps, `newaxis` and `...`, or ndarray's `s![]`.
    ///
    /// ```
    /// use hyperslab::{Context, shape::slice::Item};
    /// let cx = Context::default();
    /// let x = cx.arange(10)?;
    /// assert_eq!(cx.compute(x.slice(2..5))?.as_slice().unwrap(), &[2, 3, 4]);
    /// assert_eq!(cx.compute(x.slice((.., -4)))?.as_slice().unwrap(), &[9, 5, 1]);
    /// assert_eq!(cx.compute(x.slice(ndarray::s![7..]))?.as_slice().unwrap(), &[7, 8, 9]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn slice(&self, index: impl Into<Index>) -> Self {
        done(self.try_slice(index))
    }

    /// As [`Array::slice`].
    ///
    /// # Errors
    /// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`.
    #[track_caller]
    pub fn try_slice(&self, index: impl Into<Index>) -> Result<Self> {
        Ok(Self::of(build::index(self.expr(), index.into().items())?))
    }
}
