//! Lengths of vectors and matrices.

use super::spectra::of_axes;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, reduce, unary};
use crate::op::elementwise::ElementOp;
use crate::shape::slice::Item;

/// Which length is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// The root of the sum of squares.
    Euclid,
    /// The same of a matrix, by its name.
    Frobenius,
    /// The sum of singular values.
    Nuclear,
    /// `(Σ |x|^p)^(1/p)` of a vector, the largest `|x|` for `p = inf`, the smallest for `-inf`, how many are not 0 for
    /// 0; of a matrix the largest (1) or smallest (-1) sum of a column, or of a row (`inf`, `-inf`), or
    /// singular value (2, -2).
    P(f64),
}

/// The length of vectors over `axes` (ascending), which stay with length 1. Integers and truth values count as `f64`;
/// the result is real.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for orders of matrices, and for `-inf` of no elements.
#[track_caller]
pub fn of_vectors(x: &Expr, axes: &[usize], order: Order) -> Result<Expr> {
    let x = inexact(x)?;
    match order {
        Order::Euclid => root_of_squares(&x, axes),
        Order::P(2.0) => root_of_squares(&x, axes),
        Order::P(f64::INFINITY) => largest(&unary(ElementOp::Absolute, &x)?, axes),
        Order::P(f64::NEG_INFINITY) => reduce(&unary(ElementOp::Absolute, &x)?, "min", axes, None),
        Order::P(0.0) => {
            let counted = binary(ElementOp::NotEqual, &x, 0)?;
            reduce(&build::cast(&counted, x.dtype.real())?, "sum", axes, None)
        }
        Order::P(1.0) => reduce(&unary(ElementOp::Absolute, &x)?, "sum", axes, None),
        Order::P(p) => {
            let powers = binary(ElementOp::Power, &unary(ElementOp::Absolute, &x)?, p)?;
            let sum = reduce(&powers, "sum", axes, None)?;
            binary(ElementOp::Power, &sum, 1.0 / p)
        }
        Order::Frobenius | Order::Nuclear => Err(Error::argument("norm", "this is no norm of vectors")),
    }
}

/// The norm of matrices with their rows along the first of these axes and their columns along the second, which stay
/// with length 1.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for orders that matrices have not, [`DType`](crate::ErrorKind::DType) for
/// floats of 16 bits where singular values are needed: for 2, -2 and the nuclear norm.
#[track_caller]
pub fn of_matrices(x: &Expr, (row, column): (usize, usize), order: Order) -> Result<Expr> {
    let x = inexact(x)?;
    let both = [row.min(column), row.max(column)];
    let sums = |axis: usize| reduce(&unary(ElementOp::Absolute, &x)?, "sum", &[axis], None);
    match order {
        Order::Euclid | Order::Frobenius => root_of_squares(&x, &both),
        Order::P(1.0) => largest(&sums(row)?, &[column]),
        Order::P(-1.0) => reduce(&sums(row)?, "min", &[column], None),
        Order::P(f64::INFINITY) => largest(&sums(column)?, &[row]),
        Order::P(f64::NEG_INFINITY) => reduce(&sums(column)?, "min", &[row], None),
        Order::P(p) if p.abs() != 2.0 => Err(Error::argument("norm", format!("{p} is no order of matrices"))),
        Order::P(_) | Order::Nuclear => {
            let s = of_axes(&x, (row, column))?;
            let last = [s.shape.rank() - 1];
            let one = match order {
                Order::Nuclear => reduce(&s, "sum", &last, None)?,
                Order::P(2.0) => largest(&s, &last)?,
                _ => reduce(&s, "min", &last, None)?,
            };
            let item = |a| if both.contains(&a) { Item::NewAxis } else { Item::from(..) };
            let items = (0..x.shape.rank()).map(item).chain([Item::from(0)]);
            build::index(&one, &items.collect::<Vec<_>>())
        }
    }
}

fn inexact(x: &Expr) -> Result<Expr> {
    if x.dtype.is_inexact() { Ok(x.clone()) } else { build::cast(x, DType::F64) }
}

fn root_of_squares(x: &Expr, axes: &[usize]) -> Result<Expr> {
    let squares = if x.dtype.is_complex() {
        let of = |part| -> Result<Expr> { unary(ElementOp::Square, &unary(part, x)?) };
        binary(ElementOp::Add, &of(ElementOp::Real)?, &of(ElementOp::Imag)?)?
    } else {
        unary(ElementOp::Square, x)?
    };
    unary(ElementOp::Sqrt, &reduce(&squares, "sum", axes, None)?)
}

/// The largest of numbers that are not negative: 0 of none.
fn largest(x: &Expr, axes: &[usize]) -> Result<Expr> {
    let mut shape = x.shape.known()?;
    if axes.iter().all(|&a| shape[a] > 0) {
        return reduce(x, "max", axes, None);
    }
    for &a in axes {
        shape[a] = 1;
    }
    build::full(&shape, Scalar::Int(0), x.dtype, None)
}

impl From<f64> for Order {
    fn from(p: f64) -> Self {
        Self::P(p)
    }
}
