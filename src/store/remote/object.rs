//! An object as a file that is read by position.

use super::ahead::Ahead;
use super::blocks::{BLOCK, Version};
use super::{Got, Place, Want};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the first request brings.
const FIRST: u64 = 256 << 10;
/// Blocks that one request brings at most, where one is asked for after the other.
const LONGEST: u64 = 16;
/// An object that was opened no longer ago is not asked for again.
const FRESH: Duration = Duration::from_secs(5);

/// An object of one version: what is read of it later is read of that, or fails.
pub(crate) struct Object {
    place: Arc<Place>,
    key: String,
    version: Version,
    /// The block after those that were asked for last, and how many these were.
    next: Mutex<(u64, u64)>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("name", &self.name()).field("total", &self.version.total).finish_non_exhaustive()
    }
}

impl Object {
    /// The object of this key; `None` where there is none.
    pub(crate) fn open(place: &Arc<Place>, key: &str) -> Result<Option<Self>> {
        let of = |version| {
            let next = Mutex::new((FIRST / BLOCK, 1));
            Self { place: Arc::clone(place), key: key.to_owned(), version, next }
        };
        let known = place.blocks.lock().seen(key, FRESH);
        if let Some(version) = known {
            return Ok(Some(of(version)));
        }
        let Some(got) = place.get(key, Want::Range(0, FIRST))? else { return Ok(None) };
        let mut blocks = place.blocks.lock();
        let version = blocks.see(key, got.total, &got.tag);
        blocks.put(version.number, 0, &got.bytes);
        Ok(Some(of(version)))
    }

    /// How errors name it.
    pub(crate) fn name(&self) -> PathBuf {
        self.place.name(&self.key)
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Its key there.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its length.
    pub(crate) fn total(&self) -> u64 {
        self.version.total
    }

    /// What tells it from other objects of its place, and other versions of it.
    pub(crate) fn number(&self) -> u64 {
        self.version.number
    }

    /// What tells it from others of this name.
    pub(crate) fn stamp(&self) -> String {
        format!("{} bytes, {}", self.version.total, self.version.tag)
    }

    fn is_version_of(&self, got: &Got) -> bool {
        self.version.total == got.total && self.version.tag == got.tag
    }

    /// Begins to get these ranges for `ahead`, in order, as far as there is room; says how many of them are under way,
    /// were before, or are kept.
    pub(crate) fn fetch_all(&self, ahead: &Arc<Ahead>, ranges: &[(u64, u64)]) -> usize {
        self.place.fetch_known(ahead, &self.key, ranges, Some(&self.version))
    }

    /// Fills `out` from `at` on: by ranges that were fetched ahead, by blocks that are kept, or else by one request.
    pub(crate) fn read_at(&self, mut at: u64, mut out: &mut [u8]) -> Result<()> {
        let end = self.end(at, out.len() as u64)?;
        while !out.is_empty() {
            let begun = self.place.begun(&self.key, at, end).filter(|&to| to > at);
            if begun.is_none()
                && let Some(kept) = self.place.blocks.lock().part(self.version.number, at, end)
                && kept.len() == out.len()
            {
                out.copy_from_slice(&kept);
                return Ok(());
            }
            let to = begun.unwrap_or(end);
            let (now, later) = out.split_at_mut(usize::try_from(to - at).unwrap_or(usize::MAX).min(out.len()));
            let got = self.get(at, to)?;
            let part = got.part(at, now.len()).ok_or_else(|| self.fault(at, to, "the answer is too short"))?;
            now.copy_from_slice(part);
            (out, at) = (later, to);
        }
        Ok(())
    }

    /// Fills `out` from `at` on, through blocks that are kept.
    pub(crate) fn read_kept(&self, mut at: u64, mut out: &mut [u8]) -> Result<()> {
        let end = self.end(at, out.len() as u64)?;
        while !out.is_empty() {
            let (block, skip) = (at / BLOCK, usize::try_from(at % BLOCK).unwrap_or(0));
            let mut blocks = self.place.blocks.lock();
            if let Some(rest) = blocks.get(self.version.number, block).and_then(|bytes| bytes.get(skip..)) {
                let count = rest.len().min(out.len());
                let (now, later) = out.split_at_mut(count);
                now.copy_from_slice(&rest[..count]);
                (out, at) = (later, at + count as u64);
                if count > 0 {
                    continue;
                }
                return Err(self.fault(at, end, "the answer is too short"));
            }
            drop(blocks);
            self.bring(block, end)?;
        }
        Ok(())
    }

    /// Gets a block and those after it: as far as they are wanted, and twice as many as before where they follow on.
    fn bring(&self, block: u64, end: u64) -> Result<()> {
        let mut next = self.next.lock();
        let more = if next.0 == block { (next.1 * 2).min(LONGEST) } else { 1 };
        let wanted = end.div_ceil(BLOCK).clamp(block + 1, block + LONGEST).max(block + more);
        let last = wanted.min(self.version.total.div_ceil(BLOCK));
        let blocks = self.place.blocks.lock();
        let count = (block + 1..last).take_while(|&b| !blocks.holds(self.version.number, b)).count() as u64 + 1;
        drop(blocks);
        *next = (block + count, count);
        drop(next);
        let (from, to) = (block * BLOCK, ((block + count) * BLOCK).min(self.version.total));
        let got = self.get(from, to)?;
        let bytes = got.part(from, usize::try_from(to - from).unwrap_or(usize::MAX));
        self.keep(block, bytes.ok_or_else(|| self.fault(from, to, "the answer is too short"))?);
        Ok(())
    }

    /// The blocks in which these bytes of the object are, as far as they are not kept.
    pub(crate) fn missing(&self, at: u64, len: u64) -> Vec<u64> {
        let end = at.saturating_add(len).min(self.version.total);
        let blocks = self.place.blocks.lock();
        (at / BLOCK..end.div_ceil(BLOCK)).filter(|&block| !blocks.holds(self.version.number, block)).collect()
    }

    /// Gets these blocks, all at once, so that they are there when they are read, neighbours by one request; a single
    /// one with those after it, as when it is read.
    pub(crate) fn bring_all(&self, wanted: &BTreeSet<u64>) -> Result<()> {
        if let (Some(&only), 1) = (wanted.first(), wanted.len()) {
            return self.bring(only, 0);
        }
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &block in wanted {
            let (from, to) = (block * BLOCK, ((block + 1) * BLOCK).min(self.version.total));
            match ranges.last_mut() {
                Some(last) if last.1 == from && to - last.0 <= LONGEST * BLOCK => last.1 = to,
                _ => ranges.push((from, to)),
            }
        }
        let all = self.place.get_ranges(&self.key, &ranges);
        ranges.iter().zip(all).try_for_each(|(&(from, to), got)| {
            self.keep(from / BLOCK, &self.checked(got, from, to)?.bytes);
            Ok(())
        })
    }

    fn keep(&self, first: u64, bytes: &[u8]) {
        self.place.blocks.lock().put(self.version.number, first, bytes);
    }

    fn get(&self, from: u64, to: u64) -> Result<Arc<Got>> {
        self.checked(self.place.get(&self.key, Want::Range(from, to)), from, to)
    }

    /// What was got of these bytes, if it is of the version that was opened.
    fn checked(&self, got: Result<Option<Arc<Got>>>, from: u64, to: u64) -> Result<Arc<Got>> {
        let got = got.map_err(|e| e.at(format!("reading bytes {from} to {to}")))?;
        let got = got.ok_or_else(|| self.fault(from, to, "it is not there any more"))?;
        if self.is_version_of(&got) { Ok(got) } else { Err(self.fault(from, to, "it has changed since it was opened")) }
    }

    /// The end of a range, if that is in the object.
    fn end(&self, at: u64, len: u64) -> Result<u64> {
        let end = at.checked_add(len).filter(|&end| end <= self.version.total);
        end.ok_or_else(|| self.fault(at, at.saturating_add(len), &format!("it has {} bytes", self.version.total)))
    }

    fn fault(&self, from: u64, to: u64, why: &str) -> Error {
        Error::store(self.name(), format!("reading bytes {from} to {to} failed: {why}"))
    }
}
