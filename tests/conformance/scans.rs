//! Running results against a plain loop, along every axis, over many chunkings, in small and in usual blocks.

use super::{contexts, elements};
use hyperslab::dtype::DType;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Axis, IxDyn};
use num_complex::Complex64;

/// Values in quarters, so that sums of them are exact in every dtype.
fn values(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 7u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from((state >> 33) % 64).unwrap()) / 4.0 - 6.0
    })
}

/// What a loop along `axis` gives.
fn by_hand(x: &ArrayD<f64>, axis: usize, next: fn(f64, f64) -> f64) -> ArrayD<f64> {
    let mut out = x.clone();
    for mut lane in out.lanes_mut(Axis(axis)) {
        for i in 1..lane.len() {
            lane[i] = next(lane[i - 1], lane[i]);
        }
    }
    out
}

type Rule = (&'static str, fn(f64, f64) -> f64);

const RULES: [Rule; 3] = [
    ("cumsum", |a, b| a + b),
    ("maximum.accumulate", |a, b| if a > b || a.is_nan() { a } else { b }),
    ("minimum.accumulate", |a, b| if a < b || a.is_nan() { a } else { b }),
];

fn array(x: &ArrayD<f64>, chunk: &[isize]) -> Array {
    Context::default().from_ndarray(x.clone()).unwrap().into_dyn().try_rechunk(chunk).unwrap()
}

#[test]
fn every_axis_in_every_chunking() {
    let shapes: [(&[usize], &[&[isize]]); 5] = [
        (&[700], &[&[-1], &[1], &[256], &[300]]),
        (&[40, 3], &[&[-1, -1], &[7, 2], &[1, 1]]),
        (&[3, 600], &[&[-1, -1], &[2, 250], &[1, 7]]),
        (&[5, 1, 300], &[&[-1, -1, -1], &[2, 1, 128]]),
        (&[6, 70, 5], &[&[-1, -1, -1], &[4, 33, 2], &[1, 1, 5]]),
    ];
    for (shape, chunkings) in shapes {
        let x = values(shape);
        for (name, next) in RULES {
            for axis in 0..shape.len() {
                let want = by_hand(&x, axis, next);
                for chunk in chunkings {
                    for cx in contexts() {
                        let scanned = array(&x, chunk).try_scan(name, axis.cast_signed(), None).unwrap();
                        let got = cx.compute(scanned).unwrap();
                        assert_eq!(
                            got.to_ndarray::<f64>().unwrap(),
                            want,
                            "{name} along {axis} of {shape:?} in {chunk:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_reads_a_scan_sees_it_whole() {
    let x = values(&[50, 30]);
    let mapped = &x * 2.0 - 1.0;
    let want = by_hand(&mapped, 0, |a, b| a + b);
    for cx in contexts() {
        let scanned = (array(&x, &[8, 7]) * 2.0 - 1.0).cumsum(0);
        let (late, total, turned) =
            cx.compute((scanned.slice(ndarray::s![40.., 3..5]), scanned.max(..), scanned.t() + 0.0)).unwrap();
        assert_eq!(late.to_ndarray::<f64>().unwrap(), want.slice(ndarray::s![40.., 3..5]).into_dyn());
        let largest = want.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(total.to_ndarray::<f64>().unwrap()[IxDyn(&[])], largest);
        assert_eq!(turned.to_ndarray::<f64>().unwrap(), want.t().into_dyn());
        // A scan of a scan.
        let twice = cx.compute(scanned.cumsum(1)).unwrap();
        assert_eq!(twice.to_ndarray::<f64>().unwrap(), by_hand(&want, 1, |a, b| a + b));
    }
}

#[test]
fn integers_widen_and_wrap_and_truth_is_counted() {
    let cx = &contexts()[1];
    let bytes = ArrayD::from_shape_vec(vec![600], (0..600u32).map(|i| (i % 251) as u8).collect()).unwrap();
    let small = cx.from_ndarray(bytes.clone()).unwrap().rechunk(&[17]);
    let sums: Vec<u64> = bytes
        .iter()
        .scan(0u64, |sum, &v| {
            *sum += u64::from(v);
            Some(*sum)
        })
        .collect();
    assert_eq!(cx.compute(small.cumsum(0)).unwrap().as_slice().unwrap(), sums);
    let products: Vec<u64> = bytes
        .iter()
        .scan(1u64, |product, &v| {
            *product = product.wrapping_mul(u64::from(v) | 1);
            Some(*product)
        })
        .collect();
    let odd = small.cast::<u64>().bitwise_or(1u64);
    assert_eq!(cx.compute(odd.cumprod(0)).unwrap().as_slice().unwrap(), products);
    let truths = small.into_dyn().greater(100).cumsum(0);
    assert_eq!(truths.dtype(), DType::I64);
    let count = bytes.iter().filter(|&&v| v > 100).count();
    assert_eq!(elements(&cx.compute(truths).unwrap())[599].re as usize, count);
}

#[test]
fn nan_zero_signs_and_emptiness() {
    let nan = f64::NAN;
    let given = vec![-0.0, -0.0, 1.0, nan, 2.0, f64::INFINITY, -3.0];
    for chunk in [1, 2, 3, 7] {
        for cx in contexts() {
            let data = ArrayD::from_shape_vec(vec![7], given.clone()).unwrap();
            let x = cx.from_ndarray(data).unwrap().rechunk(&[chunk]);
            let bits = |a: Array<f64>| -> Vec<u64> {
                cx.compute(a).unwrap().as_slice().unwrap().iter().map(|v| v.to_bits()).collect()
            };
            let sums = cx.compute(x.cumsum(0)).unwrap();
            let sums = sums.as_slice().unwrap();
            assert_eq!(sums[0].to_bits(), (-0.0f64).to_bits());
            assert_eq!(sums[2], 1.0);
            assert!(sums[3..].iter().all(|v| v.is_nan()));
            let inf = f64::INFINITY;
            let filled = [-0.0, -0.0, 1.0, 1.0, 3.0, inf, inf];
            assert_eq!(bits(x.nancumsum(0)), filled.map(f64::to_bits));
            let largest = cx.compute(x.cummax(0)).unwrap();
            assert_eq!(&largest.as_slice().unwrap()[..3], &[0.0, 0.0, 1.0]);
            assert!(largest.as_slice().unwrap()[3..].iter().all(|v| v.is_nan()));
            let products = cx.compute(x.nancumprod(0)).unwrap();
            assert!(products.as_slice().unwrap()[5..].iter().all(|v| v.is_nan()), "0 times infinity");
            for shape in [[0, 4], [4, 0]] {
                let empty = cx.zeros::<f32>(&shape).unwrap().cumsum(0);
                assert_eq!(cx.compute(empty).unwrap().shape(), shape);
            }
        }
    }
    // Infinity by itself stays what it is, also as a complex number.
    let cx = Context::default();
    let one =
        ArrayD::from_shape_vec(vec![2], vec![Complex64::new(f64::INFINITY, 0.0), Complex64::new(1.0, 0.0)]).unwrap();
    let x = cx.from_ndarray(one).unwrap();
    assert_eq!(cx.compute(x.cumprod(0)).unwrap().as_slice().unwrap()[0], Complex64::new(f64::INFINITY, 0.0));
}

#[test]
fn narrow_floats_add_up_in_wide_ones() {
    let cx = &contexts()[0];
    let n = 100_000;
    let x = cx.full(&[n], 0.1f32).unwrap().rechunk(&[999]);
    let sums = cx.compute(x.cumsum(0)).unwrap();
    for (i, &sum) in sums.as_slice().unwrap().iter().enumerate() {
        let want = (f64::from(0.1f32) * (i + 1) as f64) as f32;
        assert!((sum - want).abs() <= want * f32::EPSILON, "element {i}: {sum}, not {want}");
    }
}

#[test]
fn a_scan_goes_along_one_axis() {
    let x = Context::default().zeros::<f64>(&[2, 3]).unwrap();
    let refused = x.try_scan("cumsum", .., None).unwrap_err().to_string();
    assert!(refused.contains("cumsum") && refused.contains("one axis, not 2 of (2, 3)"), "{refused}");
    let refused = x.try_scan("cumsum", 2, None).unwrap_err().to_string();
    assert!(refused.contains("axis 2 is out of bounds"), "{refused}");
    assert!(x.try_scan("cumdiv", 0, None).unwrap_err().to_string().contains("no scan `cumdiv`"));
}
