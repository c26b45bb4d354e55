//! `--profile`: what a run did, as one page that needs nothing else, or as JSON.

use super::graph::escaped;
use super::output;
use crate::error::{Bytes, Error, Result};
use crate::runtime::context::Context;
use crate::runtime::trace::{Report, Span};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Width of a drawing, and heights of a thread's row and of a curve, in pixels.
const WIDTH: f64 = 1000.0;
const COLUMNS: usize = 1000;
const ROW: f64 = 18.0;
const CURVE: f64 = 80.0;

const STYLE: &str = "body{font:14px sans-serif;margin:2em;max-width:1040px}table{border-collapse:collapse}\
td{padding:2px 14px 2px 0}td+td{font-family:monospace}pre{background:#f4f4f4;padding:8px;overflow-x:auto}\
svg{background:#fafafa;display:block}h2{margin:1.2em 0 .4em}.k{display:inline-block;width:12px;height:12px}";

/// What the runs of one command did, added up.
#[derive(Debug, Default, Clone)]
pub struct Totals {
    /// The reports, one after the other in time.
    pub report: Report,
    /// Bytes of the arrays that were read, decoded, each counted once a run.
    pub source_bytes: u64,
    /// The fused plans, as text.
    pub plan: String,
    /// The sweeps and their tasks, as text.
    pub tasks: String,
}

/// Writes the profile: JSON where the name ends in `.json`, a page otherwise.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the file cannot be written.
pub fn save(path: &Path, title: &str, cx: &Context, totals: &Totals) -> Result<()> {
    let text = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        serde_json::to_string(&numbers(title, cx, totals))
            .map_err(|e| Error::bug(format!("JSON can be printed: {e}")))?
    } else {
        page(title, cx, totals)
    };
    output::save(path, &text)
}

/// How many times the sources were read, on average.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn times_read(totals: &Totals) -> f64 {
    if totals.source_bytes == 0 { 0.0 } else { totals.report.bytes_read as f64 / totals.source_bytes as f64 }
}

fn numbers(title: &str, cx: &Context, totals: &Totals) -> Value {
    let report = &totals.report;
    let spans: Vec<Value> = report
        .spans
        .iter()
        .map(|s| {
            json!({"sweep": s.sweep, "block": s.block, "thread": s.thread, "start_s": s.start.as_secs_f64(),
                   "end_s": s.end.as_secs_f64(), "read_s": s.read.as_secs_f64(), "reserved": s.reserved})
        })
        .collect();
    json!({
        "title": title,
        "threads": cx.threads(),
        "device": cx.device_name(),
        "budget": cx.memory().budget(),
        "wall_s": report.wall.as_secs_f64(),
        "planning_s": report.planning.as_secs_f64(),
        "tasks": report.tasks,
        "bytes_read": report.bytes_read,
        "bytes_written": report.bytes_written,
        "bytes_spilled": report.bytes_spilled,
        "bytes_unspilled": report.bytes_unspilled,
        "source_bytes": totals.source_bytes,
        "times_read": times_read(totals),
        "read_s": report.read.as_secs_f64(),
        "compute_s": report.compute.as_secs_f64(),
        "write_s": report.write.as_secs_f64(),
        "projected_bytes": report.projected_bytes,
        "peak_bytes": report.peak_bytes,
        "plan": totals.plan,
        "task_graph": totals.tasks,
        "spans": spans,
    })
}

fn page(title: &str, cx: &Context, totals: &Totals) -> String {
    let report = &totals.report;
    let seconds = |d: Duration| format!("{:.3} s", d.as_secs_f64());
    let rows = [
        ("wall time", seconds(report.wall)),
        ("planning", seconds(report.planning)),
        ("threads", format!("{} on {}", cx.threads(), cx.device_name())),
        ("tasks", report.tasks.to_string()),
        ("read and decode, all threads", seconds(report.read)),
        ("compute, all threads", seconds(report.compute)),
        ("encode and write, all threads", seconds(report.write)),
        ("bytes read, decoded", Bytes(report.bytes_read).to_string()),
        ("bytes of the sources", format!("{}, read {:.2} times", Bytes(totals.source_bytes), times_read(totals))),
        ("bytes written, decoded", Bytes(report.bytes_written).to_string()),
        ("bytes spilled", Bytes(report.bytes_spilled).to_string()),
        ("memory projected", Bytes(report.projected_bytes).to_string()),
        ("memory used by blocks", Bytes(report.peak_bytes).to_string()),
        ("memory budget", Bytes(cx.memory().budget()).to_string()),
    ];
    let mut out = String::new();
    let title = escaped(title);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>hyperslab</h1>\n<pre>{title}</pre>\n<table>\n"
    );
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><td>{name}</td><td>{}</td></tr>", escaped(&value));
    }
    out.push_str("</table>\n");
    let wall = report.wall.as_secs_f64().max(1e-9);
    let _ = write!(
        out,
        "<h2>Tasks</h2><p><span class=\"k\" style=\"background:#4c78a8\"></span> reading and decoding (shown first; it \
         may be spread over the task) <span class=\"k\" style=\"background:#f2a154\"></span> the rest. One row per \
         thread, {wall:.3} s from left to right.</p>\n{}",
        timeline(&report.spans, cx.threads(), wall)
    );
    let _ = write!(
        out,
        "<h2>Memory reserved</h2>\n{}<h2>Plan</h2>\n<pre>{}</pre>\n<h2>Sweeps</h2>\n<pre>{}</pre>\n</body></html>\n",
        memory(&report.spans, wall),
        escaped(&totals.plan),
        escaped(&totals.tasks)
    );
    out
}

/// Tasks that are drawn as one, being too short to be told apart.
struct Bar {
    start: f64,
    end: f64,
    read: f64,
    tasks: usize,
    label: String,
}

/// One row for each thread, the time from left to right.
fn timeline(spans: &[Span], threads: usize, wall: f64) -> String {
    let rows = spans.iter().map(|s| s.thread + 1).max().unwrap_or(0).max(threads.min(64));
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let y = |row: usize| row as f64 * ROW;
    let mut out = format!("<svg width=\"{WIDTH}\" height=\"{}\">\n", y(rows));
    for row in 0..rows {
        let mut own: Vec<&Span> = spans.iter().filter(|s| s.thread == row).collect();
        own.sort_by_key(|s| s.start);
        for bar in joined(&own, wall) {
            let (x, width, top) = (bar.start / wall * WIDTH, (bar.end - bar.start) / wall * WIDTH, y(row) + 1.0);
            let read = width * (bar.read / (bar.end - bar.start).max(1e-12)).min(1.0);
            let height = ROW - 2.0;
            let text = if bar.tasks == 1 { bar.label } else { format!("{} tasks", bar.tasks) };
            let _ = writeln!(
                out,
                "<g><title>{}: {:.3} ms</title><rect x=\"{x:.2}\" y=\"{top}\" width=\"{width:.2}\" height=\"{height}\" \
                 fill=\"#f2a154\"/><rect x=\"{x:.2}\" y=\"{top}\" width=\"{read:.2}\" height=\"{height}\" \
                 fill=\"#4c78a8\"/></g>",
                escaped(&text),
                (bar.end - bar.start) * 1e3
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The tasks of one thread; neighbours share a bar when it would be less than a pixel wide.
fn joined(spans: &[&Span], wall: f64) -> Vec<Bar> {
    let pixel = wall / WIDTH;
    let mut bars: Vec<Bar> = Vec::new();
    for span in spans {
        let (start, end, read) = (span.start.as_secs_f64(), span.end.as_secs_f64(), span.read.as_secs_f64());
        match bars.last_mut() {
            Some(last) if end - last.start < pixel => {
                last.end = last.end.max(end);
                last.read += read;
                last.tasks += 1;
            }
            _ => {
                let label = format!("sweep {} block {}", span.sweep, crate::shape::tuple(&span.block));
                bars.push(Bar { start, end, read, tasks: 1, label });
            }
        }
    }
    bars
}

/// Bytes reserved when tasks started, over time.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn memory(spans: &[Span], wall: f64) -> String {
    let most = spans.iter().map(|s| s.reserved).max().unwrap_or(0);
    let mut tops = [0u64; COLUMNS];
    for span in spans {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the width")]
        let at = |time: Duration| ((time.as_secs_f64() / wall * WIDTH) as usize).min(COLUMNS - 1);
        for top in &mut tops[at(span.start)..=at(span.end)] {
            *top = span.reserved.max(*top);
        }
    }
    let mut points = format!("0,{CURVE}");
    for (x, top) in tops.iter().enumerate() {
        let _ = write!(points, " {x},{:.1}", CURVE - CURVE * *top as f64 / most.max(1) as f64);
    }
    let _ = write!(points, " {WIDTH},{CURVE}");
    format!(
        "<p>At most {}.</p>\n<svg width=\"{WIDTH}\" height=\"{CURVE}\"><polygon points=\"{points}\" fill=\"#9ecae1\"/></svg>\n",
        Bytes(most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(thread: usize, start: u64, end: u64) -> Span {
        let at = Duration::from_micros;
        Span { sweep: 0, block: vec![1, 2], thread, start: at(start), end: at(end), read: at(1), reserved: 100 }
    }

    fn totals() -> Totals {
        let spans = vec![span(0, 0, 500_000), span(1, 10, 20), span(1, 30, 40), span(1, 600_000, 900_000)];
        let report = Report { wall: Duration::from_secs(1), bytes_read: 300, spans, ..Report::default() };
        Totals { report, source_bytes: 200, plan: "0: a < b".to_owned(), tasks: "2 tasks".to_owned() }
    }

    #[test]
    fn a_page_stands_alone() {
        let cx = Context::builder().threads(2).build().unwrap();
        let text = page("x < y", &cx, &totals());
        assert!(text.contains("<pre>x &lt; y</pre>") && text.contains("0: a &lt; b"));
        assert!(text.contains("read 1.50 times"));
        assert!(text.contains("2 tasks: ") && text.contains("sweep 0 block (1, 2)"));
        for outside in ["http", "src=", "href="] {
            assert!(!text.contains(outside), "{outside}");
        }
    }

    #[test]
    fn numbers_for_machines() {
        let cx = Context::builder().threads(2).build().unwrap();
        let value = numbers("x", &cx, &totals());
        assert_eq!(value["times_read"], 1.5);
        assert_eq!(value["spans"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn an_empty_run_has_a_page() {
        let cx = Context::builder().threads(1).build().unwrap();
        assert!(page("x", &cx, &Totals::default()).ends_with("</html>\n"));
    }
}
