//! Reshapes: the same elements in C order under other axes, as boxes of the input for boxes of the output.
//!
//! Axes fall into groups: neighbouring input axes and neighbouring output axes that hold the same elements, as few in a
//! group as possible. Inside a group, a box of the output is a few intervals of the elements in C order, and an
//! interval is a few boxes of the input: part of a row, whole rows, part of a row, on every level.

use super::grid::{AxisChunks, Chunks};
use super::region::{Indices, Region};
use crate::shape;
use std::ops::Range;

/// More parts than this are read together.
const MANY: usize = 64;

/// How the axes of an array correspond to those of another that has the same elements in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reshape {
    from: Vec<usize>,
    to: Vec<usize>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    from: Range<usize>,
    to: Range<usize>,
}

/// A box of the input, and where its elements go in a C-ordered box of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The box.
    pub source: Region,
    /// Where its first element goes.
    pub at: usize,
    /// How far apart neighbours along each axis of the input are there.
    pub strides: Vec<usize>,
}

/// Part of a group's elements: the box on the group's input axes, and where it goes among those of the output box.
struct Run {
    start: Vec<usize>,
    shape: Vec<usize>,
    at: usize,
}

impl Reshape {
    /// The reshape of `from` to `to`, which have the same number of elements.
    #[must_use]
    pub fn new(from: &[usize], to: &[usize]) -> Self {
        let mut groups = Vec::new();
        let (mut i, mut j) = (0, 0);
        if from.contains(&0) {
            groups.push(Group { from: 0..from.len(), to: 0..to.len() });
            (i, j) = (from.len(), to.len());
        }
        while i < from.len() || j < to.len() {
            let (i0, j0) = (i, j);
            let (mut have, mut want) = (1, 1);
            loop {
                if have <= want && i < from.len() {
                    have *= from[i];
                    i += 1;
                } else if j < to.len() {
                    want *= to[j];
                    j += 1;
                }
                let more = i < from.len() || j < to.len();
                if have == want && (i > i0 || i == from.len()) && (j > j0 || j == to.len()) || !more {
                    break;
                }
            }
            groups.push(Group { from: i0..i, to: j0..j });
        }
        Self { from: from.to_vec(), to: to.to_vec(), groups }
    }

    /// The shape of the input.
    #[must_use]
    pub fn input(&self) -> &[usize] {
        &self.from
    }

    /// The boxes of the input that hold the elements of `region` of the output.
    #[must_use]
    pub fn parts(&self, region: &Region) -> Vec<Part> {
        if region.size() == 0 {
            return Vec::new();
        }
        let runs: Vec<Vec<Run>> = self.groups.iter().map(|g| self.runs(g, region)).collect();
        let sizes: Vec<usize> = self.groups.iter().map(|g| shape::size(&region.shape[g.to.clone()])).collect();
        let outer = shape::strides(&sizes);
        let counts: Vec<usize> = runs.iter().map(Vec::len).collect();
        Indices::new(&counts)
            .map(|pick| {
                let (mut start, mut dims, mut strides, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
                for (g, &k) in pick.iter().enumerate() {
                    let run = &runs[g][k];
                    start.extend(&run.start);
                    dims.extend(&run.shape);
                    strides.extend(shape::strides(&run.shape).iter().map(|s| s * outer[g]));
                    at += run.at * outer[g];
                }
                Part { source: Region::new(start, dims), at, strides }
            })
            .collect()
    }

    /// Whether so many parts are better read as the one box that holds them all.
    #[must_use]
    pub fn reads_hull(&self, parts: &[Part]) -> bool {
        parts.len() > MANY
    }

    /// The smallest box of the input that holds all elements of `region` of the output.
    #[must_use]
    pub fn hull(&self, region: &Region) -> Region {
        let rank = self.from.len();
        let mut hull = Region::full(&vec![0; rank]);
        for (n, part) in self.parts(region).into_iter().enumerate() {
            for a in 0..rank {
                let (start, end) = if n == 0 {
                    (part.source.start[a], part.source.end(a))
                } else {
                    (hull.start[a].min(part.source.start[a]), hull.end(a).max(part.source.end(a)))
                };
                (hull.start[a], hull.shape[a]) = (start, end - start);
            }
        }
        hull
    }

    /// The lengths of the largest box that is read for a block of shape `block`, wherever it stands.
    #[must_use]
    pub fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let mut largest = vec![1; self.from.len()];
        for corner in 0..3 {
            // The first block, one off every boundary, and the last.
            let start = block.iter().zip(&self.to).map(|(&b, &n)| {
                let room = n.saturating_sub(b);
                [0, room.min((b / 2).max(1)), room][corner]
            });
            let region = Region::new(start.collect(), block.iter().zip(&self.to).map(|(&b, &n)| b.min(n)).collect());
            let parts = self.parts(&region);
            let boxes = if self.reads_hull(&parts) {
                vec![self.hull(&region)]
            } else {
                parts.into_iter().map(|p| p.source).collect()
            };
            for source in boxes {
                if source.size() > shape::size(&largest) {
                    largest = source.shape;
                }
            }
        }
        largest
    }

    fn runs(&self, group: &Group, region: &Region) -> Vec<Run> {
        let (from, to) = (&self.from[group.from.clone()], &self.to[group.to.clone()]);
        let (start, dims) = (&region.start[group.to.clone()], &region.shape[group.to.clone()]);
        // Trailing axes that are whole, and the one before them, are one interval.
        let mut split = to.len();
        while split > 0 && dims[split - 1] == to[split - 1] {
            split -= 1;
        }
        let outer = split.saturating_sub(1);
        let length = shape::size(&dims[outer..]);
        let strides = shape::strides(to);
        let mut out = Vec::new();
        for (row, index) in Indices::new(&dims[..outer]).enumerate() {
            let first: usize =
                (0..to.len()).map(|a| (start[a] + index.get(a).copied().unwrap_or(0)) * strides[a]).sum();
            cut(from, first, length, row * length, &mut Vec::new(), &mut out);
        }
        out
    }

    /// The grid on the input whose boxes are what blocks of shape `block` of the output read.
    #[must_use]
    pub fn slabs(&self, block: &[usize]) -> Chunks {
        let mut axes: Vec<AxisChunks> = self.from.iter().map(|&n| AxisChunks::regular(n, n)).collect();
        for group in &self.groups {
            let (from, to) = (&self.from[group.from.clone()], &self.to[group.to.clone()]);
            let dims = &block[group.to.clone()];
            // From the first axis on that a block does not cut to single indices, it touches everything.
            let first = (0..to.len()).find(|&a| dims[a] > 1).unwrap_or(to.len());
            let span = if first < to.len() { dims[first] * shape::size(&to[first + 1..]) } else { 1 };
            let inner = shape::strides(from);
            let at = (0..from.len()).find(|&a| inner[a] <= span).unwrap_or(from.len());
            for a in 0..from.len() {
                let piece = match a.cmp(&at) {
                    std::cmp::Ordering::Less => 1,
                    std::cmp::Ordering::Equal => span / inner[a].max(1),
                    std::cmp::Ordering::Greater => from[a],
                };
                axes[group.from.start + a] = AxisChunks::regular(from[a], piece);
            }
        }
        Chunks::new(axes)
    }

    /// Chunks for the output whose elements lie side by side in whole rows of `chunks` of the input, of at most
    /// `largest` elements where that can be.
    #[must_use]
    pub fn chunks(&self, chunks: &Chunks, largest: usize) -> Chunks {
        let longest = chunks.longest();
        let mut axes: Vec<AxisChunks> = self.to.iter().map(|&n| AxisChunks::regular(n, n)).collect();
        let (same, other): (Vec<&Group>, Vec<&Group>) =
            self.groups.iter().partition(|g| g.from.len() == 1 && g.to.len() == 1);
        let mut room = largest;
        for group in same {
            axes[group.to.start] = chunks.axes()[group.from.start].clone();
            room /= axes[group.to.start].longest().max(1);
        }
        for group in other {
            let (from, to) = (&self.from[group.from.clone()], &self.to[group.to.clone()]);
            let inner = shape::strides(from);
            let cut = (0..from.len()).find(|&a| from[a] > 1).unwrap_or(0);
            let row = if from.is_empty() { 1 } else { longest[group.from.start + cut] * inner[cut] };
            let span = row.min(room).max(1);
            room /= span;
            let outer = shape::strides(to);
            let at = (0..to.len()).find(|&a| outer[a] <= span).unwrap_or(to.len());
            for a in 0..to.len() {
                let piece = match a.cmp(&at) {
                    std::cmp::Ordering::Less => 1,
                    std::cmp::Ordering::Equal => span / outer[a].max(1),
                    std::cmp::Ordering::Greater => to[a],
                };
                axes[group.to.start + a] = AxisChunks::regular(to[a], piece);
            }
        }
        Chunks::new(axes)
    }
}

/// Cuts elements `first .. first + length` of an array of shape `dims`, in C order, into boxes.
fn cut(dims: &[usize], first: usize, length: usize, at: usize, before: &mut Vec<usize>, out: &mut Vec<Run>) {
    if length == 0 {
        return;
    }
    let Some((_, rest)) = dims.split_first() else {
        out.push(Run { start: before.clone(), shape: vec![1; before.len()], at });
        return;
    };
    let inner = shape::size(rest);
    let (row, column) = (first / inner, first % inner);
    let part = |row: usize, column: usize, length: usize, at: usize, before: &mut Vec<usize>, out: &mut Vec<Run>| {
        before.push(row);
        cut(rest, column, length, at, before, out);
        before.pop();
    };
    let (mut row, mut done) = (row, 0);
    if column > 0 || length < inner {
        done = length.min(inner - column);
        part(row, column, done, at, before, out);
        row += 1;
    }
    let whole = (length - done) / inner;
    if whole > 0 {
        let start = before.iter().copied().chain([row]).chain(rest.iter().map(|_| 0)).collect();
        let shape = before.iter().map(|_| 1).chain([whole]).chain(rest.iter().copied()).collect();
        out.push(Run { start, shape, at: at + done });
        done += whole * inner;
    }
    if done < length {
        part(row + whole, 0, length - done, at + done, before, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `parts` puts together, element by element.
    fn assembled(from: &[usize], to: &[usize], region: &Region) -> Vec<usize> {
        let reshape = Reshape::new(from, to);
        let strides = shape::strides(from);
        let mut out = vec![usize::MAX; region.size()];
        for part in reshape.parts(region) {
            for index in Indices::new(&part.source.shape) {
                let place: usize = index.iter().zip(&part.strides).map(|(i, s)| i * s).sum();
                let element = index.iter().zip(&part.source.start).zip(&strides).map(|((i, b), s)| (i + b) * s).sum();
                assert_eq!(std::mem::replace(&mut out[part.at + place], element), usize::MAX, "written once");
            }
        }
        out
    }

    fn elements(to: &[usize], region: &Region) -> Vec<usize> {
        let strides = shape::strides(to);
        let at = |index: Vec<usize>| index.iter().zip(&region.start).zip(&strides).map(|((i, b), s)| (i + b) * s).sum();
        Indices::new(&region.shape).map(at).collect()
    }

    #[test]
    fn boxes_hold_the_elements_of_every_region() {
        let shapes: [&[usize]; 9] =
            [&[24], &[4, 6], &[6, 4], &[2, 3, 4], &[4, 3, 2], &[1, 24, 1], &[2, 1, 12], &[8, 3], &[3, 2, 2, 2]];
        for from in shapes {
            for to in shapes {
                for start in Indices::new(to) {
                    let room: Vec<usize> = to.iter().zip(&start).map(|(n, s)| n - s).collect();
                    for less in Indices::new(&room) {
                        let dims = room.iter().zip(&less).map(|(n, l)| n - l).collect();
                        let region = Region::new(start.clone(), dims);
                        assert_eq!(assembled(from, to, &region), elements(to, &region), "{from:?} {to:?} {region}");
                    }
                }
            }
        }
    }

    #[test]
    fn axes_fall_into_small_groups() {
        let groups = |from: &[usize], to: &[usize]| {
            Reshape::new(from, to)
                .groups
                .iter()
                .map(|g| format!("{:?}->{:?}", g.from, g.to))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(groups(&[7, 4, 6], &[7, 24]), "0..1->0..1 1..3->1..2");
        assert_eq!(groups(&[7, 24], &[7, 4, 6]), "0..1->0..1 1..2->1..3");
        assert_eq!(groups(&[4, 6, 5], &[6, 4, 5]), "0..2->0..2 2..3->2..3");
        assert_eq!(groups(&[5, 1], &[1, 5]), "0..1->0..2 1..2->2..2");
        assert_eq!(groups(&[0, 3], &[7, 0]), "0..2->0..2");
    }

    #[test]
    fn blocks_read_slabs() {
        let ravel = Reshape::new(&[100, 20, 30], &[60_000]);
        assert_eq!(ravel.slabs(&[6000]).to_string(), "(10, 20, 30)");
        assert_eq!(ravel.slabs(&[90]).to_string(), "(1, 3, 30)");
        let chunks = Chunks::regular(&[100, 20, 30], &[8, 10, 30]).unwrap();
        assert_eq!(ravel.chunks(&chunks, usize::MAX).to_string(), "(4800,)");
        let split = Reshape::new(&[60_000], &[100, 20, 30]);
        assert_eq!(split.slabs(&[8, 20, 30]).to_string(), "(4800,)");
        assert_eq!(split.chunks(&Chunks::regular(&[60_000], &[4000]).unwrap(), usize::MAX).to_string(), "(6, 20, 30)");
    }

    #[test]
    fn nothing_needs_nothing() {
        assert!(Reshape::new(&[0, 3], &[7, 0]).parts(&Region::full(&[7, 0])).is_empty());
        let one = Reshape::new(&[], &[1, 1]).parts(&Region::full(&[1, 1]));
        assert_eq!((one.len(), one[0].source.size(), one[0].at), (1, 1, 0));
    }
}
