//! Changing a dataset that exists: parts of it, and how long its axes are.
//!
//! Chunks are encoded by the threads that compute, into a file beside the target; those that are changed in part are
//! read before. At the end of the run they are put into the file, one after the other: what fails before leaves it as
//! it is, and a crash at that moment may damage it. What our filters do not encode goes through the library then, box
//! by box.

use super::dataset::{Hdf5Array, Source};
use super::encode::Repacker;
use super::ffi::dataset as raw;
use super::ffi::types;
use super::ffi::{self, Id};
use super::{DEFAULT_NAME, Hdf5, shown};
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::swap_bytes;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::lock::Lock;
use crate::store::staging::Staging;
use crate::store::{Change, Create, Sink, Store, raw as files};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A dataset being changed.
#[derive(Debug)]
pub(super) struct ChangeSink {
    path: PathBuf,
    shown: PathBuf,
    old: Arc<Hdf5Array>,
    change: Change,
    grid: Chunks,
    /// The shape of a chunk and its filters, where we encode them.
    chunked: Option<(Vec<usize>, Repacker)>,
    staging: Staging,
    spool: File,
    made: Mutex<Made>,
}

/// What lies in the file beside the target.
#[derive(Debug, Default)]
struct Made {
    bytes: u64,
    pieces: Vec<Piece>,
}

/// A chunk as it is stored, or the elements of a box.
#[derive(Debug)]
struct Piece {
    place: Region,
    mask: u32,
    at: u64,
    len: usize,
}

impl ChangeSink {
    pub(super) fn new(path: &Path, inner: &str, change: &Change) -> Result<Self> {
        let inner = name(path, inner.trim_matches('/'))?;
        let shown = shown(path, &inner);
        let mut staging = Staging::begin(path, &inner, &Create::new(), None)?;
        let old = Arc::new(Hdf5::array(path, &inner)?);
        change.check(&old.info.shape, &shown)?;
        let fail = |why: String| Error::unsupported(format!("{}: {why}", shown.display()));
        let repacker = ffi::locked(|| check(path, &old, change)).map_err(fail)?;
        let grid = change.grid(old.piece().as_deref(), &old.info.chunks);
        if let Source::Chunked(chunked) = &old.source {
            // Known before anything changes.
            old.index(chunked)?;
        }
        staging.open()?;
        let spool = OpenOptions::new().read(true).write(true).create_new(true).open(staging.part());
        let spool = spool.map_err(|e| Error::store(staging.part(), format!("cannot be created: {e}")))?;
        let chunked = repacker.and_then(|r| Some((old.piece()?, r)));
        let (path, change) = (path.to_owned(), change.clone());
        Ok(Self { path, shown, old, change, grid, chunked, staging, spool, made: Mutex::default() })
    }

    /// Notes a piece, and writes its bytes beside the target.
    fn keep(&self, place: Region, mask: u32, bytes: &[u8]) -> Result<()> {
        let mut made = self.made.lock();
        let at = made.bytes;
        made.bytes += bytes.len() as u64;
        made.pieces.push(Piece { place, mask, at, len: bytes.len() });
        drop(made);
        files::write_at(&self.spool, &self.staging.part(), at, bytes)
    }

    /// Puts what was made into the file.
    fn install(&self, made: &Made) -> Result<()> {
        let fail = |why: String| Error::store(&self.shown, why);
        let file = ffi::open_file(&self.path, true).map_err(fail)?;
        let dataset = ffi::open_dataset(&file, &self.old.inner).map_err(fail)?;
        let done = self.put(&dataset, made);
        drop(dataset);
        let closed = ffi::close_file(file).map_err(fail);
        done.and(closed)
    }

    fn put(&self, dataset: &Id, made: &Made) -> Result<()> {
        let fail = |why: String| Error::store(&self.shown, why);
        let wide = |v: &[usize]| v.iter().map(|&n| n as u64).collect::<Vec<u64>>();
        let extent = types::space_of_dataset(dataset).and_then(|space| types::extent(&space)).map_err(fail)?;
        if extent.is_none_or(|e| e.dims != wide(&self.change.before)) {
            return Err(Error::store(&self.shown, "has another shape than when it was opened; run it again"));
        }
        if self.change.grows() {
            raw::set_extent(dataset, &wide(&self.change.after())).map_err(fail)?;
        }
        let memory = types::of_dataset(dataset).and_then(|of| self.old.stored.memory(&of)).map_err(fail)?;
        let mut bytes = Vec::new();
        for piece in &made.pieces {
            bytes.resize(piece.len, 0);
            files::read_at(&self.spool, &self.staging.part(), piece.at, &mut bytes)?;
            let (start, lengths) = (wide(&piece.place.start), wide(&piece.place.shape));
            match &self.chunked {
                Some((shape, _)) => {
                    if self.keeps_mask(piece, shape)? {
                        let longer = [bytes.as_slice(), &[0]].concat();
                        raw::write_chunk(dataset, &start, piece.mask, &longer).map_err(fail)?;
                    }
                    raw::write_chunk(dataset, &start, piece.mask, &bytes)
                }
                None => raw::write(dataset, &memory, &start, &lengths, &bytes),
            }
            .map_err(|why| fail(why).at(format!("writing {}", piece.place)))?;
        }
        Ok(())
    }
}

impl ChangeSink {
    /// Whether the library (2.2.0 at least) would forget which filters were left out of a chunk: it does where one of
    /// another mask and the same size stands there.
    fn keeps_mask(&self, piece: &Piece, shape: &[usize]) -> Result<bool> {
        let Source::Chunked(chunked) = &self.old.source else { return Ok(false) };
        let index: Vec<usize> = piece.place.start.iter().zip(shape).map(|(s, n)| s / n).collect();
        let counts = self.old.info.chunks.counts();
        if index.iter().zip(&counts).any(|(i, n)| i >= n) {
            return Ok(false);
        }
        let number = self.old.info.chunks.number(&index) as u64;
        let there = self.old.index(chunked)?.get(number);
        Ok(there.is_some_and(|there| there.size == piece.len as u64 && there.mask != piece.mask))
    }
}

/// The name of the array that is meant.
fn name(path: &Path, inner: &str) -> Result<String> {
    if !inner.is_empty() {
        return Ok(inner.to_owned());
    }
    let only = ffi::locked(|| {
        let file = ffi::open_file(path, false).map_err(|e| Error::store(path, e))?;
        super::only_array(&file, path)
    });
    only.map(|name| if name.is_empty() { DEFAULT_NAME.to_owned() } else { name })
}

/// That a dataset can be changed so.
pub(super) fn admits(path: &Path, inner: &str, change: &Change) -> Result<()> {
    let inner = name(path, inner.trim_matches('/'))?;
    let old = Hdf5::array(path, &inner)?;
    let fail = |why: String| Error::unsupported(format!("{}: {why}", shown(path, &inner).display()));
    ffi::locked(|| check(path, &old, change)).map(drop).map_err(fail)
}

/// Whether the dataset can be changed like this; what encodes its chunks, unless the library does.
fn check(path: &Path, old: &Hdf5Array, change: &Change) -> ffi::Res<Option<Repacker>> {
    let file = ffi::open_file(path, false)?;
    let dataset = ffi::open_dataset(&file, &old.inner)?;
    let creation = raw::creation(&dataset)?;
    let extent = types::extent(&types::space_of_dataset(&dataset)?)?.ok_or("holds no elements at all (H5S_NULL)")?;
    for (axis, (&n, most)) in change.after().iter().zip(&extent.max).enumerate() {
        if let Some(most) = most.filter(|&most| n as u64 > most) {
            let why =
                "only a dataset that was made to grow along it (maxshape in h5py, an unlimited dimension in NetCDF-4)";
            return Err(format!("axis {axis} is no longer than {most}, not {n}: what grows is {why}"));
        }
    }
    if raw::layout(&creation) == raw::Layout::Virtual {
        return Err("is made of other datasets; change those".to_owned());
    }
    let filters = raw::filters(&creation)?;
    if let Source::Chunked(chunked) = &old.source
        && !chunked.edges_unfiltered
    {
        return Ok(Some(Repacker::new(&filters, old.info.dtype.size())));
    }
    match filters.iter().find(|f| !raw::filter_encodes(f.id)) {
        Some(filter) => Err(format!("the library does not encode its filter {} `{}`", filter.id, filter.name)),
        None => Ok(None),
    }
}

impl Sink for ChangeSink {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        if !self.grid.aligned(region) || data.len() != region.size() * self.old.info.dtype.size() {
            return Err(Error::bug(format!("{region} is a union of pieces {} and its data fit", self.grid)));
        }
        let written = self.change.written(region);
        let Some((shape, repacker)) = &self.chunked else { return self.keep(written, 0, data) };
        for (index, own) in self.change.pieces(region, shape) {
            let start = index.iter().zip(shape).map(|(i, n)| i * n).collect();
            let chunk = Region::new(start, shape.clone());
            let at = |e: Error| e.at(format!("changing chunk {}", shape::tuple(&index))).at(self.shown.display());
            let mut elements =
                self.change.elements((&*self.old, &self.old.fill), &chunk, &own, &written, data).map_err(at)?;
            if self.old.stored.swap > 0 {
                swap_bytes(elements.to_mut(), self.old.stored.swap);
            }
            let (mask, bytes) = repacker.encode(elements).map_err(|why| at(Error::store(&self.shown, why)))?;
            self.keep(chunk, mask, &bytes).map_err(at)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut made = std::mem::take(&mut *self.made.lock());
        made.pieces.sort_by(|a, b| a.place.start.cmp(&b.place.start));
        // Arrays of one file are changed one after the other, by whatever process.
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let fail = |e: std::io::Error| Error::store(&self.shown, e);
        let merging = Lock::wait(&self.path.with_file_name(format!(".merge.{name}"))).map_err(fail)?;
        let done = ffi::locked(|| self.install(&made));
        drop(merging);
        done
    }
}
