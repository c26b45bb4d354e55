//! Discrete Fourier transforms, and the frequencies that belong to them.

use super::super::ast::BinaryOp;
use super::super::operators::binary;
use super::super::value::{Call, Function, Value};
use super::row;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::spectra::{Norm, Transform, frequencies, in_order, shifted, transform, transform_axes};
use crate::shape::axes::Axes;

pub(super) static TABLE: &[Function] = &[
    row("fft.fft", ONE, |call| one(call, Transform::Fft)),
    row("fft.ifft", ONE, |call| one(call, Transform::Ifft)),
    row("fft.rfft", ONE, |call| one(call, Transform::Rfft)),
    row("fft.irfft", ONE, |call| one(call, Transform::Irfft)),
    row("fft.hfft", ONE, |call| one(call, Transform::Hfft)),
    row("fft.ihfft", ONE, |call| one(call, Transform::Ihfft)),
    row("fft.fft2", TWO, |call| many(call, Transform::Fft, &[-2, -1])),
    row("fft.ifft2", TWO, |call| many(call, Transform::Ifft, &[-2, -1])),
    row("fft.rfft2", TWO, |call| many(call, Transform::Rfft, &[-2, -1])),
    row("fft.irfft2", TWO, |call| many(call, Transform::Irfft, &[-2, -1])),
    row("fft.fftn", MANY, |call| many(call, Transform::Fft, &[])),
    row("fft.ifftn", MANY, |call| many(call, Transform::Ifft, &[])),
    row("fft.rfftn", MANY, |call| many(call, Transform::Rfft, &[])),
    row("fft.irfftn", MANY, |call| many(call, Transform::Irfft, &[])),
    row("fft.fftfreq", "n, d=1.0, device=None", |call| spaced(call, false)),
    row("fft.rfftfreq", "n, d=1.0, device=None", |call| spaced(call, true)),
    row("fft.fftshift", "x, axes=None", |call| shift(call, false)),
    row("fft.ifftshift", "x, axes=None", |call| shift(call, true)),
];

const ONE: &str = "a, n=None, axis=-1, norm=None, !out";
const TWO: &str = "a, s=None, axes=(-2,-1), norm=None, !out";
const MANY: &str = "a, s=None, axes=None, norm=None, !out";

fn norm(call: &Call) -> Result<Norm> {
    let name = call.text("norm", "backward")?;
    match Norm::find(name) {
        Some(norm) => Ok(norm),
        None => call.refuse(format!("`norm` is backward, ortho or forward, not `{name}`")),
    }
}

/// A number of points, or none. Truth values are no numbers here.
fn points(call: &Call, value: &Value) -> Result<Option<isize>> {
    match (value, value.as_integer().and_then(|n| isize::try_from(n).ok())) {
        (Value::None, _) => Ok(None),
        (Value::Scalar(Scalar::Bool(_)), _) | (_, None) => {
            call.refuse(format!("a number of points is an integer, not {}", value.describe()))
        }
        (_, n) => Ok(n),
    }
}

fn one(call: &Call, of: Transform) -> Result<Value> {
    let (array, norm) = (call.array("a")?, norm(call)?);
    let n = call.given("n").map_or(Ok(None), |n| points(call, n))?;
    let axis = match call.value("axis") {
        None => -1,
        Some(value @ (Value::None | Value::Tuple(_) | Value::List(_))) => {
            return call.refuse(format!("`axis` must be one axis, not {}", value.describe()));
        }
        Some(_) => match in_order(call.name(), &call.axes("axis")?, array.expr())?.as_slice() {
            [axis] => *axis,
            _ => return call.refuse("`axis` must be one axis"),
        },
    };
    Ok(transform(array.expr(), of, n, axis, norm)?.into())
}

/// Over the axes given, or these, or as many of the last as there are lengths, or all.
fn many(call: &Call, of: Transform, default: &[isize]) -> Result<Value> {
    let (array, norm) = (call.array("a")?, norm(call)?);
    let lengths = match call.given("s") {
        None => None,
        Some(value) => match value.items() {
            Some(items) => Some(items.iter().map(|n| points(call, n)).collect::<Result<Vec<_>>>()?),
            None => return call.refuse(format!("`s` must be a sequence of integers, not {}", value.describe())),
        },
    };
    let axes = match call.value("axes") {
        None if !default.is_empty() => default.to_vec(),
        None | Some(Value::None) => {
            let count = lengths.as_ref().map_or(array.ndim(), Vec::len).cast_signed();
            (-count..0).collect()
        }
        Some(value) if value.items().is_none() && !matches!(value, Value::Str(_)) => {
            return call.refuse(format!("`axes` must be a sequence of axes, not {}", value.describe()));
        }
        Some(_) => match call.axes("axes")? {
            Axes::All => Vec::new(),
            axes => in_order(call.name(), &axes, array.expr())?,
        },
    };
    Ok(transform_axes(array.expr(), of, lengths.as_deref(), &axes, norm)?.into())
}

/// The numbers of the frequencies times one over the span of the points.
fn spaced(call: &Call, half: bool) -> Result<Value> {
    if !matches!(call.text("device", "cpu")?, "cpu") {
        return call.refuse("`device` is cpu");
    }
    let value = call.required("n")?;
    let Some(n) = points(call, value)? else { return call.refuse("`n` must be an integer") };
    let d = call.value("d").cloned().unwrap_or(Value::Scalar(Scalar::Float(1.0)));
    let span = binary(BinaryOp::Multiply, value, &d)?;
    let step = binary(BinaryOp::Divide, &Value::Scalar(Scalar::Float(1.0)), &span)?;
    let numbers: Value = match usize::try_from(n) {
        Ok(n) => frequencies(n, half)?.into(),
        // As in NumPy, there is no frequency below none.
        Err(_) if half => crate::expr::build::iota(0, None).into(),
        Err(_) => return Err(Error::argument(call.name(), format!("there are no {n} points"))),
    };
    binary(BinaryOp::Multiply, &numbers, &step)
}

fn shift(call: &Call, back: bool) -> Result<Value> {
    let array = call.array("x")?;
    let axes = match call.value("axes") {
        None | Some(Value::None) => Axes::All,
        Some(_) => call.axes("axes")?,
    };
    let axes = in_order(call.name(), &axes, array.expr())?;
    Ok(shifted(array.expr(), &axes, back)?.into())
}
