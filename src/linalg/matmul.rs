//! Products of matrices and vectors, with NumPy's shapes and dtypes.
//!
//! A product with one row or one column is a sum of products, which the reductions do at the speed of memory;
//! everything else is a contraction.

use crate::chunk::index_map::AxisMap;
use crate::chunk::{Chunks, IndexMap};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::matrices;
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{Params, Reduction, find};
use crate::shape::Shape;

/// `a @ b`: stacks of matrices over the last two axes; a vector is one row on the left, one column on the right.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for scalars, and for shapes that do not multiply.
#[track_caller]
pub fn matmul(a: &Expr, b: &Expr) -> Result<Expr> {
    let (left, right) = (a.shape.known()?, b.shape.known()?);
    if left.is_empty() || right.is_empty() {
        return Err(Error::shape("matmul", format!("{} and {}: a number is no matrix", a.shape, b.shape)));
    }
    let inner = (left[left.len() - 1], right[right.len().saturating_sub(2)]);
    if inner.0 != inner.1 {
        let why = format!("shapes {} and {} do not multiply: {} and {} differ", a.shape, b.shape, inner.0, inner.1);
        return Err(Error::shape("matmul", why));
    }
    let dtype = promote(a.dtype, b.dtype);
    let (a, b) = (build::cast(a, dtype)?, build::cast(b, dtype)?);
    let rows = if left.len() == 1 { insert(&a, 0) } else { a };
    let columns = if right.len() == 1 { insert(&b, 1) } else { b };
    let product = matrices(&rows, &columns)?;
    let rank = product.shape.rank();
    let product = if right.len() == 1 { drop_axis(&product, rank - 1) } else { product };
    Ok(if left.len() == 1 { drop_axis(&product, rank - 2) } else { product })
}

/// The product of stacks of matrices of one dtype.
#[track_caller]
pub(super) fn matrices(a: &Expr, b: &Expr) -> Result<Expr> {
    let (ra, rb) = (a.shape.rank(), b.shape.rank());
    let (rows, columns) = (a.lengths()[ra - 2], b.lengths()[rb - 1]);
    if columns == 1 {
        // (.., m, k) by (.., 1, k), summed over the last axis, which stays as the only column.
        return sum_of_products(a, &swapped(b), 1);
    }
    if rows == 1 {
        // (.., k, 1) by (.., k, n), summed over the last but one.
        return sum_of_products(&swapped(a), b, 2);
    }
    let parts = matrices::contract(a, b)?;
    if parts.lengths()[0] == 1 {
        return Ok(drop_axis(&parts, 0));
    }
    Ok(drop_axis(&total_of_segments(&parts)?, 0))
}

/// The sum of `a * b` over the axis that is `from_end` from the end; it stays.
#[track_caller]
pub(super) fn sum_of_products(a: &Expr, b: &Expr, from_end: usize) -> Result<Expr> {
    let products = multiplied(a, b)?;
    let axis = products.shape.rank() - from_end;
    build::cast(&total(&products, &[axis])?, a.dtype)
}

/// `a * b` in the dtype in which products are added up; whether both are true, for truth values.
#[track_caller]
pub(super) fn multiplied(a: &Expr, b: &Expr) -> Result<Expr> {
    let wide = wider(a.dtype);
    let args = [Arg::Array(build::cast(a, wide)?), Arg::Array(build::cast(b, wide)?)];
    build::element(ElementOp::Multiply, &args)
}

/// The dtype in which products of `dtype` are formed.
pub(super) fn wider(dtype: DType) -> DType {
    if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}

/// The sum over `axes`, which stay, in the dtype of `x`; whether any is true, for truth values.
#[track_caller]
pub(super) fn total(x: &Expr, axes: &[usize]) -> Result<Expr> {
    build::cast(&build::reduce(x, summation(x)?, axes, Params::default())?, x.dtype)
}

/// The sum over the segments of a product; each is a tile, since it has taken long to make.
#[track_caller]
fn total_of_segments(x: &Expr) -> Result<Expr> {
    let mut tiles = Chunks::whole(&x.lengths()).axes().to_vec();
    tiles[0] = x.chunks.axes()[0].clone();
    let sum = build::reduce_in(x, summation(x)?, &[0], Params::default(), Chunks::new(tiles))?;
    build::cast(&sum, x.dtype)
}

fn summation(x: &Expr) -> Result<&'static dyn Reduction> {
    let name = if x.dtype == DType::Bool { "any" } else { "sum" };
    find(name).ok_or_else(|| Error::bug(format!("there is the reduction {name}")))
}

/// NumPy's `dot`: over the last axis of `a` and the last but one of `b`; a product where either is a number.
///
/// # Errors
/// As [`matmul`].
#[track_caller]
pub fn dot(a: &Expr, b: &Expr) -> Result<Expr> {
    let (ra, rb) = (a.shape.rank(), b.shape.rank());
    if ra == 0 || rb == 0 {
        return build::element(ElementOp::Multiply, &[Arg::Array(a.clone()), Arg::Array(b.clone())]);
    }
    if ra <= 2 && rb <= 2 || rb == 1 {
        return matmul(a, b);
    }
    // (i.., j, k) and (l.., k, m) to (i.., j, l.., m): the outer axes of b are new axes of a.
    let outer = rb - 2;
    let a = if ra == 1 { a.clone() } else { (0..outer).fold(a.clone(), |a, _| insert(&a, ra - 2)) };
    let product = matmul(&a, b)?;
    if ra == 1 { Ok(product) } else { moved(&product, ra - 2 + outer, ra - 2) }
}

/// The last two axes exchanged.
fn swapped(x: &Expr) -> Expr {
    let rank = x.shape.rank();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 1, rank - 2);
    build::transpose(x, &order).unwrap_or_else(|_| x.clone())
}

/// The axis `from` at position `to`.
#[track_caller]
fn moved(x: &Expr, from: usize, to: usize) -> Result<Expr> {
    let mut order: Vec<usize> = (0..x.shape.rank()).collect();
    let axis = order.remove(from);
    order.insert(to, axis);
    build::transpose(x, &order)
}

/// A new axis of length 1 at `axis`.
fn insert(x: &Expr, axis: usize) -> Expr {
    let mut map = IndexMap::identity(x.shape.rank());
    for entry in &mut map.axes {
        entry.out = entry.out.map(|o| o + usize::from(o >= axis));
    }
    let mut dims = x.shape.dims().to_vec();
    dims.insert(axis, crate::shape::Dim::Known(1));
    build::view(x, Shape::from(dims), map)
}

/// Without `axis`, which has length 1.
pub(super) fn drop_axis(x: &Expr, axis: usize) -> Expr {
    let mut map = IndexMap::identity(x.shape.rank());
    for (a, entry) in map.axes.iter_mut().enumerate() {
        *entry = match a.cmp(&axis) {
            std::cmp::Ordering::Equal => AxisMap { out: None, offset: 0, stride: 0 },
            std::cmp::Ordering::Greater => AxisMap { out: Some(a - 1), ..*entry },
            std::cmp::Ordering::Less => *entry,
        };
    }
    let mut dims = x.shape.dims().to_vec();
    dims.remove(axis);
    build::view(x, Shape::from(dims), map)
}
