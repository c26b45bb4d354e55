//! Reading an array by region.

use super::coding;
use super::meta::{self, Array, Found};
use super::parts::Opened;
use super::piece::{Bytes, Piece};
use super::pipeline::Outcome;
use super::pipeline::direct::Scratch;
use super::pipeline::shard::{Index, Sharding};
use super::source::Source;
use super::window::Window;
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::{normalise_bools, swap_bytes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::extent::Extent;
use crate::store::raw;
use crate::store::remote::ahead::Ahead;
use crate::store::remote::{self, Got, Want};
use crate::store::{Coded, Container, Encoding, Info, Place, Store, Trail};
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of shard indexes that a store keeps.
const KEPT_INDEXES: usize = 32 << 20;
/// Open shards that a store keeps.
const KEPT_SHARDS: usize = 32;

/// Shards that are opened side by side, at most.
const OPENING: usize = 64;

/// Chunks behind a network that one read asks for ahead, at most, and their bytes.
const WIDE: usize = 16;
const NEAR: u64 = 16 << 20;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// An open array.
#[derive(Debug)]
pub(super) struct ZarrStore {
    source: Source,
    array: Arc<Array>,
    shards: Mutex<VecDeque<(Vec<usize>, Arc<Shard>)>>,
    /// Held while the index of a shard is read, so that no other thread does the same.
    opening: [Mutex<()>; OPENING],
}

/// An open shard and its index.
#[derive(Debug)]
struct Shard {
    piece: Piece,
    index: Index,
}

/// Ranges of one object.
struct Parts {
    place: Arc<remote::Place>,
    key: String,
    ranges: Vec<(u64, u64)>,
}

impl ZarrStore {
    pub(super) fn new(source: Source, array: Array) -> Self {
        Self::shared(source, Arc::new(array))
    }

    /// As [`ZarrStore::new`], of metadata that others hold.
    pub(super) fn shared(source: Source, array: Arc<Array>) -> Self {
        Self { source, array, shards: Mutex::default(), opening: [const { Mutex::new(()) }; OPENING] }
    }

    /// Decodes the common part of `region` and the stored chunk `index` into its place in `out`.
    fn read_chunk(
        &self,
        index: &[usize],
        region: &Region,
        out: &mut [u8],
        (scratch, mut trail): (&mut Scratch, Option<&mut Trail>),
    ) -> Result<()> {
        let chunk = self.array.grid.region(index);
        let Some(common) = chunk.intersect(region) else { return Ok(()) };
        let (part, place) = (common.relative_to(&chunk), common.relative_to(region));
        let itemsize = self.array.info.dtype.size();
        let mut window = Window { out, shape: &region.shape, start: place.start.clone(), itemsize };
        let whole = Region::full(&place.shape);
        if let Some(sharding) = self.array.pipeline.sharding() {
            if let Some(shard) = self.shard(sharding, index)? {
                return sharding.read(&shard.piece, &shard.index, &part, &mut window, scratch);
            }
            window.fill(&whole, &self.array.fill);
            return Ok(());
        }
        let stored_shape = self.array.stored_shape(index);
        let in_part = place.shape != stored_shape && self.array.pipeline.is_in_parts();
        if in_part && let Some(opened) = trail.as_deref_mut().and_then(|trail| Opened::left(trail, index)) {
            return opened.read(&self.array, &part, (&mut window, trail), scratch);
        }
        let limit = self.limit(&stored_shape);
        let key = self.array.key(index);
        let piece = match self.source.remote() {
            Some(objects) => objects.piece(&key, limit)?,
            None => self.source.piece(&key)?,
        };
        let Some(mut piece) = piece else {
            window.fill(&whole, &self.array.fill);
            return Ok(());
        };
        if let Some(swapped) = self.array.pipeline.plain() {
            return self.read_plain(&piece, &stored_shape, &part, swapped, &mut window);
        }
        let path = piece.path.clone();
        if piece.len > limit {
            return Err(Error::store(path, format!("holds {} bytes, far more than a chunk", piece.len)));
        }
        if in_part && !matches!(piece.bytes, Bytes::Remote { .. }) {
            match Opened::new(&self.array, index, piece)? {
                Ok(opened) => return opened.read(&self.array, &part, (&mut window, trail), scratch),
                Err(as_it_was) => piece = as_it_was,
            }
        }
        let pipeline = &self.array.pipeline;
        if place.shape == stored_shape
            && let Some(out) = window.contiguous(&whole)
            && let Some(done) = pipeline.read_into(&piece, out, scratch)
        {
            return done;
        }
        let Scratch { stored: room, chunk, tools } = scratch;
        let stored = piece.read_within(room)?;
        if place.shape == stored_shape {
            let direct = window.contiguous(&whole).and_then(|out| pipeline.decode_into(stored, out, tools));
            if let Some(done) = direct {
                return done.map_err(|why| Error::store(path, why));
            }
        }
        let decoded = pipeline.decode_within(stored, &stored_shape, chunk, tools);
        let decoded = decoded.map_err(|why| Error::store(path, why))?;
        window.put(&whole, &decoded, &stored_shape, &part.start);
        if let Some(trail) = trail.filter(|_| in_part) {
            let decoded = decoded.into_owned();
            trail.leave(Opened::decoded(index, decoded));
        }
        Ok(())
    }

    /// Reads from a chunk that is stored as its elements: no more than what is asked for.
    fn read_plain(
        &self,
        piece: &Piece,
        stored_shape: &[usize],
        part: &Region,
        swapped: bool,
        window: &mut Window<'_>,
    ) -> Result<()> {
        let dtype = self.array.info.dtype;
        let expected = shape::size(stored_shape) * dtype.size();
        if piece.len != expected as u64 {
            let why = format!("holds {} bytes of elements instead of {expected}", piece.len);
            return Err(Error::store(&piece.path, why));
        }
        let whole = Region::full(&part.shape);
        let Bytes::File { file, offset } = &piece.bytes else {
            let mut all = vec![0; expected];
            piece.read_at(0, &mut all)?;
            if swapped {
                swap_bytes(&mut all, dtype.real().size());
            }
            window.put(&whole, &all, stored_shape, &part.start);
            return Ok(());
        };
        let extent = Extent {
            file: file.as_ref(),
            path: &piece.path,
            offset: *offset,
            shape: stored_shape,
            itemsize: dtype.size(),
        };
        if let Some(direct) = window.contiguous(&whole) {
            extent.read(part, direct)?;
            if swapped {
                swap_bytes(direct, dtype.real().size());
            }
            return Ok(());
        }
        let mut scratch = vec![0; shape::size(&part.shape) * dtype.size()];
        extent.read(part, &mut scratch)?;
        if swapped {
            swap_bytes(&mut scratch, dtype.real().size());
        }
        window.put(&whole, &scratch, &part.shape, &whole.start);
        Ok(())
    }

    /// The most bytes that a stored chunk of this shape is taken to have.
    fn limit(&self, stored_shape: &[usize]) -> u64 {
        let elements = shape::size(stored_shape).saturating_mul(self.array.info.dtype.size());
        (elements as u64).saturating_mul(4).saturating_add(16 << 20)
    }

    /// Begins to get what `region` needs of the stored chunk `index`, for `ahead`. Whether that has room for it.
    fn fetch(&self, index: &[usize], region: &Region, ahead: &Arc<Ahead>) -> bool {
        let Some(objects) = self.source.remote() else {
            let range = self.source.range(&self.array.key(index));
            return range.is_none_or(|(place, object, range)| place.fetch_all(ahead, &object, &[range]) == 1);
        };
        let chunk = self.array.grid.region(index);
        let Some(common) = chunk.intersect(region) else { return true };
        let lengths = self.array.stored_shape(index);
        let (object, itemsize) = (objects.object(&self.array.key(index)), self.array.info.dtype.size());
        let place = objects.place();
        let Some(sharding) = self.array.pipeline.sharding() else {
            let (want, bytes) = (Want::AtMost(self.limit(&lengths)), shape::size(&lengths) * itemsize);
            return place.fetch(ahead, &object, want, bytes as u64);
        };
        let part = common.relative_to(&chunk);
        let kept = self.shards.lock().iter().find(|(key, _)| key == index).map(|(_, shard)| Arc::clone(shard));
        if let Some(shard) = kept {
            let ranges = sharding.ranges(&shard.index, &part);
            return ranges.into_iter().all(|(a, b)| place.fetch(ahead, &object, Want::Range(a, b), b - a));
        }
        // Errors come up again when the shard is read.
        let Ok((size, want)) = index_want(sharding, &lengths) else { return true };
        let bytes = size + (shape::size(&part.shape) * itemsize) as u64;
        let (array, there, weak) = (Arc::clone(&self.array), Arc::clone(place), Arc::downgrade(ahead));
        let key = object.clone();
        let then = Box::new(move |got: &Got| {
            let (Some(sharding), Some(ahead)) = (array.pipeline.sharding(), weak.upgrade()) else { return };
            let Ok(index) = sharding.parse_index(got.bytes.clone(), got.total, &lengths) else { return };
            there.fetch_led(&ahead, &key, &sharding.ranges(&index, &part), (want, size));
        });
        place.fetch_leading(ahead, &object, want, bytes, then)
    }

    /// Begins to get the chunks that `region` touches, which are parts of other objects, for `ahead`; those that lie
    /// near each other by one request. Whether that has room for them.
    fn fetch_ranges(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        let mut objects: Vec<Parts> = Vec::new();
        // This never fails.
        let _ = self.each_chunk(region, |index| {
            let Some((place, object, range)) = self.source.range(&self.array.key(index)) else { return Ok(()) };
            match objects.last_mut() {
                Some(last) if Arc::ptr_eq(&last.place, &place) && last.key == object => last.ranges.push(range),
                _ => objects.push(Parts { place, key: object, ranges: vec![range] }),
            }
            Ok(())
        });
        objects.iter().all(|of| of.place.fetch_all(ahead, &of.key, &of.ranges) == of.ranges.len())
    }

    /// Fills `out` with a region; `trail` is for whoever reads the next part of a chunk.
    fn read_region(&self, region: &Region, out: &mut [u8], mut trail: Option<&mut Trail>) -> Result<()> {
        raw::check_request(&self.array.info, region, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        let mut scratch = SCRATCH.take();
        let done = if self.is_remote() {
            self.read_remote(region, out, &mut scratch)
        } else {
            self.each_chunk(region, |index| self.read_whole(index, region, out, (&mut scratch, trail.as_deref_mut())))
        };
        SCRATCH.set(scratch.trimmed());
        done?;
        if self.array.info.dtype == DType::Bool {
            normalise_bools(out);
        }
        Ok(())
    }

    /// Reads chunk by chunk, with requests for the next ones under way.
    fn read_remote(&self, region: &Region, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let touched = self.array.grid.touching(region);
        let place = |step: Vec<usize>| -> Vec<usize> { step.iter().zip(&touched.start).map(|(a, b)| a + b).collect() };
        let near = Ahead::of_read(NEAR);
        let mut coming = Indices::new(&touched.shape).map(place).peekable();
        let mut asked = 0;
        for (number, index) in Indices::new(&touched.shape).map(place).enumerate() {
            while asked < number + WIDE
                && let Some(next) = coming.peek()
                && (touched.size() == 1 || self.fetch(next, region, &near))
            {
                coming.next();
                asked += 1;
            }
            // What there was no room for is asked for here.
            if asked == number {
                coming.next();
                asked += 1;
            }
            self.read_whole(&index, region, out, (&mut *scratch, None))?;
        }
        Ok(())
    }

    /// As [`ZarrStore::read_chunk`], with an error that names the chunk.
    fn read_whole(
        &self,
        index: &[usize],
        region: &Region,
        out: &mut [u8],
        state: (&mut Scratch, Option<&mut Trail>),
    ) -> Result<()> {
        let kind = if self.array.pipeline.sharding().is_some() { "shard" } else { "chunk" };
        self.read_chunk(index, region, out, state)
            .map_err(|e| e.at(format!("{kind} {}", shape::tuple(index))).at(format!("array {}", self.array.info.path)))
    }

    /// The shard `index`, open, with its index; `None` where it is not stored.
    fn shard(&self, sharding: &Sharding, index: &[usize]) -> Result<Option<Arc<Shard>>> {
        let kept = || {
            let mut kept = self.shards.lock();
            let at = kept.iter().position(|(key, _)| key == index)?;
            let entry = kept.remove(at);
            let found = entry.as_ref().map(|(_, shard)| Arc::clone(shard));
            kept.extend(entry);
            found
        };
        if let Some(shard) = kept() {
            return Ok(Some(shard));
        }
        let number = index.iter().fold(0usize, |n, i| n.wrapping_mul(31).wrapping_add(*i));
        let opening = self.opening[number % OPENING].lock();
        if let Some(shard) = kept() {
            return Ok(Some(shard));
        }
        let (key, lengths) = (self.array.key(index), self.array.stored_shape(index));
        let found = match self.source.remote() {
            Some(objects) => {
                let bad = |why: String| Error::store(objects.name(&key), why);
                let Some((stored, piece)) = objects.part(&key, index_want(sharding, &lengths).map_err(bad)?.1)? else {
                    return Ok(None);
                };
                Shard { index: sharding.parse_index(stored, piece.len, &lengths).map_err(bad)?, piece }
            }
            None => {
                let Some(piece) = self.source.piece(&key)? else { return Ok(None) };
                Shard { index: sharding.read_index(&piece, &lengths)?, piece }
            }
        };
        let found = Arc::new(found);
        let mut kept = self.shards.lock();
        kept.push_back((index.to_vec(), Arc::clone(&found)));
        let mut bytes: usize = kept.iter().map(|(_, shard)| shard.index.size()).sum();
        while kept.len() > 1 && (bytes > KEPT_INDEXES || kept.len() > KEPT_SHARDS) {
            bytes -= kept.pop_front().map_or(0, |(_, shard)| shard.index.size());
        }
        drop(opening);
        Ok(Some(found))
    }

    /// Where the inner chunk `index` of the array is.
    fn place_in_shard(&self, sharding: &Sharding, index: &[usize]) -> Result<Option<Place>> {
        let inner = &sharding.inner_shape;
        let start: Vec<usize> = index.iter().zip(inner).map(|(i, n)| i * n).collect();
        let number = self.array.grid.touching(&Region::new(start.clone(), vec![1; start.len()])).start;
        let Some(shard) = self.shard(sharding, &number)? else { return Ok(None) };
        let part = Region::new(start, inner.clone()).relative_to(&self.array.grid.region(&number));
        let Some(&(from, to)) = sharding.ranges(&shard.index, &part).first() else { return Ok(None) };
        let key = self.array.key(&number);
        if let Some(objects) = self.source.remote() {
            return Ok(Some(Place::File { path: objects.name(&key), offset: from, length: to - from }));
        }
        let inside = |from: u64, to: u64| Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
        Ok(self.source.place(&self.array.prefix, &key)?.and_then(|place| match place {
            Place::File { path, offset, .. } => Some(Place::File { path, offset: offset + from, length: to - from }),
            Place::Held(bytes) => Some(Place::Held(bytes.get(inside(from, to)?)?.to_vec())),
        }))
    }

    /// Whether the array has such a region.
    fn holds(&self, region: &Region) -> bool {
        let bytes = shape::size(&region.shape) * self.array.info.dtype.size();
        raw::check_request(&self.array.info, region, bytes).is_ok()
    }

    /// Calls `body` with every stored chunk that `region` touches.
    fn each_chunk(&self, region: &Region, mut body: impl FnMut(&[usize]) -> Result<()>) -> Result<()> {
        let touched = self.array.grid.touching(region);
        for step in Indices::new(&touched.shape) {
            let index: Vec<usize> = step.iter().zip(&touched.start).map(|(a, b)| a + b).collect();
            body(&index)?;
        }
        Ok(())
    }
}

/// The hierarchy of an open array.
#[derive(Debug)]
pub(super) struct Around(pub(super) Source);

impl Container for Around {
    fn announce(&self, inner: &[String]) {
        if let Some(objects) = self.0.remote() {
            objects.announce(inner);
        }
    }

    fn array(&self, inner: &str) -> Result<Option<Arc<dyn Store>>> {
        if let Some(objects) = self.0.remote() {
            objects.seek(inner)?;
        }
        // What is damaged, or no array, is none.
        let Ok(Found::Array(array)) = meta::find(&self.0, inner) else { return Ok(None) };
        Ok(Some(Arc::new(ZarrStore::new(self.0.clone(), *array))))
    }
}

/// How long the index of a shard of this shape is, and what to ask for to get it.
fn index_want(sharding: &Sharding, lengths: &[usize]) -> Outcome<(u64, Want)> {
    let (size, at_end) = sharding.index_place(lengths)?;
    Ok((size, if at_end { Want::Last(size) } else { Want::Range(0, size) }))
}

impl Store for ZarrStore {
    fn info(&self) -> &Info {
        &self.array.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.read_region(region, out, None)
    }

    fn reads_in_parts(&self) -> bool {
        self.array.pipeline.is_in_parts() && matches!(self.source, Source::Directory(_))
    }

    fn read_on(&self, region: &Region, out: &mut [u8], trail: &mut Trail) -> Result<()> {
        self.read_region(region, out, Some(trail))
    }

    fn stamp(&self) -> Option<String> {
        self.source.stamp(&self.array.prefix)
    }

    fn within(&self) -> Option<(Arc<dyn Container>, String)> {
        Some((Arc::new(Around(self.source.clone())), self.array.prefix.clone()))
    }

    fn piece(&self) -> Option<Vec<usize>> {
        self.array.stored_shape.clone()
    }

    fn encoding(&self) -> Result<Encoding> {
        let refused =
            |why: String| Error::unsupported(format!("{}: cannot be referred to: {why}", self.array.info.path));
        coding::referred(&self.array).map_err(refused)
    }

    fn place(&self, index: &[usize]) -> Result<Option<Place>> {
        let Some(sharding) = self.array.pipeline.sharding() else {
            return self.source.place(&self.array.prefix, &self.array.key(index));
        };
        self.place_in_shard(sharding, index)
    }

    fn coding(&self) -> Option<Encoding> {
        coding::of(&self.array)
    }

    fn coded(&self, index: &[usize]) -> Result<Coded> {
        let key = self.array.key(index);
        let shape = self.array.stored_shape(index);
        let (limit, piece) = match self.source.remote() {
            Some(objects) => (self.limit(&shape), objects.piece(&key, self.limit(&shape))?),
            None => (self.limit(&shape), self.source.piece(&key)?),
        };
        let Some(piece) = piece else { return Ok(Coded::Missing) };
        if piece.len > limit {
            return Err(Error::store(piece.path, format!("holds {} bytes, far more than a chunk", piece.len)));
        }
        let path = piece.path.clone();
        let bytes = piece.read_all()?;
        let bad = |why: String| Error::store(&path, why).at(format!("chunk {}", shape::tuple(index)));
        self.array
            .pipeline
            .verify(&bytes, &shape)
            .map_err(|why| bad(why).at(format!("array {}", self.array.prefix)))?;
        Ok(Coded::Bytes(bytes))
    }

    fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        if self.source.remote().is_none() {
            return !self.holds(region) || self.fetch_ranges(region, ahead);
        }
        let touched = self.array.grid.touching(region);
        let mut all =
            Indices::new(&touched.shape).map(|step| step.iter().zip(&touched.start).map(|(a, b)| a + b).collect());
        !self.holds(region) || all.all(|index: Vec<usize>| self.fetch(&index, region, ahead))
    }

    fn prefetch(&self, region: &Region) {
        if !self.holds(region) || self.is_remote() {
            return;
        }
        let sharded = self.array.pipeline.sharding().is_some();
        // Failures come up again when the chunk is read.
        let _ = self.each_chunk(region, |index| {
            let whole = region.contains(&self.array.grid.region(index));
            if (whole || !sharded)
                && let Some(piece) = self.source.piece(&self.array.key(index))?
            {
                piece.prefetch();
            }
            Ok(())
        });
    }
}
