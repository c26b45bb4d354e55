//! Solutions give the right-hand sides back, and factors the matrix; the same bits whatever the threads, blocks and
//! memory.

use super::factorisations::{array, noise, unit};
use super::{contexts, elements};
use hyperslab::array::compute::Computed;
use hyperslab::dtype::{DType, scalar::Scalar};
use hyperslab::linalg::solve;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use hyperslab::{Array, Context, ErrorKind};
use ndarray::ArrayD;
use num_complex::Complex64;

/// Numbers between -1 and 1, as a dtype holds them.
fn random(shape: &[usize], dtype: DType, seed: u64) -> ArrayD<Complex64> {
    let mut next = noise(seed);
    let rounded = |x: f64| if unit(dtype) > f64::EPSILON { f64::from(x as f32) } else { x };
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        Complex64::new(rounded(next()), if dtype.is_complex() { rounded(next()) } else { 0.0 })
    })
}

fn real(n: usize, element: impl Fn(usize, usize) -> f64) -> ArrayD<Complex64> {
    ArrayD::from_shape_fn(vec![n, n], |at| Complex64::new(element(at[0], at[1]), 0.0))
}

fn largest(x: &[Complex64]) -> f64 {
    x.iter().map(|x| x.norm()).fold(0.0, f64::max)
}

/// The largest element of `a x - b`, beside the largest of `|a| |x|`.
fn residual(a: &[Complex64], x: &[Complex64], b: &[Complex64], n: usize) -> f64 {
    let m = x.len() / n;
    let (mut worst, mut size): (f64, f64) = (0.0, 0.0);
    for (i, k) in (0..n).flat_map(|i| (0..m).map(move |k| (i, k))) {
        let of = |j: usize| (a[i * n + j], x[j * m + k]);
        let sum: Complex64 = (0..n).map(of).map(|(a, x)| a * x).sum();
        worst = worst.max((sum - b[i * m + k]).norm());
        size = size.max((0..n).map(of).map(|(a, x)| a.norm() * x.norm()).sum());
    }
    if worst == 0.0 { 0.0 } else { worst / size }
}

#[test]
fn solutions_give_right_hand_sides_back() {
    let doubles = [1, 2, 3, 15, 16, 17, 33, 100, 255, 256, 257, 300, 384, 385].map(|n| (n, DType::F64));
    let others = [DType::F32, DType::C64, DType::C128].into_iter().flat_map(|d| [6, 40, 270].map(|n| (n, d)));
    for (n, dtype) in doubles.into_iter().chain(others) {
        let (a, b) = (random(&[n, n], dtype, n as u64), random(&[n, 3], dtype, n as u64 + 77));
        let x = array(a.clone(), dtype, 97).solve(&array(b.clone(), dtype, 50));
        let (a, b): (Vec<_>, Vec<_>) = (a.into_iter().collect(), b.into_iter().collect());
        for cx in contexts() {
            let got = cx.compute(x.clone()).unwrap();
            assert_eq!((got.block().shape(), got.block().dtype()), (&[n, 3][..], dtype));
            let worst = residual(&a, &elements(&got), &b, n);
            assert!(worst < 4.0 * unit(dtype) * (n as f64).sqrt(), "{n} in {dtype}: off by {worst}");
        }
    }
}

#[test]
fn factors_give_the_matrix_back() {
    for (n, dtype) in [(1, DType::F64), (7, DType::F32), (16, DType::C128), (90, DType::C64), (300, DType::F64)] {
        let a = random(&[n, n], dtype, n as u64 + 5);
        let (p, l, u) = array(a.clone(), dtype, 64).lu();
        for cx in contexts() {
            let [p, l, u] = [&p, &l, &u].map(|x| elements(&cx.compute(x.clone()).unwrap()));
            let at = |x: &[Complex64], i: usize, j: usize| x[i * n + j];
            let rows: Vec<usize> = (0..n).map(|i| (0..n).find(|&j| at(&p, i, j).re == 1.0).unwrap()).collect();
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                assert_eq!(at(&p, i, j).re, if rows[i] == j { 1.0 } else { 0.0 });
                assert_eq!(at(&l, i, i).re, 1.0);
                let other = if i < j {
                    at(&l, i, j)
                } else if i > j {
                    at(&u, i, j)
                } else {
                    Complex64::default()
                };
                assert_eq!(other, Complex64::default(), "({i}, {j}) of {n}");
                let size = at(&l, i, j);
                // Pivots are chosen by the sum of the parts, which is at most the modulus times the root of 2.
                assert!(size.norm() < 1.5, "{size} in l");
                let sum: Complex64 = (0..n).map(|k| at(&l, rows[i], k) * at(&u, k, j)).sum();
                assert!((sum - a[[i, j]]).norm() < 8.0 * n as f64 * unit(dtype), "{n} in {dtype}");
            }
        }
    }
}

/// The inverse of an orthogonal matrix is its transpose, bit for bit where rows alone are exchanged.
#[test]
fn permutations_are_exact() {
    for n in [5, 16, 130, 400] {
        // Steps that have no divisor in common with n.
        let step = (2..).find(|s| (1..=n).filter(|d| n % d == 0 && s % d == 0).count() == 1).unwrap();
        let a = real(n, |i, j| f64::from(u8::from((i * step + 3) % n == j)));
        let a = array(a, DType::F64, 41);
        let cx = &contexts()[0];
        let want = elements(&cx.compute(a.t()).unwrap());
        assert_eq!(elements(&cx.compute(a.inv()).unwrap()), want, "{n}");
        let (p, l, u) = a.lu();
        assert_eq!(elements(&cx.compute(p).unwrap()), elements(&cx.compute(a.clone()).unwrap()));
        assert!(elements(&cx.compute(&l - &u).unwrap()).iter().all(|x| x.norm() == 0.0));
        assert_eq!(elements(&cx.compute(a.det()).unwrap())[0].norm(), 1.0);
    }
}

/// Wilkinson's matrix, whose last column doubles with each pivot although all are 1: ties go to the first.
#[test]
fn growth_is_what_partial_pivoting_lets_it_be() {
    let n = 50;
    let wilkinson = real(n, |i, j| match (i.cmp(&j), j == n - 1) {
        (std::cmp::Ordering::Less, false) => 0.0,
        (std::cmp::Ordering::Greater, _) => -1.0,
        _ => 1.0,
    });
    let cx = &contexts()[0];
    let a = array(wilkinson, DType::F64, 20);
    let (p, _, u) = a.lu();
    let p = elements(&cx.compute(p).unwrap());
    assert!((0..n).all(|i| p[i * n + i].re == 1.0));
    let u = elements(&cx.compute(u).unwrap());
    assert_eq!(u[n * n - 1].re, 2f64.powi(n as i32 - 1));
    let (sign, logarithm) = a.slogdet();
    assert_eq!(elements(&cx.compute(sign).unwrap())[0].re, 1.0);
    let logarithm = elements(&cx.compute(logarithm).unwrap())[0].re;
    assert!((logarithm - (n as f64 - 1.0) * 2f64.ln()).abs() < 1e-12);
}

#[test]
fn determinants_have_signs_and_sizes() {
    let cx = &contexts()[0];
    let value = |x: Array| elements(&cx.compute(x).unwrap())[0];
    for n in [1, 2, 20, 300] {
        // A cycle of n rows is n - 1 exchanges; the diagonal is 1, 2, 3, ..
        let a = real(n, |i, j| if (i + 1) % n == j { 1.0 + i as f64 } else { 0.0 });
        let (sign, logarithm) = array(a.clone(), DType::F64, 7).slogdet();
        let want: f64 = (1..=n).map(|i| (i as f64).ln()).sum();
        assert_eq!(value(sign).re, if n % 2 == 1 { 1.0 } else { -1.0 });
        assert!((value(logarithm).re - want).abs() < 1e-12 * want.max(1.0));
        let (sign, _) = array(a.mapv(|x| x * Complex64::i()), DType::C128, 7).slogdet();
        let want = Complex64::i().powu(n as u32) * if n % 2 == 1 { 1.0 } else { -1.0 };
        assert!((value(sign) - want).norm() < 1e-12, "{n}");
    }
    // Of whole numbers, and of a product that no double holds on the way.
    let whole = array(real(2, |i, j| (3 * i + 2 * j) as f64), DType::I16, 1);
    assert!((value(whole.det()) + 6.0).norm() < 1e-14);
    let far = real(4, |i, j| if i == j { [1e200, 1e200, 1e-200, 1e-200][i] } else { 0.0 });
    assert!((value(array(far, DType::F64, 4).det()).re - 1.0).abs() < 1e-10);
}

#[test]
fn what_is_singular_is_told() {
    for (n, bad) in [(1, 0), (3, 2), (40, 17), (300, 0), (300, 140), (300, 299)] {
        // The column is a multiple of the one before it, or nothing.
        let mut a = random(&[n, n], DType::F64, 3);
        for i in 0..n {
            a[[i, bad]] = Complex64::default();
        }
        let a = array(a, DType::F64, 64);
        let b = array(random(&[n], DType::F64, 4), DType::F64, 64);
        for cx in contexts() {
            for (op, x) in [("solve", a.solve(&b)), ("inv", a.inv())] {
                let fault = cx.compute(x).unwrap_err();
                assert!(matches!(fault.kind(), ErrorKind::Numerical { op: o, .. } if o == op), "{fault}");
                let column = format!("{op}: Singular matrix: nothing but 0 is left for the pivot of column {bad}");
                assert!(fault.to_string().contains(&column), "{fault}");
            }
            assert_eq!(elements(&cx.compute(a.det()).unwrap()), [Complex64::default()]);
            let (sign, logarithm) = a.slogdet();
            assert_eq!(elements(&cx.compute(sign).unwrap())[0].re, 0.0);
            assert_eq!(elements(&cx.compute(logarithm).unwrap())[0].re, f64::NEG_INFINITY);
        }
    }
    let mut stack = random(&[2, 3, 4, 4], DType::F64, 9);
    for k in 0..4 {
        stack[[1, 2, 3, k]] = stack[[1, 2, 0, k]];
    }
    let stack = array(stack, DType::F64, 3);
    for cx in contexts() {
        let fault = cx.compute(stack.inv()).unwrap_err().to_string();
        assert!(fault.contains("of column 3") && fault.contains("matrix (1, 2) of the stack"), "{fault}");
        let determinants = elements(&cx.compute(stack.det()).unwrap());
        assert!((0..6).all(|i| (determinants[i].re == 0.0) == (i == 5)));
    }
}

#[test]
fn what_is_no_number_stays_that() {
    for n in [2, 16, 17, 300] {
        let mut a = random(&[n, n], DType::F64, 1);
        a[[n - 1, 0]] = Complex64::new(f64::NAN, 0.0);
        let a = array(a, DType::F64, 100);
        let cx = &contexts()[0];
        assert!(elements(&cx.compute(a.det()).unwrap())[0].re.is_nan());
        assert!(elements(&cx.compute(a.inv()).unwrap()).iter().any(|x| x.re.is_nan()));
    }
    // Nothing but it is left for a pivot.
    let a = real(20, |i, j| if i == j { 1.0 } else { 0.0 } * if i == 7 { f64::NAN } else { 1.0 });
    assert!(contexts()[0].compute(array(a, DType::F64, 20).inv()).is_ok());
}

#[test]
fn stacks_vectors_and_nothing() {
    let cx = &contexts()[0];
    for n in [1, 5, 40, 270] {
        let (a, b) = (random(&[2, 3, n, n], DType::F64, 1), random(&[3, n, 2], DType::F64, 2));
        let got = cx.compute(array(a.clone(), DType::F64, 33).solve(&array(b.clone(), DType::F64, 20))).unwrap();
        assert_eq!(got.block().shape(), [2, 3, n, 2]);
        let all = elements(&got);
        for (s, (i, j)) in (0..2).flat_map(|i| (0..3).map(move |j| (i, j))).enumerate() {
            let part = |x: &ArrayD<Complex64>, at: &[usize]| {
                let mut view = x.view();
                at.iter().for_each(|&i| view.index_axis_inplace(ndarray::Axis(0), i));
                view.to_owned()
            };
            let one = array(part(&a, &[i, j]), DType::F64, 50).solve(&array(part(&b, &[j]), DType::F64, 50));
            assert_eq!(elements(&cx.compute(one).unwrap()), all[s * 2 * n..(s + 1) * 2 * n], "{n}");
        }
        // One vector for all matrices, and one matrix for a stack of right-hand sides.
        let v = random(&[n], DType::F64, 3);
        let stack = array(a.clone(), DType::F64, 33);
        let got = cx.compute(stack.solve(&array(v.clone(), DType::F64, 7))).unwrap();
        assert_eq!(got.block().shape(), [2, 3, n]);
        let column = v.into_shape_with_order(vec![n, 1]).unwrap();
        let same = cx.compute(stack.solve(&array(column, DType::F64, 7))).unwrap();
        assert_eq!(elements(&got), elements(&same));
        let one = array(random(&[n, n], DType::F64, 8), DType::F64, 7);
        let got = cx.compute(one.solve(&array(b, DType::F64, 9))).unwrap();
        assert_eq!(got.block().shape(), [3, n, 2]);
    }
    let none = |shape: &[usize]| Array::filled(shape, Scalar::Int(1), DType::F32, None).unwrap();
    for (a, b) in [(&[0, 0][..], &[0, 3][..]), (&[4, 0, 0], &[0]), (&[0, 3, 3], &[3, 2]), (&[3, 3], &[3, 0])] {
        let x = none(a).try_solve(&none(b)).unwrap();
        assert_eq!(Some(cx.compute(x.clone()).unwrap().block().shape().to_vec()), x.shape().known().ok());
    }
    let ones = cx.compute(none(&[2, 0, 0]).det()).unwrap();
    assert_eq!((ones.block().dtype(), elements(&ones)), (DType::F32, vec![Complex64::new(1.0, 0.0); 2]));
    let (_, l, _) = none(&[0, 0]).lu();
    assert_eq!(cx.compute(l).unwrap().block().shape(), [0, 0]);
}

#[test]
fn dtypes_shapes_and_refusals() {
    let of = |shape: &[usize], dtype| Array::filled(shape, Scalar::Int(1), dtype, None).unwrap();
    for (a, b, want) in [
        (DType::F32, DType::F32, DType::F32),
        (DType::F32, DType::I8, DType::F64),
        (DType::Bool, DType::U16, DType::F64),
        (DType::C64, DType::F64, DType::C128),
        (DType::F32, DType::C64, DType::C64),
    ] {
        assert_eq!(of(&[2, 2], a).try_solve(&of(&[2], b)).unwrap().dtype(), want);
    }
    let (sign, logarithm) = of(&[2, 2], DType::C64).slogdet();
    assert_eq!((sign.dtype(), logarithm.dtype()), (DType::C64, DType::F32));
    let refused = |a: &[usize], b: &[usize]| of(a, DType::F64).try_solve(&of(b, DType::F64)).unwrap_err().to_string();
    assert_eq!(refused(&[2, 3], &[2]), "solve: the last two axes of shape (2, 3) are not a square");
    assert_eq!(refused(&[4], &[4]), "solve: an array of shape (4,) is no matrix");
    let why = "solve: matrices of shape (3, 3) do not fit right-hand sides of shape (2, 3)";
    assert_eq!(refused(&[3, 3], &[2, 3]), why);
    assert_eq!(refused(&[3, 3], &[]), "solve: matrices of shape (3, 3) do not fit right-hand sides of shape ()");
    // A stack of vectors is a matrix.
    assert!(refused(&[3, 4, 4], &[3, 4]).contains("do not fit"));
    assert!(refused(&[2, 3, 3], &[4, 3, 1]).contains("solve"));
    let half = of(&[2, 2], DType::F16).try_solve(&of(&[2], DType::F64)).unwrap_err();
    assert_eq!(half.to_string(), "solve: array type float16 is unsupported in linalg");
}

#[test]
fn tensors_are_matrices() {
    let cx = &contexts()[0];
    let a = array(random(&[2, 3, 6], DType::F64, 1), DType::F64, 2);
    let b = array(random(&[2, 3], DType::F64, 2), DType::F64, 2);
    let flat = a.reshape(&[6, 6]).solve(&b.reshape(&[6]));
    let x = solve::tensorsolve(a.expr(), b.expr(), &[]).unwrap();
    assert_eq!(elements(&cx.compute(Array::from_expr(x)).unwrap()), elements(&cx.compute(flat).unwrap()));
    let inverse = Array::from_expr(solve::tensorinv(a.expr(), 2).unwrap());
    assert_eq!(inverse.shape().known().unwrap(), [6, 2, 3]);
    let want = elements(&cx.compute(a.reshape(&[6, 6]).inv()).unwrap());
    assert_eq!(elements(&cx.compute(inverse).unwrap()), want);
    assert!(solve::tensorinv(a.expr(), 0).is_err() && solve::tensorinv(a.expr(), 1).is_err());
}

/// 700 by 700: six tiles, in panels of one, some and all.
#[test]
fn threads_panels_and_memory_do_not_change_a_bit() {
    let a = array(random(&[700, 700], DType::F64, 1), DType::F64, 200);
    let b = array(random(&[700, 600], DType::F64, 2), DType::F64, 130);
    let (_, l, _) = a.lu();
    let asked = [a.solve(&b), a.inv(), l, a.det()];
    let build = |threads: usize| Context::builder().threads(threads).device("cpu");
    let all = |cx: &Context| -> Vec<Computed> { asked.iter().map(|x| cx.compute(x.clone()).unwrap()).collect() };
    let want = all(&build(1).build().unwrap());
    for cx in [
        build(4).build().unwrap(),
        build(3).block_bytes(1).build().unwrap(),
        build(2).block_bytes(1 << 20).build().unwrap(),
        build(2).memory("12MiB").build().unwrap(),
        build(2).unoptimized().build().unwrap(),
    ] {
        for (x, want) in asked.iter().zip(&want) {
            assert!(cx.compute(x.clone()).unwrap().block().bytes() == want.block().bytes(), "{cx:?}");
            let report = cx.report();
            assert!(report.peak_bytes <= report.projected_bytes, "{cx:?}: {} lived", report.peak_bytes);
            assert!(report.projected_bytes <= cx.memory().budget(), "{cx:?}");
        }
    }
}

/// 1400 by 1400 doubles, 15 MiB, in 11 MiB; from stored arrays to another.
#[test]
fn a_matrix_that_memory_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let roomy = Context::builder().threads(2).memory("1GiB").device("cpu").build().unwrap();
    let a = array(random(&[1400, 1400], DType::F64, 1), DType::F64, 500);
    let b = array(random(&[1400, 2], DType::F64, 2), DType::F64, 500);
    let want = roomy.compute(a.solve(&b)).unwrap();
    roomy.compute((a.store(path("a.npy"), Create::new()), b.store(path("b.npy"), Create::new()))).unwrap();
    let small = Context::builder().threads(2).memory("11MiB").device("cpu").build().unwrap();
    let x = small.open(path("a.npy")).unwrap().solve(&small.open(path("b.npy")).unwrap());
    let got = small.compute(x.clone()).unwrap();
    assert!(got.block().bytes() == want.block().bytes());
    let report = small.report();
    let (peak, projected, budget) = (report.peak_bytes, report.projected_bytes, small.memory().budget());
    assert!(peak <= projected, "{peak} bytes lived, {projected} were projected");
    assert!(projected <= budget, "{projected} bytes projected, the budget is {budget}");
    assert!(report.bytes_unspilled > 0 && report.bytes_spilled >= 8 * 1400 * 1400);
    assert!(small.explain(x.clone(), Stage::Fused).unwrap().contains("-> spilled"));
    // A column of tiles of full height has to fit.
    let tiny = Context::builder().threads(2).memory("9MiB").device("cpu").build().unwrap();
    let fault = tiny.compute(x).unwrap_err();
    assert!(matches!(fault.kind(), ErrorKind::Memory { op, .. } if op.starts_with("lu")), "{fault}");
    // One of the inverse's columns after another.
    let (inverse, want) = (path("inverse.npy"), roomy.compute(a.inv()).unwrap());
    small.compute(small.open(path("a.npy")).unwrap().inv().store(&inverse, Create::new())).unwrap();
    assert!(roomy.compute(roomy.open(&inverse).unwrap()).unwrap().block().bytes() == want.block().bytes());
    assert!(largest(&elements(&want)) > 0.0);
}

#[test]
fn a_run_that_is_cancelled_ends() {
    let cx = Context::builder().threads(2).block_bytes(1).device("cpu").build().unwrap();
    cx.cancel_token().cancel();
    let a = array(random(&[600, 600], DType::F64, 1), DType::F64, 70);
    let fault = cx.compute(a.inv()).unwrap_err();
    assert!(matches!(fault.kind(), ErrorKind::Cancelled), "{fault}");
}
