//! Powers of two in and out of floating point numbers, exactly.

/// `x` times 2 to the power of the whole number `y`, rounded once.
#[inline(always)]
#[must_use]
pub fn ldexp_f64(x: f64, y: f64) -> f64 {
    // Beyond this every number overflows or vanishes.
    let n = y.clamp(-3000.0, 3000.0) as i32;
    // Down by 2^-969 at a time, so that a number that rounds on the way vanishes in the end whatever it rounded to.
    let step = |(x, n): (f64, i32)| {
        let up = if n > 1023 { power_of_two(1023) } else { 1.0 };
        let down = if n < -1022 { power_of_two(-969) } else { 1.0 };
        let done = if n > 1023 { 1023 } else { 0 } - if n < -1022 { 969 } else { 0 };
        (x * up * down, n - done)
    };
    let (x, n) = step(step((x, n)));
    x * power_of_two(n.clamp(-1022, 1023))
}

/// `x` times 2 to the power of the whole number `y`, rounded once.
#[inline(always)]
#[must_use]
pub fn ldexp_f32(x: f32, y: f32) -> f32 {
    (f64::from(x) * power_of_two(y.clamp(-400.0, 400.0) as i32)) as f32
}

/// `2^n` for a normal number.
#[inline(always)]
fn power_of_two(n: i32) -> f64 {
    f64::from_bits(u64::from((n + 1023).cast_unsigned()) << 52)
}

/// The `e` for which `|x| / 2^e` lies in `[0.5, 1)`; 0 of 0, the infinities and NaN.
#[inline(always)]
#[must_use]
pub fn exponent_f64(x: f64) -> i32 {
    let biased = |x: f64| ((x.to_bits() >> 52) & 0x7ff) as i32;
    let (field, scaled) = (biased(x), biased(x * power_of_two(54)));
    let e = if field == 0 { scaled - 54 } else { field };
    if x == 0.0 || field == 0x7ff { 0 } else { e - 1022 }
}

/// As [`exponent_f64`].
#[inline(always)]
#[must_use]
pub fn exponent_f32(x: f32) -> i32 {
    exponent_f64(f64::from(x))
}
