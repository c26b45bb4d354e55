//! Constructors: one per kind of expression. Each infers dtype, shape, chunks and names, and refuses what cannot be.

use super::known;
pub use super::known::Arg;
use super::names::{self, Name, of_store, without_coordinate};
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
pub use super::programs::{cast, common_dtype, compose, compose_typed};
use super::programs::{inexact_dtype, numbers_only};
use super::times;
use crate::chunk::groups::Groups;
use crate::chunk::index_map::AxisMap;
use crate::chunk::reshape::Reshape;
use crate::chunk::tiling::tiling;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks, IndexMap, auto};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, promote::promote};
use crate::error::{Error, Result};
use crate::op::elementwise::{ElementOp, Typing};
use crate::op::function::BlockFunction;
use crate::op::kernel::Lanes;
use crate::op::program::{Program, Value};
use crate::op::reduction::{Params, Reducer, Reduction, find};
use crate::op::scan::{Scan, find as find_scan};
use crate::shape::broadcast::broadcast;
use crate::shape::slice::{Item, Resolved, resolve};
use crate::shape::{Dim, Shape, checked_size, fits_memory, tuple};
use crate::store::Store;
use std::sync::Arc;

/// A stored array.
#[track_caller]
#[must_use]
pub fn source(store: Arc<dyn Store>) -> Expr {
    let info = store.info();
    let (dtype, shape, chunks) = (info.dtype, Shape::new(&info.shape), info.chunks.clone());
    let names = of_store(store.as_ref());
    node(ExprKind::Source(store), dtype, shape, chunks, names)
}

/// `0, 1, ..., n - 1`.
#[track_caller]
#[must_use]
pub fn iota(n: usize, chunks: Option<usize>) -> Expr {
    let grid = match chunks {
        Some(c) => Chunks::new(vec![AxisChunks::regular(n, c)]),
        None => auto::auto(&[n], 8),
    };
    node(ExprKind::Iota, DType::I64, Shape::from([n]), grid, Vec::new())
}

/// An array of this shape that holds `value` everywhere.
///
/// # Errors
/// [`Chunks`](crate::ErrorKind::Chunks) when `chunks` does not fit, [`Shape`](crate::ErrorKind::Shape) when the number
/// of elements overflows.
#[track_caller]
pub fn full(shape: &[usize], value: Scalar, dtype: DType, chunks: Option<&[usize]>) -> Result<Expr> {
    checked_size(shape)
        .and_then(|n| n.checked_mul(dtype.size()))
        .ok_or_else(|| Error::shape("full", format!("{} is too large", tuple(shape))))?;
    let grid = match chunks {
        Some(c) => Chunks::regular(shape, c)?,
        None => auto::auto(shape, dtype.size()),
    };
    let mut program = Program::default();
    let v = program.constant(value, dtype);
    program.outputs.push(v);
    Ok(node(ExprKind::Elementwise { program, args: Vec::new() }, dtype, Shape::new(shape), grid, Vec::new()))
}

/// An operation of the table.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where it is not defined, [`Shape`](crate::ErrorKind::Shape) where the arguments
/// do not broadcast, [`Argument`](crate::ErrorKind::Argument) for an integer constant out of range.
#[track_caller]
pub fn element(op: ElementOp, args: &[Arg]) -> Result<Expr> {
    if times::are_among(args) {
        return times::element(op, args);
    }
    if let Some((input, answer)) = known::comparison(op, args) {
        return compose_typed(op.name(), &[Arg::Array(input.clone())], &[None], |p, _| {
            Ok(p.constant(answer, DType::Bool))
        });
    }
    let run = |p: &mut Program, values: &[Value]| p.op(op, values);
    match op.typing() {
        Typing::Logical => compose(op.name(), args, false, run),
        Typing::Inexact => {
            let dtype = inexact_dtype(args);
            let dtypes: Vec<_> = args.iter().map(|a| dtype.filter(|_| matches!(a, Arg::Scalar(_)))).collect();
            compose_typed(op.name(), args, &dtypes, run)
        }
        Typing::Same | Typing::Number | Typing::Division => compose(op.name(), args, true, run),
    }
}

/// `then` where `condition` is true, `otherwise` elsewhere. Integers wrap into the dtype of an array beside them.
///
/// # Errors
/// As [`element`].
#[track_caller]
pub fn select(condition: &Arg, then: &Arg, otherwise: &Arg) -> Result<Expr> {
    if times::are_among(&[then.clone(), otherwise.clone()]) {
        return times::select(condition, then, otherwise);
    }
    let wrapped = |arg: &Arg, beside: &Arg| match (arg, beside) {
        (Arg::Scalar(s @ Scalar::Int(_)), Arg::Array(e)) if e.dtype.is_integer() && !s.fits(e.dtype) => {
            Arg::Scalar(Scalar::from_bytes(e.dtype, &s.to_bytes(e.dtype)))
        }
        _ => arg.clone(),
    };
    let (then, otherwise) = (wrapped(then, otherwise), wrapped(otherwise, then));
    let dtype = common_dtype("where", &[then.clone(), otherwise.clone()])?;
    compose_typed("where", &[condition.clone(), then, otherwise], &[None, Some(dtype), Some(dtype)], |p, v| {
        Ok(p.select(v[0], v[1], v[2]))
    })
}

/// Another look at the same elements, of this shape.
#[track_caller]
#[must_use]
pub fn view(input: &Expr, shape: Shape, map: IndexMap) -> Expr {
    let chunks = map.chunks(&shape.max(), &input.chunks);
    let mut names = vec![None; shape.rank()];
    for (axis, name) in map.axes.iter().zip(&input.names) {
        if let Some(o) = axis.out.filter(|&o| !map.is_diagonal(o)) {
            let len = shape.dims()[o].known();
            names[o] =
                name.as_ref().map(|n| len.map_or_else(|| n.bare(), |len| n.steps(axis.offset, axis.stride, len)));
        }
    }
    let names = if names.iter().all(Option::is_none) { Vec::new() } else { names };
    // Where one position of an axis is left, its coordinate stays.
    let one = |(axis, name): (&AxisMap, &Option<Name>)| {
        name.as_ref().filter(|n| axis.out.is_none() && n.coordinate().is_some()).map(|n| n.steps(axis.offset, 1, 1))
    };
    let taken: Vec<Name> = map.axes.iter().zip(&input.names).filter_map(one).collect();
    node(ExprKind::View { input: input.clone(), map }, input.dtype, shape, chunks, names).with_scalars(&taken)
}

/// Basic indexing.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) as NumPy's `IndexError`.
#[track_caller]
pub fn index(input: &Expr, items: &[Item]) -> Result<Expr> {
    if !input.shape.is_known() {
        let items = items.to_vec();
        return when_known("index", std::slice::from_ref(input), move |e| index(&e[0], &items));
    }
    let lengths = input.shape.known()?;
    let mut axes = vec![AxisMap { out: None, offset: 0, stride: 0 }; lengths.len()];
    let mut shape = Vec::new();
    for item in resolve(items, &lengths)? {
        match item {
            Resolved::New => shape.push(1),
            Resolved::Fixed { axis, at } => axes[axis].offset = at,
            Resolved::Range { axis, start, step, len } => {
                axes[axis] = AxisMap { out: Some(shape.len()), offset: start, stride: step };
                shape.push(len);
            }
        }
    }
    Ok(view(input, Shape::new(&shape), IndexMap { axes }))
}

/// The axes in another order: axis `k` of the result is axis `order[k]` of the input.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) unless `order` is a permutation.
#[track_caller]
pub fn transpose(input: &Expr, order: &[usize]) -> Result<Expr> {
    if !input.shape.is_known() {
        let order = order.to_vec();
        return when_known("transpose", std::slice::from_ref(input), move |e| transpose(&e[0], &order));
    }
    let rank = input.shape.rank();
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(Error::axis("transpose", format!("{} is no permutation of {rank} axes", tuple(order))));
    }
    if order.iter().enumerate().all(|(out, &a)| out == a) {
        return Ok(input.clone());
    }
    let dims: Vec<Dim> = order.iter().map(|&a| input.shape.dims()[a]).collect();
    let mut axes = vec![AxisMap { out: None, offset: 0, stride: 1 }; rank];
    for (out, &a) in order.iter().enumerate() {
        axes[a].out = Some(out);
    }
    Ok(view(input, dims.into(), IndexMap { axes }))
}

/// The input stretched to `shape`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when it does not stretch that far.
#[track_caller]
pub fn broadcast_to(input: &Expr, shape: &Shape) -> Result<Expr> {
    if !input.shape.is_known() {
        let shape = shape.clone();
        return when_known("broadcast_to", std::slice::from_ref(input), move |e| broadcast_to(&e[0], &shape));
    }
    let fits = broadcast("broadcast_to", &[&input.shape, shape]).is_ok_and(|s| s == *shape);
    if !fits {
        let (from, to) = (&input.shape, shape);
        return Err(Error::shape("broadcast_to", format!("shape {from} does not broadcast to {to}")));
    }
    let map = IndexMap::broadcast(&input.lengths(), &shape.max());
    Ok(view(input, shape.clone(), map))
}

/// Arrays joined along `axis`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the other axes differ, or there is no array.
#[track_caller]
pub fn concatenate(inputs: &[Expr], axis: usize) -> Result<Expr> {
    if !inputs.iter().all(|e| e.shape.is_known()) {
        return when_known("concatenate", inputs, move |e| concatenate(e, axis));
    }
    let Some(first) = inputs.first() else {
        return Err(Error::shape("concatenate", "there is no array to join"));
    };
    let lists: Vec<Vec<usize>> = inputs.iter().map(|e| e.shape.known()).collect::<Result<_>>()?;
    let agree = |s: &Vec<usize>| s.len() == lists[0].len() && (0..s.len()).all(|a| a == axis || s[a] == lists[0][a]);
    if !lists.iter().all(agree) {
        let text: Vec<String> = inputs.iter().map(|e| e.shape.to_string()).collect();
        return Err(Error::shape("concatenate", format!("shapes {} differ outside axis {axis}", text.join(" and "))));
    }
    let dtype = inputs.iter().map(|e| e.dtype).reduce(promote).unwrap_or(first.dtype);
    let inputs = if inputs.iter().any(|e| e.time.is_some()) {
        times::alike("concatenate", inputs)?
    } else {
        inputs.iter().map(|e| cast(e, dtype)).collect::<Result<Vec<_>>>()?
    };
    let mut shape = lists[0].clone();
    let joined = lists.iter().try_fold(0usize, |n, s| n.checked_add(s[axis]));
    shape[axis] = joined.ok_or_else(|| Error::shape("concatenate", "the arrays are too large together"))?;
    fits_memory("concatenate", &shape)?;
    let lengths: Vec<usize> = inputs
        .iter()
        .flat_map(|e| {
            let cuts = &e.chunks.axes()[axis];
            (0..cuts.count()).map(|i| cuts.length(i)).collect::<Vec<_>>()
        })
        .collect();
    let mut axes: Vec<AxisChunks> =
        unify(&shape, &inputs.iter().map(|e| &e.chunks).collect::<Vec<_>>()).axes().to_vec();
    axes[axis] = AxisChunks::from_lengths(&lengths);
    let named: Vec<_> = inputs.iter().map(|e| (e.names.as_slice(), e.scalars.as_slice())).collect();
    let names = names::joined(&named, axis, &lists);
    Ok(node(ExprKind::Concat { axis, inputs }, dtype, Shape::new(&shape), Chunks::new(axes), names))
}

/// The same elements in other logical chunks.
///
/// # Errors
/// [`Chunks`](crate::ErrorKind::Chunks) when the grid is not one of this array.
#[track_caller]
pub fn rechunk(input: &Expr, chunks: Chunks) -> Result<Expr> {
    if !input.shape.is_known() {
        return when_known("rechunk", std::slice::from_ref(input), move |e| rechunk(&e[0], chunks.clone()));
    }
    let lengths = input.shape.known()?;
    if chunks.shape() != lengths {
        let (c, s) = (tuple(&chunks.shape()), &input.shape);
        return Err(Error::chunks(format!("a grid over shape {c} for an array of shape {s}")));
    }
    if chunks == input.chunks {
        return Ok(input.clone());
    }
    let kind = ExprKind::Rechunk { input: input.clone() };
    Ok(node(kind, input.dtype, input.shape.clone(), chunks, input.names.clone()))
}

/// The largest chunk that a reshape makes, in bytes.
pub(super) const LARGEST_RESHAPED: usize = 16 << 20;

/// The same elements, in C order, under another shape.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the numbers of elements differ.
#[track_caller]
pub fn reshape(input: &Expr, shape: &[usize]) -> Result<Expr> {
    let have = input.shape.known()?;
    let total = checked_size(&have);
    if checked_size(shape) != total {
        let why = format!("an array of shape {} cannot have shape {}", tuple(&have), tuple(shape));
        return Err(Error::shape("reshape", why));
    }
    if have == shape {
        return Ok(input.clone());
    }
    let long = |shape: &[usize]| (0..shape.len()).filter(|&a| shape[a] != 1).collect::<Vec<_>>();
    let (from, to) = (long(&have), long(shape));
    if from.iter().map(|&a| have[a]).eq(to.iter().map(|&a| shape[a])) {
        let mut axes = vec![AxisMap { out: None, offset: 0, stride: 0 }; have.len()];
        for (&f, &t) in from.iter().zip(&to) {
            axes[f] = AxisMap { out: Some(t), offset: 0, stride: 1 };
        }
        return Ok(view(input, Shape::new(shape), IndexMap { axes }));
    }
    // A reshape of a reshape only needs to know where the elements come from.
    let origin = if let ExprKind::Reshape { input: inner, .. } = &input.kind { inner } else { input };
    if origin.id() != input.id() {
        return reshape(origin, shape);
    }
    let reshape = Reshape::new(&have, shape);
    let chunks = reshape.chunks(&input.chunks, LARGEST_RESHAPED / input.dtype.size());
    let kind = ExprKind::Reshape { input: input.clone(), reshape };
    Ok(node(kind, input.dtype, Shape::new(shape), chunks, Vec::new()))
}

/// A reduction over `axes` (ascending); they stay, with length 1.
///
/// # Errors
/// What the reduction refuses.
#[track_caller]
pub fn reduce(input: &Expr, reduction: &'static dyn Reduction, axes: &[usize], params: Params) -> Result<Expr> {
    if !input.shape.is_known() {
        let axes = axes.to_vec();
        return when_known(reduction.name(), std::slice::from_ref(input), move |e| {
            reduce(&e[0], reduction, &axes, params)
        });
    }
    if let Some(time) = input.time {
        return times::reduce(input, time, reduction.name(), &|x, name| match find(name) {
            Some(own) => reduce(x, own, axes, params),
            None => Err(Error::bug(format!("there is the reduction {name}"))),
        });
    }
    let reduced: Vec<bool> = (0..input.shape.rank()).map(|a| axes.contains(&a)).collect();
    reduce_in(input, reduction, axes, params, tiling(&input.chunks, &reduced))
}

/// As [`reduce`], in tiles that the caller knows to be good; the axes that are not reduced are whole in it.
///
/// # Errors
/// As [`reduce`].
#[track_caller]
pub fn reduce_in(
    input: &Expr,
    reduction: &dyn Reduction,
    axes: &[usize],
    params: Params,
    tiling: Chunks,
) -> Result<Expr> {
    let lengths = input.shape.known()?;
    if axes.len() > 1 && axes.len() < lengths.len() && !reduction.many_axes() {
        return Err(Error::axis(reduction.name(), "takes one axis, or all of them"));
    }
    let count = axes.iter().map(|&a| lengths[a]).product();
    let reducer = reduction.reducer(input.dtype, &Params { count, ..params })?;
    reduce_tiled(input, reducer, axes, None, tiling)
}

/// A reduction of each group of positions along an axis, which stays with the groups as its positions.
///
/// # Errors
/// What the reduction refuses, for the smallest group; [`Unsupported`](crate::ErrorKind::Unsupported) for one that
/// gives positions.
#[track_caller]
pub fn reduce_groups(input: &Expr, reduction: &dyn Reduction, groups: &Groups, params: Params) -> Result<Expr> {
    let name = reduction.name();
    if !reduction.many_axes() {
        return Err(Error::unsupported(format!("{name} of groups, whose elements have no position of their own")));
    }
    if let Some(time) = input.time {
        return times::reduce(input, time, name, &|x, name| match find(name) {
            Some(own) => reduce_groups(x, own, groups, params),
            None => Err(Error::bug(format!("there is the reduction {name}"))),
        });
    }
    let sizes = groups.sizes();
    let count = sizes.iter().copied().min().unwrap_or(0);
    let params = Params { count, uneven: true, ..params };
    let reducer = reduction.reducer(input.dtype, &params).map_err(|e| match sizes.iter().position(|&n| n == 0) {
        Some(empty) => e.at(format!("for group {empty} of {}, which is empty", groups.count)),
        None => e,
    })?;
    reduce_with(input, reducer, &[groups.axis], Some(groups.clone()))
}

#[track_caller]
pub(super) fn reduce_with(input: &Expr, reducer: Reducer, axes: &[usize], groups: Option<Groups>) -> Result<Expr> {
    let reduced: Vec<bool> = (0..input.shape.rank()).map(|a| axes.contains(&a)).collect();
    reduce_tiled(input, reducer, axes, groups, tiling(&input.chunks, &reduced))
}

#[track_caller]
fn reduce_tiled(
    input: &Expr,
    reducer: Reducer,
    axes: &[usize],
    groups: Option<Groups>,
    tiling: Chunks,
) -> Result<Expr> {
    numbers_only(reducer.name, [input])?;
    let lengths = input.shape.known()?;
    let reduced: Vec<bool> = (0..lengths.len()).map(|a| axes.contains(&a)).collect();
    let left = |a: usize| groups.as_ref().filter(|g| g.axis == a).map_or(1, |g| g.count);
    let dims = input.shape.dims().iter().enumerate();
    let dims: Vec<Dim> = dims.map(|(a, &d)| if reduced[a] { Dim::Known(left(a)) } else { d }).collect();
    let cuts = input.chunks.axes().iter().enumerate();
    let cuts = cuts.map(|(a, c)| if reduced[a] { AxisChunks::regular(left(a), left(a)) } else { c.clone() });
    let chunks = Chunks::new(cuts.collect());
    let lanes = lanes(&lengths, &reduced, &tiling, Lanes::DEEP);
    let dtype = reducer.output();
    let names = without_coordinate(&input.names, |a| reduced[a]);
    let (input, reducer) = (input.clone(), Arc::new(reducer));
    let kind = ExprKind::Reduce { input, reducer, reduced, lanes, tiling, groups };
    Ok(node(kind, dtype, dims.into(), chunks, names))
}

/// What `input` has at these positions of an axis, in chunks `cuts` along it.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for a position that is not there.
#[track_caller]
pub fn take(input: &Expr, axis: usize, positions: Arc<[u32]>, cuts: AxisChunks) -> Result<Expr> {
    let lengths = input.shape.known()?;
    if let Some(beyond) = positions.iter().find(|&&p| p as usize >= lengths[axis]) {
        let why = format!("position {beyond} is out of bounds for axis {axis} with size {}", lengths[axis]);
        return Err(Error::index(why));
    }
    let mut dims: Vec<Dim> = input.shape.dims().to_vec();
    dims[axis] = Dim::Known(positions.len());
    let mut axes = input.chunks.axes().to_vec();
    axes[axis] = cuts;
    let mut names = input.names.clone();
    if let Some(Some(name)) = names.get_mut(axis) {
        *name = name.places(&positions);
    }
    let kind = ExprKind::Take { input: input.clone(), axis, positions };
    Ok(node(kind, input.dtype, dims.into(), Chunks::new(axes), names))
}

/// A scan along `axis`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where the scan is not defined for the elements.
#[track_caller]
pub fn scan(input: &Expr, scan: &'static Scan, axis: usize, dtype: Option<DType>) -> Result<Expr> {
    if !input.shape.is_known() {
        return when_known(scan.name, std::slice::from_ref(input), move |e| self::scan(&e[0], scan, axis, dtype));
    }
    if let Some(time) = input.time {
        return times::scan(input, time, scan.name, &|x, name| match find_scan(name) {
            Some(own) => self::scan(x, own, axis, dtype),
            None => Err(Error::bug(format!("there is the scan {name}"))),
        });
    }
    let lengths = input.shape.known()?;
    let scanner = scan.scanner(input.dtype, dtype)?;
    let along: Vec<bool> = (0..lengths.len()).map(|a| a == axis).collect();
    let tiling = tiling(&input.chunks, &along);
    let lanes = lanes(&lengths, &along, &tiling, 0);
    let tiles = tiling.axes()[axis].clone();
    let (dtype, names) = (scanner.output(), input.names.clone());
    let kind = ExprKind::Scan { input: input.clone(), scanner, axis, lanes, tiles };
    Ok(node(kind, dtype, input.shape.clone(), input.chunks.clone(), names))
}

/// What vectors hold while this reduction or scan runs: neighbouring outputs where there are many and they are
/// neighbours in memory or made of fewer than `deep` elements each, elements of one output otherwise.
fn lanes(lengths: &[usize], reduced: &[bool], tiling: &Chunks, deep: usize) -> Lanes {
    let inner = (0..lengths.len()).rev().find(|&a| lengths[a] > 1);
    let outputs: usize = lengths.iter().zip(reduced).filter(|(_, r)| !**r).map(|(n, _)| *n).product();
    let depth: usize = tiling.longest().iter().zip(reduced).filter(|(_, r)| **r).map(|(n, _)| *n).product();
    match inner {
        Some(a) if reduced[a] => {
            let run: usize = (0..=a).rev().take_while(|&k| reduced[k]).map(|k| tiling.axes()[k].longest()).product();
            if outputs >= 32 && (run < 32 || depth < deep) { Lanes::Outputs } else { Lanes::Elements }
        }
        _ if outputs >= 16 || depth < 64 => Lanes::Outputs,
        _ => Lanes::Elements,
    }
}

/// A user's function over the logical chunks of `inputs`, which must agree; the result has the first one's shape and
/// chunks.
///
/// # Errors
/// [`Chunks`](crate::ErrorKind::Chunks) when shapes or grids differ.
#[track_caller]
pub fn blocks(inputs: &[Expr], function: BlockFunction) -> Result<Expr> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument("map_blocks", "there is no array to map"));
    };
    if let Some(other) = inputs.iter().find(|e| e.shape != first.shape || e.chunks != first.chunks) {
        let (a, b) = (format!("{} in {}", first.shape, first.chunks), format!("{} in {}", other.shape, other.chunks));
        return Err(Error::chunks(format!("map_blocks needs equal grids and has {a} and {b}; rechunk one")));
    }
    let kind = ExprKind::Blocks { inputs: inputs.to_vec(), function: function.clone() };
    Ok(node(kind, function.output, first.shape.clone(), first.chunks.clone(), first.names.clone()))
}
