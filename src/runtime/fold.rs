//! Combines the states of tiles in a fixed tree, whatever order they come in.

use super::fetch::Shared;
use super::launch::{Launcher, StageKernels, StateKernels};
use crate::blockwise::plan::{Part, Stage, StageId, StageKind};
use crate::chunk::groups::Shares;
use crate::chunk::region::Indices;
use crate::chunk::tiling::FAN_IN;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::device::View;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the state of a node that is brought to the host.
const FEW: usize = 1 << 10;

/// Nodes of a result that may be on their way to the host: the thread that brings one more waits for the first of them.
const COMING: usize = 256;

/// The folds of one part of a reduction: one per block of its result.
pub(crate) struct PartFold {
    stage: StageId,
    part: usize,
    /// The grid of the result: the sweep's, reduced axes joined.
    pub(crate) kept: Chunks,
    /// The tiles along the reduced axes.
    tiles: Chunks,
    /// Where groups along one of them have a result each: that axis, and what they have of its tiles.
    groups: Option<(usize, Shares)>,
    /// By the number of the result's block.
    folds: Mutex<BTreeMap<usize, Arc<Mutex<Fold>>>>,
}

/// What goes through a kernel at once and adds to one block of the result.
pub(crate) struct Portion<'a> {
    /// Its place among those that add to the same block.
    pub(crate) number: usize,
    /// The tile.
    pub(crate) tile: Region,
    /// The group that it is the share of, and its positions along the group's axis.
    pub(crate) group: Option<(usize, &'a [u32])>,
}

/// The state of a tile, or of neighbours: a view per part of it.
pub(crate) type State = Vec<View<Data>>;

/// A state that is added to a result.
pub(crate) struct Added {
    /// Its level in the tree.
    pub(crate) level: usize,
    /// The number of the first portion below it.
    pub(crate) first: usize,
    pub(crate) state: State,
    /// Whether it is on its way to the host, where it is joined.
    pub(crate) comes: bool,
}

impl Added {
    /// The state, where it is joined.
    fn arrived(self) -> Result<State> {
        let arrive = |view: View<Data>| Ok(View { block: Data::Host(view.block.host()?), ..view });
        if self.comes { self.state.into_iter().map(arrive).collect() } else { Ok(self.state) }
    }
}

/// Nodes of a tree on one level: the numbers of the first portions below them, and their states side by side.
pub(crate) struct Nodes {
    level: usize,
    first: Vec<usize>,
    states: Vec<Data>,
    /// Whether the states are on their way to the host, to be joined there.
    come: bool,
}

/// One result block in the making.
#[derive(Default)]
struct Fold {
    /// The number of the first tile that is not part of it.
    next: usize,
    /// The tiles that have come, whether they are part of it or wait.
    came: usize,
    /// What waits for its neighbours on each level of the tree.
    levels: Vec<Option<State>>,
    /// States whose predecessors are missing, or that are on their way, by the number of their first tile.
    waiting: BTreeMap<usize, Added>,
}

impl PartFold {
    /// The folds of part `part` of stage `id` in a sweep over `grid`.
    pub(crate) fn new(stage: &Stage, id: StageId, part: usize, grid: &Chunks) -> Result<Self> {
        let info = part_of(stage, part)?;
        let joined = |axis: &AxisChunks, reduced: bool| if reduced { AxisChunks::regular(1, 1) } else { axis.clone() };
        let mut kept: Vec<AxisChunks> = grid.axes().iter().zip(&info.reduced).map(|(a, &r)| joined(a, r)).collect();
        if let Some(g) = &info.groups {
            kept[g.axis] = AxisChunks::regular(g.count, 1);
        }
        let groups = info.groups.as_ref().map(|g| (g.axis, Shares::of(g, &info.tiling.axes()[g.axis])));
        let tiles = info.tiling.axes().iter().zip(&info.reduced);
        let tiles = tiles.map(|(t, &r)| if r { t.clone() } else { AxisChunks::regular(1, 1) }).collect();
        let (kept, tiles) = (Chunks::new(kept), Chunks::new(tiles));
        Ok(Self { stage: id, part, kept, tiles, groups, folds: Mutex::default() })
    }

    /// A grid on the reduction's space, as its result has it.
    pub(crate) fn of_result(&self, grid: &Chunks) -> Chunks {
        let along = |(have, cuts): (&AxisChunks, &AxisChunks)| {
            let same = have.len() == cuts.len();
            if same { cuts.clone() } else { have.clone() }
        };
        Chunks::new(self.kept.axes().iter().zip(grid.axes()).map(along).collect())
    }

    /// The tiles of the grid that `region` touches.
    fn touching(&self, reduced: &[bool], region: &Region) -> Region {
        self.tiles.touching(&Region {
            start: region.start.iter().zip(reduced).map(|(&s, &r)| if r { s } else { 0 }).collect(),
            shape: region.shape.iter().zip(reduced).map(|(&n, &r)| if r { n } else { 1 }).collect(),
        })
    }

    /// The numbers of the tiles inside `region`, where they follow each other.
    pub(crate) fn numbers(&self, reduced: &[bool], region: &Region) -> Option<Range<usize>> {
        let touching = self.touching(reduced, region);
        // Along all axes but the first on which there are several, there are all.
        let several = touching.shape.iter().position(|&n| n > 1).unwrap_or(reduced.len());
        let inner = touching.shape.iter().zip(self.tiles.counts()).skip(several + 1);
        let follow = self.groups.is_none() && inner.into_iter().all(|(&n, count)| n == count);
        let first = self.tiles.number(&touching.start);
        follow.then(|| first..first + touching.size())
    }

    /// The tiles inside `region`, or where there are groups, what each has of them.
    pub(crate) fn portions(&self, reduced: &[bool], region: &Region) -> Vec<Portion<'_>> {
        if self.tiles.count() == 1 && self.groups.is_none() {
            return vec![Portion { number: 0, tile: region.clone(), group: None }];
        }
        let touching = self.touching(reduced, region);
        let mut out = Vec::new();
        for step in Indices::new(&touching.shape) {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let along = self.tiles.region(&index);
            let mut tile = region.clone();
            for a in (0..reduced.len()).filter(|&a| reduced[a]) {
                (tile.start[a], tile.shape[a]) = (along.start[a], along.shape[a]);
            }
            let Some((axis, shares)) = &self.groups else {
                out.push(Portion { number: self.tiles.number(&index), tile, group: None });
                continue;
            };
            for share in shares.in_tile(index[*axis]) {
                // The place among the tiles that have a share of the group.
                let counts = self.tiles.axes().iter().enumerate();
                let number = counts.fold(0, |number, (a, cuts)| {
                    let (count, at) =
                        if a == *axis { (shares.tiles_of(share.group), share.place) } else { (cuts.count(), index[a]) };
                    number * count + at
                });
                out.push(Portion { number, tile: tile.clone(), group: Some((share.group, shares.positions(share))) });
            }
        }
        out
    }

    /// The block of the result that a portion of block `block` of the sweep's grid, of this group, adds to.
    pub(crate) fn index(&self, reduced: &[bool], block: &[usize], group: Option<usize>) -> Vec<usize> {
        let mut index: Vec<usize> = block.iter().zip(reduced).map(|(&b, &r)| if r { 0 } else { b }).collect();
        if let (Some((axis, _)), Some(group)) = (&self.groups, group) {
            index[*axis] = group;
        }
        index
    }

    /// The axis of the groups.
    pub(crate) fn group_axis(&self) -> Option<usize> {
        self.groups.as_ref().map(|(axis, _)| *axis)
    }

    /// How many portions make block `index` of the result.
    fn portions_of(&self, index: &[usize]) -> usize {
        let Some((axis, shares)) = &self.groups else { return self.tiles.count() };
        let others = self.tiles.axes().iter().enumerate().filter(|(a, _)| a != axis);
        others.map(|(_, cuts)| cuts.count()).product::<usize>() * shares.tiles_of(index[*axis])
    }

    /// The blocks of the result that no portion adds to.
    pub(crate) fn without_portions(&self, empty: bool) -> impl Iterator<Item = Vec<usize>> + '_ {
        let counts = if empty || self.groups.is_some() { self.kept.counts() } else { vec![0] };
        Indices::new(&counts).filter(move |index| empty || self.portions_of(index) == 0)
    }

    /// The states of the portions with these numbers, which lie side by side, of all parts that share them: as much of
    /// the tree as they make up is folded at once, by one of `kernels`, where they are neighbours. Small states that
    /// fold to the same bits everywhere come to the host, where joining them is faster, and no thread waits for
    /// another's stream: they set out, and are waited for when they are joined.
    pub(crate) fn folded(
        &self,
        shared: &Shared<'_>,
        kernels: &[Launcher],
        index: &[usize],
        (mut numbers, mut states): (Vec<usize>, Vec<Data>),
    ) -> Result<Nodes> {
        let are_neighbours = numbers.windows(2).all(|w| w[0] + 1 == w[1]);
        let (mut level, mut portions) = (0, self.portions_of(index));
        let (mut nodes, most) =
            (numbers[0]..numbers[0] + numbers.len(), if are_neighbours { kernels.len() } else { 0 });
        while level < most
            && nodes.len() > 1
            && nodes.start.is_multiple_of(FAN_IN)
            && (nodes.end.is_multiple_of(FAN_IN) || nodes.end == portions)
        {
            nodes = nodes.start / FAN_IN..nodes.end.div_ceil(FAN_IN);
            (level, portions) = (level + 1, portions.div_ceil(FAN_IN));
        }
        if level > 0 {
            let region = Region::full(states[0].shape());
            let views: Vec<View<Data>> = states.into_iter().map(View::whole).collect();
            states = shared.launch(&shared.plan.stages[self.stage], &kernels[level - 1], &region, &views)?;
            numbers = nodes.collect();
        }
        self.nodes(shared, kernels, (level, numbers), states)
    }

    /// Nodes of these numbers on a level, on their way to the host where they are joined there.
    pub(crate) fn nodes(
        &self,
        shared: &Shared<'_>,
        kernels: &[Launcher],
        (level, numbers): (usize, Vec<usize>),
        states: Vec<Data>,
    ) -> Result<Nodes> {
        let each = states.iter().map(Data::len).sum::<usize>() / numbers.len().max(1);
        let come = each <= FEW && kernels.iter().all(Launcher::is_exact) && self.kernels(shared)?.finish.is_exact();
        if come {
            states.iter().try_for_each(|state| state.bring().map(drop))?;
        }
        let first = numbers.into_iter().map(|number| number * span(level)).collect();
        Ok(Nodes { level, first, states, come })
    }

    /// Adds the nodes of this part, whose states are `states` of all, to result block `index`; gives the result when it
    /// is whole.
    pub(crate) fn add_all(
        &self,
        shared: &Shared<'_>,
        index: &[usize],
        nodes: &Nodes,
        states: std::ops::Range<usize>,
    ) -> Result<Option<Data>> {
        let mut result = None;
        for (entry, &first) in nodes.first.iter().enumerate() {
            let state = nodes.states[states.clone()].iter().map(|s| row(s, entry)).collect();
            result = self.add(shared, index, Added { level: nodes.level, first, state, comes: nodes.come })?;
        }
        Ok(result)
    }

    /// Adds a state of the tree to result block `index`; gives the result when it is the last.
    pub(crate) fn add(&self, shared: &Shared<'_>, index: &[usize], added: Added) -> Result<Option<Data>> {
        let portions = self.portions_of(index);
        if portions <= span(added.level) {
            return self.finish(shared, index, added.arrived()?).map(Some);
        }
        let block = self.kept.number(index);
        let fold = Arc::clone(self.folds.lock().entry(block).or_default());
        let mut fold = fold.lock();
        fold.came += span(added.level).min(portions - added.first);
        let comes = added.comes;
        fold.waiting.insert(added.first, added);
        while !comes || fold.came >= portions || fold.waiting.len() > COMING {
            let at = fold.next;
            let Some(first) = fold.waiting.remove(&at) else { break };
            let mut level = first.level;
            let mut state = first.arrived()?;
            fold.next = portions.min(fold.next + span(level));
            let mut done = fold.next.div_ceil(span(level));
            loop {
                while level >= fold.levels.len() {
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
        if fold.next < portions {
            return Ok(None);
        }
        let mut total: Option<State> = None;
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
    fn join(&self, shared: &Shared<'_>, index: &[usize], before: Option<State>, after: State) -> Result<State> {
        let Some(before) = before else { return Ok(after) };
        let inputs: State = before.into_iter().chain(after).collect();
        let joined = self.run(shared, &self.kernels(shared)?.combine, index, &inputs)?;
        Ok(joined.into_iter().map(View::whole).collect())
    }

    /// The result of a state.
    fn finish(&self, shared: &Shared<'_>, index: &[usize], state: State) -> Result<Data> {
        let part = part_of(&shared.plan.stages[self.stage], self.part)?;
        let mut results = self.run(shared, &self.kernels(shared)?.finish, index, &state)?;
        let result = results.pop().ok_or_else(|| Error::bug("a reduction has a result"))?;
        if let Some(why) = part.reducer.no_answer
            && result.host()?.values::<i64>()?.contains(&i64::MAX)
        {
            return Err(Error::numerical(part.reducer.name, why));
        }
        Ok(result)
    }

    /// The result of no tiles at all, for block `index`.
    pub(crate) fn of_nothing(&self, shared: &Shared<'_>, index: &[usize]) -> Result<Data> {
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
                Ok(View::whole(shared.cx.data(Block::new(dtype, &dims, buffer)?)))
            })
            .collect::<Result<State>>()?;
        self.finish(shared, index, state)
    }

    fn run(&self, shared: &Shared<'_>, kernel: &Launcher, index: &[usize], inputs: &[View<Data>]) -> Result<Vec<Data>> {
        let region = self.kept.region(index);
        shared.launch(&shared.plan.stages[self.stage], kernel, &region, inputs)
    }

    fn kernels<'a>(&self, shared: &'a Shared<'_>) -> Result<&'a StateKernels> {
        match &shared.kernels[self.stage] {
            StageKernels::Reduction { parts, .. } => Ok(&parts[self.part]),
            StageKernels::Nothing | StageKernels::Block(_) | StageKernels::Product { .. } | StageKernels::Tiles(_) => {
                Err(Error::bug("a reduction"))
            }
        }
    }
}

/// Tiles below a node on this level of the tree.
fn span(level: usize) -> usize {
    FAN_IN.saturating_pow(u32::try_from(level).unwrap_or(u32::MAX))
}

/// Entry `i` along the first axis.
fn row(data: &Data, i: usize) -> View<Data> {
    let mut view = View::whole(data.clone());
    view.offset = i * view.strides.remove(0).unsigned_abs();
    view
}

fn part_of(stage: &Stage, part: usize) -> Result<&Part> {
    match &stage.kind {
        StageKind::Reduce { parts, .. } => parts.get(part).ok_or_else(|| Error::bug("a part exists")),
        _ => Err(Error::bug("a reduction")),
    }
}
