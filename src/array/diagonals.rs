//! Diagonals and triangles of matrices, and matrices made of them.

use super::{Array, Kind};
use crate::dtype::Element;
use crate::error::Result;
use crate::linalg::diagonal;
use crate::runtime::context::Context;

impl Context {
    /// A matrix of zeros with ones on diagonal `k`: 0 for the main one, above it where `k` is positive.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.eye::<u8>(2, 3, 1)?)?, ndarray::array![[0, 1, 0], [0, 0, 1]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when its size overflows.
    #[track_caller]
    pub fn eye<T: Element + Kind>(&self, rows: usize, columns: usize, k: isize) -> Result<Array<T>> {
        Ok(Array::of(diagonal::eye(rows, columns, k, T::DTYPE)?))
    }

    /// A matrix of zeros with ones on and below diagonal `k`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.tri::<f32>(2, 3, 1)?)?, ndarray::array![[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::eye`].
    #[track_caller]
    pub fn tri<T: Element + Kind>(&self, rows: usize, columns: usize, k: isize) -> Result<Array<T>> {
        Ok(Array::of(diagonal::tri(rows, columns, k, T::DTYPE)?))
    }
}

impl<T: Kind> Array<T> {
    /// The elements at `(i, i + offset)` of two axes, over `i` on a new last axis. It is a view: computing it reads the
    /// chunks that the diagonal goes through.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(12)?.reshape(&[3, 4]);
    /// assert_eq!(cx.compute(x.diagonal(1, 0, 1)?)?.as_slice().unwrap(), &[1, 6, 11]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for less than two axes, [`Axis`](crate::ErrorKind::Axis) for one that is not
    /// there or given twice.
    #[track_caller]
    pub fn diagonal(&self, offset: isize, axis1: isize, axis2: isize) -> Result<Self> {
        Ok(Self::of(diagonal::diagonal(self.expr(), offset, axis1, axis2)?))
    }

    /// The sum of a [`diagonal`](Array::diagonal).
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.arange(16)?.reshape(&[4, 4]).trace(0, 0, 1)?)?[[]], 30);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::diagonal`].
    #[track_caller]
    pub fn trace(&self, offset: isize, axis1: isize, axis2: isize) -> Result<Array<T::Sum>> {
        Ok(Array::of(diagonal::trace(self.expr(), offset, axis1, axis2, None)?))
    }

    /// Diagonal `k` of a matrix, or the square matrix that has this vector as its diagonal `k`, and zeros elsewhere.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let matrix = (cx.arange(2)? + 1).diag(0)?;
    /// assert_eq!(cx.compute(matrix.clone())?, ndarray::array![[1, 0], [0, 2]].into_dyn());
    /// assert_eq!(cx.compute(matrix.diag(0)?)?.as_slice().unwrap(), &[1, 2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) unless there are one or two axes.
    #[track_caller]
    pub fn diag(&self, k: isize) -> Result<Self> {
        Ok(Self::of(diagonal::diag(self.expr(), k)?))
    }

    /// The square matrix that has all elements, in C order, on its diagonal `k`, and zeros elsewhere.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(4)?.reshape(&[2, 2]);
    /// assert_eq!(x.diagflat(1)?.shape().known()?, [5, 5]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the matrix is too large.
    #[track_caller]
    pub fn diagflat(&self, k: isize) -> Result<Self> {
        Ok(Self::of(diagonal::diagflat(self.expr(), k)?))
    }

    /// Matrices over the last two axes with zeros above diagonal `k`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.ones::<i8>(&[2, 3])?;
    /// assert_eq!(cx.compute(x.tril(0)?)?, ndarray::array![[1, 0, 0], [1, 1, 0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for a number.
    #[track_caller]
    pub fn tril(&self, k: isize) -> Result<Self> {
        Ok(Self::of(diagonal::triangle(self.expr(), k, false)?))
    }

    /// Matrices over the last two axes with zeros below diagonal `k`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.ones::<i8>(&[2, 3])?;
    /// assert_eq!(cx.compute(x.triu(1)?)?, ndarray::array![[0, 1, 1], [0, 0, 1]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for a number.
    #[track_caller]
    pub fn triu(&self, k: isize) -> Result<Self> {
        Ok(Self::of(diagonal::triangle(self.expr(), k, true)?))
    }

    /// The powers `0..n` of the elements of a vector, the highest first unless `increasing`, in the dtype in which
    /// these meet `i64`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let powers = cx.compute((cx.arange(2)? + 2).vander(3, false)?)?.to_ndarray::<i64>()?;
    /// assert_eq!(powers, ndarray::array![[4, 2, 1], [9, 3, 1]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no vector, or for a matrix that is too large.
    #[track_caller]
    pub fn vander(&self, n: usize, increasing: bool) -> Result<Array> {
        Ok(Array::of(diagonal::vander(self.expr(), n, increasing)?))
    }
}
