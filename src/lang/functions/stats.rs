//! Moments and tests of hypotheses: `stats.ttest_ind(a, b)`, a pair of statistic and probability.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::Array;
use crate::array::stats::{self, Test};
use crate::error::Result;

pub(super) static TABLE: &[Function] = &[
    row("stats.moment", "a, moment=1, axis=0", |call| {
        let (a, order) = (call.array("a")?, call.count("moment")?.unwrap_or(1));
        let Ok(order) = u32::try_from(order) else { return call.refuse("`moment` is too large") };
        Ok(stats::moment(a.expr(), order, axis(call, &a)?)?.into())
    }),
    row("stats.skew", "a, axis=0, bias=True", |call| {
        let a = call.array("a")?;
        Ok(stats::skew(a.expr(), axis(call, &a)?, call.flag("bias", true)?)?.into())
    }),
    row("stats.kurtosis", "a, axis=0, fisher=True, bias=True", |call| {
        let (a, fisher, bias) = (call.array("a")?, call.flag("fisher", true)?, call.flag("bias", true)?);
        Ok(stats::kurtosis(a.expr(), axis(call, &a)?, fisher, bias)?.into())
    }),
    row("stats.skewtest", ONE, |call| one(call, stats::skewtest)),
    row("stats.kurtosistest", ONE, |call| one(call, stats::kurtosistest)),
    row("stats.normaltest", ONE, |call| one(call, stats::normaltest)),
    row("stats.ttest_1samp", "a, popmean, axis=0", |call| {
        let a = call.array("a")?;
        pair(stats::ttest_1samp(a.expr(), call.required("popmean")?.to_arg()?, axis(call, &a)?))
    }),
    row("stats.ttest_rel", "a, b, axis=0", |call| {
        let (a, b) = (call.array("a")?, call.array("b")?);
        pair(stats::ttest_rel(a.expr(), b.expr(), axis(call, &a)?))
    }),
    row("stats.ttest_ind", "a, b, axis=0, equal_var=True", |call| {
        let (a, b) = (call.array("a")?, call.array("b")?);
        pair(stats::ttest_ind(a.expr(), b.expr(), axis(call, &a)?, call.flag("equal_var", true)?))
    }),
    row("stats.chisquare", "f_obs, f_exp=None, ddof=0, axis=0", |call| divergence(call, 1.0)),
    row("stats.power_divergence", "f_obs, f_exp=None, ddof=0, axis=0, lambda_=None", |call| {
        let power = match call.given("lambda_") {
            None => 1.0,
            Some(Value::Str(name)) => match name.as_str() {
                "pearson" => 1.0,
                "log-likelihood" => 0.0,
                "freeman-tukey" => -0.5,
                "mod-log-likelihood" => -1.0,
                "neyman" => -2.0,
                "cressie-read" => 2.0 / 3.0,
                other => return call.refuse(format!("there is no member `{other}` of the family")),
            },
            Some(_) => call.real("lambda_", 1.0)?,
        };
        divergence(call, power)
    }),
    row("stats.f_oneway", "*samples", |call| {
        let samples = call.rest().iter().map(|v| Ok(v.to_array()?.expr().clone())).collect::<Result<Vec<_>>>()?;
        pair(stats::f_oneway(&samples))
    }),
];

const ONE: &str = "a, axis=0";

fn axis(call: &Call, a: &Array) -> Result<usize> {
    match call.axis("axis", a.ndim())? {
        Some(axis) => Ok(axis),
        None => crate::shape::axes::position(call.name(), 0, a.ndim()),
    }
}

fn pair(test: Result<Test>) -> Result<Value> {
    let Test { statistic, pvalue } = test?;
    Ok(Value::Tuple(vec![statistic.into(), pvalue.into()]))
}

fn one(call: &Call, test: impl FnOnce(&crate::expr::Expr, usize) -> Result<Test>) -> Result<Value> {
    let a = call.array("a")?;
    pair(test(a.expr(), axis(call, &a)?))
}

fn divergence(call: &Call, power: f64) -> Result<Value> {
    let observed = call.array("f_obs")?;
    let expected = call.given("f_exp").map(Value::to_array).transpose()?;
    let (ddof, axis) = (call.real("ddof", 0.0)?, axis(call, &observed)?);
    pair(stats::power_divergence(observed.expr(), expected.as_ref().map(Array::expr), ddof, axis, power))
}
