//! Files that netCDF wrote (`data/netcdf3`), and what becomes of them when they are damaged.

use super::Netcdf3;
use crate::chunk::Region;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::shape;
use crate::store::conformance::Suite;
use crate::store::{Create, Format, Layout, NodeKind};
use serde_json::json;
use std::path::{Path, PathBuf};

const FILES: [&str; 3] = ["classic", "offset64", "data64"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/netcdf3").join(format!("{name}.nc"))
}

/// The elements of every array there: multiples of 7, modulo 101.
fn sample(dtype: DType, len: usize) -> Vec<u8> {
    let value = |i: usize| Scalar::Int((i as i128 * 7) % 101).to_bytes(dtype);
    (0..len).flat_map(|i| value(i)[..dtype.size()].to_vec()).collect()
}

fn reads(path: &Path, inner: &str, dtype: DType, lengths: &[usize]) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let data = sample(dtype, shape::size(lengths));
    Suite::new(&Netcdf3, folder.path(), "nc").inner(inner).reads(path, dtype, lengths, &data)
}

#[test]
fn every_type_and_version() {
    let classic = [DType::I8, DType::I16, DType::I32, DType::F32, DType::F64];
    let more = [DType::U8, DType::U16, DType::U32, DType::I64, DType::U64];
    for name in FILES {
        let path = file(name);
        for dtype in classic.iter().chain(if name == "data64" { &more[..] } else { &[] }) {
            let code = format!("{}{}", if dtype.is_inexact() { "f" } else { &dtype.name()[..1] }, dtype.size());
            reads(&path, &format!("fixed_{code}"), *dtype, &[3, 5]).unwrap();
            reads(&path, &format!("records_{code}"), *dtype, &[4, 5]).unwrap();
            let info = Netcdf3.open(&path, &format!("fixed_{code}")).unwrap().info().clone();
            assert_eq!(info.names, [Some("y".to_owned()), Some("x".to_owned())]);
            assert_eq!(info.fill, Some(if dtype.is_inexact() { Scalar::Float(99.0) } else { Scalar::Int(99) }));
            let three = if dtype.is_inexact() { json!([1.0, 2.0, 3.0]) } else { json!([1, 2, 3]) };
            assert_eq!((&info.attributes["three"], info.types["three"]), (&three, *dtype));
        }
        reads(&path, "time", DType::F64, &[4]).unwrap();
        reads(&path, "scalar", DType::I32, &[]).unwrap();
        let error = Netcdf3.open(&path, "text").unwrap_err().to_string();
        assert!(error.ends_with(&format!("{name}.nc/text: holds text")), "{error}");
        let nodes = Netcdf3.tree(&path, "").unwrap();
        let NodeKind::Group(root) = &nodes[0].kind else { panic!("the root is a group") };
        assert_eq!(json!(root), json!({"title": "every type", "odd": [1.5, "NaN", "Infinity"]}));
    }
    // The only variable that has records is not padded.
    reads(&file("one_record_variable"), "data", DType::I16, &[4, 5]).unwrap();
    assert_eq!(Netcdf3.open(&file("one_record_variable"), "").unwrap().info().shape, [4, 5]);
}

/// A copy of a file with other bytes at `at`.
fn changed(folder: &Path, name: &str, at: usize, with: &[u8]) -> PathBuf {
    let mut bytes = std::fs::read(file(name)).unwrap();
    bytes[at..at + with.len()].copy_from_slice(with);
    let path = folder.join("x.nc");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn records_are_counted_where_the_header_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["classic", "one_record_variable"] {
        let path = changed(folder.path(), name, 4, &[0xff; 4]);
        let (inner, dtype) = if name == "classic" { ("records_i1", DType::I8) } else { ("data", DType::I16) };
        reads(&path, inner, dtype, &[4, 5]).unwrap();
    }
}

#[test]
fn records_are_appended_where_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let more = |path: &Path, inner: &str, before: &[usize], records: usize| {
        let (mut start, mut shape) = (vec![0; before.len()], before.to_vec());
        (start[0], shape[0]) = (before[0], records);
        let (region, before, run) = (Region::new(start, shape.clone()), before.to_vec(), None);
        let change = crate::store::Change { region, before, resume: false, run, token: String::new() };
        let sink = Netcdf3.change(path, inner, &change)?;
        sink.write(&Region::full(&shape), &vec![7; shape::size(&shape) * 2])?;
        sink.finish()
    };
    // A file whose length says how many records there are does so no more.
    let path = changed(folder.path(), "one_record_variable", 4, &[0xff; 4]);
    more(&path, "data", &[4, 5], 3).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[4..8], [0, 0, 0, 7]);
    let (first, all) = (sample(DType::I16, 20), Netcdf3.open(&path, "data").unwrap());
    let mut out = vec![0; 70];
    all.read(&Region::full(&[7, 5]), &mut out).unwrap();
    assert!(out[..40] == first && out[40..] == [7; 30]);
    // What lies behind the records stays there.
    let path = changed(folder.path(), "classic", 4, &1u32.to_be_bytes());
    let mut bytes = std::fs::read(&path).unwrap();
    let next = bytes.windows(10).position(|w| w == b"records_i2").unwrap();
    let end = u32::try_from(bytes.len() - 40).unwrap();
    bytes[next - 8..next - 4].copy_from_slice(&end.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = more(&path, "records_i2", &[1, 5], 900).unwrap_err().to_string();
    assert!(error.ends_with("x.nc: has no place for 901 records: `fixed_i2` lies behind them"), "{error}");
    let error = more(&path, "records_i2", &[1, 5], usize::MAX >> 8).unwrap_err().to_string();
    assert!(error.contains("x.nc: counts at most 2147483647 records"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn headers_that_lie() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, at: usize, with: &[u8], inner: &str, expect: &str| {
        let error = Netcdf3.open(&changed(folder.path(), name, at, with), inner).unwrap_err().to_string();
        assert!(error.ends_with(expect), "{error}");
    };
    // The number of records, of dimensions and of attributes.
    let cut = "x.nc/records_i2: is cut short: int16 of shape (4000, 5) does not fit in ";
    let error = Netcdf3.open(&changed(folder.path(), "classic", 4, &4000u32.to_be_bytes()), "records_i2").unwrap_err();
    assert!(error.to_string().contains(cut), "{error}");
    check("data64", 4, &[0xff, 0, 0, 0, 0, 0, 0, 0], "time", "x.nc: declares 18374686479671623680 records");
    check("classic", 12, &[0xff; 4], "time", "x.nc: ends within its header");
    check("data64", 16, &[0xff; 8], "time", "x.nc: ends within its header");
    check("classic", 12, &[0, 0, 0, 3], "time", "x.nc: has a header in which no attributes stand where they should");
    check("classic", 8, &[0, 0, 0, 11], "time", "x.nc: has a header in which no dimensions stand where they should");
    check("classic", 16, &[0x7f; 4], "time", "x.nc: ends within its header");
    // The place of the first variable, which is in the header, or where the next one is.
    let bytes = std::fs::read(file("one_record_variable")).unwrap();
    let begin = bytes.len() - 40 - 4;
    check(
        "one_record_variable",
        begin,
        &[0, 0, 0, 9],
        "",
        "x.nc/data: begins at byte 9, within the header of the file",
    );
    check("one_record_variable", begin, &[0x7f, 0, 0, 0], "", "int16 of shape (4, 5) does not fit in 136 bytes");
    // A type that there is not.
    check("one_record_variable", begin - 8, &[0, 0, 0, 7], "", "gives `data` the type 7, which there is not");
}

#[test]
fn every_prefix_is_refused_or_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nc");
    for name in FILES {
        let bytes = std::fs::read(file(name)).unwrap();
        for len in (0..bytes.len()).step_by(if bytes.len() > 2000 { 7 } else { 1 }) {
            std::fs::write(&path, &bytes[..len]).unwrap();
            let Ok(nodes) = Netcdf3.tree(&path, "") else { continue };
            for node in nodes {
                let NodeKind::Array(info) = node.kind else { continue };
                let store = Netcdf3.open(&path, &node.path).unwrap();
                let mut out = vec![0; shape::size(&info.shape) * info.dtype.size()];
                store.read(&Region::full(&info.shape), &mut out).unwrap();
                assert!(out == sample(info.dtype, shape::size(&info.shape)), "{name} {len} {}", node.path);
            }
        }
    }
}

#[test]
fn arrays_that_share_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file("classic");
    let bytes = std::fs::read(&path).unwrap();
    // The begin of `fixed_i2` is the last word before the next variable's name; it gets that of `fixed_i1`.
    let find = |name: &[u8]| bytes.windows(name.len()).position(|w| w == name).unwrap();
    let begin_of = |next: &[u8]| find(next) - 8..find(next) - 4;
    let other = bytes[begin_of(b"records_i1")].to_vec();
    let path = changed(folder.path(), "classic", begin_of(b"records_i2").start, &other);
    let error = Netcdf3.open(&path, "fixed_i2").unwrap_err().to_string();
    assert!(error.ends_with("x.nc/fixed_i2: lies where `fixed_i1` lies"), "{error}");
    // Records: each has a place of its own in all of them.
    let other = bytes[begin_of(b"fixed_i2")].to_vec();
    let path = changed(folder.path(), "classic", begin_of(b"fixed_i4").start, &other);
    let error = Netcdf3.open(&path, "records_i2").unwrap_err().to_string();
    assert!(error.ends_with("x.nc/records_i2: lies where `records_i1` lies"), "{error}");
}

/// Writes an array of the numbers 0, 1, ... in pieces.
fn written(path: &Path, name: &str, shape: &[usize], names: &[&str], how: Create) -> Result<()> {
    let names = names.iter().map(|n| Some((*n).to_owned())).collect();
    let layout = Layout {
        time: None,
        dtype: DType::I16,
        shape: shape.to_vec(),
        chunks: shape.iter().map(|&n| n.clamp(1, 2)).collect(),
        how: Create { names, ..how },
        run: None,
    };
    let sink = Netcdf3.create(path, name, &layout)?;
    let all: Vec<u8> = (0..crate::shape::size(shape)).flat_map(|i| i16::try_from(i).unwrap().to_ne_bytes()).collect();
    for index in crate::chunk::region::Indices::new(&sink.grid().counts()) {
        let region = sink.grid().region(&index);
        let mut part = vec![0; region.size() * 2];
        crate::cpu::copy::copy_region(&all, shape, &region, &mut part, 2);
        sink.write(&region, &part)?;
    }
    sink.finish()
}

fn counted(path: &Path, name: &str) -> Vec<i16> {
    let store = Netcdf3.open(path, name).unwrap();
    let mut out = vec![0; crate::shape::size(&store.info().shape) * 2];
    store.read(&Region::full(&store.info().shape), &mut out).unwrap();
    out.as_chunks::<2>().0.iter().map(|b| i16::from_ne_bytes(*b)).collect()
}

#[test]
fn what_is_written_is_read() {
    for unlimited in [vec![], vec!["t".to_owned()]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.nc3");
        let how = || Create { unlimited: unlimited.clone(), ..Create::new() };
        let mut group = how();
        group.attributes.insert("title".to_owned(), "one".into());
        Netcdf3.group(&path, "", &group).unwrap();
        let all: &[(&str, &[usize], &[&str])] = &[
            ("a", &[3, 5], &["t", "y"]),
            ("t", &[3], &["t"]),
            ("b", &[5, 3], &["y", "z"]),
            ("c", &[3], &["t"]),
            ("s", &[], &[]),
        ];
        for (n, (name, shape, names)) in all.iter().enumerate() {
            written(&path, name, shape, names, how()).unwrap();
            for (name, shape, _) in &all[..=n] {
                let size = i16::try_from(crate::shape::size(shape)).unwrap();
                assert_eq!(counted(&path, name), (0..size).collect::<Vec<_>>(), "{name} {unlimited:?}");
            }
        }
        let refused = |result: Result<()>| result.unwrap_err().to_string();
        let error = refused(written(&path, "a", &[3, 5], &["t", "y"], how()));
        assert!(error.ends_with("a: exists already and is not to be replaced"), "{error}");
        let error = refused(written(&path, "d", &[4], &["t"], how()));
        assert!(error.contains("dimension `t` has length 4, and 3 in the file"), "{error}");
        written(&path, "a", &[3, 5], &["t", "y"], how().overwrite(true)).unwrap();
        assert_eq!(counted(&path, "b"), (0..15).collect::<Vec<_>>());
        let nodes = Netcdf3.tree(&path, "").unwrap();
        assert!(matches!(&nodes[0].kind, NodeKind::Group(a) if a["title"] == "one") && nodes.len() == 6);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn what_no_version_holds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nc3");
    let create = |dtype, shape: &[usize], how: Create| {
        let chunks = shape.iter().map(|&n| n.max(1)).collect();
        let layout = Layout { dtype, time: None, shape: shape.to_vec(), chunks, how, run: None };
        Netcdf3.create(&path, "x", &layout).unwrap_err().to_string()
    };
    let check = |error: String, end: &str| assert!(error.contains(end), "{error}");
    check(create(DType::C64, &[2], Create::new()), "x: NetCDF-3 has no complex64; convert it first");
    let classic = Create { format: Some("netcdf3-classic".to_owned()), ..Create::new() };
    check(create(DType::I64, &[2], classic), "`x` of int64 needs 64-bit data (CDF-5)");
    check(
        create(DType::F32, &[2, 0], Create::new()),
        "axis 1 has length 0, which in NetCDF-3 only an unlimited one has",
    );
    check(
        create(DType::F32, &[2], Create::new().codec("zstd")),
        "a NetCDF-3 file is not compressed; `zstd` needs NetCDF-4 or Zarr",
    );
    let second = Create { unlimited: vec!["1".to_owned()], ..Create::new() };
    check(create(DType::F32, &[2, 2], second), "only the first axis is unlimited in NetCDF-3");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
