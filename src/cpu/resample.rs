//! Elements between those of an array, by splines.

use super::filter::cells::{Cell, by_cell};
use super::tables::output;
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::Resample;
use crate::op::regional::resample::Taps;

/// Computes `region`.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
pub(super) fn run(op: &Resample, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([input], [out]) = (inputs, outputs) else { return Err(Error::bug("a sampling has an input and a result")) };
    by_cell!(op.input, T => {
        let from: &[T] = bytemuck::try_cast_slice(input.block.bytes())
            .map_err(|e| Error::bug(format!("elements are aligned: {e}")))?;
        if op.output == DType::Bool {
            sampled(op, region, input, from, output::<u8>(out)?, |x| u8::from(u8::narrow(x) != 0));
        } else {
            by_cell!(op.output, U => sampled(op, region, input, from, output::<U>(out)?, U::nearest));
        }
    });
    Ok(())
}

fn sampled<T: Cell, U: Cell>(
    op: &Resample,
    region: &Region,
    input: &View,
    from: &[T],
    out: &mut [U],
    settle: impl Fn(f64) -> U,
) {
    let (hull, rank) = (op.hull(region), region.rank());
    let constant = op.constant.value();
    // An axis of the array that follows one of the result alone has the same taps wherever the others are.
    let alone = |axis: usize| op.matrix[axis].iter().enumerate().all(|(l, m)| l == axis || m.value() == 0.0);
    let known: Vec<Option<Vec<Option<Taps>>>> = (0..op.lengths.len())
        .map(|axis| {
            let mut at = region.start.clone();
            let mut along = |k: usize| {
                at[axis] = region.start[axis] + k;
                op.taps(axis, op.place(axis, &at))
            };
            (alone(axis) && axis < rank).then(|| (0..region.shape[axis]).map(&mut along).collect())
        })
        .collect();
    let mut index = vec![0; rank];
    let mut at = region.start.clone();
    let mut taps: Vec<Taps> = Vec::with_capacity(op.lengths.len());
    let (mut pick, mut weights) = (vec![0; op.lengths.len()], vec![1.0; op.lengths.len()]);
    for x in out.iter_mut() {
        taps.clear();
        for axis in 0..op.lengths.len() {
            let tap = match &known[axis] {
                Some(list) => list[index[axis]],
                None => op.taps(axis, op.place(axis, &at)),
            };
            taps.extend(tap);
        }
        let value = if taps.len() < op.lengths.len() {
            constant
        } else {
            let mut sum = 0.0;
            each(&taps, input, &hull, (&mut pick, &mut weights), |place, weights| {
                let mut value = place.map_or(constant, |p| from[p].wide());
                for w in weights {
                    value *= w;
                }
                sum += value;
            });
            sum
        };
        *x = settle(value);
        for axis in (0..rank).rev() {
            index[axis] += 1;
            if index[axis] < region.shape[axis] {
                at[axis] = region.start[axis] + index[axis];
                break;
            }
            (index[axis], at[axis]) = (0, region.start[axis]);
        }
    }
}

/// Calls `call` with every combination of taps, the last axis fastest: where the element is, and what it counts along each
/// axis.
fn each(
    taps: &[Taps],
    input: &View,
    hull: &Region,
    (pick, weights): (&mut [usize], &mut [f64]),
    mut call: impl FnMut(Option<usize>, &[f64]),
) {
    loop {
        let mut place = Some(input.offset);
        for (axis, tap) in taps.iter().enumerate() {
            weights[axis] = tap.weights[pick[axis]];
            let along = tap.places[pick[axis]].map(|p| (p - hull.start[axis]).cast_signed() * input.strides[axis]);
            place = place.zip(along).map(|(place, along)| place.wrapping_add_signed(along));
        }
        call(place, weights);
        let mut axis = taps.len();
        loop {
            // After the last combination all picks are 0 again.
            if axis == 0 {
                return;
            }
            axis -= 1;
            pick[axis] += 1;
            if pick[axis] < taps[axis].count {
                break;
            }
            pick[axis] = 0;
        }
    }
}
