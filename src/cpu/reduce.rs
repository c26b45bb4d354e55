//! Reductions of one tile: from views to states.
//!
//! Parts that reduce the same axes with the same lanes share one walk. A walk runs the phases of its parts as one fused
//! program per phase, map included: accumulators stay in registers of the first cache. With [`Lanes::Elements`] element
//! `j` of an output goes to lane `j mod STRIP` and the lanes merge by halves; with [`Lanes::Outputs`] every lane is an
//! output, and where outputs are rows that lie behind each other, [`FAN_IN`] elements of each are turned into as many
//! strips at a time. What a lane is given joins in a tree, [`FAN_IN`] neighbours at a time. All of this depends on the
//! tile's shape alone. Positions of extremes, which no order changes, have loops of their own (`positions.rs`): over
//! the elements of an output where they lie behind each other, over neighbouring outputs otherwise.

use super::lanes::{Loop, Register};
use super::positions::{Best, Finder, LONG, MOST};
use super::space::{Source, Space, set_sources};
use super::strip::{Machine, STRIP};
use crate::chunk::Region;
use crate::chunk::tiling::FAN_IN;
use crate::device::View;
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
            let first = &tile.parts[lead];
            let alone = |p: &TilePart| p.reducer.extreme.is_some();
            let same =
                |p: &TilePart| p.reduced == first.reduced && p.lanes == first.lanes && !alone(first) && !alone(p);
            let group: Vec<usize> = (lead..tile.parts.len()).filter(|&i| i == lead || same(&tile.parts[i])).collect();
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

    /// Has every step take one strip after the other.
    #[cfg(test)]
    pub(crate) fn strip_by_strip(&mut self) {
        self.walks.iter_mut().flat_map(|walk| &mut walk.loops).for_each(|phase| phase.folds = None);
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

/// The parts that reduce the same axes with the same lanes.
struct Walk {
    lanes: Lanes,
    kept: Vec<usize>,
    reduced: Vec<usize>,
    /// Per reduced axis, where the tile begins, its length, and the distance of positions along it.
    corner: Vec<(usize, usize, usize)>,
    n_inputs: usize,
    loops: Vec<Loop>,
    /// Where the part is the position of an extreme.
    positions: Option<Finder>,
    results: Vec<Register>,
    leaf: Machine,
    states: Vec<State>,
    /// Elements per output, and a register that says so.
    elements: usize,
    count: Register,
    space: Space,
    /// For each index along the axes that are not walked by lanes, the shift in bytes of every source.
    shifts: Vec<isize>,
    rows: Rows,
}

/// For every source, where the strips are that are taken next.
struct Rows(Vec<[*const u8; FAN_IN]>);

// SAFETY: the addresses are set right before the strips are taken, and not looked at otherwise.
unsafe impl Send for Rows {}

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
            positions: match parts {
                [part] => Finder::new(tile, part)?,
                _ => None,
            },
            results: results.into_iter().map(Register::new).collect(),
            leaf: Machine::new(&leaf)?,
            states: states.map(|(&output, size)| State { output, size, start: std::ptr::null_mut() }).collect(),
            elements: 0,
            count: Register::new(DType::F64),
            space: Space::default(),
            shifts: Vec::new(),
            rows: Rows(vec![[std::ptr::null(); FAN_IN]; tile.map.inputs.len()]),
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
        if let Some(mut finder) = self.positions.take() {
            self.find(&mut finder, region, sources);
            self.positions = Some(finder);
            return;
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
                // What loops over several strips take.
                let mut walked = 0;
                if self.loops[phase].folds.is_some() {
                    walked = len - len % STRIP;
                    for first in (0..walked).step_by(FAN_IN * STRIP) {
                        let count = FAN_IN.min((walked - first) / STRIP);
                        (0..count).for_each(|k| self.load_strip(k, output, first + k * STRIP, STRIP));
                        self.steps(phase, count, (STRIP, lanes));
                    }
                }
                for at in (walked..len).step_by(STRIP) {
                    let n = STRIP.min(len - at);
                    self.load_strip(0, output, at, n);
                    self.step(phase, 0, (n, lanes));
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
                for first in (0..rows).step_by(FAN_IN) {
                    let count = FAN_IN.min(rows - first);
                    if phase == 0 || rows > FAN_IN {
                        let shifts = &self.shifts[first * self.n_inputs..][..count * self.n_inputs];
                        self.space.load_rows(shifts, at, n, &mut self.rows.0);
                    }
                    if self.loops[phase].folds.is_some() {
                        self.steps(phase, count, (n, n));
                        continue;
                    }
                    for row in 0..count {
                        self.step(phase, row, (n, n));
                    }
                }
                self.loops[phase].gather(n);
                self.conclude(phase, n);
            }
            self.store(at, n);
        }
    }

    /// Finds elements `at .. at + n` of the space at the shifts of `output`, as strip `row` of those taken next.
    fn load_strip(&mut self, row: usize, output: usize, at: usize, n: usize) {
        let shifts = &self.shifts[output * self.n_inputs..][..self.n_inputs];
        for (i, &shift) in shifts.iter().enumerate() {
            self.rows.0[i][row] = self.space.load_row(i, row, shift, at, n);
        }
    }

    /// Finds the extreme of every output and its position.
    fn find(&mut self, finder: &mut Finder, region: &Region, sources: &[Source]) {
        self.space.set_along(&region.shape, &self.reduced, sources);
        let len = self.space.len();
        let lie_behind = (0..self.n_inputs).all(|i| self.space.in_place(i, 0, 0, len).is_some());
        if self.lanes == Lanes::Outputs && !(lie_behind && len >= LONG) {
            self.find_across(finder, region, sources);
            return;
        }
        let stored = finder.input().filter(|_| lie_behind);
        let most = if stored.is_some() { MOST } else { STRIP };
        for output in 0..self.set_shifts(region, true, sources) {
            let mut best = Best::default();
            for at in (0..len).step_by(most) {
                let n = most.min(len - at);
                let shift = |i: usize| self.shifts[output * self.n_inputs + i];
                let from = match stored.and_then(|i| self.space.in_place(i, shift(i), at, n)) {
                    Some(from) => from,
                    None => {
                        self.load_strip(0, output, at, n);
                        // SAFETY: `load_strip` found `n` elements of each input.
                        unsafe { finder.elements(0, n, self.n_inputs, |i| self.rows.0[i][0]) }
                    }
                };
                // SAFETY: there are `n` elements, which lie behind each other.
                unsafe { finder.along(from, n, at, &mut best) };
            }
            self.store_best(finder, output, &best);
        }
    }

    /// As [`Walk::find`], outputs side by side.
    fn find_across(&mut self, finder: &mut Finder, region: &Region, sources: &[Source]) {
        self.space.set_along(&region.shape, &self.kept, sources);
        let rows = self.set_shifts(region, false, sources);
        for (at, n) in self.space.strips() {
            for first in (0..rows).step_by(FAN_IN) {
                let count = FAN_IN.min(rows - first);
                let shifts = &self.shifts[first * self.n_inputs..][..count * self.n_inputs];
                self.space.load_rows(shifts, at, n, &mut self.rows.0);
                let mut elements = [std::ptr::null(); FAN_IN];
                for (row, elements) in elements[..count].iter_mut().enumerate() {
                    // SAFETY: `load_rows` found `n` elements of each input.
                    *elements = unsafe { finder.elements(row, n, self.n_inputs, |i| self.rows.0[i][row]) };
                }
                // SAFETY: each row has `n` elements.
                unsafe { finder.across(&elements[..count], first, n) };
            }
            for k in 0..n {
                let best = if rows > 0 { finder.best(k) } else { Best::default() };
                self.store_best(finder, at + k, &best);
            }
        }
    }

    /// Writes the state of an output: its best element, and the position of that in the whole space.
    fn store_best(&self, finder: &Finder, output: usize, best: &Best) {
        let position = best.at.map_or(i64::MAX, |at| {
            let (mut position, mut rest) = (0, at);
            for &(start, len, stride) in self.corner.iter().rev() {
                position += (start + rest % len) * stride;
                rest /= len;
            }
            position.cast_signed() as i64
        });
        let to = |state: &State| state.start.wrapping_add(output * state.size);
        if let [element, place] = &self.states[..] {
            // SAFETY: the state buffers hold one element per output of the tile.
            unsafe {
                finder.store(best, to(element));
                to(place).cast::<i64>().write(position);
            }
        }
    }

    /// Feeds the `n` elements of strip `row` to `n` of `lanes` lanes.
    fn step(&mut self, phase: usize, row: usize, (n, lanes): (usize, usize)) {
        let current = &mut self.loops[phase];
        self.rows.0.iter().enumerate().for_each(|(i, rows)| current.step.set_input(i, rows[row]));
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
        // SAFETY: the strip has `n` elements of each input; registers hold STRIP elements of their dtype; the
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

    /// Feeds `count` strips of `n` elements to `n` of `lanes` lanes, several at once: those of one group of the tree.
    fn steps(&mut self, phase: usize, count: usize, (n, lanes): (usize, usize)) {
        let mut done = 0;
        while done < count {
            let current = &mut self.loops[phase];
            let Some(folds) = &mut current.folds else { return };
            let now = folds.at_once().min(count - done);
            debug_assert!(now <= FAN_IN - current.steps % FAN_IN);
            for row in 0..now {
                folds.set_row(row, n, self.n_inputs, |i| self.rows.0[i][done + row]);
            }
            let (read, write) = (current.current, usize::from(current.current == 0));
            for k in 0..current.kinds {
                if let Some(same) = folds.same_as(k) {
                    let (before, after) = current.acc[write].split_at_mut(k);
                    after[0].copy_from(&before[same], n);
                    continue;
                }
                let (from, to) = (current.acc[read][k].ptr(0).cast_const(), current.acc[write][k].ptr(0));
                let results = &mut self.results;
                let fixed = |known: usize| results[current.earlier[known]].ptr(0).cast_const();
                // SAFETY: rows have `n` elements, at most STRIP, which registers hold; accumulators that are written
                // are not those that are read.
                unsafe { folds.run(k, (now, n), from, to, fixed) };
            }
            if n < lanes {
                current.keep_tail(n, lanes);
            }
            current.current = write;
            current.steps += now;
            if current.steps.is_multiple_of(FAN_IN) {
                current.climb(lanes);
            }
            done += now;
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
