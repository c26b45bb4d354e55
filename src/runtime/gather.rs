//! Elements whose places are data: read chunk by chunk, each once a block.

use super::fetch::{Held, Memo, Shared};
use crate::blockwise::plan::{Input, Origin, Stage, StageId};
use crate::chunk::{AxisChunks, Region};
use crate::cpu::gather::{Places, copy_places};
use crate::cpu::resample::Between;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::op::regional::Gather;
use crate::op::regional::gather::Splines;
use std::sync::OnceLock;

impl Shared<'_> {
    /// The elements of `region`, whose places are computed first.
    pub(super) fn gather(&self, id: StageId, op: &Gather, region: &Region, memo: &mut Memo) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let (source, indices) = stage.inputs.split_first().ok_or_else(|| Error::bug("a gather has a source"))?;
        let (outer, inner) = region.shape.split_at(op.rank);
        let hull = stage.input_region(region);
        // Places are seen from a box that has one element along all other axes.
        let mut seen = hull.clone();
        seen.shape[op.rank..].fill(1);
        if let Some(splines) = &op.between {
            let lists = self.places::<f64>(stage, indices, &seen, memo)?;
            return self.between(stage, source, (op, splines), region, &lists);
        }
        let lists = self.places::<i64>(stage, indices, &seen, memo)?;
        let lengths: Vec<usize> = op.cuts.iter().map(AxisChunks::len).collect();
        let places = Places::new(&lists, &lengths).map_err(|e| e.at(format!("in gather built at {}", stage.site)))?;
        drop(lists);
        let size = op.dtype.size();
        let mut out = self.cx.memory().buffer(region.size() * size);
        let count = crate::shape::size(outer);
        debug_assert_eq!(places.len(), count);
        let copy = |part: &Region, numbers: &mut dyn Iterator<Item = usize>, out: &mut [u8]| -> Result<()> {
            let view = self.input(stage, source, part, &mut Memo::to_read_again())?.host()?;
            let (rest, steps) = view.strides.split_at(region.rank());
            let first = &part.start[region.rank()..];
            copy_places(&view, (steps, first), (inner, &rest[op.rank..]), (&places, numbers), (out, size));
            Ok(())
        };
        if region.size() > 0 {
            if self.is_held(source) {
                copy(&hull, &mut (0..count), out.bytes_mut())?;
            } else {
                let ends = |axis: usize, number: usize| Some((places.at(axis, number), places.at(axis, number)));
                for (part, numbers) in parts(op, &hull, count, ends) {
                    let part = part.ok_or_else(|| Error::bug("a place is somewhere"))?;
                    copy(&part, &mut numbers.into_iter(), out.bytes_mut())?;
                }
            }
        }
        Ok(self.cx.data(Block::new(op.dtype, &region.shape, out)?))
    }

    /// The places that the inputs of a gather hold in `seen`, along each axis a list.
    fn places<T: Element + bytemuck::Pod>(
        &self,
        stage: &Stage,
        inputs: &[Input],
        seen: &Region,
        memo: &mut Memo,
    ) -> Result<Vec<Vec<T>>> {
        let list = |input: &Input| {
            let view = self.input(stage, input, seen, memo)?;
            Ok(self.dense(&view, &seen.shape, input.dtype)?.host()?.values::<T>()?.to_vec())
        };
        inputs.iter().map(list).collect()
    }

    /// What splines have at the places in `lists`: those of one chunk together.
    fn between(
        &self,
        stage: &Stage,
        source: &Input,
        (op, splines): (&Gather, &Splines),
        region: &Region,
        lists: &[Vec<f64>],
    ) -> Result<Data> {
        let mut out = self.cx.memory().buffer(region.size() * splines.output.size());
        let places = Between::new(splines, lists);
        let rank = region.rank();
        let mut fill = |part: Option<Region>, numbers: &mut dyn Iterator<Item = usize>| -> Result<()> {
            let Some(part) = part else { return places.fill(op.dtype, None, numbers, out.bytes_mut()) };
            let mut view = self.input(stage, source, &part, &mut Memo::to_read_again())?.host()?;
            view.strides.drain(..rank);
            places.fill(op.dtype, Some((view, &part.start[rank..])), numbers, out.bytes_mut())
        };
        let hull = stage.input_region(region);
        if region.size() > 0 {
            if self.is_held(source) {
                fill(Some(hull), &mut (0..places.len()))?;
            } else {
                let ends = |axis: usize, number: usize| places.ends(axis, number);
                for (part, numbers) in parts(op, &hull, places.len(), ends) {
                    fill(part, &mut numbers.into_iter())?;
                }
            }
        }
        Ok(self.cx.data(Block::new(splines.output, &region.shape, out)?))
    }

    /// Whether all of an input lies in memory.
    fn is_held(&self, input: &Input) -> bool {
        input.single().is_some_and(|piece| match piece.origin {
            Origin::Store(s) => self.plan.stores[s].in_memory(),
            Origin::Stage(id, result) => {
                let held = self.results[id].get(result).and_then(OnceLock::get);
                matches!(held, Some(Held::Data(_)))
            }
            Origin::Iota(_) => true,
        })
    }
}

/// The boxes of `hull` that hold what places which begin in the same chunk need, from one end to the other along each
/// axis, and the numbers of those places; no box for those that need nothing.
fn parts<'a>(
    op: &'a Gather,
    hull: &'a Region,
    count: usize,
    ends: impl Fn(usize, usize) -> Option<(usize, usize)> + 'a,
) -> impl Iterator<Item = (Option<Region>, Vec<usize>)> + 'a {
    let axes = op.cuts.len();
    let chunk = |number: usize| {
        (0..axes).try_fold(0, |id, a| Some(id * op.cuts[a].count().max(1) + op.cuts[a].find(ends(a, number)?.0)))
    };
    let mut order: Vec<(Option<usize>, usize)> = (0..count).map(|number| (chunk(number), number)).collect();
    order.sort_unstable();
    let rank = hull.rank() - axes;
    let boxed = move |first: Option<usize>, numbers: &[(Option<usize>, usize)]| {
        let mut part = hull.clone();
        for a in 0..axes {
            let along = || numbers.iter().filter_map(|&(_, n)| ends(a, n));
            let low = along().map(|(low, _)| low).min().unwrap_or(0);
            let high = along().map(|(_, high)| high).max().unwrap_or(0);
            (part.start[rank + a], part.shape[rank + a]) = (low, high + 1 - low);
        }
        (first.map(|_| part), numbers.iter().map(|&(_, n)| n).collect())
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = order.get(at)?.0;
        let run = order[at..].iter().take_while(|(id, _)| *id == first).count();
        at += run;
        Some(boxed(first, &order[at - run..at]))
    })
}
