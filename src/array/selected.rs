//! Reductions of some of the elements, and reductions that start from a value: NumPy's `where=` and `initial=`.

use super::manipulation::squeeze;
use super::reduction::{Over, reduce as reduce_all};
use super::{Array, Kind};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{binary, choice, reduce, stretched, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::op::reduction::Params;
use crate::shape::axes::Axes;

/// What a reduction may be told about its elements.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Which elements count; all where it is not given. Truth values that stretch to the shape of the array.
    pub only: Option<Expr>,
    /// What it starts from: a number, or an array of rank 0.
    pub initial: Option<Arg>,
    /// The means that variances are taken from, with the reduced axes at length 1.
    pub mean: Option<Expr>,
}

impl Selection {
    fn is_everything(&self) -> bool {
        self.only.is_none() && self.initial.is_none() && self.mean.is_none()
    }
}

impl<T: Kind> Array<T> {
    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name, over the elements that are chosen.
    ///
    /// ```
    /// use hyperslab::array::selected::Selection;
    /// use hyperslab::{Context, op::reduction::Params};
    /// let cx = Context::default();
    /// let x = cx.linspace(-2.0, 2.0, 5)?;
    /// let positive = Selection { only: Some(x.greater(0.0).expr().clone()), ..Selection::default() };
    /// let sum = x.reduce_selected("sum", .., Params::default(), &positive)?;
    /// assert_eq!(cx.compute(sum)?.to_ndarray::<f64>()?[[]], 3.0);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`reduce_selected`].
    #[track_caller]
    pub fn reduce_selected(
        &self,
        name: &str,
        over: impl Into<Over>,
        params: Params,
        selection: &Selection,
    ) -> Result<Array> {
        Ok(Array::of(reduce_selected(self.expr(), name, &over.into(), params, selection)?))
    }
}

/// The reduction called `name` of the elements of `x` that are chosen.
///
/// # Errors
/// As [`super::reduction::reduce`]; [`Shape`](crate::ErrorKind::Shape) for a choice that does not stretch to the shape
/// of `x`, [`DType`](crate::ErrorKind::DType) for one that is no truth value, [`Argument`](crate::ErrorKind::Argument)
/// for extremes of chosen elements without an initial value.
#[track_caller]
pub fn reduce_selected(x: &Expr, name: &str, over: &Over, params: Params, selection: &Selection) -> Result<Expr> {
    if selection.is_everything() {
        return reduce_all(x, name, over, params);
    }
    let axes = over.axes.resolve(name, x.shape.rank(), &x.names)?;
    let mut only = selection.only.as_ref().map(|only| fitted(name, x, only)).transpose()?;
    if matches!(name, "nanmean" | "nanvar" | "nanstd") && x.dtype.is_inexact() {
        let number = unary(Op::LogicalNot, &unary(Op::Isnan, x)?)?;
        only = Some(only.map_or(Ok(number.clone()), |only| binary(Op::LogicalAnd, &number, &only))?);
    }
    let part = Part { x, axes: &axes, only: only.as_ref(), selection, params };
    let kept = match name {
        "sum" | "nansum" => part.fold(name, Op::Add, 0)?,
        "prod" | "nanprod" => part.fold(name, Op::Multiply, 1)?,
        "min" => part.extremum(name, Op::Minimum)?,
        "max" => part.extremum(name, Op::Maximum)?,
        "nanmin" => part.extremum(name, Op::Fmin)?,
        "nanmax" => part.extremum(name, Op::Fmax)?,
        "any" | "all" => part.truth(name)?,
        "mean" | "nanmean" => part.mean()?,
        "var" | "std" => part.variance(name == "std", false)?,
        "nanvar" | "nanstd" => part.variance(name == "nanstd", true)?,
        other => return Err(Error::argument(other, "takes all elements, and no initial value")),
    };
    if over.keep {
        return Ok(kept);
    }
    squeeze(&kept, Some(&Axes::Positions(axes.iter().map(|a| a.cast_signed()).collect())))
}

/// The choice, in the shape of `x`.
fn fitted(name: &str, x: &Expr, only: &Expr) -> Result<Expr> {
    if only.dtype != DType::Bool {
        return Err(Error::dtype(name, format!("elements are chosen by bool, not by {}", only.dtype)));
    }
    stretched(only, &x.shape).map_err(|e| e.at(format!("in the choice of elements of {name}")))
}

/// A reduction over `axes` that stay.
struct Part<'a> {
    x: &'a Expr,
    axes: &'a [usize],
    only: Option<&'a Expr>,
    selection: &'a Selection,
    params: Params,
}

impl Part<'_> {
    /// `value` where it is chosen, `instead` elsewhere.
    fn masked(&self, value: &Expr, instead: impl Into<Arg>) -> Result<Expr> {
        self.only.map_or(Ok(value.clone()), |only| choice(only, value, instead))
    }

    /// The initial value as an array of `dtype`.
    fn initial(&self, dtype: DType) -> Result<Option<Expr>> {
        let refuse = |why: String| Err(Error::argument("initial", why));
        match &self.selection.initial {
            None => Ok(None),
            Some(Arg::Scalar(s)) if !s.fits(dtype) => refuse(format!("the integer {s} is out of bounds for {dtype}")),
            Some(Arg::Scalar(s)) => build::full(&[], *s, dtype, None).map(Some),
            Some(Arg::Array(e)) if e.shape.rank() > 0 => {
                refuse(format!("is one value, not an array of shape {}", e.shape))
            }
            Some(Arg::Array(e)) => build::cast(e, dtype).map(Some),
        }
    }

    fn started(&self, out: Expr, op: Op) -> Result<Expr> {
        match self.initial(out.dtype)? {
            None => Ok(out),
            Some(initial) => build::cast(&binary(op, &out, &initial)?, out.dtype),
        }
    }

    fn fold(&self, name: &str, op: Op, neutral: i64) -> Result<Expr> {
        self.started(reduce(&self.masked(self.x, neutral)?, name, self.axes, self.params.dtype)?, op)
    }

    fn extremum(&self, name: &str, op: Op) -> Result<Expr> {
        let Some(initial) = self.initial(self.x.dtype)? else {
            return match self.only {
                None => reduce(self.x, name, self.axes, self.params.dtype),
                Some(_) => Err(Error::argument(name, "of chosen elements needs an initial value: there may be none")),
            };
        };
        let mut shape = self.x.shape.known()?;
        if self.axes.iter().any(|&a| shape[a] == 0) {
            for &a in self.axes {
                shape[a] = 1;
            }
            return build::broadcast_to(&initial, &shape.into());
        }
        binary(op, &reduce(&self.masked(self.x, &initial)?, name, self.axes, None)?, &initial)
    }

    fn truth(&self, name: &str) -> Result<Expr> {
        let x = build::cast(self.x, DType::Bool)?;
        let x = match (self.only, name) {
            (None, _) => x,
            (Some(only), "any") => binary(Op::LogicalAnd, &x, only)?,
            (Some(only), _) => binary(Op::LogicalOr, &x, &unary(Op::LogicalNot, only)?)?,
        };
        let op = if name == "any" { Op::LogicalOr } else { Op::LogicalAnd };
        self.started(reduce(&x, name, self.axes, None)?, op)
    }

    /// How many elements are chosen, in `f64`.
    fn count(&self) -> Result<Expr> {
        match self.only {
            Some(only) => build::cast(&reduce(only, "count_nonzero", self.axes, None)?, DType::F64),
            None => {
                let lengths = self.x.shape.known()?;
                let count: usize = self.axes.iter().map(|&a| lengths[a]).product();
                build::full(&[], Scalar::Int(count as i128), DType::F64, None)
            }
        }
    }

    /// The dtype of means.
    fn output(&self) -> DType {
        self.params.dtype.unwrap_or(if self.x.dtype.is_inexact() { self.x.dtype } else { DType::F64 })
    }

    /// The mean in the widest dtype of its kind.
    fn wide_mean(&self) -> Result<Expr> {
        let wide = widest(self.output());
        let sum = reduce(&self.masked(&build::cast(self.x, wide)?, 0)?, "sum", self.axes, None)?;
        binary(Op::Divide, &sum, &self.count()?)
    }

    fn mean(&self) -> Result<Expr> {
        build::cast(&self.wide_mean()?, self.output())
    }

    /// Of what is left of none, NumPy's `nanvar` says NaN where its `var` divides by 0.
    fn variance(&self, root: bool, of_numbers: bool) -> Result<Expr> {
        let wide = widest(self.x.dtype);
        let mean = match &self.selection.mean {
            Some(mean) => build::cast(mean, wide)?,
            None => self.wide_mean()?,
        };
        let distance = binary(Op::Subtract, &build::cast(self.x, wide)?, &mean)?;
        stretched(&distance, &self.x.shape)?;
        let squares = if wide == DType::C128 {
            let square = |part| unary(Op::Square, &unary(part, &distance)?);
            binary(Op::Add, &square(Op::Real)?, &square(Op::Imag)?)?
        } else {
            unary(Op::Square, &distance)?
        };
        let sum = reduce(&self.masked(&squares, 0)?, "sum", self.axes, None)?;
        let left = binary(Op::Subtract, &self.count()?, self.params.ddof)?;
        let mut variance = binary(Op::Divide, &sum, &binary(Op::Maximum, &left, 0)?)?;
        if of_numbers {
            variance = choice(&binary(Op::Greater, &left, 0)?, &variance, f64::NAN)?;
        }
        let result = if root { unary(Op::Sqrt, &variance)? } else { variance };
        build::cast(&result, self.output().real())
    }
}

fn widest(dtype: DType) -> DType {
    if dtype.kind() == Family::Complex { DType::C128 } else { DType::F64 }
}
