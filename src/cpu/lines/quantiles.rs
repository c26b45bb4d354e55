//! Quantiles of lines, and of a line of which only some elements are known.

use super::keys::Key;
use super::number::{self, Number};
use super::scratch::Scratch;
use super::walk::{Group, Walk};
use super::{by_network, cast, network, select};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::{Between, Levels, Quantiles};

/// What finds quantiles: of any dtype, given what is at a place between two elements. That is asked for one NaN, twice,
/// where the place is NaN itself, and is told whether the two are one.
trait Finder<T> {
    fn run<R: Copy>(self, out: &mut [R], nan: R, blend: impl Fn(T, T, f64, bool) -> R);
}

/// Lets `finder` find the quantiles `of` elements of `dtype`.
fn find<T: Number>(of: &Quantiles, dtype: DType, out: &mut [u8], finder: impl Finder<T>) -> Result<()> {
    let (middle, exact) = (of.levels == Levels::Middle, of.is_exact());
    match of.output {
        output if output == dtype => finder.run(cast::<T>(out)?, T::nan(), |a, b, t, one| match (t.is_nan(), middle) {
            (true, _) => a,
            (_, true) if one => a.alone(),
            (_, true) => T::mean(a, b),
            _ if exact => a,
            _ => T::between(a, b, t),
        }),
        DType::F64 => finder.run(cast::<f64>(out)?, f64::NAN, |a: T, b, t, _| match (t.is_nan(), middle) {
            (true, _) => a.wide(),
            (_, true) => (a.wide() + b.wide()) / 2.0,
            _ => number::between(a, b, t),
        }),
        DType::I64 => {
            finder.run(cast::<i64>(out)?, 0, |a: T, b: T, t, _| if t < 0.5 { a.whole() } else { b.whole() });
        }
        other => return Err(Error::bug(format!("quantiles keep their dtype or become float64 or int64, not {other}"))),
    }
    Ok(())
}

/// The quantiles of all lines.
pub(super) fn over<T: Number>(walk: &Walk, from: &[T], of: &Quantiles, out: &mut [u8]) -> Result<()> {
    find(of, walk.op.dtype, out, Lines { walk, from, of })
}

/// The quantiles of one line of `len` elements of which `valid` are not NaN; `at` knows those that matter by their
/// place in the line in order.
pub(super) fn one<T: Number>(
    of: &Quantiles,
    dtype: DType,
    (len, valid): (usize, usize),
    at: impl Fn(usize) -> T,
    out: &mut [u8],
) -> Result<()> {
    find(of, dtype, out, One { of, len, valid, at })
}

struct One<'a, F> {
    of: &'a Quantiles,
    len: usize,
    valid: usize,
    at: F,
}

impl<T: Copy, F: Fn(usize) -> T> Finder<T> for One<'_, F> {
    fn run<R: Copy>(self, out: &mut [R], nan: R, blend: impl Fn(T, T, f64, bool) -> R) {
        if self.valid < self.len && !self.of.skips_nan {
            let last = (self.at)(self.len - 1);
            return out.fill(blend(last, last, f64::NAN, true));
        }
        if self.valid == 0 {
            return out.fill(nan);
        }
        for (out, b) in out.iter_mut().zip(self.of.of(self.valid)) {
            *out = blend((self.at)(b.low), (self.at)(b.high), b.weight, b.low == b.high);
        }
    }
}

struct Lines<'a, T> {
    walk: &'a Walk<'a>,
    from: &'a [T],
    of: &'a Quantiles,
}

/// A line in order, as far as it is needed.
struct Column<'a, K> {
    keys: &'a [K],
    /// Between neighbours.
    step: usize,
    len: usize,
    /// Elements that are not NaN, which come first.
    valid: usize,
}

impl<T: Number> Finder<T> for Lines<'_, T> {
    fn run<R: Copy>(self, out: &mut [R], nan: R, blend: impl Fn(T, T, f64, bool) -> R) {
        let Self { walk, from, of } = self;
        let len = walk.op.len;
        if len == 0 {
            return out.fill(nan);
        }
        let (mut n, mut places) = (len, of.of(len));
        let write = |group: &Group, w: usize, line: Column<T::Key>| {
            let at = |rank: usize| T::of(line.keys[rank * line.step]);
            if line.valid < line.len && !of.skips_nan {
                let last = at(line.len - 1);
                return (0..places.len()).for_each(|j| out[group.place(j, w)] = blend(last, last, f64::NAN, true));
            }
            if line.valid == 0 {
                return (0..places.len()).for_each(|j| out[group.place(j, w)] = nan);
            }
            if n != line.valid {
                (n, places) = (line.valid, of.of(line.valid));
            }
            for (j, b) in places.iter().enumerate() {
                out[group.place(j, w)] = blend(at(b.low), at(b.high), b.weight, b.low == b.high);
            }
        };
        if by_network::<T::Key>(walk) {
            side_by_side(walk, from, write);
        } else {
            one_by_one(walk, from, of, write);
        }
    }
}

/// Sorts short lines together, and hands over each.
fn side_by_side<T: Number>(walk: &Walk, from: &[T], mut write: impl FnMut(&Group, usize, Column<T::Key>)) {
    let (len, width) = (walk.op.len, network::width::<T::Key>());
    let mut panel = Scratch::<T::Key>::new(len * width);
    for group in walk.groups(width) {
        group.side_by_side(from, &mut panel, width, |_, x| x.key());
        T::Key::sort_panel(&mut panel);
        for w in 0..group.count {
            let keys = &panel[w..];
            let valid = T::first_nan().map_or(len, |nan| valid(keys, width, len, nan));
            write(&group, w, Column { keys, step: width, len, valid });
        }
    }
}

/// Puts in place what is needed of long lines, and hands over each.
fn one_by_one<T: Number>(
    walk: &Walk,
    from: &[T],
    of: &Quantiles,
    mut write: impl FnMut(&Group, usize, Column<T::Key>),
) {
    let len = walk.op.len;
    let most = walk.op.together(walk.longest());
    let mut keys = Scratch::<T::Key>::new(most * len);
    let (mut known, mut wanted) = (None, Vec::new());
    for group in walk.groups(most) {
        group.one_by_one(from, &mut keys, len, T::key);
        for (w, line) in keys.chunks_exact_mut(len).take(group.count).enumerate() {
            let valid = T::first_nan().map_or(len, |nan| select::below(line, nan));
            if known != Some(valid) {
                (known, wanted) = (Some(valid), ranks(of, len, valid));
            }
            // Where NaN is last, it is the only one that is wanted.
            let end = if wanted.last().is_some_and(|&r| r >= valid) { len } else { valid };
            T::Key::select(&mut line[..end], &wanted);
            write(&group, w, Column { keys: line, step: 1, len, valid });
        }
    }
}

/// The places of a line in order that its quantiles are made of, ascending.
pub(super) fn ranks(of: &Quantiles, len: usize, valid: usize) -> Vec<usize> {
    if valid < len && !of.skips_nan {
        return vec![len - 1];
    }
    let places: Vec<Between> = if valid == 0 { Vec::new() } else { of.of(valid) };
    let mut ranks: Vec<usize> = places.iter().flat_map(|b| [b.low, b.high]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// The keys of a line in order, `step` apart, that come before `nan`.
fn valid<K: Key>(keys: &[K], step: usize, len: usize, nan: K) -> usize {
    if keys[(len - 1) * step] < nan {
        return len;
    }
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = usize::midpoint(low, high);
        if keys[middle * step] < nan { low = middle + 1 } else { high = middle }
    }
    low
}
