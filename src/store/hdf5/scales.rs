//! Dimension scales: the axes of a dataset tied to the datasets that hold their coordinates, as NetCDF-4 wants it.

use super::attributes::{Scales, dimension_names};
use super::ffi::types;
use super::ffi::{self, Id, attribute};
use super::shown;
use crate::error::{Error, Result};
use std::path::Path;

/// Makes scales of the one-dimensional datasets beside `inner` that are called like its dimensions and as long, and
/// ties the dimensions to them.
pub(super) fn link(path: &Path, inner: &str) -> Result<()> {
    let done = ffi::locked(|| {
        let file = ffi::open_file(path, true)?;
        let done = tie(&file, inner);
        let closed = ffi::close_file(file);
        done.and(closed)
    });
    done.map_err(|why| Error::store(shown(path, inner), why))
}

fn tie(file: &Id, inner: &str) -> ffi::Res<()> {
    let dataset = ffi::open_dataset(file, &ffi::c_name(&format!("/{inner}"))?)?;
    let dims = lengths(&dataset)?;
    let names = dimension_names(&dataset, inner, dims.len(), &mut Scales::default());
    let group = inner.rsplit_once('/').map_or("", |(group, _)| group);
    let mut targets = Vec::with_capacity(dims.len());
    for (name, &length) in names.iter().zip(&dims) {
        let target = name.as_ref().map(|n| format!("{group}/{n}")).filter(|t| t.trim_start_matches('/') != inner);
        targets.push(match target {
            Some(target) => scale(file, target.trim_start_matches('/'), length)?,
            None => None,
        });
    }
    if targets.iter().all(Option::is_none) || attribute::exists(&dataset, c"DIMENSION_LIST") {
        return Ok(());
    }
    attribute::write_references(&dataset, c"DIMENSION_LIST", &targets)?;
    if attribute::exists(&dataset, c"DIMENSION_LABELS") && targets.iter().all(Option::is_some) {
        attribute::remove(&dataset, c"DIMENSION_LABELS")?;
    }
    Ok(())
}

/// The dataset at `target` as a scale of this length; `None` where there is none.
fn scale(file: &Id, target: &str, length: u64) -> ffi::Res<Option<std::ffi::CString>> {
    let path = ffi::c_name(&format!("/{target}"))?;
    let Ok(object) = ffi::open_object(file, &path) else { return Ok(None) };
    if ffi::kind(&object) != ffi::ObjectKind::Dataset {
        return Ok(None);
    }
    let dataset = ffi::open_dataset(file, &path)?;
    if lengths(&dataset)? != [length] {
        return Ok(None);
    }
    let name = target.rsplit('/').next().unwrap_or(target);
    for (key, text) in [(c"CLASS", "DIMENSION_SCALE"), (c"NAME", name)] {
        if !attribute::exists(&dataset, key) {
            attribute::write_fixed_text(&dataset, key, text)?;
        }
    }
    if attribute::exists(&dataset, c"DIMENSION_LABELS") {
        attribute::remove(&dataset, c"DIMENSION_LABELS")?;
    }
    Ok(Some(path))
}

fn lengths(dataset: &Id) -> ffi::Res<Vec<u64>> {
    let extent = types::extent(&types::space_of_dataset(dataset)?)?;
    Ok(extent.map_or_else(Vec::new, |e| e.dims))
}
