//! A file that is read by position, on this machine or behind a network.
//!
//! Formats in one file ask an [`Input`] for bytes, and know nothing of where it is. They say whether bytes describe an
//! array ([`Input::describe`]), which are then read in blocks that are kept, or are elements, which are read as they
//! are asked for.

use super::raw;
use super::remote::ahead::Ahead;
use super::remote::{self, Object};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most elements that one request brings.
const PART: u64 = 4 << 20;
/// What one read has under way, and how many ranges are asked for at once.
const COMING: u64 = 16 << 20;
const AT_ONCE: usize = 256;
/// Blocks that describe something, or may, which are asked for at once.
const BROUGHT: usize = 128;

/// An open file.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    length: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Object(Object),
}

impl Input {
    /// The file at `path`, which may be a URL.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when there is none, or it cannot be read.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        if remote::is_url(path) {
            return Self::find(path)?.ok_or_else(|| remote::missing(path, "no such file"));
        }
        let file = File::open(path).map_err(|e| Error::store(path, e))?;
        Self::of(file, path)
    }

    /// As [`Input::open`]; `None` where no file is.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn find(path: &Path) -> Result<Option<Arc<Self>>> {
        if !remote::is_url(path) {
            return if path.is_file() { Self::open(path).map(Some) } else { Ok(None) };
        }
        let (place, key) = remote::locate(path)?;
        let object = if key.is_empty() { None } else { Object::open(&place, &key)? };
        Ok(object.map(|object| {
            Arc::new(Self { path: path.to_owned(), length: object.total(), bytes: Bytes::Object(object) })
        }))
    }

    /// A file that is open already.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when its length cannot be told.
    pub fn of(file: File, path: &Path) -> Result<Arc<Self>> {
        let length = file.metadata().map_err(|e| Error::store(path, e))?.len();
        Ok(Arc::new(Self { path: path.to_owned(), length, bytes: Bytes::File(file) }))
    }

    /// Its name, as it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in it, when it was opened.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether reading waits for a network.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.bytes, Bytes::Object(_))
    }

    /// The object that it is, behind a network.
    pub(crate) fn object(&self) -> Option<&Object> {
        if let Bytes::Object(object) = &self.bytes { Some(object) } else { None }
    }

    /// The first bytes, where there are so many.
    #[must_use]
    pub fn magic<const N: usize>(&self) -> Option<[u8; N]> {
        let mut out = [0; N];
        (self.length >= N as u64 && self.describe(0, &mut out).is_ok()).then_some(out)
    }

    /// Fills `out` with bytes from `at` on that describe an array.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file, when they are not there.
    pub fn describe(&self, at: u64, out: &mut [u8]) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => raw::read_at(file, &self.path, at, out),
            Bytes::Object(object) => object.read_kept(at, out),
        }
    }

    /// As [`Input::describe`], with the reason alone where they are not there.
    pub(crate) fn tell(&self, at: u64, out: &mut [u8]) -> std::result::Result<(), String> {
        self.describe(at, out).map_err(|error| match error.kind() {
            ErrorKind::Store { why, .. } if error.frames().is_empty() => why.clone(),
            ErrorKind::Store { why, .. } => format!("{}: {why}", error.frames().join(", ")),
            _ => error.to_string(),
        })
    }

    /// Fills `out` with elements from `at` on. Behind a network, what was asked for with [`Input::fetch`] by this range
    /// comes from there.
    ///
    /// # Errors
    /// As [`Input::describe`].
    pub fn read_at(&self, at: u64, out: &mut [u8]) -> Result<()> {
        self.read_as(&self.path, at, out)
    }

    /// As [`Input::read_at`], with errors of a file of this machine that name `shown`.
    pub(crate) fn read_as(&self, shown: &Path, at: u64, out: &mut [u8]) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => raw::read_at(file, shown, at, out),
            Bytes::Object(object) => object.read_at(at, out),
        }
    }

    /// All bytes of a file that describes arrays and is at most so long.
    ///
    /// # Errors
    /// As [`Input::describe`], and where it is longer.
    pub(crate) fn read_all(&self, longest: u64) -> Result<Vec<u8>> {
        if self.length > longest {
            return Err(Error::store(
                &self.path,
                format!("is {} bytes long, more than the {longest} it may be", self.length),
            ));
        }
        let mut out = vec![0; usize::try_from(self.length).unwrap_or(0)];
        self.coming(|| parts(0, self.length).collect()).read(&self.path, 0, &mut out)?;
        Ok(out)
    }

    /// Gets what describes an array, or may do so, from the first numbers to before the second, all at once, where
    /// reading one after the other would wait for a network each time. It is read with [`Input::describe`], and what
    /// does not come, then.
    pub(crate) fn bring(&self, ranges: impl IntoIterator<Item = (u64, u64)>) {
        let Some(object) = self.object() else { return };
        let missing = ranges.into_iter().flat_map(|(from, to)| object.missing(from, to.saturating_sub(from)));
        let wanted: BTreeSet<u64> = missing.take(BROUGHT).collect();
        if !wanted.is_empty() {
            // Faults come up again.
            let _ = object.bring_all(&wanted);
        }
    }

    /// Whether what describes an array is read without waiting for a network.
    pub(crate) fn is_here(&self, at: u64, len: u64) -> bool {
        self.object().is_none_or(|object| object.missing(at, len).is_empty())
    }

    /// Asks the kernel to start reading a part; failure is harmless.
    pub fn prefetch(&self, at: u64, len: u64) {
        if let Bytes::File(file) = &self.bytes {
            raw::prefetch(file, at, len);
        }
    }

    /// Begins to get these ranges, from the first number to before the second, for `ahead`. Whether that has room for
    /// all.
    pub fn fetch(&self, ahead: &Arc<Ahead>, ranges: &[(u64, u64)]) -> bool {
        let Bytes::Object(object) = &self.bytes else { return true };
        object.fetch_all(ahead, ranges) == ranges.len()
    }

    /// What reads these ranges in order, with those that come next under way where they are behind a network.
    pub(crate) fn coming(&self, ranges: impl FnOnce() -> Vec<(u64, u64)>) -> Coming<'_> {
        let ranges = if self.is_remote() { ranges() } else { Vec::new() };
        Coming { input: self, near: Ahead::of_read(COMING), ranges, asked: 0, at: 0 }
    }

    /// What tells whether it has changed.
    #[must_use]
    pub fn stamp(&self) -> Option<String> {
        match &self.bytes {
            Bytes::File(_) => raw::stamp(&self.path),
            Bytes::Object(object) => Some(object.stamp()),
        }
    }
}

/// One range in those that a request brings.
pub(crate) fn parts(at: u64, len: u64) -> impl Iterator<Item = (u64, u64)> {
    let end = at.saturating_add(len);
    let mut from = at;
    std::iter::from_fn(move || {
        let to = from.saturating_add(PART).min(end);
        let part = (from < end).then_some((from, to));
        from = to;
        part
    })
}

/// The ranges of one read.
pub(crate) struct Coming<'a> {
    input: &'a Input,
    near: Arc<Ahead>,
    ranges: Vec<(u64, u64)>,
    asked: usize,
    at: usize,
}

impl Coming<'_> {
    /// The next range is read now.
    pub(crate) fn next(&mut self) {
        if let Some(object) = self.input.object()
            && self.ranges.len() > 1
            && (self.asked <= self.at || self.near.taken() <= COMING / 2)
            && self.asked < self.ranges.len()
        {
            let coming = &self.ranges[self.asked..self.ranges.len().min(self.asked + AT_ONCE)];
            self.asked += object.fetch_all(&self.near, coming);
        }
        self.at += 1;
        self.asked = self.asked.max(self.at);
    }

    /// Fills `out` from `at` on; of an object by the [`parts`] that are the next ranges. Errors name `shown`.
    pub(crate) fn read(&mut self, shown: &Path, at: u64, out: &mut [u8]) -> Result<()> {
        if !self.input.is_remote() {
            return self.input.read_as(shown, at, out);
        }
        let mut rest = out;
        for (from, to) in parts(at, rest.len() as u64) {
            self.next();
            let (part, later) = rest.split_at_mut(usize::try_from(to - from).unwrap_or(rest.len()));
            self.input.read_at(from, part)?;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_a_range() {
        let of = |at, len| parts(at, len).collect::<Vec<_>>();
        assert_eq!(of(5, 0), []);
        assert_eq!(of(5, 10), [(5, 15)]);
        assert_eq!(of(3, PART + 2), [(3, PART + 3), (PART + 3, PART + 5)]);
        assert_eq!(of(PART, PART), [(PART, 2 * PART)]);
    }
}
