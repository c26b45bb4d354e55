//! Where the keys of a Zarr hierarchy live: the files of a directory, or the entries of a zip archive.

use super::zip::Archive;
use crate::error::{Error, Result};
use crate::store::raw;
use std::fs::File;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer metadata is taken for damage.
const LONGEST_METADATA: u64 = 256 << 20;

/// A read-only set of named byte strings.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Files under a directory.
    Directory(PathBuf),
    /// Entries of a zip archive.
    Zip(Arc<Archive>),
}

impl Source {
    /// The directory or archive at `path`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.is_file() {
            Ok(Self::Zip(Arc::new(Archive::open(path)?)))
        } else {
            Ok(Self::Directory(path.to_owned()))
        }
    }

    /// How errors name a key.
    pub(super) fn name(&self, key: &str) -> PathBuf {
        match self {
            Self::Directory(root) if key.is_empty() => root.clone(),
            Self::Directory(root) => root.join(key),
            Self::Zip(archive) => archive.path().join(key),
        }
    }

    /// The bytes under a key, not read yet; `None` where there is no such key.
    pub(super) fn piece(&self, key: &str) -> Result<Option<Piece>> {
        let path = self.name(key);
        match self {
            Self::Directory(_) => {
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(None),
                    Err(e) => return Err(Error::store(path, e)),
                };
                let meta = file.metadata().map_err(|e| Error::store(&path, e))?;
                if meta.is_dir() {
                    return Ok(None);
                }
                Ok(Some(Piece { bytes: Bytes::File { file, offset: 0 }, len: meta.len(), path }))
            }
            Self::Zip(archive) => archive.piece(key, path),
        }
    }

    /// How many bytes a key holds in the file system.
    pub(super) fn length(&self, key: &str) -> Option<u64> {
        match self {
            Self::Directory(_) => std::fs::metadata(self.name(key)).ok().map(|m| m.len()),
            Self::Zip(archive) => archive.packed(key),
        }
    }

    /// The text of a metadata document; `None` where there is none.
    pub(super) fn document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let Some(piece) = self.piece(key)? else { return Ok(None) };
        if piece.len > LONGEST_METADATA {
            return Err(Error::store(&piece.path, format!("is {} bytes long, too much for metadata", piece.len)));
        }
        piece.read_all().map(Some)
    }

    /// The names directly below a prefix that may hold more keys, sorted.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let root = match self {
            Self::Directory(_) => self.name(prefix),
            Self::Zip(archive) => return Ok(archive.folders(prefix)),
        };
        let entries = std::fs::read_dir(&root).map_err(|e| Error::store(&root, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::store(&root, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && entry.path().is_dir() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// A byte string that can be read in parts.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where the bytes are.
    pub(super) bytes: Bytes,
    /// How many there are.
    pub(super) len: u64,
    /// Its name, for errors.
    pub(super) path: PathBuf,
}

/// Where the bytes of a [`Piece`] are.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A part of a file.
    File {
        /// The open file.
        file: File,
        /// Where the part begins.
        offset: u64,
    },
    /// Memory: an entry of a zip archive that had to be inflated, or the inside of a decoded chunk.
    Memory(Vec<u8>),
}

impl Piece {
    /// Fills `out` with the bytes from `at` on.
    pub(super) fn read_at(&self, at: u64, out: &mut [u8]) -> Result<()> {
        if at.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            let why = format!("ends before byte {} of {}", at.saturating_add(out.len() as u64), self.len);
            return Err(Error::store(&self.path, why));
        }
        match &self.bytes {
            Bytes::File { file, offset } => raw::read_at(file, &self.path, offset + at, out),
            Bytes::Memory(bytes) => {
                // The check above bounds `at` by the vector's length.
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                out.copy_from_slice(&bytes[at..at + out.len()]);
                Ok(())
            }
        }
    }

    /// All of them.
    pub(super) fn read_all(self) -> Result<Vec<u8>> {
        if let Bytes::Memory(bytes) = self.bytes {
            return Ok(bytes);
        }
        let mut out = reserve(&self.path, self.len)?;
        self.read_at(0, &mut out)?;
        Ok(out)
    }

    /// Asks the kernel to start reading all of it.
    pub(super) fn prefetch(&self) {
        if let Bytes::File { file, offset } = &self.bytes {
            raw::prefetch(file, *offset, self.len);
        }
    }
}

/// `len` zero bytes, or an error where memory has not that much.
pub(super) fn reserve(path: &Path, len: u64) -> Result<Vec<u8>> {
    let mut out = reserve_exact(len).map_err(|why| Error::store(path, why))?;
    // The reservation has shown that the length is a usize.
    out.resize(usize::try_from(len).unwrap_or(0), 0);
    Ok(out)
}

/// Room for `len` bytes, or an error where memory has not that much.
pub(super) fn reserve_exact(len: u64) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let done = usize::try_from(len).is_ok_and(|n| out.try_reserve_exact(n).is_ok());
    if done { Ok(out) } else { Err(format!("needs {len} bytes of memory at once, which there are not")) }
}
