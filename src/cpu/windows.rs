//! Reductions of windows of a block.

use super::copy::{StridedBox, copy_strided};
use super::elementwise::Elementwise;
use super::reduce::Reduce;
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::{Lanes, TilePart, TileReduce};
use crate::op::program::Program;
use crate::op::regional;
use crate::op::regional::{Computation, Way, Window};
use crate::shape;

/// Bytes of the states of a level, which the second cache keeps from one to the next.
const CACHED: usize = 256 << 10;

/// Elements of a window along the last axis from which on they are taken side by side, where a window has many. Part
/// of the meaning, as lanes are.
const RUN: usize = 32;

/// Windows over each other are cut only where this many times their length is left.
const DEEP: usize = 4;

/// Reductions of windows made ready.
pub(crate) struct Windows {
    op: regional::Windows,
    way: Made,
}

enum Made {
    /// All elements of a window at once.
    Unrolled(Elementwise),
    /// An axis for the windows, and one for what is in them.
    Tile { reduce: Reduce, finish: Elementwise },
    /// Axis after axis.
    Doubling { leaf: Program, leaves: Elementwise, combine: Elementwise, finish: Elementwise },
}

impl Windows {
    /// Compiles the programs.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop.
    pub(crate) fn new(op: &regional::Windows) -> Result<Self> {
        let finish = || Elementwise::new(&op.finish());
        let way = match op.way() {
            Way::Unrolled(program) => Made::Unrolled(Elementwise::new(&program)?),
            Way::Tile => Made::Tile { reduce: Reduce::new(&tile(op))?, finish: finish()? },
            Way::Doubling { leaf } => {
                let (leaves, combine) = (Elementwise::new(&leaf)?, Elementwise::new(&op.reducer.combine)?);
                Made::Doubling { leaf, leaves, combine, finish: finish()? }
            }
        };
        Ok(Self { op: op.clone(), way })
    }

    /// Reduces the windows of `region`, whose input is a view of what they cover.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a view outside its block.
    pub(crate) fn run(&mut self, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        let ([input], [out]) = (inputs, outputs) else {
            return Err(Error::bug("windows have one input and one result"));
        };
        if region.size() == 0 {
            return Ok(());
        }
        match &mut self.way {
            Made::Unrolled(program) => {
                let lens: Vec<usize> = self.op.axes.iter().map(|w| w.len).collect();
                let views: Vec<View> =
                    Indices::new(&lens).map(|at| stepped(&input.shifted(&at), &self.op.axes)).collect();
                program.run(&region.shape, &views, &mut [out])
            }
            Made::Tile { reduce, finish } => {
                let mut view = stepped(input, &self.op.axes);
                view.strides.extend(&input.strides);
                let start = region.start.iter().copied().chain(region.start.iter().map(|_| 0)).collect();
                let tile = Region::new(start, self.op.tile_shape(&region.shape));
                let mut buffers = states(&self.op, region.size());
                let mut bytes: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
                reduce.run(&tile, &[view], &mut bytes)?;
                finish.run(&region.shape, &blocks(&self.op, &region.shape, buffers)?, &mut [out])
            }
            Made::Doubling { leaf, leaves, combine, finish } => {
                let size = self.op.output().size();
                let whole = vec![0; region.rank()];
                for part in pieces(&self.op, &region.shape) {
                    let corner: Vec<usize> = part.start.iter().zip(&self.op.axes).map(|(&s, w)| s * w.step).collect();
                    let covered = self.op.covered(&part.shape);
                    let mut dims = covered.clone();
                    let dtypes: Vec<DType> = (0..leaf.outputs.len()).map(|i| leaf.output_dtype(i)).collect();
                    let mut level = made(leaves, &dims, &[input.shifted(&corner)], &dtypes)?;
                    for (axis, window) in self.op.axes.iter().enumerate() {
                        level = joined(combine, level, &mut dims, axis, *window, &dtypes)?;
                    }
                    let mut buffer = Buffer::zeroed(part.size() * size);
                    finish.run(&part.shape, &level, &mut [buffer.bytes_mut()])?;
                    let from = View::whole(Block::new(self.op.output(), &part.shape, buffer)?);
                    let to =
                        StridedBox::of(&region.shape, if part.shape == region.shape { &whole } else { &part.start });
                    copy_strided(&from, to, out, &part.shape, size);
                }
                Ok(())
            }
        }
    }
}

/// Windows as axes of their own: each element is copied to every window that has it.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) unless there is one input and one result.
pub(crate) fn slide(op: &regional::Slide, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([input], [out]) = (inputs, outputs) else {
        return Err(Error::bug("windows have one input and one result"));
    };
    if region.size() == 0 {
        return Ok(());
    }
    let view = View { block: input.block.clone(), offset: input.offset, strides: op.strides(&input.strides) };
    let to = StridedBox::of(&region.shape, &vec![0; region.rank()]);
    copy_strided(&view, to, out, &region.shape, op.dtype.size());
    Ok(())
}

/// Windows that lie side by side as a tile of twice the rank.
fn tile(op: &regional::Windows) -> TileReduce {
    let rank = op.axes.len();
    let reduced: Vec<bool> = (0..2 * rank).map(|a| a >= rank).collect();
    let run = op.axes.last().map_or(1, |w| w.len);
    let elements: usize = op.axes.iter().map(|w| w.len).product();
    let lanes = if run >= RUN && elements >= Lanes::DEEP { Lanes::Elements } else { Lanes::Outputs };
    let part = TilePart { value: 0, reducer: op.reducer.clone(), reduced, lanes };
    TileReduce { map: Program::identity(op.dtype), space: op.tile_shape(&op.counts()), parts: vec![part] }
}

/// Every window's first element.
fn stepped(view: &View, axes: &[Window]) -> View {
    let mut view = view.clone();
    view.strides.iter_mut().zip(axes).for_each(|(stride, w)| *stride *= w.step.cast_signed());
    view
}

/// Room for as many states.
fn states(op: &regional::Windows, count: usize) -> Vec<Buffer> {
    op.reducer.identity.iter().map(|(d, _)| Buffer::zeroed(count * d.size())).collect()
}

fn blocks(op: &regional::Windows, dims: &[usize], buffers: Vec<Buffer>) -> Result<Vec<View>> {
    let dtypes = op.reducer.identity.iter().map(|(d, _)| *d);
    buffers.into_iter().zip(dtypes).map(|(b, d)| Ok(View::whole(Block::new(d, dims, b)?))).collect()
}

/// What `program` makes of views of shape `dims`.
fn made(program: &mut Elementwise, dims: &[usize], inputs: &[View], dtypes: &[DType]) -> Result<Vec<View>> {
    let mut buffers: Vec<Buffer> = dtypes.iter().map(|d| Buffer::zeroed(shape::size(dims) * d.size())).collect();
    let mut bytes: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
    program.run(dims, inputs, &mut bytes)?;
    buffers.into_iter().zip(dtypes).map(|(b, &d)| Ok(View::whole(Block::new(d, dims, b)?))).collect()
}

/// The states of the windows along `axis`, of states of shape `dims`, which becomes theirs: those of 1, 2, 4, ...
/// neighbours are joined to that of a window's length, from left to right.
fn joined(
    combine: &mut Elementwise,
    mut level: Vec<View>,
    dims: &mut [usize],
    axis: usize,
    window: Window,
    dtypes: &[DType],
) -> Result<Vec<View>> {
    let mut steps = vec![Window::ONE; dims.len()];
    steps[axis] = window;
    let count = window.count(dims[axis]);
    let at = |views: &[View], start: usize, steps: &[Window]| -> Vec<View> {
        let mut corner = vec![0; steps.len()];
        corner[axis] = start;
        views.iter().map(|v| stepped(&v.shifted(&corner), steps)).collect()
    };
    let ones = vec![Window::ONE; dims.len()];
    let mut out = dims.to_vec();
    out[axis] = count;
    let (mut before, mut width, mut left) = (0, 1, window.len);
    let mut done: Vec<View> = Vec::new();
    loop {
        if left % 2 == 1 {
            let part = at(&level, before, &steps);
            done = if done.is_empty() { part } else { made(combine, &out, &[done, part].concat(), dtypes)? };
            before += width;
        }
        left /= 2;
        if left == 0 {
            dims[axis] = count;
            return Ok(done);
        }
        let next = at(&level, width, &ones);
        dims[axis] -= width;
        level = made(combine, dims, &[level, next].concat(), dtypes)?;
        width *= 2;
    }
}

/// Boxes of a result of shape `dims`, few enough windows each that their states stay in the cache.
fn pieces(op: &regional::Windows, dims: &[usize]) -> Vec<Region> {
    let mut piece = dims.to_vec();
    let state = op.reducer.state_bytes();
    for (axis, window) in op.axes.iter().enumerate() {
        let least = if window.len > window.step { (DEEP * window.len).div_ceil(window.step) } else { 1 };
        while shape::size(&op.covered(&piece)) * state > CACHED && piece[axis] >= 2 * least {
            piece[axis] = piece[axis].div_ceil(2);
        }
    }
    let cuts = dims.iter().zip(&piece).map(|(&n, &p)| crate::chunk::AxisChunks::regular(n, p.max(1))).collect();
    let cuts = Chunks::new(cuts);
    Indices::new(&cuts.counts()).map(|index| cuts.region(&index)).collect()
}
