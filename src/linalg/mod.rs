//! Linear algebra: builds expressions, computes nothing.
//!
//! `matmul.rs` has products of matrices and vectors and what NumPy makes of them, `cross.rs` products of vectors in space,
//! `norm.rs` lengths, `factor.rs` factorisations.

pub mod matmul;
pub mod cross;
pub mod norm;
pub mod factor;
