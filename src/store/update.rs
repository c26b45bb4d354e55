//! Changes of arrays that exist: where in an array something is written, and which pieces of it that touches.

use super::manifest::Fingerprint;
use super::{Info, Store};
use crate::chunk::{AxisChunks, Chunks, Region, auto};
use crate::cpu::copy::copy_box;
use crate::error::{Error, Result};
use crate::shape;
use crate::shape::axes::Axes;
use crate::shape::slice::{Index, Item, Resolved, range, resolve};
use std::borrow::Cow;
use std::path::Path;

/// Where in an existing array an array is written, and how.
///
/// ```
/// use hyperslab::store::Update;
/// let first_days = Update::region(ndarray::s![0..10, .., 3]);
/// let by_name = Update::along([("time", 0..10), ("lat", 5..7)]);
/// let longer = Update::append("time").packed(true);
/// assert!(first_days != by_name && longer.packed);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    place: Place,
    /// Whether elements are values, which are stored as the attributes of the array have it: `scale_factor`,
    /// `add_offset`, `_FillValue`. Otherwise they are the numbers that are stored.
    pub packed: bool,
    /// Whether coordinates along the axes have to agree, and are appended along with the array.
    pub coordinates: bool,
    /// Whether an interrupted run of the same change is gone on with, and what is done of this one stays when it fails.
    pub resume: bool,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// By an index like one that reads.
    Index(Index),
    /// By slices along some axes: their names, or their numbers as text.
    Along(Vec<(String, Item)>),
    /// Behind the last element along an axis.
    End(Axes),
}

/// An axis by a name or a number.
fn axis_of(text: &str, info: &Info) -> Result<usize> {
    let named = Axes::from(text).resolve("update", info.shape.len(), &info.names);
    let found = match (named, text.trim().parse::<isize>()) {
        (Err(_), Ok(number)) => Axes::from(number).resolve("update", info.shape.len(), &info.names),
        (named, _) => named,
    };
    let found = found.map_err(|e| e.at(format!("for {}", info.path)))?;
    found.first().copied().ok_or_else(|| Error::bug("a name names an axis"))
}

impl Update {
    fn new(place: Place) -> Self {
        Self { place, packed: false, coordinates: true, resume: false }
    }

    /// The elements at an index, which has no steps. As in NumPy, an axis at one position is none of what is written
    /// there.
    #[must_use]
    pub fn region(index: impl Into<Index>) -> Self {
        Self::new(Place::Index(index.into()))
    }

    /// The elements at these slices along axes, which are named, or numbered as texts; all along the others.
    #[must_use]
    pub fn along<A: ToString, I: Into<Item>>(slices: impl IntoIterator<Item = (A, I)>) -> Self {
        Self::new(Place::Along(slices.into_iter().map(|(axis, item)| (axis.to_string(), item.into())).collect()))
    }

    /// Behind the end of the array, along this axis, which gets longer.
    #[must_use]
    pub fn append(axis: impl Into<Axes>) -> Self {
        Self::new(Place::End(axis.into()))
    }

    /// As [`Update::append`], along an axis that is given as a text: its name, or its number.
    #[must_use]
    pub fn append_along(axis: &str) -> Self {
        Self::new(Place::End(Axes::from(axis)))
    }

    /// Elements are values, which the attributes of the array (`scale_factor`, `_FillValue`, ...) say how to store.
    #[must_use]
    pub fn packed(mut self, yes: bool) -> Self {
        self.packed = yes;
        self
    }

    /// Whether coordinates have to agree, and are appended along; they are unless this says no.
    #[must_use]
    pub fn coordinates(mut self, yes: bool) -> Self {
        self.coordinates = yes;
        self
    }

    /// Go on with an interrupted run of the same change, and keep what is done when this one fails.
    #[must_use]
    pub fn resume(mut self, yes: bool) -> Self {
        self.resume = yes;
        self
    }

    /// The region of an array that this means for something of shape `new`, and the axes of it that `new` does not
    /// have.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), [`Index`](crate::ErrorKind::Index) or [`Axis`](crate::ErrorKind::Axis),
    /// naming the array, when there is no such place, or `new` has another shape.
    pub(crate) fn resolve(&self, info: &Info, new: &[usize]) -> Result<(Region, Vec<usize>)> {
        let named = |e: Error| e.at(format!("for {}", info.path));
        let rank = info.shape.len();
        let items = match &self.place {
            Place::End(axis) => return Self::end(axis, info, new).map(|region| (region, Vec::new())),
            Place::Index(index) => index.items().to_vec(),
            Place::Along(slices) => {
                let mut items = vec![None; rank];
                for (text, item) in slices {
                    let axis = axis_of(text, info)?;
                    if items[axis].replace(item.clone()).is_some() {
                        return Err(named(Error::axis("update", format!("axis `{text}` is given twice"))));
                    }
                }
                items.into_iter().map(|item| item.unwrap_or(Item::from(..))).collect()
            }
        };
        let (mut region, mut gone) = (Region::full(&info.shape), Vec::new());
        for part in resolve(&items, &info.shape).map_err(named)? {
            match part {
                Resolved::Range { step, len, .. } if step != 1 && len > 1 => {
                    return Err(named(Error::index("a region that is written to has no steps")));
                }
                Resolved::Range { axis, start, len, .. } => (region.start[axis], region.shape[axis]) = (start, len),
                Resolved::Fixed { axis, at } => {
                    (region.start[axis], region.shape[axis]) = (at, 1);
                    gone.push(axis);
                }
                Resolved::New => return Err(named(Error::index("a region that is written to has no new axes"))),
            }
        }
        let kept: Vec<usize> = (0..rank).filter(|a| !gone.contains(a)).map(|a| region.shape[a]).collect();
        if kept != new {
            let (have, want) = (shape::tuple(new), shape::tuple(&kept));
            let why = format!("{have} does not fit into the region {region} of {}, which takes {want}", info.path);
            return Err(Error::shape("update", why));
        }
        Ok((region, gone))
    }

    /// The region behind the end along an axis.
    fn end(axis: &Axes, info: &Info, new: &[usize]) -> Result<Region> {
        let named = |e: Error| e.at(format!("for {}", info.path));
        let axes = match axis {
            Axes::Names(names) => names.iter().map(|name| axis_of(name, info)).collect::<Result<Vec<_>>>()?,
            other => other.resolve("append", info.shape.len(), &info.names).map_err(named)?,
        };
        let [axis] = axes[..] else {
            return Err(named(Error::axis("append", format!("it is done along one axis, not {}", axes.len()))));
        };
        let others =
            |of: &[usize]| of.iter().enumerate().filter(|(a, _)| *a != axis).map(|(_, n)| *n).collect::<Vec<_>>();
        if new.len() != info.shape.len() || others(new) != others(&info.shape) {
            let (new, old) = (shape::tuple(new), shape::tuple(&info.shape));
            let why = format!("{new} is not appended along axis {axis} of {}, which has the shape {old}", info.path);
            return Err(Error::shape("append", why));
        }
        let mut start = vec![0; new.len()];
        start[axis] = info.shape[axis];
        if info.shape[axis].checked_add(new[axis]).is_none() {
            return Err(named(Error::shape("append", "the axis gets too long")));
        }
        Ok(Region::new(start, new.to_vec()))
    }
}

/// A change of an array: what is written where, and how long its axes are afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The region that is written, in the array as it will be.
    pub region: Region,
    /// The shape before.
    pub before: Vec<usize>,
    /// Whether what is done stays when the run fails, and is gone on with.
    pub resume: bool,
    /// What it is computed from.
    pub run: Option<Fingerprint>,
    /// By what an equal change is known, wherever the array ends by then.
    pub token: String,
}

impl Change {
    /// The shape afterwards.
    #[must_use]
    pub fn after(&self) -> Vec<usize> {
        self.before.iter().enumerate().map(|(a, n)| self.region.end(a).max(*n)).collect()
    }

    /// Whether the array gets longer.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.after() != self.before
    }

    /// The grid of what is written: the pieces of the array, as far as the region has parts of them. `piece` is the
    /// shape of those where they are alike, `grid` how the array is cut otherwise.
    #[must_use]
    pub fn grid(&self, piece: Option<&[usize]>, grid: &Chunks) -> Chunks {
        let axis = |a: usize| {
            let (start, len) = (self.region.start[a], self.region.shape[a]);
            let Some(piece) = piece else {
                let cuts = grid.axes()[a].bounds();
                return within(&cuts, start, len);
            };
            let n = piece[a].max(1);
            if start % n == 0 {
                return AxisChunks::regular(len, n);
            }
            let first = n - start % n;
            let bounds: Vec<usize> =
                [0].into_iter().chain((first..len).step_by(n)).chain(Some(len).filter(|&n| n > 0)).collect();
            AxisChunks::from_bounds(&bounds)
        };
        Chunks::new((0..self.before.len()).map(axis).collect())
    }

    /// The grid in which an array is changed: as [`Change::grid`], or any where every box is written by itself.
    pub(crate) fn grid_of(&self, array: &dyn Store) -> Chunks {
        let info = array.info();
        match array.piece() {
            None if array.random_access() => auto::auto(&self.region.shape, info.dtype.size()),
            piece => self.grid(piece.as_deref(), info.shards.as_ref().unwrap_or(&info.chunks)),
        }
    }

    /// The pieces of [`Change::grid`] that `part` of what is written is a union of, each with the index in the array's
    /// own grid of pieces of shape `piece`, and its place in the array.
    pub(super) fn pieces(&self, part: &Region, piece: &[usize]) -> Vec<(Vec<usize>, Region)> {
        let lengths = |a: usize| {
            let (start, end) = (self.region.start[a] + part.start[a], self.region.start[a] + part.end(a));
            let n = piece[a].max(1);
            if start == end { 0..0 } else { start / n..(end - 1) / n + 1 }
        };
        let ranges: Vec<_> = (0..part.rank()).map(lengths).collect();
        let counts: Vec<usize> = ranges.iter().map(ExactSizeIterator::len).collect();
        let written = self.written(part);
        crate::chunk::region::Indices::new(&counts)
            .filter_map(|step| {
                let index: Vec<usize> = step.iter().zip(&ranges).map(|(s, r)| s + r.start).collect();
                let start = index.iter().zip(piece).map(|(i, n)| i * n).collect();
                let own = Region::new(start, piece.to_vec()).intersect(&written)?;
                Some((index, own))
            })
            .collect()
    }

    /// That the array, which errors call `shown`, has the shape that it had when it was opened.
    pub(super) fn check(&self, shape: &[usize], shown: impl AsRef<Path>) -> Result<()> {
        if *shape == self.before {
            return Ok(());
        }
        let (now, then) = (shape::tuple(shape), shape::tuple(&self.before));
        Err(Error::store(shown, format!("has the shape {now} now, and had {then} when it was opened; run it again")))
    }

    /// Where in the array `part` of what is written goes.
    pub(super) fn written(&self, part: &Region) -> Region {
        let start = part.start.iter().zip(&self.region.start).map(|(a, b)| a + b).collect();
        Region::new(start, part.shape.clone())
    }

    /// The elements of the piece at `chunk`, of which `own` comes from `data`, the elements of `written`, and the rest
    /// from the array as it is, with its fill value where it has none.
    pub(super) fn elements<'a>(
        &self,
        (old, fill): (&dyn Store, &[u8]),
        chunk: &Region,
        own: &Region,
        written: &Region,
        data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>> {
        if own == chunk && own == written {
            return Ok(Cow::Borrowed(data));
        }
        let itemsize = old.info().dtype.size();
        let mut out = fill.repeat(chunk.size());
        let mut put = |from: &[u8], of: &Region, part: &Region| {
            let (start, to) = (part.relative_to(of).start, part.relative_to(chunk).start);
            copy_box(from, &of.shape, &start, &mut out, &chunk.shape, &to, &part.shape, itemsize);
        };
        let whole = chunk.intersect(&Region::full(&self.after()));
        if whole.as_ref() != Some(own)
            && let Some(kept) = chunk.intersect(&Region::full(&self.before))
        {
            let mut bytes = vec![0; kept.size() * itemsize];
            old.read(&kept, &mut bytes)?;
            put(&bytes, &kept, &kept);
        }
        put(data, written, own);
        Ok(Cow::Owned(out))
    }

    /// In words, for a run to be known by.
    pub(crate) fn described(&self, info: &Info) -> String {
        let Self { region, before, .. } = self;
        format!("change {region} of {before:?}: {} {} {:?}", info.dtype, info.codecs, info.attributes)
    }
}

/// The cuts of an axis that lie within `len` elements from `start` on.
fn within(cuts: &[usize], start: usize, len: usize) -> AxisChunks {
    let inner = cuts.iter().filter(|&&c| c > start && c < start + len).map(|c| c - start);
    let bounds: Vec<usize> = [0].into_iter().chain(inner).chain(Some(len).filter(|&n| n > 0)).collect();
    AxisChunks::from_bounds(&bounds)
}

/// A slice in Python's words, without steps, or a position: `2:5`, `:`, `-3:`, `7`, `...`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for other texts.
pub(crate) fn item(text: &str) -> Result<Item> {
    let text = text.trim();
    let wrong = || Error::argument("region", format!("`{text}` is no slice; write 2:5, :, -3: or a position"));
    let number = |part: &str| part.trim().parse::<isize>().map_err(|_| wrong());
    let end = |part: &str| if part.trim().is_empty() { Ok(None) } else { number(part).map(Some) };
    match text.split(':').collect::<Vec<_>>()[..] {
        ["..."] => Ok(Item::Ellipsis),
        [one] => number(one).map(Item::Index),
        [start, stop] => Ok(Item::Slice { start: end(start)?, stop: end(stop)?, step: 1 }),
        [start, stop, step] => {
            let step = end(step)?.unwrap_or(1);
            range(None, None, step, 0)?;
            Ok(Item::Slice { start: end(start)?, stop: end(stop)?, step })
        }
        _ => Err(wrong()),
    }
}

impl std::str::FromStr for Update {
    type Err = Error;

    /// `0:10,:,3` by position, `time=0:10,lat=5:7` by name.
    fn from_str(text: &str) -> Result<Self> {
        let inside = text.trim().trim_start_matches('[').trim_end_matches(']');
        let parts: Vec<&str> = inside.split(',').filter(|part| !part.trim().is_empty()).collect();
        let named = parts.iter().filter(|part| part.contains('=')).count();
        if named == 0 {
            return Ok(Self::region(parts.into_iter().map(item).collect::<Result<Vec<_>>>()?));
        }
        if named < parts.len() {
            return Err(Error::argument("region", "either all slices have names of axes, or none"));
        }
        let one = |part: &str| {
            let (axis, slice) = part.split_once('=').unwrap_or_default();
            item(slice).map(|item| (axis.trim().to_owned(), item))
        };
        Ok(Self::new(Place::Along(parts.into_iter().map(one).collect::<Result<_>>()?)))
    }
}

/// What tests of every format's changes need.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::store::Format;

    /// A change of `len` elements from `start` on, of an array of `before` elements.
    pub(in crate::store) fn change(start: usize, len: usize, before: usize) -> Change {
        let region = Region::new(vec![start], vec![len]);
        Change { region, before: vec![before], resume: false, run: None, token: "mine".to_owned() }
    }

    /// All elements of an array of bytes.
    pub(in crate::store) fn elements(format: &dyn Format, path: &Path, inner: &str) -> Vec<u8> {
        let store = format.open(path, inner).unwrap();
        let mut out = vec![0; store.info().shape[0]];
        store.read(&Region::full(&store.info().shape), &mut out).unwrap();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(start: &[usize], shape: &[usize], before: &[usize]) -> Change {
        let region = Region::new(start.to_vec(), shape.to_vec());
        Change { region, before: before.to_vec(), resume: false, run: None, token: String::new() }
    }

    #[test]
    fn pieces_cover_what_is_written_once() {
        for (start, len, before) in
            [(0, 10, 10), (3, 7, 10), (4, 4, 10), (5, 1, 10), (10, 9, 10), (7, 0, 10), (0, 5, 0)]
        {
            let change = change(&[start], &[len], &[before]);
            let grid = change.grid(Some(&[4]), &Chunks::whole(&[before]));
            assert_eq!(grid.shape(), [len]);
            let mut seen = Vec::new();
            for i in 0..grid.count() {
                let part = grid.region(&[i]);
                let pieces = change.pieces(&part, &[4]);
                assert_eq!(pieces.len(), 1, "{start} {len} {part}");
                assert_eq!(pieces[0].1, change.written(&part));
                seen.push(pieces[0].0[0]);
            }
            assert!(seen.windows(2).all(|w| w[0] + 1 == w[1]), "{seen:?}");
            let all: usize = change.pieces(&Region::full(&[len]), &[4]).iter().map(|(_, r)| r.size()).sum();
            assert_eq!(all, len);
            assert_eq!(change.after(), [before.max(start + len)]);
        }
    }

    #[test]
    fn texts() {
        let by_place: Update = "0:10,:,-3".parse().unwrap();
        assert_eq!(by_place, Update::region([Item::from(0..10), Item::from(..), Item::Index(-3)]));
        let by_name: Update = "time=0:10, 1 = 5:7".parse().unwrap();
        assert_eq!(by_name, Update::along([("time", 0..10), ("1", 5..7)]));
        for bad in ["a", "1:2:3:4", "time=0:1,3", "x=y", "0:1:0"] {
            bad.parse::<Update>().unwrap_err();
        }
    }
}
