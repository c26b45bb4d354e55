//! Positioned reads and writes of files, advice to the page cache, and atomic replacement of files.

use crate::error::{Error, Result};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads exactly `out.len()` bytes at `offset`.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file, when the bytes are not there.
pub fn read_at(file: &File, path: &Path, offset: u64, out: &mut [u8]) -> Result<()> {
    file.read_exact_at(out, offset)
        .map_err(|e| Error::store(path, format!("reading {} bytes at offset {offset} failed: {e}", out.len())))
}

/// Writes all of `data` at `offset`.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file.
pub fn write_at(file: &File, path: &Path, offset: u64, data: &[u8]) -> Result<()> {
    file.write_all_at(data, offset)
        .map_err(|e| Error::store(path, format!("writing {} bytes at offset {offset} failed: {e}", data.len())))
}

/// Asks the kernel to start reading a part of a file; failure is harmless.
#[expect(clippy::cast_possible_wrap, reason = "file offsets are below 2^63")]
pub fn prefetch(file: &File, offset: u64, len: u64) {
    // SAFETY: advice about a descriptor that `file` keeps open; no memory is involved.
    unsafe {
        libc::posix_fadvise(file.as_raw_fd(), offset as i64, len as i64, libc::POSIX_FADV_WILLNEED);
    }
}

/// A name beside `path` that no other writer uses.
#[must_use]
pub fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.{n}.partial", std::process::id()))
}
