//! Reductions of one tile: from views to states.
//!
//! Parts that reduce the same axes with the same lanes share one walk. A walk runs the phases of its parts as one fused
//! program per phase, map included: accumulators stay in registers of the first cache. With [`Lanes::Elements`] element
//! `j` of an output goes to lane `j mod STRIP` and the lanes merge by halves; with [`Lanes::Outputs`] every lane is an
//! output. Both orders depend on the tile's shape alone.

use super::space::{Source, Space, source};
use super::strip::{Machine, STRIP};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::kernel::{Lanes, TilePart, TileReduce};
use crate::op::program::{Program, Value};
use crate::shape;

/// Reduces the tile at `region`; `outputs` holds, part by part, the bytes of each part of the state.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for a view outside its block or a missing loop.
pub(crate) fn run(tile: &TileReduce, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let sources = inputs.iter().map(|v| source(&region.shape, v)).collect::<Result<Vec<_>>>()?;
    let mut first = 0;
    let starts: Vec<usize> = tile
        .parts
        .iter()
        .map(|p| {
            let at = first;
            first += p.reducer.identity.len();
            at
        })
        .collect();
    let mut done = vec![false; tile.parts.len()];
    for lead in 0..tile.parts.len() {
        if done[lead] {
            continue;
        }
        let same = |p: &TilePart| p.reduced == tile.parts[lead].reduced && p.lanes == tile.parts[lead].lanes;
        let group: Vec<usize> = (lead..tile.parts.len()).filter(|&i| same(&tile.parts[i])).collect();
        let mut targets = Vec::new();
        for &i in &group {
            done[i] = true;
            targets.extend(starts[i]..starts[i] + tile.parts[i].reducer.identity.len());
        }
        let parts: Vec<&TilePart> = group.iter().map(|&i| &tile.parts[i]).collect();
        let states: Vec<*mut u8> = targets.iter().map(|&t| outputs[t].as_mut_ptr()).collect();
        let mut walk = Walk::new(tile, &parts, region, states)?;
        match parts[0].lanes {
            Lanes::Elements => walk.by_elements(&sources),
            Lanes::Outputs => walk.by_outputs(&sources),
        }
    }
    Ok(())
}

/// A strip of a dtype.
pub(super) struct Register {
    data: Buffer,
    size: usize,
}

impl Register {
    pub(super) fn new(dtype: DType) -> Self {
        Self { data: Buffer::zeroed(STRIP * dtype.size()), size: dtype.size() }
    }

    fn fill(&mut self, value: Scalar, dtype: DType) {
        let element = value.to_bytes(dtype);
        self.data.bytes_mut().chunks_exact_mut(self.size).for_each(|slot| slot.copy_from_slice(&element[..self.size]));
    }

    /// Copies the first element to the first `n`.
    pub(super) fn spread(&mut self, n: usize) {
        let (first, rest) = self.data.bytes_mut().split_at_mut(self.size);
        rest[..(n - 1) * self.size].chunks_exact_mut(self.size).for_each(|slot| slot.copy_from_slice(first));
    }

    pub(super) fn ptr(&mut self, lane: usize) -> *mut u8 {
        self.data.bytes_mut()[lane * self.size..].as_mut_ptr()
    }
}

/// One phase of all parts of a walk, fused.
struct Loop {
    init: Vec<(DType, Scalar)>,
    /// Inputs: the map's, the accumulators, results of earlier phases, the position.
    step: Machine,
    merge: Machine,
    result: Machine,
    /// Which earlier results the step reads.
    earlier: Vec<usize>,
    /// Accumulators, twice: read from one, written to the other.
    acc: [Vec<Register>; 2],
    current: usize,
    /// The results this phase gives, as indices into the walk's.
    gives: std::ops::Range<usize>,
}

struct Walk<'a> {
    region: &'a Region,
    space: &'a [usize],
    kept: Vec<usize>,
    reduced: Vec<usize>,
    n_inputs: usize,
    loops: Vec<Loop>,
    results: Vec<Register>,
    leaf: Machine,
    /// Where the states go, and their element sizes.
    states: Vec<(*mut u8, usize)>,
    count: Register,
    position: Register,
    uses_position: bool,
}

impl<'a> Walk<'a> {
    fn new(tile: &'a TileReduce, parts: &[&TilePart], region: &'a Region, states: Vec<*mut u8>) -> Result<Self> {
        let axes = |want: bool| (0..region.rank()).filter(|&a| parts[0].reduced[a] == want).collect::<Vec<_>>();
        let (kept, reduced) = (axes(false), axes(true));
        let mut results: Vec<DType> = Vec::new();
        let mut of_part: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
        let mut loops = Vec::new();
        let phases = parts.iter().map(|p| p.reducer.phases.len()).max().unwrap_or(0);
        for phase in 0..phases {
            loops.push(Loop::new(tile, parts, phase, &mut results, &mut of_part)?);
        }
        let leaf = leaf_program(parts, &results, &of_part);
        let sizes: Vec<usize> = leaf.outputs.iter().map(|&v| leaf.dtypes[v].size()).collect();
        let elements: usize = reduced.iter().map(|&a| region.shape[a]).product();
        let mut count = Register::new(DType::F64);
        #[expect(clippy::cast_precision_loss, reason = "a tile is far smaller than 2^53")]
        count.fill(Scalar::Float(elements as f64), DType::F64);
        Ok(Self {
            region,
            space: &tile.space,
            kept,
            reduced,
            n_inputs: tile.map.inputs.len(),
            loops,
            results: results.into_iter().map(Register::new).collect(),
            leaf: Machine::new(&leaf)?,
            states: states.into_iter().zip(sizes).collect(),
            count,
            position: Register::new(DType::I64),
            uses_position: parts.iter().any(|p| p.reducer.uses_position()),
        })
    }

    fn lengths(&self, axes: &[usize]) -> Vec<usize> {
        axes.iter().map(|&a| self.region.shape[a]).collect()
    }

    /// For each index along `axes` in row-major order, the shift in bytes of every source.
    fn shifts(&self, axes: &[usize], sources: &[Source]) -> Vec<Vec<isize>> {
        let along = |index: &[usize], s: &Source| -> isize {
            index.iter().zip(axes).map(|(&i, &a)| i.cast_signed() * s.stride(a)).sum()
        };
        Indices::new(&self.lengths(axes)).map(|index| sources.iter().map(|s| along(&index, s)).collect()).collect()
    }

    /// Lanes hold elements of one output.
    fn by_elements(&mut self, sources: &[Source]) {
        let dims = self.lengths(&self.reduced);
        let mut space = Space::over(&dims, sources.iter().map(|s| s.along(&self.reduced)).collect());
        for (output, shift) in self.shifts(&self.kept, sources).iter().enumerate() {
            for phase in 0..self.loops.len() {
                self.loops[phase].reset();
                for at in (0..space.len()).step_by(STRIP) {
                    let n = STRIP.min(space.len() - at);
                    if self.uses_position {
                        self.place(&dims, at, n);
                    }
                    self.step(phase, &mut space, shift, at, n);
                }
                self.loops[phase].merge_lanes(space.len());
                self.conclude(phase, 1);
                let spread = STRIP.min(space.len().max(1));
                for r in self.loops[phase].gives.clone() {
                    self.results[r].spread(spread);
                }
            }
            self.store(output, 1);
        }
    }

    /// Every lane is an output.
    fn by_outputs(&mut self, sources: &[Source]) {
        let mut space = Space::over(&self.lengths(&self.kept), sources.iter().map(|s| s.along(&self.kept)).collect());
        let shifts = self.shifts(&self.reduced, sources);
        let dims = self.lengths(&self.reduced);
        for (at, n) in space.strips() {
            for phase in 0..self.loops.len() {
                self.loops[phase].reset();
                for (r, shift) in shifts.iter().enumerate() {
                    if self.uses_position {
                        self.place(&dims, r, 1);
                        self.position.spread(n);
                    }
                    self.step(phase, &mut space, shift, at, n);
                }
                self.conclude(phase, n);
            }
            self.store(at, n);
        }
    }

    /// Fills the position register for reduced elements `at .. at + n` of the tile.
    fn place(&mut self, dims: &[usize], at: usize, n: usize) {
        let full: Vec<usize> = self.reduced.iter().map(|&a| self.space[a]).collect();
        let strides = shape::strides(&full);
        let starts: Vec<usize> = self.reduced.iter().map(|&a| self.region.start[a]).collect();
        let slots = self.position.data.bytes_mut().chunks_exact_mut(8);
        for (slot, mut j) in slots.zip(at..at + n) {
            let mut position = 0;
            for axis in (0..dims.len()).rev() {
                position += (starts[axis] + j % dims[axis]) * strides[axis];
                j /= dims[axis];
            }
            slot.copy_from_slice(&(position as u64).to_ne_bytes());
        }
    }

    fn step(&mut self, phase: usize, space: &mut Space, shift: &[isize], at: usize, n: usize) {
        let current = &mut self.loops[phase];
        for (i, &shift) in shift.iter().enumerate() {
            current.step.set_input(i, space.load(i, shift, at, n));
        }
        let (read, write) = (current.current, 1 - current.current);
        for k in 0..current.init.len() {
            let from = current.acc[read][k].ptr(0);
            current.step.set_input(self.n_inputs + k, from);
            let to = current.acc[write][k].ptr(0);
            current.step.set_output(k, to);
        }
        let base = self.n_inputs + current.init.len();
        for (k, &r) in current.earlier.iter().enumerate() {
            current.step.set_input(base + k, self.results[r].ptr(0));
        }
        current.step.set_input(base + current.earlier.len(), self.position.ptr(0));
        // SAFETY: `load` gives `n` elements of each input; registers hold STRIP elements of their dtype; the
        // accumulators that are written are not those that are read.
        unsafe { current.step.run(n) };
        current.keep_tail(n);
        current.current = write;
    }

    /// Runs the result program of a phase over `n` lanes.
    fn conclude(&mut self, phase: usize, n: usize) {
        let current = &mut self.loops[phase];
        for k in 0..current.init.len() {
            let from = current.acc[current.current][k].ptr(0);
            current.result.set_input(k, from);
        }
        current.result.set_input(current.init.len(), self.count.ptr(0));
        for (k, r) in current.gives.clone().enumerate() {
            current.result.set_output(k, self.results[r].ptr(0));
        }
        // SAFETY: registers hold STRIP elements; results and accumulators are distinct registers.
        unsafe { current.result.run(n) };
    }

    /// Writes the states of outputs `at .. at + n`.
    fn store(&mut self, at: usize, n: usize) {
        let n_results = self.results.len();
        for (k, register) in self.results.iter_mut().enumerate() {
            self.leaf.set_input(k, register.ptr(0));
        }
        self.leaf.set_input(n_results, self.count.ptr(0));
        for (k, &(start, size)) in self.states.iter().enumerate() {
            self.leaf.set_output(k, start.wrapping_add(at * size));
        }
        // SAFETY: the state buffers hold one element per output of the tile, `at + n` is at most that many.
        unsafe { self.leaf.run(n) };
    }
}

impl Loop {
    /// Fuses phase `phase` of all parts; registers the results it gives.
    fn new(
        tile: &TileReduce,
        parts: &[&TilePart],
        phase: usize,
        results: &mut Vec<DType>,
        of_part: &mut [Vec<usize>],
    ) -> Result<Self> {
        let active: Vec<usize> = (0..parts.len()).filter(|&i| phase < parts[i].reducer.phases.len()).collect();
        let phase_of = |i: usize| &parts[i].reducer.phases[phase];
        let init: Vec<(DType, Scalar)> = active.iter().flat_map(|&i| phase_of(i).init.clone()).collect();
        let earlier: Vec<usize> = active.iter().flat_map(|&i| of_part[i].clone()).collect();

        let mut step = Program::default();
        let mapped_inputs: Vec<Value> = tile.map.inputs.iter().map(|&d| step.input(d)).collect();
        let accs: Vec<Value> = init.iter().map(|(d, _)| step.input(*d)).collect();
        let known: Vec<Value> = earlier.iter().map(|&r| step.input(results[r])).collect();
        let position = step.input(DType::I64);
        let mapped = step.inline(&tile.map, &mapped_inputs);
        let (mut a, mut k) = (0, 0);
        for &i in &active {
            let n = phase_of(i).init.len();
            let element = step.cast(mapped[parts[i].value], parts[i].reducer.input);
            let mut args = accs[a..a + n].to_vec();
            args.extend([element, position]);
            args.extend(&known[k..k + of_part[i].len()]);
            let next = step.inline(&phase_of(i).step, &args);
            step.outputs.extend(next);
            (a, k) = (a + n, k + of_part[i].len());
        }

        let mut merge = Program::default();
        let left: Vec<Value> = init.iter().map(|(d, _)| merge.input(*d)).collect();
        let right: Vec<Value> = init.iter().map(|(d, _)| merge.input(*d)).collect();
        let mut result = Program::default();
        let finals: Vec<Value> = init.iter().map(|(d, _)| result.input(*d)).collect();
        let count = result.input(DType::F64);
        let first = results.len();
        let mut a = 0;
        for &i in &active {
            let n = phase_of(i).init.len();
            let both: Vec<Value> = left[a..a + n].iter().chain(&right[a..a + n]).copied().collect();
            let merged = merge.inline(&phase_of(i).merge, &both);
            merge.outputs.extend(merged);
            let mut args = finals[a..a + n].to_vec();
            args.push(count);
            let given = result.inline(&phase_of(i).result, &args);
            for v in given {
                of_part[i].push(results.len());
                results.push(result.dtypes[v]);
                result.outputs.push(v);
            }
            a += n;
        }
        let registers = || init.iter().map(|(d, _)| Register::new(*d)).collect::<Vec<_>>();
        Ok(Self {
            step: Machine::new(&step)?,
            merge: Machine::new(&merge)?,
            result: Machine::new(&result)?,
            earlier,
            acc: [registers(), registers()],
            current: 0,
            gives: first..results.len(),
            init,
        })
    }

    fn reset(&mut self) {
        self.current = 0;
        for (register, &(dtype, value)) in self.acc[0].iter_mut().zip(&self.init) {
            register.fill(value, dtype);
        }
    }

    /// Carries over the lanes that a strip of `n` elements did not reach.
    fn keep_tail(&mut self, n: usize) {
        if n == STRIP {
            return;
        }
        let (first, second) = self.acc.split_at_mut(1);
        let (from, to) = if self.current == 0 { (&first[0], &mut second[0]) } else { (&second[0], &mut first[0]) };
        for (from, to) in from.iter().zip(to.iter_mut()) {
            let at = n * from.size;
            to.data.bytes_mut()[at..].copy_from_slice(&from.data.bytes()[at..]);
        }
    }

    /// Merges lanes by halves until lane 0 holds everything; `elements` went in.
    fn merge_lanes(&mut self, elements: usize) {
        let mut half = elements.clamp(1, STRIP).next_power_of_two() / 2;
        while half > 0 {
            let (read, write) = (self.current, 1 - self.current);
            let n = self.init.len();
            for k in 0..n {
                let low = self.acc[read][k].ptr(0);
                let high = self.acc[read][k].ptr(half);
                let to = self.acc[write][k].ptr(0);
                self.merge.set_input(k, low);
                self.merge.set_input(n + k, high);
                self.merge.set_output(k, to);
            }
            // SAFETY: both halves lie inside the registers that are read, the result in those that are not.
            unsafe { self.merge.run(half) };
            self.current = write;
            half /= 2;
        }
    }
}

/// `(results of all parts, count) -> states of all parts`.
fn leaf_program(parts: &[&TilePart], results: &[DType], of_part: &[Vec<usize>]) -> Program {
    let mut p = Program::default();
    let known: Vec<Value> = results.iter().map(|&d| p.input(d)).collect();
    let count = p.input(DType::F64);
    for (part, mine) in parts.iter().zip(of_part) {
        let mut args: Vec<Value> = mine.iter().map(|&r| known[r]).collect();
        args.push(count);
        let state = p.inline(&part.reducer.leaf, &args);
        p.outputs.extend(state);
    }
    p
}
