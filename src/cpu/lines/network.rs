//! Short lines sorted side by side: a row of keys holds one of every line, and rows are compared as a whole.

use crate::cpu::isa::{self, Isa};
use crate::op::regional::lines::ROW;

/// Keys that compare in vector registers.
pub(crate) trait Lane: Copy + Ord {}

impl Lane for u8 {}
impl Lane for u16 {}
impl Lane for u32 {}
impl Lane for u64 {}

/// How many lines lie side by side: two cache lines of keys, and so many that the compiler keeps a loop over them,
/// which it makes vectors of.
pub(crate) const fn width<K>() -> usize {
    let (width, least) = (ROW / 2 / size_of::<K>(), ROW / size_of::<u64>());
    if width < least { least } else { width }
}

/// Puts every column of `rows` in ascending order: Batcher's exchanges, Knuth volume 3, algorithm 5.2.2M. Which rows
/// are compared depends on their number alone, so the lines of a row take the same steps.
#[inline(always)]
fn body<K: Lane, const W: usize>(rows: &mut [[K; W]]) {
    let n = rows.len();
    if n < 2 {
        return;
    }
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for i in (0..n - d).filter(|i| i & p == r) {
                let (before, after) = rows.split_at_mut(i + d);
                for (x, y) in before[i].iter_mut().zip(&mut after[0]) {
                    (*x, *y) = ((*x).min(*y), (*x).max(*y));
                }
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
}

/// As `body`, compiled for each instruction set.
fn sort<K: Lane, const W: usize>(rows: &mut [[K; W]]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2<K: Lane, const W: usize>(rows: &mut [[K; W]]) {
        body(rows);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    fn avx512<K: Lane, const W: usize>(rows: &mut [[K; W]]) {
        body(rows);
    }

    match isa::best() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `best` found these instructions on this machine.
        Isa::Avx512 => unsafe { avx512(rows) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { avx2(rows) },
        _ => body(rows),
    }
}

/// Puts the lines that lie side by side in `panel`, [`width`] of them, in ascending order.
pub(crate) fn sort_panel<K: Lane>(panel: &mut [K]) {
    match size_of::<K>() {
        1 => sort(panel.as_chunks_mut::<{ width::<u8>() }>().0),
        2 => sort(panel.as_chunks_mut::<{ width::<u16>() }>().0),
        4 => sort(panel.as_chunks_mut::<{ width::<u32>() }>().0),
        _ => sort(panel.as_chunks_mut::<{ width::<u64>() }>().0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_every_length_are_sorted() {
        let mut x = 7u32;
        for n in (0..70).chain([127, 128, 129, 438, 1024]) {
            let mut panel: Vec<u32> = (0..n * width::<u32>())
                .map(|_| {
                    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    x >> 16
                })
                .collect();
            let before = panel.clone();
            sort_panel(&mut panel);
            for w in [0, 5, width::<u32>() - 1] {
                let column = |p: &[u32]| p.iter().copied().skip(w).step_by(width::<u32>()).collect::<Vec<_>>();
                let mut want = column(&before);
                want.sort_unstable();
                assert_eq!(column(&panel), want, "{n} rows, column {w}");
            }
        }
    }
}
