//! One GPU: its streams, its memory, its kernels.

use super::buffer::{Chunk, DeviceBuffer, Idle, Ledger};
use super::compile::{self, Target};
use super::gemm;
use super::launch::Kernels;
use super::staging::Staging;
use super::stream::Streams;
use crate::chunk::Region;
use crate::device::data::{Leave, Mirror};
use crate::device::memory::Memory;
use crate::device::null::output_shapes;
use crate::device::{Resident, Stream};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::Kernel;
use crate::shape;
use cudarc::driver::{CudaContext, DriverError, result, sys};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Streams of a device. A thread uploads, computes and downloads on one; streams overlap with each other.
const STREAMS: usize = 8;

/// Pinned bytes that stay allocated between copies.
const KEEP_PINNED: usize = 256 << 20;

/// Device memory left to the driver, cuBLAS and modules.
const RESERVE: u64 = 512 << 20;

/// How long an allocation waits for a copy that somebody looks at.
const PATIENCE: Duration = Duration::from_millis(20);

/// One GPU: stream-ordered, with kernels compiled when they are first used.
pub struct CudaDevice {
    pub(super) name: String,
    pub(super) shared: Arc<Shared>,
    pub(super) kernels: Kernels,
    pub(super) blas: gemm::Handles,
    /// Whether products of `f32` may round to TF32.
    pub(super) tf32: bool,
    /// Copies that may leave, those that came first in front.
    pub(super) mirrors: Mutex<VecDeque<Weak<Mirror>>>,
}

/// What buffers and pending downloads need after the call that made them.
pub(super) struct Shared {
    pub(super) streams: Arc<Streams>,
    /// Small buffers that are free.
    pub(super) idle: Arc<Idle>,
    pub(super) staging: Arc<Staging>,
    pub(super) ledger: Arc<Ledger>,
    /// Where downloaded blocks go.
    pub(super) memory: Mutex<Option<Weak<Memory>>>,
}

impl fmt::Debug for CudaDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaDevice({})", self.name)
    }
}

/// Makes the device's pool keep what is freed, rather than give it back to the system at every synchronisation.
fn keep_freed_memory(context: &CudaContext) -> std::result::Result<(), DriverError> {
    context.bind_to_thread()?;
    let mut keep = u64::MAX;
    // SAFETY: the pool is the device's own, and the attribute is a 64-bit number.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut keep).cast())
    }
}

/// Gives freed memory back to the system.
fn keep_no_freed_memory(context: &CudaContext) -> std::result::Result<(), DriverError> {
    context.bind_to_thread()?;
    // SAFETY: the pool is the device's own.
    unsafe { result::mem_pool::trim_to(result::device::get_default_mem_pool(context.cu_device())?, 0) }
}

/// Why this machine has no GPU to use, if it has none.
pub(super) fn missing() -> Option<&'static str> {
    // SAFETY: only looks for the library by its usual names.
    if !unsafe { sys::is_culib_present() } {
        return Some("no CUDA driver (libcuda) on this machine");
    }
    (!compile::is_available()).then_some("no NVRTC (libnvrtc) on this machine: kernels cannot be compiled")
}

impl CudaDevice {
    /// The GPU of this number.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) where there is no driver, no NVRTC, no such GPU, or none that works.
    pub fn new(ordinal: usize) -> Result<Self> {
        let name = format!("cuda:{ordinal}");
        if let Some(why) = missing() {
            return Err(Error::device(name, why));
        }
        let found = Self::count();
        if found > 0 && ordinal >= found {
            let last = if found == 1 { String::new() } else { format!(" to cuda:{}", found - 1) };
            return Err(Error::device(name, format!("no such GPU: the driver sees cuda:0{last}")));
        }
        // The bindings panic on a symbol that an old driver lacks.
        catch_unwind(AssertUnwindSafe(|| Self::open(&name, ordinal)))
            .unwrap_or_else(|_| Err(Error::device(&name, "the driver is too old")))
    }

    fn open(name: &str, ordinal: usize) -> Result<Self> {
        let fault = |e: DriverError| Error::device(name, e.to_string());
        let context = CudaContext::new(ordinal).map_err(fault)?;
        // SAFETY: slices of this context are ordered by hand: by their home stream, by `DeviceBuffer::used_on`, and by
        // the events that callers of `Device` wait for.
        unsafe { context.disable_event_tracking() };
        let streams = Arc::new(Streams::new(name, &context, STREAMS).map_err(fault)?);
        keep_freed_memory(&context).map_err(fault)?;
        let (major, minor) = context.compute_capability().map_err(fault)?;
        // The stand-in for the driver interprets PTX.
        let simulated = context.name().is_ok_and(|name| name == "simgpu");
        let target = if simulated { Target::Ptx(90) } else { Target::of(10 * major + minor)? };
        let (free, _) = result::mem_get_info().map_err(fault)?;
        let budget = (free as u64 / 10 * 9).saturating_sub(RESERVE).max(free as u64 / 2);
        Ok(Self {
            name: name.to_owned(),
            kernels: Kernels::new(Arc::clone(&context), target),
            shared: Arc::new(Shared {
                staging: Arc::new(Staging::new(Arc::clone(&streams), KEEP_PINNED)),
                streams,
                idle: Arc::default(),
                ledger: Ledger::new(budget),
                memory: Mutex::default(),
            }),
            blas: gemm::Handles::default(),
            tf32: false,
            mirrors: Mutex::default(),
        })
    }

    /// The same device with compiled kernels kept in `folder`.
    #[must_use]
    pub fn kernel_cache(mut self, folder: PathBuf) -> Self {
        self.kernels.folder = Some(folder);
        self
    }

    /// The same device with `bytes` for blocks, rather than nine tenths of what is free.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a device that is in use already.
    pub fn memory(mut self, bytes: u64) -> Result<Self> {
        let shared = Arc::get_mut(&mut self.shared).ok_or_else(|| Error::bug("a device is not in use yet"))?;
        shared.ledger = Ledger::new(bytes);
        Ok(self)
    }

    /// The same device, on which factors of products in `f32` round to TF32: ten bits of precision, at the speed of
    /// tensor cores.
    #[must_use]
    pub fn tf32(mut self, yes: bool) -> Self {
        self.tf32 = yes;
        self
    }

    /// The most bytes of blocks that were ever there at once.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.shared.ledger.peak()
    }

    /// The number of GPUs that the driver sees; 0 where there is none.
    #[must_use]
    pub fn count() -> usize {
        if missing().is_some() {
            return 0;
        }
        let found = catch_unwind(CudaContext::device_count).ok().and_then(std::result::Result::ok);
        found.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    /// The grid of a loop over this many blocks' worth of work: memory is read fastest when every thread takes its
    /// share and ends, rather than walking on.
    pub(super) fn grid(blocks: usize) -> u32 {
        const LARGEST: usize = (1 << 31) - 1;
        u32::try_from(blocks.clamp(1, LARGEST)).unwrap_or(1)
    }

    /// Memory for a block. Where there is none, small buffers that are kept for later are freed, what the streams have
    /// released since is counted, then the copies that have been here longest leave, and at last what the streams are
    /// about to release is waited for, once.
    pub(super) fn allocate(&self, stream: Stream, dtype: DType, shape: &[usize]) -> Result<DeviceBuffer> {
        let chunk = self.chunk(stream, shape::size(shape) * dtype.size())?;
        Ok(DeviceBuffer::whole(chunk, dtype, shape))
    }

    fn chunk(&self, stream: Stream, bytes: usize) -> Result<Chunk> {
        let Shared { streams, idle, ledger, .. } = self.shared.as_ref();
        let mut waited = false;
        loop {
            if let Some(chunk) = Chunk::new((streams, idle), ledger, stream, bytes)? {
                return Ok(chunk);
            }
            if idle.clear() || ledger.settle(streams)? || self.evict()? {
                continue;
            }
            if waited {
                let needed = ledger.live() + bytes as u64;
                return Err(Error::memory(&self.name, needed, ledger.budget()));
            }
            waited = true;
            streams.drain()?;
            keep_no_freed_memory(streams.context()).map_err(|e| streams.fault(e))?;
        }
    }

    /// Makes the copy that has been here longest leave; whether there was one that could. Those that somebody looks at
    /// are waited for when no other is left, though not for long: who looks may be waiting for memory, too.
    fn evict(&self) -> Result<bool> {
        for patience in [Duration::ZERO, PATIENCE] {
            let count = self.mirrors.lock().len();
            for _ in 0..count {
                let Some(weak) = self.mirrors.lock().pop_front() else { break };
                let Some(mirror) = weak.upgrade() else { continue };
                let outcome = mirror.leave(self, patience);
                if !matches!(outcome, Ok(Leave::Left | Leave::Absent)) {
                    self.mirrors.lock().push_back(weak);
                }
                if outcome? == Leave::Left {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Memory for several blocks that are freed together.
    pub(super) fn beside(&self, stream: Stream, blocks: Vec<(DType, Vec<usize>)>) -> Result<Vec<DeviceBuffer>> {
        let chunk = self.chunk(stream, DeviceBuffer::bytes_beside(&blocks))?;
        Ok(DeviceBuffer::beside(chunk, blocks))
    }

    pub(super) fn outputs(&self, stream: Stream, kernel: &Kernel, region: &Region) -> Result<Vec<Arc<DeviceBuffer>>> {
        let blocks: Vec<(DType, Vec<usize>)> =
            kernel.outputs().into_iter().zip(output_shapes(kernel, region)).collect();
        if DeviceBuffer::shared_bytes(&blocks).is_some() {
            return Ok(self.beside(stream, blocks)?.into_iter().map(Arc::new).collect());
        }
        blocks.iter().map(|(dtype, shape)| self.allocate(stream, *dtype, shape).map(Arc::new)).collect()
    }

    /// Notes on other streams' buffers that `stream` uses them.
    pub(super) fn note_uses(&self, stream: Stream, buffers: &[Arc<DeviceBuffer>]) -> Result<()> {
        let mark = || self.shared.streams.mark(stream);
        buffers.iter().try_for_each(|b| b.used_on(stream, mark))
    }
}

/// The buffer behind data of this device.
pub(super) fn buffer(data: &Resident) -> Result<Arc<DeviceBuffer>> {
    Arc::clone(&data.0).downcast::<DeviceBuffer>().map_err(|_| Error::bug("data of another device"))
}
