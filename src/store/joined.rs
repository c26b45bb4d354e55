//! Many stored arrays as one: side by side along an axis, or stacked along a new one.
//!
//! However many there are, few are open at a time: what a [`Joined`] knows of a part is its path and its length. A part
//! is opened when a region touches it, and must then be what it was when the parts were put together.

use super::remote::ahead::Ahead;
use super::remote::{self, is_url};
use super::{Encoding, Info, Place, Store, raw};
use crate::chunk::Region;
use crate::cpu::copy::copy_box;
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Parts that stay open; behind a network, where opening takes requests and what is open takes no file, there are more.
const KEPT_OPEN: usize = 64;
const KEPT_REMOTE: usize = 1024;

/// The arrays at several paths as one.
#[derive(Debug)]
pub struct Joined {
    info: Info,
    axis: usize,
    /// Whether the axis is one that the parts do not have.
    stacked: bool,
    paths: Vec<PathBuf>,
    /// Where along the axis each part begins, and the end of the last.
    bounds: Vec<usize>,
    random_access: bool,
    is_remote: bool,
    open: Mutex<VecDeque<(usize, Arc<dyn Store>)>>,
    /// How the first part is encoded, and which are known to be encoded like it.
    encodings: Mutex<(Option<Arc<Encoding>>, BTreeSet<usize>)>,
}

impl Joined {
    /// The arrays at `paths`, which are so long along `axis` of the whole, which `info` describes. A `stacked` axis is
    /// new: the parts do not have it, and each is 1 long.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the lengths do not add up to the whole.
    pub fn new(
        info: Info,
        (axis, stacked): (usize, bool),
        parts: Vec<(PathBuf, usize)>,
        random_access: bool,
    ) -> Result<Self> {
        let mut bounds = vec![0];
        let mut paths = Vec::with_capacity(parts.len());
        for (path, len) in parts {
            bounds.push(bounds[bounds.len() - 1] + len);
            paths.push(path);
        }
        if info.shape.get(axis) != bounds.last() {
            return Err(Error::bug(format!("the parts of {} fill axis {axis}", info.path)));
        }
        let is_remote = paths.iter().any(|path| is_url(path));
        let (open, encodings) = Default::default();
        Ok(Self { info, axis, stacked, paths, bounds, random_access, is_remote, open, encodings })
    }

    /// The whole, of whose parts those are open that are given, by their numbers.
    #[must_use]
    pub fn with_open(self, parts: impl IntoIterator<Item = (usize, Arc<dyn Store>)>) -> Self {
        parts.into_iter().for_each(|(number, store)| self.keep(number, &store));
        self
    }

    /// Keeps a part open, in place of the one that nobody has used for longest.
    fn keep(&self, number: usize, store: &Arc<dyn Store>) {
        let mut open = self.open.lock();
        open.push_back((number, Arc::clone(store)));
        while open.len() > if self.is_remote { KEPT_REMOTE } else { KEPT_OPEN } {
            open.pop_front();
        }
    }

    /// The part of this number, if it is open.
    fn open_part(&self, number: usize) -> Option<Arc<dyn Store>> {
        let open = self.open.lock();
        open.iter().find(|(n, _)| *n == number).map(|(_, store)| Arc::clone(store))
    }

    /// The part of this number, open.
    fn part(&self, number: usize) -> Result<Arc<dyn Store>> {
        let mut open = self.open.lock();
        if let Some(at) = open.iter().position(|(n, _)| *n == number) {
            let entry = open.remove(at);
            let found = entry.as_ref().map(|(_, store)| Arc::clone(store));
            open.extend(entry);
            return found.ok_or_else(|| Error::bug("what was found is there"));
        }
        drop(open);
        let path = &self.paths[number];
        let store = super::open(path)?;
        let info = store.info();
        let mut lengths = self.info.shape.clone();
        lengths[self.axis] = self.bounds[number + 1] - self.bounds[number];
        if self.stacked {
            lengths.remove(self.axis);
        }
        if info.dtype != self.info.dtype || info.shape != lengths {
            let (was, is) = (shape::tuple(&lengths), shape::tuple(&info.shape));
            let why = format!("is {} {is} now and was {} {was} when it was opened", info.dtype, self.info.dtype);
            return Err(Error::store(path, why));
        }
        self.keep(number, &store);
        Ok(store)
    }

    /// How the first part is encoded, as which the others have to be.
    fn first_encoding(&self) -> Result<Arc<Encoding>> {
        if let Some(known) = &self.encodings.lock().0 {
            return Ok(Arc::clone(known));
        }
        let first = Arc::new(self.part(0)?.encoding()?);
        self.encodings.lock().0 = Some(Arc::clone(&first));
        Ok(first)
    }

    /// Refuses a part whose chunks are not those that one array would have there.
    fn check_encoding(&self, number: usize, part: &dyn Store) -> Result<()> {
        if self.encodings.lock().1.contains(&number) {
            return Ok(());
        }
        let (first, own, path) = (self.first_encoding()?, part.encoding()?, &self.paths[number]);
        if own.dtype != first.dtype || own.codecs != first.codecs || own.chunk != first.chunk {
            let (a, b) = (self.paths[0].display(), path.display());
            return Err(Error::unsupported(format!("{a} and {b} are chunked or encoded in different ways")));
        }
        let (last, len) = (number + 1 == self.paths.len(), self.bounds[number + 1] - self.bounds[number]);
        if !self.stacked && !last && len % first.chunk[self.axis] != 0 {
            let why = format!("{} ends in the middle of a chunk, where another begins", path.display());
            return Err(Error::unsupported(why));
        }
        self.encodings.lock().1.insert(number);
        Ok(())
    }

    /// Calls `body` with each part that `region` touches: its number, the region of it, and where that begins in
    /// `region`.
    fn each(&self, region: &Region, mut body: impl FnMut(usize, &Region, &Region) -> Result<()>) -> Result<()> {
        let (from, to) = (region.start[self.axis], region.end(self.axis));
        let first = self.bounds.partition_point(|&b| b <= from).saturating_sub(1);
        for number in first..self.paths.len() {
            let (start, end) = (self.bounds[number].max(from), self.bounds[number + 1].min(to));
            if self.bounds[number] >= to {
                break;
            }
            if start >= end {
                continue;
            }
            let mut place = Region::new(vec![0; region.rank()], region.shape.clone());
            (place.start[self.axis], place.shape[self.axis]) = (start - from, end - start);
            let mut part = Region::new(region.start.clone(), place.shape.clone());
            part.start[self.axis] = start - self.bounds[number];
            if self.stacked {
                part.start.remove(self.axis);
                part.shape.remove(self.axis);
            }
            body(number, &part, &place)?;
        }
        Ok(())
    }
}

impl Store for Joined {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        raw::check_request(&self.info, region, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        let size = self.info.dtype.size();
        // Where nothing but single positions stands before the axis, the parts lie one after the other.
        let in_rows = region.shape[..self.axis].iter().all(|&n| n == 1);
        let row = size * shape::size(&region.shape[self.axis + 1..]);
        let mut scratch = Vec::new();
        self.each(region, |number, part, place| {
            let store = self.part(number)?;
            if in_rows {
                let at = place.start[self.axis] * row;
                return store.read(part, &mut out[at..at + place.shape[self.axis] * row]);
            }
            scratch.resize(shape::size(&place.shape) * size, 0);
            store.read(part, &mut scratch)?;
            let zero = vec![0; place.rank()];
            copy_box(&scratch, &place.shape, &zero, out, &region.shape, &place.start, &place.shape, size);
            Ok(())
        })
    }

    fn stamp(&self) -> Option<String> {
        let one = |path: &PathBuf| {
            let container = super::container(path).ok()?.0;
            let stamp = if container.is_file() { raw::stamp(&container) } else { super::open(path).ok()?.stamp() };
            Some(format!("{} {}", path.display(), stamp?))
        };
        let all: Vec<String> = self.paths.iter().map(one).collect::<Option<_>>()?;
        Some(format!("{} arrays {:016x}", all.len(), super::manifest::hash(all.join("\n").as_bytes())))
    }

    fn piece(&self) -> Option<Vec<usize>> {
        let mut piece = self.part(0).ok()?.piece()?;
        if self.stacked {
            piece.insert(self.axis, 1);
        }
        let ends = self.bounds.split_last()?.1;
        ends.iter().all(|end| end % piece[self.axis].max(1) == 0).then_some(piece)
    }

    fn encoding(&self) -> Result<Encoding> {
        let mut first = self.part(0)?.encoding()?;
        if self.stacked {
            first.chunk.insert(self.axis, 1);
        }
        Ok(first)
    }

    fn place(&self, index: &[usize]) -> Result<Option<Place>> {
        let step = if self.stacked { 1 } else { self.first_encoding()?.chunk[self.axis] };
        let at = index[self.axis] * step;
        let number = self.bounds.partition_point(|&b| b <= at).saturating_sub(1);
        let mut index = index.to_vec();
        if self.stacked {
            index.remove(self.axis);
        } else {
            index[self.axis] = (at - self.bounds[number]) / step;
        }
        let part = self.part(number)?;
        self.check_encoding(number, part.as_ref())?;
        part.place(&index)
    }

    fn prefetch(&self, region: &Region) {
        if raw::check_request(&self.info, region, shape::size(&region.shape) * self.info.dtype.size()).is_err() {
            return;
        }
        // Parts that are not open are left out: opening them would be waiting.
        let _ = self.each(region, |number, part, _| {
            self.open_part(number).inspect(|store| store.prefetch(part));
            Ok(())
        });
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        let mut all = true;
        // What cannot be opened now is an error when it is read.
        let _ = self.each(region, |number, part, _| {
            let store = self.part(number)?;
            all = all && (!store.is_remote() || store.fetch_ahead(part, ahead));
            Ok(())
        });
        all
    }

    fn unseen(&self, region: &Region) -> Vec<usize> {
        let mut out = Vec::new();
        if self.is_remote {
            let _ = self.each(region, |number, part, _| {
                let is_seen = self.open_part(number).is_some_and(|store| store.unseen(part).is_empty());
                out.extend((!is_seen).then_some(number));
                Ok(())
            });
        }
        out
    }

    fn look(&self, number: usize) -> Result<()> {
        let store = self.part(number)?;
        let all = store.unseen(&Region::full(&store.info().shape));
        all.into_iter().try_for_each(|part| store.look(part))
    }

    fn random_access(&self) -> bool {
        self.random_access
    }
}

/// Whether a path is a pattern, of which nothing is to be taken by the letter: it has `*`, `?` or `[`, and is nothing
/// itself.
#[must_use]
pub fn is_pattern(path: &Path) -> bool {
    // Behind a network nobody is asked; there, a `?` may begin what a file without a header holds.
    let described = || path.to_string_lossy().contains("dtype=");
    has_wildcards(path) && if is_url(path) { !described() } else { super::container(path).is_err() }
}

fn has_wildcards(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The paths that a pattern means, in the order of their names: `data/*.nc/t2m` is `t2m` in each of the files.
/// Wildcards are those of a shell: `*`, `?` and `[a-c]` within a name; none of them matches a leading dot.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when there are none, or a folder cannot be read.
pub fn matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    remote::refuse_unknown(pattern)?;
    // A URL loses a slash where it is put together of components.
    let text = pattern.to_string_lossy();
    let (start, rest) = match text.split_once("://").filter(|_| is_url(pattern)) {
        Some((scheme, rest)) => {
            let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
            (PathBuf::from(format!("{scheme}://{host}")), Path::new(rest))
        }
        None => (PathBuf::new(), pattern),
    };
    let parts: Vec<Component> = rest.components().collect();
    let Some(last) = parts.iter().rposition(|c| has_wildcards(Path::new(c))) else {
        return Ok(vec![pattern.to_path_buf()]);
    };
    let (outer, inner) = parts.split_at(last + 1);
    let mut found = vec![start];
    for part in outer {
        if !has_wildcards(Path::new(part)) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        let name = part.as_os_str().to_string_lossy();
        let wanted: Vec<char> = name.chars().collect();
        let mut next = Vec::new();
        for folder in found {
            for own in names(&folder)? {
                let text: Vec<char> = own.to_string_lossy().chars().collect();
                if (text.first() != Some(&'.') || wanted.first() == Some(&'.')) && matches(&wanted, &text) {
                    next.push(folder.join(own));
                }
            }
        }
        found = next;
    }
    if found.is_empty() {
        return Err(Error::store(pattern, "no file has such a name"));
    }
    found.sort_unstable();
    for path in &mut found {
        path.extend(inner);
    }
    Ok(found)
}

/// The names in a folder; none where it is none.
fn names(folder: &Path) -> Result<Vec<OsString>> {
    if is_url(folder) {
        return Ok(remote::names(folder)?.into_iter().map(OsString::from).collect());
    }
    let read = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match std::fs::read_dir(read) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(Error::store(read, e)),
    };
    entries.map(|entry| entry.map(|e| e.file_name()).map_err(|e| Error::store(read, e))).collect()
}

/// Whether a name is one that a pattern means.
fn matches(pattern: &[char], name: &[char]) -> bool {
    // Where the last `*` stands, and how much of the name it has taken; nothing before it need be tried again.
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < name.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[at..], name[of]),
            Some(c) => (*c == name[of]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(n), _) => (at, of) = (at + n, of + 1),
            (None, Some((from, taken))) => {
                star = Some((from, taken + 1));
                (at, of) = (from + 1, taken + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// How long the class is that a pattern begins with, where it holds `c`: `[a-c]`, `[!x]`. What is not closed is a
/// bracket.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    // A bracket that stands first belongs to the class.
    let Some(end) = (first + 1..pattern.len()).find(|&i| pattern[i] == ']') else {
        return (c == '[').then_some(1);
    };
    let (mut inside, mut i) = (false, first);
    while i < end {
        if i + 2 < end && pattern[i + 1] == '-' {
            inside |= (pattern[i]..=pattern[i + 2]).contains(&c);
            i += 3;
        } else {
            inside |= pattern[i] == c;
            i += 1;
        }
    }
    (inside != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::store::npy::Npy;
    use crate::store::{Create, Format, Layout};

    #[test]
    fn patterns_behind_a_network_are_known_by_their_text() {
        for (path, is) in [("s3://b/*.nc/t", true), ("gs://b/x[0-9].h5", true), ("http://h/x.bin?dtype=<f4", false)] {
            assert_eq!(is_pattern(Path::new(path)), is, "{path}");
        }
    }

    /// A file of consecutive numbers.
    fn numbers(path: &Path, shape: &[usize], first: i32) {
        let layout = Layout {
            dtype: DType::I32,
            time: None,
            shape: shape.to_vec(),
            chunks: shape.to_vec(),
            how: Create::new(),
            run: None,
        };
        let sink = Npy.create(path, "", &layout).unwrap();
        let n = i32::try_from(shape::size(shape)).unwrap();
        let bytes: Vec<u8> = (first..first + n).flat_map(i32::to_ne_bytes).collect();
        sink.write(&Region::full(shape), &bytes).unwrap();
        sink.finish().unwrap();
    }

    fn joined(folder: &Path, axis: usize, stacked: bool) -> Joined {
        let lengths = if stacked { [1, 1, 1] } else { [2, 0, 3] };
        let mut parts = Vec::new();
        for (i, n) in lengths.into_iter().enumerate() {
            let path = folder.join(format!("{i}.npy"));
            let mut shape = vec![2, 2];
            if !stacked {
                shape[axis] = n;
            }
            numbers(&path, &shape, 100 * i32::try_from(i).unwrap());
            parts.push((path, n));
        }
        let mut info = crate::store::open(folder.join("0.npy")).unwrap().info().clone();
        if stacked {
            info.shape.insert(axis, 3);
        } else {
            info.shape[axis] = 5;
        }
        info.chunks = crate::chunk::Chunks::whole(&info.shape);
        Joined::new(info, (axis, stacked), parts, true).unwrap()
    }

    fn read(store: &Joined, start: &[usize], shape: &[usize]) -> Vec<i32> {
        let mut out = vec![0; 4 * shape::size(shape)];
        store.read(&Region::new(start.to_vec(), shape.to_vec()), &mut out).unwrap();
        out.chunks_exact(4).map(|b| i32::from_ne_bytes(b.try_into().unwrap())).collect()
    }

    #[test]
    fn parts_lie_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let rows = joined(folder.path(), 0, false);
        assert_eq!(read(&rows, &[1, 0], &[3, 2]), [2, 3, 200, 201, 202, 203]);
        assert_eq!(read(&rows, &[3, 1], &[2, 1]), [203, 205]);
        assert!(rows.stamp().unwrap().starts_with("3 arrays"));
        let folder = tempfile::tempdir().unwrap();
        let columns = joined(folder.path(), 1, false);
        assert_eq!(read(&columns, &[0, 0], &[2, 5]), [0, 1, 200, 201, 202, 2, 3, 203, 204, 205]);
        assert_eq!(read(&columns, &[1, 1], &[1, 2]), [3, 203]);
    }

    #[test]
    fn parts_are_stacked_along_any_axis() {
        for axis in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let stack = joined(folder.path(), axis, true);
            let all = read(&stack, &[0, 0, 0], &stack.info().shape.clone());
            let at = |i: usize, j: usize, k: usize| {
                let mut index = vec![i, j, k];
                let part = index.remove(axis);
                i32::try_from(100 * part + 2 * index[0] + index[1]).unwrap()
            };
            let lengths = &stack.info().shape;
            let want: Vec<i32> = crate::chunk::region::Indices::new(lengths).map(|i| at(i[0], i[1], i[2])).collect();
            assert_eq!(all, want);
        }
    }

    #[test]
    fn a_part_that_has_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rows = joined(folder.path(), 0, false);
        std::fs::remove_file(folder.path().join("2.npy")).unwrap();
        numbers(&folder.path().join("2.npy"), &[4, 2], 0);
        let mut out = vec![0; 40];
        let error = rows.read(&Region::full(&[5, 2]), &mut out).unwrap_err().to_string();
        assert!(error.contains("2.npy: is int32 (4, 2) now and was int32 (3, 2) when it was opened"), "{error}");
    }

    #[test]
    fn wildcards() {
        let is = |pattern: &str, name: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in
            [("*", "x"), ("a*b*c", "aXbbYc"), ("??", "äb"), ("[a-c]x", "bx"), ("[!a]", "b"), ("[]]", "]"), ("[x", "[x")]
        {
            assert!(is(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*b", "ac"), ("?", ""), ("[a-c]", "d"), ("[!a]", "a"), ("*.nc", "x.nc.tmp")] {
            assert!(!is(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_run_into_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b1.npy", "a2.npy", "a1.npy", ".a3.npy"] {
            numbers(&folder.path().join(name), &[1], 0);
        }
        let names = |pattern: &str| {
            let found = matching(&folder.path().join(pattern)).map_err(|e| e.to_string())?;
            Ok::<_, String>(
                found.iter().map(|p| p.strip_prefix(folder.path()).unwrap().display().to_string()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(names("*.npy").unwrap(), ["a1.npy", "a2.npy", "b1.npy"]);
        assert_eq!(names("[a]?.npy/x/y").unwrap(), ["a1.npy/x/y", "a2.npy/x/y"]);
        assert!(names("c*.npy").unwrap_err().ends_with("no file has such a name"));
        assert!(is_pattern(&folder.path().join("*.npy")) && !is_pattern(&folder.path().join("a1.npy")));
    }
}
