//! Bits over an axis: the method `reduce` of NumPy's bitwise functions and of `logical_xor`.

use super::{Params, Reducer, Reduction, accumulate, unary};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::op::elementwise::ElementOp;

/// A fold with `op` in `dtype` from its neutral element on.
fn fold(name: &'static str, op: ElementOp, ones: bool, dtype: DType) -> Result<Reducer> {
    let neutral = match dtype.kind() {
        Kind::Bool => Scalar::Bool(ones),
        Kind::Unsigned if ones => Scalar::Int((1i128 << (8 * dtype.size())) - 1),
        _ => Scalar::Int(-i128::from(ones)),
    };
    let phase = accumulate(dtype, neutral, dtype, op, |p, so_far, x| p.op(op, &[so_far, x]))?;
    Ok(Reducer::of_one_phase(name, dtype, phase, unary(dtype, |_, v| Ok(v))?))
}

macro_rules! folds {
    ($($(#[doc = $doc:literal])+ $Name:ident, $name:literal, $op:ident, $ones:literal, $dtype:expr;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $Name;

        impl Reduction for $Name {
            fn name(&self) -> &'static str { $name }
            fn doc(&self) -> &'static str { concat!($($doc),+).trim_ascii() }
            fn reducer(&self, input: DType, params: &Params) -> Result<Reducer> {
                let dtype: fn(DType) -> DType = $dtype;
                fold($name, ElementOp::$op, $ones, dtype(params.dtype.unwrap_or(input)))
            }
        }
    )* };
}
folds! {
    /// Bits set in all; all bits of none.
    And, "bitwise_and.reduce", BitwiseAnd, true, |d| d;
    /// Bits set in any.
    Or, "bitwise_or.reduce", BitwiseOr, false, |d| d;
    /// Bits set in an odd number of elements.
    Xor, "bitwise_xor.reduce", BitwiseXor, false, |d| d;
    /// Whether an odd number of elements is true.
    OddTruth, "logical_xor.reduce", LogicalXor, false, |_| DType::Bool;
}
