//! Constructors of histograms: elements counted in bins.

use super::build::{self, Arg};
use super::node::{Expr, ExprKind, Resume, node};
use super::pending::{pending, when_known};
use super::programs::numbers_only;
use crate::chunk::tiling::tallies;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind, promote::promote};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params};
use crate::op::regional::{BinRule, Binning, Edges, Regional, Tallied, Tally};
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape, size};
use num_complex::Complex64;

/// Bins along one axis.
#[derive(Debug, Clone)]
pub enum Bins {
    /// So many, at equal distances.
    Count(usize),
    /// Those between these edges, which ascend.
    Edges(Expr),
}

impl Bins {
    /// Their number, where it is known.
    fn count(&self) -> Result<usize> {
        Ok(match self {
            Self::Count(n) => *n,
            Self::Edges(edges) => edges.shape.known()?[0].saturating_sub(1),
        })
    }
}

/// What a histogram is of, beside elements and bins.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The ends of bins that are a number of them, one pair for each axis; those of the data where there is none.
    pub range: Vec<Option<[f64; 2]>>,
    /// What each element counts.
    pub weights: Option<Expr>,
    /// Whether results are divided by the lengths of bins and their sum.
    pub density: bool,
}

impl Options {
    fn range(&self, axis: usize) -> Option<[f64; 2]> {
        self.range.get(axis).copied().flatten()
    }
}

/// The edges of bins over the elements of `x`. With `keep`, those between the ends of a range have the dtype of
/// floating elements, or else that in which they are computed.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for no bins and for a range that is none.
#[track_caller]
pub fn edges(name: &'static str, x: &Expr, bins: &Bins, range: Option<[f64; 2]>, keep: bool) -> Result<Expr> {
    let count = match bins {
        Bins::Count(0) => return Err(Error::argument(name, "`bins` must be positive")),
        Bins::Count(count) => count + 1,
        Bins::Edges(given) => return checked(name, given),
    };
    if x.dtype.is_complex() {
        return Err(Error::dtype(name, format!("is not defined for {}", x.dtype)));
    }
    if let Some([first, last]) = range {
        if first > last {
            return Err(Error::argument(name, "max must be larger than min in the range"));
        }
        if !(first.is_finite() && last.is_finite()) {
            return Err(Error::argument(name, format!("the range of [{first}, {last}] is not finite")));
        }
    }
    let natural = if x.dtype.kind() == Kind::Float { x.dtype } else { DType::F64 };
    when_known(name, std::slice::from_ref(x), move |e| {
        let empty = size(&e[0].shape.known()?) == 0;
        let ends = match range.or(empty.then_some([0.0, 1.0])) {
            Some(ends) => ends
                .map(|end| build::full(&[], Scalar::Float(end), DType::F64, None))
                .into_iter()
                .collect::<Result<Vec<_>>>()?,
            None => vec![extreme(&e[0], "min", natural)?, extreme(&e[0], "max", natural)?],
        };
        let dtype = if keep { natural } else { ends[0].dtype };
        let op = Regional::Edges(Edges { name, count, dtype, even: true });
        let chunks = Chunks::whole(&[count]);
        Ok(node(ExprKind::Regional { inputs: ends, op }, dtype, Shape::from([count]), chunks, Vec::new()))
    })
}

/// Edges that are refused unless they ascend.
#[track_caller]
fn checked(name: &'static str, given: &Expr) -> Result<Expr> {
    if given.shape.rank() != 1 {
        return Err(Error::shape(name, format!("`bins` must have one axis, when an array, not shape {}", given.shape)));
    }
    if given.dtype.is_complex() {
        return Err(Error::dtype(name, format!("edges of bins are real numbers, not {}", given.dtype)));
    }
    when_known(name, std::slice::from_ref(given), move |e| {
        let (count, dtype) = (e[0].shape.known()?[0], e[0].dtype);
        let op = Regional::Edges(Edges { name, count, dtype, even: false });
        let chunks = Chunks::whole(&[count]);
        Ok(node(ExprKind::Regional { inputs: e.to_vec(), op }, dtype, Shape::from([count]), chunks, Vec::new()))
    })
}

/// The smallest or largest element of all.
#[track_caller]
fn extreme(x: &Expr, which: &str, dtype: DType) -> Result<Expr> {
    build::cast(&over_all(x, which)?, dtype)
}

/// A reduction of all elements to a number.
#[track_caller]
pub(super) fn over_all(x: &Expr, name: &str) -> Result<Expr> {
    let axes: Vec<usize> = (0..x.shape.rank()).collect();
    let reduction = reduction::find(name).ok_or_else(|| Error::bug(format!("there is a reduction {name}")))?;
    let kept = build::reduce(x, reduction, &axes, Params::default())?;
    build::index(&kept, &vec![Item::Index(0); axes.len()])
}

/// NumPy's `histogram`: how many elements of `x` are in each bin, and the edges of the bins.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for weights of another shape, and as [`edges`].
#[track_caller]
pub fn histogram(x: &Expr, bins: &Bins, options: &Options) -> Result<(Expr, Expr)> {
    let name = "histogram";
    let edges = edges(name, x, bins, options.range(0), true)?;
    if options.weights.as_ref().is_some_and(|w| w.shape != x.shape) {
        return Err(Error::shape(name, "weights must have the shape of the array"));
    }
    let bins = std::slice::from_ref(bins);
    let counts = |weights: Option<Expr>| {
        tally(name, std::slice::from_ref(x), std::slice::from_ref(&edges), bins, weights.as_ref())
    };
    let counts = match &options.weights {
        Some(weights) if weights.dtype.is_complex() => {
            let part = |op| build::element(op, &[Arg::Array(weights.clone())]);
            let (re, im) = (counts(Some(part(ElementOp::Real)?))?, counts(Some(part(ElementOp::Imag)?))?);
            let i = Arg::Scalar(Scalar::Complex(Complex64::new(0.0, 1.0)));
            let im = build::element(ElementOp::Multiply, &[Arg::Array(im), i])?;
            build::cast(&build::element(ElementOp::Add, &[Arg::Array(re), Arg::Array(im)])?, weights.dtype)?
        }
        Some(weights) => build::cast(&counts(Some(weights.clone()))?, weights.dtype)?,
        None => counts(None)?,
    };
    if !options.density {
        return Ok((counts, edges));
    }
    let sum = over_all(&counts, "sum")?;
    let divide = |a: Expr, b: Expr| build::element(ElementOp::Divide, &[Arg::Array(a), Arg::Array(b)]);
    Ok((divide(divide(counts, widths(&edges)?)?, sum)?, edges))
}

/// NumPy's `histogramdd` of samples whose coordinates are arrays of one shape, and the edges along every axis.
///
/// # Errors
/// As [`histogram`].
#[track_caller]
pub fn histogramdd(
    name: &'static str,
    samples: &[Expr],
    bins: &[Bins],
    options: &Options,
) -> Result<(Expr, Vec<Expr>)> {
    let Some(first) = samples.first() else { return Err(Error::argument(name, "there are no samples")) };
    if bins.len() != samples.len() {
        let why = format!("samples of {} dimensions have bins of {}", samples.len(), bins.len());
        return Err(Error::argument(name, why));
    }
    let others = samples.iter().chain(&options.weights);
    if let Some(other) = others.into_iter().find(|s| s.shape != first.shape) {
        return Err(Error::shape(name, format!("shapes {} and {} differ", first.shape, other.shape)));
    }
    if options.weights.as_ref().is_some_and(|w| w.dtype.is_complex()) {
        return Err(Error::dtype(name, "weights are real numbers"));
    }
    let dtype = samples.iter().map(|s| s.dtype).reduce(promote).unwrap_or(first.dtype);
    let samples = samples.iter().map(|s| build::cast(s, dtype)).collect::<Result<Vec<_>>>()?;
    let axes = samples.iter().zip(bins).enumerate();
    let edges = axes.map(|(a, (x, bins))| edges(name, x, bins, options.range(a), false)).collect::<Result<Vec<_>>>()?;
    let mut counts = build::cast(&tally(name, &samples, &edges, bins, options.weights.as_ref())?, DType::F64)?;
    if options.density {
        let sum = over_all(&counts, "sum")?;
        let divide = |a: &Expr, b: Expr| build::element(ElementOp::Divide, &[Arg::Array(a.clone()), Arg::Array(b)]);
        for (a, edges) in edges.iter().enumerate() {
            let beside = vec![Item::NewAxis; edges_after(samples.len(), a)];
            let widths = build::index(&widths(edges)?, &[vec![Item::from(..)], beside].concat())?;
            counts = divide(&counts, widths)?;
        }
        counts = divide(&counts, sum)?;
    }
    Ok((counts, edges))
}

/// How many axes of bins come after axis `a`.
fn edges_after(rank: usize, a: usize) -> usize {
    rank - 1 - a
}

/// The lengths of bins.
#[track_caller]
fn widths(edges: &Expr) -> Result<Expr> {
    let from = build::index(edges, &[Item::from(..-1)])?;
    let to = build::index(edges, &[Item::from(1..)])?;
    // The difference of truth values is not defined; that of the numbers is.
    let wide = |e: &Expr| if e.dtype == DType::Bool { build::cast(e, DType::F64) } else { Ok(e.clone()) };
    let widths = build::element(ElementOp::Subtract, &[Arg::Array(wide(&to)?), Arg::Array(wide(&from)?)])?;
    build::cast(&widths, DType::F64)
}

/// NumPy's `bincount`: how often `x` holds each number from 0 to the largest, or to `least` if that is more.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) unless `x`, and weights, have one axis of one length;
/// [`DType`](crate::ErrorKind::DType) unless `x` holds integers that fit `int64`; when it is computed,
/// [`Argument`](crate::ErrorKind::Argument) for negative ones.
#[track_caller]
pub fn bincount(x: &Expr, weights: Option<&Expr>, least: usize) -> Result<Expr> {
    let name = "bincount";
    if let Some(other) = std::iter::once(x).chain(weights).find(|e| e.shape.rank() != 1) {
        return Err(Error::shape(name, format!("takes arrays of one axis, not of shape {}", other.shape)));
    }
    if !(x.dtype == DType::Bool || x.dtype.is_integer()) {
        return Err(Error::dtype(name, format!("counts integers, not {}", x.dtype)));
    }
    // What int64 does not hold is negative then, and no bin.
    let x = &if x.dtype == DType::U64 { build::cast(x, DType::I64)? } else { x.clone() };
    if weights.is_some_and(|w| w.dtype.is_complex()) {
        return Err(Error::dtype(name, "weights are real numbers"));
    }
    let inputs: Vec<Expr> = std::iter::once(x).chain(weights).cloned().collect();
    when_known(name, &inputs, move |e| {
        let lengths = e.iter().map(|e| Ok(e.shape.known()?[0])).collect::<Result<Vec<_>>>()?;
        if lengths.iter().any(|n| *n != lengths[0]) {
            return Err(Error::shape(name, format!("{} weights for {} elements", lengths[1], lengths[0])));
        }
        let x = build::cast(&e[0], DType::I64)?;
        if lengths[0] == 0 {
            // Without elements NumPy counts, whether there are weights or not.
            return build::full(&[least], Scalar::Int(0), DType::I64, None);
        }
        let dtype = if e.len() > 1 { DType::F64 } else { DType::I64 };
        let most = most_positions(e[0].dtype).max(least);
        let facts = [over_all(&x, "min")?, over_all(&x, "max")?];
        let shape = Shape::from(vec![Dim::Unknown { id: x.id() as u64, max: most }]);
        let inputs: Vec<Expr> = std::iter::once(&x).chain(&e[1..]).cloned().collect();
        let resume = Resume::new(name, move |facts, inputs| {
            let values = facts.iter().map(|f| Ok(f.values::<i64>()?[0])).collect::<Result<Vec<_>>>()?;
            let [smallest, largest] = values[..] else { return Err(Error::bug("a least and a largest element")) };
            let Some(largest) = usize::try_from(largest).ok().filter(|_| smallest >= 0) else {
                return Err(Error::argument(name, "the array must have no negative elements"));
            };
            positions(name, &inputs[0], inputs.get(1), least.max(largest.saturating_add(1)))
        });
        Ok(pending(&inputs, &facts, (dtype, shape), resume))
    })
}

/// How many numbers from 0 on may be in an array of this dtype and be counted.
fn most_positions(dtype: DType) -> usize {
    match dtype {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::U16 => 1 << 16,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        _ => 1 << 32,
    }
}

/// How often `x` holds each number below `count`.
#[track_caller]
fn positions(name: &'static str, x: &Expr, weights: Option<&Expr>, count: usize) -> Result<Expr> {
    let binning = Binning { count, rule: BinRule::Positions };
    counted(name, std::slice::from_ref(x), None, &[binning], weighed(weights))
}

/// The least, or the largest, of `values` at the places where `x`, which has one axis, holds each number below `count`.
/// NaN is the largest; where a number is nowhere, what stands is the largest that there is, or the least.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex values.
#[track_caller]
pub fn extremes(name: &'static str, x: &Expr, values: &Expr, largest: bool, count: usize) -> Result<Expr> {
    let wide = match values.dtype {
        DType::Bool => DType::U8,
        DType::F16 | DType::BF16 => DType::F32,
        dtype if dtype.is_complex() => return Err(Error::dtype(name, format!("{dtype} has no order"))),
        dtype => dtype,
    };
    let what = if largest { Tallied::Largest(wide) } else { Tallied::Least(wide) };
    let binning = Binning { count, rule: BinRule::Positions };
    let x = build::cast(x, DType::I64)?;
    build::cast(&counted(name, std::slice::from_ref(&x), None, &[binning], (what, Some(values)))?, values.dtype)
}

/// How often `x`, which has one axis, holds each number below `count`, or what `weights` are there in all. Other
/// numbers do not count.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument), when it is computed, for negative numbers.
#[track_caller]
pub fn numbered(name: &'static str, x: &Expr, weights: Option<&Expr>, count: usize) -> Result<Expr> {
    positions(name, &build::cast(x, DType::I64)?, weights, count)
}

/// How many of `samples` are between `edges`, or what those weigh.
#[track_caller]
fn tally(name: &'static str, samples: &[Expr], edges: &[Expr], bins: &[Bins], weights: Option<&Expr>) -> Result<Expr> {
    let binning = |bins: &Bins| {
        let rule = if matches!(bins, Bins::Count(_)) { BinRule::Even } else { BinRule::Edges };
        Ok(Binning { count: bins.count()?, rule })
    };
    let binnings = bins.iter().map(binning).collect::<Result<Vec<_>>>()?;
    let dtypes = samples.iter().chain(edges).map(|e| e.dtype);
    let dtype = match dtypes.reduce(promote).unwrap_or(DType::F64) {
        DType::F16 | DType::BF16 => DType::F32,
        dtype if dtype.is_complex() => return Err(Error::dtype(name, format!("is not defined for {dtype}"))),
        dtype => dtype,
    };
    let wide = |e: &Expr| build::cast(e, dtype);
    let samples = samples.iter().map(wide).collect::<Result<Vec<_>>>()?;
    let edges = edges.iter().map(wide).collect::<Result<Vec<_>>>()?;
    let table = if let [one] = &edges[..] { one.clone() } else { build::concatenate(&edges, 0)? };
    counted(name, &samples, Some(&table), &binnings, weighed(weights))
}

/// Whether elements are counted or weighed.
fn weighed(weights: Option<&Expr>) -> (Tallied, Option<&Expr>) {
    (if weights.is_some() { Tallied::Sum } else { Tallied::Count }, weights)
}

/// What is made of `samples` in each bin, tile by tile, put together.
#[track_caller]
fn counted(
    name: &'static str,
    samples: &[Expr],
    table: Option<&Expr>,
    bins: &[Binning],
    (what, values): (Tallied, Option<&Expr>),
) -> Result<Expr> {
    numbers_only(name, samples.iter().chain(values))?;
    let dtype = what.output();
    let values = values.map(|v| build::cast(v, dtype)).transpose()?;
    let inputs: Vec<Expr> = samples.iter().chain(table).chain(&values).cloned().collect();
    let (axes, has_table, bins) = (samples.len(), table.is_some(), bins.to_vec());
    when_known(name, &inputs, move |e| {
        let counts: Vec<usize> = bins.iter().map(|b| b.count).collect();
        let total = crate::shape::checked_size(&counts).filter(|&n| n < u32::MAX as usize);
        let Some(total) = total else {
            return Err(Error::unsupported(format!("{name} of {} bins", crate::shape::tuple(&counts))));
        };
        if total == 0 {
            return build::full(&counts, Scalar::Int(0), dtype, None);
        }
        let lengths = e[0].shape.known()?;
        let seen = e[..axes].iter().chain(e[axes + usize::from(has_table)..].iter());
        let grids: Vec<&Chunks> = seen.map(|e| &e.chunks).collect();
        let tiles = tallies(&unify(&lengths, &grids), total);
        let rows = tiles.count();
        let (op, shape) =
            (Tally { name, tiles, bins: bins.clone(), dtype: e[0].dtype, what }, [vec![rows], counts.clone()].concat());
        let cut = |rows: AxisChunks| {
            let whole = Chunks::whole(&counts);
            Chunks::new([&[rows], whole.axes()].concat())
        };
        let kind = ExprKind::Regional { inputs: e.to_vec(), op: Regional::Tally(op) };
        let each = cut(AxisChunks::regular(rows, 1));
        let rows = node(kind, dtype, Shape::new(&shape), each.clone(), Vec::new());
        let join = reduction::find(what.joined_by()).ok_or_else(|| Error::bug("tiles are put together"))?;
        let all = build::reduce_in(&rows, join, &[0], Params::default(), each)?;
        build::index(&all, &[Item::Index(0)])
    })
}
