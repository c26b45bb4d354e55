//! Products of matrices, and factorisations.

use super::reduction::Over;
use super::{Array, Kind, done};
use crate::error::Result;
use crate::expr::compose::without;
use crate::linalg::cross::{CrossAxes, cross};
use crate::linalg::norm::{self, Order};
use crate::linalg::{factor, matmul};
use crate::shape::axes::position;

impl<T: Kind> Array<T> {
    /// `a @ b`: matrices over the last two axes, the others broadcast; a vector is a row on the left, a column on the
    /// right.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let a = cx.linspace(0.0, 5.0, 6)?.rechunk(&[2]);
    /// assert_eq!(cx.compute(a.matmul(&a))?[[]], 55.0);
    /// let refused = a.try_matmul(&cx.zeros::<f64>(&[4, 3])?).unwrap_err();
    /// assert_eq!(refused.to_string(), "matmul: shapes (6,) and (4, 3) do not multiply: 6 and 4 differ");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn matmul(&self, other: &Self) -> Self {
        done(self.try_matmul(other))
    }

    /// As [`Array::matmul`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for numbers, and for shapes that do not multiply.
    #[track_caller]
    pub fn try_matmul(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(matmul::matmul(self.expr(), other.expr())?))
    }

    /// The product `a × b` of vectors with 3 components along an axis. [`cross()`] takes vectors of the plane too, and
    /// other axes.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![1.0_f64, 0.0, 0.0].into_dyn())?;
    /// let b = cx.from_ndarray(array![0.0_f64, 1.0, 0.0].into_dyn())?;
    /// assert_eq!(cx.compute(a.cross(&b, -1))?, array![0.0, 0.0, 1.0].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cross(&self, other: &Self, axis: isize) -> Self {
        Self::of(done(cross(self.expr(), other.expr(), CrossAxes { a: axis, b: axis, c: axis })))
    }

    /// The length of vectors over these axes, by any [order](Order): `2.0`, `1.0`, `f64::INFINITY`.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.linspace(3.0, 4.0, 2)?;
    /// assert_eq!(cx.compute(x.vector_norm(.., 2.0))?[[]], 5.0);
    /// assert_eq!(cx.compute(x.vector_norm(.., 1.0))?[[]], 7.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn vector_norm(&self, over: impl Into<Over>, order: impl Into<Order>) -> Array<<T::Quotient as Kind>::Real> {
        let Over { axes, keep } = over.into();
        let axes = done(axes.resolve("norm", self.ndim(), self.names()));
        let kept = done(norm::of_vectors(self.expr(), &axes, order.into()));
        Array::of(if keep { kept } else { done(without(&kept, &axes)) })
    }

    /// The norm of matrices over the last two axes: [`Order::Frobenius`], or the largest or smallest sum of a column
    /// (`1.0`, `-1.0`) or of a row (`f64::INFINITY`, its negative).
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for vectors, and as [`norm::of_matrices`].
    #[track_caller]
    pub fn matrix_norm(&self, order: impl Into<Order>) -> Result<Array<<T::Quotient as Kind>::Real>> {
        let rank = self.ndim();
        let axes = (position("norm", -2, rank)?, position("norm", -1, rank)?);
        let kept = norm::of_matrices(self.expr(), axes, order.into())?;
        Ok(Array::of(without(&kept, &[axes.0, axes.1])?))
    }

    /// The Cholesky factor: for Hermitian, positive definite matrices `a` over the last two axes, the lower triangular
    /// `l` with real, positive diagonal for which `l lᴴ = a`, so that `l[i, i] = sqrt(a[i, i] - Σ |l[i, k]|²)` and
    /// `l[i, j] = (a[i, j] - Σ l[i, k] conj(l[j, k])) / l[j, j]` with sums over `k < j`.
    ///
    /// Shape `(.., n, n)` to the same. `f32`, `f64`, `c64` and `c128` stay what they are, integers and truth values
    /// become `f64`. Only the lower triangle is read; what is above it counts as its mirror image. The relative error
    /// of `l lᴴ` is at most about `n` units in the last place, however ill-conditioned `a` is.
    ///
    /// A matrix larger than memory is factored on disk, some columns at a time; see [`Array::store`].
    ///
    /// ```
    /// use hyperslab::{Context, ErrorKind};
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[4.0_f64, 2.0], [2.0, 10.0]].into_dyn())?;
    /// let l = a.cholesky();
    /// assert_eq!(cx.compute(l.clone())?, array![[2.0, 0.0], [1.0, 3.0]].into_dyn());
    /// assert_eq!(cx.compute(l.matmul(&l.t()))?, array![[4.0, 2.0], [2.0, 10.0]].into_dyn());
    ///
    /// // What is not positive definite shows while it is computed.
    /// let fault = cx.compute((-&a).cholesky()).unwrap_err();
    /// assert!(matches!(fault.kind(), ErrorKind::Numerical { .. }));
    /// assert!(fault.to_string().contains("not positive definite: its leading minor of order 1"));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where [`Array::try_cholesky`] gives an error.
    #[track_caller]
    #[must_use]
    pub fn cholesky(&self) -> Array<T::Quotient> {
        done(self.try_cholesky())
    }

    /// As [`Array::cholesky`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, [`DType`](crate::ErrorKind::DType)
    /// for floats of 16 bits.
    #[track_caller]
    pub fn try_cholesky(&self) -> Result<Array<T::Quotient>> {
        Ok(Array::of(factor::cholesky(self.expr(), false)?))
    }

    /// `x` with `a x = b` for a triangle `a`, of which only the lower or the upper triangle is read, over the last two
    /// axes; `b` is a vector, or matrices over the last two axes, the others broadcast.
    ///
    /// The error of `x` is at most about `n` units in the last place times the condition of the triangle.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let l = cx.from_ndarray(array![[2.0_f64, 9.0], [1.0, 4.0]].into_dyn())?;
    /// let b = cx.from_ndarray(array![4.0, 10.0].into_dyn())?;
    /// assert_eq!(cx.compute(l.solve_triangular(&b, true))?, array![2.0, 2.0].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where [`Array::try_solve_triangular`] gives an error.
    #[track_caller]
    #[must_use]
    pub fn solve_triangular(&self, b: &Self, lower: bool) -> Array<T::Quotient> {
        done(self.try_solve_triangular(b, lower))
    }

    /// As [`Array::solve_triangular`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where the two do not fit each other, [`DType`](crate::ErrorKind::DType) for
    /// floats of 16 bits.
    #[track_caller]
    pub fn try_solve_triangular(&self, b: &Self, lower: bool) -> Result<Array<T::Quotient>> {
        Ok(Array::of(factor::solve_triangular(self.expr(), b.expr(), lower)?))
    }

    /// `x` with `a x = b` for Hermitian, positive definite `a`, by [`Array::cholesky`] and two triangular systems. Only
    /// the lower triangle of `a` is read.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[4.0_f64, 2.0], [2.0, 10.0]].into_dyn())?;
    /// let b = cx.from_ndarray(array![6.0, 12.0].into_dyn())?;
    /// assert_eq!(cx.compute(a.solve_positive(&b))?, array![1.0, 1.0].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where [`Array::try_solve_triangular`] gives an error.
    #[track_caller]
    #[must_use]
    pub fn solve_positive(&self, b: &Self) -> Array<T::Quotient> {
        Array::of(done(factor::solve_positive(self.expr(), b.expr())))
    }
}
