//! Copies between C-ordered arrays, byte order, gathers into contiguous memory.

use super::isa::{self, Isa};
use crate::chunk::Region;
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
    let mut axes = joined(view, &to, lengths);
    let run = axes.pop_if(|axis| (axis.from, axis.to) == (1, 1)).map_or(1, |axis| axis.len);
    let single = CopyAxis { len: 1, from: 0, to: 0 };
    let inner = axes.pop().unwrap_or(single);
    if run > 1 || inner.len == 1 {
        let bytes = run * itemsize;
        each_place(&axes, (view.offset, to.offset), |mut f, mut t| {
            for _ in 0..inner.len {
                out[t * itemsize..][..bytes].copy_from_slice(&from[f * itemsize..][..bytes]);
                (f, t) = (f.wrapping_add_signed(inner.from), t + inner.to);
            }
        });
        return;
    }
    // Of short lines side by side, the first elements make a line, then the second ones.
    let longer = axes.pop_if(|axis| inner.len < SHORT && axis.len > inner.len);
    let (line, lines) = longer.map_or((inner, single), |axis| (axis, inner));
    each_place(&axes, (view.offset, to.offset), |f, t| {
        for start in (0..line.len).step_by(LINE) {
            for k in 0..lines.len {
                let f = f.wrapping_add_signed(start.cast_signed() * line.from + k.cast_signed() * lines.from);
                let t = t + start * line.to + k * lines.to;
                let part = CopyAxis { len: LINE.min(line.len - start), ..line };
                match itemsize {
                    1 => copy_line::<1>(from, f, out, t, part),
                    2 => copy_line::<2>(from, f, out, t, part),
                    4 => copy_line::<4>(from, f, out, t, part),
                    8 => copy_line::<8>(from, f, out, t, part),
                    _ => copy_line::<16>(from, f, out, t, part),
                }
            }
        }
    });
}

/// Lines of fewer elements are taken across.
const SHORT: usize = 8;

/// Elements of a line that are copied before those of the next to it: what lies between them is still in the cache.
const LINE: usize = 1024;

/// An axis of a box that is copied: its length, and the distances of neighbours along it on both sides.
#[derive(Debug, Clone, Copy)]
struct CopyAxis {
    len: usize,
    from: isize,
    to: usize,
}

/// The axes of a box, those left out that have one index, neighbours joined where they are one axis on both sides.
fn joined(view: &View, to: &StridedBox, lengths: &[usize]) -> Vec<CopyAxis> {
    let mut axes: Vec<CopyAxis> = Vec::with_capacity(lengths.len());
    for (a, &len) in lengths.iter().enumerate().filter(|&(_, &len)| len > 1) {
        let axis = CopyAxis { len, from: view.strides[a], to: to.strides[a] };
        match axes.last_mut() {
            Some(last) if (last.from, last.to) == (axis.from * len.cast_signed(), axis.to * len) => {
                *last = CopyAxis { len: last.len * len, ..axis };
            }
            _ => axes.push(axis),
        }
    }
    axes
}

/// Calls `body` with the places on both sides of every index along `axes`, in row-major order.
fn each_place(axes: &[CopyAxis], (mut from, mut to): (usize, usize), mut body: impl FnMut(usize, usize)) {
    let mut index = vec![0usize; axes.len()];
    loop {
        body(from, to);
        let mut axis = axes.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            let CopyAxis { len, from: f, to: t } = axes[axis];
            if index[axis] + 1 < len {
                index[axis] += 1;
                (from, to) = (from.wrapping_add_signed(f), to + t);
                break;
            }
            (from, to) = (from.wrapping_add_signed(-f * index[axis].cast_signed()), to - t * index[axis]);
            index[axis] = 0;
        }
    }
}

/// Copies a line of elements of `N` bytes, which begins at these places.
fn copy_line<const N: usize>(from: &[u8], first: usize, out: &mut [u8], to: usize, line: CopyAxis) {
    let (from, out) = (from.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
    let last = first.wrapping_add_signed((line.len - 1).cast_signed() * line.from);
    let from = &from[first.min(last)..=first.max(last)];
    if line.to == 1 {
        take_every(from, line.from, &mut out[to..to + line.len]);
        return;
    }
    let mut at = if last < first { from.len() - 1 } else { 0 };
    for element in out[to..].iter_mut().step_by(line.to.max(1)).take(line.len) {
        *element = from[at];
        at = at.wrapping_add_signed(line.from);
    }
}

/// Elements that are not worth choosing an instruction set for.
const FEW: usize = 8;

/// Copies every `step`th element of `from` to `out`: from the first on, or from the last back where that is negative.
/// As many as `out` has are there.
#[inline]
pub(crate) fn take_every<T: Copy>(from: &[T], step: isize, out: &mut [T]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2<T: Copy>(from: &[T], step: isize, out: &mut [T]) {
        take_steps(from, step, out);
    }

    match isa::best() {
        _ if out.len() < FEW => take_steps(from, step, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `best` found these instructions, or more, on this machine.
        Isa::Avx2 | Isa::Avx512 => unsafe { avx2(from, step, out) },
        _ => take_steps(from, step, out),
    }
}

/// Compiled for each instruction set: a distance that is known lets the loop be one over vectors.
#[inline(always)]
fn take_steps<T: Copy>(from: &[T], step: isize, out: &mut [T]) {
    match step {
        0 => out.fill(from[0]),
        1 => out.copy_from_slice(&from[..out.len()]),
        -1 => out.iter_mut().zip(from.iter().rev()).for_each(|(o, x)| *o = *x),
        2 => take_known::<T, 2>(from, out),
        3 => take_known::<T, 3>(from, out),
        4 => take_known::<T, 4>(from, out),
        5.. => out.iter_mut().zip(from.iter().step_by(step.unsigned_abs())).for_each(|(o, x)| *o = *x),
        _ => out.iter_mut().zip(from.iter().rev().step_by(step.unsigned_abs())).for_each(|(o, x)| *o = *x),
    }
}

#[inline(always)]
fn take_known<T: Copy, const STEP: usize>(from: &[T], out: &mut [T]) {
    let (whole, rest) = from.as_chunks::<STEP>();
    let n = whole.len().min(out.len());
    out[..n].iter_mut().zip(whole).for_each(|(o, chunk)| *o = chunk[0]);
    if let (Some(last), Some(x)) = (out.get_mut(n), rest.first()) {
        *last = *x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::region::Indices;
    use crate::device::block::{Block, Buffer};
    use crate::dtype::DType;

    #[test]
    fn reversed_axes() {
        let shape = [40, 3, 2, 35];
        let strides = shape::strides(&shape);
        let stored: Vec<usize> = shape.iter().rev().copied().collect();
        let other = shape::strides(&stored);
        // Every element holds its own place in C order, and stands where Fortran order puts it.
        let mut from = vec![0u8; 4 * shape::size(&shape)];
        for index in Indices::new(&shape) {
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
    fn boxes_of_any_strides() {
        let element = |i: usize| (i as u32).wrapping_mul(2_654_435_761).to_ne_bytes();
        let mut buffer = Buffer::zeroed(4 * 20_000);
        buffer.bytes_mut().as_chunks_mut::<4>().0.iter_mut().enumerate().for_each(|(i, slot)| *slot = element(i));
        let block = Block::new(DType::U32, &[20_000], buffer).unwrap();
        for (lengths, offset, strides, places) in [
            // Broadcast, transposed, flipped, whole rows, short lines side by side, one element, none.
            ([30, 50, 2], 0, [50isize, 1, 0], [100usize, 2, 1]),
            ([3, 1200, 2], 5, [3000, 2, 1], [2400, 1, 1200]),
            ([2, 9, 7], 100, [-50, -5, 1], [63, 7, 1]),
            ([4, 5, 6], 0, [300, 6, 1], [60, 6, 1]),
            ([40, 3, 3], 0, [20, 0, 5], [9, 3, 1]),
            ([1, 1, 1], 7, [0, 0, 0], [1, 1, 1]),
            ([5, 0, 2], 0, [1, 1, 1], [1, 1, 1]),
        ] {
            let view = View { block: block.clone(), offset, strides: strides.to_vec() };
            let size = lengths.iter().zip(&places).map(|(n, p)| n * p).sum::<usize>() + 3;
            let (mut out, mut expect) = (vec![0u8; 4 * size], vec![0u8; 4 * size]);
            copy_strided(&view, StridedBox::with(2, places.to_vec()), &mut out, &lengths, 4);
            for index in Indices::new(&lengths) {
                let from: isize = index.iter().zip(&strides).map(|(&i, s)| i.cast_signed() * s).sum();
                let to: usize = index.iter().zip(&places).map(|(i, p)| i * p).sum::<usize>() + 2;
                expect[4 * to..][..4].copy_from_slice(&element(offset.wrapping_add_signed(from)));
            }
            assert!(out == expect, "{lengths:?} from {offset} in {strides:?} to {places:?}");
        }
    }

    #[test]
    fn boxes_in_steps() {
        fn check<const N: usize>() {
            let dims = [3usize, 70];
            let elements: Vec<[u8; N]> = (0..210).map(|i| std::array::from_fn(|k| (i * 7 + k) as u8)).collect();
            let mut block = Buffer::zeroed(210 * N);
            block.bytes_mut().copy_from_slice(elements.as_flattened());
            let dtype = DType::ALL.into_iter().find(|d| d.size() == N).unwrap();
            let block = Block::new(dtype, &dims, block).unwrap();
            for step in [-7, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5] {
                for len in [1, 2, 3, 4, 7, 8, 9, 10] {
                    for out_step in [1, 2, 3] {
                        let offset = if step < 0 { 69usize } else { 0 };
                        let view = View { block: block.clone(), offset, strides: vec![70, step] };
                        let width = len * out_step + 1;
                        let mut out = vec![0u8; 3 * width * N];
                        let to = StridedBox::with(1, vec![width, out_step]);
                        copy_strided(&view, to, &mut out, &[3, len], N);
                        let mut expect = vec![[0u8; N]; 3 * width];
                        for row in 0..3 {
                            for k in 0..len {
                                let from = (offset + 70 * row).wrapping_add_signed(k.cast_signed() * step);
                                expect[1 + row * width + k * out_step] = elements[from];
                            }
                        }
                        assert_eq!(out, expect.as_flattened(), "{N} bytes, {len} in steps of {step} to {out_step}");
                    }
                }
            }
        }
        check::<1>();
        check::<2>();
        check::<4>();
        check::<8>();
        check::<16>();
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
