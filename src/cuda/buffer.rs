//! Memory of a GPU, and the pinned host memory through which copies go.
//!
//! Allocation and release are ordered by the stream on which a buffer was made; other streams that read it leave an event
//! behind, for which the release waits. Pinned slabs are reused once the copy that used them is over.

use super::stream::Streams;
use crate::device::Stream;
use crate::dtype::DType;
use crate::error::Result;
use cudarc::driver::{CudaContext, CudaEvent, CudaSlice, DevicePtr, PinnedHostSlice};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A block in the memory of a GPU.
pub(crate) struct DeviceBuffer {
    slice: CudaSlice<u8>,
    pub(crate) address: u64,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    home: Stream,
    /// Per other stream, its last use.
    uses: Mutex<BTreeMap<Stream, Arc<CudaEvent>>>,
}

impl DeviceBuffer {
    /// Memory for `shape` elements, uninitialised, allocated in the order of `home`.
    pub(crate) fn new(streams: &Streams, home: Stream, dtype: DType, shape: &[usize]) -> Result<Self> {
        let bytes = crate::shape::size(shape) * dtype.size();
        let stream = streams.get(home)?;
        // SAFETY: the memory is written by the operation that asked for it before anything reads it.
        let slice = unsafe { stream.alloc::<u8>(bytes.max(16)) }.map_err(|e| streams.fault(e))?;
        let address = slice.device_ptr(stream).0;
        Ok(Self { slice, address, dtype, shape: shape.to_vec(), home, uses: Mutex::default() })
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

    fn land(&self, state: &mut State) {
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
        for (event, slab) in self.state.get_mut().flying.drain(..) {
            self.context.record_err(event.synchronize());
            drop(slab);
        }
    }
}
