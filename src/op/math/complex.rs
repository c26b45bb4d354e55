//! Elementary functions of complex numbers, in `f64`, with the branch cuts, signed zeros and infinities of C99's Annex
//! G.
//!
//! The inverse functions follow Hull, Fairgrieve and Tang, "Implementing the complex arcsine and arccosine functions
//! using exception handling" (1997), as `FreeBSD`'s `catrig.c` does: accurate near the branch points ±1 and ±i too.
//! They use the platform's real functions, and are not vectorized.

use num_complex::Complex64 as C;
use std::f64::consts::{E, FRAC_PI_2, LN_2};

/// Beyond this the larger part alone decides.
const HUGE: f64 = 1.0 / f64::EPSILON;

/// Square root, in the right half plane.
#[must_use]
pub fn sqrt(z: C) -> C {
    let (a, b) = (z.re, z.im);
    if a == 0.0 && b == 0.0 {
        return C::new(0.0, b);
    }
    if b.is_infinite() {
        return C::new(f64::INFINITY, b);
    }
    if a.is_nan() || (b.is_nan() && a.is_finite()) {
        return C::new(f64::NAN, f64::NAN);
    }
    if a.is_infinite() {
        let rest = b * 0.0;
        return if a < 0.0 { C::new(rest.abs(), a.abs().copysign(b)) } else { C::new(a, rest.copysign(b)) };
    }
    // Scaled by 1/4 where a sum could overflow, by 2^108 where squares vanish.
    let size = a.abs().max(b.abs());
    let (scale, back) = match size {
        s if s >= f64::MAX / 4.0 => (0.25, 2.0),
        s if s < 1e-290 => (2f64.powi(108), 2f64.powi(-54)),
        _ => (1.0, 1.0),
    };
    let (a, b) = (a * scale, b * scale);
    let t = ((a.abs() + a.hypot(b)) * 0.5).sqrt();
    let root = if a >= 0.0 { C::new(t, b / (2.0 * t)) } else { C::new(b.abs() / (2.0 * t), t.copysign(b)) };
    root * back
}

/// `exp(z)`.
fn exp(z: C) -> C {
    z.exp()
}

/// `exp(z) - 1`, accurate near 0.
#[must_use]
pub fn expm1(z: C) -> C {
    let half = (z.im / 2.0).sin();
    let im = if z.im == 0.0 { z.im } else { z.re.exp() * z.im.sin() };
    C::new(z.re.exp_m1() * z.im.cos() - 2.0 * half * half, im)
}

/// 2 to the power of `z`.
#[must_use]
pub fn exp2(z: C) -> C {
    exp(z * LN_2)
}

/// `log(1 + z)`, accurate near 0.
#[must_use]
pub fn log1p(z: C) -> C {
    let angle = z.im.atan2(z.re + 1.0);
    if z.re.abs() < 0.5 && z.im.abs() < 0.5 {
        return C::new(0.5 * (z.re * (z.re + 2.0) + z.im * z.im).ln_1p(), angle);
    }
    C::new((z.re + 1.0).hypot(z.im).ln(), angle)
}

/// Hyperbolic sine.
#[must_use]
pub fn sinh(z: C) -> C {
    let re = if z.re == 0.0 { z.re } else { z.re.sinh() * z.im.cos() };
    let im = if z.im == 0.0 { z.im } else { z.re.cosh() * z.im.sin() };
    C::new(re, im)
}

/// Hyperbolic cosine.
#[must_use]
pub fn cosh(z: C) -> C {
    let re = if z.im == 0.0 { z.re.cosh() } else { z.re.cosh() * z.im.cos() };
    let im =
        if z.re == 0.0 || z.im == 0.0 { 1f64.copysign(z.re) * 0f64.copysign(z.im) } else { z.re.sinh() * z.im.sin() };
    C::new(re, im)
}

/// Hyperbolic tangent, by Kahan's formula, which has no cancellation.
#[must_use]
pub fn tanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_nan() {
        return C::new(x, if y == 0.0 { y } else { f64::NAN });
    }
    if !y.is_finite() && x.is_finite() {
        return C::new(if x == 0.0 { x } else { f64::NAN }, f64::NAN);
    }
    if x.abs() > 22.0 {
        let turn = if y.is_finite() { y.sin() * y.cos() } else { 1.0 };
        let im = if y.is_finite() { 4.0 * turn * (-2.0 * x.abs()).exp() } else { 0.0 };
        return C::new(1f64.copysign(x), if im == 0.0 { 0f64.copysign(turn) } else { im });
    }
    let (t, s) = (y.tan(), x.sinh());
    let (beta, rho) = (1.0 + t * t, (1.0 + s * s).sqrt());
    if t.is_infinite() {
        return C::new(rho / s, 1.0 / t);
    }
    let below = 1.0 + beta * s * s;
    C::new(beta * rho * s / below, t / below)
}

/// Sine.
#[must_use]
pub fn sin(z: C) -> C {
    swapped(sinh, z)
}

/// Cosine.
#[must_use]
pub fn cos(z: C) -> C {
    cosh(C::new(-z.im, z.re))
}

/// Tangent.
#[must_use]
pub fn tan(z: C) -> C {
    swapped(tanh, z)
}

/// `-i f(i z)`, which is `f` with real and imaginary parts exchanged before and after.
fn swapped(f: fn(C) -> C, z: C) -> C {
    let w = f(C::new(z.im, z.re));
    C::new(w.im, w.re)
}

/// Inverse hyperbolic sine.
#[must_use]
pub fn arcsinh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_nan() || y.is_nan() {
        return match (x, y) {
            (x, y) if x.is_infinite() => C::new(x, y),
            (x, y) if y.is_infinite() => C::new(y, x),
            (x, 0.0) => C::new(x, y),
            _ => C::new(f64::NAN, f64::NAN),
        };
    }
    if x.abs() > HUGE || y.abs() > HUGE {
        let w = log_of_large(if x.is_sign_negative() { -z } else { z });
        return C::new((w.re + LN_2).copysign(x), w.im.copysign(y));
    }
    if x.abs() < 1e-9 && y.abs() < 1e-9 {
        return z;
    }
    let (re, part) = inverse(x.abs(), y.abs());
    let im = match part {
        Part::Ratio(b) => b.asin(),
        Part::Legs(opposite, adjacent) => opposite.atan2(adjacent),
    };
    C::new(re.copysign(x), im.copysign(y))
}

/// Inverse sine.
#[must_use]
pub fn arcsin(z: C) -> C {
    swapped(arcsinh, z)
}

/// Inverse cosine.
#[must_use]
pub fn arccos(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_nan() || y.is_nan() {
        return match (x, y) {
            (x, y) if x.is_infinite() => C::new(y, f64::NEG_INFINITY),
            (x, y) if y.is_infinite() => C::new(x, -y),
            (0.0, y) => C::new(FRAC_PI_2, y),
            _ => C::new(f64::NAN, f64::NAN),
        };
    }
    let against = |im: f64| if y.is_sign_negative() { im } else { -im };
    if x.abs() > HUGE || y.abs() > HUGE {
        let w = log_of_large(z);
        return C::new(w.im.abs(), against(w.re + LN_2));
    }
    if x == 1.0 && y == 0.0 {
        return C::new(0.0, -y);
    }
    if x.abs() < 1e-9 && y.abs() < 1e-9 {
        return C::new(FRAC_PI_2 - x, -y);
    }
    let (im, part) = inverse(y.abs(), x.abs());
    let re = match part {
        Part::Ratio(b) => b.copysign(x).acos(),
        Part::Legs(adjacent, opposite) => opposite.atan2(adjacent.copysign(x)),
    };
    C::new(re, against(im))
}

/// Inverse hyperbolic cosine.
#[must_use]
pub fn arccosh(z: C) -> C {
    let w = arccos(z);
    match (w.re.is_nan(), w.im.is_nan()) {
        (true, true) => C::new(w.im, w.re),
        (true, false) => C::new(w.im.abs(), w.re),
        (false, true) => C::new(w.im, w.im),
        (false, false) => C::new(w.im.abs(), w.re.copysign(z.im)),
    }
}

/// Inverse hyperbolic tangent.
#[must_use]
pub fn arctanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    let (ax, ay) = (x.abs(), y.abs());
    if y == 0.0 && ax <= 1.0 {
        return C::new(0.5 * (2.0 * ax / (1.0 - ax)).ln_1p().copysign(x), y);
    }
    if x == 0.0 {
        return C::new(x, y.atan());
    }
    let zero = 0f64.copysign(x);
    if x.is_nan() || y.is_nan() {
        return match (x, y) {
            (x, y) if x.is_infinite() => C::new(zero, y),
            (_, y) if y.is_infinite() => C::new(zero, FRAC_PI_2.copysign(y)),
            _ => C::new(f64::NAN, f64::NAN),
        };
    }
    if ax > HUGE || ay > HUGE {
        let re = if x.is_infinite() || y.is_infinite() {
            zero
        } else if ax >= ay {
            1.0 / (x + y * (y / x))
        } else {
            (x / y) / (y + x * (x / y))
        };
        return C::new(re, FRAC_PI_2.copysign(y));
    }
    if ax < 1e-9 && ay < 1e-9 {
        return z;
    }
    let re = if ax == 1.0 && ay < f64::EPSILON {
        (LN_2 - ay.ln()) / 2.0
    } else {
        (4.0 * ax / ((ax - 1.0) * (ax - 1.0) + ay * ay)).ln_1p() / 4.0
    };
    let im = if ax == 1.0 { 2f64.atan2(-ay) / 2.0 } else { (2.0 * ay).atan2((1.0 - ax) * (1.0 + ax) - ay * ay) / 2.0 };
    C::new(re.copysign(x), im.copysign(y))
}

/// Inverse tangent.
#[must_use]
pub fn arctan(z: C) -> C {
    swapped(arctanh, z)
}

/// `log(z)` where a part is large.
fn log_of_large(z: C) -> C {
    let angle = z.im.atan2(z.re);
    if z.re.abs().max(z.im.abs()) > f64::MAX / 2.0 {
        return C::new((z.re / E).hypot(z.im / E).ln() + 1.0, angle);
    }
    C::new(z.re.hypot(z.im).ln(), angle)
}

/// What the angle of an inverse function is taken from.
enum Part {
    /// Its sine.
    Ratio(f64),
    /// The legs of its triangle, opposite first.
    Legs(f64, f64),
}

/// For `x`, `y >= 0`: `arccosh(a)` of the mean `a` of the distances of `x + iy` from ±i, and the angle of which `y / a`
/// is the sine.
fn inverse(x: f64, y: f64) -> (f64, Part) {
    /// Half of `hypot(a, b) - b`, given the hypotenuse.
    fn excess(a: f64, b: f64, hypotenuse: f64) -> f64 {
        if b < 0.0 {
            (hypotenuse - b) / 2.0
        } else if b == 0.0 {
            a / 2.0
        } else {
            a * a / (hypotenuse + b) / 2.0
        }
    }
    let eps = f64::EPSILON;
    let (r, s) = (x.hypot(y + 1.0), x.hypot(y - 1.0));
    let a = f64::midpoint(r, s).max(1.0);
    let beside = x >= eps * (y - 1.0).abs();
    let real = if a >= 10.0 {
        (a + (a * a - 1.0).sqrt()).ln()
    } else if y == 1.0 && x < eps * eps / 128.0 {
        x.sqrt()
    } else if beside {
        let above = excess(x, 1.0 + y, r) + excess(x, 1.0 - y, s);
        (above + (above * (a + 1.0)).sqrt()).ln_1p()
    } else if y < 1.0 {
        x / ((1.0 - y) * (1.0 + y)).sqrt()
    } else {
        ((y - 1.0) + ((y - 1.0) * (y + 1.0)).sqrt()).ln_1p()
    };
    if y < 1e-150 {
        return (real, Part::Legs(y * (2.0 / eps), a * (2.0 / eps)));
    }
    let b = y / a;
    if b <= 0.6417 {
        return (real, Part::Ratio(b));
    }
    let legs = if y == 1.0 && x < eps / 128.0 {
        Part::Legs(y, x.sqrt() * f64::midpoint(a, y).sqrt())
    } else if beside {
        let above = excess(x, y + 1.0, r) + excess(x, y - 1.0, s);
        Part::Legs(y, (above * (a + y)).sqrt())
    } else if y > 1.0 {
        let up = 4.0 / eps / eps;
        Part::Legs(y * up, x * up * y / ((y + 1.0) * (y - 1.0)).sqrt())
    } else {
        Part::Legs(y, ((1.0 - y) * (1.0 + y)).sqrt())
    };
    (real, legs)
}
