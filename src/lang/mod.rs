//! The expression language: NumPy's syntax and NumPy's meaning, over lazy arrays.
//!
//! A source text is parsed ([`parse`]) into a tree ([`ast`]), and the tree is evaluated over named inputs. Evaluating
//! computes nothing but the labels of groups: it builds the same lazy arrays that the methods of [`Array`] build.
//! Python numbers stay numbers (`a.size / 2`) and are weak beside arrays; arrays of rank 0 are as strong as any.
//!
//! Start at [`evaluate`]; `eval.rs` walks the tree, `operators.rs`, `index.rs` and `attribute.rs` give meaning to its
//! nodes, `number.rs` is Python's arithmetic. Functions are rows of the tables in `functions/`; elementwise operations
//! and reductions come from their own tables by themselves. `names.rs` finds what a name means, or what was meant.

use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

pub mod ast;
pub mod parse;
mod nearest;
mod number;
mod value;
mod call;
mod operators;
mod functions;
mod grids;
mod names;
mod attribute;
mod index;
mod deferred;
mod eval;
#[cfg(test)]
mod tests;

/// Runs a program over `inputs` and gives the arrays of its last statement: one, or several where that is a tuple that
/// holds arrays. Numbers become arrays as `numpy.asarray` makes them.
///
/// ```
/// use hyperslab::{Context, lang};
/// use std::collections::BTreeMap;
///
/// let cx = Context::default();
/// let inputs = BTreeMap::from([("x".to_owned(), cx.linspace(0.0, 3.0, 4)?.into_dyn())]);
/// let outputs = lang::evaluate("m = mean(x); (x - m, m)", &inputs)?;
/// let anomaly = outputs[0].try_typed::<f64>()?;
/// assert_eq!(cx.compute(anomaly)?.as_slice().unwrap(), &[-1.5, -0.5, 0.5, 1.5]);
///
/// let error = lang::evaluate("maen(x)", &inputs).unwrap_err();
/// assert_eq!(error.to_string(), "column 1: `maen` is not defined; did you mean `mean`?");
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// [`Syntax`](ErrorKind::Syntax) for what is no program, and for names, attributes and arguments that do not exist;
/// [`Unsupported`](ErrorKind::Unsupported) for what NumPy has and this library not yet; otherwise what the operation
/// refuses, with the column where it stands.
pub fn evaluate(source: &str, inputs: &BTreeMap<String, Array>) -> Result<Vec<Array>> {
    let program = parse::parse(source).map_err(|e| syntax(source, e.span.start, e.message))?;
    eval::Evaluator::new(source, inputs).run(&program)
}

/// The names that a program reads before it assigns them: its inputs, and the functions and constants that it uses.
///
/// ```
/// let names = hyperslab::lang::names("m = mean(x, axis=0); x - m")?;
/// assert_eq!(names.into_iter().collect::<Vec<_>>(), ["mean", "x"]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// [`Syntax`](ErrorKind::Syntax) for what is no program.
pub fn names(source: &str) -> Result<BTreeSet<String>> {
    let program = parse::parse(source).map_err(|e| syntax(source, e.span.start, e.message))?;
    Ok(parse::names(&program))
}

/// Whether `name` means something without an input of that name: a function, constant, element type or module.
///
/// ```
/// assert!(hyperslab::lang::is_builtin("mean"));
/// assert!(!hyperslab::lang::is_builtin("temperature"));
/// ```
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    names::builtin(name).is_some()
}

/// An error of the text itself, at a byte offset.
fn syntax(source: &str, offset: usize, why: impl Into<String>) -> Error {
    let column = parse::column(source, offset);
    let error = Error::from(ErrorKind::Syntax { column, why: why.into() });
    match parse::line(source, offset) {
        Some(line) => error.at(format!("line {line}")),
        None => error,
    }
}
