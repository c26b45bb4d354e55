//! How far the tasks of a sweep are, for the thread that feeds them to the pool.

use crate::error::Error;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::ops::Range;

/// What the feeding thread waits for.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) state: Mutex<State>,
    pub(crate) change: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    /// Tasks queued or running.
    pub(crate) queued: usize,
    /// The number of the first task that is not done.
    pub(crate) oldest: usize,
    /// Whether the next tasks wait for that one.
    pub(crate) held_back: bool,
    /// Tasks after it that are done: where a range of them begins, and where it ends.
    done: BTreeMap<usize, usize>,
    /// The first fault.
    pub(crate) fault: Option<Error>,
}

impl State {
    /// Notes that these tasks are done; whether the first that is not has changed.
    pub(crate) fn finish(&mut self, numbers: &Range<usize>) -> bool {
        let before = self.oldest;
        self.done.insert(numbers.start, numbers.end);
        while let Some(end) = self.done.remove(&self.oldest) {
            self.oldest = end;
        }
        self.oldest > before
    }
}
