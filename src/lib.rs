//! hyperslab: chunked n-dimensional arrays.
#![deny(missing_docs)]

pub mod chunk;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
pub mod dtype;
pub mod error;
pub mod op;
pub mod shape;
pub mod store;

pub use error::{Error, ErrorKind, Result};
