//! Reading parts of chunks one after another.

use std::any::Any;

/// What reading a part of a chunk leaves for whoever reads the next: an open file, say, and what of it is decoded.
#[derive(Debug, Default)]
pub struct Trail(Option<Box<dyn Any + Send>>);

impl Trail {
    /// What was left, where it is such a thing.
    pub(super) fn take<T: Any>(&mut self) -> Option<T> {
        self.0.take()?.downcast::<T>().ok().map(|left| *left)
    }

    pub(super) fn leave<T: Any + Send>(&mut self, left: T) {
        self.0 = Some(Box::new(left));
    }
}
