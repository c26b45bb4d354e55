//! Diagonals of whatever is stored, kept or computed, in every direction; what is read for them.

use super::contexts;
use hyperslab::array::blocks::BlockFn;
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, IxDyn};

fn numbers(shape: &[usize]) -> ArrayD<i64> {
    let n: usize = shape.iter().product();
    ArrayD::from_shape_vec(shape.to_vec(), (0..i64::try_from(n).unwrap()).map(|i| i * i % 1009).collect()).unwrap()
}

fn by_hand(x: &ArrayD<i64>, offset: isize, first: usize, second: usize) -> ArrayD<i64> {
    let (down, right) = ((-offset).max(0).unsigned_abs(), offset.max(0).unsigned_abs());
    let n = x.shape()[first].saturating_sub(down).min(x.shape()[second].saturating_sub(right));
    let others: Vec<usize> = (0..x.ndim()).filter(|a| *a != first && *a != second).collect();
    let mut shape: Vec<usize> = others.iter().map(|&a| x.shape()[a]).collect();
    shape.push(n);
    ArrayD::from_shape_fn(shape, |out| {
        let mut at = vec![0; x.ndim()];
        others.iter().enumerate().for_each(|(o, &a)| at[a] = out[o]);
        let i = out[others.len()];
        (at[first], at[second]) = (i + down, i + right);
        x[IxDyn(&at)]
    })
}

/// The same numbers from everywhere: memory in one and in several blocks, files, and stages of every kind.
fn everywhere(cx: &Context, values: &ArrayD<i64>, folder: &std::path::Path, chunk: &[usize]) -> Vec<Array<i64>> {
    let signed: Vec<isize> = chunk.iter().map(|c| c.cast_signed()).collect();
    let x = cx.from_ndarray(values.clone()).unwrap().rechunk(&signed);
    let mut all = vec![x.clone(), cx.persist(&(&x * 1)).unwrap(), x.map_blocks(&BlockFn::of_elements(|v: i64| v))];
    for name in ["x.zarr", "x.npy"] {
        let path = folder.join(name);
        let how = Create { chunks: Some(chunk.to_vec()), ..Create::default() };
        cx.compute(x.store(&path, how)).unwrap();
        let opened = cx.open(&path).unwrap().try_typed::<i64>().unwrap();
        all.push(&opened + 0);
        all.push(opened);
    }
    all
}

#[test]
fn every_direction_of_every_origin() {
    for (shape, chunk) in [(vec![9, 9], vec![4, 4]), (vec![11, 7], vec![3, 5]), (vec![6, 5, 8], vec![4, 2, 3])] {
        let values = numbers(&shape);
        for cx in contexts() {
            let folder = tempfile::tempdir().unwrap();
            for (origin, x) in everywhere(&cx, &values, folder.path(), &chunk).iter().enumerate() {
                for (offset, first, second) in [(0, 0, 1), (2, 1, 0), (-3, 0, 1), (100, 0, 1), (1, shape.len() - 1, 0)]
                {
                    let want = by_hand(&values, offset, first, second);
                    let got = x.diagonal(offset, first.cast_signed(), second.cast_signed()).unwrap();
                    assert_eq!(cx.compute(got.clone()).unwrap(), want, "origin {origin} {offset} {first} {second}");
                    assert_eq!(cx.compute(got.sum(..)).unwrap()[[]], want.sum(), "origin {origin}");
                }
                // The other diagonal, in steps.
                let turned = x.slice(ndarray::s![..;-1, ..;2]);
                let mut flipped = values.clone();
                flipped.invert_axis(ndarray::Axis(0));
                let stepped = flipped.slice_axis(ndarray::Axis(1), ndarray::Slice::new(0, None, 2)).to_owned();
                let got = cx.compute(turned.diagonal(1, 0, 1).unwrap()).unwrap();
                assert_eq!(got, by_hand(&stepped, 1, 0, 1), "origin {origin}");
            }
            let sums = cx.from_ndarray(values.clone()).unwrap().cumsum(0);
            let mut added = values.clone();
            added.accumulate_axis_inplace(ndarray::Axis(0), |before, now| *now += before);
            assert_eq!(cx.compute(sums.diagonal(-1, 0, 1).unwrap()).unwrap(), by_hand(&added, -1, 0, 1));
        }
    }
}

#[test]
fn a_diagonal_reads_the_chunks_that_it_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let cx = Context::builder().threads(2).memory("64MiB").device("cpu").build().unwrap();
    let x = (cx.arange(400 * 400).unwrap()).reshape(&[400, 400]).rechunk(&[50, 50]);
    let path = folder.path().join("x.zarr");
    cx.compute(x.store(&path, Create::default())).unwrap();
    let stored = cx.open(&path).unwrap();
    let got = cx.compute(stored.diagonal(0, 0, 1).unwrap().sum(..)).unwrap().to_ndarray::<i64>().unwrap();
    assert_eq!(got[[]], 401 * (399 * 400 / 2));
    assert_eq!(cx.report().bytes_read, 8 * 50 * 50 * 8);
    // The blocks of a product on the diagonal, not the product.
    let product = stored.matmul(&stored.t());
    let trace = product.diagonal(0, 0, 1).unwrap();
    let plan = cx.explain(trace.clone(), hyperslab::runtime::pipeline::Stage::Fused).unwrap();
    assert!(!plan.contains("kept"), "{plan}");
    let squares = (&stored * &stored).sum(1);
    assert_eq!(cx.compute(trace - squares).unwrap().to_ndarray::<i64>().unwrap().iter().max(), Some(&0));
}
