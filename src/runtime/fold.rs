//! Combines the states of tiles in a fixed tree, whatever order they come in.

use super::fetch::Shared;
use super::launch::{Launcher, StageKernels};
use crate::blockwise::plan::{Part, Stage, StageId, StageKind};
use crate::chunk::tiling::FAN_IN;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::device::View;
use crate::device::block::Block;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The folds of one part of a reduction: one per block of its result.
pub(crate) struct PartFold {
    stage: StageId,
    part: usize,
    /// The grid of the result: the sweep's, reduced axes joined.
    pub(crate) kept: Chunks,
    /// The tiles along the reduced axes.
    tiles: Chunks,
    /// By the number of the result's block.
    folds: Mutex<BTreeMap<usize, Arc<Mutex<Fold>>>>,
}

/// One result block in the making.
#[derive(Default)]
struct Fold {
    /// The number of the first tile that is not part of it.
    next: usize,
    /// What waits for its neighbours on each level of the tree.
    levels: Vec<Option<Vec<Block>>>,
    /// States of tiles whose predecessors are missing.
    waiting: BTreeMap<usize, Vec<Block>>,
}

impl PartFold {
    /// The folds of part `part` of stage `id` in a sweep over `grid`.
    pub(crate) fn new(stage: &Stage, id: StageId, part: usize, grid: &Chunks) -> Result<Self> {
        let info = part_of(stage, part)?;
        let joined = |axis: &AxisChunks, reduced: bool| if reduced { AxisChunks::regular(1, 1) } else { axis.clone() };
        let kept = grid.axes().iter().zip(&info.reduced).map(|(a, &r)| joined(a, r)).collect();
        let tiles = info.tiling.axes().iter().zip(&info.reduced);
        let tiles = tiles.map(|(t, &r)| if r { t.clone() } else { AxisChunks::regular(1, 1) }).collect();
        Ok(Self { stage: id, part, kept: Chunks::new(kept), tiles: Chunks::new(tiles), folds: Mutex::default() })
    }

    /// The tiles inside `region`: their place in the order, and their boxes.
    pub(crate) fn tiles_in(&self, reduced: &[bool], region: &Region) -> Vec<(usize, Region)> {
        if self.tiles.count() == 1 {
            return vec![(0, region.clone())];
        }
        let along = Region {
            start: region.start.iter().zip(reduced).map(|(&s, &r)| if r { s } else { 0 }).collect(),
            shape: region.shape.iter().zip(reduced).map(|(&n, &r)| if r { n } else { 1 }).collect(),
        };
        let touching = self.tiles.touching(&along);
        let strides = shape::strides(&self.tiles.counts());
        crate::chunk::region::Indices::new(&touching.shape)
            .map(|step| {
                let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
                let tile = self.tiles.region(&index);
                let mut out = region.clone();
                for a in (0..reduced.len()).filter(|&a| reduced[a]) {
                    (out.start[a], out.shape[a]) = (tile.start[a], tile.shape[a]);
                }
                (index.iter().zip(&strides).map(|(i, s)| i * s).sum(), out)
            })
            .collect()
    }

    /// Adds the state of tile number `tile` to result block `index`; gives the result when it is the last.
    pub(crate) fn add(
        &self,
        shared: &Shared<'_>,
        index: &[usize],
        tile: usize,
        state: Vec<Block>,
    ) -> Result<Option<Block>> {
        if self.tiles.count() == 1 {
            return self.finish(shared, index, state).map(Some);
        }
        let block = self.kept.number(index);
        let fold = Arc::clone(self.folds.lock().entry(block).or_default());
        let mut fold = fold.lock();
        fold.waiting.insert(tile, state);
        while let Some(state) = {
            let at = fold.next;
            fold.waiting.remove(&at)
        } {
            fold.next += 1;
            let (mut level, mut done, mut state) = (0, fold.next, state);
            loop {
                if level == fold.levels.len() {
                    fold.levels.push(None);
                }
                state = self.join(shared, index, fold.levels[level].take(), state)?;
                if !done.is_multiple_of(FAN_IN) {
                    break;
                }
                (level, done) = (level + 1, done / FAN_IN);
            }
            fold.levels[level] = Some(state);
        }
        if fold.next < self.tiles.count() {
            return Ok(None);
        }
        let mut total: Option<Vec<Block>> = None;
        for before in std::mem::take(&mut fold.levels).into_iter().flatten() {
            total = Some(match total {
                None => before,
                Some(after) => self.join(shared, index, Some(before), after)?,
            });
        }
        let state = total.ok_or_else(|| Error::bug("a fold has a state"))?;
        drop(fold);
        self.folds.lock().remove(&block);
        self.finish(shared, index, state).map(Some)
    }

    /// The state of two neighbours, or of one that has none before it.
    fn join(
        &self,
        shared: &Shared<'_>,
        index: &[usize],
        before: Option<Vec<Block>>,
        after: Vec<Block>,
    ) -> Result<Vec<Block>> {
        let Some(before) = before else { return Ok(after) };
        let inputs: Vec<Block> = before.into_iter().chain(after).collect();
        self.run(shared, self.kernels(shared)?.0, index, inputs)
    }

    /// The result of a state.
    fn finish(&self, shared: &Shared<'_>, index: &[usize], state: Vec<Block>) -> Result<Block> {
        let part = part_of(&shared.plan.stages[self.stage], self.part)?;
        let mut results = self.run(shared, self.kernels(shared)?.1, index, state)?;
        let result = results.pop().ok_or_else(|| Error::bug("a reduction has a result"))?;
        if let Some(why) = part.reducer.no_answer
            && result.values::<i64>()?.contains(&i64::MAX)
        {
            return Err(Error::numerical(part.reducer.name, why));
        }
        Ok(result)
    }

    /// The result of no tiles at all, for block `index`.
    pub(crate) fn of_nothing(&self, shared: &Shared<'_>, index: &[usize]) -> Result<Block> {
        let part = part_of(&shared.plan.stages[self.stage], self.part)?;
        let dims = self.kept.region(index).shape;
        let n = shape::size(&dims);
        let state = part
            .reducer
            .identity
            .iter()
            .map(|&(dtype, value): &(_, Scalar)| {
                let element = value.to_bytes(dtype);
                let mut buffer = shared.cx.memory().buffer(n * dtype.size());
                let slots = buffer.bytes_mut().chunks_exact_mut(dtype.size());
                slots.for_each(|slot| slot.copy_from_slice(&element[..dtype.size()]));
                Block::new(dtype, &dims, buffer)
            })
            .collect::<Result<Vec<_>>>()?;
        self.finish(shared, index, state)
    }

    fn run(&self, shared: &Shared<'_>, kernel: &Launcher, index: &[usize], inputs: Vec<Block>) -> Result<Vec<Block>> {
        let region = self.kept.region(index);
        let views: Vec<View> = inputs.into_iter().map(View::whole).collect();
        shared.launch(&shared.plan.stages[self.stage], kernel, &region, &views)
    }

    /// What combines states, and what finishes them.
    fn kernels<'a>(&self, shared: &'a Shared<'_>) -> Result<(&'a Launcher, &'a Launcher)> {
        match &shared.kernels[self.stage] {
            StageKernels::Reduction { parts, .. } => Ok((&parts[self.part].0, &parts[self.part].1)),
            StageKernels::Nothing | StageKernels::Block(_) => Err(Error::bug("a reduction")),
        }
    }
}

fn part_of(stage: &Stage, part: usize) -> Result<&Part> {
    match &stage.kind {
        StageKind::Reduce { parts, .. } => parts.get(part).ok_or_else(|| Error::bug("a part exists")),
        _ => Err(Error::bug("a reduction")),
    }
}
