//! A grid where none is given.

use super::grid::Chunks;

/// Bytes of a chunk when nobody says otherwise.
pub const AUTO_CHUNK_BYTES: usize = 4 << 20;

/// Chunks of about [`AUTO_CHUNK_BYTES`]: whole along the inner axes, cut along the outermost that need it, so that a
/// chunk is one contiguous run of a C-ordered array.
#[must_use]
pub fn auto(shape: &[usize], itemsize: usize) -> Chunks {
    let mut budget = (AUTO_CHUNK_BYTES / itemsize.max(1)).max(1);
    let mut chunk = vec![1; shape.len()];
    for axis in (0..shape.len()).rev() {
        chunk[axis] = shape[axis].clamp(1, budget);
        budget /= chunk[axis];
    }
    Chunks::new(shape.iter().zip(&chunk).map(|(&n, &c)| super::grid::AxisChunks::regular(n, c)).collect())
}
