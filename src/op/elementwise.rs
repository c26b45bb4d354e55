//! Elementwise operations: what `table.rs` says of each, and the dtypes in which it runs.

use super::math::complex;
use super::numbers::{Complexes, Integers, Reals, Waves};
use crate::dtype::promote::{promote, to_inexact};
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};

mod table;

pub(crate) use table::elementwise_table;

/// A truth value as devices store it: one byte, any non-zero value is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Truth(pub u8);

impl Truth {
    /// Whether it is true.
    #[inline(always)]
    #[must_use]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Truth {
    #[inline(always)]
    fn from(v: bool) -> Self {
        Self(v.into())
    }
}

/// How closely two devices, or two instruction sets, must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Bit for bit.
    Exact,
    /// Within this many units in the last place.
    Ulp(u32),
}

/// How the dtypes of the arguments decide in which dtype the operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// In the promoted dtype.
    Same,
    /// In the promoted dtype, booleans refused rather than widened to `int8`.
    Number,
    /// In the promoted dtype of the smallest floats that NumPy uses for the arguments.
    Inexact,
    /// In `f64` for integers and booleans, in the promoted dtype otherwise.
    Division,
    /// On truth values: every argument is converted first.
    Logical,
}

/// Expands `$callback!(..., T)` for each element type of a class, with the type as devices store it.
macro_rules! for_class {
    (bool, $callback:ident, $($rest:tt)*) => { $callback!(Bool, $crate::op::elementwise::Truth, $($rest)*); };
    (int, $callback:ident, $($rest:tt)*) => {
        $callback!(I8, i8, $($rest)*); $callback!(I16, i16, $($rest)*);
        $callback!(I32, i32, $($rest)*); $callback!(I64, i64, $($rest)*);
        $callback!(U8, u8, $($rest)*); $callback!(U16, u16, $($rest)*);
        $callback!(U32, u32, $($rest)*); $callback!(U64, u64, $($rest)*);
    };
    (float, $callback:ident, $($rest:tt)*) => { $callback!(F32, f32, $($rest)*); $callback!(F64, f64, $($rest)*); };
    (complex, $callback:ident, $($rest:tt)*) => {
        $callback!(C64, num_complex::Complex32, $($rest)*); $callback!(C128, num_complex::Complex64, $($rest)*);
    };
}
pub(crate) use for_class;

/// One operation on elements of type `A`, `N` arguments at once.
pub(crate) trait Apply<A, const N: usize> {
    /// The result's element type.
    type Out: Copy;
    /// The value.
    fn apply<const FMA: bool>(args: [A; N]) -> Self::Out;
}

macro_rules! result_type {
    (same, $T:ty) => {
        $T
    };
    (bool, $T:ty) => {
        Truth
    };
    (real, $T:ty) => {
        <$T as Complexes>::Part
    };
    (uint8, $T:ty) => {
        u8
    };
    (int32, $T:ty) => {
        i32
    };
}

macro_rules! result_dtype {
    (same, $d:expr) => {
        $d
    };
    (bool, $d:expr) => {
        DType::Bool
    };
    (real, $d:expr) => {
        $d.real()
    };
    (uint8, $d:expr) => {
        DType::U8
    };
    (int32, $d:expr) => {
        DType::I32
    };
}

macro_rules! arity {
    (($x:ident)) => {
        1
    };
    (($x:ident, $y:ident)) => {
        2
    };
}

macro_rules! implement {
    ($D:ident, $T:ty, $Op:ident, ($($arg:ident),*), $out:ident, $e:expr) => {
        impl Apply<$T, { arity!(($($arg),*)) }> for marker::$Op {
            type Out = result_type!($out, $T);
            #[inline(always)]
            fn apply<const FMA: bool>([$($arg),*]: [$T; arity!(($($arg),*))]) -> Self::Out { ($e).into() }
        }
    };
}

macro_rules! define {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $typing:ident, $args:tt, $domain:expr, $agree:ident $(($ulp:literal))? {
        $($class:ident => $out:ident: $e:expr, $cuda:literal;)*
    })*) => {
        /// An elementwise operation of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ElementOp { $($(#[doc = $doc])+ $Op),* }

        impl ElementOp {
            /// Every operation, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$Op),*];

            /// The NumPy name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$Op => stringify!($name)),* }
            }

            /// What it computes, in words.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$Op => concat!($($doc),+).trim_ascii()),* }
            }

            /// The number of arguments.
            #[must_use]
            pub fn arity(self) -> usize {
                match self { $(Self::$Op => arity!($args)),* }
            }

            /// How argument dtypes decide.
            #[must_use]
            pub fn typing(self) -> Typing {
                match self { $(Self::$Op => Typing::$typing),* }
            }

            /// The agreement demanded between devices.
            #[must_use]
            pub fn agreement(self) -> Agreement {
                match self { $(Self::$Op => Agreement::$agree $(($ulp))?),* }
            }

            /// The interval from which tests draw.
            #[must_use]
            pub fn domain(self) -> std::ops::Range<f64> {
                match self { $(Self::$Op => $domain),* }
            }

            /// The result dtype and CUDA expression of the loop over `dtype`, where there is one.
            fn row(self, dtype: DType) -> Option<(DType, &'static str)> {
                match self { $(Self::$Op => {
                    $(if class_of(dtype) == Class::$class { return Some((result_dtype!($out, dtype), $cuda)); })*
                    None
                })* }
            }
        }

        /// One type per operation, on which the loops are generic.
        pub(crate) mod marker { $(#[derive(Debug)] pub(crate) struct $Op;)* }

        $($(for_class!($class, implement, $Op, $args, $out, $e);)*)*
    };
}
elementwise_table!(define);

#[derive(PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the words of the table")]
enum Class {
    bool,
    int,
    float,
    complex,
    half,
}

fn class_of(dtype: DType) -> Class {
    match (dtype, dtype.kind()) {
        (DType::F16 | DType::BF16, _) => Class::half,
        (_, Kind::Bool) => Class::bool,
        (_, Kind::Signed | Kind::Unsigned) => Class::int,
        (_, Kind::Float) => Class::float,
        (_, Kind::Complex) => Class::complex,
    }
}

/// The dtypes of one application of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// What every argument is converted to.
    pub input: DType,
    /// What the loop runs in; differs from `input` for the 16-bit floats, which run in `f32`.
    pub compute: DType,
    /// What the loop gives.
    pub computed: DType,
    /// What the operation gives.
    pub output: DType,
}

impl ElementOp {
    /// The operation of this NumPy name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// The dtypes in which the operation runs on arguments of these dtypes.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) where NumPy has no loop either.
    pub fn signature(self, args: &[DType]) -> Result<Signature> {
        let promoted = args.iter().copied().reduce(promote).unwrap_or(DType::F64);
        let input = match self.typing() {
            Typing::Same if promoted == DType::Bool && self.row(promoted).is_none() => DType::I8,
            Typing::Same | Typing::Number => promoted,
            Typing::Inexact => args.iter().copied().map(to_inexact).reduce(promote).unwrap_or(DType::F64),
            Typing::Division if promoted.is_inexact() => promoted,
            Typing::Division => DType::F64,
            Typing::Logical => DType::Bool,
        };
        let compute = input.compute();
        let (computed, _) = self.row(compute).ok_or_else(|| {
            let list: Vec<&str> = args.iter().map(|d| d.name()).collect();
            Error::dtype(self.name(), format!("is not defined for {}", list.join(", ")))
        })?;
        let output = if computed == compute { input } else { computed };
        Ok(Signature { input, compute, computed, output })
    }

    /// The CUDA C expression of the loop over `dtype`, in the arguments `x` and `y`.
    #[must_use]
    pub fn cuda(self, dtype: DType) -> Option<&'static str> {
        self.row(dtype).map(|(_, cuda)| cuda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_follow_numpy() {
        let of = |op: ElementOp, args: &[DType]| op.signature(args).map(|s| (s.compute, s.output));
        assert_eq!(of(ElementOp::Divide, &[DType::I8, DType::I8]).unwrap(), (DType::F64, DType::F64));
        assert_eq!(of(ElementOp::Sqrt, &[DType::Bool]).unwrap(), (DType::F32, DType::F16));
        assert_eq!(of(ElementOp::Absolute, &[DType::C64]).unwrap(), (DType::C64, DType::F32));
        assert_eq!(of(ElementOp::FloorDivide, &[DType::Bool, DType::Bool]).unwrap(), (DType::I8, DType::I8));
        assert_eq!(of(ElementOp::Less, &[DType::I32, DType::F16]).unwrap(), (DType::F64, DType::Bool));
        let refused = ElementOp::Subtract.signature(&[DType::Bool, DType::Bool]).unwrap_err();
        assert_eq!(refused.to_string(), "subtract: is not defined for bool, bool");
    }
}
