//! Shared arithmetic: optional fused multiply-add, Horner evaluation, error-free sums and
//! products (Knuth and Dekker), and the constants that turn floats into integers.

/// `1.5 * 2^52`: adding it rounds a small `f64` to an integer held in the low mantissa bits.
pub(super) const MAGIC64: f64 = 6_755_399_441_055_744.0;
/// `1.5 * 2^23`, the `f32` counterpart of [`MAGIC64`].
pub(super) const MAGIC32: f32 = 12_582_912.0;
/// `2^52`; or-ing an integer below `2^52` into its bits adds that integer.
pub(super) const TWO52: f64 = 4_503_599_627_370_496.0;

/// `a * b + c`, fused when `FMA` is set.
#[inline(always)]
pub(super) fn fma64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `a * b + c`, fused when `FMA` is set.
#[inline(always)]
pub(super) fn fma32<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with coefficients `c` (constant term first, at least three) at `x`. Above
/// the constant term the even and the odd powers are summed as two Horner chains in `x^2`,
/// which halves the latency and leaves the last rounding as Horner's rule has it.
#[inline(always)]
pub(super) fn poly64<const FMA: bool, const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let square = x * x;
    let mut high = c[N - 1];
    let mut low = c[N - 2];
    let mut i = N - 2;
    while i > 2 {
        high = fma64::<FMA>(high, square, c[i - 1]);
        low = fma64::<FMA>(low, square, c[i - 2]);
        i -= 2;
    }
    // Unless both chains have come down to the linear term, one step is left.
    let rest = if i == 2 { fma64::<FMA>(low, x, fma64::<FMA>(high, square, c[1])) } else { fma64::<FMA>(high, x, low) };
    fma64::<FMA>(rest, x, c[0])
}

/// The polynomial with coefficients `c` (constant term first) at `x`, by Horner's rule.
#[inline(always)]
pub(super) fn poly32<const FMA: bool, const N: usize>(x: f32, c: &[f32; N]) -> f32 {
    let mut acc = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        acc = fma32::<FMA>(acc, x, c[i]);
    }
    acc
}

/// `a + b` as a rounded sum and its exact error.
#[inline(always)]
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// As [`two_sum`], for `a` zero or of an exponent no smaller than `b`'s.
#[inline(always)]
pub(super) fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, b - (s - a))
}

/// `a` as a sum of two halves of at most 26 significant bits.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let t = 134_217_729.0 * a;
    let hi = t - (t - a);
    (hi, a - hi)
}

/// `a * b` as a rounded product and its exact error, for factors well below `2^996`.
#[inline(always)]
pub(super) fn two_prod<const FMA: bool>(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    if FMA {
        (p, a.mul_add(b, -p))
    } else {
        let (ah, al) = split(a);
        let (bh, bl) = split(b);
        (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }
}

#[inline(always)]
pub(super) fn clamp_f64(x: f64, lo: f64, hi: f64) -> f64 {
    let x = if x > hi { hi } else { x };
    if x < lo { lo } else { x }
}

/// Bits of `sqrt(1/2)`, the lower end of the reduced range.
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;

/// Splits normal positive `x` into `(k, m)`: `x = 2^k m`, `m` in `[sqrt(1/2), sqrt(2))`.
#[inline(always)]
pub(super) fn split_normal_f64(x: f64) -> (f64, f64) {
    split_biased_f64(x, 1023.0)
}

/// The same for `x` whose exponent has this bias.
#[inline(always)]
pub(super) fn split_biased_f64(x: f64, bias: f64) -> (f64, f64) {
    let one = 1.0_f64.to_bits();
    let u = x.to_bits().wrapping_add(one - SQRT_HALF_BITS);
    let k = f64::from_bits((u >> 52) | TWO52.to_bits()) - (TWO52 + bias);
    let m = f64::from_bits((u & 0x000f_ffff_ffff_ffff) + SQRT_HALF_BITS);
    (k, m)
}
