//! Elements as keys: numbers that compare as NumPy orders elements, and from which these come back bit by bit.
//!
//! A line is turned into keys once, so that nothing that orders it knows about signs and NaN. Of floating-point numbers
//! -0 comes before +0 and NaN comes last, by its bits, so that every way to sort gives the same bytes.

use super::quick::Wide;
use super::scratch::Scratch;
use super::{network, select};
use bytemuck::{Pod, Zeroable};
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};
use std::cmp::Ordering;
use std::ops::Range;

/// What lines are ordered by.
pub(crate) trait Key: Pod + Ord + Send + Sync {
    /// Whether lines of them can be sorted side by side.
    const LANES: bool;

    /// Puts `line` in ascending order.
    fn sort(line: &mut [Self]);

    /// Puts the keys of `range`, of the line in order, in their places; smaller ones end up before them, larger ones
    /// after.
    fn sort_range(line: &mut [Self], range: Range<usize>) {
        if range.start > 0 && !range.is_empty() {
            line.select_nth_unstable(range.start);
        }
        if range.end < line.len() && !range.is_empty() {
            line[range.start..].select_nth_unstable(range.len());
        }
        Self::sort(&mut line[range]);
    }

    /// Puts the keys of `ranks`, which ascend, in their places; smaller ones end up before them, larger ones after.
    fn select(line: &mut [Self], ranks: &[usize]) {
        select::select(line, ranks);
    }

    /// Sorts the lines of a panel, where these lie side by side.
    fn sort_panel(panel: &mut [Self]);

    /// The key as a number; 0 where it is none.
    fn bits(self) -> u64;

    /// The positions of the elements of `line` in ascending order, equal ones in the order they come in.
    fn argsort(line: &[Self]) -> impl Fn(usize) -> i64;
}

/// Elements that have keys of the same size.
pub(crate) trait Ordered: Pod {
    /// The keys.
    type Key: Key;

    /// The element's key.
    fn key(self) -> Self::Key;

    /// The element of a key.
    fn of(key: Self::Key) -> Self;

    /// A key that is the same for elements that are equal, and for all NaN: what keeps their order when they are
    /// sorted.
    fn rank(self) -> Self::Key;

    /// The first key of those of NaN; none where there is no NaN.
    fn first_nan() -> Option<Self::Key>;
}

macro_rules! keys {
    ($($T:ty { $($own:item)* })*) => {
        $(impl Key for $T {
            const LANES: bool = true;

            $($own)*

            fn sort_panel(panel: &mut [Self]) {
                network::sort_panel(panel);
            }

            fn bits(self) -> u64 {
                u64::from(self)
            }

            fn argsort(line: &[Self]) -> impl Fn(usize) -> i64 {
                let narrow = size_of::<Self>() <= 4 && u32::try_from(line.len()).is_ok();
                let packed = packed(line.iter().take(if narrow { line.len() } else { 0 }).map(|k| k.bits()));
                let pairs = if narrow { Vec::new() } else { paired(line, size_of::<Self>()) };
                move |rank| {
                    let at = if narrow { packed[rank] & u64::from(u32::MAX) } else { pairs[rank].1 };
                    at.cast_signed()
                }
            }
        })*
    };
}

/// What keys that fill registers are sorted by.
macro_rules! wide {
    ($($T:ty),*) => {
        keys! {
            $($T {
                fn sort(line: &mut [Self]) {
                    if !Self::sort_where(line, &|_| true) {
                        line.sort_unstable();
                    }
                }

                fn sort_range(line: &mut [Self], range: Range<usize>) {
                    if !Self::sort_where(line, &|part| part.start < range.end && range.start < part.end) {
                        line.sort_unstable();
                    }
                }

                fn select(line: &mut [Self], ranks: &[usize]) {
                    let next = |place| ranks.get(ranks.partition_point(|&rank| rank < place));
                    if !Self::sort_where(line, &|part| next(part.start).is_some_and(|rank| part.contains(rank))) {
                        select::select(line, ranks);
                    }
                }
            })*
        }
    };
}
wide!(u32, u64);

/// What keys of which there are few are sorted by: how often each is there, where lines are long enough for that.
macro_rules! counted {
    ($($T:ty, from $least:literal);*) => {
        keys! {
            $($T {
                fn sort(line: &mut [Self]) {
                    if line.len() < $least {
                        return line.sort_unstable();
                    }
                    let mut counts = vec![0_usize; 1 << <$T>::BITS];
                    for &key in line.iter() {
                        counts[usize::from(key)] += 1;
                    }
                    let mut rest = line;
                    for (key, &count) in (0..=<$T>::MAX).zip(&counts) {
                        let (these, after) = rest.split_at_mut(count);
                        these.fill(key);
                        rest = after;
                    }
                }
            })*
        }
    };
}
counted!(u8, from 64; u16, from 2048);

/// Keys of at most 32 bits in ascending order, each with its position in the lower half.
fn packed(keys: impl ExactSizeIterator<Item = u64>) -> Scratch<u64> {
    let mut line = Scratch::new(keys.len());
    line.iter_mut().zip(keys).enumerate().for_each(|(i, (pair, key))| *pair = (key << 32) | i as u64);
    u64::sort(&mut line);
    line
}

/// Pairs fewer than this many times their digits are sorted by comparisons.
const DIGITS_FROM: usize = 512;

/// Keys in ascending order, each with its position.
fn paired<K: Key>(keys: &[K], digits: usize) -> Vec<(K, u64)> {
    let mut line: Vec<(K, u64)> = keys.iter().enumerate().map(|(i, &key)| (key, i as u64)).collect();
    if !K::LANES || line.len() < DIGITS_FROM * digits {
        line.sort_unstable();
        return line;
    }
    let mut spare = line.clone();
    by_digits(&mut line, &mut spare, digits, |pair, digit| (pair.0.bits() >> (8 * digit)) as u8);
    line
}

/// Puts `line` in ascending order of `digits` digits, the least significant first; equal elements stay in their order.
fn by_digits<K: Copy>(line: &mut [K], spare: &mut [K], digits: usize, digit: impl Fn(K, usize) -> u8 + Copy) {
    let mut counts = [[0usize; 256]; 8];
    for &key in line.iter() {
        for (d, counts) in counts[..digits].iter_mut().enumerate() {
            counts[usize::from(digit(key, d))] += 1;
        }
    }
    let (mut from, mut to, mut swapped) = (line, spare, false);
    for (d, counts) in counts[..digits].iter_mut().enumerate() {
        if counts.contains(&from.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &key in from.iter() {
            let place = &mut counts[usize::from(digit(key, d))];
            to[*place] = key;
            *place += 1;
        }
        (from, to, swapped) = (to, from, !swapped);
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

macro_rules! integers {
    ($($T:ty as $U:ty, $flip:expr;)*) => {
        $(impl Ordered for $T {
            type Key = $U;

            #[inline(always)]
            fn key(self) -> $U {
                <$U>::from_ne_bytes(self.to_ne_bytes()) ^ $flip
            }

            #[inline(always)]
            fn of(key: $U) -> Self {
                Self::from_ne_bytes((key ^ $flip).to_ne_bytes())
            }

            #[inline(always)]
            fn rank(self) -> $U {
                self.key()
            }

            fn first_nan() -> Option<$U> {
                None
            }
        })*
    };
}
integers! {
    u8 as u8, 0; u16 as u16, 0; u32 as u32, 0; u64 as u64, 0;
    i8 as u8, 1 << 7; i16 as u16, 1 << 15; i32 as u32, 1 << 31; i64 as u64, 1 << 63;
}

macro_rules! floats {
    ($($T:ty as $U:ty, infinity $INF:expr;)*) => {
        $(impl Ordered for $T {
            type Key = $U;

            #[inline(always)]
            fn key(self) -> $U {
                const SIGN: $U = 1 << (<$U>::BITS - 1);
                let bits = self.to_bits();
                let flip = (bits >> (<$U>::BITS - 1)).wrapping_neg() | SIGN;
                // Negative NaN, the lowest so far, wraps around to the top.
                (bits ^ flip).wrapping_sub(SIGN - 1 - $INF)
            }

            #[inline(always)]
            fn of(key: $U) -> Self {
                const SIGN: $U = 1 << (<$U>::BITS - 1);
                let key = key.wrapping_add(SIGN - 1 - $INF);
                let flip = (key >> (<$U>::BITS - 1)).wrapping_sub(1) | SIGN;
                Self::from_bits(key ^ flip)
            }

            #[inline(always)]
            fn rank(self) -> $U {
                const SIGN: $U = 1 << (<$U>::BITS - 1);
                let bits = self.to_bits();
                // -0 is 0.
                let plain = Self::from_bits(if bits == SIGN { 0 } else { bits });
                if bits & (SIGN - 1) > $INF { <$U>::MAX } else { plain.key() }
            }

            fn first_nan() -> Option<$U> {
                Some(Self::from_bits($INF).key() + 1)
            }
        })*
    };
}
floats! {
    f16 as u16, infinity 0x7c00;
    bf16 as u16, infinity 0x7f80;
    f32 as u32, infinity 0x7f80_0000;
    f64 as u64, infinity 0x7ff0_0000_0000_0000;
}

macro_rules! complexes {
    ($($Z:ty, $T:ty as $Key:ident of $U:ty;)*) => {
        $(
        /// The keys of both parts. Numbers come first, then those with NaN in the imaginary part, in the real part, in
        /// both; then the real part decides, then the imaginary one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
        #[repr(C)]
        pub(crate) struct $Key { re: $U, im: $U }

        impl Ord for $Key {
            fn cmp(&self, other: &Self) -> Ordering {
                let nan = |key: $U| Some(key) >= <$T>::first_nan();
                let class = |z: &Self| (nan(z.re), nan(z.im));
                (class(self), self.re, self.im).cmp(&(class(other), other.re, other.im))
            }
        }

        impl PartialOrd for $Key {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Key for $Key {
            const LANES: bool = false;

            fn sort(line: &mut [Self]) {
                line.sort_unstable();
            }

            fn sort_panel(_: &mut [Self]) {}

            fn bits(self) -> u64 {
                0
            }

            fn argsort(line: &[Self]) -> impl Fn(usize) -> i64 {
                let pairs = paired(line, 0);
                move |rank| pairs[rank].1.cast_signed()
            }
        }

        impl Ordered for $Z {
            type Key = $Key;

            fn key(self) -> $Key {
                $Key { re: self.re.key(), im: self.im.key() }
            }

            fn of(key: $Key) -> Self {
                Self { re: <$T>::of(key.re), im: <$T>::of(key.im) }
            }

            fn rank(self) -> $Key {
                $Key { re: self.re.rank(), im: self.im.rank() }
            }

            fn first_nan() -> Option<$Key> {
                <$T>::first_nan().map(|im| $Key { re: 0, im })
            }
        }
        )*
    };
}
complexes! {
    Complex32, f32 as KeyC64 of u32;
    Complex64, f64 as KeyC128 of u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_floats_and_come_back() {
        fn check<T: Ordered + std::fmt::Debug>(ascending: &[T]) {
            let keys: Vec<T::Key> = ascending.iter().map(|x| x.key()).collect();
            assert!(keys.is_sorted(), "{ascending:?}");
            for x in ascending {
                assert_eq!(bytemuck::bytes_of(&T::of(x.key())), bytemuck::bytes_of(x), "{x:?}");
            }
        }
        let floats =
            [f32::NEG_INFINITY, -2.5, -1e-40, -0.0, 0.0, 1e-40, 2.5, f32::MAX, f32::INFINITY, f32::NAN, -f32::NAN];
        check(&floats);
        check(&floats.map(f64::from));
        check(&floats.map(f16::from_f32));
        check(&floats.map(bf16::from_f32));
        check(&[i32::MIN, -1, 0, 1, i32::MAX]);
        let nan = f32::NAN;
        check(
            &[(-1.0, 5.0), (0.0, -1.0), (0.0, 2.0), (-9.0, nan), (3.0, nan), (nan, -1.0), (nan, 2.0), (nan, nan)]
                .map(|(re, im)| Complex32 { re, im }),
        );
        for x in [-0.0f32, 0.0] {
            assert_eq!(x.rank(), 0.0f32.key());
        }
        assert_eq!(f32::NAN.rank(), (-f32::NAN).rank());
        assert!(floats.iter().all(|x| (Some(x.key()) >= f32::first_nan()) == x.is_nan()));
    }

    #[test]
    fn digits_sort_like_comparisons() {
        let mut x = 1u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            x >> 20
        };
        for mask in [u64::MAX, 0xff00, 0xf_0000_0000, 0] {
            let line: Vec<u64> = (0..10_000).map(|_| next() & mask).collect();
            let mut sorted: Vec<(u64, u64)> = line.iter().zip(0..).map(|(&key, i)| (key, i)).collect();
            sorted.sort_unstable();
            assert_eq!(paired(&line, size_of::<u64>()), sorted);
            let narrow: Vec<u16> = line.iter().map(|&key| key as u16).collect();
            let (mut counted, mut sorted) = (narrow.clone(), narrow);
            u16::sort(&mut counted);
            sorted.sort_unstable();
            assert_eq!(counted, sorted);
        }
    }
}
