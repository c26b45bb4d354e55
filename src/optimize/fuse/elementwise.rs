//! Fuses elementwise stages, views and concatenations into their consumers.

use super::super::PlanRule;
use crate::blockwise::demand::stencils;
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Input, Origin, Piece, Placement, Plan, Stage, StageId, StageKind};
use crate::chunk::{IndexMap, Region};
use crate::error::Result;
use crate::op::program::{Program, Value};
use crate::op::regional::Regional;

/// A consumer takes over what a blockwise producer computes: the producer's program is inlined, its inputs are read
/// through the composed maps. What is done to reductions of windows alone becomes part of how these end. Views are
/// blockwise stages with the identity program, so they vanish; a map before a reduction ends up inside the reduction's
/// loop.
#[derive(Debug)]
pub struct FuseElementwise;

/// Inputs beyond which a program is not grown: each is a stream of memory.
const MOST_INPUTS: usize = 12;

/// Instructions beyond which a program is not grown.
const MOST_INSTRUCTIONS: usize = 160;

impl PlanRule for FuseElementwise {
    fn name(&self) -> &'static str {
        "fuse elementwise"
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        // A step of a stencil that reads another is one for all of its readers, which would be its terms else, and
        // those of the step before.
        let stays: Vec<bool> = stencils(plan).into_iter().map(|(levels, several)| levels > 0 && several).collect();
        for id in 0..plan.stages.len() {
            loop {
                if let Some((input, producer)) = candidate(plan, id, &stays) {
                    inline(plan, id, input, producer);
                } else if !pass_through(plan, id) {
                    break;
                }
            }
            merge_equal_inputs(&mut plan.stages[id]);
            finish_windows(plan, id);
        }
        Ok(())
    }
}

/// An input of stage `id` that reads a single fusable stage, which does not stay.
fn candidate(plan: &Plan, id: StageId, stays: &[bool]) -> Option<(usize, StageId)> {
    let consumer = &plan.stages[id];
    let program = consumer.kind.program()?;
    consumer.inputs.iter().enumerate().find_map(|(i, input)| {
        let piece = input.single()?;
        let Origin::Stage(producer, 0) = piece.origin else { return None };
        let stage = &plan.stages[producer];
        let StageKind::Blockwise(inner) = &stage.kind else { return None };
        let simple = stage.inputs.iter().all(|i| i.single().is_some()) || inner.is_identity();
        let fits = consumer.inputs.len() + stage.inputs.len() <= MOST_INPUTS + 1
            && program.insts.len() + inner.insts.len() <= MOST_INSTRUCTIONS;
        // The block of an answer that is computed anyway is used as it is.
        let computed_anyway = plan.is_output(producer)
            && inner.cost() > 0
            && stage.space == consumer.space
            && piece.map.is_identity(consumer.space.len());
        let stays = computed_anyway || stays[producer] && !inner.is_identity();
        (simple && stage.placement == Placement::OnDemand && !stays && (fits || inner.is_identity()))
            .then_some((i, producer))
    })
}

fn inline(plan: &mut Plan, id: StageId, at: usize, producer: StageId) {
    let inner_stage = plan.stages[producer].clone();
    let StageKind::Blockwise(inner) = inner_stage.kind else { return };
    let consumer = &mut plan.stages[id];
    let Some(map) = consumer.inputs[at].single().map(|p| p.map.clone()) else { return };
    let new: Vec<Input> = inner_stage.inputs.iter().map(|i| seen_through(i, &map, &consumer.space)).collect();
    let Some(program) = consumer.kind.program_mut() else { return };
    *program = substitute(program, at, &inner);
    consumer.inputs.splice(at..=at, new);
}

/// `outer` with its input `at` computed by `inner`, whose inputs take that input's place.
fn substitute(outer: &Program, at: usize, inner: &Program) -> Program {
    let mut p = Program::default();
    let mut args: Vec<Value> = Vec::new();
    for (i, &dtype) in outer.inputs.iter().enumerate() {
        if i == at {
            let inputs: Vec<Value> = inner.inputs.iter().map(|&d| p.input(d)).collect();
            args.push(p.inline(inner, &inputs)[0]);
        } else {
            args.push(p.input(dtype));
        }
    }
    p.outputs = p.inline(outer, &args);
    p
}

/// The pieces of a producer's input as a consumer of shape `space` sees them, which reads the producer through `map`.
fn seen_through(input: &Input, map: &IndexMap, space: &[usize]) -> Input {
    let full = Region::full(space);
    Input { pieces: input.pieces.iter().filter_map(|p| piece_through(p, map, &full)).collect(), dtype: input.dtype }
}

fn piece_through(piece: &Piece, map: &IndexMap, within: &Region) -> Option<Piece> {
    let out = preimage(&piece.out, map, within)?;
    Some(Piece { out, origin: piece.origin, map: map.compose(&piece.map) })
}

/// The indices inside `within` that `map` sends into `region`; `None` when there are none.
fn preimage(region: &Region, map: &IndexMap, within: &Region) -> Option<Region> {
    let mut out = within.clone();
    if within.size() == 0 {
        return Some(out);
    }
    for (a, axis) in map.axes.iter().enumerate() {
        let (low, high) = (region.start[a].cast_signed(), region.end(a).cast_signed());
        let offset = axis.offset.cast_signed();
        let Some(o) = axis.out else {
            if offset < low || offset >= high {
                return None;
            }
            continue;
        };
        // low <= offset + stride * i < high
        let (first, last) = if axis.stride > 0 {
            (
                (low - offset).div_euclid(axis.stride) + isize::from((low - offset).rem_euclid(axis.stride) != 0),
                (high - 1 - offset).div_euclid(axis.stride),
            )
        } else {
            let s = -axis.stride;
            let (near, far) = (offset - (high - 1), offset - low);
            (near.div_euclid(s) + isize::from(near.rem_euclid(s) != 0), far.div_euclid(s))
        };
        let start = out.start[o].cast_signed().max(first);
        let end = out.end(o).cast_signed().min(last + 1);
        if start >= end {
            return None;
        }
        out.start[o] = start.cast_unsigned();
        out.shape[o] = (end - start).cast_unsigned();
    }
    Some(out)
}

/// Replaces one piece that reads a copying stage by what that stage reads; whether one was found. This reaches the
/// pieces of concatenations, exchanges and user functions, which have no program to inline into.
fn pass_through(plan: &mut Plan, id: StageId) -> bool {
    let space = plan.stages[id].input_space();
    let found = plan.stages[id].inputs.iter().enumerate().find_map(|(i, input)| {
        let (p, piece) = input.pieces.iter().enumerate().find(|(_, piece)| {
            let Origin::Stage(producer, 0) = piece.origin else { return false };
            let stage = &plan.stages[producer];
            let copies = matches!(&stage.kind, StageKind::Blockwise(p) if p.is_identity());
            let exchanges = matches!(stage.kind, StageKind::Exchange { .. });
            let takes = matches!(plan.stages[id].kind, StageKind::Take { .. });
            let passes = copies || exchanges && plan.stages[id].kind.program().is_some();
            stage.placement == Placement::OnDemand && !takes && passes
        })?;
        Some((i, p, piece.clone()))
    });
    let Some((i, p, piece)) = found else { return false };
    let Origin::Stage(producer, _) = piece.origin else { return false };
    let inner = plan.stages[producer].inputs[0].clone();
    let within = if piece.out.size() > 0 { piece.out.clone() } else { Region::full(&space) };
    let new = inner.pieces.iter().filter_map(|q| piece_through(q, &piece.map, &within));
    let new: Vec<Piece> = new.collect();
    plan.stages[id].inputs[i].pieces.splice(p..=p, new);
    true
}

/// Where blockwise stage `id` reads nothing but reductions of windows that nobody else reads, it becomes those, with
/// its program at their end.
fn finish_windows(plan: &mut Plan, id: StageId) {
    let StageKind::Blockwise(program) = &plan.stages[id].kind else { return };
    let [input] = plan.stages[id].inputs.as_slice() else { return };
    let Some(Piece { origin: Origin::Stage(producer, 0), map, .. }) = input.single() else { return };
    let before = &plan.stages[*producer];
    let StageKind::Regional(Regional::Windows(windows)) = &before.kind else { return };
    let same = before.space == plan.stages[id].space && map.is_identity(before.space.len());
    if !same || before.placement != Placement::OnDemand || plan.consumers(*producer) != (1, false) {
        return;
    }
    let mut windows = windows.clone();
    windows.then = Some(windows.then.map_or_else(|| program.clone(), |then| substitute(program, 0, &then)));
    let inputs = before.inputs.clone();
    let stage = &mut plan.stages[id];
    (stage.kind, stage.inputs) = (StageKind::Regional(Regional::Windows(windows)), inputs);
}

/// Makes inputs that read the same elements one.
fn merge_equal_inputs(stage: &mut Stage) {
    let Some(program) = stage.kind.program_mut() else { return };
    let mut unique: Vec<Input> = Vec::new();
    let place: Vec<usize> = stage
        .inputs
        .iter()
        .map(|input| {
            unique.iter().position(|u| u == input).unwrap_or_else(|| {
                unique.push(input.clone());
                unique.len() - 1
            })
        })
        .collect();
    if unique.len() == stage.inputs.len() {
        return;
    }
    let mut p = Program::default();
    let values: Vec<Value> = unique.iter().map(|u| p.input(u.dtype)).collect();
    let args: Vec<Value> = place.iter().map(|&i| values[i]).collect();
    p.outputs = p.inline(program, &args);
    *program = p;
    stage.inputs = unique;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::windows::Boundary;
    use crate::expr::{Expr, build, build::Arg};
    use crate::op::elementwise::ElementOp;
    use crate::op::reduction::Params;
    use crate::optimize::testing::{array, planned, reduce};
    use crate::shape::slice::Item;
    use insta::assert_snapshot;

    fn op(op: ElementOp, args: &[&Expr]) -> Expr {
        let args: Vec<Arg> = args.iter().map(|e| Arg::Array((*e).clone())).collect();
        build::element(op, &args).unwrap()
    }

    #[test]
    fn a_chain_is_one_program_that_reads_each_array_once() {
        let (x, y) = (array(&[6, 4], &[3, 4]), array(&[4], &[4]));
        let chain = op(ElementOp::Multiply, &[&op(ElementOp::Add, &[&x, &y]), &op(ElementOp::Exp, &[&x])]);
        assert_snapshot!(planned(&[&FuseElementwise], &[chain]), @r"
        0: blockwise ((a + b) * exp(a))  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
           b <- memory [i1] of rank 2  float32
        ");
    }

    #[test]
    fn views_become_maps_of_inputs() {
        let x = array(&[6, 4], &[3, 4]);
        let part = build::index(&op(ElementOp::Exp, &[&x]), &[Item::from((.., -2)), Item::from(1)]).unwrap();
        assert_snapshot!(planned(&[&FuseElementwise], &[reduce(&part, "sum", &[0])]), @r"
        0: reduce sum(exp(a)) over axes (0,) in tiles (3,)  over (3,) in (2,) -> answer
           a <- memory [-2*i0+5, 1] of rank 1  float32
        ");
    }

    #[test]
    fn an_answer_that_is_computed_anyway_is_read_by_the_others() {
        let x = array(&[6, 4], &[3, 4]);
        let exp = op(ElementOp::Exp, &[&x]);
        assert_snapshot!(planned(&[&FuseElementwise], &[exp.clone(), op(ElementOp::Negative, &[&exp])]), @r"
        0: blockwise exp(a)  over (6, 4) in (3, 4) -> answer
           a <- memory  float32
        1: blockwise negative(a)  over (6, 4) in (3, 4) -> answer
           a <- stage 0  float32
        ");
    }

    #[test]
    fn what_is_done_to_windows_is_how_they_end() {
        let x = array(&[6, 4], &[3, 4]);
        let sum = crate::op::reduction::find("mean").unwrap();
        let coarse = crate::expr::windows::coarsen(&x, &[2, 2], sum, Params::default(), Boundary::default()).unwrap();
        assert_snapshot!(planned(&[&FuseElementwise], &[op(ElementOp::Floor, &[&coarse])]), @r"
        0: mean of windows (2, 2) in steps (2, 2), then floor(a)  over (3, 2) in (2, 2) -> answer
           a <- memory  float32
        ");
    }

    #[test]
    fn the_parts_of_a_concatenation_are_read_where_they_lie() {
        let x = array(&[6, 4], &[3, 4]);
        let turned = build::index(&x, &[Item::from((.., -1))]).unwrap();
        let both = build::concatenate(&[x, turned], 0).unwrap();
        assert_snapshot!(planned(&[&FuseElementwise], &[build::index(&both, &[Item::from(4..9)]).unwrap()]), @r"
        0: copy  over (5, 4) in (2+3, 4) -> answer
           a <- memory [i0+4, i1] of rank 2 at [0:2, 0:4] + memory [-1*i0+7, i1] of rank 2 at [2:5, 0:4]  float32
        ");
    }
}
