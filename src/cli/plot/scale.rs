//! Limits, ticks and the numbers written at them.

/// A range of values that is drawn from end to end: finite, and wide enough to divide by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub lo: f64,
    pub hi: f64,
}

/// No value is drawn beyond this, so that the width of a range stays finite.
const LARGEST: f64 = 4e307;
/// A range of this width counts as a single value.
const SMALLEST: f64 = 1e-290;

impl Scale {
    /// The range of the finite ones among `values`; from 0 to 1 where there are none, and some room around a constant.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let ends = values.filter(|v| v.is_finite()).fold(None, |ends, v| match ends {
            None => Some((v, v)),
            Some((lo, hi)) => Some((v.min(lo), v.max(hi))),
        });
        let Some((lo, hi)) = ends else { return Self { lo: 0.0, hi: 1.0 } };
        let (lo, hi) = (lo.clamp(-LARGEST, LARGEST), hi.clamp(-LARGEST, LARGEST));
        let size = lo.abs().max(hi.abs());
        if hi - lo > SMALLEST && hi - lo > 1e-12 * size {
            return Self { lo, hi };
        }
        let room = if size > SMALLEST { size / 10.0 } else { 0.5 };
        Self { lo: lo - room, hi: hi + room }
    }

    /// The range with this share of its width added at both ends.
    pub(super) fn widened(self, share: f64) -> Self {
        let room = (self.hi - self.lo) * share;
        Self { lo: self.lo - room, hi: self.hi + room }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end; infinities lie at the ends, NaN nowhere.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        (value.clamp(self.lo, self.hi) - self.lo) / (self.hi - self.lo)
    }
}

/// Round values along a range, with the numbers to write at them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ticks {
    /// Values and numbers, in rising order.
    pub marks: Vec<(f64, String)>,
    /// What all numbers have in common, such as `1e9` or `+273.15`; empty when they are the values themselves.
    pub note: String,
}

impl Ticks {
    /// At most about `most` ticks in steps of 1, 2 or 5; whole numbers only where `whole`. A range that is a single
    /// value has that one tick.
    pub(super) fn new(scale: Scale, most: i32, whole: bool) -> Self {
        let Scale { lo, hi } = scale;
        let narrowest = (hi - lo) / f64::from(most.max(1));
        if narrowest <= 0.0 || !narrowest.is_finite() {
            return Self { marks: vec![(lo, format!("{lo}"))], note: String::new() };
        }
        let mut power = exponent(narrowest);
        let ten = power_of_ten(power);
        let mut factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * ten >= narrowest * (1.0 - 1e-6)).unwrap_or(10.0);
        if whole && factor * ten < 1.0 {
            (power, factor) = (0, 1.0);
        }
        if factor > 9.0 {
            (power, factor) = (power + 1, 1.0);
        }
        let step = factor * power_of_ten(power);
        // Ticks at the very ends count, whatever the last digits say.
        let slack = 1e-9 + 4.0 * f64::EPSILON * (lo.abs().max(hi.abs()) / step);
        let (first, last) = ((lo / step - slack).ceil(), (hi / step + slack).floor());
        let count = pixel(last - first + 1.0).clamp(0, 100);
        let values: Vec<f64> = (0..count).map(|k| (first + f64::from(k)) * step).collect();
        Self::written(&values, power)
    }

    /// The numbers at `values`, which are multiples of a power of ten. Long ones give up what they have in common to
    /// the note.
    fn written(values: &[f64], power: i32) -> Self {
        let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let top = if largest > 0.0 { exponent(largest) } else { power };
        if top - power > 6 {
            let base = values.first().copied().unwrap_or(0.0);
            let rests: Vec<f64> = values.iter().map(|v| v - base).collect();
            let rest = Self::written(&rests, power);
            let marks = values.iter().zip(rest.marks).map(|(&value, (_, text))| (value, text)).collect();
            let mut base = if top.abs() < 9 { format!("{base:+.*}", places(power)) } else { format!("{base:+e}") };
            if base.contains('.') && !base.contains('e') {
                base.truncate(base.trim_end_matches('0').trim_end_matches('.').len());
            }
            return Self { marks, note: format!("{} {base}", rest.note).trim().to_owned() };
        }
        let (unit, note) = if (-3..6).contains(&top) { (0, String::new()) } else { (top, format!("1e{top}")) };
        let decimals = places(power - unit);
        let write = |value: f64| {
            let text = format!("{:.decimals$}", value / power_of_ten(unit));
            if text.trim_start_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text }
        };
        Self { marks: values.iter().map(|&value| (value, write(value))).collect(), note }
    }
}

/// Digits after the point that a multiple of this power of ten needs.
fn places(power: i32) -> usize {
    usize::try_from(-power).unwrap_or(0)
}

/// The power of ten of the first digit of a positive number.
fn exponent(value: f64) -> i32 {
    pixel((value.log10() + 1e-9).floor())
}

fn power_of_ten(power: i32) -> f64 {
    format!("1e{power}").parse().unwrap_or(1.0)
}

/// The nearest pixel below.
#[expect(clippy::cast_possible_truncation, reason = "saturating is right for what is far outside the picture")]
pub(super) fn pixel(at: f64) -> i32 {
    at.floor() as i32
}

/// An integer as a real number.
#[expect(clippy::cast_precision_loss, reason = "pictures do not show the sixteenth digit")]
pub(super) fn real(value: i128) -> f64 {
    value as f64
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "pictures do not show the sixteenth digit")]
pub(super) fn count(value: usize) -> f64 {
    value as f64
}

/// A count as a number of pixels.
pub(super) fn pixels(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
