//! Products of matrices against plain loops, over shapes, chunks and dtypes; the same bits whatever the blocks.

use super::{contexts, elements};
use hyperslab::array::blocks::BlockFn;
use hyperslab::dtype::DType;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::linalg::contraction::tensordot;
use hyperslab::linalg::matmul::dot;
use hyperslab::{Array, Context};
use ndarray::ArrayD;
use num_complex::Complex64;

/// Small whole numbers, so that sums of products are exact in every dtype.
fn array(shape: &[usize], seed: u64, dtype: DType, chunk: usize) -> Array {
    let mut state = seed;
    let values = ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % 7).unwrap() - if dtype.is_inexact() { 3 } else { 0 }
    });
    let x = Context::default().from_ndarray(values).unwrap().into_dyn().astype(dtype);
    let chunks: Vec<isize> = shape.iter().map(|&n| chunk.min(n.max(1)).cast_signed()).collect();
    if shape.contains(&0) { x } else { x.try_rechunk(&chunks).unwrap() }
}

fn values(x: &Array) -> Vec<Complex64> {
    elements(&Context::default().compute(x.clone()).unwrap())
}

/// The product of two matrices, element by element.
fn by_hand(a: &[Complex64], b: &[Complex64], [m, k, n]: [usize; 3]) -> Vec<Complex64> {
    let mut out = vec![Complex64::default(); m * n];
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
        }
    }
    out
}

#[test]
fn shapes_and_chunks() {
    for sides in
        [[1, 1, 1], [3, 4, 5], [1, 9, 4], [6, 5, 1], [40, 70, 30], [2, 600, 3], [0, 3, 2], [3, 0, 2], [3, 2, 0]]
    {
        let [m, k, n] = sides;
        for chunk in [2, 13, 1000] {
            let a = array(&[m, k], 1, DType::F64, chunk);
            let b = array(&[k, n], 2, DType::F64, chunk + 3);
            let want = by_hand(&values(&a), &values(&b), sides);
            for cx in contexts() {
                let got = cx.compute(a.matmul(&b)).unwrap();
                assert_eq!(got.block().shape(), [m, n]);
                assert_eq!(elements(&got), want, "{sides:?} in {chunk}");
            }
        }
    }
}

#[test]
fn every_dtype() {
    let sides = [20, 30, 25];
    for dtype in DType::ALL {
        let (a, b) = (array(&[20, 30], 3, dtype, 7), array(&[30, 25], 4, dtype, 11));
        let want = by_hand(&values(&a), &values(&b), sides);
        // What the dtype makes of whole numbers: integers wrap, truth is truth.
        let want: Vec<Complex64> = want
            .iter()
            .map(|v| {
                #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
                let exact = if dtype.is_complex() { Scalar::Complex(*v) } else { Scalar::Int(v.re as i128) };
                Scalar::from_bytes(dtype, &exact.to_bytes(dtype)).to_c64()
            })
            .collect();
        for cx in contexts() {
            let got = cx.compute(a.matmul(&b)).unwrap();
            assert_eq!(got.block().dtype(), dtype);
            assert_eq!(elements(&got), want, "{dtype}");
        }
    }
    let mixed = array(&[3, 4], 3, DType::I32, 7).matmul(&array(&[4, 2], 4, DType::F32, 7));
    assert_eq!(mixed.dtype(), DType::F64);
}

#[test]
fn bytes_wrap() {
    let ones = Array::filled(&[2, 300], Scalar::Int(1), DType::I8, Some(&[1, 50])).unwrap();
    let got = contexts()[1].compute(ones.matmul(&ones.t())).unwrap();
    assert_eq!(got.to_ndarray::<i8>().unwrap().as_slice().unwrap(), &[44; 4]);
}

/// Numbers that round, in a product that is cut in every way.
#[test]
fn blocks_and_views_do_not_change_a_bit() {
    let wave = |shape: &[usize], chunk: &[isize]| {
        let n: usize = shape.iter().product();
        let x = Context::default().linspace(0.0, 300.0, n).unwrap().sin();
        let data = Context::default().compute(x).unwrap().into_shape_with_order(shape.to_vec()).unwrap();
        Context::default().from_ndarray(data).unwrap().into_dyn().try_rechunk(chunk).unwrap()
    };
    for dtype in [DType::F64, DType::F32, DType::F16, DType::C64] {
        let a = wave(&[700, 610], &[123, 200]).astype(dtype);
        let b = wave(&[530, 610], &[100, 77]).astype(dtype).t();
        let product = a.matmul(&b);
        let bytes = |cx: &Context, x: Array| cx.compute(x).unwrap().block().bytes().to_vec();
        let build = |threads: usize| Context::builder().threads(threads).device("cpu");
        let one = build(1).build().unwrap();
        let want = bytes(&one, product.clone());
        for cx in [
            build(3).block_bytes(100_000).build().unwrap(),
            build(2).memory("20MiB").build().unwrap(),
            build(2).unoptimized().build().unwrap(),
        ] {
            assert!(bytes(&cx, product.clone()) == want, "{dtype}");
        }
        // Through a view: parts of cells, transposed.
        let part = ndarray::s![100..613;7, ..;-1];
        let whole = one.compute(product.clone()).unwrap();
        let size = dtype.size();
        let turned = one.compute(product.slice(part).t()).unwrap();
        for (row, i) in (100..613).step_by(7).enumerate() {
            for j in 0..530 {
                let at = |block: &hyperslab::array::compute::Computed, k: usize| {
                    block.block().bytes()[k * size..(k + 1) * size].to_vec()
                };
                assert_eq!(at(&turned, (529 - j) * 74 + row), at(&whole, i * 530 + j), "{dtype} at {i}, {j}");
            }
        }
    }
}

#[test]
fn long_sums_for_few_outputs_are_cut_and_added_up() {
    let n = 300_000;
    let x = array(&[n, 4], 9, DType::F64, 10_000).try_rechunk(&[10_000, 4]).unwrap();
    let data = values(&x);
    let mut want = vec![Complex64::default(); 16];
    for row in data.chunks_exact(4) {
        for i in 0..4 {
            for j in 0..4 {
                want[4 * i + j] += row[i] * row[j];
            }
        }
    }
    let product = x.t().matmul(&x);
    for cx in contexts() {
        assert_eq!(elements(&cx.compute(product.clone()).unwrap()), want);
    }
    for dtype in [DType::Bool, DType::U8, DType::F16] {
        let y = array(&[n, 3], 9, dtype, 10_000);
        let got = contexts()[0].compute(y.t().matmul(&y)).unwrap();
        assert_eq!(got.block().dtype(), dtype);
        if dtype == DType::Bool {
            assert!(elements(&got).iter().all(|v| v.re == 1.0));
        }
    }
}

#[test]
fn stacks_are_broadcast_and_vectors_are_rows_or_columns() {
    let cx = &contexts()[1];
    let (a, b) = (array(&[3, 1, 4, 5], 5, DType::I64, 2), array(&[2, 5, 6], 6, DType::I64, 3));
    let got = cx.compute(a.matmul(&b)).unwrap();
    assert_eq!(got.block().shape(), [3, 2, 4, 6]);
    let (va, vb, vc) = (values(&a), values(&b), elements(&got));
    for i in 0..3 {
        for j in 0..2 {
            let want = by_hand(&va[i * 20..(i + 1) * 20], &vb[j * 30..(j + 1) * 30], [4, 5, 6]);
            assert_eq!(vc[(2 * i + j) * 24..][..24], want, "{i}, {j}");
        }
    }
    let v = array(&[5], 7, DType::I64, 2);
    let shape = |x: &Array| x.shape().known().unwrap();
    assert_eq!(shape(&v.matmul(&v)), Vec::<usize>::new());
    assert_eq!(shape(&a.matmul(&v)), [3, 1, 4]);
    assert_eq!(shape(&v.matmul(&b)), [2, 6]);
    let row = cx.compute(v.matmul(&b)).unwrap();
    assert_eq!(elements(&row)[6..], by_hand(&values(&v), &vb[30..], [1, 5, 6]));
}

#[test]
fn dot_and_tensordot_place_axes_as_numpy_does() {
    let cx = &contexts()[0];
    let (a, b) = (array(&[2, 3, 4], 5, DType::I64, 2), array(&[5, 4, 6], 6, DType::I64, 3));
    let (va, vb) = (values(&a), values(&b));
    let got = cx.compute(Array::from_expr(dot(a.expr(), b.expr()).unwrap())).unwrap();
    assert_eq!(got.block().shape(), [2, 3, 5, 6]);
    let got = elements(&got);
    for (at, value) in got.iter().enumerate() {
        let (ij, l, m) = (at / 30, at / 6 % 5, at % 6);
        let want: Complex64 = (0..4).map(|k| va[4 * ij + k] * vb[24 * l + 6 * k + m]).sum();
        assert_eq!(*value, want, "{at}");
    }
    // Over axes 0 and 2 of one, 1 and 0 of the other.
    let c = array(&[4, 2, 3], 8, DType::I64, 2);
    let vc = values(&c);
    let got = cx.compute(Array::from_expr(tensordot(a.expr(), c.expr(), &[0, 2], &[1, 0]).unwrap())).unwrap();
    assert_eq!(got.block().shape(), [3, 3]);
    for (at, value) in elements(&got).iter().enumerate() {
        let (j, m) = (at / 3, at % 3);
        let want: Complex64 = (0..2)
            .flat_map(|i| (0..4).map(move |k| (i, k)))
            .map(|(i, k)| va[12 * i + 4 * j + k] * vc[6 * k + 3 * i + m])
            .sum();
        assert_eq!(*value, want, "{at}");
    }
}

#[test]
fn a_product_reads_products() {
    let cx = &contexts()[1];
    let a = array(&[30, 30], 5, DType::I64, 8);
    let v = values(&a);
    let square = by_hand(&v, &v, [30; 3]);
    let cube = by_hand(&square, &v, [30; 3]);
    let product = a.matmul(&a).matmul(&a);
    assert_eq!(elements(&cx.compute(product).unwrap()), cube);
    let both = a.matmul(&a) - a.matmul(&a).max(0);
    assert_eq!(cx.compute(both.max(..)).unwrap().to_ndarray::<i64>().unwrap()[[]], 0);
}

#[test]
fn a_product_reads_functions_and_scans() {
    let a = array(&[30, 24], 5, DType::F64, 8).try_typed::<f64>().unwrap();
    let twice = a.map_blocks(&BlockFn::new(|block| &block * 2.0)).into_dyn();
    let sums = a.cumsum(0).into_dyn();
    let (va, vs) = (values(&a.clone().into_dyn()), values(&sums));
    let doubled: Vec<Complex64> = va.iter().map(|v| v * 2.0).collect();
    let turned: Vec<Complex64> = (0..24 * 30).map(|i| vs[i % 30 * 24 + i / 30]).collect();
    let want = by_hand(&doubled, &turned, [30, 24, 30]);
    for cx in contexts() {
        assert_eq!(elements(&cx.compute(twice.matmul(&sums.t())).unwrap()), want);
    }
}

#[test]
fn what_does_not_multiply_is_refused() {
    let (a, b) = (array(&[3, 4], 1, DType::F64, 9), array(&[5, 6], 1, DType::F64, 9));
    let refused = a.try_matmul(&b).unwrap_err().to_string();
    assert!(refused.contains("(3, 4) and (5, 6) do not multiply: 4 and 5 differ"), "{refused}");
    let number = array(&[], 1, DType::F64, 9);
    assert!(a.try_matmul(&number).unwrap_err().to_string().contains("a number is no matrix"));
    let (a, b) = (array(&[2, 3, 4], 1, DType::F64, 9), array(&[3, 4, 5], 1, DType::F64, 9));
    assert!(a.try_matmul(&b).unwrap_err().to_string().contains("do not broadcast"));
}
