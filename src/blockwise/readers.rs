//! Who has what computed, and in which blocks: the stages that are swept, user functions, which see whole chunks, and
//! reshapes, which read slabs.

use super::plan::{Origin, Plan, StageId, StageKind};
use super::sources::times;
use super::sweep::Sweep;
use crate::chunk::{Chunks, IndexMap};

/// A stage that asks for regions of others, and the blocks it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader {
    /// The stage.
    pub stage: StageId,
    /// Its blocks; those that it reads, for a reshape.
    pub grid: Chunks,
    /// The sweep it is part of; none for a user function or a reshape that is computed on demand.
    pub sweep: Option<usize>,
}

/// All readers of a plan with these sweeps.
#[must_use]
pub fn readers(plan: &Plan, sweeps: &[Sweep]) -> Vec<Reader> {
    let swept = sweeps.iter().enumerate().flat_map(|(number, sweep)| {
        sweep.stages.iter().map(move |&stage| Reader { stage, grid: sweep.grid.clone(), sweep: Some(number) })
    });
    let sinks = plan.sinks();
    let on_demand = (0..plan.stages.len())
        .filter(|&id| is_reader(plan, id) && !sinks.contains(&id))
        .map(|stage| Reader { stage, grid: blocks_of(plan, stage, sweeps), sweep: None });
    let mut all: Vec<Reader> = swept.chain(on_demand).collect();
    for reader in &mut all {
        if let StageKind::Reshape(reshape) = &plan.stages[reader.stage].kind {
            reader.grid = reshape.slabs(&reader.grid.longest());
        }
    }
    all
}

/// The blocks in which others read stage `id`: those of a sweep that reads it as it is, or else its chunks.
fn blocks_of(plan: &Plan, id: StageId, sweeps: &[Sweep]) -> Chunks {
    let space = &plan.stages[id].space;
    let reads = |stage: &StageId| {
        let same = |p: &super::plan::Piece| p.origin == Origin::Stage(id, 0) && p.map.is_identity(space.len());
        plan.stages[*stage].space == *space && plan.stages[*stage].inputs.iter().flat_map(|i| &i.pieces).any(same)
    };
    let swept = sweeps.iter().find(|sweep| sweep.stages.iter().any(reads));
    match &plan.stages[id].kind {
        StageKind::Reshape(_) => swept.map_or_else(|| plan.stages[id].chunks.clone(), |s| s.grid.clone()),
        _ => plan.stages[id].chunks.clone(),
    }
}

impl Reader {
    /// How many times each chunk of stage `inner` is computed for this reader, on average; 0 where it is not needed.
    #[must_use]
    pub fn times(&self, plan: &Plan, inner: StageId) -> f64 {
        let space = plan.stages[self.stage].input_space();
        self.behind(plan, self.stage, &IndexMap::identity(space.len()), inner)
    }

    fn behind(&self, plan: &Plan, id: StageId, map: &IndexMap, inner: StageId) -> f64 {
        let space = plan.stages[self.stage].input_space();
        let through_piece = |piece: &super::plan::Piece| match piece.origin {
            Origin::Stage(at, _) if at == inner => {
                let grid = map.compose(&piece.map).chunks(space, &plan.stages[inner].chunks);
                times(&self.grid, &grid)
            }
            Origin::Stage(at, _) if !plan.stages[at].is_swept() && !is_reader(plan, at) => {
                self.behind(plan, at, &map.compose(&piece.map), inner)
            }
            _ => 0.0,
        };
        plan.stages[id].inputs.iter().map(|i| i.pieces.iter().map(through_piece).fold(0.0, f64::max)).sum()
    }

    /// Whether a user function is computed on demand for this reader.
    #[must_use]
    pub fn needs_function(&self, plan: &Plan) -> bool {
        fn behind(plan: &Plan, id: StageId) -> bool {
            plan.stages[id]
                .stage_inputs()
                .into_iter()
                .any(|at| !plan.stages[at].is_swept() && (is_function(plan, at) || behind(plan, at)))
        }
        behind(plan, self.stage)
    }
}

fn is_function(plan: &Plan, id: StageId) -> bool {
    matches!(plan.stages[id].kind, StageKind::Function(_))
}

/// Whether a stage asks for blocks of its own, whatever is asked of it.
fn is_reader(plan: &Plan, id: StageId) -> bool {
    matches!(plan.stages[id].kind, StageKind::Function(_) | StageKind::Reshape(_))
}
