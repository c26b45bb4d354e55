//! A plan as a picture: boxes for arrays, stages and answers, in Graphviz' language or as SVG.

use crate::blockwise::display::title;
use crate::blockwise::plan::{Origin, Plan};
use crate::shape;
use std::fmt::Write;

/// Characters to a line of a box.
const LINE: usize = 44;
/// Lines of a box before it is cut short.
const MOST_LINES: usize = 4;
/// Width of a character and height of a line in an SVG, in pixels.
const CELL: (usize, usize) = (7, 16);
/// Space inside of and between boxes, in pixels.
const GAP: usize = 12;

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Source,
    Stage,
    Answer,
}

impl Kind {
    fn color(self) -> &'static str {
        match self {
            Self::Source => "#dbe9f6",
            Self::Stage => "#ffffff",
            Self::Answer => "#e2f0d9",
        }
    }
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    lines: Vec<String>,
    /// Its row: below everything that it needs.
    row: usize,
}

/// Boxes, and arrows between them.
#[derive(Debug)]
pub struct Graph {
    boxes: Vec<Node>,
    arrows: Vec<(usize, usize)>,
}

impl Graph {
    /// The graph of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut graph = Self { boxes: Vec::new(), arrows: Vec::new() };
        for store in &plan.stores {
            let info = store.info();
            let text = format!("{} {} {}", info.path, info.dtype, shape::tuple(&info.shape));
            graph.add(Kind::Source, &text, &[]);
        }
        let first = plan.stores.len();
        for (id, stage) in plan.stages.iter().enumerate() {
            let needs: Vec<usize> = stage
                .origins()
                .into_iter()
                .filter_map(|origin| match origin {
                    Origin::Store(s) => Some(s),
                    Origin::Stage(s, _) => Some(first + s),
                    Origin::Iota(_) => None,
                })
                .collect();
            let text = format!("{id}: {} over {} in {}", title(plan, stage), shape::tuple(&stage.space), stage.chunks);
            graph.add(Kind::Stage, &text, &needs);
        }
        for (i, output) in plan.outputs.iter().enumerate() {
            let text = format!("result {i} {}", shape::tuple(&output.shape));
            graph.add(Kind::Answer, &text, &[first + output.stage]);
        }
        graph
    }

    fn add(&mut self, kind: Kind, text: &str, needs: &[usize]) {
        let mut needs = needs.to_vec();
        needs.sort_unstable();
        needs.dedup();
        let row = needs.iter().filter_map(|&n| self.boxes.get(n)).map(|b| b.row + 1).max().unwrap_or(0);
        self.arrows.extend(needs.iter().map(|&n| (n, self.boxes.len())));
        self.boxes.push(Node { kind, lines: wrapped(text), row });
    }

    /// Graphviz' DOT language.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph plan {\n  node [shape=box, style=filled, fontname=\"monospace\"];\n");
        for (i, one) in self.boxes.iter().enumerate() {
            let label = one.lines.join("\n").replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(out, "  n{i} [label=\"{label}\", fillcolor=\"{}\"];", one.kind.color());
        }
        for (from, to) in &self.arrows {
            let _ = writeln!(out, "  n{from} -> n{to};");
        }
        out.push('}');
        out
    }

    /// A drawing: rows of boxes from the top down, straight arrows.
    #[must_use]
    pub fn svg(&self) -> String {
        let places = self.places();
        let width = places.iter().map(|p| p.x + p.width).max().unwrap_or(0) + GAP;
        let height = places.iter().map(|p| p.y + p.height).max().unwrap_or(0) + GAP;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
             <defs><marker id=\"a\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\" fill=\"#666\"/></marker></defs>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for &(from, to) in &self.arrows {
            let (f, t) = (&places[from], &places[to]);
            let (x1, y1, x2, y2) = (f.x + f.width / 2, f.y + f.height, t.x + t.width / 2, t.y);
            let _ = writeln!(
                out,
                "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#666\" marker-end=\"url(#a)\"/>"
            );
        }
        for (one, place) in self.boxes.iter().zip(&places) {
            let Place { x, y, width, height } = place;
            let fill = one.kind.color();
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"{fill}\" stroke=\"#444\"/>"
            );
            for (k, line) in one.lines.iter().enumerate() {
                let (tx, ty) = (x + GAP, y + GAP + k * CELL.1 + 8);
                let _ = writeln!(out, "<text x=\"{tx}\" y=\"{ty}\">{}</text>", escaped(line));
            }
        }
        out.push_str("</svg>");
        out
    }

    /// Where the boxes of a drawing are.
    fn places(&self) -> Vec<Place> {
        let size = |b: &Node| {
            let longest = b.lines.iter().map(|l| l.chars().count()).max().unwrap_or(0);
            (longest * CELL.0 + 2 * GAP, b.lines.len() * CELL.1 + GAP)
        };
        let rows = self.boxes.iter().map(|b| b.row + 1).max().unwrap_or(0);
        let heights: Vec<usize> = (0..rows)
            .map(|row| self.boxes.iter().filter(|b| b.row == row).map(|b| size(b).1).max().unwrap_or(0))
            .collect();
        let mut across = vec![GAP; rows];
        self.boxes
            .iter()
            .map(|b| {
                let (width, height) = size(b);
                let y = GAP + heights[..b.row].iter().map(|h| h + 3 * GAP).sum::<usize>();
                let x = across[b.row];
                across[b.row] += width + 2 * GAP;
                Place { x, y, width, height }
            })
            .collect()
    }
}

struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// A text in lines that fit a box.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= LINE {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            last.push_str(" ...");
        }
    }
    for line in &mut lines {
        if line.chars().count() > 2 * LINE {
            *line = line.chars().take(2 * LINE - 3).chain("...".chars()).collect();
        }
    }
    lines
}

/// A text as it stands in XML.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
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
        let (plan, _) = prepare(&cx, &[Request { expr, stored: None, persists: false }]).unwrap();
        let graph = Graph::new(&plan);
        let dot = graph.dot();
        assert!(dot.starts_with("digraph plan {") && dot.ends_with('}'), "{dot}");
        assert_eq!(dot.matches(" -> ").count(), graph.arrows.len());
        assert!(dot.contains("result 0 (4, 5)"));
        let svg = graph.svg();
        assert_eq!(svg.matches("<rect").count(), graph.boxes.len() + 1);
        assert_eq!(svg.matches("<line").count(), graph.arrows.len());
        for (from, to) in &graph.arrows {
            assert!(graph.boxes[*from].row < graph.boxes[*to].row);
        }
    }

    #[test]
    fn text_in_boxes() {
        assert_eq!(wrapped("one two").len(), 1);
        assert_eq!(wrapped(&"word ".repeat(100)).len(), MOST_LINES);
        assert_eq!(escaped("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
