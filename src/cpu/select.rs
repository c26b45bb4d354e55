//! Rows at which a mask is true: counted, and copied.

use super::copy::{StridedBox, copy_strided};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::error::{Error, Result};
use crate::op::regional::{Count, Select};
use crate::shape;
use std::borrow::Cow;

/// The positions below `len` at which a mask is true; its view steps by `stride`.
fn set(mask: &View, stride: isize, len: usize) -> impl Iterator<Item = usize> + '_ {
    let bytes = mask.block.bytes();
    (0..len).filter(move |&i| bytes[mask.offset.wrapping_add_signed(i.cast_signed() * stride)] != 0)
}

/// How often a mask is true in one tile.
pub(super) fn count(op: &Count, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([mask], [out]) = (inputs, outputs) else { return Err(Error::bug("a count has a mask and a result")) };
    let truths = truths(mask, mask.strides[0], 0, op.tiles.length(region.start[0]));
    let n: usize = truths.chunks(255).map(|some| usize::from(some.iter().map(|&t| u8::from(t != 0)).sum::<u8>())).sum();
    out.copy_from_slice(&(n.cast_signed() as i64).to_ne_bytes());
    Ok(())
}

/// The rows of a tile at which a mask is true, those before the region's left out.
pub(super) fn select(op: &Select, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([rows, mask], [out]) = (inputs, outputs) else { return Err(Error::bug("rows have a mask and a result")) };
    let (axis, size) = (op.axis, op.dtype.size());
    let (first, wanted) = (region.start[axis], region.shape[axis]);
    let (tile, skipped) = op.tile_of(first);
    let len = op.tiles.length(tile);
    let kept = || set(mask, mask.strides[axis], len).skip(skipped);
    if shape::size(&region.shape[axis + 1..]) == 1 {
        // Lines along the axis, element by element, from the first row on that is wanted.
        let Some(begin) = kept().next() else {
            return if wanted == 0 { Ok(()) } else { Err(Error::bug("a mask is what it was when it was counted")) };
        };
        let (from, step) = (rows.block.bytes(), rows.strides[axis]);
        let truths = truths(mask, mask.strides[axis], begin, len);
        let outer = &region.shape[..axis];
        for (index, line) in Indices::new(outer).zip(out.chunks_exact_mut((wanted * size).max(1))) {
            let start: isize = index.iter().zip(&rows.strides).map(|(&i, s)| i.cast_signed() * s).sum();
            let start = rows.offset.wrapping_add_signed(start + begin.cast_signed() * step);
            let copied = match size {
                1 => line_of::<1>(from, (start, step), &truths, line),
                2 => line_of::<2>(from, (start, step), &truths, line),
                4 => line_of::<4>(from, (start, step), &truths, line),
                8 => line_of::<8>(from, (start, step), &truths, line),
                _ => line_of::<16>(from, (start, step), &truths, line),
            };
            if copied != wanted {
                return Err(Error::bug("a mask is what it was when it was counted"));
            }
        }
        return Ok(());
    }
    let strides = shape::strides(&region.shape);
    let mut lengths = region.shape.clone();
    let mut corner = vec![0; region.rank()];
    let (mut at, mut left) = (0, kept().peekable());
    while at < wanted {
        let Some(row) = left.next() else { return Err(Error::bug("a mask is what it was when it was counted")) };
        // Neighbours are copied together.
        let mut run = 1;
        while at + run < wanted && left.next_if_eq(&(row + run)).is_some() {
            run += 1;
        }
        (lengths[axis], corner[axis]) = (run, row);
        let to = StridedBox::with(at * strides[axis], strides.clone());
        copy_strided(&rows.shifted(&corner), to, out, &lengths, size);
        at += run;
    }
    Ok(())
}

/// The elements of a mask from `begin` on, side by side.
fn truths(mask: &View, stride: isize, begin: usize, len: usize) -> Cow<'_, [u8]> {
    let bytes = mask.block.bytes();
    if stride == 1 {
        return Cow::Borrowed(&bytes[mask.offset + begin..mask.offset + len]);
    }
    (begin..len).map(|i| bytes[mask.offset.wrapping_add_signed(i.cast_signed() * stride)]).collect()
}

/// Fills `out` with the elements of `N` bytes of a line, which begins at a place and goes on in steps, where `truths`
/// are not 0, as long as there is room, and says how many these are.
fn line_of<const N: usize>(from: &[u8], (start, step): (usize, isize), truths: &[u8], out: &mut [u8]) -> usize {
    let (from, out) = (from.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
    let place = |row: usize| start.wrapping_add_signed(row.cast_signed() * step);
    let (mut copied, mut row) = (0, 0);
    // Where there is room for all of some, each is copied, and stays where it counts: nothing is guessed.
    for some in truths.as_chunks::<8>().0 {
        if copied + some.len() > out.len() {
            break;
        }
        if *some != [0; 8] {
            for (k, truth) in some.iter().enumerate() {
                out[copied] = from[place(row + k)];
                copied += usize::from(*truth != 0);
            }
        }
        row += some.len();
    }
    for (k, _) in truths.iter().enumerate().skip(row).filter(|(_, truth)| **truth != 0) {
        let Some(slot) = out.get_mut(copied) else { break };
        *slot = from[place(k)];
        copied += 1;
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_what_a_mask_keeps() {
        let from: Vec<[u8; 4]> = (0..700u32).map(|i| i.wrapping_mul(0x9e37_79b9).to_ne_bytes()).collect();
        let masks: [fn(usize) -> bool; 5] = [|_| false, |_| true, |i| i % 3 == 1, |i| i / 20 % 2 == 0, |i| i == 96];
        for (n, mask) in [0, 1, 7, 8, 9, 97, 300].into_iter().flat_map(|n| masks.map(|mask| (n, mask))) {
            let truths: Vec<u8> = (0..n).map(|i| if mask(i) { (i % 255 + 1) as u8 } else { 0 }).collect();
            for (start, step) in [(0, 1), (5, 2), (650, -2)] {
                let all: Vec<[u8; 4]> = (0..n)
                    .filter(|&i| mask(i))
                    .map(|i| from[usize::wrapping_add_signed(start, i.cast_signed() * step)])
                    .collect();
                for room in [0, 1, 8, all.len() / 2, all.len()].into_iter().filter(|&room| room <= all.len()) {
                    let mut out = vec![[0u8; 4]; room];
                    let copied = line_of::<4>(from.as_flattened(), (start, step), &truths, out.as_flattened_mut());
                    assert!(copied == room && out == all[..room], "{room} of {n} from {start} in steps of {step}");
                }
            }
        }
    }
}
