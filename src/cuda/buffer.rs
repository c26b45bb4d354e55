//! Memory of a GPU.
//!
//! Allocation and release are ordered by the stream on which a buffer was made; other streams that read it leave an
//! event behind, for which the release waits. A [`Ledger`] counts what is allocated and holds it under a budget.

use super::staging::{Landing, Staging};
use super::stream::Streams;
use crate::device::block::Block;
use crate::device::{Event, Stream};
use crate::dtype::DType;
use crate::error::{Error, Result};
use cudarc::driver::{CudaEvent, CudaSlice, CudaViewMut, DevicePtr, DriverError, sys};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a device that are in use, under a budget.
#[derive(Debug)]
pub(crate) struct Ledger {
    budget: u64,
    live: AtomicU64,
    peak: AtomicU64,
    /// Bytes that are free once their stream comes to it.
    leaving: Mutex<VecDeque<(Event, u64)>>,
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

    /// Counts `bytes` of `home`, if the budget has room for them.
    fn admit(self: &Arc<Self>, bytes: u64, streams: &Arc<Streams>, home: Stream) -> Option<Entry> {
        let room = |live: u64| live.checked_add(bytes).filter(|&sum| sum <= self.budget);
        let before = self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        Some(Entry { ledger: Arc::clone(self), bytes, streams: Arc::clone(streams), home })
    }

    /// Waits for the release that has been under way longest; whether there was one.
    pub(crate) fn settle(&self, streams: &Streams) -> Result<bool> {
        let Some((event, bytes)) = self.leaving.lock().pop_front() else { return Ok(false) };
        let done = streams.pass(event);
        self.live.fetch_sub(bytes, Ordering::Relaxed);
        done.map(|()| true)
    }

    /// Notes that `bytes` are free after `event`.
    fn release(&self, event: Event, bytes: u64, streams: &Streams) {
        let mut leaving = self.leaving.lock();
        leaving.push_back((event, bytes));
        while let Some((_, bytes)) = leaving.pop_front_if(|(event, _)| streams.has_happened(*event)) {
            self.live.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Counted bytes. When dropped, which is after what they count was released in the order of its stream, they are
/// counted until the stream has come there.
struct Entry {
    ledger: Arc<Ledger>,
    bytes: u64,
    streams: Arc<Streams>,
    home: Stream,
}

impl Entry {
    /// Counts no longer what there never was.
    fn undo(mut self) {
        self.ledger.live.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        // A stream with nothing before it has come there already.
        let large = self.bytes > SMALL as u64;
        if large && self.streams.is_idle(self.home) {
            self.ledger.live.fetch_sub(self.bytes, Ordering::Relaxed);
            return;
        }
        // Who needs few bytes can wait for a later event, too.
        self.streams.issued(self.home);
        if large && self.streams.mark(self.home).is_err() {
            self.ledger.live.fetch_sub(self.bytes, Ordering::Relaxed);
            return;
        }
        self.ledger.release(self.streams.record(self.home), self.bytes, &self.streams);
    }
}

/// The granularity of the driver's pools.
const GRAIN: usize = 512;

/// Buffers up to this size are reused by their own stream: states of reductions are, again and again, and the driver
/// takes longer over them than over the kernels that make them.
const SMALL: usize = 4 << 20;

/// Bytes of released small buffers that are kept.
const KEEP_SMALL: usize = 64 << 20;

/// Allocated and counted memory, freed in the order of its home stream.
struct Memory {
    slice: CudaSlice<u8>,
    /// After the memory itself: fields are dropped in this order.
    counted: Entry,
}

/// Released small buffers, by home stream and size. Whatever happens to one next happens after all that has happened to
/// it, since it stays with its stream.
#[derive(Default)]
pub(crate) struct Idle(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lists: BTreeMap<(Stream, usize), Vec<Memory>>,
    bytes: usize,
}

impl Idle {
    fn take(&self, home: Stream, bytes: usize) -> Option<Memory> {
        let mut kept = self.0.lock();
        let found = kept.lists.get_mut(&(home, bytes)).and_then(Vec::pop)?;
        kept.bytes -= bytes;
        Some(found)
    }

    /// Keeps `memory` where there is room; it is freed otherwise.
    fn give_back(&self, home: Stream, memory: Memory) {
        let bytes = memory.slice.len();
        let mut kept = self.0.lock();
        if bytes <= SMALL && kept.bytes + bytes <= KEEP_SMALL {
            kept.bytes += bytes;
            kept.lists.entry((home, bytes)).or_default().push(memory);
        }
    }

    /// Frees all; whether there was any.
    pub(crate) fn clear(&self) -> bool {
        let kept = std::mem::take(&mut *self.0.lock());
        !kept.lists.values().all(Vec::is_empty)
    }
}

/// Memory of one buffer or several: those that a kernel writes together, where they are small, so that they are
/// allocated and copied to the host together.
pub(crate) struct Chunk {
    /// Until it is dropped.
    memory: Option<Memory>,
    address: u64,
    home: Stream,
    /// Per other stream, its last use.
    uses: Mutex<BTreeMap<Stream, Arc<CudaEvent>>>,
    idle: Arc<Idle>,
    /// The copy of several buffers on the host, once there is one: they were written before anybody asks for it.
    landed: Mutex<Option<Arc<Landing>>>,
}

impl Chunk {
    /// `bytes` bytes, uninitialised, allocated in the order of `home`; none where there is no room for them.
    pub(crate) fn new(
        (streams, idle): (&Arc<Streams>, &Arc<Idle>),
        ledger: &Arc<Ledger>,
        home: Stream,
        bytes: usize,
    ) -> Result<Option<Self>> {
        let bytes = bytes.max(1).next_multiple_of(GRAIN);
        let stream = streams.get(home)?;
        let memory = match idle.take(home, bytes) {
            Some(memory) => memory,
            None => {
                let Some(counted) = ledger.admit(bytes as u64, streams, home) else { return Ok(None) };
                // SAFETY: the memory is written by the operation that asked for it before anything reads it.
                match unsafe { stream.alloc::<u8>(bytes) } {
                    Ok(mut slice) => {
                        // What lies between blocks that share memory is copied with them.
                        if bytes <= SHARED {
                            stream.memset_zeros(&mut slice).map_err(|e| streams.fault(e))?;
                        }
                        streams.issued(home);
                        Memory { slice, counted }
                    }
                    Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                        counted.undo();
                        return Ok(None);
                    }
                    Err(error) => return Err(streams.fault(error)),
                }
            }
        };
        let (address, idle) = (memory.slice.device_ptr(stream).0, Arc::clone(idle));
        let (uses, landed) = (Mutex::default(), Mutex::default());
        Ok(Some(Self { memory: Some(memory), address, home, uses, idle, landed }))
    }

    fn slice(&self) -> Result<&CudaSlice<u8>> {
        self.memory.as_ref().map(|m| &m.slice).ok_or_else(|| Error::bug("a buffer has memory"))
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take() else { return };
        let stream = memory.slice.stream();
        let context = stream.context();
        context.record_err(context.bind_to_thread());
        for event in self.uses.get_mut().values() {
            context.record_err(stream.wait(event));
            memory.counted.streams.issued(self.home);
        }
        self.idle.give_back(self.home, memory);
    }
}

/// Buffers of a chunk begin at multiples of this, as wide accesses want.
const ALIGNED: usize = 16;

/// Bytes of the buffers that share a chunk, at most.
const SHARED: usize = 64 << 10;

/// A block in the memory of a GPU.
pub(crate) struct DeviceBuffer {
    chunk: Arc<Chunk>,
    /// Where it begins in its chunk.
    offset: usize,
    /// Bytes of all buffers of the chunk, where there are several.
    several: Option<usize>,
    pub(crate) address: u64,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
}

impl DeviceBuffer {
    /// The block that fills a chunk.
    pub(crate) fn whole(chunk: Chunk, dtype: DType, shape: &[usize]) -> Self {
        let address = chunk.address;
        Self { chunk: Arc::new(chunk), offset: 0, several: None, address, dtype, shape: shape.to_vec() }
    }

    /// Bytes of a chunk for all of these blocks.
    pub(crate) fn bytes_beside(blocks: &[(DType, Vec<usize>)]) -> usize {
        let each = blocks.iter().map(|(dtype, shape)| bytes_of(*dtype, shape).next_multiple_of(ALIGNED));
        each.fold(0usize, usize::saturating_add)
    }

    /// The same, where they had better share one.
    pub(crate) fn shared_bytes(blocks: &[(DType, Vec<usize>)]) -> Option<usize> {
        let bytes = Self::bytes_beside(blocks);
        (blocks.len() > 1 && bytes <= SHARED).then_some(bytes)
    }

    /// These blocks, side by side in a chunk of [`DeviceBuffer::bytes_beside`].
    pub(crate) fn beside(chunk: Chunk, blocks: Vec<(DType, Vec<usize>)>) -> Vec<Self> {
        let (several, chunk) = (Self::shared_bytes(&blocks), Arc::new(chunk));
        let mut offset = 0;
        let place = |(dtype, shape): (DType, Vec<usize>)| {
            let (at, address) = (offset, chunk.address + offset as u64);
            offset += bytes_of(dtype, &shape).next_multiple_of(ALIGNED);
            Self { chunk: Arc::clone(&chunk), offset: at, several, address, dtype, shape }
        };
        blocks.into_iter().map(place).collect()
    }

    /// Where it lies in its chunk, for a copy from the host.
    pub(crate) fn view_mut(&mut self) -> Result<CudaViewMut<'_, u8>> {
        let bytes = self.bytes();
        let memory = Arc::get_mut(&mut self.chunk).and_then(|chunk| chunk.memory.as_mut());
        let memory = memory.ok_or_else(|| Error::bug("a block that is filled is nobody else's"))?;
        Ok(memory.slice.slice_mut(..bytes))
    }

    /// Enqueues a copy to memory of the host that nobody looks at before `stream` has passed it.
    pub(crate) fn copy(&self, streams: &Streams, stream: Stream, to: &mut [u8]) -> Result<Event> {
        self.copy_range(streams, stream, self.offset..self.offset + self.bytes(), to)
    }

    fn copy_range(&self, streams: &Streams, stream: Stream, range: Range<usize>, to: &mut [u8]) -> Result<Event> {
        if !range.is_empty() {
            let from = self.chunk.slice()?.slice(range);
            streams.get(stream)?.memcpy_dtoh(&from, to).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
        }
        self.used_on(stream, || streams.mark(stream))?;
        Ok(streams.record(stream))
    }

    /// A copy in a slab, enqueued where it is not on its way yet.
    pub(crate) fn land(&self, staging: &Arc<Staging>, stream: Stream) -> Result<Arc<Landing>> {
        let mut landed = self.chunk.landed.lock();
        if let Some(landing) = landed.as_ref() {
            return Ok(Arc::clone(landing));
        }
        let range = self.several.map_or(self.offset..self.offset + self.bytes(), |bytes| 0..bytes);
        let mut slab = staging.take(range.len())?;
        let host = slab.bytes_mut().get_mut(..range.len()).ok_or_else(|| Error::bug("a slab holds its block"))?;
        let event = self.copy_range(staging.streams(), stream, range, host)?;
        let landing = Arc::new(Landing::new(staging, slab, event));
        if self.several.is_some() {
            *landed = Some(Arc::clone(&landing));
        }
        Ok(landing)
    }

    /// The block in a copy that [`DeviceBuffer::land`] gave.
    pub(crate) fn landed(&self, landing: &Landing) -> Result<Block> {
        let at = self.several.map_or(0, |_| self.offset);
        Block::new(self.dtype, &self.shape, landing.bytes(at..at + self.bytes())?)
    }

    pub(crate) fn bytes(&self) -> usize {
        bytes_of(self.dtype, &self.shape)
    }

    pub(crate) fn size(&self) -> usize {
        crate::shape::size(&self.shape)
    }

    /// Notes that `stream` uses the buffer up to its current end.
    pub(crate) fn used_on(&self, stream: Stream, mark: impl FnOnce() -> Result<Arc<CudaEvent>>) -> Result<()> {
        if stream != self.chunk.home {
            let event = mark()?;
            self.chunk.uses.lock().insert(stream, event);
        }
        Ok(())
    }
}

fn bytes_of(dtype: DType, shape: &[usize]) -> usize {
    crate::shape::size(shape) * dtype.size()
}
