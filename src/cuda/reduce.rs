//! Kernels of reductions: over any axes, of every tile of a block at once.
//!
//! An output of a launch is one tile's state of one result. Its elements, in row-major order of the reduced axes, are
//! dealt in groups of [`width`] to [`lanes`](super::dealing::lanes) threads, which run the fused map and the steps of
//! every part over them and merge by halves. Parts of several phases (variances) go through their phases group by
//! group, while it is in registers, and merge what the phases give, so memory is read once. Who takes what depends on
//! the program, the length of the tile and the shape of the whole array, never on strides, blocks or the device: these
//! decide which thread of a block is which lane of which output ([`ReduceLayout::runs_across`]), and nothing of the
//! result's bits.
//!
//! How many of each there are is decided in [`dealing`](super::dealing).

use super::accumulate::{Loop, counted, has_phases, kept};
use super::dealing::{MAX_STATE, accumulators, resident, state_size, struct_size, threads, uses_position, width};
use super::layout::{Access, ReduceForm};
use super::source::{
    KernelSource, Param, assign, declare, function, is_printable, lift, literal, stored_type, value_type,
};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::op::kernel::{TilePart, TileReduce};
use crate::op::program::Program;
use crate::op::reduction::Reducer;
use std::fmt::Write;

#[cfg(doc)]
use super::layout::ReduceLayout;

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

/// `a.s0, a.s1, ...` for the fields in `range`.
fn fields(of: &str, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("{of}.s{i}")).collect()
}

/// Which elements of some groups are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Those of all.
    All,
    /// Those of the groups that there are.
    Some,
    /// The first of the only one.
    Part,
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
        let size = struct_size(all.iter().map(|(dtype, _)| *dtype));
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
        let (threads, resident) = (threads(tile), resident(tile, form));
        let list = list.join(", ");
        (format!("extern \"C\" __global__ void __launch_bounds__({threads}, {resident}) {name}({list}) {{\n"), params)
    }

    fn body(&self, map: &Program) -> String {
        let (width, name, threads) = (width(self.tile), self.name, threads(self.tile));
        let (index, offset) = if self.form.wide { ("u64", "i64") } else { ("u32", "i32") };
        let (accumulators, columns) = (accumulators(self.tile), self.form.columns);
        let mut text = format!(
            "  typedef {name}_k K;\n  __shared__ K::State states[{threads}];\n  \
             const u32 shift = 31 - __clz(lanes), beside = {beside} - shift, per = {threads} >> shift;\n  \
             const u32 mine = across ? threadIdx.x & (per - 1) : threadIdx.x >> shift;\n  \
             const u32 lane = across ? threadIdx.x >> beside : threadIdx.x & (lanes - 1);\n  \
             const u64 output = ((u64)blockIdx.x * per + mine) * {columns};\n  const bool live = output < outputs;\n  \
             {offset} at[{n}];\n  locate(kept, ({index})(live ? output : 0), at);\n  \
             K::State acc[{columns}][{accumulators}];\n#pragma unroll\n  for (int k = 0; k < {all}; ++k) \
             K::init(acc[k / {accumulators}][k % {accumulators}]);\n  if (live) {{\n",
            beside = threads.ilog2(),
            n = self.operands(),
            all = columns * accumulators,
        );
        for i in 0..self.inputs() {
            let _ = writeln!(text, "    const auto from{i} = in{i} + at[{i}];");
            if self.form.access[i] == Access::One {
                let _ = writeln!(text, "    const {} one{i} = load(from{i}[0]);", value_type(self.tile.map.inputs[i]));
            }
        }
        let _ = writeln!(text, "    const u64 groups = elements / {width};\n    u64 g = lane;");
        let batch = self.form.batch;
        if batch > 1 {
            let _ = writeln!(
                text,
                "#pragma unroll 1\n    for (; g + {last} * (u64)lanes < groups; g += {batch} * (u64)lanes) {{",
                last = batch - 1
            );
            text.push_str(&self.groups(map, batch, Taken::All));
            text.push_str("    }\n    if (g < groups) {\n");
            text.push_str(&self.groups(map, batch, Taken::Some));
        } else {
            text.push_str("#pragma unroll 1\n    for (; g < groups; g += lanes) {\n");
            text.push_str(&self.groups(map, 1, Taken::All));
        }
        let _ = writeln!(text, "    }}\n    if (groups * {width} < elements && (groups & (lanes - 1)) == lane) {{");
        text.push_str("      g = groups;\n");
        text.push_str(&self.groups(map, 1, Taken::Part));
        text.push_str("    }\n");
        for (field, counted) in self.counted().into_iter().enumerate() {
            for c in if counted { 1..columns } else { 0..0 } {
                let _ = writeln!(text, "    acc[{c}][0].s{field} = acc[0][0].s{field};");
            }
        }
        let _ = writeln!(text, "  }}\n#pragma unroll\n  for (int c = 0; c < {columns}; ++c) {{");
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
        text.push_str(if columns > 1 { "    __syncthreads();\n  }\n  }\n" } else { "  }\n  }\n" });
        text + &self.write()
    }

    /// For each field of the state, whether it is the same for all outputs that a thread takes.
    fn counted(&self) -> Vec<bool> {
        let of = |part| if has_phases(part) { counted(part) } else { vec![false; kept(part).len()] };
        self.tile.parts.iter().flat_map(of).collect()
    }

    /// Takes `batch` groups from `g` on; all are read before any is looked at.
    fn groups(&self, map: &Program, batch: usize, taken: Taken) -> String {
        let (columns, width) = (self.form.columns, width(self.tile));
        let (full, guard) = if taken == Taken::Part { (false, "if (j < m) ") } else { (true, "") };
        let m = if full { width.to_string() } else { format!("(int)(elements - groups * {width})") };
        let mut text = format!("      const int m = {m};\n");
        for k in 0..batch {
            let at = format!("g + {k} * (u64)lanes");
            let _ = match taken {
                Taken::Some => {
                    writeln!(text, "      const bool is_{k} = {at} < groups; const u64 g_{k} = is_{k} ? {at} : g;")
                }
                Taken::All | Taken::Part => writeln!(text, "      const u64 g_{k} = {at};"),
            };
        }
        let suffixes: Vec<String> = (0..batch).map(|k| format!("_{k}")).collect();
        for s in &suffixes {
            text.push_str(&self.read(s, full, guard));
        }
        for s in &suffixes {
            if taken == Taken::Some {
                let _ = write!(text, "      if (is{s})");
            }
            text.push_str("      {\n");
            for (field, _) in self.counted().into_iter().enumerate().filter(|(_, counted)| *counted) {
                let _ = writeln!(text, "      const auto u{field} = acc[0][0].s{field};");
            }
            let _ = writeln!(text, "#pragma unroll\n      for (int c = 0; c < {columns}; ++c) {{");
            for (q, _) in self.tile.parts.iter().enumerate() {
                let _ = writeln!(text, "      {} v{q}[{width}];", value_type(map.output_dtype(q)));
            }
            let _ = writeln!(text, "#pragma unroll\n      for (int j = 0; j < {width}; ++j) {guard}{{");
            let mut args: Vec<String> = (0..self.inputs())
                .map(|i| match self.form.access[i] {
                    Access::One => format!("one{i}"),
                    Access::Whole if columns > 1 => format!("load(p{i}{s}[j].v[c])"),
                    Access::Whole if full => format!("load(p{i}{s}.v[j])"),
                    Access::Whole | Access::Any => format!("x{i}{s}[j]"),
                })
                .collect();
            args.extend((0..self.mapped).map(|i| format!("load(k{i})")));
            args.extend((0..self.tile.parts.len()).map(|q| format!("v{q}[j]")));
            let _ = writeln!(text, "        {}_map({});\n      }}", self.name, args.join(", "));
            for (q, part) in self.tile.parts.iter().enumerate() {
                text.push_str(&self.take(q, part, s, guard));
            }
            text.push_str("      }\n      }\n");
        }
        text
    }

    /// Reads the elements of group `g`, for all outputs of the thread, and where they are; `s` ends all names.
    fn read(&self, s: &str, full: bool, guard: &str) -> String {
        let (index, offset) = if self.form.wide { ("u64", "i64") } else { ("u32", "i32") };
        let (columns, width) = (self.form.columns, width(self.tile));
        let mut text = String::new();
        let (mut each, located) = (String::new(), self.form.reduced > 1);
        let away = |i: usize| {
            if located { format!("in[{i}]") } else { format!("({offset})r * reduced.stride[{i}][0]") }
        };
        for (i, &dtype) in self.tile.map.inputs.iter().enumerate() {
            let _ = match self.form.access[i] {
                Access::One => Ok(()),
                Access::Whole if columns > 1 => {
                    let _ = writeln!(text, "      pack<{}, {columns}> p{i}{s}[{width}];", stored_type(dtype));
                    writeln!(each, "        p{i}{s}[j] = fetch<{columns}>(from{i} + {}, 0);", away(i))
                }
                Access::Whole if full => writeln!(text, "      const auto p{i}{s} = fetch<{width}>(from{i}, g{s});"),
                Access::Whole | Access::Any => {
                    let _ = writeln!(text, "      {} x{i}{s}[{width}];", value_type(dtype));
                    writeln!(each, "        x{i}{s}[j] = load(from{i}[{}]);", away(i))
                }
            };
        }
        if self.counts() {
            let p = self.inputs();
            let _ = writeln!(text, "      i64 position{s}[{width}];");
            let _ = writeln!(each, "        position{s}[j] = origin + at[{p}] + {};", away(p));
        }
        if each.is_empty() {
            return text;
        }
        let _ = writeln!(text, "#pragma unroll\n      for (int j = 0; j < {width}; ++j) {guard}{{");
        let _ = writeln!(text, "        const {index} r = ({index})(g{s} * {width} + j);");
        if located {
            let _ = writeln!(text, "        {offset} in[{}]; locate(reduced, r, in);", self.operands());
        }
        text + &each + "      }\n"
    }

    /// Whether a part looks at positions in the array.
    fn counts(&self) -> bool {
        self.tile.parts.iter().zip(&self.loops).any(|(part, own)| part.reducer.uses_position() && !own.narrow)
    }

    /// Takes the values of group `g` into part `q`; `s` ends the names of what was read.
    fn take(&self, q: usize, part: &TilePart, s: &str, guard: &str) -> String {
        let (name, width, accumulators) = (self.name, width(self.tile), accumulators(self.tile));
        let at = match (self.loops[q].narrow, part.reducer.uses_position()) {
            (true, _) => format!("(i32)(g{s} * {width} + j)"),
            (false, true) => format!("position{s}[j]"),
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
        // What is the same for all outputs is computed for the first.
        let joined = declare(&mut text, &part.reducer.combine, "j");
        let counted = self.counted();
        let before = self.of_part(q).map(|f| if counted[f] { format!("u{f}") } else { format!("acc[c][0].s{f}") });
        let args: Vec<String> = before.chain(state.iter().chain(&joined).cloned()).collect();
        let _ = write!(text, "{name}_merge{q}({}); ", args.join(", "));
        for (f, joined) in self.of_part(q).zip(&joined) {
            let _ = write!(text, "{}acc[c][0].s{f} = {joined}; ", if counted[f] { "if (c == 0) " } else { "" });
        }
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

    /// Writes the states of all outputs of a thread, or their results, from what threads have merged.
    fn write(&self) -> String {
        let (name, columns) = (self.name, self.form.columns);
        let offset = if self.form.wide { "i64" } else { "i32" };
        let mut each = String::new();
        let mut given: Vec<DType> = Vec::new();
        for (q, part) in self.tile.parts.iter().enumerate() {
            let mut mine = fields("acc[c][0]", self.of_part(q));
            each.push_str("    {\n    ");
            if self.loops[q].narrow {
                each.push_str(&self.widen(q, &mut mine));
            }
            let states = if has_phases(part) {
                mine
            } else {
                let results = declare(&mut each, &part.reducer.phases[0].result, "r");
                let args: Vec<String> = mine.into_iter().chain(["count".to_owned()]).chain(results.clone()).collect();
                let _ = write!(each, "{name}_result{q}_0({}); ", args.join(", "));
                let states = declare(&mut each, &part.reducer.leaf, "s");
                let args: Vec<String> = results.into_iter().chain(["count".to_owned()]).chain(states.clone()).collect();
                let _ = write!(each, "{name}_leaf{q}({}); ", args.join(", "));
                states
            };
            if let Some(constants) = &self.finish {
                let _ = write!(each, "{} y; ", value_type(part.reducer.output()));
                let lifted = constants[q].clone().map(|i| format!("load(k{i})"));
                let args: Vec<String> = states.into_iter().chain(lifted).chain(["y".to_owned()]).collect();
                let out = given.len();
                let _ = write!(each, "{name}_finish{q}({}); y{out}.v[c] = stored(y);", args.join(", "));
                given.push(part.reducer.output());
            } else {
                for (state, (dtype, _)) in states.iter().zip(&part.reducer.identity) {
                    let _ = write!(each, "y{}.v[c] = stored({state}); ", given.len());
                    given.push(*dtype);
                }
            }
            each.push_str("\n    }\n");
        }
        let mut text = format!("  if (live && lane == 0) {{\n    const {offset} to = at[{}];\n", self.operands() - 1);
        for (i, dtype) in given.iter().enumerate() {
            let _ = writeln!(text, "    pack<{}, {columns}> y{i};", stored_type(*dtype));
        }
        let _ = write!(text, "#pragma unroll\n    for (int c = 0; c < {columns}; ++c) {{\n{each}    }}\n");
        for i in 0..given.len() {
            let _ = writeln!(text, "    put<{columns}>(out{i}, to / {columns}, y{i});");
        }
        text + "  }\n}\n"
    }
}
