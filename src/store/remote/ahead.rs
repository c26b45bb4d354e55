//! Bytes that are fetched before they are asked for.

use super::{Done, Got, Outcome, Want};
use crate::device::memory::{Claim, Memory};
use crate::error::{Error, Result};
use crate::store::manifest::hash;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// So many requests are remembered, so that what was fetched and read is not fetched again.
const REMEMBERED: usize = 1 << 16;

/// Ranges among which one is looked for that holds another.
const LOOKED_AT: usize = 16;

/// What is done with bytes before those who wait for them get them: it may fetch more.
pub(crate) type Then = Box<dyn FnOnce(&Got) + Send>;

/// The result of one request, for whoever waits for it.
#[derive(Default)]
pub(crate) struct Slot {
    state: Mutex<Waiting>,
    ready: Condvar,
}

#[derive(Default)]
struct Waiting {
    outcome: Option<Result<Option<Arc<Got>>>>,
    thens: Vec<Then>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("outcome", &self.state.lock().outcome).finish_non_exhaustive()
    }
}

impl Slot {
    /// What fills the slot; dropped without being called, it fills it with an error, so that nobody waits for ever.
    pub(crate) fn filler(self: &Arc<Self>) -> Done<Outcome> {
        Self::filler_of([self])
    }

    /// What fills several slots with the answer to one request, which brings the bytes of all of them.
    pub(crate) fn filler_of<'a>(slots: impl IntoIterator<Item = &'a Arc<Self>>) -> Done<Outcome> {
        let mut fills: Vec<Fill> = slots.into_iter().map(|slot| Fill(Some(Arc::clone(slot)))).collect();
        Box::new(move |outcome| {
            let outcome = outcome.map(|got| got.map(Arc::new));
            for fill in &mut fills {
                fill.with(outcome.clone());
            }
        })
    }

    /// Calls `then` with the bytes, once they are here.
    pub(crate) fn then(&self, then: Then) {
        let mut state = self.state.lock();
        let done = match &state.outcome {
            None => return state.thens.push(then),
            Some(Ok(Some(got))) => Arc::clone(got),
            Some(_) => return,
        };
        drop(state);
        then(&done);
    }

    /// Waits for the result.
    pub(crate) fn wait(&self) -> Result<Option<Arc<Got>>> {
        let mut state = self.state.lock();
        loop {
            if let Some(outcome) = state.outcome.as_ref() {
                return outcome.clone();
            }
            self.ready.wait(&mut state);
        }
    }
}

struct Fill(Option<Arc<Slot>>);

impl Fill {
    fn with(&mut self, outcome: Result<Option<Arc<Got>>>) {
        let Some(slot) = self.0.take() else { return };
        let mut state = slot.state.lock();
        while let Some(then) = state.thens.pop() {
            drop(state);
            if let Ok(Some(got)) = &outcome {
                then(got);
            }
            state = slot.state.lock();
        }
        state.outcome = Some(outcome);
        drop(state);
        slot.ready.notify_all();
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.with(Err(Error::bug("a request comes to an end")));
    }
}

/// Room for bytes that are fetched before they are asked for.
///
/// The executor makes one for a sweep and hands it to [`Store::fetch_ahead`](crate::store::Store::fetch_ahead).
/// Requests belong to the task that was [announced](Ahead::announcing); when that is [done](Ahead::done_before), what
/// nobody asked for goes.
#[derive(Debug)]
pub struct Ahead {
    room: u64,
    memory: Option<Arc<Memory>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    task: usize,
    held: BTreeMap<String, BTreeMap<Want, Held>>,
    recent: VecDeque<u64>,
    known: BTreeSet<u64>,
}

/// A request under way, or its bytes.
#[derive(Debug)]
struct Held {
    slot: Arc<Slot>,
    task: usize,
    bytes: u64,
    _claim: Option<Claim>,
}

impl Ahead {
    /// Room for `bytes`, which count as living in `memory` as long as they are held.
    #[must_use]
    pub fn new(bytes: u64, memory: &Arc<Memory>) -> Arc<Self> {
        Arc::new(Self { room: bytes, memory: Some(Arc::clone(memory)), state: Mutex::default() })
    }

    /// Room for what one read fetches for itself.
    pub(crate) fn of_read(bytes: u64) -> Arc<Self> {
        Arc::new(Self { room: bytes, memory: None, state: Mutex::default() })
    }

    /// What is fetched from now on is for this task.
    pub fn announcing(&self, task: usize) {
        self.state.lock().task = task;
    }

    /// Tasks before this one are done: what was fetched for them and is still here goes.
    pub fn done_before(&self, task: usize) {
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        let State { held, taken, .. } = &mut *state;
        held.retain(|_, of_key| {
            let old = of_key.extract_if(.., |_, held| held.task < task).map(|(_, held)| held);
            let before = gone.len();
            gone.extend(old);
            *taken -= gone[before..].iter().map(|held: &Held| held.bytes).sum::<u64>();
            !of_key.is_empty()
        });
        drop(state);
    }

    /// Whether there is nothing in it: then it has room for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.lock().held.is_empty()
    }

    /// Place for a request for at most `bytes`. What was fetched and read before is not fetched again.
    pub(crate) fn open(&self, key: &str, want: Want, bytes: u64, how: How) -> Opened {
        let mut state = self.state.lock();
        let full = state.taken.saturating_add(bytes) > self.room && !state.held.is_empty() || self.room == 0;
        let mark = hash(format!("{key} {want:?}").as_bytes());
        if let Some(held) = state.held.get_mut(key).and_then(|of_key| of_key.get_mut(&want)) {
            let slot = Arc::clone(&held.slot);
            if how == How::Leads {
                if full {
                    return Opened::Full;
                }
                held.bytes += bytes;
                state.taken += bytes;
            }
            return Opened::Here(slot);
        }
        if how != How::Leads && state.known.contains(&mark) {
            return Opened::Known;
        }
        if full && how != How::Led {
            return Opened::Full;
        }
        state.known.insert(mark);
        state.recent.push_back(mark);
        if state.recent.len() > REMEMBERED
            && let Some(old) = state.recent.pop_front()
        {
            state.known.remove(&old);
        }
        let slot = Arc::new(Slot::default());
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let claim = self.memory.as_ref().map(|memory| memory.claim(length));
        let held = Held { slot: Arc::clone(&slot), task: state.task, bytes, _claim: claim };
        state.taken += bytes;
        state.held.entry(key.to_owned()).or_default().insert(want, held);
        Opened::New(slot)
    }

    /// What a request leads to is on its way: no more than `bytes` are set aside for it.
    pub(crate) fn lead(&self, key: &str, want: Want, bytes: u64) {
        let mut state = self.state.lock();
        let State { held, taken, .. } = &mut *state;
        if let Some(held) = held.get_mut(key).and_then(|of_key| of_key.get_mut(&want)) {
            *taken -= held.bytes.saturating_sub(bytes);
            held.bytes = held.bytes.min(bytes);
        }
    }

    /// The request that brings what is wanted. One that brings no more than that is handed over.
    pub(crate) fn take(&self, key: &str, want: Want) -> Option<Arc<Slot>> {
        let mut state = self.state.lock();
        let of_key = state.held.get_mut(key)?;
        if let Some(held) = of_key.remove(&want) {
            if of_key.is_empty() {
                state.held.remove(key);
            }
            state.taken -= held.bytes;
            return Some(held.slot);
        }
        let Want::Range(from, to) = want else { return None };
        let around = |other: &Want| match *other {
            Want::AtMost(_) => true,
            Want::Range(a, b) => a <= from && to <= b,
            Want::Last(_) => false,
        };
        // All of the object, or else a range that begins before; of these, the nearest.
        let whole = of_key.range(..Want::Range(0, 0)).next();
        let before = of_key.range(Want::Range(0, 0)..=Want::Range(from, u64::MAX)).rev().take(LOOKED_AT);
        whole.into_iter().chain(before).find(|(other, _)| around(other)).map(|(_, held)| Arc::clone(&held.slot))
    }

    /// The request for just what is wanted, if it was made and not taken.
    pub(crate) fn slot(&self, key: &str, want: Want) -> Option<Arc<Slot>> {
        self.state.lock().held.get(key)?.get(&want).map(|held| Arc::clone(&held.slot))
    }

    /// The end of the longest range that begins at a place and goes no further than `to`, if there is one.
    pub(crate) fn begun(&self, key: &str, from: u64, to: u64) -> Option<u64> {
        let state = self.state.lock();
        let (want, _) = state.held.get(key)?.range(Want::Range(from, from)..=Want::Range(from, to)).next_back()?;
        if let Want::Range(_, end) = want { Some(*end) } else { None }
    }

    /// Whether the byte at a place is held or under way.
    pub(crate) fn covers(&self, key: &str, at: u64) -> bool {
        let state = self.state.lock();
        let before = |of_key: &BTreeMap<Want, Held>| {
            let near = of_key.range(Want::Range(0, 0)..=Want::Range(at, u64::MAX)).rev().take(LOOKED_AT);
            near.into_iter().any(|(want, _)| matches!(want, Want::Range(_, end) if *end > at))
        };
        state.held.get(key).is_some_and(before)
    }

    /// Bytes that are held or under way.
    pub(crate) fn taken(&self) -> u64 {
        self.state.lock().taken
    }
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// One by itself.
    Alone,
    /// One that others follow from, for whose bytes room is set aside with it.
    Leads,
    /// One of these.
    Led,
}

/// What became of the wish for a place.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A new one; the request has to be made now.
    New(Arc<Slot>),
    /// One whose request was made.
    Here(Arc<Slot>),
    /// The request was made, and read by somebody.
    Known,
    /// There is no room now.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(n: usize) -> Got {
        Got { bytes: vec![7; n], start: 0, total: n as u64, tag: String::new() }
    }

    #[test]
    fn room_is_given_back() {
        let memory = Memory::new(1000);
        let ahead = Ahead::new(100, &memory);
        ahead.announcing(3);
        let open = |key, want| ahead.open(key, want, 60, How::Alone);
        let Opened::New(slot) = open("a", Want::AtMost(99)) else { panic!("no room") };
        assert!(matches!(open("a", Want::AtMost(99)), Opened::Here(_)));
        assert!(matches!(open("b", Want::AtMost(99)), Opened::Full));
        assert_eq!(memory.live(), 60);
        slot.filler()(Ok(Some(got(9))));
        let taken = ahead.take("a", Want::AtMost(99)).unwrap().wait().unwrap().unwrap();
        assert_eq!((taken.bytes.len(), memory.live()), (9, 0));
        assert!(matches!(open("a", Want::AtMost(99)), Opened::Known));
        ahead.announcing(4);
        assert!(matches!(open("b", Want::Range(10, 20)), Opened::New(_)));
        assert!(ahead.take("b", Want::Range(12, 14)).is_some() && ahead.take("b", Want::Range(12, 24)).is_none());
        ahead.done_before(4);
        assert!(!ahead.is_empty());
        ahead.done_before(5);
        assert!(ahead.is_empty() && memory.live() == 0);
    }

    #[test]
    fn a_request_that_is_dropped_is_an_error() {
        let slot = Arc::new(Slot::default());
        drop(slot.filler());
        assert!(slot.wait().is_err());
    }
}
