//! Elements chosen among several arrays: by conditions, by number, piece by piece.

use super::{Array, Kind, Operand};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::check::where_all;
use crate::expr::compose::{binary, choice, stretched};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::Shape;
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;

/// How many arrays there may be to choose from, as in NumPy.
const MOST_CHOICES: usize = 63;

/// What a number that names no choice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The run ends with an error.
    Raise,
    /// It counts on from the other end, again and again.
    Wrap,
    /// It means the nearest choice.
    Clip,
}

impl<T: Kind> Array<T> {
    /// The elements of `choices[i]` where this array of integers is `i`.
    ///
    /// ```
    /// # use hyperslab::{Context, array::choices::Outside};
    /// # let cx = Context::default();
    /// let (x, y) = (cx.linspace(0.0, 3.0, 4)?, cx.linspace(3.0, 6.0, 4)?);
    /// let odd = (cx.arange(4)?.try_typed::<i64>()? % 2).choose(&[&x, &y], Outside::Raise)?;
    /// assert_eq!(cx.compute(odd)?.as_slice().unwrap(), &[0.0, 4.0, 2.0, 6.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`choose`].
    #[track_caller]
    pub fn choose<U: Kind>(&self, choices: &[&Array<U>], outside: Outside) -> Result<Array<U>> {
        let choices: Vec<Arg> = choices.iter().map(|c| Arg::from(c.expr())).collect();
        Ok(Array::of(choose(self.expr(), &choices, outside)?))
    }

    /// This array where no condition holds, and where some do, the choice of the first of them.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(-2.0, 2.0, 5)?;
    /// let bent = x.select(&[(x.less(-1.0), (-1.0).into()), (x.greater(1.0), (&x * 10.0).into())])?;
    /// assert_eq!(cx.compute(bent)?.as_slice().unwrap(), &[-1.0, -1.0, 0.0, 1.0, 20.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`select`].
    #[track_caller]
    pub fn select(&self, cases: &[(Array<T::Truth>, Operand<T>)]) -> Result<Self> {
        let conditions: Vec<Expr> = cases.iter().map(|(condition, _)| condition.expr().clone()).collect();
        let choices: Vec<Arg> = cases.iter().map(|(_, choice)| choice.arg().clone()).collect();
        Ok(Self::of(select(&conditions, &choices, &Arg::from(self.expr()))?))
    }
}

/// The choice of the first condition that holds, `default` where none does.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for another number of choices, or none, [`DType`](crate::ErrorKind::DType)
/// for conditions that are no truth values, [`Shape`](crate::ErrorKind::Shape) for what does not broadcast.
#[track_caller]
pub fn select(conditions: &[Expr], choices: &[Arg], default: &Arg) -> Result<Expr> {
    if conditions.len() != choices.len() || choices.is_empty() {
        let why = format!("{} conditions for {} choices", conditions.len(), choices.len());
        return Err(Error::argument("select", why));
    }
    if let Some(other) = conditions.iter().find(|c| c.dtype != DType::Bool) {
        return Err(Error::dtype("select", format!("a condition is {}, not bool", other.dtype)));
    }
    let all: Vec<Arg> = choices.iter().chain([default]).cloned().collect();
    let choices = alike("select", &all)?;
    let shape = common("select", conditions.iter().chain(&choices))?;
    let (last, choices) = choices.split_last().ok_or_else(|| Error::bug("there is a default"))?;
    let mut out = last.clone();
    for (condition, value) in conditions.iter().zip(choices).rev() {
        out = choice(condition, value, &out)?;
    }
    stretched(&out, &shape)
}

/// The elements of `choices[i]` where `index` is `i`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for an index that is no integer of up to 64 bits,
/// [`Argument`](crate::ErrorKind::Argument) for no choice or more than 63, [`Shape`](crate::ErrorKind::Shape) for what
/// does not broadcast.
#[track_caller]
pub fn choose(index: &Expr, choices: &[Arg], outside: Outside) -> Result<Expr> {
    if index.dtype.is_inexact() || index.dtype == DType::U64 {
        return Err(Error::dtype("choose", format!("{} is no dtype of indices", index.dtype)));
    }
    let count = choices.len();
    if count == 0 || count > MOST_CHOICES {
        return Err(Error::argument("choose", format!("takes 1 to {MOST_CHOICES} choices, not {count}")));
    }
    let choices = alike("choose", choices)?;
    let shape = common("choose", [index].into_iter().chain(&choices))?;
    let index = build::cast(index, DType::I64)?;
    let end = i64::try_from(count).unwrap_or(i64::MAX);
    let index = match outside {
        Outside::Wrap => binary(Op::Remainder, &index, end)?,
        Outside::Clip => binary(Op::Minimum, &binary(Op::Maximum, &index, 0)?, end - 1)?,
        Outside::Raise => {
            let (low, high) = (binary(Op::GreaterEqual, &index, 0)?, binary(Op::Less, &index, end)?);
            where_all(
                &index,
                &binary(Op::LogicalAnd, &low, &high)?,
                "choose",
                "an index is out of bounds for the choices",
            )?
        }
    };
    let (last, others) = choices.split_last().ok_or_else(|| Error::bug("there is a choice"))?;
    let mut out = last.clone();
    for (at, value) in (0..end).zip(others).collect::<Vec<_>>().into_iter().rev() {
        out = choice(&binary(Op::Equal, &index, at)?, value, &out)?;
    }
    // With one choice nothing asks for the index, which has to be checked all the same.
    let out = if count == 1 { choice(&binary(Op::Equal, &index, 0)?, &out, &out)? } else { out };
    stretched(&out, &shape)
}

/// An array like `x` that is `pieces[i]` where `conditions[i]` holds, the last of those that hold; where none does, one
/// more piece, or 0. Conditions cover the first axes of `x`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for another number of pieces, [`Shape`](crate::ErrorKind::Shape) for
/// conditions and pieces that do not fit.
#[track_caller]
pub fn piecewise(x: &Expr, conditions: &[Expr], pieces: &[Expr]) -> Result<Expr> {
    let (n, m) = (conditions.len(), pieces.len());
    if m != n && m != n + 1 {
        return Err(Error::argument("piecewise", format!("{m} pieces for {n} conditions")));
    }
    let lengths = x.shape.known()?;
    let mut out = match pieces.get(n) {
        Some(rest) => whole(x, rest)?,
        None => build::full(&lengths, 0.into(), x.dtype, None)?,
    };
    for (condition, piece) in conditions.iter().zip(pieces) {
        let covered = condition.shape.known()?;
        if !lengths.starts_with(&covered) {
            let why = format!("a condition of shape {} for an array of shape {}", condition.shape, x.shape);
            return Err(Error::shape("piecewise", why));
        }
        let mut items = vec![Item::from(..); covered.len()];
        items.resize(lengths.len(), Item::NewAxis);
        out = choice(&build::index(condition, &items)?, &whole(x, piece)?, &out)?;
    }
    Ok(out)
}

/// One value, or one for every element of `x`, stretched over it.
fn whole(x: &Expr, piece: &Expr) -> Result<Expr> {
    let lengths = piece.shape.known()?;
    if lengths.iter().any(|&n| n != 1) && piece.shape != x.shape {
        let why = format!("a piece of shape {} is no single value", piece.shape);
        return Err(Error::shape("piecewise", why));
    }
    let piece = build::cast(piece, x.dtype)?;
    let piece = if piece.shape == x.shape { piece } else { build::reshape(&piece, &[])? };
    build::broadcast_to(&piece, &x.shape)
}

/// The arguments as arrays of one dtype; weak numbers take that of the arrays where their kind allows it.
fn alike(op: &str, args: &[Arg]) -> Result<Vec<Expr>> {
    let dtype = build::common_dtype(op, args)?;
    let one = |arg: &Arg| match arg {
        Arg::Array(e) => build::cast(e, dtype),
        Arg::Scalar(s) => build::full(&[], *s, dtype, None),
    };
    args.iter().map(one).collect()
}

fn common<'a>(op: &str, arrays: impl IntoIterator<Item = &'a Expr>) -> Result<Shape> {
    broadcast(op, &arrays.into_iter().map(|e| &e.shape).collect::<Vec<_>>())
}
