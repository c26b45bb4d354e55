//! A hierarchy whose keys are objects behind a network.
//!
//! Opening asks for everything that may describe the array, and for the copies that a hierarchy may have of all of its
//! metadata, at once: a constant number of requests, and the time of one. What came is kept as long as anything of the
//! hierarchy is open, and serves the arrays around the one that was opened; whoever opens anew asks anew.

use super::piece::{Bytes, Piece};
use super::{join, json};
use crate::error::{Error, Result};
use crate::store::manifest::digest;
use crate::store::remote::{self, Got, Place, Want};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may describe a node, of version 3 and of version 2.
const V3: &str = "zarr.json";
const ARRAY: &str = ".zarray";
const GROUP: &str = ".zgroup";
const ATTRIBUTES: &str = ".zattrs";
const OF_NODE: [&str; 4] = [V3, ARRAY, GROUP, ATTRIBUTES];
/// What is asked for of a node where its version is not known, one after the other.
const EITHER: &[&[&str]] = &[&[V3, ARRAY, ATTRIBUTES], &[GROUP]];
/// Where version 2 has copies of all metadata.
const COPIES: &str = ".zmetadata";
/// Longer metadata is taken for damage.
const LONGEST: u64 = 256 << 20;
/// Deeper hierarchies are not followed.
pub(super) const DEEPEST: usize = 64;

/// Documents by key; `None` where there is none.
type Documents = BTreeMap<String, Option<Vec<u8>>>;

/// Objects below a prefix, and what is known of their metadata.
#[derive(Debug)]
pub(super) struct Hierarchy {
    place: Arc<Place>,
    root: String,
    documents: Mutex<Documents>,
    /// What is asked for of a node: at first, and then as long as that describes nothing.
    stages: &'static [&'static [&'static str]],
    /// The nodes that copies of metadata at the root speak of.
    copied: BTreeSet<String>,
    /// Whether the copies say of the array that was opened what it says itself, so that they are believed of others.
    agrees: bool,
    /// The nodes that are asked for with the next of them.
    expected: Mutex<BTreeSet<String>>,
    /// The names below prefixes that were listed.
    listed: Mutex<BTreeMap<String, Vec<String>>>,
    /// The lengths of all objects below prefixes, where that can be listed.
    lengths: Mutex<BTreeMap<String, Option<BTreeMap<String, u64>>>>,
}

impl Hierarchy {
    /// The prefix at `path`, with the metadata of its root and of `inner`.
    pub(super) fn open(path: &Path, inner: &str) -> Result<Self> {
        let (place, root) = remote::locate(path)?;
        let stages = EITHER;
        let (documents, copied) = Default::default();
        let (expected, listed, lengths) = Default::default();
        let mut new = Self { place, root, documents, stages, copied, agrees: true, expected, listed, lengths };
        let mut keys: BTreeSet<String> = [COPIES, V3, GROUP].map(str::to_owned).into();
        keys.extend(new.stages[0].iter().map(|name| join(inner, name)));
        new.ask(&keys.into_iter().collect::<Vec<_>>())?;
        let mut documents = std::mem::take(&mut new.documents).into_inner();
        let has = |key: &str| documents.get(key).is_some_and(Option::is_some);
        // What is around an array is of the version that it and the root are of.
        new.stages = match (has(V3), has(COPIES) || has(GROUP) || has(ARRAY) || has(&join(inner, ARRAY))) {
            (true, false) => &[&[V3], &[ARRAY, ATTRIBUTES, GROUP]],
            (false, true) if !has(&join(inner, V3)) => &[&[ARRAY, ATTRIBUTES], &[GROUP], &[V3]],
            _ => EITHER,
        };
        let copies = new.copies(&documents)?;
        new.copied = copies.keys().map(|key| node_of(key).to_owned()).collect();
        new.agrees = inner.is_empty() || new.agree(inner, &documents, &copies);
        if new.agrees {
            for (key, document) in copies {
                documents.entry(key).or_insert_with(|| Some(document.to_string().into_bytes()));
            }
        }
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

    /// The text of a metadata document; `None` where there is none. Those of the same node are asked for with it, and
    /// only as far as none of them describes it.
    pub(super) fn document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let node = node_of(key);
        for stage in 0..self.stages.len() {
            if let Some(known) = self.documents.lock().get(key) {
                return Ok(known.clone());
            }
            if self.is_described(node) {
                // Beside what describes a node of version 2 stand its attributes.
                if key.ends_with(ATTRIBUTES) && !self.is_copied(node) && !self.has(&join(node, V3)) {
                    self.ask(&[key.to_owned()])?;
                }
                break;
            }
            self.look(stage, [node])?;
        }
        Ok(self.documents.lock().get(key).cloned().flatten())
    }

    /// Whether it is known what a node is.
    fn is_described(&self, node: &str) -> bool {
        self.is_copied(node) || [V3, ARRAY, GROUP].iter().any(|name| self.has(&join(node, name)))
    }

    /// Whether the copies say what a node is.
    fn is_copied(&self, node: &str) -> bool {
        self.agrees && self.copied.contains(node)
    }

    /// Whether a document is known to be there.
    fn has(&self, key: &str) -> bool {
        self.documents.lock().get(key).is_some_and(Option::is_some)
    }

    /// Asks for what is not known of nodes, at once.
    fn look<'a>(&self, stage: usize, nodes: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let names = self.stages[stage];
        let all = nodes.into_iter().filter(|node| !self.is_described(node));
        let all = all.flat_map(|node| names.iter().map(move |name| join(node, name)));
        let keys: Vec<String> = all.filter(|key| !self.documents.lock().contains_key(key)).collect();
        if keys.is_empty() { Ok(()) } else { self.ask(&keys) }
    }

    /// Notes that these nodes will be looked for.
    pub(super) fn announce(&self, nodes: &[String]) {
        self.expected.lock().extend(nodes.iter().cloned());
    }

    /// Sees to it that what describes a node as an array is known, if it is one: of the version that the hierarchy has,
    /// and only where it is copied, if that can be told from copies. What is expected is asked for with it.
    pub(super) fn seek(&self, node: &str) -> Result<()> {
        let mut expected = self.expected.lock();
        let mut wanted = if expected.contains(node) { std::mem::take(&mut *expected) } else { BTreeSet::new() };
        drop(expected);
        wanted.insert(node.to_owned());
        if self.copied.is_empty() || !self.agrees {
            self.look(0, wanted.iter().map(String::as_str))?;
        }
        let mut documents = self.documents.lock();
        for key in wanted.iter().flat_map(|node| OF_NODE.map(|name| join(node, name))) {
            documents.entry(key).or_insert(None);
        }
        Ok(())
    }

    /// Looks at everything at or below a node, level by level: all of a level at once.
    pub(super) fn survey(&self, node: &str) -> Result<()> {
        if !self.copied.is_empty() {
            let start = if node.is_empty() { String::new() } else { format!("{node}/") };
            let nodes: Vec<&str> =
                self.copied.iter().map(String::as_str).filter(|own| own.starts_with(&start)).collect();
            return (0..self.stages.len()).try_for_each(|stage| self.look(stage, nodes.iter().copied()));
        }
        let mut level = vec![node.to_owned()];
        for _ in 0..DEEPEST {
            (0..self.stages.len()).try_for_each(|stage| self.look(stage, level.iter().map(String::as_str)))?;
            level.retain(|node| !self.is_array(node));
            if level.is_empty() {
                break;
            }
            self.list(&level)?;
            let listed = self.listed.lock();
            let below =
                level.iter().flat_map(|node| listed.get(node).into_iter().flatten().map(|name| join(node, name)));
            level = below.collect();
        }
        Ok(())
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
            if !self.listed.lock().contains_key(prefix) {
                self.list(&[prefix.to_owned()])?;
            }
            return Ok(self.listed.lock().get(prefix).cloned().unwrap_or_default());
        }
        let start = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let inside = self.copied.iter().filter_map(|node| node.strip_prefix(&start));
        let names: BTreeSet<&str> = inside.filter_map(|rest| rest.split('/').next()).collect();
        Ok(names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// How long the object under a key below `prefix` is; `None` where there is none. A listing of the prefix tells,
    /// which is kept; where there are no listings, each object is asked for.
    pub(super) fn length(&self, prefix: &str, key: &str) -> Result<Option<u64>> {
        let object = self.object(key);
        let mut lengths = self.lengths.lock();
        let known = lengths.entry(prefix.to_owned()).or_insert_with(|| {
            let listing = Some(self.object(prefix)).filter(|_| !remote::is_read_only(&self.name("")));
            let listing = listing.and_then(|folder| self.place.list(&folder, true).ok());
            listing.map(|listing| listing.objects.into_iter().collect())
        });
        if let Some(known) = known {
            return Ok(known.get(&object).copied());
        }
        drop(lengths);
        Ok(self.place.get(&object, Want::Range(0, 1))?.map(|got| got.total))
    }

    /// Lists these prefixes, at once.
    fn list(&self, prefixes: &[String]) -> Result<()> {
        let folders: Vec<String> = prefixes.iter().map(|prefix| self.object(prefix)).collect();
        for (prefix, listing) in prefixes.iter().zip(self.place.list_each(&folders)) {
            let listing = listing.and_then(|listing| {
                let is_empty = listing.folders.is_empty() && listing.objects.is_empty();
                let knows_better = is_empty && self.is_described(prefix);
                let why = "a listing does not have its own metadata, so it is none";
                if knows_better { Err(Error::store(self.name(prefix), why)) } else { Ok(listing) }
            });
            let names = listing.map_err(|e| e.at("without consolidated metadata"))?.folders;
            let names = names.into_iter().filter(|name| !name.starts_with('.')).collect();
            self.listed.lock().insert(prefix.clone(), names);
        }
        Ok(())
    }

    /// Gets documents at once. Places that must not be listed refuse what is not there: that is no error where it is
    /// known that there is a hierarchy. Other faults are none where a node is described all the same.
    fn ask(&self, keys: &[String]) -> Result<()> {
        let (objects, is_known): (Vec<String>, _) = (keys.iter().map(|key| self.object(key)).collect(), self.is_one());
        let (mut found, mut faults) = (BTreeSet::new(), Vec::new());
        let outcomes = self.place.get_all(&objects, LONGEST);
        let mut documents = self.documents.lock();
        for (key, got) in keys.iter().zip(outcomes) {
            match got {
                Ok(got) => {
                    found.extend(got.is_some().then(|| node_of(key)));
                    documents.insert(key.clone(), got.map(|got| own(got).bytes));
                }
                Err(error) => faults.push((key, error)),
            }
        }
        for (key, error) in faults {
            let passes = if is_known { error.is_refused() || found.contains(node_of(key)) } else { !found.is_empty() };
            if !passes {
                return Err(error);
            }
            documents.insert(key.clone(), None);
        }
        Ok(())
    }

    /// A document, if it can be understood.
    fn parsed(&self, key: &str, documents: &Documents) -> Result<Option<Value>> {
        let Some(Some(text)) = documents.get(key) else { return Ok(None) };
        json::parse(&self.name(key), text).map(Some)
    }

    /// The copies that the root has of documents below it, by their keys.
    fn copies(&self, documents: &Documents) -> Result<Map<String, Value>> {
        let entries = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let Some(root) = self.parsed(V3, documents)? else {
            return Ok(entries(self.parsed(COPIES, documents)?.as_ref().and_then(|all| all.get("metadata"))));
        };
        let inline = root.get("consolidated_metadata").and_then(|copies| copies.get("metadata"));
        Ok(entries(inline).into_iter().map(|(node, document)| (join(&node, V3), document)).collect())
    }

    /// Whether copies say of a node what its documents say.
    fn agree(&self, node: &str, documents: &Documents, copies: &Map<String, Value>) -> bool {
        self.stages[0].iter().all(|name| {
            let key = join(node, name);
            let plain = |document: Option<Value>| match document {
                Some(Value::Object(mut fields)) => {
                    fields.remove("consolidated_metadata");
                    fields
                }
                _ => Map::new(),
            };
            plain(self.parsed(&key, documents).ok().flatten()) == plain(copies.get(&key).cloned())
        })
    }

    /// Whether what is known of a node makes it one that holds no others.
    fn is_array(&self, node: &str) -> bool {
        let documents = self.documents.lock();
        match self.parsed(&join(node, V3), &documents) {
            Ok(Some(document)) => document.get("node_type").is_none_or(|kind| kind != "group"),
            Ok(None) => documents.get(&join(node, ARRAY)).is_some_and(Option::is_some),
            Err(_) => true,
        }
    }
}

/// Whether there is metadata of a node at each of these paths, which are in one place; asked for at once.
pub(super) fn are_nodes(paths: &[&Path]) -> Vec<bool> {
    let located: Vec<_> = paths.iter().map(|path| remote::locate(path)).collect();
    let Some(place) = located.iter().flatten().next().map(|(place, _)| Arc::clone(place)) else {
        return vec![false; paths.len()];
    };
    let names = [V3, ARRAY, GROUP, COPIES];
    let roots: Vec<&str> = located.iter().map(|found| found.as_ref().map_or("", |(_, key)| key)).collect();
    let keys: Vec<String> = roots.iter().flat_map(|root| names.map(|name| join(root, name))).collect();
    // What cannot be asked for is told by whoever asks for what is at these paths.
    let got = place.get_all(&keys, LONGEST);
    got.chunks(names.len()).map(|of| of.iter().any(|got| matches!(got, Ok(Some(_))))).collect()
}

/// The node that the document of a key is of.
fn node_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(node, _)| node)
}

/// The bytes for oneself.
fn own(got: Arc<Got>) -> Got {
    Arc::try_unwrap(got).unwrap_or_else(|shared| Got {
        bytes: shared.bytes.clone(),
        tag: shared.tag.clone(),
        ..*shared
    })
}
