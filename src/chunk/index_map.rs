//! Affine maps from the indices of one array to those of another: slices, flips, transposes, broadcasts, new and
//! dropped axes. They compose, so a chain of views is one map.

use super::grid::{AxisChunks, Chunks};
use super::region::{Indices, Region};

/// Where one axis of the input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AxisMap {
    /// The output axis that walks it; none where it is fixed.
    pub out: Option<usize>,
    /// The input index at output index 0.
    pub offset: usize,
    /// Input indices per output index; negative walks backwards, 0 where the axis is fixed.
    pub stride: isize,
}

/// The input index of every output index: `input[k] = offset_k + stride_k * output[out_k]`. Output axes that no input
/// axis follows are broadcast; one that several follow walks a diagonal of them.
///
/// ```
/// use hyperslab::chunk::{IndexMap, Region};
/// let every_other_backwards = IndexMap::identity(1).then_slice(0, 8, -2);
/// let (region, _) = every_other_backwards.source(&Region::new(vec![0], vec![3]));
/// assert_eq!(region, Region::new(vec![4], vec![5]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexMap {
    /// One entry per input axis.
    pub axes: Vec<AxisMap>,
}

/// The positions that a region needs along one input axis: `first`, `first + step`, ... in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Positions {
    /// The lowest position.
    pub first: usize,
    /// Distance between neighbours, at least 1.
    pub step: usize,
    /// How many.
    pub count: usize,
}

impl Positions {
    /// The position after the last.
    #[must_use]
    pub fn end(&self) -> usize {
        if self.count == 0 { self.first } else { self.first + (self.count - 1) * self.step + 1 }
    }
}

impl IndexMap {
    /// Every index to itself.
    #[must_use]
    pub fn identity(rank: usize) -> Self {
        Self { axes: (0..rank).map(|a| AxisMap { out: Some(a), offset: 0, stride: 1 }).collect() }
    }

    /// The map by which an array of shape `input` is broadcast to an array of rank `rank`: aligned at the end, axes of
    /// length 1 fixed where `output` is longer.
    #[must_use]
    pub fn broadcast(input: &[usize], output: &[usize]) -> Self {
        let shift = output.len() - input.len();
        let axes = input.iter().enumerate().map(|(a, &n)| {
            let stretched = n == 1 && output[a + shift] != 1;
            if stretched { FIXED_AT_0 } else { AxisMap { out: Some(a + shift), offset: 0, stride: 1 } }
        });
        Self { axes: axes.collect() }
    }

    /// This map with the input axis `axis` read from `offset` in steps of `stride` instead.
    #[must_use]
    pub fn then_slice(mut self, axis: usize, offset: usize, stride: isize) -> Self {
        if let Some(entry) = self.axes.get_mut(axis) {
            (entry.offset, entry.stride) = (offset, stride);
        }
        self
    }

    /// The map from this map's outputs to the inputs of `inner`, where this map's input is `inner`'s output.
    #[must_use]
    pub fn compose(&self, inner: &Self) -> Self {
        let axes = inner.axes.iter().map(|axis| match axis.out.map(|o| self.axes[o]) {
            None => *axis,
            Some(outer) => {
                let offset = axis.offset.wrapping_add_signed(outer.offset.cast_signed() * axis.stride);
                AxisMap {
                    out: outer.out,
                    offset,
                    stride: if outer.out.is_some() { outer.stride * axis.stride } else { 0 },
                }
            }
        });
        Self { axes: axes.collect() }
    }

    /// Whether every index maps to itself in an array of this rank.
    #[must_use]
    pub fn is_identity(&self, rank: usize) -> bool {
        *self == Self::identity(rank)
    }

    /// The positions that `region` of the output needs along each input axis.
    #[must_use]
    pub fn positions(&self, region: &Region) -> Vec<Positions> {
        self.axes
            .iter()
            .map(|axis| match axis.out {
                None => Positions { first: axis.offset, step: 1, count: 1 },
                Some(o) => {
                    let (start, count) = (region.start[o], region.shape[o]);
                    let at = |i: usize| axis.offset.wrapping_add_signed(i.cast_signed() * axis.stride);
                    let first = if axis.stride < 0 && count > 0 { at(start + count - 1) } else { at(start) };
                    Positions { first, step: axis.stride.unsigned_abs().max(1), count }
                }
            })
            .collect()
    }

    /// The box that holds all positions of `region`, and those positions.
    #[must_use]
    pub fn source(&self, region: &Region) -> (Region, Vec<Positions>) {
        let positions = self.positions(region);
        let start = positions.iter().map(|p| p.first).collect();
        let shape = positions.iter().map(|p| p.end() - p.first).collect();
        (Region::new(start, shape), positions)
    }

    /// Offset and strides, in elements, of the view that an output region of rank `rank` has of a C-ordered block which
    /// holds exactly the positions of that region, in ascending order.
    #[must_use]
    pub fn dense_view(&self, rank: usize, positions: &[Positions]) -> (usize, Vec<isize>) {
        let counts: Vec<usize> = positions.iter().map(|p| p.count).collect();
        let block = crate::shape::strides(&counts);
        let mut strides = vec![0; rank];
        let mut offset = 0;
        for (axis, (entry, &stride)) in self.axes.iter().zip(&block).enumerate() {
            let Some(o) = entry.out else { continue };
            if entry.stride < 0 {
                offset += counts[axis].saturating_sub(1) * stride;
                strides[o] -= stride.cast_signed();
            } else {
                strides[o] += stride.cast_signed();
            }
        }
        (offset, strides)
    }

    /// The grid that `chunks` of the input makes on an output of shape `shape`; axes that are broadcast stay whole.
    /// Along a diagonal, every piece lies in one chunk.
    #[must_use]
    pub fn chunks(&self, shape: &[usize], chunks: &Chunks) -> Chunks {
        let mut axes: Vec<Option<AxisChunks>> = vec![None; shape.len()];
        for (entry, cuts) in self.axes.iter().zip(chunks.axes()) {
            if let Some(o) = entry.out {
                let seen = seen(entry, cuts, shape[o]);
                axes[o] = Some(axes[o].take().map_or_else(|| seen.clone(), |other| refined(&other, &seen)));
            }
        }
        let whole = |(cuts, &n): (Option<AxisChunks>, &usize)| cuts.unwrap_or_else(|| AxisChunks::regular(n, n));
        Chunks::new(axes.into_iter().zip(shape).map(whole).collect())
    }

    /// Whether each of `rank` output axes leads along one input axis, forwards, and in their order.
    #[must_use]
    pub fn keeps_order(&self, rank: usize) -> bool {
        let forwards = self.axes.iter().all(|axis| axis.out.is_none() || axis.stride > 0);
        forwards && self.axes.iter().filter_map(|axis| axis.out).eq(0..rank)
    }

    /// Whether several input axes follow output axis `out`, which walks a diagonal of them.
    #[must_use]
    pub fn is_diagonal(&self, out: usize) -> bool {
        self.axes.iter().filter(|axis| axis.out == Some(out)).count() > 1
    }

    /// `region` in pieces of which each needs, along diagonals, positions of one chunk of `chunks` alone, and at most
    /// `longest` of them: what such a piece reads is the box around it, mostly elements that nobody asked for.
    #[must_use]
    pub fn runs(&self, region: &Region, chunks: &Chunks, longest: usize) -> Vec<Region> {
        if !(0..region.rank()).any(|o| self.is_diagonal(o)) {
            return vec![region.clone()];
        }
        let mut here = self.clone();
        for axis in &mut here.axes {
            let start = axis.out.map_or(0, |o| region.start[o]).cast_signed();
            axis.offset = axis.offset.wrapping_add_signed(start * axis.stride);
        }
        let mut cuts = here.chunks(&region.shape, chunks).axes().to_vec();
        for (o, axis) in cuts.iter_mut().enumerate() {
            let len = region.shape[o];
            *axis = if self.is_diagonal(o) { split(axis, longest) } else { AxisChunks::regular(len, len) };
        }
        let cuts = Chunks::new(cuts);
        let at = |index: Vec<usize>| {
            let mut part = cuts.region(&index);
            part.start.iter_mut().zip(&region.start).for_each(|(start, origin)| *start += origin);
            part
        };
        Indices::new(&cuts.counts()).map(at).collect()
    }

    /// The positions along each input axis that one of the [`runs`](Self::runs) of a region of shape `shape` needs at
    /// most.
    #[must_use]
    pub fn run_counts(&self, shape: &[usize], chunks: &Chunks, longest: usize) -> Vec<usize> {
        let within = |(axis, cuts): (&AxisMap, &AxisChunks)| {
            cuts.longest().div_ceil(axis.stride.unsigned_abs().max(1)).min(longest)
        };
        let length = |o: usize| {
            let followers = self.axes.iter().zip(chunks.axes()).filter(|(axis, _)| axis.out == Some(o));
            if self.is_diagonal(o) { followers.map(within).fold(shape[o], usize::min) } else { shape[o] }
        };
        self.axes.iter().map(|axis| axis.out.map_or(1, length)).collect()
    }
}

/// Pieces of `longest` elements at most.
fn split(cuts: &AxisChunks, longest: usize) -> AxisChunks {
    if cuts.longest() <= longest {
        return cuts.clone();
    }
    let starts = (0..cuts.count()).flat_map(|i| (cuts.start(i)..cuts.start(i + 1)).step_by(longest.max(1)));
    AxisChunks::from_bounds(&starts.chain([cuts.len()]).collect::<Vec<_>>())
}

/// The common refinement of two grids over one axis.
fn refined(a: &AxisChunks, b: &AxisChunks) -> AxisChunks {
    if a == b || b.count() <= 1 {
        return a.clone();
    }
    if a.count() <= 1 {
        return b.clone();
    }
    let mut bounds = [a.bounds(), b.bounds()].concat();
    bounds.sort_unstable();
    bounds.dedup();
    AxisChunks::from_bounds(&bounds)
}

const FIXED_AT_0: AxisMap = AxisMap { out: None, offset: 0, stride: 0 };

/// The cuts of an input axis as seen by `len` output indices.
fn seen(entry: &AxisMap, cuts: &AxisChunks, len: usize) -> AxisChunks {
    if len == 0 || cuts.count() <= 1 {
        return AxisChunks::regular(len, len);
    }
    let step = entry.stride.unsigned_abs().max(1);
    if let AxisChunks::Regular { chunk, .. } = cuts
        && entry.stride > 0
        && entry.offset.is_multiple_of(*chunk)
        && chunk % step == 0
    {
        return AxisChunks::regular(len, chunk / step);
    }
    let (first, last) = if entry.stride < 0 {
        (entry.offset - (len - 1) * step, entry.offset)
    } else {
        (entry.offset, entry.offset + (len - 1) * step)
    };
    let mut bounds: Vec<usize> = (cuts.find(first) + 1..=cuts.find(last))
        .map(|piece| {
            let before = (cuts.start(piece) - first).div_ceil(step);
            if entry.stride < 0 { len - before } else { before }
        })
        .collect();
    bounds.extend([0, len]);
    bounds.sort_unstable();
    bounds.dedup();
    AxisChunks::from_bounds(&bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composition_is_application_in_turn() {
        let outer = IndexMap { axes: vec![AxisMap { out: Some(0), offset: 3, stride: -1 }] };
        let inner = IndexMap { axes: vec![AxisMap { out: Some(0), offset: 2, stride: 5 }] };
        let both = outer.compose(&inner);
        for i in 0..4usize {
            let middle = 3 - i;
            assert_eq!(both.axes[0].offset.wrapping_add_signed(i.cast_signed() * both.axes[0].stride), 2 + 5 * middle);
        }
    }

    #[test]
    fn chunks_are_seen_through_slices() {
        let cuts = Chunks::regular(&[10], &[4]).unwrap();
        let reversed = IndexMap::identity(1).then_slice(0, 9, -1);
        assert_eq!(reversed.chunks(&[10], &cuts).axes()[0].bounds(), vec![0, 2, 6, 10]);
        let thirds = IndexMap::identity(1).then_slice(0, 1, 3);
        assert_eq!(thirds.chunks(&[3], &cuts).axes()[0].bounds(), vec![0, 1, 3]);
    }

    #[test]
    fn a_diagonal_is_cut_where_either_axis_is() {
        let follows = |offset, stride| AxisMap { out: Some(0), offset, stride };
        let map = IndexMap { axes: vec![follows(1, 1), follows(9, -1)] };
        let cuts = Chunks::regular(&[10, 10], &[4, 5]).unwrap();
        assert_eq!(map.chunks(&[9], &cuts).axes()[0].bounds(), vec![0, 3, 5, 7, 9]);
        let runs = map.runs(&Region::new(vec![2], vec![6]), &cuts, 2);
        let [first, .., last] = runs.as_slice() else { panic!("{runs:?}") };
        assert_eq!(runs.len(), 4);
        assert_eq!((first, last), (&Region::new(vec![2], vec![1]), &Region::new(vec![7], vec![1])));
        assert_eq!(map.run_counts(&[9], &cuts, 100), vec![4, 4]);
        // The element at (2, 8) of a block that holds rows 2..4 and columns 7..9, and from there down to the left.
        let positions = map.positions(&Region::new(vec![1], vec![2]));
        assert_eq!(map.dense_view(1, &positions), (1, vec![1]));
    }
}
