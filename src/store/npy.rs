//! `NumPy`'s `.npy` files: one array, uncompressed, read and written by region.
//!
//! `npy/header.rs` parses and prints the header; nothing in a file is trusted before it was checked against the file's
//! length. `bfloat16` is stored as `<V2`, as the `ml_dtypes` package does.

use super::extent::{Extent, each_run, fetch_chunks};
use super::input::Input;
use super::manifest::Seal;
use super::patches;
use super::raw;
use super::remote::ahead::Ahead;
use super::staging::Staging;
use super::{Change, Create, Format, Info, Layout, Node, NodeKind, Sink, Store};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region, auto};
use crate::cpu::copy::{normalise_bools, reverse_axes, swap_bytes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use header::Header;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) mod header;
mod change;

/// The `.npy` format.
#[derive(Debug)]
pub struct Npy;

impl Format for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn recognises(&self, path: &Path) -> bool {
        Input::find(path)
            .is_ok_and(|file| file.is_some_and(|file| self.creates(path) || file.magic() == Some(header::MAGIC)))
    }

    fn creates(&self, path: &Path) -> bool {
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"))
    }

    fn resumes(&self) -> bool {
        true
    }

    fn open(&self, path: &Path, inner: &str) -> Result<Arc<dyn Store>> {
        refuse_inner(path, inner)?;
        Ok(Arc::new(NpyStore::open(path)?))
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        refuse_inner(path, inner)?;
        let kind = match NpyStore::open(path) {
            Ok(store) => NodeKind::Array(Box::new(store.info)),
            Err(error) => NodeKind::Other(error.to_string()),
        };
        Ok(vec![Node { path: String::new(), kind }])
    }

    fn create(&self, path: &Path, inner: &str, layout: &Layout) -> Result<Box<dyn Sink>> {
        refuse_inner(path, inner)?;
        Ok(Box::new(NpySink::new(path, layout)?))
    }

    fn admits(&self, path: &Path, inner: &str, change: &Change) -> Result<()> {
        patches::check(path, inner, change, change::open)
    }

    fn change(&self, path: &Path, inner: &str, change: &Change) -> Result<Box<dyn Sink>> {
        refuse_inner(path, inner)?;
        patches::begin(path, &[(inner, change)], change::open)?.pop().ok_or_else(|| Error::bug("a sink for the change"))
    }

    fn recover(&self, path: &Path, inner: &str) -> Result<Option<String>> {
        refuse_inner(path, inner)?;
        patches::recover(path, change::open)
    }
}

fn refuse_inner(path: &Path, inner: &str) -> Result<()> {
    if inner.is_empty() {
        return Ok(());
    }
    Err(Error::store(path, format!("a .npy file holds one array, and nothing named `{inner}`")))
}

/// An open `.npy` file, or another one that holds an array as it is.
#[derive(Debug)]
pub(super) struct NpyStore {
    file: Arc<Input>,
    header: Header,
    info: Info,
}

impl NpyStore {
    fn open(path: &Path) -> Result<Self> {
        let file = Input::open(path)?;
        let header = Header::read(&file)?;
        Ok(Self::described(file, header, "npy"))
    }

    /// The array that `header` describes, in a file that holds its elements.
    pub(super) fn described(file: Arc<Input>, header: Header, format: &str) -> Self {
        let chunks = if header.fortran {
            fortran_chunks(&header.shape, header.dtype.size())
        } else {
            auto::auto(&header.shape, header.dtype.size())
        };
        let info = Info {
            time: header.time,
            codecs: header.describe(),
            stored: Some(file.length()),
            ..Info::new(file.path().display().to_string(), format, header.dtype, chunks)
        };
        Self { file, header, info }
    }

    /// The same array, as it is called when it was opened.
    pub(super) fn named(mut self, path: String) -> Self {
        self.info.path = path;
        self
    }

    /// The array as it lies in the file: with its axes reversed when it is in Fortran order.
    fn extent<'a>(&'a self, shape: &'a [usize]) -> Extent<'a> {
        Extent {
            file: &self.file,
            path: self.file.path(),
            offset: self.header.offset,
            shape,
            itemsize: self.header.dtype.size(),
        }
    }
}

/// Chunks that are contiguous runs of an array in Fortran order.
fn fortran_chunks(lengths: &[usize], itemsize: usize) -> Chunks {
    let reversed: Vec<usize> = lengths.iter().rev().copied().collect();
    let mut axes = auto::auto(&reversed, itemsize).axes().to_vec();
    axes.reverse();
    Chunks::new(axes)
}

fn reversed(region: &Region) -> Region {
    let back = |v: &[usize]| v.iter().rev().copied().collect();
    Region::new(back(&region.start), back(&region.shape))
}

impl Store for NpyStore {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        raw::check_request(&self.info, region, out.len())?;
        let Header { dtype, fortran, swapped, .. } = self.header;
        if fortran {
            let stored: Vec<usize> = self.info.shape.iter().rev().copied().collect();
            let mut scratch = vec![0; out.len()];
            self.extent(&stored).read(&reversed(region), &mut scratch)?;
            reverse_axes(&scratch, &region.shape, out, dtype.size());
        } else {
            self.extent(&self.info.shape).read(region, out)?;
        }
        if swapped {
            swap_bytes(out, dtype.real().size());
        }
        if dtype == DType::Bool {
            normalise_bools(out);
        }
        Ok(())
    }

    fn is_remote(&self) -> bool {
        self.file.is_remote()
    }

    fn fetch_ahead(&self, region: &Region, ahead: &Arc<Ahead>) -> bool {
        let stored: Vec<usize> = self.info.shape.iter().rev().copied().collect();
        fetch_chunks(&self.file, &self.info.chunks, region, ahead, |chunk| {
            if self.header.fortran {
                self.extent(&stored).ranges(&reversed(chunk))
            } else {
                self.extent(&self.info.shape).ranges(chunk)
            }
        })
    }

    fn prefetch(&self, region: &Region) {
        if self.header.fortran {
            let stored: Vec<usize> = self.info.shape.iter().rev().copied().collect();
            self.extent(&stored).prefetch(&reversed(region));
        } else {
            self.extent(&self.info.shape).prefetch(region);
        }
    }

    fn random_access(&self) -> bool {
        !self.is_remote()
    }

    fn stamp(&self) -> Option<String> {
        self.file.stamp()
    }
}

/// A `.npy` file being written, under another name until it is finished.
#[derive(Debug)]
struct NpySink {
    /// Absent when an earlier run had finished it.
    file: Option<File>,
    path: PathBuf,
    offset: u64,
    shape: Vec<usize>,
    itemsize: usize,
    grid: Chunks,
    staging: Staging,
}

impl NpySink {
    fn new(path: &Path, layout: &Layout) -> Result<Self> {
        let Layout { dtype, time, shape, chunks, how, .. } = layout;
        refuse_options(how)?;
        let header = header::print(*dtype, *time, shape);
        let bytes = shape::checked_size(shape)
            .and_then(|n| n.checked_mul(dtype.size()))
            .and_then(|n| u64::try_from(n).ok()?.checked_add(header.len() as u64))
            .ok_or_else(|| Error::store(path, format!("shape {} is too large", shape::tuple(shape))))?;
        let grid = Chunks::regular(shape, chunks)?;
        let mut staging = Staging::begin(path, "", how, layout.run.as_ref())?;
        let file = if staging.is_placed() {
            None
        } else if path.exists() && !how.overwrite {
            return Err(Error::store(path, "exists already and is not to be replaced"));
        } else {
            let made = |e: std::io::Error| Error::store(path, format!("cannot be created: {e}"));
            staging.open()?;
            let mut options = OpenOptions::new();
            let file =
                options.read(true).write(true).create(true).truncate(false).open(staging.part()).map_err(made)?;
            file.set_len(bytes).map_err(|e| Error::store(path, format!("cannot be {bytes} bytes long: {e}")))?;
            raw::write_at(&file, path, 0, &header)?;
            Some(file)
        };
        let (path, offset) = (path.to_path_buf(), header.len() as u64);
        Ok(Self { file, path, offset, shape: shape.clone(), itemsize: dtype.size(), grid, staging })
    }

    fn extent<'a>(&'a self, file: &'a File) -> Extent<'a, File> {
        Extent { file, path: &self.path, offset: self.offset, shape: &self.shape, itemsize: self.itemsize }
    }

    /// The pieces of a region and their numbers, in row-major order.
    fn pieces(&self, region: &Region) -> impl Iterator<Item = (usize, Region)> {
        let (touched, steps) = (self.grid.touching(region), shape::strides(&self.grid.counts()));
        Indices::new(&touched.shape).map(move |step| {
            let index: Vec<usize> = step.iter().zip(&touched.start).map(|(a, b)| a + b).collect();
            (index.iter().zip(&steps).map(|(i, step)| i * step).sum(), self.grid.region(&index))
        })
    }
}

/// What the format cannot hold is refused; names, attributes and fill value are dropped.
fn refuse_options(how: &Create) -> Result<()> {
    if let Some(codec) = how.codec.as_deref().filter(|c| *c != "none") {
        return Err(Error::unsupported(format!("a .npy file is not compressed; `{codec}` needs Zarr or HDF5")));
    }
    if how.shards.is_some() {
        return Err(Error::unsupported("a .npy file has no shards; they need Zarr v3"));
    }
    Ok(())
}

impl Sink for NpySink {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn has(&self, region: &Region) -> bool {
        let Some(file) = &self.file else { return true };
        self.pieces(region).all(|(number, piece)| {
            self.staging.has(number, |_| {
                let mut bytes = vec![0; piece.size() * self.itemsize];
                self.extent(file).read_back(&piece, &mut bytes).is_ok().then_some(bytes)
            })
        })
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        let file = self.file.as_ref().ok_or_else(|| Error::bug("nothing is written to an array that is whole"))?;
        self.extent(file).write(region, data)?;
        for (number, piece) in self.pieces(region) {
            self.staging.note(number, || {
                let mut seal = Seal::default();
                each_run(data, (&region.shape, self.itemsize), &piece.relative_to(region), |run| {
                    seal = seal.and(run);
                    Ok(())
                })?;
                Ok(seal)
            })?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.staging.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::Suite;

    #[test]
    fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        Suite::new(&Npy, folder.path(), "npy").check().unwrap();
    }

    /// A file with this header text and body.
    fn file(folder: &Path, text: &str, body: &[u8]) -> PathBuf {
        let path = folder.join("x.npy");
        let mut bytes = header::MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.bytes());
        bytes.extend(body);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn fortran_order_and_big_endian() {
        let folder = tempfile::tempdir().unwrap();
        // The array [[0, 1, 2], [3, 4, 5]], column by column.
        let body: Vec<u8> = [0i16, 3, 1, 4, 2, 5].iter().flat_map(|v| v.to_be_bytes()).collect();
        let path = file(folder.path(), "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3)}", &body);
        let store = Npy.open(&path, "").unwrap();
        let mut out = [0u8; 8];
        store.read(&Region::new(vec![0, 1], vec![2, 2]), &mut out).unwrap();
        let expect: Vec<u8> = [1i16, 2, 4, 5].iter().flat_map(|v| v.to_ne_bytes()).collect();
        assert_eq!(out.as_slice(), expect);
        assert_eq!(store.info().codecs, "Fortran order, bytes swapped");
    }

    #[test]
    fn refusals() {
        let folder = tempfile::tempdir().unwrap();
        let check = |text: &str, expect: &str| {
            let path = file(folder.path(), text, &[0; 8]);
            let error = Npy.open(&path, "").unwrap_err().to_string();
            assert_eq!(error, format!("{}: {expect}", path.display()));
        };
        check(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
            "is cut short: float64 of shape (2,) does not fit in 73 bytes",
        );
        check(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
            "is cut short: float64 of shape (4294967296, 4294967296) does not fit in 93 bytes",
        );
        check("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "element type `|O` is not supported");
        let path = folder.path().join("y.npy");
        std::fs::write(&path, b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap();
        let error = Npy.open(&path, "").unwrap_err().to_string();
        assert!(error.ends_with("y.npy: declares a header of 4294967295 bytes in a file of 12"), "{error}");
        let error = Npy.open(&path, "group").unwrap_err().to_string();
        assert!(error.ends_with("y.npy: a .npy file holds one array, and nothing named `group`"), "{error}");
    }
}
