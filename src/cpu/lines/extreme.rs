//! The most extreme elements of long lines, which are read once and not kept.

use super::keys::{Key, Ordered};
use super::walk::{Group, Walk};
use crate::op::regional::End;
use crate::op::regional::lines::Extreme;

/// Elements of a line that are looked at together.
const STRIP: usize = 256;

/// The best so far of one line: pairs of key and position, or keys alone.
struct Best<P> {
    seen: Vec<P>,
    /// What only better ones replace; none while there are too few.
    bound: Option<P>,
}

/// What is compared: the key of an element, with its position where that is asked for.
pub(super) trait Place<K>: Ord + Copy {
    /// Of an element and its position.
    fn new(key: K, at: usize) -> Self;
    /// The key.
    fn key(self) -> K;
}

impl<K: Key> Place<K> for K {
    #[inline(always)]
    fn new(key: K, _: usize) -> Self {
        key
    }

    #[inline(always)]
    fn key(self) -> K {
        self
    }
}

impl<K: Key> Place<K> for (K, usize) {
    #[inline(always)]
    fn new(key: K, at: usize) -> Self {
        (key, at)
    }

    #[inline(always)]
    fn key(self) -> K {
        self.0
    }
}

/// Finds the elements at one end of every line of a walk; `give` takes the group, the line's number in it and the best
/// in ascending order.
pub(super) fn over<T: Ordered, P: Place<T::Key>>(
    walk: &Walk,
    from: &[T],
    (of, end): (Extreme, End),
    key: impl Fn(T) -> T::Key + Copy,
    mut give: impl FnMut(&Group, usize, &[P]),
) {
    let most = walk.op.together(walk.longest());
    let mut lines: Vec<Best<P>> =
        (0..most).map(|_| Best { seen: Vec::with_capacity(of.room()), bound: None }).collect();
    for group in walk.groups(most) {
        for line in &mut lines {
            line.seen.clear();
            line.bound = None;
        }
        for first in (0..walk.op.len).step_by(STRIP) {
            let count = STRIP.min(walk.op.len - first);
            for (w, line) in lines[..group.count].iter_mut().enumerate() {
                if group.step == 1 {
                    let start = group.at(first, w);
                    let strip = &from[start..start + count];
                    line.offer(of, end, first, count, |i| key(strip[i]));
                } else {
                    line.offer(of, end, first, count, |i| key(from[group.at(first + i, w)]));
                }
            }
        }
        for (w, line) in lines[..group.count].iter_mut().enumerate() {
            line.keep(of.count, end);
            line.seen.sort_unstable();
            give(&group, w, &line.seen);
        }
    }
}

impl<P: Copy + Ord> Best<P> {
    /// Looks at `count` elements from position `first` on.
    #[inline(always)]
    fn offer<K: Key>(&mut self, of: Extreme, end: End, first: usize, count: usize, key: impl Fn(usize) -> K)
    where
        P: Place<K>,
    {
        if let Some(bound) = self.bound {
            let bound = bound.key();
            // Without a branch for each element; what ties is looked at more closely.
            let any = match end {
                End::First => (0..count).fold(false, |any, i| any | (key(i) <= bound)),
                End::Last => (0..count).fold(false, |any, i| any | (key(i) >= bound)),
            };
            if !any {
                return;
            }
        }
        for i in 0..count {
            let place = P::new(key(i), first + i);
            let better = self.bound.is_none_or(|bound| match end {
                End::First => place < bound,
                End::Last => place > bound,
            });
            if better {
                self.seen.push(place);
            }
        }
        if self.seen.len() + STRIP > of.room() {
            self.keep(of.count, end);
        }
    }

    /// Forgets all but the `count` best.
    fn keep(&mut self, count: usize, end: End) {
        let n = self.seen.len();
        if n <= count {
            return;
        }
        self.bound = Some(match end {
            End::First => {
                let bound = *self.seen.select_nth_unstable(count - 1).1;
                self.seen.truncate(count);
                bound
            }
            End::Last => {
                let bound = *self.seen.select_nth_unstable(n - count).1;
                self.seen.drain(..n - count);
                bound
            }
        });
    }
}
