//! Products of matrices over any region: panels of both factors are read one after another and added up.

use super::collage::Collage;
use super::fetch::{Memo, Shared};
use super::launch::{Launcher, StageKernels};
use super::trace::Timed;
use crate::blockwise::plan::{Stage, StageId, StageKind};
use crate::chunk::{AxisChunks, Region};
use crate::cpu::copy::StridedBox;
use crate::device::View;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::contraction::Contraction;
use crate::shape;

impl Shared<'_> {
    /// The elements that a product has in `region`: whole cells are computed, the rest is cut off.
    pub(crate) fn product(&self, id: StageId, region: &Region) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let (StageKind::Contract(contraction), StageKernels::Product { first, narrow, .. }) =
            (&stage.kind, &self.kernels[id])
        else {
            return Err(Error::bug("a product"));
        };
        let (dtype, work, rank) = (contraction.dtype, contraction.work(), region.rank());
        let finish = |data: Data, held: &Region| {
            let view = View::whole(data).shifted(&region.relative_to(held).start);
            match narrow {
                Some(narrow) => self.only(stage, narrow, region, &[view]),
                None => self.dense(&view, &region.shape, dtype),
            }
        };
        let mut cells = region.clone();
        cover(&mut cells, rank - 2, &contraction.rows);
        cover(&mut cells, rank - 1, &contraction.columns);
        if !first.on_cpu() {
            return finish(self.cells(id, contraction, &cells)?, &cells);
        }
        let mut buffer = self.cx.memory().buffer(cells.size() * work.size());
        let each = cells.size() / cells.shape[0].max(1) * work.size();
        for segment in 0..cells.shape[0] {
            let bytes = &mut buffer.bytes_mut()[segment * each..(segment + 1) * each];
            let mut one = cells.clone();
            (one.start[0], one.shape[0]) = (cells.start[0] + segment, 1);
            self.segment(id, contraction, &one, bytes)?;
        }
        finish(self.cx.data(Block::new(work, &cells.shape, buffer)?), &cells)
    }

    /// The products of some cells on a device, each by itself: how a device rounds depends on the size of a product.
    fn cells(&self, id: StageId, contraction: &Contraction, cells: &Region) -> Result<Data> {
        let (given, rank) = (self.given(id, contraction), cells.rank());
        let list = |axis: usize, cuts: &AxisChunks| -> Vec<(usize, usize)> {
            let (first, end) = (cuts.find(cells.start[axis]), cells.end(axis));
            let inside = (first..cuts.count()).take_while(|&i| cuts.start(i) < end);
            inside.map(|i| (cuts.start(i), cuts.length(i))).collect()
        };
        let mut block = Collage::new(self.cx, given, &cells.shape);
        for segment in 0..cells.shape[0] {
            for &(row, rows) in &list(rank - 2, &contraction.rows) {
                for &(column, columns) in &list(rank - 1, &contraction.columns) {
                    let mut cell = cells.clone();
                    (cell.start[0], cell.shape[0]) = (cells.start[0] + segment, 1);
                    (cell.start[rank - 2], cell.shape[rank - 2]) = (row, rows);
                    (cell.start[rank - 1], cell.shape[rank - 1]) = (column, columns);
                    let data = self.cell(id, contraction, &cell)?;
                    if cell == *cells {
                        return Ok(data);
                    }
                    let to = StridedBox::of(&cells.shape, &cell.relative_to(cells).start);
                    block.add(&View::whole(data), to, &cell.shape)?;
                }
            }
        }
        block.finish()
    }

    /// The dtype in which cells are given: the one in which they are added up, where they are rounded later.
    fn given(&self, id: StageId, contraction: &Contraction) -> DType {
        let rounded = matches!(self.kernels[id], StageKernels::Product { narrow: None, .. });
        if rounded { contraction.dtype } else { contraction.work() }
    }

    /// The product of one cell on a device, panel after panel.
    fn cell(&self, id: StageId, contraction: &Contraction, cell: &Region) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let StageKernels::Product { first, onto, .. } = &self.kernels[id] else { return Err(Error::bug("a product")) };
        let mut sum: Option<Data> = None;
        for panel in Self::panels(stage, contraction, cell) {
            let mut inputs = self.factors(id, &panel)?;
            sum = Some(match sum.take() {
                None => self.only(stage, first, cell, &inputs)?,
                Some(before) => {
                    inputs.push(View::whole(before));
                    self.only(stage, onto, cell, &inputs)?
                }
            });
        }
        sum.map_or_else(
            || {
                let given = self.given(id, contraction);
                let mut buffer = self.cx.memory().buffer(cell.size() * given.size());
                buffer.bytes_mut().fill(0);
                Ok(self.cx.data(Block::new(given, &cell.shape, buffer)?))
            },
            Ok,
        )
    }

    /// The panels of both factors that `cells` need, in the order in which they are added up.
    fn panels(stage: &Stage, contraction: &Contraction, cells: &Region) -> Vec<Region> {
        let Contraction { panels, segments, .. } = contraction;
        let (from, to) = (segments.start(cells.start[0]), segments.start(cells.start[0] + 1));
        let mut out = Vec::new();
        let mut at = from;
        while at < to {
            let next = panels.start(panels.find(at) + 1).min(to);
            let mut panel = stage.input_region(cells);
            let last = panel.rank() - 1;
            (panel.start[last], panel.shape[last]) = (at, next - at);
            out.push(panel);
            at = next;
        }
        out
    }

    /// The sum over one segment for `cells`, into `bytes`.
    fn segment(&self, id: StageId, contraction: &Contraction, cells: &Region, bytes: &mut [u8]) -> Result<()> {
        let stage = &self.plan.stages[id];
        let StageKernels::Product { first, onto, .. } = &self.kernels[id] else { return Err(Error::bug("a product")) };
        let panels = Self::panels(stage, contraction, cells);
        if panels.is_empty() {
            bytes.fill(0);
        }
        for (i, panel) in panels.iter().enumerate() {
            if let Some(next) = panels.get(i + 1) {
                self.announce(stage, next);
            }
            let factors = self.factors(id, panel)?.iter().map(View::host).collect::<Result<Vec<_>>>()?;
            let kernel = if i == 0 { first } else { onto };
            self.trace
                .timed(Timed::Compute, || kernel.run_into(cells, &factors, &mut [bytes]))
                .map_err(|e| e.at(format!("in {} built at {}", stage.label, stage.site)))?;
        }
        Ok(())
    }

    /// A panel of both factors, dense and in the dtype that they are multiplied in.
    fn factors(&self, id: StageId, panel: &Region) -> Result<Vec<View<Data>>> {
        let stage = &self.plan.stages[id];
        let StageKernels::Product { widen, .. } = &self.kernels[id] else { return Err(Error::bug("a product")) };
        let views = self.views(id, panel, &mut Memo::to_read_again())?;
        let rank = panel.rank();
        let outer = 0..rank - 3;
        [[rank - 3, rank - 1], [rank - 1, rank - 2]]
            .iter()
            .zip(views)
            .zip(&stage.inputs)
            .map(|((inner, view), input)| {
                let axes: Vec<usize> = outer.clone().chain(inner.iter().copied()).collect();
                let dims: Vec<usize> = axes.iter().map(|&a| panel.shape[a]).collect();
                let strides = axes.iter().map(|&a| view.strides[a]).collect();
                let view = View { strides, ..view };
                let data = match widen {
                    Some(widen) => self.only(stage, widen, &Region::full(&dims), &[view])?,
                    None => self.dense(&view, &dims, input.dtype)?,
                };
                Ok(View::whole(data))
            })
            .collect()
    }

    fn only(&self, stage: &Stage, kernel: &Launcher, region: &Region, views: &[View<Data>]) -> Result<Data> {
        let data = self.launch(stage, kernel, region, views)?.pop();
        data.ok_or_else(|| Error::bug(format!("{} has a result over {}", stage.label, shape::tuple(&region.shape))))
    }
}

/// Grows `region` along `axis` to whole pieces of `cuts`.
fn cover(region: &mut Region, axis: usize, cuts: &AxisChunks) {
    if region.shape[axis] > 0 {
        let (first, last) = (cuts.find(region.start[axis]), cuts.find(region.end(axis) - 1));
        region.start[axis] = cuts.start(first);
        region.shape[axis] = cuts.start(last + 1) - region.start[axis];
    }
}
