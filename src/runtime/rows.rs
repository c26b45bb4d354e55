//! Rows in any order: positions taken of an axis, and what a group has of a tile.

use super::collage::Collage;
use super::fetch::{Memo, Shared};
use crate::blockwise::plan::{Input, Stage, StageId};
use crate::chunk::Region;
use crate::chunk::index_map::AxisMap;
use crate::cpu::copy::StridedBox;
use crate::device::View;
use crate::device::data::Data;
use crate::error::{Error, Result};

impl Shared<'_> {
    /// What an axis has at some positions of an array that is held whole.
    pub(super) fn take(
        &self,
        id: StageId,
        axis: usize,
        positions: &[u32],
        region: &Region,
        memo: &mut Memo,
    ) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let input = &stage.inputs[0];
        let piece = input.single().ok_or_else(|| Error::bug("a take reads one array"))?;
        let mut block = Collage::new(self.cx, input.dtype, &region.shape);
        let mut at = region.start[axis];
        while at < region.end(axis) {
            let rest = &positions[at..region.end(axis)];
            let run = |step: u32| rest.windows(2).take_while(|w| w[0] + step == w[1]).count() + 1;
            let (same, rising) = (run(0), run(1));
            let first = rest[0] as usize;
            let mut run = piece.clone();
            run.map.axes[axis] = if same >= rising {
                AxisMap { out: None, offset: first, stride: 0 }
            } else {
                AxisMap { out: Some(axis), offset: first.wrapping_sub(at), stride: 1 }
            };
            let mut part = region.clone();
            (part.start[axis], part.shape[axis]) = (at, same.max(rising));
            let view = self.piece(stage, &run, &part, input.dtype, memo)?;
            let to = StridedBox::of(&region.shape, &part.relative_to(region).start);
            block.add(&view, to, &part.shape)?;
            at += same.max(rising);
        }
        block.finish()
    }

    /// A group's share of a tile as a region of its own: the tile's views in steps where its positions are evenly
    /// apart, copies of its rows side by side elsewhere.
    pub(crate) fn share(
        &self,
        stage: &Stage,
        views: &[View<Data>],
        tile: &Region,
        axis: usize,
        positions: &[u32],
    ) -> Result<(Region, Vec<View<Data>>)> {
        let mut region = tile.clone();
        let at = |i: usize| positions[i] as usize - tile.start[axis];
        (region.start[axis], region.shape[axis]) = (tile.start[axis] + at(0), positions.len());
        let mut corner = vec![0; tile.rank()];
        corner[axis] = at(0);
        let step = if positions.len() > 1 { at(1) - at(0) } else { 1 };
        if positions.windows(2).all(|w| (w[1] - w[0]) as usize == step) {
            let stepped = |view: &View<Data>| {
                let mut view = view.shifted(&corner);
                view.strides[axis] *= step.cast_signed();
                view
            };
            return Ok((region, views.iter().map(stepped).collect()));
        }
        let gathered = |(view, input): (&View<Data>, &Input)| {
            let mut block = Collage::new(self.cx, input.dtype, &region.shape);
            let mut first = 0;
            while first < positions.len() {
                let run = positions[first..].windows(2).take_while(|w| w[0] + 1 == w[1]).count() + 1;
                let (mut from, mut to, mut rows) = (corner.clone(), vec![0; tile.rank()], region.shape.clone());
                (from[axis], to[axis], rows[axis]) = (at(first), first, run);
                let to = StridedBox::of(&region.shape, &to);
                block.add(&view.shifted(&from), to, &rows)?;
                first += run;
            }
            Ok(View::whole(block.finish()?))
        };
        let views = views.iter().zip(&stage.inputs).map(gathered).collect::<Result<_>>()?;
        Ok((region, views))
    }
}
