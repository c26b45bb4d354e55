//! What is known of a stored array without reading its elements.

use super::Attributes;
use crate::chunk::Chunks;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::TimeType;
use crate::op::dates;
use std::collections::BTreeMap;

/// What is known of a stored array without reading its elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// Where it is, as a user would write it.
    pub path: String,
    /// `zarr v3`, `hdf5`, `npy`, ...
    pub format: String,
    /// Element type.
    pub dtype: DType,
    /// What elements are that are dates or lengths of time; they are `i64` then.
    pub time: Option<TimeType>,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The smallest pieces that are read alone (inner chunks of a shard).
    pub chunks: Chunks,
    /// The pieces that are written whole (shards), where they differ from `chunks`.
    pub shards: Option<Chunks>,
    /// Compression, as text for people: `shuffle, deflate 4`.
    pub codecs: String,
    /// Dimension names; empty when the format has none.
    pub names: Vec<Option<String>>,
    /// Attributes.
    pub attributes: Attributes,
    /// Element types of the attributes that are numbers, where the format has them.
    pub types: BTreeMap<String, DType>,
    /// What stands for missing elements by a rule of the format itself, beside the attributes.
    pub missing: Option<Scalar>,
    /// What missing chunks hold.
    pub fill: Option<Scalar>,
    /// Bytes on disk, where that is cheap to know.
    pub stored: Option<u64>,
}

impl Info {
    /// An array in these chunks of which nothing else is known.
    ///
    /// ```
    /// use hyperslab::{chunk::Chunks, dtype::DType, store::Info};
    /// let chunks = Chunks::regular(&[4, 6], &[2, 6])?;
    /// let info = Info { codecs: "gzip 5".to_owned(), ..Info::new("x", "mine", DType::F32, chunks) };
    /// assert_eq!(info.shape, [4, 6]);
    /// assert!(info.decodes_slowly());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[must_use]
    pub fn new(path: impl Into<String>, format: impl Into<String>, dtype: DType, chunks: Chunks) -> Self {
        Self {
            path: path.into(),
            format: format.into(),
            dtype,
            time: None,
            shape: chunks.shape(),
            chunks,
            shards: None,
            codecs: String::new(),
            names: Vec::new(),
            attributes: Attributes::new(),
            types: BTreeMap::new(),
            missing: None,
            fill: None,
            stored: None,
        }
    }

    /// The name of the element type: `float32`, `datetime64[ns]`.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.time.map_or_else(|| self.dtype.to_string(), |time| time.to_string())
    }

    /// What missing chunks hold, as text.
    #[must_use]
    pub fn fill_text(&self) -> Option<String> {
        let text = |fill: Scalar| match (self.time, i64::try_from(fill.to_i128())) {
            (Some(time), Ok(ticks)) => dates::text(time, ticks),
            _ => fill.to_string(),
        };
        self.fill.map(text)
    }

    /// Whether decoding a chunk takes longer than copying it twice: anything but lz4 and its like.
    #[must_use]
    pub fn decodes_slowly(&self) -> bool {
        ["gzip", "zlib", "deflate", "zstd", "bz2", "bzip2", "lzma", "pco", "zfp", "szip"]
            .iter()
            .any(|codec| self.codecs.contains(codec))
    }
}
