//! Medians and quantiles over any axes.

use super::places::take_along_axis;
use super::reduction::{Over, reduce};
use super::statistics::fitted;
use super::{Array, Kind, done};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{self, DType};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::check::where_all;
use crate::expr::compose::{self, binary, choice, joined, moved, range, running_sum, unary};
use crate::expr::regions;
use crate::op::elementwise::ElementOp as Op;
use crate::op::reduction::Params;
use crate::op::regional::quantile::Levels;
use crate::op::regional::{LineOp, Method, Quantiles};
use crate::shape::{axes::Axes, tuple};

/// Levels as they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The levels, between 0 and 1.
    pub levels: Vec<Scalar>,
    /// The shape they have, which the result begins with.
    pub shape: Vec<usize>,
    /// Their dtype, where they do not adapt to that of the array as a number does.
    pub dtype: Option<DType>,
}

impl From<f64> for Asked {
    fn from(level: f64) -> Self {
        Self { levels: vec![Scalar::Float(level)], shape: Vec::new(), dtype: None }
    }
}

impl From<&[f64]> for Asked {
    fn from(levels: &[f64]) -> Self {
        let shape = vec![levels.len()];
        Self { levels: levels.iter().map(|&q| Scalar::Float(q)).collect(), shape, dtype: Some(DType::F64) }
    }
}

impl<const N: usize> From<[f64; N]> for Asked {
    fn from(levels: [f64; N]) -> Self {
        Self::from(&levels[..])
    }
}

impl Asked {
    /// These levels in hundredths.
    #[must_use]
    pub fn percent(self) -> Self {
        let hundredth = |p: Scalar| match p {
            Scalar::Complex(_) => p,
            _ => Scalar::Float(p.to_f64() / 100.0),
        };
        // Integers become real numbers.
        let dtype = self.dtype.map(|d| promote(d, if matches!(d.kind(), dtype::Kind::Float) { d } else { DType::F64 }));
        Self { levels: self.levels.into_iter().map(hundredth).collect(), dtype, ..self }
    }
}

/// The quantiles of `x` at `levels` over some axes, NaN left out where `skips_nan` says so.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Argument`](crate::ErrorKind::Argument) for levels
/// that are not between 0 and 1, [`DType`](crate::ErrorKind::DType) for complex numbers,
/// [`Shape`](crate::ErrorKind::Shape) where there are no elements that a result could be made of.
#[track_caller]
pub fn quantile(x: &Expr, levels: &Asked, over: &Over, method: Method, skips_nan: bool) -> Result<Expr> {
    let name = if skips_nan { "nanquantile" } else { "quantile" };
    let of = Quantiles::new(name, x.dtype, &levels.levels, levels.dtype, method, skips_nan)?;
    if levels.shape.len() > 2 {
        return Err(Error::shape(name, format!("levels of shape {} are more than a matrix", tuple(&levels.shape))));
    }
    if skips_nan && x.shape.known()?.contains(&0) {
        return reduce(x, "nanmean", over, Params::default());
    }
    over_axes(name, x, of, over, &levels.shape)
}

/// The median of `x` over some axes, NaN left out where `skips_nan` says so.
///
/// # Errors
/// As [`quantile`].
#[track_caller]
pub fn median(x: &Expr, over: &Over, skips_nan: bool) -> Result<Expr> {
    let name = if skips_nan { "nanmedian" } else { "median" };
    if skips_nan && x.shape.known()?.contains(&0) {
        return reduce(x, "nanmean", over, Params::default());
    }
    over_axes(name, x, Quantiles::median(x.dtype, skips_nan), over, &[])
}

/// Quantiles of lines that are made of all reduced axes; the result begins with the axes `first`.
fn over_axes(name: &str, x: &Expr, of: Quantiles, over: &Over, first: &[usize]) -> Result<Expr> {
    let (rank, lengths) = (x.shape.rank(), x.shape.known()?);
    let axes = over.axes.resolve(name, rank, &x.names)?;
    let kept: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
    let (line, axis) = match axes.as_slice() {
        [axis] => (x.clone(), *axis),
        _ => {
            if over.axes != Axes::All && kept.iter().any(|&a| lengths[a] == 0) {
                let why = format!("cannot join axes {} of an array of shape {}", tuple(&axes), x.shape);
                return Err(Error::shape(name, why));
            }
            (in_lines(x, &axes)?, kept.len())
        }
    };
    let line_lengths = line.shape.known()?;
    let empty = line_lengths[axis] == 0 && kept.iter().all(|&a| lengths[a] > 0);
    if empty && of.count() > 0 && name.ends_with("quantile") {
        return Err(Error::shape(name, format!("there is nothing in an array of shape {} to take one of", x.shape)));
    }
    let count = of.count();
    let found = regions::lines(&[line], LineOp::Quantiles(of), axis, count)?;
    let order: Vec<usize> = std::iter::once(axis).chain((0..line_lengths.len()).filter(|&a| a != axis)).collect();
    let found = build::transpose(&found, &order)?;
    build::reshape(&found, &[first, &left(&lengths, &axes, over.keep)].concat())
}

/// The lengths that are left when `axes` are reduced.
fn left(lengths: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
    let each = lengths.iter().enumerate();
    if keep {
        each.map(|(a, &n)| if axes.contains(&a) { 1 } else { n }).collect()
    } else {
        each.filter(|(a, _)| !axes.contains(a)).map(|(_, &n)| n).collect()
    }
}

/// `x` with `axes` joined to one, which is the last.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for lengths that depend on data.
#[track_caller]
pub(super) fn in_lines(x: &Expr, axes: &[usize]) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let order: Vec<usize> = (0..lengths.len()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).collect();
    let mut joined = left(&lengths, axes, false);
    joined.push(axes.iter().map(|&a| lengths[a]).product());
    build::reshape(&build::transpose(x, &order)?, &joined)
}

/// The smallest elements of `x` at which the weights of those up to them are at least so large a part of all weights:
/// the method `inverted_cdf`, the only one of NumPy for weights. These are of the shape of `x`, or of the axes alone.
/// The run fails for weights that are negative, not finite, or all 0.
///
/// # Errors
/// As [`quantile`], and [`Shape`](crate::ErrorKind::Shape) for weights of another shape.
#[track_caller]
pub fn weighted_quantile(x: &Expr, weights: &Expr, asked: &Asked, over: &Over, skips_nan: bool) -> Result<Expr> {
    let name = if skips_nan { "nanquantile" } else { "quantile" };
    let of = Quantiles::new(name, x.dtype, &asked.levels, asked.dtype, Method::InvertedCdf, skips_nan)?;
    let (rank, lengths) = (x.shape.rank(), x.shape.known()?);
    let axes = over.axes.resolve(name, rank, &x.names)?;
    let weights = build::broadcast_to(&fitted(name, x, &over.axes, weights)?, &x.shape)?;
    let (line, mut weights) = (in_lines(x, &axes)?, build::cast(&in_lines(&weights, &axes)?, DType::F64)?);
    let axis = line.shape.rank() - 1;
    let n = line.lengths()[axis];
    if n == 0 || asked.shape.len() > 2 {
        // What refuses here refuses there.
        return quantile(x, asked, over, Method::InvertedCdf, skips_nan);
    }
    if skips_nan && line.dtype.is_inexact() {
        weights = choice(&unary(Op::Isnan, &line)?, 0.0, &weights)?;
    }
    weights = where_all(&weights, &binary(Op::GreaterEqual, &weights, 0)?, name, "weights must not be negative")?;
    let by = regions::lines(std::slice::from_ref(&line), LineOp::Argsort, axis, n)?;
    let (line, weights) = (take_along_axis(&line, &by, Some(axis))?, take_along_axis(&weights, &by, Some(axis))?);
    let sums = running_sum(&weights, axis, None)?;
    let all = range(&sums, axis, n - 1, n)?;
    let mut part = binary(Op::Divide, &sums, &all)?;
    // What is not NaN comes first.
    let empty = match (skips_nan, line.dtype.is_inexact()) {
        (true, true) => unary(Op::Isnan, &range(&line, axis, 0, 1)?)?,
        _ => build::full(&[], Scalar::Bool(false), DType::Bool, None)?,
    };
    let sound = binary(Op::LogicalOr, &empty, &unary(Op::Isfinite, &range(&part, axis, n - 1, n)?)?)?;
    let why = "weights are all 0, or some are not finite";
    part = where_all(&part, &sound, name, why)?;
    if let Levels::Real(_) = of.levels {
        // Compared in the dtype of the levels, as NumPy does: 0.2 of `float32` is not 0.2 of `float64`.
        let weak = if line.dtype.kind() == dtype::Kind::Float { line.dtype } else { DType::F64 };
        part = build::cast(&part, asked.dtype.unwrap_or(weak))?;
    }
    // The level 0 is that of the first element with a weight.
    let part = choice(&binary(Op::Equal, &part, 0)?, -1, &part)?;
    let last = i64::try_from(n - 1).unwrap_or(i64::MAX);
    let each = asked.levels.iter().map(|&level| {
        let below = build::element(Op::Less, &[Arg::from(&part), Arg::Scalar(level)])?;
        let place = binary(Op::Minimum, &compose::reduce(&below, "count_nonzero", &[axis], None)?, last)?;
        take_along_axis(&line, &place, Some(axis))
    });
    let mut found = joined(&each.collect::<Result<Vec<_>>>()?, axis)?;
    if line.dtype.is_inexact() {
        let missing =
            unary(Op::Isnan, &if skips_nan { range(&line, axis, 0, 1)? } else { range(&line, axis, n - 1, n)? })?;
        let nan = build::full(&[], Scalar::Float(f64::NAN), line.dtype, None)?;
        found = choice(&missing, &nan, &found)?;
    }
    let rest = left(&lengths, &axes, over.keep);
    build::reshape(&moved(&found, axis, 0)?, &[&asked.shape[..], &rest].concat())
}

macro_rules! of_one {
    ($($doc:literal $name:ident $skips:literal;)*) => { $(
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self, over: impl Into<Over>) -> Array<T::Mean> {
            Array::of(done(median(self.expr(), &over.into(), $skips)))
        }
    )* };
}

macro_rules! of_level {
    ($($doc:literal $name:ident $skips:literal $percent:literal;)*) => { $(
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self, level: f64, over: impl Into<Over>) -> Array<T::Mean> {
            let level = Asked::from(level);
            let level = if $percent { level.percent() } else { level };
            Array::of(done(quantile(self.expr(), &level, &over.into(), Method::Linear, $skips)))
        }
    )* };
}

/// Order statistics. Each panics on an axis that is not there and where NumPy raises; [`Array::try_quantiles`] does
/// not.
///
/// ```
/// # use hyperslab::Context;
/// # let cx = Context::default();
/// let x = cx.from_ndarray(ndarray::arr2(&[[1.0, 5.0, 9.0], [2.0, f64::NAN, 4.0]]).into_dyn())?;
/// assert_eq!(cx.compute(x.median(0))?.as_slice().unwrap()[0], 1.5);
/// assert_eq!(cx.compute(x.nanmedian(1))?.as_slice().unwrap(), &[5.0, 3.0]);
/// assert_eq!(cx.compute(x.nanpercentile(25.0, 1))?.as_slice().unwrap(), &[3.0, 2.5]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
impl<T: Kind> Array<T> {
    of_one! {
        "The median; NaN where there is NaN." median false;
        "The median of what is not NaN." nanmedian true;
    }
    of_level! {
        "The quantile at a level between 0 and 1, linear between elements; NaN where there is NaN." quantile false false;
        "The quantile of what is not NaN." nanquantile true false;
        "The quantile at a level between 0 and 100." percentile false true;
        "The quantile at a level between 0 and 100 of what is not NaN." nanpercentile true true;
    }

    /// Quantiles at one level or several, along a new first axis, by any [`Method`]; with `skips_nan`, of what is not
    /// NaN. All are found in one pass.
    ///
    /// ```
    /// use hyperslab::{Context, op::regional::Method};
    /// let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[4.0, 1.0, 3.0, 2.0]).into_dyn())?;
    /// let found = cx.compute(x.try_quantiles([0.0, 0.5, 1.0], .., Method::Lower, false)?)?;
    /// assert_eq!(found.to_ndarray::<f64>()?.as_slice().unwrap(), &[1.0, 2.0, 4.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`quantile`].
    #[track_caller]
    pub fn try_quantiles(
        &self,
        levels: impl Into<Asked>,
        over: impl Into<Over>,
        method: Method,
        skips_nan: bool,
    ) -> Result<Array> {
        Ok(Array::of(quantile(self.expr(), &levels.into(), &over.into(), method, skips_nan)?))
    }
}
