//! How the axes of a walk are cut into blocks: pieces are joined and divided, never across boundaries that must not be
//! missed.

use crate::chunk::{AxisChunks, Chunks};

/// A cut that does not save this part of a task's bytes is not made: what is left (a chunk that is read only in part)
/// does not get smaller with the block.
const WORTH_A_CUT: u64 = 8;

/// Blocks of matrix products that every thread should have, so that all of them are busy to the end.
const BLOCKS_A_THREAD: usize = 3;

/// How one axis may be cut.
#[derive(Clone)]
pub(super) struct Axis {
    /// Boundaries that must not be missed: blocks are unions of these pieces.
    pub(super) hard: Option<AxisChunks>,
    /// The blocks so far.
    pub(super) now: AxisChunks,
}

/// The blocks that axes are cut into.
pub(super) fn grid_of(axes: &[Axis]) -> Chunks {
    Chunks::new(axes.iter().map(|axis| axis.now.clone()).collect())
}

/// The shape of the largest block.
pub(super) fn longest(axes: &[Axis]) -> Vec<usize> {
    axes.iter().map(|a| a.now.longest()).collect()
}

/// The boundaries that two cuts have in common.
pub(super) fn meet(x: &AxisChunks, y: &AxisChunks) -> AxisChunks {
    if x == y {
        return x.clone();
    }
    if let (AxisChunks::Regular { len, chunk: a }, AxisChunks::Regular { chunk: b, .. }) = (x, y) {
        return AxisChunks::regular(*len, lcm(*a, *b));
    }
    let (few, many) = if x.count() <= y.count() { (x, y) } else { (y, x) };
    let bounds: Vec<usize> = few.bounds().into_iter().filter(|&b| many.is_boundary(b)).collect();
    AxisChunks::from_bounds(&bounds)
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).saturating_mul(b)
}

/// Joins neighbouring pieces, inner axes first, while a block stays under `small` bytes.
pub(super) fn join(axes: &mut [Axis], small: u64, bytes: &dyn Fn(&[Axis]) -> u64) {
    for at in (0..axes.len()).rev() {
        let room = usize::try_from(small / bytes(axes).max(1)).unwrap_or(usize::MAX);
        let count = axes[at].now.count();
        if room > 1 && count > 1 {
            let before = axes[at].now.clone();
            axes[at].now = before.grouped(room.min(count));
            if bytes(axes) > small.max(1) && room < count {
                axes[at].now = before.grouped((room / 2).max(1));
            }
        }
        if axes[at].now.count() > 1 {
            return;
        }
    }
}

/// Joins neighbouring cells of matrix products along the last two axes, the shorter side first, while a block takes at
/// most `cap` bytes and every thread has some: the larger and squarer a block, the less often factors are read.
pub(super) fn widen(axes: &mut [Axis], threads: usize, cap: u64, bytes: &dyn Fn(&[Axis]) -> u64) {
    let first = axes.len().saturating_sub(2);
    let mut open: Vec<usize> = (first..axes.len()).collect();
    while let Some(&at) = open.iter().min_by_key(|&&a| axes[a].now.longest()) {
        let before = axes[at].now.clone();
        axes[at].now = before.grouped(2);
        let count: usize = axes.iter().map(|a| a.now.count()).product();
        if before.count() <= 1 || count < BLOCKS_A_THREAD * threads || bytes(axes) > cap {
            axes[at].now = before;
            open.retain(|&a| a != at);
        }
    }
}

/// Cuts blocks until they take at most `cap` bytes or cuts are of no more use: first back to the hard pieces, then free
/// axes, outermost first.
pub(super) fn shrink(axes: &mut [Axis], cap: u64, bytes: &dyn Fn(&[Axis]) -> u64) {
    for at in 0..axes.len() {
        if bytes(axes) <= cap {
            return;
        }
        if let Some(hard) = axes[at].hard.clone() {
            let pieces = axes[at].now.longest().div_ceil(hard.longest().max(1));
            let fit = usize::try_from(cap * pieces as u64 / bytes(axes).max(1)).unwrap_or(1);
            axes[at].now = hard.grouped(fit.clamp(1, pieces.max(1)));
        }
    }
    for at in 0..axes.len() {
        while axes[at].hard.is_none() && bytes(axes) > cap && axes[at].now.longest() > 1 {
            let (before, whole) = (bytes(axes), axes[at].now.clone());
            let excess = usize::try_from(before.div_ceil(cap)).unwrap_or(usize::MAX);
            axes[at].now = divided(&whole, excess.clamp(2, 4));
            if bytes(axes) > before - before / WORTH_A_CUT {
                axes[at].now = whole;
                break;
            }
        }
    }
}

/// Cuts blocks into parts of about `most` bytes that follow each other in C order, at boundaries that must not be
/// missed.
pub(super) fn part(axes: &mut [Axis], most: u64, bytes: &dyn Fn(&[Axis]) -> u64) {
    for at in 0..axes.len() {
        let AxisChunks::Regular { len, chunk } = axes[at].now else { return };
        let piece = match &axes[at].hard {
            None => 1,
            Some(AxisChunks::Regular { chunk: piece, .. }) if chunk.is_multiple_of(*piece) => *piece,
            Some(_) => return,
        };
        let (pieces, parts) = (chunk / piece.max(1), bytes(axes).div_ceil(most));
        let room = pieces / usize::try_from(parts).unwrap_or(usize::MAX).max(1);
        let joined = (1..=room.max(1)).rev().find(|k| pieces.is_multiple_of(*k)).unwrap_or(1);
        if pieces > 1 && parts > 1 {
            axes[at].now = AxisChunks::regular(len, joined * piece);
        }
        // What is inside of several indices of an axis does not lie side by side.
        if axes[at].now.longest() > 1 {
            return;
        }
    }
}

/// The number of blocks.
pub(super) fn count(axes: &[Axis]) -> usize {
    axes.iter().map(|a| a.now.count()).product()
}

/// Cuts blocks of generated or contiguous data until every thread has some, along free axes.
pub(super) fn spread(axes: &mut [Axis], threads: usize, small: u64, bytes: &dyn Fn(&[Axis]) -> u64) {
    for at in 0..axes.len() {
        while axes[at].hard.is_none() && count(axes) < 4 * threads && bytes(axes) > small && axes[at].now.longest() > 1
        {
            axes[at].now = divided(&axes[at].now, 2);
        }
    }
}

/// Pieces of about a `parts`-th of the length.
fn divided(axis: &AxisChunks, parts: usize) -> AxisChunks {
    let longest = axis.longest();
    match axis {
        AxisChunks::Regular { len, .. } => {
            let exact = (parts..=2 * parts).find(|k| longest.is_multiple_of(*k));
            AxisChunks::regular(*len, longest / exact.unwrap_or(parts).min(longest))
        }
        AxisChunks::Irregular(_) => AxisChunks::regular(axis.len(), longest.div_ceil(parts)),
    }
}
