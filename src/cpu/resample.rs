//! Elements between those of an array, by splines.

use super::filter::cells::{Cell, by_cell};
use super::tables::output;
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::gather::Splines;
use crate::op::regional::resample::{Knots, Taps};
use crate::op::regional::{Computation, Resample};

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

/// The value at a place, of which `taps` has the elements around it along every axis, or some of them where it lies
/// where the constant stands. The view begins at `first`.
#[inline(always)]
fn value<T: Cell>(
    knots: &Knots,
    taps: &[Taps],
    (from, view, first): (&[T], Option<&View>, &[usize]),
    (pick, weights): (&mut [usize], &mut [f64]),
) -> f64 {
    let constant = knots.constant.value();
    if taps.len() < knots.lengths.len() {
        return constant;
    }
    let mut sum = 0.0;
    each(taps, (view, first), (pick, weights), |place, weights| {
        let mut value = place.map_or(constant, |p| from[p].wide());
        for w in weights {
            value *= w;
        }
        sum += value;
    });
    sum
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
    let knots = &op.knots;
    // An axis of the array that follows one of the result alone has the same taps wherever the others are.
    let alone = |axis: usize| op.matrix[axis].iter().enumerate().all(|(l, m)| l == axis || m.value() == 0.0);
    let known: Vec<Option<Vec<Option<Taps>>>> = (0..knots.lengths.len())
        .map(|axis| {
            let mut at = region.start.clone();
            let mut along = |k: usize| {
                at[axis] = region.start[axis] + k;
                knots.taps(axis, op.place(axis, &at))
            };
            (alone(axis) && axis < rank).then(|| (0..region.shape[axis]).map(&mut along).collect())
        })
        .collect();
    let mut index = vec![0; rank];
    let mut at = region.start.clone();
    let mut taps: Vec<Taps> = Vec::with_capacity(knots.lengths.len());
    let (mut pick, mut weights) = (vec![0; knots.lengths.len()], vec![1.0; knots.lengths.len()]);
    for x in out.iter_mut() {
        taps.clear();
        for axis in 0..knots.lengths.len() {
            let tap = match &known[axis] {
                Some(list) => list[index[axis]],
                None => knots.taps(axis, op.place(axis, &at)),
            };
            taps.extend(tap);
        }
        *x = settle(value(knots, &taps, (from, Some(input), &hull.start), (&mut pick, &mut weights)));
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

/// Places that are data, along each axis of an array one list.
pub(crate) struct Between<'a> {
    splines: &'a Splines,
    lists: &'a [Vec<f64>],
}

impl<'a> Between<'a> {
    /// The places that `lists` hold, all of the same length.
    pub(crate) fn new(splines: &'a Splines, lists: &'a [Vec<f64>]) -> Self {
        Self { splines, lists }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lists.first().map_or(0, Vec::len)
    }

    /// The first and the last element that the place with this number needs along an axis, if it needs any.
    pub(crate) fn ends(&self, axis: usize, number: usize) -> Option<(usize, usize)> {
        let taps = self.splines.knots.taps(axis, self.lists[axis][number])?;
        let places = || taps.places[..taps.count].iter().flatten().copied();
        places().min().zip(places().max())
    }

    /// Computes the places with these numbers in `out`. The view, which has what they need if they need anything,
    /// follows `steps`, and begins at `first`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a view of another dtype.
    pub(crate) fn fill(
        &self,
        dtype: DType,
        view: Option<(View, &[usize])>,
        numbers: impl Iterator<Item = usize>,
        out: &mut [u8],
    ) -> Result<()> {
        let (view, first) = view.map_or((None, &[][..]), |(view, first)| (Some(view), first));
        by_cell!(dtype, T => {
            let from: &[T] = match &view {
                None => &[],
                Some(view) => bytemuck::try_cast_slice(view.block.bytes())
                    .map_err(|e| Error::bug(format!("elements are aligned: {e}")))?,
            };
            if self.splines.output == DType::Bool {
                let out = output::<u8>(out)?;
                self.each(numbers, (from, view.as_ref(), first), |n, x| out[n] = u8::from(u8::narrow(x) != 0));
            } else {
                by_cell!(self.splines.output, U => {
                    let out = output::<U>(out)?;
                    self.each(numbers, (from, view.as_ref(), first), |n, x| out[n] = U::nearest(x));
                });
            }
        });
        Ok(())
    }

    fn each<T: Cell>(
        &self,
        numbers: impl Iterator<Item = usize>,
        from: (&[T], Option<&View>, &[usize]),
        mut put: impl FnMut(usize, f64),
    ) {
        let (knots, rank) = (&self.splines.knots, self.lists.len());
        let mut taps: Vec<Taps> = Vec::with_capacity(rank);
        let (mut pick, mut weights) = (vec![0; rank], vec![1.0; rank]);
        for number in numbers {
            taps.clear();
            taps.extend((0..rank).map_while(|axis| knots.taps(axis, self.lists[axis][number])));
            put(number, value(knots, &taps, from, (&mut pick, &mut weights)));
        }
    }
}

/// Calls `call` with every combination of taps, the last axis fastest: where the element is, and what it counts along
/// each axis.
fn each(
    taps: &[Taps],
    (view, first): (Option<&View>, &[usize]),
    (pick, weights): (&mut [usize], &mut [f64]),
    mut call: impl FnMut(Option<usize>, &[f64]),
) {
    loop {
        let mut place = view.map(|v| v.offset);
        for (axis, tap) in taps.iter().enumerate() {
            weights[axis] = tap.weights[pick[axis]];
            let along = view.zip(tap.places[pick[axis]]);
            let along = along.map(|(view, p)| (p - first[axis]).cast_signed() * view.strides[axis]);
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
