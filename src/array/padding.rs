//! Borders around an array: constants, what stands at the edge, statistics, ramps, reflections and repetitions.

use super::places::part;
use super::reduction::{keep, reduce};
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::pending::when_known;
use crate::expr::regions;
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::op::regional::LineOp;
use crate::shape::Shape;
use crate::shape::axes::Axes;
use crate::shape::slice::Item;

/// How many slices one border is made of, at most.
const MOST_RUNS: usize = 4096;

/// What borders are made of. What belongs to axes has one pair for each: before, and after.
#[derive(Debug, Clone)]
pub enum Border {
    /// Constants.
    Constant(Vec<(Scalar, Scalar)>),
    /// The elements at the edge.
    Edge,
    /// Ramps from the edge to these values.
    LinearRamp(Vec<(Scalar, Scalar)>),
    /// A statistic of so many elements next to the edge, of all where there is no number.
    Statistic(Statistic, Vec<(Option<usize>, Option<usize>)>),
    /// The array mirrored at its edges.
    Reflect {
        /// Whether the elements at the edge are repeated.
        symmetric: bool,
        /// Whether what is mirrored is the distance from the edge, too.
        odd: bool,
    },
    /// The array again.
    Wrap,
}

/// A statistic for borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The largest element.
    Maximum,
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The smallest element.
    Minimum,
}

impl<T: Kind> Array<T> {
    /// With borders of these widths, a pair for each axis.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::array::padding::Border;
    /// # let cx = Context::default();
    /// let x = cx.arange(3)?;
    /// let mirrored = x.pad(&[(2, 1)], &Border::Reflect { symmetric: false, odd: false });
    /// assert_eq!(cx.compute(mirrored)?.as_slice().unwrap(), &[2, 1, 0, 1, 2, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pad(&self, widths: &[(usize, usize)], border: &Border) -> Self {
        Self::of(done(pad(self.expr(), widths, border)))
    }
}

/// `x` with borders of these widths, axis after axis.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) unless there is a pair for each axis, and for borders of an empty axis that
/// are not constant.
#[track_caller]
pub fn pad(x: &Expr, widths: &[(usize, usize)], border: &Border) -> Result<Expr> {
    let (widths, border) = (widths.to_vec(), border.clone());
    when_known("pad", std::slice::from_ref(x), move |e| {
        let lengths = e[0].shape.known()?;
        if widths.len() != lengths.len() {
            let why = format!("{} pairs of widths for {} axes", widths.len(), lengths.len());
            return Err(Error::argument("pad", why));
        }
        let mut out = e[0].clone();
        for (axis, &(before, after)) in widths.iter().enumerate().filter(|(_, w)| **w != (0, 0)) {
            if lengths[axis] == 0 && !matches!(border, Border::Constant(_)) {
                let why = format!("axis {axis} is empty and can only be padded with a constant");
                return Err(Error::argument("pad", why));
            }
            out = along(&out, axis, (before, after), &border)?;
        }
        Ok(out)
    })
}

fn along(x: &Expr, axis: usize, widths: (usize, usize), border: &Border) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    let both = |low: &Expr, high: &Expr| framed(x, axis, widths, low, high);
    match border {
        Border::Constant(values) => {
            let (low, high) = values[axis];
            both(&constant(x, low)?, &constant(x, high)?)
        }
        Border::Edge => both(&part(x, axis, 0, 1)?, &part(x, axis, n - 1, n)?),
        Border::Reflect { .. } if n == 1 => both(x, x),
        Border::Statistic(statistic, lengths) => {
            let (low, high) = lengths[axis];
            let (low, high) = (low.unwrap_or(n).min(n), high.unwrap_or(n).min(n));
            let of = |start: usize, stop: usize| statistic.of(&part(x, axis, start, stop)?, axis);
            both(&of(0, low)?, &of(n - high, n)?)
        }
        Border::LinearRamp(ends) => {
            let (low, high) = ends[axis];
            let low = ramp(&part(x, axis, 0, 1)?, axis, low, widths.0)?;
            let high = flipped(&ramp(&part(x, axis, n - 1, n)?, axis, high, widths.1)?, axis)?;
            joined(vec![low, x.clone(), high], axis)
        }
        Border::Reflect { symmetric, odd } => reflected(x, axis, widths, (*symmetric, *odd)),
        Border::Wrap => wrapped(x, axis, widths),
    }
}

/// A constant in the dtype of `x`, of as many axes.
fn constant(x: &Expr, value: Scalar) -> Result<Expr> {
    let value = if x.dtype.is_integer() { Scalar::Int(value.to_i128()) } else { value };
    if !value.fits(x.dtype) {
        return Err(Error::argument("pad", format!("the integer {value} is out of bounds for {}", x.dtype)));
    }
    build::full(&vec![1; x.shape.rank()], value, x.dtype, None)
}

/// `x` between `low` and `high`, which are stretched.
fn framed(x: &Expr, axis: usize, (before, after): (usize, usize), low: &Expr, high: &Expr) -> Result<Expr> {
    let side = |e: &Expr, count: usize| {
        let mut shape = x.shape.known()?;
        shape[axis] = count;
        build::broadcast_to(e, &Shape::new(&shape))
    };
    joined(vec![side(low, before)?, x.clone(), side(high, after)?], axis)
}

/// Parts joined, empty ones left out.
fn joined(parts: Vec<Expr>, axis: usize) -> Result<Expr> {
    let length = |e: &Expr| e.shape.dims()[axis].max();
    let full: Vec<Expr> = parts.iter().filter(|e| length(e) > 0).cloned().collect();
    match full.as_slice() {
        [] => parts.into_iter().next().ok_or_else(|| Error::bug("a border has parts")),
        [one] => Ok(one.clone()),
        many => build::concatenate(many, axis),
    }
}

fn flipped(x: &Expr, axis: usize) -> Result<Expr> {
    let mut items = vec![Item::from(..); axis];
    items.push(Item::Slice { start: None, stop: None, step: -1 });
    build::index(x, &items)
}

impl Statistic {
    /// The statistic along an axis, which stays; as integers, rounded, where the elements are.
    fn of(self, x: &Expr, axis: usize) -> Result<Expr> {
        let over = |name: &str, x: &Expr| reduce(x, name, &keep(axis.cast_signed()), Params::default());
        let out = match self {
            Self::Maximum => over("max", x)?,
            Self::Minimum => over("min", x)?,
            Self::Mean => over("mean", x)?,
            Self::Median => median(x, axis)?,
        };
        let rounded = x.dtype.is_integer() && !out.dtype.is_integer();
        let out = if rounded { build::element(ElementOp::Rint, &[Arg::Array(out)])? } else { out };
        build::cast(&out, x.dtype)
    }
}

/// The mean of the one or two elements in the middle; NaN, which is last in order, where there is one.
fn median(x: &Expr, axis: usize) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    let mean = |x: &Expr| reduce(x, "mean", &keep(axis.cast_signed()), Params::default());
    if n == 0 {
        return mean(x);
    }
    let sorted = regions::lines(std::slice::from_ref(x), LineOp::Sort, axis, n)?;
    let middle = mean(&part(&sorted, axis, (n - 1) / 2, n / 2 + 1)?)?;
    if !x.dtype.is_inexact() {
        return Ok(middle);
    }
    let last = part(&sorted, axis, n - 1, n)?;
    let nan = build::element(ElementOp::Isnan, &[Arg::Array(last.clone())])?;
    build::select(&Arg::Array(nan), &Arg::Array(last), &Arg::Array(middle))
}

/// `width` steps from `end` towards `edge`, which is not among them.
fn ramp(edge: &Expr, axis: usize, end: Scalar, width: usize) -> Result<Expr> {
    let dtype = edge.dtype;
    let mut items = vec![Item::from(..)];
    items.extend(vec![Item::NewAxis; edge.shape.rank() - 1 - axis]);
    let at = build::index(&build::iota(width, None), &items)?;
    let wide = match crate::dtype::promote::promote_weak(dtype, end.kind()) {
        d if d.is_inexact() => d,
        _ => DType::F64,
    };
    #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
    let count = width as f64;
    let delta = build::compose_typed("pad", &[Arg::Array(edge.clone())], &[Some(wide)], |p, v| {
        let start = p.constant(end, wide);
        p.op(ElementOp::Subtract, &[v[0], start])
    })?;
    // Where any step is 0, NumPy divides the positions first, which rounds differently.
    let flat = build::compose_typed("pad", &[Arg::Array(delta.clone())], &[None], |p, v| {
        let count = p.constant(count, wide);
        let step = p.op(ElementOp::Divide, &[v[0], count])?;
        let none = p.constant(0.0, wide);
        p.op(ElementOp::Equal, &[step, none])
    })?;
    let flat = reduce(&flat, "any", &Axes::All.into(), Params::default())?;
    build::compose_typed("pad", &[delta, at, flat].map(Arg::Array), &[None, None, None], |p, v| {
        let (start, count, i) = (p.constant(end, wide), p.constant(count, wide), p.cast(v[1], wide));
        let step = p.op(ElementOp::Divide, &[v[0], count])?;
        let scaled = p.op(ElementOp::Multiply, &[i, step])?;
        let share = p.op(ElementOp::Divide, &[i, count])?;
        let shared = p.op(ElementOp::Multiply, &[share, v[0]])?;
        let scaled = p.select(v[2], shared, scaled);
        let mut value = p.op(ElementOp::Add, &[scaled, start])?;
        if dtype.is_integer() {
            value = p.op(ElementOp::Floor, &[value])?;
        }
        Ok(p.cast(value, dtype))
    })
}

/// `x` mirrored at both ends, and what came of that again, until the borders are full.
fn reflected(x: &Expr, axis: usize, widths: (usize, usize), (symmetric, odd): (bool, bool)) -> Result<Expr> {
    let period = x.shape.known()?[axis];
    let (mut before, mut after) = widths;
    let mut out = x.clone();
    while before > 0 || after > 0 {
        let n = out.shape.known()?[axis];
        // Whole periods are mirrored, with the edge or up to it.
        let (most, skip) =
            if symmetric { (n / period * period, 0) } else { ((n - 1) / (period - 1) * (period - 1), 1) };
        let mirror = |edge: usize, start: usize, stop: usize| {
            let mirrored = flipped(&part(&out, axis, start, stop)?, axis)?;
            if !odd || start == stop {
                return Ok(mirrored);
            }
            let edge = part(&out, axis, edge, edge + 1)?;
            let twice = build::element(ElementOp::Multiply, &[Arg::Array(edge), Arg::Scalar(Scalar::Int(2))])?;
            build::cast(&build::element(ElementOp::Subtract, &[Arg::Array(twice), Arg::Array(mirrored)])?, x.dtype)
        };
        let (low, high) = (before.min(most), after.min(most));
        let left = mirror(0, skip, skip + low)?;
        let right = mirror(n - 1, n - skip - high, n - skip)?;
        (before, after) = (before - low, after - high);
        out = joined(vec![left, out, right], axis)?;
    }
    Ok(out)
}

/// `x` repeated on both sides.
fn wrapped(x: &Expr, axis: usize, (before, after): (usize, usize)) -> Result<Expr> {
    let n = x.shape.known()?[axis];
    let copies = 2 + before / n + after / n;
    if copies > MOST_RUNS {
        return Err(Error::unsupported(format!("a border of more than {MOST_RUNS} repetitions is not offered")));
    }
    let mut parts = vec![part(x, axis, n - before % n, n)?];
    parts.extend(vec![x.clone(); before / n + 1 + after / n]);
    parts.push(part(x, axis, 0, after % n)?);
    joined(parts, axis)
}
