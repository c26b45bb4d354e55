//! What is computed, as data: the elementwise table, fused programs of its ops, reductions, scans, matrix products,
//! tile programs, what needs whole boxes of its inputs, and the kernels that devices run. No loops over elements live
//! here.

pub mod math;
pub mod numbers;
pub mod elementwise;
pub mod random;
pub mod program;
pub mod calendar;
pub mod dates;
pub mod reduction;
pub mod scan;
pub mod contraction;
pub mod tiles;
pub mod function;
pub mod regional;
pub mod kernel;
