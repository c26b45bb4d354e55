//! exp, exp2 and expm1.
//!
//! `x = n ln2 + r` with `|r| <= ln2 / 2` (Cody and Waite: ln2 in two parts, the first short
//! enough for `n` times it to be exact), then `e^r = 1 + r + r^2 P(r)` with a minimax `P`
//! (Remez, weighted by the error it causes in `e^r - 1`). `n` is found by adding
//! `1.5 * 2^52`, and the factor `2^n` is applied as two powers of two, so that overflow and
//! gradual underflow come out of the last multiplication, rounded once. For exp2 the
//! reduction is exact and `2^r = 1 + r Q(r)`. expm1 keeps the rounding errors of `r` and of
//! the final sum.

use super::short;
use super::util::{MAGIC32, MAGIC64, clamp_f64, fast_two_sum, fma32, fma64, poly32, poly64, two_sum};

const LOG2E: f64 = std::f64::consts::LOG2_E;
/// ln2, its first 42 bits and the rest.
pub(super) const LN2_HI: f64 = 0.693_147_180_559_890_3;
pub(super) const LN2_LO: f64 = 5.497_923_018_708_371e-14;

/// `(e^r - 1 - r) / r^2`, error in `e^r` below `2^-61`.
const EXP_P: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_77,
    0.041_666_666_666_666_7,
    0.008_333_333_333_321_579,
    0.001_388_888_888_886_675_7,
    0.000_198_412_698_862_657_4,
    2.480_158_736_070_583e-5,
    2.755_724_406_225_844_8e-6,
    2.755_724_263_674_724e-7,
    2.510_909_032_231_973e-8,
    2.092_448_039_601_465e-9,
];

/// `(2^r - 1) / r`, error in `2^r` below `2^-58`.
const EXP2_Q: [f64; 11] = [
    0.693_147_180_559_945_3,
    0.240_226_506_959_101_33,
    0.055_504_108_664_821_74,
    0.009_618_129_107_593_278,
    0.001_333_355_814_637_899,
    0.000_154_035_304_581_551_1,
    1.525_273_386_757_434_9e-5,
    1.321_543_477_625_184_5e-6,
    1.017_804_645_024_845_4e-7,
    7.073_867_615_954_782e-9,
    4.457_388_648_935_035_6e-10,
];

const LN2_HI_F32: f32 = 0.693_145_75;
const LN2_LO_F32: f32 = 1.428_606_8e-6;

/// `(e^r - 1 - r) / r^2`, error in `e^r` below `2^-26`.
const EXP_P_F32: [f32; 5] = [0.5, 0.166_665_43, 0.041_666_28, 0.008_366_609, 0.001_394_648_5];

/// `(2^r - 1) / r`, error in `2^r` below `2^-29`.
const EXP2_Q_F32: [f32; 6] = [0.693_147_2, 0.240_226_5, 0.055_503_28, 0.009_618_004, 0.001_340_029_2, 0.000_154_763_42];

/// Offset that keeps the exponent integer positive, so that logical shifts suffice.
const BIAS64: f64 = 4096.0;
const BIAS32: f32 = 512.0;

/// Multiplies by `2^n`, given `n + 4096` in the low bits of `t` (a [`MAGIC64`] sum).
#[inline(always)]
fn scale_f64(y: f64, t: f64) -> f64 {
    let u = t.to_bits() & 0x1fff;
    let h = u >> 1;
    let a = f64::from_bits((h << 52).wrapping_sub(1025 << 52));
    let b = f64::from_bits(((u - h) << 52).wrapping_sub(1025 << 52));
    y * a * b
}

/// Multiplies by `2^n`, given `n + 512` in the low bits of `t` (a [`MAGIC32`] sum).
#[inline(always)]
fn scale_f32(y: f32, t: f32) -> f32 {
    let u = t.to_bits() & 0x3ff;
    let h = u >> 1;
    let a = f32::from_bits((h << 23).wrapping_sub(129 << 23));
    let b = f32::from_bits(((u - h) << 23).wrapping_sub(129 << 23));
    y * a * b
}

/// `(r, t)` of the reduced argument; `t` carries `n` as [`scale_f64`] expects it. `|x|` must
/// stay below about 1400.
#[inline(always)]
fn reduce_f64<const FMA: bool>(x: f64) -> (f64, f64) {
    let t = fma64::<FMA>(x, LOG2E, MAGIC64 + BIAS64);
    let n = t - (MAGIC64 + BIAS64);
    (fma64::<FMA>(n, -LN2_LO, fma64::<FMA>(n, -LN2_HI, x)), t)
}

/// `e^r` of a reduced argument.
#[inline(always)]
fn exp_poly_f64<const FMA: bool>(r: f64) -> f64 {
    let p = poly64::<FMA, 11>(r, &EXP_P);
    1.0 + fma64::<FMA>(r * r, p, r)
}

#[inline(always)]
fn clamp_f32(x: f32, lo: f32, hi: f32) -> f32 {
    let x = if x > hi { hi } else { x };
    if x < lo { lo } else { x }
}

/// `e^(x + lo)` for a correction `lo` tiny against `x`, within 0.6 ULP of `x + lo` taken as
/// exact; any `x`.
#[inline(always)]
pub(super) fn exp_sum_f64<const FMA: bool>(x: f64, lo: f64) -> f64 {
    let c = clamp_f64(x, -760.0, 720.0);
    let lo = if c == x { lo } else { 0.0 };
    let t = fma64::<FMA>(c, LOG2E, MAGIC64 + BIAS64);
    let n = t - (MAGIC64 + BIAS64);
    let head = fma64::<FMA>(n, -LN2_HI, c);
    let (r, r_lo) = fast_two_sum(head, fma64::<FMA>(n, -LN2_LO, lo));
    let (sum, err) = fast_two_sum(1.0, r);
    let rest = fma64::<FMA>(r_lo, sum, err);
    let p = poly64::<FMA, 11>(r, &EXP_P);
    scale_f64(sum + fma64::<FMA>(r * r, p, rest), t)
}

/// `e^x / 2` for `|x| <= 710.5` (larger finite values saturate above every overflow limit).
#[inline(always)]
pub(super) fn half_exp_f64<const FMA: bool>(x: f64) -> f64 {
    let (r, t) = reduce_f64::<FMA>(clamp_f64(x, -720.0, 720.0));
    scale_f64(exp_poly_f64::<FMA>(r), t - 1.0)
}

/// `e^x`, within 1.25 ULP.
#[inline(always)]
#[must_use]
pub fn exp_f64<const FMA: bool>(x: f64) -> f64 {
    let (r, t) = reduce_f64::<FMA>(clamp_f64(x, -760.0, 720.0));
    scale_f64(exp_poly_f64::<FMA>(r), t)
}

/// `2^x`, within 1.25 ULP; exact for integers.
#[inline(always)]
#[must_use]
pub fn exp2_f64<const FMA: bool>(x: f64) -> f64 {
    let x = clamp_f64(x, -1100.0, 1030.0);
    let t = x + (MAGIC64 + BIAS64);
    let r = x - (t - (MAGIC64 + BIAS64));
    let y = fma64::<FMA>(r, poly64::<FMA, 11>(r, &EXP2_Q), 1.0);
    scale_f64(y, t)
}

/// `e^x - 1`, within 1.25 ULP.
#[inline(always)]
#[must_use]
pub fn expm1_f64<const FMA: bool>(x: f64) -> f64 {
    let c = clamp_f64(x, -60.0, 710.0);
    let t = fma64::<FMA>(c, LOG2E, MAGIC64 + BIAS64);
    let n = t - (MAGIC64 + BIAS64);
    let head = fma64::<FMA>(n, -LN2_HI, c);
    let r = fma64::<FMA>(n, -LN2_LO, head);
    let r_lo = fma64::<FMA>(n, -LN2_LO, head - r);
    let small = fma64::<FMA>(r * r, poly64::<FMA, 11>(r, &EXP_P), r_lo);
    // h = 2^(n - 1), which is finite for every finite result.
    let field = (t.to_bits() & 0x1fff).wrapping_sub(4096 + 1 - 1023);
    let h = f64::from_bits(field << 52);
    let (sum, err) = two_sum(h - 0.5, h * r);
    let y = 2.0 * (sum + fma64::<FMA>(h, small, err));
    if x.abs() < 1e-17 { x } else { y }
}

/// `e^x`, within 1.25 ULP.
#[inline(always)]
#[must_use]
pub fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    let x = clamp_f32(x, -110.0, 95.0);
    let t = fma32::<FMA>(x, std::f32::consts::LOG2_E, MAGIC32 + BIAS32);
    let n = t - (MAGIC32 + BIAS32);
    let r = fma32::<FMA>(n, -LN2_LO_F32, fma32::<FMA>(n, -LN2_HI_F32, x));
    let p = poly32::<FMA, 5>(r, &EXP_P_F32);
    scale_f32(1.0 + fma32::<FMA>(r * r, p, r), t)
}

/// `2^x`, within 1.25 ULP; exact for integers.
#[inline(always)]
#[must_use]
pub fn exp2_f32<const FMA: bool>(x: f32) -> f32 {
    let x = clamp_f32(x, -160.0, 135.0);
    let t = x + (MAGIC32 + BIAS32);
    let r = x - (t - (MAGIC32 + BIAS32));
    let y = fma32::<FMA>(r, poly32::<FMA, 6>(r, &EXP2_Q_F32), 1.0);
    scale_f32(y, t)
}

/// `e^x - 1`, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn expm1_f32<const FMA: bool>(x: f32) -> f32 {
    let y = short::expm1::<FMA>(f64::from(x)) as f32;
    if x == 0.0 { x } else { y }
}
