//! Sums of elements with weights: correlation, Gaussian and uniform filters, derivatives.

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

/// The width of Gaussian filters, and which of their derivatives. Each list has one item for all axes, or one for each.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// Standard deviations.
    pub sigma: Vec<f64>,
    /// Derivatives.
    pub order: Vec<usize>,
    /// The standard deviations after which weights end.
    pub truncate: f64,
    /// The numbers of elements after which they end; found from `truncate` without.
    pub radius: Vec<Option<usize>>,
}

impl Gaussian {
    /// Gaussian filters of these standard deviations.
    #[must_use]
    pub fn new(sigma: &[f64]) -> Self {
        Self { sigma: sigma.to_vec(), order: vec![0], truncate: 4.0, radius: vec![None] }
    }
}

/// The most elements of a window along an axis.
const LONGEST: usize = 1 << 20;

/// Which of two operations weights mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Weights follow the elements.
    Correlation,
    /// Weights go against them.
    Convolution,
}

/// The dtype of a result, without another one: that of the elements.
fn output(x: &Expr, around: &Around) -> DType {
    around.output.unwrap_or(x.dtype)
}

/// Filters whose results are made complex where the elements are.
const WIDENED: &[&str] =
    &["correlate1d", "convolve1d", "correlate", "convolve", "gaussian_filter1d", "uniform_filter", "uniform_filter1d"];

/// Chains of passes in the dtype of a result.
fn filtered(name: &'static str, x: &Expr, chains: Vec<Vec<Pass>>, join: Join, around: &Around) -> Result<Expr> {
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
fn weighted(name: &str, at: (usize, isize), weights: &[f64], edges: &[Edge], cval: f64) -> Result<Pass> {
    let weights: Vec<Number> = weights.iter().copied().map(Number::from).collect();
    let (axis, origin) = at;
    along(name, (axis, weights.len(), origin), edges, cval, PassOp::Weighted { axis, weights })
}

/// The correlation, or convolution, of `x` along one axis with weights.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis), and [`Argument`](crate::ErrorKind::Argument) for weights that are no vector, and an origin outside it.
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
/// [`Argument`](crate::ErrorKind::Argument) for weights of another rank, a list of modes, and an origin outside the weights.
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

/// The weights of a Gaussian, or of one of its derivatives, as SciPy rounds them.
fn gaussian_weights(name: &str, sigma: f64, order: usize, radius: usize) -> Result<Vec<f64>> {
    if radius > LONGEST {
        return Err(Error::unsupported(format!("{name} with windows of more than {LONGEST} elements is not offered")));
    }
    #[expect(clippy::cast_precision_loss, reason = "windows are short")]
    let places: Vec<f64> = (0..=2 * radius).map(|i| i as f64 - radius as f64).collect();
    let variance = sigma * sigma;
    let phi: Vec<f64> = places.iter().map(|x| (-0.5 / variance * (x * x)).exp()).collect();
    let total = pairwise(&phi);
    let phi = phi.iter().map(|p| p / total);
    if order == 0 {
        return Ok(phi.collect());
    }
    let mut q = vec![0.0; order + 1];
    q[0] = 1.0;
    for _ in 0..order {
        #[expect(clippy::cast_precision_loss, reason = "orders are small")]
        let next = |i: usize| {
            let up = if i < order { (i + 1) as f64 * q[i + 1] } else { 0.0 };
            if i > 0 { (1.0 / -variance) * q[i - 1] + up } else { up }
        };
        q = (0..=order).map(next).collect();
    }
    let polynomial = |x: f64| {
        let (mut sum, mut power) = (0.0, 1.0);
        for c in &q {
            sum += power * c;
            power *= x;
        }
        sum
    };
    // A correlation with the weights in reverse.
    Ok(places.iter().zip(phi).map(|(x, p)| polynomial(*x) * p).rev().collect())
}

/// The sum, in NumPy's order.
fn pairwise(x: &[f64]) -> f64 {
    match x.len() {
        0..8 => x.iter().fold(0.0, |a, b| a + b),
        8..=128 => {
            let mut lanes = [0.0; 8];
            let (rows, rest) = x.as_chunks::<8>();
            for row in rows {
                lanes.iter_mut().zip(row).for_each(|(lane, x)| *lane += x);
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, x| sum + x)
        }
        n => {
            let half = n / 2 - n / 2 % 8;
            pairwise(&x[..half]) + pairwise(&x[half..])
        }
    }
}

/// The width of a Gaussian's window on each side.
fn radius(name: &str, sigma: f64, truncate: f64, given: Option<usize>) -> Result<usize> {
    if let Some(radius) = given {
        return Ok(radius);
    }
    let radius = (truncate * sigma + 0.5).trunc();
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "checked")]
    if radius >= 0.0 && radius < LONGEST as f64 {
        Ok(radius as usize)
    } else {
        Err(Error::argument(name, format!("{truncate} standard deviations of {sigma} are no radius")))
    }
}

/// The passes of a Gaussian filter along `axes`, of these orders.
fn gaussian_passes(
    name: &str,
    (axes, edges): (&[usize], &[Edge]),
    gaussian: &Gaussian,
    orders: &[usize],
    cval: f64,
) -> Result<Vec<Pass>> {
    let sigmas = per_axis(name, "standard deviations", &gaussian.sigma, axes.len())?;
    let radii = per_axis(name, "radii", &gaussian.radius, axes.len())?;
    let mut passes = Vec::new();
    for (i, &axis) in axes.iter().enumerate().filter(|(i, _)| sigmas[*i] > 1e-15) {
        let radius = radius(name, sigmas[i], gaussian.truncate, radii[i])?;
        let weights = gaussian_weights(name, sigmas[i], orders[i], radius)?;
        passes.push(weighted(name, (axis, 0), &weights, edges, cval)?);
    }
    Ok(passes)
}

/// A Gaussian filter along some axes, one after another.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for lists that have not one item for each axis.
#[track_caller]
pub fn gaussian_filter(x: &Expr, gaussian: &Gaussian, around: &Around) -> Result<Expr> {
    let (gaussian, around) = (gaussian.clone(), around.clone());
    when_known("gaussian_filter", std::slice::from_ref(x), move |e| {
        let (name, rank) = ("gaussian_filter", e[0].shape.rank());
        let axes = around.axes(name, rank)?;
        let edges = around.edges(name, &axes, rank)?;
        let orders = per_axis(name, "orders", &gaussian.order, axes.len())?;
        let passes = gaussian_passes(name, (&axes, &edges), &gaussian, &orders, around.cval)?;
        filtered(name, &e[0], vec![passes], Join::Sum, &around)
    })
}

/// A Gaussian filter along one axis.
///
/// # Errors
/// As [`gaussian_filter`].
#[track_caller]
pub fn gaussian_filter1d(x: &Expr, axis: isize, gaussian: &Gaussian, around: &Around) -> Result<Expr> {
    let (name, axis) = ("gaussian_filter1d", position("gaussian_filter1d", axis, x.shape.rank())?);
    let (gaussian, around) = (gaussian.clone(), around.clone());
    when_known(name, std::slice::from_ref(x), move |e| {
        let edges = around.edge(name, e[0].shape.rank())?;
        let order = per_axis(name, "orders", &gaussian.order, 1)?[0];
        let sigma = per_axis(name, "standard deviations", &gaussian.sigma, 1)?[0];
        let radius = radius(name, sigma, gaussian.truncate, per_axis(name, "radii", &gaussian.radius, 1)?[0])?;
        let weights = gaussian_weights(name, sigma, order, radius)?;
        let pass = weighted(name, (axis, 0), &weights, &edges, around.cval)?;
        filtered(name, &e[0], vec![vec![pass]], Join::Sum, &around)
    })
}

/// The derivative along one axis by differences of neighbours, smoothed with `side` along the others: of 1 in the middle
/// that is [`prewitt`](Ndimage::prewitt), of 2 [`sobel`](Ndimage::sobel).
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there.
#[track_caller]
pub fn derivative(name: &'static str, x: &Expr, axis: isize, middle: f64, around: &Around) -> Result<Expr> {
    let axis = position(name, axis, x.shape.rank())?;
    let around = around.clone();
    when_known(name, std::slice::from_ref(x), move |e| {
        let rank = e[0].shape.rank();
        let edges = around.edges(name, &(0..rank).collect::<Vec<_>>(), rank)?;
        let mut passes = vec![weighted(name, (axis, 0), &[-1.0, 0.0, 1.0], &edges, around.cval)?];
        for other in (0..rank).filter(|&a| a != axis) {
            passes.push(weighted(name, (other, 0), &[1.0, middle, 1.0], &edges, around.cval)?);
        }
        filtered(name, &e[0], vec![passes], Join::Sum, &around)
    })
}

/// The sum of second differences along all axes.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for modes that are not one for each axis.
#[track_caller]
pub fn laplace(x: &Expr, around: &Around) -> Result<Expr> {
    let around = around.clone();
    when_known("laplace", std::slice::from_ref(x), move |e| {
        let (name, rank) = ("laplace", e[0].shape.rank());
        let axes = around.axes(name, rank)?;
        let edges = around.edges(name, &axes, rank)?;
        let chain = |&axis: &usize| Ok(vec![weighted(name, (axis, 0), &[1.0, -2.0, 1.0], &edges, around.cval)?]);
        let chains = axes.iter().map(chain).collect::<Result<_>>()?;
        filtered(name, &e[0], chains, Join::Sum, &around)
    })
}

/// For each axis the Gaussian filter that takes the derivative `order` along it: their sum, or the root of the sum of their
/// squares. As in SciPy, the mode of an axis is that of all axes when the derivative goes along it.
///
/// # Errors
/// As [`gaussian_filter`].
#[track_caller]
pub fn gaussian_derivatives(x: &Expr, order: usize, gaussian: &Gaussian, around: &Around) -> Result<Expr> {
    let (name, join) =
        if order == 2 { ("gaussian_laplace", Join::Sum) } else { ("gaussian_gradient_magnitude", Join::Norm) };
    let (gaussian, around) = (gaussian.clone(), around.clone());
    when_known(name, std::slice::from_ref(x), move |e| {
        let rank = e[0].shape.rank();
        let axes = around.axes(name, rank)?;
        let modes = per_axis(name, "modes", &around.modes, axes.len())?;
        let all: Vec<usize> = (0..rank).collect();
        let mut gaussian = gaussian.clone();
        if order == 2 && axes.len() < rank {
            let given = per_axis(name, "standard deviations", &gaussian.sigma, axes.len())?;
            let mut sigma = vec![0.0; rank];
            axes.iter().zip(given).for_each(|(&a, s)| sigma[a] = s);
            gaussian.sigma = sigma;
        }
        let mut chains = Vec::new();
        for (&axis, mode) in axes.iter().zip(modes) {
            let mut orders = vec![0; rank];
            orders[axis] = order;
            chains.push(gaussian_passes(name, (&all, &vec![mode.edge(); rank]), &gaussian, &orders, around.cval)?);
        }
        // Where nothing is filtered, the terms are the array itself.
        if chains.iter().all(Vec::is_empty) && !chains.is_empty() {
            return same_terms(&build::cast(&e[0], output(&e[0], &around))?, chains.len(), join);
        }
        filtered(name, &e[0], chains, join, &around)
    })
}

/// `count` terms that are all `x`, as one.
fn same_terms(x: &Expr, count: usize, join: Join) -> Result<Expr> {
    let term = if join == Join::Norm { binary(Op::Multiply, x, x)? } else { x.clone() };
    let sum = (1..count).try_fold(term.clone(), |sum, _| binary(Op::Add, &sum, &term))?;
    if join == Join::Norm { build::cast(&unary(Op::Sqrt, &sum)?, x.dtype) } else { Ok(sum) }
}

/// The mean of `size` elements along some axes, one after another.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an empty window, an origin outside it, and lists that have not one item for
/// each axis.
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

    /// A Gaussian filter; standard deviations are one, or one for each axis. [`gaussian_filter`] takes derivatives, and
    /// other radii.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.ones::<f32>(&[40, 50])?.rechunk(&[16, 16]);
    /// let smooth = cx.compute(x.ndimage().gaussian_filter(&[2.0])?)?;
    /// assert!(smooth.iter().all(|v| (v - 1.0).abs() < 1e-6));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`gaussian_filter`].
    #[track_caller]
    pub fn gaussian_filter(&self, sigma: &[f64]) -> Result<Array<T>> {
        Ok(Self::array(gaussian_filter(&self.x, &Gaussian::new(sigma), &self.around)?))
    }

    /// A Gaussian filter along one axis.
    ///
    /// # Errors
    /// As [`gaussian_filter`].
    #[track_caller]
    pub fn gaussian_filter1d(&self, sigma: f64, axis: isize) -> Result<Array<T>> {
        Ok(Self::array(gaussian_filter1d(&self.x, axis, &Gaussian::new(&[sigma]), &self.around)?))
    }

    /// The sum of second derivatives of a Gaussian filter.
    ///
    /// # Errors
    /// As [`gaussian_filter`].
    #[track_caller]
    pub fn gaussian_laplace(&self, sigma: &[f64]) -> Result<Array<T>> {
        Ok(Self::array(gaussian_derivatives(&self.x, 2, &Gaussian::new(sigma), &self.around)?))
    }

    /// The length of the gradient of a Gaussian filter.
    ///
    /// # Errors
    /// As [`gaussian_filter`].
    #[track_caller]
    pub fn gaussian_gradient_magnitude(&self, sigma: &[f64]) -> Result<Array<T>> {
        Ok(Self::array(gaussian_derivatives(&self.x, 1, &Gaussian::new(sigma), &self.around)?))
    }

    /// Prewitt's derivative along an axis.
    ///
    /// # Errors
    /// As [`derivative`].
    #[track_caller]
    pub fn prewitt(&self, axis: isize) -> Result<Array<T>> {
        Ok(Self::array(derivative("prewitt", &self.x, axis, 1.0, &self.around)?))
    }

    /// Sobel's derivative along an axis.
    ///
    /// # Errors
    /// As [`derivative`].
    #[track_caller]
    pub fn sobel(&self, axis: isize) -> Result<Array<T>> {
        Ok(Self::array(derivative("sobel", &self.x, axis, 2.0, &self.around)?))
    }

    /// The sum of second differences.
    ///
    /// # Errors
    /// As [`laplace`].
    #[track_caller]
    pub fn laplace(&self) -> Result<Array<T>> {
        Ok(Self::array(laplace(&self.x, &self.around)?))
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
