//! NumPy's `einsum`: sums of products over axes that labels pair up.
//!
//! Operands are brought to one form first: repeated labels become diagonals, axes of length 1 are left out, the axes
//! behind an ellipsis get labels of their own. Then two are contracted at a time (`contraction.rs`), the pair first
//! whose product outgrows what it replaces by least, until one is left.

use super::contraction::{Term, contracted};
use super::matmul::wider;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::matrices;
use crate::shape::slice::Item;
use std::collections::BTreeMap;

/// What stands for the axes of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscript {
    /// One axis.
    Label(u32),
    /// The axes that no label stands for.
    Ellipsis,
}

/// Subscripts of operands, and of the result where they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscripts {
    /// Those of each operand.
    pub operands: Vec<Vec<Subscript>>,
    /// Those of the result; without them, the ellipsis and the labels that occur once, in order.
    pub output: Option<Vec<Subscript>>,
    /// Whether labels are numbers rather than letters.
    pub numbers: bool,
}

/// The label of the last axis behind an ellipsis; those before it count down.
const LAST_OF_ELLIPSIS: u32 = u32::MAX;

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::argument("einsum", why))
}

impl Subscripts {
    /// Reads `ij,jk->ik`.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for what is no letter, comma, arrow or ellipsis.
    pub fn parse(text: &str) -> Result<Self> {
        let plain: String = text.chars().filter(|c| *c != ' ').collect();
        let (inputs, output) = match plain.split_once("->") {
            Some((inputs, output)) => (inputs, Some(labels(output)?)),
            None => (plain.as_str(), None),
        };
        let operands = inputs.split(',').map(labels).collect::<Result<_>>()?;
        Ok(Self { operands, output, numbers: false })
    }

    fn name(&self, label: u32) -> String {
        match char::from_u32(label) {
            Some(letter) if !self.numbers => format!("`{letter}`"),
            None => format!("of axis -{} of the ellipsis", LAST_OF_ELLIPSIS - label + 1),
            _ => label.to_string(),
        }
    }

    /// The labels of an operand of this rank.
    fn of_operand(&self, number: usize, rank: usize) -> Result<Vec<u32>> {
        let subscripts = &self.operands[number];
        let named = subscripts.iter().filter(|s| **s != Subscript::Ellipsis).count();
        let open = named < subscripts.len();
        let Some(more) = rank.checked_sub(named).filter(|&more| open || more == 0) else {
            let least = if open { "at least " } else { "" };
            return refused(format!("operand {number} has {rank} axes, and its subscripts stand for {least}{named}"));
        };
        Ok(spelled(subscripts, more))
    }

    /// The labels of the result, where `rank` axes are behind the longest ellipsis.
    fn of_output(&self, operands: &[Vec<u32>], rank: usize) -> Result<Vec<u32>> {
        let Some(subscripts) = &self.output else {
            let mut times: BTreeMap<u32, usize> = BTreeMap::new();
            operands.iter().flatten().for_each(|&l| *times.entry(l).or_default() += 1);
            let once =
                times.iter().filter(|(label, n)| **n == 1 && !is_behind_ellipsis(**label)).map(|(label, _)| *label);
            return Ok(spelled(&[Subscript::Ellipsis], rank).into_iter().chain(once).collect());
        };
        if rank > 0 && !subscripts.contains(&Subscript::Ellipsis) {
            return refused(format!("the ellipsis stands for {rank} axes, and the result has none"));
        }
        let out = spelled(subscripts, rank);
        for (i, &label) in out.iter().enumerate() {
            if out[..i].contains(&label) {
                return refused(format!("the result names label {} twice", self.name(label)));
            }
            if !operands.iter().any(|labels| labels.contains(&label)) {
                return refused(format!("label {} of the result is in no operand", self.name(label)));
            }
        }
        Ok(out)
    }

    /// The length of every label.
    fn lengths(&self, operands: &[Expr], labels: &[Vec<u32>]) -> Result<BTreeMap<u32, usize>> {
        let mut known: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (number, (expr, labels)) in operands.iter().zip(labels).enumerate() {
            let lengths = expr.shape.known()?;
            for (axis, (&n, &label)) in lengths.iter().zip(labels).enumerate() {
                let within = labels[..axis].iter().position(|&l| l == label).map(|before| lengths[before]);
                if let Some(other) = within.filter(|&other| other != n) {
                    let (name, shape) = (self.name(label), &expr.shape);
                    let why = format!("label {name} has lengths {other} and {n} in operand {number} of shape {shape}");
                    return Err(Error::shape("einsum", why));
                }
                match known.get(&label) {
                    Some(&(other, first)) if other != n && other != 1 && n != 1 => {
                        let (name, before, here) = (self.name(label), &operands[first].shape, &expr.shape);
                        let why = format!(
                            "label {name} has length {other} in operand {first} of shape {before} and {n} in operand \
                             {number} of shape {here}"
                        );
                        return Err(Error::shape("einsum", why));
                    }
                    Some(&(other, _)) if other != 1 => {}
                    _ => _ = known.insert(label, (n, number)),
                }
            }
        }
        Ok(known.into_iter().map(|(label, (n, _))| (label, n)).collect())
    }
}

/// The subscripts of one operand, or of the result.
fn labels(text: &str) -> Result<Vec<Subscript>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            if out.contains(&Subscript::Ellipsis) {
                return refused(format!("`{text}` has two ellipses"));
            }
            (out, rest) = ([out, vec![Subscript::Ellipsis]].concat(), after);
        } else if next.is_ascii_alphabetic() {
            out.push(Subscript::Label(next.into()));
            rest = &rest[1..];
        } else if next == '.' {
            return refused(format!("`{text}` has a dot that is not part of an ellipsis"));
        } else {
            return refused(format!("`{next}` in `{text}` is no label: labels are letters"));
        }
    }
    Ok(out)
}

/// Labels in place of subscripts, `behind` of them for the ellipsis.
fn spelled(subscripts: &[Subscript], behind: usize) -> Vec<u32> {
    let behind = u32::try_from(behind).unwrap_or(0);
    let spell = |s: &Subscript| match s {
        Subscript::Label(label) => vec![*label],
        Subscript::Ellipsis => (0..behind).rev().map(|i| LAST_OF_ELLIPSIS - i).collect(),
    };
    subscripts.iter().flat_map(spell).collect()
}

fn is_behind_ellipsis(label: u32) -> bool {
    char::from_u32(label).is_none()
}

/// The sum of the products of all operands over the labels that the result does not name, in their common dtype or in
/// `dtype`: integers wrap, and truth values give whether any product is true.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for subscripts that do not fit the operands or the result,
/// [`Shape`](crate::ErrorKind::Shape) where a label has two lengths, neither of them 1.
#[track_caller]
pub fn einsum(subscripts: &Subscripts, operands: &[Expr], dtype: Option<DType>) -> Result<Expr> {
    let (have, want) = (operands.len(), subscripts.operands.len());
    if have != want {
        return refused(format!("the subscripts are for {want} operands, and there are {have}"));
    }
    let all: Vec<Vec<u32>> = operands
        .iter()
        .enumerate()
        .map(|(number, expr)| subscripts.of_operand(number, expr.shape.rank()))
        .collect::<Result<_>>()?;
    let behind = all.iter().map(|l| l.iter().filter(|l| is_behind_ellipsis(**l)).count()).max().unwrap_or(0);
    let out = subscripts.of_output(&all, behind)?;
    let lengths = subscripts.lengths(operands, &all)?;
    let common = dtype.or_else(|| operands.iter().map(|e| e.dtype).reduce(promote)).unwrap_or(DType::F64);
    let terms = operands.iter().zip(all).map(|(expr, labels)| {
        let expr = build::cast(&build::cast(expr, common)?, wider(common))?;
        plain(expr, labels)
    });
    let product = reduced(terms.collect::<Result<_>>()?, &out)?;
    let long: Vec<u32> = out.iter().copied().filter(|l| lengths[l] != 1).collect();
    let dense = product.ordered(&long);
    let items: Vec<Item> = out.iter().map(|l| if long.contains(l) { Item::from(..) } else { Item::NewAxis }).collect();
    build::cast(&build::index(&dense, &items)?, common)
}

/// Whether a single operand is only looked at: its axes moved, or diagonals taken.
///
/// # Errors
/// As [`einsum`].
pub fn is_view(subscripts: &Subscripts, operand: &Expr) -> Result<bool> {
    let labels = subscripts.of_operand(0, operand.shape.rank())?;
    let behind = labels.iter().filter(|l| is_behind_ellipsis(**l)).count();
    let out = subscripts.of_output(std::slice::from_ref(&labels), behind)?;
    Ok(labels.iter().all(|l| out.contains(l)))
}

/// An operand with each label once: the diagonal of axes that share one, and without axes of length 1.
#[track_caller]
fn plain(mut expr: Expr, mut labels: Vec<u32>) -> Result<Term> {
    while let Some(second) = (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
        let label = labels.remove(second);
        let first = labels.iter().position(|&l| l == label).unwrap_or(0);
        expr = matrices::diagonal(&expr, 0, first, second)?;
        labels.remove(first);
        labels.push(label);
    }
    let lengths = expr.lengths();
    let items: Vec<Item> = lengths.iter().map(|&n| if n == 1 { Item::from(0) } else { Item::from(..) }).collect();
    let mut long = lengths.iter().map(|&n| n != 1);
    labels.retain(|_| long.next().unwrap_or(true));
    Ok(Term { expr: if lengths.contains(&1) { build::index(&expr, &items)? } else { expr }, labels })
}

/// One term in place of all: what a pair becomes is chosen by how much larger it is than the pair.
#[track_caller]
fn reduced(mut terms: Vec<Term>, out: &[u32]) -> Result<Term> {
    while terms.len() > 1 {
        let mut best: Option<(i128, usize, usize)> = None;
        for second in 1..terms.len() {
            for first in 0..second {
                let growth = growth(&terms, first, second, out);
                if best.is_none_or(|(least, ..)| growth < least) {
                    best = Some((growth, first, second));
                }
            }
        }
        let Some((_, first, second)) = best else { break };
        let (b, a) = (terms.remove(second), terms.remove(first));
        let product = contracted(&a, &b, &|l| out.contains(&l) || terms.iter().any(|t| t.labels.contains(&l)))?;
        terms.push(product);
    }
    let Some(last) = terms.pop() else { return refused("there is no operand") };
    let over: Vec<u32> = last.labels.iter().copied().filter(|l| !out.contains(l)).collect();
    last.summed(&over)
}

/// By how many elements the product of two terms is larger than these.
fn growth(terms: &[Term], first: usize, second: usize, out: &[u32]) -> i128 {
    let others = terms.iter().enumerate().filter(|(i, _)| *i != first && *i != second).map(|(_, term)| term);
    let needed = |label: &u32| out.contains(label) || others.clone().any(|t| t.labels.contains(label));
    let mut kept: BTreeMap<u32, usize> = BTreeMap::new();
    let mut size = 0i128;
    for term in [&terms[first], &terms[second]] {
        let lengths = term.expr.lengths();
        size += product(lengths.iter().copied());
        kept.extend(term.labels.iter().copied().zip(lengths).filter(|(label, _)| needed(label)));
    }
    product(kept.into_values()) - size
}

fn product(lengths: impl Iterator<Item = usize>) -> i128 {
    lengths.fold(1i128, |size, n| size.saturating_mul(i128::try_from(n).unwrap_or(i128::MAX)))
}
