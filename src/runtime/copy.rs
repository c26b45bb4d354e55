//! Copying a stored array piece by piece, as it is stored: nothing is decoded.

use super::context::{Context, Progress};
use super::report::Report;
use super::retry::retry;
use crate::error::{Error, ErrorKind, Result};
use crate::store::remote::AT_ONCE;
use crate::store::{Coded, Sink, Store};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// What is counted while pieces are copied.
#[derive(Default)]
struct Counters {
    /// What to copy a piece takes that has to be decoded, where that is more than there is: bytes, and the budget.
    refused: Option<(u64, u64)>,
    done: AtomicUsize,
    copied: AtomicU64,
    /// Bytes of pieces that had to be decoded.
    decoded: AtomicU64,
}

/// Copies every piece of `store` to `sink`, whose pieces are encoded alike, and makes the array visible. Pieces that
/// were never written stay so where that means the same there (`keeps_missing`).
///
/// # Errors
/// The first failure of either; [`Memory`](crate::ErrorKind::Memory) when the budget does not hold one piece.
pub(crate) fn copy(cx: &Context, store: &dyn Store, sink: Box<dyn Sink>, keeps_missing: bool) -> Result<Report> {
    let begin = Instant::now();
    let grid = sink.grid().clone();
    let (count, axes) = (grid.count(), (0..grid.rank()).collect::<Vec<_>>());
    let itemsize = store.info().dtype.size();
    // Stored bytes may exceed those that they decode to by little; those that are decoded are there as they are stored,
    // as elements, and encoded anew, and filters take as much again.
    let largest = store.piece().unwrap_or_default().iter().product::<usize>().saturating_mul(itemsize) as u64;
    let each = largest.saturating_mul(6);
    let budget = cx.memory().budget();
    let counters = Counters { refused: (each / 2 > budget).then_some((each / 2, budget)), ..Counters::default() };
    let waits = store.is_remote();
    let most = if waits { cx.threads().max(AT_ONCE) } else { cx.threads() };
    let width = (budget / each.max(1)).clamp(1, most as u64);
    if largest > budget {
        return Err(Error::memory("copying chunks", largest, budget));
    }
    let width = usize::try_from(width).unwrap_or(1).min(count);
    let cancel = cx.cancel_token();
    let _held = cx.memory().reserve("copying chunks", each.saturating_mul(width as u64).min(budget))?;
    cx.each(width, waits, |first| {
        for number in (first..count).step_by(width) {
            if cancel.is_cancelled() {
                return Err(ErrorKind::Cancelled.into());
            }
            let index = grid.index(number, &axes);
            let region = grid.region(&index);
            if !sink.has(&region) {
                let one = || piece(store, sink.as_ref(), &index, keeps_missing, &counters);
                retry(&cancel, one)?;
            }
            let done = counters.done.fetch_add(1, Ordering::Relaxed) + 1;
            cx.progress(|memory| Progress {
                done,
                total: count,
                bytes_read: counters.decoded.load(Ordering::Relaxed),
                bytes_written: counters.copied.load(Ordering::Relaxed),
                live_bytes: memory.live(),
            });
        }
        Ok(())
    })?;
    if cancel.is_cancelled() {
        return Err(ErrorKind::Cancelled.into());
    }
    sink.finish()?;
    let decoded = counters.decoded.load(Ordering::Relaxed);
    Ok(Report {
        tasks: count as u64,
        bytes_copied: counters.copied.load(Ordering::Relaxed),
        bytes_read: decoded,
        bytes_written: decoded,
        wall: begin.elapsed(),
        projected_bytes: each.saturating_mul(width as u64).min(budget),
        peak_bytes: cx.memory().peak_live(),
        ..Report::default()
    })
}

/// Copies one piece; what is encoded in another way than the others is decoded and written anew.
fn piece(store: &dyn Store, sink: &dyn Sink, index: &[usize], keeps_missing: bool, counters: &Counters) -> Result<()> {
    match store.coded(index)? {
        Coded::Missing if keeps_missing => Ok(()),
        Coded::Bytes(bytes) => {
            counters.copied.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            sink.write_coded(index, bytes)
        }
        Coded::Missing | Coded::Otherwise => {
            if let Some((needed, budget)) = counters.refused {
                return Err(Error::memory("copying a chunk that is encoded anew", needed, budget));
            }
            let region = sink.grid().region(index);
            let mut bytes = vec![0; region.size() * store.info().dtype.size()];
            store.read(&region, &mut bytes)?;
            counters.decoded.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            sink.write(&region, &bytes)
        }
    }
}
