//! Devices: where kernels run, and the memory they run in.

pub mod block;
pub mod memory;
