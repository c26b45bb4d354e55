//! Everything a device can be asked to run on blocks.
//!
//! [`Kernel`] is matched without a wildcard wherever it is taught (CPU, CUDA, memory model, display), so that a new
//! variant stops the build until it is known everywhere.

use super::contraction::Contraction;
use super::function::BlockFunction;
use super::program::Program;
use super::reduction::Reducer;
use super::scan::Scanner;
use crate::chunk::AxisChunks;
use crate::dtype::DType;
use std::fmt;

/// One computation on blocks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Views of equal shape to blocks of that shape, one per output of the program.
    Elementwise(Program),
    /// Views of a tile's shape to the states of its reductions: per reduction one block per part of its state.
    Reduce(TileReduce),
    /// Views of a block to the states of a scan along an axis, begun anew at each tile.
    Scan(TileScan),
    /// Dense blocks of matrices, `(.., m, k)` and `(.., k, n)`, to their products over a region of whole cells.
    Contract(PanelProduct),
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

/// One reduction of a [`TileReduce`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TilePart {
    /// Which output of `map` it reduces.
    pub value: usize,
    /// What it does.
    pub reducer: Reducer,
    /// Which axes it reduces.
    pub reduced: Vec<bool>,
    /// What runs side by side in a vector.
    pub lanes: Lanes,
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
    /// Whether products are added to what the output holds, in memory that the caller has.
    pub onto: bool,
}

/// What the lanes of a vector hold while a tile is reduced or scanned. Part of the meaning: it decides the order of summation, so
/// it is fixed when the expression is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lanes {
    /// Elements of one output: of a reduction, element `j` in lane `j mod 256`, lanes merged by halves; of a scan, 256
    /// neighbours, joined over doubling distances.
    Elements,
    /// Different outputs, each taken in row-major order.
    Outputs,
}

impl Kernel {
    /// Dtypes of the blocks that the kernel gives.
    #[must_use]
    pub fn outputs(&self) -> Vec<DType> {
        match self {
            Self::Elementwise(p) => (0..p.outputs.len()).map(|i| p.output_dtype(i)).collect(),
            Self::Reduce(tile) => {
                tile.parts.iter().flat_map(|part| part.reducer.identity.iter().map(|(d, _)| *d)).collect()
            }
            Self::Scan(scan) => vec![scan.scanner.state()],
            Self::Contract(product) => vec![product.contraction.work()],
            Self::Function(f) => vec![f.output],
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elementwise(p) => write!(f, "{p}"),
            Self::Reduce(tile) => {
                let names: Vec<&str> = tile.parts.iter().map(|p| p.reducer.name).collect();
                write!(f, "{} of {}", names.join(", "), tile.map)
            }
            Self::Scan(scan) => write!(f, "{} of {}", scan.scanner.name, scan.map),
            Self::Contract(product) => write!(f, "matrix product in {}", product.contraction.work()),
            Self::Function(function) => write!(f, "{}", function.name),
        }
    }
}
