//! Elements copied from places that are data.

use crate::chunk::region::Indices;
use crate::device::View;
use crate::error::{Error, Result};
use crate::shape;

/// Places along axes of an array: one list for each, of equal length.
pub(crate) struct Places {
    axes: Vec<Vec<usize>>,
}

impl Places {
    /// The places that `indices` hold along axes of these lengths; negative ones count from the end.
    ///
    /// # Errors
    /// [`Index`](crate::ErrorKind::Index) for a place that is not there.
    pub(crate) fn new(indices: Vec<Vec<i64>>, lengths: &[usize]) -> Result<Self> {
        let along = |(axis, (list, &n)): (usize, (Vec<i64>, &usize))| {
            let place = |i: i64| {
                let place = if i < 0 { i.checked_add_unsigned(n as u64) } else { Some(i) };
                place
                    .and_then(|p| usize::try_from(p).ok())
                    .filter(|&p| p < n)
                    .ok_or_else(|| Error::index(format!("index {i} is out of bounds for axis {axis} with size {n}")))
            };
            // In the memory that the list has.
            list.into_iter().map(place).collect::<Result<Vec<_>>>()
        };
        Ok(Self { axes: indices.into_iter().zip(lengths).enumerate().map(along).collect::<Result<_>>()? })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.axes.first().map_or(1, Vec::len)
    }

    /// The place with this number along an axis.
    pub(crate) fn at(&self, axis: usize, number: usize) -> usize {
        self.axes[axis][number]
    }
}

/// Copies what `view` has at some of `places` to their numbers in `out`: boxes of shape `inner`, whose strides in the
/// view are `strides`. The view's axes of the places follow `steps`, and begin at `first`.
pub(crate) fn copy_places(
    view: &View,
    (steps, first): (&[isize], &[usize]),
    (inner, strides): (&[usize], &[isize]),
    (places, numbers): (&Places, &mut dyn Iterator<Item = usize>),
    (out, size): (&mut [u8], usize),
) {
    let from = view.block.bytes();
    let each = shape::size(inner);
    let origin = |number: usize| {
        let at = (0..steps.len()).map(|a| (places.at(a, number) - first[a]).cast_signed() * steps[a]).sum::<isize>();
        view.offset.wrapping_add_signed(at)
    };
    // A run at the end of the box is copied as one piece.
    let mut run = 1usize;
    let mut outer = inner.len();
    while outer > 0 && (strides[outer - 1] == run.cast_signed() || inner[outer - 1] == 1) {
        run *= inner[outer - 1];
        outer -= 1;
    }
    let bytes = run * size;
    macro_rules! single {
        ($N:literal) => {{
            let (from, out) = (from.as_chunks::<$N>().0, out.as_chunks_mut::<$N>().0);
            if let ([axis], [step], [first]) = (&places.axes[..], steps, first) {
                for number in numbers {
                    let at = (axis[number] - first).cast_signed() * step;
                    out[number] = from[view.offset.wrapping_add_signed(at)];
                }
            } else {
                for number in numbers {
                    out[number] = from[origin(number)];
                }
            }
        }};
    }
    match (each, size) {
        (0, _) => {}
        (1, 1) => single!(1),
        (1, 2) => single!(2),
        (1, 4) => single!(4),
        (1, 8) => single!(8),
        (1, 16) => single!(16),
        _ => {
            for number in numbers {
                let (start, mut to) = (origin(number), number * each * size);
                for index in Indices::new(&inner[..outer]) {
                    let step: isize = index.iter().zip(strides).map(|(&i, s)| i.cast_signed() * s).sum();
                    let f = start.wrapping_add_signed(step) * size;
                    out[to..to + bytes].copy_from_slice(&from[f..f + bytes]);
                    to += bytes;
                }
            }
        }
    }
}
