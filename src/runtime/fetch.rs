//! What a block needs: pieces of inputs as views, read, looked up or computed on demand.

use super::cache::ChunkCache;
use super::collage::Collage;
use super::context::Context;
use super::launch::{Launcher, StageKernels};
use super::record::Level;
use super::runs::SortedRuns;
use super::spill::SpillLog;
use super::trace::{Timed, Trace};
use crate::blockwise::demand::Demand;
use crate::blockwise::diagonals::runs;
use crate::blockwise::plan::{Input, Origin, Piece, Plan, Stage, StageId, StageKind};
use crate::chunk::index_map::Positions;
use crate::chunk::region::Indices;
use crate::chunk::reshape::Reshape;
use crate::chunk::{IndexMap, Region};
use crate::cpu::copy::StridedBox;
use crate::device::View;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::Regional;
use crate::shape;
use crate::store::{Store, Trail};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Runs of a diagonal that a store is told of, at most.
pub(super) const ANNOUNCED: usize = 64;

/// Everything that tasks share.
pub(crate) struct Shared<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) plan: &'a Plan,
    /// What each stage launches.
    pub(crate) kernels: Vec<StageKernels>,
    /// Whether blocks of each stage may need boxes of a result that overlap.
    pub(crate) overlaps: Vec<bool>,
    /// Results of the stages that are swept, from when they are whole until nobody needs them.
    pub(crate) results: Vec<Vec<OnceLock<Held>>>,
    pub(crate) cache: ChunkCache,
    /// The stores whose chunks are all cached, by number.
    pub(crate) cached: Vec<bool>,
    /// The stores of which tasks of this sweep read parts of chunks that no other task reads, by number.
    pub(crate) in_parts: Vec<bool>,
    pub(crate) trace: Trace,
}

/// A whole result.
#[derive(Debug)]
pub(crate) enum Held {
    /// In memory, of the host or of a device.
    Data(Data),
    /// On disk.
    Spilled(SpillLog),
    /// Lines as sorted runs.
    Runs(SortedRuns),
}

/// What one task has read or computed already, so that sinks of a sweep share it.
#[derive(Default)]
pub(crate) struct Memo {
    reads: Vec<((Origin, Vec<Positions>), Data)>,
    /// The boxes of results that it needs, where some would overlap.
    demand: Option<Demand>,
    /// Boxes of stores that are read whole, whoever needs a part of them.
    together: Vec<(usize, Region)>,
    /// Whether other tasks read the same again, so that whole chunks are worth keeping too.
    pub(super) again: bool,
    /// What the task before has left, and this one leaves.
    pub(crate) trails: Trails,
}

/// What a task leaves for the next on its thread: what is left of chunks that are read in parts, by store.
pub(crate) type Trails = BTreeMap<usize, Trail>;

impl Memo {
    /// For a task that goes on where the one before has left.
    pub(crate) fn going_on(trails: Trails) -> Self {
        Self { trails, ..Self::default() }
    }

    /// Joins the boxes that overlap among those that the inputs of these stages need over `region`.
    pub(crate) fn foresee(
        &mut self,
        shared: &Shared<'_>,
        stages: impl Iterator<Item = StageId> + Clone,
        region: &Region,
    ) {
        if self.demand.is_none() && stages.clone().any(|id| shared.overlaps[id]) {
            self.demand = Some(Demand::of(shared.plan, stages.map(|id| (id, region))));
        }
    }

    /// For what other tasks read again.
    pub(crate) fn to_read_again() -> Self {
        Self { again: true, ..Self::default() }
    }
}

impl Shared<'_> {
    /// What lives now.
    pub(crate) fn level(&self) -> Level {
        Level { live: self.cx.memory().recent_peak(), cached: self.cache.bytes(), ..Level::default() }
    }

    /// The views of all inputs of stage `id` over `region` of its space.
    pub(crate) fn views(&self, id: StageId, region: &Region, memo: &mut Memo) -> Result<Vec<View<Data>>> {
        memo.foresee(self, std::iter::once(id), region);
        let stage = &self.plan.stages[id];
        self.join_reads(stage, region, memo);
        stage.inputs.iter().map(|input| self.input(stage, input, region, memo)).collect()
    }

    /// Has what several inputs of a stage need of one unchunked store read at once, where that is no more than what
    /// each of them needs by itself: neighbours are mostly the same elements.
    fn join_reads(&self, stage: &Stage, region: &Region, memo: &mut Memo) {
        let spans: Vec<(usize, Region, usize)> = stage
            .inputs
            .iter()
            .filter_map(|input| {
                let piece = input.single()?;
                let Origin::Store(s) = piece.origin else { return None };
                let store = &self.plan.stores[s];
                if store.in_memory() || !store.random_access() || runs(self.plan, piece, region).len() != 1 {
                    return None;
                }
                let (span, positions) = piece.map.source(region);
                Some((s, span, positions.iter().map(|p| p.count).product()))
            })
            .collect();
        for (i, (s, first, _)) in spans.iter().enumerate() {
            let same = || spans.iter().filter(|(other, ..)| other == s);
            if spans[..i].iter().any(|(other, ..)| other == s) || same().all(|(_, span, _)| span == first) {
                continue;
            }
            let hull = same().fold(first.clone(), |hull, (_, span, _)| hull.hull(span));
            if hull.size() <= same().map(|(.., count)| count).sum() {
                memo.together.push((*s, hull));
            }
        }
    }

    /// The elements that an on-demand stage has in `region`.
    pub(crate) fn evaluate(&self, id: StageId, region: &Region, memo: &mut Memo) -> Result<Data> {
        self.trace.within(id, || self.evaluated(id, region, memo))
    }

    fn evaluated(&self, id: StageId, region: &Region, memo: &mut Memo) -> Result<Data> {
        let stage = &self.plan.stages[id];
        match &stage.kind {
            StageKind::Blockwise(program) => {
                let views = self.views(id, region, memo)?;
                // A copy of what is where it is wanted would be the same.
                let is_there = |data: &Data| self.cx.lane().is_none_or(|(device, _)| data.is_on(device.as_ref()));
                if program.is_identity()
                    && let [view] = views.as_slice()
                    && is_plain(view, &region.shape)
                    && is_there(&view.block)
                {
                    return view.block.reshaped(&region.shape);
                }
                self.launch(stage, self.block_kernel(id)?, region, &views)?
                    .pop()
                    .ok_or_else(|| Error::bug("a blockwise stage has a result"))
            }
            StageKind::Exchange { .. } => {
                let views = self.views(id, region, memo)?;
                let dtype = stage.inputs[0].dtype;
                self.dense(&views[0], &region.shape, dtype)
            }
            StageKind::Take { axis, positions } => self.take(id, *axis, positions, region, memo),
            StageKind::Reshape(reshape) => self.reshape(stage, reshape, region),
            StageKind::Contract(_) => self.product(id, region),
            StageKind::Substitute(substitution) => self.substitute(id, substitution, region),
            StageKind::Regional(Regional::Gather(op)) => self.gather(id, op, region, memo),
            StageKind::Regional(Regional::Merged(merged)) => self.merged(id, merged, region),
            StageKind::Regional(Regional::Call(call)) => self.calls(id, call, region),
            StageKind::Regional(op) => self.parts(id, op, region),
            StageKind::Function(_) => self.function(id, region, memo),
            StageKind::Reduce { .. } | StageKind::Scan { .. } | StageKind::Tiles(_) | StageKind::Runs(_) => {
                Err(Error::bug("reductions, scans, tile programs and runs are swept, not evaluated"))
            }
        }
    }

    /// Runs a kernel on the context's device, or on the CPU where that has it not.
    pub(crate) fn launch(
        &self,
        stage: &Stage,
        kernel: &Launcher,
        region: &Region,
        views: &[View<Data>],
    ) -> Result<Vec<Data>> {
        self.trace
            .timed(kernel.work(views), || kernel.run(self.cx, region, views))
            .map_err(|e| e.at(format!("in {} built at {}", stage.label, stage.site)))
    }

    /// The kernel of a stage that has one over blocks.
    pub(crate) fn block_kernel(&self, id: StageId) -> Result<&Launcher> {
        match &self.kernels[id] {
            StageKernels::Block(kernel) => Ok(kernel),
            StageKernels::Nothing
            | StageKernels::Product { .. }
            | StageKernels::Tiles(_)
            | StageKernels::Reduction { .. } => Err(Error::bug("a stage has a kernel over blocks")),
        }
    }

    pub(crate) fn input(&self, stage: &Stage, input: &Input, region: &Region, memo: &mut Memo) -> Result<View<Data>> {
        if let Some(piece) = input.single() {
            return self.piece(stage, piece, region, input.dtype, memo);
        }
        let varies = input.varies(&stage.input_space());
        let mut region = region.clone();
        for a in (0..region.rank()).filter(|&a| !varies[a]) {
            region.shape[a] = region.shape[a].min(1);
        }
        let mut block = Collage::new(self.cx, input.dtype, &region.shape);
        for piece in &input.pieces {
            let Some(part) = piece.out.intersect(&region) else { continue };
            let view = self.piece(stage, piece, &part, input.dtype, memo)?;
            let to = StridedBox::of(&region.shape, &part.relative_to(&region).start);
            block.add(&view, to, &part.shape)?;
        }
        let mut view = View::whole(block.finish()?);
        (0..region.rank()).filter(|&a| !varies[a]).for_each(|a| view.strides[a] = 0);
        Ok(view)
    }

    /// The view that `region` of a stage's space has of one piece.
    pub(crate) fn piece(
        &self,
        stage: &Stage,
        piece: &Piece,
        region: &Region,
        dtype: DType,
        memo: &mut Memo,
    ) -> Result<View<Data>> {
        if let Some(view) = self.in_place(piece, region) {
            return Ok(view);
        }
        let runs = runs(self.plan, piece, region);
        if let [all] = runs.as_slice() {
            return self.run(stage, piece, all, dtype, memo);
        }
        // The box around each run of a diagonal is gone before the next.
        let mut block = Collage::new(self.cx, dtype, &region.shape);
        for run in runs {
            let mut memo = Memo { again: memo.again, ..Memo::default() };
            let view = self.run(stage, piece, &run, dtype, &mut memo)?;
            block.add(&view, StridedBox::of(&region.shape, &run.relative_to(region).start), &run.shape)?;
        }
        Ok(View::whole(block.finish()?))
    }

    /// The view that `region` has of a piece whose elements lie in memory in one block.
    fn in_place(&self, piece: &Piece, region: &Region) -> Option<View<Data>> {
        match piece.origin {
            Origin::Store(s) if self.plan.stores[s].in_memory() => {
                match self.plan.stores[s].held(&piece.map.source(region).0).as_slice() {
                    [(data, held)] if !self.cx.streams(data) => Some(through(&piece.map, region, data, Some(held))),
                    _ => None,
                }
            }
            Origin::Stage(id, result) => match self.results[id].get(result).and_then(OnceLock::get) {
                Some(Held::Data(data)) => Some(through(&piece.map, region, data, None)),
                _ => None,
            },
            Origin::Store(_) | Origin::Iota(_) => None,
        }
    }

    /// The view that a run of a piece has of the box around it, which is read or computed.
    fn run(&self, stage: &Stage, piece: &Piece, region: &Region, dtype: DType, memo: &mut Memo) -> Result<View<Data>> {
        let rank = region.rank();
        match piece.origin {
            Origin::Store(s) => {
                let store = &self.plan.stores[s];
                if store.in_memory() {
                    let span = piece.map.source(region).0;
                    let block = self.held(store.as_ref(), &span)?;
                    return Ok(through(&piece.map, region, &block, Some(&span)));
                }
                let mut joined = memo.together.iter().filter(|(store, _)| *store == s);
                let together = joined.find(|(_, hull)| hull.contains(&piece.map.source(region).0));
                let together = together.map(|(_, hull)| hull.clone());
                let mut read = |positions: &[Positions]| {
                    self.remembered(piece.origin, positions, memo, |shared, memo| {
                        shared
                            .read(s, positions, memo)
                            .map_err(|e| e.at(format!("for {} built at {}", stage.label, stage.site)))
                    })
                };
                if let Some(hull) = together {
                    return Ok(through(&piece.map, region, &read(&every(&hull))?, Some(&hull)));
                }
                let positions = piece.map.positions(region);
                let block = read(&positions)?;
                let (offset, strides) = piece.map.dense_view(rank, &positions);
                Ok(View { block, offset, strides })
            }
            Origin::Iota(_) => {
                let positions = piece.map.positions(region);
                let block = self.cx.data(self.iota(&positions, dtype)?);
                let (offset, strides) = piece.map.dense_view(rank, &positions);
                Ok(View { block, offset, strides })
            }
            Origin::Stage(id, result) => {
                let held = self.results[id].get(result).and_then(OnceLock::get);
                let span = piece.map.source(region).0;
                let around = memo.demand.as_ref().and_then(|demand| demand.around(piece.origin, &span));
                let span = around.cloned().unwrap_or(span);
                let block = self.remembered(piece.origin, &every(&span), memo, |shared, memo| match held {
                    Some(Held::Spilled(log)) => shared.unspill(log, &span, dtype).map(|block| shared.cx.data(block)),
                    _ => shared.evaluate(id, &span, memo),
                })?;
                Ok(through(&piece.map, region, &block, Some(&span)))
            }
        }
    }

    /// The indices themselves, along one axis.
    fn iota(&self, positions: &[Positions], dtype: DType) -> Result<Block> {
        let Some(p) = positions.first() else { return Err(Error::bug("an index has an axis")) };
        debug_assert_eq!(dtype, DType::I64);
        let mut buffer = self.cx.memory().buffer(p.count * dtype.size());
        for (k, slot) in buffer.bytes_mut().as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *slot = (p.first + k * p.step).to_ne_bytes();
        }
        Block::new(dtype, &[p.count], buffer)
    }

    /// Tells stores what is read next.
    pub(crate) fn announce(&self, stage: &Stage, region: &Region) {
        for piece in stage.inputs.iter().flat_map(|i| &i.pieces) {
            if let (Origin::Store(s), Some(part)) = (piece.origin, piece.out.intersect(region)) {
                for run in runs(self.plan, piece, &part).iter().take(ANNOUNCED) {
                    self.plan.stores[s].prefetch(&piece.map.source(run).0);
                }
            }
        }
    }

    /// A region of an array that lies in memory in several pieces, or in one too large for a device.
    fn held(&self, store: &dyn Store, span: &Region) -> Result<Data> {
        let mut block = Collage::new(self.cx, store.info().dtype, &span.shape);
        for (data, held) in store.held(span) {
            let Some(part) = held.intersect(span) else { continue };
            let from = View::whole(data).shifted(&part.relative_to(&held).start);
            block.add(&from, StridedBox::of(&span.shape, &part.relative_to(span).start), &part.shape)?;
        }
        block.finish()
    }

    /// A region of a result on disk.
    pub(crate) fn unspill(&self, log: &SpillLog, region: &Region, dtype: DType) -> Result<Block> {
        let memory = self.cx.memory();
        let mut buffer = memory.buffer(region.size() * dtype.size());
        self.trace.timed(Timed::Unspill(buffer.len()), || log.read(memory, region, buffer.bytes_mut()))?;
        Block::new(dtype, &region.shape, buffer)
    }

    /// As [`Shared::evaluate`], once per task and region.
    pub(crate) fn remembered_stage(&self, id: StageId, region: &Region, memo: &mut Memo) -> Result<Data> {
        self.remembered(Origin::Stage(id, 0), &every(region), memo, |shared, memo| shared.evaluate(id, region, memo))
    }

    fn remembered(
        &self,
        origin: Origin,
        positions: &[Positions],
        memo: &mut Memo,
        make: impl FnOnce(&Self, &mut Memo) -> Result<Data>,
    ) -> Result<Data> {
        let known = memo.reads.iter().find(|((o, p), _)| *o == origin && p == positions);
        if let Some((_, data)) = known {
            return Ok(data.clone());
        }
        let data = make(self, memo)?;
        memo.reads.push(((origin, positions.to_vec()), data.clone()));
        Ok(data)
    }

    /// The elements of `region` after a reshape, put together from boxes before it. What is read for a box is gone
    /// before the next.
    fn reshape(&self, stage: &Stage, reshape: &Reshape, region: &Region) -> Result<Data> {
        let input = &stage.inputs[0];
        let mut block = Collage::new(self.cx, input.dtype, &region.shape);
        let parts = reshape.parts(region);
        let hull = reshape.reads_hull(&parts).then(|| reshape.hull(region));
        let read = |source: &Region| self.input(stage, input, source, &mut Memo::default());
        let whole = hull.as_ref().map(read).transpose()?;
        for part in parts {
            let view = match (&whole, &hull) {
                (Some(view), Some(hull)) => view.shifted(&part.source.relative_to(hull).start),
                _ => read(&part.source)?,
            };
            let to = StridedBox::with(part.at, part.strides);
            block.add(&view, to, &part.source.shape)?;
        }
        block.finish()
    }

    /// The parts of a regional computation that make up `region`. What is read for a part is gone before the next.
    fn parts(&self, id: StageId, op: &Regional, region: &Region) -> Result<Data> {
        let (stage, kernel) = (&self.plan.stages[id], self.block_kernel(id)?);
        let mut out = Collage::new(self.cx, op.output(), &region.shape);
        for part in op.parts(region) {
            let mut memo = if op.reads_again() { Memo::to_read_again() } else { Memo::default() };
            let views = self.views(id, &part.input, &mut memo)?;
            let made = self.launch(stage, kernel, &part.output, &views)?.pop();
            let made = made.ok_or_else(|| Error::bug("a regional computation has a result"))?;
            if part.output == *region {
                return Ok(made);
            }
            let Some(wanted) = part.output.intersect(region) else { continue };
            let to = StridedBox::of(&region.shape, &wanted.relative_to(region).start);
            out.add(&View::whole(made).shifted(&wanted.relative_to(&part.output).start), to, &wanted.shape)?;
        }
        out.finish()
    }

    /// The blocks of a user function that touch `region`, cut to it.
    fn function(&self, id: StageId, region: &Region, memo: &mut Memo) -> Result<Data> {
        let stage = &self.plan.stages[id];
        let StageKind::Function(function) = &stage.kind else { return Err(Error::bug("a function stage")) };
        let kernel = self.block_kernel(id)?;
        let touching = stage.chunks.touching(region);
        let mut out = Collage::new(self.cx, function.output, &region.shape);
        for step in Indices::new(&touching.shape) {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let chunk = stage.chunks.region(&index);
            let mut views = Vec::new();
            for (view, input) in self.views(id, &chunk, memo)?.iter().zip(&stage.inputs) {
                views.push(View::whole(self.dense(view, &chunk.shape, input.dtype)?));
            }
            let at = format!("block {}", shape::tuple(&index));
            let made = self.launch(stage, kernel, &chunk, &views).map_err(|e| e.at(at))?;
            let block = made.into_iter().next().ok_or_else(|| Error::bug("a function has a result"))?;
            if chunk == *region {
                return Ok(block);
            }
            let Some(part) = chunk.intersect(region) else { continue };
            let from = View::whole(block).shifted(&part.relative_to(&chunk).start);
            let to = StridedBox::of(&region.shape, &part.relative_to(region).start);
            out.add(&from, to, &part.shape)?;
        }
        out.finish()
    }

    /// The view's elements as a block in C order; the view's own block where it is that already.
    pub(crate) fn dense(&self, view: &View<Data>, dims: &[usize], dtype: DType) -> Result<Data> {
        if is_plain(view, dims) {
            return view.block.reshaped(dims);
        }
        let mut block = Collage::new(self.cx, dtype, dims);
        block.add(view, StridedBox::of(dims, &vec![0; dims.len()]), dims)?;
        block.finish()
    }
}

/// Whether the view has all elements of its block in C order.
fn is_plain(view: &View<Data>, dims: &[usize]) -> bool {
    let strides = shape::strides(dims);
    view.offset == 0
        && view.block.size() == shape::size(dims)
        && (0..dims.len()).all(|a| dims[a] == 1 || view.strides[a] == strides[a].cast_signed())
}

/// All positions of a box.
fn every(region: &Region) -> Vec<Positions> {
    region.start.iter().zip(&region.shape).map(|(&first, &count)| Positions { first, step: 1, count }).collect()
}

/// The view that `region` has of `block` through `map`, where the block holds all of an array, or `held` of it.
fn through(map: &IndexMap, region: &Region, data: &Data, held: Option<&Region>) -> View<Data> {
    let inner = shape::strides(data.shape());
    let mut strides = vec![0isize; region.rank()];
    let mut offset = 0isize;
    for (a, axis) in map.axes.iter().enumerate() {
        let step = inner[a].cast_signed();
        let first = held.map_or(0, |h| h.start[a]).cast_signed();
        offset += (axis.offset.cast_signed() - first) * step;
        if let Some(o) = axis.out {
            offset += region.start[o].cast_signed() * axis.stride * step;
            strides[o] += axis.stride * step;
        }
    }
    View { block: data.clone(), offset: offset.max(0).cast_unsigned(), strides }
}
