//! Connected elements and what is measured of them, as `scipy.ndimage` names it.

use super::super::value::{Call, Function, Value};
use super::ndimage::{numbers, optional};
use super::row;
use crate::array::ndimage::distance::{Nowhere, distance_transform};
use crate::array::ndimage::label::{binary_fill_holes, label};
use crate::array::ndimage::measure::{Measure, center_of_mass, histogram, measured, position};
use crate::array::ndimage::objects::find_objects;
use crate::error::{Error, Result};
use crate::op::regional::nearest::Metric;

pub(super) static TABLE: &[Function] = &[
    row("ndimage.label", "input, structure=None, !output=None", |call| {
        let labels = label(call.array("input")?.expr(), optional(call, "structure")?.as_ref())?;
        Ok(Value::Tuple(labels.into_iter().map(Value::from).collect()))
    }),
    row(
        "ndimage.distance_transform_edt",
        "input, sampling=None, return_distances=True, return_indices=False, !distances=None, !indices=None",
        |call| distances(call, Metric::Euclidean, Nowhere::Before),
    ),
    row(
        "ndimage.distance_transform_bf",
        "input, metric='euclidean', sampling=None, return_distances=True, return_indices=False, !distances=None, \
         !indices=None",
        |call| distances(call, metric(call, "euclidean")?, Nowhere::Largest),
    ),
    row(
        "ndimage.distance_transform_cdt",
        "input, metric='chessboard', return_distances=True, return_indices=False, !distances=None, !indices=None",
        |call| distances(call, metric(call, "chessboard")?, Nowhere::Negative),
    ),
    row("ndimage.binary_fill_holes", "input, structure=None, !output=None, origin=0, *, !axes=None", |call| {
        if call.integers("origin")?.is_some_and(|origins| origins.iter().any(|o| *o != 0)) {
            return Err(Error::unsupported("an `origin` of binary_fill_holes is not offered"));
        }
        Ok(binary_fill_holes(call.array("input")?.expr(), optional(call, "structure")?.as_ref())?.into())
    }),
    row("ndimage.center_of_mass", LABELS, |call| {
        let (labels, index) = (optional(call, "labels")?, optional(call, "index")?);
        Ok(center_of_mass(call.array("input")?.expr(), labels.as_ref(), index.as_ref())?.into())
    }),
    row("ndimage.sum_labels", LABELS, |call| of_labels(call, Measure::Sum)),
    row("ndimage.sum", LABELS, |call| of_labels(call, Measure::Sum)),
    row("ndimage.mean", LABELS, |call| of_labels(call, Measure::Mean)),
    row("ndimage.variance", LABELS, |call| of_labels(call, Measure::Variance)),
    row("ndimage.standard_deviation", LABELS, |call| of_labels(call, Measure::StandardDeviation)),
    row("ndimage.minimum", LABELS, |call| of_labels(call, Measure::Minimum)),
    row("ndimage.maximum", LABELS, |call| of_labels(call, Measure::Maximum)),
    row("ndimage.median", LABELS, |call| of_labels(call, Measure::Median)),
    row("ndimage.minimum_position", LABELS, |call| place_of_labels(call, false)),
    row("ndimage.maximum_position", LABELS, |call| place_of_labels(call, true)),
    row("ndimage.extrema", LABELS, |call| {
        Ok(Value::Tuple(vec![
            of_labels(call, Measure::Minimum)?,
            of_labels(call, Measure::Maximum)?,
            place_of_labels(call, false)?,
            place_of_labels(call, true)?,
        ]))
    }),
    row("ndimage.histogram", "input, min, max, bins, labels=None, index=None", |call| {
        let Some(bins) = call.count("bins")? else { return call.refuse("`bins` must be an integer") };
        let ends = (number(call, "min")?, number(call, "max")?, bins);
        let (labels, index) = (optional(call, "labels")?, optional(call, "index")?);
        Ok(histogram(call.array("input")?.expr(), ends, labels.as_ref(), index.as_ref())?.into())
    }),
    row("ndimage.find_objects", "input, max_label=0", |call| {
        let most = call.integer("max_label")?.and_then(|n| usize::try_from(n).ok());
        Ok(find_objects(call.array("input")?.expr(), most)?.into())
    }),
];

const LABELS: &str = "input, labels=None, index=None";

fn of_labels(call: &Call, what: Measure) -> Result<Value> {
    let (x, labels, index) = (call.array("input")?, optional(call, "labels")?, optional(call, "index")?);
    Ok(measured(call.name(), x.expr(), labels.as_ref(), index.as_ref(), what)?.into())
}

fn place_of_labels(call: &Call, largest: bool) -> Result<Value> {
    let (x, labels, index) = (call.array("input")?, optional(call, "labels")?, optional(call, "index")?);
    Ok(position(call.name(), x.expr(), labels.as_ref(), index.as_ref(), largest)?.into())
}

/// An argument as one number.
fn number(call: &Call, param: &str) -> Result<f64> {
    match numbers(call, param)?[..] {
        [one] => Ok(one),
        _ => call.refuse(format!("`{param}` must be one number")),
    }
}

/// The metric that a name stands for. Of chamfers, those by name are offered.
fn metric(call: &Call, default: &'static str) -> Result<Metric> {
    match call.text("metric", default)? {
        "euclidean" if default == "euclidean" => Ok(Metric::Euclidean),
        "taxicab" | "cityblock" | "manhattan" => Ok(Metric::Taxicab),
        "chessboard" => Ok(Metric::Chessboard),
        other => call.refuse(format!("there is no metric `{other}`")),
    }
}

/// Distances from the nearest element that is 0, its index, or both.
fn distances(call: &Call, metric: Metric, nowhere: Nowhere) -> Result<Value> {
    let x = call.array("input")?;
    let edt_or_bf = nowhere != Nowhere::Negative;
    if !edt_or_bf && x.ndim() == 0 {
        return call.refuse("`input` has no axes");
    }
    let sampling = if edt_or_bf && call.given("sampling").is_some() { numbers(call, "sampling")? } else { vec![1.0] };
    let axes = if nowhere == Nowhere::Before { x.ndim().max(1) } else { x.ndim() };
    if edt_or_bf && call.given("sampling").is_some_and(|v| v.items().is_some()) && sampling.len() != axes {
        return call.refuse(format!("`sampling` has {} items for {axes} axes", sampling.len()));
    }
    let [far, which] = distance_transform(x.expr(), metric, &sampling, nowhere)?;
    match (call.flag("return_distances", true)?, call.flag("return_indices", false)?) {
        (true, true) => Ok(Value::Tuple(vec![far.into(), which.into()])),
        (true, false) => Ok(far.into()),
        (false, true) => Ok(which.into()),
        (false, false) => call.refuse("`return_distances` or `return_indices` must be true"),
    }
}
