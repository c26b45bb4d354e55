//! What of an output is done: the file by which an interrupted run is continued.
//!
//! A manifest stands beside the output. Its first line is the [`Fingerprint`] of the run; every piece that was written
//! adds a line with its number, length and checksum; the last line says that all of it is there, and under which inode.
//! Every line begins with its own checksum, so that what a killed process left half-written is recognised and dropped.

use crate::error::{Error, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The file is asked to reach the disk this often. What a crash of the machine takes away is computed again.
const SYNC: Duration = Duration::from_secs(5);

/// Longer manifests are taken for damage: enough for a hundred million pieces.
const LONGEST: u64 = 8 << 30;

/// What an output is computed from. Runs with the same fingerprint write the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// The expression, with every dtype, shape, tiling and constant, as a digest of its canonical text.
    pub expression: String,
    /// The new array's dtype, shape, chunks, codec and metadata, as text.
    pub layout: String,
    /// The arrays that are read, by path, with what tells whether they have changed.
    pub inputs: BTreeMap<String, String>,
}

impl Fingerprint {
    /// What differs from that of the run to be continued, in words; `None` when nothing does.
    fn change(&self, before: &Self) -> Option<String> {
        for (path, stamp) in &self.inputs {
            match before.inputs.get(path) {
                Some(old) if old == stamp => {}
                Some(_) => return Some(format!("its input {path} has changed")),
                None => return Some(format!("it did not read {path}")),
            }
        }
        if let Some(path) = before.inputs.keys().find(|path| !self.inputs.contains_key(*path)) {
            return Some(format!("it read {path}"));
        }
        if self.expression != before.expression {
            return Some("it computed another expression".to_owned());
        }
        (self.layout != before.layout).then(|| "its output has another dtype, shape, chunks or compression".to_owned())
    }

    fn to_json(&self) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        json!({"version": version, "expression": self.expression, "layout": self.layout, "inputs": self.inputs})
    }

    /// As the text by which the run is known again.
    #[cfg(feature = "zarr")]
    pub(crate) fn text(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    /// Whether `text` is that of a run; it has to be this one.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming `target` and what has changed, when it is of another run.
    pub(crate) fn continues(&self, text: &[u8], target: &Path) -> Result<bool> {
        let value = serde_json::from_slice::<Value>(text).ok();
        let Some((before, version)) = value.as_ref().and_then(Self::from_json) else { return Ok(false) };
        let what = if version == env!("CARGO_PKG_VERSION") {
            self.change(&before)
        } else {
            Some(format!("it was begun by version {version}"))
        };
        let Some(what) = what else { return Ok(true) };
        let why = format!("the run that was interrupted is not this one: {what}; without --resume it starts over");
        Err(Error::store(target, why))
    }

    fn from_json(value: &Value) -> Option<(Self, &str)> {
        let text = |key: &str| value.get(key)?.as_str();
        let inputs = value.get("inputs")?.as_object()?;
        let inputs = inputs.iter().map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect::<Option<_>>()?;
        let (expression, layout) = (text("expression")?.to_owned(), text("layout")?.to_owned());
        Some((Self { expression, layout, inputs }, text("version")?))
    }
}

/// A digest of any text, the same on every machine (FNV-1a).
#[must_use]
pub fn digest(text: &[u8]) -> String {
    format!("{:016x}-{}", hash(text), text.len())
}

pub(crate) fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The length and checksum of a piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seal {
    len: u64,
    crc: u32,
}

impl Seal {
    /// That of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::default().and(bytes)
    }

    /// That of bytes which go on with these.
    pub(crate) fn and(self, bytes: &[u8]) -> Self {
        let mut crc = libdeflater::Crc::with_initial(self.crc);
        crc.update(bytes);
        Self { len: self.len + bytes.len() as u64, crc: crc.sum() }
    }
}

/// What an earlier run had done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The seals of pieces, and whether they were found intact by now.
    pieces: Mutex<BTreeMap<u64, (Seal, bool)>>,
    /// The inode of the output, where all of it was there.
    pub(crate) whole: Option<u64>,
    /// Bytes of valid lines.
    valid: u64,
}

impl Done {
    /// The manifest at `path`, if there is one of the same run.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming `target`, when it is of another run.
    pub(crate) fn load(path: &Path, target: &Path, run: &Fingerprint) -> Result<Option<Self>> {
        let mut text = Vec::new();
        let Ok(file) = File::open(path) else { return Ok(None) };
        file.take(LONGEST).read_to_end(&mut text).map_err(|e| Error::store(path, e))?;
        let mut lines = Lines { text: &text, at: 0 };
        let first = lines.next().and_then(|line| line.strip_prefix(b"run "));
        let Some(true) = first.map(|line| run.continues(line, target)).transpose()? else { return Ok(None) };
        let mut done = Self { valid: lines.at as u64, ..Self::default() };
        let mut pieces = BTreeMap::new();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = std::str::from_utf8(line).unwrap_or_default().split(' ').collect();
            match words.as_slice() {
                ["done", piece, len, crc] => {
                    let seal = (piece.parse(), len.parse(), crc.parse());
                    let (Ok(piece), Ok(len), Ok(crc)) = seal else { break };
                    pieces.insert(piece, (Seal { len, crc }, false));
                }
                ["whole", inode] => done.whole = inode.parse().ok(),
                _ => break,
            }
            done.valid = lines.at as u64;
        }
        done.pieces = Mutex::new(pieces);
        Ok(Some(done))
    }

    /// Whether a piece was written and is still what it was; `read` gives its bytes, unless their number is another.
    pub(crate) fn has(&self, piece: usize, read: impl FnOnce(u64) -> Option<Vec<u8>>) -> bool {
        let piece = piece as u64;
        let Some((seal, intact)) = self.pieces.lock().get(&piece).copied() else { return false };
        if intact {
            return true;
        }
        let intact = read(seal.len).is_some_and(|bytes| Seal::of(&bytes) == seal);
        let mut pieces = self.pieces.lock();
        if intact {
            pieces.insert(piece, (seal, true));
        } else {
            pieces.remove(&piece);
        }
        intact
    }
}

/// A manifest being written.
#[derive(Debug)]
pub(crate) struct Manifest {
    file: File,
    began: Instant,
    /// Milliseconds after `began` at which it was last asked to reach the disk.
    synced: AtomicU64,
}

impl Manifest {
    /// Begins the manifest of a run, in place of any that is there, or goes on with that of `done`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file.
    pub(crate) fn begin(path: &Path, run: &Fingerprint, done: Option<&Done>) -> Result<Self> {
        let fail = |e: std::io::Error| Error::store(path, format!("cannot be created: {e}"));
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(fail)?;
        file.set_len(done.map_or(0, |d| d.valid)).map_err(fail)?;
        let manifest = Self { file, began: Instant::now(), synced: AtomicU64::new(0) };
        if done.is_none() {
            manifest.line(&format!("run {}", run.to_json())).map_err(fail)?;
        }
        Ok(manifest)
    }

    /// Notes that a piece was written.
    pub(crate) fn note(&self, piece: usize, seal: Seal) -> std::io::Result<()> {
        self.line(&format!("done {piece} {} {}", seal.len, seal.crc))?;
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.synced.load(Ordering::Relaxed);
        let due = u128::from(now - last.min(now)) >= SYNC.as_millis();
        if due && self.synced.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Notes that everything was written, into the file or folder of this inode.
    pub(crate) fn whole(&self, inode: u64) -> std::io::Result<()> {
        self.line(&format!("whole {inode}"))
    }

    /// Adds a line, in one write: lines of different threads do not mix.
    fn line(&self, text: &str) -> std::io::Result<()> {
        (&self.file).write_all(format!("{:08x} {text}\n", libdeflater::crc32(text.as_bytes())).as_bytes())
    }
}

/// The lines up to the first that is not whole.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|&b| b == b'\n')?;
        let (sum, line) = rest[..end].split_at_checked(9)?;
        let sum = std::str::from_utf8(sum.strip_suffix(b" ")?).ok()?;
        if u32::from_str_radix(sum, 16).ok()? != libdeflater::crc32(line) {
            return None;
        }
        self.at += end + 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Fingerprint {
        let inputs = [("x.npy".to_owned(), "1".to_owned())].into();
        Fingerprint { expression: "a".into(), layout: "b".into(), inputs }
    }

    #[test]
    fn lines_come_back_up_to_the_first_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let manifest = Manifest::begin(&path, &run(), None).unwrap();
        manifest.note(3, Seal::of(b"abc")).unwrap();
        manifest.note(4, Seal::of(b"")).unwrap();
        manifest.whole(77).unwrap();
        let load = || Done::load(&path, Path::new("out"), &run()).unwrap().unwrap();
        let done = load();
        let has = |done: &Done, piece, bytes: &[u8]| done.has(piece, |_| Some(bytes.to_vec()));
        assert!(has(&done, 3, b"abc") && has(&done, 4, b"") && !has(&done, 5, b""));
        // Looked at once; a piece that is damaged is forgotten.
        assert!(done.has(3, |_| None));
        let other = load();
        assert!(!has(&other, 3, b"abd") && !has(&other, 3, b"abc"));
        assert_eq!(done.whole, Some(77));
        let text = std::fs::read(&path).unwrap();
        for cut in 0..text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            match Done::load(&path, Path::new("out"), &run()).unwrap() {
                None => assert!(cut < text.iter().position(|&b| b == b'\n').unwrap() + 1),
                Some(done) => assert_eq!(done.whole, None),
            }
        }
        // A run that goes on drops the torn line, and adds to the rest.
        std::fs::write(&path, &text[..text.len() - 3]).unwrap();
        let done = load();
        Manifest::begin(&path, &run(), Some(&done)).unwrap().note(9, Seal::of(b"x")).unwrap();
        let done = load();
        assert!(has(&done, 3, b"abc") && has(&done, 4, b"") && has(&done, 9, b"x") && done.whole.is_none());
    }

    #[test]
    fn another_run_is_refused_with_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let _ = Manifest::begin(&path, &run(), None).unwrap();
        let refused = |change: &dyn Fn(&mut Fingerprint)| {
            let mut other = run();
            change(&mut other);
            Done::load(&path, Path::new("out"), &other).unwrap_err().to_string()
        };
        let start = "out: the run that was interrupted is not this one: ";
        let check = |text: String, what: &str| assert!(text.starts_with(&format!("{start}{what}; ")), "{text}");
        check(refused(&|f| f.expression.push('x')), "it computed another expression");
        check(refused(&|f| f.layout.clear()), "its output has another dtype, shape, chunks or compression");
        check(refused(&|f| drop(f.inputs.insert("x.npy".into(), "2".into()))), "its input x.npy has changed");
        check(refused(&|f| drop(f.inputs.insert("y".into(), "2".into()))), "it did not read y");
        check(refused(&|f| f.inputs.clear()), "it read x.npy");
    }
}
