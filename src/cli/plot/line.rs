//! Arrays of one axis: a line, broken where elements are not finite.

use super::axes::{self, Marks, Positions};
use super::canvas::{Canvas, Frame};
use super::color::{GRID, INK, LINE};
use super::scale::{Scale, Ticks, pixel, pixels};
use super::{Labels, Values};
use embedded_graphics::text::Alignment;

/// The size of the area with the line.
const WIDTH: i32 = 880;
const HEIGHT: i32 = 440;
/// Room around the line, as a share of its extent.
const ROOM_ACROSS: f64 = 0.02;
const ROOM_UPRIGHT: f64 = 0.06;
/// The width of the line.
const STROKE: f64 = 1.8;
/// From this many elements to a pixel on, only the ends of what each pixel column holds are drawn.
const CROWDED: i32 = 2;

/// Draws the line, its axes and a grid.
pub(super) fn draw<C: Canvas>(values: &Values<'_>, labels: &Labels) -> C {
    let n = values.len();
    let positions = Positions::new(labels.axes.first(), n);
    let ends = positions.scale();
    let across = if ends.hi > ends.lo { ends } else { Scale::of(std::iter::once(ends.lo)) }.widened(ROOM_ACROSS);
    let range = Scale::of(values.range(0, n));
    let upright = range.widened(ROOM_UPRIGHT);
    let (width, height) = (f64::from(WIDTH - 1), f64::from(HEIGHT - 1));
    let ticks = [
        Marks::upright(
            |most| Ticks::new(upright, most, values.whole),
            HEIGHT,
            |v| (1.0 - upright.fraction(v)) * height,
        ),
        Marks::across(
            |most| positions.ticks(if n == 1 { ends } else { across }, most),
            WIDTH,
            |v| across.fraction(v) * width,
        ),
    ];
    let left = axes::room_beside(&ticks[0], &labels.values);
    let top = axes::room_above(&labels.title, !ticks[0].note.is_empty());
    let frame = Frame { left, top, width: WIDTH, height: HEIGHT };
    let below = axes::room_below(&ticks[1], &positions.name);
    let mut canvas = C::new(frame.right() + 2 * axes::MARGIN, frame.bottom() + below);

    for (at, _) in &ticks[0].at {
        canvas.fill(Frame { top: top + at, height: 1, ..frame }, GRID);
    }
    for (at, _) in &ticks[1].at {
        canvas.fill(Frame { left: left + at, width: 1, ..frame }, GRID);
    }
    let place = |k: usize, value: f64| {
        let x = f64::from(left) + 0.5 + across.fraction(positions.value(k)) * width;
        (x, f64::from(top) + 0.5 + (1.0 - upright.fraction(value)) * height)
    };
    let lists = if pixels(n) > CROWDED * WIDTH { reduced(values, place) } else { pieces(values, place) };
    if lists.is_empty() {
        canvas.text("no finite values", left + WIDTH / 2, top + HEIGHT / 2 - 7, Alignment::Center);
    }
    canvas.strokes(&lists, frame, STROKE, LINE);
    canvas.border(frame, INK);
    axes::title(&mut canvas, frame, &labels.title);
    axes::left(&mut canvas, frame, &ticks[0], &labels.values);
    axes::lower(&mut canvas, frame, &ticks[1], &positions.name);
    canvas
}

/// Pixels to be joined by lines.
type Points = Vec<(f64, f64)>;

/// The runs of finite elements.
fn pieces(values: &Values<'_>, place: impl Fn(usize, f64) -> (f64, f64)) -> Vec<Points> {
    let mut lists = vec![Points::new()];
    for (k, value) in values.range(0, values.len()).enumerate() {
        match lists.last_mut() {
            Some(list) if value.is_finite() => list.push(place(k, value)),
            Some(list) if !list.is_empty() => lists.push(Points::new()),
            _ => {}
        }
    }
    lists.retain(|list| !list.is_empty());
    lists
}

/// The lowest and highest pixel of what one pixel column holds, in the order in which they came.
struct Column {
    x: i32,
    ends: Option<[(f64, f64); 2]>,
    highest_first: bool,
}

impl Column {
    fn add(&mut self, point: (f64, f64)) {
        let ends = self.ends.get_or_insert([point; 2]);
        if point.1 < ends[0].1 {
            (ends[0], self.highest_first) = (point, false);
        } else if point.1 > ends[1].1 {
            (ends[1], self.highest_first) = (point, true);
        }
    }

    /// Adds the column to the last of `lists`; an empty one starts a new list.
    fn finish(&self, lists: &mut Vec<Points>) {
        let Some(list) = lists.last_mut() else { return };
        match self.ends {
            None if list.is_empty() => {}
            None => lists.push(Points::new()),
            Some([high, low]) if high == low => list.push(high),
            Some([high, low]) if self.highest_first => list.extend([high, low]),
            Some([high, low]) => list.extend([low, high]),
        }
    }
}

/// The runs of pixel columns that hold finite elements.
fn reduced(values: &Values<'_>, place: impl Fn(usize, f64) -> (f64, f64)) -> Vec<Points> {
    let mut lists = vec![Points::new()];
    let empty = |x| Column { x, ends: None, highest_first: false };
    let mut column = empty(pixel(place(0, 0.0).0));
    for (k, value) in values.range(0, values.len()).enumerate() {
        let point = place(k, value);
        if pixel(point.0) != column.x {
            column.finish(&mut lists);
            column = empty(pixel(point.0));
        }
        if value.is_finite() {
            column.add(point);
        }
    }
    column.finish(&mut lists);
    lists.retain(|list| !list.is_empty());
    lists
}
