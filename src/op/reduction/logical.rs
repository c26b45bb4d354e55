//! Truth over an axis, and counting it.

use super::{Params, Reducer, Reduction, accumulate, unary};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::elementwise::ElementOp;

macro_rules! truths {
    ($($(#[doc = $doc:literal])+ $Name:ident, $name:literal, $op:ident, $acc:ident, $init:expr;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $Name;

        impl Reduction for $Name {
            fn name(&self) -> &'static str { $name }
            fn doc(&self) -> &'static str { concat!($($doc),+).trim_ascii() }
            fn reducer(&self, _input: DType, _params: &Params) -> Result<Reducer> {
                let acc = DType::$acc;
                let phase = accumulate(acc, $init, DType::Bool, ElementOp::$op, |p, so_far, x| {
                    let x = p.cast(x, acc);
                    p.op(ElementOp::$op, &[so_far, x])
                })?;
                Ok(Reducer::of_one_phase($name, DType::Bool, phase, unary(acc, |_, v| Ok(v))?))
            }
        }
    )* };
}
truths! {
    /// Whether any element is true; false of none.
    Any, "any", LogicalOr, Bool, Scalar::Bool(false);
    /// Whether all elements are true; true of none.
    All, "all", LogicalAnd, Bool, Scalar::Bool(true);
    /// The number of elements that are not zero.
    CountNonzero, "count_nonzero", Add, I64, Scalar::Int(0);
}
