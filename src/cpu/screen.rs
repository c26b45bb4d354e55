//! Strips of elements that change nothing: where a reduction keeps one element, most are no better than one before
//! them.

use super::lanes::Register;
use super::strip::{Machine, STRIP};
use crate::error::Result;
use crate::op::kernel::{TilePart, TileReduce};
use crate::op::program::{Program, Value};

/// The best element so far, and what tells whether a strip has a better one.
pub(super) struct Screen {
    /// `(inputs of the map, best) -> (elements, whether they may matter)`.
    look: Machine,
    better: Machine,
    n_inputs: usize,
    /// The best so far, in every lane; none before the first strip.
    best: Register,
    is_set: bool,
    /// What is joined by halves, in turn.
    elements: [Register; 2],
    flags: Vec<u8>,
}

impl Screen {
    /// The screen of a part of `tile`, if its reduction has one.
    pub(super) fn new(tile: &TileReduce, part: &TilePart) -> Result<Option<Self>> {
        let Some(screen) = &part.reducer.screen else { return Ok(None) };
        let mut look = Program::default();
        let inputs: Vec<Value> = tile.map.inputs.iter().map(|&d| look.input(d)).collect();
        let dtype = part.reducer.input;
        let best = look.input(dtype);
        let mapped = look.inline(&tile.map, &inputs);
        let element = look.cast(mapped[part.value], dtype);
        let matters = look.inline(&screen.matters, &[element, best])[0];
        look.outputs = vec![element, matters];
        Ok(Some(Self {
            look: Machine::new(&look)?,
            better: Machine::new(&screen.better)?,
            n_inputs: inputs.len(),
            best: Register::new(dtype),
            is_set: false,
            elements: [Register::new(dtype), Register::new(dtype)],
            flags: vec![0; STRIP],
        }))
    }

    /// Forgets what was seen.
    pub(super) fn begin(&mut self) {
        self.is_set = false;
    }

    /// Points input `i` of the map at a strip.
    pub(super) fn set_input(&mut self, i: usize, from: *const u8) {
        self.look.set_input(i, from);
    }

    /// Whether any of `n` elements may change the state; those of a whole strip are noted.
    ///
    /// # Safety
    /// Every input points at `n` elements, at most a strip.
    pub(super) unsafe fn matters(&mut self, n: usize) -> bool {
        self.look.set_input(self.n_inputs, self.best.ptr(0));
        self.look.set_output(0, self.elements[0].ptr(0));
        self.look.set_output(1, self.flags.as_mut_ptr());
        // SAFETY: as the caller promises; registers and flags hold a strip.
        unsafe { self.look.run(n) };
        if self.is_set && self.flags[..n].iter().fold(0, |any, flag| any | flag) == 0 {
            return false;
        }
        if n == STRIP {
            self.note();
        }
        true
    }

    /// Takes the best of the strip that was looked at into account.
    fn note(&mut self) {
        let (mut half, mut at) = (STRIP / 2, 0);
        while half > 0 {
            let (low, high) = (self.elements[at].ptr(0), self.elements[at].ptr(half));
            self.join(low, high, 1 - at, half);
            (half, at) = (half / 2, 1 - at);
        }
        if self.is_set {
            let (before, now) = (self.best.ptr(0), self.elements[at].ptr(0));
            self.join(before, now, 1 - at, 1);
            at = 1 - at;
        }
        std::mem::swap(&mut self.best, &mut self.elements[at]);
        self.best.spread(STRIP);
        self.is_set = true;
    }

    /// The better of `n` pairs of elements, into the register `to`.
    fn join(&mut self, a: *const u8, b: *const u8, to: usize, n: usize) {
        self.better.set_input(0, a);
        self.better.set_input(1, b);
        self.better.set_output(0, self.elements[to].ptr(0));
        // SAFETY: both inputs lie with `n` elements in registers that are not written.
        unsafe { self.better.run(n) };
    }
}
