//! Runs a task graph: sweeps in order, tasks of a sweep on the context's threads.
//!
//! A sweep reserves the bytes of as many tasks as may run at once before the first is spawned, so no worker ever waits
//! for memory. The calling thread feeds the pool a bounded number of tasks ahead and asks stores to read ahead for
//! them. The first fault stops the run; arrays that were being written are dropped unfinished and leave nothing behind.

use super::ahead::{is_foreseen, room};
use super::cache::ChunkCache;
use super::carry::{Chains, Scanned};
use super::context::{Context, Progress, in_turn, turn};
use super::fetch::{Held, Memo, Shared, Trails};
use super::fold::{Added, Nodes, PartFold};
use super::gate::Gate;
use super::gathered::roots;
use super::launch::{StageKernels, TileKernels};
use super::pipeline::described;
use super::recorder::Which;
use super::report::Report;
use super::running::{Done, Running, finish, start};
use super::target::{Target, write_whole};
use super::trace::{Timed, Trace};
use crate::blockwise::demand::{follows_blocks, overlaps};
use crate::blockwise::plan::{Part, Plan, Stage, StageId, StageKind};
use crate::blockwise::sweep::Sweep;
use crate::chunk::Region;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::device::{Event, View};
use crate::error::{Error, ErrorKind, Result, panic_text};
use crate::shape;
use crate::store::Sink;
use crate::store::memory::BlockStore;
use crate::store::remote::ahead::Ahead;
use crate::task::{Task, TaskGraph};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

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
    let overlaps = (0..plan.stages.len()).map(|id| overlaps(plan, id)).collect();
    let cached = (0..plan.stores.len()).map(|s| graph.shared.iter().any(|g| g.store == s && g.cached)).collect();
    let mut shared = Shared {
        cx,
        plan,
        kernels,
        overlaps,
        results,
        cache,
        cached,
        in_parts: Vec::new(),
        trace: Trace::new(cx, plan),
    };
    let mut sinks: BTreeMap<usize, Box<dyn Sink>> =
        sinks.into_iter().enumerate().filter_map(|(i, s)| s.map(|s| (i, s))).collect();
    let progress = AtomicUsize::new(0);
    let mut done = Done::default();
    for number in 0..graph.sweeps.len() {
        run_sweep(&mut shared, graph, number, &mut sinks, (&progress, &mut done))?;
        for &id in &graph.sweeps[number].releases {
            release(&mut shared, id);
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
                done.written.insert(i, sink);
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
    // Visible last, together, in the order in which they were asked for: a run that fails shows none of them.
    if !done.written.is_empty() {
        shared.trace.timed(Timed::Finish, || done.written.into_values().try_for_each(Sink::finish))?;
    }
    let report = Report {
        projected_bytes: graph.projected_bytes(),
        peak_bytes: cx.memory().peak_live(),
        profile: shared.trace.profile(cx, plan, graph, || described(cx, plan, graph)),
        ..shared.trace.report()
    };
    Ok((answers, report))
}

/// Lets go of the results of a stage.
fn release(shared: &mut Shared<'_>, id: StageId) {
    let stage = &shared.plan.stages[id];
    for (r, dtype) in stage.result_dtypes().into_iter().enumerate() {
        match shared.results[id][r].take() {
            Some(Held::Spilled(_)) => shared.trace.released(shape::size(&stage.result_shape(r)) * dtype.size()),
            Some(Held::Runs(runs)) => shared.trace.released(runs.bytes()),
            Some(Held::Data(_)) | None => {}
        }
    }
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
    shared.in_parts = (0..shared.plan.stores.len()).map(|s| sweep.in_parts.contains(&s)).collect();
    let running: Vec<Running> =
        sweep.stages.iter().map(|&id| start(shared, sweep, id, sinks)).collect::<Result<_>>()?;
    let free = shared.cx.memory().budget().saturating_sub(sweep.held_bytes);
    let tasks = (sweep.width * (1 + sweep.ahead)) as u64;
    let reserved = sweep.task_bytes.saturating_mul(tasks).min(free);
    let reservation = shared.cx.memory().reserve("a sweep", reserved)?;
    let job = Job {
        shared,
        running: &running,
        sweep,
        total: graph.len(),
        progress,
        ahead: room(shared, graph),
        looks: shared.has_unseen(),
        coming: Mutex::default(),
        trail: Mutex::default(),
    };
    shared.trace.sweep(|| job.run(graph, number))?;
    drop(job);
    drop(reservation);
    running.into_iter().try_for_each(|sink| finish(shared, sink, done))
}

/// Tasks ahead of which stores behind networks are told, at most.
const FAR: usize = 2048;

/// A sweep's tasks, and what they share.
struct Job<'a, 'b> {
    shared: &'a Shared<'b>,
    running: &'a [Running],
    sweep: &'a Sweep,
    total: usize,
    progress: &'a AtomicUsize,
    /// What is fetched before tasks ask for it.
    ahead: Option<Arc<Ahead>>,
    /// Whether stores have anything to look at before that.
    looks: bool,
    /// Finished blocks on their way to the host.
    coming: Mutex<VecDeque<Coming<'a>>>,
    /// By worker, where its last tasks end on the stream of its device.
    trail: Mutex<BTreeMap<usize, VecDeque<Event>>>,
}

/// A block of a target in memory.
struct Coming<'a> {
    target: &'a Target,
    index: Vec<usize>,
    region: Region,
    data: Data,
}

/// Blocks that are on their way at once, and the bytes of each, at most: what this takes beside the memory of tasks
/// does not count.
const COMING: usize = 32;
const COMING_BYTES: usize = 128 << 10;

impl<'a> Job<'a, '_> {
    /// Runs the tasks, some at a time; several small ones are handed to a thread together.
    fn run(&self, graph: &TaskGraph, sweep: usize) -> Result<()> {
        if let [Running::Tiles(tiles)] = self.running {
            return tiles.run(self.shared, (sweep, self.sweep), &|| self.count());
        }
        let (small, window, count) = (self.sweep.is_small(), self.sweep.window, self.sweep.grid.count());
        if self.only_enqueues() {
            if !self.gathers(graph, sweep)? {
                let run = |n| in_turn(n, || self.catching(&graph.task(sweep, n), &mut Trails::default()));
                (0..count).try_for_each(run)?;
            }
            return self.take_in(0);
        }
        let threads = self.shared.cx.threads();
        let (ahead, batch) = (self.sweep.queued(threads), self.sweep.batch(threads));
        let gate = Gate::default();
        let cancel = self.shared.cx.cancel_token();
        let mut told = 0;
        self.shared.cx.pool()?.in_place_scope(|scope| {
            for first in (0..count).step_by(batch) {
                let numbers = first..count.min(first + batch);
                if !small {
                    self.prefetch(&graph.task(sweep, first).region);
                }
                told = self.fetch_ahead(told.max(first)..count.min(numbers.end + FAR), &gate, |number| {
                    graph.task(sweep, number).region
                });
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
        gate.state.into_inner().fault.map_or_else(|| self.take_in(0), Err)
    }

    /// Folds the states of all tasks on the device at once, where there is something to fold and room; whether it did.
    fn gathers(&self, graph: &TaskGraph, sweep: usize) -> Result<bool> {
        let [Running::Reduction { id, folds, results }] = self.running else { return Ok(false) };
        let count = self.sweep.grid.count();
        let stage = &self.shared.plan.stages[*id];
        let (StageKind::Reduce { parts, .. }, StageKernels::Reduction { tiles, .. }) =
            (&stage.kind, &self.shared.kernels[*id])
        else {
            return Err(Error::bug("a reduction"));
        };
        if count < 2 || folds.iter().any(|fold| fold.kept.count() != 1) {
            return Ok(false);
        }
        let tasks = (0..count).map(|number| graph.task(sweep, number));
        let roots = match self.shared.trace.within(*id, || roots(self.shared, *id, tasks, (folds, tiles))) {
            Err(error) if matches!(error.kind(), ErrorKind::Memory { .. }) => None,
            done => done?,
        };
        let Some(roots) = roots else { return Ok(false) };
        let index = vec![0; stage.space.len()];
        for (TileKernels { members, .. }, nodes) in tiles.iter().zip(roots) {
            self.add_nodes((parts, members), (folds, results), &index, &nodes)?;
        }
        (0..count).for_each(|_| self.count());
        Ok(true)
    }

    /// Adds nodes of the parts that are `members` to block `index` of their results.
    fn add_nodes(
        &self,
        (parts, members): (&[Part], &[usize]),
        (folds, results): (&[PartFold], &'a [Target]),
        index: &[usize],
        nodes: &Nodes,
    ) -> Result<()> {
        let mut at = 0;
        for &part in members {
            let own = at..at + parts[part].reducer.identity.len();
            at = own.end;
            if let Some(result) = folds[part].add_all(self.shared, index, nodes, own)? {
                self.put(&results[part], index, &folds[part].kept.region(index), &result)?;
            }
        }
        Ok(())
    }

    /// Whether the tasks only enqueue, so that the calling thread runs them.
    fn only_enqueues(&self) -> bool {
        let block = self.sweep.grid.longest();
        let leaves = |sink: &Running| sink.waits_for_none(self.shared.plan, &block, COMING_BYTES);
        self.running.iter().all(leaves) && self.shared.only_enqueues(self.sweep)
    }

    /// Waits for blocks that are on their way, those that came first in front, until no more than `left` are.
    fn take_in(&self, left: usize) -> Result<()> {
        loop {
            let mut coming = self.coming.lock();
            if coming.len() <= left {
                return Ok(());
            }
            let Some(Coming { target, index, region, data }) = coming.pop_front() else { return Ok(()) };
            drop(coming);
            self.write(target, &index, &region, &data).map_err(|e| e.at(format!("block {region}")))?;
        }
    }

    fn guarded(&self, numbers: &Range<usize>, mut tasks: impl Iterator<Item = Task>, gate: &Gate, ahead: usize) {
        let stopped = gate.state.lock().fault.is_some();
        let mut trails = Trails::default();
        let outcome = if stopped { Ok(()) } else { tasks.try_for_each(|task| self.paced(&task, &mut trails)) };
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

    /// Runs a task once what the worker has left to its device is little enough: what that still reads takes memory.
    fn paced(&self, task: &Task, trails: &mut Trails) -> Result<()> {
        let Some((device, stream)) = self.shared.cx.lane() else { return self.catching(task, trails) };
        let first = || {
            let mut trail = self.trail.lock();
            let list = trail.get_mut(&turn())?;
            if list.len() > self.sweep.ahead { list.pop_front() } else { None }
        };
        while let Some(event) = first() {
            self.shared.trace.timed(Timed::Device, || device.wait(event))?;
        }
        let done = self.catching(task, trails);
        self.trail.lock().entry(turn()).or_default().push_back(device.record(stream));
        done
    }

    fn catching(&self, task: &Task, trails: &mut Trails) -> Result<()> {
        if self.shared.cx.cancel_token().is_cancelled() {
            return Err(ErrorKind::Cancelled.into());
        }
        let done = catch_unwind(AssertUnwindSafe(|| self.task(task, trails)))
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

    fn task(&self, task: &Task, trails: &mut Trails) -> Result<()> {
        if self.is_done(&task.region) {
            return Ok(());
        }
        let which = Which { sweep: task.sweep, block: &task.block };
        let mut memo = Memo::going_on(std::mem::take(trails));
        if let [_, _, ..] = self.running {
            let follow = |id: &StageId| follows_blocks(&self.shared.plan.stages[*id].kind);
            memo.foresee(self.shared, self.running.iter().map(Running::stage).filter(follow), &task.region);
        }
        let done = self.shared.trace.task(
            &which,
            || self.shared.level(),
            || {
                for sink in self.running {
                    self.shared.trace.within(sink.stage(), || self.sink(sink, task, &mut memo))?;
                }
                Ok(())
            },
        );
        *trails = memo.trails;
        done
    }

    fn sink(&self, sink: &'a Running, task: &Task, memo: &mut Memo) -> Result<()> {
        match sink {
            Running::Blocks { id, targets } => self.blocks(*id, targets, task, memo),
            Running::Scan { id, chains, targets } => self.scan(*id, chains, targets, task, memo),
            Running::Reduction { id, folds, results } => self.reduction(*id, folds, results, task, memo),
            Running::Runs { id, runs } => self.shared.add_runs(*id, runs, &task.block, &task.region),
            Running::Tiles(_) => Err(Error::bug("a tile program runs by itself")),
        }
    }

    fn blocks(&self, id: StageId, targets: &'a [(Target, Option<usize>)], task: &Task, memo: &mut Memo) -> Result<()> {
        if self.in_place(id, targets, task, memo)? {
            return Ok(());
        }
        let data = self.shared.remembered_stage(id, &task.region, memo)?;
        self.hand_over(targets, &task.block, &task.region, &data)
    }

    /// Gives a finished block to one target, and counts it.
    fn put(&self, target: &'a Target, index: &[usize], region: &Region, data: &Data) -> Result<()> {
        match target {
            Target::Kept(_, blocks) | Target::Whole(blocks) => {
                blocks.put(index, data.clone());
                Ok(())
            }
            Target::Memory(_) if data.len() <= COMING_BYTES && data.bring()? => {
                let (index, region, data) = (index.to_vec(), region.clone(), data.clone());
                self.coming.lock().push_back(Coming { target, index, region, data });
                self.take_in(COMING)
            }
            Target::Memory(_) | Target::Stored(..) | Target::Spilled(_) => self.write(target, index, region, data),
        }
    }

    /// Writes a finished block to a target on the host.
    fn write(&self, target: &Target, index: &[usize], region: &Region, data: &Data) -> Result<()> {
        let trace = &self.shared.trace;
        let waits = if self.shared.cx.lane().is_some() { Timed::Device } else { Timed::Compute };
        let block = &trace.timed(waits, || data.host())?;
        trace.timed(target.work(block), || target.write(self.shared.cx, index, region, block))
    }

    /// Gives a finished block to all that take it.
    fn hand_over(
        &self,
        targets: &'a [(Target, Option<usize>)],
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
        self.shared.trace.timed(Timed::Compute, || kernel.run_into(&task.region, &views, &mut [run]))?;
        Ok(true)
    }

    fn reduction(
        &self,
        id: StageId,
        folds: &[PartFold],
        results: &'a [Target],
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
        for TileKernels { members, one, all, finishes, folds: joins } in kernels {
            let reduced = &parts[members[0]].reduced;
            let fold = &folds[members[0]];
            let identity = |part: usize| parts[part].reducer.identity.len();
            if let Some(all) = all {
                let index = fold.index(reduced, &task.block, None);
                let listed = || fold.portions(reduced, &task.region).iter().map(|p| p.number).collect();
                let numbers: Vec<usize> = fold.numbers(reduced, &task.region).map_or_else(listed, Iterator::collect);
                if numbers.is_empty() {
                    continue;
                }
                let states = self.shared.launch(stage, all, &task.region, &views)?;
                if *finishes {
                    for (&part, result) in members.iter().zip(&states) {
                        self.put(&results[part], &index, &folds[part].kept.region(&index), result)?;
                    }
                    continue;
                }
                let nodes = fold.folded(self.shared, joins, &index, (numbers, states))?;
                self.add_nodes((parts, members), (folds, results), &index, &nodes)?;
                continue;
            }
            for portion in fold.portions(reduced, &task.region) {
                let index = fold.index(reduced, &task.block, portion.group.map(|(group, _)| group));
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
                    let added = Added { level: 0, first: portion.number, state, comes: false };
                    if let Some(result) = folds[part].add(self.shared, &index, added)? {
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
        targets: &'a [(Target, Option<usize>)],
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
        if !self.is_done(region) {
            self.foreseen().for_each(|stage| self.shared.announce(stage, &stage.input_region(region)));
        }
    }

    /// Has stores behind networks fetch what these tasks will read, as far as there is room for it. Gives the first for
    /// which there was none.
    fn fetch_ahead(&self, tasks: Range<usize>, gate: &Gate, region: impl Fn(usize) -> Region) -> usize {
        let Some(ahead) = &self.ahead else { return tasks.start };
        ahead.done_before(gate.state.lock().oldest);
        let stages = |region: &Region| self.foreseen().take(if self.is_done(region) { 0 } else { usize::MAX });
        let tasks = if self.looks { self.shared.look_ahead(tasks, &region, stages) } else { tasks };
        for number in tasks.clone() {
            let region = region(number);
            ahead.announcing(number);
            let mut stages = stages(&region);
            if !stages.all(|stage| self.shared.fetch_ahead(stage, &stage.input_region(&region), ahead)) {
                return number;
            }
        }
        tasks.end
    }

    /// The stages of which it is known before what a block reads.
    fn foreseen(&self) -> impl Iterator<Item = &Stage> {
        self.sweep.stages.iter().map(|id| &self.shared.plan.stages[*id]).filter(|stage| is_foreseen(stage))
    }
}
