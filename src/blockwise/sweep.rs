//! Sweeps: which stages walk their index space together, and in which blocks.
//!
//! Sinks over the same space that read the same arrays form one sweep, so that each block is read once for all of them.
//! Blocks respect what may not be cut (reduction tiles, stored chunks, chunks that user functions see), prefer whole
//! source chunks, join tiny ones and split what exceeds a task's share of the budget along axes that may be cut.

use super::cuts::{Axis, count, grid_of, join, longest, meet, part, shrink, spread, widen};
use super::memory::{carried_bytes, held_bytes, task_bytes, waiting_bytes, walked_bytes};
use super::panels::{Room, panels, whole_sides};
use super::plan::{Input, Origin, Plan, StageId, StageKind};
use super::sources::Sources;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks};
use crate::error::{Error, Result};
use crate::op::regional::Regional;
use crate::shape;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a plan is made for. Tests pin it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Worker threads.
    pub threads: usize,
    /// The memory budget in bytes.
    pub budget: u64,
    /// The most bytes a block should take, where that is limited from outside.
    pub block_bytes: Option<u64>,
    /// Bytes that a device has for blocks, where one runs the kernels.
    pub device: Option<u64>,
}

impl Machine {
    /// Blocks smaller than this are joined: it hides the cost of a task many times over. On a device it hides that of a
    /// launch, and where blocks come from the host, as `streams` says, leaves enough of them to
    /// overlap.
    fn small_block(&self, streams: bool, decoded: bool) -> u64 {
        let most = if streams { STREAMED_BLOCK } else { RESIDENT_BLOCK };
        let on_cpu = if decoded { DECODED_BLOCK } else { SMALL_BLOCK };
        self.device.map_or(on_cpu, |bytes| (bytes / DEVICE_BLOCKS).clamp(SMALL_BLOCK, most))
    }

    /// Bytes that a task may take of `share` bytes of the host, and of the device.
    fn per_task(&self, share: u64) -> u64 {
        let tasks = self.threads as u64 + 1;
        let device = self.device.map_or(u64::MAX, |bytes| bytes / tasks);
        (share / tasks).min(device).max(1)
    }
}

/// Bytes of a small block.
const SMALL_BLOCK: u64 = 2 << 20;

/// Bytes of a small block that is decoded, which takes longer than a task costs; to join chunks is to copy their rows.
const DECODED_BLOCK: u64 = 512 << 10;

/// Bytes of a part of a chunk, where chunks are decoded part by part: they stay in the second cache until they are
/// used.
const PART: u64 = 1 << 20;

/// Bytes of a small block on a device that is copied there: a third of a millisecond of `PCIe`,
const STREAMED_BLOCK: u64 = 16 << 20;

/// and of one that is there, or computed there: eighty microseconds of its memory.
const RESIDENT_BLOCK: u64 = 256 << 20;

/// Blocks for which a device should have room.
const DEVICE_BLOCKS: u64 = 256;

/// Cuts that have common boundaries only every so many pieces have none worth waiting for.
const FAR: usize = 8;

/// Blocks longer than this are not made only to keep cells of matrix products whole.
const FAR_CELLS: usize = 4096;

/// Sinks that walk one index space together.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The sinks.
    pub stages: Vec<StageId>,
    /// The blocks.
    pub grid: Chunks,
    /// The axes in the order in which they are walked, the last one fastest.
    pub order: Vec<usize>,
    /// The stored chunks that blocks are parts of, where those of each are walked one after another by one thread.
    pub chunks: Option<Chunks>,
    /// The stores of which tasks read parts of chunks that no other task reads, but those of the same walk.
    pub in_parts: Vec<usize>,
    /// Bytes that the largest task takes.
    pub task_bytes: u64,
    /// Bytes held by results while it runs, those of earlier sweeps included.
    pub held_bytes: u64,
    /// Tasks that run at once.
    pub width: usize,
    /// Whether blocks are made of tiles, on which as many tasks work, however few blocks there are.
    pub tiled: bool,
    /// Tasks that a worker may have left to a device when it begins another: their uploads are still on their way.
    pub ahead: usize,
    /// How far a task may be ahead of the first that is not done: states of tiles combine in order, and wait until
    /// then.
    pub window: usize,
    /// Bytes of states that may wait.
    pub waiting_bytes: u64,
    /// Bytes of stored chunks that several tasks read.
    pub shared_bytes: u64,
    /// Stages whose results nobody needs after it.
    pub releases: Vec<StageId>,
}

/// Tasks queued for each thread; small ones cost less than waking a thread.
const QUEUED: usize = 3;
const QUEUED_SMALL: usize = 128;

/// Small tasks handed to a thread together, at most.
const BATCH: usize = 32;

/// Tasks that take less are small.
const SMALL_TASK: u64 = 256 << 10;

impl Sweep {
    /// The index of the block that task `number` is for.
    #[must_use]
    pub fn block(&self, number: usize) -> Vec<usize> {
        match &self.chunks {
            None => self.grid.index(number, &self.order),
            Some(chunks) => self.grid.index_within(chunks, number),
        }
    }

    /// Blocks that are parts of one stored chunk, at most; one where they are not parts.
    fn parts(&self) -> usize {
        let along = |(chunks, blocks): (&AxisChunks, &AxisChunks)| chunks.longest().div_ceil(blocks.longest().max(1));
        self.chunks.as_ref().map_or(1, |chunks| chunks.axes().iter().zip(self.grid.axes()).map(along).product())
    }

    /// Whether tasks take so little that many are queued at once, and stores are not told of them before.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.task_bytes < SMALL_TASK
    }

    /// Tasks that are queued or run at once.
    #[must_use]
    pub fn queued(&self, threads: usize) -> usize {
        match (self.width < threads, self.is_small()) {
            (true, _) => self.width,
            (false, true) => QUEUED_SMALL * threads,
            (false, false) => QUEUED * threads * self.parts(),
        }
    }

    /// Tasks handed to a thread together, which runs them one after another.
    #[must_use]
    pub fn batch(&self, threads: usize) -> usize {
        if self.chunks.is_some() {
            return self.parts().min(self.window / (2 * threads)).max(1);
        }
        if !self.is_small() || self.width < threads {
            return 1;
        }
        let fair = self.grid.count() / (4 * threads);
        BATCH.min(fair).min(self.window / (2 * threads)).max(1)
    }

    /// The most memory that the sweep takes, cached chunks left out: what is held, its tasks, one more that is being
    /// handed over where there is room for it, and states that wait.
    #[must_use]
    pub fn projected_bytes(&self, budget: u64) -> u64 {
        let free = budget.saturating_sub(self.held_bytes + self.waiting_bytes);
        let fit = free / self.task_bytes.max(1);
        let most = if self.tiled { u64::MAX } else { self.grid.count() as u64 };
        let running = ((self.width * (1 + self.ahead)) as u64 + 1).min(fit.max(1)).min(most);
        self.held_bytes + self.waiting_bytes + running * self.task_bytes
    }

    /// Sets how far tasks may be ahead of each other, where they leave states behind.
    fn limit_waiting(&mut self, plan: &Plan, machine: &Machine) {
        let each = waiting_bytes(plan, &self.stages, &self.grid.longest());
        if each == 0 {
            return;
        }
        // A task that runs has room for its own states.
        let taken = self.held_bytes + (self.width * (1 + self.ahead)) as u64 * self.task_bytes;
        let room = machine.budget.saturating_sub(taken) / 2 / each;
        let more = self.queued(machine.threads).saturating_sub(self.width).min(self.grid.count());
        let more = more.min(usize::try_from(room).unwrap_or(usize::MAX));
        self.window = self.width + more;
        self.waiting_bytes = more as u64 * each;
    }
}

/// The sweeps of a fused plan, in order.
///
/// # Errors
/// [`Memory`](crate::ErrorKind::Memory), naming the stage, when a sweep cannot stay within the budget.
pub fn sweeps(plan: &Plan, machine: &Machine) -> Result<Vec<Sweep>> {
    let mut held = 0;
    let mut out = Vec::new();
    let groups = groups(plan);
    let last_use = last_use(plan, &groups);
    for (number, stages) in groups.iter().enumerate() {
        let stages = stages.clone();
        held += stages.iter().map(|&id| held_bytes(plan, id)).sum::<u64>();
        let label = || {
            let first = &plan.stages[stages[0]];
            format!("{} (built at {})", first.label, first.site)
        };
        let share = machine.budget.saturating_sub(held);
        let grid = grid(plan, &stages, machine, share);
        let bytes = task_bytes(plan, &stages, &grid.longest());
        let order = order(plan, &stages);
        let sources = Sources::of(plan, &stages);
        let chunks = sources.walked(&grid).filter(|c| *c != grid && walks(plan, &stages, machine) && order.is_sorted());
        let carried = carried_bytes(plan, &stages, &grid, &order);
        if bytes + carried > share {
            return Err(Error::memory(label(), held + carried + bytes, machine.budget));
        }
        let share = share - carried;
        let room = machine.device.map_or(share, |device| share.min(device));
        let fit = usize::try_from(room / bytes.max(1)).unwrap_or(usize::MAX);
        let width = machine.threads.min(fit).max(1);
        let ahead = usize::from(machine.device.is_some() && width.saturating_mul(2) <= fit);
        let shared_bytes = sources.cached(&grid, chunks.is_some());
        let in_parts = sources.in_parts(&grid, chunks.is_some());
        let (window, waiting_bytes) = (usize::MAX, 0);
        let (task_bytes, held_bytes) = (bytes, held + carried);
        let releases: Vec<StageId> = (0..plan.stages.len()).filter(|&id| last_use[id] == Some(number)).collect();
        held -= releases.iter().map(|&id| super::memory::held_bytes(plan, id)).sum::<u64>();
        let tiled = matches!(&plan.stages[stages[0]].kind, StageKind::Tiles(program) if program.side() > 1);
        let mut sweep = Sweep {
            stages,
            grid,
            order,
            chunks,
            in_parts,
            task_bytes,
            held_bytes,
            width,
            tiled,
            ahead,
            window,
            waiting_bytes,
            shared_bytes,
            releases,
        };
        sweep.limit_waiting(plan, machine);
        out.push(sweep);
    }
    Ok(out)
}

/// The order of the axes: row-major, but where results of reductions go to disk, these are finished one by one.
fn order(plan: &Plan, stages: &[StageId]) -> Vec<usize> {
    let rank = plan.stages[stages[0]].space.len();
    let reduced = |a: usize| {
        stages.iter().all(|&id| match &plan.stages[id].kind {
            StageKind::Reduce { parts, .. } => plan.stages[id].is_spilled() && parts.iter().all(|p| p.reduced[a]),
            _ => false,
        })
    };
    let (last, first): (Vec<usize>, Vec<usize>) = (0..rank).partition(|&a| reduced(a));
    first.into_iter().chain(last).collect()
}

/// The stores whose chunks a sweep of `stages` decodes, and the bytes of those.
#[must_use]
pub fn decoded(plan: &Plan, stages: &[StageId]) -> BTreeMap<usize, u64> {
    Sources::of(plan, stages).bytes()
}

/// Bytes that reading what is behind one input of a stage in the blocks of `grid` reads from stores beyond reading
/// everything once, where decoded chunks may take `cache` bytes.
#[must_use]
pub fn extra_bytes_of(plan: &Plan, id: StageId, input: &Input, grid: &Chunks, cache: u64) -> u64 {
    Sources::of_input(plan, id, input).extra(grid, cache)
}

/// Sinks that share a space, a level and something they read. Tile programs, triangular
/// systems and what is done to whole lines, which have blocks of their own, are alone.
fn groups(plan: &Plan) -> Vec<Vec<StageId>> {
    let sinks = plan.sinks();
    let steps = |id: StageId| match &plan.stages[id].kind {
        StageKind::Tiles(_) | StageKind::Substitute(_) | StageKind::Runs(_) => true,
        StageKind::Regional(op) => op.whole_axis().is_some(),
        _ => false,
    };
    let mut groups: Vec<(usize, Vec<StageId>)> = Vec::new();
    let levels = levels(plan);
    for &id in &sinks {
        let level = levels[id];
        let reads = plan.reads(id);
        let joins = |(l, members): &(usize, Vec<StageId>)| {
            *l == level
                && !steps(id)
                && !members.iter().any(|&m| steps(m))
                && members.iter().any(|&m| {
                    plan.stages[m].space == plan.stages[id].space
                        && (plan.reads(m).iter().any(|o| reads.contains(o)) || plan.depends_on(id, m))
                })
        };
        match groups.iter_mut().find(|g| joins(g)) {
            Some((_, members)) => members.push(id),
            None => groups.push((level, vec![id])),
        }
    }
    groups.sort_by_key(|(level, members)| (*level, members[0]));
    groups.into_iter().map(|(_, members)| members).collect()
}

/// For each stage that others read once it is whole: how many sweeps lie between that and the first of them.
#[must_use]
pub fn waits(plan: &Plan) -> Vec<Option<usize>> {
    let groups = groups(plan);
    let of = |id: StageId| groups.iter().position(|group| group.contains(&id));
    let reads = |group: &Vec<StageId>, id: StageId| {
        group.iter().any(|&member| plan.reads(member).iter().any(|o| matches!(o, Origin::Stage(at, _) if *at == id)))
    };
    (0..plan.stages.len())
        .map(|id| {
            let made = of(id)?;
            groups[made + 1..].iter().position(|group| reads(group, id))
        })
        .collect()
}

/// For each stage whose result is held for others alone, the last group that reads it.
fn last_use(plan: &Plan, groups: &[Vec<StageId>]) -> Vec<Option<usize>> {
    let mut last = vec![None; plan.stages.len()];
    for (number, group) in groups.iter().enumerate() {
        for origin in group.iter().flat_map(|&id| plan.reads(id)) {
            if let Origin::Stage(id, _) = origin {
                last[id] = Some(number);
            }
        }
    }
    for output in &plan.outputs {
        last[output.stage] = None;
    }
    last
}

/// For each stage, how many sweeps must come before its own.
fn levels(plan: &Plan) -> Vec<usize> {
    let mut levels = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        let before = stage.stage_inputs().into_iter().map(|i| levels[i] + usize::from(plan.stages[i].is_swept()));
        levels.push(before.max().unwrap_or(0));
    }
    levels
}

/// The blocks in which `stages` are swept, while `share` bytes are left for tasks.
#[must_use]
pub fn grid(plan: &Plan, stages: &[StageId], machine: &Machine, share: u64) -> Chunks {
    let space = &plan.stages[stages[0]].space;
    let room = Room { threads: machine.threads, share, cap: machine.block_bytes.unwrap_or(u64::MAX) };
    if let [id] = stages
        && let StageKind::Tiles(program) = &plan.stages[*id].kind
    {
        return panels(plan, *id, program, &room);
    }
    if let [id] = stages
        && let StageKind::Substitute(substitution) = &plan.stages[*id].kind
    {
        return whole_sides(plan, *id, substitution, &room);
    }
    if let [id] = stages
        && let Some(decided) = &plan.stages[*id].blocks
    {
        return decided.clone();
    }
    let logical: Vec<&Chunks> = stages.iter().map(|&id| &plan.stages[id].chunks).collect();
    let logical = unify(space, &logical);
    let sources = Sources::of(plan, stages);
    let cells = sources.cells(space);
    let streams = sources.stream();
    let soft = cells.clone().or_else(|| sources.grid(space)).unwrap_or_else(|| logical.clone());
    let mut axes: Vec<Axis> = (0..space.len())
        .map(|a| {
            let hard = hard_cuts(plan, stages, a);
            let now = match &hard {
                None => soft.axes()[a].clone(),
                Some(h) => {
                    let aligned = cells.as_ref().map(|c| meet(h, &c.axes()[a]));
                    if let Some(aligned) = aligned.filter(|c| c.longest() <= FAR_CELLS.max(h.longest())) {
                        aligned
                    } else {
                        let (logical, met) = (&logical.axes()[a], meet(h, &logical.axes()[a]));
                        let far = met.longest() > FAR * h.longest().max(logical.longest());
                        if far { h.clone() } else { met }
                    }
                }
            };
            Axis { hard, now }
        })
        .collect();
    let bytes = |axes: &[Axis]| task_bytes(plan, stages, &longest(axes));
    // Arrays in memory and generated ones take no memory of a task, but walking them takes time.
    let walked = |axes: &[Axis]| bytes(axes).max(walked_bytes(plan, stages, &longest(axes)));
    // Where what must not be cut and what is stored hardly have boundaries in common, few blocks would be left.
    let few = count(&axes) < 2 * machine.threads
        && walked(&axes) > machine.small_block(streams, false)
        && !sources.is_joined();
    if few {
        for axis in &mut axes {
            axis.now = axis.hard.clone().unwrap_or_else(|| axis.now.clone());
        }
    }
    let per_task = machine.per_task(share);
    let cap = machine.block_bytes.map_or(per_task, |b| b.min(per_task));
    // A device keeps cells apart, each in one launch.
    if cells.is_some() && machine.device.is_none() {
        widen(&mut axes, machine.threads, cap, &bytes);
    }
    if spills(plan, stages) || stages.iter().any(|&id| gathers(plan, id)) {
        // What is read, the result, and room for the rest.
        let elements = |axes: &[Axis]| walked_bytes(plan, stages, &longest(axes));
        join(&mut axes, (cap / 3).max(1), &elements);
    } else {
        let decoded = sources.are_decoded(plan, &grid_of(&axes));
        // Parts of one block on a device are as large as blocks there are.
        let parts = few && machine.device.is_some();
        let small = if sources.are_held() && !parts { 0 } else { machine.small_block(streams, decoded) };
        join(&mut axes, small.min(cap), &walked);
    }
    shrink(&mut axes, per_task, &bytes);
    shrink(&mut axes, machine.block_bytes.unwrap_or(u64::MAX).max(1), &walked);
    if sources.is_empty() && cells.is_none() {
        spread(&mut axes, machine.threads, machine.small_block(false, false), &walked);
    }
    if walks(plan, stages, machine) && sources.walked(&grid_of(&axes)).is_some() {
        part(&mut axes, PART, &walked);
    }
    grid_of(&axes)
}

/// Whether blocks may be parts of stored chunks that are walked one after another: each is used on the CPU while a near
/// cache has it.
fn walks(plan: &Plan, stages: &[StageId], machine: &Machine) -> bool {
    machine.device.is_none() && !spills(plan, stages)
}

/// Whether blocks go to disk or come from there: large ones have large cells in common.
fn spills(plan: &Plan, stages: &[StageId]) -> bool {
    let reads = |&id: &StageId| {
        plan.reads(id).into_iter().any(|o| matches!(o, Origin::Stage(inner, _) if plan.stages[inner].is_spilled()))
    };
    stages.iter().any(|id| plan.stages[*id].is_spilled() || reads(id))
}

/// Whether a stage takes elements from all over a stored array, which larger blocks read less often.
fn gathers(plan: &Plan, id: StageId) -> bool {
    let stored = |input: &Input| {
        input.pieces.iter().any(|p| match p.origin {
            Origin::Store(s) => !plan.stores[s].in_memory(),
            Origin::Stage(inner, _) => plan.stages[inner].is_spilled(),
            Origin::Iota(_) => false,
        })
    };
    plan.evaluated(id).into_iter().map(|at| &plan.stages[at]).any(|stage| {
        matches!(stage.kind, StageKind::Regional(Regional::Gather(_))) && stage.inputs.first().is_some_and(stored)
    })
}

/// The boundaries that all stages need along axis `a`.
fn hard_cuts(plan: &Plan, stages: &[StageId], a: usize) -> Option<AxisChunks> {
    let mut cuts: Vec<&AxisChunks> = Vec::new();
    for &id in stages {
        let stage = &plan.stages[id];
        if let StageKind::Reduce { parts, .. } = &stage.kind {
            cuts.extend(parts.iter().filter(|p| p.reduced[a]).map(|p| &p.tiling.axes()[a]));
        } else {
            if let StageKind::Scan { axis, tiles, .. } = &stage.kind
                && *axis == a
            {
                cuts.push(tiles);
            }
            let stored = plan.outputs.iter().filter(|o| o.stage == id).filter_map(|o| o.stored.as_ref());
            cuts.extend(stored.filter(|g| g.rank() == stage.space.len()).map(|g| &g.axes()[a]));
        }
        collect_function_cuts(plan, id, a, &mut cuts);
    }
    cuts.into_iter().cloned().reduce(|x, y| meet(&x, &y))
}

/// Logical chunks of user functions, and lines, that a stage evaluates index by index.
fn collect_function_cuts<'a>(plan: &'a Plan, id: StageId, a: usize, cuts: &mut Vec<&'a AxisChunks>) {
    let mut open = BTreeSet::from([id]);
    while let Some(at) = open.pop_last() {
        let stage = &plan.stages[at];
        match &stage.kind {
            StageKind::Function(_) => cuts.push(&stage.chunks.axes()[a]),
            StageKind::Regional(op) if op.keeps_chunks(a) => cuts.push(&stage.chunks.axes()[a]),
            _ => {}
        }
        for piece in stage.inputs.iter().flat_map(|i| &i.pieces) {
            if let Origin::Stage(inner, _) = piece.origin {
                let same = plan.stages[inner].space == stage.space && piece.map.is_identity(stage.space.len());
                open.extend((same && !plan.stages[inner].is_swept()).then_some(inner));
            }
        }
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.stages.iter().map(ToString::to_string).collect();
        write!(
            f,
            "sweep of stage{} {} over {}: {} task{} of blocks {}{}, {} a task, {} held",
            if ids.len() == 1 { "" } else { "s" },
            ids.join(", "),
            shape::tuple(&self.grid.shape()),
            self.grid.count(),
            if self.grid.count() == 1 { "" } else { "s" },
            self.grid,
            self.chunks.as_ref().map_or_else(String::new, |chunks| format!(", parts of chunks {chunks}")),
            crate::error::Bytes(self.task_bytes),
            crate::error::Bytes(self.held_bytes),
        )
    }
}
