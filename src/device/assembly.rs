//! An array in memory that several threads put together, block by block.

use super::block::{Block, Buffer};
use crate::chunk::Chunks;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use std::cell::UnsafeCell;
use std::fmt;

/// A block being assembled from the blocks of a grid. Each block of the grid is written once.
pub struct Assembly {
    dtype: DType,
    shape: Vec<usize>,
    grid: Chunks,
    data: UnsafeCell<Buffer>,
    written: Mutex<Written>,
}

struct Written {
    done: Vec<u64>,
    count: usize,
}

// SAFETY: `data` is written through `write` alone, which gives each block of the grid to one caller (the bit in
// `written` is set under its lock before the bytes are touched); blocks of a grid are disjoint. It is read only by
// value, in `finish`.
unsafe impl Sync for Assembly {}

impl Assembly {
    /// An assembly of `data` (as many bytes as dtype and shape need) from the blocks of `grid`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the sizes do not fit.
    pub fn new(dtype: DType, grid: Chunks, data: Buffer) -> Result<Self> {
        let shape = grid.shape();
        if shape::size(&shape) * dtype.size() != data.len() {
            return Err(Error::bug("an assembly's buffer has the size of its array"));
        }
        let done = vec![0; grid.count().div_ceil(64)];
        Ok(Self { dtype, shape, grid, data: UnsafeCell::new(data), written: Mutex::new(Written { done, count: 0 }) })
    }

    /// Writes block `index` of the grid.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when it is written twice, or has another size or dtype.
    pub fn write(&self, index: &[usize], block: &Block) -> Result<()> {
        let region = self.grid.region(index);
        if block.dtype() != self.dtype || block.size() != region.size() {
            let (have, want) = (shape::tuple(block.shape()), shape::tuple(&region.shape));
            return Err(Error::bug(format!("a block of {} {have} fits {} {want}", block.dtype(), self.dtype)));
        }
        self.claim(index)?;
        let size = self.dtype.size();
        // Trailing axes that the region covers whole are one run.
        let mut split = region.rank();
        let mut run = size;
        while split > 0 {
            split -= 1;
            run *= region.shape[split];
            if region.shape[split] != self.shape[split] {
                break;
            }
        }
        if region.size() == 0 {
            return Ok(());
        }
        // SAFETY: only the address is taken; no reference to the buffer's bytes is made while others may write.
        let base = unsafe { (*self.data.get()).as_mut_ptr() };
        for (number, row) in crate::chunk::region::Indices::new(&region.shape[..split]).enumerate() {
            let at = |axis: usize| region.start[axis] + row.get(axis).copied().unwrap_or(0);
            let to = (0..region.rank()).fold(0, |to, axis| to * self.shape[axis] + at(axis));
            let bytes = &block.bytes()[number * run..(number + 1) * run];
            // SAFETY: the run lies inside the block of the grid that this caller has claimed, so inside the buffer and
            // disjoint from what others write.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(to * size), run) };
        }
        Ok(())
    }

    /// Leaves block `index` as it was in the data that the assembly began with.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the block was written before.
    pub fn leave(&self, index: &[usize]) -> Result<()> {
        self.claim(index)
    }

    /// The bytes of block `index`, for the caller to fill, where they lie side by side in the array; `None`, and
    /// nothing is claimed, where they do not.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the block was written before.
    #[expect(clippy::mut_from_ref, reason = "each block is given out once, see `claim`")]
    pub fn claim_run(&self, index: &[usize]) -> Result<Option<&mut [u8]>> {
        let region = self.grid.region(index);
        let outer = region.shape.iter().position(|&n| n != 1).unwrap_or(region.rank());
        let side_by_side = (outer + 1..region.rank()).all(|a| region.shape[a] == self.shape[a]);
        if !side_by_side {
            return Ok(None);
        }
        self.claim(index)?;
        let size = self.dtype.size();
        let at: usize = region.start.iter().zip(shape::strides(&self.shape)).map(|(i, s)| i * s).sum();
        // SAFETY: the run is exactly this block, inside the buffer; `claim` gives each block of the grid out once, and
        // blocks of a grid are disjoint, so no other reference to these bytes exists while `self` is shared.
        let run = unsafe {
            let base = (*self.data.get()).as_mut_ptr();
            std::slice::from_raw_parts_mut(base.add(at * size), region.size() * size)
        };
        Ok(Some(run))
    }

    fn claim(&self, index: &[usize]) -> Result<()> {
        let at = self.grid.number(index);
        let mut written = self.written.lock();
        let mask = 1u64 << (at % 64);
        let word = written.done.get_mut(at / 64).ok_or_else(|| Error::bug("a block lies in its grid"))?;
        if *word & mask != 0 {
            return Err(Error::bug(format!("block {} is written once", shape::tuple(index))));
        }
        *word |= mask;
        written.count += 1;
        Ok(())
    }

    /// The whole array.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when a block is missing.
    pub fn finish(self) -> Result<Block> {
        let count = self.written.into_inner().count;
        if count != self.grid.count() {
            return Err(Error::bug(format!("{count} of {} blocks were written", self.grid.count())));
        }
        Block::new(self.dtype, &self.shape, self.data.into_inner())
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assembly({} {})", self.dtype, shape::tuple(&self.shape))
    }
}
