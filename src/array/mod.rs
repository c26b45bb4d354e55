//! The public face: [`Array`], by topic. No algorithm lives here; every method builds an expression.
//!
//! `kinds.rs` says which types follow from which, `creation.rs` makes arrays, `cf.rs` decodes stored ones,
//! `coordinates.rs` says where their positions are and `time.rs` when, `many.rs` opens many files as one, `regrid.rs`
//! moves them to other grids, `random.rs` and `sampling.rs` make random ones, `operators.rs` and `elementwise.rs`
//! combine them, `indexing.rs` and `manipulation.rs` look at them differently, `reduction.rs` reduces them, `scan.rs`
//! has running results, `order.rs` sorts, `fft.rs` transforms, `groups.rs` reduces group by group (`resample.rs` by
//! `periods.rs` of time), `windows.rs` block by block (`pyramid.rs` again and again), `weighted.rs` with weights,
//! `masked.rs` without some elements, `stats.rs` has tests of hypotheses, `polynomials.rs` fits, `tapers.rs` weights,
//! `bits.rs` packs, `ndimage.rs` filters, `products.rs` multiplies them, `diagonals.rs`, `linalg.rs`, `solve.rs` and
//! `spectra.rs` are about matrices, `blocks.rs` maps user functions, `functions.rs` those that see more, `update.rs`
//! writes into arrays that exist, `compute.rs` runs what was asked for, `stream.rs` chunk after chunk.

use crate::chunk::Chunks;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::times::ticks;
use crate::expr::{Expr, Name};
use crate::shape::Shape;
use std::fmt;
use std::marker::PhantomData;

mod sketch;
pub mod kinds;
pub mod creation;
pub mod periods;
pub mod cf;
pub mod time;
pub mod coordinates;
mod columns;
pub mod many;
pub mod regrid;
pub mod random;
pub mod operators;
pub mod elementwise;
pub mod floats;
pub mod equality;
pub mod choices;
pub mod indexing;
pub mod manipulation;
pub mod reduction;
pub mod selected;
pub mod scan;
pub mod order;
pub mod lookup;
pub mod histogram;
pub mod calculus;
pub mod statistics;
pub mod signal;
pub mod polynomials;
pub mod tapers;
pub mod fft;
pub mod assign;
pub mod places;
pub mod bits;
pub mod sets;
pub mod quantile;
pub mod edits;
pub mod positions;
pub mod padding;
pub mod ndimage;
pub mod groups;
pub mod resample;
pub mod windows;
pub mod pyramid;
pub mod weighted;
pub mod masked;
pub mod stats;
pub mod products;
pub mod diagonals;
pub mod linalg;
pub mod spectra;
pub mod solve;
pub mod sampling;
pub mod blocks;
pub mod functions;
mod update;
pub mod compute;
pub mod stream;

pub use kinds::{Dyn, Kind};
pub use random::Rng;

/// A lazy array: a handle on an immutable expression. Cloning is free; nothing runs until
/// [`Context::compute`](crate::Context::compute).
///
/// `Array<f32>` knows its element type when it is compiled, `Array` (that is, `Array<Dyn>`) when it runs. Typed arrays
/// combine with the same type and with constants; `Dyn` arrays with anything, by NumPy's promotion.
///
/// ```
/// use hyperslab::Context;
/// let cx = Context::default();
/// let x = cx.linspace(0.0, 1.0, 5)?;
/// let y = &x * 2.0 - x.mean(..);
/// assert_eq!(cx.compute(y)?.as_slice().unwrap(), &[-0.5, 0.0, 0.5, 1.0, 1.5]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
pub struct Array<T: Kind = Dyn> {
    expr: Expr,
    kind: PhantomData<fn() -> T>,
}

impl<T: Kind> Array<T> {
    /// A handle on `expr`, whose dtype is that of `T`.
    pub(crate) fn of(expr: Expr) -> Self {
        debug_assert!(T::KNOWN.is_none_or(|d| d == expr.dtype), "{} for {:?}", expr.dtype, T::KNOWN);
        Self { expr, kind: PhantomData }
    }

    /// The expression behind the array.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.expr.dtype
    }

    /// The lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.expr.shape
    }

    /// The number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.expr.shape.rank()
    }

    /// The logical chunks.
    #[must_use]
    pub fn chunks(&self) -> &Chunks {
        &self.expr.chunks
    }

    /// Dimension names; empty when there are none.
    #[must_use]
    pub fn names(&self) -> &[Option<Name>] {
        &self.expr.names
    }

    /// The same array with its element type left to run time.
    #[must_use]
    pub fn into_dyn(self) -> Array {
        Array::of(self.expr)
    }

    /// Every element converted to `U`: integers wrap, floats truncate towards zero, complex numbers lose their
    /// imaginary part, dates and lengths of time are what they count.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(0.0, 3.5, 3)?.cast::<i32>();
    /// assert_eq!(cx.compute(x)?.as_slice().unwrap(), &[0, 1, 3]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cast<U: Kind>(&self) -> Array<U> {
        match U::KNOWN {
            Some(dtype) => Array::of(done(build::cast(&ticks(&self.expr), dtype))),
            None => Array::of(self.expr.clone()),
        }
    }

    /// The same array, known to hold elements of `U`.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) when it holds others.
    pub fn try_typed<U: Kind>(&self) -> Result<Array<U>> {
        match U::KNOWN {
            Some(dtype) if dtype != self.dtype() || self.expr.time.is_some() => {
                Err(Error::dtype("try_typed", format!("the array holds {}, not {dtype}", self.expr.type_name())))
            }
            _ => Ok(Array::of(self.expr.clone())),
        }
    }
}

impl Array {
    /// An array over `expr`.
    #[must_use]
    pub fn from_expr(expr: Expr) -> Self {
        Self::of(expr)
    }

    /// Every element converted to a dtype given at run time.
    #[track_caller]
    #[must_use]
    pub fn astype(&self, dtype: DType) -> Self {
        Self::of(done(build::cast(&ticks(&self.expr), dtype)))
    }
}

impl<T: Kind> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self::of(self.expr.clone())
    }
}

impl<T: Kind> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: Kind> fmt::Display for Array<T> {
    /// Dtype, shape, chunks and bytes: `Array(float32, (365, 180), chunks (73, 180), 5 chunks, 257 KiB)`. The alternate
    /// form draws the grid of chunks below.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.zeros::<f32>(&[5, 8])?.rechunk(&[3, 4]);
    /// let text = "\
    /// Array(float32, (5, 8), chunks (3, 4), 4 chunks, 160 B)
    ///     4   4
    ///   ┌───┬───┐
    /// 3 │   │   │
    ///   ├───┼───┤
    /// 2 │   │   │
    ///   └───┴───┘";
    /// assert_eq!(format!("{x:#}"), text);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = crate::shape::checked_size(&self.shape().max()).unwrap_or(usize::MAX);
        let bytes = crate::error::Bytes((elements as u64).saturating_mul(self.dtype().size() as u64));
        let (dtype, shape, chunks, n) = (self.expr.type_name(), self.shape(), self.chunks(), self.chunks().count());
        write!(f, "Array({dtype}, {shape}, chunks {chunks}, {n} chunk{}, {bytes})", if n == 1 { "" } else { "s" })?;
        match sketch::sketch(chunks).as_str() {
            drawn if f.alternate() && !drawn.is_empty() => write!(f, "\n{drawn}"),
            _ => Ok(()),
        }
    }
}

/// The other side of an operation: an array of the same kind, or a constant.
#[derive(Debug, Clone)]
pub struct Operand<T: Kind> {
    arg: Arg,
    kind: PhantomData<fn() -> T>,
}

impl<T: Kind> Operand<T> {
    fn of(arg: Arg) -> Self {
        Self { arg, kind: PhantomData }
    }

    /// The argument as builders take it.
    pub(crate) fn arg(&self) -> &Arg {
        &self.arg
    }
}

impl<T: Kind> From<&Array<T>> for Operand<T> {
    fn from(array: &Array<T>) -> Self {
        Self::of(Arg::Array(array.expr.clone()))
    }
}

impl<T: Kind> From<Array<T>> for Operand<T> {
    fn from(array: Array<T>) -> Self {
        Self::of(Arg::Array(array.expr))
    }
}

/// What a typed array does not take silently: a constant of a higher kind than its elements.
impl<T: Kind, S: Into<Scalar> + Copy> From<S> for Operand<T>
where
    S: kinds::Constant,
{
    fn from(value: S) -> Self {
        Self::of(Arg::Scalar(value.into()))
    }
}

/// The value, or a panic with the error's text at the caller: the contract of operators and sugar, whose `try_` twins
/// return it.
#[track_caller]
pub(crate) fn done<T>(outcome: Result<T>) -> T {
    match outcome {
        Ok(value) => value,
        #[expect(clippy::panic, reason = "ndarray's contract for programmer errors")]
        Err(error) => panic!("{error}"),
    }
}
