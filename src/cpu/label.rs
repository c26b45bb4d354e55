//! Connected elements: those of one block, and blocks that touch.

use crate::error::{Error, Result};
use crate::shape;
use std::collections::BTreeMap;

/// The least member of a set, which stands for it; sets are chains of members that point down.
fn least(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        // Half of the chain is cut out on the way.
        let next = parents[parents[at as usize] as usize];
        parents[at as usize] = next;
        at = next;
    }
    at
}

/// The neighbours of an element that come before it in C order, as steps along each axis.
#[must_use]
pub(crate) fn before(structure: &[bool], rank: usize) -> Vec<Vec<isize>> {
    let strides = shape::strides(&vec![3; rank]);
    let steps = |place: usize| strides.iter().map(|s| (place / s % 3).cast_signed() - 1).collect();
    (0..structure.len() / 2).filter(|&i| structure[i]).map(steps).collect()
}

/// For each element of a block that is not 0, one more than the number in `numbers` of the first in C order among those
/// that are connected with it; 0 for others. Numbers ascend.
pub(crate) fn block(
    mask: &[u8],
    numbers: &[i64],
    lengths: &[usize],
    neighbours: &[Vec<isize>],
    out: &mut [i64],
) -> Result<()> {
    let count = u32::try_from(mask.len()).map_err(|_| Error::unsupported("a chunk of more than 2^32 elements"))?;
    let strides: Vec<isize> = shape::strides(lengths).into_iter().map(usize::cast_signed).collect();
    let back: Vec<(isize, &[isize])> =
        neighbours.iter().map(|n| (n.iter().zip(&strides).map(|(n, s)| n * s).sum(), n.as_slice())).collect();
    let mut parents: Vec<u32> = (0..count).collect();
    let mut index = vec![0isize; lengths.len()];
    for at in 0..count {
        if mask[at as usize] != 0 {
            let mut mine = at;
            for (distance, steps) in &back {
                let inside =
                    steps.iter().zip(&index).zip(lengths).all(|((s, i), n)| (0..n.cast_signed()).contains(&(s + i)));
                let other = (at as usize).wrapping_add_signed(*distance);
                if inside && mask[other] != 0 {
                    #[expect(clippy::cast_possible_truncation, reason = "it is below the count")]
                    let theirs = least(&mut parents, other as u32);
                    let (low, high) = (mine.min(theirs), mine.max(theirs));
                    parents[high as usize] = low;
                    mine = low;
                }
            }
            parents[at as usize] = mine;
        }
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < lengths[axis].cast_signed() {
                break;
            }
            index[axis] = 0;
        }
    }
    for at in 0..count {
        let number = if mask[at as usize] == 0 { 0 } else { numbers[least(&mut parents, at) as usize] + 1 };
        out[at as usize] = number;
    }
    Ok(())
}

/// Sets of numbers that are the same, each with the least of them.
#[derive(Debug, Default)]
pub(crate) struct Merged(BTreeMap<i64, i64>);

impl Merged {
    fn least(&mut self, mut number: i64) -> i64 {
        while let Some(&lower) = self.0.get(&number) {
            // Half of the chain is cut out on the way.
            let Some(&lowest) = self.0.get(&lower) else { return lower };
            self.0.insert(number, lowest);
            number = lowest;
        }
        number
    }

    /// Makes two numbers one.
    fn join(&mut self, a: i64, b: i64) {
        let (a, b) = (self.least(a), self.least(b));
        if a != b {
            self.0.insert(a.max(b), a.min(b));
        }
    }

    /// Joins what touches across seams: pairs of neighbours along `axis`, one behind another.
    pub(crate) fn seams(&mut self, numbers: &[i64], lengths: &[usize], axis: usize, neighbours: &[Vec<isize>]) {
        let strides: Vec<isize> = shape::strides(lengths).into_iter().map(usize::cast_signed).collect();
        // From the second of a pair to the first, whichever of the two comes first in C order.
        let across: Vec<Vec<isize>> = neighbours
            .iter()
            .filter(|n| n[axis] != 0)
            .map(|n| if n[axis] < 0 { n.clone() } else { n.iter().map(|s| -s).collect() })
            .collect();
        let mut index = vec![0isize; lengths.len()];
        let mut last = (0, 0);
        for (at, &number) in numbers.iter().enumerate() {
            if number != 0 && index[axis] % 2 == 1 {
                for steps in &across {
                    let inside = steps
                        .iter()
                        .zip(&index)
                        .zip(lengths)
                        .all(|((s, i), n)| (0..n.cast_signed()).contains(&(s + i)));
                    if !inside {
                        continue;
                    }
                    let distance: isize = steps.iter().zip(&strides).map(|(s, d)| s * d).sum();
                    let other = numbers[at.wrapping_add_signed(distance)];
                    // Neighbours mostly join what their neighbours joined.
                    if other != 0 && last != (number, other) {
                        last = (number, other);
                        self.join(number, other);
                    }
                }
            }
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < lengths[axis].cast_signed() {
                    break;
                }
                index[axis] = 0;
            }
        }
    }

    /// The numbers that stand for nothing any more, in order, and what stands for them.
    pub(crate) fn replaced(&mut self) -> (Vec<i64>, Vec<i64>) {
        let all: Vec<i64> = self.0.keys().copied().collect();
        all.into_iter().map(|n| (n, self.least(n))).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_that_meet_below_are_one() {
        // A U, and an element that touches it at a corner.
        let mask = [1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1];
        let numbers: Vec<i64> = (0..16).collect();
        let mut out = [0; 16];
        let cross = [false, true, false, true, true, true, false, true, false];
        block(&mask, &numbers, &[4, 4], &before(&cross, 2), &mut out).unwrap();
        assert_eq!(out, [1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 16]);
        block(&mask, &numbers, &[4, 4], &before(&[true; 9], 2), &mut out).unwrap();
        assert_eq!(out[15], 1);
    }

    #[test]
    fn seams_join_what_touches() {
        let mut merged = Merged::default();
        let cross = [false, true, false, true, true, true, false, true, false];
        merged.seams(&[5, 0, 9, 7, 0, 0], &[2, 3], 0, &before(&cross, 2));
        assert_eq!(merged.replaced(), (vec![7], vec![5]));
        merged.seams(&[0, 9, 7, 0], &[2, 2], 0, &before(&[true; 9], 2));
        assert_eq!(merged.replaced(), (vec![7, 9], vec![5, 5]));
    }
}
