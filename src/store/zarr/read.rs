//! Reading an array by region.

use super::meta::Array;
use super::piece::{Bytes, Piece};
use super::pipeline::shard::{Index, Sharding};
use super::source::Source;
use super::window::Window;
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::{normalise_bools, swap_bytes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::raw::{self, Extent};
use crate::store::{Info, Store};
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of shard indexes that a store keeps.
const KEPT_INDEXES: usize = 32 << 20;
/// Open shards that a store keeps.
const KEPT_SHARDS: usize = 32;

/// An open array.
#[derive(Debug)]
pub(super) struct ZarrStore {
    source: Source,
    array: Array,
    shards: Mutex<VecDeque<(Vec<usize>, Arc<Shard>)>>,
}

/// An open shard and its index.
#[derive(Debug)]
struct Shard {
    piece: Piece,
    index: Index,
}

impl ZarrStore {
    pub(super) fn new(source: Source, array: Array) -> Self {
        Self { source, array, shards: Mutex::default() }
    }

    /// Decodes the common part of `region` and the stored chunk `index` into its place in `out`.
    fn read_chunk(&self, index: &[usize], region: &Region, out: &mut [u8]) -> Result<()> {
        let chunk = self.array.grid.region(index);
        let Some(common) = chunk.intersect(region) else { return Ok(()) };
        let (part, place) = (common.relative_to(&chunk), common.relative_to(region));
        let itemsize = self.array.info.dtype.size();
        let mut window = Window { out, shape: &region.shape, start: place.start.clone(), itemsize };
        let whole = Region::full(&place.shape);
        if let Some(sharding) = self.array.pipeline.sharding() {
            if let Some(shard) = self.shard(sharding, index)? {
                return sharding.read(&shard.piece, &shard.index, &part, &mut window);
            }
            window.fill(&whole, &self.array.fill);
            return Ok(());
        }
        let Some(piece) = self.source.piece(&self.array.key(index))? else {
            window.fill(&whole, &self.array.fill);
            return Ok(());
        };
        let stored_shape = self.array.stored_shape(index);
        if let Some(swapped) = self.array.pipeline.plain() {
            return self.read_plain(&piece, &stored_shape, &part, swapped, &mut window);
        }
        let path = piece.path.clone();
        let limit = shape::size(&stored_shape).saturating_mul(itemsize).saturating_mul(4).saturating_add(16 << 20);
        if piece.len > limit as u64 {
            return Err(Error::store(path, format!("holds {} bytes, far more than a chunk", piece.len)));
        }
        let stored = piece.read_all()?;
        if place.shape == stored_shape {
            let direct = window.contiguous(&stored_shape).and_then(|out| self.array.pipeline.decode_into(&stored, out));
            if let Some(done) = direct {
                return done.map_err(|why| Error::store(path, why));
            }
        }
        let decoded = self.array.pipeline.decode(Cow::Owned(stored), &stored_shape);
        let decoded = decoded.map_err(|why| Error::store(path, why))?;
        window.put(&whole, &decoded, &stored_shape, &part.start);
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
        let extent = Extent { file, path: &piece.path, offset: *offset, shape: stored_shape, itemsize: dtype.size() };
        if let Some(direct) = window.contiguous(&part.shape) {
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

    /// The shard `index`, open, with its index; `None` where it is not stored.
    fn shard(&self, sharding: &Sharding, index: &[usize]) -> Result<Option<Arc<Shard>>> {
        let mut kept = self.shards.lock();
        if let Some(at) = kept.iter().position(|(key, _)| key == index) {
            let entry = kept.remove(at);
            let found = entry.as_ref().map(|(_, shard)| Arc::clone(shard));
            kept.extend(entry);
            return Ok(found);
        }
        drop(kept);
        let Some(piece) = self.source.piece(&self.array.key(index))? else { return Ok(None) };
        let found = Arc::new(Shard { index: sharding.read_index(&piece, &self.array.stored_shape(index))?, piece });
        let mut kept = self.shards.lock();
        kept.push_back((index.to_vec(), Arc::clone(&found)));
        let mut bytes: usize = kept.iter().map(|(_, shard)| shard.index.size()).sum();
        while kept.len() > 1 && (bytes > KEPT_INDEXES || kept.len() > KEPT_SHARDS) {
            bytes -= kept.pop_front().map_or(0, |(_, shard)| shard.index.size());
        }
        Ok(Some(found))
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

impl Store for ZarrStore {
    fn info(&self) -> &Info {
        &self.array.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        raw::check_request(&self.array.info, region, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        let kind = if self.array.pipeline.sharding().is_some() { "shard" } else { "chunk" };
        self.each_chunk(region, |index| {
            self.read_chunk(index, region, out).map_err(|e| {
                e.at(format!("{kind} {}", shape::tuple(index))).at(format!("array {}", self.array.info.path))
            })
        })?;
        if self.array.info.dtype == DType::Bool {
            normalise_bools(out);
        }
        Ok(())
    }

    fn stamp(&self) -> Option<String> {
        self.source.stamp(&self.array.prefix)
    }

    fn prefetch(&self, region: &Region) {
        if raw::check_request(&self.array.info, region, shape::size(&region.shape) * self.array.info.dtype.size())
            .is_err()
        {
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
