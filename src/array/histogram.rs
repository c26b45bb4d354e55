//! Elements counted in bins.

use super::{Array, Kind, done};
use crate::error::Result;
use crate::expr::bins::histogram_by;
use crate::expr::tally::{bincount, histogram, histogramdd};

pub use crate::expr::bins::Rule;
pub use crate::expr::tally::{Bins, Options};

impl From<usize> for Bins {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl<T: Kind> From<&Array<T>> for Bins {
    fn from(edges: &Array<T>) -> Self {
        Self::Edges(edges.expr().clone())
    }
}

impl<T: Kind> Array<T> {
    /// How many elements are in each of some bins, and their edges: NumPy's `histogram`. Bins are a number of them, or
    /// edges; the last one holds its right end too. An array of any rank is counted chunk by chunk.
    ///
    /// ```
    /// use hyperslab::{Context, array::histogram::Options};
    /// let cx = Context::default();
    /// let x = cx.linspace(0.0, 1.0, 101)?;
    /// let (counts, edges) = x.histogram(4, &Options::default())?;
    /// let (counts, edges) = cx.compute((counts, edges))?;
    /// assert_eq!(counts.to_ndarray::<i64>()?.as_slice().unwrap(), &[25, 25, 25, 26]);
    /// assert_eq!(edges.to_ndarray::<f64>()?.as_slice().unwrap(), &[0.0, 0.25, 0.5, 0.75, 1.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument), [`Shape`](crate::ErrorKind::Shape) or
    /// [`DType`](crate::ErrorKind::DType), as NumPy refuses; when it is computed, for data that are not finite where
    /// these give the range.
    #[track_caller]
    pub fn histogram(&self, bins: impl Into<Bins>, options: &Options) -> Result<(Array, Array)> {
        let (counts, edges) = histogram(self.expr(), &bins.into(), options)?;
        Ok((Array::of(counts), Array::of(edges)))
    }

    /// As [`Array::histogram`], in as many bins as `rule` gives these data. How many is computed first.
    ///
    /// # Errors
    /// As [`Array::histogram`]; [`Argument`](crate::ErrorKind::Argument) for weights.
    #[track_caller]
    pub fn histogram_by(&self, rule: Rule, options: &Options) -> Result<(Array, Array)> {
        let (counts, edges) = histogram_by(self.expr(), rule, options)?;
        Ok((Array::of(counts), Array::of(edges)))
    }

    /// How often the array, of integers along one axis, holds each number from 0 to its largest, or to `least` if that
    /// is more. The length of the result is computed first.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[1i64, 4, 1]).into_dyn())?;
    /// assert_eq!(cx.compute(x.bincount(0))?.as_slice().unwrap(), &[0, 2, 0, 0, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn bincount(&self, least: usize) -> Array<i64> {
        Array::of(done(bincount(self.expr(), None, least)))
    }

    /// As [`Array::bincount`], but each element adds its weight.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) or [`DType`](crate::ErrorKind::DType), as NumPy refuses.
    #[track_caller]
    pub fn bincount_of<W: Kind>(&self, weights: &Array<W>, least: usize) -> Result<Array> {
        Ok(Array::of(bincount(self.expr(), Some(weights.expr()), least)?))
    }
}

impl Array {
    /// How many samples are in each box of bins along several axes, and the edges along each: NumPy's `histogramdd`.
    /// The coordinates are arrays of one shape.
    ///
    /// ```
    /// use hyperslab::{Array, Context, array::histogram::{Bins, Options}};
    /// let cx = Context::default();
    /// let x = cx.linspace(0.0, 1.0, 5)?.into_dyn();
    /// let (counts, _) = Array::histogramdd(&[x.clone(), x], &[Bins::Count(2), Bins::Count(2)], &Options::default())?;
    /// assert_eq!(cx.compute(counts)?.to_ndarray::<f64>()?, ndarray::array![[2.0, 0.0], [0.0, 3.0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::histogram`].
    #[track_caller]
    pub fn histogramdd(samples: &[Array], bins: &[Bins], options: &Options) -> Result<(Array, Vec<Array>)> {
        let samples: Vec<_> = samples.iter().map(|s| s.expr().clone()).collect();
        let (counts, edges) = histogramdd("histogramdd", &samples, bins, options)?;
        Ok((Array::of(counts), edges.into_iter().map(Array::of).collect()))
    }
}
