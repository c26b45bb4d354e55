//! A NetCDF-3 file as it is to be: its dimensions, attributes and variables, where their data goes, and its header as
//! bytes.

use super::header::{self, Header, Kind, Version};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::shape;
use crate::store::Attributes;
use serde_json::Value;
use std::collections::BTreeMap;

/// Room that a header leaves behind itself, for arrays that are added.
const ROOM: u64 = 4 << 10;

/// Why something is not written.
pub(super) type Outcome<T> = Result<T, String>;

/// A file.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) variables: Vec<Variable>,
    /// The number of records.
    pub(super) records: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) is_record: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    kind: Kind,
    /// Big-endian values.
    values: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Places among the dimensions.
    pub(super) dimensions: Vec<usize>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) kind: Kind,
    /// Where its data begins, or that of its first record.
    pub(super) begin: u64,
}

impl Kind {
    /// The number by which a header names it.
    fn code(self) -> u32 {
        match self {
            Self::Text => 2,
            Self::Number(dtype) => match dtype {
                DType::I8 => 1,
                DType::I16 => 3,
                DType::I32 => 4,
                DType::F32 => 5,
                DType::F64 => 6,
                DType::U8 => 7,
                DType::U16 => 8,
                DType::U32 => 9,
                DType::I64 => 10,
                _ => 11,
            },
        }
    }
}

/// The type in which elements are stored; truth values are bytes, as xarray has them.
pub(super) fn stored(dtype: DType) -> Outcome<DType> {
    match dtype {
        DType::Bool => Ok(DType::I8),
        DType::F16 | DType::BF16 | DType::C64 | DType::C128 => {
            Err(format!("NetCDF-3 has no {dtype}; convert it first, or write NetCDF-4 or Zarr"))
        }
        other => Ok(other),
    }
}

/// The bytes of a number, big-endian.
fn big_endian(value: Scalar, dtype: DType) -> Vec<u8> {
    let mut bytes = value.to_bytes(dtype)[..dtype.size()].to_vec();
    super::to_native(&mut bytes, dtype);
    bytes
}

impl Attribute {
    /// An attribute of an array of type `dtype`; `None` for what has no value.
    fn new(name: &str, value: &Value, dtype: DType, typed: Option<DType>) -> Option<Self> {
        let (items, name) = (
            if let Value::Array(items) = value { items.as_slice() } else { std::slice::from_ref(value) },
            name.to_owned(),
        );
        if *value == Value::Null {
            return None;
        }
        let of_elements =
            ["_FillValue", "missing_value", "valid_min", "valid_max", "valid_range"].contains(&name.as_str());
        let number = |v: &Value| match v {
            Value::Bool(v) => Some(Scalar::Int((*v).into())),
            Value::Number(n) => n.as_i64().map(|n| Scalar::Int(n.into())).or_else(|| n.as_f64().map(Scalar::Float)),
            Value::String(text) if of_elements => match text.as_str() {
                "NaN" => Some(Scalar::Float(f64::NAN)),
                "Infinity" => Some(Scalar::Float(f64::INFINITY)),
                "-Infinity" => Some(Scalar::Float(f64::NEG_INFINITY)),
                _ => None,
            },
            _ => None,
        };
        if let Some(numbers) = items.iter().map(number).collect::<Option<Vec<_>>>().filter(|n| !n.is_empty()) {
            let fits = |dtype| numbers.iter().all(|n| matches!(n, Scalar::Int(_)) && n.fits(dtype));
            let holds = |d: DType| numbers.iter().all(|n| n.fits(d) && (d.is_inexact() || matches!(n, Scalar::Int(_))));
            let own = of_elements && holds(dtype);
            // What would need CDF-5 alone is written in another type.
            let narrow = |d: DType| stored(d) == Ok(d) && Kind::Number(d).code() <= 6;
            let typed = typed.filter(|d| narrow(*d) && holds(*d));
            let dtype = match typed {
                _ if own => dtype,
                Some(typed) => typed,
                None if fits(DType::I32) => DType::I32,
                None => DType::F64,
            };
            let values = numbers.iter().flat_map(|n| big_endian(*n, dtype)).collect();
            return Some(Self { name, kind: Kind::Number(dtype), values });
        }
        let text = if let Value::String(text) = value { text.clone() } else { value.to_string() };
        Some(Self { name, kind: Kind::Text, values: text.into_bytes() })
    }
}

/// Attributes of an array of type `dtype`, or of a file.
pub(super) fn attributes(of: &Attributes, types: &BTreeMap<String, DType>, dtype: DType) -> Vec<Attribute> {
    of.iter().filter_map(|(name, value)| Attribute::new(name, value, dtype, types.get(name).copied())).collect()
}

impl Model {
    /// What a file holds.
    pub(super) fn of(header: &Header) -> Self {
        let attribute = |a: &header::Attribute| Attribute {
            name: a.name.clone(),
            kind: a.kind,
            values: header.bytes.get(a.values.clone()).unwrap_or_default().to_vec(),
        };
        let variable = |v: &header::Variable| Variable {
            name: v.name.clone(),
            dimensions: v.dimensions.clone(),
            attributes: v.attributes.iter().map(attribute).collect(),
            kind: v.kind,
            begin: v.begin,
        };
        let dimension =
            |d: &header::Dimension| Dimension { name: d.name.clone(), length: d.length, is_record: d.is_record };
        Self {
            dimensions: header.dimensions.iter().map(dimension).collect(),
            attributes: header.attributes.iter().map(attribute).collect(),
            variables: header.variables.iter().map(variable).collect(),
            records: header.records,
        }
    }

    /// The place of a dimension, which is added where it is not there.
    pub(super) fn dimension(&mut self, wanted: &Dimension) -> Outcome<usize> {
        if let Some(at) = self.dimensions.iter().position(|d| d.name == wanted.name) {
            let there = &self.dimensions[at];
            if there.length == wanted.length {
                return Ok(at);
            }
            let (name, new, old) = (&wanted.name, wanted.length, there.length);
            return Err(format!(
                "dimension `{name}` has length {new}, and {old} in the file, which has one of that name"
            ));
        }
        if wanted.is_record && self.dimensions.iter().any(|d| d.is_record) {
            return Err(format!("dimension `{}` cannot be unlimited: the file has another that is", wanted.name));
        }
        if wanted.is_record {
            self.records = wanted.length;
        }
        self.dimensions.push(wanted.clone());
        Ok(self.dimensions.len() - 1)
    }

    pub(super) fn is_record(&self, variable: &Variable) -> bool {
        variable.dimensions.first().is_some_and(|&d| self.dimensions[d].is_record)
    }

    /// Bytes of a variable, or of a record's part of it.
    pub(super) fn part(&self, variable: &Variable) -> Outcome<u64> {
        let lengths = variable.dimensions.iter().map(|&d| &self.dimensions[d]).filter(|d| !d.is_record);
        let bytes = lengths.map(|d| d.length).try_fold(variable.kind.size() as u64, u64::checked_mul);
        bytes.filter(|&n| i64::try_from(n).is_ok()).ok_or_else(|| format!("`{}` is too large", variable.name))
    }

    /// Bytes of a record.
    pub(super) fn record(&self) -> Outcome<u64> {
        let parts = self.variables.iter().filter(|v| self.is_record(v)).map(|v| self.part(v));
        let parts = parts.collect::<Outcome<Vec<u64>>>()?;
        match parts.as_slice() {
            [one] => Ok(*one),
            many => Ok(many.iter().map(|n| n.next_multiple_of(4)).sum()),
        }
    }

    /// Gives all variables their places: those of fixed size, then those of records. Yields the length of the file.
    pub(super) fn place(&mut self, version: Version) -> Outcome<u64> {
        let mut at = (self.bytes(version)?.len() as u64 + ROOM).next_multiple_of(ROOM);
        for records in [false, true] {
            for i in 0..self.variables.len() {
                if self.is_record(&self.variables[i]) == records {
                    self.variables[i].begin = at;
                    at = at.saturating_add(self.part(&self.variables[i])?.next_multiple_of(4));
                }
            }
        }
        let rest = self.records.saturating_sub(1).saturating_mul(self.record()?);
        Ok(at.saturating_add(rest))
    }

    /// The least version that can say all this, with data up to `end`; the one that is asked for, where it can.
    pub(super) fn version(&self, wanted: Option<Version>, end: u64) -> Outcome<Version> {
        let narrow = |kind: Kind| kind.code() <= 6;
        let kinds = self.variables.iter().map(|v| (v.name.as_str(), v.kind));
        let mut needs = kinds.filter(|(_, kind)| !narrow(*kind)).map(|(name, kind)| match kind {
            Kind::Number(dtype) => format!("`{name}` of {dtype} needs 64-bit data (CDF-5)"),
            Kind::Text => String::new(),
        });
        let mut wide = needs.next();
        let attributes = self.attributes.iter().chain(self.variables.iter().flat_map(|v| &v.attributes));
        if wide.is_none() {
            let found = attributes.into_iter().find(|a| !narrow(a.kind));
            wide = found.map(|a| format!("attribute `{}` needs 64-bit data (CDF-5)", a.name));
        }
        let long = self.dimensions.iter().find(|d| d.length > u64::from(u32::MAX >> 1));
        wide = wide
            .or_else(|| long.map(|d| format!("dimension `{}` is too long for less than 64-bit data (CDF-5)", d.name)));
        for variable in &self.variables {
            if self.part(variable)? > u64::from(u32::MAX) - 3 {
                wide.get_or_insert(format!("`{}` is too large for less than 64-bit data (CDF-5)", variable.name));
            }
        }
        let least = match wide {
            Some(_) => Version::Data64,
            None if end > u64::from(u32::MAX >> 1) => Version::Offset64,
            None => Version::Classic,
        };
        let rank = |v: Version| [Version::Classic, Version::Offset64, Version::Data64].iter().position(|o| *o == v);
        match wanted {
            Some(wanted) if rank(wanted) >= rank(least) => Ok(wanted),
            Some(_) => Err(wide.unwrap_or_else(|| "the file is too long for 32-bit offsets".to_owned())),
            None => Ok(least),
        }
    }

    /// The header.
    pub(super) fn bytes(&self, version: Version) -> Outcome<Vec<u8>> {
        let mut out = Writer { version, bytes: vec![b'C', b'D', b'F', version.number()] };
        out.unsigned(self.records);
        out.list(10, &self.dimensions, |out, d| {
            out.name(&d.name);
            out.unsigned(if d.is_record { 0 } else { d.length });
        });
        out.attributes(&self.attributes);
        let parts = self.variables.iter().map(|v| self.part(v)).collect::<Outcome<Vec<_>>>()?;
        let variables: Vec<_> = self.variables.iter().zip(parts).collect();
        out.list(11, &variables, |out, (v, part)| {
            out.name(&v.name);
            out.unsigned(v.dimensions.len() as u64);
            v.dimensions.iter().for_each(|&d| out.unsigned(d as u64));
            out.attributes(&v.attributes);
            out.word(v.kind.code());
            out.unsigned(part.next_multiple_of(4));
            match version {
                Version::Classic => out.word(u32::try_from(v.begin).unwrap_or(u32::MAX)),
                _ => out.bytes.extend(v.begin.to_be_bytes()),
            }
        });
        Ok(out.bytes)
    }

    /// An array of this name, as the only one of a file.
    pub(super) fn single(
        name: &str,
        lengths: &[usize],
        names: &[Option<String>],
        dtype: DType,
        record: bool,
    ) -> Outcome<Self> {
        let mut new = Self::default();
        let mut places = Vec::new();
        for (axis, &length) in lengths.iter().enumerate() {
            let own = names.get(axis).cloned().flatten();
            // Only records may be none.
            let is_record = axis == 0 && (record || length == 0);
            if length == 0 && !is_record {
                return Err(format!("axis {axis} has length 0, which in NetCDF-3 only an unlimited one has"));
            }
            let own = own.unwrap_or_else(|| format!("{name}_{axis}"));
            let there = places.iter().any(|&p: &usize| new.dimensions[p].name == own);
            let own = if there { format!("{own}_{axis}") } else { own };
            places.push(new.dimension(&Dimension { name: own, length: length as u64, is_record })?);
        }
        shape::checked_size(lengths).ok_or("is too large")?;
        let kind = Kind::Number(dtype);
        let variable = Variable { name: name.to_owned(), dimensions: places, attributes: Vec::new(), kind, begin: 0 };
        new.variables.push(variable);
        Ok(new)
    }
}

/// The bytes of a header.
struct Writer {
    version: Version,
    bytes: Vec<u8>,
}

impl Writer {
    fn word(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// A count, length or place in the width of this version; what does not fit is what nobody looks at.
    fn unsigned(&mut self, value: u64) {
        match self.version {
            Version::Data64 => self.bytes.extend(value.to_be_bytes()),
            _ => self.word(u32::try_from(value).unwrap_or(u32::MAX)),
        }
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn name(&mut self, name: &str) {
        self.unsigned(name.len() as u64);
        self.padded(name.as_bytes());
    }

    fn list<T>(&mut self, tag: u32, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.word(if items.is_empty() { 0 } else { tag });
        self.unsigned(items.len() as u64);
        for one in items {
            item(self, one);
        }
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        self.list(12, attributes, |out, a| {
            out.name(&a.name);
            out.word(a.kind.code());
            out.unsigned((a.values.len() / a.kind.size()) as u64);
            out.padded(&a.values);
        });
    }
}
