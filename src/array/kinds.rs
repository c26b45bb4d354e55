//! Which element types follow from which: the result types of sums, means, comparisons and functions.

use crate::dtype::{DType, Element};
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

/// The element type of an array whose dtype is known only when it runs.
#[derive(Debug, Clone, Copy)]
pub enum Dyn {}

/// What an [`Array`](super::Array) can be of: an [`Element`], or [`Dyn`].
pub trait Kind: 'static {
    /// The dtype, where it is known.
    const KNOWN: Option<DType>;
    /// Of sums and products.
    type Sum: Kind;
    /// Of means.
    type Mean: Kind;
    /// Of square roots, exponentials and their like.
    type Float: Kind;
    /// Of quotients.
    type Quotient: Kind;
    /// Of absolute values.
    type Real: Kind;
    /// Of variances.
    type Spread: Kind;
    /// Of spectra.
    type Complex: Kind;
    /// Of comparisons.
    type Truth: Kind;
    /// Of positions and counts.
    type Position: Kind;
}

impl Kind for Dyn {
    const KNOWN: Option<DType> = None;
    type Sum = Self;
    type Mean = Self;
    type Float = Self;
    type Quotient = Self;
    type Real = Self;
    type Spread = Self;
    type Complex = Self;
    type Truth = Self;
    type Position = Self;
}

macro_rules! kinds {
    ($($T:ty: sum $S:ty, mean $M:ty, float $F:ty, quotient $Q:ty, real $R:ty, spread $V:ty, complex $C:ty;)*) => { $(impl Kind for $T {
        const KNOWN: Option<DType> = Some(<$T as Element>::DTYPE);
        type Sum = $S;
        type Mean = $M;
        type Float = $F;
        type Quotient = $Q;
        type Real = $R;
        type Spread = $V;
        type Complex = $C;
        type Truth = bool;
        type Position = i64;
    })* };
}
kinds! {
    bool: sum i64, mean f64, float f16, quotient f64, real bool, spread f64, complex Complex64;
    i8: sum i64, mean f64, float f16, quotient f64, real i8, spread f64, complex Complex64;
    i16: sum i64, mean f64, float f32, quotient f64, real i16, spread f64, complex Complex64;
    i32: sum i64, mean f64, float f64, quotient f64, real i32, spread f64, complex Complex64;
    i64: sum i64, mean f64, float f64, quotient f64, real i64, spread f64, complex Complex64;
    u8: sum u64, mean f64, float f16, quotient f64, real u8, spread f64, complex Complex64;
    u16: sum u64, mean f64, float f32, quotient f64, real u16, spread f64, complex Complex64;
    u32: sum u64, mean f64, float f64, quotient f64, real u32, spread f64, complex Complex64;
    u64: sum u64, mean f64, float f64, quotient f64, real u64, spread f64, complex Complex64;
    f16: sum f16, mean f16, float f16, quotient f16, real f16, spread f16, complex Complex32;
    bf16: sum bf16, mean bf16, float bf16, quotient bf16, real bf16, spread bf16, complex Complex32;
    f32: sum f32, mean f32, float f32, quotient f32, real f32, spread f32, complex Complex32;
    f64: sum f64, mean f64, float f64, quotient f64, real f64, spread f64, complex Complex64;
    Complex32: sum Complex32, mean Complex32, float Complex32, quotient Complex32, real f32, spread f32, complex Complex32;
    Complex64: sum Complex64, mean Complex64, float Complex64, quotient Complex64, real f64, spread f64, complex Complex64;
}

/// Rust numbers that stand beside arrays as weak constants.
pub trait Constant {}

macro_rules! constants {
    ($($T:ty),*) => { $(impl Constant for $T {})* };
}
constants!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64, Complex32, Complex64);
impl Constant for crate::dtype::scalar::Scalar {}
