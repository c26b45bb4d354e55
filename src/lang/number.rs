//! Python's arithmetic on plain numbers: what happens before an array is involved.

use super::ast::{BinaryOp, CompareOp, UnaryOp};
use crate::dtype::Kind;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::cmp::Ordering;

/// `a op b`, as Python computes it; integers are limited to 128 bits.
pub(super) fn binary(op: BinaryOp, a: Scalar, b: Scalar) -> Result<Scalar> {
    if let (Scalar::Bool(x), Scalar::Bool(y)) = (a, b) {
        match op {
            BinaryOp::BitAnd => return Ok(Scalar::Bool(x & y)),
            BinaryOp::BitOr => return Ok(Scalar::Bool(x | y)),
            BinaryOp::BitXor => return Ok(Scalar::Bool(x ^ y)),
            _ => {}
        }
    }
    match a.kind().max(b.kind()) {
        Kind::Bool | Kind::Unsigned | Kind::Signed => integers(op, a.to_i128(), b.to_i128()),
        Kind::Float => floats(op, a.to_f64(), b.to_f64()),
        Kind::Complex => complexes(op, a.to_c64(), b.to_c64()),
    }
}

/// `op a`.
pub(super) fn unary(op: UnaryOp, a: Scalar) -> Result<Scalar> {
    let whole = matches!(a, Scalar::Bool(_) | Scalar::Int(_));
    match (op, a) {
        (UnaryOp::Negative, Scalar::Float(x)) => Ok(Scalar::Float(-x)),
        (UnaryOp::Negative, Scalar::Complex(x)) => Ok(Scalar::Complex(-x)),
        (UnaryOp::Negative, _) => a.to_i128().checked_neg().map(Scalar::Int).ok_or_else(|| too_large("-")),
        (UnaryOp::Positive, Scalar::Bool(x)) => Ok(Scalar::Int(x.into())),
        (UnaryOp::Positive, _) => Ok(a),
        (UnaryOp::Invert, _) if whole => Ok(Scalar::Int(!a.to_i128())),
        (UnaryOp::Invert, _) => Err(undefined("~", a)),
    }
}

/// `a op b` for the six comparisons.
pub(super) fn compare(op: CompareOp, a: Scalar, b: Scalar) -> Result<bool> {
    if a.kind().max(b.kind()) == Kind::Complex {
        return match op {
            CompareOp::Equal | CompareOp::Is => Ok(a.to_c64() == b.to_c64()),
            CompareOp::NotEqual | CompareOp::IsNot => Ok(a.to_c64() != b.to_c64()),
            _ => Err(Error::argument(op.symbol(), "complex numbers have no order")),
        };
    }
    let order = match (a, b) {
        (Scalar::Float(_), _) | (_, Scalar::Float(_)) => a.to_f64().partial_cmp(&b.to_f64()),
        _ => Some(a.to_i128().cmp(&b.to_i128())),
    };
    Ok(match op {
        CompareOp::Less => order == Some(Ordering::Less),
        CompareOp::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Greater => order == Some(Ordering::Greater),
        CompareOp::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        CompareOp::NotEqual | CompareOp::IsNot => order != Some(Ordering::Equal),
        _ => order == Some(Ordering::Equal),
    })
}

fn integers(op: BinaryOp, a: i128, b: i128) -> Result<Scalar> {
    let symbol = op.symbol();
    let divisor = || if b == 0 { Err(by_zero(symbol)) } else { Ok(b) };
    let value = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide => {
            divisor()?;
            return Ok(Scalar::Float(Scalar::Int(a).to_f64() / Scalar::Int(b).to_f64()));
        }
        BinaryOp::FloorDivide => {
            let (quotient, rest) = (a.checked_div(divisor()?), a.checked_rem(b).unwrap_or(0));
            quotient.map(|q| if rest != 0 && (rest < 0) != (b < 0) { q - 1 } else { q })
        }
        BinaryOp::Remainder => {
            let rest = a.checked_rem(divisor()?).unwrap_or(0);
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        BinaryOp::Power if b < 0 => return floats(op, Scalar::Int(a).to_f64(), Scalar::Int(b).to_f64()),
        BinaryOp::Power => power(a, b),
        BinaryOp::BitAnd => Some(a & b),
        BinaryOp::BitOr => Some(a | b),
        BinaryOp::BitXor => Some(a ^ b),
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight if b < 0 => {
            return Err(Error::argument(symbol, "a shift count cannot be negative"));
        }
        BinaryOp::ShiftLeft if a == 0 => Some(0),
        BinaryOp::ShiftLeft => u32::try_from(b).ok().and_then(|n| 2i128.checked_pow(n)).and_then(|f| a.checked_mul(f)),
        BinaryOp::ShiftRight => Some(a >> b.min(127)),
        BinaryOp::MatMul => return Err(undefined(symbol, Scalar::Int(a))),
    };
    value.map(Scalar::Int).ok_or_else(|| too_large(symbol))
}

fn power(base: i128, exponent: i128) -> Option<i128> {
    match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Result<Scalar> {
    let symbol = op.symbol();
    let zero = b == 0.0;
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Remainder if zero => return Err(by_zero(symbol)),
        BinaryOp::Divide => a / b,
        BinaryOp::FloorDivide => divide_down(a, b).0,
        BinaryOp::Remainder => divide_down(a, b).1,
        BinaryOp::Power if a == 0.0 && b < 0.0 => return Err(by_zero(symbol)),
        BinaryOp::Power if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 => {
            return Ok(Scalar::Complex(Complex64::from(a).powf(b)));
        }
        BinaryOp::Power => {
            let value = a.powf(b);
            if value.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(Error::argument(symbol, "the result is too large for a float"));
            }
            value
        }
        _ => return Err(undefined(symbol, Scalar::Float(a))),
    };
    Ok(Scalar::Float(value))
}

/// Python's `divmod` on floats.
fn divide_down(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0f64.copysign(b);
    } else if (rest < 0.0) != (b < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0f64.copysign(a / b), rest);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, rest)
}

fn complexes(op: BinaryOp, a: Complex64, b: Complex64) -> Result<Scalar> {
    let symbol = op.symbol();
    let zero = Complex64::default();
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide if b == zero => return Err(by_zero(symbol)),
        BinaryOp::Divide => a / b,
        BinaryOp::Power if b == zero => Complex64::from(1.0),
        BinaryOp::Power if a == zero && (b.im != 0.0 || b.re < 0.0) => return Err(by_zero(symbol)),
        BinaryOp::Power if a == zero => zero,
        #[expect(clippy::cast_possible_truncation, reason = "at most 100, as checked")]
        BinaryOp::Power if b.im == 0.0 && b.re.fract() == 0.0 && b.re.abs() <= 100.0 => a.powi(b.re as i32),
        BinaryOp::Power => a.powc(b),
        _ => return Err(undefined(symbol, Scalar::Complex(a))),
    };
    Ok(Scalar::Complex(value))
}

fn by_zero(op: &str) -> Error {
    Error::argument(op, "division by zero")
}

fn too_large(op: &str) -> Error {
    Error::argument(op, "the integer does not fit in 128 bits")
}

fn undefined(op: &str, a: Scalar) -> Error {
    Error::argument(op, format!("is not defined for {}", kind_name(a)))
}

/// What Python calls the type of a number.
pub(super) fn kind_name(a: Scalar) -> &'static str {
    match a {
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Complex(_) => "complex",
    }
}
