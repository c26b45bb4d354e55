//! The elements of a rank among those of windows: the windows of neighbours side by side are sorted by a network.

use super::cells::{Cell, by_cell};
use super::{Scratch, Windows};
use crate::cpu::lines::keys::Key;
use crate::cpu::lines::{Ordered, network};
use crate::cpu::tables::output;
use crate::dtype::DType;
use crate::error::Result;

/// The elements of rank `rank` among these places of windows.
pub(super) fn run(
    windows: &Windows,
    places: &[usize],
    rank: usize,
    dtype: DType,
    out: &mut [u8],
    border: &mut Scratch,
) -> Result<()> {
    let (from, constant) = (windows.field.dtype, windows.pass.constant.value());
    let distances = windows.distances(places.iter().copied());
    by_cell!(from, T => {
        if from == dtype && T::holds(constant) {
            let elements = windows.bordered::<T, _>(border, |x: T| x.key(), T::narrow(constant).key())?;
            ranked(windows, &distances, rank, elements, output(out)?, |key| <T as Ordered>::of(key));
        } else {
            let elements = windows.bordered::<T, u64>(border, |x: T| x.wide().key(), constant.key())?;
            by_cell!(dtype, U => {
                ranked(windows, &distances, rank, elements, output(out)?, |key| U::narrow(<f64 as Ordered>::of(key)));
            });
        }
    });
    Ok(())
}

fn ranked<K: Key, T: Cell>(
    windows: &Windows,
    distances: &[usize],
    rank: usize,
    elements: &[K],
    out: &mut [T],
    of: impl Fn(K) -> T,
) {
    let width = network::width::<K>();
    let mut panel: Vec<K> = vec![K::zeroed(); width * distances.len()];
    windows.rows(width, |from, at, n| {
        for (row, distance) in panel.chunks_exact_mut(width).zip(distances) {
            row[..n].copy_from_slice(&elements[from + distance..from + distance + n]);
        }
        K::sort_panel(&mut panel);
        let row = &panel[rank * width..][..n];
        out[at..at + n].iter_mut().zip(row).for_each(|(x, key)| *x = of(*key));
    });
}
