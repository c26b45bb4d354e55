//! Lengths of chunks that nobody says: a grid where none is given, and axes that share what is left of a chunk.

use super::grid::{AxisChunks, Chunks};

/// Bytes of a chunk when nobody says otherwise.
pub const AUTO_CHUNK_BYTES: usize = 4 << 20;

/// Bytes of a chunk in a shard: a shard is one file, so that its chunks may be as small as reading by places wants
/// them.
pub const AUTO_INNER_BYTES: usize = 1 << 20;

/// Bytes of a shard, decoded, which is in memory while it is written.
pub const AUTO_SHARD_BYTES: usize = 64 << 20;

/// The length of a chunk along an axis that is left to choose: axes of this length share what the others leave of
/// [`AUTO_CHUNK_BYTES`].
pub const AUTO: isize = isize::MIN;

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
    Chunks::new(shape.iter().zip(&chunk).map(|(&n, &c)| AxisChunks::regular(n, c)).collect())
}

/// Fills in `lengths`: an axis of length -1 is whole; those of length [`AUTO`] are equally long, or whole where they
/// are shorter, as long as a chunk has no more than `bytes`, and then cut evenly.
///
/// ```
/// use hyperslab::chunk::auto::{AUTO, AUTO_CHUNK_BYTES, fit};
/// // Series of 1024 float32: a chunk of 4 MiB has up to 32 by 32 of them.
/// assert_eq!(fit(&[1024, 360, 720], &[-1, AUTO, AUTO], 4, AUTO_CHUNK_BYTES), [1024, 30, 32]);
/// ```
#[must_use]
pub fn fit(shape: &[usize], lengths: &[isize], itemsize: usize, bytes: usize) -> Vec<usize> {
    let whole = |axis: usize| shape[axis].max(1);
    let mut cut: Vec<usize> =
        lengths.iter().enumerate().map(|(a, &n)| usize::try_from(n).unwrap_or_else(|_| whole(a)).max(1)).collect();
    let mut open: Vec<usize> = (0..cut.len()).filter(|&a| lengths[a] == AUTO).collect();
    let taken = cut
        .iter()
        .enumerate()
        .filter(|(a, _)| !open.contains(a))
        .fold(itemsize.max(1), |n, (_, &c)| n.saturating_mul(c));
    let mut room = (bytes / taken).max(1);
    while !open.is_empty() {
        let side = root(room, open.len());
        let (short, long): (Vec<usize>, Vec<usize>) = open.iter().partition(|&&a| whole(a) <= side);
        if short.is_empty() {
            for a in long {
                cut[a] = whole(a).div_ceil(whole(a).div_ceil(side));
            }
            break;
        }
        room = short.iter().fold(room, |room, &a| room / whole(a)).max(1);
        open = long;
    }
    cut
}

/// The largest integer of which `power` factors make at most `n`.
fn root(n: usize, power: usize) -> usize {
    let fits = |side: usize| (0..power).try_fold(1usize, |all, _| all.checked_mul(side)).is_some_and(|all| all <= n);
    let (mut low, mut high) = (1, n.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_share_what_is_left() {
        let fit = |shape: &[usize], lengths: &[isize], itemsize| fit(shape, lengths, itemsize, 1 << 20);
        assert_eq!(fit(&[100, 1000, 1000], &[AUTO; 3], 1), [100, 100, 100]);
        // What is short leaves more to the others.
        assert_eq!(fit(&[4, 1000, 1000], &[AUTO; 3], 1), [4, 500, 500]);
        assert_eq!(fit(&[1000, 1000], &[1, AUTO], 8), [1, 1000]);
        assert_eq!(fit(&[1000, 1000], &[-1, AUTO], 8), [1000, 125]);
        // Nothing is left.
        assert_eq!(fit(&[1 << 30, 5], &[-1, AUTO], 8), [1 << 30, 1]);
        assert_eq!(fit(&[0, 7], &[AUTO, AUTO], 8), [1, 7]);
        assert_eq!(fit(&[], &[], 8), Vec::<usize>::new());
        for power in 1..6 {
            for side in [1usize, 2, 7, 10] {
                let n = side.pow(u32::try_from(power).unwrap());
                assert_eq!((root(n, power), root(n - 1, power)), (side, (side - 1).max(1)));
            }
        }
    }
}
