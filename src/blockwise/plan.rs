//! Plans, stages and pieces.

use crate::chunk::groups::Groups;
use crate::chunk::reshape::Reshape;
use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::dtype::DType;
use crate::expr::Site;
use crate::op::contraction::Contraction;
use crate::op::function::BlockFunction;
use crate::op::kernel::Lanes;
use crate::op::program::Program;
use crate::op::reduction::Reducer;
use crate::op::regional::{Regional, Runs};
use crate::op::scan::Scanner;
use crate::op::tiles::{Substitution, TileProgram};
use crate::store::Store;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Position of a stage in [`Plan::stages`].
pub type StageId = usize;

/// A directed acyclic graph of stages, in an order in which inputs come first.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The stored arrays that are read.
    pub stores: Vec<Arc<dyn Store>>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// What the user asked for: which result of which stage, and what it is in the end.
    pub outputs: Vec<Output>,
}

/// One answer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The stage.
    pub stage: StageId,
    /// Which of its results.
    pub result: usize,
    /// The shape of the answer; the stage's with axes of length 1 left out or put in.
    pub shape: Vec<usize>,
    /// The grid of the array it is written to; none for an answer in memory.
    pub stored: Option<Chunks>,
    /// Whether an answer in memory stays in blocks, where they are.
    pub persists: bool,
}

/// A computation over an index space.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The expression it came from.
    pub label: String,
    /// Where the user built that.
    pub site: Site,
    /// The index space: the shape of the result, or of what is reduced.
    pub space: Vec<usize>,
    /// Logical chunks of the space.
    pub chunks: Chunks,
    /// What is computed.
    pub kind: StageKind,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// Where its result is for those that read it.
    pub placement: Placement,
    /// The blocks it is swept in, where a rule has decided that.
    pub blocks: Option<Chunks>,
}

/// Where the result of a stage is for those that read it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Placement {
    /// Nowhere: regions are computed whenever they are needed. The results of reductions, which cannot be, are in
    /// memory.
    #[default]
    OnDemand,
    /// In memory, computed once.
    Memory(Reason),
    /// On disk, computed once, cut where this grid cuts: that of the blocks in which it is read.
    Spill(Chunks, Reason),
}

/// Why a stage is computed once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// As many others read it.
    Readers(usize),
    /// It takes a large part of the budget.
    Size,
    /// Its tiles are made of each other.
    Tiles,
    /// Its blocks are whole right-hand sides, whoever reads it.
    Rows,
    /// So many stages, one reading the other, are evaluated for it.
    Chain(usize),
    /// Its readers would have what is behind it read or computed so many times.
    Passes(f64),
    /// Its reader would have it in so few blocks that threads would have nothing to do.
    Blocks(usize),
}

/// The kinds of stage.
#[derive(Debug, Clone, PartialEq)]
pub enum StageKind {
    /// Elements from elements, at any region.
    Blockwise(Program),
    /// The same elements cut differently: regions of the new grid are read from the old one.
    Exchange {
        /// The grid they come in.
        from: Chunks,
    },
    /// The same elements in C order under other axes. Its input covers the shape before.
    Reshape(Reshape),
    /// States of tiles, combined in a fixed tree.
    Reduce {
        /// From inputs to what is reduced.
        map: Program,
        /// The reductions.
        parts: Vec<Part>,
    },
    /// Running results along an axis: tiles are scanned by themselves and joined in order.
    Scan {
        /// From inputs to what is scanned.
        map: Program,
        /// How.
        scanner: Scanner,
        /// Along which axis.
        axis: usize,
        /// What the lanes of a vector hold.
        lanes: Lanes,
        /// Where the axis is cut.
        tiles: AxisChunks,
    },
    /// Positions of an axis of an array that is held whole. Its map stays at 0 along that axis.
    Take {
        /// The axis.
        axis: usize,
        /// Which position of the input is at each of the space's.
        positions: Arc<[u32]>,
    },
    /// Products of matrices, panel by panel, at any region. Inputs are seen from the index space and one axis more,
    /// which is summed over.
    Contract(Contraction),
    /// A tile program over the matrices of the last two axes: tiles that depend on each other. The result may have more
    /// rows.
    Tiles(TileProgram),
    /// Systems of equations by their factors. Its inputs are seen from the index space and an axis of the factors.
    Substitute(Substitution),
    /// What needs boxes of its inputs that no map gives. Its inputs cover the space that it says.
    Regional(Regional),
    /// Lines sorted in runs, one for each block, which are merged where they are read. The result has the other axes,
    /// then the line.
    Runs(Runs),
    /// A user's function over whole logical chunks.
    Function(BlockFunction),
}

impl StageKind {
    /// What elements go through first, where that is a program that others may be inlined into.
    #[must_use]
    pub fn program(&self) -> Option<&Program> {
        match self {
            Self::Blockwise(p) | Self::Reduce { map: p, .. } | Self::Scan { map: p, .. } => Some(p),
            Self::Exchange { .. }
            | Self::Reshape(_)
            | Self::Take { .. }
            | Self::Contract(_)
            | Self::Tiles(_)
            | Self::Substitute(_)
            | Self::Regional(_)
            | Self::Runs(_)
            | Self::Function(_) => None,
        }
    }

    /// As [`StageKind::program`], to change it.
    pub fn program_mut(&mut self) -> Option<&mut Program> {
        match self {
            Self::Blockwise(p) | Self::Reduce { map: p, .. } | Self::Scan { map: p, .. } => Some(p),
            Self::Exchange { .. }
            | Self::Reshape(_)
            | Self::Take { .. }
            | Self::Contract(_)
            | Self::Tiles(_)
            | Self::Substitute(_)
            | Self::Regional(_)
            | Self::Runs(_)
            | Self::Function(_) => None,
        }
    }
}

/// One reduction of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which output of the map.
    pub value: usize,
    /// How.
    pub reducer: Arc<Reducer>,
    /// Which axes.
    pub reduced: Vec<bool>,
    /// What the lanes of a vector hold.
    pub lanes: Lanes,
    /// Where the reduced axes are cut.
    pub tiling: Chunks,
    /// Groups along one of them, with a result for each.
    pub groups: Option<Groups>,
}

/// An input of a stage: pieces that together cover its index space, each index once.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The pieces.
    pub pieces: Vec<Piece>,
    /// Element type.
    pub dtype: DType,
}

/// A box of a stage's index space and where its elements come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The box.
    pub out: Region,
    /// The array behind it.
    pub origin: Origin,
    /// From the stage's indices to that array's.
    pub map: IndexMap,
}

/// An array that a stage reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A stored array of [`Plan::stores`].
    Store(usize),
    /// A result of an earlier stage.
    Stage(StageId, usize),
    /// The index itself, along one axis of this length.
    Iota(usize),
}

impl Part {
    /// Tiles whose states make one result.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.tiling.axes().iter().zip(&self.reduced).filter(|(_, r)| **r).map(|(a, _)| a.count()).product()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readers(1) => write!(f, "another reads it"),
            Self::Readers(n) => write!(f, "{n} others read it"),
            Self::Chain(n) => write!(f, "{n} stages are evaluated for it, one inside the other"),
            Self::Tiles => write!(f, "its tiles are made of each other"),
            Self::Rows => write!(f, "right-hand sides are solved for whole"),
            Self::Size => write!(f, "memory has no room for it"),
            Self::Blocks(1) => write!(f, "its reader would have it in one block"),
            Self::Blocks(n) => write!(f, "its reader would have it in {n} blocks"),
            Self::Passes(times) => write!(f, "it would be needed {times:.1} times"),
        }
    }
}

impl Input {
    /// An input that reads all of `origin` through one map.
    #[must_use]
    pub fn whole(space: &[usize], origin: Origin, map: IndexMap, dtype: DType) -> Self {
        Self { pieces: vec![Piece { out: Region::full(space), origin, map }], dtype }
    }

    /// Along which axes of `space`, which it covers, its elements differ: along the others one stands for all.
    #[must_use]
    pub fn varies(&self, space: &[usize]) -> Vec<bool> {
        let follows = |p: &Piece, a: usize| p.map.axes.iter().any(|axis| axis.out == Some(a));
        (0..space.len()).map(|a| self.pieces.iter().any(|p| follows(p, a) || p.out.shape[a] != space[a])).collect()
    }

    /// The only piece, where there is one.
    #[must_use]
    pub fn single(&self) -> Option<&Piece> {
        if let [one] = self.pieces.as_slice() { Some(one) } else { None }
    }
}

impl Stage {
    /// Shapes of the results.
    #[must_use]
    pub fn result_shape(&self, result: usize) -> Vec<usize> {
        match &self.kind {
            StageKind::Reduce { parts, .. } => {
                let part = &parts[result];
                let mut shape: Vec<usize> =
                    self.space.iter().zip(&part.reduced).map(|(&n, &reduced)| if reduced { 1 } else { n }).collect();
                if let Some(groups) = &part.groups {
                    shape[groups.axis] = groups.count;
                }
                shape
            }
            StageKind::Runs(runs) => runs.shape(&self.space),
            StageKind::Tiles(program) => program.shape(&self.space),
            StageKind::Blockwise(_)
            | StageKind::Exchange { .. }
            | StageKind::Reshape(_)
            | StageKind::Scan { .. }
            | StageKind::Take { .. }
            | StageKind::Contract(_)
            | StageKind::Substitute(_)
            | StageKind::Regional(_)
            | StageKind::Function(_) => self.space.clone(),
        }
    }

    /// What inputs are read over where `region` of the stage is computed.
    #[must_use]
    pub fn input_region(&self, region: &Region) -> Region {
        let mut out = region.clone();
        match &self.kind {
            StageKind::Reshape(reshape) => out = reshape.hull(region),
            StageKind::Regional(op) => out = op.hull(region),
            StageKind::Contract(contraction) => {
                out.start.push(0);
                out.shape.push(contraction.panels.len());
            }
            StageKind::Substitute(substitution) => {
                out.start.push(0);
                out.shape.push(substitution.depth());
            }
            _ => {}
        }
        out
    }

    /// Dtypes of the results.
    #[must_use]
    pub fn result_dtypes(&self) -> Vec<DType> {
        match &self.kind {
            StageKind::Blockwise(p) => vec![p.output_dtype(0)],
            StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } => {
                self.inputs.iter().map(|i| i.dtype).collect()
            }
            StageKind::Reduce { parts, .. } => parts.iter().map(|p| p.reducer.output()).collect(),
            StageKind::Scan { scanner, .. } => vec![scanner.output()],
            StageKind::Contract(c) => vec![c.dtype],
            StageKind::Tiles(program) => vec![program.dtype],
            StageKind::Substitute(s) => vec![s.dtype],
            StageKind::Regional(op) => vec![op.output()],
            StageKind::Runs(runs) => vec![runs.dtype],
            StageKind::Function(f) => vec![f.output],
        }
    }

    /// The index space that its inputs cover: its own, that before a reshape, or that of a product and the axis that it
    /// sums over.
    #[must_use]
    pub fn input_space(&self) -> Vec<usize> {
        match &self.kind {
            StageKind::Reshape(reshape) => reshape.input().to_vec(),
            StageKind::Regional(op) => op.input_space(&self.space),
            _ => self.input_region(&Region::full(&self.space)).shape,
        }
    }

    /// The arrays it reads, without repetition.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        let mut out: Vec<Origin> = self.inputs.iter().flat_map(|i| i.pieces.iter().map(|p| p.origin)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Whether it reads stage `id`.
    #[must_use]
    pub fn reads_stage(&self, id: StageId) -> bool {
        let mut pieces = self.inputs.iter().flat_map(|i| &i.pieces);
        pieces.any(|p| matches!(p.origin, Origin::Stage(at, _) if at == id))
    }

    /// The stages it reads.
    #[must_use]
    pub fn stage_inputs(&self) -> Vec<StageId> {
        let mut out: Vec<StageId> = self
            .origins()
            .into_iter()
            .filter_map(|o| if let Origin::Stage(id, _) = o { Some(id) } else { None })
            .collect();
        out.dedup();
        out
    }

    /// Whether it is computed by sweeping over its whole space, rather than on demand.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.placement != Placement::OnDemand
            || match &self.kind {
                StageKind::Reduce { .. } | StageKind::Scan { .. } | StageKind::Tiles(_) | StageKind::Runs(_) => true,
                StageKind::Regional(op) => op.is_swept(),
                _ => false,
            }
    }

    /// Whether its result is on disk.
    #[must_use]
    pub fn is_spilled(&self) -> bool {
        matches!(self.placement, Placement::Spill(..))
    }
}

impl Plan {
    /// How many stages read `id`, and whether it is an output.
    #[must_use]
    pub fn consumers(&self, id: StageId) -> (usize, bool) {
        // Readers have higher numbers than what they read.
        let readers = self.stages.iter().skip(id + 1).filter(|s| s.reads_stage(id)).count();
        (readers, self.is_output(id))
    }

    /// Whether stage `id` is an output.
    #[must_use]
    pub fn is_output(&self, id: StageId) -> bool {
        self.outputs.iter().any(|o| o.stage == id)
    }

    /// The stages whose results are written somewhere: reductions, scans, kept stages, outputs.
    #[must_use]
    pub fn sinks(&self) -> Vec<StageId> {
        (0..self.stages.len()).filter(|&id| self.stages[id].is_swept() || self.is_output(id)).collect()
    }

    /// Stage `id` and what it is made of: the stages that it reads, those that they read where `through` goes on to
    /// them, and so on. Each comes once, after all that read it.
    #[must_use]
    pub fn behind(&self, id: StageId, through: impl Fn(&Stage) -> bool) -> Vec<StageId> {
        let (mut open, mut out) = (BTreeSet::from([id]), Vec::new());
        while let Some(next) = open.pop_last() {
            out.push(next);
            if next == id || through(&self.stages[next]) {
                open.extend(self.stages[next].stage_inputs());
            }
        }
        out
    }

    /// Stage `id` and all that are evaluated on demand for it, directly or not; each comes once, after all that read
    /// it.
    #[must_use]
    pub fn evaluated(&self, id: StageId) -> Vec<StageId> {
        let mut all = self.behind(id, |stage| !stage.is_swept());
        all.retain(|&at| at == id || !self.stages[at].is_swept());
        all
    }

    /// Whether stage `id` needs the result of stage `other`, directly or not.
    #[must_use]
    pub fn depends_on(&self, id: StageId, other: StageId) -> bool {
        id > other && self.behind(id, |_| true).contains(&other)
    }

    /// Whether stage `other` is evaluated, or read, when stage `id` is.
    #[must_use]
    pub fn needs(&self, id: StageId, other: StageId) -> bool {
        id > other && self.behind(id, |stage| !stage.is_swept()).contains(&other)
    }

    /// The arrays read when stage `id` is evaluated, through stages that are evaluated on demand.
    #[must_use]
    pub fn reads(&self, id: StageId) -> Vec<Origin> {
        let kept = |origin: &Origin| !matches!(origin, Origin::Stage(inner, _) if !self.stages[*inner].is_swept());
        let read = self.evaluated(id).into_iter().flat_map(|at| self.stages[at].origins());
        read.filter(kept).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether stage `id` is a product of matrices or a system of equations, or evaluates one on demand.
    #[must_use]
    pub fn multiplies(&self, id: StageId) -> bool {
        let multiplies =
            |at: StageId| matches!(self.stages[at].kind, StageKind::Contract(_) | StageKind::Substitute(_));
        self.evaluated(id).into_iter().any(multiplies)
    }

    /// Puts `stage` before stage `id`, whose number it takes; the numbers from there on grow by one.
    pub fn insert(&mut self, id: StageId, stage: Stage) {
        self.stages.insert(id, stage);
        let shift = |at: &mut StageId| *at += usize::from(*at >= id);
        // What stage `id` itself reads comes before it, so nothing of the new stage's own inputs moves.
        for piece in self.stages.iter_mut().flat_map(|s| &mut s.inputs).flat_map(|i| &mut i.pieces) {
            if let Origin::Stage(at, _) = &mut piece.origin {
                shift(at);
            }
        }
        self.outputs.iter_mut().for_each(|o| shift(&mut o.stage));
    }

    /// Drops the stages that no output needs.
    pub fn remove_dead(&mut self) {
        let live = self.live();
        let mut next = 0;
        let moved: Vec<StageId> = live
            .iter()
            .map(|&l| {
                let at = next;
                next += usize::from(l);
                at
            })
            .collect();
        let mut keep = live.iter();
        self.stages.retain(|_| keep.next().copied().unwrap_or(false));
        for stage in &mut self.stages {
            for piece in stage.inputs.iter_mut().flat_map(|i| &mut i.pieces) {
                if let Origin::Stage(id, _) = &mut piece.origin {
                    *id = moved[*id];
                }
            }
        }
        for output in &mut self.outputs {
            output.stage = moved[output.stage];
        }
    }

    /// Which stages outputs need.
    #[must_use]
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.stages.len()];
        for output in &self.outputs {
            live[output.stage] = true;
        }
        // Readers have higher numbers than what they read.
        for id in (0..self.stages.len()).rev() {
            if live[id] {
                self.stages[id].stage_inputs().into_iter().for_each(|input| live[input] = true);
            }
        }
        live
    }
}
