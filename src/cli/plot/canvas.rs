//! What pictures are drawn on: a few shapes and text, behind which there are pixels or an SVG.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::Alignment;

/// Width of a character of ordinary text.
pub(super) const CHAR_WIDTH: i32 = 9;
/// Height of a line of ordinary text.
pub(super) const TEXT_HEIGHT: i32 = 15;
/// Width of a character of a title.
pub(super) const TITLE_CHAR_WIDTH: i32 = 10;
/// Height of a title.
pub(super) const TITLE_HEIGHT: i32 = 20;

/// A box of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
}

impl Frame {
    pub(super) fn right(&self) -> i32 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> i32 {
        self.top + self.height
    }

    /// The box with a border of one pixel.
    pub(super) fn around(&self) -> Self {
        Self { left: self.left - 1, top: self.top - 1, width: self.width + 2, height: self.height + 2 }
    }
}

/// Colours of cells, row by row, each row of so many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub colors: &'a [Rgb888],
    pub columns: usize,
}

impl Cells<'_> {
    pub(super) fn rows(&self) -> usize {
        self.colors.len() / self.columns.max(1)
    }
}

/// Something to draw on, from the left upper corner; what lies outside of it is not drawn.
pub(super) trait Canvas: Sized {
    /// Blank paper of at least one pixel.
    fn new(width: i32, height: i32) -> Self;

    fn width(&self) -> i32;

    /// Fills a box.
    fn fill(&mut self, frame: Frame, color: Rgb888);

    /// Draws a border of one pixel around a box.
    fn border(&mut self, frame: Frame, color: Rgb888);

    /// Fills a box with equal cells, which it holds a whole number of pixels of.
    fn cells(&mut self, frame: Frame, cells: Cells<'_>);

    /// Ordinary text whose top lies at `y`.
    fn text(&mut self, text: &str, x: i32, y: i32, alignment: Alignment);

    /// A title, centred at `x`, whose top lies at `y`.
    fn title(&mut self, text: &str, x: i32, y: i32);

    /// Ordinary text that reads upwards, its left edge at `x`, centred at `y`.
    fn text_upwards(&mut self, text: &str, x: i32, y: i32);

    /// Draws lines through each list of `points`, smooth at the edges, inside `clip`. A list of one point is a dot.
    fn strokes(&mut self, lists: &[Vec<(f64, f64)>], clip: Frame, width: f64, color: Rgb888);

    /// The file.
    fn file(&self) -> Result<Vec<u8>, png::EncodingError>;
}

/// The width of ordinary text.
pub(super) fn text_width(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / CHAR_WIDTH) * CHAR_WIDTH
}

/// As much of `text` as fits into `width` at this width of a character, with dots where something is missing.
pub(super) fn shortened(text: &str, width: i32, char_width: i32) -> String {
    let room = usize::try_from(width / char_width).unwrap_or(0);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(3)).collect();
    kept.trim_end().to_owned() + "..."
}
