//! Arrays from nothing: constants, ranges, and patterns that compare positions.

use super::super::operators::{cast, element};
use super::super::value::{Call, Function};
use super::super::value::{Value, checked};
use super::{dates, row};
use crate::array::Array;
use crate::array::creation::{self, full_like, linspace, linspace_between};
use crate::array::places;
use crate::dtype::DType;
use crate::dtype::promote::{promote, promote_weak};
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::{build, times};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::Shape;

pub(super) static TABLE: &[Function] = &[
    row("zeros", "shape, dtype=float, !order, *, !like, chunks=None", |call| filled(call, 0)),
    row("ones", "shape, dtype=float, !order, *, !like, chunks=None", |call| filled(call, 1)),
    row("empty", "shape, dtype=float, !order, *, !like, chunks=None", |call| filled(call, 0)),
    row("full", "shape, fill_value, dtype=None, !order, *, !like, chunks=None", full),
    row("zeros_like", "a, dtype=None, !order, !subok, shape=None", |call| like(call, &int(0))),
    row("ones_like", "a, dtype=None, !order, !subok, shape=None", |call| like(call, &int(1))),
    row("empty_like", "prototype, dtype=None, !order, !subok, shape=None", |call| like(call, &int(0))),
    row("full_like", "a, fill_value, dtype=None, !order, !subok, shape=None", |call| {
        like(call, call.required("fill_value")?)
    }),
    row("arange", "start, stop=None, step=None, dtype=None, *, !like, chunks=None", arange),
    row("linspace", "start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0", |call| spaced(call, None)),
    row("logspace", "start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0", logspace),
    row("geomspace", "start, stop, num=50, endpoint=True, dtype=None, axis=0", geomspace),
    row("array", "object, dtype=None, *, copy=True, !order, !subok, !ndmin, !like", |call| array(call, "object")),
    row("asarray", "a, dtype=None, !order, *, copy=None, !like", |call| array(call, "a")),
    row("meshgrid", "*xi, copy=True, sparse=False, indexing='xy'", meshgrid),
    row("indices", "dimensions, dtype=int, sparse=False", indices),
];

fn int(value: i128) -> Value {
    Value::Scalar(Scalar::Int(value))
}

fn filled(call: &Call, value: i128) -> Result<Value> {
    constant(call, &call.shape("shape")?, &int(value), Some(DType::F64))
}

fn full(call: &Call) -> Result<Value> {
    constant(call, &call.shape("shape")?, call.required("fill_value")?, None)
}

/// `value` everywhere, in the dtype asked for, this one, or that of the value.
fn constant(call: &Call, shape: &[usize], value: &Value, dtype: Option<DType>) -> Result<Value> {
    let dtype = call.dtype("dtype")?.or(dtype);
    match value {
        Value::Scalar(scalar) => {
            let dtype = dtype.unwrap_or(scalar.dtype());
            let chunks = call.chunks(shape, dtype)?;
            Ok(Array::filled(shape, checked(*scalar, dtype)?, dtype, chunks.as_deref())?.into())
        }
        other => {
            let array = other.to_array()?;
            let expr = dtype.map_or(Ok(array.expr().clone()), |dtype| build::cast(array.expr(), dtype))?;
            let stretched = Array::from_expr(build::broadcast_to(&expr, &Shape::new(shape))?);
            match call.chunks(shape, stretched.dtype())? {
                None => Ok(stretched.into()),
                Some(c) => {
                    let lengths: Vec<isize> = c.into_iter().map(usize::cast_signed).collect();
                    Ok(stretched.try_rechunk(&lengths)?.into())
                }
            }
        }
    }
}

fn like(call: &Call, value: &Value) -> Result<Value> {
    let model = call.array(if call.value("a").is_some() { "a" } else { "prototype" })?;
    if let Some(time) = model.expr().time.filter(|_| call.given("dtype").is_none()) {
        let numbers = match value {
            Value::Array(x) => times::astype(x.expr(), time).map(|e| times::ticks(&e).into())?,
            other => other.clone(),
        };
        let made = filled_like(call, &Array::from_expr(times::ticks(model.expr())), &numbers, DType::I64)?;
        return Ok(times::astype(made.to_array()?.expr(), time)?.into());
    }
    let dtype = call.dtype("dtype")?.unwrap_or(model.dtype());
    filled_like(call, &model, value, dtype)
}

fn filled_like(call: &Call, model: &Array, value: &Value, dtype: DType) -> Result<Value> {
    let shape = match call.given("shape") {
        Some(_) => call.shape("shape")?,
        None => match value {
            Value::Scalar(scalar) => return Ok(full_like(model.expr(), checked(*scalar, dtype)?, dtype)?.into()),
            _ => model.shape().known()?,
        },
    };
    constant(call, &shape, value, Some(dtype))
}

fn arange(call: &Call) -> Result<Value> {
    if let Some(made) = dates::arange(call)? {
        return Ok(made);
    }
    let given = |name: &str| match call.scalar(name)? {
        Some(Scalar::Complex(_)) => call.refuse(format!("`{name}` must be real")),
        other => Ok(other),
    };
    let (first, second) = (given("start")?.unwrap_or(Scalar::Int(0)), given("stop")?);
    let (start, stop) = match second {
        Some(stop) => (first, stop),
        None => (Scalar::Int(0), first),
    };
    let step = given("step")?.unwrap_or(Scalar::Int(1));
    for bound in [start, stop, step] {
        checked(bound, DType::I64)?;
    }
    let dtype = call.dtype("dtype")?;
    if dtype == Some(DType::Bool) {
        return call.refuse("the dtype cannot be bool");
    }
    let array = creation::arange(start, stop, step, dtype, None)?;
    match call.chunk_lengths("chunks")? {
        None => Ok(array.into()),
        Some(chunks) => Ok(array.try_rechunk(&chunks)?.into()),
    }
}

/// The ends of a sequence where they are arrays, in the dtype of its elements; nothing where both are numbers.
fn arrays(call: &Call) -> Result<Option<[Array; 2]>> {
    let ends = [call.required("start")?, call.required("stop")?];
    if ends.iter().all(|v| matches!(v, Value::Scalar(_))) {
        return Ok(None);
    }
    let [start, stop] = [ends[0].to_array()?, ends[1].to_array()?];
    let dtype = match ends {
        [Value::Scalar(one), _] => promote_weak(stop.dtype(), one.dtype().kind()),
        [_, Value::Scalar(one)] => promote_weak(start.dtype(), one.dtype().kind()),
        _ => promote(start.dtype(), stop.dtype()),
    };
    let dtype = if dtype.is_inexact() { dtype } else { DType::F64 };
    Ok(Some([cast(ends[0], dtype)?, cast(ends[1], dtype)?]))
}

/// `linspace`, in `f64` before the dtype is applied; through `shape` where there is one.
fn spaced(call: &Call, map: Option<fn(&Call, Value) -> Result<Value>>) -> Result<Value> {
    let num = call.count("num")?.unwrap_or(50);
    let endpoint = call.flag("endpoint", true)?;
    let (mut value, step): (Value, Value) = if let Some([start, stop]) = arrays(call)? {
        let axis = call.integer("axis")?.unwrap_or(0);
        let [value, step] = linspace_between((start.expr(), stop.expr()), num, endpoint, axis)?;
        (value.into(), step.into())
    } else {
        let (start, stop) = (call.real("start", 0.0)?, call.real("stop", 0.0)?);
        let gaps = if endpoint { num.saturating_sub(1) } else { num };
        #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
        let step = if gaps == 0 { f64::NAN } else { (stop - start) / gaps as f64 };
        (linspace(start, stop, num, endpoint, None)?.into(), Value::Scalar(Scalar::Float(step)))
    };
    if let Some(map) = map {
        value = map(call, value)?;
    }
    if let Some(dtype) = call.dtype("dtype")? {
        if dtype.is_integer() && map.is_none() {
            value = element(Op::Floor, &[&value])?;
        }
        value = cast(&value, dtype)?.into();
    }
    if !call.flag("retstep", false)? {
        return Ok(value);
    }
    Ok(Value::Tuple(vec![value, step]))
}

fn logspace(call: &Call) -> Result<Value> {
    spaced(
        call,
        Some(|call, exponents| {
            let base = call.real("base", 10.0)?;
            element(Op::Power, &[&Value::Scalar(Scalar::Float(base)), &exponents])
        }),
    )
}

/// `num` numbers from `start` to `stop` with the same quotient: powers of 10 between their logarithms, both ends as
/// given.
fn geomspace(call: &Call) -> Result<Value> {
    let bound = |name: &str| match call.scalar(name)? {
        Some(Scalar::Complex(_)) => Err(Error::unsupported("geomspace of complex numbers is not offered")),
        Some(s) if s.to_f64() == 0.0 => call.refuse("a geometric sequence cannot include zero"),
        Some(s) => Ok(s.to_f64()),
        None => call.refuse(format!("`{name}` must be a number")),
    };
    let (start, stop) = (bound("start")?, bound("stop")?);
    let (num, endpoint) = (call.count("num")?.unwrap_or(50), call.flag("endpoint", true)?);
    let sign = start.signum();
    let (low, high) = (start * sign, stop * sign);
    let exponents: Value = linspace(low.log10(), high.log10(), num, endpoint, None)?.into();
    let mut value = element(Op::Power, &[&Value::Scalar(Scalar::Float(10.0)), &exponents])?;
    let at: Value = build::iota(num, None).into();
    let mut ends = vec![(0, low)];
    if endpoint && num > 1 {
        ends.push((num - 1, high));
    }
    for (place, end) in ends {
        let here = element(Op::Equal, &[&at, &Value::int(place)])?;
        value = build::select(&here.to_arg()?, &Value::Scalar(Scalar::Float(end)).to_arg()?, &value.to_arg()?)?.into();
    }
    value = element(Op::Multiply, &[&value, &Value::Scalar(Scalar::Float(sign))])?;
    match call.dtype("dtype")? {
        Some(dtype) => Ok(cast(&value, dtype)?.into()),
        None => Ok(value),
    }
}

fn array(call: &Call, param: &str) -> Result<Value> {
    let value = call.required(param)?;
    if let Some(time) = call.given("dtype").and_then(Value::to_time) {
        return dates::array(value, time);
    }
    match call.dtype("dtype")? {
        None => Ok(value.to_array()?.into()),
        Some(dtype) => Ok(cast(value, dtype)?.into()),
    }
}

fn meshgrid(call: &Call) -> Result<Value> {
    let mut axes = Vec::new();
    for value in call.rest() {
        let array = value.to_array()?;
        match array.ndim() {
            1 => axes.push(array),
            _ => axes.push(array.try_reshape(&[-1])?),
        }
    }
    let swap = match call.text("indexing", "xy")? {
        "xy" => axes.len() > 1,
        "ij" => false,
        other => return call.refuse(format!("`indexing` must be xy or ij, not {other}")),
    };
    let place = |i: usize| if swap && i < 2 { 1 - i } else { i };
    let mut shape = vec![0; axes.len()];
    for (i, axis) in axes.iter().enumerate() {
        shape[place(i)] = axis.shape().known()?[0];
    }
    let shape = Shape::new(&shape);
    let sparse = call.flag("sparse", false)?;
    let grids = axes.iter().enumerate().map(|(i, axis)| spread(axis, place(i), &shape, sparse).map(Value::Array));
    Ok(Value::Tuple(grids.collect::<Result<_>>()?))
}

/// A vector along axis `at` of `shape`, the same at every other position; where it is sparse, other axes have length 1.
fn spread(vector: &Array, at: usize, shape: &Shape, sparse: bool) -> Result<Array> {
    let thin = places::spread(vector.expr(), at, shape.rank())?;
    Ok(Array::from_expr(if sparse { thin } else { build::broadcast_to(&thin, shape)? }))
}

fn indices(call: &Call) -> Result<Value> {
    let lengths = call.shape("dimensions")?;
    let dtype = call.dtype("dtype")?.unwrap_or(DType::I64);
    let shape = Shape::new(&lengths);
    let sparse = call.flag("sparse", false)?;
    let axes = lengths
        .iter()
        .enumerate()
        .map(|(a, &n)| spread(&Array::from_expr(build::iota(n, None)).astype(dtype), a, &shape, sparse));
    let axes = axes.collect::<Result<Vec<_>>>()?;
    if sparse {
        return Ok(Value::Tuple(axes.into_iter().map(Value::Array).collect()));
    }
    if axes.is_empty() {
        return Ok(Array::filled(&[0], Scalar::Int(0), dtype, None)?.into());
    }
    Ok(Array::stack(&axes, 0)?.into())
}
