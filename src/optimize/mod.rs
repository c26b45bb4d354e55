//! Rules that make a plan cheaper without changing a bit of its answer.
//!
//! `simplify/` rewrites expressions, `fuse/` rewrites plans, `place/` decides what is computed once and where it is
//! kept. Each rule is one file: a unit struct with a name, what it must run after, and `apply`. The lists below are the
//! order; every line says why it stands where it stands. The driver checks `runs_after` and, in debug builds, verifies
//! the plan after each rule.

use crate::blockwise::draft::Draft;
use crate::blockwise::lower::Request;
use crate::blockwise::plan::Plan;
use crate::blockwise::verify::verify;
use crate::error::{Error, Result};
use crate::expr::Expr;
use simplify::Uses;

pub mod simplify;
pub mod fuse;
pub mod place;
#[cfg(test)]
pub(crate) mod testing;

/// A rewrite of expressions.
pub trait ExprRule: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// The rewritten node, when the rule applies to it. Its inputs have been rewritten before; `uses` knows who else
    /// reads them.
    fn rewrite(&self, expr: &Expr, uses: &Uses) -> Option<Expr>;
}

/// A rewrite of plans.
pub trait PlanRule: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Rules that must have run before.
    fn runs_after(&self) -> &'static [&'static str] {
        &[]
    }
    /// Rewrites `plan`, which knows what it is made for.
    ///
    /// # Errors
    /// Only for broken invariants.
    fn apply(&self, plan: &mut Draft) -> Result<()>;
}

/// The expression rules, in order; each walks the graph once, inputs first.
static EXPR_RULES: &[&dyn ExprRule] = &[
    // Equal nodes become one, so that later rules and the plan see what is shared.
    &simplify::common::CommonSubexpressions,
    // A rechunk of a rechunk keeps the outer grid alone.
    &simplify::rechunk::CollapseRechunks,
    // A view of a view is one view, so that slices of reductions stand right above them.
    &simplify::view::ComposeViews,
    // Slices go below reductions, so that only what is kept is read.
    &simplify::slice::PushSlicesBelowReductions,
    // Pushing may have made equal nodes.
    &simplify::common::CommonSubexpressions,
];

/// The plan rules, in order.
static PLAN_RULES: &[&dyn PlanRule] = &[
    // Elementwise chains and views become one program each, also inside reductions.
    &fuse::elementwise::FuseElementwise,
    // Reductions over the same elements then share one pass.
    &fuse::reductions::MergeReductions,
    // What is evaluated through many stages, or again and again, is cut first: what follows looks at all of a chain.
    &place::chains::CutChains,
    // Blocks are made of cells, so these are settled first.
    &place::cells::JoinCells,
    // Lines that are too long for memory are two stages, each of which others read in its own way.
    &place::lines::SortOnDisk,
    // Who reads what, and in which blocks, is known now: what must not or should not run again is computed once,
    &place::results::PlaceResults,
    // and what would be read from stores again and again is exchanged through memory or disk.
    &place::exchange::PlaceExchanges,
    // Last, because it counts everything that is held: what does not fit together goes to disk.
    &place::overflow::SpillOverflow,
];

/// A step of the optimizer, for tracing and `explain`.
pub type Observer<'a> = &'a mut dyn FnMut(&str, &Plan);

/// The requests with simplified expressions.
///
/// # Errors
/// Only for broken invariants.
pub fn simplify(requests: &[Request]) -> Result<Vec<Request>> {
    let mut exprs: Vec<Expr> = requests.iter().map(|r| r.expr.clone()).collect();
    for rule in EXPR_RULES {
        exprs = simplify::walk(*rule, &exprs)?;
    }
    Ok(requests.iter().zip(exprs).map(|(r, expr)| Request { expr, ..r.clone() }).collect())
}

/// Applies the plan rules in order; `observe` sees the plan after each.
///
/// # Errors
/// Only for broken invariants.
pub fn fuse(plan: &mut Draft, observe: Observer<'_>) -> Result<()> {
    let mut done: Vec<&str> = Vec::new();
    for rule in PLAN_RULES {
        if let Some(missing) = rule.runs_after().iter().find(|r| !done.contains(r)) {
            return Err(Error::bug(format!("{} runs after {missing}", rule.name())));
        }
        rule.apply(plan)?;
        plan.remove_dead();
        if cfg!(debug_assertions) {
            verify(plan, rule.name())?;
        }
        observe(rule.name(), plan);
        done.push(rule.name());
    }
    Ok(())
}
