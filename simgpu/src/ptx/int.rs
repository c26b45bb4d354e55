//! Integer arithmetic, bits and comparisons of integers.

use super::lanes::{Alu, Lane, bin, carry, compare, quad, tri, un};
use super::types::{Mnemonic, Ty};

/// Calls a macro with the Rust type of an integer PTX type.
macro_rules! with_int {
    ($ty:expr, $t:ident => $body:expr) => {
        match $ty {
            Ty::U8 | Ty::B8 => {
                type $t = u8;
                Some($body)
            }
            Ty::S8 => {
                type $t = i8;
                Some($body)
            }
            Ty::U16 | Ty::B16 => {
                type $t = u16;
                Some($body)
            }
            Ty::S16 => {
                type $t = i16;
                Some($body)
            }
            Ty::U32 | Ty::B32 => {
                type $t = u32;
                Some($body)
            }
            Ty::S32 => {
                type $t = i32;
                Some($body)
            }
            Ty::U64 | Ty::B64 => {
                type $t = u64;
                Some($body)
            }
            Ty::S64 => {
                type $t = i64;
                Some($body)
            }
            _ => None,
        }
    };
}

/// As `with_int`, for widths of bits.
macro_rules! with_bits {
    ($ty:expr, $t:ident => $body:expr) => {
        match $ty.bytes() {
            2 => {
                type $t = u16;
                Some($body)
            }
            4 => {
                type $t = u32;
                Some($body)
            }
            8 => {
                type $t = u64;
                Some($body)
            }
            _ => None,
        }
    };
}

/// The instruction over integers, where there is one.
pub fn select(m: &Mnemonic<'_>) -> Option<Alu> {
    let ty = m.ty();
    match m.base {
        "add" if m.has("cc") => with_int!(ty, T => carry::<T>(|a, b, _, _| a.overflowing_carry(b, false))),
        "addc" => with_int!(ty, T => carry::<T>(|a, b, _, c| a.overflowing_carry(b, c))),
        "sub" if m.has("cc") => with_int!(ty, T => carry::<T>(|a, b, _, _| a.overflowing_borrow(b, false))),
        "subc" => with_int!(ty, T => carry::<T>(|a, b, _, c| a.overflowing_borrow(b, c))),
        "mad" if m.has("cc") && m.has("lo") => {
            with_int!(ty, T => carry::<T>(|a, b, c, _| a.wrapping_mul(b).overflowing_carry(c, false)))
        }
        "mad" if m.has("cc") => with_int!(ty, T => carry::<T>(|a, b, c, _| a.high(b).overflowing_carry(c, false))),
        "madc" if m.has("lo") => with_int!(ty, T => carry::<T>(|a, b, c, f| a.wrapping_mul(b).overflowing_carry(c, f))),
        "madc" => with_int!(ty, T => carry::<T>(|a, b, c, f| a.high(b).overflowing_carry(c, f))),
        "add" if m.has("sat") => (ty == Ty::S32).then(|| bin::<i32, i32, i32>(i32::saturating_add)),
        "sub" if m.has("sat") => (ty == Ty::S32).then(|| bin::<i32, i32, i32>(i32::saturating_sub)),
        "add" => with_int!(ty, T => bin::<T, T, T>(|a, b| a.wrapping_add(b))),
        "sub" => with_int!(ty, T => bin::<T, T, T>(|a, b| a.wrapping_sub(b))),
        "mul" | "mad" | "mul24" | "mad24" => product(m),
        "div" => with_int!(ty, T => bin::<T, T, T>(|a, b| if b == 0 { !0 } else { a.wrapping_div(b) })),
        "rem" => with_int!(ty, T => bin::<T, T, T>(|a, b| if b == 0 { a } else { a.wrapping_rem(b) })),
        "min" => with_int!(ty, T => bin::<T, T, T>(|a, b| a.min(b))),
        "max" => with_int!(ty, T => bin::<T, T, T>(|a, b| a.max(b))),
        "abs" => with_int!(ty, T => un::<T, T>(|a| a.magnitude())),
        "neg" => with_int!(ty, T => un::<T, T>(|a| a.wrapping_neg())),
        "sad" => with_int!(ty, T => tri::<T, T, T, T>(|a, b, c| c.wrapping_add(a.max(b).wrapping_sub(a.min(b))))),
        "dp4a" => dot(m, 4),
        "dp2a" => dot(m, 2),
        _ => bitwise(m),
    }
}

fn product(m: &Mnemonic<'_>) -> Option<Alu> {
    let (ty, mad) = (m.ty(), m.base.starts_with("mad"));
    if m.base.ends_with("24") {
        return match (ty, mad) {
            (Ty::U32, false) => Some(bin::<u32, u32, u32>(|a, b| (a << 8 >> 8).wrapping_mul(b << 8 >> 8))),
            (Ty::S32, false) => Some(bin::<i32, i32, i32>(|a, b| (a << 8 >> 8).wrapping_mul(b << 8 >> 8))),
            (Ty::U32, true) => {
                Some(tri::<u32, u32, u32, u32>(|a, b, c| (a << 8 >> 8).wrapping_mul(b << 8 >> 8).wrapping_add(c)))
            }
            (Ty::S32, true) => {
                Some(tri::<i32, i32, i32, i32>(|a, b, c| (a << 8 >> 8).wrapping_mul(b << 8 >> 8).wrapping_add(c)))
            }
            _ => None,
        };
    }
    if m.has("wide") {
        macro_rules! wide {
            ($from:ty, $to:ty) => {
                if mad {
                    tri::<$from, $from, $to, $to>(|a, b, c| <$to>::from(a).wrapping_mul(<$to>::from(b)).wrapping_add(c))
                } else {
                    bin::<$from, $from, $to>(|a, b| <$to>::from(a).wrapping_mul(<$to>::from(b)))
                }
            };
        }
        return match ty {
            Ty::U16 => Some(wide!(u16, u32)),
            Ty::S16 => Some(wide!(i16, i32)),
            Ty::U32 => Some(wide!(u32, u64)),
            Ty::S32 => Some(wide!(i32, i64)),
            _ => None,
        };
    }
    match (m.has("hi"), mad) {
        (true, false) => with_int!(ty, T => bin::<T, T, T>(|a, b| a.high(b))),
        (true, true) if m.has("sat") => {
            (ty == Ty::S32).then(|| tri::<i32, i32, i32, i32>(|a, b, c| a.high(b).saturating_add(c)))
        }
        (true, true) => with_int!(ty, T => tri::<T, T, T, T>(|a, b, c| a.high(b).wrapping_add(c))),
        (false, false) => with_int!(ty, T => bin::<T, T, T>(|a, b| a.wrapping_mul(b))),
        (false, true) => with_int!(ty, T => tri::<T, T, T, T>(|a, b, c| a.wrapping_mul(b).wrapping_add(c))),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "bytes and halves of a word")]
fn dot(m: &Mnemonic<'_>, lanes: usize) -> Option<Alu> {
    const fn part(x: u32, i: u32, width: u32, signed: bool) -> i64 {
        let raw = x >> (i * width);
        match (width, signed) {
            (8, true) => raw as i8 as i64,
            (8, false) => raw as u8 as i64,
            (_, true) => raw as i16 as i64,
            _ => raw as u16 as i64,
        }
    }
    macro_rules! dot4 {
        ($sa:literal, $sb:literal) => {
            tri::<u32, u32, u32, u32>(|a, b, c| {
                (0..4).fold(c, |sum, i| sum.wrapping_add((part(a, i, 8, $sa) * part(b, i, 8, $sb)) as u32))
            })
        };
    }
    macro_rules! dot2 {
        ($sa:literal, $sb:literal, $skip:literal) => {
            tri::<u32, u32, u32, u32>(|a, b, c| {
                (0..2).fold(c, |sum, i| sum.wrapping_add((part(a, i, 16, $sa) * part(b, i + $skip, 8, $sb)) as u32))
            })
        };
    }
    let [ta, tb] = m.types[..] else { return None };
    Some(match (lanes, ta.is_signed(), tb.is_signed(), m.has("hi")) {
        (4, false, false, _) => dot4!(false, false),
        (4, false, true, _) => dot4!(false, true),
        (4, true, false, _) => dot4!(true, false),
        (4, true, true, _) => dot4!(true, true),
        (_, false, false, false) => dot2!(false, false, 0),
        (_, false, true, false) => dot2!(false, true, 0),
        (_, true, false, false) => dot2!(true, false, 0),
        (_, true, true, false) => dot2!(true, true, 0),
        (_, false, false, true) => dot2!(false, false, 2),
        (_, false, true, true) => dot2!(false, true, 2),
        (_, true, false, true) => dot2!(true, false, 2),
        (_, true, true, true) => dot2!(true, true, 2),
    })
}

#[allow(clippy::cast_possible_truncation, reason = "a 32-bit result")]
fn bitwise(m: &Mnemonic<'_>) -> Option<Alu> {
    let ty = m.ty();
    match m.base {
        "and" => with_bits!(ty, T => bin::<T, T, T>(|a, b| a & b)),
        "or" => with_bits!(ty, T => bin::<T, T, T>(|a, b| a | b)),
        "xor" => with_bits!(ty, T => bin::<T, T, T>(|a, b| a ^ b)),
        "not" => with_bits!(ty, T => un::<T, T>(|a| !a)),
        "cnot" => with_bits!(ty, T => un::<T, T>(|a| T::from(a == 0))),
        "shl" => with_bits!(ty, T => bin::<T, u32, T>(|a, n| a.checked_shl(n).unwrap_or(0))),
        "shr" => with_int!(ty, T => bin::<T, u32, T>(|a, n| a.shift_right(n))),
        "popc" => with_bits!(ty, T => un::<T, u32>(|a| a.count_ones())),
        "clz" => with_bits!(ty, T => un::<T, u32>(|a| a.leading_zeros())),
        "brev" => with_bits!(ty, T => un::<T, T>(|a| a.reverse_bits())),
        "bfind" if m.has("shiftamt") => with_int!(ty, T => un::<T, u32>(|a| match a.top_bit() {
            u32::MAX => u32::MAX,
            bit => T::BITS - 1 - bit,
        })),
        "bfind" => with_int!(ty, T => un::<T, u32>(|a| a.top_bit())),
        "bfe" => with_int!(ty, T => tri::<T, u32, u32, T>(|a, at, n| a.field(at & 255, n & 255))),
        "shf" => match (m.has("l"), m.has("wrap")) {
            (true, true) => Some(tri::<u32, u32, u32, u32>(|lo, hi, n| funnel_left(lo, hi, n & 31))),
            (true, false) => Some(tri::<u32, u32, u32, u32>(|lo, hi, n| funnel_left(lo, hi, n.min(32)))),
            (false, true) => Some(tri::<u32, u32, u32, u32>(|lo, hi, n| funnel_right(lo, hi, n & 31))),
            (false, false) => Some(tri::<u32, u32, u32, u32>(|lo, hi, n| funnel_right(lo, hi, n.min(32)))),
        },
        "prmt" => permute(m),
        "lop3" => Some(quad::<u32, u32, u32, u32, u32>(lop3)),
        "bfi" if ty.bytes() == 4 => Some(quad::<u32, u32, u32, u32, u32>(|a, b, at, n| {
            insert(u64::from(a), u64::from(b), at & 255, n & 255, 32) as u32
        })),
        "bfi" => Some(quad::<u64, u64, u32, u32, u64>(|a, b, at, n| insert(a, b, at & 255, n & 255, 64))),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a word of two")]
fn funnel_left(lo: u32, hi: u32, n: u32) -> u32 {
    (((u64::from(hi) << 32 | u64::from(lo)) << n) >> 32) as u32
}

#[allow(clippy::cast_possible_truncation, reason = "a word of two")]
fn funnel_right(lo: u32, hi: u32, n: u32) -> u32 {
    ((u64::from(hi) << 32 | u64::from(lo)) >> n) as u32
}

/// Byte `n` of the eight in `b:a`; with its sign bit spread where bit 3 is set.
#[allow(clippy::cast_possible_truncation, reason = "a byte")]
#[inline(always)]
fn pick(a: u32, b: u32, n: u32) -> u32 {
    let byte = ((u64::from(b) << 32 | u64::from(a)) >> (8 * (n & 7))) as u8;
    match (n & 8 != 0, byte & 128 != 0) {
        (false, _) => u32::from(byte),
        (true, true) => 255,
        (true, false) => 0,
    }
}

fn permute(m: &Mnemonic<'_>) -> Option<Alu> {
    macro_rules! modes {
        ($($name:literal, |$s:ident, $i:ident| $n:expr;)*) => {
            match m.mods.first().copied() {
                None => Some(tri::<u32, u32, u32, u32>(|a, b, s| {
                    (0..4).fold(0, |out, i| out | pick(a, b, s >> (4 * i) & 15) << (8 * i))
                })),
                $(Some($name) => Some(tri::<u32, u32, u32, u32>(|a, b, s| {
                    let $s = s & 3;
                    (0..4).fold(0, |out, $i: u32| out | pick(a, b, $n) << (8 * $i))
                })),)*
                Some(_) => None,
            }
        };
    }
    modes! {
        "f4e", |s, i| s + i;
        "b4e", |s, i| (8 + s - i) & 7;
        "rc8", |s, _i| s;
        "ecl", |s, i| s.max(i);
        "ecr", |s, i| s.min(i);
        "rc16", |s, i| 2 * (s & 1) + (i & 1);
    }
}

/// A bitwise function of three words by its truth table.
#[inline(always)]
fn lop3(a: u32, b: u32, c: u32, table: u32) -> u32 {
    let mut out = 0;
    for i in 0..8 {
        let chosen = 0u32.wrapping_sub(table >> i & 1);
        let side = |x: u32, bit: u32| if i & bit != 0 { x } else { !x };
        out |= chosen & side(a, 4) & side(b, 2) & side(c, 1);
    }
    out
}

/// The comparison `setp.<how>` of integers.
pub fn comparison(how: &str, ty: Ty) -> Option<Alu> {
    match how {
        "eq" => with_int!(ty, T => compare::<T>(|a, b| a == b)),
        "ne" => with_int!(ty, T => compare::<T>(|a, b| a != b)),
        "lt" | "lo" => with_int!(ty, T => compare::<T>(|a, b| a < b)),
        "le" | "ls" => with_int!(ty, T => compare::<T>(|a, b| a <= b)),
        "gt" | "hi" => with_int!(ty, T => compare::<T>(|a, b| a > b)),
        "ge" | "hs" => with_int!(ty, T => compare::<T>(|a, b| a >= b)),
        _ => None,
    }
}

/// What instructions need of an integer type beyond its own methods.
trait Word: Lane {
    /// The upper half of the product.
    fn high(self, other: Self) -> Self;
    fn overflowing_carry(self, other: Self, carry: bool) -> (Self, bool);
    fn overflowing_borrow(self, other: Self, borrow: bool) -> (Self, bool);
    fn magnitude(self) -> Self;
    /// To the right by any count; the sign fills in.
    fn shift_right(self, n: u32) -> Self;
    /// The position of the highest bit that differs from the sign, or -1.
    fn top_bit(self) -> u32;
    /// `n` bits from bit `at` on; the sign fills in.
    fn field(self, at: u32, n: u32) -> Self;
}

macro_rules! words {
    ($($ty:ty, $unsigned:ty, $double:ty, $signed:literal, |$v:ident| $abs:expr;)*) => {$(
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap, clippy::unnecessary_cast, clippy::cast_lossless, reason = "one macro for all integers: widths and signs change on purpose")]
        impl Word for $ty {
            #[inline(always)]
            fn high(self, other: Self) -> Self {
                ((self as $double * other as $double) >> Self::BITS) as Self
            }
            #[inline(always)]
            fn overflowing_carry(self, other: Self, carry: bool) -> (Self, bool) {
                let (sum, first) = (self as $unsigned).overflowing_add(other as $unsigned);
                let (sum, second) = sum.overflowing_add(carry as $unsigned);
                (sum as Self, first | second)
            }
            #[inline(always)]
            fn overflowing_borrow(self, other: Self, borrow: bool) -> (Self, bool) {
                let (rest, first) = (self as $unsigned).overflowing_sub(other as $unsigned);
                let (rest, second) = rest.overflowing_sub(borrow as $unsigned);
                (rest as Self, first | second)
            }
            #[inline(always)]
            fn magnitude(self) -> Self { let $v = self; $abs }
            #[inline(always)]
            fn shift_right(self, n: u32) -> Self {
                if n < Self::BITS { self >> n } else if $signed { self >> (Self::BITS - 1) } else { 0 }
            }
            #[inline(always)]
            fn top_bit(self) -> u32 {
                let bits = if $signed && self >> (Self::BITS - 1) != 0 { !self } else { self } as $unsigned;
                if bits == 0 { u32::MAX } else { Self::BITS - 1 - bits.leading_zeros() }
            }
            #[inline(always)]
            fn field(self, at: u32, n: u32) -> Self {
                if n == 0 {
                    return 0;
                }
                if at >= Self::BITS {
                    return if $signed { self.shift_right(Self::BITS) } else { 0 };
                }
                let n = n.min(Self::BITS - at);
                (self << (Self::BITS - at - n)) >> (Self::BITS - n)
            }
        }
    )*};
}

words! {
    u8, u8, u16, false, |v| v;
    i8, u8, i16, true, |v| v.wrapping_abs();
    u16, u16, u32, false, |v| v;
    i16, u16, i32, true, |v| v.wrapping_abs();
    u32, u32, u64, false, |v| v;
    i32, u32, i64, true, |v| v.wrapping_abs();
    u64, u64, u128, false, |v| v;
    i64, u64, i128, true, |v| v.wrapping_abs();
}

/// `n` bits of `a` into `b` from bit `at` on.
#[inline(always)]
fn insert(a: u64, b: u64, at: u32, n: u32, width: u32) -> u64 {
    if at >= width || n == 0 {
        return b;
    }
    let n = n.min(width - at);
    let mask = (u64::MAX >> (64 - n)) << at;
    b & !mask | (a << at) & mask
}
