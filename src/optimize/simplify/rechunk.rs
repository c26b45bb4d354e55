//! Drops rechunks whose grid nobody sees.

use super::super::ExprRule;
use super::Uses;
use crate::expr::{Expr, ExprKind};

/// `x.rechunk(a).rechunk(b)` is `x.rechunk(b)`.
#[derive(Debug)]
pub struct CollapseRechunks;

impl ExprRule for CollapseRechunks {
    fn name(&self) -> &'static str {
        "collapse rechunks"
    }

    fn rewrite(&self, expr: &Expr, _uses: &Uses) -> Option<Expr> {
        let ExprKind::Rechunk { input } = &expr.kind else { return None };
        let ExprKind::Rechunk { input: inner } = &input.kind else { return None };
        if inner.chunks == expr.chunks {
            return Some(inner.clone());
        }
        Some(expr.with_kind(ExprKind::Rechunk { input: inner.clone() }))
    }
}
