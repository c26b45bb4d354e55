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
    let cx = Context::builder().threads(2).memory("16MiB").device("cpu").build().unwrap();
    let x = cx.arange(4 << 20).unwrap().reshape(&[2048, 2048]);
    let coarse = x.coarsen(&[64, 8], Boundary::Exact).unwrap();
    let means = cx.compute(coarse.mean().sum(..)).unwrap();
    let want = (f64::from(4 << 20) - 1.0) / 2.0 * (4 << 20) as f64 / 512.0;
    assert_eq!(means[[]], want);
    assert!(cx.report().peak_bytes <= cx.memory().budget());
}
