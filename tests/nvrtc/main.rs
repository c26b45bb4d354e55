//! Generated CUDA code without a GPU: NVRTC compiles every kernel of a corpus for real architectures, and a host compiler
//! runs the same code against the CPU's kernels.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test binary: failures say what they were")]
#![cfg(feature = "cuda")]

mod compile;
mod corpus;
mod device;
mod host;
mod values;
