//! Reductions of one tile: from views to states.
//!
//! Parts that reduce the same axes with the same lanes share one walk. A walk runs the phases of its parts as one fused
//! program per phase, map included: accumulators stay in registers of the first cache. With [`Lanes::Elements`] element
//! `j` of an output goes to lane `j mod STRIP` and the lanes merge by halves; with [`Lanes::Outputs`] every lane is an
//! output. What a lane is given joins in a tree, [`FAN_IN`] neighbours at a time. All of this depends on the tile's shape
//! alone.

use super::space::{Source, Space, set_sources};
use super::strip::{Machine, STRIP};
use crate::chunk::Region;
use crate::chunk::tiling::FAN_IN;
use crate::device::View;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::kernel::{Lanes, TilePart, TileReduce};
use crate::op::program::{Program, Value};
use crate::shape;

/// The reductions of a tile made ready: programs fused and compiled, registers allocated.
pub(crate) struct Reduce {
    walks: Vec<Walk>,
    sources: Vec<Source>,
}

impl Reduce {
    /// Compiles the reductions of `tile`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop.
    pub(crate) fn new(tile: &TileReduce) -> Result<Self> {
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
        let mut walks = Vec::new();
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
            walks.push(Walk::new(tile, &parts, &targets)?);
        }
        Ok(Self { walks, sources: Vec::new() })
    }

    /// Reduces the tile at `region`; `outputs` holds, part by part, the bytes of each part of the state.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a view outside its block.
    pub(crate) fn run(&mut self, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        set_sources(&mut self.sources, &region.shape, inputs)?;
        for walk in &mut self.walks {
            walk.run(region, &self.sources, outputs);
        }
        Ok(())
    }
}

/// The set of accumulators that phases begin with.
const BEGIN: usize = 2;

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
    /// Inputs: the map's, the accumulators, results of earlier phases, the position.
    step: Machine,
    merge: Machine,
    result: Machine,
    /// Which earlier results the step reads.
    earlier: Vec<usize>,
    /// Number of accumulators.
    kinds: usize,
    /// Accumulators: two sets, one read while the other is written, and what they begin as.
    acc: [Vec<Register>; 3],
    current: usize,
    /// Steps since the phase began, and the accumulators of finished groups of them, per level of the tree.
    steps: usize,
    levels: Vec<Vec<Register>>,
    init: Vec<DType>,
    /// The results this phase gives, as indices into the walk's.
    gives: std::ops::Range<usize>,
}

/// The parts that reduce the same axes with the same lanes.
struct Walk {
    lanes: Lanes,
    kept: Vec<usize>,
    reduced: Vec<usize>,
    /// Per reduced axis, where the tile begins, its length, and the distance of positions along it.
    corner: Vec<(usize, usize, usize)>,
    n_inputs: usize,
    loops: Vec<Loop>,
    results: Vec<Register>,
    leaf: Machine,
    states: Vec<State>,
    /// Elements per output, and a register that says so.
    elements: usize,
    count: Register,
    position: Register,
    uses_position: bool,
    space: Space,
    /// For each index along the axes that are not walked by lanes, the shift in bytes of every source.
    shifts: Vec<isize>,
}

/// One part of a state: which output it is, the size of its elements, and where it goes.
struct State {
    output: usize,
    size: usize,
    start: *mut u8,
}

// SAFETY: `start` is set in `Walk::run` from memory that its caller lends, before it is used there.
unsafe impl Send for State {}

impl Walk {
    fn new(tile: &TileReduce, parts: &[&TilePart], targets: &[usize]) -> Result<Self> {
        let axes = |want: bool| (0..tile.space.len()).filter(|&a| parts[0].reduced[a] == want).collect::<Vec<_>>();
        let (kept, reduced) = (axes(false), axes(true));
        let distances = shape::strides(&reduced.iter().map(|&a| tile.space[a]).collect::<Vec<_>>());
        let mut results: Vec<DType> = Vec::new();
        let mut of_part: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
        let mut loops = Vec::new();
        let phases = parts.iter().map(|p| p.reducer.phases.len()).max().unwrap_or(0);
        for phase in 0..phases {
            loops.push(Loop::new(tile, parts, phase, &mut results, &mut of_part)?);
        }
        let leaf = leaf_program(parts, &results, &of_part);
        let sizes = leaf.outputs.iter().map(|&v| leaf.dtypes[v].size());
        let states = targets.iter().zip(sizes);
        Ok(Self {
            lanes: parts[0].lanes,
            corner: distances.iter().map(|&d| (0, 0, d)).collect(),
            kept,
            reduced,
            n_inputs: tile.map.inputs.len(),
            loops,
            results: results.into_iter().map(Register::new).collect(),
            leaf: Machine::new(&leaf)?,
            states: states.map(|(&output, size)| State { output, size, start: std::ptr::null_mut() }).collect(),
            elements: 0,
            count: Register::new(DType::F64),
            position: Register::new(DType::I64),
            uses_position: parts.iter().any(|p| p.reducer.uses_position()),
            space: Space::default(),
            shifts: Vec::new(),
        })
    }

    fn run(&mut self, region: &Region, sources: &[Source], outputs: &mut [&mut [u8]]) {
        for state in &mut self.states {
            state.start = outputs[state.output].as_mut_ptr();
        }
        let elements: usize = self.reduced.iter().map(|&a| region.shape[a]).product();
        if elements != self.elements {
            #[expect(clippy::cast_precision_loss, reason = "a tile is far smaller than 2^53")]
            self.count.fill(Scalar::Float(elements as f64), DType::F64);
            self.elements = elements;
        }
        for (corner, &a) in self.corner.iter_mut().zip(&self.reduced) {
            (corner.0, corner.1) = (region.start[a], region.shape[a]);
        }
        match self.lanes {
            Lanes::Elements => self.by_elements(region, sources),
            Lanes::Outputs => self.by_outputs(region, sources),
        }
    }

    /// Sets `shifts` for the indices along `axes` in row-major order; how many there are.
    fn set_shifts(&mut self, region: &Region, over_kept: bool, sources: &[Source]) -> usize {
        let axes = if over_kept { &self.kept } else { &self.reduced };
        self.shifts.clear();
        self.shifts.resize(sources.len(), 0);
        // Axis by axis from the innermost: what is there so far, once for each index.
        let mut count = 1;
        for &axis in axes.iter().rev() {
            let n = region.shape[axis];
            for i in 1..n {
                for k in 0..count * sources.len() {
                    let shift = self.shifts[k] + i.cast_signed() * sources[k % sources.len()].stride(axis);
                    self.shifts.push(shift);
                }
            }
            count *= n;
        }
        count
    }

    /// Lanes hold elements of one output.
    fn by_elements(&mut self, region: &Region, sources: &[Source]) {
        self.space.set_along(&region.shape, &self.reduced, sources);
        let len = self.space.len();
        let lanes = len.clamp(1, STRIP).next_power_of_two();
        for output in 0..self.set_shifts(region, true, sources) {
            for phase in 0..self.loops.len() {
                self.loops[phase].begin();
                for at in (0..len).step_by(STRIP) {
                    let n = STRIP.min(len - at);
                    if self.uses_position {
                        self.place(at, n);
                    }
                    self.step(phase, output, at, (n, lanes));
                }
                self.loops[phase].gather(lanes);
                self.loops[phase].merge_lanes(lanes);
                self.conclude(phase, 1);
                if phase + 1 < self.loops.len() {
                    for r in self.loops[phase].gives.clone() {
                        self.results[r].spread(lanes);
                    }
                }
            }
            self.store(output, 1);
        }
    }

    /// Every lane is an output.
    fn by_outputs(&mut self, region: &Region, sources: &[Source]) {
        self.space.set_along(&region.shape, &self.kept, sources);
        let rows = self.set_shifts(region, false, sources);
        for (at, n) in self.space.strips() {
            for phase in 0..self.loops.len() {
                self.loops[phase].begin();
                for row in 0..rows {
                    if self.uses_position {
                        self.place(row, 1);
                        self.position.spread(n);
                    }
                    self.step(phase, row, at, (n, n));
                }
                self.loops[phase].gather(n);
                self.conclude(phase, n);
            }
            self.store(at, n);
        }
    }

    /// Fills the position register for reduced elements `at .. at + n` of the tile.
    fn place(&mut self, at: usize, n: usize) {
        let slots = self.position.data.bytes_mut().chunks_exact_mut(8);
        for (slot, mut j) in slots.zip(at..at + n) {
            let mut position = 0;
            for &(start, len, stride) in self.corner.iter().rev() {
                position += (start + j % len) * stride;
                j /= len;
            }
            slot.copy_from_slice(&(position as u64).to_ne_bytes());
        }
    }

    /// Feeds elements `at .. at + n` of the space, at shift number `shift`, to `n` of `lanes` lanes.
    fn step(&mut self, phase: usize, shift: usize, at: usize, (n, lanes): (usize, usize)) {
        let current = &mut self.loops[phase];
        let shifts = &self.shifts[shift * self.n_inputs..][..self.n_inputs];
        for (i, &shift) in shifts.iter().enumerate() {
            current.step.set_input(i, self.space.load(i, shift, at, n));
        }
        let (read, write) = (current.current, current.next());
        for k in 0..current.kinds {
            let from = current.acc[read][k].ptr(0);
            current.step.set_input(self.n_inputs + k, from);
            let to = current.acc[write][k].ptr(0);
            current.step.set_output(k, to);
        }
        let base = self.n_inputs + current.kinds;
        for (k, &r) in current.earlier.iter().enumerate() {
            current.step.set_input(base + k, self.results[r].ptr(0));
        }
        current.step.set_input(base + current.earlier.len(), self.position.ptr(0));
        // SAFETY: `load` gives `n` elements of each input; registers hold STRIP elements of their dtype; the
        // accumulators that are written are not those that are read.
        unsafe { current.step.run(n) };
        if n < lanes {
            current.keep_tail(n, lanes);
        }
        current.current = write;
        current.steps += 1;
        if current.steps.is_multiple_of(FAN_IN) {
            current.climb(lanes);
        }
    }

    /// Runs the result program of a phase over `n` lanes.
    fn conclude(&mut self, phase: usize, n: usize) {
        let current = &mut self.loops[phase];
        for k in 0..current.kinds {
            let from = current.acc[current.current][k].ptr(0);
            current.result.set_input(k, from);
        }
        current.result.set_input(current.kinds, self.count.ptr(0));
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
        for (k, state) in self.states.iter().enumerate() {
            self.leaf.set_output(k, state.start.wrapping_add(at * state.size));
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
        let mut begin = registers();
        begin.iter_mut().zip(&init).for_each(|(register, &(dtype, value))| register.fill(value, dtype));
        Ok(Self {
            step: Machine::new(&step)?,
            merge: Machine::new(&merge)?,
            result: Machine::new(&result)?,
            earlier,
            kinds: init.len(),
            acc: [registers(), registers(), begin],
            current: BEGIN,
            steps: 0,
            levels: Vec::new(),
            init: init.iter().map(|(d, _)| *d).collect(),
            gives: first..results.len(),
        })
    }

    fn begin(&mut self) {
        (self.current, self.steps) = (BEGIN, 0);
    }

    /// Joins the group of steps that was just finished to those before it, and begins another.
    fn climb(&mut self, lanes: usize) {
        let (mut level, mut groups) = (0, self.steps / FAN_IN);
        loop {
            if groups % FAN_IN != 1 {
                self.join(level, lanes);
            }
            if !groups.is_multiple_of(FAN_IN) {
                break;
            }
            (level, groups) = (level + 1, groups / FAN_IN);
        }
        if level == self.levels.len() {
            self.levels.push(self.init.iter().map(|&d| Register::new(d)).collect());
        }
        std::mem::swap(&mut self.acc[self.current], &mut self.levels[level]);
        self.current = BEGIN;
    }

    /// Joins all groups of steps, the unfinished ones too.
    fn gather(&mut self, lanes: usize) {
        let (mut level, mut groups) = (0, self.steps / FAN_IN);
        while groups > 0 {
            if !groups.is_multiple_of(FAN_IN) {
                if self.current == BEGIN {
                    std::mem::swap(&mut self.acc[0], &mut self.levels[level]);
                    self.current = 0;
                } else {
                    self.join(level, lanes);
                }
            }
            (level, groups) = (level + 1, groups / FAN_IN);
        }
    }

    /// Joins the accumulators to those of `level`, which come before them.
    fn join(&mut self, level: usize, lanes: usize) {
        let (read, write) = (self.current, self.next());
        for k in 0..self.kinds {
            let before = self.levels[level][k].ptr(0);
            let after = self.acc[read][k].ptr(0);
            let to = self.acc[write][k].ptr(0);
            self.merge.set_input(k, before);
            self.merge.set_input(self.kinds + k, after);
            self.merge.set_output(k, to);
        }
        // SAFETY: registers hold STRIP elements; those that are written are not those that are read.
        unsafe { self.merge.run(lanes) };
        self.current = write;
    }

    /// The accumulators to write while the current ones are read.
    fn next(&self) -> usize {
        usize::from(self.current == 0)
    }

    /// Carries over the lanes between `n` and `lanes`, which a strip did not reach.
    fn keep_tail(&mut self, n: usize, lanes: usize) {
        let next = self.next();
        for k in 0..self.kinds {
            let from: *const u8 = self.acc[self.current][k].ptr(n);
            let to = self.acc[next][k].ptr(n);
            // SAFETY: both registers hold STRIP elements, `lanes` is at most that, and they are two registers.
            unsafe { std::ptr::copy_nonoverlapping(from, to, (lanes - n) * self.acc[next][k].size) };
        }
    }

    /// Merges lanes by halves until lane 0 holds everything; a power of two of them is in use.
    fn merge_lanes(&mut self, lanes: usize) {
        let mut half = lanes / 2;
        while half > 0 {
            let (read, write) = (self.current, self.next());
            for k in 0..self.kinds {
                let low = self.acc[read][k].ptr(0);
                let high = self.acc[read][k].ptr(half);
                let to = self.acc[write][k].ptr(0);
                self.merge.set_input(k, low);
                self.merge.set_input(self.kinds + k, high);
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
