//! Floating-point arithmetic and comparisons.
//!
//! Results are rounded once, in the direction asked for; `.ftz` flushes what comes in and goes out; `.sat` clamps to
//! 0..1. Approximate instructions are computed in `f64` and rounded.

use super::lanes::{Alu, Bf16, F16, Lane, Two, bin, compare, property, tri, un};
use super::round::{self, Exact};
use super::types::{Mnemonic, Rounding, Ty};

/// NaN as NVIDIA's single-precision units write it.
#[inline(always)]
fn quiet(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fff_ffff) } else { x }
}

/// A subnormal as zero of its sign.
#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.to_bits() & 0x7f80_0000 == 0 { f32::from_bits(x.to_bits() & 0x8000_0000) } else { x }
}

#[inline(always)]
fn saturate(x: f32) -> f32 {
    // NaN becomes 0.
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

#[inline(always)]
fn keep(x: f32) -> f32 {
    x
}

#[inline(always)]
fn wide(x: f32) -> f64 {
    f64::from(x)
}

/// The four combinations of `.ftz` and `.sat` around an `f32` instruction.
macro_rules! single {
    ($m:expr, un, |$a:ident| $body:expr) => {
        single!(@ $m, pre, post => un::<f32, f32>(|$a| { let $a = pre($a); post(quiet($body)) }))
    };
    ($m:expr, bin, |$a:ident, $b:ident| $body:expr) => {
        single!(@ $m, pre, post => bin::<f32, f32, f32>(|$a, $b| { let ($a, $b) = (pre($a), pre($b)); post(quiet($body)) }))
    };
    ($m:expr, tri, |$a:ident, $b:ident, $c:ident| $body:expr) => {
        single!(@ $m, pre, post => tri::<f32, f32, f32, f32>(|$a, $b, $c| {
            let ($a, $b, $c) = (pre($a), pre($b), pre($c));
            post(quiet($body))
        }))
    };
    (@ $m:expr, $pre:ident, $post:ident => $make:expr) => {
        match ($m.has("ftz"), $m.has("sat")) {
            (false, false) => { use keep as $pre; use keep as $post; $make }
            (true, false) => { use flush as $pre; use flush as $post; $make }
            (false, true) => { use keep as $pre; use saturate as $post; $make }
            (true, true) => { use flush as $pre; use saturate as $post; $make }
        }
    };
}

/// An instruction rounded in a direction that is known only here.
macro_rules! directed {
    ($direction:expr, $d:ident => $make:expr) => {
        match $direction {
            Rounding::Zero => {
                const $d: Rounding = Rounding::Zero;
                $make
            }
            Rounding::Down => {
                const $d: Rounding = Rounding::Down;
                $make
            }
            Rounding::Up => {
                const $d: Rounding = Rounding::Up;
                $make
            }
            Rounding::Nearest => {
                const $d: Rounding = Rounding::Nearest;
                $make
            }
        }
    };
}

/// The instruction over floats, where there is one.
pub fn select(m: &Mnemonic<'_>) -> Option<Alu> {
    match m.ty() {
        Ty::F32 => single(m),
        Ty::F64 => double(m),
        Ty::F16 => small::<F16>(m),
        Ty::Bf16 => small::<Bf16>(m),
        Ty::F16x2 => pair::<F16>(m),
        Ty::Bf16x2 => pair::<Bf16>(m),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "approximations are rounded to f32")]
fn single(m: &Mnemonic<'_>) -> Option<Alu> {
    let nearest = m.rounding() == Rounding::Nearest;
    Some(match m.base {
        "add" if nearest => single!(m, bin, |a, b| a + b),
        "sub" if nearest => single!(m, bin, |a, b| a - b),
        "mul" if nearest => single!(m, bin, |a, b| a * b),
        "fma" | "mad" if nearest => single!(m, tri, |a, b, c| a.mul_add(b, c)),
        "div" if nearest => single!(m, bin, |a, b| a / b),
        "rcp" if nearest => single!(m, un, |a| 1.0 / a),
        "sqrt" if nearest => single!(m, un, |a| a.sqrt()),
        "add" => directed!(m.rounding(), D => single!(m, bin, |a, b| round::sum(wide(a), wide(b)).single(D))),
        "sub" => directed!(m.rounding(), D => single!(m, bin, |a, b| round::sum(wide(a), -wide(b)).single(D))),
        "mul" => directed!(m.rounding(), D => single!(m, bin, |a, b| Exact::of(wide(a) * wide(b)).single(D))),
        "fma" | "mad" => directed!(m.rounding(), D => single!(m, tri, |a, b, c| {
            round::sum(wide(a) * wide(b), wide(c)).single(D)
        })),
        "div" => directed!(m.rounding(), D => single!(m, bin, |a, b| round::quotient(wide(a), wide(b)).single(D))),
        "rcp" => directed!(m.rounding(), D => single!(m, un, |a| round::quotient(1.0, wide(a)).single(D))),
        "sqrt" => directed!(m.rounding(), D => single!(m, un, |a| round::root(wide(a)).single(D))),
        "ex2" => single!(m, un, |a| wide(a).exp2() as f32),
        "lg2" => single!(m, un, |a| wide(a).log2() as f32),
        "rsqrt" => single!(m, un, |a| (1.0 / wide(a).sqrt()) as f32),
        "sin" => single!(m, un, |a| wide(a).sin() as f32),
        "cos" => single!(m, un, |a| wide(a).cos() as f32),
        "tanh" => single!(m, un, |a| wide(a).tanh() as f32),
        "abs" if m.has("ftz") => un::<f32, f32>(|a| flush(a).abs()),
        "abs" => un::<f32, f32>(f32::abs),
        "neg" if m.has("ftz") => un::<f32, f32>(|a| -flush(a)),
        "neg" => un::<f32, f32>(|a| -a),
        "copysign" => bin::<f32, f32, f32>(|a, b| b.copysign(a)),
        "min" if m.has("NaN") => single!(m, bin, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { least(a, b) }),
        "max" if m.has("NaN") => single!(m, bin, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { most(a, b) }),
        "min" => single!(m, bin, |a, b| if a.is_nan() {
            b
        } else if b.is_nan() {
            a
        } else {
            least(a, b)
        }),
        "max" => single!(m, bin, |a, b| if a.is_nan() {
            b
        } else if b.is_nan() {
            a
        } else {
            most(a, b)
        }),
        "testp" => return testp::<f32>(m),
        _ => return None,
    })
}

/// The lesser of two numbers; -0 is less than +0.
#[inline(always)]
fn least(a: f32, b: f32) -> f32 {
    if a < b || (a == b && a.is_sign_negative()) { a } else { b }
}

#[inline(always)]
fn most(a: f32, b: f32) -> f32 {
    if a > b || (a == b && a.is_sign_positive()) { a } else { b }
}

#[inline(always)]
fn least64(a: f64, b: f64) -> f64 {
    if a < b || (a == b && a.is_sign_negative()) { a } else { b }
}

#[inline(always)]
fn most64(a: f64, b: f64) -> f64 {
    if a > b || (a == b && a.is_sign_positive()) { a } else { b }
}

/// What `.ftz` approximations of `f64` see: the upper 32 bits only.
fn upper(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}

fn double(m: &Mnemonic<'_>) -> Option<Alu> {
    let nearest = m.rounding() == Rounding::Nearest;
    Some(match m.base {
        "add" if nearest => bin::<f64, f64, f64>(|a, b| a + b),
        "sub" if nearest => bin::<f64, f64, f64>(|a, b| a - b),
        "mul" if nearest => bin::<f64, f64, f64>(|a, b| a * b),
        "fma" | "mad" if nearest => tri::<f64, f64, f64, f64>(f64::mul_add),
        "div" if nearest => bin::<f64, f64, f64>(|a, b| a / b),
        "rcp" if m.has("approx") => un::<f64, f64>(|a| upper(1.0 / upper(a))),
        "rsqrt" => un::<f64, f64>(|a| upper(1.0 / upper(a).sqrt())),
        "rcp" if nearest => un::<f64, f64>(|a| 1.0 / a),
        "sqrt" if nearest => un::<f64, f64>(f64::sqrt),
        "add" => directed!(m.rounding(), D => bin::<f64, f64, f64>(|a, b| round::sum(a, b).double(D))),
        "sub" => directed!(m.rounding(), D => bin::<f64, f64, f64>(|a, b| round::sum(a, -b).double(D))),
        "mul" => directed!(m.rounding(), D => bin::<f64, f64, f64>(|a, b| round::product(a, b).double(D))),
        "fma" | "mad" => {
            directed!(m.rounding(), D => tri::<f64, f64, f64, f64>(|a, b, c| round::fused(a, b, c).double(D)))
        }
        "div" => directed!(m.rounding(), D => bin::<f64, f64, f64>(|a, b| round::quotient(a, b).double(D))),
        "rcp" => directed!(m.rounding(), D => un::<f64, f64>(|a| round::quotient(1.0, a).double(D))),
        "sqrt" => directed!(m.rounding(), D => un::<f64, f64>(|a| round::root(a).double(D))),
        "abs" => un::<f64, f64>(f64::abs),
        "neg" => un::<f64, f64>(|a| -a),
        "copysign" => bin::<f64, f64, f64>(|a, b| b.copysign(a)),
        "min" => bin::<f64, f64, f64>(|a, b| {
            if a.is_nan() {
                b
            } else if b.is_nan() {
                a
            } else {
                least64(a, b)
            }
        }),
        "max" => bin::<f64, f64, f64>(|a, b| {
            if a.is_nan() {
                b
            } else if b.is_nan() {
                a
            } else {
                most64(a, b)
            }
        }),
        "testp" => return testp::<f64>(m),
        _ => return None,
    })
}

/// 16-bit floats, whose values are exact as `f64`.
trait Small: Lane {
    fn value(self) -> f64;
    fn of(x: f64) -> Self;
}

impl Small for F16 {
    #[inline(always)]
    fn value(self) -> f64 {
        self.0
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self(x)
    }
}

impl Small for Bf16 {
    #[inline(always)]
    fn value(self) -> f64 {
        self.0
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self(x)
    }
}

/// The one-, two- and three-operand functions over 16-bit floats, once for single and once for packed values.
macro_rules! small {
    ($m:expr, $un:ident, $bin:ident, $tri:ident) => {
        Some(match $m.base {
            "add" if $m.has("sat") => $bin!(|a, b| (a + b).clamp(0.0, 1.0)),
            "add" => $bin!(|a, b| a + b),
            "sub" => $bin!(|a, b| a - b),
            "mul" => $bin!(|a, b| a * b),
            "fma" if $m.has("relu") => $tri!(|a, b, c| a.mul_add(b, c).max(0.0)),
            "fma" if $m.has("sat") => $tri!(|a, b, c| a.mul_add(b, c).clamp(0.0, 1.0)),
            "fma" => $tri!(|a, b, c| a.mul_add(b, c)),
            "neg" => $un!(|a| -a),
            "abs" => $un!(|a| a.abs()),
            "ex2" => $un!(|a| a.exp2()),
            "tanh" => $un!(|a| a.tanh()),
            "min" if $m.has("NaN") => $bin!(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { least64(a, b) }),
            "max" if $m.has("NaN") => $bin!(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { most64(a, b) }),
            "min" => $bin!(|a, b| if a.is_nan() {
                b
            } else if b.is_nan() {
                a
            } else {
                least64(a, b)
            }),
            "max" => $bin!(|a, b| if a.is_nan() {
                b
            } else if b.is_nan() {
                a
            } else {
                most64(a, b)
            }),
            _ => return None,
        })
    };
}

fn small<T: Small>(m: &Mnemonic<'_>) -> Option<Alu> {
    macro_rules! one {
        (|$a:ident| $e:expr) => {
            un::<T, T>(|a| {
                let $a = a.value();
                T::of($e)
            })
        };
    }
    macro_rules! two {
        (|$a:ident, $b:ident| $e:expr) => {
            bin::<T, T, T>(|a, b| {
                let ($a, $b) = (a.value(), b.value());
                T::of($e)
            })
        };
    }
    macro_rules! three {
        (|$a:ident, $b:ident, $c:ident| $e:expr) => {
            tri::<T, T, T, T>(|a, b, c| {
                let ($a, $b, $c) = (a.value(), b.value(), c.value());
                T::of($e)
            })
        };
    }
    small!(m, one, two, three)
}

fn pair<T: Small + Lane<Bits = u32>>(m: &Mnemonic<'_>) -> Option<Alu> {
    macro_rules! one {
        (|$a:ident| $e:expr) => {
            un::<Two<T>, Two<T>>(|a| {
                let f = |a: T| {
                    let $a = a.value();
                    T::of($e)
                };
                Two(f(a.0), f(a.1))
            })
        };
    }
    macro_rules! two {
        (|$a:ident, $b:ident| $e:expr) => {
            bin::<Two<T>, Two<T>, Two<T>>(|a, b| {
                let f = |a: T, b: T| {
                    let ($a, $b) = (a.value(), b.value());
                    T::of($e)
                };
                Two(f(a.0, b.0), f(a.1, b.1))
            })
        };
    }
    macro_rules! three {
        (|$a:ident, $b:ident, $c:ident| $e:expr) => {
            tri::<Two<T>, Two<T>, Two<T>, Two<T>>(|a, b, c| {
                let f = |a: T, b: T, c: T| {
                    let ($a, $b, $c) = (a.value(), b.value(), c.value());
                    T::of($e)
                };
                Two(f(a.0, b.0, c.0), f(a.1, b.1, c.1))
            })
        };
    }
    small!(m, one, two, three)
}

/// Classes of floats.
trait Classes: Lane {
    fn class(self) -> std::num::FpCategory;
}

impl Classes for f32 {
    fn class(self) -> std::num::FpCategory {
        self.classify()
    }
}

impl Classes for f64 {
    fn class(self) -> std::num::FpCategory {
        self.classify()
    }
}

fn testp<T: Classes>(m: &Mnemonic<'_>) -> Option<Alu> {
    use std::num::FpCategory::{Infinite, Nan, Normal, Subnormal};
    Some(match *m.mods.first()? {
        "finite" => property::<T>(|a| !matches!(a.class(), Infinite | Nan)),
        "infinite" => property::<T>(|a| a.class() == Infinite),
        "number" => property::<T>(|a| a.class() != Nan),
        "notanumber" => property::<T>(|a| a.class() == Nan),
        "normal" => property::<T>(|a| a.class() == Normal),
        "subnormal" => property::<T>(|a| a.class() == Subnormal),
        _ => return None,
    })
}

/// The comparison `setp.<how>` of floats.
#[allow(clippy::neg_cmp_op_on_partial_ord, clippy::double_comparisons, reason = "what NaN gives is different in each")]
pub fn comparison(how: &str, ty: Ty, ftz: bool) -> Option<Alu> {
    macro_rules! table {
        ($t:ty, |$x:ident| $value:expr) => {{
            macro_rules! test {
                (|$a:ident, $b:ident| $e:expr) => {
                    compare::<$t>(|a, b| {
                        let ($a, $b) = (
                            {
                                let $x = a;
                                $value
                            },
                            {
                                let $x = b;
                                $value
                            },
                        );
                        $e
                    })
                };
            }
            Some(match how {
                "eq" => test!(|a, b| a == b),
                "ne" => test!(|a, b| a < b || a > b),
                "lt" => test!(|a, b| a < b),
                "le" => test!(|a, b| a <= b),
                "gt" => test!(|a, b| a > b),
                "ge" => test!(|a, b| a >= b),
                "equ" => test!(|a, b| !(a < b || a > b)),
                "neu" => test!(|a, b| a != b),
                "ltu" => test!(|a, b| !(a >= b)),
                "leu" => test!(|a, b| !(a > b)),
                "gtu" => test!(|a, b| !(a <= b)),
                "geu" => test!(|a, b| !(a < b)),
                "num" => test!(|a, b| a.partial_cmp(&b).is_some()),
                "nan" => test!(|a, b| a.partial_cmp(&b).is_none()),
                _ => return None,
            })
        }};
    }
    match ty {
        Ty::F32 if ftz => table!(f32, |x| flush(x)),
        Ty::F32 => table!(f32, |x| x),
        Ty::F64 => table!(f64, |x| x),
        Ty::F16 => table!(F16, |x| x.0),
        Ty::Bf16 => table!(Bf16, |x| x.0),
        _ => None,
    }
}
