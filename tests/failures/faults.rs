//! The table of faults in ARCHITECTURE.md: each ends in an error that names array, chunk and file, and shows no output.

use super::synthetic::Synthetic;
use super::{context, names};
use hyperslab::array::blocks::BlockFn;
use hyperslab::store::Create;
use hyperslab::{Array, Context, ErrorKind};
use std::path::{Path, PathBuf};

fn grid() -> Array<f32> {
    Synthetic::new(60, 60, [10, 10]).into_array().0
}

/// `x.zarr` in `folder`, stored so.
fn stored(folder: &Path, how: Create) -> PathBuf {
    let path = folder.join("x.zarr");
    context().compute(grid().store(&path, how)).unwrap();
    path
}

/// Stores what is made of the array at `path`; the error has these parts, and there is nothing new in the folder.
fn ends_in(folder: &Path, path: &Path, parts: &[&str]) {
    let before = names(folder);
    let x = context().open(path).unwrap().cast::<f64>();
    for out in ["o.zarr", "o.npy", "o.h5"] {
        let err = context().compute((&x + 1.0).store(folder.join(out), Create::new().chunks([10, 10]))).unwrap_err();
        assert!(matches!(err.kind(), ErrorKind::Store { .. }), "{err}");
        let text = err.to_string();
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert_eq!(names(folder), before);
    }
}

fn flip(path: &Path, from_end: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() - from_end;
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_unreadable_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored(folder.path(), Create::new().chunks([10, 10]));
    let chunk = path.join("c/2/3");
    std::fs::remove_file(&chunk).unwrap();
    std::fs::create_dir(&chunk).unwrap();
    let (file, array) = (format!("{}: is a folder", chunk.display()), format!("array {}", path.display()));
    ends_in(folder.path(), &path, &[&file, "chunk (2, 3)", &array, "block ("]);
}

#[test]
fn a_truncated_shard() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored(folder.path(), Create::new().chunks([10, 10]).shards([30, 30]));
    let shard = path.join("c/1/0");
    let bytes = std::fs::read(&shard).unwrap();
    for keep in [bytes.len() - 1, bytes.len() / 2, 10, 0] {
        std::fs::write(&shard, &bytes[..keep]).unwrap();
        let (file, array) = (format!("{}: ", shard.display()), format!("array {}", path.display()));
        ends_in(folder.path(), &path, &[&file, "shard (1, 0)", &array]);
    }
}

#[test]
fn a_bad_crc32c() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored(folder.path(), Create::new().chunks([10, 10]).shards([30, 30]));
    let shard = path.join("c/0/1");
    flip(&shard, 20);
    let file = format!("{}: the shard index is damaged: ", shard.display());
    ends_in(folder.path(), &path, &[&file, "shard (0, 1)", "checksum"]);
}

#[test]
fn a_bad_fletcher32() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let address = {
        let file = hdf5::File::create(&path).unwrap();
        let data = ndarray::Array2::from_shape_fn((60, 60), |(i, j)| (i * 60 + j) as f64);
        let new = file.new_dataset::<f64>().chunk((10, 10)).fletcher32().shape((60, 60));
        let x = new.create("x").unwrap();
        x.write(&data).unwrap();
        x.chunk_info(7).unwrap().addr
    };
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(address).unwrap() + 5] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    ends_in(
        folder.path(),
        &path.join("x"),
        &[&path.display().to_string(), "fletcher32: the checksum is ", "chunk (1, 1)"],
    );
}

#[test]
fn a_closure_that_panics() {
    let folder = tempfile::tempdir().unwrap();
    for out in ["o.zarr", "o.npy", "o.h5"] {
        let bad = |b: ndarray::ArrayViewD<'_, f32>| if b[[0, 0]] > 50.0 { panic!("too warm") } else { b.to_owned() };
        let y = grid().map_blocks(&BlockFn::named("check", bad));
        let err = context().compute(y.store(folder.path().join(out), Create::new().chunks([10, 10]))).unwrap_err();
        let text = err.to_string();
        assert!(text.starts_with("block function check: panicked: too warm (in map_blocks check built at "), "{text}");
        assert!(text.contains("block ("), "{text}");
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn a_disk_that_is_full() {
    // What is done of an interrupted run stays; the next chunk goes to a device that is always full.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.zarr");
    let how = || Create::new().chunks([10, 10]).resume(true);
    let cx = Context::builder().threads(1).memory("64MiB").block_bytes(400).device("cpu").build().unwrap();
    let (bad, _) = Synthetic::new(60, 60, [10, 10]).with([5, 5], super::synthetic::Fault::Error).into_array();
    cx.compute((&bad + 1.0).store(&path, how())).unwrap_err();
    let chunk = folder.path().join(".partial.o.zarr/c/5/5");
    assert!(!path.exists() && !chunk.exists());
    std::os::unix::fs::symlink("/dev/full", &chunk).unwrap();
    let err = cx.compute((&grid() + 1.0).store(&path, how())).unwrap_err().to_string();
    assert!(err.contains("No space left on device (os error 28)"), "{err}");
    assert!(err.contains("chunk (5, 5)") && err.contains(&format!("array {}", path.display())), "{err}");
    assert!(!path.exists());
    // Room has been made: it goes on.
    std::fs::remove_file(&chunk).unwrap();
    cx.compute((&grid() + 1.0).store(&path, how())).unwrap();
    let back = cx.open(&path).unwrap().try_typed::<f32>().unwrap();
    assert_eq!(cx.compute(back).unwrap(), cx.compute(grid() + 1.0).unwrap());
    assert_eq!(names(folder.path()), ["o.zarr"]);
}
