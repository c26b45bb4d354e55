//! User functions over blocks that see more than their own place: all of an axis, or a piece of it for each element.

use super::{Computation, Part};
use crate::chunk::index_map::AxisMap;
use crate::chunk::region::Indices;
use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::dtype::DType;
use crate::op::function::BlockFunction;
use crate::shape;
use std::fmt;

/// A function that is called once for each chunk of the result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// What kind of call it is, for people.
    pub kind: &'static str,
    /// The function.
    pub function: BlockFunction,
    /// The chunks of the result.
    pub chunks: Chunks,
    /// What each axis of the result has to do with what is seen.
    pub axes: Vec<Along>,
    /// The lengths of further axes, of which every call sees all.
    pub whole: Vec<usize>,
    /// What it is called with.
    pub inputs: Vec<Seen>,
    /// Whether what it makes at one place of the axes that it shares with what is seen depends on no other, so that
    /// blocks may be cut anywhere along these.
    pub everywhere: bool,
}

/// What an axis of the result has to do with what is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Along {
    /// What is seen lies where the block of the result does.
    Same,
    /// The function makes it, all at once.
    Made,
    /// Each of these pieces becomes one element.
    Piece(AxisChunks),
}

/// An array that a function is called with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Its dtype.
    pub dtype: DType,
    /// Which axis of the space that inputs are seen from each of its axes follows: those of the result, then those that
    /// are seen whole; none along which it has one element for all.
    pub axes: Vec<Option<usize>>,
}

impl Seen {
    /// Its own lengths, where so much of the space is seen.
    #[must_use]
    pub fn lengths(&self, seen: &[usize]) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.map_or(1, |a| seen[a])).collect()
    }
}

impl Call {
    /// What is seen for `region` of the result, which cuts no chunk.
    #[must_use]
    pub fn seen(&self, region: &Region) -> Region {
        let mut out = region.clone();
        for (a, along) in self.axes.iter().enumerate() {
            match along {
                Along::Same => {}
                Along::Made => (out.start[a], out.shape[a]) = (0, 1),
                Along::Piece(cuts) => {
                    let (first, count) = (out.start[a], out.shape[a]);
                    out.start[a] = cuts.start(first);
                    out.shape[a] = if count == 0 { 0 } else { cuts.start(first + count) - out.start[a] };
                }
            }
        }
        out.start.extend(self.whole.iter().map(|_| 0));
        out.shape.extend(&self.whole);
        out
    }

    /// Whether blocks of the result may be cut along axis `a` where its chunks are not.
    #[must_use]
    pub fn is_cut(&self, a: usize) -> bool {
        self.everywhere && self.axes[a] == Along::Same
    }

    /// The blocks of the result that are made for `region`, each with the number of its first chunk along every axis.
    #[must_use]
    pub fn calls(&self, region: &Region) -> Vec<(Vec<usize>, Region)> {
        let touching = self.chunks.touching(region);
        if self.everywhere {
            let block = self.made_with(region);
            return if region.size() == 0 { Vec::new() } else { vec![(touching.start, block)] };
        }
        let numbered = |step: Vec<usize>| {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let chunk = self.chunks.region(&index);
            (index, chunk)
        };
        Indices::new(&touching.shape).map(numbered).collect()
    }

    /// The block of the result that is made where `region` of it is wanted.
    fn made_with(&self, region: &Region) -> Region {
        let mut out = self.chunks.covering(region);
        for a in (0..region.rank()).filter(|&a| self.is_cut(a)) {
            (out.start[a], out.shape[a]) = (region.start[a], region.shape[a]);
        }
        out
    }

    /// The lengths of what one call makes, of a block of shape `block`.
    fn largest(&self, block: &[usize]) -> Vec<usize> {
        let longest = self.chunks.longest();
        (0..block.len()).map(|a| if self.is_cut(a) { block[a] } else { longest[a] }).collect()
    }
}

impl Computation for Call {
    fn name(&self) -> &'static str {
        self.kind
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.function.name)
    }

    fn output(&self) -> DType {
        self.function.output
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        self.seen(&Region::full(space)).shape
    }

    fn map(&self, input: usize, _: &[usize], _: &[usize]) -> IndexMap {
        let axis = |axis: &Option<usize>| AxisMap { out: *axis, offset: 0, stride: isize::from(axis.is_some()) };
        IndexMap { axes: self.inputs[input].axes.iter().map(axis).collect() }
    }

    /// What is seen for all that is made for `region`.
    fn hull(&self, region: &Region) -> Region {
        self.seen(&self.made_with(region))
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        self.calls(region).into_iter().map(|(_, output)| Part { input: self.seen(&output), output }).collect()
    }

    /// The lengths of the most that a call sees, for a block of shape `block`.
    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let longest = self.largest(block);
        let length = |(along, n): (&Along, usize)| match along {
            Along::Same => n,
            Along::Made => 1,
            Along::Piece(cuts) => cuts.longest(),
        };
        self.axes.iter().zip(longest).map(length).chain(self.whole.iter().copied()).collect()
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let cut = |(a, along): (usize, &Along)| match along {
            Along::Same if self.everywhere => grid.axes()[a].clone(),
            Along::Same => self.chunks.axes()[a].clone(),
            Along::Made => AxisChunks::regular(1, 1),
            Along::Piece(cuts) => cuts.clone(),
        };
        let whole = self.whole.iter().map(|&n| AxisChunks::regular(n, n));
        Chunks::new(self.axes.iter().enumerate().map(cut).chain(whole).collect())
    }

    /// Elements that stand for pieces are few, and are computed once.
    fn is_swept(&self) -> bool {
        self.axes.iter().any(|along| matches!(along, Along::Piece(_)))
    }

    fn keeps_chunks(&self, a: usize) -> bool {
        !self.is_cut(a)
    }

    fn walked(&self, block: &[usize]) -> usize {
        let length = |(along, &n): (&Along, &usize)| match along {
            Along::Same => n,
            Along::Made => 1,
            Along::Piece(cuts) => n * cuts.longest(),
        };
        self.axes.iter().zip(block).map(length).chain(self.whole.iter().copied()).product()
    }

    /// Bytes of a call beside its views: its inputs in order, and its result.
    fn scratch(&self, block: &[usize]) -> usize {
        let seen = self.largest_part(block);
        let inputs: usize = self.inputs.iter().map(|i| shape::size(&i.lengths(&seen)) * i.dtype.size()).sum();
        inputs + shape::size(&self.largest(block)) * self.function.output.size()
    }
}
