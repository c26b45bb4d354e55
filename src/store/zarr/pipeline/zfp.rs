//! ZFP as the step from elements to bytes: `zfpy` of numcodecs, whose chunks begin with a header, and `zfp` of zarrs,
//! whose parameters are in the metadata.

use super::{Form, Named, Outcome};
use crate::dtype::DType;
use crate::shape;
use crate::store::unpack::zfp::{Zfp, bits};
use serde_json::Value;
use zfp_rs::{ZfpConfig, ZfpDimensionality, ZfpScalarType, ZfpStreamAlignment};

/// Bytes that one byte holds at most: a block of zeros takes a bit, and has up to 256 numbers of 8 bytes.
const MOST: u64 = 8 * 256 * 8;

/// How chunks are decoded.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::zarr) enum Packed {
    /// As the header of each says.
    Headed,
    /// So many bits for a number.
    Rate(f64),
    /// In every other way.
    Other(ZfpConfig),
}

impl Packed {
    /// The codec of this name; `None` where it is another.
    pub(super) fn named(codec: &Named) -> Option<Outcome<Self>> {
        let name = codec.name.strip_prefix("https://codec.zarrs.dev/array_to_bytes/").unwrap_or(&codec.name);
        match name.strip_prefix("numcodecs.").or(name.strip_prefix("zarrs.")).unwrap_or(name) {
            "zfpy" => Some(Ok(Self::Headed)),
            "zfp" => Some(Self::given(codec).map_err(|why| format!("codec `{}`: {why}", codec.name))),
            _ => None,
        }
    }

    fn given(codec: &Named) -> Outcome<Self> {
        let found = |key: &str| codec.config.get(key).ok_or_else(|| format!("has no `{key}`"));
        let number = |key: &str| found(key)?.as_f64().ok_or_else(|| format!("`{key}` is no number"));
        let integer = |key: &str| found(key)?.as_i64().ok_or_else(|| format!("`{key}` is no integer"));
        let count = |key: &str| u32::try_from(integer(key)?).map_err(|_| format!("`{key}` is no count"));
        Ok(match found("mode")?.as_str() {
            Some("fixed_rate") => Self::Rate(number("rate")?),
            Some("fixed_precision") => Self::Other(ZfpConfig::fixed_precision(count("precision")?)),
            Some("fixed_accuracy") => Self::Other(ZfpConfig::fixed_accuracy(number("tolerance")?)),
            Some("reversible") => Self::Other(ZfpConfig::reversible()),
            Some("expert") => {
                let least = i32::try_from(integer("minexp")?).map_err(|e| format!("`minexp`: {e}"))?;
                let made = ZfpConfig::expert(count("minbits")?, count("maxbits")?, count("maxprec")?, least);
                Self::Other(made.map_err(|e| e.to_string())?)
            }
            other => return Err(format!("mode {} is not known", other.map_or(Value::Null, Value::from))),
        })
    }

    /// The elements of a chunk of this form.
    pub(super) fn decode(self, data: &[u8], form: &Form) -> Outcome<Vec<u8>> {
        let (dtype, elements) = (form.dtype()?, form.elements()?);
        let lengths: Option<Vec<usize>> = form.shape.iter().map(|n| usize::try_from(n.get()).ok()).collect();
        let lengths = lengths.ok_or("zfp: a chunk is too large")?;
        let wide = carrier(dtype).ok_or_else(|| format!("zfp does not hold {dtype}"))?;
        let bytes = elements.saturating_mul(wide.size() as u64);
        if bytes / MOST > data.len() as u64 {
            return Err(format!("zfp: {} bytes do not hold {bytes}", data.len()));
        }
        let of = |config| Zfp::new(wide, &lengths, config).ok_or("zfp holds one axis to four".to_owned());
        let mut from = bits(data)?;
        let how = match self {
            Self::Other(config) => of(config)?,
            Self::Rate(rate) => of(fixed_rate(rate, wide, lengths.len())?)?,
            Self::Headed => {
                let how = Zfp::read(&mut from, data.len())?;
                if how.dtype() != dtype || how.shape() != lengths {
                    let (found, wanted) = (shape::tuple(&how.shape()), shape::tuple(&lengths));
                    let found = format!("{} of shape {found}", how.dtype());
                    return Err(format!("zfp: the header tells of {found} instead of {dtype} of shape {wanted}"));
                }
                how
            }
        };
        let mut out = crate::store::zarr::piece::reserve_exact(bytes)?;
        out.resize(usize::try_from(bytes).map_err(|e| e.to_string())?, 0);
        how.decode(&mut from, &mut out)?;
        Ok(narrowed(out, dtype))
    }
}

fn fixed_rate(rate: f64, dtype: DType, axes: usize) -> Outcome<ZfpConfig> {
    let number = match dtype {
        DType::I32 => ZfpScalarType::I32,
        DType::I64 => ZfpScalarType::I64,
        DType::F32 => ZfpScalarType::F32,
        _ => ZfpScalarType::F64,
    };
    let axes = match axes {
        1 => ZfpDimensionality::D1,
        2 => ZfpDimensionality::D2,
        3 => ZfpDimensionality::D3,
        _ => ZfpDimensionality::D4,
    };
    let made = ZfpConfig::fixed_rate(rate, number, axes, ZfpStreamAlignment::Unaligned);
    made.map_err(|e| format!("zfp: {e}"))
}

/// The type that stands for elements of a type in a stream.
fn carrier(dtype: DType) -> Option<DType> {
    Some(match dtype {
        DType::F32 | DType::F64 => dtype,
        DType::I8 | DType::I16 | DType::I32 | DType::U8 | DType::U16 | DType::U32 => DType::I32,
        DType::I64 | DType::U64 => DType::I64,
        _ => return None,
    })
}

/// Elements of what stands for them: small integers fill the upper bits, unsigned ones around the middle; large
/// unsigned ones are what they are, as far as they go.
fn narrowed(wide: Vec<u8>, dtype: DType) -> Vec<u8> {
    let small = |each: fn(i32) -> [u8; 2], size: usize| {
        let values = wide.as_chunks::<4>().0.iter().map(|b| each(i32::from_ne_bytes(*b)));
        values.flat_map(|bytes| bytes.into_iter().take(size)).collect()
    };
    match dtype {
        DType::I8 => small(|v| [clamped(v >> 23, -0x80, 0x7f).to_le_bytes()[0], 0], 1),
        DType::U8 => small(|v| [clamped((v >> 23) + 0x80, 0, 0xff).to_le_bytes()[0], 0], 1),
        DType::I16 => small(|v| clamped(v >> 15, -0x8000, 0x7fff).to_ne_bytes(), 2),
        DType::U16 => small(|v| clamped((v >> 15) + 0x8000, 0, 0xffff).to_ne_bytes(), 2),
        DType::U32 => {
            let values = wide.as_chunks::<4>().0.iter().map(|b| i32::from_ne_bytes(*b).max(0));
            values.flat_map(i32::to_ne_bytes).collect()
        }
        DType::U64 => {
            let values = wide.as_chunks::<8>().0.iter().map(|b| i64::from_ne_bytes(*b).max(0));
            values.flat_map(i64::to_ne_bytes).collect()
        }
        _ => wide,
    }
}

/// The lower half of what lies between the two.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "16 bits hold what lies between")]
fn clamped(value: i32, least: i32, most: i32) -> u16 {
    value.clamp(least, most) as u16
}
