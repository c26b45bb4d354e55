//! The gamma distribution and what is made of it, and other continuous distributions by rejection.

use super::counts;
use super::straight::{exp, guarded, log, pow};
use super::words::Words;
use crate::op::math;
use std::f64::consts::PI;

/// Scale 1: Marsaglia and Tsang (2000); below shape 1 Ahrens and Dieter's GS (1974), as NumPy has it.
pub(super) fn standard(w: &mut Words, shape: f64) -> f64 {
    if !(shape >= 0.0) {
        return f64::NAN;
    }
    if shape == 0.0 {
        return 0.0;
    }
    if shape == 1.0 {
        return w.exponential();
    }
    if shape < 1.0 {
        return below_one(w, shape);
    }
    let b = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * b).sqrt();
    loop {
        let x = w.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        let u = w.unit();
        let square = x * x;
        if u < 1.0 - 0.0331 * square * square || log(u) < 0.5 * square + b * (1.0 - v + log(v)) {
            return b * v;
        }
    }
}

fn below_one(w: &mut Words, shape: f64) -> f64 {
    loop {
        let (u, v) = (w.unit(), w.exponential());
        if u <= 1.0 - shape {
            let x = pow(u, 1.0 / shape);
            if x <= v {
                return x;
            }
        } else {
            let y = -log((1.0 - u) / shape);
            let x = pow(1.0 - shape + shape * y, 1.0 / shape);
            if x <= v + y {
                return x;
            }
        }
    }
}

fn chi_square(w: &mut Words, df: f64) -> f64 {
    guarded(df > 0.0, 2.0 * standard(w, df / 2.0))
}

fn noncentral(w: &mut Words, df: f64, nonc: f64) -> f64 {
    if !(df > 0.0 && nonc >= 0.0 && nonc < f64::INFINITY) {
        return f64::NAN;
    }
    if nonc == 0.0 {
        return chi_square(w, df);
    }
    if df > 1.0 {
        let shifted = w.normal() + nonc.sqrt();
        return chi_square(w, df - 1.0) + shifted * shifted;
    }
    // A mixture over the number of degrees of freedom.
    let more = counts::poisson_of(w, nonc / 2.0);
    chi_square(w, df + 2.0 * more)
}

pub(crate) fn gamma(index: u64, key: u64, [shape]: [f64; 1]) -> f64 {
    standard(&mut Words::new(index, key), shape)
}

pub(crate) fn chisquare(index: u64, key: u64, [df]: [f64; 1]) -> f64 {
    chi_square(&mut Words::new(index, key), df)
}

pub(crate) fn noncentral_chisquare(index: u64, key: u64, [df, nonc]: [f64; 2]) -> f64 {
    noncentral(&mut Words::new(index, key), df, nonc)
}

pub(crate) fn f(index: u64, key: u64, [dfnum, dfden]: [f64; 2]) -> f64 {
    let w = &mut Words::new(index, key);
    let up = chi_square(w, dfnum) / dfnum;
    up / (chi_square(w, dfden) / dfden)
}

pub(crate) fn noncentral_f(index: u64, key: u64, [dfnum, dfden, nonc]: [f64; 3]) -> f64 {
    let w = &mut Words::new(index, key);
    let up = noncentral(w, dfnum, nonc) / dfnum;
    up / (chi_square(w, dfden) / dfden)
}

pub(crate) fn standard_t(index: u64, key: u64, [df]: [f64; 1]) -> f64 {
    let w = &mut Words::new(index, key);
    let z = w.normal();
    guarded(df > 0.0, z / (standard(w, df / 2.0) / (df / 2.0)).sqrt())
}

/// Of two gammas, or by Jöhnk (1964) where both parameters are small, in logarithms where powers vanish.
pub(crate) fn beta(index: u64, key: u64, [a, b]: [f64; 2]) -> f64 {
    let w = &mut Words::new(index, key);
    if !(a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    if a > 1.0 || b > 1.0 {
        let x = standard(w, a);
        return x / (x + standard(w, b));
    }
    loop {
        let (u, v) = (w.unit(), w.unit());
        let (x, y) = (pow(u, 1.0 / a), pow(v, 1.0 / b));
        if x + y > 1.0 {
            continue;
        }
        if x + y > 0.0 {
            return x / (x + y);
        }
        let (x, y) = (log(u) / a, log(v) / b);
        let most = if x > y { x } else { y };
        let (x, y) = (x - most, y - most);
        return exp(x - log(exp(x) + exp(y)));
    }
}

/// Best and Fisher (1979); a normal distribution where it is as narrow as rounding.
pub(crate) fn vonmises(index: u64, key: u64, [mu, kappa]: [f64; 2]) -> f64 {
    let w = &mut Words::new(index, key);
    if !(kappa >= 0.0 && mu.is_finite()) {
        return f64::NAN;
    }
    let angle = if kappa < 1e-8 {
        PI * (2.0 * w.unit() - 1.0)
    } else if kappa > 1e6 {
        w.normal() / kappa.sqrt()
    } else {
        let cosine = circular(w, kappa);
        math::arccos_f64::<false>(cosine).copysign(w.unit() - 0.5)
    };
    let turned = mu + angle;
    if turned.abs() <= PI {
        return turned;
    }
    let wrapped = (turned.abs() + PI) % (2.0 * PI) - PI;
    if turned < 0.0 { -wrapped } else { wrapped }
}

/// The cosine of an angle about 0.
fn circular(w: &mut Words, kappa: f64) -> f64 {
    let s = if kappa < 1e-5 {
        1.0 / kappa + kappa
    } else {
        let r = 1.0 + (1.0 + 4.0 * kappa * kappa).sqrt();
        let rho = (r - (2.0 * r).sqrt()) / (2.0 * kappa);
        (1.0 + rho * rho) / (2.0 * rho)
    };
    loop {
        let z = math::cos_f64::<false>(PI * w.unit());
        let x = (1.0 + s * z) / (s + z);
        let y = kappa * (s - x);
        let v = w.unit();
        if y * (2.0 - y) - v >= 0.0 || log(y / v) + 1.0 - y >= 0.0 {
            return x;
        }
    }
}
