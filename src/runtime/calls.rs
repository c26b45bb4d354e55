//! User functions that see more than their own place: one call after another.

use super::collage::Collage;
use super::fetch::{Memo, Shared};
use crate::blockwise::plan::StageId;
use crate::chunk::Region;
use crate::cpu::copy::StridedBox;
use crate::device::View;
use crate::device::data::Data;
use crate::error::{Error, Result};
use crate::op::regional::Call;
use crate::shape;

impl Shared<'_> {
    /// The chunks that a user function makes of what it sees, cut to `region`. What is read for one is gone before the
    /// next.
    pub(super) fn calls(&self, id: StageId, call: &Call, region: &Region) -> Result<Data> {
        let (stage, kernel) = (&self.plan.stages[id], self.block_kernel(id)?);
        let mut out = Collage::new(self.cx, call.function.output, &region.shape);
        for (index, chunk) in call.calls(region) {
            let seen = call.seen(&chunk);
            let mut own = Vec::new();
            for (view, input) in self.views(id, &seen, &mut Memo::default())?.into_iter().zip(&call.inputs) {
                // As the array has its axes.
                let strides = input.axes.iter().map(|axis| axis.map_or(0, |a| view.strides[a])).collect();
                let view = View { strides, ..view };
                own.push(View::whole(self.dense(&view, &input.lengths(&seen.shape), input.dtype)?));
            }
            let at = format!("block {}", shape::tuple(&index));
            let made = self.launch(stage, kernel, &chunk, &own).map_err(|e| e.at(at))?;
            let block = made.into_iter().next().ok_or_else(|| Error::bug("a function has a result"))?;
            if chunk == *region {
                return Ok(block);
            }
            let Some(part) = chunk.intersect(region) else { continue };
            let from = View::whole(block).shifted(&part.relative_to(&chunk).start);
            out.add(&from, StridedBox::of(&region.shape, &part.relative_to(region).start), &part.shape)?;
        }
        out.finish()
    }
}
