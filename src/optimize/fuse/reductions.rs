//! Merges reductions that walk the same elements.

use super::super::PlanRule;
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Origin, Plan, StageId, StageKind};
use crate::error::Result;
use crate::op::program::{Program, Value};

/// Reductions over one index space that read an array in common become one stage with several parts: the array is read
/// once, mapped once, and all accumulators are fed together (mean, std, min and max of one variable).
#[derive(Debug)]
pub struct MergeReductions;

/// Inputs beyond which stages are not merged.
const MOST_INPUTS: usize = 12;

impl PlanRule for MergeReductions {
    fn name(&self) -> &'static str {
        "merge reductions"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["fuse elementwise"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        for a in 0..plan.stages.len() {
            for b in a + 1..plan.stages.len() {
                if mergeable(plan, a, b) {
                    merge(plan, a, b);
                }
            }
        }
        Ok(())
    }
}

/// Whether stage `b` can move into stage `a`: nothing that `b` needs may come after `a` or need it.
fn mergeable(plan: &Plan, a: StageId, b: StageId) -> bool {
    let (first, second) = (&plan.stages[a], &plan.stages[b]);
    let reductions = matches!((&first.kind, &second.kind), (StageKind::Reduce { .. }, StageKind::Reduce { .. }));
    reductions
        && first.space == second.space
        && first.inputs.iter().any(|i| second.inputs.contains(i))
        && first.inputs.len() + second.inputs.len() <= MOST_INPUTS
        && second.stage_inputs().iter().all(|&i| i < a)
}

fn merge(plan: &mut Plan, a: StageId, b: StageId) {
    let second = plan.stages[b].clone();
    let StageKind::Reduce { map: other, parts: more } = second.kind else { return };
    let first = &mut plan.stages[a];
    let StageKind::Reduce { map, parts } = &mut first.kind else { return };
    let mut p = Program::default();
    let mut values: Vec<Value> = first.inputs.iter().map(|i| p.input(i.dtype)).collect();
    let mine = values.clone();
    let theirs: Vec<Value> = second
        .inputs
        .iter()
        .map(|input| {
            let at = first.inputs.iter().position(|i| i == input).unwrap_or_else(|| {
                first.inputs.push(input.clone());
                values.push(p.input(input.dtype));
                first.inputs.len() - 1
            });
            values[at]
        })
        .collect();
    let own = p.inline(map, &mine);
    let added = p.inline(&other, &theirs);
    let shift = own.len();
    p.outputs = own.into_iter().chain(added).collect();
    *map = p;
    let before = parts.len();
    parts.extend(more.into_iter().map(|mut part| {
        part.value += shift;
        part
    }));
    first.label = format!("{}, {}", first.label, second.label);
    redirect(plan, b, a, before);
}

/// Lets everything that reads stage `from` read the results of `to` from number `first` on.
fn redirect(plan: &mut Plan, from: StageId, to: StageId, first: usize) {
    for piece in plan.stages.iter_mut().flat_map(|s| &mut s.inputs).flat_map(|i| &mut i.pieces) {
        if let Origin::Stage(id, result) = &mut piece.origin
            && *id == from
        {
            (*id, *result) = (to, *result + first);
        }
    }
    for output in plan.outputs.iter_mut().filter(|o| o.stage == from) {
        (output.stage, output.result) = (to, output.result + first);
    }
    // What is left of `from` has no reader; it is removed as dead.
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::FuseElementwise;
    use super::*;
    use crate::optimize::testing::{array, planned, reduce};
    use insta::assert_snapshot;

    #[test]
    fn reductions_of_one_array_become_parts_of_one_stage() {
        let x = array(&[6, 4], &[3, 4]);
        let all = [reduce(&x, "mean", &[0, 1]), reduce(&x, "std", &[0]), reduce(&x, "max", &[1])];
        assert_snapshot!(planned(&[&FuseElementwise, &MergeReductions], &all), @r"
        0: reduce mean(a) over axes (0, 1) in tiles (6, 4); std(a) over axes (0,) in tiles (6, 4); max(a) over axes (1,) in tiles (6, 4)  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
        ");
    }

    #[test]
    fn what_needs_the_other_or_reads_something_else_stays_apart() {
        let x = array(&[6, 4], &[3, 4]);
        let mean = reduce(&x, "mean", &[0]);
        let args = [crate::expr::build::Arg::Array(x.clone()), crate::expr::build::Arg::Array(mean.clone())];
        let centred = crate::expr::build::element(crate::op::elementwise::ElementOp::Subtract, &args).unwrap();
        let other = reduce(&array(&[6, 4], &[3, 4]), "sum", &[0]);
        let all = [mean, reduce(&centred, "max", &[0]), other];
        assert_snapshot!(planned(&[&FuseElementwise, &MergeReductions], &all), @r"
        0: reduce mean(a) over axes (0,) in tiles (6, 4)  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
        1: reduce max((a - b)) over axes (0,) in tiles (6, 4)  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
           b <- stage 0 [0, i1] of rank 2  float32
        2: reduce sum(a) over axes (0,) in tiles (6, 4)  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
        ");
    }
}
