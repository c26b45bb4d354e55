//! Who has what computed, and in which blocks: the stages that are swept, and user functions, which see whole chunks.

use super::plan::{Origin, Plan, StageId, StageKind};
use super::sources::times;
use super::sweep::Sweep;
use crate::chunk::{Chunks, IndexMap};

/// A stage that asks for regions of others, and the blocks it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader {
    /// The stage.
    pub stage: StageId,
    /// Its blocks.
    pub grid: Chunks,
    /// The sweep it is part of; none for a user function that is computed on demand.
    pub sweep: Option<usize>,
}

/// All readers of a plan with these sweeps.
#[must_use]
pub fn readers(plan: &Plan, sweeps: &[Sweep]) -> Vec<Reader> {
    let swept = sweeps.iter().enumerate().flat_map(|(number, sweep)| {
        sweep.stages.iter().map(move |&stage| Reader { stage, grid: sweep.grid.clone(), sweep: Some(number) })
    });
    let functions = (0..plan.stages.len())
        .filter(|&id| matches!(plan.stages[id].kind, StageKind::Function(_)) && !plan.sinks().contains(&id))
        .map(|stage| Reader { stage, grid: plan.stages[stage].chunks.clone(), sweep: None });
    swept.chain(functions).collect()
}

impl Reader {
    /// How many times each chunk of stage `inner` is computed for this reader, on average; 0 where it is not needed.
    #[must_use]
    pub fn times(&self, plan: &Plan, inner: StageId) -> f64 {
        let space = &plan.stages[self.stage].space;
        self.behind(plan, self.stage, &IndexMap::identity(space.len()), inner)
    }

    fn behind(&self, plan: &Plan, id: StageId, map: &IndexMap, inner: StageId) -> f64 {
        let space = &plan.stages[self.stage].space;
        let through_piece = |piece: &super::plan::Piece| match piece.origin {
            Origin::Stage(at, _) if at == inner => {
                let grid = map.compose(&piece.map).chunks(space, &plan.stages[inner].chunks);
                times(&self.grid, &grid)
            }
            Origin::Stage(at, _) if !plan.stages[at].is_swept() && !is_function(plan, at) => {
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
