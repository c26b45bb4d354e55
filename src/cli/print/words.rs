//! Elements as words of one width, each kind by NumPy's rules.

use super::float::{self, FloatFormat};
use crate::device::block::Block;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType};
use crate::dtype::{DType, Kind};
use crate::op::dates;
use num_complex::Complex64;

/// The elements of `block` in C order, padded to stand in columns.
pub(super) fn words(block: &Block, time: Option<TimeType>) -> Vec<String> {
    let dtype = block.dtype();
    let values = values(block);
    if let Some(time) = time {
        return of_one_width(values.iter().map(|v| moment(*v, time)).collect());
    }
    match dtype.kind() {
        Kind::Bool => values.iter().map(|v| format!("{:>5}", truth(v.to_bool()))).collect(),
        Kind::Signed | Kind::Unsigned => integers(&values),
        Kind::Float => {
            let values: Vec<f64> = values.iter().map(|v| v.to_f64()).collect();
            let format = FloatFormat::new(dtype, &values, false);
            values.iter().map(|&v| format.word(v)).collect()
        }
        Kind::Complex => complexes(dtype.real(), &values),
    }
}

/// The one element of a 0-d block, as NumPy prints its scalars.
pub(super) fn scalar(block: &Block, time: Option<TimeType>) -> String {
    let dtype = block.dtype();
    let value = Scalar::from_bytes(dtype, block.bytes());
    if let Some(time) = time {
        return dates::text(time, ticks(value));
    }
    match dtype.kind() {
        Kind::Bool => truth(value.to_bool()).to_owned(),
        Kind::Signed | Kind::Unsigned => value.to_i128().to_string(),
        Kind::Float => float::alone(dtype, value.to_f64(), ".0"),
        Kind::Complex => complex_alone(dtype.real(), value.to_c64()),
    }
}

fn values(block: &Block) -> Vec<Scalar> {
    let dtype = block.dtype();
    block.bytes().chunks_exact(dtype.size()).map(|bytes| Scalar::from_bytes(dtype, bytes)).collect()
}

fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn integers(values: &[Scalar]) -> Vec<String> {
    of_one_width(values.iter().map(|v| v.to_i128().to_string()).collect())
}

fn ticks(value: Scalar) -> i64 {
    i64::try_from(value.to_i128()).unwrap_or(NAT)
}

/// Dates stand between quotes, lengths of time as numbers.
fn moment(value: Scalar, time: TimeType) -> String {
    match ticks(value) {
        ticks if ticks == NAT || time.is_date => format!("'{}'", dates::text(time, ticks)),
        ticks => ticks.to_string(),
    }
}

fn of_one_width(words: Vec<String>) -> Vec<String> {
    let width = words.iter().map(String::len).max().unwrap_or(0);
    words.iter().map(|word| format!("{word:>width$}")).collect()
}

/// Real and imaginary parts in columns of their own; the `j` stands before the padding of the imaginary part.
fn complexes(part: DType, values: &[Scalar]) -> Vec<String> {
    let (re, im): (Vec<f64>, Vec<f64>) = values.iter().map(|v| (v.to_c64().re, v.to_c64().im)).unzip();
    let (real, imaginary) = (FloatFormat::new(part, &re, false), FloatFormat::new(part, &im, true));
    let word = |(&re, &im): (&f64, &f64)| {
        let im = imaginary.word(im);
        let (digits, padding) = im.split_at(im.trim_end().len());
        format!("{}{digits}j{padding}", real.word(re))
    };
    re.iter().zip(&im).map(word).collect()
}

fn complex_alone(part: DType, value: Complex64) -> String {
    let im = float::alone(part, value.im, "");
    if value.re == 0.0 && value.re.is_sign_positive() {
        return format!("{im}j");
    }
    let sign = if im.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{im}j)", float::alone(part, value.re, ""))
}
