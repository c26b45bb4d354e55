//! Elementary functions written so that LLVM can vectorize a plain loop over them.
//!
//! Every function here is a scalar `#[inline(always)]` function without branches, table
//! look-ups or libm calls: ranges are handled by computing all candidates and selecting.
//! A loop such as `for (o, &v) in out.iter_mut().zip(x) { *o = exp_f64::<true>(v) }`
//! compiled inside a `#[target_feature(enable = "avx2,fma")]` function therefore becomes
//! packed code. The `FMA` parameter says whether the surrounding code may use a hardware
//! fused multiply-add: pass `true` only where the `fma` (or `avx512f`) target feature is
//! enabled, since without it [`f64::mul_add`] is a library call. Both settings meet the
//! accuracy bounds given on the functions, but they need not round alike.
//!
//! # Large arguments of sin, cos and tan
//!
//! The trigonometric functions reduce their argument with a four-part value of pi/2, which
//! is exact enough only up to [`TRIG_LIMIT_F64`] / [`TRIG_LIMIT_F32`]. The predicates
//! [`trig_in_range_f64`] and [`trig_in_range_f32`] say whether a value is covered (NaN and
//! infinities are: they give NaN). A strip loop checks first and redoes rare lanes:
//!
//! ```ignore
//! for (o, &v) in out.iter_mut().zip(x) { *o = sin_f64::<FMA>(v); }
//! if !x.iter().fold(true, |ok, &v| ok & trig_in_range_f64(v)) {
//!     for (o, &v) in out.iter_mut().zip(x) {
//!         if !trig_in_range_f64(v) { *o = v.sin(); }
//!     }
//! }
//! ```
//!
//! # Cost
//!
//! On AVX2 most functions take 1 to 2.5 ns (`f64`) or 0.3 to 2 ns (`f32`) an element, on
//! AVX-512 half of that, and all of them beat std there. On the SSE2 baseline std is the
//! faster one for both pow, the `f64` arccosh and the `f32` cbrt, and about equal for exp2,
//! log, log2 and the inverse circular functions of one argument.
//!
//! # Environment
//!
//! Round-to-nearest is assumed, and so is IEEE subnormal handling (no flush to zero).

// Inlining into the caller's instruction set is the purpose of this module, `&` and `|` on
// booleans keep it free of branches, and it compares floats and drops bits deliberately.
#![allow(
    clippy::approx_constant,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    clippy::inline_always,
    clippy::many_single_char_names,
    clippy::needless_bitwise_bool,
    clippy::similar_names,
    reason = "see above"
)]

mod util;
mod short;
mod exp;
mod log;
mod pow;
mod root;
mod trig;
mod arctrig;
mod hyperbolic;
mod scale;
mod bessel;
pub mod tails;
pub mod complex;
#[cfg(test)]
mod tests;

pub use arctrig::{arccos_f32, arccos_f64, arcsin_f32, arcsin_f64, arctan_f32, arctan_f64, arctan2_f32, arctan2_f64};
pub use bessel::{i0_f32, i0_f64};
pub use exp::{exp_f32, exp_f64, exp2_f32, exp2_f64, expm1_f32, expm1_f64};
pub use hyperbolic::{
    arccosh_f32, arccosh_f64, arcsinh_f32, arcsinh_f64, arctanh_f32, arctanh_f64, cosh_f32, cosh_f64, sinh_f32,
    sinh_f64, tanh_f32, tanh_f64,
};
pub use log::{log_f32, log_f64, log1p_f32, log1p_f64, log2_f32, log2_f64, log10_f32, log10_f64};
pub use pow::{pow_f32, pow_f64};
pub use root::{cbrt_f32, cbrt_f64, hypot_f32, hypot_f64};
pub use scale::{exponent_f32, exponent_f64, ldexp_f32, ldexp_f64};
pub use trig::{
    TRIG_LIMIT_F32, TRIG_LIMIT_F64, cos_f32, cos_f64, sin_f32, sin_f64, tan_f32, tan_f64, trig_in_range_f32,
    trig_in_range_f64,
};
