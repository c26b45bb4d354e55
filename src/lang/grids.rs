//! What NumPy builds of subscripts: `mgrid`, `ogrid`, `r_`, `c_`, `s_` and `index_exp`.

use super::value::{Value, weak};
use crate::array::creation::{arange, linspace};
use crate::array::{Array, places};
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::op::elementwise::ElementOp;
use crate::shape::Shape;
use crate::shape::axes::position;
use crate::shape::slice::Item;

/// The names.
pub(super) const NAMES: &[&str] = &["mgrid", "ogrid", "r_", "c_", "s_", "index_exp"];

/// One part of a subscript.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A slice, of any numbers.
    Slice([Value; 3]),
    /// A value.
    Value(Value),
}

/// `name[parts]`; `tuple` where the index is one.
pub(super) fn subscript(name: &'static str, parts: &[Part], tuple: bool) -> Result<Value> {
    match name {
        "mgrid" | "ogrid" => grid(name, parts, tuple),
        "r_" => joined(name, parts, Join { axis: 0, rank: 1, place: -1 }),
        "c_" => joined(name, parts, Join { axis: -1, rank: 2, place: 0 }),
        _ => {
            let items = parts.iter().map(|part| index(name, part)).collect::<Result<Vec<_>>>()?;
            match items.as_slice() {
                [one] if !tuple && name == "s_" => Ok(one.clone()),
                _ => Ok(Value::Tuple(items)),
            }
        }
    }
}

/// A part as the index of an array takes it.
fn index(name: &'static str, part: &Part) -> Result<Value> {
    let bound = |v: &Value| match (v, v.as_integer()) {
        (Value::None, _) => Ok(None),
        (_, Some(n)) => Ok(Some(n)),
        (other, None) => Err(Error::index(format!("{name}: a slice needs integers, not {}", other.describe()))),
    };
    Ok(match part {
        Part::Value(value) => value.clone(),
        Part::Slice([start, stop, step]) => Value::Slice([bound(start)?, bound(stop)?, bound(step)?]),
    })
}

/// The numbers of a slice.
struct Range {
    start: Scalar,
    stop: Scalar,
    step: Scalar,
}

impl Range {
    fn new(name: &str, bounds: &[Value; 3]) -> Result<Self> {
        let number = |v: &Value, default: Option<i128>| match (v, default) {
            (Value::Scalar(s), _) => Ok(*s),
            (Value::None, Some(n)) => Ok(Scalar::Int(n)),
            (other, _) => Err(Error::argument(name, format!("a range has numbers, not {}", other.describe()))),
        };
        let [start, stop, step] = bounds;
        Ok(Self { start: number(start, Some(0))?, stop: number(stop, None)?, step: number(step, Some(1))? })
    }

    /// How many numbers an imaginary step asks for, both ends among them.
    fn count(&self) -> Option<usize> {
        let Scalar::Complex(step) = self.step else { return None };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as Python's int of it")]
        Some(step.norm() as usize)
    }

    fn is_whole(&self) -> bool {
        [self.start, self.stop, self.step].iter().all(|s| matches!(s, Scalar::Int(_) | Scalar::Bool(_)))
    }

    /// As a vector by itself.
    fn vector(&self) -> Result<Expr> {
        match self.count() {
            Some(n) => linspace(self.start.to_f64(), self.stop.to_f64(), n, true, None),
            None => Ok(arange(self.start, self.stop, self.step, None, None)?.expr().clone()),
        }
    }

    /// As an axis of a grid of `dtype`.
    fn axis(&self, dtype: DType) -> Result<Expr> {
        let (n, step) = match self.count() {
            Some(1) => (1, Scalar::Int(1)),
            #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
            Some(n) => (n, Scalar::Float((self.stop.to_f64() - self.start.to_f64()) / (n as f64 - 1.0))),
            None => {
                let n = ((self.stop.to_f64() - self.start.to_f64()) / self.step.to_f64()).ceil();
                if !(0.0..9e15).contains(&n) {
                    return Err(Error::argument("mgrid", format!("{} to {} has no length", self.start, self.stop)));
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
                (n as usize, self.step)
            }
        };
        let at = build::cast(&build::iota(n, None), dtype)?;
        let scaled = build::element(ElementOp::Multiply, &[Arg::Array(at), Arg::Scalar(step)])?;
        build::element(ElementOp::Add, &[Arg::Array(scaled), Arg::Scalar(self.start)])
    }
}

/// `mgrid`, and `ogrid`, whose axes are not stretched.
fn grid(name: &'static str, parts: &[Part], tuple: bool) -> Result<Value> {
    let range = |part: &Part| match part {
        Part::Slice(bounds) => Range::new(name, bounds),
        Part::Value(other) => Err(Error::argument(name, format!("takes slices, not {}", other.describe()))),
    };
    let ranges = parts.iter().map(range).collect::<Result<Vec<_>>>()?;
    if let ([one], false) = (ranges.as_slice(), tuple) {
        return Ok(one.vector()?.into());
    }
    let dtype = if ranges.iter().all(Range::is_whole) { DType::I64 } else { DType::F64 };
    let axes = ranges.iter().enumerate().map(|(a, r)| places::spread(&r.axis(dtype)?, a, ranges.len()));
    let axes = axes.collect::<Result<Vec<_>>>()?;
    if name == "ogrid" {
        return Ok(Value::Tuple(axes.into_iter().map(Value::from).collect()));
    }
    let shape = axes.iter().enumerate().map(|(a, e)| Ok(e.shape.known()?[a])).collect::<Result<Vec<_>>>()?;
    let full = axes.iter().map(|e| Ok(Array::from_expr(build::broadcast_to(e, &Shape::new(&shape))?)));
    Ok(Array::stack(&full.collect::<Result<Vec<_>>>()?, 0)?.into())
}

/// How `r_` and `c_` join: along which axis, with how many axes at least, and where those of a smaller array go.
struct Join {
    axis: isize,
    rank: usize,
    place: isize,
}

impl Join {
    /// As a string asks for: `axis`, `axis,rank` or `axis,rank,place`.
    fn parse(&self, text: &str) -> Result<Self> {
        let numbers: Option<Vec<isize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
        let rank = |n: isize| usize::try_from(n).ok().filter(|&n| n <= 64);
        let Self { rank: own, place, .. } = *self;
        match numbers.as_deref() {
            Some([axis]) => Some(Self { axis: *axis, rank: own, place }),
            Some([axis, n]) => rank(*n).map(|rank| Self { axis: *axis, rank, place }),
            Some([axis, n, place]) => rank(*n).map(|rank| Self { axis: *axis, rank, place: *place }),
            _ => None,
        }
        .ok_or_else(|| Error::argument("r_", format!("`{text}` is no directive that is offered")))
    }

    /// An array with as many axes as are asked for.
    fn thick(&self, x: &Expr) -> Result<Expr> {
        let rank = x.shape.rank();
        let Some(new @ 1..) = self.rank.checked_sub(rank) else { return Ok(x.clone()) };
        let mut items = vec![Item::NewAxis; new];
        items.push(Item::Ellipsis);
        let thick = build::index(x, &items)?;
        if self.place == -1 {
            return Ok(thick);
        }
        // Its own axes go to the place that is named; new ones stand around them.
        let first = if self.place < 0 { self.place + new.cast_signed() + 1 } else { self.place };
        let first = usize::try_from(first).unwrap_or(0).min(new);
        let order: Vec<usize> = (0..first).chain(new..self.rank).chain(first..new).collect();
        build::transpose(&thick, &order)
    }
}

fn joined(name: &'static str, parts: &[Part], mut join: Join) -> Result<Value> {
    let parts = match parts.split_first() {
        Some((Part::Value(Value::Str(text)), rest)) => {
            join = join.parse(text)?;
            rest
        }
        _ => parts,
    };
    let (mut arrays, mut scalars, mut strong) = (Vec::new(), Vec::new(), None);
    for part in parts {
        let array = match part {
            Part::Slice(bounds) => Range::new(name, bounds)?.vector()?,
            Part::Value(value) => value.to_array()?.expr().clone(),
        };
        match part {
            Part::Value(Value::Scalar(s)) => scalars.push(*s),
            _ => strong = Some(strong.map_or(array.dtype, |d| promote(d, array.dtype))),
        }
        arrays.push(join.thick(&array)?);
    }
    let dtype = match strong {
        Some(dtype) => scalars.iter().fold(dtype, |d, &s| weak(d, s)),
        None => scalars.iter().map(|s| s.dtype()).reduce(promote).unwrap_or(DType::F64),
    };
    let arrays = arrays.iter().map(|e| build::cast(e, dtype)).collect::<Result<Vec<_>>>()?;
    let rank = arrays.first().map_or(0, |e| e.shape.rank());
    Ok(build::concatenate(&arrays, position(name, join.axis, rank)?)?.into())
}
