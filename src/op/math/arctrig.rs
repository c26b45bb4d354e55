//! arcsin, arccos, arctan and arctan2.
//!
//! arcsin and arccos: one minimax polynomial (Remez) for `(asin(s)/s - 1) / s^2` on
//! `s^2 <= 1/4`; above one half `asin(x) = pi/2 - 2 asin(sqrt((1 - x)/2))`. arctan and
//! arctan2: the quotient is turned by 0, pi/4 or pi/2, whichever leaves a quotient of
//! at most one half, with one division for all three cases: `a/b`, `(a - b)/(a + b)` (its
//! numerator exact there) or `-b/a`; a minimax polynomial follows.

use super::util::{fast_two_sum, fma64, poly64};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

const PIO2_LO: f64 = 6.123_233_995_736_766e-17;
const PIO4_LO: f64 = 3.061_616_997_868_383e-17;
const PI_LO: f64 = 1.224_646_799_147_353_2e-16;

const ASIN_A: [f64; 13] = [
    0.166_666_666_666_667_63,
    0.074_999_999_999_702_26,
    0.044_642_857_175_158_326,
    0.030_381_942_681_679_763,
    0.022_372_215_718_069_435,
    0.017_351_599_004_262_384,
    0.013_980_975_033_297_033,
    0.011_397_660_699_409_637,
    0.010_787_197_444_697_725,
    0.003_680_436_432_607_712,
    0.021_770_029_896_577_86,
    -0.021_086_798_491_492_347,
    0.032_682_996_577_416_79,
];
const ASIN_A_F32: [f64; 6] = [
    0.166_666_598_687_964_16,
    0.075_005_111_447_224_47,
    0.044_515_671_004_935_83,
    0.031_818_060_877_056_08,
    0.014_400_781_823_876_15,
    0.037_567_922_805_084_655,
];
const ATAN_A: [f64; 13] = [
    -0.333_333_333_333_333_15,
    0.199_999_999_999_934_4,
    -0.142_857_142_849_771_6,
    0.111_111_110_693_326,
    -0.090_909_076_911_349_72,
    0.076_922_774_587_473_1,
    -0.066_662_234_786_471_08,
    0.058_778_074_365_900_386,
    -0.052_300_190_538_874_48,
    0.045_894_897_434_145_134,
    -0.037_120_198_742_625_427,
    0.023_657_702_214_947_86,
    -0.008_367_728_051_416_218,
];
const ATAN_A_F32: [f64; 6] = [
    -0.333_333_270_888_035_6,
    0.199_994_990_713_109_2,
    -0.142_722_478_437_450_78,
    0.109_423_379_273_259_26,
    -0.079_889_923_972_457_21,
    0.038_789_939_355_809_55,
];

/// `(s, s^3 A(s^2))` with `s = |x|`, or `sqrt((1 - |x|)/2)` above one half: the arcsine of
/// `s` is their sum.
#[inline(always)]
fn asin_parts<const FMA: bool, const N: usize>(a: f64, c: &[f64; N]) -> (f64, f64) {
    let upper = a > 0.5;
    let z = if upper { 0.5 - 0.5 * a } else { a * a };
    let s = if upper { z.sqrt() } else { a };
    (s, s * (z * poly64::<FMA, N>(z, c)))
}

#[inline(always)]
fn asin_core<const FMA: bool, const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let a = x.abs();
    let (s, t) = asin_parts::<FMA, N>(a, c);
    let (head, err) = fast_two_sum(FRAC_PI_2, -2.0 * s);
    let upper = head + (err - (2.0 * t - PIO2_LO));
    (if a > 0.5 { upper } else { s + t }).copysign(x)
}

#[inline(always)]
fn acos_core<const FMA: bool, const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let a = x.abs();
    let (s, t) = asin_parts::<FMA, N>(a, c);
    let t = if a > 0.5 { t } else { t.copysign(x) };
    let middle = FRAC_PI_2 - (x - (PIO2_LO - t));
    let twice = 2.0 * (s + t);
    let outer = if x > 0.0 { twice } else { PI - (twice - PI_LO) };
    if a > 0.5 { outer } else { middle }
}

/// `atan(a / b)` for non-negative `a` and `b`.
#[inline(always)]
fn atan_ratio<const FMA: bool, const N: usize>(a: f64, b: f64, c: &[f64; N]) -> f64 {
    let low = a < 0.5 * b;
    let high = a > 2.0 * b;
    let num = if low { a } else { a - b };
    let num = if high { -b } else { num };
    let den = if low { b } else { a + b };
    let den = if high { a } else { den };
    let base = if low { 0.0 } else { FRAC_PI_4 };
    let base = if high { FRAC_PI_2 } else { base };
    let base_lo = if low { 0.0 } else { PIO4_LO };
    let base_lo = if high { PIO2_LO } else { base_lo };
    let w = num / den;
    let z = w * w;
    let t = fma64::<FMA>(w, z * poly64::<FMA, N>(z, c), base_lo);
    let (head, err) = fast_two_sum(base, w);
    head + (err + t)
}

#[inline(always)]
fn atan2_core<const FMA: bool, const N: usize>(y: f64, x: f64, c: &[f64; N]) -> f64 {
    const UP: f64 = f64::from_bits((1023 + 100) << 52);
    const DOWN: f64 = f64::from_bits((1023 - 100) << 52);
    let (a, b) = (y.abs(), x.abs());
    let big = if a > b { a } else { b };
    let scale = if big > f64::MAX / 4.0 { DOWN } else { 1.0 };
    let scale = if big < f64::MIN_POSITIVE * 4.0 { UP } else { scale };
    // Equal infinities act as equal numbers, and 0/0 as 0/1.
    let both_infinite = (a == f64::INFINITY) & (b == f64::INFINITY);
    let a_s = if both_infinite { 1.0 } else { a * scale };
    let b_s = if both_infinite | (big == 0.0) { 1.0 } else { b * scale };
    let r = atan_ratio::<FMA, N>(a_s, b_s, c);
    let negative = 1.0_f64.copysign(x) < 0.0;
    let r = if negative { PI - (r - PI_LO) } else { r };
    let r = r.copysign(y);
    if x.is_nan() | y.is_nan() { f64::NAN } else { r }
}

/// Arcsine, within 1.5 ULP; NaN outside `[-1, 1]`.
#[inline(always)]
#[must_use]
pub fn arcsin_f64<const FMA: bool>(x: f64) -> f64 {
    asin_core::<FMA, 13>(x, &ASIN_A)
}

/// Arccosine, within 1.5 ULP; NaN outside `[-1, 1]`.
#[inline(always)]
#[must_use]
pub fn arccos_f64<const FMA: bool>(x: f64) -> f64 {
    acos_core::<FMA, 13>(x, &ASIN_A)
}

/// Arctangent, within 2 ULP.
#[inline(always)]
#[must_use]
pub fn arctan_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let r = atan_ratio::<FMA, 13>(a, 1.0, &ATAN_A);
    let r = if a == f64::INFINITY { FRAC_PI_2 } else { r };
    r.copysign(x)
}

/// Angle of the point `(x, y)`, within 2 ULP, with C99's signed zeros and infinities.
#[inline(always)]
#[must_use]
pub fn arctan2_f64<const FMA: bool>(y: f64, x: f64) -> f64 {
    atan2_core::<FMA, 13>(y, x, &ATAN_A)
}

/// Arcsine, within 1 ULP (computed as `f64`); NaN outside `[-1, 1]`.
#[inline(always)]
#[must_use]
pub fn arcsin_f32<const FMA: bool>(x: f32) -> f32 {
    asin_core::<FMA, 6>(f64::from(x), &ASIN_A_F32) as f32
}

/// Arccosine, within 1 ULP (computed as `f64`); NaN outside `[-1, 1]`.
#[inline(always)]
#[must_use]
pub fn arccos_f32<const FMA: bool>(x: f32) -> f32 {
    acos_core::<FMA, 6>(f64::from(x), &ASIN_A_F32) as f32
}

/// Arctangent, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn arctan_f32<const FMA: bool>(x: f32) -> f32 {
    let x = f64::from(x);
    let a = x.abs();
    let r = atan_ratio::<FMA, 6>(a, 1.0, &ATAN_A_F32);
    let r = if a == f64::INFINITY { FRAC_PI_2 } else { r };
    r.copysign(x) as f32
}

/// Angle of the point `(x, y)`, within 1 ULP (computed as `f64`), with C99's signed zeros
/// and infinities.
#[inline(always)]
#[must_use]
pub fn arctan2_f32<const FMA: bool>(y: f32, x: f32) -> f32 {
    atan2_core::<FMA, 6>(f64::from(y), f64::from(x), &ATAN_A_F32) as f32
}
