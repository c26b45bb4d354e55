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

    /// Makes the result whole: a block, or nothing for an array that now stands in its store.
    ///
    /// # Errors
    /// What the store reports.
    pub fn finish(self) -> Result<Option<Block>> {
        match self {
            Self::Memory(assembly) => assembly.finish().map(Some),
            Self::Stored(sink) => sink.finish().map(|()| None),
        }
    }
}
