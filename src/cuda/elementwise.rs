//! Kernels of elementwise programs.
//!
//! A thread handles [`width`] neighbouring elements at a time, [`unroll`] times before it writes any, so that enough
//! bytes are on their way to keep the memory busy. A grid has a thread for each of these, but for sizes beyond the
//! largest grid, and so loops over items. Operands that are contiguous along another axis than the output go through
//! tiles of shared memory.

use super::layout::{Access, Form, WORDS, padding};
use super::source::{BLOCK, KernelSource, Param, RESIDENT, function, lift, stored_type, value_type, vector_width};
use crate::dtype::DType;
use crate::error::Result;
use crate::op::program::Program;
use std::fmt::Write;

/// Instructions of a program that is long.
const LONG: usize = 16;

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

/// Items that a thread loads before it writes the first: more for programs of few inputs.
#[must_use]
pub fn unroll(program: &Program, form: &Form) -> usize {
    let inputs = program.inputs.len().max(1);
    let heavy = vector_width(program, &stored(program)) * program.insts.len() > 64;
    match form {
        Form::Turned { .. } => 1,
        _ if heavy => 1,
        Form::Vector(_) | Form::Rows { .. } | Form::Strided { .. } => (4 / inputs).max(1),
    }
}

/// The kernel of `program` in this form, under this name. Where it is `placed`, the output has an operand of its own,
/// after those of the inputs, that says where its elements go.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print(program: &Program, name: &str, form: &Form, placed: bool) -> Result<KernelSource> {
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
    let space = match form {
        Form::Vector(_) => None,
        Form::Rows { rank, wide, .. } | Form::Strided { rank, wide } => {
            Some((rank, wide, (n + usize::from(placed)).max(1)))
        }
        Form::Turned { rank, wide, .. } => Some((rank, wide, n + 1)),
    };
    if let Some((rank, wide, operands)) = space {
        params.push(Param::Space);
        list.push(format!("const space{}<{rank}, {operands}> space", if *wide { 64 } else { 32 }));
    }
    params.extend([Param::Items, Param::Count]);
    list.push("const u64 items, const u64 n".to_owned());
    let _ = writeln!(
        text,
        "extern \"C\" __global__ void __launch_bounds__({BLOCK}, {RESIDENT}) {name}({}) {{",
        list.join(", ")
    );
    let (constants, unroll) = (constants.len(), unroll(program, form));
    let printer = Printer { program, body: &body, constants, unroll, placed };
    text.push_str(&match form {
        Form::Vector(access) => printer.vector(access),
        Form::Rows { wide, width, access, .. } => printer.rows(*wide, *width, access),
        Form::Turned { wide, turned, rank, side, width: 1 } => printer.turned(*rank, *wide, turned, *side),
        Form::Turned { wide, turned, rank, side, width } => printer.turned_words(*rank, *wide, turned, (*side, *width)),
        Form::Strided { wide, .. } => printer.strided(*wide),
    });
    text.push_str("}\n");
    Ok(KernelSource { name: name.to_owned(), params, text })
}

struct Printer<'a> {
    program: &'a Program,
    /// The name of the program's function.
    body: &'a str,
    constants: usize,
    unroll: usize,
    placed: bool,
}

impl Printer<'_> {
    fn inputs(&self) -> std::ops::Range<usize> {
        0..self.program.inputs.len()
    }

    fn outputs(&self) -> std::ops::Range<usize> {
        0..self.program.outputs.len()
    }

    fn output_type(&self, i: usize) -> &'static str {
        stored_type(self.program.output_dtype(i))
    }

    /// The call of the program's function and the store of its outputs, given how to read an input and write an output.
    fn call(&self, read: impl Fn(usize) -> String, write: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for i in self.outputs() {
            let _ = write!(text, "{} y{i}; ", value_type(self.program.output_dtype(i)));
        }
        let mut args: Vec<String> = self.inputs().map(read).collect();
        args.extend((0..self.constants).map(|i| format!("load(k{i})")));
        args.extend(self.outputs().map(|i| format!("y{i}")));
        let _ = write!(text, "{}({});", self.body, args.join(", "));
        for i in self.outputs() {
            let _ = write!(text, " {} = stored(y{i});", write(i));
        }
        text
    }

    /// A loop in strides of the grid over `items`, `unroll` of them at a time: `load` prints what is read for the item
    /// in its first argument under names that end in its second, `finish` what is done with it.
    fn items(&self, load: impl Fn(&str, &str) -> String, finish: impl Fn(&str, &str) -> String) -> String {
        if self.unroll == 1 {
            let head = "#pragma unroll 1\n  for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < items; i += (u64)gridDim.x * blockDim.x) {\n";
            return format!("{head}{}{}  }}\n", load("i", ""), finish("i", ""));
        }
        let step = u32::try_from(self.unroll).unwrap_or(1) * BLOCK;
        let mut text = format!(
            "#pragma unroll 1\n  for (u64 i0 = (u64)blockIdx.x * {step} + threadIdx.x; i0 < items; i0 += (u64)gridDim.x * {step}) {{\n"
        );
        let last = (self.unroll - 1) * BLOCK as usize;
        let _ = writeln!(text, "    if (i0 + {last} < items) {{");
        for k in 1..self.unroll {
            let _ = writeln!(text, "    const u64 i{k} = i0 + {};", k * BLOCK as usize);
        }
        for k in 0..self.unroll {
            text.push_str(&load(&format!("i{k}"), &format!("_{k}")));
        }
        for k in 0..self.unroll {
            text.push_str(&finish(&format!("i{k}"), &format!("_{k}")));
        }
        text.push_str("    continue;\n    }\n");
        let _ = writeln!(text, "#pragma unroll 1\n    for (u64 i = i0; i < items && i < i0 + {step}; i += {BLOCK}) {{");
        text.push_str(&load("i", ""));
        text.push_str(&finish("i", ""));
        text.push_str("    }\n  }\n");
        text
    }

    /// Computes `width` elements, of which input `i` is `read(i)` (`j` is the index), and puts them at `to` of each
    /// output.
    fn pack(&self, width: usize, read: impl Fn(usize) -> String, to: &str) -> String {
        let mut text = String::from("    {\n");
        for i in self.outputs() {
            let _ = writeln!(text, "    pack<{}, {width}> q{i};", self.output_type(i));
        }
        let step = self.call(read, |i| format!("q{i}.v[j]"));
        let _ = writeln!(text, "#pragma unroll\n    for (int j = 0; j < {width}; ++j) {{ {step} }}");
        for i in self.outputs() {
            let _ = writeln!(text, "    put<{width}>(out{i}, {to}, q{i});");
        }
        text.push_str("    }\n");
        text
    }

    fn vector(&self, access: &[Access]) -> String {
        let width = width(self.program);
        let whole = |i: usize| access.get(i) == Some(&Access::Whole);
        let mut text = String::new();
        for i in self.inputs().filter(|&i| !whole(i)) {
            let _ = writeln!(text, "  const {} one{i} = load(in{i}[0]);", value_type(self.program.inputs[i]));
        }
        let load = |item: &str, suffix: &str| -> String {
            let fetch = |i: usize| format!("    const auto p{i}{suffix} = fetch<{width}>(in{i}, {item});\n");
            self.inputs().filter(|&i| whole(i)).map(fetch).collect()
        };
        let finish = |item: &str, suffix: &str| {
            let read = |i: usize| if whole(i) { format!("load(p{i}{suffix}.v[j])") } else { format!("one{i}") };
            self.pack(width, read, item)
        };
        text.push_str(&self.items(load, finish));
        if width > 1 {
            let read = |i: usize| if whole(i) { format!("load(in{i}[i])") } else { format!("one{i}") };
            let step = self.call(read, |i| format!("out{i}[i]"));
            let _ = writeln!(
                text,
                "  const u64 i = items * {width} + threadIdx.x;\n  if (blockIdx.x == 0 && i < n) {{ {step} }}"
            );
        }
        text
    }

    /// Where item `item` lies in each operand.
    fn locate(&self, wide: bool, item: &str, suffix: &str) -> String {
        let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
        let n = (self.program.inputs.len() + usize::from(self.placed)).max(1);
        format!("    {offset} at{suffix}[{n}]; locate(space, ({index}){item}, at{suffix});\n")
    }

    fn rows(&self, wide: bool, width: usize, access: &[Access]) -> String {
        let whole = |i: usize| access.get(i) == Some(&Access::Whole);
        let load = |item: &str, suffix: &str| {
            let mut text = self.locate(wide, item, suffix);
            for (i, &dtype) in self.program.inputs.iter().enumerate() {
                let _ = if whole(i) {
                    writeln!(text, "    const auto p{i}{suffix} = fetch<{width}>(in{i} + at{suffix}[{i}], 0);")
                } else {
                    writeln!(text, "    const {} p{i}{suffix} = load(in{i}[at{suffix}[{i}]]);", value_type(dtype))
                };
            }
            text
        };
        let finish = |item: &str, suffix: &str| {
            let read = |i: usize| if whole(i) { format!("load(p{i}{suffix}.v[j])") } else { format!("p{i}{suffix}") };
            let to = format!("at{suffix}[{}] / {width}", self.program.inputs.len());
            self.pack(width, read, if self.placed { &to } else { item })
        };
        self.items(load, finish)
    }

    fn strided(&self, wide: bool) -> String {
        let load = |item: &str, suffix: &str| {
            let mut text = self.locate(wide, item, suffix);
            for (i, &dtype) in self.program.inputs.iter().enumerate() {
                let _ = writeln!(text, "    const {} p{i}{suffix} = load(in{i}[at{suffix}[{i}]]);", value_type(dtype));
            }
            text
        };
        let finish = |item: &str, suffix: &str| {
            let to = format!("at{suffix}[{}]", self.program.inputs.len());
            let to = if self.placed { &to } else { item };
            format!("    {{ {} }}\n", self.call(|i| format!("p{i}{suffix}"), |i| format!("out{i}[{to}]")))
        };
        self.items(load, finish)
    }

    /// A loop over tiles of the last two axes, one of which a block takes at a time. Its first row and column are `r0`
    /// and `c0`; where it begins in each operand, `at`.
    fn over_tiles(&self, rank: usize, wide: bool, side: usize, body: &str) -> String {
        let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
        format!(
            "  const {index} height = space.dim[{down}], length = space.dim[{right}];\n  \
             const {index} across = (length + {side} - 1) / {side}, tiles = (height + {side} - 1) / {side} * across;\n  \
             const u64 all = n / height / length * tiles;\n#pragma unroll 1\n  \
             for (u64 t = blockIdx.x; t < all; t += gridDim.x) {{\n    \
             const {index} stack = ({index})(t / tiles), tile = ({index})(t % tiles);\n    \
             const {index} r0 = tile / across * {side}, c0 = tile % across * {side};\n    \
             const bool whole = r0 + {side} <= height && c0 + {side} <= length;\n    \
             {offset} at[{operands}]; locate(space, stack * height * length, at);\n{body}    __syncthreads();\n  }}\n",
            down = rank - 2,
            right = rank - 1,
            operands = self.program.inputs.len() + 1,
        )
    }

    /// Turned operands are read along the first axis of a tile into shared memory, everything else along the second.
    /// Whole tiles, which most are, are not looked at element by element.
    fn turned(&self, rank: usize, wide: bool, turned: &[bool], side: usize) -> String {
        let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
        let n = self.program.inputs.len();
        let (down, right) = (rank - 2, rank - 1);
        let rows = BLOCK as usize / side;
        let mut text = String::new();
        let is_turned = |i: &usize| turned.get(*i) == Some(&true);
        for i in self.inputs().filter(is_turned) {
            let dtype = self.program.inputs[i];
            let (kind, padding) = (stored_type(dtype), padding(dtype.size()));
            let _ = writeln!(text, "  __shared__ {kind} tile{i}[{side}][{side} + {padding}];");
        }
        let _ = writeln!(text, "  const u32 tx = threadIdx.x % {side}, ty = threadIdx.x / {side};");
        let element = |i: usize| {
            format!("at[{i}] + ({offset})r * space.stride[{i}][{down}] + ({offset})c * space.stride[{i}][{right}]")
        };
        let fill = |i: usize| format!("tile{i}[ty + j][tx] = in{i}[{}]; ", element(i));
        let fill: Vec<String> = self.inputs().filter(is_turned).map(fill).collect();
        let read = |i: usize| {
            if is_turned(&i) { format!("load(tile{i}[tx][ty + j])") } else { format!("load(in{i}[{}])", element(i)) }
        };
        let empty = format!("const {offset} to = {}; {}", element(n), self.call(read, |i| format!("out{i}[to]")));
        // Programs of many instructions are not repeated for every row of a tile.
        let steps = if self.program.insts.len() > LONG { 2 } else { side / rows };
        let walk = |r: &str, c: &str, body: &str, steps: usize| {
            let lines = |guard: &str| {
                format!(
                    "#pragma unroll {steps}\n      for (u32 j = 0; j < {side}; j += {rows}) {{ \
                     const {index} r = r0 + {r}, c = c0 + {c}; {guard}{{ {body} }} }}\n"
                )
            };
            format!(
                "    if (whole) {{\n{}    }} else {{\n{}    }}\n",
                lines(""),
                lines("if (r < height && c < length) ")
            )
        };
        let mut body = walk("tx", "ty + j", &fill.concat(), side / rows);
        body.push_str("    __syncthreads();\n");
        body.push_str(&walk("ty + j", "tx", &empty, steps));
        text + &self.over_tiles(rank, wide, side, &body)
    }

    /// As [`Printer::turned`], a word of `width` elements at a time. A thread turns squares of so many elements a side
    /// in registers; the words of a row lie such in shared memory that neither rows nor columns of them meet in a bank.
    fn turned_words(&self, rank: usize, wide: bool, turned: &[bool], (side, width): (usize, usize)) -> String {
        let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
        let n = self.program.inputs.len();
        let (down, right) = (rank - 2, rank - 1);
        let rows = BLOCK as usize / WORDS;
        let is_turned = |i: &usize| turned.get(*i) == Some(&true);
        let mut text = String::new();
        for i in self.inputs().filter(is_turned) {
            let _ = writeln!(text, "  __shared__ u32 tile{i}[{side}][{WORDS}];");
        }
        let _ = writeln!(text, "  const u32 tx = threadIdx.x % {WORDS}, ty = threadIdx.x / {WORDS};");
        let element = |i: usize, c: &str| {
            format!("at[{i}] + ({offset})r * space.stride[{i}][{down}] + ({offset}){c} * space.stride[{i}][{right}]")
        };
        let guarded = |body: &dyn Fn(&str) -> String| {
            let inside = body("if (r < height && c < length) ");
            format!("    if (whole) {{\n{}    }} else {{\n{inside}    }}\n", body(""))
        };
        let squares = WORDS / rows;
        let mut body = String::new();
        for i in self.inputs().filter(is_turned) {
            let fill = |guard: &str| {
                let each = |what: &str| {
                    format!(
                        "#pragma unroll\n      for (u32 k = 0; k < {squares}; ++k) {{ \
                         const {index} r = r0 + tx * {width}, c = c0 + (ty + k * {rows}) * {width}; {guard}{{\n\
                         {what} }} }}\n"
                    )
                };
                let over = |what: &str| format!("#pragma unroll\n        for (u32 q = 0; q < {width}; ++q) {what}");
                let fetch = format!("word[k][q] = *reinterpret_cast<const u32*>(in{i} + ({}));", element(i, "(c + q)"));
                let keep = format!("tile{i}[tx * {width} + q][(ty + k * {rows}) ^ tx] = word[k][q];");
                let turn = format!("        turn(word[k]);\n{}", over(&keep));
                format!("      u32 word[{squares}][{width}];\n{}{}", each(&over(&fetch)), each(&turn))
            };
            body.push_str(&guarded(&fill));
        }
        body.push_str("    __syncthreads();\n");
        let steps = if width * self.program.insts.len() > LONG { 1 } else { side / rows / 2 };
        let empty = |guard: &str| {
            let mut text = format!(
                "#pragma unroll {steps}\n      for (u32 j = 0; j < {side}; j += {rows}) {{ \
                 const {index} r = r0 + ty + j, c = c0 + tx * {width}; {guard}{{\n"
            );
            for i in self.inputs() {
                let kind = stored_type(self.program.inputs[i]);
                let _ = if is_turned(&i) {
                    writeln!(
                        text,
                        "      const u32 word{i} = tile{i}[ty + j][tx ^ (ty + j) / {width}]; \
                         const auto p{i} = *reinterpret_cast<const pack<{kind}, {width}>*>(&word{i});"
                    )
                } else {
                    writeln!(text, "      const auto p{i} = fetch<{width}>(in{i} + ({}), 0);", element(i, "c"))
                };
            }
            let to = format!("({}) / {width}", element(n, "c"));
            text + &self.pack(width, |i| format!("load(p{i}.v[j])"), &to) + "    } }\n"
        };
        body.push_str(&guarded(&empty));
        text + &self.over_tiles(rank, wide, side, &body)
    }
}
