//! Writing a virtual index: a JSON file that makes stored arrays of other files those of one Zarr v2 hierarchy, as
//! `kerchunk` does. The chunks stay where they are; `zarr/references.rs` reads such files.

use super::remote::is_url;
use super::{Attributes, Create, Encoding, Store, raw};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::shape;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Arrays of at most so many bytes are held in the index itself.
const INLINE: usize = 4096;

/// An index in the making.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    refs: Map<String, Value>,
}

impl Index {
    /// An index that [`Index::finish`] will write to `path`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when there is something that `how` does not replace.
    pub fn new(path: &Path, how: &Create) -> Result<Self> {
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            return Err(Error::store(path, "the name of an index ends in .json"));
        }
        if path.exists() && !how.overwrite {
            return Err(Error::store(path, "exists already and is not to be replaced"));
        }
        Ok(Self { path: path.to_path_buf(), refs: Map::new() })
    }

    /// Adds a group.
    pub fn group(&mut self, path: &str, attributes: &Attributes) {
        self.document(path, ".zgroup", &json!({"zarr_format": 2}));
        if !attributes.is_empty() {
            self.document(path, ".zattrs", &Value::Object(attributes.clone()));
        }
    }

    fn document(&mut self, path: &str, name: &str, document: &Value) {
        self.refs.insert(key(path, name), document.to_string().into());
    }

    /// Adds an array under a path inside of the index, with these names of its axes. Small ones, and those in memory,
    /// are held in the index; of the others it says where each chunk is.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the chunks are stored as Zarr v2 has no codecs for.
    pub fn array(&mut self, path: &str, store: &dyn Store, names: &[Option<String>]) -> Result<()> {
        let info = store.info();
        let size = shape::size(&info.shape) * info.dtype.size();
        if size <= INLINE || store.in_memory() {
            let mut bytes = vec![0; size];
            store.read(&Region::full(&info.shape), &mut bytes)?;
            let chunk: Vec<usize> = info.shape.iter().map(|&n| n.max(1)).collect();
            let encoding = Encoding {
                dtype: code(info.dtype, cfg!(target_endian = "big"))?,
                chunk,
                codecs: Vec::new(),
                filters: None,
            };
            self.describe(path, (store, names), &encoding, false);
            if size > 0 {
                let first = vec![0; info.shape.len()];
                self.refs.insert(key(path, &name(&first)), format!("base64:{}", base64(&bytes)).into());
            }
            return Ok(());
        }
        let encoding = store.encoding()?;
        let grid = Chunks::regular(&info.shape, &encoding.chunk)?;
        let mut missing = false;
        for index in Indices::new(&grid.counts()) {
            let at = |e: Error| e.at(format!("chunk {}", shape::tuple(&index))).at(format!("array {}", info.path));
            let Some(place) = store.place(&index).map_err(at)? else {
                missing = true;
                continue;
            };
            let file = if is_url(&place.path) {
                place.path
            } else {
                place.path.canonicalize().map_err(|e| Error::store(&place.path, e))?
            };
            let file = file.to_str().ok_or_else(|| Error::store(&file, "has no name in UTF-8, as an index needs"))?;
            self.refs.insert(key(path, &name(&index)), json!([file, place.offset, place.length]));
        }
        self.describe(path, (store, names), &encoding, missing);
        Ok(())
    }

    fn describe(
        &mut self,
        path: &str,
        (store, names): (&dyn Store, &[Option<String>]),
        encoding: &Encoding,
        missing: bool,
    ) {
        let info = store.info();
        let (compressor, filters) = match encoding.codecs.split_last() {
            Some((last, filters)) if compresses(last) => (last.clone(), filters),
            _ => (Value::Null, encoding.codecs.as_slice()),
        };
        let filters = if filters.is_empty() { Value::Null } else { filters.into() };
        // Readers take the fill value of an array whose dimensions have names for its `_FillValue`.
        let fill = match info.attributes.get("_FillValue") {
            Some(Value::Array(list)) if list.len() == 1 => list[0].clone(),
            Some(value @ (Value::Number(_) | Value::String(_))) => value.clone(),
            _ => info.fill.filter(|_| missing).map_or(Value::Null, number),
        };
        let document = json!({
            "zarr_format": 2,
            "shape": info.shape,
            "chunks": encoding.chunk,
            "dtype": encoding.dtype,
            "compressor": compressor,
            "filters": filters,
            "order": "C",
            "fill_value": fill,
        });
        self.document(path, ".zarray", &document);
        let mut attributes = info.attributes.clone();
        // Readers such as xarray want a name for each axis.
        let name = |i| names.get(i).cloned().flatten().unwrap_or_else(|| format!("{}_dim_{i}", path.replace('/', "_")));
        let names: Vec<String> = (0..info.shape.len()).map(name).collect();
        attributes.insert("_ARRAY_DIMENSIONS".to_owned(), names.into());
        self.document(path, ".zattrs", &Value::Object(attributes));
    }

    /// Writes the index.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file.
    pub fn finish(self) -> Result<()> {
        let document = json!({"version": 1, "refs": self.refs});
        raw::write_whole(&self.path, document.to_string().as_bytes())
    }
}

fn key(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The name of a chunk.
fn name(index: &[usize]) -> String {
    if index.is_empty() {
        return "0".to_owned();
    }
    index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

/// Whether a codec is one that Zarr v2 calls a compressor.
fn compresses(codec: &Value) -> bool {
    let id = codec.get("id").and_then(Value::as_str);
    id.is_some_and(|id| ["zlib", "gzip", "zstd", "bz2", "blosc", "lz4", "lzma"].contains(&id))
}

/// A fill value in JSON.
fn number(value: Scalar) -> Value {
    match value {
        Scalar::Bool(v) => v.into(),
        Scalar::Int(v) => {
            i64::try_from(v).map(Value::from).or_else(|_| u64::try_from(v).map(Value::from)).unwrap_or_default()
        }
        Scalar::Float(v) if v.is_nan() => "NaN".into(),
        Scalar::Float(v) if v.is_infinite() => {
            if v > 0.0 {
                "Infinity".into()
            } else {
                "-Infinity".into()
            }
        }
        Scalar::Float(v) => v.into(),
        Scalar::Complex(_) => Value::Null,
    }
}

/// An element type in the notation of version 2: `<f4`.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for `bfloat16`, which it does not have.
pub(super) fn code(dtype: DType, big: bool) -> Result<String> {
    let kind = match dtype.kind() {
        Kind::Bool => 'b',
        Kind::Signed => 'i',
        Kind::Unsigned => 'u',
        Kind::Float if dtype != DType::BF16 => 'f',
        Kind::Complex => 'c',
        Kind::Float => return Err(Error::unsupported(format!("Zarr v2 has no element type {dtype}"))),
    };
    let order = match (dtype.size(), big) {
        (1, _) => '|',
        (_, true) => '>',
        (_, false) => '<',
    };
    Ok(format!("{order}{kind}{}", dtype.size()))
}

/// Bytes in base 64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn element_types() {
        let codes = [DType::Bool, DType::I16, DType::U64, DType::F16, DType::C64].map(|d| code(d, false).unwrap());
        assert_eq!(codes, ["|b1", "<i2", "<u8", "<f2", "<c8"]);
        assert_eq!(code(DType::F32, true).unwrap(), ">f4");
        assert!(code(DType::BF16, false).is_err());
    }
}
