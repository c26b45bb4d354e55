//! What NumPy answers, whatever the chunks, and what holds on every device.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test binary: failures say what they were")]

mod beyond;
mod calculus;
mod climate;
mod contractions;
mod counted;
mod dates;
mod decompositions;
mod devices;
mod diagonals;
mod factorisations;
mod fft;
mod filters;
mod floats;
mod functions;
mod golden;
mod groups;
mod growing;
mod many;
mod numerics;
mod order;
mod parts;
mod places;
mod products;
mod random;
mod reductions;
#[cfg(all(feature = "remote", feature = "zarr"))]
mod remote;
mod scans;
mod slices;
mod steps;
mod streams;
mod systems;
mod windows;

use hyperslab::array::compute::Computed;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::{Array, Context};
use num_complex::Complex64;

/// Contexts that must agree: usual blocks, and blocks of a few elements.
fn contexts() -> Vec<Context> {
    let build = |threads: usize| Context::builder().threads(threads).memory("256MiB").device("cpu");
    vec![build(2).build().unwrap(), build(3).block_bytes(16).build().unwrap()]
}

/// A matrix as an array, in chunks of this shape.
fn matrix<const C: usize>(rows: &[[f64; C]], chunk: &[isize]) -> Array {
    let values = rows.iter().flatten().copied().collect();
    let data = ndarray::ArrayD::from_shape_vec(vec![rows.len(), C], values).unwrap();
    contexts()[0].from_ndarray(data).unwrap().into_dyn().rechunk(chunk)
}

/// The elements in C order.
fn elements(block: &Computed) -> Vec<Complex64> {
    let block = block.block();
    let size = block.dtype().size();
    block.bytes().chunks_exact(size).map(|b| Scalar::from_bytes(block.dtype(), b).to_c64()).collect()
}
