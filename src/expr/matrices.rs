//! Constructors of what is done to matrices tile by tile: factorisations and triangular systems.

use super::node::node;
use super::node::{Expr, ExprKind};
use crate::chunk::Chunks;
use crate::chunk::tiling::square;
use crate::chunk::unify::unify;
use crate::error::{Error, Result};
use crate::op::tiles::{Factorisation, Substitution, TileProgram};
use crate::shape::Shape;
use crate::shape::broadcast::broadcast;

/// A factorisation of the square matrices of the last two axes, in the dtype that they have.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where these axes are not there or differ in length.
#[track_caller]
pub fn tiles(input: &Expr, factorisation: Factorisation) -> Result<Expr> {
    let (name, lengths) = (factorisation.name(), input.shape.known()?);
    let [.., m, n] = lengths[..] else {
        return Err(Error::shape(name, format!("an array of shape {} is no matrix", input.shape)));
    };
    if m != n {
        return Err(Error::shape(name, format!("the last two axes of shape {} are not a square", input.shape)));
    }
    let program = TileProgram { factorisation, dtype: input.dtype, tiles: square(n) };
    let kind = ExprKind::Tiles { input: input.clone(), program };
    Ok(node(kind, input.dtype, input.shape.clone(), input.chunks.clone(), input.names.clone()))
}

/// `x` with `x lᴴ = b`, for rows `b` of shape `(.., m, n)` and lower triangles `l` of shape `(.., n, n)`, both of one dtype,
/// their other axes broadcast.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where they do not fit each other.
#[track_caller]
pub fn substitute(b: &Expr, l: &Expr) -> Result<Expr> {
    let op = "solve_triangular";
    let (rows, sides) = (b.shape.known()?, l.shape.known()?);
    let ([outer_b @ .., m, n], [outer_l @ .., p, q]) = (rows.as_slice(), sides.as_slice()) else {
        return Err(Error::shape(op, format!("{} and {} are not matrices", l.shape, b.shape)));
    };
    if p != q || n != p {
        return Err(Error::shape(op, format!("a triangle of {p} by {q} does not divide {n} columns")));
    }
    let stack = broadcast(op, &[&Shape::new(outer_l), &Shape::new(outer_b)])?.known()?;
    let mut shape = stack.clone();
    shape.extend([m, n]);
    let outer = |e: &Expr| Chunks::new(e.chunks.axes()[..e.chunks.rank() - 2].to_vec());
    let mut chunks = unify(&stack, &[&outer(b), &outer(l)]).axes().to_vec();
    chunks.extend(b.chunks.axes()[outer_b.len()..].iter().cloned());
    let substitution = Substitution { dtype: b.dtype, rows: square(*m), tiles: square(*n) };
    let kind = ExprKind::Substitute { sides: [b.clone(), l.clone()], substitution };
    Ok(node(kind, b.dtype, Shape::new(&shape), Chunks::new(chunks), Vec::new()))
}
