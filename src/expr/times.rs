//! Dates and lengths of time: what operations, reductions and orders mean for them, as programs over the integers that
//! they are. The rules are NumPy's, for `datetime64` and `timedelta64`.
//!
//! `NaT` is the least integer. So it is the least in the order of integers; where it has to be the greatest, elements
//! are taken as *keys*: less 1, which wraps.

use super::known::Arg;
use super::node::Expr;
use super::programs::compose_typed;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};
use crate::op::dates::{convert, is_nat};
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value};

/// Whether dates or lengths of time are among `args`.
#[must_use]
pub fn are_among(args: &[Arg]) -> bool {
    args.iter().any(|arg| time_of(arg).is_some())
}

fn time_of(arg: &Arg) -> Option<TimeType> {
    if let Arg::Array(e) = arg { e.time } else { None }
}

/// What `x` counts, as integers.
#[must_use]
pub fn ticks(x: &Expr) -> Expr {
    x.with_time(None)
}

/// Integers in whose order `NaT` is last.
///
/// # Errors
/// None, of integers.
#[track_caller]
pub fn keys(x: &Expr) -> Result<Expr> {
    shifted(&ticks(x), ElementOp::Subtract)
}

/// What [`keys`] were made of.
///
/// # Errors
/// None, of integers.
#[track_caller]
pub fn of_keys(keys: &Expr, time: TimeType) -> Result<Expr> {
    Ok(shifted(keys, ElementOp::Add)?.with_time(Some(time)))
}

#[track_caller]
fn shifted(x: &Expr, op: ElementOp) -> Result<Expr> {
    compose_typed("sort", &[Arg::Array(x.clone())], &[None], |p, v| {
        let one = p.constant(1, DType::I64);
        p.op(op, &[v[0], one])
    })
}

/// Two arrays of the same kind as integers that compare as they do, `NaT` last.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) unless both are dates, or both lengths of time.
#[track_caller]
pub fn comparable(op: &str, a: &Expr, b: &Expr) -> Result<[Expr; 2]> {
    let both = alike(op, &[a.clone(), b.clone()])?;
    let [a, b] = both.as_slice() else { return Err(Error::bug("two arrays stay two")) };
    Ok([keys(a)?, keys(b)?])
}

/// The unit in which two types meet, the shorter one. Years and months are not all of one length, but dates in them are
/// days.
fn meet(op: &str, a: TimeType, b: TimeType) -> Result<Unit> {
    let fixed = |time: TimeType| time.is_date || !time.unit.is_of_calendar();
    let (long, short) = if a.unit < b.unit { (a, b) } else { (b, a) };
    if long.unit.is_of_calendar() != short.unit.is_of_calendar() && !fixed(long) {
        let why = format!("{a} and {b} have no common unit: years and months are not all of one length");
        return Err(Error::dtype(op, why));
    }
    Ok(short.unit)
}

/// Arrays of the same kind in a common unit.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) unless all are dates, or all lengths of time.
#[track_caller]
pub fn alike(op: &str, arrays: &[Expr]) -> Result<Vec<Expr>> {
    let mut common: Option<TimeType> = None;
    for e in arrays {
        let first = common.or(e.time);
        common = match (first, e.time) {
            (Some(a), Some(b)) if a.is_date == b.is_date => Some(TimeType { unit: meet(op, a, b)?, ..a }),
            _ => {
                let types: Vec<String> = arrays.iter().map(Expr::type_name).collect();
                return Err(Error::dtype(op, format!("{} have no common type", types.join(" and "))));
            }
        };
    }
    match common {
        Some(common) => arrays.iter().map(|e| in_unit(e, common)).collect(),
        None => Ok(Vec::new()),
    }
}

/// Dates or lengths of time counted in another unit.
#[track_caller]
fn in_unit(x: &Expr, to: TimeType) -> Result<Expr> {
    match x.time {
        Some(from) if from.unit != to.unit => {
            let moved = compose_typed("astype", &[Arg::Array(ticks(x))], &[None], |p, v| convert(p, v[0], from, to))?;
            Ok(moved.with_time(Some(to)))
        }
        _ => Ok(x.with_time(Some(to))),
    }
}

/// `x` as dates or lengths of time: of other ones, those in another unit, rounded down where it is longer; of numbers,
/// so many of the unit, cut off towards zero, NaN as `NaT`; dates and lengths of time are each other's numbers.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers, and for lengths of time between years or months and other
/// units.
#[track_caller]
pub fn astype(x: &Expr, to: TimeType) -> Result<Expr> {
    match x.time {
        Some(from) if from.is_date == to.is_date => return in_unit(x, to),
        // As in NumPy, a date is the number that it is counted by.
        Some(_) => return Ok(x.with_time(Some(to))),
        None => {}
    }
    if x.dtype.is_complex() {
        return Err(Error::dtype("astype", format!("{} is not {to}", x.dtype)));
    }
    let inexact = x.dtype.is_inexact();
    let whole = compose_typed("astype", &[Arg::Array(x.clone())], &[None], |p, v| {
        let whole = p.cast(v[0], DType::I64);
        if inexact { or_nat_where(p, ElementOp::Isnan, v[0], whole) } else { Ok(whole) }
    })?;
    Ok(whole.with_time(Some(to)))
}

/// `ticks`, or `NaT` where the test says so of `of`.
fn or_nat_where(p: &mut Program, test: ElementOp, of: Value, ticks: Value) -> Result<Value> {
    let missing = p.op(test, &[of])?;
    let nat = p.constant(NAT, DType::I64);
    Ok(p.select(missing, nat, ticks))
}

fn refused(op: &str, args: &[Arg]) -> Error {
    let name = |arg: &Arg| match arg {
        Arg::Array(e) => e.type_name(),
        Arg::Scalar(s) => format!("the number {s}"),
    };
    let names: Vec<String> = args.iter().map(name).collect();
    Error::dtype(op, format!("is not defined for {}", names.join(" and ")))
}

/// An operation of the table with dates or lengths of time among its arguments.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where NumPy has no such operation.
#[track_caller]
pub(super) fn element(op: ElementOp, args: &[Arg]) -> Result<Expr> {
    match args {
        [x] => unary(op, x),
        [x, y] => binary(op, [x, y]),
        _ => Err(refused(op.name(), args)),
    }
}

#[track_caller]
fn unary(op: ElementOp, x: &Arg) -> Result<Expr> {
    let (Arg::Array(e), Some(time)) = (x, time_of(x)) else { return Err(refused(op.name(), std::slice::from_ref(x))) };
    let of = |body: &dyn Fn(&mut Program, Value) -> Result<Value>| {
        compose_typed(op.name(), &[Arg::Array(ticks(e))], &[None], |p, v| body(p, v[0]))
    };
    match op {
        ElementOp::Positive if !time.is_date => Ok(e.clone()),
        ElementOp::Negative | ElementOp::Absolute | ElementOp::Sign if !time.is_date => {
            Ok(of(&|p, v| p.op(op, &[v]))?.with_time(Some(time)))
        }
        ElementOp::Isnan => of(&|p, v| is_nat(p, v)),
        ElementOp::Isfinite => of(&|p, v| {
            let missing = is_nat(p, v)?;
            p.op(ElementOp::LogicalNot, &[missing])
        }),
        ElementOp::Isinf => of(&|p, v| p.op(ElementOp::NotEqual, &[v, v])),
        _ => Err(refused(op.name(), std::slice::from_ref(x))),
    }
}

/// What a number beside a length of time is.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    Whole,
    Real,
}

fn number_of(arg: &Arg) -> Option<Number> {
    let dtype = match arg {
        Arg::Array(e) if e.time.is_none() => e.dtype,
        Arg::Scalar(s) if s.fits(DType::I64) => s.dtype(),
        _ => return None,
    };
    match dtype {
        dtype if dtype.is_complex() => None,
        dtype if dtype.is_inexact() => Some(Number::Real),
        _ => Some(Number::Whole),
    }
}

/// What an operation gives.
enum Answer {
    /// Dates or lengths of time.
    Time(TimeType),
    /// Numbers or truth values.
    Number,
}

/// What an operation on two sides gives; `None` where there is no such operation.
fn result(op: ElementOp, times: [Option<TimeType>; 2], numbers: [Option<Number>; 2]) -> Option<Answer> {
    use ElementOp as Op;
    let whole = |side: usize| numbers[side] == Some(Number::Whole);
    let delta = |time: TimeType| !time.is_date;
    match (op, times) {
        (Op::Add, [Some(a), Some(b)]) if delta(a) || delta(b) => Some(Answer::Time(if delta(a) { b } else { a })),
        (Op::Subtract, [Some(a), Some(b)]) if a.is_date == b.is_date => Some(Answer::Time(TimeType::delta(a.unit))),
        (Op::Subtract, [Some(a), Some(b)]) if delta(b) => Some(Answer::Time(a)),
        (Op::Add | Op::Subtract, [Some(a), None]) if whole(1) => Some(Answer::Time(a)),
        (Op::Add, [None, Some(b)]) if whole(0) => Some(Answer::Time(b)),
        (Op::Subtract, [None, Some(b)]) if whole(0) && delta(b) => Some(Answer::Time(b)),
        (Op::Multiply, [Some(a), None]) if delta(a) && numbers[1].is_some() => Some(Answer::Time(a)),
        (Op::Multiply, [None, Some(b)]) if delta(b) && numbers[0].is_some() => Some(Answer::Time(b)),
        (Op::Divide | Op::FloorDivide, [Some(a), Some(b)]) if delta(a) && delta(b) => Some(Answer::Number),
        (Op::Divide | Op::FloorDivide, [Some(a), None]) if delta(a) && numbers[1].is_some() => Some(Answer::Time(a)),
        (Op::Remainder, [Some(a), Some(b)]) if delta(a) && delta(b) => Some(Answer::Time(a)),
        (Op::Maximum | Op::Minimum | Op::Fmax | Op::Fmin, [Some(a), Some(b)]) if a.is_date == b.is_date => {
            Some(Answer::Time(a))
        }
        (Op::Maximum | Op::Minimum | Op::Fmax | Op::Fmin, [Some(a), None]) if delta(a) && whole(1) => {
            Some(Answer::Time(a))
        }
        (Op::Maximum | Op::Minimum | Op::Fmax | Op::Fmin, [None, Some(b)]) if delta(b) && whole(0) => {
            Some(Answer::Time(b))
        }
        (op, [Some(a), Some(b)]) if compares(op) && a.is_date == b.is_date => Some(Answer::Number),
        (op, [Some(a), None]) if compares(op) && delta(a) && whole(1) => Some(Answer::Number),
        (op, [None, Some(b)]) if compares(op) && delta(b) && whole(0) => Some(Answer::Number),
        (Op::LogicalAnd | Op::LogicalOr | Op::LogicalXor, _) => Some(Answer::Number),
        _ => None,
    }
}

fn compares(op: ElementOp) -> bool {
    use ElementOp as Op;
    matches!(op, Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual)
}

#[track_caller]
fn binary(op: ElementOp, args: [&Arg; 2]) -> Result<Expr> {
    let times = args.map(time_of);
    let numbers = args.map(number_of);
    let refuse = || refused(op.name(), &args.map(Arg::clone));
    let answer = result(op, times, numbers).ok_or_else(refuse)?;
    let unit = match times {
        [Some(a), Some(b)] => Some(meet(op.name(), a, b)?),
        [Some(one), None] | [None, Some(one)] => Some(one.unit),
        [None, None] => None,
    };
    let answer = match answer {
        Answer::Time(time) => Some(TimeType { unit: unit.unwrap_or(time.unit), ..time }),
        Answer::Number => None,
    };
    // Lengths of time are scaled by numbers as these are; everything else meets as integers.
    let given = args.map(|arg| if let Arg::Array(e) = arg { Arg::Array(ticks(e)) } else { arg.clone() });
    let dtypes = numbers.map(|n| n.map(|n| if n == Number::Real { DType::F64 } else { DType::I64 }));
    let made = compose_typed(op.name(), &given, &dtypes, |p, v| {
        let mut ticks = [v[0], v[1]];
        for (side, time) in times.into_iter().enumerate() {
            if let (Some(from), Some(unit)) = (time, unit) {
                ticks[side] = convert(p, ticks[side], from, TimeType { unit, ..from })?;
            }
        }
        let missing = [0, 1].map(|side| times[side].is_some().then_some(ticks[side]));
        run(p, op, ticks, missing, times)
    })?;
    Ok(made.with_time(answer))
}

/// An operation on integers that may be `NaT` where `missing` has them.
fn run(
    p: &mut Program,
    op: ElementOp,
    [a, b]: [Value; 2],
    missing: [Option<Value>; 2],
    times: [Option<TimeType>; 2],
) -> Result<Value> {
    use ElementOp as Op;
    let mut flags = Vec::new();
    for ticks in missing.into_iter().flatten() {
        flags.push(is_nat(p, ticks)?);
    }
    let any = match flags.as_slice() {
        [one] => *one,
        [one, other] => p.op(Op::LogicalOr, &[*one, *other])?,
        _ => p.constant(false, DType::Bool),
    };
    let nat = p.constant(NAT, DType::I64);
    let both = times.iter().all(Option::is_some);
    Ok(match op {
        Op::LogicalAnd | Op::LogicalOr | Op::LogicalXor => p.op(op, &[a, b])?,
        Op::NotEqual => {
            let differ = p.op(op, &[a, b])?;
            p.op(Op::LogicalOr, &[any, differ])?
        }
        op if compares(op) => {
            let there = p.op(Op::LogicalNot, &[any])?;
            let holds = p.op(op, &[a, b])?;
            p.op(Op::LogicalAnd, &[there, holds])?
        }
        // `NaT` is the least integer.
        Op::Minimum | Op::Fmax => p.op(if op == Op::Minimum { op } else { Op::Maximum }, &[a, b])?,
        Op::Fmin => {
            let least = p.op(Op::Minimum, &[a, b])?;
            let other = p.op(Op::Maximum, &[a, b])?;
            p.select(any, other, least)
        }
        Op::Divide if both => {
            let (x, y) = (p.cast(a, DType::F64), p.cast(b, DType::F64));
            let ratio = p.op(Op::Divide, &[x, y])?;
            let nan = p.constant(f64::NAN, DType::F64);
            p.select(any, nan, ratio)
        }
        Op::FloorDivide if both => {
            let (whole, none) = (p.op(op, &[a, b])?, p.constant(0, DType::I64));
            p.select(any, none, whole)
        }
        Op::Divide | Op::FloorDivide => {
            let part = divided(p, a, b)?;
            p.select(any, nat, part)
        }
        Op::Multiply if p.dtypes[a] != p.dtypes[b] => {
            let product = p.op(op, &[a, b])?;
            let whole = truncated(p, product)?;
            p.select(any, nat, whole)
        }
        Op::Remainder => {
            let (rest, none) = (p.op(op, &[a, b])?, p.constant(0, DType::I64));
            let by_none = p.op(Op::Equal, &[b, none])?;
            let undefined = p.op(Op::LogicalOr, &[any, by_none])?;
            p.select(undefined, nat, rest)
        }
        op => {
            let value = p.op(op, &[a, b])?;
            p.select(any, nat, value)
        }
    })
}

/// A real number cut off towards zero; `NaT` for NaN and for what 64 bits do not hold.
fn truncated(p: &mut Program, value: Value) -> Result<Value> {
    let whole = p.cast(value, DType::I64);
    let size = p.op(ElementOp::Absolute, &[value])?;
    let limit = p.constant(2f64.powi(63), DType::F64);
    let fits = p.op(ElementOp::Less, &[size, limit])?;
    let nat = p.constant(NAT, DType::I64);
    Ok(p.select(fits, whole, nat))
}

/// A length of time divided by a number and cut off towards zero, as NumPy does it whatever the operator; `NaT` where
/// that is zero.
fn divided(p: &mut Program, ticks: Value, by: Value) -> Result<Value> {
    use ElementOp as Op;
    if p.dtypes[by] == DType::F64 {
        let wide = p.cast(ticks, DType::F64);
        let ratio = p.op(Op::Divide, &[wide, by])?;
        return truncated(p, ratio);
    }
    let (none, one, nat) = (p.constant(0, DType::I64), p.constant(1, DType::I64), p.constant(NAT, DType::I64));
    let down = p.op(Op::FloorDivide, &[ticks, by])?;
    let back = p.op(Op::Multiply, &[down, by])?;
    let inexact = p.op(Op::NotEqual, &[back, ticks])?;
    let negative = p.op(Op::Less, &[down, none])?;
    let short = p.op(Op::LogicalAnd, &[inexact, negative])?;
    let up = p.op(Op::Add, &[down, one])?;
    let part = p.select(short, up, down);
    let by_none = p.op(Op::Equal, &[by, none])?;
    Ok(p.select(by_none, nat, part))
}

/// `then` where `condition` is true, `otherwise` elsewhere.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) unless both are dates, or both lengths of time.
#[track_caller]
pub(super) fn select(condition: &Arg, then: &Arg, otherwise: &Arg) -> Result<Expr> {
    let (Arg::Array(a), Arg::Array(b)) = (then, otherwise) else {
        return Err(refused("where", &[then.clone(), otherwise.clone()]));
    };
    let both = alike("where", &[a.clone(), b.clone()])?;
    let [a, b] = both.as_slice() else { return Err(Error::bug("two arrays stay two")) };
    let args = [condition.clone(), Arg::Array(ticks(a)), Arg::Array(ticks(b))];
    let chosen = compose_typed("where", &args, &[None, None, None], |p, v| Ok(p.select(v[0], v[1], v[2])))?;
    Ok(chosen.with_time(a.time))
}

/// The reduction, or scan, of integers that has a name.
type Integers<'a> = &'a dyn Fn(&Expr, &'static str) -> Result<Expr>;

/// The reduction called `name` of dates or lengths of time, made of reductions of integers, which `of` gives by name.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where NumPy has no such reduction.
#[track_caller]
pub(super) fn reduce(x: &Expr, time: TimeType, name: &str, of: Integers<'_>) -> Result<Expr> {
    let integers = ticks(x);
    Ok(match name {
        "min" => of(&integers, "min")?.with_time(Some(time)),
        "max" => of_keys(&of(&keys(x)?, "max")?, time)?,
        "nanmin" => of_keys(&of(&keys(x)?, "min")?, time)?,
        "nanmax" => of(&integers, "max")?.with_time(Some(time)),
        "ptp" => {
            let ends = [reduce(x, time, "max", of)?, reduce(x, time, "min", of)?];
            element(ElementOp::Subtract, &ends.map(Arg::Array))?
        }
        "argmin" | "nanargmin" => of(&integers, "argmin")?,
        "argmax" | "nanargmax" => of(&keys(x)?, "argmax")?,
        "any" => of(&integers, "any")?,
        "all" => of(&integers, "all")?,
        "count_nonzero" => of(&integers, "count_nonzero")?,
        "sum" | "nansum" if !time.is_date => {
            let missing = of(&unary(ElementOp::Isnan, &Arg::Array(x.clone()))?, "any")?;
            or_nat(&missing, &of(&integers, "sum")?, time)?
        }
        "mean" | "nanmean" if !time.is_date => {
            let one =
                compose_typed(name, &[Arg::Array(integers)], &[None], |p, v| p.op(ElementOp::Equal, &[v[0], v[0]]))?;
            let parts = [reduce(x, time, "sum", of)?, of(&one, "sum")?];
            element(ElementOp::Divide, &parts.map(Arg::Array))?
        }
        _ => return Err(refused(name, &[Arg::Array(x.clone())])),
    })
}

/// `NaT` where `missing` is true, and these integers elsewhere.
#[track_caller]
fn or_nat(missing: &Expr, ticks: &Expr, time: TimeType) -> Result<Expr> {
    let args = [missing, ticks].map(|e| Arg::Array(e.clone()));
    let made = compose_typed("where", &[args[0].clone(), args[1].clone()], &[None, None], |p, v| {
        let nat = p.constant(Scalar::Int(NAT.into()), DType::I64);
        Ok(p.select(v[0], nat, v[1]))
    })?;
    Ok(made.with_time(Some(time)))
}

/// The scan called `name` of dates or lengths of time, made of scans of integers, which `of` gives by name.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where NumPy has no such scan.
#[track_caller]
pub(super) fn scan(x: &Expr, time: TimeType, name: &str, of: Integers<'_>) -> Result<Expr> {
    let integers = ticks(x);
    Ok(match name {
        "cumsum" | "nancumsum" if !time.is_date => {
            let missing = of(&unary(ElementOp::Isnan, &Arg::Array(x.clone()))?, "logical_or.accumulate")?;
            or_nat(&missing, &of(&integers, "cumsum")?, time)?
        }
        "minimum.accumulate" => of(&integers, "minimum.accumulate")?.with_time(Some(time)),
        "fmax.accumulate" => of(&integers, "maximum.accumulate")?.with_time(Some(time)),
        "maximum.accumulate" => of_keys(&of(&keys(x)?, "maximum.accumulate")?, time)?,
        "fmin.accumulate" => of_keys(&of(&keys(x)?, "minimum.accumulate")?, time)?,
        _ => return Err(refused(name, &[Arg::Array(x.clone())])),
    })
}
