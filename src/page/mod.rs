//! What a run did as a page for a browser, which needs nothing else, and as JSON. `page.css` and `page.js` are in the
//! page.

use crate::drawing::escaped;
use crate::error::Bytes;
use crate::runtime::profile::{Lane, Profile, Run, Tally};
use crate::runtime::record::{Activity, Times};
use crate::runtime::report::Report;
use serde_json::{Value, json};
use std::time::Duration;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Characters of a text of a stage: a program of a thousand operations is no title.
const TITLE: usize = 600;
/// Characters of a plan as text, all runs together.
const TEXT: usize = 200_000;
/// Bytes of drawings, all runs together.
const DRAWINGS: usize = 400_000;
/// Stages of a run that are shown, the longest; and inputs of a stage.
const STAGES: usize = 200;
const INPUTS: usize = 24;

impl Report {
    /// A page for a browser that shows the run: a summary in a sentence, where time went, what every thread did when,
    /// what lived in memory, and what each stage and store took. It needs no network, and stays below 2 MB. `title` is
    /// what was computed. Without a profile (see [`Builder::profile`](crate::runtime::context::Builder::profile)) there
    /// are only the numbers.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::builder().threads(2).profile(true).build().unwrap();
    /// cx.compute(cx.arange(1000).unwrap().sum(..)).unwrap();
    /// assert!(cx.report().page("sum of a < b").contains("sum of a &lt; b"));
    /// ```
    #[must_use]
    pub fn page(&self, title: &str) -> String {
        let data = self.numbers(title).to_string().replace('<', "\\u003c");
        let (title, headline) = (escaped(title), escaped(&self.headline()));
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} - hyperslab</title>\n<style>\n{STYLE}</style></head>\n<body>\n\
             <header><h1>{title}</h1><p id=\"headline\">{headline}</p><p id=\"moved\"></p></header>\n\
             <main id=\"main\"><noscript>The rest of this page is drawn by a script.</noscript></main>\n\
             <script type=\"application/json\" id=\"data\">{data}</script>\n<script>\n{SCRIPT}</script>\n</body></html>\n"
        )
    }

    /// The run in a sentence: `3.1 s on 2 threads; 71 % decoding; peak 212 MiB of 512 MiB`.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::builder().threads(2).profile(true).build().unwrap();
    /// cx.compute(cx.arange(1000).unwrap().sum(..)).unwrap();
    /// assert!(cx.report().headline().contains(" on 2 threads; "));
    /// ```
    #[must_use]
    pub fn headline(&self) -> String {
        let wall = seconds(self.wall + self.planning);
        let Some(profile) = &self.profile else { return format!("{wall}; peak {}", Bytes(self.peak_bytes)) };
        let threads = profile.runs.iter().map(|r| r.threads).max().unwrap_or(1);
        let plural = if threads == 1 { "" } else { "s" };
        let spent = spent(profile, self.wall);
        let most = spent.iter().copied().max_by_key(|(_, ns)| *ns).unwrap_or_default();
        let all: u64 = spent.iter().map(|(_, ns)| ns).sum::<u64>().max(1);
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let share = most.1 as f64 / all as f64 * 100.0;
        let budget = profile.runs.iter().map(|r| r.budget).max().unwrap_or(0);
        let (peak, budget) = (Bytes(self.peak_bytes), Bytes(budget));
        format!("{wall} on {threads} thread{plural}; {share:.0} % {}; peak {peak} of {budget}", most.0)
    }

    /// Everything that the page shows, for machines. Times of threads are in microseconds since the first run began.
    #[must_use]
    pub fn numbers(&self, title: &str) -> Value {
        let profile = self.profile.as_deref();
        let runs = profile.map_or(&[][..], |p| &p.runs);
        let source_bytes = profile.map_or(0, Profile::source_bytes);
        let joined = |text: fn(&Run) -> &str| {
            cut(&runs.iter().map(|r| text(r).trim_end()).collect::<Vec<_>>().join("\n\n"), TEXT)
        };
        let mut room = DRAWINGS;
        json!({
            "title": title,
            "headline": self.headline(),
            "version": env!("CARGO_PKG_VERSION"),
            "threads": runs.iter().map(|r| r.threads).max(),
            "device": runs.first().map(|r| r.device.clone()),
            "budget": runs.iter().map(|r| r.budget).max(),
            "wall_s": self.wall.as_secs_f64(),
            "planning_s": self.planning.as_secs_f64(),
            "tasks": self.tasks,
            "bytes_read": self.bytes_read,
            "stored_bytes_read": profile.map(|p| p.flow.stored_read),
            "bytes_written": self.bytes_written,
            "stored_bytes_written": profile.map(|p| p.flow.stored_written),
            "bytes_copied": self.bytes_copied,
            "bytes_spilled": self.bytes_spilled,
            "bytes_unspilled": self.bytes_unspilled,
            "source_bytes": source_bytes,
            "times_read": ratio(self.bytes_read, source_bytes),
            "read_s": self.read.as_secs_f64(),
            "compute_s": self.compute.as_secs_f64(),
            "write_s": self.write.as_secs_f64(),
            "projected_bytes": self.projected_bytes,
            "peak_bytes": self.peak_bytes,
            "plan": joined(|r| &r.plan),
            "task_graph": joined(|r| &r.tasks),
            "activities": Activity::ALL.map(Activity::name),
            "spent_us": profile.map(|p| micros(&p.times)),
            "idle_us": profile.map(|p| idle(p, self.wall) / 1000),
            "runs": runs.iter().map(|r| run(r, &mut room)).collect::<Vec<_>>(),
            "runs_left_out": profile.map(|p| p.left_out),
            "lanes": profile.map(|p| p.lanes.iter().map(|lane| of_lane(p, lane)).collect::<Vec<_>>()),
            "history": profile.map(history),
        })
    }
}

/// `3.1 s`, `12 ms`.
fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.1} ms", s * 1e3),
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Time in which threads that took part had no task.
fn idle(profile: &Profile, wall: Duration) -> u64 {
    let wall = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    let works = |lane: &&Lane| lane.works;
    let took_part = profile.lanes.iter().any(|lane| lane.works && lane.busy > 0);
    let idle = |lane: &Lane| wall.saturating_sub(lane.busy);
    if took_part { profile.lanes.iter().filter(works).map(idle).sum() } else { 0 }
}

/// What the time of all threads went to, in words.
fn spent(profile: &Profile, wall: Duration) -> Vec<(&'static str, u64)> {
    let words: [&str; Activity::ALL.len()] = [
        "reading",
        "in libhdf5",
        "decoding",
        "computing",
        "launching",
        "waiting for the device",
        "encoding",
        "writing",
        "spilling",
        "waiting",
        "copying",
    ];
    let mut all: Vec<(&'static str, u64)> = words.into_iter().zip(profile.times.0).collect();
    all.push(("idle", idle(profile, wall)));
    all
}

fn micros(times: &Times) -> Vec<u64> {
    times.0.iter().map(|ns| ns / 1000).collect()
}

fn cut(text: &str, most: usize) -> String {
    let more = if text.chars().nth(most).is_some() { "..." } else { "" };
    text.chars().take(most).chain(more.chars()).collect()
}

fn tally(tally: &Tally) -> Value {
    json!({"calls": tally.calls, "times_us": micros(&tally.times), "flow": tally.flow.all()})
}

fn run(run: &Run, room: &mut usize) -> Value {
    let mut longest: Vec<u64> = run.stages.iter().map(|s| s.tally.times.total()).collect();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    let least = longest.get(STAGES).map_or(0, |ns| ns + 1);
    let stages = run.stages.iter().filter(|s| s.tally.times.total() >= least).map(|s| {
        let mut inputs: Vec<String> = s.inputs.iter().take(INPUTS).map(|line| cut(line, TITLE)).collect();
        if s.inputs.len() > INPUTS {
            inputs.push(format!("and {} more", s.inputs.len() - INPUTS));
        }
        let sweep = run.sweeps.iter().position(|w| w.stages.contains(&s.number));
        json!({"number": s.number, "title": cut(&s.title, TITLE), "role": s.role, "inputs": inputs,
               "chunks": cut(&s.chunks, TITLE), "space": crate::shape::tuple(&s.space), "sweep": sweep,
               "tally": tally(&s.tally)})
    });
    let sweeps = run.sweeps.iter().map(
        |s| json!({"tasks": s.grid.count(), "task_bytes": s.task_bytes, "start": s.start / 1000, "end": s.end / 1000}),
    );
    let sources =
        run.sources.iter().take(STAGES).map(
            |s| json!({"path": s.path, "about": cut(&s.about, TITLE), "bytes": s.bytes, "tally": tally(&s.tally)}),
        );
    let stages: Vec<Value> = stages.collect();
    let drawing = Some(&run.drawing).filter(|d| d.len() <= *room);
    *room -= drawing.map_or(0, String::len);
    json!({
        "start": run.start / 1000,
        "end": run.end / 1000,
        "planning_us": run.planning.as_micros(),
        "threads": run.threads,
        "device": run.device,
        "budget": run.budget,
        "stages_left_out": run.stages.len() - stages.len(),
        "stages": stages,
        "sweeps": sweeps.collect::<Vec<_>>(),
        "sources": sources.collect::<Vec<_>>(),
        "drawing": drawing,
    })
}

/// Tasks: start, length, run, sweep, number, times, bytes, block, region. Stretches: start, length, run, stage, and the
/// number of an activity, or times.
fn of_lane(profile: &Profile, lane: &Lane) -> Value {
    let length = |start: u64, end: u64| end / 1000 - start / 1000;
    let tasks = lane.tasks.items().iter().map(|t| {
        let region = profile.region(t);
        let block = region.as_ref().map(|_| crate::shape::tuple(&t.block));
        json!([
            t.start / 1000,
            length(t.start, t.end),
            t.run,
            t.sweep,
            t.tasks,
            micros(&t.times),
            [t.flow.stored_read, t.flow.read, t.flow.written, t.flow.spilled + t.flow.unspilled],
            block,
            region.map(|r| r.to_string()),
        ])
    });
    let stretches = lane.stretches.items().iter().map(|s| {
        let (run, stage) = s.stage.map_or((-1, -1), |(run, stage)| (run.cast_signed(), stage.cast_signed()));
        let what = s.times.only().map_or_else(|| json!(micros(&s.times)), |only| json!(only as usize));
        json!([s.start / 1000, length(s.start, s.end), run, stage, what])
    });
    json!({"name": lane.name, "works": lane.works, "busy_us": lane.busy / 1000, "tasks": tasks.collect::<Vec<_>>(),
           "stretches": stretches.collect::<Vec<_>>()})
}

/// Bins: the most bytes that lived, in the order of `Level`, and those that moved, in the order of `Flow`.
fn history(profile: &Profile) -> Value {
    let bins = profile.history.bins().iter();
    let bins = bins.map(|bin| json!([bin.level.map(|level| level.all()), bin.flow.all()]));
    json!({"width_ns": profile.history.width(), "bins": bins.collect::<Vec<_>>()})
}
