//! Ctrl-C: the first stops the run at the next task boundary, the second ends the process.

use super::context::CancelToken;
use std::sync::OnceLock;

/// What a signal cancels. It is set once, before the handler is installed.
static TOKEN: OnceLock<CancelToken> = OnceLock::new();

/// Cancels `token` when the process is interrupted or asked to end, so that nothing half-written is left behind. A second
/// signal has its usual effect. Only the first call of a process counts.
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
        // SAFETY: `action` is initialised, and the handler only does what is allowed in one (see `cancel`). That it could
        // not be installed costs the tidy ending, nothing else.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

/// Runs in a signal handler: two atomic operations, no locks, no memory.
extern "C" fn cancel(_: libc::c_int) {
    if let Some(token) = TOKEN.get() {
        token.cancel();
    }
}
