//! Basic indexing against ndarray's own, over every chunking of a small array.

#![allow(clippy::reversed_empty_ranges, reason = "negative ends count from the end")]

use super::contexts;
use hyperslab::shape::slice::{Index, Item};
use hyperslab::store::Create;
use hyperslab::{Array, Context, lang};
use ndarray::{Array3, ArrayD, s};
use std::collections::BTreeMap;

fn data() -> Array3<i64> {
    Array3::from_shape_fn((7, 5, 6), |(i, j, k)| i64::try_from(100 * i + 10 * j + k).unwrap())
}

fn check(index: impl Into<Index> + Clone, want: &ArrayD<i64>) {
    for chunk in [[-1, -1, -1], [2, 2, 2], [3, 5, 4], [1, 1, 6]] {
        for cx in contexts() {
            let x = cx.from_ndarray(data().into_dyn()).unwrap().rechunk(&chunk);
            let got = cx.compute(x.slice(index.clone())).unwrap();
            assert_eq!(&got, want, "chunks {chunk:?}");
            // The same through arithmetic, and through a reduction that keeps every element.
            let through = cx.compute((&x * 2 - &x).slice(index.clone())).unwrap();
            assert_eq!(&through, want, "chunks {chunk:?}, through arithmetic");
            let stacked = Array::stack(&[x.clone(), x.clone()], 3).unwrap().max(3);
            assert_eq!(&cx.compute(stacked.slice(index.clone())).unwrap(), want, "chunks {chunk:?}, through a maximum");
        }
    }
}

#[test]
fn ranges_and_steps() {
    let a = data();
    check(s![1..6;2, .., ..;3], &a.slice(s![1..6;2, .., ..;3]).to_owned().into_dyn());
    check(s![..;-1, 1..-1, 4..;-2], &a.slice(s![..;-1, 1..-1, 4..;-2]).to_owned().into_dyn());
    check(s![-3.., ..;4, ..-1], &a.slice(s![-3.., ..;4, ..-1]).to_owned().into_dyn());
    check(s![3..3, .., ..], &a.slice(s![3..3, .., ..]).to_owned().into_dyn());
}

#[test]
fn whole_numbers_drop_axes() {
    let a = data();
    check(s![2, .., 5], &a.slice(s![2, .., 5]).to_owned().into_dyn());
    check(s![-1, -1, -1], &a.slice(s![-1, -1, -1]).to_owned().into_dyn());
    check(3, &a.slice(s![3, .., ..]).to_owned().into_dyn());
}

#[test]
fn new_axes_and_the_rest() {
    let a = data();
    let items = vec![Item::from(1..3), Item::NewAxis, Item::Ellipsis, Item::from((.., -2))];
    let want = a.slice(s![1..3, .., ..;-2]).to_owned().insert_axis(ndarray::Axis(1)).into_dyn();
    // ndarray walks a negative step from the end of the range, as NumPy does for a whole axis.
    check(items, &want);
}

#[test]
fn slices_of_slices() {
    for cx in contexts() {
        let x = cx.arange(1000).unwrap().rechunk(&[7]);
        let y = x.slice((.., -3)).slice(5..300).slice((.., 11));
        let want: Vec<i64> = (0..1000).rev().step_by(3).skip(5).take(295).step_by(11).collect();
        assert_eq!(cx.compute(y).unwrap().as_slice().unwrap(), want);
    }
}

#[test]
fn steps_through_a_file_are_those_through_the_array_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for dims in [[40, 30, 16], [1, 2, 90_000], [300, 1, 500], [9000, 3, 1]] {
        let path = folder.path().join(format!("{}.npy", dims[0]));
        let a = ArrayD::from_shape_fn(dims.to_vec(), |i| (i[0] * 1_000_003 + i[1] * 1009 + i[2]) as i64);
        let cx = &contexts()[0];
        cx.compute(cx.from_ndarray(a.clone()).unwrap().store(&path, Create::new())).unwrap();
        for text in [
            "x[::2, ::3, ::2]",
            "x[::-3, :, ::4]",
            "x[:, ::2]",
            "x[:, :, ::5000]",
            "x[::100]",
            "x[::250, :, ::-7]",
            "x[:, 1:] + x[:, :-1]",
            "x[:-1:2, :, :-1:2] - x[1::2, :, 1::2]",
            "x[:, :, ::3].sum(-1)",
        ] {
            let of = |x: Array| lang::evaluate(text, &BTreeMap::from([("x".to_owned(), x)])).unwrap().remove(0);
            let want = cx.compute(of(cx.from_ndarray(a.clone()).unwrap().into_dyn())).unwrap();
            for cx in contexts() {
                let got = cx.compute(of(cx.open(&path).unwrap())).unwrap();
                assert_eq!(got.block().bytes(), want.block().bytes(), "{text} of {dims:?}");
                if dims[0] != 40 {
                    break;
                }
            }
        }
    }
}

#[test]
fn views_of_a_file_are_those_of_the_array_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for (rows, columns) in [(600usize, 64usize), (37, 7), (5000, 1), (3, 3000)] {
        let path = folder.path().join(format!("{rows}.npy"));
        let a = ndarray::Array2::from_shape_fn((rows, columns), |(i, j)| (i * columns + j) as f32 / 3.0).into_dyn();
        let cx = &contexts()[0];
        cx.compute(cx.from_ndarray(a.clone()).unwrap().store(&path, Create::new())).unwrap();
        // Neighbours, those in between, stencils, turned around, far apart, broadcast; read once or as they come.
        for (text, reads) in [
            ("x[1:] - x[:-1]", 1.2),
            ("x[::2][:1] + x[1::2]", 2.0),
            ("x[:-1:2] * 2 + x[1::2]", 1.2),
            ("x[2:] + x[:-2] - 2 * x[1:-1]", 1.7),
            ("x[::-1] - x", 2.0),
            ("x[::3]", 1.01),
            ("x[::-7].sum()", 1.01),
            ("x[:, ::2].sum(-1)", 1.01),
            ("x - x[0]", 2.0),
            ("x - x[:, :1]", 2.0),
            ("x.T - x.T[::-1]", 2.0),
            ("concatenate((x[:, 1:], x[:, :1]), axis=1) - x", 3.0),
            ("stack((x, x[::-1]), axis=-1)", 2.0),
        ] {
            let of = |x: Array| lang::evaluate(text, &BTreeMap::from([("x".to_owned(), x)])).unwrap().remove(0);
            let want = cx.compute(of(cx.from_ndarray(a.clone()).unwrap().into_dyn())).unwrap();
            let cx = Context::builder().threads(2).memory("256MiB").device("cpu").build().unwrap();
            let got = cx.compute(of(cx.open(&path).unwrap())).unwrap();
            assert_eq!(got.block().bytes(), want.block().bytes(), "{text} of {rows} by {columns}");
            let read = cx.report().bytes_read as f64 / (4 * rows * columns) as f64;
            assert!(rows < 1000 && columns < 1000 || read <= reads, "{text} of {rows} by {columns}: {read}");
        }
    }
}
