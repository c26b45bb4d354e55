//! Files that tifffile wrote (`data/tiff`), and what becomes of them when they are damaged.

use super::Tiff;
use crate::chunk::Region;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::shape;
use crate::store::conformance::Suite;
use crate::store::{Format, NodeKind};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Name, array in it, element type, shape, dimension names, codecs.
type Expected = (&'static str, &'static str, DType, &'static [usize], &'static str, &'static str);
const FILES: [Expected; 13] = [
    ("strips_u16", "", DType::U16, &[3, 20, 13], "page y x", ""),
    ("strips_f64_big", "", DType::F64, &[2, 9, 11], "page y x", "bytes swapped"),
    ("tiles_i32_lzw", "", DType::I32, &[40, 37], "y x", "lzw, differences, bytes swapped"),
    ("tiles_f32_deflate", "", DType::F32, &[2, 33, 20], "page y x", "deflate, float differences"),
    ("rgb_u8_packbits", "", DType::U8, &[21, 10, 3], "y x sample", "packbits"),
    ("planar_i16_zstd", "", DType::I16, &[2, 3, 17, 18], "page sample y x", "zstd, differences"),
    ("shaped_f16", "", DType::F16, &[2, 3, 5, 6], "- - y x", "deflate"),
    ("bits", "", DType::Bool, &[19, 21], "y x", ""),
    ("imagej", "", DType::U16, &[2, 3, 4, 7, 6], "t z c y x", ""),
    ("imagej_one_directory", "", DType::U8, &[2, 3, 5, 4], "t z y x", ""),
    ("order.ome", "", DType::U8, &[2, 3, 4, 8, 9], "t c z y x", ""),
    ("pyramid.ome", "0", DType::U16, &[2, 32, 32], "c y x", ""),
    ("pyramid.ome", "1", DType::U16, &[2, 16, 16], "c y x", ""),
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/tiff").join(format!("{name}.tif"))
}

/// The elements of every array there: multiples of 7, modulo 101; of bits, whether that is odd.
fn sample(dtype: DType, len: usize) -> Vec<u8> {
    let value = |i: usize| (i as i128 * 7) % 101;
    let value = |i: usize| if dtype == DType::Bool { Scalar::Bool(value(i) % 2 == 1) } else { Scalar::Int(value(i)) };
    (0..len).flat_map(|i| value(i).to_bytes(dtype)[..dtype.size()].to_vec()).collect()
}

#[test]
fn every_kind_of_page() {
    let folder = tempfile::tempdir().unwrap();
    for (name, inner, dtype, lengths, names, codecs) in FILES {
        let suite = Suite::new(&Tiff, folder.path(), "tif").inner(inner);
        let data = sample(dtype, shape::size(lengths));
        suite.reads(&file(name), dtype, lengths, &data).unwrap_or_else(|e| panic!("{name}: {e}"));
        let info = Tiff.open(&file(name), inner).unwrap().info().clone();
        let found: Vec<&str> = info.names.iter().map(|n| n.as_deref().unwrap_or("-")).collect();
        assert_eq!((found.join(" ").as_str(), info.codecs.as_str()), (names, codecs), "{name}");
    }
    let info = Tiff.open(&file("order.ome"), "").unwrap().info().clone();
    let sizes =
        json!({"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "µm"});
    assert_eq!(json!(info.attributes), sizes);
}

#[test]
fn every_prefix_is_refused_or_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tif");
    for (name, inner, dtype, lengths, ..) in FILES {
        let bytes = std::fs::read(file(name)).unwrap();
        for len in (0..bytes.len()).step_by(13) {
            std::fs::write(&path, &bytes[..len]).unwrap();
            let Ok(nodes) = Tiff.tree(&path, inner) else { continue };
            for node in nodes {
                let NodeKind::Array(info) = node.kind else { continue };
                let store = Tiff.open(&path, &node.path).unwrap();
                let mut out = vec![0; shape::size(&info.shape) * info.dtype.size()];
                let read = store.read(&Region::full(&info.shape), &mut out);
                assert!(
                    read.is_err() || info.shape != lengths || out == sample(dtype, shape::size(lengths)),
                    "{name} {len}"
                );
            }
        }
    }
}

#[test]
fn directories_that_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tif");
    let bytes = std::fs::read(file("strips_u16")).unwrap();
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    let entry = |tag: u16| {
        let at = |i: usize| first + 2 + 12 * i;
        (0..count).map(at).find(|&at| bytes[at..at + 2] == tag.to_le_bytes()).unwrap()
    };
    let check = |at: usize, with: &[u8], expect: &str| {
        let mut bytes = bytes.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        std::fs::write(&path, bytes).unwrap();
        let error = Tiff.open(&path, "").unwrap_err().to_string();
        assert!(error.contains(&format!("x.tif: {expect}")), "{error}");
    };
    check(4, &[0xf0, 0xff, 0xff, 0xff], "is cut short or damaged: 2 bytes at 4294967280 are not there");
    check(first + 2 + 12 * count, &bytes[4..8], "has a chain of directories that comes back to itself");
    check(entry(259) + 8, &[7, 0], "is packed as JPEG");
    check(entry(258) + 8, &[12, 0], "has samples of 12 bits in sample format 1");
    check(entry(257) + 8, &[0, 0, 0, 0], "has a page or tiles of no size");
    check(entry(257) + 8, &[0xff, 0xff, 0xff, 0x7f], "has 4 of 357913942 strips or tiles of a page of shape");
    check(entry(256) + 8, &[0x70, 0, 0, 0], "has 520 of 4480 bytes of strip or tile 0 of page 0");
}
