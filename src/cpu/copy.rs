//! Copies between C-ordered arrays, byte order, gathers into contiguous memory.

use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::shape;

/// Copies `region` of a C-ordered array of shape `from_shape` into the C-ordered `out`, which has the region's shape.
pub(crate) fn copy_region(from: &[u8], from_shape: &[usize], region: &Region, out: &mut [u8], itemsize: usize) {
    let inner = Region::full(&region.shape);
    copy_box(from, from_shape, &region.start, out, &region.shape, &inner.start, &region.shape, itemsize);
}

/// Copies a box of shape `lengths` between two C-ordered arrays, from the corner `from_start` to the corner `to_start`.
/// The box lies inside both arrays.
#[expect(clippy::too_many_arguments, reason = "two arrays, two corners and a box")]
pub(crate) fn copy_box(
    from: &[u8],
    from_shape: &[usize],
    from_start: &[usize],
    to: &mut [u8],
    to_shape: &[usize],
    to_start: &[usize],
    lengths: &[usize],
    itemsize: usize,
) {
    if lengths.contains(&0) {
        return;
    }
    let rank = lengths.len();
    // Trailing axes that the box covers whole in both arrays are one run.
    let mut split = rank;
    let mut run = itemsize;
    while split > 0 {
        run *= lengths[split - 1];
        split -= 1;
        if lengths[split] != from_shape[split] || lengths[split] != to_shape[split] {
            break;
        }
    }
    let (fs, ts) = (shape::strides(from_shape), shape::strides(to_shape));
    let corner = |start: &[usize], strides: &[usize]| -> usize {
        start.iter().zip(strides).map(|(a, b)| a * b).sum::<usize>() * itemsize
    };
    let (mut f, mut t) = (corner(from_start, &fs), corner(to_start, &ts));
    let mut index = vec![0usize; split];
    loop {
        to[t..t + run].copy_from_slice(&from[f..f + run]);
        let mut axis = split;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            f += fs[axis] * itemsize;
            t += ts[axis] * itemsize;
            if index[axis] < lengths[axis] {
                break;
            }
            f -= fs[axis] * itemsize * lengths[axis];
            t -= ts[axis] * itemsize * lengths[axis];
            index[axis] = 0;
        }
    }
}

/// Reverses the bytes of each number of `width` bytes in place.
pub(crate) fn swap_bytes(data: &mut [u8], width: usize) {
    match width {
        2 => data.chunks_exact_mut(2).for_each(|b| b.swap(0, 1)),
        4 => data.chunks_exact_mut(4).for_each(<[u8]>::reverse),
        8 => data.chunks_exact_mut(8).for_each(<[u8]>::reverse),
        _ => {}
    }
}

/// Where a box of elements goes in a C-ordered array.
pub(crate) struct StridedBox {
    offset: usize,
    strides: Vec<usize>,
}

impl StridedBox {
    /// The box with its corner at `start` of an array of shape `dims`.
    pub(crate) fn of(dims: &[usize], start: &[usize]) -> Self {
        let strides = shape::strides(dims);
        Self { offset: start.iter().zip(&strides).map(|(a, b)| a * b).sum(), strides }
    }
}

/// Copies the elements that `view` has in a box of shape `lengths` to the box `to` of the array `out`.
pub(crate) fn copy_strided(view: &View, to: StridedBox, out: &mut [u8], lengths: &[usize], itemsize: usize) {
    if lengths.contains(&0) {
        return;
    }
    let from = view.block.bytes();
    // Trailing axes that are neighbours in both arrays are one run.
    let mut run: usize = 1;
    let mut split = lengths.len();
    while split > 0 {
        let axis = split - 1;
        let joined = lengths[axis] == 1 || (view.strides[axis] == run.cast_signed() && to.strides[axis] == run);
        if !joined {
            break;
        }
        run *= lengths[axis];
        split = axis;
    }
    let (inner, step) = if run == 1 && split > 0 { (lengths[split - 1], view.strides[split - 1]) } else { (1, 0) };
    let out_step = if inner > 1 { to.strides[split - 1] } else { 0 };
    let outer = &lengths[..if inner > 1 { split - 1 } else { split }];
    for row in Indices::new(outer) {
        let mut f = view.offset.cast_signed();
        let mut t = to.offset;
        for (a, &i) in row.iter().enumerate() {
            f += i.cast_signed() * view.strides[a];
            t += i * to.strides[a];
        }
        for k in 0..inner {
            let f = f.wrapping_add(k.cast_signed() * step).cast_unsigned() * itemsize;
            let t = (t + k * out_step) * itemsize;
            out[t..t + run * itemsize].copy_from_slice(&from[f..f + run * itemsize]);
        }
    }
}
