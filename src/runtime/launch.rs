//! The kernels of a run: each is built once, and made ready as often as threads run it at once.
//!
//! Where a kernel runs is decided here and once, by what the device supports: never by the size of a block, since the
//! bits of a result may depend on the device. What gives the same bits everywhere runs on the CPU when it is given
//! blocks that were brought to the host to stay there ([`Data::Host`]).

use super::context::Context;
use super::devices::Lane;
use super::trace::Timed;
use crate::blockwise::plan::{Part, Stage, StageKind};
use crate::chunk::Region;
use crate::chunk::tiling::levels;
use crate::cpu::device::Ready;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::device::null::output_shapes;
use crate::device::{Device, Resident, Stream, View};
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::op::contraction::Contraction;
use crate::op::kernel::{Kernel, PanelProduct, ReduceTiles, TilePart, TileReduce, TileScan, TileStep, TreeFold};
use crate::op::program::{Program, Value};
use crate::op::regional::Regional;
use crate::op::tiles::TileTask;
use crate::shape;
use parking_lot::Mutex;
use std::sync::Arc;

/// A kernel and where it runs.
pub(crate) struct Launcher {
    kernel: Kernel,
    /// Dtypes of the results.
    dtypes: Vec<DType>,
    /// Whether the CPU runs it.
    on_cpu: bool,
    /// Whether it gives the same bits wherever it runs.
    exact: bool,
    /// What no thread uses at the moment.
    idle: Mutex<Vec<Ready>>,
}

impl Launcher {
    pub(crate) fn new(cx: &Context, kernel: Kernel) -> Self {
        let (dtypes, on_cpu) = (kernel.outputs(), cx.on_cpu(&kernel));
        let exact = match &kernel {
            Kernel::Elementwise(program) | Kernel::Fold(TreeFold { combine: program, .. }) => program.is_exact(),
            _ => false,
        };
        Self { kernel, dtypes, on_cpu, exact, idle: Mutex::default() }
    }

    /// The dtypes and shapes of its results over `region`.
    pub(crate) fn results(&self, region: &Region) -> Vec<(DType, Vec<usize>)> {
        self.dtypes.iter().copied().zip(output_shapes(&self.kernel, region)).collect()
    }

    /// Whether the CPU runs it.
    pub(crate) fn on_cpu(&self) -> bool {
        self.on_cpu
    }

    /// Whether what a device would compute as well had better be computed where its operands are.
    fn stays(&self, views: &[View<Data>]) -> bool {
        self.exact && views.iter().all(|v| matches!(v.block, Data::Host(_)))
    }

    /// What running it is: a device is only given what it has to do.
    pub(crate) fn work(&self, views: &[View<Data>]) -> Timed {
        if self.on_cpu || self.stays(views) { Timed::Compute } else { Timed::Launch }
    }

    /// Runs over `region`, where the kernel runs.
    pub(crate) fn run(&self, cx: &Context, region: &Region, views: &[View<Data>]) -> Result<Vec<Data>> {
        let stays = self.stays(views);
        if let Some((device, stream)) = cx.lane_for(region, views).filter(|_| !self.on_cpu && !stays) {
            let bytes = || self.bytes_there(region, views);
            match cx.admit(device.as_ref(), bytes, || self.run_there((device, stream), region, views)) {
                // The last resort of a device that has no room for one block: its results agree within the tolerance.
                Err(error) if matches!(error.kind(), ErrorKind::Memory { .. }) => {
                    tracing::warn!(kernel = %self.kernel, %error, "run on the CPU");
                }
                done => return done,
            }
        }
        let views = views.iter().map(View::host).collect::<Result<Vec<_>>>()?;
        let shapes = self.shapes(region);
        let size = |i: usize| shape::size(shapes.of(i)) * self.dtypes[i].size();
        let _scratch = match &self.kernel {
            Kernel::Regional(op) => Some(cx.memory().claim(op.scratch(&region.shape))),
            _ => None,
        };
        let mut buffers: Vec<Buffer> = (0..self.dtypes.len()).map(|i| cx.memory().buffer(size(i))).collect();
        let mut outputs: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
        self.run_into(region, &views, &mut outputs)?;
        let made = buffers.into_iter().zip(&self.dtypes).enumerate();
        let data = |block: Block| if stays { Data::Host(block) } else { cx.data(block) };
        made.map(|(i, (buffer, &dtype))| Ok(data(Block::new(dtype, shapes.of(i), buffer)?))).collect()
    }

    /// Runs on a device, into what is there of each result from index `first` on; nothing but what is there already
    /// takes memory.
    pub(crate) fn run_to(
        &self,
        cx: &Context,
        (device, stream): Lane<'_>,
        region: &Region,
        views: &[View<Data>],
        to: (&[Resident], usize),
    ) -> Result<()> {
        cx.beside(|| {
            let inputs = views.iter().map(|v| v.on(device, stream)).collect::<Result<Vec<_>>>()?;
            device.launch_to(stream, &self.kernel, region, &inputs, to)
        })
    }

    /// Whether it gives the same bits wherever it runs.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The bytes that a device must hold at once: whole blocks, of which the views may show parts.
    fn bytes_there(&self, region: &Region, views: &[View<Data>]) -> u64 {
        let is_first = |(i, view): &(usize, &View<Data>)| !views[..*i].iter().any(|v| v.block.is_same(&view.block));
        let inputs: usize = views.iter().enumerate().filter(is_first).map(|(_, view)| view.block.len()).sum();
        let shapes = output_shapes(&self.kernel, region);
        let outputs: usize = match &self.kernel {
            Kernel::Contract(product) if product.onto && views.len() > 2 => 0,
            _ => shapes.iter().zip(&self.dtypes).map(|(s, dtype)| shape::size(s) * dtype.size()).sum(),
        };
        (inputs + outputs) as u64
    }

    /// Runs on a device.
    fn run_there(
        &self,
        (device, stream): (&Arc<dyn Device>, Stream),
        region: &Region,
        views: &[View<Data>],
    ) -> Result<Vec<Data>> {
        let inputs = views.iter().map(|v| v.on(device, stream)).collect::<Result<Vec<_>>>()?;
        let made = device.launch(stream, &self.kernel, region, &inputs)?;
        let shapes = output_shapes(&self.kernel, region);
        let made = made.into_iter().zip(&self.dtypes).zip(&shapes);
        Ok(made.map(|((data, &dtype), shape)| Data::resident(device, stream, data, dtype, shape)).collect())
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
        match &self.kernel {
            Kernel::Reduce(_) | Kernel::Tiles(_) | Kernel::Fold(_) => Shapes::Each(output_shapes(&self.kernel, region)),
            Kernel::Elementwise(_)
            | Kernel::Scan(_)
            | Kernel::Contract(_)
            | Kernel::Step(_)
            | Kernel::Regional(_)
            | Kernel::Function(_) => Shapes::Same(&region.shape),
        }
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
        /// To what is multiplied, where that is another dtype,
        widen: Option<Launcher>,
        /// and back, where products are not rounded at once.
        narrow: Option<Launcher>,
    },
    /// Those of a tile program or a triangular system, in the order of [`TileTask::ALL`].
    Tiles(Vec<Launcher>),
    /// Those of a reduction.
    Reduction {
        /// Over tiles: parts with the same tiles share them.
        tiles: Vec<TileKernels>,
        /// Over the states of each part.
        parts: Vec<StateKernels>,
    },
}

/// The kernels over the tiles that some parts of a reduction share.
pub(crate) struct TileKernels {
    /// The numbers of the parts.
    pub(crate) members: Vec<usize>,
    /// Over one tile.
    pub(crate) one: Launcher,
    /// Over all tiles of a block at once, where the device does that.
    pub(crate) all: Option<Launcher>,
    /// Whether that gives results, because there is one tile.
    pub(crate) finishes: bool,
    /// Join neighbours among the states of all parts: one level of the tree, two of them, and so on up to all.
    pub(crate) folds: Vec<Launcher>,
}

/// The kernels over the states of one part of a reduction.
pub(crate) struct StateKernels {
    /// Joins two.
    pub(crate) combine: Launcher,
    /// The result of one.
    pub(crate) finish: Launcher,
}

impl StageKernels {
    pub(crate) fn new(cx: &Context, stage: &Stage) -> Self {
        let launcher = |kernel| Launcher::new(cx, kernel);
        match &stage.kind {
            StageKind::Blockwise(program) => Self::Block(launcher(Kernel::Elementwise(program.clone()))),
            StageKind::Regional(Regional::Gather(_)) => Self::Nothing,
            StageKind::Regional(Regional::Call(call)) => Self::Block(launcher(Kernel::Function(call.function.clone()))),
            StageKind::Regional(op) => Self::Block(launcher(Kernel::Regional(op.clone()))),
            StageKind::Function(function) => Self::Block(launcher(Kernel::Function(function.clone()))),
            StageKind::Scan { .. } => scan_kernel(stage).map_or(Self::Nothing, |kernel| Self::Block(launcher(kernel))),
            StageKind::Contract(contraction) => {
                let (dtype, work) = (contraction.dtype, contraction.work());
                let narrow = dtype != work && !cx.on_cpu(&product_kernel(contraction, false, true));
                let rounds = narrow && contraction.adds_nothing();
                let panel = |onto| launcher(panel_kernel(contraction, onto, narrow, rounds));
                let cast = |from: DType, to: DType| {
                    let mut p = Program::default();
                    let x = p.input(from);
                    let y = p.cast(x, to);
                    p.outputs.push(y);
                    launcher(Kernel::Elementwise(p))
                };
                let differs = dtype != work;
                Self::Product {
                    first: panel(false),
                    onto: panel(true),
                    widen: (differs && !narrow).then(|| cast(dtype, work)),
                    narrow: (differs && !rounds).then(|| cast(work, dtype)),
                }
            }
            StageKind::Tiles(program) => {
                let kernels = step_kernels(program.factorisation.name(), program.dtype, &TileTask::ALL);
                Self::Tiles(kernels.into_iter().map(launcher).collect())
            }
            StageKind::Substitute(s) => {
                Self::Tiles(step_kernels(s.name(), s.dtype, &TileTask::ALL).into_iter().map(launcher).collect())
            }
            StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } | StageKind::Runs(_) => {
                Self::Nothing
            }
            StageKind::Reduce { parts, .. } => {
                let of_states = |part: &Part| {
                    let (combine, finish) = (part.reducer.combine.clone(), part.reducer.finish.clone());
                    StateKernels {
                        combine: launcher(Kernel::Elementwise(combine)),
                        finish: launcher(Kernel::Elementwise(finish)),
                    }
                };
                let of_tiles = |(members, tile): (Vec<usize>, TileReduce)| {
                    let part = &parts[members[0]];
                    let checked = members.iter().any(|&m| parts[m].reducer.no_answer.is_some());
                    let finishes = part.tiles() == 1 && !checked;
                    let all = (part.groups.is_none()).then(|| {
                        let (tile, tiles) = (tile.clone(), part.tiling.clone());
                        launcher(Kernel::Tiles(ReduceTiles { tile, tiles, finish: finishes }))
                    });
                    let all = all.filter(|kernel| !kernel.on_cpu());
                    let combine = combine_all(&tile.parts);
                    let fold = |levels| launcher(Kernel::Fold(TreeFold { combine: combine.clone(), levels }));
                    let folds = if all.is_some() { (1..=levels(part.tiles())).map(fold).collect() } else { Vec::new() };
                    TileKernels { members, one: launcher(Kernel::Reduce(tile)), all, finishes, folds }
                };
                Self::Reduction {
                    tiles: tile_kernels(stage).into_iter().map(of_tiles).collect(),
                    parts: parts.iter().map(of_states).collect(),
                }
            }
        }
    }
}

/// `(states of all parts, states of all parts) -> states of all parts`, the second from later tiles.
fn combine_all(parts: &[TilePart]) -> Program {
    let mut all = Program::default();
    let states = |all: &mut Program| -> Vec<Vec<Value>> {
        let of = |part: &TilePart| part.reducer.identity.iter().map(|(dtype, _)| all.input(*dtype)).collect();
        parts.iter().map(of).collect()
    };
    let (left, right) = (states(&mut all), states(&mut all));
    for (part, (a, b)) in parts.iter().zip(left.into_iter().zip(right)) {
        let joined = all.inline(&part.reducer.combine, &[a, b].concat());
        all.outputs.extend(joined);
    }
    all
}

/// What is done to the tiles of a reduction stage: parts with the same tiles share one. Each comes with the parts'
/// numbers.
pub(crate) fn tile_kernels(stage: &Stage) -> Vec<(Vec<usize>, TileReduce)> {
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
        TileReduce { map: map.clone(), space: stage.space.clone(), parts: tile_parts.collect() }
    };
    groups.iter().map(|g| (g.clone(), kernel(g))).collect()
}

/// The kernel that multiplies a panel into the dtype in which panels are added up.
pub(crate) fn product_kernel(contraction: &Contraction, onto: bool, narrow: bool) -> Kernel {
    panel_kernel(contraction, onto, narrow, false)
}

/// The kernel that multiplies a panel.
fn panel_kernel(contraction: &Contraction, onto: bool, narrow: bool, rounds: bool) -> Kernel {
    Kernel::Contract(PanelProduct { contraction: contraction.clone(), onto, narrow, rounds })
}

/// The kernels of steps on tiles.
pub(crate) fn step_kernels(op: &'static str, dtype: DType, tasks: &[TileTask]) -> Vec<Kernel> {
    tasks.iter().map(|&task| Kernel::Step(TileStep { op, task, dtype })).collect()
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
