//! How often elements fall into bins, tile by tile, what they weigh or hold there, and the edges of such bins.

use super::lookup::along;
use super::{Computation, Part};
use crate::chunk::{Chunks, IndexMap, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;

/// How often the elements of each tile fall into bins: row `t` of the result is about tile `t`. Tiles follow logical
/// chunks, and rows are put together in a fixed tree, so no bit depends on a block. One input for every axis of bins
/// holds elements, one the edges of all bins, where they have any, and one values, where there are some.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tally {
    /// The NumPy name, for messages.
    pub name: &'static str,
    /// The tiles of the elements.
    pub tiles: Chunks,
    /// The bins along each axis of the result.
    pub bins: Vec<Binning>,
    /// The dtype of elements and edges.
    pub dtype: DType,
    /// What is made of the elements in a bin.
    pub what: Tallied,
}

/// What is made of the elements in a bin. All but counts have values beside the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tallied {
    /// How many they are.
    Count,
    /// The sum of their values, which are weights.
    Sum,
    /// The least of their values, of this dtype, that is not NaN where there is another; the largest there is in an
    /// empty bin.
    Least(DType),
    /// The largest of their values, of this dtype, or NaN where one is; the least there is in an empty bin.
    Largest(DType),
}

impl Tallied {
    /// The dtype of values, where there are some.
    #[must_use]
    pub fn values(self) -> Option<DType> {
        match self {
            Self::Count => None,
            Self::Sum => Some(DType::F64),
            Self::Least(dtype) | Self::Largest(dtype) => Some(dtype),
        }
    }

    /// The dtype of the result.
    #[must_use]
    pub fn output(self) -> DType {
        self.values().unwrap_or(DType::I64)
    }

    /// The reduction that puts tiles together.
    #[must_use]
    pub fn joined_by(self) -> &'static str {
        match self {
            Self::Count | Self::Sum => "sum",
            Self::Least(_) => "nanmin",
            Self::Largest(_) => "max",
        }
    }
}

/// Bins along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binning {
    /// Their number.
    pub count: usize,
    /// Where they are.
    pub rule: BinRule,
}

/// Where bins are. The last bin of those that have edges holds its right end too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinRule {
    /// Bin `i` is the number `i`.
    Positions,
    /// Between edges at equal distances.
    Even,
    /// Between edges that ascend.
    Edges,
}

impl Binning {
    /// The number of their edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        match self.rule {
            BinRule::Positions => 0,
            BinRule::Even | BinRule::Edges => self.count + 1,
        }
    }
}

impl Tally {
    /// The number of bins along each axis.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.bins.iter().map(|b| b.count).collect()
    }

    /// The number of edges of all bins.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.bins.iter().map(Binning::edges).sum()
    }

    /// The box of tile `number`.
    #[must_use]
    pub fn tile(&self, number: usize) -> Region {
        let order: Vec<usize> = (0..self.tiles.rank()).collect();
        self.tiles.region(&self.tiles.index(number, &order))
    }

    fn with_edges(&self, lengths: &[usize]) -> Vec<usize> {
        let edges = self.edges();
        lengths.iter().copied().chain((edges > 0).then_some(edges)).collect()
    }

    fn read(&self, tiles: Region) -> Region {
        let start = self.with_edges(&tiles.start).len() - tiles.rank();
        Region { start: [tiles.start, vec![0; start]].concat(), shape: self.with_edges(&tiles.shape) }
    }
}

impl Computation for Tally {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Tallied::Count => "counts",
            Tallied::Sum => "weights",
            Tallied::Least(_) => "least values",
            Tallied::Largest(_) => "largest values",
        };
        write!(f, "{what} of tiles {} in {} bins", self.tiles, shape::tuple(&self.counts()))
    }

    fn output(&self) -> DType {
        self.what.output()
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.with_edges(&self.tiles.shape())
    }

    /// Edges are seen along an axis more.
    fn map(&self, input: usize, _: &[usize], _: &[usize]) -> IndexMap {
        let rank = self.tiles.rank();
        if self.shares(input) { along(rank) } else { IndexMap::identity(rank) }
    }

    fn has_more_axes(&self) -> bool {
        true
    }

    fn shares(&self, input: usize) -> bool {
        input == self.bins.len() && self.edges() > 0
    }

    /// Tiles come in row-major order: up to the first axis along which the first and the last differ, the box is
    /// theirs; behind it, it is whole.
    fn hull(&self, region: &Region) -> Region {
        let rank = self.tiles.rank();
        if region.shape[0] == 0 {
            return self.read(Region::full(&vec![0; rank]));
        }
        let (mut hull, last) = (self.tile(region.start[0]), self.tile(region.end(0) - 1));
        let differ = (0..rank).find(|&a| hull.start[a] != last.start[a]).unwrap_or(rank);
        for a in differ..rank {
            let (start, end) = if a == differ { (hull.start[a], last.end(a)) } else { (0, self.tiles.axes()[a].len()) };
            (hull.start[a], hull.shape[a]) = (start, end - start);
        }
        self.read(hull)
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        let part = |t: usize| {
            let mut output = region.clone();
            (output.start[0], output.shape[0]) = (t, 1);
            Part { output, input: self.read(self.tile(t)) }
        };
        (region.start[0]..region.end(0)).map(part).collect()
    }

    fn largest_part(&self, _: &[usize]) -> Vec<usize> {
        self.with_edges(&self.tiles.longest())
    }

    fn read_in(&self, _: &Chunks) -> Chunks {
        let edges = self.edges();
        let table = Chunks::whole(&[edges]);
        Chunks::new([self.tiles.axes(), if edges > 0 { table.axes() } else { &[] }].concat())
    }

    /// Elements side by side, and the counts of a tile, several times where they are few.
    fn scratch(&self, _: &[usize]) -> usize {
        let tile = shape::size(&self.tiles.longest());
        let bins = shape::size(&self.counts()).saturating_add(1);
        let elements = tile * (self.bins.len() * self.dtype.size() + self.what.values().map_or(0, DType::size));
        elements + bins.saturating_mul(2 * size_of::<f64>()).max(64 << 10)
    }
}

/// The edges of bins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edges {
    /// The NumPy name, for messages.
    pub name: &'static str,
    /// How many there are.
    pub count: usize,
    /// Their dtype.
    pub dtype: DType,
    /// Whether they are at equal distances from the first input to the second, in whose dtype they are computed; or
    /// else they are those of the only input, which must ascend.
    pub even: bool,
}

impl Computation for Edges {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} edges of bins", self.count)
    }

    fn output(&self) -> DType {
        self.dtype
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        space.to_vec()
    }

    fn hull(&self, region: &Region) -> Region {
        if self.even { region.clone() } else { Region::full(&[self.count]) }
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        if self.even { block.to_vec() } else { vec![self.count] }
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        if self.even { grid.clone() } else { Chunks::whole(&[self.count]) }
    }

    fn scratch(&self, _: &[usize]) -> usize {
        self.count * self.dtype.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_about_tiles_in_row_major_order() {
        let tiles = Chunks::regular(&[10, 7], &[4, 3]).unwrap();
        let bins = vec![Binning { count: 5, rule: BinRule::Even }];
        let tally = Tally { name: "histogram", tiles, bins, dtype: DType::F32, what: Tallied::Count };
        let parts = tally.parts(&Region::new(vec![3, 1], vec![2, 3]));
        let boxes: Vec<_> = parts.iter().map(|p| (p.output.to_string(), p.input.to_string())).collect();
        let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(boxes, [text("[3:4, 1:4]", "[4:8, 0:3, 0:6]"), text("[4:5, 1:4]", "[4:8, 3:6, 0:6]")]);
        let hull = |from, count| tally.hull(&Region::new(vec![from, 0], vec![count, 5])).to_string();
        assert_eq!((hull(3, 2), hull(2, 3)), ("[4:8, 0:6, 0:6]".to_owned(), "[0:8, 0:7, 0:6]".to_owned()));
        assert_eq!(tally.input_space(&[]), [10, 7, 6]);
    }
}
