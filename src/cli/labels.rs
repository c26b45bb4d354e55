//! What is written on the picture of an array: names, units and coordinates of its axes, from its attributes.

use super::plot::{Axis, Labels};
use crate::array::Array;
use crate::array::{cf, coordinates, time};
use crate::dtype::DType;
use crate::error::Result;
use crate::expr::Expr;
use crate::shape::slice::Item;
use crate::store::Attributes;
use serde_json::Value;

/// The array as it is drawn: with the north on top.
///
/// # Errors
/// When a coordinate cannot be read.
pub fn upright(array: &Array) -> Result<Array> {
    if array.ndim() != 2 || !array.shape().is_known() {
        return Ok(array.clone());
    }
    let Some(rows) = coordinates::of_axis(array.expr(), 0)? else { return Ok(array.clone()) };
    let values = coordinates::values(&rows)?;
    if !is_northward(&rows) || values.first() >= values.last() {
        return Ok(array.clone());
    }
    let reversed = Item::Slice { start: None, stop: None, step: -1 };
    Ok(Array::from_expr(crate::expr::build::index(array.expr(), &[reversed])?))
}

/// Whether a coordinate counts towards the north.
fn is_northward(coordinate: &Expr) -> bool {
    let attributes = cf::attributes(coordinate).unwrap_or_default();
    let is = |key: &str, what: &[&str]| text(&attributes, key).is_some_and(|t| what.contains(&t));
    is("units", &["degrees_north", "degree_north", "degrees_N", "degree_N"])
        || is("standard_name", &["latitude", "grid_latitude", "projection_y_coordinate"])
}

/// Title, axes and values of a picture of `array`.
///
/// # Errors
/// When a coordinate cannot be read.
pub fn labels(title: &str, array: &Array) -> Result<Labels> {
    let attributes = cf::attributes(array.expr()).unwrap_or_default();
    let name = text(&attributes, "long_name").or(text(&attributes, "standard_name"));
    let values = match (name, units(&attributes)) {
        (Some(name), Some(units)) => format!("{} ({units})", name.replace('_', " ")),
        (Some(one), None) => one.replace('_', " "),
        (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    };
    let axes = array.names().iter().enumerate().map(|(axis, name)| {
        let name = name.as_ref().map(ToString::to_string).unwrap_or_default();
        let Some(coordinate) = coordinates::of_axis(array.expr(), axis)? else {
            return Ok(Axis { name, ..Axis::default() });
        };
        let attributes = cf::attributes(&coordinate).unwrap_or_default();
        // Units that are not understood are no reason to draw nothing.
        let clock = time::clock(&coordinate).ok().flatten();
        let name = match units(&attributes).filter(|_| clock.is_none()) {
            Some(units) => format!("{name} ({units})"),
            None => name,
        };
        Ok(Axis { name, coordinates: coordinates::values(&coordinate)?, clock })
    });
    Ok(Labels { title: title.to_owned(), values, axes: axes.collect::<Result<_>>()? })
}

/// What is written on a histogram of `values`.
#[must_use]
pub fn histogram_labels(title: &str, values: &str, counts: DType) -> Labels {
    let upright = if counts.is_inexact() { "density" } else { "count" };
    let axis = Axis { name: values.to_owned(), ..Axis::default() };
    Labels { title: title.to_owned(), values: upright.to_owned(), axes: vec![axis] }
}

fn text<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a str> {
    attributes.get(key).and_then(Value::as_str).filter(|t| !t.is_empty())
}

fn units(attributes: &Attributes) -> Option<&str> {
    text(attributes, "units").filter(|u| *u != "1")
}
