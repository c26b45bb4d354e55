//! How stored chunks are encoded, in words that other formats and the other version of Zarr understand.
//!
//! Codecs are those of numcodecs; the order of axes is `transpose`. Chains that only version 3 has go by its own names,
//! behind `zarr3.`. What is equal there means equal bytes of chunks.

use super::meta::Array;
use super::pipeline::Named;
use crate::dtype::{DType, Kind};
use crate::store::Encoding;
use serde_json::{Map, Value, json};

/// What begins the names of codecs in chains that version 3 alone has.
const OWN: &str = "zarr3.";

/// What stands for filters of HDF5 that nobody else has.
const HDF5: &str = "hdf5";

/// Codecs that version 2 calls a compressor; others are filters.
const COMPRESSORS: [&str; 8] = ["blosc", "zlib", "gzip", "zstd", "bz2", "lz4", "lzma", "lzf"];
const SHUFFLES: [&str; 3] = ["noshuffle", "shuffle", "bitshuffle"];

/// How the chunks of an array are encoded; `None` where that has no words, or its chunks are not all alike.
pub(super) fn of(array: &Array) -> Option<Encoding> {
    let (chunk, dtype) = (array.stored_shape.clone()?, array.info.dtype);
    let object = |id: &str, mut config: Map<String, Value>| {
        config.insert("id".to_owned(), id.into());
        Value::Object(config)
    };
    if array.info.format == "zarr v2" {
        // The order of axes comes first, as a codec of version 3.
        let codecs = array.codecs.iter().map(|c| object(c.short(), c.config.clone())).collect();
        return Some(Encoding { chunk, dtype: code(dtype, if array.big { '>' } else { '<' }), codecs, filters: None });
    }
    let common = ["transpose", "bytes", "gzip", "zstd", "blosc"];
    if array.codecs.iter().any(|c| !common.contains(&c.name.as_str())) {
        let codecs = array.codecs.iter().map(|c| object(&format!("{OWN}{}", c.name), c.config.clone())).collect();
        return Some(Encoding { chunk, dtype: code(dtype, '<'), codecs, filters: None });
    }
    let (mut codecs, mut endian) = (Vec::new(), '<');
    for codec in &array.codecs {
        let mut config = codec.config.clone();
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        if codec.name == "bytes" {
            endian = if text("endian") == Some("big") { '>' } else { '<' };
            continue;
        }
        if codec.name == "blosc" {
            let number = SHUFFLES.iter().position(|s| Some(*s) == text("shuffle"))?;
            config.insert("shuffle".to_owned(), number.into());
            config.remove("typesize");
        }
        codecs.push(object(&codec.name, config));
    }
    Some(Encoding { chunk, dtype: code(dtype, endian), codecs, filters: None })
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

/// An encoding as version 2 has it.
#[derive(Debug)]
pub(super) struct V2 {
    pub(super) dtype: String,
    pub(super) order: &'static str,
    pub(super) filters: Value,
    pub(super) compressor: Value,
}

fn id(codec: &Value) -> &str {
    codec.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The order of axes of a `transpose`, where it is that of Fortran.
fn is_fortran(codec: &Value, rank: usize) -> bool {
    let order: Option<Vec<u64>> =
        codec.get("order").and_then(Value::as_array).and_then(|o| o.iter().map(Value::as_u64).collect());
    order.is_some_and(|order| order.len() == rank && order.iter().rev().enumerate().all(|(a, &o)| o == a as u64))
}

/// The encoding in the words of version 2; `None` where it has none.
pub(super) fn v2(encoding: &Encoding) -> Option<V2> {
    let mut rest = encoding.codecs.as_slice();
    let mut order = "C";
    if let Some((first, others)) = rest.split_first().filter(|(first, _)| id(first) == "transpose") {
        (order, rest) = (is_fortran(first, encoding.chunk.len()).then_some("F")?, others);
    }
    let foreign = |c: &Value| id(c) == "transpose" || id(c) == HDF5 || id(c).starts_with(OWN);
    if encoding.dtype.ends_with("bfloat16") || rest.iter().any(foreign) {
        return None;
    }
    let packed = rest.last().filter(|last| COMPRESSORS.contains(&id(last)));
    let filters = &rest[..rest.len() - usize::from(packed.is_some())];
    Some(V2 {
        dtype: encoding.dtype.clone(),
        order,
        filters: if filters.is_empty() { Value::Null } else { json!(filters) },
        compressor: packed.cloned().unwrap_or(Value::Null),
    })
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
    if all.iter().any(|(id, _)| id.starts_with(OWN)) {
        return all.into_iter().map(|(id, config)| Some(named(id.strip_prefix(OWN)?, config))).collect();
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
