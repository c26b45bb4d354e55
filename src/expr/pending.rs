//! Expressions that cannot be built yet, because a length in them depends on data.
//!
//! A [`ExprKind::Pending`] knows what it waits for: *facts*, which are small arrays that are computed first, and inputs
//! that wait themselves. Once both are known, its [`Resume`] builds what it stands for. [`resolve`] does so, segment
//! after segment, before anything else is planned: what is planned has no unknown length.
//!
//! What its dtype and shape will be is found by trying: the expression is built for stand-ins as long as its inputs may
//! be, and for several shorter ones; lengths that differ then are unknown. What is built in the end must fit.

use super::node::{Expr, ExprKind, Resume, node, walk};
use crate::chunk::{Chunks, auto};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::op::program::Program;
use crate::shape::{Dim, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of an expression before it is built.
#[derive(Debug, Clone)]
pub struct Outline {
    dtype: DType,
    time: Option<TimeType>,
    shape: Shape,
}

impl From<(DType, Shape)> for Outline {
    fn from((dtype, shape): (DType, Shape)) -> Self {
        Self { dtype, time: None, shape }
    }
}

/// An expression like this that `resume` builds when `facts` have been computed and the shapes of `inputs` are known.
#[track_caller]
#[must_use]
pub fn pending(inputs: &[Expr], facts: &[Expr], like: impl Into<Outline>, resume: Resume) -> Expr {
    let Outline { dtype, time, shape } = like.into();
    let chunks = Chunks::whole(&shape.max());
    let kind = ExprKind::Pending { inputs: inputs.to_vec(), facts: facts.to_vec(), resume };
    node(kind, dtype, shape, chunks, Vec::new()).with_time(time)
}

/// What `body` builds of `inputs`: at once where their shapes are known, or when they are.
///
/// # Errors
/// Those of `body`, for inputs as long as these may be.
#[track_caller]
pub fn when_known(
    name: &str,
    inputs: &[Expr],
    body: impl Fn(&[Expr]) -> Result<Expr> + Send + Sync + 'static,
) -> Result<Expr> {
    if inputs.iter().all(|e| e.shape.is_known()) {
        return body(inputs);
    }
    let tried = likely(inputs, |stand_ins| Ok(vec![body(stand_ins)?]))?;
    let [one] = tried.as_slice() else { return Err(Error::bug("one expression is built")) };
    Ok(pending(inputs, &[], one.clone(), Resume::new(name, move |_, inputs| body(inputs))))
}

/// How many lengths below the largest are tried, where that cannot be.
const FEWER: usize = 16;

/// What is known of what `body` builds of `inputs`, whose shapes are not all known.
///
/// # Errors
/// Those of `body`, for inputs as long as these may be.
pub fn likely(inputs: &[Expr], mut body: impl FnMut(&[Expr]) -> Result<Vec<Expr>>) -> Result<Vec<Outline>> {
    let mut longest: BTreeMap<u64, usize> = BTreeMap::new();
    for dim in inputs.iter().flat_map(|e| e.shape.dims()) {
        if let Dim::Unknown { id, max } = dim {
            longest.insert(*id, *max);
        }
    }
    let mut with = |length: &dyn Fn(usize) -> usize| {
        let stand_ins: Vec<Expr> = inputs.iter().map(|e| stand_in(e, length)).collect();
        body(&stand_ins)
    };
    let shortest = longest.values().copied().min().unwrap_or(0);
    // Lengths that are not the same unknown may be equal all the same, or equal to one that is known; any may be 1 and
    // broadcast, or be what a shape divides.
    let known = inputs.iter().flat_map(|e| e.shape.dims()).filter_map(|d| d.known()).filter(|&n| n < shortest);
    let known: BTreeSet<usize> = known.collect();
    let fewer = (shortest.saturating_sub(FEWER)..shortest).rev();
    let others: Vec<usize> = [shortest, 1.min(shortest)].into_iter().chain(known).chain(fewer).collect();
    let mut first = None;
    let long = match with(&|max| max) {
        Err(error) => {
            first = others.iter().find_map(|&n| with(&|max| n.min(max)).ok().map(|made| (n, made)));
            first.as_ref().map(|(_, made)| made.clone()).ok_or(error)?
        }
        made => made?,
    };
    // Lengths that are not the same whatever the unknown ones are cannot be known.
    let at = first.map(|(n, _)| n);
    let mut short: Vec<Vec<Expr>> = Vec::new();
    if at.is_none() {
        short.extend([1, 2, 3].into_iter().filter_map(|k| with(&|max| max.saturating_sub(k)).ok()));
    }
    let few = [shortest / 2, shortest.saturating_sub(1), 3, 2, 1, 0].into_iter().filter(|&n| n < shortest);
    let others = few.chain(others.iter().copied().filter(|_| at.is_some()));
    short.extend(others.filter(|&n| at != Some(n)).filter_map(|n| with(&|max| n.min(max)).ok()));
    let dims = |i: usize, built: &Expr| -> Vec<Dim> {
        let lengths = built.lengths();
        let others: Vec<Vec<usize>> = short.iter().filter_map(|s| s.get(i)).map(Expr::lengths).collect();
        let dim = |(a, &n): (usize, &usize)| {
            if let unknown @ Dim::Unknown { .. } = built.shape.dims()[a] {
                return unknown;
            }
            let id = longest.iter().find(|(_, max)| **max == n).or(longest.first_key_value()).map_or(0, |(id, _)| *id);
            let unknown = if others.is_empty() {
                longest.values().any(|&max| max == n)
            } else {
                others.iter().any(|o| o.get(a) != Some(&n))
            };
            let max = others.iter().filter_map(|o| o.get(a)).copied().fold(n, usize::max);
            if unknown { Dim::Unknown { id, max } } else { Dim::Known(n) }
        };
        lengths.iter().enumerate().map(dim).collect()
    };
    let outline = |(i, e): (usize, &Expr)| Outline { dtype: e.dtype, time: e.time, shape: Shape::from(dims(i, e)) };
    Ok(long.iter().enumerate().map(outline).collect())
}

/// An expression like `of` whose lengths are known: unknown ones are what `length` makes of the largest they can be.
fn stand_in(of: &Expr, length: &dyn Fn(usize) -> usize) -> Expr {
    if of.shape.is_known() {
        return of.clone();
    }
    let lengths: Vec<usize> = of.shape.dims().iter().map(|d| d.known().unwrap_or_else(|| length(d.max()))).collect();
    let mut program = Program::default();
    let zero = program.constant(Scalar::Int(0), of.dtype);
    program.outputs.push(zero);
    let kind = ExprKind::Elementwise { program, args: Vec::new() };
    let chunks = auto::auto(&lengths, of.dtype.size());
    node(kind, of.dtype, Shape::new(&lengths), chunks, of.names.clone()).with_time(of.time)
}

/// `exprs` without anything pending: facts are computed by `compute`, as many at once as are known to be needed.
///
/// # Errors
/// Those of computing facts, and of building what depends on them.
pub fn resolve(exprs: &[Expr], compute: &mut dyn FnMut(&[Expr]) -> Result<Vec<Block>>) -> Result<Vec<Expr>> {
    let mut exprs = exprs.to_vec();
    loop {
        let ready = ready(&exprs);
        if ready.is_empty() {
            return Ok(exprs);
        }
        let facts: Vec<Expr> = ready.iter().flat_map(facts_of).cloned().collect();
        let mut known = if facts.is_empty() { Vec::new() } else { compute(&facts)? }.into_iter();
        let mut built = BTreeMap::new();
        for waiting in &ready {
            let ExprKind::Pending { inputs, facts, resume } = &waiting.kind else { continue };
            let values: Vec<Block> = known.by_ref().take(facts.len()).collect();
            let place = || format!("in {} built at {}", resume.name, waiting.site);
            let new = resume.run(&values, inputs).map_err(|e| e.at(place()))?;
            let same = |(new, said): (&Dim, &Dim)| match (new.known(), said.known()) {
                (Some(new), Some(said)) => new == said,
                _ => true,
            };
            if new.shape.rank() != waiting.shape.rank() {
                let why = format!("{}: how many axes are left of {} depends on data", resume.name, waiting.shape);
                return Err(Error::unsupported(why).at(place()));
            }
            let fits = new.dtype == waiting.dtype && new.shape.dims().iter().zip(waiting.shape.dims()).all(same);
            if !fits {
                return Err(Error::bug("what was pending is what it was said to be").at(place()));
            }
            let old = |e: &Expr| inputs.iter().any(|i| i.id() == e.id());
            built.insert(waiting.id(), new.placed(&waiting.site, &old).with_time(waiting.time));
        }
        exprs = replaced(&exprs, built);
    }
}

/// The facts that are computed first, and nothing where nothing is pending.
#[must_use]
pub fn first_facts(exprs: &[Expr]) -> Vec<Expr> {
    ready(exprs).iter().flat_map(facts_of).cloned().collect()
}

fn facts_of(expr: &Expr) -> &[Expr] {
    if let ExprKind::Pending { facts, .. } = &expr.kind { facts } else { &[] }
}

/// What is pending among `exprs` and what they are made of, and waits for nothing pending itself.
fn ready(exprs: &[Expr]) -> Vec<Expr> {
    let mut out = Vec::new();
    // Whether anything at or below a node is pending.
    let mut waits: BTreeMap<usize, bool> = BTreeMap::new();
    walk(exprs, &mut |expr| {
        let below = expr.inputs().iter().any(|e| waits.get(&e.id()).copied().unwrap_or(false));
        let pending = matches!(expr.kind, ExprKind::Pending { .. });
        if pending && !below {
            out.push(expr.clone());
        }
        waits.insert(expr.id(), pending || below);
    });
    out
}

/// `exprs` with some nodes in the place of others.
fn replaced(exprs: &[Expr], mut new: BTreeMap<usize, Expr>) -> Vec<Expr> {
    walk(exprs, &mut |expr| {
        if new.contains_key(&expr.id()) {
            return;
        }
        let inputs = expr.inputs();
        let now: Vec<Expr> = inputs.iter().map(|e| new.get(&e.id()).unwrap_or(e).clone()).collect();
        if inputs.iter().zip(&now).any(|(a, b)| a.id() != b.id()) {
            new.insert(expr.id(), expr.with_inputs(&now));
        }
    });
    exprs.iter().map(|e| new.get(&e.id()).unwrap_or(e).clone()).collect()
}
