//! Texts that NumPy 2.4 printed.

#![expect(clippy::unreadable_literal, reason = "written as NumPy reads them")]

use super::{array, edges, gather, summarised, times};
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{TimeType, Unit};
use num_complex::Complex64;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn block(dtype: &str, shape: &[usize], values: impl IntoIterator<Item = Scalar>) -> Block {
    let dtype: DType = dtype.parse().unwrap();
    let bytes: Vec<u8> = values.into_iter().flat_map(|v| v.to_bytes(dtype)[..dtype.size()].to_vec()).collect();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.bytes_mut().copy_from_slice(&bytes);
    Block::new(dtype, shape, buffer).unwrap()
}

fn counted(dtype: &str, shape: &[usize], value: impl Fn(i32) -> f64) -> Block {
    let size: usize = shape.iter().product();
    block(dtype, shape, (0..i32::try_from(size).unwrap()).map(|i| value(i).into()))
}

#[test]
fn floats_print_as_numpy_prints_them() {
    let cases: &[(&str, &[usize], &[f64], &str)] = &[
        ("float64", &[2, 2], &[1.0, 2.5, -3.0, NAN], "[[ 1.   2.5]\n [-3.   nan]]"),
        (
            "float64",
            &[4],
            &[0.1, 0.3333333333333333, 0.0001, 9.9],
            "[1.00000000e-01 3.33333333e-01 1.00000000e-04 9.90000000e+00]",
        ),
        ("float64", &[2], &[1e-05, 1.0], "[1.e-05 1.e+00]"),
        ("float64", &[3], &[1.0, 1001.0, 123.456], "[1.00000e+00 1.00100e+03 1.23456e+02]"),
        ("float64", &[2], &[100000000.0, 200000000.0], "[1.e+08 2.e+08]"),
        ("float64", &[2], &[99999999.0, 99999998.5], "[99999999.  99999998.5]"),
        ("float64", &[3], &[1e-310, 1e+300, -2.5], "[ 1.0e-310  1.0e+300 -2.5e+000]"),
        ("float64", &[3], &[NAN, INF, -INF], "[ nan  inf -inf]"),
        ("float64", &[3], &[NAN, 1.5, -INF], "[ nan  1.5 -inf]"),
        ("float64", &[2], &[0.0, -0.0], "[ 0. -0.]"),
        ("float64", &[2], &[0.123456789012, 2.0], "[0.12345679 2.        ]"),
        (
            "float64",
            &[9],
            &[
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
                0.3333333333333333,
            ],
            "[0.33333333 0.33333333 0.33333333 0.33333333 0.33333333 0.33333333\n 0.33333333 0.33333333 0.33333333]",
        ),
        ("float32", &[3], &[0.1, 0.3333333333333333, 16777216.0], "[1.0000000e-01 3.3333334e-01 1.6777216e+07]"),
        ("float32", &[2], &[472620.625, 999.0], "[472620.62    999.  ]"),
        ("float32", &[2], &[1.262177448353619e-29, 1.2379400392853803e+27], "[1.2621775e-29 1.2379401e+27]"),
        ("float32", &[2], &[999999.0, 123456.0], "[999999. 123456.]"),
        ("float32", &[1], &[1000000.0], "[1.e+06]"),
        ("float16", &[3], &[0.1, 0.3333333333333333, -7.0], "[ 0.1     0.3333 -7.    ]"),
        ("float16", &[3], &[0.015625, 1.0, 0.5], "[0.01563 1.      0.5    ]"),
        ("float16", &[2], &[1000.0, 1.5], "[1.0e+03 1.5e+00]"),
        ("float16", &[2], &[65504.0, 6e-08], "[6.55e+04 5.96e-08]"),
        ("float64", &[0], &[], "[]"),
        ("float64", &[3, 0], &[], "[]"),
        ("float64", &[], &[1.0], "1.0"),
        ("float64", &[], &[1e+16], "1e+16"),
        ("float64", &[], &[0.0001], "0.0001"),
        ("float64", &[], &[12345.678], "12345.678"),
        ("float64", &[], &[-INF], "-inf"),
        ("float64", &[], &[NAN], "nan"),
        ("float32", &[], &[0.3333333333333333], "0.33333334"),
        ("float32", &[], &[1000000.0], "1e+06"),
        ("float16", &[], &[0.0001], "0.0001"),
        ("float16", &[], &[1000.0], "1e+03"),
    ];
    for (dtype, shape, values, text) in cases {
        let block = block(dtype, shape, values.iter().map(|&v| v.into()));
        assert_eq!(array(&block).unwrap(), *text, "{dtype} {values:?}");
    }
}

#[test]
fn complex_numbers_print_as_numpy_prints_them() {
    type Case<'a> = (&'a str, &'a [usize], &'a [(f64, f64)], &'a str);
    let cases: &[Case<'_>] = &[
        ("complex128", &[2], &[(1.0, 2.0), (-0.5, -1.0)], "[ 1. +2.j -0.5-1.j]"),
        ("complex128", &[2], &[(NAN, 1.0), (0.0, -INF)], "[nan +1.j  0.-infj]"),
        (
            "complex64",
            &[2],
            &[(0.3333333333333333, 1e-06), (100000.0, 0.0)],
            "[3.3333334e-01+1.e-06j 1.0000000e+05+0.e+00j]",
        ),
        ("complex128", &[], &[(1.0, 2.0)], "(1+2j)"),
        ("complex128", &[], &[(0.0, -2.5)], "-2.5j"),
        ("complex128", &[], &[(NAN, -INF)], "(nan-infj)"),
        ("complex64", &[], &[(1e+20, -1e-05)], "(1e+20-1e-05j)"),
    ];
    for (dtype, shape, values, text) in cases {
        let block = block(dtype, shape, values.iter().map(|&v| Complex64::new(v.0, v.1).into()));
        assert_eq!(array(&block).unwrap(), *text, "{dtype} {values:?}");
    }
}

#[test]
fn integers_and_truth_values_print_as_numpy_prints_them() {
    let cases: &[(&str, &[usize], &[i128], &str)] = &[
        ("int64", &[3], &[1, -20, 300], "[  1 -20 300]"),
        ("int64", &[2], &[-9223372036854775808, 9223372036854775807], "[-9223372036854775808  9223372036854775807]"),
        ("uint64", &[2], &[0, 18446744073709551615], "[                   0 18446744073709551615]"),
        ("uint8", &[2, 2], &[0, 7, 255, 1], "[[  0   7]\n [255   1]]"),
        (
            "int8",
            &[2, 3, 4],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
            "[[[ 0  1  2  3]\n  [ 4  5  6  7]\n  [ 8  9 10 11]]\n\n [[12 13 14 15]\n  [16 17 18 19]\n  [20 21 22 23]]]",
        ),
        ("int32", &[2, 1, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7], "[[[[0 1]\n   [2 3]]]\n\n\n [[[4 5]\n   [6 7]]]]"),
        ("bool", &[2], &[1, 0], "[ True False]"),
        (
            "int64",
            &[30],
            &[
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29,
            ],
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]",
        ),
        ("bool", &[], &[1], "True"),
        ("int64", &[], &[-5], "-5"),
    ];
    for (dtype, shape, values, text) in cases {
        let block = block(dtype, shape, values.iter().map(|&v| Scalar::Int(v)));
        assert_eq!(array(&block).unwrap(), *text, "{dtype} {values:?}");
    }
}

#[test]
fn large_arrays_are_shortened() {
    let text = "[   0    1    2 ...  998  999 1000]";
    assert_eq!(array(&counted("int64", &[1001], f64::from)).unwrap(), text);
    let text = concat!(
        "[[  0   3   6 ... 171 174 177]\n",
        " [180 183 186 ...  95  98 101]\n",
        " [104 107 110 ...  19  22  25]\n",
        " ...\n",
        " [244 247 250 ... 159 162 165]\n",
        " [168 171 174 ...  83  86  89]\n",
        " [ 92  95  98 ...   7  10  13]]",
    );
    assert_eq!(array(&counted("uint16", &[20, 60], |i| f64::from(i * 3 % 256))).unwrap(), text);
    let text = concat!(
        "[[[-25.  -24.5 -24.  ...   9.5  10.   10.5]\n",
        "  [ 11.   11.5  12.  ...  45.5  46.   46.5]]\n\n",
        " [[ 47.   47.5  48.  ...  81.5  82.   82.5]\n",
        "  [ 83.   83.5  84.  ... 117.5 118.  118.5]]\n\n",
        " [[119.  119.5 120.  ... 153.5 154.  154.5]\n",
        "  [155.  155.5 156.  ... 189.5 190.  190.5]]\n\n",
        " ...\n\n",
        " [[263.  263.5 264.  ... 297.5 298.  298.5]\n",
        "  [299.  299.5 300.  ... 333.5 334.  334.5]]\n\n",
        " [[335.  335.5 336.  ... 369.5 370.  370.5]\n",
        "  [371.  371.5 372.  ... 405.5 406.  406.5]]\n\n",
        " [[407.  407.5 408.  ... 441.5 442.  442.5]\n",
        "  [443.  443.5 444.  ... 477.5 478.  478.5]]]",
    );
    assert_eq!(array(&counted("float32", &[7, 2, 72], |i| f64::from(i) * 0.5 - 25.0)).unwrap(), text);
}

#[test]
fn bfloat16_prints_as_the_other_floats() {
    let values = [1.0, 2.5, -100.0, NAN];
    let text = array(&block("bfloat16", &[4], values.map(Scalar::from))).unwrap();
    assert_eq!(text, "[   1.     2.5 -100.     nan]");
    assert_eq!(array(&block("bfloat16", &[], [Scalar::from(1.0 / 3.0)])).unwrap(), "0.334");
}

#[test]
fn edges_are_all_that_is_needed() {
    let whole = counted("float64", &[30, 2, 40], |i| f64::from(i) / 7.0);
    let kept = gather(&whole, &edges(whole.shape())).unwrap();
    assert_eq!(kept.shape(), [6, 2, 6]);
    assert_eq!(summarised(whole.shape(), &kept, None).unwrap(), array(&whole).unwrap());
}

#[test]
fn edges_of_another_shape_are_refused() {
    let error = summarised(&[5000], &counted("int8", &[7], f64::from), None).unwrap_err();
    assert_eq!(error.to_string(), "print: the edges of (5000,) have shape (6,), not (7,)");
}

#[test]
fn dates_and_lengths_of_time() {
    let block = Block::from_vec(vec![10_957, i64::MIN, -1], &[3]).unwrap();
    let days = TimeType::date(Unit::Day);
    assert_eq!(times(&block, Some(days)).unwrap(), "['2000-01-01'        'NaT' '1969-12-31']");
    assert_eq!(times(&block, Some(TimeType::delta(Unit::Hour))).unwrap(), "[10957 'NaT'    -1]");
    let one = Block::from_vec(vec![36i64], &[]).unwrap();
    assert_eq!(times(&one, Some(TimeType::delta(Unit::Hour))).unwrap(), "36 hours");
}
