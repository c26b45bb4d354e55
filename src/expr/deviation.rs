//! Variances of centred arrays in one pass.
//!
//! The variance over some axes of `x - mean(x)` over the same axes is that of `x`. The variance of `x` less the means
//! of groups along an axis is the sum over the groups of their squared deviations, over the number of elements. Both
//! read `x` once where the difference would read it twice. They round otherwise than what was written, if better, so
//! the choice is made here, when the node is built, and not by the optimizer.

use super::build::{self, Arg};
use super::node::{Expr, ExprKind};
use crate::chunk::IndexMap;
use crate::chunk::groups::Groups;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::elementwise::ElementOp;
use crate::op::program::{Inst, Program, Value};
use crate::op::reduction::{Params, Reduction, find, squared_deviations};

/// A reduction over `axes` (ascending); they stay, with length 1. Deviations of centred arrays are taken in one pass.
///
/// # Errors
/// What the reduction refuses.
#[track_caller]
pub fn reduce(input: &Expr, reduction: &'static dyn Reduction, axes: &[usize], params: Params) -> Result<Expr> {
    let whole = build::reduce(input, reduction, axes, params)?;
    let centre = match reduction.name() {
        "var" | "std" => "mean",
        "nanvar" | "nanstd" => "nanmean",
        _ => return Ok(whole),
    };
    match centred(input, centre, axes) {
        Some((x, None)) => build::reduce(x, reduction, axes, Params { dtype: Some(whole.dtype), ..params }),
        Some((x, Some(groups))) => of_groups(x, groups, reduction.name() == "std", params.ddof, whole.dtype),
        None => Ok(whole),
    }
}

/// What `expr` is less its own means over `axes`, or less those of groups along the one axis.
fn centred<'a>(expr: &'a Expr, centre: &str, axes: &[usize]) -> Option<(&'a Expr, Option<&'a Groups>)> {
    let (x, means) = difference(expr)?;
    if x.shape != expr.shape {
        return None;
    }
    let lengths = expr.lengths();
    let mut map = IndexMap::broadcast(&means.lengths(), &lengths);
    let mut source = means;
    while let ExprKind::View { input, map: inner } = &source.kind {
        (map, source) = (map.compose(inner), input);
    }
    match &source.kind {
        ExprKind::Reduce { input, reducer, reduced, groups: None, .. } => {
            let over = (0..reduced.len()).filter(|&a| reduced[a]).eq(axes.iter().copied());
            let aligned = map.axes.len() == lengths.len()
                && map.axes.iter().enumerate().all(|(a, axis)| {
                    let fixed = axis.out.is_none_or(|o| lengths[o] == 1);
                    if reduced[a] { fixed } else { axis.out == Some(a) && axis.offset == 0 && axis.stride == 1 }
                });
            (reducer.name == centre && input.id() == x.id() && over && aligned).then_some((x, None))
        }
        ExprKind::Take { input, axis, positions } if centre == "mean" && map.is_identity(lengths.len()) => {
            let ExprKind::Reduce { input, reducer, groups: Some(groups), .. } = &input.kind else { return None };
            let same = groups.axis == *axis && groups.labels == *positions && axes == [*axis];
            let precise = source.dtype == expr.dtype;
            (reducer.name == centre && input.id() == x.id() && same && precise).then_some((x, Some(groups)))
        }
        _ => None,
    }
}

/// The arguments of an expression that is one difference.
fn difference(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let ExprKind::Elementwise { program, args } = &expr.kind else { return None };
    let [out] = program.outputs[..] else { return None };
    let Inst::Op(ElementOp::Subtract, _, [left, right]) = program.insts[out] else { return None };
    Some((args.get(argument(program, left)?)?, args.get(argument(program, right)?)?))
}

/// The input that a value is, as it is or promoted.
fn argument(program: &Program, value: Value) -> Option<usize> {
    match program.insts[value] {
        Inst::Input(i) => Some(i),
        Inst::Cast(_, to, inner) if to.is_inexact() => argument(program, inner),
        _ => None,
    }
}

/// The deviation of `x` from the means of its groups.
#[track_caller]
fn of_groups(x: &Expr, groups: &Groups, root: bool, ddof: f64, dtype: DType) -> Result<Expr> {
    let squares = build::reduce_with(x, squared_deviations(x.dtype)?, &[groups.axis], Some(groups.clone()))?;
    let sum = find("sum").ok_or_else(|| crate::error::Error::bug("there is a sum"))?;
    let total = build::reduce(&squares, sum, &[groups.axis], Params::default())?;
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    let free = (groups.labels.len() as f64 - ddof).max(0.0);
    build::compose(if root { "std" } else { "var" }, &[Arg::Array(total)], true, |p, args| {
        let free = p.constant(free, DType::F64);
        let variance = p.op(ElementOp::Divide, &[args[0], free])?;
        let value = if root { p.op(ElementOp::Sqrt, &[variance])? } else { variance };
        Ok(p.cast(value, dtype))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{AxisChunks, Chunks};
    use crate::device::block::Block;
    use crate::device::data::Data;
    use crate::store::memory::MemoryStore;
    use insta::assert_snapshot;
    use std::sync::Arc;

    fn array(shape: &[usize]) -> Expr {
        let block = Block::from_vec(vec![0f32; crate::shape::size(shape)], shape).unwrap();
        build::source(Arc::new(MemoryStore::new(
            Data::shared(block),
            Chunks::regular(shape, &vec![2; shape.len()]).unwrap(),
        )))
    }

    fn named(x: &Expr, name: &str, axes: &[usize]) -> Expr {
        reduce(x, find(name).unwrap(), axes, Params::default()).unwrap()
    }

    fn less(x: &Expr, y: &Expr) -> Expr {
        build::element(ElementOp::Subtract, &[Arg::Array(x.clone()), Arg::Array(y.clone())]).unwrap()
    }

    #[test]
    fn the_deviation_from_the_mean_is_that_of_the_array() {
        let x = array(&[6, 4]);
        assert_snapshot!(named(&less(&x, &named(&x, "mean", &[0])), "std", &[0]), @r"
        #0 std over axes (0,)  float32 (1, 4) chunks (1, 2)
          #1 read memory  float32 (6, 4) chunks (2, 2)
        ");
        let flat = build::index(&named(&x, "nanmean", &[0]), &[0.into()]).unwrap();
        assert_snapshot!(named(&less(&x, &flat), "nanvar", &[0]), @r"
        #0 nanvar over axes (0,)  float32 (1, 4) chunks (1, 2)
          #1 read memory  float32 (6, 4) chunks (2, 2)
        ");
    }

    #[test]
    fn other_differences_are_left_alone() {
        let (x, square) = (array(&[6, 4]), array(&[4, 4]));
        let mean = |x: &Expr, axes: &[usize]| named(x, "mean", axes);
        let turned = build::transpose(&mean(&square, &[0]), &[1, 0]).unwrap();
        let cases = [
            // Over other axes, of another array, the other way round, of the median's kin, along the wrong axis.
            (less(&x, &mean(&x, &[1])), "std"),
            (less(&x, &mean(&array(&[6, 4]), &[0])), "std"),
            (less(&mean(&x, &[0]), &x), "std"),
            (less(&x, &mean(&x, &[0])), "nanstd"),
            (less(&x, &named(&x, "max", &[0])), "std"),
            (less(&x, &mean(&x, &[0])), "mean"),
            (less(&square, &turned), "std"),
        ];
        for (expr, name) in cases {
            let kept = named(&expr, name, &[0]);
            assert_eq!(kept.inputs()[0].id(), expr.id(), "{kept}");
        }
    }

    #[test]
    fn the_deviation_from_means_of_groups_is_one_pass() {
        let x = array(&[6, 4]);
        let groups = Groups::new(0, &[0, 1, 2, 0, 1, 2], 3);
        let means = build::reduce_groups(&x, find("mean").unwrap(), &groups, Params::default()).unwrap();
        let expand =
            |labels: &Arc<[u32]>| build::take(&means, 0, Arc::clone(labels), AxisChunks::regular(6, 2)).unwrap();
        let anomaly = less(&x, &expand(&groups.labels));
        assert_snapshot!(named(&anomaly, "std", &[0]), @r"
        #0 float32(sqrt((a / 6)))  float32 (1, 4) chunks (1, 2)
          #1 sum over axes (0,)  float64 (1, 4) chunks (1, 2)
            #2 squares over axes (0,) in 3 groups  float64 (3, 4) chunks (3, 2)
              #3 read memory  float32 (6, 4) chunks (2, 2)
        ");
        let others = less(&x, &expand(&Groups::new(0, &[0, 1, 2, 0, 2, 1], 3).labels));
        assert_eq!(named(&others, "std", &[0]).inputs()[0].id(), others.id());
        assert_eq!(named(&anomaly, "std", &[0, 1]).inputs()[0].id(), anomaly.id());
    }
}
