//! Random arrays: draws of a generator as elementwise functions of positions.
//!
//! The position of an element is its index in C order, put together from one `iota` an axis, so a draw is an
//! elementwise expression like any other: it fuses, and any region of it is computed by itself. [`DISTRIBUTIONS`] says
//! how NumPy's distributions are made of the draws of [`op::random`](crate::op::random).

use super::build::{self, Arg};
use super::node::{Expr, ExprKind, node};
use crate::chunk::auto;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value};
use crate::op::random::{LARGEST_MEAN, Sampler};
use crate::shape::broadcast::broadcast;
use crate::shape::slice::Item;
use crate::shape::{Shape, checked_size, fits_memory, tuple};

/// A distribution of NumPy's.
#[derive(Debug)]
pub struct Distribution {
    /// NumPy's name.
    pub name: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    sampler: Sampler,
    form: Form,
}

/// A parameter of a distribution.
#[derive(Debug)]
pub struct Param {
    /// NumPy's name.
    pub name: &'static str,
    /// What it is when it is not given.
    pub default: Option<f64>,
    range: Range,
}

/// How a distribution comes from a draw.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// As it is, of all parameters.
    Plain,
    /// Times the last parameter, of the others.
    Scaled,
    /// Times the last parameter, plus the last but one, of the others.
    Moved,
    /// From the first parameter to the second.
    Between,
}

/// What a parameter may be. NaN gives NaN, but no count.
#[derive(Debug, Clone, Copy)]
enum Range {
    Any,
    Finite,
    Positive,
    NonNegative,
    /// In `[0, 1]`.
    Probability,
    /// In `(0, 1]`.
    Chance,
    /// In `[0, 1)`.
    Below1,
    Above1,
    /// A number of things.
    Count,
    /// The same, below `10^9`.
    Few,
    /// The mean of a count.
    Mean,
}

impl Range {
    /// Whether it holds `x`, and the words for what it holds.
    fn check(self, x: f64) -> (bool, &'static str) {
        match self {
            Self::Any => (true, "a number"),
            Self::Finite => (x.is_finite(), "finite"),
            Self::Positive => (x > 0.0 || x.is_nan(), "above 0"),
            Self::NonNegative => (x.is_sign_positive() || x.is_nan(), "0 or above"),
            Self::Probability => ((0.0..=1.0).contains(&x), "between 0 and 1"),
            Self::Chance => (x > 0.0 && x <= 1.0, "above 0 and at most 1"),
            Self::Below1 => ((0.0..1.0).contains(&x), "at least 0 and below 1"),
            Self::Above1 => (x > 1.0, "above 1"),
            Self::Count => ((0.0..9.3e18).contains(&x), "a count, 0 or above"),
            Self::Few => ((0.0..1e9).contains(&x), "0 or above, and below 10^9"),
            Self::Mean => ((0.0..=LARGEST_MEAN).contains(&x), "0 or above, and below 2^63"),
        }
    }
}

macro_rules! distributions {
    ($($name:ident($($param:ident $(= $default:literal)?: $range:ident),*) = $form:ident $sampler:ident;)*) => {
        /// The distributions whose elements are floats or counts, one draw each.
        pub static DISTRIBUTIONS: &[Distribution] = &[$(Distribution {
            name: stringify!($name),
            params: &[$(Param {
                name: stringify!($param),
                default: distributions!(@default $($default)?),
                range: Range::$range,
            }),*],
            sampler: Sampler::$sampler,
            form: Form::$form,
        }),*];
    };
    (@default $default:literal) => { Some($default) };
    (@default) => { None };
}
distributions! {
    beta(a: Positive, b: Positive) = Plain Beta;
    binomial(n: Count, p: Probability) = Plain Binomial;
    chisquare(df: Positive) = Plain Chisquare;
    exponential(scale = 1.0: NonNegative) = Scaled Exponential;
    f(dfnum: Positive, dfden: Positive) = Plain F;
    gamma(shape: NonNegative, scale = 1.0: NonNegative) = Scaled Gamma;
    geometric(p: Chance) = Plain Geometric;
    gumbel(loc = 0.0: Any, scale = 1.0: NonNegative) = Moved Gumbel;
    hypergeometric(ngood: Few, nbad: Few, nsample: Count) = Plain Hypergeometric;
    laplace(loc = 0.0: Any, scale = 1.0: NonNegative) = Moved Laplace;
    logistic(loc = 0.0: Any, scale = 1.0: NonNegative) = Moved Logistic;
    lognormal(mean = 0.0: Any, sigma = 1.0: NonNegative) = Plain Lognormal;
    logseries(p: Below1) = Plain Logseries;
    negative_binomial(n: Positive, p: Chance) = Plain NegativeBinomial;
    noncentral_chisquare(df: Positive, nonc: NonNegative) = Plain NoncentralChisquare;
    noncentral_f(dfnum: Positive, dfden: Positive, nonc: NonNegative) = Plain NoncentralF;
    normal(loc = 0.0: Any, scale = 1.0: NonNegative) = Moved Normal;
    pareto(a: Positive) = Plain Pareto;
    poisson(lam = 1.0: Mean) = Plain Poisson;
    power(a: Positive) = Plain Power;
    random() = Plain Uniform;
    rayleigh(scale = 1.0: NonNegative) = Scaled Rayleigh;
    standard_cauchy() = Plain Cauchy;
    standard_exponential() = Plain Exponential;
    standard_gamma(shape: NonNegative) = Plain Gamma;
    standard_normal() = Plain Normal;
    standard_t(df: Positive) = Plain StudentT;
    triangular(left: Any, mode: Any, right: Any) = Plain Triangular;
    uniform(low = 0.0: Finite, high = 1.0: Finite) = Between Uniform;
    vonmises(mu: Any, kappa: NonNegative) = Plain Vonmises;
    wald(mean: Positive, scale: Positive) = Plain Wald;
    weibull(a: NonNegative) = Plain Weibull;
    zipf(a: Above1) = Plain Zipf;
}

/// The distribution of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Distribution> {
    DISTRIBUTIONS.iter().find(|d| d.name == name)
}

impl Distribution {
    /// Refuses a value of parameter `i` that is out of its range.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument), with the range.
    pub fn check(&self, i: usize, value: f64) -> Result<()> {
        let param = &self.params[i];
        let (valid, range) = param.range.check(value);
        let integers = self.sampler.output() == DType::I64;
        if valid && !(integers && value.is_nan()) {
            return Ok(());
        }
        Err(Error::argument(self.name, format!("`{}` must be {range}, not {value}", param.name)))
    }

    /// Refuses parameters, where they are numbers, that do not go together.
    fn check_all(&self, args: &[Arg]) -> Result<()> {
        let numbers: Vec<Option<f64>> = args.iter().map(number).collect();
        for (i, value) in numbers.iter().enumerate() {
            value.map_or(Ok(()), |v| self.check(i, v))?;
        }
        let refuse = |why: &str| Err(Error::argument(self.name, why));
        match (self.name, numbers.as_slice()) {
            ("uniform", &[Some(low), Some(high)]) if high < low => refuse("`high` must not be below `low`"),
            ("uniform", &[Some(low), Some(high)]) if !(high - low).is_finite() => refuse("`high - low` overflows"),
            ("triangular", &[Some(left), Some(mode), _]) if left > mode => refuse("`left` must not be above `mode`"),
            ("triangular", &[_, Some(mode), Some(right)]) if mode > right => refuse("`mode` must not be above `right`"),
            ("triangular", &[Some(left), _, Some(right)]) if left == right => refuse("`left` and `right` are equal"),
            ("hypergeometric", &[Some(good), Some(bad), Some(sample)]) if sample > good + bad => {
                refuse("`nsample` must not be above `ngood + nbad`")
            }
            _ => Ok(()),
        }
    }

    /// Elements of the draw with this key, in `f64` or `i64`, of a shape: that of the parameters, broadcast, where
    /// there is none.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for numbers out of range, [`Shape`](crate::ErrorKind::Shape) where
    /// shapes do not fit each other, [`DType`](crate::ErrorKind::DType) for complex parameters.
    #[track_caller]
    pub fn draw(&self, key: u64, args: &[Arg], size: Option<&[usize]>) -> Result<Expr> {
        self.check_all(args)?;
        draw(self.name, args, DType::F64, size, |p, position, values| {
            let (own, outer) = match self.form {
                Form::Plain => (values.len(), 0),
                Form::Scaled => (values.len() - 1, 1),
                Form::Moved => (values.len() - 2, 2),
                Form::Between => (0, 2),
            };
            let z = p.draw(self.sampler, position, key, &values[..own]);
            match (self.form, &values[values.len() - outer..]) {
                (Form::Scaled, &[scale]) => p.op(ElementOp::Multiply, &[z, scale]),
                (Form::Moved, &[loc, scale]) => {
                    let scaled = p.op(ElementOp::Multiply, &[z, scale])?;
                    p.op(ElementOp::Add, &[loc, scaled])
                }
                (Form::Between, &[low, high]) => {
                    let range = p.op(ElementOp::Subtract, &[high, low])?;
                    let scaled = p.op(ElementOp::Multiply, &[z, range])?;
                    p.op(ElementOp::Add, &[low, scaled])
                }
                _ => Ok(z),
            }
        })
    }
}

/// The value of an argument that is a number.
fn number(arg: &Arg) -> Option<f64> {
    match arg {
        Arg::Scalar(scalar) => Some(scalar.to_f64()),
        Arg::Array(_) => None,
    }
}

/// Random words.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when there are too many.
#[track_caller]
pub fn bits(key: u64, size: &[usize]) -> Result<Expr> {
    draw("random words", &[], DType::U64, Some(size), |p, position, _| Ok(p.draw(Sampler::Bits, position, key, &[])))
}

/// Uniform floats in `[0, 1)` of 24 bits.
///
/// # Errors
/// As [`Distribution::draw`].
#[track_caller]
pub fn random_f32(key: u64, size: Option<&[usize]>) -> Result<Expr> {
    draw("random", &[], DType::F32, size, |p, position, _| Ok(p.draw(Sampler::Uniform32, position, key, &[])))
}

/// Integers of `dtype` from `low` up to `high`, which is one of them where `endpoint` says so. Each has its probability
/// up to an error below `2^-64`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for numbers that `dtype` does not hold or between which nothing lies,
/// [`DType`](crate::ErrorKind::DType) for other dtypes, [`Shape`](crate::ErrorKind::Shape) as in
/// [`Distribution::draw`].
#[track_caller]
pub fn integers(
    key: u64,
    [low, high]: [&Arg; 2],
    endpoint: bool,
    dtype: DType,
    size: Option<&[usize]>,
) -> Result<Expr> {
    if !(dtype.is_integer() || dtype == DType::Bool) {
        return Err(Error::dtype("integers", format!("gives no {dtype}")));
    }
    if let Some(bound) = [low, high].into_iter().filter_map(number).find(|x| !x.is_finite()) {
        return Err(Error::argument("integers", format!("a bound cannot be {bound}")));
    }
    let [low, high] = [low, high].map(|arg| match arg {
        Arg::Scalar(Scalar::Complex(_)) | Arg::Array(_) => arg.clone(),
        Arg::Scalar(scalar) => Arg::Scalar(Scalar::Int(scalar.to_i128())),
    });
    // The bound that is included, so that it is a number of the dtype.
    let less = i128::from(!endpoint);
    if let Arg::Scalar(Scalar::Int(low)) = low {
        let fits = Scalar::Int(low).fits(dtype) && (dtype != DType::Bool || (0..=1).contains(&low));
        if !fits {
            return Err(Error::argument("integers", format!("`low` is {low}, out of bounds for {dtype}")));
        }
    }
    let high = match high {
        Arg::Scalar(Scalar::Int(high)) => {
            let last = high - less;
            if let Arg::Scalar(Scalar::Int(low)) = low
                && low > last
            {
                return Err(Error::argument("integers", format!("nothing lies between {low} and {high}")));
            }
            if !Scalar::Int(last).fits(dtype) || (dtype == DType::Bool && last > 1) {
                return Err(Error::argument("integers", format!("`high` is {high}, out of bounds for {dtype}")));
            }
            Arg::Scalar(Scalar::Int(last))
        }
        Arg::Array(array) if !endpoint => {
            let wide = build::cast(&array, work(dtype))?;
            Arg::Array(build::element(ElementOp::Subtract, &[Arg::Array(wide), Arg::Scalar(Scalar::Int(1))])?)
        }
        other => other,
    };
    draw("integers", &[low, high], work(dtype), size, |p, position, values| {
        let top = p.op(ElementOp::Subtract, &[values[1], values[0]])?;
        let top = p.cast(top, DType::U64);
        let above = p.draw(Sampler::Below, position, key, &[top]);
        let low = p.cast(values[0], DType::U64);
        let sum = p.op(ElementOp::Add, &[low, above])?;
        Ok(p.cast(sum, dtype))
    })
}

/// The dtype in which bounds are compared.
fn work(dtype: DType) -> DType {
    if dtype == DType::U64 { DType::U64 } else { DType::I64 }
}

/// An array whose elements `body` makes of their positions (`u64`) and of parameters, which are converted to `dtype`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the parameters do not broadcast to the shape asked for,
/// [`DType`](crate::ErrorKind::DType) for complex parameters.
#[track_caller]
pub(crate) fn draw(
    op: &str,
    args: &[Arg],
    dtype: DType,
    size: Option<&[usize]>,
    body: impl FnOnce(&mut Program, Value, &[Value]) -> Result<Value>,
) -> Result<Expr> {
    let arrays: Vec<&Shape> =
        args.iter().filter_map(|a| if let Arg::Array(e) = a { Some(&e.shape) } else { None }).collect();
    let natural = broadcast(op, &arrays)?;
    let shape = match size {
        None => natural.known()?,
        Some(size) => {
            fits_memory(op, size)?;
            let wanted = Shape::new(size);
            if broadcast(op, &[&wanted, &natural]).ok().as_ref() != Some(&wanted) {
                let why = format!("the shape {} does not hold parameters of shape {natural}", tuple(size));
                return Err(Error::shape(op, why));
            }
            size.to_vec()
        }
    };
    let size = checked_size(&shape).unwrap_or(0);
    let mut program = Program::default();
    let (mut inputs, mut terms) = (Vec::new(), Vec::new());
    let mut stride = size;
    for (axis, &n) in shape.iter().enumerate().filter(|&(_, &n)| n > 1) {
        stride /= n;
        let items: Vec<Item> =
            (axis..shape.len()).map(|a| if a == axis { Item::from(..) } else { Item::NewAxis }).collect();
        inputs.push(build::index(&build::iota(n, None), &items)?);
        terms.push((program.input(DType::I64), stride));
    }
    let values =
        args.iter().map(|arg| parameter(op, &mut program, &mut inputs, arg, dtype)).collect::<Result<Vec<_>>>()?;
    let position = position(&mut program, &terms)?;
    let out = body(&mut program, position, &values)?;
    program.outputs = vec![out];
    let dtype = program.dtypes[out];
    let chunks = auto::auto(&shape, dtype.size());
    let kind = ExprKind::Elementwise { program, args: inputs };
    Ok(node(kind, dtype, Shape::new(&shape), chunks, Vec::new()))
}

/// An argument as a value of the program.
fn parameter(op: &str, program: &mut Program, inputs: &mut Vec<Expr>, arg: &Arg, dtype: DType) -> Result<Value> {
    let complex = || Err(Error::dtype(op, "parameters cannot be complex"));
    match arg {
        Arg::Scalar(Scalar::Complex(_)) => complex(),
        Arg::Scalar(scalar) => Ok(program.constant(*scalar, dtype)),
        Arg::Array(array) if array.dtype.is_complex() => complex(),
        Arg::Array(array) => {
            inputs.push(array.clone());
            let value = program.input(array.dtype);
            Ok(program.cast(value, dtype))
        }
    }
}

/// The index in C order of indices that are so far apart.
fn position(program: &mut Program, terms: &[(Value, usize)]) -> Result<Value> {
    let mut sum = None;
    for &(index, stride) in terms {
        let index = program.cast(index, DType::U64);
        let stride = program.constant(Scalar::Int(stride as i128), DType::U64);
        let term = program.op(ElementOp::Multiply, &[index, stride])?;
        sum = Some(match sum {
            None => term,
            Some(before) => program.op(ElementOp::Add, &[before, term])?,
        });
    }
    Ok(sum.unwrap_or_else(|| program.constant(0, DType::U64)))
}
