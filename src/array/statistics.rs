//! Weighted means, and how variables vary together.

use super::manipulation::squeeze;
use super::{Array, Kind, done};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::check::where_all;
use crate::expr::compose::{as_axis, binary, choice, reduce, reduce_away, thick, unary, without};
use crate::linalg::matmul::matmul;
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::{Axes, position};
use crate::shape::checked_size;
use crate::shape::slice::Item;

impl<T: Kind> Array<T> {
    /// The mean over some axes of elements that count with these weights: of the array's shape, or of that of the axes
    /// alone. A run in which weights sum to 0 ends with an error.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(1.0, 3.0, 3)?;
    /// let mean = x.average(0, &cx.linspace(0.0, 2.0, 3)?)?;
    /// assert_eq!(cx.compute(mean)?.to_ndarray::<f64>()?[[]], (2.0 + 2.0 * 3.0) / 3.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`average`].
    #[track_caller]
    pub fn average<W: Kind>(&self, axes: impl Into<Axes>, weights: &Array<W>) -> Result<Array> {
        Ok(Array::of(average(self.expr(), &axes.into(), Some(weights.expr()))?.without_axes()?.0))
    }

    /// The covariances of variables in rows, over observations in columns, divided by their number less 1. [`cov`]
    /// takes weights, and variables in columns.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(0.0, 5.0, 6)?.reshape(&[2, 3]);
    /// let found = cx.compute(x.cov())?.to_ndarray::<f64>()?;
    /// assert!(found.iter().all(|c| (c - 1.0).abs() < 1e-12));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cov(&self) -> Array {
        Array::of(done(cov(self.expr(), None, &Covariance::default())))
    }

    /// The correlations of variables in rows: their covariances over the products of their standard deviations.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(0.0, 5.0, 6)?.reshape(&[2, 3]);
    /// let found = cx.compute(x.corrcoef())?.to_ndarray::<f64>()?;
    /// assert!(found.iter().all(|c| (c - 1.0).abs() < 1e-12));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn corrcoef(&self) -> Array {
        Array::of(done(corrcoef(self.expr(), None, &Covariance::default())))
    }
}

/// A mean, and the sum of the weights in it.
#[derive(Debug, Clone)]
pub struct Average {
    /// The mean; the axes stay, with length 1.
    pub mean: Expr,
    /// The sum of the weights, of the same shape.
    pub weight: Expr,
    axes: Vec<usize>,
}

impl Average {
    /// Mean and sum of the weights, without the axes.
    ///
    /// # Errors
    /// As [`build::index`].
    #[track_caller]
    pub fn without_axes(&self) -> Result<(Expr, Expr)> {
        Ok((without(&self.mean, &self.axes)?, without(&self.weight, &self.axes)?))
    }
}

/// The mean of `x` over `axes`, weighted where there are weights: of the shape of `x`, or of its axes in the order in
/// which they are given.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Shape`](crate::ErrorKind::Shape) for weights of
/// another shape. The run fails where weights sum to 0.
#[track_caller]
pub fn average(x: &Expr, axes: &Axes, weights: Option<&Expr>) -> Result<Average> {
    let resolved = axes.resolve("average", x.shape.rank(), &x.names)?;
    let Some(weights) = weights else {
        let mean = reduce(x, "mean", &resolved, None)?;
        if crate::shape::size(&mean.shape.known()?) == 0 {
            return Err(Error::shape(
                "average",
                format!("{} leaves nothing over axes {}", x.shape, crate::shape::tuple(&resolved)),
            ));
        }
        let count: usize = resolved.iter().map(|&a| x.lengths()[a]).product();
        let weight = build::full(&mean.shape.known()?, Scalar::Int(count as i128), mean.dtype, None)?;
        return Ok(Average { mean, weight, axes: resolved });
    };
    let weights = fitted("average", x, axes, weights)?;
    let mut dtype = promote(x.dtype, weights.dtype);
    if matches!(x.dtype.kind(), Family::Bool | Family::Unsigned | Family::Signed) {
        dtype = promote(dtype, DType::F64);
    }
    let (x, weights) = (build::cast(x, dtype)?, build::cast(&weights, dtype)?);
    // Weights along the axes alone are the same everywhere else.
    let weight = reduce(&weights, "sum", &resolved, None)?;
    let weight = where_all(&weight, &binary(Op::NotEqual, &weight, 0)?, "average", "the weights sum to zero")?;
    let sum = reduce(&binary(Op::Multiply, &x, &weights)?, "sum", &resolved, None)?;
    let mean = binary(Op::Divide, &sum, &weight)?;
    let weight = build::broadcast_to(&weight, &mean.shape)?;
    Ok(Average { mean, weight, axes: resolved })
}

/// Weights of the shape of `x`, or of its axes in the order in which they are named, as they broadcast with it.
pub(super) fn fitted(op: &str, x: &Expr, axes: &Axes, weights: &Expr) -> Result<Expr> {
    if weights.shape == x.shape {
        return Ok(weights.clone());
    }
    let rank = x.shape.rank();
    let order: Vec<usize> = match axes {
        Axes::Positions(list) => list.iter().map(|&a| position(op, a, rank)).collect::<Result<_>>()?,
        other => other.resolve(op, rank, &x.names)?,
    };
    let lengths = x.shape.known()?;
    let fits = *axes != Axes::All && weights.shape.known()? == order.iter().map(|&a| lengths[a]).collect::<Vec<_>>();
    if !fits {
        let why = format!("weights of shape {} for axes {order:?} of an array of shape {}", weights.shape, x.shape);
        return Err(Error::shape(op, why));
    }
    let mut sorted: Vec<usize> = (0..order.len()).collect();
    sorted.sort_unstable_by_key(|&i| order[i]);
    let weights = build::transpose(weights, &sorted)?;
    let item = |a: usize| if order.contains(&a) { Item::from(..) } else { Item::NewAxis };
    build::index(&weights, &(0..rank).map(item).collect::<Vec<_>>())
}

/// What covariances may be told.
#[derive(Debug, Clone, Default)]
pub struct Covariance {
    /// Whether variables lie in columns and observations in rows.
    pub columns: bool,
    /// What is taken off the number of observations; 1 where it is not given.
    pub ddof: Option<i64>,
    /// How often each observation was made: whole numbers.
    pub repeats: Option<Expr>,
    /// How much each observation counts.
    pub weights: Option<Expr>,
    /// The dtype of the result: at least `f64` where it is not given.
    pub dtype: Option<DType>,
}

/// The covariances of the variables of `m`, and of `y` where it is given: with `x` less its mean, `Σ w x[i] conj(x[j])`
/// over the sum of the weights less `ddof`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for more than two axes, and for arrays and weights that do not fit each other.
/// The run fails for weights that are negative, and repeats that are not whole.
#[track_caller]
pub fn cov(m: &Expr, y: Option<&Expr>, options: &Covariance) -> Result<Expr> {
    let c = covariances(m, y, options)?;
    squeeze(&c, None)
}

/// The covariances as a matrix, even of one variable.
fn covariances(m: &Expr, y: Option<&Expr>, options: &Covariance) -> Result<Expr> {
    for x in [Some(m), y].into_iter().flatten() {
        if x.shape.rank() > 2 {
            return Err(Error::shape("cov", format!("{} has more than two axes", x.shape)));
        }
    }
    let least = y.map_or(m.dtype, |y| promote(m.dtype, y.dtype));
    let dtype = options.dtype.unwrap_or(promote(least, DType::F64));
    let rows = |x: &Expr, turn: bool| {
        let x = build::cast(&thick(x, 2)?, dtype)?;
        if turn { build::transpose(&x, &[1, 0]) } else { Ok(x) }
    };
    let mut x = rows(m, options.columns && m.shape.rank() != 1)?;
    if x.lengths()[0] == 0 {
        return build::full(&[0, 0], Scalar::Int(0), DType::F64, None);
    }
    if let Some(y) = y {
        let one_row = y.shape.rank() < 2 || y.lengths()[0] == 1;
        x = build::concatenate(&[x, rows(y, options.columns && !one_row)?], 0)?;
    }
    let n = x.lengths()[1];
    let ddof = options.ddof.unwrap_or(1);
    let Some(weights) = observations(options, n)? else {
        let centred = binary(Op::Subtract, &x, &reduce(&x, "mean", &[1], None)?)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of observations are far below 2^53")]
        let factor = 1.0 / (n as f64 - ddof as f64).max(0.0);
        return binary(Op::Multiply, &products(&centred, &centred)?, factor);
    };
    let mean = average(&x, &Axes::from(1), Some(&weights))?.mean;
    let centred = build::cast(&binary(Op::Subtract, &x, &mean)?, dtype)?;
    let products = products(&centred, &binary(Op::Multiply, &centred, &weights)?)?;
    let factor = binary(Op::Divide, 1.0, &freedom(&weights, options.weights.as_ref(), ddof)?)?;
    build::cast(&binary(Op::Multiply, &products, &factor)?, products.dtype)
}

/// `x yᴴ`.
fn products(x: &Expr, y: &Expr) -> Result<Expr> {
    let turned = build::transpose(y, &[1, 0])?;
    matmul(x, &if turned.dtype.is_complex() { unary(Op::Conjugate, &turned)? } else { turned })
}

/// The weights of `n` observations, in `f64`; `None` where all count alike.
fn observations(options: &Covariance, n: usize) -> Result<Option<Expr>> {
    let checked = |given: &Expr, what: &'static str| {
        if given.shape.known()? != [n] {
            return Err(Error::shape("cov", format!("weights of shape {} for {n} observations", given.shape)));
        }
        let given = build::cast(given, DType::F64)?;
        where_all(&given, &binary(Op::GreaterEqual, &given, 0)?, "cov", what)
    };
    let repeats = match &options.repeats {
        None => None,
        Some(repeats) => {
            let repeats = checked(repeats, "fweights cannot be negative")?;
            let whole = binary(Op::Equal, &repeats, &unary(Op::Rint, &repeats)?)?;
            Some(where_all(&repeats, &whole, "cov", "fweights must be integers")?)
        }
    };
    let weights = options.weights.as_ref().map(|w| checked(w, "aweights cannot be negative")).transpose()?;
    Ok(match (repeats, weights) {
        (Some(a), Some(b)) => Some(binary(Op::Multiply, &a, &b)?),
        (a, b) => a.or(b),
    })
}

/// What weighted products are divided by; 0 where nothing is left.
fn freedom(weights: &Expr, importance: Option<&Expr>, ddof: i64) -> Result<Expr> {
    let sum = reduce_away(weights, "sum", &[0], None)?;
    let taken = match importance {
        _ if ddof == 0 => return Ok(sum),
        None => Arg::from(ddof),
        Some(a) => {
            let squares =
                reduce_away(&binary(Op::Multiply, weights, &build::cast(a, DType::F64)?)?, "sum", &[0], None)?;
            binary(Op::Divide, &binary(Op::Multiply, ddof, &squares)?, &sum)?.into()
        }
    };
    let left = binary(Op::Subtract, &sum, taken)?;
    choice(&binary(Op::LessEqual, &left, 0)?, 0.0, &left)
}

/// The correlations of the variables of `m`, and of `y` where it is given: `c[i, j] / sqrt(c[i, i] c[j, j])` of their
/// covariances `c`, with real and imaginary parts brought into `[-1, 1]`.
///
/// # Errors
/// As [`cov`].
#[track_caller]
pub fn corrcoef(m: &Expr, y: Option<&Expr>, options: &Covariance) -> Result<Expr> {
    let c = covariances(m, y, options)?;
    if checked_size(&c.lengths()) == Some(1) {
        let c = squeeze(&c, None)?;
        return binary(Op::Divide, &c, &c);
    }
    let n = c.lengths()[0];
    let at = build::iota(n, None);
    let diagonal = binary(Op::Equal, &as_axis(&at, 0, 2)?, &at)?;
    let variances = reduce_away(&choice(&diagonal, &unary(Op::Real, &c)?, 0)?, "sum", &[1], None)?;
    let deviations = unary(Op::Sqrt, &variances)?;
    let c = binary(Op::Divide, &c, &as_axis(&deviations, 0, 2)?)?;
    let c = binary(Op::Divide, &c, &deviations)?;
    let clipped = |x: &Expr| super::elementwise::clip(x, Some(&Arg::from(-1.0)), Some(&Arg::from(1.0)));
    if !c.dtype.is_complex() {
        return clipped(&c);
    }
    let unit = Arg::Scalar(Scalar::Complex(num_complex::Complex64::new(0.0, 1.0)));
    let imaginary = binary(Op::Multiply, &clipped(&unary(Op::Imag, &c)?)?, unit)?;
    binary(Op::Add, &clipped(&unary(Op::Real, &c)?)?, &imaginary)
}
