//! Where finished blocks go: memory, or a stored array.

use crate::device::assembly::Assembly;
use crate::device::block::Block;
use crate::error::Result;
use crate::store::Sink;

/// Takes the blocks of one result.
#[derive(Debug)]
pub enum Target {
    /// An array in memory, put together block by block.
    Memory(Assembly),
    /// An array on disk.
    Stored(Box<dyn Sink>),
}

/// A result that is whole.
#[derive(Debug)]
pub enum Finished {
    /// In memory.
    Block(Block),
    /// On disk, not visible yet.
    Stored(Box<dyn Sink>),
}

impl Target {
    /// Puts `block` at block `index` of the grid of the sweep, which covers `region`; each is written once.
    ///
    /// # Errors
    /// What the store reports.
    pub fn write(&self, index: &[usize], region: &crate::chunk::Region, block: &Block) -> Result<()> {
        match self {
            Self::Memory(assembly) => assembly.write(index, block),
            Self::Stored(sink) => sink.write(region, block.bytes()),
        }
    }

    /// Whether an interrupted run, with which this one goes on, has put the blocks of `region` there.
    #[must_use]
    pub fn has(&self, region: &crate::chunk::Region) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Stored(sink) => sink.has(region),
        }
    }

    /// The result, whole: a block, or an array that is to be made visible at the end of the run.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when a block is missing.
    pub fn finish(self) -> Result<Finished> {
        match self {
            Self::Memory(assembly) => assembly.finish().map(Finished::Block),
            Self::Stored(sink) => Ok(Finished::Stored(sink)),
        }
    }
}
