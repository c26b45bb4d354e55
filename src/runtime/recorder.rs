//! Fills a profile while a run goes on: one place for each thread, which it has to itself.

use super::context::{Context, turn};
use super::knobs::resident_memory;
use super::profile::{Lane, Profile, Tally};
use super::record::{Activity, Flow, History, Level, Stretch, TaskSpan, Times};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The stage of what is done for none.
const NOBODY: usize = usize::MAX;

/// Records what threads do.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    /// Workers, and last the thread that asked for the run.
    workers: Vec<Mutex<Worker>>,
    /// Bytes of intermediate results that are on disk.
    pub(crate) on_disk: AtomicU64,
    /// When the memory of the process is looked at next.
    look: AtomicU64,
}

/// What one thread has done.
#[derive(Debug)]
struct Worker {
    lane: Lane,
    history: History,
    times: Times,
    flow: Flow,
    stages: Vec<Tally>,
    sources: Vec<Tally>,
    /// The stage that is worked for, and since when.
    stage: (usize, u64),
    /// Named time of that stage since then, which is not "other".
    named: u64,
    /// Of the task that runs.
    task: Tally,
}

/// What something that a thread did took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) start: u64,
    pub(crate) times: Times,
    pub(crate) flow: Flow,
    /// The store that it read.
    pub(crate) source: Option<usize>,
}

/// Which task.
pub(crate) struct Which<'a> {
    pub(crate) sweep: usize,
    pub(crate) block: &'a [usize],
}

impl Recorder {
    /// For a run of so many stages and stores.
    pub(crate) fn new(cx: &Context, began: Instant, stages: usize, stores: usize) -> Self {
        let count = cx.threads() + 1;
        let worker = |k: usize| {
            let works = k < cx.threads();
            let name = if works { cx.worker_name(k) } else { "calling thread".to_owned() };
            Mutex::new(Worker {
                lane: Lane::new(name, works, count),
                history: History::default(),
                times: Times::default(),
                flow: Flow::default(),
                stages: vec![Tally::default(); stages],
                sources: vec![Tally::default(); stores],
                stage: (NOBODY, 0),
                named: 0,
                task: Tally::default(),
            })
        };
        let workers = (0..count).map(worker).collect();
        Self { began, workers, on_disk: AtomicU64::new(0), look: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The place of the calling thread.
    fn worker(&self) -> &Mutex<Worker> {
        let last = self.workers.len() - 1;
        &self.workers[rayon::current_thread_index().map_or(last, |_| turn().min(last))]
    }

    /// Notes something that has just been done.
    pub(crate) fn did(&self, done: &Done) {
        let end = self.now();
        let mut worker = self.worker().lock();
        let stage = worker.stage.0;
        worker.named += done.times.total();
        worker.times.add(&done.times);
        worker.flow.add(&done.flow);
        let tally = Tally { calls: 0, times: done.times, flow: done.flow };
        worker.task.add(&tally);
        if let Some(of) = worker.stages.get_mut(stage) {
            of.add(&tally);
        }
        if let Some(of) = done.source.and_then(|s| worker.sources.get_mut(s)) {
            of.add(&Tally { calls: 1, ..tally });
        }
        // What a store did came one after the other, as far as one can tell: first the file, then the elements.
        let mut start = done.start;
        for activity in Activity::ALL {
            let ns = done.times.get(activity);
            if ns > 0 {
                let stage = (stage != NOBODY).then_some((0, stage));
                let stretch = Stretch { start, end: (start + ns).min(end), stage, times: Times::of(activity, ns) };
                worker.lane.stretches.push(stretch);
                start += ns;
            }
        }
        if done.flow != Flow::default() {
            worker.history.moved(done.start, end, &done.flow);
        }
    }

    /// Runs `work` for a stage, whose time it counts as.
    pub(crate) fn within<T>(&self, stage: usize, work: impl FnOnce() -> T) -> T {
        let outer = {
            let mut worker = self.worker().lock();
            // A sink that is evaluated like any other is one call.
            if worker.stage.0 != stage
                && let Some(of) = worker.stages.get_mut(stage)
            {
                of.calls += 1;
            }
            worker.turn_to(stage, self.now())
        };
        let done = work();
        self.worker().lock().turn_to(outer, self.now());
        done
    }

    /// Runs a task.
    pub(crate) fn task<T>(&self, which: &Which<'_>, level: impl FnOnce() -> Level, work: impl FnOnce() -> T) -> T {
        let start = self.now();
        let (outer, stage) = {
            let mut worker = self.worker().lock();
            let stage = worker.turn_to(NOBODY, start);
            (std::mem::take(&mut worker.task), stage)
        };
        let done = work();
        let mut level = level();
        level.on_disk = self.on_disk.load(Ordering::Relaxed);
        let end = self.now();
        level.resident = self.resident(end);
        let mut worker = self.worker().lock();
        worker.turn_to(stage, end);
        let Tally { mut times, flow, .. } = std::mem::replace(&mut worker.task, outer);
        let other = Times::of(Activity::Other, (end - start).saturating_sub(times.total()));
        times.add(&other);
        worker.times.add(&other);
        worker.lane.busy += end - start;
        worker.history.note(end, &level);
        let block = which.block.to_vec();
        worker.lane.tasks.push(TaskSpan { start, end, tasks: 1, run: 0, sweep: which.sweep, block, times, flow });
        done
    }

    /// The memory of the process, which is looked at from time to time.
    fn resident(&self, now: u64) -> u64 {
        let due = self.look.load(Ordering::Relaxed);
        let next = now + (now / 256).max(2_000_000);
        if now < due || self.look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return 0;
        }
        resident_memory().unwrap_or(0)
    }

    /// What was recorded, without the plan; and the tallies of stages and stores.
    pub(crate) fn finish(&self) -> (Profile, Vec<Tally>, Vec<Tally>) {
        let mut profile = Profile {
            runs: Vec::new(),
            left_out: 0,
            lanes: Vec::new(),
            history: History::default(),
            times: Times::default(),
            flow: Flow::default(),
        };
        let (mut stages, mut sources): (Vec<Tally>, Vec<Tally>) = (Vec::new(), Vec::new());
        for worker in &self.workers {
            let worker = worker.lock();
            profile.history.take_in(&worker.history, 0);
            profile.times.add(&worker.times);
            profile.flow.add(&worker.flow);
            if worker.lane.works || !worker.lane.stretches.items().is_empty() || worker.lane.busy > 0 {
                profile.lanes.push(worker.lane.clone());
            }
            for (all, own) in [(&mut stages, &worker.stages), (&mut sources, &worker.sources)] {
                all.resize(own.len(), Tally::default());
                all.iter_mut().zip(own).for_each(|(all, own)| all.add(own));
            }
        }
        (profile, stages, sources)
    }
}

impl Worker {
    /// Works for another stage from now on; the one before.
    fn turn_to(&mut self, stage: usize, now: u64) -> usize {
        let (before, since) = std::mem::replace(&mut self.stage, (stage, now));
        let other = now.saturating_sub(since).saturating_sub(std::mem::take(&mut self.named));
        if let Some(of) = self.stages.get_mut(before) {
            of.times.add(&Times::of(Activity::Other, other));
        }
        before
    }
}
