//! Lines that lie side by side made rows, strip by strip: what stands behind each other in a line comes to stand in
//! the same lane of one row after the other.

use super::strip::STRIP;

/// Bytes of a vector of the processor.
const VECTOR: usize = 16;

/// Lines of elements of a block: where the first elements of the lines are, as distances in bytes from a place, and
/// where the block ends.
pub(crate) struct Lines<'a> {
    pub(crate) base: *const u8,
    pub(crate) offsets: &'a [isize],
    pub(crate) end: *const u8,
}

/// Puts element `r` of line `c` to lane `c` of row `r`, for so many `rows`; row `r` is the strip `r` strips from `to`
/// on. Elements of a line are `size` bytes each and touch each other.
///
/// # Safety
/// Every line has `rows` elements in its block; there are `STRIP` lines at most; `to` is valid for as many strips as
/// there are `rows`, rounded up to a multiple of 16, whose last ones are left in any state. The block may be read up to
/// its end wherever a line lies.
pub(crate) unsafe fn rows_of(lines: &Lines, size: usize, rows: usize, to: *mut u8) {
    // SAFETY: passed on unchanged.
    unsafe {
        match size {
            1 => turn::<u8, 16>(lines, rows, to.cast()),
            2 => turn::<u16, 8>(lines, rows, to.cast()),
            4 => turn::<u32, 4>(lines, rows, to.cast()),
            8 => turn::<u64, 2>(lines, rows, to.cast()),
            _ => turn::<[u64; 2], 1>(lines, rows, to.cast()),
        }
    }
}

/// As [`rows_of`], in squares of `N` by `N` elements, which make `N` vectors.
unsafe fn turn<T: Copy, const N: usize>(lines: &Lines, rows: usize, to: *mut T) {
    debug_assert!(lines.offsets.len() <= STRIP && N * size_of::<T>() == VECTOR);
    // Squares reach behind the last row: into rows that nobody reads, from what follows a line in its block.
    let reach = (rows.next_multiple_of(N) * size_of::<T>()).cast_signed();
    let room = lines.end.addr().cast_signed() - lines.base.addr().cast_signed() - reach;
    for (k, offsets) in lines.offsets.chunks(N).enumerate() {
        let at = k * N;
        match <&[isize; N]>::try_from(offsets) {
            Ok(offsets) if SQUARES && offsets.iter().all(|&offset| offset <= room) => {
                for row in (0..rows).step_by(N) {
                    let from = offsets.map(|offset| lines.base.wrapping_offset(offset).cast::<T>().wrapping_add(row));
                    // SAFETY: no line reaches behind the end of the block, and there is room for whole squares.
                    unsafe { square(from, to.add(row * STRIP + at)) };
                }
            }
            _ => {
                for (c, &offset) in offsets.iter().enumerate() {
                    let from = lines.base.wrapping_offset(offset).cast::<T>();
                    for row in 0..rows {
                        // SAFETY: by contract of `rows_of`.
                        unsafe { *to.add(row * STRIP + at + c) = from.add(row).read_unaligned() };
                    }
                }
            }
        }
    }
}

/// Whether there are vectors for [`square`].
const SQUARES: bool = cfg!(target_arch = "x86_64");

/// Puts the first `N` elements of `N` lines to as many rows.
///
/// # Safety
/// Lines are valid for `N` elements, and `to` for as many in each of `N` rows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn square<T: Copy, const N: usize>(from: [*const T; N], to: *mut T) {
    use std::arch::x86_64::{
        __m128i, _mm_loadu_si128, _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpackhi_epi16, _mm_unpackhi_epi32,
        _mm_unpackhi_epi64, _mm_unpacklo_epi8, _mm_unpacklo_epi16, _mm_unpacklo_epi32, _mm_unpacklo_epi64,
    };
    // SAFETY: every x86-64 processor has these instructions; addresses are valid by contract, of whatever alignment.
    unsafe {
        let woven = |a: __m128i, b: __m128i| match size_of::<T>() {
            1 => [_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b)],
            2 => [_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b)],
            4 => [_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b)],
            _ => [_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b)],
        };
        let mut lines = from.map(|line| _mm_loadu_si128(line.cast()));
        // Weaving the lines of one half with those of the other, as often as halving leads to one.
        let mut left = N;
        while left > 1 {
            let mut next = lines;
            for k in 0..N / 2 {
                [next[2 * k], next[2 * k + 1]] = woven(lines[k], lines[k + N / 2]);
            }
            (lines, left) = (next, left / 2);
        }
        for (row, line) in lines.into_iter().enumerate() {
            _mm_storeu_si128(to.add(row * STRIP).cast(), line);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn square<T: Copy, const N: usize>(_: [*const T; N], _: *mut T) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_lines_come_to_lanes_of_rows() {
        for size in [1, 2, 4, 8, 16] {
            for count in [1, 2, 3, 15, 16, 17, 64, 255, 256] {
                for rows in 1..=16usize {
                    // Lines at distances that follow no rule, the last of them at the end of the block.
                    let offsets: Vec<isize> =
                        (0..count).map(|c| ((c * 7 % count * (rows + 2) + c % 2) * size).cast_signed()).collect();
                    let last = offsets.iter().max().copied().unwrap_or(0).cast_unsigned();
                    let bytes: Vec<u8> = (0..last + rows * size).map(|k| (k * 31 % 251) as u8).collect();
                    let mut room = vec![0u8; rows.next_multiple_of(16) * STRIP * size];
                    let ends = bytes.as_ptr_range();
                    let lines = Lines { base: ends.start, offsets: &offsets, end: ends.end };
                    // SAFETY: every line has `rows` elements in `bytes`, and there is room for all of them.
                    unsafe { rows_of(&lines, size, rows, room.as_mut_ptr()) };
                    for (row, (c, offset)) in
                        (0..rows).flat_map(|row| offsets.iter().enumerate().map(move |o| (row, o)))
                    {
                        let from = &bytes[offset.cast_unsigned() + row * size..][..size];
                        let to = &room[(row * STRIP + c) * size..][..size];
                        assert_eq!(from, to, "row {row} of line {c}: {size} bytes, {count} lines, {rows} rows");
                    }
                }
            }
        }
    }
}
