//! Writing a dataset: into a file of its own, which becomes the target or is merged into it.

use super::encode::{Codec, Repacker, Tools};
use super::ffi::dataset::{self as raw, FilterInfo, NewDataset};
use super::ffi::types;
use super::ffi::{self, Id, ObjectKind};
use super::{DEFAULT_NAME, attributes, is_one};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::copy_box;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::lock::Lock;
use crate::store::staging::Staging;
use crate::store::unpack::KEPT;
use crate::store::{Attributes, Encoding, Layout, Sink};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// A dataset being written. Dropped before [`Sink::finish`], it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Writer {
    target: PathBuf,
    inner: String,
    staging: Staging,
    /// Closed and gone once finished.
    open: Option<(Id, Id)>,
    dtype: DType,
    grid: Chunks,
    /// Absent for arrays without an axis or an element, which are contiguous.
    chunk: Option<Vec<usize>>,
    codec: Codec,
    /// What encodes chunks in place of the codec: filters of another array, whose chunks are copied.
    repacker: Option<Repacker>,
    fill: Vec<u8>,
    overwrite: bool,
}

/// Memory that a thread uses again for every chunk.
#[derive(Default)]
struct Scratch {
    chunk: Vec<u8>,
    tools: Tools,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Writer {
    /// Begins the array `inner` of the file at `path`.
    pub(super) fn create(path: &Path, inner: &str, layout: &Layout) -> Result<Self> {
        let inner = if inner.is_empty() { DEFAULT_NAME } else { inner };
        let codec = Codec::of(layout.how.codec.as_deref())?;
        let overwrite = layout.how.overwrite;
        let mut staging = Staging::begin(path, inner, &layout.how, None)?;
        check_target(path, inner, overwrite)?;
        let grid = Chunks::regular(&layout.shape, &layout.chunks)?;
        let unlimited = layout.how.grows(layout.shape.len())?;
        let chunked = !layout.shape.is_empty() && (!layout.shape.contains(&0) || !unlimited.is_empty());
        let chunk = chunked.then(|| grid.longest().iter().map(|&n| n.max(1)).collect::<Vec<_>>());
        let kept = layout.how.encoding.as_ref().and_then(filters_of);
        let itemsize = layout.dtype.size();
        let fill = layout.how.fill.map(|f| f.to_bytes(layout.dtype)[..layout.dtype.size()].to_vec());
        let wide = |v: &[usize]| v.iter().map(|&n| n as u64).collect::<Vec<u64>>();
        let new = NewDataset {
            dims: wide(&layout.shape),
            unlimited,
            chunk: chunk.as_deref().map(wide),
            filters: match (&kept, &chunk) {
                (Some(kept), _) => kept.iter().map(|f| (f.id, f.values.clone())).collect(),
                (None, Some(c)) => codec.filters(itemsize, shape::size(c) * itemsize),
                (None, None) => Vec::new(),
            },
            fill: fill.clone(),
        };
        let attributes = layout.cf_attributes()?;
        staging.open()?;
        let mut writer = Self {
            target: path.to_path_buf(),
            inner: inner.to_owned(),
            staging,
            open: None,
            dtype: layout.dtype,
            grid,
            chunk,
            codec,
            repacker: kept.map(|filters| Repacker::new(&filters, itemsize)),
            fill: fill.unwrap_or_else(|| vec![0; layout.dtype.size()]),
            overwrite,
        };
        writer.begin(&new, layout, &attributes).map_err(|e| Error::store(path.join(inner), e))?;
        Ok(writer)
    }

    fn begin(&mut self, new: &NewDataset, layout: &Layout, attributes: &Attributes) -> ffi::Res<()> {
        let name = ffi::c_name(&self.inner)?;
        ffi::locked(|| {
            let file = ffi::create_file(&self.staging.part())?;
            let dataset = raw::create(&file, &name, &types::native(self.dtype)?, new)?;
            let how = &layout.how;
            attributes::write_all(&dataset, attributes, &how.names, self.dtype, &how.types)?;
            self.open = Some((file, dataset));
            Ok(())
        })
    }

    fn fail(&self, why: impl std::fmt::Display) -> Error {
        Error::store(self.target.join(&self.inner), why)
    }

    fn dataset(&self) -> Result<&Id> {
        self.open.as_ref().map(|(_, dataset)| dataset).ok_or_else(|| Error::bug("a sink is open until it is finished"))
    }

    /// Writes a box through the library.
    fn write_box(&self, region: &Region, data: &[u8]) -> Result<()> {
        let wide = |v: &[usize]| v.iter().map(|&n| n as u64).collect::<Vec<u64>>();
        let dataset = self.dataset()?;
        let memory = types::native(self.dtype).map_err(|e| self.fail(e))?;
        raw::write(dataset, &memory, &wide(&region.start), &wide(&region.shape), data).map_err(|e| self.fail(e))
    }

    /// Writes one whole chunk, given as the library stores it before its filters.
    fn write_chunk(&self, start: &[usize], data: &[u8], scratch: &mut Scratch) -> Result<()> {
        let offset: Vec<u64> = start.iter().map(|&n| n as u64).collect();
        if let Some(repacker) = &self.repacker {
            let (mask, stored) = repacker.encode(Cow::Borrowed(data)).map_err(|e| self.fail(e))?;
            return raw::write_chunk(self.dataset()?, &offset, mask, &stored).map_err(|e| self.fail(e));
        }
        let (mask, stored) =
            self.codec.encode(data, self.dtype.size(), &mut scratch.tools).map_err(|e| self.fail(e))?;
        raw::write_chunk(self.dataset()?, &offset, mask, stored).map_err(|e| self.fail(e))
    }

    /// Writes the chunks of a region, one after the other.
    fn write_chunks(&self, region: &Region, data: &[u8], chunk: &[usize], scratch: &mut Scratch) -> Result<()> {
        let itemsize = self.dtype.size();
        let touching = self.grid.touching(region);
        for step in Indices::new(&touching.shape) {
            let place: Vec<usize> = step.iter().zip(&touching.start).map(|(s, t)| s + t).collect();
            let bounds = self.grid.region(&place);
            let at = |e: Error| e.at(format!("chunk {}", shape::tuple(&place)));
            if bounds == *region && bounds.shape == chunk {
                return self.write_chunk(&bounds.start, data, scratch).map_err(at);
            }
            // Chunks are stored in full, also those that reach over the edge.
            let mut buffer = std::mem::take(&mut scratch.chunk);
            buffer.resize(shape::size(chunk) * itemsize, 0);
            if bounds.shape != chunk {
                buffer.chunks_exact_mut(itemsize).for_each(|e| e.copy_from_slice(&self.fill));
            }
            let (from, zero) = (bounds.relative_to(region).start, vec![0; chunk.len()]);
            copy_box(data, &region.shape, &from, &mut buffer, chunk, &zero, &bounds.shape, itemsize);
            let result = self.write_chunk(&bounds.start, &buffer, scratch);
            scratch.chunk = buffer;
            result.map_err(at)?;
        }
        Ok(())
    }

    /// Puts the finished file in the target's place, or the array into the target; whether it did the latter.
    fn install(&self) -> ffi::Res<bool> {
        if !self.target.exists() {
            return Ok(false);
        }
        let is_file = is_one(&self.target);
        if !self.overwrite && !is_file {
            return Err("a file of that name exists".to_owned());
        }
        if !is_file || (self.overwrite && self.is_all_of_target()) {
            return Ok(false);
        }
        let name = ffi::c_name(&self.inner)?;
        let from = ffi::open_file(&self.staging.part(), false)?;
        let to = ffi::open_file(&self.target, true)?;
        let result = merge(&from, &to, &name, self.overwrite);
        let closed = ffi::close_file(to);
        drop(from);
        result.and(closed)?;
        Ok(true)
    }

    /// Whether the target holds nothing but the array to be replaced.
    fn is_all_of_target(&self) -> bool {
        let names = ffi::open_file(&self.target, false).and_then(|f| ffi::children(&ffi::open_object(&f, c"/")?));
        names.is_ok_and(|names| names.len() == 1 && names[0].to_bytes() == self.inner.as_bytes())
    }
}

/// The filters that store chunks as `encoding` says; `None` where there are none.
pub(super) fn filters_of(encoding: &Encoding) -> Option<Vec<FilterInfo>> {
    let named = |(id, values): &(i32, Vec<u32>)| FilterInfo { id: *id, name: String::new(), values: values.clone() };
    if let Some(filters) = &encoding.filters {
        return Some(filters.iter().map(named).collect());
    }
    let filter = |codec: &Value| {
        let number = |key: &str, other: i64| codec.get(key).and_then(Value::as_i64).unwrap_or(other);
        let value = |key: &str, other: i64| i32::try_from(number(key, other)).ok().map(i32::cast_unsigned);
        let (id, values) = match codec.get("id").and_then(Value::as_str)? {
            "shuffle" => (2, vec![value("elementsize", 4)?]),
            "fletcher32" => (3, Vec::new()),
            "zlib" => (1, vec![value("level", 1)?.min(9)]),
            // What every library reads; there are filters for others.
            _ => return None,
        };
        Some(FilterInfo { id, name: String::new(), values })
    };
    encoding.codecs.iter().map(filter).collect()
}

/// Copies the array `name`; one that stands there already is replaced or left.
fn merge(from: &Id, to: &Id, name: &CString, overwrite: bool) -> ffi::Res<()> {
    if ffi::open_object(to, name).is_ok() {
        if !overwrite {
            return Err("an array of that name exists".to_owned());
        }
        ffi::unlink(to, name)?;
    }
    ffi::copy(from, name, to, name)
}

/// Refuses to begin what could not be finished.
fn check_target(path: &Path, inner: &str, overwrite: bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let fail = |why: &str| Error::store(path.join(inner), why);
    if path.is_dir() {
        return Err(Error::store(path, "is a folder"));
    }
    if !is_one(path) {
        let why = "exists and is no HDF5 file; overwrite replaces it";
        return if overwrite { Ok(()) } else { Err(Error::store(path, why)) };
    }
    ffi::locked(|| {
        let file = ffi::open_file(path, false).map_err(|e| Error::store(path, e))?;
        let mut upto = String::new();
        for part in inner.split('/') {
            upto = format!("{upto}/{part}");
            let name = ffi::c_name(&upto).map_err(|e| fail(&e))?;
            let Ok(object) = ffi::open_object(&file, &name) else { return Ok(()) };
            let last = upto.len() == inner.len() + 1;
            match ffi::kind(&object) {
                ObjectKind::Group if last => return Err(fail("is a group")),
                ObjectKind::Group => {}
                ObjectKind::Dataset if last && overwrite => {}
                _ if last => return Err(fail("exists already and is not to be replaced")),
                _ => return Err(fail(&format!("`{upto}` is no group"))),
            }
        }
        Ok(())
    })
}

impl Sink for Writer {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        let fits = region.rank() == self.grid.rank() && data.len() == region.size() * self.dtype.size();
        if !fits || !self.grid.aligned(region) {
            return Err(Error::bug(format!("{region} is a union of chunks {} and its data fit", self.grid)));
        }
        if data.is_empty() {
            return Ok(());
        }
        let Some(chunk) = &self.chunk else { return self.write_box(region, data) };
        let mut scratch = SCRATCH.take();
        let result = self.write_chunks(region, data, chunk, &mut scratch);
        if scratch.chunk.capacity() + scratch.tools.held() <= KEPT {
            SCRATCH.set(scratch);
        }
        result
    }

    fn write_coded(&self, index: &[usize], bytes: Vec<u8>) -> Result<()> {
        let start: Vec<u64> = self.grid.region(index).start.iter().map(|&n| n as u64).collect();
        raw::write_chunk(self.dataset()?, &start, 0, &bytes).map_err(|e| self.fail(e))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let Some((file, dataset)) = self.open.take() else {
            return Err(Error::bug("a sink is finished once"));
        };
        ffi::locked(|| {
            drop(dataset);
            ffi::close_file(file)
        })
        .map_err(|e| self.fail(e))?;
        // Arrays of one file are put into it one after the other, by whatever process.
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        let merging = Lock::wait(&self.target.with_file_name(format!(".merge.{name}"))).map_err(|e| self.fail(e))?;
        let merged = ffi::locked(|| self.install()).map_err(|e| self.fail(e))?;
        let done = if merged { Ok(()) } else { self.staging.place_at(&self.target.clone()) };
        drop(merging);
        done
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some((file, dataset)) = self.open.take() {
            drop(dataset);
            drop(file);
        }
    }
}
