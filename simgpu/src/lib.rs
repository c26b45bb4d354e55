//! A stand-in for `libcuda.so` and `libcublas.so`, so that GPU code is tested where there is no GPU.
//!
//! The library takes the PTX that the real NVRTC compiles and interprets it ([`ptx`], [`exec`]); streams are queues
//! whose work can be delayed ([`queue`]); device memory is checked on every access ([`device`]). See the README for the
//! environment variables and for what is found and what is not.

#![allow(non_snake_case, reason = "the driver's and cuBLAS' names")]
#![allow(clippy::not_unsafe_ptr_arg_deref, reason = "functions of a C interface: callers are not Rust")]

pub mod api;
pub mod blas;
pub mod config;
pub mod counters;
pub mod device;
pub mod exec;
pub mod ptx;
pub mod queue;
pub mod sim;
pub mod status;
