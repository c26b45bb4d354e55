//! Decides how data gets from the blocks in which it is stored to those in which it is needed.

use super::super::PlanRule;
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Input, Origin, Placement, Reason, Stage, StageId, StageKind};
use crate::blockwise::readers::{Reader, readers};
use crate::blockwise::sweep::{Sweep, extra_bytes_of, grid};
use crate::chunk::{Chunks, IndexMap};
use crate::error::Result;
use crate::op::program::Program;
use crate::op::regional::Regional;
use crate::shape;
use std::collections::BTreeSet;

/// Where blocks must not follow the chunks of what they read (a rechunk or a transpose into a store, chunks for a user
/// function), every block touches many chunks and every chunk is decoded for many blocks. Reading again costs what is
/// read; computing everything once in the order in which it is stored, and holding it until it is needed, costs nothing
/// more where memory holds it and two bytes moved per byte where disk does. The cheapest wins.
#[derive(Debug)]
pub struct PlaceExchanges;

/// Bytes moved for each byte that is spilled: to disk and back.
const SPILLING: u64 = 2;

/// The share of what is left of the budget that may be held in memory.
const SHARE: u64 = 2;

impl PlanRule for PlaceExchanges {
    fn name(&self) -> &'static str {
        "place exchanges"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["place results"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        let mut done: BTreeSet<StageId> = BTreeSet::new();
        while let Some((at, inserted)) = exchange_next(plan, &mut done) {
            let moved = |id: StageId| if id >= at { id + inserted } else { id };
            done = done.into_iter().map(moved).chain(at..at + inserted).collect();
        }
        Ok(())
    }
}

/// Has something computed once for the next reader that is worth it, and none of those that are `done` already, which
/// all join that were looked at; the number of the first stage that there was not before, and how many there are.
fn exchange_next(plan: &mut Draft, done: &mut BTreeSet<StageId>) -> Option<(StageId, usize)> {
    // Of a plan that does not fit, only those blocks are known that no sweep decides.
    let list = plan.sweeps().unwrap_or_default();
    for reader in readers(plan, &list) {
        if !done.insert(reader.stage) {
            continue;
        }
        let Some(choice) = choose(plan, &reader, &list) else { continue };
        let before = plan.clone();
        let inserted = exchange(plan, &reader, &choice, &list);
        if list.is_empty() || plan.sweeps().is_ok() {
            return Some((reader.stage, inserted));
        }
        *plan = before;
    }
    None
}

/// What of a reader is computed once.
enum What {
    /// The stage itself.
    Stage,
    /// Some of its inputs.
    Inputs(Vec<usize>),
}

struct Choice {
    what: What,
    in_memory: bool,
    reason: Reason,
}

/// What of `reader` is worth computing once, if anything is.
fn choose(plan: &Draft, reader: &Reader, list: &[Sweep]) -> Option<Choice> {
    let machine = plan.machine();
    let (id, stage) = (reader.stage, &plan.stages[reader.stage]);
    let sweep = reader.sweep.map(|number| &list[number]);
    let needed = sweep.map_or(0, |s| s.projected_bytes(machine.budget));
    let cache = machine.budget.saturating_sub(needed).min(machine.budget / 2);
    let function = matches!(stage.kind, StageKind::Function(_) | StageKind::Reshape(_) | StageKind::Regional(_));
    if !function && reader.needs_function(plan) {
        return None;
    }
    // Products read their factors again by themselves, as often as the budget makes them. Places may be anywhere, and
    // what is counted is read in tiles that follow chunks.
    if plan.multiplies(id) || matches!(&stage.kind, StageKind::Regional(op) if op.has_more_axes()) {
        return None;
    }
    let local = matches!(&stage.kind, StageKind::Regional(op) if op.is_local());
    let seen = if local { stage.space.clone() } else { stage.input_space() };
    let bytes_of = |input: &Input| (shape::size(&seen) * input.dtype.size()) as u64;
    // What a user function sees along some axes alone is read again: seen from all of them it would be many times as
    // large.
    let full = |i: &usize| {
        let varies = stage.inputs[*i].varies(&seen);
        !matches!(stage.kind, StageKind::Regional(Regional::Call(_)))
            || (0..seen.len()).all(|a| varies[a] || seen[a] == 1)
    };
    let bad: Vec<usize> = (0..stage.inputs.len())
        .filter(full)
        .filter(|&i| extra_bytes_of(plan, id, &stage.inputs[i], &reader.grid, cache) > 0)
        .collect();
    let extra: u64 = bad.iter().map(|&i| extra_bytes_of(plan, id, &stage.inputs[i], &reader.grid, cache)).sum();
    let of_inputs: u64 = bad.iter().map(|&i| bytes_of(&stage.inputs[i])).sum();
    let of_stage = (local || matches!(stage.kind, StageKind::Blockwise(_) | StageKind::Exchange { .. }))
        .then(|| (shape::size(&stage.space) * stage.result_dtypes()[0].size()) as u64);
    let (what, bytes) = match of_stage {
        Some(bytes) if local || bytes <= of_inputs => (What::Stage, bytes),
        _ => (What::Inputs(bad), of_inputs),
    };
    let held = sweep.map_or(0, |s| s.held_bytes);
    let in_memory = bytes <= machine.budget.saturating_sub(held) / SHARE;
    let price = if in_memory { 0 } else { SPILLING * bytes };
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let reason = Reason::Passes(1.0 + extra as f64 / of_inputs.max(1) as f64);
    (extra > price).then_some(Choice { what, in_memory, reason })
}

/// Puts stages that are computed once between `reader` and what it reads; how many.
fn exchange(plan: &mut Draft, reader: &Reader, choice: &Choice, list: &[Sweep]) -> usize {
    let id = reader.stage;
    let once = Placement::Memory(choice.reason);
    let inserted = match &choice.what {
        What::Stage => {
            let stage = plan.stages[id].clone();
            let (space, dtype) = (stage.space.clone(), stage.result_dtypes()[0]);
            plan.insert(id, Stage { placement: once, ..stage });
            let copy = &mut plan.stages[id + 1];
            copy.kind = StageKind::Blockwise(Program::identity(dtype));
            copy.inputs = vec![Input::whole(&space, Origin::Stage(id, 0), IndexMap::identity(space.len()), dtype)];
            1
        }
        What::Inputs(inputs) => {
            for (n, &i) in inputs.iter().enumerate() {
                let reading = plan.stages[id + n].clone();
                let (input, space) = (reading.inputs[i].clone(), reading.input_space());
                let (dtype, kind) = (input.dtype, StageKind::Blockwise(Program::identity(input.dtype)));
                let chunks = if space == reading.space { reading.chunks.clone() } else { reader.grid.clone() };
                let (inputs, placement, of) = (vec![input], once.clone(), space.clone());
                plan.insert(id + n, Stage { kind, inputs, placement, space: of, chunks, ..reading });
                let map = IndexMap::identity(space.len());
                plan.stages[id + n + 1].inputs[i] = Input::whole(&space, Origin::Stage(id + n, 0), map, dtype);
            }
            inputs.len()
        }
    };
    if choice.in_memory {
        return inserted;
    }
    let spill = |plan: &mut Draft, read: &Chunks| {
        for at in id..id + inserted {
            plan.stages[at].placement = Placement::Spill(read.clone(), choice.reason);
        }
    };
    // Blocks grow to what memory holds once they are read from disk: those of the reader, or those of its reader.
    spill(plan, &reader.grid);
    let id = id + inserted;
    if matches!(plan.stages[id].kind, StageKind::Reshape(_) | StageKind::Regional(_)) {
        let grown = plan.sweeps().map(|list| readers(plan, &list)).unwrap_or_default();
        if let Some(now) = grown.into_iter().find(|r| r.stage == id) {
            spill(plan, &now.grid);
        }
    } else if let Some(number) = reader.sweep {
        let machine = plan.machine();
        let share = machine.budget.saturating_sub(list[number].held_bytes);
        let read = grid(plan, &[id], &machine, share);
        spill(plan, &read);
        plan.stages[id].blocks = Some(read);
    }
    inserted
}

#[cfg(test)]
mod tests {
    use super::super::super::fuse::elementwise::FuseElementwise;
    use super::*;
    use crate::blockwise::lower::Request;
    use crate::expr::regions;
    use crate::expr::{Expr, build};
    use crate::op::regional::{LineOp, Quantiles};
    use crate::optimize::testing::{planned, planned_requests, reduce, stored};
    use insta::assert_snapshot;

    fn written(expr: &Expr, chunk: &[usize]) -> Request {
        let grid = Chunks::regular(&expr.lengths(), chunk).unwrap();
        Request { expr: expr.clone(), stored: Some(grid), persists: false }
    }

    #[test]
    fn a_rechunk_across_the_grain_is_spilled_once_it_does_not_fit() {
        // 4 MiB under a budget of 1 MiB: every row of output chunks would decode everything again.
        let x = stored("x.zarr", &[1024, 1024], &[8, 1024]);
        assert_snapshot!(planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&x, &[1024, 8])]), @r"
        0: copy  over (1024, 1024) in (8, 1024) -> spilled
           a <- x.zarr  float32
        1: copy  over (1024, 1024) in (8, 1024) -> stored
           a <- stage 0  float32
        ");
    }

    #[test]
    fn a_small_one_is_held_in_memory() {
        let x = stored("x.zarr", &[120, 1000], &[1, 1000]);
        assert_snapshot!(planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&x, &[120, 10])]), @r"
        0: copy  over (120, 1000) in (1, 1000) -> kept
           a <- x.zarr  float32
        1: copy  over (120, 1000) in (1, 1000) -> stored
           a <- stage 0  float32
        ");
    }

    #[test]
    fn a_transpose_is_computed_in_the_order_of_its_source() {
        let x = stored("x.zarr", &[1024, 1024], &[8, 1024]);
        let turned = build::transpose(&x, &[1, 0]).unwrap();
        let both = build::element(
            crate::op::elementwise::ElementOp::Add,
            &[build::Arg::Array(turned), build::Arg::Scalar(1.into())],
        );
        assert_snapshot!(planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&both.unwrap(), &[8, 1024])]), @r"
        0: blockwise (a + 1)  over (1024, 1024) in (1024, 8) -> spilled
           a <- x.zarr [i1, i0] of rank 2  float32
        1: copy  over (1024, 1024) in (1024, 8) -> stored
           a <- stage 0  float32
        ");
    }

    #[test]
    fn joined_arrays_and_shifted_ones_are_exchanged_like_others() {
        let rows = |name: &str, n: usize| stored(name, &[n, 1024], &[8, 1024]);
        let both = build::concatenate(&[rows("x.zarr", 512), rows("y.zarr", 512)], 0).unwrap();
        assert_snapshot!(planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&both, &[1024, 8])]), @r"
        0: copy  over (1024, 1024) in (8, 1024) -> spilled
           a <- x.zarr at [0:512, 0:1024] + y.zarr [i0-512, i1] of rank 2 at [512:1024, 0:1024]  float32
        1: copy  over (1024, 1024) in (8, 1024) -> stored
           a <- stage 0  float32
        ");
        let shifted = build::index(&rows("x.zarr", 1030), &[(3..1027).into()]).unwrap();
        assert_snapshot!(planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&shifted, &[1024, 8])]), @r"
        0: copy  over (1024, 1024) in (5+8+8+8+..., 1024) -> spilled
           a <- x.zarr [i0+3, i1] of rank 2  float32
        1: copy  over (1024, 1024) in (5+8+8+8+..., 1024) -> stored
           a <- stage 0  float32
        ");
        // Series of both, in chunks that follow theirs.
        let same = planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&both, &[16, 1024])]);
        assert!(!same.contains("spilled") && !same.contains("kept"), "{same}");
    }

    #[test]
    fn lines_across_the_grain_are_exchanged_once() {
        // 4 MiB under a budget of 1 MiB: every block of medians needs part of every chunk.
        let x = stored("x.zarr", &[1024, 32, 32], &[1, 32, 32]);
        let median = || LineOp::Quantiles(Quantiles::median(x.dtype, false));
        let text = planned(
            &[&FuseElementwise, &PlaceExchanges],
            &[regions::lines(std::slice::from_ref(&x), median(), 0, 1).unwrap()],
        );
        assert!(text.starts_with("0: copy  over (1024, 32, 32)") && text.contains("-> spilled"), "{text}");
        assert!(text.contains("1: median along axis 0  over (1, 32, 32)"), "{text}");
        // Lines within chunks need none of that.
        let text = planned(
            &[&FuseElementwise, &PlaceExchanges],
            &[regions::lines(std::slice::from_ref(&x), median(), 1, 1).unwrap()],
        );
        assert!(!text.contains("spilled") && !text.contains("copy"), "{text}");
    }

    #[test]
    fn chunks_that_fit_each_other_are_read_as_they_are() {
        let x = stored("x.zarr", &[1024, 1024], &[8, 1024]);
        let same = planned_requests(&[&FuseElementwise, &PlaceExchanges], &[written(&x, &[16, 1024])]);
        assert!(!same.contains("spilled"), "{same}");
        let answers = planned(&[&FuseElementwise, &PlaceExchanges], &[reduce(&x, "sum", &[0])]);
        assert!(!answers.contains("spilled"), "{answers}");
    }
}
