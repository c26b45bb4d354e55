//! What is measured of the elements under a label.
//!
//! Elements are counted, weighed and compared by the number of their label among those that are asked for, in one pass
//! and tile by tile, however many labels there are.

use super::Ndimage;
use super::extremes::refuse_complex;
use super::labelled::{Index, Labelled, with_index};
use crate::array::creation::in_memory;
use crate::array::indexing::unravelled;
use crate::array::manipulation::stack;
use crate::array::quantile::median as middle;
use crate::array::reduction::Over;
use crate::array::{Array, Kind};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::check::where_all;
use crate::expr::compose::{as_axis, binary, choice, flat, reduce_away, unary};
use crate::expr::lookup::searchsorted;
use crate::expr::pending::when_known;
use crate::expr::regions::compress;
use crate::expr::tally::numbered;
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::Axes;

/// What is measured of the elements under a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their variance.
    Variance,
    /// Its root.
    StandardDeviation,
    /// The least of them.
    Minimum,
    /// The largest of them.
    Maximum,
    /// The one in the middle, or the mean of the two there.
    Median,
    /// The place of the least, the first in C order.
    MinimumPosition,
    /// The place of the largest; of several, as in SciPy, the first of one label, and the last of each where there is a
    /// list.
    MaximumPosition,
}

impl Measure {
    /// The dtype of what is measured of each label of several.
    fn output(self, x: DType) -> DType {
        match self {
            Self::Minimum | Self::Maximum => x,
            Self::MinimumPosition | Self::MaximumPosition => DType::I64,
            Self::Median if x.is_inexact() => x,
            _ => DType::F64,
        }
    }
}

/// What is measured of the elements of `x` whose label is each of `index`: of all without labels, and of those whose
/// label is above 0 without an index. Places count in C order.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers and what does not broadcast;
/// [`Argument`](crate::ErrorKind::Argument), when it is computed, for an extreme of the elements under one label that
/// no element has.
#[track_caller]
pub fn measured(
    name: &'static str,
    x: &Expr,
    labels: Option<&Expr>,
    index: Option<&Expr>,
    what: Measure,
) -> Result<Expr> {
    refuse_complex(name, x)?;
    let Some(labels) = labels else {
        return when_known(name, std::slice::from_ref(x), move |e| whole(&flat(&e[0])?, what));
    };
    with_index(name, &[x.clone(), labels.clone()], index, move |e, index| {
        let [x, labels] = e else { return Err(Error::bug("elements have labels")) };
        let labels = &build::broadcast_to(labels, &x.shape)?;
        match index {
            Some(index) if !index.shape.is_empty() => {
                let of = Labelled::new(x, labels, index)?;
                if of.count == 0 {
                    return build::full(&of.shape, Scalar::Int(0), what.output(x.dtype), None);
                }
                of.given(&of_each(name, &of, labels, what)?)
            }
            _ => one(name, x, labels, index, what),
        }
    })
}

/// What is measured of the elements under each of some labels.
fn of_each(name: &'static str, of: &Labelled, labels: &Expr, what: Measure) -> Result<Expr> {
    let empty = of.x.shape.known()?.contains(&0);
    let wide = || build::cast(&of.x, DType::F64);
    match what {
        Measure::Sum => of.sums(name, Some(&wide()?)),
        Measure::Mean => binary(Op::Divide, &of.sums(name, Some(&wide()?))?, &of.sums(name, None)?),
        Measure::Variance => of.variances(name),
        Measure::StandardDeviation => unary(Op::Sqrt, &of.variances(name)?),
        _ if empty => Err(Error::argument(name, "an array without elements has no extremes")),
        Measure::Minimum => of.extremes(name, false),
        Measure::Maximum => of.extremes(name, true),
        Measure::MinimumPosition => of.positions(name, false, false),
        Measure::MaximumPosition => of.positions(name, true, true),
        Measure::Median => of.medians(name, labels),
    }
}

/// What is measured of the elements under one label, or under all above 0.
fn one(name: &'static str, x: &Expr, labels: &Expr, index: Option<&Index>, what: Measure) -> Result<Expr> {
    let inside = match index {
        None => binary(Op::Greater, labels, 0)?,
        Some(index) => {
            let label = build::cast(&in_memory(Block::from_vec(index.labels.clone(), &[])?), index.dtype)?;
            binary(Op::Equal, labels, &label)?
        }
    };
    let of = Labelled::under(x, &inside)?;
    let there = |found: Expr| {
        let some = unary(Op::LogicalNot, &of.absent(name)?)?;
        of.given(&where_all(&found, &some, name, "no element has the label")?)
    };
    match what {
        Measure::Sum => {
            let nothing = build::full(&[], Scalar::Int(0), x.dtype, None)?;
            whole(&flat(&choice(&inside, x, &nothing)?)?, what)
        }
        Measure::Median => when_known(name, &[compress(&flat(x)?, &flat(&inside)?, 0)?], move |e| whole(&e[0], what)),
        Measure::Mean | Measure::Variance | Measure::StandardDeviation => of.given(&of_each(name, &of, labels, what)?),
        Measure::MaximumPosition => there(of.positions(name, true, false)?),
        Measure::Minimum if x.dtype.is_inexact() => {
            // NaN is the least element of one label, as of an array, though not that of a label of several.
            let axes: Vec<usize> = (0..x.shape.rank()).collect();
            let nothing = binary(Op::LogicalAnd, &unary(Op::Isnan, x)?, &inside)?;
            let nan = build::full(&[], Scalar::Float(f64::NAN), x.dtype, None)?;
            there(choice(&reduce_away(&nothing, "any", &axes, None)?, &nan, &of_each(name, &of, labels, what)?)?)
        }
        Measure::Minimum | Measure::Maximum | Measure::MinimumPosition => there(of_each(name, &of, labels, what)?),
    }
}

/// What is measured of all elements.
fn whole(x: &Expr, what: Measure) -> Result<Expr> {
    let of = |name: &str| reduce_away(x, name, &[0], None);
    match what {
        Measure::Sum => of("sum"),
        Measure::Mean => build::cast(&of("mean")?, DType::F64),
        Measure::Variance => build::cast(&of("var")?, DType::F64),
        Measure::StandardDeviation => build::cast(&of("std")?, DType::F64),
        Measure::Minimum => of("min"),
        Measure::Maximum => of("max"),
        Measure::MinimumPosition => of("argmin"),
        Measure::MaximumPosition => of("argmax"),
        Measure::Median => middle(x, &Over { axes: Axes::All, keep: false }, false),
    }
}

/// Where the least or largest elements of `x` are under each of `index`, one row for each label: the place along each
/// axis.
///
/// # Errors
/// As [`measured`].
#[track_caller]
pub fn position(
    name: &'static str,
    x: &Expr,
    labels: Option<&Expr>,
    index: Option<&Expr>,
    largest: bool,
) -> Result<Expr> {
    let what = if largest { Measure::MaximumPosition } else { Measure::MinimumPosition };
    let places = measured(name, x, labels, index, what)?;
    when_known(name, &[places, x.clone()], move |e| {
        let lengths = e[1].shape.known()?;
        let places = if e[0].shape.rank() > 0 { flat(&e[0])? } else { e[0].clone() };
        if lengths.is_empty() {
            return build::full(&[places.shape.known()?, vec![0]].concat(), Scalar::Int(0), DType::I64, None);
        }
        stack(&unravelled(&places, &lengths)?, -1)
    })
}

/// The mean places of the elements of `x` along each axis, weighted with themselves, of those whose label is each of
/// `index`: one more axis, the last, has the axes of `x`.
///
/// # Errors
/// As [`measured`].
#[track_caller]
pub fn center_of_mass(x: &Expr, labels: Option<&Expr>, index: Option<&Expr>) -> Result<Expr> {
    const NAME: &str = "center_of_mass";
    let lengths = x.shape.known()?;
    let sum = |x: &Expr| build::cast(&measured(NAME, x, labels, index, Measure::Sum)?, DType::F64);
    let mass = sum(x)?;
    let along = |(axis, &n): (usize, &usize)| {
        let place = as_axis(&build::cast(&build::iota(n, None), DType::F64)?, axis, lengths.len())?;
        binary(Op::Divide, &sum(&binary(Op::Multiply, x, &place)?)?, &mass)
    };
    let centers = lengths.iter().enumerate().map(along).collect::<Result<Vec<_>>>()?;
    if centers.is_empty() {
        return Err(Error::shape(NAME, "a number has no place"));
    }
    let last = centers[0].shape.rank();
    when_known(NAME, &centers, move |e| stack(e, last.cast_signed()))
}

/// How many elements of `x` under each of `index` are in each of `bins` bins of one length between `least` and
/// `largest`: the last axis has the bins.
///
/// # Errors
/// As [`measured`]; [`Argument`](crate::ErrorKind::Argument) for no bins, and for ends that do not ascend.
#[track_caller]
pub fn histogram(
    x: &Expr,
    (least, largest, bins): (f64, f64, usize),
    labels: Option<&Expr>,
    index: Option<&Expr>,
) -> Result<Expr> {
    const NAME: &str = "histogram";
    refuse_complex(NAME, x)?;
    if bins == 0 || least > largest || !(least.is_finite() && largest.is_finite()) {
        return Err(Error::argument(NAME, format!("{bins} bins between {least} and {largest}")));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are fewer bins")]
    let edge = |i: usize| if i == bins { largest } else { i as f64 * ((largest - least) / bins as f64) + least };
    let edges: Vec<f64> = (0..=bins).map(edge).collect();
    let inputs: Vec<Expr> = [x].into_iter().chain(labels).cloned().collect();
    with_index(NAME, &inputs, index.filter(|_| labels.is_some()), move |e, index| {
        let x = &e[0];
        let of = match (e.get(1), index) {
            (Some(labels), Some(index)) => Labelled::new(x, &build::broadcast_to(labels, &x.shape)?, index)?,
            (Some(labels), None) => {
                Labelled::under(x, &binary(Op::Greater, &build::broadcast_to(labels, &x.shape)?, 0)?)?
            }
            (None, _) => Labelled::under(x, &build::full(&x.shape.known()?, Scalar::Bool(true), DType::Bool, None)?)?,
        };
        let (count, total) = (bins.cast_signed() as i64, (of.count * bins).cast_signed() as i64);
        let values = build::cast(&of.x, DType::F64)?;
        let table = in_memory(Block::from_vec(edges.clone(), &[bins + 1])?);
        let behind = binary(Op::Subtract, &searchsorted(&table, &values, true, None)?, 1)?;
        let bin = choice(&binary(Op::Equal, &values, largest)?, count - 1, &behind)?;
        let outside = binary(Op::LogicalOr, &binary(Op::Less, &bin, 0)?, &binary(Op::GreaterEqual, &bin, count)?)?;
        let number = binary(Op::Add, &binary(Op::Multiply, &of.number, count)?, &bin)?;
        let counts = numbered(NAME, &choice(&outside, total, &number)?, None, of.count * bins)?;
        if of.count == 0 {
            return build::full(&[of.shape, vec![bins]].concat(), Scalar::Int(0), DType::I64, None);
        }
        of.given(&build::reshape(&counts, &[of.count, bins])?)
    })
}

/// Labels as an array.
fn asked(index: &[i64]) -> Result<Expr> {
    Ok(in_memory(Block::from_vec(index.to_vec(), &[index.len()])?))
}

macro_rules! measures {
    ($($doc:literal $name:ident -> $kind:ty, $What:ident;)*) => {
        /// What is measured of the elements under each of some labels. [`measured`] takes one label, and labels that
        /// are computed.
        ///
        /// ```
        /// # let cx = hyperslab::Context::default();
        /// let x = cx.arange(6)?.cast::<f32>();
        /// let labels = cx.from_ndarray(ndarray::array![2, 1, 0, 2, 1, 1].into_dyn())?;
        /// let least = x.ndimage().minimum(&labels, &[1, 2])?;
        /// assert_eq!(cx.compute(least)?.as_slice().unwrap(), &[1.0, 0.0]);
        /// # Ok::<(), hyperslab::Error>(())
        /// ```
        impl<T: Kind> Ndimage<T> {
            $(#[doc = $doc]
            ///
            /// # Errors
            /// As [`measured`].
            #[track_caller]
            pub fn $name<L: Kind>(&self, labels: &Array<L>, index: &[i64]) -> Result<Array<$kind>> {
                let (labels, index) = (Some(labels.expr()), Some(&asked(index)?));
                Ok(Array::of(measured(stringify!($name), &self.x, labels, index, Measure::$What)?))
            })*
        }
    };
}
measures! {
    "The sums of the elements with each of these labels." sum_labels -> f64, Sum;
    "Their means; NaN for a label that no element has." mean -> f64, Mean;
    "Their variances." variance -> f64, Variance;
    "Their standard deviations." standard_deviation -> f64, StandardDeviation;
    "The least elements with each of these labels; 0 for one that no element has." minimum -> T, Minimum;
    "The largest elements with each of these labels; 0 for one that no element has." maximum -> T, Maximum;
}

impl<T: Kind> Ndimage<T> {
    /// The medians of the elements with each of these labels.
    ///
    /// # Errors
    /// As [`measured`].
    #[track_caller]
    pub fn median<L: Kind>(&self, labels: &Array<L>, index: &[i64]) -> Result<Array> {
        Ok(Array::of(measured("median", &self.x, Some(labels.expr()), Some(&asked(index)?), Measure::Median)?))
    }

    /// Where the least element with each of these labels is: a row with its place along each axis.
    ///
    /// # Errors
    /// As [`position`].
    #[track_caller]
    pub fn minimum_position<L: Kind>(&self, labels: &Array<L>, index: &[i64]) -> Result<Array<i64>> {
        Ok(Array::of(position("minimum_position", &self.x, Some(labels.expr()), Some(&asked(index)?), false)?))
    }

    /// Where the largest element with each of these labels is.
    ///
    /// # Errors
    /// As [`position`].
    #[track_caller]
    pub fn maximum_position<L: Kind>(&self, labels: &Array<L>, index: &[i64]) -> Result<Array<i64>> {
        Ok(Array::of(position("maximum_position", &self.x, Some(labels.expr()), Some(&asked(index)?), true)?))
    }
}
