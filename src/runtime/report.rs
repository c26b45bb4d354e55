//! What a finished run did, in numbers.

use super::profile::Profile;
use std::time::Duration;

/// A finished run, for people and profiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Tasks that ran.
    pub tasks: u64,
    /// Bytes read from stores, decoded.
    pub bytes_read: u64,
    /// Bytes written to stores, before encoding.
    pub bytes_written: u64,
    /// Bytes of chunks that were copied as they are stored.
    pub bytes_copied: u64,
    /// Bytes of intermediate results written to disk.
    pub bytes_spilled: u64,
    /// Bytes of intermediate results read back from disk.
    pub bytes_unspilled: u64,
    /// Processor time in stores, reading and decoding.
    pub read: Duration,
    /// Processor time in kernels.
    pub compute: Duration,
    /// Processor time in stores, encoding and writing.
    pub write: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// Time spent planning.
    pub planning: Duration,
    /// Bytes that the plan said the run would take at most.
    pub projected_bytes: u64,
    /// The most bytes of buffers that lived at once.
    pub peak_bytes: u64,
    /// Who did what when, where that was asked for.
    pub profile: Option<Box<Profile>>,
}

impl Report {
    /// Notes how long the planning of the run took.
    pub(crate) fn set_planning(&mut self, time: Duration) {
        self.planning = time;
        if let Some(run) = self.profile.as_mut().and_then(|p| p.runs.last_mut()) {
            run.planning = time;
        }
    }

    /// Both runs, one after the other, as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let offset = u64::try_from(self.wall.as_nanos()).unwrap_or(u64::MAX);
        let profile = match (self.profile, next.profile) {
            (Some(mut before), Some(after)) => {
                before.append(&after, offset);
                Some(before)
            }
            (before, after) => before.or(after),
        };
        Self {
            tasks: self.tasks + next.tasks,
            bytes_read: self.bytes_read + next.bytes_read,
            bytes_written: self.bytes_written + next.bytes_written,
            bytes_copied: self.bytes_copied + next.bytes_copied,
            bytes_spilled: self.bytes_spilled + next.bytes_spilled,
            bytes_unspilled: self.bytes_unspilled + next.bytes_unspilled,
            read: self.read + next.read,
            compute: self.compute + next.compute,
            write: self.write + next.write,
            wall: self.wall + next.wall,
            planning: self.planning + next.planning,
            projected_bytes: self.projected_bytes.max(next.projected_bytes),
            peak_bytes: self.peak_bytes.max(next.peak_bytes),
            profile,
        }
    }
}
