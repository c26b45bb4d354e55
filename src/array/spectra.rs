//! Orthogonal factors of matrices over the last two axes, and their spectra.

use super::{Array, Kind};
use crate::error::Result;
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
    /// assert_eq!(cx.compute(&r)?[[0, 0]], -5.0);
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
    /// assert_eq!(cx.compute(&s)?, array![3.0, 2.0].into_dyn());
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
