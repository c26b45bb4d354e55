//! Probabilities in the tails of distributions: what tests of hypotheses end with. Scalar functions in `f64`, accurate
//! to about 1e-13 of the larger of value and 1e-290.

use std::f64::consts::PI;

/// Steps of a series or a continued fraction, at most.
const STEPS: usize = 10_000;

/// A value that stands for a division by 0.
const TINY: f64 = 1e-300;

/// The probability that the size of a normal variable is at least `z`.
///
/// ```
/// use hyperslab::op::math::tails::normal;
/// assert!((normal(1.959963984540054) - 0.05).abs() < 1e-12);
/// ```
#[must_use]
pub fn normal(z: f64) -> f64 {
    upper_gamma(0.5, z * z / 2.0)
}

/// The probability that the size of a variable of Student's distribution with `df` degrees of freedom is at least `t`.
#[must_use]
pub fn student(t: f64, df: f64) -> f64 {
    if t.is_infinite() && df > 0.0 {
        return 0.0;
    }
    if t * t < df {
        return 1.0 - beta(0.5, df / 2.0, t * t / (df + t * t));
    }
    beta(df / 2.0, 0.5, df / (df + t * t))
}

/// The probability that a variable of the chi-squared distribution with `df` degrees of freedom is at least `x`.
#[must_use]
pub fn chi_squared(x: f64, df: f64) -> f64 {
    upper_gamma(df / 2.0, x / 2.0)
}

/// The probability that a variable of Fisher's distribution is at least `f`.
#[must_use]
pub fn fisher(f: f64, above: f64, below: f64) -> f64 {
    if f.is_infinite() {
        return 0.0;
    }
    beta(below / 2.0, above / 2.0, below / (below + above * f))
}

/// The logarithm of the gamma function (Lanczos, 9 terms), for positive numbers.
#[must_use]
pub fn log_gamma(x: f64) -> f64 {
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (PI / (PI * x).sin()).ln() - log_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let (mut sum, mut at) = (TERMS[0], x);
    for term in &TERMS[1..] {
        at += 1.0;
        sum += term / at;
    }
    let t = x + 7.5;
    (2.0 * PI).ln() / 2.0 + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised upper incomplete gamma function.
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x.is_nan() || a.is_nan() || a <= 0.0 || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let scale = (a * x.ln() - x - log_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut at) = (1.0 / a, 1.0 / a, a);
        for _ in 0..STEPS {
            at += 1.0;
            term *= x / at;
            sum += term;
            if term.abs() < sum.abs() * f64::EPSILON {
                break;
            }
        }
        return 1.0 - sum * scale;
    }
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut h = d;
    for i in 1..STEPS {
        #[expect(clippy::cast_precision_loss, reason = "few steps")]
        let i = i as f64;
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / away(an * d + b);
        c = away(b + an / c);
        h *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    scale * h
}

/// The regularised incomplete beta function (continued fraction, Lentz).
fn beta(a: f64, b: f64, x: f64) -> f64 {
    if a.is_nan() || b.is_nan() || !(0.0..=1.0).contains(&x) || a <= 0.0 || b <= 0.0 {
        return f64::NAN;
    }
    if x == 0.0 || x == 1.0 {
        return x;
    }
    let scale = (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        scale * fraction(a, b, x) / a
    } else {
        1.0 - scale * fraction(b, a, 1.0 - x) / b
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..STEPS {
        #[expect(clippy::cast_precision_loss, reason = "few steps")]
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 4.0 * f64::EPSILON {
            break;
        }
    }
    h
}

/// `x`, or what stands for 0.
fn away(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_scipy() {
        let near = |got: f64, want: f64| assert!((got - want).abs() <= 2e-12 * want.abs(), "{got} for {want}");
        near(normal(3.0), 0.002_699_796_063_260_188);
        near(normal(-10.0), 1.523_970_604_832_105e-23);
        near(chi_squared(3.0, 2.0), (-1.5f64).exp());
        near(student(1.0, 1.0), 0.5);
        near(student(2.0, 2.0), 0.183_503_419_072_273_94);
        near(fisher(1.0, 3.0, 3.0), 0.5);
        near(log_gamma(0.5), PI.sqrt().ln());
        assert!(student(f64::NAN, 3.0).is_nan() && chi_squared(-1.0, 2.0).is_nan());
    }
}
