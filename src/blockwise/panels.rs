//! The blocks of what is done to matrices tile by tile: panels of factorisations, whole rows of triangular systems.

use super::memory::{carried_bytes, task_bytes};
use super::plan::{Plan, StageId};
use crate::chunk::{AxisChunks, Chunks};
use crate::dtype::DType;
use crate::op::tiles::{Factorisation, Substitution, TileProgram};
use crate::shape;

/// What there is for a sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Worker threads.
    pub(super) threads: usize,
    /// Bytes that its tasks, and what it holds between them, may take.
    pub(super) share: u64,
    /// The most bytes a block should take.
    pub(super) cap: u64,
}

/// Blocks of many matrices are joined up to this size,
const SMALL_BLOCK: u64 = 2 << 20;

/// while every thread has some of at least the other.
const BLOCKS_A_THREAD: usize = 3;
const SMALLEST_FAIR_BLOCK: u64 = 64 << 10;

/// The blocks of a tile program: rows of tiles in panels of as many columns as memory holds, one where it can. Matrices
/// of one tile come several at a time.
pub(super) fn panels(plan: &Plan, id: StageId, program: &TileProgram, room: &Room) -> Chunks {
    let space = &plan.stages[id].space;
    let outer = space.len() - 2;
    let mut axes: Vec<AxisChunks> = space.iter().map(|&n| AxisChunks::regular(n, 1)).collect();
    axes[outer] = match program.factorisation {
        Factorisation::Cholesky => program.tiles.clone(),
        Factorisation::Lu => AxisChunks::regular(space[outer], space[outer]),
    };
    axes[outer + 1] = program.tiles.clone();
    let bytes = |axes: &[AxisChunks]| shape::size(&longest_of(axes)) as u64 * program.dtype.size() as u64;
    if program.side() <= 1 {
        return several(space, axes, program.dtype, room);
    }
    let fits = |wide: usize| {
        let mut axes = axes.clone();
        axes[outer + 1] = program.tiles.grouped(wide);
        let grid = Chunks::new(axes);
        let tasks = room.threads as u64 * task_bytes(plan, &[id], &grid.longest());
        let order: Vec<usize> = (0..space.len()).collect();
        let within = bytes(grid.axes()) <= room.cap && carried_bytes(plan, &[id], &grid, &order) + tasks <= room.share;
        within.then_some(grid)
    };
    // Every width is tried: one panel needs less than two, since nothing is read back.
    (1..=program.side()).rev().find_map(fits).unwrap_or_else(|| Chunks::new(axes.clone()))
}

/// Several matrices of a stack together, whose own axes are cut already.
fn several(space: &[usize], axes: Vec<AxisChunks>, dtype: DType, room: &Room) -> Chunks {
    let mut axes = axes;
    let size = dtype.size() as u64;
    let whole = shape::size(space) as u64 * size;
    let fair = (whole / (BLOCKS_A_THREAD * room.threads) as u64).max(SMALLEST_FAIR_BLOCK);
    let most = SMALL_BLOCK.min(fair).min(room.cap).min(room.share / (4 * room.threads as u64 + 4));
    for axis in (0..space.len() - 2).rev() {
        let bytes = shape::size(&longest_of(&axes)) as u64 * size;
        let fit = usize::try_from(most / bytes.max(1)).unwrap_or(1).max(1);
        axes[axis] = AxisChunks::regular(space[axis], fit);
        if fit < space[axis] {
            break;
        }
    }
    Chunks::new(axes)
}

/// The blocks of systems of equations: whole right-hand sides, as many as a task has memory for, since each block reads
/// the factors. Small matrices come several at a time.
pub(super) fn whole_sides(plan: &Plan, id: StageId, substitution: &Substitution, room: &Room) -> Chunks {
    let space = &plan.stages[id].space;
    let (across, along) = substitution.axes(space.len());
    let per_task = room.share / (room.threads as u64 + 1);
    let axes = |joined: usize| {
        let mut axes: Vec<AxisChunks> = space.iter().map(|&n| AxisChunks::regular(n, 1)).collect();
        axes[across] = substitution.rows.grouped(joined);
        axes[along] = AxisChunks::regular(space[along], space[along]);
        axes
    };
    if substitution.joins() && substitution.rows.count() <= 1 {
        // As many as of their factors.
        let factors: Vec<usize> = [&space[..along], &[space[along], space[along]]].concat();
        let mut own = axes(1);
        own[across] = own[along].clone();
        let mut grid = several(&factors, own, substitution.dtype, room).axes().to_vec();
        grid[across] = substitution.rows.clone();
        return Chunks::new(grid);
    }
    let grid = |joined: usize| Chunks::new(axes(joined));
    let fits = |grid: &Chunks| {
        let block = grid.longest();
        let bytes = shape::size(&block) as u64 * substitution.dtype.size() as u64;
        bytes <= room.cap && task_bytes(plan, &[id], &block) <= per_task
    };
    let fair = substitution.rows.count().div_ceil(room.threads);
    (1..=fair).rev().map(grid).find(fits).unwrap_or_else(|| grid(1))
}

/// The longest pieces along each axis.
fn longest_of(axes: &[AxisChunks]) -> Vec<usize> {
    axes.iter().map(AxisChunks::longest).collect()
}
