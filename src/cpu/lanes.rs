//! Lanes of accumulators: one loop over the elements of a tile, the tree by which steps of it join, and the merge of
//! lanes.

use super::folds::{Folds, Inputs};
use super::strip::{Machine, STRIP};
use crate::chunk::tiling::FAN_IN;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::kernel::{TilePart, TileReduce};
use crate::op::program::{Program, Value};

/// The set of accumulators that phases begin with.
const BEGIN: usize = 2;

/// A strip of a dtype.
pub(super) struct Register {
    pub(super) data: Buffer,
    size: usize,
}

impl Register {
    pub(super) fn new(dtype: DType) -> Self {
        Self { data: Buffer::zeroed(STRIP * dtype.size()), size: dtype.size() }
    }

    pub(super) fn fill(&mut self, value: Scalar, dtype: DType) {
        self.data.bytes_mut()[..self.size].copy_from_slice(&value.to_bytes(dtype)[..self.size]);
        self.spread(STRIP);
    }

    /// Copies the first element to the first `n`.
    pub(super) fn spread(&mut self, n: usize) {
        let bytes = &mut self.data.bytes_mut()[..n * self.size];
        let mut done = self.size;
        while done < bytes.len() {
            let more = done.min(bytes.len() - done);
            bytes.copy_within(..more, done);
            done += more;
        }
    }

    /// Copies the first `n` elements of a register of the same dtype.
    pub(super) fn copy_from(&mut self, other: &Self, n: usize) {
        let bytes = n * self.size;
        self.data.bytes_mut()[..bytes].copy_from_slice(&other.data.bytes()[..bytes]);
    }

    pub(super) fn ptr(&mut self, lane: usize) -> *mut u8 {
        self.data.bytes_mut()[lane * self.size..].as_mut_ptr()
    }
}

/// One phase of all parts of a walk, fused.
pub(super) struct Loop {
    /// Inputs: the map's, the accumulators, results of earlier phases, the position.
    pub(super) step: Machine,
    /// The step over several strips at once, where there are loops for that.
    pub(super) folds: Option<Folds>,
    pub(super) merge: Machine,
    pub(super) result: Machine,
    /// Which earlier results the step reads.
    pub(super) earlier: Vec<usize>,
    /// Number of accumulators.
    pub(super) kinds: usize,
    /// Accumulators: two sets, one read while the other is written, and what they begin as.
    pub(super) acc: [Vec<Register>; 3],
    pub(super) current: usize,
    /// Steps since the phase began, and the accumulators of finished groups of them, per level of the tree.
    pub(super) steps: usize,
    levels: Vec<Vec<Register>>,
    init: Vec<DType>,
    /// The results this phase gives, as indices into the walk's.
    pub(super) gives: std::ops::Range<usize>,
}

impl Loop {
    /// Fuses phase `phase` of all parts; registers the results it gives.
    pub(super) fn new(
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
        let inputs = Inputs { map: tile.map.inputs.len(), kinds: init.len(), known: earlier.len() };
        Ok(Self {
            step: Machine::new(&step)?,
            folds: Folds::new(&step, &inputs, &init)?,
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

    pub(super) fn begin(&mut self) {
        (self.current, self.steps) = (BEGIN, 0);
    }

    /// Joins the group of steps that was just finished to those before it, and begins another.
    pub(super) fn climb(&mut self, lanes: usize) {
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
    pub(super) fn gather(&mut self, lanes: usize) {
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
    pub(super) fn next(&self) -> usize {
        usize::from(self.current == 0)
    }

    /// Carries over the lanes between `n` and `lanes`, which a strip did not reach.
    pub(super) fn keep_tail(&mut self, n: usize, lanes: usize) {
        let next = self.next();
        for k in 0..self.kinds {
            let from: *const u8 = self.acc[self.current][k].ptr(n);
            let to = self.acc[next][k].ptr(n);
            // SAFETY: both registers hold STRIP elements, `lanes` is at most that, and they are two registers.
            unsafe { std::ptr::copy_nonoverlapping(from, to, (lanes - n) * self.acc[next][k].size) };
        }
    }

    /// Merges lanes by halves until lane 0 holds everything; a power of two of them is in use.
    pub(super) fn merge_lanes(&mut self, lanes: usize) {
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
