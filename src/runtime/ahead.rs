//! What tasks will read from stores behind networks, told to these ahead of the tasks.

use super::fetch::{ANNOUNCED, Shared, chunk_parts};
use crate::blockwise::diagonals::runs;
use crate::blockwise::plan::{Origin, Stage, StageKind};
use crate::chunk::Region;
use crate::chunk::index_map::Positions;
use crate::op::regional::Regional;
use crate::store::remote::ahead::Ahead;
use std::sync::Arc;

/// Whether what is read for a region of a stage follows from the region.
pub(crate) fn is_foreseen(stage: &Stage) -> bool {
    !matches!(stage.kind, StageKind::Contract(_) | StageKind::Substitute(_) | StageKind::Regional(Regional::Gather(_)))
}

impl Shared<'_> {
    /// Has stores behind networks fetch what is read for a region of a stage; whether they have room for it.
    pub(crate) fn fetch_ahead(&self, stage: &Stage, region: &Region, ahead: &Arc<Ahead>) -> bool {
        stage.inputs.iter().flat_map(|i| &i.pieces).all(|piece| {
            let Some(part) = piece.out.intersect(region) else { return true };
            let spans = runs(self.plan, piece, &part);
            let mut spans = spans.iter().take(ANNOUNCED);
            match piece.origin {
                Origin::Store(s) if self.plan.stores[s].is_remote() => {
                    spans.all(|run| self.fetch_piece(s, &piece.map.positions(run), ahead))
                }
                Origin::Stage(inner, _) => {
                    let inner = &self.plan.stages[inner];
                    let read = |run| self.fetch_ahead(inner, &inner.input_region(&piece.map.source(run).0), ahead);
                    inner.is_swept() || !is_foreseen(inner) || spans.all(read)
                }
                Origin::Store(_) | Origin::Iota(_) => true,
            }
        })
    }

    /// As [`Shared::fetch_ahead`], for the product of these positions: the chunks that hold any, but for those in the cache.
    fn fetch_piece(&self, s: usize, positions: &[Positions], ahead: &Arc<Ahead>) -> bool {
        let store = self.plan.stores[s].as_ref();
        if positions.iter().any(|p| p.count == 0) {
            return true;
        }
        let start = positions.iter().map(|p| p.first).collect();
        let span = Region::new(start, positions.iter().map(|p| p.end() - p.first).collect());
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
