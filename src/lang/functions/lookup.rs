//! Elements found in tables.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::Array;
use crate::error::Result;
use crate::expr::lookup::{Beyond, digitize, interp, isin, searchsorted};

pub(super) static TABLE: &[Function] = &[
    row("searchsorted", "a, v, side='left', sorter=None", |call| {
        let (a, v) = (call.array("a")?, call.array("v")?);
        let right = match call.text("side", "left")? {
            "left" => false,
            "right" => true,
            other => return call.refuse(format!("`side` is 'left' or 'right', not '{other}'")),
        };
        let sorter = call.given("sorter").map(Value::to_array).transpose()?;
        Ok(searchsorted(a.expr(), v.expr(), right, sorter.as_ref().map(Array::expr))?.into())
    }),
    row("digitize", "x, bins, right=False", |call| {
        Ok(digitize(call.array("x")?.expr(), call.array("bins")?.expr(), call.flag("right", false)?)?.into())
    }),
    row("isin", "element, test_elements, assume_unique=False, invert=False, *, kind=None", |call| {
        let (x, among) = (call.array("element")?, call.array("test_elements")?);
        match call.text("kind", "sort")? {
            "sort" => {}
            "table" if [&x, &among].iter().any(|a| a.dtype().is_inexact()) => {
                return call.refuse("`kind` 'table' is for integers and booleans");
            }
            "table" => {}
            other => return call.refuse(format!("`kind` is None, 'sort' or 'table', not '{other}'")),
        }
        call.flag("assume_unique", false)?;
        Ok(isin(x.expr(), among.expr(), call.flag("invert", false)?)?.into())
    }),
    row("interp", "x, xp, fp, left=None, right=None, period=None", interpolate),
];

fn interpolate(call: &Call) -> Result<Value> {
    let (x, xp, fp) = (call.array("x")?, call.array("xp")?, call.array("fp")?);
    let period = call.given("period").map(|_| call.real("period", 0.0)).transpose()?;
    let beyond = Beyond { left: call.scalar("left")?, right: call.scalar("right")?, period };
    Ok(interp(x.expr(), xp.expr(), fp.expr(), beyond)?.into())
}
