//! Arrays of two axes: a colour for every element, or for every box of elements where there are more than pixels.

use super::axes::{self, Marks, Positions};
use super::canvas::{Canvas, Cells, Frame, TEXT_HEIGHT, text_width};
use super::color::{INK, MISSING, viridis};
use super::scale::{Scale, Ticks, count, pixels};
use super::{Labels, Values};
use embedded_graphics::text::Alignment;

/// No side of an image is longer.
const LONGEST: usize = 1000;
/// Small arrays are enlarged to about this.
const TARGET: usize = 760;
/// An image whose shorter side comes out below this gives up its aspect ...
const SHORTEST: usize = 160;
/// ... and has its shorter side enlarged to about this.
const STRETCHED: usize = 240;

/// The width of the colour bar, and the space before it.
const BAR: i32 = 20;
const BEFORE_BAR: i32 = 24;

/// How the elements of one axis become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    /// Elements of the array.
    n: usize,
    /// Elements that share a cell.
    per_cell: usize,
    /// Pixels of a cell.
    per_pixel: usize,
}

impl Side {
    fn cells(&self) -> usize {
        self.n.div_ceil(self.per_cell)
    }

    fn pixels(&self) -> i32 {
        pixels(self.cells() * self.per_pixel)
    }

    /// The pixel of the middle of element `index`, from the start of the side.
    fn place(&self, index: f64) -> f64 {
        (index + 0.5) / count(self.per_cell) * count(self.per_pixel)
    }
}

/// The two sides: equal cells, unless one side would be too thin to see.
fn sides(rows: usize, columns: usize) -> [Side; 2] {
    let fit = |n: usize, longest: usize, target: usize| {
        let per_cell = n.div_ceil(longest).max(1);
        let cells = n.div_ceil(per_cell).max(1);
        (per_cell, ((target + cells / 2) / cells).max(1))
    };
    let (per_cell, per_pixel) = fit(rows.max(columns), LONGEST, TARGET);
    [rows, columns].map(|n| {
        let side = Side { n, per_cell, per_pixel };
        if side.cells() * per_pixel >= SHORTEST {
            return side;
        }
        let (per_cell, per_pixel) = fit(n, STRETCHED, STRETCHED);
        Side { n, per_cell, per_pixel }
    })
}

/// Draws the image, its axes and its colour bar.
pub(super) fn draw<C: Canvas>(values: &Values<'_>, (rows, columns): (usize, usize), labels: &Labels) -> C {
    let [down, across] = sides(rows, columns);
    let cells = averages(values, down, across);
    let scale = Scale::of(cells.iter().copied());
    let missing = cells.iter().any(|v| v.is_nan());
    let y = Positions::new(labels.axes.first(), rows);
    let x = Positions::new(labels.axes.get(1), columns);
    let (width, height) = (across.pixels(), down.pixels());
    let marks = [
        Marks::upright(|most| y.ticks(y.scale(), most), height, |v| down.place(y.index_of(v))),
        Marks::across(|most| x.ticks(x.scale(), most), width, |v| across.place(x.index_of(v))),
    ];
    let whole = values.whole && down.per_cell == 1 && across.per_cell == 1;
    let bar_marks = Marks::upright(
        |most| Ticks::new(scale, most, whole),
        height,
        |v| (1.0 - scale.fraction(v)) * f64::from(height - 1),
    );
    let notes = !marks[0].note.is_empty() || !bar_marks.note.is_empty();
    let (left, top) = (axes::room_beside(&marks[0], &y.name), axes::room_above(&labels.title, notes));
    let frame = Frame { left, top, width, height };
    let bar = Frame { left: frame.right() + BEFORE_BAR, top, width: BAR, height };
    let legend = if bar_marks.note.is_empty() { 0 } else { text_width(&bar_marks.note) - BAR };
    let beside = axes::room_beside(&bar_marks, &labels.values).max(axes::MARGIN + legend);
    let mut canvas = C::new(bar.right() + beside, frame.bottom() + axes::room_below(&marks[1], &x.name));

    let colors: Vec<_> = cells.iter().map(|&value| viridis(scale.fraction(value))).collect();
    canvas.cells(frame, Cells { colors: &colors, columns: across.cells() });
    canvas.border(frame, INK);
    axes::title(&mut canvas, frame, &labels.title);
    axes::left(&mut canvas, frame, &marks[0], &y.name);
    axes::lower(&mut canvas, frame, &marks[1], &x.name);
    let shade = |y: i32| viridis(1.0 - f64::from(y) / f64::from((height - 1).max(1)));
    canvas.cells(bar, Cells { colors: &(0..height).map(shade).collect::<Vec<_>>(), columns: 1 });
    canvas.border(bar, INK);
    axes::right(&mut canvas, bar, &bar_marks, &labels.values);
    if missing {
        key(&mut canvas, bar);
    }
    canvas
}

/// What grey means, below the colour bar.
fn key(canvas: &mut impl Canvas, bar: Frame) {
    let side = TEXT_HEIGHT - 3;
    let patch = Frame { left: bar.left + BAR - side, top: bar.bottom() + 12, width: side, height: side };
    canvas.fill(patch, MISSING);
    canvas.border(patch, INK);
    canvas.text("NaN", patch.right() + 12, patch.top - 2, Alignment::Left);
}

/// The mean of the finite elements of every cell; where there are none, an infinity among them, else NaN.
fn averages(values: &Values<'_>, down: Side, across: Side) -> Vec<f64> {
    // Elements are weighed before they are added, so that no sum of finite ones overflows.
    let weight = 1.0 / (count(down.per_cell) * count(across.per_cell));
    let mut out = Vec::with_capacity(down.cells() * across.cells());
    for first in (0..down.n).step_by(down.per_cell) {
        let mut cells = vec![(0.0, 0.0, f64::NAN); across.cells()];
        for row in first..down.n.min(first + down.per_cell) {
            let mut line = values.range(row * across.n, (row + 1) * across.n);
            for (sum, share, other) in &mut cells {
                for value in line.by_ref().take(across.per_cell) {
                    if value.is_finite() {
                        *sum += value * weight;
                        *share += weight;
                    } else if !value.is_nan() {
                        *other = value;
                    }
                }
            }
        }
        out.extend(cells.iter().map(|&(sum, share, other)| if share > 0.0 { sum / share } else { other }));
    }
    out
}
