//! Distributions by a formula: straight-line code over the words of an element, which vectorises.
//!
//! Every step is rounded by itself (no fused multiply-add, no library call), so every processor and every device gives
//! the same bits.

use super::words::{Words, philox};
use crate::op::math;
use std::f64::consts::PI;

/// `log(x)`, the same bits everywhere.
#[inline(always)]
pub(super) fn log(x: f64) -> f64 {
    math::log_f64::<false>(x)
}

/// `exp(x)`, the same bits everywhere.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    math::exp_f64::<false>(x)
}

/// `x^y`, the same bits everywhere.
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    math::pow_f64::<false>(x, y)
}

/// `x` where `valid` holds, NaN elsewhere: what a draw with a parameter out of its range gives.
#[inline(always)]
pub(super) fn guarded(valid: bool, x: f64) -> f64 {
    if valid { x } else { f64::NAN }
}

/// A number below `2^53`, as a float.
#[inline(always)]
fn whole(bits: u64) -> f64 {
    // Signed numbers of 64 bits convert by one instruction where unsigned ones do not; the value is exact.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let value = bits.cast_signed() as f64;
    value
}

/// Uniform in `[0, 1)`, in steps of `2^-53`.
#[inline(always)]
pub(super) fn half_open(word: u64) -> f64 {
    whole(word >> 11) * f64::from_bits((1023 - 53) << 52)
}

/// Uniform in `(0, 1)`: the odd multiples of `2^-53`, which lie symmetric about one half.
#[inline(always)]
pub(super) fn open(word: u64) -> f64 {
    (whole(word >> 12) + 0.5) * f64::from_bits((1023 - 52) << 52)
}

/// The integer `floor(words * (top + 1) / 2^128)`: each number from 0 to `top` with a probability that is off by less
/// than `2^-64` of 1.
#[inline(always)]
pub(super) fn scaled([low, high]: [u64; 2], top: u64) -> u64 {
    let range = top.wrapping_add(1);
    let wide = |x: u64| u128::from(x) * u128::from(range);
    let product = wide(high) + (wide(low) >> 64);
    let part = (product >> 64) as u64;
    if top == u64::MAX { high } else { part }
}

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
fn horner<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients[1..].iter().fold(coefficients[0], |sum, c| sum * x + c)
}

/// The quantile of the standard normal distribution at `p` in `(0, 1)`, within about `1e-15` of itself: algorithm AS
/// 241 (Wichura 1988).
#[inline(always)]
pub(super) fn normal_at(p: f64) -> f64 {
    let q = p - 0.5;
    let square = 0.180_625 - q * q;
    let middle_up = horner(square, MIDDLE[0]);
    let middle_down = horner(square, MIDDLE[1]);
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-log(tail)).sqrt();
    let near = r <= 5.0;
    let pick = |half: usize| -> [f64; 8] { std::array::from_fn(|i| if near { TAIL[half][i] } else { FAR[half][i] }) };
    let shifted = if near { r - 1.6 } else { r - 5.0 };
    let (tail_up, tail_down) = (horner(shifted, pick(0)), horner(shifted, pick(1)));
    let central = q.abs() <= 0.425;
    let up = if central { q * middle_up } else { tail_up.copysign(q) };
    up / if central { middle_down } else { tail_down }
}

/// Numerator and denominator for the middle, where `|p - 1/2| <= 0.425`.
const MIDDLE: [[f64; 8]; 2] = [
    [
        2_509.080_928_730_122_7,
        33_430.575_583_588_13,
        67_265.770_927_008_7,
        45_921.953_931_549_87,
        13_731.693_765_509_46,
        1_971.590_950_306_551_3,
        133.141_667_891_784_38,
        3.387_132_872_796_366_5,
    ],
    [
        5_226.495_278_852_545,
        28_729.085_735_721_943,
        39_307.895_800_092_71,
        21_213.794_301_586_597,
        5_394.196_021_424_751,
        687.187_007_492_057_9,
        42.313_330_701_600_91,
        1.0,
    ],
];

/// For the tails down to `exp(-25)`.
const TAIL: [[f64; 8]; 2] = [
    [
        7.745_450_142_783_414e-4,
        0.022_723_844_989_269_184,
        0.241_780_725_177_450_6,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        0.015_198_666_563_616_457,
        0.148_103_976_427_480_08,
        0.689_767_334_985_1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

/// For what lies beyond.
const FAR: [[f64; 8]; 2] = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        0.001_242_660_947_388_078_4,
        0.026_532_189_526_576_124,
        0.296_560_571_828_504_87,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_8e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        7.868_691_311_456_133e-4,
        0.014_875_361_290_850_615,
        0.136_929_880_922_735_8,
        0.599_832_206_555_887_9,
        1.0,
    ],
];

/// The quantile of the standard exponential distribution at `1 - p`: never 0.
#[inline(always)]
pub(super) fn exponential_at(p: f64) -> f64 {
    -log(p)
}

impl Words {
    /// Uniform in `(0, 1)`.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        open(self.word())
    }

    /// Of the standard normal distribution.
    #[inline]
    pub(super) fn normal(&mut self) -> f64 {
        normal_at(self.unit())
    }

    /// Of the standard exponential distribution.
    #[inline]
    pub(super) fn exponential(&mut self) -> f64 {
        exponential_at(self.unit())
    }
}

/// The first word of an element.
#[inline(always)]
fn first(index: u64, key: u64) -> u64 {
    philox([index, 0], key)[0]
}

/// What a row of the table calls: position, key, parameters.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident($index:ident, $key:ident, [$($param:ident),*]: $P:ty) -> $Out:ty $body:block)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name($index: u64, $key: u64, [$($param),*]: $P) -> $Out $body
    )* };
}

rows! {
    bits(index, key, []: [f64; 0]) -> u64 { first(index, key) }

    uniform(index, key, []: [f64; 0]) -> f64 { half_open(first(index, key)) }

    uniform32(index, key, []: [f64; 0]) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
        let value = (first(index, key) >> 40).cast_signed() as f32;
        value * f32::from_bits((127 - 24) << 23)
    }

    below(index, key, [top]: [u64; 1]) -> u64 { scaled(philox([index, 0], key), top) }

    normal(index, key, []: [f64; 0]) -> f64 { normal_at(open(first(index, key))) }

    exponential(index, key, []: [f64; 0]) -> f64 { exponential_at(open(first(index, key))) }

    lognormal(index, key, [mean, sigma]: [f64; 2]) -> f64 {
        guarded(sigma >= 0.0, exp(mean + sigma * normal(index, key, [])))
    }

    laplace(index, key, []: [f64; 0]) -> f64 {
        let p = open(first(index, key));
        let q = p - 0.5;
        let outside = if q < 0.0 { p } else { 1.0 - p };
        (-log(2.0 * outside)).copysign(q)
    }

    logistic(index, key, []: [f64; 0]) -> f64 {
        let p = open(first(index, key));
        log(p / (1.0 - p))
    }

    gumbel(index, key, []: [f64; 0]) -> f64 { -log(exponential(index, key, [])) }

    rayleigh(index, key, []: [f64; 0]) -> f64 { (2.0 * exponential(index, key, [])).sqrt() }

    cauchy(index, key, []: [f64; 0]) -> f64 {
        let p = open(first(index, key));
        let q = p - 0.5;
        let outside = if q < 0.0 { p } else { 1.0 - p };
        // Beyond the quartiles the tangent of the complement, which is exact where the tangent has its pole.
        let inner = q.abs() <= 0.25;
        let tangent = math::tan_f64::<false>(PI * if inner { q.abs() } else { outside });
        (if inner { tangent } else { 1.0 / tangent }).copysign(q)
    }

    weibull(index, key, [a]: [f64; 1]) -> f64 {
        let value = pow(exponential(index, key, []), 1.0 / a);
        guarded(a >= 0.0, if a == 0.0 { 0.0 } else { value })
    }

    pareto(index, key, [a]: [f64; 1]) -> f64 {
        guarded(a > 0.0, math::expm1_f64::<false>(exponential(index, key, []) / a))
    }

    power(index, key, [a]: [f64; 1]) -> f64 {
        guarded(a > 0.0, pow(open(first(index, key)), 1.0 / a))
    }

    triangular(index, key, [left, mode, right]: [f64; 3]) -> f64 {
        let u = half_open(first(index, key));
        let (base, rise, fall) = (right - left, mode - left, right - mode);
        let low = left + (u * (rise * base)).sqrt();
        let high = right - ((1.0 - u) * (fall * base)).sqrt();
        guarded((rise >= 0.0) & (fall >= 0.0) & (base > 0.0), if u <= rise / base { low } else { high })
    }

    wald(index, key, [mean, scale]: [f64; 2]) -> f64 {
        let [first, second] = philox([index, 0], key);
        let z = normal_at(open(first));
        // The smaller root of Michael, Schucany and Haas (1976), written without cancellation.
        let y = mean * z * z / (2.0 * scale);
        let root = (y * (2.0 + y)).sqrt();
        let small = mean / (1.0 + y + root);
        let large = mean * (1.0 + y + root);
        guarded((mean > 0.0) & (scale > 0.0), if open(second) <= mean / (mean + small) { small } else { large })
    }

    geometric(index, key, [p]: [f64; 1]) -> i64 {
        let tries = (exponential(index, key, []) / -math::log1p_f64::<false>(-p)).ceil();
        count((p > 0.0) & (p <= 1.0), if tries < 1.0 { 1.0 } else { tries })
    }
}

/// A whole number as an integer, the largest one where it is too large, and the smallest where the draw is not valid.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn count(valid: bool, value: f64) -> i64 {
    if valid { value as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // By mpmath with 40 digits: the ends of every range of the algorithm.
        for (p, x) in [
            (2f64.powi(-53), -8.209_536_151_601_387),
            (1e-15, -7.941_345_326_170_997),
            (1e-12, -7.034_483_825_301_132),
            (1.3e-11, -6.667_611_456_510_741),
            (1e-6, -4.753_424_308_822_899),
            (0.01, -2.326_347_874_040_841),
            (0.0749, -1.440_238_267_527_963_7),
            (0.0751, -1.438_825_392_752_54),
            (0.3, -0.524_400_512_708_040_8),
            (0.499, -0.002_506_630_899_571_766),
            (0.51, 0.025_068_908_258_711_057),
            (0.9, 1.281_551_565_544_600_4),
            (0.999_999, 4.753_424_308_817_087),
        ] {
            let found = normal_at(p);
            assert!((found - x).abs() <= 2e-15 * x.abs(), "{p}: {found} and {x}");
        }
    }

    #[test]
    fn integers_are_scaled_exactly() {
        assert_eq!(scaled([0, 0], 9), 0);
        assert_eq!(scaled([u64::MAX; 2], 9), 9);
        assert_eq!(scaled([u64::MAX; 2], u64::MAX), u64::MAX);
        assert_eq!(scaled([5, 7], u64::MAX), 7);
        assert_eq!(scaled([1, 2], 0), 0);
        // Where the low word decides: 2^127 / 2 less a little, and that.
        assert_eq!(scaled([u64::MAX, (1 << 63) - 1], 1), 0);
        assert_eq!(scaled([0, 1 << 63], 1), 1);
        assert_eq!(scaled([0x5555_5555_5555_5555, 0x5555_5555_5555_5555], 2), 0);
        assert_eq!(scaled([0x5555_5555_5555_5556, 0x5555_5555_5555_5555], 2), 1);
    }

    #[test]
    fn uniform_numbers_keep_within_their_ends() {
        assert_eq!((half_open(0), half_open(u64::MAX)), (0.0, 1.0 - f64::EPSILON / 2.0));
        assert_eq!((open(0), open(u64::MAX)), (f64::EPSILON / 2.0, 1.0 - f64::EPSILON / 2.0));
    }
}
