//! The table of random draws.
//!
//! A draw is an elementwise operation: a function of the element's position, of the key of the draw (the same for all
//! elements) and of parameters. So what an element is depends on seed, draw and position alone, and any region of an
//! array is drawn by itself. `words.rs` has the generator of words, `straight.rs` distributions by a formula,
//! `gamma.rs` and `counts.rs` those by rejection, with the probabilities of `mass.rs`; nothing in them rounds more than
//! once at a time or calls a library, so every processor gives the same bits. Grammar of a row:
//!
//! ```text
//! /// Documentation.
//! Variant, name, Parameter; number => Result, function, devices;
//! ```
//!
//! Parameters are `f64`, or `u64` where the row says so. Devices: `everywhere`, where `cuda/kernels/random.cu` has a
//! function `r_name` too, or `cpu`. A parameter outside of its range gives NaN, or the smallest integer.

#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "conditions are written so that NaN fails them")]
#![allow(clippy::needless_bitwise_bool, reason = "`&` keeps straight-line code free of branches")]

use crate::dtype::DType;

pub mod words;
mod straight;
mod mass;
mod counts;
mod gamma;

/// Calls `$callback` with the whole table.
macro_rules! random_table {
    ($callback:ident) => {
        $callback! {
            /// 64 random bits.
            Bits, bits, f64; 0 => U64 u64, straight::bits, everywhere;
            /// Uniform in `[0, 1)`, in steps of `2^-53`.
            Uniform, uniform, f64; 0 => F64 f64, straight::uniform, everywhere;
            /// Uniform in `[0, 1)`, in steps of `2^-24`.
            Uniform32, uniform32, f64; 0 => F32 f32, straight::uniform32, everywhere;
            /// An integer from 0 to a number, both included.
            Below, below, u64; 1 => U64 u64, straight::below, everywhere;
            /// Normal, of mean 0 and standard deviation 1.
            Normal, normal, f64; 0 => F64 f64, straight::normal, everywhere;
            /// Exponential, of mean 1.
            Exponential, exponential, f64; 0 => F64 f64, straight::exponential, everywhere;
            /// The exponential of a normal number of this mean and deviation.
            Lognormal, lognormal, f64; 2 => F64 f64, straight::lognormal, cpu;
            /// Laplace, at 0 of scale 1.
            Laplace, laplace, f64; 0 => F64 f64, straight::laplace, cpu;
            /// Logistic, at 0 of scale 1.
            Logistic, logistic, f64; 0 => F64 f64, straight::logistic, cpu;
            /// Gumbel, at 0 of scale 1.
            Gumbel, gumbel, f64; 0 => F64 f64, straight::gumbel, cpu;
            /// Rayleigh, of scale 1.
            Rayleigh, rayleigh, f64; 0 => F64 f64, straight::rayleigh, cpu;
            /// Cauchy, at 0 of scale 1.
            Cauchy, standard_cauchy, f64; 0 => F64 f64, straight::cauchy, cpu;
            /// Weibull, of this shape.
            Weibull, weibull, f64; 1 => F64 f64, straight::weibull, cpu;
            /// Pareto II (Lomax), of this shape.
            Pareto, pareto, f64; 1 => F64 f64, straight::pareto, cpu;
            /// With density `a x^(a - 1)` in `(0, 1)`.
            Power, power, f64; 1 => F64 f64, straight::power, cpu;
            /// Triangular between a left and a right end, with a mode: left, mode, right.
            Triangular, triangular, f64; 3 => F64 f64, straight::triangular, cpu;
            /// Inverse Gaussian: mean, scale.
            Wald, wald, f64; 2 => F64 f64, straight::wald, cpu;
            /// Gamma of this shape, of scale 1.
            Gamma, standard_gamma, f64; 1 => F64 f64, gamma::gamma, cpu;
            /// Beta: a, b.
            Beta, beta, f64; 2 => F64 f64, gamma::beta, cpu;
            /// Chi-square: degrees of freedom.
            Chisquare, chisquare, f64; 1 => F64 f64, gamma::chisquare, cpu;
            /// Noncentral chi-square: degrees of freedom, noncentrality.
            NoncentralChisquare, noncentral_chisquare, f64; 2 => F64 f64, gamma::noncentral_chisquare, cpu;
            /// F: degrees of freedom of the numerator and of the denominator.
            F, f, f64; 2 => F64 f64, gamma::f, cpu;
            /// Noncentral F: degrees of freedom of both, noncentrality of the numerator.
            NoncentralF, noncentral_f, f64; 3 => F64 f64, gamma::noncentral_f, cpu;
            /// Student's t: degrees of freedom.
            StudentT, standard_t, f64; 1 => F64 f64, gamma::standard_t, cpu;
            /// An angle about a mean, with a concentration.
            Vonmises, vonmises, f64; 2 => F64 f64, gamma::vonmises, cpu;
            /// Tries up to a success of this probability.
            Geometric, geometric, f64; 1 => I64 i64, straight::geometric, cpu;
            /// Poisson, of this mean.
            Poisson, poisson, f64; 1 => I64 i64, counts::poisson, cpu;
            /// Failures before `n` successes of probability `p`.
            NegativeBinomial, negative_binomial, f64; 2 => I64 i64, gamma::negative_binomial, cpu;
            /// Successes of `n` tries of probability `p`.
            Binomial, binomial, f64; 2 => I64 i64, counts::binomial, cpu;
            /// Good ones in a sample: good, bad, sample.
            Hypergeometric, hypergeometric, f64; 3 => I64 i64, counts::hypergeometric, cpu;
            /// Zipf, of this exponent.
            Zipf, zipf, f64; 1 => I64 i64, counts::zipf, cpu;
            /// Logarithmic, of this probability.
            Logseries, logseries, f64; 1 => I64 i64, counts::logseries, cpu;
        }
    };
}
pub(crate) use random_table;

/// The most parameters of a draw.
pub const MOST_PARAMS: usize = 3;

pub(crate) use counts::MOST as LARGEST_MEAN;

/// One draw of the table, with `N` parameters.
pub(crate) trait Sample<const N: usize> {
    /// The type of the parameters.
    type Param: Copy;
    /// That of the result.
    type Out;
    /// The element at position `index` of the draw with this key.
    fn sample(index: u64, key: u64, params: [Self::Param; N]) -> Self::Out;
}

macro_rules! param_dtype {
    (f64) => {
        DType::F64
    };
    (u64) => {
        DType::U64
    };
}

macro_rules! on_cuda {
    (everywhere) => {
        true
    };
    (cpu) => {
        false
    };
}

macro_rules! define {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $P:ident; $n:literal => $D:ident $Out:ty, $f:path, $where:ident;)*) => {
        /// A draw of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Sampler { $($(#[doc = $doc])+ $Op),* }

        impl Sampler {
            /// Every draw, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$Op),*];

            /// The name, NumPy's where it has one.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$Op => stringify!($name)),* }
            }

            /// The number of parameters.
            #[must_use]
            pub fn arity(self) -> usize {
                match self { $(Self::$Op => $n),* }
            }

            /// The dtype of the parameters.
            #[must_use]
            pub fn param(self) -> DType {
                match self { $(Self::$Op => param_dtype!($P)),* }
            }

            /// The dtype of the elements.
            #[must_use]
            pub fn output(self) -> DType {
                match self { $(Self::$Op => DType::$D),* }
            }

            /// Whether there is CUDA code for it.
            #[must_use]
            pub fn on_cuda(self) -> bool {
                match self { $(Self::$Op => on_cuda!($where)),* }
            }
        }

        /// One type per draw, on which the loops are generic.
        pub(crate) mod marker { $(#[derive(Debug)] pub(crate) struct $Op;)* }

        $(impl Sample<$n> for marker::$Op {
            type Param = $P;
            type Out = $Out;
            #[inline(always)]
            fn sample(index: u64, key: u64, params: [$P; $n]) -> $Out { $f(index, key, params) }
        })*
    };
}
random_table!(define);
