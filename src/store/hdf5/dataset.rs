//! One dataset: what is known of it, and how its elements are reached.

use super::attributes::{Scales, dimension_names, read_all};
use super::chunks::ChunkIndex;
use super::ffi::dataset::{self as raw, FilterInfo, Layout};
use super::ffi::types;
use super::ffi::{self, Id, ObjectKind};
use super::filters::{OFFERED, Pipeline};
use super::types::Stored;
use crate::chunk::{Chunks, auto};
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::Info;
use crate::store::input::Input;
use parking_lot::Mutex;
use std::ffi::CString;
use std::sync::Arc;

/// A readable dataset. Nothing of the library stays open between calls.
#[derive(Debug)]
pub(super) struct Hdf5Array {
    pub info: Info,
    /// The file, and the dataset in it.
    pub file: Arc<Input>,
    pub inner: CString,
    /// One element of what was never written.
    pub fill: Vec<u8>,
    pub stored: Stored,
    pub source: Source,
}

/// Where the elements come from.
#[derive(Debug)]
pub(super) enum Source {
    /// One run of bytes; `None` when nothing was ever written.
    Contiguous(Option<Arc<Input>>, u64),
    /// Chunks that we decode.
    Chunked(Box<Chunked>),
    /// Whatever the library makes of it; the reason why it cannot, where that is known.
    Library { refusal: Option<String> },
}

/// A dataset in chunks, through filters of our own.
#[derive(Debug)]
pub(super) struct Chunked {
    pub file: Arc<Input>,
    /// Shape of a stored chunk; it may reach over the edge.
    pub chunk: Vec<usize>,
    pub pipeline: Pipeline,
    /// The filters of the pipeline, as the file has them.
    pub filters: Vec<FilterInfo>,
    /// Whether chunks that reach over the edge bypass the pipeline.
    pub edges_unfiltered: bool,
    pub index: Mutex<Option<Arc<ChunkIndex>>>,
}

/// The file that holds the bytes of a dataset; through an external link it is another one than was opened.
fn holder(dataset: &Id, opened: &Arc<Input>) -> Result<Arc<Input>> {
    match ffi::file_of(dataset) {
        Some(path) if path != opened.path() => Input::open(&path),
        _ => Ok(Arc::clone(opened)),
    }
}

impl Hdf5Array {
    /// The dataset at `inner` of the open `file`.
    pub(super) fn open(file: &Id, input: &Arc<Input>, inner: &str, scales: &mut Scales) -> Result<Self> {
        let shown = input.path().join(inner);
        let fail = |why: String| Error::store(&shown, why);
        let name = ffi::c_name(&format!("/{inner}")).map_err(fail)?;
        let object = ffi::open_object(file, &name).map_err(fail)?;
        match ffi::kind(&object) {
            ObjectKind::Dataset => drop(object),
            ObjectKind::Group => return Err(fail("is a group, not an array".to_owned())),
            _ => return Err(Error::unsupported(format!("{}: is not an array", shown.display()))),
        }
        let dataset = ffi::open_dataset(file, &name).map_err(fail)?;
        Self::describe(&dataset, input, inner, name, scales)
    }

    fn describe(dataset: &Id, input: &Arc<Input>, inner: &str, name: CString, scales: &mut Scales) -> Result<Self> {
        let shown = input.path().join(inner);
        let fail = |why: String| Error::store(&shown, why);
        let datatype = types::of_dataset(dataset).map_err(fail)?;
        let stored =
            Stored::of(&datatype).map_err(|what| Error::unsupported(format!("{}: holds {what}", shown.display())))?;
        let dims = lengths(dataset, stored.dtype.size()).map_err(fail)?;
        let creation = raw::creation(dataset).map_err(fail)?;
        let memory = stored.memory(&datatype).map_err(fail)?;
        let fill = raw::fill_value(&creation, &memory).unwrap_or_default();
        let filters = raw::filters(&creation).map_err(fail)?;
        let (chunks, source) = source(dataset, &creation, input, &stored, &dims, &filters)
            .map_err(|e| if e.frames().is_empty() { e.at(format!("dataset {inner}")) } else { e })?;
        // For chunks, the library adds up its whole index, which takes requests behind a network.
        let is_small = chunks.count() <= 4096 && !input.is_remote();
        let cheap_size = raw::layout(&creation) != Layout::Chunked || is_small;
        let (attributes, attribute_types) = read_all(dataset);
        let info = Info {
            path: shown.display().to_string(),
            format: "hdf5".to_owned(),
            dtype: stored.dtype,
            names: dimension_names(dataset, inner, dims.len(), scales),
            time: None,
            shape: dims,
            chunks,
            shards: None,
            codecs: filters.iter().map(describe_filter).collect::<Vec<_>>().join(", "),
            attributes,
            types: attribute_types,
            missing: None,
            fill: (!fill.is_empty()).then(|| Scalar::from_bytes(stored.dtype, &fill)),
            stored: cheap_size.then(|| raw::stored_bytes(dataset)),
        };
        let fill = if fill.is_empty() { vec![0; stored.dtype.size()] } else { fill };
        Ok(Self { info, file: Arc::clone(input), inner: name, fill, stored, source })
    }

    /// The chunk index, read on first use.
    pub(super) fn index(&self, chunked: &Chunked) -> Result<Arc<ChunkIndex>> {
        let mut slot = chunked.index.lock();
        if let Some(index) = slot.as_ref() {
            return Ok(Arc::clone(index));
        }
        let chunk: Vec<u64> = chunked.chunk.iter().map(|&c| c as u64).collect();
        let counts = self.info.chunks.counts();
        let read = || {
            let file = ffi::open_input(&self.file)?;
            let dataset = ffi::open_dataset(&file, &self.inner)?;
            ChunkIndex::read(&dataset, &chunk, &counts, self.info.dtype.size(), chunked.file.length())
        };
        let read = || ffi::locked(read).map_err(|e| Error::store(&self.info.path, e));
        let index = Arc::new(ffi::watched(read).map_err(|e| e.at("reading the chunk index"))?);
        *slot = Some(Arc::clone(&index));
        Ok(index)
    }
}

/// The shape of a dataset whose bytes can be counted.
fn lengths(dataset: &Id, itemsize: usize) -> ffi::Res<Vec<usize>> {
    let extent = types::extent(&types::space_of_dataset(dataset)?)?.ok_or("holds no elements at all (H5S_NULL)")?;
    let dims: Option<Vec<usize>> = extent.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let size = dims.as_deref().and_then(shape::checked_size).and_then(|n| n.checked_mul(itemsize));
    match (dims, size) {
        (Some(dims), Some(bytes)) if bytes <= isize::MAX.unsigned_abs() => Ok(dims),
        _ => Err(format!("the shape {} has more bytes than can be counted", shape::tuple(&extent.dims))),
    }
}

fn source(
    dataset: &Id,
    creation: &Id,
    input: &Arc<Input>,
    stored: &Stored,
    dims: &[usize],
    filters: &[FilterInfo],
) -> Result<(Chunks, Source)> {
    let fail = |why: String| Error::store(input.path(), why);
    let whole = || auto::auto(dims, stored.dtype.size());
    match raw::layout(creation) {
        Layout::Contiguous if stored.direct && !raw::is_external(creation) => {
            let source = match raw::offset(dataset) {
                Some(at) => Source::Contiguous(Some(holder(dataset, input)?), at),
                None => Source::Contiguous(None, 0),
            };
            Ok((whole(), source))
        }
        Layout::Chunked => {
            let chunk = raw::chunk_shape(creation, dims.len()).map_err(fail)?;
            let chunk: Option<Vec<usize>> = chunk.into_iter().map(|c| usize::try_from(c).ok()).collect();
            let chunk = chunk.ok_or_else(|| fail("the chunks are too large".to_owned()))?;
            let grid = Chunks::regular(dims, &chunk)?;
            let bytes = shape::checked_size(&chunk).and_then(|n| n.checked_mul(stored.dtype.size()));
            let pipeline = bytes.and_then(|b| Pipeline::new(filters, b, stored.dtype.size()));
            let Some(pipeline) = pipeline.filter(|_| stored.direct) else {
                return Ok((grid, Source::Library { refusal: refusal(filters) }));
            };
            let edges_unfiltered = raw::edge_chunks_unfiltered(creation);
            let file = holder(dataset, input)?;
            let index = Mutex::new(None);
            let filters = filters.to_vec();
            Ok((grid, Source::Chunked(Box::new(Chunked { file, chunk, pipeline, filters, edges_unfiltered, index }))))
        }
        _ if input.is_remote() && raw::is_external(creation) => {
            let refusal = Some("keeps its elements in other files, which are not read behind a network".to_owned());
            Ok((whole(), Source::Library { refusal }))
        }
        _ => Ok((whole(), Source::Library { refusal: None })),
    }
}

/// Why the library cannot decode a pipeline either.
fn refusal(filters: &[FilterInfo]) -> Option<String> {
    let missing = filters.iter().find(|f| !OFFERED.contains(&f.id) && !raw::filter_available(f.id))?;
    Some(format!("is compressed with the filter {}, which is not available", describe_filter(missing)))
}

fn describe_filter(filter: &FilterInfo) -> String {
    let value = |i: usize| filter.values.get(i).copied().unwrap_or(0);
    match filter.id {
        1 => format!("deflate {}", value(0)),
        2 => "shuffle".to_owned(),
        3 => "fletcher32".to_owned(),
        4 => "szip".to_owned(),
        5 => "nbit".to_owned(),
        6 => "scaleoffset".to_owned(),
        307 => "bzip2".to_owned(),
        32000 => "lzf".to_owned(),
        32001 => "blosc".to_owned(),
        32004 => "lz4".to_owned(),
        32008 => match value(4) {
            2 => "bitshuffle lz4".to_owned(),
            3 => "bitshuffle zstd".to_owned(),
            _ => "bitshuffle".to_owned(),
        },
        32013 => "zfp".to_owned(),
        32015 => "zstd".to_owned(),
        32026 => "blosc2".to_owned(),
        id => {
            let name = filter.name.split([';', '\n']).next().unwrap_or_default();
            format!("`{}` ({id})", name.escape_default())
        }
    }
}
