//! Kernels of elementwise programs.

use super::layout::{Access, Form};
use super::source::{BLOCK, KernelSource, Param, RESIDENT, function, lift, stored_type, value_type, vector_width};
use crate::dtype::DType;
use crate::error::Result;
use crate::op::program::Program;
use std::fmt::Write;

/// Dtypes that a program reads from and writes to memory.
fn stored(program: &Program) -> Vec<DType> {
    let outputs = (0..program.outputs.len()).map(|i| program.output_dtype(i));
    program.inputs.iter().copied().chain(outputs).collect()
}

/// How many elements a thread of the vector kernel handles at once.
#[must_use]
pub fn width(program: &Program) -> usize {
    vector_width(program, &stored(program))
}

/// The kernel of `program` in this form, under this name.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print(program: &Program, name: &str, form: &Form) -> Result<KernelSource> {
    let (lifted, constants) = lift(program);
    let body = format!("{name}_of");
    let mut text = function(&lifted, &body)?;
    let n = program.inputs.len();
    let mut params: Vec<Param> = (0..n).map(Param::Input).collect();
    let mut list: Vec<String> =
        (0..n).map(|i| format!("const {}* __restrict__ in{i}", stored_type(program.inputs[i]))).collect();
    for i in 0..program.outputs.len() {
        params.push(Param::Output(i));
        list.push(format!("{}* __restrict__ out{i}", stored_type(program.output_dtype(i))));
    }
    for (i, &(value, dtype)) in constants.iter().enumerate() {
        params.push(Param::Const(value, dtype));
        list.push(format!("const {} k{i}", stored_type(dtype)));
    }
    if let Form::Strided { rank, wide } = form {
        params.push(Param::Space);
        let bits = if *wide { 64 } else { 32 };
        list.push(format!("const space{bits}<{rank}, {}> space", n.max(1)));
    }
    params.push(Param::Count);
    list.push("const u64 n".to_owned());
    let _ = writeln!(
        text,
        "extern \"C\" __global__ void __launch_bounds__({BLOCK}, {RESIDENT}) {name}({}) {{",
        list.join(", ")
    );
    text.push_str(
        "  const u64 lane = (u64)blockIdx.x * blockDim.x + threadIdx.x, lanes = (u64)gridDim.x * blockDim.x;\n",
    );
    match form {
        Form::Vector(access) => text.push_str(&vector(program, &body, constants.len(), access)),
        Form::Strided { wide, .. } => text.push_str(&strided(program, &body, constants.len(), *wide)),
    }
    text.push_str("}\n");
    Ok(KernelSource { name: name.to_owned(), params, text })
}

/// The call of the program's function and the store of its outputs, given how to read an input and write an output.
fn call(
    program: &Program,
    body: &str,
    constants: usize,
    read: impl Fn(usize) -> String,
    write: impl Fn(usize) -> String,
) -> String {
    let mut text = String::new();
    let outputs = 0..program.outputs.len();
    for i in outputs.clone() {
        let _ = write!(text, "{} y{i}; ", value_type(program.output_dtype(i)));
    }
    let mut args: Vec<String> = (0..program.inputs.len()).map(read).collect();
    args.extend((0..constants).map(|i| format!("load(k{i})")));
    args.extend(outputs.clone().map(|i| format!("y{i}")));
    let _ = write!(text, "{body}({});", args.join(", "));
    for i in outputs {
        let _ = write!(text, " {} = stored(y{i});", write(i));
    }
    text
}

fn vector(program: &Program, body: &str, constants: usize, access: &[Access]) -> String {
    let width = width(program);
    let whole = |i: usize| access.get(i) == Some(&Access::Whole);
    let mut text = String::new();
    for (i, &dtype) in program.inputs.iter().enumerate().filter(|(i, _)| !whole(*i)) {
        let _ = writeln!(text, "  const {} one{i} = load(in{i}[0]);", value_type(dtype));
    }
    let _ = writeln!(text, "  const u64 groups = n / {width};");
    text.push_str("#pragma unroll 1\n  for (u64 g = lane; g < groups; g += lanes) {\n");
    for i in (0..program.inputs.len()).filter(|&i| whole(i)) {
        let _ = writeln!(text, "    const auto p{i} = fetch<{width}>(in{i}, g);");
    }
    for i in 0..program.outputs.len() {
        let _ = writeln!(text, "    pack<{}, {width}> q{i};", stored_type(program.output_dtype(i)));
    }
    let read = |i: usize| if whole(i) { format!("load(p{i}.v[j])") } else { format!("one{i}") };
    let step = call(program, body, constants, read, |i| format!("q{i}.v[j]"));
    let _ = writeln!(text, "#pragma unroll\n    for (int j = 0; j < {width}; ++j) {{ {step} }}");
    for i in 0..program.outputs.len() {
        let _ = writeln!(text, "    put<{width}>(out{i}, g, q{i});");
    }
    text.push_str("  }\n");
    if width > 1 {
        let read = |i: usize| if whole(i) { format!("load(in{i}[i])") } else { format!("one{i}") };
        let step = call(program, body, constants, read, |i| format!("out{i}[i]"));
        let _ =
            writeln!(text, "#pragma unroll 1\n  for (u64 i = groups * {width} + lane; i < n; i += lanes) {{ {step} }}");
    }
    text
}

fn strided(program: &Program, body: &str, constants: usize, wide: bool) -> String {
    let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
    let read = |i: usize| format!("load(in{i}[at[{i}]])");
    let step = call(program, body, constants, read, |i| format!("out{i}[i]"));
    let n = program.inputs.len().max(1);
    format!(
        "#pragma unroll 1\n  for (u64 i = lane; i < n; i += lanes) {{\n    {offset} at[{n}];\n    locate(space, ({index})i, at);\n    \
         {step}\n  }}\n"
    )
}
