//! Chunks that are decoded part by part give what they give whole.

use hyperslab::array::compute::Computed;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use ndarray::s;
use std::path::Path;

fn context(threads: usize) -> Context {
    Context::builder().threads(threads).memory("256MiB").device("cpu").build().unwrap()
}

/// Noise in places and steps in others, so that some blocks of a chunk shrink and some do not.
fn waves(cx: &Context, shape: &[usize]) -> Array<f32> {
    let n: usize = shape.iter().product();
    let dims: Vec<isize> = shape.iter().map(|&n| n.cast_signed()).collect();
    let x = cx.arange(n).unwrap();
    let noise = (&x * 48_271 % 65_537) * (&x % 90_000).less(30_000).cast::<i64>();
    (noise.cast::<f64>() + (&x / 1000).floor()).cast::<f32>().reshape(&dims)
}

fn store(cx: &Context, x: &Array<f32>, path: &Path, (chunks, codec, version): (&[usize], &str, u8)) -> Array<f32> {
    let how = Create { zarr_version: Some(version), ..Create::new().chunks(chunks) };
    let how = if codec.is_empty() { how } else { how.codec(codec) };
    cx.compute(x.clone().store(path, how)).unwrap();
    cx.open(path).unwrap().try_typed::<f32>().unwrap()
}

fn bytes(cx: &Context, x: Array) -> (Vec<usize>, Vec<u8>) {
    let computed: Computed = cx.compute(x).unwrap();
    (computed.block().shape().to_vec(), computed.block().bytes().to_vec())
}

/// What is asked of an array: most of it reads chunks in parts.
fn questions(x: &Array<f32>) -> Vec<Array> {
    let every = x.slice(s![..;7, .., ..]).into_dyn();
    vec![
        x.mean(..).into_dyn(),
        x.std(..).into_dyn(),
        (x * 2.0).max([1, 2]).into_dyn(),
        x.argmax(..).into_dyn(),
        x.mean(0).into_dyn(),
        x.clone().t().into_dyn().try_reduce("sum", 2, hyperslab::op::reduction::Params::default()).unwrap(),
        every.clone(),
        every.try_reduce("mean", &[1, 2][..], hyperslab::op::reduction::Params::default()).unwrap(),
        x.slice(s![5, 3..9, ..;2]).into_dyn(),
        x.slice(s![4..7, 20.., 11]).into_dyn(),
        x.slice(s![.., ..;10, ..;10]).into_dyn(),
        x.slice(s![..;-9, .., ..]).into_dyn(),
        (x - x.mean(0)).std(..).into_dyn(),
    ]
}

#[test]
fn parts_of_chunks_have_the_bits_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (one, many) = (context(1), context(3));
    let shape = [37, 80, 250];
    let x = waves(&one, &shape);
    let layouts: [(&[usize], &str, u8); 7] = [
        // Blosc with a checksum behind it.
        (&[16, 80, 250], "", 3),
        (&[16, 80, 250], "blosc-lz4", 2),
        (&[16, 80, 250], "blosc-zstd", 3),
        (&[20, 50, 250], "blosc-lz4", 2),
        (&[24, 80, 170], "blosc-lz4", 2),
        (&[37, 80, 250], "blosc-lz4", 3),
        (&[16, 80, 250], "zstd", 3),
    ];
    for (number, layout) in layouts.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.zarr"));
        let stored = store(&one, &x, &path, layout);
        let held = one.persist(&x.rechunk(&layout.0.iter().map(|&n| n.cast_signed()).collect::<Vec<_>>())).unwrap();
        for (question, (stored, held)) in questions(&stored).into_iter().zip(questions(&held)).enumerate() {
            let want = bytes(&one, held);
            for cx in [&one, &many] {
                assert!(bytes(cx, stored.clone()) == want, "question {question} of {layout:?}");
            }
        }
    }
}

#[test]
fn large_chunks_are_walked_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(1);
    let x = waves(&cx, &[32, 400, 400]);
    let tasks = |layout: (&[usize], &str, u8), of: &dyn Fn(&Array<f32>) -> Array| {
        let path = folder.path().join(format!("{}-{}.zarr", layout.1, layout.2));
        let stored = store(&cx, &x, &path, (layout.0, layout.1, layout.2));
        std::fs::remove_dir_all(&path).unwrap();
        cx.explain(of(&stored), Stage::Tasks).unwrap()
    };
    let mean = |x: &Array<f32>| x.mean(..).into_dyn();
    let text = tasks((&[16, 400, 400], "blosc-lz4", 2), &mean);
    assert!(text.contains("64 tasks of blocks (1, 200, 400), parts of chunks (16, 400, 400)"), "{text}");
    // Other codecs have no parts, and columns do not follow each other.
    let text = tasks((&[16, 400, 400], "zstd", 3), &mean);
    assert!(text.contains("2 tasks of blocks (16, 400, 400),"), "{text}");
    let text = tasks((&[16, 400, 400], "blosc-lz4", 2), &|x| x.mean(0).into_dyn());
    assert!(!text.contains("parts of"), "{text}");
}

#[test]
fn a_checksum_is_verified_before_a_part_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(1);
    let x = waves(&cx, &[8, 200, 200]);
    let path = folder.path().join("x.zarr");
    let stored = store(&cx, &x, &path, (&[4, 200, 200], "", 3));
    let first = |x: &Array<f32>| cx.compute(x.slice(s![4, .., ..]));
    assert_eq!(first(&stored).unwrap(), cx.compute(x.slice(s![4, .., ..])).unwrap());
    let chunk = path.join("c/1/0/0");
    let mut bytes = std::fs::read(&chunk).unwrap();
    // In the last block, of which the first map has nothing.
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    std::fs::write(&chunk, bytes).unwrap();
    let error = first(&stored).unwrap_err().to_string();
    assert!(error.contains("chunk (1, 0, 0)") && error.contains("checksum"), "{error}");
}
