//! Encoding chunks of an array that exists, by the codecs that its metadata names.

use super::create::parts;
use super::meta::{Array, codecs_v2, transpose};
use super::pipeline::{Named, Outcome, codecs_v3, data_type_of, options};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::sync::Arc;
use zarrs::array::{ArrayBytes, ArrayToBytesCodecTraits, BytesToBytesCodecTraits, CodecChain, DataType, FillValue};

/// What encodes the chunks of an array that exists.
#[derive(Debug)]
pub(super) struct Recoder {
    /// From elements to bytes.
    chain: CodecChain,
    /// From bytes to bytes, in order.
    packed: Vec<Pack>,
    shape: Vec<NonZeroU64>,
    data_type: DataType,
    fill: FillValue,
}

/// A codec from bytes to bytes.
#[derive(Debug)]
enum Pack {
    Zarrs(Arc<dyn BytesToBytesCodecTraits>),
    /// A block of LZ4 behind the number of bytes that it holds: numcodecs' `lz4`.
    Lz4,
    /// The bytes behind their checksum: numcodecs' `crc32`.
    Crc32,
}

impl Recoder {
    /// For chunks of this shape; `document` is that of the array.
    pub(super) fn new(array: &Array, chunk: &[usize], document: &Value) -> Outcome<Self> {
        let dtype = array.info.dtype;
        let mut steps = Vec::new();
        if let Some(list) = document.get("codecs").and_then(Value::as_array) {
            steps = codecs_v3(list)?;
        } else {
            let code = document.get("dtype").and_then(Value::as_str).unwrap_or_default();
            let endian = if code.starts_with('>') { "big" } else { "little" };
            if document.get("order").and_then(Value::as_str) == Some("F") && chunk.len() > 1 {
                steps.push(transpose(chunk.len()));
            }
            let config = if dtype.size() > 1 { json!({"endian": endian}) } else { json!({}) };
            steps.push(named(3, "bytes", &config));
            steps.extend(codecs_v2(document)?);
        }
        let (mut plain, mut packed) = (Vec::new(), Vec::new());
        for step in &steps {
            match step.short() {
                "lz4" => packed.push(Pack::Lz4),
                "crc32" => packed.push(Pack::Crc32),
                _ => {
                    let (arrays, core, bytes) = parts(&[written(step, dtype.size())?])?;
                    if core.is_some() || !arrays.is_empty() {
                        plain.push(step.clone());
                    }
                    packed.extend(bytes.into_iter().map(Pack::Zarrs));
                }
            }
        }
        let (arrays, core, _) = parts(&plain)?;
        let chain = CodecChain::new(arrays, core.ok_or("no codec turns elements into bytes")?, Vec::new());
        let shape = chunk.iter().map(|&n| NonZeroU64::new(n as u64)).collect::<Option<_>>();
        let shape = shape.ok_or("a chunk has no elements")?;
        let fill = FillValue::from(array.fill.as_slice());
        Ok(Self { chain, packed, shape, data_type: data_type_of(dtype), fill })
    }

    /// The bytes of a chunk, whose elements these are, all of them.
    pub(super) fn encode(&self, elements: Cow<'_, [u8]>) -> Outcome<Vec<u8>> {
        let bytes = ArrayBytes::new_flen(elements);
        let failed = |e: &dyn std::fmt::Display| format!("cannot be encoded: {e}");
        let encoded = self.chain.encode(bytes, &self.shape, &self.data_type, &self.fill, &options());
        let mut data = encoded.map_err(|e| failed(&e))?;
        for pack in &self.packed {
            data = match pack {
                Pack::Zarrs(codec) => Cow::Owned(codec.encode(data, &options()).map_err(|e| failed(&e))?.into_owned()),
                Pack::Lz4 => Cow::Owned(lz4_flex::block::compress_prepend_size(&data)),
                Pack::Crc32 => {
                    let mut out = libdeflater::crc32(&data).to_le_bytes().to_vec();
                    out.extend_from_slice(&data);
                    Cow::Owned(out)
                }
            };
        }
        Ok(data.into_owned())
    }
}

fn named(version: u8, name: &str, config: &Value) -> Named {
    Named { version, name: name.to_owned(), config: config.as_object().cloned().unwrap_or_default() }
}

/// The codec in words in which `zarrs` writes it.
fn written(codec: &Named, itemsize: usize) -> Outcome<Named> {
    let mut codec = codec.clone();
    let unknown = |name: &str| Err(format!("codec `{name}` is read and not written"));
    match codec.short() {
        "shuffle" => drop(codec.config.entry("elementsize").or_insert(Value::from(4))),
        "zstd" => {
            codec.config.entry("checksum").or_insert(Value::Bool(false));
            codec.config.entry("level").or_insert(Value::from(0));
        }
        "blosc" if codec.config.get("shuffle").is_none_or(Value::is_number) => {
            // Version 2 counts the kinds of shuffling; -1 is by bits for single bytes and by bytes otherwise.
            let shuffle = match codec.config.get("shuffle").and_then(Value::as_i64).unwrap_or(1) {
                0 => "noshuffle",
                2 => "bitshuffle",
                -1 if itemsize == 1 => "bitshuffle",
                _ => "shuffle",
            };
            let text = |key: &str, other: Value| codec.config.get(key).cloned().unwrap_or(other);
            let config = json!({
                "cname": text("cname", "lz4".into()), "clevel": text("clevel", 5.into()), "shuffle": shuffle,
                "typesize": itemsize, "blocksize": text("blocksize", 0.into()),
            });
            codec = named(3, "blosc", &config);
        }
        "delta" | "astype" | "fixedscaleoffset" | "quantize" | "lzma" => return unknown(&codec.name),
        "packbits" if codec.version == 2 || codec.name.starts_with("numcodecs.") => return unknown(&codec.name),
        _ => {}
    }
    Ok(codec)
}
