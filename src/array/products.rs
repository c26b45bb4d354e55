//! Products of arrays under their NumPy names.

use super::{Array, Kind, done};
use crate::error::Result;
use crate::expr::Expr;
use crate::linalg::einsum::{Subscripts, einsum};
use crate::linalg::{contraction, matmul, products};
use crate::shape::axes::position;

impl<T: Kind> Array<T> {
    /// NumPy's `dot`: [`Array::matmul`] for vectors and matrices; for more axes, sums over the last of one and the last
    /// but one of the other.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let (a, b) = (cx.ones::<i32>(&[2, 3, 4])?, cx.ones::<i32>(&[5, 4, 6])?);
    /// assert_eq!(a.dot(&b).shape().known()?, [2, 3, 5, 6]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where shapes do not multiply.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, other: &Self) -> Self {
        Self::of(done(matmul::dot(self.expr(), other.expr())))
    }

    /// Sums of products over the last axes of both.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// assert_eq!(cx.compute(x.inner(&x)?)?, ndarray::array![[5, 14], [14, 50]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where these differ in length.
    #[track_caller]
    pub fn inner(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::inner(self.expr(), other.expr())?))
    }

    /// Every element of one times every element of the other, both in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(3)?;
    /// assert_eq!(cx.compute(x.outer(&x)?)?, ndarray::array![[0, 0, 0], [0, 1, 2], [0, 2, 4]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
    #[track_caller]
    pub fn outer(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::outer(self.expr(), other.expr())?))
    }

    /// The sum of products of all elements, those of this array conjugated.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?;
    /// assert_eq!(cx.compute(x.vdot(&x.reshape(&[2, 3]))?)?[[]], 55);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where the numbers of elements differ.
    #[track_caller]
    pub fn vdot(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::vdot(self.expr(), other.expr())?))
    }

    /// Sums of products over one axis of both, those of this array conjugated; the other axes broadcast.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// assert_eq!(cx.compute(x.vecdot(&x, -1)?)?.as_slice().unwrap(), &[5, 50]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where the axes differ in length or the others do not broadcast,
    /// [`Axis`](crate::ErrorKind::Axis) where there is no such axis.
    #[track_caller]
    pub fn vecdot(&self, other: &Self, axis: isize) -> Result<Self> {
        Ok(Self::of(products::vecdot(self.expr(), other.expr(), axis)?))
    }

    /// Matrices over the last two axes times vectors over the last axis of the other; the axes before these broadcast.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// assert_eq!(cx.compute(x.matvec(&cx.arange(3)?)?)?.as_slice().unwrap(), &[5, 14]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where they do not multiply or broadcast.
    #[track_caller]
    pub fn matvec(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::matvec(self.expr(), other.expr())?))
    }

    /// Vectors over the last axis, conjugated, times matrices over the last two axes of the other; the axes before
    /// these broadcast.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// assert_eq!(cx.compute(cx.arange(2)?.vecmat(&x)?)?.as_slice().unwrap(), &[3, 4, 5]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::matvec`].
    #[track_caller]
    pub fn vecmat(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::vecmat(self.expr(), other.expr())?))
    }

    /// Sums of products over the axes `left` of this array and `right` of the other, whose lengths agree pair by pair;
    /// the other axes of this array come first.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let (a, b) = (cx.ones::<f64>(&[3, 4, 5])?, cx.ones::<f64>(&[4, 3, 2])?);
    /// let product = a.tensordot(&b, &[0, 1], &[1, 0])?;
    /// assert_eq!(cx.compute(product)?, ndarray::ArrayD::from_elem(vec![5, 2], 12.0));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where lengths differ, [`Axis`](crate::ErrorKind::Axis) where there is no such
    /// axis.
    #[track_caller]
    pub fn tensordot(&self, other: &Self, left: &[isize], right: &[isize]) -> Result<Self> {
        let axes = |x: &Self, axes: &[isize]| -> Result<Vec<usize>> {
            axes.iter().map(|&a| position("tensordot", a, x.ndim())).collect()
        };
        let (left, right) = (axes(self, left)?, axes(other, right)?);
        Ok(Self::of(contraction::tensordot(self.expr(), other.expr(), &left, &right)?))
    }

    /// NumPy's `einsum`: the sum of the products of all operands over the labels that the result does not name.
    ///
    /// Labels are letters, `...` stands for axes without one; what follows `->` are the axes of the result, without it
    /// the ellipsis and the labels that occur once, in order. A label that occurs twice in an operand is its diagonal.
    /// Axes of length 1 broadcast. Two operands at a time are contracted, as products of matrices where that pays: the
    /// pair first whose product outgrows it by least.
    ///
    /// ```
    /// use hyperslab::{Array, Context};
    /// let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[2, 3]);
    /// let gram = Array::einsum("ij,kj->ik", &[&x, &x])?;
    /// assert_eq!(cx.compute(gram)?, ndarray::array![[5, 14], [14, 50]].into_dyn());
    ///
    /// let refused = Array::einsum("ij,jk->ik", &[&x, &x]).unwrap_err().to_string();
    /// let why = "label `j` has length 3 in operand 0 of shape (2, 3) and 2 in operand 1";
    /// assert!(refused.contains(why), "{refused}");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for subscripts that do not fit the operands or the result,
    /// [`Shape`](crate::ErrorKind::Shape) where a label has two lengths, neither of them 1.
    #[track_caller]
    pub fn einsum(subscripts: &str, operands: &[&Self]) -> Result<Self> {
        let operands: Vec<Expr> = operands.iter().map(|x| x.expr().clone()).collect();
        Ok(Self::of(einsum(&Subscripts::parse(subscripts)?, &operands, T::KNOWN)?))
    }

    /// The Kronecker product: every element times all of the other array, in the place of that element.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(2)? + 1;
    /// assert_eq!(cx.compute(x.kron(&(&x * 10))?)?.as_slice().unwrap(), &[10, 20, 20, 40]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the result is too large.
    #[track_caller]
    pub fn kron(&self, other: &Self) -> Result<Self> {
        Ok(Self::of(products::kron(self.expr(), other.expr())?))
    }

    /// The product of several matrices, the first and the last of which may be vectors, in the order that takes the
    /// fewest multiplications.
    ///
    /// ```
    /// use hyperslab::{Array, Context};
    /// let cx = Context::default();
    /// let (a, v) = (cx.ones::<f64>(&[30, 30])?, cx.ones::<f64>(&[30])?);
    /// assert_eq!(cx.compute(Array::multi_dot(&[&a, &a, &v])?)?[0], 900.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for less than two arrays, [`Shape`](crate::ErrorKind::Shape) where they
    /// do not multiply.
    #[track_caller]
    pub fn multi_dot(arrays: &[&Self]) -> Result<Self> {
        let arrays: Vec<Expr> = arrays.iter().map(|x| x.expr().clone()).collect();
        Ok(Self::of(products::multi_dot(&arrays)?))
    }

    /// Square matrices over the last two axes multiplied with themselves `n - 1` times; for `n = 0`, ones on the
    /// diagonal.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let fibonacci = cx.from_ndarray(ndarray::array![[1_i64, 1], [1, 0]].into_dyn())?;
    /// assert_eq!(cx.compute(fibonacci.matrix_power(10)?)?, ndarray::array![[89, 55], [55, 34]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for what is no stack of square matrices,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a negative power.
    #[track_caller]
    pub fn matrix_power(&self, n: isize) -> Result<Self> {
        Ok(Self::of(products::matrix_power(self.expr(), n)?))
    }
}
