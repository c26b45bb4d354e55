//! Rows at which a mask is true: counted, and copied.

use super::copy::{StridedBox, copy_strided};
use crate::chunk::Region;
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
    let strides = shape::strides(&region.shape);
    let mut lengths = region.shape.clone();
    let mut corner = vec![0; region.rank()];
    let (tile, skipped) = op.tile_of(first);
    let len = op.tiles.length(tile);
    let (mut at, mut left) = (0, set(mask, mask.strides[axis], len).skip(skipped).peekable());
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
