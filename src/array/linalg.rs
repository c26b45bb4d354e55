//! Products of matrices and vectors.

use super::{Array, Kind, done};
use crate::error::Result;
use crate::linalg::matmul;

impl<T: Kind> Array<T> {
    /// `a @ b`: matrices over the last two axes, the others broadcast; a vector is a row on the left, a column on the right.
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

    /// NumPy's `dot`: [`Array::matmul`] for vectors and matrices; for more axes, sums over the last of one and the last
    /// but one of the other.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, other: &Self) -> Self {
        Self::of(done(matmul::dot(self.expr(), other.expr())))
    }
}
