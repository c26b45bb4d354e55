//! NetCDF-3 files: classic, with 64-bit offsets (CDF-2), and with 64-bit data (CDF-5).
//!
//! `netcdf3/header.rs` parses the header. Every variable is one run of big-endian numbers, or one for each record,
//! among those of the other variables that have records; so any region is read by itself. `netcdf3/write.rs` writes,
//! `netcdf3/model.rs` says what a header holds and where data goes, `netcdf3/change.rs` writes over elements and adds
//! records.

use super::extent::{Extent, fetch_chunks};
use super::input::Input;
use super::patches;
use super::raw;
use super::remote::ahead::Ahead;
use super::remote::is_url;
use super::{Attributes, Change, Create, Format, Info, Layout, Node, NodeKind, Sink, Store, json};
use crate::chunk::{Region, auto};
use crate::cpu::copy::swap_bytes;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use header::{Attribute, Header, Kind, Variable, Version};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod header;
mod model;
mod write;
mod change;
#[cfg(test)]
mod tests;

/// The name of the array that a file is opened for without one.
const DEFAULT_NAME: &str = "data";

/// Attributes of more numbers are left out.
const LONGEST_ATTRIBUTE: usize = 1 << 16;

/// NetCDF-3 files.
///
/// Opened without the name of an array, a file gives its array `data`, or the only one.
#[derive(Debug)]
pub struct Netcdf3;

impl Format for Netcdf3 {
    fn name(&self) -> &'static str {
        "netcdf3"
    }

    fn recognises(&self, path: &Path) -> bool {
        let file = Input::find(path).ok().flatten();
        file.and_then(|file| file.magic()).and_then(Version::of).is_some()
    }

    /// By the endings `.nc3` and `.cdf`; `.nc` is NetCDF-4 unless [`Create::format`](super::Create::format) says
    /// otherwise, or such a file is there.
    fn creates(&self, path: &Path) -> bool {
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        // Behind a network nothing is made, and looking takes a request.
        let there = || ending.is_some() && !is_url(path) && self.recognises(path);
        matches!(ending.as_deref(), Some("nc3" | "cdf")) || there()
    }

    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>> {
        let dataset = Dataset::open(path)?;
        Ok(Arc::new(dataset.array(dataset.find(inner.trim_matches('/'))?)?))
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        let (dataset, inner) = (Dataset::open(path)?, inner.trim_matches('/'));
        if !inner.is_empty() {
            return Ok(vec![dataset.node(dataset.find(inner)?)]);
        }
        let root = NodeKind::Group(dataset.attributes(&dataset.header.attributes).0);
        let mut nodes = vec![Node { path: String::new(), kind: root }];
        nodes.extend(dataset.header.variables.iter().map(|v| dataset.node(v)));
        Ok(nodes)
    }

    fn create(&self, path: &Path, inner: &str, layout: &Layout) -> Result<Box<dyn Sink>> {
        Ok(Box::new(write::Writer::new(path, inner.trim_matches('/'), layout)?))
    }

    fn admits(&self, path: &Path, inner: &str, change: &Change) -> Result<()> {
        patches::check(path, &change::name(path, inner)?, change, change::open)
    }

    fn change(&self, path: &Path, inner: &str, change: &Change) -> Result<Box<dyn Sink>> {
        let sinks = self.change_together(path, &[(inner, change)])?;
        sinks.into_iter().next().ok_or_else(|| Error::bug("a sink for the change"))
    }

    fn change_together(&self, path: &Path, changes: &[(&str, &Change)]) -> Result<Vec<Box<dyn Sink>>> {
        let names: Vec<String> = changes.iter().map(|(inner, _)| change::name(path, inner)).collect::<Result<_>>()?;
        let changes: Vec<_> = names.iter().zip(changes).map(|(name, (_, change))| (name.as_str(), *change)).collect();
        patches::begin(path, &changes, change::open)
    }

    fn grows_together(&self) -> bool {
        true
    }

    fn recover(&self, path: &Path, _: &str) -> Result<Option<String>> {
        patches::recover(path, change::open)
    }

    fn group(&self, path: &Path, inner: &str, how: &Create) -> Result<()> {
        write::group(path, inner.trim_matches('/'), how)
    }

    fn neighbours(&self, _inner: &str) -> Option<String> {
        Some(String::new())
    }
}

/// An open file.
struct Dataset<'a> {
    path: &'a Path,
    file: Arc<Input>,
    header: Header,
}

impl<'a> Dataset<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = Input::open(path)?;
        let header = Header::read(&file).map_err(|why| Error::store(path, why))?;
        Ok(Self { path, file, header })
    }

    /// The variable of this name; without a name, the one that the file stands for.
    fn find(&self, name: &str) -> Result<&Variable> {
        let variables = &self.header.variables;
        let wanted = if name.is_empty() { DEFAULT_NAME } else { name };
        if let Some(found) = variables.iter().find(|v| v.name == wanted) {
            return Ok(found);
        }
        if !name.is_empty() {
            return Err(Error::store(self.path.join(name), "no such array in this file"));
        }
        let numbers: Vec<&Variable> = variables.iter().filter(|v| v.kind != Kind::Text).collect();
        match numbers.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::store(self.path, "holds no array of numbers")),
            many => {
                let some: Vec<&str> = many.iter().take(8).map(|v| v.name.as_str()).collect();
                let more = if many.len() > 8 { ", ..." } else { "" };
                let why = format!("holds several arrays; name one of {}{more}", some.join(", "));
                Err(Error::store(self.path, why))
            }
        }
    }

    fn node(&self, variable: &Variable) -> Node {
        let kind = match self.array(variable) {
            Ok(array) => NodeKind::Array(Box::new(array.info)),
            Err(error) => NodeKind::Other(error.to_string()),
        };
        Node { path: variable.name.clone(), kind }
    }

    /// A variable as an array, all of whose elements are there.
    fn array(&self, variable: &Variable) -> Result<Netcdf3Array> {
        let shown = self.path.join(&variable.name);
        let Kind::Number(dtype) = variable.kind else {
            return Err(Error::unsupported(format!("{}: holds text", shown.display())));
        };
        let dimensions = || variable.dimensions.iter().filter_map(|&d| self.header.dimensions.get(d));
        let lengths: Option<Vec<usize>> = dimensions().map(|d| usize::try_from(d.length).ok()).collect();
        let lengths = lengths.ok_or_else(|| Error::store(&shown, "has lengths that no memory has addresses for"))?;
        self.check(variable, dtype, &lengths).map_err(|why| Error::store(&shown, why))?;
        let (attributes, types) = self.attributes(&variable.attributes);
        let bytes = shape::size(&lengths) * dtype.size();
        let info = Info {
            path: shown.display().to_string(),
            format: self.header.version.name().to_owned(),
            dtype,
            chunks: auto::auto(&lengths, dtype.size()),
            shards: None,
            codecs: if dtype.size() > 1 { "big-endian".to_owned() } else { String::new() },
            names: dimensions().map(|d| Some(d.name.clone())).collect(),
            attributes,
            types,
            missing: None,
            fill: self.fill(variable, dtype),
            stored: Some(bytes as u64),
            time: None,
            shape: lengths,
        };
        let step = if variable.is_record { self.header.record.and_then(|r| usize::try_from(r).ok()) } else { None };
        Ok(Netcdf3Array { info, file: Arc::clone(&self.file), shown, offset: variable.begin, step })
    }

    /// Whether the data is in the file, and nothing else in its place.
    fn check(&self, variable: &Variable, dtype: DType, lengths: &[usize]) -> std::result::Result<(), String> {
        if lengths.contains(&0) {
            return Ok(());
        }
        let extent = self.header.extent(variable).filter(|e| e.end <= self.file.length());
        let extent = extent.ok_or_else(|| {
            format!(
                "is cut short: {dtype} of shape {} does not fit in {} bytes",
                shape::tuple(lengths),
                self.file.length()
            )
        })?;
        if extent.start < self.header.end {
            return Err(format!("begins at byte {}, within the header of the file", extent.start));
        }
        match self.header.overlaps(variable) {
            Some(other) => Err(format!("lies where `{}` lies", other.name)),
            None => Ok(()),
        }
    }

    /// Attributes as JSON, as in NetCDF-4 files, and the types of those that are numbers.
    fn attributes(&self, of: &[Attribute]) -> (Attributes, BTreeMap<String, DType>) {
        let (mut out, mut types) = (Attributes::new(), BTreeMap::new());
        for attribute in of {
            let value = match attribute.kind {
                Kind::Text => {
                    let bytes = self.header.bytes.get(attribute.values.clone()).unwrap_or_default();
                    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                    Some(Value::String(String::from_utf8_lossy(&bytes[..end]).into_owned()))
                }
                Kind::Number(dtype) if attribute.values.len() <= LONGEST_ATTRIBUTE * dtype.size() => {
                    types.insert(attribute.name.clone(), dtype);
                    let mut values: Vec<Value> = self.numbers(attribute, dtype).filter_map(json).collect();
                    if values.len() == 1 { values.pop() } else { Some(Value::Array(values)) }
                }
                Kind::Number(_) => None,
            };
            out.extend(value.map(|value| (attribute.name.clone(), value)));
        }
        (out, types)
    }

    fn numbers(&self, attribute: &Attribute, dtype: DType) -> impl Iterator<Item = Scalar> {
        let bytes = self.header.bytes.get(attribute.values.clone()).unwrap_or_default();
        bytes.chunks_exact(dtype.size()).map(move |stored| {
            let mut native = stored.to_vec();
            to_native(&mut native, dtype);
            Scalar::from_bytes(dtype, &native)
        })
    }

    /// What stands where nothing was written, where the file says so.
    fn fill(&self, variable: &Variable, dtype: DType) -> Option<Scalar> {
        let own = variable.attributes.iter().find(|a| a.name == "_FillValue" && a.kind == variable.kind)?;
        self.numbers(own, dtype).next()
    }
}

fn to_native(data: &mut [u8], dtype: DType) {
    if cfg!(target_endian = "little") {
        swap_bytes(data, dtype.size());
    }
}

/// A variable.
#[derive(Debug)]
struct Netcdf3Array {
    info: Info,
    file: Arc<Input>,
    /// The path through the file.
    shown: PathBuf,
    offset: u64,
    /// Bytes from one record to the next, for a variable that has records.
    step: Option<usize>,
}

impl Netcdf3Array {
    fn extent(&self) -> Extent<'_> {
        let Self { file, shown, offset, .. } = self;
        Extent {
            file: file.as_ref(),
            path: shown,
            offset: *offset,
            shape: &self.info.shape,
            itemsize: self.info.dtype.size(),
        }
    }
}

impl Store for Netcdf3Array {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        raw::check_request(&self.info, region, out.len())?;
        match self.step {
            Some(step) => self.extent().read_records(step, region, out)?,
            None => self.extent().read(region, out)?,
        }
        to_native(out, self.info.dtype);
        Ok(())
    }

    fn is_remote(&self) -> bool {
        self.file.is_remote()
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        fetch_chunks(&self.file, &self.info.chunks, region, ahead, |chunk| match self.step {
            Some(step) => self.extent().ranges_of_records(step, chunk),
            None => self.extent().ranges(chunk),
        })
    }

    fn prefetch(&self, region: &Region) {
        match self.step {
            Some(step) => self.extent().prefetch_records(step, region),
            None => self.extent().prefetch(region),
        }
    }

    fn random_access(&self) -> bool {
        !self.is_remote()
    }

    fn stamp(&self) -> Option<String> {
        self.file.stamp()
    }
}
