//! Elements counted in bins.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::Array;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::bins::{Rule, edges_by, histogram_by};
use crate::expr::build;
use crate::expr::tally::{Bins, Options, bincount, edges, histogram, histogramdd};
use crate::shape::slice::Item;

pub(super) static TABLE: &[Function] = &[
    row("bincount", "x, /, weights=None, minlength=0", |call| {
        // An empty list is one of integers here.
        let x = match call.required("x")? {
            list if list.items().is_some_and(<[Value]>::is_empty) => Array::from_expr(build::iota(0, None)),
            other => other.to_array()?,
        };
        let weights = call.given("weights").map(Value::to_array).transpose()?;
        if call.value("minlength").is_some_and(|v| matches!(v, Value::None)) {
            return call.refuse("`minlength` is an integer; 0 stands for none");
        }
        let least = call.count("minlength")?.unwrap_or(0);
        Ok(bincount(x.expr(), weights.as_ref().map(Array::expr), least)?.into())
    }),
    row("histogram", "a, bins=10, range=None, density=None, weights=None", |call| {
        let (x, options) = (call.array("a")?, options(call, 1)?);
        let (counts, edges) = match binning(call, call.value("bins"))? {
            By::Bins(bins) => histogram(x.expr(), &bins, &options)?,
            By::Rule(rule) => histogram_by(x.expr(), rule, &options)?,
        };
        Ok(Value::Tuple(vec![counts.into(), edges.into()]))
    }),
    row("histogram_bin_edges", "a, bins=10, range=None, weights=None", |call| {
        let (x, options, name) = (call.array("a")?, options(call, 1)?, "histogram_bin_edges");
        Ok(match binning(call, call.value("bins"))? {
            By::Bins(bins) => edges(name, x.expr(), &bins, options.range.first().copied().flatten(), true)?,
            By::Rule(_) if options.weights.is_some() => {
                return call.refuse("weighted elements need a number of bins");
            }
            By::Rule(rule) => edges_by(name, x.expr(), rule, &options)?,
        }
        .into())
    }),
    row("histogram2d", "x, y, bins=10, range=None, density=None, weights=None", |call| {
        let samples = [call.array("x")?, call.array("y")?];
        if let Some(other) = samples.iter().find(|s| s.ndim() != 1) {
            return call.refuse(format!("takes coordinates along one axis, not of shape {}", other.shape()));
        }
        let bins = match call.value("bins") {
            // More than two are edges along both axes.
            Some(list) if along_both(list)? => vec![one(call, list)?; 2],
            other => several(call, other, 2)?,
        };
        let samples: Vec<Expr> = samples.iter().map(|s| s.expr().clone()).collect();
        let (counts, edges) = histogramdd("histogram2d", &samples, &bins, &options(call, 2)?)?;
        Ok(Value::Tuple(std::iter::once(counts).chain(edges).map(Value::from).collect()))
    }),
    row("histogramdd", "sample, bins=10, range=None, density=None, weights=None", |call| {
        let samples = coordinates(call)?;
        let bins = several(call, call.value("bins"), samples.len())?;
        let (counts, edges) = histogramdd("histogramdd", &samples, &bins, &options(call, samples.len())?)?;
        let edges = edges.into_iter().map(Value::from).collect();
        Ok(Value::Tuple(vec![counts.into(), Value::Tuple(edges)]))
    }),
];

/// Whether `bins` of a histogram along two axes are edges along both.
fn along_both(bins: &Value) -> Result<bool> {
    Ok(match bins {
        Value::Array(array) if array.ndim() == 1 => array.shape().known()?[0] > 2,
        other => other.items().is_some_and(|items| items.len() > 2),
    })
}

enum By {
    Bins(Bins),
    Rule(Rule),
}

/// `bins`: a number of them, their edges, or the name of a rule.
fn binning(call: &Call, bins: Option<&Value>) -> Result<By> {
    Ok(match bins {
        None => By::Bins(Bins::Count(10)),
        Some(Value::Str(name)) => By::Rule(name.parse()?),
        Some(other) => By::Bins(one(call, other)?),
    })
}

/// A number of bins, or their edges.
fn one(call: &Call, bins: &Value) -> Result<Bins> {
    if let Some(count) = bins.as_integer() {
        return match usize::try_from(count) {
            Ok(count) if count > 0 => Ok(Bins::Count(count)),
            _ => call.refuse("`bins` must be positive"),
        };
    }
    let edges = match bins {
        Value::Array(_) | Value::List(_) | Value::Tuple(_) => bins.to_array()?,
        other => {
            let what = other.describe();
            return call.refuse(format!("`bins` must be an integer, a string or an array of edges, not {what}"));
        }
    };
    if edges.ndim() != 1 {
        return call.refuse(format!("`bins` must have one axis, when an array, not shape {}", edges.shape()));
    }
    Ok(Bins::Edges(edges.expr().clone()))
}

/// `bins` along several axes: one number for all, or what each has.
fn several(call: &Call, bins: Option<&Value>, axes: usize) -> Result<Vec<Bins>> {
    let Some(bins) = bins else { return Ok(vec![Bins::Count(10); axes]) };
    if bins.as_integer().is_some() {
        return Ok(vec![one(call, bins)?; axes]);
    }
    let list = bins.to_sequence()?;
    if list.len() != axes {
        return call.refuse(format!("`bins` of {} axes for samples of {axes} dimensions", list.len()));
    }
    list.iter().map(|bins| one(call, bins)).collect()
}

fn options(call: &Call, axes: usize) -> Result<Options> {
    let range = match call.given("range") {
        None => vec![None; axes],
        Some(range) if axes == 1 && range.items().is_none_or(|l| l.len() != 1) => vec![Some(pair(call, range)?)],
        Some(ranges) => {
            let list = ranges.to_sequence()?;
            if list.len() != axes {
                return call.refuse(format!("`range` has {} of {axes} pairs", list.len()));
            }
            let pair =
                |range: &Value| if matches!(range, Value::None) { Ok(None) } else { Ok(Some(pair(call, range)?)) };
            list.iter().map(pair).collect::<Result<_>>()?
        }
    };
    let weights = call.given("weights").map(Value::to_array).transpose()?.map(|w| w.expr().clone());
    Ok(Options { range, weights, density: call.flag("density", false)? })
}

/// The two ends of a range.
fn pair(call: &Call, range: &Value) -> Result<[f64; 2]> {
    let ends = range.items().unwrap_or_default();
    let ends: Option<Vec<f64>> =
        ends.iter().map(|v| if let Value::Scalar(s) = v { Some(s.to_f64()) } else { None }).collect();
    match ends.as_deref() {
        Some(&[first, last]) => Ok([first, last]),
        _ => call.refuse("`range` must be two numbers for each axis"),
    }
}

/// The coordinates of samples: rows of an array, or arrays in a list.
fn coordinates(call: &Call) -> Result<Vec<Expr>> {
    let sample = call.required("sample")?;
    if let Some(items) = sample.items() {
        let list = items.iter().map(|v| Ok(v.to_array()?.expr().clone())).collect::<Result<Vec<_>>>()?;
        if list.iter().all(|e| e.shape.rank() == 1) {
            return Ok(list);
        }
    }
    let array = sample.to_array()?;
    match array.ndim() {
        1 => Ok(vec![array.expr().clone()]),
        2 => {
            let columns = array.shape().known()?[1].cast_signed();
            (0..columns).map(|c| build::index(array.expr(), &[Item::from(..), Item::Index(c)])).collect()
        }
        _ => call.refuse(format!("samples are rows of a matrix, not of shape {}", array.shape())),
    }
}
