//! Linear algebra: builds expressions, computes nothing.
//!
//! `matmul.rs` has products of matrices and vectors, `contraction.rs` sums of products over any axes of two arrays,
//! `einsum.rs` those of any number, `products.rs` what NumPy makes of these, `cross.rs` products of vectors in space,
//! `diagonal.rs` diagonals and triangles, `solve.rs` systems of equations, `factor.rs` other factorisations of square
//! matrices, `qr.rs` and `spectra.rs` those of any by orthogonal factors (`compressed.rs` a few of these), `norm.rs`
//! lengths, and `least.rs` what depends on which singular values count as zero.

pub mod matmul;
pub mod contraction;
pub mod einsum;
pub mod diagonal;
pub mod factor;
pub mod solve;
pub mod products;
pub mod cross;
pub mod qr;
pub mod spectra;
pub mod norm;
pub mod least;
pub mod compressed;
