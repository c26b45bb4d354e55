//! Sets: distinct elements, and what two arrays have in common.

use super::order::{along, lexsort};
use super::places::at;
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::compose::{binary, joined, moved, range, reduce_away, running_sum};
use crate::expr::pending::when_known;
use crate::expr::sets::{Distinct, intersect1d, run_lengths, setdiff1d, setxor1d, union1d, unique};
use crate::expr::trim::trim_zeros;
use crate::expr::{Expr, build, regions, times};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::LineOp;
use crate::shape::axes::{Axes, position};

/// How many elements the boxes along an axis may have that are put in order: each is a key.
const MOST_KEYS: usize = 1024;

/// Each is in order, and as long as the data say, which is computed first.
impl<T: Kind> Array<T> {
    /// The distinct elements; NaN is one of them, if there is any.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[3i64, 1, 3]).into_dyn())?;
    /// let (values, counts) = cx.compute((x.unique(), x.unique_counts()))?;
    /// assert_eq!((values.as_slice().unwrap(), counts.as_slice().unwrap()), (&[1, 3][..], &[1, 2][..]));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn unique(&self) -> Self {
        Self::of(done(unique(self.expr(), Distinct::Values, true)))
    }

    /// The distinct boxes along an axis (rows of a matrix, along axis 0), in the order of their elements.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr2(&[[1i64, 0], [0, 5], [1, 0]]).into_dyn())?;
    /// assert_eq!(cx.compute(x.unique_along(0)?)?, ndarray::array![[0, 5], [1, 0]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`unique_along`].
    #[track_caller]
    pub fn unique_along(&self, axis: isize) -> Result<Self> {
        let axis = position("unique", axis, self.ndim())?;
        Ok(Self::of(unique_along(self.expr(), axis, Distinct::Values)?))
    }

    /// How often each of the distinct elements is there.
    #[track_caller]
    #[must_use]
    pub fn unique_counts(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Counts, true)))
    }

    /// The position, in C order, of the first of each of the distinct elements.
    #[track_caller]
    #[must_use]
    pub fn unique_indices(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Indices, true)))
    }

    /// Which of the distinct elements each element is.
    #[track_caller]
    #[must_use]
    pub fn unique_inverse(&self) -> Array<i64> {
        Array::of(done(unique(self.expr(), Distinct::Inverse, true)))
    }

    /// The box of elements that holds all that are not zero.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[0i64, 0, 3, 0, 1, 0]).into_dyn())?;
    /// assert_eq!(cx.compute(x.trim_zeros())?.as_slice().unwrap(), &[3, 0, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn trim_zeros(&self) -> Self {
        let axes: Vec<usize> = (0..self.ndim()).collect();
        Self::of(done(trim_zeros(self.expr(), true, true, &axes)))
    }

    /// The elements of both arrays.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let array = |list: &[i64]| cx.from_ndarray(ndarray::arr1(list).into_dyn());
    /// let (a, b) = (array(&[5, 1, 1])?, array(&[2, 5])?);
    /// let (union, common) = cx.compute((a.union1d(&b), a.intersect1d(&b)))?;
    /// assert_eq!((union.as_slice().unwrap(), common.as_slice().unwrap()), (&[1, 2, 5][..], &[5][..]));
    /// let (less, either) = cx.compute((a.setdiff1d(&b), a.setxor1d(&b)))?;
    /// assert_eq!((less.as_slice().unwrap(), either.as_slice().unwrap()), (&[1][..], &[1, 2][..]));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn union1d(&self, other: &Self) -> Self {
        Self::of(done(union1d(self.expr(), other.expr())))
    }

    /// The elements that are in both arrays.
    #[track_caller]
    #[must_use]
    pub fn intersect1d(&self, other: &Self) -> Self {
        let [values, ..] = done(intersect1d(self.expr(), other.expr(), false));
        Self::of(values)
    }

    /// The elements that are in this array and not in the other.
    #[track_caller]
    #[must_use]
    pub fn setdiff1d(&self, other: &Self) -> Self {
        Self::of(done(setdiff1d(self.expr(), other.expr(), false)))
    }

    /// The elements that are in one of both arrays alone.
    #[track_caller]
    #[must_use]
    pub fn setxor1d(&self, other: &Self) -> Self {
        Self::of(done(setxor1d(self.expr(), other.expr(), false)))
    }
}

/// The distinct boxes of `x` along an axis, in the order of their elements one after another, or what else is asked of
/// them. Those that hold NaN equal no other, as in NumPy.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for boxes of more than 1024 elements.
#[track_caller]
pub fn unique_along(x: &Expr, axis: usize, what: Distinct) -> Result<Expr> {
    if let Some(time) = x.time {
        let found = unique_along(&times::keys(x)?, axis, what)?;
        return if what == Distinct::Values { times::of_keys(&found, time) } else { Ok(found) };
    }
    when_known("unique", std::slice::from_ref(x), move |e| {
        let boxes = moved(&e[0], axis, 0)?;
        let shape = boxes.shape.known()?;
        let (n, width) = (shape[0], shape[1..].iter().product::<usize>());
        if width > MOST_KEYS {
            let why = format!("boxes of {width} elements along axis {axis}, above {MOST_KEYS}, in order");
            return Err(Error::unsupported(why));
        }
        if n == 0 {
            return if what == Distinct::Values {
                Ok(e[0].clone())
            } else {
                build::full(&[0], 0.into(), DType::I64, None)
            };
        }
        let rows = build::reshape(&boxes, &[n, width])?;
        let keys = (0..width).rev().map(|k| build::reshape(&range(&rows, 1, k, k + 1)?, &[n]));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let order = if keys.is_empty() { build::iota(n, None) } else { lexsort(&keys, &Axes::from(0))? };
        let sorted = at(&rows, 0, &order)?;
        let differ = binary(Op::NotEqual, &range(&sorted, 0, 1, n)?, &range(&sorted, 0, 0, n - 1)?)?;
        let start = build::full(&[1], Scalar::Bool(true), DType::Bool, None)?;
        let first = joined(&[start, reduce_away(&differ, "any", &[1], None)?], 0)?;
        match what {
            Distinct::Values => {
                let shape = shape.clone();
                when_known("unique", &[regions::compress(&sorted, &first, 0)?], move |kept| {
                    let shape = [&kept[0].shape.known()?[..1], &shape[1..]].concat();
                    moved(&build::reshape(&kept[0], &shape)?, 0, axis)
                })
            }
            // Equal boxes are in the order in which they come.
            Distinct::Indices => regions::compress(&order, &first, 0),
            Distinct::Counts => run_lengths(&first),
            Distinct::Inverse => {
                let which = binary(Op::Subtract, &running_sum(&first, 0, Some(DType::I64))?, 1)?;
                at(&which, 0, &along(&order, LineOp::Argsort, &Axes::from(0))?)
            }
        }
    })
}
