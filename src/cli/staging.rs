//! Outputs that appear whole or not at all.
//!
//! One array is its store's affair. A container of several arrays is made under a hidden name beside its own and
//! renamed when everything is in it ([`Staged`]); of separate outputs, those that were finished before the run failed
//! are taken away again ([`Fresh`]).

use crate::error::{Error, Result};
use crate::store::manifest::{Fingerprint, digest};
use crate::store::remote::is_url;
use crate::store::staging::Staging;
use crate::store::{self, Create};
use std::path::{Path, PathBuf};

/// A container under construction. Behind a network nothing can be renamed: there, its arrays appear one by one.
#[derive(Debug)]
pub struct Staged(Place);

#[derive(Debug)]
enum Place {
    /// Under a hidden name.
    Hidden(Staging),
    /// Where it belongs.
    Remote(PathBuf),
}

impl Staged {
    /// A container that is to stand at `target`, which an existing file or folder may only occupy when `how` says
    /// overwrite. `contents` says what will be in it: an interrupted run is resumed when it says the same.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it is occupied, or being written, or when another run was interrupted.
    pub fn new(target: &Path, how: &Create, contents: &str) -> Result<Self> {
        if is_url(target) {
            if !how.overwrite && !how.resume && store::tree(target).is_ok() {
                return Err(Error::store(target, "exists already; --overwrite replaces it"));
            }
            return Ok(Self(Place::Remote(target.to_path_buf())));
        }
        let run = Fingerprint { expression: digest(contents.as_bytes()), ..Fingerprint::default() };
        let run = store::resumes(target)?.then_some(&run);
        let mut staging = Staging::of_container(target, how, run)?;
        if !staging.is_placed() {
            if target.exists() && !how.overwrite {
                return Err(Error::store(target, "exists already; --overwrite replaces it"));
            }
            staging.open()?;
        }
        Ok(Self(Place::Hidden(staging)))
    }

    /// Whether an earlier run had finished it, so that only [`Staged::commit`] is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(&self.0, Place::Hidden(staging) if staging.is_placed())
    }

    /// Where the container is for now.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match &self.0 {
            Place::Hidden(staging) => staging.part(),
            Place::Remote(target) => target.clone(),
        }
    }

    /// How an array of it is stored: known again when the run is resumed.
    #[must_use]
    pub fn within(&self, how: Create) -> Create {
        Create { overwrite: true, receipt: matches!(&self.0, Place::Hidden(_)), ..how }
    }

    /// Gives the container its name, in place of what bears it.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when that fails; what was there is there again then.
    pub fn commit(self) -> Result<()> {
        match self.0 {
            Place::Hidden(mut staging) => staging.place(),
            Place::Remote(_) => Ok(()),
        }
    }
}

/// Outputs that were not there before the run, and go again unless it succeeds.
#[derive(Debug)]
pub struct Fresh {
    paths: Vec<PathBuf>,
}

impl Fresh {
    /// Those of `paths` where nothing stands.
    #[must_use]
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self { paths: paths.into_iter().filter(|p| !is_url(p) && !p.exists()).map(Path::to_path_buf).collect() }
    }

    /// The run has succeeded.
    pub fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for path in &self.paths {
            // As above.
            let _ = remove(path);
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() && !path.is_symlink() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_container_appears_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.zarr");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let keep = Create::new();
        let staged = Staged::new(&target, &keep, "a").unwrap();
        fs::create_dir_all(staged.path().join("a")).unwrap();
        drop(staged);
        assert_eq!(names(), 0);
        let staged = Staged::new(&target, &keep, "a").unwrap();
        fs::create_dir(staged.path()).unwrap();
        fs::write(staged.path().join("old"), "").unwrap();
        staged.commit().unwrap();
        assert!(Staged::new(&target, &keep, "a").unwrap_err().to_string().contains("exists already"));
        let staged = Staged::new(&target, &keep.overwrite(true), "a").unwrap();
        assert_eq!(staged.path().extension(), target.extension());
        fs::create_dir(staged.path()).unwrap();
        staged.commit().unwrap();
        assert!(!target.join("old").exists());
        assert_eq!(names(), 1);
    }

    #[test]
    fn only_what_was_not_there_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "").unwrap();
        let fresh = Fresh::of([old.as_path(), new.as_path()]);
        fs::write(&new, "").unwrap();
        drop(fresh);
        assert!(old.exists() && !new.exists());
        let fresh = Fresh::of([new.as_path()]);
        fs::write(&new, "").unwrap();
        fresh.keep();
        assert!(new.exists());
    }
}
