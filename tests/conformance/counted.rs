//! Elements found in tables and counted in bins, and sets: what NumPy 2.4 answers, whatever the chunks and blocks.

use super::contexts;
use hyperslab::array::compute::Computed;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::{Array, Context, lang};
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// `expression => dtype shape: elements`, over the arrays of [`inputs`].
const GOLDEN: &str = include_str!("counted.txt");

/// In chunks of `chunk` rows and columns: `x` of quarters, `i` of small integers, `n` flat and with NaN, `f` of thirds
/// of `x`, `s` sorted.
fn inputs(cx: &Context, chunk: isize) -> BTreeMap<String, Array> {
    let k = |i: usize| i as f64;
    let quarters: Vec<f64> = (0..60).map(|i| (k((i * i * 7 + 3 * i) % 23) - 11.0) / 4.0).collect();
    let numbers: Vec<i64> = (0..60).map(|i| (i * i + 3 * i) % 7).collect();
    let holes: Vec<f64> = (0..60).map(|i| if i % 13 == 5 { f64::NAN } else { quarters[i] }).collect();
    let thirds: Vec<f32> = quarters.iter().map(|x| *x as f32 / 3.0).collect();
    let mut sorted = quarters.clone();
    sorted.sort_by(f64::total_cmp);
    let sorted: Vec<f64> = sorted.into_iter().step_by(4).collect();
    let rows = [chunk, chunk];
    let floats = |values: Vec<f64>, shape: &[usize]| {
        let array = ArrayD::from_shape_vec(shape.to_vec(), values).unwrap();
        cx.from_ndarray(array).unwrap().rechunk(&rows[..shape.len()]).into_dyn()
    };
    let numbers = ArrayD::from_shape_vec(vec![6, 10], numbers).unwrap();
    let thirds = ArrayD::from_shape_vec(vec![6, 10], thirds).unwrap();
    BTreeMap::from([
        ("x".to_owned(), floats(quarters, &[6, 10])),
        ("n".to_owned(), floats(holes, &[60])),
        ("s".to_owned(), floats(sorted, &[15])),
        ("i".to_owned(), cx.from_ndarray(numbers).unwrap().rechunk(&rows).into_dyn()),
        ("f".to_owned(), cx.from_ndarray(thirds).unwrap().rechunk(&rows).into_dyn()),
    ])
}

fn one(cx: &Context, expression: &str, chunk: isize) -> Computed {
    let outputs = lang::evaluate(expression, &inputs(cx, chunk)).unwrap_or_else(|e| panic!("{expression}: {e}"));
    cx.compute(outputs[0].clone()).unwrap_or_else(|e| panic!("{expression}: {e}"))
}

#[test]
fn numpy_answers_the_same() {
    let contexts = contexts();
    for line in GOLDEN.lines() {
        let (expression, want) = line.split_once(" => ").unwrap();
        let (form, want) = want.split_once(": ").unwrap();
        let want: Vec<f64> = want.split_whitespace().map(|w| w.parse().unwrap()).collect();
        let mut first: Option<Vec<u8>> = None;
        for chunk in [-1, 1, 4] {
            for (c, cx) in contexts.iter().enumerate() {
                let made = one(cx, expression, chunk);
                let block = made.block();
                assert_eq!(format!("{} {:?}", block.dtype(), block.shape()), form, "{expression}");
                let size = block.dtype().size();
                let got = block.bytes().chunks_exact(size).map(|b| Scalar::from_bytes(block.dtype(), b).to_f64());
                for (g, w) in got.zip(&want) {
                    let near = (g - w).abs() <= 1e-6 * (1.0 + w.abs()) || g.is_nan() && w.is_nan();
                    assert!(near, "{expression} in chunks of {chunk}, context {c}: {g} for {w}");
                }
                // Nothing here rounds differently in other chunks, so the bytes are the same.
                let bytes = block.bytes().to_vec();
                assert_eq!(*first.get_or_insert_with(|| bytes.clone()), bytes, "{expression} in chunks of {chunk}");
            }
        }
    }
}

#[test]
fn weighted_sums_depend_on_no_block() {
    let n = 70_000usize;
    let values = |seed: usize| (0..n).map(|i| ((i * (i + seed)) % 9973) as f64 / 9973.0).collect::<Vec<_>>();
    let mut first: Option<Vec<u8>> = None;
    for (threads, block) in [(1, 1 << 20), (3, 4096), (2, 64)] {
        let cx = Context::builder().threads(threads).block_bytes(block).device("cpu").build().unwrap();
        let array = |seed| {
            let matrix = ArrayD::from_shape_vec(vec![700, 100], values(seed)).unwrap();
            cx.from_ndarray(matrix).unwrap().rechunk(&[150, 40]).into_dyn()
        };
        let inputs = BTreeMap::from([("x".to_owned(), array(3)), ("w".to_owned(), array(5))]);
        let outputs = lang::evaluate("histogram(x, 11, weights=w / 3)[0]", &inputs).unwrap();
        let made = cx.compute(outputs[0].clone()).unwrap();
        let bytes = made.block().bytes().to_vec();
        assert_eq!(*first.get_or_insert_with(|| bytes.clone()), bytes);
    }
}

#[test]
fn nothing_is_counted_found_and_distinct_too() {
    for cx in contexts() {
        let shape = |expression: &str| one(&cx, expression, 3).block().shape().to_vec();
        assert_eq!(shape("histogram(x[:0], 4)[0]"), [4]);
        assert_eq!(shape("searchsorted(s, x[:, :0])"), [6, 0]);
        assert_eq!(shape("searchsorted(s[:0], x)"), [6, 10]);
        assert_eq!(shape("isin(x, s[:0])"), [6, 10]);
        assert_eq!(shape("bincount(i[0, :0])"), [0]);
        assert_eq!(shape("unique(x[:0])"), [0]);
        assert_eq!(shape("intersect1d(i, x[x > 99])"), [0]);
        assert_eq!(shape("histogram(x[x > 99], bins='auto')[1]"), [2]);
    }
}

#[test]
fn what_numpy_refuses_is_refused() {
    let cx = &contexts()[0];
    for (expression, why) in [
        ("searchsorted(x, s)", "`a` has one axis"),
        ("searchsorted(s, x, side='middle')", "`side` is 'left' or 'right'"),
        ("searchsorted(s, x, sorter=i[0])", "10 positions for a table of 15"),
        ("searchsorted(s, x, sorter=arange(15) + 9)", "the sorter has 15 for an array of length 15"),
        ("digitize(x, [0, 2, 1])", "bins must be monotonically increasing or decreasing"),
        ("interp(x, [], [])", "array of sample points is empty"),
        ("histogram(x, 0)", "`bins` must be positive"),
        ("histogram(x, [0, 2, 1])[1]", "`bins` must increase monotonically"),
        ("histogram(x, range=(2, 1))", "max must be larger than min"),
        ("histogram(x, range=(0, inf))", "the range of [0, inf] is not finite"),
        ("histogram(n)[0]", "autodetected range of [NaN, NaN] is not finite"),
        ("histogram(n, 'auto')[0]", "is not finite"),
        ("histogram(x, weights=s)", "weights must have the shape of the array"),
        ("bincount(i[0] - 3)", "no negative elements"),
        ("bincount(n)", "counts integers, not float64"),
        ("bincount(i)", "takes arrays of one axis"),
        ("histogramdd([n, n], [3])", "bins"),
    ] {
        let made = lang::evaluate(expression, &inputs(cx, 4)).and_then(|out| cx.compute(out[0].clone()));
        let error = made.err().unwrap_or_else(|| panic!("{expression} is not refused")).to_string();
        assert!(error.contains(why), "{expression}: {error}");
    }
}
