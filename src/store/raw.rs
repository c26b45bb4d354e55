//! Positioned reads and writes of files, advice to the page cache, and atomic replacement of files.

use super::Info;
use super::meter::{reading, writing};
use crate::chunk::Region;
use crate::error::{Error, Result};
use crate::shape;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads exactly `out.len()` bytes at `offset`.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file, when the bytes are not there.
pub fn read_at(file: &File, path: &Path, offset: u64, out: &mut [u8]) -> Result<()> {
    reading(out.len(), || file.read_exact_at(out, offset))
        .map_err(|e| Error::request(path, format!("reading {} bytes at offset {offset} failed", out.len()), &e))
}

/// Writes all of `data` at `offset`.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file.
pub fn write_at(file: &File, path: &Path, offset: u64, data: &[u8]) -> Result<()> {
    writing(data.len(), || file.write_all_at(data, offset))
        .map_err(|e| Error::request(path, format!("writing {} bytes at offset {offset} failed", data.len()), &e))
}

/// What is copied at once.
const COPIED: usize = 4 << 20;

/// Copies bytes from a place in one file to a place in another, each given by the file, its name and the place.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file.
pub(super) fn copy(from: (&File, &Path, u64), to: (&File, &Path, u64), bytes: u64) -> Result<()> {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(COPIED).min(COPIED)];
    let mut done = 0;
    while done < bytes {
        let n = usize::try_from(bytes - done).unwrap_or(COPIED).min(COPIED);
        read_at(from.0, from.1, from.2 + done, &mut buffer[..n])?;
        write_at(to.0, to.1, to.2 + done, &buffer[..n])?;
        done += n as u64;
    }
    Ok(())
}

/// Replaces the file at `path` by one that holds `data`: written under another name, then renamed.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file; nothing is left behind then.
pub fn write_whole(path: &Path, data: &[u8]) -> Result<()> {
    clear_abandoned(path);
    let temporary = temporary_beside(path);
    std::fs::write(&temporary, data).and_then(|()| std::fs::rename(&temporary, path)).map_err(|e| {
        // The first error is the one to report; a file that was never made cannot be removed.
        let _ = std::fs::remove_file(&temporary);
        Error::store(path, format!("writing {} bytes failed: {e}", data.len()))
    })
}

/// Removes what processes that are gone have left of writing `path`.
fn clear_abandoned(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let start = format!(".{}.", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let rest = file.strip_prefix(&start).and_then(|r| r.strip_suffix(".partial"));
        let process = rest.and_then(|r| r.split('.').next()?.parse::<u32>().ok());
        if process.is_some_and(|p| !Path::new("/proc").join(p.to_string()).exists()) {
            // If it cannot be removed, it is only in the way of nobody.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Makes a file that holds `data`, and the folders that it needs.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file.
#[cfg(feature = "zarr")]
pub(super) fn write_file(path: &Path, data: &[u8]) -> Result<()> {
    let mut written = writing(data.len(), || std::fs::write(path, data));
    if let (Err(e), Some(folder)) = (&written, path.parent())
        && e.kind() == std::io::ErrorKind::NotFound
    {
        std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, e))?;
        written = std::fs::write(path, data);
    }
    written.map_err(|e| Error::request(path, format!("writing {} bytes failed", data.len()), &e))
}

/// Gives what is at `part` the name `target`. What bears it is at `part` afterwards, or gone; where the file system
/// cannot exchange names, it is at `aside` for a moment.
pub(super) fn put_in_place(part: &Path, target: &Path, aside: &Path) -> std::io::Result<()> {
    let there = std::fs::symlink_metadata(target);
    if there.is_err() || there.is_ok_and(|t| !t.is_dir()) && !part.is_dir() {
        return std::fs::rename(part, target);
    }
    if exchange(part, target).is_ok() {
        return Ok(());
    }
    std::fs::rename(target, aside)?;
    std::fs::rename(part, target).inspect_err(|_| {
        // The old one gets its name back; the first error is the one to report.
        let _ = std::fs::rename(aside, target);
    })
}

/// Exchanges two names at once.
fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    let (a, b) = (CString::new(a.as_os_str().as_bytes())?, CString::new(b.as_os_str().as_bytes())?);
    // SAFETY: both are strings that end in zero and outlive the call.
    let done =
        unsafe { libc::renameat2(libc::AT_FDCWD, a.as_ptr(), libc::AT_FDCWD, b.as_ptr(), libc::RENAME_EXCHANGE) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Whether `region` lies in the array and a buffer of `len` bytes holds it; stores ask this before they read.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug): the caller computed the region.
pub fn check_request(info: &Info, region: &Region, len: usize) -> Result<()> {
    let inside = region.rank() == info.shape.len()
        && (0..region.rank())
            .all(|a| region.start[a].checked_add(region.shape[a]).is_some_and(|end| end <= info.shape[a]));
    let bytes = shape::checked_size(&region.shape).and_then(|n| n.checked_mul(info.dtype.size()));
    if inside && bytes == Some(len) {
        return Ok(());
    }
    let shape = shape::tuple(&info.shape);
    Err(Error::bug(format!("region {region} of {} with shape {shape} goes to {len} bytes", info.path)))
}

/// Asks the kernel to start reading a part of a file; failure is harmless.
#[expect(clippy::cast_possible_wrap, reason = "file offsets are below 2^63")]
pub fn prefetch(file: &File, offset: u64, len: u64) {
    // SAFETY: advice about a descriptor that `file` keeps open; no memory is involved.
    unsafe {
        libc::posix_fadvise(file.as_raw_fd(), offset as i64, len as i64, libc::POSIX_FADV_WILLNEED);
    }
}

/// The size of a file and when it was written, to the nanosecond.
pub(super) fn stamp(path: &Path) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    Some(format!("{} bytes, written at {}.{:09}", meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// A name beside `path` that no other writer uses.
#[must_use]
pub fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.{n}.partial", std::process::id()))
}

/// Decodes an LZ4 block into `out`, and says how many bytes it has; `None` where it is damaged or does not fit.
#[cfg(any(feature = "zarr", feature = "hdf5"))]
pub(super) fn decode_lz4(block: &[u8], out: &mut [u8]) -> Option<usize> {
    use std::ffi::c_int;
    let (Ok(len), Ok(room)) = (c_int::try_from(block.len()), c_int::try_from(out.len())) else {
        return lz4_flex::block::decompress_into(block, out).ok();
    };
    // SAFETY: the block is read and `out` written within their lengths, which are given.
    let got = unsafe { lz4_sys::LZ4_decompress_safe(block.as_ptr().cast(), out.as_mut_ptr().cast(), len, room) };
    usize::try_from(got).ok()
}

/// Refuses what does not begin as a Blosc frame of this length that holds `expected` bytes.
///
/// # Errors
/// Why.
#[cfg(feature = "zarr")]
pub(super) fn check_blosc(frame: &[u8], expected: usize) -> std::result::Result<(), String> {
    let mut holds = 0;
    // SAFETY: the frame is valid for its length, which bounds every read of the header.
    let valid = unsafe { blosc_src::blosc_cbuffer_validate(frame.as_ptr().cast(), frame.len(), &raw mut holds) };
    if valid < 0 {
        return Err("holds no valid Blosc frame".to_owned());
    }
    if holds != expected {
        return Err(format!("decodes to {holds} bytes instead of {expected}"));
    }
    Ok(())
}

/// Decodes a Blosc frame into `out`, which has exactly the size that the frame holds, by the library.
///
/// # Errors
/// Why the frame is not valid.
#[cfg(feature = "zarr")]
pub(super) fn decode_blosc(frame: &[u8], out: &mut [u8]) -> std::result::Result<(), String> {
    check_blosc(frame, out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    // SAFETY: the frame was validated against its length; at most `out.len()` bytes are written to `out`; one thread.
    let got = unsafe { blosc_src::blosc_decompress_ctx(frame.as_ptr().cast(), out.as_mut_ptr().cast(), out.len(), 1) };
    if usize::try_from(got) == Ok(out.len()) { Ok(()) } else { Err(format!("a Blosc frame is damaged (code {got})")) }
}

/// Packs `data` as a Blosc frame, and says how many bytes of `out` it takes; `None` where it does not fit.
///
/// # Errors
/// When there is more than a frame can hold.
#[cfg(feature = "hdf5")]
pub(super) fn encode_blosc(
    data: &[u8],
    out: &mut [u8],
    itemsize: usize,
    level: u32,
    compressor: &std::ffi::CStr,
) -> std::result::Result<Option<usize>, String> {
    let (level, shuffle) = (std::ffi::c_int::try_from(level).unwrap_or(5), std::ffi::c_int::from(itemsize > 1));
    let (from, to, name) = (data.as_ptr().cast(), out.as_mut_ptr().cast(), compressor.as_ptr());
    // SAFETY: `data` is read and `out` written within their lengths, which are given; the name is a C string; one
    // thread, and no state of the library.
    let got =
        unsafe { blosc_src::blosc_compress_ctx(level, shuffle, itemsize, data.len(), from, to, out.len(), name, 0, 1) };
    match usize::try_from(got) {
        Ok(n) => Ok((n > 0).then_some(n)),
        Err(_) => Err(format!("{} bytes are no Blosc frame (code {got})", data.len())),
    }
}
