//! The progress bar: on a terminal, once a run has taken a while.

use crate::error::Bytes;
use crate::runtime::context::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs shorter than this show nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// The bar is brought up to date this often.
const STEP: u64 = 100;

/// A progress bar that appears when it is needed.
#[derive(Debug)]
pub struct Bar {
    began: Instant,
    drawn: OnceLock<ProgressBar>,
    /// Milliseconds after `began` at which it was last brought up to date.
    last: AtomicU64,
}

impl Bar {
    /// A bar for what begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { began: Instant::now(), drawn: OnceLock::new(), last: AtomicU64::new(0) }
    }

    /// Shows how far a run is; called from any thread, after every task.
    pub fn show(&self, now: Progress) {
        let elapsed = self.began.elapsed();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let last = self.last.load(Ordering::Relaxed);
        if elapsed < PATIENCE || (millis < last + STEP && now.done < now.total) {
            return;
        }
        if self.last.compare_exchange(last, millis, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let bar = self.drawn.get_or_init(|| draw(elapsed));
        bar.set_length(now.total as u64);
        bar.set_position(now.done as u64);
        bar.set_message(message(now, elapsed));
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Some(bar) = self.drawn.get() {
            bar.finish_and_clear();
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

fn draw(elapsed: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} tasks  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10)).with_style(style).with_elapsed(elapsed)
}

/// `1.5 GiB read, 200 MiB written, 400 MiB/s, 90 MiB in memory`: the rate is that of both together.
fn message(now: Progress, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = u128::from(now.bytes_read + now.bytes_written) * 1000 / u128::from(millis);
    let written = if now.bytes_written > 0 { format!(", {} written", Bytes(now.bytes_written)) } else { String::new() };
    format!(
        "{} read{written}, {}/s, {} in memory",
        Bytes(now.bytes_read),
        Bytes(u64::try_from(rate).unwrap_or(u64::MAX)),
        Bytes(now.live_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes_read: u64, bytes_written: u64, live_bytes: u64) -> Progress {
        Progress { done: 1, total: 2, bytes_read, bytes_written, live_bytes }
    }

    #[test]
    fn bytes_rate_and_memory() {
        let two = Duration::from_secs(2);
        assert_eq!(message(at(3 << 20, 0, 7 << 10), two), "3 MiB read, 1.5 MiB/s, 7 KiB in memory");
        assert_eq!(message(at(3 << 20, 1 << 20, 0), two), "3 MiB read, 1 MiB written, 2 MiB/s, 0 B in memory");
        assert_eq!(message(at(0, 0, 0), Duration::ZERO), "0 B read, 0 B/s, 0 B in memory");
    }

    #[test]
    fn short_runs_show_nothing() {
        let bar = Bar::new();
        bar.show(at(0, 0, 0));
        assert!(bar.drawn.get().is_none());
        bar.clear();
    }
}
