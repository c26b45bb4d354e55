//! Requests that failed for a moment are made again, a few times, after longer and longer pauses.

use super::context::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is waited before each further attempt.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// A longer pause is taken in parts of this length, so that a run can be cancelled in it.
const STEP: Duration = Duration::from_millis(50);

/// Does `work`, and again as long as it fails with an error that is [transient](Error::is_transient).
///
/// # Errors
/// The last error of `work`, with the number of attempts, or [`Cancelled`](ErrorKind::Cancelled).
pub(crate) fn retry(cancel: &CancelToken, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    for (attempt, pause) in PAUSES.iter().enumerate() {
        match work() {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, attempt, "made again");
                wait(cancel, *pause)?;
            }
            done => return done,
        }
    }
    work().map_err(|e| if e.is_transient() { given_up(e) } else { e })
}

fn given_up(error: Error) -> Error {
    error.at(format!("after {} attempts", PAUSES.len() + 1))
}

fn wait(cancel: &CancelToken, pause: Duration) -> Result<()> {
    let begin = Instant::now();
    while let Some(left) = pause.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
        if cancel.is_cancelled() {
            return Err(ErrorKind::Cancelled.into());
        }
        sleep(left.min(STEP));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: usize, error: &Error) -> (Result<()>, usize) {
        let mut calls = 0;
        let done = retry(&CancelToken::default(), || {
            calls += 1;
            if calls <= times { Err(error.clone()) } else { Ok(()) }
        });
        (done, calls)
    }

    #[test]
    fn only_what_may_pass_is_done_again() {
        let busy = Error::store("x", "timed out").transient();
        let (done, calls) = failing(2, &busy);
        assert!(done.is_ok() && calls == 3);
        let (done, calls) = failing(1, &Error::store("x", "is damaged"));
        assert!(done.is_err() && calls == 1);
        let (done, calls) = failing(usize::MAX, &busy);
        assert_eq!((done.unwrap_err().to_string().as_str(), calls), ("x: timed out (after 5 attempts)", 5));
    }

    #[test]
    fn a_cancelled_run_does_not_wait() {
        let token = CancelToken::default();
        token.cancel();
        let done = retry(&token, || Err(Error::store("x", "timed out").transient()));
        assert_eq!(done.unwrap_err().to_string(), "cancelled");
    }
}
