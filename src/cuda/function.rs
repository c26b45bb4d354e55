//! Kernels of users' functions.

use super::source::{BLOCK, KernelSource, Param, stored_type, value_type};
use crate::dtype::DType;
use crate::op::function::CudaSource;

/// The kernel of a function from blocks of `input`, of this rank, to blocks of `output`.
#[must_use]
pub fn print(source: &CudaSource, input: DType, output: DType, rank: usize) -> KernelSource {
    let mut params = vec![Param::Input(0), Param::Output(0), Param::Count];
    match source {
        CudaSource::Kernel { entry, code } => {
            params.extend((0..rank).map(Param::Length));
            KernelSource { name: entry.clone(), params, text: code.clone() }
        }
        CudaSource::Element(expression) => {
            let text = format!(
                "extern \"C\" __global__ void __launch_bounds__({BLOCK}) element(const {}* __restrict__ in, {}* __restrict__ out, const u64 n) {{\n  \
                 for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {{\n    \
                 const {} x = load(in[i]);\n    out[i] = stored(cast<{}>({expression}));\n  }}\n}}\n",
                stored_type(input),
                stored_type(output),
                value_type(input),
                value_type(output)
            );
            KernelSource { name: "element".to_owned(), params, text }
        }
    }
}
