//! Pinned host memory: copies go to and from blocks that the device itself lent, or slabs, which are reused once the
//! copy that used them is over.

use super::stream::Streams;
use crate::device::Event;
use crate::device::block::{Block, Buffer};
use crate::error::{Error, Result};
use cudarc::driver::CudaContext;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// Pinned host memory of one transfer.
pub(crate) type Slab = Buffer;

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
    streams: Arc<Streams>,
    state: Mutex<State>,
    /// Idle bytes above this are given back to the system.
    keep: usize,
}

#[derive(Default)]
struct State {
    idle: BTreeMap<usize, Vec<Slab>>,
    idle_bytes: usize,
    /// Slabs that a copy still uses.
    flying: Vec<(Event, Slab)>,
    /// Blocks that a copy still reads.
    reading: Vec<(Event, Block)>,
}

impl Staging {
    pub(crate) fn new(streams: Arc<Streams>, keep: usize) -> Self {
        Self { streams, state: Mutex::default(), keep }
    }

    /// The streams that copies go through.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// A slab of at least `bytes` bytes.
    pub(crate) fn take(&self, bytes: usize) -> Result<Slab> {
        let class = bytes.max(SMALLEST).next_power_of_two();
        {
            let mut state = self.state.lock();
            self.land(&mut state);
            if let Some(slab) = state.idle.get_mut(&class).and_then(Vec::pop) {
                state.idle_bytes -= class;
                return Ok(slab);
            }
        }
        lend(self.streams.context(), class).ok_or_else(|| self.streams.fault("no pinned memory is left"))
    }

    /// Gives a slab back, to be reused once `event` has happened.
    pub(crate) fn give_back(&self, slab: Slab, event: Event) {
        let mut state = self.state.lock();
        state.flying.push((event, slab));
        self.land(&mut state);
    }

    /// Keeps a block until `event` has happened.
    pub(crate) fn keep(&self, block: Block, event: Event) {
        let mut state = self.state.lock();
        state.reading.push((event, block));
        self.land(&mut state);
    }

    /// Takes back what is known to be copied.
    pub(crate) fn take_back(&self) {
        self.land(&mut self.state.lock());
    }

    fn land(&self, state: &mut State) {
        state.reading.retain(|(event, _)| !self.streams.has_happened(*event));
        let (done, flying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.flying).into_iter().partition(|(event, _)| self.streams.has_happened(*event));
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
            self.streams.settle(event);
            drop(slab);
        }
        for (event, block) in state.reading.drain(..) {
            self.streams.settle(event);
            drop(block);
        }
    }
}

/// A download on its way: the slab returns to the pool whether or not anybody looks at what is in it.
pub(crate) struct Landing {
    staging: Arc<Staging>,
    slab: Option<Slab>,
    event: Event,
}

impl Landing {
    /// What goes to `slab` until `event`.
    pub(crate) fn new(staging: &Arc<Staging>, slab: Slab, event: Event) -> Self {
        Self { staging: Arc::clone(staging), slab: Some(slab), event }
    }

    /// The bytes of `range`, once they are there.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Result<Buffer> {
        self.staging.streams.pass(self.event)?;
        let bytes = self.slab.as_ref().and_then(|slab| slab.bytes().get(range));
        let bytes = bytes.ok_or_else(|| Error::bug("a slab holds its block"))?;
        let mut host = Buffer::zeroed(bytes.len());
        host.bytes_mut().copy_from_slice(bytes);
        Ok(host)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(slab) = self.slab.take() {
            self.staging.give_back(slab, self.event);
        }
    }
}
