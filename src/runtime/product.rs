//! Products of matrices over any region: panels of both factors are read one after another and added up.

use super::fetch::{Memo, Shared};
use super::launch::{Launcher, StageKernels};
use super::trace::timed;
use crate::blockwise::plan::{Origin, Stage, StageId, StageKind};
use crate::chunk::{AxisChunks, Region};
use crate::device::View;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::contraction::Contraction;
use crate::shape;

impl Shared<'_> {
    /// The elements that a product has in `region`: whole cells are computed, the rest is cut off.
    pub(crate) fn product(&self, id: StageId, region: &Region) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let (StageKind::Contract(contraction), StageKernels::Product { convert, .. }) =
            (&stage.kind, &self.kernels[id])
        else {
            return Err(Error::bug("a product"));
        };
        let (dtype, work, rank) = (contraction.dtype, contraction.work(), region.rank());
        let mut cells = region.clone();
        cover(&mut cells, rank - 2, &contraction.rows);
        cover(&mut cells, rank - 1, &contraction.columns);
        let mut buffer = self.cx.memory().buffer(cells.size() * work.size());
        let each = cells.size() / cells.shape[0].max(1) * work.size();
        for segment in 0..cells.shape[0] {
            let bytes = &mut buffer.bytes_mut()[segment * each..(segment + 1) * each];
            let mut one = cells.clone();
            (one.start[0], one.shape[0]) = (cells.start[0] + segment, 1);
            self.segment(id, contraction, &one, bytes)?;
        }
        let data = self.cx.data(Block::new(work, &cells.shape, buffer)?);
        let view = View::whole(data).shifted(&region.relative_to(&cells).start);
        match convert {
            Some((_, narrow)) => self.only(stage, narrow, region, &[view]),
            None => self.dense(&view, &region.shape, dtype),
        }
    }

    /// The sum over one segment for `cells`, into `bytes`.
    fn segment(&self, id: StageId, contraction: &Contraction, cells: &Region, bytes: &mut [u8]) -> Result<()> {
        let stage = &self.plan.stages[id];
        let StageKernels::Product { first, onto, .. } = &self.kernels[id] else { return Err(Error::bug("a product")) };
        let Contraction { panels, segments, .. } = contraction;
        let (from, to) = (segments.start(cells.start[0]), segments.start(cells.start[0] + 1));
        if from == to {
            bytes.fill(0);
        }
        let mut at = from;
        while at < to {
            let next = panels.start(panels.find(at) + 1);
            let panel = |start: usize, end: usize| {
                let mut panel = stage.input_region(cells);
                let last = panel.rank() - 1;
                (panel.start[last], panel.shape[last]) = (start, end - start);
                panel
            };
            if next < to {
                self.announce(stage, &panel(next, panels.start(panels.find(next) + 1)));
            }
            let factors = self.factors(id, &panel(at, next))?;
            let kernel = if at == from { first } else { onto };
            timed(&self.trace.counters.compute_ns, || kernel.run_into(cells, &factors, &mut [bytes]))
                .map_err(|e| e.at(format!("in {} built at {}", stage.label, stage.site)))?;
            at = next;
        }
        Ok(())
    }

    /// A panel of both factors, dense and in the dtype that they are multiplied in.
    fn factors(&self, id: StageId, panel: &Region) -> Result<Vec<View>> {
        let stage = &self.plan.stages[id];
        let StageKernels::Product { convert, .. } = &self.kernels[id] else { return Err(Error::bug("a product")) };
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
                let data = match convert {
                    Some((wide, _)) => self.only(stage, wide, &Region::full(&dims), &[view])?,
                    None => self.dense(&view, &dims, input.dtype)?,
                };
                Ok(View::whole(data.host()?))
            })
            .collect()
    }

    /// Tells stores what is read next.
    fn announce(&self, stage: &Stage, region: &Region) {
        for piece in stage.inputs.iter().flat_map(|i| &i.pieces) {
            if let (Origin::Store(s), Some(part)) = (piece.origin, piece.out.intersect(region)) {
                self.plan.stores[s].prefetch(&piece.map.source(&part).0);
            }
        }
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
