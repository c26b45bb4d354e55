//! Constructors of what needs a border: filters, which compute elements from windows around them, and blocks with what
//! they share with their neighbours.

use super::node::{Expr, ExprKind, node};
use super::programs::numbers_only;
use crate::chunk::{AxisChunks, Chunks};
use crate::error::{Error, Result};
use crate::op::regional::{Filter, Regional, Resample, Stretch, Stretches};
use crate::shape::Shape;

/// What `filter` makes of `input`, which is longer than the result where the filter says so. The result has these
/// chunks.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an input of another shape or dtype than the filter's.
#[track_caller]
pub fn filter(input: &Expr, filter: Filter, chunks: Chunks) -> Result<Expr> {
    numbers_only(filter.name, [input])?;
    let more = filter.lengths.iter().zip(&filter.more).map(|(n, m)| m.0 + n + m.1);
    if input.shape.known()? != more.collect::<Vec<_>>() || input.dtype != filter.input {
        return Err(Error::bug(format!("{} is planned for its input", filter.name)));
    }
    let (dtype, shape, names) = (filter.output, Shape::new(&filter.lengths), input.names.clone());
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Filter(filter) };
    Ok(node(kind, dtype, shape, chunks, names))
}

/// Stretches of `input` one after another along every axis, each a chunk, or in these chunks.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for stretches that are not all there.
#[track_caller]
pub fn stretches(input: &Expr, name: &'static str, axes: &[Vec<Stretch>], chunks: Option<Chunks>) -> Result<Expr> {
    let lengths = input.shape.known()?;
    let outside = |(list, &n): (&Vec<Stretch>, &usize)| list.iter().any(|s| s.from + s.len > n);
    if axes.len() != lengths.len() || axes.iter().zip(&lengths).any(outside) {
        return Err(Error::bug(format!("{name} takes what is there")));
    }
    let end = |list: &Vec<Stretch>| list.last().map_or(0, |s| s.at + s.len);
    let shape: Vec<usize> = axes.iter().map(end).collect();
    let own = |list: &Vec<Stretch>| {
        let bounds: Vec<usize> = list.iter().map(|s| s.at).chain([end(list)]).collect();
        AxisChunks::from_bounds(&bounds)
    };
    let chunks = chunks.unwrap_or_else(|| Chunks::new(axes.iter().map(own).collect()));
    let axes = axes.iter().map(|list| list.clone().into()).collect();
    let op = Regional::Stretches(Stretches { name, axes, input: lengths, dtype: input.dtype });
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op };
    Ok(node(kind, input.dtype, Shape::new(&shape), chunks, input.names.clone()))
}

/// Elements of `input` at the places of a map, in this shape and these chunks.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an input of another shape or dtype than the map's.
#[track_caller]
pub fn resample(input: &Expr, op: Resample, shape: &[usize], chunks: Chunks) -> Result<Expr> {
    numbers_only(op.name, [input])?;
    if input.shape.known()? != op.knots.space() || input.dtype != op.input {
        return Err(Error::bug(format!("{} is planned for its input", op.name)));
    }
    let (dtype, names) = (op.output, input.names.clone());
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Resample(op) };
    Ok(node(kind, dtype, Shape::new(shape), chunks, names))
}
