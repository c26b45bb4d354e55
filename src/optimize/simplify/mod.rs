//! Rules on expressions, and the walk that applies one.

use super::ExprRule;
use crate::error::{Error, Result};
use crate::expr::Expr;
use std::collections::BTreeMap;

pub mod common;
pub mod rechunk;
pub mod slice;

/// Rewrites the graphs of `roots` with one rule, inputs before the nodes that use them, each node once.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) when a rewrite changes shape or dtype.
pub fn walk(rule: &dyn ExprRule, roots: &[Expr]) -> Result<Vec<Expr>> {
    let mut done: BTreeMap<usize, Expr> = BTreeMap::new();
    let mut interned: Vec<Expr> = Vec::new();
    roots.iter().map(|root| visit(rule, root, &mut done, &mut interned)).collect()
}

fn visit(rule: &dyn ExprRule, root: &Expr, done: &mut BTreeMap<usize, Expr>, interned: &mut Vec<Expr>) -> Result<Expr> {
    // An explicit stack: expressions may be deeper than the thread's stack allows.
    let mut stack = vec![(root.clone(), false)];
    while let Some((expr, ready)) = stack.pop() {
        if done.contains_key(&expr.id()) {
            continue;
        }
        if !ready {
            stack.push((expr.clone(), true));
            stack.extend(expr.inputs().into_iter().map(|i| (i.clone(), false)));
            continue;
        }
        let new: Vec<Expr> = expr.inputs().iter().filter_map(|i| done.get(&i.id()).cloned()).collect();
        let same = expr.inputs().iter().zip(&new).all(|(a, b)| a.id() == b.id());
        let rebuilt = if same { expr.clone() } else { expr.with_inputs(&new) };
        let rewritten = rule.rewrite(&rebuilt).unwrap_or(rebuilt);
        if rewritten.shape != expr.shape || rewritten.dtype != expr.dtype {
            return Err(Error::bug(format!("{} keeps shape and dtype of {}", rule.name(), expr.label())));
        }
        let unique = if rule.name() == common::NAME { common::intern(rewritten, interned) } else { rewritten };
        done.insert(expr.id(), unique);
    }
    done.get(&root.id()).cloned().ok_or_else(|| Error::bug("the root was visited"))
}
