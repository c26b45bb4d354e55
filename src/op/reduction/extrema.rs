//! Minimum, maximum and their distance; NaN wins, or is skipped by the nan- variants.

use super::{Params, Phase, Reducer, accumulate, unary};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::program::Program;
use num_complex::Complex64;

/// The value that every other replaces: the highest of the dtype where `high`, else the lowest.
pub(super) fn bound(dtype: DType, high: bool) -> Scalar {
    let bits = 8 * dtype.size();
    let inf = if high { f64::INFINITY } else { f64::NEG_INFINITY };
    match (dtype.kind(), high) {
        (Kind::Bool, high) => Scalar::Bool(high),
        (Kind::Signed, true) => Scalar::Int((1i128 << (bits - 1)) - 1),
        (Kind::Signed, false) => Scalar::Int(-(1i128 << (bits - 1))),
        (Kind::Unsigned, true) => Scalar::Int((1i128 << bits) - 1),
        (Kind::Unsigned, false) => Scalar::Int(0),
        (Kind::Float, _) => Scalar::Float(inf),
        (Kind::Complex, _) => Scalar::Complex(Complex64::new(inf, inf)),
    }
}

pub(super) fn refuse_empty(name: &str, params: &Params) -> Result<()> {
    if params.count == 0 {
        return Err(Error::argument(name, "a zero-size array has no answer, and this reduction no identity"));
    }
    Ok(())
}

fn phase(op: ElementOp, high: bool, dtype: DType) -> Result<Phase> {
    accumulate(dtype, bound(dtype, high), dtype, op, |p, best, x| p.op(op, &[best, x]))
}

fn extremum(name: &'static str, op: ElementOp, high: bool, input: DType, params: &Params) -> Result<Reducer> {
    refuse_empty(name, params)?;
    let element = input.compute();
    let finish = unary(element, |p, best| Ok(p.cast(best, input)))?;
    Ok(Reducer::of_one_phase(name, element, phase(op, high, element)?, finish))
}

/// As [`extremum`] with NaN skipped; NaN where there is nothing else. The accumulator starts as NaN, which `op`
/// ignores.
fn nan_extremum(name: &'static str, op: ElementOp, high: bool, input: DType, params: &Params) -> Result<Reducer> {
    refuse_empty(name, params)?;
    let element = input.compute();
    let init = match element.kind() {
        Kind::Float => Scalar::Float(f64::NAN),
        Kind::Complex => Scalar::Complex(Complex64::new(f64::NAN, f64::NAN)),
        _ => bound(element, high),
    };
    let phase = accumulate(element, init, element, op, |p, best, x| p.op(op, &[best, x]))?;
    let finish = unary(element, |p, best| Ok(p.cast(best, input)))?;
    Ok(Reducer::of_one_phase(name, element, phase, finish))
}

fn ptp(name: &'static str, input: DType, params: &Params) -> Result<Reducer> {
    refuse_empty(name, params)?;
    let element = input.compute();
    let (low, high) = (phase(ElementOp::Minimum, true, element)?, phase(ElementOp::Maximum, false, element)?);
    let mut finish = Program::default();
    let (a, b) = (finish.input(element), finish.input(element));
    let span = finish.op(ElementOp::Subtract, &[b, a])?;
    let span = finish.cast(span, input);
    finish.outputs.push(span);
    Ok(Reducer::of_one_phase(name, element, beside(&low, &high), finish))
}

reductions! {
    /// The smallest element; NaN if there is one.
    Min, "min": extremum(ElementOp::Minimum, true);
    /// The largest element; NaN if there is one.
    Max, "max": extremum(ElementOp::Maximum, false);
    /// The smallest element that is not NaN.
    NanMin, "nanmin": nan_extremum(ElementOp::Fmin, true);
    /// The largest element that is not NaN.
    NanMax, "nanmax": nan_extremum(ElementOp::Fmax, false);
    /// The largest element less the smallest.
    Ptp, "ptp": ptp();
}

/// Two phases of one accumulator each as one phase of two.
fn beside(first: &Phase, second: &Phase) -> Phase {
    let element = first.step.inputs[1];
    let (da, db) = (first.init[0].0, second.init[0].0);
    let mut step = Program::default();
    let (a, b, x, at) = (step.input(da), step.input(db), step.input(element), step.input(DType::I64));
    let mut outputs = step.inline(&first.step, &[a, x, at]);
    outputs.extend(step.inline(&second.step, &[b, x, at]));
    step.outputs = outputs;
    let mut merge = Program::default();
    let (a1, b1, a2, b2) = (merge.input(da), merge.input(db), merge.input(da), merge.input(db));
    let mut outputs = merge.inline(&first.merge, &[a1, a2]);
    outputs.extend(merge.inline(&second.merge, &[b1, b2]));
    merge.outputs = outputs;
    let result = super::pass(&[da, db], &[DType::F64]);
    Phase { init: vec![first.init[0], second.init[0]], step, merge, result }
}
