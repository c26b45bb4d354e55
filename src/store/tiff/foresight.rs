//! Where the next directories of a chain are likely to be.
//!
//! A directory says where the next one is, so that a chain that is scattered over a file behind a network takes a
//! request after the other. Pages of a stack are about as large as each other, though: what lies as far behind the next
//! directory as that does behind the last is asked for with it. What is wrong about it costs bytes, no more.

use crate::store::input::Input;
use std::collections::VecDeque;

/// Steps from one directory to the next that are remembered.
const STEPS: usize = 16;
/// Directories that are guessed at once.
const MOST: usize = 64;
/// A directory whose place is known no better than this is not guessed.
const WIDEST: i64 = 256 << 10;
/// Values further from their directory than this do not lie with it.
const NEAR: u64 = 64 << 10;
/// What is read of a directory at least.
const HEAD: u64 = 512;

/// What is known of the chain so far.
#[derive(Debug)]
pub(super) struct Foresight {
    steps: VecDeque<i64>,
    /// How many directories are guessed when the next one is not here.
    trust: usize,
    /// Guesses that have yet to come true.
    left: usize,
    /// How far before and behind the beginning of a directory its values lie.
    around: (u64, u64),
}

impl Default for Foresight {
    fn default() -> Self {
        Self { steps: VecDeque::new(), trust: 1, left: 0, around: (0, HEAD) }
    }
}

impl Foresight {
    /// The directory at `at` has values here.
    pub(super) fn see(&mut self, at: u64, values: &[(u64, u64)]) {
        for &(from, to) in values.iter().filter(|&&(from, to)| to >= at.saturating_sub(NEAR) && from <= at + NEAR) {
            self.around.0 = self.around.0.max(at.saturating_sub(from).min(NEAR));
            self.around.1 = self.around.1.max(to.saturating_sub(at).min(NEAR));
        }
    }

    /// The directory behind the one at `at` is `next`; gets it, with those that are likely to come, where it is not
    /// here.
    pub(super) fn follow(&mut self, file: &Input, at: u64, next: u64) {
        if !file.is_remote() {
            return;
        }
        self.steps.push_back(next.cast_signed().saturating_sub(at.cast_signed()));
        if self.steps.len() > STEPS {
            self.steps.pop_front();
        }
        if file.is_here(next, HEAD.min(file.length().saturating_sub(next))) {
            self.left = self.left.saturating_sub(1);
            return;
        }
        // Either all guesses have come true, or the next one was wrong.
        self.trust = if self.left == 0 { (self.trust * 2).min(MOST) } else { (self.trust / 2).max(1) };
        let ranges = self.ranges(next);
        self.left = ranges.len() - 1;
        file.bring(ranges);
    }

    /// The places of directories that are known, with their values.
    pub(super) fn around(&self, at: u64) -> (u64, u64) {
        (at.saturating_sub(self.around.0), at.saturating_add(self.around.1))
    }

    /// Where the next directory is, and those behind it may be.
    fn ranges(&self, next: u64) -> Vec<(u64, u64)> {
        let count = i64::try_from(self.steps.len()).unwrap_or(1).max(1);
        let mean = self.steps.iter().map(|step| step / count).sum::<i64>();
        let differs = self.steps.iter().map(|step| step.abs_diff(mean).cast_signed()).max().unwrap_or(0);
        let guess = |i: i64| {
            let (middle, half) =
                (next.cast_signed().checked_add(mean.checked_mul(i)?)?, differs.checked_mul(i.isqrt())?);
            let middle = u64::try_from(middle).ok().filter(|_| half <= WIDEST)?;
            let (from, to) = self.around(middle);
            Some((from.saturating_sub(half.unsigned_abs()), to.saturating_add(half.unsigned_abs())))
        };
        let guesses = (1..=self.trust).map_while(|i| guess(i64::try_from(i).ok()?));
        std::iter::once(self.around(next)).chain(guesses).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_follow_the_steps() {
        let mut found = Foresight { trust: 3, ..Foresight::default() };
        found.see(1000, &[(900, 990), (1200, 3000), (900_000, 900_100)]);
        found.steps = [100_000, 100_000].into();
        assert_eq!(found.around, (100, 2000));
        let around = |at: u64, half: u64| (at - 100 - half, at + 2000 + half);
        let places = [500_000, 600_000, 700_000, 800_000].map(|at| around(at, 0));
        assert_eq!(found.ranges(500_000), places);
        found.steps.push_back(106_000);
        let mean = 101_999;
        let half = 106_000 - mean;
        let ranges: Vec<_> = (1..4).map(|i| around(500_000 + i * mean, half)).collect();
        assert_eq!(found.ranges(500_000)[1..], ranges);
        found.steps.push_back(5_000_000);
        assert_eq!(found.ranges(500_000), [around(500_000, 0)]);
        found.steps = [i64::MAX, -5].into();
        assert_eq!(found.ranges(500_000).len(), 1);
        found.steps = [-200_000].into();
        assert_eq!(found.ranges(500_000).len(), 3);
    }
}
