//! Copies between the host and a GPU.

use super::buffer::{DeviceBuffer, Slab};
use super::gpu::{CudaDevice, Shared, buffer};
use crate::device::block::{Block, Buffer};
use crate::device::{Pending, Resident, Stream};
use crate::error::{Error, Result};
use cudarc::driver::CudaEvent;
use std::sync::{Arc, Weak};

/// A download on its way into memory that the device lent, which must not be anybody else's before it is over.
struct Arriving {
    shared: Arc<Shared>,
    buffer: Option<Buffer>,
    event: Arc<CudaEvent>,
}

impl Arriving {
    fn finish(mut self, data: &DeviceBuffer) -> Result<Block> {
        self.event.synchronize().map_err(|e| self.shared.streams.fault(e))?;
        let buffer = self.buffer.take().ok_or_else(|| Error::bug("a download has a buffer"))?;
        Block::new(data.dtype, &data.shape, buffer)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.buffer.is_some() {
            self.shared.streams.context().record_err(self.event.synchronize());
        }
    }
}

/// A download on its way: the slab returns to the pool whether or not anybody looks at the block.
struct Landing {
    shared: Arc<Shared>,
    slab: Option<Slab>,
    event: Arc<CudaEvent>,
}

impl Landing {
    fn finish(mut self, data: &DeviceBuffer) -> Result<Block> {
        self.event.synchronize().map_err(|e| self.shared.streams.fault(e))?;
        let mut host = Buffer::zeroed(data.bytes());
        if let Some(slab) = &self.slab {
            let bytes = slab.as_slice().map_err(|e| self.shared.streams.fault(e))?;
            let bytes = bytes.get(..data.bytes()).ok_or_else(|| Error::bug("a slab holds its block"))?;
            host.bytes_mut().copy_from_slice(bytes);
        }
        if let Some(slab) = self.slab.take() {
            self.shared.staging.give_back(slab, Arc::clone(&self.event));
        }
        Block::new(data.dtype, &data.shape, host)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(slab) = self.slab.take() {
            self.shared.staging.give_back(slab, Arc::clone(&self.event));
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
            let mut target = buffer.slice_mut().slice_mut(..bytes.len());
            streams.get(stream)?.memcpy_htod(bytes, &mut target).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
            let (_, event) = streams.mark(stream)?;
            self.shared.staging.keep(block.clone(), event);
        } else if !bytes.is_empty() {
            let mut slab = self.shared.staging.take(bytes.len(), streams)?;
            let host = slab.as_mut_slice().map_err(|e| streams.fault(e))?;
            host[..bytes.len()].copy_from_slice(bytes);
            let queue = streams.get(stream)?;
            let mut target = buffer.slice_mut().slice_mut(..bytes.len());
            queue.memcpy_htod(&host[..bytes.len()], &mut target).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
            let (_, event) = streams.mark(stream)?;
            self.shared.staging.give_back(slab, event);
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
            let queue = streams.get(stream)?;
            let bytes = own.bytes_mut();
            queue.memcpy_dtoh(&data.slice().slice(..bytes.len()), bytes).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
            let (_, event) = streams.mark(stream)?;
            data.used_on(stream, || Ok(Arc::clone(&event)))?;
            let arriving = Arriving { shared: Arc::clone(&self.shared), buffer: Some(own), event };
            return Ok(Pending(Box::new(move || arriving.finish(&data))));
        }
        let mut slab = self.shared.staging.take(data.bytes(), streams)?;
        if data.bytes() > 0 {
            let queue = streams.get(stream)?;
            let host = slab.as_mut_slice().map_err(|e| streams.fault(e))?;
            let host = host.get_mut(..data.bytes()).ok_or_else(|| Error::bug("a slab holds its block"))?;
            queue.memcpy_dtoh(&data.slice().slice(..data.bytes()), host).map_err(|e| streams.fault(e))?;
            streams.issued(stream);
        }
        let (_, event) = streams.mark(stream)?;
        data.used_on(stream, || Ok(Arc::clone(&event)))?;
        let landing = Landing { shared: Arc::clone(&self.shared), slab: Some(slab), event };
        Ok(Pending(Box::new(move || landing.finish(&data))))
    }
}
