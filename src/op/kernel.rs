//! Everything a device can be asked to run on blocks.
//!
//! [`Kernel`] is matched without a wildcard wherever it is taught (CPU, CUDA, memory model, display), so that a new
//! variant stops the build until it is known everywhere.

use super::contraction::Contraction;
use super::function::BlockFunction;
use super::program::Program;
use super::reduction::Reducer;
use super::regional::Regional;
use super::scan::Scanner;
use super::tiles::TileTask;
use crate::chunk::region::Indices;
use crate::chunk::tiling::FAN_IN;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::fmt;
use std::sync::Arc;

/// One computation on blocks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Views of equal shape to blocks of that shape, one per output of the program.
    Elementwise(Program),
    /// Views of a tile's shape to the states of its reductions: per reduction one block per part of its state.
    Reduce(TileReduce),
    /// The same for every tile of a region, side by side: blocks of shape `(tiles, kept axes...)`.
    Tiles(ReduceTiles),
    /// States side by side, of shape `(n, ...)`, to those of nodes some levels up the tree.
    Fold(TreeFold),
    /// Views of a block to the states of a scan along an axis, begun anew at each tile.
    Scan(TileScan),
    /// Dense blocks of matrices, `(.., m, k)` and `(.., k, n)`, to their products over a region of whole cells.
    Contract(PanelProduct),
    /// A tile of a matrix, which changes in memory that the caller has, given dense tiles that are done.
    Step(TileStep),
    /// Views of a part's inputs to the part of the result.
    Regional(Regional),
    /// Whole blocks to one block.
    Function(BlockFunction),
}

/// Reductions of one tile that share one pass over it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TileReduce {
    /// From input elements to the values that are reduced.
    pub map: Program,
    /// The shape of the whole index space, which positions count in.
    pub space: Vec<usize>,
    /// The reductions.
    pub parts: Vec<TilePart>,
}

/// Reductions of every tile of a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReduceTiles {
    /// What is done to each.
    pub tile: TileReduce,
    /// Where the index space is cut into tiles; axes that are kept are whole.
    pub tiles: Chunks,
    /// Whether results are given rather than states, of the shape of the kept axes: where there is one tile.
    pub finish: bool,
}

impl ReduceTiles {
    /// The tiles of `region`, which cuts none of them, in row-major order.
    pub fn of(&self, region: &Region) -> impl Iterator<Item = Region> + use<'_> {
        let region = region.clone();
        let touching = self.touching(&region);
        let first = touching.start.clone();
        Indices::new(&touching.shape).map(move |step| {
            let index: Vec<usize> = step.iter().zip(&first).map(|(a, b)| a + b).collect();
            let mut tile = self.tiles.region(&index);
            for a in (0..tile.rank()).filter(|&a| !self.is_reduced(a)) {
                (tile.start[a], tile.shape[a]) = (region.start[a], region.shape[a]);
            }
            tile
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self, region: &Region) -> usize {
        self.touching(region).size()
    }

    /// Whether axis `a` is reduced: all parts share that.
    #[must_use]
    pub fn is_reduced(&self, a: usize) -> bool {
        self.tile.parts.first().is_some_and(|p| p.reduced[a])
    }

    fn touching(&self, region: &Region) -> Region {
        self.tiles.touching(region)
    }
}

/// One reduction of a [`TileReduce`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TilePart {
    /// Which output of `map` it reduces.
    pub value: usize,
    /// What it does.
    pub reducer: Arc<Reducer>,
    /// Which axes it reduces.
    pub reduced: Vec<bool>,
    /// What runs side by side in a vector.
    pub lanes: Lanes,
}

/// Levels of the tree by which the states of tiles combine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TreeFold {
    /// `(state, state) -> state`, the second from later tiles.
    pub combine: Program,
    /// How many: on each, up to [`FAN_IN`] neighbours are joined from left to right.
    pub levels: usize,
}

impl TreeFold {
    /// How many nodes `entries` states make.
    #[must_use]
    pub fn nodes(&self, entries: usize) -> usize {
        (0..self.levels).fold(entries, |n, _| n.div_ceil(FAN_IN))
    }
}

/// A scan of the tiles of a block, each by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TileScan {
    /// From input elements to the values that are scanned.
    pub map: Program,
    /// What is done.
    pub scanner: Scanner,
    /// Along which axis.
    pub axis: usize,
    /// Where that axis is cut.
    pub tiles: AxisChunks,
    /// What runs side by side in a vector.
    pub lanes: Lanes,
}

/// The products of one panel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PanelProduct {
    /// What is multiplied.
    pub contraction: Contraction,
    /// Whether products are added to what the output holds, in memory that the caller has; on a device, to a third
    /// input.
    pub onto: bool,
    /// Whether factors come in their own dtype rather than in the one in which products are added up.
    pub narrow: bool,
    /// Whether the product is rounded to its own dtype at once: no panel follows.
    pub rounds: bool,
}

impl PanelProduct {
    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        if self.rounds { self.contraction.dtype } else { self.contraction.work() }
    }
}

/// A step of a tile program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileStep {
    /// What is computed, for messages.
    pub op: &'static str,
    /// What is done to the tile.
    pub task: TileTask,
    /// The dtype of all tiles.
    pub dtype: DType,
}

/// What the lanes of a vector hold while a tile is reduced or scanned. Part of the meaning: it decides the order of
/// summation, so it is fixed when the expression is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lanes {
    /// Elements of one output: of a reduction, element `j` in lane `j mod 256`, lanes merged by halves; of a scan, 256
    /// neighbours, joined over doubling distances.
    Elements,
    /// Different outputs, each taken in row-major order.
    Outputs,
}

impl Lanes {
    /// Elements of an output in a tile from which on a reduction along the innermost axis gives lanes its elements:
    /// below, merging lanes costs more than to put the elements of neighbouring outputs side by side.
    pub const DEEP: usize = 256;
}

impl Kernel {
    /// Dtypes of the blocks that the kernel gives.
    #[must_use]
    pub fn outputs(&self) -> Vec<DType> {
        match self {
            Self::Elementwise(p) => (0..p.outputs.len()).map(|i| p.output_dtype(i)).collect(),
            Self::Tiles(ReduceTiles { tile, finish: true, .. }) => {
                tile.parts.iter().map(|part| part.reducer.output()).collect()
            }
            Self::Reduce(tile) | Self::Tiles(ReduceTiles { tile, .. }) => {
                tile.parts.iter().flat_map(|part| part.reducer.identity.iter().map(|(d, _)| *d)).collect()
            }
            Self::Fold(TreeFold { combine, .. }) => {
                (0..combine.outputs.len()).map(|i| combine.output_dtype(i)).collect()
            }
            Self::Scan(scan) => vec![scan.scanner.state()],
            Self::Contract(product) => vec![product.output()],
            Self::Step(step) => vec![step.dtype],
            Self::Regional(op) => vec![op.output()],
            Self::Function(f) => vec![f.output],
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elementwise(p) => write!(f, "{p}"),
            Self::Reduce(tile) | Self::Tiles(ReduceTiles { tile, .. }) => {
                let names: Vec<&str> = tile.parts.iter().map(|p| p.reducer.name).collect();
                write!(f, "{} of {}", names.join(", "), tile.map)
            }
            Self::Fold(tree) => write!(f, "fold of {}", tree.combine),
            Self::Scan(scan) => write!(f, "{} of {}", scan.scanner.name, scan.map),
            Self::Contract(product) => write!(f, "matrix product in {}", product.contraction.work()),
            Self::Step(step) => write!(f, "{} of {} in {}", step.task.name(), step.op, step.dtype),
            Self::Regional(op) => write!(f, "{op}"),
            Self::Function(function) => write!(f, "{}", function.name),
        }
    }
}
