//! Shards: many chunks in one file, found through an index.
//!
//! The index is read and checked here, so that a damaged one is an error, and it is kept for the next read. Inner
//! chunks that lie near each other are read together.

use super::direct::Scratch;
use super::{Named, Outcome, Pipeline, codecs_v3};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::zarr::piece::{Bytes, Piece, grown, reserve};
use crate::store::zarr::window::Window;
use serde_json::Value;
use std::borrow::Cow;
use std::path::PathBuf;

/// Gaps up to this long are read over.
const GAP: u64 = 64 << 10;
/// Neighbours are read together up to this many bytes.
const TOGETHER: u64 = 4 << 20;
/// The same in a file, where requests cost little, and what is read should still be in a near cache when it is decoded.
const NEAR: u64 = 512 << 10;
/// What the index says of an inner chunk that is not stored.
const ABSENT: (u64, u64) = (u64::MAX, u64::MAX);

/// The sharding codec.
#[derive(Debug)]
pub(in crate::store::zarr) struct Sharding {
    /// Shape of an inner chunk.
    pub(in crate::store::zarr) inner_shape: Vec<usize>,
    /// Codecs of an inner chunk.
    pub(in crate::store::zarr) inner: Pipeline,
    index: Pipeline,
    index_at_end: bool,
    fill: Vec<u8>,
    itemsize: usize,
}

impl Sharding {
    /// From its metadata; the fill value is zero until [`Sharding::set_fill`].
    pub(in crate::store::zarr) fn new(dtype: DType, codec: &Named) -> Outcome<Self> {
        let lengths = codec.config.get("chunk_shape").and_then(Value::as_array).ok_or("a shard has no chunk shape")?;
        let inner_shape: Option<Vec<usize>> =
            lengths.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0)).collect();
        let codecs = |key: &str| -> Outcome<Vec<Named>> {
            let list =
                codec.config.get(key).and_then(Value::as_array).ok_or_else(|| format!("a shard has no {key}"))?;
            codecs_v3(list)
        };
        let index_at_end = match codec.config.get("index_location").and_then(Value::as_str) {
            Some("start") => false,
            Some("end") | None => true,
            Some(other) => return Err(format!("index location `{other}` is not known")),
        };
        Ok(Self {
            inner_shape: inner_shape.ok_or("the inner chunk shape of a shard is not a list of lengths")?,
            inner: Pipeline::new(dtype, &codecs("codecs")?, None)?,
            index: Pipeline::new(DType::U64, &codecs("index_codecs")?, None)?,
            index_at_end,
            fill: vec![0; dtype.size()],
            itemsize: dtype.size(),
        })
    }

    /// What inner chunks hold that are not stored.
    pub(in crate::store::zarr) fn set_fill(&mut self, fill: &[u8]) {
        self.fill = fill.to_vec();
        self.inner.set_fill(fill);
    }

    /// Inner chunks along each axis of a shard.
    fn counts(&self, shard: &[usize]) -> Outcome<Vec<usize>> {
        let fits =
            shard.len() == self.inner_shape.len() && shard.iter().zip(&self.inner_shape).all(|(s, i)| s % i == 0);
        if !fits {
            let (inner, shard) = (shape::tuple(&self.inner_shape), shape::tuple(shard));
            return Err(format!("inner chunks of shape {inner} do not fill a shard of shape {shard}"));
        }
        Ok(shard.iter().zip(&self.inner_shape).map(|(s, i)| s / i).collect())
    }

    /// Checks that shards of this shape can be made of the inner chunks.
    pub(in crate::store::zarr) fn check(&self, shard: &[usize]) -> Outcome<()> {
        self.counts(shard).map(|_| ())
    }

    /// Where the index of a shard of this shape lies: how many bytes, and whether at the end.
    pub(in crate::store::zarr) fn index_place(&self, shard: &[usize]) -> Outcome<(u64, bool)> {
        let mut lengths = self.counts(shard)?;
        lengths.push(2);
        let size = self.index.stored_size(&lengths)?.ok_or("a compressed shard index is not supported")?;
        Ok((size, self.index_at_end))
    }

    /// Reads and checks the index of a shard of this shape.
    pub(in crate::store::zarr) fn read_index(&self, piece: &Piece, shard: &[usize]) -> Result<Index> {
        let bad = |why: String| Error::store(&piece.path, why);
        let (size, at_end) = self.index_place(shard).map_err(bad)?;
        let at = piece.len.checked_sub(size);
        let at = at.ok_or_else(|| bad(format!("holds {} bytes, less than the shard index of {size}", piece.len)))?;
        let mut stored = reserve(&piece.path, size)?;
        piece.read_at(if at_end { at } else { 0 }, &mut stored)?;
        self.parse_index(stored, piece.len, shard).map_err(bad)
    }

    /// Checks the index of a shard of this shape and so many bytes.
    pub(in crate::store::zarr) fn parse_index(&self, stored: Vec<u8>, total: u64, shard: &[usize]) -> Outcome<Index> {
        let counts = self.counts(shard)?;
        let mut lengths = counts.clone();
        lengths.push(2);
        let decoded = self
            .index
            .decode(Cow::Owned(stored), &lengths)
            .map_err(|why| format!("the shard index is damaged: {why}"))?;
        let numbers: Vec<u64> = decoded.as_chunks::<8>().0.iter().map(|b| u64::from_ne_bytes(*b)).collect();
        let entries: Vec<(u64, u64)> = numbers.as_chunks::<2>().0.iter().map(|[at, len]| (*at, *len)).collect();
        let outside =
            |&&(at, len): &&(u64, u64)| (at, len) != ABSENT && at.checked_add(len).is_none_or(|end| end > total);
        if let Some((at, len)) = entries.iter().find(outside) {
            return Err(format!("the shard index points to {len} bytes at {at}, beyond its end at {total}"));
        }
        Ok(Index { counts, entries })
    }

    /// Verifies the index of a shard, and what is stored of its inner chunks as far as that needs no decoding.
    pub(in crate::store::zarr) fn verify(&self, stored: &[u8], shard: &[usize]) -> Outcome<()> {
        let (size, at_end) = self.index_place(shard)?;
        let total = stored.len() as u64;
        let at = total.checked_sub(size).ok_or("holds less than the shard index")?;
        let part = |at: u64, len: u64| {
            let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
            stored.get(at..end)
        };
        let index = part(if at_end { at } else { 0 }, size).ok_or("holds less than the shard index")?;
        let index = self.parse_index(index.to_vec(), total, shard)?;
        for (number, &(at, len)) in index.entries.iter().enumerate().filter(|(_, place)| **place != ABSENT) {
            let inner = part(at, len).ok_or("the shard index points beyond its end")?;
            let named = |why| format!("inner chunk {}: {why}", shape::tuple(&grid_index(number, &index.counts)));
            self.inner.verify(inner, &self.inner_shape).map_err(named)?;
        }
        Ok(())
    }

    /// Decodes the part of a shard that `part` (relative to the shard) covers into a box of `out`.
    pub(in crate::store::zarr) fn read(
        &self,
        piece: &Piece,
        index: &Index,
        part: &Region,
        out: &mut Window<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let shard: Vec<usize> = index.counts.iter().zip(&self.inner_shape).map(|(n, i)| n * i).collect();
        let grid = Chunks::regular(&shard, &self.inner_shape)?;
        let wanted = self.wanted(piece, index, &grid, part, out)?;
        let mut rest = wanted.as_slice();
        let most = if matches!(piece.bytes, Bytes::File { .. }) { NEAR } else { TOGETHER };
        let Scratch { stored: room, chunk: decoded, tools } = scratch;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(together(rest, most));
            let (first, end) = (now[0].offset, now.iter().map(Wanted::end).max().unwrap_or(0));
            let together = usize::try_from(end - first).map_err(|e| Error::store(&piece.path, e))?;
            let stored = grown(room, together).map_err(|why| Error::store(&piece.path, why))?;
            piece.read_at(first, stored)?;
            for chunk in now {
                // Both numbers lie within `stored`, whose length is a usize.
                let from = usize::try_from(chunk.offset - first).unwrap_or(usize::MAX);
                let stored = &stored[from..from + usize::try_from(chunk.len).unwrap_or(0)];
                let at = grid_index(chunk.linear, &index.counts);
                let region = grid.region(&at);
                let Some(common) = region.intersect(part) else { continue };
                let (from, place) = (common.relative_to(&region), common.relative_to(part));
                let fail = |why: String| {
                    Error::store(&piece.path, why).at(format!("inner chunk {} of the shard", shape::tuple(&at)))
                };
                let direct = if common == region { out.contiguous(&place) } else { None };
                if let Some(done) = direct.and_then(|to| self.inner.decode_into(stored, to, tools)) {
                    done.map_err(fail)?;
                    continue;
                }
                let decoded = self.inner.decode_within(stored, &self.inner_shape, decoded, tools).map_err(fail)?;
                out.put(&place, &decoded, &self.inner_shape, &from.start);
            }
            rest = later;
        }
        Ok(())
    }

    /// Where the bytes lie that [`Sharding::read`] reads for `part`, each read by itself.
    pub(in crate::store::zarr) fn ranges(&self, index: &Index, part: &Region) -> Vec<(u64, u64)> {
        let shard: Vec<usize> = index.counts.iter().zip(&self.inner_shape).map(|(n, i)| n * i).collect();
        let Ok(grid) = Chunks::regular(&shard, &self.inner_shape) else { return Vec::new() };
        let touched = grid.touching(part);
        let strides = shape::strides(&index.counts);
        let linear = |step: Vec<usize>| -> usize {
            step.iter().zip(&touched.start).zip(&strides).map(|((a, b), s)| (a + b) * s).sum()
        };
        let entries = Indices::new(&touched.shape).map(linear).filter_map(|linear| {
            let &(offset, len) = index.entries.get(linear).filter(|entry| **entry != ABSENT)?;
            Some(Wanted { offset, len, linear })
        });
        let mut wanted: Vec<Wanted> = entries.collect();
        wanted.sort_unstable();
        let (mut rest, mut out) = (wanted.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(together(rest, TOGETHER));
            out.push((now[0].offset, now.iter().map(Wanted::end).max().unwrap_or(0)));
            rest = later;
        }
        out
    }

    /// The stored inner chunks that `part` touches, in the order in which they lie; those that are not stored are
    /// filled at once.
    fn wanted(
        &self,
        piece: &Piece,
        index: &Index,
        grid: &Chunks,
        part: &Region,
        out: &mut Window<'_>,
    ) -> Result<Vec<Wanted>> {
        let limit = (shape::size(&self.inner_shape) as u64).saturating_mul(4 * self.itemsize as u64 + 1) + (16 << 20);
        let strides = shape::strides(&index.counts);
        let touched = grid.touching(part);
        let mut wanted = Vec::with_capacity(touched.size());
        for step in Indices::new(&touched.shape) {
            let at: Vec<usize> = step.iter().zip(&touched.start).map(|(a, b)| a + b).collect();
            let linear: usize = at.iter().zip(&strides).map(|(a, s)| a * s).sum();
            let (offset, len) = index.entries.get(linear).copied().unwrap_or(ABSENT);
            if (offset, len) == ABSENT {
                if let Some(hole) = grid.region(&at).intersect(part) {
                    out.fill(&hole.relative_to(part), &self.fill);
                }
            } else if len > limit {
                let at = format!("inner chunk {} of the shard", shape::tuple(&at));
                return Err(Error::store(&piece.path, format!("holds {len} bytes, far more than a chunk")).at(at));
            } else {
                wanted.push(Wanted { offset, len, linear });
            }
        }
        wanted.sort_unstable();
        Ok(wanted)
    }

    /// Decodes a shard that lies in memory.
    pub(in crate::store::zarr) fn decode_whole(&self, data: Vec<u8>, shard: &[usize]) -> Outcome<Vec<u8>> {
        let piece = Piece { len: data.len() as u64, bytes: Bytes::Memory(data), path: PathBuf::from("inner shard") };
        let index = self.read_index(&piece, shard).map_err(|e| e.to_string())?;
        let bytes = shape::checked_size(shard).and_then(|n| n.checked_mul(self.itemsize)).ok_or("is too large")?;
        let mut out = reserve(&piece.path, bytes as u64).map_err(|e| e.to_string())?;
        let whole = Region::full(shard);
        let mut window = Window { out: &mut out, shape: shard, start: vec![0; shard.len()], itemsize: self.itemsize };
        let mut scratch = Scratch::default();
        self.read(&piece, &index, &whole, &mut window, &mut scratch).map_err(|e| e.to_string())?;
        Ok(out)
    }
}

/// Where the inner chunks of a shard lie.
#[derive(Debug)]
pub(in crate::store::zarr) struct Index {
    counts: Vec<usize>,
    entries: Vec<(u64, u64)>,
}

impl Index {
    /// Bytes of memory.
    pub(in crate::store::zarr) fn size(&self) -> usize {
        self.entries.len() * 16
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    offset: u64,
    len: u64,
    linear: usize,
}

impl Wanted {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// How many of the first chunks are read at once, in at most so many bytes.
fn together(sorted: &[Wanted], most: u64) -> usize {
    let first = sorted[0].offset;
    let mut end = sorted[0].end();
    let mut n = 1;
    for next in &sorted[1..] {
        if next.offset > end.saturating_add(GAP) || next.end().max(end) - first > most {
            break;
        }
        end = end.max(next.end());
        n += 1;
    }
    n
}

fn grid_index(mut linear: usize, counts: &[usize]) -> Vec<usize> {
    let mut at = vec![0; counts.len()];
    for axis in (0..counts.len()).rev() {
        at[axis] = linear % counts[axis];
        linear /= counts[axis];
    }
    at
}
