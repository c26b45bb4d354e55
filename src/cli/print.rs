//! Arrays as text, character for character what NumPy 2.4 prints for `str(array)`.
//!
//! An array of more than [`THRESHOLD`] elements is shortened to the first and last [`EDGE_ITEMS`] positions along each
//! longer axis. Of a large array nothing else is needed: [`edges`] names the positions, the caller reads them into one
//! small block, and [`summarised`] prints it. [`array()`] does both steps for a block in memory.
//!
//! `print/float.rs` holds the rules for floating-point numbers, `print/words.rs` turns elements into words of one
//! width, and this file lays the words out between brackets.

use crate::device::block::{Block, Buffer};
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::shape;
use std::ops::Range;

mod float;
mod words;

#[cfg(test)]
mod tests;

/// Arrays of more elements than this are shortened.
pub const THRESHOLD: usize = 1000;

/// How many positions are shown at each end of an axis that is shortened.
pub const EDGE_ITEMS: usize = 3;

/// Characters to a line.
const LINE_WIDTH: usize = 75;

/// The text of a block in memory, shortened when it is large.
///
/// ```
/// use hyperslab::cli::print;
/// use hyperslab::device::block::Block;
/// let block = Block::from_vec(vec![1.0, 2.5, -3.0, f64::NAN], &[2, 2]).unwrap();
/// assert_eq!(print::array(&block).unwrap(), "[[ 1.   2.5]\n [-3.   nan]]");
/// ```
///
/// # Errors
/// None that data can cause; the block's own invariants are checked on the way.
pub fn array(block: &Block) -> Result<String> {
    times(block, None)
}

/// As [`array()`], of integers that are dates or lengths of time where `time` says so.
///
/// # Errors
/// As [`array()`].
pub fn times(block: &Block, time: Option<TimeType>) -> Result<String> {
    let kept = edges(block.shape());
    let whole = kept.iter().all(|axis| axis.len() == 1);
    if whole { summarised(block.shape(), block, time) } else { summarised(block.shape(), &gather(block, &kept)?, time) }
}

/// The positions along each axis that the text of an array of this `shape` shows: one range, or two when the middle of
/// the axis is left out.
///
/// ```
/// use hyperslab::cli::print::edges;
/// assert_eq!(edges(&[5, 100]), [vec![0..5], vec![0..100]]);
/// assert_eq!(edges(&[5, 1000]), [vec![0..5], vec![0..3, 997..1000]]);
/// ```
#[must_use]
pub fn edges(shape: &[usize]) -> Vec<Vec<Range<usize>>> {
    let shorten = shape::checked_size(shape).is_none_or(|size| size > THRESHOLD);
    let axis = |&n: &usize| {
        if shorten && n > 2 * EDGE_ITEMS {
            vec![0..EDGE_ITEMS, n - EDGE_ITEMS..n]
        } else {
            std::iter::once(0..n).collect()
        }
    };
    shape.iter().map(axis).collect()
}

/// The text of an array of this `shape`, of which `kept` holds the positions that [`edges`] names, joined along each
/// axis; integers are dates or lengths of time where `time` says so.
///
/// ```
/// use hyperslab::cli::print::summarised;
/// use hyperslab::device::block::Block;
/// let ends = Block::from_vec(vec![0i64, 1, 2, 1_000_000_000_000, 4, 5], &[6]).unwrap();
/// let text = summarised(&[1 << 40], &ends, None).unwrap();
/// assert!(text.starts_with("[            0             1             2 ... 1000000000000"));
/// ```
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when `kept` has another shape than the named positions.
pub fn summarised(shape: &[usize], kept: &Block, time: Option<TimeType>) -> Result<String> {
    let want: Vec<usize> = edges(shape).iter().map(|axis| axis.iter().map(Range::len).sum()).collect();
    if want != kept.shape() {
        let (have, want, shape) = (shape::tuple(kept.shape()), shape::tuple(&want), shape::tuple(shape));
        return Err(Error::shape("print", format!("the edges of {shape} have shape {want}, not {have}")));
    }
    if shape.is_empty() {
        return Ok(words::scalar(kept, time));
    }
    if shape.contains(&0) {
        return Ok("[]".to_owned());
    }
    let words = words::words(kept, time);
    let strides = shape::strides(kept.shape());
    let gaps = shape.iter().zip(kept.shape()).map(|(full, kept)| full != kept).collect();
    let layout = Layout { words: &words, shape: kept.shape(), strides: &strides, gaps };
    Ok(layout.nested(0, 0, LINE_WIDTH))
}

/// The elements of `block` at the positions `kept`, joined along each axis.
fn gather(block: &Block, kept: &[Vec<Range<usize>>]) -> Result<Block> {
    let mut runs: Vec<Range<usize>> = std::iter::once(0..1).collect();
    for (axis, &n) in kept.iter().zip(block.shape()) {
        let inside = |run: &Range<usize>| {
            let run = run.clone();
            run.flat_map(move |row| axis.iter().map(move |part| row * n + part.start..row * n + part.end))
        };
        runs = runs.iter().flat_map(inside).collect();
    }
    let (size, bytes) = (block.dtype().size(), block.bytes());
    let mut out = Vec::new();
    for run in runs {
        out.extend_from_slice(bytes.get(run.start * size..run.end * size).unwrap_or_default());
    }
    let shape: Vec<usize> = kept.iter().map(|axis| axis.iter().map(Range::len).sum()).collect();
    let mut buffer = Buffer::zeroed(out.len());
    buffer.bytes_mut().copy_from_slice(&out);
    Block::new(block.dtype(), &shape, buffer)
}

/// Words in C order, to be set between brackets.
struct Layout<'a> {
    words: &'a [String],
    shape: &'a [usize],
    strides: &'a [usize],
    /// Whether the middle of the axis is left out.
    gaps: Vec<bool>,
}

impl Layout<'_> {
    /// Whether `...` comes before item `k` of `axis`.
    fn gap_before(&self, axis: usize, k: usize) -> bool {
        k == EDGE_ITEMS && self.gaps[axis]
    }

    /// The part of the array from word `first` on, over the axes from `axis` on. Later lines are indented below the
    /// opening bracket; `width` is what this part may fill of a line.
    fn nested(&self, axis: usize, first: usize, width: usize) -> String {
        if axis + 1 == self.shape.len() {
            return self.row(axis, first, width);
        }
        let indent = " ".repeat(axis + 1);
        let between = "\n".repeat(self.shape.len() - axis - 1);
        let mut out = String::from("[");
        for k in 0..self.shape[axis] {
            if k > 0 {
                out += &between;
                out += &indent;
            }
            if self.gap_before(axis, k) {
                out += "...";
                out += &between;
                out += &indent;
            }
            out += &self.nested(axis + 1, first + k * self.strides[axis], width.saturating_sub(1));
        }
        out + "]"
    }

    /// The words of the last axis, broken into lines; the last column is left to the bracket.
    fn row(&self, axis: usize, first: usize, width: usize) -> String {
        let width = width.saturating_sub(1);
        let indent = " ".repeat(axis + 1);
        let (mut out, mut line) = (String::new(), indent.clone());
        let mut put = |word: &str, last: bool| {
            if line.len() + word.len() > width && line.len() > indent.len() {
                out += line.trim_end();
                out.push('\n');
                line.clone_from(&indent);
            }
            line += word;
            if !last {
                line.push(' ');
            }
        };
        let n = self.shape[axis];
        for (k, word) in self.words[first..first + n].iter().enumerate() {
            if self.gap_before(axis, k) {
                put("...", false);
            }
            put(word, k + 1 == n);
        }
        out += &line;
        format!("[{}]", &out[indent.len()..])
    }
}
