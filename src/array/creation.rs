//! Arrays from nothing, from memory and from files.

use super::{Array, Dyn, Kind};
use crate::chunk::{AUTO, auto};
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{as_axis, binary, choice};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{Params, find};
use crate::runtime::context::Context;
use crate::shape::axes::position;
use crate::store::binary::{self, Raw};
use crate::store::{self, memory::MemoryStore};
use bytemuck::NoUninit;
use ndarray::Dimension;
use std::path::Path;
use std::sync::Arc;

impl Context {
    /// The array at `path`, which may run through a container: `data/x.zarr/group/array`, `data/x.h5/dataset`, `x.npy`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when nothing is there or it cannot be read.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Array> {
        Ok(Array::of(build::source(store::open(path)?)))
    }

    /// The array in a file without a header, which is what `raw` says; see [`Raw`].
    ///
    /// ```
    /// # use hyperslab::{Context, dtype::DType, store::binary::Raw};
    /// # let cx = Context::default();
    /// # let path = std::env::temp_dir().join(format!("raw-{}.bin", std::process::id()));
    /// std::fs::write(&path, [1u8, 2, 3, 4, 5, 6])?;
    /// let columns = cx.open_raw(&path, &Raw::new(DType::U8, [2, 3]).fortran(true))?;
    /// assert_eq!(cx.compute(columns.max(1))?.to_ndarray::<u8>()?.as_slice(), Some(&[5, 6][..]));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it is not there, or too short.
    #[track_caller]
    pub fn open_raw(&self, path: impl AsRef<Path>, raw: &Raw) -> Result<Array> {
        Ok(Array::of(build::source(binary::open(path, raw)?)))
    }

    /// An ndarray of any rank as an array; C-ordered ones are not copied. [`Array::from`] does the same.
    ///
    /// ```
    /// # use hyperslab::{Array, Context};
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[1.0f64, 2.0], [3.0, 4.0]])?;
    /// assert_eq!(cx.compute(x.sum(0))?.as_slice().unwrap(), &[4.0, 6.0]);
    /// let rows = ndarray::array![1, 2, 3, 4].slice_move(ndarray::s![1..3]);
    /// assert_eq!(cx.compute(Array::from(rows))?.as_slice().unwrap(), &[2, 3]);
    /// let mask = Array::from(ndarray::array![true, false, true]);
    /// assert_eq!(cx.compute(mask.count_nonzero(..))?[[]], 2);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// None for arrays that fit in memory.
    #[track_caller]
    pub fn from_ndarray<T: Element + Kind + NoUninit>(
        &self,
        array: ndarray::Array<T, impl Dimension>,
    ) -> Result<Array<T>> {
        of_ndarray(array)
    }

    /// An array of zeros, in chunks chosen for it.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when its size overflows.
    #[track_caller]
    pub fn zeros<T: Element + Kind>(&self, shape: &[usize]) -> Result<Array<T>> {
        Ok(Array::of(build::full(shape, Scalar::Int(0), T::DTYPE, None)?))
    }

    /// An array of ones, in chunks chosen for it.
    ///
    /// # Errors
    /// As [`Context::zeros`].
    #[track_caller]
    pub fn ones<T: Element + Kind>(&self, shape: &[usize]) -> Result<Array<T>> {
        Ok(Array::of(build::full(shape, Scalar::Int(1), T::DTYPE, None)?))
    }

    /// An array that holds `value` everywhere, in chunks chosen for it.
    ///
    /// # Errors
    /// As [`Context::zeros`].
    #[track_caller]
    pub fn full<T: Element + Kind + Into<Scalar>>(&self, shape: &[usize], value: T) -> Result<Array<T>> {
        Ok(Array::of(build::full(shape, value.into(), T::DTYPE, None)?))
    }

    /// `0, 1, ..., n - 1`.
    ///
    /// # Errors
    /// None for lengths that fit.
    #[track_caller]
    pub fn arange(&self, n: usize) -> Result<Array<i64>> {
        Ok(Array::of(build::iota(n, None)))
    }

    /// `n` numbers from `start` to `stop`, evenly spaced, both ends included.
    ///
    /// # Errors
    /// None for lengths that fit.
    #[track_caller]
    pub fn linspace(&self, start: f64, stop: f64, n: usize) -> Result<Array<f64>> {
        Ok(Array::of(linspace(start, stop, n, true, None)?))
    }
}

impl<T: Element + Kind + NoUninit, D: Dimension> From<ndarray::Array<T, D>> for Array<T> {
    #[track_caller]
    fn from(array: ndarray::Array<T, D>) -> Self {
        super::done(of_ndarray(array))
    }
}

#[track_caller]
fn of_ndarray<T: Element + Kind + NoUninit>(array: ndarray::Array<T, impl Dimension>) -> Result<Array<T>> {
    let shape = array.shape().to_vec();
    let array = if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() };
    let n = array.len();
    let (mut values, offset) = array.into_raw_vec_and_offset();
    if values.len() > n {
        // What is left of an array that was sliced in place.
        let first = offset.unwrap_or(0);
        values = values[first..first + n].to_vec();
    }
    let block = Block::from_vec(values, &shape)?;
    Ok(Array::of(in_memory(block)))
}

/// An array over a block in memory.
#[track_caller]
pub(crate) fn in_memory(block: Block) -> Expr {
    let chunks = auto::auto(block.shape(), block.dtype().size());
    build::source(Arc::new(MemoryStore::new(Data::shared(block), chunks)))
}

/// Places in memory.
#[track_caller]
pub(crate) fn list(places: Vec<i64>) -> Result<Expr> {
    let n = places.len();
    Ok(in_memory(Block::from_vec(places, &[n])?))
}

/// `start, start + step, ...` below `stop`, in `dtype`, as NumPy's `arange`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) when the step is 0 or the length overflows.
#[track_caller]
pub fn arange(start: Scalar, stop: Scalar, step: Scalar, dtype: Option<DType>, chunks: Option<usize>) -> Result<Array> {
    let whole = [start, stop, step].iter().all(|s| matches!(s, Scalar::Int(_) | Scalar::Bool(_)));
    let n = if whole {
        let (a, b, d) = (start.to_i128(), stop.to_i128(), step.to_i128());
        if d == 0 {
            return Err(Error::argument("arange", "the step cannot be 0"));
        }
        let span = if d > 0 { b - a } else { a - b };
        usize::try_from((span.max(0) + d.abs() - 1) / d.abs())
    } else {
        let length = ((stop.to_f64() - start.to_f64()) / step.to_f64()).ceil();
        if !length.is_finite() || length > 9e15 {
            return Err(Error::argument("arange", format!("from {start} to {stop} by {step} has no length")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
        Ok(length.max(0.0) as usize)
    };
    let n = n.map_err(|_| Error::argument("arange", "is too long"))?;
    let natural = if whole { DType::I64 } else { DType::F64 };
    let dtype = dtype.unwrap_or(natural);
    let index = build::iota(n, chunks);
    let delta = match (start, step) {
        (Scalar::Int(_) | Scalar::Bool(_), Scalar::Int(_) | Scalar::Bool(_)) => Scalar::Int(step.to_i128()),
        // NumPy fills from the first two elements, so the difference is the rounded one.
        _ => Scalar::Float((start.to_f64() + step.to_f64()) - start.to_f64()),
    };
    let expr = build::compose_typed("arange", &[Arg::Array(index)], &[None], |p, v| {
        let (i, d, s) = (p.cast(v[0], natural), p.constant(delta, natural), p.constant(start, natural));
        let scaled = p.op(ElementOp::Multiply, &[i, d])?;
        let value = p.op(ElementOp::Add, &[scaled, s])?;
        Ok(p.cast(value, dtype))
    })?;
    Ok(Array::of(expr))
}

/// `n` numbers from `start` to `stop`, evenly spaced; the end is included when `endpoint`.
///
/// # Errors
/// None for lengths that fit.
#[track_caller]
#[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
pub(crate) fn linspace(start: f64, stop: f64, n: usize, endpoint: bool, chunks: Option<usize>) -> Result<Expr> {
    let gaps = if endpoint { n.saturating_sub(1) } else { n };
    let step = if gaps > 0 { (stop - start) / gaps as f64 } else { f64::NAN };
    build::compose_typed("linspace", &[Arg::Array(build::iota(n, chunks))], &[None], |p, v| {
        let i = p.cast(v[0], DType::F64);
        let s = p.constant(start, DType::F64);
        if gaps == 0 {
            let none = p.constant(0.0, DType::F64);
            let nothing = p.op(ElementOp::Multiply, &[i, none])?;
            return p.op(ElementOp::Add, &[nothing, s]);
        }
        let d = p.constant(step, DType::F64);
        let scaled = p.op(ElementOp::Multiply, &[i, d])?;
        let value = p.op(ElementOp::Add, &[scaled, s])?;
        if !endpoint {
            return Ok(value);
        }
        let last = p.constant(gaps as f64, DType::F64);
        let end = p.op(ElementOp::Equal, &[i, last])?;
        let stop = p.constant(stop, DType::F64);
        Ok(p.select(end, stop, value))
    })
}

/// `n` arrays from `start` to `stop`, of one inexact dtype, evenly spaced along a new axis, and how far apart they are;
/// the end is included when `endpoint`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the ends do not broadcast, [`Axis`](crate::ErrorKind::Axis) for an axis
/// that the result has not.
#[track_caller]
pub(crate) fn linspace_between(
    (start, stop): (&Expr, &Expr),
    n: usize,
    endpoint: bool,
    axis: isize,
) -> Result<[Expr; 2]> {
    let delta = binary(ElementOp::Subtract, stop, start)?;
    let (dtype, rank) = (delta.dtype, delta.shape.rank());
    let axis = position("linspace", axis, rank + 1)?;
    let gaps = if endpoint { n.saturating_sub(1) } else { n };
    let at = as_axis(&build::cast(&build::iota(n, None), dtype)?, 0, rank + 1)?;
    let (scaled, step) = if gaps == 0 {
        (binary(ElementOp::Multiply, &at, &delta)?, build::full(&[], Scalar::Float(f64::NAN), DType::F64, None)?)
    } else {
        #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
        let gaps = gaps as f64;
        let step = binary(ElementOp::Divide, &delta, gaps)?;
        // Where any step is nothing, all are found from how far they have come, as in NumPy.
        let all: Vec<usize> = (0..rank).collect();
        let any = find("any").ok_or_else(|| Error::bug("any is a reduction"))?;
        let none = build::reduce(&binary(ElementOp::Equal, &step, 0)?, any, &all, Params::default())?;
        let come = binary(ElementOp::Multiply, binary(ElementOp::Divide, &at, gaps)?, &delta)?;
        let none = build::reshape(&none, &[])?;
        (choice(&none, &come, binary(ElementOp::Multiply, &at, &step)?)?, step)
    };
    let mut value = binary(ElementOp::Add, &scaled, start)?;
    if endpoint && n > 1 {
        #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
        let last = as_axis(&binary(ElementOp::Equal, build::iota(n, None), gaps as i64)?, 0, rank + 1)?;
        value = choice(&last, stop, &value)?;
    }
    let mut order: Vec<usize> = (1..=rank).collect();
    order.insert(axis, 0);
    Ok([build::transpose(&value, &order)?, step])
}

impl<T: Kind> Array<T> {
    /// Zeros of this shape, chunks and dtype.
    #[track_caller]
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        self.full_like(Scalar::Int(0))
    }

    /// Ones of this shape, chunks and dtype.
    #[track_caller]
    #[must_use]
    pub fn ones_like(&self) -> Self {
        self.full_like(Scalar::Int(1))
    }

    /// `value` everywhere, in this shape, chunks and dtype.
    #[track_caller]
    #[must_use]
    pub fn full_like(&self, value: impl Into<Scalar>) -> Self {
        Self::of(super::done(full_like(self.expr(), value.into(), self.dtype())))
    }
}

#[track_caller]
pub(crate) fn full_like(like: &Expr, value: Scalar, dtype: DType) -> Result<Expr> {
    let shape = like.shape.known()?;
    let expr = build::full(&shape, value, dtype, None)?;
    if like.chunks == expr.chunks {
        return Ok(expr);
    }
    Ok(Expr::new(crate::expr::Node {
        kind: expr.kind.clone(),
        dtype,
        time: None,
        shape: expr.shape.clone(),
        chunks: like.chunks.clone(),
        names: like.names.clone(),
        scalars: like.scalars.clone(),
        site: expr.site.clone(),
    }))
}

impl Array<Dyn> {
    /// `value` everywhere, as `dtype`, in chunks of this shape (chosen where absent).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) or [`Chunks`](crate::ErrorKind::Chunks).
    #[track_caller]
    pub fn filled(shape: &[usize], value: Scalar, dtype: DType, chunks: Option<&[usize]>) -> Result<Self> {
        Ok(Self::of(build::full(shape, value, dtype, chunks)?))
    }
}

/// The lengths of the chunks of an array of this shape, where -1 takes a whole axis, and axes of length [`AUTO`] share
/// what is left; what [`Array::rechunk`] accepts.
///
/// # Errors
/// [`Chunks`](crate::ErrorKind::Chunks) for a wrong rank or another length below 1.
pub(crate) fn chunk_lengths(shape: &[usize], chunk: &[isize], dtype: DType) -> Result<Vec<usize>> {
    if chunk.len() != shape.len() {
        return Err(Error::chunks(format!("{} lengths for rank {}", chunk.len(), shape.len())));
    }
    if let Some(c) = chunk.iter().find(|&&c| c < 1 && c != -1 && c != AUTO) {
        return Err(Error::chunks(format!("a chunk cannot be {c} long")));
    }
    Ok(auto::fit(shape, chunk, dtype.size(), auto::AUTO_CHUNK_BYTES))
}
