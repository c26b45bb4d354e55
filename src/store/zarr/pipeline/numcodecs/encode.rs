//! The filters of `numcodecs` as they are applied: byte for byte what it makes of the same elements.

use super::{ByteFilter, ElementFilter, Number};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::store::unpack::fletcher32;
use crate::store::zarr::pipeline::{Form, Outcome};
use half::f16;

impl ElementFilter {
    /// Whether elements of this form are some that it is defined for; what rounds others has another codec.
    pub(in crate::store::zarr) fn takes(&self, form: &Form) -> bool {
        !matches!(self, Self::BitRound { .. }) || matches!(form.dtype(), Ok(DType::F16 | DType::F32 | DType::F64))
    }

    /// How far what is read may be from what was written, where it fits into integers that are stored; `None` where
    /// nothing is that does not fit.
    pub(in crate::store::zarr) fn tolerance(&self, form: &Form) -> Option<f64> {
        let from = form.dtype().ok()?;
        match self {
            Self::Delta { stored } if !stored.is_inexact() => Some(if from.is_inexact() { 1.0 } else { 0.0 }),
            Self::AsType { stored } if !stored.is_inexact() => Some(if from.is_inexact() { 1.0 } else { 0.0 }),
            Self::Scaled { stored, scale, .. } if !stored.is_inexact() => {
                let step = Scalar::from(*scale).to_f64().recip().abs();
                Some(if from.is_inexact() { 0.5 * step } else { step.max(1.0) })
            }
            _ => None,
        }
    }

    /// Applies the filter to elements of this form.
    pub(in crate::store::zarr) fn encode(&self, data: Vec<u8>, form: &Form) -> Outcome<Vec<u8>> {
        let dtype = form.dtype()?;
        match self {
            Self::Delta { stored } => differences(&data, dtype, *stored),
            Self::AsType { stored } => Ok(each(&data, dtype, *stored, |x| x)),
            Self::Quantize { stored, digits } => quantised(&data, dtype, *stored, *digits),
            Self::BitRound { keep } => bit_rounded(data, dtype, *keep),
            Self::Scaled { stored, offset, scale } => scaled(&data, dtype, *stored, (*offset, *scale)),
            Self::PackBits => Ok(packed_bits(&data)),
        }
    }
}

impl ByteFilter {
    /// Applies the filter.
    pub(in crate::store::zarr) fn encode(&self, data: &[u8]) -> Vec<u8> {
        let sum = || libdeflater::crc32(data).to_le_bytes();
        match self {
            Self::Lz4 => lz4_flex::block::compress_prepend_size(data),
            Self::Crc32 { at_end: false } => [&sum(), data].concat(),
            Self::Crc32 { at_end: true } => [data, &sum()].concat(),
            Self::Fletcher32 => [data, &fletcher32(data).to_le_bytes()].concat(),
        }
    }
}

/// A value as an element: of floats that an integer type does not hold, what the casts of C give on x86, and so `NumPy`
/// and `numcodecs`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the casts of NumPy")]
fn element(value: Scalar, to: DType) -> [u8; 16] {
    let Scalar::Float(v) = value else { return value.to_bytes(to) };
    let (low, high, otherwise) = match to {
        DType::I8 | DType::U8 | DType::I16 | DType::U16 | DType::I32 => {
            (f64::from(i32::MIN), 2_147_483_648.0, i128::from(i32::MIN))
        }
        DType::I64 | DType::U32 => (i64::MIN as f64, 9_223_372_036_854_775_808.0, i128::from(i64::MIN)),
        DType::U64 => (i64::MIN as f64, 18_446_744_073_709_551_616.0, i128::from(i64::MIN)),
        _ => return value.to_bytes(to),
    };
    let inside = v.trunc() >= low && v < high;
    Scalar::Int(if inside { v.trunc() as i128 } else { otherwise }).to_bytes(to)
}

fn scalars(data: &[u8], dtype: DType) -> impl Iterator<Item = Scalar> + '_ {
    data.chunks_exact(dtype.size()).map(move |bytes| Scalar::from_bytes(dtype, bytes))
}

/// What `of` makes of each element, in another type.
fn each(data: &[u8], from: DType, to: DType, mut of: impl FnMut(Scalar) -> Scalar) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / from.size() * to.size());
    for x in scalars(data, from) {
        out.extend_from_slice(&element(of(x), to)[..to.size()]);
    }
    out
}

/// The value in the arithmetic of a type: rounded, or wrapped.
fn rounded(value: Scalar, dtype: DType) -> Scalar {
    Scalar::from_bytes(dtype, &value.to_bytes(dtype))
}

/// The first element, and what each differs by from the one before.
fn differences(data: &[u8], from: DType, to: DType) -> Outcome<Vec<u8>> {
    let refused = from.is_complex() || to.is_complex() || [from, to].iter().any(|d| d.size() == 2 && d.is_inexact());
    if refused || from == DType::Bool || to == DType::Bool {
        return Err(format!("delta of {from} to {to} is not supported"));
    }
    let mut before = None;
    let step = |x: Scalar| match (before.replace(x), x) {
        (None, x) => x,
        (Some(before), Scalar::Int(x)) => rounded(Scalar::Int(x - before.to_i128()), from),
        (Some(before), x) => rounded(Scalar::Float(x.to_f64() - before.to_f64()), from),
    };
    Ok(each(data, from, to, step))
}

/// `around((x - offset) * scale)`: in the type of the elements, but that integers with fractions are `f64`.
fn scaled(data: &[u8], from: DType, to: DType, (offset, scale): (Number, Number)) -> Outcome<Vec<u8>> {
    let integers = match from.kind() {
        Kind::Complex => return Err(format!("fixedscaleoffset of {from} is not supported")),
        Kind::Bool => DType::I64,
        _ => from,
    };
    let next = |dtype: DType, number: Number| match number {
        _ if dtype.is_inexact() => Ok(dtype),
        Number::Int(n) if Scalar::Int(n).fits(dtype) => Ok(dtype),
        Number::Int(n) => Err(format!("fixedscaleoffset: {n} is no {dtype}")),
        Number::Float(_) => Ok(DType::F64),
    };
    let first = next(integers, offset)?;
    let second = next(first, scale)?;
    let (offset, scale) = (rounded(offset.into(), first), rounded(scale.into(), second));
    let one = |x: Scalar| {
        let apart = match (rounded(x, first), offset) {
            (Scalar::Int(x), Scalar::Int(offset)) => rounded(Scalar::Int(x - offset), first),
            (x, offset) => rounded(Scalar::Float(x.to_f64() - offset.to_f64()), first),
        };
        match (rounded(apart, second), scale) {
            (Scalar::Int(x), Scalar::Int(scale)) => rounded(Scalar::Int(x.wrapping_mul(scale)), second),
            (x, scale) => {
                let product = rounded(Scalar::Float(x.to_f64() * scale.to_f64()), second);
                Scalar::Float(product.to_f64().round_ties_even())
            }
        }
    };
    Ok(each(data, from, to, one))
}

/// Floats with so many decimal digits, by a power of two.
fn quantised(data: &[u8], from: DType, to: DType, digits: f64) -> Outcome<Vec<u8>> {
    if from.kind() != Kind::Float || to.kind() != Kind::Float {
        return Err(format!("quantize of {from} to {to} is not supported"));
    }
    let exponent = 10f64.powf(-digits).log10();
    let exponent = if exponent < 0.0 { exponent.floor() } else { exponent.ceil() };
    let bits = 10f64.powf(-exponent).log2().ceil();
    let scale = rounded(Scalar::Float(2f64.powf(bits)), from).to_f64();
    let one = |x: Scalar| {
        let large = rounded(Scalar::Float(scale * x.to_f64()), from).to_f64().round_ties_even();
        rounded(Scalar::Float(large / scale), from)
    };
    Ok(each(data, from, to, one))
}

/// Floats with so many bits of the mantissa, the nearest, to even.
fn bit_rounded(mut data: Vec<u8>, dtype: DType, keep: u32) -> Outcome<Vec<u8>> {
    macro_rules! round {
        ($T:ty, $bits:expr) => {{
            let Some(gone) = u32::checked_sub($bits, keep) else {
                return Err(format!("bitround keeps {keep} bits, and {dtype} has {}", $bits));
            };
            if gone > 0 {
                for bytes in data.chunks_exact_mut(size_of::<$T>()) {
                    let Ok(own) = <[u8; size_of::<$T>()]>::try_from(&*bytes) else { continue };
                    let x = <$T>::from_ne_bytes(own);
                    let half = (1 << (gone - 1)) - 1;
                    let rounded = x.wrapping_add(((x >> gone) & 1).wrapping_add(half));
                    bytes.copy_from_slice(&((rounded >> gone) << gone).to_ne_bytes());
                }
            }
        }};
    }
    match dtype {
        DType::F16 => round!(i16, f16::MANTISSA_DIGITS - 1),
        DType::F32 => round!(i32, f32::MANTISSA_DIGITS - 1),
        DType::F64 => round!(i64, f64::MANTISSA_DIGITS - 1),
        _ => return Err(format!("bitround of {dtype} is not supported")),
    }
    Ok(data)
}

/// Truth values, eight to a byte, after the number of bits that fill up the last.
fn packed_bits(data: &[u8]) -> Vec<u8> {
    let padding = (8 - data.len() % 8) % 8;
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (i, &bit)| byte | u8::from(bit != 0) << (7 - i));
    [u8::try_from(padding).unwrap_or(0)].into_iter().chain(data.chunks(8).map(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::zarr::pipeline::Named;
    use serde_json::Value;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn filter(config: &str) -> ElementFilter {
        let mut config: Value = serde_json::from_str(config).unwrap();
        let name = config.as_object_mut().unwrap().remove("id").unwrap().as_str().unwrap().to_owned();
        let named = Named { version: 2, name, config: config.as_object().unwrap().clone() };
        ElementFilter::new(&named).unwrap().unwrap()
    }

    /// Configurations, elements, and what numcodecs 0.16.6 makes of them.
    #[test]
    fn bytes_are_those_of_numcodecs() {
        let cases = [
            (
                r#"{"id": "delta", "dtype": "<i4", "astype": "<i2"}"#,
                ("int32", "64000000660000006300000090eefeff05000000"),
                "64000200fdff2dee7511",
            ),
            (r#"{"id": "delta", "dtype": "|u1", "astype": "|i1"}"#, ("uint8", "030500ff"), "0302fbff"),
            (
                r#"{"id": "delta", "dtype": "<f4", "astype": "<f8"}"#,
                ("float32", "cdcccc3d9a99993e0000e0c0"),
                "000000a09999b93f000000c09999c93f0000004033331dc0",
            ),
            (
                r#"{"id": "astype", "encode_dtype": "|i1", "decode_dtype": "<f8"}"#,
                ("float64", "666666666666fe3f666666666666febf0000000000c07240000000000000f87fea8ca039593e2946"),
                "01ff2c0000",
            ),
            (
                r#"{"id": "fixedscaleoffset", "scale": 10, "offset": 1000, "dtype": "<f8", "astype": "|u1"}"#,
                ("float64", "0000000000408f400000000000428f40cdcccccccc428f406666666666408f400000000000488f40"),
                "000204000a",
            ),
            (
                r#"{"id": "fixedscaleoffset", "scale": 100, "offset": 0.5, "dtype": "<f4", "astype": "<i4"}"#,
                ("float32", "0000003f0000c07fd7a3803f5ed0324f000000c0"),
                "0000000000000080320000000000008006ffffff",
            ),
            (
                r#"{"id": "fixedscaleoffset", "scale": 2, "offset": 3, "dtype": "<i2", "astype": "<i4"}"#,
                ("int16", "0300ff7ffbff"),
                "00000000f8fffffff0ffffff",
            ),
            (
                r#"{"id": "fixedscaleoffset", "scale": 0.5, "offset": 3, "dtype": "<i2", "astype": "<f4"}"#,
                ("int16", "030004000800"),
                "000000000000000000000040",
            ),
            (
                r#"{"id": "fixedscaleoffset", "scale": 7, "offset": 0.1, "dtype": "<f2", "astype": "<f2"}"#,
                ("float16", "cd34cd3e00c0"),
                "003c804980cb",
            ),
            (
                r#"{"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f4"}"#,
                ("float64", "0000000000000000000000000000d03f000000000000e03f000000000000e83f000000000000f03f"),
                "000000000000803e0000003f0000403f0000803f",
            ),
            (
                r#"{"id": "quantize", "digits": 3, "dtype": "<f4", "astype": "<f4"}"#,
                ("float32", "a48de33d11c7b1c00000807f"),
                "0000e43d00c8b1c00000807f",
            ),
            (
                r#"{"id": "quantize", "digits": 2, "dtype": "<f2", "astype": "<f2"}"#,
                ("float16", "1c2f8dc5"),
                "002f8cc5",
            ),
            (
                r#"{"id": "bitround", "keepbits": 3}"#,
                ("float32", "9a99d93f8fc275bd0000c07f00000000"),
                "0000e03f000070bd0000c07f00000000",
            ),
            (
                r#"{"id": "bitround", "keepbits": 0}"#,
                ("float64", "333333333333fb3f333333333333f33f"),
                "0000000000000040000000000000f03f",
            ),
            (r#"{"id": "bitround", "keepbits": 9}"#, ("float16", "cd3e013c"), "cc3e003c"),
            (r#"{"id": "packbits"}"#, ("bool", "01000001010101010001"), "069f40"),
            (r#"{"id": "packbits"}"#, ("bool", "0100000101010101"), "009f"),
        ];
        for (config, (dtype, elements), expected) in cases {
            let dtype: DType = dtype.parse().unwrap();
            let elements = bytes(elements);
            let form = Form::new(&[elements.len() / dtype.size()], dtype).unwrap();
            let encoded = filter(config).encode(elements, &form).unwrap();
            assert_eq!(encoded, bytes(expected), "{config}");
        }
    }

    #[test]
    fn what_no_filter_holds_is_refused() {
        let error = |config: &str, dtype| {
            let form = Form::new(&[2], dtype).unwrap();
            filter(config).encode(vec![0; 2 * dtype.size()], &form).unwrap_err()
        };
        assert_eq!(error(r#"{"id": "delta", "dtype": "|b1"}"#, DType::Bool), "delta of bool to bool is not supported");
        assert_eq!(
            error(r#"{"id": "bitround", "keepbits": 24}"#, DType::F32),
            "bitround keeps 24 bits, and float32 has 23"
        );
        let wide = r#"{"id": "fixedscaleoffset", "offset": 300, "scale": 1, "dtype": "|u1"}"#;
        assert_eq!(error(wide, DType::U8), "fixedscaleoffset: 300 is no uint8");
    }
}
