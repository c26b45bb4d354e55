//! Products of matrices and vectors, and factorisations.

use super::super::operators::matmul;
use super::super::value::Value;
use super::super::value::{Call, Function};
use super::row;
use crate::dtype::DType;
use crate::dtype::promote::promote;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::linalg::contraction::tensordot;
use crate::linalg::einsum::{self, Subscript, Subscripts};
use crate::linalg::{factor, matmul as matrices, products};
use crate::shape::axes::position;

pub(super) static TABLE: &[Function] = &[
    row("matmul", "x1, x2, /, !out", |call| matmul(call.required("x1")?, call.required("x2")?)),
    row("linalg.matmul", "x1, x2, /", |call| matmul(call.required("x1")?, call.required("x2")?)),
    row("dot", "a, b, !out", |call| of_two(call, "a", "b", matrices::dot)),
    row("inner", "a, b, /", |call| of_two(call, "a", "b", products::inner)),
    row("vdot", "a, b, /", |call| of_two(call, "a", "b", products::vdot)),
    row("outer", "a, b, !out", |call| of_two(call, "a", "b", products::outer)),
    row("linalg.outer", "x1, x2, /", outer_of_vectors),
    row("kron", "a, b", |call| of_two(call, "a", "b", products::kron)),
    row("vecdot", "x1, x2, /, !out, *, axis=-1", vecdot),
    row("linalg.vecdot", "x1, x2, /, *, axis=-1", vecdot),
    row("matvec", "x1, x2, /, !out", |call| of_two(call, "x1", "x2", products::matvec)),
    row("vecmat", "x1, x2, /, !out", |call| of_two(call, "x1", "x2", products::vecmat)),
    row("tensordot", "a, b, axes=2", |call| tensordot_of(call, "a", "b")),
    row("linalg.tensordot", "x1, x2, /, *, axes=2", |call| tensordot_of(call, "x1", "x2")),
    row("einsum", "*operands, !out, optimize=False, dtype=None, casting='safe', !order", einsum),
    row("linalg.multi_dot", "arrays, *, !out", |call| {
        let arrays: Vec<Expr> = call.arrays("arrays")?.iter().map(|a| a.expr().clone()).collect();
        Ok(products::multi_dot(&arrays)?.into())
    }),
    row("linalg.matrix_power", "a, n", |call| match call.integer("n")? {
        Some(n) => Ok(products::matrix_power(call.array("a")?.expr(), n)?.into()),
        None => call.refuse("`n` must be an integer"),
    }),
    row("linalg.solve_triangular", "a, b, lower=False", |call| {
        let (a, b) = (call.array("a")?, call.array("b")?);
        Ok(factor::solve_triangular(a.expr(), b.expr(), call.flag("lower", false)?)?.into())
    }),
    row("linalg.cholesky", "a, /, *, upper=False", |call| {
        Ok(factor::cholesky(call.array("a")?.expr(), call.flag("upper", false)?)?.into())
    }),
];

/// A product of two arrays.
fn of_two(call: &Call, a: &str, b: &str, product: fn(&Expr, &Expr) -> Result<Expr>) -> Result<Value> {
    Ok(product(call.array(a)?.expr(), call.array(b)?.expr())?.into())
}

/// As `outer`, for vectors alone.
fn outer_of_vectors(call: &Call) -> Result<Value> {
    let (a, b) = (call.array("x1")?, call.array("x2")?);
    if a.ndim() != 1 || b.ndim() != 1 {
        return Err(Error::shape(call.name(), format!("takes vectors, not shapes {} and {}", a.shape(), b.shape())));
    }
    Ok(products::outer(a.expr(), b.expr())?.into())
}

fn vecdot(call: &Call) -> Result<Value> {
    let axis = call.integer("axis")?.unwrap_or(-1);
    Ok(products::vecdot(call.array("x1")?.expr(), call.array("x2")?.expr(), axis)?.into())
}

/// Over the last axes of one and the first of the other, or over the axes given.
fn tensordot_of(call: &Call, a: &str, b: &str) -> Result<Value> {
    let (a, b) = (call.array(a)?, call.array(b)?);
    let axes = |value: &Value, rank: usize| -> Result<Vec<usize>> {
        let Some(list) = value.as_integers() else {
            return call.refuse("`axes` must be an integer or two lists of them");
        };
        list.iter().map(|&axis| position(call.name(), isize::try_from(axis).unwrap_or(isize::MAX), rank)).collect()
    };
    let (left, right) = match call.given("axes") {
        Some(Value::Tuple(pair) | Value::List(pair)) => match pair.as_slice() {
            [left, right] => (axes(left, a.ndim())?, axes(right, b.ndim())?),
            _ => return call.refuse("`axes` must be an integer or two lists of them"),
        },
        _ => {
            // As in NumPy, less than no axes are none.
            let n = usize::try_from(call.integer("axes")?.unwrap_or(2)).unwrap_or(0);
            if n > a.ndim() || n > b.ndim() {
                return call.refuse(format!("{n} axes of {} and {} are not there", a.shape(), b.shape()));
            }
            ((a.ndim() - n..a.ndim()).collect(), (0..n).collect())
        }
    };
    Ok(tensordot(a.expr(), b.expr(), &left, &right)?.into())
}

/// Subscripts as a text before the operands, or as a list behind each, and one for the result.
fn einsum(call: &Call) -> Result<Value> {
    check_path(call)?;
    let (subscripts, operands) = match call.rest() {
        [] => return call.refuse("needs subscripts and operands"),
        [Value::Str(text), operands @ ..] => (Subscripts::parse(text)?, operands.iter().collect::<Vec<_>>()),
        pairs => {
            let lists = pairs.chunks_exact(2).map(|pair| subscript_list(call, &pair[1])).collect::<Result<_>>()?;
            let output = match pairs.chunks_exact(2).remainder() {
                [output] => Some(subscript_list(call, output)?),
                _ => None,
            };
            (Subscripts { operands: lists, output, numbers: true }, pairs.chunks_exact(2).map(|p| &p[0]).collect())
        }
    };
    let operands: Vec<Expr> = operands.into_iter().map(|v| Ok(v.to_array()?.expr().clone())).collect::<Result<_>>()?;
    let mut dtype = call.dtype("dtype")?;
    let casting = call.text("casting", "safe")?;
    for expr in &operands {
        let want = dtype.unwrap_or(expr.dtype);
        if !casts(call, casting, expr.dtype, want)? {
            let why = format!("{} does not cast to {want} by the rule `{casting}`", expr.dtype);
            return Err(Error::dtype("einsum", why));
        }
    }
    // What is only another look at the operand keeps its dtype in NumPy.
    if let [one] = operands.as_slice()
        && einsum::is_view(&subscripts, one)?
    {
        dtype = None;
    }
    Ok(einsum::einsum(&subscripts, &operands, dtype)?.into())
}

/// The argument `optimize` chooses an order in NumPy; here the order is found by cost whatever it says.
fn check_path(call: &Call) -> Result<()> {
    match call.given("optimize") {
        None | Some(Value::Scalar(_) | Value::Tuple(_) | Value::List(_)) => Ok(()),
        Some(Value::Str(name)) if ["greedy", "optimal"].contains(&name.as_str()) => Ok(()),
        Some(other) => {
            call.refuse(format!("`optimize` must be True, False, greedy, optimal or a path, not {}", other.describe()))
        }
    }
}

fn subscript_list(call: &Call, value: &Value) -> Result<Vec<Subscript>> {
    let Some(items) = value.items() else {
        return call.refuse(format!(
            "subscripts must be a string before, or a list behind each operand, not {}",
            value.describe()
        ));
    };
    let of = |item: &Value| match (item, item.as_integer().and_then(|n| u32::try_from(n).ok())) {
        (Value::Ellipsis, _) => Ok(Subscript::Ellipsis),
        (_, Some(n)) if n < 52 => Ok(Subscript::Label(n)),
        _ => call.refuse(format!("{} is no label: labels are numbers from 0 to 51", item.describe())),
    };
    let out = items.iter().map(of).collect::<Result<Vec<_>>>()?;
    if out.iter().filter(|s| **s == Subscript::Ellipsis).count() > 1 {
        return call.refuse("a list of subscripts has two ellipses");
    }
    Ok(out)
}

/// Whether NumPy's casting rule lets `from` become `to`.
fn casts(call: &Call, rule: &str, from: DType, to: DType) -> Result<bool> {
    Ok(match rule {
        "no" | "equiv" => from == to,
        "safe" => promote(from, to) == to,
        "same_kind" => promote(from, to) == to || from.kind() <= to.kind(),
        "unsafe" => true,
        other => return call.refuse(format!("`casting` must be no, equiv, safe, same_kind or unsafe, not {other}")),
    })
}
