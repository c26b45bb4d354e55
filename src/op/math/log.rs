//! log, log2, log10 and log1p.
//!
//! `x = 2^k m` with `m` in `[sqrt(1/2), sqrt(2))`, taken from the bits; `f = m - 1` and
//! `s = f / (2 + f)` give `log m = f - f^2/2 + s (f^2/2 + R(s^2))`, where
//! `R(z) = z L(z)` is the tail of `2 atanh(s) / s` (the fdlibm arrangement; `L` is our own
//! minimax polynomial on `[0, 0.0295]`). The base-2 and base-10 forms multiply a two-part
//! logarithm by a two-part constant. log1p adds the rounding error of `1 + x`, divided by
//! the sum, to the logarithm of the sum.

use super::exp::{LN2_HI, LN2_LO};
use super::short;
use super::util::{fma32, fma64, poly32, poly64, split_biased_f64, split_normal_f64, two_sum};

/// Bits of `sqrt(1/2)`, the lower end of the reduced range.
const SQRT_HALF_BITS_F32: u32 = 0x3f35_04f3;
const TWO54: f64 = 18_014_398_509_481_984.0;
const TWO25: f32 = 33_554_432.0;

/// Tail of the logarithm, error in `log m` below `2^-59` relative.
const LOG_L: [f64; 7] = [
    0.666_666_666_666_673_5,
    0.399_999_999_994_129_16,
    0.285_714_287_428_176_34,
    0.222_221_985_253_967_97,
    0.181_835_669_889_882_3,
    0.153_139_780_678_998_1,
    0.147_967_166_178_898_63,
];

/// As [`LOG_L`], error below `2^-30`.
const LOG_L_F32: [f32; 3] = [0.666_667_76, 0.399_775_42, 0.298_718_57];

/// Splits positive finite `x` into `(k, m)`.
#[inline(always)]
pub(super) fn split_f64(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * TWO54 } else { x };
    split_biased_f64(scaled, if tiny { 1023.0 + 54.0 } else { 1023.0 })
}

#[inline(always)]
fn split_f32(x: f32) -> (f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * TWO25 } else { x };
    let bias = if tiny { 127.0 + 25.0 } else { 127.0 };
    let one = 1.0_f32.to_bits();
    let u = scaled.to_bits().wrapping_add(one - SQRT_HALF_BITS_F32);
    let k = (u >> 23) as i32 as f32 - bias;
    let m = f32::from_bits((u & 0x007f_ffff) + SQRT_HALF_BITS_F32);
    (k, m)
}

/// `(f^2/2, s (f^2/2 + R))`: `log(1 + f)` is `f` minus the first plus the second.
#[inline(always)]
fn tail_f64<const FMA: bool>(f: f64) -> (f64, f64) {
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let tail = fma64::<FMA>(z, poly64::<FMA, 7>(z, &LOG_L), half_square);
    (half_square, s * tail)
}

#[inline(always)]
fn tail_f32<const FMA: bool>(f: f32) -> (f32, f32) {
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let tail = fma32::<FMA>(z, poly32::<FMA, 3>(z, &LOG_L_F32), half_square);
    (half_square, s * tail)
}

/// Puts the results for zero, infinity, NaN and negative arguments over `y`.
#[inline(always)]
fn domain_f64(x: f64, y: f64) -> f64 {
    let edge = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    let positive = if x < f64::INFINITY { y } else { x };
    if x > 0.0 { positive } else { edge }
}

#[inline(always)]
fn domain_f32(x: f32, y: f32) -> f32 {
    let edge = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    let positive = if x < f32::INFINITY { y } else { x };
    if x > 0.0 { positive } else { edge }
}

/// Natural logarithm, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn log_f64<const FMA: bool>(x: f64) -> f64 {
    let (k, m) = split_f64(x);
    let f = m - 1.0;
    let (half_square, tail) = tail_f64::<FMA>(f);
    let low = half_square - fma64::<FMA>(k, LN2_LO, tail);
    domain_f64(x, fma64::<FMA>(k, LN2_HI, f - low))
}

/// `log(1 + f)` as a high part of few bits and a low part.
#[inline(always)]
fn log_parts_f64<const FMA: bool>(m: f64) -> (f64, f64) {
    let f = m - 1.0;
    let (half_square, tail) = tail_f64::<FMA>(f);
    let hi = f64::from_bits((f - half_square).to_bits() & 0xffff_ffff_0000_0000);
    (hi, ((f - hi) - half_square) + tail)
}

#[inline(always)]
fn log_parts_f32<const FMA: bool>(m: f32) -> (f32, f32) {
    let f = m - 1.0;
    let (half_square, tail) = tail_f32::<FMA>(f);
    let hi = f32::from_bits((f - half_square).to_bits() & 0xffff_f000);
    (hi, ((f - hi) - half_square) + tail)
}

/// Base-2 logarithm, within 1 ULP; exact for powers of two.
#[inline(always)]
#[must_use]
pub fn log2_f64<const FMA: bool>(x: f64) -> f64 {
    const HI: f64 = 1.442_695_036_530_494_7;
    const LO: f64 = 4.358_468_717_418_518_4e-9;
    let (k, m) = split_f64(x);
    let (hi, lo) = log_parts_f64::<FMA>(m);
    let high = hi * HI;
    let low = fma64::<FMA>(lo, HI, (lo + hi) * LO);
    let sum = k + high;
    domain_f64(x, sum + (low + ((k - sum) + high)))
}

/// Base-10 logarithm, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn log10_f64<const FMA: bool>(x: f64) -> f64 {
    const HI: f64 = 0.434_294_480_830_431;
    const LO: f64 = 1.072_820_843_154_058_5e-9;
    const LOG10_2_HI: f64 = 0.301_029_995_664_066_5;
    const LOG10_2_LO: f64 = -8.532_344_317_057_107e-14;
    let (k, m) = split_f64(x);
    let (hi, lo) = log_parts_f64::<FMA>(m);
    let high = hi * HI;
    let low = fma64::<FMA>(lo, HI, fma64::<FMA>(lo + hi, LO, k * LOG10_2_LO));
    let whole = k * LOG10_2_HI;
    let sum = whole + high;
    domain_f64(x, sum + (low + ((whole - sum) + high)))
}

/// `log(1 + x)` without the edge cases: finite `x > -1`.
#[inline(always)]
pub(super) fn log1p_core<const FMA: bool>(x: f64) -> f64 {
    let (u, err) = two_sum(1.0, x);
    let (k, m) = split_normal_f64(u);
    let near = k == 0.0;
    let f = if near { x } else { m - 1.0 };
    // Near one `x` itself is the reduced argument, and no correction is left.
    let c = if near { 0.0 } else { err } / u;
    let (half_square, tail) = tail_f64::<FMA>(f);
    let low = half_square - (fma64::<FMA>(k, LN2_LO, c) + tail);
    fma64::<FMA>(k, LN2_HI, f - low)
}

/// `log(1 + x)`, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn log1p_f64<const FMA: bool>(x: f64) -> f64 {
    let y = domain_f64(1.0 + x, log1p_core::<FMA>(x));
    if x.abs() < 1e-17 { x } else { y }
}

/// Natural logarithm, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn log_f32<const FMA: bool>(x: f32) -> f32 {
    const LN2_HI: f32 = 0.693_145_75;
    const LN2_LO: f32 = 1.428_606_8e-6;
    let (k, m) = split_f32(x);
    let f = m - 1.0;
    let (half_square, tail) = tail_f32::<FMA>(f);
    let low = half_square - fma32::<FMA>(k, LN2_LO, tail);
    domain_f32(x, fma32::<FMA>(k, LN2_HI, f - low))
}

/// Base-2 logarithm, within 1 ULP; exact for powers of two.
#[inline(always)]
#[must_use]
pub fn log2_f32<const FMA: bool>(x: f32) -> f32 {
    const HI: f32 = 1.442_871_1;
    const LO: f32 = -0.000_176_052_85;
    let (k, m) = split_f32(x);
    let (hi, lo) = log_parts_f32::<FMA>(m);
    let high = hi * HI;
    let low = fma32::<FMA>(lo, HI, (lo + hi) * LO);
    let sum = k + high;
    domain_f32(x, sum + (low + ((k - sum) + high)))
}

/// Base-10 logarithm, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn log10_f32<const FMA: bool>(x: f32) -> f32 {
    const HI: f32 = 0.434_326_17;
    const LO: f32 = -3.168_997e-5;
    const LOG10_2_HI: f32 = 0.301_025_4;
    const LOG10_2_LO: f32 = 4.605_039e-6;
    let (k, m) = split_f32(x);
    let (hi, lo) = log_parts_f32::<FMA>(m);
    let high = hi * HI;
    let low = fma32::<FMA>(lo, HI, fma32::<FMA>(lo + hi, LO, k * LOG10_2_LO));
    let whole = k * LOG10_2_HI;
    let sum = whole + high;
    domain_f32(x, sum + (low + ((whole - sum) + high)))
}

/// `log(1 + x)`, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn log1p_f32<const FMA: bool>(x: f32) -> f32 {
    // The sum is exact above 2^-29; below, the result rounds to `x`.
    let u = 1.0 + f64::from(x);
    let y = domain_f64(u, short::log::<FMA>(u)) as f32;
    if x.abs() < 1e-8 { x } else { y }
}
