//! A GPU as a device.

use super::buffer::{DeviceBuffer, Ledger, Slab, Staging, lend};
use super::compile::{self, Target};
use super::gemm::Product;
use super::launch::{Kernels, Key, launch, number};
use super::layout::{Layout, Operand, ReduceLayout, check};
use super::source::Param;
use super::stream::Streams;
use super::{elementwise, function, gemm, reduce, source};
use crate::chunk::region::Indices;
use crate::chunk::tiling::FAN_IN;
use crate::chunk::{AxisChunks, Region};
use crate::device::block::{Block, Buffer};
use crate::device::data::Mirror;
use crate::device::memory::Memory;
use crate::device::null::output_shapes;
use crate::device::{Device, Event, Pending, Resident, Stream, View};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::function::BlockFunction;
use crate::op::kernel::{Kernel, PanelProduct, ReduceTiles, TileReduce};
use crate::op::program::{Inst, Program};
use crate::shape;
use cudarc::driver::{CudaContext, CudaEvent, DriverError, result, sys};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// Streams of a device. A thread uploads, computes and downloads on one; streams overlap with each other.
const STREAMS: usize = 8;

/// Pinned bytes that stay allocated between copies.
const KEEP_PINNED: usize = 256 << 20;

/// Device memory left to the driver, cuBLAS and modules.
const RESERVE: u64 = 512 << 20;

/// Blocks of a grid for each multiprocessor, in kernels that walk their work in strides of the grid.
const WAVES: u32 = 8;

/// The most inputs, outputs and constants of one kernel: they share 4 KiB of arguments with the index space.
const MAX_ARGUMENTS: usize = 16;
const MAX_CONSTANTS: usize = 64;

/// One GPU: stream-ordered, with kernels compiled when they are first used.
pub struct CudaDevice {
    name: String,
    shared: Arc<Shared>,
    kernels: Kernels,
    multiprocessors: u32,
    /// Blocks of a grid for each multiprocessor.
    waves: u32,
    blas: gemm::Handles,
    /// Whether products of `f32` may round to TF32.
    tf32: bool,
    /// Copies that may leave, those that came first in front.
    mirrors: Mutex<VecDeque<Weak<Mirror>>>,
}

/// What buffers and pending downloads need after the call that made them.
struct Shared {
    streams: Streams,
    staging: Staging,
    ledger: Arc<Ledger>,
    /// Where downloaded blocks go.
    memory: Mutex<Option<Weak<Memory>>>,
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
        keep_freed_memory(&context).map_err(fault)?;
        let (major, minor) = context.compute_capability().map_err(fault)?;
        let attribute = sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors = context.attribute(attribute).map_err(fault)?;
        // The stand-in for the driver interprets PTX.
        let simulated = context.name().is_ok_and(|name| name == "simgpu");
        let target = if simulated { Target::Ptx(90) } else { Target::of(10 * major + minor)? };
        let (free, _) = result::mem_get_info().map_err(fault)?;
        let budget = (free as u64 / 10 * 9).saturating_sub(RESERVE).max(free as u64 / 2);
        Ok(Self {
            name: name.to_owned(),
            kernels: Kernels::new(Arc::clone(&context), target),
            multiprocessors: u32::try_from(multiprocessors).unwrap_or(1).max(1),
            waves: WAVES,
            shared: Arc::new(Shared {
                streams,
                staging: Staging::new(context, KEEP_PINNED),
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

    /// The same device, on which factors of products in `f32` round to TF32: ten bits of precision, at the speed of tensor
    /// cores.
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

    /// The matrix product of two resident row-major matrices of floats or complex numbers, enqueued on `stream`; that of
    /// 16-bit floats is `f32`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) and [`DType`](crate::ErrorKind::DType) for matrices that do not multiply,
    /// [`Device`](crate::ErrorKind::Device) where cuBLAS is missing or fails.
    pub fn gemm(&self, stream: Stream, a: &Resident, b: &Resident) -> Result<Resident> {
        let (a, b) = (buffer(a)?, buffer(b)?);
        let shapes = || (shape::tuple(&a.shape), shape::tuple(&b.shape));
        let ([m, k], [inner, n]) = (a.shape.as_slice(), b.shape.as_slice()) else {
            return Err(Error::shape("matmul", format!("{} and {} are not matrices", shapes().0, shapes().1)));
        };
        if k != inner {
            return Err(Error::shape("matmul", format!("{} and {} do not multiply", shapes().0, shapes().1)));
        }
        if a.dtype != b.dtype {
            return Err(Error::dtype("matmul", format!("{} and {} differ", a.dtype, b.dtype)));
        }
        let dtype = if a.dtype.size() == 2 { DType::F32 } else { a.dtype };
        let c = self.allocate(stream, dtype, &[*m, *n])?;
        let product = Product {
            dtype: a.dtype,
            stack: 1,
            sides: [*m, *n, *k],
            addresses: [a.address, b.address, c.address],
            onto: false,
            tf32: self.tf32,
        };
        if c.bytes() > 0 {
            self.blas.multiply(&self.shared.streams, stream, &product)?;
        }
        self.note_uses(stream, &[Arc::clone(&a), Arc::clone(&b)])?;
        Ok(Resident(Arc::new(c)))
    }

    /// Multiplies a panel of both factors, onto a third input where there is one.
    fn contract(
        &self,
        stream: Stream,
        (product, region): (&PanelProduct, &Region),
        (views, buffers): (&[Source<'_>], &[Arc<DeviceBuffer>]),
    ) -> Result<Arc<DeviceBuffer>> {
        let ([a, b, ..], [.., m, n]) = (views, region.shape.as_slice()) else {
            return Err(Error::bug("a product has two factors"));
        };
        let stack = shape::size(&region.shape) / (m * n).max(1);
        let work = product.contraction.work();
        let c = match buffers.get(2) {
            Some(before) if product.onto => Arc::clone(before),
            _ => Arc::new(self.allocate(stream, work, &region.shape)?),
        };
        let depth = buffers[0].size() / (stack * m).max(1);
        if buffers[0].size() != stack * m * depth || buffers[1].size() != stack * depth * n || c.size() != stack * m * n {
            return Err(Error::bug("the factors of a panel are dense"));
        }
        if c.size() > 0 && depth > 0 {
            let product = Product {
                dtype: buffers[0].dtype,
                stack,
                sides: [*m, *n, depth],
                addresses: [a.address, b.address, c.address],
                onto: product.onto,
                tf32: self.tf32,
            };
            self.blas.multiply(&self.shared.streams, stream, &product)?;
        }
        Ok(c)
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

    /// The grid of a loop over this many blocks' worth of work.
    fn grid(&self, blocks: usize) -> u32 {
        u32::try_from(blocks).unwrap_or(u32::MAX).clamp(1, self.multiprocessors * self.waves)
    }

    /// Memory for a block. Where there is none, copies that are also elsewhere leave, then those that are not, and what
    /// other streams are about to release is waited for.
    fn allocate(&self, stream: Stream, dtype: DType, shape: &[usize]) -> Result<DeviceBuffer> {
        let Shared { streams, ledger, .. } = self.shared.as_ref();
        let mut waited = false;
        loop {
            if let Some(buffer) = DeviceBuffer::new(streams, ledger, stream, dtype, shape)? {
                return Ok(buffer);
            }
            if self.evict()? {
                continue;
            }
            if waited {
                let needed = ledger.live() + (shape::size(shape) * dtype.size()) as u64;
                return Err(Error::memory(&self.name, needed, ledger.budget()));
            }
            waited = true;
            streams.drain()?;
            keep_no_freed_memory(streams.context()).map_err(|e| streams.fault(e))?;
        }
    }

    /// Makes the copy that has been here longest leave; whether there was one that could.
    fn evict(&self) -> Result<bool> {
        loop {
            let Some(mirror) = self.mirrors.lock().pop_front() else { return Ok(false) };
            let Some(mirror) = mirror.upgrade() else { continue };
            if mirror.leave(self)? {
                return Ok(true);
            }
        }
    }

    fn outputs(&self, stream: Stream, kernel: &Kernel, region: &Region) -> Result<Vec<Arc<DeviceBuffer>>> {
        let shapes = output_shapes(kernel, region);
        let dtypes = kernel.outputs();
        shapes.iter().zip(dtypes).map(|(s, d)| self.allocate(stream, d, s).map(Arc::new)).collect()
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
        let streams = &self.shared.streams;
        let ready = self.kernels.get(Key::Elementwise(program, &layout.form), streams, || {
            elementwise::print(program, "fused", &layout.form)
        })?;
        let items = layout.items(width);
        let each = source::BLOCK as usize * elementwise::unroll(program, &layout.form);
        let grid = self.grid(items.max(1).div_ceil(each));
        launch((streams, stream), &ready, (grid, source::BLOCK), |param| {
            Some(match param {
                Param::Input(i) => number(views.get(i)?.address),
                Param::Output(i) => number(outputs.get(i)?.address),
                Param::Space => layout.space(),
                Param::Count => number(layout.count as u64),
                Param::Items => number(items as u64),
                _ => return None,
            })
        })
    }

    /// Reduces the tiles of `region`, whose states stand side by side in `outputs`.
    fn reduce(
        &self,
        stream: Stream,
        tile: &TileReduce,
        (region, tiles): (&Region, &[Runs]),
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        // Positions count reduced elements alone.
        let reduced = &tile.parts[0].reduced;
        let counted: Vec<usize> = tile.space.iter().zip(reduced).map(|(&n, &r)| if r { n } else { 1 }).collect();
        let along = shape::strides(&counted);
        let steps: Vec<isize> = along.iter().zip(reduced).map(|(s, &r)| if r { s.cast_signed() } else { 0 }).collect();
        let origin: isize = region.start.iter().zip(&steps).map(|(a, b)| a.cast_signed() * b).sum();
        let mut operands: Vec<Source<'_>> = views.to_vec();
        if reduce::uses_position(tile) {
            operands.push(Source { address: 0, size: 1, strides: &steps });
        }
        let choices: Vec<usize> = tiles.iter().map(|runs| runs.0.len()).collect();
        for choice in Indices::new(&choices) {
            let picked: Vec<Run> = choice.iter().zip(tiles).map(|(&c, runs)| runs.0[c]).collect();
            self.reduce_run(stream, tile, (region, tiles), &picked, (&operands, origin), outputs)?;
        }
        Ok(())
    }

    /// Reduces tiles of equal shape: along each axis one run of them.
    fn reduce_run(
        &self,
        stream: Stream,
        tile: &TileReduce,
        (region, tiles): (&Region, &[Runs]),
        picked: &[Run],
        (operands, origin): (&[Source<'_>], isize),
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let rank = region.rank();
        let reduced: Vec<usize> = (0..rank).filter(|&a| tile.parts[0].reduced[a]).collect();
        let others: Vec<usize> = (0..rank).filter(|&a| !tile.parts[0].reduced[a]).collect();
        // Outputs: the tiles along each reduced axis, then the axes that are kept. Elements: the reduced axes in a tile.
        let lengths = |a: usize| picked[a].length;
        let kept: Vec<usize> =
            reduced.iter().map(|&a| picked[a].count).chain(others.iter().map(|&a| region.shape[a])).collect();
        let inner: Vec<usize> = reduced.iter().map(|&a| lengths(a)).collect();
        let over = |s: &[isize]| -> (Vec<isize>, Vec<isize>, isize) {
            let tiles = reduced.iter().map(|&a| s[a] * lengths(a).cast_signed());
            let start = reduced.iter().map(|&a| s[a] * picked[a].start.cast_signed()).sum::<isize>();
            (tiles.chain(others.iter().map(|&a| s[a])).collect(), reduced.iter().map(|&a| s[a]).collect(), start)
        };
        let counts: Vec<usize> = reduced.iter().map(|&a| tiles[a].count()).collect();
        let all: Vec<usize> = counts.iter().copied().chain(others.iter().map(|&a| region.shape[a])).collect();
        let to: Vec<isize> = shape::strides(&all).iter().map(|s| s.cast_signed()).collect();
        let first: usize = reduced.iter().zip(&to).map(|(&a, s)| picked[a].first * s.unsigned_abs()).sum();
        let spread: Vec<_> = operands.iter().map(|o| over(o.strides)).collect();
        let moved = |o: &Source<'_>, start: isize| o.address.wrapping_add_signed((start * o.size.cast_signed()) as i64);
        let mut list: Vec<(Operand<'_>, &[isize])> = operands
            .iter()
            .zip(&spread)
            .map(|(o, (k, r, start))| (Operand { strides: k, size: o.size, address: moved(o, *start) }, r.as_slice()))
            .collect();
        let still = vec![0; inner.len()];
        list.push((Operand { strides: &to, size: 1, address: 0 }, &still));
        let layout = ReduceLayout::new(&kept, &inner, &list, reduce::width(tile))?;
        if layout.outputs == 0 {
            return Ok(());
        }
        let streams = &self.shared.streams;
        let ready = self
            .kernels
            .get(Key::Reduce(tile, &layout.form), streams, || reduce::print(tile, "reduce", &layout.form))?;
        let (threads, lanes) = (reduce::threads(tile), reduce::lanes(tile, layout.elements));
        let grid = u32::try_from(layout.outputs.div_ceil(threads / lanes))
            .map_err(|_| Error::unsupported(format!("a reduction to {} outputs in one block", layout.outputs)))?;
        let position = origin + spread.get(views_of(tile)).map_or(0, |(_, _, start)| *start);
        let threads = u32::try_from(threads).map_err(|_| Error::bug("a block has few threads"))?;
        let wide = layout.form.wide;
        launch((streams, stream), &ready, (grid, threads), |param| {
            Some(match param {
                Param::Input(i) => number(list.get(i)?.0.address),
                Param::Output(i) => {
                    let buffer = outputs.get(i)?;
                    number(buffer.address + (first * buffer.dtype.size()) as u64)
                }
                Param::Kept => layout.kept.words(wide),
                Param::Reduced => layout.reduced.words(wide),
                Param::Position => number((position as i64).cast_unsigned()),
                Param::Outputs => number(layout.outputs as u64),
                Param::Elements => number(layout.elements as u64),
                #[expect(clippy::cast_precision_loss, reason = "tiles are far smaller than 2^53 elements")]
                Param::ElementsReal => number((layout.elements as f64).to_bits()),
                Param::Lanes => number(lanes as u64),
                Param::Across => number(u64::from(layout.runs_across())),
                _ => return None,
            })
        })
    }

    /// Joins neighbouring states.
    fn fold(
        &self,
        stream: Stream,
        combine: &Program,
        region: &Region,
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let size = region.size() / region.shape[0].max(1);
        let n = region.shape[0].div_ceil(FAN_IN) * size;
        if n == 0 {
            return Ok(());
        }
        let streams = &self.shared.streams;
        let ready = self.kernels.get(Key::Fold(combine), streams, || reduce::print_fold(combine, "fold"))?;
        let grid = u32::try_from(n.div_ceil(source::BLOCK as usize))
            .map_err(|_| Error::unsupported(format!("a fold to {n} states in one block")))?;
        launch((streams, stream), &ready, (grid, source::BLOCK), |param| {
            Some(match param {
                Param::Input(i) => number(views.get(i)?.address),
                Param::Output(i) => number(outputs.get(i)?.address),
                Param::Count => number(n as u64),
                Param::Outputs => number(size as u64),
                Param::Elements => number(region.shape[0] as u64),
                _ => return None,
            })
        })
    }

    /// Launches a user's kernel on a dense block.
    fn function(
        &self,
        stream: Stream,
        function: &BlockFunction,
        dims: &[usize],
        (views, buffers): (&[Source<'_>], &[Arc<DeviceBuffer>]),
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let (Some(source), Some(input)) = (&function.cuda, buffers.first()) else {
            return Err(Error::bug("a function with a kernel has an input"));
        };
        let n = shape::size(dims);
        if n == 0 {
            return Ok(());
        }
        let (input, output) = (input.dtype, function.output);
        let key = Key::Function(source, input, output, dims.len());
        let streams = &self.shared.streams;
        let ready = self
            .kernels
            .get(key, streams, || Ok(function::print(source, input, output, dims.len())))
            .map_err(|e| e.at(format!("in the CUDA code of {}", function.name)))?;
        let grid = self.grid(n.div_ceil(source::BLOCK as usize));
        launch((streams, stream), &ready, (grid, source::BLOCK), |param| {
            Some(match param {
                Param::Input(i) => number(views.get(i)?.address),
                Param::Output(i) => number(outputs.get(i)?.address),
                Param::Count => number(n as u64),
                Param::Length(axis) => number(*dims.get(axis)? as u64),
                _ => return None,
            })
        })
    }

    /// Notes on other streams' buffers that `stream` uses them.
    fn note_uses(&self, stream: Stream, buffers: &[Arc<DeviceBuffer>]) -> Result<()> {
        let mark = || self.shared.streams.mark(stream).map(|(_, event)| event);
        buffers.iter().try_for_each(|b| b.used_on(stream, mark))
    }
}

/// Tiles of equal length that follow each other along an axis of a region.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The number of the first, among those of the region.
    first: usize,
    count: usize,
    /// Where it begins in the region.
    start: usize,
    /// Length of each.
    length: usize,
}

/// The tiles along an axis of a region.
struct Runs(Vec<Run>);

impl Runs {
    /// The tiles of `cuts` between `start` and `start + length`.
    fn of(cuts: &AxisChunks, start: usize, length: usize) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let (mut at, mut number) = (start, 0);
        while at < start + length {
            let tile = cuts.find(at);
            let length = cuts.length(tile);
            match runs.last_mut() {
                Some(run) if run.length == length => run.count += 1,
                _ => runs.push(Run { first: number, count: 1, start: at - start, length }),
            }
            (at, number) = (at + length, number + 1);
        }
        Self(runs)
    }

    /// An axis that is one tile.
    fn one(length: usize) -> Self {
        Self(vec![Run { first: 0, count: 1, start: 0, length }])
    }

    fn count(&self) -> usize {
        self.0.iter().map(|run| run.count).sum()
    }
}

/// The number of inputs of a tile's map: where the position stands among the operands.
fn views_of(tile: &TileReduce) -> usize {
    tile.map.inputs.len()
}

/// An input of a launch: a checked view.
#[derive(Clone)]
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

impl Device for CudaDevice {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn supports(&self, kernel: &Kernel) -> bool {
        match kernel {
            Kernel::Elementwise(program) | Kernel::Fold(program) => fits(program),
            Kernel::Reduce(tile) | Kernel::Tiles(ReduceTiles { tile, .. }) => fits(&tile.map) && reduce::supports(tile),
            Kernel::Contract(product) => {
                let contraction = &product.contraction;
                gemm::supports(if product.narrow { contraction.dtype } else { contraction.work() })
            }
            Kernel::Function(function) => function.cuda.is_some(),
            Kernel::Scan(_) | Kernel::Step(_) => false,
        }
    }

    fn streams(&self) -> usize {
        self.shared.streams.len()
    }

    fn budget(&self) -> Option<u64> {
        Some(self.shared.ledger.budget())
    }

    fn attach(&self, memory: &Arc<Memory>) {
        let context = Arc::clone(self.shared.streams.context());
        memory.borrow_from(Box::new(move |len| lend(&context, len)));
        *self.shared.memory.lock() = Some(Arc::downgrade(memory));
    }

    fn adopt(&self, mirror: &Arc<Mirror>) {
        self.mirrors.lock().push_back(Arc::downgrade(mirror));
    }

    fn upload(&self, stream: Stream, block: &Block) -> Result<Resident> {
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
            // Factors of products have shapes of their own.
            if !matches!(kernel, Kernel::Contract(_)) {
                check(&region.shape, view.offset, &view.strides, data.size())?;
            }
            let size = data.dtype.size();
            views.push(Source { address: data.address + (view.offset * size) as u64, size, strides: &view.strides });
        }
        if let Kernel::Contract(product) = kernel {
            let made = self.contract(stream, (product, region), (&views, &buffers))?;
            self.note_uses(stream, &buffers)?;
            return Ok(vec![Resident(made)]);
        }
        let outputs = self.outputs(stream, kernel, region)?;
        match kernel {
            Kernel::Elementwise(program) => self.elementwise(stream, program, &region.shape, &views, &outputs)?,
            Kernel::Reduce(tile) => {
                let tiles: Vec<Runs> = region.shape.iter().map(|&n| Runs::one(n)).collect();
                self.reduce(stream, tile, (region, &tiles), &views, &outputs)?;
            }
            Kernel::Tiles(all) => {
                let cuts = |a: usize| Runs::of(&all.tiles.axes()[a], region.start[a], region.shape[a]);
                let axis = |a: usize| if all.is_reduced(a) { cuts(a) } else { Runs::one(region.shape[a]) };
                let tiles: Vec<Runs> = (0..region.rank()).map(axis).collect();
                self.reduce(stream, &all.tile, (region, &tiles), &views, &outputs)?;
            }
            Kernel::Fold(combine) => self.fold(stream, combine, region, &views, &outputs)?,
            Kernel::Function(function) if function.cuda.is_some() => {
                self.function(stream, function, &region.shape, (&views, &buffers), &outputs)?;
            }
            Kernel::Scan(_) | Kernel::Contract(_) | Kernel::Step(_) | Kernel::Function(_) => {
                return Err(Error::unsupported(format!("{kernel} on {}", self.name)));
            }
        }
        self.note_uses(stream, &buffers)?;
        Ok(outputs.into_iter().map(|b| Resident(b)).collect())
    }

    fn download(&self, stream: Stream, data: &Resident) -> Result<Pending> {
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
