//! Quantiles: between which elements of a line in order a level lies, and how far from the first.
//!
//! The rules are those of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), and their arithmetic is
//! NumPy's to the last bit: which of two elements a level falls on depends on it.

use crate::dtype::DType;
use crate::dtype::promote::{promote, promote_weak};
use crate::dtype::{Kind, scalar::Scalar};
use crate::error::{Error, Result};

/// Quantiles of a line, one for every level.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantiles {
    /// The levels.
    pub levels: Levels,
    /// How a level is found in a line.
    pub method: Method,
    /// Whether NaN counts as absent; it makes the result NaN otherwise.
    pub skips_nan: bool,
    /// The dtype of the results.
    pub output: DType,
}

/// Levels between 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Levels {
    /// The middle, alone: the mean of the two elements around it, or the element that is there.
    Middle,
    /// Real numbers.
    Real(Vec<Level>),
    /// Integers, that is 0 or 1, which have a dtype of their own.
    Whole(Vec<bool>),
}

/// A level, by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level(u64);

impl Level {
    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// A quantile as a place between two elements of a line in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// The position of the first,
    pub low: usize,
    /// and of the second.
    pub high: usize,
    /// How far it is from the first, where the second is 1 away.
    pub weight: f64,
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $Name:ident $name:literal;)*) => {
        /// How a level is found among the elements of a line. The names are NumPy's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method { $($(#[doc = $doc])* $Name,)* }

        impl Method {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$Name),*];

            /// The NumPy name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$Name => $name),* }
            }
        }
    };
}
methods! {
    /// Method 1 of Hyndman and Fan: the inverse of the empirical distribution.
    InvertedCdf "inverted_cdf";
    /// Method 2: as the first, with means where that jumps.
    AveragedInvertedCdf "averaged_inverted_cdf";
    /// Method 3: the nearest element.
    ClosestObservation "closest_observation";
    /// Method 4: linear in the empirical distribution.
    InterpolatedInvertedCdf "interpolated_inverted_cdf";
    /// Method 5: linear between the middles of its steps.
    Hazen "hazen";
    /// Method 6.
    Weibull "weibull";
    /// Method 7: linear between the first element and the last.
    Linear "linear";
    /// Method 8, unbiased for the median whatever the distribution.
    MedianUnbiased "median_unbiased";
    /// Method 9, unbiased for normal distributions.
    NormalUnbiased "normal_unbiased";
    /// The element below.
    Lower "lower";
    /// The element above.
    Higher "higher";
    /// The mean of both.
    Midpoint "midpoint";
    /// The nearer of both; of equally near ones, that at an even position.
    Nearest "nearest";
}

impl Method {
    /// The method of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name)
    }

    /// Whether it gives elements as they are.
    #[must_use]
    pub fn is_discrete(self) -> bool {
        matches!(self, Self::InvertedCdf | Self::ClosestObservation | Self::Lower | Self::Higher | Self::Nearest)
    }

    /// Whether integer levels lie at integer places, as NumPy computes them.
    fn stays_whole(self) -> bool {
        matches!(self, Self::AveragedInvertedCdf | Self::InterpolatedInvertedCdf | Self::Weibull)
    }

    /// Where the level `q` of `n` elements is: a position, between elements where it is not whole.
    fn place(self, n: f64, q: f64) -> f64 {
        let by = |alpha: f64, beta: f64| n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
        let along = (n - 1.0) * q;
        let step = |at: f64, stays: &dyn Fn(f64) -> bool| {
            let before = at.floor();
            if at == before && stays(before) { before } else { before + 1.0 }
        };
        match self {
            Self::InvertedCdf => step(n * q - 1.0, &|_| true),
            Self::ClosestObservation => step(n * q - 1.0 - 0.5, &|before| before.rem_euclid(2.0) == 1.0),
            Self::AveragedInvertedCdf => n * q - 1.0,
            Self::InterpolatedInvertedCdf => by(0.0, 1.0),
            Self::Hazen => by(0.5, 0.5),
            Self::Weibull => by(0.0, 0.0),
            Self::Linear => along,
            Self::MedianUnbiased => by(1.0 / 3.0, 1.0 / 3.0),
            Self::NormalUnbiased => by(3.0 / 8.0, 3.0 / 8.0),
            Self::Lower => along.floor(),
            Self::Higher => along.ceil(),
            Self::Midpoint => 0.5 * (along.floor() + along.ceil()),
            Self::Nearest => along.round_ties_even(),
        }
    }

    /// The level `q` of `n` elements, of which there are some.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as NumPy computes positions; they are clamped"
    )]
    fn between(self, n: usize, q: f64) -> Between {
        let last = n - 1;
        let place = self.place(n as f64, q);
        if self.is_discrete() {
            let at = (place.max(0.0) as usize).min(last);
            return Between { low: at, high: at, weight: 0.0 };
        }
        let (low, high) = if place >= last as f64 {
            (last, last)
        } else if place < 0.0 {
            (0, 0)
        } else {
            (place as usize, place as usize + 1)
        };
        let past = place - low as f64;
        let weight = match self {
            Self::AveragedInvertedCdf => {
                if past == 0.0 {
                    0.5
                } else {
                    1.0
                }
            }
            Self::Midpoint => {
                if place.fract() == 0.0 {
                    0.0
                } else {
                    0.5
                }
            }
            _ => past,
        };
        Between { low, high, weight }
    }
}

impl Quantiles {
    /// The medians of lines of `dtype`.
    #[must_use]
    pub fn median(dtype: DType, skips_nan: bool) -> Self {
        let inexact = matches!(dtype.kind(), Kind::Float | Kind::Complex);
        let output = if inexact { dtype } else { DType::F64 };
        Self { levels: Levels::Middle, method: Method::Linear, skips_nan, output }
    }

    /// The quantiles of lines of `dtype` at these levels, which have the dtype `of_levels` or else adapt as constants
    /// do.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for a level that is not between 0 and 1,
    /// [`DType`](crate::ErrorKind::DType) for elements that have no differences.
    pub fn new(
        op: &str,
        dtype: DType,
        levels: &[Scalar],
        of_levels: Option<DType>,
        method: Method,
        skips_nan: bool,
    ) -> Result<Self> {
        if dtype.kind() == Kind::Complex {
            return Err(Error::dtype(op, format!("needs real numbers, not {dtype}")));
        }
        if let Some(odd) = levels.iter().find(|q| q.kind() == Kind::Complex || !(0.0..=1.0).contains(&q.to_f64())) {
            return Err(Error::argument(op, format!("levels lie between 0 and 1, and {odd} does not")));
        }
        let whole = !levels.is_empty() && levels.iter().all(|q| !matches!(q, Scalar::Float(_)));
        let exact = method.is_discrete() || whole && method == Method::Linear;
        if !exact && dtype == DType::Bool {
            return Err(Error::dtype(
                op,
                format!("the method `{}` needs differences, which bool has not", method.name()),
            ));
        }
        let output = match (exact, of_levels, whole) {
            (true, ..) => dtype,
            (_, None, _) => promote_weak(dtype, Kind::Float),
            (_, _, true) => promote(dtype, if method.stays_whole() { DType::I64 } else { DType::F64 }),
            (_, Some(levels), _) => promote(dtype, levels),
        };
        let levels = if whole {
            Levels::Whole(levels.iter().map(|q| q.to_f64() == 1.0).collect())
        } else {
            Levels::Real(levels.iter().map(|q| Level(q.to_f64().to_bits())).collect())
        };
        Ok(Self { levels, method, skips_nan, output })
    }

    /// Whether they are elements of the line as they are.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        match self.levels {
            Levels::Middle => false,
            Levels::Real(_) => self.method.is_discrete(),
            Levels::Whole(_) => self.method.is_discrete() || self.method == Method::Linear,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.levels {
            Levels::Middle => 1,
            Levels::Real(list) => list.len(),
            Levels::Whole(list) => list.len(),
        }
    }

    /// Where they are in a line of `n` elements, of which there are some.
    #[must_use]
    pub fn of(&self, n: usize) -> Vec<Between> {
        match &self.levels {
            Levels::Middle => vec![Between { low: (n - 1) / 2, high: n / 2, weight: 0.5 }],
            Levels::Real(list) => list.iter().map(|q| self.method.between(n, q.value())).collect(),
            Levels::Whole(list) => list.iter().map(|&q| self.method.between(n, f64::from(u8::from(q)))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_numpy() {
        let at = |method: Method, n, q| {
            let b = method.between(n, q);
            (b.low, b.high, b.weight)
        };
        assert_eq!(at(Method::Linear, 5, 0.3), (1, 2, 0.199_999_999_999_999_96));
        assert_eq!(at(Method::InvertedCdf, 10, 0.3), (2, 2, 0.0));
        assert_eq!(at(Method::AveragedInvertedCdf, 10, 0.5), (4, 5, 0.5));
        assert_eq!(at(Method::ClosestObservation, 5, 0.5), (1, 1, 0.0));
        assert_eq!(at(Method::Nearest, 6, 0.5), (2, 2, 0.0));
        assert_eq!(at(Method::Weibull, 4, 0.05), (0, 0, -0.75));
        assert_eq!(at(Method::Midpoint, 4, 0.5), (1, 2, 0.5));
        for method in Method::ALL {
            for n in 1..6 {
                assert_eq!((at(*method, n, 0.0).0, at(*method, n, 1.0).1), (0, n - 1), "{method:?} of {n}");
            }
            assert_eq!(Method::find(method.name()), Some(*method));
        }
    }
}
