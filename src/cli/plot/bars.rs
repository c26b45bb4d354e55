//! Histograms: a bar for every bin, as wide as it, on axes in the units of both.

use super::axes::{self, Marks};
use super::canvas::{Canvas, Frame};
use super::color::{GRID, INK, LINE};
use super::scale::{Scale, Ticks, pixel};
use super::{Labels, Values};

/// The size of the area with the bars.
const WIDTH: i32 = 880;
const HEIGHT: i32 = 440;
/// Room beside and above the bars, as a share of their extent.
const ROOM_ACROSS: f64 = 0.02;
const ROOM_ABOVE: f64 = 0.06;
/// Bars from this width on have a gap between them.
const WIDE: i32 = 5;

/// Draws the bars, their axes and a grid.
pub(super) fn draw<C: Canvas>(counts: &Values<'_>, edges: &[f64], labels: &Labels) -> C {
    let ends = [edges.first(), edges.last()].map(|e| e.copied().unwrap_or(0.0));
    let across = Scale::of(ends.into_iter()).widened(ROOM_ACROSS);
    let range = Scale::of(counts.range(0, counts.len()).chain(std::iter::once(0.0)));
    let room = (range.hi - range.lo) * ROOM_ABOVE;
    let upright = Scale { lo: if range.lo < 0.0 { range.lo - room } else { 0.0 }, hi: range.hi + room };
    let (width, height) = (f64::from(WIDTH - 1), f64::from(HEIGHT - 1));
    let right = |value: f64| across.fraction(value) * width;
    let down = |value: f64| (1.0 - upright.fraction(value)) * height;
    let ticks = [
        Marks::upright(|most| Ticks::new(upright, most, counts.whole), HEIGHT, down),
        Marks::across(|most| Ticks::new(across, most, false), WIDTH, right),
    ];
    let name = labels.axes.first().map_or("", |axis| &axis.name);
    let left = axes::room_beside(&ticks[0], &labels.values);
    let top = axes::room_above(&labels.title, !ticks[0].note.is_empty());
    let frame = Frame { left, top, width: WIDTH, height: HEIGHT };
    let mut canvas = C::new(frame.right() + 2 * axes::MARGIN, frame.bottom() + axes::room_below(&ticks[1], name));
    for (at, _) in &ticks[0].at {
        canvas.fill(Frame { top: top + at, height: 1, ..frame }, GRID);
    }
    let zero = pixel(down(0.0)) + 1;
    for (from, to, value) in columns(counts, edges, right) {
        let end = pixel(down(value)) + 1;
        // What is not 0 is seen.
        let size = if value == 0.0 { 0 } else { (zero - end).abs().max(1) };
        let gap = i32::from(to - from >= WIDE);
        let bar = Frame { left: left + from, top: top + zero.min(end), width: (to - from - gap).max(1), height: size };
        if size > 0 {
            canvas.fill(bar, LINE);
        }
    }
    canvas.border(frame, INK);
    axes::title(&mut canvas, frame, &labels.title);
    axes::left(&mut canvas, frame, &ticks[0], &labels.values);
    axes::lower(&mut canvas, frame, &ticks[1], name);
    canvas
}

/// The bars that are seen, from pixel to pixel: of several in one column of pixels the one farthest from 0.
fn columns(counts: &Values<'_>, edges: &[f64], right: impl Fn(f64) -> f64) -> Vec<(i32, i32, f64)> {
    let mut out: Vec<(i32, i32, f64)> = Vec::new();
    for (value, pair) in counts.range(0, counts.len()).zip(edges.windows(2)).filter(|(v, _)| v.is_finite()) {
        let (from, to) = (pixel(right(pair[0])), pixel(right(pair[1])));
        match out.last_mut() {
            Some(last) if last.0 == from && last.1.max(to) - from <= 1 => {
                last.1 = last.1.max(to);
                if value.abs() > last.2.abs() {
                    last.2 = value;
                }
            }
            _ => out.push((from, to, value)),
        }
    }
    out
}
