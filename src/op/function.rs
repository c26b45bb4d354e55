//! Functions over blocks that users bring.

use crate::dtype::DType;
use crate::error::Result;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A block as a user function sees it, untyped: C-ordered bytes.
#[derive(Debug)]
pub struct RawBlock<'a> {
    /// Element type.
    pub dtype: DType,
    /// Lengths of the axes.
    pub shape: &'a [usize],
    /// The elements.
    pub bytes: &'a [u8],
}

/// What runs: the input blocks, the output's shape, and the output's bytes to fill.
pub type Body = dyn Fn(&[RawBlock<'_>], &[usize], &mut [u8]) -> Result<()> + Send + Sync;

/// A named, pure function from blocks to a block. Two are equal when they are the same closure.
#[derive(Clone)]
pub struct BlockFunction {
    /// What `explain` and errors call it.
    pub name: String,
    /// Dtype of the result.
    pub output: DType,
    /// What runs.
    pub body: Arc<Body>,
}

impl PartialEq for BlockFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body)
    }
}

impl Eq for BlockFunction {}

impl Hash for BlockFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.body).cast::<()>().hash(state);
    }
}

impl fmt::Debug for BlockFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockFunction({})", self.name)
    }
}
