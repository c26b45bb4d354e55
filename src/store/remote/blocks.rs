//! Blocks of objects that were read not long ago, and which versions of these were seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Bytes of a block; the last one of an object has less.
pub(crate) const BLOCK: u64 = 64 << 10;
/// What a place keeps.
const KEPT: usize = 32 << 20;
/// Objects that a place remembers.
const REMEMBERED: usize = 1024;

/// An object as it was when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// What its blocks are known by.
    pub(crate) number: u64,
    /// Its length.
    pub(crate) total: u64,
    /// What changes when it does.
    pub(crate) tag: String,
}

/// Blocks by the number of the object and their place in it; those that nobody used for longest go first.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    held: BTreeMap<(u64, u64), Block>,
    used: BTreeMap<u64, (u64, u64)>,
    bytes: usize,
    clock: u64,
    objects: u64,
    recent: VecDeque<(String, Version, Instant)>,
}

/// A block, and when it was used last.
#[derive(Debug)]
struct Block {
    when: u64,
    bytes: Box<[u8]>,
}

impl Blocks {
    /// The version of an object that was seen within this time.
    pub(crate) fn seen(&self, key: &str, within: Duration) -> Option<Version> {
        let found = self.recent.iter().find(|(own, _, when)| own == key && when.elapsed() < within);
        found.map(|(_, version, _)| version.clone())
    }

    /// Remembers that an object of this length and tag is there now; one that was seen before keeps its number.
    pub(crate) fn see(&mut self, key: &str, total: u64, tag: &str) -> Version {
        let known = self.recent.iter().position(|(own, ..)| own == key).and_then(|at| self.recent.remove(at));
        let same = known.map(|(_, version, _)| version).filter(|v| v.total == total && v.tag == tag);
        let version = same.unwrap_or_else(|| {
            self.objects += 1;
            Version { number: self.objects, total, tag: tag.to_owned() }
        });
        self.recent.push_back((key.to_owned(), version.clone(), Instant::now()));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        version
    }

    /// A block, where it is kept.
    pub(crate) fn get(&mut self, object: u64, block: u64) -> Option<&[u8]> {
        let held = self.held.get_mut(&(object, block))?;
        self.clock += 1;
        self.used.remove(&held.when);
        self.used.insert(self.clock, (object, block));
        held.when = self.clock;
        Some(&held.bytes)
    }

    /// Whether a block is kept.
    pub(crate) fn holds(&self, object: u64, block: u64) -> bool {
        self.held.contains_key(&(object, block))
    }

    /// Bytes from `from` to before `to`, where all blocks are kept in which they are.
    pub(crate) fn part(&mut self, object: u64, from: u64, to: u64) -> Option<Vec<u8>> {
        let blocks = from / BLOCK..to.div_ceil(BLOCK);
        if blocks.end - blocks.start > (KEPT as u64) / BLOCK || !blocks.clone().all(|b| self.holds(object, b)) {
            return None;
        }
        let mut out = Vec::new();
        for block in blocks {
            let bytes = self.get(object, block)?;
            let end = usize::try_from((to - block * BLOCK).min(BLOCK)).ok()?;
            out.extend_from_slice(bytes.get(usize::try_from(from.saturating_sub(block * BLOCK)).ok()?..end)?);
        }
        Some(out)
    }

    /// Keeps the blocks that `bytes` are, from this one on.
    pub(crate) fn put(&mut self, object: u64, first: u64, bytes: &[u8]) {
        let size = usize::try_from(BLOCK).unwrap_or(usize::MAX);
        for (block, part) in (first..).zip(bytes.chunks(size)) {
            self.clock += 1;
            if let Some(old) = self.held.insert((object, block), Block { when: self.clock, bytes: part.into() }) {
                self.used.remove(&old.when);
                self.bytes -= old.bytes.len();
            }
            self.used.insert(self.clock, (object, block));
            self.bytes += part.len();
        }
        while self.bytes > KEPT
            && let Some((_, key)) = self.used.pop_first()
        {
            self.bytes -= self.held.remove(&key).map_or(0, |old| old.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let (mut blocks, size) = (Blocks::default(), usize::try_from(BLOCK).unwrap());
        let most = (KEPT / size) as u64;
        (0..most).for_each(|b| blocks.put(1, b, &vec![b.to_le_bytes()[0]; size]));
        assert!(blocks.get(1, 0).is_some_and(|b| b[0] == 0));
        blocks.put(2, 7, &vec![9; size + 5]);
        assert!(blocks.holds(1, 0) && !blocks.holds(1, 1) && blocks.holds(2, 7));
        assert_eq!((blocks.get(2, 8).map(<[u8]>::len), blocks.get(2, 9)), (Some(5), None));
        assert_eq!(blocks.part(2, 8 * BLOCK - 2, 8 * BLOCK + 5), Some(vec![9; 7]));
        assert_eq!((blocks.part(2, 8 * BLOCK, 8 * BLOCK + 6), blocks.part(1, BLOCK, BLOCK + 1)), (None, None));
        assert!(blocks.bytes <= KEPT && blocks.held.len() == blocks.used.len());
    }

    #[test]
    fn an_object_that_changes_has_another_number() {
        let mut blocks = Blocks::default();
        let long = Duration::from_hours(1);
        let first = blocks.see("a", 10, "t");
        assert_eq!((blocks.see("a", 10, "t"), blocks.seen("a", long)), (first.clone(), Some(first.clone())));
        let second = blocks.see("a", 10, "u");
        assert!(second.number != first.number && blocks.seen("b", long).is_none());
        assert_eq!((blocks.seen("a", long), blocks.seen("a", Duration::ZERO)), (Some(second), None));
    }
}
