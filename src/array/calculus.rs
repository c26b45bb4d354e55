//! Differences, derivatives and integrals along axes, of positions that are one apart or given.

use super::{Array, Kind, done};
use crate::dtype::scalar::Scalar;
use crate::dtype::{self, DType};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{along, as_axis, binary, choice, flat, joined, range, reduce_away, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::{Axes, position};
use crate::shape::slice::Item;

/// The highest order of differences: each adds a layer to the expression.
const HIGHEST_ORDER: usize = 256;

impl<T: Kind> Array<T> {
    /// The `n`-th differences `x[i + 1] - x[i]` along an axis, which is `n` shorter; of truth values, whether
    /// neighbours differ. [`diff`] takes what stands before and after, too.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let squares = cx.linspace(0.0, 4.0, 5)?.square();
    /// assert_eq!(cx.compute(squares.diff(1, -1))?.as_slice().unwrap(), &[1.0, 3.0, 5.0, 7.0]);
    /// assert_eq!(cx.compute(squares.diff(2, -1))?.as_slice().unwrap(), &[2.0, 2.0, 2.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn diff(&self, n: usize, axis: isize) -> Self {
        Self::of(done(diff(self.expr(), n, axis, None, None)))
    }

    /// The derivative along an axis by central differences of the second order, inside, and one-sided ones of the first
    /// order at the ends, for positions that are `spacing` apart. [`gradient`] takes uneven positions and ends of the
    /// second order, too.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let squares = cx.linspace(0.0, 4.0, 5)?.square();
    /// assert_eq!(cx.compute(squares.gradient(1.0, 0))?.as_slice().unwrap(), &[1.0, 2.0, 4.0, 6.0, 7.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn gradient(&self, spacing: f64, axis: isize) -> Array<T::Quotient> {
        Array::of(done(gradient(self.expr(), axis, &Arg::from(spacing), 1)))
    }

    /// The integral along an axis by the trapezoidal rule, of values at positions that are `dx` apart. [`trapezoid`]
    /// takes the positions, too.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let y = cx.linspace(0.0, 4.0, 5)?;
    /// assert_eq!(cx.compute(y.trapezoid(1.0, -1))?[[]], 8.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn trapezoid(&self, dx: f64, axis: isize) -> Array<T::Quotient> {
        Array::of(done(trapezoid(self.expr(), &Steps::Even(Arg::from(dx)), axis)))
    }
}

/// The `n`-th differences along an axis of `x` with `prepend` before it and `append` after it, where these are given; a
/// number counts as one more position.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, [`Shape`](crate::ErrorKind::Shape) for arrays that
/// do not join, [`Unsupported`](crate::ErrorKind::Unsupported) for orders above 256.
#[track_caller]
pub fn diff(x: &Expr, n: usize, axis: isize, prepend: Option<&Expr>, append: Option<&Expr>) -> Result<Expr> {
    if n == 0 {
        return Ok(x.clone());
    }
    let axis = position("diff", axis, x.shape.rank())?;
    let lengths = x.shape.known()?;
    let as_part = |part: &Expr| {
        if part.shape.rank() > 0 {
            return Ok(part.clone());
        }
        let mut shape = lengths.clone();
        shape[axis] = 1;
        build::broadcast_to(part, &shape.into())
    };
    let mut parts = Vec::new();
    parts.extend(prepend.map(as_part).transpose()?);
    parts.push(x.clone());
    parts.extend(append.map(as_part).transpose()?);
    let mut out = joined(&parts, axis)?;
    let length = out.lengths()[axis];
    let op = if out.dtype == DType::Bool { Op::NotEqual } else { Op::Subtract };
    if n >= length {
        return range(&binary(op, &out, &out)?, axis, 0, 0);
    }
    if n > HIGHEST_ORDER {
        return Err(Error::unsupported(format!("differences of order {n}, above {HIGHEST_ORDER}, are not offered")));
    }
    for _ in 0..n {
        out = binary(op, &along(&out, axis, 1..)?, &along(&out, axis, ..-1)?)?;
    }
    Ok(out)
}

/// The differences of neighbours among all elements in C order, between `to_begin` and `to_end`, in the dtype of `x`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for truth values, and for ends of a higher kind than `x`.
#[track_caller]
pub fn ediff1d(x: &Expr, to_begin: Option<&Expr>, to_end: Option<&Expr>) -> Result<Expr> {
    let x = flat(x)?;
    let differences = binary(Op::Subtract, &along(&x, 0, 1..)?, &along(&x, 0, ..-1)?)?;
    let end = |e: &Expr| {
        if !dtype::promote::same_kind(e.dtype, x.dtype) {
            return Err(Error::dtype("ediff1d", format!("{} at an end does not go into {}", e.dtype, x.dtype)));
        }
        build::cast(&flat(e)?, x.dtype)
    };
    let mut parts = Vec::new();
    parts.extend(to_begin.map(end).transpose()?);
    parts.push(differences);
    parts.extend(to_end.map(end).transpose()?);
    joined(&parts, 0)
}

/// The derivative of `x` along an axis: `spacing` is the distance of neighbours, or a vector of positions.
/// `edge_order`, 1 or 2, is the order of the one-sided differences at the ends.
///
/// With distances `h` before and `k` after a position, the derivative inside is
/// `(h² x[i + 1] + (k² - h²) x[i] - k² x[i - 1]) / (h k (h + k))`, of the second order.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis), [`Shape`](crate::ErrorKind::Shape) for too few positions or other ones than `x`
/// has, [`DType`](crate::ErrorKind::DType) for truth values, [`Argument`](crate::ErrorKind::Argument) for another
/// order.
#[track_caller]
pub fn gradient(x: &Expr, axis: isize, spacing: &Arg, edge_order: usize) -> Result<Expr> {
    let axis = position("gradient", axis, x.shape.rank())?;
    let length = x.shape.known()?[axis];
    if !matches!(edge_order, 1 | 2) {
        return Err(Error::argument("gradient", format!("`edge_order` must be 1 or 2, not {edge_order}")));
    }
    if length <= edge_order {
        let why = format!("axis {axis} of shape {} has fewer than {} positions", x.shape, edge_order + 1);
        return Err(Error::shape("gradient", why));
    }
    let x = if x.dtype.is_integer() { build::cast(x, DType::F64)? } else { x.clone() };
    let distances = match spacing {
        Arg::Array(at) if at.shape.rank() > 0 => Some(distances(at, length)?),
        _ => None,
    };
    // Python's `x[from:to]`, with 0 for the end.
    let at = |from: isize, to: isize| {
        along(&x, axis, Item::Slice { start: Some(from), stop: (to != 0).then_some(to), step: 1 })
    };
    let derivative = Derivative { axis, rank: x.shape.rank(), spacing, distances: distances.as_ref() };
    let mut parts = vec![derivative.first(&at(0, 1)?, &at(1, 2)?, edge_order, &at)?];
    if length > 2 {
        parts.push(derivative.inside(&at(0, -2)?, &at(1, -1)?, &at(2, 0)?)?);
    }
    parts.push(derivative.last(&at(-1, 0)?, &at(-2, -1)?, edge_order, &at)?);
    let dtype = if x.dtype.is_inexact() { x.dtype } else { DType::F64 };
    let parts = parts.iter().map(|p| build::cast(p, dtype)).collect::<Result<Vec<_>>>()?;
    build::concatenate(&parts, axis)
}

/// The distances of `length` positions.
fn distances(at: &Expr, length: usize) -> Result<Expr> {
    if at.shape.known()? != [length] {
        let why = format!("positions of shape {} for an axis of length {length}", at.shape);
        return Err(Error::shape("gradient", why));
    }
    let at = if at.dtype.is_integer() { build::cast(at, DType::F64)? } else { at.clone() };
    diff(&at, 1, 0, None, None)
}

/// Derivatives along one axis, for even or uneven positions.
struct Derivative<'a> {
    axis: usize,
    rank: usize,
    spacing: &'a Arg,
    distances: Option<&'a Expr>,
}

type Cut<'a> = dyn Fn(isize, isize) -> Result<Expr> + 'a;

impl Derivative<'_> {
    /// Distances `start..stop` along the axis.
    fn steps(&self, distances: &Expr, start: usize, stop: usize) -> Result<Expr> {
        as_axis(&range(distances, 0, start, stop)?, self.axis, self.rank)
    }

    fn inside(&self, before: &Expr, here: &Expr, after: &Expr) -> Result<Expr> {
        let Some(distances) = self.distances else {
            return binary(Op::Divide, &binary(Op::Subtract, after, before)?, &scaled(2.0, self.spacing)?);
        };
        let n = distances.lengths()[0];
        let (h, k) = (self.steps(distances, 0, n - 1)?, self.steps(distances, 1, n)?);
        let both = binary(Op::Add, &h, &k)?;
        let a = quotient(&unary(Op::Negative, &k)?, &h, &both)?;
        let b = quotient(&binary(Op::Subtract, &k, &h)?, &h, &k)?;
        let c = quotient(&h, &k, &both)?;
        weighted([(&a, before), (&b, here), (&c, after)])
    }

    /// At the first position, whose neighbours are cut with `at`.
    fn first(&self, here: &Expr, next: &Expr, order: usize, at: &Cut<'_>) -> Result<Expr> {
        if order == 1 {
            return self.one_sided(next, here, 0);
        }
        let third = at(2, 3)?;
        let Some(distances) = self.distances else {
            return self.even([-1.5, 2.0, -0.5], [here, next, &third]);
        };
        let (h, k) = (self.steps(distances, 0, 1)?, self.steps(distances, 1, 2)?);
        let [near, middle, far] = uneven_end(&h, &k)?;
        weighted([(&unary(Op::Negative, &near)?, here), (&middle, next), (&unary(Op::Negative, &far)?, &third)])
    }

    /// At the last position.
    fn last(&self, here: &Expr, previous: &Expr, order: usize, at: &Cut<'_>) -> Result<Expr> {
        let n = self.distances.map_or(1, |d| d.lengths()[0]);
        if order == 1 {
            return self.one_sided(here, previous, n - 1);
        }
        let third = at(-3, -2)?;
        let Some(distances) = self.distances else {
            return self.even([0.5, -2.0, 1.5], [&third, previous, here]);
        };
        let (h, k) = (self.steps(distances, n - 1, n)?, self.steps(distances, n - 2, n - 1)?);
        let [near, middle, far] = uneven_end(&h, &k)?;
        weighted([(&far, &third), (&unary(Op::Negative, &middle)?, previous), (&near, here)])
    }

    fn one_sided(&self, right: &Expr, left: &Expr, step: usize) -> Result<Expr> {
        let rise = binary(Op::Subtract, right, left)?;
        match self.distances {
            None => binary(Op::Divide, &rise, self.spacing),
            Some(d) => binary(Op::Divide, &rise, &self.steps(d, step, step + 1)?),
        }
    }

    fn even(&self, factors: [f64; 3], values: [&Expr; 3]) -> Result<Expr> {
        let mut sum: Option<Expr> = None;
        for (factor, value) in factors.into_iter().zip(values) {
            let term = binary(Op::Multiply, &over(factor, self.spacing)?, value)?;
            sum = Some(match sum {
                None => term,
                Some(sum) => binary(Op::Add, &sum, &term)?,
            });
        }
        sum.ok_or_else(|| Error::bug("there are three terms"))
    }
}

/// Magnitudes of the factors at an end: of the value there, its neighbour at distance `h`, and the next one, `k`
/// further.
fn uneven_end(h: &Expr, k: &Expr) -> Result<[Expr; 3]> {
    let both = binary(Op::Add, h, k)?;
    let near = binary(Op::Add, &binary(Op::Multiply, 2.0, h)?, k)?;
    Ok([quotient(&near, h, &both)?, quotient(&both, h, k)?, quotient(h, k, &both)?])
}

/// `x / (y z)`.
fn quotient(x: &Expr, y: &Expr, z: &Expr) -> Result<Expr> {
    binary(Op::Divide, x, &binary(Op::Multiply, y, z)?)
}

fn weighted(terms: [(&Expr, &Expr); 3]) -> Result<Expr> {
    let [a, b, c] = terms.map(|(weight, value)| binary(Op::Multiply, weight, value));
    binary(Op::Add, &binary(Op::Add, &a?, &b?)?, &c?)
}

/// `factor * x`, a number where `x` is one.
fn scaled(factor: f64, x: &Arg) -> Result<Arg> {
    Ok(match x {
        Arg::Scalar(Scalar::Complex(x)) => Arg::Scalar(Scalar::Complex(x * factor)),
        Arg::Scalar(x) => Arg::from(factor * x.to_f64()),
        Arg::Array(_) => binary(Op::Multiply, factor, x)?.into(),
    })
}

/// `factor / x`, a number where `x` is one.
fn over(factor: f64, x: &Arg) -> Result<Arg> {
    Ok(match x {
        Arg::Scalar(Scalar::Complex(x)) => Arg::Scalar(Scalar::Complex(factor / x)),
        Arg::Scalar(x) => Arg::from(factor / x.to_f64()),
        Arg::Array(_) => binary(Op::Divide, factor, x)?.into(),
    })
}

/// Where the values of an integral lie.
#[derive(Debug, Clone)]
pub enum Steps {
    /// This far apart.
    Even(Arg),
    /// At these positions: a vector along the axis, or an array that broadcasts with the values.
    At(Expr),
}

/// The integral of `y` along an axis by the trapezoidal rule: the sum of `d[i] (y[i] + y[i + 1]) / 2`.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, [`Shape`](crate::ErrorKind::Shape) for positions
/// that do not fit.
#[track_caller]
pub fn trapezoid(y: &Expr, steps: &Steps, axis: isize) -> Result<Expr> {
    let at = position("trapezoid", axis, y.shape.rank())?;
    let step = match steps {
        Steps::Even(dx) => dx.clone(),
        Steps::At(x) if x.shape.rank() == 1 => as_axis(&diff(x, 1, 0, None, None)?, at, y.shape.rank())?.into(),
        Steps::At(x) => diff(x, 1, axis, None, None)?.into(),
    };
    let ends = binary(Op::Add, &along(y, at, 1..)?, &along(y, at, ..-1)?)?;
    let areas = binary(Op::Divide, &binary(Op::Multiply, step, &ends)?, 2.0)?;
    let at = position("trapezoid", axis, areas.shape.rank())?;
    reduce_away(&areas, "sum", &[at], None)
}

/// Angles along an axis without jumps: wherever neighbours differ by more than `discont`, which is half a period if not
/// given, all that follows moves by whole periods. Integers with an integer period stay integers.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, [`DType`](crate::ErrorKind::DType) for complex
/// numbers.
#[track_caller]
pub fn unwrap(p: &Expr, discont: Option<Scalar>, axis: isize, period: Scalar) -> Result<Expr> {
    let at = position("unwrap", axis, p.shape.rank())?;
    let dd = diff(p, 1, axis, None, None)?;
    let period_arg = Arg::Scalar(period);
    let dtype = build::common_dtype("unwrap", &[Arg::from(&dd), period_arg.clone()])?;
    let (high, low, ambiguous) = match period {
        Scalar::Int(n) if dtype.is_integer() => {
            (Scalar::Int(n.div_euclid(2)), Scalar::Int(-n.div_euclid(2)), n.rem_euclid(2) == 0)
        }
        other => (Scalar::Float(other.to_f64() / 2.0), Scalar::Float(-other.to_f64() / 2.0), true),
    };
    let (high, low) = (Arg::Scalar(high), Arg::Scalar(low));
    let shifted = binary(Op::Remainder, &binary(Op::Subtract, &dd, &low)?, &period_arg)?;
    let mut wrapped = binary(Op::Add, &shifted, &low)?;
    if ambiguous {
        let upward = binary(Op::LogicalAnd, &binary(Op::Equal, &wrapped, &low)?, &binary(Op::Greater, &dd, 0)?)?;
        wrapped = choice(&upward, high, &wrapped)?;
    }
    let correction = binary(Op::Subtract, &wrapped, &dd)?;
    let limit = discont.unwrap_or(Scalar::Float(period.to_f64() / 2.0));
    let small = binary(Op::Less, &unary(Op::Absolute, &dd)?, Arg::Scalar(limit))?;
    let correction = choice(&small, 0, &correction)?;
    let sum = super::scan::scan(&correction, "cumsum", &Axes::from(at.cast_signed()), None)?;
    let moved = binary(Op::Add, &along(p, at, 1..)?, &sum)?;
    let parts = [build::cast(&along(p, at, ..1)?, dtype)?, build::cast(&moved, dtype)?];
    build::concatenate(&parts, at)
}
