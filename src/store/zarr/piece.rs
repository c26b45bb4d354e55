//! Byte strings of a store: parts of files, or memory.

use crate::error::{Error, Result};
use crate::store::input::Input;
use crate::store::remote::{Place, Want};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        file: Arc<Input>,
        /// Where the part begins.
        offset: u64,
    },
    /// A part of an object behind a network.
    Remote {
        /// Where it is.
        place: Arc<Place>,
        /// Its key there.
        key: String,
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
            Bytes::File { file, offset } => file.read_as(&self.path, offset + at, out),
            Bytes::Remote { place, key, offset } => {
                // The check above, and whoever made the piece, bound the sum.
                let at = offset + at;
                let got = place.get(key, Want::Range(at, at + out.len() as u64))?;
                let gone = || Error::store(&self.path, format!("{} is not there any more", place.name(key).display()));
                let got = got.ok_or_else(gone)?;
                let part = got.part(at, out.len()).ok_or_else(|| Error::store(&self.path, "has changed meanwhile"))?;
                out.copy_from_slice(part);
                Ok(())
            }
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

    /// All of them, in `room` unless they are in memory.
    pub(super) fn read_within<'a>(&'a self, room: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        if let Bytes::Memory(bytes) = &self.bytes {
            return Ok(bytes);
        }
        let len = usize::try_from(self.len).map_err(|e| Error::store(&self.path, e))?;
        let out = grown(room, len).map_err(|why| Error::store(&self.path, why))?;
        self.read_at(0, out)?;
        Ok(out)
    }

    /// Asks the kernel to start reading all of it.
    pub(super) fn prefetch(&self) {
        if let Bytes::File { file, offset } = &self.bytes {
            file.prefetch(*offset, self.len);
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

/// The first `len` bytes of `room`, which grows where it has to, or an error where memory has not that much.
pub(super) fn grown(room: &mut Vec<u8>, len: usize) -> std::result::Result<&mut [u8], String> {
    if room.len() < len {
        let more = len - room.len();
        room.try_reserve_exact(more).map_err(|_| too_much(len as u64))?;
        room.resize(len, 0);
    }
    Ok(&mut room[..len])
}

/// Room for `len` bytes, or an error where memory has not that much.
pub(super) fn reserve_exact(len: u64) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let done = usize::try_from(len).is_ok_and(|n| out.try_reserve_exact(n).is_ok());
    if done { Ok(out) } else { Err(too_much(len)) }
}

fn too_much(len: u64) -> String {
    format!("needs {len} bytes of memory at once, which there are not")
}
