//! Systems of linear equations, inverses and determinants.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::error::Result;
use crate::linalg::solve;

pub(super) static TABLE: &[Function] = &[
    row("linalg.solve", "a, b", |call| Ok(solve::solve(call.array("a")?.expr(), call.array("b")?.expr())?.into())),
    row("linalg.inv", "a", |call| Ok(solve::inv(call.array("a")?.expr())?.into())),
    row("linalg.det", "a", |call| Ok(solve::det(call.array("a")?.expr())?.into())),
    row("linalg.slogdet", "a", |call| {
        let (sign, logabsdet) = solve::slogdet(call.array("a")?.expr())?;
        Ok(Value::Tuple(vec![sign.into(), logabsdet.into()]))
    }),
    row("linalg.lu", "a", |call| {
        let (p, l, u) = solve::lu(call.array("a")?.expr())?;
        Ok(Value::Tuple(vec![p.into(), l.into(), u.into()]))
    }),
    row("linalg.tensorsolve", "a, b, axes=None", |call| {
        let axes: Vec<isize> = call.integers("axes")?.unwrap_or_default();
        Ok(solve::tensorsolve(call.array("a")?.expr(), call.array("b")?.expr(), &axes)?.into())
    }),
    row("linalg.tensorinv", "a, ind=2", tensorinv),
];

fn tensorinv(call: &Call) -> Result<Value> {
    Ok(solve::tensorinv(call.array("a")?.expr(), call.integer("ind")?.unwrap_or(2))?.into())
}
