//! The stored chunks behind a sweep: blocks follow them, and chunks that several tasks read are cached.

use super::plan::{Input, Origin, Plan, StageId, StageKind};
use crate::chunk::index_map::AxisMap;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::op::regional::Regional;
use crate::shape;
use crate::store::Info;
use std::collections::BTreeMap;

/// A stored array as an index space sees it.
#[derive(Debug, PartialEq)]
struct Source {
    store: usize,
    /// Its chunks, through the map it is read by.
    grid: Chunks,
    /// Whether it is one of several arrays that are joined, whose grids do not cover the space.
    joined: bool,
    /// The chunks of all of them side by side, and their bytes; known to one of them.
    side_by_side: Option<(Chunks, u64)>,
    /// Whether several blocks read the same, wherever they are cut.
    shared: bool,
    /// Whether chunks are read in part wherever blocks are cut: in steps, or one index of many.
    partial: bool,
    /// Bytes of the chunks that are read.
    bytes: u64,
    /// Whether its chunks lie in memory.
    held: bool,
    /// Whether it gives parts of chunks for little, and is read once a block.
    in_parts: bool,
}

impl Source {
    /// Bytes of the chunks that are needed again while a walk over blocks of shape `block` goes on. Where blocks cut
    /// chunks along an axis, these are the chunks that a row of blocks touches: those that a block covers along outer
    /// axes, one along that axis, all along inner ones.
    fn shared(&self, block: &[usize], itemsize: usize) -> u64 {
        let grid = self.side_by_side.as_ref().map_or(&self.grid, |(grid, _)| grid);
        let (chunk, counts) = (grid.longest(), grid.counts());
        let Some(cut) = block.iter().zip(&chunk).position(|(&b, &c)| b < c) else { return 0 };
        let covered: usize = (0..cut).map(|a| block[a].div_ceil(chunk[a].max(1)).min(counts[a])).product();
        let row: usize = counts[cut + 1..].iter().product();
        shape::size(&chunk).saturating_mul(covered).saturating_mul(row).saturating_mul(itemsize) as u64
    }

    /// Bytes that are read more than once when each block of `grid` reads the chunks that it touches.
    fn again(&self, grid: &Chunks) -> u64 {
        let (chunks, bytes) = match &self.side_by_side {
            Some((chunks, bytes)) => (chunks, *bytes),
            None if self.joined => return 0,
            None => (&self.grid, self.bytes),
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let again = (bytes as f64 * (times(grid, chunks) - 1.0)) as u64;
        again
    }
}

/// Ways in which blocks read one stage that are told apart; what they read in more, they read in no order.
const WAYS: usize = 64;

/// How a walk reads what is behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Reading {
    /// In pieces that follow no grid.
    joined: bool,
    /// Several blocks the same: with borders around them, along whole lines, or all of it.
    shared: bool,
    /// Where data say.
    places: Option<Places>,
    /// By anything but programs on elements and reductions, which read each region once.
    otherwise: bool,
}

/// How many blocks of `grid` touch each of `chunks`, on average.
pub(super) fn times(grid: &Chunks, chunks: &Chunks) -> f64 {
    let along = |(blocks, chunks): (&AxisChunks, &AxisChunks)| {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (meetings, chunks) = (meetings(blocks, chunks) as f64, chunks.count().max(1) as f64);
        (meetings / chunks).max(1.0)
    };
    grid.axes().iter().zip(chunks.axes()).map(along).product()
}

/// How many pairs of a block and a chunk overlap.
fn meetings(blocks: &AxisChunks, chunks: &AxisChunks) -> usize {
    let (few, many) = if blocks.count() <= chunks.count() { (blocks, chunks) } else { (chunks, blocks) };
    let common = (1..few.count()).filter(|&i| many.is_boundary(few.start(i))).count();
    (blocks.count() + chunks.count()).saturating_sub(1 + common)
}

/// The stored arrays behind some stages, with the grids that their index space sees. Arrays that are cut at no cost are
/// left out.
#[derive(Debug, Default)]
pub(super) struct Sources {
    list: Vec<Source>,
    /// Bytes per element of the widest.
    widest: usize,
    /// The cells of the matrix products among the stages, as the index space sees them.
    cells: Vec<Chunks>,
    /// Whether an array that is left out comes from outside memory.
    streams: bool,
    /// In which ways stages have been seen.
    seen: BTreeMap<StageId, Vec<(IndexMap, Reading)>>,
}

impl Sources {
    /// What is behind `stages`, which have one index space.
    pub(super) fn of(plan: &Plan, stages: &[StageId]) -> Self {
        let mut sources = Self::default();
        for &id in stages {
            let space = &plan.stages[id].space;
            sources.collect(plan, id, &IndexMap::identity(space.len()), space, Reading::default());
        }
        sources
    }

    /// What is behind one input of stage `id`.
    pub(super) fn of_input(plan: &Plan, id: StageId, input: &Input) -> Self {
        let mut sources = Self::default();
        let space = &plan.stages[id].input_space();
        sources.input(plan, input, &IndexMap::identity(space.len()), space, Reading::default());
        sources
    }

    /// Adds what is behind stage `id`, whose indices are `map` of those in `space`.
    fn collect(&mut self, plan: &Plan, id: StageId, map: &IndexMap, space: &[usize], how: Reading) {
        let stage = &plan.stages[id];
        let mut before = map.clone();
        let mut how = how;
        let ways = self.seen.entry(id).or_default();
        how.joined |= ways.len() >= WAYS;
        if ways.iter().any(|(m, h)| *h == how && (how.joined || m == map)) {
            return;
        }
        ways.push((map.clone(), how));
        how.otherwise |= !matches!(stage.kind, StageKind::Blockwise(_) | StageKind::Reduce { .. });
        match &stage.kind {
            // Every block reads all of the table, which is held.
            StageKind::Regional(op) if op.is_local() => {
                before.axes.push(AxisMap { out: None, offset: 0, stride: 0 });
            }
            // Every block reads whole lines.
            StageKind::Regional(op) if op.whole_axis().is_some() && !op.is_swept() => {
                if let Some(axis) = op.whole_axis() {
                    before.axes[axis] = AxisMap { out: None, offset: 0, stride: 0 };
                }
                how.shared = true;
            }
            // Every block reads a part of the next chunks.
            StageKind::Regional(op) if op.is_near() => how.shared = true,
            // What is behind these is read in pieces that no map describes.
            StageKind::Reshape(_) | StageKind::Regional(_) => {
                before = IndexMap::identity(stage.input_space().len());
                how.joined = true;
            }
            StageKind::Contract(contraction) => {
                let mut cells: Vec<AxisChunks> = stage.chunks.axes().to_vec();
                let rank = cells.len();
                (cells[rank - 2], cells[rank - 1]) = (contraction.rows.clone(), contraction.columns.clone());
                if !how.joined {
                    self.cells.push(map.chunks(space, &Chunks::new(cells)));
                }
                // Every block reads all along the axis that is summed over.
                before.axes.push(AxisMap { out: None, offset: 0, stride: 0 });
                how.joined = true;
            }
            // Every block reads all of the triangle.
            StageKind::Substitute(_) => {
                before.axes.push(AxisMap { out: None, offset: 0, stride: 0 });
                how.joined = true;
            }
            _ => {}
        }
        for (i, input) in stage.inputs.iter().enumerate() {
            let mut how = how;
            match &stage.kind {
                StageKind::Regional(Regional::Gather(op)) if i == 0 => {
                    let count = shape::size(&stage.space[..op.rank]);
                    how.places = Some(Places { count, first: stage.space.len() });
                }
                StageKind::Regional(op) if op.is_local() => how.shared |= i > 0,
                _ => {}
            }
            self.input(plan, input, &before, space, how);
        }
    }

    fn input(&mut self, plan: &Plan, input: &Input, map: &IndexMap, space: &[usize], how: Reading) {
        let Reading { joined, shared, places, otherwise } = how;
        let mut side_by_side = if joined { None } else { side_by_side(plan, input, map, space) };
        let joined = joined || input.pieces.len() > 1;
        for piece in &input.pieces {
            let through = map.compose(&piece.map);
            match piece.origin {
                Origin::Store(s) if plan.stores[s].random_access() => self.streams |= !plan.stores[s].in_memory(),
                Origin::Store(store) => {
                    let chunks = &plan.stores[store].info().chunks;
                    let longest = chunks.longest();
                    let skips = |a: usize| match through.axes[a].out {
                        None => longest[a] > 1,
                        Some(_) => through.axes[a].stride.unsigned_abs() > 1,
                    };
                    let partial = joined || shared || (0..longest.len()).any(skips);
                    let grid = if joined { Chunks::whole(space) } else { through.chunks(space, chunks) };
                    let bytes = match places {
                        Some(places) => places.touched(plan, store, &through),
                        None => touched(plan, store, (!joined).then_some(&through), space),
                    };
                    let (side_by_side, held) = (side_by_side.take(), plan.stores[store].in_memory());
                    let once = !(otherwise || joined || shared) && through.keeps_order(space.len());
                    let in_parts = once && plan.stores[store].reads_in_parts();
                    let source = Source { store, grid, joined, side_by_side, shared, partial, bytes, held, in_parts };
                    self.widest = self.widest.max(input.dtype.size());
                    if !self.list.contains(&source) {
                        self.list.push(source);
                    }
                }
                Origin::Stage(inner, _) if !plan.stages[inner].is_swept() => {
                    let how = Reading { joined, shared, places: None, otherwise };
                    self.collect(plan, inner, &through, space, how);
                }
                Origin::Stage(..) | Origin::Iota(_) => {}
            }
        }
    }

    /// Whether an array is read in pieces that follow no grid.
    pub(super) fn is_joined(&self) -> bool {
        self.list.iter().any(|s| s.joined)
    }

    /// Whether anything comes from outside memory.
    pub(super) fn stream(&self) -> bool {
        self.streams || self.list.iter().any(|s| !s.held)
    }

    /// Whether blocks of `grid` are whole chunks, read and decoded on this machine; behind a network, those that lie
    /// side by side come by one request.
    pub(super) fn are_decoded(&self, plan: &Plan, grid: &Chunks) -> bool {
        let decoded = |s: &Source| !s.held && !cuts(grid, &s.grid) && !plan.stores[s.store].is_remote();
        !self.list.is_empty() && self.list.iter().all(decoded)
    }

    /// Whether chunks lie in memory, where blocks that cover several of them would have to be put together.
    pub(super) fn are_held(&self) -> bool {
        self.list.iter().any(|s| s.held)
    }

    /// The cells of the matrix products, which blocks should not cut; none where there are no products.
    pub(super) fn cells(&self, space: &[usize]) -> Option<Chunks> {
        let grids: Vec<&Chunks> = self.cells.iter().collect();
        (!grids.is_empty()).then(|| unify(space, &grids))
    }

    /// Whether nothing is read in chunks.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The grid that all have in common; none where arrays are joined or nothing is read in chunks.
    pub(super) fn grid(&self, space: &[usize]) -> Option<Chunks> {
        let whole = Chunks::whole(space);
        let grids: Vec<&Chunks> = self.list.iter().map(|s| &s.grid).filter(|g| **g != whole).collect();
        let covers = self.list.iter().all(|s| !s.partial || s.grid != whole);
        (covers && !grids.is_empty()).then(|| unify(space, &grids))
    }

    /// Bytes that a walk over `grid` reads beyond reading everything once, where decoded chunks may take `cache` bytes.
    pub(super) fn extra(&self, grid: &Chunks, cache: u64) -> u64 {
        let mut room = cache;
        let mut by_need: Vec<(u64, &Source)> =
            self.list.iter().filter(|s| !s.held).map(|s| (s.shared(&grid.longest(), self.widest), s)).collect();
        by_need.sort_by_key(|(need, _)| *need);
        let again = |(need, source): &(u64, &Source)| {
            if *need <= room {
                room -= need;
                return 0;
            }
            source.again(grid)
        };
        by_need.iter().map(again).sum()
    }

    /// The chunks that blocks of `grid` are, or are parts of: of all arrays, which give parts of chunks for little when
    /// these are read one after another in C order.
    pub(super) fn walked(&self, grid: &Chunks) -> Option<Chunks> {
        let chunks = &self.list.first()?.grid;
        let alike = |s: &Source| s.in_parts && !s.partial && s.grid == *chunks && self.is_alone(s);
        let regular = |axis: &AxisChunks| matches!(axis, AxisChunks::Regular { .. });
        let (small, large) = (grid.longest(), chunks.longest());
        let cut = (0..grid.rank()).rev().find(|&a| small[a] < large[a]).unwrap_or(0);
        let follow = small[..cut].iter().all(|&n| n == 1);
        let whole = grid.axes().iter().zip(chunks.axes()).all(|(b, c)| c.longest().is_multiple_of(b.longest().max(1)));
        let fit = whole && follow && grid.axes().iter().chain(chunks.axes()).all(regular);
        (fit && self.list.iter().all(alike)).then(|| chunks.clone())
    }

    /// The stores of which blocks of `grid` read parts of chunks for little, which no other block reads, or the next
    /// when blocks are `walked` chunk by chunk.
    pub(super) fn in_parts(&self, grid: &Chunks, walked: bool) -> Vec<usize> {
        let alone = |s: &&Source| s.in_parts && self.is_alone(s) && (walked || !cuts(grid, &s.grid));
        self.list.iter().filter(alone).map(|s| s.store).collect()
    }

    /// Whether the store is read in one way alone.
    fn is_alone(&self, source: &Source) -> bool {
        self.list.iter().filter(|other| other.store == source.store).count() == 1
    }

    /// Bytes of the chunks that are read by several blocks of `grid`, unless these are `walked` chunk by chunk, or by
    /// one in several pieces.
    pub(super) fn cached(&self, grid: &Chunks, walked: bool) -> u64 {
        let several = |s: &Source| s.partial && !self.is_alone(s);
        let again = |s: &Source| s.joined || s.shared || several(s) || !walked && cuts(grid, &s.grid);
        self.most(|s| !s.held && again(s)).values().sum()
    }

    /// Bytes of the chunks that are read of each store.
    pub(super) fn bytes(&self) -> BTreeMap<usize, u64> {
        self.most(|s| !s.held)
    }

    fn most(&self, counts: impl Fn(&Source) -> bool) -> BTreeMap<usize, u64> {
        let mut most: BTreeMap<usize, u64> = BTreeMap::new();
        for source in self.list.iter().filter(|s| counts(s)) {
            let bytes = most.entry(source.store).or_default();
            *bytes = source.bytes.max(*bytes);
        }
        most
    }
}

/// The chunks of stored arrays that are joined along an axis, as `space` sees them through `map`, and their bytes; none
/// where there is only one, or where others are among them. Across that axis the finest grid stands for all.
fn side_by_side(plan: &Plan, input: &Input, map: &IndexMap, space: &[usize]) -> Option<(Chunks, u64)> {
    let second = input.pieces.get(1)?;
    let along = second.out.start.iter().position(|&start| start > 0)?;
    let (mut axes, mut bounds, mut bytes) = (Vec::new(), Vec::new(), 0);
    for piece in &input.pieces {
        let Origin::Store(store) = piece.origin else { return None };
        if plan.stores[store].random_access() {
            return None;
        }
        let mut own = piece.map.clone();
        for axis in &mut own.axes {
            let start = axis.out.map_or(0, |o| piece.out.start[o]).cast_signed();
            axis.offset = axis.offset.wrapping_add_signed(start * axis.stride);
        }
        let cuts = own.chunks(&piece.out.shape, &plan.stores[store].info().chunks);
        bytes += touched(plan, store, Some(&own), &piece.out.shape);
        bounds.extend(cuts.axes()[along].bounds().into_iter().map(|b| piece.out.start[along] + b));
        if axes.is_empty() {
            axes = cuts.axes().to_vec();
        }
        for (axis, cut) in axes.iter_mut().zip(cuts.axes()).filter(|(axis, cut)| cut.count() > axis.count()) {
            axis.clone_from(cut);
        }
    }
    bounds.sort_unstable();
    bounds.dedup();
    axes[along] = AxisChunks::from_bounds(&bounds);
    Some((map.chunks(space, &Chunks::new(axes)), bytes))
}

/// Places along some axes that data decide.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Places {
    /// How many.
    count: usize,
    /// The first of those axes; the ones before it are those of the result.
    first: usize,
}

impl Places {
    /// Bytes of the chunks of a store that the places can lie in, at most.
    fn touched(self, plan: &Plan, store: usize, map: &IndexMap) -> u64 {
        let info = plan.stores[store].info();
        let (mut among, mut along) = (1, 1);
        for (axis, count) in map.axes.iter().zip(info.chunks.counts()) {
            let scattered = axis.out.is_some_and(|o| o >= self.first);
            *(if scattered { &mut among } else { &mut along }) *= count;
        }
        decoded(info, self.count.min(among) * along)
    }
}

/// Bytes of so many chunks. Buffers are an eighth larger at most than what they hold.
fn decoded(info: &Info, chunks: usize) -> u64 {
    let bytes = (shape::size(&info.chunks.longest()) * chunks * info.dtype.size()) as u64;
    bytes + bytes / 8
}

/// Bytes of the chunks of a store that `map` of all of `space` touches; of all chunks without a map.
fn touched(plan: &Plan, store: usize, map: Option<&IndexMap>, space: &[usize]) -> u64 {
    let info = plan.stores[store].info();
    let chunks = &info.chunks;
    let region = map.map_or_else(|| Region::full(&info.shape), |m| m.source(&Region::full(space)).0);
    let mut counts = chunks.touching(&region).shape;
    // Steps longer than chunks pass over some.
    for ((axis, count), longest) in map.iter().flat_map(|m| &m.axes).zip(&mut counts).zip(chunks.longest()) {
        if let Some(o) = axis.out
            && axis.stride.unsigned_abs() > longest
        {
            *count = space[o].min(*count);
        }
    }
    // A diagonal goes through one chunk after another, not through all of the box around it.
    if let Some(map) = map {
        let grid = map.chunks(space, chunks);
        for o in (0..space.len()).filter(|&o| map.is_diagonal(o)) {
            let mut pieces = grid.axes()[o].count();
            for (_, count) in map.axes.iter().zip(&mut counts).filter(|(axis, _)| axis.out == Some(o)) {
                *count = std::mem::replace(&mut pieces, 1);
            }
        }
    }
    decoded(info, shape::size(&counts))
}

/// Whether blocks of `grid` have boundaries inside chunks.
fn cuts(grid: &Chunks, chunks: &Chunks) -> bool {
    grid.axes()
        .iter()
        .zip(chunks.axes())
        .any(|(blocks, chunks)| blocks != chunks && (1..blocks.count()).any(|i| !chunks.is_boundary(blocks.start(i))))
}
