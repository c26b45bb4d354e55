//! Sorted runs of a line: what is known of them, and where they are cut so that the parts before come first.
//!
//! Of elements that are equal, those of earlier runs come first, and within a run those that stand first.

use super::keys::Ordered;
use super::number::Number;
use super::{cast, unaligned};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::Quantiles;
use crate::op::regional::runs::STEP;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

macro_rules! by_dtype {
    ($dtype:expr, $run:ident($($arg:expr),*)) => {
        match $dtype {
            DType::Bool | DType::U8 => $run::<u8>($($arg),*),
            DType::I8 => $run::<i8>($($arg),*),
            DType::I16 => $run::<i16>($($arg),*),
            DType::I32 => $run::<i32>($($arg),*),
            DType::I64 => $run::<i64>($($arg),*),
            DType::U16 => $run::<u16>($($arg),*),
            DType::U32 => $run::<u32>($($arg),*),
            DType::U64 => $run::<u64>($($arg),*),
            DType::F16 => $run::<f16>($($arg),*),
            DType::BF16 => $run::<bf16>($($arg),*),
            DType::F32 => $run::<f32>($($arg),*),
            DType::F64 => $run::<f64>($($arg),*),
            DType::C64 => $run::<Complex32>($($arg),*),
            DType::C128 => $run::<Complex64>($($arg),*),
        }
    };
}

/// How elements compare: as sorting arranges them, or as positions do, which keep the order of equal ones.
fn key<T: Ordered>(x: T, ties: bool) -> T::Key {
    if ties { x.rank() } else { x.key() }
}

/// One element in [`STEP`] of a sorted run, beginning with the first; and how many of all are NaN.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for bytes that are no elements.
pub(crate) fn known(dtype: DType, run: &[u8]) -> Result<(Vec<u8>, usize)> {
    fn typed<T: Ordered>(run: &[u8]) -> Result<(Vec<u8>, usize)> {
        let run: &[T] = bytemuck::try_cast_slice(run).map_err(unaligned)?;
        let samples: Vec<T> = run.iter().copied().step_by(STEP).collect();
        let nan = T::first_nan().map_or(0, |nan| run.len() - run.partition_point(|x| x.key() < nan));
        Ok((bytemuck::cast_slice(&samples).to_vec(), nan))
    }
    by_dtype!(dtype, typed(run))
}

/// The numbers of the runs that samples come from, these in order.
pub(crate) fn order(dtype: DType, ties: bool, samples: &[Vec<u8>]) -> Vec<u32> {
    fn typed<T: Ordered>(ties: bool, samples: &[Vec<u8>]) -> Vec<u32> {
        let mut all: Vec<(T::Key, u32)> = Vec::new();
        for (run, of_run) in (0..).zip(samples) {
            let of_run = of_run.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned);
            all.extend(of_run.map(|x: T| (key(x, ties), run)));
        }
        all.sort_unstable();
        all.into_iter().map(|(_, run)| run).collect()
    }
    by_dtype!(dtype, typed(ties, samples))
}

/// Cuts sorted windows so that the parts before the cuts are the first `rank` elements of all: how many each has, and
/// where there is one, the element after them, as bytes.
pub(crate) fn split(dtype: DType, ties: bool, windows: &[Vec<u8>], rank: usize) -> (Vec<usize>, Vec<u8>) {
    fn typed<T: Ordered>(ties: bool, windows: &[Vec<u8>], rank: usize) -> (Vec<usize>, Vec<u8>) {
        let size = size_of::<T>();
        let mut all: Vec<(T::Key, u32)> = Vec::new();
        for (number, window) in (0..).zip(windows) {
            let window = window.chunks_exact(size).map(bytemuck::pod_read_unaligned);
            all.extend(window.map(|x: T| (key(x, ties), number)));
        }
        if rank >= all.len() {
            return (windows.iter().map(|w| w.len() / size).collect(), Vec::new());
        }
        let mut counts = vec![0; windows.len()];
        let (before, &mut (_, number), _) = all.select_nth_unstable(rank);
        for &mut (_, number) in before {
            counts[number as usize] += 1;
        }
        let at = counts[number as usize] * size;
        (counts, windows[number as usize][at..at + size].to_vec())
    }
    by_dtype!(dtype, typed(ties, windows, rank))
}

/// Positions as they are kept in a run.
///
/// # Errors
/// As [`known`]; for a run of 2³² elements or more.
pub(crate) fn narrow(positions: &[u8], out: &mut [u8]) -> Result<()> {
    let positions: &[i64] = bytemuck::try_cast_slice(positions).map_err(unaligned)?;
    for (narrow, &wide) in cast::<u32>(out)?.iter_mut().zip(positions) {
        *narrow = u32::try_from(wide).map_err(|_| Error::bug("a run has fewer than 2³² elements"))?;
    }
    Ok(())
}

/// Adds the positions of a part of a run that begins at `start` of its line.
pub(crate) fn widen(positions: &[u8], start: usize, out: &mut Vec<i64>) {
    let positions: Vec<u32> = bytemuck::pod_collect_to_vec(positions);
    out.extend(positions.iter().map(|&p| i64::from(p) + start as i64));
}

/// Puts in `order`, the places of positions, these positions.
///
/// # Errors
/// As [`known`].
pub(crate) fn look_up(order: &mut [u8], positions: &[i64]) -> Result<()> {
    cast::<i64>(order)?.iter_mut().for_each(|p| *p = positions[*p as usize]);
    Ok(())
}

/// The quantiles of a line of `len` elements of which `valid` are not NaN, given `elements`, those at the places that
/// [`ranks`] names.
///
/// # Errors
/// As [`known`].
pub(crate) fn quantiles(
    of: &Quantiles,
    dtype: DType,
    (len, valid): (usize, usize),
    elements: &[u8],
    out: &mut [u8],
) -> Result<()> {
    fn typed<T: Number>(
        of: &Quantiles,
        dtype: DType,
        (len, valid): (usize, usize),
        elements: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let elements: Vec<T> = bytemuck::pod_collect_to_vec(elements);
        let ranks = super::quantiles::ranks(of, len, valid);
        let at = |rank: usize| ranks.binary_search(&rank).map_or_else(|_| T::nan(), |i| elements[i]);
        super::quantiles::one(of, dtype, (len, valid), at, out)
    }
    by_dtype!(dtype, typed(of, dtype, (len, valid), elements, out))
}

/// The places of a line in order that its quantiles are made of, ascending.
pub(crate) fn ranks(of: &Quantiles, len: usize, valid: usize) -> Vec<usize> {
    super::quantiles::ranks(of, len, valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_cut_where_the_first_elements_end() {
        let runs: [Vec<f32>; 3] = [vec![-1.0, 2.0, 2.0, 5.0], vec![2.0, 2.0, f32::NAN], vec![]];
        let windows: Vec<Vec<u8>> = runs.iter().map(|r| bytemuck::cast_slice(r).to_vec()).collect();
        let next = |bytes: &[u8]| bytes.try_into().map(f32::from_ne_bytes).ok();
        for (rank, counts, after) in [
            (0, [0, 0, 0], Some(-1.0)),
            (2, [2, 0, 0], Some(2.0)),
            (4, [3, 1, 0], Some(2.0)),
            (5, [3, 2, 0], Some(5.0)),
            (7, [4, 3, 0], None),
        ] {
            let (found, element) = split(DType::F32, true, &windows, rank);
            assert_eq!((found.as_slice(), next(&element)), (&counts[..], after), "rank {rank}");
        }
        assert_eq!(order(DType::F32, true, &windows), [0, 0, 0, 1, 1, 0, 1]);
        assert_eq!(known(DType::F32, &windows[1]).unwrap().1, 1);
    }
}
