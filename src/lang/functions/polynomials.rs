//! Polynomials: vectors of coefficients, the highest power first.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::calculus::optional;
use super::row;
use crate::array::polynomials::{Fitting, poly, poly_binary, polyder, polyfit, polyint, polymul, polyval};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build;
use crate::op::elementwise::ElementOp;

pub(super) static TABLE: &[Function] = &[
    row("poly", "seq_of_zeros", |call| Ok(poly(call.array("seq_of_zeros")?.expr())?.into())),
    row("polyval", "p, x", |call| Ok(polyval(call.array("p")?.expr(), call.array("x")?.expr())?.into())),
    row("polyadd", "a1, a2", |call| two(call, |a, b| poly_binary(ElementOp::Add, a, b))),
    row("polysub", "a1, a2", |call| two(call, |a, b| poly_binary(ElementOp::Subtract, a, b))),
    row("polymul", "a1, a2", |call| two(call, polymul)),
    row("polyder", "p, m=1", |call| Ok(polyder(call.array("p")?.expr(), call.count("m")?.unwrap_or(1))?.into())),
    row("polyint", "p, m=1, k=None", integral),
    row("polyfit", "x, y, deg, rcond=None, full=False, w=None, cov=False", fitted),
];

/// Coefficients, with what the fit was made by where `full`, or with their covariance where `cov`.
fn fitted(call: &Call) -> Result<Value> {
    let (x, y) = (call.array("x")?, call.array("y")?);
    let Some(degree) = call.count("deg")? else { return call.refuse("`deg` must be an integer") };
    let rcond = call.given("rcond").map(|_| call.real("rcond", 0.0)).transpose()?;
    let fitted = polyfit(x.expr(), y.expr(), degree, &Fitting { rcond, weights: optional(call, "w")? })?;
    if call.flag("full", false)? {
        let rest = fitted.rest.into_iter().map(Value::from);
        let rcond = Value::Scalar(Scalar::Float(fitted.rcond));
        return Ok(Value::Tuple(std::iter::once(fitted.coefficients.into()).chain(rest).chain([rcond]).collect()));
    }
    let unscaled = match call.given("cov") {
        Some(Value::Str(text)) if text == "unscaled" => true,
        Some(Value::Str(text)) => return call.refuse(format!("`cov` is True, False or 'unscaled', not '{text}'")),
        _ if call.flag("cov", false)? => false,
        _ => return Ok(fitted.coefficients.into()),
    };
    let covariance = fitted.covariance(unscaled)?;
    Ok(Value::Tuple(vec![fitted.coefficients.into(), covariance.into()]))
}

fn two(call: &Call, body: impl FnOnce(&Expr, &Expr) -> Result<Expr>) -> Result<Value> {
    Ok(body(call.array("a1")?.expr(), call.array("a2")?.expr())?.into())
}

/// The integral of a polynomial, with one constant for each integration: 0, or those given.
fn integral(call: &Call) -> Result<Value> {
    let p = call.array("p")?;
    let m = call.count("m")?.unwrap_or(1);
    let constants: Vec<Expr> = match call.given("k") {
        None => vec![build::full(&[], Scalar::Int(0), DType::F64, None)?; m],
        Some(value) if value.items().is_none() => vec![value.to_array()?.expr().clone(); m],
        Some(value) => {
            let items = value.to_sequence()?;
            let list = items.iter().map(|v| Ok(v.to_array()?.expr().clone())).collect::<Result<Vec<_>>>()?;
            match list.as_slice() {
                [one] => vec![one.clone(); m],
                many if many.len() < m => return call.refuse(format!("{} constants for {m} integrals", many.len())),
                many => many[..m].to_vec(),
            }
        }
    };
    Ok(polyint(p.expr(), &constants)?.into())
}
