//! Makes equal expressions one node.

use super::super::ExprRule;
use super::Uses;
use crate::expr::{Expr, ExprKind};
use std::sync::Arc;

pub(super) const NAME: &str = "common subexpressions";

/// Two nodes of the same kind over the same inputs are one. Sources are equal when they are the same open array, user
/// functions when they are the same closure.
#[derive(Debug)]
pub struct CommonSubexpressions;

impl ExprRule for CommonSubexpressions {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The walk interns; nothing else is rewritten.
    fn rewrite(&self, _expr: &Expr, _uses: &Uses) -> Option<Expr> {
        None
    }
}

/// The first expression equal to `expr` among `seen`, which `expr` joins if there is none.
pub(super) fn intern(expr: Expr, seen: &mut Vec<Expr>) -> Expr {
    if let Some(found) = seen.iter().find(|e| same(e, &expr)) {
        return found.clone();
    }
    seen.push(expr.clone());
    expr
}

fn same(a: &Expr, b: &Expr) -> bool {
    let inputs = || {
        let (x, y) = (a.inputs(), b.inputs());
        x.len() == y.len() && x.iter().zip(&y).all(|(p, q)| p.id() == q.id())
    };
    if a.id() == b.id() {
        return true;
    }
    if a.dtype != b.dtype || a.shape != b.shape || a.chunks != b.chunks {
        return false;
    }
    match (&a.kind, &b.kind) {
        (ExprKind::Source(x), ExprKind::Source(y)) => Arc::ptr_eq(x, y),
        (ExprKind::Iota, ExprKind::Iota) => true,
        (ExprKind::Elementwise { program: p, .. }, ExprKind::Elementwise { program: q, .. }) => p == q && inputs(),
        (ExprKind::View { map: p, .. }, ExprKind::View { map: q, .. }) => p == q && inputs(),
        (ExprKind::Concat { axis: p, .. }, ExprKind::Concat { axis: q, .. }) => p == q && inputs(),
        (ExprKind::Rechunk { .. }, ExprKind::Rechunk { .. }) => inputs(),
        (ExprKind::Reshape { reshape: p, .. }, ExprKind::Reshape { reshape: q, .. }) => p == q && inputs(),
        (ExprKind::Regional { op: p, .. }, ExprKind::Regional { op: q, .. }) => p == q && inputs(),
        (ExprKind::Blocks { function: p, .. }, ExprKind::Blocks { function: q, .. }) => p == q && inputs(),
        (
            ExprKind::Reduce { reducer: p, reduced: r, lanes: l, tiling: t, groups: g, .. },
            ExprKind::Reduce { reducer: q, reduced: s, lanes: m, tiling: u, groups: h, .. },
        ) => p == q && r == s && l == m && t == u && g == h && inputs(),
        (ExprKind::Take { axis: a, positions: p, .. }, ExprKind::Take { axis: b, positions: q, .. }) => {
            a == b && p == q && inputs()
        }
        (
            ExprKind::Scan { scanner: p, axis: a, lanes: l, tiles: t, .. },
            ExprKind::Scan { scanner: q, axis: b, lanes: m, tiles: u, .. },
        ) => p == q && a == b && l == m && t == u && inputs(),
        (ExprKind::Contract { contraction: p, .. }, ExprKind::Contract { contraction: q, .. }) => p == q && inputs(),
        (ExprKind::Tiles { program: p, .. }, ExprKind::Tiles { program: q, .. }) => p == q && inputs(),
        (ExprKind::Substitute { substitution: p, .. }, ExprKind::Substitute { substitution: q, .. }) => {
            p == q && inputs()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::build::{self, Arg};
    use crate::op::elementwise::ElementOp;
    use crate::optimize::testing::{array, rewritten};
    use insta::assert_snapshot;

    #[test]
    fn equal_nodes_become_one() {
        let x = array(&[4], &[2]);
        let exp = || build::element(ElementOp::Exp, &[Arg::Array(x.clone())]).unwrap();
        let sum = build::element(ElementOp::Add, &[Arg::Array(exp()), Arg::Array(exp())]).unwrap();
        assert_snapshot!(rewritten(&CommonSubexpressions, &[sum, exp()]), @r"
        #0 (a + b)  float32 (4,) chunks (2,)
          #1 exp(a)  float32 (4,) chunks (2,)
            #2 read memory  float32 (4,) chunks (2,)
          #1 again
        #0 exp(a)  float32 (4,) chunks (2,)
          #1 read memory  float32 (4,) chunks (2,)
        ");
    }
}
