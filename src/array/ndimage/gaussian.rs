//! Gaussian filters, and derivatives.

use super::weigh::{filtered, output, weighted};
use super::{Around, Ndimage, per_axis};
use crate::array::{Array, Kind};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, unary};
use crate::expr::pending::when_known;
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::filter::{Edge, Join, Pass};
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

/// The derivative along one axis by differences of neighbours, smoothed with `side` along the others: of 1 in the
/// middle that is [`prewitt`](Ndimage::prewitt), of 2 [`sobel`](Ndimage::sobel).
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

/// For each axis the Gaussian filter that takes the derivative `order` along it: their sum, or the root of the sum of
/// their squares. As in SciPy, the mode of an axis is that of all axes when the derivative goes along it.
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

impl<T: Kind> Ndimage<T> {
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
}
