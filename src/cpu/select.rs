//! Rows at which a mask is true: counted, and copied.

use super::copy::{StridedBox, copy_strided};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::error::{Error, Result};
use crate::op::regional::{Count, Select};
use crate::shape;

/// The positions below `len` at which a mask is true; its view steps by `stride`.
fn set(mask: &View, stride: isize, len: usize) -> impl Iterator<Item = usize> + '_ {
    let bytes = mask.block.bytes();
    (0..len).filter(move |&i| bytes[mask.offset.wrapping_add_signed(i.cast_signed() * stride)] != 0)
}

/// How often a mask is true in one tile.
pub(super) fn count(op: &Count, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([mask], [out]) = (inputs, outputs) else { return Err(Error::bug("a count has a mask and a result")) };
    let n = set(mask, mask.strides[0], op.tiles.length(region.start[0])).count();
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
        // Lines along the axis, element by element.
        let (from, step) = (rows.block.bytes(), rows.strides[axis]);
        let outer = &region.shape[..axis];
        for (index, line) in Indices::new(outer).zip(out.chunks_exact_mut((wanted * size).max(1))) {
            let start: isize = index.iter().zip(&rows.strides).map(|(&i, s)| i.cast_signed() * s).sum();
            let start = rows.offset.wrapping_add_signed(start);
            let at = kept().map(|row| start.wrapping_add_signed(row.cast_signed() * step));
            let copied = match size {
                1 => single::<1>(from, at, line),
                2 => single::<2>(from, at, line),
                4 => single::<4>(from, at, line),
                8 => single::<8>(from, at, line),
                _ => single::<16>(from, at, line),
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

/// Fills `out` with the elements of `N` bytes at these places, as long as there are any, and says how many there were.
fn single<const N: usize>(from: &[u8], places: impl Iterator<Item = usize>, out: &mut [u8]) -> usize {
    let mut copied = 0;
    for (slot, at) in out.chunks_exact_mut(N).zip(places) {
        slot.copy_from_slice(&from[at * N..at * N + N]);
        copied += 1;
    }
    copied
}
