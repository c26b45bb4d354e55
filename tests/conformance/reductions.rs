//! Every reduction on small arrays, against values that NumPy gave.

use super::golden::{NAN, PLAIN};
use super::{contexts, elements, matrix};
use hyperslab::Array;
use hyperslab::array::reduction::{Over, keep};
use hyperslab::dtype::DType;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::reduction::{Params, REDUCTIONS};
use num_complex::Complex64;
use std::str::FromStr;

const A: [[f64; 4]; 3] = [[3.0, -1.0, 4.0, 1.0], [5.0, 9.0, -2.0, 6.0], [5.0, 3.0, 5.0, -8.0]];
const F: [[f64; 4]; 3] = [[1.5, -2.25, 0.5, f64::NAN], [4.0, 8.5, -0.125, 2.0], [f64::NAN, 3.0, 7.0, -1.0]];
const CHUNKS: [[isize; 2]; 5] = [[-1, -1], [1, 1], [2, 3], [3, 1], [1, 4]];

/// Rows of three reductions, NumPy's dtype for their results, and the results over everything, axis 0 and axis 1.
struct Row<'a> {
    dtype: &'a str,
    name: &'a str,
    result: &'a str,
    cells: Vec<&'a str>,
}

fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    table.lines().map(|line| {
        let (head, cells) = line.split_once(": ").unwrap();
        let [dtype, name, result] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Row { dtype, name, result, cells: cells.split(" | ").collect() }
    })
}

/// The matrix of the table in this dtype.
fn input(dtype: &str, rows: &[[f64; 4]; 3], chunk: &[isize]) -> Array {
    let x = matrix(rows, chunk);
    match dtype {
        "bool" => x.greater(Scalar::Int(0)),
        "uint8" => (x + Scalar::Int(10)).astype(DType::U8),
        "complex128" => {
            let i = Scalar::Complex(Complex64::new(0.0, 1.0));
            let flipped = x.flip(0).try_binary(ElementOp::Multiply, i).unwrap();
            x.try_binary(ElementOp::Add, &flipped).unwrap()
        }
        other => x.astype(DType::from_str(other).unwrap()),
    }
}

fn number(text: &str) -> Complex64 {
    if let Some(body) = text.strip_suffix('j') {
        let cut = body.rfind(['+', '-']).unwrap();
        return Complex64::new(body[..cut].parse().unwrap(), body[cut..].parse().unwrap());
    }
    Complex64::new(text.parse().unwrap(), 0.0)
}

/// Whether `got` is `want` as closely as results of `dtype` are.
fn close(dtype: &str, got: Complex64, want: Complex64) -> bool {
    let relative = match dtype {
        "float16" => 1e-3,
        "float32" => 2.5e-7,
        "float64" | "complex128" => 1e-15,
        _ => 0.0,
    };
    let real =
        |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= relative * want.norm();
    real(got.re, want.re) && real(got.im, want.im)
}

fn check(table: &str, rows_of: &[[f64; 4]; 3]) {
    for row in rows(table) {
        for chunk in &CHUNKS {
            let x = input(row.dtype, rows_of, chunk);
            let overs: [Over; 3] = [(..).into(), 0.into(), 1.into()];
            for (over, cell) in overs.into_iter().zip(&row.cells) {
                let what = format!("{} of {} over {over:?} in chunks {chunk:?}", row.name, row.dtype);
                let reduced = x.try_reduce(row.name, over, Params::default());
                if *cell == "refused" {
                    assert!(reduced.is_err(), "{what} is refused");
                    continue;
                }
                let reduced = reduced.unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(reduced.dtype().to_string(), row.result, "{what}");
                for cx in contexts() {
                    let answer = elements(&cx.compute(reduced.clone()).unwrap_or_else(|e| panic!("{what}: {e}")));
                    let want: Vec<Complex64> = cell.split(' ').map(number).collect();
                    let same =
                        answer.len() == want.len() && answer.iter().zip(&want).all(|(&a, &b)| close(row.result, a, b));
                    assert!(same, "{what}: {answer:?}, NumPy has {want:?}");
                }
            }
        }
    }
}

#[test]
fn every_reduction_of_every_kind_of_number() {
    check(PLAIN, &A);
}

#[test]
fn every_reduction_where_some_are_no_numbers() {
    check(NAN, &F);
}

#[test]
fn the_tables_name_every_reduction() {
    // Those that NumPy has not are tested beside their definition, methods of its functions below.
    let method = |name: &str| name.ends_with(".reduce");
    for reduction in REDUCTIONS.iter().filter(|r| r.name() != "rms" && !method(r.name())) {
        assert!(rows(NAN).any(|row| row.name == reduction.name()), "{}", reduction.name());
    }
}

#[test]
fn reductions_that_skip_nan_equal_the_plain_ones_without_any() {
    for name in ["sum", "prod", "mean", "var", "std", "min", "max", "argmin", "argmax"] {
        for dtype in ["int8", "uint8", "int64", "float32"] {
            let x = input(dtype, &A, &[2, 3]);
            let of = |n: &str| x.try_reduce(n, 0, Params::default()).unwrap();
            let cx = &contexts()[0];
            let (a, b) = cx.compute((of(name), of(&format!("nan{name}")))).unwrap();
            assert_eq!(a.block().bytes(), b.block().bytes(), "{name} of {dtype}");
        }
    }
}

#[test]
fn degrees_of_freedom() {
    for chunk in &CHUNKS {
        let x = matrix(&A, chunk);
        for cx in contexts() {
            let ask = |name: &str, over: Over, ddof: f64| {
                let reduced = x.try_reduce(name, over, Params { ddof, ..Params::default() }).unwrap();
                elements(&cx.compute(reduced).unwrap()).iter().map(|v| v.re).collect::<Vec<_>>()
            };
            assert_eq!(ask("var", (..).into(), 1.0), [20.090_909_090_909_09]);
            assert_eq!(
                ask("std", 1.into(), 1.0),
                [2.217_355_782_608_345, 4.654_746_681_256_314, 6.238_322_424_070_967]
            );
            // As many degrees as elements: infinite, or nothing at all.
            assert!(ask("var", 0.into(), 3.0).iter().all(|v| *v == f64::INFINITY));
        }
    }
}

#[test]
fn kept_axes() {
    let x = matrix(&A, &[2, 3]);
    for cx in contexts() {
        for (over, shape) in
            [(keep(0), vec![1, 4]), (keep(1), vec![3, 1]), (keep(..), vec![1, 1]), (keep(-2), vec![1, 4])]
        {
            let sum = cx.compute(x.sum(over)).unwrap();
            assert_eq!(sum.block().shape(), shape);
        }
        let centred = &x - x.mean(keep(1));
        let rows = elements(&cx.compute(centred.sum(1)).unwrap());
        assert!(rows.iter().all(|v| v.re.abs() < 1e-14));
    }
}

#[test]
fn empty_arrays() {
    let x = matrix(&A, &[2, 3]).slice(0..0);
    for cx in contexts() {
        let ask = |name: &str, over: Over| {
            x.try_reduce(name, over, Params::default())
                .and_then(|r| cx.compute(r))
                .map(|c| elements(&c).iter().map(|v| v.re).collect::<Vec<_>>())
        };
        assert_eq!(ask("sum", (..).into()).unwrap(), [0.0]);
        assert_eq!(ask("sum", 0.into()).unwrap(), [0.0; 4]);
        assert_eq!(ask("prod", 0.into()).unwrap(), [1.0; 4]);
        assert_eq!(ask("all", 0.into()).unwrap(), [1.0; 4]);
        assert_eq!(ask("any", 0.into()).unwrap(), [0.0; 4]);
        assert_eq!(ask("count_nonzero", (..).into()).unwrap(), [0.0]);
        assert!(ask("mean", 0.into()).unwrap().iter().all(|v| v.is_nan()));
        assert!(ask("std", 0.into()).unwrap().iter().all(|v| v.is_nan()));
        assert_eq!(ask("sum", 1.into()).unwrap(), Vec::<f64>::new());
        assert_eq!(ask("max", 1.into()).unwrap(), Vec::<f64>::new());
        let why = "a zero-size array has no answer, and this reduction no identity";
        for name in ["min", "max", "argmin", "argmax", "nanmin"] {
            assert_eq!(ask(name, 0.into()).unwrap_err().to_string(), format!("{name}: {why}"));
        }
    }
}

#[test]
fn nothing_but_nan() {
    let x = matrix(&[[f64::NAN, 1.0], [f64::NAN, 2.0]], &[1, 1]);
    for cx in contexts() {
        let ask = |name: &str| {
            let reduced = x.try_reduce(name, 0, Params::default()).unwrap();
            cx.compute(reduced).map(|c| elements(&c).iter().map(|v| v.re).collect::<Vec<_>>())
        };
        assert_eq!(ask("nansum").unwrap(), [0.0, 3.0]);
        let mean = ask("nanmean").unwrap();
        assert!(mean[0].is_nan() && mean[1] == 1.5);
        let least = ask("nanmin").unwrap();
        assert!(least[0].is_nan() && least[1] == 1.0);
        let text = ask("nanargmax").unwrap_err().to_string();
        assert!(text.starts_with("nanargmax: an all-NaN slice has no such position"), "{text}");
        assert_eq!(ask("argmax").unwrap(), [0.0, 1.0], "the first NaN is the largest");
    }
}

#[test]
fn ties_go_to_the_first_across_chunks() {
    let x = matrix(&[[2.0, 5.0, 1.0, 5.0], [1.0, 5.0, 1.0, 0.0], [2.0, 0.0, 3.0, 5.0]], &[-1, -1]);
    for chunk in &CHUNKS {
        let x = x.rechunk(chunk);
        for cx in contexts() {
            let (low, high) =
                (elements(&cx.compute(x.argmin(0)).unwrap()), elements(&cx.compute(x.argmax(1)).unwrap()));
            let (least, most) = cx.compute((x.argmin(..), x.argmax(..))).unwrap();
            let real = |v: &[Complex64]| v.iter().map(|v| v.re).collect::<Vec<_>>();
            assert_eq!(real(&low), [1.0, 2.0, 0.0, 1.0]);
            assert_eq!(real(&high), [1.0, 1.0, 3.0]);
            assert_eq!((elements(&least)[0].re, elements(&most)[0].re), (7.0, 1.0));
        }
    }
}

#[test]
fn bits_over_an_axis() {
    let data: Vec<i64> = (0..30).map(|i| 0x5555 ^ (i * 37 % 64) | 1 << (i % 7)).collect();
    for chunk in [-1, 1, 7] {
        for cx in contexts() {
            let array = |values: &[i64]| {
                let data = ndarray::ArrayD::from_shape_vec(vec![values.len()], values.to_vec()).unwrap();
                cx.from_ndarray(data).unwrap().rechunk(&[chunk])
            };
            let of = |values: &[i64], name: &str| {
                let reduced = array(values).try_reduce(name, 0, Params::default()).unwrap();
                elements(&cx.compute(reduced).unwrap())[0].re
            };
            let fold = |op: fn(i64, i64) -> i64, from: i64| data.iter().fold(from, |a, &b| op(a, b)) as f64;
            assert_eq!(of(&data, "bitwise_and.reduce"), fold(|a, b| a & b, -1));
            assert_eq!(of(&data, "bitwise_or.reduce"), fold(|a, b| a | b, 0));
            assert_eq!(of(&data, "bitwise_xor.reduce"), fold(|a, b| a ^ b, 0));
            assert_eq!(of(&[3, 0, 5, 9], "logical_xor.reduce"), 1.0);
            assert_eq!(of(&[], "bitwise_and.reduce"), -1.0);
            let floats = array(&data).cast::<f64>().try_reduce("bitwise_or.reduce", 0, Params::default());
            assert!(floats.unwrap_err().to_string().contains("is not defined for float64"));
        }
    }
}

/// The first of the best by definition: the first NaN, or none of them where NaN is skipped.
fn first_of_the_best(line: &[f64], largest: bool, skip_nan: bool) -> usize {
    let nan = line.iter().position(|x| x.is_nan()).filter(|_| !skip_nan);
    let numbers = || line.iter().copied().enumerate().filter(|(_, x)| !x.is_nan());
    let best = numbers().map(|(_, x)| x).reduce(|a, b| if largest { a.max(b) } else { a.min(b) });
    nan.or_else(|| numbers().find(|&(_, x)| Some(x) == best).map(|(at, _)| at)).unwrap()
}

#[test]
fn positions_of_extremes_in_lines_of_any_length() {
    let cases =
        [("argmin", false, false), ("argmax", true, false), ("nanargmin", false, true), ("nanargmax", true, true)];
    for len in [1, 2, 15, 16, 17, 60, 255, 256, 257, 5000] {
        // Ties everywhere, in every line but each seventh a NaN, and the infinities.
        let value = |i: usize, j: usize| match (i * 31 + j * 7919) % 1013 {
            _ if len > 1 && !i.is_multiple_of(7) && j == i * 5 % len => f64::NAN,
            2 if len > 200 => f64::INFINITY,
            3 if len > 200 => f64::NEG_INFINITY,
            r => (r % 50) as f64 - if (i + j).is_multiple_of(2) { 20.0 } else { 20.5 },
        };
        for count in [1, 3, 40] {
            let lines: Vec<Vec<f64>> = (0..count).map(|i| (0..len).map(|j| value(i, j)).collect()).collect();
            let data = ndarray::Array2::from_shape_fn((count, len), |(i, j)| lines[i][j]);
            let whole = contexts()[0].from_ndarray(data.into_dyn()).unwrap().into_dyn();
            let (rows, piece) = (count.min(7).cast_signed(), (len / 2 + 1).cast_signed());
            for dtype in [DType::F32, DType::F64] {
                let x = whole.astype(dtype);
                // As they lie, in chunks, computed, the last first, and side by side.
                let plain = [(x.clone(), 1), (x.rechunk(&[rows, piece]), 1), (x.clone() * Scalar::Int(2), 1)];
                let turned = [(x.transpose(&[1, 0]), 0), (x.rechunk(&[rows, piece]).transpose(&[1, 0]), 0)];
                for ((name, largest, skip_nan), (x, axis)) in
                    cases.into_iter().flat_map(|case| plain.iter().chain(&turned).map(move |view| (case, view)))
                {
                    let found = x.try_reduce(name, *axis, Params::default()).unwrap();
                    let want: Vec<f64> =
                        lines.iter().map(|line| first_of_the_best(line, largest, skip_nan) as f64).collect();
                    let cx = &contexts()[usize::from(len == 17)];
                    let got: Vec<f64> = elements(&cx.compute(found).unwrap()).iter().map(|v| v.re).collect();
                    assert_eq!(got, want, "{name} of {count} lines of {len} {dtype} along axis {axis}");
                }
            }
        }
    }
}
