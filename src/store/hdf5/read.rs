//! Reading a region of a dataset.

use super::chunks::{ChunkIndex, Entry};
use super::dataset::{Chunked, Hdf5Array, Source};
use super::ffi;
use super::ffi::dataset as raw_dataset;
use super::ffi::types;
use super::filters::{Scratch, offer_all};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::{copy_box, swap_bytes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::extent::{Extent, fetch_chunks};
use crate::store::index::code;
use crate::store::input::Input;
use crate::store::meter::within_library;
use crate::store::remote::ahead::Ahead;
use crate::store::{Coded, Encoding, Info, Place, Store};
use serde_json::json;
use std::cell::Cell;
use std::sync::Arc;

/// Contiguous data is read in spans of at most this many bytes where a region leaves gaps.
const SPAN: usize = 1 << 20;

/// Rows closer together than this cost the same with the gaps between them.
const PAGE: u64 = 4096;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Store for Hdf5Array {
    fn stamp(&self) -> Option<String> {
        self.file.stamp()
    }

    fn info(&self) -> &Info {
        &self.info
    }

    fn piece(&self) -> Option<Vec<usize>> {
        Some(match &self.source {
            Source::Chunked(chunked) => chunked.chunk.clone(),
            Source::Contiguous(..) | Source::Library { .. } => {
                self.info.chunks.longest().iter().map(|&n| n.max(1)).collect()
            }
        })
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let itemsize = self.info.dtype.size();
        let inside =
            region.rank() == self.info.shape.len() && (0..region.rank()).all(|a| region.end(a) <= self.info.shape[a]);
        if !inside || out.len() != region.size() * itemsize {
            return Err(Error::bug(format!("{region} lies in {} and its buffer fits", shape::tuple(&self.info.shape))));
        }
        if out.is_empty() {
            return Ok(());
        }
        match &self.source {
            Source::Contiguous(None, _) => {
                fill_box(out, &region.shape, &vec![0; region.rank()], &region.shape, &self.fill);
                Ok(())
            }
            Source::Contiguous(Some(file), at) => {
                self.contiguous(file, *at, region, out).map_err(|e| e.at(&self.info.path))?;
                self.finish(out);
                Ok(())
            }
            Source::Chunked(chunked) => {
                let mut scratch = SCRATCH.take();
                let result = self.chunked(chunked, region, out, &mut scratch);
                SCRATCH.set(scratch.trimmed());
                result
            }
            Source::Library { refusal } => self.library(refusal.as_deref(), region, out),
        }
    }

    fn encoding(&self) -> Result<Encoding> {
        let refuse = |why: &str| Err(Error::unsupported(format!("{} {why}", self.info.path)));
        let dtype = self.info.dtype;
        let code = code(dtype, cfg!(target_endian = "big") != (self.stored.swap > 0))?;
        let whole = || self.info.shape.iter().map(|&n| n.max(1)).collect();
        match &self.source {
            Source::Contiguous(..) => Ok(Encoding { chunk: whole(), dtype: code, codecs: Vec::new(), filters: None }),
            Source::Chunked(chunked) => {
                let ragged = || chunked.chunk.iter().zip(&self.info.shape).any(|(c, n)| n % c != 0);
                if chunked.edges_unfiltered && !chunked.pipeline.is_empty() && ragged() {
                    return refuse("stores the chunks at its edge without their filters");
                }
                match chunked.pipeline.codecs() {
                    Ok(codecs) => Ok(Encoding { chunk: chunked.chunk.clone(), dtype: code, codecs, filters: None }),
                    Err(filter) => refuse(&format!("is encoded by the HDF5 filter {filter}, which Zarr does not have")),
                }
            }
            Source::Library { .. } => refuse("is stored in a way that only libhdf5 reads"),
        }
    }

    fn coding(&self) -> Option<Encoding> {
        let Source::Chunked(chunked) = &self.source else { return None };
        let ragged = || chunked.chunk.iter().zip(&self.info.shape).any(|(c, n)| n % c != 0);
        if chunked.edges_unfiltered && ragged() {
            return None;
        }
        // The library fills in values of its own for szip.
        let own = chunked.filters.iter().map(|f| Some((f.id, f.values.clone())).filter(|(id, _)| *id != 4));
        let filters: Option<Vec<_>> = own.collect();
        let mut codecs = match (chunked.pipeline.codecs(), &filters) {
            (Ok(codecs), _) => codecs,
            (Err(_), Some(_)) => vec![json!({"id": "hdf5"})],
            (Err(_), None) => return None,
        };
        for (codec, filter) in codecs.iter_mut().zip(&chunked.filters) {
            if let (1 | 32015, Some(level)) = (filter.id, filter.values.first()) {
                codec["level"] = level.cast_signed().into();
            }
        }
        let dtype = code(self.info.dtype, cfg!(target_endian = "big") != (self.stored.swap > 0)).ok()?;
        Some(Encoding { chunk: chunked.chunk.clone(), dtype, codecs, filters })
    }

    fn coded(&self, index: &[usize]) -> Result<Coded> {
        let Source::Chunked(chunked) = &self.source else { return Ok(Coded::Otherwise) };
        let number = self.info.chunks.number(index) as u64;
        let Some(entry) = self.index(chunked)?.get(number) else { return Ok(Coded::Missing) };
        if entry.mask != 0 || entry.size > chunked.pipeline.most_stored() {
            return Ok(Coded::Otherwise);
        }
        let mut bytes = vec![0; usize::try_from(entry.size).unwrap_or(usize::MAX)];
        let read = chunked.file.read_at(entry.address, &mut bytes);
        let at = |e: Error| e.at(format!("chunk {}", shape::tuple(index))).at(format!("dataset {}", self.info.path));
        read.map_err(at)?;
        chunked.pipeline.verify(&bytes).map_err(|why| at(Error::store(chunked.file.path(), why)))?;
        Ok(Coded::Bytes(bytes))
    }

    fn place(&self, index: &[usize]) -> Result<Option<Place>> {
        match &self.source {
            Source::Contiguous(None, _) => Ok(None),
            Source::Contiguous(Some(file), at) => {
                let length = (shape::size(&self.info.shape) * self.info.dtype.size()) as u64;
                Ok(Some(Place::File { path: file.path().to_path_buf(), offset: *at, length }))
            }
            Source::Chunked(chunked) => {
                let number = self.info.chunks.number(index) as u64;
                let Some(entry) = self.index(chunked)?.get(number) else { return Ok(None) };
                if entry.mask != 0 {
                    let why = format!("{} stores a chunk without some of its filters", self.info.path);
                    return Err(Error::unsupported(why));
                }
                Ok(Some(Place::File {
                    path: chunked.file.path().to_path_buf(),
                    offset: entry.address,
                    length: entry.size,
                }))
            }
            Source::Library { .. } => self.encoding().map(|_| None),
        }
    }

    fn prefetch(&self, region: &Region) {
        if region.shape.contains(&0) || self.is_remote() {
            return;
        }
        match &self.source {
            Source::Contiguous(Some(file), at) => {
                let strides = shape::strides(&self.info.shape);
                let element = |axis: usize, i: usize| (i * strides[axis] * self.info.dtype.size()) as u64;
                let first: u64 = (0..region.rank()).map(|a| element(a, region.start[a])).sum();
                let last: u64 = (0..region.rank()).map(|a| element(a, region.end(a) - 1)).sum();
                file.prefetch(at + first, last - first + self.info.dtype.size() as u64);
            }
            Source::Chunked(chunked) => {
                // Without the index nothing is known, and reading it would be waiting.
                let Some(index) = chunked.index.try_lock().and_then(|slot| slot.clone()) else { return };
                let (touching, counts) = (self.info.chunks.touching(region), self.info.chunks.counts());
                for step in Indices::new(&touching.shape) {
                    if let Some(entry) = index.get(number(&touching, &step, &counts)) {
                        chunked.file.prefetch(entry.address, entry.size);
                    }
                }
            }
            _ => {}
        }
    }

    fn is_remote(&self) -> bool {
        self.file.is_remote()
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        match &self.source {
            Source::Contiguous(Some(file), at) => {
                fetch_chunks(file, &self.info.chunks, region, ahead, |chunk| self.extent(file, *at).ranges(chunk))
            }
            Source::Chunked(chunked) if !region.shape.contains(&0) => {
                // Errors come up again when the chunks are read.
                let Ok(index) = self.index(chunked) else { return true };
                chunked.file.fetch(ahead, &self.ranges(&index, region))
            }
            _ => true,
        }
    }

    fn unseen(&self, region: &Region) -> Vec<usize> {
        let is_unseen = |chunked: &Chunked| chunked.index.try_lock().is_some_and(|index| index.is_none());
        match &self.source {
            Source::Chunked(chunked) if self.is_remote() && !region.shape.contains(&0) && is_unseen(chunked) => vec![0],
            _ => Vec::new(),
        }
    }

    fn look(&self, _: usize) -> Result<()> {
        if let Source::Chunked(chunked) = &self.source { self.index(chunked).map(drop) } else { Ok(()) }
    }

    fn random_access(&self) -> bool {
        matches!(self.source, Source::Contiguous(..)) && !self.is_remote()
    }
}

/// The row-major number of a chunk, `step` from the corner of `touching`.
fn number(touching: &Region, step: &[usize], counts: &[usize]) -> u64 {
    (0..step.len()).fold(0, |n, a| n * counts[a] as u64 + (touching.start[a] + step[a]) as u64)
}

impl Hdf5Array {
    /// Makes elements of stored bytes: native order, truth values that are 0 or 1.
    fn finish(&self, data: &mut [u8]) {
        swap_bytes(data, self.stored.swap);
        if self.info.dtype == DType::Bool {
            for b in data {
                *b = u8::from(*b != 0);
            }
        }
    }

    /// The array as it lies in a file, where that is in one run.
    fn extent<'a>(&'a self, file: &'a Input, offset: u64) -> Extent<'a> {
        let (shape, itemsize) = (self.info.shape.as_slice(), self.info.dtype.size());
        Extent { file, path: file.path(), offset, shape, itemsize }
    }

    /// Where the chunks lie that `region` touches, in their order; those that the file does not hold are left to the
    /// read.
    fn ranges(&self, index: &ChunkIndex, region: &Region) -> Vec<(u64, u64)> {
        let (touching, counts) = (self.info.chunks.touching(region), self.info.chunks.counts());
        let entries = Indices::new(&touching.shape).filter_map(|step| index.get(number(&touching, &step, &counts)));
        entries.filter_map(|entry| Some((entry.address, entry.address.checked_add(entry.size)?))).collect()
    }

    fn contiguous(&self, file: &Input, at: u64, region: &Region, out: &mut [u8]) -> Result<()> {
        let itemsize = self.info.dtype.size();
        let whole = shape::size(&self.info.shape) as u64 * itemsize as u64;
        if at.checked_add(whole).is_none_or(|end| end > file.length()) {
            let size = file.length();
            let why = format!("{whole} bytes at offset {at} reach past the end of the file ({size} bytes)");
            return Err(Error::store(file.path(), why));
        }
        if file.is_remote() {
            return self.extent(file, at).read(region, out);
        }
        let runs = Runs { file, shape: &self.info.shape, strides: shape::strides(&self.info.shape), region, itemsize };
        runs.read(at, out)
    }

    fn chunked(&self, chunked: &Chunked, region: &Region, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let index = self.index(chunked)?;
        let grid = &self.info.chunks;
        let (touching, counts) = (grid.touching(region), grid.counts());
        let mut coming = chunked.file.coming(|| self.ranges(&index, region));
        for step in Indices::new(&touching.shape) {
            let place: Vec<usize> = step.iter().zip(&touching.start).map(|(s, t)| s + t).collect();
            let bounds = grid.region(&place);
            let Some(part) = bounds.intersect(region) else { continue };
            match index.get(number(&touching, &step, &counts)) {
                Some(entry) => {
                    coming.next();
                    let job = Job { entry, bounds: &bounds, part: &part, region };
                    self.chunk(chunked, &job, out, scratch)
                        .map_err(|e| e.at(format!("chunk {}", shape::tuple(&place))).at(&self.info.path))?;
                }
                None => {
                    fill_box(out, &region.shape, &part.relative_to(region).start, &part.shape, &self.fill);
                }
            }
        }
        Ok(())
    }

    /// Puts what `job` wants of one chunk into `out`.
    fn chunk(&self, chunked: &Chunked, job: &Job<'_>, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let itemsize = self.info.dtype.size();
        let bytes = shape::size(&chunked.chunk) * itemsize;
        let at_edge = job.bounds.shape != chunked.chunk;
        let plain = chunked.pipeline.is_empty() || (at_edge && chunked.edges_unfiltered);
        if let Some(start) = job.in_place(&chunked.chunk) {
            let to = &mut out[start * itemsize..start * itemsize + bytes];
            decode(chunked, job.entry, plain, scratch, to)?;
            self.finish(to);
            return Ok(());
        }
        let mut chunk = std::mem::take(&mut scratch.chunk);
        if chunk.len() < bytes {
            chunk.resize(bytes, 0);
        }
        let result = decode(chunked, job.entry, plain, scratch, &mut chunk[..bytes]);
        if result.is_ok() {
            self.finish(&mut chunk[..bytes]);
            let (from, to) = (job.part.relative_to(job.bounds).start, job.part.relative_to(job.region).start);
            let lengths = &job.part.shape;
            copy_box(&chunk[..bytes], &chunked.chunk, &from, out, &job.region.shape, &to, lengths, itemsize);
        }
        scratch.chunk = chunk;
        result
    }

    fn library(&self, refusal: Option<&str>, region: &Region, out: &mut [u8]) -> Result<()> {
        let wide = |v: &[usize]| v.iter().map(|&n| n as u64).collect::<Vec<u64>>();
        if let Some(why) = refusal {
            return Err(Error::unsupported(format!("{} {why}", self.info.path)));
        }
        let (start, count) = (wide(&region.start), wide(&region.shape));
        let mut read = || {
            offer_all()?;
            let file = ffi::open_input(&self.file)?;
            let dataset = ffi::open_dataset(&file, &self.inner)?;
            let memory = self.stored.memory(&types::of_dataset(&dataset)?)?;
            raw_dataset::read(&dataset, &memory, &start, &count, out)
        };
        let read = || ffi::locked(&mut read).map_err(|e| Error::store(&self.info.path, e));
        within_library(|| ffi::watched(read)).map_err(|e| e.at(format!("reading {region}")))?;
        if self.info.dtype == DType::Bool {
            self.finish(out);
        }
        Ok(())
    }
}

/// One stored chunk, the box it covers and the part of it that a region wants.
struct Job<'a> {
    entry: Entry,
    bounds: &'a Region,
    part: &'a Region,
    region: &'a Region,
}

impl Job<'_> {
    /// Where the chunk begins in the region's elements, if all of it stands there in one run.
    fn in_place(&self, chunk: &[usize]) -> Option<usize> {
        if self.part.shape != chunk {
            return None;
        }
        let first_long = chunk.iter().position(|&c| c != 1).unwrap_or(chunk.len());
        let rows = (first_long + 1).min(chunk.len());
        if chunk[rows..] != self.region.shape[rows..] {
            return None;
        }
        let start = self.part.relative_to(self.region).start;
        Some(start.iter().zip(shape::strides(&self.region.shape)).map(|(a, b)| a * b).sum())
    }
}

/// Reads one chunk from the file and decodes it into `to`.
fn decode(chunked: &Chunked, entry: Entry, plain: bool, scratch: &mut Scratch, to: &mut [u8]) -> Result<()> {
    let (file, pipeline) = (&chunked.file, &chunked.pipeline);
    let fail = |why: String| Error::store(file.path(), why);
    if entry.address.checked_add(entry.size).is_none_or(|end| end > file.length()) {
        let (at, size, length) = (entry.address, entry.size, file.length());
        return Err(fail(format!("{size} bytes at offset {at} reach past the end of the file ({length} bytes)")));
    }
    if plain {
        if entry.size < to.len() as u64 {
            return Err(fail(format!("has {} bytes instead of {}", entry.size, to.len())));
        }
        return file.read_at(entry.address, to);
    }
    let size = usize::try_from(entry.size).ok().filter(|_| entry.size <= pipeline.most_stored());
    let Some(size) = size else {
        return Err(fail(format!("has {} bytes for {} decoded ones", entry.size, to.len())));
    };
    // Shortened, so that the pipeline sees this chunk's bytes alone; the memory stays.
    scratch.stored.resize(size, 0);
    file.read_at(entry.address, &mut scratch.stored)?;
    pipeline.decode(entry.mask, scratch, to).map_err(fail)
}

/// Sets a box of a C-ordered array to copies of one element.
fn fill_box(out: &mut [u8], to_shape: &[usize], start: &[usize], lengths: &[usize], element: &[u8]) {
    if lengths.contains(&0) {
        return;
    }
    let strides = shape::strides(to_shape);
    let row = lengths.last().copied().unwrap_or(1) * element.len();
    let outer = &lengths[..lengths.len().saturating_sub(1)];
    for index in Indices::new(outer) {
        let mut at: usize = start.iter().zip(&strides).map(|(a, b)| a * b).sum();
        at += index.iter().zip(&strides).map(|(a, b)| a * b).sum::<usize>();
        let row = &mut out[at * element.len()..at * element.len() + row];
        if element.iter().all(|&b| b == element[0]) {
            row.fill(element[0]);
        } else {
            row.chunks_exact_mut(element.len()).for_each(|e| e.copy_from_slice(element));
        }
    }
}

/// A region of one run of bytes.
struct Runs<'a> {
    file: &'a Input,
    shape: &'a [usize],
    strides: Vec<usize>,
    region: &'a Region,
    itemsize: usize,
}

impl Runs<'_> {
    /// Reads the region; the array begins at `at` in the file.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let corner: usize = self.region.start.iter().zip(&self.strides).map(|(a, b)| a * b).sum();
        self.span_or_runs(0, at + (corner * self.itemsize) as u64, out, &mut Vec::new())
    }

    /// Reads what is left of the region when the axes before `axis` are fixed; `at` is its corner in the file.
    fn span_or_runs(&self, axis: usize, at: u64, out: &mut [u8], span: &mut Vec<u8>) -> Result<()> {
        let lengths = &self.region.shape[axis..];
        let strides = &self.strides[axis..];
        let reach: usize = lengths.iter().zip(strides).map(|(n, s)| (n - 1) * s).sum::<usize>() + 1;
        let reach = reach * self.itemsize;
        if reach == out.len() {
            return self.file.read_at(at, out);
        }
        if reach <= SPAN && (reach <= SPAN / 16 || reach / 16 <= out.len()) {
            span.resize(reach, 0);
            self.file.read_at(at, span)?;
            self.gather(axis, span, out);
            return Ok(());
        }
        let step = (self.strides[axis] * self.itemsize) as u64;
        let each = out.len() / lengths[0];
        // Many short rows at a time, as long as they stay within a span.
        let rows = (SPAN as u64 / step.max(1)).max(1);
        if rows > 1 && (step <= PAGE || each as u64 * 16 >= step) {
            return self.in_spans(axis, at, out, span, usize::try_from(rows).unwrap_or(1));
        }
        for (i, part) in out.chunks_mut(each).enumerate() {
            self.span_or_runs(axis + 1, at + i as u64 * step, part, span)?;
        }
        Ok(())
    }

    /// Reads `rows` steps along `axis` at a time, gaps included.
    fn in_spans(&self, axis: usize, at: u64, out: &mut [u8], span: &mut Vec<u8>, rows: usize) -> Result<()> {
        let lengths = &self.region.shape[axis..];
        let inner: usize = lengths[1..].iter().zip(&self.strides[axis + 1..]).map(|(n, s)| (n - 1) * s).sum();
        let step = self.strides[axis] * self.itemsize;
        let each = out.len() / lengths[0];
        for (i, part) in out.chunks_mut(each * rows).enumerate() {
            let now = part.len() / each;
            span.resize((now - 1) * step + (inner + 1) * self.itemsize, 0);
            self.file.read_at(at + (i * rows * step) as u64, span)?;
            for (k, row) in part.chunks_mut(each).enumerate() {
                self.gather(axis + 1, &span[k * step..], row);
            }
        }
        Ok(())
    }

    /// Picks the region's elements along the axes from `axis` on out of the bytes from its corner on.
    fn gather(&self, axis: usize, from: &[u8], out: &mut [u8]) {
        let lengths = &self.region.shape[axis..];
        if lengths.is_empty() || lengths.len() == 1 || lengths[1..] == self.shape[axis + 1..] {
            out.copy_from_slice(&from[..out.len()]);
            return;
        }
        let each = out.len() / lengths[0];
        let step = self.strides[axis] * self.itemsize;
        for (i, part) in out.chunks_mut(each).enumerate() {
            self.gather(axis + 1, &from[i * step..], part);
        }
    }
}
