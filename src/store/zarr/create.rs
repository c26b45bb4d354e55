//! What a new array will look like: its metadata documents and the codecs that encode it.

use super::coding;
use super::pipeline::{Named, Outcome, data_type_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::Layout;
use crate::store::encoding::V2;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use zarrs::array::{
    ArrayToArrayCodecTraits, ArrayToBytesCodecTraits, BytesToBytesCodecTraits, Codec, CodecChain, FillValue,
};

/// A new array before anything is written.
#[derive(Debug)]
pub(super) struct Plan {
    /// Zarr version, 2 or 3.
    pub(super) version: u8,
    /// Whether chunks of version 2 lie in nested folders.
    nested: bool,
    /// Metadata documents and their names.
    pub(super) documents: Vec<(&'static str, Value)>,
    /// What encodes a stored chunk; absent where chunks are only copied.
    pub(super) chain: Option<CodecChain>,
    /// Shape of a stored chunk: of a shard where there are shards.
    pub(super) stored_shape: Vec<usize>,
    /// One element of the fill value.
    pub(super) fill: Vec<u8>,
}

impl Plan {
    /// Checks the wishes and settles everything.
    pub(super) fn new(path: &Path, version: u8, layout: &Layout) -> Result<Self> {
        let refuse = |why: String| Error::unsupported(format!("{}: {why}", path.display()));
        let (dtype, lengths, how) = (layout.dtype, &layout.shape, &layout.how);
        if !how.names.is_empty() && how.names.len() != lengths.len() {
            let shape = shape::tuple(lengths);
            return Err(Error::store(path, format!("{} dimension names for shape {shape}", how.names.len())));
        }
        let fill = how.fill.map_or_else(|| vec![0; dtype.size()], |f| f.to_bytes(dtype)[..dtype.size()].to_vec());
        if let Some(value) = how.fill.filter(|f| !f.fits(dtype)) {
            return Err(Error::dtype("create", format!("fill value {value} does not fit {dtype}")));
        }
        let fill_json = fill_json(dtype, &fill, version).map_err(refuse)?;
        let nested = how.nested;
        if let Some(encoding) = &how.encoding {
            let stored_shape = encoding.chunk.clone();
            let no_words =
                || refuse("its chunks are encoded in a way that this version of Zarr has no words for".to_owned());
            let (steps, documents) = if version == 2 {
                let words = encoding.v2().map_err(|_| no_words())?;
                (None, documents_v2(layout, &stored_shape, &words, &fill_json))
            } else {
                let steps = coding::v3(encoding, dtype).ok_or_else(no_words)?;
                let documents = documents_v3(layout, &stored_shape, &steps, &fill_json);
                (Some(steps), documents)
            };
            let chain = steps.or_else(|| coding::v3(encoding, dtype)).and_then(|steps| chain(&steps).ok());
            return Ok(Self { version, nested, documents, chain, stored_shape, fill });
        }
        let (chunks, shards) = shapes(layout)?;
        let codecs = match how.codec.as_deref() {
            Some(text) => Compressor::parse(text).map_err(refuse)?,
            None => Compressor::usual(dtype),
        };
        let mut packed = codecs.named(version, dtype).map_err(refuse)?;
        if how.codec.is_none() && version == 3 && matches!(codecs, Compressor::Blosc(..)) {
            // Blosc has no checksum of its own.
            packed.push(named(3, "crc32c", &json!({})));
        }
        if version == 2 && (shards.is_some() || dtype == DType::BF16) {
            return Err(refuse(format!("Zarr v2 has no {}", if shards.is_some() { "shards" } else { "bfloat16" })));
        }
        let mut steps = vec![bytes(dtype)];
        steps.extend(packed.clone());
        if shards.is_some() {
            steps = vec![sharding(&chunks, &steps)];
        }
        let chain = Some(chain(&steps).map_err(refuse)?);
        let stored_shape = shards.unwrap_or(chunks);
        let documents = if version == 2 {
            let words = V2 {
                dtype: coding::code(dtype, '<'),
                order: "C",
                filters: Value::Null,
                compressor: codecs.numcodecs(),
            };
            documents_v2(layout, &stored_shape, &words, &fill_json)
        } else {
            documents_v3(layout, &stored_shape, &steps, &fill_json)
        };
        Ok(Self { version, nested, documents, chain, stored_shape, fill })
    }

    /// Where a chunk lies below the array.
    pub(super) fn key(&self, index: &[usize]) -> String {
        let parts: Vec<String> = index.iter().map(ToString::to_string).collect();
        match (self.version, parts.is_empty()) {
            (2, true) => "0".to_owned(),
            (2, false) => parts.join(separator(self.nested)),
            (_, true) => "c".to_owned(),
            (_, false) => format!("c/{}", parts.join("/")),
        }
    }
}

/// What stands between the numbers of a chunk in version 2.
fn separator(nested: bool) -> &'static str {
    if nested { "/" } else { "." }
}

/// The group document of this version.
pub(super) fn group_document(version: u8) -> (&'static str, Value) {
    if version == 2 {
        (".zgroup", json!({"zarr_format": 2}))
    } else {
        ("zarr.json", json!({"zarr_format": 3, "node_type": "group", "attributes": {}}))
    }
}

type Shapes = (Vec<usize>, Option<Vec<usize>>);

/// The shapes of chunks and shards, cut to the array where it is smaller.
fn shapes(layout: &Layout) -> Result<Shapes> {
    let Layout { shape: lengths, chunks, how, .. } = layout;
    crate::chunk::Chunks::regular(lengths, chunks)?;
    let Some(shards) = &how.shards else {
        let cut = |(&c, &n): (&usize, &usize)| c.clamp(1, n.max(1));
        return Ok((chunks.iter().zip(lengths).map(cut).collect(), None));
    };
    let chunks: Vec<usize> = chunks.iter().map(|&c| c.max(1)).collect();
    let multiple = shards.len() == chunks.len() && shards.iter().zip(&chunks).all(|(s, c)| *s > 0 && s % c == 0);
    if !multiple {
        let (s, c) = (shape::tuple(shards), shape::tuple(&chunks));
        return Err(Error::chunks(format!("shards of shape {s} are not made of whole chunks of shape {c}")));
    }
    Ok((chunks, Some(shards.clone())))
}

fn documents_v3(layout: &Layout, stored: &[usize], steps: &[Named], fill: &Value) -> Vec<(&'static str, Value)> {
    let how = &layout.how;
    let mut document = json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": layout.shape,
        "data_type": data_type(layout),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": stored}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": steps.iter().map(in_json).collect::<Vec<_>>(),
        "attributes": how.attributes,
    });
    if how.names.iter().any(Option::is_some) || layout.shape.is_empty() {
        document["dimension_names"] = json!(how.names);
    }
    vec![("zarr.json", document)]
}

/// The element type as version 3 names it.
fn data_type(layout: &Layout) -> Value {
    let Some(time) = layout.time else { return layout.dtype.name().into() };
    let name = if time.is_date { "numpy.datetime64" } else { "numpy.timedelta64" };
    json!({"name": name, "configuration": {"unit": time.unit.code(), "scale_factor": 1}})
}

fn documents_v2(layout: &Layout, stored: &[usize], words: &V2, fill: &Value) -> Vec<(&'static str, Value)> {
    let how = &layout.how;
    let document = json!({
        "zarr_format": 2,
        "shape": layout.shape,
        "chunks": stored,
        "dtype": layout.time.map_or_else(|| words.dtype.clone(), |time| words.dtype.replace("i8", &time.code())),
        "compressor": words.compressor,
        "fill_value": fill,
        "order": words.order,
        "filters": words.filters,
        "dimension_separator": separator(how.nested),
    });
    let mut document = document;
    let mut attributes = how.attributes.clone();
    if how.names.iter().any(Option::is_some) || layout.shape.is_empty() {
        // Among named dimensions, the fill value is what NetCDF calls `_FillValue`: there is none unless it is given.
        if how.fill.is_none() {
            document["fill_value"] = attributes.remove("_FillValue").unwrap_or(Value::Null);
        }
        let name = |(axis, n): (usize, &Option<String>)| n.clone().unwrap_or_else(|| format!("dim_{axis}"));
        let names: Vec<String> = how.names.iter().enumerate().map(name).collect();
        attributes.insert("_ARRAY_DIMENSIONS".to_owned(), json!(names));
    }
    let mut documents = vec![(".zarray", document)];
    if !attributes.is_empty() {
        documents.push((".zattrs", Value::Object(attributes)));
    }
    documents
}

fn fill_json(dtype: DType, fill: &[u8], version: u8) -> Outcome<Value> {
    let meta = data_type_of(dtype).metadata_fill_value(&FillValue::from(fill)).map_err(|e| e.to_string())?;
    let mut value = serde_json::to_value(&meta).map_err(|e| e.to_string())?;
    if version == 2 {
        name_nan(&mut value);
    }
    Ok(value)
}

/// Version 2 has one NaN and no bit patterns.
fn name_nan(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("0x") => "NaN".clone_into(text),
        Value::Array(parts) => parts.iter_mut().for_each(name_nan),
        _ => {}
    }
}

fn named(version: u8, name: &str, config: &Value) -> Named {
    Named { version, name: name.to_owned(), config: config.as_object().cloned().unwrap_or_default() }
}

fn in_json(codec: &Named) -> Value {
    let mut out = Map::from_iter([("name".to_owned(), Value::from(codec.name.clone()))]);
    if !codec.config.is_empty() {
        out.insert("configuration".to_owned(), Value::Object(codec.config.clone()));
    }
    Value::Object(out)
}

/// Elements one after the other, little-endian.
fn bytes(dtype: DType) -> Named {
    let config = if dtype.size() > 1 { json!({"endian": "little"}) } else { json!({}) };
    named(3, "bytes", &config)
}

fn sharding(inner_shape: &[usize], inner: &[Named]) -> Named {
    let index = [named(3, "bytes", &json!({"endian": "little"})), named(3, "crc32c", &json!({}))];
    let config = json!({
        "chunk_shape": inner_shape,
        "codecs": inner.iter().map(in_json).collect::<Vec<_>>(),
        "index_codecs": index.iter().map(in_json).collect::<Vec<_>>(),
        "index_location": "end",
    });
    named(3, "sharding_indexed", &config)
}

/// Codecs on arrays, the one from elements to bytes, and those on bytes.
type Parts = (
    Vec<Arc<dyn ArrayToArrayCodecTraits>>,
    Option<Arc<dyn ArrayToBytesCodecTraits>>,
    Vec<Arc<dyn BytesToBytesCodecTraits>>,
);

/// The codecs as `zarrs` has them, by their kinds.
pub(super) fn parts(steps: &[Named]) -> Outcome<Parts> {
    let (mut arrays, mut core, mut packed) = (Vec::new(), None, Vec::new());
    for step in steps {
        match step.create()? {
            Codec::ArrayToArray(codec) => arrays.push(codec),
            Codec::ArrayToBytes(codec) => core = Some(codec),
            Codec::BytesToBytes(codec) => packed.push(codec),
        }
    }
    Ok((arrays, core, packed))
}

/// The codecs as something that encodes.
fn chain(steps: &[Named]) -> Outcome<CodecChain> {
    let (arrays, core, packed) = parts(steps)?;
    Ok(CodecChain::new(arrays, core.ok_or("no codec turns elements into bytes")?, packed))
}

/// The compression that a user asked for.
#[derive(Debug, Clone, PartialEq)]
enum Compressor {
    None,
    /// `zstd`, `gzip`, `zlib` or `bz2`, and a level.
    Plain(&'static str, i64),
    /// Blosc around another compressor, and a level.
    Blosc(String, i64),
}

/// Names, default levels and ranges of levels.
const PLAIN: [(&str, i64, std::ops::RangeInclusive<i64>); 4] =
    [("zstd", 3, -7..=22), ("gzip", 5, 0..=9), ("zlib", 5, 0..=9), ("bz2", 5, 1..=9)];
const BLOSC: [&str; 6] = ["lz4", "lz4hc", "zstd", "zlib", "blosclz", "snappy"];

impl Compressor {
    /// What is taken where nothing is asked for. Sorted by significance, the bytes of numbers take a fifth to a quarter
    /// less than Zstandard alone makes of them, in less time; single bytes have nothing to sort. BENCHMARKS.md has the
    /// figures.
    fn usual(dtype: DType) -> Self {
        if dtype.size() > 1 { Self::Blosc("zstd".to_owned(), 1) } else { Self::Plain("zstd", 3) }
    }

    /// Understands `zstd`, `zstd:7`, `blosc-lz4:5`, `none`, ...
    fn parse(text: &str) -> Outcome<Self> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => {
                let level =
                    level.trim().parse::<i64>().map_err(|_| format!("codec `{text}`: its level is no number"))?;
                (name, Some(level))
            }
            None => (text, None),
        };
        let checked = |default: i64, range: std::ops::RangeInclusive<i64>| {
            let level = level.unwrap_or(default);
            let (low, high) = (range.start(), range.end());
            range.contains(&level).then_some(level).ok_or_else(|| format!("codec `{text}`: levels are {low} to {high}"))
        };
        if let Some((name, default, range)) = PLAIN.into_iter().find(|p| p.0 == name) {
            return Ok(Self::Plain(name, checked(default, range)?));
        }
        match name.strip_prefix("blosc-").or((name == "blosc").then_some("lz4")) {
            Some(inner) if BLOSC.contains(&inner) => Ok(Self::Blosc(inner.to_owned(), checked(5, 0..=9)?)),
            _ if matches!(name, "none" | "raw") && level.is_none() => Ok(Self::None),
            _ => {
                let plain: Vec<&str> = PLAIN.iter().map(|p| p.0).collect();
                Err(format!(
                    "codec `{text}` is not one of {}, blosc-{}, none",
                    plain.join(", "),
                    BLOSC.join(", blosc-")
                ))
            }
        }
    }

    /// As codecs that `zarrs` makes.
    fn named(&self, version: u8, dtype: DType) -> Outcome<Vec<Named>> {
        Ok(match self {
            Self::None => Vec::new(),
            Self::Plain("zstd", level) => vec![named(3, "zstd", &json!({"level": level, "checksum": true}))],
            Self::Plain("gzip", level) => vec![named(3, "gzip", &json!({"level": level}))],
            Self::Plain(name, level) if version == 2 => vec![named(2, name, &json!({"level": level}))],
            Self::Plain(name, _) => return Err(format!("codec `{name}` is for Zarr v2; v3 has gzip and zstd")),
            Self::Blosc(inner, level) => {
                let shuffle = if dtype.size() > 1 { "shuffle" } else { "noshuffle" };
                let config = json!({
                    "cname": inner, "clevel": level, "shuffle": shuffle, "typesize": dtype.size(), "blocksize": 0,
                });
                vec![named(3, "blosc", &config)]
            }
        })
    }

    /// As version 2 names it.
    fn numcodecs(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Plain(name, level) => json!({"id": name, "level": level}),
            Self::Blosc(inner, level) => {
                json!({"id": "blosc", "cname": inner, "clevel": level, "shuffle": 1, "blocksize": 0})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_names() {
        let check = |text: &str, expect: &str| assert_eq!(Compressor::parse(text).unwrap_err(), expect, "{text}");
        let level = |text: &str| Compressor::parse(text).unwrap();
        assert_eq!(level("none"), Compressor::None);
        assert_eq!(level("zstd"), Compressor::Plain("zstd", 3));
        assert_eq!(level("gzip:9"), Compressor::Plain("gzip", 9));
        assert_eq!(level("blosc-zstd:1"), Compressor::Blosc("zstd".to_owned(), 1));
        check("zstd:23", "codec `zstd:23`: levels are -7 to 22");
        check("gzip:x", "codec `gzip:x`: its level is no number");
        let known =
            "zstd, gzip, zlib, bz2, blosc-lz4, blosc-lz4hc, blosc-zstd, blosc-zlib, blosc-blosclz, blosc-snappy";
        check("lzma", &format!("codec `lzma` is not one of {known}, none"));
    }
}
