//! Outputs that appear whole or not at all.
//!
//! One array is its store's affair. A container of several arrays is made under a hidden name beside its own and renamed
//! when everything is in it ([`Staged`]); of separate outputs, those that were finished before the run failed are taken
//! away again ([`Fresh`]).

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// A container under construction.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Staged {
    /// A container that is to stand at `target`, which an existing file or folder may only occupy when `overwrite`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it is occupied.
    pub fn new(target: &Path, overwrite: bool) -> Result<Self> {
        if target.exists() && !overwrite {
            return Err(Error::store(target, "exists already; --overwrite replaces it"));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // The format follows from the ending, so that comes last.
        let temporary = target.with_file_name(format!(".{}.partial.{name}", std::process::id()));
        Ok(Self { temporary, target: target.to_path_buf(), done: false })
    }

    /// Where the container is for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Gives the container its name, in place of what bears it.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when that fails; what was there is there again then.
    pub fn commit(mut self) -> Result<()> {
        let failed = |e: std::io::Error| Error::store(&self.target, format!("cannot be put in place: {e}"));
        if self.target.is_dir() || (self.target.exists() && self.temporary.is_dir()) {
            let aside = crate::store::raw::temporary_beside(&self.target);
            std::fs::rename(&self.target, &aside).map_err(failed)?;
            if let Err(error) = std::fs::rename(&self.temporary, &self.target) {
                // The first error is the one to report.
                let _ = std::fs::rename(&aside, &self.target);
                return Err(failed(error));
            }
            self.done = true;
            return remove(&aside).map_err(|e| Error::store(&aside, format!("cannot be removed: {e}")));
        }
        std::fs::rename(&self.temporary, &self.target).map_err(failed)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            // Nobody is left to hear of a failure here, and most often there is nothing to remove.
            let _ = remove(&self.temporary);
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
        Self { paths: paths.into_iter().filter(|p| !p.exists()).map(Path::to_path_buf).collect() }
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
        let staged = Staged::new(&target, false).unwrap();
        fs::create_dir_all(staged.path().join("a")).unwrap();
        drop(staged);
        assert_eq!(names(), 0);
        let staged = Staged::new(&target, false).unwrap();
        fs::create_dir(staged.path()).unwrap();
        fs::write(staged.path().join("old"), "").unwrap();
        staged.commit().unwrap();
        assert!(Staged::new(&target, false).unwrap_err().to_string().contains("exists already"));
        let staged = Staged::new(&target, true).unwrap();
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
