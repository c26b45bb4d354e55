//! Conditions on data, which are known only when it runs.
//!
//! An array under a condition is read together with one number that is made of the condition: a maximum over all of it,
//! of 0 where it holds and `i64::MAX` where it does not. Reductions refuse that value, so the run ends with an error
//! before anything that depends on it is written.

use super::build::{self, Arg};
use super::compose::{binary, choice, without};
use super::node::Expr;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{Params, find};
use crate::shape::checked_size;

/// `x` where every element of `condition` is true; otherwise the run ends with an error of the operation `op`, which
/// says why.
///
/// # Errors
/// As [`build::element`].
#[track_caller]
pub fn where_all(x: &Expr, condition: &Expr, op: &'static str, why: &'static str) -> Result<Expr> {
    if checked_size(&condition.shape.known()?) == Some(0) {
        return Ok(x.clone());
    }
    let (holds, fails) = (Arg::from(0), Arg::Scalar(Scalar::Int(i64::MAX.into())));
    let marks = build::select(&Arg::from(condition), &holds, &fails)?;
    let reduction = find("max").ok_or_else(|| Error::bug("there is the reduction max"))?;
    let mut reducer = reduction.reducer(DType::I64, &Params { count: 1, ..Params::default() })?;
    (reducer.name, reducer.no_answer) = (op, Some(why));
    let axes: Vec<usize> = (0..marks.shape.rank()).collect();
    let verdict = without(&build::reduce_with(&marks, reducer, &axes, None)?, &axes)?;
    let passed = binary(ElementOp::Equal, &verdict, 0)?;
    // Which value stands in where it fails does not matter: the run does not come that far.
    let zero = build::full(&[], Scalar::Int(0), x.dtype, None)?;
    choice(&passed, x, zero)
}
