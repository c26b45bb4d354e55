//! Kernels that fold the states of tiles up the tree by which they combine.

use super::dealing::{AHEAD, SHARED, struct_size};
use super::source::{KernelSource, Param, RESIDENT, assign, declare, function, stored_type, value_type};
use crate::chunk::tiling::FAN_IN;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::program::Program;
use std::fmt::Write;

/// Elements of a state below which a block folds as many levels of the tree as it can.
const FEW_ELEMENTS: usize = 64;

/// Threads of a block that folds, a power of [`FAN_IN`]: its shared memory has a state for each.
#[must_use]
pub fn threads(combine: &Program) -> usize {
    let fit = SHARED / struct_size(combine.inputs.iter().take(combine.outputs.len()).copied()).max(1);
    if fit >= FAN_IN * FAN_IN { FAN_IN * FAN_IN } else { FAN_IN }
}

/// Levels that a launch folds of `levels`, where states have `size` elements: one block can fold three levels of an
/// element, but reads neighbours together where it takes fewer.
#[must_use]
pub fn levels_at_once(combine: &Program, size: usize, levels: usize) -> usize {
    let most = if size < FEW_ELEMENTS && threads(combine) > FAN_IN { 3 } else { 2 };
    levels.min(most)
}

/// The kernel that folds states up some levels of the tree. A block makes one node of as many neighbouring elements as
/// it has threads for: each thread joins up to [`FAN_IN`] neighbours from left to right, and on each further level one
/// in [`FAN_IN`] of them what these made, in shared memory. `groups` is how many threads work on one node, a power of
/// [`FAN_IN`].
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for an instruction without a CUDA expression.
pub fn print(combine: &Program, name: &str) -> Result<KernelSource> {
    let (parts, threads) = (combine.outputs.len(), threads(combine));
    let dtypes: Vec<DType> = (0..parts).map(|i| combine.output_dtype(i)).collect();
    let mut text = function(combine, &format!("{name}_merge"))?;
    let mut params: Vec<Param> = (0..parts).map(Param::Input).collect();
    let mut list: Vec<String> =
        dtypes.iter().enumerate().map(|(i, d)| format!("const {}* __restrict__ in{i}", stored_type(*d))).collect();
    params.extend((0..parts).map(Param::Output));
    list.extend(dtypes.iter().enumerate().map(|(i, d)| format!("{}* __restrict__ out{i}", stored_type(*d))));
    params.extend([Param::Outputs, Param::Elements, Param::Lanes]);
    list.push("const u64 size, const u64 entries, const u32 groups".to_owned());
    let each = |line: &dyn Fn(usize) -> String| (0..parts).map(line).collect::<Vec<_>>().concat();
    let fields = each(&|i| format!("{} s{i}; ", value_type(dtypes[i])));
    let join = |from: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        let joined = declare(&mut text, combine, "c");
        let mine: Vec<String> = (0..parts).map(|i| format!("s{i}")).collect();
        let args: Vec<String> = mine.iter().cloned().chain((0..parts).map(from)).chain(joined.clone()).collect();
        let _ = write!(text, "{name}_merge({}); ", args.join(", "));
        assign(&mut text, &mine, &joined);
        text
    };
    let _ = write!(
        text,
        "struct {name}_k {{ {fields}}};\n\
         extern \"C\" __global__ void __launch_bounds__({threads}, {RESIDENT}) {name}({list}) {{\n  \
         __shared__ {name}_k states[{threads}];\n  \
         const u32 across = blockDim.x / groups, group = threadIdx.x / across, column = threadIdx.x % across;\n  \
         const u64 blocks = (size + across - 1) / across, node = blockIdx.x / blocks;\n  \
         const u64 at = blockIdx.x % blocks * across + column, first = (node * groups + group) * {FAN_IN};\n  \
         const bool live = at < size && first < entries;\n  \
         const int m = !live ? 0 : entries - first < {FAN_IN} ? (int)(entries - first) : {FAN_IN};\n",
        list = list.join(", ")
    );
    let _ = writeln!(text, "  {}", each(&|i| format!("{} s{i}{{}}; ", value_type(dtypes[i]))));
    let first = each(&|i| format!("s{i} = load(in{i}[first * size + at]); "));
    let _ = writeln!(text, "  if (live) {{\n    {first}");
    let ahead = [FAN_IN - 1, 5, 3].into_iter().find(|n| n * struct_size(dtypes.iter().copied()) <= AHEAD).unwrap_or(1);
    let step = join(&|i| format!("load(in{i}[(first + k) * size + at])"));
    let _ = writeln!(
        text,
        "    if (m == {FAN_IN}) {{\n#pragma unroll {ahead}\n      for (int k = 1; k < {FAN_IN}; ++k) {{ {step} }}\n    \
         }} else {{\n#pragma unroll 1\n      for (int k = 1; k < m; ++k) {{ {step} }}\n    }}\n  }}"
    );
    let keep = each(&|i| format!("states[threadIdx.x].s{i} = s{i}; "));
    let next = each(&|i| format!("s{i} = ours[0].s{i}; "));
    let _ = write!(
        text,
        "  const u64 left = (entries - node * groups * {FAN_IN} + {FAN_IN} - 1) / {FAN_IN};\n  \
         u32 there = left < groups ? (u32)left : groups;\n  \
         for (u32 width = groups / {FAN_IN}; width > 0; width /= {FAN_IN}) {{\n    \
         {keep}\n    __syncthreads();\n    \
         if (group < width && group * {FAN_IN} < there) {{\n      \
         const {name}_k* const ours = states + group * {FAN_IN} * across + column;\n      \
         const u32 n = there - group * {FAN_IN} < {FAN_IN} ? there - group * {FAN_IN} : {FAN_IN};\n      \
         {next}\n      for (u32 k = 1; k < n; ++k) {{ {} }}\n    }}\n    \
         there = (there + {FAN_IN} - 1) / {FAN_IN};\n    __syncthreads();\n  }}\n  \
         if (group == 0 && live) {{ ",
        join(&|i| format!("ours[k * across].s{i}"))
    );
    text.push_str(&each(&|i| format!("out{i}[node * size + at] = stored(s{i}); ")));
    text.push_str("}\n}\n");
    Ok(KernelSource { name: name.to_owned(), params, text })
}
