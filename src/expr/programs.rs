//! Elementwise functions written as programs, and the conversions that their arguments ask for.

use super::known::Arg;
use super::names::Name;
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use crate::chunk::Chunks;
use crate::chunk::unify::unify;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind, promote::promote, promote::promote_weak, promote::to_inexact};
use crate::error::{Error, Result};
use crate::op::program::{Inst, Program, Value};
use crate::shape::broadcast::broadcast;
use crate::shape::{Dim, Shape};

/// Refuses dates and lengths of time, for which `op` has no meaning.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType), with the type.
pub(super) fn numbers_only<'a>(op: &str, inputs: impl IntoIterator<Item = &'a Expr>) -> Result<()> {
    match inputs.into_iter().find_map(|e| e.time) {
        Some(time) => Err(Error::dtype(op, format!("is not defined for {time}"))),
        None => Ok(()),
    }
}

/// A conversion of every element.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn cast(input: &Expr, dtype: DType) -> Result<Expr> {
    if input.dtype == dtype {
        return Ok(input.clone());
    }
    compose_typed("astype", &[Arg::Array(input.clone())], &[None], |p, v| Ok(p.cast(v[0], dtype)))
}

/// An elementwise function written as a program: `body` gets one value per argument, weak constants in the dtype that
/// the arrays give them (when `weak`), and returns the result.
///
/// # Errors
/// As [`element`](super::build::element).
#[track_caller]
pub fn compose(
    op: &str,
    args: &[Arg],
    weak: bool,
    body: impl FnOnce(&mut Program, &[Value]) -> Result<Value>,
) -> Result<Expr> {
    let dtype = if weak { Some(common_dtype(op, args)?) } else { None };
    let dtypes: Vec<Option<DType>> =
        args.iter().map(|a| if matches!(a, Arg::Scalar(_)) { dtype } else { None }).collect();
    compose_typed(op, args, &dtypes, body)
}

/// As [`compose`], each argument converted to the dtype beside it where there is one.
///
/// # Errors
/// As [`element`](super::build::element).
#[track_caller]
pub fn compose_typed(
    op: &str,
    args: &[Arg],
    dtypes: &[Option<DType>],
    body: impl FnOnce(&mut Program, &[Value]) -> Result<Value>,
) -> Result<Expr> {
    let mut program = Program::default();
    let mut inputs: Vec<Expr> = Vec::new();
    let mut values = Vec::new();
    for (arg, want) in args.iter().zip(dtypes) {
        let value = match arg {
            Arg::Scalar(s) => program.constant(*s, want.unwrap_or(s.dtype())),
            Arg::Array(e) => {
                let v = if let Some(i) = inputs.iter().position(|i| i.id() == e.id()) {
                    program.insts.iter().position(|x| *x == Inst::Input(i)).unwrap_or(0)
                } else {
                    inputs.push(e.clone());
                    program.input(e.dtype)
                };
                want.map_or(v, |d| program.cast(v, d))
            }
        };
        values.push(value);
    }
    let out = body(&mut program, &values)?;
    program.outputs = vec![out];
    elementwise(op, &program, &inputs)
}

/// A program over broadcast arrays.
#[track_caller]
fn elementwise(op: &str, program: &Program, inputs: &[Expr]) -> Result<Expr> {
    numbers_only(op, inputs)?;
    if !inputs.iter().all(|e| e.shape.is_known()) {
        let (name, program) = (op.to_owned(), program.clone());
        return when_known(op, inputs, move |e| elementwise(&name, &program, e));
    }
    let dtype = program.output_dtype(0);
    let shapes: Vec<&Shape> = inputs.iter().map(|e| &e.shape).collect();
    let shape = broadcast(op, &shapes)?;
    let grids: Vec<&Chunks> = inputs.iter().map(|e| &e.chunks).collect();
    let chunks = unify(&shape.max(), &grids);
    let names = common_names(&shape, inputs);
    let kind = ExprKind::Elementwise { program: program.clone(), args: inputs.to_vec() };
    Ok(node(kind, dtype, shape, chunks, names))
}

/// The dtype in which an operation on floats takes weak constants: that of the arrays as floats, so that any integer
/// goes.
pub(super) fn inexact_dtype(args: &[Arg]) -> Option<DType> {
    let scalars = || args.iter().filter_map(|a| if let Arg::Scalar(s) = a { Some(s.kind()) } else { None });
    // Beside an integer, truth values are integers of 64 bits.
    let integers = scalars().any(|kind| matches!(kind, Kind::Signed | Kind::Unsigned));
    let float = |dtype: DType| to_inexact(if dtype == DType::Bool && integers { DType::I64 } else { dtype });
    let arrays = args.iter().filter_map(|a| if let Arg::Array(e) = a { Some(float(e.dtype)) } else { None });
    arrays.reduce(promote).map(|dtype| scalars().fold(dtype, promote_weak))
}

/// The dtype in which arrays and weak constants meet.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an integer constant that the dtype does not hold.
pub fn common_dtype(op: &str, args: &[Arg]) -> Result<DType> {
    let arrays = args.iter().filter_map(|a| if let Arg::Array(e) = a { Some(e.dtype) } else { None });
    let scalars = || args.iter().filter_map(|a| if let Arg::Scalar(s) = a { Some(*s) } else { None });
    let Some(dtype) = arrays.reduce(promote) else {
        return Ok(scalars().map(Scalar::dtype).reduce(promote).unwrap_or(DType::F64));
    };
    let dtype = scalars().fold(dtype, |d, s| promote_weak(d, s.kind()));
    if let Some(wide) = scalars().find(|s| !s.fits(dtype)) {
        return Err(Error::argument(op, format!("the integer {wide} is out of bounds for {dtype}")));
    }
    Ok(dtype)
}

/// Names of the result of broadcasting: those of the first argument that names an axis, with the coordinates on which
/// all arguments agree.
fn common_names(shape: &Shape, inputs: &[Expr]) -> Vec<Option<Name>> {
    let mut names: Vec<Option<Name>> = vec![None; shape.rank()];
    for input in inputs {
        let shift = shape.rank() - input.shape.rank();
        for (axis, name) in input.names.iter().enumerate() {
            let stretched = input.shape.dims()[axis] == Dim::Known(1) && shape.dims()[axis + shift] != Dim::Known(1);
            match (&mut names[axis + shift], name) {
                _ if stretched => {}
                (Some(have), Some(name)) => have.meet(name),
                (None, name) => names[axis + shift].clone_from(name),
                (Some(_), None) => {}
            }
        }
    }
    if names.iter().all(Option::is_none) { Vec::new() } else { names }
}
