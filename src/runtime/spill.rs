//! Intermediate arrays on disk: written once in cells, read back by region.
//!
//! A [`SpillLog`] is one file that only grows and one place per cell in memory. A cell is what a block of the sweep
//! that writes and a block of the sweep that reads have in common, so that each side touches whole cells. The file has
//! no name from the moment it is made: the operating system takes its space back when the process ends, however it
//! ends.

use crate::chunk::region::Indices;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::cpu::copy::{copy_box, copy_region};
use crate::device::block::{Block, Buffer};
use crate::device::memory::Memory;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::raw;
use parking_lot::RwLock;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most bytes of a cell, and of cells that are written together.
const LARGEST_CELL: usize = crate::blockwise::memory::SPILL_SCRATCH;

/// A part of a cell is read row by row when it is one row or its rows are at least so long, and with the whole cell
/// otherwise.
const SHORTEST_RUN: usize = 16 << 10;

/// Cells are packed when a sample of the first shrinks below this share: lz4 packs about 0.7 GB/s a core and a disk
/// takes about that, so anything less is not worth the work.
const WORTH_PACKING: f64 = 0.5;

/// Bytes of that sample.
const SAMPLE: usize = 64 << 10;

/// One array on disk.
#[derive(Debug)]
pub(crate) struct SpillLog {
    file: File,
    folder: PathBuf,
    dtype: DType,
    cells: Chunks,
    counts: Vec<usize>,
    places: RwLock<Vec<Option<Place>>>,
    end: AtomicU64,
    packs: OnceLock<bool>,
}

/// Where a cell is.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    /// Bytes in the file; none for a cell of zeros.
    bytes: usize,
    packed: bool,
}

impl SpillLog {
    /// A log in `folder` for an array that is written in the blocks of `written` and read in those of `read`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the folder.
    pub(crate) fn create(folder: &Path, dtype: DType, written: &Chunks, read: &Chunks) -> Result<Self> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|e| Error::store(folder, format!("no file for intermediate results can be made here: {e}")))?;
        let cells = refined(common(written, read), dtype);
        let places = RwLock::new(vec![None; cells.count()]);
        let (folder, counts) = (folder.join("(spilled)"), cells.counts());
        Ok(Self { file, folder, dtype, cells, counts, places, end: AtomicU64::new(0), packs: OnceLock::new() })
    }

    /// The same log, for what is known not to pack well.
    #[must_use]
    pub(crate) fn plain(self) -> Self {
        let _ = self.packs.set(false);
        self
    }

    /// The dtype of the elements.
    #[must_use]
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Leaves `region`, a union of cells, as zeros, which take no room.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a region outside the array.
    pub(crate) fn leave(&self, region: &Region) -> Result<()> {
        let mut places = self.places.write();
        for (number, _) in self.cells_in(region) {
            let place = places.get_mut(number).ok_or_else(|| Error::bug("a cell lies in its grid"))?;
            *place = Some(Place { offset: 0, bytes: 0, packed: false });
        }
        Ok(())
    }

    /// Writes `block`, which is `region` of the array: a union of cells.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the folder, when the disk takes no more.
    pub(crate) fn write(&self, memory: &Arc<Memory>, region: &Region, block: &Block) -> Result<()> {
        let size = self.dtype.size();
        let cells = self.cells_in(region);
        let largest = cells.iter().map(|(_, cell)| cell.size() * size).max().unwrap_or(0);
        let packs = *self.packs.get_or_init(|| shrinks(block.bytes()));
        let whole = cells.len() == 1 && !packs;
        let mut batch = Batch::default();
        let mut scratch = memory.buffer(if packs { largest } else { 0 });
        let room = if packs { lz4_flex::block::get_maximum_output_size(largest) } else { largest };
        let mut out = memory.buffer(if whole { 0 } else { room.max(LARGEST_CELL.min(block.bytes().len())) });
        for (number, cell) in &cells {
            let bytes = cell.size() * size;
            if whole {
                return self.append(block.bytes(), &[(*number, 0, bytes, false)]);
            }
            if batch.used + if packs { lz4_flex::block::get_maximum_output_size(bytes) } else { bytes } > out.len() {
                self.append(&out.bytes()[..batch.used], &batch.cells)?;
                batch = Batch::default();
            }
            let inside = cell.relative_to(region);
            let free = &mut out.bytes_mut()[batch.used..];
            let written = if packs {
                let dense = &mut scratch.bytes_mut()[..bytes];
                copy_region(block.bytes(), &region.shape, &inside, dense, size);
                lz4_flex::block::compress_into(dense, free).map_err(|e| self.fault(&format!("packing failed: {e}")))?
            } else {
                copy_region(block.bytes(), &region.shape, &inside, &mut free[..bytes], size);
                bytes
            };
            batch.cells.push((*number, batch.used, written, packs));
            batch.used += written;
        }
        self.append(&out.bytes()[..batch.used], &batch.cells)
    }

    /// Writes `bytes` at the end of the file and notes the cells in them: number, offset, length, packed.
    fn append(&self, bytes: &[u8], cells: &[(usize, usize, usize, bool)]) -> Result<()> {
        let start = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        raw::write_at(&self.file, &self.folder, start, bytes)?;
        let mut places = self.places.write();
        for &(number, at, bytes, packed) in cells {
            let place = places.get_mut(number).ok_or_else(|| Error::bug("a cell lies in its grid"))?;
            *place = Some(Place { offset: start + at as u64, bytes, packed });
        }
        Ok(())
    }

    /// Reads `region` into `out`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the folder.
    pub(crate) fn read(&self, memory: &Arc<Memory>, region: &Region, out: &mut [u8]) -> Result<()> {
        let size = self.dtype.size();
        let cells = self.cells_in(region);
        for (number, cell) in &cells {
            let place = self.places.read().get(*number).copied().flatten();
            let place = place.ok_or_else(|| Error::bug("a spilled cell is written before it is read"))?;
            if cell == region && place.bytes > 0 && !place.packed {
                return raw::read_at(&self.file, &self.folder, place.offset, out);
            }
            let Some(part) = cell.intersect(region) else { continue };
            let run = part.shape.last().copied().unwrap_or(1) * size;
            let one_row = part.size() * size == run;
            if part != *cell && place.bytes > 0 && !place.packed && (one_row || run >= SHORTEST_RUN) {
                self.read_rows(place.offset, cell, &part, region, out)?;
                continue;
            }
            let scratch = self.load(memory, place, cell.size() * size)?;
            let (from, to) = (part.relative_to(cell), part.relative_to(region));
            let dims = &part.shape;
            copy_box(scratch.bytes(), &cell.shape, &from.start, out, &region.shape, &to.start, dims, size);
        }
        Ok(())
    }

    /// The elements of a cell of `bytes` bytes.
    fn load(&self, memory: &Arc<Memory>, place: Place, bytes: usize) -> Result<Buffer> {
        if place.bytes == 0 {
            let mut zeros = memory.buffer(bytes);
            zeros.bytes_mut().fill(0);
            return Ok(zeros);
        }
        let mut stored = memory.buffer(place.bytes);
        raw::read_at(&self.file, &self.folder, place.offset, stored.bytes_mut())?;
        if !place.packed {
            return Ok(stored);
        }
        let mut cell = memory.buffer(bytes);
        let found = lz4_flex::block::decompress_into(stored.bytes(), cell.bytes_mut())
            .map_err(|e| self.fault(&format!("unpacking failed: {e}")))?;
        if found == bytes { Ok(cell) } else { Err(self.fault("a cell came back short")) }
    }

    /// Reads `part` of the unpacked cell at `offset` straight into `out`, which holds `region`.
    fn read_rows(&self, offset: u64, cell: &Region, part: &Region, region: &Region, out: &mut [u8]) -> Result<()> {
        let size = self.dtype.size();
        let (inner, outer) = (shape::strides(&cell.shape), shape::strides(&region.shape));
        let last = part.rank().saturating_sub(1);
        let run = part.shape.get(last).copied().unwrap_or(1) * size;
        let (from, to) = (part.relative_to(cell).start, part.relative_to(region).start);
        for row in Indices::new(&part.shape[..last]) {
            let at = |start: &[usize], strides: &[usize]| -> usize {
                (0..part.rank()).map(|a| (start[a] + row.get(a).copied().unwrap_or(0)) * strides[a]).sum::<usize>()
                    * size
            };
            let to = at(&to, &outer);
            let place = offset + at(&from, &inner) as u64;
            raw::read_at(&self.file, &self.folder, place, &mut out[to..to + run])?;
        }
        Ok(())
    }

    /// Numbers and boxes of the cells that `region` touches.
    fn cells_in(&self, region: &Region) -> Vec<(usize, Region)> {
        let touching = self.cells.touching(region);
        let strides = shape::strides(&self.counts);
        Indices::new(&touching.shape)
            .map(|step| {
                let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
                (index.iter().zip(&strides).map(|(i, s)| i * s).sum(), self.cells.region(&index))
            })
            .collect()
    }

    fn fault(&self, why: &str) -> Error {
        Error::store(&self.folder, why)
    }
}

/// Cells on their way to the file.
#[derive(Default)]
struct Batch {
    used: usize,
    cells: Vec<(usize, usize, usize, bool)>,
}

/// The grid that has the boundaries of both.
fn common(a: &Chunks, b: &Chunks) -> Chunks {
    let axes = a.axes().iter().zip(b.axes()).map(|(a, b)| {
        if a == b {
            return a.clone();
        }
        let mut bounds = a.bounds();
        bounds.extend(b.bounds());
        bounds.sort_unstable();
        bounds.dedup();
        AxisChunks::from_bounds(&bounds)
    });
    Chunks::new(axes.collect())
}

/// The grid with cells cut until they are small enough, along the outer axes so that what is left lies side by side.
fn refined(cells: Chunks, dtype: DType) -> Chunks {
    let mut longest = cells.longest();
    let mut axes = cells.axes().to_vec();
    for axis in 0..axes.len() {
        let bytes = shape::size(&longest) * dtype.size();
        if bytes <= LARGEST_CELL {
            break;
        }
        longest[axis] = (longest[axis] / bytes.div_ceil(LARGEST_CELL)).max(1);
        let mut bounds = Vec::new();
        for piece in 0..axes[axis].count() {
            let (start, end) = (axes[axis].start(piece), axes[axis].start(piece + 1));
            bounds.extend((start..end).step_by(longest[axis]));
        }
        bounds.push(axes[axis].len());
        axes[axis] = AxisChunks::from_bounds(&bounds);
    }
    Chunks::new(axes)
}

/// Whether a sample from the middle of `bytes` packs well.
fn shrinks(bytes: &[u8]) -> bool {
    let middle = bytes.len() / 2;
    let sample = &bytes[middle.saturating_sub(SAMPLE / 2)..(middle + SAMPLE / 2).min(bytes.len())];
    #[expect(clippy::cast_precision_loss, reason = "a sample is small")]
    let bound = sample.len() as f64 * WORTH_PACKING;
    #[expect(clippy::cast_precision_loss, reason = "a sample is small")]
    let packed = lz4_flex::block::compress(sample).len() as f64;
    sample.len() == SAMPLE && packed < bound
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes an array in row blocks and reads it in column blocks, whole, and in pieces that cut cells.
    fn round_trip(values: Vec<i32>, packed: bool) {
        let (rows, columns) = (240, 6000);
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(1 << 30);
        let written = Chunks::regular(&[rows, columns], &[50, columns]).unwrap();
        let read = Chunks::regular(&[rows, columns], &[rows, 700]).unwrap();
        let log = SpillLog::create(folder.path(), DType::I32, &written, &read).unwrap();
        let whole = Block::from_vec(values.clone(), &[rows, columns]).unwrap();
        for index in Indices::new(&written.counts()) {
            let region = written.region(&index);
            let mut part = vec![0; region.size() * 4];
            copy_region(whole.bytes(), &[rows, columns], &region, &mut part, 4);
            let part: Vec<i32> = bytemuck::pod_collect_to_vec(&part);
            log.write(&memory, &region, &Block::from_vec(part, &region.shape).unwrap()).unwrap();
        }
        assert_eq!(log.packs.get(), Some(&packed));
        let mut boxes: Vec<Region> = Indices::new(&read.counts()).map(|i| read.region(&i)).collect();
        boxes.push(Region::full(&[rows, columns]));
        boxes.push(Region::new(vec![49, 699], vec![3, 5000]));
        boxes.push(Region::new(vec![7, 5], vec![0, 3]));
        for region in boxes {
            let (mut have, mut want) = (vec![0; region.size() * 4], vec![0; region.size() * 4]);
            log.read(&memory, &region, &mut have).unwrap();
            copy_region(whole.bytes(), &[rows, columns], &region, &mut want, 4);
            assert_eq!(have, want, "{region}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn what_is_written_comes_back() {
        let noise = |i: i32| i.wrapping_mul(-1_640_531_527) ^ (i >> 3).wrapping_mul(40503);
        round_trip((0..240 * 6000).map(noise).collect(), false);
        round_trip((0..240 * 6000).map(|i| i / 500).collect(), true);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let grid = Chunks::whole(&[4]);
        let fault = SpillLog::create(Path::new("/nowhere/at/all"), DType::F32, &grid, &grid).unwrap_err();
        assert!(fault.to_string().contains("/nowhere/at/all"), "{fault}");
    }
}
