//! Small independent jobs, such as opening files, on as many threads as a context has, or as requests may be under way.

use super::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::store::remote::AT_ONCE;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

impl Context {
    /// What `body` gives for 0, 1, ..., in this order; or the first of its errors. The threads are no workers of the
    /// context's: whoever waits among those takes up other jobs, one inside the other, and `body` may compute. Where it
    /// `waits` for a network, which takes no processor, there are as many as requests may be under way.
    pub(crate) fn each<T: Send>(
        &self,
        count: usize,
        waits: bool,
        body: impl Fn(usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (cancel, next) = (self.cancel_token(), AtomicUsize::new(0));
        let width = if waits { self.threads().max(AT_ONCE) } else { self.threads() };
        let work = || {
            let mut done = Vec::new();
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= count {
                    return done;
                }
                let result = if cancel.is_cancelled() { Err(ErrorKind::Cancelled.into()) } else { body(i) };
                if result.is_err() {
                    // Those before it have been begun, so the first error is found all the same.
                    next.store(count, Ordering::Relaxed);
                }
                done.push((i, result));
            }
        };
        let mut all = thread::scope(|scope| {
            let threads: Vec<_> = (0..width.min(count)).map(|_| scope.spawn(work)).collect();
            let joined =
                threads.into_iter().map(|t| t.join().map_err(|_| Error::bug("looking at files does not panic")));
            joined.collect::<Result<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect::<Vec<_>>())
        })?;
        all.sort_by_key(|(i, _)| *i);
        all.into_iter().map(|(_, result)| result).collect()
    }
}
