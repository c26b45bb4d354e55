//! Floating-point numbers by NumPy's rules: the shortest digits that tell a value from its neighbours *of the same
//! dtype*, at most [`PRECISION`] of them after the point, and one notation for all numbers of an array.

use crate::dtype::DType;
use half::{bf16, f16};

/// Digits after the point, at most.
const PRECISION: usize = 8;

/// How the numbers of one array are written.
#[derive(Debug)]
pub(super) struct FloatFormat {
    dtype: DType,
    /// Whether positive numbers carry their sign.
    plus: bool,
    /// The digits of the exponent in scientific notation; `None` for positional.
    exponent: Option<usize>,
    /// Characters before the point.
    left: usize,
    /// Characters after the point; in scientific notation the exponent is among them.
    right: usize,
    /// Digits after the point in scientific notation.
    fraction: usize,
}

impl FloatFormat {
    /// The notation and the widths that `values` of this dtype need.
    pub(super) fn new(dtype: DType, values: &[f64], plus: bool) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let mut format = Self { dtype, plus, exponent: None, left: 0, right: 0, fraction: 0 };
        let parts: Vec<Parts>;
        if is_scientific(dtype, &finite) {
            parts = finite.iter().map(|&v| Parts::scientific(dtype, v, plus)).collect();
            format.fraction = longest(parts.iter().map(|p| p.fraction.len()));
            let digits = longest(parts.iter().map(|p| exponent_text(p.exponent, 2).len() - 2));
            format.exponent = Some(digits);
            format.right = format.fraction + digits + 2;
        } else {
            parts = finite.iter().map(|&v| Parts::positional(dtype, v, plus)).collect();
            format.right = longest(parts.iter().map(|p| p.fraction.len()));
        }
        format.left = longest(parts.iter().map(|p| p.whole.len()));
        if finite.len() != values.len() {
            let needed = 3 + usize::from(plus || values.contains(&f64::NEG_INFINITY));
            format.left = format.left.max(needed.saturating_sub(format.right + 1));
        }
        format
    }

    /// One number, padded on both sides.
    pub(super) fn word(&self, value: f64) -> String {
        if !value.is_finite() {
            let text = format!("{}{}", sign(value, self.plus), special(value));
            return format!("{text:>width$}", width = self.left + self.right + 1);
        }
        let left = self.left;
        if let Some(digits) = self.exponent {
            let decimal = Decimal::scientific(self.dtype, value.abs(), self.fraction);
            let (whole, fraction) = decimal.digits.split_at(1);
            let whole = format!("{}{whole}", sign(value, self.plus));
            return format!("{whole:>left$}.{fraction}{}", exponent_text(decimal.exponent, digits));
        }
        let parts = Parts::positional(self.dtype, value, self.plus);
        format!("{:>left$}.{:<right$}", parts.whole, parts.fraction, right = self.right)
    }
}

/// A number outside an array: all its digits; whole numbers end in `tail`.
pub(super) fn alone(dtype: DType, value: f64, tail: &str) -> String {
    let sign = sign(value, false);
    if !value.is_finite() {
        return format!("{sign}{}", special(value));
    }
    let limit = match dtype {
        DType::F16 | DType::BF16 => 1e3,
        DType::F32 => 1e6,
        _ => 1e16,
    };
    let size = value.abs();
    let decimal = Decimal::shortest(dtype, size);
    if size != 0.0 && !(1e-4..limit).contains(&size) {
        let (first, rest) = decimal.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}{}", exponent_text(decimal.exponent, 2));
    }
    let (whole, fraction) = decimal.positional();
    if fraction.is_empty() { format!("{sign}{whole}{tail}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Whether an array that holds these finite numbers is written in scientific notation. Comparisons round to the dtype,
/// as NumPy's do.
fn is_scientific(dtype: DType, finite: &[f64]) -> bool {
    let sizes = || finite.iter().map(|v| v.abs()).filter(|&v| v != 0.0);
    let (Some(max), Some(min)) = (sizes().reduce(f64::max), sizes().reduce(f64::min)) else { return false };
    let limit = match dtype {
        DType::F16 | DType::BF16 => 1e3,
        DType::F32 => 1e6,
        _ => 1e8,
    };
    max >= limit || min < round(dtype, 1e-4) || round(dtype, max / min) > 1000.0
}

/// The nearest value of this dtype.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
fn round(dtype: DType, value: f64) -> f64 {
    match dtype {
        DType::F16 => f16::from_f64(value).to_f64(),
        DType::BF16 => bf16::from_f64(value).to_f64(),
        DType::F32 => f64::from(value as f32),
        _ => value,
    }
}

fn sign(value: f64, plus: bool) -> &'static str {
    match (value.is_sign_negative() && !value.is_nan(), plus) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    }
}

fn special(value: f64) -> &'static str {
    if value.is_nan() { "nan" } else { "inf" }
}

/// `e+05`, with at least this many digits.
fn exponent_text(exponent: i32, digits: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:0digits$}", exponent.unsigned_abs())
}

fn longest(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().unwrap_or(0)
}

/// A number in writing, before padding: what stands before the point, what after, and the power of ten.
struct Parts {
    whole: String,
    fraction: String,
    exponent: i32,
}

impl Parts {
    fn positional(dtype: DType, value: f64, plus: bool) -> Self {
        let (mut whole, mut fraction) = Decimal::shortest(dtype, value.abs()).positional();
        if fraction.len() > PRECISION {
            let text = format!("{:.PRECISION$}", value.abs());
            let (before, after) = text.split_once('.').unwrap_or((&text, ""));
            (whole, fraction) = (before.to_owned(), after.trim_end_matches('0').to_owned());
        }
        Self { whole: sign(value, plus).to_owned() + &whole, fraction, exponent: 0 }
    }

    fn scientific(dtype: DType, value: f64, plus: bool) -> Self {
        let mut decimal = Decimal::shortest(dtype, value.abs());
        if decimal.digits.len() > PRECISION + 1 {
            decimal = Decimal::parse(&format!("{:.PRECISION$e}", value.abs()));
        }
        let (first, rest) = decimal.digits.split_at(1);
        Self { whole: format!("{}{first}", sign(value, plus)), fraction: rest.to_owned(), exponent: decimal.exponent }
    }
}

/// `d.ddd × 10^exponent`: at least one digit, no zeros at the end.
struct Decimal {
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// The shortest digits that no other value of this dtype has; `value` is finite and not negative. A value half way
    /// between two candidates takes the even one, where that still is the shortest.
    fn shortest(dtype: DType, value: f64) -> Self {
        match dtype {
            DType::F16 | DType::BF16 => Self::shortest_half(dtype, value),
            _ => {
                let decimal = Self::shortest_native(dtype, value);
                let even = format!("{value:.*e}", decimal.digits.len() - 1);
                if reads_as(dtype, &even, value) { Self::parse(&even) } else { decimal }
            }
        }
    }

    /// Exactly `fraction` digits after the first: the shortest ones where their number fits, digits of the exact value
    /// where there are more or fewer.
    fn scientific(dtype: DType, value: f64, fraction: usize) -> Self {
        let shortest = Self::shortest(dtype, value);
        if shortest.digits.len() == fraction + 1 {
            return shortest;
        }
        let text = format!("{value:.fraction$e}");
        Self { digits: text.chars().take_while(|&c| c != 'e').filter(|&c| c != '.').collect(), ..Self::parse(&text) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the value is one of the dtype")]
    fn shortest_native(dtype: DType, value: f64) -> Self {
        if dtype == DType::F32 {
            Self::parse(&format!("{:e}", value as f32))
        } else {
            Self::parse(&format!("{value:e}"))
        }
    }

    /// Five digits always tell two 16-bit floats apart. Above a power of two the neighbours are twice as far as below,
    /// so the next number up may do where the nearest does not.
    fn shortest_half(dtype: DType, value: f64) -> Self {
        let candidates = (0..5).flat_map(|digits| {
            let nearest = format!("{value:.digits$e}");
            let above = next_up(&nearest);
            [nearest, above]
        });
        let found = candidates.into_iter().find(|text| reads_as(dtype, text, value));
        Self::parse(&found.unwrap_or_else(|| format!("{value:e}")))
    }

    fn parse(text: &str) -> Self {
        let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let whole = number.find('.').unwrap_or(number.len());
        let digits = number.replace('.', "");
        let kept = digits.trim_end_matches('0').len().max(1);
        let exponent = exponent.parse().unwrap_or(0) + i32::try_from(whole).unwrap_or(1) - 1;
        Self { digits: digits[..kept].to_owned(), exponent }
    }

    /// What stands before the point (at least `0`) and after it (maybe nothing).
    fn positional(&self) -> (String, String) {
        let digits = &self.digits;
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(0);
        if self.exponent < 0 {
            return ("0".to_owned(), "0".repeat(places - 1) + digits);
        }
        if digits.len() <= places + 1 {
            return (format!("{digits:0<width$}", width = places + 1), String::new());
        }
        let (whole, fraction) = digits.split_at(places + 1);
        (whole.to_owned(), fraction.to_owned())
    }
}

/// `1.23e4` with one more in the last digit, written as `124e2`.
fn next_up(text: &str) -> String {
    let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = number.replace('.', "");
    let shift = i32::try_from(digits.len()).unwrap_or(1) - 1;
    format!("{}e{}", digits.parse::<u32>().unwrap_or(0) + 1, exponent.parse::<i32>().unwrap_or(0) - shift)
}

/// Whether `text` is nearer to `value` than to any other value of this dtype.
fn reads_as(dtype: DType, text: &str, value: f64) -> bool {
    let read = match dtype {
        DType::F32 => text.parse::<f32>().map(f64::from),
        _ => text.parse::<f64>().map(|v| round(dtype, v)),
    };
    read.is_ok_and(|read| read.to_bits() == value.to_bits())
}
