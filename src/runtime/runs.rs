//! Lines on disk as sorted runs, and any stretch of them in order.
//!
//! Every block of the sweep that makes them becomes one run of each of its lines. Of a run, one element in [`STEP`] is
//! known; which run the known ones come from, in order, is all that is kept of them once every run is there. To find
//! where each run is cut by the first `k` elements of the line, the known elements give a window of each that holds the
//! cut; windows are read, and their elements are put in order as far as it takes. What windows hold is bounded by the
//! number of runs alone, whatever the elements are.

use super::spill::SpillLog;
use crate::chunk::region::Indices;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::cpu::lines::runs::{known, narrow, order, split, widen};
use crate::cpu::regional;
use crate::device::View;
use crate::device::block::Block;
use crate::device::memory::Memory;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::regional::runs::STEP;
use crate::op::regional::{Computation, LineOp, Lines, Regional, Runs};
use crate::shape;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// Known elements between places where the counts of all runs are noted, for each run.
const STRIDE: usize = 16;

/// Runs while they are made.
#[derive(Debug)]
pub(crate) struct RunsInMaking {
    op: Runs,
    /// The blocks along the axes of a line, which number the runs.
    along: Chunks,
    sorted: SortedRuns,
    /// Of each line, what is known of each run, and how many elements are NaN.
    samples: Mutex<Vec<(Vec<Vec<u8>>, usize)>>,
}

/// Lines as sorted runs.
#[derive(Debug)]
pub(crate) struct SortedRuns {
    /// The dtype of the elements.
    pub(crate) dtype: DType,
    /// Whether equal elements stay in their order.
    ties: bool,
    /// The lengths of the other axes.
    pub(crate) kept: Vec<usize>,
    /// Where runs begin.
    cuts: AxisChunks,
    values: SpillLog,
    positions: Option<SpillLog>,
    /// What is known of each line.
    lines: Vec<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The runs that known elements come from, these in order.
    order: Vec<u32>,
    /// How many of each run come before every so-many-th.
    counts: Vec<u32>,
    /// Elements that are NaN.
    nan: usize,
}

impl RunsInMaking {
    /// Room in `folder` for the runs of a stage over the blocks of `grid`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the folder.
    pub(crate) fn new(folder: &Path, op: &Runs, grid: &Chunks) -> Result<Self> {
        let along = Chunks::new(op.pick(grid.axes(), true));
        let lengths: Vec<usize> = Indices::new(&along.counts()).map(|i| along.region(&i).size()).collect();
        let cuts = AxisChunks::from_lengths(&lengths);
        let mut axes = op.pick(grid.axes(), false);
        let kept: Vec<usize> = axes.iter().map(AxisChunks::len).collect();
        axes.push(cuts.clone());
        let written = Chunks::new(axes);
        let log = |dtype| SpillLog::create(folder, dtype, &written, &written).map(SpillLog::plain);
        let positions = if op.positions { Some(log(DType::U32)?) } else { None };
        let count = shape::size(&kept);
        let lines = (0..count).map(|_| Known::default()).collect();
        let samples = Mutex::new(vec![(vec![Vec::new(); cuts.count()], 0); count]);
        let values = log(op.dtype)?;
        let sorted = SortedRuns { dtype: op.dtype, ties: op.positions, kept, cuts, values, positions, lines };
        Ok(Self { op: op.clone(), along, sorted, samples })
    }

    /// The axes of the stage in the order in which a block is handed over: the others, then those of a line.
    pub(crate) fn axes(&self) -> Vec<usize> {
        let all: Vec<usize> = (0..self.op.along.len()).collect();
        [self.op.pick(&all, false), self.op.pick(&all, true)].concat()
    }

    /// Bytes that this many elements take on disk.
    pub(crate) fn bytes(&self, elements: usize) -> usize {
        elements * (self.op.dtype.size() + if self.op.positions { DType::U32.size() } else { 0 })
    }

    /// Sorts the lines of a block, whose axes are in that order, and keeps them. It is block `index`, and covers
    /// `region`.
    ///
    /// # Errors
    /// As [`SpillLog::write`].
    pub(crate) fn add(&self, memory: &Arc<Memory>, index: &[usize], region: &Region, block: &Block) -> Result<()> {
        let run = self.along.number(&self.op.pick(index, true));
        let mut place = Region::new(self.op.pick(&region.start, false), self.op.pick(&region.shape, false));
        let (start, len) = (self.sorted.cuts.start(run), self.sorted.cuts.length(run));
        let lines = place.size();
        place.start.push(start);
        place.shape.push(len);
        let block = block.reshaped(&[lines, len])?;
        let sort = |op| Lines { op, axis: 1, len, out: len, dtype: self.op.dtype };
        if let Some(log) = &self.sorted.positions {
            let positions = run_lines(memory, sort(LineOp::Argsort), &block)?;
            let mut buffer = memory.buffer(positions.size() * DType::U32.size());
            narrow(positions.bytes(), buffer.bytes_mut())?;
            drop(positions);
            log.write(memory, &place, &Block::new(DType::U32, &place.shape, buffer)?)?;
        }
        let sorted = run_lines(memory, sort(LineOp::Sort), &block)?;
        drop(block);
        self.note(run, &place, &sorted)?;
        let sorted = sorted.reshaped(&place.shape)?;
        self.sorted.values.write(memory, &place, &sorted)
    }

    /// Notes what is known of a run of some lines.
    fn note(&self, run: usize, place: &Region, sorted: &Block) -> Result<()> {
        let bytes = (self.sorted.cuts.length(run) * self.op.dtype.size()).max(1);
        let strides = shape::strides(&self.sorted.kept);
        let kept = place.rank() - 1;
        for (step, line) in Indices::new(&place.shape[..kept]).zip(sorted.bytes().chunks_exact(bytes)) {
            let number: usize = (0..kept).map(|a| (place.start[a] + step[a]) * strides[a]).sum();
            let (samples, nan) = known(self.op.dtype, line)?;
            let mut all = self.samples.lock();
            all[number].1 += nan;
            all[number].0[run] = samples;
        }
        Ok(())
    }

    /// The runs, once all are there.
    pub(crate) fn finish(self) -> SortedRuns {
        let mut sorted = self.sorted;
        let runs = sorted.cuts.count();
        for (line, (samples, nan)) in sorted.lines.iter_mut().zip(self.samples.into_inner()) {
            line.nan = nan;
            line.order = order(sorted.dtype, sorted.ties, &samples);
            let mut counts = vec![0u32; runs];
            for (i, &run) in line.order.iter().enumerate() {
                if i.is_multiple_of(STRIDE * runs) {
                    line.counts.extend(&counts);
                }
                counts[run as usize] += 1;
            }
        }
        sorted
    }
}

/// What `lines` makes of the rows of `block`.
pub(crate) fn run_lines(memory: &Arc<Memory>, lines: Lines, block: &Block) -> Result<Block> {
    let mut shape = block.shape().to_vec();
    shape[lines.axis] = lines.out;
    let output = lines.output();
    let _scratch = memory.claim(lines.scratch(&shape));
    let mut buffer = memory.buffer(shape::size(&shape) * output.size());
    let view = View::whole(block.clone());
    regional::run(&Regional::Lines(lines), &Region::full(&shape), &[view], &mut [buffer.bytes_mut()])?;
    Block::new(output, &shape, buffer)
}

impl SortedRuns {
    /// The length of a line.
    pub(crate) fn len(&self) -> usize {
        self.cuts.len()
    }

    /// What all of them take on disk.
    pub(crate) fn bytes(&self) -> usize {
        let each = self.dtype.size() + self.positions.as_ref().map_or(0, |log| log.dtype().size());
        shape::size(&self.kept) * self.len() * each
    }

    /// How many elements of a line are not NaN.
    pub(crate) fn valid(&self, line: &[usize]) -> usize {
        self.len() - self.lines[self.number(line)].nan
    }

    /// Where the first `rank` elements of line `line` end in each run, and the element after them.
    ///
    /// # Errors
    /// As [`SpillLog::read`].
    pub(crate) fn cut(&self, memory: &Arc<Memory>, line: &[usize], rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
        let known = &self.lines[self.number(line)];
        let (below, above) = (rank / STEP, (rank + 1).div_ceil(STEP) + self.cuts.count());
        let (first, last) = (self.counts(known, below), self.counts(known, above));
        let all = above >= known.order.len();
        let mut starts = Vec::with_capacity(first.len());
        let mut windows = Vec::with_capacity(first.len());
        for (run, (&a, &b)) in first.iter().zip(&last).enumerate() {
            let len = self.cuts.length(run);
            let start = if a == 0 { 0 } else { (a - 1) * STEP + 1 };
            let end = if all { len } else { (b * STEP).min(len) };
            starts.push(start);
            windows.push(self.read(&self.values, memory, line, run, start..end)?);
        }
        let before: usize = starts.iter().sum();
        let (counts, next) = split(self.dtype, self.ties, &windows, rank - before);
        Ok((starts.iter().zip(counts).map(|(a, b)| a + b).collect(), next))
    }

    /// The elements of a line from rank `first` up to rank `last`, run by run, and where positions are kept, those.
    ///
    /// # Errors
    /// As [`SpillLog::read`].
    pub(crate) fn between(
        &self,
        memory: &Arc<Memory>,
        line: &[usize],
        (first, last): (usize, usize),
    ) -> Result<(Block, Vec<i64>)> {
        let (from, to) = (self.cut(memory, line, first)?.0, self.cut(memory, line, last)?.0);
        let mut buffer = memory.buffer((last - first) * self.dtype.size());
        let (mut at, mut positions) = (0, Vec::new());
        for (run, (&a, &b)) in from.iter().zip(&to).enumerate() {
            let bytes = self.read(&self.values, memory, line, run, a..b)?;
            buffer.bytes_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
            at += bytes.len();
            if let Some(log) = &self.positions {
                widen(&self.read(log, memory, line, run, a..b)?, self.cuts.start(run), &mut positions);
            }
        }
        Ok((Block::new(self.dtype, &[last - first], buffer)?, positions))
    }

    /// A stretch of a run.
    fn read(
        &self,
        log: &SpillLog,
        memory: &Arc<Memory>,
        line: &[usize],
        run: usize,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<u8>> {
        let mut region = Region::new(line.to_vec(), vec![1; line.len()]);
        region.start.push(self.cuts.start(run) + range.start);
        region.shape.push(range.len());
        let mut out = vec![0; range.len() * log.dtype().size()];
        if !out.is_empty() {
            log.read(memory, &region, &mut out)?;
        }
        Ok(out)
    }

    fn number(&self, line: &[usize]) -> usize {
        line.iter().zip(shape::strides(&self.kept)).map(|(i, s)| i * s).sum()
    }

    /// How many of the first `count` known elements come from each run.
    fn counts(&self, known: &Known, count: usize) -> Vec<usize> {
        let runs = self.cuts.count();
        let count = count.min(known.order.len());
        let noted = (count / (STRIDE * runs)).min((known.counts.len() / runs).saturating_sub(1));
        let mut out: Vec<usize> = known.counts.iter().skip(noted * runs).take(runs).map(|&c| c as usize).collect();
        out.resize(runs, 0);
        known.order[noted * STRIDE * runs..count].iter().for_each(|&run| out[run as usize] += 1);
        out
    }
}
