//! Weighted means along two axes.

use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::Computation;
use crate::op::regional::regrid::{Missing, Regrid};
use crate::shape;
use bytemuck::Pod;

/// Computes `region` of a result.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an input of another dtype.
pub(super) fn run(op: &Regrid, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([view], [out]) = (inputs, outputs) else { return Err(Error::bug("a grid is made of one")) };
    match op.dtype {
        DType::F32 => typed::<f32>(op, region, view, out),
        DType::F64 => typed::<f64>(op, region, view, out),
        other => Err(Error::bug(format!("grids are of floats, not {other}"))),
    }
}

trait Float: Pod + Into<f64> {
    fn of(value: f64) -> Self;
}

impl Float for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "results are rounded to their dtype")]
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Float for f64 {
    fn of(value: f64) -> Self {
        value
    }
}

fn typed<T: Float>(op: &Regrid, region: &Region, view: &View, out: &mut [u8]) -> Result<()> {
    let unaligned = |e| Error::bug(format!("blocks are aligned: {e}"));
    let from: &[T] = bytemuck::try_cast_slice(view.block.bytes()).map_err(unaligned)?;
    let out: &mut [T] = bytemuck::try_cast_slice_mut(out).map_err(unaligned)?;
    let hull = op.hull(region);
    let [a, b] = op.axes;
    let ([up, along], to) = ([view.strides[a], view.strides[b]], shape::strides(&region.shape));
    let mut sums = vec![0.0; hull.shape[b]];
    let mut weights = vec![0.0; hull.shape[b]];
    let mut outer = region.shape.clone();
    (outer[a], outer[b]) = (1, 1);
    for step in Indices::new(&outer) {
        let shift: isize = step.iter().zip(&view.strides).map(|(&i, s)| i.cast_signed() * s).sum();
        let place: usize = step.iter().zip(&to).map(|(i, s)| i * s).sum();
        for i in 0..region.shape[a] {
            sums.fill(0.0);
            weights.fill(0.0);
            for (row, weight) in op.weights[0].row(region.start[a] + i) {
                let row = (row - hull.start[a]).cast_signed() * up;
                let start = view.offset.wrapping_add_signed(shift + row);
                add(from, (start, along), weight, op.missing, (&mut sums, &mut weights));
            }
            for j in 0..region.shape[b] {
                let (mut sum, mut all) = (0.0, 0.0);
                for (column, weight) in op.weights[1].row(region.start[b] + j) {
                    let column = column - hull.start[b];
                    sum += weight * sums[column];
                    all += weight * weights[column];
                }
                let enough = match op.missing {
                    Missing::Spread => all > 0.0,
                    Missing::Skip(least) => all > 0.0 && all >= least.value(),
                };
                out[place + i * to[a] + j * to[b]] = T::of(if enough { sum / all } else { f64::NAN });
            }
        }
    }
    Ok(())
}

/// Adds `weight` times a row to `sums`, and the weights of what is there to `weights`.
fn add<T: Float>(
    from: &[T],
    (start, along): (usize, isize),
    weight: f64,
    missing: Missing,
    (sums, weights): (&mut [f64], &mut [f64]),
) {
    let skips = missing != Missing::Spread;
    let one = |x: T, sum: &mut f64, all: &mut f64| {
        let x: f64 = x.into();
        let there = !(skips && x.is_nan());
        *sum += if there { weight * x } else { 0.0 };
        *all += if there { weight } else { 0.0 };
    };
    if along == 1 {
        let row = &from[start..start + sums.len()];
        row.iter().zip(sums).zip(weights).for_each(|((&x, sum), all)| one(x, sum, all));
        return;
    }
    for (l, (sum, all)) in sums.iter_mut().zip(weights).enumerate() {
        one(from[start.wrapping_add_signed(l.cast_signed() * along)], sum, all);
    }
}
