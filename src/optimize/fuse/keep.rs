//! Decides which forks are kept.

use super::super::PlanRule;
use crate::blockwise::plan::{Plan, StageKind};
use crate::error::Result;
use crate::shape;

/// A user function whose result several stages read is computed once and kept, when it takes at most a quarter of the
/// budget. Everything else is read again: elementwise work costs less than holding its result, and reading twice holds
/// nothing (`x - x.mean(0)`).
#[derive(Debug)]
pub struct KeepCostlyForks;

/// The share of the budget that a kept result may take.
const SHARE: u64 = 4;

impl PlanRule for KeepCostlyForks {
    fn name(&self) -> &'static str {
        "keep costly forks"
    }

    fn apply(&self, plan: &mut Plan, budget: u64) -> Result<()> {
        for id in 0..plan.stages.len() {
            let StageKind::Function(function) = &plan.stages[id].kind else { continue };
            let bytes = (shape::size(&plan.stages[id].space) * function.output.size()) as u64;
            let (readers, output) = plan.consumers(id);
            if readers + usize::from(output) > 1 && bytes <= budget / SHARE {
                plan.stages[id].keep = true;
            }
        }
        Ok(())
    }
}
