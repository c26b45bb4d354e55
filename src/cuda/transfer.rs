//! Copies between the host and a GPU.

use super::buffer::DeviceBuffer;
use super::gpu::{CudaDevice, Shared, buffer};
use crate::device::block::{Block, Buffer};
use crate::device::{Event, Pending, Resident, Stream};
use crate::error::{Error, Result};
use std::sync::{Arc, Weak};

/// A download on its way into memory that the device lent, which must not be anybody else's before it is over.
struct Arriving {
    shared: Arc<Shared>,
    buffer: Option<Buffer>,
    event: Event,
}

impl Arriving {
    fn finish(mut self, data: &DeviceBuffer) -> Result<Block> {
        self.shared.streams.pass(self.event)?;
        let buffer = self.buffer.take().ok_or_else(|| Error::bug("a download has a buffer"))?;
        Block::new(data.dtype, &data.shape, buffer)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.buffer.is_some() {
            self.shared.streams.settle(self.event);
        }
    }
}

impl CudaDevice {
    /// Enqueues a copy of a block of the host.
    pub(super) fn send(&self, stream: Stream, block: &Block) -> Result<Resident> {
        let streams = &self.shared.streams;
        let mut buffer = self.allocate(stream, block.dtype(), block.shape())?;
        let bytes = block.bytes();
        if block.is_lent() {
            let mut target = buffer.view_mut()?;
            streams.get(stream)?.memcpy_htod(bytes, &mut target).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
            streams.mark(stream)?;
            self.shared.staging.keep(block.clone(), streams.record(stream));
        } else if !bytes.is_empty() {
            let mut slab = self.shared.staging.take(bytes.len())?;
            let host = slab.bytes_mut();
            host[..bytes.len()].copy_from_slice(bytes);
            let queue = streams.get(stream)?;
            let mut target = buffer.view_mut()?;
            queue.memcpy_htod(&host[..bytes.len()], &mut target).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
            streams.mark(stream)?;
            self.shared.staging.give_back(slab, streams.record(stream));
        }
        Ok(Resident(Arc::new(buffer)))
    }

    /// Enqueues a copy to the host.
    pub(super) fn fetch(&self, stream: Stream, data: &Resident) -> Result<Pending> {
        let data = buffer(data)?;
        let streams = &self.shared.streams;
        let memory = self.shared.memory.lock().as_ref().and_then(Weak::upgrade);
        let own = memory.map(|memory| memory.buffer(data.bytes())).filter(Buffer::is_lent);
        if let Some(mut own) = own {
            let event = data.copy(streams, stream, own.bytes_mut())?;
            let arriving = Arriving { shared: Arc::clone(&self.shared), buffer: Some(own), event };
            return Ok(Pending(Box::new(move || arriving.finish(&data))));
        }
        let landing = data.land(&self.shared.staging, stream)?;
        Ok(Pending(Box::new(move || data.landed(&landing))))
    }
}
