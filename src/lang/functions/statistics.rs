//! Weighted means and covariances, convolutions.

use super::super::value::Value;
use super::super::value::{Call, Function};
use super::calculus::optional;
use super::row;
use crate::array::signal::{Mode, convolve, correlate};
use crate::array::statistics::{Covariance, average, corrcoef, cov};
use crate::dtype::scalar::Scalar;
use crate::error::Result;

pub(super) static TABLE: &[Function] = &[
    row("average", "a, axis=None, weights=None, returned=False, *, keepdims=False", averages),
    row("cov", "m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None", |call| {
        let ddof = match (call.scalar("ddof")?, call.flag("bias", false)?) {
            (None, bias) => Some(i64::from(!bias)),
            (Some(given), _) => whole(given),
        };
        if ddof.is_none() {
            return call.refuse("`ddof` must be an integer");
        }
        let (repeats, weights) = (optional(call, "fweights")?, optional(call, "aweights")?);
        let options = Covariance { ddof, repeats, weights, ..variables(call)? };
        Ok(cov(call.array("m")?.expr(), optional(call, "y")?.as_ref(), &options)?.into())
    }),
    row("corrcoef", "x, y=None, rowvar=True, *, dtype=None", |call| {
        let y = optional(call, "y")?;
        Ok(corrcoef(call.array("x")?.expr(), y.as_ref(), &variables(call)?)?.into())
    }),
    row("convolve", "a, v, mode='full'", |call| {
        Ok(convolve(call.array("a")?.expr(), call.array("v")?.expr(), mode(call, Mode::Full)?)?.into())
    }),
    row("correlate", "a, v, mode='valid'", |call| {
        Ok(correlate(call.array("a")?.expr(), call.array("v")?.expr(), mode(call, Mode::Valid)?)?.into())
    }),
];

fn averages(call: &Call) -> Result<Value> {
    let weights = optional(call, "weights")?;
    let average = average(call.array("a")?.expr(), &call.axes("axis")?, weights.as_ref())?;
    let (mean, weight) =
        if call.flag("keepdims", false)? { (average.mean, average.weight) } else { average.without_axes()? };
    if call.flag("returned", false)? {
        return Ok(Value::Tuple(vec![mean.into(), weight.into()]));
    }
    Ok(mean.into())
}

fn whole(value: Scalar) -> Option<i64> {
    let truncated = value.to_i128();
    #[expect(clippy::cast_precision_loss, reason = "compared with what it was made of")]
    let exact = truncated as f64 == value.to_f64();
    i64::try_from(truncated).ok().filter(|_| exact)
}

fn variables(call: &Call) -> Result<Covariance> {
    let (columns, dtype) = (!call.flag("rowvar", true)?, call.dtype("dtype")?);
    Ok(Covariance { columns, dtype, ..Covariance::default() })
}

fn mode(call: &Call, default: Mode) -> Result<Mode> {
    match call.given("mode") {
        None => Ok(default),
        Some(Value::Str(name)) => match name.as_str() {
            "valid" => Ok(Mode::Valid),
            "same" => Ok(Mode::Same),
            "full" => Ok(Mode::Full),
            other => call.refuse(format!("`mode` must be valid, same or full, not {other}")),
        },
        Some(other) => match other.as_integer() {
            Some(0) => Ok(Mode::Valid),
            Some(1) => Ok(Mode::Same),
            Some(2) => Ok(Mode::Full),
            _ => call.refuse(format!("`mode` must be valid, same or full, not {}", other.describe())),
        },
    }
}
