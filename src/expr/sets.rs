//! Constructors of sets: the distinct elements of arrays, and what two of them have in common.
//!
//! Elements are put in order, and those that differ from the one before are kept.

use super::build::{self, Arg};
use super::compose::running_sum;
use super::lookup::{isin, searchsorted};
use super::node::Expr;
use super::pending::when_known;
use super::regions;
use super::times;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::regional::LineOp;
use crate::shape::size;
use crate::shape::slice::Item;

/// What is asked of the distinct elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    /// The elements in order,
    Values,
    /// the position in C order of the first of each,
    Indices,
    /// for each element of the array, which it is,
    Inverse,
    /// how often there is each.
    Counts,
}

/// The distinct elements of `x` in order, or what else is asked of them; NaN is one element where `equal_nan`, and
/// otherwise each is one.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn unique(x: &Expr, what: Distinct, equal_nan: bool) -> Result<Expr> {
    if let Some(time) = x.time {
        let found = unique(&times::keys(x)?, what, equal_nan)?;
        return if what == Distinct::Values { times::of_keys(&found, time) } else { Ok(found) };
    }
    if what == Distinct::Inverse {
        return inverse(x, equal_nan);
    }
    when_known("unique", std::slice::from_ref(x), move |e| {
        let flat = flat(&e[0])?;
        let n = flat.shape.known()?[0];
        let natural = if what == Distinct::Values { flat.dtype } else { DType::I64 };
        if n == 0 {
            return build::full(&[0], Scalar::Int(0), natural, None);
        }
        let sorted = regions::lines(std::slice::from_ref(&flat), LineOp::Sort, 0, n)?;
        let first = firsts(&sorted, equal_nan)?;
        match what {
            Distinct::Values | Distinct::Inverse => regions::compress(&sorted, &first, 0),
            // Equal elements are in the order in which they come.
            Distinct::Indices => {
                regions::compress(&regions::lines(std::slice::from_ref(&flat), LineOp::Argsort, 0, n)?, &first, 0)
            }
            Distinct::Counts => run_lengths(&first),
        }
    })
}

/// How many there are from each place that is true to the next, for a vector that begins with one.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn run_lengths(first: &Expr) -> Result<Expr> {
    let n = first.shape.known()?[0];
    let starts = regions::compress(&build::iota(n, None), first, 0)?;
    let end = build::full(&[1], Scalar::Int(i128::try_from(n).unwrap_or(i128::MAX)), DType::I64, None)?;
    let next = build::concatenate(&[build::index(&starts, &[Item::from(1..)])?, end], 0)?;
    element(ElementOp::Subtract, &next, &starts)
}

/// Which of the distinct elements each element is: it is found among them.
#[track_caller]
fn inverse(x: &Expr, equal_nan: bool) -> Result<Expr> {
    let values = unique(x, Distinct::Values, equal_nan)?;
    let found = when_known("unique", &[x.clone(), values], |e| {
        let [x, values] = e else { return Err(Error::bug("an array and its elements")) };
        let found = searchsorted(values, x, false, None)?;
        if !x.dtype.is_complex() {
            return Ok(found);
        }
        // Complex numbers with NaN are one, whichever part it is in.
        let last = Scalar::Int(i128::try_from(values.shape.known()?[0]).unwrap_or(i128::MAX) - 1);
        build::element(ElementOp::Minimum, &[Arg::Array(found), Arg::Scalar(last)])
    })?;
    if equal_nan || !x.dtype.is_inexact() {
        return Ok(found);
    }
    // Each NaN is by itself, in the order in which they come.
    when_known("unique", &[x.clone(), found], |e| {
        let [x, found] = e else { return Err(Error::bug("an array and places of its elements")) };
        let lengths = x.shape.known()?;
        let nan = build::element(ElementOp::Isnan, &[Arg::Array(flat(x)?)])?;
        let so_far = running_sum(&nan, 0, Some(DType::I64))?;
        let one = Arg::Scalar(Scalar::Int(1));
        let before = build::element(ElementOp::Subtract, &[Arg::Array(so_far), one])?;
        let more = build::select(&Arg::Array(nan), &Arg::Array(before), &Arg::Scalar(Scalar::Int(0)))?;
        element(ElementOp::Add, found, &build::reshape(&more, &lengths)?)
    })
}

/// The elements that are in `a`, in `b` or in both.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn union1d(a: &Expr, b: &Expr) -> Result<Expr> {
    unique(&both(a, b)?, Distinct::Values, true)
}

/// The elements that are in `a` and in `b`, in order, and where the first of each is in either, or just the elements.
/// With `unique_already`, no element is in an array twice.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn intersect1d(a: &Expr, b: &Expr, unique_already: bool) -> Result<[Expr; 3]> {
    let dtype = promote(a.dtype, b.dtype);
    let parts = |x: &Expr| -> Result<(Expr, Expr)> {
        Ok(if unique_already {
            (ordered(x, LineOp::Sort)?, ordered(x, LineOp::Argsort)?)
        } else {
            (unique(x, Distinct::Values, true)?, unique(x, Distinct::Indices, true)?)
        })
    };
    let ((first, at_first), (second, at_second)) = (parts(a)?, parts(b)?);
    let (in_second, in_first) = (isin(&first, &second, false)?, isin(&second, &first, false)?);
    Ok([
        build::cast(&regions::compress(&first, &in_second, 0)?, dtype)?,
        regions::compress(&at_first, &in_second, 0)?,
        regions::compress(&at_second, &in_first, 0)?,
    ])
}

/// The elements that are in `a` and not in `b`, in order; as they come where `unique_already` says that none is there
/// twice.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn setdiff1d(a: &Expr, b: &Expr, unique_already: bool) -> Result<Expr> {
    let elements = if unique_already {
        when_known("setdiff1d", std::slice::from_ref(a), |e| flat(&e[0]))?
    } else {
        unique(a, Distinct::Values, true)?
    };
    regions::compress(&elements, &isin(&elements, b, true)?, 0)
}

/// The elements that are in one of `a` and `b` alone, in order.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn setxor1d(a: &Expr, b: &Expr, unique_already: bool) -> Result<Expr> {
    let own = |x: &Expr| if unique_already { Ok(x.clone()) } else { unique(x, Distinct::Values, true) };
    when_known("setxor1d", &[both(&own(a)?, &own(b)?)?], |e| {
        let n = e[0].shape.known()?[0];
        if n == 0 {
            return Ok(e[0].clone());
        }
        let sorted = regions::lines(&e[..1], LineOp::Sort, 0, n)?;
        let differ = differ(&sorted)?;
        let end = build::full(&[1], Scalar::Bool(true), DType::Bool, None)?;
        let before = build::concatenate(&[end.clone(), differ.clone()], 0)?;
        let after = build::concatenate(&[differ, end], 0)?;
        regions::compress(&sorted, &element(ElementOp::LogicalAnd, &before, &after)?, 0)
    })
}

/// All elements in C order.
#[track_caller]
fn flat(x: &Expr) -> Result<Expr> {
    build::reshape(x, &[size(&x.shape.known()?)])
}

/// All elements of both arrays, one after another.
#[track_caller]
fn both(a: &Expr, b: &Expr) -> Result<Expr> {
    when_known("concatenate", &[a.clone(), b.clone()], |e| build::concatenate(&[flat(&e[0])?, flat(&e[1])?], 0))
}

/// All elements in order, or the positions of those.
#[track_caller]
fn ordered(x: &Expr, op: LineOp) -> Result<Expr> {
    when_known(op.name(), std::slice::from_ref(x), move |e| {
        let flat = flat(&e[0])?;
        let n = flat.shape.known()?[0];
        regions::lines(std::slice::from_ref(&flat), op.clone(), 0, n)
    })
}

/// Which elements of a sorted array, which is not empty, differ from the one before.
#[track_caller]
fn firsts(sorted: &Expr, equal_nan: bool) -> Result<Expr> {
    let mut differs = differ(sorted)?;
    if equal_nan && matches!(sorted.dtype.kind(), Kind::Float | Kind::Complex) {
        // What comes behind NaN, which is last, is NaN.
        let before = build::index(sorted, &[Item::from(..-1)])?;
        let number = element(ElementOp::Equal, &before, &before)?;
        differs = element(ElementOp::LogicalAnd, &differs, &number)?;
    }
    build::concatenate(&[build::full(&[1], Scalar::Bool(true), DType::Bool, None)?, differs], 0)
}

/// Which elements differ from the one before, from the second on.
#[track_caller]
fn differ(sorted: &Expr) -> Result<Expr> {
    let (before, after) = (build::index(sorted, &[Item::from(..-1)])?, build::index(sorted, &[Item::from(1..)])?);
    element(ElementOp::NotEqual, &after, &before)
}

#[track_caller]
fn element(op: ElementOp, a: &Expr, b: &Expr) -> Result<Expr> {
    build::element(op, &[Arg::Array(a.clone()), Arg::Array(b.clone())])
}
