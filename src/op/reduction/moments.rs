//! Mean, variance and standard deviation.
//!
//! The mean is the sum over the count. Variances take two phases over a tile (mean, then squared distances from it) and
//! combine tiles by Chan, Golub and `LeVeque` (1979): with `d = mean_b - mean_a` and `n = n_a + n_b`,
//! `mean = mean_a + d n_b / n` and `M2 = M2_a + M2_b + d² n_a n_b / n`. Never `E[x²] − E[x]²`.

use super::sum::accumulator;
use super::{Params, Phase, Reducer, accumulate, counting, pass, unary};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value};

/// The dtype of the mean of `input`.
fn mean_dtype(input: DType, params: &Params) -> DType {
    params.dtype.unwrap_or(if input.is_inexact() { input } else { DType::F64 })
}

/// The dtype in which means of `dtype` accumulate.
fn wide(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Complex => DType::C128,
        Kind::Float => accumulator(dtype),
        _ => DType::F64,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of elements are far below 2^53")]
fn count_of(params: &Params) -> Scalar {
    Scalar::Float(params.count as f64)
}

fn mean(name: &'static str, input: DType, params: &Params) -> Result<Reducer> {
    let output = mean_dtype(input, params);
    let acc = wide(output);
    let phase = accumulate(acc, Scalar::Int(0), input, ElementOp::Add, |p, sum, x| {
        let x = p.cast(x, acc);
        p.op(ElementOp::Add, &[sum, x])
    })?;
    if params.uneven {
        return counting(name, input, phase, ratio(acc, output)?);
    }
    let finish = unary(acc, |p, sum| {
        let n = p.constant(count_of(params), acc);
        let mean = p.op(ElementOp::Divide, &[sum, n])?;
        Ok(p.cast(mean, output))
    })?;
    Ok(Reducer::of_one_phase(name, input, phase, finish))
}

/// A phase that adds up `value(p, x)` and counts, both where `x` is not NaN.
fn counted(acc: DType, input: DType) -> Result<Phase> {
    let mut p = Program::default();
    let (sum, n, x) = (p.input(acc), p.input(DType::F64), p.input(input));
    p.input(DType::I64);
    let nan = p.op(ElementOp::Isnan, &[x])?;
    let (zero, none, one) = (p.constant(0, acc), p.constant(0, DType::F64), p.constant(1, DType::F64));
    let x = p.cast(x, acc);
    let (x, k) = (p.select(nan, zero, x), p.select(nan, none, one));
    p.outputs = vec![p.op(ElementOp::Add, &[sum, x])?, p.op(ElementOp::Add, &[n, k])?];
    let merge = pairwise(&[acc, DType::F64], ElementOp::Add)?;
    let result = pass(&[acc, DType::F64], &[DType::F64]);
    Ok(Phase { init: vec![(acc, Scalar::Int(0)), (DType::F64, Scalar::Int(0))], step: p, merge, result })
}

/// `(a..., b...) -> a op b` for accumulators of these dtypes.
fn pairwise(dtypes: &[DType], op: ElementOp) -> Result<Program> {
    let mut m = Program::default();
    let a: Vec<Value> = dtypes.iter().map(|&d| m.input(d)).collect();
    let b: Vec<Value> = dtypes.iter().map(|&d| m.input(d)).collect();
    m.outputs = a.iter().zip(&b).map(|(&a, &b)| m.op(op, &[a, b])).collect::<Result<_>>()?;
    Ok(m)
}

fn nan_mean(name: &'static str, input: DType, params: &Params) -> Result<Reducer> {
    let output = mean_dtype(input, params);
    let acc = wide(output);
    Ok(Reducer::of_one_phase(name, input, counted(acc, input)?, ratio(acc, output)?))
}

/// `(sum, count) -> mean`.
fn ratio(acc: DType, output: DType) -> Result<Program> {
    let mut p = Program::default();
    let (sum, n) = (p.input(acc), p.input(DType::F64));
    let n = p.cast(n, acc);
    let mean = p.op(ElementOp::Divide, &[sum, n])?;
    let mean = p.cast(mean, output);
    p.outputs.push(mean);
    Ok(p)
}

/// Variance, or its square root: states are `(n, mean, M2)`.
fn variance(name: &'static str, root: bool, skip_nan: bool, input: DType, params: &Params) -> Result<Reducer> {
    let output = mean_dtype(input, params).real();
    let acc = wide(input);
    let skips = skip_nan && input.is_inexact();
    let means = if skips { counted(acc, input)? } else { summed(acc, input)? };
    let means = Phase { result: tile_mean(acc, skips)?, ..means };
    let squares = squared_distances(acc, input, skips)?;
    Ok(Reducer {
        name,
        input,
        phases: vec![means, squares],
        leaf: tile_state(acc),
        identity: vec![(DType::F64, Scalar::Int(0)), (acc, Scalar::Int(0)), (DType::F64, Scalar::Int(0))],
        combine: merge_moments(acc)?,
        finish: finish_variance(acc, output, root, params)?,
        extreme: None,
        no_answer: None,
    })
}

/// The sum of squared distances from the mean, in `f64`: what variances are made of.
pub(super) fn squares(input: DType) -> Result<Reducer> {
    let mut reducer = variance("squares", false, false, input, &Params::default())?;
    let mut finish = Program::default();
    finish.input(DType::F64);
    finish.input(reducer.identity[1].0);
    let squares = finish.input(DType::F64);
    finish.outputs.push(squares);
    reducer.finish = finish;
    Ok(reducer)
}

/// A phase that adds up, where every element counts.
fn summed(acc: DType, input: DType) -> Result<Phase> {
    accumulate(acc, Scalar::Int(0), input, ElementOp::Add, |p, sum, x| {
        let x = p.cast(x, acc);
        p.op(ElementOp::Add, &[sum, x])
    })
}

/// `(sum, count) -> (count, mean)`, the count being that of [`counted`] or of all elements; 0 for the mean of nothing.
fn tile_mean(acc: DType, is_counted: bool) -> Result<Program> {
    let mut p = Program::default();
    let sum = p.input(acc);
    let n = p.input(DType::F64);
    if is_counted {
        p.input(DType::F64);
    }
    let mean = guarded_ratio(&mut p, sum, n, acc)?;
    p.outputs = vec![n, mean];
    Ok(p)
}

/// `x / max(n, 1)`, `n` being a count: 0 where there is nothing, of which `x` is 0 as well.
fn guarded_ratio(p: &mut Program, x: Value, n: Value, acc: DType) -> Result<Value> {
    let one = p.constant(1, DType::F64);
    let n = p.op(ElementOp::Maximum, &[n, one])?;
    let n = p.cast(n, acc);
    p.op(ElementOp::Divide, &[x, n])
}

/// The second phase: `(M2, x, position, n, mean) -> M2 + |x - mean|²`.
fn squared_distances(acc: DType, input: DType, skips: bool) -> Result<Phase> {
    let mut p = Program::default();
    let (m2, x) = (p.input(DType::F64), p.input(input));
    p.input(DType::I64);
    p.input(DType::F64);
    let mean = p.input(acc);
    let wide = p.cast(x, acc);
    let d = p.op(ElementOp::Subtract, &[wide, mean])?;
    let square = squared_magnitude(&mut p, d)?;
    let square = if skips {
        let nan = p.op(ElementOp::Isnan, &[x])?;
        let zero = p.constant(0, DType::F64);
        p.select(nan, zero, square)
    } else {
        square
    };
    let next = p.op(ElementOp::Add, &[m2, square])?;
    p.outputs.push(next);
    Ok(Phase {
        init: vec![(DType::F64, Scalar::Int(0))],
        step: p,
        merge: pairwise(&[DType::F64], ElementOp::Add)?,
        result: pass(&[DType::F64], &[DType::F64]),
    })
}

/// `|d|²` as `f64`.
fn squared_magnitude(p: &mut Program, d: Value) -> Result<Value> {
    if !p.dtypes[d].is_complex() {
        return p.op(ElementOp::Multiply, &[d, d]);
    }
    let (re, im) = (p.op(ElementOp::Real, &[d])?, p.op(ElementOp::Imag, &[d])?);
    let (re2, im2) = (p.op(ElementOp::Multiply, &[re, re])?, p.op(ElementOp::Multiply, &[im, im])?);
    p.op(ElementOp::Add, &[re2, im2])
}

/// `(n, mean, M2, count) -> (n, mean, M2)`.
fn tile_state(acc: DType) -> Program {
    pass(&[DType::F64, acc, DType::F64], &[DType::F64])
}

/// Chan's merge of two states.
fn merge_moments(acc: DType) -> Result<Program> {
    let mut p = Program::default();
    let (na, ma, sa) = (p.input(DType::F64), p.input(acc), p.input(DType::F64));
    let (nb, mb, sb) = (p.input(DType::F64), p.input(acc), p.input(DType::F64));
    let n = p.op(ElementOp::Add, &[na, nb])?;
    let d = p.op(ElementOp::Subtract, &[mb, ma])?;
    let share = guarded_ratio(&mut p, nb, n, DType::F64)?;
    let wide_share = p.cast(share, acc);
    let step = p.op(ElementOp::Multiply, &[d, wide_share])?;
    let mean = p.op(ElementOp::Add, &[ma, step])?;
    let d2 = squared_magnitude(&mut p, d)?;
    let weight = p.op(ElementOp::Multiply, &[na, share])?;
    let between = p.op(ElementOp::Multiply, &[d2, weight])?;
    let within = p.op(ElementOp::Add, &[sa, sb])?;
    let squares = p.op(ElementOp::Add, &[within, between])?;
    p.outputs = vec![n, mean, squares];
    Ok(p)
}

/// `M2 / max(n - ddof, 0)`, and its root for a standard deviation; NaN or infinite where nothing is left to divide by.
fn finish_variance(acc: DType, output: DType, root: bool, params: &Params) -> Result<Program> {
    let mut p = Program::default();
    let n = p.input(DType::F64);
    p.input(acc);
    let squares = p.input(DType::F64);
    let (ddof, zero) = (p.constant(params.ddof, DType::F64), p.constant(0.0, DType::F64));
    let free = p.op(ElementOp::Subtract, &[n, ddof])?;
    let free = p.op(ElementOp::Maximum, &[free, zero])?;
    let mut value = p.op(ElementOp::Divide, &[squares, free])?;
    if root {
        value = p.op(ElementOp::Sqrt, &[value])?;
    }
    let value = p.cast(value, output);
    p.outputs.push(value);
    Ok(p)
}

/// As [`finish_variance`] for the nan- variants, where too few elements give NaN.
fn nan_variance(name: &'static str, root: bool, input: DType, params: &Params) -> Result<Reducer> {
    let mut reducer = variance(name, root, true, input, params)?;
    let mut p = Program::default();
    let acc = reducer.identity[1].0;
    let (n, mean, squares) = (p.input(DType::F64), p.input(acc), p.input(DType::F64));
    let value = p.inline(&reducer.finish, &[n, mean, squares])[0];
    let output = p.dtypes[value];
    let ddof = p.constant(params.ddof, DType::F64);
    let too_few = p.op(ElementOp::LessEqual, &[n, ddof])?;
    let nan = p.constant(f64::NAN, output);
    let value = p.select(too_few, nan, value);
    p.outputs.push(value);
    reducer.finish = p;
    Ok(reducer)
}

reductions! {
    /// The mean.
    Mean, "mean": mean();
    /// The variance: the mean squared distance from the mean, over `n - ddof`.
    Var, "var": variance(false, false);
    /// The standard deviation: the root of the variance.
    Std, "std": variance(true, false);
    /// The mean of what is not NaN.
    NanMean, "nanmean": nan_mean();
    /// The variance of what is not NaN.
    NanVar, "nanvar": nan_variance(false);
    /// The standard deviation of what is not NaN.
    NanStd, "nanstd": nan_variance(true);
}
