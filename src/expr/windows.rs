//! Constructors of reductions of windows: boxes side by side, or over each other.

use super::build::{self, index};
use super::compose::{binary, choice, joined, range, reduce_away, without};
use super::deviation;
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use super::programs::numbers_only;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{Params, Reducer, Reduction, of_at_least};
use crate::op::regional::{Regional, Slide, Window, Windows};
use crate::shape::slice::Item;
use crate::shape::{Shape, fits_memory, tuple};
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
    numbers_only(reducer.name, [input])?;
    let lengths = input.shape.known()?;
    if axes.len() != lengths.len() || axes.iter().any(|w| w.len == 0 || w.step == 0) {
        return Err(Error::shape(reducer.name, format!("windows for the axes of {}", input.shape)));
    }
    let op = Windows::new(axes, input.dtype, &input.chunks, reducer);
    let (shape, chunks, dtype) = (Shape::new(&op.counts()), op.chunks(&input.chunks), op.reducer.output());
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Windows(op) };
    Ok(node(kind, dtype, shape, chunks, input.names.clone()))
}

/// Windows of `sizes` that slide along `axes`, one of each for a size, as axes of their own after those of the input.
/// An axis may come several times.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for a window that is longer than what is left of its axis.
#[track_caller]
pub fn slide(input: &Expr, sizes: &[usize], axes: &[usize]) -> Result<Expr> {
    let name = "sliding_window_view";
    if !input.shape.is_known() {
        let (sizes, axes) = (sizes.to_vec(), axes.to_vec());
        return when_known(name, std::slice::from_ref(input), move |e| slide(&e[0], &sizes, &axes));
    }
    let mut left = input.shape.known()?;
    for (&a, &n) in axes.iter().zip(sizes) {
        if n == 0 || n > left[a] {
            let why = format!("a window of {n} along axis {a} of {}", input.shape);
            return Err(Error::shape(name, why));
        }
        left[a] = left[a] + 1 - n;
    }
    let lengths = input.shape.known()?;
    let op = Slide { along: axes.to_vec(), sizes: sizes.to_vec(), lengths, dtype: input.dtype };
    let (shape, chunks) = (op.shape(), op.chunks(&input.chunks));
    fits_memory(name, &shape)?;
    let mut names = input.names.clone();
    if !names.is_empty() {
        names.resize(shape.len(), None);
    }
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Slide(op) };
    Ok(node(kind, input.dtype, Shape::new(&shape), chunks, names))
}

/// A reduction over `axes` (ascending), which stay with length 1. Over all windows that slide along an array, each
/// element is read once and neighbours share what they have in common.
///
/// # Errors
/// What the reduction refuses.
#[track_caller]
pub fn reduce(input: &Expr, reduction: &'static dyn Reduction, axes: &[usize], params: Params) -> Result<Expr> {
    let ExprKind::Regional { inputs, op: Regional::Slide(slide) } = &input.kind else {
        return deviation::reduce(input, reduction, axes, params);
    };
    let (rank, mut sorted) = (slide.lengths.len(), slide.along.clone());
    sorted.sort_unstable();
    sorted.dedup();
    let count: usize = slide.sizes.iter().product();
    let all = axes.iter().copied().eq(rank..rank + slide.along.len()) && sorted.len() == slide.along.len();
    if !all || !reduction.many_axes() || count > LARGEST {
        return deviation::reduce(input, reduction, axes, params);
    }
    let mut windows = vec![Window::ONE; rank];
    slide.along.iter().zip(&slide.sizes).for_each(|(&a, &len)| windows[a] = Window { len, step: 1 });
    let reducer = reduction.reducer(input.dtype, &Params { count, ..params })?;
    let kept = self::windows(&inputs[0], windows, reducer)?;
    let ones = vec![Item::NewAxis; slide.along.len()];
    index(&kept, &[vec![Item::Ellipsis], ones].concat())
}

/// How windows roll over an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// Their length along each axis; each ends at the position of its result.
    pub sizes: Vec<usize>,
    /// How many elements of a window must be there and not NaN for a result.
    pub least: usize,
    /// Whether the position of a result is in the middle of its window.
    pub center: bool,
}

impl Rolling {
    /// `input` as floats, with NaN where windows reach beyond it.
    fn padded(&self, input: &Expr) -> Result<Expr> {
        if self.sizes.len() != input.shape.rank() || self.sizes.contains(&0) {
            let (have, want) = (tuple(&self.sizes), &input.shape);
            return Err(Error::shape("rolling", format!("windows {have} over an array of shape {want}")));
        }
        let dtype = if input.dtype.is_inexact() { input.dtype } else { DType::F64 };
        let mut out = build::cast(input, dtype)?;
        for (axis, &n) in self.sizes.iter().enumerate() {
            let before = if self.center { n / 2 } else { n - 1 };
            let nan = |length: usize| -> Result<Expr> {
                let mut shape = out.shape.known()?;
                shape[axis] = length;
                build::full(&shape, Scalar::Float(f64::NAN), dtype, None)
            };
            let mut parts = vec![out.clone()];
            if before > 0 {
                parts.insert(0, nan(before)?);
            }
            if n - 1 > before {
                parts.push(nan(n - 1 - before)?);
            }
            out = joined(&parts, axis)?;
        }
        Ok(out)
    }

    /// `reduction`, which leaves NaN out, of the windows of `input`: NaN where too few elements are there.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) unless there is a window for each axis; what the reduction refuses.
    #[track_caller]
    pub fn reduce(&self, input: &Expr, reduction: &'static dyn Reduction, params: Params) -> Result<Expr> {
        if !input.shape.is_known() {
            let how = self.clone();
            return when_known("rolling", std::slice::from_ref(input), move |e| how.reduce(&e[0], reduction, params));
        }
        let padded = self.padded(input)?;
        let count = self.sizes.iter().product();
        let reducer = reduction.reducer(padded.dtype, &Params { count, uneven: true, ..params })?;
        // Of no elements these are NaN by themselves.
        let by_itself = matches!(reducer.name, "nanmean" | "nanvar" | "nanstd" | "nanmin" | "nanmax");
        let reducer = if by_itself && self.least == 1 { reducer } else { of_at_least(reducer, self.least)? };
        let axes = self.sizes.iter().map(|&len| Window { len, step: 1 }).collect();
        build::rechunk(&windows(&padded, axes, reducer)?, input.chunks.clone())
    }

    /// What `of`, which leaves NaN out, makes of the windows of `input`, which are the axes that it is given.
    ///
    /// # Errors
    /// As [`reduce`](Self::reduce).
    #[track_caller]
    pub fn apply(&self, input: &Expr, of: impl FnOnce(&Expr, &[usize]) -> Result<Expr>) -> Result<Expr> {
        let axes: Vec<usize> = (0..self.sizes.len()).filter(|&a| self.sizes[a] > 1).collect();
        let axes = if axes.is_empty() { vec![0] } else { axes };
        let sizes: Vec<usize> = axes.iter().map(|&a| self.sizes[a]).collect();
        let rank = input.shape.rank();
        let seen = slide(&self.padded(input)?, &sizes, &axes)?;
        let inner: Vec<usize> = (rank..rank + axes.len()).collect();
        let there = binary(ElementOp::Equal, &seen, &seen)?;
        let counts = reduce_away(&there, "count_nonzero", &inner, None)?;
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let enough = binary(ElementOp::GreaterEqual, &counts, self.least as i64)?;
        let found = of(&seen, &inner)?;
        build::rechunk(&choice(&enough, &found, f64::NAN)?, input.chunks.clone())
    }
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

/// What `of` makes of the parts of `input` that blocks of `sizes` divide: one, or several side by side where the last
/// blocks are shorter.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where a size does not divide its axis and the boundary is exact, or the number of
/// sizes is not the rank; [`Argument`](crate::ErrorKind::Argument) for sizes of 0; what `of` refuses.
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
