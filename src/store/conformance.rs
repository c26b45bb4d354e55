//! The test that every format passes, ours and those of others.
//!
//! [`Suite::check`] creates arrays of every dtype and of odd shapes, writes their pieces out of order, reads them back
//! whole, by chunk and by boxes that fit no chunk, and checks what is left behind when a writer is dropped, refused or
//! replaced. It compares bytes, so that NaN payloads and signed zeros count.

use super::{Create, Format, Layout, Node, NodeKind, Store};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::{copy_box, copy_region};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::shape;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Checks a format that stores every dtype and one array in a file, with nothing said about metadata; [`Suite`] has
/// more to set. `folder` is empty, and what is made in it ends in `ending`.
///
/// # Errors
/// As [`Suite::check`].
pub fn check(format: &dyn Format, folder: &Path, ending: &str) -> Result<()> {
    Suite::new(format, folder, ending).check()
}

/// A format and what it promises.
///
/// ```
/// use hyperslab::store::{conformance::Suite, npy::Npy};
/// let folder = std::env::temp_dir().join(format!("suite-{}", std::process::id()));
/// std::fs::create_dir_all(&folder).unwrap();
/// Suite::new(&Npy, &folder, "npy").check().unwrap();
/// std::fs::remove_dir_all(&folder).unwrap();
/// ```
#[derive(Clone)]
pub struct Suite<'a> {
    format: &'a dyn Format,
    folder: &'a Path,
    ending: &'a str,
    inner: &'a str,
    dtypes: Vec<DType>,
    how: Create,
    metadata: bool,
}

impl std::fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suite({} in {})", self.format.name(), self.folder.display())
    }
}

impl<'a> Suite<'a> {
    /// The suite for `format` in an empty folder; the files it makes end in `ending`.
    #[must_use]
    pub fn new(format: &'a dyn Format, folder: &'a Path, ending: &'a str) -> Self {
        let dtypes = DType::ALL.to_vec();
        Self { format, folder, ending, inner: "", dtypes, how: Create::new(), metadata: false }
    }

    /// Arrays stand at this path inside their container.
    #[must_use]
    pub fn inner(mut self, inner: &'a str) -> Self {
        self.inner = inner;
        self
    }

    /// Only these dtypes can be stored.
    #[must_use]
    pub fn dtypes(mut self, dtypes: &[DType]) -> Self {
        self.dtypes = dtypes.to_vec();
        self
    }

    /// Arrays are created so.
    #[must_use]
    pub fn how(mut self, how: Create) -> Self {
        self.how = how;
        self
    }

    /// Dimension names, attributes and fill value are stored too.
    #[must_use]
    pub fn metadata(mut self) -> Self {
        self.metadata = true;
        self
    }

    /// Runs everything.
    ///
    /// # Errors
    /// The first that the format reports, or [`Store`](crate::ErrorKind::Store) naming what it did wrong.
    pub fn check(&self) -> Result<()> {
        for &dtype in &self.dtypes {
            self.round_trip(dtype, &[7, 5], &[3, 2]).map_err(|e| e.at(format!("dtype {dtype}")))?;
        }
        let shapes: [(&[usize], &[usize]); 8] = [
            (&[], &[]),
            (&[1], &[1]),
            (&[13], &[5]),
            (&[0], &[4]),
            (&[3, 0, 2], &[2, 1, 2]),
            (&[5, 6, 7], &[2, 6, 3]),
            (&[2, 9, 3, 4], &[1, 4, 3, 2]),
            (&[40, 50], &[40, 50]),
        ];
        for (shape, chunks) in shapes {
            self.round_trip(DType::F32, shape, chunks).map_err(|e| e.at(format!("shape {}", shape::tuple(shape))))?;
        }
        self.leaves_nothing()?;
        self.replaces()?;
        if self.metadata { self.keeps_metadata() } else { Ok(()) }
    }

    /// Reads the array at `path`, which may have been written by other software, in every way, against the bytes that
    /// it holds.
    ///
    /// # Errors
    /// The first that the format reports, or [`Store`](crate::ErrorKind::Store) naming what it did wrong.
    pub fn reads(&self, path: &Path, dtype: DType, lengths: &[usize], data: &[u8]) -> Result<()> {
        let store = self.format.open(path, self.inner)?;
        let info = store.info();
        self.expect(info.dtype == dtype, "the dtype is another one")?;
        self.expect(info.shape == lengths, "the shape is another one")?;
        self.expect(info.chunks.shape() == lengths, "the chunks are those of another shape")?;
        self.read_back(&store, lengths, data)?;
        self.listed(path, lengths)
    }

    /// Written out of order, read back in every way.
    fn round_trip(&self, dtype: DType, lengths: &[usize], chunks: &[usize]) -> Result<()> {
        let path = self.path("round");
        let data = sample(dtype, shape::size(lengths), 1);
        let layout = self.layout(dtype, lengths, chunks);
        self.write(&path, &layout, &data)?;
        self.reads(&path, dtype, lengths, &data)?;
        self.remove(&path)
    }

    /// Reads whole, by chunk, and by boxes across chunks.
    fn read_back(&self, store: &Arc<dyn Store>, lengths: &[usize], data: &[u8]) -> Result<()> {
        self.read(store, &Region::full(lengths), lengths, data)?;
        let chunks = store.info().chunks.clone();
        for index in Indices::new(&chunks.counts()) {
            self.read(store, &chunks.region(&index), lengths, data)?;
        }
        if lengths.contains(&0) || lengths.is_empty() {
            return Ok(());
        }
        let mut random = Random(7);
        for _ in 0..40 {
            let start: Vec<usize> = lengths.iter().map(|&n| random.below(n)).collect();
            let shape = lengths.iter().zip(&start).map(|(&n, &s)| random.below(n - s + 1)).collect();
            let region = Region::new(start, shape);
            store.prefetch(&region);
            self.read(store, &region, lengths, data)?;
        }
        Ok(())
    }

    fn read(&self, store: &Arc<dyn Store>, region: &Region, lengths: &[usize], data: &[u8]) -> Result<()> {
        let itemsize = store.info().dtype.size();
        let len = region.size() * itemsize;
        let (mut got, mut expected) = (vec![0xa5; len], vec![0; len]);
        store.read(region, &mut got)?;
        copy_region(data, lengths, region, &mut expected, itemsize);
        self.expect(got == expected, &format!("reading {region} gives other bytes than were written"))
    }

    /// The array is among the container's nodes.
    fn listed(&self, path: &Path, lengths: &[usize]) -> Result<()> {
        let nodes = self.format.tree(path, "")?;
        let is_it =
            |n: &Node| n.path == self.inner && matches!(&n.kind, NodeKind::Array(info) if info.shape == lengths);
        self.expect(nodes.iter().any(is_it), "the tree does not list the array")
    }

    /// A writer that is dropped, before or after some pieces, leaves the folder as it was.
    fn leaves_nothing(&self) -> Result<()> {
        let path = self.path("dropped");
        let layout = self.layout(DType::F32, &[6, 4], &[3, 4]);
        let before = self.names()?;
        let sink = self.format.create(&path, self.inner, &layout)?;
        let region = sink.grid().region(&[0, 0]);
        sink.write(&region, &sample(DType::F32, region.size(), 1))?;
        self.expect(self.format.open(&path, self.inner).is_err(), "an array is visible before it is finished")?;
        drop(sink);
        self.expect(self.names()? == before, "a dropped writer left something behind")?;
        self.expect(self.format.open(&path, self.inner).is_err(), "a dropped writer left an array")
    }

    /// An existing array is replaced on request alone, and only once the new one is finished.
    fn replaces(&self) -> Result<()> {
        let path = self.path("replaced");
        let lengths = [6, 4];
        let mut layout = self.layout(DType::F32, &lengths, &[3, 4]);
        let (old, new) = (sample(DType::F32, 24, 1), sample(DType::F32, 24, 2));
        self.write(&path, &layout, &old)?;
        layout.how.overwrite = false;
        match self.format.create(&path, self.inner, &layout) {
            Ok(_) => return self.expect(false, "an existing array is replaced without being asked"),
            Err(error) => {
                let named = error.to_string().contains(&path.display().to_string());
                self.expect(named, "the refusal to replace an array does not name it")?;
            }
        }
        layout.how.overwrite = true;
        drop(self.format.create(&path, self.inner, &layout)?);
        self.read_back(&self.format.open(&path, self.inner)?, &lengths, &old)?;
        self.write(&path, &layout, &new)?;
        self.read_back(&self.format.open(&path, self.inner)?, &lengths, &new)?;
        self.remove(&path)
    }

    fn keeps_metadata(&self) -> Result<()> {
        let path = self.path("metadata");
        let mut layout = self.layout(DType::F32, &[4, 3], &[2, 3]);
        layout.how.names = vec![Some("time".to_owned()), Some("x".to_owned())];
        layout.how.fill = Some(Scalar::Float(-1.5));
        layout.how.attributes.insert("units".to_owned(), "K".into());
        self.write(&path, &layout, &sample(DType::F32, 12, 1))?;
        let store = self.format.open(&path, self.inner)?;
        let info = store.info();
        self.expect(info.names == layout.how.names, "dimension names are lost")?;
        self.expect(info.attributes.get("units").is_some_and(|u| u == "K"), "attributes are lost")?;
        self.expect(info.fill == layout.how.fill, "the fill value is lost")?;
        self.remove(&path)
    }

    /// Writes every piece of the sink's grid, in an order that is not the grid's; the first row of pieces at once.
    fn write(&self, path: &Path, layout: &Layout, data: &[u8]) -> Result<()> {
        let sink = self.format.create(path, self.inner, layout)?;
        let grid = sink.grid().clone();
        self.expect(grid.shape() == layout.shape, "the sink's grid is of another shape")?;
        let mut random = Random(3);
        for region in pieces(&grid, &mut random) {
            let mut piece = vec![0; region.size() * layout.dtype.size()];
            let zero = vec![0; region.rank()];
            let (to, size) = (region.shape.clone(), layout.dtype.size());
            copy_box(data, &layout.shape, &region.start, &mut piece, &to, &zero, &region.shape, size);
            sink.write(&region, &piece)?;
        }
        sink.finish()
    }

    fn layout(&self, dtype: DType, shape: &[usize], chunks: &[usize]) -> Layout {
        let mut how = self.how.clone();
        // Shards are given for two axes of six or more; other shapes are written without.
        how.shards = how.shards.filter(|s| s.len() == shape.len() && s.iter().zip(chunks).all(|(s, c)| s % c == 0));
        Layout { dtype, time: None, shape: shape.to_vec(), chunks: chunks.to_vec(), how, run: None }
    }

    fn path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{}", self.ending))
    }

    fn names(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(self.folder).map_err(|e| Error::store(self.folder, e))?;
        let mut names: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        names.sort();
        Ok(names)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        removed.map_err(|e| Error::store(path, e))?;
        self.expect(self.names()?.is_empty(), "a finished writer left something beside the array")
    }

    fn expect(&self, holds: bool, otherwise: &str) -> Result<()> {
        if holds { Ok(()) } else { Err(Error::store(self.folder, format!("{}: {otherwise}", self.format.name()))) }
    }
}

/// The pieces of a grid, shuffled; those of the first row joined.
fn pieces(grid: &Chunks, random: &mut Random) -> Vec<Region> {
    let counts = grid.counts();
    let Some(&last) = counts.last() else { return vec![Region::full(&[])] };
    let mut out: Vec<Region> = Indices::new(&counts)
        .filter(|index| index[..index.len() - 1].iter().any(|&i| i > 0))
        .map(|index| grid.region(&index))
        .collect();
    if !counts.contains(&0) {
        let mut row = grid.region(&vec![0; counts.len()]);
        let axis = counts.len() - 1;
        row.shape[axis] = grid.axes()[axis].start(last);
        out.push(row);
    }
    for i in (1..out.len()).rev() {
        out.swap(i, random.below(i + 1));
    }
    out
}

/// Elements of any bits: NaN payloads, infinities and signed zeros among them.
fn sample(dtype: DType, count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let width = dtype.size();
    let mut out: Vec<u8> = (0..count * width).map(|_| random.byte()).collect();
    if dtype == DType::Bool {
        for byte in &mut out {
            *byte &= 1;
        }
    } else if dtype.is_inexact() {
        for (element, value) in out.chunks_exact_mut(width).zip([-0.0, 0.0, f64::NAN, f64::NEG_INFINITY]) {
            element.copy_from_slice(&Scalar::Float(value).to_bytes(dtype)[..width]);
        }
    }
    out
}

/// A small generator of numbers; the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A number below `n`, which is at least 1.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % n
    }
}
