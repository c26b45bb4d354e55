//! Sums and moments with weights: `weighted(x, w).mean(axis=0)`.

use super::super::value::{Call, Function, Parts, Value};
use super::row;
use crate::array::reduction::{Over, keep};
use crate::array::weighted::Weighted;
use crate::array::{Array, Dyn};
use crate::error::Result;

pub(super) static TABLE: &[Function] = &[row("weighted", "x, weights, axis=None", |call| {
    let axes = call.given("axis").map(|_| call.axes("axis")).transpose()?;
    let weighted = call.array("x")?.weighted(&call.array("weights")?, axes)?;
    Ok(Value::Parts(Box::new(Parts::Weighted(weighted))))
})];

/// Methods of what `weighted` gives.
pub(super) static METHODS: &[Function] = &[
    row("mean", OVER, |call| over(call, |x, over| x.mean(over))),
    row("sum", OVER, |call| over(call, |x, over| x.sum(over))),
    row("var", OVER, |call| over(call, |x, over| x.var(over))),
    row("std", OVER, |call| over(call, |x, over| x.std(over))),
    row("sum_of_weights", OVER, |call| over(call, |x, over| x.sum_of_weights(over))),
    row("sum_of_squares", OVER, |call| over(call, |x, over| x.sum_of_squares(over))),
    row("quantile", "weighted, q, axis=None, keepdims=False", |call| {
        let level = call.real("q", 0.5)?;
        over(call, |x, over| x.quantile(level, over))
    }),
];

const OVER: &str = "weighted, axis=None, keepdims=False";

fn over(call: &Call, of: impl FnOnce(&Weighted<Dyn>, Over) -> Result<Array>) -> Result<Value> {
    let weighted = match call.required("weighted")? {
        Value::Parts(parts) if let Parts::Weighted(weighted) = &**parts => weighted,
        other => return call.refuse(format!("is a method of an array with weights, not of {}", other.describe())),
    };
    let axes = call.axes("axis")?;
    let over = if call.flag("keepdims", false)? { keep(axes) } else { Over::from(axes) };
    Ok(of(weighted, over)?.into())
}
