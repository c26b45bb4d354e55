//! Device memory stays under its budget, whatever the arrays.

use super::child::{is_child, run};
use super::counters::Simulator;
use super::{assert_near, cpu, is_there, kernels, numbers, small_gpu, turn};
use hyperslab::cuda::device::CudaDevice;
use hyperslab::dtype::DType;
use hyperslab::store::Create;
use hyperslab::{Array, Context, Error};
use std::sync::Arc;

/// Bytes for blocks on the GPU; arrays have four times as many.
const BUDGET: u64 = 4 << 20;
const N: usize = 4 << 20;

fn compute(cx: &Context, x: &Array<f32>) -> (Vec<f32>, Vec<f32>) {
    let y = (x * 2.0f32 + 1.0f32).abs().sqrt();
    let (all, mean) = cx.compute((y.clone(), y.reshape(&[-1, 64]).mean(0))).unwrap();
    (all.into_raw_vec_and_offset().0, mean.into_raw_vec_and_offset().0)
}

fn same(given: &(Vec<f32>, Vec<f32>), wanted: &(Vec<f32>, Vec<f32>)) {
    assert_near(&given.0, &wanted.0, 4.0);
    assert_near(&given.1, &wanted.1, 16.0);
}

#[test]
fn arrays_on_disk_stream_through() {
    let Some(_turn) = turn() else { return };
    let (cx, device) = small_gpu(BUDGET);
    let Some(sim) = Simulator::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let x = cpu().from_ndarray(numbers(N)).unwrap();
    let wanted = compute(&cpu(), &x);
    for name in ["x.npy", "x.zarr"] {
        if name.ends_with("zarr") && !cfg!(feature = "zarr") {
            continue;
        }
        let path = folder.path().join(name);
        cpu().compute(x.rechunk(&[1 << 17]).store(&path, Create::new())).unwrap();
        let stored = cx.open(&path).unwrap().cast::<f32>();
        let (given, did) = sim.during(|| compute(&cx, &stored));
        assert!(did.peak_bytes <= BUDGET && device.peak_bytes() <= BUDGET, "{name}: {did:?}");
        assert!(
            did.h2d_bytes >= 4 * N as u64 && did.launches >= cx.report().tasks,
            "{name} was computed there: {did:?}"
        );
        same(&given, &wanted);
    }
}

#[test]
fn persisted_blocks_leave_for_others() {
    let Some(_turn) = turn() else { return };
    let (cx, device) = small_gpu(BUDGET);
    let Some(sim) = Simulator::find() else { return };
    let x = cpu().from_ndarray(numbers(N)).unwrap().rechunk(&[1 << 17]);
    let wanted = compute(&cpu(), &x);
    let ((), did) = sim.during(|| {
        let kept = cx.persist(&(&x - 0.5f32)).unwrap();
        for _ in 0..2 {
            same(&compute(&cx, &(&kept + 0.5f32)), &wanted);
        }
        let again = cx.persist(&(&kept * 2.0f32)).unwrap();
        same(&compute(&cx, &(&again * 0.5f32 + 0.5f32)), &wanted);
        // What has left and come back is what it was.
        same(&compute(&cx, &(&kept + 0.5f32)), &wanted);
    });
    assert!(did.peak_bytes <= BUDGET && device.peak_bytes() <= BUDGET, "{did:?}");
    assert!(did.launches > 5 * 32, "computed on the GPU: {did:?}");
}

/// All GPUs with so many bytes for blocks each, and four threads.
fn pressed(bytes: Option<u64>) -> Context {
    let mut builder = Context::builder().threads(4).memory("512MiB").block_bytes(1 << 17);
    for ordinal in 0..CudaDevice::count() {
        let device = CudaDevice::new(ordinal).unwrap().kernel_cache(kernels());
        builder = builder.custom_device(Arc::new(match bytes {
            Some(bytes) => device.memory(bytes).unwrap(),
            None => device,
        }));
    }
    builder.build().unwrap()
}

/// Data that stays, is used again and again, and leaves in between.
fn rounds(cx: &Context, x: &Array<f32>) -> Result<Vec<Vec<u8>>, Error> {
    let mut out = Vec::new();
    let mut kept = vec![cx.persist(&(x - 0.5f32))?];
    for round in 0..4 {
        let last = &kept[kept.len() - 1];
        let next = cx.persist(&(last * 1.5f32 + x))?;
        let wide = (&next - &kept[round / 2]).abs();
        // Sums of these round differently in every order.
        let uneven = wide.clone().into_dyn().astype(DType::F64).cast::<f64>().exp();
        let (sum, spread, all) = cx.compute((uneven.sum(..), uneven.var(..), (&wide - wide.mean(..)).into_dyn()))?;
        out.extend([sum[[]], spread[[]]].map(|v| v.to_ne_bytes().to_vec()));
        out.push(all.block().bytes().to_vec());
        kept.push(next);
    }
    Ok(out)
}

/// The child: bits do not depend on how much memory there is.
#[test]
fn one_press() {
    if !is_child() {
        return;
    }
    let x = cpu().from_ndarray(numbers(1 << 19)).unwrap().rechunk(&[1 << 14]);
    let wanted = rounds(&pressed(None), &x).unwrap();
    for bytes in [8 << 20, 2 << 20, 1 << 20] {
        let cx = pressed(Some(bytes));
        for _ in 0..2 {
            assert!(rounds(&cx, &x).unwrap() == wanted, "{bytes} bytes");
        }
    }
    println!("pressed");
}

#[test]
fn little_memory_changes_no_bits() {
    if is_child() || !is_there() || Simulator::find().is_none() {
        return;
    }
    for (schedule, devices) in [("eager", "1"), ("lazy", "1"), ("random:5", "1"), ("lazy", "2"), ("random:6", "2")] {
        let settings = [("SIMGPU_SCHED", schedule), ("SIMGPU_DEVICES", devices), ("SIMGPU_LEAKS", "1")];
        let said = run("memory::one_press", &settings);
        assert!(said.passed && said.text.contains("pressed"), "{schedule}, {devices} GPUs: {}", said.text);
    }
}
