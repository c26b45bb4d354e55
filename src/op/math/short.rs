//! exp, expm1 and log kernels in `f64` arithmetic at a little over `f32` precision (errors
//! below `2^-36`), from which `f32` functions come out within 0.51 ULP.
//!
//! The methods are those of the `exp` and `log` modules with shorter minimax polynomials
//! (Remez), ln2 in one part and a single scale factor: `f32` exponents leave `f64` room.

use super::util::{MAGIC64, clamp_f64, fma64, poly64, split_normal_f64};
use std::f64::consts::{LN_2, LOG2_E};

/// `(e^r - 1 - r) / r^2`, error in `e^r` below `2^-37`.
const EXP_P: [f64; 7] = [
    0.499_999_999_997_361_1,
    0.166_666_667_547_484_13,
    0.041_666_666_955_410_57,
    0.008_333_288_887_489_923,
    0.001_388_880_925_139_815,
    0.000_199_050_091_624_912_97,
    2.488_253_070_853_382e-5,
];

/// As the `log` module's tail polynomial, relative error of the logarithm below `2^-44`.
const LOG_L: [f64; 5] = [
    0.666_666_666_758_223_3,
    0.399_999_956_138_533_34,
    0.285_721_100_741_477_94,
    0.221_761_476_970_036_5,
    0.195_847_788_077_328_56,
];

/// `(e^r - 1, 2^n)` with `e^x = 2^n e^r`; `x` is first brought into `[-150, 150]`.
#[inline(always)]
fn exp_parts<const FMA: bool>(x: f64) -> (f64, f64) {
    // Adding the exponent bias puts the biased exponent of 2^n into the low bits.
    const OFFSET: f64 = MAGIC64 + 1023.0;
    let x = clamp_f64(x, -150.0, 150.0);
    let t = fma64::<FMA>(x, LOG2_E, OFFSET);
    let r = fma64::<FMA>(t - OFFSET, -LN_2, x);
    let q = fma64::<FMA>(r * r, poly64::<FMA, 7>(r, &EXP_P), r);
    (q, f64::from_bits(t.to_bits() << 52))
}

/// `e^x`, saturating (far outside the range of `f32`).
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f64) -> f64 {
    let (q, s) = exp_parts::<FMA>(x);
    fma64::<FMA>(s, q, s)
}

/// `e^x - 1`, saturating; the sign of zero is lost.
#[inline(always)]
pub(super) fn expm1<const FMA: bool>(x: f64) -> f64 {
    let (q, s) = exp_parts::<FMA>(x);
    fma64::<FMA>(s, q, s - 1.0)
}

/// `log x` of a positive, finite and normal `x`, with good relative precision also near one.
#[inline(always)]
pub(super) fn log<const FMA: bool>(x: f64) -> f64 {
    let (k, m) = split_normal_f64(x);
    let f = m - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let tail = s * fma64::<FMA>(z, poly64::<FMA, 5>(z, &LOG_L), half_square);
    fma64::<FMA>(k, LN_2, f - (half_square - tail))
}
