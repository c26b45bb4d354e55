//! How much of a call of a store is spent on its files, rather than on encoding and decoding.
//!
//! Stores have no part in this but to say when they wait for a file: [`reading`] and [`writing`] wrap one request each,
//! and count it where somebody listens on the same thread ([`metered`]). Nobody does unless a run is profiled.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Requests to files: time, and bytes as they are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Time in reads.
    pub read: Duration,
    /// Time in libraries that read and decode in one go, but for what counts as reads.
    pub library: Duration,
    /// Time in writes.
    pub write: Duration,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

thread_local! {
    /// What the listener of this thread has heard so far.
    static HEARD: Cell<Option<Requests>> = const { Cell::new(None) };
}

/// Runs `work`, and says what requests it made on this thread.
///
/// ```
/// use hyperslab::store::meter::{metered, reading};
/// let (sum, requests) = metered(|| reading(8, || 1 + 1) + reading(2, || 3));
/// assert_eq!((sum, requests.bytes_read), (5, 10));
/// ```
pub fn metered<T>(work: impl FnOnce() -> T) -> (T, Requests) {
    let outer = HEARD.replace(Some(Requests::default()));
    let done = work();
    (done, HEARD.replace(outer).unwrap_or_default())
}

/// Runs one request that reads `bytes` bytes.
pub fn reading<T>(bytes: usize, request: impl FnOnce() -> T) -> T {
    heard(request, |all, time| {
        all.read += time;
        all.bytes_read += bytes as u64;
    })
}

/// Runs a library that reads a file and decodes what it reads. What it reads through [`reading`] counts there alone.
///
/// ```
/// use hyperslab::store::meter::{metered, reading, within_library};
/// let sleep = || std::thread::sleep(std::time::Duration::from_millis(2));
/// let (_, requests) = metered(|| within_library(|| { sleep(); reading(8, sleep) }));
/// assert!(requests.library.as_millis() >= 2 && requests.read.as_millis() >= 2);
/// ```
pub fn within_library<T>(work: impl FnOnce() -> T) -> T {
    let before = HEARD.get().unwrap_or_default().read;
    heard(work, |all, time| all.library += time.saturating_sub(all.read.saturating_sub(before)))
}

/// Runs one request that writes `bytes` bytes.
pub fn writing<T>(bytes: usize, request: impl FnOnce() -> T) -> T {
    heard(request, |all, time| {
        all.write += time;
        all.bytes_written += bytes as u64;
    })
}

fn heard<T>(request: impl FnOnce() -> T, note: impl FnOnce(&mut Requests, Duration)) -> T {
    if HEARD.get().is_none() {
        return request();
    }
    let begin = Instant::now();
    let done = request();
    if let Some(mut all) = HEARD.get() {
        note(&mut all, begin.elapsed());
        HEARD.set(Some(all));
    }
    done
}
