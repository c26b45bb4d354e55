//! TIFF, `BigTIFF` and OME-TIFF: stacks of pages, read by strips and tiles.
//!
//! `tiff/directory.rs` parses directories, which `foresight.rs` has come before they are asked for, `page.rs` what they
//! say of a page, `codec.rs` unpacks strips and tiles, `axes.rs` finds what the pages of a stack stand for. Pages of
//! one shape and type are one array; other sizes, as the levels of a pyramid, are arrays of their own. Every read has a
//! decoder of its own, on the thread that calls.

use super::extent::{Extent, fetch_chunks};
use super::input::Input;
use super::raw;
use super::remote::ahead::Ahead;
use super::{Attributes, Format, Info, Layout, Node, NodeKind, Sink, Store};
use crate::chunk::grid::AxisChunks;
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region, auto};
use crate::cpu::copy::{copy_box, swap_bytes};
use crate::error::{Error, Result};
use crate::shape;
use codec::{Compression, Predictor, Rows};
use directory::{Directory, Reader};
use page::{Form, Page, Refusal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod foresight;
mod directory;
mod codec;
mod page;
mod axes;
#[cfg(test)]
mod tests;

/// TIFF files, which are read.
///
/// A file whose pages are all alike is one array. Where they are not, the arrays are called `0`, `1`, ... in the order
/// in which they come, and the file stands for the first.
#[derive(Debug)]
pub struct Tiff;

impl Format for Tiff {
    fn name(&self) -> &'static str {
        "tiff"
    }

    fn recognises(&self, path: &Path) -> bool {
        let magic = Input::find(path).ok().flatten().and_then(|file| file.magic());
        magic.is_some_and(|magic| [*b"II*\0", *b"MM\0*", *b"II+\0", *b"MM\0+"].contains(&magic))
    }

    fn creates(&self, _path: &Path) -> bool {
        false
    }

    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>> {
        let inner = inner.trim_matches('/');
        let file = Input::open(path)?;
        let stacks = stacks(&file)?;
        let number = if inner.is_empty() { Some(0) } else { inner.parse().ok().filter(|_| stacks.len() > 1) };
        let stack = number.and_then(|n: usize| stacks.into_iter().nth(n));
        let stack = stack.ok_or_else(|| Error::store(path.join(inner), "no such array in this file"))?;
        Ok(Arc::new(opened(stack, &file, inner)?))
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        let inner = inner.trim_matches('/');
        let file = Input::open(path)?;
        let stacks = stacks(&file)?;
        let (alone, mut nodes) = (stacks.len() == 1, Vec::new());
        if !alone && inner.is_empty() {
            nodes.push(Node { path: String::new(), kind: NodeKind::Group(Attributes::new()) });
        }
        for (number, stack) in stacks.into_iter().enumerate() {
            let name = if alone { String::new() } else { number.to_string() };
            if inner.is_empty() || inner == name {
                let kind = match opened(stack, &file, &name) {
                    Ok(array) => NodeKind::Array(Box::new(array.info)),
                    Err(error) => NodeKind::Other(error.to_string()),
                };
                nodes.push(Node { path: name, kind });
            }
        }
        if nodes.is_empty() { Err(Error::store(path.join(inner), "no such array in this file")) } else { Ok(nodes) }
    }

    fn create(&self, path: &Path, _inner: &str, _layout: &Layout) -> Result<Box<dyn Sink>> {
        Err(Error::unsupported(format!("{}: TIFF files are read, not written", path.display())))
    }
}

/// A stack as an array, or why it is none.
fn opened(stack: std::result::Result<Stack, String>, file: &Arc<Input>, inner: &str) -> Result<TiffArray> {
    match stack {
        Ok(stack) => stack.open(file, inner),
        Err(why) => Err(Error::unsupported(format!("{}: {why}", shown(file.path(), inner).display()))),
    }
}

fn shown(path: &Path, inner: &str) -> PathBuf {
    if inner.is_empty() { path.to_path_buf() } else { path.join(inner) }
}

/// Pages that are one array.
#[derive(Debug)]
struct Stack {
    form: Form,
    pages: Vec<Vec<(u64, u64)>>,
    description: Option<String>,
    /// The first description of the file.
    about: Option<Arc<str>>,
    swapped: bool,
    /// Bytes of the file.
    length: u64,
    /// Whether these are the first pages of the file.
    is_first: bool,
}

/// The arrays of a file, and why other pages are none.
fn stacks(file: &Input) -> Result<Vec<std::result::Result<Stack, String>>> {
    let (length, fail) = (file.length(), |why: String| Error::store(file.path(), why));
    let (mut reader, first) = Reader::open(file).map_err(fail)?;
    let swapped = reader.big_endian == cfg!(target_endian = "little");
    let mut stacks: Vec<std::result::Result<Stack, String>> = Vec::new();
    let mut about: Option<Arc<str>> = None;
    let take = |reader: &mut Reader<'_>, directory: &Directory| {
        let page = match Page::read(reader, directory) {
            Ok(page) => page,
            Err(Refusal::Damaged(why)) => return Err(why),
            Err(Refusal::Unsupported(why)) => {
                if !stacks.iter().any(|s| s.as_ref().is_err_and(|other| *other == why)) {
                    stacks.push(Err(why));
                }
                return Ok(());
            }
        };
        if about.is_none() {
            about = page.description.as_deref().map(Arc::from);
        }
        match stacks.iter_mut().flatten().find(|s| s.form == page.form) {
            Some(stack) => stack.pages.push(page.places),
            None => stacks.push(Ok(Stack {
                form: page.form,
                pages: vec![page.places],
                description: page.description,
                about: about.clone(),
                swapped,
                length,
                is_first: stacks.is_empty(),
            })),
        }
        Ok(())
    };
    reader.each(first, take).map_err(fail)?;
    if let [Ok(stack)] = stacks.as_mut_slice() {
        stack.unroll();
    }
    if stacks.is_empty() { Err(fail("holds no page".to_owned())) } else { Ok(stacks) }
}

impl Stack {
    /// Gives pages that lie behind the only one that has a directory places of their own.
    fn unroll(&mut self) {
        let count = self.about.as_deref().and_then(|about| axes::images(about, &self.form)).unwrap_or(1) as u64;
        let [first] = self.pages.as_slice() else { return };
        let size = (shape::size(&self.form.shape) as u64).saturating_mul(self.form.dtype.size() as u64);
        let together = first.windows(2).all(|w| w[0].0.checked_add(w[0].1) == Some(w[1].0));
        let whole = together && first.iter().map(|p| p.1).fold(0, u64::saturating_add) == size;
        let end = first.first().and_then(|p| count.checked_mul(size)?.checked_add(p.0));
        if self.form.is_plain() && whole && end.is_some_and(|end| end <= self.length) {
            let page = |i: u64| first.iter().map(|&(at, bytes)| (at + i * size, bytes)).collect();
            self.pages = (0..count).map(page).collect();
        }
    }

    fn open(self, file: &Arc<Input>, inner: &str) -> Result<TiffArray> {
        let shown = shown(file.path(), inner);
        let meaning = axes::of(&self.form, self.pages.len(), self.about.as_deref(), self.is_first);
        let mut pages = self.pages;
        if let Some(order) = &meaning.order {
            pages = order.iter().filter_map(|&p| pages.get(p).cloned()).collect();
        }
        let lengths: Vec<usize> = meaning.outer.iter().chain(&self.form.shape).copied().collect();
        let total = shape::checked_size(&lengths).and_then(|n| n.checked_mul(self.form.dtype.size()));
        if total.is_none() {
            return Err(Error::store(&shown, format!("shape {} is too large", shape::tuple(&lengths))));
        }
        let mut attributes = meaning.attributes;
        if let Some(text) = self.description.filter(|t| !t.is_empty() && !t.starts_with('<') && !t.starts_with('{')) {
            attributes.insert("description".to_owned(), text.into());
        }
        let chunks = chunks(&self.form, &meaning.outer);
        let info = Info {
            codecs: self.form.describe(self.swapped),
            names: meaning.names,
            attributes,
            stored: Some(pages.iter().flatten().map(|p| p.1).fold(0, u64::saturating_add)),
            ..Info::new(shown.display().to_string(), "tiff", self.form.dtype, chunks)
        };
        check(&self.form, &pages, self.length).map_err(|why| Error::store(&shown, why))?;
        let (form, swapped, outer, file) = (self.form, self.swapped, meaning.outer, Arc::clone(file));
        Ok(TiffArray { info, file, shown, form, pages, swapped, outer })
    }
}

/// Strips or tiles, page by page; of pages that lie in one piece, as much as is well read at once.
fn chunks(form: &Form, outer: &[usize]) -> Chunks {
    let mut cuts: Vec<AxisChunks> = outer.iter().map(|&n| AxisChunks::regular(n, 1)).collect();
    if form.is_plain() && form.tile == form.shape {
        cuts.extend(auto::auto(&form.shape, form.dtype.size()).axes().iter().cloned());
    } else {
        cuts.extend(form.shape.iter().zip(&form.tile).map(|(&n, &t)| AxisChunks::regular(n, t.min(n).max(1))));
    }
    Chunks::new(cuts)
}

/// Whether strips and tiles are in the file, and those that are not packed are whole.
fn check(form: &Form, pages: &[Vec<(u64, u64)>], length: u64) -> std::result::Result<(), String> {
    let row = usize::from(form.planar);
    let counts = form.counts();
    for (number, places) in pages.iter().enumerate() {
        for (i, &(at, bytes)) in places.iter().enumerate() {
            if bytes > 0 && at.checked_add(bytes).is_none_or(|end| end > length) {
                return Err(format!("is cut short: strip or tile {i} of page {number} does not fit in {length} bytes"));
            }
            if form.compression != Compression::None || bytes == 0 {
                continue;
            }
            let down = i / counts[row + 1..].iter().product::<usize>().max(1) % counts[row].max(1);
            let rows = if form.is_tiled {
                form.tile[row]
            } else {
                form.tile[row].min(form.shape[row] - down * form.tile[row])
            };
            let wanted = (rows as u64).saturating_mul(form.row_bytes() as u64);
            if bytes < wanted {
                return Err(format!("has {bytes} of {wanted} bytes of strip or tile {i} of page {number}"));
            }
        }
    }
    Ok(())
}

impl Form {
    /// Whether elements lie in the file as they are.
    fn is_plain(&self) -> bool {
        self.compression == Compression::None && self.predictor == Predictor::None && !self.bits
    }
}

/// Pages as an array.
#[derive(Debug)]
struct TiffArray {
    info: Info,
    file: Arc<Input>,
    /// The path through the file.
    shown: PathBuf,
    form: Form,
    pages: Vec<Vec<(u64, u64)>>,
    swapped: bool,
    /// The axes that count pages.
    outer: Vec<usize>,
}

/// A strip or tile that a region touches.
struct Touched {
    page: usize,
    tile: usize,
    /// Where its first element is, in the page.
    start: Vec<usize>,
    /// What is wanted of it, in the page.
    wanted: Region,
    /// Where that goes, in the region.
    to: Vec<usize>,
}

impl Touched {
    /// What is wanted of it, from where it begins.
    fn inside(&self) -> Region {
        let start = self.wanted.start.iter().zip(&self.start).map(|(w, s)| w - s).collect();
        Region::new(start, self.wanted.shape.clone())
    }
}

impl TiffArray {
    /// Every strip or tile that a region touches.
    fn touched(&self, region: &Region) -> impl Iterator<Item = Touched> {
        let depth = self.outer.len();
        let (steps, counts) = (shape::strides(&self.outer), shape::strides(&self.form.counts()));
        let (first, inner) = (region.start[depth..].to_vec(), region.shape[depth..].to_vec());
        let tile = self.form.tile.clone();
        let spans: Vec<(usize, usize)> = (0..tile.len())
            .map(|a| (first[a] / tile[a], (first[a] + inner[a]).div_ceil(tile[a]).max(first[a] / tile[a])))
            .collect();
        let lengths: Vec<usize> =
            region.shape[..depth].iter().copied().chain(spans.iter().map(|s| s.1 - s.0)).collect();
        let outer_start = region.start[..depth].to_vec();
        Indices::new(&lengths).map(move |index| {
            let page = (0..depth).map(|a| (outer_start[a] + index[a]) * steps[a]).sum();
            let place: Vec<usize> = index[depth..].iter().zip(&spans).map(|(i, s)| i + s.0).collect();
            let start: Vec<usize> = place.iter().zip(&tile).map(|(p, t)| p * t).collect();
            let low: Vec<usize> = start.iter().zip(&first).map(|(s, f)| *s.max(f)).collect();
            let high = (0..tile.len()).map(|a| (start[a] + tile[a]).min(first[a] + inner[a]));
            let size = high.zip(&low).map(|(h, l)| h - l).collect();
            let to = index[..depth].iter().copied().chain(low.iter().zip(&first).map(|(l, f)| l - f)).collect();
            let tile = place.iter().zip(&counts).map(|(p, c)| p * c).sum();
            Touched { page, tile, start, wanted: Region::new(low, size), to }
        })
    }

    fn place(&self, touched: &Touched) -> Result<(u64, u64)> {
        let place = self.pages.get(touched.page).and_then(|p| p.get(touched.tile)).copied();
        place.ok_or_else(|| Error::bug(format!("{} has no page {}", self.info.path, touched.page)))
    }

    /// The ranges of the file that a strip or tile is read by.
    fn ranges(&self, touched: &Touched) -> Vec<(u64, u64)> {
        let Ok((at, count)) = self.place(touched) else { return Vec::new() };
        if count == 0 {
            Vec::new()
        } else if self.form.is_plain() {
            self.extent(at).ranges(&touched.inside())
        } else {
            vec![(at, at.saturating_add(count.min(self.most_packed() as u64)))]
        }
    }

    /// A strip or tile as it lies in the file, where it is not packed.
    fn extent(&self, offset: u64) -> Extent<'_> {
        let (shape, itemsize) = (self.form.tile.as_slice(), self.form.dtype.size());
        Extent { file: &self.file, path: &self.shown, offset, shape, itemsize }
    }

    /// The most bytes of a strip or tile: nothing is packed to more than twice its size.
    fn most_packed(&self) -> usize {
        2 * self.form.tile[usize::from(self.form.planar)] * self.form.row_bytes() + (64 << 10)
    }

    /// The elements of a strip or tile that are wanted.
    fn part(&self, touched: &Touched) -> Result<Vec<u8>> {
        let (form, itemsize) = (&self.form, self.form.dtype.size());
        let (at, count) = self.place(touched)?;
        let mut part = vec![0; touched.wanted.size() * itemsize];
        let inside = touched.inside();
        if count == 0 {
            // Nothing was written there.
            return Ok(part);
        }
        if form.is_plain() {
            self.extent(at).read(&inside, &mut part)?;
            if self.swapped {
                swap_bytes(&mut part, form.dtype.real().size());
            }
            return Ok(part);
        }
        let whole = self.decode(touched, at, count)?;
        let zero = vec![0; inside.rank()];
        let lengths = &touched.wanted.shape;
        copy_box(&whole, &form.tile, &inside.start, &mut part, lengths, &zero, lengths, itemsize);
        Ok(part)
    }

    /// All elements of a strip or tile.
    fn decode(&self, touched: &Touched, at: u64, count: u64) -> Result<Vec<u8>> {
        let form = &self.form;
        let fail = |why: String| {
            let what = if form.is_tiled { "tile" } else { "strip" };
            Error::store(&self.shown, format!("{what} {} of page {}: {why}", touched.tile, touched.page))
        };
        let axis = usize::from(form.planar);
        let row_bytes = form.row_bytes();
        let mut out = vec![0; form.tile[axis] * row_bytes];
        // A count beyond that is not believed.
        let most = self.most_packed();
        let mut packed = vec![0; usize::try_from(count).map_or(most, |count| count.min(most))];
        self.file.read_at(at, &mut packed).map_err(|e| e.at(&self.info.path))?;
        let found = form.compression.decode(&packed, &mut out).map_err(&fail)?;
        // The last strip may end where the page does.
        let rows = form.tile[axis].min(form.shape[axis] - touched.start[axis]);
        let wanted = if form.is_tiled { out.len() } else { rows * row_bytes };
        if found < wanted {
            return Err(fail(format!("unpacks to {found} of {wanted} bytes")));
        }
        if form.bits {
            let numbers = form.tile[axis + 1] * form.samples();
            return Ok(codec::unpack_bits(&out, numbers, form.low_first));
        }
        let rows =
            Rows { bytes: row_bytes, samples: form.samples(), width: form.dtype.real().size(), swapped: self.swapped };
        rows.restore(form.predictor, &mut out);
        Ok(out)
    }
}

impl Store for TiffArray {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        raw::check_request(&self.info, region, out.len())?;
        if region.size() == 0 {
            return Ok(());
        }
        let depth = self.outer.len();
        let mut coming = self.file.coming(|| self.touched(region).flat_map(|touched| self.ranges(&touched)).collect());
        for touched in self.touched(region) {
            if self.is_remote() {
                self.ranges(&touched).iter().for_each(|_| coming.next());
            }
            let part = self.part(&touched)?;
            let lengths: Vec<usize> = vec![1; depth].into_iter().chain(touched.wanted.shape.iter().copied()).collect();
            let zero = vec![0; lengths.len()];
            copy_box(&part, &lengths, &zero, out, &region.shape, &touched.to, &lengths, self.form.dtype.size());
        }
        Ok(())
    }

    fn is_remote(&self) -> bool {
        self.file.is_remote()
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        fetch_chunks(&self.file, &self.info.chunks, region, ahead, |chunk| {
            self.touched(chunk).flat_map(|touched| self.ranges(&touched)).collect()
        })
    }

    fn prefetch(&self, region: &Region) {
        for (at, count) in self.touched(region).take(256).filter_map(|t| self.place(&t).ok()) {
            self.file.prefetch(at, count);
        }
    }

    fn random_access(&self) -> bool {
        self.form.is_plain() && !self.is_remote()
    }

    fn stamp(&self) -> Option<String> {
        self.file.stamp()
    }
}
