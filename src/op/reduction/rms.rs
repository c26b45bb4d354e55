//! The root mean square.

use super::sum::accumulator;
use super::{Params, Reducer, accumulate, counting, refuse_complex, unary};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value};

/// The root of the mean square: `sqrt(sum(x * x) / n)`, the squares added up in `f64`.
#[expect(clippy::cast_precision_loss, reason = "counts of elements are far below 2^53")]
fn rms(name: &'static str, input: DType, params: &Params) -> Result<Reducer> {
    refuse_complex(name, input)?;
    let output = params.dtype.unwrap_or(if input.is_inexact() { input } else { DType::F64 });
    let wide = accumulator(DType::F64);
    let phase = accumulate(wide, Scalar::Int(0), input, ElementOp::Add, |p, sum, x| {
        let x = p.cast(x, wide);
        let square = p.op(ElementOp::Square, &[x])?;
        p.op(ElementOp::Add, &[sum, square])
    })?;
    let root = |p: &mut Program, sum: Value, n: Value| {
        let mean = p.op(ElementOp::Divide, &[sum, n])?;
        let root = p.op(ElementOp::Sqrt, &[mean])?;
        Ok(p.cast(root, output))
    };
    if params.uneven {
        let mut finish = Program::default();
        let (sum, n) = (finish.input(wide), finish.input(DType::F64));
        let value = root(&mut finish, sum, n)?;
        finish.outputs.push(value);
        return counting(name, input, phase, finish);
    }
    let finish = unary(wide, |p, sum| {
        let n = p.constant(params.count as f64, wide);
        root(p, sum, n)
    })?;
    Ok(Reducer::of_one_phase(name, input, phase, finish))
}

reductions! {
    /// The root of the mean square.
    Rms, "rms": rms();
}
