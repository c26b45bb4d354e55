//! How far elements are from the next that is 0, and which it is.

use super::label::places;
use super::{Ndimage, per_axis};
use crate::array::manipulation::stack;
use crate::array::{Array, Kind};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{as_axis, binary, choice, unary};
use crate::expr::pending::when_known;
use crate::expr::regions::lines;
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::filter::Number;
use crate::op::regional::lines::LineOp;
use crate::op::regional::nearest::{Metric, Nearest};

/// What there is where no element is 0, as SciPy's functions have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nowhere {
    /// The distance from a place before the array: `distance_transform_edt`.
    Before,
    /// The largest number: `distance_transform_bf`.
    Largest,
    /// -1: `distance_transform_cdt`.
    Negative,
}

impl Nowhere {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "distance_transform_edt",
            Self::Largest => "distance_transform_bf",
            Self::Negative => "distance_transform_cdt",
        }
    }
}

/// How far each element of `x` is from the nearest that is 0, where neighbours along axes are `sampling` apart, one
/// number or one for each axis; and the index of that element, along a first axis more. Only Euclidean distances have a
/// sampling.
///
/// Exact, in one pass over the lines of every axis: of what the axes before found, each finds the nearest along its
/// own.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for a sampling that is not a number, or not one for each axis.
#[track_caller]
pub fn distance_transform(x: &Expr, metric: Metric, sampling: &[f64], nowhere: Nowhere) -> Result<[Expr; 2]> {
    let name = nowhere.name();
    let x = match (x.shape.rank(), nowhere) {
        (0, Nowhere::Before) => build::reshape(x, &[1])?,
        _ => x.clone(),
    };
    let sampling = match metric {
        Metric::Euclidean => per_axis(name, "samplings", sampling, x.shape.rank())?,
        Metric::Taxicab | Metric::Chessboard => vec![1.0; x.shape.rank()],
    };
    if let Some(step) = sampling.iter().find(|s| !s.is_finite()) {
        return Err(Error::argument(name, format!("a sampling of {step}")));
    }
    let inputs = std::slice::from_ref(&x);
    let steps = sampling.clone();
    let distances = when_known(name, inputs, move |e| distances(&e[0], metric, &steps, nowhere))?;
    Ok([distances, when_known(name, inputs, move |e| indices(&e[0], metric, &sampling, nowhere))?])
}

/// The places in C order of the nearest elements that are 0; -1 where there is none.
fn nearest(x: &Expr, metric: Metric, sampling: &[f64]) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let own = build::cast(&places(&lengths, &x.chunks)?, DType::I64)?;
    let mut found = choice(&build::cast(x, DType::Bool)?, -1, &own)?;
    let sampling: Vec<Number> = sampling.iter().copied().map(Number::from).collect();
    for (axis, &n) in lengths.iter().enumerate().filter(|(_, n)| **n > 1) {
        let op = Nearest { metric, lengths: lengths.clone(), sampling: sampling.clone() };
        found = lines(&[found], LineOp::Nearest(op), axis, n)?;
    }
    Ok(found)
}

/// The index along `axis` of the elements at `places`; of those that are nowhere, one before the first axis, and 0
/// along others.
fn index(places: &Expr, lengths: &[usize], axis: usize) -> Result<Expr> {
    #[expect(clippy::cast_possible_wrap, reason = "lengths fit i64")]
    let (stride, n) = (crate::shape::strides(lengths)[axis] as i64, lengths[axis] as i64);
    let along = binary(Op::Remainder, &binary(Op::FloorDivide, places, stride)?, n)?;
    choice(&binary(Op::Less, places, 0)?, if axis == 0 { -1 } else { 0 }, &along)
}

fn distances(x: &Expr, metric: Metric, sampling: &[f64], nowhere: Nowhere) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let dtype = match (metric, nowhere) {
        (_, Nowhere::Negative) => DType::I32,
        (Metric::Euclidean, _) => DType::F64,
        _ => DType::U32,
    };
    if lengths.contains(&0) {
        return build::full(&lengths, Scalar::Int(0), dtype, None);
    }
    let found = nearest(x, metric, sampling)?;
    let mut sum = None;
    for (axis, &n) in lengths.iter().enumerate() {
        let own = as_axis(&build::iota(n, None), axis, lengths.len())?;
        let along = binary(Op::Subtract, &index(&found, &lengths, axis)?, &own)?;
        let term = match metric {
            Metric::Euclidean => {
                let far = binary(Op::Multiply, &along, sampling[axis])?;
                binary(Op::Multiply, &far, &far)?
            }
            Metric::Taxicab | Metric::Chessboard => unary(Op::Absolute, &along)?,
        };
        let join = if metric == Metric::Chessboard { Op::Maximum } else { Op::Add };
        sum = Some(match sum {
            None => term,
            Some(sum) => binary(join, &sum, &term)?,
        });
    }
    // A number is where it is.
    let mut out = sum.map_or_else(|| build::cast(&binary(Op::Multiply, &found, 0)?, DType::F64), Ok)?;
    if metric == Metric::Euclidean {
        out = unary(Op::Sqrt, &out)?;
    }
    let none = binary(Op::Less, &found, 0)?;
    let out = match (nowhere, metric) {
        (Nowhere::Before, _) => out,
        (Nowhere::Largest, Metric::Euclidean) => choice(&none, f64::MAX.sqrt(), &out)?,
        (Nowhere::Largest, _) => choice(&none, i64::from(u32::MAX), &out)?,
        (Nowhere::Negative, _) => choice(&none, -1, &out)?,
    };
    build::rechunk(&build::cast(&out, dtype)?, x.chunks.clone())
}

fn indices(x: &Expr, metric: Metric, sampling: &[f64], nowhere: Nowhere) -> Result<Expr> {
    let lengths = x.shape.known()?;
    if lengths.is_empty() || lengths.contains(&0) {
        let shape = [&[lengths.len()], lengths.as_slice()].concat();
        return build::full(&shape, Scalar::Int(0), DType::I32, None);
    }
    let mut found = nearest(x, metric, sampling)?;
    let none = binary(Op::Less, &found, 0)?;
    match nowhere {
        Nowhere::Before => {}
        Nowhere::Largest => found = choice(&none, 0, &found)?,
        Nowhere::Negative => found = choice(&none, &places(&lengths, &x.chunks)?, &found)?,
    }
    let along = |axis| build::cast(&index(&found, &lengths, axis)?, DType::I32);
    stack(&(0..lengths.len()).map(along).collect::<Result<Vec<_>>>()?, 0)
}

impl<T: Kind> Ndimage<T> {
    /// How far each element is from the nearest that is 0, where neighbours are `sampling` apart along all axes or
    /// along each, and the index of that one, along a first axis more. [`distance_transform`] takes other metrics.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[1, 1, 0], [1, 1, 1]])?;
    /// let [far, _] = x.ndimage().distance_transform_edt(&[1.0])?;
    /// assert_eq!(cx.compute((&far * &far).cast::<i64>())?.as_slice().unwrap(), &[4, 1, 0, 5, 2, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`distance_transform`].
    #[track_caller]
    pub fn distance_transform_edt(&self, sampling: &[f64]) -> Result<[Array; 2]> {
        Ok(distance_transform(&self.x, Metric::Euclidean, sampling, Nowhere::Before)?.map(Array::of))
    }
}
