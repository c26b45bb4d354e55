//! What a new array or group finds in a hierarchy: the groups above it, and what stands in its place.

use super::create::group_document;
use super::source::Source;
use super::{join, json};
use crate::error::{Error, Result};
use crate::store::Create;
use serde_json::Value;
use std::path::Path;

/// A node's metadata, as far as writing beside it needs to know.
pub(super) struct Node {
    pub(super) array: bool,
    pub(super) version: u8,
    pub(super) document: Value,
}

/// The node at a key.
pub(super) fn node(source: &Source, at: &str) -> Result<Option<Node>> {
    for (name, version) in [("zarr.json", 3), (".zarray", 2), (".zgroup", 2)] {
        if let Some(document) = parsed(source, &join(at, name))? {
            let array = name == ".zarray" || document.get("node_type").is_some_and(|t| t == "array");
            return Ok(Some(Node { array, version, document }));
        }
    }
    Ok(None)
}

fn parsed(source: &Source, key: &str) -> Result<Option<Value>> {
    source.document(key)?.map(|text| json::parse(&source.name(key), &text)).transpose()
}

/// The groups that hold a node, from the root down.
pub(super) fn above(inner: &str) -> Vec<&str> {
    if inner.is_empty() {
        return Vec::new();
    }
    let ends = inner.match_indices('/').map(|(at, _)| &inner[..at]);
    std::iter::once("").chain(ends).collect()
}

/// Only an array may be replaced, and only on request; `occupied` tells whether there is anything that is no node.
pub(super) fn refuse_existing(
    target: &Path,
    node: Option<&Node>,
    overwrite: bool,
    occupied: impl FnOnce() -> Result<bool>,
) -> Result<()> {
    let why = match node {
        Some(node) if node.array && overwrite => return Ok(()),
        Some(node) if node.array => "exists already and is not to be replaced",
        Some(_) => "is a group; an array does not take its place",
        None if occupied()? => "exists already and is not an array",
        None => return Ok(()),
    };
    Err(Error::store(target, why))
}

/// The version to write: the one asked for, or that of the groups above, or 3.
pub(super) fn version(source: &Source, inner: &str, wanted: Option<u8>) -> Result<u8> {
    let mut found = None;
    for group in above(inner) {
        if let Some(node) = node(source, group)? {
            if node.array {
                return Err(Error::store(source.name(group), "is an array and holds no other"));
            }
            found = Some(node.version);
        }
    }
    let version = wanted.or(found).unwrap_or(3);
    match found {
        _ if version != 2 && version != 3 => Err(Error::unsupported(format!("Zarr v{version}; there are v2 and v3"))),
        Some(other) if other != version => {
            let what = format!("{}: Zarr v{version} in a group of v{other}", source.name(inner).display());
            Err(Error::unsupported(what))
        }
        _ => Ok(version),
    }
}

/// Writes the metadata of groups above a new array that have none, and drops copies of metadata that groups keep of
/// what is below them, since they do not know of the new array.
pub(super) fn settle_groups(source: &Source, inner: &str, version: u8) -> Result<()> {
    for group in above(inner) {
        match node(source, group)? {
            None => put_group(source, group, version)?,
            Some(mut node) if node.version == 3 => {
                let fields = node.document.as_object_mut();
                if fields.is_some_and(|group| group.remove("consolidated_metadata").is_some()) {
                    source.put(&join(group, "zarr.json"), &node.document)?;
                }
            }
            Some(_) => source.remove(&join(group, ".zmetadata"))?,
        }
    }
    Ok(())
}

/// Makes the group `inner` and those above it, where they are missing, and adds attributes to it.
pub(super) fn make_group(source: &Source, inner: &str, how: &Create) -> Result<()> {
    let found = node(source, inner)?;
    let version = match &found {
        Some(node) if node.array => return Err(Error::store(source.name(inner), "is an array, not a group")),
        Some(node) => node.version,
        None => version(source, inner, how.zarr_version)?,
    };
    for group in above(inner) {
        if node(source, group)?.is_none() {
            put_group(source, group, version)?;
        }
    }
    let is_new = found.is_none();
    let (name, empty) = group_document(version);
    let mut document = found.map_or(empty, |node| node.document);
    let with = |before: Option<&Value>| {
        let mut all = before.and_then(Value::as_object).cloned().unwrap_or_default();
        all.extend(how.attributes.clone());
        Value::Object(all)
    };
    if version == 3 {
        let attributes = with(document.get("attributes"));
        document.as_object_mut().map(|fields| fields.insert("attributes".to_owned(), attributes));
    }
    if is_new || version == 3 && !how.attributes.is_empty() {
        source.put(&join(inner, name), &document)?;
    }
    if version == 2 && !how.attributes.is_empty() {
        let key = join(inner, ".zattrs");
        source.put(&key, &with(parsed(source, &key)?.as_ref()))?;
    }
    Ok(())
}

fn put_group(source: &Source, at: &str, version: u8) -> Result<()> {
    let (name, document) = group_document(version);
    source.put(&join(at, name), &document)
}

#[cfg(test)]
mod tests {
    use super::super::Zarr;
    use super::*;
    use crate::store::{Attributes, Format, NodeKind};
    use serde_json::json;

    #[test]
    fn groups_have_attributes() {
        for version in [2, 3] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.zarr");
            let mut how = Create { zarr_version: Some(version), ..Create::new() };
            how.attributes.insert("title".to_owned(), json!("one"));
            Zarr.group(&path, "a/b", &how).unwrap();
            how.attributes.insert("more".to_owned(), json!([1, 2]));
            how.zarr_version = None;
            Zarr.group(&path, "a/b", &how).unwrap();
            let nodes = Zarr.tree(&path, "").unwrap();
            let found: Vec<_> = nodes.iter().map(|n| (n.path.as_str(), &n.kind)).collect();
            let (none, all) = (NodeKind::Group(Attributes::new()), NodeKind::Group(how.attributes));
            assert_eq!(found, [("", &none), ("a", &none), ("a/b", &all)]);
        }
    }
}
