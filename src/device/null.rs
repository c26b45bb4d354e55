//! A device that computes nothing: planning, scheduling and memory are tested on it.

use super::block::Block;
use super::{Device, Event, Pending, Resident, Stream, View};
use crate::chunk::Region;
use crate::error::{Error, Result};
use crate::op::kernel::{Kernel, TilePart, TileReduce};
use parking_lot::Mutex;

/// Counts launches and gives back zeros of the right shape.
#[derive(Debug, Default)]
pub struct NullDevice {
    launches: Mutex<u64>,
}

impl NullDevice {
    /// Number of kernels launched so far.
    #[must_use]
    pub fn launches(&self) -> u64 {
        *self.launches.lock()
    }
}

impl Device for NullDevice {
    fn name(&self) -> String {
        "null".to_owned()
    }

    fn supports(&self, _kernel: &Kernel) -> bool {
        true
    }

    fn upload(&self, _stream: Stream, block: &Block) -> Result<Resident> {
        Ok(Resident(std::sync::Arc::new(block.clone())))
    }

    fn launch(
        &self,
        _stream: Stream,
        kernel: &Kernel,
        region: &Region,
        _inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>> {
        *self.launches.lock() += 1;
        output_shapes(kernel, region)
            .into_iter()
            .zip(kernel.outputs())
            .map(|(shape, dtype)| {
                let bytes = crate::shape::size(&shape) * dtype.size();
                let block = Block::new(dtype, &shape, super::block::Buffer::zeroed(bytes))?;
                Ok(Resident(std::sync::Arc::new(block)))
            })
            .collect()
    }

    fn download(&self, _stream: Stream, data: &Resident) -> Result<Pending> {
        let block = data.0.downcast_ref::<Block>().cloned();
        Ok(Pending(Box::new(move || block.ok_or_else(|| Error::bug("data of another device")))))
    }

    fn record(&self, stream: Stream) -> Event {
        Event { stream, position: 0 }
    }

    fn order(&self, _stream: Stream, _event: Event) {}

    fn wait(&self, _event: Event) -> Result<()> {
        Ok(())
    }
}

/// The shapes of the blocks that `kernel` gives over `region`.
#[must_use]
pub fn output_shapes(kernel: &Kernel, region: &Region) -> Vec<Vec<usize>> {
    match kernel {
        Kernel::Elementwise(program) => vec![region.shape.clone(); program.outputs.len()],
        Kernel::Reduce(tile) => state_shapes(tile, region, &[]),
        Kernel::Tiles(all) if all.finish => {
            all.tile.parts.iter().map(|part| kept_shape(&region.shape, &part.reduced)).collect()
        }
        Kernel::Tiles(all) => state_shapes(&all.tile, region, &[all.count(region)]),
        Kernel::Fold(tree) => {
            let mut shape = region.shape.clone();
            if let Some(entries) = shape.first_mut() {
                *entries = tree.nodes(*entries);
            }
            vec![shape; tree.combine.outputs.len()]
        }
        Kernel::Scan(_) | Kernel::Contract(_) | Kernel::Step(_) | Kernel::Regional(_) | Kernel::Function(_) => {
            vec![region.shape.clone()]
        }
    }
}

/// The shapes of the states of a tile's reductions over `region`, after the axes `before`.
fn state_shapes(tile: &TileReduce, region: &Region, before: &[usize]) -> Vec<Vec<usize>> {
    let of_part = |part: &TilePart| {
        let shape = [before, &kept_shape(&region.shape, &part.reduced)].concat();
        vec![shape; part.reducer.identity.len()]
    };
    tile.parts.iter().flat_map(of_part).collect()
}

/// `shape` with the reduced axes at length 1.
fn kept_shape(shape: &[usize], reduced: &[bool]) -> Vec<usize> {
    shape.iter().zip(reduced).map(|(&n, &r)| if r { 1 } else { n }).collect()
}
