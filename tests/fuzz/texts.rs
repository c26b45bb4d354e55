//! The expression language, and the small languages of settings.

use super::mutate::rewritten;
use super::{context, fuzz};
use hyperslab::dtype::DType;
use hyperslab::{Array, Context, Error, lang};
use std::collections::BTreeMap;
use std::str::FromStr;

const PROGRAMS: [&str; 12] = [
    "m = mean(x, axis=0); x - m",
    "std(x - mean(x, axis=0), axis=0), x.max()",
    "where(x > -1e33, x, nan)[1:-1, ::2]",
    "x[0, ..., None] * arange(6, dtype=float32)[::-1] % 7 // 2",
    "concatenate([x, x * 2.5e-3], axis=1).reshape(8, 6)",
    "np.nanmean(x.astype('f2'), axis=(0, 1), keepdims=True)",
    "# comment\ny = x.T\n(y @ x, abs(-y) ** 0.5, ~(y > 1) & True)",
    "linspace(0, 1, 50).reshape(5, 10) + zeros((5, 1), chunks=(1, 1))",
    "pad(x, ((1, 2), (0, 1)), mode='edge'); x if False else x",
    "clip(x, 1j.real, 0x1f) <= 0b101 != 1_000",
    "squeeze(expand_dims(x, 0)).sum(dtype=int64, axis=-1)",
    "roll(x, 1, axis=0) == stack([x[0], x[1], x[2], x[3]])",
];

const WORDS: [&str; 40] = [
    "x",
    "x",
    "mean",
    "sum",
    "axis",
    "=",
    ",",
    "(",
    ")",
    "[",
    "]",
    ":",
    ";",
    ".",
    "+",
    "-",
    "*",
    "**",
    "@",
    "\n",
    "'",
    "\"",
    "1e400",
    "0",
    "-1",
    "None",
    "...",
    "dtype",
    "float64",
    "lambda",
    "if",
    "\\",
    "#",
    "arange",
    "zeros",
    "ones",
    "full",
    "reshape",
    "astype",
    "\u{1f4a9}",
];

#[test]
fn programs() {
    let values: Vec<f64> = (0..24).map(f64::from).collect();
    let x = context().from_ndarray(ndarray::ArrayD::from_shape_vec(vec![4, 6], values).unwrap()).unwrap().into_dyn();
    let inputs = BTreeMap::from([("x".to_owned(), x)]);
    fuzz("programs", |random| {
        let seed = *random.pick(&PROGRAMS);
        let text = rewritten(random, seed, &WORDS);
        lang::names(&text)?;
        let outputs = lang::evaluate(&text, &inputs)?;
        for array in outputs {
            small(&array)?;
        }
        Ok(())
    });
}

/// Computes an array that is small; others may rightly take their time.
fn small(array: &Array) -> Result<(), Error> {
    let shape = array.shape().max();
    let size = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if size.is_some_and(|n| n <= 10_000) { context().compute(array.clone()).map(drop) } else { Ok(()) }
}

#[test]
fn settings() {
    let sizes = ["4 GiB", "512MiB", "50%", "1.5e3 kB", "0", "18446744073709551615", "12 TiB"];
    let words = ["GiB", "%", " ", "1", ".", "e", "-", "9999999999", "B", "k", "\u{e9}"];
    fuzz("settings", |random| {
        let seed = *random.pick(&sizes);
        let text = rewritten(random, seed, &words);
        // Built in full, as a program does.
        Context::builder().threads(1).device("cpu").memory(&text).build()?;
        Ok(())
    });
    let names = ["float32", "<f8", ">i2", "|b1", "complex64", "bfloat16", "uint8"];
    let words = ["<", ">", "f", "8", "u", "int", "|", "V2", "99999999999999999999"];
    fuzz("dtypes", |random| {
        let seed = *random.pick(&names);
        DType::from_str(&rewritten(random, seed, &words)).map(drop)
    });
}
