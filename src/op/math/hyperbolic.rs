//! sinh, cosh, tanh and their inverses.
//!
//! With `E = e^|x| / 2` (scaled so that it overflows only where the result does),
//! `cosh = E + 1/(4E)` and `sinh = E - 1/(4E)`; below one sinh is an odd minimax polynomial.
//! `tanh = 1 - 2/(e^(2|x|) + 1)`, below 0.55 an odd rational function sharing the division.
//! The inverses go through log1p: `asinh = log1p(x + x^2/(1 + sqrt(1 + x^2)))`,
//! `acosh = log1p(t + sqrt(2t + t^2))` with `t = x - 1`, `atanh = log1p(2x/(1 - x))/2`.
//! The `f32` functions but tanh work in `f64` at reduced precision.

use super::exp::{exp_f32, exp_f64, half_exp_f64};
use super::log::log1p_core;
use super::short;
use super::util::{fma32, fma64, poly32, poly64};
use std::f64::consts::LN_2;

/// `(sinh(x)/x - 1) / x^2` on `|x| <= 1`, error `2^-64`.
const SINH_S: [f64; 7] = [
    0.166_666_666_666_666_69,
    0.008_333_333_333_333_137,
    0.000_198_412_698_414_385_27,
    2.755_731_915_506_079_3e-6,
    2.505_212_344_381_534e-8,
    1.605_723_671_560_633_4e-10,
    7.759_425_110_398_437e-13,
];
/// As [`SINH_S`], error `2^-35`.
const SINH_S_F32: [f64; 4] =
    [0.166_666_664_880_095_93, 0.008_333_350_649_720_038, 0.000_198_360_558_485_927_28, 2.817_501_508_436_572_3e-6];
/// Below this the inverse functions of an `f32` round to their argument.
const SMALL: f64 = 1.0 / 16384.0;
/// Numerator and denominator of `(tanh(x)/x - 1) / x^2` on `|x| <= 0.556`, error `2^-57`.
const TANH_P: [f64; 3] = [-0.333_333_333_333_333_3, -0.020_501_695_629_391_64, -0.000_199_306_383_976_634_8];
const TANH_Q: [f64; 4] = [1.0, 0.461_505_086_888_173_8, 0.023_295_192_002_479_18, 0.000_206_671_198_405_280_07];
/// `(tanh(x)/x - 1) / x^2` on `|x| <= 0.556`, error `2^-34`.
const TANH_T_F32: [f32; 6] =
    [-0.333_333_3, 0.133_332_91, -0.053_959_027, 0.021_778_135, -0.008_398_237, 0.002_376_475_8];

/// Hyperbolic sine, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn sinh_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let z = a * a;
    let small = fma64::<FMA>(a * z, poly64::<FMA, 7>(z, &SINH_S), a);
    let e = half_exp_f64::<FMA>(a);
    let y = if a < 1.0 { small } else { e - 0.25 / e };
    y.copysign(x)
}

/// Hyperbolic cosine, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn cosh_f64<const FMA: bool>(x: f64) -> f64 {
    let e = half_exp_f64::<FMA>(x.abs());
    e + 0.25 / e
}

/// Hyperbolic tangent, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn tanh_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let small = a < 0.55;
    let z = a * a;
    let p = a * z * poly64::<FMA, 3>(z, &TANH_P);
    let q = poly64::<FMA, 4>(z, &TANH_Q);
    let e = exp_f64::<FMA>(2.0 * a);
    let num = if small { p } else { -2.0 };
    let den = if small { q } else { e + 1.0 };
    let base = if small { a } else { 1.0 };
    (base + num / den).copysign(x)
}

/// Inverse hyperbolic sine, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn arcsinh_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let huge = a > 1e17;
    let b = if huge { 1.0 } else { a };
    let sq = b * b;
    let arg = b + sq / (1.0 + (1.0 + sq).sqrt());
    let arg = if huge { a } else { arg };
    let y = log1p_core::<FMA>(arg) + if huge { LN_2 } else { 0.0 };
    let y = if a < 1e-9 { a } else { y };
    (if a < f64::INFINITY { y } else { a }).copysign(x)
}

/// Inverse hyperbolic cosine, within 2.5 ULP; NaN below one.
#[inline(always)]
#[must_use]
pub fn arccosh_f64<const FMA: bool>(x: f64) -> f64 {
    let huge = x > 1e17;
    let t = x - 1.0;
    let b = if huge { 1.0 } else { t };
    let arg = b + fma64::<FMA>(b, b, 2.0 * b).sqrt();
    let arg = if huge { x } else { arg };
    let y = log1p_core::<FMA>(arg) + if huge { LN_2 } else { 0.0 };
    let y = if x < f64::INFINITY { y } else { x };
    if x < 1.0 { f64::NAN } else { y }
}

/// Inverse hyperbolic tangent, within 2.5 ULP; infinite at one, NaN beyond.
#[inline(always)]
#[must_use]
pub fn arctanh_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let y = 0.5 * log1p_core::<FMA>(2.0 * a / (1.0 - a));
    let y = if a < 1e-9 { a } else { y };
    let edge = if a == 1.0 { f64::INFINITY } else { f64::NAN };
    (if a < 1.0 { y } else { edge }).copysign(x)
}

/// Hyperbolic sine, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn sinh_f32<const FMA: bool>(x: f32) -> f32 {
    let x = f64::from(x);
    let z = x * x;
    let small = x * fma64::<FMA>(z, poly64::<FMA, 4>(z, &SINH_S_F32), 1.0);
    let e = 0.5 * short::exp::<FMA>(x.abs());
    (if z < 1.0 { small } else { (e - 0.25 / e).copysign(x) }) as f32
}

/// Hyperbolic cosine, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn cosh_f32<const FMA: bool>(x: f32) -> f32 {
    let e = 0.5 * short::exp::<FMA>(f64::from(x).abs());
    (e + 0.25 / e) as f32
}

/// Hyperbolic tangent, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn tanh_f32<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let small = fma32::<FMA>(a * z, poly32::<FMA, 6>(z, &TANH_T_F32), a);
    let e = exp_f32::<FMA>(2.0 * a);
    let large = 1.0 - 2.0 / (e + 1.0);
    (if a < 0.55 { small } else { large }).copysign(x)
}

/// Inverse hyperbolic sine, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn arcsinh_f32<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x).abs();
    let y = short::log::<FMA>(a + fma64::<FMA>(a, a, 1.0).sqrt());
    let y = if a < SMALL { a } else { y };
    (if a < f64::INFINITY { y } else { a }).copysign(f64::from(x)) as f32
}

/// Inverse hyperbolic cosine, within 1 ULP (computed as `f64`); NaN below one.
#[inline(always)]
#[must_use]
pub fn arccosh_f32<const FMA: bool>(x: f32) -> f32 {
    let x = f64::from(x);
    let y = short::log::<FMA>(x + fma64::<FMA>(x, x, -1.0).sqrt());
    let y = if x < f64::INFINITY { y } else { x };
    (if x < 1.0 { f64::NAN } else { y }) as f32
}

/// Inverse hyperbolic tangent, within 1 ULP (computed as `f64`); NaN beyond one.
#[inline(always)]
#[must_use]
pub fn arctanh_f32<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x).abs();
    let y = 0.5 * short::log::<FMA>((1.0 + a) / (1.0 - a));
    let y = if a < SMALL { a } else { y };
    let edge = if a == 1.0 { f64::INFINITY } else { f64::NAN };
    (if a < 1.0 { y } else { edge }).copysign(f64::from(x)) as f32
}
