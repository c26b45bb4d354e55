//! The functions: tables of rows, one file per topic. Elementwise operations and reductions are not among them; they
//! are found in their own tables, by name.

use super::operators::element;
use super::value::Value;
use super::value::{Call, Callable, Function, Parts};
use crate::error::Result;

mod dates;
mod creation;
mod properties;
mod elementwise;
mod shape;
mod join;
mod pad;
mod calculus;
mod reduction;
mod scan;
mod order;
mod fft;
mod select;
mod lookup;
mod histogram;
mod sets;
mod statistics;
mod polynomials;
mod tapers;
mod types;
mod outer;
mod groups;
mod windows;
mod labels;
mod weighted;
mod masked;
mod stats;
mod linalg;
mod solve;
mod norms;
mod decompositions;
mod ndimage;
mod objects;
mod random;
mod matrices;

pub(super) use random::{METHODS as GENERATOR_METHODS, MODULE as RANDOM_FUNCTIONS};
pub(super) use shape::matrix_transpose;

/// What NumPy and SciPy call the items of tuples that functions give: the names that belong together.
pub(super) static FIELDS: &[&[&str]] = &[
    &["Q", "R"],
    &["U", "S", "Vh"],
    &["eigenvalues", "eigenvectors"],
    &["sign", "logabsdet"],
    &["statistic", "pvalue"],
];

/// Every function.
static TABLES: &[&[Function]] = &[
    calculus::TABLE,
    creation::TABLE,
    dates::TABLE,
    elementwise::TABLE,
    fft::TABLE,
    groups::TABLE,
    histogram::TABLE,
    join::TABLE,
    labels::TABLE,
    linalg::TABLE,
    decompositions::TABLE,
    solve::TABLE,
    norms::TABLE,
    ndimage::TABLE,
    objects::TABLE,
    lookup::TABLE,
    order::TABLE,
    matrices::TABLE,
    pad::TABLE,
    outer::TABLE,
    properties::TABLE,
    reduction::TABLE,
    scan::TABLE,
    select::TABLE,
    sets::TABLE,
    shape::TABLE,
    statistics::TABLE,
    polynomials::TABLE,
    tapers::TABLE,
    types::TABLE,
    windows::TABLE,
    weighted::TABLE,
    masked::TABLE,
    stats::TABLE,
];

/// Methods of arrays whose parameters differ from those of the function of the same name.
static METHODS: &[&[Function]] = &[labels::METHODS, select::METHODS, shape::METHODS];

/// Their names.
pub(super) static METHOD_NAMES: &[&str] =
    &["astype", "coordinate", "flatten", "isel", "ravel", "rechunk", "rename", "reshape", "sel", "transpose"];

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES.iter().copied().flatten().find(|f| f.name == name)
}

/// The method of this name, where it is not the function of that name.
pub(super) fn method(name: &str) -> Option<&'static Function> {
    METHODS.iter().copied().flatten().find(|f| f.name == name)
}

/// The methods of what these are.
pub(super) fn methods_of(parts: &Parts) -> &'static [Function] {
    match parts {
        Parts::Groups(_) => groups::METHODS,
        Parts::Coarse(_) => windows::METHODS,
        Parts::Masked(_) => masked::METHODS,
        Parts::Weighted(_) => weighted::METHODS,
        Parts::Rolled(_) => windows::ROLLED,
    }
}

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().map(|f| f.name)
}

/// The parameters of a function, as Python writes them.
pub(super) fn parameters(callee: Callable) -> &'static str {
    match callee {
        Callable::Element(op) if op.arity() == 1 => "x, /, !out, *, !where, !casting, !order, !dtype, !subok",
        Callable::Element(_) => "x1, x2, /, !out, *, !where, !casting, !order, !dtype, !subok",
        Callable::Reduction(r) => reduction::parameters(r.name()),
        Callable::Function(f) => f.params,
    }
}

/// Calls a function.
pub(super) fn run(callee: Callable, call: &Call) -> Result<Value> {
    match callee {
        Callable::Element(op) if op.arity() == 1 => element(op, &[call.required("x")?]),
        Callable::Element(op) => element(op, &[call.required("x1")?, call.required("x2")?]),
        Callable::Reduction(r) => reduction::run(r, call),
        Callable::Function(f) => (f.run)(call),
    }
}

/// A row of a table.
const fn row(name: &'static str, params: &'static str, run: fn(&Call) -> Result<Value>) -> Function {
    Function { name, params, run }
}
