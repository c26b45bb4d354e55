//! Projected memory: what a sweep holds throughout, and what one of its tasks needs.

use super::demand::{Demand, follows_blocks, overlaps};
use super::diagonals::run_counts;
use super::plan::{Origin, Part, Piece, Placement, Plan, StageId, StageKind};
use crate::chunk::index_map::AxisMap;
use crate::chunk::tiling::levels;
use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::device::memory::size_class;
use crate::dtype::DType;
use crate::op::contraction::Contraction;
use crate::op::scan::Scanner;
use crate::op::tiles::{Factorisation, Substitution, System, TileProgram};
use crate::shape;

/// The most bytes that spilling a block, or reading one back, takes beside it, each for two purposes.
pub const SPILL_SCRATCH: usize = 1 << 20;

/// Bytes that one task over a block of shape `block` of the given stages takes: inputs, temporaries, results.
#[must_use]
pub fn task_bytes(plan: &Plan, stages: &[StageId], block: &[usize]) -> u64 {
    let mut seen = Seen { demand: demand(plan, stages, block), ..Seen::default() };
    let of_stage = |&id: &StageId| {
        let spilling = if plan.stages[id].is_spilled() { spill_scratch(result_bytes(plan, id, block)) } else { 0 };
        let own = match &plan.stages[id].kind {
            StageKind::Contract(_) => evaluated_bytes(plan, id, block, &mut seen),
            StageKind::Substitute(s) => system_bytes(plan, id, s, block) + buffer(block, s.dtype),
            StageKind::Tiles(program) => step_bytes(plan, id, program, block, &mut seen),
            _ => inputs_bytes(plan, id, block, &mut seen) + result_bytes(plan, id, block),
        };
        own + spilling
    };
    stages.iter().map(of_stage).sum()
}

/// What has been counted already.
#[derive(Default)]
struct Seen {
    /// What is read, by how many positions along each axis.
    reads: Vec<(Origin, Vec<usize>)>,
    /// The boxes of results that are needed in one, however many positions a reader wants.
    demand: Demand,
}

/// The boxes that a block of this shape, away from the ends of the space, has evaluated, where some would overlap.
fn demand(plan: &Plan, stages: &[StageId], block: &[usize]) -> Demand {
    let stages = stages.iter().copied().filter(|&id| follows_blocks(&plan.stages[id].kind));
    if !stages.clone().any(|id| overlaps(plan, id)) {
        return Demand::default();
    }
    let middle = |id: StageId| plan.stages[id].space.iter().zip(block).map(|(n, b)| n.saturating_sub(*b) / 2).collect();
    let blocks: Vec<(StageId, Region)> = stages.map(|id| (id, Region::new(middle(id), block.to_vec()))).collect();
    Demand::of(plan, blocks.iter().map(|(id, region)| (*id, region)))
}

/// What moving `bytes` to or from disk takes beside them: a cell, and the same cell packed.
fn spill_scratch(bytes: u64) -> u64 {
    let cell = size_class(SPILL_SCRATCH + SPILL_SCRATCH / 128) as u64;
    2 * cell.min(bytes + bytes / 128)
}

/// Bytes of the elements that one task over a block of shape `block` walks, whether it holds them itself or not.
#[must_use]
pub fn walked_bytes(plan: &Plan, stages: &[StageId], block: &[usize]) -> u64 {
    let widest = |id: &StageId| {
        let stage = &plan.stages[*id];
        let dtypes = stage.inputs.iter().map(|i| i.dtype).chain(stage.result_dtypes());
        dtypes.map(super::super::dtype::DType::size).max().unwrap_or(1)
    };
    let elements = |id: &StageId| match &plan.stages[*id].kind {
        StageKind::Regional(op) => shape::size(block).max(op.walked(block)),
        _ => shape::size(block),
    };
    stages.iter().map(|id| (elements(id) * widest(id)) as u64).max().unwrap_or(0)
}

/// Bytes that the inputs of stage `id` take for a region of shape `block`, arrays shared by stages counted once.
fn inputs_bytes(plan: &Plan, id: StageId, block: &[usize], seen: &mut Seen) -> u64 {
    let mut total = 0;
    let largest;
    let block = match &plan.stages[id].kind {
        StageKind::Reshape(reshape) => {
            largest = reshape.largest_part(block);
            &largest
        }
        StageKind::Regional(op) => {
            largest = op.largest_part(block);
            &largest
        }
        _ => block,
    };
    for input in &plan.stages[id].inputs {
        for piece in &input.pieces {
            let mut counts = run_counts(plan, piece, block);
            let wanted = spans(&piece.map, &counts);
            let holds = |region: &&Region| region.shape.iter().zip(&wanted).all(|(have, want)| have >= want);
            // All that the box around it is needed for is evaluated once.
            let around = seen.demand.boxes(piece.origin).iter().find(holds).map(|region| region.shape.clone());
            let span = around.clone().unwrap_or(wanted);
            counts = around.unwrap_or(counts);
            let key = (piece.origin, counts.clone());
            if seen.reads.contains(&key) {
                continue;
            }
            seen.reads.push(key);
            let dense = buffer(&counts, input.dtype);
            total += match piece.origin {
                Origin::Store(s) if plan.stores[s].in_memory() => 0,
                Origin::Store(s) => dense + chunk_bytes(plan, s, &counts),
                Origin::Iota(_) => dense,
                Origin::Stage(inner, _) if plan.stages[inner].is_spilled() => {
                    let held = buffer(&span, input.dtype);
                    held + spill_scratch(held)
                }
                Origin::Stage(inner, _) if plan.stages[inner].is_swept() => 0,
                Origin::Stage(inner, _) => evaluated_bytes(plan, inner, &span, seen),
            };
        }
        let gathered = |piece: &Piece| (0..block.len()).any(|o| piece.map.is_diagonal(o));
        if input.pieces.len() > 1 || input.pieces.iter().any(gathered) {
            let varies = input.varies(&plan.stages[id].input_space());
            let lengths: Vec<usize> = block.iter().zip(varies).map(|(&n, v)| if v { n } else { n.min(1) }).collect();
            total += buffer(&lengths, input.dtype);
        }
    }
    total
}

/// The box behind `counts` positions along each axis of a map.
fn spans(map: &IndexMap, counts: &[usize]) -> Vec<usize> {
    let span = |(axis, &n): (&AxisMap, &usize)| n.saturating_sub(1) * axis.stride.unsigned_abs().max(1) + 1;
    map.axes.iter().zip(counts).map(span).collect()
}

/// Bytes that stage `id` takes when it is evaluated on demand over a box of shape `span`.
fn evaluated_bytes(plan: &Plan, id: StageId, span: &[usize], seen: &mut Seen) -> u64 {
    let stage = &plan.stages[id];
    if let StageKind::Contract(contraction) = &stage.kind {
        return product_bytes(plan, id, contraction, span);
    }
    if let StageKind::Regional(op) = &stage.kind
        && let Some(axis) = op.whole_axis()
    {
        let mut whole = span.to_vec();
        whole[axis] = stage.space[axis];
        return inputs_bytes(plan, id, &whole, seen) + result_bytes(plan, id, &whole);
    }
    let StageKind::Function(function) = &stage.kind else {
        return inputs_bytes(plan, id, span, seen) + result_bytes(plan, id, span);
    };
    // User functions see whole chunks: all that the box touches.
    let chunk = stage.chunks.longest();
    let touched: Vec<usize> = (0..span.len())
        .map(|a| {
            let c = chunk[a].max(1);
            let unaligned = usize::from(!span[a].is_multiple_of(c) && span[a] != stage.space[a]);
            ((span[a].div_ceil(c) + unaligned) * c).min(stage.space[a].max(1))
        })
        .collect();
    inputs_bytes(plan, id, &touched, seen) + result_bytes(plan, id, span) + buffer(&chunk, function.output)
}

/// Bytes of a product over a box of shape `span`: a panel of each factor as it is read and as it is multiplied, the
/// cells that the box touches, and what is cut out of them. Panels are read one after another, and shared with nothing.
fn product_bytes(plan: &Plan, id: StageId, contraction: &Contraction, span: &[usize]) -> u64 {
    let rank = span.len();
    let mut cells = span.to_vec();
    for (axis, cuts) in [(rank - 2, &contraction.rows), (rank - 1, &contraction.columns)] {
        let cell = cuts.longest().max(1);
        let unaligned = usize::from(!span[axis].is_multiple_of(cell) && span[axis] != cuts.len());
        cells[axis] = ((span[axis].div_ceil(cell) + unaligned) * cell).min(cuts.len());
    }
    let (work, depth) = (contraction.work(), contraction.panels.longest());
    let mut read = cells.clone();
    read[0] = read[0].min(1);
    read.push(depth);
    let [stack @ .., m, n, _] = &read[..] else { return 0 };
    let stack = shape::size(stack);
    let panels = buffer(&[stack, *m, depth], work) + buffer(&[stack, depth, *n], work);
    let results = buffer(&cells, work) + buffer(span, contraction.dtype);
    inputs_bytes(plan, id, &read, &mut Seen::default()) + panels + results
}

/// Bytes that a worker takes beside the tiles of a panel, where a tile program is swept in blocks of this shape: a tile
/// as it is read, and one that comes back from disk. A matrix of one tile is held by nobody else.
fn step_bytes(plan: &Plan, id: StageId, program: &TileProgram, block: &[usize], seen: &mut Seen) -> u64 {
    let mut read = block.to_vec();
    let last = read.len() - 1;
    read[last] = read[last].min(program.tiles.longest());
    let mut tile = read.clone();
    tile[last - 1] = program.row_tiles().longest();
    let one = buffer(&tile, program.dtype);
    let scratch = buffer(&[tile[last - 1], program.scratch()], program.dtype);
    // Whether its own or another log, a tile comes back from one where panels follow each other.
    let back = if block[last] < program.tiles.len() { spill_scratch(one) } else { 0 };
    inputs_bytes(plan, id, &read, seen) + one + scratch + back
}

/// Bytes of systems of equations over a block of whole right-hand sides of this shape, its result left out: its tiles,
/// one of the factors, and what is read for one of either.
fn system_bytes(plan: &Plan, id: StageId, substitution: &Substitution, block: &[usize]) -> u64 {
    if substitution.system != System::Triangle {
        return solver_bytes(plan, id, substitution, block);
    }
    let (last, tile) = (block.len() - 1, substitution.tiles.longest());
    let mut read = vec![1; block.len() + 1];
    read[last - 1] = block[last - 1].min(substitution.rows.longest());
    (read[last], read[last + 1]) = (tile, tile);
    let rows = buffer(&read[..=last], substitution.dtype);
    let outer = shape::size(&block[..last - 1]).min(1);
    let cells = block[last - 1].div_ceil(substitution.rows.longest().max(1)) * outer;
    let held = (cells * substitution.tiles.count()) as u64 * rows;
    inputs_bytes(plan, id, &read, &mut Seen::default()) + held + rows + buffer(&[tile, tile], substitution.dtype)
}

/// As [`system_bytes`], where factors are whole columns: the cells of a matrix, or of all of a stack.
fn solver_bytes(plan: &Plan, id: StageId, substitution: &Substitution, block: &[usize]) -> u64 {
    let last = block.len() - 1;
    let mut cell: Vec<usize> = block.iter().map(|&n| if substitution.joins() { n } else { n.min(1) }).collect();
    cell[last - 1] = block[last - 1];
    cell[last] = block[last].min(substitution.rows.longest());
    let cells = block[last].div_ceil(substitution.rows.longest().max(1)) as u64;
    let mut read = cell.clone();
    (read[last - 1], read[last]) = (substitution.tiles.longest(), 1);
    read.push(substitution.depth());
    if let System::Exchanges { .. } = substitution.system {
        (read[last - 1], read[last + 1]) = (substitution.tiles.len(), 1);
    }
    let tile = buffer(&read, substitution.dtype);
    // A piece of the right-hand sides is read while no factors are.
    let mut seen = cell.clone();
    seen.push(1);
    let reads = [read, seen].map(|read| inputs_bytes(plan, id, &read, &mut Seen::default()));
    // One cell is the result as it is.
    let held = if cell == block { 0 } else { cells * buffer(&cell, substitution.dtype) };
    reads[0].max(reads[1]) + held + tile
}

/// Bytes of the tiles that a tile program holds while it makes the first panel, the largest: these, and where more
/// panels follow, a row of tiles that is read back.
fn panel_bytes(program: &TileProgram, block: &[usize]) -> u64 {
    let (side, tile) = (program.side() as u64, program.tiles.longest());
    if side <= 1 {
        return 0;
    }
    let wide = block[block.len() - 1].div_ceil(tile.max(1)) as u64;
    let (held, row) = match program.factorisation {
        Factorisation::Cholesky => (wide * side - wide * wide.saturating_sub(1) / 2, wide),
        Factorisation::Lu => (wide, 1),
    };
    let back = if wide < side { row } else { 0 };
    (held + back) * buffer(&[program.row_tiles().longest(), tile], program.dtype)
}

/// Bytes of a pooled buffer for these elements.
fn buffer(lengths: &[usize], dtype: DType) -> u64 {
    size_class(shape::size(lengths) * dtype.size()) as u64
}

/// The scratch for a chunk of store `s` that is read only in part.
fn chunk_bytes(plan: &Plan, s: usize, counts: &[usize]) -> u64 {
    let info = plan.stores[s].info();
    let longest = info.chunks.longest();
    let whole = longest.iter().zip(counts).all(|(&c, &n)| n % c.max(1) == 0);
    if plan.stores[s].random_access() || whole { 0 } else { buffer(&longest, info.dtype) }
}

fn result_bytes(plan: &Plan, id: StageId, block: &[usize]) -> u64 {
    let stage = &plan.stages[id];
    match &stage.kind {
        StageKind::Blockwise(p) => buffer(block, p.output_dtype(0)),
        StageKind::Exchange { .. } | StageKind::Reshape(_) | StageKind::Take { .. } => {
            stage.inputs.iter().map(|i| buffer(block, i.dtype)).sum()
        }
        StageKind::Contract(c) => buffer(block, c.dtype),
        StageKind::Tiles(program) => buffer(&program.shape(block), program.dtype),
        StageKind::Substitute(s) => buffer(block, s.dtype),
        // A part is put in its place once it is computed; what is local has one.
        StageKind::Regional(op) if op.is_local() => buffer(block, op.output()) + op.scratch(block) as u64,
        StageKind::Regional(op) => 2 * buffer(block, op.output()) + op.scratch(block) as u64,
        StageKind::Runs(runs) => runs.scratch(shape::size(block)) as u64,
        StageKind::Function(f) => buffer(block, f.output),
        // States, results, those of a tile where they are put together, and what is handed from tile to tile.
        StageKind::Scan { scanner, axis, tiles, .. } => {
            let mut tile = block.to_vec();
            tile[*axis] = tile[*axis].min(tiles.longest());
            let parts = if tile == block { 0 } else { buffer(&tile, scanner.output()) };
            states_bytes(scanner, *axis, tiles, block) + buffer(block, scanner.output()) + parts
        }
        // The tile's state, the sum so far and the sum with it; scattered rows of a group are put together first.
        StageKind::Reduce { parts, .. } => {
            let gathered = parts.iter().any(|p| p.groups.is_some());
            let gathered: u64 = stage.inputs.iter().filter(|_| gathered).map(|i| buffer(block, i.dtype)).sum();
            gathered + parts.iter().map(|part| 3 * tile_state_bytes(part, block)).sum::<u64>()
        }
    }
}

/// Bytes of the state of one tile of a block of this shape.
fn tile_state_bytes(part: &Part, block: &[usize]) -> u64 {
    let kept: Vec<usize> = block.iter().zip(&part.reduced).map(|(&n, &r)| if r { 1 } else { n }).collect();
    part.reducer.identity.iter().map(|(dtype, _)| buffer(&kept, *dtype)).sum()
}

/// Bytes of what one block of a scan hands to the next.
fn carry_bytes(scanner: &Scanner, axis: usize, block: &[usize]) -> u64 {
    let mut row = block.to_vec();
    row[axis] = row[axis].min(1);
    buffer(&row, scanner.state())
}

/// Bytes of a block's states and of what its tiles are handed.
fn states_bytes(scanner: &Scanner, axis: usize, tiles: &AxisChunks, block: &[usize]) -> u64 {
    let count = block[axis].div_ceil(tiles.longest().max(1)) as u64;
    buffer(block, scanner.state()) + (count + 1) * carry_bytes(scanner, axis, block)
}

/// Bytes that scans, spilled reductions and tile programs hold between blocks of `grid`: one carry for each row of
/// blocks, one tree of states for each block of the result, that is open while the walk goes on, with its axes in this
/// order; the tiles of a panel.
#[must_use]
pub fn carried_bytes(plan: &Plan, stages: &[StageId], grid: &Chunks, order: &[usize]) -> u64 {
    let (block, counts) = (grid.longest(), grid.counts());
    let open = |part: &Part| -> usize {
        let cut = order.iter().position(|&a| part.reduced[a] && counts[a] > 1).unwrap_or(order.len());
        order[cut..].iter().filter(|&&a| !part.reduced[a]).map(|&a| counts[a]).product()
    };
    let of = |id: &StageId| match &plan.stages[*id].kind {
        StageKind::Scan { scanner, axis, .. } if counts[*axis] > 1 => {
            let open: usize = counts[axis + 1..].iter().product();
            (open as u64 + 1) * carry_bytes(scanner, *axis, &block)
        }
        StageKind::Reduce { parts, .. } if plan.stages[*id].is_spilled() => {
            let tree = |part: &Part| {
                let groups = part.groups.as_ref().map_or(1, |g| g.count);
                (open(part) * levels(part.tiles()) * groups) as u64 * tile_state_bytes(part, &block)
            };
            parts.iter().map(tree).sum()
        }
        StageKind::Tiles(program) => panel_bytes(program, &block),
        _ => 0,
    };
    stages.iter().map(of).sum()
}

/// Bytes of the states that a finished task over a block of shape `block` leaves behind while the tiles before its own
/// are not done.
#[must_use]
pub fn waiting_bytes(plan: &Plan, stages: &[StageId], block: &[usize]) -> u64 {
    let of_part = |part: &Part, spilled: bool| {
        let cuts = part.tiling.longest();
        let tiles: usize =
            (0..block.len()).filter(|&a| part.reduced[a]).map(|a| block[a].div_ceil(cuts[a].max(1))).product();
        let groups = part.groups.as_ref().map_or(1, |g| g.most(&part.tiling.axes()[g.axis]));
        // A task ahead may have opened a tree of its own.
        let trees = if spilled { levels(part.tiles()) } else { 0 };
        ((tiles + trees) * groups) as u64 * tile_state_bytes(part, block)
    };
    let of_stage = |id: &StageId| match &plan.stages[*id].kind {
        StageKind::Reduce { parts, .. } => parts.iter().map(|p| of_part(p, plan.stages[*id].is_spilled())).sum(),
        StageKind::Scan { scanner, axis, tiles, .. } => states_bytes(scanner, *axis, tiles, block),
        StageKind::Blockwise(_)
        | StageKind::Exchange { .. }
        | StageKind::Reshape(_)
        | StageKind::Take { .. }
        | StageKind::Contract(_)
        | StageKind::Tiles(_)
        | StageKind::Substitute(_)
        | StageKind::Regional(_)
        | StageKind::Runs(_)
        | StageKind::Function(_) => 0u64,
    };
    stages.iter().map(of_stage).sum()
}

/// Bytes that the results of stage `id` hold from its sweep on: answers in memory, accumulators, kept intermediates.
#[must_use]
pub fn held_bytes(plan: &Plan, id: StageId) -> u64 {
    let stage = &plan.stages[id];
    let in_memory = plan.outputs.iter().any(|o| o.stage == id && o.stored.is_none());
    match &stage.kind {
        StageKind::Reduce { .. } if stage.is_spilled() => 0,
        StageKind::Runs(runs) => runs.known_bytes(&stage.space) as u64,
        StageKind::Reduce { parts, .. } => parts
            .iter()
            .enumerate()
            .map(|(r, part)| {
                let size = shape::size(&stage.result_shape(r)) as u64;
                let states = levels(part.tiles()) * part.reducer.state_bytes();
                size * (states + part.reducer.output().size()) as u64
            })
            .sum(),
        _ if in_memory || matches!(stage.placement, Placement::Memory(_)) => {
            let bytes: usize = stage.result_dtypes().iter().map(|d| d.size()).sum();
            (shape::size(&stage.result_shape(0)) * bytes) as u64
        }
        _ => 0,
    }
}
