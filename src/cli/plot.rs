//! Arrays as pictures: an image with its colour bar, a line with its axes, a histogram; as PNG or SVG, by the name of
//! the file.
//!
//! [`save`] draws a block of one or two axes. A large one is reduced to the pixels there are: images by averaging whole
//! boxes of elements, lines by the smallest and largest value of each pixel column. Elements that are not finite are
//! grey in an image (infinities take the end colours) and gaps in a line.
//!
//! `plot/canvas.rs` is what is drawn on, `plot/pixels.rs` and `plot/vector.rs` the two that there are, `plot/scale.rs`
//! the limits, ticks and numbers, `plot/dates.rs` ticks at dates, `plot/axes.rs` draws the axes, `plot/image.rs`,
//! `plot/line.rs` and `plot/bars.rs` the kinds of picture, `plot/color.rs` the colours.

use crate::device::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::calendar::Clock;
use crate::shape;
use canvas::Canvas;
use half::{bf16, f16};
use std::fs;
use std::path::{Path, PathBuf};

mod scale;
mod dates;
mod color;
mod canvas;
mod pixels;
mod vector;
mod axes;
mod image;
mod line;
mod bars;

#[cfg(test)]
mod tests;

/// What is written on a picture beside the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// Above the picture; empty for none.
    pub title: String,
    /// What the values are, such as `temperature (K)`: beside the colour bar, or along the upright axis of a line.
    pub values: String,
    /// The axes of the array, outermost first; those that are missing are labelled with indices.
    pub axes: Vec<Axis>,
}

/// What is written along one axis of the array.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axis {
    /// Its name, with units where it has them; empty for none.
    pub name: String,
    /// The coordinate of every position; empty for indices. Coordinates that neither rise nor fall throughout place
    /// nothing, so that indices are shown instead.
    pub coordinates: Vec<f64>,
    /// What times the coordinates are, where they are times: dates are written then.
    pub clock: Option<Clock>,
}

/// Draws `block` into a file at `path`, in place of what is there once the picture is complete: an SVG where the name
/// ends in `.svg`, a PNG otherwise.
///
/// ```
/// use hyperslab::cli::plot::{Labels, save};
/// use hyperslab::device::block::Block;
/// let folder = std::env::temp_dir().join(format!("hyperslab-plot-{}", std::process::id()));
/// std::fs::create_dir_all(&folder).unwrap();
/// let block = Block::from_vec((0u8..12).collect(), &[3, 4]).unwrap();
/// save(&folder.join("twelve.png"), &block, &Labels { title: "twelve".into(), ..Labels::default() }).unwrap();
/// assert!(std::fs::read(folder.join("twelve.png")).unwrap().starts_with(b"\x89PNG"));
/// let deep = save(&folder.join("deep.png"), &block.reshaped(&[3, 2, 2]).unwrap(), &Labels::default()).unwrap_err();
/// assert!(deep.to_string().contains("index it down"));
/// # std::fs::remove_dir_all(folder).unwrap();
/// ```
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an array of no axis, more than two axes or no elements, and for labels
/// that do not fit it; [`DType`](crate::ErrorKind::DType) for complex numbers;
/// [`Store`](crate::ErrorKind::Store) when the file cannot be written.
pub fn save(path: &Path, block: &Block, labels: &Labels) -> Result<()> {
    let file = if is_vector(path) {
        draw::<vector::Vector>(block, labels)?.file()
    } else {
        draw::<pixels::Pixels>(block, labels)?.file()
    };
    write(path, &file.map_err(|e| Error::store(path, e))?)
}

/// Draws a histogram as [`save`] draws: how many elements are in each of some bins, and their edges, one more.
///
/// ```
/// use hyperslab::cli::plot::{Labels, save_histogram};
/// use hyperslab::device::block::Block;
/// let path = std::env::temp_dir().join(format!("hyperslab-bars-{}.svg", std::process::id()));
/// let counts = Block::from_vec(vec![3i64, 5, 1], &[3]).unwrap();
/// let edges = Block::from_vec(vec![0.0, 0.5, 1.0, 1.5], &[4]).unwrap();
/// save_histogram(&path, &counts, &edges, &Labels::default()).unwrap();
/// assert!(std::fs::read_to_string(&path).unwrap().contains(">0.2</text>"));
/// # std::fs::remove_file(path).unwrap();
/// ```
///
/// # Errors
/// As [`save`]; [`Argument`](crate::ErrorKind::Argument) for edges that are not one more than counts, or do not rise.
pub fn save_histogram(path: &Path, counts: &Block, edges: &Block, labels: &Labels) -> Result<()> {
    let (counts, edges) = (Values::new(counts)?, Values::new(edges)?);
    let edges: Vec<f64> = edges.range(0, edges.len()).collect();
    let rise = edges.windows(2).all(|pair| pair[0] <= pair[1]) && edges.first() < edges.last();
    if counts.len() + 1 != edges.len() || !rise || edges.iter().any(|e| !e.is_finite()) {
        let why = format!("{} counts and {} edges are no histogram", counts.len(), edges.len());
        return Err(Error::argument("plot", why));
    }
    let file = if is_vector(path) {
        bars::draw::<vector::Vector>(&counts, &edges, labels).file()
    } else {
        bars::draw::<pixels::Pixels>(&counts, &edges, labels).file()
    };
    write(path, &file.map_err(|e| Error::store(path, e))?)
}

/// Whether two results are the counts and the edges of a histogram.
#[must_use]
pub fn is_histogram(shapes: [&[usize]; 2]) -> bool {
    matches!(shapes, [[counts], [edges]] if counts + 1 == *edges)
}

fn is_vector(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg"))
}

fn write(path: &Path, file: &[u8]) -> Result<()> {
    let part = beside(path);
    fs::write(&part, file).and_then(|()| fs::rename(&part, path)).map_err(|e| {
        // What is left of a failed write is of no use; that it cannot be removed either is not the news.
        let _ = fs::remove_file(&part);
        Error::store(path, e)
    })
}

/// A name in the same folder that no other process picks.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn draw<C: Canvas>(block: &Block, labels: &Labels) -> Result<C> {
    let at = shape::tuple(block.shape());
    let values = Values::new(block)?;
    match *block.shape() {
        [] => return Err(Error::argument("plot", "an array of no axes is a single number; print it instead")),
        [_] | [_, _] => {}
        _ => {
            let why = format!("shape {at} has {} axes and a picture at most 2; index it down", block.shape().len());
            return Err(Error::argument("plot", why));
        }
    }
    if block.size() == 0 {
        return Err(Error::argument("plot", format!("an array of shape {at} has nothing to draw")));
    }
    if labels.axes.len() > block.shape().len() {
        return Err(Error::argument("plot", format!("labels for {} axes and shape {at}", labels.axes.len())));
    }
    for (axis, (label, &n)) in labels.axes.iter().zip(block.shape()).enumerate() {
        let have = label.coordinates.len();
        if have != 0 && have != n {
            return Err(Error::argument("plot", format!("{have} coordinates for the {n} elements of axis {axis}")));
        }
    }
    Ok(match *block.shape() {
        [rows, columns] => image::draw(&values, (rows, columns), labels),
        _ => line::draw(&values, labels),
    })
}

/// The elements of a block as real numbers, converted one at a time.
struct Values<'a> {
    bytes: &'a [u8],
    size: usize,
    read: fn(&[u8]) -> f64,
    /// Whether all of them are whole numbers.
    whole: bool,
}

impl<'a> Values<'a> {
    fn new(block: &'a Block) -> Result<Self> {
        let dtype = block.dtype();
        let read = reader(dtype).ok_or_else(|| {
            Error::dtype("plot", format!("{dtype} has two parts; draw its abs(), real() or imag() instead"))
        })?;
        Ok(Self { bytes: block.bytes(), size: dtype.size(), read, whole: !dtype.is_inexact() })
    }

    fn len(&self) -> usize {
        self.bytes.len() / self.size
    }

    /// The elements from `first` up to `end`, in C order.
    fn range(&self, first: usize, end: usize) -> impl Iterator<Item = f64> {
        let bytes = self.bytes.get(first * self.size..end * self.size).unwrap_or_default();
        bytes.chunks_exact(self.size).map(self.read)
    }
}

/// The function that reads one element of this dtype; complex numbers have none.
fn reader(dtype: DType) -> Option<fn(&[u8]) -> f64> {
    macro_rules! read {
        ($T:ty, $convert:expr) => {
            |bytes| bytes.try_into().map_or(f64::NAN, |bytes| $convert(<$T>::from_ne_bytes(bytes)))
        };
    }
    Some(match dtype {
        DType::Bool | DType::U8 => read!(u8, f64::from),
        DType::I8 => read!(i8, f64::from),
        DType::I16 => read!(i16, f64::from),
        DType::I32 => read!(i32, f64::from),
        DType::I64 => read!(i64, |v| scale::real(i128::from(v))),
        DType::U16 => read!(u16, f64::from),
        DType::U32 => read!(u32, f64::from),
        DType::U64 => read!(u64, |v| scale::real(i128::from(v))),
        DType::F16 => read!(f16, f64::from),
        DType::BF16 => read!(bf16, f64::from),
        DType::F32 => read!(f32, f64::from),
        DType::F64 => read!(f64, |v| v),
        DType::C64 | DType::C128 => return None,
    })
}
