//! Makes a view of a view one view.

use super::super::ExprRule;
use super::Uses;
use crate::expr::{Expr, ExprKind};

/// `x.sum(0)[3]` is one look at the reduction, which keeps its reduced axes: what slices are pushed below is seen at once.
#[derive(Debug)]
pub struct ComposeViews;

impl ExprRule for ComposeViews {
    fn name(&self) -> &'static str {
        "compose views"
    }

    fn rewrite(&self, expr: &Expr, _uses: &Uses) -> Option<Expr> {
        let ExprKind::View { input: inner, map } = &expr.kind else { return None };
        let ExprKind::View { input, map: below } = &inner.kind else { return None };
        Some(expr.with_kind(ExprKind::View { input: input.clone(), map: map.compose(below) }))
    }
}
