//! A GPU as a device.

pub use super::gpu::CudaDevice;

use super::buffer::DeviceBuffer;
use super::enqueue::{Runs, Source, Target};
use super::gemm::{self, Product};
use super::gpu::buffer;
use super::layout::check;
use super::staging::lend;
use super::{reduce, source};
use crate::chunk::Region;
use crate::device::block::Block;
use crate::device::data::Mirror;
use crate::device::memory::Memory;
use crate::device::null::output_shapes;
use crate::device::{Device, Event, Pending, Resident, Stream, View};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::{Kernel, ReduceTiles, TreeFold};
use crate::op::program::{Inst, Program};
use crate::shape;
use std::sync::Arc;

/// The most inputs, outputs and constants of one kernel: they share 4 KiB of arguments with the index space.
const MAX_ARGUMENTS: usize = 16;
const MAX_CONSTANTS: usize = 64;

fn fits(program: &Program) -> bool {
    let constants = program.insts.iter().filter(|i| matches!(i, Inst::Const(..))).count();
    program.inputs.len() <= MAX_ARGUMENTS
        && program.outputs.len() <= MAX_ARGUMENTS
        && constants <= MAX_CONSTANTS
        && source::is_printable(program)
}

/// The buffers behind views, and where these begin; views of shape `dims` are checked.
fn sources<'a>(
    dims: Option<&[usize]>,
    inputs: &'a [View<Resident>],
) -> Result<(Vec<Arc<DeviceBuffer>>, Vec<Source<'a>>)> {
    let buffers = inputs.iter().map(|v| buffer(&v.block)).collect::<Result<Vec<_>>>()?;
    let mut views = Vec::with_capacity(inputs.len());
    for (view, data) in inputs.iter().zip(&buffers) {
        if let Some(dims) = dims {
            check(dims, view.offset, &view.strides, data.size())?;
        }
        let size = data.dtype.size();
        views.push(Source { address: data.address + (view.offset * size) as u64, size, strides: &view.strides });
    }
    Ok((buffers, views))
}

impl CudaDevice {
    /// The matrix product of two resident row-major matrices of floats or complex numbers, enqueued on `stream`; 16-bit
    /// floats are added up in `f32` and rounded once.
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
        let c = self.allocate(stream, a.dtype, &[*m, *n])?;
        let product = Product {
            dtype: a.dtype,
            result: a.dtype,
            stack: None,
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
}

impl Device for CudaDevice {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn supports(&self, kernel: &Kernel) -> bool {
        match kernel {
            Kernel::Elementwise(program) => fits(program),
            Kernel::Fold(TreeFold { combine, .. }) => {
                combine.outputs.len() <= MAX_ARGUMENTS && source::is_printable(combine)
            }
            Kernel::Reduce(tile) | Kernel::Tiles(ReduceTiles { tile, .. }) => fits(&tile.map) && reduce::supports(tile),
            Kernel::Contract(product) => {
                let contraction = &product.contraction;
                gemm::supports(if product.narrow { contraction.dtype } else { contraction.work() })
            }
            Kernel::Function(function) => function.cuda.is_some(),
            Kernel::Scan(_) | Kernel::Step(_) | Kernel::Regional(_) => false,
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
        let mut mirrors = self.mirrors.lock();
        // Before the list grows, it forgets those that nobody has any more.
        if mirrors.len() == mirrors.capacity() {
            mirrors.retain(|mirror| mirror.strong_count() > 0);
            let live = mirrors.len();
            mirrors.reserve(live + 1);
        }
        mirrors.push_back(Arc::downgrade(mirror));
    }

    fn upload(&self, stream: Stream, block: &Block) -> Result<Resident> {
        self.send(stream, block)
    }

    fn download(&self, stream: Stream, data: &Resident) -> Result<Pending> {
        self.fetch(stream, data)
    }

    fn launch(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>> {
        // Factors of products have shapes of their own.
        let dims = (!matches!(kernel, Kernel::Contract(_))).then_some(region.shape.as_slice());
        let (buffers, views) = sources(dims, inputs)?;
        if let Kernel::Contract(product) = kernel {
            let made = self.contract(stream, (product, region), (&views, &buffers))?;
            self.note_uses(stream, &buffers)?;
            return Ok(vec![Resident(made)]);
        }
        let outputs = self.outputs(stream, kernel, region)?;
        let whole: Vec<Target> = outputs.iter().map(|b| Target { address: b.address, size: b.dtype.size() }).collect();
        match kernel {
            Kernel::Elementwise(program) => self.elementwise(stream, program, &region.shape, &views, &outputs)?,
            Kernel::Reduce(tile) => {
                let tiles: Vec<Runs> = region.shape.iter().map(|&n| Runs::one(n)).collect();
                self.reduce(stream, tile, (region, &tiles, false), &views, &whole)?;
            }
            Kernel::Tiles(all) => self.tiles(stream, all, region, &views, &whole)?,
            Kernel::Fold(tree) => self.fold(stream, tree, region, &views, &outputs)?,
            Kernel::Function(function) if function.cuda.is_some() => {
                self.function(stream, function, &region.shape, (&views, &buffers), &outputs)?;
            }
            Kernel::Scan(_) | Kernel::Contract(_) | Kernel::Step(_) | Kernel::Regional(_) | Kernel::Function(_) => {
                return Err(Error::unsupported(format!("{kernel} on {}", self.name)));
            }
        }
        self.note_uses(stream, &buffers)?;
        Ok(outputs.into_iter().map(|b| Resident(b)).collect())
    }

    fn launch_to(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
        (to, first): (&[Resident], usize),
    ) -> Result<()> {
        let Kernel::Tiles(all) = kernel else {
            return Err(Error::unsupported(format!("{kernel} into given memory of {}", self.name)));
        };
        let (mut buffers, views) = sources(Some(&region.shape), inputs)?;
        let canvases = to.iter().map(buffer).collect::<Result<Vec<_>>>()?;
        let made: Vec<usize> = output_shapes(kernel, region).iter().map(|shape| shape::size(shape)).collect();
        let row = |i: usize| made[i] / all.count(region).max(1);
        let fits = |(i, canvas): (usize, &Arc<DeviceBuffer>)| first * row(i) + made[i] <= canvas.size();
        if canvases.len() != made.len() || !canvases.iter().enumerate().all(fits) {
            return Err(Error::bug("results fit what they are given"));
        }
        let target = |(i, canvas): (usize, &Arc<DeviceBuffer>)| {
            let size = canvas.dtype.size();
            Target { address: canvas.address + (first * row(i) * size) as u64, size }
        };
        let targets: Vec<Target> = canvases.iter().enumerate().map(target).collect();
        self.tiles(stream, all, region, &views, &targets)?;
        buffers.extend(canvases);
        self.note_uses(stream, &buffers)
    }

    fn canvases(&self, stream: Stream, blocks: &[(DType, Vec<usize>)]) -> Result<Option<Vec<Resident>>> {
        let made = self.beside(stream, blocks.to_vec())?;
        // Other streams may have to wait for the allocation.
        self.shared.streams.issued(stream);
        Ok(Some(made.into_iter().map(|b| Resident(Arc::new(b))).collect()))
    }

    fn place(&self, stream: Stream, from: &View<Resident>, to: &View<Resident>, dims: &[usize]) -> Result<()> {
        let (data, canvas) = (buffer(&from.block)?, buffer(&to.block)?);
        check(dims, from.offset, &from.strides, data.size())?;
        check(dims, to.offset, &to.strides, canvas.size())?;
        let size = data.dtype.size();
        let at = |b: &DeviceBuffer, offset: usize| b.address + (offset * size) as u64;
        let sources = [(&data, from), (&canvas, to)];
        let [from, to] = sources.map(|(b, view)| Source { address: at(b, view.offset), size, strides: &view.strides });
        self.copy(stream, data.dtype, dims, [&from, &to])?;
        self.note_uses(stream, &[data])
    }

    fn record(&self, stream: Stream) -> Event {
        self.shared.streams.record(stream)
    }

    fn order(&self, stream: Stream, event: Event) {
        self.shared.streams.order(stream, event);
    }

    fn wait(&self, event: Event) -> Result<()> {
        let done = self.shared.streams.wait(event);
        // What was copied until then is free for the next block.
        self.shared.staging.take_back();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::super::gpu::missing;
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
