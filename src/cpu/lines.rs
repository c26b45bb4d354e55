//! Lines of an axis, each by itself: put in order, and what follows from their order.
//!
//! Lines become keys (`keys.rs`), integers that compare as the elements do. Short ones lie side by side, a row of which
//! holds one key of each, and are sorted together by a network (`network.rs`), whatever axis they follow; long ones are
//! copied some at a time, so that whole cache lines are read, and are sorted in registers (`quick.rs`, `vector.rs`), by
//! counts where there are few different keys, or only as far as needed (`select.rs`); those at one end are found in one
//! pass (`extreme.rs`). `quantiles.rs` finds quantiles, with the arithmetic in `number.rs`; `runs.rs` is for lines that
//! are sorted piece by piece. All ways give the same bits. `fourier.rs` transforms lines, `spline.rs` finds the
//! coefficients of splines and `nearest.rs` the nearest elements: these leave lines in order.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    clippy::manual_midpoint,
    reason = "macros name several types; positions and digits fit; means overflow where NumPy's do"
)]

use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::lines::SHORT;
use crate::op::regional::{End, LineOp, Lines};
use bytemuck::Pod;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

mod walk;
mod scratch;
pub(crate) mod network;
mod select;
mod vector;
mod quick;
pub(crate) mod keys;
mod extreme;
mod number;
mod quantiles;
mod spline;
mod nearest;
pub(crate) mod runs;
pub(super) mod fourier;

use keys::Key;
pub(super) use keys::Ordered;
use number::Number;
use scratch::Scratch;
use walk::Walk;

/// Computes the lines of `region`, which holds whole ones.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
pub(super) fn run(op: &Lines, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([lines, ..], [out]) = (inputs, outputs) else { return Err(Error::bug("lines have an input and a result")) };
    if region.size() == 0 {
        return Ok(());
    }
    match &op.op {
        LineOp::Lexsort(keys) => return lexsort(op, region, keys, inputs, cast::<i64>(out)?),
        LineOp::Spline(of) => {
            let from: &[f64] = bytemuck::try_cast_slice(lines.block.bytes()).map_err(unaligned)?;
            return spline::over(&Walk::new(op, region, lines), of, from, cast(out)?);
        }
        LineOp::Nearest(of) => {
            let from: &[i64] = bytemuck::try_cast_slice(lines.block.bytes()).map_err(unaligned)?;
            nearest::over(op, of, region, (lines, from), cast(out)?);
            return Ok(());
        }
        _ => {}
    }
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match op.dtype { $(DType::$D => typed::<$T>(op, region, lines, out)),* }
        };
    }
    by_dtype!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
              F16 => f16, BF16 => bf16, F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

fn typed<T: Number>(op: &Lines, region: &Region, lines: &View, out: &mut [u8]) -> Result<()> {
    let walk = Walk::new(op, region, lines);
    let from: &[T] = bytemuck::try_cast_slice(lines.block.bytes()).map_err(unaligned)?;
    if let Some((of, end)) = op.extreme() {
        let rank = |j: usize| if end == End::Last { of.count - 1 - j } else { j };
        if op.op.gives_positions() {
            let out = cast::<i64>(out)?;
            extreme::over(&walk, from, (of, end), T::rank, |group, w, best: &[(T::Key, usize)]| {
                (0..of.count).for_each(|j| out[group.place(j, w)] = best[rank(j)].1 as i64);
            });
        } else {
            let out = cast::<T>(out)?;
            extreme::over(&walk, from, (of, end), T::key, |group, w, best: &[T::Key]| {
                (0..of.count).for_each(|j| out[group.place(j, w)] = T::of(best[rank(j)]));
            });
        }
        return Ok(());
    }
    match &op.op {
        LineOp::Sort if op.in_place(region.rank()) => in_place(&walk, from, cast::<T::Key>(out)?),
        LineOp::Sort => ranks(&walk, from, cast::<T>(out)?, T::Key::sort, |j| j),
        LineOp::Top(end) => {
            let (n, k, end) = (op.len, op.out, *end);
            let arrange = move |line: &mut [T::Key]| top(line, k, end);
            ranks(&walk, from, cast::<T>(out)?, arrange, move |j| if end == End::Last { n - 1 - j } else { j });
        }
        LineOp::Argsort => positions(&walk, from, cast::<i64>(out)?, |j| j),
        LineOp::Argtop(end) => {
            let (n, end) = (op.len, *end);
            positions(&walk, from, cast::<i64>(out)?, move |j| if end == End::Last { n - 1 - j } else { j });
        }
        LineOp::Quantiles(of) => quantiles::over(&walk, from, of, out)?,
        LineOp::Lexsort(_) | LineOp::Spline(_) | LineOp::Nearest(_) => {
            return Err(Error::bug("these have dtypes of their own"));
        }
        LineOp::Fourier(_) => return Err(Error::bug("a transform is made ready before it runs")),
    }
    Ok(())
}

/// Puts the `k` elements of one end of the line at that end, in order.
fn top<K: Key>(line: &mut [K], k: usize, end: End) {
    let n = line.len();
    K::sort_range(line, if end == End::First { 0..k } else { n - k..n });
}

fn cast<T: Pod>(bytes: &mut [u8]) -> Result<&mut [T]> {
    bytemuck::try_cast_slice_mut(bytes).map_err(unaligned)
}

fn unaligned(e: bytemuck::PodCastError) -> Error {
    Error::bug(format!("lines are aligned: {e}"))
}

/// Whether the lines of this walk are sorted side by side: they are short, and enough.
fn by_network<K: Key>(walk: &Walk) -> bool {
    K::LANES && walk.op.len <= SHORT && walk.longest() >= network::width::<K>() / 8
}

/// Lines of the last axis in order, which are keys where they are to be.
fn in_place<T: Ordered>(walk: &Walk, from: &[T], out: &mut [T::Key]) {
    let len = walk.op.len;
    let most = walk.op.together(walk.longest());
    for group in walk.groups(most) {
        let start = group.place(0, 0);
        let lines = &mut out[start..start + group.count * len];
        group.one_by_one(from, lines, len, T::key);
        for line in lines.chunks_exact_mut(len) {
            T::Key::sort(line);
            for key in line.iter_mut() {
                *key = bytemuck::cast(T::of(*key));
            }
        }
    }
}

/// Lines whose result is elements of the line in order: element `j` is that of rank `rank(j)`. `arrange` puts those in
/// place.
fn ranks<T: Ordered>(
    walk: &Walk,
    from: &[T],
    out: &mut [T],
    arrange: impl Fn(&mut [T::Key]),
    rank: impl Fn(usize) -> usize,
) {
    let (len, many) = (walk.op.len, walk.op.out);
    if by_network::<T::Key>(walk) {
        let width = network::width::<T::Key>();
        let mut panel = Scratch::<T::Key>::new(len * width);
        for group in walk.groups(width) {
            group.side_by_side(from, &mut panel, width, |_, x| x.key());
            T::Key::sort_panel(&mut panel);
            for j in 0..many {
                let row = &panel[rank(j) * width..][..group.count];
                for (w, &key) in row.iter().enumerate() {
                    out[group.place(j, w)] = T::of(key);
                }
            }
        }
        return;
    }
    let most = walk.op.together(walk.longest());
    let mut keys = Scratch::<T::Key>::new(most * len);
    for group in walk.groups(most) {
        group.one_by_one(from, &mut keys, len, T::key);
        let lines = &mut keys[..group.count * len];
        lines.chunks_exact_mut(len).for_each(&arrange);
        if group.step_out == 1 {
            for (w, line) in lines.chunks_exact(len).enumerate() {
                let start = group.place(0, w);
                out[start..start + many].iter_mut().enumerate().for_each(|(j, x)| *x = T::of(line[rank(j)]));
            }
            continue;
        }
        for j in 0..many {
            for w in 0..group.count {
                out[group.place(j, w)] = T::of(lines[w * len + rank(j)]);
            }
        }
    }
}

/// Lines whose result is positions of the elements in order, equal ones in the order they come in: element `j` is that
/// of rank `rank(j)`.
fn positions<T: Ordered>(walk: &Walk, from: &[T], out: &mut [i64], rank: impl Fn(usize) -> usize) {
    let (len, many) = (walk.op.len, walk.op.out);
    let packed = |key: u64, j: usize| (key << 32) | j as u64;
    if T::Key::LANES && size_of::<T>() <= 4 && by_network::<u64>(walk) {
        let width = network::width::<u64>();
        let mut panel = Scratch::<u64>::new(len * width);
        for group in walk.groups(width) {
            group.side_by_side(from, &mut panel, width, |j, x| packed(x.rank().bits(), j));
            network::sort_panel(&mut panel);
            for j in 0..many {
                let row = &panel[rank(j) * width..][..group.count];
                for (w, &pair) in row.iter().enumerate() {
                    out[group.place(j, w)] = (pair & u64::from(u32::MAX)).cast_signed();
                }
            }
        }
        return;
    }
    let most = walk.op.together(walk.longest());
    let mut keys = Scratch::<T::Key>::new(most * len);
    for group in walk.groups(most) {
        group.one_by_one(from, &mut keys, len, T::rank);
        for (w, line) in keys.chunks_exact(len).take(group.count).enumerate() {
            let order = T::Key::argsort(line);
            for j in 0..many {
                out[group.place(j, w)] = order(rank(j));
            }
        }
    }
}

/// The positions of lines of several keys: in the order of the first, then of the next, each keeping that of equal
/// ones.
fn lexsort(op: &Lines, region: &Region, dtypes: &[DType], keys: &[View], out: &mut [i64]) -> Result<()> {
    for group in Walk::new(op, region, &keys[0]).groups(1) {
        for j in 0..op.len {
            out[group.place(j, 0)] = j as i64;
        }
    }
    for (dtype, key) in dtypes.iter().zip(keys) {
        let walk = Walk::new(op, region, key);
        macro_rules! by_dtype {
            ($($D:ident => $T:ty),*) => {
                match dtype { $(DType::$D => reorder::<$T>(&walk, key, out)?),* }
            };
        }
        by_dtype!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32,
                  U64 => u64, F16 => f16, BF16 => bf16, F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64);
    }
    Ok(())
}

/// Puts the positions in `out` in the order of a further key.
fn reorder<T: Ordered>(walk: &Walk, key: &View, out: &mut [i64]) -> Result<()> {
    let from: &[T] = bytemuck::try_cast_slice(key.block.bytes()).map_err(unaligned)?;
    let len = walk.op.len;
    let (mut keys, mut before) = (Scratch::<T::Key>::new(len), vec![0; len]);
    for group in walk.groups(1) {
        for j in 0..len {
            before[j] = out[group.place(j, 0)];
            keys[j] = from[group.at(before[j] as usize, 0)].rank();
        }
        let order = T::Key::argsort(&keys);
        for j in 0..len {
            out[group.place(j, 0)] = before[order(j) as usize];
        }
    }
    Ok(())
}
