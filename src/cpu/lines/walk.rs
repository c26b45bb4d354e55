//! The lines of a region: where their elements are, and where they go.

use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::op::regional::Lines;
use crate::shape;

/// The lines of a region, by groups of neighbours.
pub(super) struct Walk<'a> {
    pub(super) op: &'a Lines,
    pub(super) lines: &'a View,
    pub(super) shape: &'a [usize],
    /// The axis across which they are neighbours.
    pub(super) across: Option<usize>,
}

/// Neighbouring lines.
pub(super) struct Group {
    /// The index of the first element of the first in the region.
    pub(super) corner: Vec<usize>,
    pub(super) count: usize,
    /// Where the first element of the first is,
    pub(super) from: isize,
    /// how far its neighbours in the line are,
    pub(super) step: isize,
    /// and in the next line.
    pub(super) across: isize,
    /// The same for what they become.
    pub(super) to: usize,
    pub(super) step_out: usize,
    pub(super) across_out: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(op: &'a Lines, region: &'a Region, lines: &'a View) -> Self {
        Self { op, lines, shape: &region.shape, across: op.across(region.rank()) }
    }

    /// How many lines the longest row of neighbours has.
    pub(super) fn longest(&self) -> usize {
        self.across.map_or(1, |a| self.shape[a])
    }

    /// Groups of at most `most` lines.
    pub(super) fn groups(&self, most: usize) -> impl Iterator<Item = Group> {
        let (axis, across) = (self.op.axis, self.across);
        let strides = shape::strides(self.shape);
        let mut steps = self.shape.to_vec();
        steps[axis] = 1;
        if let Some(a) = across {
            steps[a] = steps[a].div_ceil(most);
        }
        Indices::new(&steps).map(move |mut corner| {
            let mut count = 1;
            if let Some(a) = across {
                corner[a] *= most;
                count = most.min(self.shape[a] - corner[a]);
            }
            let from: isize = corner.iter().zip(&self.lines.strides).map(|(&i, s)| i.cast_signed() * s).sum();
            Group {
                count,
                from: self.lines.offset.cast_signed() + from,
                step: self.lines.strides[axis],
                across: across.map_or(0, |a| self.lines.strides[a]),
                to: corner.iter().zip(&strides).map(|(i, s)| i * s).sum(),
                step_out: strides[axis],
                across_out: across.map_or(0, |a| strides[a]),
                corner,
            }
        })
    }
}

impl Group {
    /// Element `j` of line `w`.
    #[inline(always)]
    pub(super) fn at(&self, j: usize, w: usize) -> usize {
        (self.from + j.cast_signed() * self.step + w.cast_signed() * self.across).cast_unsigned()
    }

    /// Its place in the result.
    #[inline(always)]
    pub(super) fn place(&self, j: usize, w: usize) -> usize {
        self.to + j * self.step_out + w * self.across_out
    }

    /// Fills the rows of `panel`, `width` keys long, with those of the elements of all lines side by side.
    pub(super) fn side_by_side<T: Copy, K: Copy>(
        &self,
        from: &[T],
        panel: &mut [K],
        width: usize,
        key: impl Fn(usize, T) -> K,
    ) {
        for (j, row) in panel.chunks_exact_mut(width).enumerate() {
            if self.across == 1 {
                let start = self.at(j, 0);
                for (k, &x) in row.iter_mut().zip(&from[start..start + self.count]) {
                    *k = key(j, x);
                }
            } else {
                for (w, k) in row[..self.count].iter_mut().enumerate() {
                    *k = key(j, from[self.at(j, w)]);
                }
            }
        }
    }

    /// Fills `keys` with those of one line after another, each `len` long.
    pub(super) fn one_by_one<T: Copy, K: Copy>(&self, from: &[T], keys: &mut [K], len: usize, key: impl Fn(T) -> K) {
        if self.step == 1 {
            for (w, line) in keys.chunks_exact_mut(len).take(self.count).enumerate() {
                let start = self.at(0, w);
                line.iter_mut().zip(&from[start..start + len]).for_each(|(k, &x)| *k = key(x));
            }
            return;
        }
        for j in 0..len {
            for w in 0..self.count {
                keys[w * len + j] = key(from[self.at(j, w)]);
            }
        }
    }
}
