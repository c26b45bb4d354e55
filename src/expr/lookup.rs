//! Constructors of what is found in tables: searches, bins, membership, interpolation.

use super::build::{self, Arg};
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use super::programs::numbers_only;
use super::regions;
use super::times;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::regional::{LineOp, Lookup, LookupOp, Regional};

/// Before how many elements of `table`, which is sorted or is in the order of `sorter`, each of `keys` belongs.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless the table has one axis and the sorter its length;
/// [`DType`](crate::ErrorKind::DType) for a sorter that holds no positions.
#[track_caller]
pub fn searchsorted(table: &Expr, keys: &Expr, right: bool, sorter: Option<&Expr>) -> Result<Expr> {
    let name = "searchsorted";
    if table.time.is_some() || keys.time.is_some() {
        let [table, keys] = times::comparable(name, table, keys)?;
        return searchsorted(&table, &keys, right, sorter);
    }
    one_axis(name, "a", table)?;
    if let Some(sorter) = sorter {
        one_axis(name, "sorter", sorter)?;
        if !(sorter.dtype.is_integer() || sorter.dtype == DType::Bool) {
            return Err(Error::dtype(name, format!("a sorter holds integers, not {}", sorter.dtype)));
        }
    }
    let op = LookupOp::Search { right, sorter: sorter.is_some() };
    let tables: Vec<Expr> = std::iter::once(table).chain(sorter).cloned().collect();
    found(op, promote(table.dtype, keys.dtype), keys, &tables)
}

/// The bin of each of `keys`, where `bins` ascend or descend.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless bins have one axis, [`DType`](crate::ErrorKind::DType) for complex
/// numbers.
#[track_caller]
pub fn digitize(keys: &Expr, bins: &Expr, right: bool) -> Result<Expr> {
    one_axis("digitize", "bins", bins)?;
    if let Some(e) = [keys, bins].into_iter().find(|e| e.dtype.is_complex()) {
        return Err(Error::dtype("digitize", format!("is not defined for {}", e.dtype)));
    }
    found(LookupOp::Digitize { right }, promote(keys.dtype, bins.dtype), keys, std::slice::from_ref(bins))
}

/// Whether each of `keys` is among the elements of `table`, or, where `invert`, is not.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn isin(keys: &Expr, table: &Expr, invert: bool) -> Result<Expr> {
    if keys.time.is_some() || table.time.is_some() {
        let [a, b] = times::comparable("isin", keys, table)?;
        let found = isin(&a, &b, invert)?;
        // `NaT` is equal to nothing.
        let missing = build::element(ElementOp::Isnan, &[Arg::Array(keys.clone())])?;
        return build::select(&Arg::Array(missing), &Arg::Scalar(Scalar::Bool(invert)), &Arg::Array(found));
    }
    let dtype = promote(keys.dtype, table.dtype);
    when_known("isin", &[keys.clone(), table.clone()], move |e| {
        let size = crate::shape::size(&e[1].shape.known()?);
        let flat = build::cast(&build::reshape(&e[1], &[size])?, dtype)?;
        let sorted = regions::lines(std::slice::from_ref(&flat), LineOp::Sort, 0, size)?;
        found(LookupOp::Contains { invert }, dtype, &e[0], &[sorted])
    })
}

/// What an interpolation gives beyond its points.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beyond {
    /// Left of them, where not the first value.
    pub left: Option<Scalar>,
    /// Right of them, where not the last value.
    pub right: Option<Scalar>,
    /// The length after which points come again, on both sides.
    pub period: Option<f64>,
}

/// Linear interpolation at `x` between points `xp`, which ascend, with values `fp`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless both have one axis of the same length, which is not 0;
/// [`DType`](crate::ErrorKind::DType) for complex positions; [`Argument`](crate::ErrorKind::Argument) for a period of
/// 0.
#[track_caller]
pub fn interp(x: &Expr, xp: &Expr, fp: &Expr, beyond: Beyond) -> Result<Expr> {
    let name = "interp";
    one_axis(name, "xp", xp)?;
    one_axis(name, "fp", fp)?;
    if [x, xp].iter().any(|e| e.dtype.is_complex()) {
        return Err(Error::dtype(name, "positions are real numbers"));
    }
    if beyond.period == Some(0.0) {
        return Err(Error::argument(name, "the period must be a non-zero value"));
    }
    let values = if fp.dtype.is_complex() { DType::C128 } else { DType::F64 };
    let ends = [beyond.left, beyond.right];
    if values == DType::F64 && ends.iter().flatten().any(|s| matches!(s, Scalar::Complex(_))) {
        return Err(Error::dtype(name, "`left` and `right` of real values are real numbers"));
    }
    when_known(name, &[x.clone(), xp.clone(), fp.clone()], move |e| {
        let (points, heights) = (e[1].shape.known()?[0], e[2].shape.known()?[0]);
        if points != heights {
            let why = format!("{points} points have {heights} values; one each is needed");
            return Err(Error::shape(name, why));
        }
        if points == 0 {
            return Err(Error::argument(name, "array of sample points is empty"));
        }
        let (mut x, mut xp) = (build::cast(&e[0], DType::F64)?, build::cast(&e[1], DType::F64)?);
        let mut tables = vec![build::cast(&e[2], values)?];
        let mut op = LookupOp::Interp { left: ends[0], right: ends[1], values, period: None };
        if let Some(period) = beyond.period {
            let period = Scalar::Float(period.abs());
            let less = |e: &Expr| build::element(ElementOp::Remainder, &[Arg::Array(e.clone()), Arg::Scalar(period)]);
            (x, xp) = (less(&x)?, less(&xp)?);
            tables.push(regions::lines(std::slice::from_ref(&xp), LineOp::Argsort, 0, points)?);
            op = LookupOp::Interp { left: None, right: None, values, period: Some(period) };
        }
        tables.insert(0, xp);
        found(op, DType::F64, &x, &tables)
    })
}

/// `keys` looked up in the first of `tables`, both as `dtype`; the others belong to it position by position.
#[track_caller]
fn found(op: LookupOp, dtype: DType, keys: &Expr, tables: &[Expr]) -> Result<Expr> {
    let inputs = [std::slice::from_ref(keys), tables].concat();
    numbers_only(op.name(), &inputs)?;
    when_known(op.name(), &inputs, move |e| {
        let [keys, table, others @ ..] = e else { return Err(Error::bug("a lookup has a table")) };
        let len = table.shape.known()?[0];
        for other in others {
            let n = other.shape.known()?[0];
            if n != len {
                return Err(Error::shape(op.name(), format!("{n} positions for a table of {len}")));
            }
        }
        let mut inputs = vec![build::cast(keys, dtype)?, build::cast(table, dtype)?];
        for other in others {
            inputs.push(if other.dtype.is_inexact() { other.clone() } else { build::cast(other, DType::I64)? });
        }
        let lookup = Lookup { op: op.clone(), dtype, len };
        let op = Regional::Lookup(lookup);
        let (dtype, shape, chunks) = (op.output(), keys.shape.clone(), keys.chunks.clone());
        Ok(node(ExprKind::Regional { inputs, op }, dtype, shape, chunks, keys.names.clone()))
    })
}

fn one_axis(op: &str, what: &str, array: &Expr) -> Result<()> {
    if array.shape.rank() == 1 {
        return Ok(());
    }
    Err(Error::shape(op, format!("`{what}` has one axis, not shape {}", array.shape)))
}
