//! How the elements of a reduction are dealt to threads: how many share an output, and how much each takes at a time.

use super::accumulate::{has_phases, kept};
use super::layout::{Access, ReduceForm};
use super::source::{BLOCK, RESIDENT, vector_width};
use crate::dtype::DType;
use crate::op::kernel::{TilePart, TileReduce};

/// The most bytes of state that one thread can merge with others.
pub(super) const MAX_STATE: usize = 1024;

/// Bytes of shared memory for the states of a block's threads.
pub(super) const SHARED: usize = 32 << 10;

/// Bytes that a thread should have on their way at a time: with sixteen warps on a multiprocessor, twice what the
/// memory of an H200 sends it while one access is under way.
pub(super) const AHEAD: usize = 128;

/// The most code of steps that are repeated for that.
const BATCH_CODE: usize = 256;

/// Code of an element that needs no registers to speak of.
const SIMPLE: usize = 4;

/// Registers of a multiprocessor, and those that a thread needs besides what it keeps and reads.
const REGISTERS: usize = 1 << 16;
const OTHERS: usize = 20;

/// Bytes of states and elements that a thread of several outputs has in registers.
const COLUMN_BYTES: usize = 256;

/// Groups that a thread should have to itself.
const GROUPS: usize = 16;

/// Elements that a thread takes at a time.
#[must_use]
pub fn width(tile: &TileReduce) -> usize {
    let width = vector_width(&tile.map, &tile.map.inputs).min(8);
    if tile.parts.iter().any(has_phases) { 8 } else { width }
}

/// Threads of a block.
#[must_use]
pub fn threads(tile: &TileReduce) -> usize {
    let fit = SHARED / state_size(tile).max(1);
    1 << fit.min(BLOCK as usize).max(1).ilog2()
}

/// Threads that share an output of this many elements: few enough to have some groups each, and to leave room in a
/// block for neighbouring outputs where the last axis is kept.
#[must_use]
pub fn lanes(tile: &TileReduce, elements: usize) -> usize {
    let reduced = &tile.parts[0].reduced;
    let last = (0..tile.space.len()).rev().find(|&a| tile.space[a] > 1);
    let neighbours = match last {
        Some(a) if !reduced[a] => tile.space[a].next_power_of_two().min(32),
        _ => 1,
    };
    let wanted = (elements / (GROUPS * width(tile))).max(1);
    (1 << wanted.ilog2()).min(threads(tile) / neighbours.min(threads(tile))).max(1)
}

/// Neighbouring outputs that a thread may take: as many as 16-byte accesses read, fewer where their states would take
/// too many registers; `wide` where positions take 64 bits.
#[must_use]
pub fn columns(tile: &TileReduce, wide: bool) -> usize {
    let largest = tile.map.inputs.iter().map(|d| d.size()).max().unwrap_or(16);
    let narrow = |p: &TilePart| !wide && p.reducer.uses_position() && p.reducer.input != DType::I64;
    let sizes = tile.parts.iter().flat_map(|part| {
        let narrow = narrow(part);
        kept(part).iter().map(move |(d, _)| if narrow && *d == DType::I64 { DType::I32 } else { *d })
    });
    // Phases keep the elements of a group, those of most dtypes in `f64`: with four columns some spill on sm_100.
    let phases = tile.parts.iter().any(has_phases) && tile.map.inputs.iter().any(|d| *d != DType::F32);
    let element = if phases { largest.max(8) } else { largest.max(4) };
    let each = struct_size(sizes) * accumulators(tile) + width(tile) * tile.map.inputs.len() * element;
    let apart = tile.parts.iter().any(|p| p.reducer.uses_position() && !narrow(p));
    let most = (16 / largest.max(1)).clamp(1, if apart { 2 } else { 4 }).min(COLUMN_BYTES / each.max(1)).max(1);
    1 << most.ilog2()
}

/// States that a thread keeps of an output while it loops: steps of one wait for each other.
pub(super) fn accumulators(tile: &TileReduce) -> usize {
    if tile.parts.iter().any(has_phases) { 1 } else { width(tile).min(4) }
}

/// Whether a part of `tile` looks at positions.
#[must_use]
pub fn uses_position(tile: &TileReduce) -> bool {
    tile.parts.iter().any(|p| p.reducer.uses_position())
}

/// Size of the C struct of what a thread keeps, with positions of 64 bits.
pub(super) fn state_size(tile: &TileReduce) -> usize {
    struct_size(tile.parts.iter().flat_map(kept).map(|(dtype, _)| *dtype))
}

/// Size of a C struct of these fields.
pub(super) fn struct_size(fields: impl Iterator<Item = DType>) -> usize {
    let (mut at, mut align) = (0usize, 1);
    for dtype in fields {
        let size = dtype.size();
        at = at.next_multiple_of(size) + size;
        align = align.max(size);
    }
    at.next_multiple_of(align)
}

/// Groups that a thread reads before it looks at any: as many as keep the memory busy though threads are few, and one
/// where it has no more than a few, since what they are read into takes registers from other threads.
#[must_use]
pub fn batch(tile: &TileReduce, form: &ReduceForm, groups: usize) -> usize {
    let code = width(tile) * form.columns * work_of(tile).max(1);
    let most = (AHEAD / group_registers(tile, form).max(1)).min(BATCH_CODE / code).clamp(1, 8);
    if groups >= most { 1 << most.ilog2() } else { 1 }
}

/// Bytes that a thread reads for a group.
fn group_bytes(tile: &TileReduce, form: &ReduceForm) -> usize {
    let read = tile.map.inputs.iter().zip(&form.access).filter(|(_, access)| **access != Access::One);
    width(tile) * form.columns * read.map(|(dtype, _)| dtype.size()).sum::<usize>()
}

/// Bytes of registers that this takes: what is read, and where it is, but for what lies at even distances.
fn group_registers(tile: &TileReduce, form: &ReduceForm) -> usize {
    let (width, columns, word, address) = (width(tile), form.columns, size_of::<u32>(), size_of::<u64>());
    let uneven = if form.reduced > 1 || form.wide { address } else { 0 };
    let of_input = |(dtype, access): (&DType, &Access)| match access {
        Access::One => 0,
        Access::Whole if columns == 1 => (width * dtype.size()).max(word),
        Access::Whole => width * ((columns * dtype.size()).max(word) + uneven),
        Access::Any => width * (dtype.size().max(word) + address),
    };
    let positions = if uses_position(tile) && form.wide { width * address } else { 0 };
    tile.map.inputs.iter().zip(&form.access).map(of_input).sum::<usize>() + positions
}

/// Roughly how much code an element takes.
fn work_of(tile: &TileReduce) -> usize {
    let steps = tile.parts.iter().flat_map(|part| &part.reducer.phases).map(|phase| phase.step.work());
    tile.map.work() + steps.sum::<usize>()
}

/// Blocks that a multiprocessor must be able to hold: more where a thread has few bytes on their way, as far as what it
/// keeps leaves registers for others. Longer programs need more than can be foreseen.
pub(super) fn resident(tile: &TileReduce, form: &ReduceForm) -> usize {
    let least = RESIDENT as usize;
    let is_whole = |(dtype, access): (&DType, &Access)| *access != Access::Any && dtype.size() >= size_of::<u32>();
    let is_simple = work_of(tile) <= SIMPLE
        && form.reduced == 1
        && !form.wide
        && tile.map.inputs.iter().zip(&form.access).all(is_whole)
        && !tile.parts.iter().any(has_phases);
    let bytes = form.batch * group_bytes(tile, form);
    if !is_simple || bytes == 0 {
        return least;
    }
    let registers = (state_size(tile) * accumulators(tile) * form.columns + bytes) / 4 + OTHERS;
    (least * AHEAD / bytes).min(REGISTERS / (threads(tile) * registers)).clamp(least, 8)
}
