//! Constructors of what needs boxes of its inputs that no map gives: rows where a mask is true, places that are data,
//! whole lines.

use super::build::{LARGEST_RESHAPED, cast, index};
use super::known;
use super::names::without_coordinate;
use super::node::{Expr, ExprKind, Resume, node};
use super::pending::{pending, when_known};
use super::times;
use crate::chunk::tiling::tiling;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks, auto};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::gather::Splines;
use crate::op::regional::{Computation, Count, Gather, LineOp, Lines, Regional, Regrid, Select};
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape, fits_memory};

/// The rows along `axis` at which `mask`, which has one axis, is true; rows beyond its end are left out.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for a mask that is longer than the axis, [`DType`](crate::ErrorKind::DType) for
/// one that holds no truth values.
#[track_caller]
pub fn compress(input: &Expr, mask: &Expr, axis: usize) -> Result<Expr> {
    if !(input.shape.is_known() && mask.shape.is_known()) {
        return when_known("compress", &[input.clone(), mask.clone()], move |e| compress(&e[0], &e[1], axis));
    }
    let (mut lengths, masked) = (input.shape.known()?, mask.shape.known()?);
    let [n] = masked[..] else {
        return Err(Error::shape("compress", format!("a mask of shape {} for one axis", mask.shape)));
    };
    if mask.dtype != DType::Bool {
        return Err(Error::dtype("compress", format!("a mask holds bool, not {}", mask.dtype)));
    }
    if n > lengths[axis] {
        let why = format!("a mask of length {n} for axis {axis} of length {}", lengths[axis]);
        return Err(Error::index(why));
    }
    let mut items = vec![Item::from(..); lengths.len()];
    items[axis] = Item::from(..n.cast_signed());
    let input = if n < lengths[axis] { index(input, &items)? } else { input.clone() };
    let own = Chunks::new(vec![input.chunks.axes()[axis].clone()]);
    // As long as the rows of a chunk allow.
    let mut cuts = input.chunks.axes().to_vec();
    cuts[axis] = unify(&[n], &[&own, &mask.chunks]).axes()[0].clone();
    let along: Vec<bool> = (0..cuts.len()).map(|a| a == axis).collect();
    let tiles = tiling(&Chunks::new(cuts), &along).axes()[axis].clone();
    let count = tiles.count();
    if let Some(known) = known::known_integers(mask) {
        let mut kept = vec![0];
        for t in 0..count {
            let tile = &known[tiles.start(t)..tiles.start(t) + tiles.length(t)];
            kept.push(kept[t] + tile.iter().filter(|&&set| set != 0).count());
        }
        return selected(&[input, mask.clone()], axis, tiles, kept);
    }
    let kind = ExprKind::Regional { inputs: vec![mask.clone()], op: Regional::Count(Count { tiles: tiles.clone() }) };
    let counts = node(kind, DType::I64, Shape::from([count]), auto::auto(&[count], 8), Vec::new());
    lengths[axis] = n;
    let mut dims: Vec<Dim> = lengths.into_iter().map(Dim::Known).collect();
    dims[axis] = Dim::Unknown { id: mask.id() as u64, max: n };
    let resume = Resume::new("compress", move |facts, inputs| {
        let mut kept = vec![0usize];
        for &n in facts.first().map_or(Ok(&[][..]), |f| f.values::<i64>())? {
            let before = kept.last().copied().unwrap_or(0);
            kept.push(before + usize::try_from(n).map_err(|_| Error::bug("a count is not negative"))?);
        }
        selected(inputs, axis, tiles.clone(), kept)
    });
    Ok(pending(&[input.clone(), mask.clone()], &[counts], (input.dtype, dims.into()), resume).with_time(input.time))
}

/// The rows at which a mask is true, `kept` of them before each tile.
fn selected(inputs: &[Expr], axis: usize, tiles: AxisChunks, kept: Vec<usize>) -> Result<Expr> {
    let [input, mask] = inputs else { return Err(Error::bug("rows and a mask")) };
    let mut lengths = input.shape.known()?;
    lengths[axis] = kept.last().copied().unwrap_or(0);
    let mut chunks = input.chunks.axes().to_vec();
    // Chunks follow the tiles, joined where few rows of them are left.
    chunks[axis] = AxisChunks::from_bounds(&kept_bounds(&kept, tiles.longest()));
    // The mask is seen like one along that axis of the whole array.
    let beside = vec![Item::NewAxis; lengths.len() - 1 - axis];
    let mask = index(mask, &[vec![Item::from(..)], beside].concat())?;
    let op = Regional::Select(Select { axis, tiles, kept: kept.into(), dtype: input.dtype });
    let kind = ExprKind::Regional { inputs: vec![input.clone(), mask], op };
    Ok(node(
        kind,
        input.dtype,
        Shape::new(&lengths),
        Chunks::new(chunks),
        without_coordinate(&input.names, |a| a == axis),
    ))
}

/// Boundaries among `kept` such that pieces are about as long as a tile.
fn kept_bounds(kept: &[usize], longest: usize) -> Vec<usize> {
    let mut bounds = vec![0];
    for pair in kept.windows(2) {
        let first = bounds.last().copied().unwrap_or(0);
        if pair[1] - first > longest && pair[0] > first {
            bounds.push(pair[0]);
        }
    }
    bounds.push(kept.last().copied().unwrap_or(0));
    bounds.dedup();
    bounds
}

/// Elements of `input` at the places that `indices`, integers which broadcast, hold along its first axes: the axes of
/// the places, then the other axes of the input.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the places do not broadcast, [`Index`](crate::ErrorKind::Index) for more of
/// them than axes. Places that are not there are an error when they are computed.
#[track_caller]
pub fn gather(input: &Expr, indices: &[Expr]) -> Result<Expr> {
    let all: Vec<Expr> = std::iter::once(input).chain(indices).cloned().collect();
    if !all.iter().all(|e| e.shape.is_known()) {
        return when_known("gather", &all, |e| gather(&e[0], &e[1..]));
    }
    let lengths = input.shape.known()?;
    if indices.len() > lengths.len() {
        return Err(Error::index(format!("{} indices for an array of rank {}", indices.len(), lengths.len())));
    }
    for (axis, places) in indices.iter().enumerate() {
        known::check_places(places, axis, lengths[axis])?;
    }
    let indices = indices.iter().map(|i| cast(i, DType::I64)).collect::<Result<Vec<_>>>()?;
    let shapes: Vec<&Shape> = indices.iter().map(|i| &i.shape).collect();
    let places = broadcast("index", &shapes)?.known()?;
    let (cuts, rest) = input.chunks.axes().split_at(indices.len());
    let grids: Vec<&Chunks> = indices.iter().map(|i| &i.chunks).collect();
    let mut axes = unify(&places, &grids).axes().to_vec();
    let each = input.dtype.size() * rest.iter().map(|c| c.longest().max(1)).product::<usize>();
    limit(&mut axes, LARGEST_RESHAPED / each);
    axes.extend(rest.iter().cloned());
    let shape: Vec<usize> = places.iter().chain(&lengths[indices.len()..]).copied().collect();
    fits_memory("index", &shape)?;
    let mut names = vec![None; places.len()];
    names.extend(input.names.iter().skip(indices.len()).cloned());
    let names = if names.iter().all(Option::is_none) || names.len() != shape.len() { Vec::new() } else { names };
    let op = Gather { rank: places.len(), cuts: cuts.to_vec(), dtype: input.dtype, between: None };
    let inputs = std::iter::once(input.clone()).chain(indices).collect();
    let kind = ExprKind::Regional { inputs, op: Regional::Gather(op) };
    Ok(node(kind, input.dtype, Shape::new(&shape), Chunks::new(axes), names))
}

/// What splines through the elements of `input` have at places that `coordinates`, `f64` and one for each axis, hold.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an input or places that do not fit the splines.
#[track_caller]
pub fn interpolate(input: &Expr, coordinates: &[Expr], splines: Splines) -> Result<Expr> {
    let fits = input.shape.known()? == splines.knots.space() && coordinates.len() == input.shape.rank();
    let Some(first) = coordinates.first().filter(|_| fits) else {
        return Err(Error::bug(format!("{} is planned for its input", splines.name)));
    };
    let shape = first.shape.known()?;
    let mut chunks = unify(&shape, &coordinates.iter().map(|c| &c.chunks).collect::<Vec<_>>()).axes().to_vec();
    limit(&mut chunks, LARGEST_RESHAPED / splines.output.size().max(8));
    let (dtype, names) = (splines.output, first.names.clone());
    let cuts = input.chunks.axes().to_vec();
    let op = Gather { rank: shape.len(), cuts, dtype: input.dtype, between: Some(splines) };
    let inputs = std::iter::once(input).chain(coordinates).cloned().collect();
    let kind = ExprKind::Regional { inputs, op: Regional::Gather(op) };
    Ok(node(kind, dtype, Shape::new(&shape), Chunks::new(chunks), names))
}

/// Cuts chunks that hold more than `room` elements, the outer axes first.
pub(super) fn limit(axes: &mut [AxisChunks], mut room: usize) {
    for axis in axes.iter_mut().rev() {
        if axis.longest() > room.max(1) {
            *axis = AxisChunks::regular(axis.len(), room.max(1));
        }
        room /= axis.longest().max(1);
    }
}

/// `input` on another grid.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an input of another shape or dtype than the grid's.
#[track_caller]
pub fn regrid(input: &Expr, op: Regrid) -> Result<Expr> {
    let mut shape = input.shape.known()?;
    let fits = op.axes.iter().zip(&op.weights).all(|(&a, w)| shape[a] == w.len);
    if !fits || input.dtype != op.dtype {
        return Err(Error::bug("a grid is planned for its input"));
    }
    let mut chunks = input.chunks.axes().to_vec();
    for (&axis, weights) in op.axes.iter().zip(&op.weights) {
        shape[axis] = weights.count();
        let parts = input.chunks.axes()[axis].count().max(1);
        chunks[axis] = AxisChunks::regular(shape[axis], shape[axis].div_ceil(parts).max(1));
    }
    let names = without_coordinate(&input.names, |a| op.axes.contains(&a));
    let (dtype, kind) = (op.dtype, ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Regrid(op) });
    Ok(node(kind, dtype, Shape::new(&shape), Chunks::new(chunks), names))
}

/// What `op` does to whole lines along an axis, of length `out` then. All inputs have the shape of the first.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where inputs differ in shape or there are none,
/// [`Unsupported`](crate::ErrorKind::Unsupported) when a length depends on data.
#[track_caller]
pub fn lines(inputs: &[Expr], op: LineOp, axis: usize, out: usize) -> Result<Expr> {
    let Some(first) = inputs.first() else {
        return Err(Error::shape(op.name(), "there is no array"));
    };
    if let Some(other) = inputs.iter().find(|e| e.shape != first.shape) {
        return Err(Error::shape(op.name(), format!("shapes {} and {} differ", first.shape, other.shape)));
    }
    if let Some(time) = inputs.iter().find_map(|e| e.time) {
        let keyed = inputs.iter().map(|e| if e.time.is_some() { times::keys(e) } else { Ok(e.clone()) });
        let keyed = keyed.collect::<Result<Vec<_>>>()?;
        return match op {
            LineOp::Sort | LineOp::Top(_) => times::of_keys(&lines(&keyed, op, axis, out)?, time),
            LineOp::Argsort | LineOp::Argtop(_) | LineOp::Lexsort(_) => lines(&keyed, op, axis, out),
            other => Err(Error::dtype(other.name(), format!("is not defined for {time}"))),
        };
    }
    let mut shape = first.shape.known()?;
    let grid = unify(&shape, &inputs.iter().map(|e| &e.chunks).collect::<Vec<_>>());
    let lines = Lines { op, axis, len: shape[axis], out, dtype: first.dtype };
    shape[axis] = out;
    let (dtype, names) = (lines.output(), without_coordinate(&first.names, |a| a == axis));
    let mut chunks = grid.axes().to_vec();
    if out != lines.len {
        chunks[axis] = auto::auto(&shape, dtype.size()).axes()[axis].clone();
    }
    let kind = ExprKind::Regional { inputs: inputs.to_vec(), op: Regional::Lines(lines) };
    Ok(node(kind, dtype, Shape::new(&shape), Chunks::new(chunks), names))
}
