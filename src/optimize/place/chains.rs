//! Decides where long chains of stages on demand are cut.

use super::super::PlanRule;
use super::results::place;
use crate::blockwise::demand::{passes_on, stencils};
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Placement, Plan, Reason, StageId, StageKind};
use crate::error::Result;

/// What would be evaluated on demand through many stages, or many times, is computed once, wherever results are placed.
/// With every stencil of a chain the border grows that a block needs beyond itself, and evaluation goes deeper; and
/// what is read part by part is evaluated for each reader that does so, and for those that read these likewise, so that
/// numbers double from level to level.
#[derive(Debug)]
pub struct CutChains;

/// Stages that are evaluated one inside the other, at most.
const LONGEST: usize = 64;

/// Of these, steps of stencils.
const STEPS: usize = 12;

/// Readers that have a stage evaluated part by part, those of readers that do it for others counted as often, at most.
const READERS: usize = 16;

impl PlanRule for CutChains {
    fn name(&self) -> &'static str {
        "cut chains"
    }

    fn runs_after(&self) -> &'static [&'static str] {
        &["fuse elementwise", "merge reductions"]
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        let (stencils, mut cuts) = (stencils(plan), Vec::new());
        // How many stages, and steps of stencils, are evaluated for each.
        let mut behind = vec![(0_usize, 0_usize); plan.stages.len()];
        for id in 0..plan.stages.len() {
            if plan.stages[id].is_swept() {
                continue;
            }
            let inputs = plan.stages[id].stage_inputs();
            let longest = |of: fn((usize, usize)) -> usize| inputs.iter().map(|&i| of(behind[i])).max().unwrap_or(0);
            let (stages, steps) = (longest(|b| b.0), longest(|b| b.1) + usize::from(stencils[id].1));
            behind[id] = (stages + 1, steps);
            if (stages >= LONGEST || steps > STEPS && stencils[id].1) && computes(plan, id) {
                cut(plan, id, Reason::Chain(stages), &mut cuts);
                behind[id] = (0, 0);
            }
        }
        let (mut readers, mut swept) = (vec![0_usize; plan.stages.len()], vec![false; plan.stages.len()]);
        // Readers have higher numbers than what they read.
        for id in (0..plan.stages.len()).rev() {
            if readers[id] > READERS && computes(plan, id) {
                cut(plan, id, Reason::Readers(readers[id]), &mut cuts);
            }
            let sink = plan.stages[id].is_swept() || plan.is_output(id);
            if !sink && passes_on(&plan.stages[id].kind) {
                continue;
            }
            for at in read_by(plan, id) {
                if !sink {
                    readers[at] = readers[at].saturating_add(readers[id]);
                } else if !std::mem::replace(&mut swept[at], true) {
                    readers[at] += 1;
                }
            }
        }
        // Where they are is decided when chains are short, since that looks at all of what is read.
        for (id, reason) in cuts {
            place(plan, id, reason);
        }
        Ok(())
    }
}

/// Has stage `id` computed once.
fn cut(plan: &mut Plan, id: StageId, reason: Reason, cuts: &mut Vec<(StageId, Reason)>) {
    plan.stages[id].placement = Placement::Memory(reason);
    cuts.push((id, reason));
}

/// Whether a stage does more than to look at others through its maps.
fn computes(plan: &Plan, id: StageId) -> bool {
    !matches!(&plan.stages[id].kind, StageKind::Blockwise(program) if program.is_identity())
}

/// The stages on demand that are evaluated for blocks of stage `id`, with each other.
fn read_by(plan: &Plan, id: StageId) -> Vec<StageId> {
    plan.behind(id, |stage| !stage.is_swept() && passes_on(&stage.kind))
        .into_iter()
        .filter(|&at| at != id && !plan.stages[at].is_swept())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Expr, build, compose};
    use crate::op::elementwise::ElementOp;
    use crate::optimize::fuse::elementwise::FuseElementwise;
    use crate::optimize::testing::{array, planned};

    fn sum(a: &Expr, b: &Expr) -> Expr {
        compose::binary(ElementOp::Add, a, b).unwrap()
    }

    fn steps(count: usize, step: impl Fn(&Expr) -> Expr) -> String {
        let mut x = array(&[64], &[64]);
        for _ in 0..count {
            x = step(&x);
        }
        planned(&[&FuseElementwise, &CutChains], &[x])
    }

    #[test]
    fn steps_of_a_stencil_are_computed_some_at_a_time() {
        let step = |x: &Expr| sum(x, &compose::rolled(x, 0, 1).unwrap());
        let short = steps(6, step);
        assert_eq!(short.matches("kept").count(), 0, "{short}");
        let long = steps(60, step);
        assert!((2..=8).contains(&long.matches("-> kept").count()), "{long}");
    }

    #[test]
    fn what_is_read_part_by_part_is_not_evaluated_twice_as_often_at_every_level() {
        let square = |x: &Expr| build::transpose(&build::reshape(x, &[8, 8]).unwrap(), &[1, 0]).unwrap();
        let turned = |x: &Expr| build::reshape(&square(x), &[64]).unwrap();
        let step =
            |x: &Expr| sum(&turned(&compose::rolled(x, 0, 1).unwrap()), &turned(&compose::rolled(x, 0, 2).unwrap()));
        assert_eq!(steps(2, step).matches("kept").count(), 0);
        let many = steps(12, step);
        assert!((1..=8).contains(&many.matches("-> kept").count()), "{many}");
    }
}
