//! Pixels to draw on: rectangles, text, smooth lines, and the PNG encoding.

use super::canvas::{Canvas, Cells, Frame, TEXT_HEIGHT, text_width};
use super::color::{INK, PAPER, level};
use super::scale::{pixel, pixels};
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_9X15, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{Primitive, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use embedded_graphics::{Drawable, Pixel};
use std::convert::Infallible;

/// Pixels in RGB, row by row.
pub(super) struct Pixels {
    width: i32,
    height: i32,
    rgb: Vec<u8>,
}

impl Pixels {
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
    fn put(&mut self, x: i32, y: i32, color: Rgb888) {
        if let Some(at) = self.offset(x, y) {
            self.rgb[at..at + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
        }
    }

    fn letters(&mut self, text: &str, at: Point, font: &MonoFont<'_>, alignment: Alignment) {
        let layout = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let Ok(_) = Text::with_text_style(text, at, MonoTextStyle::new(font, INK), layout).draw(self);
    }
}

impl Canvas for Pixels {
    fn new(width: i32, height: i32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixels = usize::try_from(width).unwrap_or(1) * usize::try_from(height).unwrap_or(1);
        let paper = [PAPER.r(), PAPER.g(), PAPER.b()];
        Self { width, height, rgb: paper.repeat(pixels) }
    }

    fn width(&self) -> i32 {
        self.width
    }

    fn fill(&mut self, frame: Frame, color: Rgb888) {
        let style = PrimitiveStyle::with_fill(color);
        let Ok(()) = rectangle(frame).into_styled(style).draw(self);
    }

    fn border(&mut self, frame: Frame, color: Rgb888) {
        let style = PrimitiveStyle::with_stroke(color, 1);
        let Ok(()) = rectangle(frame.around()).into_styled(style).draw(self);
    }

    fn cells(&mut self, frame: Frame, cells: Cells<'_>) {
        let (width, height) = (frame.width / pixels(cells.columns.max(1)), frame.height / pixels(cells.rows().max(1)));
        for (row, colors) in cells.colors.chunks(cells.columns.max(1)).enumerate() {
            for (column, &color) in colors.iter().enumerate() {
                let (top, left) = (frame.top + pixels(row) * height, frame.left + pixels(column) * width);
                self.fill(Frame { left, top, width, height }, color);
            }
        }
    }

    fn text(&mut self, text: &str, x: i32, y: i32, alignment: Alignment) {
        self.letters(text, Point::new(x, y), &FONT_9X15, alignment);
    }

    fn title(&mut self, text: &str, x: i32, y: i32) {
        self.letters(text, Point::new(x, y), &FONT_10X20, Alignment::Center);
    }

    fn text_upwards(&mut self, text: &str, x: i32, y: i32) {
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

    fn strokes(&mut self, lists: &[Vec<(f64, f64)>], clip: Frame, width: f64, color: Rgb888) {
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

    fn file(&self) -> Result<Vec<u8>, png::EncodingError> {
        png(&self.rgb, self.width.unsigned_abs(), self.height.unsigned_abs())
    }
}

/// A PNG file of RGB pixels.
pub(super) fn png(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(file)
}

impl OriginDimensions for Pixels {
    fn size(&self) -> Size {
        Size::new(self.width.unsigned_abs(), self.height.unsigned_abs())
    }
}

impl DrawTarget for Pixels {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            self.put(at.x, at.y, color);
        }
        Ok(())
    }
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
