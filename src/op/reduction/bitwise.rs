//! Bits over an axis: the method `reduce` of NumPy's bitwise functions and of `logical_xor`.

use super::{Params, Reducer, accumulate, unary};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::op::elementwise::ElementOp;

/// A fold with `op` from its neutral element on, of truth values or of what is asked for.
fn fold(name: &'static str, op: ElementOp, ones: bool, truths: bool, input: DType, params: &Params) -> Result<Reducer> {
    let dtype = if truths { DType::Bool } else { params.dtype.unwrap_or(input) };
    let neutral = match dtype.kind() {
        Kind::Bool => Scalar::Bool(ones),
        Kind::Unsigned if ones => Scalar::Int((1i128 << (8 * dtype.size())) - 1),
        _ => Scalar::Int(-i128::from(ones)),
    };
    let phase = accumulate(dtype, neutral, dtype, op, |p, so_far, x| p.op(op, &[so_far, x]))?;
    Ok(Reducer::of_one_phase(name, dtype, phase, unary(dtype, |_, v| Ok(v))?))
}

reductions! {
    /// Bits set in all; all bits of none.
    And, "bitwise_and.reduce": fold(ElementOp::BitwiseAnd, true, false);
    /// Bits set in any.
    Or, "bitwise_or.reduce": fold(ElementOp::BitwiseOr, false, false);
    /// Bits set in an odd number of elements.
    Xor, "bitwise_xor.reduce": fold(ElementOp::BitwiseXor, false, false);
    /// Whether an odd number of elements is true.
    OddTruth, "logical_xor.reduce": fold(ElementOp::LogicalXor, false, true);
}
