//! Masked arrays: elements, and which of them do not count.

use super::Array;
use super::reduction::Over;
use super::selected::{Selection, reduce_selected};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build::{self, Arg, cast};
use crate::expr::compose::{binary, choice, stretched, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::op::reduction::Params;
use crate::shape::broadcast::broadcast;

/// An array, and a truth value for each element that says whether it is left out.
///
/// ```
/// use hyperslab::{Context, array::masked::Masked};
/// let cx = Context::default();
/// let x = cx.linspace(-1.0, 2.0, 4)?.into_dyn();
/// let positive = Masked::new(&x, Some(&x.less(0.0).into_dyn()))?;
/// let mean = cx.compute(positive.reduce("mean", .., Default::default())?.filled(None)?)?;
/// assert_eq!(mean.to_ndarray::<f64>()?[[]], 1.0);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Masked {
    data: Expr,
    mask: Expr,
}

impl Masked {
    /// `data` without what `mask`, which stretches to its shape, says; all of it where there is no mask.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where they do not broadcast.
    #[track_caller]
    pub fn new(data: &Array, mask: Option<&Array>) -> Result<Self> {
        let data = data.expr();
        let mask = match mask {
            Some(mask) => stretched(&cast(mask.expr(), DType::Bool)?, &data.shape)?,
            None => build::full(&data.shape.known()?, Scalar::Bool(false), DType::Bool, None)?,
        };
        Ok(Self { data: data.clone(), mask })
    }

    /// The elements, those that are left out among them.
    #[must_use]
    pub fn data(&self) -> Array {
        Array::of(self.data.clone())
    }

    /// Which elements are left out.
    #[must_use]
    pub fn mask(&self) -> Array {
        Array::of(self.mask.clone())
    }

    /// The same elements without those that `more` leaves out, too.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) where it does not stretch to the shape of the array.
    #[track_caller]
    pub fn without(&self, more: &Expr) -> Result<Self> {
        let more = stretched(&cast(more, DType::Bool)?, &self.data.shape)?;
        Ok(Self { data: self.data.clone(), mask: binary(Op::LogicalOr, &self.mask, &more)? })
    }

    /// The elements, with `value` in the place of those that are left out; where it is not given NumPy's for the dtype, 999999
    /// or 1e20.
    ///
    /// # Errors
    /// As [`build::select`].
    #[track_caller]
    pub fn filled(&self, value: Option<&Expr>) -> Result<Array> {
        let dtype = self.data.dtype;
        let instead = match value {
            Some(value) => cast(value, dtype)?,
            None => match dtype.kind() {
                Family::Bool => build::full(&[], Scalar::Bool(true), dtype, None)?,
                Family::Signed | Family::Unsigned => {
                    cast(&build::full(&[], Scalar::Int(999_999), DType::I64, None)?, dtype)?
                }
                Family::Float | Family::Complex => {
                    cast(&build::full(&[], Scalar::Float(1e20), DType::F64, None)?, dtype)?
                }
            },
        };
        Ok(Array::of(choice(&self.mask, &instead, &self.data)?))
    }

    /// What `op` makes of masked arrays and others, left out where any of them is; where `op` has a domain, as divisions, roots
    /// and logarithms have, so is what is not finite then.
    ///
    /// # Errors
    /// As [`build::element`].
    #[track_caller]
    pub fn element(op: Op, args: &[(Arg, Option<Expr>)]) -> Result<Self> {
        let given: Vec<Arg> = args.iter().map(|(arg, _)| arg.clone()).collect();
        let data = build::element(op, &given)?;
        let mut masks: Vec<Expr> = args.iter().filter_map(|(_, mask)| mask.clone()).collect();
        if let (Op::Divide | Op::FloorDivide | Op::Remainder | Op::Fmod, [_, by]) = (op, given.as_slice()) {
            masks.push(binary(Op::Equal, by, 0)?);
        }
        if DOMAINS.contains(&op) {
            masks.push(invalid(&data)?);
        }
        let mut mask = build::full(&[], Scalar::Bool(false), DType::Bool, None)?;
        for more in &masks {
            mask = binary(Op::LogicalOr, &mask, more)?;
        }
        let shape = broadcast("mask", &[&mask.shape, &data.shape])?;
        Ok(Self { mask: stretched(&mask, &shape)?, data })
    }

    /// How many elements count.
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there.
    #[track_caller]
    pub fn count(&self, over: impl Into<Over>) -> Result<Array> {
        Array::from_expr(unary(Op::LogicalNot, &self.mask)?).try_reduce("count_nonzero", over, Params::default())
    }

    /// `sum`, `prod`, `mean`, `var`, `std`, `min`, `max`, `ptp`, `any` or `all` of the elements that count; left out where none
    /// does.
    ///
    /// # Errors
    /// As [`reduce_selected`].
    #[track_caller]
    pub fn reduce(&self, name: &str, over: impl Into<Over>, params: Params) -> Result<Self> {
        let over = over.into();
        let none = binary(Op::Equal, self.count(over.clone())?.expr(), 0)?;
        let only = Some(unary(Op::LogicalNot, &self.mask)?);
        let initial = match name {
            "min" => Some(self.bound(true)),
            "max" => Some(self.bound(false)),
            "ptp" => {
                let end = |name: &str| self.reduce(name, over.clone(), params);
                let data = binary(Op::Subtract, &end("max")?.data, &end("min")?.data)?;
                return Ok(Self { data, mask: none });
            }
            _ => None,
        };
        let selection = Selection { only, initial, mean: None };
        let data = reduce_selected(&self.data, name, &over, params, &selection)?;
        let (mut none, mut data) = (none, data);
        if let "mean" | "var" | "std" = name {
            // NumPy divides by an array of numbers of elements, and leaves out what is not finite then.
            data = cast(&data, promote(data.dtype, DType::I64))?;
            if name != "mean" {
                none = binary(Op::LogicalOr, &none, &invalid(&data)?)?;
            }
        }
        let zero = cast(&build::full(&[], Scalar::Int(0), DType::I64, None)?, data.dtype)?;
        Ok(Self { data: choice(&none, &zero, &data)?, mask: none })
    }

    /// The value that every element replaces as an extreme.
    fn bound(&self, high: bool) -> Arg {
        let (dtype, bits) = (self.data.dtype, 8 * self.data.dtype.size());
        Arg::Scalar(match (dtype.kind(), high) {
            (Family::Bool, high) => Scalar::Bool(high),
            (Family::Signed, true) => Scalar::Int((1i128 << (bits - 1)) - 1),
            (Family::Signed, false) => Scalar::Int(-(1i128 << (bits - 1))),
            (Family::Unsigned, true) => Scalar::Int((1i128 << bits) - 1),
            (Family::Unsigned, false) => Scalar::Int(0),
            (Family::Float | Family::Complex, true) => Scalar::Float(f64::INFINITY),
            (Family::Float | Family::Complex, false) => Scalar::Float(f64::NEG_INFINITY),
        })
    }

    /// The mean of the elements that count, weighted where there are weights that stretch to the shape of the array.
    ///
    /// # Errors
    /// As [`reduce`](Self::reduce).
    #[track_caller]
    pub fn average(&self, over: impl Into<Over>, weights: Option<&Array>) -> Result<Self> {
        let over = over.into();
        let Some(weights) = weights else { return self.reduce("mean", over, Params::default()) };
        let axes = over.axes.resolve("average", self.data.shape.rank(), &self.data.names)?;
        let weights = match axes.as_slice() {
            [axis] if weights.ndim() == 1 && self.data.shape.rank() > 1 => {
                crate::expr::compose::as_axis(weights.expr(), *axis, self.data.shape.rank())?
            }
            _ => weights.expr().clone(),
        };
        let weights = stretched(&weights, &self.data.shape)?;
        let sum = |x: Expr| Self { data: x, mask: self.mask.clone() }.reduce("sum", over.clone(), Params::default());
        let (total, weight) = (sum(binary(Op::Multiply, &self.data, &weights)?)?, sum(weights.clone())?);
        Self::element(
            Op::Divide,
            &[(Arg::Array(total.data), Some(total.mask)), (Arg::Array(weight.data), Some(weight.mask))],
        )
    }
}

/// Operations that leave out what is not finite.
const DOMAINS: &[Op] = &[
    Op::Divide,
    Op::FloorDivide,
    Op::Remainder,
    Op::Fmod,
    Op::Sqrt,
    Op::Log,
    Op::Log2,
    Op::Log10,
    Op::Tan,
    Op::Arcsin,
    Op::Arccos,
    Op::Arccosh,
    Op::Arctanh,
];

/// What is not finite is left out.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn invalid(x: &Expr) -> Result<Expr> {
    unary(Op::LogicalNot, &unary(Op::Isfinite, x)?)
}

/// What lies between two values, ends included, or outside of them.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn between(x: &Expr, one: &Arg, other: &Arg, inside: bool) -> Result<Expr> {
    let (low, high) = (binary(Op::Minimum, one, other)?, binary(Op::Maximum, one, other)?);
    if inside {
        binary(Op::LogicalAnd, &binary(Op::GreaterEqual, x, &low)?, &binary(Op::LessEqual, x, &high)?)
    } else {
        binary(Op::LogicalOr, &binary(Op::Less, x, &low)?, &binary(Op::Greater, x, &high)?)
    }
}

/// What is about equal to a value: exactly, where elements are integers.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn close(x: &Expr, value: &Arg, relative: f64, absolute: f64) -> Result<Expr> {
    if !x.dtype.is_inexact() {
        return binary(Op::Equal, x, value);
    }
    let apart = unary(Op::Absolute, &binary(Op::Subtract, x, value)?)?;
    let size = build::element(Op::Absolute, std::slice::from_ref(value))?;
    let most = binary(Op::Add, &binary(Op::Multiply, &size, relative)?, absolute)?;
    binary(Op::LessEqual, &apart, &most)
}
