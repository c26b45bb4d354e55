//! Diagonals, triangles, and matrices made of them.

use super::super::value::{Call, Function};
use super::row;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::linalg::diagonal::{self, diagonal, trace};
use crate::shape;

pub(super) static TABLE: &[Function] = &[
    row("eye", "N, M=None, k=0, dtype=float, !order, *, !like", |call| {
        let rows = call.count("N")?.unwrap_or(0);
        let columns = call.count("M")?.unwrap_or(rows);
        Ok(diagonal::eye(rows, columns, k(call)?, float(call)?)?.into())
    }),
    row("identity", "n, dtype=float, *, !like", |call| {
        let n = call.count("n")?.unwrap_or(0);
        Ok(diagonal::eye(n, n, 0, float(call)?)?.into())
    }),
    row("tri", "N, M=None, k=0, dtype=float, *, !like", |call| {
        // As in NumPy, a negative length is no length.
        let length = |name: &str| Ok::<_, Error>(call.integer(name)?.map(|n| n.max(0).unsigned_abs()));
        let rows = length("N")?.unwrap_or(0);
        Ok(diagonal::tri(rows, length("M")?.unwrap_or(rows), k(call)?, float(call)?)?.into())
    }),
    row("tril", "m, k=0", |call| Ok(diagonal::triangle(call.array("m")?.expr(), k(call)?, false)?.into())),
    row("triu", "m, k=0", |call| Ok(diagonal::triangle(call.array("m")?.expr(), k(call)?, true)?.into())),
    row("diag", "v, k=0", |call| Ok(diagonal::diag(call.array("v")?.expr(), k(call)?)?.into())),
    row("diagflat", "v, k=0", |call| Ok(diagonal::diagflat(call.array("v")?.expr(), k(call)?)?.into())),
    row("diagonal", "a, offset=0, axis1=0, axis2=1", |call| {
        let [offset, axis1, axis2] = place(call)?;
        Ok(diagonal(call.array("a")?.expr(), offset, axis1, axis2)?.into())
    }),
    row("linalg.diagonal", "x, /, *, offset=0", |call| {
        Ok(diagonal(call.array("x")?.expr(), call.integer("offset")?.unwrap_or(0), -2, -1)?.into())
    }),
    row("trace", "a, offset=0, axis1=0, axis2=1, dtype=None, !out", |call| {
        let [offset, axis1, axis2] = place(call)?;
        Ok(trace(call.array("a")?.expr(), offset, axis1, axis2, call.dtype("dtype")?)?.into())
    }),
    row("linalg.trace", "x, /, *, offset=0, dtype=None", |call| {
        let offset = call.integer("offset")?.unwrap_or(0);
        Ok(trace(call.array("x")?.expr(), offset, -2, -1, call.dtype("dtype")?)?.into())
    }),
    row("vander", "x, N=None, increasing=False", |call| {
        let x = call.array("x")?;
        let n = match call.count("N")? {
            Some(n) => n,
            None => shape::size(&x.shape().known()?),
        };
        Ok(diagonal::vander(x.expr(), n, call.flag("increasing", false)?)?.into())
    }),
];

fn k(call: &Call) -> Result<isize> {
    Ok(call.integer("k")?.unwrap_or(0))
}

fn float(call: &Call) -> Result<DType> {
    Ok(call.dtype("dtype")?.unwrap_or(DType::F64))
}

/// Which diagonal, and of which axes.
fn place(call: &Call) -> Result<[isize; 3]> {
    let of = |name: &str, default: isize| Ok::<_, Error>(call.integer(name)?.unwrap_or(default));
    Ok([of("offset", 0)?, of("axis1", 0)?, of("axis2", 1)?])
}
