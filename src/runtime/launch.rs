//! The kernels of a run: each is built once, and made ready as often as threads run it at once.

use super::context::Context;
use crate::blockwise::plan::{Part, Stage, StageKind};
use crate::chunk::Region;
use crate::cpu::device::Ready;
use crate::device::block::{Block, Buffer};
use crate::device::null::kept_shape;
use crate::device::{Stream, View};
use crate::dtype::DType;
use crate::error::Result;
use crate::op::contraction::Contraction;
use crate::op::kernel::{Kernel, PanelProduct, TilePart, TileReduce, TileScan};
use crate::op::program::Program;
use crate::shape;
use parking_lot::Mutex;

/// A kernel and where it runs.
pub(crate) struct Launcher {
    kernel: Kernel,
    /// Dtypes of the results.
    dtypes: Vec<DType>,
    /// Whether the CPU runs it.
    on_cpu: bool,
    /// What no thread uses at the moment.
    idle: Mutex<Vec<Ready>>,
}

impl Launcher {
    pub(crate) fn new(cx: &Context, kernel: Kernel) -> Self {
        let (dtypes, on_cpu) = (kernel.outputs(), cx.on_cpu(&kernel));
        Self { kernel, dtypes, on_cpu, idle: Mutex::default() }
    }

    /// Whether the CPU runs it.
    pub(crate) fn on_cpu(&self) -> bool {
        self.on_cpu
    }

    /// Runs over `region` of host blocks.
    pub(crate) fn run(&self, cx: &Context, region: &Region, views: &[View]) -> Result<Vec<Block>> {
        if !self.on_cpu {
            return cx.execute(Stream(0), &self.kernel, region, views);
        }
        let shapes = self.shapes(region);
        let size = |i: usize| shape::size(shapes.of(i)) * self.dtypes[i].size();
        let mut buffers: Vec<Buffer> = (0..self.dtypes.len()).map(|i| cx.memory().buffer(size(i))).collect();
        let mut outputs: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
        self.run_into(region, views, &mut outputs)?;
        let made = buffers.into_iter().zip(&self.dtypes).enumerate();
        made.map(|(i, (buffer, &dtype))| Block::new(dtype, shapes.of(i), buffer)).collect()
    }

    /// Runs on the CPU into memory that the caller has: the bytes of each output.
    pub(crate) fn run_into(&self, region: &Region, views: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        let idle = self.idle.lock().pop();
        let mut ready = idle.map_or_else(|| Ready::new(&self.kernel), Ok)?;
        let done = ready.run(region, views, outputs);
        self.idle.lock().push(ready);
        done
    }

    fn shapes<'a>(&self, region: &'a Region) -> Shapes<'a> {
        let Kernel::Reduce(tile) = &self.kernel else { return Shapes::Same(&region.shape) };
        let kept = |part: &TilePart| vec![kept_shape(&region.shape, &part.reduced); part.reducer.identity.len()];
        Shapes::Each(tile.parts.iter().flat_map(kept).collect())
    }
}

/// The shapes of a kernel's results.
enum Shapes<'a> {
    Same(&'a [usize]),
    Each(Vec<Vec<usize>>),
}

impl Shapes<'_> {
    fn of(&self, i: usize) -> &[usize] {
        match self {
            Self::Same(shape) => shape,
            Self::Each(list) => &list[i],
        }
    }
}

/// What a stage launches.
pub(crate) enum StageKernels {
    /// Nothing: elements are moved.
    Nothing,
    /// One kernel over blocks.
    Block(Launcher),
    /// Those of a matrix product: over its first panel, and over further ones.
    Product {
        /// Gives products.
        first: Launcher,
        /// Adds to them.
        onto: Launcher,
        /// To what is multiplied and back, where that is another dtype.
        convert: Option<(Launcher, Launcher)>,
    },
    /// Those of a reduction.
    Reduction {
        /// Over tiles: parts with the same tiles share one. Each comes with the parts' numbers.
        tiles: Vec<(Vec<usize>, Launcher)>,
        /// Over states: what combines those of a part, and what finishes them.
        parts: Vec<(Launcher, Launcher)>,
    },
}

impl StageKernels {
    pub(crate) fn new(cx: &Context, stage: &Stage) -> Self {
        let launcher = |kernel| Launcher::new(cx, kernel);
        match &stage.kind {
            StageKind::Blockwise(program) => Self::Block(launcher(Kernel::Elementwise(program.clone()))),
            StageKind::Function(function) => Self::Block(launcher(Kernel::Function(function.clone()))),
            StageKind::Scan { .. } => scan_kernel(stage).map_or(Self::Nothing, |kernel| Self::Block(launcher(kernel))),
            StageKind::Contract(contraction) => {
                let panel = |onto| launcher(product_kernel(contraction, onto));
                let (dtype, work) = (contraction.dtype, contraction.work());
                let cast = |from: DType, to: DType| {
                    let mut p = Program::default();
                    let x = p.input(from);
                    let y = p.cast(x, to);
                    p.outputs.push(y);
                    launcher(Kernel::Elementwise(p))
                };
                let convert = (dtype != work).then(|| (cast(dtype, work), cast(work, dtype)));
                Self::Product { first: panel(false), onto: panel(true), convert }
            }
            StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } => Self::Nothing,
            StageKind::Reduce { parts, .. } => {
                let of_states = |part: &Part| {
                    let (combine, finish) = (part.reducer.combine.clone(), part.reducer.finish.clone());
                    (launcher(Kernel::Elementwise(combine)), launcher(Kernel::Elementwise(finish)))
                };
                Self::Reduction {
                    tiles: tile_kernels(stage)
                        .into_iter()
                        .map(|(members, kernel)| (members, launcher(kernel)))
                        .collect(),
                    parts: parts.iter().map(of_states).collect(),
                }
            }
        }
    }
}

/// The kernels over tiles of a reduction stage: parts with the same tiles share one. Each comes with the parts' numbers.
pub(crate) fn tile_kernels(stage: &Stage) -> Vec<(Vec<usize>, Kernel)> {
    let StageKind::Reduce { map, parts } = &stage.kind else { return Vec::new() };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let same = |g: &Vec<usize>| {
            let first = &parts[g[0]];
            first.reduced == part.reduced && first.tiling == part.tiling && first.groups == part.groups
        };
        match groups.iter_mut().find(|g| same(g)) {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    let kernel = |group: &Vec<usize>| {
        let tile_parts = group.iter().map(|&i| {
            let p = &parts[i];
            TilePart { value: p.value, reducer: p.reducer.clone(), reduced: p.reduced.clone(), lanes: p.lanes }
        });
        Kernel::Reduce(TileReduce { map: map.clone(), space: stage.space.clone(), parts: tile_parts.collect() })
    };
    groups.iter().map(|g| (g.clone(), kernel(g))).collect()
}

/// The kernel that multiplies a panel.
pub(crate) fn product_kernel(contraction: &Contraction, onto: bool) -> Kernel {
    Kernel::Contract(PanelProduct { contraction: contraction.clone(), onto })
}

/// The kernel that scans the tiles of a block.
pub(crate) fn scan_kernel(stage: &Stage) -> Option<Kernel> {
    let StageKind::Scan { map, scanner, axis, lanes, tiles } = &stage.kind else { return None };
    Some(Kernel::Scan(TileScan {
        map: map.clone(),
        scanner: scanner.clone(),
        axis: *axis,
        tiles: tiles.clone(),
        lanes: *lanes,
    }))
}
