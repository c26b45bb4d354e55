//! Selections by name: positions of named axes, values of their coordinates, parts of times.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::Array;
use crate::array::coordinates::{self, Choice, Label, Method};
use crate::array::regrid::Missing;
use crate::array::time::{Part, part};
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};
use crate::expr::{build, times};
use crate::op::dates;
use crate::shape::axes::Axes;
use crate::shape::slice::Item;

pub(super) static TABLE: &[Function] = &[
    row("year", "times, /", label),
    row("month", "times, /", label),
    row("day", "times, /", label),
    row("hour", "times, /", label),
    row("minute", "times, /", label),
    row("second", "times, /", label),
    row("dayofyear", "times, /", label),
    row("dayofweek", "times, /", label),
    row("season", "times, /", label),
    row("regrid", "a, method=None, skipna=False, min_valid=0.0, **dims", regrid),
];

pub(super) const METHODS: &[Function] = &[
    row("sel", "a, method=None, tolerance=None, **dims", sel),
    row("isel", "a, **dims", isel),
    row("rename", "a, **dims", rename),
    row("coordinate", "a, name, /", |call| {
        Ok(coordinates::named(call.array("a")?.expr(), call.text("name", "")?)?.into())
    }),
];

/// A part of times.
fn label(call: &Call) -> Result<Value> {
    let found = Part::ALL.iter().find(|(name, _)| *name == call.name());
    let (_, which) = found.ok_or_else(|| Error::bug("every part of a time has a name"))?;
    Ok(part(call.array("times")?.expr(), *which).map_err(|e| e.at(format!("in {}", call.name())))?.into())
}

/// A field at other latitudes and longitudes.
fn regrid(call: &Call) -> Result<Value> {
    let x = call.array("a")?;
    let method = call.text("method", "bilinear")?.parse()?;
    let least = call.scalar("min_valid")?.map_or(0.0, Scalar::to_f64);
    let missing = if call.flag("skipna", false)? { Missing::Skip(least) } else { Missing::Spread };
    let mut to: Vec<(&str, Vec<f64>)> = Vec::new();
    for (name, value) in call.named() {
        to.push((name, coordinates::values(value.to_array()?.expr())?));
    }
    let is_latitude = |name: &str| name.to_ascii_lowercase().starts_with("lat");
    to.sort_by_key(|(name, _)| !is_latitude(name));
    let [(lat, up), (lon, along)] = &to[..] else {
        return call.refuse("takes the points along two dimensions, such as lat=[..], lon=[..]");
    };
    if !is_latitude(lat) || is_latitude(lon) {
        return call
            .refuse(format!("`{lat}` and `{lon}`: the name of one begins with `lat`, that of the other does not"));
    }
    Ok(x.regrid((lat, up), (lon, along), method, missing)?.into())
}

/// Positions by the values of coordinates.
fn sel(call: &Call) -> Result<Value> {
    let limit = call.scalar("tolerance")?.map(Scalar::to_f64);
    let method = match call.text("method", "")? {
        "" if limit.is_some() => return call.refuse("`tolerance` goes with a method, such as method='nearest'"),
        "" => Method::Exact,
        "nearest" => Method::Nearest(limit),
        "pad" | "ffill" => Method::Before(limit),
        "backfill" | "bfill" => Method::After(limit),
        other => return call.refuse(format!("`method` is nearest, pad, ffill, backfill or bfill, not {other}")),
    };
    let mut x = call.array("a")?.expr().clone();
    for (name, value) in call.named() {
        x = coordinates::select(&x, name, &choice(call, name, value)?, method)?;
    }
    Ok(x.into())
}

/// What a value selects of a coordinate.
fn choice(call: &Call, name: &str, value: &Value) -> Result<Choice> {
    let one = |value: &Value| match value {
        Value::Scalar(Scalar::Complex(_)) => call.refuse(format!("`{name}` is not complex")),
        Value::Scalar(scalar) => Ok(Label::At(scalar.to_f64())),
        Value::Str(text) => Ok(Label::Time(text.clone())),
        Value::Array(array) if array.ndim() == 0 => match labels(array)?.as_slice() {
            [one] => Ok(one.clone()),
            _ => call.refuse("an array of rank 0 has one element"),
        },
        other => {
            call.refuse(format!("`{name}` is selected by numbers, times, slices or lists, not {}", other.describe()))
        }
    };
    let bound = |v: &Value| if matches!(v, Value::None) { Ok(None) } else { one(v).map(Some) };
    #[expect(clippy::cast_precision_loss, reason = "a value of a coordinate")]
    let whole = |v: &Option<i128>| v.map(|v| Label::At(v as f64));
    Ok(match value {
        Value::Slice([start, stop, step]) => Choice::Range(whole(start), whole(stop), step.map(step_of)),
        Value::Span(bounds) => {
            let step = match &bounds[2] {
                Value::None => None,
                other => match other.as_integer() {
                    Some(step) => Some(step_of(step)),
                    None => return call.refuse(format!("the step of a slice is an integer, not {}", other.describe())),
                },
            };
            Choice::Range(bound(&bounds[0])?, bound(&bounds[1])?, step)
        }
        Value::Array(array) if array.ndim() == 1 => Choice::Many(labels(array)?),
        Value::Array(array) if array.ndim() == 0 => match labels(array)?.as_slice() {
            [one] => Choice::One(one.clone()),
            _ => return call.refuse("an array of rank 0 has one element"),
        },
        other => match other.items() {
            Some(items) => Choice::Many(items.iter().map(one).collect::<Result<_>>()?),
            None => Choice::One(one(other)?),
        },
    })
}

/// The elements of an array as labels: dates to the microsecond.
fn labels(array: &Array) -> Result<Vec<Label>> {
    match array.expr().time {
        Some(time) if time.is_date => {
            let exact = TimeType::date(Unit::Micro);
            let values = coordinates::values(&times::astype(array.expr(), exact)?)?;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and NaN is NaT")]
            let text = |v: f64| dates::text(exact, if v.is_nan() { NAT } else { v as i64 });
            Ok(values.into_iter().map(|v| Label::Time(text(v))).collect())
        }
        _ => Ok(coordinates::values(array.expr())?.into_iter().map(Label::At).collect()),
    }
}

fn step_of(step: i128) -> isize {
    isize::try_from(step).unwrap_or(0)
}

/// Positions of named axes.
fn isel(call: &Call) -> Result<Value> {
    let mut x = call.array("a")?.expr().clone();
    for (name, value) in call.named() {
        let axes = Axes::from(name.as_str()).resolve(call.name(), x.shape.rank(), &x.names)?;
        let axis = axes.first().copied().unwrap_or(0);
        let fits = |v: i128| isize::try_from(v).unwrap_or(if v < 0 { isize::MIN } else { isize::MAX });
        let item = match value {
            Value::Slice([start, stop, step]) => {
                let step = step.map_or(1, fits).max(-isize::MAX);
                Item::Slice { start: start.map(fits), stop: stop.map(fits), step }
            }
            one if one.as_integer().is_some() => Item::Index(one.as_integer().map_or(0, fits)),
            many => {
                let places: Vec<isize> = match (many, many.as_integers()) {
                    (_, Some(list)) => list.into_iter().map(fits).collect(),
                    (Value::Array(places), None) if places.ndim() == 1 && places.dtype().is_integer() =>
                    {
                        #[expect(clippy::cast_possible_truncation, reason = "integers, far inside the range of floats")]
                        coordinates::values(places.expr())?.into_iter().map(|v| v as isize).collect()
                    }
                    (other, None) => {
                        return call
                            .refuse(format!("`{name}` takes integers, slices and lists, not {}", other.describe()));
                    }
                };
                x = coordinates::positions(&x, axis, &places)?;
                continue;
            }
        };
        let mut items = vec![Item::from(..); axis];
        items.push(item);
        x = build::index(&x, &items)?;
    }
    Ok(x.into())
}

/// Other names for axes; coordinates stay.
fn rename(call: &Call) -> Result<Value> {
    let array: Array = call.array("a")?;
    let mut names = array.expr().names.clone();
    let old = array.expr().names.clone();
    for (name, value) in call.named() {
        let axes = Axes::from(name.as_str()).resolve(call.name(), array.ndim(), &old)?;
        let Value::Str(new) = value else {
            return call.refuse(format!("`{name}` gets a name, not {}", value.describe()));
        };
        if let Some(Some(name)) = axes.first().and_then(|&a| names.get_mut(a)) {
            *name = name.renamed(new);
        }
    }
    let twice = (0..names.len()).find(|&i| names[i].is_some() && names[..i].contains(&names[i]));
    match twice.and_then(|i| names[i].clone()) {
        Some(name) => call.refuse(format!("two axes cannot both be called `{name}`")),
        None => Ok(array.expr().with_names(names).into()),
    }
}
