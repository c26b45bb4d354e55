//! Orthogonal factors of matrices over the last two axes, and their spectra.

use super::random::Rng;
use super::{Array, Kind};
use crate::error::Result;
use crate::expr::build::Arg;
use crate::linalg::compressed;
use crate::linalg::least::{self, Tolerance};
use crate::linalg::norm::Order;
use crate::linalg::{qr, spectra};

/// The result type of values of matrices: of a spectrum, of a size.
type Values<T> = Array<<<T as Kind>::Quotient as Kind>::Real>;

impl<T: Kind> Array<T> {
    /// The factors `q` with orthonormal columns and `r`, an upper triangle, with `q r = a`, by Householder's
    /// reflections: shape `(.., m, n)` to `(.., m, k)` and `(.., k, n)`, where `k` is `m` or `n`, whichever is less.
    ///
    /// The error of `q r`, and of `qᴴ q`, is a small multiple of the rounding of the dtype, however ill-conditioned `a`
    /// is.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[3.0_f64, 1.0], [4.0, 2.0], [0.0, 2.0]].into_dyn())?;
    /// let [q, r] = a.qr()?;
    /// assert_eq!(cx.compute(r.clone())?[[0, 0]], -5.0);
    /// let error = cx.compute((q.matmul(&r) - &a).abs().max(..))?;
    /// assert!(error[[]] < 1e-15);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no stack of matrices, [`DType`](crate::ErrorKind::DType) for
    /// floats of 16 bits.
    #[track_caller]
    pub fn qr(&self) -> Result<[Array<T::Quotient>; 2]> {
        Ok(qr::qr(self.expr(), false)?.map(Array::of))
    }

    /// As [`Array::qr`], with a square `q` and as many rows of `r`.
    ///
    /// # Errors
    /// As [`Array::qr`].
    #[track_caller]
    pub fn qr_complete(&self) -> Result<[Array<T::Quotient>; 2]> {
        Ok(qr::qr(self.expr(), true)?.map(Array::of))
    }

    /// The `r` of [`Array::qr`] alone.
    ///
    /// # Errors
    /// As [`Array::qr`].
    #[track_caller]
    pub fn qr_triangle(&self) -> Result<Array<T::Quotient>> {
        Ok(Array::of(qr::triangle(self.expr())?))
    }

    /// The singular value decomposition: `u`, singular values `s` in descending order and `vh`, with
    /// `u diag(s) vh = a`; `u` has orthonormal columns, `vh` orthonormal rows, as many as `s` has elements. Where
    /// `full` is true they are square.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[0.0_f64, 2.0], [3.0, 0.0], [0.0, 0.0]].into_dyn())?;
    /// let (u, s, vh) = a.svd(false)?;
    /// assert_eq!(cx.compute(s.clone())?, array![3.0, 2.0].into_dyn());
    /// let back = (u * s).matmul(&vh);
    /// assert!(cx.compute((back - &a).abs().max(..))?[[]] < 1e-15);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::qr`]; [`Numerical`](crate::ErrorKind::Numerical) when a matrix is computed that has elements which
    /// are not finite.
    #[track_caller]
    #[expect(clippy::type_complexity, reason = "three arrays, the second of real numbers")]
    pub fn svd(&self, full: bool) -> Result<(Array<T::Quotient>, Values<T>, Array<T::Quotient>)> {
        let [u, s, vh] = spectra::svd(self.expr(), full)?;
        Ok((Array::of(u), Array::of(s), Array::of(vh)))
    }

    /// The singular values of [`Array::svd`] alone.
    ///
    /// # Errors
    /// As [`Array::svd`].
    #[track_caller]
    pub fn svdvals(&self) -> Result<Values<T>> {
        Ok(Array::of(spectra::svdvals(self.expr())?))
    }

    /// The first `k` singular values, nearly, and their vectors, of a matrix that may be larger than memory: it is
    /// multiplied by `k + oversamples` random columns, and read twice, and twice more for each of the `iterations` that
    /// make the result more precise. Where singular values fall fast, two iterations and 10 more columns are plenty.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.linspace(1.0, 2.0, 300)?.reshape(&[300, 1]);
    /// let a = &x * cx.linspace(0.0, 1.0, 40)?;
    /// let (u, s, vh) = a.svd_compressed(1, 1, 4, 7)?;
    /// let error = cx.compute(((u * s).matmul(&vh) - &a).abs().max(..))?;
    /// assert!(error[[]] < 1e-13);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compressed::svd_compressed`].
    #[track_caller]
    #[expect(clippy::type_complexity, reason = "three arrays, the second of real numbers")]
    pub fn svd_compressed(
        &self,
        k: usize,
        iterations: usize,
        oversamples: usize,
        seed: u64,
    ) -> Result<(Array<T::Quotient>, Values<T>, Array<T::Quotient>)> {
        let [u, s, vh] = compressed::svd_compressed(self.expr(), k, iterations, oversamples, Rng::new(seed).key())?;
        Ok((Array::of(u), Array::of(s), Array::of(vh)))
    }

    /// `x` that minimises the length of `a x - b` for a matrix and a vector, or columns, `b`: `x`, the sums of squares
    /// of what is left (none unless the columns are independent and fewer than rows), the rank, and the singular
    /// values. Those up to `rcond` times the largest count as zero; by default, as for NumPy, the unit of `f64` times
    /// the longer side.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[0.0_f64, 1.0], [1.0, 1.0], [2.0, 1.0]].into_dyn())?;
    /// let b = cx.from_ndarray(array![1.0, 3.0, 5.0].into_dyn())?;
    /// let (line, left, rank, _) = a.lstsq(&b, None)?;
    /// let error = cx.compute((&line - &cx.linspace(2.0, 1.0, 2)?).abs().max(..))?;
    /// assert!(error[[]] < 1e-14);
    /// assert_eq!((cx.compute(rank)?[[]], cx.compute(left)?.len()), (2, 1));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no matrix and right-hand side, [`DType`](crate::ErrorKind::DType)
    /// for floats of 16 bits.
    #[track_caller]
    #[expect(clippy::type_complexity, reason = "four arrays, as NumPy has them")]
    pub fn lstsq(
        &self,
        b: &Self,
        rcond: Option<f64>,
    ) -> Result<(Array<T::Quotient>, Values<T>, Array<i32>, Values<T>)> {
        let found = least::lstsq(self.expr(), b.expr(), rcond)?;
        Ok((Array::of(found.x), Array::of(found.residuals), Array::of(found.rank), Array::of(found.s)))
    }

    /// The pseudo-inverse. Singular values up to `rcond` times the largest count as zero.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[2.0_f64, 0.0], [0.0, 0.0]].into_dyn())?;
    /// assert_eq!(cx.compute(a.pinv(1e-15)?)?, array![[0.5, 0.0], [0.0, 0.0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::svd`].
    #[track_caller]
    pub fn pinv(&self, rcond: f64) -> Result<Array<T::Quotient>> {
        Ok(Array::of(least::pinv(self.expr(), &Arg::from(rcond), false)?))
    }

    /// How many singular values are not zero, within rounding.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// assert_eq!(cx.compute(cx.ones::<f32>(&[7, 5])?.matrix_rank()?)?[[]], 1);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::svd`].
    #[track_caller]
    pub fn matrix_rank(&self) -> Result<Array<i64>> {
        Ok(Array::of(least::matrix_rank(self.expr(), &Tolerance::Rounding, false)?))
    }

    /// The condition number by a norm: 2, the largest singular value over the smallest, or another.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[1.0_f64, 0.0], [0.0, 8.0]].into_dyn())?;
    /// assert_eq!(cx.compute(a.cond(2.0)?)?[[]], 8.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`least::cond`].
    #[track_caller]
    pub fn cond(&self, order: impl Into<Order>) -> Result<Values<T>> {
        Ok(Array::of(least::cond(self.expr(), order.into())?))
    }

    /// Eigenvalues in ascending order and orthonormal eigenvectors, as columns, of Hermitian matrices, of which the
    /// lower or the upper triangle is read.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[2.0_f64, 9.0], [1.0, 2.0]].into_dyn())?;
    /// let (values, vectors) = a.eigh(false)?;
    /// let error = cx.compute((&values - &cx.linspace(1.0, 3.0, 2)?).abs().max(..))?;
    /// assert!(error[[]] < 1e-15);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, [`DType`](crate::ErrorKind::DType)
    /// for floats of 16 bits; [`Numerical`](crate::ErrorKind::Numerical) when a matrix is computed that has elements
    /// which are not finite.
    #[track_caller]
    pub fn eigh(&self, upper: bool) -> Result<(Values<T>, Array<T::Quotient>)> {
        let [values, vectors] = spectra::eigh(self.expr(), upper)?;
        Ok((Array::of(values), Array::of(vectors)))
    }

    /// The eigenvalues of [`Array::eigh`] alone.
    ///
    /// # Errors
    /// As [`Array::eigh`].
    #[track_caller]
    pub fn eigvalsh(&self, upper: bool) -> Result<Values<T>> {
        Ok(Array::of(spectra::eigvalsh(self.expr(), upper)?))
    }

    /// Eigenvalues, in no order, and eigenvectors of length 1, as columns, of square matrices. Both are complex,
    /// whatever the matrices are.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let turn = cx.from_ndarray(array![[0.0_f64, -1.0], [1.0, 0.0]].into_dyn())?;
    /// let values = cx.compute(turn.eigvals()?)?;
    /// assert!(values.iter().all(|v| v.re.abs() < 1e-15 && (v.im.abs() - 1.0).abs() < 1e-15));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::eigh`].
    #[track_caller]
    pub fn eig(&self) -> Result<[Array<T::Complex>; 2]> {
        Ok(spectra::eig(self.expr())?.map(Array::of))
    }

    /// The eigenvalues of [`Array::eig`] alone.
    ///
    /// # Errors
    /// As [`Array::eigh`].
    #[track_caller]
    pub fn eigvals(&self) -> Result<Array<T::Complex>> {
        Ok(Array::of(spectra::eigvals(self.expr())?))
    }
}
