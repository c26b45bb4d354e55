//! Elements as the numbers that passes compute with.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "converting is what this file does"
)]

use bytemuck::Pod;
use half::{bf16, f16};

/// An element of a real dtype.
pub(crate) trait Cell: Pod + PartialOrd {
    /// The element as a number.
    fn wide(self) -> f64;

    /// A number as an element: integers lose what is behind the point, and what they cannot hold as SciPy does.
    fn narrow(x: f64) -> Self;

    /// As `narrow`, but the nearest integer, halves away from 0.
    fn rounded(x: f64) -> Self {
        Self::narrow(x)
    }

    /// As `rounded`, and the nearest one that there is where there are no negative ones.
    fn nearest(x: f64) -> Self {
        Self::narrow(x)
    }

    /// As `wide`, for elements of which nothing is lost.
    fn single(self) -> f32 {
        self.wide() as f32
    }

    /// As `narrow`, of a number of single precision.
    fn of_single(x: f32) -> Self {
        Self::narrow(x.into())
    }

    /// The sum; integers wrap.
    fn plus(self, other: Self) -> Self;

    /// The product; integers wrap.
    fn times(self, other: Self) -> Self;

    /// Whether it is not a number.
    fn is_nan(self) -> bool {
        false
    }

    /// Whether `x` is an element without what is behind its point.
    fn holds(x: f64) -> bool;
}

/// As C does on the machines that SciPy is built for: through a register of this width, whose lower bits are kept.
macro_rules! integers {
    ($($T:ident, $register:ident;)*) => { $(impl Cell for $T {
        #[inline(always)]
        fn wide(self) -> f64 {
            self as f64
        }

        #[inline(always)]
        fn narrow(x: f64) -> Self {
            $register(x) as Self
        }

        #[inline(always)]
        fn rounded(x: f64) -> Self {
            Self::narrow(if x > 0.0 { x + 0.5 } else { x - 0.5 })
        }

        #[inline(always)]
        fn nearest(x: f64) -> Self {
            if Self::MIN == 0 { (x + 0.5).clamp(0.0, Self::MAX as f64) as Self } else { Self::rounded(x) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self.wrapping_add(other)
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self.wrapping_mul(other)
        }

        fn holds(x: f64) -> bool {
            x.trunc() >= Self::MIN as f64 && x.trunc() <= Self::MAX as f64
        }
    })* };
}
integers! {
    i8, narrow_register;
    u8, narrow_register;
    i16, narrow_register;
    u16, narrow_register;
    i32, narrow_register;
    u32, wide_register;
    i64, wide_register;
    u64, unsigned_register;
}

/// What does not fit is the least number.
#[inline(always)]
fn narrow_register(x: f64) -> i32 {
    if x > -2_147_483_649.0 && x < 2_147_483_648.0 { x as i32 } else { i32::MIN }
}

/// What does not fit is the least number.
#[inline(always)]
fn wide_register(x: f64) -> i64 {
    if x < 9_223_372_036_854_775_808.0 { x as i64 } else { i64::MIN }
}

/// The upper half of the range is reached from the lower one.
#[inline(always)]
fn unsigned_register(x: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if x < HALF { wide_register(x) as u64 } else { wide_register(x - HALF) as u64 ^ (1 << 63) }
}

macro_rules! floats {
    ($($T:ident, $x:ident, $to_f64:expr, $to_f32:expr, $of_f64:expr, $of_f32:expr;)*) => { $(impl Cell for $T {
        #[inline(always)]
        fn wide(self) -> f64 {
            let $x = self;
            $to_f64
        }

        #[inline(always)]
        fn narrow($x: f64) -> Self {
            $of_f64
        }

        #[inline(always)]
        fn single(self) -> f32 {
            let $x = self;
            $to_f32
        }

        #[inline(always)]
        fn of_single($x: f32) -> Self {
            $of_f32
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self + other
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }

        #[inline(always)]
        fn is_nan(self) -> bool {
            self != self
        }

        fn holds(_: f64) -> bool {
            true
        }
    })* };
}
floats! {
    f16, x, x.to_f64(), x.to_f32(), f16::from_f64(x), f16::from_f32(x);
    bf16, x, x.to_f64(), x.to_f32(), bf16::from_f64(x), bf16::from_f32(x);
    f32, x, x as f64, x, x as f32, x;
    f64, x, x, x as f32, x, x as f64;
}

/// Evaluates an expression for the element type of a real dtype, called `T` there.
macro_rules! by_cell {
    ($dtype:expr, $T:ident => $e:expr) => {{
        macro_rules! one {
            ($U:ty) => {{
                type $T = $U;
                $e
            }};
        }
        match $dtype {
            crate::dtype::DType::Bool | crate::dtype::DType::U8 => one!(u8),
            crate::dtype::DType::I8 => one!(i8),
            crate::dtype::DType::I16 => one!(i16),
            crate::dtype::DType::I32 => one!(i32),
            crate::dtype::DType::I64 => one!(i64),
            crate::dtype::DType::U16 => one!(u16),
            crate::dtype::DType::U32 => one!(u32),
            crate::dtype::DType::U64 => one!(u64),
            crate::dtype::DType::F16 => one!(half::f16),
            crate::dtype::DType::BF16 => one!(half::bf16),
            crate::dtype::DType::F32 => one!(f32),
            crate::dtype::DType::F64 => one!(f64),
            crate::dtype::DType::C64 | crate::dtype::DType::C128 => {
                return Err(crate::error::Error::bug("filters are of real numbers"));
            }
        }
    }};
}
pub(crate) use by_cell;
