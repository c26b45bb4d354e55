//! Chunk grids: how each axis is cut.

use super::region::Region;
use crate::error::{Error, Result};
use crate::shape;
use std::fmt;
use std::sync::Arc;

/// How one axis is cut. Regular cuts cost no memory, however many there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AxisChunks {
    /// Pieces of `chunk` elements; the last may be shorter.
    Regular {
        /// Length of the axis.
        len: usize,
        /// Length of a piece, at least 1.
        chunk: usize,
    },
    /// Pieces between ascending boundaries, from 0 to the length of the axis.
    Irregular(Arc<[usize]>),
}

impl AxisChunks {
    /// `len` elements in pieces of `chunk` (at least 1, at most the axis).
    #[must_use]
    pub fn regular(len: usize, chunk: usize) -> Self {
        Self::Regular { len, chunk: chunk.clamp(1, len.max(1)) }
    }

    /// Pieces of these lengths, in the regular form where they fit it.
    #[must_use]
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let bounds: Vec<usize> = std::iter::once(0)
            .chain(lengths.iter().scan(0, |at, n| {
                *at += n;
                Some(*at)
            }))
            .collect();
        Self::from_bounds(&bounds)
    }

    /// Pieces between ascending boundaries, in the regular form where they fit it.
    #[must_use]
    pub fn from_bounds(bounds: &[usize]) -> Self {
        let len = bounds.last().copied().unwrap_or(0);
        let chunk = bounds.get(1).copied().unwrap_or(0).max(1);
        let regular = bounds.len() <= 2 || {
            let inner = &bounds[..bounds.len() - 1];
            inner.windows(2).all(|w| w[1] - w[0] == chunk)
                && len > inner[inner.len() - 1]
                && len - inner[inner.len() - 1] <= chunk
        };
        if regular { Self::regular(len, chunk) } else { Self::Irregular(bounds.into()) }
    }

    /// Length of the axis.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an axis, not a collection")]
    pub fn len(&self) -> usize {
        match self {
            Self::Regular { len, .. } => *len,
            Self::Irregular(bounds) => bounds.last().copied().unwrap_or(0),
        }
    }

    /// Number of pieces; 0 for an axis of length 0.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Regular { len, chunk } => len.div_ceil(*chunk),
            Self::Irregular(bounds) => bounds.len().saturating_sub(1),
        }
    }

    /// Where piece `i` begins; the length of the axis for `i == count()`.
    #[must_use]
    pub fn start(&self, i: usize) -> usize {
        match self {
            Self::Regular { len, chunk } => (i * chunk).min(*len),
            Self::Irregular(bounds) => bounds[i.min(bounds.len() - 1)],
        }
    }

    /// Length of piece `i`.
    #[must_use]
    pub fn length(&self, i: usize) -> usize {
        self.start(i + 1) - self.start(i)
    }

    /// The longest piece.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self {
            Self::Regular { len, chunk } => (*chunk).min(*len),
            Self::Irregular(bounds) => bounds.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        }
    }

    /// The piece that holds position `at`.
    #[must_use]
    pub fn find(&self, at: usize) -> usize {
        match self {
            Self::Regular { chunk, .. } => at / chunk,
            Self::Irregular(bounds) => bounds.partition_point(|&b| b <= at).saturating_sub(1),
        }
    }

    /// All boundaries, 0 and the length among them.
    #[must_use]
    pub fn bounds(&self) -> Vec<usize> {
        (0..=self.count()).map(|i| self.start(i)).collect()
    }

    /// Whether `at` is a boundary.
    #[must_use]
    pub fn is_boundary(&self, at: usize) -> bool {
        at == self.len() || self.start(self.find(at)) == at
    }

    /// `n` neighbouring pieces joined into one, throughout.
    #[must_use]
    pub fn grouped(&self, n: usize) -> Self {
        match self {
            Self::Regular { len, chunk } => Self::regular(*len, chunk.saturating_mul(n)),
            Self::Irregular(bounds) => {
                let mut out: Vec<usize> = bounds.iter().copied().step_by(n.max(1)).collect();
                if out.last() != bounds.last() {
                    out.extend(bounds.last());
                }
                Self::from_bounds(&out)
            }
        }
    }
}

/// The chunk grid of an array: the product of its axes' cuts.
///
/// ```
/// use hyperslab::chunk::Chunks;
/// let grid = Chunks::regular(&[10, 7], &[4, 7]).unwrap();
/// assert_eq!(grid.counts(), vec![3, 1]);
/// assert_eq!((grid.index(2, &[0, 1]), grid.number(&[2, 0])), (vec![2, 0], 2));
/// assert_eq!(grid.region(&[2, 0]).to_string(), "[8:10, 0:7]");
/// assert_eq!(grid.to_string(), "(4, 7)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chunks(Vec<AxisChunks>);

impl Chunks {
    /// A grid from its axes.
    #[must_use]
    pub fn new(axes: Vec<AxisChunks>) -> Self {
        Self(axes)
    }

    /// Equal chunks of shape `chunk`; the last along an axis may be shorter.
    ///
    /// # Errors
    /// [`Chunks`](crate::ErrorKind::Chunks) when the ranks differ or a chunk length is 0 on an axis that is not.
    pub fn regular(shape: &[usize], chunk: &[usize]) -> Result<Self> {
        if shape.len() != chunk.len() {
            let (c, s) = (shape::tuple(chunk), shape::tuple(shape));
            return Err(Error::chunks(format!("{c} does not have the rank of shape {s}")));
        }
        if let Some(axis) = (0..shape.len()).find(|&a| chunk[a] == 0 && shape[a] != 0) {
            return Err(Error::chunks(format!("a chunk of length 0 along axis {axis}")));
        }
        Ok(Self(shape.iter().zip(chunk).map(|(&n, &c)| AxisChunks::regular(n, c)).collect()))
    }

    /// One chunk that holds everything.
    #[must_use]
    pub fn whole(shape: &[usize]) -> Self {
        Self(shape.iter().map(|&n| AxisChunks::regular(n, n)).collect())
    }

    /// The axes.
    #[must_use]
    pub fn axes(&self) -> &[AxisChunks] {
        &self.0
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The shape of the array.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.0.iter().map(AxisChunks::len).collect()
    }

    /// Number of chunks along each axis.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.0.iter().map(AxisChunks::count).collect()
    }

    /// Number of chunks.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(AxisChunks::count).product()
    }

    /// The longest chunk along each axis.
    #[must_use]
    pub fn longest(&self) -> Vec<usize> {
        self.0.iter().map(AxisChunks::longest).collect()
    }

    /// The index of chunk `number` of a walk with the axes in this order, the last one fastest.
    #[must_use]
    pub fn index(&self, mut number: usize, order: &[usize]) -> Vec<usize> {
        let mut index = vec![0; self.rank()];
        for &axis in order.iter().rev() {
            let count = self.0[axis].count().max(1);
            index[axis] = number % count;
            number /= count;
        }
        index
    }

    /// The index of chunk `number` of a walk through the chunks of `outer`, in row-major order, and in each through the
    /// chunks that it is made of: all boundaries of `outer` are boundaries of these.
    #[must_use]
    pub fn index_within(&self, outer: &Self, mut number: usize) -> Vec<usize> {
        let mut after: usize = self.count();
        let mut before = 1;
        let mut inner: Vec<(usize, usize)> = Vec::with_capacity(self.rank());
        for (own, outer) in self.0.iter().zip(&outer.0) {
            after /= own.count().max(1);
            // All that comes with one index of this axis, and the chunk of `outer` that `number` comes to.
            let each = (before * after).max(1);
            let chunk = outer.find(own.start((number / each).min(own.count().saturating_sub(1))));
            let (first, end) = (own.find(outer.start(chunk)), own.find(outer.start(chunk + 1).saturating_sub(1)) + 1);
            number -= first * each;
            before *= end - first;
            inner.push((first, end - first));
        }
        let mut index = vec![0; self.rank()];
        for (at, &(first, count)) in index.iter_mut().zip(&inner).rev() {
            *at = first + number % count.max(1);
            number /= count.max(1);
        }
        index
    }

    /// The place of chunk `index` in row-major order.
    #[must_use]
    pub fn number(&self, index: &[usize]) -> usize {
        self.0.iter().zip(index).fold(0, |number, (axis, &i)| number * axis.count() + i)
    }

    /// The box of chunk `index`.
    #[must_use]
    pub fn region(&self, index: &[usize]) -> Region {
        let start = self.0.iter().zip(index).map(|(a, &i)| a.start(i)).collect();
        let shape = self.0.iter().zip(index).map(|(a, &i)| a.length(i)).collect();
        Region::new(start, shape)
    }

    /// The chunks that `region` touches: first chunk and number of chunks along each axis.
    #[must_use]
    pub fn touching(&self, region: &Region) -> Region {
        let mut out = Region::full(&vec![0; self.rank()]);
        for (axis, cuts) in self.0.iter().enumerate() {
            if region.shape[axis] > 0 {
                out.start[axis] = cuts.find(region.start[axis]);
                out.shape[axis] = cuts.find(region.end(axis) - 1) + 1 - out.start[axis];
            }
        }
        out
    }

    /// The smallest box of whole chunks that holds `region`.
    #[must_use]
    pub fn covering(&self, region: &Region) -> Region {
        let mut out = self.touching(region);
        for (axis, cuts) in self.0.iter().enumerate() {
            let (first, count) = (out.start[axis], out.shape[axis]);
            out.start[axis] = cuts.start(first);
            out.shape[axis] = if count == 0 { 0 } else { cuts.start(first + count) - out.start[axis] };
        }
        out
    }

    /// Whether `region` is a union of whole chunks.
    #[must_use]
    pub fn aligned(&self, region: &Region) -> bool {
        self.0.iter().enumerate().all(|(a, cuts)| {
            region.shape[a] == 0 || (cuts.is_boundary(region.start[a]) && cuts.is_boundary(region.end(a)))
        })
    }
}

impl fmt::Display for Chunks {
    /// The chunk shape of a regular grid; the boundaries' lengths of an irregular axis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self
            .0
            .iter()
            .map(|axis| match axis {
                AxisChunks::Regular { len, chunk } => chunk.min(len).to_string(),
                AxisChunks::Irregular(bounds) => {
                    let lengths: Vec<String> = bounds.windows(2).take(4).map(|w| (w[1] - w[0]).to_string()).collect();
                    let more = if bounds.len() > 5 { "+..." } else { "" };
                    format!("{}{more}", lengths.join("+"))
                }
            })
            .collect();
        f.write_str(&shape::tuple(&axes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_walk_within_chunks_goes_through_one_after_another() {
        let pairs = [
            (Chunks::regular(&[7, 10], &[1, 4]), Chunks::regular(&[7, 10], &[3, 4])),
            (Chunks::regular(&[7, 10], &[1, 2]), Chunks::regular(&[7, 10], &[3, 6])),
            (Chunks::regular(&[2, 9, 5], &[1, 1, 5]), Chunks::regular(&[2, 9, 5], &[1, 4, 5])),
            (Chunks::regular(&[6], &[2]), Chunks::regular(&[6], &[6])),
            (Chunks::regular(&[4, 4], &[2, 2]), Chunks::regular(&[4, 4], &[2, 2])),
        ];
        for (blocks, chunks) in pairs {
            let (blocks, chunks) = (blocks.unwrap(), chunks.unwrap());
            let walk: Vec<Vec<usize>> = (0..blocks.count()).map(|n| blocks.index_within(&chunks, n)).collect();
            assert_eq!(walk.iter().collect::<BTreeSet<_>>().len(), blocks.count(), "{blocks} within {chunks}");
            let of = |index: &Vec<usize>| chunks.number(&chunks.touching(&blocks.region(index)).start);
            // By chunks, and in each by blocks, in row-major order.
            let mut sorted = walk.clone();
            sorted.sort_by_key(|index| (of(index), blocks.number(index)));
            assert_eq!(walk, sorted, "{blocks} within {chunks}");
        }
    }
}
