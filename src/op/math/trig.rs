//! sin, cos and tan.
//!
//! `x = n pi/2 + r` with `|r| <= pi/4`. pi/2 is taken in four parts (31, 20, 31 and 53
//! bits), so that `n` times each of the first three is exact for `n < 2^22` with or without
//! a fused multiply-add, and `r` comes out as a two-part sum that stays accurate next to
//! multiples of pi/2 (Cody and Waite with one error-free subtraction). Minimax polynomials
//! (Remez) give `sin r = r + r^3 S(r^2)` and `cos r = 1 - r^2/2 + r^4 C(r^2)`, both
//! corrected to first order for the low part of `r`; the low bits of `n` select between
//! them. The `f32` functions do the same in `f64` with shorter polynomials and a two-part
//! pi/2.

use super::util::{MAGIC64, fma64, poly64, two_sum};

/// Largest magnitude for which the `f64` functions of this module hold their bounds.
pub const TRIG_LIMIT_F64: f64 = 4_194_304.0;
/// Largest magnitude for which the `f32` functions of this module hold their bounds.
pub const TRIG_LIMIT_F32: f32 = 4_194_304.0;

const PIO2_1: f64 = 1.570_796_326_734_125_6;
const PIO2_2: f64 = 6.077_105_485_502_443e-11;
const PIO2_3: f64 = -4.978_996_249_574_486e-17;
const PIO2_4: f64 = -9.403_137_205_957_857e-27;
/// All of pi/2 after [`PIO2_1`], for the `f32` functions. It is positive, which keeps the
/// sign of a negative zero.
const PIO2_REST: f64 = 6.077_100_506_506_192e-11;

const SIN_S: [f64; 6] = [
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_372,
    -0.000_198_412_698_297_717_36,
    2.755_731_367_884_384_7e-6,
    -2.505_075_598_699_803_6e-8,
    1.589_666_788_903_726_4e-10,
];
const COS_C: [f64; 6] = [
    0.041_666_666_666_666_6,
    -0.001_388_888_888_887_407_7,
    2.480_158_728_945_046_5e-5,
    -2.755_731_434_247_439e-7,
    2.087_572_184_939_381_5e-9,
    -1.135_957_014_961_774_8e-11,
];
const SIN_S_F32: [f64; 4] =
    [-0.166_666_666_415_294_07, 0.008_333_329_374_373_6, -0.000_198_393_310_680_806_27, 2.718_275_081_935_372e-6];
const COS_C_F32: [f64; 4] =
    [0.041_666_666_622_670_31, -0.001_388_888_357_399_757_8, 2.479_951_643_884_255_5e-5, -2.720_993_811_006_184_5e-7];

/// Whether the `f64` functions here cover `x`: it is within [`TRIG_LIMIT_F64`], or NaN or
/// infinite (which give NaN).
#[inline(always)]
#[must_use]
pub fn trig_in_range_f64(x: f64) -> bool {
    let a = x.abs();
    // Negated so that NaN counts as covered.
    !((a > TRIG_LIMIT_F64) & (a < f64::INFINITY))
}

/// Whether the `f32` functions here cover `x`; see [`trig_in_range_f64`].
#[inline(always)]
#[must_use]
pub fn trig_in_range_f32(x: f32) -> bool {
    let a = x.abs();
    !((a > TRIG_LIMIT_F32) & (a < f32::INFINITY))
}

/// `(sin r, cos r, n)` of the reduced argument, `n` modulo a large power of two.
#[inline(always)]
fn sincos_f64<const FMA: bool>(x: f64) -> (f64, f64, u64) {
    let t = fma64::<FMA>(x, std::f64::consts::FRAC_2_PI, MAGIC64);
    let n = t - MAGIC64;
    let head = fma64::<FMA>(n, -PIO2_2, fma64::<FMA>(n, -PIO2_1, x));
    let (r, err) = two_sum(head, n * -PIO2_3);
    let e = fma64::<FMA>(n, -PIO2_4, err);
    let z = r * r;
    let zr = z * r;
    let half = 0.5 * z;
    // sin(r + e) = r + (r^3 S + e (1 - r^2 / 2))
    let s = poly64::<FMA, 6>(z, &SIN_S);
    let sin = r + fma64::<FMA>(zr, s, fma64::<FMA>(-half, e, e));
    // cos(r + e) = 1 - r^2/2 + (r^4 C - r e), the rounding error of 1 - r^2/2 restored.
    let c = poly64::<FMA, 6>(z, &COS_C);
    let w = 1.0 - half;
    let cos = w + (((1.0 - w) - half) + fma64::<FMA>(z * z, c, -(r * e)));
    (sin, cos, t.to_bits())
}

/// Flips the sign of `y` when bit 1 of `n` is set.
#[inline(always)]
fn flip_f64(y: f64, n: u64) -> f64 {
    f64::from_bits(y.to_bits() ^ ((n & 2) << 62))
}

/// Whether `n` is odd, which exchanges sine and cosine.
#[inline(always)]
fn odd(n: u64) -> bool {
    n & 1 != 0
}

/// Sine, within 1 ULP for arguments of [`trig_in_range_f64`].
#[inline(always)]
#[must_use]
pub fn sin_f64<const FMA: bool>(x: f64) -> f64 {
    let (s, c, n) = sincos_f64::<FMA>(x);
    let y = flip_f64(if odd(n) { c } else { s }, n);
    if x.abs() < 1e-9 { x } else { y }
}

/// Cosine, within 1 ULP for arguments of [`trig_in_range_f64`].
#[inline(always)]
#[must_use]
pub fn cos_f64<const FMA: bool>(x: f64) -> f64 {
    let (s, c, n) = sincos_f64::<FMA>(x);
    flip_f64(if odd(n) { s } else { c }, n.wrapping_add(n & 1))
}

/// Tangent, within 2.5 ULP for arguments of [`trig_in_range_f64`].
#[inline(always)]
#[must_use]
pub fn tan_f64<const FMA: bool>(x: f64) -> f64 {
    let (s, c, n) = sincos_f64::<FMA>(x);
    let num = if odd(n) { -c } else { s };
    let den = if odd(n) { s } else { c };
    let y = num / den;
    if x.abs() < 1e-9 { x } else { y }
}

#[inline(always)]
fn sincos_f32<const FMA: bool>(x: f32) -> (f64, f64, u64) {
    let x = f64::from(x);
    let t = fma64::<FMA>(x, std::f64::consts::FRAC_2_PI, MAGIC64);
    let n = t - MAGIC64;
    let r = fma64::<FMA>(n, -PIO2_REST, fma64::<FMA>(n, -PIO2_1, x));
    let z = r * r;
    let s = poly64::<FMA, 4>(z, &SIN_S_F32);
    let sin = r * fma64::<FMA>(z, s, 1.0);
    let c = poly64::<FMA, 4>(z, &COS_C_F32);
    let cos = fma64::<FMA>(z, fma64::<FMA>(z, c, -0.5), 1.0);
    (sin, cos, t.to_bits())
}

/// Sine, within 1 ULP for arguments of [`trig_in_range_f32`].
#[inline(always)]
#[must_use]
pub fn sin_f32<const FMA: bool>(x: f32) -> f32 {
    let (s, c, n) = sincos_f32::<FMA>(x);
    flip_f64(if odd(n) { c } else { s }, n) as f32
}

/// Cosine, within 1 ULP for arguments of [`trig_in_range_f32`].
#[inline(always)]
#[must_use]
pub fn cos_f32<const FMA: bool>(x: f32) -> f32 {
    let (s, c, n) = sincos_f32::<FMA>(x);
    flip_f64(if odd(n) { s } else { c }, n.wrapping_add(n & 1)) as f32
}

/// Tangent, within 1 ULP for arguments of [`trig_in_range_f32`].
#[inline(always)]
#[must_use]
pub fn tan_f32<const FMA: bool>(x: f32) -> f32 {
    let (s, c, n) = sincos_f32::<FMA>(x);
    let num = if odd(n) { -c } else { s };
    let den = if odd(n) { s } else { c };
    (num / den) as f32
}
