//! Listing a file.

use super::attributes::{Scales, is_bare_dimension, read_all};
use super::dataset::Hdf5Array;
use super::ffi::{self, Id, Identity, ObjectKind};
use super::shown;
use crate::error::{Error, Result};
use crate::store::input::Input;
use crate::store::{Node, NodeKind};
use std::path::Path;
use std::sync::Arc;

/// Groups deeper than this are not looked into.
const DEEPEST: usize = 128;

/// Entries after which a listing ends; links can make a small file list without end.
const MOST: usize = 1 << 18;

/// Every group and array at or below `inner`, by name. A name through which a group holds itself is listed, not
/// followed.
pub(super) fn tree(path: &Path, inner: &str) -> Result<Vec<Node>> {
    let input = Input::open(path)?;
    let list = || {
        let file = ffi::open_input(&input).map_err(|e| Error::store(path, e))?;
        let shown = shown(path, inner);
        let name = ffi::c_name(&format!("/{inner}")).map_err(|e| Error::store(&shown, e))?;
        let object = ffi::open_object(&file, &name).map_err(|e| Error::store(&shown, e))?;
        let mut walk =
            Walk { file: &file, input: &input, scales: Scales::default(), above: Vec::new(), nodes: Vec::new() };
        walk.visit(object, inner);
        match walk.nodes.get(1) {
            Some(Node { path: at, kind: NodeKind::Other(why) }) if at == inner => Err(Error::store(&shown, why)),
            _ => Ok(walk.nodes),
        }
    };
    ffi::watched(|| ffi::locked(list))
}

struct Walk<'a> {
    file: &'a Id,
    input: &'a Arc<Input>,
    scales: Scales,
    /// The groups on the way here.
    above: Vec<Identity>,
    nodes: Vec<Node>,
}

impl Walk<'_> {
    fn visit(&mut self, object: Id, path: &str) {
        match ffi::kind(&object) {
            ObjectKind::Group => {
                self.push(path, NodeKind::Group(read_all(&object).0));
                self.follow(&object, path);
            }
            // Of the books of NetCDF-4, not one of its variables.
            ObjectKind::Dataset if is_bare_dimension(&object) => {
                if self.above.is_empty() {
                    self.push(path, NodeKind::Other("is a dimension without values".to_owned()));
                }
            }
            ObjectKind::Dataset => {
                drop(object);
                let kind = match Hdf5Array::open(self.file, self.input, path, &mut self.scales) {
                    Ok(array) => NodeKind::Array(Box::new(array.info)),
                    Err(e) => NodeKind::Other(e.to_string()),
                };
                self.push(path, kind);
            }
            ObjectKind::Type => self.push(path, NodeKind::Other("a named datatype".to_owned())),
            ObjectKind::Other => self.push(path, NodeKind::Other("an unknown object".to_owned())),
        }
    }

    fn push(&mut self, path: &str, kind: NodeKind) {
        self.nodes.push(Node { path: path.to_owned(), kind });
    }

    fn follow(&mut self, group: &Id, path: &str) {
        let Ok(here) = ffi::identity(group) else {
            return self.push(path, NodeKind::Other("a damaged group".to_owned()));
        };
        if self.above.contains(&here) {
            return;
        }
        if self.above.len() >= DEEPEST {
            return self.push(path, NodeKind::Other(format!("groups more than {DEEPEST} deep are not listed")));
        }
        let names = match ffi::children(group) {
            Ok(names) => names,
            Err(why) => return self.push(path, NodeKind::Other(why)),
        };
        self.above.push(here);
        for name in names {
            if self.nodes.len() >= MOST {
                if self.nodes.len() == MOST {
                    self.push(path, NodeKind::Other(format!("more than {MOST} entries; the rest is not listed")));
                }
                break;
            }
            let shown = name.to_string_lossy();
            let below = if path.is_empty() { shown.into_owned() } else { format!("{path}/{shown}") };
            match ffi::open_object(group, &name) {
                Ok(object) => self.visit(object, &below),
                Err(why) => self.push(&below, NodeKind::Other(why)),
            }
        }
        self.above.pop();
    }
}
