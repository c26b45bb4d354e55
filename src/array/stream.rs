//! The chunks of an array one after another, in bounded memory.

use super::compute::FromBlock;
use super::{Array, Kind};
use crate::chunk::region::Indices;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::error::Result;
use crate::expr::{Expr, ExprKind};
use crate::runtime::context::Context;
use crate::shape;
use crate::shape::slice::Item;
use ndarray::{ArrayD, Slice};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The chunks of an array, computed some at a time. Made by [`Context::blocks`].
#[derive(Debug)]
pub struct Blocks<T: Kind> {
    cx: Context,
    array: Array<T>,
    /// Boxes of neighbouring chunks, each computed in one run.
    slabs: Chunks,
    left: Indices,
    ready: VecDeque<(Region, ArrayD<T>)>,
}

/// The part of the budget that a run of chunks may take.
const SHARE: u64 = 8;

impl Context {
    /// The logical chunks of an array in row-major order, each with its place: an iterator that computes them a few at
    /// a time, so that arrays larger than memory can be looked at. The loop may use the context itself.
    ///
    /// Results of reductions are computed once, before the first block, where memory holds them. What else takes all of
    /// an array, as a running sum does, is computed again for every few blocks: [`persist`](Context::persist) it, or
    /// store it.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.arange(10)?.rechunk(&[4]);
    /// let mut seen = Vec::new();
    /// for block in cx.blocks(&(&x - x.min(..)))? {
    ///     let (region, values) = block?;
    ///     seen.push((region.to_string(), values.sum()));
    /// }
    /// assert_eq!(seen, [("[0:4]".to_owned(), 6), ("[4:8]".to_owned(), 22), ("[8:10]".to_owned(), 17)]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::compute`].
    #[track_caller]
    pub fn blocks<T: Kind + FromBlock>(&self, array: &Array<T>) -> Result<Blocks<T>> {
        let room = self.memory().budget() / SHARE;
        let array = Array::of(self.with_reductions_kept(array.expr(), room)?);
        let slabs = slabs(array.chunks(), array.dtype().size(), usize::try_from(room).unwrap_or(usize::MAX));
        let left = Indices::new(&slabs.counts());
        Ok(Blocks { cx: self.clone(), array, slabs, left, ready: VecDeque::new() })
    }

    /// `expr` with the results of the reductions that it is made of in memory, if all of them fit into `room` bytes.
    #[track_caller]
    fn with_reductions_kept(&self, expr: &Expr, room: u64) -> Result<Expr> {
        let reductions = reductions_of(expr);
        let bytes = |e: &Expr| (shape::size(&e.lengths()) * e.dtype.size()) as u64;
        if reductions.is_empty() || reductions.iter().map(bytes).sum::<u64>() > room {
            return Ok(expr.clone());
        }
        let arrays: Vec<Array> = reductions.iter().map(|e| Array::from_expr(e.clone())).collect();
        let kept = self.persist_all(&arrays)?;
        let instead = reductions.iter().map(Expr::id).zip(kept.iter().map(|a| a.expr().clone())).collect();
        Ok(replaced(expr, instead))
    }
}

impl<T: Kind + FromBlock> Blocks<T> {
    /// Computes the next chunks.
    fn fill(&mut self, index: &[usize]) -> Result<()> {
        let slab = self.slabs.region(index);
        let items: Vec<Item> =
            (0..slab.rank()).map(|a| Item::from(slab.start[a].cast_signed()..slab.end(a).cast_signed())).collect();
        let values = self.cx.compute(self.array.try_slice(items)?)?;
        let chunks = self.array.chunks();
        let touching = chunks.touching(&slab);
        for step in Indices::new(&touching.shape) {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let chunk = chunks.region(&index);
            let within = chunk.relative_to(&slab);
            let block = values.slice_each_axis(|axis| {
                let a = axis.axis.index();
                Slice::from(within.start[a]..within.end(a))
            });
            self.ready.push_back((chunk, block.to_owned()));
        }
        Ok(())
    }
}

impl<T: Kind + FromBlock> Iterator for Blocks<T> {
    type Item = Result<(Region, ArrayD<T>)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let index = self.left.next()?;
            if let Err(error) = self.fill(&index) {
                // What comes after a fault is not computed.
                self.left = Indices::new(&[0]);
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Boxes of neighbouring chunks of at most `room` bytes, or of one chunk: whole along inner axes, several chunks along
/// one, single chunks along the outer ones, so that their order is that of the chunks.
fn slabs(chunks: &Chunks, itemsize: usize, room: usize) -> Chunks {
    let mut axes = chunks.axes().to_vec();
    for axis in (0..axes.len()).rev() {
        let bytes = axes.iter().map(AxisChunks::longest).fold(itemsize, usize::saturating_mul).max(1);
        let fit = (room / bytes).max(1).min(axes[axis].count().max(1));
        axes[axis] = axes[axis].grouped(fit);
        if axes[axis].count() > 1 {
            break;
        }
    }
    Chunks::new(axes)
}

/// The reductions that an expression is made of, those behind other reductions left out.
fn reductions_of(expr: &Expr) -> Vec<Expr> {
    let (mut found, mut seen, mut left) = (Vec::new(), BTreeSet::new(), vec![expr.clone()]);
    while let Some(next) = left.pop() {
        if !seen.insert(next.id()) {
            continue;
        }
        if matches!(next.kind, ExprKind::Reduce { .. }) {
            found.push(next);
        } else {
            left.extend(next.inputs().into_iter().cloned());
        }
    }
    found
}

/// `expr` with other nodes in place of some that it is made of, by their numbers. Deep expressions do not take stack.
fn replaced(expr: &Expr, mut done: BTreeMap<usize, Expr>) -> Expr {
    let mut left = vec![expr.clone()];
    while let Some(next) = left.last().cloned() {
        let missing: Vec<Expr> = next.inputs().into_iter().filter(|e| !done.contains_key(&e.id())).cloned().collect();
        if done.contains_key(&next.id()) {
            left.pop();
        } else if missing.is_empty() {
            let inputs: Vec<Expr> = next.inputs().iter().filter_map(|e| done.get(&e.id()).cloned()).collect();
            done.insert(next.id(), if inputs.is_empty() { next.clone() } else { next.with_inputs(&inputs) });
            left.pop();
        } else {
            left.extend(missing);
        }
    }
    done.remove(&expr.id()).unwrap_or_else(|| expr.clone())
}
