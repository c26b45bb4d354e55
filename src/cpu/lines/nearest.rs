//! The nearest of some elements along lines: those that are nearest anywhere, in order, with the place from which each
//! of them is.

use super::scratch::Scratch;
use super::walk::Walk;
use crate::chunk::Region;
use crate::device::View;
use crate::op::regional::Lines;
use crate::op::regional::nearest::Nearest;
use crate::shape;

/// Finds the nearest elements along the lines of `region`, of which `from` has the nearest along the axes before.
pub(super) fn over(op: &Lines, of: &Nearest, region: &Region, (lines, from): (&View, &[i64]), out: &mut [i64]) {
    let walk = Walk::new(op, region, lines);
    let (len, most) = (op.len, op.together(walk.longest()));
    let (mut before, mut after) = (Scratch::<i64>::new(most * len), Scratch::<i64>::new(most * len));
    let mut work = Work::new(&of.lengths, len);
    for group in walk.groups(most) {
        group.one_by_one(from, &mut before, len, |x| x);
        let mut at: Vec<usize> = group.corner.iter().zip(&region.start).map(|(c, s)| c + s).collect();
        for (line, made) in before.chunks_exact(len).zip(after.chunks_exact_mut(len)).take(group.count) {
            work.line(of, op.axis, &at, line, made);
            if let Some(across) = walk.across {
                at[across] += 1;
            }
        }
        for j in 0..len {
            for w in 0..group.count {
                out[group.place(j, w)] = after[w * len + j];
            }
        }
    }
}

/// Elements of a line that are the nearest somewhere: their places, how far they are along the axes before, and the
/// first place from which they are.
struct Work {
    nearest: Vec<(usize, f64, usize)>,
    strides: Vec<usize>,
}

impl Work {
    fn new(lengths: &[usize], len: usize) -> Self {
        Self { nearest: Vec::with_capacity(len), strides: shape::strides(lengths) }
    }

    fn line(&mut self, of: &Nearest, axis: usize, at: &[usize], line: &[i64], out: &mut [i64]) {
        let found = &mut self.nearest;
        found.clear();
        for (place, &element) in line.iter().enumerate() {
            let Ok(element) = usize::try_from(element) else { continue };
            let far = of.before(axis, element, at, &self.strides);
            let from = |(q, before): (usize, f64), to: usize| of.with(before, of.along(axis, q, to));
            while let Some(&(q, before, first)) = found.last() {
                if from((q, before), first) <= from((place, far), first) {
                    break;
                }
                found.pop();
            }
            let first = match found.last() {
                None => 0,
                Some(&(q, before, first)) => {
                    let last = of.until(axis, (q, before), (place, far));
                    #[expect(clippy::cast_precision_loss, reason = "places are exact")]
                    if last + 1.0 >= line.len() as f64 {
                        continue;
                    }
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the line")]
                    let next = (last + 1.0).max(0.0) as usize;
                    next.max(first + 1)
                }
            };
            if first < line.len() {
                found.push((place, far, first));
            }
        }
        let mut end = line.len();
        for &(q, _, first) in found.iter().rev() {
            out[first..end].fill(line[q]);
            end = first;
        }
        out[..end].fill(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::regional::filter::Number;
    use crate::op::regional::nearest::Metric;

    #[test]
    fn no_element_is_nearer() {
        let mut state = 7usize;
        let mut draw = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for round in 0..600 {
            let metric = [Metric::Euclidean, Metric::Taxicab, Metric::Chessboard][round % 3];
            let step = if metric == Metric::Euclidean { [1.0, 0.3, 2.5, 0.0][draw(4)] } else { 1.0 };
            let lengths = vec![1 + draw(9), 1 + draw(25)];
            let of =
                Nearest { metric, sampling: vec![Number::from(1.0), Number::from(step)], lengths: lengths.clone() };
            let at = draw(lengths[0]);
            let line: Vec<i64> = (0..lengths[1])
                .map(|j| if draw(3) == 0 { -1 } else { (draw(lengths[0]) * lengths[1] + j).cast_signed() as i64 })
                .collect();
            let mut made = vec![0; line.len()];
            Work::new(&lengths, line.len()).line(&of, 1, &[at, 0], &line, &mut made);
            let far = |element: i64, x: usize| {
                let element = usize::try_from(element).unwrap();
                of.with(of.before(1, element, &[at, x], &[lengths[1], 1]), of.along(1, element % lengths[1], x))
            };
            for (x, &found) in made.iter().enumerate() {
                let least = line.iter().filter(|e| **e >= 0).map(|&e| far(e, x)).reduce(f64::min);
                assert_eq!(least.is_none(), found < 0);
                if let Some(least) = least {
                    assert!((far(found, x) - least).abs() <= 1e-12 * least, "{of:?} {line:?} {made:?} at {x}");
                }
            }
        }
    }
}
