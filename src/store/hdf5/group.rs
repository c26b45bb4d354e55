//! Making groups, and giving them attributes.

use super::ffi::{self, Id, attribute};
use super::{attributes, shown};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::Create;
use crate::store::raw::temporary_beside;
use std::path::Path;

/// Makes the group `inner` of the file at `path` and those above it, where they are missing, and adds attributes to it.
pub(super) fn make(path: &Path, inner: &str, how: &Create) -> Result<()> {
    let done = ffi::locked(|| {
        if path.exists() {
            return add(ffi::open_file(path, true)?, inner, how);
        }
        let temporary = temporary_beside(path);
        let renamed = ffi::create_file(&temporary)
            .and_then(|file| add(file, inner, how))
            .and_then(|()| std::fs::rename(&temporary, path).map_err(|e| e.to_string()));
        if renamed.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&temporary);
        }
        renamed
    });
    done.map_err(|why| Error::store(shown(path, inner), why))
}

fn add(file: Id, inner: &str, how: &Create) -> ffi::Res<()> {
    let done = ffi::c_name(&format!("/{inner}")).and_then(|name| {
        let group = ffi::make_group(&file, &name)?;
        for key in how.attributes.keys() {
            let key = ffi::c_name(key)?;
            if attribute::exists(&group, &key) {
                attribute::remove(&group, &key)?;
            }
        }
        attributes::write_all(&group, &how.attributes, &[], DType::F64, &how.types)
    });
    let closed = ffi::close_file(file);
    done.and(closed)
}

#[cfg(test)]
mod tests {
    use super::super::Hdf5;
    use super::*;
    use crate::store::{Attributes, Format, NodeKind};
    use serde_json::json;

    #[test]
    fn groups_have_attributes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let mut how = Create::new();
        how.attributes.insert("title".to_owned(), json!("one"));
        Hdf5.group(&path, "a/b", &how).unwrap();
        how.attributes.insert("more".to_owned(), json!([1, 2]));
        Hdf5.group(&path, "a/b", &how).unwrap();
        let nodes = Hdf5.tree(&path, "").unwrap();
        let found: Vec<_> = nodes.iter().map(|n| (n.path.as_str(), &n.kind)).collect();
        let (none, all) = (NodeKind::Group(Attributes::new()), NodeKind::Group(how.attributes));
        assert_eq!(found, [("", &none), ("a", &none), ("a/b", &all)]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
