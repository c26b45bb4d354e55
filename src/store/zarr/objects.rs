//! A hierarchy whose keys are objects behind a network.
//!
//! Opening asks for everything that may describe the array, and for the copies that a hierarchy may have of all of its
//! metadata, at once: a constant number of requests, and the time of one.

use super::piece::{Bytes, Piece};
use super::{join, json};
use crate::error::Result;
use crate::store::manifest::digest;
use crate::store::remote::{self, Got, Place, Want};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may describe a node.
const OF_NODE: [&str; 4] = ["zarr.json", ".zarray", ".zgroup", ".zattrs"];
/// Where version 2 has copies of all metadata.
const COPIES: &str = ".zmetadata";
/// Longer metadata is taken for damage.
const LONGEST: u64 = 256 << 20;

/// Documents by key; `None` where there is none.
type Documents = BTreeMap<String, Option<Vec<u8>>>;

/// Objects below a prefix, and what is known of their metadata.
#[derive(Debug)]
pub(super) struct Hierarchy {
    place: Arc<Place>,
    root: String,
    documents: Mutex<Documents>,
    /// The nodes that copies of metadata at the root speak of.
    copied: BTreeSet<String>,
}

impl Hierarchy {
    /// The prefix at `path`, with the metadata of its root and of `inner`.
    pub(super) fn open(path: &Path, inner: &str) -> Result<Self> {
        let (place, root) = remote::locate(path)?;
        let mut new = Self { place, root, documents: Mutex::default(), copied: BTreeSet::new() };
        let mut keys = vec![COPIES.to_owned(), OF_NODE[0].to_owned()];
        let own = OF_NODE.iter().map(|name| join(inner, name));
        keys.extend(own.filter(|key| !OF_NODE[..1].contains(&key.as_str())));
        new.ask(&keys)?;
        let mut documents = new.documents.lock().clone();
        new.copied = new.copies(&mut documents)?;
        new.documents = Mutex::new(documents);
        Ok(new)
    }

    /// Whether there is any metadata of a root.
    pub(super) fn is_one(&self) -> bool {
        self.documents.lock().values().any(Option::is_some)
    }

    /// Where the objects are.
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// How errors name a key.
    pub(super) fn name(&self, key: &str) -> PathBuf {
        self.place.name(&self.object(key))
    }

    /// The name of the object under a key.
    pub(super) fn object(&self, key: &str) -> String {
        if key.is_empty() { self.root.clone() } else { join(&self.root, key) }
    }

    /// The bytes under a key, of which there are at most so many; `None` where there is no such key.
    pub(super) fn piece(&self, key: &str, most: u64) -> Result<Option<Piece>> {
        let got = self.place.get(&self.object(key), Want::AtMost(most))?;
        Ok(got.map(|got| {
            let bytes = own(got).bytes;
            Piece { len: bytes.len() as u64, bytes: Bytes::Memory(bytes), path: self.name(key) }
        }))
    }

    /// Some bytes under a key, and what reads more of it.
    pub(super) fn part(&self, key: &str, want: Want) -> Result<Option<(Vec<u8>, Piece)>> {
        let object = self.object(key);
        let got = self.place.get(&object, want)?;
        Ok(got.map(|got| {
            let got = own(got);
            let bytes = Bytes::Remote { place: Arc::clone(&self.place), key: object, offset: 0 };
            (got.bytes, Piece { len: got.total, bytes, path: self.name(key) })
        }))
    }

    /// The text of a metadata document; `None` where there is none. Those of the same node are asked for with it.
    pub(super) fn document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        if let Some(known) = self.documents.lock().get(key) {
            return Ok(known.clone());
        }
        let node = key.rsplit_once('/').map_or("", |(node, _)| node);
        if self.copied.contains(node) {
            return Ok(None);
        }
        let keys: Vec<String> = OF_NODE.iter().map(|name| join(node, name)).collect();
        self.ask(&keys)?;
        Ok(self.documents.lock().get(key).cloned().flatten())
    }

    /// The text under a key that is no metadata; `None` where there is none.
    pub(super) fn text(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.place.get(&self.object(key), Want::AtMost(LONGEST))?.map(|got| own(got).bytes))
    }

    /// What metadata says of a node, as a digest.
    pub(super) fn stamp(&self, node: &str) -> Option<String> {
        let texts = OF_NODE.iter().filter_map(|name| self.document(&join(node, name)).ok().flatten());
        let all: Vec<u8> = texts.flatten().collect();
        (!all.is_empty()).then(|| digest(&all))
    }

    /// The names directly below a prefix that may hold more keys, sorted.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        if self.copied.is_empty() {
            let listing = self.place.list(&self.object(prefix), false);
            let listing = listing.map_err(|e| e.at("without consolidated metadata"))?;
            return Ok(listing.folders.into_iter().filter(|name| !name.starts_with('.')).collect());
        }
        let start = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let inside = self.copied.iter().filter_map(|node| node.strip_prefix(&start));
        let names: BTreeSet<&str> = inside.filter_map(|rest| rest.split('/').next()).collect();
        Ok(names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Gets documents at once. Places that must not be listed forbid what is not there: that is no error where
    /// something else is.
    fn ask(&self, keys: &[String]) -> Result<()> {
        let objects: Vec<String> = keys.iter().map(|key| self.object(key)).collect();
        let (mut found, mut fault) = (false, None);
        let mut documents = self.documents.lock();
        for (key, got) in keys.iter().zip(self.place.get_all(&objects, LONGEST)) {
            let text = got.unwrap_or_else(|error| {
                fault.get_or_insert(error);
                None
            });
            found |= text.is_some();
            documents.insert(key.clone(), text.map(|got| own(got).bytes));
        }
        match fault {
            Some(error) if !found => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes over the copies that the root has of the metadata below it, and says of which nodes.
    fn copies(&self, documents: &mut Documents) -> Result<BTreeSet<String>> {
        let mut copied = BTreeSet::new();
        let parsed = |key: &str, documents: &Documents| -> Result<Option<Value>> {
            let Some(Some(text)) = documents.get(key) else { return Ok(None) };
            json::parse(&self.name(key), text).map(Some)
        };
        let entries = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let text = |value: &Value| value.to_string().into_bytes();
        let root = parsed(OF_NODE[0], documents)?;
        let inline = root.as_ref().and_then(|root| root.get("consolidated_metadata"));
        for (node, document) in entries(inline.and_then(|copies| copies.get("metadata"))) {
            documents.entry(join(&node, OF_NODE[0])).or_insert_with(|| Some(text(&document)));
            copied.insert(node);
        }
        if root.is_none() {
            for (key, document) in entries(parsed(COPIES, documents)?.as_ref().and_then(|all| all.get("metadata"))) {
                copied.insert(key.rsplit_once('/').map_or("", |(node, _)| node).to_owned());
                documents.entry(key).or_insert_with(|| Some(text(&document)));
            }
        }
        Ok(copied)
    }
}

/// The bytes for oneself.
fn own(got: Arc<Got>) -> Got {
    Arc::try_unwrap(got).unwrap_or_else(|shared| Got {
        bytes: shared.bytes.clone(),
        tag: shared.tag.clone(),
        ..*shared
    })
}
