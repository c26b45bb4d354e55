//! Filters of Python's `numcodecs` that the `zarrs` crate lacks or knows in one version of Zarr alone.
//!
//! On elements: `delta`, `astype`, `fixedscaleoffset`, `packbits`, and `quantize` and `bitround`, where nothing is to
//! be undone. On bytes: `lz4`, `crc32` and `fletcher32`, which the crate
//! gets wrong for an odd number of bytes. Here they are undone; `numcodecs/encode.rs` applies them.

use super::{Form, Named, Outcome, data_type_of, dtype_named};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::store::unpack::check_fletcher32;
use serde_json::Value;
use std::num::NonZeroU64;
use zarrs::array::{BytesRepresentation, FillValue};

mod encode;

/// A filter on elements, and the type in which it stores them.
#[derive(Debug)]
pub(in crate::store::zarr) enum ElementFilter {
    /// Differences of neighbours.
    Delta { stored: DType },
    /// Elements of another type.
    AsType { stored: DType },
    /// Rounded decimals; what was rounded stays so.
    Quantize { stored: DType, digits: f64 },
    /// Bits set to zero but for so many of the mantissa; they stay so.
    BitRound { keep: u32 },
    /// `(x - offset) * scale`.
    Scaled { stored: DType, offset: Number, scale: Number },
    /// Truth values, eight to a byte, after a byte that counts the bits of padding.
    PackBits,
}

/// A number of a configuration: whether it is an integer decides in which type is computed.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::zarr) enum Number {
    Int(i128),
    Float(f64),
}

impl From<Number> for Scalar {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(n) => Self::Int(n),
            Number::Float(x) => Self::Float(x),
        }
    }
}

/// The type in which a filter stores elements, and whether their bytes are reversed; `None` for those that keep it.
fn stored(codec: &Named) -> Outcome<Option<(DType, bool)>> {
    let keys = match codec.short() {
        "delta" | "fixedscaleoffset" | "quantize" => ["astype", "dtype"],
        "astype" => ["encode_dtype", "decode_dtype"],
        _ => return Ok(None),
    };
    let name = keys.iter().find_map(|k| codec.config.get(*k).and_then(Value::as_str));
    dtype_named(name.ok_or_else(|| format!("codec `{}` does not name its types", codec.name))?).map(Some)
}

/// Whether what the last of these filters stores has its bytes reversed, which in version 2 they say themselves; `None`
/// where none does.
pub(in crate::store::zarr) fn order(codecs: &[Named]) -> Outcome<Option<bool>> {
    let found = codecs.iter().rev().map(stored).find(|found| !matches!(found, Ok(None)));
    Ok(found.transpose()?.flatten().map(|(_, reversed)| reversed))
}

impl ElementFilter {
    /// The filter of this name; `None` where it is not one of ours.
    pub(in crate::store::zarr) fn new(codec: &Named) -> Outcome<Option<Self>> {
        let own = stored(codec)?.map(|(dtype, _)| dtype);
        let number = |key: &str| match codec.config.get(key)? {
            Value::Number(n) if n.is_i64() || n.is_u64() => {
                n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from)).map(Number::Int)
            }
            other => other.as_f64().map(Number::Float),
        };
        Ok(Some(match (codec.short(), own) {
            ("delta", Some(stored)) => Self::Delta { stored },
            ("astype", Some(stored)) => Self::AsType { stored },
            ("bitround", _) => {
                let keep = codec.config.get("keepbits").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
                Self::BitRound { keep: keep.ok_or_else(|| format!("codec `{}` keeps no bits", codec.name))? }
            }
            ("fixedscaleoffset", Some(stored)) => {
                let (Some(offset), Some(scale)) = (number("offset"), number("scale")) else {
                    return Err(format!("codec `{}` has no offset or scale", codec.name));
                };
                Self::Scaled { stored, offset, scale }
            }
            ("quantize", Some(stored)) => {
                let digits = codec.config.get("digits").and_then(Value::as_f64);
                Self::Quantize {
                    stored,
                    digits: digits.ok_or_else(|| format!("codec `{}` has no digits", codec.name))?,
                }
            }
            // Version 3 has a codec of its own under the bare name.
            ("packbits", _) if codec.version == 2 || codec.name.starts_with("numcodecs.") => Self::PackBits,
            _ => return Ok(None),
        }))
    }

    /// Shape and type after the filter.
    pub(in crate::store::zarr) fn encoded(&self, form: &Form) -> Outcome<Form> {
        let (shape, dtype) = match self {
            Self::Delta { stored }
            | Self::AsType { stored }
            | Self::Quantize { stored, .. }
            | Self::Scaled { stored, .. } => (form.shape.clone(), *stored),
            Self::BitRound { .. } => return Ok(form.clone()),
            Self::PackBits => (vec![NonZeroU64::MIN.saturating_add(form.elements()?.div_ceil(8))], DType::U8),
        };
        Ok(Form { shape, data_type: data_type_of(dtype), fill: FillValue::from(vec![0; dtype.size()]) })
    }

    /// Undoes the filter; `form` is that of the result.
    pub(in crate::store::zarr) fn decode(&self, data: Vec<u8>, form: &Form) -> Outcome<Vec<u8>> {
        let dtype = form.dtype()?;
        match self {
            Self::PackBits => unpack_bits(&data, form.elements()?),
            Self::Delta { stored } => accumulate(&data, *stored, dtype),
            Self::BitRound { .. } => Ok(data),
            Self::Scaled { stored, offset, scale } => {
                let (offset, scale) = (Scalar::from(*offset).to_f64(), Scalar::from(*scale).to_f64());
                Ok(unscale(&data, *stored, dtype, offset, scale))
            }
            Self::AsType { stored } | Self::Quantize { stored, .. } => Ok(convert(data, *stored, dtype)),
        }
    }
}

fn convert(data: Vec<u8>, from: DType, to: DType) -> Vec<u8> {
    if from == to {
        return data;
    }
    data.chunks_exact(from.size())
        .flat_map(|bytes| Scalar::from_bytes(from, bytes).to_bytes(to).into_iter().take(to.size()))
        .collect()
}

/// In `f64`, as `NumPy` does; in the type of floats that are stored.
fn unscale(data: &[u8], from: DType, to: DType, offset: f64, scale: f64) -> Vec<u8> {
    let within = if from.kind() == Kind::Float { from } else { DType::F64 };
    let rounded = |x: f64| Scalar::from_bytes(within, &Scalar::Float(x).to_bytes(within)).to_f64();
    let (offset, scale) = (rounded(offset), rounded(scale));
    data.chunks_exact(from.size())
        .flat_map(|bytes| {
            let stored = Scalar::from_bytes(from, bytes).to_f64();
            Scalar::Float(rounded(rounded(stored / scale) + offset)).to_bytes(to).into_iter().take(to.size())
        })
        .collect()
}

/// Running sums, as `NumPy`'s `cumsum` into an array of type `to`.
fn accumulate(data: &[u8], from: DType, to: DType) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() / from.size() * to.size());
    let mut push = |value: Scalar| out.extend_from_slice(&value.to_bytes(to)[..to.size()]);
    let values = data.chunks_exact(from.size()).map(|bytes| Scalar::from_bytes(from, bytes));
    match (from.kind(), to) {
        (Kind::Complex, _) | (_, DType::C64 | DType::C128 | DType::F16 | DType::BF16) => {
            return Err(format!("delta of {from} to {to} is not supported"));
        }
        (_, DType::F32) => {
            let mut sum = 0.0f32;
            #[expect(clippy::cast_possible_truncation, reason = "the sum is kept in the type of the result")]
            values.for_each(|v| {
                sum += v.to_f64() as f32;
                push(sum.into());
            });
        }
        (_, DType::F64) | (Kind::Float, _) => {
            let mut sum = 0.0f64;
            values.for_each(|v| {
                sum += v.to_f64();
                push(sum.into());
            });
        }
        _ => {
            let mut sum = 0i128;
            values.for_each(|v| {
                sum += v.to_i128();
                push(Scalar::Int(sum));
            });
        }
    }
    Ok(out)
}

fn unpack_bits(data: &[u8], elements: u64) -> Outcome<Vec<u8>> {
    let (&padding, bits) = data.split_first().ok_or("packbits: nothing is stored")?;
    let count = (bits.len() as u64 * 8).checked_sub(padding.into());
    if count != Some(elements) {
        return Err(format!("packbits: {} bytes do not hold {elements} truth values", data.len()));
    }
    let unpacked = bits.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> (7 - bit)) & 1));
    Ok(unpacked.take(usize::try_from(elements).unwrap_or(0)).collect())
}

/// A filter on bytes.
#[derive(Debug)]
pub(in crate::store::zarr) enum ByteFilter {
    /// An LZ4 block after its size in 4 bytes.
    Lz4,
    /// Bytes with their CRC-32 before or after them.
    Crc32 { at_end: bool },
    /// Bytes before the checksum of HDF5.
    Fletcher32,
}

impl ByteFilter {
    /// The filter of this name; `None` where it is not one of ours.
    pub(in crate::store::zarr) fn new(codec: &Named) -> Option<Self> {
        match codec.short() {
            "lz4" => Some(Self::Lz4),
            "fletcher32" => Some(Self::Fletcher32),
            "crc32" => {
                let at_end = codec.config.get("location").and_then(Value::as_str) == Some("end");
                Some(Self::Crc32 { at_end })
            }
            _ => None,
        }
    }

    /// The size after the filter.
    pub(super) fn encoded(&self, size: &BytesRepresentation) -> BytesRepresentation {
        use BytesRepresentation::{BoundedSize, FixedSize, UnboundedSize};
        match (self, size) {
            (Self::Lz4, _) | (_, UnboundedSize) => UnboundedSize,
            (Self::Crc32 { .. } | Self::Fletcher32, FixedSize(n)) => FixedSize(n.saturating_add(4)),
            (Self::Crc32 { .. } | Self::Fletcher32, BoundedSize(n)) => BoundedSize(n.saturating_add(4)),
        }
    }

    /// Undoes the filter; `size` is that of the result.
    pub(super) fn decode(&self, data: &[u8], size: &BytesRepresentation) -> Outcome<Vec<u8>> {
        match self {
            Self::Lz4 => {
                let (declared, block) = data.split_first_chunk::<4>().ok_or("lz4: the size is missing")?;
                let declared = u32::from_le_bytes(*declared) as usize;
                if let BytesRepresentation::FixedSize(n) = size
                    && *n != declared as u64
                {
                    return Err(format!("lz4 declares {declared} bytes instead of {n}"));
                }
                // LZ4 cannot shrink more than this.
                if declared > block.len().saturating_mul(256) {
                    return Err(format!("lz4 declares {declared} bytes in a block of {}", block.len()));
                }
                lz4_block(block, declared)
            }
            Self::Fletcher32 => check_fletcher32(data).map(|len| data[..len].to_vec()),
            Self::Crc32 { at_end } => {
                let split = if *at_end {
                    data.split_last_chunk::<4>().map(|(rest, sum)| (sum, rest))
                } else {
                    data.split_first_chunk::<4>()
                };
                let (stored, rest) = split.ok_or("crc32: the checksum is missing")?;
                let (stored, found) = (u32::from_le_bytes(*stored), libdeflater::crc32(rest));
                if stored != found {
                    return Err(format!("crc32 is {found:08x} and was {stored:08x} when it was written"));
                }
                Ok(rest.to_vec())
            }
        }
    }
}

/// Decodes an LZ4 block of exactly `size` bytes.
fn lz4_block(mut block: &[u8], size: usize) -> Outcome<Vec<u8>> {
    let mut out: Vec<u8> = Vec::with_capacity(size);
    let short = || "lz4: the block is cut short".to_owned();
    while let Some((&token, rest)) = block.split_first() {
        block = rest;
        let literals = lz4_length(usize::from(token >> 4), &mut block).ok_or_else(short)?;
        if out.len().saturating_add(literals) > size {
            return Err("lz4: more bytes than declared".to_owned());
        }
        out.extend_from_slice(block.get(..literals).ok_or_else(short)?);
        block = &block[literals..];
        if block.is_empty() {
            break;
        }
        let (distance, rest) = block.split_first_chunk::<2>().ok_or_else(short)?;
        block = rest;
        let distance = usize::from(u16::from_le_bytes(*distance));
        let length = lz4_length(usize::from(token & 15), &mut block).ok_or_else(short)?.saturating_add(4);
        let start = out.len().checked_sub(distance).filter(|_| distance > 0).ok_or("lz4: a copy from nowhere")?;
        if out.len().saturating_add(length) > size {
            return Err("lz4: more bytes than declared".to_owned());
        }
        if distance >= length {
            out.extend_from_within(start..start + length);
        } else {
            (0..length).for_each(|i| out.push(out[start + i]));
        }
    }
    if out.len() == size { Ok(out) } else { Err(short()) }
}

/// A length of four bits and the bytes that continue it.
fn lz4_length(nibble: usize, block: &mut &[u8]) -> Option<usize> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let (&byte, rest) = block.split_first()?;
            *block = rest;
            length = length.checked_add(usize::from(byte))?;
            if byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lz4_blocks() {
        // Five literals, then nine bytes that repeat the last three.
        assert_eq!(lz4_block(b"\x55abcde\x03\x00\x10!", 15).unwrap(), b"abcdecdecdecde!");
        assert_eq!(lz4_block(b"\x50abc", 5).unwrap_err(), "lz4: the block is cut short");
        assert_eq!(lz4_block(b"\x10a\x05\x00", 9).unwrap_err(), "lz4: a copy from nowhere");
        assert_eq!(lz4_block(b"\x20ab", 1).unwrap_err(), "lz4: more bytes than declared");
        let size = BytesRepresentation::UnboundedSize;
        let bomb = [0xff, 0xff, 0xff, 0x7f, 0];
        assert_eq!(ByteFilter::Lz4.decode(&bomb, &size).unwrap_err(), "lz4 declares 2147483647 bytes in a block of 1");
    }

    #[test]
    fn checksums() {
        let size = BytesRepresentation::FixedSize(9);
        let mut stored = 0xcbf4_3926u32.to_le_bytes().to_vec();
        stored.extend(b"123456789");
        assert_eq!(ByteFilter::Crc32 { at_end: false }.decode(&stored, &size).unwrap(), b"123456789");
        stored[5] ^= 1;
        let error = ByteFilter::Crc32 { at_end: false }.decode(&stored, &size).unwrap_err();
        assert!(error.ends_with("was cbf43926 when it was written"), "{error}");
        // What numcodecs makes of an odd number of bytes.
        let stored = ByteFilter::Fletcher32.encode(b"abcde");
        assert_eq!(stored, b"abcde\xc7\x29\xf0\x4f");
        assert_eq!(ByteFilter::Fletcher32.decode(&stored, &size).unwrap(), b"abcde");
        assert!(ByteFilter::Fletcher32.decode(&stored[1..], &size).unwrap_err().starts_with("fletcher32: "));
    }

    #[test]
    fn running_sums_wrap_as_numpy_does() {
        let deltas: Vec<u8> = [30000i16, 30000, -5].iter().flat_map(|v| v.to_ne_bytes()).collect();
        let sums = accumulate(&deltas, DType::I16, DType::I16).unwrap();
        let expect: Vec<u8> = [30000i16, -5536, -5541].iter().flat_map(|v| v.to_ne_bytes()).collect();
        assert_eq!(sums, expect);
        assert_eq!(unpack_bits(&[6, 0b1010_0000, 0b1100_0000], 10).unwrap(), [1, 0, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(unpack_bits(&[], 1).unwrap_err(), "packbits: nothing is stored");
    }
}
