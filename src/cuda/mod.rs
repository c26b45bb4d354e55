//! Kernels on NVIDIA GPUs.
//!
//! Nothing here is needed to build: the driver, NVRTC and cuBLAS are looked up when [`device::CudaDevice::new`] runs. A
//! [`Program`](crate::op::program::Program) prints as CUDA C from the table's own expressions (`source.rs`), inside the
//! kernels of `elementwise.rs`, `reduce.rs` (with `accumulate.rs` and `dealing.rs`) and `fold.rs`; users' own kernels
//! are in `function.rs`;
//! `layout.rs` decides which kernel fits the views of a launch; `compile.rs` compiles for the device's architecture and
//! remembers the result (`cache.rs`); `gemm.rs` is cuBLAS; `gpu.rs` is one GPU, its memory is in `buffer.rs`, that of
//! the host in `staging.rs`; `enqueue.rs` launches, `transfer.rs` copies, and `device.rs` is the
//! [`crate::device::Device`]. Printing needs no GPU, so every kernel is compiled for real architectures by tests that
//! run anywhere.

pub mod source;

pub mod layout;

pub mod elementwise;
pub(crate) mod accumulate;
pub mod dealing;
pub mod reduce;
pub mod fold;
pub mod function;

pub mod cache;
pub mod compile;

pub(crate) mod stream;
pub(crate) mod staging;

pub(crate) mod buffer;
pub(crate) mod launch;

pub(crate) mod gemm;

pub(crate) mod gpu;
pub(crate) mod enqueue;
pub(crate) mod transfer;
pub mod device;
