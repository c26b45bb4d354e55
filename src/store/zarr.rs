//! Zarr, versions 2 and 3: chunks in files of a directory, in a zip archive, in objects behind a network, or anywhere
//! in files that an index in JSON refers to (`zarr/references.rs`).
//!
//! Begin with `zarr/read.rs`, which puts a region together. `zarr/meta.rs` reads metadata, `zarr/source.rs` finds keys
//! in folders and archives, `zarr/objects.rs` those behind a network, `zarr/pipeline.rs` decodes a chunk with the
//! codecs of the `zarrs` crate and a few of our own, `zarr/pipeline/shard.rs` finds inner chunks, `zarr/create.rs`,
//! `zarr/nodes.rs` and `zarr/write.rs` make new arrays, `zarr/change.rs` changes those that exist. Everything runs on
//! the calling thread. Sizes that files declare are checked before memory is taken for them.

use super::{Change, Create, Encoding, Format, Layout, Node, Sink, Store, Survey, remote};
use crate::error::{Error, Result};
use meta::Found;
use source::Source;
use std::path::Path;
use std::sync::Arc;

mod json;
mod piece;
mod zip;
mod objects;
mod references;
mod source;
mod window;
mod pipeline;
mod meta;
mod coding;
mod create;
mod nodes;
mod encode;
mod parts;
mod read;
mod tree;
mod write;
mod upload;
mod recode;
mod change;

/// The names of metadata documents that make a directory a node.
const METADATA: [&str; 4] = ["zarr.json", ".zarray", ".zgroup", ".zmetadata"];

/// The Zarr format.
#[derive(Debug)]
pub struct Zarr;

impl Format for Zarr {
    fn name(&self) -> &'static str {
        "zarr"
    }

    fn recognises(&self, path: &Path) -> bool {
        if remote::is_url(path) || path.is_file() {
            if remote::is_url(path) && !source::ends_as_file(path) {
                return false;
            }
            return (zip::Archive::is_one(path) && zip::Archive::open(path).is_ok_and(|a| a.holds_zarr()))
                || references::References::is_one(path);
        }
        METADATA.iter().any(|name| path.join(name).is_file())
    }

    fn are_prefixes(&self, paths: &[&Path]) -> Vec<bool> {
        objects::are_nodes(paths)
    }

    fn creates(&self, path: &Path) -> bool {
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zarr"))
            || METADATA.iter().any(|name| path.join(name).is_file())
    }

    fn resumes(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>> {
        let source = Source::open(path, inner)?;
        match meta::find(&source, inner)? {
            Found::Array(array) => Ok(Arc::new(read::ZarrStore::new(source, *array))),
            Found::Group(_) => Err(Error::store(source.name(inner), group_message(&source, inner))),
            Found::Nothing => Err(remote::missing(&source.name(inner), "no such array")),
        }
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        tree::list(&Source::open(path, inner)?, inner)
    }

    fn survey(&self, path: &Path, inner: &str) -> Result<Survey> {
        let source = Source::open(path, inner)?;
        Ok((tree::list(&source, inner)?, Some(Arc::new(read::Around(source)))))
    }

    fn neighbours(&self, inner: &str) -> Option<String> {
        let inner = inner.trim_matches('/');
        (!inner.is_empty()).then(|| inner.rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned()))
    }

    fn create(&self, path: &Path, inner: &str, layout: &Layout) -> Result<Box<dyn Sink>> {
        if remote::is_url(path) {
            return Ok(Box::new(upload::RemoteSink::new(path, inner, layout)?));
        }
        if path.is_file() {
            return Err(Error::store(path, "is a file; only folders are written to"));
        }
        change::recover(path, inner)?;
        Ok(Box::new(write::ZarrSink::new(path, inner, layout)?))
    }

    fn keeps(&self, path: &Path, encoding: &Encoding, layout: &Layout) -> bool {
        // A new array has the version of the groups above it, if none is asked for.
        let group = || nodes::node(&Source::of_folder(path, "").ok()?, "").ok()?.filter(|root| !root.array);
        match layout.how.zarr_version.or_else(|| group().map(|group| group.version)) {
            Some(2) => encoding.v2().is_ok(),
            _ => coding::v3(encoding, layout.dtype).is_some(),
        }
    }

    fn change(&self, path: &Path, inner: &str, change: &Change) -> Result<Box<dyn Sink>> {
        Ok(Box::new(change::ChangeSink::new(path, inner, change)?))
    }

    fn recover(&self, path: &Path, inner: &str) -> Result<Option<String>> {
        change::recover(path, inner)
    }

    fn group(&self, path: &Path, inner: &str, how: &Create) -> Result<()> {
        if remote::is_url(path) {
            upload::refuse_read_only(path)?;
        } else if path.is_file() {
            return Err(Error::store(path, "is a file; only folders are written to"));
        }
        nodes::make_group(&Source::of_folder(path, inner)?, inner.trim_matches('/'), how)
    }
}

/// A key below a prefix.
fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// Why a group is not an array, with the names of what it holds.
fn group_message(source: &Source, inner: &str) -> String {
    let names = source.folders(inner).unwrap_or_default();
    let more = if names.len() > 8 { ", ..." } else { "" };
    let names: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    if names.is_empty() {
        "is an empty group, not an array".to_owned()
    } else {
        format!("is a group, not an array; it holds {}{more}", names.join(", "))
    }
}

#[cfg(test)]
mod tests;
