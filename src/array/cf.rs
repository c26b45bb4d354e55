//! CF conventions: what stored numbers stand for, as expressions, so that decoding fuses with whatever comes next.
//!
//! [`Packing`] is what the attributes of an array say, and [`decode`] the expression of its values: missing elements
//! become NaN, then comes the scale, then the offset, in the order and in the floats of xarray.
//! [`Context::open_decoded`] does it for a stored array; [`Context::open`] gives the numbers that are stored.

use super::Array;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::expr::{Expr, ExprKind};
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value as Register};
use crate::runtime::context::Context;
use crate::store::index::base64_float;
use crate::store::{self, Attributes, Info};
use serde_json::Value;
use std::path::Path;

mod packed;

pub(super) use packed::encode;
pub use packed::pack;

/// An attribute that is a number, and its element type where the format has one. Without one it is weak beside an
/// array.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    value: Scalar,
    dtype: Option<DType>,
}

impl Number {
    /// The type by itself.
    fn dtype(self) -> DType {
        self.dtype.unwrap_or(self.value.dtype())
    }
}

/// How the elements of a stored array stand for values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Packing {
    /// `_Unsigned`: whether integers are to be read with a sign or without one.
    unsigned: Option<bool>,
    scale: Option<Number>,
    offset: Option<Number>,
    /// `_FillValue` and `missing_value`.
    missing: Vec<Scalar>,
    /// The smallest and the largest value that is one, of the stored numbers.
    valid: [Option<Scalar>; 2],
    /// The same, of the values that they stand for.
    valid_values: [Option<Scalar>; 2],
    /// Whether integers stand for truth values, as xarray writes these.
    truth: bool,
}

impl Packing {
    /// What the attributes of a stored array say.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) for an attribute that is no number where one is meant.
    pub fn of(info: &Info) -> Result<Self> {
        if info.time.is_some() {
            return Ok(Self::default());
        }
        let one = |key: &str| match numbers(info, key)?.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(Number { value: *value, dtype: info.types.get(key).copied() })),
            many => Err(malformed(info, key, &format!("holds {} numbers, not one", many.len()))),
        };
        let mut out = Self { scale: one("scale_factor")?, offset: one("add_offset")?, ..Self::default() };
        if let Some(Value::String(text)) = info.attributes.get("_Unsigned")
            && info.dtype.is_integer()
        {
            out.unsigned = Some(text.eq_ignore_ascii_case("true"));
        }
        out.truth = info.dtype.is_integer() && info.attributes.get("dtype") == Some(&Value::from("bool"));
        for key in ["_FillValue", "missing_value"] {
            out.missing.extend(numbers(info, key)?);
        }
        // A coordinate misses nothing: there, the fill value of a format says what chunks that are not there hold.
        out.missing
            .extend(info.missing.filter(|_| !info.attributes.contains_key("_FillValue") && !is_coordinate(info)));
        let range = numbers(info, "valid_range")?;
        match range.as_slice() {
            [] => {
                out.limit(info, 0, "valid_min", one("valid_min")?.map(|n| n.value));
                out.limit(info, 1, "valid_max", one("valid_max")?.map(|n| n.value));
            }
            [low, high] => {
                out.limit(info, 0, "valid_range", Some(*low));
                out.limit(info, 1, "valid_range", Some(*high));
            }
            other => return Err(malformed(info, "valid_range", &format!("holds {} numbers, not two", other.len()))),
        }
        Ok(out)
    }

    /// One end of the valid range: of the stored numbers, unless floats are given for packed integers.
    fn limit(&mut self, info: &Info, end: usize, key: &str, value: Option<Scalar>) {
        let floats = info.types.get(key).map_or(matches!(value, Some(Scalar::Float(_))), |d| d.is_inexact());
        let of_values = self.is_packed() && info.dtype.is_integer() && floats;
        let place = if of_values { &mut self.valid_values } else { &mut self.valid };
        place[end] = value;
    }

    /// Whether there is a number, other than NaN, for what is missing.
    pub(super) fn fills(&self) -> bool {
        self.missing.iter().any(|m| !m.to_f64().is_nan())
    }

    fn is_packed(&self) -> bool {
        self.scale.is_some() || self.offset.is_some()
    }

    /// Whether the elements are the values.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether decoding leaves all elements of this type as they are: NaN may be what is missing among floats.
    #[must_use]
    pub fn keeps(&self, dtype: DType) -> bool {
        let stored = self.stored(dtype);
        !self.is_packed() && !self.masks() && stored == dtype && self.decoded(stored) == dtype
    }

    /// In words, for elements of this type: `float32, times 0.01, plus 273.15, missing -999`.
    #[must_use]
    pub fn describe(&self, dtype: DType) -> String {
        let stored = self.stored(dtype);
        let mut parts = vec![self.decoded(stored).to_string()];
        parts.extend(Some(format!("read as {stored}")).filter(|_| stored != dtype));
        parts.extend(self.scale.map(|n| format!("times {}", n.value)));
        parts.extend(self.offset.map(|n| format!("plus {}", n.value)));
        let mut missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        missing.dedup();
        parts.extend(Some(format!("missing {}", missing.join(" and "))).filter(|_| !missing.is_empty()));
        for [low, high] in [self.valid, self.valid_values] {
            parts.extend(low.map(|v| format!("at least {v}")));
            parts.extend(high.map(|v| format!("at most {v}")));
        }
        parts.join(", ")
    }

    /// The element type in which integers are read: without a sign, or with one, where `_Unsigned` says so.
    fn stored(&self, dtype: DType) -> DType {
        let pairs =
            [(DType::I8, DType::U8), (DType::I16, DType::U16), (DType::I32, DType::U32), (DType::I64, DType::U64)];
        match self.unsigned {
            Some(true) => pairs.iter().find(|(signed, _)| *signed == dtype).map_or(dtype, |(_, unsigned)| *unsigned),
            Some(false) => pairs.iter().find(|(_, unsigned)| *unsigned == dtype).map_or(dtype, |(signed, _)| *signed),
            None => dtype,
        }
    }

    /// Whether elements may be missing. NaN among integers is no value of theirs, so naming it means nothing.
    fn masks(&self) -> bool {
        let named = self.missing.iter().any(|m| !m.to_f64().is_nan());
        named || self.valid.iter().chain(&self.valid_values).any(Option::is_some)
    }

    /// The element type of the values; xarray's choice.
    fn decoded(&self, stored: DType) -> DType {
        let masks = self.masks();
        let integers = |d: DType| if d.size() <= 2 { DType::F32 } else { DType::F64 };
        match (self.scale, self.offset) {
            (None, None) if self.truth && !masks => DType::Bool,
            (None, None) if !masks || stored.is_inexact() => stored,
            (None, None) => integers(stored),
            // Floats that NaN marks as missing are not widened.
            _ if stored.is_inexact() && !masks && self.missing.iter().any(|m| m.to_f64().is_nan()) => stored,
            (Some(scale), Some(offset)) if scale.dtype() == offset.dtype() && is_wide(scale.dtype()) => {
                if stored.is_integer() && stored.size() == 4 { DType::F64 } else { scale.dtype() }
            }
            (_, Some(_)) => DType::F64,
            (Some(scale), None) if scale.dtype().is_inexact() => scale.dtype(),
            // A whole scale keeps integers whole, in a type that holds both, unless some are missing.
            (Some(scale), None) if !masks && stored.is_integer() => promote(stored, scale.dtype()),
            (Some(_), None) => DType::F64,
        }
    }
}

fn is_wide(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

/// Whether an array is the coordinate of its only dimension, by its name.
fn is_coordinate(info: &Info) -> bool {
    let own = Path::new(&info.path).file_name().and_then(|n| n.to_str());
    matches!(info.names.as_slice(), [Some(name)] if Some(name.as_str()) == own)
}

fn malformed(info: &Info, key: &str, why: &str) -> Error {
    Error::store(
        &info.path,
        format!("attribute `{key}` {why}; without decoding (--raw, Context::open) it does not matter"),
    )
}

/// The numbers of an attribute; none where it is missing.
fn numbers(info: &Info, key: &str) -> Result<Vec<Scalar>> {
    let list = match info.attributes.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let number = |v: &Value| number(v).ok_or_else(|| malformed(info, key, &format!("is {v}, which is no number")));
    list.iter().map(number).collect()
}

/// A number in JSON: NaN and infinities have names, and xarray writes floats in version 3 of Zarr as their bytes in
/// base 64.
fn number(value: &Value) -> Option<Scalar> {
    match value {
        Value::Number(n) => {
            let whole = n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
            whole.map(Scalar::Int).or_else(|| n.as_f64().map(Scalar::Float))
        }
        Value::Bool(v) => Some(Scalar::Int((*v).into())),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(Scalar::Float(f64::NAN)),
            "Infinity" => Some(Scalar::Float(f64::INFINITY)),
            "-Infinity" => Some(Scalar::Float(f64::NEG_INFINITY)),
            coded => base64_float(coded).map(Scalar::Float),
        },
        _ => None,
    }
}

/// A missing value as one of the stored numbers; `None` where none of them equals it.
fn constant(missing: Scalar, stored: DType) -> Option<Scalar> {
    if stored.is_inexact() {
        return Some(missing).filter(|m| !m.to_f64().is_nan());
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and far inside the range")]
    let whole = match missing {
        Scalar::Float(v) if v.fract() == 0.0 && v.abs() < 1e30 => Scalar::Int(v as i128),
        Scalar::Float(_) | Scalar::Complex(_) => return None,
        other => Scalar::Int(other.to_i128()),
    };
    Some(whole).filter(|w| w.fits(stored))
}

/// The values that the elements of `x` stand for. NaN is what is missing.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex elements.
#[track_caller]
pub fn decode(x: &Expr, packing: &Packing) -> Result<Expr> {
    if packing.is_plain() || x.dtype == DType::Bool {
        return Ok(x.clone());
    }
    if x.dtype.is_complex() {
        return Err(Error::dtype("decode", format!("CF conventions say nothing of {} elements", x.dtype)));
    }
    build::compose_typed("decode", &[Arg::Array(x.clone())], &[None], |p, v| {
        let stored = packing.stored(x.dtype);
        let dtype = packing.decoded(stored);
        let element = p.cast(v[0], stored);
        let value = p.cast(element, dtype);
        let value = match missing(p, packing, element, (x.dtype, stored))? {
            Some(condition) => nan_where(p, condition, value, dtype),
            None => value,
        };
        let value = scaled(p, ElementOp::Multiply, value, dtype, packing.scale)?;
        let value = scaled(p, ElementOp::Add, value, dtype, packing.offset)?;
        match outside(p, value, dtype, packing.valid_values)? {
            Some(condition) => Ok(nan_where(p, condition, value, dtype)),
            None => Ok(value),
        }
    })
}

fn nan_where(p: &mut Program, condition: Register, value: Register, dtype: DType) -> Register {
    let nan = p.constant(f64::NAN, dtype);
    p.select(condition, nan, value)
}

/// `value * by` or `value + by`: in the wider of both types where the attribute has one, then as before.
fn scaled(p: &mut Program, op: ElementOp, value: Register, dtype: DType, by: Option<Number>) -> Result<Register> {
    let Some(by) = by else { return Ok(value) };
    let wide = by.dtype.map_or(dtype, |own| promote(dtype, own));
    let (value, by) = (p.cast(value, wide), p.constant(by.value, wide));
    let result = p.op(op, &[value, by])?;
    Ok(p.cast(result, dtype))
}

/// Whether a stored number is missing; `None` where none is.
fn missing(
    p: &mut Program,
    packing: &Packing,
    element: Register,
    (kept, stored): (DType, DType),
) -> Result<Option<Register>> {
    let read = |s: Scalar| as_read(s, kept, stored);
    let mut condition = None;
    let mut known: Vec<Scalar> = packing.missing.iter().filter_map(|m| constant(read(*m), stored)).collect();
    known.dedup();
    for value in known {
        let value = p.constant(value, stored);
        let equal = p.op(ElementOp::Equal, &[element, value])?;
        condition = Some(either(p, condition, equal)?);
    }
    if let Some(beyond) = outside(p, element, stored, packing.valid.map(|end| end.map(read)))? {
        condition = Some(either(p, condition, beyond)?);
    }
    Ok(condition)
}

/// An attribute of numbers that are read with another sign, which is of the type that is stored.
fn as_read(number: Scalar, kept: DType, stored: DType) -> Scalar {
    match number {
        Scalar::Int(_) if kept != stored && number.fits(kept) => Scalar::from_bytes(stored, &number.to_bytes(kept)),
        other => other,
    }
}

/// Whether a value lies below or above a range; `None` where the range has no ends.
fn outside(p: &mut Program, value: Register, dtype: DType, range: [Option<Scalar>; 2]) -> Result<Option<Register>> {
    let mut condition = None;
    for (end, op) in range.into_iter().zip([ElementOp::Less, ElementOp::Greater]) {
        let Some(end) = end else { continue };
        // Beside integers, an end that is none of them is compared as a float.
        let compared = match end {
            Scalar::Int(_) if end.fits(dtype) => dtype,
            _ if dtype.kind() == Kind::Float => dtype,
            _ => DType::F64,
        };
        let (value, end) = (p.cast(value, compared), p.constant(end, compared));
        let beyond = p.op(op, &[value, end])?;
        condition = Some(either(p, condition, beyond)?);
    }
    Ok(condition)
}

fn either(p: &mut Program, a: Option<Register>, b: Register) -> Result<Register> {
    a.map_or(Ok(b), |a| p.op(ElementOp::LogicalOr, &[a, b]))
}

/// The attributes of the stored array that `x` shows: itself, parts of it, or its means and extremes. `None` for what
/// is computed otherwise. Attributes about stored numbers stay only where these are shown as they are.
#[must_use]
pub fn attributes(x: &Expr) -> Option<Attributes> {
    let (info, stored) = described(x)?;
    let mut attributes = info.attributes;
    if !stored {
        attributes.retain(|key, _| !PACKING.contains(&key.as_str()));
    }
    Some(attributes)
}

/// The attributes that say how numbers are stored.
pub(super) const PACKING: &[&str] = &[
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "valid_range",
    "valid_min",
    "valid_max",
    "actual_range",
    "_Unsigned",
    "dtype",
];

/// What is known of the stored array that `x` shows, and whether its elements are those that are stored.
fn described(x: &Expr) -> Option<(Info, bool)> {
    let (mut at, mut stored) = (x, true);
    loop {
        at = match &at.kind {
            ExprKind::Source(store) => return Some((store.info().clone(), stored)),
            ExprKind::View { input, .. }
            | ExprKind::Rechunk { input }
            | ExprKind::Reshape { input, .. }
            | ExprKind::Take { input, .. } => input,
            // As for xarray, what is joined is described by its first part.
            ExprKind::Concat { inputs, .. } => inputs.first()?,
            ExprKind::Reduce { input, reducer, .. } if keeps_units(reducer.name) => {
                stored = false;
                input
            }
            ExprKind::Elementwise { program, args } => match args.as_slice() {
                [input] if decodes(program, input) => {
                    stored = false;
                    input
                }
                _ => return None,
            },
            _ => return None,
        };
    }
}

fn keeps_units(reduction: &str) -> bool {
    ["mean", "min", "max", "nanmean", "nanmin", "nanmax"].contains(&reduction)
}

/// Whether a program over a stored array is what decodes it.
fn decodes(program: &Program, input: &Expr) -> bool {
    let ExprKind::Source(store) = &input.kind else { return false };
    let decoded = Packing::of(store.info()).and_then(|packing| decode(input, &packing));
    matches!(decoded.as_ref().map(|e| &e.kind), Ok(ExprKind::Elementwise { program: same, .. }) if same == program)
}

impl Context {
    /// The array at `path` as CF conventions have it: `scale_factor` and `add_offset` applied; elements equal to
    /// `_FillValue` or `missing_value`, and those outside `valid_range` (`valid_min`, `valid_max`), NaN; `_Unsigned`
    /// heeded. The fill value of Zarr v2, where dimensions are named, counts as `_FillValue`; that of v3 does not.
    /// Element types and rounding are those of xarray, except that xarray knows no valid range. Nothing is read, and
    /// what computes with the array decodes as it reads: [`Context::explain`] shows one stage.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let packed = cx.open("data/oisst_packed.nc/sst")?;
    /// let sst = cx.open_decoded("data/oisst_packed.nc/sst")?;
    /// assert_eq!((packed.dtype().name(), sst.dtype().name()), ("int16", "float32"));
    /// let warmest = cx.compute(sst.nanmax(..))?.to_ndarray::<f32>()?;
    /// assert!((warmest[[]] - 32.97).abs() < 1e-4);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::open`], and [`Store`](crate::ErrorKind::Store) for attributes that cannot be understood.
    #[track_caller]
    pub fn open_decoded(&self, path: impl AsRef<Path>) -> Result<Array> {
        let store = store::open(path)?;
        let packing = Packing::of(store.info())?;
        Ok(Array::of(decode(&build::source(store), &packing)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_that_no_integer_equals() {
        assert_eq!(constant(Scalar::Float(-999.0), DType::I16), Some(Scalar::Int(-999)));
        assert_eq!(constant(Scalar::Float(0.5), DType::I16), None);
        assert_eq!(constant(Scalar::Float(f64::NAN), DType::I16), None);
        assert_eq!(constant(Scalar::Int(40_000), DType::I16), None);
        assert_eq!(constant(Scalar::Float(1e20), DType::F32), Some(Scalar::Float(1e20)));
    }
}
