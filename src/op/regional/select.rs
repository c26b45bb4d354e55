//! What keeps the rows of an axis at which a mask is true: how many there are in each tile, and the rows themselves,
//! once that is known.

use super::{Computation, Part, with};
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::fmt;
use std::sync::Arc;

/// How often a mask, the only input, is true in each tile of its axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Count {
    /// The tiles.
    pub tiles: AxisChunks,
}

impl Computation for Count {
    fn name(&self) -> &'static str {
        "count"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "true elements of each tile")
    }

    fn output(&self) -> DType {
        DType::I64
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        vec![self.tiles.len()]
    }

    fn hull(&self, region: &Region) -> Region {
        let (first, end) = (self.tiles.start(region.start[0]), self.tiles.start(region.end(0)));
        Region::new(vec![first], vec![end - first])
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        let part = |t: usize| Part {
            output: Region::new(vec![t], vec![1]),
            input: Region::new(vec![self.tiles.start(t)], vec![self.tiles.length(t)]),
        };
        (region.start[0]..region.end(0)).map(part).collect()
    }

    fn largest_part(&self, _: &[usize]) -> Vec<usize> {
        vec![self.tiles.longest()]
    }

    fn read_in(&self, _: &Chunks) -> Chunks {
        Chunks::new(vec![self.tiles.clone()])
    }

    fn reads_again(&self) -> bool {
        true
    }
}

/// The rows of the first input, along an axis, at which the second, a mask, is true.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Select {
    /// The axis.
    pub axis: usize,
    /// Where it is cut before.
    pub tiles: AxisChunks,
    /// How many rows are kept before each tile, and of all.
    pub kept: Arc<[usize]>,
    /// The dtype of the elements.
    pub dtype: DType,
}

impl Select {
    /// The tiles that have any of the rows of `region`.
    fn touching(&self, region: &Region) -> std::ops::Range<usize> {
        let (first, end) = (region.start[self.axis], region.end(self.axis));
        if first == end {
            return 0..0;
        }
        let from = self.kept.partition_point(|&k| k <= first) - 1;
        from..self.kept.partition_point(|&k| k < end)
    }

    /// The tile that holds row `first` of the result, and how many of its rows come before that one.
    #[must_use]
    pub fn tile_of(&self, first: usize) -> (usize, usize) {
        let tile = self.kept.partition_point(|&k| k <= first).saturating_sub(1);
        (tile, first - self.kept[tile])
    }
}

impl Computation for Select {
    fn name(&self) -> &'static str {
        "compress"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows of axis {} where a mask is true", self.axis)
    }

    fn output(&self) -> DType {
        self.dtype
    }

    fn moves(&self) -> bool {
        true
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        with(space, self.axis, self.tiles.len())
    }

    fn hull(&self, region: &Region) -> Region {
        let tiles = self.touching(region);
        let (first, end) = (self.tiles.start(tiles.start), self.tiles.start(tiles.end));
        let mut out = region.clone();
        (out.start[self.axis], out.shape[self.axis]) = (first, end - first);
        out
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        let (first, end) = (region.start[self.axis], region.end(self.axis));
        let part = |t: usize| {
            let (mut output, mut input) = (region.clone(), region.clone());
            let (from, to) = (self.kept[t].max(first), self.kept[t + 1].min(end));
            (output.start[self.axis], output.shape[self.axis]) = (from, to - from);
            (input.start[self.axis], input.shape[self.axis]) = (self.tiles.start(t), self.tiles.length(t));
            Part { output, input }
        };
        self.touching(region).filter(|&t| self.kept[t] < self.kept[t + 1]).map(part).collect()
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        with(block, self.axis, self.tiles.longest())
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        Chunks::new(with(grid.axes(), self.axis, self.tiles.clone()))
    }

    fn reads_again(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_made_of_the_tiles_that_have_its_rows() {
        let tiles = AxisChunks::regular(10, 3);
        let select = Select { axis: 0, tiles, kept: [0, 2, 2, 5, 6].into(), dtype: DType::F64 };
        let parts = select.parts(&Region::new(vec![1, 4], vec![3, 2]));
        let boxes: Vec<_> = parts.iter().map(|p| (p.output.to_string(), p.input.to_string())).collect();
        assert_eq!(
            boxes,
            [("[1:2, 4:6]".to_owned(), "[0:3, 4:6]".to_owned()), ("[2:4, 4:6]".to_owned(), "[6:9, 4:6]".to_owned())]
        );
        assert_eq!((select.tile_of(1), select.tile_of(2), select.tile_of(4)), ((0, 1), (2, 0), (2, 2)));
        assert!(select.parts(&Region::new(vec![6, 0], vec![0, 2])).is_empty());
    }
}
