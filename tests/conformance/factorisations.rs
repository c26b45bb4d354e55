//! Factors of matrices give the matrices back; the same bits whatever the threads, blocks and memory.

use super::{contexts, elements};
use hyperslab::array::compute::Computed;
use hyperslab::dtype::DType;
use hyperslab::linalg::factor::cholesky;
use hyperslab::store::Create;
use hyperslab::{Array, Context, ErrorKind};
use ndarray::ArrayD;
use num_complex::Complex64;

/// Numbers between -1 and 1 that follow no pattern.
pub(super) fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

/// A Hermitian matrix whose diagonal outweighs the rest, as a dtype stores it; above the diagonal is `above`.
fn definite(n: usize, dtype: DType, above: f64) -> ArrayD<Complex64> {
    let mut next = noise(n as u64 + 1);
    ArrayD::from_shape_fn(vec![n, n], |at| {
        let (re, im) = (next(), if dtype.is_complex() { next() } else { 0.0 });
        match at[0].cmp(&at[1]) {
            std::cmp::Ordering::Less => Complex64::new(above, 0.0),
            std::cmp::Ordering::Equal => Complex64::new(n as f64 + re, 0.0),
            std::cmp::Ordering::Greater => Complex64::new(re, im),
        }
    })
}

pub(super) fn array(values: ArrayD<Complex64>, dtype: DType, chunk: isize) -> Array {
    let cx = Context::default();
    let x = if dtype.is_complex() {
        cx.from_ndarray(values).unwrap().into_dyn()
    } else {
        cx.from_ndarray(values.mapv(|v| v.re)).unwrap().into_dyn()
    };
    let x = x.astype(dtype);
    let chunks = vec![chunk; x.ndim()];
    if x.shape().known().unwrap().contains(&0) { x } else { x.rechunk(&chunks) }
}

/// The largest element of `l lᴴ - a` in the lower triangle, where `l` is lower triangular.
fn residual(l: &[Complex64], a: &[Complex64], n: usize) -> f64 {
    let mut worst: f64 = 0.0;
    for i in 0..n {
        assert!(l[i * n + i].re > 0.0 && l[i * n + i].im == 0.0, "a positive diagonal");
        assert!(l[i * n + i + 1..(i + 1) * n].iter().all(|x| x.norm() == 0.0), "nothing above it");
        for j in 0..=i {
            let sum: Complex64 = (0..=j).map(|k| l[i * n + k] * l[j * n + k].conj()).sum();
            worst = worst.max((sum - a[i * n + j]).norm());
        }
    }
    worst
}

pub(super) fn unit(dtype: DType) -> f64 {
    if matches!(dtype, DType::F32 | DType::C64) { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

#[test]
fn factors_give_the_matrix_back() {
    for (n, dtype) in [1, 2, 31, 32, 33, 65, 100, 255, 256, 257, 300]
        .into_iter()
        .map(|n| (n, DType::F64))
        .chain([(40, DType::F32), (270, DType::F32), (40, DType::C64), (270, DType::C64), (33, DType::C128)])
        .chain([(270, DType::C128), (520, DType::F64)])
    {
        // What is above the diagonal is not read, so it may be anything.
        let a = array(definite(n, dtype, f64::NAN), dtype, 97);
        let a_values = elements(&Context::default().compute(a.clone()).unwrap());
        for cx in contexts() {
            let l = cx.compute(a.cholesky()).unwrap();
            assert_eq!((l.block().shape(), l.block().dtype()), (&[n, n][..], dtype));
            let worst = residual(&elements(&l), &a_values, n);
            let bound = n as f64 * unit(dtype) * (n as f64 + 1.0);
            assert!(worst <= bound, "{n} in {dtype}: off by {worst}, the bound is {bound}");
        }
    }
}

#[test]
fn integers_and_truth_become_doubles() {
    let a = array(definite(9, DType::F64, 0.0), DType::I32, 4);
    let l = Context::default().compute(a.cholesky()).unwrap();
    assert_eq!(l.block().dtype(), DType::F64);
    let one = Array::filled(&[1, 1], hyperslab::dtype::scalar::Scalar::Int(1), DType::Bool, None).unwrap();
    assert_eq!(elements(&Context::default().compute(one.cholesky()).unwrap()), [Complex64::new(1.0, 0.0)]);
}

#[test]
fn stacks_and_empty_ones() {
    let each: Vec<ArrayD<Complex64>> =
        (0..6).map(|s| definite(20, DType::F64, 0.0).mapv(|x| x * f64::from(s + 1))).collect();
    let joined: Vec<Complex64> = each.iter().flatten().copied().collect();
    let stack = array(ArrayD::from_shape_vec(vec![2, 3, 20, 20], joined).unwrap(), DType::F64, 7);
    for cx in contexts() {
        let got = elements(&cx.compute(stack.cholesky()).unwrap());
        for (s, one) in each.iter().enumerate() {
            let want = elements(&cx.compute(array(one.clone(), DType::F64, 5).cholesky()).unwrap());
            assert_eq!(got[s * 400..(s + 1) * 400], want);
        }
        for shape in [vec![0, 0], vec![0, 3, 3], vec![3, 0, 0]] {
            let none = Array::filled(&shape, hyperslab::dtype::scalar::Scalar::Int(1), DType::F64, None).unwrap();
            assert_eq!(cx.compute(none.cholesky()).unwrap().block().shape(), shape);
        }
    }
}

#[test]
fn stacks_of_several_tiles() {
    let large = definite(300, DType::F32, 0.0);
    let joined: Vec<Complex64> = large.iter().copied().chain(large.iter().map(|x| x * 4.0)).collect();
    let stack = array(ArrayD::from_shape_vec(vec![2, 300, 300], joined).unwrap(), DType::F32, 100);
    let got = elements(&Context::default().compute(stack.cholesky()).unwrap());
    let twice: Vec<Complex64> = got[..90_000].iter().map(|x| x * 2.0).collect();
    assert_eq!(got[90_000..], twice);
}

#[test]
fn the_upper_factor_is_the_adjoint() {
    for dtype in [DType::F64, DType::C128] {
        let lower = definite(40, dtype, f64::NAN);
        let upper = lower.t().mapv(|x: Complex64| x.conj());
        let cx = Context::default();
        let l = cx.compute(array(lower, dtype, 9).cholesky()).unwrap();
        let u = cholesky(array(upper, dtype, 11).expr(), true).unwrap();
        let u = elements(&cx.compute(Array::from_expr(u)).unwrap());
        let l = elements(&l);
        assert!((0..40).all(|i| (0..40).all(|j| u[i * 40 + j] == l[j * 40 + i].conj())), "{dtype}");
    }
}

/// Hilbert's matrices are positive definite, and in doubles are so up to order 12 or 13.
#[test]
fn an_ill_conditioned_matrix_is_factored_or_refused() {
    let hilbert = |n: usize| {
        let x = ArrayD::from_shape_fn(vec![n, n], |at| Complex64::new(1.0 / (at[0] + at[1] + 1) as f64, 0.0));
        array(x, DType::F64, 5)
    };
    let cx = Context::default();
    let a = elements(&cx.compute(hilbert(12)).unwrap());
    let l = elements(&cx.compute(hilbert(12).cholesky()).unwrap());
    assert!(residual(&l, &a, 12) < 12.0 * f64::EPSILON);
    let fault = cx.compute(hilbert(20).cholesky()).unwrap_err();
    assert!(matches!(fault.kind(), ErrorKind::Numerical { .. }), "{fault}");
}

#[test]
fn what_is_not_positive_definite_is_refused() {
    for (n, bad) in [(1, 0), (40, 0), (40, 33), (300, 17), (600, 599), (600, 300)] {
        for value in [0.0, -1.0, f64::NAN] {
            let mut a = definite(n, DType::F64, 0.0);
            a[[bad, bad]] = Complex64::new(value, 0.0);
            for cx in contexts() {
                let fault = cx.compute(array(a.clone(), DType::F64, 64).cholesky()).unwrap_err();
                assert!(matches!(fault.kind(), ErrorKind::Numerical { op, .. } if op == "cholesky"), "{fault}");
                let order = format!("its leading minor of order {} is not positive", bad + 1);
                assert!(fault.to_string().contains(&order), "{n}, {bad}: {fault}");
            }
        }
    }
    let mut stack = ArrayD::from_elem(vec![5, 2, 2], Complex64::new(0.0, 0.0));
    for s in 0..5 {
        (stack[[s, 0, 0]], stack[[s, 1, 1]]) = (Complex64::new(1.0, 0.0), Complex64::new(3.0 - s as f64, 0.0));
    }
    let fault = Context::default().compute(array(stack, DType::F64, 2).cholesky()).unwrap_err();
    assert!(fault.to_string().contains("matrix (3,) of the stack"), "{fault}");
}

#[test]
fn shapes_and_dtypes_are_refused_when_it_is_built() {
    let filled =
        |shape: &[usize], dtype| Array::filled(shape, hyperslab::dtype::scalar::Scalar::Int(1), dtype, None).unwrap();
    for (shape, want) in [
        (&[4][..], "cholesky: an array of shape (4,) is no matrix"),
        (&[2, 3, 4], "cholesky: the last two axes of shape (2, 3, 4) are not a square"),
    ] {
        assert_eq!(filled(shape, DType::F64).try_cholesky().unwrap_err().to_string(), want);
    }
    let half = filled(&[2, 2], DType::F16).try_cholesky().unwrap_err();
    assert_eq!(half.to_string(), "cholesky: array type float16 is unsupported in linalg");
}

/// 1100 by 1100: five tiles a side, in panels of one, some and all columns.
#[test]
fn threads_panels_and_memory_do_not_change_a_bit() {
    let a = array(definite(1100, DType::F64, 0.0), DType::F64, 300);
    let build = |threads: usize| Context::builder().threads(threads).device("cpu");
    let bytes = |x: &Computed| x.block().bytes().to_vec();
    let want = bytes(&build(1).build().unwrap().compute(a.cholesky()).unwrap());
    for cx in [
        build(4).build().unwrap(),
        build(3).block_bytes(1).build().unwrap(),
        build(2).block_bytes(1 << 20).build().unwrap(),
        build(4).memory("14MiB").build().unwrap(),
        build(2).unoptimized().build().unwrap(),
    ] {
        assert!(bytes(&cx.compute(a.cholesky()).unwrap()) == want, "{cx:?}");
        let report = cx.report();
        assert!(report.peak_bytes <= report.projected_bytes, "{cx:?}: {} lived", report.peak_bytes);
        assert!(report.projected_bytes <= cx.memory().budget(), "{cx:?}");
    }
}

/// 1400 by 1400 doubles, 15 MiB, in 7 MiB; from one stored array to another.
#[test]
fn a_matrix_that_memory_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let roomy = Context::builder().threads(2).memory("1GiB").device("cpu").build().unwrap();
    let a = array(definite(1400, DType::F64, 0.0), DType::F64, 500);
    let want = roomy.compute(a.cholesky()).unwrap();
    let source = folder.path().join("a.npy");
    roomy.compute(a.store(&source, Create::new())).unwrap();
    let small = Context::builder().threads(2).memory("7MiB").device("cpu").build().unwrap();
    let l = folder.path().join("l.npy");
    small.compute(small.open(&source).unwrap().cholesky().store(&l, Create::new().chunks([100, 1400]))).unwrap();
    let report = small.report();
    let (peak, projected, budget) = (report.peak_bytes, report.projected_bytes, small.memory().budget());
    assert!(peak <= projected, "{peak} bytes lived, {projected} were projected");
    assert!(projected <= budget, "{projected} bytes projected, the budget is {budget}");
    assert!(report.bytes_unspilled > 0 && report.bytes_spilled > 0);
    let got = roomy.compute(roomy.open(&l).unwrap()).unwrap();
    assert!(got.block().bytes() == want.block().bytes());
    // An answer in memory has to fit it.
    let fault = small.compute(small.open(&source).unwrap().cholesky()).unwrap_err();
    assert!(matches!(fault.kind(), ErrorKind::Memory { op, .. } if op.starts_with("cholesky")), "{fault}");
}

/// A triangle whose diagonal outweighs the rest; beyond the other side of it is NaN.
fn triangle(n: usize, dtype: DType, lower: bool) -> ArrayD<Complex64> {
    let full = definite(n, dtype, 0.0);
    ArrayD::from_shape_fn(vec![n, n], |at| match (at[0].cmp(&at[1]), lower) {
        (std::cmp::Ordering::Less, true) | (std::cmp::Ordering::Greater, false) => Complex64::new(f64::NAN, 0.0),
        (std::cmp::Ordering::Less, false) => full[[at[1], at[0]]] / 2.0,
        _ => full[[at[0], at[1]]],
    })
}

/// Without what is not read.
fn only(a: &ArrayD<Complex64>) -> ArrayD<Complex64> {
    a.mapv(|x| if x.re.is_nan() { Complex64::default() } else { x })
}

fn values(shape: &[usize], dtype: DType) -> ArrayD<Complex64> {
    let mut next = noise(77);
    ArrayD::from_shape_fn(shape.to_vec(), |_| Complex64::new(next(), if dtype.is_complex() { next() } else { 0.0 }))
}

#[test]
fn triangular_systems_are_solved() {
    for (n, m, dtype) in [
        (1, 1, DType::F64),
        (5, 3, DType::F64),
        (40, 300, DType::F64),
        (300, 7, DType::F64),
        (600, 40, DType::F32),
        (280, 270, DType::C128),
        (40, 5, DType::C64),
    ] {
        for lower in [true, false] {
            let (a, x) = (triangle(n, dtype, lower), values(&[n, m], dtype));
            let product = array(only(&a), dtype, 91).matmul(&array(x.clone(), dtype, 60));
            let system = array(a, dtype, 97).solve_triangular(&product, lower);
            for cx in contexts() {
                let got = cx.compute(system.clone()).unwrap();
                assert_eq!((got.block().shape(), got.block().dtype()), (&[n, m][..], dtype));
                let worst = elements(&got).iter().zip(&x).map(|(p, q)| (p - q).norm()).fold(0.0, f64::max);
                assert!(worst < 8.0 * n as f64 * unit(dtype), "{n} by {m} in {dtype}, lower {lower}: off by {worst}");
            }
        }
    }
}

#[test]
fn systems_of_vectors_stacks_and_nothing() {
    let cx = Context::default();
    let l = array(triangle(20, DType::F64, true), DType::F64, 6);
    let x = array(values(&[20], DType::F64), DType::F64, 20);
    let clean = array(only(&triangle(20, DType::F64, true)), DType::F64, 6);
    let close = |a: &Array, b: &Array| {
        let (a, b) = (elements(&cx.compute(a.clone()).unwrap()), elements(&cx.compute(b.clone()).unwrap()));
        a.len() == b.len() && a.iter().zip(&b).all(|(p, q)| (p - q).norm() < 1e-12)
    };
    assert!(close(&l.solve_triangular(&clean.matmul(&x), true), &x));
    // One triangle for a stack of right-hand sides, and one of these for a stack of triangles.
    let many = array(values(&[3, 20, 4], DType::F64), DType::F64, 5);
    assert!(close(&l.solve_triangular(&clean.matmul(&many), true), &many));
    let two = |l: &ArrayD<Complex64>| {
        let joined: Vec<Complex64> = l.iter().copied().chain(l.iter().map(|x| x * 2.0)).collect();
        array(ArrayD::from_shape_vec(vec![2, 20, 20], joined).unwrap(), DType::F64, 7)
    };
    let (raw, column) = (triangle(20, DType::F64, true), array(values(&[20, 1], DType::F64), DType::F64, 20));
    let product = two(&only(&raw)).matmul(&column);
    let got = cx.compute(two(&raw).solve_triangular(&product, true)).unwrap();
    assert_eq!(got.block().shape(), [2, 20, 1]);
    for shape in [vec![0, 3], vec![20, 0]] {
        let n = shape[0];
        let a = array(definite(n, DType::F64, 0.0), DType::F64, 4);
        let none = Array::filled(&shape, hyperslab::dtype::scalar::Scalar::Int(1), DType::F64, None).unwrap();
        assert_eq!(cx.compute(a.solve_triangular(&none, true)).unwrap().block().shape(), shape);
    }
    let refused = l.try_solve_triangular(&array(values(&[19], DType::F64), DType::F64, 19), true).unwrap_err();
    assert_eq!(refused.to_string(), "solve_triangular: shapes (20, 20) and (19, 1) differ in 20 and 19");
}

#[test]
fn a_singular_triangle_is_refused() {
    for (n, bad) in [(3, 1), (600, 511)] {
        let mut a = triangle(n, DType::F64, true);
        a[[bad, bad]] = Complex64::default();
        let b = array(values(&[n, 2], DType::F64), DType::F64, 50);
        for cx in contexts() {
            let fault = cx.compute(array(a.clone(), DType::F64, 50).solve_triangular(&b, true)).unwrap_err();
            let want =
                format!("solve_triangular: the triangle is singular: element ({bad}, {bad}) of its diagonal is 0");
            assert!(fault.to_string().starts_with(&want), "{fault}");
        }
    }
}

#[test]
fn positive_definite_systems_are_solved_the_same_however_they_run() {
    let (n, m) = (700, 600);
    let lower = definite(n, DType::F64, 0.0);
    let full = ArrayD::from_shape_fn(vec![n, n], |at| lower[[at[0].max(at[1]), at[0].min(at[1])]]);
    let x = values(&[n, m], DType::F64);
    let product = array(full, DType::F64, 130).matmul(&array(x.clone(), DType::F64, 200));
    let system = array(lower, DType::F64, 97).solve_positive(&product);
    let build = |threads: usize| Context::builder().threads(threads).device("cpu");
    let want = build(1).build().unwrap().compute(system.clone()).unwrap();
    assert!(elements(&want).iter().zip(&x).all(|(p, q)| (p - q).norm() < 1e-12));
    for cx in [
        build(4).build().unwrap(),
        build(3).block_bytes(1).build().unwrap(),
        build(2).memory("24MiB").build().unwrap(),
        build(2).unoptimized().build().unwrap(),
    ] {
        assert!(cx.compute(system.clone()).unwrap().block().bytes() == want.block().bytes(), "{cx:?}");
        let report = cx.report();
        let (peak, projected, budget) = (report.peak_bytes, report.projected_bytes, cx.memory().budget());
        assert!(peak <= projected, "{cx:?}: {peak} bytes lived, {projected} were projected");
        assert!(projected <= budget, "{cx:?}: {projected} bytes projected, the budget is {budget}");
    }
}

#[test]
fn a_factor_may_stay_and_be_used_again() {
    let cx = Context::builder().threads(2).device("cpu").build().unwrap();
    let a = array(definite(300, DType::F64, 0.0), DType::F64, 70);
    let l = cx.persist(&a.cholesky()).unwrap();
    let (kept, again) = (cx.compute(l.clone()).unwrap(), cx.compute(a.cholesky()).unwrap());
    assert!(kept.block().bytes() == again.block().bytes());
    let b = array(values(&[300, 3], DType::F64), DType::F64, 100);
    let x = cx.persist(&l.solve_triangular(&b, true)).unwrap();
    let want = cx.compute(a.cholesky().solve_triangular(&b, true)).unwrap();
    assert!(cx.compute(x).unwrap().block().bytes() == want.block().bytes());
}

#[test]
fn a_run_that_is_cancelled_ends() {
    let cx = Context::builder().threads(2).block_bytes(1).device("cpu").build().unwrap();
    cx.cancel_token().cancel();
    let a = array(definite(600, DType::F64, 0.0), DType::F64, 70);
    let fault = cx.compute(a.cholesky()).unwrap_err();
    assert!(matches!(fault.kind(), ErrorKind::Cancelled), "{fault}");
}
