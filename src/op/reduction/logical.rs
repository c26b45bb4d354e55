//! Truth over an axis, and counting it.

use super::{Params, Reducer, accumulate, unary};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::elementwise::ElementOp;

/// A fold of truth values with `op`, in `acc` from `init` on.
fn fold(name: &'static str, op: ElementOp, acc: DType, init: Scalar, _: DType, _: &Params) -> Result<Reducer> {
    let phase = accumulate(acc, init, DType::Bool, op, |p, so_far, x| {
        let x = p.cast(x, acc);
        p.op(op, &[so_far, x])
    })?;
    Ok(Reducer::of_one_phase(name, DType::Bool, phase, unary(acc, |_, v| Ok(v))?))
}

reductions! {
    /// Whether any element is true; false of none.
    Any, "any": fold(ElementOp::LogicalOr, DType::Bool, Scalar::Bool(false));
    /// Whether all elements are true; true of none.
    All, "all": fold(ElementOp::LogicalAnd, DType::Bool, Scalar::Bool(true));
    /// The number of elements that are not zero.
    CountNonzero, "count_nonzero": fold(ElementOp::Add, DType::I64, Scalar::Int(0));
}
