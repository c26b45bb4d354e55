//! A plan as a drawing: boxes for arrays, stages and answers, in Graphviz' language or as SVG.

use super::escaped;
use super::layers::{Layout, layout, real};
use crate::blockwise::display::{role, title};
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::{Input, Origin, Placement, Plan, Stage, StageId, StageKind};
use crate::blockwise::sweep::Machine;
use crate::error::{Bytes, Result};
use crate::expr::display::view_text;
use crate::op::program::input_name;
use crate::shape::{self, tuple};
use crate::task::TaskGraph;
use std::fmt::Write;

/// Characters to a line of a box, and lines of a text before it is cut short.
const LINE: usize = 46;
const MOST_LINES: usize = 4;
/// Characters that an arrow says at most.
const LABEL: usize = 30;
/// Width of a character and height of a line, in pixels.
const CHARACTER: f64 = 6.7;
const HEIGHT: f64 = 16.0;
/// Space inside boxes and around all of them.
const INSIDE: f64 = 12.0;
const AROUND: f64 = 16.0;

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Source,
    Stage,
    Answer,
}

impl Kind {
    /// Of its ground, and of its border.
    fn colors(self) -> (&'static str, &'static str) {
        match self {
            Self::Source => ("#e4eefa", "#8fb4dd"),
            Self::Stage => ("#ffffff", "#9aa4b0"),
            Self::Answer => ("#e3f3e1", "#93c48c"),
        }
    }
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// In the head of the box: what it is, and what becomes of it.
    head: (String, String),
    /// What it computes, or where it is.
    main: Vec<String>,
    /// What else is known of it.
    facts: Vec<String>,
    /// The part of the time of the run that it took.
    share: Option<f64>,
}

/// An arrow, and what it says.
#[derive(Debug)]
struct Arrow {
    from: usize,
    to: usize,
    label: String,
}

/// The drawing of a plan.
///
/// ```
/// use hyperslab::{Context, drawing::plan::Drawing};
/// let cx = Context::builder().threads(2).memory("64 MiB").build()?;
/// let x = cx.arange(1000)?.cast::<f64>();
/// let plan = cx.plan(&(&x - x.mean(..)))?;
/// let svg = Drawing::new(&plan, &cx.machine())?.svg();
/// assert!(svg.starts_with("<svg") && svg.contains("reduce mean("));
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug)]
pub struct Drawing {
    boxes: Vec<Node>,
    arrows: Vec<Arrow>,
}

impl Drawing {
    /// The drawing of a plan, with the blocks and the memory that it takes on `machine`.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory) when it cannot run there.
    pub fn new(plan: &Plan, machine: &Machine) -> Result<Self> {
        Ok(Self::of(plan, &TaskGraph::new(&Draft::new(plan.clone(), machine))?))
    }

    /// The drawing of a plan and its tasks.
    #[must_use]
    pub fn of(plan: &Plan, graph: &TaskGraph) -> Self {
        let mut drawing = Self { boxes: Vec::new(), arrows: Vec::new() };
        let read: Vec<usize> = (0..plan.stores.len()).filter(|&s| is_read(plan, s)).collect();
        for &s in &read {
            drawing.boxes.push(source(plan, s));
        }
        let first = read.len();
        for (id, stage) in plan.stages.iter().enumerate() {
            drawing.boxes.push(of_stage(plan, graph, id));
            for (origin, label) in needs(stage) {
                let from = match origin {
                    Origin::Store(s) => read.iter().position(|&r| r == s),
                    Origin::Stage(s, _) => Some(first + s),
                    Origin::Iota(_) => None,
                };
                let Some(from) = from else { continue };
                let to = first + id;
                match drawing.arrows.iter_mut().find(|a| (a.from, a.to) == (from, to)) {
                    Some(arrow) => arrow.label = format!("{}, {label}", arrow.label),
                    None => drawing.arrows.push(Arrow { from, to, label }),
                }
            }
        }
        for (i, output) in plan.outputs.iter().enumerate() {
            let stage = &plan.stages[output.stage];
            let dtype = stage.result_dtypes().get(output.result).copied();
            let name = dtype.map_or_else(String::new, |d| format!("{d} "));
            let bytes = dtype.map_or(0, |d| shape::size(&output.shape) * d.size());
            let place = output.stored.as_ref().map_or("in memory".to_owned(), |grid| format!("stored in {grid}"));
            let facts = vec![format!("{place}, {}", Bytes(bytes as u64))];
            drawing.boxes.push(Node {
                kind: Kind::Answer,
                head: (format!("result {i}"), String::new()),
                main: vec![format!("{name}{}", tuple(&output.shape))],
                facts,
                share: None,
            });
            let (from, to) = (first + output.stage, drawing.boxes.len() - 1);
            drawing.arrows.push(Arrow { from, to, label: String::new() });
        }
        drawing
    }

    /// Notes on the boxes of stages how many nanoseconds of threads they took.
    #[must_use]
    pub fn with_times(mut self, stages: &[u64]) -> Self {
        let all: u64 = stages.iter().sum();
        let boxes = self.boxes.iter_mut().filter(|b| b.kind == Kind::Stage);
        for (one, &ns) in boxes.zip(stages) {
            #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
            let (share, ms) = (ns as f64 / all.max(1) as f64, ns as f64 / 1e6);
            one.share = Some(share);
            one.facts.push(format!("{ms:.1} ms of all threads, {:.0} %", share * 100.0));
        }
        self
    }

    /// Graphviz' DOT language.
    #[must_use]
    pub fn dot(&self) -> String {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let mut out = String::from("digraph plan {\n  node [shape=box, style=filled, fontname=\"monospace\"];\n");
        for (i, one) in self.boxes.iter().enumerate() {
            let label = quoted(&one.lines().collect::<Vec<_>>().join("\n"));
            let _ = writeln!(out, "  n{i} [label=\"{label}\", fillcolor=\"{}\"];", one.kind.colors().0);
        }
        for Arrow { from, to, label } in &self.arrows {
            let label = if label.is_empty() { String::new() } else { format!(" [label=\"{}\"]", quoted(label)) };
            let _ = writeln!(out, "  n{from} -> n{to}{label};");
        }
        out.push('}');
        out
    }

    /// A drawing of its own, from the top down.
    #[must_use]
    pub fn svg(&self) -> String {
        let sizes: Vec<(f64, f64)> = (0..self.boxes.len()).map(|b| self.size(b)).collect();
        let ends: Vec<(usize, usize)> = self.arrows.iter().map(|a| (a.from, a.to)).collect();
        let layout = layout(&sizes, &ends);
        let (width, height) = (layout.size.0 + 2.0 * AROUND, layout.size.1 + 2.0 * AROUND);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', \
             monospace\" font-size=\"11\">\n<defs><marker id=\"arrow\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" \
             refY=\"4\" orient=\"auto\"><path d=\"M0 0L9 4L0 8z\" fill=\"#66707c\"/></marker></defs>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <g transform=\"translate({AROUND} {AROUND})\">\n"
        );
        self.arrows_into(&mut out, &sizes, &layout);
        for ((one, &corner), &size) in self.boxes.iter().zip(&layout.corners).zip(&sizes) {
            one.draw(&mut out, corner, size);
        }
        out.push_str("</g>\n</svg>");
        out
    }

    /// The size of a box: its text, and what the arrows into it say, side by side.
    fn size(&self, number: usize) -> (f64, f64) {
        let one = &self.boxes[number];
        let longest = one.lines().map(|l| l.chars().count()).max().unwrap_or(0);
        let labels: f64 = self.arrows.iter().filter(|a| a.to == number).map(Arrow::room).sum();
        let lines = 1 + one.main.len() + one.facts.len();
        let width = (real(longest) * CHARACTER).max(labels) + 2.0 * INSIDE;
        (width, real(lines) * HEIGHT + 2.0 * INSIDE)
    }

    /// Where arrows leave and reach their boxes, across: side by side, in the order of where they come from or go to.
    fn ends(&self, sizes: &[(f64, f64)], layout: &Layout) -> (Vec<f64>, Vec<f64>) {
        let middle = |b: usize| layout.corners[b].0 + sizes[b].0 / 2.0;
        let toward = |a: usize| layout.between[a].first().map_or(middle(self.arrows[a].to), |p| p.0);
        let from = |a: usize| layout.between[a].last().map_or(middle(self.arrows[a].from), |p| p.0);
        let (mut starts, mut stops) = (vec![0.0; self.arrows.len()], vec![0.0; self.arrows.len()]);
        for (b, size) in sizes.iter().enumerate() {
            let mut leave: Vec<usize> = (0..self.arrows.len()).filter(|&a| self.arrows[a].from == b).collect();
            leave.sort_by(|&a, &b| toward(a).total_cmp(&toward(b)));
            let each = (size.0 / real(leave.len() + 1)).min(40.0);
            let mut x = middle(b) - each * real(leave.len() + 1) / 2.0;
            for a in leave {
                x += each;
                starts[a] = x;
            }
            let mut come: Vec<usize> = (0..self.arrows.len()).filter(|&a| self.arrows[a].to == b).collect();
            come.sort_by(|&a, &b| from(a).total_cmp(&from(b)));
            let mut x = middle(b) - come.iter().map(|&a| self.arrows[a].room()).sum::<f64>() / 2.0;
            for a in come {
                // What an arrow says stands on its right.
                stops[a] = x + 10.0;
                x += self.arrows[a].room();
            }
        }
        (starts, stops)
    }

    fn arrows_into(&self, out: &mut String, sizes: &[(f64, f64)], layout: &Layout) {
        let (starts, stops) = self.ends(sizes, layout);
        for (a, arrow) in self.arrows.iter().enumerate() {
            let from = (starts[a], layout.corners[arrow.from].1 + sizes[arrow.from].1);
            let to = (stops[a], layout.corners[arrow.to].1);
            let mut path = format!("M{:.1} {:.1}", from.0, from.1);
            let mut last = from;
            for &next in layout.between[a].iter().chain([&(to.0, to.1 - 22.0), &to]) {
                let half = last.1.midpoint(next.1);
                let _ = write!(path, "C{:.1} {half:.1} {:.1} {half:.1} {:.1} {:.1}", last.0, next.0, next.0, next.1);
                last = next;
            }
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#66707c\" stroke-width=\"1.2\" marker-end=\"url(#arrow)\"/>"
            );
            if !arrow.label.is_empty() {
                let (x, y, text) = (to.0 + 6.0, to.1 - 8.0, escaped(&arrow.short()));
                let _ =
                    writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"10.5\" fill=\"#444c56\">{text}</text>");
            }
        }
    }
}

impl Arrow {
    fn short(&self) -> String {
        shortened(&self.label, LABEL)
    }

    /// The width that it takes above the box that it goes to.
    fn room(&self) -> f64 {
        if self.label.is_empty() { 20.0 } else { real(self.short().chars().count()).mul_add(CHARACTER, 22.0) }
    }
}

impl Node {
    fn lines(&self) -> impl Iterator<Item = String> {
        let (name, role) = &self.head;
        let head = if role.is_empty() { name.clone() } else { format!("{name}: {role}") };
        std::iter::once(head).chain(self.main.iter().cloned()).chain(self.facts.iter().cloned())
    }

    fn draw(&self, out: &mut String, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (fill, stroke) = self.kind.colors();
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\" fill=\"{fill}\" \
             stroke=\"{stroke}\"/>"
        );
        if let Some(share) = self.share {
            let wide = (width - 12.0) * share;
            let bottom = y + height - 5.0;
            let _ = writeln!(
                out,
                "<path d=\"M{:.1} {bottom:.1}h{wide:.1}\" stroke=\"#ef8a3c\" stroke-width=\"3.5\"/>",
                x + 6.0
            );
        }
        let (name, role) = &self.head;
        let mut at = y + INSIDE + HEIGHT / 2.0 + 2.0;
        let left = x + INSIDE;
        let _ = writeln!(out, "<text x=\"{left:.1}\" y=\"{at:.1}\" fill=\"#5b6470\">{}</text>", escaped(name));
        if !role.is_empty() {
            let right = x + width - INSIDE;
            let text = escaped(role);
            let _ = writeln!(
                out,
                "<text x=\"{right:.1}\" y=\"{at:.1}\" fill=\"#8a5a00\" text-anchor=\"end\">{text}</text>"
            );
        }
        let main = self.main.iter().map(|l| (l, "#14181d\" font-weight=\"600"));
        for (line, style) in main.chain(self.facts.iter().map(|l| (l, "#5b6470"))) {
            at += HEIGHT;
            let _ = writeln!(out, "<text x=\"{left:.1}\" y=\"{at:.1}\" fill=\"{style}\">{}</text>", escaped(line));
        }
    }
}

fn is_read(plan: &Plan, store: usize) -> bool {
    plan.stages.iter().any(|s| s.origins().contains(&Origin::Store(store)))
}

fn source(plan: &Plan, store: usize) -> Node {
    let info = plan.stores[store].info();
    let bytes = Bytes((shape::size(&info.shape) * info.dtype.size()) as u64);
    let mut facts = vec![format!("in {}, {bytes}", shortened(&info.chunks.to_string(), LINE))];
    if !info.codecs.is_empty() {
        facts.extend(wrapped(&info.codecs, 1));
    }
    let (path, n) = (&info.path, info.path.chars().count());
    let path = if n <= LINE { path.clone() } else { "...".chars().chain(path.chars().skip(n + 3 - LINE)).collect() };
    let main = vec![path, format!("{} {}", info.dtype, tuple(&info.shape))];
    Node { kind: Kind::Source, head: (info.format.clone(), String::new()), main, facts, share: None }
}

fn of_stage(plan: &Plan, graph: &TaskGraph, id: StageId) -> Node {
    let stage = &plan.stages[id];
    let kind = match &stage.kind {
        StageKind::Reduce { .. } => "reduction",
        StageKind::Scan { .. } => "scan",
        StageKind::Contract(_) => "product",
        _ => "",
    };
    let head = if kind.is_empty() { format!("stage {id}") } else { format!("stage {id}, {kind}") };
    let mut facts = wrapped(&format!("over {} in {}", tuple(&stage.space), stage.chunks), 2);
    if let Some((number, sweep)) = graph.sweeps.iter().enumerate().find(|(_, s)| s.stages.contains(&id)) {
        let tasks = sweep.grid.count();
        let plural = if tasks == 1 { "" } else { "s" };
        facts
            .push(format!("sweep {number}: {tasks} block{plural} of {}", shortened(&tuple(&sweep.grid.longest()), 26)));
        facts.push(format!("{} a task, {} at once", Bytes(sweep.task_bytes), sweep.width));
    }
    if stage.placement != Placement::OnDemand {
        let results = stage.result_dtypes().into_iter().enumerate();
        let bytes: usize = results.map(|(r, d)| shape::size(&stage.result_shape(r)) * d.size()).sum();
        facts.push(format!("result of {}", Bytes(bytes as u64)));
    }
    let main = wrapped(&title(plan, stage), MOST_LINES);
    Node { kind: Kind::Stage, head: (head, role(plan, id).to_owned()), main, facts, share: None }
}

/// What a stage reads, each with the name of the input and what it sees of it.
fn needs(stage: &Stage) -> Vec<(Origin, String)> {
    let rank = stage.input_space().len();
    let mut out: Vec<(Origin, String)> = Vec::new();
    for (i, Input { pieces, .. }) in stage.inputs.iter().enumerate() {
        let name = input_name(i);
        for piece in pieces {
            let whole = piece.map.is_identity(rank) || pieces.len() > 1;
            let label = if whole { name.clone() } else { format!("{name} {}", seen(&view_text(&piece.map, rank))) };
            if !out.iter().any(|(origin, text)| *origin == piece.origin && *text == label) {
                out.push((piece.origin, label));
            }
        }
    }
    out
}

/// A map without the rank that it maps from: the box that the arrow goes to has its shape.
fn seen(view: &str) -> &str {
    view.split(" of rank").next().unwrap_or(view)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 3).chain("...".chars()).collect()
    }
}

/// A text in lines that fit a box, so many at most.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word = shortened(word, LINE);
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push_str(" ...");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockwise::lower::Request;
    use crate::runtime::context::Context;
    use crate::runtime::pipeline::prepare;

    #[test]
    fn a_plan_as_dot_and_svg() {
        let cx = Context::builder().threads(1).build().unwrap();
        let x = cx.from_ndarray(ndarray::Array2::<f64>::zeros((4, 5)).into_dyn()).unwrap();
        let expr = (&x - x.mean(0)).into_dyn().expr().clone();
        let (plan, graph) = prepare(&cx, &[Request { expr, stored: None, persists: false }]).unwrap();
        let drawing = Drawing::of(&plan, &graph);
        let dot = drawing.dot();
        assert!(dot.starts_with("digraph plan {") && dot.ends_with('}'), "{dot}");
        assert_eq!(dot.matches(" -> ").count(), drawing.arrows.len());
        assert!(dot.contains("result 0\\nfloat64 (4, 5)"), "{dot}");
        let svg = drawing.svg();
        assert_eq!(svg.matches("<rect").count(), drawing.boxes.len() + 1);
        assert_eq!(svg.matches("marker-end").count(), drawing.arrows.len());
        assert!(svg.contains("b [0, i1]"), "{svg}");
    }

    #[test]
    fn text_in_boxes() {
        assert_eq!(wrapped("one two", 4), ["one two"]);
        assert_eq!(wrapped(&"word ".repeat(100), 4).len(), 4);
        assert!(wrapped(&"w".repeat(1000), 4).iter().all(|l| l.chars().count() <= LINE));
    }
}
