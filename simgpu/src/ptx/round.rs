//! Directed rounding: results to the nearest, and which side of them the exact value is on.

use super::types::Rounding;

/// A result rounded to the nearest and the sign of what is missing.
#[derive(Debug, Clone, Copy)]
pub struct Exact {
    pub nearest: f64,
    pub rest: f64,
}

/// `a + b`.
pub fn sum(a: f64, b: f64) -> Exact {
    let nearest = a + b;
    let bb = nearest - a;
    let rest = (a - (nearest - bb)) + (b - bb);
    Exact { nearest, rest }
}

/// `a b`.
pub fn product(a: f64, b: f64) -> Exact {
    let nearest = a * b;
    Exact { nearest, rest: a.mul_add(b, -nearest) }
}

/// `a b + c` (Boldo and Muller's error of a fused multiply-add).
pub fn fused(a: f64, b: f64, c: f64) -> Exact {
    let nearest = a.mul_add(b, c);
    let p = product(a, b);
    let low = sum(c, p.rest);
    let high = sum(p.nearest, low.nearest);
    let rest = (high.nearest - nearest) + high.rest + low.rest;
    Exact { nearest, rest }
}

/// `a / b`.
pub fn quotient(a: f64, b: f64) -> Exact {
    let nearest = a / b;
    let rest = (-nearest).mul_add(b, a) * b.signum();
    Exact { nearest, rest }
}

/// The square root of `a`.
pub fn root(a: f64) -> Exact {
    let nearest = a.sqrt();
    Exact { nearest, rest: (-nearest).mul_add(nearest, a) }
}

impl Exact {
    /// A value that is exact.
    pub fn of(value: f64) -> Self {
        Self { nearest: value, rest: 0.0 }
    }

    /// The value as `f64`.
    pub fn double(self, direction: Rounding) -> f64 {
        let x = self.nearest;
        match side(x, self.rest, direction) {
            _ if x.is_nan() => x,
            Side::Keep => x,
            Side::Up => x.next_up(),
            Side::Down => x.next_down(),
        }
    }

    /// The value as `f32`, rounded once.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what this does")]
    pub fn single(self, direction: Rounding) -> f32 {
        let x = self.nearest as f32;
        if x.is_nan() || self.nearest.is_infinite() {
            return x;
        }
        let missing = self.nearest - f64::from(x);
        let rest = if missing == 0.0 { self.rest } else { missing };
        match side(f64::from(x), rest, direction) {
            Side::Keep => x,
            Side::Up => x.next_up(),
            Side::Down => x.next_down(),
        }
    }
}

enum Side {
    Keep,
    Up,
    Down,
}

fn side(x: f64, rest: f64, direction: Rounding) -> Side {
    let negative = x < 0.0 || (x == 0.0 && rest < 0.0);
    match direction {
        Rounding::Up if rest > 0.0 => Side::Up,
        Rounding::Down if rest < 0.0 => Side::Down,
        Rounding::Zero if negative && rest > 0.0 => Side::Up,
        Rounding::Zero if !negative && rest < 0.0 => Side::Down,
        _ => Side::Keep,
    }
}
