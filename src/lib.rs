//! hyperslab: chunked n-dimensional arrays.
#![deny(missing_docs)]

pub mod chunk;
pub mod cpu;
pub mod device;
pub mod dtype;
pub mod error;
pub mod op;
pub mod shape;
pub mod store;

#[cfg(feature = "cli")]
pub mod cli;

pub use error::{Error, ErrorKind, Result};
