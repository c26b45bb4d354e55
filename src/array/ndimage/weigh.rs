//! Sums of elements with weights: correlation and uniform filters.

use super::{Around, Ndimage, along, per_axis, run, spread, spread_origins, starts, with_numbers};
use crate::array::{Array, Kind};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{binary, unary};
use crate::expr::pending::when_known;
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::filter::{Edge, Join, Number, Pass, PassOp};
use crate::shape;
use crate::shape::axes::position;

/// Which of two operations weights mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Weights follow the elements.
    Correlation,
    /// Weights go against them.
    Convolution,
}

/// The dtype of a result, without another one: that of the elements.
pub(super) fn output(x: &Expr, around: &Around) -> DType {
    around.output.unwrap_or(x.dtype)
}

/// Filters whose results are made complex where the elements are.
const WIDENED: &[&str] =
    &["correlate1d", "convolve1d", "correlate", "convolve", "gaussian_filter1d", "uniform_filter", "uniform_filter1d"];

/// Chains of passes in the dtype of a result.
pub(super) fn filtered(
    name: &'static str,
    x: &Expr,
    chains: Vec<Vec<Pass>>,
    join: Join,
    around: &Around,
) -> Result<Expr> {
    let out = output(x, around);
    let out = match (x.dtype.is_complex(), out.is_complex()) {
        (true, false) if WIDENED.contains(&name) => promote(out, DType::C64),
        (true, false) | (false, true) => {
            return Err(Error::dtype(name, format!("the result of {} is not {out}", x.dtype)));
        }
        _ => out,
    };
    run(name, x, chains, join, out)
}

/// Sums with weights that may be complex: part by part.
fn linear(
    name: &'static str,
    x: &Expr,
    weights: &Expr,
    around: &Around,
    conjugate: bool,
    body: impl Fn(&Expr, &[usize], &[f64], &Around) -> Result<Expr> + Clone + Send + Sync + 'static,
) -> Result<Expr> {
    let real = |x: &Expr, weights: &Expr| {
        let (around, body) = (around.clone(), body.clone());
        with_numbers(name, x, weights, move |x, window, weights| body(x, window, weights, &around))
    };
    if !weights.dtype.is_complex() {
        return real(x, weights);
    }
    let x = build::cast(x, promote(x.dtype, DType::C64))?;
    let (re, im) = (real(&x, &unary(Op::Real, weights)?)?, real(&x, &unary(Op::Imag, weights)?)?);
    let unit = Scalar::Complex(num_complex::Complex64::new(0.0, if conjugate { -1.0 } else { 1.0 }));
    binary(Op::Add, &re, &binary(Op::Multiply, &im, Arg::Scalar(unit))?)
}

/// A pass along one axis with these weights.
pub(super) fn weighted(name: &str, at: (usize, isize), weights: &[f64], edges: &[Edge], cval: f64) -> Result<Pass> {
    let weights: Vec<Number> = weights.iter().copied().map(Number::from).collect();
    let (axis, origin) = at;
    along(name, (axis, weights.len(), origin), edges, cval, PassOp::Weighted { axis, weights })
}

/// The correlation, or convolution, of `x` along one axis with weights.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis), and [`Argument`](crate::ErrorKind::Argument) for weights that are no vector, and
/// an origin outside it.
#[track_caller]
pub fn along_axis(x: &Expr, weights: &Expr, axis: isize, product: Product, around: &Around) -> Result<Expr> {
    let name = if product == Product::Correlation { "correlate1d" } else { "convolve1d" };
    let rank = x.shape.rank();
    let axis = position(name, axis, rank)?;
    around.edge(name, rank)?;
    linear(name, x, weights, around, product == Product::Correlation, move |x, window, weights, around| {
        let [n] = window else {
            return Err(Error::argument(name, "weights stand in a vector"));
        };
        if *n == 0 {
            return Err(Error::argument(name, "there are no weights"));
        }
        let (mut weights, mut origin) = (weights.to_vec(), one_origin(name, around)?);
        if product == Product::Convolution {
            weights.reverse();
            origin = -origin - isize::from(n % 2 == 0);
        }
        let pass = weighted(name, (axis, origin), &weights, &around.edge(name, x.shape.rank())?, around.cval)?;
        filtered(name, x, vec![vec![pass]], Join::Sum, around)
    })
}

/// The one origin of a filter along one axis.
fn one_origin(name: &str, around: &Around) -> Result<isize> {
    Ok(per_axis(name, "origins", &around.origins, 1)?[0])
}

/// The correlation, or convolution, of `x` with an array of weights.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for weights of another rank, a list of modes, and an origin outside the
/// weights.
#[track_caller]
pub fn around_elements(x: &Expr, weights: &Expr, product: Product, around: &Around) -> Result<Expr> {
    let name = if product == Product::Correlation { "correlate" } else { "convolve" };
    around.axes(name, x.shape.rank())?;
    linear(name, x, weights, around, product == Product::Correlation, move |x, window, weights, around| {
        let rank = x.shape.rank();
        let axes = around.axes(name, rank)?;
        let lengths = spread(name, &axes, rank, window)?;
        let mut origins = spread_origins(name, &axes, rank, &around.origins)?;
        let mut weights = weights.to_vec();
        if product == Product::Convolution {
            weights.reverse();
            origins.iter_mut().zip(&lengths).for_each(|(o, n)| *o = -*o - isize::from(n % 2 == 0));
        }
        let before = starts(name, &lengths, &origins)?;
        let edges = around.edge(name, rank)?;
        if weights.is_empty() {
            return Err(Error::argument(name, "there are no weights"));
        }
        // SciPy leaves out what hardly counts.
        let counting = weights.iter().enumerate().filter(|(_, w)| w.abs() > f64::EPSILON);
        let weights = counting.map(|(i, &w)| (i, Number::from(w))).collect();
        let constant = Number::from(around.cval);
        let pass = Pass { op: PassOp::Correlate { weights }, window: lengths, before, edges, constant };
        filtered(name, x, vec![vec![pass]], Join::Sum, around)
    })
}

/// The mean of `size` elements along some axes, one after another.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an empty window, an origin outside it, and lists that have not one item
/// for each axis.
#[track_caller]
pub fn uniform_filter(x: &Expr, size: &[usize], around: &Around) -> Result<Expr> {
    let (size, around) = (size.to_vec(), around.clone());
    when_known("uniform_filter", std::slice::from_ref(x), move |e| {
        let passes = sized("uniform_filter", &e[0], &size, &around, &|axis| PassOp::Mean { axis })?;
        filtered("uniform_filter", &e[0], vec![passes], Join::Sum, &around)
    })
}

/// As [`uniform_filter`], along one axis.
///
/// # Errors
/// As [`uniform_filter`].
#[track_caller]
pub fn uniform_filter1d(x: &Expr, size: usize, axis: isize, around: &Around) -> Result<Expr> {
    let around = around.clone();
    let axis = position("uniform_filter1d", axis, x.shape.rank())?;
    when_known("uniform_filter1d", std::slice::from_ref(x), move |e| {
        let pass = sized1d("uniform_filter1d", &e[0], (size, axis), &around, PassOp::Mean { axis })?;
        filtered("uniform_filter1d", &e[0], vec![vec![pass]], Join::Sum, &around)
    })
}

/// Passes of windows of these sizes along the axes of a filter; those of one element are left out.
pub(super) fn sized(
    name: &str,
    x: &Expr,
    size: &[usize],
    around: &Around,
    op: &dyn Fn(usize) -> PassOp,
) -> Result<Vec<Pass>> {
    let rank = x.shape.rank();
    let axes = around.axes(name, rank)?;
    let edges = around.edges(name, &axes, rank)?;
    let sizes = per_axis(name, "sizes", size, axes.len())?;
    let origins = per_axis(name, "origins", &around.origins, axes.len())?;
    let each = axes.iter().zip(sizes).zip(origins).filter(|((_, size), _)| *size > 1);
    each.map(|((&axis, size), origin)| along(name, (axis, size, origin), &edges, around.cval, op(axis))).collect()
}

/// A pass of a window of this size along one axis.
pub(super) fn sized1d(name: &str, x: &Expr, (size, axis): (usize, usize), around: &Around, op: PassOp) -> Result<Pass> {
    if size == 0 {
        return Err(Error::argument(name, "a window has elements"));
    }
    let edges = around.edge(name, x.shape.rank())?;
    along(name, (axis, size, one_origin(name, around)?), &edges, around.cval, op)
}

/// A vector or an array of numbers in memory.
pub(super) fn table(shape: &[usize], numbers: &[f64]) -> Result<Expr> {
    if shape::size(shape) != numbers.len() {
        return Err(Error::shape("weights", format!("{} numbers for {}", numbers.len(), shape::tuple(shape))));
    }
    Ok(crate::array::creation::in_memory(crate::device::block::Block::from_vec(numbers.to_vec(), shape)?))
}

impl<T: Kind> Ndimage<T> {
    /// The sum of neighbours along `axis`, each times a weight.
    ///
    /// # Errors
    /// As [`along_axis`].
    #[track_caller]
    pub fn correlate1d(&self, weights: &[f64], axis: isize) -> Result<Array<T>> {
        let weights = table(&[weights.len()], weights)?;
        Ok(Self::array(along_axis(&self.x, &weights, axis, Product::Correlation, &self.around)?))
    }

    /// As [`correlate1d`](Self::correlate1d), with the weights in reverse.
    ///
    /// # Errors
    /// As [`along_axis`].
    #[track_caller]
    pub fn convolve1d(&self, weights: &[f64], axis: isize) -> Result<Array<T>> {
        let weights = table(&[weights.len()], weights)?;
        Ok(Self::array(along_axis(&self.x, &weights, axis, Product::Convolution, &self.around)?))
    }

    /// The sum of the elements in a window, each times a weight.
    ///
    /// # Errors
    /// As [`around_elements`].
    #[track_caller]
    pub fn correlate<W: Kind>(&self, weights: &Array<W>) -> Result<Array<T>> {
        Ok(Self::array(around_elements(&self.x, &real(weights)?, Product::Correlation, &self.around)?))
    }

    /// As [`correlate`](Self::correlate), with the weights in reverse along every axis.
    ///
    /// # Errors
    /// As [`around_elements`].
    #[track_caller]
    pub fn convolve<W: Kind>(&self, weights: &Array<W>) -> Result<Array<T>> {
        Ok(Self::array(around_elements(&self.x, &real(weights)?, Product::Convolution, &self.around)?))
    }

    /// The mean of windows of these sizes: one, or one for each axis.
    ///
    /// # Errors
    /// As [`uniform_filter`].
    #[track_caller]
    pub fn uniform_filter(&self, size: &[usize]) -> Result<Array<T>> {
        Ok(Self::array(uniform_filter(&self.x, size, &self.around)?))
    }

    /// The mean of windows along one axis.
    ///
    /// # Errors
    /// As [`uniform_filter`].
    #[track_caller]
    pub fn uniform_filter1d(&self, size: usize, axis: isize) -> Result<Array<T>> {
        Ok(Self::array(uniform_filter1d(&self.x, size, axis, &self.around)?))
    }
}

/// Weights of a filter whose result has the dtype of its input.
fn real<W: Kind>(weights: &Array<W>) -> Result<Expr> {
    if weights.dtype().is_complex() {
        return Err(Error::dtype(
            "correlate",
            "complex weights have a result of another dtype; `around_elements` takes them",
        ));
    }
    Ok(weights.expr().clone())
}
