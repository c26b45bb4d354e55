//! hyperslab: chunked n-dimensional arrays.
#![deny(missing_docs)]

pub mod error;
pub mod dtype;
pub mod shape;
pub mod chunk;
pub mod op;
pub mod device;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod store;
pub mod expr;
pub mod blockwise;
pub mod optimize;
pub mod task;
pub mod runtime;
pub mod array;
pub mod lang;
#[cfg(feature = "cli")]
pub mod cli;

pub use array::{Array, Dyn};
pub use error::{Error, ErrorKind, Result};
pub use runtime::context::Context;
