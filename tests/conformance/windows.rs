//! Reductions of blocks of neighbours against the same as axes of their own, whatever the blocks of the run.

use super::{contexts, elements};
use hyperslab::array::reduction::Over;
use hyperslab::dtype::DType;
use hyperslab::expr::windows::Boundary;
use hyperslab::op::reduction::{Params, REDUCTIONS};
use hyperslab::shape::axes::Axes;
use hyperslab::{Array, Context};
use ndarray::ArrayD;

fn values(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 5u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from((state >> 33) % 640).unwrap()) / 4.0 - 60.0
    })
}

fn same(got: &Array, want: &Array, what: &str) {
    let of = |cx: &Context, x: &Array| cx.compute(x.clone()).unwrap();
    let contexts = contexts();
    let (first, want) = (of(&contexts[0], got), of(&contexts[0], want));
    assert_eq!(of(&contexts[1], got).block().bytes(), first.block().bytes(), "{what}: blocks decide bits");
    assert_eq!((first.block().shape(), first.block().dtype()), (want.block().shape(), want.block().dtype()), "{what}");
    for (g, w) in elements(&first).iter().zip(elements(&want)) {
        let near = (g - w).norm() <= 1e-12 * (1.0 + w.norm());
        assert!(near || g.re.is_nan() && w.re.is_nan() || *g == w, "{what}: {g} for {w}");
    }
}

#[test]
fn blocks_reduce_as_axes_of_their_own() {
    let cases: [(&[usize], &[usize], &[isize]); 4] = [
        (&[12, 10], &[3, 2], &[5, 4]),
        (&[70, 3], &[35, 1], &[13, 2]),
        (&[4, 66], &[2, 33], &[3, 20]),
        (&[6, 4, 8], &[2, 2, 2], &[4, 3, -1]),
    ];
    for (shape, sizes, chunks) in cases {
        let x = contexts()[0].from_ndarray(values(shape)).unwrap().into_dyn().rechunk(chunks);
        for dtype in [DType::F64, DType::F32, DType::I16, DType::U8] {
            let x = x.astype(dtype);
            let apart: Vec<isize> =
                shape.iter().zip(sizes).flat_map(|(&n, &k)| [(n / k).cast_signed(), k.cast_signed()]).collect();
            let axes = Axes::Positions((0..shape.len()).map(|a| 2 * a.cast_signed() + 1).collect());
            for reduction in REDUCTIONS.iter().filter(|r| r.many_axes()) {
                let (name, how) = (reduction.name(), Params::default());
                let Ok(want) = x.reshape(&apart).try_reduce(name, Over::from(axes.clone()), how) else { continue };
                let got = x.coarsen(sizes, Boundary::Exact).unwrap().reduce(name, how).unwrap();
                same(&got, &want, &format!("{name} of {dtype} {shape:?} in blocks of {sizes:?}"));
            }
        }
    }
}

#[test]
fn a_coarse_array_is_made_within_a_budget_that_does_not_hold_its_source() {
    let cx = Context::builder().threads(2).memory("40MiB").device("cpu").build().unwrap();
    let x = cx.arange(8 << 20).unwrap().reshape(&[4096, 2048]);
    let coarse = x.coarsen(&[64, 8], Boundary::Exact).unwrap();
    let means = cx.compute(coarse.mean().sum(..)).unwrap();
    let want = (f64::from(8 << 20) - 1.0) / 2.0 * f64::from(8 << 20) / 512.0;
    assert_eq!(means[[]], want);
    assert!(cx.report().peak_bytes <= cx.memory().budget());
}

/// Every window by itself, what is NaN or beyond the array left out.
fn by_hand(x: &ArrayD<f64>, sizes: &[usize], least: usize, center: bool, of: impl Fn(&[f64]) -> f64) -> ArrayD<f64> {
    ArrayD::from_shape_fn(x.shape().to_vec(), |at| {
        let mut members = vec![Vec::new()];
        for (a, &n) in sizes.iter().enumerate() {
            let first = at[a].cast_signed() - (if center { n / 2 } else { n - 1 }).cast_signed();
            let along = (first..first + n.cast_signed()).filter(|i| (0..x.shape()[a].cast_signed()).contains(i));
            let along: Vec<usize> = along.map(isize::cast_unsigned).collect();
            members = members.iter().flat_map(|m| along.iter().map(|&i| [m.as_slice(), &[i]].concat())).collect();
        }
        let members: Vec<f64> = members.iter().map(|m| x[m.as_slice()]).filter(|v| !v.is_nan()).collect();
        if members.len() < least { f64::NAN } else { of(&members) }
    })
}

#[test]
fn windows_roll_as_each_would_by_itself() {
    let mut x = values(&[90, 7]);
    x.iter_mut().step_by(11).for_each(|v| *v = f64::NAN);
    let cx = &contexts()[0];
    let mean = |m: &[f64]| m.iter().sum::<f64>() / m.len() as f64;
    let var = |m: &[f64]| m.iter().map(|v| (v - mean(m)).powi(2)).sum::<f64>() / m.len() as f64;
    let least_of = |m: &[f64]| m.iter().copied().fold(f64::INFINITY, f64::min);
    for (sizes, least, center) in
        [([1, 1], 1, false), ([5, 1], 3, true), ([40, 1], 1, false), ([1, 6], 6, false), ([23, 4], 2, true)]
    {
        for chunks in [[-1, -1], [16, 3]] {
            let array = cx.from_ndarray(x.clone()).unwrap().rechunk(&chunks);
            let rolled = array.rolling(&sizes, Some(least), center).unwrap();
            let want = |of: &dyn Fn(&[f64]) -> f64| {
                cx.from_ndarray(by_hand(&x, &sizes, least, center, of)).unwrap().into_dyn()
            };
            let what = format!("windows {sizes:?} in chunks {chunks:?}");
            same(&rolled.mean().into_dyn(), &want(&mean), &what);
            same(&rolled.min().into_dyn(), &want(&least_of), &what);
            same(&rolled.reduce("var", Params::default()).unwrap(), &want(&var), &what);
            same(&rolled.reduce("count", Params::default()).unwrap(), &want(&|m| m.len() as f64), &what);
        }
    }
}

#[test]
fn long_windows_roll_over_more_than_the_budget_without_losing_digits() {
    let cx = Context::builder().threads(2).memory("24MiB").device("cpu").build().unwrap();
    // Large numbers, then small ones: what a running sum would carry on for ever.
    let n = 4 << 20;
    let x = cx.arange(n).unwrap();
    let x = x.less(1000).cast::<f64>() * 1e17 + 1.0;
    let means = x.rolling(&[1000], None, false).unwrap().mean();
    let late = cx.compute(means.slice(5000..).min(..)).unwrap();
    assert_eq!(late[[]], 1.0);
    assert!(cx.report().peak_bytes <= cx.memory().budget());
}
