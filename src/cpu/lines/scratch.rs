//! Room for keys: large ones are scattered over all of it, which pages of the usual size make slow.

use crate::device::block::Buffer;
use bytemuck::Pod;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// So many elements, in large pages where there are many.
pub(super) struct Scratch<T> {
    buffer: Buffer,
    of: PhantomData<T>,
}

impl<T: Pod> Scratch<T> {
    /// `n` zeros.
    pub(super) fn new(n: usize) -> Self {
        Self { buffer: Buffer::zeroed(n * size_of::<T>()), of: PhantomData }
    }
}

impl<T: Pod> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // Buffers are aligned for every element.
        bytemuck::try_cast_slice(self.buffer.bytes()).unwrap_or_default()
    }
}

impl<T: Pod> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::try_cast_slice_mut(self.buffer.bytes_mut()).unwrap_or_default()
    }
}
