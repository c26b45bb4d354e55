//! Changes of arrays that lie in a file as they are: elements are made beside the file, and written over those that are
//! there at the end.
//!
//! What is made is a folder with the elements and a list of the regions that they are of, of one array or of several
//! that change together. One rename makes it due ([`Staging::commit`]); from then on the same change, run again, or the
//! next one of the file puts it into place, as often as that is interrupted: to write the same elements again changes
//! nothing, and that axes are longer is said last.

use super::lock::Lock;
use super::staging::Staging;
use super::{Change, Create, Info, Sink, raw, remote};
use crate::chunk::{Chunks, Region, auto};
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The names of what is made.
const ELEMENTS: &str = "elements";
const LIST: &str = "list.json";
const ANEW: &str = "anew";

/// Some arrays of a file that is open to be written to, by their numbers.
pub(super) trait Target: Debug + Send + Sync {
    fn info(&self, array: usize) -> &Info;

    /// That the arrays can get these shapes, together.
    fn check(&self, after: &[Vec<usize>]) -> Result<()>;

    /// Sees to it that there is room for these shapes, which the file does not have yet. Where that takes a file
    /// written anew, it is `beside`, and takes what is put from then on.
    fn make_room(&mut self, after: &[Vec<usize>], beside: &Path) -> Result<()>;

    /// Writes elements, in C order and native endianness, to a region of an array as it will be.
    fn put(&self, array: usize, region: &Region, data: &mut [u8]) -> Result<()>;

    /// Gives the arrays shapes, for which there is room and are all elements.
    fn reshape(&self, after: &[Vec<usize>]) -> Result<()>;
}

/// Opens the arrays of these names in a file.
pub(super) type Open = fn(&Path, &[&str]) -> Result<Box<dyn Target>>;

/// One array of those that are changed.
#[derive(Debug)]
struct PatchSink {
    patch: Arc<Patch>,
    array: usize,
    itemsize: usize,
    grid: Chunks,
}

/// What changes in a file: some arrays, which take what is made for them together.
#[derive(Debug)]
struct Patch {
    path: PathBuf,
    open: Open,
    arrays: Vec<(String, Change)>,
    /// Where it is made, and what of it is to come.
    staging: Mutex<(Staging, usize)>,
    elements: PathBuf,
    spool: File,
    made: Mutex<Made>,
}

/// What is made so far.
#[derive(Debug, Default)]
struct Made {
    bytes: u64,
    /// Arrays, regions of them, and where their elements begin.
    pieces: Vec<(usize, Region, u64)>,
}

/// That an array of a file can be changed so.
pub(super) fn check(path: &Path, name: &str, change: &Change, open: Open) -> Result<()> {
    if remote::is_url(path) { Ok(()) } else { open(path, &[name])?.check(&[change.after()]) }
}

/// Begins to change arrays of a file, which get what is made for them when the last one is finished.
pub(super) fn begin(path: &Path, changes: &[(&str, &Change)], open: Open) -> Result<Vec<Box<dyn Sink>>> {
    if remote::is_url(path) {
        return Err(Error::unsupported(format!("{}: behind a network only Zarr is written", path.display())));
    }
    recover(path, open)?;
    let mut staging = Staging::begin(path, "", &Create::new(), None)?;
    let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
    let target = open(path, &names)?;
    for (n, (_, change)) in changes.iter().enumerate() {
        change.check(&target.info(n).shape, &target.info(n).path)?;
    }
    target.check(&changes.iter().map(|(_, change)| change.after()).collect::<Vec<_>>())?;
    staging.open()?;
    let (part, elements) = (staging.part(), staging.part().join(ELEMENTS));
    let fail = |e: std::io::Error| Error::store(path, format!("cannot be changed: {e}"));
    fs::create_dir(part).map_err(fail)?;
    let spool = OpenOptions::new().write(true).create_new(true).open(&elements).map_err(fail)?;
    let (staging, path) = (Mutex::new((staging, changes.len())), path.to_owned());
    let arrays = changes.iter().map(|(name, change)| ((*name).to_owned(), (*change).clone())).collect();
    let patch = Arc::new(Patch { path, open, arrays, staging, elements, spool, made: Mutex::default() });
    let sink = |(n, (_, change)): (usize, &(&str, &Change))| -> Box<dyn Sink> {
        let itemsize = target.info(n).dtype.size();
        let grid = auto::auto(&change.region.shape, itemsize);
        Box::new(PatchSink { patch: Arc::clone(&patch), array: n, itemsize, grid })
    };
    Ok(changes.iter().enumerate().map(sink).collect())
}

impl Patch {
    /// Writes down what was made, and puts it into its place.
    fn commit(&self, staging: &mut Staging) -> Result<()> {
        let one = |(name, change): &(String, Change)| json!([name, change.before, change.after()]);
        let arrays: Vec<Value> = self.arrays.iter().map(one).collect();
        let pieces = &self.made.lock().pieces;
        let pieces: Vec<Value> = pieces.iter().map(|(n, r, at)| json!([n, r.start, r.shape, at])).collect();
        let at = staging.part().join(LIST);
        let list = json!({"arrays": arrays, "pieces": pieces}).to_string();
        fs::write(&at, list).map_err(|e| Error::store(&at, e))?;
        let tokens: Vec<&str> = self.arrays.iter().map(|(_, change)| change.token.as_str()).collect();
        staging.commit(&tokens.join("\n"), |made| apply(made, &self.path, self.open))
    }
}

impl Sink for PatchSink {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        if data.len() != region.size() * self.itemsize {
            return Err(Error::bug(format!("the data of {region} fit")));
        }
        let Patch { arrays, elements, spool, made, .. } = &*self.patch;
        let written = arrays[self.array].1.written(region);
        let mut made = made.lock();
        let at = made.bytes;
        made.bytes += data.len() as u64;
        made.pieces.push((self.array, written, at));
        drop(made);
        raw::write_at(spool, elements, at, data)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut staging = self.patch.staging.lock();
        let (staging, left) = &mut *staging;
        *left -= 1;
        if *left == 0 { self.patch.commit(staging) } else { Ok(()) }
    }
}

/// Goes on with a change that was interrupted when all of it was made; its tokens, one a line, where there was one.
pub(super) fn recover(path: &Path, open: Open) -> Result<Option<String>> {
    if remote::is_url(path) {
        return Ok(None);
    }
    Staging::committed(path, "", |made| apply(made, path, open))
}

/// What is in the list of a change.
#[derive(Debug)]
struct List {
    names: Vec<String>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    pieces: Vec<(usize, Region, u64)>,
}

impl List {
    fn read(at: &Path) -> Result<Self> {
        let text = fs::read(at).map_err(|e| Error::store(at, e))?;
        let list = serde_json::from_slice(&text).ok().and_then(|list| Self::of(&list));
        list.ok_or_else(|| Error::store(at, "is no list of what a change has made"))
    }

    fn of(list: &Value) -> Option<Self> {
        let number = |n: &Value| n.as_u64().and_then(|n| usize::try_from(n).ok());
        let lengths = |value: &Value| value.as_array()?.iter().map(number).collect::<Option<Vec<usize>>>();
        let (mut names, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for array in list.get("arrays")?.as_array()? {
            names.push(array.get(0)?.as_str()?.to_owned());
            before.push(lengths(array.get(1)?)?);
            after.push(lengths(array.get(2)?)?);
        }
        let piece = |piece: &Value| {
            let array = number(piece.get(0)?).filter(|n| *n < names.len())?;
            Some((array, Region::new(lengths(piece.get(1)?)?, lengths(piece.get(2)?)?), piece.get(3)?.as_u64()?))
        };
        let pieces = list.get("pieces")?.as_array()?.iter().map(piece).collect::<Option<_>>()?;
        Some(Self { names, before, after, pieces })
    }

    /// That an array, which has this shape now, is one that the change began with, or has made.
    fn check(&self, array: usize, info: &Info) -> Result<()> {
        let (now, before, after) = (&info.shape, &self.before[array], &self.after[array]);
        // What another one of the file grows by, it may have grown by too.
        let longer = before == after && now.len() == after.len() && now.iter().zip(after).all(|(n, a)| n >= a);
        if now == before || now == after || longer {
            return Ok(());
        }
        let (now, then) = (shape::tuple(now), shape::tuple(before));
        let why = format!("has the shape {now}, and a change that was interrupted began when it had {then}");
        Err(Error::store(&info.path, why))
    }
}

/// Puts what lies in the folder `made` into its places.
fn apply(made: &Path, path: &Path, open: Open) -> Result<()> {
    let list = List::read(&made.join(LIST))?;
    // Arrays of one file are changed one after the other, by whatever process.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let merging = Lock::wait(&path.with_file_name(format!(".merge.{name}"))).map_err(|e| Error::store(path, e))?;
    let names: Vec<&str> = list.names.iter().map(String::as_str).collect();
    let mut target = open(path, &names)?;
    for n in 0..names.len() {
        list.check(n, target.info(n))?;
    }
    let grows = (0..names.len()).any(|n| target.info(n).shape == list.before[n] && list.before[n] != list.after[n]);
    if grows {
        target.make_room(&list.after, &made.join(ANEW))?;
    }
    let elements = made.join(ELEMENTS);
    let file = File::open(&elements).map_err(|e| Error::store(&elements, e))?;
    let mut bytes = Vec::new();
    for (array, region, from) in &list.pieces {
        bytes.resize(region.size() * target.info(*array).dtype.size(), 0);
        raw::read_at(&file, &elements, *from, &mut bytes)?;
        let done = target.put(*array, region, &mut bytes);
        done.map_err(|e| e.at(format!("writing {region} of {}", target.info(*array).path)))?;
    }
    if grows {
        target.reshape(&list.after)?;
    }
    drop(merging);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::store::netcdf3::Netcdf3;
    use crate::store::npy::Npy;
    use crate::store::update::testing::{change, elements};
    use crate::store::{Format, Layout};

    fn array(format: &dyn Format, path: &Path, inner: &str, values: &[u8]) {
        let (shape, how) = (vec![values.len()], Create::new().overwrite(true));
        let layout = Layout { dtype: DType::U8, time: None, shape, chunks: vec![4], how, run: None };
        let sink = format.create(path, inner, &layout).unwrap();
        sink.write(&Region::full(&[values.len()]), values).unwrap();
        sink.finish().unwrap();
    }

    /// A header without room for a longer shape, and two elements.
    const TIGHT: &[u8] = b"\x93NUMPY\x01\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\x01\x02";

    /// A change of which all is made when the process is killed, and a part in its place.
    fn kill(format: &dyn Format, path: &Path, inner: &str, change: &Change, values: &[u8]) {
        let sink = format.change(path, inner, change).unwrap();
        sink.write(&Region::full(&[values.len()]), values).unwrap();
        let folder = path.parent().unwrap();
        let stem = path.file_name().unwrap().to_str().unwrap();
        let made = folder.join(format!(".partial.{stem}"));
        let list = json!({"arrays": [[inner, change.before, change.after()]],
                          "pieces": [[0, change.region.start, change.region.shape, 0]]});
        fs::write(made.join(LIST), list.to_string()).unwrap();
        fs::write(made.join(".token"), "mine").unwrap();
        fs::rename(made, folder.join(format!(".commit.{stem}"))).unwrap();
    }

    #[test]
    fn what_is_on_its_way_into_its_place_gets_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        array(&Npy, &path, "", &[0, 1, 2, 3, 4, 5]);
        kill(&Npy, &path, "", &change(6, 5, 6), &[6, 7, 8, 9, 10]);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let end = file.metadata().unwrap().len();
        raw::write_at(&file, &path, end, &[6, 7]).unwrap();
        assert_eq!(elements(&Npy, &path, ""), [0, 1, 2, 3, 4, 5]);
        let other = Staging::begin(&path, "", &Create::new(), None).unwrap_err().to_string();
        assert!(other.contains("a change of it was interrupted"), "{other}");
        assert_eq!(Npy.recover(&path, "").unwrap().as_deref(), Some("mine"));
        assert_eq!(elements(&Npy, &path, ""), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(Npy.recover(&path, "").unwrap(), None);
        // The next change puts the one before it into its place.
        kill(&Npy, &path, "", &change(1, 2, 11), &[91, 92]);
        let sink = Npy.change(&path, "", &change(2, 1, 11)).unwrap();
        sink.write(&Region::full(&[1]), &[93]).unwrap();
        assert_eq!(elements(&Npy, &path, "")[..4], [0, 91, 92, 3]);
        sink.finish().unwrap();
        assert_eq!(elements(&Npy, &path, "")[..4], [0, 91, 93, 3]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_header_without_room_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("x.npy"), folder.path().join("link.npy"));
        std::os::unix::fs::symlink("x.npy", &link).unwrap();
        for killed in [false, true] {
            fs::write(&path, TIGHT).unwrap();
            let new: Vec<u8> = (0..100).collect();
            if killed {
                kill(&Npy, &path, "", &change(2, 100, 2), &new);
                // The copy was begun.
                fs::write(folder.path().join(".commit.x.npy/anew"), b"half of it, and more").unwrap();
                assert_eq!(Npy.recover(&link, "").unwrap().as_deref(), Some("mine"));
            } else {
                let sink = Npy.change(&link, "", &change(2, 100, 2)).unwrap();
                sink.write(&Region::full(&[100]), &new).unwrap();
                sink.finish().unwrap();
            }
            assert_eq!(elements(&Npy, &path, ""), [&[1, 2], new.as_slice()].concat());
            assert!(link.is_symlink());
            // There is room from now on.
            let before = fs::metadata(&path).unwrap().len();
            let sink = Npy.change(&path, "", &change(102, 1, 102)).unwrap();
            sink.write(&Region::full(&[1]), &[9]).unwrap();
            sink.finish().unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), before + 1);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    /// A variable of records, whose numbers these are.
    fn records(path: &Path, name: &str, values: &[u8]) {
        let mut how = Create::new();
        (how.names, how.unlimited) = (vec![Some("t".to_owned())], vec!["t".to_owned()]);
        let (shape, run) = (vec![values.len()], None);
        let layout = Layout { dtype: DType::I8, time: None, shape, chunks: vec![4], how, run };
        let sink = Netcdf3.create(path, name, &layout).unwrap();
        sink.write(&Region::full(&[values.len()]), values).unwrap();
        sink.finish().unwrap();
    }

    #[test]
    fn records_grow_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.nc");
        for name in ["a", "b", "c"] {
            records(&path, name, &[1, 2, 3]);
        }
        let more = change(3, 2, 3);
        let sinks = Netcdf3.change_together(&path, &[("a", &more), ("b", &more)]).unwrap();
        for (n, sink) in sinks.into_iter().enumerate() {
            sink.write(&Region::full(&[2]), &[10 * n as u8 + 8, 10 * n as u8 + 9]).unwrap();
            assert_eq!(elements(&Netcdf3, &path, "a"), [1, 2, 3]);
            sink.finish().unwrap();
        }
        let fill = 0x81;
        let all = || ["a", "b", "c"].map(|name| elements(&Netcdf3, &path, name));
        assert_eq!(all(), [[1, 2, 3, 8, 9], [1, 2, 3, 18, 19], [1, 2, 3, fill, fill]]);
        // Killed before it is counted; a variable that comes then has as many records.
        kill(&Netcdf3, &path, "c", &change(5, 1, 5), &[7]);
        assert_eq!(all()[0].len(), 5);
        records(&path, "d", &[0; 5]);
        assert_eq!(Netcdf3.recover(&path, "a").unwrap().as_deref(), Some("mine"));
        assert_eq!(elements(&Netcdf3, &path, "c")[4..], [fill, 7]);
        assert_eq!(["a", "b", "d"].map(|name| elements(&Netcdf3, &path, name)[5]), [fill; 3]);
        // One that is dropped takes the others with it, and several grow alike.
        let sinks = Netcdf3.change_together(&path, &[("a", &change(6, 1, 6)), ("b", &change(0, 1, 6))]).unwrap();
        let second = Netcdf3.change(&path, "c", &change(0, 1, 6)).unwrap_err().to_string();
        assert!(second.contains("x.nc: is being written by process"), "{second}");
        drop(sinks);
        assert_eq!(elements(&Netcdf3, &path, "a").len(), 6);
        let uneven = Netcdf3.change_together(&path, &[("a", &change(6, 1, 6)), ("b", &change(6, 2, 6))]);
        let error = uneven.unwrap_err().to_string();
        assert!(error.contains("x.nc/b: gets the shape (8,) when `a` gets (7,)"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn variables_move_before_a_change_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.nc");
        array(&Netcdf3, &path, "a", &[7; 9000]);
        array(&Netcdf3, &path, "b", &[0, 1, 2, 3]);
        kill(&Netcdf3, &path, "b", &change(1, 2, 4), &[8, 9]);
        // Written anew, the file has the variable elsewhere.
        array(&Netcdf3, &path, "a", &[6; 9000]);
        assert_eq!(elements(&Netcdf3, &path, "b"), [0, 1, 2, 3]);
        assert_eq!(Netcdf3.recover(&path, "b").unwrap().as_deref(), Some("mine"));
        assert_eq!(elements(&Netcdf3, &path, "b"), [0, 8, 9, 3]);
        assert_eq!(elements(&Netcdf3, &path, "a"), [6; 9000]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (npy, nc) = (folder.path().join("x.npy"), folder.path().join("x.nc"));
        array(&Netcdf3, &nc, "b", &[0, 1, 2, 3]);
        let error = Netcdf3.change(&nc, "b", &change(4, 1, 4)).unwrap_err().to_string();
        let fixed = "x.nc/b: axis 0, `b_0`, has a fixed length of 4: no dimension of this file is unlimited; convert";
        assert!(error.contains(fixed), "{error}");
        fs::write(&npy, [TIGHT, b"!"].concat()).unwrap();
        let error = Npy.change(&npy, "", &change(2, 1, 2)).unwrap_err().to_string();
        assert!(error.contains("x.npy: 1 bytes lie behind its elements"), "{error}");
        fs::write(&npy, TIGHT).unwrap();
        let error = Npy.change(&npy, "", &change(2, 1, 1)).unwrap_err().to_string();
        assert!(error.ends_with("has the shape (2,) now, and had (1,) when it was opened; run it again"), "{error}");
        let sink = Npy.change(&npy, "", &change(0, 1, 2)).unwrap();
        sink.write(&Region::full(&[1]), &[9]).unwrap();
        drop(sink);
        assert_eq!(elements(&Npy, &npy, ""), [1, 2]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
