//! Positions of extremes: the first of equal ones, the first NaN unless NaN is skipped.
//!
//! What is found depends on no order of lanes, so loops go along an output's elements where these lie behind each
//! other, and across neighbouring outputs where they do not.

mod loops;

use super::lanes::Register;
use super::strip::{Machine, STRIP};
use crate::chunk::tiling::FAN_IN;
use crate::device::block::Buffer;
use crate::error::{Error, Result};
use crate::op::kernel::{TilePart, TileReduce};
use crate::op::program::{Inst, Program};
use loops::Positions;
pub(super) use loops::{Best, LONG, MOST};

/// The search for extremes of one part of a tile.
pub(super) struct Finder {
    loops: Positions,
    /// The input of the map that elements are, where they are one as it is;
    input: Option<usize>,
    /// elements are computed into strips otherwise.
    map: Machine,
    strips: Buffer,
    size: usize,
    /// The bytes of the element that a state has where nothing was found.
    nothing: [u8; 8],
    /// For each line of those that are walked side by side, its best element and where that is.
    best: Register,
    places: Vec<i64>,
}

impl Finder {
    /// That of a part, if it looks for a position.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop.
    pub(super) fn new(tile: &TileReduce, part: &TilePart) -> Result<Option<Self>> {
        let Some(extreme) = part.reducer.extreme else { return Ok(None) };
        let dtype = part.reducer.input;
        let loops = Positions::new(extreme, dtype).ok_or_else(|| Error::bug(format!("{dtype} has an order")))?;
        let mut map = Program::default();
        let inputs: Vec<_> = tile.map.inputs.iter().map(|&d| map.input(d)).collect();
        let mapped = map.inline(&tile.map, &inputs);
        let element = map.cast(mapped[part.value], dtype);
        map.outputs.push(element);
        let mut nothing = [0; 8];
        if let Some((_, element)) = part.reducer.identity.first() {
            nothing[..dtype.size()].copy_from_slice(&element.to_bytes(dtype)[..dtype.size()]);
        }
        Ok(Some(Self {
            loops,
            input: match map.insts[element] {
                Inst::Input(i) => Some(i),
                _ => None,
            },
            map: Machine::new(&map)?,
            strips: Buffer::zeroed(FAN_IN * STRIP * dtype.size()),
            size: dtype.size(),
            nothing,
            best: Register::new(dtype),
            places: vec![0; STRIP],
        }))
    }

    /// The input of the map that elements are, where they need not be computed.
    pub(super) fn input(&self) -> Option<usize> {
        self.input
    }

    /// The address of the `n` elements of strip `row`, where `load` says where those of an input of the map are.
    ///
    /// # Safety
    /// There are so many elements of each of the `inputs`, at most a strip.
    pub(super) unsafe fn elements(
        &mut self,
        row: usize,
        n: usize,
        inputs: usize,
        load: impl Fn(usize) -> *const u8,
    ) -> *const u8 {
        if let Some(input) = self.input {
            return load(input);
        }
        let to = self.strips.bytes_mut()[row * STRIP * self.size..].as_mut_ptr();
        (0..inputs).for_each(|i| self.map.set_input(i, load(i)));
        self.map.set_output(0, to);
        // SAFETY: as the caller promises; there is room for `FAN_IN` strips.
        unsafe { self.map.run(n) };
        to.cast_const()
    }

    /// Takes elements `first .. first + n` of a line into account, [`MOST`] at most.
    ///
    /// # Safety
    /// `from` is valid for `n` elements.
    pub(super) unsafe fn along(&self, from: *const u8, n: usize, first: usize, best: &mut Best) {
        // SAFETY: passed on; elements lie in blocks or registers, which are aligned for them.
        unsafe { (self.loops.along)(from, n, first, best) };
    }

    /// Takes some elements of `n` lines that lie side by side into account, `FAN_IN` rows at most; the first row has
    /// element `first` of each line, and lines begin at 0.
    ///
    /// # Safety
    /// Every row is valid for `n` elements, at most a strip.
    pub(super) unsafe fn across(&mut self, rows: &[*const u8], first: usize, n: usize) {
        let best = self.best.ptr(0);
        // SAFETY: passed on; the register and the places have room for a strip.
        unsafe { (self.loops.across)(rows, first, best, self.places.as_mut_ptr(), n) };
    }

    /// The best of line `k` of those that were walked side by side.
    pub(super) fn best(&mut self, k: usize) -> Best {
        let element = self.best.ptr(k).cast_const();
        // SAFETY: the register has an element there.
        if unsafe { (self.loops.is_nothing)(element) } {
            return Best::default();
        }
        let mut best = Best { element: [0; 8], at: usize::try_from(self.places[k]).ok() };
        best.element[..self.size].copy_from_slice(&self.best.data.bytes()[k * self.size..][..self.size]);
        best
    }

    /// Writes the element of a state.
    ///
    /// # Safety
    /// There is room for one.
    pub(super) unsafe fn store(&self, best: &Best, to: *mut u8) {
        let element = if best.at.is_some() { &best.element } else { &self.nothing };
        // SAFETY: an element has so many bytes, eight at most.
        unsafe { std::ptr::copy_nonoverlapping(element.as_ptr(), to, self.size) };
    }
}

#[cfg(test)]
mod tests;
