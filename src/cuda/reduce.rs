//! Kernels of full reductions: every axis of the tile, one phase.
//!
//! Two passes, both deterministic. In the first a block takes a chunk of consecutive elements; a thread runs the fused
//! map and step over groups of them into a few accumulators (element `j` of a group into accumulator `j mod L`), and the
//! block's threads merge by halves. In the second one block merges the partial states in order and finishes. Chunks
//! depend on the number of elements and the program alone, never on strides or the device, so that they decide the
//! result's bits together with the data and nothing else.

use super::layout::{Access, Form};
use super::source::{
    BLOCK, KernelSource, Param, RESIDENT, function, lift, literal, stored_type, value_type, vector_width,
};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::kernel::TileReduce;
use crate::op::program::{Program, Value};
use std::fmt::Write;

/// What stands before the kernels of this file, after the prelude.
pub const PRELUDE: &str = include_str!("kernels/reduce.cu");

/// The most bytes of state that the threads of a block can merge in shared memory.
const MAX_STATE: usize = 128;

/// The most blocks of the first pass.
const MAX_BLOCKS: usize = 1024;

/// Fewest elements that a block of the first pass takes, a multiple of every vector width times [`BLOCK`].
const MIN_CHUNK: usize = 16 * BLOCK as usize;

/// Whether the kernels of this file can run `tile`.
#[must_use]
pub fn supports(tile: &TileReduce) -> bool {
    let full = |reduced: &[bool]| reduced.iter().all(|r| *r);
    !tile.parts.is_empty()
        && tile.parts.iter().all(|p| full(&p.reduced) && p.reducer.phases.len() == 1)
        && Fused::new(tile).is_ok_and(|f| f.state_size() <= MAX_STATE)
}

/// The two kernels of a reduction, and what a launch needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Printed {
    /// One partial state per block.
    pub tiles: KernelSource,
    /// Partial states to the states that the kernel gives.
    pub finish: KernelSource,
    /// Bytes of one partial state.
    pub state_size: usize,
    /// Whether the last operand of the layout is the position, which is computed and not read.
    pub uses_position: bool,
}

/// Blocks of the first pass, and elements per block.
#[must_use]
pub fn partition(count: usize) -> (usize, usize) {
    let chunk = count.div_ceil(MAX_BLOCKS).next_multiple_of(MIN_CHUNK);
    (count.div_ceil(chunk.max(1)).max(1), chunk.max(MIN_CHUNK))
}

/// Elements of a group.
#[must_use]
pub fn width(tile: &TileReduce) -> usize {
    vector_width(&tile.map, &tile.map.inputs).min(8)
}

/// Whether a part of `tile` looks at positions.
#[must_use]
pub fn uses_position(tile: &TileReduce) -> bool {
    tile.parts.iter().any(|p| p.reducer.uses_position())
}

/// The one phase of every part as one phase.
struct Fused {
    init: Vec<(DType, Scalar)>,
    /// `(map inputs, constants, accumulators, position) -> accumulators`.
    step: Program,
    merge: Program,
    /// `(accumulators, count) -> states`.
    finish: Program,
    constants: Vec<(Scalar, DType)>,
}

impl Fused {
    fn new(tile: &TileReduce) -> Result<Self> {
        let (map, constants) = lift(&tile.map);
        let phase = |i: usize| {
            let phases = &tile.parts[i].reducer.phases;
            phases.first().ok_or_else(|| Error::bug("a reducer has a phase"))
        };
        let mut init = Vec::new();
        for i in 0..tile.parts.len() {
            init.extend(phase(i)?.init.iter().copied());
        }
        let mut step = Program::default();
        let given: Vec<Value> = map.inputs.iter().map(|&d| step.input(d)).collect();
        let accs: Vec<Value> = init.iter().map(|(d, _)| step.input(*d)).collect();
        let position = step.input(DType::I64);
        let mapped = step.inline(&map, &given);
        let (mut merge, mut finish) = (Program::default(), Program::default());
        let left: Vec<Value> = init.iter().map(|(d, _)| merge.input(*d)).collect();
        let right: Vec<Value> = init.iter().map(|(d, _)| merge.input(*d)).collect();
        let finals: Vec<Value> = init.iter().map(|(d, _)| finish.input(*d)).collect();
        let count = finish.input(DType::F64);
        let mut a = 0;
        for (i, part) in tile.parts.iter().enumerate() {
            let b = a + phase(i)?.init.len();
            let element = step.cast(mapped[part.value], part.reducer.input);
            let mut args = accs[a..b].to_vec();
            args.extend([element, position]);
            let next = step.inline(&phase(i)?.step, &args);
            step.outputs.extend(next);
            let both: Vec<Value> = left[a..b].iter().chain(&right[a..b]).copied().collect();
            let merged = merge.inline(&phase(i)?.merge, &both);
            merge.outputs.extend(merged);
            let mut args = finals[a..b].to_vec();
            args.push(count);
            let mut results = finish.inline(&phase(i)?.result, &args);
            results.push(count);
            let states = finish.inline(&part.reducer.leaf, &results);
            finish.outputs.extend(states);
            a = b;
        }
        Ok(Self { init, step, merge, finish, constants })
    }

    /// Size of the C struct of the accumulators.
    fn state_size(&self) -> usize {
        let (mut at, mut align) = (0usize, 1);
        for (dtype, _) in &self.init {
            let size = dtype.size();
            at = at.next_multiple_of(size) + size;
            align = align.max(size);
        }
        at.next_multiple_of(align)
    }

    /// The struct `K` of state, initial value and merge.
    fn state(&self, name: &str) -> String {
        let mut text = format!("struct {name}_k {{\n  struct State {{ ");
        for (i, (dtype, _)) in self.init.iter().enumerate() {
            let _ = write!(text, "{} s{i}; ", value_type(*dtype));
        }
        text.push_str("};\n  static FN void init(State& s) {");
        for (i, &(dtype, value)) in self.init.iter().enumerate() {
            let _ = write!(text, " s.s{i} = {};", literal(value, dtype));
        }
        let side = |s: &str| (0..self.init.len()).map(|i| format!("{s}.s{i}")).collect::<Vec<_>>().join(", ");
        let (a, b, r) = (side("a"), side("b"), side("r"));
        let _ = writeln!(text, " }}");
        let _ = writeln!(
            text,
            "  static FN void merge(State& a, const State& b) {{ State r; {name}_merge({a}, {b}, {r}); a = r; }}"
        );
        let _ = writeln!(text, "}};\nstatic_assert(sizeof({name}_k::State) == {}, \"layout\");", self.state_size());
        text
    }
}

/// The kernels of `tile` in this form, named `{name}_tiles` and `{name}_finish`. Where [`uses_position`], the form has an
/// operand for the position after those of the inputs.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print(tile: &TileReduce, name: &str, form: &Form) -> Result<Printed> {
    let fused = Fused::new(tile)?;
    let mut text = function(&fused.step, &format!("{name}_step"))?;
    text.push_str(&function(&fused.merge, &format!("{name}_merge"))?);
    text.push_str(&fused.state(name));
    let (entry, params) = first_pass(tile, &fused, name, form);
    text.push_str(&entry);
    let tiles = KernelSource { name: format!("{name}_tiles"), params, text };
    let finish = second_pass(&fused, name)?;
    Ok(Printed { tiles, finish, state_size: fused.state_size(), uses_position: uses_position(tile) })
}

fn first_pass(tile: &TileReduce, fused: &Fused, name: &str, form: &Form) -> (String, Vec<Param>) {
    let n = tile.map.inputs.len();
    let position = uses_position(tile);
    let mut params: Vec<Param> = (0..n).map(Param::Input).collect();
    let mut list: Vec<String> =
        (0..n).map(|i| format!("const {}* __restrict__ in{i}", stored_type(tile.map.inputs[i]))).collect();
    for (i, &(value, dtype)) in fused.constants.iter().enumerate() {
        params.push(Param::Const(value, dtype));
        list.push(format!("const {} k{i}", stored_type(dtype)));
    }
    if let Form::Strided { rank, wide } = form {
        params.push(Param::Space);
        let bits = if *wide { 64 } else { 32 };
        list.push(format!("const space{bits}<{rank}, {}> space", (n + usize::from(position)).max(1)));
    }
    params.extend([Param::Position, Param::Partials, Param::Count, Param::Chunk]);
    list.push("const i64 origin".to_owned());
    list.push(format!("{name}_k::State* __restrict__ partials"));
    list.push("const u64 n".to_owned());
    list.push("const u64 chunk".to_owned());
    let width = width(tile);
    let lanes = width.min(4);
    let mut text = format!(
        "extern \"C\" __global__ void __launch_bounds__({BLOCK}, {RESIDENT}) {name}_tiles({}) {{\n  typedef {name}_k K;\n  __shared__ K::State lanes[{BLOCK}];\n",
        list.join(", ")
    );
    let _ = writeln!(text, "  const u64 begin = blockIdx.x * chunk, end = begin + chunk < n ? begin + chunk : n;");
    let _ = writeln!(
        text,
        "  K::State acc[{lanes}];\n#pragma unroll\n  for (int k = 0; k < {lanes}; ++k) K::init(acc[k]);"
    );
    match form {
        Form::Vector(access) => text.push_str(&vector(tile, fused, name, access)),
        Form::Strided { wide, .. } => text.push_str(&strided(tile, fused, name, *wide)),
    }
    let mut half = lanes / 2;
    while half > 0 {
        for k in 0..half {
            let _ = writeln!(text, "  K::merge(acc[{k}], acc[{}]);", k + half);
        }
        half /= 2;
    }
    text.push_str("  merge_block<K>(lanes, acc[0]);\n  if (threadIdx.x == 0) partials[blockIdx.x] = acc[0];\n}\n");
    (text, params)
}

/// The call that takes one element into accumulator `acc[{acc}]`.
fn take(tile: &TileReduce, fused: &Fused, name: &str, acc: &str, read: impl Fn(usize) -> String, at: &str) -> String {
    let side = |s: &str| (0..fused.init.len()).map(|i| format!("{s}.s{i}")).collect::<Vec<_>>();
    let mut args: Vec<String> = (0..tile.map.inputs.len()).map(read).collect();
    args.extend((0..fused.constants.len()).map(|i| format!("load(k{i})")));
    args.extend(side(acc));
    args.push(at.to_owned());
    args.extend(side("next"));
    format!("K::State next; {name}_step({}); {acc} = next;", args.join(", "))
}

fn vector(tile: &TileReduce, fused: &Fused, name: &str, access: &[Access]) -> String {
    let width = width(tile);
    let lanes = width.min(4);
    let whole = |i: usize| access.get(i) == Some(&Access::Whole);
    let inputs = 0..tile.map.inputs.len();
    let mut text = String::new();
    for i in inputs.clone().filter(|&i| !whole(i)) {
        let _ = writeln!(text, "  const {} one{i} = load(in{i}[0]);", value_type(tile.map.inputs[i]));
    }
    let _ = writeln!(
        text,
        "#pragma unroll 2\n  for (u64 g = begin / {width} + threadIdx.x; g < end / {width}; g += blockDim.x) {{"
    );
    for i in inputs.filter(|&i| whole(i)) {
        let _ = writeln!(text, "    const auto p{i} = fetch<{width}>(in{i}, g);");
    }
    let read = |i: usize| if whole(i) { format!("load(p{i}.v[j])") } else { format!("one{i}") };
    let position =
        |at: &str| if whole(tile.map.inputs.len()) { format!("origin + (i64)({at})") } else { "origin".to_owned() };
    let step = take(tile, fused, name, &format!("acc[j % {lanes}]"), read, &position(&format!("g * {width} + j")));
    let _ = writeln!(text, "#pragma unroll\n    for (int j = 0; j < {width}; ++j) {{ {step} }}\n  }}");
    let read = |i: usize| if whole(i) { format!("load(in{i}[i])") } else { format!("one{i}") };
    let step = take(tile, fused, name, "acc[0]", read, &position("i"));
    let _ = writeln!(
        text,
        "#pragma unroll 1\n  for (u64 i = end / {width} * {width} + threadIdx.x; i < end; i += blockDim.x) {{ {step} }}"
    );
    text
}

fn strided(tile: &TileReduce, fused: &Fused, name: &str, wide: bool) -> String {
    let width = width(tile);
    let lanes = width.min(4);
    let (index, offset) = if wide { ("u64", "i64") } else { ("u32", "i32") };
    let inputs = tile.map.inputs.len();
    let n = (inputs + usize::from(uses_position(tile))).max(1);
    let position = if uses_position(tile) { format!("origin + at[{inputs}]") } else { "origin".to_owned() };
    let step = |acc: &str, i: &str| {
        let call = take(tile, fused, name, acc, |i| format!("load(in{i}[at[{i}]])"), &position);
        format!("{offset} at[{n}]; locate(space, ({index})({i}), at); {call}")
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "#pragma unroll 1\n  for (u64 g = begin / {width} + threadIdx.x; g < end / {width}; g += blockDim.x) {{"
    );
    let each = step(&format!("acc[j % {lanes}]"), &format!("g * {width} + j"));
    let _ = writeln!(text, "#pragma unroll\n    for (int j = 0; j < {width}; ++j) {{ {each} }}\n  }}");
    let each = step("acc[0]", "i");
    let _ = writeln!(
        text,
        "#pragma unroll 1\n  for (u64 i = end / {width} * {width} + threadIdx.x; i < end; i += blockDim.x) {{ {each} }}"
    );
    text
}

fn second_pass(fused: &Fused, name: &str) -> Result<KernelSource> {
    let mut text = function(&fused.finish, &format!("{name}_result"))?;
    let outputs = 0..fused.finish.outputs.len();
    let mut params = vec![Param::Partials, Param::Blocks, Param::CountReal];
    params.extend(outputs.clone().map(Param::Output));
    let mut list = vec![
        format!("const {name}_k::State* __restrict__ partials"),
        "const u32 blocks".to_owned(),
        "const f64 count".to_owned(),
    ];
    let mut args: Vec<String> = (0..fused.init.len()).map(|i| format!("mine.s{i}")).collect();
    args.push("count".to_owned());
    let (mut declare, mut store) = (String::new(), String::new());
    for i in outputs {
        let dtype = fused.finish.output_dtype(i);
        list.push(format!("{}* __restrict__ out{i}", stored_type(dtype)));
        args.push(format!("y{i}"));
        let _ = write!(declare, "{} y{i}; ", value_type(dtype));
        let _ = write!(store, " *out{i} = stored(y{i});");
    }
    let _ = write!(
        text,
        "extern \"C\" __global__ void __launch_bounds__({BLOCK}, {RESIDENT}) {name}_finish({list}) {{\n  typedef {name}_k K;\n  __shared__ K::State lanes[{BLOCK}];\n  K::State mine;\n  \
         K::init(mine);\n#pragma unroll 1\n  for (u32 b = threadIdx.x; b < blocks; b += blockDim.x) K::merge(mine, partials[b]);\n  \
         merge_block<K>(lanes, mine);\n  if (threadIdx.x == 0) {{ {declare}{name}_result({args});{store} }}\n}}\n",
        list = list.join(", "),
        args = args.join(", ")
    );
    Ok(KernelSource { name: format!("{name}_finish"), params, text })
}
