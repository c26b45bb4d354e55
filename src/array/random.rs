//! Random arrays.

use super::{Array, Kind, Operand};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::expr::build::Arg;
use crate::expr::random;
use crate::op::random::words;
use crate::runtime::context::Context;
use std::sync::atomic::{AtomicU64, Ordering};

/// A generator of random arrays, with NumPy's names (the numbers are not NumPy's).
///
/// What an element is depends on three numbers alone: the seed, how many draws the generator has given before, and the
/// element's position in C order. So an array is the same for every chunking, number of threads, budget and device, a
/// part of it is drawn without the rest, and nothing is stored. The words come from Philox4x32-10 (Salmon and others,
/// 2011), which passes the usual tests of randomness; they are no secret to who knows some of them.
///
/// Parameters are numbers, or arrays that broadcast to the shape. A number that is no such parameter, a negative scale
/// for one, is refused; an element of an array that is none gives NaN, or the smallest integer where counts are drawn.
///
/// ```
/// use hyperslab::Context;
/// let cx = Context::default();
/// let rng = cx.rng(7);
/// let x = rng.normal(0.0, 1.0, &[100, 20])?;
/// let y = rng.normal(0.0, 1.0, &[100, 20])?;
/// let (spread, correlation) = cx.compute((x.std(..), (&x * &y).mean(..)))?;
/// assert!((spread[[]] - 1.0).abs() < 0.05 && correlation[[]].abs() < 0.05);
///
/// // The same seed gives the same numbers, in whatever chunks.
/// let again = cx.rng(7).normal(0.0, 1.0, &[100, 20])?.rechunk(&[9, 4]);
/// assert_eq!(cx.compute(x)?, cx.compute(again)?);
///
/// let refused = rng.normal(0.0, -1.0, &[3]).unwrap_err();
/// assert_eq!(refused.to_string(), "normal: `scale` must be 0 or above, not -1");
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug)]
pub struct Rng {
    seed: AtomicU64,
    draws: AtomicU64,
}

impl Context {
    /// A generator of random arrays.
    #[must_use]
    pub fn rng(&self, seed: u64) -> Rng {
        Rng::new(seed)
    }
}

impl Rng {
    /// A generator.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed: AtomicU64::new(seed), draws: AtomicU64::new(0) }
    }

    /// Another generator, whose numbers have nothing to do with those of this one; it takes the place of a draw.
    #[must_use]
    pub fn spawn(&self) -> Self {
        Self::new(self.key())
    }

    /// Begins anew.
    pub(crate) fn reseed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.draws.store(0, Ordering::Relaxed);
    }

    /// The key of the next draw.
    pub(crate) fn key(&self) -> u64 {
        words::key(self.seed.load(Ordering::Relaxed), self.draws.fetch_add(1, Ordering::Relaxed))
    }

    /// A draw of the distribution of this name.
    #[track_caller]
    fn draw<T: Kind>(&self, name: &str, args: &[Arg], size: &[usize]) -> Result<Array<T>> {
        let distribution = random::find(name).ok_or_else(|| Error::bug(format!("{name} is a distribution")))?;
        Ok(Array::of(distribution.draw(self.key(), args, Some(size))?))
    }

    /// Uniform numbers in `[0, 1)`, in steps of `2^-24`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the number of elements overflows.
    #[track_caller]
    pub fn random_f32(&self, size: &[usize]) -> Result<Array<f32>> {
        Ok(Array::of(random::random_f32(self.key(), Some(size))?))
    }

    /// Integers from `low` up to, but not including, `high`. Each has its probability up to an error below `2^-64`.
    ///
    /// ```
    /// # use hyperslab::{Array, Context};
    /// # let cx = Context::default();
    /// let dice: Array<i8> = cx.rng(1).integers(1_i8, 7_i8, &[1000])?;
    /// let (least, most) = cx.compute((dice.min(..), dice.max(..)))?;
    /// assert_eq!((least[[]], most[[]]), (1, 6));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for numbers between which nothing lies,
    /// [`Shape`](crate::ErrorKind::Shape) where bounds do not broadcast to `size`, [`DType`](crate::ErrorKind::DType)
    /// for elements that are no integers.
    #[track_caller]
    pub fn integers<T: Element + Kind>(
        &self,
        low: impl Into<Operand<T>>,
        high: impl Into<Operand<T>>,
        size: &[usize],
    ) -> Result<Array<T>> {
        let (low, high) = (low.into(), high.into());
        Ok(Array::of(random::integers(self.key(), [low.arg(), high.arg()], false, T::DTYPE, Some(size))?))
    }
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $name:ident($($param:ident),*) -> $T:ty;)*) => {
        impl Rng { $(
            $(#[doc = $doc])+
            ///
            /// # Errors
            /// [`Argument`](crate::ErrorKind::Argument) for numbers that are no such parameters,
            /// [`Shape`](crate::ErrorKind::Shape) where arrays do not broadcast to `size`.
            #[track_caller]
            pub fn $name(&self, $($param: impl Into<Operand<f64>>,)* size: &[usize]) -> Result<Array<$T>> {
                self.draw(stringify!($name), &[$($param.into().arg().clone()),*], size)
            }
        )* }
    };
}
methods! {
    /// Beta: density `x^(a - 1) (1 - x)^(b - 1) / B(a, b)`.
    beta(a, b) -> f64;
    /// The successes of `n` tries of probability `p`.
    binomial(n, p) -> i64;
    /// Chi-square with `df` degrees of freedom: twice a gamma of shape `df / 2`.
    chisquare(df) -> f64;
    /// Exponential of mean `scale`: density `exp(-x / scale) / scale`.
    exponential(scale) -> f64;
    /// F: the quotient of two chi-squares, each over its degrees of freedom.
    f(dfnum, dfden) -> f64;
    /// Gamma: density `x^(shape - 1) exp(-x / scale) / (Γ(shape) scale^shape)`.
    gamma(shape, scale) -> f64;
    /// The tries up to the first success, of probability `p`.
    geometric(p) -> i64;
    /// Gumbel: distribution function `exp(-exp(-(x - loc) / scale))`.
    gumbel(loc, scale) -> f64;
    /// The good ones among `nsample` taken without replacement from `ngood` good and `nbad` bad ones.
    hypergeometric(ngood, nbad, nsample) -> i64;
    /// Laplace: density `exp(-|x - loc| / scale) / (2 scale)`.
    laplace(loc, scale) -> f64;
    /// Logistic: distribution function `1 / (1 + exp(-(x - loc) / scale))`.
    logistic(loc, scale) -> f64;
    /// The exponential of a normal number of mean `mean` and standard deviation `sigma`.
    lognormal(mean, sigma) -> f64;
    /// Logarithmic: probability `-p^k / (k log(1 - p))` of `k`, from 1 on.
    logseries(p) -> i64;
    /// The failures before `n` successes of probability `p`.
    negative_binomial(n, p) -> i64;
    /// Noncentral chi-square with `df` degrees of freedom and noncentrality `nonc`.
    noncentral_chisquare(df, nonc) -> f64;
    /// Noncentral F: [`Rng::f`] with a noncentral chi-square above.
    noncentral_f(dfnum, dfden, nonc) -> f64;
    /// Normal, of mean `loc` and standard deviation `scale`: the quantile of a uniform number (Wichura 1988), so no
    /// element is beyond 8.3 standard deviations.
    normal(loc, scale) -> f64;
    /// Pareto II (Lomax): density `a / (1 + x)^(a + 1)`.
    pareto(a) -> f64;
    /// Poisson of mean `lam`.
    poisson(lam) -> i64;
    /// Density `a x^(a - 1)` between 0 and 1.
    power(a) -> f64;
    /// Uniform in `[0, 1)`, in steps of `2^-53`.
    random() -> f64;
    /// Rayleigh: density `x / scale^2 exp(-x^2 / (2 scale^2))`.
    rayleigh(scale) -> f64;
    /// Cauchy: density `1 / (π (1 + x^2))`.
    standard_cauchy() -> f64;
    /// Exponential of mean 1.
    standard_exponential() -> f64;
    /// Gamma of scale 1.
    standard_gamma(shape) -> f64;
    /// Normal of mean 0 and standard deviation 1.
    standard_normal() -> f64;
    /// Student's t with `df` degrees of freedom.
    standard_t(df) -> f64;
    /// A density that rises from `left` to `mode` and falls to `right`.
    triangular(left, mode, right) -> f64;
    /// Uniform from `low` to `high`.
    uniform(low, high) -> f64;
    /// An angle in `[-π, π]` with density `exp(kappa cos(x - mu)) / (2π I₀(kappa))`.
    vonmises(mu, kappa) -> f64;
    /// Inverse Gaussian of this mean and scale.
    wald(mean, scale) -> f64;
    /// Weibull: distribution function `1 - exp(-x^a)`.
    weibull(a) -> f64;
    /// Zipf: probability `k^-a / ζ(a)` of `k`, from 1 on.
    zipf(a) -> i64;
}
