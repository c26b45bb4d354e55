//! Where a run takes less time, where the device is `auto`: on the CPU, or on a GPU.
//!
//! Both are estimated in seconds from the plan, before a GPU is looked for: what its stages compute, what they read and
//! write, and what has to cross the bus. Rates are those of ordinary machines, on the slow side for GPUs, and a GPU
//! must be expected to take half the time, so that it is not opened in vain: to begin with one takes longer than most
//! runs. What both have to do, such as to decode chunks, is left out. A run with anything that GPUs do not run stays on
//! the CPU. What was run before does not matter, but for arrays that it left on the GPU: a run goes where it went
//! before.

#![expect(clippy::cast_precision_loss, reason = "estimates")]

use super::context::Context;
use super::launch::{product_kernel, scan_kernel, step_kernels, tile_kernels};
use crate::blockwise::plan::{Origin, Plan, Stage, StageId, StageKind};
use crate::chunk::Region;
use crate::dtype::DType;
use crate::op::contraction::Contraction;
use crate::op::kernel::Kernel;
use crate::op::regional::Regional;
use crate::shape;
use crate::task::TaskGraph;
use std::collections::BTreeSet;

/// How much less a GPU must be expected to take.
const MARGIN: f64 = 2.0;

/// Seconds until a GPU that nobody uses yet runs its first kernels, with these compiled.
const OPENING: f64 = 0.5;

/// Seconds that a sweep takes the host, to launch what it needs and to wait for it.
const SWEEP: f64 = 100e-6;

/// Bytes a second that cross the bus.
const BUS: f64 = 2e10;

/// Bytes a second, and simple instructions a second, of a thread of the CPU.
const CPU_BYTES: f64 = 8e9;
const CPU_WORK: f64 = 2e10;

/// The same of a GPU; of `f64` it does the smallest part, where it is not made for computing centres.
const GPU_BYTES: f64 = 5e11;
const GPU_WORK: f64 = 2e12;
const GPU_DOUBLES: f64 = 32.0;

/// What a run takes on either, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Estimate {
    cpu: f64,
    gpu: f64,
    /// Whether some of what it reads is on a GPU.
    begun: bool,
}

impl Estimate {
    /// What stages over `elements` elements of `bytes` bytes in all take, each of which takes `work` instructions.
    fn elements(elements: f64, bytes: f64, work: f64, doubles: bool, threads: f64) -> Self {
        let slow = if doubles { GPU_DOUBLES } else { 1.0 };
        Self {
            cpu: (bytes / CPU_BYTES).max(elements * work / CPU_WORK) / threads,
            gpu: (bytes / GPU_BYTES).max(elements * work * slow / GPU_WORK),
            ..Self::default()
        }
    }

    /// What multiplying and adding so often takes.
    fn products(count: f64, contraction: &Contraction, threads: f64) -> Option<Self> {
        // Billions a second: of a thread, of a GPU.
        let (cpu, gpu) = match contraction.dtype {
            DType::F16 | DType::BF16 => (10.0, 10_000.0),
            DType::F32 => (25.0, 4_000.0),
            DType::C64 => (6.0, 1_000.0),
            DType::F64 => (12.0, 150.0),
            DType::C128 => (3.0, 40.0),
            _ => return None,
        };
        Some(Self { cpu: count / (cpu * 1e9 * threads), gpu: count / (gpu * 1e9), ..Self::default() })
    }

    /// Whether a GPU takes half the time at most.
    fn pays(self) -> bool {
        let opening = if self.begun { 0.0 } else { OPENING };
        MARGIN * (self.gpu + opening) <= self.cpu
    }

    fn add(&mut self, other: Self) {
        (self.cpu, self.gpu) = (self.cpu + other.cpu, self.gpu + other.gpu);
    }
}

/// The context that runs this plan on a GPU, where the device is `auto` and that pays.
pub(super) fn on_gpu(cx: &Context, plan: &Plan, graph: &TaskGraph) -> Option<Context> {
    if !cx.is_auto() || !estimate(cx.threads(), plan, graph, cx.opened_gpu().as_ref())?.pays() {
        return None;
    }
    cx.open_gpu().filter(|gpu| fallbacks(gpu, plan).is_empty())
}

/// What a run takes; none where a stage is for the CPU alone.
fn estimate(threads: usize, plan: &Plan, graph: &TaskGraph, gpu: Option<&Context>) -> Option<Estimate> {
    let mut all = Estimate::default();
    let (mut crossing, mut read) = (0.0, BTreeSet::new());
    for sweep in graph.sweeps.iter() {
        let stages: BTreeSet<StageId> = sweep.stages.iter().flat_map(|&id| plan.evaluated(id)).collect();
        for id in stages {
            all.add(of_stage(&plan.stages[id], threads as f64)?);
            read.extend(plan.stages[id].origins().into_iter().filter_map(|origin| match origin {
                Origin::Store(store) => Some(store),
                Origin::Stage(..) | Origin::Iota(_) => None,
            }));
        }
    }
    for store in read {
        let info = plan.stores[store].info();
        let bytes = (shape::size(&info.shape) * info.dtype.size()) as f64;
        let is_there = |gpu: &Context| {
            let held = plan.stores[store].held(&Region::full(&info.shape));
            !held.is_empty() && held.iter().all(|(data, _)| gpu.is_resident(data))
        };
        if gpu.is_some_and(is_there) {
            (all.cpu, all.begun) = (all.cpu + bytes / BUS, true);
        } else {
            crossing += bytes;
        }
    }
    for output in plan.outputs.iter().filter(|output| !output.persists) {
        let size = plan.stages[output.stage].result_dtypes()[output.result].size();
        crossing += (shape::size(&output.shape) * size) as f64;
    }
    // What crosses the bus does so while others compute.
    all.gpu = all.gpu.max(crossing / BUS) + graph.sweeps.len() as f64 * SWEEP;
    Some(all)
}

/// What a stage takes; none where it is for the CPU alone.
fn of_stage(stage: &Stage, threads: f64) -> Option<Estimate> {
    let elements = shape::size(&stage.space) as f64;
    let bytes: usize = stage.inputs.iter().map(|i| i.dtype.size()).sum();
    let moved = |bytes: usize| elements * bytes as f64;
    match &stage.kind {
        StageKind::Blockwise(program) => {
            let doubles = program.dtypes.contains(&DType::F64);
            let bytes = moved(bytes + program.output_dtype(0).size());
            Some(Estimate::elements(elements, bytes, program.work() as f64, doubles, threads))
        }
        StageKind::Reduce { map, parts } if parts.iter().all(|part| part.groups.is_none()) => {
            let steps = parts.iter().flat_map(|part| &part.reducer.phases).map(|phase| phase.step.work());
            let work = map.work() + steps.sum::<usize>();
            // A narrow number that is added up in `f64` takes one such addition, less than reading it.
            let doubles = map.dtypes.contains(&DType::F64);
            Some(Estimate::elements(elements, moved(bytes), work as f64, doubles, threads))
        }
        StageKind::Contract(contraction) => {
            Estimate::products(elements * contraction.panels.len() as f64, contraction, threads)
        }
        StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } => {
            Some(Estimate::elements(elements, moved(2 * bytes), 0.0, false, threads))
        }
        StageKind::Reduce { .. }
        | StageKind::Scan { .. }
        | StageKind::Tiles(_)
        | StageKind::Substitute(_)
        | StageKind::Regional(_)
        | StageKind::Runs(_)
        | StageKind::Function(_) => None,
    }
}

/// The kernels that the context's device has not.
pub(super) fn fallbacks(cx: &Context, plan: &Plan) -> Vec<String> {
    let kernels = plan.stages.iter().flat_map(|stage| match &stage.kind {
        StageKind::Blockwise(p) => vec![Kernel::Elementwise(p.clone())],
        StageKind::Regional(Regional::Gather(_)) => Vec::new(),
        StageKind::Regional(Regional::Call(call)) => vec![Kernel::Function(call.function.clone())],
        StageKind::Regional(op) => vec![Kernel::Regional(op.clone())],
        StageKind::Function(f) => vec![Kernel::Function(f.clone())],
        StageKind::Reduce { .. } => tile_kernels(stage).into_iter().map(|(_, tile)| Kernel::Reduce(tile)).collect(),
        StageKind::Scan { .. } => scan_kernel(stage).into_iter().collect(),
        StageKind::Contract(contraction) => vec![product_kernel(contraction, false, false)],
        StageKind::Tiles(program) => {
            let factorisation = program.factorisation;
            step_kernels(factorisation.name(), program.dtype, factorisation.tasks())
        }
        StageKind::Substitute(s) => step_kernels(s.name(), s.dtype, s.tasks()),
        StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } | StageKind::Runs(_) => Vec::new(),
    });
    kernels.filter(|k| !cx.device_supports(k)).map(|k| k.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::compute::Compute;
    use crate::blockwise::draft::Draft;
    use crate::{Array, Context};

    /// Whether a run of four threads on a machine with a GPU that is not in use goes there.
    fn pays(what: &impl Compute) -> Option<bool> {
        let cx = Context::builder().threads(4).memory("4GiB").device("cpu").build().unwrap();
        let plan = cx.plan(what).unwrap();
        let graph = TaskGraph::new(&Draft::new(plan.clone(), &cx.machine())).unwrap();
        estimate(cx.threads(), &plan, &graph, None).map(Estimate::pays)
    }

    fn square(side: usize) -> Array<f32> {
        let cx = Context::builder().device("cpu").build().unwrap();
        (cx.arange(side).unwrap().reshape(&[-1, 1]) + cx.arange(side).unwrap()).cast()
    }

    #[test]
    fn much_arithmetic_goes_to_a_gpu_and_little_does_not() {
        assert_eq!(pays(&square(8192).matmul(&square(8192))), Some(true));
        assert_eq!(pays(&square(512).matmul(&square(512))), Some(false));
        assert_eq!(pays(&(square(4096) * 2.0 + 1.0).sum(..)), Some(false));
        let step = |x: Array<f32>| x.sin().exp().tanh();
        let many = (0..24).fold(square(16_384), |x, _| step(x));
        assert_eq!(pays(&many.mean(..)), Some(true));
    }

    #[test]
    fn what_gpus_do_not_run_stays() {
        assert_eq!(pays(&square(8192).matmul(&square(8192)).cumsum(0)), None);
    }
}
