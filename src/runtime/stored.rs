//! Elements of stored arrays: read where they are, or taken from decoded chunks.

use super::fetch::{Memo, Shared};
use super::retry::retry;
use super::trace::Timed;
use crate::chunk::Region;
use crate::chunk::index_map::Positions;
use crate::chunk::region::Indices;
use crate::cpu::copy::{StridedBox, copy_strided};
use crate::device::View;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::error::{Error, Result, panic_text};
use crate::shape;
use crate::store::{Store, Trail};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A box that is at most this part of its chunk is decoded without the rest, where the store can do that.
const LITTLE: usize = 2;

/// Bytes from one position to the next up to which unchunked data is read with what lies between them,
const NEAR: usize = 16 << 10;

/// and the most that is read so at once.
const TOGETHER: usize = 512 << 10;

impl Shared<'_> {
    /// The elements of a stored array at the product of these positions.
    pub(super) fn read(&self, s: usize, positions: &[Positions], memo: &mut Memo) -> Result<Data> {
        let again = memo.again;
        let store = self.plan.stores[s].as_ref();
        let info = store.info();
        let counts: Vec<usize> = positions.iter().map(|p| p.count).collect();
        let size = info.dtype.size();
        let buffer = || self.cx.memory().buffer(shape::size(&counts) * size);
        if shape::size(&counts) == 0 {
            return Ok(self.cx.data(Block::new(info.dtype, &counts, buffer())?));
        }
        let start = positions.iter().map(|p| p.first).collect();
        let span = Region::new(start, positions.iter().map(|p| p.end() - p.first).collect());
        let dense = span.shape == counts;
        let kept = again || self.cached[s];
        let direct = store.in_memory() || ((store.random_access() || info.chunks.aligned(&span)) && !kept);
        let in_parts = self.in_parts[s] && !kept;
        if dense && (direct || in_parts && info.chunks.touching(&span).size() == 1) {
            let mut buffer = buffer();
            self.read_into(s, &span, buffer.bytes_mut(), memo.trails.entry(s).or_default())?;
            return Ok(self.cx.data(Block::new(info.dtype, &counts, buffer)?));
        }
        let list = chunk_parts(store, positions, &span);
        if let [one] = list.as_slice()
            && one.whole
        {
            return self.part(s, store, &span, one, again);
        }
        let mut buffer = buffer();
        let mut copy = |parts: &ChunkPart, chunk: &Region, data: &Data| -> Result<()> {
            let to = StridedBox::of(&counts, &parts.to);
            copy_strided(&parts.view_of(&data.host()?, chunk), to, buffer.bytes_mut(), &parts.counts, size);
            Ok(())
        };
        // Threads that need the same chunks decode different ones first, and wait for each other's last.
        let mut busy = Vec::new();
        for parts in list {
            let boxed = parts.region(&info.chunks, true);
            if in_parts && boxed.size() <= info.chunks.region(&parts.chunk).size() / LITTLE {
                copy(&parts, &boxed, &self.load(s, &boxed)?)?;
                continue;
            }
            let chunk = parts.region(&info.chunks, store.random_access());
            match self.part_unless_busy(s, store, &chunk, &parts, again) {
                Some(data) => copy(&parts, &chunk, &data?)?,
                None => busy.push((parts, chunk)),
            }
        }
        for (parts, chunk) in busy {
            copy(&parts, &chunk, &self.part(s, store, &chunk, &parts, again)?)?;
        }
        Ok(self.cx.data(Block::new(info.dtype, &counts, buffer)?))
    }

    /// A chunk, or for unchunked data the box, behind some of the positions.
    fn part(&self, s: usize, store: &dyn Store, region: &Region, parts: &ChunkPart, again: bool) -> Result<Data> {
        let load = || self.load(s, region);
        if !self.is_cached(s, store, parts, again) {
            return load();
        }
        let waited = || self.trace.timed(Timed::Wait, || self.cache.get(s, &parts.chunk, load));
        self.cache.get_unless_busy(s, &parts.chunk, load).unwrap_or_else(waited)
    }

    /// As [`Shared::part`], but nothing where another thread decodes the chunk at this moment.
    fn part_unless_busy(
        &self,
        s: usize,
        store: &dyn Store,
        region: &Region,
        parts: &ChunkPart,
        again: bool,
    ) -> Option<Result<Data>> {
        let load = || self.load(s, region);
        if self.is_cached(s, store, parts, again) {
            self.cache.get_unless_busy(s, &parts.chunk, load)
        } else {
            Some(load())
        }
    }

    fn is_cached(&self, s: usize, store: &dyn Store, parts: &ChunkPart, again: bool) -> bool {
        !store.random_access() && (!parts.whole || again || self.cached[s])
    }

    /// A region of a store, decoded.
    fn load(&self, s: usize, region: &Region) -> Result<Data> {
        let dtype = self.plan.stores[s].info().dtype;
        let mut buffer = self.cx.memory().buffer(region.size() * dtype.size());
        self.read_into(s, region, buffer.bytes_mut(), &mut Trail::default())?;
        Ok(self.cx.data(Block::new(dtype, &region.shape, buffer)?))
    }

    fn read_into(&self, s: usize, region: &Region, out: &mut [u8], trail: &mut Trail) -> Result<()> {
        let store = self.plan.stores[s].as_ref();
        self.trace.timed(Timed::Read(s, out.len()), || {
            retry(&self.cx.cancel_token(), || {
                catch_unwind(AssertUnwindSafe(|| store.read_on(region, out, trail))).unwrap_or_else(|panic| {
                    Err(Error::store(&store.info().path, format!("reading panicked: {}", panic_text(&*panic))))
                })
            })
        })
    }
}

/// The positions that lie in one chunk.
pub(super) struct ChunkPart {
    /// The chunk.
    pub(super) chunk: Vec<usize>,
    /// The first of them, per axis.
    first: Vec<usize>,
    /// Their distance, per axis.
    step: Vec<usize>,
    /// How many, per axis.
    counts: Vec<usize>,
    /// Where they go in the result.
    to: Vec<usize>,
    /// Whether they are the whole chunk.
    whole: bool,
}

impl ChunkPart {
    pub(super) fn region(&self, chunks: &crate::chunk::Chunks, random: bool) -> Region {
        if !random {
            return chunks.region(&self.chunk);
        }
        let shape = (0..self.first.len()).map(|a| (self.counts[a] - 1) * self.step[a] + 1).collect();
        Region::new(self.first.clone(), shape)
    }

    fn view_of(&self, block: &Block, held: &Region) -> View {
        let inner = shape::strides(block.shape());
        let offset = (0..inner.len()).map(|a| (self.first[a] - held.start[a]) * inner[a]).sum();
        let strides = (0..inner.len()).map(|a| (self.step[a] * inner[a]).cast_signed()).collect();
        View { block: block.clone(), offset, strides }
    }
}

/// Per axis and chunk: the chunk, the first position in it, how many, and where they begin among all.
type AxisPart = (usize, usize, usize, usize);

/// The chunks that hold any of the positions. Unchunked data is cut where positions are far apart, so that little
/// between them is read.
pub(super) fn chunk_parts(store: &dyn Store, positions: &[Positions], span: &Region) -> Vec<ChunkPart> {
    let info = store.info();
    let random = store.random_access();
    let most = if random { at_once(store, positions, span) } else { Vec::new() };
    let axes: Vec<Vec<AxisPart>> = positions
        .iter()
        .enumerate()
        .map(|(a, p)| {
            if random {
                let part = |k: usize| (0, p.first + k * p.step, most[a].min(p.count - k), k);
                (0..p.count).step_by(most[a]).map(part).collect()
            } else {
                axis_parts(&info.chunks.axes()[a], p)
            }
        })
        .collect();
    let lengths: Vec<usize> = axes.iter().map(Vec::len).collect();
    Indices::new(&lengths)
        .map(|pick| {
            let parts: Vec<AxisPart> = pick.iter().zip(&axes).map(|(&i, list)| list[i]).collect();
            let chunk: Vec<usize> = parts.iter().map(|p| p.0).collect();
            let whole = !random && span.contains(&info.chunks.region(&chunk)) && positions.iter().all(|p| p.step == 1);
            ChunkPart {
                chunk,
                first: parts.iter().map(|p| p.1).collect(),
                step: positions.iter().map(|p| p.step).collect(),
                counts: parts.iter().map(|p| p.2).collect(),
                to: parts.iter().map(|p| p.3).collect(),
                whole,
            }
        })
        .collect()
}

/// How many positions along each axis are read at once from unchunked data, with what lies between them: all of them
/// where nothing does; otherwise so many that what is read stays in the second cache until it is sorted out.
fn at_once(store: &dyn Store, positions: &[Positions], span: &Region) -> Vec<usize> {
    let (shape, size) = (store.info().chunks.shape(), store.info().dtype.size());
    let strides = shape::strides(&shape);
    let apart = positions.iter().any(|p| p.step > 1 && p.count > 1);
    let first = positions.iter().position(|p| p.count > 1);
    let is_cut = |a: usize| positions[a].step > 1 || apart && first == Some(a);
    let mut most = vec![1; positions.len()];
    let mut inner = size;
    for (a, p) in positions.iter().enumerate().rev() {
        let outer: usize = (0..a).filter(|&k| !is_cut(k)).map(|k| span.shape[k]).product();
        let near = p.step == 1 || strides[a] * p.step * size <= NEAR;
        most[a] = match (is_cut(a), near) {
            (false, _) => p.count,
            (true, true) => (TOGETHER / (inner * outer * p.step).max(1)).min(p.count),
            (true, false) => 1,
        }
        .max(1);
        inner *= (most[a] - 1) * p.step + 1;
    }
    most
}

fn axis_parts(cuts: &crate::chunk::AxisChunks, p: &Positions) -> Vec<AxisPart> {
    let mut out = Vec::new();
    let mut k = 0;
    while k < p.count {
        let first = p.first + k * p.step;
        let chunk = cuts.find(first);
        let count = (cuts.start(chunk + 1) - first).div_ceil(p.step).min(p.count - k);
        out.push((chunk, first, count, k));
        k += count;
    }
    out
}
