//! Differences, integrals, sums of shifted products and weighted means against plain loops, over many chunkings.

use super::{contexts, elements, matrix};
use hyperslab::array::calculus::{Steps, gradient, trapezoid, unwrap};
use hyperslab::array::selected::Selection;
use hyperslab::array::signal::{Mode, convolve, correlate};
use hyperslab::array::statistics::{Covariance, average, cov};
use hyperslab::dtype::scalar::Scalar;
use hyperslab::op::reduction::Params;
use hyperslab::shape::axes::Axes;
use hyperslab::{Array, ErrorKind};
use num_complex::Complex64;

/// Small whole numbers, so that sums of products are exact.
fn whole(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from((state >> 33) % 19).unwrap()) - 9.0
    };
    (0..n).map(|_| next()).collect()
}

fn vector(values: &[f64], chunk: isize) -> Array {
    let data = ndarray::ArrayD::from_shape_vec(vec![values.len()], values.to_vec()).unwrap();
    contexts()[0].from_ndarray(data).unwrap().into_dyn().rechunk(&[chunk])
}

/// What every context gives, which must be the same.
fn values(array: &Array) -> Vec<f64> {
    let all: Vec<Vec<Complex64>> = contexts().iter().map(|cx| elements(&cx.compute(array.clone()).unwrap())).collect();
    assert_eq!(all[0], all[1]);
    all[0].iter().map(|v| v.re).collect()
}

/// All sums of products at which the two overlap.
fn full(a: &[f64], v: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; a.len() + v.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (k, y) in v.iter().enumerate() {
            out[i + k] += x * y;
        }
    }
    out
}

#[test]
fn convolutions_are_sums_of_shifted_products() {
    for (n, m) in
        [(1, 1), (5, 1), (5, 2), (6, 3), (7, 7), (40, 9), (300, 8), (300, 16), (300, 17), (64, 41), (9, 40), (2, 3)]
    {
        let (a, v) = (whole(n, 1), whole(m, 2));
        let (most, least) = (n.max(m), n.min(m));
        let all = full(&a, &v);
        for chunk in [-1, 1, 7] {
            let (x, y) = (vector(&a, chunk), vector(&v, chunk));
            assert_eq!(values(&x.convolve(&y, Mode::Full)), all, "{n} and {m} in {chunk}");
            let same = &all[(least - 1) / 2..][..most];
            assert_eq!(values(&x.convolve(&y, Mode::Same)), same, "{n} and {m}");
            assert_eq!(values(&x.convolve(&y, Mode::Valid)), all[least - 1..most], "{n} and {m}");
            // A correlation is the convolution with the other reversed.
            let reversed: Vec<f64> = v.iter().rev().copied().collect();
            assert_eq!(values(&x.correlate(&y, Mode::Full)), full(&a, &reversed));
        }
    }
    let (x, y) = (vector(&[1.0], -1), vector(&[], -1));
    assert!(matches!(convolve(x.expr(), y.expr(), Mode::Full).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(matches!(correlate(y.expr(), x.expr(), Mode::Full).unwrap_err().kind(), ErrorKind::Shape { .. }));
}

#[test]
fn gradients_of_parabolas_are_exact() {
    // Central differences on uneven positions and ends of the second order have no error for a parabola.
    let at: Vec<f64> = [0.0, 1.0, 3.0, 4.0, 8.0, 10.0, 11.0, 15.0].to_vec();
    let y: Vec<f64> = at.iter().map(|x| x * x - 3.0 * x).collect();
    let slope: Vec<f64> = at.iter().map(|x| 2.0 * x - 3.0).collect();
    for chunk in [-1, 1, 3] {
        let (y, at) = (vector(&y, chunk), vector(&at, chunk));
        let got = values(&Array::from_expr(gradient(y.expr(), 0, &at.expr().into(), 2).unwrap()));
        assert!(got.iter().zip(&slope).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}, not {slope:?}");
        let inside = values(&Array::from_expr(gradient(y.expr(), 0, &at.expr().into(), 1).unwrap()));
        assert!(inside[1..7].iter().zip(&slope[1..7]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!((inside[0], inside[7]), (-2.0, 23.0));
        // The trapezoidal rule is exact for lines.
        let steps = Steps::At(at.expr().clone());
        let area = Array::from_expr(trapezoid(at.expr(), &steps, 0).unwrap());
        assert_eq!(values(&area), [15.0 * 15.0 / 2.0]);
    }
}

#[test]
fn unwrapping_restores_a_line() {
    let line: Vec<f64> = (0..50).map(|i| f64::from(i) * 3.0).collect();
    let wrapped: Vec<f64> = line.iter().map(|v| v.rem_euclid(8.0)).collect();
    for chunk in [-1, 1, 7] {
        let p = vector(&wrapped, chunk);
        let got = Array::from_expr(unwrap(p.expr(), None, 0, Scalar::Float(8.0)).unwrap());
        assert_eq!(values(&got), line);
    }
}

#[test]
fn weights_count() {
    let x = matrix(&[[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]], &[1, 2]);
    let weights = vector(&[1.0, 0.0, 3.0], 2);
    assert_eq!(values(&x.average(1, &weights).unwrap()), [13.0 / 4.0, 30.0 / 4.0]);
    // Repeats and weights: each observation as often as it was made.
    let repeats = Covariance { repeats: Some(vector(&[2.0, 1.0, 3.0], 1).expr().clone()), ..Covariance::default() };
    let long = matrix(&[[1.0, 1.0, 2.0, 4.0, 4.0, 4.0], [3.0, 3.0, 5.0, 9.0, 9.0, 9.0]], &[1, 2]);
    let (got, want) = (values(&Array::from_expr(cov(x.expr(), None, &repeats).unwrap())), values(&long.cov()));
    assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}, not {want:?}");
}

#[test]
fn what_data_forbid_ends_the_run() {
    let cx = &contexts()[1];
    let x = vector(&[1.0, 2.0, 3.0], 1);
    let fails = |array: Array, why: &str| {
        let error = cx.compute(array).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    fails(x.average(0, &vector(&[1.0, 0.0, -1.0], 2)).unwrap(), "the weights sum to zero");
    let negative = Covariance { weights: Some(vector(&[1.0, -1.0, 2.0], 1).expr().clone()), ..Covariance::default() };
    fails(Array::from_expr(cov(x.expr(), None, &negative).unwrap()), "aweights cannot be negative");
    let halves = Covariance { repeats: Some(vector(&[1.0, 0.5, 2.0], 1).expr().clone()), ..Covariance::default() };
    fails(Array::from_expr(cov(x.expr(), None, &halves).unwrap()), "fweights must be integers");
    let wrong = average(x.expr(), &Axes::All, Some(vector(&[1.0], 1).expr())).unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::Shape { .. }), "{wrong}");
}

/// Reductions of chosen elements are those of the elements alone.
#[test]
fn what_is_not_chosen_does_not_count() {
    let data = whole(60, 5);
    let chosen: Vec<f64> = data.iter().copied().filter(|v| *v > 1.0).collect();
    for chunk in [-1, 1, 8] {
        let x = vector(&data, chunk);
        // What is left out may be anything.
        let spoilt = x.greater(Scalar::Int(1)).where_(&x, f64::NAN);
        let only = Some(x.greater(Scalar::Int(1)).expr().clone());
        for name in ["sum", "prod", "mean", "var", "std", "any", "all", "nansum", "nanmean", "nanvar"] {
            for ddof in [0.0, 1.0] {
                let params = Params { ddof, ..Params::default() };
                let selection = Selection { only: only.clone(), ..Selection::default() };
                let got = values(&spoilt.reduce_selected(name, .., params, &selection).unwrap())[0];
                let want = values(&vector(&chosen, -1).try_reduce(name, .., params).unwrap())[0];
                assert!((got - want).abs() <= 1e-12 * want.abs(), "{name}: {got}, not {want}");
            }
        }
        let selection = Selection { only: only.clone(), initial: Some(100.0.into()), ..Selection::default() };
        assert_eq!(values(&x.reduce_selected("min", .., Params::default(), &selection).unwrap()), [2.0]);
        assert_eq!(values(&x.reduce_selected("max", .., Params::default(), &selection).unwrap()), [100.0]);
        let without = Selection { only: only.clone(), ..Selection::default() };
        let refused = x.reduce_selected("max", .., Params::default(), &without).unwrap_err();
        assert!(refused.to_string().contains("needs an initial value"), "{refused}");
    }
}
