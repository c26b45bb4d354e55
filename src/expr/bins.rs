//! Constructors of histograms whose number of bins follows from the data.

use super::build::{self, Arg};
use super::node::{Expr, Resume};
use super::pending::{pending, when_known};
use super::regions;
use super::tally::{Bins, Options, edges, histogram, over_all};
use crate::device::block::Block;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::regional::LineOp;
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape, size};
use std::str::FromStr;

/// How wide bins are, as NumPy says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The narrower of `Sturges` and `Fd`, and of that no narrower than half of `Sqrt`.
    Auto,
    /// Freedman and Diaconis: by the distance of the quartiles.
    Fd,
    /// Sturges, corrected for skewness.
    Doane,
    /// By the standard deviation.
    Scott,
    /// By the cube root of the size.
    Rice,
    /// By the logarithm of the size.
    Sturges,
    /// By the root of the size.
    Sqrt,
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "fd" => Self::Fd,
            "doane" => Self::Doane,
            "scott" => Self::Scott,
            "rice" => Self::Rice,
            "sturges" => Self::Sturges,
            "sqrt" => Self::Sqrt,
            "stone" => return Err(Error::unsupported("bins by cross-validation (`stone`)")),
            _ => return Err(Error::argument("histogram", format!("'{name}' is no rule for `bins`"))),
        })
    }
}

/// The most bins that a rule may give.
const MOST: usize = 1 << 32;

/// NumPy's `histogram` in as many bins as a rule says: counts and edges.
///
/// # Errors
/// As [`histogram`]; [`Argument`](crate::ErrorKind::Argument) for weights.
#[track_caller]
pub fn histogram_by(x: &Expr, rule: Rule, options: &Options) -> Result<(Expr, Expr)> {
    if options.weights.is_some() {
        return Err(Error::argument("histogram", "weighted elements need a number of bins"));
    }
    let some = options.clone();
    let counts = estimated("histogram", x, rule, options, (DType::I64, 0), move |x, n| {
        Ok(histogram(x, &Bins::Count(n), &Options { density: false, ..some.clone() })?.0)
    })?;
    let edges = edges_by("histogram", x, rule, options)?;
    if !options.density {
        return Ok((counts, edges));
    }
    let some = options.clone();
    let density = estimated("histogram", x, rule, options, (DType::F64, 0), move |x, n| {
        Ok(histogram(x, &Bins::Count(n), &some)?.0)
    })?;
    Ok((density, edges))
}

/// The edges of as many bins as a rule says.
///
/// # Errors
/// As [`edges`].
#[track_caller]
pub fn edges_by(name: &'static str, x: &Expr, rule: Rule, options: &Options) -> Result<Expr> {
    let range = options.range.first().copied().flatten();
    let dtype = if x.dtype.kind() == Kind::Float { x.dtype } else { DType::F64 };
    estimated(name, x, rule, options, (dtype, 1), move |x, n| edges(name, x, &Bins::Count(n), range, true))
}

/// What `body` makes of `x` and a number of bins: an array of this dtype that is `more` longer than there are bins.
#[track_caller]
fn estimated(
    name: &'static str,
    x: &Expr,
    rule: Rule,
    options: &Options,
    (dtype, more): (DType, usize),
    body: impl Fn(&Expr, usize) -> Result<Expr> + Send + Sync + Clone + 'static,
) -> Result<Expr> {
    let range = options.range.first().copied().flatten();
    // Refuses what can be refused at once.
    edges(name, x, &Bins::Count(1), range, true)?;
    let inside = when_known(name, std::slice::from_ref(x), move |e| {
        let flat = build::reshape(&e[0], &[size(&e[0].shape.known()?)])?;
        let flat = if flat.dtype == DType::Bool { build::cast(&flat, DType::U8)? } else { flat };
        let Some([first, last]) = range else { return Ok(flat) };
        let than = |op, end| build::element(op, &[Arg::Array(flat.clone()), Arg::Scalar(Scalar::Float(end))]);
        let (above, below) = (than(ElementOp::GreaterEqual, first)?, than(ElementOp::LessEqual, last)?);
        let mask = build::element(ElementOp::LogicalAnd, &[Arg::Array(above), Arg::Array(below)])?;
        regions::compress(&flat, &mask, 0)
    })?;
    when_known(name, &[x.clone(), inside], move |e| {
        let n = e[1].shape.known()?[0];
        if n == 0 {
            return body(&e[0], 1);
        }
        let facts = facts(&e[1], rule)?;
        let (whole, body) = (e[1].dtype.is_integer(), body.clone());
        let resume = Resume::new(name, move |facts, inputs| {
            let values = facts.iter().map(|f: &Block| Ok(f.values::<f64>()?[0])).collect::<Result<Vec<_>>>()?;
            body(&inputs[0], count(rule, n, &values, range, whole)?)
        });
        let shape = Shape::from(vec![Dim::Unknown { id: (e[0].id() + more) as u64, max: MOST + more }]);
        Ok(pending(&e[..1], &facts, (dtype, shape), resume))
    })
}

/// The positions between which the quartiles of `n` elements in order lie, the third first, and how far they are from
/// the first of two.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as NumPy")]
fn quartiles(n: usize) -> [(usize, usize, f64); 2] {
    [0.75, 0.25].map(|q| {
        let at = q * (n - 1) as f64;
        let low = at.floor() as usize;
        (low, (low + 1).min(n - 1), at - at.floor())
    })
}

/// What a rule needs to know of the data: the least and the largest element, and more.
#[track_caller]
fn facts(x: &Expr, rule: Rule) -> Result<Vec<Expr>> {
    let n = x.shape.known()?[0];
    let mut facts = vec![over_all(x, "min")?, over_all(x, "max")?];
    match rule {
        Rule::Rice | Rule::Sturges | Rule::Sqrt => {}
        Rule::Scott => facts.push(over_all(x, "std")?),
        Rule::Doane => {
            let (mean, spread) = (over_all(x, "mean")?, over_all(x, "std")?);
            let pair = |op, a: Expr, b: Expr| build::element(op, &[Arg::Array(a), Arg::Array(b)]);
            let z = pair(ElementOp::Divide, pair(ElementOp::Subtract, x.clone(), mean)?, spread.clone())?;
            let cubes = build::element(ElementOp::Power, &[Arg::Array(z), Arg::Scalar(Scalar::Int(3))])?;
            facts.extend([spread, over_all(&cubes, "mean")?]);
        }
        Rule::Fd | Rule::Auto => {
            let sorted = regions::lines(std::slice::from_ref(x), LineOp::Sort, 0, n)?;
            for (low, high, _) in quartiles(n) {
                for at in [low, high] {
                    facts.push(build::index(&sorted, &[Item::Index(at.cast_signed())])?);
                }
            }
        }
    }
    facts.iter().map(|e| build::cast(e, DType::F64)).collect()
}

/// How many bins a rule gives `n` elements with these facts.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as NumPy")]
fn count(rule: Rule, n: usize, facts: &[f64], range: Option<[f64; 2]>, whole: bool) -> Result<usize> {
    let [least, most, more @ ..] = facts else { return Err(Error::bug("a least and a largest element")) };
    let [first, last] = range.unwrap_or([*least, *most]);
    if !(first.is_finite() && last.is_finite()) {
        let why = format!("autodetected range of [{first}, {last}] is not finite");
        return Err(Error::argument("histogram", why));
    }
    let (spread, n_f) = (most - least, n as f64);
    let sturges = spread / (n_f.log2() + 1.0);
    let root = spread / n_f.sqrt();
    let iqr = |q: &[f64]| {
        let between = |a: f64, b: f64, t: f64| if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) };
        let [(.., s), (.., t)] = quartiles(n);
        2.0 * (between(q[0], q[1], s) - between(q[2], q[3], t)) * n_f.powf(-1.0 / 3.0)
    };
    let width = match (rule, more) {
        (Rule::Sqrt, _) => root,
        (Rule::Sturges, _) => sturges,
        (Rule::Rice, _) => spread / (2.0 * n_f.powf(1.0 / 3.0)),
        (Rule::Scott, [deviation]) => (24.0 * std::f64::consts::PI.sqrt() / n_f).cbrt() * deviation,
        (Rule::Doane, [deviation, skewness]) if n > 2 && *deviation > 0.0 => {
            let scale = (6.0 * (n_f - 2.0) / ((n_f + 1.0) * (n_f + 3.0))).sqrt();
            spread / (1.0 + n_f.log2() + (1.0 + skewness.abs() / scale).log2())
        }
        (Rule::Doane, _) => 0.0,
        (Rule::Fd, [_, _, _, _]) => iqr(more),
        (Rule::Auto, [_, _, _, _]) => iqr(more).max(root / 2.0).min(sturges),
        _ => return Err(Error::bug("a rule has its facts")),
    };
    if width == 0.0 || width.is_nan() {
        return Ok(1);
    }
    let width = if whole && width < 1.0 { 1.0 } else { width };
    let length = if first == last { 1.0 } else { last - first };
    let bins = (length / width).ceil();
    if bins > MOST as f64 {
        return Err(Error::argument("histogram", format!("the data ask for {bins} bins")));
    }
    Ok((bins as usize).max(1))
}
