//! Kernels of reductions: over any axes, of every tile of a block at once.
//!
//! An output of a launch is one tile's state of one result. Its elements, in row-major order of the reduced axes, are
//! dealt in groups of [`width`] to [`lanes`] threads, which run the fused map and the steps of every part over them and
//! merge by halves. Parts of several phases (variances) go through their phases group by group, while it is in
//! registers, and merge what the phases give, so memory is read once. Who takes what depends on the program, the length
//! of the tile and the shape of the whole array, never on strides, blocks or the device: these decide which thread of a
//! block is which lane of which output ([`ReduceLayout::runs_across`]), and nothing of the result's bits.
//!
//! [`print_fold`] is the kernel that joins states with their neighbours.

use super::accumulate::{Loop, has_phases, kept};
use super::layout::{Access, ReduceForm};
use super::source::{
    BLOCK, KernelSource, Param, RESIDENT, function, is_printable, lift, literal, stored_type, value_type, vector_width,
};
use crate::chunk::tiling::FAN_IN;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::kernel::{TilePart, TileReduce};
use crate::op::program::Program;
use crate::op::reduction::Reducer;
use std::fmt::Write;

#[cfg(doc)]
use super::layout::ReduceLayout;

/// The most bytes of state that one thread can merge with others.
const MAX_STATE: usize = 1024;

/// Bytes of shared memory for the states of a block's threads.
const SHARED: usize = 32 << 10;

/// States that a thread of a fold has on their way at a time.
const AHEAD: usize = 4;

/// Bytes of states and elements that a thread of several outputs has in registers.
const COLUMN_BYTES: usize = 256;

/// Groups that a thread should have to itself.
const GROUPS: usize = 16;

/// Whether the kernels of this file can run `tile`.
#[must_use]
pub fn supports(tile: &TileReduce) -> bool {
    let same = |p: &TilePart| p.reduced == tile.parts[0].reduced;
    !tile.parts.is_empty()
        && tile.parts.iter().all(same)
        && state_size(tile) <= MAX_STATE
        && is_printable(&tile.map)
        && tile.parts.iter().all(|p| programs(&p.reducer).all(is_printable))
}

/// What a kernel runs for a part.
fn programs(reducer: &Reducer) -> impl Iterator<Item = &Program> {
    let phases = reducer.phases.iter().flat_map(|phase| [&phase.step, &phase.result, &phase.merge]);
    phases.chain([&reducer.leaf, &reducer.combine, &reducer.finish])
}

/// Elements that a thread takes at a time.
#[must_use]
pub fn width(tile: &TileReduce) -> usize {
    let width = vector_width(&tile.map, &tile.map.inputs).min(8);
    if tile.parts.iter().any(has_phases) { 8 } else { width }
}

/// Threads of a block.
#[must_use]
pub fn threads(tile: &TileReduce) -> usize {
    let fit = SHARED / state_size(tile).max(1);
    1 << fit.min(BLOCK as usize).max(1).ilog2()
}

/// Threads that share an output of this many elements: few enough to have some groups each, and to leave room in a
/// block for neighbouring outputs where the last axis is kept.
#[must_use]
pub fn lanes(tile: &TileReduce, elements: usize) -> usize {
    let reduced = &tile.parts[0].reduced;
    let last = (0..tile.space.len()).rev().find(|&a| tile.space[a] > 1);
    let neighbours = match last {
        Some(a) if !reduced[a] => tile.space[a].next_power_of_two().min(32),
        _ => 1,
    };
    let wanted = (elements / (GROUPS * width(tile))).max(1);
    (1 << wanted.ilog2()).min(threads(tile) / neighbours.min(threads(tile))).max(1)
}

/// Neighbouring outputs that a thread may take: as many as 16-byte accesses read, fewer where their states would take
/// too many registers; `wide` where positions take 64 bits.
#[must_use]
pub fn columns(tile: &TileReduce, wide: bool) -> usize {
    let largest = tile.map.inputs.iter().map(|d| d.size()).max().unwrap_or(16);
    let narrow = |p: &TilePart| !wide && p.reducer.uses_position() && p.reducer.input != DType::I64;
    let sizes = tile.parts.iter().flat_map(|part| {
        let narrow = narrow(part);
        kept(part).iter().map(move |(d, _)| if narrow && *d == DType::I64 { DType::I32 } else { *d })
    });
    // Phases keep the elements of a group, those of most dtypes in `f64`: with four columns some spill on sm_100.
    let phases = tile.parts.iter().any(has_phases) && tile.map.inputs.iter().any(|d| *d != DType::F32);
    let element = if phases { largest.max(8) } else { largest.max(4) };
    let each = size_of(sizes) * accumulators(tile) + width(tile) * tile.map.inputs.len() * element;
    let apart = tile.parts.iter().any(|p| p.reducer.uses_position() && !narrow(p));
    let most = (16 / largest.max(1)).clamp(1, if apart { 2 } else { 4 }).min(COLUMN_BYTES / each.max(1)).max(1);
    1 << most.ilog2()
}

/// States that a thread keeps of an output while it loops: steps of one wait for each other.
fn accumulators(tile: &TileReduce) -> usize {
    if tile.parts.iter().any(has_phases) { 1 } else { width(tile).min(4) }
}

/// Whether a part of `tile` looks at positions.
#[must_use]
pub fn uses_position(tile: &TileReduce) -> bool {
    tile.parts.iter().any(|p| p.reducer.uses_position())
}

/// Size of the C struct of what a thread keeps, with positions of 64 bits.
fn state_size(tile: &TileReduce) -> usize {
    size_of(tile.parts.iter().flat_map(kept).map(|(dtype, _)| *dtype))
}

/// Size of a C struct of these fields.
fn size_of(fields: impl Iterator<Item = DType>) -> usize {
    let (mut at, mut align) = (0usize, 1);
    for dtype in fields {
        let size = dtype.size();
        at = at.next_multiple_of(size) + size;
        align = align.max(size);
    }
    at.next_multiple_of(align)
}

/// `a.s0, a.s1, ...` for the fields in `range`.
fn fields(of: &str, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("{of}.s{i}")).collect()
}

/// Declares one variable per output of `program`, named `prefix0`, `prefix1`, ...; their names.
fn declare(text: &mut String, program: &Program, prefix: &str) -> Vec<String> {
    let names: Vec<String> = (0..program.outputs.len()).map(|i| format!("{prefix}{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        let _ = write!(text, "{} {name}; ", value_type(program.output_dtype(i)));
    }
    names
}

/// `{of}0 = {from}0; ...`.
fn assign(text: &mut String, to: &[String], from: &[String]) {
    for (to, from) in to.iter().zip(from) {
        let _ = write!(text, "{to} = {from}; ");
    }
}

/// The code of one kernel while it is put together.
struct Printer<'a> {
    tile: &'a TileReduce,
    name: &'a str,
    form: &'a ReduceForm,
    constants: Vec<(Scalar, DType)>,
    /// How many of them are the map's.
    mapped: usize,
    /// Where results are given: the constants that finish each part, as numbers among all.
    finish: Option<Vec<std::ops::Range<usize>>>,
    /// Where the fields of each part begin, and where the last one's end.
    starts: Vec<usize>,
    /// What threads run for each part that has no phases.
    loops: Vec<Loop>,
}

/// The kernel of `tile` in this form, under this name; one that gives results rather than states where `finish`.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print(tile: &TileReduce, name: &str, form: &ReduceForm, finish: bool) -> Result<KernelSource> {
    let (mut map, mut constants) = lift(&tile.map);
    let mapped = constants.len();
    let mut results = String::new();
    let mut ranges = Vec::new();
    for (q, part) in tile.parts.iter().enumerate().filter(|_| finish) {
        let (lifted, more) = lift(&part.reducer.finish);
        ranges.push(constants.len()..constants.len() + more.len());
        constants.extend(more);
        results.push_str(&function(&lifted, &format!("{name}_finish{q}"))?);
    }
    map.outputs = tile.parts.iter().map(|p| map.cast(map.outputs[p.value], p.reducer.input)).collect();
    let mut starts = vec![0];
    for part in &tile.parts {
        starts.push(starts[starts.len() - 1] + kept(part).len());
    }
    let loops: Vec<Loop> = tile.parts.iter().map(|part| Loop::new(part, form.wide)).collect();
    let printer = Printer { tile, name, form, constants, mapped, finish: finish.then_some(ranges), starts, loops };
    let mut text = function(&map, &format!("{name}_map"))? + &results;
    for (q, part) in tile.parts.iter().enumerate() {
        let own = &printer.loops[q];
        for (k, phase) in part.reducer.phases.iter().enumerate() {
            let step = if has_phases(part) { &phase.step } else { &own.step };
            text.push_str(&function(step, &format!("{name}_step{q}_{k}"))?);
            text.push_str(&function(&phase.result, &format!("{name}_result{q}_{k}"))?);
        }
        text.push_str(&function(&own.merge, &format!("{name}_merge{q}"))?);
        text.push_str(&function(&part.reducer.leaf, &format!("{name}_leaf{q}"))?);
    }
    text.push_str(&printer.state());
    let (signature, params) = printer.signature();
    text.push_str(&signature);
    text.push_str(&printer.body(&map));
    Ok(KernelSource { name: name.to_owned(), params, text })
}

impl Printer<'_> {
    fn inputs(&self) -> usize {
        self.tile.map.inputs.len()
    }

    /// Operands of the index spaces: inputs, the position where somebody looks at it, the output.
    fn operands(&self) -> usize {
        self.inputs() + usize::from(uses_position(self.tile)) + 1
    }

    fn of_part(&self, q: usize) -> std::ops::Range<usize> {
        self.starts[q]..self.starts[q + 1]
    }

    /// The struct of what a thread keeps: its fields, their initial values, how two merge.
    fn state(&self) -> String {
        let name = self.name;
        let all: Vec<(DType, Scalar)> = self.loops.iter().flat_map(|l| &l.init).copied().collect();
        let mut text = format!("struct {name}_k {{\n  struct State {{ ");
        for (i, (dtype, _)) in all.iter().enumerate() {
            let _ = write!(text, "{} s{i}; ", value_type(*dtype));
        }
        text.push_str("};\n  static FN void init(State& s) { ");
        for (i, &(dtype, value)) in all.iter().enumerate() {
            let _ = write!(text, "s.s{i} = {}; ", literal(value, dtype));
        }
        text.push_str("}\n  static FN void merge(State& a, const State& b) { State r; ");
        for q in 0..self.tile.parts.len() {
            let args: Vec<String> = ["a", "b", "r"].iter().flat_map(|s| fields(s, self.of_part(q))).collect();
            let _ = write!(text, "{name}_merge{q}({}); ", args.join(", "));
        }
        let size = size_of(all.iter().map(|(dtype, _)| *dtype));
        let _ = writeln!(text, "a = r; }}\n}};\nstatic_assert(sizeof({name}_k::State) == {size}, \"layout\");");
        text
    }

    fn signature(&self) -> (String, Vec<Param>) {
        let (tile, name, form) = (self.tile, self.name, self.form);
        let mut params: Vec<Param> = (0..self.inputs()).map(Param::Input).collect();
        let mut list: Vec<String> = (0..self.inputs())
            .map(|i| format!("const {}* __restrict__ in{i}", stored_type(tile.map.inputs[i])))
            .collect();
        let states = tile.parts.iter().flat_map(|p| p.reducer.identity.iter()).map(|(dtype, _)| *dtype);
        let results = tile.parts.iter().map(|p| p.reducer.output());
        let given: Vec<DType> = if self.finish.is_some() { results.collect() } else { states.collect() };
        for (i, dtype) in given.into_iter().enumerate() {
            params.push(Param::Output(i));
            list.push(format!("{}* __restrict__ out{i}", stored_type(dtype)));
        }
        for (i, &(value, dtype)) in self.constants.iter().enumerate() {
            params.push(Param::Const(value, dtype));
            list.push(format!("const {} k{i}", stored_type(dtype)));
        }
        let (bits, n) = (if form.wide { 64 } else { 32 }, self.operands());
        params.extend([Param::Kept, Param::Reduced, Param::Position, Param::Outputs, Param::Elements]);
        params.extend([Param::ElementsReal, Param::Lanes, Param::Across]);
        list.push(format!("const space{bits}<{}, {n}> kept", form.kept));
        list.push(format!("const space{bits}<{}, {n}> reduced", form.reduced));
        list.push("const i64 origin, const u64 outputs, const u64 elements, const f64 count".to_owned());
        list.push("const u32 lanes, const u32 across".to_owned());
        let threads = threads(tile);
        let list = list.join(", ");
        (format!("extern \"C\" __global__ void __launch_bounds__({threads}, {RESIDENT}) {name}({list}) {{\n"), params)
    }

    fn body(&self, map: &Program) -> String {
        let (width, name) = (width(self.tile), self.name);
        let (index, offset) = if self.form.wide { ("u64", "i64") } else { ("u32", "i32") };
        let (accumulators, columns) = (accumulators(self.tile), self.form.columns);
        let mut text = format!(
            "  typedef {name}_k K;\n  __shared__ K::State states[{threads}];\n  \
             const u32 per = blockDim.x / lanes;\n  \
             const u32 mine = across ? threadIdx.x % per : threadIdx.x / lanes;\n  \
             const u32 lane = across ? threadIdx.x / per : threadIdx.x % lanes;\n  \
             const u64 output = ((u64)blockIdx.x * per + mine) * {columns};\n  const bool live = output < outputs;\n  \
             {offset} at[{n}];\n  locate(kept, ({index})(live ? output : 0), at);\n  \
             K::State acc[{columns}][{accumulators}];\n#pragma unroll\n  for (int k = 0; k < {all}; ++k) \
             K::init(acc[k / {accumulators}][k % {accumulators}]);\n  if (live) {{\n",
            threads = threads(self.tile),
            n = self.operands(),
            all = columns * accumulators,
        );
        for i in 0..self.inputs() {
            let _ = writeln!(text, "    const auto from{i} = in{i} + at[{i}];");
            if self.form.access[i] == Access::One {
                let _ = writeln!(text, "    const {} one{i} = load(from{i}[0]);", value_type(self.tile.map.inputs[i]));
            }
        }
        let _ = writeln!(text, "    const u64 groups = elements / {width};\n#pragma unroll 2");
        let _ = writeln!(text, "    for (u64 g = lane; g < groups; g += lanes) {{\n      const int m = {width};");
        text.push_str(&self.group(map, width, accumulators, true));
        let _ = writeln!(text, "    }}\n    if (groups * {width} < elements && groups % lanes == lane) {{");
        let _ = writeln!(text, "      const u64 g = groups;\n      const int m = (int)(elements - groups * {width});");
        text.push_str(&self.group(map, width, accumulators, false));
        text.push_str("    }\n  }\n");
        let _ = writeln!(text, "#pragma unroll\n  for (int c = 0; c < {columns}; ++c) {{");
        let mut half = accumulators / 2;
        while half > 0 {
            for k in 0..half {
                let _ = writeln!(text, "  K::merge(acc[c][{k}], acc[c][{}]);", k + half);
            }
            half /= 2;
        }
        text.push_str(
            "  if (lanes > 1) {\n    K::State* const ours = states + mine * lanes;\n    ours[lane] = acc[c][0];\n    __syncthreads();\n    \
             for (u32 half = lanes / 2; half > 0; half /= 2) {\n      if (lane < half) K::merge(ours[lane], ours[lane + half]);\n      \
             __syncthreads();\n    }\n    acc[c][0] = ours[0];\n",
        );
        text.push_str(if columns > 1 { "    __syncthreads();\n  }\n" } else { "  }\n" });
        let _ = writeln!(text, "  if (live && lane == 0) {{\n    const {offset} to = at[{}] + c;", self.operands() - 1);
        text.push_str(&self.results());
        text.push_str("  }\n  }\n}\n");
        text
    }

    /// Takes group `g`, of which `m` elements are there: all of `width` where `full`.
    fn group(&self, map: &Program, width: usize, accumulators: usize, full: bool) -> String {
        let columns = self.form.columns;
        let guard = if full { "" } else { "if (j < m) " };
        let mut text = self.read(width, full, guard);
        let _ = writeln!(text, "#pragma unroll\n      for (int c = 0; c < {columns}; ++c) {{");
        for (q, _) in self.tile.parts.iter().enumerate() {
            let _ = writeln!(text, "      {} v{q}[{width}];", value_type(map.output_dtype(q)));
        }
        let _ = writeln!(text, "#pragma unroll\n      for (int j = 0; j < {width}; ++j) {guard}{{");
        let mut args: Vec<String> = (0..self.inputs())
            .map(|i| match self.form.access[i] {
                Access::One => format!("one{i}"),
                Access::Whole if columns > 1 => format!("load(p{i}[j].v[c])"),
                Access::Whole if full => format!("load(p{i}.v[j])"),
                Access::Whole | Access::Any => format!("x{i}[j]"),
            })
            .collect();
        args.extend((0..self.mapped).map(|i| format!("load(k{i})")));
        args.extend((0..self.tile.parts.len()).map(|q| format!("v{q}[j]")));
        let _ = writeln!(text, "        {}_map({});\n      }}", self.name, args.join(", "));
        for (q, part) in self.tile.parts.iter().enumerate() {
            text.push_str(&self.take(q, part, width, accumulators, guard));
        }
        text.push_str("      }\n");
        text
    }

    /// Reads the elements of a group, for all outputs of the thread, and where they are.
    fn read(&self, width: usize, full: bool, guard: &str) -> String {
        let (index, offset) = if self.form.wide { ("u64", "i64") } else { ("u32", "i32") };
        let columns = self.form.columns;
        let mut text = String::new();
        let (mut each, located) = (String::new(), self.form.reduced > 1);
        let away = |i: usize| {
            if located { format!("in[{i}]") } else { format!("({offset})r * reduced.stride[{i}][0]") }
        };
        for (i, &dtype) in self.tile.map.inputs.iter().enumerate() {
            let _ = match self.form.access[i] {
                Access::One => Ok(()),
                Access::Whole if columns > 1 => {
                    let _ = writeln!(text, "      pack<{}, {columns}> p{i}[{width}];", stored_type(dtype));
                    writeln!(each, "        p{i}[j] = fetch<{columns}>(from{i} + {}, 0);", away(i))
                }
                Access::Whole if full => writeln!(text, "      const auto p{i} = fetch<{width}>(from{i}, g);"),
                Access::Whole | Access::Any => {
                    let _ = writeln!(text, "      {} x{i}[{width}];", value_type(dtype));
                    writeln!(each, "        x{i}[j] = load(from{i}[{}]);", away(i))
                }
            };
        }
        if self.counts() {
            let p = self.inputs();
            let _ = writeln!(text, "      i64 position[{width}];");
            let _ = writeln!(each, "        position[j] = origin + at[{p}] + {};", away(p));
        }
        if each.is_empty() {
            return text;
        }
        let _ = writeln!(text, "#pragma unroll\n      for (int j = 0; j < {width}; ++j) {guard}{{");
        let _ = writeln!(text, "        const {index} r = ({index})(g * {width} + j);");
        if located {
            let _ = writeln!(text, "        {offset} in[{}]; locate(reduced, r, in);", self.operands());
        }
        text + &each + "      }\n"
    }

    /// Whether a part looks at positions in the array.
    fn counts(&self) -> bool {
        self.tile.parts.iter().zip(&self.loops).any(|(part, own)| part.reducer.uses_position() && !own.narrow)
    }

    /// Takes the values of a group into part `q`.
    fn take(&self, q: usize, part: &TilePart, width: usize, accumulators: usize, guard: &str) -> String {
        let name = self.name;
        let at = match (self.loops[q].narrow, part.reducer.uses_position()) {
            (true, _) => format!("(i32)(g * {width} + j)"),
            (false, true) => "position[j]".to_owned(),
            (false, false) => "0".to_owned(),
        };
        let element = |args: &mut Vec<String>| args.extend([format!("v{q}[j]"), at.clone()]);
        let mut text = String::new();
        let steps = format!("#pragma unroll\n      for (int j = 0; j < {width}; ++j) {guard}{{ ");
        if !has_phases(part) {
            let mine = fields(&format!("acc[c][j % {accumulators}]"), self.of_part(q));
            text.push_str(&steps);
            let next = declare(&mut text, &self.loops[q].step, "n");
            let mut args = mine.clone();
            element(&mut args);
            args.extend(next.iter().cloned());
            let _ = write!(text, "{name}_step{q}_0({}); ", args.join(", "));
            assign(&mut text, &mine, &next);
            text.push_str("}\n");
            return text;
        }
        text.push_str("      {\n");
        let mut results: Vec<String> = Vec::new();
        for (k, phase) in part.reducer.phases.iter().enumerate() {
            let accs: Vec<String> = (0..phase.init.len()).map(|i| format!("a{k}_{i}")).collect();
            for (acc, &(dtype, value)) in accs.iter().zip(&phase.init) {
                let _ = write!(text, "{} {acc} = {}; ", value_type(dtype), literal(value, dtype));
            }
            text.push('\n');
            text.push_str(&steps);
            let next = declare(&mut text, &phase.step, "n");
            let mut args = accs.clone();
            element(&mut args);
            args.extend(results.iter().cloned());
            args.extend(next.iter().cloned());
            let _ = write!(text, "{name}_step{q}_{k}({}); ", args.join(", "));
            assign(&mut text, &accs, &next);
            text.push_str("}\n      ");
            let given = declare(&mut text, &phase.result, &format!("r{k}_"));
            let args: Vec<String> = accs.iter().cloned().chain(["(f64)m".to_owned()]).chain(given.clone()).collect();
            let _ = writeln!(text, "{name}_result{q}_{k}({});", args.join(", "));
            results.extend(given);
        }
        let state = declare(&mut text, &part.reducer.leaf, "s");
        let args: Vec<String> = results.into_iter().chain(["(f64)m".to_owned()]).chain(state.clone()).collect();
        let _ = writeln!(text, "{name}_leaf{q}({});", args.join(", "));
        let mine = fields("acc[c][0]", self.of_part(q));
        let joined = declare(&mut text, &part.reducer.combine, "c");
        let args: Vec<String> = mine.iter().chain(&state).chain(&joined).cloned().collect();
        let _ = write!(text, "{name}_merge{q}({}); ", args.join(", "));
        assign(&mut text, &mine, &joined);
        text.push_str("\n      }\n");
        text
    }

    /// Declares positions in the array in place of those in the tile among the fields `mine` of part `q`.
    fn widen(&self, q: usize, mine: &mut [String]) -> String {
        let (index, offset) = if self.form.wide { ("u64", "i64") } else { ("u32", "i32") };
        let (n, p) = (self.operands(), self.inputs());
        let mut text = String::new();
        let fields = mine.iter_mut().zip(kept(&self.tile.parts[q])).enumerate();
        for (k, (field, _)) in fields.filter(|(_, (_, (dtype, _)))| *dtype == DType::I64) {
            let nowhere = literal(Scalar::Int(i64::MAX.into()), DType::I64);
            let _ = write!(
                text,
                "{offset} in{k}[{n}]; locate(reduced, ({index}){field}, in{k}); \
                 const i64 w{k} = {field} == 0x7fffffff ? {nowhere} : origin + at[{p}] + in{k}[{p}]; ",
            );
            *field = format!("w{k}");
        }
        text
    }

    /// Writes the states of an output, or its result, from what its threads have merged.
    fn results(&self) -> String {
        let name = self.name;
        let mut text = String::new();
        let mut out = 0;
        for (q, part) in self.tile.parts.iter().enumerate() {
            let mut mine = fields("acc[c][0]", self.of_part(q));
            text.push_str("    {\n    ");
            if self.loops[q].narrow {
                text.push_str(&self.widen(q, &mut mine));
            }
            let states = if has_phases(part) {
                mine
            } else {
                let results = declare(&mut text, &part.reducer.phases[0].result, "r");
                let args: Vec<String> = mine.into_iter().chain(["count".to_owned()]).chain(results.clone()).collect();
                let _ = write!(text, "{name}_result{q}_0({}); ", args.join(", "));
                let states = declare(&mut text, &part.reducer.leaf, "s");
                let args: Vec<String> = results.into_iter().chain(["count".to_owned()]).chain(states.clone()).collect();
                let _ = write!(text, "{name}_leaf{q}({}); ", args.join(", "));
                states
            };
            if let Some(constants) = &self.finish {
                let _ = write!(text, "{} y; ", value_type(part.reducer.output()));
                let lifted = constants[q].clone().map(|i| format!("load(k{i})"));
                let args: Vec<String> = states.into_iter().chain(lifted).chain(["y".to_owned()]).collect();
                let _ = write!(text, "{name}_finish{q}({}); out{q}[to] = stored(y);", args.join(", "));
            } else {
                for state in states {
                    let _ = write!(text, "out{out}[to] = stored({state}); ");
                    out += 1;
                }
            }
            text.push_str("\n    }\n");
        }
        text
    }
}

/// The kernel that joins up to [`FAN_IN`] neighbouring states with `combine`, from left to right: item `i` of a launch
/// is element `i % size` of the `i / size`-th group of states of `size` elements each.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print_fold(combine: &Program, name: &str) -> Result<KernelSource> {
    let parts = combine.outputs.len();
    let mut text = function(combine, &format!("{name}_merge"))?;
    let mut params: Vec<Param> = (0..parts).map(Param::Input).collect();
    let kinds: Vec<&str> = (0..parts).map(|i| stored_type(combine.output_dtype(i))).collect();
    let mut list: Vec<String> = (0..parts).map(|i| format!("const {}* __restrict__ in{i}", kinds[i])).collect();
    params.extend((0..parts).map(Param::Output));
    list.extend((0..parts).map(|i| format!("{}* __restrict__ out{i}", kinds[i])));
    params.extend([Param::Count, Param::Outputs, Param::Elements]);
    list.push("const u64 n, const u64 size, const u64 entries".to_owned());
    let _ = write!(
        text,
        "extern \"C\" __global__ void __launch_bounds__({BLOCK}, {RESIDENT}) {name}({list}) {{\n  \
         const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;\n  if (i >= n) return;\n  \
         const u64 first = i / size * {FAN_IN}, at = i % size;\n  \
         const int m = (int)(entries - first < {FAN_IN} ? entries - first : {FAN_IN});\n",
        list = list.join(", ")
    );
    for i in 0..parts {
        let _ = writeln!(text, "  {} s{i} = load(in{i}[first * size + at]);", value_type(combine.output_dtype(i)));
    }
    let _ = write!(text, "#pragma unroll {AHEAD}\n  for (int k = 1; k < m; ++k) {{ ");
    let joined = declare(&mut text, combine, "c");
    let mine: Vec<String> = (0..parts).map(|i| format!("s{i}")).collect();
    let next = (0..parts).map(|i| format!("load(in{i}[(first + k) * size + at])"));
    let args: Vec<String> = mine.iter().cloned().chain(next).chain(joined.clone()).collect();
    let _ = write!(text, "{name}_merge({}); ", args.join(", "));
    assign(&mut text, &mine, &joined);
    text.push_str("}\n");
    for i in 0..parts {
        let _ = writeln!(text, "  out{i}[i] = stored(s{i});");
    }
    text.push_str("}\n");
    Ok(KernelSource { name: name.to_owned(), params, text })
}
