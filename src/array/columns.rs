//! The coordinates of many files: read whole, compared, and put together along the axis that the files share.

use super::cf::{self, Packing};
use super::coordinates;
use super::time::clock_of;
use crate::chunk::{Chunks, Region};
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::expr::names::{Coordinate, Values};
use crate::expr::{Expr, build};
use crate::op::calendar::{Calendar, Clock};
use crate::store::memory::MemoryStore;
use crate::store::{Attributes, Store};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The coordinate of an axis in one of the files.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The array that it belongs to.
    path: PathBuf,
    name: String,
    dtype: DType,
    bytes: Vec<u8>,
    attributes: Attributes,
    clock: Option<Clock>,
}

impl Column {
    /// The coordinate of an axis of `x`, the array at `path`; `None` where it has none.
    pub(super) fn of(x: &Expr, axis: usize, path: &Path) -> Result<Option<Self>> {
        let Some(name) = x.names.get(axis).and_then(Option::as_ref) else { return Ok(None) };
        // What one file has is an array of it, nothing joined.
        let Some(Values::Stored(store)) = name.coordinate().map_or(Ok(None), Coordinate::values)? else {
            return Ok(None);
        };
        Self::read(x, axis, path, store).map(Some)
    }

    fn read(x: &Expr, axis: usize, path: &Path, store: Arc<dyn Store>) -> Result<Self> {
        let name = x.names[axis].as_ref().map(ToString::to_string).unwrap_or_default();
        let info = store.info();
        let mut attributes = info.attributes.clone();
        attributes.extend(info.time.map(TimeType::attributes).unwrap_or_default());
        let clock = clock(&attributes).map_err(|e| e.at(format!("coordinate {}", info.path)))?;
        let (path, dtype) = (path.to_path_buf(), info.dtype);
        if Packing::of(info)?.keeps(dtype) {
            let mut bytes = vec![0; info.shape.iter().product::<usize>() * dtype.size()];
            store.read(&Region::full(&info.shape), &mut bytes)?;
            return Ok(Self { path, name, dtype, bytes, attributes, clock });
        }
        let decoded =
            coordinates::of_axis(x, axis)?.ok_or_else(|| Error::bug("a coordinate that is stored is there"))?;
        let bytes = coordinates::values(&decoded)?.iter().flat_map(|v| v.to_ne_bytes()).collect();
        let attributes = cf::attributes(&decoded).unwrap_or(attributes);
        Ok(Self { path, name, dtype: DType::F64, bytes, attributes, clock })
    }

    fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    fn scalar(&self, position: usize) -> Scalar {
        let size = self.dtype.size();
        Scalar::from_bytes(self.dtype, &self.bytes[position * size..][..size])
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).and_then(Value::as_str)
    }

    /// Whether numbers mean the same in both.
    fn counts_as(&self, other: &Self) -> bool {
        self.clock == other.clock && (self.clock.is_some() || self.text("units") == other.text("units"))
    }

    /// Refuses coordinates whose numbers cannot be told in the units of the other.
    fn check(&self, first: &Self) -> Result<()> {
        let differ = |what: &str, a: &str, b: &str| {
            let (name, one, other) = (&self.name, first.path.display(), self.path.display());
            let why = format!("`{name}` has the {what} `{a}` beside {one} and `{b}` beside {other}");
            Err(Error::argument("open_many", why))
        };
        if self.counts_as(first) {
            return Ok(());
        }
        match (&first.clock, &self.clock) {
            (Some(a), Some(b)) if a.calendar == b.calendar => Ok(()),
            (Some(_), Some(_)) => differ(
                "calendar",
                first.text("calendar").unwrap_or("standard"),
                self.text("calendar").unwrap_or("standard"),
            ),
            _ => differ("units", first.text("units").unwrap_or("none"), self.text("units").unwrap_or("none")),
        }
    }

    /// A number in the units of `first`; whole ones stay whole where they can.
    fn number(&self, position: usize, first: &Self) -> Scalar {
        let value = self.scalar(position);
        let (Some(from), Some(to)) = (&self.clock, &first.clock) else { return value };
        if from == to {
            return value;
        }
        let between = i128::from(from.start - to.start) * 1000;
        match value {
            Scalar::Int(v) => {
                let nanoseconds = v.saturating_mul(from.unit.into()).saturating_add(between);
                let unit = i128::from(to.unit);
                if nanoseconds % unit == 0 {
                    return Scalar::Int(nanoseconds / unit);
                }
                #[expect(clippy::cast_precision_loss, reason = "whole units and what is left of one, each in a double")]
                Scalar::Float((nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / to.unit as f64)
            }
            other => {
                #[expect(clippy::cast_precision_loss, reason = "times are doubles in files, too")]
                let (ratio, offset) = (from.unit as f64 / to.unit as f64, between as f64 / to.unit as f64);
                Scalar::Float(other.to_f64() * ratio + offset)
            }
        }
    }

    /// Refuses another coordinate than `first` of an axis along which the files are not joined.
    pub(super) fn agrees(&self, first: &Self) -> Result<()> {
        self.check(first)?;
        if self.dtype == first.dtype && self.bytes == first.bytes && self.counts_as(first) {
            return Ok(());
        }
        for i in 0..self.len().min(first.len()) {
            let (a, b) = (first.scalar(i), self.number(i, first));
            if a.to_f64() != b.to_f64() && !(a.to_f64().is_nan() && b.to_f64().is_nan()) {
                let (name, one, other) = (&self.name, first.path.display(), self.path.display());
                let why = format!("`{name}` of {one} and {other} differ: {a} and {b} at position {i}");
                return Err(Error::argument("open_many", why));
            }
        }
        Ok(())
    }

    /// Whether both hold the same.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.len() == other.len() && self.agrees(other).is_ok()
    }

    /// The first and the last value, in the units of `first`; `None` where there are none.
    fn ends(&self, first: &Self) -> Result<Option<(f64, f64)>> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let ends = (self.number(0, first).to_f64(), self.number(self.len() - 1, first).to_f64());
        if ends.0.is_nan() || ends.1.is_nan() {
            let why = format!("`{}` of {} has NaN, so it has no order", self.name, self.path.display());
            return Err(Error::argument("open_many", why));
        }
        Ok(Some(ends))
    }
}

fn clock(attributes: &Attributes) -> Result<Option<Clock>> {
    // To the dates that anybody has, both are the same.
    Ok(clock_of(attributes)?.map(|clock| match clock.calendar {
        Calendar::Proleptic => Clock { calendar: Calendar::Standard, ..clock },
        _ => clock,
    }))
}

/// The order of files in which their coordinates rise, or fall.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument), naming two files that overlap.
pub(super) fn order(columns: &[&Column]) -> Result<Vec<usize>> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    columns.iter().try_for_each(|c| c.check(first))?;
    let ends: Vec<Option<(f64, f64)>> = columns.iter().map(|c| c.ends(first)).collect::<Result<_>>()?;
    let falls = ends.iter().flatten().any(|(a, b)| a > b);
    let sign = if falls { -1.0 } else { 1.0 };
    let key = |i: usize| ends[i].map_or(f64::NEG_INFINITY, |(a, _)| sign * a);
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    let refuse = |a: usize, b: usize, what: &str| {
        let (name, one, other) = (&first.name, columns[a].path.display(), columns[b].path.display());
        let why =
            format!("{one} and {other} {what} along `{name}`; join them as they are given (nested) if that is meant");
        Err(Error::argument("open_many", why))
    };
    let full: Vec<(usize, f64, f64)> =
        order.iter().filter_map(|&i| ends[i].map(|(a, b)| (i, sign * a, sign * b))).collect();
    for &(i, a, b) in &full {
        if a > b {
            let rising = full.iter().find(|(_, a, b)| a < b).map_or(i, |(j, ..)| *j);
            return refuse(rising, i, "run in opposite directions");
        }
    }
    for pair in full.windows(2) {
        let ((i, a, b), (j, c, _)) = (pair[0], pair[1]);
        if b > c || a == c {
            return refuse(i, j, "overlap");
        }
    }
    Ok(order)
}

/// The coordinates one after the other, in the units of the first and with its attributes.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument), naming the files whose units or calendars have nothing to do with each
/// other.
pub(super) fn joined(columns: &[&Column]) -> Result<Option<Arc<dyn Store>>> {
    let Some(first) = columns.first() else { return Ok(None) };
    columns.iter().try_for_each(|c| c.check(first))?;
    let alike = columns.iter().all(|c| c.dtype == first.dtype && c.counts_as(first));
    let (dtype, bytes) = if alike {
        (first.dtype, columns.iter().flat_map(|c| c.bytes.iter().copied()).collect())
    } else {
        let all: Vec<Scalar> = columns.iter().flat_map(|c| (0..c.len()).map(|i| c.number(i, first))).collect();
        let whole = all.iter().all(|v| matches!(v, Scalar::Int(_)) && v.fits(DType::I64));
        let dtype = if whole { DType::I64 } else { DType::F64 };
        (dtype, all.iter().flat_map(|v| v.to_bytes(dtype)[..8].to_vec()).collect::<Vec<u8>>())
    };
    let n = bytes.len() / dtype.size();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.bytes_mut().copy_from_slice(&bytes);
    let block = Block::new(dtype, &[n], buffer)?;
    let store = MemoryStore::new(Data::shared(block), Chunks::whole(&[n]));
    Ok(Some(Arc::new(store.named(&[Some(first.name.clone())]).described(first.attributes.clone()))))
}

/// A coordinate as an array.
pub(super) fn as_array(store: Arc<dyn Store>) -> Expr {
    let name = store.info().names.first().cloned().flatten().unwrap_or_default();
    let name = crate::expr::Name::new(&name).with(Coordinate::given(Arc::clone(&store)));
    build::source(store).with_names(vec![Some(name)])
}
