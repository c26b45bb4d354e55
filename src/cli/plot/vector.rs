//! An SVG to draw on: text stays text, cells are a small picture inside.

use super::canvas::{Canvas, Cells, Frame, TEXT_HEIGHT, TITLE_HEIGHT};
use super::color::{INK, PAPER};
use super::pixels::png;
use crate::drawing::escaped;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::Alignment;
use std::fmt::Write;

/// Sizes of ordinary text and of titles.
const TEXT: i32 = 14;
const TITLE: i32 = 17;

/// The elements of an SVG.
pub(super) struct Vector {
    width: i32,
    height: i32,
    elements: String,
    /// Boxes outside of which lines are not drawn.
    clips: usize,
    /// What kept cells from becoming a picture.
    fault: Option<String>,
}

impl Vector {
    fn letters(&mut self, text: &str, (x, y): (i32, i32), size: i32, anchor: &str, more: &str) {
        if !text.is_empty() {
            let (text, ink) = (escaped(text), hex(INK));
            let _ = writeln!(
                self.elements,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{ink}\"{more}>{text}</text>"
            );
        }
    }
}

impl Canvas for Vector {
    fn new(width: i32, height: i32) -> Self {
        Self { width: width.max(1), height: height.max(1), elements: String::new(), clips: 0, fault: None }
    }

    fn width(&self) -> i32 {
        self.width
    }

    fn fill(&mut self, Frame { left, top, width, height }: Frame, color: Rgb888) {
        let fill = hex(color);
        let _ = writeln!(
            self.elements,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>"
        );
    }

    fn border(&mut self, frame: Frame, color: Rgb888) {
        let Frame { left, top, width, height } = frame.around();
        let (x, y) = (f64::from(left) + 0.5, f64::from(top) + 0.5);
        let (width, height, stroke) = (width - 1, height - 1, hex(color));
        let _ = writeln!(
            self.elements,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"{stroke}\"/>"
        );
    }

    fn cells(&mut self, Frame { left, top, width, height }: Frame, cells: Cells<'_>) {
        let rgb: Vec<u8> = cells.colors.iter().flat_map(|c| [c.r(), c.g(), c.b()]).collect();
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match png(&rgb, size(cells.columns), size(cells.rows())) {
            Ok(file) => {
                let data = base64(&file);
                let _ = writeln!(
                    self.elements,
                    "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
                     preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
                     href=\"data:image/png;base64,{data}\"/>"
                );
            }
            Err(e) => self.fault = Some(e.to_string()),
        }
    }

    fn text(&mut self, text: &str, x: i32, y: i32, alignment: Alignment) {
        let anchor = match alignment {
            Alignment::Left => "start",
            Alignment::Center => "middle",
            Alignment::Right => "end",
        };
        self.letters(text, (x, y + TEXT_HEIGHT - 3), TEXT, anchor, "");
    }

    fn title(&mut self, text: &str, x: i32, y: i32) {
        self.letters(text, (x, y + TITLE_HEIGHT - 4), TITLE, "middle", "");
    }

    fn text_upwards(&mut self, text: &str, x: i32, y: i32) {
        let x = x + TEXT_HEIGHT - 3;
        self.letters(text, (x, y), TEXT, "middle", &format!(" transform=\"rotate(-90 {x} {y})\""));
    }

    fn strokes(&mut self, lists: &[Vec<(f64, f64)>], clip: Frame, width: f64, color: Rgb888) {
        let (Frame { left, top, width: w, height: h }, number, color) = (clip, self.clips, hex(color));
        self.clips += 1;
        let _ = writeln!(
            self.elements,
            "<clipPath id=\"clip{number}\"><rect x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\"/></clipPath>\n\
             <g clip-path=\"url(#clip{number})\">"
        );
        for points in lists {
            if let [(x, y)] = points.as_slice() {
                let radius = 1.5 * width;
                let _ =
                    writeln!(self.elements, "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" fill=\"{color}\"/>");
                continue;
            }
            let mut path = String::new();
            for (k, (x, y)) in points.iter().enumerate() {
                let _ = write!(path, "{}{x:.2} {y:.2}", if k == 0 { 'M' } else { 'L' });
            }
            let _ = writeln!(
                self.elements,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linejoin=\"round\" \
                 stroke-linecap=\"round\"/>"
            );
        }
        self.elements.push_str("</g>\n");
    }

    fn file(&self) -> Result<Vec<u8>, png::EncodingError> {
        if let Some(fault) = &self.fault {
            return Err(png::EncodingError::IoError(std::io::Error::other(fault.clone())));
        }
        let Self { width, height, elements, .. } = self;
        let paper = hex(PAPER);
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>\n{elements}</svg>\n"
        )
        .into_bytes())
    }
}

fn hex(color: Rgb888) -> String {
    format!("#{:02x}{:02x}{:02x}", color.r(), color.g(), color.b())
}

/// Bytes as text, as in RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0u32, |all, &b| all << 8 | u32::from(b)) << (8 * (3 - three.len()));
        for k in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * k) & 63) as usize];
            out.push(if k <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_text() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
