//! Projected memory: what a sweep holds throughout, and what one of its tasks needs.

use super::plan::{Origin, Plan, StageId, StageKind};
use crate::shape;

/// Bytes that one task over a block of shape `block` of the given stages takes: inputs, temporaries, results.
#[must_use]
pub fn task_bytes(plan: &Plan, stages: &[StageId], block: &[usize]) -> u64 {
    let mut seen = Vec::new();
    stages.iter().map(|&id| inputs_bytes(plan, id, block, &mut seen) + result_bytes(plan, id, block)).sum()
}

/// Bytes of the elements that one task over a block of shape `block` walks, whether it holds them itself or not.
#[must_use]
pub fn walked_bytes(plan: &Plan, stages: &[StageId], block: &[usize]) -> u64 {
    let widest = |id: &StageId| {
        let stage = &plan.stages[*id];
        let dtypes = stage.inputs.iter().map(|i| i.dtype).chain(stage.result_dtypes());
        dtypes.map(super::super::dtype::DType::size).max().unwrap_or(1)
    };
    stages.iter().map(|id| (shape::size(block) * widest(id)) as u64).max().unwrap_or(0)
}

/// Bytes that the inputs of stage `id` take for a region of shape `block`, arrays shared by stages counted once.
fn inputs_bytes(plan: &Plan, id: StageId, block: &[usize], seen: &mut Vec<(Origin, Vec<usize>)>) -> u64 {
    let mut total = 0;
    for input in &plan.stages[id].inputs {
        for piece in &input.pieces {
            let counts: Vec<usize> =
                piece.map.axes.iter().map(|a| a.out.map_or(1, |o| block[o].min(piece.out.shape[o]))).collect();
            let key = (piece.origin, counts.clone());
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let dense = (shape::size(&counts) * input.dtype.size()) as u64;
            total += match piece.origin {
                Origin::Store(s) if plan.stores[s].block().is_some() => 0,
                Origin::Store(s) => dense + chunk_bytes(plan, s, &counts),
                Origin::Iota(_) => dense,
                Origin::Stage(inner, _) if plan.stages[inner].is_swept() => 0,
                Origin::Stage(inner, _) => {
                    let spans: Vec<usize> = piece
                        .map
                        .axes
                        .iter()
                        .zip(&counts)
                        .map(|(a, &n)| n.saturating_sub(1) * a.stride.unsigned_abs().max(1) + 1)
                        .collect();
                    inputs_bytes(plan, inner, &spans, seen) + result_bytes(plan, inner, &spans)
                }
            };
        }
        if input.pieces.len() > 1 {
            total += (shape::size(block) * input.dtype.size()) as u64;
        }
    }
    total
}

/// The scratch for a chunk of store `s` that is read only in part.
fn chunk_bytes(plan: &Plan, s: usize, counts: &[usize]) -> u64 {
    let info = plan.stores[s].info();
    let longest = info.chunks.longest();
    let whole = longest.iter().zip(counts).all(|(&c, &n)| n % c.max(1) == 0);
    if plan.stores[s].random_access() || whole { 0 } else { (shape::size(&longest) * info.dtype.size()) as u64 }
}

fn result_bytes(plan: &Plan, id: StageId, block: &[usize]) -> u64 {
    let stage = &plan.stages[id];
    let elements = shape::size(block);
    match &stage.kind {
        StageKind::Blockwise(p) => (elements * p.output_dtype(0).size()) as u64,
        StageKind::Exchange { .. } => 0,
        StageKind::Function(f) => (elements * f.output.size()) as u64,
        StageKind::Reduce { parts, .. } => parts
            .iter()
            .map(|part| {
                let kept: usize = block.iter().zip(&part.reduced).filter(|(_, r)| !**r).map(|(n, _)| *n).product();
                // The tile's state, the sum so far and the sum with it.
                (3 * kept * part.reducer.state_bytes()) as u64
            })
            .sum(),
    }
}

/// Bytes that the results of stage `id` hold from its sweep on: answers in memory, accumulators, kept intermediates.
#[must_use]
pub fn held_bytes(plan: &Plan, id: StageId) -> u64 {
    let stage = &plan.stages[id];
    let in_memory = plan.outputs.iter().any(|o| o.stage == id && o.stored.is_none());
    match &stage.kind {
        StageKind::Reduce { parts, .. } => parts
            .iter()
            .enumerate()
            .map(|(r, part)| {
                let size = shape::size(&stage.result_shape(r)) as u64;
                size * (part.reducer.state_bytes() + part.reducer.output().size()) as u64
            })
            .sum(),
        _ if in_memory || stage.keep => {
            let bytes: usize = stage.result_dtypes().iter().map(|d| d.size()).sum();
            (shape::size(&stage.space) * bytes) as u64
        }
        _ => 0,
    }
}
