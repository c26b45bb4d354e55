//! Functions of single values to instructions over the lanes of a warp.
//!
//! [`un`], [`bin`], [`tri`], [`compare`] and their like take a closure over the values of one lane and give the
//! function that runs it over 32 lanes. Closures are without captures, so that each is its own type of no size and the
//! loop over the lanes is compiled with the closure's body in it.

use super::inst::Inst;
use super::regs::{Cell, FULL, LANES, Regs};
use super::types::Class;
use half::{bf16, f16};

/// Runs an instruction on the lanes of a mask.
///
/// # Safety
/// The instruction's registers are of the classes that its [`Alu`] says, and within `Regs`.
pub type Exec = unsafe fn(&mut Regs, &Inst, u32);

/// An instruction over lanes, and the classes of its operands.
#[derive(Debug, Clone, Copy)]
pub struct Alu {
    pub exec: Exec,
    pub dst: Class,
    pub src: [Class; 4],
    pub arity: usize,
}

/// A value of one lane.
pub trait Lane: Copy {
    type Bits: Cell;
    const CLASS: Class;
    fn get(bits: Self::Bits) -> Self;
    fn put(self) -> Self::Bits;
}

macro_rules! lane {
    ($($ty:ty, $bits:ty, $class:ident, |$b:ident| $get:expr, |$v:ident| $put:expr;)*) => {$(
        impl Lane for $ty {
            type Bits = $bits;
            const CLASS: Class = Class::$class;
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "a narrow value is the low bits")]
            fn get($b: $bits) -> Self { $get }
            #[inline(always)]
            #[allow(clippy::unnecessary_cast, reason = "one macro for all widths")]
            fn put(self) -> $bits { let $v = self; $put }
        }
    )*};
}

/// A 16-bit float, as its exact value.
#[derive(Debug, Clone, Copy)]
pub struct F16(pub f64);

/// A bfloat16, as its exact value.
#[derive(Debug, Clone, Copy)]
pub struct Bf16(pub f64);

/// Two halves of a register.
#[derive(Debug, Clone, Copy)]
pub struct Two<T>(pub T, pub T);

/// The 16 bits of a rounded half; NaN as NVIDIA writes it.
pub fn half_bits(x: f64) -> u16 {
    if x.is_nan() { 0x7fff } else { f16::from_f64(x).to_bits() }
}

/// The 16 bits of a rounded bfloat16; NaN as NVIDIA writes it.
pub fn bf16_bits(x: f64) -> u16 {
    if x.is_nan() { 0x7fff } else { bf16::from_f64(x).to_bits() }
}

lane! {
    u8, u32, Narrow, |b| b as u8, |v| u32::from(v);
    i8, u32, Narrow, |b| b as u8 as i8, |v| u32::from(v as u8);
    u16, u32, Narrow, |b| b as u16, |v| u32::from(v);
    i16, u32, Narrow, |b| b as u16 as i16, |v| u32::from(v as u16);
    u32, u32, Narrow, |b| b, |v| v;
    i32, u32, Narrow, |b| b as i32, |v| v as u32;
    u64, u64, Wide, |b| b, |v| v;
    i64, u64, Wide, |b| b as i64, |v| v as u64;
    f32, u32, Narrow, |b| f32::from_bits(b), |v| v.to_bits();
    f64, u64, Wide, |b| f64::from_bits(b), |v| v.to_bits();
    F16, u32, Narrow, |b| F16(f16::from_bits(b as u16).to_f64()), |v| u32::from(half_bits(v.0));
    Bf16, u32, Narrow, |b| Bf16(bf16::from_bits(b as u16).to_f64()), |v| u32::from(bf16_bits(v.0));
}

impl<T: Lane<Bits = u32>> Lane for Two<T> {
    type Bits = u32;
    const CLASS: Class = Class::Narrow;
    #[inline(always)]
    fn get(bits: u32) -> Self {
        Self(T::get(bits & 0xffff), T::get(bits >> 16))
    }
    #[inline(always)]
    fn put(self) -> u32 {
        self.0.put() & 0xffff | self.1.put() << 16
    }
}

/// The value of a closure type without captures.
///
/// # Safety
/// A value of `F` existed before: the constructors below take one.
#[inline(always)]
unsafe fn conjure<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "closures of instructions capture nothing") };
    // SAFETY: reading a value of no size reads nothing; one existed, so the type is inhabited.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}

#[inline(always)]
fn store<B: Cell>(to: &mut [B; LANES], mask: u32, f: impl Fn(usize) -> B) {
    if mask == FULL {
        let mut out = [B::default(); LANES];
        for (lane, out) in out.iter_mut().enumerate() {
            *out = f(lane);
        }
        *to = out;
    } else {
        let mut rest = mask;
        while rest != 0 {
            let lane = rest.trailing_zeros() as usize & (LANES - 1);
            to[lane] = f(lane);
            rest &= rest - 1;
        }
    }
}

#[inline(always)]
fn bits(f: impl Fn(usize) -> bool) -> u32 {
    let mut out = 0;
    for lane in 0..LANES {
        out |= u32::from(f(lane)) << lane;
    }
    out
}

/// A function over lanes in two versions: for any machine, and for those with AVX2 and FMA.
macro_rules! versions {
    ($name:ident<$($g:ident: $bound:path),*>, |$f:ident: ($($fty:tt)+), $regs:ident, $inst:ident, $mask:ident| $body:block) => {
        mod $name {
            use super::*;
            #[inline(always)]
            unsafe fn body<$($g: $bound),*, F: $($fty)+ + Copy>($regs: &mut Regs, $inst: &Inst, $mask: u32) {
                // SAFETY: `make` was given one.
                let $f = unsafe { conjure::<F>() };
                $body
            }
            unsafe fn any<$($g: $bound),*, F: $($fty)+ + Copy>(regs: &mut Regs, inst: &Inst, mask: u32) {
                // SAFETY: the caller's promise.
                unsafe { body::<$($g),*, F>(regs, inst, mask) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            unsafe fn fast<$($g: $bound),*, F: $($fty)+ + Copy>(regs: &mut Regs, inst: &Inst, mask: u32) {
                // SAFETY: the caller's promise.
                unsafe { body::<$($g),*, F>(regs, inst, mask) }
            }
            pub fn make<$($g: $bound),*, F: $($fty)+ + Copy>(_: F) -> Exec {
                #[cfg(target_arch = "x86_64")]
                if super::has_avx2() {
                    return fast::<$($g),*, F>;
                }
                any::<$($g),*, F>
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    use std::sync::OnceLock;
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("popcnt")
    })
}

/// The lanes of a source register.
///
/// # Safety
/// As [`Cell::row`].
#[inline(always)]
unsafe fn read<'a, A: Lane>(regs: &mut Regs, row: u32) -> &'a [A::Bits; LANES] {
    // SAFETY: the caller's promise; results are computed before they are stored, so that a destination may be a source.
    unsafe { &*A::Bits::row(regs, row) }
}

versions!(one<A: Lane, R: Lane>, |f: (Fn(A) -> R), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let a = *unsafe { read::<A>(regs, inst.a) };
    // SAFETY: `a` is a copy.
    store(unsafe { &mut *R::Bits::row(regs, inst.d) }, mask, |l| f(A::get(a[l])).put());
});

versions!(two<A: Lane, B: Lane, R: Lane>, |f: (Fn(A, B) -> R), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let (a, b) = unsafe { (*read::<A>(regs, inst.a), *read::<B>(regs, inst.b)) };
    // SAFETY: the sources are copies.
    store(unsafe { &mut *R::Bits::row(regs, inst.d) }, mask, |l| f(A::get(a[l]), B::get(b[l])).put());
});

versions!(three<A: Lane, B: Lane, C: Lane, R: Lane>, |f: (Fn(A, B, C) -> R), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let (a, b, c) = unsafe { (*read::<A>(regs, inst.a), *read::<B>(regs, inst.b), *read::<C>(regs, inst.c)) };
    // SAFETY: the sources are copies.
    let to = unsafe { &mut *R::Bits::row(regs, inst.d) };
    store(to, mask, |l| f(A::get(a[l]), B::get(b[l]), C::get(c[l])).put());
});

versions!(four<A: Lane, B: Lane, C: Lane, E: Lane, R: Lane>, |f: (Fn(A, B, C, E) -> R), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let (a, b) = unsafe { (*read::<A>(regs, inst.a), *read::<B>(regs, inst.b)) };
    // SAFETY: the caller's promise.
    let (c, e) = unsafe { (*read::<C>(regs, inst.c), *read::<E>(regs, inst.e)) };
    // SAFETY: the sources are copies.
    let to = unsafe { &mut *R::Bits::row(regs, inst.d) };
    store(to, mask, |l| f(A::get(a[l]), B::get(b[l]), C::get(c[l]), E::get(e[l])).put());
});

versions!(test<A: Lane>, |f: (Fn(A) -> bool), regs, inst, mask| {
    // SAFETY: the caller's promise.
    let a = unsafe { read::<A>(regs, inst.a) };
    let found = bits(|l| f(A::get(a[l])));
    put_pred(regs, inst.d, mask, found);
});

versions!(relation<A: Lane, B: Lane>, |f: (Fn(A, B) -> bool), regs, inst, mask| {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (read::<A>(regs, inst.a), read::<B>(regs, inst.b)) };
    let found = bits(|l| f(A::get(a[l]), B::get(b[l])));
    put_pred(regs, inst.d, mask, found);
});

versions!(choice<A: Lane>, |f: (Fn(bool, A, A) -> A), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let (a, b) = unsafe { (*read::<A>(regs, inst.a), *read::<A>(regs, inst.b)) };
    let p = regs.preds[inst.c as usize];
    // SAFETY: the sources are copies.
    let to = unsafe { &mut *A::Bits::row(regs, inst.d) };
    store(to, mask, |l| f(p >> l & 1 == 1, A::get(a[l]), A::get(b[l])).put());
});

versions!(carrying<A: Lane>, |f: (Fn(A, A, A, bool) -> (A, bool)), regs, inst, mask| {
    // SAFETY: the caller's promise; so below.
    let (a, b, c) = unsafe { (*read::<A>(regs, inst.a), *read::<A>(regs, inst.b), *read::<A>(regs, inst.c)) };
    let before = regs.carry;
    // SAFETY: the sources are copies.
    let to = unsafe { &mut *A::Bits::row(regs, inst.d) };
    let mut after = before;
    for l in (0..LANES).filter(|l| mask >> l & 1 == 1) {
        let (value, carry) = f(A::get(a[l]), A::get(b[l]), A::get(c[l]), before >> l & 1 == 1);
        to[l] = value.put();
        after = after & !(1 << l) | u32::from(carry) << l;
    }
    regs.carry = after;
});

/// Writes a predicate on the lanes of `mask`.
#[inline(always)]
fn put_pred(regs: &mut Regs, pred: u32, mask: u32, value: u32) {
    let to = &mut regs.preds[pred as usize];
    *to = *to & !mask | value & mask;
}

fn alu(exec: Exec, dst: Class, src: &[Class]) -> Alu {
    let mut all = [Class::Narrow; 4];
    all[..src.len()].copy_from_slice(src);
    Alu { exec, dst, src: all, arity: src.len() }
}

/// A function of one value.
pub fn un<A: Lane, R: Lane>(f: impl Fn(A) -> R + Copy) -> Alu {
    alu(one::make::<A, R, _>(f), R::CLASS, &[A::CLASS])
}

/// A function of two values.
pub fn bin<A: Lane, B: Lane, R: Lane>(f: impl Fn(A, B) -> R + Copy) -> Alu {
    alu(two::make::<A, B, R, _>(f), R::CLASS, &[A::CLASS, B::CLASS])
}

/// A function of three values.
pub fn tri<A: Lane, B: Lane, C: Lane, R: Lane>(f: impl Fn(A, B, C) -> R + Copy) -> Alu {
    alu(three::make::<A, B, C, R, _>(f), R::CLASS, &[A::CLASS, B::CLASS, C::CLASS])
}

/// A function of four values.
pub fn quad<A: Lane, B: Lane, C: Lane, E: Lane, R: Lane>(f: impl Fn(A, B, C, E) -> R + Copy) -> Alu {
    alu(four::make::<A, B, C, E, R, _>(f), R::CLASS, &[A::CLASS, B::CLASS, C::CLASS, E::CLASS])
}

/// A predicate of one value.
pub fn property<A: Lane>(f: impl Fn(A) -> bool + Copy) -> Alu {
    alu(test::make::<A, _>(f), Class::Pred, &[A::CLASS])
}

/// A predicate of two values.
pub fn compare<A: Lane>(f: impl Fn(A, A) -> bool + Copy) -> Alu {
    alu(relation::make::<A, A, _>(f), Class::Pred, &[A::CLASS, A::CLASS])
}

/// A choice between two values by a predicate.
pub fn choose<A: Lane>() -> Alu {
    alu(choice::make::<A, _>(|p, a, b| if p { a } else { b }), A::CLASS, &[A::CLASS, A::CLASS, Class::Pred])
}

/// A function of three values and the carry flag, which it sets.
pub fn carry<A: Lane>(f: impl Fn(A, A, A, bool) -> (A, bool) + Copy) -> Alu {
    alu(carrying::make::<A, _>(f), A::CLASS, &[A::CLASS; 3])
}

macro_rules! preds {
    ($($(#[$doc:meta])* $name:ident, $arity:literal, |$a:ident, $b:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> Alu {
            unsafe fn exec(regs: &mut Regs, inst: &Inst, mask: u32) {
                let $a = regs.preds[inst.a as usize];
                let $b = if $arity > 1 { regs.preds[inst.b as usize] } else { 0 };
                put_pred(regs, inst.d, mask, $value);
            }
            alu(exec, Class::Pred, &[Class::Pred; $arity])
        }
    )*};
}

preds! {
    /// `d = a`.
    pred_mov, 1, |a, _b| a;
    /// `d = !a`.
    pred_not, 1, |a, _b| !a;
    /// `d = a & b`.
    pred_and, 2, |a, b| a & b;
    /// `d = a | b`.
    pred_or, 2, |a, b| a | b;
    /// `d = a ^ b`.
    pred_xor, 2, |a, b| a ^ b;
}
