//! Interrupted runs that are gone on with.

use super::synthetic::Synthetic;
use super::{files, names};
use hyperslab::array::compute::Stored;
use hyperslab::store::Create;
use hyperslab::{Array, Context, Error};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Chunks of the array that is stored, and of the one it is made of.
const CHUNKS: usize = 400;

fn how() -> Create {
    Create::new().chunks([10, 10]).resume(true)
}

/// A context with small blocks that cancels itself after some tasks.
fn interrupted_after(tasks: usize) -> Context {
    let token = Arc::new(OnceLock::<hyperslab::runtime::context::CancelToken>::new());
    let inner = Arc::clone(&token);
    let sink = move |now: hyperslab::runtime::context::Progress| {
        if now.done >= tasks {
            inner.get().unwrap().cancel();
        }
    };
    let cx = Context::builder().threads(2).memory("64MiB").block_bytes(400).progress(sink).build().unwrap();
    token.set(cx.cancel_token()).unwrap();
    cx
}

fn unhurried() -> Context {
    Context::builder().threads(2).memory("64MiB").block_bytes(400).build().unwrap()
}

fn source() -> (Array<f32>, Arc<Synthetic>) {
    Synthetic::new(200, 200, [10, 10]).into_array()
}

/// Interrupts `what` of some stored outputs, and gives what is needed to compare.
fn interrupt(tasks: usize, what: impl Fn(&Array<f32>) -> Vec<Stored>) {
    let err = interrupted_after(tasks).compute(what(&source().0)).unwrap_err();
    assert_eq!(err.to_string().split(' ').next(), Some("cancelled"));
}

#[test]
fn only_what_is_missing_is_computed_and_the_bytes_are_the_same() {
    for name in ["o.zarr", "o.npy", "o.zarr/deep/x"] {
        let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |folder: &Path| {
            let path = folder.join(name);
            move |x: &Array<f32>| vec![(x + 1.0).store(&path, how())]
        };
        unhurried().compute(at(whole.path())(&source().0)).unwrap();
        interrupt(150, at(folder.path()));
        assert!(names(folder.path()).iter().all(|n| n.starts_with('.')), "{:?}", names(folder.path()));
        // A second time, further on.
        interrupt(250, at(folder.path()));
        let (x, store) = source();
        unhurried().compute(at(folder.path())(&x)).unwrap();
        let reads = store.total_reads();
        assert!((1..=CHUNKS - 200).contains(&reads), "{name}: {reads} of {CHUNKS} chunks were read again");
        assert!(files(folder.path()) == files(whole.path()), "{name}");
        assert_eq!(names(folder.path()), names(whole.path()));
    }
}

#[test]
fn blocks_and_threads_of_the_second_run_may_differ() {
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |folder: &Path| {
        let path = folder.join("o.zarr");
        move |x: &Array<f32>| vec![(x - x.mean(0)).store(&path, how())]
    };
    unhurried().compute(at(whole.path())(&source().0)).unwrap();
    interrupt(300, at(folder.path()));
    let (x, _) = source();
    let other = Context::builder().threads(1).memory("64MiB").unoptimized().build().unwrap();
    other.compute(at(folder.path())(&x)).unwrap();
    assert!(files(folder.path()) == files(whole.path()));
}

#[test]
fn several_outputs_of_one_run() {
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |folder: &Path| {
        let path = |name: &str| folder.join(name);
        let paths = (path("o.zarr/a"), path("o.zarr/b"), path("sum.npy"));
        move |x: &Array<f32>| {
            let (a, b, c) = &paths;
            vec![(x + 1.0).store(a, how()), (x * 2.0).store(b, how()), x.sum(0).store(c, Create::new().resume(true))]
        }
    };
    unhurried().compute(at(whole.path())(&source().0)).unwrap();
    interrupt(5, at(folder.path()));
    unhurried().compute(at(folder.path())(&source().0)).unwrap();
    assert!(files(folder.path()) == files(whole.path()));
    assert_eq!(names(folder.path()), ["o.zarr", "sum.npy"]);
}

#[test]
fn a_chunk_that_was_damaged_in_between_is_written_again() {
    for (name, hidden) in [("o.zarr", ".partial.o.zarr/c/0/0"), ("o.npy", ".partial.o.npy")] {
        let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |folder: &Path| {
            let path = folder.join(name);
            move |x: &Array<f32>| vec![(x + 1.0).store(&path, how())]
        };
        unhurried().compute(at(whole.path())(&source().0)).unwrap();
        interrupt(150, at(folder.path()));
        let path = folder.path().join(hidden);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len().min(200) - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        unhurried().compute(at(folder.path())(&source().0)).unwrap();
        assert!(files(folder.path()) == files(whole.path()), "{name}");
    }
}

fn refusal(outcome: Result<Vec<()>, Error>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn another_expression_input_or_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.zarr");
    interrupt(150, |x| vec![(x + 1.0).store(&path, how())]);
    let (x, store) = source();
    let start = format!("{}: the run that was interrupted is not this one: ", path.display());
    let check = |stored: Stored, why: &str| {
        let text = refusal(unhurried().compute(vec![stored]));
        assert_eq!(text, format!("{start}{why}; without --resume it starts over"));
    };
    check((&x + 1.5).store(&path, how()), "it computed another expression");
    let other = "its output has another dtype, shape, chunks or compression";
    check((&x + 1.0).store(&path, how().codec("gzip")), other);
    check((&x + 1.0).store(&path, Create::new().chunks([20, 20]).resume(true)), other);
    assert_eq!(store.total_reads(), 0);
    // The refused left what is done alone; one that does not resume starts over.
    unhurried().compute((&x + 1.5).store(&path, Create::new())).unwrap();
    assert_eq!(names(folder.path()), ["o.zarr"]);
}

#[test]
fn an_input_that_changed_is_named() {
    for (input, part) in [("x.npy", "x.npy"), ("x.zarr", "x.zarr/c/0/0"), ("x.h5/x", "x.h5")] {
        let folder = tempfile::tempdir().unwrap();
        let (input, part) = (folder.path().join(input), folder.path().join(part));
        unhurried().compute(source().0.store(&input, Create::new().chunks([10, 10]))).unwrap();
        let out = folder.path().join("o.zarr");
        let run = |cx: Context| {
            let x = cx.open(&input).unwrap().try_typed::<f32>().unwrap();
            cx.compute((&x + 1.0).store(&out, how()))
        };
        run(interrupted_after(100)).unwrap_err();
        // The same bytes, written a moment later.
        let bytes = std::fs::read(&part).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&part, bytes).unwrap();
        let text = run(unhurried()).unwrap_err().to_string();
        let why = format!("its input {} has changed", input.display());
        assert!(text.contains(&why), "{text}");
    }
}

#[test]
fn two_writers_of_one_array_are_refused() {
    for name in ["o.zarr", "o.npy", "o.h5", "o.zarr/a/b"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let inner = path.clone();
        let text = Arc::new(OnceLock::new());
        let seen = Arc::clone(&text);
        // While one run is at work, another begins.
        let sink = move |_: hyperslab::runtime::context::Progress| {
            seen.get_or_init(|| {
                let (x, _) = source();
                unhurried().compute((&x * 2.0).store(&inner, Create::new())).unwrap_err().to_string()
            });
        };
        let cx = Context::builder().threads(2).memory("64MiB").block_bytes(400).progress(sink).build().unwrap();
        cx.compute((source().0 + 1.0).store(&path, Create::new().chunks([10, 10]))).unwrap();
        let text = text.get().unwrap();
        let start = format!("is being written by process {}; wait until that is done", std::process::id());
        assert!(text.starts_with(&path.display().to_string()) && text.contains(&start), "{text}");
    }
}

#[test]
fn nothing_to_resume_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["o.zarr", "o.npy", "o.h5"] {
        let path = folder.path().join(name);
        unhurried().compute((source().0 + 1.0).store(&path, how())).unwrap();
        let text = unhurried().compute((source().0 + 1.0).store(&path, how())).unwrap_err().to_string();
        assert!(text.ends_with("exists already and is not to be replaced"), "{text}");
    }
    assert_eq!(names(folder.path()), ["o.h5", "o.npy", "o.zarr"]);
}
