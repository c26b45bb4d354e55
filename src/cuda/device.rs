//! A GPU as a device.

use super::buffer::{DeviceBuffer, Slab, Staging};
use super::compile::{self, Target};
use super::launch::{Modules, Values, launch};
use super::layout::{Layout, Operand, check};
use super::stream::Streams;
use super::{elementwise, gemm, reduce, source};
use crate::chunk::Region;
use crate::device::block::{Block, Buffer};
use crate::device::null::output_shapes;
use crate::device::{Device, Event, Pending, Resident, Stream, View};
use crate::error::{Error, Result};
use crate::op::kernel::{Kernel, TileReduce};
use crate::op::program::{Inst, Program};
use crate::shape;
use cudarc::driver::{CudaContext, CudaEvent, DriverError, sys};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// Streams of a device: two to compute, one to upload, one to download.
const STREAMS: usize = 4;

/// Pinned bytes that stay allocated between copies.
const KEEP_PINNED: usize = 256 << 20;

/// The most inputs, outputs and constants of one kernel: they share 4 KiB of arguments with the index space.
const MAX_ARGUMENTS: usize = 16;
const MAX_CONSTANTS: usize = 64;

/// One GPU: stream-ordered, with kernels compiled when they are first used.
pub struct CudaDevice {
    name: String,
    shared: Arc<Shared>,
    modules: Modules,
    multiprocessors: u32,
    blas: gemm::Handles,
}

/// What buffers and pending downloads need after the call that made them.
struct Shared {
    streams: Streams,
    staging: Staging,
}

impl fmt::Debug for CudaDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaDevice({})", self.name)
    }
}

/// Why this machine has no GPU to use, if it has none.
fn missing() -> Option<&'static str> {
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
        let streams = Streams::new(name, &context, STREAMS).map_err(fault)?;
        let (major, minor) = context.compute_capability().map_err(fault)?;
        let attribute = sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors = context.attribute(attribute).map_err(fault)?;
        // The stand-in for the driver interprets PTX.
        let simulated = context.name().is_ok_and(|name| name == "simgpu");
        let target = if simulated { Target::Ptx(90) } else { Target::of(10 * major + minor)? };
        Ok(Self {
            name: name.to_owned(),
            modules: Modules::new(Arc::clone(&context), target),
            multiprocessors: u32::try_from(multiprocessors).unwrap_or(1).max(1),
            shared: Arc::new(Shared { streams, staging: Staging::new(context, KEEP_PINNED) }),
            blas: gemm::Handles::default(),
        })
    }

    /// The same device with compiled kernels kept in `folder`.
    #[must_use]
    pub fn kernel_cache(mut self, folder: PathBuf) -> Self {
        self.modules.folder = Some(folder);
        self
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

    /// The matrix product of two resident row-major matrices of `f32` or `f64`, enqueued on `stream`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) and [`DType`](crate::ErrorKind::DType) for matrices that do not multiply,
    /// [`Device`](crate::ErrorKind::Device) where cuBLAS is missing or fails.
    pub fn gemm(&self, stream: Stream, a: &Resident, b: &Resident) -> Result<Resident> {
        let (a, b) = (buffer(a)?, buffer(b)?);
        let c = gemm::gemm(&self.blas, &self.shared.streams, stream, &a, &b)?;
        self.note_uses(stream, &[a, b])?;
        Ok(Resident(Arc::new(c)))
    }

    /// The matrix product of two host matrices: upload, multiply, download, wait.
    ///
    /// # Errors
    /// As [`CudaDevice::gemm`].
    pub fn matmul(&self, a: &Block, b: &Block) -> Result<Block> {
        let stream = Stream(0);
        let (a, b) = (self.upload(stream, a)?, self.upload(stream, b)?);
        let product = self.gemm(stream, &a, &b)?;
        let pending = self.download(stream, &product)?;
        self.wait(self.record(stream))?;
        (pending.0)()
    }

    /// Blocks for a grid-stride loop over `work` items.
    fn grid(&self, work: usize) -> u32 {
        let needed = u32::try_from(work.div_ceil(source::BLOCK as usize)).unwrap_or(u32::MAX);
        needed.clamp(1, self.multiprocessors * 8)
    }

    fn allocate(&self, stream: Stream, kernel: &Kernel, region: &Region) -> Result<Vec<Arc<DeviceBuffer>>> {
        output_shapes(kernel, region)
            .iter()
            .zip(kernel.outputs())
            .map(|(s, d)| Ok(Arc::new(DeviceBuffer::new(&self.shared.streams, stream, d, s)?)))
            .collect()
    }

    fn elementwise(
        &self,
        stream: Stream,
        program: &Program,
        dims: &[usize],
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let width = elementwise::width(program);
        let operands: Vec<Operand<'_>> = views.iter().map(Source::operand).collect();
        let layout = Layout::new(dims, &operands, width)?;
        if layout.count == 0 {
            return Ok(());
        }
        let kernel = elementwise::print(program, "fused", &layout.form)?;
        let module = self.modules.load(&kernel.text, &self.shared.streams)?;
        let addresses: Vec<u64> = views.iter().map(|v| v.address).collect();
        let work = layout.count.div_ceil(width);
        let values =
            Values { inputs: &addresses, outputs, layout: &layout, position: 0, partials: 0, chunk: 0, blocks: 0 };
        launch(&self.shared.streams, stream, &module, &kernel, self.grid(work), &values)
    }

    fn reduce(
        &self,
        stream: Stream,
        tile: &TileReduce,
        region: &Region,
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let along = shape::strides(&tile.space);
        let steps: Vec<isize> = along.iter().map(|s| s.cast_signed()).collect();
        let origin: usize = region.start.iter().zip(&along).map(|(a, b)| a * b).sum();
        let mut operands: Vec<Operand<'_>> = views.iter().map(Source::operand).collect();
        if reduce::uses_position(tile) {
            operands.push(Operand { strides: &steps, size: 1, address: 0 });
        }
        let layout = Layout::new(&region.shape, &operands, reduce::width(tile))?;
        let printed = reduce::print(tile, "reduce", &layout.form)?;
        let text = format!("{}\n{}{}", reduce::PRELUDE, printed.tiles.text, printed.finish.text);
        let streams = &self.shared.streams;
        let module = self.modules.load(&text, streams)?;
        let (blocks, chunk) = reduce::partition(layout.count);
        let blocks = u32::try_from(blocks).map_err(|_| Error::bug("few blocks"))?;
        let scratch = [blocks as usize * printed.state_size];
        let partials = DeviceBuffer::new(streams, stream, crate::dtype::DType::U8, &scratch)?;
        let addresses: Vec<u64> = views.iter().map(|v| v.address).collect();
        let values = Values {
            inputs: &addresses,
            outputs,
            layout: &layout,
            position: origin.cast_signed() as i64,
            partials: partials.address,
            chunk: chunk as u64,
            blocks,
        };
        launch(streams, stream, &module, &printed.tiles, blocks, &values)?;
        launch(streams, stream, &module, &printed.finish, 1, &values)
    }

    /// Notes on other streams' buffers that `stream` uses them.
    fn note_uses(&self, stream: Stream, buffers: &[Arc<DeviceBuffer>]) -> Result<()> {
        let mark = || self.shared.streams.mark(stream).map(|(_, event)| event);
        buffers.iter().try_for_each(|b| b.used_on(stream, mark))
    }
}

/// An input of a launch: a checked view.
struct Source<'a> {
    address: u64,
    size: usize,
    strides: &'a [isize],
}

impl Source<'_> {
    fn operand(&self) -> Operand<'_> {
        Operand { strides: self.strides, size: self.size, address: self.address }
    }
}

fn buffer(data: &Resident) -> Result<Arc<DeviceBuffer>> {
    Arc::clone(&data.0).downcast::<DeviceBuffer>().map_err(|_| Error::bug("data of another device"))
}

fn fits(program: &Program) -> bool {
    let constants = program.insts.iter().filter(|i| matches!(i, Inst::Const(..))).count();
    let printable = source::function(program, "f").is_ok();
    program.inputs.len() <= MAX_ARGUMENTS
        && program.outputs.len() <= MAX_ARGUMENTS
        && constants <= MAX_CONSTANTS
        && printable
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

impl Device for CudaDevice {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn supports(&self, kernel: &Kernel) -> bool {
        match kernel {
            Kernel::Elementwise(program) => fits(program),
            Kernel::Reduce(tile) => fits(&tile.map) && reduce::supports(tile),
            Kernel::Scan(_) | Kernel::Contract(_) | Kernel::Function(_) => false,
        }
    }

    fn streams(&self) -> usize {
        self.shared.streams.len()
    }

    fn upload(&self, stream: Stream, block: &Block) -> Result<Resident> {
        let streams = &self.shared.streams;
        let mut buffer = DeviceBuffer::new(streams, stream, block.dtype(), block.shape())?;
        let bytes = block.bytes();
        if !bytes.is_empty() {
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

    fn launch(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>> {
        let buffers = inputs.iter().map(|v| buffer(&v.block)).collect::<Result<Vec<_>>>()?;
        let mut views = Vec::with_capacity(inputs.len());
        for (view, data) in inputs.iter().zip(&buffers) {
            check(&region.shape, view.offset, &view.strides, data.size())?;
            let size = data.dtype.size();
            views.push(Source { address: data.address + (view.offset * size) as u64, size, strides: &view.strides });
        }
        let outputs = self.allocate(stream, kernel, region)?;
        match kernel {
            Kernel::Elementwise(program) => self.elementwise(stream, program, &region.shape, &views, &outputs)?,
            Kernel::Reduce(tile) if reduce::supports(tile) => self.reduce(stream, tile, region, &views, &outputs)?,
            Kernel::Reduce(_) | Kernel::Scan(_) | Kernel::Contract(_) | Kernel::Function(_) => {
                return Err(Error::unsupported(format!("{kernel} on {}", self.name)));
            }
        }
        self.note_uses(stream, &buffers)?;
        Ok(outputs.into_iter().map(|b| Resident(b)).collect())
    }

    fn download(&self, stream: Stream, data: &Resident) -> Result<Pending> {
        let data = buffer(data)?;
        let streams = &self.shared.streams;
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

    fn record(&self, stream: Stream) -> Event {
        self.shared.streams.record(stream)
    }

    fn order(&self, stream: Stream, event: Event) {
        self.shared.streams.order(stream, event);
    }

    fn wait(&self, event: Event) -> Result<()> {
        self.shared.streams.wait(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_an_error_and_no_panic() {
        if missing().is_none() {
            return;
        }
        let refused = CudaDevice::new(0).unwrap_err().to_string();
        assert!(refused.starts_with("device cuda:0: no "), "{refused}");
        assert_eq!(CudaDevice::count(), 0);
    }
}
