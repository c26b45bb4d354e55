//! Zarr: metadata of both versions, and chunks in every codec.

use super::files::{read, visit};
use super::mutate::{damaged, rewritten};
use super::{context, fuzz};
use hyperslab::store::Create;
use std::path::{Path, PathBuf};

/// Stored elements, varied enough that codecs have work.
fn store(path: &Path, how: Create) {
    let cx = context();
    let x = cx.arange(40 * 30).unwrap();
    let x = (&(&x * 7919) % 1009).cast::<f64>();
    let x = cx.compute(&x * 0.25).unwrap().into_shape_with_order(vec![40, 30]).unwrap();
    cx.compute(cx.from_ndarray(x).unwrap().store(path, how)).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut out, mut left) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(at) = left.pop() {
        if at.is_dir() {
            left.extend(std::fs::read_dir(&at).unwrap().map(|e| e.unwrap().path()));
        } else {
            out.push(at);
        }
    }
    out.sort();
    out
}

const JSON: [&str; 28] = [
    "null",
    "true",
    "[]",
    "{}",
    "\"",
    ",",
    ":",
    "-1",
    "1e308",
    "99999999999999999999",
    "\"zstd\"",
    "\"gzip\"",
    "\"blosc\"",
    "\"bytes\"",
    "\"sharding_indexed\"",
    "\"transpose\"",
    "\"pcodec\"",
    "\"bz2\"",
    "\"crc32c\"",
    "\"regular\"",
    "\"NaN\"",
    "\"float16\"",
    "\"complex128\"",
    "\"<M8[ns]\"",
    "\"configuration\"",
    "\"chunk_shape\"",
    "\"fill_value\"",
    "\"shape\"",
];

/// Damages one file of a Zarr folder at a time, and puts it back.
fn each_file(name: &str, root: &Path, pick: impl Fn(&Path) -> bool, as_text: bool) {
    let seeds: Vec<(PathBuf, Vec<u8>)> =
        files(root).into_iter().filter(|p| pick(p)).map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
    assert!(!seeds.is_empty(), "{name}");
    fuzz(name, |random| {
        let (path, seed) = random.pick(&seeds).clone();
        let text = String::from_utf8(seed.clone()).unwrap_or_default();
        let bytes = if as_text && random.below(3) > 0 {
            rewritten(random, &text, &JSON).into_bytes()
        } else {
            damaged(random, &seed)
        };
        std::fs::write(&path, bytes).unwrap();
        let outcome = visit(root);
        std::fs::write(&path, seed).unwrap();
        outcome
    });
    // What was put back is whole again.
    visit(root).unwrap();
}

fn is_metadata(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name == "zarr.json" || name.starts_with(".z")
}

#[test]
fn metadata() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("x.zarr");
    let mut how = Create::new().chunks([10, 30]).codec("blosc-lz4");
    how.attributes.insert("scale".into(), 1.5.into());
    how.names = vec![Some("t".into()), None];
    store(&root.join("a"), how.clone());
    store(&root.join("g/b"), Create::new().chunks([10, 10]).shards([20, 30]));
    each_file("metadata of version 3", &root, is_metadata, true);
    let root = folder.path().join("y.zarr");
    how.zarr_version = Some(2);
    store(&root.join("a"), how);
    store(&root.join("b"), Create { zarr_version: Some(2), ..Create::new().chunks([10, 30]).codec("zlib") });
    each_file("metadata of version 2", &root, is_metadata, true);
}

#[test]
fn chunks() {
    let folder = tempfile::tempdir().unwrap();
    for codec in ["none", "zstd", "gzip", "blosc-lz4", "blosc-zstd", "blosc-blosclz", "zlib", "bz2"] {
        let old = matches!(codec, "zlib" | "bz2");
        let root = folder.path().join(format!("{codec}.zarr"));
        let how = Create::new().chunks([10, 15]).codec(codec);
        store(&root, Create { zarr_version: old.then_some(2), ..how });
        each_file(&format!("chunks in {codec}"), &root, |p| !is_metadata(p), false);
    }
    let root = folder.path().join("shards.zarr");
    store(&root, Create::new().chunks([10, 15]).shards([20, 30]));
    each_file("shards", &root, |p| !is_metadata(p), false);
}

/// Rewrites the codecs of a stored array of version 3.
fn with_codecs(root: &Path, codecs: &serde_json::Value) {
    let path = root.join("zarr.json");
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    document["codecs"] = codecs.clone();
    std::fs::write(path, serde_json::to_vec(&document).unwrap()).unwrap();
}

#[test]
fn other_codecs() {
    // Not written by us; the damage begins with bytes that are not theirs.
    let folder = tempfile::tempdir().unwrap();
    let lists = [
        serde_json::json!([{"name": "pcodec", "configuration": {"level": 8}}]),
        serde_json::json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]),
        serde_json::json!([
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            {"name": "bytes", "configuration": {"endian": "big"}},
            {"name": "numcodecs.shuffle", "configuration": {"elementsize": 8}},
            {"name": "numcodecs.fletcher32"},
        ]),
        serde_json::json!([
            {"name": "numcodecs.delta", "configuration": {"dtype": "<f8", "astype": "<f4"}},
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "numcodecs.adler32"},
        ]),
        serde_json::json!([
            {"name": "numcodecs.fixedscaleoffset",
             "configuration": {"scale": 10.0, "offset": 5.0, "dtype": "<f8", "astype": "|u1"}},
            {"name": "bytes"},
            {"name": "numcodecs.lz4"},
        ]),
    ];
    let path = folder.path().join("x.zarr");
    store(&path, Create::new().chunks([10, 15]).codec("none"));
    let chunk = path.join("c/1/1");
    let seed = std::fs::read(&chunk).unwrap();
    fuzz("other codecs", |random| {
        with_codecs(&path, random.pick(&lists));
        std::fs::write(&chunk, damaged(random, &seed)).unwrap();
        read(&path)
    });
}

#[test]
fn bombs() {
    // Streams that grow to gigabytes from a few kilobytes.
    use std::io::Write;
    let zeros = vec![0u8; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    for _ in 0..300 {
        gzip.write_all(&zeros).unwrap();
        zlib.write_all(&zeros).unwrap();
        bz2.write_all(&zeros).unwrap();
    }
    let bombs = [("gzip", gzip.finish().unwrap()), ("zlib", zlib.finish().unwrap()), ("bz2", bz2.finish().unwrap())];
    let folder = tempfile::tempdir().unwrap();
    for (codec, bomb) in bombs {
        let path = folder.path().join(format!("{codec}.zarr"));
        store(&path, Create { zarr_version: Some(2), ..Create::new().chunks([10, 15]).codec(codec) });
        std::fs::write(path.join("1.1"), &bomb).unwrap();
        let _alone = super::alone();
        let counted = super::counting::Counted::start();
        let text = read(&path).unwrap_err().to_string();
        let most = counted.most();
        let why = format!("{}: {codec}: holds more than the 1200 bytes of a chunk", path.join("1.1").display());
        assert!(text.starts_with(&why), "{text}");
        assert!(most < 32 << 20, "{codec} takes {most} bytes");
    }
}
