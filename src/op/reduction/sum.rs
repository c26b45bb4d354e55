//! Sums and products. Real floats accumulate in `f64`, complex ones in `c128`, integers in 64 bits and wrap.

use super::{Params, Reducer, accumulate, unary};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::op::elementwise::ElementOp;

/// The dtype in which elements of `dtype` are added up.
pub(super) fn accumulator(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Bool | Kind::Signed => DType::I64,
        Kind::Unsigned => DType::U64,
        Kind::Float => DType::F64,
        Kind::Complex => DType::C128,
    }
}

/// A fold with `op`, NaN counting as its neutral element where `skip_nan`.
fn fold(
    name: &'static str,
    op: ElementOp,
    neutral: i64,
    skip_nan: bool,
    input: DType,
    params: &Params,
) -> Result<Reducer> {
    let widened = accumulator(input);
    let output = params.dtype.unwrap_or(if input.is_inexact() { input } else { widened });
    let acc = if output.is_inexact() { accumulator(output) } else { output };
    let element = if params.dtype.is_some() { output } else { input };
    let neutral = Scalar::Int(neutral.into());
    let phase = accumulate(acc, neutral, element, op, |p, sum, x| {
        let wide = p.cast(x, acc);
        let wide = if skip_nan && element.is_inexact() {
            let nan = p.op(ElementOp::Isnan, &[x])?;
            let instead = p.constant(neutral, acc);
            p.select(nan, instead, wide)
        } else {
            wide
        };
        p.op(op, &[sum, wide])
    })?;
    let finish = unary(acc, |p, sum| Ok(p.cast(sum, output)))?;
    Ok(Reducer::of_one_phase(name, element, phase, finish))
}

reductions! {
    /// The sum.
    Sum, "sum": fold(ElementOp::Add, 0, false);
    /// The product.
    Prod, "prod": fold(ElementOp::Multiply, 1, false);
    /// The sum of what is not NaN.
    NanSum, "nansum": fold(ElementOp::Add, 0, true);
    /// The product of what is not NaN.
    NanProd, "nanprod": fold(ElementOp::Multiply, 1, true);
}
