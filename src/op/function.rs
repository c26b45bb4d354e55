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

/// What a GPU runs in place of a function's body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CudaSource {
    /// An expression in CUDA C of the element `x`.
    Element(String),
    /// CUDA C that defines the kernel of this name.
    Kernel {
        /// `extern "C" __global__ void name(const T* in, U* out, unsigned long long n, unsigned long long length0,
        /// ...)`.
        entry: String,
        /// The code.
        code: String,
    },
}

/// A named, pure function from blocks to a block. Two are equal when they are the same closure.
#[derive(Clone)]
pub struct BlockFunction {
    /// What `explain` and errors call it.
    pub name: String,
    /// Dtype of the result.
    pub output: DType,
    /// What runs.
    pub body: Arc<Body>,
    /// What runs on a GPU, where that is known.
    pub cuda: Option<CudaSource>,
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
