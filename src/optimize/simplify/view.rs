//! Makes a view of a view one view.

use super::super::ExprRule;
use super::Uses;
use crate::expr::{Expr, ExprKind};

/// `x.sum(0)[3]` is one look at the reduction, which keeps its reduced axes: what slices are pushed below is seen at
/// once.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::build;
    use crate::optimize::testing::{array, rewritten};
    use crate::shape::slice::Item;
    use insta::assert_snapshot;

    #[test]
    fn a_slice_of_a_flipped_transpose_is_one_view() {
        let x = array(&[10, 6], &[5, 6]);
        let turned = build::index(&build::transpose(&x, &[1, 0]).unwrap(), &[Item::from(..), Item::from((.., -1))]);
        let part = build::index(&turned.unwrap(), &[Item::from(2), Item::from(3..7)]).unwrap();
        assert_snapshot!(rewritten(&ComposeViews, &[part]), @r"
        #0 view [-1*i0+6, 2] of rank 1  float32 (4,) chunks (2,)
          #1 read memory  float32 (10, 6) chunks (5, 6)
        ");
    }
}
