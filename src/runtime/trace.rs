//! What a run did: counters, and where it is profiled, who did what when.

use super::context::Context;
use super::profile::{Profile, Run, SourceRecord, StageRecord, SweepRecord, about};
use super::record::{Activity, Flow, Level, Times};
use super::recorder::{Done, Recorder, Which};
use super::report::Report;
use crate::blockwise::display::{inputs, role, title};
use crate::blockwise::plan::{Plan, StageId};
use crate::drawing::plan::Drawing;
use crate::shape;
use crate::store::meter::{Requests, metered};
use crate::task::TaskGraph;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Plans of more stages are not drawn.
const MOST_DRAWN: usize = 100;

/// Counters of one run.
#[derive(Debug, Default)]
pub struct Counters {
    /// Tasks done.
    pub tasks: AtomicU64,
    /// Bytes read from stores, decoded.
    pub bytes_read: AtomicU64,
    /// Bytes written to stores, before encoding.
    pub bytes_written: AtomicU64,
    /// Bytes of intermediate results written to disk.
    pub bytes_spilled: AtomicU64,
    /// Bytes of intermediate results read back from disk.
    pub bytes_unspilled: AtomicU64,
    /// Nanoseconds in stores, reading and decoding.
    pub read_ns: AtomicU64,
    /// Nanoseconds in kernels, and those in which a device is given some or waited for.
    pub compute_ns: AtomicU64,
    /// Nanoseconds in stores, encoding and writing.
    pub write_ns: AtomicU64,
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// So many decoded bytes of a store are read.
    Read(usize, usize),
    /// A kernel runs.
    Compute,
    /// A device is given a kernel,
    Launch,
    /// and waited for.
    Device,
    /// A block of so many bytes goes to a store.
    Write(usize),
    /// A block goes to memory.
    Put,
    /// Arrays become visible.
    Finish,
    /// So many bytes go to disk for a while,
    Spill(usize),
    /// after they are sorted,
    Sort(usize),
    /// and come back.
    Unspill(usize),
    /// Another thread is waited for.
    Wait,
}

/// Collects while a run goes on.
#[derive(Debug)]
pub struct Trace {
    /// The counters.
    pub counters: Counters,
    began: Instant,
    recorder: Option<Recorder>,
    /// When sweeps began and ended, where that is recorded.
    sweeps: Mutex<Vec<(u64, u64)>>,
}

impl Trace {
    /// An empty trace of a plan that begins now.
    #[must_use]
    pub(crate) fn new(cx: &Context, plan: &Plan) -> Self {
        let began = Instant::now();
        let recorder = cx.is_profiled().then(|| Recorder::new(cx, began, plan.stages.len(), plan.stores.len()));
        Self { counters: Counters::default(), began, recorder, sweeps: Mutex::default() }
    }

    /// Time since the run began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does some work, and counts its time and bytes.
    pub(crate) fn timed<T>(&self, what: Timed, work: impl FnOnce() -> T) -> T {
        let c = &self.counters;
        let (bytes, ns) = match what {
            Timed::Read(_, n) => (Some((&c.bytes_read, n)), Some(&c.read_ns)),
            Timed::Write(n) => (Some((&c.bytes_written, n)), Some(&c.write_ns)),
            Timed::Spill(n) | Timed::Sort(n) => (Some((&c.bytes_spilled, n)), Some(&c.write_ns)),
            Timed::Unspill(n) => (Some((&c.bytes_unspilled, n)), Some(&c.read_ns)),
            Timed::Put | Timed::Finish => (None, Some(&c.write_ns)),
            Timed::Compute | Timed::Launch | Timed::Device => (None, Some(&c.compute_ns)),
            Timed::Wait => (None, None),
        };
        if let Some((counter, n)) = bytes {
            counter.fetch_add(n as u64, Ordering::Relaxed);
        }
        let begin = Instant::now();
        let out = match &self.recorder {
            Some(recorder) => recorded(recorder, what, work),
            None => work(),
        };
        if let Some(counter) = ns {
            counter.fetch_add(nanoseconds(begin.elapsed()), Ordering::Relaxed);
        }
        out
    }

    /// Runs `work` for a stage.
    pub(crate) fn within<T>(&self, stage: StageId, work: impl FnOnce() -> T) -> T {
        match &self.recorder {
            Some(recorder) => recorder.within(stage, work),
            None => work(),
        }
    }

    /// Runs a task; `level` says what lives at its end.
    pub(crate) fn task<T>(&self, which: &Which<'_>, level: impl FnOnce() -> Level, work: impl FnOnce() -> T) -> T {
        match &self.recorder {
            Some(recorder) => recorder.task(which, level, work),
            None => work(),
        }
    }

    /// Runs a sweep.
    pub(crate) fn sweep<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(recorder) = &self.recorder else { return work() };
        let start = recorder.now();
        let done = work();
        self.sweeps.lock().push((start, recorder.now()));
        done
    }

    /// So many elements of an intermediate result on disk are gone.
    pub(crate) fn released(&self, bytes: usize) {
        if let Some(recorder) = &self.recorder {
            let left = |all: u64| Some(all.saturating_sub(bytes as u64));
            let _ = recorder.on_disk.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        }
    }

    /// Everything so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let c = &self.counters;
        Report {
            tasks: get(&c.tasks),
            bytes_read: get(&c.bytes_read),
            bytes_written: get(&c.bytes_written),
            bytes_spilled: get(&c.bytes_spilled),
            bytes_unspilled: get(&c.bytes_unspilled),
            read: Duration::from_nanos(get(&c.read_ns)),
            compute: Duration::from_nanos(get(&c.compute_ns)),
            write: Duration::from_nanos(get(&c.write_ns)),
            wall: self.elapsed(),
            ..Report::default()
        }
    }

    /// The profile of a run that has ended, where there is one; `tasks` describes its sweeps.
    pub(crate) fn profile(
        &self,
        cx: &Context,
        plan: &Plan,
        graph: &TaskGraph,
        tasks: impl FnOnce() -> String,
    ) -> Option<Box<Profile>> {
        let recorder = self.recorder.as_ref()?;
        let (mut profile, stages, sources) = recorder.finish();
        let times: Vec<u64> = stages.iter().map(|s| s.times.total()).collect();
        let drawn = plan.stages.len() <= MOST_DRAWN;
        let drawing = if drawn { Drawing::of(plan, graph).with_times(&times).svg() } else { String::new() };
        let stages = plan.stages.iter().zip(stages).enumerate().map(|(number, (stage, tally))| StageRecord {
            number,
            title: title(plan, stage),
            role: role(plan, number).to_owned(),
            inputs: inputs(plan, stage),
            space: stage.space.clone(),
            chunks: stage.chunks.to_string(),
            tally,
        });
        let walked = self.sweeps.lock();
        let sweeps = graph.sweeps.iter().zip(walked.iter()).map(|(s, &(start, end))| SweepRecord {
            stages: s.stages.clone(),
            grid: s.grid.clone(),
            task_bytes: s.task_bytes,
            start,
            end,
        });
        let stored = plan.stores.iter().zip(sources).filter(|(store, _)| !store.in_memory());
        let sources = stored.map(|(store, tally)| {
            let info = store.info();
            let bytes = shape::size(&info.shape) as u64 * info.dtype.size() as u64;
            SourceRecord { path: info.path.clone(), about: about(info), bytes, tally }
        });
        profile.runs.push(Run {
            start: 0,
            end: recorder.now(),
            planning: Duration::ZERO,
            threads: cx.threads(),
            device: cx.device_name(),
            budget: cx.memory().budget(),
            plan: plan.to_string(),
            tasks: tasks(),
            drawing,
            stages: stages.collect(),
            sweeps: sweeps.collect(),
            sources: sources.collect(),
        });
        Some(Box::new(profile))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Does some work, and records it.
fn recorded<T>(recorder: &Recorder, what: Timed, work: impl FnOnce() -> T) -> T {
    let start = recorder.now();
    let listens = matches!(what, Timed::Read(..) | Timed::Write(_) | Timed::Sort(_));
    let (out, requests) = if listens { metered(work) } else { (work(), Requests::default()) };
    let all = recorder.now() - start;
    let split = |file: Duration, at: Activity, rest: Activity| {
        let file = nanoseconds(file).min(all);
        let mut times = Times::of(at, file);
        times.add(&Times::of(rest, all - file));
        times
    };
    let mut done = Done { start, ..Done::default() };
    match what {
        Timed::Read(source, n) => {
            let library = nanoseconds(requests.library).min(all);
            let file = nanoseconds(requests.read).min(all - library);
            done.times = Times::of(Activity::Read, file);
            done.times.add(&Times::of(Activity::Library, library));
            done.times.add(&Times::of(Activity::Decode, all - library - file));
            done.flow = Flow { read: n as u64, stored_read: requests.bytes_read, ..Flow::default() };
            done.source = Some(source);
        }
        Timed::Write(n) => {
            done.times = split(requests.write, Activity::Write, Activity::Encode);
            done.flow = Flow { written: n as u64, stored_written: requests.bytes_written, ..Flow::default() };
        }
        Timed::Compute => done.times = Times::of(Activity::Compute, all),
        Timed::Launch => done.times = Times::of(Activity::Launch, all),
        Timed::Device => done.times = Times::of(Activity::Device, all),
        Timed::Put => done.times = Times::of(Activity::Other, all),
        Timed::Finish => done.times = Times::of(Activity::Write, all),
        Timed::Wait => done.times = Times::of(Activity::Wait, all),
        Timed::Spill(n) => {
            done.times = Times::of(Activity::Spill, all);
            done.flow.spilled = n as u64;
        }
        Timed::Sort(n) => {
            done.times = split(requests.write, Activity::Spill, Activity::Compute);
            done.flow.spilled = n as u64;
        }
        Timed::Unspill(n) => {
            done.times = Times::of(Activity::Spill, all);
            done.flow.unspilled = n as u64;
        }
    }
    recorder.on_disk.fetch_add(done.flow.spilled, Ordering::Relaxed);
    recorder.did(&done);
    out
}
