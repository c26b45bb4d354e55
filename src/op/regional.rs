//! Computations whose result over a region needs a box of the inputs that no affine map gives: whole lines of an axis,
//! tiles of which little is left, values to look up.
//!
//! A [`Regional`] says, as arithmetic, which *parts* a region of the result is made of, and which region of the inputs each
//! of them needs. Its kernel runs part by part, so that memory holds one part's inputs at a time. How a region is cut into
//! parts may depend on the region, so no kernel lets it decide a bit.
//!
//! `lines.rs` has what is done to whole lines of an axis, `quantile.rs` where quantiles lie in them, `runs.rs` how
//! lines that memory has no room for are sorted; `select.rs` what keeps some rows of an axis.

use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::fmt;

pub mod quantile;
pub mod lines;
pub mod runs;
pub mod select;

pub use lines::{End, LineOp, Lines};
pub use quantile::{Between, Levels, Method, Quantiles};
pub use runs::{Merged, Runs};
pub use select::{Count, Select};

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
}

impl Regional {
    /// The name that `explain` and errors give it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.op.name(),
            Self::Select(_) => "compress",
            Self::Count(_) => "count",
        }
    }

    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.output(),
            Self::Select(select) => select.dtype,
            Self::Count(_) => DType::I64,
        }
    }

    /// The index space that the inputs are seen from, for a result of shape `space`.
    #[must_use]
    pub fn input_space(&self, space: &[usize]) -> Vec<usize> {
        let mut out = space.to_vec();
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => out[lines.axis] = lines.len,
            Self::Select(select) => out[select.axis] = select.tiles.len(),
            Self::Count(count) => out[0] = count.tiles.len(),
        }
        out
    }

    /// The parts that `region` of the result is made of, in order.
    #[must_use]
    pub fn parts(&self, region: &Region) -> Vec<Part> {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => {
                vec![Part { output: region.clone(), input: lines.whole(region) }]
            }
            Self::Select(select) => select.parts(region),
            Self::Count(count) => count.parts(region),
        }
    }

    /// The box that holds what all parts of `region` need.
    #[must_use]
    pub fn hull(&self, region: &Region) -> Region {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.whole(region),
            Self::Select(select) => select.hull(region),
            Self::Count(count) => count.hull(region),
        }
    }

    /// The lengths of the largest input of a part, for a block of shape `block` of the result.
    #[must_use]
    pub fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let mut out = block.to_vec();
        match self {
            Self::Lines(lines) => out[lines.axis] = lines.len,
            // Of runs, as much is read as is asked for.
            Self::Merged(_) => {}
            Self::Select(select) => out[select.axis] = select.tiles.longest(),
            Self::Count(count) => out[0] = count.tiles.longest(),
        }
        out
    }

    /// The grid in which the inputs are read, for a result in the blocks of `grid`.
    #[must_use]
    pub fn read_in(&self, grid: &Chunks) -> Chunks {
        let mut axes = grid.axes().to_vec();
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => {
                axes[lines.axis] = AxisChunks::regular(lines.len, lines.len);
            }
            Self::Select(select) => axes[select.axis] = select.tiles.clone(),
            Self::Count(count) => axes[0] = count.tiles.clone(),
        }
        Chunks::new(axes)
    }

    /// The axis along which blocks of the result are whole, if there is one. Such a computation is swept: once over its
    /// space, whoever reads it.
    #[must_use]
    pub fn whole_axis(&self) -> Option<usize> {
        match self {
            Self::Lines(lines) => Some(lines.axis),
            Self::Merged(_) | Self::Select(_) | Self::Count(_) => None,
        }
    }

    /// Bytes that the kernel takes beside inputs and results, for a block of shape `block` of the result.
    #[must_use]
    pub fn scratch(&self, block: &[usize]) -> usize {
        match self {
            Self::Lines(lines) => lines.scratch(block),
            Self::Merged(merged) => merged.scratch(block),
            Self::Select(_) | Self::Count(_) => 0,
        }
    }
}

impl fmt::Display for Regional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(lines) => write!(f, "{} along axis {}", lines.op.name(), lines.axis),
            Self::Merged(Merged { lines, .. }) => {
                write!(f, "{} of sorted runs along axis {}", lines.op.name(), lines.axis)
            }
            Self::Select(select) => write!(f, "rows of axis {} where a mask is true", select.axis),
            Self::Count(_) => write!(f, "true elements of each tile"),
        }
    }
}
