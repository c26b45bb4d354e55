//! What happens when something goes wrong, and what a run takes when nothing does.

mod cancel;
mod damage;
mod functions;
mod memory;
mod requests;
mod sinks;
mod stores;
mod synthetic;

use hyperslab::Context;
use std::path::Path;

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
