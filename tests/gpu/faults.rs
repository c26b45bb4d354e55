//! Kernels of users that do what they must not.

use super::child::{is_child, run};
use super::counters::Simulator;
use super::{gpu, is_there, numbers};
use hyperslab::array::blocks::BlockFn;

const CODE: &str = r#"extern "C" __global__ void beyond(const float* in, float* out, unsigned long long n, unsigned long long) {
    for (unsigned long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        out[i + (1 << 28)] = in[i];
}"#;

/// The child: after a fault nothing works any more.
#[test]
fn one_fault() {
    if !is_child() {
        return;
    }
    let cx = gpu().build().unwrap();
    let x = cx.from_ndarray(numbers(1 << 12)).unwrap();
    let beyond = BlockFn::<f32, f32>::named("beyond the end", |block| block.to_owned()).cuda_kernel("beyond", CODE);
    println!("first: {}", cx.compute(x.map_blocks(&beyond)).unwrap_err());
    println!("then: {}", cx.compute((&x + 1.0f32).sum(..)).unwrap_err());
}

#[test]
fn a_fault_names_the_function_and_what_the_driver_said() {
    if is_child() || !is_there() || Simulator::find().is_none() {
        return;
    }
    for schedule in ["eager", "lazy"] {
        let said = run("faults::one_fault", &[("SIMGPU_SCHED", schedule)]);
        assert!(said.passed, "{}", said.text);
        for when in ["first: ", "then: "] {
            let (_, error) = said.text.split_once(when).unwrap();
            let error = error.lines().next().unwrap();
            for part in ["device cuda:0: ", "CUDA_ERROR_ILLEGAL_ADDRESS", "`beyond the end`"] {
                assert!(error.contains(part), "{schedule}: {error}");
            }
        }
    }
}
