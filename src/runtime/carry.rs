//! Joins the blocks of a scan in order along its axis, whatever order they come in.
//!
//! Blocks that follow each other along the axis make a *chain*. A block comes with the states of its own tiles; as soon
//! as the block before is known to the chain, what its tiles start from is known too, in work that does not depend on
//! its length. Joining that to the block is left to whoever takes the block next.

use super::context::Context;
use super::fetch::Shared;
use super::launch::Launcher;
use super::trace::Timed;
use crate::blockwise::plan::{Stage, StageId, StageKind};
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::device::View;
use crate::device::assembly::Assembly;
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::kernel::Kernel;
use crate::op::program::Program;
use crate::op::scan::Scanner;
use crate::shape;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The chains of a scan.
pub(crate) struct Chains {
    stage: StageId,
    axis: usize,
    tiles: AxisChunks,
    scanner: Scanner,
    /// Blocks of a chain.
    length: usize,
    /// From states of tiles to results, and from what a tile starts from and its states to results.
    first: Launcher,
    later: Launcher,
    /// From the states of two neighbours to their joint state.
    combine: Launcher,
    lines: Mutex<BTreeMap<Vec<usize>, Arc<Mutex<Chain>>>>,
}

/// The blocks along one line.
#[derive(Default)]
struct Chain {
    /// The number of the first block that the chain has not seen.
    next: usize,
    /// The state at the end of the block before.
    carry: Option<Data>,
    /// Blocks whose predecessors are missing.
    waiting: BTreeMap<usize, Scanned>,
    /// Blocks whose tiles know what they start from.
    ready: VecDeque<(Scanned, Vec<Option<Data>>)>,
}

/// A block whose tiles are scanned.
pub(crate) struct Scanned {
    /// Its index in the sweep's grid.
    pub(crate) index: Vec<usize>,
    /// Its box.
    pub(crate) region: Region,
    /// The states.
    pub(crate) states: Data,
}

impl Chains {
    /// The chains of stage `id` in a sweep over `grid`.
    pub(crate) fn new(cx: &Context, stage: &Stage, id: StageId, grid: &Chunks) -> Result<Self> {
        let StageKind::Scan { scanner, axis, tiles, .. } = &stage.kind else { return Err(Error::bug("a scan")) };
        let launcher = |program| Launcher::new(cx, Kernel::Elementwise(program));
        let mut later = Program::default();
        let args = [later.input(scanner.state()), later.input(scanner.state())];
        let joined = later.inline(&scanner.combine, &args);
        later.outputs = later.inline(&scanner.finish, &joined);
        Ok(Self {
            stage: id,
            axis: *axis,
            tiles: tiles.clone(),
            length: grid.counts()[*axis],
            first: launcher(scanner.finish.clone()),
            later: launcher(later),
            combine: launcher(scanner.combine.clone()),
            scanner: scanner.clone(),
            lines: Mutex::default(),
        })
    }

    /// Adds a block to its chain, and finds what it and those that waited for it start from.
    pub(crate) fn add(&self, shared: &Shared<'_>, scanned: Scanned) -> Result<()> {
        let chain = Arc::clone(self.lines.lock().entry(self.line(&scanned.index)).or_default());
        let mut chain = chain.lock();
        chain.waiting.insert(scanned.index[self.axis], scanned);
        while let Some(scanned) = {
            let at = chain.next;
            chain.waiting.remove(&at)
        } {
            let mut starts = Vec::new();
            for tile in self.tiles_of(&scanned.region) {
                let before = chain.carry.take();
                let mut end = vec![0; tile.rank()];
                end[self.axis] = tile.end(self.axis) - scanned.region.start[self.axis] - 1;
                let mut row = tile;
                row.shape[self.axis] = 1;
                let last = View::whole(scanned.states.clone()).shifted(&end);
                chain.carry = Some(match &before {
                    None => shared.dense(&last, &row.shape, self.scanner.state())?,
                    Some(before) => self.run(shared, &self.combine, &row, &[View::whole(before.clone()), last])?,
                });
                starts.push(before);
            }
            chain.next += 1;
            chain.ready.push_back((scanned, starts));
        }
        Ok(())
    }

    /// The next finished block of the chain that block `index` is of: where it lies and its results.
    pub(crate) fn take(&self, shared: &Shared<'_>, index: &[usize]) -> Result<Option<(Scanned, Data)>> {
        let line = self.line(index);
        let Some(chain) = self.lines.lock().get(&line).map(Arc::clone) else { return Ok(None) };
        let next = {
            let mut chain = chain.lock();
            let next = chain.ready.pop_front();
            if chain.next == self.length && chain.ready.is_empty() {
                self.lines.lock().remove(&line);
            }
            next
        };
        let Some((scanned, starts)) = next else { return Ok(None) };
        let data = self.results(shared, &scanned, &starts)?;
        Ok(Some((scanned, data)))
    }

    /// The chain of a block.
    fn line(&self, index: &[usize]) -> Vec<usize> {
        index.iter().enumerate().map(|(a, &i)| if a == self.axis { 0 } else { i }).collect()
    }

    /// The boxes of the tiles that make up a block.
    fn tiles_of(&self, region: &Region) -> Vec<Region> {
        let (first, end) = (self.tiles.find(region.start[self.axis]), region.end(self.axis));
        (first..self.tiles.count())
            .take_while(|&t| self.tiles.start(t) < end)
            .map(|t| {
                let mut tile = region.clone();
                (tile.start[self.axis], tile.shape[self.axis]) = (self.tiles.start(t), self.tiles.length(t));
                tile
            })
            .collect()
    }

    /// The results of a block whose tiles start from these states.
    fn results(&self, shared: &Shared<'_>, scanned: &Scanned, starts: &[Option<Data>]) -> Result<Data> {
        let (region, output) = (&scanned.region, self.scanner.output());
        if let [None] = starts
            && self.scanner.finish.is_identity()
        {
            return Ok(scanned.states.clone());
        }
        let tiles = self.tiles_of(region);
        let cuts: Vec<usize> = tiles.iter().map(|t| t.shape[self.axis]).collect();
        let mut axes: Vec<AxisChunks> = region.shape.iter().map(|&n| AxisChunks::regular(n, n)).collect();
        axes[self.axis] = AxisChunks::from_lengths(&cuts);
        let buffer = shared.cx.memory().buffer(region.size() * output.size());
        let whole = Assembly::new(output, Chunks::new(axes), buffer)?;
        for (t, (tile, start)) in tiles.iter().zip(starts).enumerate() {
            let mut index = vec![0; region.rank()];
            index[self.axis] = t;
            let corner = tile.relative_to(region).start;
            let mut views = vec![View::whole(scanned.states.clone()).shifted(&corner)];
            if let Some(start) = start {
                let mut spread = View::whole(start.clone());
                spread.strides[self.axis] = 0;
                views.insert(0, spread);
            }
            let kernel = if start.is_some() { &self.later } else { &self.first };
            let run = if kernel.on_cpu() { whole.claim_run(&index)? } else { None };
            match run {
                Some(bytes) => {
                    let views = views.iter().map(View::host).collect::<Result<Vec<_>>>()?;
                    shared.trace.timed(Timed::Compute, || kernel.run_into(tile, &views, &mut [bytes]))?;
                }
                None => whole.write(&index, &self.run(shared, kernel, tile, &views)?.host()?)?,
            }
        }
        whole.finish().map(|block| shared.cx.data(block))
    }

    fn run(&self, shared: &Shared<'_>, kernel: &Launcher, region: &Region, views: &[View<Data>]) -> Result<Data> {
        let stage = &shared.plan.stages[self.stage];
        let data = shared.launch(stage, kernel, region, views)?.pop();
        data.ok_or_else(|| Error::bug(format!("{} has a result over {}", stage.label, shape::tuple(&region.shape))))
    }
}
