//! cbrt and hypot.
//!
//! cbrt: a third of the exponent field gives 5 bits, a minimax quartic in `t^3 / x` gives
//! 23, which are rounded so that `t^2` is exact, and one Halley-like step
//! `t + t (x/t^2 - t) / (2t + x/t^2)` finishes (the scheme of Bruce Evans's cbrt in
//! FreeBSD, own coefficients). hypot: `sqrt(a^2 + b^2)` of operands scaled by a power of
//! two away from overflow and underflow.

use super::util::{TWO52, fma64, poly64};

/// `r^(-1/3)` on `[0.88, 1.13]`, error below `2^-22`.
const CBRT_P: [f64; 5] = [
    1.874_778_387_728_388_8,
    -1.879_394_373_681_754_2,
    1.611_721_027_175_644,
    -0.751_048_709_653_748_5,
    0.143_943_647_301_495_6,
];

/// Cube root of a positive normal number, before the final rounding step: 23 bits.
#[inline(always)]
fn cbrt_guess<const FMA: bool>(a: f64) -> f64 {
    // The field is below 2^31, so that a 32-bit multiplication does.
    let third = ((a.to_bits() >> 32) * 0xaaaa_aaab) >> 33;
    let t = f64::from_bits((third + 715_094_163) << 32);
    let r = (t * t) * (t / a);
    t * poly64::<FMA, 5>(r, &CBRT_P)
}

/// Cube root, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn cbrt_f64<const FMA: bool>(x: f64) -> f64 {
    let abs = x.abs();
    let tiny = abs < f64::MIN_POSITIVE;
    let a = if tiny { abs * (4.0 * TWO52) } else { abs };
    let t = cbrt_guess::<FMA>(a);
    let t = f64::from_bits((t.to_bits() + 0x8000_0000) & 0xffff_ffff_c000_0000);
    let r = a / (t * t);
    let y = t + t * ((r - t) / (t + t + r));
    let y = if tiny { y * (1.0 / 262_144.0) } else { y };
    let edge = (x == 0.0) | !abs.is_finite();
    if edge { x } else { y.copysign(x) }
}

/// Cube root, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn cbrt_f32<const FMA: bool>(x: f32) -> f32 {
    let x = f64::from(x);
    let a = x.abs();
    let t = cbrt_guess::<FMA>(a);
    let r = a / (t * t);
    let y = t + t * ((r - t) / (t + t + r));
    let edge = (x == 0.0) | !a.is_finite();
    (if edge { x } else { y.copysign(x) }) as f32
}

/// `sqrt(x^2 + y^2)` without undue overflow or underflow, within 1.5 ULP; infinite when
/// either operand is, even if the other is NaN.
#[inline(always)]
#[must_use]
pub fn hypot_f64<const FMA: bool>(x: f64, y: f64) -> f64 {
    const UP: f64 = f64::from_bits((1023 + 600) << 52);
    const DOWN: f64 = f64::from_bits((1023 - 600) << 52);
    let (ax, ay) = (x.abs(), y.abs());
    let big = if ax > ay { ax } else { ay };
    let huge = big > f64::from_bits((1023 + 500) << 52);
    let tiny = big < f64::from_bits((1023 - 400) << 52);
    let scale = if huge { DOWN } else { 1.0 };
    let scale = if tiny { UP } else { scale };
    let back = if huge { UP } else { 1.0 };
    let back = if tiny { DOWN } else { back };
    let (a, b) = (ax * scale, ay * scale);
    let root = fma64::<FMA>(a, a, b * b).sqrt() * back;
    let infinite = (ax == f64::INFINITY) | (ay == f64::INFINITY);
    if infinite { f64::INFINITY } else { root }
}

/// `sqrt(x^2 + y^2)`, within 1 ULP (computed as `f64`); infinite when either operand is.
#[inline(always)]
#[must_use]
pub fn hypot_f32<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (a, b) = (f64::from(x), f64::from(y));
    let root = fma64::<FMA>(a, a, b * b).sqrt() as f32;
    let infinite = (x.abs() == f32::INFINITY) | (y.abs() == f32::INFINITY);
    if infinite { f32::INFINITY } else { root }
}
