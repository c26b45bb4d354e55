//! Decides which lines are sorted on disk.

use super::super::PlanRule;
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Input, Origin, Placement, Plan, Reason, Stage, StageId, StageKind};
use crate::blockwise::sweep::{Machine, grid};
use crate::chunk::index_map::AxisMap;
use crate::chunk::{AxisChunks, Chunks, IndexMap, auto};
use crate::error::Result;
use crate::op::regional::lines::SHORT;
use crate::op::regional::{Computation, LineOp, Lines, Merged, Regional, Runs};
use crate::shape;

/// What is done to whole lines takes a line at a time. Where a task's share of the budget has no room for one, lines
/// are sorted in runs of what a task has room for, on disk, and what is asked of a line is merged from these. Where
/// nobody asks for positions, the order in which elements come is nobody's concern either, so that a line that a
/// reshape joined is sorted block by block of what it was before.
#[derive(Debug)]
pub struct SortOnDisk;

impl PlanRule for SortOnDisk {
    fn name(&self) -> &'static str {
        "sort on disk"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["fuse elementwise", "merge reductions"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        let machine = &plan.machine();
        let mut id = 0;
        while id < plan.stages.len() {
            if let Some(lines) = too_long(plan, id, machine) {
                split(plan, id, lines, machine);
                id += 1;
            }
            id += 1;
        }
        Ok(())
    }
}

/// What stage `id` does to lines of which one is too long for a task.
fn too_long(plan: &Plan, id: StageId, machine: &Machine) -> Option<Lines> {
    let stage = &plan.stages[id];
    let StageKind::Regional(Regional::Lines(lines)) = &stage.kind else { return None };
    if matches!(lines.op, LineOp::Lexsort(_))
        || lines.op.keeps_order()
        || stage.inputs.len() != 1
        || shape::size(&stage.space) == 0
    {
        return None;
    }
    let mut one = vec![1; stage.space.len()];
    one[lines.axis] = lines.out;
    // Chunks that are read for a line take their room however it is sorted.
    let own = lines.len * lines.dtype.size() + lines.scratch(&one) + 2 * lines.out * lines.output().size();
    let share = machine.budget / (machine.threads as u64 + 1);
    (lines.len > SHORT && own as u64 > share).then(|| lines.clone())
}

/// Makes runs of the lines of stage `id`, which gets the next number and merges them.
fn split(plan: &mut Plan, id: StageId, lines: Lines, machine: &Machine) {
    let stage = plan.stages[id].clone();
    let positions = lines.op.gives_positions();
    let joined = if positions { None } else { before_reshape(plan, &stage, &lines) };
    let (space, chunks, input, along) = joined.unwrap_or_else(|| {
        let space = stage.input_space();
        let mut axes = stage.chunks.axes().to_vec();
        axes[lines.axis] = AxisChunks::regular(lines.len, lines.len);
        let along = (0..space.len()).map(|a| a == lines.axis).collect();
        (space, Chunks::new(axes), stage.inputs[0].clone(), along)
    });
    let runs = Runs { along, dtype: lines.dtype, positions };
    let shape = runs.shape(&space);
    let placement = Placement::Spill(Chunks::whole(&shape), Reason::Size);
    let kind = StageKind::Runs(runs.clone());
    let made = Stage { kind, space, chunks, inputs: vec![input], placement, blocks: None, ..stage.clone() };
    plan.insert(id, made);
    let (blocks, count) = few_runs(plan, id, &runs, &lines, machine);
    plan.stages[id].blocks = Some(blocks);
    let takes = |s: &Stage| matches!(s.kind, StageKind::Take { .. }) && s.reads_stage(id + 1);
    let taken = plan.stages.iter().any(takes);
    let seen = stage.input_space();
    let mut axes: Vec<AxisMap> = (0..seen.len())
        .filter(|&a| a != lines.axis)
        .chain([lines.axis])
        .map(|a| AxisMap { out: Some(a), offset: 0, stride: 1 })
        .collect();
    axes.truncate(shape.len());
    let merging = &mut plan.stages[id + 1];
    let mut axes_out = merging.chunks.axes().to_vec();
    axes_out[lines.axis] = auto::auto(&merging.space, merging.result_dtypes()[0].size()).axes()[lines.axis].clone();
    merging.chunks = Chunks::new(axes_out);
    merging.inputs = vec![Input::whole(&seen, Origin::Stage(id, 0), IndexMap { axes }, lines.dtype)];
    // Merging a part takes no more than reading it; quantiles are few, and what positions are taken of is read one by
    // one.
    if !matches!(lines.op, LineOp::Quantiles(_)) && !taken {
        merging.placement = Placement::OnDemand;
    }
    merging.kind = StageKind::Regional(Regional::Merged(Merged { lines, runs: count }));
}

/// The blocks of stage `id`, and how many runs they make of a line. Where merging so many leaves no room for as many
/// tasks as there are threads, blocks are those of one.
fn few_runs(plan: &Plan, id: StageId, runs: &Runs, lines: &Lines, machine: &Machine) -> (Chunks, usize) {
    // Some of the budget is left for what is held by then.
    let share = machine.budget / 4 * 3;
    let with = |threads: usize| {
        let blocks = grid(plan, &[id], &Machine { threads, ..*machine }, share);
        let count = runs.pick(&blocks.counts(), true).iter().product();
        (blocks, count)
    };
    let (blocks, count) = with(machine.threads);
    let merged = Merged { lines: lines.clone(), runs: count };
    let room = share / (machine.threads as u64 + 1);
    if merged.scratch(&vec![1; lines.axis + 1]) as u64 > room { with(1) } else { (blocks, count) }
}

/// What a reshape joins to the lines of `stage`, where it joins the last axes: their space, its chunks, the input, and
/// which axes they are.
fn before_reshape(plan: &Plan, stage: &Stage, lines: &Lines) -> Option<(Vec<usize>, Chunks, Input, Vec<bool>)> {
    let piece = stage.inputs[0].single()?;
    let seen = stage.input_space();
    let Origin::Stage(before, 0) = piece.origin else { return None };
    let StageKind::Reshape(reshape) = &plan.stages[before].kind else { return None };
    let kept = seen.len() - 1;
    let from = reshape.input().to_vec();
    let joins = piece.map.is_identity(seen.len()) && lines.axis == kept && from.len() > kept;
    if !joins || from[..kept] != seen[..kept] {
        return None;
    }
    let along = (0..from.len()).map(|a| a >= kept).collect();
    let chunks = auto::auto(&from, lines.dtype.size());
    Some((from, chunks, plan.stages[before].inputs[0].clone(), along))
}

#[cfg(test)]
mod tests {
    use super::super::super::fuse::elementwise::FuseElementwise;
    use super::*;
    use crate::blockwise::lower::Request;
    use crate::expr::regions;
    use crate::expr::{Expr, build};
    use crate::op::regional::Quantiles;
    use crate::optimize::testing::{planned_requests, stored};

    fn planned(expr: Expr) -> String {
        let grid = Chunks::new(expr.lengths().iter().map(|&n| AxisChunks::regular(n, n.min(4096))).collect());
        let request = Request { expr, stored: Some(grid), persists: false };
        planned_requests(&[&FuseElementwise, &SortOnDisk], &[request])
    }

    #[test]
    fn a_line_that_does_not_fit_is_sorted_in_runs() {
        // 4 MiB under a budget of 1 MiB.
        let long = stored("x.zarr", &[1 << 20], &[1 << 14]);
        let text = planned(regions::lines(&[long], LineOp::Sort, 0, 1 << 20).unwrap());
        assert!(text.starts_with("0: sorted runs along axes (0,)  over (1048576,)"), "{text}");
        assert!(
            text.contains("1: sort of sorted runs along axis 0") && text.contains("a <- stage 0  float32"),
            "{text}"
        );
        // Lines of 4 KiB, of which many are as long together.
        let many = stored("x.zarr", &[1024, 1024], &[64, 1024]);
        let text = planned(regions::lines(&[many], LineOp::Sort, 1, 1024).unwrap());
        assert!(!text.contains("runs"), "{text}");
    }

    #[test]
    fn what_a_reshape_joined_is_sorted_as_it_is_stored() {
        let x = stored("x.zarr", &[64, 128, 128], &[8, 64, 64]);
        let flat = build::reshape(&x, &[1 << 20]).unwrap();
        let median = |e: &Expr| LineOp::Quantiles(Quantiles::median(e.dtype, false));
        let text = planned(regions::lines(std::slice::from_ref(&flat), median(&flat), 0, 1).unwrap());
        assert!(text.starts_with("0: sorted runs along axes (0, 1, 2)  over (64, 128, 128)"), "{text}");
        // Positions are those of C order.
        let text = planned(regions::lines(&[flat], LineOp::Argsort, 0, 1 << 20).unwrap());
        assert!(text.contains("reshape") && text.contains("sorted runs along axes (0,)"), "{text}");
    }
}
