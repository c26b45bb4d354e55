//! Diagonals: what is read where several axes of an array follow one axis of the index space.
//!
//! The box around `b` positions of a diagonal holds `b²` elements. Diagonals are therefore read in runs, each of which
//! lies in one chunk, one run after another: a stored array gives the chunks that the diagonal goes through and no
//! others, however large blocks are, and a stage is computed there alone.

use super::plan::{Origin, Piece, Plan};
use crate::chunk::{Chunks, Region};

/// Positions of a diagonal that are read together from data that is not cut.
const RUN: usize = 8;

/// `region` of the space behind `piece`, inside the piece, in the runs in which it is read.
#[must_use]
pub fn runs(plan: &Plan, piece: &Piece, region: &Region) -> Vec<Region> {
    match grid(plan, piece) {
        Some((chunks, longest)) if region.size() > 0 => piece.map.runs(region, chunks, longest),
        _ => vec![region.clone()],
    }
}

/// How many positions along each axis behind `piece` a block of this shape needs at a time, at most.
#[must_use]
pub fn run_counts(plan: &Plan, piece: &Piece, block: &[usize]) -> Vec<usize> {
    let shape: Vec<usize> = block.iter().zip(&piece.out.shape).map(|(&b, &n)| b.min(n)).collect();
    match grid(plan, piece) {
        Some((chunks, longest)) => piece.map.run_counts(&shape, chunks, longest),
        None => piece.map.axes.iter().map(|axis| axis.out.map_or(1, |o| shape[o])).collect(),
    }
}

/// The chunks that runs through the array behind `piece` lie in, and how long they are at most.
fn grid<'a>(plan: &'a Plan, piece: &Piece) -> Option<(&'a Chunks, usize)> {
    match piece.origin {
        Origin::Store(s) => {
            let store = &plan.stores[s];
            let longest = if store.random_access() && !store.in_memory() { RUN } else { usize::MAX };
            Some((&store.info().chunks, longest))
        }
        Origin::Stage(id, _) if piece.map.axes.len() == plan.stages[id].chunks.rank() => {
            Some((&plan.stages[id].chunks, usize::MAX))
        }
        Origin::Stage(..) | Origin::Iota(_) => None,
    }
}
