//! Computations whose result over a region needs a box of the inputs that no affine map gives: whole lines of an axis,
//! tiles of which little is left, values to look up.
//!
//! A [`Regional`] says, as arithmetic, which *parts* a region of the result is made of, and which region of the inputs
//! each of them needs. Its kernel runs part by part, so that memory holds one part's inputs at a time. How a region is
//! cut into parts may depend on the region, so no kernel lets it decide a bit.
//!
//! `lines.rs` has what is done to whole lines of an axis (`quantile.rs`, `fourier.rs`, `nearest.rs`), `select.rs` what
//! keeps some rows of an axis, `lookup.rs` what finds elements in a table that they share, `tally.rs` what counts them
//! in bins, `gather.rs` elements whose places are data, `windows.rs` reductions of boxes at regular distances,
//! `slide.rs` such boxes as axes of their own, `filter.rs` what is computed from windows around elements,
//! `stretches.rs` blocks with what they share, `resample.rs` what lies between elements, `regrid.rs` grids made of
//! others, `call.rs` user functions that see more than their own place, `decompose.rs` factors of whole matrices.

use crate::chunk::{Chunks, IndexMap, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;
use std::ops::Deref;

pub mod filter;
pub mod quantile;
pub mod fourier;
pub mod nearest;
pub mod lines;
pub mod resample;
pub mod gather;
pub mod runs;
pub mod select;
pub mod stretches;
pub mod lookup;
pub mod tally;
pub mod windows;
pub mod regrid;
pub mod call;
pub mod slide;
pub mod decompose;

pub use call::Call;
pub use decompose::{Columns, Decompose, Factors};
pub use filter::Filter;
pub use fourier::Fourier;
pub use gather::Gather;
pub use lines::{End, LineOp, Lines};
pub use lookup::{Lookup, LookupOp};
pub use quantile::{Between, Levels, Method, Quantiles};
pub use regrid::Regrid;
pub use resample::Resample;
pub use runs::{Merged, Runs};
pub use select::{Count, Select};
pub use slide::Slide;
pub use stretches::{Stretch, Stretches};
pub use tally::{BinRule, Binning, Edges, Tallied, Tally};
pub use windows::{Way, Window, Windows};

/// A part of a region of the result, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is in the result.
    pub output: Region,
    /// What it reads of the space that the inputs are seen from.
    pub input: Region,
}

/// What is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Regional {
    /// Whole lines along an axis, each by itself.
    Lines(Lines),
    /// The same of lines that are there as sorted runs.
    Merged(Merged),
    /// The rows of an axis at which a mask is true.
    Select(Select),
    /// How often a mask is true in each tile of its axis.
    Count(Count),
    /// Elements found in a table.
    Lookup(Lookup),
    /// How often elements fall into bins, for each of their tiles.
    Tally(Tally),
    /// The edges of bins.
    Edges(Edges),
    /// Elements whose places are data. What it reads is known when it runs, so that it has no kernel.
    Gather(Gather),
    /// Reductions of windows.
    Windows(Windows),
    /// Elements computed from windows around them.
    Filter(Filter),
    /// Stretches one after another.
    Stretches(Stretches),
    /// One grid from another.
    Regrid(Regrid),
    /// What a user function makes of more than its own place.
    Call(Call),
    /// Windows as axes of their own.
    Slide(Slide),
    /// Elements at places that an affine map gives.
    Resample(Resample),
    /// Factors of whole matrices.
    Decompose(Decompose),
}

/// What is known of a computation before it runs; there is one for each variant of [`Regional`].
pub trait Computation {
    /// The name that `explain` and errors give it.
    fn name(&self) -> &'static str;

    /// Writes what plans say of it.
    ///
    /// # Errors
    /// Those of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }

    /// The dtype of the result.
    fn output(&self) -> DType;

    /// Whether elements of the first input are moved, and nothing else is done to them.
    fn moves(&self) -> bool {
        false
    }

    /// The index space that the inputs are seen from, for a result of shape `space`.
    fn input_space(&self, space: &[usize]) -> Vec<usize>;

    /// How an input of these lengths is seen from a space of shape `seen`.
    fn map(&self, input: usize, lengths: &[usize], seen: &[usize]) -> IndexMap {
        let _ = input;
        IndexMap::broadcast(lengths, seen)
    }

    /// Whether an element of the result needs those at its own place alone, beside what is shared, which is seen along
    /// an axis more.
    fn is_local(&self) -> bool {
        false
    }

    /// Whether an element of the result needs those around its own place, so that blocks follow the chunks behind it
    /// and read parts of the next ones.
    fn is_near(&self) -> bool {
        false
    }

    /// Whether it reads along axes that the result does not have, or at places that have nothing to do with its own.
    fn has_more_axes(&self) -> bool {
        false
    }

    /// Whether every part reads all of an input, which is computed once and held.
    fn shares(&self, input: usize) -> bool {
        let _ = input;
        false
    }

    /// The box that holds what all parts of `region` need.
    fn hull(&self, region: &Region) -> Region;

    /// The parts that `region` of the result is made of, in order. Of whole lines, they may hold more than was asked
    /// for.
    fn parts(&self, region: &Region) -> Vec<Part> {
        vec![Part { output: region.clone(), input: self.hull(region) }]
    }

    /// The lengths of the largest input of a part, for a block of shape `block` of the result.
    fn largest_part(&self, block: &[usize]) -> Vec<usize>;

    /// The grid in which the inputs are read, for a result in the blocks of `grid`; without what is shared where it is
    /// local, and without overlaps.
    fn read_in(&self, grid: &Chunks) -> Chunks;

    /// The axis along which blocks of the result are whole, if there is one.
    fn whole_axis(&self) -> Option<usize> {
        None
    }

    /// Whether it is swept: once over its space, whoever reads it.
    fn is_swept(&self) -> bool {
        false
    }

    /// Whether blocks of the result must not cut its chunks along axis `a`, or more would be computed than is asked
    /// for.
    fn keeps_chunks(&self, a: usize) -> bool {
        self.whole_axis() == Some(a)
    }

    /// Elements of the inputs that are walked for a block of shape `block`.
    fn walked(&self, block: &[usize]) -> usize {
        shape::size(block)
    }

    /// Whether regions that other parts read are read again, so that decoded chunks are worth keeping.
    fn reads_again(&self) -> bool {
        false
    }

    /// Bytes that the kernel takes beside inputs and results, for a block of shape `block` of the result.
    fn scratch(&self, block: &[usize]) -> usize {
        let _ = block;
        0
    }
}

/// A [`Regional`] is used as what it computes.
impl Deref for Regional {
    type Target = dyn Computation;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Lines(op) => op,
            Self::Merged(op) => op,
            Self::Select(op) => op,
            Self::Count(op) => op,
            Self::Lookup(op) => op,
            Self::Tally(op) => op,
            Self::Edges(op) => op,
            Self::Gather(op) => op,
            Self::Windows(op) => op,
            Self::Filter(op) => op,
            Self::Stretches(op) => op,
            Self::Regrid(op) => op,
            Self::Call(op) => op,
            Self::Slide(op) => op,
            Self::Resample(op) => op,
            Self::Decompose(op) => op,
        }
    }
}

impl fmt::Display for Regional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

/// A list with another item at `axis`.
fn with<T: Clone>(list: &[T], axis: usize, item: T) -> Vec<T> {
    let mut out = list.to_vec();
    out[axis] = item;
    out
}
