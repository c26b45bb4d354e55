//! Runs tile programs: the tiles of one panel after another, each step as soon as the tiles that it reads are done.
//!
//! A panel is some columns of tiles, held in memory while they are made; all columns where memory holds them. What
//! comes before a panel is on disk and is read back once, column after column, for all of the panel. A worker takes the
//! tile that others wait for most, in the first column, and goes on with it as far as it can. The steps of a tile run
//! in their order whoever runs them, so neither panels nor threads change a bit.

use super::context::Context;
use super::fetch::{Memo, Shared};
use super::launch::{Launcher, StageKernels};
use super::recorder::Which;
use super::spill::SpillLog;
use super::target::{Finished, Target};
use super::trace::Timed;
use crate::blockwise::plan::StageId;
use crate::blockwise::sweep::Sweep;
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::{StridedBox, copy_strided};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::error::{Error, ErrorKind, Result, panic_text};
use crate::op::tiles::{Place, Step, TileProgram};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A tile program's result in the making.
pub(crate) struct Tiles {
    id: StageId,
    program: TileProgram,
    /// All tiles of all matrices.
    grid: Chunks,
    /// Columns of tiles that are made together.
    wide: usize,
    target: Target,
    /// Where tiles are read back from, where that is not the target.
    log: Option<SpillLog>,
}

/// The tiles of a program that is swept over `blocks`.
pub(crate) fn grid(program: &TileProgram, blocks: &Chunks) -> Chunks {
    let mut axes = blocks.axes().to_vec();
    let last = axes.len() - 1;
    (axes[last - 1], axes[last]) = (program.row_tiles(), program.tiles.clone());
    Chunks::new(axes)
}

impl Tiles {
    /// The result of stage `id`, swept over `blocks`, in a target that takes its tiles.
    pub(crate) fn new(
        cx: &Context,
        id: StageId,
        program: &TileProgram,
        blocks: &Chunks,
        target: Target,
    ) -> Result<Self> {
        let (grid, last) = (grid(program, blocks), blocks.rank() - 1);
        let wide = blocks.axes()[last].longest().div_ceil(program.tiles.longest().max(1)).max(1);
        let reads_back = wide < program.side() && !matches!(target, Target::Spilled(_));
        let mut cells = grid.axes().to_vec();
        cells[last - 1] = program.row_cells();
        let cells = Chunks::new(cells);
        let log = reads_back.then(|| SpillLog::create(cx.spill_folder(), program.dtype, &grid, &cells)).transpose()?;
        Ok(Self { id, program: program.clone(), grid, wide, target, log: log.map(SpillLog::plain) })
    }

    /// Makes all tiles; `done` is called for each block of the sweep.
    pub(crate) fn run(
        &self,
        shared: &Shared<'_>,
        (number, sweep): (usize, &Sweep),
        done: &(dyn Fn() + Sync),
    ) -> Result<()> {
        let StageKernels::Tiles(kernels) = &shared.kernels[self.id] else { return Err(Error::bug("a tile program")) };
        let work = Work { tiles: self, shared, number, sweep, kernels, done };
        let outer = self.grid.rank() - 2;
        if self.program.side() <= 1 {
            return work.each(self.grid.count(), |number| work.matrices(&sweep.grid.index(number, &sweep.order)));
        }
        for matrix in Indices::new(&self.grid.counts()[..outer]) {
            for first in (0..self.program.side()).step_by(self.wide) {
                Panel::new(&work, &matrix, first..(first + self.wide).min(self.program.side())).run()?;
            }
        }
        Ok(())
    }

    /// The stage.
    pub(crate) fn stage(&self) -> StageId {
        self.id
    }

    /// What has become of the result.
    pub(crate) fn finish(self) -> Result<(StageId, Finished)> {
        Ok((self.id, self.target.finish()?))
    }
}

/// What the workers of a run share.
struct Work<'a, 'b> {
    tiles: &'a Tiles,
    shared: &'a Shared<'b>,
    /// The number of the sweep.
    number: usize,
    sweep: &'a Sweep,
    /// In the order of [`TileTask::ALL`](crate::op::tiles::TileTask::ALL), which is that of its variants.
    kernels: &'a [Launcher],
    done: &'a (dyn Fn() + Sync),
}

impl Work<'_, '_> {
    /// Runs `body` on as many workers as there is memory for; the first fault.
    fn crew(&self, body: impl Fn() -> Result<()> + Sync) -> Result<()> {
        let fault = Mutex::new(None);
        self.shared.cx.pool()?.in_place_scope(|scope| {
            for _ in 0..self.sweep.width {
                scope.spawn(|_| {
                    let outcome = catch_unwind(AssertUnwindSafe(&body)).unwrap_or_else(|panic| {
                        Err(Error::bug(format!("a tile's step does not panic: {}", panic_text(&*panic))))
                    });
                    if let Err(e) = outcome {
                        fault.lock().get_or_insert(e);
                    }
                });
            }
        });
        fault.into_inner().map_or(Ok(()), Err)
    }

    /// Runs `body` for every number below `count`; the fault of the lowest number, which is the same every time.
    fn each(&self, count: usize, body: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
        let (next, fault) = (AtomicUsize::new(0), Mutex::new(None));
        self.crew(|| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                if let Err(e) = self.check_cancelled().and_then(|()| body(number)) {
                    // The others finish what they began, and find nothing left.
                    next.store(count, Ordering::Relaxed);
                    let mut first = fault.lock();
                    if first.as_ref().is_none_or(|(n, _)| number < *n) {
                        *first = Some((number, e));
                    }
                }
            }
        })?;
        fault.into_inner().map_or(Ok(()), |(_, e)| Err(e))
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.shared.cx.cancel_token().is_cancelled() { Err(ErrorKind::Cancelled.into()) } else { Ok(()) }
    }

    /// Factors matrices of one tile: those of block `index`.
    fn matrices(&self, index: &[usize]) -> Result<()> {
        let region = self.tiles.grid.region(index);
        self.traced(index.to_vec(), || {
            let mut buffer = self.load(&region)?;
            let step = self.tiles.program.step((0, 0), 0).ok_or_else(|| Error::bug("a tile has a step"))?;
            self.launch(step, &region, &[], &mut buffer)?;
            self.write(index, &region, &Block::new(self.tiles.program.dtype, &region.shape, buffer)?)
        })?;
        (self.done)();
        Ok(())
    }

    /// The elements of `region` before the first step. Rows beyond those of the matrix are left to the last one.
    fn load(&self, region: &Region) -> Result<Buffer> {
        let size = self.tiles.program.dtype.size();
        let (mut read, rows) = (region.clone(), region.rank() - 2);
        read.shape[rows] = region.end(rows).min(self.tiles.program.tiles.len()) - region.start[rows];
        let views = self.shared.views(self.tiles.id, &read, &mut Memo::default())?;
        let view = views.first().ok_or_else(|| Error::bug("a tile program has an input"))?;
        let mut buffer = self.shared.cx.memory().buffer(region.size() * size);
        let to = StridedBox::of(&region.shape, &vec![0; region.rank()]);
        copy_strided(&view.host()?, to, buffer.bytes_mut(), &read.shape, size);
        Ok(buffer)
    }

    fn launch(&self, step: Step, region: &Region, inputs: &[View], tile: &mut Buffer) -> Result<()> {
        let (stage, views) = (&self.shared.plan.stages[self.tiles.id], inputs);
        let kernel = self.kernels.get(step.task() as usize).ok_or_else(|| Error::bug("a step has a kernel"))?;
        self.shared
            .trace
            .timed(Timed::Compute, || kernel.run_into(region, views, &mut [tile.bytes_mut()]))
            .map_err(|e| e.at(format!("in {} built at {}", stage.label, stage.site)))
    }

    /// Hands a tile that is done to whoever takes it.
    fn write(&self, index: &[usize], region: &Region, block: &Block) -> Result<()> {
        let (cx, trace, target) = (self.shared.cx, &self.shared.trace, &self.tiles.target);
        if let Some(log) = &self.tiles.log {
            trace.timed(Timed::Spill(block.bytes().len()), || log.write(cx.memory(), region, block))?;
        }
        trace.timed(target.work(block), || target.write(cx, index, region, block))
    }

    /// A tile of an earlier panel.
    fn read_back(&self, region: &Region) -> Result<Block> {
        let log = match (&self.tiles.log, &self.tiles.target) {
            (Some(log), _) | (None, Target::Spilled(log)) => log,
            (None, Target::Memory(_) | Target::Stored(..) | Target::Kept(..) | Target::Whole(_)) => {
                return Err(Error::bug("earlier panels are on disk"));
            }
        };
        self.shared.unspill(log, region, self.tiles.program.dtype)
    }

    /// Runs `body`, and keeps a record of it where those are kept.
    fn traced<T>(&self, block: Vec<usize>, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let which = Which { sweep: self.number, block: &block };
        let trace = &self.shared.trace;
        trace.task(&which, || self.shared.level(), || trace.within(self.tiles.id, body))
    }
}

/// Some columns of tiles of one matrix.
struct Panel<'a, 'b> {
    work: &'a Work<'a, 'b>,
    matrix: &'a [usize],
    columns: Range<usize>,
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    tiles: BTreeMap<Place, Tile>,
    /// Tiles whose next step can run: column and row.
    ready: BTreeSet<Place>,
    /// Tiles that are not done.
    open: usize,
    /// Whether a worker has met a fault.
    stopped: bool,
}

/// One tile of a panel.
enum Tile {
    /// Nobody works on it; its next step, and whether it is in the queue.
    Open(Buffer, usize, bool),
    /// A worker has it, and will look again what can be done.
    Taken,
    Done(Block),
}

impl<'a, 'b> Panel<'a, 'b> {
    fn new(work: &'a Work<'a, 'b>, matrix: &'a [usize], columns: Range<usize>) -> Self {
        Self { work, matrix, columns, state: Mutex::default(), change: Condvar::new() }
    }

    fn program(&self) -> &'a TileProgram {
        &self.work.tiles.program
    }

    /// Rows of tiles from the first of the first column down.
    fn rows(&self) -> Range<usize> {
        self.program().rows(self.columns.start)
    }

    /// The columns of row `i` that this panel makes.
    fn columns_of(&self, i: usize) -> Range<usize> {
        let made = |&k: &usize| self.program().makes((i, k));
        self.columns.start..self.columns.clone().find(|k| !made(k)).unwrap_or(self.columns.end)
    }

    fn index(&self, (i, k): Place) -> Vec<usize> {
        self.matrix.iter().copied().chain([i, k]).collect()
    }

    fn region(&self, place: Place) -> Region {
        self.work.tiles.grid.region(&self.index(place))
    }

    fn run(&self) -> Result<()> {
        self.leave_out()?;
        let places: Vec<Place> = self.rows().flat_map(|i| self.columns_of(i).map(move |k| (i, k))).collect();
        self.work.each(places.len(), |number| {
            let (place, first) = (places[number], self.columns.start);
            let buffer = self.work.load(&self.region(place))?;
            self.state.lock().tiles.insert(place, Tile::Open(buffer, first, false));
            Ok(())
        })?;
        for j in 0..self.columns.start {
            self.update_by(j)?;
        }
        let mut state = self.state.lock();
        state.open = places.len();
        state.ready.insert((self.columns.start, self.rows().start));
        drop(state);
        self.work.crew(|| self.worker())
    }

    /// The tiles above the diagonal, which are 0.
    fn leave_out(&self) -> Result<()> {
        for i in 0..self.rows().end {
            for k in self.columns.clone().filter(|&k| !self.program().makes((i, k))) {
                self.work.tiles.target.leave(&self.index((i, k)), &self.region((i, k)))?;
            }
        }
        (0..self.rows().start).for_each(|_| (self.work.done)());
        Ok(())
    }

    /// The updates of all tiles by column `j`, which is on disk.
    fn update_by(&self, j: usize) -> Result<()> {
        let first = self.rows().start;
        let across = Mutex::new(BTreeMap::new());
        // What several tiles read: the rows of the panel's own columns, or the one tile that there is.
        let shared = first..self.rows().end.min(first + self.columns.len());
        self.work.each(shared.len(), |number| {
            let tile = self.read_back((first + number, j))?;
            across.lock().insert(first + number, tile);
            Ok(())
        })?;
        let across: BTreeMap<usize, View> = across.into_inner();
        let whole = |i: usize| vec![self.columns_of(i)];
        let alone = |i: usize| self.columns_of(i).map(|k| k..k + 1).collect();
        let runs = |i: usize| if self.rows().len() > 1 { whole(i) } else { alone(i) };
        let runs: Vec<(usize, Range<usize>)> =
            self.rows().flat_map(|i| runs(i).into_iter().map(move |columns| (i, columns))).collect();
        self.work.each(runs.len(), |number| {
            let (i, columns) = runs[number].clone();
            let left = across.get(&i).cloned().map_or_else(|| self.read_back((i, j)), Ok)?;
            for k in columns {
                let taken = self.state.lock().tiles.insert((i, k), Tile::Taken);
                let Some(Tile::Open(mut buffer, next, _)) = taken else { return Err(Error::bug("a tile is open")) };
                let step = self.program().step((i, k), j).ok_or_else(|| Error::bug("a tile has a step"))?;
                let mut inputs = vec![left.clone()];
                inputs.extend(step.needs().get(1).and_then(|(k, _)| across.get(k)).cloned());
                self.work.traced(self.index((i, k)), || {
                    self.work.launch(step, &self.region((i, k)), &inputs, &mut buffer)
                })?;
                self.state.lock().tiles.insert((i, k), Tile::Open(buffer, next, false));
            }
            Ok(())
        })
    }

    /// What steps read of a tile of an earlier panel.
    fn read_back(&self, place: Place) -> Result<View> {
        let mut region = self.region(place);
        let (rows, skipped) = (region.rank() - 2, self.program().skipped(place));
        region.start[rows] += skipped;
        region.shape[rows] -= skipped;
        self.work.read_back(&region).map(View::whole)
    }

    /// Takes tiles from the queue until all are done.
    fn worker(&self) -> Result<()> {
        loop {
            let mut state = self.state.lock();
            let place = loop {
                if state.open == 0 || state.stopped {
                    return Ok(());
                }
                if let Some((k, i)) = state.ready.pop_first() {
                    break (i, k);
                }
                self.change.wait(&mut state);
            };
            drop(state);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                self.work.check_cancelled()?;
                self.work.traced(self.index(place), || self.advance(place))
            }));
            let outcome = outcome.unwrap_or_else(|panic| {
                Err(Error::bug(format!("a tile's step does not panic: {}", panic_text(&*panic))))
            });
            if outcome.is_err() {
                self.state.lock().stopped = true;
                self.change.notify_all();
                return outcome;
            }
        }
    }

    /// Runs the steps of a tile that can run.
    fn advance(&self, place: Place) -> Result<()> {
        let region = self.region(place);
        let taken = self.state.lock().tiles.insert(place, Tile::Taken);
        let Some(Tile::Open(mut buffer, mut next, _)) = taken else { return Err(Error::bug("a tile is open")) };
        while let Some(step) = self.program().step(place, next) {
            let inputs = {
                let mut state = self.state.lock();
                let Some(inputs) = state.inputs(self.program(), step) else {
                    // Who finishes what is missing finds it here.
                    state.tiles.insert(place, Tile::Open(buffer, next, false));
                    return Ok(());
                };
                inputs
            };
            self.work.launch(step, &region, &inputs, &mut buffer)?;
            next += 1;
        }
        let block = Block::new(self.program().dtype, &region.shape, buffer)?;
        self.finish(place, &block);
        self.work.write(&self.index(place), &region, &block)?;
        if place.1 + 1 == self.columns_of(place.0).end {
            (self.work.done)();
        }
        Ok(())
    }

    /// Makes a tile known, and queues those that waited for it.
    fn finish(&self, place: Place, block: &Block) {
        let mut state = self.state.lock();
        state.tiles.insert(place, Tile::Done(block.clone()));
        state.open -= 1;
        for reader in self.program().readers(place).filter(|r| self.columns.contains(&r.1)) {
            let Some(Tile::Open(_, next, false)) = state.tiles.get(&reader) else { continue };
            let ready =
                self.program().step(reader, *next).is_some_and(|step| state.inputs(self.program(), step).is_some());
            if let Some(Tile::Open(_, _, queued)) = state.tiles.get_mut(&reader).filter(|_| ready) {
                *queued = true;
                state.ready.insert((reader.1, reader.0));
                self.change.notify_one();
            }
        }
        if state.open == 0 {
            self.change.notify_all();
        }
    }
}

impl State {
    /// What a step reads of other tiles, where these are all done.
    fn inputs(&self, program: &TileProgram, step: Step) -> Option<Vec<View>> {
        let done = |place| {
            let Some(Tile::Done(block)) = self.tiles.get(&place) else { return None };
            let mut start = vec![0; block.shape().len()];
            let rows = start.len() - 2;
            start[rows] = program.skipped(place);
            Some(View::whole(block.clone()).shifted(&start))
        };
        step.needs().into_iter().map(done).collect()
    }
}
