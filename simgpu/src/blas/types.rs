//! Element types, and elements as complex numbers.

use crate::ptx::lanes::{bf16_bits, half_bits};
use half::{bf16, f16};

/// A value: real types have no imaginary part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    pub re: f64,
    pub im: f64,
}

impl Number {
    pub const ZERO: Self = Self { re: 0.0, im: 0.0 };

    pub fn is_zero(self) -> bool {
        self.re == 0.0 && self.im == 0.0
    }

    pub fn conjugate_if(self, conjugate: bool) -> Self {
        if conjugate { Self { re: self.re, im: -self.im } } else { self }
    }

    pub fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    pub fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    F16,
    Bf16,
    F32,
    F64,
    C32,
    C64,
    I8,
    I32,
}

impl Element {
    /// The type of a `cudaDataType`.
    pub fn of(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F64,
            2 => Self::F16,
            3 => Self::I8,
            4 => Self::C32,
            5 => Self::C64,
            10 => Self::I32,
            14 => Self::Bf16,
            _ => return None,
        })
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::C32 => 8,
            Self::C64 => 16,
        }
    }

    pub fn is_complex(self) -> bool {
        matches!(self, Self::C32 | Self::C64)
    }

    /// Element `i`.
    pub fn get(self, bytes: &[u8], i: usize) -> Number {
        let at = &bytes[i * self.bytes()..];
        let single = |k: usize| f64::from(f32::from_le_bytes(array(&at[4 * k..])));
        let double = |k: usize| f64::from_le_bytes(array(&at[8 * k..]));
        let (re, im) = match self {
            Self::F16 => (f16::from_le_bytes(array(at)).to_f64(), 0.0),
            Self::Bf16 => (bf16::from_le_bytes(array(at)).to_f64(), 0.0),
            Self::F32 => (single(0), 0.0),
            Self::F64 => (double(0), 0.0),
            Self::C32 => (single(0), single(1)),
            Self::C64 => (double(0), double(1)),
            Self::I8 => (f64::from(i8::from_le_bytes(array(at))), 0.0),
            Self::I32 => (f64::from(i32::from_le_bytes(array(at))), 0.0),
        };
        Number { re, im }
    }

    /// Sets element `i`, rounded.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the element type")]
    pub fn put(self, bytes: &mut [u8], i: usize, value: Number) {
        let at = &mut bytes[i * self.bytes()..];
        let Number { re, im } = value;
        match self {
            Self::F16 => at[..2].copy_from_slice(&half_bits(re).to_le_bytes()),
            Self::Bf16 => at[..2].copy_from_slice(&bf16_bits(re).to_le_bytes()),
            Self::F32 => at[..4].copy_from_slice(&(re as f32).to_le_bytes()),
            Self::F64 => at[..8].copy_from_slice(&re.to_le_bytes()),
            Self::C32 => {
                at[..4].copy_from_slice(&(re as f32).to_le_bytes());
                at[4..8].copy_from_slice(&(im as f32).to_le_bytes());
            }
            Self::C64 => {
                at[..8].copy_from_slice(&re.to_le_bytes());
                at[8..16].copy_from_slice(&im.to_le_bytes());
            }
            Self::I8 => at[0] = (re as i8).cast_unsigned(),
            // Sums of 32-bit integers wrap.
            Self::I32 => at[..4].copy_from_slice(&(re as i64 as i32).to_le_bytes()),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}
