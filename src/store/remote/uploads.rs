//! Objects on their way out.

use super::Place;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// Bytes under way at once; one object may be larger.
const UNDER_WAY: usize = 32 << 20;

/// Objects that are being stored, so that whoever makes them need not wait for each.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    bytes: usize,
    fault: Option<Error>,
}

impl Uploads {
    /// Begins to store an object; waits while there is too much under way.
    ///
    /// # Errors
    /// The first failure of this one or one before it, as far as it is known by now.
    pub(crate) fn put(self: &Arc<Self>, place: &Place, key: &str, data: Vec<u8>) -> Result<()> {
        let len = data.len();
        let mut state = self.state.lock();
        while state.count > 0 && state.bytes + len > UNDER_WAY && state.fault.is_none() {
            self.change.wait(&mut state);
        }
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        state.count += 1;
        state.bytes += len;
        drop(state);
        let landing = Landing { uploads: Arc::clone(self), len, done: false };
        place.put(key, data, Box::new(move |outcome| landing.with(outcome)));
        Ok(())
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) fn wait(&self) -> Result<()> {
        let mut state = self.state.lock();
        while state.count > 0 {
            self.change.wait(&mut state);
        }
        state.fault.clone().map_or(Ok(()), Err)
    }
}

/// Stores an object, and waits for that.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the object.
pub(crate) fn put_now(place: &Place, key: &str, data: Vec<u8>) -> Result<()> {
    let uploads = Arc::<Uploads>::default();
    uploads.put(place, key, data)?;
    uploads.wait()
}

/// One object under way; that it is dropped before it is known to have landed is a fault.
struct Landing {
    uploads: Arc<Uploads>,
    len: usize,
    done: bool,
}

impl Landing {
    fn with(mut self, outcome: Result<()>) {
        self.land(outcome);
    }

    fn land(&mut self, outcome: Result<()>) {
        self.done = true;
        let mut state = self.uploads.state.lock();
        state.count -= 1;
        state.bytes -= self.len;
        if let Err(fault) = outcome {
            state.fault.get_or_insert(fault);
        }
        drop(state);
        self.uploads.change.notify_all();
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            self.land(Err(Error::bug("a request comes to an end")));
        }
    }
}
