//! Arrays from nothing: constants, ranges, and patterns that compare positions.

use super::super::operators::{cast, element};
use super::super::value::{Call, Function};
use super::super::value::{Value, checked, weak};
use super::{dates, row};
use crate::array::Array;
use crate::array::creation::{self, full_like, linspace, linspace_between};
use crate::array::places;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::check::where_all;
use crate::expr::compose::{as_axis, binary, choice, moved, unary};
use crate::expr::{build, times};
use crate::op::elementwise::ElementOp as Op;
use crate::shape::Shape;
use crate::shape::axes::position;

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

/// The ends of a sequence as arrays of the dtype of its elements.
fn ends(call: &Call) -> Result<[Array; 2]> {
    let ends = [call.required("start")?, call.required("stop")?];
    let strong = ends.iter().filter(|v| !matches!(v, Value::Scalar(_)));
    let strong = strong.map(|v| Ok(v.to_array()?.dtype())).collect::<Result<Vec<_>>>()?.into_iter().reduce(promote);
    let numbers = ends.iter().filter_map(|v| if let Value::Scalar(s) = v { Some(*s) } else { None });
    let dtype = numbers.fold(strong.unwrap_or(DType::F64), weak);
    let dtype = if dtype.is_inexact() { dtype } else { DType::F64 };
    Ok([cast(ends[0], dtype)?, cast(ends[1], dtype)?])
}

/// Whether both ends of a sequence are real numbers.
fn plain(call: &Call) -> Result<bool> {
    let real = |v: &Value| matches!(v, Value::Scalar(s) if !matches!(s, Scalar::Complex(_)));
    Ok(real(call.required("start")?) && real(call.required("stop")?))
}

/// `linspace`, in `f64` before the dtype is applied; through `shape` where there is one.
fn spaced(call: &Call, map: Option<fn(&Call, Value) -> Result<Value>>) -> Result<Value> {
    let num = call.count("num")?.unwrap_or(50);
    let endpoint = call.flag("endpoint", true)?;
    let (mut value, step): (Value, Value) = if plain(call)? {
        let (start, stop) = (call.real("start", 0.0)?, call.real("stop", 0.0)?);
        let gaps = if endpoint { num.saturating_sub(1) } else { num };
        #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
        let step = if gaps == 0 { f64::NAN } else { (stop - start) / gaps as f64 };
        (linspace(start, stop, num, endpoint, None)?.into(), Value::Scalar(Scalar::Float(step)))
    } else {
        let [start, stop] = ends(call)?;
        let axis = call.integer("axis")?.unwrap_or(0);
        let [value, step] = linspace_between((start.expr(), stop.expr()), num, endpoint, axis)?;
        (value.into(), step.into())
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
    if let Some(zero) =
        ["start", "stop"].into_iter().find(|p| matches!(call.value(p), Some(Value::Scalar(s)) if !s.to_bool()))
    {
        return call.refuse(format!("a geometric sequence cannot include zero, as its `{zero}` is"));
    }
    // In double precision whatever the ends are, as in NumPy.
    let ends = ends(call)?.map(|end| end.astype(promote(end.dtype(), DType::F64)));
    let (num, endpoint) = (call.count("num")?.unwrap_or(50), call.flag("endpoint", true)?);
    let [start, stop] = ends.map(|end| {
        let some = binary(Op::NotEqual, end.expr(), 0)?;
        where_all(end.expr(), &some, "geomspace", "a geometric sequence cannot include zero")
    });
    let (start, stop) = (start?, stop?);
    let sign = unary(Op::Sign, &start)?;
    let (low, high) = (binary(Op::Divide, &start, &sign)?, binary(Op::Divide, &stop, &sign)?);
    let [exponents, _] = linspace_between((&unary(Op::Log10, &low)?, &unary(Op::Log10, &high)?), num, endpoint, 0)?;
    let ten = build::full(&[], Scalar::Int(10), exponents.dtype, None)?;
    let mut value = binary(Op::Power, &ten, &exponents)?;
    let at = as_axis(&build::iota(num, None), 0, value.shape.rank())?;
    let last = i64::try_from(num).unwrap_or(i64::MAX) - 1;
    for (place, end) in [(0, low)].into_iter().chain((endpoint && num > 1).then_some((last, high))) {
        value = choice(&binary(Op::Equal, &at, place)?, &end, &value)?;
    }
    value = binary(Op::Multiply, &value, &sign)?;
    let axis = position(call.name(), call.integer("axis")?.unwrap_or(0), value.shape.rank())?;
    value = moved(&value, 0, axis)?;
    match call.dtype("dtype")? {
        Some(dtype) => Ok(cast(&value.into(), dtype)?.into()),
        None => Ok(value.into()),
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
