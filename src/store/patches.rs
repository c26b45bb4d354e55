//! Changes of arrays that lie in a file as they are: elements are made beside the file, and written over those that are
//! there at the end.
//!
//! What is made is a folder with the elements and a list of the regions that they are of. One rename makes it due
//! ([`Staging::commit`]); from then on the same change, run again, or the next one of the array puts it into place, as
//! often as that is interrupted: to write the same elements again changes nothing, and that an axis is longer is said
//! last.

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

/// The names of what is made.
const ELEMENTS: &str = "elements";
const LIST: &str = "list.json";

/// An array in a file that is open to be written to.
pub(super) trait Target: Debug + Send + Sync {
    fn info(&self) -> &Info;

    /// Why the array cannot get this shape.
    fn refuses(&self, after: &[usize]) -> Option<String>;

    /// Writes elements, in C order and native endianness, to a region of the array as it will be.
    fn put(&self, region: &Region, data: &mut [u8]) -> Result<()>;

    /// Gives the array a shape, for which there are all elements.
    fn reshape(&self, after: &[usize]) -> Result<()>;
}

/// Opens the array of this name in a file.
pub(super) type Open = fn(&Path, &str) -> Result<Box<dyn Target>>;

/// An array being changed.
#[derive(Debug)]
pub(super) struct PatchSink {
    path: PathBuf,
    inner: String,
    open: Open,
    itemsize: usize,
    change: Change,
    grid: Chunks,
    staging: Staging,
    spool: File,
    made: Mutex<Made>,
}

/// What is made so far.
#[derive(Debug, Default)]
struct Made {
    bytes: u64,
    /// Regions of the array, and where their elements begin.
    pieces: Vec<(Region, u64)>,
}

impl PatchSink {
    pub(super) fn new(path: &Path, inner: &str, change: &Change, open: Open) -> Result<Self> {
        if remote::is_url(path) {
            return Err(Error::unsupported(format!("{}: behind a network only Zarr is written", path.display())));
        }
        recover(path, inner, open)?;
        let mut staging = Staging::begin(path, inner, &Create::new(), None)?;
        let target = open(path, inner)?;
        let info = target.info();
        change.check(&info.shape, &info.path)?;
        if let Some(why) = target.refuses(&change.after()) {
            return Err(Error::unsupported(format!("{}: {why}", info.path)));
        }
        let itemsize = info.dtype.size();
        let grid = auto::auto(&change.region.shape, itemsize);
        staging.open()?;
        let fail = |e: std::io::Error| Error::store(&info.path, format!("cannot be changed: {e}"));
        fs::create_dir(staging.part()).map_err(fail)?;
        let spool =
            OpenOptions::new().write(true).create_new(true).open(staging.part().join(ELEMENTS)).map_err(fail)?;
        let (path, inner, change) = (path.to_owned(), inner.to_owned(), change.clone());
        Ok(Self { path, inner, open, itemsize, change, grid, staging, spool, made: Mutex::default() })
    }
}

impl PatchSink {
    /// Writes down what was made.
    fn list(&self) -> Result<()> {
        let list: Vec<Value> = self.made.lock().pieces.iter().map(|(r, at)| json!([r.start, r.shape, at])).collect();
        let list = json!({"before": self.change.before, "after": self.change.after(), "pieces": list});
        let at = self.staging.part().join(LIST);
        fs::write(&at, list.to_string()).map_err(|e| Error::store(&at, e))
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
        let mut made = self.made.lock();
        let at = made.bytes;
        made.bytes += data.len() as u64;
        made.pieces.push((self.change.written(region), at));
        drop(made);
        raw::write_at(&self.spool, &self.staging.part().join(ELEMENTS), at, data)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.list()?;
        let (path, inner, open) = (&self.path, self.inner.as_str(), self.open);
        self.staging.commit(&self.change.token, |made| apply(made, path, inner, open))
    }
}

/// Goes on with a change that was interrupted when all of it was made; its token, where there was one.
pub(super) fn recover(path: &Path, inner: &str, open: Open) -> Result<Option<String>> {
    if remote::is_url(path) {
        return Ok(None);
    }
    Staging::committed(path, inner, |made| apply(made, path, inner, open))
}

/// Puts what lies in the folder `made` into its places.
fn apply(made: &Path, path: &Path, inner: &str, open: Open) -> Result<()> {
    let at = made.join(LIST);
    let damaged = || Error::store(&at, "is no list of what a change has made");
    let text = fs::read(&at).map_err(|e| Error::store(&at, e))?;
    let list: Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
    let lengths = |value: Option<&Value>| -> Result<Vec<usize>> {
        let items = value.and_then(Value::as_array).ok_or_else(damaged)?;
        items.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(damaged)).collect()
    };
    let (before, after) = (lengths(list.get("before"))?, lengths(list.get("after"))?);
    // Arrays of one file are changed one after the other, by whatever process.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let merging = Lock::wait(&path.with_file_name(format!(".merge.{name}"))).map_err(|e| Error::store(path, e))?;
    let target = open(path, inner)?;
    let info = target.info();
    if ![&before, &after].contains(&&info.shape) {
        let (now, then) = (shape::tuple(&info.shape), shape::tuple(&before));
        let why = format!("has the shape {now}, and a change that was interrupted began when it had {then}");
        return Err(Error::store(&info.path, why));
    }
    let elements = made.join(ELEMENTS);
    let file = File::open(&elements).map_err(|e| Error::store(&elements, e))?;
    let mut bytes = Vec::new();
    for piece in list.get("pieces").and_then(Value::as_array).ok_or_else(damaged)? {
        let region = Region::new(lengths(piece.get(0))?, lengths(piece.get(1))?);
        let from = piece.get(2).and_then(Value::as_u64).ok_or_else(damaged)?;
        bytes.resize(region.size() * info.dtype.size(), 0);
        raw::read_at(&file, &elements, from, &mut bytes)?;
        target.put(&region, &mut bytes).map_err(|e| e.at(format!("writing {region}")))?;
    }
    if info.shape != after {
        target.reshape(&after)?;
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

    /// A change of which all is made when the process is killed, and a part in its place.
    fn kill(format: &dyn Format, path: &Path, inner: &str, change: &Change, values: &[u8]) {
        let sink = format.change(path, inner, change).unwrap();
        sink.write(&Region::full(&[values.len()]), values).unwrap();
        let folder = path.parent().unwrap();
        let stem = if inner.is_empty() { "x.npy".to_owned() } else { format!("x.nc%{inner}") };
        let made = folder.join(format!(".partial.{stem}"));
        let list = json!({"before": change.before, "after": change.after(),
                          "pieces": [[change.region.start, change.region.shape, 0]]});
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
        assert!(error.contains("x.nc/b: arrays of NetCDF-3 do not get longer"), "{error}");
        let tight = b"\x93NUMPY\x01\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\x01\x02";
        fs::write(&npy, tight).unwrap();
        let error = Npy.change(&npy, "", &change(2, 100, 2)).unwrap_err().to_string();
        assert!(error.contains("x.npy: its header has no room for a longer shape"), "{error}");
        let error = Npy.change(&npy, "", &change(2, 1, 1)).unwrap_err().to_string();
        assert!(error.ends_with("has the shape (2,) now, and had (1,) when it was opened; run it again"), "{error}");
        let sink = Npy.change(&npy, "", &change(0, 1, 2)).unwrap();
        sink.write(&Region::full(&[1]), &[9]).unwrap();
        drop(sink);
        assert_eq!(elements(&Npy, &npy, ""), [1, 2]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
