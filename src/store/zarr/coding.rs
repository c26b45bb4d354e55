//! How stored chunks are encoded, in words that other formats and the other version of Zarr understand.
//!
//! Codecs are those of numcodecs; the order of axes is `transpose`. Chains that only version 3 has go by its own names,
//! behind `zarr3.`. What is equal there means equal bytes of chunks.

use super::meta::Array;
use super::pipeline::{Named, Outcome, codecs_v3};
use crate::dtype::time::TimeType;
use crate::dtype::{DType, Kind};
use crate::store::Encoding;
use crate::store::encoding::{ZARR_3, id};
use serde_json::{Map, Value, json};

const SHUFFLES: [&str; 3] = ["noshuffle", "shuffle", "bitshuffle"];

/// How the chunks of an array are encoded; `None` where that has no words, or its chunks are not all alike.
pub(super) fn of(array: &Array) -> Option<Encoding> {
    let (chunk, dtype) = (array.stored_shape.clone()?, array.info.dtype);
    if array.info.format == "zarr v2" {
        // The order of axes comes first, as a codec of version 3.
        let codecs = array.codecs.iter().map(|c| object(c.short(), c.config.clone())).collect();
        return Some(Encoding { chunk, dtype: code(dtype, if array.big { '>' } else { '<' }), codecs, filters: None });
    }
    let common = ["transpose", "bytes", "gzip", "zstd", "blosc"];
    if array.codecs.iter().any(|c| !common.contains(&c.name.as_str())) {
        let codecs = array.codecs.iter().map(|c| object(&format!("{ZARR_3}{}", c.name), c.config.clone())).collect();
        return Some(Encoding { chunk, dtype: code(dtype, '<'), codecs, filters: None });
    }
    let (codecs, endian) = numcodecs(&array.codecs)?;
    Some(Encoding { chunk, dtype: code(dtype, endian), codecs, filters: None })
}

/// How the smallest pieces of an array that are encoded by themselves are encoded, inner chunks of shards where there
/// are some, for whoever refers to them from metadata of version 2; why that cannot be, otherwise.
pub(super) fn referred(array: &Array) -> Outcome<Encoding> {
    let dtype = array.info.dtype;
    let encoding = if array.info.format == "zarr v2" {
        of(array).ok_or("its chunks are not all alike")?
    } else {
        let sharding = array.pipeline.sharding();
        let list = array.codecs.first().filter(|_| sharding.is_some()).and_then(|c| c.config.get("codecs"));
        let inner = list.and_then(Value::as_array).map(|list| codecs_v3(list)).transpose()?;
        let codecs = inner.as_deref().unwrap_or(&array.codecs);
        let chunk = sharding.map(|s| s.inner_shape.clone()).or_else(|| array.stored_shape.clone());
        let known = ["transpose", "bytes", "gzip", "zstd", "blosc", "crc32c"];
        let foreign = |c: &&Named| !known.contains(&c.name.as_str()) && c.short() == c.name;
        if let Some(codec) = codecs.iter().find(foreign) {
            return Err(format!("Zarr v2 has no codec `{}`", codec.name));
        }
        let (codecs, endian) = numcodecs(codecs).ok_or("Zarr v2 has no such blosc")?;
        let chunk = chunk.ok_or("its chunks are not all alike")?;
        Encoding { chunk, dtype: code(dtype, endian), codecs, filters: None }
    };
    encoding.v2().map_err(|codec| format!("Zarr v2 has no codec `{codec}`"))?;
    let time = |time: TimeType| encoding.dtype.replace("i8", &time.code());
    Ok(Encoding { dtype: array.info.time.map_or_else(|| encoding.dtype.clone(), time), ..encoding })
}

/// Codecs of version 3 in the words of numcodecs, and the order of bytes.
fn numcodecs(chain: &[Named]) -> Option<(Vec<Value>, char)> {
    let (mut codecs, mut endian) = (Vec::new(), '<');
    for codec in chain {
        let mut config = codec.config.clone();
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        match codec.name.as_str() {
            "bytes" => {
                endian = if text("endian") == Some("big") { '>' } else { '<' };
                continue;
            }
            "blosc" => {
                let number = SHUFFLES.iter().position(|s| Some(*s) == text("shuffle"))?;
                config.insert("shuffle".to_owned(), number.into());
                config.remove("typesize");
            }
            "crc32c" => {
                config.insert("location".to_owned(), "end".into());
            }
            _ => {}
        }
        codecs.push(object(codec.short(), config));
    }
    Some((codecs, endian))
}

/// A codec of this name.
fn object(id: &str, mut config: Map<String, Value>) -> Value {
    config.insert("id".to_owned(), id.into());
    Value::Object(config)
}

/// The type as NumPy writes it.
pub(super) fn code(dtype: DType, endian: char) -> String {
    let letter = match dtype.kind() {
        Kind::Bool => 'b',
        Kind::Unsigned => 'u',
        Kind::Signed => 'i',
        Kind::Float => 'f',
        Kind::Complex => 'c',
    };
    let order = if dtype.size() == 1 { '|' } else { endian };
    if dtype == DType::BF16 { format!("{order}bfloat16") } else { format!("{order}{letter}{}", dtype.size()) }
}

/// The encoding in the words of version 3; `None` where it has none.
pub(super) fn v3(encoding: &Encoding, dtype: DType) -> Option<Vec<Named>> {
    let named = |name: &str, config: Map<String, Value>| Named { version: 3, name: name.to_owned(), config };
    let all = encoding.codecs.iter().map(|codec| {
        let mut config = codec.as_object()?.clone();
        config.remove("id");
        Some((id(codec), config))
    });
    let all = all.collect::<Option<Vec<_>>>()?;
    if all.iter().any(|(id, _)| id.starts_with(ZARR_3)) {
        return all.into_iter().map(|(id, config)| Some(named(id.strip_prefix(ZARR_3)?, config))).collect();
    }
    let (mut orders, mut packed) = (Vec::new(), Vec::new());
    for (id, mut config) in all {
        match id {
            "transpose" if packed.is_empty() => orders.push(named(id, config)),
            "gzip" => packed.push(named(id, config)),
            "zstd" => {
                config.entry("checksum").or_insert(Value::Bool(false));
                packed.push(named(id, config));
            }
            "blosc" => {
                let number = config.get("shuffle").and_then(Value::as_i64).unwrap_or(1);
                let automatic = if dtype.size() == 1 { 2 } else { 1 };
                let shuffle = SHUFFLES.get(usize::try_from(number).unwrap_or(automatic))?;
                config.insert("shuffle".to_owned(), (*shuffle).into());
                config.insert("typesize".to_owned(), dtype.size().into());
                config.entry("blocksize").or_insert(0.into());
                packed.push(named(id, config));
            }
            // numcodecs has names for others there, but few readers do.
            _ => return None,
        }
    }
    let endian = if encoding.dtype.starts_with('>') { "big" } else { "little" };
    let config = if dtype.size() > 1 { json!({"endian": endian}) } else { json!({}) };
    orders.push(named("bytes", config.as_object().cloned().unwrap_or_default()));
    orders.extend(packed);
    Some(orders)
}
