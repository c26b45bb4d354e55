//! Systems of linear equations, inverses and determinants, by LU factorisations.

use super::{Array, Kind, done};
use crate::error::Result;
use crate::linalg::solve;

/// The logarithm of a determinant: its sign, and the logarithm of its modulus.
type SignAndLogarithm<Q> = (Array<Q>, Array<<Q as Kind>::Real>);

/// The factors `p`, `l` and `u`.
type Factors<Q> = (Array<<Q as Kind>::Real>, Array<Q>, Array<Q>);

impl<T: Kind> Array<T> {
    /// `x` with `a x = b` for square matrices `a` over the last two axes, by [`Array::lu`]; `b` is a vector where it
    /// has one axis, and else matrices over its last two, the others broadcast.
    ///
    /// `f32`, `f64`, `c64` and `c128` stay what they are, integers and truth values become `f64`. The residual `b - a
    /// x` is at most about `n` units in the last place of `|a| |x|`, whatever `a` is, times how much larger `u` is than
    /// `a`, which is hardly ever more than a few times. A singular matrix fails while it is computed, by the column
    /// without a pivot.
    ///
    /// A matrix larger than memory is factored on disk, some columns at a time, and so many right-hand sides are solved
    /// for together as memory holds.
    ///
    /// ```
    /// use hyperslab::{Context, ErrorKind};
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[0.0_f64, 2.0], [4.0, 1.0]].into_dyn())?;
    /// let b = cx.from_ndarray(array![2.0, 9.0].into_dyn())?;
    /// assert_eq!(cx.compute(a.solve(&b))?, array![2.0, 1.0].into_dyn());
    ///
    /// let fault = cx.compute(cx.zeros::<f64>(&[2, 2])?.solve(&b)).unwrap_err();
    /// assert!(matches!(fault.kind(), ErrorKind::Numerical { .. }));
    /// assert!(fault.to_string().contains("Singular matrix: nothing but 0 is left for the pivot of column 0"));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where [`Array::try_solve`] gives an error.
    #[track_caller]
    #[must_use]
    pub fn solve(&self, b: &Self) -> Array<T::Quotient> {
        done(self.try_solve(b))
    }

    /// As [`Array::solve`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices, or does not fit it;
    /// [`DType`](crate::ErrorKind::DType) for floats of 16 bits.
    #[track_caller]
    pub fn try_solve(&self, b: &Self) -> Result<Array<T::Quotient>> {
        Ok(Array::of(solve::solve(self.expr(), b.expr())?))
    }

    /// The inverse of square matrices over the last two axes: [`Array::solve`] for the columns of the identity. To
    /// solve for some right-hand sides takes less, and loses less.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[0.0_f64, 2.0], [4.0, 0.0]].into_dyn())?;
    /// assert_eq!(cx.compute(a.inv())?, array![[0.0, 0.25], [0.5, 0.0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// For what is no stack of square matrices, and for floats of 16 bits.
    #[track_caller]
    #[must_use]
    pub fn inv(&self) -> Array<T::Quotient> {
        Array::of(done(solve::inv(self.expr())))
    }

    /// The determinant of square matrices over the last two axes, which it drops: by way of [`Array::slogdet`], as
    /// NumPy has it, so that no product on the way is too large or too small.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[1_i32, 2], [2, 4]].into_dyn())?;
    /// assert_eq!(cx.compute(a.det())?[[]], 0.0);
    /// assert_eq!(cx.compute(cx.zeros::<f64>(&[3, 0, 0])?.det())?, array![1.0, 1.0, 1.0].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Array::inv`].
    #[track_caller]
    #[must_use]
    pub fn det(&self) -> Array<T::Quotient> {
        Array::of(done(solve::det(self.expr())))
    }

    /// The sign of the determinant of square matrices over the last two axes, which it drops, and the logarithm of its
    /// modulus: `sign * exp(logarithm)`. The sign of a complex one is a number of modulus 1. Of a singular matrix these
    /// are 0 and minus infinity.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let (sign, logarithm) = (cx.eye::<f64>(500, 500, 0)? * -1e-3).slogdet();
    /// assert_eq!(cx.compute(sign)?[[]], 1.0);
    /// assert!((cx.compute(logarithm)?[[]] + 500.0 * f64::ln(1e3)).abs() < 1e-9);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Array::inv`].
    #[track_caller]
    #[must_use]
    pub fn slogdet(&self) -> SignAndLogarithm<T::Quotient> {
        let (sign, logarithm) = done(solve::slogdet(self.expr()));
        (Array::of(sign), Array::of(logarithm))
    }

    /// `(p, l, u)` with `a = p l u` for square matrices over the last two axes: `p` is the identity with its rows
    /// exchanged, `l` lower triangular with ones on its diagonal, `u` upper triangular. The rows are exchanged so that
    /// the pivot of each column, by which it is divided, is the largest element that is left of it, the first of equal
    /// ones; the size of a complex number is the sum of those of its parts.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::array;
    /// let cx = Context::default();
    /// let a = cx.from_ndarray(array![[2.0_f64, 7.0], [4.0, 8.0]].into_dyn())?;
    /// let (p, l, u) = a.lu();
    /// assert_eq!(cx.compute(p.clone())?, array![[0.0, 1.0], [1.0, 0.0]].into_dyn());
    /// assert_eq!(cx.compute(l.clone())?, array![[1.0, 0.0], [0.5, 1.0]].into_dyn());
    /// assert_eq!(cx.compute(u.clone())?, array![[4.0, 8.0], [0.0, 3.0]].into_dyn());
    /// assert_eq!(cx.compute(p.matmul(&l).matmul(&u))?, array![[2.0, 7.0], [4.0, 8.0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Array::inv`].
    #[track_caller]
    #[must_use]
    pub fn lu(&self) -> Factors<T::Quotient> {
        let (p, l, u) = done(solve::lu(self.expr()));
        (Array::of(p), Array::of(l), Array::of(u))
    }
}
