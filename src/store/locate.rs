//! Which format a path leads to, and how far it is the path of a container.

use super::{Create, FORMATS, Format, binary, input, netcdf3, remote};
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
/// file, else the whole path, and what is above it.
fn locate_remote(path: &Path) -> Result<(&'static dyn Format, PathBuf, String)> {
    if let Ok((format, container, inner)) = place(path)
        && format.is_remote()
    {
        return Ok((format, container, inner));
    }
    let parts = || path.ancestors().take_while(|p| remote::is_url(p));
    let named = parts().filter(|part| is_file_name(part)).last();
    let (mut found, mut fault) = (None, None);
    for part in named.into_iter().chain(parts().filter(|part| named != Some(part))) {
        let is_object = match input::Input::find(part) {
            Ok(object) => object.is_some(),
            Err(error) if named == Some(part) => return Err(error),
            Err(error) => {
                fault.get_or_insert(error);
                false
            }
        };
        // An object may be in any format, and a prefix in one of those that are made of objects.
        let mut formats = FORMATS.iter().filter(|f| is_object || f.is_remote());
        match formats.find(|f| f.recognises(part)) {
            Some(format) => found = Some((*format, part.to_path_buf(), inner_of(path, part))),
            None if is_object => return Err(Error::store(part, "is in no format that can be read")),
            None if found.is_some() => break,
            None => {}
        }
        if is_object {
            break;
        }
    }
    found.ok_or_else(|| fault.unwrap_or_else(|| remote::missing(path, "no such file or array")))
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
