//! Element types: the fifteen dtypes, NumPy 2 promotion, constant scalars, and what integers of dates count.
//!
//! [`DType`] names a type at run time, [`Element`] is the Rust type behind it. `dtype/promote.rs` answers which type an
//! operation computes in; `dtype/scalar.rs` holds the constants of expressions; `dtype/time.rs` says what integers
//! count that are dates or lengths of time.

use half::{bf16, f16};
use num_complex::{Complex32, Complex64};
use std::fmt;
use std::str::FromStr;

pub mod promote;
pub mod scalar;
pub mod time;

use crate::error::Error;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// Truth values, one byte each.
    Bool,
    /// 8-bit signed integers.
    I8,
    /// 16-bit signed integers.
    I16,
    /// 32-bit signed integers.
    I32,
    /// 64-bit signed integers.
    I64,
    /// 8-bit unsigned integers.
    U8,
    /// 16-bit unsigned integers.
    U16,
    /// 32-bit unsigned integers.
    U32,
    /// 64-bit unsigned integers.
    U64,
    /// IEEE half precision.
    F16,
    /// Brain floating point: 8 exponent and 7 mantissa bits.
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// Complex numbers of two `f32`.
    C64,
    /// Complex numbers of two `f64`.
    C128,
}

/// The family of a dtype, in the order of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `bool`
    Bool,
    /// Unsigned integers.
    Unsigned,
    /// Signed integers.
    Signed,
    /// `f16`, `bf16`, `f32`, `f64`.
    Float,
    /// `c64`, `c128`.
    Complex,
}

impl DType {
    /// Every dtype, in declaration order.
    pub const ALL: [Self; 15] = [
        Self::Bool,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F16,
        Self::BF16,
        Self::F32,
        Self::F64,
        Self::C64,
        Self::C128,
    ];

    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
        }
    }

    /// The family.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => Kind::Signed,
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Kind::Unsigned,
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => Kind::Float,
            Self::C64 | Self::C128 => Kind::Complex,
        }
    }

    /// Whether the elements are integers, signed or not.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self.kind(), Kind::Signed | Kind::Unsigned)
    }

    /// Whether the elements may be NaN: floating and complex types.
    #[must_use]
    pub const fn is_inexact(self) -> bool {
        matches!(self.kind(), Kind::Float | Kind::Complex)
    }

    /// Whether the elements are complex.
    #[must_use]
    pub const fn is_complex(self) -> bool {
        matches!(self.kind(), Kind::Complex)
    }

    /// The NumPy name: `float32`, `int8`, `complex128`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::C64 => "complex64",
            Self::C128 => "complex128",
        }
    }

    /// The type in which arithmetic on this one is done: `f32` for the 16-bit floats, itself for the rest.
    #[must_use]
    pub const fn compute(self) -> Self {
        match self {
            Self::F16 | Self::BF16 => Self::F32,
            other => other,
        }
    }

    /// The real type of a complex one, itself for the rest.
    #[must_use]
    pub const fn real(self) -> Self {
        match self {
            Self::C64 => Self::F32,
            Self::C128 => Self::F64,
            other => other,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = Error;

    /// NumPy's names and codes: `float32`, `f4`, `<f4`, `f`, `float`, `int`, `complex`, ...
    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = text.trim_start_matches(['<', '>', '=', '|']);
        Self::ALL.into_iter().find(|d| d.name() == bare).map_or_else(|| from_code(bare), Ok)
    }
}

fn from_code(code: &str) -> Result<DType, Error> {
    Ok(match code {
        "?" | "b1" | "bool_" => DType::Bool,
        "b" | "i1" | "byte" => DType::I8,
        "h" | "i2" | "short" => DType::I16,
        "i" | "i4" | "intc" => DType::I32,
        "l" | "q" | "i8" | "int" | "int_" | "intp" | "long" | "longlong" => DType::I64,
        "B" | "u1" | "ubyte" => DType::U8,
        "H" | "u2" | "ushort" => DType::U16,
        "I" | "u4" | "uintc" => DType::U32,
        "L" | "Q" | "u8" | "uint" | "uintp" | "ulong" | "ulonglong" => DType::U64,
        "e" | "f2" | "half" => DType::F16,
        "bf16" => DType::BF16,
        "f" | "f4" | "single" => DType::F32,
        "d" | "f8" | "float" | "double" => DType::F64,
        "F" | "c8" | "csingle" => DType::C64,
        "D" | "c16" | "complex" | "cdouble" => DType::C128,
        _ => return Err(Error::dtype("dtype", format!("`{code}` names no element type"))),
    })
}

/// A Rust type that arrays hold. Sealed: the fifteen types of [`DType`].
///
/// ```
/// use hyperslab::dtype::{DType, Element};
/// assert_eq!(f32::DTYPE, DType::F32);
/// ```
pub trait Element: sealed::Sealed + Copy + Send + Sync + PartialEq + fmt::Debug + Default + 'static {
    /// The dtype of this type.
    const DTYPE: DType;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($T:ty => $D:ident),* $(,)?) => {
        $(impl sealed::Sealed for $T {}
        impl Element for $T { const DTYPE: DType = DType::$D; })*
    };
}
elements!(bool => Bool, i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
          f16 => F16, bf16 => BF16, f32 => F32, f64 => F64, Complex32 => C64, Complex64 => C128);
