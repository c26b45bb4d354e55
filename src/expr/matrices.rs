//! Constructors of what is done to matrices: diagonals, products, tile by tile factorisations and triangular systems,
//! and factors of matrices that are seen whole.

use super::build::view;
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use super::programs::numbers_only;
use super::regions::limit;
use crate::chunk::index_map::AxisMap;
use crate::chunk::tiling::{cells, columns as columns_of, right_sides, segments, square};
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks, IndexMap};
use crate::error::{Error, Result};
use crate::op::contraction::Contraction;
use crate::op::regional::{Computation, Decompose, Factors, Regional};
use crate::op::tiles::{Factorisation, Substitution, System, TileProgram};
use crate::shape::broadcast::broadcast;
use crate::shape::{Dim, Shape, fits_memory};

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
    let (tiles, names) = match factorisation {
        Factorisation::Cholesky => (square(n), input.names.clone()),
        Factorisation::Lu => (columns_of(n), Vec::new()),
    };
    let program = TileProgram { factorisation, dtype: input.dtype, tiles };
    let shape = program.shape(&lengths);
    let mut chunks = input.chunks.axes().to_vec();
    let rows = shape.len() - 2;
    if shape[rows] != lengths[rows] {
        chunks[rows] = AxisChunks::regular(shape[rows], shape[rows]);
    }
    let kind = ExprKind::Tiles { input: input.clone(), program };
    Ok(node(kind, input.dtype, Shape::new(&shape), Chunks::new(chunks), names))
}

/// `x` with `x lᴴ = b`, for rows `b` of shape `(.., m, n)` and lower triangles `l` of shape `(.., n, n)`, both of one
/// dtype, their other axes broadcast.
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
    let substitution = Substitution { system: System::Triangle, dtype: b.dtype, rows: square(*m), tiles: square(*n) };
    let kind = ExprKind::Substitute { sides: [b.clone(), l.clone()], substitution };
    Ok(node(kind, b.dtype, Shape::new(&shape), Chunks::new(chunks), Vec::new()))
}

/// `x` with `a x = b`, for the factors of matrices `a`, as [`Factorisation::Lu`] has them, and columns `b` of shape
/// `(.., n, m)`, both of one dtype, their other axes broadcast. `op` is what messages call it.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where they do not fit each other.
#[track_caller]
pub fn solve(factors: &Expr, b: &Expr, op: &'static str) -> Result<Expr> {
    by_columns(factors, b, System::Factors { op })
}

/// Rows of columns `b` of shape `(.., n, m)`, exchanged as those of `factors` were; or where `later`, those of columns
/// of the factors as those after them were.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn exchange(factors: &Expr, b: &Expr, later: bool) -> Result<Expr> {
    by_columns(factors, b, System::Exchanges { later })
}

#[track_caller]
fn by_columns(factors: &Expr, b: &Expr, system: System) -> Result<Expr> {
    let op = match system {
        System::Factors { op } => op,
        System::Exchanges { .. } | System::Triangle => "lu",
    };
    let (columns, sides) = (b.shape.known()?, factors.shape.known()?);
    let ([outer_b @ .., n, m], [outer_a @ .., _, side]) = (columns.as_slice(), sides.as_slice()) else {
        return Err(Error::shape(op, format!("{} and {} are not matrices", factors.shape, b.shape)));
    };
    if n != side {
        return Err(Error::shape(op, format!("matrices of {side} rows and right-hand sides of {n} differ")));
    }
    let stack = broadcast(op, &[&Shape::new(outer_a), &Shape::new(outer_b)])?.known()?;
    let outer = |e: &Expr| Chunks::new(e.chunks.axes()[..e.chunks.rank() - 2].to_vec());
    let mut chunks = unify(&stack, &[&outer(factors), &outer(b)]).axes().to_vec();
    chunks.extend(b.chunks.axes()[outer_b.len()..].iter().cloned());
    let tiles = columns_of(*n);
    let rows = if let System::Exchanges { later: true } = system { tiles.clone() } else { right_sides(*m) };
    let substitution = Substitution { system, dtype: b.dtype, rows, tiles };
    let shape = [stack.as_slice(), &[*n, *m]].concat();
    let kind = ExprKind::Substitute { sides: [b.clone(), factors.clone()], substitution };
    Ok(node(kind, b.dtype, Shape::new(&shape), Chunks::new(chunks), Vec::new()))
}

/// Products of matrices of one dtype, `(.., m, k)` and `(.., k, n)`, their other axes broadcast: `(s, .., m, n)`, to be
/// added up over `s`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where they do not multiply, [`DType`](crate::ErrorKind::DType) where dtypes
/// differ.
#[track_caller]
pub fn contract(a: &Expr, b: &Expr) -> Result<Expr> {
    if !(a.shape.is_known() && b.shape.is_known()) {
        return when_known("matmul", &[a.clone(), b.clone()], |e| contract(&e[0], &e[1]));
    }
    numbers_only("matmul", [a, b])?;
    let (left, right) = (a.shape.known()?, b.shape.known()?);
    if a.dtype != b.dtype {
        return Err(Error::dtype("matmul", format!("{} and {} differ", a.dtype, b.dtype)));
    }
    let ([outer_a @ .., m, k], [outer_b @ .., inner, n]) = (left.as_slice(), right.as_slice()) else {
        return Err(Error::shape("matmul", format!("{} and {} are not matrices", a.shape, b.shape)));
    };
    if k != inner {
        let why = format!("shapes {} and {} do not multiply: {k} and {inner} differ", a.shape, b.shape);
        return Err(Error::shape("matmul", why));
    }
    let stack = broadcast("matmul", &[&Shape::new(outer_a), &Shape::new(outer_b)])?.known()?;
    let (cuts_a, cuts_b) = (a.chunks.axes(), b.chunks.axes());
    let (row, column) = (&cuts_a[outer_a.len()], &cuts_b[outer_b.len() + 1]);
    let inner = [cuts_a[outer_a.len() + 1].clone(), cuts_b[outer_b.len()].clone()].map(|axis| Chunks::new(vec![axis]));
    let inner = unify(&[*k], &[&inner[0], &inner[1]]);
    let (rows, columns, panels) = (cells(row), cells(column), cells(&inner.axes()[0]));
    let segments = segments(stack.iter().product(), &rows, &columns, &panels);
    let parts = segments.count().max(1);
    let outer = |e: &Expr| Chunks::new(e.chunks.axes()[..e.chunks.rank() - 2].to_vec());
    let mut chunks = vec![AxisChunks::regular(parts, 1)];
    chunks.extend(unify(&stack, &[&outer(a), &outer(b)]).axes().iter().cloned());
    chunks.extend([row.clone(), column.clone()]);
    let mut shape = vec![parts];
    shape.extend(stack.iter().chain([m, n]));
    let mut names = vec![None; shape.len()];
    let (first, second) = (shape.len() - 2, shape.len() - 1);
    names[first] = a.names.get(outer_a.len()).cloned().flatten();
    names[second] = b.names.get(outer_b.len() + 1).cloned().flatten();
    let names = if names.iter().all(Option::is_none) { Vec::new() } else { names };
    let contraction = Contraction { dtype: a.dtype, rows, columns, panels, segments };
    let kind = ExprKind::Contract { factors: [a.clone(), b.clone()], contraction };
    Ok(node(kind, a.dtype, Shape::new(&shape), Chunks::new(chunks), names))
}

/// Bytes of the factors of a stack of matrices that make a chunk, at most, where one matrix has no more.
const LARGEST: usize = 4 << 20;

/// The factors of the matrices of the last two axes, in the dtype that they have: one array for all factors, and where
/// they lie in it.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where these axes are not there, or differ in length and must not.
#[track_caller]
pub fn decompose(input: &Expr, factors: Factors) -> Result<(Expr, Decompose)> {
    let lengths = input.shape.known()?;
    let &[ref outer @ .., rows, columns] = lengths.as_slice() else {
        let op = Decompose { factors, outer: 0, rows: 0, columns: 0, dtype: input.dtype };
        return Err(Error::shape(op.name(), format!("an array of shape {} is no matrix", input.shape)));
    };
    let op = Decompose { factors, outer: outer.len(), rows, columns, dtype: input.dtype };
    if matches!(factors, Factors::Hermitian { .. } | Factors::Eigen { .. }) && rows != columns {
        return Err(Error::shape(op.name(), format!("the last two axes of shape {} are not a square", input.shape)));
    }
    let packed = op.packed();
    let shape = [outer, &packed].concat();
    fits_memory(op.name(), &shape)?;
    let mut chunks = input.chunks.axes()[..outer.len()].to_vec();
    limit(&mut chunks, LARGEST / (packed[0].max(1) * packed[1].max(1) * op.output().size()));
    chunks.extend(packed.map(|n| AxisChunks::regular(n, n)));
    let kind = ExprKind::Regional { inputs: vec![input.clone()], op: Regional::Decompose(op.clone()) };
    Ok((node(kind, op.output(), Shape::new(&shape), Chunks::new(chunks), Vec::new()), op))
}

/// The elements whose indices along axes `first` and `second` are `i` and `i + offset`, over `i` on a new last axis.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) when the axes are one, or not there.
#[track_caller]
pub fn diagonal(input: &Expr, offset: isize, first: usize, second: usize) -> Result<Expr> {
    let lengths = input.shape.known()?;
    if first == second || first.max(second) >= lengths.len() {
        let why = format!("axes {first} and {second} of an array of rank {} are no two axes", lengths.len());
        return Err(Error::axis("diagonal", why));
    }
    let skipped = offset.unsigned_abs();
    let (down, right) = if offset < 0 { (skipped, 0) } else { (0, skipped) };
    let n = lengths[first].saturating_sub(down).min(lengths[second].saturating_sub(right));
    let mut dims: Vec<Dim> = Vec::new();
    let mut axes = Vec::new();
    for (a, &dim) in input.shape.dims().iter().enumerate() {
        let along =
            |offset| AxisMap { out: Some(lengths.len() - 2), offset: if n == 0 { 0 } else { offset }, stride: 1 };
        axes.push(match a {
            _ if a == first => along(down),
            _ if a == second => along(right),
            _ => {
                dims.push(dim);
                AxisMap { out: Some(dims.len() - 1), offset: 0, stride: 1 }
            }
        });
    }
    dims.push(Dim::Known(n));
    Ok(view(input, dims.into(), IndexMap { axes }))
}
