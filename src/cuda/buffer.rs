//! Memory of a GPU, and the pinned host memory through which copies go.
//!
//! Allocation and release are ordered by the stream on which a buffer was made; other streams that read it leave an event
//! behind, for which the release waits. A [`Ledger`] counts what is allocated and holds it under a budget. Copies go to and
//! from pinned memory: blocks that the device itself lent, or slabs, which are reused once the copy that used them is over.

use super::stream::Streams;
use crate::device::Stream;
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::Result;
use cudarc::driver::{CudaContext, CudaEvent, CudaSlice, CudaStream, DevicePtr, DriverError, PinnedHostSlice, sys};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a device that are in use, under a budget.
#[derive(Debug)]
pub(crate) struct Ledger {
    budget: u64,
    live: AtomicU64,
    peak: AtomicU64,
    /// Bytes that are free once their stream comes to it.
    leaving: Mutex<VecDeque<(CudaEvent, u64)>>,
}

impl Ledger {
    pub(crate) fn new(budget: u64) -> Arc<Self> {
        Arc::new(Self { budget, live: AtomicU64::new(0), peak: AtomicU64::new(0), leaving: Mutex::default() })
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// The most bytes that were ever in use at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Counts `bytes`, if the budget has room for them.
    fn admit(self: &Arc<Self>, bytes: u64, stream: &Arc<CudaStream>) -> Option<Entry> {
        let room = |live: u64| live.checked_add(bytes).filter(|&sum| sum <= self.budget);
        let before = self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        Some(Entry { ledger: Arc::clone(self), bytes, stream: Arc::clone(stream) })
    }

    /// Waits for the release that has been under way longest; whether there was one.
    pub(crate) fn settle(&self) -> Result<bool, DriverError> {
        let Some((event, bytes)) = self.leaving.lock().pop_front() else { return Ok(false) };
        let done = event.synchronize();
        self.live.fetch_sub(bytes, Ordering::Relaxed);
        done.map(|()| true)
    }

    /// Notes that `bytes` are free after `event`.
    fn release(&self, event: CudaEvent, bytes: u64) {
        let mut leaving = self.leaving.lock();
        leaving.push_back((event, bytes));
        while let Some((_, bytes)) = leaving.pop_front_if(|(event, _)| event.is_complete()) {
            self.live.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Counted bytes. When dropped, which is after what they count was released in the order of its stream, they are counted
/// until the stream has come there.
struct Entry {
    ledger: Arc<Ledger>,
    bytes: u64,
    stream: Arc<CudaStream>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        match self.stream.record_event(None) {
            Ok(event) => self.ledger.release(event, self.bytes),
            Err(_) => drop(self.ledger.live.fetch_sub(self.bytes, Ordering::Relaxed)),
        }
    }
}

/// The granularity of the driver's pools.
const GRAIN: usize = 512;

/// A block in the memory of a GPU.
pub(crate) struct DeviceBuffer {
    slice: CudaSlice<u8>,
    pub(crate) address: u64,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    home: Stream,
    /// Per other stream, its last use.
    uses: Mutex<BTreeMap<Stream, Arc<CudaEvent>>>,
    /// After the memory itself: fields are dropped in this order.
    _counted: Entry,
}

impl DeviceBuffer {
    /// Memory for `shape` elements, uninitialised, allocated in the order of `home`; none where there is no room for it.
    pub(crate) fn new(
        streams: &Streams,
        ledger: &Arc<Ledger>,
        home: Stream,
        dtype: DType,
        shape: &[usize],
    ) -> Result<Option<Self>> {
        let bytes = (crate::shape::size(shape) * dtype.size()).max(1).next_multiple_of(GRAIN);
        let stream = streams.get(home)?;
        let Some(counted) = ledger.admit(bytes as u64, stream) else { return Ok(None) };
        // SAFETY: the memory is written by the operation that asked for it before anything reads it.
        let slice = match unsafe { stream.alloc::<u8>(bytes) } {
            Ok(slice) => slice,
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => return Ok(None),
            Err(error) => return Err(streams.fault(error)),
        };
        let address = slice.device_ptr(stream).0;
        let uses = Mutex::default();
        Ok(Some(Self { slice, address, dtype, shape: shape.to_vec(), home, uses, _counted: counted }))
    }

    pub(crate) fn slice(&self) -> &CudaSlice<u8> {
        &self.slice
    }

    pub(crate) fn slice_mut(&mut self) -> &mut CudaSlice<u8> {
        &mut self.slice
    }

    pub(crate) fn bytes(&self) -> usize {
        self.size() * self.dtype.size()
    }

    pub(crate) fn size(&self) -> usize {
        crate::shape::size(&self.shape)
    }

    /// Notes that `stream` uses the buffer up to its current end.
    pub(crate) fn used_on(&self, stream: Stream, mark: impl FnOnce() -> Result<Arc<CudaEvent>>) -> Result<()> {
        if stream != self.home {
            let event = mark()?;
            self.uses.lock().insert(stream, event);
        }
        Ok(())
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        let stream = self.slice.stream();
        let context = stream.context();
        context.record_err(context.bind_to_thread());
        for event in self.uses.get_mut().values() {
            context.record_err(stream.wait(event));
        }
    }
}

/// Pinned host memory of one transfer.
pub(crate) type Slab = PinnedHostSlice<u8>;

/// `len` bytes of pinned memory as a buffer of the host; none where the driver has none.
pub(crate) fn lend(context: &Arc<CudaContext>, len: usize) -> Option<Buffer> {
    // SAFETY: the bytes are filled before anybody sees them; the flags ask for cached memory.
    let mut slab = unsafe { context.alloc_pinned_with_flags::<u8>(len, 0) }.ok()?;
    let bytes = slab.as_mut_slice().ok()?;
    bytes.fill(0);
    let ptr = NonNull::new(bytes.as_mut_ptr())?;
    // SAFETY: the bytes were just filled; they lie outside the slab's handle and live as long as it.
    Some(unsafe { Buffer::lent(ptr, len, Box::new(slab)) })
}

/// Slabs smaller than this share one size.
const SMALLEST: usize = 1 << 16;

/// The pool of pinned slabs.
pub(crate) struct Staging {
    context: Arc<CudaContext>,
    state: Mutex<State>,
    /// Idle bytes above this are given back to the system.
    keep: usize,
}

#[derive(Default)]
struct State {
    idle: BTreeMap<usize, Vec<Slab>>,
    idle_bytes: usize,
    /// Slabs that a copy still uses.
    flying: Vec<(Arc<CudaEvent>, Slab)>,
    /// Blocks that a copy still reads.
    reading: Vec<(Arc<CudaEvent>, Block)>,
}

impl Staging {
    pub(crate) fn new(context: Arc<CudaContext>, keep: usize) -> Self {
        Self { context, state: Mutex::default(), keep }
    }

    /// A slab of at least `bytes` bytes.
    pub(crate) fn take(&self, bytes: usize, streams: &Streams) -> Result<Slab> {
        let class = bytes.max(SMALLEST).next_power_of_two();
        {
            let mut state = self.state.lock();
            self.land(&mut state);
            if let Some(slab) = state.idle.get_mut(&class).and_then(Vec::pop) {
                state.idle_bytes -= class;
                return Ok(slab);
            }
        }
        // SAFETY: callers write a slab, or let the device write it, before they read it; the flags ask for cached memory.
        unsafe { self.context.alloc_pinned_with_flags::<u8>(class, 0) }.map_err(|e| streams.fault(e))
    }

    /// Gives a slab back, to be reused once `event` has happened.
    pub(crate) fn give_back(&self, slab: Slab, event: Arc<CudaEvent>) {
        let mut state = self.state.lock();
        state.flying.push((event, slab));
        self.land(&mut state);
    }

    /// Keeps a block until `event` has happened.
    pub(crate) fn keep(&self, block: Block, event: Arc<CudaEvent>) {
        let mut state = self.state.lock();
        state.reading.push((event, block));
        self.land(&mut state);
    }

    fn land(&self, state: &mut State) {
        state.reading.retain(|(event, _)| !event.is_complete());
        let (done, flying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.flying).into_iter().partition(|(event, _)| event.is_complete());
        state.flying = flying;
        for (_, slab) in done {
            if state.idle_bytes + slab.len() <= self.keep {
                state.idle_bytes += slab.len();
                state.idle.entry(slab.len()).or_default().push(slab);
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        for (event, slab) in state.flying.drain(..) {
            self.context.record_err(event.synchronize());
            drop(slab);
        }
        for (event, block) in state.reading.drain(..) {
            self.context.record_err(event.synchronize());
            drop(block);
        }
    }
}
