//! hyperslab: chunked n-dimensional arrays.
#![deny(missing_docs)]

pub mod array;
pub mod blockwise;
pub mod chunk;
pub mod cpu;
pub mod device;
pub mod dtype;
pub mod error;
pub mod expr;
pub mod op;
pub mod optimize;
pub mod runtime;
pub mod shape;
pub mod store;
pub mod task;

pub use array::{Array, Dyn};
pub use error::{Error, ErrorKind, Result};
pub use runtime::context::Context;
