//! Sums of products of two arrays whose axes bear labels: what `tensordot` and `einsum` are made of.
//!
//! Labels that both arrays have are *batch* labels where the result keeps them, and are summed over where it does not;
//! the others are *free*. Where both sides have free axes and there is something to sum over, that is a stack of
//! products of matrices. What is left is a product element by element, with a sum behind it that the reductions take in
//! their stride.

use super::matmul::{drop_axis, matrices, multiplied, total};
use crate::chunk::IndexMap;
use crate::chunk::index_map::AxisMap;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::shape::{Dim, Shape};

/// Rows or columns from which on a product of matrices is worth while as it is; where there are fewer, free axes are
/// reshaped into one.
const LONG: usize = 64;

/// An array, and the labels of its axes, which differ.
#[derive(Debug, Clone)]
pub struct Term {
    /// The array.
    pub expr: Expr,
    /// A label for each axis.
    pub labels: Vec<u32>,
}

impl Term {
    fn len(&self, label: u32) -> usize {
        self.labels.iter().position(|&l| l == label).map_or(1, |axis| self.expr.lengths()[axis])
    }

    fn size(&self, labels: &[u32]) -> usize {
        labels.iter().map(|&l| self.len(l)).product()
    }

    /// The axes in this order, a new one of length 1 for every label that the array has not.
    #[track_caller]
    fn aligned(&self, labels: &[u32]) -> Expr {
        let out = |label: &u32| labels.iter().position(|l| l == label);
        let axes = self.labels.iter().map(|l| AxisMap { out: out(l), offset: 0, stride: 1 }).collect();
        let dim = |&label: &u32| Dim::Known(self.len(label));
        build::view(&self.expr, Shape::from(labels.iter().map(dim).collect::<Vec<_>>()), IndexMap { axes })
    }

    /// The axes in this order, which has each label once.
    #[track_caller]
    #[must_use]
    pub fn ordered(&self, labels: &[u32]) -> Expr {
        if self.labels == labels { self.expr.clone() } else { self.aligned(labels) }
    }

    /// The sum over some of the labels.
    ///
    /// # Errors
    /// None that depends on the data.
    #[track_caller]
    pub fn summed(&self, over: &[u32]) -> Result<Self> {
        if over.is_empty() {
            return Ok(self.clone());
        }
        let axes: Vec<usize> = (0..self.labels.len()).filter(|&a| over.contains(&self.labels[a])).collect();
        let kept: Vec<u32> = self.labels.iter().copied().filter(|l| !over.contains(l)).collect();
        let sum = total(&self.expr, &axes)?;
        Ok(Self { expr: axes.iter().rev().fold(sum, |sum, &axis| drop_axis(&sum, axis)), labels: kept })
    }
}

/// The sum of products of two arrays of one dtype over the labels that `keeps` is false for. Labels that both have have
/// one length.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where axes do not fit together.
#[track_caller]
pub fn contracted(a: &Term, b: &Term, keeps: &dyn Fn(u32) -> bool) -> Result<Term> {
    let lone = |x: &Term, y: &Term| -> Vec<u32> {
        x.labels.iter().copied().filter(|&l| !keeps(l) && !y.labels.contains(&l)).collect()
    };
    let (a, b) = (&a.summed(&lone(a, b))?, &b.summed(&lone(b, a))?);
    let shared = |kept: bool| -> Vec<u32> {
        a.labels.iter().copied().filter(|&l| b.labels.contains(&l) && keeps(l) == kept).collect()
    };
    let free =
        |x: &Term, y: &Term| -> Vec<u32> { x.labels.iter().copied().filter(|l| !y.labels.contains(l)).collect() };
    let (batch, over, rows, columns) = (shared(true), shared(false), free(a, b), free(b, a));
    let elementwise = a.size(&rows) == 1 || b.size(&columns) == 1 || a.size(&over) == 1;
    if over.is_empty() || elementwise {
        let labels = [&batch[..], &rows, &columns, &over].concat();
        let product = Term { expr: multiplied(&a.aligned(&labels), &b.aligned(&labels))?, labels };
        let sum = product.summed(&over)?;
        return Ok(Term { expr: build::cast(&sum.expr, a.expr.dtype)?, labels: sum.labels });
    }
    let (outer_rows, rows) = side(a, &rows);
    let (outer_columns, columns) = side(b, &columns);
    let stack = [&batch[..], &outer_rows, &outer_columns].concat();
    let left = grouped(a, &stack, &rows, &over)?;
    let right = grouped(b, &stack, &over, &columns)?;
    let product = matrices(&left, &right)?;
    let labels = [&stack[..], &rows, &columns].concat();
    let of = |l: &u32| if a.labels.contains(l) { a.len(*l) } else { b.len(*l) };
    let shape: Vec<usize> = labels.iter().map(of).collect();
    Ok(Term { expr: build::reshape(&product, &shape)?, labels })
}

/// The free labels of one side: those that are axes of a stack, and those that together are rows or columns. A long
/// axis is left as it is, since its chunks are good ones; short ones are joined.
fn side(x: &Term, free: &[u32]) -> (Vec<u32>, Vec<u32>) {
    match free.iter().copied().max_by_key(|&l| x.len(l)) {
        Some(longest) if x.len(longest) >= LONG => {
            (free.iter().copied().filter(|&l| l != longest).collect(), vec![longest])
        }
        _ => (Vec::new(), free.to_vec()),
    }
}

/// `x` with the axes of a stack, and two more that hold those of `first` and `second`.
#[track_caller]
fn grouped(x: &Term, stack: &[u32], first: &[u32], second: &[u32]) -> Result<Expr> {
    let all = x.aligned(&[stack, first, second].concat());
    let shape: Vec<usize> = stack.iter().map(|&l| x.len(l)).chain([x.size(first), x.size(second)]).collect();
    build::reshape(&all, &shape)
}

/// Sums of products over the axes `left` of `a` and `right` of `b`, the other axes of `a` first.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the lengths of those axes differ, or one is named twice.
#[track_caller]
pub fn tensordot(a: &Expr, b: &Expr, left: &[usize], right: &[usize]) -> Result<Expr> {
    let (la, lb) = (a.shape.known()?, b.shape.known()?);
    let fits = left.len() == right.len() && left.iter().zip(right).all(|(&i, &j)| la[i] == lb[j]);
    if !fits {
        let why = format!("axes {left:?} of {} and {right:?} of {} differ in length", a.shape, b.shape);
        return Err(Error::shape("tensordot", why));
    }
    let twice = |axes: &[usize]| (1..axes.len()).any(|i| axes[..i].contains(&axes[i]));
    if twice(left) || twice(right) {
        return Err(Error::shape("tensordot", format!("axes {left:?} or {right:?} name one twice")));
    }
    // The axes of a are their own labels; those of b come after them, or are those of a that they meet.
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let of_b = |j: usize| right.iter().position(|&r| r == j).map_or(la.len() + j, |at| left[at]);
    let labels_a: Vec<u32> = (0..la.len()).map(number).collect();
    let labels_b: Vec<u32> = (0..lb.len()).map(|j| number(of_b(j))).collect();
    let kept = |own: &[u32], other: &[u32]| own.iter().copied().filter(|l| !other.contains(l)).collect::<Vec<_>>();
    let out = [kept(&labels_a, &labels_b), kept(&labels_b, &labels_a)].concat();
    let dtype = promote(a.dtype, b.dtype);
    let a = Term { expr: build::cast(a, dtype)?, labels: labels_a };
    let b = Term { expr: build::cast(b, dtype)?, labels: labels_b };
    Ok(contracted(&a, &b, &|l| out.contains(&l))?.ordered(&out))
}
