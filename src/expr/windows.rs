//! Constructors of reductions of windows: boxes side by side, or over each other.

use super::build::{self, index};
use super::compose::{range, without};
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use crate::error::{Error, Result};
use crate::op::reduction::{Params, Reducer, Reduction};
use crate::op::regional::{Regional, Window, Windows};
use crate::shape::Shape;
use crate::shape::slice::Item;
use std::sync::Arc;

/// Elements of a window that is read at once, at most; larger ones are reduced tile by tile.
const LARGEST: usize = 1 << 20;

/// What becomes of positions at the end of an axis that do not fill a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Boundary {
    /// There are none: windows that do not divide the axis are an error.
    #[default]
    Exact,
    /// They are left out.
    Trim,
    /// They are a window of their own, which is shorter.
    Pad,
}

/// `reducer` of the windows of `input`, along each axis; each window lies inside the array.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless there is a window for each axis.
#[track_caller]
pub fn windows(input: &Expr, axes: Vec<Window>, reducer: Reducer) -> Result<Expr> {
    let lengths = input.shape.known()?;
    if axes.len() != lengths.len() || axes.iter().any(|w| w.len == 0 || w.step == 0) {
        return Err(Error::shape(reducer.name, format!("windows for the axes of {}", input.shape)));
    }
    let op = Windows { axes, lengths, dtype: input.dtype, reducer };
    let (shape, chunks, dtype) = (Shape::new(&op.counts()), op.chunks(&input.chunks), op.reducer.output());
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Windows(op) };
    Ok(node(kind, dtype, shape, chunks, input.names.clone()))
}

/// The reduction of blocks of `sizes` neighbours along each axis.
///
/// # Errors
/// As [`divided`], and what the reduction refuses.
#[track_caller]
pub fn coarsen(
    input: &Expr,
    sizes: &[usize],
    reduction: &'static dyn Reduction,
    params: Params,
    boundary: Boundary,
) -> Result<Expr> {
    divided(input, sizes, boundary, Arc::new(move |part, sizes| whole(part, sizes, reduction, params)))
}

/// What `of` makes of blocks that divide an array, of blocks of `sizes` neighbours along each axis.
pub type OfBlocks = Arc<dyn Fn(&Expr, &[usize]) -> Result<Expr> + Send + Sync>;

/// What `of` makes of the parts of `input` that blocks of `sizes` divide: one, or several side by side where the last blocks
/// are shorter.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where a size does not divide its axis and the boundary is exact, or the number of sizes
/// is not the rank; [`Argument`](crate::ErrorKind::Argument) for sizes of 0; what `of` refuses.
#[track_caller]
pub fn divided(input: &Expr, sizes: &[usize], boundary: Boundary, of: OfBlocks) -> Result<Expr> {
    if !input.shape.is_known() {
        let sizes = sizes.to_vec();
        return when_known("coarsen", std::slice::from_ref(input), move |e| {
            divided(&e[0], &sizes, boundary, Arc::clone(&of))
        });
    }
    let input = &fitted(input, sizes, boundary)?;
    let lengths = input.shape.known()?;
    let Some(axis) = (0..sizes.len()).find(|&a| !lengths[a].is_multiple_of(sizes[a])) else {
        return of(input, sizes);
    };
    // The last block along an axis is shorter: an array of its own.
    let cut = lengths[axis] / sizes[axis] * sizes[axis];
    let part = |from: usize, to: usize, size: usize| -> Result<Expr> {
        let mut sizes = sizes.to_vec();
        sizes[axis] = size;
        divided(&range(input, axis, from, to)?, &sizes, boundary, Arc::clone(&of))
    };
    let rest = part(cut, lengths[axis], lengths[axis] - cut)?;
    if cut == 0 { Ok(rest) } else { build::concatenate(&[part(0, cut, sizes[axis])?, rest], axis) }
}

/// `input` as windows of these sizes find it: checked, or cut.
fn fitted(input: &Expr, sizes: &[usize], boundary: Boundary) -> Result<Expr> {
    let lengths = input.shape.known()?;
    if sizes.len() != lengths.len() {
        let why = format!("{} sizes for an array of rank {}", sizes.len(), lengths.len());
        return Err(Error::shape("coarsen", why));
    }
    if let Some(axis) = sizes.iter().position(|&k| k == 0) {
        return Err(Error::argument("coarsen", format!("blocks of 0 along axis {axis}")));
    }
    match (0..sizes.len()).find(|&a| !lengths[a].is_multiple_of(sizes[a])) {
        Some(axis) if boundary == Boundary::Exact => {
            let (n, k) = (lengths[axis], sizes[axis]);
            Err(Error::shape("coarsen", format!("blocks of {k} do not divide axis {axis} of length {n}; trim or pad")))
        }
        Some(_) if boundary == Boundary::Trim => {
            let item = |(&n, &k): (&usize, &usize)| Item::from(..(n / k * k).cast_signed());
            index(input, &lengths.iter().zip(sizes).map(item).collect::<Vec<_>>())
        }
        _ => Ok(input.clone()),
    }
}

/// Blocks that divide the array.
fn whole(input: &Expr, sizes: &[usize], reduction: &'static dyn Reduction, params: Params) -> Result<Expr> {
    let count = sizes.iter().product();
    if count == 1 || count > LARGEST || !reduction.many_axes() {
        return reduced(input, sizes, reduction, params);
    }
    let reducer = reduction.reducer(input.dtype, &Params { count, ..params })?;
    windows(input, sizes.iter().map(|&k| Window { len: k, step: k }).collect(), reducer)
}

/// The same as a reduction over axes of their own.
fn reduced(input: &Expr, sizes: &[usize], reduction: &'static dyn Reduction, params: Params) -> Result<Expr> {
    let (apart, axes) = apart(input, sizes)?;
    without(&build::reduce(&apart, reduction, &axes, params)?, &axes)
}

/// Every axis that blocks are longer than 1 along as two: blocks, and positions in them; and which axes these are.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where a size does not divide its axis.
#[track_caller]
pub fn apart(input: &Expr, sizes: &[usize]) -> Result<(Expr, Vec<usize>)> {
    let lengths = input.shape.known()?;
    let (mut shape, mut axes) = (Vec::new(), Vec::new());
    for (&n, &k) in lengths.iter().zip(sizes) {
        shape.push(n / k.max(1));
        if k > 1 {
            axes.push(shape.len());
            shape.push(k);
        }
    }
    // Where no block holds several elements, one axis stands for what is in them.
    if axes.is_empty() {
        axes.push(shape.len());
        shape.push(1);
    }
    Ok((build::reshape(input, &shape)?, axes))
}
