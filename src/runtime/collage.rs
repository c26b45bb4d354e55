//! Blocks that are put together from parts of others, where those are.
//!
//! On a device, a block in the making may leave like any other when somebody needs the room; the host goes on with it.

use super::context::Context;
use crate::cpu::copy::{StridedBox, copy_strided};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::shape;

/// A block in the making. It is made where its first part is: copies change no bit, so that may differ from block to
/// block.
pub(crate) struct Collage<'a> {
    cx: &'a Context,
    dtype: DType,
    shape: Vec<usize>,
    canvas: Option<Canvas>,
}

enum Canvas {
    Host(Buffer),
    Device(Data),
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

    /// What all parts are copied to: chosen when the first one comes.
    fn begin(&self, first: &View<Data>) -> Result<Canvas> {
        let Some((device, stream)) = self.cx.lane().filter(|(device, _)| first.block.is_on(device.as_ref())) else {
            return Ok(self.blank());
        };
        match self.cx.beside(|| device.canvas(stream, self.dtype, &self.shape)) {
            Ok(Some(canvas)) => Ok(Canvas::Device(Data::resident(device, stream, canvas, self.dtype, &self.shape))),
            Ok(None) => Ok(self.blank()),
            Err(error) if is_full(&error) => Ok(self.blank()),
            Err(error) => Err(error),
        }
    }

    /// Copies the elements that `view` has in a box of shape `lengths` to the box `to`.
    pub(crate) fn add(&mut self, view: &View<Data>, to: StridedBox, lengths: &[usize]) -> Result<()> {
        let mut canvas = match self.canvas.take() {
            Some(canvas) => canvas,
            None => self.begin(view)?,
        };
        if let Canvas::Device(data) = &canvas {
            if self.place(data, view, &to, lengths)? {
                self.canvas = Some(canvas);
                return Ok(());
            }
            // The host goes on with what there is.
            let so_far = data.host()?;
            let mut buffer = self.cx.memory().buffer(so_far.bytes().len());
            buffer.bytes_mut().copy_from_slice(so_far.bytes());
            canvas = Canvas::Host(buffer);
        }
        if let Canvas::Host(buffer) = &mut canvas {
            copy_strided(&view.host()?, to, buffer.bytes_mut(), lengths, self.dtype.size());
        }
        self.canvas = Some(canvas);
        Ok(())
    }

    /// As [`Collage::add`] on a device; whether there was room for the part, and the canvas was still there.
    fn place(&self, canvas: &Data, view: &View<Data>, to: &StridedBox, lengths: &[usize]) -> Result<bool> {
        let Some((device, stream)) = self.cx.lane() else { return Err(Error::bug("a thread keeps its device")) };
        let strides: Vec<isize> = to.strides().iter().map(|s| s.cast_signed()).collect();
        self.cx.beside(|| {
            let part = match view.on(device, stream) {
                Ok(part) => part,
                Err(error) if is_full(&error) => return Ok(false),
                Err(error) => return Err(error),
            };
            canvas.change(device, stream, |canvas| {
                device.place(stream, &part, &View { block: canvas.clone(), offset: to.offset(), strides }, lengths)
            })
        })
    }

    /// The block, when all of it is there.
    pub(crate) fn finish(mut self) -> Result<Data> {
        let canvas = self.canvas.take().unwrap_or_else(|| self.blank());
        match canvas {
            Canvas::Device(data) => Ok(data),
            Canvas::Host(buffer) => Ok(self.cx.data(Block::new(self.dtype, &self.shape, buffer)?)),
        }
    }
}
