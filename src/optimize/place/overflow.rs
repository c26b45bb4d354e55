//! Decides what goes to disk when results that fit alone do not fit together.

use super::super::PlanRule;
use super::results::spill_whole;
use crate::blockwise::draft::Draft;
use crate::blockwise::memory::held_bytes;
use crate::blockwise::plan::{Placement, Plan, Reason, StageId, StageKind};
use crate::blockwise::sweep::waits;
use crate::error::Result;

/// While a plan does not fit its budget, the result that is needed again last goes to disk instead of memory, of equals
/// the largest. The order of the sweeps is known, so this is the best choice there is. A plan that does not fit even
/// then stays as it was, and is refused when its tasks are made.
#[derive(Debug)]
pub struct SpillOverflow;

impl PlanRule for SpillOverflow {
    fn name(&self) -> &'static str {
        "spill overflow"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["place results", "place exchanges"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        let mut before = None;
        while plan.sweeps().is_err() {
            let before = before.get_or_insert_with(|| plan.clone());
            let Some(id) = farthest(plan) else {
                *plan = before.clone();
                return Ok(());
            };
            let whole = matches!(
                plan.stages[id].kind,
                StageKind::Reduce { .. } | StageKind::Tiles(_) | StageKind::Substitute(_)
            );
            if whole {
                spill_whole(plan, id);
            } else {
                plan.stages[id].placement = Placement::Spill(plan.stages[id].chunks.clone(), Reason::Size);
            }
        }
        Ok(())
    }
}

/// The result in memory, no answer, that waits longest for its next reader.
fn farthest(plan: &Plan) -> Option<StageId> {
    let waits = waits(plan);
    let answer = |id: StageId| plan.outputs.iter().any(|o| o.stage == id && o.stored.is_none());
    let in_memory = |id: &StageId| {
        let stage = &plan.stages[*id];
        let held = matches!(stage.kind, StageKind::Reduce { .. }) || matches!(stage.placement, Placement::Memory(_));
        held && !stage.is_spilled() && !answer(*id)
    };
    (0..plan.stages.len())
        .filter(in_memory)
        .filter_map(|id| Some((waits[id]?, held_bytes(plan, id), id)))
        .max()
        .map(|m| m.2)
}

#[cfg(test)]
mod tests {
    use super::super::super::fuse::elementwise::FuseElementwise;
    use super::super::results::PlaceResults;
    use super::*;
    use crate::blockwise::lower::Request;
    use crate::chunk::Chunks;
    use crate::expr::{Expr, build};
    use crate::op::elementwise::ElementOp;
    use crate::op::scan;
    use crate::optimize::testing::{planned_requests, stored};

    #[test]
    fn results_that_do_not_fit_together_are_spilled() {
        // Running sums of 100 KiB each are kept alone, but eleven of them are more than the budget of 1 MiB.
        let sums = |i: usize| {
            let x = stored(&format!("x{i}.zarr"), &[100, 256], &[10, 256]);
            build::scan(&x, scan::find("cumsum").unwrap(), 0, None).unwrap()
        };
        let add = |a: Expr, b: Expr| {
            let half = build::element(ElementOp::Negative, &[build::Arg::Array(b)]).unwrap();
            build::element(ElementOp::Add, &[build::Arg::Array(a), build::Arg::Array(half)]).unwrap()
        };
        let expr = (0..11).map(sums).reduce(add).unwrap();
        let grid = Chunks::regular(&[100, 256], &[10, 256]).unwrap();
        let request = [Request { expr, stored: Some(grid), persists: false }];
        let text = planned_requests(&[&FuseElementwise, &PlaceResults, &SpillOverflow], &request);
        let (kept, spilled) = (text.matches("-> kept").count(), text.matches("-> spilled").count());
        assert!(kept > 0 && spilled > 0 && kept + spilled == 11, "{text}");
    }
}
