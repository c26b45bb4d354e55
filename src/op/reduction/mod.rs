//! Reductions, as data.
//!
//! A [`Reduction`] is a named operation; for an input dtype it gives a [`Reducer`]: small [`Program`]s that a device
//! runs over lanes. The elements of one tile go through one or more *phases* (each a loop over the tile with
//! accumulators; a later phase sees the results of earlier ones, which is how variances avoid `E[x²] − E[x]²`), the
//! phases' results make the tile's *state*, states *combine* in a fixed tree, and *finish* gives the output.
//! `REDUCTIONS` lists what exists: adding one is a file and a line.

use super::elementwise::ElementOp;
use super::program::{Program, Value};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Types of reductions, a row each: documentation, type, NumPy name, and the function that makes the reducer of the
/// name, these arguments, the input's dtype and the parameters.
macro_rules! reductions {
    ($($(#[doc = $doc:literal])+ $Name:ident, $name:literal: $make:ident($($arg:expr),*) $(, many_axes $many:literal)?;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $Name;

        impl super::Reduction for $Name {
            fn name(&self) -> &'static str { $name }
            fn doc(&self) -> &'static str { concat!($($doc),+).trim_ascii() }
            fn reducer(&self, input: DType, params: &super::Params) -> Result<super::Reducer> {
                $make($name, $($arg,)* input, params)
            }
            $(fn many_axes(&self) -> bool { $many })?
        }
    )* };
}

mod sum;
mod rms;
mod extrema;
mod moments;
mod logical;
mod bitwise;
mod arg;

/// Every reduction, by NumPy name.
pub static REDUCTIONS: &[&dyn Reduction] = &[
    &sum::Sum,
    &sum::Prod,
    &sum::NanSum,
    &sum::NanProd,
    &moments::Mean,
    &moments::Var,
    &moments::Std,
    &moments::NanMean,
    &moments::NanVar,
    &moments::NanStd,
    &rms::Rms,
    &extrema::Min,
    &extrema::Max,
    &extrema::Ptp,
    &extrema::NanMin,
    &extrema::NanMax,
    &logical::Any,
    &logical::All,
    &logical::CountNonzero,
    &bitwise::And,
    &bitwise::Or,
    &bitwise::Xor,
    &bitwise::OddTruth,
    &arg::ArgMin,
    &arg::ArgMax,
    &arg::NanArgMin,
    &arg::NanArgMax,
];

/// What a reduction may be told beyond its axes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Params {
    /// Elements per output; of the smallest where they differ.
    pub count: usize,
    /// Whether outputs differ in their number of elements, so that states have to count.
    pub uneven: bool,
    /// Delta degrees of freedom of variances.
    pub ddof: f64,
    /// The dtype to accumulate and answer in.
    pub dtype: Option<DType>,
}

/// A reduction of the table.
pub trait Reduction: fmt::Debug + Sync {
    /// The NumPy name.
    fn name(&self) -> &'static str;

    /// What it computes, in words.
    fn doc(&self) -> &'static str;

    /// The programs for elements of `input`.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) where it is not defined, [`Argument`](crate::ErrorKind::Argument) where it
    /// has no answer for no elements and there are none.
    fn reducer(&self, input: DType, params: &Params) -> Result<Reducer>;

    /// Whether it takes several axes at once; positions along one axis do not generalise.
    fn many_axes(&self) -> bool {
        true
    }
}

/// The reduction of this NumPy name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Reduction> {
    let name = match name {
        "amin" => "min",
        "amax" => "max",
        other => other,
    };
    REDUCTIONS.iter().copied().find(|r| r.name() == name)
}

/// The sum of squared distances from the mean, which is no reduction of the list: variances of several parts are made
/// of it.
///
/// # Errors
/// As [`Reduction::reducer`].
pub fn squared_deviations(input: DType) -> Result<Reducer> {
    moments::squares(input)
}

/// `reducer`, whose answer is NaN where fewer than `least` elements are not NaN: its states count these.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for elements or answers that have no NaN.
pub fn of_at_least(reducer: Reducer, least: usize) -> Result<Reducer> {
    let (input, output) = (reducer.input, reducer.output());
    if !(input.is_inexact() && output.is_inexact()) {
        return Err(Error::dtype(reducer.name, format!("{input} and {output} have no NaN")));
    }
    let zero = (DType::F64, Scalar::Int(0));
    let before: Vec<DType> = reducer
        .phases
        .iter()
        .flat_map(|p| (0..p.result.outputs.len()).map(|i| p.result.output_dtype(i)).collect::<Vec<_>>())
        .collect();
    let mut step = Program::default();
    let (count, x) = (step.input(DType::F64), step.input(input));
    step.input(DType::I64);
    for &d in &before {
        step.input(d);
    }
    let nan = step.op(ElementOp::Isnan, &[x])?;
    let (none, one) = (step.constant(0, DType::F64), step.constant(1, DType::F64));
    let more = step.select(nan, none, one);
    step.outputs = vec![step.op(ElementOp::Add, &[count, more])?];
    let mut merge = Program::default();
    let (a, b) = (merge.input(DType::F64), merge.input(DType::F64));
    merge.outputs = vec![merge.op(ElementOp::Add, &[a, b])?];
    let counting = Phase { init: vec![zero], step, merge: merge.clone(), result: pass(&[DType::F64], &[DType::F64]) };

    let mut leaf = Program::default();
    let mut results: Vec<Value> = before.iter().map(|&d| leaf.input(d)).collect();
    let valid = leaf.input(DType::F64);
    results.push(leaf.input(DType::F64));
    leaf.outputs = leaf.inline(&reducer.leaf, &results);
    leaf.outputs.push(valid);

    let state: Vec<DType> = reducer.identity.iter().map(|(d, _)| *d).collect();
    let mut combine = Program::default();
    let mut side = || {
        let of: Vec<Value> = state.iter().map(|&d| combine.input(d)).collect();
        (of, combine.input(DType::F64))
    };
    let ((a, n), (b, m)) = (side(), side());
    let mut joined = combine.inline(&reducer.combine, &[a, b].concat());
    joined.extend(combine.inline(&merge, &[n, m]));
    combine.outputs = joined;

    let mut finish = Program::default();
    let of: Vec<Value> = state.iter().map(|&d| finish.input(d)).collect();
    let n = finish.input(DType::F64);
    let answer = finish.inline(&reducer.finish, &of)[0];
    #[expect(clippy::cast_precision_loss, reason = "counts of elements are far below 2^53")]
    let least = finish.constant(least as f64, DType::F64);
    let enough = finish.op(ElementOp::GreaterEqual, &[n, least])?;
    let missing = finish.constant(f64::NAN, output);
    finish.outputs = vec![finish.select(enough, answer, missing)];

    let phases = reducer.phases.into_iter().chain([counting]).collect();
    let identity = reducer.identity.into_iter().chain([zero]).collect();
    Ok(Reducer { name: reducer.name, input, phases, leaf, identity, combine, finish, extreme: None, no_answer: None })
}

/// One loop over the elements of a tile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phase {
    /// Dtypes and initial values of the accumulators.
    pub init: Vec<(DType, Scalar)>,
    /// `(accumulators, element, position: i64, results of earlier phases) -> accumulators`.
    pub step: Program,
    /// `(accumulators, accumulators) -> accumulators`, the second from later positions or another lane.
    pub merge: Program,
    /// `(accumulators, number of elements: f64) -> results`.
    pub result: Program,
}

/// Which element a reduction to its position looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extreme {
    /// The largest, rather than the smallest.
    pub largest: bool,
    /// Whether NaN is skipped; otherwise there is nothing beyond it.
    pub skip_nan: bool,
}

/// A reduction for one dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reducer {
    /// The reduction's name.
    pub name: &'static str,
    /// What elements are converted to first.
    pub input: DType,
    /// The loops over a tile, in order.
    pub phases: Vec<Phase>,
    /// `(results of all phases, number of elements: f64) -> state`.
    pub leaf: Program,
    /// The state of no elements.
    pub identity: Vec<(DType, Scalar)>,
    /// `(state, state) -> state`, the second from later tiles.
    pub combine: Program,
    /// `(state) -> output`.
    pub finish: Program,
    /// Which element it looks for, where its state is that element and its position.
    pub extreme: Option<Extreme>,
    /// What to say when an output is `i64::MAX`, for reductions that have no answer on some data.
    pub no_answer: Option<&'static str>,
}

impl Hash for Reducer {
    /// By its name and dtypes, which tell nearly all apart and cost next to nothing.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, self.input, self.output(), self.identity.len()).hash(state);
    }
}

impl Reducer {
    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        self.finish.output_dtype(0)
    }

    /// Bytes of one state.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.identity.iter().map(|(d, _)| d.size()).sum()
    }

    /// Whether a phase looks at positions.
    #[must_use]
    pub fn uses_position(&self) -> bool {
        self.phases.iter().any(|p| p.step.uses_input(p.init.len() + 1))
    }

    /// A reducer of one phase whose accumulators are its state.
    fn of_one_phase(name: &'static str, input: DType, phase: Phase, finish: Program) -> Self {
        let dtypes: Vec<DType> = phase.init.iter().map(|(d, _)| *d).collect();
        let identity = phase.init.clone();
        let combine = phase.merge.clone();
        let leaf = pass(&dtypes, &[DType::F64]);
        Self { name, input, phases: vec![phase], leaf, identity, combine, finish, extreme: None, no_answer: None }
    }
}

/// A program with inputs `given` then `ignored` that gives back the first of them.
fn pass(given: &[DType], ignored: &[DType]) -> Program {
    let mut p = Program::default();
    let outputs: Vec<Value> = given.iter().map(|&d| p.input(d)).collect();
    for &d in ignored {
        p.input(d);
    }
    p.outputs = outputs;
    p
}

/// A phase of one accumulator: `step(p, accumulator, element) -> accumulator` and a table operation that merges two.
fn accumulate(
    dtype: DType,
    init: Scalar,
    element: DType,
    merge: ElementOp,
    step: impl FnOnce(&mut Program, Value, Value) -> Result<Value>,
) -> Result<Phase> {
    let mut p = Program::default();
    let acc = p.input(dtype);
    let x = p.input(element);
    p.input(DType::I64);
    let next = step(&mut p, acc, x)?;
    let next = p.cast(next, dtype);
    p.outputs.push(next);
    let mut m = Program::default();
    let (a, b) = (m.input(dtype), m.input(dtype));
    let both = m.op(merge, &[a, b])?;
    let both = m.cast(both, dtype);
    m.outputs.push(both);
    let result = pass(&[dtype], &[DType::F64]);
    Ok(Phase { init: vec![(dtype, init)], step: p, merge: m, result })
}

/// `phase`, whose one accumulator makes the state together with the number of elements.
fn counting(name: &'static str, input: DType, phase: Phase, finish: Program) -> Result<Reducer> {
    let acc = phase.init[0].0;
    let mut leaf = Program::default();
    leaf.outputs = vec![leaf.input(acc), leaf.input(DType::F64)];
    let mut combine = Program::default();
    let a = [combine.input(acc), combine.input(DType::F64)];
    let b = [combine.input(acc), combine.input(DType::F64)];
    let value = combine.inline(&phase.merge, &[a[0], b[0]])[0];
    let n = combine.op(ElementOp::Add, &[a[1], b[1]])?;
    combine.outputs = vec![value, n];
    let identity = vec![phase.init[0], (DType::F64, Scalar::Int(0))];
    Ok(Reducer { name, input, phases: vec![phase], leaf, identity, combine, finish, extreme: None, no_answer: None })
}

/// A program of one input and one output.
fn unary(input: DType, body: impl FnOnce(&mut Program, Value) -> Result<Value>) -> Result<Program> {
    let mut p = Program::default();
    let x = p.input(input);
    let y = body(&mut p, x)?;
    p.outputs.push(y);
    Ok(p)
}

fn refuse_complex(name: &str, input: DType) -> Result<()> {
    if input.is_complex() {
        return Err(Error::dtype(name, format!("is not defined for {input}")));
    }
    Ok(())
}
