//! The nearest of some elements, found axis by axis.

use super::filter::Number;

/// How far elements are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The root of the sum of squares along axes.
    Euclidean,
    /// The sum along axes.
    Taxicab,
    /// The largest along any axis.
    Chessboard,
}

/// For each element the nearest of some, by its place in C order: of those that the lines of the axes before found, the
/// best along one more axis. Where there is none yet, the place is negative.
///
/// All elements in question are in the same place along the axes behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nearest {
    /// How far.
    pub metric: Metric,
    /// The lengths of the array.
    pub lengths: Vec<usize>,
    /// The distance of neighbours along each axis.
    pub sampling: Vec<Number>,
}

impl Nearest {
    /// How far the element at `place` is from `at` along the axes before `axis`: of Euclidean distances, the square.
    /// Places are so many elements apart along axes.
    #[must_use]
    pub fn before(&self, axis: usize, place: usize, at: &[usize], strides: &[usize]) -> f64 {
        (0..axis).fold(0.0, |sum, a| {
            let there = place / strides[a] % self.lengths[a];
            self.with(sum, self.along(a, there, at[a]))
        })
    }

    /// How far two places are from each other along an axis.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "places are exact")]
    pub fn along(&self, axis: usize, a: usize, b: usize) -> f64 {
        a.abs_diff(b) as f64 * self.sampling[axis].value()
    }

    /// A distance along some axes and that along one more as one.
    #[must_use]
    pub fn with(&self, before: f64, along: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => before + along * along,
            Metric::Taxicab => before + along,
            Metric::Chessboard => before.max(along),
        }
    }

    /// The last place along `axis` that is not nearer to what is behind: of two elements at `first` and `second`, with
    /// the distances that they have along the axes before. Beyond all places where the second is never nearer.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "places are exact")]
    pub fn until(&self, axis: usize, (first, before): (usize, f64), (second, behind): (usize, f64)) -> f64 {
        let (i, u) = (first as f64, second as f64);
        let last = match self.metric {
            Metric::Euclidean => {
                let square = self.sampling[axis].value() * self.sampling[axis].value();
                0.5 * (i + u) + (behind - before) / (2.0 * square * (u - i))
            }
            Metric::Taxicab if behind >= before + u - i => f64::INFINITY,
            Metric::Taxicab => 0.5 * (behind - before + u + i),
            Metric::Chessboard if before <= behind => (i + behind).max((0.5 * (i + u)).floor()),
            Metric::Chessboard => (u - before).min((0.5 * (i + u)).floor()),
        };
        if last.is_nan() { f64::INFINITY } else { last.floor() }
    }
}
