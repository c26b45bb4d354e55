//! Elements by the number of their label among those that are asked for.

use super::extremes::refuse_complex;
use super::label::places;
use crate::array::creation::in_memory;
use crate::array::order;
use crate::array::places::{Beyond, take};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, choice, flat, reduce_away, running_sum, unary};
use crate::expr::known::known_numbers;
use crate::expr::lookup::searchsorted;
use crate::expr::node::Resume;
use crate::expr::pending::{likely, pending, when_known};
use crate::expr::tally::{extremes, numbered};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::LineOp;
use crate::shape::axes::Axes;
use crate::shape::size;

/// Labels that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// Their shape.
    pub(super) shape: Vec<usize>,
    /// Themselves.
    pub(super) labels: Vec<f64>,
    /// Their dtype.
    pub(super) dtype: DType,
}

/// What `body` makes of `inputs` and the labels of `index`: at once where these are known, or when they have been
/// computed.
pub(super) fn with_index(
    name: &'static str,
    inputs: &[Expr],
    index: Option<&Expr>,
    body: impl Fn(&[Expr], Option<&Index>) -> Result<Expr> + Send + Sync + 'static,
) -> Result<Expr> {
    let Some(index) = index else { return when_known(name, inputs, move |e| body(e, None)) };
    let (dtype, count) = (index.dtype, inputs.len());
    refuse_complex(name, index)?;
    if index.shape.is_known()
        && let Some(labels) = known_numbers(index)
    {
        let index = Index { shape: index.shape.known()?, labels, dtype };
        return when_known(name, inputs, move |e| body(e, Some(&index)));
    }
    let all: Vec<Expr> = inputs.iter().chain([index]).cloned().collect();
    let made = likely(&all, |e| {
        let shape = e[count].shape.known()?;
        let labels = vec![1.0; size(&shape)];
        Ok(vec![body(&e[..count], Some(&Index { shape, labels, dtype }))?])
    })?;
    let [one] = made.as_slice() else { return Err(Error::bug("one expression is built")) };
    let resume = Resume::new(name, move |facts, inputs| match facts {
        [labels] => {
            let (shape, labels) = (labels.shape().to_vec(), labels.values::<f64>()?.to_vec());
            body(&inputs[..count], Some(&Index { shape, labels, dtype }))
        }
        _ => Err(Error::bug("labels are asked for in one array")),
    });
    Ok(pending(&all, &[build::cast(index, DType::F64)?], one.clone(), resume))
}

/// Elements by their labels.
pub(super) struct Labelled {
    /// The elements.
    pub(super) x: Expr,
    /// The number of each one's label among those that are asked for in ascending order, and their count for another.
    pub(super) number: Expr,
    /// How many labels are asked for, each once.
    pub(super) count: usize,
    /// The number of each label that is asked for,
    order: Vec<i64>,
    /// in this shape.
    pub(super) shape: Vec<usize>,
}

impl Labelled {
    pub(super) fn new(x: &Expr, labels: &Expr, index: &Index) -> Result<Self> {
        let dtype = promote(index.dtype, labels.dtype);
        let mut table = index.labels.clone();
        table.sort_by(f64::total_cmp);
        table.dedup();
        let order = index.labels.iter().map(|w| table.partition_point(|t| t < w).cast_signed() as i64).collect();
        let count = table.len();
        let number = if count == 0 {
            build::full(&labels.shape.known()?, Scalar::Int(0), DType::I64, None)?
        } else {
            let table = build::cast(&in_memory(Block::from_vec(table, &[count])?), dtype)?;
            let at = searchsorted(&table, labels, false, None)?;
            let found = binary(Op::Equal, &take(&table, &at, Some(0), Beyond::Clip)?, labels)?;
            choice(&found, &at, count.cast_signed() as i64)?
        };
        Self { x: x.clone(), number, count, order, shape: index.shape.clone() }.with_axes()
    }

    /// Elements that are `inside` under one label.
    pub(super) fn under(x: &Expr, inside: &Expr) -> Result<Self> {
        let number = build::cast(&unary(Op::LogicalNot, inside)?, DType::I64)?;
        Self { x: x.clone(), number, count: 1, order: vec![0], shape: Vec::new() }.with_axes()
    }

    /// A number is an array of one.
    fn with_axes(mut self) -> Result<Self> {
        if self.x.shape.rank() == 0 {
            (self.x, self.number) = (flat(&self.x)?, flat(&self.number)?);
        }
        Ok(self)
    }

    /// How many elements have each label, or the sums of what they weigh.
    pub(super) fn sums(&self, name: &'static str, weights: Option<&Expr>) -> Result<Expr> {
        build::cast(&numbered(name, &self.number, weights, self.count)?, DType::F64)
    }

    /// Whether no element has a label.
    pub(super) fn absent(&self, name: &'static str) -> Result<Expr> {
        binary(Op::Equal, &numbered(name, &self.number, None, self.count)?, 0)
    }

    /// What the element's label has of `each`.
    fn own(&self, each: &Expr) -> Result<Expr> {
        take(each, &self.number, Some(0), Beyond::Clip)
    }

    /// The variances.
    pub(super) fn variances(&self, name: &'static str) -> Result<Expr> {
        let (x, counts) = (build::cast(&self.x, DType::F64)?, self.sums(name, None)?);
        let means = binary(Op::Divide, &self.sums(name, Some(&x))?, &counts)?;
        let apart = binary(Op::Subtract, &x, &self.own(&means)?)?;
        binary(Op::Divide, &self.sums(name, Some(&unary(Op::Square, &apart)?))?, &counts)
    }

    /// The least or largest elements; 0 for a label that no element has.
    pub(super) fn extremes(&self, name: &'static str, largest: bool) -> Result<Expr> {
        let found = extremes(name, &self.number, &self.x, largest, self.count)?;
        choice(&self.absent(name)?, &build::full(&[], Scalar::Int(0), found.dtype, None)?, &found)
    }

    /// Where they are in C order, or the `last` of several; 0 for a label that no element has.
    pub(super) fn positions(&self, name: &'static str, largest: bool, last: bool) -> Result<Expr> {
        let best = self.own(&extremes(name, &self.number, &self.x, largest, self.count)?)?;
        let mut same = binary(Op::Equal, &self.x, &best)?;
        if self.x.dtype.is_inexact() {
            let none = binary(Op::LogicalAnd, &unary(Op::Isnan, &self.x)?, &unary(Op::Isnan, &best)?)?;
            same = binary(Op::LogicalOr, &same, &none)?;
        }
        let number = choice(&same, &self.number, self.count.cast_signed() as i64)?;
        let places = places(&self.x.shape.known()?, &self.x.chunks)?;
        let found = extremes(name, &number, &places, last, self.count)?;
        choice(&self.absent(name)?, 0, &found)
    }

    /// The elements in the middle. All elements are brought in order, then those of each label behind another, in this
    /// order.
    pub(super) fn medians(&self, name: &'static str, labels: &Expr) -> Result<Expr> {
        let (x, number) = (flat(&self.x)?, flat(&self.number)?);
        let n = x.shape.known()?[0];
        let length = i64::try_from(n).ok().filter(|n| n.checked_mul(self.count.cast_signed() as i64 + 1).is_some());
        let Some(length) = length else {
            return Err(Error::unsupported(format!("{name} of {} labels of {n} elements", self.count)));
        };
        let axis = Axes::from(0);
        let sorted = order::along(&x, LineOp::Sort, &axis)?;
        let number = take(&number, &order::along(&x, LineOp::Argsort, &axis)?, Some(0), Beyond::Raise)?;
        let key = binary(Op::Add, &binary(Op::Multiply, &number, length)?, build::iota(n, None))?;
        let keys = order::along(&key, LineOp::Sort, &axis)?;
        let counts = numbered(name, &self.number, None, self.count)?;
        let start = binary(Op::Subtract, &running_sum(&counts, 0, None)?, &counts)?;
        let at = |more: i64| {
            let middle = binary(Op::FloorDivide, &binary(Op::Add, &counts, more)?, 2)?;
            let place = take(&keys, &binary(Op::Add, &start, &middle)?, Some(0), Beyond::Clip)?;
            let found = take(&sorted, &binary(Op::Remainder, &place, length)?, Some(0), Beyond::Raise)?;
            build::cast(&found, if found.dtype.is_inexact() { found.dtype } else { DType::F64 })
        };
        let pair = binary(Op::Add, &at(-1)?, &at(0)?)?;
        let pair = binary(Op::Divide, &pair, 2.0)?;
        choice(&self.absent(name)?, &build::cast(&self.first(labels)?, pair.dtype)?, &pair)
    }

    /// What SciPy gives as the median of nothing: the least element under the least label.
    fn first(&self, labels: &Expr) -> Result<Expr> {
        let axes: Vec<usize> = (0..labels.shape.rank()).collect();
        let x = if axes.is_empty() { build::reshape(&self.x, &[])? } else { self.x.clone() };
        let (least, all) = (reduce_away(labels, "min", &axes, None)?, reduce_away(&x, "max", &axes, None)?);
        reduce_away(&choice(&binary(Op::Equal, labels, &least)?, &x, &all)?, "nanmin", &axes, None)
    }

    /// `each` of the labels, as they were asked for.
    pub(super) fn given(&self, each: &Expr) -> Result<Expr> {
        let order = in_memory(Block::from_vec(self.order.clone(), &self.shape)?);
        take(each, &order, Some(0), Beyond::Raise)
    }
}
