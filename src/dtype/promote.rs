//! NumPy 2 promotion (NEP 50): which dtype an operation on several dtypes has.

use super::{DType, Kind};

/// The dtype of an operation between arrays of `a` and `b`.
///
/// ```
/// use hyperslab::dtype::{DType, promote::promote};
/// assert_eq!(promote(DType::I32, DType::F32), DType::F64);
/// assert_eq!(promote(DType::U8, DType::I8), DType::I16);
/// assert_eq!(promote(DType::U64, DType::I64), DType::F64);
/// ```
#[must_use]
pub fn promote(a: DType, b: DType) -> DType {
    let (low, high) = if (a.kind(), a.size()) <= (b.kind(), b.size()) { (a, b) } else { (b, a) };
    match (low.kind(), high.kind()) {
        _ if low == high => high,
        (Kind::Bool, _) => high,
        (Kind::Unsigned, Kind::Signed) => mixed_sign(low, high),
        (Kind::Unsigned | Kind::Signed, Kind::Float) => wider(high, holding(low, high)),
        (Kind::Unsigned | Kind::Signed, Kind::Complex) => complex_of(wider(high.real(), holding(low, high.real()))),
        (Kind::Float, Kind::Complex) => complex_of(wider(low.compute(), high.real())),
        (Kind::Float, Kind::Float) if low.size() == high.size() => DType::F32,
        _ => high,
    }
}

/// The dtype of an operation between an array of `array` and a constant of kind `scalar` without a width of its own:
/// it takes the array's dtype unless its kind is higher.
#[must_use]
pub fn promote_weak(array: DType, scalar: Kind) -> DType {
    match (array.kind(), scalar) {
        (have, want) if have >= want => array,
        (Kind::Bool, Kind::Signed | Kind::Unsigned) => DType::I64,
        (Kind::Unsigned, Kind::Signed) => array,
        (Kind::Bool | Kind::Signed | Kind::Unsigned, Kind::Float) => DType::F64,
        (Kind::Bool | Kind::Signed | Kind::Unsigned, Kind::Complex) => DType::C128,
        (Kind::Float, Kind::Complex) => complex_of(array.compute()),
        _ => array,
    }
}

/// The floating dtype in which NumPy computes `sqrt`, `/`, `mean` and their like for `dtype`: the smallest float that
/// its table of loops offers, inexact types themselves.
#[must_use]
pub fn to_inexact(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::U8 => DType::F16,
        DType::I16 | DType::U16 => DType::F32,
        d if d.is_inexact() => d,
        _ => DType::F64,
    }
}

/// Whether NumPy converts `from` to `to` under its rule `same_kind`: to a dtype of the same kind, however narrow, or of
/// a higher one.
#[must_use]
pub fn same_kind(from: DType, to: DType) -> bool {
    from.kind() <= to.kind()
}

/// The complex dtype of two `real`.
#[must_use]
pub fn complex_of(real: DType) -> DType {
    if real == DType::F64 { DType::C128 } else { DType::C64 }
}

/// The signed type that holds both, `f64` where none does.
fn mixed_sign(unsigned: DType, signed: DType) -> DType {
    if signed.size() > unsigned.size() {
        return signed;
    }
    match unsigned.size() {
        1 => DType::I16,
        2 => DType::I32,
        4 => DType::I64,
        _ => DType::F64,
    }
}

/// The smallest float that NumPy pairs with an integer when the other side is `float`.
fn holding(integer: DType, float: DType) -> DType {
    match integer.size() {
        1 => float,
        2 => DType::F32,
        _ => DType::F64,
    }
}

fn wider(a: DType, b: DType) -> DType {
    if a.size() >= b.size() { a } else { b }
}
