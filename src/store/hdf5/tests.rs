//! Round trips, and files that the library writes in ways of its own.

use super::Hdf5;
use super::attributes::Scales;
use super::dataset::{Hdf5Array, Source};
use super::ffi;
use super::filters::{Pipeline, Scratch};
use crate::chunk::{Chunks, Region, region::Indices};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::store::input::Input;
use crate::store::meter::metered;
use crate::store::{Coded, Create, Format, Layout, NodeKind, Place, Store};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn sample(dtype: DType, len: usize) -> Vec<u8> {
    let value = |i: usize| Scalar::Int((i as i128 * 7) % 101).to_bytes(dtype);
    (0..len).flat_map(|i| value(i)[..dtype.size()].to_vec()).collect()
}

fn layout(dtype: DType, shape: &[usize], chunks: &[usize], how: Create) -> Layout {
    Layout { dtype, time: None, shape: shape.to_vec(), chunks: chunks.to_vec(), how, run: None }
}

/// The elements of `region` of a whole array.
fn cut(whole: &[u8], shape: &[usize], region: &Region, itemsize: usize) -> Vec<u8> {
    let mut out = vec![0; region.size() * itemsize];
    crate::cpu::copy::copy_region(whole, shape, region, &mut out, itemsize);
    out
}

fn write(path: &Path, inner: &str, layout: &Layout, data: &[u8]) -> crate::Result<()> {
    let sink = Hdf5.create(path, inner, layout)?;
    for index in Indices::new(&sink.grid().counts()) {
        let region = sink.grid().region(&index);
        sink.write(&region, &cut(data, &layout.shape, &region, layout.dtype.size()))?;
    }
    sink.finish()
}

fn read(store: &dyn Store, region: &Region) -> crate::Result<Vec<u8>> {
    let mut out = vec![0xa5; region.size() * store.info().dtype.size()];
    store.read(region, &mut out)?;
    Ok(out)
}

/// Reads an array whole, by chunks and across chunks.
fn check(store: &dyn Store, data: &[u8]) {
    let info = store.info();
    let odd: Vec<usize> = info.chunks.longest().iter().map(|&c| c / 2 + 2).collect();
    let grids = [Chunks::whole(&info.shape), info.chunks.clone(), Chunks::regular(&info.shape, &odd).unwrap()];
    for region in grids.iter().flat_map(|g| Indices::new(&g.counts()).map(|i| g.region(&i))) {
        store.prefetch(&region);
        let want = cut(data, &info.shape, &region, info.dtype.size());
        assert_eq!(read(store, &region).unwrap(), want, "{} {region}", info.path);
    }
}

fn array(path: &Path, inner: &str) -> Hdf5Array {
    let input = Input::open(path).unwrap();
    let file = ffi::open_input(&input).unwrap();
    Hdf5Array::open(&file, &input, inner, &mut Scales::default()).unwrap()
}

#[test]
fn every_dtype_and_codec_comes_back() {
    let dir = folder();
    let path = dir.path().join("all.h5");
    for dtype in DType::ALL {
        for codec in ["gzip", "gzip:1", "none", "lzf", "zstd", "blosc-lz4", "blosc-zstd:9", "blosc-snappy"] {
            let (shape, chunks) = ([13, 10], [4, 6]);
            let data = sample(dtype, 130);
            let inner = format!("{codec}/{dtype}");
            write(&path, &inner, &layout(dtype, &shape, &chunks, Create::new().codec(codec)), &data).unwrap();
            let store = Hdf5.open(&path, &inner).unwrap();
            assert_eq!((store.info().dtype, store.info().chunks.longest()), (dtype, chunks.to_vec()));
            check(&*store, &data);
        }
    }
}

#[test]
fn shapes_without_axes_or_elements() {
    let dir = folder();
    for (i, shape) in [&[][..], &[0], &[3, 0, 2], &[1, 1], &[100_000]].into_iter().enumerate() {
        let path = dir.path().join(format!("{i}.h5"));
        let data = sample(DType::F64, shape.iter().product());
        write(&path, "", &layout(DType::F64, shape, &vec![1000; shape.len()], Create::new()), &data).unwrap();
        let store = Hdf5.open(&path, "").unwrap();
        assert_eq!(store.info().shape, shape);
        check(&*store, &data);
    }
}

#[test]
fn attributes_names_and_fill_come_back() {
    let dir = folder();
    let path = dir.path().join("a.nc");
    let mut how = Create::new();
    how.attributes = json!({"units": "K", "scale_factor": 0.5, "levels": [1, 2, 3], "flags": [true, false],
        "names": ["a", "é"], "yes": true, "_FillValue": -999, "big": u64::MAX})
    .as_object()
    .unwrap()
    .clone();
    let want = how.attributes.clone();
    how.names = vec![Some("time".to_owned()), None];
    how.fill = Some(Scalar::Int(-999));
    write(&path, "g/h/x", &layout(DType::I16, &[4, 5], &[2, 2], how), &sample(DType::I16, 20)).unwrap();
    let store = Hdf5.open(&path, "g/h/x").unwrap();
    assert_eq!(store.info().attributes, want);
    assert_eq!(store.info().names, [Some("time".to_owned()), None]);
    assert_eq!(store.info().fill, Some(Scalar::Int(-999)));
    let tree = Hdf5.tree(&path, "").unwrap();
    let paths: Vec<&str> = tree.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(paths, ["", "g", "g/h", "g/h/x"]);
    assert!(matches!(&tree[3].kind, NodeKind::Array(info) if info.shape == [4, 5]));
}

#[test]
fn files_are_added_to_and_arrays_replaced_on_demand() {
    let dir = folder();
    let path = dir.path().join("a.h5");
    let new = |how| layout(DType::F32, &[5], &[5], how);
    let (one, two) = (sample(DType::F32, 5), vec![0; 20]);
    write(&path, "x", &new(Create::new()), &one).unwrap();
    let open = Hdf5.open(&path, "x").unwrap();
    write(&path, "g/y", &new(Create::new()), &two).unwrap();
    check(&*open, &one);
    check(&*Hdf5.open(&path, "g/y").unwrap(), &two);
    let refusal = write(&path, "x", &new(Create::new()), &two).unwrap_err().to_string();
    assert!(refusal.contains("x: exists already"), "{refusal}");
    assert!(write(&path, "g", &new(Create::new().overwrite(true)), &two).unwrap_err().to_string().contains("group"));
    assert!(write(&path, "x/z", &new(Create::new()), &two).is_err());
    write(&path, "x", &new(Create::new().overwrite(true)), &two).unwrap();
    check(&*Hdf5.open(&path, "x").unwrap(), &two);
    assert!(write(&path, "z", &new(Create::new().codec("bz2")), &two).is_err());
}

#[test]
fn two_sinks_of_one_new_file_both_arrive() {
    let dir = folder();
    let path = dir.path().join("a.h5");
    let new = layout(DType::U8, &[4], &[2], Create::new());
    let sinks = ["a", "b"].map(|name| Hdf5.create(&path, name, &new).unwrap());
    std::thread::scope(|scope| {
        for sink in sinks {
            scope.spawn(move || {
                for start in [0, 2] {
                    sink.write(&Region::new(vec![start], vec![2]), &[1, 2]).unwrap();
                }
                sink.finish().unwrap();
            });
        }
    });
    for name in ["a", "b"] {
        check(&*Hdf5.open(&path, name).unwrap(), &[1, 2, 1, 2]);
    }
}

#[test]
fn a_dropped_sink_leaves_nothing() {
    let dir = folder();
    let path = dir.path().join("a.h5");
    let sink = Hdf5.create(&path, "x", &layout(DType::U8, &[4], &[2], Create::new())).unwrap();
    sink.write(&Region::new(vec![0], vec![2]), &[1, 2]).unwrap();
    drop(sink);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A file of the newest format, in which one unlimited axis gives an extensible array.
fn newest(dir: &Path) -> (PathBuf, hdf5::File) {
    let path = dir.join("new.h5");
    let file = hdf5::File::with_options().with_fapl(|p| p.libver_latest()).create(&path).unwrap();
    (path, file)
}

#[test]
fn extensible_arrays_along_any_axis_agree_with_the_library() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    let data = ndarray::Array3::from_shape_fn((7, 9, 8), |(i, j, k)| i32::try_from(i * 100 + j * 10 + k).unwrap());
    let limits: [hdf5::Extents; 3] = [(7.., 9, 8).into(), (7, 9.., 8).into(), (7, 9, 8..).into()];
    for (axis, extents) in limits.into_iter().enumerate() {
        for deflate in [false, true] {
            let new = file.new_dataset::<i32>().shape(extents.clone()).chunk((2, 3, 4));
            let new = if deflate { new.deflate(3) } else { new };
            new.create(format!("{axis}{deflate}").as_str()).unwrap().write(&data).unwrap();
        }
    }
    file.close().unwrap();
    for axis in 0..3 {
        for deflate in [false, true] {
            let array = array(&path, &format!("{axis}{deflate}"));
            assert!(matches!(array.source, Source::Chunked(_)));
            check(&array, bytemuck::cast_slice(data.as_slice().unwrap()));
        }
    }
}

#[test]
fn filters_of_the_library_are_undone() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    let data = ndarray::Array2::from_shape_fn((50, 40), |(i, j)| f64::from(u32::try_from(i * j).unwrap()) / 3.0);
    let new = || file.new_dataset::<f64>().shape((50, 40)).chunk((16, 40));
    new().shuffle().deflate(6).fletcher32().create("a").unwrap().write(&data).unwrap();
    new().fletcher32().create("b").unwrap().write(&data).unwrap();
    new().lzf().create("c").unwrap().write(&data).unwrap();
    for (i, shuffle) in [false, true].into_iter().enumerate() {
        new().blosc_blosclz(5, shuffle).create(format!("d{i}").as_str()).unwrap().write(&data).unwrap();
        new().blosc_lz4(5, shuffle).create(format!("e{i}").as_str()).unwrap().write(&data).unwrap();
        new().blosc_zlib(5, shuffle).create(format!("f{i}").as_str()).unwrap().write(&data).unwrap();
        new().blosc_zstd(5, shuffle).create(format!("g{i}").as_str()).unwrap().write(&data).unwrap();
        new().blosc_snappy(5, shuffle).create(format!("h{i}").as_str()).unwrap().write(&data).unwrap();
    }
    file.close().unwrap();
    for name in ["a", "b", "c", "d0", "d1", "e0", "e1", "f0", "f1", "g0", "g1", "h0", "h1"] {
        let array = array(&path, name);
        assert!(matches!(array.source, Source::Chunked(_)), "{name}");
        check(&array, bytemuck::cast_slice(data.as_slice().unwrap()));
    }
}

#[test]
fn scaleoffset_goes_through_the_library() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    let data = ndarray::Array1::from_iter((0..1000).map(|i| i % 50));
    let new = file.new_dataset::<i32>().shape(1000).chunk(100);
    new.scale_offset(hdf5::filters::ScaleOffset::Integer(0)).create("x").unwrap().write(&data).unwrap();
    file.close().unwrap();
    let array = array(&path, "x");
    assert!(matches!(array.source, Source::Library { refusal: None }));
    check(&array, bytemuck::cast_slice(data.as_slice().unwrap()));
    // A profile tells such time from that in decoders of ours.
    let whole = Region::full(&[1000]);
    let (_, requests) = metered(|| read(&array, &whole).unwrap());
    assert!(requests.library > Duration::ZERO);
    let (_, requests) = metered(|| read(&self::array(&plugins(), "blosc2/line"), &Region::full(&[3000])).unwrap());
    assert!(requests.library == Duration::ZERO && requests.read > Duration::ZERO && requests.bytes_read > 0);
}

#[test]
fn missing_chunks_are_fill_and_many_small_ones_are_quick() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    let new = file.new_dataset::<f32>().shape(20).chunk(5).fill_value(1.5f32).create("x").unwrap();
    new.write_slice(&ndarray::arr1(&[2.0f32; 5]), 5..10).unwrap();
    file.flush().unwrap();
    let mut want = vec![1.5f32; 20];
    want[5..10].fill(2.0);
    check(&array(&path, "x"), bytemuck::cast_slice(&want));
    let path = dir.path().join("many.h5");
    let data = sample(DType::I32, 1_000_000);
    write(&path, "", &layout(DType::I32, &[1_000_000], &[100], Create::new().codec("none")), &data).unwrap();
    let store = Hdf5.open(&path, "").unwrap();
    assert_eq!(read(&*store, &Region::full(&[1_000_000])).unwrap(), data);
}

#[test]
fn damage_is_an_error_that_names_file_dataset_and_chunk() {
    let dir = folder();
    let path = dir.path().join("a.h5");
    let data = sample(DType::I32, 1000);
    write(&path, "g/x", &layout(DType::I32, &[10, 100], &[5, 50], Create::new()), &data).unwrap();
    let store = Hdf5.open(&path, "g/x").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        std::fs::write(&path, &bytes).unwrap();
        if let Err(e) = read(&*store, &Region::full(&[10, 100])) {
            let text = e.to_string();
            assert!(text.contains("a.h5") && text.contains("g/x"), "{text}");
            refused += usize::from(text.contains("chunk ("));
        }
    }
    assert!(refused > 20, "{refused}");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(read(&*store, &Region::full(&[10, 100])).is_err());
    assert!(Hdf5.open(&path, "g/x").is_err());
}

#[test]
fn any_box_of_contiguous_data() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    let shape = [30, 200, 70];
    let data = sample(DType::I32, shape.iter().product());
    let values =
        ndarray::Array3::from_shape_vec((30, 200, 70), bytemuck::pod_collect_to_vec::<u8, i32>(&data)).unwrap();
    file.new_dataset_builder().with_data(&values).create("x").unwrap();
    file.close().unwrap();
    let array = array(&path, "x");
    assert!(array.random_access());
    for cut_at in [[30, 200, 70], [30, 200, 1], [30, 1, 1], [1, 200, 3], [7, 33, 70], [30, 150, 69], [1, 1, 1]] {
        for start in [[0, 0, 0], [0, 0, 69], [29, 199, 0], [3, 5, 1]] {
            let len = |a: usize| cut_at[a].min(shape[a] - start[a]);
            let region = Region::new(start.to_vec(), (0..3).map(len).collect());
            assert_eq!(read(&array, &region).unwrap(), cut(&data, &shape, &region, 4), "{region}");
        }
    }
}

#[test]
fn user_blocks_and_other_files() {
    let dir = folder();
    let path = dir.path().join("block.h5");
    let file = hdf5::File::with_options().with_fcpl(|p| p.userblock(2048)).create(&path).unwrap();
    let data = ndarray::Array1::from_iter(0..1000i64);
    file.new_dataset_builder().with_data(&data).create("flat").unwrap();
    file.new_dataset_builder().with_data(&data).chunk(64).deflate(1).create("chunked").unwrap();
    file.close().unwrap();
    assert!(Hdf5.recognises(&path));
    for name in ["flat", "chunked"] {
        let array = array(&path, name);
        assert_eq!(array.random_access(), name == "flat");
        check(&array, bytemuck::cast_slice(data.as_slice().unwrap()));
    }
    let other = dir.path().join("text.h5");
    std::fs::write(&other, "no HDF5 at all").unwrap();
    assert!(!Hdf5.recognises(&other));
    let small = layout(DType::U8, &[1], &[1], Create::new());
    assert!(Hdf5.create(&other, "x", &small).is_err());
    assert!(Hdf5.open(&path, "").unwrap_err().to_string().contains("chunked, flat"));
}

#[test]
fn a_group_that_holds_itself_is_listed_once() {
    let dir = folder();
    let (path, file) = newest(dir.path());
    file.create_group("g").unwrap().new_dataset::<f32>().shape(3).create("x").unwrap();
    file.link_hard("g", "g/again").unwrap();
    file.link_soft("/nowhere", "lost").unwrap();
    file.close().unwrap();
    let tree = Hdf5.tree(&path, "").unwrap();
    let paths: Vec<&str> = tree.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(paths, ["", "g", "g/again", "g/x", "lost"]);
    assert!(matches!(tree[4].kind, NodeKind::Other(_)));
}

/// `tests/odd.h5` was written by h5py 3.16 (HDF5 2.0) for this test: numbers of odd sizes and layouts, and what szip
/// makes of samples of one, two, four and eight bytes.
#[test]
fn odd_numbers_and_szip() {
    let dir = folder();
    let path = dir.path().join("odd.h5");
    std::fs::write(&path, include_bytes!("tests/odd.h5")).unwrap();
    let check = |name: &str, dtype: DType, direct: bool, value: &dyn Fn(usize) -> f64| {
        let store = array(&path, name);
        assert_eq!((store.info.dtype, store.stored.direct), (dtype, direct), "{name}");
        let whole = read(&store, &Region::full(&store.info.shape)).unwrap();
        let found: Vec<f64> = whole.chunks(dtype.size()).map(|b| Scalar::from_bytes(dtype, b).to_f64()).collect();
        let wanted: Vec<f64> = (0..found.len()).map(value).collect();
        assert_eq!(found, wanted, "{name}");
    };
    check("i24", DType::I32, false, &|i| -500.0 * (i * i * i) as f64);
    check("u40", DType::U64, false, &|i| ((i as u64) << 34) as f64);
    check("f24", DType::F32, false, &|i| i as f64 / 8.0 - 1.0);
    check("f8", DType::F16, false, &|i| (i % 8) as f64 / 4.0);
    check("wide", DType::F64, false, &|i| 256f64.powf(i as f64));
    let sample = |i: usize| if (100..200).contains(&i) { 5.0 } else { (i % 47 * 3) as f64 };
    for (name, dtype) in [("nn", DType::I16), ("ec", DType::F32), ("u1", DType::U8), ("f8", DType::F64)] {
        check(&format!("szip_{name}"), dtype, true, &sample);
    }
}

#[test]
fn the_library_has_our_decoders() {
    let dir = folder();
    let path = dir.path().join("x.h5");
    let data = sample(DType::F32, 130);
    write(&path, "x", &layout(DType::F32, &[13, 10], &[4, 6], Create::new().codec("zstd")), &data).unwrap();
    let mut store = array(&path, "x");
    store.source = Source::Library { refusal: None };
    check(&store, &data);
}

/// What hdf5plugin wrote (see data/README.md).
fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/filters/hdf5plugin.h5")
}

/// The arrays of a group there.
fn names(group: &str) -> Vec<String> {
    Hdf5.tree(&plugins(), group).unwrap().into_iter().skip(1).map(|node| node.path).collect()
}

#[test]
fn blosc2_and_zfp_are_read_as_their_filters_read_them() {
    let (mut seen, path) = (0, plugins());
    for name in names("blosc2").into_iter().chain(names("zfp")) {
        let store = array(&path, &name);
        assert!(matches!(store.source, Source::Chunked(_)), "{name}");
        let info = store.info();
        let count = info.shape.iter().product();
        let data = match name.rsplit('/').next().unwrap() {
            "zeros" => vec![0; count * 8],
            "constant" => 7f32.to_ne_bytes().repeat(count),
            "nans" => f32::NAN.to_ne_bytes().repeat(count),
            lossy @ ("rate" | "precision" | "accuracy" | "expert") => {
                read(&array(&path, &format!("decoded/{lossy}")), &Region::full(&info.shape)).unwrap()
            }
            _ => sample(info.dtype, count),
        };
        check(&store, &data);
        seen += 1;
    }
    assert_eq!(seen, 24);
}

#[test]
fn virtual_datasets_read_what_only_we_decode() {
    let dir = folder();
    let path = dir.path().join("v.h5");
    {
        let source = plugins();
        let file = hdf5::File::create(&path).unwrap();
        for (name, inner) in [("a", "/blosc2/zstd_3"), ("b", "/zfp/reversible_f4")] {
            let new = file.new_dataset::<f32>().shape((40, 30));
            new.virtual_map(source.to_str().unwrap(), inner, (40, 30), (.., ..), (40, 30), (.., ..))
                .create(name)
                .unwrap();
        }
    }
    for name in ["a", "b"] {
        check(&array(&path, name), &sample(DType::F32, 1200));
    }
}

#[test]
fn zfp_of_machines_whose_bytes_stand_the_other_way_round() {
    let store = array(&plugins(), "zfp/reversible_f4");
    let Source::Chunked(chunked) = &store.source else { panic!("{:?}", store.source) };
    let Coded::Bytes(stored) = store.coded(&[0, 0]).unwrap() else { panic!("no chunk") };
    let mut filters = chunked.filters.clone();
    let mut decoded = [(); 2].map(|()| {
        let mut scratch = Scratch::default();
        scratch.stored.clone_from(&stored);
        let mut out = vec![0; 17 * 16 * 4];
        Pipeline::new(&filters, out.len(), 4).unwrap().decode(0, &mut scratch, &mut out).unwrap();
        filters[0].values[1..].iter_mut().for_each(|v| *v = v.swap_bytes());
        out
    });
    crate::cpu::copy::swap_bytes(&mut decoded[1], 4);
    assert_eq!(decoded[0], decoded[1]);
}

#[test]
fn a_checksum_behind_a_chunk_is_verified_without_decoding() {
    use std::os::unix::fs::FileExt;
    let dir = folder();
    let (path, file) = newest(dir.path());
    let new = file.new_dataset::<i32>().shape(1000).chunk(100).deflate(4).fletcher32();
    new.create("x").unwrap().write(&ndarray::Array1::from_iter(0..1000)).unwrap();
    file.close().unwrap();
    let array = array(&path, "x");
    let Some(Place::File { offset, .. }) = array.place(&[7]).unwrap() else { panic!("a chunk in the file") };
    assert!(matches!(array.coded(&[7]).unwrap(), Coded::Bytes(_)));
    let mut byte = [0];
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.read_exact_at(&mut byte, offset + 9).unwrap();
    file.write_all_at(&[byte[0] ^ 16], offset + 9).unwrap();
    let error = array.coded(&[7]).map(drop).unwrap_err().to_string();
    assert!(error.contains("fletcher32") && error.contains("chunk (7,)") && error.contains(".h5/x"), "{error}");
    assert!(array.coded(&[6]).is_ok());
}
