//! Linear algebra: builds expressions, computes nothing.
//!
//! `matmul.rs` has products of matrices and vectors and what NumPy makes of them, `factor.rs` factorisations.

pub mod matmul;
pub mod factor;
