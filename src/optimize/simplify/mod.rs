//! Rules on expressions, and the walk that applies one.

use super::ExprRule;
use crate::error::{Error, Result};
use crate::expr::Expr;
use std::collections::BTreeMap;

pub mod common;
pub mod rechunk;
pub mod view;
pub mod slice;

/// How often nodes are read.
#[derive(Debug, Default)]
pub struct Uses(BTreeMap<usize, usize>);

impl Uses {
    /// The readers of `expr`, an answer counted as one.
    #[must_use]
    pub fn of(&self, expr: &Expr) -> usize {
        self.0.get(&expr.id()).copied().unwrap_or(0)
    }

    /// The readers of every node of these graphs.
    fn count(roots: &[Expr]) -> Self {
        let mut uses = Self::default();
        let mut stack: Vec<Expr> = roots.to_vec();
        while let Some(expr) = stack.pop() {
            let readers = uses.0.entry(expr.id()).or_default();
            *readers += 1;
            if *readers == 1 {
                stack.extend(expr.inputs().into_iter().cloned());
            }
        }
        uses
    }
}

/// Rewrites the graphs of `roots` with one rule, inputs before the nodes that use them, each node once.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) when a rewrite changes shape or dtype.
pub fn walk(rule: &dyn ExprRule, roots: &[Expr]) -> Result<Vec<Expr>> {
    let mut done: BTreeMap<usize, Expr> = BTreeMap::new();
    let mut interned: Vec<Expr> = Vec::new();
    let before = Uses::count(roots);
    let mut now = Uses::default();
    roots.iter().map(|root| visit(rule, root, &mut done, &mut interned, (&before, &mut now))).collect()
}

fn visit(
    rule: &dyn ExprRule,
    root: &Expr,
    done: &mut BTreeMap<usize, Expr>,
    interned: &mut Vec<Expr>,
    (before, now): (&Uses, &mut Uses),
) -> Result<Expr> {
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
        let rewritten = rule.rewrite(&rebuilt, now).unwrap_or(rebuilt);
        if rewritten.shape != expr.shape || rewritten.dtype != expr.dtype {
            return Err(Error::bug(format!("{} keeps shape and dtype of {}", rule.name(), expr.label())));
        }
        let unique = if rule.name() == common::NAME { common::intern(rewritten, interned) } else { rewritten };
        *now.0.entry(unique.id()).or_default() += before.of(&expr);
        done.insert(expr.id(), unique);
    }
    done.get(&root.id()).cloned().ok_or_else(|| Error::bug("the root was visited"))
}
