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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Expr, build};
    use crate::op::function::BlockFunction;
    use crate::optimize::testing::{array, planned, reduce};
    use insta::assert_snapshot;
    use std::sync::Arc;

    fn mapped(x: &Expr) -> Expr {
        let body = Arc::new(|_: &[crate::op::function::RawBlock<'_>], _: &[usize], _: &mut [u8]| Ok(()));
        build::blocks(
            std::slice::from_ref(x),
            BlockFunction { name: "f".to_owned(), output: crate::dtype::DType::F32, body },
        )
        .unwrap()
    }

    #[test]
    fn functions_with_two_readers_are_kept_while_they_are_small() {
        let small = mapped(&array(&[100, 10], &[10, 10]));
        assert_snapshot!(planned(&[&KeepCostlyForks], &[reduce(&small, "sum", &[0]), reduce(&small, "max", &[1])]), @r"
        0: function f  over (100, 10) in (10, 10) -> kept
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        2: reduce max(a) over axes (1,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        ");
        let once = mapped(&array(&[100, 10], &[10, 10]));
        assert_snapshot!(planned(&[&KeepCostlyForks], &[reduce(&once, "sum", &[0])]), @r"
        0: function f  over (100, 10) in (10, 10) (on demand)
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (100, 10)  over (100, 10) in (10, 10) -> answer
           a <- stage 0  float32
        ");
        // 400 KB are more than a quarter of 1 MiB.
        let large = mapped(&array(&[10_000, 10], &[1000, 10]));
        assert_snapshot!(planned(&[&KeepCostlyForks], &[reduce(&large, "sum", &[0]), reduce(&large, "max", &[1])]), @r"
        0: function f  over (10000, 10) in (1000, 10) (on demand)
           a <- memory  float32
        1: reduce sum(a) over axes (0,) in tiles (7000, 10)  over (10000, 10) in (1000, 10) -> answer
           a <- stage 0  float32
        2: reduce max(a) over axes (1,) in tiles (10000, 10)  over (10000, 10) in (1000, 10) -> answer
           a <- stage 0  float32
        ");
    }
}
