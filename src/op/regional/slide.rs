//! Windows that slide over an array, as axes of their own: neighbours share elements, which are copied for each.

use super::Computation;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;

/// The element at `i + j` of the only input for position `i` of an axis and `j` of a window along it: the axes of the
/// input, shorter where windows slide along them, and then one for each window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slide {
    /// For each window, the axis that it slides along.
    pub along: Vec<usize>,
    /// The lengths of the windows, at least 1.
    pub sizes: Vec<usize>,
    /// The lengths of the input.
    pub lengths: Vec<usize>,
    /// The dtype of the elements.
    pub dtype: DType,
}

impl Slide {
    /// The lengths of the result.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self.lengths.clone();
        for (&a, &n) in self.along.iter().zip(&self.sizes) {
            shape[a] = (shape[a] + 1).saturating_sub(n);
        }
        shape.extend(&self.sizes);
        shape
    }

    /// The rank of the input.
    fn rank(&self) -> usize {
        self.lengths.len()
    }

    /// The grid of the result that follows that of the input; windows are whole.
    #[must_use]
    pub fn chunks(&self, input: &Chunks) -> Chunks {
        let shape = self.shape();
        let along = |(cuts, &n): (&AxisChunks, &usize)| {
            if cuts.len() == n {
                return cuts.clone();
            }
            let mut bounds: Vec<usize> = cuts.bounds().into_iter().filter(|&b| b < n).collect();
            bounds.push(n);
            bounds.dedup();
            if bounds.len() > 1 { AxisChunks::from_bounds(&bounds) } else { AxisChunks::regular(n, n) }
        };
        let kept = input.axes().iter().zip(&shape).map(along);
        Chunks::new(kept.chain(self.sizes.iter().map(|&n| AxisChunks::regular(n, n))).collect())
    }

    /// The strides of the result in a block with these.
    #[must_use]
    pub fn strides(&self, input: &[isize]) -> Vec<isize> {
        input.iter().copied().chain(self.along.iter().map(|&a| input[a])).collect()
    }
}

impl Computation for Slide {
    fn name(&self) -> &'static str {
        "sliding_window_view"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sizes, along) = (shape::tuple(&self.sizes), shape::tuple(&self.along));
        write!(f, "windows {sizes} that slide along axes {along}")
    }

    fn output(&self) -> DType {
        self.dtype
    }

    fn moves(&self) -> bool {
        true
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.lengths.clone()
    }

    fn hull(&self, region: &Region) -> Region {
        let rank = self.rank();
        let empty = region.size() == 0;
        let (mut start, mut shape) = (region.start[..rank].to_vec(), region.shape[..rank].to_vec());
        for (w, &a) in self.along.iter().enumerate() {
            start[a] += region.start[rank + w];
            shape[a] = (shape[a] + region.shape[rank + w]).saturating_sub(1);
        }
        if empty { Region::new(start, vec![0; rank]) } else { Region::new(start, shape) }
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        self.hull(&Region::full(block)).shape
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let along = |(cuts, &n): (&AxisChunks, &usize)| {
            if cuts.len() == n {
                return cuts.clone();
            }
            let mut bounds = cuts.bounds();
            bounds.pop();
            bounds.push(n);
            bounds.dedup();
            if bounds.len() > 1 { AxisChunks::from_bounds(&bounds) } else { AxisChunks::regular(n, n) }
        };
        Chunks::new(grid.axes().iter().zip(&self.lengths).map(along).collect())
    }

    fn reads_again(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_read_their_neighbours() {
        let slide = Slide { along: vec![1, 1], sizes: vec![3, 2], lengths: vec![4, 9], dtype: DType::F32 };
        assert_eq!(slide.shape(), [4, 6, 3, 2]);
        let region = Region::new(vec![1, 2, 1, 0], vec![2, 3, 2, 2]);
        assert_eq!(slide.hull(&region).to_string(), "[1:3, 3:8]");
        assert_eq!(slide.chunks(&Chunks::regular(&[4, 9], &[2, 4]).unwrap()).axes()[1].bounds(), vec![0, 4, 6]);
    }
}
