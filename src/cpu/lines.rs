//! Lines of an axis, each by itself: put in order.
//!
//! Lines are copied side by side, some at a time, so that each lies in one piece whatever axis it follows.

use super::copy::{StridedBox, copy_strided};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::{LineOp, Lines};
use crate::shape;
use bytemuck::Pod;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};
use std::cmp::Ordering;

/// Computes the lines of `region`, which holds whole ones.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
pub(super) fn run(op: &Lines, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([lines], [out]) = (inputs, outputs) else { return Err(Error::bug("lines have an input and a result")) };
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match op.dtype { $(DType::$D => by_group::<$T>(op, region, lines, out)),* }
        };
    }
    by_dtype!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
              F16 => f16, BF16 => bf16, F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

/// Elements of lines that are copied together, at least: enough that what is read of a row is a cache line.
const GROUP: usize = 16 << 10;

/// Copies groups of neighbouring lines, computes each, and copies them to their places.
fn by_group<T: Ordered>(op: &Lines, region: &Region, lines: &View, out: &mut [u8]) -> Result<()> {
    let (axis, last) = (op.axis, region.rank() - 1);
    let whole = op.whole(region);
    if region.size() == 0 {
        return Ok(());
    }
    // Groups lie along the innermost axis that is not the lines' own.
    let along = if axis == last { last.checked_sub(1) } else { Some(last) };
    let most = along.map_or(1, |a| (GROUP / op.len.max(1)).max(16).min(region.shape[a]));
    let (size, result) = (op.dtype.size(), op.output());
    let mut group = Buffer::zeroed(most * op.len * size);
    let mut made = Buffer::zeroed(most * op.out * result.size());
    let strides = shape::strides(&region.shape);
    let mut steps = region.shape.clone();
    steps[axis] = 1;
    if let Some(a) = along {
        steps[a] = steps[a].div_ceil(most);
    }
    for step in Indices::new(&steps) {
        let mut corner = step.clone();
        let mut lengths = vec![1; region.rank()];
        let mut places = vec![0; region.rank()];
        let mut count = 1;
        if let Some(a) = along {
            corner[a] = step[a] * most;
            count = most.min(region.shape[a] - corner[a]);
            (lengths[a], places[a]) = (count, op.len);
        }
        (lengths[axis], places[axis]) = (op.len, 1);
        debug_assert_eq!(whole.shape[axis], op.len);
        copy_strided(&lines.shifted(&corner), StridedBox::with(0, places.clone()), group.bytes_mut(), &lengths, size);
        let bytes = group.bytes_mut();
        let elements: &mut [T] = cast(&mut bytes[..count * op.len * size])?;
        for (i, line) in elements.chunks_exact_mut(op.len.max(1)).enumerate() {
            let to = i * op.out * result.size();
            line_of(op, line, &mut made.bytes_mut()[to..to + op.out * result.size()])?;
        }
        let mut from: Vec<isize> = vec![0; region.rank()];
        from[axis] = 1;
        if let Some(a) = along {
            from[a] = op.out.cast_signed();
        }
        lengths[axis] = op.out;
        let at: usize = corner.iter().zip(&strides).map(|(a, b)| a * b).sum();
        let block = Block::new(result, &[most * op.out], std::mem::replace(&mut made, Buffer::zeroed(0)))?;
        let view = View { block, offset: 0, strides: from };
        copy_strided(&view, StridedBox::with(at, strides.clone()), out, &lengths, result.size());
        made = view.block.into_buffer().unwrap_or_else(|_| Buffer::zeroed(most * op.out * result.size()));
    }
    Ok(())
}

/// Computes one line; what it was is lost.
fn line_of<T: Ordered>(op: &Lines, line: &mut [T], out: &mut [u8]) -> Result<()> {
    match op.op {
        LineOp::Sort => {
            line.sort_unstable_by(T::total);
            out.copy_from_slice(bytemuck::cast_slice(line));
        }
        LineOp::Argsort => {
            let positions: &mut [i64] = cast(out)?;
            positions.iter_mut().enumerate().for_each(|(i, p)| *p = i as i64);
            positions.sort_by(|&a, &b| line[a as usize].order(&line[b as usize]));
        }
    }
    Ok(())
}

fn cast<T: Pod>(bytes: &mut [u8]) -> Result<&mut [T]> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|e| Error::bug(format!("lines are aligned: {e}")))
}

/// Elements in NumPy's order: NaN last, complex numbers by real part, then by imaginary part.
pub(super) trait Ordered: Pod {
    /// How two compare.
    fn order(&self, other: &Self) -> Ordering;

    /// How two compare where none but the same bits are equal, so that every way to sort gives the same bytes.
    fn total(&self, other: &Self) -> Ordering;
}

macro_rules! integers {
    ($($T:ty),*) => {
        $(impl Ordered for $T {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }

            fn total(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        })*
    };
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($T:ty),*) => {
        $(impl Ordered for $T {
            fn order(&self, other: &Self) -> Ordering {
                self.partial_cmp(other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }

            fn total(&self, other: &Self) -> Ordering {
                self.order(other).then_with(|| self.total_cmp(other))
            }
        })*
    };
}
floats!(f16, bf16, f32, f64);

macro_rules! complexes {
    ($($T:ty),*) => {
        $(impl Ordered for $T {
            fn order(&self, other: &Self) -> Ordering {
                // Numbers without NaN, those with NaN in the imaginary part, in the real part, in both.
                let nan = |z: &Self| (z.re.is_nan(), z.im.is_nan());
                nan(self).cmp(&nan(other)).then_with(|| self.re.order(&other.re)).then_with(|| self.im.order(&other.im))
            }

            fn total(&self, other: &Self) -> Ordering {
                self.order(other)
                    .then_with(|| self.re.total_cmp(&other.re))
                    .then_with(|| self.im.total_cmp(&other.im))
            }
        })*
    };
}
complexes!(Complex32, Complex64);
