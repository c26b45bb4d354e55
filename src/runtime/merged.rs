//! Lines from their sorted runs: elements in order, positions, quantiles, as far as a region asks for them.

use super::fetch::{Held, Memo, Shared};
use super::runs::{RunsInMaking, SortedRuns, run_lines};
use super::trace::Timed;
use crate::blockwise::plan::{Origin, StageId};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::StridedBox;
use crate::cpu::lines::runs::{look_up, quantiles, ranks};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::regional::{Computation, End, LineOp, Lines, Merged};
use crate::shape;
use std::sync::OnceLock;

impl Shared<'_> {
    /// Sorts the runs of block `index` of stage `id`, which covers `region`.
    pub(crate) fn add_runs(&self, id: StageId, runs: &RunsInMaking, index: &[usize], region: &Region) -> Result<()> {
        let view = self.views(id, region, &mut Memo::default())?.pop();
        let view = view.ok_or_else(|| Error::bug("runs have an input"))?;
        let axes = runs.axes();
        let dims: Vec<usize> = axes.iter().map(|&a| region.shape[a]).collect();
        let strides = axes.iter().map(|&a| view.strides[a]).collect();
        let view = View { strides, ..view };
        let block = self.dense(&view, &dims, self.plan.stages[id].inputs[0].dtype)?.host()?;
        drop(view);
        let add = || runs.add(self.cx.memory(), index, region, &block);
        self.trace.timed(Timed::Sort(runs.bytes(block.size())), add)
    }

    /// What stage `id` has in `region`, from the runs of its lines.
    pub(crate) fn merged(&self, id: StageId, merged: &Merged, region: &Region) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let origin = stage.inputs[0].single().map(|piece| piece.origin);
        let held = match origin {
            Some(Origin::Stage(runs, result)) => self.results[runs].get(result).and_then(OnceLock::get),
            _ => None,
        };
        let Some(Held::Runs(runs)) = held else { return Err(Error::bug("runs are made before they are merged")) };
        let lines = &merged.lines;
        let (first, count) = (region.start[lines.axis], region.shape[lines.axis]);
        let mut kept = region.clone();
        kept.start.remove(lines.axis);
        kept.shape.remove(lines.axis);
        let size = lines.output().size();
        let mut out = self.cx.memory().buffer(region.size() * size);
        let each = count * size;
        for (number, step) in Indices::new(&kept.shape).enumerate().take_while(|_| each > 0) {
            let line: Vec<usize> = step.iter().zip(&kept.start).map(|(a, b)| a + b).collect();
            let made = self.line(lines, runs, &line, (first, count))?;
            out.bytes_mut()[number * each..(number + 1) * each].copy_from_slice(made.bytes());
        }
        self.turned(out, lines, region, &kept.shape)
    }

    /// The elements `first` and so many after it of what one line becomes.
    fn line(&self, lines: &Lines, runs: &SortedRuns, line: &[usize], (first, count): (usize, usize)) -> Result<Block> {
        let (memory, len) = (self.cx.memory(), runs.len());
        let (end, positions) = match &lines.op {
            LineOp::Sort => (End::First, false),
            LineOp::Argsort => (End::First, true),
            LineOp::Top(end) => (*end, false),
            LineOp::Argtop(end) => (*end, true),
            LineOp::Lexsort(_) | LineOp::Fourier(_) | LineOp::Spline(_) | LineOp::Nearest(_) => {
                return Err(Error::bug("lines that are not merged"));
            }
            LineOp::Quantiles(of) => {
                let valid = runs.valid(line);
                let mut elements = Vec::new();
                for rank in ranks(of, len, valid) {
                    elements.extend(runs.cut(memory, line, rank)?.1);
                }
                let mut all = Buffer::zeroed(of.count() * of.output.size());
                quantiles(of, lines.dtype, (len, valid), &elements, all.bytes_mut())?;
                let mut some = memory.buffer(count * of.output.size());
                let from = first * of.output.size();
                let wanted = from..from + some.len();
                some.bytes_mut().copy_from_slice(&all.bytes()[wanted]);
                return Block::new(of.output, &[count], some);
            }
        };
        let ranks = match end {
            End::First => (first, first + count),
            End::Last => (len - first - count, len - first),
        };
        let bytes = count * lines.dtype.size();
        let (elements, places) = self.trace.timed(Timed::Unspill(bytes), || runs.between(memory, line, ranks))?;
        let op = match (end, positions) {
            (End::First, false) => LineOp::Sort,
            (End::First, true) => LineOp::Argsort,
            (End::Last, false) => LineOp::Top(end),
            (End::Last, true) => LineOp::Argtop(end),
        };
        let sort = Lines { op, axis: 0, len: count, out: count, dtype: lines.dtype };
        let made = run_lines(memory, sort, &elements)?;
        drop(elements);
        if !positions {
            return Ok(made);
        }
        let (dtype, shape) = (made.dtype(), made.shape().to_vec());
        let mut order = made.into_buffer().map_err(|_| Error::bug("positions are shared with nobody"))?;
        look_up(order.bytes_mut(), &places)?;
        Block::new(dtype, &shape, order)
    }

    /// Puts what lines became, one after another, in the order of the axes of `region`.
    fn turned(&self, made: Buffer, lines: &Lines, region: &Region, kept: &[usize]) -> Result<Data> {
        let mut dims = kept.to_vec();
        dims.push(region.shape[lines.axis]);
        let strides = shape::strides(&dims);
        let block = Block::new(lines.output(), &dims, made)?;
        if lines.axis + 1 == region.rank() {
            return Ok(self.cx.data(block));
        }
        let mut seen: Vec<isize> = strides[..kept.len()].iter().map(|s| s.cast_signed()).collect();
        seen.insert(lines.axis, 1);
        let view = View { block: Data::Host(block), offset: 0, strides: seen };
        let mut out = super::collage::Collage::new(self.cx, lines.output(), &region.shape);
        out.add(&view, StridedBox::of(&region.shape, &vec![0; region.rank()]), &region.shape)?;
        out.finish()
    }
}
