//! Writing an array: as a file of its own, which becomes the target, or is merged into it.
//!
//! Data that is added goes behind that of a file, and is there when the header says so, which is written over with one
//! request; a header leaves room for that. Where it does not fit, or records get longer, the whole file is written anew
//! beside itself and renamed.

use super::header::{Header, Version};
use super::model::{Model, Outcome, attributes, stored};
use super::{DEFAULT_NAME, to_native};
use crate::chunk::{Chunks, Region};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::extent::Extent;
use crate::store::input::Input;
use crate::store::lock::Lock;
use crate::store::raw;
use crate::store::staging::Staging;
use crate::store::{Create, Layout, Sink};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// An array being written.
#[derive(Debug)]
pub(super) struct Writer {
    target: PathBuf,
    name: String,
    file: File,
    model: Model,
    version: Option<Version>,
    shape: Vec<usize>,
    dtype: DType,
    grid: Chunks,
    staging: Staging,
    overwrite: bool,
}

/// The version that a name of the format asks for.
pub(super) fn version(format: Option<&str>) -> Option<Version> {
    match format? {
        "netcdf3-classic" => Some(Version::Classic),
        "netcdf3-64bit" => Some(Version::Offset64),
        "netcdf3-cdf5" => Some(Version::Data64),
        _ => None,
    }
}

impl Writer {
    pub(super) fn new(path: &Path, inner: &str, layout: &Layout) -> Result<Self> {
        let name = if inner.is_empty() { DEFAULT_NAME } else { inner };
        let fail = |why: String| Error::unsupported(format!("{}: {why}", path.join(name).display()));
        if name.contains('/') {
            return Err(fail("NetCDF-3 files have no groups".to_owned()));
        }
        let how = &layout.how;
        if let Some(codec) = how.codec.as_deref().filter(|c| *c != "none") {
            return Err(fail(format!("a NetCDF-3 file is not compressed; `{codec}` needs NetCDF-4 or Zarr")));
        }
        let dtype = stored(layout.dtype).map_err(fail)?;
        let record = how.grows(layout.shape.len())?;
        if record.iter().any(|&axis| axis > 0) {
            return Err(fail("only the first axis is unlimited in NetCDF-3".to_owned()));
        }
        let mut model = Model::single(name, &layout.shape, &how.names, dtype, !record.is_empty()).map_err(fail)?;
        model.variables[0].attributes = attributes(&own_attributes(layout)?, &how.types, dtype);
        let version = version(how.format.as_deref());
        let end = model.place(Version::Data64).map_err(fail)?;
        // Refused before anything is computed.
        model.version(version, end).map_err(fail)?;
        let mut staging = Staging::begin(path, name, how, None)?;
        check_target(path, name, how.overwrite)?;
        staging.open()?;
        let made = |e: std::io::Error| Error::store(path, format!("cannot be created: {e}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(staging.part()).map_err(made)?;
        file.set_len(end).map_err(|e| Error::store(path, format!("cannot be {end} bytes long: {e}")))?;
        let grid = Chunks::regular(&layout.shape, &layout.chunks)?;
        let (target, name, shape, overwrite) = (path.to_owned(), name.to_owned(), layout.shape.clone(), how.overwrite);
        Ok(Self { target, name, file, model, version, shape, dtype, grid, staging, overwrite })
    }

    fn fail(&self, why: impl std::fmt::Display) -> Error {
        Error::store(self.target.join(&self.name), why)
    }
}

/// The attributes of an array, and what says that its bytes are truth values.
fn own_attributes(layout: &Layout) -> Result<crate::store::Attributes> {
    let mut attributes = layout.cf_attributes()?;
    if layout.dtype == DType::Bool {
        attributes.insert("dtype".to_owned(), "bool".into());
    }
    Ok(attributes)
}

/// Refuses to begin what could not be finished.
fn check_target(path: &Path, name: &str, overwrite: bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let there = read(path).map_err(|why| {
        let why = format!("{why}; it exists and is no NetCDF-3 file");
        Error::store(path, why)
    });
    match there {
        Ok((_, model, _)) if model.variables.iter().any(|v| v.name == name) && !overwrite => {
            Err(Error::store(path.join(name), "exists already and is not to be replaced"))
        }
        Err(error) if !overwrite => Err(error),
        _ => Ok(()),
    }
}

/// An existing file.
fn read(path: &Path) -> Outcome<(File, Model, Header)> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let whole = file.try_clone().map_err(|e| e.to_string())?;
    let header = Header::read(&*Input::of(whole, path).map_err(|e| e.to_string())?)?;
    let model = Model::of(&header);
    Ok((file, model, header))
}

impl Sink for Writer {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let mut bytes = Cow::Borrowed(data);
        if self.dtype.size() > 1 && cfg!(target_endian = "little") {
            to_native(bytes.to_mut(), self.dtype);
        }
        let Some(variable) = self.model.variables.first() else { return Err(Error::bug("a file has its variable")) };
        let (path, itemsize) = (self.staging.part(), self.dtype.size());
        let extent = Extent { file: &self.file, path: &path, offset: variable.begin, shape: &self.shape, itemsize };
        extent.write(region, &bytes)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let end = self.model.place(Version::Data64).map_err(|why| self.fail(why))?;
        let version = self.model.version(self.version, end).map_err(|why| self.fail(why))?;
        let header = self.model.bytes(version).map_err(|why| self.fail(why))?;
        raw::write_at(&self.file, &self.staging.part(), 0, &header)?;
        // Arrays of one file are put into it one after the other, by whatever process.
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        let merging = Lock::wait(&self.target.with_file_name(format!(".merge.{name}"))).map_err(|e| self.fail(e))?;
        let there = if self.target.exists() { read(&self.target).ok() } else { None };
        let done = match there {
            Some((file, model, _)) => self.merge(&file, model).map(drop),
            None if self.target.exists() && !self.overwrite => Err(self.fail("a file of that name exists")),
            None => self.staging.place_at(&self.target.clone()),
        };
        drop(merging);
        done
    }
}

impl Writer {
    /// Puts the array into an existing file.
    fn merge(&mut self, old: &File, mut model: Model) -> Result<()> {
        let fail = |why: String| Error::store(self.target.join(&self.name), why);
        let before = model.clone();
        if let Some(at) = model.variables.iter().position(|v| v.name == self.name) {
            if !self.overwrite {
                return Err(fail("exists already and is not to be replaced".to_owned()));
            }
            model.variables.remove(at);
            // Dimensions that nobody has any more need not agree.
            let used = |model: &Model, d: usize| model.variables.iter().any(|v| v.dimensions.contains(&d));
            if model.variables.is_empty() || !(0..model.dimensions.len()).any(|d| used(&model, d)) {
                model.dimensions.clear();
                model.variables.iter_mut().for_each(|v| v.dimensions.clear());
            }
        }
        let mut own = self.model.variables[0].clone();
        own.dimensions = (own.dimensions.iter())
            .map(|&d| model.dimension(&self.model.dimensions[d]))
            .collect::<Outcome<Vec<_>>>()
            .map_err(fail)?;
        let replaced = before.variables.len() != model.variables.len();
        model.variables.push(own);
        let is_record = model.is_record(&model.variables[model.variables.len() - 1]);
        let records = model.variables.iter().filter(|v| model.is_record(v)).count();
        let anew = replaced || is_record && records > 0;
        if !anew && self.append(&mut model)? {
            return Ok(());
        }
        self.rewrite(old, &before, model)
    }

    /// Adds the data behind that of the file, and writes the header over; whether there was room for that.
    fn append(&self, model: &mut Model) -> Result<bool> {
        let fail = |why: String| Error::store(self.target.join(&self.name), why);
        // Records go on where a file ends.
        if model.dimensions.iter().any(|d| d.is_record) {
            return Ok(false);
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.target).map_err(|e| self.fail(e))?;
        let length = file.metadata().map_err(|e| self.fail(e))?.len().next_multiple_of(4);
        let Some(last) = model.variables.len().checked_sub(1) else { return Ok(false) };
        model.variables[last].begin = length;
        let bytes = model.part(&model.variables[last]).map_err(fail)?;
        let version = model.version(self.version, length.saturating_add(bytes)).map_err(fail)?;
        let header = model.bytes(version).map_err(fail)?;
        let first = model.variables.iter().map(|v| v.begin).min().unwrap_or(0);
        if header.len() as u64 > first || last == 0 {
            return Ok(false);
        }
        let from = self.model.variables[0].begin;
        raw::copy((&self.file, &self.staging.part(), from), (&file, &self.target, length), bytes)?;
        file.set_len(length + bytes.next_multiple_of(4)).map_err(|e| self.fail(e))?;
        file.sync_data().map_err(|e| self.fail(e))?;
        raw::write_at(&file, &self.target, 0, &header)?;
        Ok(true)
    }

    /// Writes the file anew beside itself.
    fn rewrite(&self, old: &File, before: &Model, mut model: Model) -> Result<()> {
        let fail = |why: String| Error::store(self.target.join(&self.name), why);
        let end = model.place(Version::Data64).map_err(fail)?;
        let version = model.version(self.version, end).map_err(fail)?;
        let part = raw::temporary_beside(&self.target);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&part);
        let done = file.map_err(|e| Error::store(&part, e)).and_then(|file| {
            file.set_len(end).map_err(|e| Error::store(&part, e))?;
            for variable in &model.variables {
                let known = before.variables.iter().find(|v| v.name == variable.name && v.name != self.name);
                let (from, path, source, of) = match known {
                    Some(known) => (old, &self.target, known, before),
                    None => (&self.file, &self.staging.part(), &self.model.variables[0], &self.model),
                };
                let part_bytes = model.part(variable).map_err(fail)?;
                if !model.is_record(variable) {
                    raw::copy((from, path, source.begin), (&file, &part, variable.begin), part_bytes)?;
                    continue;
                }
                let (step, into) = (of.record().map_err(fail)?, model.record().map_err(fail)?);
                // An array of a fixed length, of a dimension that is unlimited where it goes, lies in one piece.
                let step = if of.is_record(source) { step } else { part_bytes };
                for record in 0..model.records {
                    let (at, to) = (source.begin + record * step, variable.begin + record * into);
                    raw::copy((from, path, at), (&file, &part, to), part_bytes)?;
                }
            }
            raw::write_at(&file, &part, 0, &model.bytes(version).map_err(fail)?)?;
            std::fs::rename(&part, &self.target).map_err(|e| Error::store(&self.target, e))
        });
        if done.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&part);
        }
        done
    }
}

/// Makes a file without arrays where there is none, and gives it attributes.
pub(super) fn group(path: &Path, inner: &str, how: &Create) -> Result<()> {
    if !inner.is_empty() {
        return Err(Error::unsupported(format!("{}: NetCDF-3 files have no groups", path.join(inner).display())));
    }
    let fail = |why: String| Error::store(path, why);
    let there = if path.exists() { Some(read(path).map_err(fail)?) } else { None };
    let mut model = there.as_ref().map_or_else(Model::default, |(_, model, _)| model.clone());
    let new = attributes(&how.attributes, &how.types, DType::F64);
    if there.is_some() && new.is_empty() {
        return Ok(());
    }
    model.attributes.retain(|a| !new.iter().any(|n| n.name == a.name));
    model.attributes.extend(new);
    if !model.variables.is_empty() {
        let why = "attributes of a NetCDF-3 file are given before its arrays";
        return Err(Error::unsupported(format!("{}: {why}", path.display())));
    }
    let version = model.version(version(how.format.as_deref()), 0).map_err(fail)?;
    let bytes = model.bytes(version).map_err(fail)?;
    raw::write_whole(path, &bytes)
}
