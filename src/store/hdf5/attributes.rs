//! Attributes as JSON, both ways, and the names of dimensions.
//!
//! Numbers, truth values and text become JSON values, or nested lists of them; a list of one element (as NetCDF-4
//! stores every attribute) becomes the element. NaN and infinities become the strings `NaN`, `Infinity` and
//! `-Infinity`, as in Zarr. What JSON cannot hold is left out, as are the attributes by which HDF5 and NetCDF-4 keep
//! their own books.

use super::ffi::attribute as raw;
use super::ffi::types::{self, Class};
use super::ffi::{self, Id, Identity};
use super::types::Stored;
use crate::cpu::copy::swap_bytes;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::store::{Attributes, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::CStr;

/// The books of HDF5's dimension scales and of NetCDF-4.
const HIDDEN: [&str; 8] = [
    "CLASS",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_nc3_strict",
    "_NCProperties",
];

/// The attributes of a group or dataset, and the element types of those that are numbers; whatever cannot be read is
/// left out.
pub(super) fn read_all(object: &Id) -> (Attributes, BTreeMap<String, DType>) {
    let scale = is_scale(object);
    let hidden = |name: &str| match name {
        "CLASS" | "NAME" => scale,
        other => HIDDEN.contains(&other),
    };
    let (mut out, mut kinds) = (Attributes::new(), BTreeMap::new());
    for name in raw::names(object).unwrap_or_default() {
        let key = name.to_string_lossy().into_owned();
        if hidden(&key) {
            continue;
        }
        let Ok(attribute) = raw::open(object, &name) else { continue };
        if let Some(value) = value(&attribute) {
            let dtype = types::of_attribute(&attribute).ok().and_then(|of| Stored::of(&of).ok()).map(|s| s.dtype);
            kinds.extend(dtype.map(|dtype| (key.clone(), dtype)));
            out.insert(key, value);
        }
    }
    (out, kinds)
}

fn is_scale(object: &Id) -> bool {
    read_text(object, c"CLASS").as_deref() == Some("DIMENSION_SCALE")
}

/// Whether a dataset is there for the sake of a dimension of NetCDF-4 alone, which has no coordinate.
pub(super) fn is_bare_dimension(object: &Id) -> bool {
    const NAME: &str = "This is a netCDF dimension but not a netCDF variable";
    is_scale(object) && read_text(object, c"NAME").is_some_and(|name| name.starts_with(NAME))
}

fn read_text(object: &Id, name: &CStr) -> Option<String> {
    if !raw::exists(object, name) {
        return None;
    }
    match value(&raw::open(object, name).ok()?)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// An attribute as JSON.
fn value(attribute: &Id) -> Option<Value> {
    let extent = types::extent(&types::space_of_attribute(attribute).ok()?).ok()?;
    let of = types::of_attribute(attribute).ok()?;
    let text = types::class(&of) == Class::String;
    let Some(extent) = extent else {
        return text.then(|| Value::String(String::new()));
    };
    let items = if text { texts(attribute, &of)? } else { numbers(attribute, &of)? };
    let dims: Vec<usize> = extent.dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<_>>()?;
    nested(&mut items.into_iter(), if dims == [1] { &[] } else { &dims })
}

/// The items as a list of lists of this shape.
fn nested(items: &mut dyn Iterator<Item = Value>, dims: &[usize]) -> Option<Value> {
    match dims {
        [] => items.next(),
        [first, rest @ ..] => {
            let list: Option<Vec<Value>> = (0..*first).map(|_| nested(items, rest)).collect();
            list.map(Value::Array)
        }
    }
}

fn texts(attribute: &Id, of: &Id) -> Option<Vec<Value>> {
    if types::is_variable_string(of) {
        return Some(raw::read_strings(attribute).ok()?.into_iter().map(Value::String).collect());
    }
    let width = types::size(of);
    let bytes = raw::read(attribute, of).ok()?;
    let spaces = types::is_space_padded(of);
    let one = |bytes: &[u8]| {
        let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        Value::String(if spaces { text.trim_end_matches(' ').to_owned() } else { text.into_owned() })
    };
    (width > 0).then(|| bytes.chunks_exact(width).map(one).collect())
}

fn numbers(attribute: &Id, of: &Id) -> Option<Vec<Value>> {
    let stored = Stored::of(of).ok()?;
    let bytes = if stored.direct {
        let mut bytes = raw::read(attribute, of).ok()?;
        swap_bytes(&mut bytes, stored.swap);
        bytes
    } else {
        raw::read(attribute, &stored.memory(of).ok()?).ok()?
    };
    bytes.chunks_exact(stored.dtype.size()).map(|b| json(Scalar::from_bytes(stored.dtype, b))).collect()
}

/// The names of the scales seen so far in one file: to find the name of an object by itself, the library walks the
/// file.
#[derive(Debug, Default)]
pub(super) struct Scales(Vec<(Identity, Option<String>)>);

impl Scales {
    fn name(&mut self, scale: &Id) -> Option<String> {
        let identity = ffi::identity(scale).ok()?;
        if let Some((_, name)) = self.0.iter().find(|(known, _)| *known == identity) {
            return name.clone();
        }
        let name = ffi::object_name(scale).and_then(|path| last_part(&path));
        self.0.push((identity, name.clone()));
        name
    }
}

fn last_part(path: &str) -> Option<String> {
    path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The names of a dataset's dimensions: of the scales attached to them, of the dataset itself where it is a scale, or
/// its labels. Empty where it has none.
pub(super) fn dimension_names(dataset: &Id, own_path: &str, rank: usize, scales: &mut Scales) -> Vec<Option<String>> {
    let mut names = attached(dataset, rank, scales).unwrap_or_else(|| vec![None; rank]);
    if rank == 1 && names[0].is_none() && is_scale(dataset) {
        names[0] = last_part(own_path);
    }
    if names.iter().any(Option::is_none)
        && let Some(labels) = labels(dataset).filter(|l| l.len() == rank)
    {
        for (name, label) in names.iter_mut().zip(labels) {
            if name.is_none() && !label.is_empty() {
                *name = Some(label);
            }
        }
    }
    if names.iter().all(Option::is_none) { Vec::new() } else { names }
}

fn attached(dataset: &Id, rank: usize, scales: &mut Scales) -> Option<Vec<Option<String>>> {
    if !raw::exists(dataset, c"DIMENSION_LIST") {
        return None;
    }
    let attribute = raw::open(dataset, c"DIMENSION_LIST").ok()?;
    let found = raw::read_first_references(dataset, &attribute).ok().filter(|f| f.len() == rank)?;
    Some(found.into_iter().map(|scale| scales.name(&scale?)).collect())
}

fn labels(dataset: &Id) -> Option<Vec<String>> {
    if !raw::exists(dataset, c"DIMENSION_LABELS") {
        return None;
    }
    let attribute = raw::open(dataset, c"DIMENSION_LABELS").ok()?;
    let text = |v: Value| if let Value::String(s) = v { s } else { String::new() };
    let of = types::of_attribute(&attribute).ok().filter(|of| types::class(of) == Class::String)?;
    Some(texts(&attribute, &of)?.into_iter().map(text).collect())
}

/// Adds the attributes and the dimension labels of a new array. Objects become JSON text; nulls are left out.
pub(super) fn write_all(
    object: &Id,
    attributes: &Attributes,
    names: &[Option<String>],
    dtype: DType,
    types: &BTreeMap<String, DType>,
) -> ffi::Res<()> {
    for (key, value) in attributes {
        write(object, key, value, dtype, types.get(key).copied()).map_err(|e| format!("attribute `{key}`: {e}"))?;
    }
    if names.iter().any(Option::is_some) {
        let labels: Vec<&str> = names.iter().map(|n| n.as_deref().unwrap_or("")).collect();
        write_texts(object, "DIMENSION_LABELS", &labels, true)?;
    }
    Ok(())
}

fn write(object: &Id, key: &str, value: &Value, dtype: DType, typed: Option<DType>) -> ffi::Res<()> {
    let (items, list) = match value {
        Value::Null => return Ok(()),
        Value::Array(items) => (items.as_slice(), true),
        one => (std::slice::from_ref(one), false),
    };
    let in_dtype = matches!(key, "_FillValue" | "missing_value" | "valid_min" | "valid_max" | "valid_range");
    if let Some(values) = items.iter().map(|v| number(v, in_dtype)).collect::<Option<Vec<Scalar>>>() {
        return write_numbers(object, key, &values, list, if in_dtype { Some(dtype) } else { typed });
    }
    if let Some(values) = items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>() {
        return write_texts(object, key, &values, list);
    }
    write_texts(object, key, &[&value.to_string()], false)
}

/// A JSON number or truth value; with `special`, also the strings that stand for NaN and infinities.
fn number(value: &Value, special: bool) -> Option<Scalar> {
    match value {
        Value::Bool(v) => Some(Scalar::Bool(*v)),
        Value::Number(n) => n
            .as_i64()
            .map(Scalar::from)
            .or_else(|| n.as_u64().map(Scalar::from))
            .or_else(|| n.as_f64().map(Scalar::Float)),
        Value::String(text) if special => match text.as_str() {
            "NaN" => Some(Scalar::Float(f64::NAN)),
            "Infinity" => Some(Scalar::Float(f64::INFINITY)),
            "-Infinity" => Some(Scalar::Float(f64::NEG_INFINITY)),
            _ => None,
        },
        _ => None,
    }
}

fn write_numbers(object: &Id, key: &str, values: &[Scalar], list: bool, wanted: Option<DType>) -> ffi::Res<()> {
    let any = |d: DType| values.iter().any(|v| v.dtype() == d);
    let dtype = match wanted {
        Some(d) if values.iter().all(|v| v.fits(d) && (d.is_inexact() || !matches!(v, Scalar::Float(_)))) => d,
        _ if any(DType::F64) || values.is_empty() => DType::F64,
        _ if any(DType::U64) => DType::U64,
        _ if any(DType::I64) => DType::I64,
        _ => DType::Bool,
    };
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_bytes(dtype)[..dtype.size()].to_vec()).collect();
    let dims = if list { vec![values.len() as u64] } else { Vec::new() };
    raw::write(object, &ffi::c_name(key)?, &types::native(dtype)?, &dims, &data)
}

fn write_texts(object: &Id, key: &str, values: &[&str], list: bool) -> ffi::Res<()> {
    let texts: Vec<_> = values.iter().map(|v| ffi::c_name(v)).collect::<ffi::Res<_>>()?;
    let dims = if list { vec![values.len() as u64] } else { Vec::new() };
    raw::write_strings(object, &ffi::c_name(key)?, &dims, &texts)
}
