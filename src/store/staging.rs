//! Where an output is until it is whole: under a hidden name beside its own, locked, with a manifest of what is done.
//!
//! For the array `g/x` of `out.zarr` these are, in the folder that holds `out.zarr`:
//!
//! - `.lock.out.zarr%g%x`, held while somebody writes it;
//! - `.partial.out.zarr%g%x`, the array so far, renamed last of all;
//! - `.manifest.out.zarr%g%x`, the pieces that are done;
//! - `.old.out.zarr%g%x`, what it replaces, for a moment, where a file system cannot exchange two names;
//! - `.commit.out.zarr%g%x`, pieces of an array that is changed, all of them made, on their way into their places;
//! - `.token.out.zarr%g%x`, by what that change is known, once they are there and until nothing else is left to do.
//!
//! The names follow from the output's, so that a later run finds what a killed one left: it goes on with it, or clears
//! it away. Where the folder cannot be written to, or is on another device, they stand inside of the container.

use super::lock::{Lock, Outcome};
use super::manifest::{Done, Fingerprint, Manifest, Seal, digest};
use super::{Create, raw};
use crate::error::{Error, Result};
use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the hidden names begin with.
const KINDS: [&str; 6] = [".lock.", ".partial.", ".manifest.", ".old.", ".commit.", ".token."];

/// The file by which a change that is on its way into its place is known.
const TOKEN: &str = ".token";

/// An output under construction. Dropped before it was placed, it leaves nothing behind, or, when it may be resumed,
/// what is done.
#[derive(Debug)]
pub(crate) struct Staging {
    target: PathBuf,
    place: Place,
    /// Folders that were made for it.
    made: Vec<PathBuf>,
    /// What an earlier run had done.
    done: Option<Done>,
    manifest: Option<Manifest>,
    run: Option<Fingerprint>,
    keep: bool,
    receipt: bool,
    /// Whether it is a container, in which arrays are staged on their own.
    nests: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Locked; what was there is untouched.
    Begun,
    /// Being written.
    Open,
    /// Under its name.
    Placed,
}

/// The hidden names, and the lock on them. Where the file system has no locks, the names are those of this process.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    stem: String,
    lock: Option<Lock>,
}

impl Place {
    /// Locks the place of the array `inner` of `container`.
    fn take(container: &Path, inner: &str, target: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::store(target, format!("cannot be created: {e}"));
        let real = container.canonicalize().unwrap_or_else(|_| container.to_path_buf());
        let folder = match real.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let folder = folder.canonicalize().unwrap_or(folder);
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let within = inner.replace('/', "%");
        let beside = if inner.is_empty() { name.into_owned() } else { format!("{name}%{within}") };
        let nested = (!inner.is_empty() && real.is_dir()).then(|| (real.clone(), within));
        if let Some((folder, stem)) = nested.clone().filter(|(inside, _)| !same_device(inside, &folder)) {
            return Self::at(folder, &stem, target)?.map_err(failed);
        }
        match (Self::at(folder, &beside, target)?, nested) {
            (Err(e), Some((folder, stem))) if matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem) => {
                Self::at(folder, &stem, target)?.map_err(failed)
            }
            (outcome, _) => outcome.map_err(failed),
        }
    }

    fn at(folder: PathBuf, stem: &str, target: &Path) -> Result<std::io::Result<Self>> {
        // File names have at most 255 bytes.
        let mut stem = stem.to_owned();
        if stem.len() > 200 {
            let kept: String = stem.chars().take_while(char::is_ascii).take(120).collect();
            stem = format!("{kept}%{}", digest(stem.as_bytes()));
        }
        let lock = Lock::take(&folder.join(format!(".lock.{stem}")), target)?;
        Ok(lock.map(|lock| match lock {
            Outcome::Held(lock) => Self { folder, stem, lock: Some(lock) },
            Outcome::Unsupported => Self { folder, stem: format!("{}.{stem}", std::process::id()), lock: None },
        }))
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!(".{kind}.{}", self.stem))
    }
}

impl Place {
    /// Goes on with a change, all of which is made: `apply` puts what is in a folder into its places in `target`, then
    /// `then`. The last step removes what it is known by, at once: a run that is killed before that is known again, and
    /// has nothing but this to do.
    fn commit(
        &self,
        target: &Path,
        apply: impl FnOnce(&Path) -> Result<()>,
        then: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let (commit, token) = (self.path("commit"), self.path("token"));
        remove(&self.path("manifest"))?;
        if !token.exists() {
            apply(&commit)?;
            std::fs::rename(commit.join(TOKEN), &token).map_err(|e| Error::store(target, e))?;
        }
        remove(&commit)?;
        then()?;
        remove(&token)
    }
}

fn same_device(a: &Path, b: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|m| m.dev());
    matches!((device(a), device(b)), (Ok(a), Ok(b)) if a == b)
}

impl Staging {
    /// Locks the output at `inner` of `container`, and finds what an earlier run of the same fingerprint left when it
    /// is to be resumed. Nothing is touched yet.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the output: it is being written already, its folder cannot be written
    /// to, or the run to be resumed is another.
    pub(crate) fn begin(container: &Path, inner: &str, how: &Create, run: Option<&Fingerprint>) -> Result<Self> {
        let target = if inner.is_empty() { container.to_path_buf() } else { container.join(inner) };
        let place = Place::take(container, inner, &target)?;
        let run = run.filter(|_| place.lock.is_some()).cloned();
        let mut staging = Self {
            target,
            place,
            made: Vec::new(),
            done: None,
            manifest: None,
            run,
            keep: how.resume,
            receipt: how.receipt,
            nests: false,
            state: State::Begun,
        };
        staging.recover()?;
        if let Some(run) = staging.run.as_ref().filter(|_| how.resume) {
            staging.done = Done::load(&staging.place.path("manifest"), &staging.target, run)?;
        }
        if staging.was_placed() {
            staging.state = State::Placed;
        }
        Ok(staging)
    }

    /// As [`Staging::begin`], for something whose folder may be missing.
    #[cfg(any(feature = "zarr", feature = "cli", test))]
    pub(crate) fn begin_deep(container: &Path, inner: &str, how: &Create, run: Option<&Fingerprint>) -> Result<Self> {
        let mut made = Vec::new();
        for folder in container.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()) {
            if folder.exists() {
                break;
            }
            made.push(folder.to_path_buf());
        }
        if let Some(folder) = made.first() {
            std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, format!("cannot be created: {e}")))?;
        }
        let begun = Self::begin(container, inner, how, run);
        match begun {
            Ok(mut staging) => {
                staging.made = made;
                Ok(staging)
            }
            Err(error) => {
                remove_empty(&made);
                Err(error)
            }
        }
    }

    /// As [`Staging::begin`], for a container whose arrays are staged on their own and keep their receipts.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn of_container(container: &Path, how: &Create, run: Option<&Fingerprint>) -> Result<Self> {
        let mut staging = Self::begin_deep(container, "", how, run)?;
        staging.nests = true;
        Ok(staging)
    }

    /// Where it is for now.
    pub(crate) fn part(&self) -> PathBuf {
        self.place.path("partial")
    }

    /// Whether an earlier run had finished it, so that nothing is left to do but [`Staging::place`].
    pub(crate) fn is_placed(&self) -> bool {
        self.state == State::Placed
    }

    fn was_placed(&self) -> bool {
        let there = std::fs::symlink_metadata(&self.target).map(|m| m.ino()).ok();
        there.is_some() && self.done.as_ref().and_then(|d| d.whole) == there
    }

    /// Makes the way free: whether what an earlier run left is gone on with. If not, it is gone.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming what cannot be made or removed.
    pub(crate) fn open(&mut self) -> Result<bool> {
        if !self.nests && !self.part().exists() {
            self.done = None;
        }
        self.state = State::Open;
        if self.done.is_none() {
            self.clear()?;
        }
        if let Some(run) = &self.run {
            self.manifest = Some(Manifest::begin(&self.place.path("manifest"), run, self.done.as_ref())?);
        }
        Ok(self.done.is_some())
    }

    /// Whether an earlier run wrote a piece, and it is still what it was; `read` gives the bytes of a piece of some
    /// length.
    pub(crate) fn has(&self, piece: usize, read: impl FnOnce(u64) -> Option<Vec<u8>>) -> bool {
        self.is_placed() || self.done.as_ref().is_some_and(|done| done.has(piece, read))
    }

    /// Whether pieces are noted at all.
    #[cfg(test)]
    pub(crate) fn notes(&self) -> bool {
        self.manifest.is_some()
    }

    /// Notes that a piece was written, of which `seal` gives the seal where pieces are noted.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the manifest, and what `seal` reports.
    pub(crate) fn note(&self, piece: usize, seal: impl FnOnce() -> Result<Seal>) -> Result<()> {
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let noted = manifest.note(piece, seal()?);
        noted.map_err(|e| Error::store(self.place.path("manifest"), e))
    }

    /// Gives the output its name, in place of what bears it, and clears everything else away.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the output; what was there is still there then.
    pub(crate) fn place(&mut self) -> Result<()> {
        self.place_at(&self.target.clone())
    }

    /// As [`Staging::place`], for an array that is the whole of the file at `target`.
    ///
    /// # Errors
    /// As [`Staging::place`].
    pub(crate) fn place_at(&mut self, target: &Path) -> Result<()> {
        let part = self.part();
        let failed = |e: std::io::Error| Error::store(&self.target, format!("cannot be put in place: {e}"));
        if self.state != State::Placed {
            self.clear_nested()?;
            if let Some(manifest) = &self.manifest {
                let inode = std::fs::symlink_metadata(&part).map_err(failed)?.ino();
                manifest.whole(inode).map_err(failed)?;
            }
            raw::put_in_place(&part, target, &self.place.path("old")).map_err(failed)?;
            self.state = State::Placed;
        }
        // What was replaced has the other name now.
        remove(&part)?;
        remove(&self.place.path("old"))?;
        if self.receipt { Ok(()) } else { remove(&self.place.path("manifest")) }
    }

    /// Puts what was made for an array that exists into its places, piece by piece: whatever happens from here on, the
    /// next one to write the array goes on with it. Documents with the names in `last` come last, and `then` what
    /// follows from the change elsewhere; `token` is by what the change is known again.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the array; nothing has changed, or the change is under way.
    #[cfg(feature = "zarr")]
    pub(crate) fn pour(&mut self, token: &str, last: &[&str], then: impl FnOnce() -> Result<()>) -> Result<()> {
        let target = self.target.clone();
        self.commit_then(token, |made| pour(made, &target, last), then)
    }

    /// As [`Staging::pour`], for an array that lies in one file: `apply` writes what is in the folder into it, and may
    /// be called again when it was interrupted.
    ///
    /// # Errors
    /// As [`Staging::pour`].
    pub(crate) fn commit(&mut self, token: &str, apply: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.commit_then(token, apply, || Ok(()))
    }

    fn commit_then(
        &mut self,
        token: &str,
        apply: impl FnOnce(&Path) -> Result<()>,
        then: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let (part, commit) = (self.part(), self.place.path("commit"));
        let failed = |e: std::io::Error| Error::store(&self.target, format!("cannot be changed: {e}"));
        std::fs::write(part.join(TOKEN), token).map_err(failed)?;
        std::fs::rename(&part, &commit).map_err(failed)?;
        self.state = State::Placed;
        self.place.commit(&self.target, apply, then)
    }

    /// Goes on with a change of the array `inner` of `container` that was interrupted when all of it was made; the
    /// token of that, where there was one.
    ///
    /// # Errors
    /// As [`Staging::begin`], and [`Staging::pour`].
    #[cfg(feature = "zarr")]
    pub(crate) fn poured(
        container: &Path,
        inner: &str,
        last: &[&str],
        then: impl FnOnce() -> Result<()>,
    ) -> Result<Option<String>> {
        let target = if inner.is_empty() { container.to_path_buf() } else { container.join(inner) };
        Self::committed_then(container, inner, |made| pour(made, &target, last), then)
    }

    /// As [`Staging::poured`], for changes that [`Staging::commit`] was called for.
    ///
    /// # Errors
    /// As [`Staging::poured`].
    pub(crate) fn committed(
        container: &Path,
        inner: &str,
        apply: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Option<String>> {
        Self::committed_then(container, inner, apply, || Ok(()))
    }

    fn committed_then(
        container: &Path,
        inner: &str,
        apply: impl FnOnce(&Path) -> Result<()>,
        then: impl FnOnce() -> Result<()>,
    ) -> Result<Option<String>> {
        let target = if inner.is_empty() { container.to_path_buf() } else { container.join(inner) };
        let place = Place::take(container, inner, &target)?;
        let (commit, token) = (place.path("commit"), place.path("token"));
        if !commit.exists() && !token.exists() {
            return Ok(None);
        }
        let known = [token, commit.join(TOKEN)].iter().find_map(|at| std::fs::read_to_string(at).ok());
        place.commit(&target, apply, then).map(|()| Some(known.unwrap_or_default()))
    }

    /// Puts back what a run had moved aside when it was killed at that moment.
    fn recover(&self) -> Result<()> {
        if self.place.path("commit").exists() || self.place.path("token").exists() {
            let why = "a change of it was interrupted on its way into its place; run that once more first";
            return Err(Error::store(&self.target, why));
        }
        let old = self.place.path("old");
        if old.exists() && !self.target.exists() {
            return std::fs::rename(&old, &self.target).map_err(|e| Error::store(&old, e));
        }
        remove(&old)
    }

    /// Removes everything but the lock.
    fn clear(&self) -> Result<()> {
        self.clear_nested()?;
        remove(&self.part())?;
        remove(&self.place.path("manifest"))
    }

    /// Removes what is staged for the arrays of a container.
    fn clear_nested(&self) -> Result<()> {
        if !self.nests {
            return Ok(());
        }
        let within = format!(".partial.{}%", self.place.stem);
        let entries = std::fs::read_dir(&self.place.folder).map_err(|e| Error::store(&self.place.folder, e))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if KINDS.iter().any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(&within))) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.state == State::Open && !(self.keep && self.run.is_some()) {
            // Nobody is left to hear of a failure here; the next run of the same output tries again.
            let _ = self.clear();
        }
        if self.state != State::Placed {
            self.place.lock = None;
            remove_empty(&self.made);
        }
    }
}

/// Removes the receipt that a finished array has kept; see [`Create::receipt`].
pub(crate) fn settle(container: &Path, inner: &str) -> Result<()> {
    let target = container.join(inner);
    // Whoever writes it now has a manifest of their own there.
    let Ok(place) = Place::take(container, inner, &target) else { return Ok(()) };
    remove(&place.path("manifest"))
}

/// What a process that ends in the middle of its runs leaves no trace of.
#[cfg(feature = "cli")]
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    /// Where hidden names are.
    folders: Vec<PathBuf>,
    /// Folders that are not there before the run, the innermost first.
    made: Vec<PathBuf>,
}

#[cfg(feature = "cli")]
impl Traces {
    /// Those of writing into `container`.
    pub(crate) fn of(container: &Path) -> Self {
        let real = container.canonicalize().unwrap_or_else(|_| container.to_path_buf());
        let parent = match real.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let missing = container.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty());
        let made = missing.take_while(|p| !p.exists()).map(Path::to_path_buf).collect();
        Self { folders: vec![parent, real], made }
    }

    /// Removes what this process has staged, whose threads may still write it: what it holds the locks of. What is to
    /// be gone on with is kept.
    pub(crate) fn clear(&self, keep: bool) {
        let own = std::process::id().to_string();
        for folder in &self.folders {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
            let holds =
                |name: &&str| std::fs::read_to_string(folder.join(format!(".lock.{name}"))).is_ok_and(|t| t == own);
            let held: Vec<&str> = names.iter().filter_map(|n| n.strip_prefix(".lock.")).filter(holds).collect();
            let ours = |stem: &str| {
                held.iter().any(|h| *h == stem || stem.starts_with(&format!(".partial.{h}%")))
                    || stem.starts_with(&format!("{own}."))
            };
            for kind in if keep { &[".lock."][..] } else { &[".partial.", ".manifest.", ".lock."] } {
                for name in names.iter().filter(|n| n.strip_prefix(*kind).is_some_and(ours)) {
                    let _ = (0..10).try_for_each(|_| if remove(&folder.join(name)).is_ok() { Err(()) } else { Ok(()) });
                }
            }
        }
        remove_empty(&self.made);
    }
}

/// Renames every file below `from` to the same place below `to`, those with the names in `last` at the end.
#[cfg(feature = "zarr")]
fn pour(from: &Path, to: &Path, last: &[&str]) -> Result<()> {
    let mut late = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop().filter(|_| to.is_dir()) {
        let entries = std::fs::read_dir(from.join(&folder)).map_err(|e| Error::store(from, e))?;
        let mut made = folder.as_os_str().is_empty();
        for entry in entries {
            let entry = entry.map_err(|e| Error::store(from, e))?;
            let name = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(name);
            } else if last.iter().any(|l| name.as_os_str() == *l) {
                late.push(name);
            } else if name.as_os_str() != TOKEN {
                if !std::mem::replace(&mut made, true) {
                    let folder = to.join(&folder);
                    std::fs::create_dir_all(&folder).map_err(|e| Error::store(&folder, e))?;
                }
                std::fs::rename(entry.path(), to.join(&name)).map_err(|e| Error::store(to.join(&name), e))?;
            }
        }
    }
    for name in late {
        std::fs::rename(from.join(&name), to.join(&name)).map_err(|e| Error::store(to.join(&name), e))?;
    }
    Ok(())
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(|e| Error::store(path, format!("cannot be removed: {e}")))
}

/// Removes folders, the innermost first, as far as they are empty.
fn remove_empty(folders: &[PathBuf]) {
    for folder in folders {
        // One that holds something stays.
        let _ = std::fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests;
