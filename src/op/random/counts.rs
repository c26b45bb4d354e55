//! Distributions of counts, by inversion where they are narrow and by rejection elsewhere.

use super::gamma::standard as standard_gamma;
use super::mass;
use super::straight::{count, exp, log, pow};
use super::words::Words;
use crate::op::math;

/// The largest mean of a Poisson distribution whose counts integers hold, as NumPy has it.
pub(crate) const MOST: f64 = 9.223_372_006_484_771e18;

/// Counts of a Poisson distribution: products of uniforms below a mean of 10, else PTRS of Hörmann (1993).
pub(super) fn poisson_of(w: &mut Words, mean: f64) -> f64 {
    if mean == 0.0 {
        return 0.0;
    }
    if mean < 10.0 {
        let bound = exp(-mean);
        let (mut n, mut product) = (0.0, w.unit());
        while product > bound {
            n += 1.0;
            product *= w.unit();
        }
        return n;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.024_83 * b;
    let inverse = 1.1239 + 1.1328 / (b - 3.4);
    let quick = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let (u, v) = (w.unit() - 0.5, w.unit());
        let edge = 0.5 - u.abs();
        let k = ((2.0 * a / edge + b) * u + mean + 0.43).floor();
        if edge >= 0.07 && v <= quick {
            return k;
        }
        if k < 0.0 || (edge < 0.013 && v > edge) {
            continue;
        }
        if log(v * inverse / (a / (edge * edge) + b)) <= mass::poisson(k, mean) {
            return k;
        }
    }
}

pub(crate) fn poisson(index: u64, key: u64, [mean]: [f64; 1]) -> i64 {
    if !(0.0..=MOST).contains(&mean) {
        return i64::MIN;
    }
    count(true, poisson_of(&mut Words::new(index, key), mean))
}

/// A gamma mixture of Poisson distributions.
pub(crate) fn negative_binomial(index: u64, key: u64, [n, p]: [f64; 2]) -> i64 {
    if !(n > 0.0 && p > 0.0 && p <= 1.0) {
        return i64::MIN;
    }
    let w = &mut Words::new(index, key);
    let mean = standard_gamma(w, n) * ((1.0 - p) / p);
    if mean <= MOST { count(true, poisson_of(w, mean)) } else { i64::MAX }
}

/// The successes of `n` tries: by inversion where few are expected, else BTRS of Hörmann (1993).
pub(crate) fn binomial(index: u64, key: u64, [n, p]: [f64; 2]) -> i64 {
    if !(n >= 0.0 && n < f64::INFINITY && (0.0..=1.0).contains(&p)) {
        return i64::MIN;
    }
    let w = &mut Words::new(index, key);
    let rare = if p > 0.5 { 1.0 - p } else { p };
    let k = if rare == 0.0 || n == 0.0 {
        0.0
    } else if n * rare < 10.0 {
        few_of(w, n, rare)
    } else {
        many_of(w, n, rare)
    };
    count(true, if p > 0.5 { n - k } else { k })
}

fn few_of(w: &mut Words, n: f64, p: f64) -> f64 {
    let q = 1.0 - p;
    let none = exp(n * math::log1p_f64::<false>(-p));
    // Beyond it the sum of probabilities has no more digits; the draw begins anew.
    let bound = (n * p + 10.0 * (n * p * q + 1.0).sqrt()).min(n);
    loop {
        let (mut k, mut probability, mut left) = (0.0, none, w.unit());
        while left > probability && k <= bound {
            left -= probability;
            k += 1.0;
            probability *= (n - k + 1.0) * p / (k * q);
        }
        if k <= bound {
            return k;
        }
    }
}

fn many_of(w: &mut Words, n: f64, p: f64) -> f64 {
    let q = 1.0 - p;
    let spread = (n * p * q).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let center = n * p + 0.5;
    let quick = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    let peak = mass::binomial(((n + 1.0) * p).floor(), n, p, q);
    loop {
        let (u, v) = (w.unit() - 0.5, w.unit());
        let edge = 0.5 - u.abs();
        let k = ((2.0 * a / edge + b) * u + center).floor();
        if edge >= 0.07 && v <= quick {
            return k;
        }
        if k < 0.0 || k > n {
            continue;
        }
        if log(v * alpha / (a / (edge * edge) + b)) <= mass::binomial(k, n, p, q) - peak {
            return k;
        }
    }
}

/// The good ones of `sample` taken without replacement: one by one where few are taken or left, else HRUA of Stadlober
/// (1990).
pub(crate) fn hypergeometric(index: u64, key: u64, [good, bad, sample]: [f64; 3]) -> i64 {
    let total = good + bad;
    if !(good >= 0.0 && bad >= 0.0 && total < 2e9 && (0.0..=total).contains(&sample)) {
        return i64::MIN;
    }
    let w = &mut Words::new(index, key);
    let taken = if sample > total / 2.0 { total - sample } else { sample };
    let k = if taken < 10.0 { one_by_one(w, good, total, taken) } else { ratio(w, good, bad, taken) };
    // Of what is left rather than of what is taken, where that is fewer.
    count(true, if sample > total / 2.0 { good - k } else { k })
}

fn one_by_one(w: &mut Words, good: f64, total: f64, taken: f64) -> f64 {
    let (mut left, mut all, mut tries) = (good, total, taken);
    while tries > 0.0 {
        if w.unit() * all < left {
            left -= 1.0;
        }
        all -= 1.0;
        tries -= 1.0;
    }
    good - left
}

fn ratio(w: &mut Words, good: f64, bad: f64, taken: f64) -> f64 {
    let (few, many) = if good < bad { (good, bad) } else { (bad, good) };
    let total = few + many;
    let (p, q) = (few / total, many / total);
    let a = taken * p + 0.5;
    let deviation = ((total - taken) * taken * p * q / (total - 1.0) + 0.5).sqrt();
    let width = 1.715_527_769_921_413_5 * deviation + 0.898_916_162_058_898_8;
    let mode = ((taken + 1.0) * (few + 1.0) / (total + 2.0)).floor();
    let weight = |k: f64| {
        let (first, second) = (mass::log_factorial(k), mass::log_factorial(few - k));
        let (third, fourth) = (mass::log_factorial(taken - k), mass::log_factorial(many - taken + k));
        first + second + third + fourth
    };
    let peak = weight(mode);
    let bound = (taken.min(few) + 1.0).min((a + 16.0 * deviation).floor());
    let k = loop {
        let (u, v) = (w.unit(), w.unit());
        let x = a + width * (v - 0.5) / u;
        if !(0.0..bound).contains(&x) {
            continue;
        }
        let k = x.floor();
        let gain = peak - weight(k);
        if u * (4.0 - u) - 3.0 <= gain || (u * (u - gain) < 1.0 && 2.0 * log(u) <= gain) {
            break k;
        }
    };
    if good > bad { taken - k } else { k }
}

/// Devroye (1986), as NumPy has it.
pub(crate) fn zipf(index: u64, key: u64, [a]: [f64; 1]) -> i64 {
    const LARGEST: f64 = 9_223_372_036_854_774_784.0;
    if !(a > 1.0) {
        return i64::MIN;
    }
    // One is all that is left of the probability.
    if a >= 1025.0 {
        return 1;
    }
    let w = &mut Words::new(index, key);
    let less = a - 1.0;
    // `2^less - 1` and, below, `(1 + 1 / x)^less - 1`, which stay apart from 0 where `less` is tiny.
    let b = math::expm1_f64::<false>(less * std::f64::consts::LN_2);
    let least = pow(LARGEST, -less);
    loop {
        let (u, v) = (w.unit(), w.unit());
        let u = u * least + (1.0 - u);
        let x = pow(u, -1.0 / less).floor();
        if !(1.0..=LARGEST).contains(&x) {
            continue;
        }
        let t = math::expm1_f64::<false>(less * math::log1p_f64::<false>(1.0 / x));
        if v * x * t / b <= (t + 1.0) / (b + 1.0) {
            return count(true, x);
        }
    }
}

/// Kemp's second algorithm (1981).
pub(crate) fn logseries(index: u64, key: u64, [p]: [f64; 1]) -> i64 {
    if !(0.0..1.0).contains(&p) {
        return i64::MIN;
    }
    let w = &mut Words::new(index, key);
    let r = math::log1p_f64::<false>(-p);
    let v = w.unit();
    if v >= p {
        return 1;
    }
    let q = -math::expm1_f64::<false>(r * w.unit());
    if v <= q * q {
        return count(true, (1.0 + log(v) / log(q)).floor());
    }
    if v >= q { 1 } else { 2 }
}
