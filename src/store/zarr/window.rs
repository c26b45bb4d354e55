//! Placing decoded elements in the output of a read.

use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::copy_box;
use crate::shape;

/// A box of a C-ordered output that a chunk's elements go to.
#[derive(Debug)]
pub(super) struct Window<'a> {
    /// The whole output.
    pub(super) out: &'a mut [u8],
    /// Its shape.
    pub(super) shape: &'a [usize],
    /// Where the window begins in it.
    pub(super) start: Vec<usize>,
    /// Bytes of an element.
    pub(super) itemsize: usize,
}

impl Window<'_> {
    /// Copies a box out of `from`, beginning at `from_start`, to `place` in the window.
    pub(super) fn put(&mut self, place: &Region, from: &[u8], from_shape: &[usize], from_start: &[usize]) {
        let to = self.corner(place);
        copy_box(from, from_shape, from_start, self.out, self.shape, &to, &place.shape, self.itemsize);
    }

    /// Fills `place` in the window with one element.
    pub(super) fn fill(&mut self, place: &Region, element: &[u8]) {
        let to = self.corner(place);
        fill_box(self.out, self.shape, &Region::new(to, place.shape.clone()), element);
    }

    /// The elements at `place` in the window, where they lie side by side in the output.
    pub(super) fn contiguous(&mut self, place: &Region) -> Option<&mut [u8]> {
        let lengths = &place.shape;
        let outer = lengths.iter().position(|&n| n != 1).unwrap_or(lengths.len());
        if (outer + 1..lengths.len()).any(|a| lengths[a] != self.shape[a]) {
            return None;
        }
        let strides = shape::strides(self.shape);
        let at: usize = self.corner(place).iter().zip(&strides).map(|(a, s)| a * s).sum();
        let at = at * self.itemsize;
        self.out.get_mut(at..at + shape::size(lengths) * self.itemsize)
    }

    fn corner(&self, place: &Region) -> Vec<usize> {
        place.start.iter().zip(&self.start).map(|(a, b)| a + b).collect()
    }
}

/// Fills a box of a C-ordered array with one element.
fn fill_box(out: &mut [u8], out_shape: &[usize], region: &Region, element: &[u8]) {
    let Some((&last, outer)) = region.shape.split_last() else {
        out.copy_from_slice(element);
        return;
    };
    let strides = shape::strides(out_shape);
    let zero = element.iter().all(|&b| b == 0);
    for index in Indices::new(outer) {
        let at: usize = index.iter().zip(&region.start).zip(&strides).map(|((i, s), t)| (i + s) * t).sum();
        let at = (at + region.start[outer.len()]) * element.len();
        let run = &mut out[at..at + last * element.len()];
        if zero {
            run.fill(0);
        } else {
            run.chunks_exact_mut(element.len()).for_each(|e| e.copy_from_slice(element));
        }
    }
}
