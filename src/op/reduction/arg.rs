//! Positions of extrema: the first of equal ones; the first NaN, unless NaN is skipped.

use super::extrema::{bound, refuse_empty};
use super::{Extreme, Params, Phase, Reducer, pass, refuse_complex};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value};

/// Whether the pair `b` replaces the pair `a`: better, or as good and earlier.
fn replaces(p: &mut Program, better: ElementOp, a: (Value, Value), b: (Value, Value)) -> Result<Value> {
    let wins = p.op(better, &[b.0, a.0])?;
    let equal = p.op(ElementOp::Equal, &[a.0, b.0])?;
    let earlier = p.op(ElementOp::Less, &[b.1, a.1])?;
    let (wins, ties) = if p.dtypes[a.0].is_inexact() {
        let (nan_a, nan_b) = (p.op(ElementOp::Isnan, &[a.0])?, p.op(ElementOp::Isnan, &[b.0])?);
        let not_a = p.op(ElementOp::LogicalNot, &[nan_a])?;
        let first_nan = p.op(ElementOp::LogicalAnd, &[nan_b, not_a])?;
        let both_nan = p.op(ElementOp::LogicalAnd, &[nan_a, nan_b])?;
        (p.op(ElementOp::LogicalOr, &[wins, first_nan])?, p.op(ElementOp::LogicalOr, &[equal, both_nan])?)
    } else {
        (wins, equal)
    };
    let tie = p.op(ElementOp::LogicalAnd, &[ties, earlier])?;
    p.op(ElementOp::LogicalOr, &[wins, tie])
}

/// Appends the better of two pairs to the outputs.
fn choose(p: &mut Program, take_b: Value, a: (Value, Value), b: (Value, Value)) {
    let (value, at) = (p.select(take_b, b.0, a.0), p.select(take_b, b.1, a.1));
    p.outputs = vec![value, at];
}

fn position(name: &'static str, better: ElementOp, skip_nan: bool, input: DType, params: &Params) -> Result<Reducer> {
    refuse_complex(name, input)?;
    refuse_empty(name, params)?;
    let element = input.compute();
    let init = bound(element, better == ElementOp::Less);
    let nowhere = Scalar::Int(i64::MAX.into());

    // Elements come in the order of their positions, so only a better one replaces another, and the first one nothing.
    let mut step = Program::default();
    let a = (step.input(element), step.input(DType::I64));
    let b = (step.input(element), step.input(DType::I64));
    let none = step.constant(nowhere, DType::I64);
    let first = step.op(ElementOp::Equal, &[a.1, none])?;
    let mut take = if element.is_inexact() && !skip_nan {
        let worse = if better == ElementOp::Less { ElementOp::GreaterEqual } else { ElementOp::LessEqual };
        let no_better = step.op(worse, &[b.0, a.0])?;
        let (beats, nan) = (step.op(ElementOp::LogicalNot, &[no_better])?, step.op(ElementOp::Isnan, &[a.0])?);
        let number = step.op(ElementOp::LogicalNot, &[nan])?;
        step.op(ElementOp::LogicalAnd, &[beats, number])?
    } else {
        step.op(better, &[b.0, a.0])?
    };
    take = step.op(ElementOp::LogicalOr, &[take, first])?;
    if skip_nan && element.is_inexact() {
        let nan = step.op(ElementOp::Isnan, &[b.0])?;
        let number = step.op(ElementOp::LogicalNot, &[nan])?;
        take = step.op(ElementOp::LogicalAnd, &[take, number])?;
    }
    choose(&mut step, take, a, b);

    let mut merge = Program::default();
    let a = (merge.input(element), merge.input(DType::I64));
    let b = (merge.input(element), merge.input(DType::I64));
    let take = replaces(&mut merge, better, a, b)?;
    choose(&mut merge, take, a, b);

    let mut finish = Program::default();
    finish.input(element);
    let at = finish.input(DType::I64);
    finish.outputs.push(at);
    let result = pass(&[element, DType::I64], &[DType::F64]);
    let phase = Phase { init: vec![(element, init), (DType::I64, nowhere)], step, merge, result };
    let mut reducer = Reducer::of_one_phase(name, element, phase, finish);
    reducer.extreme = Some(Extreme { largest: better == ElementOp::Greater, skip_nan });
    reducer.no_answer = skip_nan.then_some("an all-NaN slice has no such position");
    Ok(reducer)
}

reductions! {
    /// The position of the smallest element: of the first NaN if there is one, of the first among equals.
    ArgMin, "argmin": position(ElementOp::Less, false), many_axes false;
    /// The position of the largest element: of the first NaN if there is one, of the first among equals.
    ArgMax, "argmax": position(ElementOp::Greater, false), many_axes false;
    /// The position of the smallest element that is not NaN.
    NanArgMin, "nanargmin": position(ElementOp::Less, true), many_axes false;
    /// The position of the largest element that is not NaN.
    NanArgMax, "nanargmax": position(ElementOp::Greater, true), many_axes false;
}
