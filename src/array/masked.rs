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
    /// What is filled in where nothing else is said.
    fill: Option<Scalar>,
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
        Ok(Self { data: data.clone(), mask, fill: None })
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
        Ok(Self { mask: binary(Op::LogicalOr, &self.mask, &more)?, ..self.clone() })
    }

    /// The same, with `value` filled in for what is left out, where nothing else is said.
    #[must_use]
    pub fn with_fill(&self, value: Option<Scalar>) -> Self {
        Self { fill: value, ..self.clone() }
    }

    /// What is filled in where nothing else is said; `None` where that is NumPy's value for the dtype.
    #[must_use]
    pub fn fill(&self) -> Option<Scalar> {
        self.fill
    }

    /// The elements, without those that are not finite, and with the fill value in their place: `value`, or that of the
    /// array.
    ///
    /// # Errors
    /// As [`build::select`].
    #[track_caller]
    pub fn fix_invalid(&self, value: Option<Scalar>) -> Result<Self> {
        let bad = invalid(&self.data)?;
        let fixed = self.with_fill(value.or(self.fill)).without(&bad)?;
        let filled = Self { mask: bad, ..fixed.clone() }.filled(None)?;
        Ok(Self { data: filled.expr().clone(), ..fixed })
    }

    /// `value` everywhere, in this shape and dtype, without the same elements.
    ///
    /// # Errors
    /// As [`build::full`].
    #[track_caller]
    pub fn full_like(&self, value: Scalar, dtype: DType) -> Result<Self> {
        Ok(Self { data: super::creation::full_like(&self.data, value, dtype)?, ..self.clone() })
    }

    /// Elements of `then` where `condition` is true and of `otherwise` where it is not; left out where the one that is
    /// taken is, and where the condition is.
    ///
    /// # Errors
    /// As [`build::select`].
    #[track_caller]
    pub fn choose(condition: &Self, then: (&Arg, Option<&Expr>), otherwise: (&Arg, Option<&Expr>)) -> Result<Self> {
        let truth = cast(&condition.data, DType::Bool)?;
        let data = build::select(&Arg::from(&truth), then.0, otherwise.0)?;
        let none = build::full(&[], Scalar::Bool(false), DType::Bool, None)?;
        let mask = choice(&truth, then.1.unwrap_or(&none), otherwise.1.unwrap_or(&none))?;
        let mask = binary(Op::LogicalOr, &mask, &condition.mask)?;
        // What the condition does not know is taken from the second.
        let unknown = stretched(&condition.mask, &data.shape)?;
        let data = build::select(&Arg::from(&unknown), otherwise.0, &Arg::from(&data))?;
        Ok(Self { mask: stretched(&mask, &data.shape)?, data, fill: None })
    }

    /// The elements, with `value` in the place of those that are left out; where it is not given the fill value of the
    /// array, or NumPy's for the dtype, 999999 or 1e20.
    ///
    /// # Errors
    /// As [`build::select`].
    #[track_caller]
    pub fn filled(&self, value: Option<&Expr>) -> Result<Array> {
        let dtype = self.data.dtype;
        let instead = match (value, self.fill) {
            (Some(value), _) => cast(value, dtype)?,
            (None, Some(fill)) => cast(&build::full(&[], fill, fill.dtype(), None)?, dtype)?,
            (None, None) => match dtype.kind() {
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

    /// What `op` makes of masked arrays and others, left out where any of them is; where `op` has a domain, as
    /// divisions, roots and logarithms have, so is what is not finite then.
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
        Ok(Self { mask: stretched(&mask, &shape)?, data, fill: None })
    }

    /// How many elements count.
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there.
    #[track_caller]
    pub fn count(&self, over: impl Into<Over>) -> Result<Array> {
        Array::from_expr(unary(Op::LogicalNot, &self.mask)?).try_reduce("count_nonzero", over, Params::default())
    }

    /// `sum`, `prod`, `mean`, `var`, `std`, `min`, `max`, `ptp`, `any` or `all` of the elements that count; left out
    /// where none does.
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
                return Ok(Self { data, mask: none, fill: None });
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
        Ok(Self { data: choice(&none, &zero, &data)?, mask: none, fill: None })
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

    /// The mean of the elements that count, weighted where there are weights that stretch to the shape of the array;
    /// and the sums of the weights, which are 1 where there are none.
    ///
    /// # Errors
    /// As [`reduce`](Self::reduce).
    #[track_caller]
    pub fn average(&self, over: impl Into<Over>, weights: Option<&Array>) -> Result<(Self, Self)> {
        let over = over.into();
        let Some(weights) = weights else {
            let mean = self.reduce("mean", over.clone(), Params::default())?;
            let count = Masked { data: cast(self.count(over)?.expr(), mean.data.dtype)?, ..mean.clone() };
            return Ok((mean, count));
        };
        let axes = over.axes.resolve("average", self.data.shape.rank(), &self.data.names)?;
        let weights = match axes.as_slice() {
            [axis] if weights.ndim() == 1 && self.data.shape.rank() > 1 => {
                crate::expr::compose::as_axis(weights.expr(), *axis, self.data.shape.rank())?
            }
            _ => weights.expr().clone(),
        };
        // As NumPy adds them up: in floats, which do not overflow.
        let whole = |d: DType| if d.is_inexact() { d } else { promote(d, DType::F64) };
        let dtype = promote(whole(self.data.dtype), weights.dtype);
        let weights = stretched(&cast(&weights, dtype)?, &self.data.shape)?;
        let sum = |x: Expr| Self { data: x, ..self.clone() }.reduce("sum", over.clone(), Params::default());
        let (total, weight) = (sum(binary(Op::Multiply, &cast(&self.data, dtype)?, &weights)?)?, sum(weights.clone())?);
        let parts =
            [(Arg::Array(total.data), Some(total.mask)), (Arg::Array(weight.data.clone()), Some(weight.mask.clone()))];
        Ok((Self::element(Op::Divide, &parts)?, weight))
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
