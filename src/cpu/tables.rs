//! What kernels that look elements up share: elements side by side, their order, searches in tables.

use super::copy::{StridedBox, copy_strided};
use super::lines::Ordered;
use crate::device::View;
use crate::device::block::Buffer;
use crate::error::{Error, Result};
use crate::shape;
use bytemuck::Pod;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

/// Elements side by side in C order: where they are, or copied.
pub(super) enum Dense<'a> {
    /// Where they are.
    There(&'a [u8]),
    /// Copied.
    Copied(Buffer),
}

impl<'a> Dense<'a> {
    /// The elements of `view` in a box of shape `lengths`.
    pub(super) fn of(view: &'a View, lengths: &[usize]) -> Self {
        let (size, strides) = (view.block.dtype().size(), shape::strides(lengths));
        let bytes = shape::size(lengths) * size;
        let plain = (0..lengths.len()).all(|a| lengths[a] == 1 || view.strides[a] == strides[a].cast_signed());
        let from = view.offset * size;
        if let Some(there) = view.block.bytes().get(from..from + bytes).filter(|_| plain) {
            return Self::There(there);
        }
        let mut buffer = Buffer::zeroed(bytes);
        let to = StridedBox::of(lengths, &vec![0; lengths.len()]);
        copy_strided(view, to, buffer.bytes_mut(), lengths, size);
        Self::Copied(buffer)
    }

    /// The elements.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where they are of another size.
    pub(super) fn elements<T: Pod>(&self) -> Result<&[T]> {
        let bytes = match self {
            Self::There(bytes) => bytes,
            Self::Copied(buffer) => buffer.bytes(),
        };
        bytemuck::try_cast_slice(bytes).map_err(|e| Error::bug(format!("elements are aligned: {e}")))
    }
}

/// The output as elements.
pub(super) fn output<T: Pod>(bytes: &mut [u8]) -> Result<&mut [T]> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|e| Error::bug(format!("results are aligned: {e}")))
}

/// Elements that are compared without a branch.
pub(super) trait Key: Ordered + PartialEq {
    /// Whether it comes before `other` in the order in which NaN is last.
    fn before(self, other: Self) -> bool;

    /// Whether it is larger: false where either is NaN.
    fn above(self, other: Self) -> bool;
}

macro_rules! integers {
    ($($T:ty),*) => {
        $(impl Key for $T {
            #[inline(always)]
            fn before(self, other: Self) -> bool {
                self < other
            }

            #[inline(always)]
            fn above(self, other: Self) -> bool {
                self > other
            }
        })*
    };
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($T:ty),*) => {
        $(impl Key for $T {
            #[inline(always)]
            fn before(self, other: Self) -> bool {
                (self < other) | (other.is_nan() & !self.is_nan())
            }

            #[inline(always)]
            fn above(self, other: Self) -> bool {
                self > other
            }
        })*
    };
}
floats!(f32, f64, f16, bf16);

macro_rules! complexes {
    ($($T:ty),*) => {
        $(impl Key for $T {
            fn before(self, other: Self) -> bool {
                self.rank() < other.rank()
            }

            fn above(self, other: Self) -> bool {
                (self.re, self.im) > (other.re, other.im)
            }
        })*
    };
}
complexes!(Complex32, Complex64);

/// Elements that are searched for at once: their steps do not wait for each other.
const ABREAST: usize = 8;

/// For each of `keys`, before how many elements of the sorted `table` it belongs: behind equal ones where `right`. All
/// searches take the same steps, so none is guessed wrong.
pub(super) fn search<T: Key>(table: &[T], keys: &[T], right: bool, mut each: impl FnMut(usize, usize)) {
    if right {
        search_where(table, keys, |element, key| !key.before(element), &mut each);
    } else {
        search_where(table, keys, T::before, &mut each);
    }
}

#[inline(always)]
fn search_where<T: Key>(
    table: &[T],
    keys: &[T],
    is_before: impl Fn(T, T) -> bool,
    each: &mut impl FnMut(usize, usize),
) {
    let Some(first) = table.first() else { return (0..keys.len()).for_each(|i| each(i, 0)) };
    let mut group = [*first; ABREAST];
    for (g, some) in keys.chunks(ABREAST).enumerate() {
        group[..some.len()].copy_from_slice(some);
        let mut at = [0usize; ABREAST];
        let mut left = table.len();
        while left > 1 {
            let half = left / 2;
            for (place, key) in at.iter_mut().zip(group) {
                let middle = *place + half;
                *place = if is_before(table[middle - 1], key) { middle } else { *place };
            }
            left -= half;
        }
        for (i, (&place, &key)) in at.iter().zip(some).enumerate() {
            each(g * ABREAST + i, place + usize::from(is_before(table[place], key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_find_what_a_walk_finds() {
        for n in 0..40usize {
            let mut table: Vec<f64> = (0..n).map(|i| (i * i % 7) as f64).collect();
            table.extend([f64::NAN; 2]);
            table.sort_by_key(|v| v.key());
            let table = &table[..n];
            let keys: Vec<f64> = (0..17).map(|i| f64::from(i) / 2.0 - 0.5).chain([f64::NAN, f64::INFINITY]).collect();
            for right in [false, true] {
                let walk =
                    |key: f64| table.iter().filter(|&&t| if right { !key.before(t) } else { t.before(key) }).count();
                let mut found = vec![usize::MAX; keys.len()];
                search(table, &keys, right, |i, at| found[i] = at);
                assert_eq!(found, keys.iter().map(|&k| walk(k)).collect::<Vec<_>>(), "{n} {right}");
            }
        }
    }
}
