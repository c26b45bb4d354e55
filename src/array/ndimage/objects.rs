//! Boxes around the elements under each label.

use super::Ndimage;
use crate::array::manipulation::stack;
use crate::array::{Array, Kind};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{as_axis, binary, choice, reduce_away};
use crate::expr::node::Resume;
use crate::expr::pending::{pending, when_known};
use crate::expr::tally::extremes;
use crate::op::elementwise::ElementOp as Op;
use crate::shape::{Dim, Shape};

/// The largest label that boxes are found for, where none is said to be the last.
const MOST: usize = u32::MAX as usize - 1;

/// The boxes around the elements under each label from 1 to `most`, or to the largest: for each label and axis, where
/// it starts and where it ends. A box of nothing starts and ends at 0.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for what are no integers, [`Shape`](crate::ErrorKind::Shape) for a number.
#[track_caller]
pub fn find_objects(labels: &Expr, most: Option<usize>) -> Result<Expr> {
    const NAME: &str = "find_objects";
    if !(labels.dtype.is_integer() || labels.dtype == DType::Bool) {
        return Err(Error::dtype(NAME, format!("labels are integers, not {}", labels.dtype)));
    }
    if labels.shape.rank() == 0 {
        return Err(Error::shape(NAME, "a number has no box"));
    }
    if let Some(most) = most.filter(|n| *n > 0) {
        return when_known(NAME, std::slice::from_ref(labels), move |e| boxes(&e[0], most));
    }
    let labels = build::cast(labels, DType::I64)?;
    when_known(NAME, std::slice::from_ref(&labels), |e| {
        let labels = &e[0];
        let lengths = labels.shape.known()?;
        if lengths.contains(&0) {
            return boxes(labels, 0);
        }
        let largest = reduce_away(labels, "max", &(0..lengths.len()).collect::<Vec<_>>(), None)?;
        let count = Dim::Unknown { id: labels.id() as u64, max: MOST };
        let shape = Shape::from(vec![count, Dim::Known(lengths.len()), Dim::Known(2)]);
        let resume = Resume::new(NAME, |facts, inputs| match (facts, inputs) {
            ([largest], [labels]) => boxes(labels, usize::try_from(largest.values::<i64>()?[0]).unwrap_or(0)),
            _ => Err(Error::bug("boxes are found around labels")),
        });
        Ok(pending(std::slice::from_ref(labels), &[largest], (DType::I64, shape), resume))
    })
}

/// The boxes around labels from 1 to `count`.
fn boxes(labels: &Expr, count: usize) -> Result<Expr> {
    const NAME: &str = "find_objects";
    let lengths = labels.shape.known()?;
    let rank = lengths.len();
    if count == 0 || lengths.contains(&0) {
        return build::full(&[count, rank, 2], Scalar::Int(0), DType::I64, None);
    }
    let (labels, last) = (build::cast(labels, DType::I64)?, count.cast_signed() as i64);
    let asked = binary(Op::LogicalAnd, &binary(Op::Greater, &labels, 0)?, &binary(Op::LessEqual, &labels, last)?)?;
    let number = choice(&asked, &binary(Op::Subtract, &labels, 1)?, last)?;
    let along = |(axis, &n): (usize, &usize)| {
        let place = build::broadcast_to(&as_axis(&build::iota(n, None), axis, rank)?, &labels.shape)?;
        let place = build::rechunk(&place, labels.chunks.clone())?;
        let low = extremes(NAME, &number, &place, false, count)?;
        let high = extremes(NAME, &number, &place, true, count)?;
        // In an empty bin the least is the largest that there is.
        let nothing = binary(Op::Greater, &low, &high)?;
        let ends = [choice(&nothing, 0, &low)?, choice(&nothing, 0, &binary(Op::Add, &high, 1)?)?];
        stack(&ends, -1)
    };
    stack(&lengths.iter().enumerate().map(along).collect::<Result<Vec<_>>>()?, 1)
}

impl<T: Kind> Ndimage<T> {
    /// The boxes around the elements with each label from 1 on, which are those of the array itself: for each label and
    /// axis, where it starts and where it ends.
    ///
    /// ```
    /// # let cx = hyperslab::Context::default();
    /// let labels = cx.from_ndarray(ndarray::array![0, 1, 1, 0, 2].into_dyn())?;
    /// let boxes = cx.compute(labels.ndimage().find_objects()?)?;
    /// assert_eq!(boxes, ndarray::array![[[1, 3]], [[4, 5]]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`find_objects`].
    #[track_caller]
    pub fn find_objects(&self) -> Result<Array<i64>> {
        Ok(Array::of(find_objects(&self.x, None)?))
    }
}
