//! Sums and moments of elements that weigh differently, what is NaN left out of elements and weights alike.

use super::places::take_along_axis;
use super::quantile::in_lines;
use super::reduction::Over;
use super::{Array, Kind};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::build::{self, cast};
use crate::expr::compose::{
    as_axis, binary, choice, constant_along, joined, range, reduce, running_sum, unary, without,
};
use crate::expr::{Expr, regions};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::LineOp;
use crate::shape::axes::Axes;
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;

/// An array whose elements weigh differently. Made by [`Array::weighted`].
#[derive(Debug, Clone)]
pub struct Weighted<T: Kind> {
    array: Array<T>,
    /// Broadcasts with the array.
    weights: Expr,
}

impl<T: Kind> Array<T> {
    /// The array with weights: of a shape that broadcasts to its own, or of the lengths of `axes`, where these are
    /// given.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let field = cx.from_ndarray(ndarray::arr2(&[[1.0, f64::NAN], [3.0, 5.0]]).into_dyn())?;
    /// // Rows of a grid shrink with the cosine of their latitude.
    /// let area = (cx.linspace(0.0, 60.0, 2)? * (std::f64::consts::PI / 180.0)).cos();
    /// let mean = field.weighted(&area, Some(0.into()))?.mean(..)?;
    /// assert!((cx.compute(mean)?.to_ndarray::<f64>()?[[]] - (1.0 + 0.5 * 8.0) / 2.0).abs() < 1e-12);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Shape`](crate::ErrorKind::Shape) where the
    /// weights do not fit.
    #[track_caller]
    pub fn weighted<W: Kind>(&self, weights: &Array<W>, axes: Option<Axes>) -> Result<Weighted<T>> {
        let (name, rank) = ("weighted", self.ndim());
        let weights = match axes {
            None => weights.expr().clone(),
            Some(axes) => match axes.resolve(name, rank, self.names())?.as_slice() {
                [axis] if weights.ndim() == 1 => as_axis(weights.expr(), *axis, rank)?,
                axes if axes.len() == weights.ndim() => {
                    let item = |a: usize| if axes.contains(&a) { Item::from(..) } else { Item::NewAxis };
                    build::index(weights.expr(), &(0..rank).map(item).collect::<Vec<_>>())?
                }
                axes => {
                    let why = format!("weights of shape {} for {} axes", weights.shape(), axes.len());
                    return Err(Error::shape(name, why));
                }
            },
        };
        if broadcast(name, &[self.shape(), &weights.shape])? != *self.shape() {
            let (have, want) = (&weights.shape, self.shape());
            return Err(Error::shape(name, format!("weights of shape {have} for an array of shape {want}")));
        }
        Ok(Weighted { array: self.clone(), weights })
    }
}

impl<T: Kind> Weighted<T> {
    /// The sum of the weights of what is not NaN; NaN where that is 0.
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there.
    #[track_caller]
    pub fn sum_of_weights(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| self.weight(axes))
    }

    /// The sum of elements times their weights.
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights).
    #[track_caller]
    pub fn sum(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| self.total(self.array.expr(), axes))
    }

    /// The weighted mean.
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights).
    #[track_caller]
    pub fn mean(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| self.average(axes))
    }

    /// The weighted sum of squared distances from the weighted mean.
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights).
    #[track_caller]
    pub fn sum_of_squares(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| self.squares(axes))
    }

    /// The weighted mean of squared distances from the weighted mean.
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights).
    #[track_caller]
    pub fn var(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| binary(Op::Divide, &self.squares(axes)?, &self.weight(axes)?))
    }

    /// The root of [`var`](Self::var).
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights).
    #[track_caller]
    pub fn std(&self, over: impl Into<Over>) -> Result<Array> {
        self.over(&over.into(), |axes| unary(Op::Sqrt, &binary(Op::Divide, &self.squares(axes)?, &self.weight(axes)?)?))
    }

    /// The weighted quantile at a level between 0 and 1, linear between elements, of as many elements as their weights
    /// are worth (Kish): that of the elements alone where all weigh the same.
    ///
    /// # Errors
    /// As [`sum_of_weights`](Self::sum_of_weights); [`Argument`](crate::ErrorKind::Argument) for another level.
    #[track_caller]
    pub fn quantile(&self, level: f64, over: impl Into<Over>) -> Result<Array> {
        if !(0.0..=1.0).contains(&level) {
            return Err(Error::argument("quantile", format!("levels lie between 0 and 1, and {level} does not")));
        }
        self.over(&over.into(), |axes| self.level(level, axes))
    }

    /// What `of` makes over the axes, which stay with length 1, as the caller wants them.
    #[track_caller]
    fn over(&self, over: &Over, of: impl FnOnce(&[usize]) -> Result<Expr>) -> Result<Array> {
        let axes = over.axes.resolve("weighted", self.array.ndim(), self.array.names())?;
        let kept = of(&axes)?;
        Ok(Array::of(if over.keep { kept } else { without(&kept, &axes)? }))
    }

    /// `x` where the elements are not NaN, 0 elsewhere.
    fn there(&self, x: &Expr) -> Result<Expr> {
        let own = self.array.expr();
        if !own.dtype.is_inexact() {
            return Ok(x.clone());
        }
        choice(&binary(Op::Equal, own, own)?, x, 0)
    }

    fn weight(&self, axes: &[usize]) -> Result<Expr> {
        let each = build::broadcast_to(&self.weights, self.array.shape())?;
        let sum = reduce(&self.there(&each)?, "sum", axes, None)?;
        choice(&binary(Op::NotEqual, &sum, 0)?, &sum, f64::NAN)
    }

    fn total(&self, x: &Expr, axes: &[usize]) -> Result<Expr> {
        reduce(&self.there(&binary(Op::Multiply, x, &self.weights)?)?, "sum", axes, None)
    }

    fn average(&self, axes: &[usize]) -> Result<Expr> {
        binary(Op::Divide, &self.total(self.array.expr(), axes)?, &self.weight(axes)?)
    }

    fn squares(&self, axes: &[usize]) -> Result<Expr> {
        let apart = binary(Op::Subtract, self.array.expr(), &self.average(axes)?)?;
        self.total(&binary(Op::Multiply, &apart, &apart)?, axes)
    }

    fn level(&self, level: f64, axes: &[usize]) -> Result<Expr> {
        let lengths = self.array.shape().known()?;
        let (axis, n) = (lengths.len() - axes.len(), axes.iter().map(|&a| lengths[a]).product::<usize>());
        let line = |x: &Expr| in_lines(&cast(x, DType::F64)?, axes);
        let each = build::broadcast_to(&self.weights, self.array.shape())?;
        let (x, w) = (line(self.array.expr())?, line(&self.there(&each)?)?);
        let by = regions::lines(std::slice::from_ref(&x), LineOp::Argsort, axis, n)?;
        let along = |x: &Expr| take_along_axis(x, &by, Some(axis));
        let (x, sorted) = (along(&x)?, along(&w)?);
        let sum = reduce(&w, "sum", &[axis], None)?;
        let squares = reduce(&binary(Op::Multiply, &w, &w)?, "sum", &[axis], None)?;
        let worth = binary(Op::Divide, &binary(Op::Multiply, &sum, &sum)?, &squares)?;
        let place = binary(Op::Add, &binary(Op::Multiply, &binary(Op::Subtract, &worth, 1)?, level)?, 1)?;
        let low = binary(Op::Divide, &binary(Op::Subtract, &place, 1)?, &worth)?;
        let high = binary(Op::Divide, &place, &worth)?;
        let parts = binary(Op::Divide, &sorted, &sum)?;
        let upto = running_sum(&parts, axis, None)?;
        let none = constant_along(&upto, axis, 1.min(n), 0, DType::F64)?;
        let before = joined(&[none, range(&upto, axis, 0, n.saturating_sub(1))?], axis)?;
        let share = |at: &Expr| binary(Op::Maximum, &low, &binary(Op::Minimum, &high, at)?);
        let share = binary(Op::Multiply, &binary(Op::Subtract, &share(&upto)?, &share(&before)?)?, &worth)?;
        let x = choice(&binary(Op::Equal, &x, &x)?, &x, 0)?;
        let found = reduce(&binary(Op::Multiply, &x, &share)?, "sum", &[axis], None)?;
        let rest: Vec<usize> = (0..lengths.len()).map(|a| if axes.contains(&a) { 1 } else { lengths[a] }).collect();
        build::reshape(&found, &rest)
    }
}
