//! Decoded chunks that more than one task reads, within a share of the budget.

use crate::device::data::Data;
use crate::error::Result;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A chunk: the store's number, and the chunk's index in its grid.
type Key = (usize, Vec<usize>);

/// The place of one chunk; empty until it has been decoded. Whoever comes while it is being decoded waits.
type Slot = Arc<Mutex<Option<Data>>>;

/// Least recently used chunks go first.
#[derive(Debug)]
pub struct ChunkCache {
    capacity: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: BTreeMap<Key, (Slot, u64)>,
    /// Bytes of each chunk that is in, by last use.
    order: BTreeMap<u64, (Key, u64)>,
    clock: u64,
    bytes: u64,
}

impl ChunkCache {
    /// A cache that holds at most `capacity` bytes.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// The chunk, decoded by `decode` unless it is here.
    ///
    /// # Errors
    /// What `decode` reports; the next caller tries again.
    pub fn get(&self, store: usize, chunk: &[usize], decode: impl FnOnce() -> Result<Data>) -> Result<Data> {
        let key = (store, chunk.to_vec());
        let slot = self.touch(&key);
        let place = slot.lock();
        self.fill(&key, place, decode)
    }

    /// As [`ChunkCache::get`], but nothing where another thread decodes the chunk at this moment: there is other work.
    pub fn get_unless_busy(
        &self,
        store: usize,
        chunk: &[usize],
        decode: impl FnOnce() -> Result<Data>,
    ) -> Option<Result<Data>> {
        let key = (store, chunk.to_vec());
        let slot = self.touch(&key);
        let place = slot.try_lock()?;
        Some(self.fill(&key, place, decode))
    }

    fn fill(
        &self,
        key: &Key,
        mut place: MutexGuard<'_, Option<Data>>,
        decode: impl FnOnce() -> Result<Data>,
    ) -> Result<Data> {
        if let Some(chunk) = place.as_ref() {
            return Ok(chunk.clone());
        }
        let chunk = decode()?;
        *place = Some(chunk.clone());
        drop(place);
        self.admit(key, chunk.len() as u64);
        Ok(chunk)
    }

    /// Bytes of the chunks that are here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Whether the chunk is here, or on its way.
    pub fn holds(&self, store: usize, chunk: &[usize]) -> bool {
        self.state.lock().slots.contains_key(&(store, chunk.to_vec()))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
    }

    fn touch(&self, key: &Key) -> Slot {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let (slot, last) = state.slots.entry(key.clone()).or_default();
        let slot = Arc::clone(slot);
        let before = std::mem::replace(last, now);
        if let Some(entry) = state.order.remove(&before) {
            state.order.insert(now, entry);
        }
        slot
    }

    fn admit(&self, key: &Key, bytes: u64) {
        let mut state = self.state.lock();
        let Some((_, last)) = state.slots.get(key) else { return };
        let last = *last;
        state.order.insert(last, (key.clone(), bytes));
        state.bytes += bytes;
        while state.bytes > self.capacity {
            let Some((_, (key, bytes))) = state.order.pop_first() else { break };
            state.slots.remove(&key);
            state.bytes -= bytes;
        }
    }
}
