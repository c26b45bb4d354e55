//! Arrays in memory as stores: ndarray in, and the results of earlier computations.

use super::{Attributes, Info, Store};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::{copy_box, copy_region};
use crate::device::data::Data;
use crate::dtype::DType;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};

fn info(dtype: DType, chunks: Chunks) -> Info {
    Info::new("memory", "memory", dtype, chunks)
}

/// Data that is read like a file; whoever can uses it in place, through [`Store::held`].
#[derive(Debug)]
pub struct MemoryStore {
    info: Info,
    data: Data,
}

impl MemoryStore {
    /// A store over `data`, cut into `chunks`.
    #[must_use]
    pub fn new(data: Data, chunks: Chunks) -> Self {
        Self { info: info(data.dtype(), chunks), data }
    }

    /// The same with these attributes.
    #[must_use]
    pub fn described(mut self, attributes: Attributes) -> Self {
        self.info.attributes = attributes;
        self
    }

    /// The same, of dates or lengths of time where this says so.
    #[must_use]
    pub fn timed(mut self, time: Option<TimeType>) -> Self {
        self.info.time = time;
        self
    }

    /// The same with these dimension names.
    #[must_use]
    pub fn named(mut self, names: &[Option<String>]) -> Self {
        self.info.names = names.to_vec();
        self
    }
}

impl Store for MemoryStore {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let block = self.data.host()?;
        copy_region(block.bytes(), block.shape(), region, out, block.dtype().size());
        Ok(())
    }

    fn random_access(&self) -> bool {
        true
    }

    fn stamp(&self) -> Option<String> {
        let block = self.data.host().ok()?;
        let bytes = block.bytes();
        Some(format!("{} bytes, checksum {:08x}", bytes.len(), libdeflater::crc32(bytes)))
    }

    fn in_memory(&self) -> bool {
        true
    }

    fn held(&self, _span: &Region) -> Vec<(Data, Region)> {
        vec![(self.data.clone(), Region::full(&self.info.shape))]
    }
}

/// The blocks of a result, each where it was computed.
#[derive(Debug)]
pub struct BlockStore {
    info: Info,
    blocks: Vec<Data>,
}

impl BlockStore {
    /// A store over the blocks of `grid`, in row-major order.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when they are not the grid's.
    pub fn new(dtype: DType, grid: Chunks, blocks: Vec<Data>) -> Result<Self> {
        if blocks.len() != grid.count() {
            return Err(Error::bug(format!("{} blocks fill a grid of {}", blocks.len(), grid.count())));
        }
        Ok(Self { info: info(dtype, grid), blocks })
    }

    /// The same with these dimension names.
    #[must_use]
    pub fn named(mut self, names: &[Option<String>]) -> Self {
        self.info.names = names.to_vec();
        self
    }
}

impl Store for BlockStore {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let grid = &self.info.chunks;
        let touching = grid.touching(region);
        for step in Indices::new(&touching.shape) {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let chunk = grid.region(&index);
            let Some(part) = chunk.intersect(region) else { continue };
            let block = self.blocks[grid.number(&index)].host()?;
            let (from, to) = (part.relative_to(&chunk).start, part.relative_to(region).start);
            let size = self.info.dtype.size();
            copy_box(block.bytes(), &chunk.shape, &from, out, &region.shape, &to, &part.shape, size);
        }
        Ok(())
    }

    fn in_memory(&self) -> bool {
        true
    }

    fn held(&self, span: &Region) -> Vec<(Data, Region)> {
        let grid = &self.info.chunks;
        let touching = grid.touching(span);
        let piece = |step: Vec<usize>| {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            (self.blocks[grid.number(&index)].clone(), grid.region(&index))
        };
        Indices::new(&touching.shape).map(piece).collect()
    }
}
