//! What tasks will read from stores behind networks, told to these ahead of the tasks.

use super::fetch::{ANNOUNCED, Shared};
use super::stored::chunk_parts;
use crate::blockwise::diagonals::runs;
use crate::blockwise::plan::{Origin, Stage, StageId, StageKind};
use crate::chunk::Region;
use crate::chunk::index_map::Positions;
use crate::op::regional::Regional;
use crate::store::remote::ahead::Ahead;
use crate::task::TaskGraph;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Whether what is read for a region of a stage follows from the region.
pub(crate) fn is_foreseen(stage: &Stage) -> bool {
    !matches!(stage.kind, StageKind::Contract(_) | StageKind::Substitute(_) | StageKind::Regional(Regional::Gather(_)))
}

/// The most bytes that are fetched from networks before tasks ask for them.
const FETCHED: u64 = 256 << 20;

/// Room for what is fetched ahead, where a store is behind a network: of what neither sweeps nor the cache need.
pub(crate) fn room(shared: &Shared<'_>, graph: &TaskGraph) -> Option<Arc<Ahead>> {
    let memory = shared.cx.memory();
    let room = memory.budget().saturating_sub(graph.projected_bytes()).min(FETCHED);
    (room > 0 && shared.plan.stores.iter().any(|s| s.is_remote())).then(|| Ahead::new(room, memory))
}

/// Parts that are looked at before more tasks are.
const LOOKED_AT: usize = 256;

/// The box around positions.
fn span(positions: &[Positions]) -> Region {
    let start = positions.iter().map(|p| p.first).collect();
    Region::new(start, positions.iter().map(|p| p.end().saturating_sub(p.first)).collect())
}

impl Shared<'_> {
    /// Has stores behind networks fetch what is read for a region of a stage; whether they have room for it.
    pub(crate) fn fetch_ahead(&self, stage: &Stage, region: &Region, ahead: &Arc<Ahead>) -> bool {
        self.each_read(stage, region, &mut |s, positions| self.fetch_piece(s, positions, ahead))
    }

    /// Whether stores behind networks have anything yet to look at.
    pub(crate) fn has_unseen(&self) -> bool {
        let all = self.plan.stores.iter().filter(|store| store.is_remote());
        all.into_iter().any(|store| !store.unseen(&Region::full(&store.info().shape)).is_empty())
    }

    /// Has stores look at what comes before reading for these tasks, of which `stages` read regions, all at once, so
    /// that no task waits for one part after the other. Gives the tasks for which that is done, the first of them.
    pub(crate) fn look_ahead<'s, I: Iterator<Item = &'s Stage>>(
        &self,
        tasks: Range<usize>,
        region: &impl Fn(usize) -> Region,
        stages: impl Fn(&Region) -> I,
    ) -> Range<usize> {
        let (mut unseen, mut end) = (BTreeSet::new(), tasks.start);
        for number in tasks.clone() {
            if unseen.len() >= LOOKED_AT {
                break;
            }
            let region = region(number);
            stages(&region).for_each(|stage| self.unseen(stage, &stage.input_region(&region), &mut unseen));
            end = number + 1;
        }
        let unseen: Vec<(usize, usize)> = unseen.into_iter().collect();
        // Errors come up again where the parts are read.
        let _ = self.cx.each(unseen.len(), true, |i| {
            let _ = self.plan.stores[unseen[i].0].look(unseen[i].1);
            Ok(())
        });
        tasks.start..end
    }

    /// Adds the parts that stores behind networks have yet to look at: the number of a store, and that of the part.
    fn unseen(&self, stage: &Stage, region: &Region, found: &mut BTreeSet<(usize, usize)>) {
        self.each_read(stage, region, &mut |s, positions| {
            let parts = self.plan.stores[s].unseen(&span(positions));
            found.extend(parts.into_iter().map(|part| (s, part)));
            true
        });
    }

    /// Calls `read` with what is read for a region of a stage from stores behind networks, positions of one of them,
    /// until it says no.
    fn each_read(&self, stage: &Stage, region: &Region, read: &mut dyn FnMut(usize, &[Positions]) -> bool) -> bool {
        self.each_read_once(stage, region, &mut HashSet::new(), read)
    }

    /// As [`Shared::each_read`], but for regions of other stages that have been `seen` before.
    fn each_read_once(
        &self,
        stage: &Stage,
        region: &Region,
        seen: &mut HashSet<(StageId, Region)>,
        read: &mut dyn FnMut(usize, &[Positions]) -> bool,
    ) -> bool {
        stage.inputs.iter().flat_map(|i| &i.pieces).all(|piece| {
            let Some(part) = piece.out.intersect(region) else { return true };
            let spans = runs(self.plan, piece, &part);
            let mut spans = spans.iter().take(ANNOUNCED);
            match piece.origin {
                Origin::Store(s) if self.plan.stores[s].is_remote() => {
                    spans.all(|run| read(s, &piece.map.positions(run)))
                }
                Origin::Stage(id, _) => {
                    let inner = &self.plan.stages[id];
                    let mut each = |run| {
                        let region = inner.input_region(&piece.map.source(run).0);
                        !seen.insert((id, region.clone())) || self.each_read_once(inner, &region, seen, read)
                    };
                    inner.is_swept() || !is_foreseen(inner) || spans.all(&mut each)
                }
                Origin::Store(_) | Origin::Iota(_) => true,
            }
        })
    }

    /// As [`Shared::fetch_ahead`], for the product of these positions: the chunks that hold any, but for those in the
    /// cache.
    fn fetch_piece(&self, s: usize, positions: &[Positions], ahead: &Arc<Ahead>) -> bool {
        let store = self.plan.stores[s].as_ref();
        if positions.iter().any(|p| p.count == 0) {
            return true;
        }
        let span = span(positions);
        let parts = chunk_parts(store, positions, &span);
        let random = store.random_access();
        if !random && parts.iter().all(|part| self.cache.holds(s, &part.chunk)) {
            return true;
        }
        if positions.iter().all(|p| p.step == 1 || p.count == 1) {
            return store.fetch_ahead(&span, ahead);
        }
        parts.iter().all(|part| store.fetch_ahead(&part.region(&store.info().chunks, random), ahead))
    }
}
