//! Where finished blocks go: memory, a stored array, or disk until others have read them.

use super::context::Context;
use super::fetch::{Held, Shared};
use super::retry::retry;
use super::spill::SpillLog;
use super::trace::Timed;
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::device::View;
use crate::device::assembly::Assembly;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::Sink;
use crate::store::memory::BlockStore;
use parking_lot::Mutex;

/// Takes the blocks of one result.
#[derive(Debug)]
pub(crate) enum Target {
    /// An array in memory, put together block by block.
    Memory(Assembly),
    /// An array on disk, which is the answer of this number.
    Stored(usize, Box<dyn Sink>),
    /// An intermediate array on disk.
    Spilled(SpillLog),
    /// The answer of this number, whose blocks stay where they are.
    Kept(usize, Blocks),
    /// A result in one block, which stays where it is.
    Whole(Blocks),
}

/// Blocks that stay where they are.
#[derive(Debug)]
pub(crate) struct Blocks {
    dtype: DType,
    grid: Chunks,
    held: Mutex<Vec<Option<Data>>>,
}

impl Blocks {
    /// Room for the blocks of `grid`.
    pub(crate) fn new(dtype: DType, grid: Chunks) -> Self {
        let held = Mutex::new(vec![None; grid.count()]);
        Self { dtype, grid, held }
    }

    /// Keeps block `index`.
    pub(crate) fn put(&self, index: &[usize], data: Data) {
        // What was joined on the host goes to a device once, whoever reads it there.
        let data = if let Data::Host(block) = data { Data::shared(block) } else { data };
        self.held.lock()[self.grid.number(index)] = Some(data);
    }

    /// The block of a grid of one.
    fn only(self) -> Result<Data> {
        let block = self.held.into_inner().pop().flatten();
        block.ok_or_else(|| Error::bug("the block is computed"))
    }

    fn finish(self) -> Result<BlockStore> {
        let blocks = self.held.into_inner().into_iter().collect::<Option<Vec<Data>>>();
        let blocks = blocks.ok_or_else(|| Error::bug("every block is computed"))?;
        blocks.iter().try_for_each(Data::wait)?;
        BlockStore::new(self.dtype, self.grid, blocks)
    }
}

/// A result that is whole.
#[derive(Debug)]
pub(crate) enum Finished {
    /// For those that read it.
    Held(Held),
    /// An array on disk, not visible yet: the answer of this number.
    Stored(usize, Box<dyn Sink>),
    /// The answer of this number, in blocks.
    Kept(usize, BlockStore),
}

impl Target {
    /// Puts `block` at block `index` of the grid of the sweep, which covers `region`; each is written once. What fails
    /// for a moment is tried again.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn write(&self, cx: &Context, index: &[usize], region: &Region, block: &Block) -> Result<()> {
        match self {
            Self::Spilled(log) => log.write(cx.memory(), region, block),
            Self::Memory(assembly) => assembly.write(index, block),
            Self::Stored(_, sink) => retry(&cx.cancel_token(), || sink.write(region, block.bytes())),
            Self::Kept(_, blocks) | Self::Whole(blocks) => {
                blocks.put(index, Data::shared(block.clone()));
                Ok(())
            }
        }
    }

    /// What it is to write a block.
    pub(crate) fn work(&self, block: &Block) -> Timed {
        match self {
            Self::Stored(..) => Timed::Write(block.bytes().len()),
            Self::Spilled(_) => Timed::Spill(block.bytes().len()),
            Self::Memory(_) | Self::Kept(..) | Self::Whole(_) => Timed::Put,
        }
    }

    /// Leaves block `index`, which covers `region`, as 0 throughout: as if a block of zeros had been written.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for outputs, whose blocks are all written.
    pub(crate) fn leave(&self, index: &[usize], region: &Region) -> Result<()> {
        match self {
            Self::Spilled(log) => log.leave(region),
            Self::Memory(assembly) => assembly.leave(index),
            Self::Stored(..) | Self::Kept(..) | Self::Whole(_) => Err(Error::bug("an output's blocks are written")),
        }
    }

    /// Whether an interrupted run, with which this one goes on, has put the blocks of `region` there.
    #[must_use]
    pub(crate) fn has(&self, region: &Region) -> bool {
        match self {
            Self::Memory(_) | Self::Spilled(_) | Self::Kept(..) | Self::Whole(_) => false,
            Self::Stored(_, sink) => sink.has(region),
        }
    }

    /// The result, whole: what is held of it from now on, or an array that is to be made visible at the end of the run.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when a block is missing.
    pub(crate) fn finish(self) -> Result<Finished> {
        match self {
            Self::Memory(assembly) => assembly.finish().map(Data::shared).map(Held::Data).map(Finished::Held),
            Self::Spilled(log) => Ok(Finished::Held(Held::Spilled(log))),
            Self::Stored(number, sink) => Ok(Finished::Stored(number, sink)),
            Self::Kept(output, blocks) => Ok(Finished::Kept(output, blocks.finish()?)),
            Self::Whole(blocks) => Ok(Finished::Held(Held::Data(blocks.only()?))),
        }
    }
}

/// Writes an answer that was assembled in memory to its array, piece by piece.
///
/// # Errors
/// What the store reports.
pub(crate) fn write_whole(shared: &Shared<'_>, sink: &dyn Sink, block: &Block) -> Result<()> {
    let grid = sink.grid().clone();
    let view = View::whole(Data::Host(block.clone()));
    for index in Indices::new(&grid.counts()) {
        let region = grid.region(&index);
        if sink.has(&region) {
            continue;
        }
        let piece = shared.dense(&view.shifted(&region.start), &region.shape, block.dtype())?.host()?;
        let write = || retry(&shared.cx.cancel_token(), || sink.write(&region, piece.bytes()));
        shared.trace.timed(Timed::Write(piece.bytes().len()), write)?;
    }
    Ok(())
}
