//! Where the results of a sweep's stages go while it runs, and what has become of them.

use super::carry::Chains;
use super::fetch::{Held, Shared};
use super::fold::PartFold;
use super::launch::StageKernels;
use super::runs::RunsInMaking;
use super::spill::SpillLog;
use super::target::{Blocks, Finished, Target};
use super::tiles::{self, Tiles};
use crate::blockwise::plan::{Output, Placement, Plan, StageId, StageKind};
use crate::blockwise::sweep::Sweep;
use crate::chunk::Chunks;
use crate::device::assembly::Assembly;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::Sink;
use crate::store::memory::BlockStore;
use std::collections::BTreeMap;

/// What sweeps have finished.
#[derive(Default)]
pub(crate) struct Done {
    /// Arrays that are written, and not visible yet, by the numbers of their answers.
    pub(crate) written: BTreeMap<usize, Box<dyn Sink>>,
    /// Answers in blocks, by number.
    pub(crate) kept: BTreeMap<usize, BlockStore>,
}

/// One sink of a sweep while it runs.
pub(crate) enum Running {
    Blocks { id: StageId, targets: Vec<(Target, Option<usize>)> },
    Scan { id: StageId, chains: Chains, targets: Vec<(Target, Option<usize>)> },
    Reduction { id: StageId, folds: Vec<PartFold>, results: Vec<Target> },
    Tiles(Tiles),
    Runs { id: StageId, runs: RunsInMaking },
}

impl Running {
    /// Its stage.
    pub(crate) fn stage(&self) -> StageId {
        match self {
            Self::Blocks { id, .. } | Self::Scan { id, .. } | Self::Reduction { id, .. } | Self::Runs { id, .. } => *id,
            Self::Tiles(tiles) => tiles.stage(),
        }
    }

    /// Whether a task leaves its results to a device, for blocks of this shape: those that stay where they are, and
    /// those of at most `small` bytes that are brought to memory later.
    pub(crate) fn waits_for_none(&self, plan: &Plan, block: &[usize], small: usize) -> bool {
        let leaves = |target: &Target, dtype: DType, block: &[usize]| match target {
            Target::Kept(..) | Target::Whole(_) => true,
            Target::Memory(_) => shape::size(block) * dtype.size() <= small,
            Target::Stored(..) | Target::Spilled(_) => false,
        };
        match self {
            Self::Blocks { id, targets } => {
                let dtype = plan.stages[*id].result_dtypes()[0];
                targets.iter().all(|(target, _)| leaves(target, dtype, block))
            }
            Self::Reduction { id, folds, results } => {
                let dtypes = plan.stages[*id].result_dtypes();
                let mut each = results.iter().zip(folds).zip(dtypes);
                each.all(|((target, fold), dtype)| leaves(target, dtype, &fold.kept.longest()))
            }
            Self::Scan { .. } | Self::Tiles(_) | Self::Runs { .. } => false,
        }
    }
}

/// Sets up where the results of stage `id` go.
pub(crate) fn start(
    shared: &Shared<'_>,
    sweep: &Sweep,
    id: StageId,
    sinks: &mut BTreeMap<usize, Box<dyn Sink>>,
) -> Result<Running> {
    let stage = &shared.plan.stages[id];
    if let StageKind::Reduce { parts, .. } = &stage.kind {
        let folds = (0..parts.len()).map(|p| PartFold::new(stage, id, p, &sweep.grid)).collect::<Result<Vec<_>>>()?;
        let StageKernels::Reduction { parts: kernels, .. } = &shared.kernels[id] else {
            return Err(Error::bug("a reduction"));
        };
        let results = folds
            .iter()
            .zip(parts)
            .zip(kernels)
            .map(|((fold, part), kernels)| match &stage.placement {
                Placement::Spill(read, _) => {
                    let (dtype, read) = (part.reducer.output(), fold.of_result(read));
                    SpillLog::create(shared.cx.spill_folder(), dtype, &fold.kept, &read).map(Target::Spilled)
                }
                _ if fold.kept.count() == 1 && !kernels.finish.on_cpu() => {
                    Ok(Target::Whole(Blocks::new(part.reducer.output(), fold.kept.clone())))
                }
                _ => in_memory(part.reducer.output(), &fold.kept).map(Target::Memory),
            })
            .collect::<Result<Vec<_>>>()?;
        return Ok(Running::Reduction { id, folds, results });
    }
    let dtype = stage.result_dtypes()[0];
    if let StageKind::Tiles(program) = &stage.kind {
        let grid = tiles::grid(program, &sweep.grid);
        let target = match &stage.placement {
            Placement::Spill(read, _) => {
                Target::Spilled(SpillLog::create(shared.cx.spill_folder(), dtype, &grid, read)?.plain())
            }
            _ => Target::Memory(in_memory(dtype, &grid)?),
        };
        return Tiles::new(shared.cx, id, program, &sweep.grid, target).map(Running::Tiles);
    }
    if let StageKind::Runs(op) = &stage.kind {
        let runs = RunsInMaking::new(shared.cx.spill_folder(), op, &sweep.grid)?;
        return Ok(Running::Runs { id, runs });
    }
    let mut targets = Vec::new();
    let outputs = || shared.plan.outputs.iter().enumerate().filter(|(_, o)| o.stage == id);
    for (i, output) in outputs() {
        // The blocks of triangular systems are whole rows, whatever the stored chunks.
        let own = matches!(stage.kind, StageKind::Substitute(_));
        let fits = !own && output.stored.as_ref().is_some_and(|g| g.shape() == stage.space);
        if let Some(sink) = if fits { sinks.remove(&i) } else { None } {
            targets.push((Target::Stored(i, sink), None));
        }
    }
    if let Placement::Spill(read, _) = &stage.placement {
        let log = SpillLog::create(shared.cx.spill_folder(), dtype, &sweep.grid, read)?;
        targets.push((Target::Spilled(log), Some(0)));
    }
    for (i, _) in outputs().filter(|(_, o)| o.persists) {
        targets.push((Target::Kept(i, Blocks::new(dtype, sweep.grid.clone())), None));
    }
    let kept = matches!(stage.placement, Placement::Memory(_));
    let in_memory_too = |(i, o): (usize, &Output)| (o.stored.is_none() && !o.persists) || sinks.contains_key(&i);
    let wanted = kept || outputs().any(in_memory_too);
    if wanted {
        targets.push((Target::Memory(in_memory(dtype, &sweep.grid)?), Some(0)));
    }
    if matches!(stage.kind, StageKind::Scan { .. }) {
        return Ok(Running::Scan { id, chains: Chains::new(shared.cx, stage, id, &sweep.grid)?, targets });
    }
    Ok(Running::Blocks { id, targets })
}

/// An array in memory whose bytes a caller can take over as a vector of elements.
fn in_memory(dtype: DType, grid: &Chunks) -> Result<Assembly> {
    let n = shape::checked_size(&grid.shape()).ok_or_else(|| Error::bug("a result's size fits"))?;
    Assembly::new(dtype, grid.clone(), Buffer::elements(dtype, n))
}

/// Makes the results of a finished sink known, and collects the arrays that are written.
pub(crate) fn finish(shared: &mut Shared<'_>, sink: Running, done: &mut Done) -> Result<()> {
    match sink {
        Running::Blocks { id, targets } | Running::Scan { id, targets, .. } => {
            for (target, result) in targets {
                match (result, target.finish()?) {
                    (_, Finished::Stored(number, sink)) => drop(done.written.insert(number, sink)),
                    (_, Finished::Kept(output, blocks)) => drop(done.kept.insert(output, blocks)),
                    (Some(result), Finished::Held(held)) => drop(shared.results[id][result].set(held)),
                    (None, Finished::Held(_)) => {}
                }
            }
        }
        Running::Tiles(tiles) => {
            if let (id, Finished::Held(held)) = tiles.finish()? {
                drop(shared.results[id][0].set(held));
            }
        }
        Running::Runs { id, runs } => drop(shared.results[id][0].set(Held::Runs(runs.finish()))),
        Running::Reduction { id, folds, results } => {
            for (r, (fold, target)) in folds.iter().zip(results).enumerate() {
                for index in fold.without_portions(shape::size(&shared.plan.stages[id].space) == 0) {
                    let block = fold.of_nothing(shared, &index)?;
                    target.write(shared.cx, &index, &fold.kept.region(&index), &block.host()?)?;
                }
                if let Finished::Held(held) = target.finish()? {
                    let _ = shared.results[id][r].set(held);
                }
            }
        }
    }
    Ok(())
}
