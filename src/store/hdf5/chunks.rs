//! The chunk index of a dataset: where each chunk lies in the file.
//!
//! Read once, under the library's lock, into a table sorted by chunk number. libhdf5 (to 2.2.0 at least) visits an
//! extensible array whose unlimited axis is not the first in the order of that axis first, but counts the offsets it
//! reports in the natural order; [`Extensible`] recovers the position and counts anew.

use super::ffi::Id;
use super::ffi::dataset::{self, ChunkRecord, IndexKind};
use super::ffi::types;

/// A stored chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Row-major number of the chunk in the grid.
    number: u64,
    /// First byte in the file.
    pub address: u64,
    /// Bytes in the file.
    pub size: u64,
    /// Filters of the pipeline that were not applied, one bit each.
    pub mask: u32,
}

/// Where the chunks of one dataset are. Chunks that were never written are missing.
#[derive(Debug, Default)]
pub(super) struct ChunkIndex {
    entries: Vec<Entry>,
    /// Whether every chunk of the grid is there.
    full: bool,
}

impl ChunkIndex {
    /// Reads the index of an open dataset with chunks of shape `chunk` in a grid of `counts` chunks.
    pub(super) fn read(
        dataset: &Id,
        chunk: &[u64],
        counts: &[usize],
        itemsize: usize,
        file_size: u64,
    ) -> Result<Self, String> {
        let space = types::space_of_dataset(dataset)?;
        let extent = types::extent(&space)?.ok_or("the dataset has become empty")?;
        let total = counts.iter().try_fold(1u64, |n, &c| n.checked_mul(c as u64)).ok_or("too many chunks")?;
        let kind = dataset::index_kind(dataset)?;
        if kind == IndexKind::Implicit {
            let bytes = chunk.iter().try_fold(itemsize as u64, |n, &c| n.checked_mul(c));
            if bytes.and_then(|b| b.checked_mul(total)).is_none_or(|b| b > file_size) {
                return Err("the chunks do not fit in the file".to_owned());
            }
        }
        let extensible = if kind == IndexKind::Extensible { Extensible::new(&extent.max, chunk) } else { None };
        let mut records = Records { chunk, counts, extensible, entries: Vec::new(), wrong: None };
        dataset::visit_chunks(dataset, chunk.len(), &mut |record| records.add(record))
            .map_err(|e| records.wrong.clone().unwrap_or(e))?;
        Self::sorted(records.entries, total)
    }

    fn sorted(mut entries: Vec<Entry>, total: u64) -> Result<Self, String> {
        if !entries.is_sorted_by_key(|e| e.number) {
            entries.sort_unstable_by_key(|e| e.number);
        }
        if entries.windows(2).any(|w| w[0].number == w[1].number) {
            return Err("the index names a chunk twice".to_owned());
        }
        entries.shrink_to_fit();
        Ok(Self { full: entries.len() as u64 == total, entries })
    }

    /// The chunk of this row-major number, where it was written.
    pub(super) fn get(&self, number: u64) -> Option<Entry> {
        if self.full {
            return usize::try_from(number).ok().and_then(|n| self.entries.get(n)).copied();
        }
        self.entries.binary_search_by_key(&number, |e| e.number).ok().map(|i| self.entries[i])
    }
}

/// The records of an iteration, as they come.
struct Records<'a> {
    chunk: &'a [u64],
    counts: &'a [usize],
    extensible: Option<Extensible>,
    entries: Vec<Entry>,
    wrong: Option<String>,
}

impl Records<'_> {
    /// Takes one record; false ends the iteration.
    fn add(&mut self, record: ChunkRecord<'_>) -> bool {
        let mut at: Vec<u64> = record.offset.iter().zip(self.chunk).map(|(o, c)| o / c).collect();
        if let Some(extensible) = &self.extensible {
            let Some(true_place) = extensible.place(&at) else {
                self.wrong = Some("the extensible array holds a chunk outside the dataset".to_owned());
                return false;
            };
            at = true_place;
        }
        if at.iter().zip(self.counts).any(|(&a, &n)| a >= n as u64) {
            // Left over from before the dataset shrank.
            return true;
        }
        let number = at.iter().zip(self.counts).fold(0, |n, (&a, &count)| n * count as u64 + a);
        self.entries.push(Entry { number, address: record.address, size: record.size, mask: record.mask });
        true
    }
}

/// The order of an extensible array: the unlimited axis is the slowest, the others follow in their order.
#[derive(Debug)]
struct Extensible {
    /// The unlimited axis, not the first.
    unlimited: usize,
    /// Chunks along each axis when the dataset is as large as it may grow; the unlimited axis is not looked at.
    most: Vec<u64>,
}

impl Extensible {
    /// `None` where the library's offsets are right.
    fn new(max: &[Option<u64>], chunk: &[u64]) -> Option<Self> {
        let unlimited = max.iter().position(Option::is_none).filter(|&u| u > 0)?;
        let most = max.iter().zip(chunk).map(|(m, c)| m.map_or(u64::MAX, |m| m.div_ceil(*c).max(1))).collect();
        Some(Self { unlimited, most })
    }

    /// The true place of a chunk, from the place that the library's miscount gives it.
    fn place(&self, counted: &[u64]) -> Option<Vec<u64>> {
        let u = self.unlimited;
        if counted[..u].iter().any(|&c| c != 0) {
            // A library that counts rightly.
            return Some(counted.to_vec());
        }
        let position = (u..counted.len()).try_fold(0u64, |n, axis| {
            let width = if axis == u { 1 } else { self.most[axis] };
            n.checked_mul(width)?.checked_add(counted[axis])
        });
        let mut rest = position?;
        let mut out = vec![0; counted.len()];
        for axis in (0..counted.len()).rev().filter(|&a| a != u) {
            out[axis] = rest % self.most[axis];
            rest /= self.most[axis];
        }
        out[u] = rest;
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts as libhdf5 does: every position in natural order, the unlimited axis without end.
    fn miscount(position: u64, extensible: &Extensible) -> Vec<u64> {
        let (u, mut rest) = (extensible.unlimited, position);
        let mut out = vec![0; extensible.most.len()];
        for axis in (u + 1..out.len()).rev() {
            out[axis] = rest % extensible.most[axis];
            rest /= extensible.most[axis];
        }
        out[u] = rest;
        out
    }

    #[test]
    fn extensible_arrays_are_counted_anew() {
        for unlimited in 1..3 {
            let max: Vec<Option<u64>> = (0..3).map(|a| (a != unlimited).then_some([7, 9, 5][a])).collect();
            let extensible = Extensible::new(&max, &[2, 3, 2]).unwrap();
            let most = [4, 3, 3];
            let others: Vec<usize> = (0..3).filter(|&a| a != unlimited).collect();
            let mut position = 0;
            for slow in 0..4 {
                for a in 0..most[others[0]] {
                    for b in 0..most[others[1]] {
                        let mut want = vec![0; 3];
                        (want[unlimited], want[others[0]], want[others[1]]) = (slow, a, b);
                        assert_eq!(extensible.place(&miscount(position, &extensible)), Some(want));
                        position += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn missing_and_double_chunks() {
        let entry = |number| Entry { number, address: 10 * number, size: 1, mask: 0 };
        let index = ChunkIndex::sorted(vec![entry(5), entry(2)], 6).unwrap();
        assert_eq!(index.get(2), Some(entry(2)));
        assert_eq!(index.get(3), None);
        assert!(ChunkIndex::sorted(vec![entry(2), entry(2)], 6).is_err());
        let full = ChunkIndex::sorted(vec![entry(1), entry(0)], 2).unwrap();
        assert_eq!((full.get(1), full.get(2)), (Some(entry(1)), None));
    }
}
