//! A run of the command: context, progress, interruption, and what is told of it afterwards.

use super::args::Running;
use super::output::{note, on_terminal};
use super::profile;
use super::progress::Bar;
use crate::array::Array;
use crate::array::compute::{Compute, Stored, Wanted};
use crate::device::block::Block;
use crate::device::block::return_large_blocks;
use crate::error::{Bytes, Error, ErrorKind, Result};
use crate::runtime::context::Context;
use crate::runtime::executor::Answer;
use crate::runtime::interrupt::{Watch, cancel_on_signal, insist};
use crate::runtime::report::Report;
use crate::store;
use crate::store::staging::Traces;
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
    report: Report,
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
        let (profile, report, outputs) = (options.profile.clone(), Report::default(), Vec::new());
        Ok(Self { cx, bar, began: Instant::now(), talks, profile, report, outputs, resume: options.resume })
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
        let watch = self.watch();
        let answers = self.cx.compute(goals)?;
        drop(watch);
        self.report = std::mem::take(&mut self.report).then(self.cx.report());
        Ok(answers)
    }

    /// Ends the run: the profile where one is wanted, and a line on the terminal.
    ///
    /// # Errors
    /// When the profile cannot be written.
    pub fn finish(self, title: &str) -> Result<()> {
        self.bar.clear();
        if let Some(path) = &self.profile {
            profile::save(path, title, &self.report)?;
        }
        if self.talks {
            let peak = resident_peak().unwrap_or(self.report.peak_bytes);
            let (wall, read) = (self.began.elapsed().as_secs_f64(), Bytes(self.report.bytes_read));
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

/// The most memory that this process ever held.
fn resident_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok().map(|kib: u64| kib << 10)
}
