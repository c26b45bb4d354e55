//! The parts of regional computations: which kernel runs.

use super::copy::{StridedBox, copy_strided};
use super::{decompose, filter, lines, lookup, regrid, resample, select, tally, windows};
use crate::chunk::Region;
use crate::device::View;
use crate::error::{Error, Result};
use crate::op::regional::Regional;

/// Computes the part `region` of a result, given views of what it needs.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
pub(crate) fn run(op: &Regional, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    match op {
        Regional::Merged(_) => Err(Error::bug("runs are merged where they are read")),
        Regional::Lines(op) => lines::run(op, region, inputs, outputs),
        Regional::Select(op) => select::select(op, region, inputs, outputs),
        Regional::Count(op) => select::count(op, region, inputs, outputs),
        Regional::Lookup(op) => lookup::run(op, region, inputs, outputs),
        Regional::Tally(op) => tally::run(op, region, inputs, outputs),
        Regional::Edges(op) => tally::edges(op, region, inputs, outputs),
        Regional::Slide(op) => windows::slide(op, region, inputs, outputs),
        Regional::Windows(_) => Err(Error::bug("windows are made ready")),
        Regional::Regrid(op) => regrid::run(op, region, inputs, outputs),
        Regional::Resample(op) => resample::run(op, region, inputs, outputs),
        Regional::Filter(op) => filter::run(op, region, inputs, outputs),
        Regional::Stretches(op) => {
            let ([view], [out]) = (inputs, outputs) else { return Err(Error::bug("stretches have an input")) };
            let to = StridedBox::of(&region.shape, &vec![0; region.rank()]);
            copy_strided(view, to, out, &region.shape, op.dtype.size());
            Ok(())
        }
        Regional::Decompose(op) => decompose::run(op, region, inputs, outputs),
        Regional::Call(_) => Err(Error::bug("a user function has a kernel of its own")),
        Regional::Gather(_) => Err(Error::bug("places are read as they come")),
    }
}
