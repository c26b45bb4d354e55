//! Blocks that are put together from parts of others, where those are.

use super::context::Context;
use crate::cpu::copy::{StridedBox, copy_strided};
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::device::{Resident, View};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::shape;

/// A block in the making. It is made where its first part is: copies change no bit, so that may differ from block to block.
pub(crate) struct Collage<'a> {
    cx: &'a Context,
    dtype: DType,
    shape: Vec<usize>,
    canvas: Option<Canvas>,
}

enum Canvas {
    Host(Buffer),
    Device(Resident),
}

/// Whether a device has no room.
fn is_full(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Memory { .. })
}

impl<'a> Collage<'a> {
    pub(crate) fn new(cx: &'a Context, dtype: DType, shape: &[usize]) -> Self {
        Self { cx, dtype, shape: shape.to_vec(), canvas: None }
    }

    fn blank(&self) -> Canvas {
        Canvas::Host(self.cx.memory().buffer(shape::size(&self.shape) * self.dtype.size()))
    }

    /// What a part is copied to: chosen when the first one comes.
    fn canvas(&mut self, first: &View<Data>) -> Result<&mut Canvas> {
        let canvas = match self.canvas.take() {
            Some(canvas) => canvas,
            None => match self.cx.lane() {
                Some((device, stream)) if first.block.is_on(device.as_ref()) => {
                    match device.canvas(stream, self.dtype, &self.shape) {
                        Ok(canvas) => canvas.map_or_else(|| self.blank(), Canvas::Device),
                        Err(error) if is_full(&error) => self.blank(),
                        Err(error) => return Err(error),
                    }
                }
                _ => self.blank(),
            },
        };
        Ok(self.canvas.insert(canvas))
    }

    /// Copies the elements that `view` has in a box of shape `lengths` to the box `to`.
    pub(crate) fn add(&mut self, view: &View<Data>, to: StridedBox, lengths: &[usize]) -> Result<()> {
        let (cx, size) = (self.cx, self.dtype.size());
        match (self.canvas(view)?, cx.lane()) {
            (Canvas::Device(canvas), Some((device, stream))) => {
                let strides = to.strides().iter().map(|s| s.cast_signed()).collect();
                let part = match view.on(device, stream) {
                    Ok(part) => part,
                    Err(error) if is_full(&error) => {
                        self.come_home()?;
                        return self.add(view, to, lengths);
                    }
                    Err(error) => return Err(error),
                };
                let to = View { block: canvas.clone(), offset: to.offset(), strides };
                device.place(stream, &part, &to, lengths)
            }
            (Canvas::Host(buffer), _) => {
                copy_strided(&view.host()?, to, buffer.bytes_mut(), lengths, size);
                Ok(())
            }
            (Canvas::Device(_), None) => Err(Error::bug("a thread keeps its device")),
        }
    }

    /// Goes on with the host's memory.
    fn come_home(&mut self) -> Result<()> {
        if let (Some(Canvas::Device(data)), Some((device, stream))) = (self.canvas.take(), self.cx.lane()) {
            let so_far = Data::resident(device, stream, data, self.dtype, &self.shape).host()?;
            let mut buffer = self.cx.memory().buffer(so_far.bytes().len());
            buffer.bytes_mut().copy_from_slice(so_far.bytes());
            self.canvas = Some(Canvas::Host(buffer));
        }
        Ok(())
    }

    /// The block, when all of it is there.
    pub(crate) fn finish(mut self) -> Result<Data> {
        let canvas = self.canvas.take().unwrap_or_else(|| self.blank());
        match (canvas, self.cx.lane()) {
            (Canvas::Device(data), Some((device, stream))) => {
                Ok(Data::resident(device, stream, data, self.dtype, &self.shape))
            }
            (Canvas::Host(buffer), _) => Ok(self.cx.data(Block::new(self.dtype, &self.shape, buffer)?)),
            (Canvas::Device(_), None) => Err(Error::bug("a thread keeps its device")),
        }
    }
}
