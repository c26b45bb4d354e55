//! Random arrays: generators, and their methods, which the module `random` has too.
//!
//! A generator counts its draws, so each draw of a program differs, and a program gives the same numbers whenever it
//! runs. The module's functions are methods of a generator that every program begins with, of seed 0.

use super::super::value::{Call, Function};
use super::super::value::{Generator, Value};
use super::row;
use crate::array::places::{Beyond, take};
use crate::array::{Array, Rng, sampling};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::Arg;
use crate::expr::random::{self, Distribution};
use crate::op::random::words;

/// What the module `random` has besides the methods of generators; the first parameter is the program's generator.
pub(in crate::lang) static MODULE: &[Function] = &[
    row("default_rng", "rng, seed=None", default_rng),
    row("RandomState", "rng, seed=None", default_rng),
    row("seed", "rng, seed=None", |call| {
        let seed = seed(call)?;
        generator(call)?.reseed(seed);
        Ok(Value::None)
    }),
];

/// The methods of generators; the first parameter is the generator.
pub(in crate::lang) static METHODS: &[Function] = &[
    row("beta", "rng, a, b, size=None, *, chunks=None", distribution),
    row("binomial", "rng, n, p, size=None, *, chunks=None", distribution),
    row("choice", "rng, a, size=None, replace=True, p=None, axis=0, shuffle=True, *, chunks=None", choice),
    row("chisquare", "rng, df, size=None, *, chunks=None", distribution),
    row("dirichlet", "rng, alpha, size=None, *, chunks=None", dirichlet),
    row("exponential", "rng, scale=1.0, size=None, *, chunks=None", distribution),
    row("f", "rng, dfnum, dfden, size=None, *, chunks=None", distribution),
    row("gamma", "rng, shape, scale=1.0, size=None, *, chunks=None", distribution),
    row("geometric", "rng, p, size=None, *, chunks=None", distribution),
    row("gumbel", "rng, loc=0.0, scale=1.0, size=None, *, chunks=None", distribution),
    row("hypergeometric", "rng, ngood, nbad, nsample, size=None, *, chunks=None", distribution),
    row("integers", "rng, low, high=None, size=None, dtype=int, endpoint=False, *, chunks=None", integers),
    row("laplace", "rng, loc=0.0, scale=1.0, size=None, *, chunks=None", distribution),
    row("logistic", "rng, loc=0.0, scale=1.0, size=None, *, chunks=None", distribution),
    row("lognormal", "rng, mean=0.0, sigma=1.0, size=None, *, chunks=None", distribution),
    row("logseries", "rng, p, size=None, *, chunks=None", distribution),
    row("multinomial", "rng, n, pvals, size=None, *, chunks=None", multinomial),
    row(
        "multivariate_normal",
        "rng, mean, cov, size=None, !check_valid, !tol, *, method='cholesky', chunks=None",
        multivariate_normal,
    ),
    row("negative_binomial", "rng, n, p, size=None, *, chunks=None", distribution),
    row("noncentral_chisquare", "rng, df, nonc, size=None, *, chunks=None", distribution),
    row("noncentral_f", "rng, dfnum, dfden, nonc, size=None, *, chunks=None", distribution),
    row("normal", "rng, loc=0.0, scale=1.0, size=None, *, chunks=None", distribution),
    row("pareto", "rng, a, size=None, *, chunks=None", distribution),
    row("permutation", "rng, x, axis=0, *, chunks=None", permutation),
    row("poisson", "rng, lam=1.0, size=None, *, chunks=None", distribution),
    row("power", "rng, a, size=None, *, chunks=None", distribution),
    row("rand", "rng, *size", |call| standard(call, "random", call.rest().to_vec())),
    row("randint", "rng, low, high=None, size=None, dtype=int, *, chunks=None", integers),
    row("randn", "rng, *size", |call| standard(call, "standard_normal", call.rest().to_vec())),
    row("random", "rng, size=None, dtype=float, !out, *, chunks=None", distribution),
    row("random_integers", "rng, low, high=None, size=None", integers),
    row("random_sample", "rng, size=None", |call| sized(call, "random")),
    row("rayleigh", "rng, scale=1.0, size=None, *, chunks=None", distribution),
    row("spawn", "rng, n_children", |call| {
        let rng = generator(call)?;
        let count = call.count("n_children")?.unwrap_or(0).min(MOST_CHILDREN);
        Ok(Value::List((0..count).map(|_| Value::Generator(Generator::new(rng.key()))).collect()))
    }),
    row("standard_cauchy", "rng, size=None, *, chunks=None", distribution),
    row("standard_exponential", "rng, size=None, dtype=float, method='zig', !out, *, chunks=None", distribution),
    row("standard_gamma", "rng, shape, size=None, dtype=float, !out, *, chunks=None", distribution),
    row("standard_normal", "rng, size=None, dtype=float, !out, *, chunks=None", distribution),
    row("standard_t", "rng, df, size=None, *, chunks=None", distribution),
    row("triangular", "rng, left, mode, right, size=None, *, chunks=None", distribution),
    row("uniform", "rng, low=0.0, high=1.0, size=None, *, chunks=None", distribution),
    row("vonmises", "rng, mu, kappa, size=None, *, chunks=None", distribution),
    row("wald", "rng, mean, scale, size=None, *, chunks=None", distribution),
    row("weibull", "rng, a, size=None, *, chunks=None", distribution),
    row("zipf", "rng, a, size=None, *, chunks=None", distribution),
];

/// The most generators that one spawns at once.
const MOST_CHILDREN: usize = 10_000;

fn generator(call: &Call) -> Result<&Rng> {
    match call.required("rng")? {
        Value::Generator(Generator(rng)) => Ok(rng),
        other => call.refuse(format!("is a method of generators, not of {}", other.describe())),
    }
}

/// A seed: an integer, or several, which count one after another; without one, that of the program's next generator.
fn seed(call: &Call) -> Result<u64> {
    let Some(value) = call.given("seed") else { return Ok(generator(call)?.key()) };
    let Some(words) = value.as_integers() else {
        return call.refuse(format!("a seed is an integer or several, not {}", value.describe()));
    };
    let mut seed = None;
    for word in words {
        let Ok(word) = u64::try_from(word) else {
            return call.refuse(format!("a seed is not negative and below 2^64, unlike {word}"));
        };
        seed = Some(seed.map_or(word, |before| words::key(before, word)));
    }
    Ok(seed.unwrap_or(0))
}

fn default_rng(call: &Call) -> Result<Value> {
    if let Some(Value::Generator(same)) = call.given("seed") {
        return Ok(Value::Generator(same.clone()));
    }
    Ok(Value::Generator(Generator::new(seed(call)?)))
}

/// The shape asked for.
fn size(call: &Call) -> Result<Option<Vec<usize>>> {
    call.given("size").map(|_| call.shape("size")).transpose()
}

/// The array in the chunks asked for.
fn in_chunks(call: &Call, array: Array) -> Result<Value> {
    match call.chunks(&array.shape().known()?, array.dtype())? {
        None => Ok(array.into()),
        Some(lengths) => {
            let lengths: Vec<isize> = lengths.into_iter().map(usize::cast_signed).collect();
            Ok(array.try_rechunk(&lengths)?.into())
        }
    }
}

/// A parameter; the numbers of lists are refused as those that stand alone are.
fn parameter(call: &Call, distribution: &Distribution, i: usize) -> Result<Arg> {
    let param = &distribution.params[i];
    match (call.value(param.name), param.default) {
        (Some(value), _) => {
            numbers(value, &mut |x| distribution.check(i, x))?;
            value.to_arg()
        }
        (None, Some(default)) => Ok(Arg::Scalar(Scalar::Float(default))),
        (None, None) => call.refuse(format!("needs `{}`", param.name)),
    }
}

/// Calls `check` on the numbers of nested lists.
fn numbers(value: &Value, check: &mut dyn FnMut(f64) -> Result<()>) -> Result<()> {
    match (value, value.items()) {
        (_, Some(items)) => items.iter().try_for_each(|item| numbers(item, check)),
        (Value::Scalar(scalar), _) => check(scalar.to_f64()),
        _ => Ok(()),
    }
}

fn find(name: &str) -> Result<&'static Distribution> {
    random::find(name).ok_or_else(|| Error::bug(format!("{name} is a distribution")))
}

fn distribution(call: &Call) -> Result<Value> {
    let found = find(call.name())?;
    let args = (0..found.params.len()).map(|i| parameter(call, found, i)).collect::<Result<Vec<_>>>()?;
    let size = size(call)?;
    let narrow = match call.dtype("dtype")? {
        None | Some(DType::F64) => false,
        Some(DType::F32) => true,
        Some(other) => return Err(Error::dtype(call.name(), format!("gives float32 or float64, not {other}"))),
    };
    if !["zig", "inv"].contains(&call.text("method", "zig")?) {
        return call.refuse("`method` must be zig or inv");
    }
    let key = generator(call)?.key();
    let expr = match (call.name(), narrow) {
        // Rounding a number just below 1 would give 1.
        ("random", true) => random::random_f32(key, size.as_deref())?,
        _ => found.draw(key, &args, size.as_deref())?,
    };
    let array = Array::from_expr(expr);
    in_chunks(call, if narrow { array.astype(DType::F32) } else { array })
}

/// A distribution without parameters, of the shape that these lengths give.
fn standard(call: &Call, name: &str, lengths: Vec<Value>) -> Result<Value> {
    let list = Value::Tuple(lengths).as_integers().map(|l| l.into_iter().map(usize::try_from).collect());
    match list {
        Some(Ok(size)) => drawn(call, name, Some(size)),
        _ => call.refuse("the lengths of axes are integers, 0 or above"),
    }
}

fn sized(call: &Call, name: &str) -> Result<Value> {
    drawn(call, name, size(call)?)
}

fn drawn(call: &Call, name: &str, size: Option<Vec<usize>>) -> Result<Value> {
    Ok(find(name)?.draw(generator(call)?.key(), &[], size.as_deref())?.into())
}

fn integers(call: &Call) -> Result<Value> {
    // From 1, the end included.
    let legacy = call.name() == "random_integers";
    // Numbers as they are: an excluded bound may be the first that no integer holds.
    let bound = |value: &Value| match value {
        Value::Scalar(scalar) => Ok(Arg::Scalar(*scalar)),
        other => other.to_arg(),
    };
    let (low, high) = match (call.required("low")?, call.given("high")) {
        (low, Some(high)) => (bound(low)?, bound(high)?),
        (high, None) => (Arg::Scalar(Scalar::Int(i128::from(legacy))), bound(high)?),
    };
    let endpoint = legacy || call.flag("endpoint", false)?;
    let dtype = call.dtype("dtype")?.unwrap_or(DType::I64);
    let size = size(call)?;
    let expr = random::integers(generator(call)?.key(), [&low, &high], endpoint, dtype, size.as_deref())?;
    in_chunks(call, Array::from_expr(expr))
}

/// The items among which is chosen: the numbers below an integer, or those of an array along an axis.
enum Items {
    Below(usize),
    Of(Array, usize),
}

impl Items {
    fn new(call: &Call, param: &str) -> Result<Self> {
        let value = call.required(param)?;
        if let Some(n) = value.as_integer() {
            return match usize::try_from(n) {
                Ok(n) => Ok(Self::Below(n)),
                Err(_) => call.refuse(format!("`{param}` must not be negative, unlike {n}")),
            };
        }
        let array = value.to_array()?;
        if array.ndim() == 0 {
            return call.refuse(format!("`{param}` must be an integer or have an axis"));
        }
        let axis = call.axis("axis", array.ndim())?.unwrap_or(0);
        Ok(Self::Of(array, axis))
    }

    fn count(&self) -> Result<usize> {
        match self {
            Self::Below(n) => Ok(*n),
            Self::Of(array, axis) => Ok(array.shape().known()?[*axis]),
        }
    }

    fn at(&self, positions: Expr) -> Result<Array> {
        match self {
            Self::Below(_) => Ok(Array::from_expr(positions)),
            Self::Of(array, axis) => Ok(Array::from_expr(take(array.expr(), &positions, Some(*axis), Beyond::Raise)?)),
        }
    }
}

fn permutation(call: &Call) -> Result<Value> {
    let items = Items::new(call, "x")?;
    let order = sampling::permutation(generator(call)?.key(), items.count()?)?;
    in_chunks(call, items.at(order)?)
}

fn choice(call: &Call) -> Result<Value> {
    let items = Items::new(call, "a")?;
    let size = size(call)?.unwrap_or_default();
    let replace = call.flag("replace", true)?;
    let p = call.given("p").map(|p| probabilities(call, p, "p", 1e-8)).transpose()?;
    if let (Some((_, Some(known))), false) = (&p, replace)
        && known.iter().filter(|&&x| x > 0.0).count() < size.iter().product()
    {
        return call.refuse("fewer items have a probability above 0 than are asked for");
    }
    let p = p.map(|(array, _)| array);
    let key = generator(call)?.key();
    let chosen = sampling::choice(key, items.count()?, &size, replace, p.as_ref().map(Array::expr))?;
    in_chunks(call, items.at(chosen)?)
}

/// A vector of probabilities, which add up to 1 within `slack`; with its elements, where they stand in the text.
fn probabilities(call: &Call, value: &Value, param: &str, slack: f64) -> Result<(Array, Option<Vec<f64>>)> {
    let mut known = Vec::new();
    numbers(value, &mut |x| {
        known.push(x);
        if (0.0..=1.0).contains(&x) {
            return Ok(());
        }
        call.refuse(format!("`{param}` must be between 0 and 1, not {x}"))
    })?;
    let array = value.to_array()?;
    let in_text = array.ndim() == 1 && array.shape().known()? == [known.len()];
    let sum: f64 = known.iter().sum();
    if in_text && (sum - 1.0).abs() > slack {
        return call.refuse(format!("`{param}` must add up to 1, not to {sum}"));
    }
    Ok((array, in_text.then_some(known)))
}

fn multinomial(call: &Call) -> Result<Value> {
    let tries = call.required("n")?;
    numbers(tries, &mut |x| if x >= 0.0 { Ok(()) } else { call.refuse(format!("`n` must be 0 or above, not {x}")) })?;
    let pvals = call.required("pvals")?;
    // The last outcome takes what the others leave, so it is those that must not be more than 1.
    let (p, known) = probabilities(call, pvals, "pvals", f64::INFINITY)?;
    let others: f64 = known.iter().flat_map(|list| list.iter().rev().skip(1)).sum();
    if others > 1.0 + 1e-12 {
        return call.refuse(format!("`pvals` but the last must not add up to more than 1, unlike {others}"));
    }
    let size = size(call)?;
    let drawn = sampling::multinomial(generator(call)?.key(), &tries.to_arg()?, p.expr(), size.as_deref())?;
    in_chunks(call, Array::from_expr(drawn))
}

fn dirichlet(call: &Call) -> Result<Value> {
    let alpha = call.required("alpha")?;
    let check =
        &mut |x: f64| if x >= 0.0 { Ok(()) } else { call.refuse(format!("`alpha` must be 0 or above, not {x}")) };
    numbers(alpha, check)?;
    let size = size(call)?.unwrap_or_default();
    let drawn = sampling::dirichlet(generator(call)?.key(), alpha.to_array()?.expr(), &size)?;
    in_chunks(call, Array::from_expr(drawn))
}

/// Through the Cholesky factor, whichever method is named: they differ in what they do with singular covariances.
fn multivariate_normal(call: &Call) -> Result<Value> {
    if !["svd", "eigh", "cholesky"].contains(&call.text("method", "cholesky")?) {
        return call.refuse("`method` must be svd, eigh or cholesky");
    }
    let (mean, cov) = (call.array("mean")?, call.array("cov")?);
    let size = size(call)?.unwrap_or_default();
    let drawn = sampling::multivariate_normal(generator(call)?.key(), mean.expr(), cov.expr(), &size)?;
    in_chunks(call, Array::from_expr(drawn))
}
