//! Devices: where kernels run, and the memory they run in.
//!
//! A [`Device`] is stream-ordered: [`Device::upload`], [`Device::launch`] and [`Device::download`] only enqueue, in the
//! order of their stream, and what they give may be used by later calls on the same stream at once; another stream, or
//! the host, first waits for an [`Event`]. On the CPU every call is done when it returns. Runs pass [`Data`] between
//! kernels, which stays where it is until somebody asks for it elsewhere; [`run`] is a round trip from host to host.

use crate::chunk::Region;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::Kernel;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub mod block;
pub mod data;
pub mod assembly;
pub mod memory;
pub mod null;
pub mod fake;

use block::Block;
use data::{Data, Mirror};
use memory::Memory;

/// A block read through strides: broadcast axes have stride 0, flipped axes a negative one.
#[derive(Debug, Clone)]
pub struct View<B = Block> {
    /// The data.
    pub block: B,
    /// Element at which index 0 of every axis lies.
    pub offset: usize,
    /// Distance in elements between neighbours, per axis of the view.
    pub strides: Vec<isize>,
}

/// Elements in C order, of a shape.
pub trait Shaped: Clone {
    /// The lengths of the axes.
    fn lengths(&self) -> &[usize];
}

impl Shaped for Block {
    fn lengths(&self) -> &[usize] {
        self.shape()
    }
}

impl Shaped for Data {
    fn lengths(&self) -> &[usize] {
        self.shape()
    }
}

impl<B: Shaped> View<B> {
    /// All of `block`, in its own order.
    #[must_use]
    pub fn whole(block: B) -> Self {
        let lengths = block.lengths();
        let mut strides = vec![1; lengths.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * lengths[axis].cast_signed();
        }
        Self { block, offset: 0, strides }
    }

    /// The same view with its corner moved to `start`.
    #[must_use]
    pub fn shifted(&self, start: &[usize]) -> Self {
        let step: isize = start.iter().zip(&self.strides).map(|(&s, &d)| s.cast_signed() * d).sum();
        Self { block: self.block.clone(), offset: self.offset.wrapping_add_signed(step), strides: self.strides.clone() }
    }
}

/// A queue of a device: work on one stream runs in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream(pub usize);

/// A point in a stream that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Where it was recorded.
    pub stream: Stream,
    /// How many operations of that stream come before it.
    pub position: u64,
}

/// Data that lives on a device; only the device that made it knows what is inside.
#[derive(Clone)]
pub struct Resident(pub Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resident")
    }
}

/// Where kernels run.
pub trait Device: fmt::Debug + Send + Sync {
    /// `cpu`, `cuda:0`, ...
    fn name(&self) -> String;

    /// Whether the device has this kernel; what it has not runs on the CPU.
    fn supports(&self, kernel: &Kernel) -> bool;

    /// Number of streams.
    fn streams(&self) -> usize {
        1
    }

    /// Bytes of blocks that the device has room for; none where blocks are on the host.
    fn budget(&self) -> Option<u64> {
        None
    }

    /// Makes blocks of `memory` such that the device copies to and from them directly, and takes those it downloads
    /// from there.
    fn attach(&self, memory: &Arc<Memory>) {
        let _ = memory;
    }

    /// Learns of a copy on this device that it may ask to leave ([`Mirror::leave`]) when memory is short.
    fn adopt(&self, mirror: &Arc<Mirror>) {
        let _ = mirror;
    }

    /// Enqueues a copy of `block` to the device.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device), also for faults of earlier work on the stream.
    fn upload(&self, stream: Stream, block: &Block) -> Result<Resident>;

    /// Enqueues `kernel` over `region`, whose shape the views have.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn launch(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>>;

    /// Memory on `stream` for a block that [`Device::place`] puts together; none where the device does not do that.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn canvas(&self, stream: Stream, dtype: DType, shape: &[usize]) -> Result<Option<Resident>> {
        Ok(self.canvases(stream, &[(dtype, shape.to_vec())])?.and_then(|mut all| all.pop()))
    }

    /// As [`Device::canvas`], for several blocks that are written and freed together.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn canvases(&self, stream: Stream, blocks: &[(DType, Vec<usize>)]) -> Result<Option<Vec<Resident>>> {
        let _ = (stream, blocks);
        Ok(None)
    }

    /// As [`Device::launch`], into what [`Device::canvases`] gave, one for each result, from index `first` of its first
    /// axis on.
    ///
    /// # Errors
    /// As [`Device::upload`]; [`Unsupported`](crate::ErrorKind::Unsupported) where there are no canvases, and for
    /// kernels that do not put results side by side.
    fn launch_to(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
        to: (&[Resident], usize),
    ) -> Result<()> {
        let _ = (stream, region, inputs, to);
        Err(Error::unsupported(format!("{kernel} into given memory of {}", self.name())))
    }

    /// Enqueues a copy of the elements of a view of shape `dims` to those of another, which is part of a canvas that
    /// was made on the same stream and that nobody else has seen.
    ///
    /// # Errors
    /// As [`Device::upload`]; [`Unsupported`](crate::ErrorKind::Unsupported) where there are no canvases.
    fn place(&self, stream: Stream, from: &View<Resident>, to: &View<Resident>, dims: &[usize]) -> Result<()> {
        let _ = (stream, from, to, dims);
        Err(Error::unsupported(format!("blocks put together on {}", self.name())))
    }

    /// Enqueues a copy to the host. The block may be looked at after [`Device::wait`] for an event recorded later.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn download(&self, stream: Stream, data: &Resident) -> Result<Pending>;

    /// Marks the current end of the stream.
    fn record(&self, stream: Stream) -> Event;

    /// Makes later work on `stream` wait for `event`, without blocking the host.
    fn order(&self, stream: Stream, event: Event);

    /// Blocks the host until `event` has happened.
    ///
    /// # Errors
    /// The first fault of the work before the event.
    fn wait(&self, event: Event) -> Result<()>;
}

/// A block on its way to the host.
pub struct Pending(pub Box<dyn FnOnce() -> Result<Block> + Send>);

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Runs one kernel on host blocks: upload, launch, download, wait.
///
/// # Errors
/// What the device reports.
pub fn run(
    device: &dyn Device,
    stream: Stream,
    kernel: &Kernel,
    region: &Region,
    inputs: &[View],
) -> Result<Vec<Block>> {
    let resident = inputs
        .iter()
        .map(|v| {
            let block = device.upload(stream, &v.block)?;
            Ok(View { block, offset: v.offset, strides: v.strides.clone() })
        })
        .collect::<Result<Vec<_>>>()?;
    let outputs = device.launch(stream, kernel, region, &resident)?;
    let pending = outputs.iter().map(|o| device.download(stream, o)).collect::<Result<Vec<_>>>()?;
    device.wait(device.record(stream))?;
    pending.into_iter().map(|p| (p.0)()).collect()
}
