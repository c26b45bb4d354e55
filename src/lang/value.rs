//! Values of the language: arrays, Python's objects, and the ways from one to the other.

use super::number;
use crate::array::groups::GroupBy;
use crate::array::masked::Masked;
use crate::array::weighted::Weighted;
use crate::array::windows::{Coarse, Rolled};
use crate::array::{Array, Dyn, Rng, creation};
use crate::device::block::{Block, Buffer};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{TimeType, Unit};
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::expr::build::{self, Arg};
use crate::op::dates;
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Reduction;
use crate::shape::slice::Item;
use crate::shape::{checked_size, tuple};
use std::sync::Arc;

/// How many items of an array's first axis become a list, at most.
const LONGEST_SEQUENCE: usize = 1024;

/// What an expression gives.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A lazy array; as strong as its dtype, whatever its rank.
    Array(Array),
    /// A Python number: weak beside arrays.
    Scalar(Scalar),
    /// A string.
    Str(String),
    /// `None`, which is `newaxis` too.
    None,
    /// `...`.
    Ellipsis,
    /// `start:stop:step`.
    Slice([Option<i128>; 3]),
    /// `slice(start, stop, step)` of other values than integers, which selects by coordinates.
    Span(Box<[Value; 3]>),
    /// An element type; `python` for the built-in types, whose calls give Python numbers.
    Type {
        /// The element type.
        dtype: DType,
        /// What elements are that are dates or lengths of time.
        time: Option<TimeType>,
        /// Whether it is Python's own type of that name.
        python: bool,
    },
    /// `(a, b)`.
    Tuple(Vec<Value>),
    /// `[a, b]`.
    List(Vec<Value>),
    /// What is told of something, by name.
    Facts(Vec<(&'static str, Value)>),
    /// `{key: value}`.
    Dict(Vec<(Value, Value)>),
    /// A function.
    Callable(Callable),
    /// A function whose first argument is given.
    Method(Box<Value>, Callable),
    /// An array whose elements are taken together somehow: in groups, in blocks.
    Parts(Box<Parts>),
    /// A generator of random arrays.
    Generator(Generator),
    /// What is made by subscripts: `mgrid` and its like.
    Grid(&'static str),
    /// `np`, or a module inside it such as `linalg`; the dotted prefix of its functions, empty for `np`.
    Module(&'static str),
}

/// An array whose elements are taken together, before it is said what becomes of them.
#[derive(Debug, Clone)]
pub(super) enum Parts {
    /// In groups of positions along an axis.
    Groups(GroupBy<Dyn>),
    /// In blocks of neighbours.
    Coarse(Coarse<Dyn>),
    /// Without some of them.
    Masked(Masked),
    /// With weights.
    Weighted(Weighted<Dyn>),
    /// In windows that roll over it.
    Rolled(Rolled<Dyn>),
}

impl Parts {
    /// What it is, in words that follow "not" or "of".
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Groups(_) => "an array in groups",
            Self::Coarse(_) => "an array in blocks",
            Self::Masked(_) => "a masked array",
            Self::Weighted(_) => "an array with weights",
            Self::Rolled(_) => "an array in windows",
        }
    }
}

/// A generator of random arrays; its copies count their draws together.
#[derive(Debug, Clone)]
pub(super) struct Generator(pub(super) Arc<Rng>);

impl Generator {
    /// A generator of its own.
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Rng::new(seed)))
    }
}

/// A function of the language: one row of a table.
///
/// Parameters are written as in Python: `a, axis=None, *, keepdims=False`. A row knows defaults only to show them: its
/// body asks for what was given. `/` ends the positional parameters, `*` begins those that are keywords only, `*args`
/// takes the rest. `!out` is a parameter that NumPy has and this library not yet; it may be `None`.
#[derive(Debug)]
pub(super) struct Function {
    /// The NumPy name.
    pub(super) name: &'static str,
    /// The parameters.
    pub(super) params: &'static str,
    /// The body.
    pub(super) run: fn(&Call) -> Result<Value>,
}

/// What can be called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Callable {
    /// A row of the elementwise table.
    Element(ElementOp),
    /// A reduction of the list.
    Reduction(&'static dyn Reduction),
    /// A row of the function tables.
    Function(&'static Function),
}

impl Callable {
    /// The NumPy name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Element(op) => op.name(),
            Self::Reduction(r) => r.name(),
            Self::Function(f) => f.name,
        }
    }
}

/// Arguments bound to the parameters of a function.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) bound: Vec<(&'static str, Value)>,
    pub(super) rest: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
}

impl Value {
    /// An integer.
    pub(super) fn int(value: usize) -> Self {
        Self::Scalar(Scalar::Int(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    /// A truth value.
    pub(super) fn bool(value: bool) -> Self {
        Self::Scalar(Scalar::Bool(value))
    }

    /// A tuple of integers.
    pub(super) fn ints(values: &[usize]) -> Self {
        Self::Tuple(values.iter().map(|&v| Self::int(v)).collect())
    }

    /// What the value is, in words that follow "not" or "of".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Array(a) => format!("an array of shape {}", a.shape()),
            Self::Scalar(s) => match number::kind_name(*s) {
                "int" => format!("the int {s}"),
                name => format!("a {name}"),
            },
            Self::Str(text) => format!("the string `{text}`"),
            Self::None => "None".to_owned(),
            Self::Ellipsis => "`...`".to_owned(),
            Self::Slice(_) | Self::Span(_) => "a slice".to_owned(),
            Self::Type { time: Some(time), .. } => format!("the type {time}"),
            Self::Type { dtype, .. } => format!("the type {dtype}"),
            Self::Tuple(_) => "a tuple".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Callable(_) | Self::Method(..) => "a function".to_owned(),
            Self::Facts(_) => "what is told of a type".to_owned(),
            Self::Dict(_) => "a dictionary".to_owned(),
            Self::Parts(parts) => parts.describe().to_owned(),
            Self::Generator(_) => "a generator of random numbers".to_owned(),
            Self::Grid(name) => format!("`{name}`, which is indexed"),
            Self::Module(_) => "a module".to_owned(),
        }
    }

    /// The items of a tuple or list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(items) | Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value as an integer, where it is one.
    pub(super) fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Scalar(Scalar::Int(v)) => Some(*v),
            Self::Scalar(Scalar::Bool(v)) => Some((*v).into()),
            _ => None,
        }
    }

    /// One integer or a sequence of them, as a list.
    pub(super) fn as_integers(&self) -> Option<Vec<i128>> {
        match self.items() {
            Some(items) => items.iter().map(Self::as_integer).collect(),
            None => self.as_integer().map(|v| vec![v]),
        }
    }

    /// Whether arrays are in it, however deep.
    pub(super) fn holds_array(&self) -> bool {
        matches!(self, Self::Array(_)) || self.items().is_some_and(|items| items.iter().any(Self::holds_array))
    }

    /// Python's truth value.
    pub(super) fn truth(&self) -> Result<bool> {
        let refuse = |why: &str| Err(Error::argument("truth value", why));
        match self {
            Self::Scalar(s) => Ok(s.to_bool()),
            Self::Str(text) => Ok(!text.is_empty()),
            Self::None => Ok(false),
            Self::Tuple(items) | Self::List(items) => Ok(!items.is_empty()),
            Self::Array(a) if checked_size(&a.shape().max()) == Some(1) => {
                refuse("of an array is not known before it is computed; use where() to choose")
            }
            Self::Array(_) => refuse(
                "of an array with more than one element is ambiguous; use any() or all(), and & | ~ in place of and or not",
            ),
            _ => Ok(true),
        }
    }

    /// The value as an array, as `numpy.asarray` makes it.
    pub(super) fn to_array(&self) -> Result<Array> {
        match self {
            Self::Array(array) => Ok(array.clone()),
            Self::Scalar(scalar) => constant(*scalar, scalar.dtype()),
            Self::Tuple(items) | Self::List(items) if self.holds_array() => {
                let arrays = items.iter().map(Self::to_array).collect::<Result<Vec<_>>>()?;
                Array::stack(&arrays, 0)
            }
            Self::Tuple(_) | Self::List(_) => in_memory(self),
            // As it is shown: with NumPy's value where nothing counts.
            Self::Parts(parts) if let Parts::Masked(masked) = &**parts => masked.filled(None),
            other => Err(Error::argument("array", format!("cannot be made of {}", other.describe()))),
        }
    }

    /// The value as an argument of an elementwise operation: numbers stay weak.
    pub(super) fn to_arg(&self) -> Result<Arg> {
        match self {
            Self::Scalar(scalar) => {
                constant(*scalar, scalar.dtype())?;
                Ok(Arg::Scalar(*scalar))
            }
            other => Ok(Arg::Array(other.to_array()?.expr().clone())),
        }
    }

    /// The items one after another, those of an array along its first axis.
    pub(super) fn to_sequence(&self) -> Result<Vec<Self>> {
        let array = match self {
            Self::Tuple(items) | Self::List(items) => return Ok(items.clone()),
            Self::Array(array) if array.ndim() > 0 => array,
            other => return Err(Error::argument("sequence", format!("cannot be made of {}", other.describe()))),
        };
        let length = array.shape().known()?[0];
        if length > LONGEST_SEQUENCE {
            return Err(Error::unsupported(format!("an array of {length} items as a sequence is not offered")));
        }
        (0..length.cast_signed())
            .map(|i| Ok(Self::Array(Array::from_expr(build::index(array.expr(), &[Item::Index(i)])?))))
            .collect()
    }

    /// The value as an element type: a type, or its name.
    pub(super) fn to_dtype(&self) -> Result<DType> {
        match self {
            Self::Type { dtype, time: None, .. } => Ok(*dtype),
            Self::Str(name) if self.to_time().is_none() => name.parse(),
            Self::Type { .. } | Self::Str(_) => {
                Err(Error::unsupported(format!("{} here; convert with astype", self.describe())))
            }
            other => Err(Error::dtype("dtype", format!("{} names no element type", other.describe()))),
        }
    }
}

impl Value {
    /// The value as a type of dates or lengths of time, where it is one or names one.
    pub(super) fn to_time(&self) -> Option<TimeType> {
        match self {
            Self::Type { time, .. } => *time,
            Self::Str(name) => name.parse().ok(),
            _ => None,
        }
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

impl From<crate::expr::Expr> for Value {
    fn from(expr: crate::expr::Expr) -> Self {
        Self::Array(Array::from_expr(expr))
    }
}

/// An array of rank 0; refuses an integer that `dtype` does not hold.
pub(super) fn constant(scalar: Scalar, dtype: DType) -> Result<Array> {
    checked(scalar, dtype)?;
    Array::filled(&[], scalar, dtype, None)
}

/// The date that a text names, in the unit asked for or that of the text.
pub(super) fn date(text: &str, unit: Option<Unit>) -> Result<Value> {
    let (ticks, own) = dates::parse(text)?;
    // `NaT` gives way to any other unit.
    let unit = unit.or(own).unwrap_or(Unit::Year);
    let ticks = if own.is_some() { dates::parse_in(text, unit)? } else { ticks };
    moment(ticks, TimeType::date(unit))
}

/// One date or length of time.
pub(super) fn moment(ticks: i64, time: TimeType) -> Result<Value> {
    Ok(build::full(&[], Scalar::from(ticks), DType::I64, None)?.with_time(Some(time)).into())
}

/// Refuses an integer that `dtype` does not hold.
pub(super) fn checked(scalar: Scalar, dtype: DType) -> Result<Scalar> {
    if scalar.fits(dtype) {
        return Ok(scalar);
    }
    Err(Error::argument("array", format!("the integer {scalar} is out of bounds for {dtype}")))
}

/// Nested sequences of numbers as an array in memory.
fn in_memory(nested: &Value) -> Result<Array> {
    let mut shape = Vec::new();
    let mut level = nested;
    while let Some(items) = level.items() {
        shape.push(items.len());
        match items.first() {
            Some(first) => level = first,
            None => break,
        }
    }
    let mut scalars = Vec::new();
    flatten(nested, &shape, &mut scalars)?;
    let dtype = scalars.iter().map(|s| s.dtype()).reduce(promote).unwrap_or(DType::F64);
    let mut bytes = Vec::with_capacity(scalars.len() * dtype.size());
    for scalar in scalars {
        bytes.extend_from_slice(&checked(scalar, dtype)?.to_bytes(dtype)[..dtype.size()]);
    }
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.bytes_mut().copy_from_slice(&bytes);
    Ok(Array::from_expr(creation::in_memory(Block::new(dtype, &shape, buffer)?)))
}

fn flatten(value: &Value, shape: &[usize], out: &mut Vec<Scalar>) -> Result<()> {
    match (value, value.items(), shape) {
        (Value::Scalar(scalar), _, []) => out.push(*scalar),
        (_, Some(items), [n, inner @ ..]) if items.len() == *n => {
            items.iter().try_for_each(|item| flatten(item, inner, out))?;
        }
        (Value::Scalar(_), ..) | (_, Some(_), _) => {
            let shape = tuple(shape);
            return Err(Error::shape("array", format!("nested sequences of unequal lengths; {shape} was expected")));
        }
        (other, ..) => return Err(Error::argument("array", format!("cannot hold {}", other.describe()))),
    }
    Ok(())
}

/// The dtype in which a Python number meets an array of `dtype`.
pub(super) fn weak(dtype: DType, scalar: Scalar) -> DType {
    match scalar.kind() {
        Kind::Bool => dtype,
        kind => crate::dtype::promote::promote_weak(dtype, kind),
    }
}
