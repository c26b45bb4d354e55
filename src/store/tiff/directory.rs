//! The directories of a TIFF file: what each page is, and where its strips or tiles lie.
//!
//! A directory is believed as far as the file can bear it out: all that is read of directories together is no longer
//! than the file, and none is read twice.

use super::foresight::Foresight;
use crate::store::input::Input;
use std::collections::BTreeSet;

/// The tags that are looked at.
pub(super) mod tag {
    pub(crate) const WIDTH: u16 = 256;
    pub(crate) const HEIGHT: u16 = 257;
    pub(crate) const BITS: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const DESCRIPTION: u16 = 270;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const SAMPLES: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTES: u16 = 279;
    pub(crate) const PLANAR: u16 = 284;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_HEIGHT: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTES: u16 = 325;
    pub(crate) const SUB_DIRECTORIES: u16 = 330;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const SUBSAMPLING: u16 = 530;
    /// Those whose values may be long.
    pub(crate) const LONG: [u16; 8] =
        [BITS, DESCRIPTION, STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES, SUB_DIRECTORIES, SAMPLE_FORMAT];
}

/// Directories below others that are asked for at once.
const AT_ONCE: usize = 64;
/// No description is longer.
const LONGEST_TEXT: u64 = 64 << 20;

/// An entry of a directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Where the values are: in the entry itself, where they fit.
    at: u64,
    is_inside: bool,
}

/// A directory, whose values are still in the file.
#[derive(Debug)]
pub(super) struct Directory(Vec<Entry>);

impl Directory {
    /// Where values lie that are looked at.
    fn values(&self) -> Vec<(u64, u64)> {
        let all = self.0.iter().filter(|entry| !entry.is_inside && tag::LONG.contains(&entry.tag));
        all.map(|entry| (entry.at, entry.at.saturating_add(entry.count.saturating_mul(size_of(entry.kind))))).collect()
    }
}

/// A file and its byte order.
pub(super) struct Reader<'a> {
    file: &'a Input,
    /// Whether the most significant byte comes first.
    pub(super) big_endian: bool,
    /// Whether offsets have 64 bits.
    big: bool,
    spent: u64,
}

impl<'a> Reader<'a> {
    /// Opens a file; also where its first directory is.
    pub(super) fn open(file: &'a Input) -> Result<(Self, u64), String> {
        let mut reader = Self { file, big_endian: false, big: false, spent: 0 };
        let start = reader.bytes(0, 8)?;
        reader.big_endian = start[0] == b'M';
        reader.big = reader.number(&start[2..4]) == 43;
        if !reader.big {
            let first = reader.number(&start[4..8]);
            return Ok((reader, first));
        }
        let rest = reader.bytes(8, 8)?;
        if reader.number(&start[4..6]) != 8 {
            return Err("has offsets that are not of 64 bits".to_owned());
        }
        let first = reader.number(&rest);
        Ok((reader, first))
    }

    /// Calls `take` with all directories of the chain from `first` on, then with those below them, as they are read:
    /// behind a network, what is near them may not be kept for long.
    pub(super) fn each(
        &mut self,
        first: u64,
        mut take: impl FnMut(&mut Self, &Directory) -> Result<(), String>,
    ) -> Result<(), String> {
        let (mut foresight, mut seen, mut at) = (Foresight::default(), BTreeSet::new(), first);
        let mut below = Vec::new();
        while at != 0 {
            if !seen.insert(at) {
                return Err("has a chain of directories that comes back to itself".to_owned());
            }
            let (directory, next) = self.directory(at)?;
            let values = directory.values();
            foresight.see(at, &values);
            self.file.bring(values);
            below.extend(self.numbers(&directory, tag::SUB_DIRECTORIES, u64::MAX)?);
            take(self, &directory)?;
            if next != 0 {
                foresight.follow(self.file, at, next);
            }
            at = next;
        }
        below.retain(|&at| at != 0 && seen.insert(at));
        for some in below.chunks(AT_ONCE) {
            self.file.bring(some.iter().map(|&at| foresight.around(at)));
            for &at in some {
                let directory = self.directory(at)?.0;
                self.file.bring(directory.values());
                take(self, &directory)?;
            }
        }
        Ok(())
    }

    fn directory(&mut self, at: u64) -> Result<(Directory, u64), String> {
        let (head, width, tail) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.bytes(at, head)?;
        let count = self.number(&count);
        let bytes = count.checked_mul(width).and_then(|n| n.checked_add(tail)).ok_or("has a directory without end")?;
        let bytes = self.bytes(at + head, bytes)?;
        let (entries, next) = bytes.split_at(bytes.len() - usize::try_from(tail).unwrap_or(0));
        let step = usize::try_from(width).unwrap_or(1);
        let entries = entries.chunks_exact(step).zip(0u64..).map(|(e, i)| {
            let (kind, count) = (self.short(&e[2..4]), self.number(&e[4..if self.big { 12 } else { 8 }]));
            let value = &e[if self.big { 12 } else { 8 }..];
            let fits = count.checked_mul(size_of(kind)).is_some_and(|n| n <= value.len() as u64);
            let own = at + head + i * width + (width - value.len() as u64);
            let at = if fits { own } else { self.number(value) };
            Entry { tag: self.short(&e[..2]), kind, count, at, is_inside: fits }
        });
        Ok((Directory(entries.collect()), self.number(next)))
    }

    /// The first `most` values of an entry as numbers; none where there is no such entry.
    pub(super) fn numbers(&mut self, of: &Directory, tag: u16, most: u64) -> Result<Vec<u64>, String> {
        let Some(entry) = of.0.iter().find(|e| e.tag == tag) else { return Ok(Vec::new()) };
        if !matches!(entry.kind, 1 | 3 | 4 | 13 | 16 | 18) {
            return Err(format!("has tag {tag} of type {}, where numbers are meant", entry.kind));
        }
        let width = size_of(entry.kind);
        let bytes = entry.count.min(most).checked_mul(width).ok_or("has a tag without end")?;
        let bytes = self.bytes(entry.at, bytes)?;
        Ok(bytes.chunks_exact(usize::try_from(width).unwrap_or(1)).map(|b| self.number(b)).collect())
    }

    /// The only value of an entry.
    pub(super) fn one(&mut self, of: &Directory, tag: u16) -> Result<Option<u64>, String> {
        Ok(self.numbers(of, tag, 1)?.first().copied())
    }

    /// How many values an entry has.
    pub(super) fn count(of: &Directory, tag: u16) -> u64 {
        of.0.iter().find(|e| e.tag == tag).map_or(0, |e| e.count)
    }

    /// The text of an entry.
    pub(super) fn text(&mut self, of: &Directory, tag: u16) -> Result<Option<String>, String> {
        let Some(entry) = of.0.iter().find(|e| e.tag == tag && e.kind == 2) else { return Ok(None) };
        let bytes = self.bytes(entry.at, entry.count.min(LONGEST_TEXT))?;
        let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }

    fn bytes(&mut self, at: u64, count: u64) -> Result<Vec<u8>, String> {
        let inside = at.checked_add(count).is_some_and(|end| end <= self.file.length());
        self.spent = self.spent.saturating_add(count);
        // Directories that share bytes would make a small file take much memory.
        if !inside || self.spent > self.file.length().saturating_add(1 << 16) {
            return Err(format!("is cut short or damaged: {count} bytes at {at} are not there"));
        }
        let mut out = vec![0; usize::try_from(count).map_err(|e| e.to_string())?];
        self.file.tell(at, &mut out)?;
        Ok(out)
    }

    /// A number of two bytes.
    fn short(&self, bytes: &[u8]) -> u16 {
        u16::try_from(self.number(bytes)).unwrap_or(u16::MAX)
    }

    fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }
}

/// Bytes of a value; those of unknown types are not looked at.
fn size_of(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 1,
    }
}
