//! Writing over the elements of variables, and records behind the last.
//!
//! All variables that have records share one number of them, which the header has: to append to some of them gives the
//! others records of fill values. What is behind the last record is nobody's until the header counts it, which is the
//! last thing to be written, in one piece; so a file is the old one until then.

use super::header::{Header, Variable};
use super::{Dataset, Netcdf3Array, to_native};
use crate::chunk::Region;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::extent::Extent;
use crate::store::patches::Target;
use crate::store::{Info, raw};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Fill values that are written at once.
const FILLED: usize = 1 << 20;

/// The name of a variable; of the only one, where none is given.
pub(super) fn name(path: &Path, inner: &str) -> Result<String> {
    match inner.trim_matches('/') {
        "" => Ok(Dataset::open(path)?.find("")?.name.clone()),
        name => Ok(name.to_owned()),
    }
}

/// Opens a file, of which the variables of these names are changed.
pub(super) fn open(path: &Path, names: &[&str]) -> Result<Box<dyn Target>> {
    let dataset = Dataset::open(path)?;
    let one = |name: &&str| Ok((String::from(*name), dataset.array(dataset.find(name)?)?));
    let arrays = names.iter().map(one).collect::<Result<_>>()?;
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|e| Error::store(path, e))?;
    Ok(Box::new(Opened { path: path.to_owned(), header: dataset.header, arrays, file }))
}

/// A file of which some variables are written over.
#[derive(Debug)]
struct Opened {
    path: PathBuf,
    header: Header,
    arrays: Vec<(String, Netcdf3Array)>,
    file: File,
}

impl Opened {
    /// Why a variable cannot have this shape.
    fn refuses(&self, name: &str, before: &[usize], after: &[usize]) -> Option<String> {
        let variable = self.header.variables.iter().find(|v| v.name == name)?;
        let axis = (0..before.len()).rev().find(|&a| before[a] != after[a])?;
        if axis == 0 && variable.is_record {
            return None;
        }
        let of = |d: &usize| self.header.dimensions.get(*d).map_or("", |d| d.name.as_str());
        let own = variable.dimensions.get(axis).map_or("", of);
        let grows = self.header.dimensions.iter().find(|d| d.is_record).map(|d| d.name.as_str());
        let what = match grows {
            Some(grows) => format!("in this file arrays grow along `{grows}` alone, as their first axis"),
            None => "no dimension of this file is unlimited".to_owned(),
        };
        let length = before[axis];
        Some(format!(
            "axis {axis}, `{own}`, has a fixed length of {length}: {what}; convert the file, with `--unlimited {own}` to \
             NetCDF-4, or to Zarr"
        ))
    }

    /// The number of records that arrays of these shapes have; `None` where none grows.
    fn records(&self, after: &[Vec<usize>]) -> Option<u64> {
        let grown = self.arrays.iter().zip(after).filter(|((_, array), after)| array.info.shape != **after);
        grown.filter_map(|(_, after)| after.first().map(|&n| n as u64)).max()
    }

    /// Writes the fill values of a variable to some records: all of its part of them, or what fills up one that is
    /// `given`.
    fn fill(&self, variable: &Variable, given: bool, records: Range<u64>) -> Result<()> {
        let (Some(part), Some(step)) = (variable.part, self.header.record) else {
            return Err(Error::bug("the bytes of a record were counted"));
        };
        let own = variable.attributes.iter().find(|a| a.name == "_FillValue" && a.kind == variable.kind);
        let own = own.and_then(|a| self.header.bytes.get(a.values.clone())?.get(..variable.kind.size()));
        let element = own.map_or_else(|| variable.kind.fill(), <[u8]>::to_vec);
        // A variable that is the only one is not padded.
        let whole = part.next_multiple_of(4).min(step);
        let begin = if given { part } else { 0 };
        let most = usize::try_from(whole - begin).unwrap_or(FILLED).min(FILLED);
        let block = element.repeat(most.div_ceil(element.len()));
        for record in records {
            let mut at = begin;
            while at < whole {
                let n = usize::try_from(whole - at).unwrap_or(block.len()).min(block.len());
                raw::write_at(&self.file, &self.path, variable.begin + record * step + at, &block[..n])?;
                at += n as u64;
            }
        }
        Ok(())
    }

    /// Writes the number of records.
    fn count(&self, records: u64) -> Result<()> {
        let width = self.header.version.width();
        raw::write_at(&self.file, &self.path, 4, &records.to_be_bytes()[8 - width..])
    }
}

impl Target for Opened {
    fn info(&self, array: usize) -> &Info {
        &self.arrays[array].1.info
    }

    fn check(&self, after: &[Vec<usize>]) -> Result<()> {
        let mut grown: Option<(&str, &[usize])> = None;
        for ((name, array), after) in self.arrays.iter().zip(after) {
            let before = &array.info.shape;
            if before == after {
                continue;
            }
            let refuse = |why: String| Err(Error::unsupported(format!("{}: {why}", array.info.path)));
            if let Some(why) = self.refuses(name, before, after) {
                return refuse(why);
            }
            if let Some((other, shape)) = grown.filter(|(_, shape)| shape.first() != after.first()) {
                let (own, others) = (shape::tuple(after), shape::tuple(shape));
                return refuse(format!(
                    "gets the shape {own} when `{other}` gets {others}; arrays that grow together have as many records"
                ));
            }
            grown = Some((name, after));
        }
        let Some(records) = self.records(after) else { return Ok(()) };
        let grown = self.header.with_records(records);
        grown.map(drop).map_err(|why| Error::unsupported(format!("{}: {why}", self.path.display())))
    }

    fn make_room(&mut self, after: &[Vec<usize>], _: &Path) -> Result<()> {
        let Some(records) = self.records(after) else { return Ok(()) };
        let failed = |e: std::io::Error| Error::store(&self.path, format!("gets no more records: {e}"));
        // Otherwise records would be counted as soon as they are there.
        if self.header.counted().is_none() {
            self.count(self.header.records)?;
        }
        let variables = || self.header.variables.iter().filter(|v| v.is_record);
        let begin = variables().map(|v| v.begin).min().unwrap_or(0);
        let bytes = self.header.record.and_then(|step| step.checked_mul(records)?.checked_add(begin));
        let end = bytes.ok_or_else(|| Error::bug("the bytes of records were counted"))?;
        // The last record is as long as the others, with what fills it up.
        if self.file.metadata().map_err(failed)?.len() < end {
            self.file.set_len(end).map_err(failed)?;
        }
        let grown = self.arrays.iter().zip(after).filter(|((_, array), after)| array.info.shape != **after);
        let given: BTreeSet<&str> = grown.map(|((name, _), _)| name.as_str()).collect();
        variables().try_for_each(|v| self.fill(v, given.contains(v.name.as_str()), self.header.records..records))
    }

    fn put(&self, array: usize, region: &Region, data: &mut [u8]) -> Result<()> {
        let Netcdf3Array { info, shown, offset, step, .. } = &self.arrays[array].1;
        to_native(data, info.dtype);
        let itemsize = info.dtype.size();
        let extent = Extent { file: &self.file, path: shown, offset: *offset, shape: &info.shape, itemsize };
        match step {
            Some(step) => extent.write_records(*step, region, data),
            None => extent.write(region, data),
        }
    }

    fn reshape(&self, after: &[Vec<usize>]) -> Result<()> {
        let Some(records) = self.records(after) else { return Ok(()) };
        self.file.sync_data().map_err(|e| Error::store(&self.path, e))?;
        self.count(records)
    }
}
