//! The filters of HDF5 chunks, which we decode ourselves, and whole files, whose structure libhdf5 reads.

use super::files::{read, visit};
use super::mutate::{Random, damaged};
use super::{context, fuzz};
use hdf5::filters::{Blosc, BloscShuffle};
use hyperslab::chunk::Region;
use hyperslab::store;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file with a dataset `x` in chunks that the filters pack.
fn written(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.h5"));
    let file = hdf5::File::create(&path).unwrap();
    let data = ndarray::Array2::from_shape_fn((64, 32), |(i, j)| ((i * 31 + j * 17) % 101) as f32);
    let new = file.new_dataset::<f32>().chunk((16, 32)).shape((64, 32));
    let new = match name {
        "shuffle-deflate-fletcher32" => new.shuffle().deflate(4).fletcher32(),
        "lzf" => new.shuffle().lzf(),
        "blosc-lz4" => new.blosc(Blosc::LZ4, 5, BloscShuffle::Byte),
        "blosc-zstd-bits" => new.blosc(Blosc::ZStd, 5, BloscShuffle::Bit),
        "blosclz" => new.blosc(Blosc::BloscLZ, 9, BloscShuffle::Byte),
        "fletcher32" => new.fletcher32(),
        other => panic!("{other}"),
    };
    new.create("x").unwrap().write(&data).unwrap();
    path
}

#[test]
fn filters() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["shuffle-deflate-fletcher32", "lzf", "blosc-lz4", "blosc-zstd-bits", "blosclz", "fletcher32"] {
        chunks_of(&written(folder.path(), name), "x");
    }
}

#[test]
fn filters_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugins.h5");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/filters/hdf5plugin.h5"), &path).unwrap();
    for name in ["blosclz_1", "lz4_2", "lz4hc_0", "zlib_1", "zstd_3", "line_delta", "three_axes", "many_chunks", "nans"]
    {
        chunks_of(&path, &format!("blosc2/{name}"));
    }
    for name in ["reversible_f4", "reversible_i8", "rate", "precision", "accuracy", "expert"] {
        chunks_of(&path, &format!("zfp/{name}"));
    }
}

/// Reads an array whose chunks are damaged in one way after the other.
fn chunks_of(path: &Path, name: &str) {
    let mut places: Vec<(u64, u64)> = Vec::new();
    {
        let file = hdf5::File::open(path).unwrap();
        let x = file.dataset(name).unwrap();
        for i in 0..x.num_chunks().unwrap() {
            let chunk = x.chunk_info(i).unwrap();
            places.push((chunk.addr, chunk.size));
        }
    }
    let seed = std::fs::read(path).unwrap();
    let store = store::open(path.join(name)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let whole = Region::full(&store.info().shape);
    let mut out = vec![0; whole.size() * store.info().dtype.size()];
    store.read(&whole, &mut out).unwrap();
    fuzz(&format!("hdf5 {name}"), |random| {
        let (at, len) = *random.pick(&places);
        let before = &seed[usize::try_from(at).unwrap()..][..usize::try_from(len).unwrap()];
        // The chunk stays as long as the index says.
        let mut bytes = damaged(random, before);
        bytes.resize(before.len(), 0);
        file.write_all_at(&bytes, at).unwrap();
        let outcome = store.read(&whole, &mut out);
        file.write_all_at(before, at).unwrap();
        outcome
    });
}

#[test]
fn containers() {
    // The library reads the structure; what it reports is an error of ours, and what it allocates is bounded by us
    // where the size comes from us. Superblocks stay, or nothing is read at all.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    {
        let file = hdf5::File::create(&path).unwrap();
        let group = file.create_group("g").unwrap();
        let data = ndarray::Array2::from_shape_fn((8, 6), |(i, j)| (i + j) as f64);
        group.new_dataset::<f64>().chunk((4, 3)).deflate(1).shape((8, 6)).create("x").unwrap().write(&data).unwrap();
        file.new_dataset::<i16>().shape(5).create("y").unwrap().write(&ndarray::arr1(&[1i16, 2, 3, 4, 5])).unwrap();
        let text: hdf5::types::VarLenUnicode = "kelvin".parse().unwrap();
        group.new_attr::<hdf5::types::VarLenUnicode>().create("units").unwrap().write_scalar(&text).unwrap();
    }
    let seed = std::fs::read(&path).unwrap();
    visit(&path).unwrap();
    let one = folder.path().join("one.h5");
    fuzz("hdf5 files", |random: &mut Random| {
        let mut bytes = seed.clone();
        for _ in 0..1 + random.below(3) {
            let at = 96 + random.below(bytes.len() - 96);
            bytes[at] = random.next().to_le_bytes()[0];
        }
        std::fs::write(&one, bytes).unwrap();
        let outcome = visit(&one);
        outcome.and(read(&one.join("g/x")))
    });
    let _ = context();
}
