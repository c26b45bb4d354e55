//! Runs a task graph: sweeps in order, tasks of a sweep on the context's threads.
//!
//! A sweep reserves the bytes of as many tasks as may run at once before the first is spawned, so no worker ever waits for
//! memory. The calling thread feeds the pool a bounded number of tasks ahead and asks stores to read ahead for them. The
//! first fault stops the run; arrays that were being written are dropped unfinished and leave nothing behind.

use super::cache::ChunkCache;
use super::carry::{Chains, Scanned};
use super::context::{Context, Progress};
use super::fetch::{Held, Memo, Shared};
use super::fold::PartFold;
use super::launch::{StageKernels, TileKernels};
use super::runs::RunsInMaking;
use super::spill::SpillLog;
use super::target::{Blocks, Finished, Target, write_whole};
use super::tiles::{self, Tiles};
use super::trace::{Report, Span, Trace, timed};
use crate::blockwise::plan::{Origin, Output, Placement, Plan, StageId, StageKind};
use crate::blockwise::sweep::Sweep;
use crate::chunk::{Chunks, Region};
use crate::device::View;
use crate::device::assembly::Assembly;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, panic_text};
use crate::shape;
use crate::store::Sink;
use crate::store::memory::BlockStore;
use crate::task::{Task, TaskGraph};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An answer of a run.
#[derive(Debug)]
pub enum Answer {
    /// Written to its array.
    Written,
    /// In memory.
    Block(Block),
    /// In blocks, each where it was computed.
    Blocks(BlockStore),
}

/// Runs `graph`; `sinks` holds the arrays that outputs are written to, by output number. Gives the answers in memory.
///
/// # Errors
/// The first fault of any task, with the block it happened in.
pub fn run(
    cx: &Context,
    plan: &Plan,
    graph: &TaskGraph,
    sinks: Vec<Option<Box<dyn Sink>>>,
) -> Result<(Vec<Answer>, Report)> {
    let results = plan.stages.iter().map(|s| s.result_dtypes().iter().map(|_| OnceLock::new()).collect()).collect();
    let cache = ChunkCache::new(graph.cache_bytes());
    let kernels = plan.stages.iter().map(|stage| StageKernels::new(cx, stage)).collect();
    let cached = (0..plan.stores.len()).map(|s| graph.shared.iter().any(|g| g.store == s && g.cached)).collect();
    let mut shared = Shared { cx, plan, kernels, results, cache, cached, trace: Trace::new(cx.keeps_spans()) };
    let mut sinks: BTreeMap<usize, Box<dyn Sink>> =
        sinks.into_iter().enumerate().filter_map(|(i, s)| s.map(|s| (i, s))).collect();
    let progress = AtomicUsize::new(0);
    let mut done = Done::default();
    for number in 0..graph.sweeps.len() {
        run_sweep(&mut shared, graph, number, &mut sinks, (&progress, &mut done))?;
        for &id in &graph.sweeps[number].releases {
            shared.results[id].iter_mut().for_each(|result| drop(result.take()));
        }
    }
    let mut answers = Vec::new();
    for (i, output) in plan.outputs.iter().enumerate() {
        let block = match shared.results[output.stage][output.result].get() {
            Some(Held::Data(data)) => Some(data.host()?.reshaped(&output.shape)?),
            _ => None,
        };
        answers.push(match (sinks.remove(&i), done.kept.remove(&i), block) {
            (Some(sink), _, Some(block)) => {
                write_whole(&shared, sink.as_ref(), &block)?;
                done.written.push(sink);
                Answer::Written
            }
            (None, Some(blocks), _) => Answer::Blocks(blocks),
            (None, None, Some(block)) if output.stored.is_none() => Answer::Block(block),
            (None, None, _) if output.stored.is_some() => Answer::Written,
            _ => return Err(Error::bug("what is asked for has been computed")),
        });
    }
    if cx.cancel_token().is_cancelled() {
        return Err(ErrorKind::Cancelled.into());
    }
    // Visible last, and together: a run that fails shows none of them.
    done.written.into_iter().try_for_each(Sink::finish)?;
    let report = Report {
        projected_bytes: graph.projected_bytes(),
        peak_bytes: cx.memory().peak_live(),
        ..shared.trace.report()
    };
    Ok((answers, report))
}

/// What sweeps have finished.
#[derive(Default)]
struct Done {
    /// Arrays that are written, and not visible yet.
    written: Vec<Box<dyn Sink>>,
    /// Answers in blocks, by number.
    kept: BTreeMap<usize, BlockStore>,
}

/// One sink of a sweep while it runs.
enum Running {
    Blocks { id: StageId, targets: Vec<(Target, Option<usize>)> },
    Scan { id: StageId, chains: Chains, targets: Vec<(Target, Option<usize>)> },
    Reduction { id: StageId, folds: Vec<PartFold>, results: Vec<Target> },
    Tiles(Tiles),
    Runs { id: StageId, runs: RunsInMaking },
}

/// Runs one sweep.
fn run_sweep(
    shared: &mut Shared<'_>,
    graph: &TaskGraph,
    number: usize,
    sinks: &mut BTreeMap<usize, Box<dyn Sink>>,
    (progress, done): (&AtomicUsize, &mut Done),
) -> Result<()> {
    let sweep = &graph.sweeps[number];
    let _span = tracing::debug_span!("sweep", number, tasks = sweep.grid.count()).entered();
    let running: Vec<Running> =
        sweep.stages.iter().map(|&id| start(shared, sweep, id, sinks)).collect::<Result<_>>()?;
    let free = shared.cx.memory().budget().saturating_sub(sweep.held_bytes);
    let reserved = sweep.task_bytes.saturating_mul(sweep.width as u64).min(free);
    let reservation = shared.cx.memory().reserve("a sweep", reserved)?;
    let job = Job { shared, running: &running, sweep, total: graph.len(), progress };
    job.run(graph, number)?;
    drop(reservation);
    running.into_iter().try_for_each(|sink| finish(shared, sink, done))
}

/// Sets up where the results of stage `id` go.
fn start(
    shared: &Shared<'_>,
    sweep: &Sweep,
    id: StageId,
    sinks: &mut BTreeMap<usize, Box<dyn Sink>>,
) -> Result<Running> {
    let stage = &shared.plan.stages[id];
    if let StageKind::Reduce { parts, .. } = &stage.kind {
        let folds = (0..parts.len()).map(|p| PartFold::new(stage, id, p, &sweep.grid)).collect::<Result<Vec<_>>>()?;
        let StageKernels::Reduction { parts: kernels, .. } = &shared.kernels[id] else {
            return Err(Error::bug("a reduction"));
        };
        let results = folds
            .iter()
            .zip(parts)
            .zip(kernels)
            .map(|((fold, part), kernels)| match &stage.placement {
                Placement::Spill(read, _) => {
                    let (dtype, read) = (part.reducer.output(), fold.of_result(read));
                    SpillLog::create(shared.cx.spill_folder(), dtype, &fold.kept, &read).map(Target::Spilled)
                }
                _ if fold.kept.count() == 1 && !kernels.finish.on_cpu() => {
                    Ok(Target::Whole(Blocks::new(part.reducer.output(), fold.kept.clone())))
                }
                _ => in_memory(part.reducer.output(), &fold.kept).map(Target::Memory),
            })
            .collect::<Result<Vec<_>>>()?;
        return Ok(Running::Reduction { id, folds, results });
    }
    let dtype = stage.result_dtypes()[0];
    if let StageKind::Tiles(program) = &stage.kind {
        let grid = tiles::grid(program, &sweep.grid);
        let target = match &stage.placement {
            Placement::Spill(read, _) => {
                Target::Spilled(SpillLog::create(shared.cx.spill_folder(), dtype, &grid, read)?.plain())
            }
            _ => Target::Memory(in_memory(dtype, &grid)?),
        };
        return Tiles::new(shared.cx, id, program, &sweep.grid, target).map(Running::Tiles);
    }
    if let StageKind::Runs(op) = &stage.kind {
        let runs = RunsInMaking::new(shared.cx.spill_folder(), op, &sweep.grid)?;
        return Ok(Running::Runs { id, runs });
    }
    let mut targets = Vec::new();
    let outputs = || shared.plan.outputs.iter().enumerate().filter(|(_, o)| o.stage == id);
    for (i, output) in outputs() {
        // The blocks of triangular systems are whole rows, whatever the stored chunks.
        let own = matches!(stage.kind, StageKind::Substitute(_));
        let fits = !own && output.stored.as_ref().is_some_and(|g| g.shape() == stage.space);
        if let Some(sink) = if fits { sinks.remove(&i) } else { None } {
            targets.push((Target::Stored(sink), None));
        }
    }
    if let Placement::Spill(read, _) = &stage.placement {
        let log = SpillLog::create(shared.cx.spill_folder(), dtype, &sweep.grid, read)?;
        targets.push((Target::Spilled(log), Some(0)));
    }
    for (i, _) in outputs().filter(|(_, o)| o.persists) {
        targets.push((Target::Kept(i, Blocks::new(dtype, sweep.grid.clone())), None));
    }
    let kept = matches!(stage.placement, Placement::Memory(_));
    let in_memory_too = |(i, o): (usize, &Output)| (o.stored.is_none() && !o.persists) || sinks.contains_key(&i);
    let wanted = kept || outputs().any(in_memory_too);
    if wanted {
        targets.push((Target::Memory(in_memory(dtype, &sweep.grid)?), Some(0)));
    }
    if matches!(stage.kind, StageKind::Scan { .. }) {
        return Ok(Running::Scan { id, chains: Chains::new(shared.cx, stage, id, &sweep.grid)?, targets });
    }
    Ok(Running::Blocks { id, targets })
}

/// An array in memory whose bytes a caller can take over as a vector of elements.
fn in_memory(dtype: DType, grid: &Chunks) -> Result<Assembly> {
    let n = shape::checked_size(&grid.shape()).ok_or_else(|| Error::bug("a result's size fits"))?;
    Assembly::new(dtype, grid.clone(), Buffer::elements(dtype, n))
}

/// Makes the results of a finished sink known, and collects the arrays that are written.
fn finish(shared: &mut Shared<'_>, sink: Running, done: &mut Done) -> Result<()> {
    match sink {
        Running::Blocks { id, targets } | Running::Scan { id, targets, .. } => {
            for (target, result) in targets {
                match (result, target.finish()?) {
                    (_, Finished::Stored(sink)) => done.written.push(sink),
                    (_, Finished::Kept(output, blocks)) => drop(done.kept.insert(output, blocks)),
                    (Some(result), Finished::Held(held)) => drop(shared.results[id][result].set(held)),
                    (None, Finished::Held(_)) => {}
                }
            }
        }
        Running::Tiles(tiles) => {
            if let (id, Finished::Held(held)) = tiles.finish()? {
                drop(shared.results[id][0].set(held));
            }
        }
        Running::Runs { id, runs } => drop(shared.results[id][0].set(Held::Runs(runs.finish()))),
        Running::Reduction { id, folds, results } => {
            for (r, (fold, target)) in folds.iter().zip(results).enumerate() {
                for index in fold.without_portions(shape::size(&shared.plan.stages[id].space) == 0) {
                    let block = fold.of_nothing(shared, &index)?;
                    target.write(shared.cx, &index, &fold.kept.region(&index), &block.host()?)?;
                }
                if let Finished::Held(held) = target.finish()? {
                    let _ = shared.results[id][r].set(held);
                }
            }
        }
    }
    Ok(())
}

/// A sweep's tasks, and what they share.
struct Job<'a, 'b> {
    shared: &'a Shared<'b>,
    running: &'a [Running],
    sweep: &'a Sweep,
    total: usize,
    progress: &'a AtomicUsize,
}

/// What the feeding thread waits for.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    /// Tasks queued or running.
    queued: usize,
    /// The number of the first task that is not done.
    oldest: usize,
    /// Whether the next tasks wait for that one.
    held_back: bool,
    /// Tasks after it that are done: where a range of them begins, and where it ends.
    done: BTreeMap<usize, usize>,
    /// The first fault.
    fault: Option<Error>,
}

impl State {
    /// Notes that these tasks are done; whether the first that is not has changed.
    fn finish(&mut self, numbers: &Range<usize>) -> bool {
        let before = self.oldest;
        self.done.insert(numbers.start, numbers.end);
        while let Some(end) = self.done.remove(&self.oldest) {
            self.oldest = end;
        }
        self.oldest > before
    }
}

impl Job<'_, '_> {
    /// Runs the tasks, some at a time; several small ones are handed to a thread together.
    fn run(&self, graph: &TaskGraph, sweep: usize) -> Result<()> {
        if let [Running::Tiles(tiles)] = self.running {
            return tiles.run(self.shared, (sweep, self.sweep), &|| self.count());
        }
        let (small, window, count) = (self.sweep.is_small(), self.sweep.window, self.sweep.grid.count());
        let threads = self.shared.cx.threads();
        let (ahead, batch) = (self.sweep.queued(threads), self.sweep.batch(threads));
        let gate = Gate::default();
        let cancel = self.shared.cx.cancel_token();
        self.shared.cx.pool()?.in_place_scope(|scope| {
            for first in (0..count).step_by(batch) {
                let numbers = first..count.min(first + batch);
                if !small {
                    self.prefetch(&graph.task(sweep, first).region);
                }
                let mut state = gate.state.lock();
                while (state.queued >= ahead || numbers.end - state.oldest > window) && state.fault.is_none() {
                    state.held_back = state.queued < ahead;
                    gate.change.wait(&mut state);
                }
                state.held_back = false;
                if cancel.is_cancelled() && state.fault.is_none() {
                    state.fault = Some(ErrorKind::Cancelled.into());
                }
                if state.fault.is_some() {
                    break;
                }
                state.queued += numbers.len();
                drop(state);
                let gate = &gate;
                scope.spawn(move |_| {
                    let tasks = numbers.clone().map(|number| graph.task(sweep, number));
                    self.guarded(&numbers, tasks, gate, ahead);
                });
            }
        });
        gate.state.into_inner().fault.map_or(Ok(()), Err)
    }

    fn guarded(&self, numbers: &Range<usize>, mut tasks: impl Iterator<Item = Task>, gate: &Gate, ahead: usize) {
        let stopped = gate.state.lock().fault.is_some();
        let outcome = if stopped { Ok(()) } else { tasks.try_for_each(|task| self.catching(&task)) };
        let mut state = gate.state.lock();
        state.queued -= numbers.len();
        let advanced = state.finish(numbers);
        if let Err(fault) = outcome {
            state.fault.get_or_insert(fault);
        }
        let half = ahead.div_ceil(2);
        let room = state.queued + numbers.len() >= half && (state.queued < half || !self.sweep.is_small());
        if room || advanced && state.held_back || state.fault.is_some() {
            gate.change.notify_one();
        }
    }

    fn catching(&self, task: &Task) -> Result<()> {
        if self.shared.cx.cancel_token().is_cancelled() {
            return Err(ErrorKind::Cancelled.into());
        }
        let done = catch_unwind(AssertUnwindSafe(|| self.task(task)))
            .unwrap_or_else(|panic| Err(Error::bug(format!("a task does not panic: {}", panic_text(&*panic)))));
        self.count();
        done.map_err(|e| e.at(format!("block {} at {}", shape::tuple(&task.block), task.region)))
    }

    /// Notes that one more task is done.
    fn count(&self) {
        let done = self.progress.fetch_add(1, Ordering::Relaxed) + 1;
        let counters = &self.shared.trace.counters;
        counters.tasks.fetch_add(1, Ordering::Relaxed);
        self.shared.cx.progress(|memory| Progress {
            done,
            total: self.total,
            bytes_read: counters.bytes_read.load(Ordering::Relaxed),
            bytes_written: counters.bytes_written.load(Ordering::Relaxed),
            live_bytes: memory.live(),
        });
    }

    /// Whether an interrupted run, with which this one goes on, has written everything that a task is for.
    fn is_done(&self, region: &Region) -> bool {
        self.running.iter().all(|sink| match sink {
            Running::Blocks { targets, .. } => !targets.is_empty() && targets.iter().all(|(t, _)| t.has(region)),
            Running::Scan { .. } | Running::Reduction { .. } | Running::Tiles(_) | Running::Runs { .. } => false,
        })
    }

    fn task(&self, task: &Task) -> Result<()> {
        if self.is_done(&task.region) {
            return Ok(());
        }
        let trace = &self.shared.trace;
        let (start, read) = (trace.elapsed(), trace.counters.read_ns.load(Ordering::Relaxed));
        let mut memo = Memo::default();
        for sink in self.running {
            match sink {
                Running::Blocks { id, targets } => self.blocks(*id, targets, task, &mut memo)?,
                Running::Scan { id, chains, targets } => self.scan(*id, chains, targets, task, &mut memo)?,
                Running::Reduction { id, folds, results } => self.reduction(*id, folds, results, task, &mut memo)?,
                Running::Runs { id, runs } => self.shared.add_runs(*id, runs, &task.block, &task.region)?,
                Running::Tiles(_) => return Err(Error::bug("a tile program runs by itself")),
            }
        }
        if trace.keeps_spans() {
            let read = trace.counters.read_ns.load(Ordering::Relaxed) - read;
            trace.span(|| Span {
                sweep: task.sweep,
                block: task.block.clone(),
                thread: rayon::current_thread_index().unwrap_or(0),
                start,
                end: trace.elapsed(),
                read: std::time::Duration::from_nanos(read),
                reserved: self.shared.cx.memory().reserved(),
            });
        }
        Ok(())
    }

    fn blocks(&self, id: StageId, targets: &[(Target, Option<usize>)], task: &Task, memo: &mut Memo) -> Result<()> {
        if self.in_place(id, targets, task, memo)? {
            return Ok(());
        }
        let data = self.shared.remembered_stage(id, &task.region, memo)?;
        self.hand_over(targets, &task.block, &task.region, &data)
    }

    /// Gives a finished block to one target, and counts it.
    fn put(&self, target: &Target, index: &[usize], region: &Region, data: &Data) -> Result<()> {
        let counters = &self.shared.trace.counters;
        if let Target::Kept(_, blocks) | Target::Whole(blocks) = target {
            blocks.put(index, data.clone());
            return Ok(());
        }
        let block = &timed(&counters.compute_ns, || data.host())?;
        let counter = match target {
            Target::Stored(_) => Some(&counters.bytes_written),
            Target::Spilled(_) => Some(&counters.bytes_spilled),
            Target::Memory(_) | Target::Kept(..) | Target::Whole(_) => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(block.bytes().len() as u64, Ordering::Relaxed);
        }
        timed(&counters.write_ns, || target.write(self.shared.cx, index, region, block))
    }

    /// Gives a finished block to all that take it.
    fn hand_over(
        &self,
        targets: &[(Target, Option<usize>)],
        index: &[usize],
        region: &Region,
        data: &Data,
    ) -> Result<()> {
        for (target, _) in targets.iter().filter(|(target, _)| !target.has(region)) {
            self.put(target, index, region, data)?;
        }
        Ok(())
    }

    /// Computes an elementwise stage straight into its answer in memory, where the block lies side by side there and no
    /// other sink of the sweep wants it; whether it did.
    fn in_place(&self, id: StageId, targets: &[(Target, Option<usize>)], task: &Task, memo: &mut Memo) -> Result<bool> {
        let stage = &self.shared.plan.stages[id];
        let ([(Target::Memory(assembly), _)], StageKind::Blockwise(_)) = (targets, &stage.kind) else {
            return Ok(false);
        };
        let kernel = self.shared.block_kernel(id)?;
        if self.running.len() > 1 || !kernel.on_cpu() {
            return Ok(false);
        }
        let Some(run) = assembly.claim_run(&task.block)? else { return Ok(false) };
        let views = self.shared.views(id, &task.region, memo)?;
        let views = views.iter().map(View::host).collect::<Result<Vec<_>>>()?;
        timed(&self.shared.trace.counters.compute_ns, || kernel.run_into(&task.region, &views, &mut [run]))?;
        Ok(true)
    }

    fn reduction(
        &self,
        id: StageId,
        folds: &[PartFold],
        results: &[Target],
        task: &Task,
        memo: &mut Memo,
    ) -> Result<()> {
        let stage = &self.shared.plan.stages[id];
        let (StageKind::Reduce { parts, .. }, StageKernels::Reduction { tiles: kernels, .. }) =
            (&stage.kind, &self.shared.kernels[id])
        else {
            return Err(Error::bug("a reduction"));
        };
        let views = self.shared.views(id, &task.region, memo)?;
        for TileKernels { members, one, all, finishes, fold: joins } in kernels {
            let reduced = &parts[members[0]].reduced;
            let fold = &folds[members[0]];
            let identity = |part: usize| parts[part].reducer.identity.len();
            let portions = fold.portions(reduced, &task.region);
            if let (Some(all), Some(first)) = (all, portions.first()) {
                let index = fold.index(reduced, &task.block, first);
                let numbers: Vec<usize> = portions.iter().map(|p| p.number).collect();
                let states = self.shared.launch(stage, all, &task.region, &views)?;
                if *finishes {
                    for (&part, result) in members.iter().zip(&states) {
                        self.put(&results[part], &index, &folds[part].kept.region(&index), result)?;
                    }
                    continue;
                }
                let nodes = fold.folded(self.shared, joins, &index, (numbers, states))?;
                let mut at = 0;
                for &part in members {
                    let own = at..at + identity(part);
                    at = own.end;
                    if let Some(result) = folds[part].add_all(self.shared, &index, &nodes, own)? {
                        self.put(&results[part], &index, &folds[part].kept.region(&index), &result)?;
                    }
                }
                continue;
            }
            for portion in portions {
                let index = fold.index(reduced, &task.block, &portion);
                let tile = &portion.tile;
                let corner = || tile.relative_to(&task.region).start;
                let mut states = match (fold.group_axis(), portion.group) {
                    (Some(axis), Some((_, positions))) => {
                        let shifted: Vec<View<Data>> = views.iter().map(|v| v.shifted(&corner())).collect();
                        let (share, views) = self.shared.share(stage, &shifted, tile, axis, positions)?;
                        self.shared.launch(stage, one, &share, &views)?
                    }
                    _ if *tile == task.region => self.shared.launch(stage, one, tile, &views)?,
                    _ => {
                        let shifted: Vec<View<Data>> = views.iter().map(|v| v.shifted(&corner())).collect();
                        self.shared.launch(stage, one, tile, &shifted)?
                    }
                }
                .into_iter();
                for &part in members {
                    let state = states.by_ref().take(identity(part)).map(View::whole).collect();
                    if let Some(result) = folds[part].add(self.shared, &index, 0, portion.number, state)? {
                        self.put(&results[part], &index, &folds[part].kept.region(&index), &result)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Scans the tiles of a block, and hands over what is finished of its chain.
    fn scan(
        &self,
        id: StageId,
        chains: &Chains,
        targets: &[(Target, Option<usize>)],
        task: &Task,
        memo: &mut Memo,
    ) -> Result<()> {
        let stage = &self.shared.plan.stages[id];
        let views = self.shared.views(id, &task.region, memo)?;
        let states = self.shared.launch(stage, self.shared.block_kernel(id)?, &task.region, &views)?.pop();
        let states = states.ok_or_else(|| Error::bug("a scan has states"))?;
        drop(views);
        chains.add(self.shared, Scanned { index: task.block.clone(), region: task.region.clone(), states })?;
        while let Some((done, data)) = chains.take(self.shared, &task.block)? {
            self.hand_over(targets, &done.index, &done.region, &data)?;
        }
        Ok(())
    }

    /// Announces what a block will read.
    fn prefetch(&self, region: &Region) {
        if self.is_done(region) {
            return;
        }
        let products = |id: &StageId| {
            matches!(self.shared.plan.stages[*id].kind, StageKind::Contract(_) | StageKind::Substitute(_))
        };
        for &id in self.sweep.stages.iter().filter(|id| !products(id)) {
            let stage = &self.shared.plan.stages[id];
            let region = &stage.input_region(region);
            for piece in stage.inputs.iter().flat_map(|i| &i.pieces) {
                if let (Origin::Store(s), Some(part)) = (piece.origin, piece.out.intersect(region)) {
                    self.shared.plan.stores[s].prefetch(&piece.map.source(&part).0);
                }
            }
        }
    }
}
