//! Reduction tilings: how the reduced axes are cut into the tiles whose partial results combine in grid order.
//!
//! A tiling is a pure function of shape, logical chunks and reduced axes, fixed when a reduction is built: execution
//! blocks group whole tiles but never cut one, so bits do not depend on them.

use super::grid::{AxisChunks, Chunks};

/// Reduced elements per output and tile, at most: their second pass still finds them in the second cache.
const LARGEST: usize = 128 << 10;

/// Elements of a tile, reduced or not, below which chunks are joined.
const SMALLEST: usize = 64 << 10;

/// Reduced elements per output below which chunks are joined, while a tile stays under [`WIDEST`] elements.
const SHALLOWEST: usize = 16;

/// Elements of a tile beyond which chunks are not joined only to deepen it.
const WIDEST: usize = 4 << 20;

/// The tiling of the axes where `reduced` is true; the others are whole.
#[must_use]
pub fn tiling(chunks: &Chunks, reduced: &[bool]) -> Chunks {
    let mut axes: Vec<AxisChunks> = chunks
        .axes()
        .iter()
        .zip(reduced)
        .map(|(a, &r)| if r { a.clone() } else { AxisChunks::regular(a.len(), a.len()) })
        .collect();
    let depth = |axes: &[AxisChunks]| product(axes, reduced, true);
    let kept: usize = product(chunks.axes(), reduced, false);
    for axis in (0..axes.len()).filter(|&a| reduced[a]) {
        let deep = depth(&axes);
        if deep > LARGEST {
            axes[axis] = split(&axes[axis], deep.div_ceil(LARGEST));
        }
    }
    for axis in (0..axes.len()).rev().filter(|&a| reduced[a]) {
        let deep = depth(&axes).max(1);
        let tile = deep.saturating_mul(kept).max(1);
        let small = SMALLEST.div_ceil(tile);
        let shallow = SHALLOWEST.div_ceil(deep).min(WIDEST / tile);
        let join = small.max(shallow).min(LARGEST / deep);
        if join > 1 {
            axes[axis] = axes[axis].grouped(join.min(axes[axis].count().max(1)));
        }
    }
    Chunks::new(axes)
}

fn product(axes: &[AxisChunks], reduced: &[bool], want: bool) -> usize {
    axes.iter().zip(reduced).filter(|(_, r)| **r == want).map(|(a, _)| a.longest().max(1)).product()
}

/// Every piece in at least `parts` parts, or in single elements.
fn split(axis: &AxisChunks, parts: usize) -> AxisChunks {
    if let AxisChunks::Regular { len, chunk } = axis {
        if let Some(k) = (parts..=4 * parts).find(|k| chunk % k == 0) {
            return AxisChunks::regular(*len, chunk / k);
        }
        if axis.count() <= 1 {
            return AxisChunks::regular(*len, len.div_ceil(parts));
        }
    }
    let mut bounds = Vec::new();
    for piece in 0..axis.count() {
        let (start, n) = (axis.start(piece), axis.length(piece));
        let parts = parts.min(n.max(1));
        bounds.extend((0..parts).map(|k| start + k * n / parts));
    }
    bounds.push(axis.len());
    bounds.dedup();
    AxisChunks::from_bounds(&bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_chunks_are_joined_and_huge_ones_split() {
        let tiny = Chunks::regular(&[1_000_000], &[10]).unwrap();
        assert_eq!(tiling(&tiny, &[true]).to_string(), "(65540,)");
        let huge = Chunks::regular(&[1 << 22], &[1 << 22]).unwrap();
        assert_eq!(tiling(&huge, &[true]).counts(), vec![32]);
        let steps = Chunks::regular(&[100, 721, 1440], &[1, 721, 1440]).unwrap();
        assert_eq!(tiling(&steps, &[true, false, false]).to_string(), "(4, 721, 1440)");
    }
}
