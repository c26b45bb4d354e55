//! Where the keys of a Zarr hierarchy live: the files of a directory, the entries of a zip archive, objects behind a
//! network, or parts of other files, by an index of references.

use super::METADATA;
use super::objects::Hierarchy;
use super::piece::{Bytes, Piece};
use super::references::References;
use super::zip::Archive;
use crate::error::{Error, Result};
use crate::store::input::Input;
use crate::store::manifest::hash;
use crate::store::remote::Place;
use crate::store::remote::uploads::put_now;
use crate::store::{Place as At, raw, remote};
use serde_json::Value;
use std::fs::File;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files beyond this number are not looked at one by one.
const MOST_STAMPED: usize = 100_000;

/// Longer metadata is taken for damage.
const LONGEST_METADATA: u64 = 256 << 20;

/// A set of named byte strings. Those of folders and of objects can be written to.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Files under a directory.
    Directory(PathBuf),
    /// Entries of a zip archive.
    Zip(Arc<Archive>),
    /// Objects below a prefix.
    Remote(Arc<Hierarchy>),
    /// What an index refers to.
    References(Arc<References>),
}

impl Source {
    /// The directory, archive, index or prefix at `path`, of which `inner` is looked at first.
    pub(super) fn open(path: &Path, inner: &str) -> Result<Self> {
        let is_file = if remote::is_url(path) { ends_as_file(path) } else { path.is_file() };
        if is_file && References::is_one(path) {
            Ok(Self::References(Arc::new(References::open(path)?)))
        } else if is_file {
            Ok(Self::Zip(Arc::new(Archive::open(path)?)))
        } else {
            Self::of_folder(path, inner)
        }
    }

    /// The directory or prefix at `path`, which need not be there yet.
    pub(super) fn of_folder(path: &Path, inner: &str) -> Result<Self> {
        if remote::is_url(path) {
            return Ok(Self::Remote(Arc::new(Hierarchy::open(path, inner)?)));
        }
        Ok(Self::Directory(path.to_owned()))
    }

    /// How errors name a key.
    pub(super) fn name(&self, key: &str) -> PathBuf {
        match self {
            Self::Directory(root) if key.is_empty() => root.clone(),
            Self::Directory(root) => root.join(key),
            Self::Zip(archive) => archive.path().join(key),
            Self::Remote(hierarchy) => hierarchy.name(key),
            Self::References(index) => index.path().join(key),
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
                    Err(e) => return Err(Error::request(path, "cannot be opened", &e)),
                };
                let meta = file.metadata().map_err(|e| Error::request(&path, "cannot be read", &e))?;
                if meta.is_dir() {
                    return Err(Error::store(path, "is a folder"));
                }
                let file = Input::of(file, &path)?;
                Ok(Some(Piece { bytes: Bytes::File { file, offset: 0 }, len: meta.len(), path }))
            }
            Self::Zip(archive) => archive.piece(key, path),
            Self::Remote(hierarchy) => hierarchy.piece(key, LONGEST_METADATA),
            Self::References(index) => index.piece(key, path),
        }
    }

    /// The objects, where they are behind a network.
    pub(super) fn remote(&self) -> Option<&Arc<Hierarchy>> {
        if let Self::Remote(hierarchy) = self { Some(hierarchy) } else { None }
    }

    /// Whether bytes come from behind a network.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Directory(_) => false,
            Self::Zip(archive) => archive.file().is_remote(),
            Self::Remote(_) => true,
            Self::References(index) => index.is_remote(),
        }
    }

    /// The object behind a network, and the range of it, by which the bytes of a key are read, where that is known.
    pub(super) fn range(&self, key: &str) -> Option<(Arc<Place>, String, (u64, u64))> {
        match self {
            Self::Directory(_) | Self::Remote(_) => None,
            Self::Zip(archive) => {
                let (file, range) = archive.range(key)?;
                let object = file.object()?;
                Some((Arc::clone(object.place()), object.key().to_owned(), range))
            }
            Self::References(index) => index.range(key),
        }
    }

    /// How many bytes a key holds in the file system; where that takes a request, nobody asks.
    pub(super) fn length(&self, key: &str) -> Option<u64> {
        match self {
            Self::Directory(_) => std::fs::metadata(self.name(key)).ok().map(|m| m.len()),
            Self::Zip(archive) => archive.packed(key),
            Self::Remote(_) => None,
            Self::References(index) => index.length(key),
        }
    }

    /// Where the bytes of a key below `prefix` are, for whoever refers to them; `None` where there is no such key.
    pub(super) fn place(&self, prefix: &str, key: &str) -> Result<Option<At>> {
        let path = self.name(key);
        match self {
            Self::Directory(_) => match std::fs::metadata(&path) {
                Ok(meta) if meta.is_file() => Ok(Some(At::File { path, offset: 0, length: meta.len() })),
                Ok(_) => Err(Error::store(path, "is a folder")),
                Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(None),
                Err(e) => Err(Error::request(path, "cannot be found", &e)),
            },
            Self::Zip(archive) => {
                let place = archive.place(key, &path)?;
                let at = |(offset, length)| At::File { path: archive.path().to_owned(), offset, length };
                Ok(place.map(at))
            }
            Self::Remote(hierarchy) => {
                let length = hierarchy.length(prefix, key)?;
                Ok(length.map(|length| At::File { path, offset: 0, length }))
            }
            Self::References(index) => index.place(key, &path),
        }
    }

    /// The text of a metadata document; `None` where there is none.
    pub(super) fn document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        if let Self::Remote(hierarchy) = self {
            return hierarchy.document(key);
        }
        if matches!(self, Self::Directory(_)) && self.name(key).is_dir() {
            return Ok(None);
        }
        let Some(piece) = self.piece(key)? else { return Ok(None) };
        if piece.len > LONGEST_METADATA {
            return Err(Error::store(&piece.path, format!("is {} bytes long, too much for metadata", piece.len)));
        }
        piece.read_all().map(Some)
    }

    /// Writes a metadata document, whole or not at all.
    pub(super) fn put(&self, key: &str, document: &Value) -> Result<()> {
        let path = self.name(key);
        let text = serde_json::to_vec_pretty(document).map_err(|e| Error::store(&path, e))?;
        match self {
            Self::Directory(_) => {
                let folder = path.parent().unwrap_or(&path);
                std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, e))?;
                raw::write_whole(&path, &text)
            }
            Self::Remote(hierarchy) => put_now(hierarchy.place(), &hierarchy.object(key), text),
            Self::Zip(_) | Self::References(_) => Err(self.unwritten()),
        }
    }

    /// Removes a metadata document, where there is one.
    pub(super) fn remove(&self, key: &str) -> Result<()> {
        match self {
            Self::Directory(_) => match std::fs::remove_file(self.name(key)) {
                Err(e) if e.kind() != NotFound => Err(Error::store(self.name(key), e)),
                _ => Ok(()),
            },
            Self::Remote(hierarchy) => hierarchy.place().delete(&[hierarchy.object(key)]),
            Self::Zip(_) | Self::References(_) => Err(self.unwritten()),
        }
    }

    fn unwritten(&self) -> Error {
        Error::store(self.name(""), "is a file; only folders are written to")
    }

    /// What tells whether anything under a prefix has changed: names, sizes and times of its files. Where there are
    /// more than a hundred thousand, only those of metadata count; behind a network, what metadata says.
    pub(super) fn stamp(&self, prefix: &str) -> Option<String> {
        match self {
            Self::Directory(_) => {}
            Self::Zip(archive) => return archive.file().stamp(),
            Self::Remote(hierarchy) => return hierarchy.stamp(prefix),
            Self::References(index) => return index.stamp(prefix),
        }
        let root = self.name(prefix);
        let (mut files, mut mixed) = (0, 0u64);
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).ok()? {
                let entry = entry.ok()?;
                if entry.file_type().ok()?.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                files += 1;
                if files > MOST_STAMPED {
                    let stamps = METADATA.iter().map(|name| raw::stamp(&root.join(name)));
                    return Some(stamps.flatten().collect::<Vec<_>>().join("; "));
                }
                let path = entry.path();
                let text = format!("{} {}", path.strip_prefix(&root).ok()?.display(), raw::stamp(&path)?);
                // A sum, so that the order in which the system lists them does not matter.
                mixed = mixed.wrapping_add(hash(text.as_bytes()));
            }
        }
        Some(format!("{files} files {mixed:016x}"))
    }

    /// The names directly below a prefix that may hold more keys, sorted.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let root = match self {
            Self::Directory(_) => self.name(prefix),
            Self::Zip(archive) => return Ok(archive.folders(prefix)),
            Self::Remote(hierarchy) => return hierarchy.folders(prefix),
            Self::References(index) => return Ok(index.folders(prefix)),
        };
        let entries = match std::fs::read_dir(&root) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
            Err(e) => return Err(Error::store(&root, e)),
        };
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

/// Whether a URL is taken for that of one file, an archive or an index, by its ending.
pub(super) fn ends_as_file(path: &Path) -> bool {
    let is = |ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
    is("zip") || (is("json") && path.file_name().is_some_and(|name| name != METADATA[0]))
}
