//! Generated CUDA code: NVRTC compiles every kernel of a corpus for real architectures, and where there is a GPU, or a
//! stand-in for its driver, they run there against the CPU's kernels.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test binary: failures say what they were")]
#![cfg(feature = "cuda")]

mod compile;
mod corpus;
mod device;
mod kernels;
mod values;
