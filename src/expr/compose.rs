//! Shorthands for what is made of several nodes: an operation, a cut, a move or a sum in one line, of arrays and
//! numbers alike.

use super::build::{self, Arg};
use super::node::Expr;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{Params, find};
use crate::op::scan;
use crate::shape::Shape;
use crate::shape::slice::Item;

impl From<&Expr> for Arg {
    fn from(expr: &Expr) -> Self {
        Self::Array(expr.clone())
    }
}

impl From<Expr> for Arg {
    fn from(expr: Expr) -> Self {
        Self::Array(expr)
    }
}

impl From<&Self> for Arg {
    fn from(arg: &Self) -> Self {
        arg.clone()
    }
}

impl From<f64> for Arg {
    fn from(value: f64) -> Self {
        Self::Scalar(Scalar::Float(value))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Scalar(Scalar::Int(value.into()))
    }
}

/// Two arguments whose axes do not contradict each other by their names. Arrays meet by position, as in NumPy. Where
/// all axes have names, and an array of fewer axes has them elsewhere than where it would meet the other, it goes where
/// its names are: latitudes beside an array of time, latitude and longitude. Arrays as deep that call an axis by
/// different names are refused.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis), with both names.
#[track_caller]
pub fn aligned(op: ElementOp, args: &[Arg]) -> Result<Vec<Arg>> {
    let [Arg::Array(a), Arg::Array(b)] = args else { return Ok(args.to_vec()) };
    let (small, large) = if a.shape.rank() < b.shape.rank() { (a, b) } else { (b, a) };
    if let Some(placed) = by_name(small, large)? {
        let moved = |e: &Expr| Arg::Array(if e.id() == small.id() { placed.clone() } else { e.clone() });
        return Ok(vec![moved(a), moved(b)]);
    }
    let name = |e: &Expr, from_end: usize| {
        let axis = e.shape.rank().checked_sub(from_end)?;
        e.names.get(axis).cloned().flatten().filter(|_| e.shape.dims()[axis].known() != Some(1))
    };
    for from_end in 1..=a.shape.rank().min(b.shape.rank()) {
        if let (Some(first), Some(second)) = (name(a, from_end), name(b, from_end))
            && first != second
        {
            let why = format!(
                "axis -{from_end} is `{first}` of an array of shape {} and `{second}` of one of shape {}; transpose one, or \
                 rename its axis",
                a.shape, b.shape
            );
            return Err(Error::axis(op.name(), why));
        }
    }
    Ok(args.to_vec())
}

/// `small` with its axes where `large` has those of the same names, where that is not where they are; `None` where they
/// are, or names do not tell.
#[track_caller]
fn by_name(small: &Expr, large: &Expr) -> Result<Option<Expr>> {
    let (few, many) = (small.shape.rank(), large.shape.rank());
    let told = |e: &Expr| e.names.len() == e.shape.rank() && e.names.iter().all(Option::is_some);
    if few == 0 || few == many || !told(small) || !told(large) || small.names[..] == large.names[many - few..] {
        return Ok(None);
    }
    let places: Vec<usize> = small.names.iter().filter_map(|n| large.names.iter().position(|m| m == n)).collect();
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&axis| places[axis]);
    if places.len() < few || order.windows(2).any(|w| places[w[0]] == places[w[1]]) {
        return Ok(None);
    }
    let moved = build::transpose(small, &order)?;
    let items: Vec<Item> =
        (0..many).map(|axis| if places.contains(&axis) { Item::from(..) } else { Item::NewAxis }).collect();
    build::index(&moved, &items).map(Some)
}

/// `op(x)`.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn unary(op: ElementOp, x: &Expr) -> Result<Expr> {
    build::element(op, &[Arg::from(x)])
}

/// `op(x, y)`.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn binary(op: ElementOp, x: impl Into<Arg>, y: impl Into<Arg>) -> Result<Expr> {
    build::element(op, &[x.into(), y.into()])
}

/// `then` where `condition` is true, `otherwise` elsewhere.
///
/// # Errors
/// As [`build::select`].
#[track_caller]
pub fn choice(condition: &Expr, then: impl Into<Arg>, otherwise: impl Into<Arg>) -> Result<Expr> {
    build::select(&Arg::from(condition), &then.into(), &otherwise.into())
}

/// One index item for `axis`, all of the other axes.
///
/// # Errors
/// As [`build::index`].
#[track_caller]
pub fn along(x: &Expr, axis: usize, item: impl Into<Item>) -> Result<Expr> {
    let mut items = vec![Item::from(..); axis];
    items.push(item.into());
    build::index(x, &items)
}

/// Positions `start..stop` of one axis.
///
/// # Errors
/// As [`build::index`].
#[track_caller]
pub fn range(x: &Expr, axis: usize, start: usize, stop: usize) -> Result<Expr> {
    along(x, axis, start.cast_signed()..stop.cast_signed())
}

/// The axis `from` at position `to`.
///
/// # Errors
/// As [`build::transpose`].
#[track_caller]
pub fn moved(x: &Expr, from: usize, to: usize) -> Result<Expr> {
    let mut order: Vec<usize> = (0..x.shape.rank()).collect();
    let axis = order.remove(from);
    order.insert(to, axis);
    build::transpose(x, &order)
}

/// A vector as axis `axis` of an array of this rank, whose other axes have length 1.
///
/// # Errors
/// As [`build::index`].
#[track_caller]
pub fn as_axis(vector: &Expr, axis: usize, rank: usize) -> Result<Expr> {
    let item = |a| if a == axis { Item::from(..) } else { Item::NewAxis };
    build::index(vector, &(0..rank).map(item).collect::<Vec<_>>())
}

/// All elements in C order along one axis.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the number of elements overflows.
#[track_caller]
pub fn flat(x: &Expr) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let size = crate::shape::checked_size(&lengths).ok_or_else(|| Error::shape("ravel", "the array is too large"))?;
    build::reshape(x, &[size])
}

/// The array with axes of length 1 in front, until it has `rank` axes.
///
/// # Errors
/// As [`build::index`].
#[track_caller]
pub fn thick(x: &Expr, rank: usize) -> Result<Expr> {
    let mut items = vec![Item::NewAxis; rank.saturating_sub(x.shape.rank())];
    items.push(Item::Ellipsis);
    build::index(x, &items)
}

/// Several elements of one vector as a new vector, or arrays one after another along `axis`; one array is itself.
///
/// # Errors
/// As [`build::concatenate`].
#[track_caller]
pub fn joined(parts: &[Expr], axis: usize) -> Result<Expr> {
    match parts {
        [one] => Ok(one.clone()),
        many => build::concatenate(many, axis),
    }
}

/// `value` everywhere, in the shape of `x` but for the length of `axis`.
///
/// # Errors
/// As [`build::full`].
#[track_caller]
pub fn constant_along(x: &Expr, axis: usize, length: usize, value: i64, dtype: DType) -> Result<Expr> {
    let mut shape = x.shape.known()?;
    shape[axis] = length;
    build::full(&shape, Scalar::Int(value.into()), dtype, None)
}

/// The reduction called `name` over `axes` (ascending), which stay with length 1.
///
/// # Errors
/// What the reduction refuses.
#[track_caller]
pub fn reduce(x: &Expr, name: &str, axes: &[usize], dtype: Option<DType>) -> Result<Expr> {
    let reduction = find(name).ok_or_else(|| Error::bug(format!("there is the reduction {name}")))?;
    build::reduce(x, reduction, axes, Params { dtype, ..Params::default() })
}

/// Without `axes`, which have length 1.
///
/// # Errors
/// As [`build::index`].
#[track_caller]
pub fn without(x: &Expr, axes: &[usize]) -> Result<Expr> {
    let item = |a: usize| if axes.contains(&a) { Item::Index(0) } else { Item::from(..) };
    build::index(x, &(0..x.shape.rank()).map(item).collect::<Vec<_>>())
}

/// `x` over `axes` (ascending), which are gone.
///
/// # Errors
/// What the reduction refuses.
#[track_caller]
pub fn reduce_away(x: &Expr, name: &str, axes: &[usize], dtype: Option<DType>) -> Result<Expr> {
    without(&reduce(x, name, axes, dtype)?, axes)
}

/// `x` stretched to `shape` where it is not of it already.
///
/// # Errors
/// As [`build::broadcast_to`].
#[track_caller]
pub fn stretched(x: &Expr, shape: &Shape) -> Result<Expr> {
    if x.shape == *shape { Ok(x.clone()) } else { build::broadcast_to(x, shape) }
}

/// The sums of `x` from the beginning of an axis up to each element, in `dtype` where one is given.
///
/// # Errors
/// As [`build::scan`].
#[track_caller]
pub fn running_sum(x: &Expr, axis: usize, dtype: Option<DType>) -> Result<Expr> {
    let sums = scan::find("cumsum").ok_or_else(|| Error::bug("there is the scan cumsum"))?;
    build::scan(x, sums, axis, dtype)
}

/// `x` moved by `shift` places along `axis`; what leaves one end comes in at the other.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when the length depends on data.
#[track_caller]
pub fn rolled(x: &Expr, axis: usize, shift: isize) -> Result<Expr> {
    let length = x.shape.known()?[axis];
    let by = shift.rem_euclid(length.max(1).cast_signed()).unsigned_abs();
    if by == 0 {
        return Ok(x.clone());
    }
    let cut = length - by;
    build::concatenate(&[range(x, axis, cut, length)?, range(x, axis, 0, cut)?], axis)
}
