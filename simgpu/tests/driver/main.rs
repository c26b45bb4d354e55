//! The stand-in from a caller's side: through the bindings that the library uses, and with kernels that NVRTC compiles.
//!
//! Bindings find the driver through the library path, which is fixed when a process starts. So each case is an ignored
//! test that its parent runs in a process of its own, with the path and settings of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test binary: failures say what they were")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests call the driver right, or wrong on purpose")]

mod bugs;
mod harness;
mod memory;
mod products;
mod streams;
