//! Arrays behind a network: objects of S3, Google Cloud Storage and Azure, and files of HTTP servers.
//!
//! What a format needs of such a place is little: the bytes of a key, whole or in part (`Place::get`), many of them at
//! once (`Place::get_all`), names below a prefix, and for writing to put and to delete. `Objects` is that as a trait;
//! `client.rs` is the one implementation, over the crate `object_store`, which signs, times out, and makes requests
//! again with growing, jittered pauses; `services.rs` says whom it speaks to, and for whom. Nothing above this folder
//! knows of it. Formats ask for keys where they would open files: `zarr/source.rs`, and `input.rs` for formats in one
//! file, which is an `Object`.
//!
//! **Who waits.** A request that a reader asks for blocks the thread that asks, like any store's. So that compute
//! threads do not wait, the executor says what tasks will read ([`Store::fetch_ahead`](super::Store::fetch_ahead)), far
//! ahead of them, and hands in an [`Ahead`](ahead::Ahead): a bounded number of bytes, counted as living in the run's
//! memory, for what is fetched before it is asked for. A reader finds it there, or waits for what is under way, or asks
//! by itself. What nobody has asked for when its task is done goes. The places live as long as the process, an `Ahead`
//! as long as a sweep; a place only knows those that are alive.
//!
//! **Threads.** Requests run on two threads of a runtime of the process (`client.rs`), started with the first URL. It
//! belongs to no context, since arrays are opened, listed and coordinates found without one, and since connections,
//! sessions and credentials are worth sharing. These threads decode nothing; they wait for sockets. Who opens many
//! files does that on many threads (`runtime/each.rs`): each waits for one request after the other.
//!
//! **Files.** Formats in one file read it by position. What describes an array comes through blocks of 64 KiB, of which
//! a place keeps 32 MiB (`blocks.rs`); opening takes one request, for the first 256 KiB, and one more for each place
//! elsewhere that the format has to look at. What holds elements is asked for as it is, ranges near each other by one
//! request (`Place::fetch_all`). All answers must come from one and the same version of the object.
//!
//! **Keys.** A path that begins with a scheme is a URL and stays one through `Path`s: joining adds after a slash, the
//! way up ends at the host or bucket. Nothing may put such a path together from its components, which would lose a
//! slash.

use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub mod ahead;
pub(crate) mod blocks;
pub(crate) mod place;
pub(crate) mod object;
pub(crate) mod uploads;
#[cfg(feature = "remote")]
mod services;
#[cfg(feature = "remote")]
mod client;

#[cfg(feature = "hdf5")]
pub(crate) use blocks::BLOCK;
pub(crate) use object::Object;
pub(crate) use place::Place;

/// What begins the paths that are URLs.
const SCHEMES: [&str; 11] =
    ["s3://", "s3a://", "gs://", "gcs://", "az://", "azure://", "abfs://", "abfss://", "adl://", "http://", "https://"];

/// Whether a path is a URL of a place behind a network.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme)))
}

/// Requests under way to one place: what waits for more at once gains nothing.
pub(crate) const AT_ONCE: usize = 64;

/// Refuses what begins like a URL and is none that is known here, which would name a folder of this machine.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported), naming the schemes that are known.
pub(crate) fn refuse_unknown(path: &Path) -> Result<()> {
    let Some((scheme, _)) = path.to_str().and_then(|text| text.split_once("://")) else { return Ok(()) };
    if scheme.is_empty() || scheme.contains('/') || is_url(path) {
        return Ok(());
    }
    let known = SCHEMES.join(", ");
    let files = if scheme == "file" { "files are named by their paths alone; " } else { "" };
    Err(Error::unsupported(format!("{}: `{scheme}` is not known; {files}URLs begin with {known}", path.display())))
}

/// That something is not at a path.
pub(crate) fn missing(path: &Path, what: &str) -> Error {
    let place = if is_url(path) { locate(path).ok() } else { None };
    match place.and_then(|(place, _)| place.caveat()) {
        Some(caveat) => Error::store(path, format!("{what}; {caveat}")),
        None => Error::store(path, what),
    }
}

/// The object by which an array is known that is being written.
pub(crate) const RUN: &str = ".hyperslab-run";

/// Whether a place is only read.
pub(crate) fn is_read_only(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with("http"))
}

/// The names directly below a URL: of objects, and of what is a prefix of more of them.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let (place, key) = locate(folder)?;
    let listing = place.list(&key, false).map_err(|e| {
        let hint = "; HTTP has no listings, so that files are named one by one there";
        let is_http = is_read_only(folder);
        e.at(format!("looking for names that match{}", if is_http { hint } else { "" }))
    })?;
    // An empty object may stand for the folder itself.
    let inside = listing.objects.iter().map(|(name, _)| name).filter(|name| **name != key);
    let objects = inside.filter_map(|name| name.rsplit('/').next()).map(str::to_owned);
    Ok(objects.chain(listing.folders.iter().cloned()).filter(|name| !name.is_empty()).collect())
}

/// Removes what a finished array has kept to be known by.
pub(crate) fn settle(path: &Path) -> Result<()> {
    let (place, key) = locate(path)?;
    place.delete(&[format!("{key}/{RUN}")])
}

/// Notes that everything below a URL is stored by the run that `contents` tells, whose arrays have yet to be settled.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the object.
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "its users are left out"))]
pub(crate) fn mark(path: &Path, contents: &str) -> Result<()> {
    let (place, key) = locate(path)?;
    uploads::put_now(&place, &format!("{key}/{RUN}"), contents.as_bytes().to_vec())
}

/// Whether [`mark`] has noted that of a run.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the object.
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "its users are left out"))]
pub(crate) fn is_marked(path: &Path, contents: &str) -> Result<bool> {
    let (place, key) = locate(path)?;
    let most = Want::AtMost(1 << 20);
    Ok(place.get(&format!("{key}/{RUN}"), most)?.is_some_and(|got| got.bytes == contents.as_bytes()))
}

/// The bytes of an object that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// All of them, which are at most so many.
    AtMost(u64),
    /// From the first number to before the second.
    Range(u64, u64),
    /// So many at the end; all, where there are less.
    Last(u64),
}

/// Bytes of an object.
#[derive(Debug)]
pub(crate) struct Got {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where they begin in the object.
    pub(crate) start: u64,
    /// How long the object is.
    pub(crate) total: u64,
    /// What changes when the object does: its tag, or when it was written.
    pub(crate) tag: String,
}

impl Got {
    /// `len` of the bytes, from `at` of the object on, if they are among these.
    pub(crate) fn part(&self, at: u64, len: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }
}

/// What is told of a request; nothing where no such object is.
pub(crate) type Outcome = Result<Option<Got>>;

/// Is called once, from any thread, when a request is done; it does not wait for another one.
pub(crate) type Done<T> = Box<dyn FnOnce(T) + Send>;

/// Names below a prefix.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The next parts of keys that go on below them, sorted.
    pub(crate) folders: Vec<String>,
    /// Keys, and the lengths of their objects.
    pub(crate) objects: Vec<(String, u64)>,
}

/// Objects by key, requests for which run in the background.
pub(crate) trait Objects: fmt::Debug + Send + Sync {
    /// Why an object may be there that is said not to be.
    fn caveat(&self) -> Option<String> {
        None
    }

    /// Begins to get bytes of an object.
    fn begin(&self, key: &str, want: Want, done: Done<Outcome>);

    /// Begins to store an object, at once or not at all.
    fn put(&self, key: &str, data: Vec<u8>, done: Done<Result<()>>);

    /// The names directly below each of these folders, or all keys in them; asked for at once.
    fn list(&self, folders: &[String], all: bool) -> Vec<Result<Listing>>;

    /// Deletes objects; those that are not there are none to speak of.
    fn delete(&self, keys: &[String]) -> Result<()>;
}

/// The place of a URL, and the key in it.
pub(crate) fn locate(path: &Path) -> Result<(Arc<Place>, String)> {
    let bad = |why: &str| Error::store(path, why);
    let text = path.to_str().ok_or_else(|| bad("is not text"))?;
    let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("is not a URL"))?;
    let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return Err(bad(if scheme.starts_with("http") { "names no host" } else { "names no bucket" }));
    }
    if scheme.starts_with("http") && text.contains(['?', '#']) {
        return Err(bad("URLs with a query or a fragment are not supported"));
    }
    let key = key.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    Ok((connect(path, &format!("{scheme}://{host}"))?, key))
}

#[cfg(feature = "remote")]
fn connect(path: &Path, url: &str) -> Result<Arc<Place>> {
    client::connect(path, url)
}

#[cfg(not(feature = "remote"))]
fn connect(path: &Path, _: &str) -> Result<Arc<Place>> {
    Err(Error::unsupported(format!(
        "{}: this build has no object stores and no HTTP (feature `remote`)",
        path.display()
    )))
}
