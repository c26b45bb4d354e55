//! Attributes and methods of values.

use super::functions;
use super::names::{callable, is_later};
use super::nearest::suggestion;
use super::operators::element;
use super::value::{Callable, Function, Generator, Parts, Value};
use crate::array::{Array, coordinates};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::pending::when_known;
use crate::expr::{Name, build};
use crate::op::elementwise::ElementOp;
use crate::shape::checked_size;

/// Attributes of arrays.
const ATTRIBUTES: &[&str] =
    &["T", "mT", "shape", "ndim", "size", "dtype", "real", "imag", "itemsize", "nbytes", "chunks", "dims"];

/// Methods of NumPy's arrays that take what the function of the same name takes, the array first.
const METHODS: &[&str] = &[
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "choose",
    "clip",
    "compress",
    "conj",
    "conjugate",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "partition",
    "prod",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "sort",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
];

/// Methods that xarray's arrays have, and take what the function of the same name takes, the array first.
const OF_XARRAY: &[&str] = &["bfill", "coarsen", "ffill", "groupby", "resample", "rolling", "weighted"];

/// Methods of NumPy's arrays that have no place here, since the array is not computed yet.
const VALUES_ONLY: &[&str] =
    &["item", "tolist", "tobytes", "tofile", "dump", "dumps", "flat", "data", "view", "put", "resize"];

/// `value.name`; the error is the reason alone, without its place.
pub(super) fn attribute(value: &Value, name: &str) -> Result<Value, Missing> {
    match value {
        Value::Array(array) => of_array(array, name),
        Value::Scalar(scalar) => of_scalar(*scalar, name),
        Value::Parts(parts) if let (Parts::Masked(masked), "data" | "mask") = (&**parts, name) => {
            Ok(if name == "data" { masked.data() } else { masked.mask() }.into())
        }
        Value::Parts(parts) => method(parts.describe(), value, functions::methods_of(parts), name),
        Value::Tuple(items) if let Some(item) = field(items, name) => Ok(item.clone()),
        Value::Facts(facts) => match facts.iter().find(|(fact, _)| *fact == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(none(&value.describe(), name, &facts.iter().map(|(fact, _)| *fact).collect::<Vec<_>>())),
        },
        Value::Generator(_) => method("a generator of random numbers", value, functions::GENERATOR_METHODS, name),
        Value::Type { dtype, time, .. } => match name {
            "itemsize" => Ok(Value::int(dtype.size())),
            "name" => Ok(Value::Str(time.map_or_else(|| dtype.to_string(), |time| time.to_string()))),
            _ => Err(none("a type", name, &["itemsize", "name"])),
        },
        Value::Callable(Callable::Element(op))
            if ["accumulate", "at", "outer", "reduce", "reduceat"].contains(&name) =>
        {
            let full = format!("{}.{name}", op.name());
            callable(&full).map(Value::Callable).ok_or_else(|| Missing::Later(format!("`{full}` is not offered yet")))
        }
        other => Err(none(&other.describe(), name, &[])),
    }
}

/// The item of this name among the results of a function that names as many.
fn field<'a>(items: &'a [Value], name: &str) -> Option<&'a Value> {
    let fields = functions::FIELDS.iter().find(|fields| fields.len() == items.len() && fields.contains(&name))?;
    fields.iter().zip(items).find(|(field, _)| **field == name).map(|(_, item)| item)
}

/// The method of this name among those that values like this one have.
fn method(what: &str, value: &Value, methods: &'static [Function], name: &str) -> Result<Value, Missing> {
    match methods.iter().find(|f| f.name == name) {
        Some(method) => Ok(Value::Method(Box::new(value.clone()), Callable::Function(method))),
        None if is_later(&format!("random.{name}")) && matches!(value, Value::Generator(_)) => {
            Err(Missing::Later(format!("`.{name}` is not offered yet")))
        }
        None => {
            let names: Vec<&'static str> = methods.iter().map(|f| f.name).collect();
            Err(none(what, name, &names))
        }
    }
}

/// `random.name`, where it is a function of a generator, which is the program's.
pub(super) fn of_random(generator: &Generator, name: &str) -> Option<Value> {
    let name = if ["ranf", "sample"].contains(&name) { "random_sample" } else { name };
    let function = functions::RANDOM_FUNCTIONS.iter().chain(functions::GENERATOR_METHODS).find(|f| f.name == name)?;
    Some(Value::Method(Box::new(Value::Generator(generator.clone())), Callable::Function(function)))
}

/// Why there is no such attribute.
#[derive(Debug)]
pub(super) enum Missing {
    /// Nobody has it.
    Unknown(String),
    /// NumPy has it, this library not yet.
    Later(String),
    /// It exists and failed.
    Failed(Error),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn of_array(array: &Array, name: &str) -> Result<Value, Missing> {
    let shape = || array.shape().known();
    let size = || checked_size(&array.shape().known()?).ok_or_else(|| Error::shape("size", "is too large"));
    Ok(match name {
        "T" => array.t().into(),
        "mT" => return Ok(functions::matrix_transpose(array)?),
        "shape" => Value::ints(&shape()?),
        "ndim" => Value::int(array.ndim()),
        "size" if !array.shape().is_known() => counted(array)?,
        "size" => Value::int(size()?),
        "dtype" => Value::Type { dtype: array.dtype(), time: array.expr().time, python: false },
        "itemsize" => Value::int(array.dtype().size()),
        "nbytes" => Value::int(size()?.saturating_mul(array.dtype().size())),
        "dims" => {
            let text = |n: &Option<Name>| n.as_ref().map_or(Value::None, |n| Value::Str(n.to_string()));
            Value::Tuple(array.names().iter().map(text).collect())
        }
        "chunks" => Value::ints(&array.chunks().longest()),
        "real" => element(ElementOp::Real, &[&Value::Array(array.clone())])?,
        "imag" => element(ElementOp::Imag, &[&Value::Array(array.clone())])?,
        _ => {
            let function = functions::method(name).map(Callable::Function);
            let known = METHODS.contains(&name) || OF_XARRAY.contains(&name);
            let function = function.or_else(|| known.then(|| callable(name)).flatten());
            match function {
                Some(function) => Value::Method(Box::new(Value::Array(array.clone())), function),
                None if is_dimension(array, name) => coordinates::named(array.expr(), name)?.into(),
                None if METHODS.contains(&name) || VALUES_ONLY.contains(&name) => {
                    return Err(Missing::Later(format!("`.{name}` is not offered yet")));
                }
                None if callable(name).is_some() => {
                    let why = format!("an array has no attribute `{name}`; write `{name}(...)`");
                    return Err(Missing::Unknown(why));
                }
                None => return Err(none("an array", name, ATTRIBUTES)),
            }
        }
    })
}

/// Whether a dimension or a scalar coordinate has this name: it is an attribute then.
fn is_dimension(array: &Array, name: &str) -> bool {
    array.names().iter().flatten().chain(&array.expr().scalars).any(|n| **n == *name)
}

/// The number of elements of an array whose shape is not known yet.
fn counted(array: &Array) -> Result<Value> {
    let count = |e: &[crate::expr::Expr]| {
        let n = checked_size(&e[0].shape.known()?).and_then(|n| i64::try_from(n).ok());
        let n = n.ok_or_else(|| Error::shape("size", "is too large"))?;
        build::full(&[], Scalar::from(n), DType::I64, None)
    };
    Ok(when_known("size", std::slice::from_ref(array.expr()), count)?.into())
}

fn of_scalar(scalar: Scalar, name: &str) -> Result<Value, Missing> {
    let complex = scalar.to_c64();
    Ok(Value::Scalar(match (name, scalar) {
        ("real", Scalar::Complex(_)) => Scalar::Float(complex.re),
        ("imag", Scalar::Complex(_)) => Scalar::Float(complex.im),
        ("imag", Scalar::Float(_)) => Scalar::Float(0.0),
        ("real", Scalar::Bool(v)) => Scalar::Int(v.into()),
        ("real", other) => other,
        ("imag", _) => Scalar::Int(0),
        _ => return Err(none("a number", name, &["real", "imag"])),
    }))
}

fn none(what: &str, name: &str, have: &[&'static str]) -> Missing {
    let methods = if have == ATTRIBUTES { METHODS } else { &[] };
    let near = suggestion(
        name,
        have.iter().chain(methods).chain(functions::METHOD_NAMES).copied().filter(|_| !have.is_empty()),
    );
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Missing::Unknown(format!("{what} has no attribute `{name}`{hint}"))
}
