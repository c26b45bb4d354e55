//! Order along an axis against a plain sort, for short and long lines, along every axis, in small and in usual blocks.

use super::{contexts, elements};
use hyperslab::dtype::DType;
use hyperslab::op::regional::Method;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Axis};

/// Values that repeat, some of them NaN, infinite or -0.
fn values(shape: &[usize], with_nan: bool) -> ArrayD<f64> {
    let mut state = 11u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (state >> 33) % 97 {
            0 if with_nan => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            k => ((k * k) % 41) as f64 / 4.0 - 3.0,
        }
    })
}

/// The positions of a line in order: NaN last, equal elements as they come.
fn order(line: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..line.len()).collect();
    places.sort_by(|&a, &b| {
        let (x, y) = (line[a], line[b]);
        x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
    });
    places
}

/// What `make` gives for each line along `axis`.
fn by_hand(x: &ArrayD<f64>, axis: usize, make: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let out = x.clone();
    let lanes: Vec<Vec<f64>> = out.lanes(Axis(axis)).into_iter().map(|l| make(&l.to_vec())).collect();
    let mut shape = x.shape().to_vec();
    shape[axis] = lanes.first().map_or(0, Vec::len);
    let mut made = ArrayD::zeros(shape);
    for (mut to, from) in made.lanes_mut(Axis(axis)).into_iter().zip(lanes) {
        to.iter_mut().zip(from).for_each(|(t, f)| *t = f);
    }
    made.iter().copied().collect()
}

fn same(have: &Array, want: &[f64], what: &str) {
    for cx in contexts() {
        let have = elements(&cx.compute(have.clone()).unwrap());
        assert_eq!(have.len(), want.len(), "{what}");
        let equal = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        assert!(have.iter().map(|z| z.re).collect::<Vec<_>>().iter().zip(want).all(equal), "{what}");
    }
}

#[test]
fn lines_of_every_length_and_axis() {
    let cases: [(&[usize], &[isize]); 6] = [
        (&[1, 50], &[1, 7]),
        (&[438, 40], &[50, 9]),
        (&[40, 438], &[7, -1]),
        (&[2500, 3], &[400, 2]),
        (&[3, 5000], &[1, 999]),
        (&[7, 60, 5], &[2, 17, 5]),
    ];
    for (shape, chunk) in cases {
        let x = values(shape, true);
        for dtype in [DType::F64, DType::F32, DType::F16, DType::C64] {
            let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(chunk).astype(dtype);
            for axis in 0..shape.len() {
                let what = format!("{dtype} {shape:?} along {axis}");
                let at = axis.cast_signed();
                let sorted = |line: &[f64]| order(line).into_iter().map(|i| line[i]).collect::<Vec<_>>();
                same(&array.sort(at), &by_hand(&x, axis, sorted), &what);
                let places = |line: &[f64]| order(line).into_iter().map(|i| i as f64).collect();
                same(&array.argsort(at), &by_hand(&x, axis, places), &what);
                let top = |line: &[f64]| sorted(line).into_iter().rev().take(3).collect();
                same(&array.topk(3, at), &by_hand(&x, axis, top), &what);
            }
        }
    }
}

#[test]
fn quantiles_are_elements_of_the_sorted_line() {
    for (shape, chunk) in [(&[438, 33], [100, 8]), (&[33, 438], [8, 100]), (&[2500, 2], [999, 1])] {
        let x = values(shape, true).mapv(|v| if v.is_infinite() { 9.0 } else { v });
        let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&chunk);
        for axis in 0..2usize {
            let what = format!("{shape:?} along {axis}");
            let valid = |line: &[f64]| {
                let mut some: Vec<f64> = line.iter().copied().filter(|v| !v.is_nan()).collect();
                some.sort_by(f64::total_cmp);
                some
            };
            let median = |line: &[f64]| match valid(line).as_slice() {
                [] => vec![f64::NAN],
                all => vec![(all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0],
            };
            let at = axis.cast_signed();
            same(&array.nanmedian(at), &by_hand(&x, axis, median), &what);
            let lower = |line: &[f64]| {
                let all = valid(line);
                let last = all.len() - 1;
                vec![all[(0.1 * last as f64).floor() as usize], all[(0.9 * last as f64).floor() as usize]]
            };
            let found = array.try_quantiles([0.1, 0.9], at, Method::Lower, true).unwrap();
            let turned = if axis == 0 { found } else { found.transpose(&[1, 0]) };
            same(&turned, &by_hand(&x, axis, lower), &what);
        }
    }
}

#[test]
fn the_largest_of_long_lines_are_the_largest_of_their_rows() {
    let cx = Context::default();
    for (shape, chunk, axis) in [(vec![300_000], vec![70_000], 0), (vec![2, 150_000, 2], vec![1, 1000, 2], 1)] {
        let whole = values(&shape, false);
        let x = cx.from_ndarray(whole.clone()).unwrap().rechunk(&chunk).into_dyn();
        let axis_of_x = isize::try_from(axis).unwrap();
        for k in [7usize, 200] {
            let down = |line: &[f64]| order(line).iter().rev().take(k).map(|&i| line[i]).collect();
            let up = |line: &[f64]| order(line).iter().take(k).map(|&i| line[i]).collect();
            same(&x.topk(k.cast_signed(), axis_of_x), &by_hand(&whole, axis, down), "the largest");
            same(&x.topk(-k.cast_signed(), axis_of_x), &by_hand(&whole, axis, up), "the smallest");
        }
    }
}
