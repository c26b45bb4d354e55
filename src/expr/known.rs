//! What arguments of constructors are, and what is known of them when an expression is built.

use super::node::{Expr, ExprKind};
use crate::chunk::Region;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::program::Inst;

/// An argument of an elementwise operation: an array, or a constant that adapts to the arrays beside it.
#[derive(Debug, Clone)]
pub enum Arg {
    /// An array.
    Array(Expr),
    /// A weak constant.
    Scalar(Scalar),
}

/// How many integers are looked at when an expression is built, at most.
const MOST_LOOKED_AT: usize = 1 << 24;

/// The integers of an array, where it lies in memory or is a constant.
#[must_use]
pub fn known_integers(places: &Expr) -> Option<Vec<i64>> {
    let integer = |s: Scalar| i64::try_from(s.to_i128()).ok();
    if !(places.dtype.is_integer() || places.dtype == DType::Bool) {
        return None;
    }
    match &places.kind {
        ExprKind::Reshape { input, .. } => known_integers(input),
        ExprKind::Source(store) if store.in_memory() => {
            let size = places.dtype.size();
            let region = Region::full(&store.info().shape);
            if region.size() > MOST_LOOKED_AT {
                return None;
            }
            let mut bytes = vec![0; region.size() * size];
            store.read(&region, &mut bytes).ok()?;
            bytes.chunks_exact(size).map(|b| integer(Scalar::from_bytes(places.dtype, b))).collect()
        }
        ExprKind::Elementwise { program, args } if args.is_empty() && places.shape.rank() == 0 => {
            match program.insts.as_slice() {
                [Inst::Const(value, _)] => Some(vec![integer(*value)?]),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The numbers of a real array, where it lies in memory.
#[must_use]
pub fn known_numbers(x: &Expr) -> Option<Vec<f64>> {
    if let Some(integers) = known_integers(x) {
        #[expect(clippy::cast_precision_loss, reason = "as a conversion rounds them")]
        return Some(integers.into_iter().map(|i| i as f64).collect());
    }
    match &x.kind {
        ExprKind::Source(store) if store.in_memory() && x.dtype == DType::F64 => {
            let region = Region::full(&store.info().shape);
            if region.size() > MOST_LOOKED_AT {
                return None;
            }
            let mut numbers = vec![0.0; region.size()];
            store.read(&region, bytemuck::cast_slice_mut(&mut numbers)).ok()?;
            Some(numbers)
        }
        _ => None,
    }
}

/// Refuses places that are known and not on an axis of length `n`.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) with the place, the axis and its length.
pub fn check_places(places: &Expr, axis: usize, n: usize) -> Result<()> {
    let Some(known) = known_integers(places) else { return Ok(()) };
    let n = i128::try_from(n).unwrap_or(i128::MAX);
    match known.iter().find(|&&at| !(-n..n).contains(&i128::from(at))) {
        None => Ok(()),
        Some(at) => Err(Error::index(format!("index {at} is out of bounds for axis {axis} with size {n}"))),
    }
}

/// The answer of a comparison of integers with one that their dtype does not hold, which is the same everywhere.
pub(super) fn comparison(op: ElementOp, args: &[Arg]) -> Option<(&Expr, bool)> {
    let (input, value, less) = match args {
        [Arg::Array(e), Arg::Scalar(Scalar::Int(n))] => (e, *n, true),
        [Arg::Scalar(Scalar::Int(n)), Arg::Array(e)] => (e, *n, false),
        _ => return None,
    };
    if !input.dtype.is_integer() || Scalar::Int(value).fits(input.dtype) {
        return None;
    }
    // Whether the left side is the smaller one.
    let less = less == (value > 0);
    let answer = match op {
        ElementOp::Less | ElementOp::LessEqual => less,
        ElementOp::Greater | ElementOp::GreaterEqual => !less,
        ElementOp::Equal => false,
        ElementOp::NotEqual => true,
        _ => return None,
    };
    Some((input, answer))
}
