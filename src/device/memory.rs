//! The byte budget of a context and the pool of its buffers.
//!
//! Work is admitted against [`Memory::try_reserve`] before it starts, and takes its buffers from [`Memory::buffer`]
//! while it runs. Freed buffers are kept for reuse (first-touch page faults cost more than decoding) as long as live
//! and idle bytes together stay under the budget.

use super::block::{Buffer, Recycle};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Buffers smaller than this are not worth pooling.
const SMALLEST_POOLED: usize = 4096;

/// Buffers from this size on are asked of a device that lends memory.
const LENT: usize = 64 << 10;

/// Gives memory of this many bytes, or nothing.
pub type Lender = dyn Fn(usize) -> Option<Buffer> + Send + Sync;

/// A byte budget with a pool of reusable buffers.
pub struct Memory {
    budget: u64,
    state: Mutex<State>,
    lender: OnceLock<Box<Lender>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("budget", &self.budget).field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    reserved: u64,
    peak_reserved: u64,
    live: u64,
    peak_live: u64,
    recent_live: u64,
    idle_bytes: u64,
    idle: BTreeMap<usize, Vec<Buffer>>,
}

/// Bytes set aside; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: Arc<Memory>,
    bytes: u64,
}

/// Bytes that a kernel takes from elsewhere while it runs; they live until this is dropped.
#[derive(Debug)]
pub struct Claim {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Memory {
    /// A pool that may hold `budget` bytes.
    #[must_use]
    pub fn new(budget: u64) -> Arc<Self> {
        Arc::new(Self { budget, state: Mutex::default(), lender: OnceLock::new() })
    }

    /// Takes the memory of new large buffers from `lender` where it gives some: memory that a device copies to and from
    /// directly.
    pub fn borrow_from(&self, lender: Box<Lender>) {
        let _ = self.lender.set(lender);
    }

    /// The budget in bytes.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes reserved now.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.state.lock().reserved
    }

    /// The most bytes that were ever reserved at once.
    #[must_use]
    pub fn peak_reserved(&self) -> u64 {
        self.state.lock().peak_reserved
    }

    /// Bytes of buffers that live now.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.state.lock().live
    }

    /// The most bytes of buffers that ever lived at once.
    #[must_use]
    pub fn peak_live(&self) -> u64 {
        self.state.lock().peak_live
    }

    /// The most bytes of buffers that lived at once since this was last asked.
    #[must_use]
    pub fn recent_peak(&self) -> u64 {
        let mut state = self.state.lock();
        let live = state.live;
        std::mem::replace(&mut state.recent_live, live).max(live)
    }

    /// Sets `bytes` aside, if the budget has room for them.
    #[must_use]
    pub fn try_reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let mut state = self.state.lock();
        if state.reserved.saturating_add(bytes) > self.budget {
            return None;
        }
        state.reserved += bytes;
        state.peak_reserved = state.peak_reserved.max(state.reserved);
        Some(Reservation { memory: Arc::clone(self), bytes })
    }

    /// Sets `bytes` aside or says why not.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory), naming `op`, when the budget has no room.
    pub fn reserve(self: &Arc<Self>, op: &str, bytes: u64) -> Result<Reservation> {
        let reserved = self.reserved();
        self.try_reserve(bytes).ok_or_else(|| Error::memory(op, reserved + bytes, self.budget))
    }

    /// Counts `bytes` that are taken from elsewhere as living, so that idle buffers make room for them.
    #[must_use]
    pub fn claim(self: &Arc<Self>, bytes: usize) -> Claim {
        let mut evicted = Vec::new();
        let bytes = bytes as u64;
        {
            let mut state = self.state.lock();
            state.take(bytes);
            state.trim(self.budget, &mut evicted);
        }
        drop(evicted);
        Claim { memory: Arc::clone(self), bytes }
    }

    /// A buffer of `len` bytes with arbitrary (initialised) content, reused where one of that size is idle.
    #[must_use]
    pub fn buffer(self: &Arc<Self>, len: usize) -> Buffer {
        if len < SMALLEST_POOLED {
            return Buffer::zeroed(len);
        }
        let class = size_class(len);
        let mut evicted = Vec::new();
        let reused = {
            let mut state = self.state.lock();
            state.take(class as u64);
            let reused = state.idle.get_mut(&class).and_then(Vec::pop);
            if reused.is_some() {
                state.idle_bytes -= class as u64;
            } else {
                state.trim(self.budget, &mut evicted);
            }
            reused
        };
        drop(evicted);
        let lent = || self.lender.get().filter(|_| class >= LENT).and_then(|lend| lend(class));
        let mut buffer = reused.or_else(lent).unwrap_or_else(|| Buffer::allocate(class));
        buffer.resize(len);
        buffer.join(Arc::<Self>::clone(self));
        buffer
    }

    /// Frees every idle buffer.
    pub fn clear(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.idle_bytes = 0;
            std::mem::take(&mut state.idle)
        };
        drop(idle);
    }
}

impl Recycle for Memory {
    fn take_back(&self, mut buffer: Buffer) {
        let class = buffer.capacity();
        buffer.resize(class);
        let mut evicted = Vec::new();
        {
            let mut state = self.state.lock();
            state.live -= class as u64;
            state.idle_bytes += class as u64;
            state.idle.entry(class).or_default().push(buffer);
            state.trim(self.budget, &mut evicted);
        }
        drop(evicted);
    }
}

impl State {
    /// Notes that so many bytes live now.
    fn take(&mut self, bytes: u64) {
        self.live += bytes;
        self.peak_live = self.peak_live.max(self.live);
        self.recent_live = self.recent_live.max(self.live);
    }

    /// Moves idle buffers, largest first, to `out` until everything fits the budget.
    fn trim(&mut self, budget: u64, out: &mut Vec<Buffer>) {
        while self.idle_bytes > 0 && self.live + self.idle_bytes > budget {
            let Some(mut entry) = self.idle.last_entry() else { break };
            match entry.get_mut().pop() {
                Some(buffer) => {
                    self.idle_bytes -= buffer.capacity() as u64;
                    out.push(buffer);
                }
                None => drop(entry.remove()),
            }
        }
    }
}

/// Sizes are rounded up to an eighth of their power of two, so that similar blocks share buffers and at most 12 % is
/// wasted.
#[must_use]
pub fn size_class(len: usize) -> usize {
    if len < SMALLEST_POOLED {
        return len;
    }
    let step = (len.next_power_of_two() / 16).max(1);
    len.div_ceil(step) * step
}

impl Reservation {
    /// The bytes set aside.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.memory.state.lock().live -= self.bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.state.lock().reserved -= self.bytes;
    }
}
