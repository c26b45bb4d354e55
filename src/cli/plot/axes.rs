//! Axes: which ticks fit, and drawing them.

use super::Axis;
use super::canvas::{CHAR_WIDTH, Canvas, Frame, TEXT_HEIGHT, TITLE_CHAR_WIDTH, TITLE_HEIGHT, shortened, text_width};
use super::color::INK;
use super::dates;
use super::scale::{Scale, Ticks, count, pixel};
use crate::op::calendar::Clock;
use embedded_graphics::text::Alignment;

/// Space at the edges of the picture.
pub(super) const MARGIN: i32 = 16;
/// Length of a tick.
const TICK: i32 = 5;
/// Space between a tick and its number, and between a number and the name of the axis.
const GAP: i32 = 6;

/// The ticks of one axis, placed: pixels from the start of the axis, and numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    pub at: Vec<(i32, String)>,
    pub note: String,
}

impl Marks {
    /// The ticks, of which there are about as many as one asks for, that fit along `length` pixels; `place` says where
    /// a value lies.
    pub(super) fn across(ticks: impl Fn(i32) -> Ticks, length: i32, place: impl Fn(f64) -> f64) -> Self {
        let fits = |marks: &Self| {
            let room = |a: &str, b: &str| text_width(a).midpoint(text_width(b)) + 2 * CHAR_WIDTH;
            marks.at.windows(2).all(|pair| (pair[1].0 - pair[0].0).abs() >= room(&pair[0].1, &pair[1].1))
        };
        let tries = (2..=(length / 60).clamp(2, 10)).rev();
        let mut marks = tries.map(|most| Self::placed(ticks(most), &place));
        marks.find(fits).unwrap_or_else(|| Self::placed(ticks(1), &place))
    }

    /// The ticks that fit beside `length` pixels: few enough to breathe, two at least where there can be.
    pub(super) fn upright(ticks: impl Fn(i32) -> Ticks, length: i32, place: impl Fn(f64) -> f64) -> Self {
        let most = (length / 50).clamp(2, 10);
        let found = (most..most + 5).map(&ticks).find(|ticks| ticks.marks.len() > 1);
        Self::placed(found.unwrap_or_else(|| ticks(most)), &place)
    }

    fn placed(ticks: Ticks, place: &impl Fn(f64) -> f64) -> Self {
        let at = ticks.marks.into_iter().map(|(value, text)| (pixel(place(value)), text)).collect();
        Self { at, note: ticks.note }
    }

    /// The width of the widest number.
    fn width(&self) -> i32 {
        self.at.iter().map(|(_, text)| text_width(text)).max().unwrap_or(0)
    }
}

/// The positions along one axis of the array, by coordinate where it has usable ones, else by index.
pub(super) struct Positions<'a> {
    coordinates: Option<&'a [f64]>,
    clock: Option<&'a Clock>,
    n: usize,
    /// What to write along the axis.
    pub name: String,
}

impl<'a> Positions<'a> {
    pub(super) fn new(axis: Option<&'a Axis>, n: usize) -> Self {
        let Some(axis) = axis else { return Self { coordinates: None, clock: None, n, name: String::new() } };
        let usable = rises_or_falls(&axis.coordinates);
        let told = axis.coordinates.is_empty() || axis.name.is_empty() || usable;
        let name = if told { axis.name.clone() } else { format!("{} (index)", axis.name) };
        Self {
            coordinates: usable.then_some(&axis.coordinates),
            clock: axis.clock.as_ref().filter(|_| usable),
            n,
            name,
        }
    }

    /// At most about `most` ticks along part of the axis.
    pub(super) fn ticks(&self, scale: Scale, most: i32) -> Ticks {
        match self.clock {
            Some(clock) => dates::ticks(scale, most, clock),
            None => Ticks::new(scale, most, self.coordinates.is_none()),
        }
    }

    /// From the smallest to the largest.
    pub(super) fn scale(&self) -> Scale {
        match self.coordinates {
            Some([first, .., last]) => Scale { lo: first.min(*last), hi: first.max(*last) },
            Some([only]) => Scale { lo: *only, hi: *only },
            _ => Scale { lo: 0.0, hi: count(self.n.saturating_sub(1)) },
        }
    }

    /// The value at index `k`.
    pub(super) fn value(&self, k: usize) -> f64 {
        self.coordinates.and_then(|c| c.get(k).copied()).unwrap_or_else(|| count(k))
    }

    /// The index at which `value` lies, with a fraction when it lies between two coordinates.
    pub(super) fn index_of(&self, value: f64) -> f64 {
        let Some(coordinates) = self.coordinates else { return value };
        let falls = coordinates.first() > coordinates.last();
        let after = coordinates.partition_point(|&c| if falls { c > value } else { c < value });
        let after = after.min(coordinates.len() - 1);
        let Some(before) = after.checked_sub(1) else { return 0.0 };
        count(before) + (value - coordinates[before]) / (coordinates[after] - coordinates[before])
    }
}

/// Whether there are coordinates, all finite, and each lies beyond the one before.
fn rises_or_falls(coordinates: &[f64]) -> bool {
    let (Some(first), Some(last)) = (coordinates.first(), coordinates.last()) else { return false };
    let width = last / 2.0 - first / 2.0;
    let distinct = coordinates.len() == 1 || width.abs() > 1e-12 * first.abs().max(last.abs()) && width.abs() < 1e307;
    let steps = |ok: fn(f64, f64) -> bool| coordinates.windows(2).all(|pair| ok(pair[0], pair[1]));
    first.is_finite() && last.is_finite() && distinct && (steps(|a, b| a < b) || steps(|a, b| a > b))
}

/// Space above a frame, for the title and the note of an upright axis.
pub(super) fn room_above(title: &str, notes: bool) -> i32 {
    let title = if title.is_empty() { 0 } else { TITLE_HEIGHT + 2 * GAP };
    MARGIN + title + if notes { TEXT_HEIGHT + GAP } else { 0 }
}

/// Space beside a frame, for the numbers and the name of an upright axis.
pub(super) fn room_beside(marks: &Marks, name: &str) -> i32 {
    MARGIN + TICK + GAP + marks.width() + if name.is_empty() { 0 } else { TEXT_HEIGHT + GAP }
}

/// Space below a frame, for the numbers and the name of the lower axis.
pub(super) fn room_below(marks: &Marks, name: &str) -> i32 {
    let second = !name.is_empty() || !marks.note.is_empty();
    MARGIN + TICK + GAP + TEXT_HEIGHT + if second { TEXT_HEIGHT + GAP } else { 0 }
}

/// Writes the title above the picture, over the middle of the frame where it fits there.
pub(super) fn title(canvas: &mut impl Canvas, frame: Frame, text: &str) {
    let text = shortened(text, canvas.width() - 2 * MARGIN, TITLE_CHAR_WIDTH);
    let half = i32::try_from(text.chars().count()).unwrap_or(0) * TITLE_CHAR_WIDTH / 2;
    let middle = frame.left + frame.width / 2;
    let middle = middle.min(canvas.width() - MARGIN - half).max(MARGIN + half);
    canvas.title(&text, middle, MARGIN);
}

/// Draws the axis below the frame.
pub(super) fn lower(canvas: &mut impl Canvas, frame: Frame, marks: &Marks, name: &str) {
    let below = frame.bottom() + 1;
    for (at, text) in &marks.at {
        let x = frame.left + at;
        canvas.fill(Frame { left: x, top: below, width: 1, height: TICK }, INK);
        canvas.text(text, x + 1, below + TICK + GAP, Alignment::Center);
    }
    let second = below + TICK + GAP + TEXT_HEIGHT + GAP;
    canvas.text(&marks.note, frame.right(), second, Alignment::Right);
    let name = shortened(name, frame.width - 2 * text_width(&marks.note), CHAR_WIDTH);
    canvas.text(&name, frame.left + frame.width / 2, second, Alignment::Center);
}

/// Draws the axis on the left of the frame.
pub(super) fn left(canvas: &mut impl Canvas, frame: Frame, marks: &Marks, name: &str) {
    let edge = frame.left - 1 - TICK;
    for (at, text) in &marks.at {
        let y = frame.top + at;
        canvas.fill(Frame { left: edge, top: y, width: TICK, height: 1 }, INK);
        canvas.text(text, edge - GAP, y - TEXT_HEIGHT / 2, Alignment::Right);
    }
    canvas.text(&marks.note, frame.left, frame.top - GAP - TEXT_HEIGHT, Alignment::Left);
    let name = shortened(name, frame.height, CHAR_WIDTH);
    let x = edge - GAP - marks.width() - GAP - TEXT_HEIGHT;
    canvas.text_upwards(&name, x, frame.top + frame.height / 2);
}

/// Draws the axis on the right of the frame.
pub(super) fn right(canvas: &mut impl Canvas, frame: Frame, marks: &Marks, name: &str) {
    let edge = frame.right() + 1;
    for (at, text) in &marks.at {
        let y = frame.top + at;
        canvas.fill(Frame { left: edge, top: y, width: TICK, height: 1 }, INK);
        canvas.text(text, edge + TICK + GAP, y - TEXT_HEIGHT / 2, Alignment::Left);
    }
    canvas.text(&marks.note, frame.left, frame.top - GAP - TEXT_HEIGHT, Alignment::Left);
    let name = shortened(name, frame.height, CHAR_WIDTH);
    let x = edge + TICK + GAP + marks.width() + GAP;
    canvas.text_upwards(&name, x, frame.top + frame.height / 2);
}
