//! Moments and tests of hypotheses along an axis, as `dask.array.stats` and `SciPy` have them.

use super::Array;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, cast};
use crate::expr::compose::{binary, choice, reduce, stretched, unary, without};
use crate::op::elementwise::ElementOp as Op;
use crate::op::function::{BlockFunction, RawBlock};
use crate::op::math::tails;
use crate::op::reduction::{Params, find};
use std::sync::Arc;

/// The statistic of a test, and the probability of one that is as extreme where the hypothesis holds.
///
/// ```
/// use hyperslab::{Context, array::stats};
/// let cx = Context::default();
/// let x = cx.linspace(0.0, 4.0, 5)?;
/// let test = stats::ttest_1samp(x.expr(), 2.0.into(), 0)?;
/// assert_eq!(cx.compute(test.statistic)?.to_ndarray::<f64>()?[[]], 0.0);
/// assert_eq!(cx.compute(test.pvalue)?.to_ndarray::<f64>()?[[]], 1.0);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Test {
    /// The statistic.
    pub statistic: Array,
    /// The probability.
    pub pvalue: Array,
}

/// A number beside arrays.
type Number = crate::expr::build::Arg;

/// Elements as floats, and how many there are along the axis.
fn floats(x: &Expr, axis: usize) -> Result<(Expr, f64)> {
    let x = if x.dtype.is_inexact() { x.clone() } else { cast(x, DType::F64)? };
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    let n = x.shape.known()?[axis] as f64;
    Ok((x, n))
}

fn op(op: Op, x: impl Into<Number>, y: impl Into<Number>) -> Result<Expr> {
    binary(op, x, y)
}

fn mean(x: &Expr, axis: usize) -> Result<Expr> {
    reduce(x, "mean", &[axis], None)
}

fn away(x: &Expr, axis: usize) -> Result<Expr> {
    without(x, &[axis])
}

/// The variance over the number of elements less 1.
fn sample_variance(x: &Expr, axis: usize) -> Result<Expr> {
    let var = find("var").ok_or_else(|| Error::bug("there are variances"))?;
    away(&build::reduce(x, var, &[axis], Params { ddof: 1.0, ..Params::default() })?, axis)
}

/// The central moment of this order along an axis, which is gone.
///
/// # Errors
/// Those of the operations.
#[track_caller]
pub fn moment(x: &Expr, order: u32, axis: usize) -> Result<Expr> {
    let (x, _) = floats(x, axis)?;
    away(&central(&x, order, axis)?, axis)
}

fn central(x: &Expr, order: u32, axis: usize) -> Result<Expr> {
    let center = mean(x, axis)?;
    match order {
        0 => op(Op::Add, &op(Op::Multiply, &center, 0)?, 1),
        1 => op(Op::Subtract, &center, &center),
        _ => {
            let apart = op(Op::Subtract, x, &center)?;
            let mut power = apart.clone();
            for _ in 1..order {
                power = op(Op::Multiply, &power, &apart)?;
            }
            mean(&power, axis)
        }
    }
}

/// `value` where elements differ by more than rounding, NaN elsewhere.
fn where_spread(x: &Expr, second: &Expr, axis: usize, value: &Expr) -> Result<Expr> {
    let eps = 8.0 * if x.dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let least = op(Op::Multiply, &mean(x, axis)?, eps)?;
    let flat = op(Op::LessEqual, second, &op(Op::Multiply, &least, &least)?)?;
    choice(&flat, f64::NAN, value)
}

/// The third moment over the power 3/2 of the second; without `bias`, corrected for the number of elements.
///
/// # Errors
/// Those of the operations.
#[track_caller]
pub fn skew(x: &Expr, axis: usize, bias: bool) -> Result<Expr> {
    let (x, n) = floats(x, axis)?;
    let (second, third) = (central(&x, 2, axis)?, central(&x, 3, axis)?);
    let ratio = op(Op::Divide, &third, &op(Op::Power, &second, 1.5)?)?;
    let ratio = if bias || n <= 2.0 { ratio } else { op(Op::Multiply, &ratio, ((n - 1.0) * n).sqrt() / (n - 2.0))? };
    away(&where_spread(&x, &second, axis, &ratio)?, axis)
}

/// The fourth moment over the square of the second, less 3 with `fisher`; without `bias`, corrected for the number of
/// elements.
///
/// # Errors
/// Those of the operations.
#[track_caller]
pub fn kurtosis(x: &Expr, axis: usize, fisher: bool, bias: bool) -> Result<Expr> {
    let (x, n) = floats(x, axis)?;
    let (second, fourth) = (central(&x, 2, axis)?, central(&x, 4, axis)?);
    let mut ratio = op(Op::Divide, &fourth, &op(Op::Multiply, &second, &second)?)?;
    if !bias && n > 3.0 {
        let corrected = op(Op::Subtract, &op(Op::Multiply, &ratio, n * n - 1.0)?, 3.0 * (n - 1.0) * (n - 1.0))?;
        ratio = op(Op::Add, &op(Op::Multiply, &corrected, 1.0 / (n - 2.0) / (n - 3.0))?, 3.0)?;
    }
    let ratio = if fisher { op(Op::Subtract, &ratio, 3.0)? } else { ratio };
    away(&where_spread(&x, &second, axis, &ratio)?, axis)
}

/// `statistic` with what `tail` says of it and of `others`, which have its shape.
fn test(statistic: Expr, others: &[Expr], tail: impl Fn(f64, &[f64]) -> f64 + Send + Sync + 'static) -> Result<Test> {
    let wide =
        |x: &Expr| build::rechunk(&stretched(&cast(x, DType::F64)?, &statistic.shape)?, statistic.chunks.clone());
    let inputs = std::iter::once(&statistic).chain(others).map(wide).collect::<Result<Vec<_>>>()?;
    let body = move |blocks: &[RawBlock<'_>], _: &[usize], out: &mut [u8]| -> Result<()> {
        let values = blocks.iter().map(|b| bytemuck::try_cast_slice::<u8, f64>(b.bytes));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|e| Error::bug(e.to_string()))?;
        let [first, rest @ ..] = values.as_slice() else { return Err(Error::bug("a test has a statistic")) };
        out.chunks_exact_mut(size_of::<f64>()).zip(first.iter().enumerate()).for_each(|(to, (i, &x))| {
            let others: Vec<f64> = rest.iter().map(|r| r[i]).collect();
            to.copy_from_slice(&tail(x, &others).to_ne_bytes());
        });
        Ok(())
    };
    let function =
        BlockFunction { name: "probability".to_owned(), output: DType::F64, body: Arc::new(body), cuda: None };
    let pvalue = cast(&build::blocks(&inputs, function)?, statistic.dtype)?;
    Ok(Test { statistic: Array::of(statistic), pvalue: Array::of(pvalue) })
}

/// Whether the skew is that of a normal distribution.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for fewer than 8 elements along the axis.
#[track_caller]
pub fn skewtest(x: &Expr, axis: usize) -> Result<Test> {
    test(skew_score(x, axis)?, &[], |z, _| tails::normal(z))
}

fn skew_score(x: &Expr, axis: usize) -> Result<Expr> {
    let (x, n) = floats(x, axis)?;
    if n < 8.0 {
        return Err(Error::argument("skewtest", format!("needs 8 elements, and there are {n}")));
    }
    let y = op(Op::Multiply, &skew(&x, axis, true)?, ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt())?;
    let beta =
        3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0) / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w = -1.0 + (2.0 * (beta - 1.0)).sqrt();
    let (delta, alpha) = (1.0 / (0.5 * w.ln()).sqrt(), (2.0 / (w - 1.0)).sqrt());
    let y = choice(&op(Op::Equal, &y, 0)?, 1.0, &y)?;
    let y = op(Op::Divide, &y, alpha)?;
    let root = unary(Op::Sqrt, &op(Op::Add, &op(Op::Multiply, &y, &y)?, 1.0)?)?;
    op(Op::Multiply, &unary(Op::Log, &op(Op::Add, &y, &root)?)?, delta)
}

/// Whether the kurtosis is that of a normal distribution.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for fewer than 5 elements along the axis.
#[track_caller]
pub fn kurtosistest(x: &Expr, axis: usize) -> Result<Test> {
    test(kurtosis_score(x, axis)?, &[], |z, _| tails::normal(z))
}

fn kurtosis_score(x: &Expr, axis: usize) -> Result<Expr> {
    let (x, n) = floats(x, axis)?;
    if n < 5.0 {
        return Err(Error::argument("kurtosistest", format!("needs 5 elements, and there are {n}")));
    }
    let expected = 3.0 * (n - 1.0) / (n + 1.0);
    let variance = 24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let score = op(Op::Divide, &op(Op::Subtract, &kurtosis(&x, axis, false, true)?, expected)?, variance.sqrt())?;
    let beta = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * ((6.0 * (n + 3.0) * (n + 5.0)) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / beta * (2.0 / beta + (1.0 + 4.0 / (beta * beta)).sqrt());
    let below = op(Op::Add, &op(Op::Multiply, &score, (2.0 / (a - 4.0)).sqrt())?, 1.0)?;
    let root = unary(Op::Cbrt, &op(Op::Divide, 1.0 - 2.0 / a, &unary(Op::Absolute, &below)?)?)?;
    let root = choice(&op(Op::Equal, &below, 0)?, f64::NAN, &op(Op::Multiply, &unary(Op::Sign, &below)?, &root)?)?;
    op(Op::Divide, &op(Op::Subtract, 1.0 - 2.0 / (9.0 * a), &root)?, (2.0 / (9.0 * a)).sqrt())
}

/// Whether skew and kurtosis are those of a normal distribution (D'Agostino and Pearson).
///
/// # Errors
/// As [`skewtest`].
#[track_caller]
pub fn normaltest(x: &Expr, axis: usize) -> Result<Test> {
    let (s, k) = (skew_score(x, axis)?, kurtosis_score(x, axis)?);
    let both = op(Op::Add, &op(Op::Multiply, &s, &s)?, &op(Op::Multiply, &k, &k)?)?;
    test(both, &[], |x, _| tails::chi_squared(x, 2.0))
}

/// Whether the mean is `expected`.
///
/// # Errors
/// Those of the operations.
#[track_caller]
pub fn ttest_1samp(x: &Expr, expected: Number, axis: usize) -> Result<Test> {
    let (x, n) = floats(x, axis)?;
    let apart = op(Op::Subtract, &away(&mean(&x, axis)?, axis)?, expected)?;
    let spread = unary(Op::Sqrt, &op(Op::Divide, &sample_variance(&x, axis)?, n)?)?;
    test(op(Op::Divide, &apart, &spread)?, &[], move |t, _| tails::student(t, n - 1.0))
}

/// Whether pairs differ by 0 on average.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for arrays that do not broadcast.
#[track_caller]
pub fn ttest_rel(a: &Expr, b: &Expr, axis: usize) -> Result<Test> {
    let ((a, _), (b, _)) = (floats(a, axis)?, floats(b, axis)?);
    ttest_1samp(&op(Op::Subtract, &a, &b)?, 0.0.into(), axis)
}

/// Whether two samples have one mean; without `equal_var` they may vary differently (Welch).
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for arrays that differ outside the axis.
#[track_caller]
pub fn ttest_ind(a: &Expr, b: &Expr, axis: usize, equal_var: bool) -> Result<Test> {
    let ((a, n), (b, m)) = (floats(a, axis)?, floats(b, axis)?);
    let apart = op(Op::Subtract, &away(&mean(&a, axis)?, axis)?, &away(&mean(&b, axis)?, axis)?)?;
    let (v, w) = (sample_variance(&a, axis)?, sample_variance(&b, axis)?);
    if equal_var {
        let df = n + m - 2.0;
        let both = op(Op::Add, &op(Op::Multiply, &v, (n - 1.0) / df)?, &op(Op::Multiply, &w, (m - 1.0) / df)?)?;
        let spread = unary(Op::Sqrt, &op(Op::Multiply, &both, 1.0 / n + 1.0 / m)?)?;
        return test(op(Op::Divide, &apart, &spread)?, &[], move |t, _| tails::student(t, df));
    }
    let (v, w) = (op(Op::Divide, &v, n)?, op(Op::Divide, &w, m)?);
    let both = op(Op::Add, &v, &w)?;
    let part = |v: &Expr, n: f64| op(Op::Divide, &op(Op::Multiply, v, v)?, n - 1.0);
    let df = op(Op::Divide, &op(Op::Multiply, &both, &both)?, &op(Op::Add, &part(&v, n)?, &part(&w, m)?)?)?;
    test(op(Op::Divide, &apart, &unary(Op::Sqrt, &both)?)?, &[df], |t, df| {
        tails::student(t, if df[0].is_nan() { 1.0 } else { df[0] })
    })
}

/// Whether counts are those that are expected, all alike where that is not said, by the Cressie-Read family: 1 is
/// Pearson's chi-squared, 0 the likelihood ratio.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for arrays that do not broadcast.
#[track_caller]
pub fn power_divergence(observed: &Expr, expected: Option<&Expr>, ddof: f64, axis: usize, power: f64) -> Result<Test> {
    let (observed, n) = floats(observed, axis)?;
    let expected = match expected {
        Some(expected) if expected.dtype.is_inexact() => expected.clone(),
        Some(expected) => cast(expected, DType::F64)?,
        None => mean(&observed, axis)?,
    };
    // x log(x / y), 0 where x is.
    let logs = |x: &Expr, y: &Expr| -> Result<Expr> {
        let product = op(Op::Multiply, x, &unary(Op::Log, &op(Op::Divide, x, y)?)?)?;
        op(Op::Multiply, &choice(&op(Op::Equal, x, 0)?, 0.0, &product)?, 2.0)
    };
    #[expect(clippy::float_cmp, reason = "members of the family with a formula of their own")]
    let terms = if power == 1.0 {
        let apart = op(Op::Subtract, &observed, &expected)?;
        op(Op::Divide, &op(Op::Multiply, &apart, &apart)?, &expected)?
    } else if power == 0.0 {
        logs(&observed, &expected)?
    } else if power == -1.0 {
        logs(&expected, &observed)?
    } else {
        let ratio = op(Op::Power, &op(Op::Divide, &observed, &expected)?, power)?;
        let term = op(Op::Multiply, &observed, &op(Op::Subtract, &ratio, 1.0)?)?;
        op(Op::Multiply, &term, 2.0 / (power * (power + 1.0)))?
    };
    let statistic = away(&reduce(&terms, "sum", &[axis], None)?, axis)?;
    test(statistic, &[], move |x, _| tails::chi_squared(x, n - 1.0 - ddof))
}

/// Whether several samples along the first axis have one mean.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for fewer than two samples.
#[track_caller]
pub fn f_oneway(samples: &[Expr]) -> Result<Test> {
    if samples.len() < 2 {
        return Err(Error::argument("f_oneway", "compares two samples or more"));
    }
    let samples = samples.iter().map(|x| floats(x, 0)).collect::<Result<Vec<_>>>()?;
    let total: f64 = samples.iter().map(|(_, n)| n).sum();
    let means = samples.iter().map(|(x, _)| away(&mean(x, 0)?, 0)).collect::<Result<Vec<_>>>()?;
    let added = |parts: Vec<Expr>| -> Result<Expr> {
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or_else(|| Error::bug("there are samples"))?;
        parts.try_fold(first, |sum, part| op(Op::Add, &sum, &part))
    };
    let weighted = means.iter().zip(&samples).map(|(m, (_, n))| op(Op::Multiply, m, *n / total));
    let grand = added(weighted.collect::<Result<Vec<_>>>()?)?;
    let between = means.iter().zip(&samples).map(|(m, (_, n))| {
        let apart = op(Op::Subtract, m, &grand)?;
        op(Op::Multiply, &op(Op::Multiply, &apart, &apart)?, *n)
    });
    let within = samples.iter().map(|(x, n)| op(Op::Multiply, &away(&reduce(x, "var", &[0], None)?, 0)?, *n));
    let (between, within) = (between.collect::<Result<Vec<_>>>()?, within.collect::<Result<Vec<_>>>()?);
    #[expect(clippy::cast_precision_loss, reason = "few samples")]
    let (above, below) = (samples.len() as f64 - 1.0, total - samples.len() as f64);
    let ratio = op(Op::Divide, &op(Op::Divide, &added(between)?, above)?, &op(Op::Divide, &added(within)?, below)?)?;
    test(ratio, &[], move |f, _| tails::fisher(f, above, below))
}
