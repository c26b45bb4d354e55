//! Scans of the tiles of a block: from views to running states, each tile begun anew.
//!
//! With [`Lanes::Outputs`] every lane is a row along the axis, walked element by element. With [`Lanes::Elements`] a
//! strip holds neighbours along the axis, which are joined over distances 1, 2, 4, ...; the state before the strip is
//! joined to all of them last. Both orders depend on the tile alone.

use super::doubling::{DoublingLoop, doubling_loop};
use super::lanes::Register;
use super::space::{Source, Space, set_sources, target};
use super::strip::{Machine, STRIP};
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::{Lanes, TileScan};
use crate::op::program::{Program, Value};

/// Scans the tiles inside the block at `region`; `outputs` holds the bytes of the block's states.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for a view outside its block or a missing loop.
pub(crate) fn run(scan: &TileScan, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    if region.size() == 0 {
        return Ok(());
    }
    let out = outputs.first_mut().ok_or_else(|| Error::bug("a scan has an output"))?;
    let mut sources = Vec::new();
    set_sources(&mut sources, &region.shape, inputs)?;
    sources.push(target(&region.shape, out, scan.scanner.state().size()));
    let mut walk = Walk::new(scan, region)?;
    match scan.lanes {
        Lanes::Elements => walk.by_elements(&sources),
        Lanes::Outputs => walk.by_outputs(&sources),
    }
    Ok(())
}

struct Walk<'a> {
    region: &'a Region,
    axis: usize,
    /// Where tiles begin inside the block, and its end.
    cuts: Vec<usize>,
    /// Number of inputs; the block of states is the source after them.
    inputs: usize,
    size: usize,
    /// From an element to its state.
    lift: Machine,
    /// From an element and the state before to its state.
    step: Machine,
    /// From the states of two neighbours to their joint state.
    combine: Machine,
    /// The same over doubling distances, where there is a loop for that.
    doubling: Option<DoublingLoop>,
    registers: [Register; 3],
}

impl<'a> Walk<'a> {
    fn new(scan: &TileScan, region: &'a Region) -> Result<Self> {
        let state = scan.scanner.state();
        let (from, to) = (region.start[scan.axis], region.end(scan.axis));
        let mut cuts: Vec<usize> = Vec::new();
        let mut at = from;
        while at < to {
            cuts.push(at - from);
            at = scan.tiles.start(scan.tiles.find(at) + 1);
        }
        cuts.push(to - from);
        Ok(Self {
            region,
            axis: scan.axis,
            cuts,
            inputs: scan.map.inputs.len(),
            size: state.size(),
            lift: Machine::new(&lifted(scan, None)?)?,
            step: Machine::new(&lifted(scan, Some(state))?)?,
            combine: Machine::new(&scan.scanner.combine)?,
            doubling: doubling_loop(&scan.scanner.combine),
            registers: std::array::from_fn(|_| Register::new(state)),
        })
    }

    /// Every lane is a row along the axis.
    fn by_outputs(&mut self, sources: &[Source]) {
        let kept: Vec<usize> = (0..self.region.rank()).filter(|&a| a != self.axis).collect();
        let mut space = Space::default();
        space.set_along(&self.region.shape, &kept, sources);
        let steps: Vec<isize> = sources.iter().map(|s| s.stride(self.axis)).collect();
        for (at, n) in space.strips() {
            for tile in 0..self.cuts.len() - 1 {
                let mut before: Option<*const u8> = None;
                for j in self.cuts[tile]..self.cuts[tile + 1] {
                    let shift = |i: usize| j.cast_signed() * steps[i];
                    let direct = space.in_place(self.inputs, shift(self.inputs), at, n).map(<*const u8>::cast_mut);
                    let to = direct.unwrap_or_else(|| self.registers[j % 2].ptr(0));
                    let machine = if before.is_some() { &mut self.step } else { &mut self.lift };
                    for i in 0..self.inputs {
                        machine.set_input(i, space.load(i, shift(i), at, n));
                    }
                    if let Some(before) = before {
                        machine.set_input(self.inputs, before);
                    }
                    machine.set_output(0, to);
                    // SAFETY: `load` gives `n` elements of each input; the state before and its successor are distinct:
                    // neighbours in the block, which belongs to this call alone, or registers taken in turns.
                    unsafe { machine.run(n) };
                    if direct.is_none() {
                        // SAFETY: the register holds `n` states; the target is the block of this call.
                        unsafe { space.store(self.inputs, shift(self.inputs), at, n, to) };
                    }
                    before = Some(to);
                }
            }
        }
    }

    /// Lanes hold neighbours along the axis.
    fn by_elements(&mut self, sources: &[Source]) {
        let kept: Vec<usize> = (0..self.region.rank()).filter(|&a| a != self.axis).collect();
        let lines: usize = kept.iter().map(|&a| self.region.shape[a]).product();
        let mut row = Space::default();
        row.set_along(&self.region.shape, &[self.axis], sources);
        let (mut index, mut shifts) = (vec![0; kept.len()], vec![0isize; sources.len()]);
        for _ in 0..lines {
            for tile in 0..self.cuts.len() - 1 {
                for at in (self.cuts[tile]..self.cuts[tile + 1]).step_by(STRIP) {
                    let n = STRIP.min(self.cuts[tile + 1] - at);
                    self.strip(&mut row, &shifts, at, n, at > self.cuts[tile]);
                }
            }
            // The next line, the last axis first.
            for (i, &a) in index.iter_mut().zip(&kept).rev() {
                *i += 1;
                let ends = *i == self.region.shape[a];
                let steps = if ends { 1 - self.region.shape[a].cast_signed() } else { 1 };
                shifts.iter_mut().zip(sources).for_each(|(shift, source)| *shift += steps * source.stride(a));
                if !ends {
                    break;
                }
                *i = 0;
            }
        }
    }

    /// Joins the `n` states in the first register over doubling distances; the register where they end, and the other.
    fn double(&mut self, n: usize) -> (usize, usize) {
        let (mut from, mut to) = (0, 1);
        if let Some(run) = self.doubling {
            let (first, second) = (self.registers[0].ptr(0), self.registers[1].ptr(0));
            // SAFETY: two registers, each of STRIP states.
            return if unsafe { run(first, second, n) } { (1, 0) } else { (0, 1) };
        }
        let mut distance = 1;
        while distance < n {
            let (low, high) = (self.registers[from].ptr(0), self.registers[from].ptr(distance));
            let (head, tail) = (self.registers[to].ptr(0), self.registers[to].ptr(distance));
            self.combine.set_input(0, low);
            self.combine.set_input(1, high);
            self.combine.set_output(0, tail);
            // SAFETY: both inputs lie in one register, the output in another; all reach at most to state `n`.
            unsafe {
                self.combine.run(n - distance);
                std::ptr::copy_nonoverlapping(low, head, distance * self.size);
            }
            (from, to) = (to, from);
            distance *= 2;
        }
        (from, to)
    }

    /// One strip of neighbours; the third register holds the state before it where it `continues` a tile.
    fn strip(&mut self, row: &mut Space, shifts: &[isize], at: usize, n: usize, continues: bool) {
        for (i, &shift) in shifts[..self.inputs].iter().enumerate() {
            self.lift.set_input(i, row.load(i, shift, at, n));
        }
        self.lift.set_output(0, self.registers[0].ptr(0));
        // SAFETY: `load` gives `n` elements of each input, registers hold STRIP states.
        unsafe { self.lift.run(n) };
        let (mut from, to) = self.double(n);
        if continues {
            self.registers[2].spread(n);
            self.combine.set_input(0, self.registers[2].ptr(0));
            self.combine.set_input(1, self.registers[from].ptr(0));
            self.combine.set_output(0, self.registers[to].ptr(0));
            // SAFETY: three registers, each of STRIP states.
            unsafe { self.combine.run(n) };
            from = to;
        }
        let last = self.registers[from].ptr(n - 1);
        let carry = self.registers[2].ptr(0);
        let states = self.registers[from].ptr(0);
        // SAFETY: the registers are distinct; the target is the block of this call alone.
        unsafe {
            std::ptr::copy_nonoverlapping(last, carry, self.size);
            match row.in_place(self.inputs, shifts[self.inputs], at, n) {
                Some(place) => std::ptr::copy_nonoverlapping(states, place.cast_mut(), n * self.size),
                None => row.store(self.inputs, shifts[self.inputs], at, n, states),
            }
        }
    }
}

/// `(elements) -> state`; with a state before, `(elements, state) -> state`.
fn lifted(scan: &TileScan, before: Option<DType>) -> Result<Program> {
    let mut p = Program::default();
    let args: Vec<Value> = scan.map.inputs.iter().map(|&d| p.input(d)).collect();
    let before = before.map(|d| p.input(d));
    let mapped = p.inline(&scan.map, &args);
    let element = mapped.first().ok_or_else(|| Error::bug("a scan has a map"))?;
    let element = p.cast(*element, scan.scanner.input);
    let mut state = p.inline(&scan.scanner.lift, &[element]);
    if let Some(before) = before {
        state = p.inline(&scan.scanner.combine, &[before, state[0]]);
    }
    p.outputs = state;
    Ok(p)
}
