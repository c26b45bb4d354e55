//! New arrays: what they hold and how they are stored.

use super::manifest::Fingerprint;
use super::{Attributes, Encoding};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::shape;
use std::collections::BTreeMap;

/// How a new array is stored.
///
/// ```
/// use hyperslab::store::Create;
/// let how = Create::new().chunks([1, 180, 360]).codec("zstd").overwrite(true);
/// assert_eq!(how.chunks.as_deref(), Some(&[1, 180, 360][..]));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Create {
    /// Chunk shape. Where absent, it is that of the expression if a chunk has 16 KiB to 64 MiB or is the whole array;
    /// otherwise runs of about 4 MiB, whole along the inner axes.
    pub chunks: Option<Vec<usize>>,
    /// Shard shape, a multiple of the chunk shape (Zarr v3); none where absent. Shards are worth their while where
    /// chunks are so small that there would be very many files: they are written whole, and read by parts.
    pub shards: Option<Vec<usize>>,
    /// `zstd`, `gzip`, `blosc-lz4`, `blosc-zstd`, `none`, with an optional level: `zstd:3`. Where absent: in Zarr
    /// `blosc-zstd:1` (with a checksum in version 3), `zstd:3` for elements of one byte; in HDF5 and NetCDF-4 shuffle
    /// and `gzip:4`, which every reader has.
    pub codec: Option<String>,
    /// The format, where the name does not say it: `netcdf3` (or `netcdf3-classic`, `netcdf3-64bit`, `netcdf3-cdf5`;
    /// otherwise the first of these that can hold the array), for names in `.nc`.
    pub format: Option<String>,
    /// Axes that others may make longer later, by name or number: HDF5 and NetCDF. Zarr arrays may grow along any.
    pub unlimited: Vec<String>,
    /// Zarr version, 2 or 3 (default).
    pub zarr_version: Option<u8>,
    /// Whether Zarr v2 keeps chunks in nested folders, as v3 always does: `0/1/2` rather than `0.1.2`.
    pub nested: bool,
    /// Whether an existing array of that name is replaced; refused otherwise.
    pub overwrite: bool,
    /// Dimension names.
    pub names: Vec<Option<String>>,
    /// Attributes.
    pub attributes: Attributes,
    /// Element types of attributes that are numbers, where the format has them and they matter.
    pub types: BTreeMap<String, DType>,
    /// Fill value; zero where absent.
    pub fill: Option<Scalar>,
    /// How chunks are encoded, in place of `chunks`, `shards` and `codec`. An array that is stored like this is copied
    /// chunk by chunk, without being decoded, where it is the whole of what is asked for and the format can have such
    /// chunks; elsewhere this says nothing.
    pub encoding: Option<Encoding>,
    /// Whether an interrupted run of the same output is gone on with, and what is done of this one stays when it fails.
    pub resume: bool,
    /// Whether coordinates of named axes are stored beside the array, where the format has a place for them and they
    /// are not there yet, and attributes are taken over from the array that this one shows where none are given.
    pub coordinates: bool,
    /// Whether a finished array keeps its manifest beside it until [`settle`](super::settle), so that a run that is
    /// interrupted before all of its arrays are finished can be resumed.
    pub receipt: bool,
}

impl Create {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self { coordinates: true, ..Self::default() }
    }

    /// Whether coordinates and attributes come along; they do unless this says no.
    #[must_use]
    pub fn coordinates(mut self, yes: bool) -> Self {
        self.coordinates = yes;
        self
    }

    /// Chunks of this shape.
    #[must_use]
    pub fn chunks(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.chunks = Some(shape.into());
        self
    }

    /// Shards of this shape.
    #[must_use]
    pub fn shards(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.shards = Some(shape.into());
        self
    }

    /// This compression: `zstd`, `gzip:5`, `blosc-lz4`, `none`.
    #[must_use]
    pub fn codec(mut self, codec: impl Into<String>) -> Self {
        self.codec = Some(codec.into());
        self
    }

    /// Replace what is there.
    #[must_use]
    pub fn overwrite(mut self, yes: bool) -> Self {
        self.overwrite = yes;
        self
    }

    /// Go on with a run of the same output that was interrupted, and keep what is done when this one fails. What is
    /// there must come from the same expression, over inputs that have not changed; another is refused, and nothing to
    /// go on with is no fault. Block functions are trusted to be the same when their names are. Zarr and `.npy` outputs
    /// are resumed by chunks (or shards), HDF5 files start over.
    ///
    /// ```
    /// use hyperslab::{Context, store::Create};
    /// let cx = Context::default();
    /// let path = std::env::temp_dir().join(format!("resume-{}.zarr", std::process::id()));
    /// let squares = cx.arange(1000)? * 2;
    /// cx.compute(squares.store(&path, Create::new().resume(true)))?; // killed at any moment, it can be run again
    /// # std::fs::remove_dir_all(path).unwrap();
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[must_use]
    pub fn resume(mut self, yes: bool) -> Self {
        self.resume = yes;
        self
    }
}

impl Layout {
    /// The attributes of the array in a format that has no dates: those that are wished, and what integers count that
    /// are dates or lengths of time, as CF conventions say it.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for years and months, which CF does not count in.
    pub(super) fn cf_attributes(&self) -> Result<Attributes> {
        let mut attributes = self.how.attributes.clone();
        if let Some(time) = self.time {
            if time.unit.is_of_calendar() {
                let why = format!(
                    "{time} in a format of CF conventions, which count no years or months; convert to another unit"
                );
                return Err(Error::unsupported(why));
            }
            attributes.extend(time.attributes());
        }
        Ok(attributes)
    }
}

impl Create {
    /// The axes that may grow, of an array of this rank.
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for one that there is not.
    pub(super) fn grows(&self, rank: usize) -> Result<Vec<usize>> {
        let mut axes = Vec::new();
        for text in &self.unlimited {
            match (self.names.iter().position(|n| n.as_ref() == Some(text)), text.parse::<isize>()) {
                (Some(axis), _) => axes.push(axis),
                (None, Ok(axis)) => axes.push(shape::axes::position("create", axis, rank)?),
                // Of several arrays, not all have it.
                (None, Err(_)) => {}
            }
        }
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }
}

/// A new array: what it holds and how it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Element type.
    pub dtype: DType,
    /// What elements are that are dates or lengths of time; they are `i64` then.
    pub time: Option<TimeType>,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The chunk grid, always regular here.
    pub chunks: Vec<usize>,
    /// The rest.
    pub how: Create,
    /// What it is computed from; without it, no interrupted run is resumed.
    pub run: Option<Fingerprint>,
}
