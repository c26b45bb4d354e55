//! Quicksort over vector registers: what is not greater than a pivot to one side, and short parts by a network.
//!
//! A vector is parted by moving its smaller lanes to the front; it is then written to both ends of what has been read,
//! where the side that does not belong is written over later. Blacher and others, "Vectorized and performance-portable
//! quicksort" (2022), describe the method. Whatever a part looks like, its ends are the same: keys that are equal
//! cannot be told apart.

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "there are no vectors"))]
#![allow(clippy::inline_always, reason = "what vectors do is compiled for the instruction set of the caller")]

use super::vector::Vector;
use crate::cpu::isa::{self, Isa};
use std::ops::Range;

/// Vectors of a block that is read from one side.
const BLOCK: usize = 4;

/// So many times may parts be cut before a bad choice of pivots is given up: twice the cuts of a line that they halve.
fn patience(n: usize) -> u32 {
    2 * n.max(2).ilog2()
}

/// Compares lanes `BY` apart, and puts the smaller into the one without `BIT`.
#[inline(always)]
unsafe fn exchanged<V: Vector, const BY: usize, const BIT: usize>(v: V) -> V {
    // SAFETY: the caller has the instructions.
    unsafe {
        let other = v.swapped::<BY>();
        v.min(other).or::<BIT>(v.max(other))
    }
}

/// Sorts lanes that rise and fall once.
#[inline(always)]
unsafe fn merged<V: Vector>(mut v: V) -> V {
    // SAFETY: the caller has the instructions.
    unsafe {
        if V::LANES > 8 {
            v = exchanged::<V, 8, 8>(v);
        }
        if V::LANES > 4 {
            v = exchanged::<V, 4, 4>(v);
        }
        exchanged::<V, 1, 1>(exchanged::<V, 2, 2>(v))
    }
}

/// Sorts the lanes of a vector.
#[inline(always)]
unsafe fn sorted<V: Vector>(mut v: V) -> V {
    // SAFETY: the caller has the instructions.
    unsafe {
        v = exchanged::<V, 1, 1>(v);
        v = exchanged::<V, 1, 1>(exchanged::<V, 3, 2>(v));
        if V::LANES > 4 {
            v = exchanged::<V, 1, 1>(exchanged::<V, 2, 2>(exchanged::<V, 7, 4>(v)));
        }
        if V::LANES > 8 {
            v = exchanged::<V, 1, 1>(exchanged::<V, 2, 2>(exchanged::<V, 4, 4>(exchanged::<V, 15, 8>(v))));
        }
        v
    }
}

/// Sorts all keys of some rows, a power of two of them: Batcher's bitonic network.
#[inline(always)]
unsafe fn network<V: Vector, const R: usize>(rows: &mut [V; R]) {
    // SAFETY: the caller has the instructions.
    unsafe {
        for row in rows.iter_mut() {
            *row = sorted(*row);
        }
        for half in [1, 2, 4] {
            if half >= R {
                break;
            }
            let before = *rows;
            for first in (0..R).step_by(2 * half) {
                for r in 0..half {
                    let (low, high) = (before[first + r], before[first + 2 * half - 1 - r].turned());
                    rows[first + r] = low.min(high);
                    rows[first + half + r] = low.max(high);
                }
            }
            for step in [2, 1] {
                if step >= half {
                    continue;
                }
                for r in (0..R).filter(|r| r & step == 0) {
                    (rows[r], rows[r + step]) = (rows[r].min(rows[r + step]), rows[r].max(rows[r + step]));
                }
            }
            for row in rows.iter_mut() {
                *row = merged(*row);
            }
        }
    }
}

/// Sorts the keys of sixteen rows: each column by Green's network (Knuth volume 3, section 5.3.4), then columns in
/// pairs, pairs of these and so on; at last columns become rows.
#[inline(always)]
unsafe fn sixteen<V: Vector>(rows: &mut [V; 16]) {
    macro_rules! compare {
        ($($low:literal $high:literal),* $(,)?) => {
            $((rows[$low], rows[$high]) = (rows[$low].min(rows[$high]), rows[$low].max(rows[$high]));)*
        };
    }
    // SAFETY: the caller has the instructions.
    unsafe {
        compare! {
            0 1, 2 3, 4 5, 6 7, 8 9, 10 11, 12 13, 14 15,
            0 2, 1 3, 4 6, 5 7, 8 10, 9 11, 12 14, 13 15,
            0 4, 1 5, 2 6, 3 7, 8 12, 9 13, 10 14, 11 15,
            0 8, 1 9, 2 10, 3 11, 4 12, 5 13, 6 14, 7 15,
            5 10, 6 9, 3 12, 13 14, 4 8, 7 11, 1 2,
            1 4, 7 13, 2 8, 11 14,
            2 4, 5 6, 9 10, 11 13, 3 8, 7 12,
            6 8, 10 12, 3 5, 7 9,
            3 4, 5 6, 7 8, 9 10, 11 12,
            6 7, 8 9,
        }
        joined::<V, 1, 1>(rows);
        if V::LANES > 2 {
            joined::<V, 3, 2>(rows);
        }
        if V::LANES > 4 {
            joined::<V, 7, 4>(rows);
        }
        if V::LANES > 8 {
            joined::<V, 15, 8>(rows);
        }
        crossed::<V, 1>(rows);
        crossed::<V, 2>(rows);
        if V::LANES > 4 {
            crossed::<V, 4>(rows);
        }
        if V::LANES > 8 {
            crossed::<V, 8>(rows);
        }
        // Blocks of as many rows as there are lanes have been transposed; a column is spread over all of them.
        let blocks = *rows;
        for (r, row) in rows.iter_mut().enumerate() {
            let per = 16 / V::LANES;
            *row = blocks[r % per * V::LANES + r / per];
        }
    }
}

/// Joins sorted groups of columns in pairs, whose lanes differ by the bit `BIT` and become groups of `ALL + 1`.
#[inline(always)]
unsafe fn joined<V: Vector, const ALL: usize, const BIT: usize>(rows: &mut [V; 16]) {
    // SAFETY: the caller has the instructions.
    unsafe {
        for r in 0..8 {
            let (a, b) = (rows[r], rows[15 - r].swapped::<ALL>());
            let (low, high) = (a.min(b), a.max(b));
            rows[r] = low.or::<BIT>(high);
            rows[15 - r] = high.or::<BIT>(low).swapped::<ALL>();
        }
        for row in rows.iter_mut() {
            if BIT > 4 {
                *row = exchanged::<V, 4, 4>(*row);
            }
            if BIT > 2 {
                *row = exchanged::<V, 2, 2>(*row);
            }
            if BIT > 1 {
                *row = exchanged::<V, 1, 1>(*row);
            }
        }
        for step in [8, 4, 2, 1] {
            for r in (0..16).filter(|r| r & step == 0) {
                (rows[r], rows[r + step]) = (rows[r].min(rows[r + step]), rows[r].max(rows[r + step]));
            }
        }
    }
}

/// Swaps the bit `BIT` of the numbers of rows and lanes: a step of a transposition.
#[inline(always)]
unsafe fn crossed<V: Vector, const BIT: usize>(rows: &mut [V; 16]) {
    for r in (0..16).filter(|r| r & BIT == 0) {
        let (a, b) = (rows[r], rows[r + BIT]);
        // SAFETY: the caller has the instructions.
        unsafe {
            rows[r] = a.or::<BIT>(b.swapped::<BIT>());
            rows[r + BIT] = a.swapped::<BIT>().or::<BIT>(b);
        }
    }
}

/// Sorts at most `R` rows of keys.
#[inline(always)]
unsafe fn few<V: Vector, const R: usize>(line: &mut [V::Key]) {
    // SAFETY: the caller has the instructions; a row that is not whole is read and written through `rest`.
    unsafe {
        let mut rows = [V::splat(V::LAST); R];
        let (whole, rest) = (line.len() / V::LANES, line.len() % V::LANES);
        let mut edge = [V::LAST; 16];
        edge[..rest].copy_from_slice(&line[whole * V::LANES..]);
        for (r, row) in rows.iter_mut().enumerate() {
            if r < whole {
                *row = V::load(line.as_ptr().add(r * V::LANES));
            } else if r == whole {
                *row = V::load(edge.as_ptr());
            }
        }
        if R == 16 {
            if let Ok(rows) = <&mut [V; 16]>::try_from(&mut rows[..]) {
                sixteen(rows);
            }
        } else {
            network(&mut rows);
        }
        for (r, row) in rows.iter().enumerate() {
            if r < whole {
                row.store(line.as_mut_ptr().add(r * V::LANES));
            } else if r == whole {
                row.store(edge.as_mut_ptr());
            }
        }
        line[whole * V::LANES..].copy_from_slice(&edge[..rest]);
    }
}

/// Sorts a short line.
#[inline(always)]
unsafe fn short<V: Vector>(line: &mut [V::Key]) {
    // SAFETY: the caller has the instructions.
    unsafe {
        match line.len().div_ceil(V::LANES) {
            0 | 1 => few::<V, 1>(line),
            2 => few::<V, 2>(line),
            3 | 4 => few::<V, 4>(line),
            5..=8 => few::<V, 8>(line),
            _ => few::<V, 16>(line),
        }
    }
}

/// The middle one of keys at regular distances.
#[inline(always)]
unsafe fn pivot<V: Vector>(line: &[V::Key]) -> V::Key {
    let (mut keys, rows) = ([V::LAST; 64], if line.len() < 64 * V::LANES { 1 } else { 4 });
    let count = rows * V::LANES;
    let step = line.len() / count;
    for (i, key) in keys[..count].iter_mut().enumerate() {
        *key = line[i * step + step / 2];
    }
    // SAFETY: the caller has the instructions.
    unsafe { short::<V>(&mut keys[..count]) };
    keys[count / 2]
}

/// Moves the keys that are not greater than `pivot` before those that are; how many these are. There are at least
/// `3 * BLOCK` vectors of keys.
#[inline(always)]
unsafe fn part<V: Vector>(line: &mut [V::Key], pivot: V::Key) -> usize {
    let (block, keys) = (BLOCK * V::LANES, line.len() - line.len() % V::LANES);
    // SAFETY: the caller has the instructions. What has been read and not written leaves room between what is written
    // and what is not read, at both ends: a block each at first. A block is read from the end with less room, one ahead
    // of the block that is written, and a vector takes its own length on both ends together. So before a block is
    // written there are four blocks of room, one and a half at the least on either side, and a vector at least for each
    // that is written.
    unsafe {
        let (start, wide) = (line.as_mut_ptr(), V::splat(pivot));
        let take = |at: usize| {
            let mut vectors = [wide; BLOCK];
            for (i, v) in vectors.iter_mut().enumerate() {
                *v = V::load(start.add(at + i * V::LANES));
            }
            vectors
        };
        let (mut low, mut high) = (0, keys);
        let mut write = |v: V| {
            let less = v.part(wide, start.add(low), start.add(high));
            low += less;
            high -= V::LANES - less;
            (low, high)
        };
        let held = [take(0), take(keys - block)];
        let (mut read, mut end) = (2 * block, keys - block);
        let (mut now, mut written) = (take(block), (0, keys));
        while end - read >= block {
            // Decided before the block is written, so that loads do not wait for that.
            let before = read - written.0 <= written.1 - end;
            let next = take(if before { read } else { end - block });
            read += if before { block } else { 0 };
            end -= if before { 0 } else { block };
            for v in now {
                written = write(v);
            }
            now = next;
        }
        // When all is read, there is room for the rest in one place.
        let (mut rest, count) = ([wide; BLOCK], (end - read) / V::LANES);
        for (i, v) in rest[..count].iter_mut().enumerate() {
            *v = V::load(start.add(read + i * V::LANES));
        }
        for v in now.iter().chain(&rest[..count]).chain(held.iter().flatten()) {
            written = write(*v);
        }
        let mut less = written.0;
        for i in keys..line.len() {
            if line[i] <= pivot {
                line.swap(i, less);
                less += 1;
            }
        }
        less
    }
}

/// Sorts `line` where `wanted` says so of a range.
#[inline(always)]
unsafe fn body<V: Vector>(line: &mut [V::Key], wanted: &dyn Fn(Range<usize>) -> bool) {
    let mut parts = vec![(0..line.len(), patience(line.len()))];
    while let Some((range, patience)) = parts.pop() {
        if range.len() < 2 || !wanted(range.clone()) {
            continue;
        }
        let keys = &mut line[range.clone()];
        // SAFETY: the caller has the instructions.
        unsafe {
            if keys.len() <= 16 * V::LANES {
                short::<V>(keys);
                continue;
            }
            if patience == 0 {
                keys.sort_unstable();
                continue;
            }
            let pivot = pivot::<V>(keys);
            let less = part::<V>(keys, pivot);
            if less < keys.len() {
                parts.push((range.start + less..range.end, patience - 1));
                parts.push((range.start..range.start + less, patience - 1));
                continue;
            }
            // The pivot is the largest key.
            if let Some(next) = V::before(pivot) {
                let less = part::<V>(keys, next);
                parts.push((range.start..range.start + less, patience - 1));
            }
        }
    }
}

/// Keys that fill registers.
pub(super) trait Wide: Copy + Ord {
    /// Puts `line` in ascending order as far as `wanted` says of ranges of places; in the others are the keys that
    /// belong there, in any order. False, and nothing is done, where this machine has no instructions for it.
    fn sort_where(line: &mut [Self], wanted: &dyn Fn(Range<usize>) -> bool) -> bool;
}

macro_rules! wide {
    ($($K:ident as $Avx512:ident or $Avx2:ident;)*) => {
        $(impl Wide for $K {
            #[cfg(target_arch = "x86_64")]
            fn sort_where(line: &mut [Self], wanted: &dyn Fn(Range<usize>) -> bool) -> bool {
                use super::vector::x86;

                #[target_feature(enable = "avx2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512(line: &mut [$K], wanted: &dyn Fn(Range<usize>) -> bool) {
                    // SAFETY: these are the instructions of the type.
                    unsafe { body::<x86::$Avx512>(line, wanted) };
                }

                #[target_feature(enable = "avx2,popcnt")]
                fn avx2(line: &mut [$K], wanted: &dyn Fn(Range<usize>) -> bool) {
                    // SAFETY: as above.
                    unsafe { body::<x86::$Avx2>(line, wanted) };
                }

                match isa::best() {
                    // SAFETY: `best` found these instructions on this machine.
                    Isa::Avx512 => unsafe { avx512(line, wanted) },
                    // SAFETY: as above.
                    Isa::Avx2 => unsafe { avx2(line, wanted) },
                    Isa::Baseline => return false,
                }
                true
            }

            #[cfg(not(target_arch = "x86_64"))]
            fn sort_where(_: &mut [Self], _: &dyn Fn(Range<usize>) -> bool) -> bool {
                false
            }
        })*
    };
}
wide! {
    u32 as U32x16 or U32x8;
    u64 as U64x8 or U64x4;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize) -> impl Iterator<Item = u64> {
        let mut x = 88_172_645_463_325_252u64;
        (0..n).map(move |_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        })
    }

    /// Lines of many lengths, of few and of many different keys, in order, from behind and in none.
    fn lines() -> impl Iterator<Item = Vec<u64>> {
        let lengths = (0..300).chain([511, 512, 513, 1000, 4096, 5000, 33_333]);
        lengths.flat_map(|n| {
            [1, 2, 7, 1 << 20, u64::MAX].into_iter().flat_map(move |many| {
                let some: Vec<u64> = random(n).map(|x| x % many).collect();
                let ascending: Vec<u64> = (0..n as u64).map(|i| i % many).collect();
                let last = some.iter().map(|x| u64::MAX - x).collect();
                let behind = ascending.iter().rev().copied().collect();
                [some, last, ascending, behind]
            })
        })
    }

    fn check<K: Wide + std::fmt::Debug>(line: &[K], place: usize) {
        let (mut sorted, mut found, mut there) = (line.to_vec(), line.to_vec(), line.to_vec());
        sorted.sort_unstable();
        if !K::sort_where(&mut found, &|_| true) {
            return;
        }
        assert_eq!(found, sorted);
        K::sort_where(&mut there, &|range| range.contains(&place));
        if place < line.len() {
            assert_eq!(there[place], sorted[place]);
            assert!(there[..place].iter().all(|x| *x <= sorted[place]));
            assert!(there[place..].iter().all(|x| *x >= sorted[place]));
        }
        there.sort_unstable();
        assert_eq!(there, sorted, "keys are lost");
    }

    #[test]
    fn lines_are_sorted_as_comparisons_do() {
        for line in lines() {
            let place = line.len() * 3 / 7;
            check(&line, place);
            check(&line.iter().map(|&x| x as u32).collect::<Vec<_>>(), place);
        }
    }

    /// Both instruction sets, whichever this machine would take.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vectors_of_every_kind_agree() {
        use super::super::vector::x86;

        #[target_feature(enable = "avx2,popcnt")]
        fn narrow(line: &mut [u64], short: &mut [u32]) {
            // SAFETY: these are the instructions of the types.
            unsafe {
                body::<x86::U64x4>(line, &|_| true);
                body::<x86::U32x8>(short, &|_| true);
            }
        }

        if isa::best() < Isa::Avx2 {
            return;
        }
        for mut line in lines() {
            let mut short: Vec<u32> = line.iter().map(|&x| x as u32).collect();
            let (mut sorted, mut sorted_short) = (line.clone(), short.clone());
            sorted.sort_unstable();
            sorted_short.sort_unstable();
            // SAFETY: this machine has these instructions.
            unsafe { narrow(&mut line, &mut short) };
            assert_eq!(line, sorted);
            assert_eq!(short, sorted_short);
        }
    }

    #[test]
    fn pivots_that_halve_nothing_are_given_up() {
        // Most keys are equal, and those at the places that are looked at are the largest.
        let mut line: Vec<u32> = (0..1 << 16).map(|i| if i % 1024 == 512 { u32::MAX } else { i }).collect();
        let mut sorted = line.clone();
        sorted.sort_unstable();
        assert!(u32::sort_where(&mut line, &|_| true) == (line == sorted));
    }
}
