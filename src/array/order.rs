//! Elements in order: sorted, and the positions that sort them.

use super::{Array, Kind, done};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::pending::when_known;
use crate::op::regional::LineOp;
use crate::shape::axes::Axes;

/// `op` along one axis of `x`, which keeps its length.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis.
#[track_caller]
pub fn along(x: &Expr, op: LineOp, axis: &Axes) -> Result<Expr> {
    let name = op.name();
    let axes = axis.resolve(name, x.shape.rank(), &x.names)?;
    let [axis] = axes.as_slice() else {
        return Err(Error::axis(name, format!("goes along one axis, not {} of {}", axes.len(), x.shape)));
    };
    let axis = *axis;
    when_known(name, std::slice::from_ref(x), move |e| {
        let len = e[0].shape.known()?[axis];
        build::lines(&e[0], op.clone(), axis, len)
    })
}

impl<T: Kind> Array<T> {
    /// The elements in ascending order along an axis: NaN last, complex numbers by real part, then by imaginary part.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3, 1, 2]).into_dyn())?;
    /// assert_eq!(cx.compute(x.sort(0))?.as_slice().unwrap(), &[1, 2, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sort(&self, axis: impl Into<Axes>) -> Self {
        Self::of(done(along(self.expr(), LineOp::Sort, &axis.into())))
    }

    /// The positions along an axis of the elements in ascending order; of equal ones, the first comes first.
    #[track_caller]
    #[must_use]
    pub fn argsort(&self, axis: impl Into<Axes>) -> Array<i64> {
        Array::of(done(along(self.expr(), LineOp::Argsort, &axis.into())))
    }
}
