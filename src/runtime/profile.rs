//! The profile of a context's run, or of several: what threads, memory, stages and stores did.

use super::record::{Flow, History, Interval, Stretch, TaskSpan, Thinned, Times};
use crate::chunk::Region;
use crate::error::Bytes;
use std::time::Duration;

/// Tasks and stretches of all threads that a profile keeps, about.
const TASKS: usize = 6000;
const STRETCHES: usize = 16_000;

/// Runs whose plans a profile keeps.
const RUNS: usize = 32;

/// What runs did.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The plans that ran, in order.
    pub runs: Vec<Run>,
    /// Runs whose plans are left out, being too many; their times and bytes are in the rest.
    pub left_out: usize,
    /// What threads did, by thread.
    pub lanes: Vec<Lane>,
    /// What lived and what moved.
    pub history: History,
    /// What all tasks took, and what was done outside of them.
    pub times: Times,
    /// What moved.
    pub flow: Flow,
}

/// What one thread did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Whether it is a worker, rather than the thread that asked for the run.
    pub works: bool,
    /// Its tasks.
    pub tasks: Thinned<TaskSpan>,
    /// What it did in them.
    pub stretches: Thinned<Stretch>,
    /// Nanoseconds in tasks.
    pub busy: u64,
}

impl Lane {
    /// An idle one of so many.
    #[must_use]
    pub fn new(name: String, works: bool, lanes: usize) -> Self {
        let part = |most: usize| most / lanes.max(1);
        let (tasks, stretches) = (Thinned::new(part(TASKS)), Thinned::new(part(STRETCHES)));
        Self { name, works, tasks, stretches, busy: 0 }
    }
}

/// One plan that ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// When it began, in nanoseconds since the profile began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// Time that its planning took before.
    pub planning: Duration,
    /// Worker threads.
    pub threads: usize,
    /// The device that kernels ran on.
    pub device: String,
    /// The memory budget.
    pub budget: u64,
    /// The plan, as text.
    pub plan: String,
    /// Its sweeps and tasks, as text.
    pub tasks: String,
    /// The plan as an SVG; empty where it has too many stages to be drawn.
    pub drawing: String,
    /// Its stages.
    pub stages: Vec<StageRecord>,
    /// Its sweeps.
    pub sweeps: Vec<SweepRecord>,
    /// The arrays that it read, but for those in memory.
    pub sources: Vec<SourceRecord>,
}

/// A stage and what was done for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageRecord {
    /// Its number in the plan.
    pub number: usize,
    /// What it does.
    pub title: String,
    /// What becomes of its result; empty where it is made on demand.
    pub role: String,
    /// What it reads, a line each.
    pub inputs: Vec<String>,
    /// Its space.
    pub space: Vec<usize>,
    /// Its chunks, as text.
    pub chunks: String,
    /// Its tally.
    pub tally: Tally,
}

/// What was done for a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks in which it is a result, or regions of it that others asked for.
    pub calls: u64,
    /// What its time went to, that of the stages that it asks aside.
    pub times: Times,
    /// What it read and wrote.
    pub flow: Flow,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.times.add(&other.times);
        self.flow.add(&other.flow);
    }
}

/// A sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRecord {
    /// Its stages.
    pub stages: Vec<usize>,
    /// Its blocks.
    pub grid: crate::chunk::Chunks,
    /// Bytes that a task takes, as projected.
    pub task_bytes: u64,
    /// When it began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
}

/// A stored array and what was read of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRecord {
    /// Where it is.
    pub path: String,
    /// Element type, shape, chunks, compression: as text.
    pub about: String,
    /// Bytes of all of it, decoded.
    pub bytes: u64,
    /// What was read of it, in how many calls, and what that took.
    pub tally: Tally,
}

impl Profile {
    /// Bytes of the arrays that were read, decoded, each counted once a run.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        self.runs.iter().flat_map(|r| &r.sources).map(|s| s.bytes).sum()
    }

    /// The region that a task computed, where it is one task.
    #[must_use]
    pub fn region(&self, task: &TaskSpan) -> Option<Region> {
        let sweep = self.runs.get(task.run)?.sweeps.get(task.sweep)?;
        let fits = task.tasks == 1 && task.block.len() == sweep.grid.rank();
        fits.then(|| sweep.grid.region(&task.block))
    }

    /// Adds the profile of a run that began `offset` nanoseconds later.
    pub fn append(&mut self, next: &Self, offset: u64) {
        let before = self.runs.len();
        for run in &next.runs {
            if self.runs.len() >= RUNS {
                self.left_out += 1;
                continue;
            }
            let mut run = run.clone();
            (run.start, run.end) = (run.start + offset, run.end + offset);
            run.sweeps.iter_mut().for_each(|s| (s.start, s.end) = (s.start + offset, s.end + offset));
            self.runs.push(run);
        }
        self.left_out += next.left_out;
        let lanes = self.lanes.len().max(next.lanes.len());
        for lane in &next.lanes {
            let found = self.lanes.iter().position(|l| l.name == lane.name);
            let at = found.unwrap_or_else(|| {
                self.lanes.push(Lane::new(lane.name.clone(), lane.works, lanes));
                self.lanes.len() - 1
            });
            let to = &mut self.lanes[at];
            for task in lane.tasks.items() {
                let (start, end) = (task.start + offset, task.end + offset);
                to.tasks.push(TaskSpan { start, end, run: before + task.run, ..task.clone() });
            }
            for s in lane.stretches.items() {
                let stage = s.stage.map(|(run, stage)| (before + run, stage));
                to.stretches.push(Stretch { start: s.start() + offset, end: s.end() + offset, stage, ..*s });
            }
            to.busy += lane.busy;
        }
        self.history.take_in(&next.history, offset);
        self.times.add(&next.times);
        self.flow.add(&next.flow);
    }
}

/// Element type, shape, chunks and compression of a stored array.
pub(crate) fn about(info: &crate::store::Info) -> String {
    let stored = info.stored.map_or_else(String::new, |bytes| format!(", {} stored", Bytes(bytes)));
    let codecs = if info.codecs.is_empty() { String::new() } else { format!(", {}", info.codecs) };
    let shape = crate::shape::tuple(&info.shape);
    format!("{} {shape} in chunks {}, {}{codecs}{stored}", info.dtype, info.chunks, info.format)
}
