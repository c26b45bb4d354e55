//! Sweeps over what a device has already: their tasks only enqueue, and wait for nothing.

use super::fetch::{Held, Shared};
use super::launch::{Launcher, StageKernels};
use crate::blockwise::plan::{Origin, Piece, StageId};
use crate::blockwise::sweep::Sweep;
use crate::chunk::Region;
use std::sync::OnceLock;

/// The most tasks that one thread enqueues. Waking others takes longer than enqueuing so few.
const FEW_TASKS: usize = 64;

/// Bytes of a result that may be on the host: it goes to the device once, in no time.
const FEW: usize = 1 << 20;

impl Shared<'_> {
    /// Whether one thread had better run all tasks of a sweep: they are few, all kernels run on one device, and all
    /// data is there.
    pub(crate) fn only_enqueues(&self, sweep: &Sweep) -> bool {
        self.cx.has_one_device()
            && sweep.grid.count() <= FEW_TASKS
            && sweep
                .stages
                .iter()
                .flat_map(|&id| self.plan.evaluated(id))
                .all(|id| self.runs_there(id) && self.reads_there(id))
    }

    /// Whether the kernels of a stage run on the device, each over whole blocks.
    fn runs_there(&self, id: StageId) -> bool {
        match &self.kernels[id] {
            StageKernels::Block(kernel) => !kernel.on_cpu(),
            StageKernels::Product { first, onto, widen, narrow } => {
                let casts = widen.iter().chain(narrow);
                [first, onto].into_iter().chain(casts).all(|kernel| !kernel.on_cpu())
            }
            StageKernels::Reduction { tiles, parts } => {
                tiles.iter().all(|t| t.all.is_some() && !t.folds.iter().any(Launcher::on_cpu))
                    && parts.iter().all(|p| !p.combine.on_cpu() && !p.finish.on_cpu())
            }
            StageKernels::Nothing | StageKernels::Tiles(_) => false,
        }
    }

    /// Whether the device has all that a stage reads, but for what is evaluated with it.
    fn reads_there(&self, id: StageId) -> bool {
        let stage = &self.plan.stages[id];
        let space = stage.input_region(&Region::full(&stage.space));
        stage.inputs.iter().flat_map(|input| &input.pieces).all(|piece| self.is_there(piece, &space))
    }

    fn is_there(&self, piece: &Piece, space: &Region) -> bool {
        match piece.origin {
            Origin::Store(s) => {
                let store = &self.plan.stores[s];
                let Some(part) = piece.out.intersect(space) else { return true };
                let held = store.held(&piece.map.source(&part).0);
                store.in_memory() && held.iter().all(|(data, _)| self.cx.is_resident(data))
            }
            Origin::Stage(id, result) => match self.results[id].get(result).and_then(OnceLock::get) {
                Some(Held::Data(data)) => data.len() <= FEW || self.cx.is_resident(data),
                Some(Held::Spilled(_) | Held::Runs(_)) => false,
                None => !self.plan.stages[id].is_swept(),
            },
            Origin::Iota(_) => false,
        }
    }
}
