//! Bits of bytes as elements, and back.

use super::manipulation::flip;
use super::places;
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, constant_along, joined, moved, range, reduce_away};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::Axes;

/// Bits of a byte.
const BITS: usize = 8;

impl<T: Kind> Array<T> {
    /// Elements that are not 0 as bits of bytes along an axis, or of all in C order, the first in the highest bit; the
    /// last byte is filled up with 0.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let mask = cx.from_ndarray(ndarray::arr1(&[true, false, true]).into_dyn())?;
    /// let packed = mask.packbits(0);
    /// assert_eq!(cx.compute(packed.clone())?.as_slice().unwrap(), &[0b1010_0000]);
    /// assert_eq!(cx.compute(packed.unpackbits(0))?.as_slice().unwrap(), &[1, 0, 1, 0, 0, 0, 0, 0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn packbits(&self, axis: impl Into<Option<isize>>) -> Array<u8> {
        let axis = self.axis("packbits", axis.into());
        Array::of(done(axis.and_then(|axis| packbits(self.expr(), axis, false))))
    }

    /// The bits of bytes along an axis, or of all in C order, the highest first.
    #[track_caller]
    #[must_use]
    pub fn unpackbits(&self, axis: impl Into<Option<isize>>) -> Array<u8> {
        let axis = self.axis("unpackbits", axis.into());
        Array::of(done(axis.and_then(|axis| unpackbits(self.expr(), axis, None, false))))
    }
}

/// Elements that are not 0 as bits of bytes along an axis, or of all in C order; the first is the highest bit, or the
/// lowest where `little`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for what is neither bool nor integer.
#[track_caller]
pub fn packbits(x: &Expr, axis: Option<usize>, little: bool) -> Result<Expr> {
    if !(x.dtype.is_integer() || x.dtype == DType::Bool) || x.time.is_some() {
        return Err(Error::dtype("packbits", format!("takes booleans and integers, not {}", x.dtype)));
    }
    let (x, axis) = places::along(x, axis)?;
    let last = x.shape.rank() - 1;
    let mut set = moved(&binary(Op::NotEqual, &x, 0)?, axis, last)?;
    let mut shape = set.shape.known()?;
    let bytes = shape[last].div_ceil(BITS);
    if bytes * BITS > shape[last] {
        let more = constant_along(&set, last, bytes * BITS - shape[last], 0, DType::Bool)?;
        set = joined(&[set, more], last)?;
    }
    shape[last] = bytes;
    let each = build::reshape(&set, &[shape, vec![BITS]].concat())?;
    let values = binary(Op::LeftShift, &build::cast(&each, DType::U8)?, &shifts(little)?)?;
    moved(&reduce_away(&values, "sum", &[last + 1], Some(DType::U8))?, last, axis)
}

/// The bits of bytes along an axis, or of all in C order, as `u8`: the first `count`, with 0 behind where there are
/// fewer, or without the last `-count` where that is negative.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for what are no bytes, [`Argument`](crate::ErrorKind::Argument) for a count below
/// that of all bits.
#[track_caller]
pub fn unpackbits(x: &Expr, axis: Option<usize>, count: Option<isize>, little: bool) -> Result<Expr> {
    if x.dtype != DType::U8 {
        return Err(Error::dtype("unpackbits", format!("takes bytes (uint8), not {}", x.dtype)));
    }
    let (x, axis) = places::along(x, axis)?;
    let last = x.shape.rank() - 1;
    let mut shape = x.shape.known()?;
    shape[axis..].rotate_left(1);
    let each = build::reshape(&moved(&x, axis, last)?, &[shape.clone(), vec![1]].concat())?;
    let one = build::full(&[], Scalar::Int(1), DType::U8, None)?;
    let bits = binary(Op::BitwiseAnd, &binary(Op::RightShift, &each, &shifts(little)?)?, &one)?;
    let all = shape[last] * BITS;
    shape[last] = all;
    let mut bits = build::reshape(&bits, &shape)?;
    let wanted = match count {
        None => all,
        Some(n) => match usize::try_from(n) {
            Ok(n) => n,
            Err(_) => all.checked_sub(n.unsigned_abs()).ok_or_else(|| {
                Error::argument("unpackbits", format!("`count` {n} is more than the {all} bits that there are"))
            })?,
        },
    };
    if wanted > all {
        bits = joined(&[bits.clone(), constant_along(&bits, last, wanted - all, 0, DType::U8)?], last)?;
    }
    moved(&range(&bits, last, 0, wanted)?, last, axis)
}

/// How far the bits of a byte are shifted.
fn shifts(little: bool) -> Result<Expr> {
    let upwards = build::cast(&build::iota(BITS, None), DType::U8)?;
    if little { Ok(upwards) } else { flip(&upwards, &Axes::All) }
}
