//! The pixels of a picture: rectangles, text, smooth lines, and the PNG encoding.

use super::color::{INK, PAPER, level};
use super::scale::pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_9X15, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{Primitive, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use embedded_graphics::{Drawable, Pixel};
use std::convert::Infallible;

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
}

/// Pixels in RGB, row by row.
pub(super) struct Canvas {
    width: i32,
    height: i32,
    rgb: Vec<u8>,
}

impl Canvas {
    /// Blank paper of at least one pixel.
    pub(super) fn new(width: i32, height: i32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixels = usize::try_from(width).unwrap_or(1) * usize::try_from(height).unwrap_or(1);
        let paper = [PAPER.r(), PAPER.g(), PAPER.b()];
        Self { width, height, rgb: paper.repeat(pixels) }
    }

    pub(super) fn width(&self) -> i32 {
        self.width
    }

    /// Where the pixel's three bytes are; `None` outside the canvas.
    fn offset(&self, x: i32, y: i32) -> Option<usize> {
        let inside = (0..self.width).contains(&x) && (0..self.height).contains(&y);
        if !inside {
            return None;
        }
        let (x, y, width) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?, usize::try_from(self.width).ok()?);
        Some(3 * (y * width + x))
    }

    /// The colour of a pixel.
    pub(super) fn at(&self, x: i32, y: i32) -> Option<Rgb888> {
        let at = self.offset(x, y)?;
        Some(Rgb888::new(self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]))
    }

    /// Colours a pixel; outside the canvas nothing happens.
    pub(super) fn put(&mut self, x: i32, y: i32, color: Rgb888) {
        if let Some(at) = self.offset(x, y) {
            self.rgb[at..at + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
        }
    }

    /// Fills a box.
    pub(super) fn fill(&mut self, frame: Frame, color: Rgb888) {
        let style = PrimitiveStyle::with_fill(color);
        let Ok(()) = rectangle(frame).into_styled(style).draw(self);
    }

    /// Draws a border of one pixel around a box.
    pub(super) fn border(&mut self, frame: Frame, color: Rgb888) {
        let around =
            Frame { left: frame.left - 1, top: frame.top - 1, width: frame.width + 2, height: frame.height + 2 };
        let style = PrimitiveStyle::with_stroke(color, 1);
        let Ok(()) = rectangle(around).into_styled(style).draw(self);
    }

    /// Ordinary text whose top lies at `y`.
    pub(super) fn text(&mut self, text: &str, x: i32, y: i32, alignment: Alignment) {
        self.letters(text, Point::new(x, y), &FONT_9X15, alignment);
    }

    /// A title, centred at `x`, whose top lies at `y`.
    pub(super) fn title(&mut self, text: &str, x: i32, y: i32) {
        self.letters(text, Point::new(x, y), &FONT_10X20, Alignment::Center);
    }

    /// Ordinary text that reads upwards, its left edge at `x`, centred at `y`.
    pub(super) fn text_upwards(&mut self, text: &str, x: i32, y: i32) {
        let mut flat = Self::new(text_width(text), TEXT_HEIGHT);
        flat.text(text, 0, 0, Alignment::Left);
        let bottom = y + flat.width / 2;
        for across in 0..flat.width {
            for down in 0..flat.height {
                if let Some(color) = flat.at(across, down).filter(|&color| color != PAPER) {
                    self.put(x + down, bottom - across, color);
                }
            }
        }
    }

    fn letters(&mut self, text: &str, at: Point, font: &MonoFont<'_>, alignment: Alignment) {
        let layout = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let Ok(_) = Text::with_text_style(text, at, MonoTextStyle::new(font, INK), layout).draw(self);
    }

    /// Draws lines through each list of `points`, smooth at the edges, inside `clip`. A list of one point is a dot.
    pub(super) fn strokes(&mut self, lists: &[Vec<(f64, f64)>], clip: Frame, width: f64, color: Rgb888) {
        let mut ink = Ink::new(clip);
        for points in lists {
            if let [point] = points.as_slice() {
                ink.segment(*point, *point, 1.5 * width);
            }
            for ends in points.windows(2) {
                ink.segment(ends[0], ends[1], width / 2.0);
            }
        }
        let mut cover = ink.cover.iter();
        for y in clip.top..clip.bottom() {
            for x in clip.left..clip.right() {
                let share = f64::from(*cover.next().unwrap_or(&0)) / 255.0;
                if let Some(under) = self.at(x, y).filter(|_| share > 0.0) {
                    self.put(x, y, mix(under, color, share));
                }
            }
        }
    }

    /// The PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width.unsigned_abs(), self.height.unsigned_abs());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(file)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width.unsigned_abs(), self.height.unsigned_abs())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            self.put(at.x, at.y, color);
        }
        Ok(())
    }
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

fn rectangle(frame: Frame) -> Rectangle {
    let size = Size::new(frame.width.max(0).unsigned_abs(), frame.height.max(0).unsigned_abs());
    Rectangle::new(Point::new(frame.left, frame.top), size)
}

fn mix(under: Rgb888, over: Rgb888, share: f64) -> Rgb888 {
    let channel = |a: u8, b: u8| level(f64::from(a) + (f64::from(b) - f64::from(a)) * share);
    Rgb888::new(channel(under.r(), over.r()), channel(under.g(), over.g()), channel(under.b(), over.b()))
}

/// How much of each pixel of a box is covered, of 255; where strokes cross, the larger share counts.
struct Ink {
    clip: Frame,
    cover: Vec<u8>,
}

impl Ink {
    fn new(clip: Frame) -> Self {
        let pixels = usize::try_from(clip.width).unwrap_or(0) * usize::try_from(clip.height).unwrap_or(0);
        Self { clip, cover: vec![0; pixels] }
    }

    /// Covers all pixels within `radius` of the line from `a` to `b`.
    fn segment(&mut self, a: (f64, f64), b: (f64, f64), radius: f64) {
        let clip = self.clip;
        let reach = radius + 1.0;
        let columns = span(a.0, b.0, reach, clip.left, clip.right());
        let rows = span(a.1, b.1, reach, clip.top, clip.bottom());
        for y in rows {
            for x in columns.clone() {
                let far = distance((f64::from(x) + 0.5, f64::from(y) + 0.5), a, b);
                let share = level((radius + 0.5 - far).clamp(0.0, 1.0) * 255.0);
                let at = usize::try_from((y - clip.top) * clip.width + x - clip.left).unwrap_or(usize::MAX);
                if let Some(cover) = self.cover.get_mut(at) {
                    *cover = share.max(*cover);
                }
            }
        }
    }
}

/// The pixels from `a` to `b` and `reach` beyond, within `low..high`.
fn span(a: f64, b: f64, reach: f64, low: i32, high: i32) -> std::ops::Range<i32> {
    let (first, last) = (pixel(a.min(b) - reach), pixel(a.max(b) + reach));
    first.clamp(low, high)..last.saturating_add(1).clamp(low, high)
}

/// The distance of `p` from the line that ends in `a` and `b`.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (along, across) = (b.0 - a.0, b.1 - a.1);
    let length = along * along + across * across;
    let dot = (p.0 - a.0) * along + (p.1 - a.1) * across;
    let share = if length > 0.0 { (dot / length).clamp(0.0, 1.0) } else { 0.0 };
    (p.0 - a.0 - share * along).hypot(p.1 - a.1 - share * across)
}
