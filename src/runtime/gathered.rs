//! The states of all tiles of a reduction in one array on a device, which is folded at once.
//!
//! Where all that a sweep reads is on one device, its tasks only enqueue, each on a stream of its own. Their states,
//! side by side in the order of the tree, need no alignment with its nodes, and what comes to the host is one state.

use super::context::{Context, in_turn};
use super::fetch::{Memo, Shared};
use super::fold::{Nodes, PartFold};
use super::launch::TileKernels;
use super::trace::Timed;
use crate::blockwise::plan::{Stage, StageId, StageKind};
use crate::chunk::Region;
use crate::device::data::Data;
use crate::device::{Device, Event, Resident, Stream, View};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::shape;
use crate::task::Task;
use std::sync::Arc;

/// Bytes of states that are gathered, at most.
const MOST: usize = 32 << 20;

/// The states of the tiles of all parts that share them.
struct Gathered {
    device: Arc<dyn Device>,
    states: Vec<(DType, Vec<usize>, Resident)>,
    /// When their memory is there.
    made: Event,
    /// The ends of what writes them.
    written: Vec<Event>,
}

impl Gathered {
    /// Memory for the states of all of `space`; none where they are few or many, or where the device has no such thing.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory) where the device has no room.
    fn new(cx: &Context, kernels: &TileKernels, space: &Region) -> Result<Option<Self>> {
        let (Some(all), Some((device, stream))) = (&kernels.all, cx.lane()) else { return Ok(None) };
        let shapes = all.results(space);
        let bytes: usize = shapes.iter().map(|(dtype, shape)| shape::size(shape) * dtype.size()).sum();
        if kernels.finishes || kernels.folds.is_empty() || bytes == 0 || bytes > MOST {
            return Ok(None);
        }
        let Some(canvases) = cx.beside(|| device.canvases(stream, &shapes))? else { return Ok(None) };
        let states = shapes.into_iter().zip(canvases).map(|((dtype, shape), canvas)| (dtype, shape, canvas)).collect();
        let made = device.record(stream);
        Ok(Some(Self { device: Arc::clone(device), states, made, written: Vec::new() }))
    }

    /// Enqueues the tiles of a task, of which `first` is the number of the first.
    ///
    /// # Errors
    /// Those of the device.
    fn add(
        &mut self,
        cx: &Context,
        kernels: &TileKernels,
        (region, first): (&Region, usize),
        views: &[View<Data>],
    ) -> Result<()> {
        let (Some(all), Some(lane)) = (&kernels.all, cx.lane()) else {
            return Err(Error::bug("what is gathered is on a device"));
        };
        let stream = lane.1;
        if stream != self.made.stream {
            self.device.order(stream, self.made);
        }
        let to: Vec<Resident> = self.states.iter().map(|(.., canvas)| canvas.clone()).collect();
        all.run_to(cx, lane, region, views, (&to, first))?;
        self.written.push(self.device.record(stream));
        Ok(())
    }

    /// The root of the tree.
    ///
    /// # Errors
    /// Those of the device.
    fn fold(self, shared: &Shared<'_>, stage: &Stage, (kernels, fold): (&TileKernels, &PartFold)) -> Result<Nodes> {
        let stream = shared.cx.lane().map_or(Stream(0), |(_, stream)| stream);
        for event in self.written.into_iter().filter(|event| event.stream != stream) {
            self.device.order(stream, event);
        }
        let data = |(dtype, shape, canvas): (DType, Vec<usize>, Resident)| {
            View::whole(Data::resident(&self.device, stream, canvas, dtype, &shape))
        };
        let views: Vec<View<Data>> = self.states.into_iter().map(data).collect();
        let (levels, region) = (kernels.folds.len(), Region::full(views[0].block.shape()));
        let root = shared.launch(stage, &kernels.folds[levels - 1], &region, &views)?;
        fold.nodes(shared, &kernels.folds, (levels, vec![0]), root)
    }
}

/// The roots of the trees of stage `id`, for each list of parts that share tiles, of what `tasks` reduce; nothing where
/// the device does not gather them.
///
/// # Errors
/// Those of the device: [`Memory`](crate::ErrorKind::Memory) where it has no room.
pub(crate) fn roots(
    shared: &Shared<'_>,
    id: StageId,
    tasks: impl Iterator<Item = Task>,
    (folds, tiles): (&[PartFold], &[TileKernels]),
) -> Result<Option<Vec<Nodes>>> {
    let (cx, stage) = (shared.cx, &shared.plan.stages[id]);
    let StageKind::Reduce { parts, .. } = &stage.kind else { return Err(Error::bug("a reduction")) };
    let space = Region::full(&stage.space);
    let new = |kernels: &TileKernels| in_turn(0, || Gathered::new(cx, kernels, &space));
    let Some(mut all) = tiles.iter().map(new).collect::<Result<Option<Vec<Gathered>>>>()? else { return Ok(None) };
    for (number, Task { block, region, .. }) in tasks.enumerate() {
        if cx.cancel_token().is_cancelled() {
            return Err(ErrorKind::Cancelled.into());
        }
        let add = || {
            let views = shared.views(id, &region, &mut Memo::default())?;
            for (kernels, states) in tiles.iter().zip(&mut all) {
                let first = kernels.members[0];
                let Some(numbers) = folds[first].numbers(&parts[first].reduced, &region) else { return Ok(false) };
                let add = || states.add(cx, kernels, (&region, numbers.start), &views);
                shared.trace.timed(Timed::Launch, add)?;
            }
            Ok(true)
        };
        let added: Result<bool> = in_turn(number, add);
        if !added.map_err(|e| e.at(format!("block {} at {region}", shape::tuple(&block))))? {
            return Ok(None);
        }
    }
    let fold =
        |(kernels, states): (&TileKernels, Gathered)| states.fold(shared, stage, (kernels, &folds[kernels.members[0]]));
    in_turn(0, || tiles.iter().zip(all).map(fold).collect::<Result<Vec<_>>>()).map(Some)
}
