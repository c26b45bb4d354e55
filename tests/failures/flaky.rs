//! Requests to stores that fail for a moment, or for good.

use super::{context, names};
use hyperslab::blockwise::lower::Request;
use hyperslab::chunk::{Chunks, Region};
use hyperslab::expr::build;
use hyperslab::runtime::{executor, pipeline};
use hyperslab::store::{self, Create, Info, Layout, Sink, Store};
use hyperslab::{Array, Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every tenth request fails: once, or again and again.
#[derive(Debug)]
struct Tenth {
    requests: AtomicUsize,
    for_good: bool,
    failures: AtomicUsize,
}

impl Tenth {
    fn new(for_good: bool) -> Self {
        Self { requests: AtomicUsize::new(0), for_good, failures: AtomicUsize::new(0) }
    }

    fn request(&self, path: &str, region: &Region) -> Result<()> {
        let n = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if n.is_multiple_of(10) || self.for_good && n > 10 {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let chunk: Vec<usize> = region.start.iter().map(|s| s / 10).collect();
            let why = format!("chunk {} timed out", hyperslab::shape::Shape::new(&chunk));
            return Err(Error::from(ErrorKind::Store { path: path.to_owned(), why }).transient());
        }
        Ok(())
    }
}

/// A store that reads another.
#[derive(Debug)]
struct FlakyStore {
    inner: Arc<dyn Store>,
    tenth: Tenth,
}

impl Store for FlakyStore {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.tenth.request(&self.info().path, region)?;
        self.inner.read(region, out)
    }
}

/// A sink that writes another.
#[derive(Debug)]
struct FlakySink {
    inner: Box<dyn Sink>,
    path: String,
    tenth: Arc<Tenth>,
}

impl Sink for FlakySink {
    fn grid(&self) -> &Chunks {
        self.inner.grid()
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        self.tenth.request(&self.path, region)?;
        self.inner.write(region, data)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.inner.finish()
    }
}

fn grid() -> Array<f32> {
    super::synthetic::Synthetic::new(60, 60, [10, 10]).into_array().0
}

/// A Zarr array of 36 chunks whose every tenth request fails.
fn flaky(folder: &Path, for_good: bool) -> (Array<f32>, Arc<FlakyStore>) {
    let path = folder.join("x.zarr");
    context().compute(grid().store(&path, Create::new().chunks([10, 10]))).unwrap();
    let store = Arc::new(FlakyStore { inner: store::open(&path).unwrap(), tenth: Tenth::new(for_good) });
    let shared: Arc<dyn Store> = Arc::<FlakyStore>::clone(&store);
    (Array::from_expr(build::source(shared)).try_typed().unwrap(), store)
}

fn small() -> hyperslab::Context {
    hyperslab::Context::builder().threads(2).memory("64MiB").block_bytes(400).device("cpu").build().unwrap()
}

#[test]
fn reads_that_fail_for_a_moment_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (x, store) = flaky(folder.path(), false);
    let sum = small().compute((&x + 1.0).sum(1)).unwrap();
    assert_eq!(sum, small().compute((grid() + 1.0).sum(1)).unwrap());
    assert!(store.tenth.failures.load(Ordering::Relaxed) >= 3);
}

#[test]
fn reads_that_fail_for_good_end_in_an_error_that_names_array_and_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let (x, _) = flaky(folder.path(), true);
    let out = folder.path().join("o.zarr");
    let err = small().compute((&x + 1.0).store(&out, Create::new().chunks([10, 10]))).unwrap_err();
    let text = err.to_string();
    assert!(text.starts_with(&format!("{}: chunk (", folder.path().join("x.zarr").display())), "{text}");
    assert!(text.contains(") timed out (after 5 attempts, for ") && text.contains("block ("), "{text}");
    assert_eq!(names(folder.path()), ["x.zarr"]);
}

/// Writes 36 chunks into a sink whose every tenth request fails.
fn write(folder: &Path, for_good: bool) -> (Result<()>, usize) {
    let path = folder.join("o.zarr");
    let lengths = vec![60, 60];
    let chunks = vec![10, 10];
    let grid_of = Chunks::regular(&lengths, &chunks).unwrap();
    let dtype = hyperslab::dtype::DType::F32;
    let layout = Layout { dtype, time: None, shape: lengths, chunks, how: Create::new(), run: None };
    let request = Request { expr: (grid() + 1.0).expr().clone(), stored: Some(grid_of), persists: false };
    let cx = small();
    let (plan, graph) = pipeline::prepare(&cx, &[request]).unwrap();
    let tenth = Arc::new(Tenth::new(for_good));
    let inner = store::create(&path, &layout).unwrap();
    let sink = FlakySink { inner, path: path.display().to_string(), tenth: Arc::clone(&tenth) };
    let done = executor::run(&cx, &plan, &graph, vec![Some(Box::new(sink))]).map(|_| ());
    (done, tenth.failures.load(Ordering::Relaxed))
}

#[test]
fn writes_that_fail_for_a_moment_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (done, failures) = write(folder.path(), false);
    done.unwrap();
    assert!(failures >= 3);
    let cx = context();
    let back = cx.open(folder.path().join("o.zarr")).unwrap().try_typed::<f32>().unwrap();
    assert_eq!(cx.compute(back).unwrap(), cx.compute(grid() + 1.0).unwrap());
}

#[test]
fn writes_that_fail_for_good_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let text = write(folder.path(), true).0.unwrap_err().to_string();
    assert!(text.starts_with(&format!("{}: chunk (", folder.path().join("o.zarr").display())), "{text}");
    assert!(text.contains(") timed out (after 5 attempts, block ("), "{text}");
    assert!(names(folder.path()).is_empty());
}
