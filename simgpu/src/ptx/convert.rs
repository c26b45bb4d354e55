//! `cvt`: conversions between all types.

use super::lanes::{Alu, Bf16, F16, Lane, Two, bin, un};
use super::round::Exact;
use super::types::{Mnemonic, Rounding, Ty};
use half::{bf16, f16};

/// The conversion, where there is one.
pub fn select(m: &Mnemonic<'_>) -> Option<Alu> {
    let [to, from] = m.types[..] else { return None };
    match (to.is_float(), from.is_float()) {
        (false, false) if m.has("sat") => clamp(to, from),
        (false, false) => resize(to, from),
        (true, false) => from_int(m, to, from),
        (false, true) => to_int(m, to, from),
        (true, true) => between(m, to, from),
    }
}

/// Calls a macro with both Rust types.
macro_rules! with_ints {
    ($ty:expr, $t:ident => $body:expr) => {
        match $ty {
            Ty::U8 | Ty::B8 => {
                type $t = u8;
                $body
            }
            Ty::S8 => {
                type $t = i8;
                $body
            }
            Ty::U16 | Ty::B16 => {
                type $t = u16;
                $body
            }
            Ty::S16 => {
                type $t = i16;
                $body
            }
            Ty::U32 | Ty::B32 => {
                type $t = u32;
                $body
            }
            Ty::S32 => {
                type $t = i32;
                $body
            }
            Ty::U64 | Ty::B64 => {
                type $t = u64;
                $body
            }
            Ty::S64 => {
                type $t = i64;
                $body
            }
            _ => return None,
        }
    };
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "conversions between all pairs of integers"
)]
fn resize(to: Ty, from: Ty) -> Option<Alu> {
    Some(with_ints!(to, T => with_ints!(from, F => un::<F, T>(|a| a as T))))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "clamped before"
)]
fn clamp(to: Ty, from: Ty) -> Option<Alu> {
    Some(with_ints!(to, T => with_ints!(from, F => {
        un::<F, T>(|a| (a as i128).clamp(T::MIN as i128, T::MAX as i128) as T)
    })))
}

/// The nearest `f64` with its rest, for rounding once more.
#[allow(clippy::cast_precision_loss, reason = "the rest says what is lost")]
fn exact(x: i128) -> Exact {
    let nearest = x as f64;
    #[allow(clippy::cast_possible_truncation, reason = "an integer of at most 65 bits")]
    let rest = (x - nearest as i128) as f64;
    Exact { nearest, rest }
}

/// An integer as `f64`, rounded to odd where it does not fit: a second rounding gives what one would have.
fn odd(x: i128) -> f64 {
    let Exact { nearest, rest } = exact(x);
    if rest == 0.0 || nearest.to_bits() & 1 == 1 {
        nearest
    } else if rest > 0.0 {
        nearest.next_up()
    } else {
        nearest.next_down()
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounding is asked for")]
fn from_int(m: &Mnemonic<'_>, to: Ty, from: Ty) -> Option<Alu> {
    use Rounding::{Down, Nearest, Up, Zero};
    macro_rules! directed {
        ($t:ty, $method:ident) => {
            with_ints!(from, F => match m.rounding() {
                Nearest => un::<F, $t>(|a| a as $t),
                Zero => un::<F, $t>(|a| exact(a as i128).$method(Zero)),
                Down => un::<F, $t>(|a| exact(a as i128).$method(Down)),
                Up => un::<F, $t>(|a| exact(a as i128).$method(Up)),
            })
        };
    }
    Some(match to {
        Ty::F32 => directed!(f32, single),
        Ty::F64 => directed!(f64, double),
        Ty::F16 => with_ints!(from, F => un::<F, F16>(|a| F16(odd(a as i128)))),
        Ty::Bf16 => with_ints!(from, F => un::<F, Bf16>(|a| Bf16(odd(a as i128)))),
        _ => return None,
    })
}

/// Floats whose value is exact as `f64`.
trait Value: Lane {
    fn value(self) -> f64;
}

impl Value for f32 {
    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Value for f64 {
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }
}

impl Value for F16 {
    #[inline(always)]
    fn value(self) -> f64 {
        self.0
    }
}

impl Value for Bf16 {
    #[inline(always)]
    fn value(self) -> f64 {
        self.0
    }
}

#[inline(always)]
fn flushed(x: f64, ftz: bool) -> f64 {
    if ftz && x.abs() < f64::from(f32::MIN_POSITIVE) { 0.0_f64.copysign(x) } else { x }
}

fn whole(m: &Mnemonic<'_>) -> Option<&'static str> {
    ["rni", "rzi", "rmi", "rpi"].into_iter().find(|r| m.has(r))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "casts of floats saturate, as the instruction does"
)]
fn to_int(m: &Mnemonic<'_>, to: Ty, from: Ty) -> Option<Alu> {
    // NaN gives 0 from narrow floats to narrow integers, else the integer with only its top bit set.
    macro_rules! one {
        ($f:ty, $t:ty, |$x:ident| $round:expr) => {{
            const NAN: $t = if size_of::<$f>() == 8 && size_of::<$t>() >= 4 || size_of::<$t>() == 8 {
                1 << (<$t>::BITS - 1)
            } else {
                0
            };
            un::<$f, $t>(|a| {
                let $x = a.value();
                if $x.is_nan() { NAN } else { $round as $t }
            })
        }};
    }
    macro_rules! rounded {
        ($f:ty) => {
            with_ints!(to, T => match (whole(m)?, m.has("ftz")) {
                ("rni", _) => one!($f, T, |x| x.round_ties_even()),
                ("rzi", _) => one!($f, T, |x| x.trunc()),
                ("rmi", false) => one!($f, T, |x| x.floor()),
                ("rmi", true) => one!($f, T, |x| flushed(x, true).floor()),
                (_, false) => one!($f, T, |x| x.ceil()),
                (_, true) => one!($f, T, |x| flushed(x, true).ceil()),
            })
        };
    }
    // With an `i1` cast 16-bit floats behave as single ones.
    Some(match from {
        Ty::F32 => rounded!(f32),
        Ty::F64 => rounded!(f64),
        Ty::F16 => rounded!(F16Value),
        Ty::Bf16 => rounded!(Bf16Value),
        _ => return None,
    })
}

/// 16-bit floats of the size of their register: NaN converts as from `f32`.
macro_rules! narrow {
    ($($name:ident, $half:ty;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name(u32);
        impl Lane for $name {
            type Bits = u32;
            const CLASS: super::types::Class = super::types::Class::Narrow;
            #[inline(always)]
            fn get(bits: u32) -> Self { Self(bits) }
            #[inline(always)]
            fn put(self) -> u32 { self.0 }
        }
        impl Value for $name {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "the register's low half")]
            fn value(self) -> f64 { <$half>::from_bits(self.0 as u16).to_f64() }
        }
    )*};
}

narrow! {
    F16Value, f16;
    Bf16Value, bf16;
}

#[allow(clippy::cast_possible_truncation, reason = "rounding is asked for")]
fn between(m: &Mnemonic<'_>, to: Ty, from: Ty) -> Option<Alu> {
    if let Some(alu) = packed(m, to, from) {
        return Some(alu);
    }
    if let Some(how) = whole(m).filter(|_| to == from) {
        return integral(m, how, to);
    }
    let (rounding, ftz, sat) = (m.rounding(), m.has("ftz"), m.has("sat"));
    use Rounding::{Down, Nearest, Up, Zero};
    Some(match (to, from) {
        (Ty::F32, Ty::F32) => match (ftz, sat) {
            (false, false) => un::<f32, f32>(|a| a),
            (true, false) => un::<f32, f32>(|a| flushed(a.value(), true) as f32),
            (_, true) => un::<f32, f32>(|a| if a > 0.0 { a.min(1.0) } else { 0.0 }),
        },
        (Ty::F64, Ty::F64) if sat => un::<f64, f64>(|a| if a > 0.0 { a.min(1.0) } else { 0.0 }),
        (Ty::F64, Ty::F64) => un::<f64, f64>(|a| a),
        (Ty::F64, Ty::F32) if ftz => un::<f32, f64>(|a| flushed(a.value(), true)),
        (Ty::F64, Ty::F32) => un::<f32, f64>(Value::value),
        (Ty::F32, Ty::F64) => match (rounding, ftz) {
            (Nearest, false) => un::<f64, f32>(|a| canonical(a as f32)),
            (Nearest, true) => un::<f64, f32>(|a| canonical(flushed(f64::from(a as f32), true) as f32)),
            (Zero, _) => un::<f64, f32>(|a| canonical(Exact::of(a).single(Zero))),
            (Down, _) => un::<f64, f32>(|a| canonical(Exact::of(a).single(Down))),
            (Up, _) => un::<f64, f32>(|a| canonical(Exact::of(a).single(Up))),
        },
        (Ty::F32, Ty::F16) => un::<u16, f32>(|a| f16::from_bits(a).to_f32()),
        (Ty::F32, Ty::Bf16) => un::<u16, f32>(|a| f32::from_bits(u32::from(a) << 16)),
        (Ty::F64, Ty::F16) => un::<F16, f64>(|a| a.0),
        (Ty::F64, Ty::Bf16) => un::<Bf16, f64>(|a| a.0),
        (Ty::F16, Ty::F32) => match (rounding, sat) {
            (Nearest, false) => un::<f32, u16>(single_to_half),
            (Nearest, true) => un::<f32, u16>(|a| single_to_half(if a > 0.0 { a.min(1.0) } else { 0.0 })),
            (Zero, _) => un::<f32, u16>(|a| toward_zero(f64::from(a), single_to_half(a))),
            _ => return None,
        },
        (Ty::F16, Ty::F64) if rounding == Nearest => un::<f64, F16>(F16),
        (Ty::Bf16, Ty::F32) => match rounding {
            Nearest if m.has("relu") => un::<f32, u16>(|a| single_to_bf16(if a < 0.0 { 0.0 } else { a })),
            Nearest => un::<f32, u16>(single_to_bf16),
            Zero => un::<f32, u16>(|a| if a.is_nan() { 0x7fff } else { (a.to_bits() >> 16) as u16 }),
            _ => return None,
        },
        (Ty::Bf16, Ty::F64) if rounding == Nearest => un::<f64, Bf16>(Bf16),
        (Ty::F16, Ty::F16) => un::<u16, u16>(|a| a),
        (Ty::Bf16, Ty::Bf16) => un::<u16, u16>(|a| a),
        (Ty::F16, Ty::Bf16) => un::<Bf16, F16>(|a| F16(a.0)),
        (Ty::Bf16, Ty::F16) => un::<F16, Bf16>(|a| Bf16(a.0)),
        _ => return None,
    })
}

#[inline(always)]
fn canonical(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fff_ffff) } else { x }
}

#[inline(always)]
fn single_to_half(x: f32) -> u16 {
    if x.is_nan() { 0x7fff } else { f16::from_f32(x).to_bits() }
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half of a word")]
#[inline(always)]
fn single_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let nearest = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fff } else { nearest }
}

/// The half nearest to `x`, corrected where it was rounded away from 0.
fn toward_zero(x: f64, nearest: u16) -> u16 {
    if !x.is_nan() && f16::from_bits(nearest).to_f64().abs() > x.abs() { nearest - 1 } else { nearest }
}

/// Two floats into the halves of a register; the first is the upper one.
fn packed(m: &Mnemonic<'_>, to: Ty, from: Ty) -> Option<Alu> {
    let relu = m.has("relu");
    match (to, from, relu) {
        (Ty::F16x2, Ty::F32, false) => {
            Some(bin::<f32, f32, Two<u16>>(|a, b| Two(single_to_half(b), single_to_half(a))))
        }
        (Ty::F16x2, Ty::F32, true) => {
            Some(bin::<f32, f32, Two<u16>>(|a, b| Two(single_to_half(b.max(0.0)), single_to_half(a.max(0.0)))))
        }
        (Ty::Bf16x2, Ty::F32, false) => {
            Some(bin::<f32, f32, Two<u16>>(|a, b| Two(single_to_bf16(b), single_to_bf16(a))))
        }
        (Ty::Bf16x2, Ty::F32, true) => {
            Some(bin::<f32, f32, Two<u16>>(|a, b| Two(single_to_bf16(b.max(0.0)), single_to_bf16(a.max(0.0)))))
        }
        _ => None,
    }
}

/// Rounding to an integer of the same type.
fn integral(m: &Mnemonic<'_>, how: &str, ty: Ty) -> Option<Alu> {
    macro_rules! table {
        ($t:ty, |$x:ident| $pre:expr, |$y:ident| $post:expr) => {
            match how {
                "rni" => un::<$t, $t>(|$x| {
                    let $y = $pre.round_ties_even();
                    $post
                }),
                "rzi" => un::<$t, $t>(|$x| {
                    let $y = $pre.trunc();
                    $post
                }),
                "rmi" => un::<$t, $t>(|$x| {
                    let $y = $pre.floor();
                    $post
                }),
                _ => un::<$t, $t>(|$x| {
                    let $y = $pre.ceil();
                    $post
                }),
            }
        };
    }
    #[allow(clippy::cast_possible_truncation, reason = "a flushed f32")]
    Some(match (ty, m.has("ftz"), m.has("sat")) {
        (Ty::F32, false, false) => table!(f32, |x| x, |y| y),
        (Ty::F32, true, false) => table!(f32, |x| flushed(f64::from(x), true) as f32, |y| y),
        (Ty::F32, _, true) => table!(f32, |x| x, |y| if y > 0.0 { y.min(1.0) } else { 0.0 }),
        (Ty::F64, _, _) => table!(f64, |x| x, |y| y),
        (Ty::F16, _, _) => table!(F16, |x| x.0, |y| F16(y)),
        (Ty::Bf16, _, _) => table!(Bf16, |x| x.0, |y| Bf16(y)),
        _ => return None,
    })
}
