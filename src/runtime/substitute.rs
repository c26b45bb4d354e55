//! Systems of equations over whole right-hand sides: the factors are read tile by tile, once for all of a block.

use super::fetch::{Memo, Shared};
use super::launch::StageKernels;
use super::trace::Timed;
use crate::blockwise::plan::StageId;
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::{StridedBox, copy_strided};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::tiles::{Substitution, System, TileTask};

/// The right-hand sides and the factors, as inputs of the stage.
const ROWS: usize = 0;
const FACTORS: usize = 1;

impl Shared<'_> {
    /// The solutions for `region`, which holds whole right-hand sides, and whole cells of them.
    pub(crate) fn substitute(&self, id: StageId, substitution: &Substitution, region: &Region) -> Result<Data> {
        if substitution.system != System::Triangle {
            return self.solve(id, substitution, region);
        }
        let (size, last) = (substitution.dtype.size(), region.rank() - 1);
        let mut out = self.cx.memory().buffer(region.size() * size);
        for matrix in Indices::new(&region.shape[..last - 1]) {
            let matrix: Vec<usize> = matrix.iter().zip(&region.start).map(|(a, b)| a + b).collect();
            let rows = (region.start[last - 1], region.end(last - 1));
            for (tile, block) in self.systems(id, substitution, &matrix, rows)? {
                let to = StridedBox::of(&region.shape, &tile.relative_to(region).start);
                copy_strided(&View::whole(block.reshaped(&tile.shape)?), to, out.bytes_mut(), &tile.shape, size);
            }
        }
        Ok(self.cx.data(Block::new(substitution.dtype, &region.shape, out)?))
    }

    /// The solutions for some rows of one matrix, tile by tile.
    fn systems(
        &self,
        id: StageId,
        substitution: &Substitution,
        matrix: &[usize],
        (first, end): (usize, usize),
    ) -> Result<Vec<(Region, Block)>> {
        let Substitution { rows, tiles, .. } = substitution;
        let cells: Vec<usize> = (rows.find(first)..rows.count()).take_while(|&r| rows.start(r) < end).collect();
        let mut done: Vec<Vec<(Region, Block)>> = vec![Vec::new(); cells.len()];
        for k in 0..tiles.count() {
            let mut open: Vec<(Region, Buffer)> = Vec::new();
            for &r in &cells {
                let tile = boxed(matrix, [(rows.start(r), rows.length(r)), (tiles.start(k), tiles.length(k))]);
                let mut seen = tile.clone();
                (seen.start, seen.shape) = ([&tile.start[..], &[0]].concat(), [&tile.shape[..], &[1]].concat());
                open.push((tile, self.dense_tile(id, ROWS, &seen)?));
            }
            for j in 0..=k {
                let mut seen = boxed(matrix, [(0, 1), (tiles.start(k), tiles.length(k))]);
                seen.start.push(tiles.start(j));
                seen.shape.push(tiles.length(j));
                let other = Block::new(substitution.dtype, &seen.shape, self.dense_tile(id, FACTORS, &seen)?)?;
                for ((tile, buffer), before) in open.iter_mut().zip(&done) {
                    match before.get(j) {
                        Some((_, left)) => self.step(id, TileTask::Update, tile, &[left, &other], buffer)?,
                        None => self.step(id, TileTask::Solve, tile, &[&other], buffer)?,
                    }
                }
            }
            for ((tile, buffer), list) in open.into_iter().zip(&mut done) {
                let block = Block::new(substitution.dtype, &tile.shape, buffer)?;
                list.push((tile, block));
            }
        }
        Ok(done.into_iter().flatten().collect())
    }

    /// As [`Shared::substitute`], by factors that are whole columns.
    fn solve(&self, id: StageId, substitution: &Substitution, region: &Region) -> Result<Data> {
        let (size, last) = (substitution.dtype.size(), region.rank() - 1);
        let alone = substitution.joins() || region.shape[..last - 1].iter().all(|&n| n == 1);
        if alone
            && substitution.rows.is_boundary(region.start[last])
            && region.shape[last] <= substitution.rows.longest()
        {
            let cell = self.solved(id, substitution, region)?.pop();
            return cell
                .map(|(_, block)| self.cx.data(block))
                .ok_or_else(|| Error::bug("a block has right-hand sides"));
        }
        let mut out = self.cx.memory().buffer(region.size() * size);
        let outer = if substitution.joins() { vec![1; last - 1] } else { region.shape[..last - 1].to_vec() };
        for matrix in Indices::new(&outer) {
            let mut of = region.clone();
            if !substitution.joins() {
                for (a, at) in matrix.iter().enumerate() {
                    (of.start[a], of.shape[a]) = (of.start[a] + at, 1);
                }
            }
            for (cell, block) in self.solved(id, substitution, &of)? {
                let to = StridedBox::of(&region.shape, &cell.relative_to(region).start);
                copy_strided(&View::whole(block), to, out.bytes_mut(), &cell.shape, size);
            }
        }
        Ok(self.cx.data(Block::new(substitution.dtype, &region.shape, out)?))
    }

    /// The solutions for all right-hand sides of `region`, of one matrix or of several small ones, cell by cell.
    fn solved(&self, id: StageId, substitution: &Substitution, region: &Region) -> Result<Vec<(Region, Block)>> {
        let Substitution { rows, tiles, .. } = substitution;
        let (last, n) = (region.rank() - 1, tiles.len());
        let mut cells: Vec<(Region, Buffer)> = Vec::new();
        let in_region = |&r: &usize| rows.start(r) < region.end(last);
        for r in (rows.find(region.start[last])..rows.count()).take_while(in_region) {
            let mut cell = region.clone();
            (cell.start[last], cell.shape[last]) = (rows.start(r), rows.length(r));
            let mut seen = cell.clone();
            seen.start.push(0);
            seen.shape.push(1);
            cells.push((cell, self.dense_tile(id, ROWS, &seen)?));
        }
        // The columns and rows of the factors that each step takes: from the diagonal on, with the exchanges of rows,
        // or up to it.
        let along = |j: usize| tiles.start(j)..tiles.start(j + 1);
        let forward = |j: usize| (TileTask::Forward, along(j), tiles.start(j)..n + 1);
        let backward = |j: usize| (TileTask::Backward, along(j), 0..tiles.start(j + 1));
        let sides = tiles.count();
        let steps: Vec<_> = match substitution.system {
            System::Exchanges { .. } => substitution.tasks().iter().map(|&task| (task, 0..n, n..n + 1)).collect(),
            _ => (0..sides).map(forward).chain((0..sides).rev().map(backward)).collect(),
        };
        for (task, columns, read) in steps {
            let mut seen = region.clone();
            (seen.start[last - 1], seen.shape[last - 1]) = (columns.start, columns.len());
            (seen.start[last], seen.shape[last]) = (region.start[last], 1);
            seen.start.push(read.start);
            seen.shape.push(read.len());
            let tile = self.columns(id, &seen)?;
            for (cell, buffer) in &mut cells {
                self.step(id, task, cell, &[&tile], buffer)?;
            }
        }
        let block = |(cell, buffer): (Region, Buffer)| {
            let block = Block::new(substitution.dtype, &cell.shape, buffer)?;
            Ok((cell, block))
        };
        cells.into_iter().map(block).collect()
    }

    /// The factors in `seen`, a box of the space that inputs are seen from: columns side by side.
    fn columns(&self, id: StageId, seen: &Region) -> Result<Block> {
        let stage = &self.plan.stages[id];
        let input = stage.inputs.get(FACTORS).ok_or_else(|| Error::bug("a system of equations has two sides"))?;
        let mut view = self.input(stage, input, seen, &mut Memo::to_read_again())?.host()?;
        let rank = seen.rank();
        // Columns, right-hand sides, rows of the factors: rows first, then columns.
        let mut shape = seen.shape[..rank - 3].to_vec();
        shape.extend([seen.shape[rank - 1], seen.shape[rank - 3]]);
        view.strides = [&view.strides[..rank - 3], &[view.strides[rank - 1], view.strides[rank - 3]]].concat();
        let mut buffer = self.cx.memory().buffer(seen.size() * input.dtype.size());
        let to = StridedBox::of(&shape, &vec![0; shape.len()]);
        copy_strided(&view, to, buffer.bytes_mut(), &shape, input.dtype.size());
        Block::new(input.dtype, &shape, buffer)
    }

    /// The elements that one input has in `seen`, a box of the space that inputs are seen from.
    fn dense_tile(&self, id: StageId, input: usize, seen: &Region) -> Result<Buffer> {
        let stage = &self.plan.stages[id];
        let input = stage.inputs.get(input).ok_or_else(|| Error::bug("a triangular system has two sides"))?;
        let view = self.input(stage, input, seen, &mut Memo::to_read_again())?.host()?;
        let mut buffer = self.cx.memory().buffer(seen.size() * input.dtype.size());
        let to = StridedBox::of(&seen.shape, &vec![0; seen.rank()]);
        copy_strided(&view, to, buffer.bytes_mut(), &seen.shape, input.dtype.size());
        Ok(buffer)
    }

    fn step(&self, id: StageId, task: TileTask, tile: &Region, inputs: &[&Block], buffer: &mut Buffer) -> Result<()> {
        let StageKernels::Tiles(kernels) = &self.kernels[id] else { return Err(Error::bug("a triangular system")) };
        let kernel = kernels.get(task as usize).ok_or_else(|| Error::bug("a step has a kernel"))?;
        let views: Vec<View> = inputs.iter().map(|&block| View::whole(block.clone())).collect();
        let stage = &self.plan.stages[id];
        self.trace
            .timed(Timed::Compute, || kernel.run_into(tile, &views, &mut [buffer.bytes_mut()]))
            .map_err(|e| e.at(format!("in {} built at {}", stage.label, stage.site)))
    }
}

/// One matrix, and two stretches of its axes: where each begins, and its length.
fn boxed(matrix: &[usize], inner: [(usize, usize); 2]) -> Region {
    let start = matrix.iter().copied().chain(inner.map(|(start, _)| start)).collect();
    let shape = matrix.iter().map(|_| 1).chain(inner.map(|(_, length)| length)).collect();
    Region::new(start, shape)
}
