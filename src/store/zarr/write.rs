//! Writing an array: chunk by chunk into a folder that takes the array's name last of all.

use super::create::group_document;
use super::encode::Encoder;
use super::json;
use crate::chunk::{Chunks, Region};
use crate::error::{Error, Result};
use crate::shape;
use crate::store::staging::Staging;
use crate::store::{Layout, Sink, raw};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An array being written.
///
/// Its chunks collect in a hidden folder, which takes the array's name in [`Sink::finish`]; see [`Staging`].
#[derive(Debug)]
pub(super) struct ZarrSink {
    encoder: Encoder,
    container: PathBuf,
    target: PathBuf,
    staging: Staging,
}

impl ZarrSink {
    pub(super) fn new(container: &Path, inner: &str, layout: &Layout) -> Result<Self> {
        let target = if inner.is_empty() { container.to_owned() } else { container.join(inner) };
        let version = version(container, &target, layout.how.zarr_version)?;
        let encoder = Encoder::new(&target, version, layout)?;
        let mut staging = Staging::begin_deep(container, inner, &layout.how, layout.run.as_ref())?;
        if !staging.is_placed() {
            refuse_existing(&target, layout.how.overwrite)?;
            if !staging.open()? {
                let part = staging.part();
                std::fs::create_dir(part).map_err(|e| Error::store(&target, format!("cannot be created: {e}")))?;
            }
        }
        Ok(Self { encoder, container: container.to_owned(), target, staging })
    }

    /// Where a chunk is written.
    fn path(&self, index: &[usize]) -> PathBuf {
        self.staging.part().join(self.encoder.plan.key(index))
    }

    /// The number of a chunk, in row-major order.
    fn number(&self, index: &[usize]) -> usize {
        index.iter().zip(shape::strides(&self.encoder.grid.counts())).map(|(i, step)| i * step).sum()
    }

    /// Whether an earlier run wrote a chunk.
    fn has_chunk(&self, index: &[usize]) -> bool {
        self.staging.has(self.number(index), |len| {
            let path = self.path(index);
            std::fs::metadata(&path).is_ok_and(|m| m.len() == len).then(|| std::fs::read(&path).ok()).flatten()
        })
    }

    /// Writes the metadata of groups that the path runs through and that have none, and drops copies of metadata that
    /// groups keep of what is below them, since they do not know of the new array.
    fn settle_groups(&self) -> Result<()> {
        for folder in above(&self.container, &self.target) {
            std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, e))?;
            match node_at(folder)? {
                None => {
                    let (name, document) = group_document(self.encoder.plan.version);
                    write_document(&folder.join(name), &document)?;
                }
                Some(mut node) if node.version == 3 => {
                    if let Some(group) = node.document.as_object_mut()
                        && group.remove("consolidated_metadata").is_some()
                    {
                        write_document(&folder.join("zarr.json"), &node.document)?;
                    }
                }
                Some(_) => {
                    let copies = folder.join(".zmetadata");
                    if copies.exists() {
                        std::fs::remove_file(&copies).map_err(|e| Error::store(&copies, e))?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Sink for ZarrSink {
    fn grid(&self) -> &Chunks {
        &self.encoder.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        self.encoder.each(region, data, |index, encoded| {
            // Nobody reads it before the manifest says that it is done, so it needs no name of its own until then.
            raw::write_file(&self.path(index), &encoded)?;
            self.staging.note(self.number(index), &encoded)
        })
    }

    fn write_coded(&self, index: &[usize], bytes: Vec<u8>) -> Result<()> {
        raw::write_file(&self.path(index), &bytes)?;
        self.staging.note(self.number(index), &bytes)
    }

    fn has(&self, region: &Region) -> bool {
        self.encoder.chunks(region).all(|index| self.has_chunk(&index))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.staging.is_placed() {
            // Nobody sees the array yet, so no other name is needed, which a killed run would leave behind.
            for (name, document) in &self.encoder.plan.documents {
                let path = self.staging.part().join(name);
                raw::write_file(&path, &text(&path, document)?)?;
            }
            self.settle_groups()?;
        }
        self.staging.place()
    }
}

pub(super) fn write_document(path: &Path, document: &Value) -> Result<()> {
    raw::write_whole(path, &text(path, document)?)
}

fn text(path: &Path, document: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(document).map_err(|e| Error::store(path, e))
}

/// A node's metadata, as far as writing beside it needs to know.
pub(super) struct Node {
    pub(super) array: bool,
    pub(super) version: u8,
    pub(super) document: Value,
}

pub(super) fn node_at(folder: &Path) -> Result<Option<Node>> {
    for (name, version) in [("zarr.json", 3), (".zarray", 2), (".zgroup", 2)] {
        let path = folder.join(name);
        if path.is_file() {
            let text = std::fs::read(&path).map_err(|e| Error::store(&path, e))?;
            let document = json::parse(&path, &text)?;
            let array = name == ".zarray" || document.get("node_type").is_some_and(|t| t == "array");
            return Ok(Some(Node { array, version, document }));
        }
    }
    Ok(None)
}

/// Only an array may be replaced, and only on request.
fn refuse_existing(target: &Path, overwrite: bool) -> Result<()> {
    match node_at(target)? {
        Some(node) if node.array && overwrite => Ok(()),
        Some(node) if node.array => Err(Error::store(target, "exists already and is not to be replaced")),
        Some(_) => Err(Error::store(target, "is a group; an array does not take its place")),
        None => {
            let empty = !target.exists() || std::fs::read_dir(target).is_ok_and(|mut d| d.next().is_none());
            if empty { Ok(()) } else { Err(Error::store(target, "exists already and is not an array")) }
        }
    }
}

/// The version to write: the one asked for, or that of the groups above, or 3.
pub(super) fn version(container: &Path, target: &Path, wanted: Option<u8>) -> Result<u8> {
    let mut found = None;
    for folder in above(container, target) {
        if let Some(node) = node_at(folder)? {
            if node.array {
                return Err(Error::store(folder, "is an array and holds no other"));
            }
            found = Some(node.version);
        }
    }
    agreed(target, wanted, found)
}

/// The version asked for or found, or 3; they must not differ.
pub(super) fn agreed(target: &Path, wanted: Option<u8>, found: Option<u8>) -> Result<u8> {
    let version = wanted.or(found).unwrap_or(3);
    match found {
        _ if version != 2 && version != 3 => Err(Error::unsupported(format!("Zarr v{version}; there are v2 and v3"))),
        Some(other) if other != version => {
            let what = format!("{}: Zarr v{version} in a group of v{other}", target.display());
            Err(Error::unsupported(what))
        }
        _ => Ok(version),
    }
}

/// The folders from the container down to the one that holds the target.
pub(super) fn above<'a>(container: &Path, target: &'a Path) -> Vec<&'a Path> {
    let mut folders: Vec<&Path> = target.ancestors().skip(1).take_while(|p| p.starts_with(container)).collect();
    folders.reverse();
    folders
}
