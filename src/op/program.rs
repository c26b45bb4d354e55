//! Fused straight-line code over elements: a chain of elementwise operations as one value.
//!
//! A [`Program`] is in static single assignment form: instruction `i` defines value `i`. It holds no data: inputs are
//! numbers, constants are values. The CPU runs it strip by strip, CUDA prints it as C, reductions carry their steps as
//! programs, so all of them agree on what is computed. Fusing is inlining one program into another.

use super::elementwise::{Agreement, ElementOp, Typing};
use super::random::{MOST_PARAMS, Sampler};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use std::fmt;

/// A value of a program: the instruction that defines it.
pub type Value = usize;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inst {
    /// The element of an input.
    Input(usize),
    /// A constant of this dtype.
    Const(Scalar, DType),
    /// An operation of the table, run in `dtype`; the second argument is ignored where there is one.
    Op(ElementOp, DType, [Value; 2]),
    /// A conversion from one dtype to another.
    Cast(DType, DType, Value),
    /// `then` where the condition (a `bool`) is true, `otherwise` elsewhere; both of this dtype.
    Select(DType, Value, Value, Value),
    /// A random draw: position (`u64`), key (`u64`, the same for every element), then as many parameters as it has.
    Draw(Sampler, [Value; 2 + MOST_PARAMS]),
}

/// Straight-line code from input elements to output elements.
///
/// ```
/// use hyperslab::dtype::DType;
/// use hyperslab::op::{elementwise::ElementOp, program::Program};
/// let mut p = Program::default();
/// let x = p.input(DType::F32);
/// let y = p.op(ElementOp::Multiply, &[x, x]).unwrap();
/// p.outputs.push(y);
/// assert_eq!(p.to_string(), "(a * a)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// Dtypes of the inputs.
    pub inputs: Vec<DType>,
    /// The instructions, in the order in which they run.
    pub insts: Vec<Inst>,
    /// Dtype of each value.
    pub dtypes: Vec<DType>,
    /// The values that are the results.
    pub outputs: Vec<Value>,
}

impl Program {
    /// A program that gives its one input of this dtype unchanged.
    #[must_use]
    pub fn identity(dtype: DType) -> Self {
        let mut p = Self::default();
        let x = p.input(dtype);
        p.outputs.push(x);
        p
    }

    /// Whether every device gives the same bits: its operations are exact, or rounded once.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        // What rounds more than once among complex numbers may round once among real ones.
        let once = |op: ElementOp| matches!(op, ElementOp::Divide | ElementOp::Sqrt);
        self.insts.iter().all(|inst| match inst {
            Inst::Op(op, dtype, _) => (once(*op) || op.agreement() == Agreement::Exact) && !dtype.is_complex(),
            Inst::Input(_) | Inst::Const(..) | Inst::Cast(..) | Inst::Select(..) | Inst::Draw(..) => true,
        })
    }

    /// Adds an input.
    pub fn input(&mut self, dtype: DType) -> Value {
        self.inputs.push(dtype);
        self.push(Inst::Input(self.inputs.len() - 1), dtype)
    }

    /// Adds a constant.
    pub fn constant(&mut self, value: impl Into<Scalar>, dtype: DType) -> Value {
        self.push(Inst::Const(value.into(), dtype), dtype)
    }

    /// Adds a conversion, unless it would change nothing.
    pub fn cast(&mut self, value: Value, to: DType) -> Value {
        let from = self.dtypes[value];
        if from == to {
            return value;
        }
        if let Inst::Const(scalar, _) = self.insts[value] {
            let exact = Scalar::from_bytes(from, &scalar.to_bytes(from));
            return self.constant(exact, to);
        }
        self.push(Inst::Cast(from, to, value), to)
    }

    /// Adds an operation of the table, with the conversions its typing asks for.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) where the operation is not defined for the arguments.
    pub fn op(&mut self, op: ElementOp, args: &[Value]) -> crate::error::Result<Value> {
        let dtypes: Vec<DType> = args.iter().map(|&a| self.dtypes[a]).collect();
        let signature = op.signature(&dtypes)?;
        let mut given = [0; 2];
        for (slot, &arg) in given.iter_mut().zip(args) {
            let narrow = self.cast(arg, signature.input);
            *slot = self.cast(narrow, signature.compute);
        }
        if args.len() == 1 {
            given[1] = given[0];
        }
        let value = self.push(Inst::Op(op, signature.compute, given), signature.computed);
        Ok(self.cast(value, signature.output))
    }

    /// Adds a choice; `then` and `otherwise` have the same dtype.
    pub fn select(&mut self, condition: Value, then: Value, otherwise: Value) -> Value {
        let condition = self.cast(condition, DType::Bool);
        let dtype = self.dtypes[then];
        self.push(Inst::Select(dtype, condition, then, otherwise), dtype)
    }

    /// Adds a random draw of the element at a position (`u64`); parameters are converted to what it takes.
    pub fn draw(&mut self, sampler: Sampler, position: Value, key: u64, params: &[Value]) -> Value {
        let key = self.constant(Scalar::Int(key.into()), DType::U64);
        let mut args = [position, key, position, position, position];
        for (slot, &param) in args[2..].iter_mut().zip(params) {
            *slot = self.cast(param, sampler.param());
        }
        self.push(Inst::Draw(sampler, args), sampler.output())
    }

    /// Adds an instruction, or finds the same one.
    pub fn push(&mut self, inst: Inst, dtype: DType) -> Value {
        if let Some(found) = self.insts.iter().position(|i| *i == inst && !matches!(i, Inst::Input(_))) {
            return found;
        }
        self.insts.push(inst);
        self.dtypes.push(dtype);
        self.insts.len() - 1
    }

    /// Appends the code of `other`, whose inputs become the values `args` of this program, and returns its outputs.
    pub fn inline(&mut self, other: &Self, args: &[Value]) -> Vec<Value> {
        let mut at: Vec<Value> = Vec::with_capacity(other.insts.len());
        for (inst, &dtype) in other.insts.iter().zip(&other.dtypes) {
            let value = match *inst {
                Inst::Input(i) => args[i],
                Inst::Const(..) => self.push(*inst, dtype),
                Inst::Op(op, d, [a, b]) => self.push(Inst::Op(op, d, [at[a], at[b]]), dtype),
                Inst::Cast(from, to, v) => self.push(Inst::Cast(from, to, at[v]), dtype),
                Inst::Select(d, c, a, b) => self.push(Inst::Select(d, at[c], at[a], at[b]), dtype),
                Inst::Draw(sampler, args) => self.push(Inst::Draw(sampler, args.map(|v| at[v])), dtype),
            };
            at.push(value);
        }
        other.outputs.iter().map(|&v| at[v]).collect()
    }

    /// The values that instruction `value` reads.
    pub fn operands(&self, value: Value) -> impl Iterator<Item = Value> + use<> {
        let mut all = [0; 2 + MOST_PARAMS];
        let mut put = |values: &[Value]| {
            all[..values.len()].copy_from_slice(values);
            values.len()
        };
        let count = match &self.insts[value] {
            Inst::Input(_) | Inst::Const(..) => 0,
            Inst::Op(op, _, args) => put(&args[..op.arity().min(2)]),
            Inst::Cast(_, _, v) => put(&[*v]),
            Inst::Select(_, c, a, b) => put(&[*c, *a, *b]),
            Inst::Draw(sampler, args) => put(&args[..2 + sampler.arity()]),
        };
        all.into_iter().take(count)
    }

    /// Whether an instruction reads input `i`.
    #[must_use]
    pub fn uses_input(&self, i: usize) -> bool {
        let is_read = |value: Value| (0..self.insts.len()).any(|v| self.operands(v).any(|operand| operand == value));
        self.insts.iter().position(|inst| *inst == Inst::Input(i)).is_some_and(is_read)
    }

    /// Dtype of output `i`.
    #[must_use]
    pub fn output_dtype(&self, i: usize) -> DType {
        self.dtypes[self.outputs[i]]
    }

    /// Roughly how many simple instructions it is.
    #[must_use]
    pub fn work(&self) -> usize {
        self.insts.iter().map(|&inst| weight(inst)).sum()
    }

    /// Number of instructions that compute something.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.insts.iter().filter(|i| !matches!(i, Inst::Input(_) | Inst::Const(..))).count()
    }

    /// Whether the program gives its only input back.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.inputs.len() == 1 && self.outputs.len() == 1 && matches!(self.insts[self.outputs[0]], Inst::Input(0))
    }

    /// Output `i` as text over the inputs `names`, cut off where it grows too long.
    #[must_use]
    pub fn render(&self, value: Value, names: &[String]) -> String {
        let text = self.term(value, names, 0);
        if text.chars().count() > 160 {
            let head: String = text.chars().take(157).collect();
            return format!("{head}...");
        }
        text
    }

    fn term(&self, value: Value, names: &[String], depth: usize) -> String {
        if depth > 24 {
            return "...".to_owned();
        }
        let sub = |v: Value| self.term(v, names, depth + 1);
        match self.insts[value] {
            Inst::Input(i) => names.get(i).cloned().unwrap_or_else(|| format!("in{i}")),
            Inst::Const(scalar, _) => scalar.to_string(),
            Inst::Cast(_, to, v) => format!("{to}({})", sub(v)),
            Inst::Select(_, c, a, b) => format!("where({}, {}, {})", sub(c), sub(a), sub(b)),
            Inst::Draw(sampler, [_, _, ref params @ ..]) => {
                let params: Vec<String> = params[..sampler.arity()].iter().map(|&v| sub(v)).collect();
                format!("random.{}({})", sampler.name(), params.join(", "))
            }
            Inst::Op(op, _, [a, b]) => match (op.arity(), infix(op)) {
                (2, Some(sign)) => format!("({} {sign} {})", sub(a), sub(b)),
                (2, None) => format!("{}({}, {})", op.name(), sub(a), sub(b)),
                _ => format!("{}({})", op.name(), sub(a)),
            },
        }
    }
}

fn infix(op: ElementOp) -> Option<&'static str> {
    Some(match op {
        ElementOp::Add => "+",
        ElementOp::Subtract => "-",
        ElementOp::Multiply => "*",
        ElementOp::Divide => "/",
        ElementOp::Less => "<",
        ElementOp::Greater => ">",
        ElementOp::LessEqual => "<=",
        ElementOp::GreaterEqual => ">=",
        ElementOp::Equal => "==",
        ElementOp::NotEqual => "!=",
        _ => return None,
    })
}

/// Roughly how many simple instructions one is.
fn weight(inst: Inst) -> usize {
    let (op, dtype) = match inst {
        Inst::Input(_) | Inst::Const(..) => return 0,
        Inst::Cast(..) | Inst::Select(..) => return 1,
        Inst::Draw(..) => return 80,
        Inst::Op(op, dtype, _) => (op, dtype),
    };
    let real = match op {
        ElementOp::Power | ElementOp::Logaddexp | ElementOp::Logaddexp2 | ElementOp::I0 => 36,
        ElementOp::Sin | ElementOp::Cos | ElementOp::Tan => 20,
        ElementOp::FloorDivide | ElementOp::Remainder | ElementOp::Fmod | ElementOp::Gcd | ElementOp::Lcm => 16,
        ElementOp::Divide | ElementOp::Reciprocal | ElementOp::Sqrt => 10,
        ElementOp::Signbit | ElementOp::Copysign | ElementOp::Rint | ElementOp::Heaviside => 1,
        other if other.typing() == Typing::Inexact => 12,
        _ => 1,
    };
    match (dtype, dtype.is_complex()) {
        (_, true) => 4 * real,
        (DType::F64, _) if real > 1 => 2 * real,
        _ => real,
    }
}

impl fmt::Display for Program {
    /// The outputs over inputs named `a`, `b`, ...
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..self.inputs.len()).map(input_name).collect();
        let outputs: Vec<String> = self.outputs.iter().map(|&v| self.render(v, &names)).collect();
        f.write_str(&outputs.join(", "))
    }
}

/// `a`, `b`, ..., `z`, `a1`, ...
pub(crate) fn input_name(i: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(i % 26).unwrap_or(0));
    if i < 26 { letter.to_string() } else { format!("{letter}{}", i / 26) }
}
