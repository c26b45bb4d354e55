//! The elements of a block, wherever they are: on the host, on devices, or both.
//!
//! [`Data`] is what a run passes between kernels. Where no device is in use it is a [`Block`] and costs nothing;
//! otherwise copies are made when somebody asks for one, and all clones share them. A copy on a device remembers the
//! event of its making, so that whoever uses it on another stream waits for that.

use super::block::Block;
use super::{Device, Event, Pending, Resident, Stream, View};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Elements of some dtype and shape, in C order.
#[derive(Debug, Clone)]
pub enum Data {
    /// On the host, and nowhere else.
    Host(Block),
    /// Where copies are is known when they are asked for.
    Shared {
        /// The lengths of the axes.
        shape: Vec<usize>,
        /// The copies.
        mirror: Arc<Mirror>,
    },
}

/// Copies of the same elements.
pub struct Mirror {
    dtype: DType,
    copies: Mutex<Copies>,
}

#[derive(Default)]
struct Copies {
    host: Option<Block>,
    /// The copy on the host, while it is on its way.
    coming: Option<Coming>,
    there: Vec<Copy>,
}

/// A download that nobody has waited for.
struct Coming {
    device: Arc<dyn Device>,
    pending: Pending,
    /// When it is over.
    there: Event,
}

/// A copy on a device.
struct Copy {
    device: Arc<dyn Device>,
    data: Resident,
    /// When it is there.
    ready: Event,
}

impl Copy {
    fn is_of(&self, device: &dyn Device) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.device), device)
    }
}

/// What came of asking a copy to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It is gone.
    Left,
    /// It stays: somebody is looking at the copies.
    InUse,
    /// There was none.
    Absent,
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirror({})", self.dtype)
    }
}

impl Copies {
    /// Begins to make a copy on the host where there is none; whether it is on its way, and [`Copies::host`] has to
    /// wait.
    fn bring(&mut self) -> Result<bool> {
        if self.host.is_none() && self.coming.is_none() {
            let copy = self.there.first().ok_or_else(|| Error::bug("a block has a copy somewhere"))?;
            let (device, stream) = (Arc::clone(&copy.device), copy.ready.stream);
            let pending = device.download(stream, &copy.data)?;
            let there = device.record(stream);
            self.coming = Some(Coming { device, pending, there });
        }
        Ok(self.coming.is_some())
    }

    /// The copy on the host, made from one on a device where there is none.
    fn host(&mut self) -> Result<Block> {
        self.bring()?;
        if let Some(Coming { device, pending, there }) = self.coming.take() {
            device.wait(there)?;
            self.host = Some((pending.0)()?);
        }
        self.host.clone().ok_or_else(|| Error::bug("a block that was brought is there"))
    }
}

impl Mirror {
    /// Drops the copy on `device`, after making one on the host where that is the only one. Who looks at the copies is
    /// waited for no longer than `patience`.
    ///
    /// # Errors
    /// What the device reports; the copy stays then.
    pub fn leave(&self, device: &dyn Device, patience: Duration) -> Result<Leave> {
        // Whoever holds the lock is using the copies.
        let Some(mut copies) = self.copies.try_lock_for(patience) else { return Ok(Leave::InUse) };
        let Some(at) = copies.there.iter().position(|copy| copy.is_of(device)) else { return Ok(Leave::Absent) };
        if copies.there.len() == 1 {
            copies.host()?;
        }
        copies.there.remove(at);
        Ok(Leave::Left)
    }
}

impl Data {
    /// Elements on the host, of which devices may get copies.
    #[must_use]
    pub fn shared(block: Block) -> Self {
        let (shape, dtype) = (block.shape().to_vec(), block.dtype());
        let copies = Mutex::new(Copies { host: Some(block), coming: None, there: Vec::new() });
        Self::Shared { shape, mirror: Arc::new(Mirror { dtype, copies }) }
    }

    /// Elements on `device`, which are there once what `stream` does now is done.
    #[must_use]
    pub fn resident(device: &Arc<dyn Device>, stream: Stream, data: Resident, dtype: DType, shape: &[usize]) -> Self {
        let copy = Copy { device: Arc::clone(device), data, ready: device.record(stream) };
        let copies = Mutex::new(Copies { host: None, coming: None, there: vec![copy] });
        let mirror = Arc::new(Mirror { dtype, copies });
        device.adopt(&mirror);
        Self::Shared { shape: shape.to_vec(), mirror }
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Self::Host(block) => block.dtype(),
            Self::Shared { mirror, .. } => mirror.dtype,
        }
    }

    /// The lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Host(block) => block.shape(),
            Self::Shared { shape, .. } => shape,
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn size(&self) -> usize {
        shape::size(self.shape())
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.size() * self.dtype().size()
    }

    /// Whether both are the same copies.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shared { mirror: a, .. }, Self::Shared { mirror: b, .. }) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Whether `device` has a copy.
    #[must_use]
    pub fn is_on(&self, device: &dyn Device) -> bool {
        match self {
            Self::Host(_) => false,
            Self::Shared { mirror, .. } => mirror.copies.lock().there.iter().any(|copy| copy.is_of(device)),
        }
    }

    /// Waits until every copy is there.
    ///
    /// # Errors
    /// The first fault of what made them.
    pub fn wait(&self) -> Result<()> {
        let Self::Shared { mirror, .. } = self else { return Ok(()) };
        mirror.copies.lock().there.iter().try_for_each(|copy| copy.device.wait(copy.ready))
    }

    /// The elements on the host; waits for the device that has them.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device), also for faults of what made them.
    pub fn host(&self) -> Result<Block> {
        match self {
            Self::Host(block) => Ok(block.clone()),
            Self::Shared { shape, mirror } => {
                let block = mirror.copies.lock().host()?;
                if block.shape() == shape { Ok(block) } else { block.reshaped(shape) }
            }
        }
    }

    /// The elements on `device`, for use on `stream`; copied there where they are not.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) when they cannot be copied.
    pub fn on(&self, device: &Arc<dyn Device>, stream: Stream) -> Result<Resident> {
        let mirror = match self {
            Self::Host(block) => return device.upload(stream, block),
            Self::Shared { mirror, .. } => mirror,
        };
        let mut copies = mirror.copies.lock();
        if let Some(copy) = copies.there.iter().find(|copy| copy.is_of(device.as_ref())) {
            if copy.ready.stream != stream {
                device.order(stream, copy.ready);
            }
            return Ok(copy.data.clone());
        }
        let block = copies.host()?;
        let data = device.upload(stream, &block)?;
        let ready = device.record(stream);
        copies.there.push(Copy { device: Arc::clone(device), data: data.clone(), ready });
        drop(copies);
        device.adopt(mirror);
        Ok(data)
    }

    /// Changes the elements on `device` by what `change` enqueues on `stream`, where that copy is the only one; whether
    /// it was. The copy does not leave meanwhile.
    ///
    /// # Errors
    /// Those of `change`.
    pub(crate) fn change(
        &self,
        device: &Arc<dyn Device>,
        stream: Stream,
        change: impl FnOnce(&Resident) -> Result<()>,
    ) -> Result<bool> {
        let Self::Shared { mirror, .. } = self else { return Ok(false) };
        let mut copies = mirror.copies.lock();
        let Copies { host: None, coming: None, there } = &mut *copies else { return Ok(false) };
        let [copy] = there.as_mut_slice() else { return Ok(false) };
        if !copy.is_of(device.as_ref()) {
            return Ok(false);
        }
        if copy.ready.stream != stream {
            device.order(stream, copy.ready);
        }
        change(&copy.data)?;
        copy.ready = device.record(stream);
        Ok(true)
    }

    /// Begins to copy the elements to the host, where they are not there; whether [`Data::host`] has to wait for them.
    ///
    /// # Errors
    /// As [`Data::host`], but for faults of what made them.
    pub fn bring(&self) -> Result<bool> {
        let Self::Shared { mirror, .. } = self else { return Ok(false) };
        mirror.copies.lock().bring()
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the sizes differ.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Self> {
        match self {
            Self::Host(block) => block.reshaped(shape).map(Self::Host),
            Self::Shared { mirror, .. } if shape::checked_size(shape) == Some(self.size()) => {
                Ok(Self::Shared { shape: shape.to_vec(), mirror: Arc::clone(mirror) })
            }
            Self::Shared { shape: have, .. } => {
                let (a, b) = (shape::tuple(have), shape::tuple(shape));
                Err(Error::shape("block", format!("{a} does not hold as many elements as {b}")))
            }
        }
    }
}

impl View<Data> {
    /// The view of the same elements on the host.
    ///
    /// # Errors
    /// As [`Data::host`].
    pub fn host(&self) -> Result<View> {
        Ok(View { block: self.block.host()?, offset: self.offset, strides: self.strides.clone() })
    }

    /// The view of the same elements on `device`, for use on `stream`.
    ///
    /// # Errors
    /// As [`Data::on`].
    pub fn on(&self, device: &Arc<dyn Device>, stream: Stream) -> Result<View<Resident>> {
        Ok(View { block: self.block.on(device, stream)?, offset: self.offset, strides: self.strides.clone() })
    }
}
