//! Arrays that cannot be written.

use super::synthetic::Synthetic;
use super::{context, names};
use hyperslab::blockwise::lower::Request;
use hyperslab::chunk::{Chunks, Region};
use hyperslab::error::{Error, ErrorKind, Result};
use hyperslab::runtime::{executor, pipeline};
use hyperslab::store::{Create, Sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Fails at a write or at the end, and tells what became of it.
#[derive(Debug)]
struct Failing {
    grid: Chunks,
    at: usize,
    writes: AtomicUsize,
    dropped_unfinished: Arc<AtomicBool>,
    finished: bool,
}

impl Sink for Failing {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn write(&self, _region: &Region, _data: &[u8]) -> Result<()> {
        if self.writes.fetch_add(1, Ordering::Relaxed) == self.at {
            let (path, why) = ("out".to_owned(), "no space left on device".to_owned());
            return Err(Error::from(ErrorKind::Store { path, why }));
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.finished = true;
        Ok(())
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.dropped_unfinished.store(!self.finished, Ordering::Relaxed);
    }
}

/// Runs a store of a small array into a sink that fails at write number `at`.
fn run(at: usize) -> (Result<()>, bool) {
    let cx = hyperslab::Context::builder().threads(2).memory("64MiB").block_bytes(400).device("cpu").build().unwrap();
    let (x, _) = Synthetic::new(40, 40, [10, 10]).into_array();
    let grid = Chunks::regular(&[40, 40], &[10, 10]).unwrap();
    let request = Request { expr: (&x + 1.0).expr().clone(), stored: Some(grid.clone()), persists: false };
    let (plan, graph) = pipeline::prepare(&cx, &[request]).unwrap();
    let dropped = Arc::new(AtomicBool::new(false));
    let writes = AtomicUsize::new(0);
    let sink = Failing { grid, at, writes, dropped_unfinished: Arc::clone(&dropped), finished: false };
    let outcome = executor::run(&cx, &plan, &graph, vec![Some(Box::new(sink))]).map(|_| ());
    (outcome, dropped.load(Ordering::Relaxed))
}

#[test]
fn a_sink_that_fails_is_dropped_unfinished() {
    let (outcome, dropped) = run(7);
    let text = outcome.unwrap_err().to_string();
    assert!(text.starts_with("out: no space left on device (block ("), "{text}");
    assert!(dropped);
    let (outcome, dropped) = run(usize::MAX);
    outcome.unwrap();
    assert!(!dropped);
}

#[test]
fn an_array_that_exists_is_not_replaced_unless_asked() {
    for name in ["o.npy", "o.zarr", "o.h5"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let path = if name == "o.h5" { path.join("x") } else { path };
        let cx = context();
        let (x, store) = Synthetic::new(20, 20, [10, 10]).into_array();
        cx.compute(x.store(&path, Create::new())).unwrap();
        let before = store.total_reads();
        let err = cx.compute((&x * 2.0).store(&path, Create::new())).unwrap_err();
        assert!(matches!(err.kind(), ErrorKind::Store { .. }));
        assert_eq!(err.to_string(), format!("{}: exists already and is not to be replaced", path.display()), "{name}");
        assert_eq!(store.total_reads(), before, "refused before anything is read");
        cx.compute((&x * 2.0).store(&path, Create::new().overwrite(true))).unwrap();
        let again = cx.open(&path).unwrap().try_typed::<f32>().unwrap();
        assert_eq!(cx.compute(again.sum(..)).unwrap(), cx.compute((&x * 2.0).sum(..)).unwrap(), "{name}");
        assert_eq!(names(folder.path()), [name]);
    }
}

#[test]
fn one_name_for_two_outputs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.zarr");
    let (x, _) = Synthetic::new(20, 20, [10, 10]).into_array();
    let both = (x.store(&path, Create::new()), (&x + 1.0).store(&path, Create::new()));
    let err = context().compute(both).unwrap_err();
    assert_eq!(err.to_string(), format!("store: {} is asked for twice", path.display()));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn names_and_places_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (x, _) = Synthetic::new(20, 20, [10, 10]).into_array();
    let err = |path: &std::path::Path| context().compute(x.store(path, Create::new())).unwrap_err().to_string();
    let path = folder.path().join("o.xyz");
    let why = "the name does not end in .zarr, .h5, .nc or .npy, so its format is not known";
    assert_eq!(err(&path), format!("{}: {why}", path.display()));
    let path = folder.path().join("missing/o.npy");
    let why = "cannot be created: No such file or directory (os error 2)";
    assert_eq!(err(&path), format!("{}: {why}", path.display()));
}
