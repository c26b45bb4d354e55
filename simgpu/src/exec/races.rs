//! Who touched which cell last: accesses that nothing orders are races.

use std::collections::HashMap;

/// An access: thread, and the intervals between barriers in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    pub block: u32,
    pub thread: u32,
    /// Barriers of the block before it.
    pub interval: u32,
    /// Barriers of the warp before it.
    pub warp_interval: u32,
}

impl Touch {
    const NEVER: Self = Self { block: u32::MAX, thread: u32::MAX, interval: 0, warp_interval: 0 };
    /// Several threads in one interval.
    const MANY: u32 = u32::MAX - 1;

    /// Whether nothing orders `self` before `now`.
    fn races(self, now: Self) -> bool {
        if self == Self::NEVER {
            return false;
        }
        if self.block != now.block {
            return true;
        }
        if self.thread == now.thread || self.interval != now.interval {
            return false;
        }
        let same_warp = self.thread != Self::MANY && self.thread / 32 == now.thread / 32;
        !(same_warp && self.warp_interval != now.warp_interval)
    }
}

/// The last accesses of a cell.
#[derive(Debug, Clone, Copy)]
struct Cell {
    write: Touch,
    read: Touch,
    /// Whether the last write was atomic.
    atomic: bool,
}

impl Cell {
    const UNTOUCHED: Self = Self { write: Touch::NEVER, read: Touch::NEVER, atomic: false };

    fn touch(&mut self, kind: Kind, now: Touch) -> Option<(&'static str, Touch)> {
        let mut found = None;
        if !(kind == Kind::Atomic && self.atomic) && self.write.races(now) {
            found = Some(("wrote", self.write));
        }
        if kind == Kind::Write && self.read.races(now) {
            found = Some(("read", self.read));
        }
        match kind {
            Kind::Read => {
                let among = self.read.races(now) && self.read.block == now.block;
                self.read = if among { Touch { thread: Touch::MANY, ..now } } else { now };
            }
            _ => (self.write, self.atomic) = (now, kind == Kind::Atomic),
        }
        found
    }
}

/// Kinds of accesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Atomic,
}

/// A race: what the other thread did, and which it was.
pub type Race = (&'static str, Touch);

/// Describes the other side of a race.
pub fn describe((did, other): Race) -> String {
    if other.thread == Touch::MANY {
        format!("several threads {did} it")
    } else {
        format!("thread {} of block {} {did} it", other.thread, other.block)
    }
}

/// Cells of shared memory.
#[derive(Debug)]
pub struct Shared {
    cells: Vec<Cell>,
    grain: usize,
}

impl Shared {
    pub fn new(bytes: usize, grain: usize) -> Self {
        Self { cells: vec![Cell::UNTOUCHED; bytes.div_ceil(grain.max(1))], grain: grain.max(1) }
    }

    pub fn clear(&mut self) {
        self.cells.fill(Cell::UNTOUCHED);
    }

    pub fn touch(&mut self, at: usize, bytes: usize, kind: Kind, now: Touch) -> Option<Race> {
        let cells = at / self.grain..(at + bytes).div_ceil(self.grain);
        let mut found = None;
        for cell in self.cells.get_mut(cells)? {
            found = cell.touch(kind, now).or(found);
        }
        found
    }
}

/// Cells of global memory, a byte each, for one launch.
#[derive(Debug, Default)]
pub struct Global {
    pages: HashMap<u64, Vec<Cell>>,
}

/// Cells of a page.
const PAGE: u64 = 4096;

impl Global {
    pub fn touch(&mut self, address: u64, bytes: usize, kind: Kind, now: Touch) -> Option<Race> {
        let mut found = None;
        for at in address..address + bytes as u64 {
            let page = self.pages.entry(at / PAGE).or_insert_with(|| vec![Cell::UNTOUCHED; PAGE as usize]);
            found = page[(at % PAGE) as usize].touch(kind, now).or(found);
        }
        found
    }
}
