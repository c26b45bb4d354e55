//! Weighted means along two axes: the elements of one grid from those of another.

use super::Computation;
use super::filter::Number;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::fmt;
use std::sync::Arc;

/// Which positions of an axis every position of the result is made of, and their weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Weights {
    /// The length of the axis.
    pub len: usize,
    /// Where the taps of each position of the result begin; one more for the end.
    starts: Vec<usize>,
    taps: Vec<(usize, Number)>,
}

impl Weights {
    /// Of an axis of length `len`: for each position of the result, places and weights, those of zero left out.
    #[must_use]
    pub fn new(len: usize, rows: impl IntoIterator<Item = Vec<(usize, f64)>>) -> Self {
        let (mut starts, mut taps) = (vec![0], Vec::new());
        for row in rows {
            taps.extend(row.into_iter().filter(|(_, w)| *w != 0.0).map(|(place, w)| (place, Number::from(w))));
            starts.push(taps.len());
        }
        Self { len, starts, taps }
    }

    /// How many positions the result has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// What a position is made of.
    pub fn row(&self, position: usize) -> impl Iterator<Item = (usize, f64)> {
        self.taps[self.starts[position]..self.starts[position + 1]].iter().map(|(place, w)| (*place, w.value()))
    }

    /// The stretch of the axis that `count` positions from `first` on are made of.
    fn hull(&self, first: usize, count: usize) -> (usize, usize) {
        let taps = &self.taps[self.starts[first]..self.starts[first + count]];
        let low = taps.iter().map(|(place, _)| *place).min();
        let high = taps.iter().map(|(place, _)| *place).max();
        low.zip(high).map_or((0, 0), |(low, high)| (low, high + 1 - low))
    }
}

/// What elements that are NaN do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// What they are part of is NaN.
    Spread,
    /// The others count alone, where they make up at least this part of the weights.
    Skip(Number),
}

/// One grid from another: elements are means of others, weighted by the products of weights along two axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regrid {
    /// The two axes.
    pub axes: [usize; 2],
    /// The weights along them.
    pub weights: [Arc<Weights>; 2],
    /// The dtype of the elements, `f32` or `f64`.
    pub dtype: DType,
    /// What NaN does.
    pub missing: Missing,
}

impl Computation for Regrid {
    fn name(&self) -> &'static str {
        "regrid"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.axes;
        write!(f, "regrid along axes ({a}, {b})")
    }

    fn output(&self) -> DType {
        self.dtype
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        let mut out = space.to_vec();
        for (&axis, weights) in self.axes.iter().zip(&self.weights) {
            out[axis] = weights.len;
        }
        out
    }

    fn hull(&self, region: &Region) -> Region {
        let mut out = region.clone();
        for (&axis, weights) in self.axes.iter().zip(&self.weights) {
            (out.start[axis], out.shape[axis]) = weights.hull(region.start[axis], region.shape[axis]);
        }
        out
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let mut out = block.to_vec();
        for (&axis, weights) in self.axes.iter().zip(&self.weights) {
            let count = block[axis].min(weights.count());
            let firsts = 0..=weights.count() - count;
            out[axis] = firsts.map(|first| weights.hull(first, count).1).max().unwrap_or(0);
        }
        out
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let mut axes = grid.axes().to_vec();
        for (&axis, weights) in self.axes.iter().zip(&self.weights) {
            let cuts = &grid.axes()[axis];
            let first = |block: usize| weights.hull(cuts.start(block), cuts.length(block)).0;
            let mut bounds: Vec<usize> = (1..cuts.count()).map(first).collect();
            bounds.insert(0, 0);
            bounds.push(weights.len);
            // Blocks in the other direction, or around the end, read what no grid describes.
            let ordered = bounds.is_sorted();
            bounds.dedup();
            axes[axis] =
                if ordered { AxisChunks::from_bounds(&bounds) } else { AxisChunks::regular(weights.len, weights.len) };
        }
        Chunks::new(axes)
    }

    fn reads_again(&self) -> bool {
        true
    }

    /// Bytes of a row of sums, and of one of weights.
    fn scratch(&self, _: &[usize]) -> usize {
        2 * self.weights[1].len * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_what_their_elements_are_made_of() {
        let halves = Weights::new(6, (0..3).map(|i| vec![(2 * i, 0.5), (2 * i + 1, 0.5)]));
        let around = Weights::new(4, [vec![(3, 0.25), (0, 0.75)], vec![(1, 1.0), (2, 0.0)], vec![]]);
        let (axes, weights) = ([0, 2], [Arc::new(halves), Arc::new(around)]);
        let op = Regrid { axes, weights, dtype: DType::F32, missing: Missing::Spread };
        assert_eq!(op.input_space(&[3, 9, 3]), [6, 9, 4]);
        assert_eq!(op.hull(&Region::new(vec![1, 4, 1], vec![2, 5, 2])), Region::new(vec![2, 4, 1], vec![4, 5, 1]));
        assert_eq!(op.hull(&Region::new(vec![0, 0, 2], vec![1, 1, 1])).shape, [2, 1, 0]);
        assert_eq!(op.largest_part(&[1, 5, 1]), [2, 5, 4]);
        let grid = Chunks::new(vec![AxisChunks::regular(3, 2), AxisChunks::regular(9, 9), AxisChunks::regular(3, 1)]);
        let read = op.read_in(&grid);
        assert_eq!((read.axes()[0].bounds(), read.axes()[2].count()), (vec![0, 4, 6], 1));
    }
}
