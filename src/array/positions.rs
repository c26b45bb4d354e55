//! Positions in other words: among all elements and along each axis, of triangles, of open grids.

use super::creation::list;
use super::indexing::{nonzero, unravelled};
use super::places::{Beyond, clip, element, integral, spread, whole};
use super::reduction::reduce;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::known::known_integers;
use crate::expr::pending::pending;
use crate::expr::{Expr, Resume};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;
use crate::shape::broadcast::broadcast;
use crate::shape::{checked_size, strides};

/// Indices along each axis of an array of shape `shape` that lie at places `flat` in memory, in C order or in that of
/// Fortran.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for places that are not there, when they are known, or are computed.
#[track_caller]
pub fn unravel_index(places: &Expr, shape: &[usize], fortran: bool) -> Result<Vec<Expr>> {
    integral("unravel_index", places)?;
    let total = whole(checked_size(shape).ok_or_else(|| Error::shape("unravel_index", "the shape is too large"))?)?;
    let places = within(&build::cast(places, DType::I64)?, total, "unravel_index")?;
    if !fortran {
        return unravelled(&places, shape);
    }
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    Ok(unravelled(&places, &reversed)?.into_iter().rev().collect())
}

/// `places`, of which none lies outside `0..n`: refused at once where they are known, when they are computed otherwise.
fn within(places: &Expr, n: i64, op: &'static str) -> Result<Expr> {
    let refuse = move |at: i64| Error::index(format!("{op}: index {at} is out of bounds for size {n}"));
    if let Some(known) = known_integers(places) {
        return match known.iter().find(|at| !(0..n).contains(*at)) {
            Some(&at) => Err(refuse(at)),
            None => Ok(places.clone()),
        };
    }
    if places.shape.max().contains(&0) {
        return Ok(places.clone());
    }
    let facts = ["min", "max"].map(|name| reduce(places, name, &Axes::All.into(), Params::default()));
    let facts = facts.into_iter().collect::<Result<Vec<_>>>()?;
    let resume = Resume::new(op, move |facts, e| {
        for fact in facts {
            if let Some(&at) = fact.values::<i64>()?.iter().find(|at| !(0..n).contains(*at)) {
                return Err(refuse(at));
            }
        }
        Ok(e[0].clone())
    });
    Ok(pending(std::slice::from_ref(places), &facts, (places.dtype, places.shape.clone()), resume))
}

/// The places in memory, in C order or in that of Fortran, of elements with these indices along the axes of `shape`.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for indices that are not there, [`Shape`](crate::ErrorKind::Shape) unless there
/// is one list for each axis.
#[track_caller]
pub fn ravel_multi_index(indices: &[Expr], shape: &[usize], beyond: &[Beyond], fortran: bool) -> Result<Expr> {
    let op = "ravel_multi_index";
    if indices.len() != shape.len() || indices.is_empty() || beyond.len() != shape.len() {
        let why = format!("{} lists of indices for shape {}", indices.len(), crate::shape::tuple(shape));
        return Err(Error::shape(op, why));
    }
    if checked_size(shape).is_none_or(|n| i64::try_from(n).is_err()) {
        return Err(Error::shape(op, "the shape is too large"));
    }
    let mut steps = strides(shape);
    if fortran {
        steps = strides(&shape.iter().rev().copied().collect::<Vec<_>>()).into_iter().rev().collect();
    }
    broadcast(op, &indices.iter().map(|e| &e.shape).collect::<Vec<_>>())?;
    let mut sum: Option<Expr> = None;
    for (a, places) in indices.iter().enumerate() {
        integral(op, places)?;
        let (places, n) = (build::cast(places, DType::I64)?, whole(shape[a])?);
        let places = match beyond[a] {
            Beyond::Raise => within(&places, n, op)?,
            Beyond::Wrap => element(ElementOp::Remainder, &places, n)?,
            Beyond::Clip => clip(&places, n - 1)?,
        };
        let scaled = element(ElementOp::Multiply, &places, whole(steps[a])?)?;
        sum = Some(match sum {
            None => scaled,
            Some(sum) => build::element(ElementOp::Add, &[Arg::Array(sum), Arg::Array(scaled)])?,
        });
    }
    sum.ok_or_else(|| Error::bug("there is an axis"))
}

/// Rows and columns of the elements on and below diagonal `k` of a matrix; on and above it where `upper`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when there are more than memory holds.
#[track_caller]
pub fn triangle(rows: usize, columns: usize, k: isize, upper: bool) -> Result<[Expr; 2]> {
    let (mut down, mut across) = (Vec::new(), Vec::new());
    for row in 0..rows {
        // Columns up to this one lie on or below the diagonal; of the upper triangle, on or below the one before.
        let k = if upper { k.saturating_sub(1) } else { k };
        let cut = row.cast_signed().saturating_add(k).saturating_add(1);
        let cut = usize::try_from(cut).unwrap_or(0).min(columns);
        let range = if upper { cut..columns } else { 0..cut };
        down.extend(std::iter::repeat_n(whole(row)?, range.len()));
        across.extend(range.map(whole).collect::<Result<Vec<_>>>()?);
    }
    Ok([list(down)?, list(across)?])
}

/// Vectors as axes of an open grid: indices that select the rows, columns, ... they name.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector.
#[track_caller]
pub fn open_grid(vectors: &[Expr]) -> Result<Vec<Expr>> {
    let axis = |(at, v): (usize, &Expr)| {
        if v.shape.rank() != 1 {
            return Err(Error::shape("ix_", format!("takes vectors, not an array of shape {}", v.shape)));
        }
        let vector = if v.dtype == DType::Bool { nonzero(v)?.swap_remove(0) } else { v.clone() };
        spread(&vector, at, vectors.len())
    };
    vectors.iter().enumerate().map(axis).collect()
}
