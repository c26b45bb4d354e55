//! Fourier transforms of lines, one by one: what a line becomes depends on nothing beside it.

use super::scratch::Scratch;
use super::walk::{Group, Walk};
use super::{cast, unaligned};
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::Lines;
use crate::op::regional::fourier::{self, Fourier};
use bytemuck::Pod;
use num_complex::Complex;
use realfft::{ComplexToReal, FftError, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};
use std::ops::Mul;
use std::sync::Arc;

/// A transform of lines, with its tables.
pub(crate) struct Transform {
    op: Lines,
    of: Fourier,
    plan: Plan,
}

/// The tables, in the precision of the lines.
enum Plan {
    Single(Planned<f32>),
    Double(Planned<f64>),
}

/// The tables and the room that a transform takes.
struct Planned<T> {
    steps: Steps<T>,
    room: Vec<Complex<T>>,
}

enum Steps<T> {
    Complex(Arc<dyn Fft<T>>),
    Real(Arc<dyn RealToComplex<T>>),
    Back(Arc<dyn ComplexToReal<T>>),
}

impl Transform {
    /// Makes a transform of `op` ready.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for lines that no transform takes.
    pub(crate) fn new(op: &Lines, of: Fourier) -> Result<Self> {
        let points = of.points((op.len, op.out));
        let real = matches!(of.kind, fourier::Transform::Whole | fourier::Transform::Half);
        let plan = match op.dtype {
            DType::F32 if real => Plan::Single(Planned::new(of, points)),
            DType::F64 if real => Plan::Double(Planned::new(of, points)),
            DType::C64 if !real => Plan::Single(Planned::new(of, points)),
            DType::C128 if !real => Plan::Double(Planned::new(of, points)),
            other => return Err(Error::bug(format!("no transform of {other}"))),
        };
        Ok(Self { op: op.clone(), of, plan })
    }

    /// Transforms the lines of `region`, which holds whole ones.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
    pub(crate) fn run(&mut self, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        let ([lines], [out]) = (inputs, outputs) else { return Err(Error::bug("lines have an input and a result")) };
        if region.size() == 0 {
            return Ok(());
        }
        let walk = Walk::new(&self.op, region, lines);
        match &mut self.plan {
            Plan::Single(plan) => plan.run(self.of, &walk, lines, out),
            Plan::Double(plan) => plan.run(self.of, &walk, lines, out),
        }
    }
}

impl<T: FftNum + Pod> Planned<T>
where
    Complex<T>: Pod,
{
    fn new(of: Fourier, points: usize) -> Self {
        let direction = if of.inverse { FftDirection::Inverse } else { FftDirection::Forward };
        let (steps, room) = match of.kind {
            fourier::Transform::Complex => {
                let plan = FftPlanner::new().plan_fft(points, direction);
                let room = plan.get_outofplace_scratch_len();
                (Steps::Complex(plan), room)
            }
            fourier::Transform::Whole | fourier::Transform::Half => {
                let plan = RealFftPlanner::new().plan_fft_forward(points);
                let room = plan.get_scratch_len();
                (Steps::Real(plan), room)
            }
            fourier::Transform::Back => {
                let plan = RealFftPlanner::new().plan_fft_inverse(points);
                let room = plan.get_scratch_len();
                (Steps::Back(plan), room)
            }
        };
        Self { steps, room: vec![Complex::new(T::zero(), T::zero()); room] }
    }

    fn run(&mut self, of: Fourier, walk: &Walk, lines: &View, out: &mut [u8]) -> Result<()> {
        let factor = T::from_f64(of.factor()).ok_or_else(|| Error::bug("a factor is a number"))?;
        let room = &mut self.room;
        match &self.steps {
            Steps::Complex(plan) => each(walk, lines, out, |line: &mut [Complex<T>], made: &mut [Complex<T>]| {
                plan.process_outofplace_with_scratch(line, made, room);
                scale(made, factor);
                Ok(())
            }),
            Steps::Real(plan) => each(walk, lines, out, |line: &mut [T], made: &mut [Complex<T>]| {
                let half = line.len() / 2 + 1;
                plan.process_with_scratch(line, &mut made[..half], room).map_err(refused)?;
                scale(&mut made[..half], factor);
                if of.kind == fourier::Transform::Whole {
                    mirror(made, of.inverse);
                }
                Ok(())
            }),
            Steps::Back(plan) => each(walk, lines, out, |line: &mut [Complex<T>], made: &mut [T]| {
                // What belongs to no real line is left out.
                line[0].im = T::zero();
                if let (true, Some(last)) = (made.len().is_multiple_of(2), line.last_mut()) {
                    last.im = T::zero();
                }
                plan.process_with_scratch(line, made, room).map_err(refused)?;
                scale(made, factor);
                Ok(())
            }),
        }
    }
}

fn scale<T: Copy, X: Copy + Mul<T, Output = X>>(made: &mut [X], factor: T) {
    for x in made {
        *x = *x * factor;
    }
}

fn refused(e: FftError) -> Error {
    Error::bug(format!("a line has as many elements as its transform takes: {e}"))
}

/// Fills the second half of the spectrum of a real line, which mirrors the first; of an inverse transform all is
/// conjugated, but for what is real.
fn mirror<T: FftNum>(spectrum: &mut [Complex<T>], inverse: bool) {
    let n = spectrum.len();
    for k in 1..n.div_ceil(2) {
        let (z, turned) = (spectrum[k], spectrum[k].conj());
        (spectrum[k], spectrum[n - k]) = if inverse { (turned, z) } else { (z, turned) };
    }
}

/// Takes each line, from a copy of it in order, to what becomes of it.
fn each<A: Pod, B: Pod>(
    walk: &Walk,
    lines: &View,
    out: &mut [u8],
    mut transform: impl FnMut(&mut [A], &mut [B]) -> Result<()>,
) -> Result<()> {
    let from: &[A] = bytemuck::try_cast_slice(lines.block.bytes()).map_err(unaligned)?;
    let out: &mut [B] = cast(out)?;
    let (len, many) = (walk.op.len, walk.op.out);
    let most = Fourier::together(walk.op.dtype, len, walk.longest());
    // Lines do not begin at the same place of a page, which would be the same place of the cache.
    let (pitch, pitch_out) = (len + 64 / size_of::<A>(), many + 64 / size_of::<B>());
    let mut before = Scratch::<A>::new(most * pitch);
    let mut after = Scratch::<B>::new(most * pitch_out);
    for group in walk.groups(most) {
        gather(&group, from, &mut before, pitch, len);
        if group.step_out == 1 {
            for (w, line) in before.chunks_exact_mut(pitch).take(group.count).enumerate() {
                let start = group.place(0, w);
                transform(&mut line[..len], &mut out[start..start + many])?;
            }
            continue;
        }
        let pairs = before.chunks_exact_mut(pitch).zip(after.chunks_exact_mut(pitch_out));
        for (line, made) in pairs.take(group.count) {
            transform(&mut line[..len], &mut made[..many])?;
        }
        scatter(&group, &after, pitch_out, many, out);
    }
    Ok(())
}

/// Rows of neighbouring lines that are turned at once.
const ROWS: usize = 16;

/// Copies the lines of a group, one after another, `pitch` elements apart.
fn gather<A: Copy>(group: &Group, from: &[A], to: &mut [A], pitch: usize, len: usize) {
    if group.step == 1 {
        for (w, line) in to.chunks_exact_mut(pitch).take(group.count).enumerate() {
            let start = group.at(0, w);
            line[..len].copy_from_slice(&from[start..start + len]);
        }
        return;
    }
    for first in (0..len).step_by(ROWS) {
        for w in 0..group.count {
            for j in first..(first + ROWS).min(len) {
                to[w * pitch + j] = from[group.at(j, w)];
            }
        }
    }
}

/// Copies what the lines of a group became to where it belongs.
fn scatter<B: Copy>(group: &Group, from: &[B], pitch: usize, len: usize, to: &mut [B]) {
    for first in (0..len).step_by(ROWS) {
        for w in 0..group.count {
            for j in first..(first + ROWS).min(len) {
                to[group.place(j, w)] = from[w * pitch + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::block::Block;
    use crate::op::regional::LineOp;

    /// The transforms of `count` lines of `len` points, side by side or one after another.
    fn made(len: usize, count: usize, last: bool) -> Vec<Complex<f32>> {
        let value = |line: usize, j: usize| ((line * 31 + j * 7) % 11) as f32 - 4.5;
        let shape = if last { [count, len] } else { [len, count] };
        let values = (0..len * count)
            .map(|i| if last { value(i / len, i % len) } else { value(i % count, i / count) })
            .map(|x| Complex::new(x, 0.5 - x))
            .collect::<Vec<_>>();
        let view = View::whole(Block::from_vec(values, &shape).unwrap());
        let of = Fourier::new(fourier::Transform::Complex, false, 1.0);
        let op = Lines { op: LineOp::Fourier(of), axis: usize::from(last), len, out: len, dtype: DType::C64 };
        let mut out = vec![Complex::<f32>::default(); len * count];
        let mut transform = Transform::new(&op, of).unwrap();
        transform.run(&Region::full(&shape), &[view], &mut [bytemuck::cast_slice_mut(&mut out)]).unwrap();
        let at = |line: usize, j: usize| if last { line * len + j } else { j * count + line };
        (0..count).flat_map(|line| (0..len).map(move |j| (line, j))).map(|(line, j)| out[at(line, j)]).collect()
    }

    #[test]
    fn a_line_does_not_see_its_neighbours() {
        for len in [1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 36, 64, 97, 101, 128, 360, 1021] {
            let all = made(len, 37, true);
            assert_eq!(all, made(len, 37, false), "{len}");
            for count in [1, 2, 3] {
                assert_eq!(all[..count * len], made(len, count, true), "{len}");
            }
        }
    }

    #[test]
    fn room_is_what_was_said() {
        for len in [1, 2, 30, 31, 64, 97, 360, 1021, 1022, 4099, 6007, 8192, 10007, 65537, 99991] {
            for kind in [fourier::Transform::Complex, fourier::Transform::Half, fourier::Transform::Back] {
                let of = Fourier::new(kind, false, 1.0);
                let room = Planned::<f64>::new(of, len).room.len() * size_of::<Complex<f64>>();
                let (input, lengths) = match kind {
                    fourier::Transform::Complex => (DType::C128, (len, len)),
                    fourier::Transform::Back => (DType::C128, (len / 2 + 1, len)),
                    _ => (DType::F64, (len, len / 2 + 1)),
                };
                // Tables take as much again.
                assert!(2 * room <= of.scratch(input, lengths, 1), "{len} {kind:?} {room}");
            }
        }
    }
}
