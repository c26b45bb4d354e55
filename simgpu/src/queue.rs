//! Streams, events, and when operations run.
//!
//! A stream is a queue. Eager: an operation runs when it is queued. Lazy: nothing runs until a call waits for it, and
//! of other streams only what events demand; so a missing wait, a buffer that is reused too early or freed too early
//! gives a wrong result every time. Random: as lazy, with operations of other streams drawn in between.

use crate::config::Schedule;
use crate::sim::Sim;
use crate::status::{Result, Status};
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

/// Questions about an event or a stream that change nothing.
const PATIENCE: u32 = 8;

/// Work of a stream.
pub type Work = Box<dyn FnOnce(&mut Sim) -> Result<()> + Send>;

/// An operation of a stream.
pub enum Task {
    Run(Work),
    /// An event of this handle reaches this generation.
    Record(usize, u64),
    /// Nothing runs until an event has reached this generation.
    Wait(usize, u64),
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(_) => f.write_str("Run"),
            Self::Record(event, generation) => write!(f, "Record({event:#x}, {generation})"),
            Self::Wait(event, generation) => write!(f, "Wait({event:#x}, {generation})"),
        }
    }
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    pub device: usize,
    pub queue: VecDeque<Task>,
    /// Whether it is ordered with the default stream.
    pub blocking: bool,
    pub priority: i32,
    /// How often its state was asked for.
    pub polls: u32,
}

impl Stream {
    pub fn new(device: usize, blocking: bool) -> Self {
        Self { device, queue: VecDeque::new(), blocking, priority: 0, polls: 0 }
    }
}

/// An event.
#[derive(Debug)]
pub struct Event {
    pub device: usize,
    /// How often it was recorded, and up to which record streams have come.
    pub generation: u64,
    pub done: u64,
    pub at: Option<Instant>,
    pub timing: bool,
    /// How often its state was asked for.
    pub polls: u32,
}

impl Sim {
    /// Queues work on a stream, and runs it where the schedule is eager. A fault shows at a later call, as it does on a
    /// real device.
    pub fn push(&mut self, stream: usize, task: Task) -> Result<()> {
        let (device, blocking) =
            self.streams.get(&stream).map(|s| (s.device, s.blocking)).ok_or(Status::InvalidHandle)?;
        self.healthy(device)?;
        if self.config.schedule != Schedule::Eager && blocking {
            self.order_with_default(stream, device)?;
        }
        if let Some(found) = self.streams.get_mut(&stream) {
            found.queue.push_back(task);
        }
        if self.config.schedule == Schedule::Eager {
            // Its fault is the device's from now on.
            let _ = self.drain(stream);
        }
        Ok(())
    }

    /// The default stream waits for the blocking ones and they for it; what is queued there runs now.
    fn order_with_default(&mut self, stream: usize, device: usize) -> Result<()> {
        let default = Self::null_stream(device);
        let others: Vec<usize> = if stream == default {
            let blocking = self.streams.iter().filter(|(k, s)| **k != default && s.device == device && s.blocking);
            blocking.map(|(k, _)| *k).collect()
        } else {
            vec![default]
        };
        others.into_iter().try_for_each(|other| self.drain(other))
    }

    /// The error of a device that failed.
    pub fn healthy(&self, device: usize) -> Result<()> {
        match self.devices.get(device) {
            Some(device) => device.failed.map_or(Ok(()), Err),
            None => Err(Status::InvalidDevice),
        }
    }

    /// Whether the stream's next operation can run.
    fn ready(&self, stream: usize) -> bool {
        match self.streams.get(&stream).and_then(|s| s.queue.front()) {
            None => false,
            Some(Task::Wait(event, generation)) => self.reached(*event, *generation),
            Some(_) => true,
        }
    }

    /// Whether an event has reached a generation; a destroyed event holds nobody up.
    fn reached(&self, event: usize, generation: u64) -> bool {
        self.events.get(&event).is_none_or(|e| e.done >= generation)
    }

    /// Runs the next operation of a stream.
    fn step(&mut self, stream: usize) -> Result<()> {
        let Some((device, task)) = self.streams.get_mut(&stream).and_then(|s| Some((s.device, s.queue.pop_front()?)))
        else {
            return Ok(());
        };
        let done = match task {
            Task::Run(work) if self.devices[device].failed.is_none() => work(self),
            Task::Run(_) | Task::Wait(..) => Ok(()),
            Task::Record(event, generation) => {
                if let Some(event) = self.events.get_mut(&event) {
                    event.done = event.done.max(generation);
                    event.at = Some(Instant::now());
                }
                Ok(())
            }
        };
        if let Err(status) = done {
            self.devices[device].failed.get_or_insert(status);
        }
        self.healthy(device)
    }

    /// The stream on which a record is queued.
    fn recorder(&self, event: usize, generation: u64) -> Option<usize> {
        let records = |t: &Task| matches!(t, Task::Record(e, g) if *e == event && *g >= generation);
        self.streams.iter().find(|(_, s)| s.queue.iter().any(records)).map(|(k, _)| *k)
    }

    /// One step that brings `stream` forward.
    fn progress(&mut self, stream: usize) -> Result<()> {
        if matches!(self.config.schedule, Schedule::Random(_)) && self.draw(2) == 0 {
            let able: Vec<usize> = self.streams.keys().copied().filter(|s| self.ready(*s)).collect();
            if !able.is_empty() {
                let chosen = able[self.draw(able.len())];
                return self.step(chosen);
            }
        }
        let mut current = stream;
        for _ in 0..=self.streams.len() {
            if self.ready(current) {
                return self.step(current);
            }
            let Some(Task::Wait(event, generation)) = self.streams.get(&current).and_then(|s| s.queue.front()) else {
                return Ok(());
            };
            match self.recorder(*event, *generation) {
                Some(next) => current = next,
                None => break,
            }
        }
        self.refuse(Status::LaunchFailed, "deadlock: a stream waits for an event that nothing will record")
    }

    /// Runs all that is queued on a stream, and what that waits for.
    pub fn drain(&mut self, stream: usize) -> Result<()> {
        let device = self.streams.get(&stream).ok_or(Status::InvalidHandle)?.device;
        while self.streams.get(&stream).is_some_and(|s| !s.queue.is_empty()) {
            let done = self.progress(stream);
            if let Err(status) = done
                && self.devices[device].failed.is_none()
            {
                // A fault of another device, or a deadlock.
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.queue.clear();
                }
                return Err(status);
            }
        }
        self.healthy(device)
    }

    /// Runs all that is queued on a device.
    pub fn drain_device(&mut self, device: usize) -> Result<()> {
        let streams: Vec<usize> = self.streams.iter().filter(|(_, s)| s.device == device).map(|(k, _)| *k).collect();
        for stream in streams {
            self.drain(stream)?;
        }
        self.healthy(device)
    }

    /// Runs until an event has happened.
    pub fn wait_event(&mut self, event: usize) -> Result<()> {
        let found = self.events.get(&event).ok_or(Status::InvalidHandle)?;
        let (generation, device) = (found.generation, found.device);
        while !self.reached(event, generation) {
            match self.recorder(event, generation) {
                Some(stream) => self.progress(stream)?,
                None => break,
            }
        }
        self.healthy(device)
    }

    /// Whether an event has happened. Who asks again and again sees it happen in the end: from then on, asking brings
    /// the stream forward.
    pub fn query_event(&mut self, event: usize) -> Result<bool> {
        let found = self.events.get_mut(&event).ok_or(Status::InvalidHandle)?;
        found.polls += 1;
        let (generation, device, patient) = (found.generation, found.device, found.polls > PATIENCE);
        self.healthy(device)?;
        if !self.reached(event, generation)
            && patient
            && let Some(stream) = self.recorder(event, generation)
        {
            self.progress(stream)?;
        }
        Ok(self.reached(event, generation))
    }

    /// Whether a stream has nothing to do; as [`Sim::query_event`].
    pub fn query_stream(&mut self, stream: usize) -> Result<bool> {
        let found = self.streams.get_mut(&stream).ok_or(Status::InvalidHandle)?;
        found.polls += 1;
        let (device, patient) = (found.device, found.polls > PATIENCE);
        self.healthy(device)?;
        let busy = |sim: &Self| sim.streams.get(&stream).is_some_and(|s| !s.queue.is_empty());
        if busy(self) && patient {
            self.progress(stream)?;
        }
        Ok(!busy(self))
    }
}
