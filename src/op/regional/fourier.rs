//! Fourier transforms of lines.

use crate::dtype::DType;

/// The discrete Fourier transform of a line, `y[k] = f Σ x[j] exp(∓2πi jk/n)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fourier {
    /// From what to what.
    pub kind: Transform,
    /// Whether the exponent is positive.
    pub inverse: bool,
    /// The bits of the factor `f`.
    factor: u64,
}

/// What a line is, and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    /// Complex numbers, and as many of them.
    Complex,
    /// Real numbers, and as many complex ones: the second half mirrors the first.
    Whole,
    /// Real numbers, and that first half.
    Half,
    /// That half, and the real numbers.
    Back,
}

/// Transforms whose lengths have no larger prime factor are made of steps that need no more room than a line.
const SMOOTH: usize = 31;

/// Bytes of neighbouring lines that are transformed together, where they are more than a cache line across.
const TOGETHER: usize = 256 << 10;

/// Neighbouring lines that are transformed together, at most.
const MOST: usize = 64;

impl Fourier {
    /// A transform whose result is multiplied by `factor`.
    #[must_use]
    pub fn new(kind: Transform, inverse: bool, factor: f64) -> Self {
        Self { kind, inverse, factor: factor.to_bits() }
    }

    /// The factor.
    #[must_use]
    pub fn factor(&self) -> f64 {
        f64::from_bits(self.factor)
    }

    /// The NumPy name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.kind, self.inverse) {
            (Transform::Complex | Transform::Whole, false) => "fft",
            (Transform::Complex | Transform::Whole, true) => "ifft",
            (Transform::Half, _) => "rfft",
            (Transform::Back, _) => "irfft",
        }
    }

    /// The dtype of the result, for lines of `input`: real or complex as the kind says, of 4 or of 8 bytes a part.
    #[must_use]
    pub fn output(&self, input: DType) -> DType {
        match (self.kind, input) {
            (Transform::Back, DType::C64) => DType::F32,
            (Transform::Back, _) => DType::F64,
            (_, DType::F32 | DType::C64) => DType::C64,
            (..) => DType::C128,
        }
    }

    /// The number of points, for lines of `len` elements that become `out`.
    #[must_use]
    pub fn points(&self, (len, out): (usize, usize)) -> usize {
        if self.kind == Transform::Back { out } else { len }
    }

    /// Lines of `along` neighbouring ones that are copied together: at least what makes a cache line of each row, more
    /// where lines are short.
    #[must_use]
    pub fn together(input: DType, len: usize, along: usize) -> usize {
        let row = (64 / input.size()).max(1);
        (TOGETHER / (len * input.size()).max(1)).clamp(row, MOST.max(row)).min(along).max(1)
    }

    /// Bytes beside lines and what they become: neighbouring lines in order, before and after; and tables of the
    /// transform and what it needs to move elements, at most.
    #[must_use]
    pub fn scratch(&self, input: DType, lengths: (usize, usize), along: usize) -> usize {
        let (len, out) = lengths;
        let lines = Self::together(input, len, along);
        let pad = 64;
        let copies = lines * (len * input.size() + pad + out * self.output(input).size() + pad);
        let points = self.points(lengths);
        // Others are convolutions of up to four times as many points, with tables of their own.
        let each = if is_smooth(points) { 4 } else { 20 };
        copies + each * points * 2 * input.size()
    }
}

/// Whether no prime factor is larger than [`SMOOTH`].
fn is_smooth(n: usize) -> bool {
    let mut left = n.max(1);
    for p in 2..=SMOOTH {
        while left.is_multiple_of(p) {
            left /= p;
        }
    }
    left == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_without_large_factors() {
        assert!([1, 2, 49, 31 * 64, 1440].into_iter().all(is_smooth));
        assert!([37, 2 * 1_000_003, 1_000_000_000_000_037].into_iter().all(|n| !is_smooth(n)));
    }

    #[test]
    fn lines_are_taken_together_by_cache_lines_at_least() {
        assert_eq!(Fourier::together(DType::F32, 1 << 20, 1000), 16);
        assert_eq!(Fourier::together(DType::C128, 1 << 20, 1000), 4);
        assert_eq!(Fourier::together(DType::F64, 8, 1000), 64);
        assert_eq!(Fourier::together(DType::F64, 8, 3), 3);
    }
}
