//! Products under their NumPy names: what is made of products of matrices and of contractions.

use super::contraction::tensordot;
use super::diagonal::eye;
use super::matmul::{dot, matmul, sum_of_products};
use super::solve::inv;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::ElementOp;
use crate::shape::axes::position;
use crate::shape::slice::Item;
use crate::shape::{self, Shape};

/// Sums of products over the last axes of both.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where these differ in length.
#[track_caller]
pub fn inner(a: &Expr, b: &Expr) -> Result<Expr> {
    match (a.lengths().last(), b.lengths().last()) {
        (Some(m), Some(n)) if m != n => {
            Err(Error::shape("inner", format!("shapes {} and {} differ in their last axes", a.shape, b.shape)))
        }
        (Some(_), Some(_)) => tensordot(a, b, &[a.shape.rank() - 1], &[b.shape.rank() - 1]),
        _ => times(a, b),
    }
}

/// The sum of products of all elements, those of `a` conjugated.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the numbers of elements differ.
#[track_caller]
pub fn vdot(a: &Expr, b: &Expr) -> Result<Expr> {
    let (m, n) = (shape::size(&a.shape.known()?), shape::size(&b.shape.known()?));
    if m != n {
        return Err(Error::shape("vdot", format!("shapes {} and {} have {m} and {n} elements", a.shape, b.shape)));
    }
    let a = conjugated(a)?;
    if a.shape == b.shape {
        let all: Vec<usize> = (0..a.shape.rank()).collect();
        return tensordot(&a, b, &all, &all);
    }
    dot(&build::reshape(&a, &[m])?, &build::reshape(b, &[n])?)
}

/// Every element of `a` times every element of `b`, both in C order.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
#[track_caller]
pub fn outer(a: &Expr, b: &Expr) -> Result<Expr> {
    let flat = |x: &Expr| build::reshape(x, &[shape::size(&x.shape.known()?)]);
    let (a, b) = (flat(a)?, flat(b)?);
    times(&build::index(&a, &[Item::from(..), Item::NewAxis])?, &b)
}

/// Sums of products over one axis of both, counted from the end, those of `a` conjugated; the other axes broadcast.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the axes differ in length or the others do not broadcast,
/// [`Axis`](crate::ErrorKind::Axis) where there is no such axis.
#[track_caller]
pub fn vecdot(a: &Expr, b: &Expr, axis: isize) -> Result<Expr> {
    let last = |x: &Expr| {
        let rank = x.shape.rank();
        if rank == 0 {
            return Err(Error::shape("vecdot", format!("{} and {}: a number is no vector", a.shape, b.shape)));
        }
        let at = position("vecdot", axis, rank)?;
        let order: Vec<usize> = (0..rank).filter(|&a| a != at).chain([at]).collect();
        build::transpose(x, &order)
    };
    let (a, b) = (conjugated(&last(a)?)?, last(b)?);
    fits("vecdot", &a, &b, a.lengths()[a.shape.rank() - 1], b.lengths()[b.shape.rank() - 1])?;
    let dtype = promote(a.dtype, b.dtype);
    let sum = sum_of_products(&build::cast(&a, dtype)?, &build::cast(&b, dtype)?, 1)?;
    build::index(&sum, &[Item::Ellipsis, Item::from(0)])
}

/// Matrices over the last two axes of `a` times vectors over the last axis of `b`; the other axes broadcast.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where they do not multiply or broadcast.
#[track_caller]
pub fn matvec(a: &Expr, b: &Expr) -> Result<Expr> {
    if a.shape.rank() < 2 || b.shape.rank() < 1 {
        return Err(Error::shape("matvec", format!("{} and {} are no matrix and vector", a.shape, b.shape)));
    }
    fits("matvec", a, b, a.lengths()[a.shape.rank() - 1], b.lengths()[b.shape.rank() - 1])?;
    let column = build::index(b, &[Item::Ellipsis, Item::NewAxis])?;
    build::index(&matmul(a, &column)?, &[Item::Ellipsis, Item::from(0)])
}

/// Vectors over the last axis of `a`, conjugated, times matrices over the last two axes of `b`; the other axes
/// broadcast.
///
/// # Errors
/// As [`matvec`].
#[track_caller]
pub fn vecmat(a: &Expr, b: &Expr) -> Result<Expr> {
    if a.shape.rank() < 1 || b.shape.rank() < 2 {
        return Err(Error::shape("vecmat", format!("{} and {} are no vector and matrix", a.shape, b.shape)));
    }
    fits("vecmat", a, b, a.lengths()[a.shape.rank() - 1], b.lengths()[b.shape.rank() - 2])?;
    let row = build::index(&conjugated(a)?, &[Item::Ellipsis, Item::NewAxis, Item::from(..)])?;
    build::index(&matmul(&row, b)?, &[Item::Ellipsis, Item::from(0), Item::from(..)])
}

/// The Kronecker product: every element of `a` times all of `b`, in the place of that element.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
#[track_caller]
pub fn kron(a: &Expr, b: &Expr) -> Result<Expr> {
    let rank = a.shape.rank().max(b.shape.rank());
    let lengths = |x: &Expr| [vec![1; rank - x.shape.rank()], x.lengths()].concat();
    let (m, n) = (lengths(a), lengths(b));
    // Axes of both in turn: (m0, 1, m1, 1, ..) times (1, n0, 1, n1, ..), and pairs of axes joined.
    let spread = |x: &Expr, lengths: &[usize], first: bool| {
        let pair = |&n: &usize| if first { [n, 1] } else { [1, n] };
        build::reshape(x, &lengths.iter().flat_map(pair).collect::<Vec<_>>())
    };
    let product = times(&spread(a, &m, true)?, &spread(b, &n, false)?)?;
    let joined: Option<Vec<usize>> = m.iter().zip(&n).map(|(&m, &n)| m.checked_mul(n)).collect();
    let Some(joined) = joined else {
        return Err(Error::shape("kron", format!("shapes {} and {} are too large together", a.shape, b.shape)));
    };
    build::reshape(&product, &joined)
}

/// The product of several matrices, the first and the last of which may be vectors, in the order that takes the fewest
/// multiplications, found by dynamic programming over all orders.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for less than two arrays, [`Shape`](crate::ErrorKind::Shape) where they do
/// not multiply.
#[track_caller]
pub fn multi_dot(arrays: &[Expr]) -> Result<Expr> {
    let n = arrays.len();
    if n < 2 {
        return Err(Error::argument("multi_dot", format!("takes two arrays or more, not {n}")));
    }
    for (i, x) in arrays.iter().enumerate() {
        let ends = i == 0 || i == n - 1;
        if !(x.shape.rank() == 2 || ends && x.shape.rank() == 1) {
            let why = format!("array {i} of shape {} is no matrix{}", x.shape, if ends { " or vector" } else { "" });
            return Err(Error::shape("multi_dot", why));
        }
    }
    // Rows of each array, and columns of the last; a vector is a row on the left, a column on the right.
    let last = arrays[n - 1].lengths();
    let mut sides: Vec<usize> = arrays.iter().map(|x| x.lengths()[0]).collect();
    if arrays[0].shape.rank() == 1 {
        sides[0] = 1;
    }
    sides.push(if last.len() == 1 { 1 } else { last[1] });
    for (i, pair) in arrays.windows(2).enumerate() {
        let (columns, rows) = (pair[0].lengths()[pair[0].shape.rank() - 1], sides[i + 1]);
        fits("multi_dot", &pair[0], &pair[1], columns, rows)?;
    }
    chain(arrays, &splits(&sides), 0, n - 1)
}

/// For every run of matrices, `[first][last]`, where to split it; matrix `i` is `sides[i]` by `sides[i + 1]`.
fn splits(sides: &[usize]) -> Vec<Vec<usize>> {
    let n = sides.len() - 1;
    #[expect(clippy::cast_precision_loss, reason = "costs, which only compare")]
    let side = |i: usize| sides[i] as f64;
    let mut costs = vec![vec![0f64; n]; n];
    let mut splits = vec![vec![0; n]; n];
    for length in 1..n {
        for first in 0..n - length {
            let last = first + length;
            let cost = |at: usize| costs[first][at] + costs[at + 1][last] + side(first) * side(at + 1) * side(last + 1);
            let best = (first..last).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(first);
            (costs[first][last], splits[first][last]) = (cost(best), best);
        }
    }
    splits
}

#[track_caller]
fn chain(arrays: &[Expr], splits: &[Vec<usize>], first: usize, last: usize) -> Result<Expr> {
    if first == last {
        return Ok(arrays[first].clone());
    }
    let at = splits[first][last];
    matmul(&chain(arrays, splits, first, at)?, &chain(arrays, splits, at + 1, last)?)
}

/// Square matrices over the last two axes multiplied with themselves, `n - 1` times; their inverses for a negative
/// power.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices; for a negative power those of
/// [`inv`](fn@inv).
#[track_caller]
pub fn matrix_power(a: &Expr, n: isize) -> Result<Expr> {
    let lengths = a.shape.known()?;
    let [.., rows, columns] = lengths[..] else {
        return Err(Error::shape("matrix_power", format!("shape {} is no stack of matrices", a.shape)));
    };
    if rows != columns {
        return Err(Error::shape("matrix_power", format!("shape {} is no stack of square matrices", a.shape)));
    }
    if n < 0 {
        return matrix_power(&inv(a)?, n.checked_neg().unwrap_or(isize::MAX));
    }
    let mut left = n.unsigned_abs();
    if left == 0 {
        let one = eye(rows, rows, 0, a.dtype)?;
        return build::broadcast_to(&one, &Shape::new(&lengths));
    }
    // The powers of two of which n is the sum.
    let (mut square, mut power) = (a.clone(), None);
    loop {
        if left % 2 == 1 {
            power = Some(power.map_or_else(|| Ok(square.clone()), |p| matmul(&p, &square))?);
        }
        left /= 2;
        if left == 0 {
            return power.ok_or_else(|| Error::bug("a power of at least one"));
        }
        square = matmul(&square, &square)?;
    }
}

#[track_caller]
fn times(a: &Expr, b: &Expr) -> Result<Expr> {
    build::element(ElementOp::Multiply, &[Arg::Array(a.clone()), Arg::Array(b.clone())])
}

#[track_caller]
fn conjugated(a: &Expr) -> Result<Expr> {
    if a.dtype.is_complex() { build::element(ElementOp::Conjugate, &[Arg::Array(a.clone())]) } else { Ok(a.clone()) }
}

/// Refuses factors that differ in the axes that are summed over.
fn fits(op: &str, a: &Expr, b: &Expr, m: usize, n: usize) -> Result<()> {
    if m == n {
        return Ok(());
    }
    Err(Error::shape(op, format!("shapes {} and {} do not multiply: {m} and {n} differ", a.shape, b.shape)))
}
