//! What happens when something goes wrong, and what a run takes when nothing does.

mod cancel;
mod damage;
mod faults;
mod flaky;
mod functions;
mod memory;
mod requests;
mod resume;
mod sinks;
mod stores;
mod synthetic;

use hyperslab::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn context() -> Context {
    Context::builder().threads(2).memory("64MiB").device("cpu").build().unwrap()
}

/// The names in a folder, hidden ones included.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every file below a folder, by its path, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut out, mut left) = (BTreeMap::new(), vec![folder.to_path_buf()]);
    while let Some(at) = left.pop() {
        if at.is_dir() {
            left.extend(std::fs::read_dir(&at).unwrap().map(|e| e.unwrap().path()));
        } else {
            out.insert(at.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&at).unwrap());
        }
    }
    out
}
