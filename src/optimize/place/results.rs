//! Decides which results are computed once, and where they are until they have been read.

use super::super::PlanRule;
use crate::blockwise::draft::Draft;
use crate::blockwise::memory::{held_bytes, task_bytes};
use crate::blockwise::plan::{Input, Origin, Placement, Plan, Reason, Stage, StageId, StageKind};
use crate::blockwise::readers::readers;
use crate::blockwise::sweep::{Sweep, grid};
use crate::chunk::index_map::AxisMap;
use crate::chunk::{AxisChunks, Chunks, IndexMap};
use crate::error::Result;
use crate::op::program::Program;
use crate::op::regional::Regional;
use crate::shape;

/// A scan that others read is computed once, for it runs in order, and so is what is done to whole lines. So is a
/// product of matrices that several stages read, or another product, which reads its factors many times, or a
/// factorisation, in tiles of its own; and a user function that would run more than once on a chunk, because several
/// stages read it or because the blocks of one cut its chunks: what it costs is not known, but it is more than a copy;
/// and an output made of windows that windows of its own are made of, such as a level of a pyramid, behind which lies
/// much more than it has. Memory keeps the result where it takes at most a quarter of the budget, disk where it takes
/// more; and the same holds for results of reductions and factorisations.
#[derive(Debug)]
pub struct PlaceResults;

/// The share of the budget that a kept result may take.
const SHARE: u64 = 4;

/// Runs of a function a chunk that are as good as one: blocks that cut few of its chunks.
const ONCE: f64 = 1.1;

impl PlanRule for PlaceResults {
    fn name(&self) -> &'static str {
        "place results"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["fuse elementwise", "merge reductions"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        let machine = plan.machine();
        for id in 0..plan.stages.len() {
            let whole = matches!(
                plan.stages[id].kind,
                StageKind::Reduce { .. } | StageKind::Tiles(_) | StageKind::Substitute(_)
            );
            if whole && held_bytes(plan, id) > machine.budget / SHARE {
                spill_whole(plan, id);
                continue;
            }
            if let Some(blocks) = stored_in_few(plan, id) {
                spill_whole(plan, id);
                place(plan, id, Reason::Blocks(blocks));
                continue;
            }
            let reason = match (&plan.stages[id].kind, &plan.stages[id].placement) {
                (StageKind::Function(_), _) | (StageKind::Regional(Regional::Call(_)), Placement::OnDemand) => {
                    runs_again(plan, id)
                }
                (StageKind::Regional(op), Placement::OnDemand) if op.whole_axis().is_some() && !op.is_swept() => {
                    transforms_again(plan, id)
                }
                (StageKind::Contract(_), _) => multiplies_again(plan, id),
                (StageKind::Scan { .. } | StageKind::Regional(_), Placement::Memory(reason)) => Some(*reason),
                (StageKind::Blockwise(_) | StageKind::Regional(_), Placement::OnDemand) => coarsens_again(plan, id),
                _ => None,
            };
            if let Some(reason) = reason {
                place(plan, id, reason);
            }
        }
        Ok(())
    }
}

/// Keeps the result of stage `id` in memory, or on disk where it takes too much of the budget.
pub(super) fn place(plan: &mut Draft, id: StageId, reason: Reason) {
    let budget = plan.machine().budget;
    let stage = &mut plan.stages[id];
    let bytes = (shape::size(&stage.space) * stage.result_dtypes()[0].size()) as u64;
    if bytes <= budget / SHARE {
        stage.placement = Placement::Memory(reason);
    } else {
        stage.placement = Placement::Spill(stage.chunks.clone(), reason);
        follow_reader(plan, id);
    }
}

/// Why product `id` would be computed more than once, if it would.
fn multiplies_again(plan: &Draft, id: StageId) -> Option<Reason> {
    let (stages, output) = plan.consumers(id);
    let count = stages + usize::from(output);
    let factor =
        || (id + 1..plan.stages.len()).any(|other| reads_again(&plan.stages[other].kind) && plan.needs(other, id));
    if count > 1 || factor() {
        return Some(Reason::Readers(count));
    }
    // A device has large cells, which blocks may cut.
    let sweeps = plan.machine().device.and_then(|_| plan.sweeps().ok())?;
    passes_again(plan, id, &sweeps)
}

/// Why stage `id` would be computed more than once for those that read it, if it would.
fn passes_again(plan: &Plan, id: StageId, sweeps: &[Sweep]) -> Option<Reason> {
    let times: f64 = readers(plan, sweeps).iter().map(|r| r.times(plan, id)).sum();
    (times > ONCE).then_some(Reason::Passes(times))
}

/// Bytes of a task that is worth sharing among threads.
const LARGE: u64 = 8 << 20;

/// Why output `id`, made of windows, would be computed again for the windows that others make of it, if it would.
fn coarsens_again(plan: &Plan, id: StageId) -> Option<Reason> {
    let windows = |id: StageId| matches!(plan.stages[id].kind, StageKind::Regional(Regional::Windows(_)));
    let made = |of: StageId| plan.evaluated(of).into_iter().any(windows);
    let again = |other: StageId| windows(other) && plan.stages[other].reads_stage(id);
    let coarsened = plan.is_output(id) && made(id) && (id + 1..plan.stages.len()).any(again);
    coarsened.then(|| Reason::Readers(plan.consumers(id).0))
}

/// Whether blocks of this kind of stage, which cut the cells of a product, have them computed again and again.
fn reads_again(kind: &StageKind) -> bool {
    matches!(kind, StageKind::Contract(_) | StageKind::Tiles(_) | StageKind::Substitute(_))
}

/// Sends the results of a reduction, a tile program or a triangular system to disk, unless one is an answer in memory.
/// An array that is to be stored is copied from there.
pub(super) fn spill_whole(plan: &mut Plan, id: StageId) {
    if plan.outputs.iter().any(|o| o.stage == id && o.stored.is_none()) {
        return;
    }
    let mut read = plan.stages[id].chunks.clone();
    if let StageKind::Tiles(program) = &plan.stages[id].kind {
        // Tiles are read back whole, again and again; who reads the result has blocks of many tiles.
        let mut axes = Chunks::whole(&plan.stages[id].space).axes().to_vec();
        let last = axes.len() - 1;
        (axes[last - 1], axes[last]) = (program.row_cells(), program.tiles.clone());
        read = Chunks::new(axes);
    }
    if matches!(plan.stages[id].kind, StageKind::Substitute(_)) {
        read = Chunks::whole(&plan.stages[id].space);
    }
    for at in 0..plan.outputs.len() {
        let output = plan.outputs[at].clone();
        let Some(stored) = output.stored.as_ref().filter(|_| output.stage == id) else { continue };
        let from = plan.stages[id].result_shape(output.result);
        let map = dropping_ones(&from, &output.shape);
        let space = &plan.stages[id].space;
        let cut = |(axis, &n): (&AxisMap, &usize)| match axis.out {
            Some(o) if stored.axes()[o].len() == n => stored.axes()[o].clone(),
            _ => AxisChunks::regular(n, n),
        };
        if matches!(plan.stages[id].kind, StageKind::Reduce { .. }) {
            read = Chunks::new(map.axes.iter().zip(space).map(cut).collect());
        }
        let dtype = plan.stages[id].result_dtypes()[output.result];
        let input = Input::whole(&output.shape, Origin::Stage(id, output.result), map, dtype);
        let copy = Stage {
            space: output.shape.clone(),
            chunks: stored.clone(),
            kind: StageKind::Blockwise(Program::identity(dtype)),
            inputs: vec![input],
            placement: Placement::OnDemand,
            ..plan.stages[id].clone()
        };
        plan.stages.push(copy);
        (plan.outputs[at].stage, plan.outputs[at].result) = (plan.stages.len() - 1, 0);
    }
    plan.stages[id].placement = Placement::Spill(read, Reason::Size);
}

/// The map to an array of shape `from` from the same array without, or with more, axes of length 1.
fn dropping_ones(from: &[usize], to: &[usize]) -> IndexMap {
    let mut long = (0..to.len()).filter(|&a| to[a] != 1);
    let axis = |&n: &usize| match n {
        1 => AxisMap { out: None, offset: 0, stride: 0 },
        _ => AxisMap { out: long.next(), offset: 0, stride: 1 },
    };
    IndexMap { axes: from.iter().map(axis).collect() }
}

/// Why function stage `id` would run more than once on a chunk, if it would.
fn runs_again(plan: &Draft, id: StageId) -> Option<Reason> {
    let (stages, output) = plan.consumers(id);
    let count = stages + usize::from(output);
    if count > 1 {
        return Some(Reason::Readers(count));
    }
    // What does not fit as it is may fit when this is computed before.
    let Ok(sweeps) = plan.sweeps() else { return Some(Reason::Size) };
    passes_again(plan, id, &sweeps)
}

/// How many blocks hold both whole lines and whole stored chunks of stage `id`, where these are so few or so large that
/// lines are better computed for themselves and stored from there.
fn stored_in_few(plan: &Draft, id: StageId) -> Option<usize> {
    let machine = &plan.machine();
    let stage = &plan.stages[id];
    let StageKind::Regional(op) = &stage.kind else { return None };
    let stored = plan.outputs.iter().any(|o| o.stage == id && o.stored.is_some());
    let answer = plan.outputs.iter().any(|o| o.stage == id && o.stored.is_none());
    if op.whole_axis().is_none() || !stored || answer || stage.blocks.is_some() {
        return None;
    }
    let blocks = grid(plan, &[id], machine, machine.budget);
    let bytes = task_bytes(plan, &[id], &blocks.longest());
    let lines: usize = (0..stage.space.len()).filter(|&a| op.whole_axis() != Some(a)).map(|a| stage.space[a]).product();
    let few = blocks.count() < machine.threads && bytes > LARGE && blocks.count() < lines;
    (few || bytes > machine.budget).then(|| blocks.count())
}

/// Why lines of stage `id` would be transformed more than once, or by few threads, if they would.
fn transforms_again(plan: &Draft, id: StageId) -> Option<Reason> {
    let Ok(sweeps) = plan.sweeps() else { return Some(Reason::Size) };
    // What stages of one sweep read is computed once for all of them.
    let mut times = vec![0.0_f64; sweeps.len() + 1];
    for reader in readers(plan, &sweeps) {
        let number = reader.sweep.unwrap_or(sweeps.len());
        times[number] = times[number].max(reader.times(plan, id));
    }
    let all: f64 = times.iter().sum();
    if all > ONCE {
        return Some(Reason::Passes(all));
    }
    let large = |sweep: &&Sweep| sweep.task_bytes > LARGE;
    let reader = sweeps.iter().filter(large).find(|sweep| sweep.stages.iter().any(|&s| s != id && plan.needs(s, id)));
    let blocks = reader?.grid.count();
    let could: usize = plan.stages[id].chunks.counts().iter().product();
    (blocks < plan.machine().threads && blocks < could).then_some(Reason::Blocks(blocks))
}

/// Cuts what is spilled of stage `id` where the blocks in which it is read are cut.
fn follow_reader(plan: &mut Draft, id: StageId) {
    let Ok(list) = plan.sweeps() else { return };
    let reads = |&stage: &StageId| plan.stages[stage].space == plan.stages[id].space && plan.needs(stage, id);
    let grid = list.iter().find(|sweep| sweep.stages.iter().any(reads)).map(|sweep| sweep.grid.clone());
    if let (Some(grid), Placement::Spill(read, _)) = (grid, &mut plan.stages[id].placement) {
        *read = grid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockwise::lower::Request;
    use crate::expr::{Expr, build, regions};
    use crate::op::function::BlockFunction;
    use crate::op::regional::fourier::Transform;
    use crate::op::regional::{Fourier, LineOp};
    use crate::optimize::fuse::elementwise::FuseElementwise;
    use crate::optimize::testing::{array, planned, planned_requests, reduce};
    use insta::assert_snapshot;
    use std::sync::Arc;

    fn mapped(x: &Expr) -> Expr {
        let body = Arc::new(|_: &[crate::op::function::RawBlock<'_>], _: &[usize], _: &mut [u8]| Ok(()));
        build::blocks(
            std::slice::from_ref(x),
            BlockFunction { name: "f".to_owned(), output: crate::dtype::DType::F32, body, cuda: None },
        )
        .unwrap()
    }

    #[test]
    fn functions_with_two_readers_are_kept_while_they_are_small() {
        let small = mapped(&array(&[100, 10], &[10, 10]));
        assert_snapshot!(planned(&[&PlaceResults], &[reduce(&small, "sum", &[0]), reduce(&small, "max", &[1])]), @r"
        0: function f  over (100, 10) in (10, 10) -> kept
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        2: reduce max(a) over axes (1,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        ");
        let once = mapped(&array(&[100, 10], &[10, 10]));
        assert_snapshot!(planned(&[&PlaceResults], &[reduce(&once, "sum", &[0])]), @r"
        0: function f  over (100, 10) in (10, 10) (on demand)
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        ");
        // 400 KB are more than a quarter of 1 MiB.
        let large = mapped(&array(&[10_000, 10], &[1000, 10]));
        assert_snapshot!(planned(&[&PlaceResults], &[reduce(&large, "sum", &[0]), reduce(&large, "max", &[1])]), @r"
        0: function f  over (10000, 10) in (1000, 10) -> spilled
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (7000, 10)  over (10000, 10) in (1000, 10) -> answer
           a <- stage 0  float32
        2: reduce max(a) over axes (1,) in tiles (10000, 10)  over (10000, 10) in (1000, 10) -> answer
           a <- stage 0  float32
        ");
    }

    fn transformed(x: &Expr, axis: usize) -> Expr {
        let op = LineOp::Fourier(Fourier::new(Transform::Complex, false, 1.0));
        regions::lines(std::slice::from_ref(x), op, axis, x.lengths()[axis]).unwrap()
    }

    #[test]
    fn lines_that_stored_chunks_do_not_follow_are_stored_from_where_they_are_kept() {
        // 4 MiB under a budget of 1 MiB: whole lines of whole chunks are all there is.
        let x = build::cast(&array(&[1024, 512], &[8, 512]), crate::dtype::DType::C64).unwrap();
        let stored = Chunks::regular(&[1024, 512], &[8, 512]).unwrap();
        let request = Request { expr: transformed(&x, 0), stored: Some(stored), persists: false };
        let text = planned_requests(&[&FuseElementwise, &PlaceResults], &[request]);
        assert!(text.contains("fft along axis 0  over (1024, 512) in (1024, 512) -> spilled"), "{text}");
        assert!(text.contains("copy  over (1024, 512) in (8, 512) -> stored"), "{text}");
    }

    #[test]
    fn lines_are_transformed_with_who_reads_whole_ones() {
        let x = build::cast(&array(&[64, 8, 10], &[8, 4, 5]), crate::dtype::DType::C64).unwrap();
        // Both axes of an image are in its block.
        let both = transformed(&transformed(&x, 2), 1);
        let text = planned(&[&FuseElementwise, &PlaceResults], &[reduce(&both, "sum", &[0])]);
        assert_eq!(text.matches("(on demand)").count(), 3, "{text}");
        assert!(text.contains("fft along axis 1"), "{text}");
        // One line is read by many blocks, each of which wants an element.
        let first = transformed(&build::cast(&array(&[4, 8000], &[4, 100]), crate::dtype::DType::C64).unwrap(), 1);
        let text = planned(&[&FuseElementwise, &PlaceResults], &[transformed(&first, 0), reduce(&first, "sum", &[1])]);
        assert!(text.contains("fft along axis 1  over (4, 8000) in (4, 8000) -> kept"), "{text}");
    }
}
