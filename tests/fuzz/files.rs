//! Files that are damaged anywhere, opened and read.

use super::mutate::{Random, damaged};
use super::{context, fuzz};
use hyperslab::shape::slice::{Index, Item};
use hyperslab::store::{self, Create, NodeKind};
use hyperslab::{Error, ErrorKind};
use std::path::Path;

/// Reads a corner of the array at `path`, and all of it when it is small.
pub fn read(path: &Path) -> Result<(), Error> {
    let array = context().open(path)?;
    let shape = array.shape().max();
    let corner: Vec<Item> = shape.iter().map(|&n| Item::from(0..isize::try_from(n.min(9)).unwrap())).collect();
    let part = array.try_slice(Index::from(corner))?;
    let corner = context().compute(part).map(drop);
    let size = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if size.is_some_and(|n| n <= 100_000) {
        context().compute(array)?;
    }
    corner
}

/// Everything at `path`: listed, and its arrays read.
pub fn visit(path: &Path) -> Result<(), Error> {
    let mut first = Ok(());
    for node in store::tree(path)? {
        let at = if node.path.is_empty() { path.to_path_buf() } else { path.join(node.path.trim_matches('/')) };
        let done = match node.kind {
            NodeKind::Array(_) => read(&at),
            NodeKind::Other(why) => Err(ErrorKind::Store { path: at.display().to_string(), why }.into()),
            NodeKind::Group(_) => Ok(()),
        };
        if first.is_ok() {
            first = done;
        }
    }
    first
}

#[test]
fn npy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let cx = context();
    for (i, shape) in [vec![], vec![5], vec![4, 6], vec![2, 3, 4]].into_iter().enumerate() {
        let seed = folder.path().join(format!("{i}.npy"));
        let x = cx.ones::<f32>(&shape).unwrap();
        cx.compute(x.store(&seed, Create::new())).unwrap();
        seeds.push(std::fs::read(&seed).unwrap());
    }
    // The second and third versions of the header, Fortran order, other byte order.
    for (version, text) in [
        (2, "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }"),
        (3, "{'descr': '<c16', 'fortran_order': False, 'shape': (3,), }\n"),
    ] {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.bytes());
        bytes.extend([7; 48]);
        seeds.push(bytes);
    }
    fuzz("npy", |random| {
        let seed = random.pick(&seeds);
        let bytes = damaged(random, seed);
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    });
}

/// Files of a folder of `data/`.
fn samples(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

#[test]
fn netcdf3() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nc");
    let seeds = samples("netcdf3");
    for seed in &seeds {
        std::fs::write(&path, seed).unwrap();
        let _ = visit(&path);
    }
    fuzz("netcdf3", |random| {
        let seed = random.pick(&seeds);
        std::fs::write(&path, damaged(random, seed)).unwrap();
        visit(&path)
    });
}

#[cfg(feature = "tiff")]
#[test]
fn tiff() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tif");
    let seeds = samples("tiff");
    for seed in &seeds {
        std::fs::write(&path, seed).unwrap();
        visit(&path).unwrap();
    }
    fuzz("tiff", |random| {
        let seed = random.pick(&seeds);
        std::fs::write(&path, damaged(random, seed)).unwrap();
        visit(&path)
    });
}

#[test]
fn manifests() {
    let folder = tempfile::tempdir().unwrap();
    let (path, hidden) = (folder.path().join("o.npy"), folder.path().join(".manifest.o.npy"));
    let part = folder.path().join(".partial.o.npy");
    let cx = context();
    let x = cx.arange(4000).unwrap();
    // A run that fails leaves both.
    let fails = hyperslab::array::blocks::BlockFn::named("fails", |b: ndarray::ArrayViewD<'_, i64>| {
        if b[[0]] > 2000 { panic!("as it should") } else { b.to_owned() }
    });
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let how = || Create::new().chunks([500]).resume(true);
    let wanted = x.rechunk(&[500]).map_blocks(&fails).store(&path, how());
    cx.compute(wanted.clone()).unwrap_err();
    let (seed, data) = (std::fs::read(&hidden).unwrap(), std::fs::read(&part).unwrap());
    fuzz("manifests", |random| {
        std::fs::write(&part, damaged_now_and_then(random, &data)).unwrap();
        std::fs::write(&hidden, damaged(random, &seed)).unwrap();
        let error = cx.compute(wanted.clone()).unwrap_err();
        assert!(!path.exists());
        Err(error_without_panic(error))
    });
    std::panic::set_hook(hook);
}

fn damaged_now_and_then(random: &mut Random, data: &[u8]) -> Vec<u8> {
    if random.below(2) == 0 { data.to_vec() } else { damaged(random, data) }
}

/// The panic of the function is meant; what else is wrong is not.
fn error_without_panic(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Function { .. } => ErrorKind::Cancelled.into(),
        _ => error,
    }
}

/// An archive of stored entries, as a Zarr store of one array makes it.
fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut table) = (Vec::new(), Vec::new());
    let short = |n: usize| u16::try_from(n).unwrap().to_le_bytes();
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    for (name, data) in entries {
        let at = out.len();
        let sizes = [long(0), long(data.len()), long(data.len())].concat();
        out.extend([&b"PK\x03\x04"[..], &short(20), &[0; 8], &sizes, &short(name.len()), &short(0)].concat());
        out.extend(name.bytes());
        out.extend(data);
        table.extend([&b"PK\x01\x02"[..], &short(20), &short(20), &[0; 8], &sizes, &short(name.len())].concat());
        table.extend([&[0; 12][..], &long(at)].concat());
        table.extend(name.bytes());
    }
    let (at, count) = (out.len(), short(entries.len()));
    out.extend(&table);
    out.extend([&b"PK\x05\x06"[..], &[0; 4], &count, &count, &long(table.len()), &long(at), &short(0)].concat());
    out
}

#[test]
fn archives() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context();
    let plain = folder.path().join("x.zarr");
    cx.compute(cx.ones::<f32>(&[4, 4]).unwrap().store(&plain, Create::new().chunks([2, 4]))).unwrap();
    let names = ["zarr.json", "c/0/0", "c/1/0"];
    let entries: Vec<(&str, Vec<u8>)> = names.iter().map(|n| (*n, std::fs::read(plain.join(n)).unwrap())).collect();
    let seed = zip(&entries);
    let path = folder.path().join("y.zarr");
    std::fs::write(&path, &seed).unwrap();
    read(&path).unwrap();
    fuzz("archives", |random| {
        std::fs::write(&path, damaged(random, &seed)).unwrap();
        visit(&path)
    });
}
