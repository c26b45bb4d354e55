//! The shared suite over versions, codecs and shards, and what is particular to Zarr.

use super::Zarr;
use crate::chunk::Region;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::store::conformance::Suite;
use crate::store::{Create, Format, Layout, NodeKind};
use std::path::Path;

fn how(version: u8, codec: &str) -> Create {
    Create { zarr_version: Some(version), codec: Some(codec.to_owned()), ..Create::new() }
}

#[test]
fn conforms() {
    let v2: Vec<DType> = DType::ALL.into_iter().filter(|d| *d != DType::BF16).collect();
    for codec in ["none", "zstd:1", "gzip:1", "blosc-lz4", "blosc-zstd:3"] {
        let folder = tempfile::tempdir().unwrap();
        Suite::new(&Zarr, folder.path(), "zarr").how(how(3, codec)).metadata().check().unwrap();
        Suite::new(&Zarr, folder.path(), "zarr").how(how(2, codec)).dtypes(&v2).metadata().check().unwrap();
    }
    for codec in ["zlib", "bz2:1"] {
        let folder = tempfile::tempdir().unwrap();
        Suite::new(&Zarr, folder.path(), "zarr").how(how(2, codec)).dtypes(&[DType::F32]).check().unwrap();
    }
}

#[test]
fn conforms_inside_groups_and_in_shards() {
    let folder = tempfile::tempdir().unwrap();
    Suite::new(&Zarr, folder.path(), "zarr").inner("deep/er/x").metadata().check().unwrap();
    let sharded = how(3, "zstd").shards([6, 4]);
    Suite::new(&Zarr, folder.path(), "zarr").inner("x").how(sharded).metadata().check().unwrap();
    let one_shard = how(3, "none").shards([3, 6]);
    Suite::new(&Zarr, folder.path(), "zarr").how(one_shard).check().unwrap();
}

fn layout(shape: &[usize], chunks: &[usize], how: Create) -> Layout {
    Layout { dtype: DType::I16, time: None, shape: shape.to_vec(), chunks: chunks.to_vec(), how, run: None }
}

/// An array of 4 by 6 numbers, counted, in chunks of 2 by 3.
fn counted(path: &Path, inner: &str, how: Create) {
    let sink = Zarr.create(path, inner, &layout(&[4, 6], &[2, 3], how)).unwrap();
    let data: Vec<u8> = (0..24i16).flat_map(i16::to_ne_bytes).collect();
    sink.write(&Region::full(&[4, 6]), &data).unwrap();
    sink.finish().unwrap();
}

fn read(path: &Path, inner: &str) -> Result<Vec<i16>, String> {
    let store = Zarr.open(path, inner).map_err(|e| e.to_string())?;
    let region = Region::full(&store.info().shape);
    let mut out = vec![0; region.size() * 2];
    store.read(&region, &mut out).map_err(|e| e.to_string())?;
    Ok(out.as_chunks::<2>().0.iter().map(|b| i16::from_ne_bytes(*b)).collect())
}

#[test]
fn groups_are_made_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/out.zarr");
    counted(&path, "a/b", Create::new());
    counted(&path, "c", Create::new());
    let nodes = Zarr.tree(&path, "").unwrap();
    let names: Vec<(&str, bool)> =
        nodes.iter().map(|n| (n.path.as_str(), matches!(n.kind, NodeKind::Group(_)))).collect();
    assert_eq!(names, [("", true), ("a", true), ("a/b", false), ("c", false)]);
    let error = Zarr.open(&path, "").unwrap_err().to_string();
    assert!(error.ends_with("out.zarr: is a group, not an array; it holds a, c"), "{error}");
    let error = Zarr.open(&path, "a/x").unwrap_err().to_string();
    assert!(error.ends_with("out.zarr/a/x: no such array"), "{error}");
}

#[test]
fn what_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zarr");
    counted(&path, "a", Create::new());
    let refusal = |inner: &str, how: Create| {
        let error = Zarr.create(&path, inner, &layout(&[4], &[2], how)).map(|_| ()).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "")
    };
    let yes = Create::new().overwrite(true);
    assert_eq!(refusal("", yes.clone()), "/out.zarr: is a group; an array does not take its place");
    assert_eq!(refusal("a", Create::new()), "/out.zarr/a: exists already and is not to be replaced");
    assert_eq!(refusal("a/b", yes), "/out.zarr/a: is an array and holds no other");
    assert_eq!(refusal("b", how(2, "zstd")), "/out.zarr/b: Zarr v2 in a group of v3");
    assert_eq!(refusal("b", how(3, "zlib")), "/out.zarr/b: codec `zlib` is for Zarr v2; v3 has gzip and zstd");
    let shards = Create::new().shards([3]);
    assert_eq!(refusal("b", shards), "chunks: shards of shape (3,) are not made of whole chunks of shape (2,)");
    std::fs::create_dir(path.join("d")).unwrap();
    std::fs::write(path.join("d/precious"), "x").unwrap();
    assert_eq!(refusal("d", Create::new()), "/out.zarr/d: exists already and is not an array");
}

#[test]
fn chunks_are_kept_where_the_version_of_the_group_has_words_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    // With a checksum, which version 2 does not know.
    counted(&of("from.zarr"), "x", Create::new());
    let encoding = Zarr.open(&of("from.zarr"), "x").unwrap().coding().unwrap();
    for version in [2, 3] {
        let to = of(&format!("{version}.zarr"));
        Zarr.group(&to, "", &Create { zarr_version: Some(version), ..Create::new() }).unwrap();
        assert_eq!(Zarr.keeps(&to, &encoding, &layout(&[4, 6], &[2, 3], Create::new())), version == 3);
    }
}

#[test]
fn missing_chunks_hold_the_fill_value() {
    let folder = tempfile::tempdir().unwrap();
    for (name, shards) in [("plain.zarr", None), ("sharded.zarr", Some(vec![2, 6]))] {
        let path = folder.path().join(name);
        counted(&path, "", Create { fill: Some(Scalar::Int(-7)), shards, ..Create::new() });
        std::fs::remove_dir_all(path.join("c/1")).unwrap();
        let mut expect: Vec<i16> = (0..24).collect();
        expect[12..].fill(-7);
        assert_eq!(read(&path, "").unwrap(), expect);
    }
}

#[test]
fn damage_names_array_chunk_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let check = |name: &str, how: Create, chunk: &str, damage: &dyn Fn(&mut Vec<u8>), expect: &str| {
        let path = folder.path().join(name);
        counted(&path, "a", how);
        let chunk = path.join("a").join(chunk);
        let mut bytes = std::fs::read(&chunk).unwrap();
        damage(&mut bytes);
        std::fs::write(&chunk, bytes).unwrap();
        assert_eq!(read(&path, "a").unwrap_err().replace(&root, ""), expect, "{name}");
    };
    let cut = |b: &mut Vec<u8>| b.truncate(b.len() - 1);
    let flip = |b: &mut Vec<u8>| *b.last_mut().unwrap() ^= 0x40;
    let place = "(chunk (1, 0), array ";
    check(
        "1.zarr",
        how(3, "none"),
        "c/1/0",
        &cut,
        &format!("/1.zarr/a/c/1/0: holds 11 bytes of elements instead of 12 {place}/1.zarr/a)"),
    );
    check(
        "2.zarr",
        how(3, "zstd"),
        "c/1/0",
        &flip,
        &format!("/2.zarr/a/c/1/0: zstd: Restored data doesn't match checksum {place}/2.zarr/a)"),
    );
    check(
        "3.zarr",
        how(2, "blosc-lz4"),
        "1.0",
        &|b| b[5] = 9,
        &format!("/3.zarr/a/1.0: blosc declares 2316 bytes for a chunk of 12 {place}/3.zarr/a)"),
    );
    check(
        "4.zarr",
        Create::new().shards([2, 6]),
        "c/1/0",
        &flip,
        "/4.zarr/a/c/1/0: the shard index is damaged: the checksum is invalid (shard (1, 0), array /4.zarr/a)",
    );
    check(
        "5.zarr",
        how(3, "none").shards([2, 6]),
        "c/1/0",
        &|b| b.truncate(20),
        "/5.zarr/a/c/1/0: holds 20 bytes, less than the shard index of 36 (shard (1, 0), array /5.zarr/a)",
    );
}

/// Metadata of a 4-element array of version 2, with one member replaced.
fn v2(folder: &Path, key: &str, value: serde_json::Value) -> Result<Vec<i16>, String> {
    let mut document = serde_json::json!({
        "zarr_format": 2, "shape": [4], "chunks": [4], "dtype": "<i2", "compressor": null, "fill_value": 0,
        "order": "C", "filters": null,
    });
    document[key] = value;
    std::fs::write(folder.join(".zarray"), document.to_string()).unwrap();
    read(folder, "").map_err(|e| e.replace(&folder.display().to_string(), ""))
}

#[test]
fn metadata_of_version_2() {
    use serde_json::json;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("0"), [1u8, 0, 2, 0, 3, 0, 255, 255]).unwrap();
    assert_eq!(v2(folder, "order", json!("C")).unwrap(), [1, 2, 3, -1]);
    assert_eq!(v2(folder, "dtype", json!(">i2")).unwrap(), [256, 512, 768, -1]);
    assert_eq!(v2(folder, "filters", json!([{"id": "delta", "dtype": "<i2"}])).unwrap(), [1, 3, 6, 5]);
    assert_eq!(v2(folder, "filters", json!([{"id": "delta", "dtype": ">i2"}])).unwrap(), [256, 768, 1536, 1535]);
    assert_eq!(v2(folder, "fill_value", json!(null)).unwrap(), [1, 2, 3, -1]);
    let refused = |key: &str, value: serde_json::Value| v2(folder, key, value).unwrap_err();
    assert_eq!(refused("dtype", json!("|O")), "/.zarray: element type `|O` is not supported");
    assert_eq!(refused("dtype", json!([["a", "<i4"]])), "/.zarray: element type [[\"a\",\"<i4\"]] is not supported");
    assert_eq!(refused("chunks", json!([0])), "/.zarray: a chunk length is 0 or too large");
    assert_eq!(refused("shape", json!([-1])), "/.zarray: `shape` is not a list of lengths");
    assert_eq!(refused("chunks", json!([1u64 << 45])), "/.zarray: chunks of shape (35184372088832,) are too large");
    assert_eq!(refused("compressor", json!({"id": "sz3"})), "/.zarray: codec `sz3`: codec sz3 is not supported");
    assert_eq!(
        refused("filters", json!([{"id": "shuffle", "elementsize": 0}])),
        "/.zarray: codec `shuffle`: element size 0 means the size of an element to NCZarr, and no shuffling to numcodecs"
    );
}

#[test]
fn consolidated_metadata_does_not_hide_a_new_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zarr");
    counted(&path, "a", Create::new());
    let group = path.join("zarr.json");
    let text = r#"{"zarr_format": 3, "node_type": "group", "attributes": {"x": 1}, "consolidated_metadata": {}}"#;
    std::fs::write(&group, text).unwrap();
    counted(&path, "b", Create::new());
    let now: serde_json::Value = serde_json::from_slice(&std::fs::read(&group).unwrap()).unwrap();
    assert_eq!(now, serde_json::json!({"zarr_format": 3, "node_type": "group", "attributes": {"x": 1}}));
}

/// An archive of a folder's files, stored plain.
fn zip_up(folder: &Path, archive: &Path) {
    fn files(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, out) } else { out.push(path) }
        }
    }
    let (mut names, mut body, mut table) = (Vec::new(), Vec::new(), Vec::new());
    files(folder, &mut names);
    for path in &names {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let data = std::fs::read(path).unwrap();
        let (size, at) = (u32::try_from(data.len()).unwrap().to_le_bytes(), u32::try_from(body.len()).unwrap());
        let len = u16::try_from(name.len()).unwrap().to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &size, &size, &len, &[0, 0]].concat();
        body.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &data].concat());
        table
            .extend([b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let end = [b"PK\x05\x06".as_slice(), &[0; 8], &number(table.len()), &number(body.len()), &[0, 0]].concat();
    std::fs::write(archive, [body, table, end].concat()).unwrap();
}

#[test]
fn zip_archives() {
    let folder = tempfile::tempdir().unwrap();
    let (path, archive) = (folder.path().join("out.zarr"), folder.path().join("out.zarr.zip"));
    counted(&path, "g/a", how(3, "gzip"));
    counted(&path, "g/b", how(3, "none").shards([4, 6]));
    zip_up(&path, &archive);
    assert!(Zarr.recognises(&archive));
    assert_eq!(read(&archive, "g/a").unwrap(), (0..24).collect::<Vec<i16>>());
    assert_eq!(read(&archive, "g/b").unwrap(), (0..24).collect::<Vec<i16>>());
    let paths: Vec<String> = Zarr.tree(&archive, "").unwrap().into_iter().map(|n| n.path).collect();
    assert_eq!(paths, ["", "g", "g/a", "g/b"]);
    let error = Zarr.create(&archive, "x", &layout(&[4], &[2], Create::new())).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("out.zarr.zip: is a file; only folders are written to"), "{error}");
    let bytes = std::fs::read(&archive).unwrap();
    std::fs::write(&archive, &bytes[..bytes.len() - 30]).unwrap();
    assert!(!Zarr.recognises(&archive));
}

#[test]
fn links_in_a_circle_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.zarr");
    counted(&path, "g/a", Create::new());
    std::os::unix::fs::symlink(&path, path.join("g/again")).unwrap();
    assert_eq!(Zarr.tree(&path, "").unwrap().len(), 3);
}

/// What numcodecs and the C library of ZFP wrote (see data/README.md).
#[test]
fn zfp_is_read_as_its_library_reads_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/filters/zfp.zarr");
    let whole = |name: &str| {
        let store = Zarr.open(&root, name).unwrap();
        let mut out = vec![0; store.info().shape.iter().product::<usize>() * store.info().dtype.size()];
        store.read(&Region::full(&store.info().shape), &mut out).unwrap();
        (store.info().dtype, out)
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with("_decoded") {
            continue;
        }
        let (dtype, found) = whole(&name);
        let want = if root.join(format!("{name}_decoded")).exists() {
            whole(&format!("{name}_decoded")).1
        } else {
            let number = |i: usize| Scalar::Int((i as i128 * 7) % 101).to_bytes(dtype)[..dtype.size()].to_vec();
            (0..found.len() / dtype.size()).flat_map(number).collect()
        };
        assert!(found == want, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[test]
fn damaged_zfp_is_an_error_or_other_numbers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/filters/zfp.zarr");
    for (name, key) in [("v2_rate", "0.0.0"), ("v2_accuracy", "0.0.0"), ("zarrs_reversible", "c/0/0")] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("x.zarr");
        let metadata = if name.starts_with("v2") { ".zarray" } else { "zarr.json" };
        std::fs::create_dir_all(at.join(key).parent().unwrap()).unwrap();
        std::fs::copy(root.join(name).join(metadata), at.join(metadata)).unwrap();
        let chunk = std::fs::read(root.join(name).join(key)).unwrap();
        let store = Zarr.open(&at, "").unwrap();
        let region = Region { start: vec![0; store.info().shape.len()], shape: store.info().chunks.longest() };
        let mut out = vec![0; region.size() * store.info().dtype.size()];
        let mut with = |bytes: &[u8]| {
            std::fs::write(at.join(key), bytes).unwrap();
            store.read(&region, &mut out).map_err(|e| e.to_string())
        };
        with(&chunk).unwrap();
        // What is left of a word is filled up with zeros, which can stand for a few small boxes of them.
        for len in 0..chunk.len() - 16 {
            match with(&chunk[..len]) {
                Ok(()) => assert!(!len.is_multiple_of(8), "{name}: {len} of {}", chunk.len()),
                Err(error) => assert!(error.contains("zfp"), "{error}"),
            }
        }
        for bit in 0..8 * chunk.len() {
            let mut bad = chunk.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let _ = with(&bad);
        }
    }
}

#[test]
fn checksums_of_what_is_stored_are_verified_without_decoding() {
    let folder = tempfile::tempdir().unwrap();
    // CRC-32C, bit by bit.
    let crc = |data: &[u8]| {
        !data.iter().fold(!0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
        })
    };
    let summed = folder.path().join("summed.zarr");
    counted(&summed, "", how(3, "none"));
    let metadata = std::fs::read_to_string(summed.join("zarr.json")).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    metadata["codecs"].as_array_mut().unwrap().push(serde_json::json!({"name": "crc32c"}));
    std::fs::write(summed.join("zarr.json"), metadata.to_string()).unwrap();
    let chunk = summed.join("c/1/0");
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes.extend(crc(&bytes).to_le_bytes());
    std::fs::write(&chunk, &bytes).unwrap();

    let sharded = folder.path().join("sharded.zarr");
    counted(&sharded, "", how(3, "zstd").shards([4, 3]));
    for (path, key, index) in [(&summed, "c/1/0", [1, 0]), (&sharded, "c/0/1", [0, 1])] {
        let whole = std::fs::read(path.join(key)).unwrap();
        let store = Zarr.open(path, "").unwrap();
        assert!(matches!(store.coded(&index).unwrap(), crate::store::Coded::Bytes(bytes) if bytes == whole));
        for at in [whole.len() - 1, whole.len() - 6] {
            let mut bad = whole.clone();
            bad[at] ^= 4;
            std::fs::write(path.join(key), bad).unwrap();
            let error = store.coded(&index).map(drop).unwrap_err().to_string();
            let names = [key, &format!("chunk ({}, {})", index[0], index[1])];
            assert!(names.iter().all(|name| error.contains(name)), "{error}");
        }
    }
}
