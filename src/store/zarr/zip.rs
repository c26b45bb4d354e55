//! Zip archives as Zarr writes them: a table of entries, stored plain or deflated, with the 64-bit extensions.

use super::piece::{Bytes, Piece, reserve};
use crate::error::{Error, Result};
use crate::store::input::Input;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
/// Entries behind a network that are not longer are read with what stands before them, by one request.
const SMALL: u64 = 16 << 20;
/// What a local header has beyond what the table says of it, at most, where writers are as one knows them.
const BEYOND: u64 = 64;
/// The end record, its longest comment and the locator before it.
const TAIL: u64 = 22 + 65_535 + 20;

/// An open archive and its table of entries.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<Input>,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    method: u16,
    /// Bytes of its name and of the extra field in the table.
    named: u64,
    encrypted: bool,
    packed: u64,
    size: u64,
    header: u64,
}

impl Archive {
    /// Whether `path` begins as a zip archive does.
    pub(super) fn is_one(path: &Path) -> bool {
        let start = Input::find(path).ok().flatten().and_then(|file| file.magic());
        start.map(u32::from_le_bytes) == Some(LOCAL)
    }

    /// Reads the table of entries.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut archive = Self { file: Input::open(path)?, entries: BTreeMap::new() };
        let (at, size) = archive.find_table()?;
        let table = archive.bytes(at, size)?;
        archive.read_table(&table)?;
        Ok(archive)
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether any entry is Zarr metadata.
    pub(super) fn holds_zarr(&self) -> bool {
        self.entries.keys().any(|k| super::METADATA.iter().any(|m| k.rsplit('/').next() == Some(m)))
    }

    /// Bytes that an entry takes in the archive.
    pub(super) fn packed(&self, key: &str) -> Option<u64> {
        self.entries.get(key).map(|e| e.packed)
    }

    /// The names that keys below `prefix` go through.
    pub(super) fn folders(&self, prefix: &str) -> Vec<String> {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let below = self.entries.range(prefix.clone()..).map_while(|(k, _)| k.strip_prefix(prefix.as_str()));
        let names: BTreeSet<&str> = below.filter_map(|k| k.split_once('/')).map(|(name, _)| name).collect();
        names.into_iter().filter(|n| !n.is_empty()).map(str::to_owned).collect()
    }

    /// The file, and the range of it by which an entry is read; `None` where that is not known in advance.
    pub(super) fn range(&self, key: &str) -> Option<(&Arc<Input>, (u64, u64))> {
        let entry = self.entries.get(key).filter(|entry| self.file.is_remote() && entry.packed <= SMALL)?;
        let end = entry.header.checked_add(30 + entry.named + BEYOND + entry.packed)?;
        Some((&self.file, (entry.header, end.min(self.file.length()))))
    }

    /// The bytes of an entry; `None` where there is none of that name.
    pub(super) fn piece(&self, key: &str, path: PathBuf) -> Result<Option<Piece>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        let near = match self.range(key) {
            Some((file, (from, to))) if from < to => {
                let mut near = reserve(self.path(), to - from)?;
                file.read_at(from, &mut near)?;
                near
            }
            _ => self.bytes(entry.header, 30)?,
        };
        if u32_at(&near, 0) != Some(LOCAL) || entry.encrypted {
            return Err(Error::store(path, "the entry of the zip archive is damaged or encrypted"));
        }
        let skip = 30 + u64::from(u16_at(&near, 26).unwrap_or(0)) + u64::from(u16_at(&near, 28).unwrap_or(0));
        let offset = entry.header.saturating_add(skip);
        if offset.checked_add(entry.packed).is_none_or(|end| end > self.file.length()) {
            return Err(self.damaged("an entry reaches beyond its end"));
        }
        // What came with the header, where that is all of it.
        let own = usize::try_from(skip).ok().zip(usize::try_from(entry.packed).ok());
        let own = own.and_then(|(at, len)| near.get(at..at.checked_add(len)?));
        match entry.method {
            0 => {
                let bytes = match own {
                    Some(own) if self.file.is_remote() => Bytes::Memory(own.to_vec()),
                    _ => Bytes::File { file: Arc::clone(&self.file), offset },
                };
                Ok(Some(Piece { bytes, len: entry.packed, path }))
            }
            8 => {
                let packed = match own {
                    Some(own) => Cow::Borrowed(own),
                    None => Cow::Owned(self.bytes(offset, entry.packed)?),
                };
                // DEFLATE cannot shrink more than this.
                let possible = entry.packed.saturating_mul(1032).saturating_add(64);
                let mut out = reserve(&path, entry.size.min(possible))?;
                let n = libdeflater::Decompressor::new().deflate_decompress(&packed, &mut out).map_err(|e| {
                    Error::store(&path, format!("the entry of the zip archive cannot be inflated: {e}"))
                })?;
                out.truncate(n);
                Ok(Some(Piece { bytes: Bytes::Memory(out), len: n as u64, path }))
            }
            other => Err(Error::unsupported(format!("{}: zip compression method {other}", path.display()))),
        }
    }

    /// Where the bytes of an entry begin and how many there are; `None` where there is none of that name.
    pub(super) fn place(&self, key: &str, path: &Path) -> Result<Option<(u64, u64)>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        if entry.method != 0 {
            let why = "is compressed by the zip archive once more, so it cannot be referred to";
            return Err(Error::unsupported(format!("{}: {why}", path.display())));
        }
        let near = self.bytes(entry.header, 30)?;
        if u32_at(&near, 0) != Some(LOCAL) || entry.encrypted {
            return Err(Error::store(path, "the entry of the zip archive is damaged or encrypted"));
        }
        let skip = 30 + u64::from(u16_at(&near, 26).unwrap_or(0)) + u64::from(u16_at(&near, 28).unwrap_or(0));
        Ok(Some((entry.header.saturating_add(skip), entry.packed)))
    }

    /// The file that it is.
    pub(super) fn file(&self) -> &Input {
        &self.file
    }

    fn damaged(&self, why: &str) -> Error {
        Error::store(self.path(), format!("is not a zip archive that can be read: {why}"))
    }

    fn bytes(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        if at.checked_add(len).is_none_or(|end| end > self.file.length()) {
            return Err(self.damaged("it is cut short"));
        }
        let mut out = reserve(self.path(), len)?;
        self.file.describe(at, &mut out)?;
        Ok(out)
    }

    /// Where the table of entries lies, and how long it is.
    fn find_table(&self) -> Result<(u64, u64)> {
        let tail_at = self.file.length().saturating_sub(TAIL);
        let tail = self.bytes(tail_at, self.file.length() - tail_at)?;
        let end = (0..tail.len().saturating_sub(21)).rev().find(|&i| u32_at(&tail, i) == Some(END));
        let end = end.ok_or_else(|| self.damaged("its table of entries is missing"))?;
        let (size, at) = (u32_at(&tail, end + 12).unwrap_or(0), u32_at(&tail, end + 16).unwrap_or(0));
        let locator = end.checked_sub(20).filter(|&i| u32_at(&tail, i) == Some(LOCATOR64));
        if let Some(locator) = locator {
            let record = self.bytes(u64_at(&tail, locator + 8).unwrap_or(u64::MAX), 56)?;
            if u32_at(&record, 0) == Some(END64) {
                return Ok((u64_at(&record, 48).unwrap_or(0), u64_at(&record, 40).unwrap_or(0)));
            }
        }
        Ok((at.into(), size.into()))
    }

    fn read_table(&mut self, table: &[u8]) -> Result<()> {
        let mut at = 0;
        while u32_at(table, at) == Some(ENTRY) {
            let short = |i: usize| u16_at(table, at + i).map_or(0, usize::from);
            let (name_len, extra_len, comment_len) = (short(28), short(30), short(32));
            let name = table.get(at + 46..at + 46 + name_len).ok_or_else(|| self.damaged("an entry is cut short"))?;
            let extra = table.get(at + 46 + name_len..at + 46 + name_len + extra_len).unwrap_or(&[]);
            let long = |i: usize| u32_at(table, at + i).map_or(0, u64::from);
            let mut entry = Entry {
                method: u16_at(table, at + 10).unwrap_or(0),
                named: (name_len + extra_len) as u64,
                encrypted: short(8) & 1 == 1,
                packed: long(20),
                size: long(24),
                header: long(42),
            };
            widen(&mut entry, extra);
            let name = String::from_utf8_lossy(name).into_owned();
            self.entries.insert(name, entry);
            at += 46 + name_len + extra_len + comment_len;
        }
        Ok(())
    }
}

/// Takes the 64-bit numbers of an entry from its extra field.
fn widen(entry: &mut Entry, extra: &[u8]) {
    let mut at = 0;
    while let (Some(tag), Some(len)) = (u16_at(extra, at), u16_at(extra, at + 2)) {
        if tag == 1 {
            let mut next = at + 4;
            for value in [&mut entry.size, &mut entry.packed, &mut entry.header] {
                if *value == u64::from(u32::MAX) {
                    *value = u64_at(extra, next).unwrap_or(*value);
                    next += 8;
                }
            }
        }
        at += 4 + usize::from(len);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
