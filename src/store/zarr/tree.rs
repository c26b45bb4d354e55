//! Listing a hierarchy.

use super::join;
use super::meta::{self, Array, Found};
use super::objects::DEEPEST;
use super::source::Source;
use crate::chunk::region::Indices;
use crate::error::Result;
use crate::shape;
use crate::store::{Attributes, Node, NodeKind, remote};
use std::path::PathBuf;

/// Arrays of more chunks are not measured.
const MEASURED: usize = 4096;

/// Every group and array at or below `inner`, sorted by path.
pub(super) fn list(source: &Source, inner: &str) -> Result<Vec<Node>> {
    if let Some(objects) = source.remote() {
        objects.survey(inner)?;
    }
    let mut nodes = Vec::new();
    visit(source, inner, &mut Vec::new(), &mut nodes)?;
    if nodes.is_empty() {
        return Err(remote::missing(&source.name(inner), "holds no array or group"));
    }
    Ok(nodes)
}

fn visit(source: &Source, at: &str, above: &mut Vec<PathBuf>, nodes: &mut Vec<Node>) -> Result<()> {
    let here = canonical(source, at);
    if above.len() > DEEPEST || above.contains(&here) {
        return Ok(());
    }
    let kind = match meta::find(source, at) {
        Ok(Found::Array(array)) => Some(NodeKind::Array(Box::new(measured(source, &array)))),
        Ok(Found::Group(attributes)) => Some(NodeKind::Group(attributes)),
        Ok(Found::Nothing) if at.is_empty() => Some(NodeKind::Group(Attributes::new())),
        Ok(Found::Nothing) => None,
        Err(error) => Some(NodeKind::Other(error.to_string())),
    };
    let leaf = matches!(kind, Some(NodeKind::Array(_) | NodeKind::Other(_)));
    let own = nodes.len();
    if let Some(kind) = kind {
        nodes.push(Node { path: at.to_owned(), kind });
    }
    if leaf {
        return Ok(());
    }
    above.push(here);
    for name in source.folders(at)? {
        visit(source, &join(at, &name), above, nodes)?;
    }
    above.pop();
    // A root without metadata counts as a group when there is something in it.
    if at.is_empty() && nodes.len() == own + 1 && matches!(meta::find(source, at), Ok(Found::Nothing)) {
        nodes.pop();
    }
    Ok(())
}

/// The directory behind links, so that a link to a directory above is seen.
fn canonical(source: &Source, at: &str) -> PathBuf {
    let path = source.name(at);
    path.canonicalize().unwrap_or(path)
}

/// What is known of the array, with the size of its stored chunks when they are few.
fn measured(source: &Source, array: &Array) -> crate::store::Info {
    let counts = array.grid.counts();
    let mut info = array.info.clone();
    if source.remote().is_none() && shape::checked_size(&counts).is_some_and(|n| n <= MEASURED) {
        let lengths = Indices::new(&counts).map(|index| source.length(&array.key(&index)));
        info.stored = Some(lengths.flatten().sum());
    }
    info
}
