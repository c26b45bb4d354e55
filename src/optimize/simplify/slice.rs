//! Pushes slices below reductions.

use super::super::ExprRule;
use super::Uses;
use crate::chunk::IndexMap;
use crate::chunk::index_map::AxisMap;
use crate::expr::{Expr, ExprKind, build};
use crate::shape::Dim;

/// `x.sum(0)[3]` reduces column 3 alone. Slices of kept axes commute with a reduction; its tiling and lanes stay those
/// it was built with, so no bit changes. A reduction that others read too stays whole: it is computed once for all.
#[derive(Debug)]
pub struct PushSlicesBelowReductions;

impl ExprRule for PushSlicesBelowReductions {
    fn name(&self) -> &'static str {
        "push slices below reductions"
    }

    fn rewrite(&self, expr: &Expr, uses: &Uses) -> Option<Expr> {
        let ExprKind::View { input: reduction, map } = &expr.kind else { return None };
        let ExprKind::Reduce { input, reducer, reduced, lanes, tiling, groups } = &reduction.kind else { return None };
        let lengths = reduction.shape.known().ok()?;
        let out_lengths = expr.shape.known().ok()?;
        let cut: Vec<Cut> = (0..reduced.len()).map(|a| cut(&map.axes[a], &out_lengths, reduced[a])).collect();
        let drops = (0..cut.len()).any(|a| !reduced[a] && cut[a].len < lengths[a]);
        if !drops || uses.of(reduction) > 1 {
            return None;
        }
        let below = IndexMap {
            axes: (0..cut.len())
                .map(|a| AxisMap { out: Some(a), ..if reduced[a] { UNCUT } else { cut[a].inner } })
                .collect(),
        };
        let in_dims = input.shape.dims();
        let dims: Vec<Dim> =
            (0..cut.len()).map(|a| if reduced[a] { in_dims[a] } else { Dim::Known(cut[a].len) }).collect();
        let sliced = build::view(input, dims.into(), below);
        let tiling = crate::chunk::Chunks::new(
            tiling
                .axes()
                .iter()
                .enumerate()
                .map(
                    |(a, t)| {
                        if reduced[a] { t.clone() } else { crate::chunk::AxisChunks::regular(cut[a].len, cut[a].len) }
                    },
                )
                .collect(),
        );
        let kept: Vec<Dim> =
            (0..cut.len()).map(|a| Dim::Known(if reduced[a] { lengths[a] } else { cut[a].len })).collect();
        let kind = ExprKind::Reduce {
            input: sliced,
            reducer: reducer.clone(),
            reduced: reduced.clone(),
            lanes: *lanes,
            tiling,
            groups: groups.clone(),
        };
        let chunks = crate::chunk::Chunks::whole(&kept.iter().map(|d| d.max()).collect::<Vec<_>>());
        let node = crate::expr::Node {
            kind,
            dtype: reduction.dtype,
            time: reduction.time,
            shape: kept.into(),
            chunks,
            names: reduction.names.clone(),
            scalars: reduction.scalars.clone(),
            site: reduction.site.clone(),
        };
        let above = IndexMap { axes: cut.iter().map(|c| c.outer).collect() };
        Some(expr.with_kind(ExprKind::View { input: Expr::new(node), map: above }))
    }
}

/// The identity along an axis, before its output axis is set.
const UNCUT: AxisMap = AxisMap { out: None, offset: 0, stride: 1 };

/// How one axis of a reduction's result is read, split into what happens below the reduction and above it.
struct Cut {
    /// Below: offset and stride into the input.
    inner: AxisMap,
    /// Above: which output axis walks the slice.
    outer: AxisMap,
    /// Length of the slice.
    len: usize,
}

fn cut(axis: &AxisMap, out: &[usize], reduced: bool) -> Cut {
    match axis.out {
        _ if reduced => Cut { inner: UNCUT, outer: *axis, len: 1 },
        None => Cut {
            inner: AxisMap { out: None, offset: axis.offset, stride: 1 },
            outer: AxisMap { out: None, offset: 0, stride: 0 },
            len: 1,
        },
        Some(o) => Cut {
            inner: AxisMap { out: None, offset: axis.offset, stride: axis.stride },
            outer: AxisMap { out: Some(o), offset: 0, stride: 1 },
            len: out[o],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::build;
    use crate::optimize::testing::{array, reduce, rewritten};
    use crate::shape::slice::Item;
    use insta::assert_snapshot;

    fn columns(sum: &Expr, items: impl Into<Item>) -> Expr {
        build::index(sum, &[Item::from(0), items.into()]).unwrap()
    }

    #[test]
    fn columns_of_a_sum_are_sums_of_columns() {
        let sum = reduce(&array(&[10, 6], &[5, 2]), "sum", &[0]);
        assert_snapshot!(rewritten(&PushSlicesBelowReductions, &[columns(&sum, (.., 2))]), @r"
        #0 view [0, i0] of rank 1  float32 (3,) chunks (1,)
          #1 sum over axes (0,)  float32 (1, 3) chunks (1, 3)
            #2 view [i0, 2*i1] of rank 2  float32 (10, 3) chunks (5, 1)
              #3 read memory  float32 (10, 6) chunks (5, 2)
        ");
        let sum = reduce(&array(&[10, 6], &[5, 2]), "sum", &[0]);
        assert_snapshot!(rewritten(&PushSlicesBelowReductions, &[columns(&sum, 3)]), @r"
        #0 view [0, 0] of rank 0  float32 () chunks ()
          #1 sum over axes (0,)  float32 (1, 1) chunks (1, 1)
            #2 view [i0, i1+3] of rank 2  float32 (10, 1) chunks (5, 1)
              #3 read memory  float32 (10, 6) chunks (5, 2)
        ");
    }

    #[test]
    fn nothing_moves_where_all_is_read_or_others_read_too() {
        let sum = reduce(&array(&[10, 6], &[5, 2]), "sum", &[0]);
        assert_snapshot!(rewritten(&PushSlicesBelowReductions, &[columns(&sum, (.., -1))]), @r"
        #0 view [0, -1*i0+5] of rank 1  float32 (6,) chunks (2,)
          #1 sum over axes (0,)  float32 (1, 6) chunks (1, 2)
            #2 read memory  float32 (10, 6) chunks (5, 2)
        ");
        let both = [columns(&sum, 3), columns(&sum, 4)];
        assert_snapshot!(rewritten(&PushSlicesBelowReductions, &both), @r"
        #0 view [0, 3] of rank 0  float32 () chunks ()
          #1 sum over axes (0,)  float32 (1, 6) chunks (1, 2)
            #2 read memory  float32 (10, 6) chunks (5, 2)
        #0 view [0, 4] of rank 0  float32 () chunks ()
          #1 sum over axes (0,)  float32 (1, 6) chunks (1, 2)
            #2 read memory  float32 (10, 6) chunks (5, 2)
        ");
    }
}
