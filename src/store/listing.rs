//! What is at or below a path, and the arrays among it.

use super::locate::locate;
use super::{Container, Node, Store};
use crate::error::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The groups and arrays at or below a path.
#[derive(Debug)]
pub struct Listing {
    path: PathBuf,
    container: PathBuf,
    inner: String,
    nodes: Vec<Node>,
    known: Option<Arc<dyn Container>>,
}

impl Listing {
    /// Lists what is at or below `path`.
    ///
    /// ```
    /// use hyperslab::store::{Listing, NodeKind};
    /// let listing = Listing::of("data/era5_surface_v3.zarr")?;
    /// let node = listing.nodes().iter().find(|node| node.path == "t2m").unwrap();
    /// assert!(matches!(node.kind, NodeKind::Array(_)));
    /// assert_eq!(listing.open(node)?.info().shape, [24, 181, 360]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](super::open).
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let (format, container, inner) = locate(&path)?;
        let (nodes, known) = format.survey(&container, &inner)?;
        Ok(Self { path, container, inner, nodes, known })
    }

    /// Everything there, in a stable order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The path inside of the container that is listed; empty for all of it.
    #[must_use]
    pub fn inner(&self) -> &str {
        &self.inner
    }

    /// Where a user would open a node: as it was asked for, where that is the node, since a file without a path inside
    /// may stand for its only array.
    #[must_use]
    pub fn path(&self, node: &Node) -> PathBuf {
        let own = node.path.trim_matches('/');
        if own == self.inner { self.path.clone() } else { self.container.join(own) }
    }

    /// Opens a node, without asking again for what is known since it was listed.
    ///
    /// # Errors
    /// As [`open`](super::open).
    pub fn open(&self, node: &Node) -> Result<Arc<dyn Store>> {
        let known = self.known.as_ref().map_or(Ok(None), |known| known.array(&node.path))?;
        known.map_or_else(|| super::open(self.path(node)), Ok)
    }
}
