//! Elements whose places are data.

use super::Computation;
use super::resample::Knots;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::fmt;

/// Elements of the first input at the places that the others, one for each of its first axes, hold: the result has the
/// axes of the places, then the input's further ones. Places are `i64`, negative ones count from the end; those between
/// elements are `f64`, one for each axis.
///
/// The inputs are seen from the result's axes and, after them, the first axes of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gather {
    /// The axes of the places.
    pub rank: usize,
    /// The axes of the input that places lie on, in the chunks that it has along them.
    pub cuts: Vec<AxisChunks>,
    /// The dtype of the elements.
    pub dtype: DType,
    /// What there is between them.
    pub between: Option<Splines>,
}

/// Values at places between elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Splines {
    /// The SciPy name, for messages.
    pub name: &'static str,
    /// The splines.
    pub knots: Knots,
    /// The dtype of the result.
    pub output: DType,
}

impl Computation for Gather {
    fn name(&self) -> &'static str {
        self.between.as_ref().map_or("gather", |b| b.name)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} along {} axes", self.name(), self.cuts.len())
    }

    fn output(&self) -> DType {
        self.between.as_ref().map_or(self.dtype, |b| b.output)
    }

    fn moves(&self) -> bool {
        true
    }

    /// `space` and the axes that places lie on.
    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        space.iter().copied().chain(self.cuts.iter().map(AxisChunks::len)).collect()
    }

    fn has_more_axes(&self) -> bool {
        true
    }

    /// `region`, and all of the axes that places lie on.
    fn hull(&self, region: &Region) -> Region {
        let start = region.start.iter().copied().chain(self.cuts.iter().map(|_| 0)).collect();
        Region::new(start, self.input_space(&region.shape))
    }

    /// A block, and one chunk of what it reads, with the elements beside it that splines go through.
    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let more = |a: usize| self.between.as_ref().map_or(0, |b| b.knots.orders[a]);
        let read = self.cuts.iter().enumerate().map(|(a, cuts)| (cuts.longest() + more(a)).min(cuts.len()));
        block.iter().copied().chain(read).collect()
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let read = self.cuts.iter().map(|c| AxisChunks::regular(c.len(), c.len()));
        Chunks::new(grid.axes().iter().cloned().chain(read).collect())
    }

    /// Bytes of the places of a block, as they come and as they are used, and of their order.
    fn scratch(&self, block: &[usize]) -> usize {
        crate::shape::size(&block[..self.rank]) * (2 * self.cuts.len() + 3) * size_of::<usize>()
    }
}
