//! How chunks are encoded, and where they are, for whoever stores them elsewhere or refers to them.

use serde_json::{Value, json};
use std::path::PathBuf;

/// What begins the names of codecs in chains that Zarr v3 alone has.
pub(super) const ZARR_3: &str = "zarr3.";
/// What stands for filters of HDF5 that nobody else has.
pub(super) const HDF5: &str = "hdf5";
/// Codecs that Zarr v2 calls a compressor; others are filters.
const COMPRESSORS: [&str; 8] = ["blosc", "zlib", "gzip", "zstd", "bz2", "lz4", "lzma", "lzf"];

/// How the chunks of a stored array are encoded, in the words of Zarr v2.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// Shape of a chunk; those at the edge are as large.
    pub chunk: Vec<usize>,
    /// Element type: `<f4`.
    pub dtype: String,
    /// Configurations of `numcodecs`, in the order in which they encode.
    pub codecs: Vec<Value>,
    /// The filters of HDF5 that these are, by numbers and values, where they are that.
    pub filters: Option<Vec<(i32, Vec<u32>)>>,
}

/// A piece of a stored array, not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coded {
    /// It was never written.
    Missing,
    /// Its bytes, by the array's [`Store::coding`](super::Store::coding).
    Bytes(Vec<u8>),
    /// It is encoded in another way than the others, and has to be decoded.
    Otherwise,
}

/// Where the bytes of a chunk are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file, or an object.
    File {
        /// Its path.
        path: PathBuf,
        /// The first byte.
        offset: u64,
        /// How many there are.
        length: u64,
    },
    /// Nowhere but here.
    Held(Vec<u8>),
}

/// An encoding as Zarr v2 has it.
#[derive(Debug)]
pub(super) struct V2 {
    pub(super) dtype: String,
    pub(super) order: &'static str,
    pub(super) filters: Value,
    pub(super) compressor: Value,
}

impl Encoding {
    /// The encoding in the words of Zarr v2; the name of the codec for which that has none, otherwise.
    pub(super) fn v2(&self) -> Result<V2, String> {
        let mut rest = self.codecs.as_slice();
        let mut order = "C";
        if let Some((first, others)) = rest.split_first().filter(|(first, _)| id(first) == "transpose") {
            if !is_fortran(first, self.chunk.len()) {
                return Err("transpose".to_owned());
            }
            (order, rest) = ("F", others);
        }
        if self.dtype.ends_with("bfloat16") {
            return Err("bytes of bfloat16".to_owned());
        }
        let foreign = |c: &&Value| id(c) == "transpose" || id(c) == HDF5 || id(c).starts_with(ZARR_3);
        if let Some(codec) = rest.iter().find(foreign) {
            return Err(id(codec).trim_start_matches(ZARR_3).to_owned());
        }
        let packed = rest.last().filter(|last| COMPRESSORS.contains(&id(last)));
        let filters = &rest[..rest.len() - usize::from(packed.is_some())];
        Ok(V2 {
            dtype: self.dtype.clone(),
            order,
            filters: if filters.is_empty() { Value::Null } else { json!(filters) },
            compressor: packed.cloned().unwrap_or(Value::Null),
        })
    }
}

/// The name of a codec.
pub(super) fn id(codec: &Value) -> &str {
    codec.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The order of axes of a `transpose`, where it is that of Fortran.
fn is_fortran(codec: &Value, rank: usize) -> bool {
    let order: Option<Vec<u64>> =
        codec.get("order").and_then(Value::as_array).and_then(|o| o.iter().map(Value::as_u64).collect());
    order.is_some_and(|order| order.len() == rank && order.iter().rev().enumerate().all(|(a, &o)| o == a as u64))
}
