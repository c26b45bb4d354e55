//! Stretches of an array one after another along every axis: blocks with what they share with their neighbours, and
//! blocks without that.

use super::{Computation, Part};
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use std::ops::Range;
use std::sync::Arc;

/// Neighbours along one axis that are taken from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Where they stand.
    pub at: usize,
    /// Where they are taken from.
    pub from: usize,
    /// How many they are.
    pub len: usize,
}

/// Stretches of the input side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stretches {
    /// What it is for, for messages.
    pub name: &'static str,
    /// Those of each axis, in order.
    pub axes: Vec<Arc<[Stretch]>>,
    /// The lengths of the input.
    pub input: Vec<usize>,
    /// The dtype of the elements.
    pub dtype: DType,
}

impl Stretches {
    /// The stretches of `axis` that hold any of `from..to`.
    fn touching(&self, axis: usize, region: &Region) -> Range<usize> {
        let list = &self.axes[axis];
        let (from, to) = (region.start[axis], region.end(axis));
        let first = list.partition_point(|s| s.at + s.len <= from);
        if from == to {
            return first..first;
        }
        first..list.partition_point(|s| s.at < to).max(first)
    }
}

impl Computation for Stretches {
    fn name(&self) -> &'static str {
        self.name
    }

    fn output(&self) -> DType {
        self.dtype
    }

    fn moves(&self) -> bool {
        true
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.input.clone()
    }

    fn hull(&self, region: &Region) -> Region {
        let mut out = region.clone();
        for axis in 0..region.rank() {
            let list = &self.axes[axis][self.touching(axis, region)];
            let (Some(first), Some(last)) = (list.first(), list.last()) else {
                (out.start[axis], out.shape[axis]) = (0, 0);
                continue;
            };
            let low = first.from + region.start[axis].max(first.at) - first.at;
            let high = last.from + region.end(axis).min(last.at + last.len) - last.at;
            (out.start[axis], out.shape[axis]) = (low, high.saturating_sub(low));
        }
        out
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        let rank = region.rank();
        let mut parts = vec![Part { output: region.clone(), input: region.clone() }];
        for axis in 0..rank {
            let list = &self.axes[axis][self.touching(axis, region)];
            let cut = |part: &Part| -> Vec<Part> {
                let one = |s: &Stretch| {
                    let (from, to) = (s.at.max(region.start[axis]), (s.at + s.len).min(region.end(axis)));
                    let mut part = part.clone();
                    (part.output.start[axis], part.output.shape[axis]) = (from, to - from);
                    (part.input.start[axis], part.input.shape[axis]) = (s.from + from - s.at, to - from);
                    part
                };
                list.iter().map(one).collect()
            };
            parts = parts.iter().flat_map(cut).collect();
        }
        parts
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let longest = |list: &Arc<[Stretch]>| list.iter().map(|s| s.len).max().unwrap_or(0);
        block.iter().zip(&self.axes).map(|(&n, list)| n.min(longest(list))).collect()
    }

    /// The input cut where stretches begin.
    fn read_in(&self, _: &Chunks) -> Chunks {
        let axis = |(list, &n): (&Arc<[Stretch]>, &usize)| {
            let begins = list.iter().skip(1).map(|s| s.from);
            let mut bounds: Vec<usize> = std::iter::once(0).chain(begins).chain([n]).collect();
            bounds.dedup();
            AxisChunks::from_bounds(&bounds)
        };
        Chunks::new(self.axes.iter().zip(&self.input).map(axis).collect())
    }

    fn reads_again(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_made_of_what_each_stretch_has_of_it() {
        let list = [Stretch { at: 0, from: 0, len: 5 }, Stretch { at: 5, from: 3, len: 6 }];
        let two = Stretches { name: "overlap", axes: vec![list.into()], input: vec![9], dtype: DType::F64 };
        let boxes: Vec<String> =
            two.parts(&Region::new(vec![2], vec![5])).iter().map(|p| format!("{} of {}", p.output, p.input)).collect();
        assert_eq!(boxes, ["[2:5] of [2:5]", "[5:7] of [3:5]"]);
        assert_eq!(two.hull(&Region::new(vec![6], vec![5])).to_string(), "[4:9]");
        assert!(two.parts(&Region::new(vec![3], vec![0])).is_empty());
    }
}
