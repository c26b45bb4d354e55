//! Ctrl-C: the first stops the run at the next task boundary, or the process where that is far; the second ends the
//! process.

use super::context::CancelToken;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long a cancelled run may take to end by itself: with what comes after, people wait a second.
const GRACE: Duration = Duration::from_millis(700);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The exit code of a run that was interrupted.
const INTERRUPTED: libc::c_int = 130;

/// What a signal cancels. It is set once, before the handler is installed.
static TOKEN: OnceLock<CancelToken> = OnceLock::new();

/// Cancels `token` when the process is interrupted or asked to end, so that nothing half-written is left behind. A
/// second signal has its usual effect. Only the first call of a process counts.
pub fn cancel_on_signal(token: CancelToken) {
    if TOKEN.set(token).is_err() {
        return;
    }
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: all-zero bytes are a valid `sigaction` (no flags, an empty mask).
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(libc::c_int) = cancel;
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
        // SAFETY: `action` is initialised, and the handler only does what is allowed in one (see `cancel`). That it
        // could not be installed costs the tidy ending, nothing else.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

/// Runs in a signal handler: two atomic operations, no locks, no memory.
extern "C" fn cancel(_: libc::c_int) {
    if let Some(token) = TOKEN.get() {
        token.cancel();
    }
}

/// Watches over a run until it is dropped; see [`insist`].
#[derive(Debug)]
pub struct Watch {
    over: Arc<Mutex<bool>>,
}

/// Ends the process when a run goes on for long after `token` was cancelled, because a task is in the middle of a huge
/// chunk: codecs and kernels cannot be stopped. `leave` is called just before, while the run's threads still work.
#[must_use]
pub fn insist(token: CancelToken, leave: impl FnOnce() + Send + 'static) -> Watch {
    let over = Arc::new(Mutex::new(false));
    let watched = Arc::clone(&over);
    let watch = move || {
        let mut since: Option<Instant> = None;
        loop {
            std::thread::sleep(LOOK);
            // Held until the process is gone, so that the run does not end meanwhile.
            let over = watched.lock();
            if *over {
                return;
            }
            if token.is_cancelled() && since.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                leave();
                // SAFETY: ends the process at once. Nothing that would run at an orderly exit may run beside threads
                // that still work.
                unsafe { libc::_exit(INTERRUPTED) };
            }
        }
    };
    // Without the thread, the run ends at its next task boundary.
    let _ = std::thread::Builder::new().name("hyperslab-watch".to_owned()).spawn(watch);
    Watch { over }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.over.lock() = true;
    }
}
