//! Arrays through the public interface: resident ones, and a file that streams through the GPU.

use super::{case, setting};
use hyperslab::chunk::Region;
use hyperslab::cuda::device::CudaDevice;
use hyperslab::device::Device;
use hyperslab::device::memory::Memory;
use hyperslab::store::{Create, Store};
use hyperslab::{Array, Context, ErrorKind, Result};
use std::sync::Arc;

/// A matrix of reproducible numbers in (-0.5, 0.5) on the GPU.
fn noise(cx: &Context, [height, length]: [usize; 2], seed: i64) -> Result<Array<f32>> {
    let rows = cx.arange(height)?.reshape(&[-1, 1]);
    let index = rows * length as i64 + cx.arange(length)?;
    let mixed = ((index + seed) * 48_271_i64 % 65_537_i64).cast::<f32>();
    cx.persist(&(mixed * (1.0 / 65_537.0) - 0.5))
}

/// Times arrays of `n` elements.
pub(crate) fn run(n: usize) -> Result<()> {
    let cx = Context::builder().device("cuda").build()?;
    let side = 1usize << (n.ilog2() / 2);
    let square = [n / side, side];
    let (x, y, z) = (noise(&cx, square, 1)?, noise(&cx, square, 2)?, noise(&cx, square, 3)?);
    let done = || Ok(());
    case("array_sum_all_f32", (4 * n, n), &|| cx.compute(x.sum(..)).map(drop), &done);
    case("array_sum_columns_f32", (4 * n, n), &|| cx.compute(x.sum(0)).map(drop), &done);
    case("array_std_rows_f32", (4 * n, n), &|| cx.compute(x.std(1)).map(drop), &done);
    case(
        "array_four_stats_f32",
        (4 * n, n),
        &|| cx.compute((x.mean(..), x.std(..), x.min(..), x.max(..))).map(drop),
        &done,
    );
    case("array_anomaly_square_f32", (8 * n, n), &|| cx.compute((&x - x.mean(0)).abs().mean(1)).map(drop), &done);
    case("array_fused_tanh_f32", (16 * n, 0), &|| cx.persist(&((&x * &z + &y).tanh() * 2.0)).map(drop), &done);
    let g = setting("BENCH_GEMM", 8192);
    let (a, b) = (noise(&cx, [g, g], 5)?, noise(&cx, [g, g], 6)?);
    case("array_matmul_f32", (12 * g * g, 2 * g * g * g), &|| cx.persist(&a.matmul(&b)).map(drop), &done);
    drop((x, y, z, a, b));
    stream(&cx, 4 * n)
}

/// Sums an array of `n` elements that is read from a file in memory.
fn stream(cx: &Context, n: usize) -> Result<()> {
    let path = std::env::var("BENCH_FILE").unwrap_or_else(|_| "/dev/shm/hyperslab-bench.npy".into());
    let host = Context::builder().device("cpu").build()?;
    let made = (host.arange(n)? % 1000_i64).cast::<f32>();
    host.compute(made.store(&path, Create::new().overwrite(true)))?;
    let x = cx.open(&path)?.try_typed::<f32>()?;
    case("stream_sum_f32", (4 * n, n), &|| cx.compute((&x * 2.0 + 1.0).tanh().sum(..)).map(drop), &|| Ok(()));
    let (store, memory) = (hyperslab::store::open(&path)?, Memory::new(4 << 30));
    CudaDevice::new(0)?.attach(&memory);
    case("stream_read_f32", (4 * n, 0), &|| read(store.as_ref(), &memory, n), &|| Ok(()));
    std::fs::remove_file(&path).ok();
    Ok(())
}

/// Reads a file of `n` elements into pinned memory on as many threads as stream it: what the host can give to the bus.
fn read(store: &dyn Store, memory: &Arc<Memory>, n: usize) -> Result<()> {
    const EACH: usize = 4 << 20;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |thread: usize| {
        let mut buffer = memory.buffer(4 * EACH.min(n));
        (thread * EACH..n).step_by(threads * EACH).try_for_each(|first| {
            let region = Region::new(vec![first], vec![EACH.min(n - first)]);
            store.read(&region, &mut buffer.bytes_mut()[..4 * region.size()])
        })
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        let failed = || ErrorKind::Bug { invariant: "a thread that reads does not panic".into() }.into();
        running.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(failed())))
    })
}
