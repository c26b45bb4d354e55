//! The engine on a GPU: what counters prove on the stand-in for the driver (`scripts/simgpu cargo test --test gpu`),
//! and what holds on any. Skipped, saying so, where there is no driver; where `HYPERSLAB_REQUIRE_GPU` is set that is a
//! failure.

#![cfg(feature = "cuda")]
#![allow(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a test binary: small numbers, failures that say what they were; it shares the programs of another"
)]

mod auto;
mod child;
mod counters;
mod devices;
mod faults;
mod launches;
mod memory;
mod oom;
mod random;

use hyperslab::cuda::device::CudaDevice;
use hyperslab::runtime::context::Builder;
use hyperslab::{Array, Context};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The right to use the GPU: counters belong to the process, so tests take turns.
pub(crate) struct Turn {
    _guard: MutexGuard<'static, ()>,
}

/// Waits for one's turn; none where there is no GPU.
pub(crate) fn turn() -> Option<Turn> {
    static GPU: Mutex<()> = Mutex::new(());
    let guard = GPU.lock().unwrap_or_else(PoisonError::into_inner);
    is_there().then_some(Turn { _guard: guard })
}

/// Whether there is a GPU. Says so where there is none, or fails where one is required.
pub(crate) fn is_there() -> bool {
    let Err(why) = CudaDevice::new(0) else { return true };
    assert!(
        std::env::var_os("HYPERSLAB_REQUIRE_GPU").is_none(),
        "HYPERSLAB_REQUIRE_GPU is set, and there is none: {why}"
    );
    eprintln!("skipped: {why}");
    false
}

/// Two threads on the first GPU.
pub(crate) fn gpu() -> Builder {
    Context::builder().threads(2).memory("512MiB").device("cuda")
}

/// Two threads on the first GPU with so many bytes for blocks, and the GPU.
pub(crate) fn small_gpu(bytes: u64) -> (Context, Arc<CudaDevice>) {
    let device = Arc::new(CudaDevice::new(0).unwrap().kernel_cache(kernels()).memory(bytes).unwrap());
    (
        Context::builder()
            .threads(2)
            .memory("512MiB")
            .custom_device(Arc::<CudaDevice>::clone(&device))
            .build()
            .unwrap(),
        device,
    )
}

/// Where compiled kernels are kept, unless the environment says where.
pub(crate) fn kernels() -> std::path::PathBuf {
    let named = std::env::var_os("HYPERSLAB_KERNEL_CACHE").map(Into::into);
    named.unwrap_or_else(|| std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels"))
}

pub(crate) fn cpu() -> Context {
    Context::builder().threads(2).memory("512MiB").device("cpu").build().unwrap()
}

/// `n` reproducible numbers between -1 and 1.
pub(crate) fn numbers(n: usize) -> ndarray::ArrayD<f32> {
    let value = |i: usize| ((i.wrapping_mul(2_654_435_761) >> 7) % 4096) as f32 / 2048.0 - 1.0;
    ndarray::ArrayD::from_shape_fn(vec![n], |i| value(i[0]))
}

/// The bytes of an answer.
pub(crate) fn bytes(cx: &Context, array: &Array) -> Vec<u8> {
    cx.compute(array.clone()).unwrap().block().bytes().to_vec()
}

/// Whether two answers agree within some units in the last place of the larger.
#[track_caller]
pub(crate) fn assert_near(given: &[f32], wanted: &[f32], ulps: f32) {
    assert_eq!(given.len(), wanted.len());
    for (i, (a, b)) in given.iter().zip(wanted).enumerate() {
        let near = (a - b).abs() <= ulps * f32::EPSILON * a.abs().max(b.abs()).max(f32::MIN_POSITIVE);
        assert!(near || a.is_nan() && b.is_nan(), "element {i}: {a} and {b}");
    }
}
