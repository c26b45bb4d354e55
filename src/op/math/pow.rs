//! pow.
//!
//! `x^y = exp(y log x)` with the logarithm carried to about 66 bits. With
//! `s = f / (2 + f)` as a two-part number, `log m = 2s + s w`, `w = z (2/3 + z Q(z))`,
//! `z = s^2`, where everything but the polynomial `Q` (own minimax, Remez) is evaluated in
//! double-double arithmetic (Dekker, Knuth); `k ln2` is added in two parts and the product
//! with `y` is again error-free. The exponential takes the low part as a correction of its
//! reduced argument. Zeros, infinities, NaN and negative bases are selected at the end
//! after C99 Annex F.

use super::exp::{LN2_HI, LN2_LO, exp_sum_f64};
use super::log::split_f64;
use super::short;
use super::util::{TWO52, fast_two_sum, fma64, poly64, two_prod};

/// `(log((1+s)/(1-s)) - 2s - 2/3 s^3) / s^5` in `z = s^2`, error in the logarithm `2^-66`.
const LOG_Q: [f64; 7] = [
    0.400_000_000_000_022_6,
    0.285_714_285_700_976_3,
    0.222_222_225_203_329_4,
    0.181_817_843_267_946_42,
    0.153_867_593_621_147_88,
    0.132_567_669_478_482_56,
    0.131_968_291_027_050_88,
];
const TWO_THIRDS_HI: f64 = 0.666_666_666_666_666_6;
const TWO_THIRDS_LO: f64 = 3.700_743_415_417_188e-17;

/// `log x` of a positive finite `x` as a two-part sum.
#[inline(always)]
fn log_two_part<const FMA: bool>(x: f64) -> (f64, f64) {
    let (k, m) = split_f64(x);
    let f = m - 1.0;
    // s = f / (1 + m), sh its rounded value and sl the rest.
    let (d, d_lo) = fast_two_sum(1.0, m);
    let inv = 1.0 / d;
    let sh = f * inv;
    let (p, p_lo) = two_prod::<FMA>(sh, d);
    let sl = (((f - p) - p_lo) - sh * d_lo) * inv;
    let (z, z_err) = two_prod::<FMA>(sh, sh);
    let z_lo = fma64::<FMA>(2.0 * sh, sl, z_err);
    let q = z * poly64::<FMA, 7>(z, &LOG_Q);
    let (b, b_err) = fast_two_sum(TWO_THIRDS_HI, q);
    let b_lo = b_err + TWO_THIRDS_LO;
    let (w, w_err) = two_prod::<FMA>(z, b);
    let w_lo = fma64::<FMA>(z, b_lo, fma64::<FMA>(z_lo, b, w_err));
    let (v, v_err) = two_prod::<FMA>(sh, w);
    let v_lo = fma64::<FMA>(sh, w_lo, fma64::<FMA>(sl, w, v_err));
    let (log_m, m_err) = fast_two_sum(2.0 * sh, v);
    let log_m_lo = m_err + fma64::<FMA>(2.0, sl, v_lo);
    let (h, h_err) = fast_two_sum(k * LN2_HI, log_m);
    fast_two_sum(h, fma64::<FMA>(k, LN2_LO, h_err + log_m_lo))
}

/// `|x|^y` for positive finite `x`, any `y` but NaN.
#[inline(always)]
fn pow_core_f64<const FMA: bool>(x: f64, y: f64) -> f64 {
    // Beyond 2^100 the result is 0, 1 or infinite for every x; the bound keeps products
    // finite.
    const BIG: f64 = 1.267_650_600_228_229_4e30;
    let y = if y > BIG { BIG } else { y };
    let y = if y < -BIG { -BIG } else { y };
    let (h, l) = log_two_part::<FMA>(x);
    let (p, p_err) = two_prod::<FMA>(y, h);
    exp_sum_f64::<FMA>(p, fma64::<FMA>(y, l, p_err))
}

/// `(is an integer, is an odd integer)`; infinities count as even integers.
#[inline(always)]
fn integer_f64(y: f64) -> (bool, bool) {
    let a = y.abs();
    let t = a + TWO52;
    let small = a < TWO52;
    let low = if small { t } else { a };
    let whole = !small | (t - TWO52 == a);
    let odd = whole & (low.to_bits() & 1 != 0) & (a < 2.0 * TWO52);
    (whole, odd)
}

/// Lays the results for zero, infinite, negative and NaN operands over `|x|^y = p`.
#[inline(always)]
fn edges_f64(x: f64, y: f64, p: f64) -> f64 {
    let a = x.abs();
    let (whole, odd) = integer_f64(y);
    let grows = y > 0.0;
    let at_zero = if grows { 0.0 } else { f64::INFINITY };
    let at_infinity = if grows { f64::INFINITY } else { 0.0 };
    let p = if a == 0.0 { at_zero } else { p };
    let p = if a == f64::INFINITY { at_infinity } else { p };
    let sign = if odd { x.to_bits() & (1 << 63) } else { 0 };
    let p = f64::from_bits(p.to_bits() | sign);
    let p = if (x < 0.0) & (a < f64::INFINITY) & !whole { f64::NAN } else { p };
    let p = if x.is_nan() | y.is_nan() { f64::NAN } else { p };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { p }
}

/// `x^y` with C99's special cases, within 1 ULP.
#[inline(always)]
#[must_use]
pub fn pow_f64<const FMA: bool>(x: f64, y: f64) -> f64 {
    edges_f64(x, y, pow_core_f64::<FMA>(x.abs(), y))
}

/// `x^y` with C99's special cases, within 1 ULP (computed as `f64`).
#[inline(always)]
#[must_use]
pub fn pow_f32<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (x, y) = (f64::from(x), f64::from(y));
    // Keeps 0 * infinity out of the product; no f32 power needs a larger exponent.
    let bounded = if y > 1e30 { 1e30 } else { y };
    let bounded = if bounded < -1e30 { -1e30 } else { bounded };
    let p = short::exp::<FMA>(bounded * short::log::<FMA>(x.abs()));
    edges_f64(x, y, p) as f32
}
