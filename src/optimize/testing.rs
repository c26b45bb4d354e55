//! Expressions and plans for the tests of rules.

use super::{ExprRule, PlanRule, simplify};
use crate::blockwise::lower::{Request, lower};
use crate::chunk::Chunks;
use crate::device::block::Block;
use crate::expr::{Expr, build};
use crate::op::reduction::{self, Params};
use crate::store::memory::MemoryStore;
use std::sync::Arc;

/// An array of zeros in memory, cut into chunks.
pub(super) fn array(shape: &[usize], chunk: &[usize]) -> Expr {
    let block = Block::from_vec(vec![0f32; crate::shape::size(shape)], shape).unwrap();
    build::source(Arc::new(MemoryStore::new(block, Chunks::regular(shape, chunk).unwrap())))
}

/// A reduction with its reduced axes kept.
pub(super) fn reduce(x: &Expr, name: &str, axes: &[usize]) -> Expr {
    build::reduce(x, reduction::find(name).unwrap(), axes, Params::default()).unwrap()
}

/// What an expression rule makes of these expressions.
pub(super) fn rewritten(rule: &dyn ExprRule, exprs: &[Expr]) -> String {
    let out = simplify::walk(rule, exprs).unwrap();
    out.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
}

/// What plan rules make of these expressions, with a budget of 1 MiB.
pub(super) fn planned(rules: &[&dyn PlanRule], exprs: &[Expr]) -> String {
    let requests: Vec<Request> = exprs.iter().map(|e| Request { expr: e.clone(), stored: None }).collect();
    let mut plan = lower(&requests).unwrap();
    for rule in rules {
        rule.apply(&mut plan, 1 << 20).unwrap();
        plan.remove_dead();
        crate::blockwise::verify::verify(&plan, rule.name()).unwrap();
    }
    plan.to_string()
}
