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
        let places = Places::new(lists, &lengths).map_err(|e| e.at(format!("in gather built at {}", stage.site)))?;
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
                let order = Order::new(op, count, ends);
                for run in order.runs() {
                    let part = boxed(op, &hull, run, ends).ok_or_else(|| Error::bug("a place is somewhere"))?;
                    copy(&part, &mut run.iter().copied(), out.bytes_mut())?;
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
                let order = Order::new(op, places.len(), ends);
                for run in order.runs() {
                    fill(boxed(op, &hull, run, ends), &mut run.iter().copied())?;
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

/// The numbers of places in the order of the chunks in which these begin, those that need nothing first.
struct Order {
    numbers: Vec<usize>,
    /// Where the numbers of each chunk that has some end.
    bounds: Vec<usize>,
}

impl Order {
    /// That of `count` places, which need what lies between two `ends` along each axis.
    fn new(op: &Gather, count: usize, ends: impl Fn(usize, usize) -> Option<(usize, usize)>) -> Self {
        let chunks: usize = op.cuts.iter().map(|cuts| cuts.count().max(1)).product();
        let chunk = |number: usize| {
            let along = |id, a: usize| Some(id * op.cuts[a].count().max(1) + op.cuts[a].find(ends(a, number)?.0));
            (0..op.cuts.len()).try_fold(0, along).map_or(0, |id| id + 1)
        };
        match u32::try_from(chunks).ok().filter(|_| chunks <= count) {
            Some(_) => Self::counted(count, chunks + 1, chunk),
            None => Self::sorted(count, chunk),
        }
    }

    /// Of a few chunks: how many places each has tells where its own begin.
    #[expect(clippy::cast_possible_truncation, reason = "numbers of chunks are below 2^32")]
    fn counted(count: usize, chunks: usize, chunk: impl Fn(usize) -> usize) -> Self {
        let ids: Vec<u32> = (0..count).map(|number| chunk(number) as u32).collect();
        let mut ends = vec![0; chunks];
        for &id in &ids {
            ends[id as usize] += 1;
        }
        let mut begin = 0;
        for end in &mut ends {
            (*end, begin) = (begin, begin + *end);
        }
        let mut numbers = vec![0; count];
        for (number, &id) in ids.iter().enumerate() {
            numbers[ends[id as usize]] = number;
            ends[id as usize] += 1;
        }
        ends.dedup();
        ends.retain(|&end| end > 0);
        Self { numbers, bounds: ends }
    }

    fn sorted(count: usize, chunk: impl Fn(usize) -> usize) -> Self {
        let mut order: Vec<(usize, usize)> = (0..count).map(|number| (chunk(number), number)).collect();
        order.sort_unstable();
        let mut bounds: Vec<usize> = (1..count).filter(|&k| order[k].0 != order[k - 1].0).collect();
        bounds.extend((count > 0).then_some(count));
        Self { numbers: order.into_iter().map(|(_, number)| number).collect(), bounds }
    }

    /// Those of one chunk each.
    fn runs(&self) -> impl Iterator<Item = &[usize]> {
        let begins = std::iter::once(0).chain(self.bounds.iter().copied());
        begins.zip(&self.bounds).map(|(begin, &end)| &self.numbers[begin..end])
    }
}

/// The box of `hull` that holds what the places with these numbers need; none where that is nothing.
fn boxed(
    op: &Gather,
    hull: &Region,
    numbers: &[usize],
    ends: impl Fn(usize, usize) -> Option<(usize, usize)>,
) -> Option<Region> {
    let rank = hull.rank() - op.cuts.len();
    let mut part = hull.clone();
    for a in 0..op.cuts.len() {
        let (mut low, mut high) = (usize::MAX, 0);
        for &number in numbers {
            let (from, to) = ends(a, number)?;
            (low, high) = (low.min(from), high.max(to));
        }
        (part.start[rank + a], part.shape[rank + a]) = (low, high + 1 - low);
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_into_the_order_of_their_chunks() {
        for count in [0, 1, 2, 7, 100] {
            for chunks in [1, 2, 5, 90] {
                let chunk = |number: usize| number * 7919 % 101 % chunks;
                let (counted, sorted) = (Order::counted(count, chunks, chunk), Order::sorted(count, chunk));
                assert_eq!(counted.numbers, sorted.numbers, "{count} in {chunks}");
                assert_eq!(counted.bounds, sorted.bounds, "{count} in {chunks}");
                assert_eq!(counted.runs().map(<[usize]>::len).sum::<usize>(), count);
            }
        }
    }
}
