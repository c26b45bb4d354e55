//! The CPU as a device: every call is done when it returns.

use super::copy::{StridedBox, copy_strided};
use super::elementwise::Elementwise;
use super::lines::fourier::Transform;
use super::reduce::Reduce;
use super::{factor, gemm, lu, regional, scan, windows};
use crate::chunk::Region;
use crate::chunk::tiling::FAN_IN;
use crate::device::block::{Block, Buffer};
use crate::device::memory::Memory;
use crate::device::null::output_shapes;
use crate::device::{Device, Event, Pending, Resident, Stream, View};
use crate::error::{Error, ErrorKind, Result, panic_text};
use crate::op::function::{BlockFunction, RawBlock};
use crate::op::kernel::{Kernel, PanelProduct, ReduceTiles, TileScan, TileStep, TreeFold};
use crate::op::program::Program;
use crate::op::regional::{LineOp, Lines, Regional};
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

/// A kernel made ready for the CPU: loops chosen, registers allocated. To make it costs more than to run it over a
/// small block, so it is kept and used again, by one thread at a time.
pub(crate) enum Ready {
    /// A program.
    Elementwise(Elementwise),
    /// The reductions of a tile.
    Reduce(Reduce),
    /// Those of every tile of a region.
    Tiles(ReduceTiles, Reduce),
    /// States joined with their neighbours.
    Fold(TreeFold),
    /// The scans of a block's tiles.
    Scan(TileScan),
    /// Products of matrices.
    Contract(PanelProduct),
    /// A step of a tile program.
    Step(TileStep),
    /// Part by part.
    Regional(Regional),
    /// Fourier transforms of lines.
    Fourier(Transform),
    /// Reductions of windows.
    Windows(windows::Windows),
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
            Kernel::Tiles(all) => Self::Tiles(all.clone(), Reduce::new(&all.tile)?),
            Kernel::Fold(tree) => Self::Fold(tree.clone()),
            Kernel::Scan(tiles) => Self::Scan(tiles.clone()),
            Kernel::Contract(product) => Self::Contract(product.clone()),
            Kernel::Step(step) => Self::Step(*step),
            Kernel::Regional(Regional::Lines(lines @ Lines { op: LineOp::Fourier(fourier), .. })) => {
                Self::Fourier(Transform::new(lines, *fourier)?)
            }
            Kernel::Regional(Regional::Windows(op)) => Self::Windows(windows::Windows::new(op)?),
            Kernel::Regional(op) => Self::Regional(op.clone()),
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
            Self::Tiles(all, reduce) => tiles(all, reduce, region, inputs, outputs),
            Self::Fold(tree) => fold_levels(tree, region, inputs, outputs),
            Self::Scan(tiles) => scan::run(tiles, region, inputs, outputs),
            Self::Contract(product) => gemm::run(product, region, inputs, outputs),
            Self::Step(step) if step.task.by_columns() => lu::run(*step, region, inputs, outputs),
            Self::Step(step) => factor::run(*step, region, inputs, outputs),
            Self::Windows(windows) => windows.run(region, inputs, outputs),
            Self::Regional(op) => regional::run(op, region, inputs, outputs),
            Self::Fourier(transform) => transform.run(region, inputs, outputs),
            Self::Function(function) => call(function, region, inputs, outputs),
        }
    }
}

/// Reduces tile after tile.
fn tiles(
    all: &ReduceTiles,
    reduce: &mut Reduce,
    region: &Region,
    inputs: &[View],
    outputs: &mut [&mut [u8]],
) -> Result<()> {
    if all.finish {
        return finished(all, reduce, region, inputs, outputs);
    }
    let count = all.count(region).max(1);
    for (t, tile) in all.of(region).enumerate() {
        let corner = tile.relative_to(region).start;
        let views: Vec<View> = inputs.iter().map(|v| v.shifted(&corner)).collect();
        let mut states: Vec<&mut [u8]> = outputs
            .iter_mut()
            .map(|bytes| {
                let n = bytes.len() / count;
                &mut bytes[t * n..(t + 1) * n]
            })
            .collect();
        reduce.run(&tile, &views, &mut states)?;
    }
    Ok(())
}

/// Reduces the one tile there is, and finishes its results.
fn finished(
    all: &ReduceTiles,
    reduce: &mut Reduce,
    region: &Region,
    inputs: &[View],
    outputs: &mut [&mut [u8]],
) -> Result<()> {
    let tile = Kernel::Reduce(all.tile.clone());
    let (shapes, dtypes) = (output_shapes(&tile, region), tile.outputs());
    let size = |i: usize| crate::shape::size(&shapes[i]) * dtypes[i].size();
    let mut buffers: Vec<Buffer> = (0..dtypes.len()).map(|i| Buffer::zeroed(size(i))).collect();
    let mut states: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
    reduce.run(region, inputs, &mut states)?;
    let blocks = buffers.into_iter().zip(&dtypes).zip(&shapes).map(|((b, &d), s)| Block::new(d, s, b).map(View::whole));
    let mut blocks = blocks.collect::<Result<Vec<_>>>()?.into_iter();
    for (part, out) in all.tile.parts.iter().zip(outputs) {
        let state: Vec<View> = blocks.by_ref().take(part.reducer.identity.len()).collect();
        let dims = state.first().map_or(&[][..], |view| view.block.shape()).to_vec();
        Elementwise::new(&part.reducer.finish)?.run(&dims, &state, &mut [out])?;
    }
    Ok(())
}

/// Joins states level by level.
fn fold_levels(tree: &TreeFold, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let (mut region, mut states) = (region.clone(), inputs.to_vec());
    for _ in 1..tree.levels {
        let level = Kernel::Fold(TreeFold { levels: 1, ..tree.clone() });
        let (shapes, dtypes) = (output_shapes(&level, &region), level.outputs());
        let size = |i: usize| crate::shape::size(&shapes[i]) * dtypes[i].size();
        let mut buffers: Vec<Buffer> = (0..dtypes.len()).map(|i| Buffer::zeroed(size(i))).collect();
        let mut joined: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
        fold(&tree.combine, &region, &states, &mut joined)?;
        let made = buffers.into_iter().zip(dtypes).zip(&shapes);
        states = made.map(|((b, d), s)| Block::new(d, s, b).map(View::whole)).collect::<Result<_>>()?;
        region = Region::full(&shapes[0]);
    }
    fold(&tree.combine, &region, &states, outputs)
}

/// Joins up to [`FAN_IN`] neighbours along the first axis, from left to right: the first two of every group, then the
/// third, and so on, so that one run of the program takes a step of all groups.
fn fold(combine: &Program, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let mut program = Elementwise::new(combine)?;
    let entries = region.shape[0];
    let (mut groups, mut corner) = (region.shape.clone(), vec![0; region.rank()]);
    groups[0] = entries.div_ceil(FAN_IN);
    let each = crate::shape::size(&region.shape[1..]);
    let sizes: Vec<usize> = (0..combine.outputs.len()).map(|i| each * combine.output_dtype(i).size()).collect();
    // Entries of one number in all groups that have so many.
    let mut entry = |number: usize| -> Vec<View> {
        corner[0] = number;
        let strided = |view: &View| {
            let mut view = view.shifted(&corner);
            view.strides[0] *= FAN_IN.cast_signed();
            view
        };
        inputs.iter().map(strided).collect()
    };
    for ((view, out), size) in entry(0).iter().zip(outputs.iter_mut()).zip(&sizes) {
        copy_strided(view, StridedBox::of(&groups, &vec![0; groups.len()]), out, &groups, size / each.max(1));
    }
    for number in 1..FAN_IN.min(entries) {
        groups[0] = (entries - number).div_ceil(FAN_IN);
        let so_far = outputs.iter().zip(&sizes).enumerate().map(|(i, (out, size))| {
            let mut buffer = Buffer::zeroed(groups[0] * size);
            buffer.bytes_mut().copy_from_slice(&out[..groups[0] * size]);
            Block::new(combine.output_dtype(i), &groups, buffer).map(View::whole)
        });
        let mut both = so_far.collect::<Result<Vec<_>>>()?;
        both.extend(entry(number));
        let mut to: Vec<&mut [u8]> =
            outputs.iter_mut().zip(&sizes).map(|(out, size)| &mut out[..groups[0] * size]).collect();
        program.run(&groups, &both, &mut to)?;
    }
    Ok(())
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
