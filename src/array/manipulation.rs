//! The same elements, seen differently: transposes, flips, broadcasts, joins, chunks.

use super::creation::chunk_lengths;
use super::{Array, Kind, done};
use crate::chunk::Chunks;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::pending::when_known;
use crate::shape::axes::{Axes, UNNAMED, position};
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape};

impl<T: Kind> Array<T> {
    /// The axes in reverse order.
    #[track_caller]
    #[must_use]
    pub fn t(&self) -> Self {
        let order: Vec<usize> = (0..self.ndim()).rev().collect();
        Self::of(done(build::transpose(self.expr(), &order)))
    }

    /// The axes in this order; negative numbers count from the end.
    #[track_caller]
    #[must_use]
    pub fn transpose(&self, order: &[isize]) -> Self {
        done(self.try_transpose(order))
    }

    /// As [`Array::transpose`].
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) unless `order` is a permutation of the axes.
    #[track_caller]
    pub fn try_transpose(&self, order: &[isize]) -> Result<Self> {
        let order: Vec<usize> = order.iter().map(|&a| position("transpose", a, self.ndim())).collect::<Result<_>>()?;
        Ok(Self::of(build::transpose(self.expr(), &order)?))
    }

    /// Reversed along these axes.
    #[track_caller]
    #[must_use]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        Self::of(done(flip(self.expr(), &axes.into())))
    }

    /// Stretched to `shape`.
    #[track_caller]
    #[must_use]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Self {
        Self::of(done(build::broadcast_to(self.expr(), &shape.into())))
    }

    /// The same elements, in C order, under another shape; one length may be -1, for what is left.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(24)?.reshape(&[2, 3, -1]);
    /// assert_eq!(cx.compute(x.sum(2))?, ndarray::array![[6, 22, 38], [54, 70, 86]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn reshape(&self, shape: &[isize]) -> Self {
        done(self.try_reshape(shape))
    }

    /// As [`Array::reshape`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the elements do not fit.
    #[track_caller]
    pub fn try_reshape(&self, shape: &[isize]) -> Result<Self> {
        let shape = crate::shape::reshaped(&self.expr().shape.known()?, shape)?;
        Ok(Self::of(build::reshape(self.expr(), &shape)?))
    }

    /// All elements in C order along one axis.
    #[track_caller]
    #[must_use]
    pub fn ravel(&self) -> Self {
        self.reshape(&[-1])
    }

    /// The same elements in chunks of this shape; -1 takes a whole axis, and axes of length
    /// [`AUTO`](crate::chunk::AUTO) are cut as chunks of 4 MiB want it.
    ///
    /// ```
    /// # use hyperslab::{Context, chunk::AUTO};
    /// # let cx = Context::default();
    /// let x = cx.zeros::<f32>(&[100, 60])?.rechunk(&[10, -1]);
    /// assert_eq!(x.chunks().counts(), vec![10, 1]);
    /// let series = cx.zeros::<f32>(&[1024, 360, 720])?.rechunk(&[-1, AUTO, AUTO]);
    /// assert_eq!(series.chunks().longest(), vec![1024, 30, 32]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn rechunk(&self, chunk: &[isize]) -> Self {
        done(self.try_rechunk(chunk))
    }

    /// As [`Array::rechunk`].
    ///
    /// # Errors
    /// [`Chunks`](crate::ErrorKind::Chunks) for a wrong rank or length.
    #[track_caller]
    pub fn try_rechunk(&self, chunk: &[isize]) -> Result<Self> {
        let shape = self.shape().known()?;
        let grid = Chunks::regular(&shape, &chunk_lengths(&shape, chunk, self.dtype())?)?;
        Ok(Self::of(build::rechunk(self.expr(), grid)?))
    }

    /// Arrays joined along an existing axis.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the other axes differ.
    #[track_caller]
    pub fn concatenate(arrays: &[Self], axis: isize) -> Result<Self> {
        let exprs: Vec<Expr> = arrays.iter().map(|a| a.expr().clone()).collect();
        let rank = exprs.first().map_or(0, |e| e.shape.rank());
        Ok(Self::of(build::concatenate(&exprs, position("concatenate", axis, rank)?)?))
    }

    /// Arrays of equal shape joined along a new axis.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the shapes differ.
    #[track_caller]
    pub fn stack(arrays: &[Self], axis: isize) -> Result<Self> {
        let exprs: Vec<Expr> = arrays.iter().map(|a| a.expr().clone()).collect();
        Ok(Self::of(stack(&exprs, axis)?))
    }

    /// A new axis of length 1 before position `axis` of the result.
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) when there is no such position.
    #[track_caller]
    pub fn expand_dims(&self, axis: isize) -> Result<Self> {
        Ok(Self::of(expand_dims(self.expr(), &[axis])?))
    }

    /// Without the axes of length 1, or without these, which must have length 1.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when a named axis is longer.
    #[track_caller]
    pub fn squeeze(&self, axes: Option<Axes>) -> Result<Self> {
        Ok(Self::of(squeeze(self.expr(), axes.as_ref())?))
    }
}

/// Reversed along `axes`.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there.
#[track_caller]
pub fn flip(x: &Expr, axes: &Axes) -> Result<Expr> {
    let axes = axes.resolve("flip", x.shape.rank(), &x.names)?;
    let items: Vec<Item> = (0..x.shape.rank())
        .map(|a| Item::Slice { start: None, stop: None, step: if axes.contains(&a) { -1 } else { 1 } })
        .collect();
    build::index(x, &items)
}

/// New axes of length 1 at these positions of the result.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for a position that is not there, or given twice.
#[track_caller]
pub fn expand_dims(x: &Expr, axes: &[isize]) -> Result<Expr> {
    let rank = x.shape.rank() + axes.len();
    let new = Axes::from(axes).resolve("expand_dims", rank, UNNAMED)?;
    let full = Item::from(..);
    let items: Vec<Item> = (0..rank).map(|a| if new.contains(&a) { Item::NewAxis } else { full.clone() }).collect();
    build::index(x, &items)
}

/// Without axes of length 1.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when a named axis is longer.
#[track_caller]
pub fn squeeze(x: &Expr, axes: Option<&Axes>) -> Result<Expr> {
    if !x.shape.is_known() {
        let axes = axes.cloned();
        return when_known("squeeze", std::slice::from_ref(x), move |e| squeeze(&e[0], axes.as_ref()));
    }
    let dims = x.shape.dims();
    let gone = match axes {
        None => (0..dims.len()).filter(|&a| dims[a] == Dim::Known(1)).collect(),
        Some(axes) => axes.resolve("squeeze", dims.len(), &x.names)?,
    };
    if let Some(&long) = gone.iter().find(|&&a| dims[a] != Dim::Known(1)) {
        return Err(Error::shape("squeeze", format!("axis {long} of shape {} does not have length 1", x.shape)));
    }
    let items: Vec<Item> =
        (0..dims.len()).map(|a| if gone.contains(&a) { Item::Index(0) } else { Item::from(..) }).collect();
    build::index(x, &items)
}

/// Arrays of equal shape joined along a new axis.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the shapes differ.
#[track_caller]
pub fn stack(arrays: &[Expr], axis: isize) -> Result<Expr> {
    let Some(first) = arrays.first() else {
        return Err(Error::shape("stack", "there is no array to join"));
    };
    if !arrays.iter().all(|e| e.shape.is_known()) {
        return when_known("stack", arrays, move |e| stack(e, axis));
    }
    if let Some(other) = arrays.iter().find(|e| e.shape != first.shape) {
        return Err(Error::shape("stack", format!("shapes {} and {} differ", first.shape, other.shape)));
    }
    let at = position("stack", axis, first.shape.rank() + 1)?;
    let thick = arrays.iter().map(|e| expand_dims(e, &[at.cast_signed()])).collect::<Result<Vec<_>>>()?;
    build::concatenate(&thick, at)
}
