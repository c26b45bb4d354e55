//! Lines that are too long for memory: sorted in runs, which are merged as far as somebody asks.

use super::Computation;
use super::{LineOp, Lines};
use crate::chunk::{Chunks, Region};
use crate::dtype::DType;
use std::fmt;

/// Runs of lines: the elements of each block of a line in order. Several axes can make one line, in an order that
/// nobody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runs {
    /// Which axes make a line.
    pub along: Vec<bool>,
    /// The dtype of its elements.
    pub dtype: DType,
    /// Whether positions are kept, for which elements that are equal stay in their order.
    pub positions: bool,
}

/// Bytes of a key with its position, as positions are sorted.
fn pair_size(dtype: DType) -> usize {
    if dtype.size() <= 4 { size_of::<u64>() } else { dtype.size() + size_of::<u64>() }
}

/// Of every run, one element in so many is known without reading it.
pub const STEP: usize = 1024;

impl Runs {
    /// The shape of the runs side by side: the other axes, then the line.
    #[must_use]
    pub fn shape(&self, space: &[usize]) -> Vec<usize> {
        let mut out: Vec<usize> = self.pick(space, false);
        out.push(self.pick(space, true).iter().product());
        out
    }

    /// What a list has for the axes of a line, or for the others.
    #[must_use]
    pub fn pick<T: Clone>(&self, list: &[T], along: bool) -> Vec<T> {
        list.iter().zip(&self.along).filter(|(_, a)| **a == along).map(|(x, _)| x.clone()).collect()
    }

    /// Bytes of what is known of all runs.
    #[must_use]
    pub fn known_bytes(&self, space: &[usize]) -> usize {
        let elements: usize = space.iter().product();
        (elements / STEP + 1) * 3 * (self.dtype.size() + size_of::<u32>())
    }

    /// Bytes that making the runs of a block of so many elements takes beside it: the block line by line, its elements
    /// in order, with room to move them; and positions, and pairs that are sorted for them.
    #[must_use]
    pub fn scratch(&self, elements: usize) -> usize {
        let (size, pairs) = (self.dtype.size(), 2 * pair_size(self.dtype));
        elements * (4 * size + if self.positions { 12 + pairs } else { 0 })
    }
}

/// What becomes of lines, given their runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Merged {
    /// What is done.
    pub lines: Lines,
    /// Runs of a line.
    pub runs: usize,
}

impl Computation for Merged {
    fn name(&self) -> &'static str {
        self.lines.name()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of sorted runs along axis {}", self.name(), self.lines.axis)
    }

    fn output(&self) -> DType {
        self.lines.output()
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        self.lines.input_space(space)
    }

    fn hull(&self, region: &Region) -> Region {
        self.lines.whole(region)
    }

    /// Of runs, as much is read as is asked for.
    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        block.to_vec()
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        self.lines.read_in(grid)
    }

    /// Bytes beside the elements that are merged: these in order, and what is read of each run around the first and the
    /// last of them.
    fn scratch(&self, block: &[usize]) -> usize {
        let size = self.lines.dtype.size();
        let elements = if block.contains(&0) { 0 } else { block[self.lines.axis] };
        let merging = match &self.lines.op {
            LineOp::Quantiles(_) => 0,
            op if op.gives_positions() => elements * (size_of::<i64>() + size + 2 * pair_size(self.lines.dtype)),
            _ => elements * 2 * size,
        };
        // An element as it is read, and its key with the number of its run.
        let pair = (size.max(4) + size_of::<u32>()).next_multiple_of(size.clamp(4, 8));
        merging + (2 * self.runs + 2) * STEP * (size + pair)
    }
}
