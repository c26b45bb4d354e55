//! Making groups, and giving them attributes.

use super::create::group_document;
use super::json;
use super::write::{Node, above, node_at, version, write_document};
use crate::error::{Error, Result};
use crate::store::{Attributes, Create};
use serde_json::{Value, json};
use std::path::Path;

/// Makes the group `inner` of `container` and those above it, where they are missing, and adds attributes to it.
pub(super) fn make(container: &Path, inner: &str, how: &Create) -> Result<()> {
    let target = if inner.is_empty() { container.to_owned() } else { container.join(inner) };
    let version = match node_at(&target)? {
        Some(node) if node.array => return Err(Error::store(target, "is an array, not a group")),
        Some(node) => node.version,
        None => version(container, &target, how.zarr_version)?,
    };
    for folder in above(container, &target).into_iter().chain([target.as_path()]) {
        std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, e))?;
        if node_at(folder)?.is_none() {
            let (name, document) = group_document(version);
            write_document(&folder.join(name), &document)?;
        }
    }
    if how.attributes.is_empty() {
        return Ok(());
    }
    let node = node_at(&target)?.ok_or_else(|| Error::bug("a group that was made is there"))?;
    set_attributes(&target, node, &how.attributes)
}

fn set_attributes(group: &Path, node: Node, new: &Attributes) -> Result<()> {
    if node.version == 3 {
        let mut document = node.document;
        let mut all = document.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
        all.extend(new.clone());
        if let Some(fields) = document.as_object_mut() {
            fields.insert("attributes".to_owned(), Value::Object(all));
        }
        return write_document(&group.join("zarr.json"), &document);
    }
    let path = group.join(".zattrs");
    let mut all = if path.is_file() {
        let text = std::fs::read(&path).map_err(|e| Error::store(&path, e))?;
        json::parse(&path, &text)?.as_object().cloned().unwrap_or_default()
    } else {
        Attributes::new()
    };
    all.extend(new.clone());
    write_document(&path, &json!(all))
}

#[cfg(test)]
mod tests {
    use super::super::Zarr;
    use super::*;
    use crate::store::{Format, NodeKind};

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
