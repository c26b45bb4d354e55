//! The CPU as a device: every call is done when it returns.

use super::elementwise::Elementwise;
use super::reduce::Reduce;
use super::{gemm, scan};
use crate::chunk::Region;
use crate::device::block::{Block, Buffer};
use crate::device::memory::Memory;
use crate::device::null::output_shapes;
use crate::device::{Device, Event, Pending, Resident, Stream, View};
use crate::error::{Error, ErrorKind, Result, panic_text};
use crate::op::function::{BlockFunction, RawBlock};
use crate::op::kernel::{Kernel, PanelProduct, TileScan};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The machine's processors; buffers come from the context's pool.
#[derive(Debug)]
pub struct CpuDevice {
    memory: Arc<Memory>,
}

impl CpuDevice {
    /// A CPU whose results live in `memory`.
    #[must_use]
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory }
    }

    /// Runs a kernel on host blocks at once.
    ///
    /// # Errors
    /// What the kernel reports; [`Function`](crate::ErrorKind::Function) for a user function that panics.
    pub fn execute(&self, kernel: &Kernel, region: &Region, inputs: &[View]) -> Result<Vec<Block>> {
        let shapes = output_shapes(kernel, region);
        let dtypes = kernel.outputs();
        let mut buffers: Vec<Buffer> =
            shapes.iter().zip(&dtypes).map(|(s, d)| self.memory.buffer(crate::shape::size(s) * d.size())).collect();
        let mut outputs: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
        Ready::new(kernel)?.run(region, inputs, &mut outputs)?;
        shapes.iter().zip(dtypes).zip(buffers).map(|((s, d), b)| Block::new(d, s, b)).collect()
    }
}

/// A kernel made ready for the CPU: loops chosen, registers allocated. To make it costs more than to run it over a small
/// block, so it is kept and used again, by one thread at a time.
pub(crate) enum Ready {
    /// A program.
    Elementwise(Elementwise),
    /// The reductions of a tile.
    Reduce(Reduce),
    /// The scans of a block's tiles.
    Scan(TileScan),
    /// Products of matrices.
    Contract(PanelProduct),
    /// A user's function.
    Function(BlockFunction),
}

impl Ready {
    /// Makes `kernel` ready.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop.
    pub(crate) fn new(kernel: &Kernel) -> Result<Self> {
        Ok(match kernel {
            Kernel::Elementwise(program) => Self::Elementwise(Elementwise::new(program)?),
            Kernel::Reduce(tile) => Self::Reduce(Reduce::new(tile)?),
            Kernel::Scan(tiles) => Self::Scan(tiles.clone()),
            Kernel::Contract(product) => Self::Contract(product.clone()),
            Kernel::Function(function) => Self::Function(function.clone()),
        })
    }

    /// Runs over `region` into memory that the caller has: the bytes of each output.
    ///
    /// # Errors
    /// As [`CpuDevice::execute`].
    pub(crate) fn run(&mut self, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        match self {
            Self::Elementwise(program) => program.run(&region.shape, inputs, outputs),
            Self::Reduce(tile) => tile.run(region, inputs, outputs),
            Self::Scan(tiles) => scan::run(tiles, region, inputs, outputs),
            Self::Contract(product) => gemm::run(product, region, inputs, outputs),
            Self::Function(function) => call(function, region, inputs, outputs),
        }
    }
}

/// Calls a user function, which may panic.
fn call(function: &BlockFunction, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let raw: Vec<RawBlock<'_>> = inputs
        .iter()
        .map(|v| RawBlock { dtype: v.block.dtype(), shape: v.block.shape(), bytes: v.block.bytes() })
        .collect();
    let out = outputs.first_mut().ok_or_else(|| Error::bug("a block function has an output"))?;
    match catch_unwind(AssertUnwindSafe(|| (function.body)(&raw, &region.shape, out))) {
        Ok(done) => done,
        Err(panic) => {
            let why = format!("panicked: {}", panic_text(&*panic));
            Err(ErrorKind::Function { name: function.name.clone(), why }.into())
        }
    }
}

impl Device for CpuDevice {
    fn name(&self) -> String {
        "cpu".to_owned()
    }

    fn supports(&self, _kernel: &Kernel) -> bool {
        true
    }

    fn upload(&self, _stream: Stream, block: &Block) -> Result<Resident> {
        Ok(Resident(Arc::new(block.clone())))
    }

    fn launch(
        &self,
        _stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>> {
        let views = inputs
            .iter()
            .map(|v| Ok(View { block: host(&v.block)?, offset: v.offset, strides: v.strides.clone() }))
            .collect::<Result<Vec<_>>>()?;
        let blocks = self.execute(kernel, region, &views)?;
        Ok(blocks.into_iter().map(|b| Resident(Arc::new(b))).collect())
    }

    fn download(&self, _stream: Stream, data: &Resident) -> Result<Pending> {
        let block = host(data)?;
        Ok(Pending(Box::new(move || Ok(block))))
    }

    fn record(&self, stream: Stream) -> Event {
        Event { stream, position: 0 }
    }

    fn order(&self, _stream: Stream, _event: Event) {}

    fn wait(&self, _event: Event) -> Result<()> {
        Ok(())
    }
}

fn host(data: &Resident) -> Result<Block> {
    data.0.downcast_ref::<Block>().cloned().ok_or_else(|| Error::bug("data of another device"))
}
