//! Who has what computed, and in which blocks: the stages that are swept, user functions, which see whole chunks,
//! reshapes, which read slabs, and what reads whole lines or tiles.

use super::plan::{Origin, Plan, Stage, StageId, StageKind};
use super::sources::times;
use super::sweep::Sweep;
use crate::chunk::index_map::AxisMap;
use crate::chunk::{AxisChunks, Chunks, IndexMap};
use crate::op::regional::Regional;
use std::collections::HashMap;

/// A stage that asks for regions of others, and the blocks it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader {
    /// The stage.
    pub stage: StageId,
    /// Its blocks; those that it reads, where its inputs have a space of their own.
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
    let blocks = read_in(plan, sweeps);
    let on_demand = (0..plan.stages.len())
        .filter(|&id| is_reader(plan, id) && !plan.stages[id].is_swept() && !plan.is_output(id))
        .map(|stage| Reader { stage, grid: blocks_of(plan, stage, &blocks), sweep: None });
    let mut all: Vec<Reader> = swept.chain(on_demand).collect();
    for reader in &mut all {
        match &plan.stages[reader.stage].kind {
            StageKind::Reshape(reshape) => reader.grid = reshape.slabs(&reader.grid.longest()),
            StageKind::Regional(op) => reader.grid = op.read_in(&reader.grid),
            _ => {}
        }
    }
    all
}

/// The blocks of the first sweep that reads a stage as it is, by stage.
fn read_in<'a>(plan: &Plan, sweeps: &'a [Sweep]) -> HashMap<StageId, &'a Chunks> {
    let mut blocks = HashMap::new();
    for sweep in sweeps {
        for stage in sweep.stages.iter().map(|&id| &plan.stages[id]) {
            for piece in stage.inputs.iter().flat_map(|i| &i.pieces) {
                if let Origin::Stage(id, 0) = piece.origin
                    && plan.stages[id].space == stage.space
                    && piece.map.is_identity(stage.space.len())
                {
                    blocks.entry(id).or_insert(&sweep.grid);
                }
            }
        }
    }
    blocks
}

/// The blocks in which others read stage `id`: those of a sweep that reads it as it is, or else its chunks.
fn blocks_of(plan: &Plan, id: StageId, read_in: &HashMap<StageId, &Chunks>) -> Chunks {
    let own = &plan.stages[id].chunks;
    match &plan.stages[id].kind {
        StageKind::Reshape(_) | StageKind::Regional(_) => read_in.get(&id).map_or(own, |blocks| *blocks).clone(),
        _ => own.clone(),
    }
}

impl Reader {
    /// How many times each chunk of stage `inner` is computed for this reader, on average; 0 where it is not needed.
    #[must_use]
    pub fn times(&self, plan: &Plan, inner: StageId) -> f64 {
        let space = self.space(plan);
        if !plan.needs(self.stage, inner) {
            return 0.0;
        }
        self.behind(plan, self.stage, &IndexMap::identity(space.len()), inner, &mut Known::new())
    }

    /// The index space that its inputs are seen from, for a product without the axis that it sums over.
    fn space(&self, plan: &Plan) -> Vec<usize> {
        let stage = &plan.stages[self.stage];
        if sees_more(&stage.kind) { stage.space.clone() } else { stage.input_space() }
    }

    /// As [`Reader::times`], for what stage `id` reads, its indices being `map` of the reader's; `known` holds what was
    /// found before.
    fn behind(&self, plan: &Plan, id: StageId, map: &IndexMap, inner: StageId, known: &mut Known) -> f64 {
        if let Some(&times) = known.get(&(id, map.clone())) {
            return times;
        }
        let space = &self.space(plan);
        // Every block of a product reads its factors all along the axis that is summed over.
        let product = matches!(plan.stages[id].kind, StageKind::Contract(_) | StageKind::Substitute(_));
        let mut through = map.clone();
        through.axes.extend(sees_more(&plan.stages[id].kind).then_some(AxisMap { out: None, offset: 0, stride: 0 }));
        let mut of_piece = |piece: &super::plan::Piece| match piece.origin {
            Origin::Stage(at, _) if at == inner => {
                let grid = through.compose(&piece.map).chunks(space, &computed_in(&plan.stages[inner]));
                times(&self.grid, &grid)
            }
            Origin::Stage(at, _) if !plan.stages[at].is_swept() && !is_reader(plan, at) => {
                self.behind(plan, at, &through.compose(&piece.map), inner, known)
            }
            _ => 0.0,
        };
        let inputs = plan.stages[id].inputs.iter();
        let times: f64 = inputs.map(|i| i.pieces.iter().map(&mut of_piece).fold(0.0, f64::max)).sum();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let blocks = if product { self.grid.count() as f64 } else { 1.0 };
        known.insert((id, map.clone()), times * blocks);
        times * blocks
    }

    /// Whether a user function, or a transform of lines, is computed on demand for this reader.
    #[must_use]
    pub fn needs_function(&self, plan: &Plan) -> bool {
        plan.evaluated(self.stage).into_iter().any(|at| at != self.stage && is_function(plan, at))
    }
}

/// How many times something is computed for what stages read through maps.
type Known = HashMap<(StageId, IndexMap), f64>;

/// The pieces that are computed whole, whatever is asked of them: the chunks of a user function, lines, or the cells of
/// a product.
fn computed_in(stage: &Stage) -> Chunks {
    if let StageKind::Contract(contraction) = &stage.kind {
        let mut axes: Vec<AxisChunks> = stage.space.iter().map(|&n| AxisChunks::regular(n, 1)).collect();
        let first = axes.len() - 2;
        (axes[first], axes[first + 1]) = (contraction.rows.clone(), contraction.columns.clone());
        return Chunks::new(axes);
    }
    let StageKind::Regional(op) = &stage.kind else { return stage.chunks.clone() };
    if op.whole_axis().is_none() && !matches!(op, Regional::Call(_)) {
        return stage.chunks.clone();
    }
    let cut = |(a, own): (usize, &AxisChunks)| {
        if op.keeps_chunks(a) { own.clone() } else { AxisChunks::regular(own.len(), 1) }
    };
    Chunks::new(stage.chunks.axes().iter().enumerate().map(cut).collect())
}

fn is_function(plan: &Plan, id: StageId) -> bool {
    match &plan.stages[id].kind {
        StageKind::Function(_) => true,
        StageKind::Regional(op) => op.whole_axis().is_some() || matches!(op, Regional::Call(_)),
        _ => false,
    }
}

/// Whether every block reads all of an axis that the result does not have.
fn sees_more(kind: &StageKind) -> bool {
    match kind {
        StageKind::Contract(_) | StageKind::Substitute(_) => true,
        StageKind::Regional(op) => op.is_local(),
        _ => false,
    }
}

/// Whether a stage asks for blocks of its own, whatever is asked of it.
fn is_reader(plan: &Plan, id: StageId) -> bool {
    match &plan.stages[id].kind {
        StageKind::Function(_) | StageKind::Reshape(_) => true,
        StageKind::Regional(op) => !op.is_local(),
        _ => false,
    }
}
