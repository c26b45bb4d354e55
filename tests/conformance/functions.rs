//! User functions that see whole axes, lines and chunks to reduce, against the same by hand, whatever blocks there are.

use super::contexts;
use hyperslab::array::functions::{BlockReduction, Blockwise, Gufunc};
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use ndarray::{Array1, Array2, ArrayD, ArrayView1, ArrayViewD, Axis, Ix1, Ix2, Ix3};

fn values(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 3u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) % 1000) as f64 / 10.0 - 50.0
    })
}

fn array(x: &ArrayD<f64>, chunk: &[isize]) -> Array<f64> {
    contexts()[0].from_ndarray(x.clone()).unwrap().rechunk(chunk)
}

fn same(have: &Array<f64>, want: &ArrayD<f64>, what: &str) {
    for cx in contexts() {
        let have = cx.compute(have.clone()).unwrap();
        assert_eq!(have.shape(), want.shape(), "{what}");
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        assert!(have.iter().zip(want).all(close), "{what}: {have} for {want}");
    }
}

#[test]
fn core_dimensions_are_whole_and_the_others_broadcast() {
    let (m, v) = (values(&[5, 1, 4, 6]), values(&[3, 6]));
    let body = |(m, v): (ArrayViewD<'_, f64>, ArrayViewD<'_, f64>)| -> ArrayD<f64> {
        assert_eq!((m.shape()[2], m.shape()[3], v.shape()[1]), (4, 6, 6));
        assert!(m.shape()[0] <= 2 && m.shape()[1] == 1 && v.shape()[0] <= 2);
        ArrayD::from_shape_fn(vec![m.shape()[0], v.shape()[0], 4], |at| {
            (0..6).map(|j| m[[at[0], 0, at[2], j]] * v[[at[1], j]]).sum()
        })
    };
    let want =
        ArrayD::from_shape_fn(vec![5, 3, 4], |at| (0..6).map(|j| m[[at[0], 0, at[2], j]] * v[[at[1], j]]).sum::<f64>());
    let (x, y) = (array(&m, &[2, 1, 3, 2]), array(&v, &[2, 4]));
    let product = Gufunc::new("(i,j),(j)->(i)").unwrap().apply((&x, &y), body).unwrap();
    same(&product, &want, "matrices times vectors");
    // A part of it, and what others make of it.
    let part = product.slice(ndarray::s![1..4, 2, ..]).sum(0);
    same(&part, &want.slice(ndarray::s![1..4, 2, ..]).sum_axis(Axis(0)).into_dyn(), "a part");
}

#[test]
fn a_dimension_twice_is_a_square_and_one_of_its_own_has_a_length() {
    let x = values(&[7, 3, 3]);
    let traces =
        Gufunc::new("(n,n)->()").unwrap().apply(&array(&x, &[3, 2, 1]), |m: ArrayViewD<'_, f64>| -> ArrayD<f64> {
            ArrayD::from_shape_fn(vec![m.shape()[0]], |at| (0..3).map(|k| m[[at[0], k, k]]).sum())
        });
    let want = ArrayD::from_shape_fn(vec![7], |at| (0..3).map(|k| x[[at[0], k, k]]).sum());
    same(&traces.unwrap(), &want, "traces");
    let ends = Gufunc::new("(n)->(end)").unwrap().size("end", 2);
    let ends = ends.apply(&array(&x, &[3, 2, 1]), |rows: ArrayViewD<'_, f64>| -> ArrayD<f64> {
        let (a, b) = (rows.shape()[0], rows.shape()[1]);
        ArrayD::from_shape_fn(vec![a, b, 2], |at| rows[[at[0], at[1], 2 * at[2]]])
    });
    let want = ArrayD::from_shape_fn(vec![7, 3, 2], |at| x[[at[0], at[1], 2 * at[2]]]);
    same(&ends.unwrap(), &want, "ends");
}

#[test]
fn blocks_by_their_labels() {
    let (a, b) = (values(&[6, 5]), values(&[5, 4]));
    let (x, y) = (array(&a, &[4, 2]), array(&b, &[3, 3]));
    let product = Blockwise::new("ij,jk->ki").apply(
        (&x, &y),
        |(x, y): (ArrayViewD<'_, f64>, ArrayViewD<'_, f64>)| -> ArrayD<f64> {
            let (x, y) = (x.into_dimensionality::<Ix2>().unwrap(), y.into_dimensionality::<Ix2>().unwrap());
            assert_eq!((x.ncols(), y.nrows()), (5, 5));
            x.dot(&y).reversed_axes().into_dyn()
        },
    );
    let (l, r): (Array2<f64>, Array2<f64>) =
        (a.clone().into_dimensionality().unwrap(), b.into_dimensionality().unwrap());
    same(&product.unwrap(), &l.dot(&r).reversed_axes().into_dyn(), "a product");
    let stacked = Blockwise::new("ij->inj").size('n', 3).apply(&x, |x: ArrayViewD<'_, f64>| -> ArrayD<f64> {
        ArrayD::from_shape_fn(vec![x.shape()[0], 3, x.shape()[1]], |at| x[[at[0], at[2]]] * at[1] as f64)
    });
    let want = ArrayD::from_shape_fn(vec![6, 3, 5], |at| a[[at[0], at[2]]] * at[1] as f64);
    same(&stacked.unwrap(), &want, "a new axis");
    let many = [x.clone(), x.clone(), x];
    let sum = Blockwise::new("ij,ij,ij->ij").apply(&many[..], |x: Vec<ArrayViewD<'_, f64>>| &x[0] + &x[1] + &x[2]);
    same(&sum.unwrap(), &a.mapv(|v| v + v + v), "several of one type");
}

#[test]
fn lines_become_lines() {
    let x = values(&[4, 9, 5]);
    for (axis, chunk) in [(0, [2, 4, 3]), (1, [2, 4, 3]), (2, [4, 9, 2])] {
        let folded = |line: ArrayView1<'_, f64>| -> Array1<f64> {
            let n = line.len();
            Array1::from_shape_fn(n.div_ceil(2), |j| line[j] - line[n - 1 - j])
        };
        let made =
            array(&x, &chunk).apply_along_axis(axis, x.shape()[axis.cast_unsigned()].div_ceil(2), folded).unwrap();
        let want = {
            let lanes: Vec<Array1<f64>> = x.lanes(Axis(axis.cast_unsigned())).into_iter().map(folded).collect();
            let mut shape = x.shape().to_vec();
            shape[axis.cast_unsigned()] = lanes[0].len();
            let mut out = ArrayD::zeros(shape);
            out.lanes_mut(Axis(axis.cast_unsigned()))
                .into_iter()
                .zip(lanes)
                .for_each(|(mut to, from)| to.assign(&from));
            out
        };
        same(&made, &want, &format!("axis {axis}"));
    }
    let empty =
        array(&values(&[0, 4]), &[-1, -1]).apply_along_axis(1, 1, |l: ArrayView1<'_, f64>| ndarray::arr1(&[l.sum()]));
    same(&empty.unwrap(), &ArrayD::zeros(vec![0, 1]), "no lines");
}

/// The largest distance between neighbouring elements, which needs the first and the last of every chunk.
fn steepest() -> BlockReduction<f64, f64, f64> {
    let join = |states: ArrayD<f64>| -> ArrayD<f64> {
        let states = states.into_dimensionality::<Ix3>().unwrap();
        let mut out = ndarray::Array3::zeros((1, states.shape()[1], 3));
        for (column, mut to) in states.axis_iter(Axis(1)).zip(out.axis_iter_mut(Axis(1))) {
            let (mut best, n) = (0.0_f64, column.nrows());
            for k in 0..n {
                best = best.max(column[[k, 0]]);
                if k > 0 {
                    best = best.max((column[[k, 1]] - column[[k - 1, 2]]).abs());
                }
            }
            to.row_mut(0).assign(&ndarray::arr1(&[best, column[[0, 1]], column[[n - 1, 2]]]));
        }
        out.into_dyn()
    };
    BlockReduction::new(
        "steepest",
        move |x: ArrayViewD<'_, f64>, axes: &[Axis]| {
            assert_eq!(axes, [Axis(0)]);
            let each =
                ndarray::Array3::from_shape_fn(
                    (x.shape()[0], x.shape()[1], 3),
                    |(i, j, s)| if s == 0 { 0.0 } else { x[[i, j]] },
                );
            join(each.into_dyn())
        },
        move |states: ArrayViewD<'_, f64>, _: &[Axis]| join(states.to_owned()),
        |state: ArrayViewD<'_, f64>| state.index_axis(Axis(2), 0).to_owned(),
    )
    .states(3)
}

#[test]
fn reductions_of_ones_own() {
    let x = values(&[700, 5]);
    let want = Array1::from_shape_fn(5, |j| (1..700).map(|i| (x[[i, j]] - x[[i - 1, j]]).abs()).fold(0.0, f64::max));
    for chunk in [[3, 2], [700, 5], [1, 1], [64, 3]] {
        same(&array(&x, &chunk).reduce_blocks(0, &steepest()), &want.clone().into_dyn(), &format!("{chunk:?}"));
    }
    let count = BlockReduction::new(
        "count",
        |x: ArrayViewD<'_, f64>, axes: &[Axis]| ArrayD::from_elem(vec![1; axes.len()], x.len() as i64),
        |n: ArrayViewD<'_, i64>, axes: &[Axis]| ArrayD::from_elem(vec![1; axes.len()], n.sum()),
        |n: ArrayViewD<'_, i64>| n.to_owned(),
    );
    let counted = array(&x, &[7, 2]).reduce_blocks(.., &count);
    for cx in contexts() {
        assert_eq!(cx.compute(counted.clone()).unwrap()[[]], 3500);
    }
    assert!(std::panic::catch_unwind(|| array(&values(&[0, 3]), &[-1, -1]).reduce_blocks(0, &steepest())).is_err());
}

/// 32 MiB in one chunk for each time, with 8 MiB of memory: lines along time go through disk, chunks are read once.
#[test]
fn functions_of_an_array_beyond_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zarr");
    let cx = Context::builder().threads(2).memory("256MiB").device("cpu").build().unwrap();
    let (t, p) = (cx.arange(512).unwrap(), cx.arange(8192).unwrap());
    let x = (t.reshape(&[512, 1]) * &p).cast::<f64>();
    cx.compute(x.store(&path, Create::new().chunks(vec![1, 8192]))).unwrap();
    let small = Context::builder().threads(2).memory("8MiB").device("cpu").build().unwrap();
    let x = small.open(&path).unwrap().try_typed::<f64>().unwrap();
    let last = x.apply_along_axis(0, 1, |l: ArrayView1<'_, f64>| ndarray::arr1(&[l[l.len() - 1] - l[0]])).unwrap();
    let sum = BlockReduction::new(
        "sum",
        |x: ArrayViewD<'_, f64>, _: &[Axis]| x.sum_axis(Axis(0)).insert_axis(Axis(0)),
        |x: ArrayViewD<'_, f64>, _: &[Axis]| x.sum_axis(Axis(0)).insert_axis(Axis(0)),
        |x: ArrayViewD<'_, f64>| x.to_owned(),
    );
    let dots = Gufunc::new("(p),(p)->()").unwrap();
    let dots =
        dots.apply((&x, &p.cast::<f64>()), |(x, p): (ArrayViewD<'_, f64>, ArrayViewD<'_, f64>)| -> ArrayD<f64> {
            let (x, p) = (x.into_dimensionality::<Ix2>().unwrap(), p.into_dimensionality::<Ix1>().unwrap());
            x.dot(&p).into_dyn()
        });
    let (last, sum, dots) = small.compute((last, x.reduce_blocks(0, &sum), dots.unwrap())).unwrap();
    assert!((0..8192).all(|p| last[[0, p]] == 511.0 * p as f64 && sum[[p]] == 511.0 * 256.0 * p as f64));
    let squares: f64 = (0..8192_u64).map(|p| (p * p) as f64).sum();
    assert!((0..512).all(|t| (dots[[t]] - t as f64 * squares).abs() <= 1e-9 * dots[[t]]));
}
