//! The chunks of an array one after another.

use super::contexts;
use hyperslab::chunk::Region;
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Slice};

/// Every chunk once, in order, with what a single computation has there.
fn check(cx: &Context, x: &Array<f64>) {
    let whole = cx.compute(x.clone()).unwrap();
    let grid = x.chunks();
    let mut places: Vec<Region> = Vec::new();
    for block in cx.blocks(x).unwrap() {
        let (region, values) = block.unwrap();
        let want = whole.slice_each_axis(|axis| {
            let a = axis.axis.index();
            Slice::from(region.start[a]..region.end(a))
        });
        assert_eq!(values, want, "{region}");
        places.push(region);
    }
    let chunks = ndarray::indices(grid.counts());
    let want: Vec<Region> = chunks.into_iter().map(|i| grid.region(ndarray::Dimension::slice(&i))).collect();
    assert_eq!(places, want);
}

#[test]
fn every_chunk_comes_once_and_in_order() {
    for cx in contexts() {
        let x = cx.linspace(0.0, 1.0, 7 * 6 * 5).unwrap().reshape(&[7, 6, 5]).rechunk(&[3, 4, 2]);
        check(&cx, &x);
        check(&cx, &((&x - x.mean(0)) / x.std(..)));
        check(&cx, &x.mean(1));
        check(&cx, &x.cumsum(0));
        check(&cx, &x.sum(..));
        let empty = cx.from_ndarray(ArrayD::<f64>::zeros(vec![0, 4])).unwrap();
        assert!(cx.blocks(&empty).unwrap().next().is_none());
    }
}

#[test]
fn an_array_larger_than_memory_passes_through() {
    let folder = tempfile::tempdir().unwrap();
    let cx = Context::builder().threads(2).memory("8MiB").device("cpu").build().unwrap();
    let n = 4 << 20;
    let path = folder.path().join("x.zarr");
    cx.compute(cx.arange(n).unwrap().cast::<f64>().store(&path, Create::new().chunks([1 << 16]))).unwrap();
    let x = cx.open(&path).unwrap().try_typed::<f64>().unwrap();
    let mut total = 0.0;
    for block in cx.blocks(&(&x - x.mean(..))).unwrap() {
        let (_, values) = block.unwrap();
        // The loop uses the context.
        total += cx.compute(cx.from_ndarray(values).unwrap().abs().sum(..)).unwrap()[[]];
    }
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let n = n as f64;
    assert_eq!(total, n * n / 4.0);
}
