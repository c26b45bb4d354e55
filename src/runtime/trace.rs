//! What a run did: counters, and one record per task while profiling.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    /// Nanoseconds in kernels.
    pub compute_ns: AtomicU64,
    /// Nanoseconds in stores, encoding and writing.
    pub write_ns: AtomicU64,
}

/// A finished run, for people and profiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Tasks that ran.
    pub tasks: u64,
    /// Bytes read from stores, decoded.
    pub bytes_read: u64,
    /// Bytes written to stores, before encoding.
    pub bytes_written: u64,
    /// Bytes of intermediate results written to disk.
    pub bytes_spilled: u64,
    /// Bytes of intermediate results read back from disk.
    pub bytes_unspilled: u64,
    /// Processor time in stores, reading and decoding.
    pub read: Duration,
    /// Processor time in kernels.
    pub compute: Duration,
    /// Processor time in stores, encoding and writing.
    pub write: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// Time spent planning.
    pub planning: Duration,
    /// Bytes that the plan said the run would take at most.
    pub projected_bytes: u64,
    /// The most bytes of buffers that lived at once.
    pub peak_bytes: u64,
    /// One record per task, where they were asked for.
    pub spans: Vec<Span>,
}

impl Report {
    /// Both runs, one after the other, as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let later = next.spans.into_iter().map(|s| Span { start: s.start + self.wall, end: s.end + self.wall, ..s });
        Self {
            tasks: self.tasks + next.tasks,
            bytes_read: self.bytes_read + next.bytes_read,
            bytes_written: self.bytes_written + next.bytes_written,
            bytes_spilled: self.bytes_spilled + next.bytes_spilled,
            bytes_unspilled: self.bytes_unspilled + next.bytes_unspilled,
            read: self.read + next.read,
            compute: self.compute + next.compute,
            write: self.write + next.write,
            wall: self.wall + next.wall,
            planning: self.planning + next.planning,
            projected_bytes: self.projected_bytes.max(next.projected_bytes),
            peak_bytes: self.peak_bytes.max(next.peak_bytes),
            spans: self.spans.into_iter().chain(later).collect(),
        }
    }
}

/// When and where a task ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its sweep.
    pub sweep: usize,
    /// Its block.
    pub block: Vec<usize>,
    /// The worker thread.
    pub thread: usize,
    /// Start, since the run began.
    pub start: Duration,
    /// End, since the run began.
    pub end: Duration,
    /// Time of it in stores, reading and decoding.
    pub read: Duration,
    /// Bytes reserved when it started.
    pub reserved: u64,
}

/// Collects while a run goes on.
#[derive(Debug)]
pub struct Trace {
    /// The counters.
    pub counters: Counters,
    began: Instant,
    spans: Option<Mutex<Vec<Span>>>,
}

impl Trace {
    /// An empty trace that begins now; `spans` keeps a record per task.
    #[must_use]
    pub fn new(spans: bool) -> Self {
        Self { counters: Counters::default(), began: Instant::now(), spans: spans.then(Mutex::default) }
    }

    /// Time since the run began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Adds a record, if records are kept.
    pub fn span(&self, span: impl FnOnce() -> Span) {
        if let Some(spans) = &self.spans {
            spans.lock().push(span());
        }
    }

    /// Whether records are kept.
    #[must_use]
    pub fn keeps_spans(&self) -> bool {
        self.spans.is_some()
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
            spans: self.spans.as_ref().map(|s| s.lock().clone()).unwrap_or_default(),
            ..Report::default()
        }
    }
}

/// Runs `work` and adds its time to a counter of nanoseconds.
pub(crate) fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = work();
    let ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    counter.fetch_add(ns, Ordering::Relaxed);
    out
}
