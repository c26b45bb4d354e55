//! A run of the command: context, progress, interruption, and what is told of it afterwards.

use super::args::Running;
use super::output::{note, on_terminal};
use super::profile::{self, Totals};
use super::progress::Bar;
use crate::array::Array;
use crate::array::compute::{Compute, Stored, Wanted};
use crate::device::block::Block;
use crate::device::block::return_large_blocks;
use crate::error::{Bytes, Error, ErrorKind, Result};
use crate::expr::{Expr, ExprKind};
use crate::runtime::context::Context;
use crate::runtime::executor::Answer;
use crate::runtime::interrupt::{Watch, cancel_on_signal, insist};
use crate::runtime::pipeline::Stage;
use crate::runtime::trace::Report;
use crate::store;
use crate::store::staging::Traces;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Something to compute: an array to hold in memory, or one to store.
#[derive(Debug, Clone)]
pub enum Goal {
    /// Its elements are wanted.
    Show(Array),
    /// It is to be written.
    Store(Box<Stored>),
}

impl Compute for Goal {
    type Output = Option<Block>;

    fn collect(&self, wanted: &mut Vec<Wanted>) {
        match self {
            Self::Show(array) => array.collect(wanted),
            Self::Store(stored) => stored.collect(wanted),
        }
    }

    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<Option<Block>> {
        match answers.next() {
            Some(Answer::Block(block)) => Ok(Some(block)),
            Some(Answer::Written | Answer::Blocks(_)) => Ok(None),
            None => Err(Error::bug("an answer for each request")),
        }
    }
}

/// A context and what watches it.
#[derive(Debug)]
pub struct Session {
    cx: Context,
    bar: Arc<Bar>,
    began: Instant,
    talks: bool,
    profile: Option<PathBuf>,
    totals: Totals,
    outputs: Vec<PathBuf>,
    resume: bool,
}

impl Session {
    /// Sets up threads, budget, device, progress and interruption. Threads start when there is something to compute.
    ///
    /// # Errors
    /// For settings that mean nothing, and for a device that is not there.
    pub fn start(options: &Running) -> Result<Self> {
        return_large_blocks();
        let bar = Arc::new(Bar::new());
        let talks = !options.quiet && on_terminal();
        let mut builder = Context::builder().profile(options.profile.is_some());
        if let Some(n) = options.threads {
            builder = builder.threads(n);
        }
        if let Some(size) = &options.memory {
            builder = builder.memory(size);
        }
        if let Some(folder) = &options.spill {
            builder = builder.spill_folder(folder);
        }
        if let Some(name) = &options.device {
            builder = builder.device(name);
        }
        if talks {
            let bar = Arc::clone(&bar);
            builder = builder.progress(move |now| bar.show(now));
        }
        let cx = builder.build()?;
        cancel_on_signal(cx.cancel_token());
        let (profile, totals, outputs) = (options.profile.clone(), Totals::default(), Vec::new());
        Ok(Self { cx, bar, began: Instant::now(), talks, profile, totals, outputs, resume: options.resume })
    }

    /// Tells where the results go, so that an end in the middle of a huge chunk leaves nothing there.
    pub fn writes_to(&mut self, outputs: &[PathBuf]) {
        self.outputs = outputs.to_vec();
    }

    /// Sees to it that an interrupted run ends in about a second; unless it adds to a file, which has to be closed.
    fn watch(&self) -> Option<Watch> {
        let places: Vec<(PathBuf, String)> = self.outputs.iter().map(store::destination).collect::<Result<_>>().ok()?;
        if places.iter().any(|(file, inside)| file.is_file() && !inside.is_empty()) {
            return None;
        }
        let traces: Vec<Traces> = places.iter().map(|(container, _)| Traces::of(container)).collect();
        let (bar, keep) = (Arc::clone(&self.bar), self.resume);
        Some(insist(self.cx.cancel_token(), move || {
            bar.clear();
            for place in &traces {
                place.clear(keep);
            }
            note(&format!("error: {}", ErrorKind::Cancelled));
        }))
    }

    /// The context.
    #[must_use]
    pub fn cx(&self) -> &Context {
        &self.cx
    }

    /// Computes everything asked for in one run; the answers are those of [`Goal::Show`], and none for the rest.
    ///
    /// # Errors
    /// As [`Context::compute`].
    pub fn compute(&mut self, goals: Vec<Goal>) -> Result<Vec<Option<Block>>> {
        let again = self.profile.is_some().then(|| goals.clone());
        let sources = source_bytes(&goals);
        let watch = self.watch();
        let answers = self.cx.compute(goals)?;
        drop(watch);
        self.totals.source_bytes += sources;
        if let Some(goals) = again {
            append(&mut self.totals.plan, &self.cx.explain(goals.clone(), Stage::Fused)?);
            append(&mut self.totals.tasks, &self.cx.explain(goals, Stage::Tasks)?);
        }
        add(&mut self.totals.report, self.cx.report());
        Ok(answers)
    }

    /// Ends the run: the profile where one is wanted, and a line on the terminal.
    ///
    /// # Errors
    /// When the profile cannot be written.
    pub fn finish(self, title: &str) -> Result<()> {
        self.bar.clear();
        if let Some(path) = &self.profile {
            profile::save(path, title, &self.cx, &self.totals)?;
        }
        if self.talks {
            let peak = resident_peak().unwrap_or(self.totals.report.peak_bytes);
            let (wall, read) = (self.began.elapsed().as_secs_f64(), Bytes(self.totals.report.bytes_read));
            note(&format!("{wall:.2} s, {read} read, {} of memory at most", Bytes(peak)));
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.bar.clear();
    }
}

fn append(to: &mut String, text: &str) {
    if !to.is_empty() {
        to.push_str("\n\n");
    }
    to.push_str(text.trim_end());
}

/// Adds a run that began when the earlier ones had ended.
fn add(total: &mut Report, run: Report) {
    let offset = total.wall;
    total.tasks += run.tasks;
    total.bytes_read += run.bytes_read;
    total.bytes_written += run.bytes_written;
    total.bytes_spilled += run.bytes_spilled;
    total.bytes_unspilled += run.bytes_unspilled;
    total.read += run.read;
    total.compute += run.compute;
    total.write += run.write;
    total.wall += run.wall;
    total.planning += run.planning;
    total.projected_bytes = total.projected_bytes.max(run.projected_bytes);
    total.peak_bytes = total.peak_bytes.max(run.peak_bytes);
    total.spans.extend(run.spans.into_iter().map(|mut span| {
        span.start += offset;
        span.end += offset;
        span
    }));
}

/// Bytes of the stored arrays behind some goals, each array once.
fn source_bytes(goals: &[Goal]) -> u64 {
    let mut wanted = Vec::new();
    for goal in goals {
        goal.collect(&mut wanted);
    }
    let (mut seen, mut total) = (BTreeSet::new(), 0);
    let mut left: Vec<&Expr> = wanted.iter().map(Wanted::expr).collect();
    while let Some(expr) = left.pop() {
        if !seen.insert(expr.id()) {
            continue;
        }
        if let ExprKind::Source(store) = &expr.kind {
            let info = store.info();
            total += crate::shape::size(&info.shape) as u64 * info.dtype.size() as u64;
        }
        left.extend(expr.inputs());
    }
    total
}

/// The most memory that this process ever held.
fn resident_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok().map(|kib: u64| kib << 10)
}
