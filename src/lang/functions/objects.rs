//! Connected elements and what is measured of them, as `scipy.ndimage` names it.

use super::super::value::{Call, Function, Value};
use super::ndimage::{numbers, optional};
use super::row;
use crate::array::ndimage::label::{binary_fill_holes, label};
use crate::array::ndimage::measure::{Measure, center_of_mass, histogram, measured, position};
use crate::array::ndimage::objects::find_objects;
use crate::error::{Error, Result};

pub(super) static TABLE: &[Function] = &[
    row("ndimage.label", "input, structure=None, !output=None", |call| {
        let labels = label(call.array("input")?.expr(), optional(call, "structure")?.as_ref())?;
        Ok(Value::Tuple(labels.into_iter().map(Value::from).collect()))
    }),
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
