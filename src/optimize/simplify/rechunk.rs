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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Chunks;
    use crate::expr::build;
    use crate::optimize::testing::{array, rewritten};
    use insta::assert_snapshot;

    #[test]
    fn the_last_grid_is_the_one() {
        let grid = |n: usize| Chunks::regular(&[12], &[n]).unwrap();
        let x = array(&[12], &[2]);
        let three = build::rechunk(&x, grid(3)).unwrap();
        let four = build::rechunk(&three, grid(4)).unwrap();
        let back = build::rechunk(&four, grid(2)).unwrap();
        assert_snapshot!(rewritten(&CollapseRechunks, &[four, back]), @r"
        #0 rechunk (4,)  float32 (12,) chunks (4,)
          #1 read memory  float32 (12,) chunks (2,)
        #0 read memory  float32 (12,) chunks (2,)
        ");
    }
}
