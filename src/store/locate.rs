//! Which format a path leads to, and how far it is the path of a container.

use super::{Create, FORMATS, Format, binary, extent, input, netcdf3, remote};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The format, container and inner path of something that exists.
pub(super) fn locate(path: &Path) -> Result<(&'static dyn Format, PathBuf, String)> {
    if binary::Binary.recognises(path) {
        return Ok((&binary::Binary, path.to_path_buf(), String::new()));
    }
    if remote::is_url(path) {
        return locate_remote(path);
    }
    remote::refuse_unknown(path)?;
    let mut found = None;
    for part in path.ancestors().filter(|p| p.exists()) {
        if let Some(format) = FORMATS.iter().find(|f| f.recognises(part)) {
            found = Some((*format, part.to_path_buf(), inner_of(path, part)));
        } else if found.is_some() || part.is_file() {
            break;
        }
    }
    found.ok_or_else(|| match path.ancestors().find(|p| p.exists() && !p.as_os_str().is_empty()) {
        Some(there) if there == path || there.is_file() => Error::store(there, "is in no format that can be read"),
        _ => Error::store(path, "no such file or array"),
    })
}

/// As [`locate`], behind a network. What is there is asked for: the first part of the path whose ending is that of a
/// file, else the prefixes that it goes through, at once, and then what is at each of them.
fn locate_remote(path: &Path) -> Result<(&'static dyn Format, PathBuf, String)> {
    if let Ok((format, container, inner)) = place(path)
        && format.is_remote()
    {
        return Ok((format, container, inner));
    }
    let parts: Vec<&Path> = path.ancestors().take_while(|p| remote::is_url(p)).collect();
    let found = |format: &'static dyn Format, part: &Path| (format, part.to_path_buf(), inner_of(path, part));
    let named = parts.iter().copied().rfind(|part| is_file_name(part));
    if let Some(part) = named
        && let Some(format) = object(part)?
    {
        return Ok(found(format, part));
    }
    for format in FORMATS.iter().filter(|format| format.is_remote()) {
        let are = format.are_prefixes(&parts);
        // The outermost of those that follow on each other; what is below the first may be an object all the same.
        let Some(first) = are.iter().position(|&is| is) else { continue };
        for &part in &parts[..first] {
            if let Ok(Some(format)) = object(part) {
                return Ok(found(format, part));
            }
        }
        let count = are[first..].iter().take_while(|&&is| is).count();
        return Ok(found(*format, parts[first + count - 1]));
    }
    let mut fault = None;
    for &part in parts.iter().filter(|part| named != Some(part)) {
        match object(part) {
            Ok(None) => {}
            Ok(Some(format)) => return Ok(found(format, part)),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or_else(|| remote::missing(path, "no such file or array")))
}

/// The format of the object behind a network at a path; `None` where there is none.
fn object(path: &Path) -> Result<Option<&'static dyn Format>> {
    if input::Input::find(path)?.is_none() {
        return Ok(None);
    }
    let format = FORMATS.iter().find(|f| f.recognises(path));
    format.map(|format| Some(*format)).ok_or_else(|| Error::store(path, "is in no format that can be read"))
}

/// Endings of files that hold arrays, beside those that are created.
const ENDINGS: [&str; 10] = ["tif", "tiff", "btf", "cdf", "nc3", "zip", "json", "npy", "bin", "raw"];

/// Whether a name is that of a file in which there are arrays, as far as one can tell by its ending.
fn is_file_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let made = || FORMATS.iter().any(|f| !f.is_remote() && f.creates(path));
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) || made()
}

/// The format, container and inner path of something to be created: an existing container above it, or the first part
/// of the path whose ending names a format.
pub(super) fn place(path: &Path) -> Result<(&'static dyn Format, PathBuf, String)> {
    remote::refuse_unknown(path)?;
    let parts: Vec<&Path> = path.ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
    for part in parts.into_iter().rev() {
        if let Some(format) = FORMATS.iter().find(|f| f.creates(part)) {
            return Ok((*format, part.to_path_buf(), inner_of(path, part)));
        }
    }
    Err(Error::store(path, "the name does not end in .zarr, .h5, .nc or .npy, so its format is not known"))
}

/// The pieces in which an array is written to `path` for which nobody asks for chunks, and whose own are these: formats
/// that have no chunks take long runs.
pub(crate) fn pieces(path: &Path, how: &Create, shape: &[usize], chunks: Vec<usize>, itemsize: usize) -> Vec<usize> {
    match place(path).and_then(|(format, ..)| wanted(format, how)) {
        Ok(format) if ["npy", "netcdf3"].contains(&format.name()) => extent::pieces(shape, &chunks, itemsize),
        _ => chunks,
    }
}

fn inner_of(path: &Path, container: &Path) -> String {
    let rest = path.strip_prefix(container).unwrap_or(Path::new(""));
    rest.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}

/// The format that is asked for in place of that of a name.
pub(super) fn wanted(named: &'static dyn Format, how: &Create) -> Result<&'static dyn Format> {
    match how.format.as_deref() {
        None => Ok(named),
        Some("netcdf3" | "netcdf3-classic" | "netcdf3-64bit" | "netcdf3-cdf5")
            if ["hdf5", "netcdf3"].contains(&named.name()) =>
        {
            Ok(&netcdf3::Netcdf3)
        }
        Some(other) => {
            Err(Error::argument("create", format!("`{other}` is no format for such a name; netcdf3 is one for .nc")))
        }
    }
}
