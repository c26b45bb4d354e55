//! Reduction tilings: how the reduced axes are cut into the tiles whose partial results combine in a fixed tree.
//!
//! A tiling is a pure function of shape, logical chunks and reduced axes, fixed when a reduction is built: execution
//! blocks group whole tiles but never cut one, so bits do not depend on them. In the tree, whose shape follows from the
//! number of tiles, [`FAN_IN`] neighbours in grid order are folded into one on each level: rounding errors grow with
//! the logarithm of the number of tiles, and while tiles come in order one state waits on each of [`levels`] levels.
//! Two neighbours at a time would round no better to speak of and hold four times as many states.

use super::grid::{AxisChunks, Chunks};

/// Reduced elements per output and tile, at most: their second pass still finds them in the second cache.
const LARGEST: usize = 128 << 10;

/// Elements of a tile, reduced or not, below which chunks are joined.
const SMALLEST: usize = 64 << 10;

/// Reduced elements per output below which chunks are joined, while a tile stays under [`WIDEST`] elements.
const SHALLOWEST: usize = 16;

/// Elements of a tile beyond which chunks are not joined only to deepen it.
const WIDEST: usize = 4 << 20;

/// Neighbours that are folded into one on each level of the tree by which partial results combine.
pub const FAN_IN: usize = 16;

/// The states that a fold of this many tiles, which come in order, holds at most.
#[must_use]
pub fn levels(tiles: usize) -> usize {
    let mut levels = 1;
    let mut left = tiles.saturating_sub(1) / FAN_IN;
    while left > 0 {
        (levels, left) = (levels + 1, left / FAN_IN);
    }
    levels
}

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

/// Elements of a tile that is counted in bins, at most, where bins are few: they fit the second cache.
const COUNTED: usize = 1 << 18;

/// The tiles whose elements are counted in `bins` bins: unions of whole chunks, or parts of large ones, with several
/// times as many elements as there are bins.
#[must_use]
pub fn tallies(chunks: &Chunks, bins: usize) -> Chunks {
    let (smallest, largest) = (SMALLEST.max(bins.saturating_mul(4)), COUNTED.max(bins.saturating_mul(8)));
    let mut axes = chunks.axes().to_vec();
    let size = |axes: &[AxisChunks]| axes.iter().fold(1usize, |n, a| n.saturating_mul(a.longest().max(1)));
    for axis in 0..axes.len() {
        if size(&axes) > largest {
            axes[axis] = split(&axes[axis], size(&axes).div_ceil(largest).min(axes[axis].longest()));
        }
    }
    for axis in (0..axes.len()).rev() {
        let join = smallest.div_ceil(size(&axes)).min(axes[axis].count().max(1));
        if join > 1 {
            axes[axis] = axes[axis].grouped(join);
        }
    }
    Chunks::new(axes)
}

/// Lengths that products of matrices are cut near: large enough for the kernel, small enough for the second cache.
const CELL: usize = 512;

/// Elements of both factors that a segment of a long sum takes, at least.
const SEGMENT: usize = 1 << 20;

/// Cells of a product from which on there are enough of them to keep a machine busy without cutting sums.
const MANY_CELLS: usize = 32;

/// Cells of a product along an axis, or panels along one that is summed over, near `CELL`: whole chunks joined, or
/// chunks in equal parts.
#[must_use]
pub fn cells(axis: &AxisChunks) -> AxisChunks {
    let longest = axis.longest().max(1);
    if longest > CELL { split(axis, longest.div_ceil(CELL)) } else { axis.grouped(CELL / longest) }
}

/// Rows of a tile of a matrix that is factored, at most: few enough that several tiles fit the second cache.
const TILE: usize = 256;

/// The tiles of a square matrix along either side, of about the same length: a function of that alone.
#[must_use]
pub fn square(n: usize) -> AxisChunks {
    AxisChunks::regular(n, n.div_ceil(n.div_ceil(TILE).max(1)))
}

/// Columns of a tile of a matrix that is factored by whole columns, at most,
const COLUMNS: usize = 128;

/// where it has more columns than this: smaller ones are not worth sharing among threads.
const UNSHARED: usize = 256;

/// The tiles of whole columns of a square matrix, of about the same width: a function of its length alone.
#[must_use]
pub fn columns(n: usize) -> AxisChunks {
    let tiles = if n <= UNSHARED { 1 } else { n.div_ceil(COLUMNS) };
    AxisChunks::regular(n, n.div_ceil(tiles))
}

/// The right-hand sides that are solved for together by such factors.
#[must_use]
pub fn right_sides(m: usize) -> AxisChunks {
    AxisChunks::regular(m, m.div_ceil(m.div_ceil(COLUMNS).max(1)))
}

/// The segments of a sum over `panels` for a product of `rows` by `columns`, `stack` times.
#[must_use]
pub fn segments(stack: usize, rows: &AxisChunks, columns: &AxisChunks, panels: &AxisChunks) -> AxisChunks {
    let cells = stack.saturating_mul(rows.count()).saturating_mul(columns.count());
    let whole = AxisChunks::regular(panels.len(), panels.len());
    if cells == 0 || cells >= MANY_CELLS || panels.len() == 0 {
        return whole;
    }
    let each = panels.longest().saturating_mul(rows.len().saturating_add(columns.len())).max(1);
    let segments = panels.grouped(SEGMENT.div_ceil(each));
    if segments.count() > 1 { segments } else { whole }
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
    fn a_fold_holds_one_state_a_level() {
        // After k tiles there is one state for every digit of k in base 16 that is not 0.
        for tiles in [0, 1, 2, 15, 16, 17, 255, 256, 257, 4096, 70_000] {
            let digits = |mut k: usize| {
                let mut n = 0;
                while k > 0 {
                    (n, k) = (n + usize::from(!k.is_multiple_of(FAN_IN)), k / FAN_IN);
                }
                n
            };
            let most = (0..=tiles).map(digits).max().unwrap_or(0);
            assert!((most..=most + 1).contains(&levels(tiles)), "{tiles} tiles: {most}, {}", levels(tiles));
        }
        assert_eq!((levels(16), levels(1000)), (1, 3));
    }

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
