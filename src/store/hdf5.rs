//! HDF5 and NetCDF-4 files.
//!
//! libhdf5 answers what is in a file: shapes, types, attributes, where the bytes are. The bytes themselves we read and
//! decode on the calling thread, outside the library's global lock (`read.rs`, `chunks.rs`, `filters.rs`): contiguous
//! datasets, and chunked ones whose filters are among shuffle, deflate, fletcher32, lzf, lz4, zstd, bzip2, bitshuffle,
//! blosc, blosc2, zfp and szip. Everything odd (nbit, scaleoffset, virtual and external data, unusual number formats)
//! goes through the library. Nothing of the library stays open between calls, so that a file can be read and added to
//! at the same time.
//!
//! Written arrays are chunked, shuffled and deflated by default, by the threads that compute (`encode.rs`). They are
//! built in a file of their own beside the target, which [`finish`](super::Sink::finish) renames; where the target
//! exists by then, the array is copied into it, which is the one moment at which a crash can harm that file. Arrays
//! that exist are changed in the same way (`change.rs`).

use super::input::Input;
use super::remote::is_url;
use super::{Change, Create, Encoding, Format, Layout, Node, Sink, Store};
use crate::error::{Error, Result};
use attributes::Scales;
use dataset::Hdf5Array;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod ffi;
mod types;
mod filters;
mod attributes;
mod chunks;
mod dataset;
mod read;
mod tree;
mod encode;
mod write;
mod group;
mod scales;
mod change;
#[cfg(test)]
mod tests;

/// The name of an array in a file that was opened or created without one.
const DEFAULT_NAME: &str = "data";

/// A path as users write it.
fn shown(path: &Path, inner: &str) -> PathBuf {
    if inner.is_empty() { path.to_path_buf() } else { path.join(inner) }
}

/// The first bytes of every file, after a user block.
const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// HDF5 and NetCDF-4 files.
///
/// Opened without the name of an array, a file gives its array `data`, or the only one at its root.
#[derive(Debug)]
pub struct Hdf5;

impl Hdf5 {
    /// The array of this name, or without one that for which the file stands.
    fn array(path: &Path, inner: &str) -> Result<Hdf5Array> {
        let input = Input::open(path)?;
        let open = || {
            let file = ffi::open_input(&input).map_err(|e| Error::store(path, e))?;
            let mut scales = Scales::default();
            if inner.is_empty() {
                let only = only_array(&file, path)?;
                return Hdf5Array::open(&file, &input, &only, &mut scales);
            }
            Hdf5Array::open(&file, &input, inner, &mut scales)
        };
        ffi::watched(|| ffi::locked(open))
    }
}

impl Format for Hdf5 {
    fn name(&self) -> &'static str {
        "hdf5"
    }

    fn recognises(&self, path: &Path) -> bool {
        is_one(path)
    }

    fn creates(&self, path: &Path) -> bool {
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        matches!(ending.as_deref(), Some("h5" | "hdf5" | "he5" | "nc" | "nc4"))
    }

    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Self::array(path, inner.trim_matches('/'))?))
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        tree::tree(path, inner.trim_matches('/'))
    }

    fn neighbours(&self, inner: &str) -> Option<String> {
        Some(inner.trim_matches('/').rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned()))
    }

    fn link(&self, path: &Path, inner: &str) -> Result<()> {
        let inner = inner.trim_matches('/');
        scales::link(path, if inner.is_empty() { DEFAULT_NAME } else { inner })
    }

    fn create(&self, path: &Path, inner: &str, layout: &Layout) -> Result<Box<dyn Sink>> {
        Ok(Box::new(write::Writer::create(path, inner.trim_matches('/'), layout)?))
    }

    fn keeps(&self, _path: &Path, encoding: &Encoding, layout: &Layout) -> bool {
        let fits = encoding.chunk.iter().zip(&layout.shape).all(|(c, n)| c <= n);
        let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
        let plain = !encoding.dtype.starts_with(foreign) && !encoding.dtype.ends_with("bfloat16");
        !layout.shape.is_empty() && !layout.shape.contains(&0) && fits && plain && write::filters_of(encoding).is_some()
    }

    fn admits(&self, path: &Path, inner: &str, change: &Change) -> Result<()> {
        if is_url(path) { Ok(()) } else { change::admits(path, inner, change) }
    }

    fn change(&self, path: &Path, inner: &str, change: &Change) -> Result<Box<dyn Sink>> {
        Ok(Box::new(change::ChangeSink::new(path, inner, change)?))
    }

    fn group(&self, path: &Path, inner: &str, how: &Create) -> Result<()> {
        group::make(path, inner.trim_matches('/'), how)
    }
}

/// Whether a file of this format is there.
fn is_one(path: &Path) -> bool {
    Input::find(path).ok().flatten().is_some_and(|file| has_signature(&file))
}

/// Whether the signature stands at 0, 512, 1024, 2048, ...
fn has_signature(file: &Input) -> bool {
    let mut at = 0;
    while at + 8 <= file.length() {
        let mut found = [0; 8];
        if file.describe(at, &mut found).is_err() {
            return false;
        }
        if found == SIGNATURE {
            return true;
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    false
}

/// The array that a file without an inner path stands for.
fn only_array(file: &ffi::Id, path: &Path) -> Result<String> {
    let fail = |why: String| Error::store(path, why);
    let root = ffi::open_object(file, c"/").map_err(fail)?;
    let mut arrays = Vec::new();
    for name in ffi::children(&root).map_err(fail)? {
        let is_array = ffi::open_object(&root, &name)
            .is_ok_and(|o| ffi::kind(&o) == ffi::ObjectKind::Dataset && !attributes::is_bare_dimension(&o));
        if is_array {
            arrays.push(name.to_string_lossy().into_owned());
        }
    }
    if arrays.iter().any(|a| a == DEFAULT_NAME) {
        return Ok(DEFAULT_NAME.to_owned());
    }
    match arrays.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(fail("has no array at its root; name one, as in file.h5/group/array".to_owned())),
        many => {
            let some: Vec<&str> = many.iter().take(8).map(String::as_str).collect();
            let more = if many.len() > 8 { ", ..." } else { "" };
            Err(fail(format!("holds several arrays; name one of {}{more}", some.join(", "))))
        }
    }
}
