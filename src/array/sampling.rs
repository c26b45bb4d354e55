//! Random arrays made of several draws or steps: orders, samples, and vectors whose elements depend on each other.

use super::manipulation::stack;
use super::order::along;
use super::random::Rng;
use super::reduction::{keep, reduce};
use super::scan::scan;
use super::{Array, Operand};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::lookup::searchsorted;
use crate::expr::random::{bits, draw, find, integers};
use crate::linalg::{factor, matmul};
use crate::op::elementwise::ElementOp;
use crate::op::random::{Sampler, words};
use crate::op::reduction::Params;
use crate::op::regional::LineOp;
use crate::shape::axes::Axes;
use crate::shape::checked_size;
use crate::shape::slice::Item;

/// The most outcomes of a multinomial distribution, each of which draws those before it anew.
const MOST_OUTCOMES: usize = 100;

/// The numbers below `n` in an order of which each is equally likely.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when `n` is too large.
#[track_caller]
pub fn permutation(key: u64, n: usize) -> Result<Expr> {
    along(&bits(key, &[n])?, LineOp::Argsort, &Axes::from(0))
}

/// Positions below `n`, each drawn anew, or (unless `replace`) all different; with the probabilities `p` of the
/// positions, or equally likely. Without replacement, probabilities are those of the first position, and of each later
/// one among those that are left.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) where there are fewer positions than are asked for,
/// [`Shape`](crate::ErrorKind::Shape) unless `p` has one probability each.
#[track_caller]
pub fn choice(key: u64, n: usize, size: &[usize], replace: bool, p: Option<&Expr>) -> Result<Expr> {
    let total = checked_size(size).ok_or_else(|| Error::shape("choice", "too many elements"))?;
    if n == 0 && total > 0 {
        return Err(Error::argument("choice", "there is nothing to choose from"));
    }
    if let Some(p) = p
        && p.shape.known()? != [n]
    {
        return Err(Error::shape("choice", format!("probabilities of shape {} for {n} items", p.shape)));
    }
    match (replace, p) {
        (true, None) => {
            let bounds = [Arg::Scalar(Scalar::Int(0)), Arg::Scalar(Scalar::Int(n.max(1) as i128))];
            integers(key, [&bounds[0], &bounds[1]], false, DType::I64, Some(size))
        }
        (true, Some(p)) => {
            let sums = scan(p, "cumsum", &Axes::from(0), Some(DType::F64))?;
            let last = build::index(&sums, &[Item::Index(-1)])?;
            let cuts = element(ElementOp::Divide, &sums, &last)?;
            let unit = named("random", key, &[], size)?;
            searchsorted(&cuts, &unit, true, None)
        }
        (false, _) if total > n => {
            Err(Error::argument("choice", format!("{total} different ones of {n} items are asked for")))
        }
        (false, p) => {
            // The first arrivals, where an item arrives at a rate that is its probability (Efraimidis and Spirakis
            // 2006).
            let arrivals = match p {
                None => bits(key, &[n])?,
                Some(p) => element(ElementOp::Divide, &named("standard_exponential", key, &[], &[n])?, p)?,
            };
            let order = along(&arrivals, LineOp::Argsort, &Axes::from(0))?;
            let first = Item::Slice { start: None, stop: Some(total.cast_signed()), step: 1 };
            build::reshape(&build::index(&order, &[first])?, size)
        }
    }
}

/// How `n` tries fall on outcomes of probabilities `p`, which is a vector; the last outcome takes what is left.
/// Outcomes are the last axis.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for probabilities that are no vector and where shapes do not fit each other,
/// [`Unsupported`](crate::ErrorKind::Unsupported) for more than 100 outcomes.
#[track_caller]
pub fn multinomial(key: u64, n: &Arg, p: &Expr, size: Option<&[usize]>) -> Result<Expr> {
    let [outcomes] = p.shape.known()?[..] else {
        return Err(Error::shape("multinomial", format!("probabilities of shape {}", p.shape)));
    };
    if outcomes > MOST_OUTCOMES {
        return Err(Error::unsupported(format!(
            "`multinomial` of {outcomes} outcomes, more than {MOST_OUTCOMES}, is not offered"
        )));
    }
    let each = (0..outcomes).map(|i| Ok(Arg::Array(build::index(p, &[Item::Index(i.cast_signed())])?)));
    let each = each.collect::<Result<Vec<_>>>()?;
    let columns = (0..outcomes).map(|outcome| {
        let args: Vec<Arg> = std::iter::once(n.clone()).chain(each[..=outcome].iter().cloned()).collect();
        let last = outcome + 1 == outcomes;
        draw("multinomial", &args, DType::F64, size, |program, position, values| {
            let (mut tries, one, zero) =
                (values[0], program.constant(1.0, DType::F64), program.constant(0.0, DType::F64));
            let mut rest = one;
            let mut fallen = tries;
            for (i, &p) in values[1..].iter().enumerate() {
                if last && i == outcome {
                    fallen = tries;
                    break;
                }
                let share = program.op(ElementOp::Divide, &[p, rest])?;
                let share = program.op(ElementOp::Fmin, &[share, one])?;
                let share = program.op(ElementOp::Fmax, &[share, zero])?;
                let count = program.draw(Sampler::Binomial, position, words::key(key, i as u64), &[tries, share]);
                fallen = program.cast(count, DType::F64);
                tries = program.op(ElementOp::Subtract, &[tries, fallen])?;
                rest = program.op(ElementOp::Subtract, &[rest, p])?;
            }
            Ok(program.cast(fallen, DType::I64))
        })
    });
    stack(&columns.collect::<Result<Vec<_>>>()?, -1)
}

/// Gammas over their sum, of shapes `alpha`, which is a vector.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for shapes that are no vector.
#[track_caller]
pub fn dirichlet(key: u64, alpha: &Expr, size: &[usize]) -> Result<Expr> {
    let [n] = alpha.shape.known()?[..] else {
        return Err(Error::shape("dirichlet", format!("`alpha` is a vector, not of shape {}", alpha.shape)));
    };
    let gammas = named("standard_gamma", key, &[Arg::Array(alpha.clone())], &[size, &[n]].concat())?;
    let sums = reduce(&gammas, "sum", &keep(-1), Params::default())?;
    element(ElementOp::Divide, &gammas, &sums)
}

/// Vectors of this mean and covariance, through the Cholesky factor of the covariance.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless the mean is a vector and the covariance a matrix of its length.
#[track_caller]
pub fn multivariate_normal(key: u64, mean: &Expr, cov: &Expr, size: &[usize]) -> Result<Expr> {
    let (vector, matrix) = (mean.shape.known()?, cov.shape.known()?);
    let [n] = vector[..] else {
        return Err(Error::shape("multivariate_normal", format!("`mean` is a vector, not of shape {}", mean.shape)));
    };
    if matrix != [n, n] {
        return Err(Error::shape("multivariate_normal", format!("`cov` of shape {} for {n} elements", cov.shape)));
    }
    let upper = factor::cholesky(cov, true)?;
    let free = named("standard_normal", key, &[], &[size, &[n]].concat())?;
    element(ElementOp::Add, mean, &matmul::matmul(&free, &upper)?)
}

fn element(op: ElementOp, a: &Expr, b: &Expr) -> Result<Expr> {
    build::element(op, &[Arg::Array(a.clone()), Arg::Array(b.clone())])
}

fn named(name: &str, key: u64, args: &[Arg], size: &[usize]) -> Result<Expr> {
    let found = find(name).ok_or_else(|| Error::bug(format!("{name} is a distribution")))?;
    found.draw(key, args, Some(size))
}

impl Rng {
    /// The numbers from 0 to `n - 1` in random order: the order that sorts as many random words.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let order = cx.rng(7).permutation(1000)?;
    /// let (sum, sorted) = cx.compute((order.sum(..), order.sort(0)))?;
    /// assert_eq!((sum[[]], sorted[[17]]), (999 * 500, 17));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when `n` is too large.
    #[track_caller]
    pub fn permutation(&self, n: usize) -> Result<Array<i64>> {
        Ok(Array::of(permutation(self.key(), n)?))
    }

    /// Positions below `n`: each drawn anew, or all different unless `replace`; with these probabilities, or equally
    /// likely.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let some = cx.rng(7).choice(10, &[2, 5], false, None)?;
    /// assert_eq!(cx.compute(some.sum(..))?[[]], 45);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) where fewer are there than are asked for,
    /// [`Shape`](crate::ErrorKind::Shape) unless `p` has one probability each.
    #[track_caller]
    pub fn choice(&self, n: usize, size: &[usize], replace: bool, p: Option<&Array<f64>>) -> Result<Array<i64>> {
        Ok(Array::of(choice(self.key(), n, size, replace, p.map(Array::expr))?))
    }

    /// How `n` tries fall on outcomes of probabilities `p`, a vector; outcomes are the last axis of shape `(size...,
    /// len)`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for probabilities that are no vector, and for `n` that does not broadcast to
    /// `size`.
    #[track_caller]
    pub fn multinomial(&self, n: impl Into<Operand<f64>>, p: &Array<f64>, size: &[usize]) -> Result<Array<i64>> {
        Ok(Array::of(multinomial(self.key(), n.into().arg(), p.expr(), Some(size))?))
    }

    /// Dirichlet, of concentrations `alpha`, a vector; elements along the last axis of shape `(size..., len)` add up to
    /// 1.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for concentrations that are no vector.
    #[track_caller]
    pub fn dirichlet(&self, alpha: &Array<f64>, size: &[usize]) -> Result<Array<f64>> {
        Ok(Array::of(dirichlet(self.key(), alpha.expr(), size)?))
    }

    /// Normal vectors of this mean and covariance, along the last axis of shape `(size..., len)`. The covariance must
    /// be positive definite, which shows while its Cholesky factor is computed.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) unless `mean` is a vector and `cov` a matrix of its length.
    #[track_caller]
    pub fn multivariate_normal(&self, mean: &Array<f64>, cov: &Array<f64>, size: &[usize]) -> Result<Array<f64>> {
        Ok(Array::of(multivariate_normal(self.key(), mean.expr(), cov.expr(), size)?))
    }
}
