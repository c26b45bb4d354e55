//! Constants: values of any kind, with or without a dtype of their own.

use super::{DType, Element, Kind};
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A constant. On its own it is *weak*, as Python's numbers are: beside an array it takes the array's dtype unless its
/// kind is higher (`&f32_array * 2.0` stays `f32`).
///
/// ```
/// use hyperslab::dtype::scalar::Scalar;
/// assert_eq!(Scalar::from(2).to_string(), "2");
/// assert_eq!(Scalar::from(0.5).to_string(), "0.5");
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer; wide enough for `u64` and `i64`.
    Int(i128),
    /// A real number.
    Float(f64),
    /// A complex number.
    Complex(Complex64),
}

impl Scalar {
    /// The kind that takes part in promotion.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Signed,
            Self::Float(_) => Kind::Float,
            Self::Complex(_) => Kind::Complex,
        }
    }

    /// The dtype of an array made of this constant alone.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Self::Bool(_) => DType::Bool,
            Self::Int(v) if v > i128::from(i64::MAX) => DType::U64,
            Self::Int(_) => DType::I64,
            Self::Float(_) => DType::F64,
            Self::Complex(_) => DType::C128,
        }
    }

    /// Whether an integer constant lies in the range of an integer `dtype`; true for every other combination.
    #[must_use]
    pub fn fits(self, dtype: DType) -> bool {
        let Self::Int(v) = self else { return true };
        let bits = 8 * u32::try_from(dtype.size()).unwrap_or(8);
        match dtype.kind() {
            Kind::Signed => v >= -(1i128 << (bits - 1)) && v < (1i128 << (bits - 1)),
            Kind::Unsigned => v >= 0 && v < (1i128 << bits),
            _ => true,
        }
    }

    /// The value as a real number; the real part of a complex one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Bool(v) => f64::from(u8::from(v)),
            Self::Int(v) => v as f64,
            Self::Float(v) => v,
            Self::Complex(v) => v.re,
        }
    }

    /// The value as an integer, truncated.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "saturating by definition")]
    pub fn to_i128(self) -> i128 {
        match self {
            Self::Bool(v) => i128::from(v),
            Self::Int(v) => v,
            Self::Float(v) => v as i128,
            Self::Complex(v) => v.re as i128,
        }
    }

    /// The value as a complex number.
    #[must_use]
    pub fn to_c64(self) -> Complex64 {
        match self {
            Self::Complex(v) => v,
            other => Complex64::new(other.to_f64(), 0.0),
        }
    }

    /// The value as a truth value.
    #[must_use]
    pub fn to_bool(self) -> bool {
        match self {
            Self::Bool(v) => v,
            Self::Int(v) => v != 0,
            Self::Float(v) => v != 0.0,
            Self::Complex(v) => v.re != 0.0 || v.im != 0.0,
        }
    }

    /// The native-endian bytes of this value as one element of `dtype`, in the first [`DType::size`] bytes.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wraps as NumPy's casts do")]
    pub fn to_bytes(self, dtype: DType) -> [u8; 16] {
        let mut out = [0; 16];
        let mut put = |bytes: &[u8]| out[..bytes.len()].copy_from_slice(bytes);
        match dtype {
            DType::Bool => put(&[u8::from(self.to_bool())]),
            DType::I8 | DType::U8 => put(&(self.to_i128() as u8).to_ne_bytes()),
            DType::I16 | DType::U16 => put(&(self.to_i128() as u16).to_ne_bytes()),
            DType::I32 | DType::U32 => put(&(self.to_i128() as u32).to_ne_bytes()),
            DType::I64 | DType::U64 => put(&(self.to_i128() as u64).to_ne_bytes()),
            DType::F16 => put(&f16::from_f32(to_odd(self.to_f64())).to_ne_bytes()),
            DType::BF16 => put(&bf16::from_f32(to_odd(self.to_f64())).to_ne_bytes()),
            DType::F32 => put(&(self.to_f64() as f32).to_ne_bytes()),
            DType::F64 => put(&self.to_f64().to_ne_bytes()),
            DType::C64 => {
                let c = self.to_c64();
                put(bytemuck::bytes_of(&Complex32::new(c.re as f32, c.im as f32)));
            }
            DType::C128 => put(bytemuck::bytes_of(&self.to_c64())),
        }
        out
    }

    /// The value behind the native-endian bytes of one element of `dtype`; missing bytes count as zero.
    #[must_use]
    pub fn from_bytes(dtype: DType, bytes: &[u8]) -> Self {
        let mut b = [0u8; 16];
        let n = bytes.len().min(dtype.size());
        b[..n].copy_from_slice(&bytes[..n]);
        let b2 = [b[0], b[1]];
        let b4 = [b[0], b[1], b[2], b[3]];
        let b8 = [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
        let high8 = [b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]];
        match dtype {
            DType::Bool => Self::Bool(b[0] != 0),
            DType::I8 => Self::Int(i8::from_ne_bytes([b[0]]).into()),
            DType::I16 => Self::Int(i16::from_ne_bytes(b2).into()),
            DType::I32 => Self::Int(i32::from_ne_bytes(b4).into()),
            DType::I64 => Self::Int(i64::from_ne_bytes(b8).into()),
            DType::U8 => Self::Int(b[0].into()),
            DType::U16 => Self::Int(u16::from_ne_bytes(b2).into()),
            DType::U32 => Self::Int(u32::from_ne_bytes(b4).into()),
            DType::U64 => Self::Int(u64::from_ne_bytes(b8).into()),
            DType::F16 => Self::Float(f16::from_ne_bytes(b2).to_f64()),
            DType::BF16 => Self::Float(bf16::from_ne_bytes(b2).to_f64()),
            DType::F32 => Self::Float(f32::from_ne_bytes(b4).into()),
            DType::F64 => Self::Float(f64::from_ne_bytes(b8)),
            DType::C64 => Self::Complex(Complex64::new(
                f32::from_ne_bytes(b4).into(),
                f32::from_ne_bytes([b[4], b[5], b[6], b[7]]).into(),
            )),
            DType::C128 => Self::Complex(Complex64::new(f64::from_ne_bytes(b8), f64::from_ne_bytes(high8))),
        }
    }

    /// The value of one element.
    #[must_use]
    pub fn of<T: Element + bytemuck::NoUninit>(value: T) -> Self {
        Self::from_bytes(T::DTYPE, bytemuck::bytes_of(&value))
    }

    /// A bit pattern that tells constants apart, signed zeros and NaN included.
    fn key(self) -> (u8, u128) {
        match self {
            Self::Bool(v) => (0, v.into()),
            Self::Int(v) => (1, v.cast_unsigned()),
            Self::Float(v) => (2, v.to_bits().into()),
            Self::Complex(v) => (3, (u128::from(v.re.to_bits()) << 64) | u128::from(v.im.to_bits())),
        }
    }
}

/// `x` as an `f32` rounded to odd: inexact values keep their last bit set, so that rounding the result again, to a
/// 16-bit float, rounds the exact value once (Boldo and Melquiond, 2008).
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "rounding is what this does")]
pub(crate) fn to_odd(x: f64) -> f32 {
    let near = x as f32;
    let bits = near.to_bits();
    let back = f64::from(near);
    if back == x || x.is_nan() || bits & 1 == 1 {
        near
    } else if back.abs() > x.abs() {
        f32::from_bits(bits - 1)
    } else {
        f32::from_bits(bits + 1)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v}"),
            Self::Complex(v) => write!(f, "{v}"),
        }
    }
}

macro_rules! from_ints {
    ($($T:ty),*) => { $(impl From<$T> for Scalar { fn from(v: $T) -> Self { Self::Int(v.into()) } })* };
}
from_ints!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! from_floats {
    ($($T:ty),*) => { $(impl From<$T> for Scalar { fn from(v: $T) -> Self { Self::Float(v.into()) } })* };
}
from_floats!(f16, bf16, f32, f64);

impl From<bool> for Scalar {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<Complex64> for Scalar {
    fn from(v: Complex64) -> Self {
        Self::Complex(v)
    }
}

impl From<Complex32> for Scalar {
    fn from(v: Complex32) -> Self {
        Self::Complex(Complex64::new(v.re.into(), v.im.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_once() {
        let just_above_half = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        let bytes = Scalar::Float(just_above_half).to_bytes(DType::F16);
        assert_eq!(f16::from_ne_bytes([bytes[0], bytes[1]]).to_f64(), 1.0 + 2f64.powi(-10));
        assert_eq!(f16::from_f32(to_odd(1e300)), f16::INFINITY);
        assert_eq!(to_odd(-1e-300).to_bits(), (-f32::from_bits(1)).to_bits());
    }
}
