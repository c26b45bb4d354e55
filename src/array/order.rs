//! Elements in order: sorted, the positions that sort them, the largest ones.

use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::pending::when_known;
use crate::expr::regions;
use crate::op::regional::{End, LineOp};
use crate::shape::axes::Axes;
use crate::shape::slice::Item;

/// `op` along one axis of `x`, which keeps its length.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis.
#[track_caller]
pub fn along(x: &Expr, op: LineOp, axis: &Axes) -> Result<Expr> {
    let at = one(op.name(), x, axis)?;
    when_known(op.name(), std::slice::from_ref(x), move |e| regions::lines(e, op.clone(), at, e[0].shape.known()?[at]))
}

/// The one axis that `axis` is.
fn one(op: &str, x: &Expr, axis: &Axes) -> Result<usize> {
    let axes = axis.resolve(op, x.shape.rank(), &x.names)?;
    match axes.as_slice() {
        [axis] => Ok(*axis),
        _ => Err(Error::axis(op, format!("goes along one axis, not {} of {}", axes.len(), x.shape))),
    }
}

/// `x` with the elements at the positions `kth` where sorting puts them, smaller ones before them and larger ones
/// after, or the positions of such elements. All of the line is in order, so that nothing depends on how elements are
/// found.
///
/// # Errors
/// As [`along`]; [`Argument`](crate::ErrorKind::Argument) for a position that is not there.
#[track_caller]
pub fn partition(x: &Expr, kth: &[isize], op: LineOp, axis: &Axes) -> Result<Expr> {
    let name = if op == LineOp::Sort { "partition" } else { "argpartition" };
    let shape = x.shape.known()?;
    let length = shape[one(name, x, axis)?];
    let outside = |k: &&isize| !(-length.cast_signed()..length.cast_signed()).contains(*k);
    if let Some(k) = kth.iter().find(outside).filter(|_| !shape.contains(&0)) {
        return Err(Error::argument(name, format!("position {k} is out of bounds for lines of {length} elements")));
    }
    along(x, op, axis)
}

/// The `k` largest elements along an axis, or for a negative `k` so many smallest ones, beginning with the most
/// extreme; all of them where there are fewer. With `positions`, where they are.
///
/// # Errors
/// As [`along`].
#[track_caller]
pub fn topk(x: &Expr, k: isize, axis: &Axes, positions: bool) -> Result<Expr> {
    let end = if k < 0 { End::First } else { End::Last };
    let op = if positions { LineOp::Argtop(end) } else { LineOp::Top(end) };
    let at = one(op.name(), x, axis)?;
    when_known(op.name(), std::slice::from_ref(x), move |e| {
        let out = k.unsigned_abs().min(e[0].shape.known()?[at]);
        match rows(&e[0], at, out).filter(|_| !positions) {
            Some(row) => top_of_rows(&e[0], &op, at, (row, out)),
            None => regions::lines(e, op.clone(), at, out),
        }
    })
}

/// The length of the rows of which each may give its `out` most extreme elements first: chunks along an axis that has
/// several, each much longer than what is left of it.
fn rows(x: &Expr, axis: usize, out: usize) -> Option<usize> {
    const MUCH: usize = 16;
    const SHORTEST: usize = 1 << 16;
    let cuts = &x.chunks.axes()[axis];
    let chunk = cuts.longest().max(1);
    let row = chunk * SHORTEST.div_ceil(chunk);
    (cuts.len() >= 2 * row && row >= MUCH * out && out > 0).then_some(row)
}

/// The most extreme elements of those of rows, which lie side by side along `axis`: rows are searched by themselves, so
/// by all threads, and none of them is held.
fn top_of_rows(x: &Expr, op: &LineOp, axis: usize, (row, out): (usize, usize)) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let whole = lengths[axis] / row * row;
    let part = |from: usize, to: usize| {
        let mut items = vec![Item::from(..); lengths.len()];
        items[axis] = Item::from(from.cast_signed()..to.cast_signed());
        build::index(x, &items)
    };
    let (mut apart, mut joined) = (lengths.clone(), lengths.clone());
    apart.splice(axis..=axis, [whole / row, row]);
    joined[axis] = whole / row * out;
    let of_rows = regions::lines(&[build::reshape(&part(0, whole)?, &apart)?], op.clone(), axis + 1, out)?;
    let mut found = vec![build::reshape(&of_rows, &joined)?];
    let rest = lengths[axis] - whole;
    if rest > 0 {
        found.push(regions::lines(&[part(whole, lengths[axis])?], op.clone(), axis, rest.min(out))?);
    }
    regions::lines(&[build::concatenate(&found, axis)?], op.clone(), axis, out)
}

/// The positions along an axis of the elements in the order of the last of `keys`, of equal ones in that of the key
/// before.
///
/// # Errors
/// As [`along`]; [`Shape`](crate::ErrorKind::Shape) where keys differ in shape or there are none.
#[track_caller]
pub fn lexsort(keys: &[Expr], axis: &Axes) -> Result<Expr> {
    let op = LineOp::Lexsort(keys.iter().map(|k| k.dtype).collect());
    let Some(first) = keys.first() else {
        return Err(Error::shape("lexsort", "needs a key"));
    };
    let at = one("lexsort", first, axis)?;
    regions::lines(keys, op, at, first.shape.known()?[at])
}

/// As complex numbers, in ascending order along the last axis.
///
/// # Errors
/// As [`along`].
#[track_caller]
pub fn sort_complex(x: &Expr) -> Result<Expr> {
    let narrow = matches!(x.dtype, DType::I8 | DType::I16 | DType::U8 | DType::U16 | DType::C64);
    let complex = build::cast(x, if narrow { DType::C64 } else { DType::C128 })?;
    along(&complex, LineOp::Sort, &Axes::from(-1))
}

impl<T: Kind> Array<T> {
    /// The elements in ascending order along an axis: NaN last, complex numbers by real part, then by imaginary part.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3_i32, 1, 2]).into_dyn())?;
    /// assert_eq!(cx.compute(x.sort(0))?.as_slice().unwrap(), &[1, 2, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sort(&self, axis: impl Into<Axes>) -> Self {
        Self::of(done(along(self.expr(), LineOp::Sort, &axis.into())))
    }

    /// The positions along an axis of the elements in ascending order; of equal ones, the first comes first.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3_i32, 1, 2]).into_dyn())?;
    /// assert_eq!(cx.compute(x.argsort(0))?.as_slice().unwrap(), &[1, 2, 0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argsort(&self, axis: impl Into<Axes>) -> Array<T::Position> {
        Array::of(done(along(self.expr(), LineOp::Argsort, &axis.into())))
    }

    /// The elements along an axis with those at the positions `kth` where sorting puts them, smaller ones before and
    /// larger ones after them.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[9_i32, 3, 5, 1]).into_dyn())?;
    /// assert_eq!(cx.compute(x.partition(&[1], 0))?[[1]], 3);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn partition(&self, kth: &[isize], axis: impl Into<Axes>) -> Self {
        Self::of(done(partition(self.expr(), kth, LineOp::Sort, &axis.into())))
    }

    /// The positions along an axis of the elements as [`Array::partition`] puts them.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[9_i32, 3, 5, 1]).into_dyn())?;
    /// assert_eq!(cx.compute(x.argpartition(&[-1], 0))?[[3]], 0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argpartition(&self, kth: &[isize], axis: impl Into<Axes>) -> Array<T::Position> {
        Array::of(done(partition(self.expr(), kth, LineOp::Argsort, &axis.into())))
    }

    /// The `k` largest elements along an axis in descending order, or for a negative `k` so many smallest ones in
    /// ascending order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[9_i32, 3, 5, 1]).into_dyn())?;
    /// let (largest, smallest) = cx.compute((x.topk(2, 0), x.topk(-2, 0)))?;
    /// assert_eq!(largest.as_slice().unwrap(), &[9, 5]);
    /// assert_eq!(smallest.as_slice().unwrap(), &[1, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn topk(&self, k: isize, axis: impl Into<Axes>) -> Self {
        Self::of(done(topk(self.expr(), k, &axis.into(), false)))
    }

    /// The positions along an axis of the elements that [`Array::topk`] gives.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[9_i32, 3, 5, 1]).into_dyn())?;
    /// assert_eq!(cx.compute(x.argtopk(2, 0))?.as_slice().unwrap(), &[0, 2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argtopk(&self, k: isize, axis: impl Into<Axes>) -> Array<T::Position> {
        Array::of(done(topk(self.expr(), k, &axis.into(), true)))
    }

    /// The positions along an axis of the elements in the order of the last of `keys`, of equal ones in that of the key
    /// before.
    ///
    /// ```
    /// # use hyperslab::{Array, Context};
    /// # let cx = Context::default();
    /// let first = cx.from_ndarray(ndarray::arr1(&[3_i32, 1, 2, 1]).into_dyn())?;
    /// let last = cx.from_ndarray(ndarray::arr1(&[0_i32, 1, 0, 1]).into_dyn())?;
    /// assert_eq!(cx.compute(Array::lexsort(&[first, last], 0)?)?.as_slice().unwrap(), &[2, 0, 1, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`lexsort`].
    #[track_caller]
    pub fn lexsort(keys: &[Self], axis: impl Into<Axes>) -> Result<Array<T::Position>> {
        let keys: Vec<Expr> = keys.iter().map(|k| k.expr().clone()).collect();
        Ok(Array::of(lexsort(&keys, &axis.into())?))
    }

    /// As complex numbers, in ascending order along the last axis.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3.0, 1.0]).into_dyn())?;
    /// assert_eq!(cx.compute(x.sort_complex())?.to_ndarray::<num_complex::Complex64>()?[[0]].re, 1.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sort_complex(&self) -> Array {
        Array::of(done(sort_complex(self.expr())))
    }
}
