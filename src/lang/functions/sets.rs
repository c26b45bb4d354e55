//! Sets: distinct elements, and what two arrays have in common.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::Array;
use crate::array::sets::unique_along;
use crate::error::Result;
use crate::expr::sets::{Distinct, intersect1d, setdiff1d, setxor1d, union1d, unique};
use crate::expr::trim::trim_zeros;

pub(super) static TABLE: &[Function] = &[
    row(
        "unique",
        "ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, sorted=True",
        |call| {
            let x = call.array("ar")?;
            let axis = call.axis("axis", x.ndim())?.filter(|_| x.ndim() != 1);
            call.flag("sorted", true)?;
            let mut parts = vec![Distinct::Values];
            for (flag, part) in [
                ("return_index", Distinct::Indices),
                ("return_inverse", Distinct::Inverse),
                ("return_counts", Distinct::Counts),
            ] {
                parts.extend(call.flag(flag, false)?.then_some(part));
            }
            let equal_nan = call.flag("equal_nan", true)?;
            match (&parts[..], axis) {
                ([one], None) => Ok(unique(x.expr(), *one, equal_nan)?.into()),
                ([one], Some(axis)) => Ok(unique_along(x.expr(), axis, *one)?.into()),
                (_, None) => distinct(&x, &parts, equal_nan),
                (_, Some(axis)) => {
                    let parts = parts.iter().map(|&part| Ok(unique_along(x.expr(), axis, part)?.into()));
                    Ok(Value::Tuple(parts.collect::<Result<_>>()?))
                }
            }
        },
    ),
    row("trim_zeros", "filt, trim='fb', axis=None", |call| {
        let x = call.array("filt")?;
        let ends = call.text("trim", "fb")?.to_lowercase();
        if !matches!(ends.as_str(), "fb" | "bf" | "f" | "b") {
            return call.refuse(format!("`trim` is 'f', 'b' or both, not '{ends}'"));
        }
        let axes = call.axes("axis")?.resolve("trim_zeros", x.ndim(), x.names())?;
        Ok(trim_zeros(x.expr(), ends.contains('f'), ends.contains('b'), &axes)?.into())
    }),
    row("unique_values", "x, /", |call| Ok(unique(call.array("x")?.expr(), Distinct::Values, false)?.into())),
    row("unique_counts", "x, /", |call| distinct(&call.array("x")?, &[Distinct::Values, Distinct::Counts], false)),
    row("unique_inverse", "x, /", |call| distinct(&call.array("x")?, &[Distinct::Values, Distinct::Inverse], false)),
    row("unique_all", "x, /", |call| {
        let parts = [Distinct::Values, Distinct::Indices, Distinct::Inverse, Distinct::Counts];
        distinct(&call.array("x")?, &parts, false)
    }),
    row("union1d", "ar1, ar2", |call| Ok(union1d(call.array("ar1")?.expr(), call.array("ar2")?.expr())?.into())),
    row("intersect1d", "ar1, ar2, assume_unique=False, return_indices=False", |call| {
        let (a, b) = (call.array("ar1")?, call.array("ar2")?);
        let [values, first, second] = intersect1d(a.expr(), b.expr(), call.flag("assume_unique", false)?)?;
        if !call.flag("return_indices", false)? {
            return Ok(values.into());
        }
        Ok(Value::Tuple(vec![values.into(), first.into(), second.into()]))
    }),
    row("setdiff1d", "ar1, ar2, assume_unique=False", |call| {
        let (a, b) = (call.array("ar1")?, call.array("ar2")?);
        Ok(setdiff1d(a.expr(), b.expr(), call.flag("assume_unique", false)?)?.into())
    }),
    row("setxor1d", "ar1, ar2, assume_unique=False", |call: &Call| {
        let (a, b) = (call.array("ar1")?, call.array("ar2")?);
        Ok(setxor1d(a.expr(), b.expr(), call.flag("assume_unique", false)?)?.into())
    }),
];

fn distinct(x: &Array, parts: &[Distinct], equal_nan: bool) -> Result<Value> {
    let parts = parts.iter().map(|&part| Ok(unique(x.expr(), part, equal_nan)?.into()));
    Ok(Value::Tuple(parts.collect::<Result<_>>()?))
}
