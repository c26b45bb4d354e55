//! Copies between C-ordered arrays, byte order, gathers into contiguous memory.

use super::isa::{self, Isa};
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

/// Copies an array whose axes are stored in reverse (Fortran order) into the C-ordered `out` of this `shape`.
pub(crate) fn reverse_axes(from: &[u8], shape: &[usize], out: &mut [u8], itemsize: usize) {
    match itemsize {
        1 => reverse_typed::<1>(from, shape, out),
        2 => reverse_typed::<2>(from, shape, out),
        4 => reverse_typed::<4>(from, shape, out),
        8 => reverse_typed::<8>(from, shape, out),
        _ => reverse_typed::<16>(from, shape, out),
    }
}

/// Tiles of the first and the last axis, the fastest of the two orders, keep both sides in cache.
fn reverse_typed<const N: usize>(from: &[u8], shape: &[usize], out: &mut [u8]) {
    const TILE: usize = 32;
    let rank = shape.len();
    if rank < 2 || shape.contains(&0) {
        out.copy_from_slice(from);
        return;
    }
    let (first, last) = (shape[0], shape[rank - 1]);
    let middle = &shape[1..rank - 1];
    let count: usize = middle.iter().product();
    let (from, out) = (from.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
    for m in 0..count {
        // The index of the middle axes, taken apart in C order and put together in Fortran order.
        let (mut rest, mut weight, mut reversed) = (m, count, 0);
        for &n in middle.iter().rev() {
            weight /= n;
            reversed += (rest % n) * weight;
            rest /= n;
        }
        for i0 in (0..first).step_by(TILE) {
            for j0 in (0..last).step_by(TILE) {
                for i in i0..(i0 + TILE).min(first) {
                    for j in j0..(j0 + TILE).min(last) {
                        out[(i * count + m) * last + j] = from[(j * count + reversed) * first + i];
                    }
                }
            }
        }
    }
}

/// Makes every byte of a truth value 0 or 1; files may hold others.
pub(crate) fn normalise_bools(data: &mut [u8]) {
    for byte in data {
        *byte = u8::from(*byte != 0);
    }
}

/// Reverses the bytes of each number of `width` bytes in place.
pub(crate) fn swap_bytes(data: &mut [u8], width: usize) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(data: &mut [u8], width: usize) {
        swap_words(data, width);
    }

    match isa::best() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `best` found these instructions, or more, on this machine.
        Isa::Avx2 | Isa::Avx512 => unsafe { avx2(data, width) },
        _ => swap_words(data, width),
    }
}

/// Compiled for each instruction set: one shuffle a register, where the target has it.
#[inline(always)]
fn swap_words(data: &mut [u8], width: usize) {
    match width {
        2 => data.as_chunks_mut().0.iter_mut().for_each(|b| *b = u16::from_ne_bytes(*b).swap_bytes().to_ne_bytes()),
        4 => data.as_chunks_mut().0.iter_mut().for_each(|b| *b = u32::from_ne_bytes(*b).swap_bytes().to_ne_bytes()),
        8 => data.as_chunks_mut().0.iter_mut().for_each(|b| *b = u64::from_ne_bytes(*b).swap_bytes().to_ne_bytes()),
        _ => {}
    }
}

/// Where a box of elements goes in a C-ordered array.
pub(crate) struct StridedBox {
    offset: usize,
    strides: Vec<usize>,
}

impl StridedBox {
    /// The box whose first element is at `offset`, neighbours along each axis that far apart.
    pub(crate) fn with(offset: usize, strides: Vec<usize>) -> Self {
        Self { offset, strides }
    }

    /// The box with its corner at `start` of an array of shape `dims`.
    pub(crate) fn of(dims: &[usize], start: &[usize]) -> Self {
        let strides = shape::strides(dims);
        Self { offset: start.iter().zip(&strides).map(|(a, b)| a * b).sum(), strides }
    }

    /// The first element.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The distance between neighbours, per axis.
    pub(crate) fn strides(&self) -> &[usize] {
        &self.strides
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversed_axes() {
        let shape = [40, 3, 2, 35];
        let strides = shape::strides(&shape);
        let stored: Vec<usize> = shape.iter().rev().copied().collect();
        let other = shape::strides(&stored);
        // Every element holds its own place in C order, and stands where Fortran order puts it.
        let mut from = vec![0u8; 4 * shape::size(&shape)];
        for index in crate::chunk::region::Indices::new(&shape) {
            let place: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
            let at: usize = index.iter().rev().zip(&other).map(|(i, s)| i * s).sum();
            from[4 * at..4 * at + 4].copy_from_slice(&u32::try_from(place).unwrap().to_ne_bytes());
        }
        let mut out = vec![0u8; from.len()];
        reverse_axes(&from, &shape, &mut out, 4);
        let expect: Vec<u8> = (0..8400u32).flat_map(u32::to_ne_bytes).collect();
        assert_eq!(out, expect);
    }

    #[test]
    fn swapped_bytes() {
        for (width, count) in [(1, 100), (2, 3), (2, 77), (4, 5), (4, 131), (8, 1), (8, 67)] {
            let data: Vec<u8> = (0..width * count).map(|i: usize| (i % 251).to_le_bytes()[0]).collect();
            let mut out = data.clone();
            swap_bytes(&mut out, width);
            let expect: Vec<u8> = data.chunks_exact(width).flat_map(|b| b.iter().rev().copied()).collect();
            assert_eq!(out, expect, "{count} numbers of {width} bytes");
        }
    }
}
