//! Elements between those of an array: what stands at places that an affine map gives, by splines.

use super::Computation;
use super::filter::{Edge, Number};
use crate::chunk::{Chunks, Region};
use crate::dtype::DType;
use std::fmt;

/// What stands beyond the ends of an axis that is sampled, as SciPy names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rim {
    /// A constant, which begins beyond the last elements.
    Constant,
    /// A constant, with which the last elements are interpolated.
    GridConstant,
    /// The last element.
    Nearest,
    /// The array mirrored about the last element.
    Mirror,
    /// The array mirrored, with the last element.
    Reflect,
    /// The array again, the last element in the place of the first.
    Wrap,
    /// The array again.
    GridWrap,
}

impl Rim {
    /// The place inside an axis of length `n` that stands for `at`; none where that is the constant.
    #[must_use]
    pub fn place(self, at: f64, n: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
        let len = n as f64;
        // Around the last elements these go on, as far as a spline that goes through elements there does.
        if matches!(self, Self::GridConstant | Self::Nearest) || (0.0..=len - 1.0).contains(&at) {
            return Some(at);
        }
        let single = n <= 1;
        match self {
            Self::Constant | Self::GridConstant | Self::Nearest => None,
            _ if !at.is_finite() => None,
            _ if single => Some(0.0),
            Self::Mirror => {
                let period = 2.0 * len - 2.0;
                let i = at + period * (-at / period).trunc();
                Some(match (at < 0.0, i) {
                    (true, i) if i <= 1.0 - len => i + period,
                    (true, i) => -i,
                    (false, i) if i >= len => period - i,
                    (false, i) => i,
                })
            }
            Self::Reflect => {
                let period = 2.0 * len;
                let i = at + period * (-at / period).trunc();
                Some(match (at < 0.0, i) {
                    (true, i) if i < -len => i + period,
                    (true, i) => -i - 1.0,
                    (false, i) if i >= len => period - i - 1.0,
                    (false, i) => i,
                })
            }
            Self::Wrap => Some(if at < 0.0 {
                at + (len - 1.0) * ((-at / (len - 1.0)).trunc() + 1.0)
            } else {
                at - (len - 1.0) * (at / (len - 1.0)).trunc()
            }),
            Self::GridWrap => Some(if at < 0.0 {
                at + len * (((-1.0 - at) / len).trunc() + 1.0)
            } else {
                at - len * (at / len).trunc()
            }),
        }
    }

    /// What stands in the place of an index beyond the elements that a spline goes through.
    fn edge(self) -> Edge {
        match self {
            Self::GridConstant => Edge::Constant,
            Self::Nearest => Edge::Nearest,
            Self::Reflect => Edge::Reflect,
            Self::GridWrap => Edge::Wrap,
            Self::Constant | Self::Mirror | Self::Wrap => Edge::Mirror,
        }
    }
}

/// The highest order of a spline.
pub const HIGHEST: usize = 5;

/// What the elements around a place count in a spline of an order, where the place is `x` beyond the middle one of
/// them: the nearest for even orders, the last one before it for odd ones.
#[must_use]
pub fn weights(order: usize, x: f64) -> [f64; HIGHEST + 1] {
    let (y, z) = (x, 1.0 - x);
    // A B-spline of order 5 at a distance between 1 and 2, and below 1.
    let outer = |d: f64| d * (d * (d * (d * (d / 24.0 - 0.375) + 1.25) - 1.75) + 0.625) + 0.425;
    let inner = |d: f64| d * d * (d * d * (0.25 - d / 12.0) - 0.5) + 0.55;
    // One of order 4 at a distance between 0.5 and 1.5.
    let beside = |d: f64| d * (d * (d * (5.0 - d) / 6.0 - 1.25) + 5.0 / 24.0) + 55.0 / 96.0;
    let half = 0.5 - x;
    let mut out = match order {
        0 => [0.0; HIGHEST + 1],
        1 => [z, 0.0, 0.0, 0.0, 0.0, 0.0],
        2 => [0.5 * half * half, 0.75 - x * x, 0.0, 0.0, 0.0, 0.0],
        3 => {
            let second = (y * y * (y - 2.0) * 3.0 + 4.0) / 6.0;
            let third = (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0;
            [z * z * z / 6.0, second, third, 0.0, 0.0, 0.0]
        }
        4 => {
            let (first, t) = (half * half, x * x);
            let middle = t * (t * 0.25 - 0.625) + 115.0 / 192.0;
            [first * first / 24.0, beside(1.0 + x), middle, beside(z), 0.0, 0.0]
        }
        _ => [z * (z * z) * (z * z) / 120.0, outer(y + 1.0), inner(y), inner(z), outer(z + 1.0), 0.0],
    };
    // All of them are 1.
    out[order] = out[..order].iter().fold(1.0, |rest, w| rest - w);
    out
}

/// The elements of the input around a place along one axis, and what each counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taps {
    /// The elements; none where the constant stands.
    pub places: [Option<usize>; HIGHEST + 1],
    /// What they count.
    pub weights: [f64; HIGHEST + 1],
    /// How many.
    pub count: usize,
}

/// Splines through the elements of an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Knots {
    /// The order along each axis, up to [`HIGHEST`].
    pub orders: Vec<usize>,
    /// What stands beyond.
    pub rim: Rim,
    /// The constant there.
    pub constant: Number,
    /// The lengths of the array.
    pub lengths: Vec<usize>,
    /// By how many elements the input is longer on every side. They count as elements of the array.
    pub pad: usize,
    /// By how many more it is longer, which stand for what wraps around: then elements around a place lie side by side.
    pub around: usize,
}

impl Knots {
    /// The lengths of the input.
    #[must_use]
    pub fn space(&self) -> Vec<usize> {
        self.lengths.iter().map(|n| n + 2 * (self.pad + self.around)).collect()
    }

    /// What is taken of the input along `axis` for a place of the array; nothing where the constant stands.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "places are inside an array")]
    pub fn taps(&self, axis: usize, at: f64) -> Option<Taps> {
        let order = self.orders[axis];
        let (n, pad) = (self.lengths[axis] + 2 * self.pad, self.pad as f64);
        let at = self.rim.place(at + pad, n)?;
        let middle = if order.is_multiple_of(2) { (at + 0.5).floor() } else { at.floor() };
        let start = (middle as isize).saturating_sub((order / 2).cast_signed());
        let mut places = [None; HIGHEST + 1];
        let place = |i: usize| {
            let at = start.saturating_add_unsigned(i);
            if self.around == 0 {
                return self.rim.edge().index(at, n);
            }
            let last = (n + 2 * self.around).cast_signed() - 1;
            Some(at.saturating_add_unsigned(self.around).clamp(0, last).cast_unsigned())
        };
        (0..=order).for_each(|i| places[i] = place(i));
        let weights = weights(order, at - middle);
        Some(Taps { places, weights, count: order + 1 })
    }
}

/// An array at places that an affine map gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resample {
    /// The SciPy name, for messages.
    pub name: &'static str,
    /// For each axis of the input, what its places are of those of the result: a number for each axis of that.
    pub matrix: Vec<Vec<Number>>,
    /// What is added to places of the result before that, where each axis of the input follows its own alone,
    pub before: Vec<Number>,
    /// and what is added to those of the input.
    pub after: Vec<Number>,
    /// The splines.
    pub knots: Knots,
    /// The dtype of the input.
    pub input: DType,
    /// The dtype of the result.
    pub output: DType,
}

impl Resample {
    /// The place along `axis` of the array of a place of the result.
    #[must_use]
    pub fn place(&self, axis: usize, of: &[usize]) -> f64 {
        let mut sum = 0.0;
        for (l, (m, &k)) in self.matrix[axis].iter().zip(of).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "places are exact")]
            let k = k as f64 + if l == axis { self.before[axis].value() } else { 0.0 };
            sum += k * m.value();
        }
        sum + self.after[axis].value()
    }

    /// The lowest and the highest place along an axis of the array, for a box of the result.
    fn ends(&self, axis: usize, region: &Region) -> (f64, f64) {
        let (mut low, mut high) = (region.start.clone(), region.start.clone());
        for (l, m) in self.matrix[axis].iter().enumerate() {
            let (first, last) = (region.start[l], region.end(l).saturating_sub(1));
            (low[l], high[l]) = if m.value() < 0.0 { (last, first) } else { (first, last) };
        }
        (self.place(axis, &low), self.place(axis, &high))
    }
}

impl Computation for Resample {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by splines", self.name)
    }

    fn output(&self) -> DType {
        self.output
    }

    fn has_more_axes(&self) -> bool {
        true
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.knots.space()
    }

    fn hull(&self, region: &Region) -> Region {
        let mut out = Region::full(&self.knots.space());
        for (axis, &n) in self.knots.lengths.iter().enumerate() {
            let (low, high) = self.ends(axis, region);
            if !(low.is_finite() && high.is_finite()) {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
            let last = n as f64 - 1.0;
            // Around the ends of what wraps around, a spline goes through elements at the other one.
            #[expect(clippy::cast_precision_loss, reason = "orders are small")]
            let reach = if self.knots.rim == Rim::GridWrap { (self.knots.orders[axis] / 2 + 1) as f64 } else { 0.0 };
            let inside = low >= reach && high <= last - reach;
            if !inside && !matches!(self.knots.rim, Rim::Constant | Rim::GridConstant | Rim::Nearest) {
                continue;
            }
            // What a spline goes through, on both sides, and what is mirrored there.
            let margin = self.knots.orders[axis].cast_signed() + 2;
            let pad = self.knots.pad.cast_signed();
            #[expect(clippy::cast_precision_loss, reason = "it is short")]
            let more = self.knots.pad as f64;
            let inside = |at: f64| at.clamp(-more, last + more).floor();
            #[expect(clippy::cast_possible_truncation, reason = "they are inside the array")]
            let (low, high) = (inside(low) as isize + pad - margin, inside(high) as isize + pad + margin + 1);
            let (low, high) = (low.max(0), high.min(out.shape[axis].cast_signed()));
            (out.start[axis], out.shape[axis]) = (low.cast_unsigned(), (high - low).cast_unsigned());
        }
        out
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let space = self.knots.space();
        let along = |axis: usize| {
            if !matches!(self.knots.rim, Rim::Constant | Rim::GridConstant | Rim::Nearest) {
                return space[axis];
            }
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let span: f64 = self.matrix[axis].iter().zip(block).map(|(m, &n)| m.value().abs() * n as f64).sum();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is cut to the axis")]
            space[axis].min(span as usize + 2 * self.knots.orders[axis] + 6)
        };
        (0..space.len()).map(along).collect()
    }

    fn read_in(&self, _: &Chunks) -> Chunks {
        Chunks::whole(&self.knots.space())
    }

    fn reads_again(&self) -> bool {
        true
    }
}
