//! Linear algebra: builds expressions, computes nothing.
//!
//! `matmul.rs` has products of matrices and vectors, `contraction.rs` sums of products over any axes of two arrays,
//! `einsum.rs` those of any number, `products.rs` what NumPy makes of these, `cross.rs` products of vectors in space,
//! `norm.rs` lengths, `diagonal.rs` diagonals and triangles, and `factor.rs` factorisations.

pub mod matmul;
pub mod contraction;
pub mod einsum;
pub mod diagonal;
pub mod products;
pub mod cross;
pub mod norm;
pub mod factor;
