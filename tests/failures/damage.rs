//! Stored arrays that are damaged.

use super::context;
use super::synthetic::Synthetic;
use hyperslab::ErrorKind;
use hyperslab::store::Create;
use std::path::{Path, PathBuf};

/// A small Zarr array, and the file of its chunk (1, 0).
fn array(folder: &Path, codec: &str) -> (PathBuf, PathBuf) {
    let path = folder.join("x.zarr");
    let (x, _) = Synthetic::new(40, 20, [10, 10]).into_array();
    context().compute(x.store(&path, Create::new().chunks([10, 10]).codec(codec))).unwrap();
    let chunk = path.join("c/1/0");
    assert!(chunk.is_file(), "{}", chunk.display());
    (path, chunk)
}

/// What reading all of it says.
fn error_of(path: &Path) -> String {
    let cx = context();
    let x = cx.open(path).unwrap().try_typed::<f32>().unwrap();
    let err = cx.compute(x.sum(..)).unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::Store { .. }), "{err}");
    err.to_string()
}

#[test]
fn a_truncated_chunk_is_named() {
    for codec in ["none", "zstd", "gzip", "blosc-lz4"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, chunk) = array(folder.path(), codec);
        let bytes = std::fs::read(&chunk).unwrap();
        std::fs::write(&chunk, &bytes[..bytes.len() / 2]).unwrap();
        let text = error_of(&path);
        assert!(text.starts_with(&format!("{}: ", chunk.display())), "{codec}: {text}");
        assert!(text.contains("for sum over axes (0, 1) built at "), "{codec}: {text}");
        assert!(text.contains("block (0, 0) at [0:"), "{codec}: {text}");
    }
}

#[test]
fn a_bad_checksum_is_named() {
    for codec in ["zstd", "gzip"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, chunk) = array(folder.path(), codec);
        let mut bytes = std::fs::read(&chunk).unwrap();
        let at = bytes.len() - 3;
        bytes[at] ^= 0x55;
        std::fs::write(&chunk, &bytes).unwrap();
        let text = error_of(&path);
        assert!(text.starts_with(&format!("{}: ", chunk.display())), "{codec}: {text}");
    }
}

#[test]
fn an_empty_chunk_is_no_fill_value() {
    let folder = tempfile::tempdir().unwrap();
    let (path, chunk) = array(folder.path(), "none");
    std::fs::write(&chunk, b"").unwrap();
    let text = error_of(&path);
    assert!(text.starts_with(&format!("{}: ", chunk.display())), "{text}");
}

#[test]
fn a_truncated_npy_is_refused_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let (x, _) = Synthetic::new(40, 20, [10, 10]).into_array();
    context().compute(x.store(&path, Create::new())).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let err = context().open(&path).unwrap_err().to_string();
    let why = "is cut short: float32 of shape (40, 20) does not fit in 3327 bytes";
    assert_eq!(err, format!("{}: {why}", path.display()));
}

#[test]
fn a_damaged_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = array(folder.path(), "none");
    std::fs::write(path.join("zarr.json"), "{\"zarr_format\": 3, \"node_type\": \"arr").unwrap();
    let err = context().open(&path).unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::Store { .. }), "{err}");
    assert!(err.to_string().starts_with(&path.display().to_string()), "{err}");
}
