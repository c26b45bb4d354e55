//! What a profile keeps of a run, in bounded memory: what threads did when, and what lived in memory.
//!
//! Lists of intervals are [`Thinned`]: beyond a number of entries, neighbours that are closest in time become one, with
//! their times and bytes added up. A [`History`] has a fixed number of bins, which double their width as time goes on.

/// What a thread does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Waits for a file that it reads.
    Read,
    /// Is in a library that reads a file and decodes it in one go, or waits for its turn there.
    Library,
    /// Makes elements of what it has read.
    Decode,
    /// Runs kernels.
    Compute,
    /// Gives kernels and copies to a device, which runs them by itself.
    Launch,
    /// Waits for a device: for what it was given, and for results.
    Device,
    /// Makes what is stored of elements.
    Encode,
    /// Waits for a file that it writes.
    Write,
    /// Writes intermediate results to disk, or reads them back.
    Spill,
    /// Waits for another thread, which decodes what it needs.
    Wait,
    /// Copies between blocks, and everything that is not worth a name.
    Other,
}

impl Activity {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Read,
        Self::Library,
        Self::Decode,
        Self::Compute,
        Self::Launch,
        Self::Device,
        Self::Encode,
        Self::Write,
        Self::Spill,
        Self::Wait,
        Self::Other,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Library => "library",
            Self::Decode => "decode",
            Self::Compute => "compute",
            Self::Launch => "launch",
            Self::Device => "device",
            Self::Encode => "encode",
            Self::Write => "write",
            Self::Spill => "spill",
            Self::Wait => "wait",
            Self::Other => "other",
        }
    }
}

/// Nanoseconds by [`Activity`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times(pub [u64; Activity::ALL.len()]);

impl Times {
    /// So much of one.
    #[must_use]
    pub fn of(activity: Activity, ns: u64) -> Self {
        let mut all = Self::default();
        all.0[activity as usize] = ns;
        all
    }

    /// The time of one activity.
    #[must_use]
    pub fn get(&self, activity: Activity) -> u64 {
        self.0[activity as usize]
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The one activity that there is, where there is no other.
    #[must_use]
    pub fn only(&self) -> Option<Activity> {
        let mut some = Activity::ALL.into_iter().filter(|&a| self.get(a) > 0);
        some.next().filter(|_| some.next().is_none())
    }
}

/// Bytes that moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// Read from the files of stores, as they are stored.
    pub stored_read: u64,
    /// Read from stores, decoded.
    pub read: u64,
    /// Written to stores, before encoding.
    pub written: u64,
    /// Written to the files of stores.
    pub stored_written: u64,
    /// Intermediate results written to disk.
    pub spilled: u64,
    /// Intermediate results read back.
    pub unspilled: u64,
}

impl Flow {
    /// All of them, in the order of the fields.
    #[must_use]
    pub fn all(&self) -> [u64; 6] {
        [self.stored_read, self.read, self.written, self.stored_written, self.spilled, self.unspilled]
    }

    fn each_mut(&mut self) -> [&mut u64; 6] {
        let Self { stored_read, read, written, stored_written, spilled, unspilled } = self;
        [stored_read, read, written, stored_written, spilled, unspilled]
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.each_mut().into_iter().zip(other.all()).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// `part` of `of` equal parts; together they are the whole.
    fn share(&self, part: u64, of: u64) -> Self {
        let mut out = *self;
        let upto = |bytes: u64, k: u64| u64::try_from(u128::from(bytes) * u128::from(k) / u128::from(of)).unwrap_or(0);
        out.each_mut().into_iter().for_each(|bytes| *bytes = upto(*bytes, part + 1) - upto(*bytes, part));
        out
    }
}

/// Something that took its time; all times are nanoseconds since the profile began.
pub trait Interval {
    /// When it began.
    fn start(&self) -> u64;
    /// When it ended.
    fn end(&self) -> u64;
    /// Takes in what came next.
    fn absorb(&mut self, next: &Self);
}

/// One task, or several that are shown as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpan {
    /// When the first began.
    pub start: u64,
    /// When the last ended.
    pub end: u64,
    /// Their number.
    pub tasks: u64,
    /// The run of the first.
    pub run: usize,
    /// Its sweep.
    pub sweep: usize,
    /// Its block.
    pub block: Vec<usize>,
    /// What their time went to.
    pub times: Times,
    /// What they read and wrote.
    pub flow: Flow,
}

impl Interval for TaskSpan {
    fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn absorb(&mut self, next: &Self) {
        (self.start, self.end) = (self.start.min(next.start), self.end.max(next.end));
        self.tasks += next.tasks;
        self.times.add(&next.times);
        self.flow.add(&next.flow);
    }
}

/// A stretch of time in which a thread did one thing, or several that are shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// When it began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// The run and the stage that it was done for, the one that took longest.
    pub stage: Option<(usize, usize)>,
    /// What it was.
    pub times: Times,
}

impl Interval for Stretch {
    fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn absorb(&mut self, next: &Self) {
        if next.times.total() > self.times.total() {
            self.stage = next.stage;
        }
        (self.start, self.end) = (self.start.min(next.start), self.end.max(next.end));
        self.times.add(&next.times);
    }
}

/// Intervals in order of time, about as many as one can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinned<T> {
    items: Vec<T>,
    most: usize,
    /// Neighbours that lie within so much time are one.
    grain: u64,
}

impl<T: Interval> Thinned<T> {
    /// An empty list of at most `most` entries, which are four at least.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { items: Vec::new(), most: most.max(4), grain: 0 }
    }

    /// The intervals.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Adds one that ended last.
    pub fn push(&mut self, item: T) {
        self.join(item);
        if self.items.len() > self.most {
            let begin = self.items.iter().map(T::start).min().unwrap_or(0);
            let end = self.items.iter().map(T::end).max().unwrap_or(0);
            // Two neighbours that stay apart take more than a grain together, so half as many are left.
            self.grain = (4 * (end - begin) / self.most as u64).max(2 * self.grain).max(1);
            for item in std::mem::take(&mut self.items) {
                self.join(item);
            }
        }
    }

    fn join(&mut self, item: T) {
        match self.items.last_mut() {
            Some(last) if self.grain > 0 && item.end().saturating_sub(last.start()) <= self.grain => last.absorb(&item),
            _ => self.items.push(item),
        }
    }
}

/// What lives at a moment, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// Buffers of blocks, decoded chunks among them.
    pub live: u64,
    /// Decoded chunks that are kept for other tasks.
    pub cached: u64,
    /// Intermediate results on disk.
    pub on_disk: u64,
    /// All memory of the process, where the system tells.
    pub resident: u64,
}

impl Level {
    /// All of them, in the order of the fields.
    #[must_use]
    pub fn all(&self) -> [u64; 4] {
        [self.live, self.cached, self.on_disk, self.resident]
    }

    fn rise(&mut self, to: &Self) {
        self.live = self.live.max(to.live);
        self.cached = self.cached.max(to.cached);
        self.on_disk = self.on_disk.max(to.on_disk);
        self.resident = self.resident.max(to.resident);
    }
}

/// One bin of a [`History`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bin {
    /// The most that lived, where somebody looked.
    pub level: Option<Level>,
    /// What moved.
    pub flow: Flow,
}

/// Bins of a history.
const BINS: u64 = 512;

/// Levels and flows over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    width: u64,
    bins: Vec<Bin>,
}

impl Default for History {
    fn default() -> Self {
        Self { width: 1 << 10, bins: Vec::new() }
    }
}

impl History {
    /// Nanoseconds of a bin.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.width
    }

    /// The bins, from the beginning on.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Notes what lives at a moment.
    pub fn note(&mut self, at: u64, level: &Level) {
        self.bin(at).level.get_or_insert_default().rise(level);
    }

    /// Notes what moved, evenly from `start` to `end`.
    pub fn moved(&mut self, start: u64, end: u64, flow: &Flow) {
        // The end first: it may make bins wider.
        self.bin(end);
        let (first, last) = (start / self.width, end / self.width);
        for (part, bin) in (first..=last).enumerate() {
            let share = flow.share(part as u64, last - first + 1);
            self.bin(bin * self.width).flow.add(&share);
        }
    }

    /// Takes in another one that began `offset` later.
    pub fn take_in(&mut self, other: &Self, offset: u64) {
        for (k, bin) in other.bins.iter().enumerate() {
            let at = offset + k as u64 * other.width;
            if let Some(level) = &bin.level {
                self.note(at, level);
            }
            if bin.flow != Flow::default() {
                self.moved(at, at + other.width - 1, &bin.flow);
            }
        }
    }

    fn bin(&mut self, at: u64) -> &mut Bin {
        while at / self.width >= BINS {
            self.width *= 2;
            let pairs = self.bins.chunks(2).map(|pair| {
                let mut one = pair[0];
                if let Some(next) = pair.get(1) {
                    one.flow.add(&next.flow);
                    if let Some(level) = &next.level {
                        one.level.get_or_insert_default().rise(level);
                    }
                }
                one
            });
            self.bins = pairs.collect();
        }
        let number = usize::try_from(at / self.width).unwrap_or(0);
        if self.bins.len() <= number {
            self.bins.resize(number + 1, Bin::default());
        }
        &mut self.bins[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(start: u64, end: u64) -> Stretch {
        Stretch { start, end, stage: None, times: Times::of(Activity::Compute, end - start) }
    }

    #[test]
    fn lists_stay_short_and_lose_no_time() {
        let mut list = Thinned::new(100);
        for k in 0..1_000_000 {
            list.push(stretch(k * 10, k * 10 + 7));
            assert!(list.items().len() <= 100);
        }
        assert!(list.items().len() > 20);
        assert_eq!(list.items().iter().map(|s| s.times.total()).sum::<u64>(), 7_000_000);
        assert!(list.items().windows(2).all(|w| w[0].end <= w[1].start));
        // A long one among many short ones keeps its place.
        list.push(stretch(20_000_000, 90_000_000));
        (0..1000).for_each(|k| list.push(stretch(90_000_000 + k, 90_000_000 + k)));
        assert!(list.items().iter().any(|s| s.end - s.start >= 70_000_000));
    }

    #[test]
    fn few_intervals_stay_apart() {
        let mut list = Thinned::new(100);
        (0..100).for_each(|k| list.push(stretch(k, k + 1)));
        assert_eq!(list.items().len(), 100);
    }

    #[test]
    fn histories_keep_peaks_and_sums() {
        let (mut one, mut all) = (History::default(), History::default());
        for k in 0..10_000u64 {
            one.moved(k * 1000, k * 1000 + 5000, &Flow { read: 3, ..Flow::default() });
            one.note(k * 1000, &Level { live: if k == 5000 { 99 } else { 1 }, ..Level::default() });
        }
        all.take_in(&one, 0);
        all.take_in(&one, 123_456_789);
        for (history, times) in [(&one, 1), (&all, 2)] {
            assert!(history.bins().len() <= 512);
            assert_eq!(history.bins().iter().map(|b| b.flow.read).sum::<u64>(), 30_000 * times);
            assert_eq!(history.bins().iter().filter(|b| b.level.is_some_and(|l| l.live == 99)).count() as u64, times);
        }
    }
}
