//! cuBLAS, computed in `f64` and in stream order.

mod gemm;
mod handle;
mod other;
mod types;

pub use handle::Failure;
