//! Programs as CUDA C.
//!
//! A [`Program`] becomes one `__device__` function of its inputs; the expressions are the table's own
//! ([`ElementOp::cuda`](crate::op::elementwise::ElementOp::cuda)), the helpers they call stand in `kernels/prelude.cu`,
//! those of random draws in `kernels/random.cu`.
//! Constants of the user's expression are lifted to parameters first ([`lift`]), so that `x + 1` and `x + 2` share a
//! compiled kernel.

use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::op::program::{Inst, Program};
use std::fmt::Write;

/// What stands before every generated kernel.
pub const PRELUDE: &str = concat!(include_str!("kernels/prelude.cu"), "\n", include_str!("kernels/random.cu"));

/// The threads of a block.
pub const BLOCK: u32 = 256;

/// Blocks that an SM must be able to hold. Without a bound the assembler spills registers to reach a higher occupancy,
/// which kernels bound by memory have no use for.
pub const RESIDENT: u32 = 2;

/// One parameter of a generated kernel, in the order of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param {
    /// Address of the first element of input `i`.
    Input(usize),
    /// Address of output `i`.
    Output(usize),
    /// A constant of the program.
    Const(Scalar, DType),
    /// The index space: shape and strides of every operand.
    Space,
    /// Number of elements, `u64`.
    Count,
    /// Number of items, each some elements, `u64`.
    Items,
    /// The index space of the outputs of a reduction.
    Kept,
    /// That of the elements of one output.
    Reduced,
    /// Position of the first element, `i64`.
    Position,
    /// Number of outputs of a reduction, `u64`.
    Outputs,
    /// Elements of one output, `u64`.
    Elements,
    /// The same, `f64`.
    ElementsReal,
    /// Threads that share an output, `u32`, a power of 2.
    Lanes,
    /// Whether neighbouring threads take neighbouring outputs, `u32`.
    Across,
    /// Length of an axis, `u64`.
    Length(usize),
}

/// A generated kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelSource {
    /// The name of the entry point.
    pub name: String,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The code, without the prelude.
    pub text: String,
}

/// The C type of a value in a register.
#[must_use]
pub fn value_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        other => stored_type(other),
    }
}

/// The C type of an element in memory.
#[must_use]
pub fn stored_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "b8",
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "u8",
        DType::U16 => "u16",
        DType::U32 => "u32",
        DType::U64 => "u64",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::F32 => "f32",
        DType::F64 => "f64",
        DType::C64 => "c64",
        DType::C128 => "c128",
    }
}

/// A constant as a C expression, exact to the bit.
#[must_use]
pub fn literal(value: Scalar, dtype: DType) -> String {
    let bytes = value.to_bytes(dtype);
    let bits = |at: usize, n: usize| bytes[at..at + n].iter().rev().fold(0u64, |acc, &b| (acc << 8) | u64::from(b));
    let real32 = |at: usize| format!("__int_as_float(0x{:08x})", bits(at, 4));
    let real64 = |at: usize| format!("__longlong_as_double(0x{:016x}ll)", bits(at, 8));
    match dtype.kind() {
        Kind::Bool => (bytes[0] != 0).to_string(),
        Kind::Signed | Kind::Unsigned => format!("({})0x{:x}ull", value_type(dtype), bits(0, dtype.size())),
        Kind::Float if dtype.size() == 2 => format!("{}{{0x{:04x}}}", value_type(dtype), bits(0, 2)),
        Kind::Float if dtype == DType::F32 => real32(0),
        Kind::Float => real64(0),
        Kind::Complex if dtype == DType::C64 => format!("c64{{{}, {}}}", real32(0), real32(4)),
        Kind::Complex => format!("c128{{{}, {}}}", real64(0), real64(8)),
    }
}

/// `program` with its constants as further inputs, and what they are.
#[must_use]
pub fn lift(program: &Program) -> (Program, Vec<(Scalar, DType)>) {
    let mut lifted = program.clone();
    let mut constants = Vec::new();
    for inst in &mut lifted.insts {
        if let Inst::Const(value, dtype) = *inst {
            *inst = Inst::Input(lifted.inputs.len());
            lifted.inputs.push(dtype);
            constants.push((value, dtype));
        }
    }
    (lifted, constants)
}

/// The function `name(inputs..., outputs by reference...)` that computes `program`.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression, which typing should have refused.
pub fn function(program: &Program, name: &str) -> Result<String> {
    let mut args: Vec<String> =
        program.inputs.iter().enumerate().map(|(i, &d)| format!("const {} a{i}", value_type(d))).collect();
    for i in 0..program.outputs.len() {
        args.push(format!("{}& r{i}", value_type(program.output_dtype(i))));
    }
    let mut text = format!("FN void {name}({}) {{\n", args.join(", "));
    for (value, (inst, &dtype)) in program.insts.iter().zip(&program.dtypes).enumerate() {
        let expression = expression(*inst)?;
        let _ = writeln!(text, "  const {} v{value} = {expression};", value_type(dtype));
    }
    for (i, value) in program.outputs.iter().enumerate() {
        let _ = writeln!(text, "  r{i} = v{value};");
    }
    text.push_str("}\n");
    Ok(text)
}

/// Whether [`function`] has an expression for every instruction of `program`.
#[must_use]
pub fn is_printable(program: &Program) -> bool {
    program.insts.iter().all(|inst| match inst {
        Inst::Op(op, dtype, _) => op.cuda(*dtype).is_some(),
        Inst::Draw(sampler, _) => sampler.on_cuda(),
        Inst::Input(_) | Inst::Const(..) | Inst::Cast(..) | Inst::Select(..) => true,
    })
}

fn expression(inst: Inst) -> Result<String> {
    Ok(match inst {
        Inst::Input(i) => format!("a{i}"),
        Inst::Const(value, dtype) => literal(value, dtype),
        Inst::Op(op, dtype, [a, b]) => {
            let pattern =
                op.cuda(dtype).ok_or_else(|| Error::bug(format!("{} has CUDA code over {dtype}", op.name())))?;
            substitute(pattern, &format!("v{a}"), &format!("v{b}"))
        }
        Inst::Cast(_, to, v) => format!("cast<{}>(v{v})", value_type(to)),
        Inst::Draw(sampler, args) if sampler.on_cuda() => {
            let args: Vec<String> = args[..2 + sampler.arity()].iter().map(|v| format!("v{v}")).collect();
            format!("r_{}({})", sampler.name(), args.join(", "))
        }
        Inst::Draw(sampler, _) => return Err(Error::unsupported(format!("{} on a GPU", sampler.name()))),
        Inst::Select(_, c, a, b) => format!("v{c} ? v{a} : v{b}"),
    })
}

/// Declares one variable per output of `program`, named `prefix0`, `prefix1`, ...; their names.
pub(super) fn declare(text: &mut String, program: &Program, prefix: &str) -> Vec<String> {
    let names: Vec<String> = (0..program.outputs.len()).map(|i| format!("{prefix}{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        let _ = write!(text, "{} {name}; ", value_type(program.output_dtype(i)));
    }
    names
}

/// `{of}0 = {from}0; ...`.
pub(super) fn assign(text: &mut String, to: &[String], from: &[String]) {
    for (to, from) in to.iter().zip(from) {
        let _ = write!(text, "{to} = {from}; ");
    }
}

/// `pattern` with the words `x` and `y` replaced.
fn substitute(pattern: &str, x: &str, y: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        out.push_str(match word.as_str() {
            "x" => x,
            "y" => y,
            other => other,
        });
        word.clear();
    };
    for c in pattern.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

/// How many elements a thread handles at once: enough for 16-byte accesses to the smallest of these dtypes, fewer where
/// registers or code would grow out of hand. Depends on the program's dtypes and operations alone.
#[must_use]
pub fn vector_width(program: &Program, stored: &[DType]) -> usize {
    let sizes = || stored.iter().map(|d| d.size());
    let (smallest, largest, all) = (sizes().min().unwrap_or(4), sizes().max().unwrap_or(4), sizes().sum::<usize>());
    let work = program.work();
    // Where sizes differ, the largest elements decide: their accesses are adjacent only if each is one access.
    let mut width = if smallest == largest { 16 / smallest } else { (16 / largest).max(2) };
    while width > 16 / largest && (width * all > 128 || width * work > 64) {
        width /= 2;
    }
    while width > 1 && width * work > 160 {
        width /= 2;
    }
    width.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::elementwise::ElementOp;

    #[test]
    fn a_program_prints_as_straight_line_code() {
        let mut p = Program::default();
        let x = p.input(DType::F16);
        let two = p.constant(2, DType::F16);
        let y = p.op(ElementOp::Multiply, &[x, two]).unwrap();
        let bigger = p.op(ElementOp::Greater, &[y, x]).unwrap();
        let z = p.select(bigger, y, x);
        p.outputs.push(z);
        let (lifted, constants) = lift(&p);
        assert_eq!(constants, vec![(Scalar::Int(2), DType::F16), (Scalar::Float(2.0), DType::F32)]);
        let text = function(&lifted, "f").unwrap();
        assert!(text.starts_with("FN void f(const f16 a0, const f16 a1, const f32 a2, f16& r0) {\n"), "{text}");
        assert!(text.contains("= cast<f32>(v0);"), "{text}");
        assert!(text.contains(" ? v"), "{text}");
    }

    #[test]
    fn words_are_replaced_and_members_are_not() {
        assert_eq!(substitute("f_atan2(x.im, x.re)", "v1", "v2"), "f_atan2(v1.im, v1.re)");
        assert_eq!(substitute("x > y ? x : y", "v1", "v2"), "v1 > v2 ? v1 : v2");
        assert_eq!(substitute("c_exp(x)", "v1", "v2"), "c_exp(v1)");
    }

    #[test]
    fn literals_are_exact() {
        assert_eq!(literal(Scalar::Int(-1), DType::I8), "(i8)0xffull");
        assert_eq!(literal(Scalar::Float(1.0), DType::F32), "__int_as_float(0x3f800000)");
        assert_eq!(literal(Scalar::Bool(true), DType::Bool), "true");
        assert_eq!(literal(Scalar::Float(1.0), DType::BF16), "bf16{0x3f80}");
    }
}
