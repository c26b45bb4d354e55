//! Where arrays live: files and memory, behind one trait.
//!
//! [`Store`] reads one array by region; [`Sink`] writes one by whole chunks; a [`Format`] finds, opens, lists and
//! creates them. Paths run straight through containers: `data/x.zarr/group/array`, `data/x.h5/group/dataset`.
//! `FORMATS` lists what exists. Adding one is a file and a line there; `conformance.rs` is its test.
//!
//! Invariants: a store never schedules and never spawns threads (one call, one thread); a sink's array becomes visible
//! in [`Sink::finish`], last of all, and a sink dropped before that leaves nothing behind.

use crate::chunk::{Chunks, Region};
use crate::device::data::Data;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use remote::ahead::Ahead;
use serde_json::{Map, Number, Value};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod info;
#[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "its users are left out"))]
mod trail;
pub mod meter;
pub mod raw;
#[cfg(any(feature = "zarr", feature = "hdf5"))]
#[cfg_attr(not(all(feature = "zarr", feature = "hdf5")), allow(dead_code, reason = "its users are left out"))]
mod unpack;
pub(crate) mod lock;
pub mod manifest;
mod encoding;
mod create;
#[cfg_attr(not(any(feature = "zarr", feature = "hdf5")), allow(dead_code, reason = "its users are left out"))]
mod update;
pub(crate) mod staging;
pub mod memory;
pub mod ome;
#[cfg_attr(not(all(feature = "remote", feature = "zarr")), allow(dead_code, reason = "its users are left out"))]
pub mod remote;
#[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "its users are left out"))]
mod input;
mod extent;
mod patches;
pub mod index;
pub mod npy;
pub mod binary;
pub mod netcdf3;
#[cfg(feature = "tiff")]
pub mod tiff;
#[cfg(feature = "zarr")]
pub mod zarr;
#[cfg(feature = "hdf5")]
pub mod hdf5;
pub mod joined;
mod locate;
mod listing;
pub mod conformance;

pub use create::{Create, Layout};
pub use encoding::{Coded, Encoding, Place};
pub use info::Info;
pub use listing::Listing;
pub(crate) use locate::pieces;
use locate::{locate, place, wanted};
pub use trail::Trail;
pub use update::{Change, Update};

/// Attributes of an array or a group.
pub type Attributes = Map<String, Value>;

/// A number of an attribute as JSON; NaN and infinities are texts, as in Zarr, and complex numbers have no form.
pub(crate) fn json(value: Scalar) -> Option<Value> {
    match value {
        Scalar::Bool(v) => Some(Value::Bool(v)),
        Scalar::Int(v) => {
            let number = i64::try_from(v).map(Number::from).or_else(|_| u64::try_from(v).map(Number::from));
            number.ok().map(Value::Number)
        }
        Scalar::Float(v) if v.is_nan() => Some(Value::String("NaN".to_owned())),
        Scalar::Float(v) if v.is_infinite() => {
            Some(Value::String(if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()))
        }
        Scalar::Float(v) => Number::from_f64(v).map(Value::Number),
        Scalar::Complex(_) => None,
    }
}

/// A readable array.
pub trait Store: fmt::Debug + Send + Sync {
    /// Shape, dtype, chunks, attributes.
    fn info(&self) -> &Info;

    /// Fills `out` with the elements of `region` in C order and native endianness. Cheapest when the region is a union
    /// of whole chunks. Runs on the calling thread alone.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming file, array and chunk.
    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()>;

    /// Whether parts of chunks which follow each other in C order cost no more than the chunks, when one thread reads
    /// them one after the other ([`Store::read_on`]), and one alone little more than it holds.
    fn reads_in_parts(&self) -> bool {
        false
    }

    /// As [`Store::read`], where `trail` has what the read before has left, of which this one may be the next part.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn read_on(&self, region: &Region, out: &mut [u8], trail: &mut Trail) -> Result<()> {
        let _ = trail;
        self.read(region, out)
    }

    /// What tells whether the stored array has changed: sizes and times of files, a digest of metadata. Runs are
    /// resumed only when it is the same; a store that knows nothing is trusted.
    fn stamp(&self) -> Option<String> {
        None
    }

    /// The shape of the pieces that are written whole (chunks, or shards), where all are alike; those at the edge of
    /// the array are as large.
    fn piece(&self) -> Option<Vec<usize>> {
        None
    }

    /// How the chunks are encoded, for whoever reads them where they are.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the chunks are not byte strings of their own, or by codecs
    /// that have no name elsewhere.
    fn encoding(&self) -> Result<Encoding> {
        Err(Error::unsupported(format!("{}: chunks of {} are not referred to", self.info().path, self.info().format)))
    }

    /// How its pieces ([`Store::piece`]) are encoded, for whoever stores them elsewhere as they are; `None` where that
    /// has no words.
    fn coding(&self) -> Option<Encoding> {
        None
    }

    /// The piece of this index as it is stored.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it cannot be read.
    fn coded(&self, index: &[usize]) -> Result<Coded> {
        let _ = index;
        Ok(Coded::Otherwise)
    }

    /// Where the chunk of this index in the grid of [`Store::encoding`] is; `None` where it was never written.
    ///
    /// # Errors
    /// As [`Store::encoding`], and [`Store`](crate::ErrorKind::Store) when that cannot be read.
    fn place(&self, index: &[usize]) -> Result<Option<Place>> {
        let _ = index;
        self.encoding().map(|_| None)
    }

    /// Asks the operating system to start reading what `region` needs, without waiting for it.
    fn prefetch(&self, region: &Region) {
        let _ = region;
    }

    /// Whether reading waits for a network rather than for a disk.
    fn is_remote(&self) -> bool {
        false
    }

    /// As [`Store::prefetch`], behind a network ([`Store::is_remote`]), where bytes have to be held until they are
    /// read: `ahead` holds them. Whether it has room for all of them; where it has not, this is called again. On this
    /// machine there is nothing to hold.
    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        let _ = (region, ahead);
        true
    }

    /// What has to be looked at before `region` is read, which takes requests of which each waits for the one before:
    /// the files of many, or an index of chunks. By numbers of the store's own; none where that was done, or nothing is
    /// behind a network.
    fn unseen(&self, region: &Region) -> Vec<usize> {
        let _ = region;
        Vec::new()
    }

    /// Looks at one of the [unseen](Store::unseen) parts. Runs on the calling thread, and may be called on many at
    /// once.
    ///
    /// # Errors
    /// As those of opening and reading, where they come up again.
    fn look(&self, part: usize) -> Result<()> {
        let _ = part;
        Ok(())
    }

    /// Whether any box costs only what it holds (uncompressed, contiguous data): then chunks are not cached.
    fn random_access(&self) -> bool {
        false
    }

    /// Whether the array lies in memory already, of the host or of a device, and takes none to be read.
    fn in_memory(&self) -> bool {
        false
    }

    /// The container that the array is in, and its path inside of that, where others are found there without asking
    /// again for what is known.
    fn within(&self) -> Option<(Arc<dyn Container>, String)> {
        None
    }

    /// The pieces in memory that `span` touches, and the boxes that they are.
    fn held(&self, span: &Region) -> Vec<(Data, Region)> {
        let _ = span;
        Vec::new()
    }
}

/// What a container is known to hold since something in it was opened: what is found in it is as new as that.
pub trait Container: fmt::Debug + Send + Sync {
    /// Says which arrays will be looked for, by their paths inside: what has to be asked for is then asked for at once,
    /// with the first of them.
    fn announce(&self, inner: &[String]) {
        let _ = inner;
    }

    /// The array at this path inside; `None` where none is that can be read.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when that cannot be told.
    fn array(&self, inner: &str) -> Result<Option<Arc<dyn Store>>>;
}

/// An array being written.
pub trait Sink: fmt::Debug + Send + Sync {
    /// The pieces that one [`Sink::write`] must cover whole: chunks, or shards where there are some.
    fn grid(&self) -> &Chunks;

    /// Whether `region`, a union of whole pieces of the grid, was written by an earlier, interrupted run that this one
    /// goes on with; it is not written again then.
    fn has(&self, region: &Region) -> bool {
        let _ = region;
        false
    }

    /// Writes the elements of `region`, a union of whole pieces of the grid. Each piece is written once; calls for
    /// different pieces may run at the same time.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming file, array and chunk.
    fn write(&self, region: &Region, data: &[u8]) -> Result<()>;

    /// Stores the bytes of a piece, which are encoded as the array's own are ([`Create::encoding`]).
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn write_coded(&self, index: &[usize], bytes: Vec<u8>) -> Result<()> {
        let _ = bytes;
        Err(Error::bug(format!("chunk {} of an array is written that does not take it", shape::tuple(index))))
    }

    /// Makes the array visible under its name. Every piece has been written.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// What a container holds, and what opens arrays of it without asking again for what is known by then, where there is
/// such a thing.
pub type Survey = (Vec<Node>, Option<Arc<dyn Container>>);

/// An entry of a container's tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Path inside the container, without a leading slash; empty for the root.
    pub path: String,
    /// What stands there.
    pub kind: NodeKind,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A group and its attributes.
    Group(Attributes),
    /// An array.
    Array(Box<Info>),
    /// Something that cannot be opened as an array of numbers, and why.
    Other(String),
}

/// A file format.
pub trait Format: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Whether `path` (which exists) is a container or an array of this format.
    fn recognises(&self, path: &Path) -> bool;

    /// Which of these prefixes behind a network are containers of this format, or in one; asked for at once.
    fn are_prefixes(&self, paths: &[&Path]) -> Vec<bool> {
        vec![false; paths.len()]
    }

    /// Whether a path that does not exist yet would be created in this format, by its ending.
    fn creates(&self, path: &Path) -> bool;

    /// Whether interrupted writing can be resumed; see [`Create::resume`].
    fn resumes(&self) -> bool {
        false
    }

    /// Whether its arrays are made of many objects behind a network, and can be written there.
    fn is_remote(&self) -> bool {
        false
    }

    /// Opens the array `inner` (may be empty) of the container at `path`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) or [`Unsupported`](crate::ErrorKind::Unsupported), naming path and reason.
    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>>;

    /// Every group and array at or below `inner`, in a stable order. Terminates on cyclic links.
    ///
    /// # Errors
    /// As [`Format::open`].
    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>>;

    /// As [`Format::tree`], with what opens the arrays.
    ///
    /// # Errors
    /// As [`Format::open`].
    fn survey(&self, path: &Path, inner: &str) -> Result<Survey> {
        self.tree(path, inner).map(|nodes| (nodes, None))
    }

    /// Begins the array `inner` of the container at `path`, which may not exist yet.
    ///
    /// # Errors
    /// As [`Format::open`]; also when it exists and `layout.how.overwrite` is not set.
    fn create(&self, path: &Path, inner: &str, layout: &Layout) -> Result<Box<dyn Sink>>;

    /// Whether chunks that are encoded like this can be those of an array with this layout at `path`.
    fn keeps(&self, path: &Path, encoding: &Encoding, layout: &Layout) -> bool {
        let _ = (path, encoding, layout);
        false
    }

    /// That the array `inner` can be changed so, as far as that is known before anything is looked at but the array.
    ///
    /// # Errors
    /// As [`Format::change`].
    fn admits(&self, path: &Path, inner: &str, change: &Change) -> Result<()> {
        let _ = (path, inner, change);
        Ok(())
    }

    /// Begins to change the array `inner`, which exists: the sink's grid is that of what is written
    /// ([`Change::grid`]). Nothing of the array changes before [`Sink::finish`] where the format can see to that.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the format cannot; otherwise as [`Format::open`], also when
    /// the array does not have the shape that the change starts from, or cannot grow.
    fn change(&self, path: &Path, inner: &str, change: &Change) -> Result<Box<dyn Sink>> {
        let (_, at) = (change, path.join(inner));
        Err(Error::unsupported(format!("{}: arrays of {} are not changed in place", at.display(), self.name())))
    }

    /// Begins to change several arrays of a container: as [`Format::change`] for each, but that nothing changes before
    /// the last of the sinks is finished, where the format can see to that.
    ///
    /// # Errors
    /// As [`Format::change`].
    fn change_together(&self, path: &Path, changes: &[(&str, &Change)]) -> Result<Vec<Box<dyn Sink>>> {
        changes.iter().map(|(inner, change)| self.change(path, inner, change)).collect()
    }

    /// Whether an array that gets longer makes all others longer that share the axis.
    fn grows_together(&self) -> bool {
        false
    }

    /// Goes on with a change of the array `inner` that was interrupted when nothing was left but to put it into its
    /// place; the tokens of that ([`Change::token`]), one a line, where there was one.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the array.
    fn recover(&self, path: &Path, inner: &str) -> Result<Option<String>> {
        let _ = (path, inner);
        Ok(None)
    }

    /// The group in which coordinates of the array `inner` are looked for; `None` where there is no such place.
    fn neighbours(&self, inner: &str) -> Option<String> {
        let _ = inner;
        None
    }

    /// Ties the axes of the finished array `inner` to the coordinates beside it, in formats where names do not.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the array.
    fn link(&self, path: &Path, inner: &str) -> Result<()> {
        let _ = (path, inner);
        Ok(())
    }

    /// Makes the group `inner` (empty for the root) of the container at `path`, where it is missing, and gives it the
    /// attributes of `how` beside those that it has. Of `how`, the Zarr version counts as well.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the format has no groups; else as [`Format::create`].
    fn group(&self, path: &Path, inner: &str, how: &Create) -> Result<()> {
        let _ = (inner, how);
        Err(Error::unsupported(format!("{}: {} has no groups", path.display(), self.name())))
    }
}

/// Where a coordinate of the array at `path` is stored: in the same group, by its name. `None` where the format has no
/// place for it, or that is the array itself.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the path names no format.
pub fn beside(path: impl AsRef<Path>, name: &str) -> Result<Option<PathBuf>> {
    let (format, container, inner) = place(path.as_ref())?;
    let group = format.neighbours(&inner).filter(|_| !name.is_empty() && !name.contains('/') && !name.starts_with('.'));
    let own = |at: &PathBuf| container.join(&inner) != *at;
    Ok(group.map(|group| container.join(group).join(name)).filter(own))
}

/// Tells a finished array where the coordinates of its axes are; see [`Format::link`].
///
/// # Errors
/// As [`Format::link`], and when the path names no format.
pub fn link(path: impl AsRef<Path>) -> Result<()> {
    let (format, container, inner) = place(path.as_ref())?;
    format.link(&container, &inner)
}

/// Every format, in the order in which they are asked.
static FORMATS: &[&dyn Format] = &[
    &npy::Npy,
    &binary::Binary,
    &netcdf3::Netcdf3,
    #[cfg(feature = "tiff")]
    &tiff::Tiff,
    #[cfg(feature = "zarr")]
    &zarr::Zarr,
    #[cfg(feature = "hdf5")]
    &hdf5::Hdf5,
];

/// Opens the array at `path`, which may run through a container.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when nothing is there or nothing there can be read.
pub fn open(path: impl AsRef<Path>) -> Result<Arc<dyn Store>> {
    let (format, container, inner) = locate(path.as_ref())?;
    format.open(&container, &inner)
}

/// Lists the groups and arrays at or below `path`.
///
/// # Errors
/// As [`open`].
pub fn tree(path: impl AsRef<Path>) -> Result<Vec<Node>> {
    let (format, container, inner) = locate(path.as_ref())?;
    format.tree(&container, &inner)
}

/// Begins an array at `path`; the container is created where it is missing.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the path names no format, or the array exists and is not to be replaced.
pub fn create(path: impl AsRef<Path>, layout: &Layout) -> Result<Box<dyn Sink>> {
    let path = path.as_ref();
    let (format, container, inner) = place(path)?;
    let format = wanted(format, &layout.how)?;
    if remote::is_url(path) && !format.is_remote() {
        return Err(Error::unsupported(format!("{}: behind a network, Zarr is written", path.display())));
    }
    format.create(&container, &inner, layout)
}

/// Whether chunks that are encoded like this can be those of an array at `path`; see [`Format::keeps`].
pub(crate) fn keeps(path: &Path, encoding: &Encoding, layout: &Layout) -> bool {
    let Ok((format, container, _)) = place(path) else { return false };
    wanted(format, &layout.how).is_ok_and(|format| format.keeps(&container, encoding, layout))
}

/// That the array at `path` can be changed so; see [`Format::admits`].
///
/// # Errors
/// As [`Format::change`].
pub fn admits(path: impl AsRef<Path>, change: &Change) -> Result<()> {
    let (format, container, inner) = locate(path.as_ref())?;
    format.admits(&container, &inner, change)
}

/// Begins to change the array at `path`; see [`Format::change`].
///
/// # Errors
/// As [`Format::change`].
pub fn change(path: impl AsRef<Path>, change: &Change) -> Result<Box<dyn Sink>> {
    let (format, container, inner) = locate(path.as_ref())?;
    format.change(&container, &inner, change)
}

/// Begins to change the arrays at these paths, those of one container together; see [`Format::change_together`].
///
/// # Errors
/// As [`Format::change`].
pub fn change_all(changes: &[(&Path, &Change)]) -> Result<Vec<Box<dyn Sink>>> {
    let places = changes.iter().map(|(path, _)| locate(path)).collect::<Result<Vec<_>>>()?;
    let real: Vec<PathBuf> = places.iter().map(|(_, at, _)| at.canonicalize().unwrap_or_else(|_| at.clone())).collect();
    let mut sinks: Vec<Option<Box<dyn Sink>>> = changes.iter().map(|_| None).collect();
    for (first, (format, container, _)) in places.iter().enumerate() {
        if sinks[first].is_none() {
            let members: Vec<usize> = (first..places.len()).filter(|&n| real[n] == real[first]).collect();
            let group: Vec<_> = members.iter().map(|&n| (places[n].2.as_str(), changes[n].1)).collect();
            for (n, sink) in members.into_iter().zip(format.change_together(container, &group)?) {
                sinks[n] = Some(sink);
            }
        }
    }
    sinks.into_iter().map(|sink| sink.ok_or_else(|| Error::bug("a sink for each change"))).collect()
}

/// Whether an array at `path` that gets longer makes others longer; see [`Format::grows_together`].
///
/// # Errors
/// As [`open`].
pub fn grows_together(path: impl AsRef<Path>) -> Result<bool> {
    locate(path.as_ref()).map(|(format, ..)| format.grows_together())
}

/// Goes on with an interrupted change of the array at `path`; see [`Format::recover`].
///
/// # Errors
/// As [`Format::recover`].
pub fn recover(path: impl AsRef<Path>) -> Result<Option<String>> {
    let (format, container, inner) = locate(path.as_ref())?;
    format.recover(&container, &inner)
}

/// Makes a group, or adds attributes to one; see [`Format::group`].
///
/// # Errors
/// As [`Format::group`], and when the path names no format.
pub fn group(path: impl AsRef<Path>, how: &Create) -> Result<()> {
    let (format, container, inner) = place(path.as_ref())?;
    wanted(format, how)?.group(&container, &inner, how)
}

/// Whether an array at `path` would be in a format in which interrupted writing can be resumed.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the path names no format.
pub fn resumes(path: impl AsRef<Path>) -> Result<bool> {
    place(path.as_ref()).map(|(format, ..)| format.resumes())
}

/// Removes what a finished array has kept to be known by; see [`Create::receipt`].
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when it cannot be removed, or the path names no format.
pub fn settle(path: impl AsRef<Path>) -> Result<()> {
    if remote::is_url(path.as_ref()) {
        return remote::settle(path.as_ref());
    }
    let (_, container, inner) = place(path.as_ref())?;
    staging::settle(&container, &inner)
}

/// The container that an array created at `path` would be in, and its path inside of that.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the path names no format.
pub fn destination(path: impl AsRef<Path>) -> Result<(PathBuf, String)> {
    place(path.as_ref()).map(|(_, container, inner)| (container, inner))
}

/// The container that something at `path` is in, and its path inside of that.
///
/// # Errors
/// As [`open`].
pub fn container(path: impl AsRef<Path>) -> Result<(PathBuf, String)> {
    locate(path.as_ref()).map(|(_, container, inner)| (container, inner))
}

/// Bytes of the file that holds the array at `path`; `None` where it is in many of them.
#[cfg(feature = "cli")]
pub(crate) fn file_length(path: &Path) -> Option<u64> {
    let (_, file, _) = locate(path).ok()?;
    input::Input::find(&file).ok().flatten().map(|file| file.length())
}
