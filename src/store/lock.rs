//! Locks that keep two writers from one output.
//!
//! A lock is a file beside the output on which an advisory lock is held. The kernel gives the lock back when the
//! process ends, however it ends, so none is ever stale; the file goes when the writer is done.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A lock that is held; given back by a drop.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// What came of the wish for a lock.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is held.
    Held(Lock),
    /// The file system has no locks.
    Unsupported,
}

impl Lock {
    /// Takes the lock `path` of the output at `target`, at once or not at all.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the output and what to do, when another writer has it;
    /// the failure of the file system as [`io::Error`] when the file cannot be made.
    pub(crate) fn take(path: &Path, target: &Path) -> Result<io::Result<Outcome>> {
        loop {
            let file = match open(path) {
                Ok(file) => file,
                Err(error) => return Ok(Err(error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(refusal(file, path, target)),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(_)) => {
                    let _ = std::fs::remove_file(path);
                    return Ok(Ok(Outcome::Unsupported));
                }
            }
            if let Some(lock) = Self::of(file, path) {
                return Ok(Ok(Outcome::Held(lock)));
            }
        }
    }

    /// Waits for the lock `path`, which is only ever held for moments.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn wait(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = open(path)?;
            if file.lock().is_err() {
                // The file system has no locks.
                let _ = std::fs::remove_file(path);
                return Ok(None);
            }
            if let Some(lock) = Self::of(file, path) {
                return Ok(Some(lock));
            }
        }
    }

    /// The lock, unless its file was removed by the one who held it before.
    fn of(mut file: File, path: &Path) -> Option<Self> {
        let (held, there) = (file.metadata().ok()?, std::fs::metadata(path).ok()?);
        if (held.dev(), held.ino()) != (there.dev(), there.ino()) {
            return None;
        }
        // Who holds it is for people, and does not matter.
        let _ = file.set_len(0);
        let _ = file.seek(SeekFrom::Start(0)).and_then(|_| write!(file, "{}", std::process::id()));
        Some(Self { file, path: path.to_path_buf() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held, so that nobody takes a lock on a file that goes. That it stays does no harm.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn refusal(file: File, path: &Path, target: &Path) -> Error {
    let mut holder = String::new();
    // The name of the process is a help, no more.
    let _ = file.take(20).read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another writer".to_owned() } else { format!("process {holder}") };
    let why = format!(
        "is being written by {holder}; wait until that is done, or write elsewhere (the lock is {})",
        path.display()
    );
    Error::store(target, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(path: &Path) -> Result<Lock> {
        match Lock::take(path, Path::new("out.zarr"))? {
            Ok(Outcome::Held(lock)) => Ok(lock),
            other => Err(Error::bug(format!("{other:?}"))),
        }
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".out.zarr.lock");
        let first = take(&path).unwrap();
        let text = take(&path).unwrap_err().to_string();
        let start = format!("out.zarr: is being written by process {}; wait until", std::process::id());
        assert!(text.starts_with(&start) && text.contains(&path.display().to_string()), "{text}");
        drop(first);
        assert!(!path.exists());
        drop(take(&path).unwrap());
    }

    #[test]
    fn what_a_killed_process_leaves_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".out.zarr.lock");
        std::fs::write(&path, "999999999999").unwrap();
        take(&path).unwrap();
    }
}
