//! Elements whose places are data: read chunk by chunk, each once a block.

use super::fetch::{Held, Memo, Shared};
use crate::blockwise::plan::{Input, Origin, StageId};
use crate::chunk::{AxisChunks, Region};
use crate::cpu::gather::{Places, copy_places};
use crate::device::block::Block;
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::regional::Gather;
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
        let lists = indices.iter().map(|input| {
            let view = self.input(stage, input, &seen, memo)?;
            Ok(self.dense(&view, &seen.shape, input.dtype)?.host()?.values::<i64>()?.to_vec())
        });
        let lists = lists.collect::<Result<Vec<_>>>()?;
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
                for (part, numbers) in parts(op, &hull, &places) {
                    copy(&part, &mut numbers.into_iter(), out.bytes_mut())?;
                }
            }
        }
        Ok(self.cx.data(Block::new(op.dtype, &region.shape, out)?))
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

/// The boxes of `hull` that hold the places in one chunk each, with the numbers of those places.
fn parts<'a>(op: &'a Gather, hull: &'a Region, places: &'a Places) -> impl Iterator<Item = (Region, Vec<usize>)> + 'a {
    let axes = op.cuts.len();
    let chunk = |number: usize| {
        (0..axes).fold(0, |id, a| id * op.cuts[a].count().max(1) + op.cuts[a].find(places.at(a, number)))
    };
    let mut order: Vec<(usize, usize)> = (0..places.len()).map(|number| (chunk(number), number)).collect();
    order.sort_unstable();
    let rank = hull.rank() - axes;
    let boxed = move |numbers: &[(usize, usize)]| {
        let mut part = hull.clone();
        for a in 0..axes {
            let along = || numbers.iter().map(|&(_, n)| places.at(a, n));
            let (low, high) = (along().min().unwrap_or(0), along().max().unwrap_or(0));
            (part.start[rank + a], part.shape[rank + a]) = (low, high + 1 - low);
        }
        (part, numbers.iter().map(|&(_, n)| n).collect())
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = order.get(at)?.0;
        let run = order[at..].iter().take_while(|(id, _)| *id == first).count();
        at += run;
        Some(boxed(&order[at - run..at]))
    })
}
