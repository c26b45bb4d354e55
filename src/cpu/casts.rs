//! Conversions between element types, as loops over strips.
//!
//! Integers wrap; floats truncate towards zero and saturate at the ends of an integer type (NaN gives 0); complex
//! numbers lose their imaginary part; anything that is not 0 is true.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "converting is what this file does"
)]

use super::isa::Isa;
use super::loops::{ARGS, StripLoop};
use crate::dtype::DType;
use crate::dtype::scalar::to_odd;
use crate::op::elementwise::Truth;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

/// Conversion of one element.
pub(super) trait To<U> {
    /// The converted element.
    fn to(self) -> U;
}

macro_rules! as_casts {
    ($($T:ty => [$($U:ty),*];)*) => { $($(impl To<$U> for $T {
        #[inline(always)]
        fn to(self) -> $U { self as $U }
    })*)* };
}
as_casts! {
    i8 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i16 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u8 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u16 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    f32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    f64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
}

/// Conversions of real numbers to truth, the 16-bit floats and complex numbers.
macro_rules! real_casts {
    ($($T:ty, $wide:ty, $zero:expr;)*) => { $(
        impl To<Truth> for $T {
            #[inline(always)]
            fn to(self) -> Truth { Truth(u8::from(self != $zero)) }
        }
        impl To<f16> for $T {
            #[inline(always)]
            fn to(self) -> f16 { f16::from_f32(to_odd(self as f64)) }
        }
        impl To<bf16> for $T {
            #[inline(always)]
            fn to(self) -> bf16 { bf16::from_f32(to_odd(self as f64)) }
        }
        impl To<Complex32> for $T {
            #[inline(always)]
            fn to(self) -> Complex32 { Complex32::new(self as f32, 0.0) }
        }
        impl To<Complex64> for $T {
            #[inline(always)]
            fn to(self) -> Complex64 { Complex64::new(self as f64, 0.0) }
        }
        impl To<$T> for Truth {
            #[inline(always)]
            fn to(self) -> $T { u8::from(self.get()) as $T }
        }
        impl To<$T> for f16 {
            #[inline(always)]
            fn to(self) -> $T { self.to_f32() as $T }
        }
        impl To<$T> for bf16 {
            #[inline(always)]
            fn to(self) -> $T { self.to_f32() as $T }
        }
        impl To<$T> for Complex32 {
            #[inline(always)]
            fn to(self) -> $T { self.re as $T }
        }
        impl To<$T> for Complex64 {
            #[inline(always)]
            fn to(self) -> $T { self.re as $T }
        }
    )* };
}
real_casts! {
    i8, f64, 0; i16, f64, 0; i32, f64, 0; i64, f64, 0;
    u8, f64, 0; u16, f64, 0; u32, f64, 0; u64, f64, 0;
    f32, f64, 0.0; f64, f64, 0.0;
}

macro_rules! through {
    ($($T:ty => $U:ty, |$x:ident| $e:expr;)*) => { $(impl To<$U> for $T {
        #[inline(always)]
        fn to(self) -> $U { let $x = self; $e }
    })* };
}
through! {
    Truth => Truth, |x| Truth(u8::from(x.get()));
    Truth => f16, |x| f16::from_f32(f32::from(u8::from(x.get())));
    Truth => bf16, |x| bf16::from_f32(f32::from(u8::from(x.get())));
    Truth => Complex32, |x| Complex32::new(f32::from(u8::from(x.get())), 0.0);
    Truth => Complex64, |x| Complex64::new(f64::from(u8::from(x.get())), 0.0);
    f16 => Truth, |x| Truth(u8::from(x.to_f32() != 0.0));
    f16 => f16, |x| x;
    f16 => bf16, |x| bf16::from_f32(x.to_f32());
    f16 => Complex32, |x| Complex32::new(x.to_f32(), 0.0);
    f16 => Complex64, |x| Complex64::new(x.to_f64(), 0.0);
    bf16 => Truth, |x| Truth(u8::from(x.to_f32() != 0.0));
    bf16 => f16, |x| f16::from_f32(x.to_f32());
    bf16 => bf16, |x| x;
    bf16 => Complex32, |x| Complex32::new(x.to_f32(), 0.0);
    bf16 => Complex64, |x| Complex64::new(x.to_f64(), 0.0);
    Complex32 => Truth, |x| Truth(u8::from(x.re != 0.0 || x.im != 0.0));
    Complex32 => f16, |x| f16::from_f32(x.re);
    Complex32 => bf16, |x| bf16::from_f32(x.re);
    Complex32 => Complex32, |x| x;
    Complex32 => Complex64, |x| Complex64::new(x.re.into(), x.im.into());
    Complex64 => Truth, |x| Truth(u8::from(x.re != 0.0 || x.im != 0.0));
    Complex64 => f16, |x| f16::from_f32(to_odd(x.re));
    Complex64 => bf16, |x| bf16::from_f32(to_odd(x.re));
    Complex64 => Complex32, |x| Complex32::new(x.re as f32, x.im as f32);
    Complex64 => Complex64, |x| x;
}

#[inline(always)]
unsafe fn body<T: To<U> + Copy, U>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: the caller upholds `StripLoop`: aligned, valid for `n`, disjoint.
    let (x, out) = unsafe {
        (std::slice::from_raw_parts(args[0].cast::<T>(), n), std::slice::from_raw_parts_mut(out.cast::<U>(), n))
    };
    for (o, &x) in out.iter_mut().zip(x) {
        *o = x.to();
    }
}

unsafe fn baseline<T: To<U> + Copy, U>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<T, U>(args, out, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: To<U> + Copy, U>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<T, U>(args, out, n) }
}

fn pick<T: To<U> + Copy, U>(isa: Isa) -> StripLoop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx2 => avx2::<T, U>,
        _ => baseline::<T, U>,
    }
}

/// Like `with_dtype!`, with truth values in their stored form.
macro_rules! with_stored {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DType::Bool => {
                type $T = Truth;
                $body
            }
            DType::I8 => {
                type $T = i8;
                $body
            }
            DType::I16 => {
                type $T = i16;
                $body
            }
            DType::I32 => {
                type $T = i32;
                $body
            }
            DType::I64 => {
                type $T = i64;
                $body
            }
            DType::U8 => {
                type $T = u8;
                $body
            }
            DType::U16 => {
                type $T = u16;
                $body
            }
            DType::U32 => {
                type $T = u32;
                $body
            }
            DType::U64 => {
                type $T = u64;
                $body
            }
            DType::F16 => {
                type $T = f16;
                $body
            }
            DType::BF16 => {
                type $T = bf16;
                $body
            }
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::C64 => {
                type $T = Complex32;
                $body
            }
            DType::C128 => {
                type $T = Complex64;
                $body
            }
        }
    };
}

/// The loop that converts elements of `from` to `to`.
pub(crate) fn cast_loop(from: DType, to: DType, isa: Isa) -> StripLoop {
    with_stored!(from, T => with_stored!(to, U => pick::<T, U>(isa)))
}
