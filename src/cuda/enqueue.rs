//! Kernels of every kind, enqueued on the views of a launch.

use super::buffer::DeviceBuffer;
use super::gemm::Product;
use super::gpu::CudaDevice;
use super::launch::{Key, launch, number};
use super::layout::{Layout, Operand, ReduceLayout};
use super::source::{self, Param};
use super::{dealing, elementwise, fold, function, reduce};
use crate::chunk::region::Indices;
use crate::chunk::tiling::FAN_IN;
use crate::chunk::{AxisChunks, Region};
use crate::device::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::function::BlockFunction;
use crate::op::kernel::{Kernel, PanelProduct, ReduceTiles, TileReduce, TreeFold};
use crate::op::program::Program;
use crate::shape;
use std::sync::Arc;

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
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// The tiles of `cuts` between `start` and `start + length`.
    pub(super) fn of(cuts: &AxisChunks, start: usize, length: usize) -> Self {
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
    pub(super) fn one(length: usize) -> Self {
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
pub(super) struct Source<'a> {
    pub(super) address: u64,
    pub(super) size: usize,
    pub(super) strides: &'a [isize],
}

impl Source<'_> {
    fn operand(&self) -> Operand<'_> {
        Operand { strides: self.strides, size: self.size, address: self.address }
    }
}

/// Where a launch writes a result.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) address: u64,
    /// Bytes of an element.
    pub(super) size: usize,
}

impl CudaDevice {
    /// Runs a program over views, into whole outputs.
    pub(super) fn elementwise(
        &self,
        stream: Stream,
        program: &Program,
        dims: &[usize],
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let operands: Vec<Operand<'_>> = views.iter().map(Source::operand).collect();
        let layout = Layout::new(dims, &operands, elementwise::width(program))?;
        let outputs: Vec<u64> = outputs.iter().map(|o| o.address).collect();
        self.over_layout(stream, program, &layout, (&operands, &outputs), false)
    }

    /// Copies a view to where another one is.
    pub(super) fn copy(
        &self,
        stream: Stream,
        dtype: DType,
        dims: &[usize],
        [from, to]: [&Source<'_>; 2],
    ) -> Result<()> {
        let program = Program::identity(dtype);
        let operands = [from.operand(), to.operand()];
        let layout = Layout::placed(dims, &operands, elementwise::width(&program))?;
        self.over_layout(stream, &program, &layout, (&operands[..1], &[to.address]), true)
    }

    fn over_layout(
        &self,
        stream: Stream,
        program: &Program,
        layout: &Layout,
        (inputs, outputs): (&[Operand<'_>], &[u64]),
        placed: bool,
    ) -> Result<()> {
        if layout.count == 0 {
            return Ok(());
        }
        let streams = &self.shared.streams;
        let ready = self.kernels.get(Key::Elementwise(program, &layout.form, placed), streams, || {
            elementwise::print(program, "fused", &layout.form, placed)
        })?;
        let items = layout.items(elementwise::width(program));
        let each = source::BLOCK as usize * elementwise::unroll(program, &layout.form);
        let grid = Self::grid(layout.tiles().unwrap_or(items.div_ceil(each)));
        launch((streams, stream), &ready, (grid, source::BLOCK), |param| {
            Some(match param {
                Param::Input(i) => number(inputs.get(i)?.address),
                Param::Output(i) => number(*outputs.get(i)?),
                Param::Space => layout.space(),
                Param::Count => number(layout.count as u64),
                Param::Items => number(items as u64),
                _ => return None,
            })
        })
    }

    /// Reduces all tiles in `region`.
    pub(super) fn tiles(
        &self,
        stream: Stream,
        all: &ReduceTiles,
        region: &Region,
        views: &[Source<'_>],
        outputs: &[Target],
    ) -> Result<()> {
        let cuts = |a: usize| Runs::of(&all.tiles.axes()[a], region.start[a], region.shape[a]);
        let axis = |a: usize| if all.is_reduced(a) { cuts(a) } else { Runs::one(region.shape[a]) };
        let tiles: Vec<Runs> = (0..region.rank()).map(axis).collect();
        self.reduce(stream, &all.tile, (region, &tiles, all.finish), views, outputs)
    }

    /// Reduces the tiles of `region`, whose states stand side by side in `outputs`.
    pub(super) fn reduce(
        &self,
        stream: Stream,
        tile: &TileReduce,
        (region, tiles, finish): (&Region, &[Runs], bool),
        views: &[Source<'_>],
        outputs: &[Target],
    ) -> Result<()> {
        // Positions count reduced elements alone.
        let reduced = &tile.parts[0].reduced;
        let counted: Vec<usize> = tile.space.iter().zip(reduced).map(|(&n, &r)| if r { n } else { 1 }).collect();
        let along = shape::strides(&counted);
        let steps: Vec<isize> = along.iter().zip(reduced).map(|(s, &r)| if r { s.cast_signed() } else { 0 }).collect();
        let origin: isize = region.start.iter().zip(&steps).map(|(a, b)| a.cast_signed() * b).sum();
        let mut operands: Vec<Source<'_>> = views.to_vec();
        if dealing::uses_position(tile) {
            operands.push(Source { address: 0, size: 1, strides: &steps });
        }
        let choices: Vec<usize> = tiles.iter().map(|runs| runs.0.len()).collect();
        for choice in Indices::new(&choices) {
            let picked: Vec<Run> = choice.iter().zip(tiles).map(|(&c, runs)| runs.0[c]).collect();
            self.reduce_run(stream, tile, (region, tiles, finish), &picked, (&operands, origin), outputs)?;
        }
        Ok(())
    }

    /// Reduces tiles of equal shape: along each axis one run of them.
    fn reduce_run(
        &self,
        stream: Stream,
        tile: &TileReduce,
        (region, tiles, finish): (&Region, &[Runs], bool),
        picked: &[Run],
        (operands, origin): (&[Source<'_>], isize),
        outputs: &[Target],
    ) -> Result<()> {
        let rank = region.rank();
        let reduced: Vec<usize> = (0..rank).filter(|&a| tile.parts[0].reduced[a]).collect();
        let others: Vec<usize> = (0..rank).filter(|&a| !tile.parts[0].reduced[a]).collect();
        // Outputs: the tiles along each reduced axis, then the axes that are kept. Elements: the reduced axes in a
        // tile.
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
        list.push((Operand { strides: &to, size: 1, address: first as u64 }, &still));
        let layout = ReduceLayout::new(&kept, &inner, &list, (views_of(tile), dealing::width(tile)))?;
        if layout.outputs == 0 {
            return Ok(());
        }
        let (threads, lanes) = (dealing::threads(tile), dealing::lanes(tile, layout.elements));
        let most = dealing::columns(tile, layout.form.wide);
        let mut layout = layout.in_columns(&list, most, lanes);
        layout.form.batch = dealing::batch(tile, &layout.form, layout.elements / dealing::width(tile) / lanes);
        let streams = &self.shared.streams;
        let ready = self.kernels.get(Key::Reduce(tile, &layout.form, finish), streams, || {
            reduce::print(tile, "reduce", &layout.form, finish)
        })?;
        let grid = u32::try_from((layout.outputs / layout.form.columns).div_ceil(threads / lanes))
            .map_err(|_| Error::unsupported(format!("a reduction to {} outputs in one block", layout.outputs)))?;
        let position = origin + spread.get(views_of(tile)).map_or(0, |(_, _, start)| *start);
        let threads = u32::try_from(threads).map_err(|_| Error::bug("a block has few threads"))?;
        let wide = layout.form.wide;
        launch((streams, stream), &ready, (grid, threads), |param| {
            Some(match param {
                Param::Input(i) => number(list.get(i)?.0.address),
                Param::Output(i) => {
                    let output = outputs.get(i)?;
                    number(output.address + (first * output.size) as u64)
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

    /// Folds states up the levels of a tree, as many at a time as a launch can.
    pub(super) fn fold(
        &self,
        stream: Stream,
        tree: &TreeFold,
        region: &Region,
        views: &[Source<'_>],
        outputs: &[Arc<DeviceBuffer>],
    ) -> Result<()> {
        let (mut entries, size) = (region.shape[0], region.size() / region.shape[0].max(1));
        let (mut left, mut from): (usize, Vec<u64>) = (tree.levels, views.iter().map(|v| v.address).collect());
        let mut between: Vec<Arc<DeviceBuffer>> = Vec::new();
        while left > 0 && entries * size > 0 {
            let step = TreeFold { levels: fold::levels_at_once(&tree.combine, size, left), ..tree.clone() };
            left -= step.levels;
            let made = match left {
                0 => outputs.to_vec(),
                _ => self.outputs(stream, &Kernel::Fold(step.clone()), &Region::full(&[entries, size]))?,
            };
            let to: Vec<u64> = made.iter().map(|b| b.address).collect();
            self.fold_once(stream, &step, [entries, size], (&from, &to))?;
            (entries, from, between) = (step.nodes(entries), to, made);
        }
        // What was read last is freed in the order of its stream.
        drop(between);
        Ok(())
    }

    fn fold_once(
        &self,
        stream: Stream,
        step: &TreeFold,
        [entries, size]: [usize; 2],
        (from, to): (&[u64], &[u64]),
    ) -> Result<()> {
        let streams = &self.shared.streams;
        let combine = &step.combine;
        let ready = self.kernels.get(Key::Fold(combine), streams, || fold::print(combine, "fold"))?;
        let threads = fold::threads(combine);
        let groups = (1..step.levels).fold(1, |n, _| n * FAN_IN);
        let blocks = step.nodes(entries).saturating_mul(size.div_ceil(threads / groups));
        let grid = u32::try_from(blocks)
            .map_err(|_| Error::unsupported(format!("a fold of {entries} states of {size} in one block")))?;
        let threads = u32::try_from(threads).map_err(|_| Error::bug("a block has few threads"))?;
        launch((streams, stream), &ready, (grid, threads), |param| {
            Some(match param {
                Param::Input(i) => number(*from.get(i)?),
                Param::Output(i) => number(*to.get(i)?),
                Param::Outputs => number(size as u64),
                Param::Elements => number(entries as u64),
                Param::Lanes => number(groups as u64),
                _ => return None,
            })
        })
    }

    /// Launches a user's kernel on a dense block.
    pub(super) fn function(
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
        let grid = Self::grid(n.div_ceil(source::BLOCK as usize));
        streams.suspect(&function.name);
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

    /// Multiplies a panel of both factors, onto a third input where there is one.
    pub(super) fn contract(
        &self,
        stream: Stream,
        (product, region): (&PanelProduct, &Region),
        (views, buffers): (&[Source<'_>], &[Arc<DeviceBuffer>]),
    ) -> Result<Arc<DeviceBuffer>> {
        let ([a, b, ..], [.., m, n]) = (views, region.shape.as_slice()) else {
            return Err(Error::bug("a product has two factors"));
        };
        let stack = shape::size(&region.shape) / (m * n).max(1);
        let result = product.output();
        let c = match buffers.get(2) {
            Some(before) if product.onto => Arc::clone(before),
            _ => Arc::new(self.allocate(stream, result, &region.shape)?),
        };
        let depth = buffers[0].size() / (stack * m).max(1);
        if buffers[0].size() != stack * m * depth || buffers[1].size() != stack * depth * n || c.size() != stack * m * n
        {
            return Err(Error::bug("the factors of a panel are dense"));
        }
        if c.size() > 0 && depth > 0 {
            let product = Product {
                dtype: buffers[0].dtype,
                result,
                stack: (region.rank() > 3).then_some(stack),
                sides: [*m, *n, depth],
                addresses: [a.address, b.address, c.address],
                onto: product.onto,
                tf32: self.tf32,
            };
            self.blas.multiply(&self.shared.streams, stream, &product)?;
        }
        Ok(c)
    }
}
