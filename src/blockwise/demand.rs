//! What a block has evaluated for it: the boxes of each stage on demand that it reads, however many ways lead there.
//!
//! Who reads an array at several offsets (a stencil, a difference, a roll) needs boxes of it that overlap. One box
//! around them is evaluated in their place where it has no more elements than they have together: a step of a stencil
//! then costs a block and its border, and so do all the steps behind it, each once.

use super::diagonals::runs;
use super::plan::{Origin, Plan, StageId, StageKind};
use crate::chunk::{IndexMap, Region};
use std::collections::{BTreeMap, BTreeSet};

/// The boxes of results that a block needs, by result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demand {
    boxes: BTreeMap<Origin, Vec<Region>>,
}

impl Demand {
    /// What the inputs of these stages need over these regions, as they are seen from there.
    #[must_use]
    pub fn of<'a>(plan: &Plan, blocks: impl IntoIterator<Item = (StageId, &'a Region)>) -> Self {
        let (mut open, mut boxes) = (BTreeMap::new(), BTreeMap::new());
        for (id, region) in blocks {
            collect(plan, id, region, &mut open);
        }
        // Readers have higher numbers than what they read.
        while let Some((origin, regions)) = open.pop_last() {
            let regions = joined(regions);
            if let Origin::Stage(id, _) = origin
                && !plan.stages[id].is_swept()
                && passes_on(&plan.stages[id].kind)
            {
                for region in &regions {
                    collect(plan, id, region, &mut open);
                }
            }
            boxes.insert(origin, regions);
        }
        Self { boxes }
    }

    /// The box that holds `region` of a result.
    #[must_use]
    pub fn around(&self, origin: Origin, region: &Region) -> Option<&Region> {
        self.boxes.get(&origin)?.iter().find(|b| b.contains(region))
    }

    /// The boxes of a result.
    #[must_use]
    pub fn boxes(&self, origin: Origin) -> &[Region] {
        self.boxes.get(&origin).map_or(&[], Vec::as_slice)
    }
}

/// Whether blocks of stage `id` may need boxes of a result that overlap.
#[must_use]
pub fn overlaps(plan: &Plan, id: StageId) -> bool {
    let mut ways: BTreeMap<Origin, Vec<&IndexMap>> = BTreeMap::new();
    let mut several: BTreeSet<Origin> = BTreeSet::new();
    for at in plan.evaluated(id).into_iter().filter(|&at| at == id || passes_on(&plan.stages[at].kind)) {
        for piece in plan.stages[at].inputs.iter().flat_map(|i| &i.pieces) {
            if !is_made(plan, piece.origin) {
                continue;
            }
            let maps = ways.entry(piece.origin).or_default();
            if !maps.contains(&&piece.map) {
                maps.push(&piece.map);
            }
            if maps.len() > 1 || several.contains(&Origin::Stage(at, 0)) {
                several.insert(piece.origin);
            }
        }
    }
    !several.is_empty()
}

/// For each stage, how many stages on demand lie behind it, one behind the other, whose results are read through
/// several maps, as stencils do; and whether its own is.
#[must_use]
pub fn stencils(plan: &Plan) -> Vec<(usize, bool)> {
    let mut maps: Vec<Vec<&IndexMap>> = vec![Vec::new(); plan.stages.len()];
    for piece in plan.stages.iter().flat_map(|s| &s.inputs).flat_map(|i| &i.pieces) {
        if let Origin::Stage(id, _) = piece.origin
            && !plan.stages[id].is_swept()
            && !maps[id].contains(&&piece.map)
        {
            maps[id].push(&piece.map);
        }
    }
    let mut several: Vec<bool> = maps.iter().map(|maps| maps.len() > 1).collect();
    // Who reads a copy reads what it is a copy of.
    for (id, stage) in plan.stages.iter().enumerate().rev() {
        if several[id] && matches!(&stage.kind, StageKind::Blockwise(program) if program.is_identity()) {
            stage.stage_inputs().into_iter().for_each(|i| several[i] |= !plan.stages[i].is_swept());
        }
    }
    let mut out: Vec<(usize, bool)> = Vec::with_capacity(plan.stages.len());
    for (id, stage) in plan.stages.iter().enumerate() {
        let before = stage.stage_inputs().into_iter().filter(|&i| !plan.stages[i].is_swept());
        let levels = before.map(|i| out[i].0 + usize::from(out[i].1)).max().unwrap_or(0);
        out.push((levels, several[id]));
    }
    out
}

/// Whether a result is evaluated, or read from disk, where it is needed.
fn is_made(plan: &Plan, origin: Origin) -> bool {
    matches!(origin, Origin::Stage(id, _) if !plan.stages[id].is_swept() || plan.stages[id].is_spilled())
}

/// Whether the inputs of a stage are needed over the regions that are needed of it.
#[must_use]
pub fn passes_on(kind: &StageKind) -> bool {
    matches!(kind, StageKind::Blockwise(_) | StageKind::Exchange { .. })
}

/// Whether the inputs of a stage are needed over the blocks that it is swept in.
#[must_use]
pub fn follows_blocks(kind: &StageKind) -> bool {
    passes_on(kind) || matches!(kind, StageKind::Reduce { .. } | StageKind::Scan { .. })
}

/// Adds what the inputs of stage `id` need over `region`.
fn collect(plan: &Plan, id: StageId, region: &Region, open: &mut BTreeMap<Origin, Vec<Region>>) {
    let stage = &plan.stages[id];
    for input in &stage.inputs {
        let mut region = region.clone();
        if input.pieces.len() > 1 {
            let varies = input.varies(&stage.input_space());
            (0..region.rank()).filter(|&a| !varies[a]).for_each(|a| region.shape[a] = region.shape[a].min(1));
        }
        for piece in input.pieces.iter().filter(|piece| is_made(plan, piece.origin)) {
            let Some(part) = piece.out.intersect(&region) else { continue };
            // Runs of a diagonal are read one by one.
            if let [run] = runs(plan, piece, &part).as_slice() {
                open.entry(piece.origin).or_default().push(piece.map.source(run).0);
            }
        }
    }
}

/// The boxes, those that have no more elements together than apart joined.
fn joined(regions: Vec<Region>) -> Vec<Region> {
    let mut out: Vec<Region> = Vec::new();
    for mut region in regions {
        let small = |other: &Region, region: &Region| other.hull(region).size() <= other.size() + region.size();
        while let Some(at) = out.iter().position(|other| small(other, &region)) {
            region = out.swap_remove(at).hull(&region);
        }
        out.push(region);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(start: [usize; 2], shape: [usize; 2]) -> Region {
        Region::new(start.to_vec(), shape.to_vec())
    }

    #[test]
    fn boxes_that_overlap_become_one() {
        let shifted = vec![boxed([1, 1], [8, 8]), boxed([0, 1], [8, 8]), boxed([2, 1], [8, 8]), boxed([1, 0], [8, 8])];
        assert_eq!(joined(shifted), vec![boxed([0, 0], [10, 9])]);
        // The ends of a line are far apart.
        let ends = vec![boxed([0, 0], [1, 8]), boxed([90, 0], [10, 8]), boxed([0, 0], [2, 8])];
        assert_eq!(joined(ends), vec![boxed([90, 0], [10, 8]), boxed([0, 0], [2, 8])]);
        assert_eq!(joined(Vec::new()), Vec::new());
    }
}
