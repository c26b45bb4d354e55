//! Scans, as data: running results along an axis.
//!
//! A [`Scanner`] is three [`Program`]s: *lift* makes a state of an element, *combine* joins the states of two
//! neighbouring stretches, *finish* makes an output of a state. Combining is associative, so that an axis may be
//! scanned in tiles which are joined afterwards. [`SCANS`] lists what exists: adding one is a row.

use super::elementwise::ElementOp;
use super::program::Program;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::Result;

/// A scan of the table.
#[derive(Debug)]
pub struct Scan {
    /// The NumPy name.
    pub name: &'static str,
    /// What it computes, in words.
    pub doc: &'static str,
    /// What joins neighbours; nothing where the later one counts unless it is NaN.
    op: Option<ElementOp>,
    /// Whether integers widen to 64 bits and floats accumulate in `f64`, as in sums.
    widens: bool,
    /// What stands in for NaN.
    instead_of_nan: Option<i64>,
    /// Whether elements count as truth values.
    logical: bool,
}

const ROW: Scan =
    Scan { name: "", doc: "", op: Some(ElementOp::Add), widens: false, instead_of_nan: None, logical: false };

/// Every scan, by NumPy name.
pub static SCANS: &[Scan] = &[
    Scan { name: "cumsum", doc: "The running sum.", op: Some(ElementOp::Add), widens: true, ..ROW },
    Scan { name: "cumprod", doc: "The running product.", op: Some(ElementOp::Multiply), widens: true, ..ROW },
    Scan {
        name: "nancumsum",
        doc: "The running sum, NaN counting as 0.",
        op: Some(ElementOp::Add),
        widens: true,
        instead_of_nan: Some(0),
        ..ROW
    },
    Scan {
        name: "nancumprod",
        doc: "The running product, NaN counting as 1.",
        op: Some(ElementOp::Multiply),
        widens: true,
        instead_of_nan: Some(1),
        ..ROW
    },
    Scan { name: "maximum.accumulate", doc: "The largest element so far.", op: Some(ElementOp::Maximum), ..ROW },
    Scan { name: "minimum.accumulate", doc: "The smallest element so far.", op: Some(ElementOp::Minimum), ..ROW },
    Scan { name: "fmax.accumulate", doc: "The largest so far that is not NaN.", op: Some(ElementOp::Fmax), ..ROW },
    Scan { name: "fmin.accumulate", doc: "The smallest so far that is not NaN.", op: Some(ElementOp::Fmin), ..ROW },
    Scan { name: "bitwise_and.accumulate", doc: "Bits set in all so far.", op: Some(ElementOp::BitwiseAnd), ..ROW },
    Scan { name: "bitwise_or.accumulate", doc: "Bits set in any so far.", op: Some(ElementOp::BitwiseOr), ..ROW },
    Scan {
        name: "bitwise_xor.accumulate",
        doc: "Bits set in an odd number so far.",
        op: Some(ElementOp::BitwiseXor),
        ..ROW
    },
    Scan {
        name: "logical_and.accumulate",
        doc: "Whether all are true so far.",
        op: Some(ElementOp::LogicalAnd),
        logical: true,
        ..ROW
    },
    Scan {
        name: "logical_or.accumulate",
        doc: "Whether any is true so far.",
        op: Some(ElementOp::LogicalOr),
        logical: true,
        ..ROW
    },
    Scan {
        name: "logical_xor.accumulate",
        doc: "Whether an odd number is true so far.",
        op: Some(ElementOp::LogicalXor),
        logical: true,
        ..ROW
    },
    Scan { name: "push", doc: "The last so far that is not NaN.", op: None, ..ROW },
];

/// The scan of this NumPy name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scan> {
    SCANS.iter().find(|s| s.name == name)
}

/// A scan for one dtype.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scanner {
    /// The scan's name.
    pub name: &'static str,
    /// What elements are converted to first.
    pub input: DType,
    /// `(element) -> state`.
    pub lift: Program,
    /// `(state, state of what comes next) -> state`.
    pub combine: Program,
    /// `(state) -> output`.
    pub finish: Program,
}

impl Scanner {
    /// The dtype of a state.
    #[must_use]
    pub fn state(&self) -> DType {
        self.lift.output_dtype(0)
    }

    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        self.finish.output_dtype(0)
    }
}

impl Scan {
    /// The programs for elements of `input`; `dtype` is what to scan and answer in, where that is asked for.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) where it is not defined.
    pub fn scanner(&self, input: DType, dtype: Option<DType>) -> Result<Scanner> {
        let element = if self.logical { DType::Bool } else { dtype.unwrap_or(input) };
        let output = if self.widens && dtype.is_none() { widened(input) } else { element };
        let state = if self.widens && output.is_inexact() { accumulator(output) } else { output };
        let mut lift = Program::default();
        let x = lift.input(element);
        let value = match self.instead_of_nan.filter(|_| element.is_inexact()) {
            Some(neutral) => {
                let nan = lift.op(ElementOp::Isnan, &[x])?;
                let instead = lift.constant(Scalar::Int(neutral.into()), element);
                lift.select(nan, instead, x)
            }
            None => x,
        };
        let value = lift.cast(value, state);
        lift.outputs.push(value);
        let mut combine = Program::default();
        let (a, b) = (combine.input(state), combine.input(state));
        let both = match self.op {
            Some(op) => combine.op(op, &[a, b])?,
            None => {
                let nan = combine.op(ElementOp::Isnan, &[b])?;
                combine.select(nan, a, b)
            }
        };
        let both = combine.cast(both, state);
        combine.outputs.push(both);
        let mut finish = Program::default();
        let s = finish.input(state);
        let out = finish.cast(s, output);
        finish.outputs.push(out);
        Ok(Scanner { name: self.name, input: element, lift, combine, finish })
    }
}

/// The dtype of running sums of `dtype`: integers in 64 bits.
fn widened(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Bool | Kind::Signed => DType::I64,
        Kind::Unsigned => DType::U64,
        Kind::Float | Kind::Complex => dtype,
    }
}

/// The dtype in which results of an inexact `dtype` accumulate.
fn accumulator(dtype: DType) -> DType {
    if dtype.is_complex() { DType::C128 } else { DType::F64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_numpys_dtypes() {
        let output = |name: &str, input: DType| find(name).unwrap().scanner(input, None).unwrap().output();
        assert_eq!(output("cumsum", DType::Bool), DType::I64);
        assert_eq!(output("cumprod", DType::I8), DType::I64);
        assert_eq!(output("cumsum", DType::U16), DType::U64);
        assert_eq!(output("nancumsum", DType::F16), DType::F16);
        assert_eq!(output("cumsum", DType::C64), DType::C64);
        assert_eq!(output("maximum.accumulate", DType::U8), DType::U8);
        let narrow = find("cumsum").unwrap().scanner(DType::F64, Some(DType::F32)).unwrap();
        assert_eq!((narrow.input, narrow.state(), narrow.output()), (DType::F32, DType::F64, DType::F32));
    }
}
