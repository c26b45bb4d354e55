//! Arrays that cannot be read.

use super::synthetic::{Fault, Synthetic};
use super::{context, names};
use hyperslab::ErrorKind;
use hyperslab::store::Create;

#[test]
fn a_chunk_that_fails_is_named_with_array_block_and_operation() {
    let (x, _) = Synthetic::new(40, 40, [10, 10]).with([2, 1], Fault::Error).into_array();
    let (sum, line) = ((&x + 1.0).sum(0), line!());
    let err = context().compute(sum).unwrap_err();
    let site = format!("{}:{line}:35", file!());
    assert!(matches!(err.kind(), ErrorKind::Store { path, .. } if path == "synthetic"));
    assert_eq!(
        err.to_string(),
        format!(
            "synthetic: chunk (2, 1) cannot be decoded (for sum over axes (0,) built at {site}, block (0, 0) at [0:40, 0:40])"
        )
    );
}

#[test]
fn a_store_that_panics_is_an_error_that_names_the_block() {
    let (x, _) = Synthetic::new(40, 40, [10, 10]).with([3, 3], Fault::Panic).into_array();
    let cx = context();
    let err = cx.compute(x.max(..)).unwrap_err();
    let text = err.to_string();
    let want = "synthetic: reading panicked: the decoder is broken (for max over axes (0, 1) built at ";
    assert!(text.starts_with(want) && text.ends_with(", block (0, 0) at [0:40, 0:40])"), "{text}");
    // The context goes on working.
    let (x, _) = Synthetic::new(40, 40, [10, 10]).into_array();
    assert_eq!(cx.compute(x.max(..)).unwrap()[[]], 100.0);
}

#[test]
fn a_failed_run_leaves_no_array() {
    for name in ["o.npy", "o.zarr", "o.h5"] {
        let folder = tempfile::tempdir().unwrap();
        let (x, store) = Synthetic::new(400, 400, [10, 10]).with([39, 39], Fault::Error).into_array();
        let stored = (&x * 2.0).store(folder.path().join(name), Create::new().chunks([10, 10]));
        let err = context().compute((stored, x.mean(..))).unwrap_err();
        assert!(err.to_string().starts_with("synthetic: chunk (39, 39) cannot be decoded (for "), "{err}");
        assert!(store.total_reads() > 1000, "other chunks were read and written before");
        assert!(names(folder.path()).is_empty(), "{name}: {:?}", names(folder.path()));
    }
}

#[test]
fn the_first_fault_stops_the_run() {
    let (x, store) = Synthetic::new(4000, 4000, [100, 100]).with([0, 0], Fault::Error).into_array();
    let cx = hyperslab::Context::builder().threads(2).memory("64MiB").block_bytes(80_000).build().unwrap();
    assert!(cx.compute(x.sum(1)).is_err());
    assert!(store.total_reads() < 400, "{} chunks were read after the fault", store.total_reads());
}
