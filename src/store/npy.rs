//! npy
use super::{Format, Layout, Node, Sink, Store};
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
/// npy
#[derive(Debug)]
pub struct Npy;
impl Format for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }
    fn recognises(&self, _path: &Path) -> bool {
        false
    }
    fn creates(&self, _path: &Path) -> bool {
        false
    }
    fn open(&self, path: &Path, _inner: &str) -> Result<Arc<dyn Store>> {
        Err(Error::store(path, "not yet"))
    }
    fn tree(&self, path: &Path, _inner: &str) -> Result<Vec<Node>> {
        Err(Error::store(path, "not yet"))
    }
    fn create(&self, path: &Path, _inner: &str, _layout: &Layout) -> Result<Box<dyn Sink>> {
        Err(Error::store(path, "not yet"))
    }
}
