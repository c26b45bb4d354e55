//! Datasets of libhdf5: how they are stored, where their chunks are, reading and writing.

use super::types::{self, select};
use super::{Id, Res, checked, own, text, with_groups};
use hdf5::sync::sync;
use hdf5_sys::h5::{HADDR_UNDEF, haddr_t, hsize_t};
use hdf5_sys::h5d::{H5D_fill_value_t, H5D_layout_t};
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::{h5d, h5p, h5z};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// How the elements of a dataset are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Layout {
    Compact,
    Contiguous,
    Chunked,
    Virtual,
    Unknown,
}

/// One filter of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct FilterInfo {
    pub id: c_int,
    pub name: String,
    pub values: Vec<u32>,
}

pub(in super::super) fn creation(dataset: &Id) -> Res<Id> {
    own(|| h5!(h5d::H5Dget_create_plist(dataset.0)))
}

pub(in super::super) fn layout(creation: &Id) -> Layout {
    match h5!(h5p::H5Pget_layout(creation.0)) {
        H5D_layout_t::H5D_COMPACT => Layout::Compact,
        H5D_layout_t::H5D_CONTIGUOUS => Layout::Contiguous,
        H5D_layout_t::H5D_CHUNKED => Layout::Chunked,
        H5D_layout_t::H5D_VIRTUAL => Layout::Virtual,
        _ => Layout::Unknown,
    }
}

/// The chunk shape of a chunked dataset of this rank.
pub(in super::super) fn chunk_shape(creation: &Id, rank: usize) -> Res<Vec<u64>> {
    let mut dims = vec![0; rank];
    let max = c_int::try_from(rank).map_err(|_| "too many axes".to_owned())?;
    let found = checked(|| h5!(h5p::H5Pget_chunk(creation.0, max, dims.as_mut_ptr())))?;
    if found != rank || dims.contains(&0) {
        return Err(format!("chunks of rank {found} for an array of rank {rank}, or of no length"));
    }
    Ok(dims)
}

pub(in super::super) fn filters(creation: &Id) -> Res<Vec<FilterInfo>> {
    let count = checked(|| h5!(h5p::H5Pget_nfilters(creation.0)))?;
    (0..c_uint::try_from(count).unwrap_or(0)).map(|i| filter(creation, i)).collect()
}

fn filter(creation: &Id, i: c_uint) -> Res<FilterInfo> {
    let (mut flags, mut config) = (0, 0);
    let mut values = vec![0u32; 64];
    let mut count = values.len();
    let mut name = [0u8; 64];
    let id = sync(|| {
        let (v, n) = (values.as_mut_ptr(), name.as_mut_ptr().cast::<c_char>());
        checked(|| h5!(h5p::H5Pget_filter2(creation.0, i, &raw mut flags, &raw mut count, v, 63, n, &raw mut config)))
    })?;
    values.truncate(count);
    name[63] = 0;
    Ok(FilterInfo { id: c_int::try_from(id).unwrap_or(-1), name: text(name.as_ptr().cast()), values })
}

/// Whether the library itself can decode a filter.
pub(in super::super) fn filter_available(id: c_int) -> bool {
    h5!(h5z::H5Zfilter_avail(id)) > 0
}

/// Whether the library itself can encode a filter.
pub(in super::super) fn filter_encodes(id: c_int) -> bool {
    let mut flags = 0;
    filter_available(id)
        && h5!(h5z::H5Zget_filter_info(id, &raw mut flags)) >= 0
        && flags & h5z::H5Z_FILTER_CONFIG_ENCODE_ENABLED != 0
}

/// Makes a dataset longer.
pub(in super::super) fn set_extent(dataset: &Id, dims: &[u64]) -> Res<()> {
    let found = types::extent(&types::space_of_dataset(dataset)?)?;
    if found.is_none_or(|e| e.dims.len() != dims.len()) {
        return Err("the dataset has another rank".to_owned());
    }
    checked(|| h5!(h5d::H5Dset_extent(dataset.0, dims.as_ptr()))).map(drop)
}

/// Whether chunks that reach over the edge are stored without filters.
pub(in super::super) fn edge_chunks_unfiltered(creation: &Id) -> bool {
    let mut options = 0;
    h5!(h5p::H5Pget_chunk_opts(creation.0, &raw mut options)) >= 0
        && options & h5d::H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS != 0
}

/// Whether the elements are in other files.
pub(in super::super) fn is_external(creation: &Id) -> bool {
    h5!(h5p::H5Pget_external_count(creation.0)) > 0
}

/// One element of what was never written, as the memory type has it; `None` where the file names no value of its own.
pub(in super::super) fn fill_value(creation: &Id, memory: &Id) -> Option<Vec<u8>> {
    let mut status = H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED;
    sync(|| {
        checked(|| h5!(h5p::H5Pfill_value_defined(creation.0, &raw mut status))).ok()?;
        if status != H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED {
            return None;
        }
        let mut value = vec![0u8; types::size(memory).clamp(1, 64)];
        if types::size(memory) > value.len() {
            return None;
        }
        checked(|| h5!(h5p::H5Pget_fill_value(creation.0, memory.0, value.as_mut_ptr().cast()))).ok()?;
        Some(value)
    })
}

/// Where a contiguous dataset begins in its file; `None` while nothing has been written.
pub(in super::super) fn offset(dataset: &Id) -> Option<u64> {
    Some(h5!(h5d::H5Dget_offset(dataset.0))).filter(|&at| at != HADDR_UNDEF)
}

pub(in super::super) fn stored_bytes(dataset: &Id) -> u64 {
    h5!(h5d::H5Dget_storage_size(dataset.0))
}

/// The kinds of chunk index that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum IndexKind {
    /// Addresses follow from the chunk number; nothing is stored.
    Implicit,
    /// One unlimited axis.
    Extensible,
    Other,
}

pub(in super::super) fn index_kind(dataset: &Id) -> Res<IndexKind> {
    let mut kind = 0;
    checked(|| h5!(h5d::H5Dget_chunk_index_type(dataset.0, &raw mut kind)))?;
    Ok(match kind {
        2 => IndexKind::Implicit,
        4 => IndexKind::Extensible,
        _ => IndexKind::Other,
    })
}

/// A chunk as the index has it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct ChunkRecord<'a> {
    /// First element along each axis.
    pub offset: &'a [u64],
    pub mask: u32,
    pub address: u64,
    pub size: u64,
}

struct Visit<'a> {
    rank: usize,
    each: &'a mut dyn FnMut(ChunkRecord<'_>) -> bool,
}

/// Calls `each` with every chunk of the index until it answers false.
pub(in super::super) fn visit_chunks(
    dataset: &Id,
    rank: usize,
    each: &mut dyn FnMut(ChunkRecord<'_>) -> bool,
) -> Res<()> {
    unsafe extern "C" fn call(
        offset: *const hsize_t,
        mask: c_uint,
        address: haddr_t,
        size: hsize_t,
        data: *mut c_void,
    ) -> c_int {
        // SAFETY: the library passes `rank` offsets; `data` is the `Visit` below, alive during the iteration. `each`
        // does not panic: it compares and pushes numbers.
        unsafe {
            let visit = &mut *data.cast::<Visit<'_>>();
            let offset = std::slice::from_raw_parts(offset, visit.rank);
            c_int::from(!(visit.each)(ChunkRecord { offset, mask, address, size }))
        }
    }
    let found = types::extent(&types::space_of_dataset(dataset)?)?;
    if found.is_none_or(|e| e.dims.len() != rank) {
        return Err("the dataset has changed its rank".to_owned());
    }
    let mut visit = Visit { rank, each };
    checked(|| h5!(h5d::H5Dchunk_iter(dataset.0, H5P_DEFAULT, Some(call), (&raw mut visit).cast()))).map(drop)
}

fn spaces(dataset: &Id, memory: &Id, start: &[u64], count: &[u64], bytes: usize) -> Res<(Id, Id)> {
    let wanted = count.iter().try_fold(types::size(memory) as u64, |n, &c| n.checked_mul(c));
    if wanted != Some(bytes as u64) {
        return Err("the buffer does not have the size of the box".to_owned());
    }
    let in_file = types::space_of_dataset(dataset)?;
    select(&in_file, start, count)?;
    Ok((in_file, types::space(count)?))
}

/// Reads a box of a dataset as elements of the type `memory`, which holds no pointers.
pub(in super::super) fn read(dataset: &Id, memory: &Id, start: &[u64], count: &[u64], out: &mut [u8]) -> Res<()> {
    let (in_file, in_memory) = spaces(dataset, memory, start, count, out.len())?;
    let to = out.as_mut_ptr().cast();
    checked(|| h5!(h5d::H5Dread(dataset.0, memory.0, in_memory.0, in_file.0, H5P_DEFAULT, to))).map(drop)
}

/// Writes a box of a dataset through the library's filters.
pub(in super::super) fn write(dataset: &Id, memory: &Id, start: &[u64], count: &[u64], data: &[u8]) -> Res<()> {
    let (in_file, in_memory) = spaces(dataset, memory, start, count, data.len())?;
    let from = data.as_ptr().cast();
    checked(|| h5!(h5d::H5Dwrite(dataset.0, memory.0, in_memory.0, in_file.0, H5P_DEFAULT, from))).map(drop)
}

/// Stores the filtered bytes of one chunk.
pub(in super::super) fn write_chunk(dataset: &Id, offset: &[u64], mask: u32, data: &[u8]) -> Res<()> {
    let found = types::extent(&types::space_of_dataset(dataset)?)?;
    if found.is_none_or(|e| e.dims.len() != offset.len()) {
        return Err("the chunk has another rank than the dataset".to_owned());
    }
    let (at, from) = (offset.as_ptr(), data.as_ptr().cast());
    checked(|| h5!(h5d::H5Dwrite_chunk(dataset.0, H5P_DEFAULT, mask, at, data.len(), from))).map(drop)
}

/// How a new dataset is stored.
#[derive(Debug, Clone)]
pub(in super::super) struct NewDataset {
    pub dims: Vec<u64>,
    /// Axes that may grow.
    pub unlimited: Vec<usize>,
    /// Contiguous where absent.
    pub chunk: Option<Vec<u64>>,
    /// Filter ids and their parameters.
    pub filters: Vec<(c_int, Vec<u32>)>,
    /// One element.
    pub fill: Option<Vec<u8>>,
}

/// Creates a dataset, and the groups on the way to it.
pub(in super::super) fn create(at: &Id, name: &CStr, of: &Id, new: &NewDataset) -> Res<Id> {
    let list = own(|| h5!(h5p::H5Pcreate(*h5p::H5P_CLS_DATASET_CREATE)))?;
    if let Some(chunk) = &new.chunk {
        let rank = c_int::try_from(chunk.len()).map_err(|_| "too many axes".to_owned())?;
        checked(|| h5!(h5p::H5Pset_chunk(list.0, rank, chunk.as_ptr())))?;
    }
    for (id, values) in &new.filters {
        let optional = h5z::H5Z_FLAG_OPTIONAL;
        checked(|| h5!(h5p::H5Pset_filter(list.0, *id, optional, values.len(), values.as_ptr())))?;
    }
    if let Some(fill) = &new.fill {
        if fill.len() != types::size(of) {
            return Err("the fill value is not one element".to_owned());
        }
        checked(|| h5!(h5p::H5Pset_fill_value(list.0, of.0, fill.as_ptr().cast())))?;
    }
    let (space, links) = (types::growing_space(&new.dims, &new.unlimited)?, with_groups()?);
    own(|| h5!(h5d::H5Dcreate2(at.0, name.as_ptr(), of.0, space.0, links.0, list.0, H5P_DEFAULT)))
}
