//! Sums and moments that a naive loop gets wrong.

use super::contexts;
use hyperslab::array::creation;
use hyperslab::dtype::DType;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::{Array, Context};

/// `0, 1, ..., n - 1` in chunks.
fn index(n: i128, chunk: usize) -> Array {
    creation::arange(Scalar::Int(0), Scalar::Int(n), Scalar::Int(1), None, Some(chunk)).unwrap()
}

fn one(cx: &Context, x: Array) -> f64 {
    cx.compute(x.astype(DType::F64)).unwrap().to_ndarray::<f64>().unwrap()[[]]
}

#[test]
fn the_variance_of_small_noise_on_a_large_mean() {
    // 1e9 + (0, 1, 2, 3): exactly 1.25 and its root, where E[x²] - E[x]² gives 0 or less.
    for chunk in [7, 1000, 40_000] {
        let noise = index(40_000, chunk).try_binary(hyperslab::op::elementwise::ElementOp::Remainder, 4).unwrap();
        let x = noise.astype(DType::F64) + 1e9;
        for cx in contexts().into_iter().take(1) {
            assert!((one(&cx, x.var(..)) - 1.25).abs() < 1e-12, "chunks of {chunk}");
            assert!((one(&cx, x.std(..)) - 1.25f64.sqrt()).abs() < 1e-12);
            assert_eq!(one(&cx, x.mean(..)), 1e9 + 1.5);
        }
    }
}

#[test]
fn the_variance_of_float32_is_taken_in_float64() {
    let x = (index(1 << 16, 1000).try_binary(hyperslab::op::elementwise::ElementOp::Remainder, 2).unwrap()
        + Scalar::Int(1 << 20))
    .astype(DType::F32);
    assert_eq!(one(&contexts()[0], x.var(..)), 0.25);
}

#[test]
fn long_sums_of_float32_do_not_stall() {
    // A running float32 sum of ones stops at 2^24.
    let n = (1 << 24) + 100_000;
    let x = Array::filled(&[n], Scalar::Int(1), DType::F32, Some(&[1 << 20])).unwrap();
    let cx = &contexts()[0];
    assert_eq!(one(cx, x.sum(..)), n as f32 as f64);
    assert_eq!(one(cx, x.mean(..)), 1.0);
    // 0.1 in float32 is 0.100000001490116; the sum of a million is off by no more than its own rounding.
    let x = Array::filled(&[1_000_000], Scalar::Float(0.1), DType::F32, Some(&[3000])).unwrap();
    assert_eq!(one(cx, x.sum(..)), (1e6 * f64::from(0.1f32)) as f32 as f64);
}

#[test]
fn long_sums_of_float64_keep_fourteen_digits() {
    let x = Array::filled(&[1_000_000], Scalar::Float(0.1), DType::F64, Some(&[1000])).unwrap();
    let got = one(&contexts()[0], x.sum(..));
    // A running sum is off by 1.3e-6, NumPy's by 3e-11, and the double nearest to 0.1 by 6e-13.
    assert!((got - 100_000.0).abs() <= 3e-11, "{got}");
}

/// The sum of these values, exact to the last bit but one.
fn compensated(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for &x in values {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    sum + lost
}

#[test]
fn sums_are_as_good_as_a_pairwise_one_whatever_is_summed_side_by_side() {
    // Numbers of one sign whose roundings agree: errors add up, and do not cancel.
    let n = 300_000;
    let values: Vec<f64> = (0..n).map(|i| 0.1 + 1e-9 * f64::from(i % 7)).collect();
    let exact = compensated(&values);
    let cx = &contexts()[0];
    let x = cx.from_ndarray(ndarray::Array1::from(values).into_dyn()).unwrap();
    let within = |got: f64, adds: f64| (got - exact).abs() <= adds * f64::EPSILON / 2.0 * exact;
    // Sixteen at a time on each of five levels and eight halvings of lanes, at most; a running sum needs 300 000.
    for chunk in [300_000, 4096, 1000] {
        let got = cx.compute(x.rechunk(&[chunk]).sum(..)).unwrap()[[]];
        assert!(within(got, 88.0), "chunks of {chunk}: {got} for {exact}");
    }
    // The same numbers as rows, every lane a column.
    let columns: Vec<f64> = (0..n).flat_map(|i| [0.1 + 1e-9 * f64::from(i % 7); 20]).collect();
    let rows = ndarray::Array2::from_shape_vec((300_000, 20), columns).unwrap().into_dyn();
    let sums = cx.compute(cx.from_ndarray(rows).unwrap().sum(0)).unwrap();
    assert!(sums.iter().all(|&got| within(got, 80.0)), "{:?} for {exact}", sums.first());
}

#[test]
fn sums_of_short_rows_add_sixteen_at_a_time() {
    for n in [31, 60, 255, 256, 300] {
        let row: Vec<f64> = (0..n).map(|i| 0.1 + 1e-9 * f64::from(i % 7)).collect();
        let exact = compensated(&row);
        let rows: Vec<f64> = (0..300).flat_map(|_| row.clone()).collect();
        let x = ndarray::Array2::from_shape_vec((300, row.len()), rows).unwrap().into_dyn();
        for cx in contexts() {
            let x = cx.from_ndarray(x.clone()).unwrap();
            for chunks in [[300, -1], [7, -1], [64, 10]] {
                let sums = cx.compute(x.rechunk(&chunks).sum(1)).unwrap();
                let (first, worst) = (sums[[0]], 31.0 * f64::EPSILON / 2.0 * exact);
                assert!((first - exact).abs() <= worst, "{first} for {exact}, of {n} in {chunks:?}");
                assert!(sums.iter().all(|&sum| sum == first), "every row of {n} gives the same, in {chunks:?}");
            }
        }
    }
}

#[test]
fn float16_sums_do_not_overflow_on_the_way() {
    let x = Array::filled(&[100_000], Scalar::Int(1), DType::F16, Some(&[100])).unwrap();
    let cx = &contexts()[0];
    assert_eq!(one(cx, x.mean(..)), 1.0);
    assert_eq!(one(cx, x.sum(..)), f64::INFINITY, "65504 is the largest, as NumPy has it");
}

#[test]
fn integer_sums_are_exact_and_wrap() {
    let cx = &contexts()[0];
    assert_eq!(one(cx, index(1_000_000, 999).sum(..)), 499_999_500_000.0);
    let bytes = Array::filled(&[70_000], Scalar::Int(255), DType::U8, Some(&[100])).unwrap();
    assert_eq!(one(cx, bytes.sum(..)), 17_850_000.0);
    let large = Array::filled(&[2], Scalar::Int(i64::MAX.into()), DType::I64, Some(&[1])).unwrap();
    assert_eq!(one(cx, large.sum(..)), -2.0);
}

#[test]
fn answers_do_not_depend_on_chunks_that_only_regroup() {
    // The same array behind different execution blocks: the bytes agree.
    let x = index(100_000, 1000).astype(DType::F64).sin();
    let answers: Vec<Vec<u8>> = [1u64 << 10, 1 << 13, 1 << 20]
        .into_iter()
        .map(|bytes| {
            let cx = Context::builder().threads(3).memory("64MiB").block_bytes(bytes).device("cpu").build().unwrap();
            cx.compute(x.std(..)).unwrap().block().bytes().to_vec()
        })
        .collect();
    assert!(answers.iter().all(|a| *a == answers[0]));
}
